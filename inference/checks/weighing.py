"""Weighted draws: quantiles, tails and correlations of what a fit without some rows would say."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np

from data.arrays import Array
from inference.thresholds import INTERVAL_DEVIATE

if TYPE_CHECKING:
    from inference.designs.design import Design
    from inference.designs.limits import Setting
    from inference.designs.noise import NoiseTable

__all__ = [
    "RELATED",
    "correlations_of",
    "entering_draws",
    "normal_scores",
    "tail_probability",
    "weighted_quantile",
]

_TAIL: Final = 0.05  # of the predictions, from which their tail is continued
_LEAST_IN_TAIL: Final = 10.0  # effective draws that a continued tail must rest on
RELATED: Final = 0.08  # correlation: chance exceeds it once in ten thousand of 2400 draws


def weighted_quantile(
    values: Array, weights: Array, level: float
) -> tuple[float, tuple[float, float]]:
    """Return a weighted quantile, and where more draws would put it with 90 % probability.

    With equal weights it is that of `inference.maps.evaluation.order_statistics`.
    """
    order = np.argsort(values)
    ordered, share = values[order], weights[order] / weights.sum()
    between = 0.5 * (share[1:] + share[:-1])
    places = np.concatenate([[0.0], np.cumsum(between) / between.sum()])
    value = float(np.interp(level, places, ordered))
    error = float(np.sqrt(np.sum(share**2 * ((ordered <= value) - level) ** 2)))
    half = INTERVAL_DEVIATE * error
    ends = np.interp([max(level - half, 0.0), min(level + half, 1.0)], places, ordered)
    return value, (float(ends[0]), float(ends[1]))


def entering_draws(
    design: "Design", parameters: Mapping[str, Array], noise: "NoiseTable", setting: "Setting"
) -> dict[str, Array]:
    """Return the parameters that the thresholds of a design's new cells depend on.

    Those of creep, for one, do not enter without pressure: draws of them in another order leave
    every threshold as it is.
    """
    from inference.maps.cells import NewCells

    def thresholds(values: Mapping[str, Array]) -> list[Array]:
        cells = NewCells(design, values, setting, noise)
        return [cells.threshold(mechanism, ()) for mechanism in cells.mechanisms]

    as_drawn = thresholds(parameters)
    return {
        name: values
        for name, values in parameters.items()
        if not all(map(np.array_equal, as_drawn, thresholds({**parameters, name: values[::-1]})))
    }


def normal_scores(values: Array) -> Array:
    """Return the normal deviates of ranks, shape (draw,)."""
    from scipy.special import ndtri

    ranks = np.empty(values.size)
    ranks[np.argsort(values)] = np.arange(values.size)
    return np.asarray(ndtri((ranks + 0.5) / values.size))


def correlations_of(values: Array, others: Array) -> Array:
    """Return the correlations of values with the rows of a matrix, shape (row,)."""
    a, b = values - values.mean(), others - others.mean(axis=1, keepdims=True)
    return np.asarray(b @ a / (np.linalg.norm(b, axis=1) * np.linalg.norm(a)))


def tail_probability(values: Array, weights: Array, observed: float) -> float:
    """Return the two-sided probability of a draw at least as far out as an observation.

    Parameters
    ----------
    values : ndarray, shape (draw,)
        Predictions on the natural scale.
    weights : ndarray, shape (draw,)
        Of the draws; their sum is 1.
    observed : float
        On that scale.

    Returns
    -------
    float
        Up to 1.
    """
    upper = _beyond(values, weights, observed)
    lower = _beyond(-values, weights, -observed)
    return min(1.0, 2.0 * min(upper, lower))


def _beyond(values: Array, weights: Array, observed: float) -> float:
    """Return the probability of a draw at or above an observation, its tail continued."""
    share = float(weights[values >= observed - 1e-9].sum())
    if share >= _TAIL:
        return share
    order = np.argsort(values)
    start = values[order][np.searchsorted(np.cumsum(weights[order]), 1.0 - _TAIL)]
    beyond = values > start
    mass = float(weights[beyond].sum())
    effective = mass**2 / float((weights[beyond] ** 2).sum()) if mass > 0.0 else 0.0
    if effective < _LEAST_IN_TAIL:  # no tail to continue: what the draws can tell at most
        return max(share, float((weights**2).sum()))
    excess = float(weights[beyond] @ (values[beyond] - start)) / mass
    return max(share, mass * math.exp(-(observed - start) / excess))
