"""The natural scale of a parameter: the whole real line, on which posteriors are near normal."""

from collections.abc import Callable

import numpy as np
import xarray as xr
from scipy.special import ndtri

from data.arrays import Array
from data.quantities import base_name, quantity_of
from models.prior_set import PriorSet

__all__ = [
    "CENTRAL",
    "CENTRAL_DEVIATE",
    "log_jacobian",
    "natural",
    "natural_values",
    "prior_covariance",
    "prior_spread",
    "prior_values",
    "robust_sd",
]


CENTRAL = (0.16, 0.84)
"""Probabilities of the ends of the central 68 %."""
CENTRAL_DEVIATE = 0.9944578832097532
"""Of a standard normal at the upper of them."""

_TINY = 1e-12
_QUANTILES = (np.arange(4000) + 0.5) / 4000
_FEWER = (np.arange(400) + 0.5) / 400  # of either factor of a product
_CHANCE = 4.0


def _logit(fraction: Array) -> Array:
    inside = np.clip(fraction, _TINY, 1.0 - _TINY)
    return np.log(inside) - np.log1p(-inside)


def natural_values(label: str, values: Array) -> Array:
    """Return values of a parameter on its natural scale.

    Parameters
    ----------
    label : str
        ``name`` or ``name[coordinate]``.
    values : ndarray
        In the unit of the quantity.

    Returns
    -------
    ndarray
        Logarithms of what is positive, logits of fractions and of angles between 90 and 180
        degrees, anything else as it is.
    """
    known = quantity_of(label)
    if known is None:
        return values
    if known.support == "fraction":
        return _logit(values)
    if known.support == "obtuse":
        return _logit((values - 90.0) / 90.0)
    return np.log(np.maximum(values, np.finfo(float).tiny))


def log_jacobian(label: str, values: Array) -> Array:
    """Return ``ln |dx/du|``: what takes a log-density of x to one of u, x on its natural scale.

    Parameters
    ----------
    label : str
        A parameter, or ``contact_angle_abs_cosine``, which is sampled in its stead.
    values : ndarray
        In the unit of the quantity.

    Returns
    -------
    ndarray
        Zero where the natural scale is the value itself.
    """
    if label == "contact_angle_abs_cosine":
        # The cosine is sin(pi f/2) with f = (angle - 90)/90, whose logit is the natural scale.
        cosine = np.clip(values, _TINY, 1.0 - _TINY)
        fraction = np.arcsin(cosine) * (2.0 / np.pi)
        slope = 0.5 * np.pi * np.sqrt(1.0 - cosine**2)
        return np.asarray(np.log(slope) + np.log(fraction) + np.log1p(-fraction))
    known = quantity_of(label)
    if known is None:
        return np.zeros_like(values)
    if known.support == "positive":
        return natural_values(label, values)
    whole = 90.0 if known.support == "obtuse" else 1.0
    fraction = values / whole - (1.0 if known.support == "obtuse" else 0.0)
    inside = np.clip(fraction, _TINY, 1.0 - _TINY)
    return np.asarray(np.log(whole) + np.log(inside) + np.log1p(-inside))


def robust_sd(values: Array) -> float:
    """Return half the width of the central 68 %: the standard deviation of what is normal.

    Few draws show it well also where the tails are long, as those of what has a scatter of unknown
    size: there the variance of draws hangs on the largest of them.
    """
    low, high = np.quantile(values, CENTRAL)
    return float((high - low) / (2.0 * CENTRAL_DEVIATE))


def natural(draws: xr.Dataset) -> xr.Dataset:
    """Return draws of scalars on their natural scales.

    Parameters
    ----------
    draws : Dataset
        From `inference.engine.sampling.scalars`.
    """
    return draws.assign(
        {
            name: (values.dims, natural_values(str(name), values.values))
            for name, values in draws.data_vars.items()
        }
    )


_DERIVED: dict[str, tuple[tuple[str, ...], Callable[..., Array]]] = {
    "wetting_product": (
        ("surface_energy", "contact_angle"),
        lambda energy, angle: -energy * np.cos(np.radians(angle)),
    ),
    "diffusivity_over_anion_transference": (
        ("ambipolar_diffusivity", "transference_number"),
        lambda diffusivity, transference: diffusivity / (1.0 - transference),
    ),
    "diffusivity_over_anion_transference_squared": (
        ("ambipolar_diffusivity", "transference_number"),
        lambda diffusivity, transference: diffusivity / (1.0 - transference) ** 2,
    ),
    "effective_self_diffusivity": (
        ("self_diffusivity", "supply_factor"),
        lambda diffusivity, factor: diffusivity * factor**2,
    ),
    "separator_offset": (("separator_scatter", ""), lambda scatter, deviate: scatter * deviate),
    "lab_offset": (("lab_scatter", ""), lambda scatter, deviate: scatter * deviate),
}
"""What follows from two independent parameters; ``""`` is a standard normal deviate."""


def prior_values(label: str, priors: PriorSet) -> Array | None:
    """Return values that represent the prior of a parameter, each of the same probability.

    Parameters
    ----------
    label : str
        A scalar.
    priors : PriorSet
        Of the job.

    Returns
    -------
    ndarray, shape (values,), or None
        Quantiles at the middles of intervals of equal probability; of a product of two parameters,
        the products of such quantiles. None where the prior is known from draws only.
    """
    base = base_name(label)
    own = priors.get(label) or priors.get(base)
    if own is not None:
        return np.asarray(own.distribution.quantile(_QUANTILES))
    derived = _DERIVED.get("lab_offset" if base.endswith("_lab_offset") else base)
    if derived is None:
        return None
    names, product = derived
    factors = []
    for name in names:
        prior = priors.get(label.replace(base, name, 1)) or priors.get(name)
        if name and prior is None:
            return None
        factors.append(ndtri(_FEWER) if prior is None else prior.distribution.quantile(_FEWER))
    return np.asarray(product(factors[0][:, None], factors[1])).ravel()


def prior_spread(label: str, priors: PriorSet, draws: xr.Dataset) -> tuple[float, float]:
    """Return mean and standard deviation of a parameter's prior on its natural scale.

    Parameters
    ----------
    label : str
        A scalar.
    priors : PriorSet
        Where they fix the prior of the parameter, the numbers are exact (`prior_values`).
    draws : Dataset
        Scalars drawn from the prior, in the units of the quantities, for the others.
    """
    values = prior_values(label, priors)
    if values is None and label in draws:
        values = draws[label].values
    if values is None or np.ptp(values) == 0.0:
        return float("nan"), float("nan")
    values = natural_values(label, values)
    return float(np.mean(values)), float(np.std(values))


def prior_covariance(draws: Array) -> Array:
    """Return the covariance of draws without the correlations that chance alone gives.

    Parameters
    ----------
    draws : ndarray, shape (draws, k)
        Of the prior on natural scales.

    Returns
    -------
    ndarray, shape (k, k)
        Correlations below four standard errors are zero.
    """
    spread = draws.std(axis=0, ddof=1)
    correlation = np.atleast_2d(np.corrcoef(draws, rowvar=False))
    chance = np.abs(correlation) < _CHANCE / np.sqrt(len(draws))
    return np.asarray(np.where(chance, 0.0, correlation) * np.outer(spread, spread))
