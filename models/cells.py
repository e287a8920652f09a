r"""How cells differ: the law of the factor between a cell's threshold and the median cell's.

A cell's factor is :math:`u = \exp(s\,x)` with the scatter s of its block and a *deviate* x. Every
law is a scale mixture of normals, at the level of a cell: :math:`x = m z` with z standard normal
and a multiplier m that a cell draws once, so that all its patches share it.

``lognormal``
    One multiplier, 1.
``contaminated``
    A share of the cells, the contamination, has four times the scatter; the others are as stated.
``student_t``
    :math:`m = w^{-1/2}` with :math:`w \sim \mathrm{Gamma}(\nu/2, \nu/2)`: x follows Student's t.

Mixtures are finite: the integral over w is a trapezoidal sum over its logarithm, where its density
falls off on both sides so fast that 32 nodes suffice. Likelihoods, draws and quantiles all use that
sum, so that they agree with each other to the last digit.

Notes
-----
Against SciPy's Student distribution, the logarithms of density and distribution function are within
2e-5 at 2 degrees of freedom and 2e-6 from 3 degrees on for deviates up to 6, and within 1e-3 up to
50 for at most 5 degrees of freedom. Quantiles are within 1e-4 in probability where that is above
1e-5. Further out the tail of the sum is that of its widest normal: lighter, and still smooth.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.polynomial import chebyshev

from data.arrays import Array
from models.chebyshev import interpolation_weights
from models.physics import weakest_deviate

__all__ = [
    "CONTAMINATED_MULTIPLIER",
    "LAWS",
    "LOGNORMAL",
    "CellLaw",
    "Cells",
    "cell_priors",
    "deviate",
]

Mixture = tuple[Any, Any]

CONTAMINATED_MULTIPLIER: Final = 4.0
"""Scatter of the cells of the second kind, in that of the others."""

_NODES: Final = np.linspace(0.0, 1.0, 32)
_LEFT: Final = 16.0 * np.sqrt(2.0)  # standard deviations of ln w, of many degrees
_RIGHT: Final = 14.0  # fall of the logarithm of the density of ln w
_MOST_STEPS: Final = 60
_CLOSE: Final = 1e-12
_TABLED: Final = 32


def _nodes(like: Any) -> Array:
    """Return the nodes along a new first axis."""
    return _NODES.reshape(-1, *(1,) * np.ndim(like))


def _single(parameter: Any) -> Mixture:
    """Return the weight and the multiplier of cells of one kind, components first."""
    return np.zeros((1, *np.shape(parameter))), np.ones((1, *np.shape(parameter)))


def _student_t(degrees: Any) -> Mixture:
    """Return logarithms of weights, and multipliers, of Student's t; components first."""
    fall = 2.0 * _RIGHT / degrees
    left = -_LEFT / np.sqrt(degrees)
    right = np.log(1.0 + fall + np.sqrt(2.0 * fall))
    log_w = left + (right - left) * _nodes(degrees)
    log_weight = 0.5 * degrees * (log_w - np.exp(log_w) + 1.0)
    return log_weight - np.log(np.exp(log_weight).sum(axis=0)), np.exp(-0.5 * log_w)


def _contaminated(share: Any) -> Mixture:
    """Return logarithms of weights, and multipliers, of cells of two kinds; components first."""
    second = np.array([0.0, 1.0]).reshape(-1, *(1,) * np.ndim(share))
    log_weight = second * np.log(share) + (1.0 - second) * np.log1p(-share)
    return log_weight, 1.0 + (CONTAMINATED_MULTIPLIER - 1.0) * second + 0.0 * share


@dataclass(frozen=True)
class CellLaw:
    """A law of the deviates of cells.

    Parameters
    ----------
    name : str
        As a job writes it.
    parameter : str
        What is appended to the name of a block to name the law's one parameter; empty where it has
        none.
    components : callable
        ``(parameter) -> (logarithms of weights, multipliers)``, each with the components along a
        new first axis; for NumPy and PyTensor.
    count : int
        Number of components.
    smooth : bool
        Whether deviates are so smooth in the logarithm of the parameter that a few of its values
        give them all.
    prior : mapping
        Of the parameter, in the form of `models/catalogue.toml`.
    """

    name: str
    parameter: str = ""
    components: Callable[[Any], Mixture] = _single
    count: int = 1
    smooth: bool = False
    prior: Mapping[str, Any] | None = None

    def parameter_of(self, block: str) -> str:
        """Return the name of the law's parameter for the cells of a block."""
        return f"{block}_{self.parameter}"

    def draw(self, parameter: Array, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        """Draw multipliers of cells.

        Parameters
        ----------
        parameter : ndarray
            Of the law, broadcast to `shape`.
        rng : Generator
            Of the draws.
        shape : tuple of int
            Of the draws.

        Returns
        -------
        ndarray
            Multipliers m.
        """
        log_weights, multipliers = self.components(np.broadcast_to(parameter, shape))
        below = np.cumsum(np.exp(log_weights), axis=0)[:-1]
        place = (rng.uniform(size=shape) > below).sum(axis=0)[None]
        return np.asarray(np.take_along_axis(multipliers, place, axis=0)[0])


LOGNORMAL: Final = CellLaw("lognormal")

LAWS: Final[Mapping[str, CellLaw]] = {
    law.name: law
    for law in (
        LOGNORMAL,
        CellLaw(
            "student_t",
            "degrees_of_freedom",
            _student_t,
            _NODES.size,
            True,
            {
                "support": [2.0, float("inf")],
                "distribution": "Gamma",
                "alpha": 1.0,
                "rate": 0.6,
                "lower": 2.0,
                "source": "project",
                "note": "Above 2, where a variance exists, by 1.7 on average: 25 cells say little "
                "of their tail, so that the prior decides it. Where nu is 3, 10 or infinite, 1.0, "
                "0.3 or 0.1 % of new cells fail at a stated 1 %, and 4.8, 3.8 or 3.3 % at 5 %; "
                "with Gamma(2, 0.1) above 2, 2.0, 1.1 or 0.7 % at 1 %. For cells = student_t.",
            },
        ),
        CellLaw(
            "contaminated",
            "contamination",
            _contaminated,
            2,
            False,
            {
                "support": [0.0, 1.0],
                "distribution": "Beta",
                "alpha": 1.0,
                "beta": 19.0,
                "source": "project",
                "note": "Share of cells with four times the scatter: one in twenty on average, "
                "none likeliest. For cells = contaminated.",
            },
        ),
    )
}
"""The laws by name, the default first.

A law is named in `models.options.CellsLaw`, in the words of `inference.maps.tails` and in the
page's ``physics.js`` besides; a test holds them alike. Each is a scale mixture of normals of the
logarithm.
"""


@dataclass(frozen=True)
class Cells:
    """The law that the cells of a block follow, with the value of its parameter.

    Parameters
    ----------
    law : CellLaw
        The law.
    parameter : tensor or ndarray, optional
        Its parameter; of no meaning where it has none.
    """

    law: CellLaw = LOGNORMAL
    parameter: Any = None

    @property
    def mixed(self) -> bool:
        """Whether there are cells of several kinds."""
        return self.law.count > 1


def cell_priors(block: str) -> dict[str, dict[str, Any]]:
    """Return the priors of the parameters of every law for the cells of a block.

    Parameters
    ----------
    block : str
        Name of the block.

    Returns
    -------
    dict
        By name, in the form of `models/catalogue.toml`.
    """
    return {law.parameter_of(block): dict(law.prior) for law in LAWS.values() if law.prior}


def deviate(law: CellLaw, normal: Any, parameter: Any = None, patches: Any = 1.0) -> Array:
    """Take standard normal numbers to the deviates of cells, at the same probability.

    Of a cell of several patches it is the smallest deviate among them, its multiplier being that of
    the cell. The result rises with `normal`, and is the normal number itself where cells are
    lognormal and of one patch.

    Parameters
    ----------
    law : CellLaw
        The law of the cells.
    normal : array_like
        Standard normal numbers; 0 gives the median cell.
    parameter : array_like, optional
        Of the law.
    patches : array_like
        Number of patches, above 0 and not necessarily whole.

    Returns
    -------
    ndarray
        Deviates x, of the broadcast shape.
    """
    smallest = normal if np.all(np.equal(patches, 1.0)) else weakest_deviate(normal, patches)
    if law.count == 1:
        return np.asarray(smallest)
    parameter = np.asarray(parameter, dtype=float)
    if law.smooth and parameter.shape[1:] == (1,) and len(parameter) > _TABLED:
        return _interpolated(law, normal, np.log(parameter[:, 0]), patches)
    log_weights, multipliers = law.components(parameter)
    z, normal, patches = np.broadcast_arrays(
        *(np.asarray(each, dtype=float) for each in (smallest, normal, patches))
    )
    shape = np.broadcast_shapes(z.shape, multipliers.shape[1:])
    low, high = (np.broadcast_to(np.log(f(multipliers, axis=0)), shape) for f in (np.min, np.max))
    return _root(z, normal, patches, np.exp(log_weights), multipliers, low.copy(), high.copy())


def _interpolated(law: CellLaw, normal: Any, log_parameter: Array, patches: Any) -> Array:
    """Return deviates (parameter, cell) from those at Chebyshev nodes of the parameter's logarithm.

    Within 1e-5 of the deviates themselves for normal numbers up to four, and within a thousandth of
    them where a cell has many patches.
    """
    low, high = log_parameter.min(), log_parameter.max()
    nodes = chebyshev.chebpts1(_TABLED)
    centre, half = (low + high) / 2.0, max((high - low) / 2.0, _CLOSE)
    known = deviate(law, normal, np.exp(centre + half * nodes)[:, None], patches)
    return np.asarray(interpolation_weights(nodes, (log_parameter - centre) / half) @ known)


def _root(
    z: Array,
    normal: Array,
    patches: Array,
    weights: Array,
    multipliers: Array,
    low: Array,
    high: Array,
) -> Array:
    """Solve for ``x = z exp(q)``, q between the logarithms of the multipliers.

    The root is that of the logarithm of the probability of the smaller side: Newton's method in q,
    and halving where it would leave the interval that is known to hold the root.
    """
    from scipy.special import log_ndtr, ndtr

    below = normal <= 0.0
    sign = np.where(below, 1.0, -1.0)
    target = log_ndtr(-np.abs(normal))
    single = bool(np.all(patches == 1.0))
    rising = np.where(z * sign > 0.0, 1.0, -1.0)  # whether the probability rises with q
    q = np.zeros(low.shape)
    for _ in range(_MOST_STEPS):
        x = z * np.exp(q)
        probability, density = np.zeros(low.shape), np.zeros(low.shape)
        for weight, multiplier in zip(weights, multipliers, strict=True):
            each = x / multiplier
            if single:
                share, exponent = ndtr(sign * each), -0.5 * each**2
            else:
                log_survival = log_ndtr(-each)
                survived = np.exp(patches * log_survival)
                share = np.where(below, -np.expm1(patches * log_survival), survived)
                exponent = (patches - 1.0) * log_survival - 0.5 * each**2
            probability += weight * share
            density += weight * patches * np.exp(exponent) / (np.sqrt(2.0 * np.pi) * multiplier)
        with np.errstate(divide="ignore", invalid="ignore"):
            excess = np.log(probability) - target
            step = excess * probability / (density * x * sign)
        above = excess * rising > 0.0
        low, high = np.where(above, low, q), np.where(above, q, high)
        trial = q - step
        inside = (trial >= low) & (trial <= high)
        moved = np.where(inside, trial, 0.5 * (low + high))
        done = np.all((np.abs(moved - q) <= _CLOSE) | (np.abs(x) <= _CLOSE))
        q = moved
        if done:
            break
    return np.asarray(z * np.exp(q))
