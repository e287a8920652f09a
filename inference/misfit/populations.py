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

Of verdicts there are no deviates. A cell fails at a current to which the fit gives the probability
:math:`\Phi(z)`: its own deviate lies below z. The same two populations are laid over the same
deviates, at least a factor apart, and the statistic is the log-likelihood of the best of them less
that of the best single one. It is compared with that of verdicts drawn with the probabilities of
the fit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, ndtr, ndtri

from data.arrays import Array

__all__ = ["Kinds", "Split", "deviates", "resolution", "two_kinds", "two_populations"]

_MEANS = np.linspace(-1.0, 1.0, 11)  # in standard deviations of the deviates
_SCALES = np.geomspace(0.6, 1.7, 9)
_WEIGHTS = np.linspace(0.1, 0.9, 9)
_WITHIN = np.geomspace(0.01, 0.5, 8)  # share of the variance that is left within a population
_LEAST = 1e-300  # probability
_DRAWN = (1_000, 4_000)  # ladders of verdicts, and where those make it worth while
_WORTH = 0.02
_SEED = 20261130  # the same words for the same fit
_FEWEST = 2  # rows of the smaller population; a single one is an outlier
_RISKS = (0.01, 0.05, 0.1)  # at which a lower tail is looked at
_TAIL = np.linspace(-6.0, 1.0, 1401)  # standard deviations, among which it lies


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
    moved : float
        Deviates by which the lower tail of the two lies off that of one of like mean and variance,
        at whichever risk of a hundredth to a tenth most; negative where it is lower.
    """

    margin: float
    low: NDArray[np.bool_]
    high: NDArray[np.bool_]
    moved: float


@dataclass(frozen=True)
class Kinds:
    """Two populations behind verdicts.

    Parameters
    ----------
    p_value : float
        Probability that verdicts of one population favour two as much.
    tables : int
        Ladders that it is from.
    apart : float
        Distance of the two, in logarithms of the threshold.
    share : float
        Of the lower population.
    """

    p_value: float
    tables: int
    apart: float
    share: float


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
    order = np.argsort(unit, kind="stable")  # the rows of a unit together, to be summed
    first = np.searchsorted(unit[order], np.arange(len(names)))
    x, spread = z[seen][order], z[seen].std()
    half = np.broadcast_to(halfwidth, z.shape)[seen][order] / spread
    x = (x - x.mean()) / spread
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
        return np.asarray(np.add.reduceat(rows, first, axis=-1))

    def by_population(
        mean: Array, scale: Array, weight: Array, within: Array
    ) -> tuple[Array, Array]:
        """Return the log-density of each unit and the lower, and the upper, population."""
        apart = scale * np.sqrt((1.0 - within) / (weight * (1.0 - weight)))
        sd = scale * np.sqrt(within)
        low = np.log(weight)[..., None] + by_unit(mean - (1.0 - weight) * apart, sd)
        high = np.log1p(-weight)[..., None] + by_unit(mean + weight * apart, sd)
        return low, high

    one = by_unit(*np.meshgrid(_MEANS, _SCALES, indexing="ij"))
    grid = np.meshgrid(_MEANS, _SCALES, _WEIGHTS, _WITHIN, indexing="ij")
    two = np.stack(  # a mean at a time: the densities of ten thousand rows fill the memory
        [np.logaddexp(*by_population(*place)).sum(axis=-1) for place in zip(*grid, strict=True)]
    )
    margin = _average(two) - _average(one.sum(axis=-1))
    best = np.unravel_index(np.argmax(two), two.shape)
    lower = np.zeros(z.size, dtype=bool)
    place = [each[best] for each in grid]
    low, high = by_population(*place)
    lower[seen] = (low > high)[unit]
    upper = seen & ~lower
    if min(lower.sum(), upper.sum()) < _FEWEST:
        return None
    return Split(margin, lower, upper, float(spread) * _moved(*map(float, place[1:])))


def _moved(scale: float, weight: float, within: float) -> float:
    """Return by how much the lower tail of two populations lies off that of one, as they are."""
    apart, sd = np.sqrt((1.0 - within) / (weight * (1.0 - weight))), np.sqrt(within)
    of_low = weight * ndtr((_TAIL + (1.0 - weight) * apart) / sd)
    of_two = of_low + (1.0 - weight) * ndtr((_TAIL - weight * apart) / sd)
    risks = np.asarray(_RISKS)
    moved = np.interp(risks, of_two, _TAIL) - ndtri(risks)
    return scale * float(moved[np.abs(moved).argmax()])


def two_kinds(
    failed: NDArray[np.bool_], share: Array, scatter: float, least: float
) -> Kinds | None:
    """Compare two populations of cells, of which only verdicts are known, with one.

    Parameters
    ----------
    failed : ndarray of bool, shape (rows,)
        Whether each cell failed.
    share : ndarray, shape (rows,)
        Predicted probability that it does, within (0, 1).
    scatter : float
        Of the logarithm of the threshold, as fitted.
    least : float
        Distance of two populations that is told of, in that logarithm.

    Returns
    -------
    Kinds or None
        None where there are too few rows, or no two populations lie so far apart.
    """
    z = ndtri(share)
    mean, scale, weight, within = (
        each.ravel()[:, None]
        for each in np.meshgrid(_MEANS[1::2], _SCALES[::2], _WEIGHTS, _WITHIN[::2], indexing="ij")
    )  # every second: verdicts tell no finer
    apart = scale * np.sqrt((1.0 - within) / (weight * (1.0 - weight)))
    far = (apart * scatter >= least)[:, 0]
    if z.size < 2 * _FEWEST or not far.any():
        return None
    mean, scale, weight, within, apart = (
        each[far] for each in (mean, scale, weight, within, apart)
    )
    sd = scale * np.sqrt(within)
    low = weight * ndtr((z - mean + (1.0 - weight) * apart) / sd)
    two = low + (1.0 - weight) * ndtr((z - mean - weight * apart) / sd)
    means, scales = (
        each.ravel()[:, None] for each in np.meshgrid(_MEANS[1::2], _SCALES[::2], indexing="ij")
    )
    one = ndtr((z - means) / scales)

    def fits(verdicts: Array, chances: Array) -> Array:
        """Return log-likelihoods, shape (ladder, population)."""
        chances = np.clip(chances, _LEAST, 1.0 - 1e-12)
        of_survivors = np.log1p(-chances)
        return np.asarray(verdicts @ (np.log(chances) - of_survivors).T + of_survivors.sum(axis=1))

    def ahead(verdicts: Array) -> Array:
        return np.asarray(fits(verdicts, two).max(axis=1) - fits(verdicts, one).max(axis=1))

    seen = failed[None].astype(float)
    largest = float(ahead(seen)[0])
    rng = np.random.default_rng(_SEED)
    beyond, drawn = 0, 0
    for wanted in _DRAWN:
        while drawn < wanted:
            ladders = rng.uniform(size=(min(_DRAWN[0], wanted - drawn), z.size)) < share
            beyond += int((ahead(ladders.astype(float)) >= largest).sum())
            drawn += len(ladders)
        if beyond > _WORTH * drawn:
            break
    best = int(fits(seen, two).argmax())
    return Kinds(
        p_value=(beyond + 0.5) / (drawn + 1.0),
        tables=drawn,
        apart=float(apart[best, 0]) * scatter,
        share=float(weight[best, 0]),
    )


def _average(log_density: Array) -> float:
    return float(logsumexp(log_density) - np.log(log_density.size))
