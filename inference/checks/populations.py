r"""Scatter as a symptom: rows that do not measure one thing, or fall into two populations.

A scatter far above its prior is no property of cells: two electrolytes, two batches or a factor of
ten in a column look like one, and no other verdict sees them, since a wide scatter predicts its own
rows. Two signs are looked for.

*Above its prior.* The posterior median of a scatter lies above the 97.5 % point of its prior.

*Two populations.* Row by row, the share of its own predictions that lie below the observation is
turned into a normal deviate z. What is seen only as a verdict or a limit has none. The deviates of
one population are normal with an unknown mean m and standard deviation s; of two, of which the
first holds the share w, each is normal with the same standard deviation,

.. math::

   s\sqrt{1-\rho}, \quad\text{about}\quad m - (1-w)\Delta \;\text{and}\; m + w\Delta, \qquad
   \Delta = s\sqrt{\rho / [w (1-w)]},

so that mean and variance of all are those of one population. All rows of one cell belong to one of
the two. Compared are the log predictive densities of all rows, m, s, w and :math:`\rho` averaged
over flat priors on a grid: by Markov's inequality homogeneous rows put two ahead by more than a
margin M with a probability below :math:`e^{-M}`, whatever their number. Rows that are known to a
step or to some digits count with the probability of that step.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, ndtr, ndtri

__all__ = ["Split", "deviates", "resolution", "two_populations"]

Array = NDArray[np.float64]

_MEANS = np.linspace(-1.0, 1.0, 11)  # in standard deviations of the deviates
_SCALES = np.geomspace(0.6, 1.7, 9)
_WEIGHTS = np.linspace(0.1, 0.9, 9)
_WITHIN = np.geomspace(0.01, 0.5, 8)  # share of the variance that is left within a population
_LEAST = 1e-300  # probability
_FEWEST = 2  # rows of the smaller population; a single one is an outlier


@dataclass(frozen=True)
class Split:
    """Two populations of rows.

    Parameters
    ----------
    margin : float
        Log predictive density of all rows under two populations, less that under one.
    low : ndarray of bool, shape (rows,)
        Rows of the lower population; those without a deviate are of neither.
    high : ndarray of bool, shape (rows,)
        Rows of the upper one.
    """

    margin: float
    low: NDArray[np.bool_]
    high: NDArray[np.bool_]


def deviates(observed: Array, predicted: Array) -> Array:
    """Return the normal deviate of each row among its own predictions.

    Parameters
    ----------
    observed : ndarray, shape (rows,)
        Observed values.
    predicted : ndarray, shape (draws, rows)
        Predicted ones.

    Returns
    -------
    ndarray, shape (rows,)
        NaN where the observation is a verdict or a limit, beyond which no prediction lies. Where
        predictions share a step with it, half of them count as below.
    """
    same = np.isclose(predicted, observed, rtol=1e-8, atol=0.0)
    lower, upper = (predicted < observed) & ~same, (predicted > observed) & ~same
    finest = 0.5 / len(predicted)
    below = lower.mean(axis=0) + 0.5 * same.mean(axis=0)
    z = ndtri(np.clip(below, finest, 1.0 - finest))
    limited = same.any(axis=0) & ~(lower.any(axis=0) & upper.any(axis=0))
    return np.asarray(np.where(limited, np.nan, z))


def resolution(observed: Array, z: Array) -> Array:
    """Return the half-width within which each deviate of one kind of observation is known.

    Rows that share a step, or digits, have values in common: each is known no better than to half
    the distance to the nearest other value. Where no value comes twice they count as exact.

    Parameters
    ----------
    observed : ndarray, shape (rows,)
        Observed values.
    z : ndarray, shape (rows,)
        From `deviates`.

    Returns
    -------
    ndarray, shape (rows,)
        0 where exact; infinite where all are one value, and nothing tells them apart.
    """
    seen = np.isfinite(z)
    distinct, group = np.unique(observed[seen], return_inverse=True)
    if distinct.size == seen.sum():
        return np.zeros(z.size)
    centres = np.bincount(group, weights=z[seen]) / np.bincount(group)
    order = np.argsort(centres)
    gaps = np.concatenate([[np.inf], np.diff(centres[order]), [np.inf]])
    nearest = np.empty(distinct.size)
    nearest[order] = np.minimum(gaps[:-1], gaps[1:])
    halfwidth = np.zeros(z.size)
    halfwidth[seen] = 0.5 * nearest[group]
    return halfwidth


def two_populations(z: Array, units: Sequence[str], halfwidth: Array | float = 0.0) -> Split | None:
    """Compare two populations of rows with one.

    Parameters
    ----------
    z : ndarray, shape (rows,)
        From `deviates`.
    units : sequence of str, length rows
        Cell or specimen of each row.
    halfwidth : ndarray, shape (rows,)
        From `resolution`: the probability of a row that is known within it takes the place of a
        density, or steps would look like populations.

    Returns
    -------
    Split or None
        None where there are too few rows, or the smaller population is a single one: that is an
        outlier.
    """
    seen = np.isfinite(z)
    if seen.sum() < 2 * _FEWEST or np.ptp(z[seen]) == 0.0:
        return None
    names, unit = np.unique(np.asarray(units)[seen], return_inverse=True)
    x, spread = z[seen], z[seen].std()
    half = np.broadcast_to(halfwidth, z.shape)[seen] / spread
    x = (x - x.mean()) / spread
    member = np.eye(len(names))[unit]
    stepped = half > 0.0

    def by_unit(mean: Array, sd: Array) -> Array:
        """Return the log-density of each unit, shape (..., units)."""
        away, sd = x - mean[..., None], sd[..., None]
        rows = -0.5 * (away / sd) ** 2 - np.log(np.sqrt(2.0 * np.pi) * sd)
        if stepped.any():
            far = np.abs(away[..., stepped])  # in the tail where nothing cancels
            inside = ndtr((half[stepped] - far) / sd) - ndtr((-half[stepped] - far) / sd)
            width = np.where(np.isinf(half[stepped]), 1.0, 2.0 * half[stepped])
            rows[..., stepped] = np.log(np.maximum(inside, _LEAST) / width)
        return np.asarray(rows @ member)

    one = by_unit(*np.meshgrid(_MEANS, _SCALES, indexing="ij"))
    mean, scale, weight, within = np.meshgrid(_MEANS, _SCALES, _WEIGHTS, _WITHIN, indexing="ij")
    apart = scale * np.sqrt((1.0 - within) / (weight * (1.0 - weight)))
    sd = scale * np.sqrt(within)
    low = np.log(weight)[..., None] + by_unit(mean - (1.0 - weight) * apart, sd)
    high = np.log1p(-weight)[..., None] + by_unit(mean + weight * apart, sd)
    two = np.logaddexp(low, high).sum(axis=-1)
    margin = _average(two) - _average(one.sum(axis=-1))
    best = np.unravel_index(np.argmax(two), two.shape)
    lower = np.zeros(z.size, dtype=bool)
    lower[seen] = (low[best] > high[best])[unit]
    upper = seen & ~lower
    return Split(margin, lower, upper) if min(lower.sum(), upper.sum()) >= _FEWEST else None


def _average(log_density: Array) -> float:
    return float(logsumexp(log_density) - np.log(log_density.size))
