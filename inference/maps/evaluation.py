"""The numbers of a map: thresholds over a grid of conditions and all draws, block by block.

Each mechanism depends on some of the swept conditions only. Where that leaves few points it is
evaluated there once, and every block of the grid takes its part; what depends on every condition
is evaluated in the block. The lowest threshold, its order statistics and the shares follow for
blocks small enough to stay in a core's cache, in threads (NumPy computes without the interpreter's
lock), so that memory is bounded however large grid and draws are.

The current at which metal enters a pore is dear, and smooth over pore radius and temperature: over
many points its logarithm is interpolated between Chebyshev nodes, draw by draw, where that was
found exact to 12 digits.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from data.arrays import Array
from inference.designs.design import Design
from inference.designs.limits import Setting, Values
from inference.designs.mechanisms import CURRENT_FACTOR, Deviates, Mechanism
from inference.maps.cells import NewCells, blocks_of_grid, count_of_workers, keep_freed_memory, wait
from inference.maps.conditions import Block

__all__ = ["QUANTILES", "MapNumbers", "evaluate", "order_statistics"]

QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Quantiles of every critical current that a map holds."""


@dataclass
class MapNumbers:
    """The numbers of a map: current densities [A/m^2] and probabilities, grid axes last.

    Attributes
    ----------
    median_cell, new_cell : ndarray, shape (mechanism, quantile, *grid)
        Quantiles of the thresholds.
    median_limit, new_limit : ndarray, shape (quantile, *grid)
        Quantiles of the lowest threshold.
    safe : ndarray, shape (risk, *grid)
        Currents that a new cell fails at with the stated risks.
    probability_safe : ndarray, shape (current, *grid)
        Share of new cells that bear each current.
    limiting : ndarray, shape (mechanism, *grid)
        Share of new cells that each mechanism limits.
    """

    median_cell: Array
    new_cell: Array
    median_limit: Array
    new_limit: Array
    safe: Array
    probability_safe: Array
    limiting: Array

    @classmethod
    def empty(cls, mechanisms: int, currents: int, risks: int, grid: tuple[int, ...]) -> Self:
        """Return arrays to be filled.

        Parameters
        ----------
        mechanisms, currents, risks : int
            Lengths.
        grid : tuple of int
            Shape of the grid.

        Returns
        -------
        MapNumbers
            Without values yet.
        """
        levels = len(QUANTILES)
        return cls(
            median_cell=np.empty((mechanisms, levels, *grid)),
            new_cell=np.empty((mechanisms, levels, *grid)),
            median_limit=np.empty((levels, *grid)),
            new_limit=np.empty((levels, *grid)),
            safe=np.empty((risks, *grid)),
            probability_safe=np.empty((currents, *grid)),
            limiting=np.empty((mechanisms, *grid)),
        )


def evaluate(
    design: Design,
    parameters: Values,
    setting: Setting,
    noise: Deviates,
    *,
    risks: Array,
    numbers_at_once: int,
) -> MapNumbers:
    """Evaluate a map.

    Parameters
    ----------
    design : Design
        The design.
    parameters : mapping of str to ndarray
        In SI, shape (draw,).
    setting : Setting
        Metal and laws.
    noise : callable
        ``noise(source)`` are the standard normal numbers of new cells, shape (draw,).
    risks : ndarray
        Probabilities of failure at which safe currents are stated.
    numbers_at_once : int
        Points times draws that a thread holds at once of each quantity. The answer does not
        depend on it.

    Returns
    -------
    MapNumbers
        The numbers.
    """
    keep_freed_memory()
    median = NewCells(design, parameters, setting)
    new = NewCells(design, parameters, setting, noise, like=median)
    mechanisms = median.mechanisms
    currents = design.current.values * CURRENT_FACTOR
    levels = np.array(QUANTILES)
    points = max(1, numbers_at_once // median.count)
    numbers = MapNumbers.empty(len(mechanisms), currents.size, risks.size, design.shape)
    for source in dict.fromkeys(name for item in mechanisms for name in item.scatters):
        noise(source)  # drawn once, before there are threads
    with ThreadPoolExecutor(count_of_workers()) as workers:
        apart = [
            index
            for index, mechanism in enumerate(mechanisms)
            if _evaluate_apart(mechanism, index, median, new, numbers, workers, points)
        ]

        stated = np.concatenate([levels, risks])

        def fill(block: Block) -> None:
            shape: tuple[int, ...] = tuple(where.stop - where.start for where in block)
            for cells, each, limits in (
                (median, numbers.median_cell, numbers.median_limit),
                (new, numbers.new_cell, numbers.new_limit),
            ):
                values = [cells.threshold(item, block) for item in mechanisms]
                lowest = np.empty((*shape, cells.count))
                shares = _lowest(values, lowest)
                lowest.sort(axis=-1)
                found = order_statistics(lowest, levels if cells is median else stated)
                limits[:, *block] = found[: levels.size]
                for index, own in enumerate(values):
                    if index not in apart:
                        each[index][:, *block] = (
                            found[: levels.size]
                            if len(values) == 1
                            else order_statistics(np.sort(own, axis=-1), levels)
                        )
                if cells is new:
                    numbers.limiting[:, *block] = shares
                    numbers.safe[:, *block] = found[levels.size :]
                    numbers.probability_safe[:, *block] = _exceedance(lowest, currents)

        wait(workers.map(fill, blocks_of_grid(design.shape, points)))
    return numbers


def _evaluate_apart(
    mechanism: Mechanism,
    index: int,
    median: NewCells,
    new: NewCells,
    numbers: MapNumbers,
    workers: ThreadPoolExecutor,
    points: int,
) -> bool:
    """Evaluate a mechanism on a grid of its own, where that is smaller than the design's."""
    shape = median.own_shape(mechanism)
    if shape == median.design.shape:
        return False
    levels = np.array(QUANTILES)
    for cells, into in ((median, numbers.median_cell), (new, numbers.new_cell)):
        found = np.empty((levels.size, *shape))
        cells.keep(mechanism, workers, points)

        def fill(block: Block, cells: NewCells = cells, found: Array = found) -> None:
            ordered = np.sort(cells.threshold(mechanism, block), axis=-1)
            found[:, *block] = order_statistics(ordered, levels)

        wait(workers.map(fill, blocks_of_grid(shape, points)))
        into[index] = found
    return True


def order_statistics(ordered: Array, levels: Array) -> Array:
    """Return quantiles along the last axis, by linear interpolation.

    Parameters
    ----------
    ordered : ndarray, shape (..., draw)
        Sorted along the last axis.
    levels : ndarray, shape (level,)
        Probabilities.

    Returns
    -------
    ndarray, shape (level, ...)
        The quantiles.
    """
    positions = levels * (ordered.shape[-1] - 1)
    below = np.floor(positions).astype(np.intp)
    above = np.minimum(below + 1, ordered.shape[-1] - 1)
    weight = positions - below
    found = np.empty((levels.size, *ordered.shape[:-1]))
    for place, (low, high, share) in enumerate(zip(below, above, weight, strict=True)):
        found[place] = ordered[..., low] * (1.0 - share) + ordered[..., high] * share
    return found


def _lowest(thresholds: list[Array], lowest: Array) -> Array:
    """Fill in the lowest threshold of each draw; return each mechanism's share of the draws.

    Where two are equal the first mechanism counts.
    """
    if len(thresholds) == 1:
        lowest[...] = thresholds[0]
        return np.ones((1, *lowest.shape[:-1]))
    count = lowest.shape[-1]
    below = thresholds[1] < thresholds[0]
    np.minimum(thresholds[0], thresholds[1], out=lowest)
    second = np.count_nonzero(below, axis=-1)
    shares = [count - second, second]
    if len(thresholds) > 2:
        which = below.astype(np.uint8)
        for index, values in enumerate(thresholds[2:], start=2):
            np.copyto(which, index, where=values < lowest)
            np.minimum(lowest, values, out=lowest)
        shares = [np.count_nonzero(which == index, axis=-1) for index in range(len(thresholds))]
    return np.asarray(np.stack(shares) / count)


def _exceedance(ordered: Array, currents: Array) -> Array:
    """Return the share of thresholds above each current, currents in front."""
    count = ordered.shape[-1]
    rows = ordered.reshape(-1, count)
    failed = np.array([np.searchsorted(row, currents, side="right") for row in rows])
    share = 1.0 - failed / count
    return np.asarray(np.moveaxis(share.reshape(*ordered.shape[:-1], currents.size), -1, 0))
