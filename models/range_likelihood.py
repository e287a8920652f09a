"""The form of an observation that is a range over cells: where the first and the last failed."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from data.arrays import Array
from data.ranges import UNSTATED_CELLS
from models.cells import Cells
from models.likelihoods import ONE_KIND, Observation, draw_shape
from models.log_probability import FAR, log_interval, log_mean, log_survival, log_weakest_interval
from models.physics import weakest_deviate
from models.physics.backend import kernel, maximum, minimum, take, where

__all__ = ["observed_range"]


def observed_range(
    *,
    location: Any,
    scatter: Any,
    rows: Mapping[str, Any],
    cells: Array,
    patches: Any = None,
    law: Cells = ONE_KIND,
) -> Observation:
    r"""Return the distribution of the lowest and the highest step at which one of n cells failed.

    A cell that failed at the step L of a staircase has its threshold in :math:`(L - h, L]`, h being
    the height of a step. Of n cells with the distribution function F the lowest threshold lies in
    :math:`(a, b]` and the highest in :math:`(c, d]` with the probability

    .. math:: [F(d)-F(a)]^n - [F(d)-F(b)]^n - [F(c)-F(a)]^n + [F(c)-F(b)]^n,

    whose last term is 0 where c is below b. Where n is not stated, it is one of `UNSTATED_CELLS`
    with a probability in proportion to 1/n.

    The two steps are two observations: the lowest, and the highest given the lowest, of all ranges
    after the lowest of all. The product of their likelihoods is that of the range, and a draw of
    both is one of the same cells.

    Parameters
    ----------
    location : tensor, shape (2 ranges,)
        Logarithm of the median cell's threshold, in the unit of the steps.
    scatter : tensor
        Standard deviation of the logarithm between cells.
    rows : mapping of str to tensor, each of shape (2 ranges,)
        ``step_height`` and ``first_step``, the lowest step of the staircase, in their unit;
        ``cells``, 0 where not stated.
    cells : ndarray, shape (2 ranges,)
        The column ``cells``.
    patches : tensor, shape (2 ranges,), optional
        Number of patches of each cell, which fails with the first of them; one when left out.
    law : Cells, optional
        How the scatter of cells is distributed; normally by default. Each cell of a range is of a
        kind of its own: the mixture is inside F.

    References
    ----------
    David and Nagaraja, Order Statistics, 3rd edition, Wiley 2003, section 2.2.
    """
    ranges = cells.size // 2
    lowest = np.tile(np.arange(ranges), 2)
    highest = lowest + ranges
    is_highest = np.arange(2 * ranges) >= ranges
    counts, log_weights = _numbers_of_cells(cells)
    several = () if patches is None else (patches,)

    def logp(
        value: Any, mu: Any, sigma: Any, height: Any, _first: Any, _cells: Any, *others: Any
    ) -> Any:
        low, high = take(value, lowest), take(value, highest)
        a, b, c, d = (
            (np.log(maximum(current, _NO_CURRENT)) - mu) / sigma
            for current in (low - height, low, high - height, high)
        )
        patches = others[: len(several)]

        # Here, and in the draw, the cells' distribution enters; nowhere else.
        def of_cells(function: Callable[..., Any], *z: Any) -> Any:
            if not law.mixed:
                return function(*z, *patches)
            log_weights, multipliers = law.law.components(others[-1])
            return log_mean(function(*(each / multipliers for each in z), *patches), log_weights)

        within = log_weakest_interval if patches else log_interval
        first, last, all_cells = (of_cells(within, *z) for z in ((b, a), (d, c), (d, a)))
        above = of_cells(log_survival, a)
        axes = (1,) * (max(np.ndim(each) for each in (value, mu, sigma)) - 1)
        count = np.reshape(counts, (-1, *axes, 1))
        weights = np.reshape(log_weights, (counts.size, *axes, -1))
        starts = count * above + _log_any(first - above, count)
        both = count * all_cells + _log_both(first - all_cells, last - all_cells, count)
        log_lowest = log_mean(starts, weights)
        return where(is_highest, log_mean(both, weights) - log_lowest, log_lowest)

    def draw(
        mu: Array,
        sigma: Array,
        height: Array,
        first: Array,
        cells: Array,
        *others: Array,
        rng: np.random.Generator,
        size: Any = None,
    ) -> Array:
        shape = (*draw_shape(size, mu)[:-1], ranges)
        every = (mu, sigma, height, first, cells, *others)
        mu, sigma, height, first, cells, *rest = (each[..., :ranges] for each in every)
        patches = rest[: len(several)]
        chance = np.exp(_numbers_of_cells(np.zeros(2))[1][:, 0])
        unstated = rng.choice(np.array(UNSTATED_CELLS), p=chance, size=shape)
        number = np.where(cells > 0, cells, unstated)
        ends = np.full((2, *shape), np.nan)
        for each in range(int(number.max())):
            deviate = rng.standard_normal(shape)
            deviate = weakest_deviate(deviate, *patches) if patches else deviate
            deviate = deviate * law.law.draw(rest[-1], rng, shape) if law.mixed else deviate
            inside = np.where(each < number, deviate, np.nan)
            ends = np.stack([np.fmin(ends[0], inside), np.fmax(ends[1], inside)])
        current = np.exp(mu + sigma * ends)
        steps = first + height * np.maximum(np.ceil((current - first) / height), 0.0)
        return np.concatenate(np.round(steps, _DIGITS), axis=-1)

    zeros = 0.0 * location
    columns = (rows["step_height"], rows["first_step"], rows["cells"])
    tail = (law.parameter + zeros,) if law.mixed else ()
    every = (location, scatter + zeros, *columns, *several, *tail)
    return Observation(every, logp, draw, kinds=law.law.count)


_NO_CURRENT = 1e-300  # stands for 0 under a logarithm


_DIGITS = 12  # of a drawn step, so that equal steps are equal numbers


def _numbers_of_cells(cells: Array) -> tuple[Array, Array]:
    """Return the numbers of cells that occur, and the log of the probability of each in each row.

    Parameters
    ----------
    cells : ndarray, shape (rows,)
        As stated; 0 where not.

    Returns
    -------
    counts : ndarray, shape (counts,)
        In ascending order.
    log_weights : ndarray, shape (counts, rows)
        Of the numbers in each row.
    """
    unstated = set(UNSTATED_CELLS) if (cells == 0).any() else set()
    counts = np.array(sorted(unstated | {int(n) for n in cells if n > 0}), dtype=float)
    weight = np.where(np.isin(counts, UNSTATED_CELLS), 1.0 / counts, 0.0)
    chance = np.where(
        cells == 0, weight[:, None] / max(weight.sum(), 1e-300), counts[:, None] == cells
    )
    with np.errstate(divide="ignore"):
        return counts, np.log(chance)


@kernel
def _log_complement(log_share: Any) -> Any:
    """Log of ``1 - share``, whatever is close to 0 or 1."""
    low = minimum(log_share, -0.7)
    high = minimum(maximum(log_share, -0.7), -1e-300)
    return where(log_share < -0.7, np.log1p(-np.exp(low)), np.log(-np.expm1(high)))


@kernel
def _log_any(log_share: Any, count: Any) -> Any:
    """Log of ``1 - (1 - share)^count``: at least one of several cells falls into a share."""
    few = np.log(count) + log_share
    none = minimum(count * _log_complement(maximum(log_share, FAR)), -1e-300)
    return where(log_share < FAR, few, np.log(-np.expm1(none)))


@kernel
def _log_both(log_first: Any, log_last: Any, count: Any) -> Any:
    r"""Log probability that of n cells some fall into a share p, and some into a share q.

    The shares are disjoint, or leave nothing out. :math:`1 - (1-p)^n - (1-q)^n + (1-p-q)^n` is
    written as :math:`AB(1 - R)`, with :math:`A = 1-(1-p)^n`, B the same of q, and
    :math:`R = E^n[1 - (1-pq/E)^n]/(AB)`, :math:`E = (1-p)(1-q)`, which is at most one half: nothing
    cancels.
    """
    neither = _log_complement(log_first) + _log_complement(log_last)
    some = _log_any(log_first, count) + _log_any(log_last, count)
    together = _log_any(minimum(log_first + log_last - neither, -1e-300), count)
    return some + np.log1p(-np.exp(count * neither + together - some))
