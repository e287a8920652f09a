r"""How far two tables that share one prior lie apart, in all parameters together.

In units in which the prior is standard normal, a table t has the posterior mean :math:`\mu_t` and
covariance :math:`V_t = 1 - C_t`. Over what prior and model hold possible, two independent tables
have :math:`\mathrm{Var}(\mu_t) = C_t` and :math:`\mathrm{Cov}(\mu_a, \mu_b) = C_a C_b`, so that in
any units, with the prior's covariance :math:`V_0`,

.. math::

   \mathrm{Var}(\mu_a - \mu_b) = V_a + V_b - V_a V_0^{-1} V_b - V_b V_0^{-1} V_a .

The difference in one parameter is judged by the diagonal. All together are judged by the canonical
correlations :math:`\rho_i` of the two means, the singular values of
:math:`C_a^{1/2} C_b^{1/2}`: each pair of canonical variates differs by :math:`z_i` of its standard
deviation :math:`(2 - 2\rho_i)^{1/2}`, and the :math:`z_i` are independent and standard normal for a
linear model with normal errors. What only one table informs has :math:`\rho_i = 0` and can
contradict nothing; it is left out. Cf. [1]_.

References
----------
.. [1] Raveri, Zacharegkas, Hu, arXiv:1912.04880.
"""

from dataclasses import dataclass

import numpy as np

from data.arrays import Array
from inference.engine.standing import beyond
from inference.misfit.verdicts import Verdict
from inference.thresholds import TENSION_FAIL, TENSION_INFORMED, TENSION_WARN

__all__ = [
    "Gaussian",
    "Told",
    "adjusted",
    "distance",
    "equivalent",
    "pair_tension",
    "tension_error",
    "tension_verdict",
]


_LEAST = 1e-9  # of the variance of the prior


@dataclass(frozen=True)
class Gaussian:
    """A posterior or prior of several parameters on their natural scales.

    Parameters
    ----------
    mean : ndarray, shape (k,)
        Of the draws.
    covariance : ndarray, shape (k, k)
        Of the draws.
    draws : float
        Effective number of draws behind them.
    """

    mean: Array
    covariance: Array
    draws: float = np.inf


class Told:
    """What one table says against a prior: the directions that it informs, and what it finds there.

    Directions in which few draws look narrower than the prior by chance alone (the edge of the
    spectrum of a sample covariance) are left out, as those that the table hardly informs are.

    Parameters
    ----------
    posterior : Gaussian
        Of the table alone.
    prior : Gaussian
        That it was fitted with.
    """

    def __init__(self, posterior: Gaussian, prior: Gaussian) -> None:
        values, vectors = np.linalg.eigh(prior.covariance)
        root = np.sqrt(np.maximum(values, _LEAST * values.max()))
        self.root = vectors * root
        inverse = (vectors / root).T
        left, directions = np.linalg.eigh(inverse @ posterior.covariance @ inverse.T)
        size = len(left)
        chance = 1.0 - (1.0 - min(np.sqrt(size / posterior.draws), 1.0)) ** 2
        kept = 1.0 - left > max(TENSION_INFORMED, chance if size > 1 else 0.0)
        self.directions = directions[:, kept]
        self.contraction = np.minimum(1.0 - left[kept], 1.0 - _LEAST)
        self.found = self.directions.T @ (inverse @ (posterior.mean - prior.mean))
        self.noise = (1.0 - self.contraction) / posterior.draws

    def _matrix(self, diagonal: Array) -> Array:
        return np.asarray((self.directions * diagonal) @ self.directions.T)

    @property
    def removed(self) -> Array:
        """Matrix C: what the table removes of the prior's variance."""
        return self._matrix(self.contraction)

    @property
    def mean(self) -> Array:
        """Mean where the table informs, in units of the prior."""
        return np.asarray(self.directions @ self.found)

    @property
    def error(self) -> Array:
        """Covariance of the mean by the finite number of draws."""
        return self._matrix(self.noise)

    @property
    def shares(self) -> Array:
        """Share of each parameter's prior variance that the table removes, shape (k,)."""
        removed = self.root @ self.removed @ self.root.T
        return np.asarray(np.diag(removed) / np.einsum("ij,ij->i", self.root, self.root))


def pair_tension(first: Gaussian, second: Gaussian, prior: Gaussian) -> Array:
    """Return the difference of two tables' posteriors in each parameter, in standard deviations.

    Parameters
    ----------
    first, second : Gaussian
        Of either table alone.
    prior : Gaussian
        That both share.

    Returns
    -------
    ndarray, shape (k,)
        NaN where not both tables inform a parameter.
    """
    a, b = Told(first, prior), Told(second, prior)
    product = a.removed @ b.removed
    spread = a.removed + b.removed - product - product.T + a.error + b.error
    variance = np.einsum("ij,jk,ik->i", a.root, spread, a.root)
    heard = np.minimum(a.shares, b.shares) > TENSION_INFORMED
    difference = a.root @ (a.mean - b.mean)
    return np.asarray(np.where(heard, difference / np.sqrt(np.where(heard, variance, 1.0)), np.nan))


def distance(first: Gaussian, second: Gaussian, prior: Gaussian) -> tuple[float, int]:
    """Return the squared Mahalanobis distance of two tables in what both inform.

    Parameters
    ----------
    first, second : Gaussian
        Of either table alone.
    prior : Gaussian
        That both share.

    Returns
    -------
    squared : float
        Chi-squared distributed where the tables agree.
    directions : int
        Its degrees of freedom; none where the tables share nothing.
    """
    a, b = Told(first, prior), Told(second, prior)
    roots = np.sqrt(a.contraction), np.sqrt(b.contraction)
    coupling = roots[0][:, None] * (a.directions.T @ b.directions) * roots[1]
    left, correlation, right = np.linalg.svd(coupling, full_matrices=False)
    shared = correlation**2 > TENSION_INFORMED
    correlation = np.minimum(correlation[shared], 1.0 - _LEAST)
    left, right = left[:, shared], right[shared].T
    difference = left.T @ (a.found / roots[0]) - right.T @ (b.found / roots[1])
    noise = (left**2).T @ (a.noise / a.contraction) + (right**2).T @ (b.noise / b.contraction)
    squared = difference**2 / (2.0 - 2.0 * correlation + noise)
    return float(squared.sum()), int(shared.sum())


def equivalent(squared: float, directions: int) -> float:
    """Return the standard deviations of one normal number that are as rare as a distance.

    Parameters
    ----------
    squared : float
        Squared distance, chi-squared distributed by chance.
    directions : int
        Its degrees of freedom.
    """
    from scipy.special import gammaln, ndtri_exp
    from scipy.stats import chi2

    if directions == 0:
        return 0.0
    log_tail = float(chi2.logsf(squared, directions))
    if not log_tail > -600.0:  # beyond double precision: the leading term of its expansion
        half = 0.5 * directions
        log_tail = -0.5 * squared + (half - 1.0) * np.log(0.5 * squared) - float(gammaln(half))
    return float(-ndtri_exp(log_tail - np.log(2.0)))


def tension_error(tension: float, draws: float) -> float:
    """Return the Monte Carlo error of a difference of two means in standard deviations, at most.

    Parameters
    ----------
    tension : float
        The difference.
    draws : float
        Effective number of draws behind the less known of the two.
    """
    return float(np.sqrt((1.0 + 0.5 * tension**2) / draws))


def adjusted(tension: float, chances: int) -> float:
    """Return the tension that is as rare in one comparison as this one is in several.

    Parameters
    ----------
    tension : float
        The largest of the comparisons.
    chances : int
        How many comparisons there were; their probabilities add up at most (Bonferroni).
    """
    from scipy.stats import norm

    log_tail = min(norm.logsf(abs(tension)) + np.log(chances), np.log(0.5))
    return float(np.copysign(norm.isf(np.exp(log_tail)) if log_tail > -700 else tension, tension))


def tension_verdict(tension: float, error: float) -> Verdict:
    """Return what a tension with its error is called."""
    if beyond(abs(tension), TENSION_FAIL, error):
        return "fail"
    return "warn" if beyond(abs(tension), TENSION_WARN, error) else "ok"
