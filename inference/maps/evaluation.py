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

import itertools
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, Final, Self

import numpy as np
from numpy.polynomial import chebyshev

from data.arrays import Array
from data.units import to_si
from inference.designs.axes import AXES, Axis
from inference.designs.design import Design
from inference.designs.mechanisms import (
    CURRENT_FACTOR,
    MECHANISMS,
    Deviates,
    Mechanism,
    Setting,
    Values,
    cell_factor,
    own_property,
)
from inference.designs.noise import tolerance_source
from models import physics
from models.separators import MACMULLIN_SCATTER

__all__ = ["QUANTILES", "Cells", "Conditions", "MapNumbers", "evaluate", "order_statistics"]

QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Quantiles of every critical current that a map holds."""

_KEPT: Final = 16_000_000  # numbers of an array that is kept for all blocks
_MOST_WORKERS: Final = 8
_NODES: Final = (16, 32, 48, 64)
_EXACT: Final = 3e-13  # of an interpolated logarithm
_ROUNDED: Final = 1e-9  # the same where each draw's temperature is rounded to a nanokelvin
_PROBES: Final = 64

Block = tuple[slice, ...]

_lock = Lock()


class Conditions:
    """The conditions of a design in SI, draws along the last axis.

    Parameters
    ----------
    design : Design
        The design.
    noise : callable, optional
        With it every draw is another built cell, within the tolerances of the design. Without,
        the conditions are the nominal ones, of length 1 along the draws.
    count : int
        Draws.
    parameters : mapping of str to ndarray
        In SI, draws along their first axis. Properties of a fitted separator among them
        (`inference.designs.mechanisms.own_property`) take the place of those of the design and its
        tolerances.
    """

    def __init__(
        self, design: Design, noise: Deviates | None, count: int, parameters: Values
    ) -> None:
        self._design = design
        self._noise = noise
        self.own: dict[str, Array] = {
            name: parameters[own_property(name)]
            for name in AXES[design.cell]
            if own_property(name) in parameters
        }
        self._kept = self.own | {
            name: self._values(name, slice(None))
            for name, axis in design.axes.items()
            if name not in self.own
            and axis.values.size * (count if self._spreads(name) else 1) <= _KEPT
        }
        self._estimates = design.cell == "liquid" and not (
            "macmullin_number" in design.axes or "macmullin_number" in self.own
        )
        if self._estimates and "porosity" in self._kept:
            self._kept["macmullin_number"] = self._macmullin(self._kept["porosity"])

    def of(self, block: Block) -> Values:
        """Return the conditions of a block of the grid.

        Parameters
        ----------
        block : tuple of slice
            One for each swept axis of the design.

        Returns
        -------
        dict of str to ndarray
            Each with the swept axes of the design in front, of length 1 where it does not depend
            on them, or with draws alone.
        """
        conditions = {}
        for name in dict.fromkeys((*self._design.axes, *self.own)):
            if name in self._kept:
                conditions[name] = part(self._kept[name], block)
            else:
                dims = self._design.dims
                here = block[dims.index(name)] if name in dims else slice(None)
                conditions[name] = self._values(name, here)
        if self._estimates:
            known = self._kept.get("macmullin_number")
            conditions["macmullin_number"] = (
                self._macmullin(conditions["porosity"]) if known is None else part(known, block)
            )
        return conditions

    def _spreads(self, name: str) -> bool:
        return self._noise is not None and name in self._design.tolerances

    def _values(self, name: str, where: slice) -> Array:
        design = self._design
        axis, kind = design.axes[name], AXES[design.cell][name]
        values = axis.values
        if axis.swept:
            values = values[where].reshape([-1 if dim == name else 1 for dim in design.dims] + [1])
        if self._noise is not None and name in design.tolerances:
            normal = self._noise(tolerance_source(name))
            values = design.tolerances[name].apply(kind, values, normal)
        with _lock:  # the registry of units is not made for threads
            return to_si(values, kind.unit)

    def _macmullin(self, porosity: Array) -> Array:
        """Return the number of a separator of which the porosity alone is known."""
        pore_type = self._design.pore_type
        number: Array = physics.macmullin_number_from_porosity(porosity, pore_type)
        if self._noise is None:
            return number
        normal = self._noise(tolerance_source("macmullin_number"))
        return number * np.exp(MACMULLIN_SCATTER[pore_type] * normal)


class Cells:
    """Cells of a design, of which each mechanism's threshold can be asked block by block.

    Parameters
    ----------
    design : Design
        The design.
    parameters : mapping of str to ndarray
        In SI, shape (draw,).
    setting : Setting
        Metal and laws.
    noise : callable, optional
        ``noise(source)`` are the standard normal numbers of new cells. Without it these are the
        median cells of each draw.
    like : Cells, optional
        Of the same design: what the noise does not change is taken from there.
    """

    def __init__(
        self,
        design: Design,
        parameters: Values,
        setting: Setting,
        noise: Deviates | None = None,
        like: "Cells | None" = None,
    ) -> None:
        self.design = design
        self.parameters = parameters
        self.setting = setting
        self.noise = noise
        self.mechanisms = MECHANISMS[design.cell]
        self.count = next(iter(parameters.values())).shape[-1]
        self._conditions = Conditions(design, noise, self.count, parameters)
        self._kept: dict[str, Array] = {}
        self._factors = {
            mechanism.name: cell_factor(mechanism, parameters, self._patches(None), noise)
            for mechanism in self.mechanisms
            if self._points({"area_ratio"}) * self.count <= _KEPT
        }
        shared: dict[str, _Core] = {} if like is None else like._cores
        spread = {*design.tolerances} - {*self._conditions.own}
        self._cores: dict[str, _Core] = {
            mechanism.name: shared[mechanism.name]
            if mechanism.name in shared and not mechanism.core_axes & spread
            else _Core(self, mechanism)
            for mechanism in self.mechanisms
            if mechanism.core is not None
        }

    def dims(self, mechanism: Mechanism) -> tuple[str, ...]:
        """Return the swept axes that a mechanism depends on.

        Parameters
        ----------
        mechanism : Mechanism
            The mechanism.

        Returns
        -------
        tuple of str
            In the order of the design.
        """
        return tuple(name for name in self.design.dims if name in mechanism.axes)

    def own_shape(self, mechanism: Mechanism) -> tuple[int, ...]:
        """Return the shape of the grid of a mechanism alone.

        Parameters
        ----------
        mechanism : Mechanism
            The mechanism.

        Returns
        -------
        tuple of int
            Lengths of the swept axes, 1 where the mechanism does not depend on them.
        """
        design = self.design
        return tuple(
            size if name in mechanism.axes else 1
            for name, size in zip(design.dims, design.shape, strict=True)
        )

    def threshold(self, mechanism: Mechanism, block: Block) -> Array:
        """Return the threshold current density of a mechanism on a block of the grid.

        Parameters
        ----------
        mechanism : Mechanism
            The mechanism.
        block : tuple of slice
            One for each swept axis.

        Returns
        -------
        ndarray, shape (*block, draw)
            [A/m^2]; of length 1 along axes that the mechanism does not depend on.
        """
        if mechanism.name in self._kept:
            return part(self._kept[mechanism.name], block)
        conditions = self._conditions.of(block)
        factor = self._factors.get(mechanism.name)
        if factor is None:
            factor = cell_factor(mechanism, self.parameters, self._patches(block), self.noise)
        core = self._cores.get(mechanism.name)
        values = mechanism.threshold(
            self.parameters,
            conditions,
            part(factor, block),
            self.setting,
            None if core is None else core.of(block),
        )
        shape = [
            len(range(*where.indices(size)))
            for where, size in zip(block, self.own_shape(mechanism), strict=True)
        ]
        return np.broadcast_to(values, (*shape, self.count))

    def keep(self, mechanism: Mechanism, workers: ThreadPoolExecutor, points: int) -> bool:
        """Evaluate a mechanism on its own grid once, if that is smaller than the design's.

        Parameters
        ----------
        mechanism : Mechanism
            The mechanism.
        workers : ThreadPoolExecutor
            Who does it.
        points : int
            Points of the grid at a time.

        Returns
        -------
        bool
            Whether that was done.
        """
        shape = self.own_shape(mechanism)
        if shape == self.design.shape or math.prod(shape) * self.count > _KEPT:
            return False
        values = np.empty((*shape, self.count))

        def fill(block: Block) -> None:
            values[block] = self.threshold(mechanism, block)

        wait(workers.map(fill, blocks(shape, points)))
        self._kept[mechanism.name] = values
        return True

    def _patches(self, block: Block | None) -> Values:
        """Return the one condition that the factor of a cell depends on."""
        block = tuple(slice(0, n) for n in self.design.shape) if block is None else block
        conditions = self._conditions.of(block)
        return {name: value for name, value in conditions.items() if name == "area_ratio"}

    def _points(self, names: set[str]) -> int:
        return math.prod(
            size
            for name, size in zip(self.design.dims, self.design.shape, strict=True)
            if name in names
        )


class _Core:
    """The dear part of a mechanism, known ahead wherever it can be."""

    def __init__(self, cells: Cells, mechanism: Mechanism) -> None:
        self._cells = cells
        self._mechanism = mechanism
        self._values: Array | None = None
        self._matrices: dict[int, Array] = {}
        self._logarithm = False
        design = cells.design
        swept = [name for name in design.dims if name in mechanism.core_axes]
        tried = swept if mechanism.smooth else []
        nodes = {name: found for name in tried if (found := self._nodes(name)) is not None}
        points = math.prod(
            nodes[name].size if name in nodes else design.axes[name].values.size for name in swept
        )
        if points * cells.count > _KEPT:
            return
        matrices = {
            design.dims.index(name): _matrix(design.axes[name], found, design.axes[name].values)
            for name, found in nodes.items()
        }
        # All axes but the one of fewest nodes are interpolated at once, where memory allows.
        ahead = sorted(matrices, key=lambda place: matrices[place].shape[1])[1:]
        size = points * math.prod(matrices[at].shape[0] / matrices[at].shape[1] for at in ahead)
        if size * cells.count > _KEPT:
            ahead = []

        def values_of(draws: slice) -> Array:
            values: Array = self._at(nodes, draws)
            if matrices:
                values = np.log(values)
            for place in ahead:
                values = _interpolated(matrices[place], values, place)
            return values

        ends = np.linspace(0, cells.count, min(cells.count, 8) + 1).astype(int)
        pieces = [slice(start, stop) for start, stop in itertools.pairwise(ends.tolist())]
        with ThreadPoolExecutor(_workers()) as workers:
            self._values = np.concatenate(list(workers.map(values_of, pieces)), axis=-1)
        self._logarithm = bool(matrices)
        self._matrices = {place: matrix for place, matrix in matrices.items() if place not in ahead}

    def of(self, block: Block) -> Array | None:
        """Return the core on a block, None where it has to be evaluated there."""
        if self._values is None:
            return None
        if not self._logarithm:
            return part(self._values, block)
        # Axes that are not interpolated any more are cut first.
        values = part(
            self._values,
            tuple(
                slice(None) if place in self._matrices else where
                for place, where in enumerate(block)
            ),
        )
        for place, matrix in self._matrices.items():
            values = _interpolated(matrix[block[place]], values, place)
        return np.asarray(np.exp(values))

    def _at(self, axes: Mapping[str, Array], draws: "slice | np.ndarray[Any, Any]") -> Any:
        """Evaluate the core with other values on some axes, for some of the draws."""
        cells, mechanism = self._cells, self._mechanism
        changed = {
            name: replace(axis, values=axes[name]) if name in axes else axis
            for name, axis in cells.design.axes.items()
            if name in mechanism.core_axes or not axis.swept
        }
        others = {
            name: replace(axis, values=axis.values[:1])
            for name, axis in cells.design.axes.items()
            if name not in changed
        }
        design = replace(cells.design, axes=changed | others)
        every = tuple(slice(0, size) for size in design.shape)
        conditions = Conditions(design, cells.noise, cells.count, cells.parameters).of(every)
        assert mechanism.core is not None  # noqa: S101 - made for such mechanisms only
        return mechanism.core(
            {name: values[draws] for name, values in cells.parameters.items()},
            {
                name: values[..., draws] if values.shape[-1] == cells.count else values
                for name, values in conditions.items()
            },
            cells.setting,
        )

    def _nodes(self, name: str) -> Array | None:
        """Return the fewest nodes of an axis that give the core to the last digits, or none."""
        cells = self._cells
        axis = cells.design.axes[name]
        draws = self._probes(name)
        blurred = cells.noise is not None and "temperature" in cells.design.tolerances
        close = _ROUNDED if blurred else _EXACT
        for count in _NODES:
            if 2 * count > axis.values.size:
                return None
            nodes = _chebyshev_nodes(axis, count)
            seen = axis.values[:: max(1, axis.values.size // (2 * count))]
            ends = {
                other: values[np.unique([0, values.size // 2, values.size - 1])]
                for other in cells.design.dims
                if other in self._mechanism.core_axes and other != name
                for values in [cells.design.axes[other].values]
            }
            with np.errstate(divide="ignore"):
                exact = np.log(self._at({**ends, name: seen}, draws))
                known = np.log(self._at({**ends, name: nodes}, draws))
            place = cells.design.dims.index(name)
            weights = _matrix(axis, nodes, seen)
            found = _interpolated(weights, known, place)
            if np.all(np.abs(found - exact) <= close * np.maximum(1.0, np.abs(exact))):
                return nodes
        return None

    def _probes(self, name: str) -> "np.ndarray[Any, Any]":
        """Return draws to try, the extreme ones of every parameter among them."""
        cells = self._cells
        tried = [np.linspace(0, cells.count - 1, min(_PROBES, cells.count)).round()]
        spread = [values for values in cells.parameters.values() if values.ndim == 1]
        if cells.noise is not None and name in cells.design.tolerances:
            spread.append(cells.noise(tolerance_source(name)))
        tried += [np.array([values.argmin(), values.argmax()]) for values in spread]
        return np.unique(np.concatenate(tried).astype(np.intp))


def _interpolated(weights: Array, values: Array, place: int) -> Array:
    """Take values at the nodes of one axis to other places of it."""
    return np.moveaxis(np.tensordot(weights, values, axes=(1, place)), 0, place)


def _natural(axis: Axis, values: Array) -> Array:
    """Return values of an axis on the scale on which they are interpolated, within -1 and 1."""

    def scaled(values: Array) -> Array:
        with _lock:
            si = to_si(values, axis.kind.unit)  # rounded as the conditions are
        return np.log(si) if axis.kind.spread == "lognormal" else si

    low, high = scaled(axis.values[[0, -1]])
    return np.asarray((2.0 * scaled(values) - low - high) / (high - low))


def _chebyshev_nodes(axis: Axis, count: int) -> Array:
    """Return Chebyshev nodes between the ends of an axis, increasing."""
    x = chebyshev.chebpts1(count)
    low, high = axis.values[0], axis.values[-1]
    if axis.kind.spread == "lognormal":
        return np.asarray(np.sqrt(low * high) * (high / low) ** (x / 2.0))
    return np.asarray((low + high) / 2.0 + (high - low) / 2.0 * x)


def _matrix(axis: Axis, nodes: Array, values: Array) -> Array:
    """Return the weights that take values at the nodes to those elsewhere, (value, node)."""
    last = nodes.size - 1
    at_nodes = chebyshev.chebvander(_natural(axis, nodes), last)
    elsewhere = chebyshev.chebvander(_natural(axis, values), last)
    return np.ascontiguousarray(np.linalg.solve(at_nodes.T, elsewhere.T).T)


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
    _keep_freed_memory()
    median = Cells(design, parameters, setting)
    new = Cells(design, parameters, setting, noise, like=median)
    mechanisms = median.mechanisms
    currents = design.current.values * CURRENT_FACTOR
    levels = np.array(QUANTILES)
    points = max(1, numbers_at_once // median.count)
    numbers = MapNumbers.empty(len(mechanisms), currents.size, risks.size, design.shape)
    for source in dict.fromkeys(name for item in mechanisms for name in item.scatters):
        noise(source)  # drawn once, before there are threads
    with ThreadPoolExecutor(_workers()) as workers:
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

        wait(workers.map(fill, blocks(design.shape, points)))
    return numbers


def _evaluate_apart(
    mechanism: Mechanism,
    index: int,
    median: Cells,
    new: Cells,
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

        def fill(block: Block, cells: Cells = cells, found: Array = found) -> None:
            ordered = np.sort(cells.threshold(mechanism, block), axis=-1)
            found[:, *block] = order_statistics(ordered, levels)

        wait(workers.map(fill, blocks(shape, points)))
        into[index] = found
    return True


def _keep_freed_memory() -> None:
    """Have the memory of one block serve the next.

    glibc gives freed arrays back to the system, and new pages for every block took threads as long
    as all else. It keeps what is no larger than the largest array ever freed, of 32 MB at most.
    """
    np.empty(31 << 20, np.uint8)


def _workers() -> int:
    """Return how many threads compute: one for each core that the process may use."""
    available = getattr(os, "sched_getaffinity", None)
    cores = len(available(0)) if available else os.cpu_count() or 1
    return min(cores, _MOST_WORKERS)


def wait(done: Iterable[None]) -> None:
    """Wait for threads, and raise what one of them raised.

    Parameters
    ----------
    done : iterable
        Of an executor's ``map``.
    """
    for _ in done:
        pass


def part(values: Array, block: Block) -> Array:
    """Return the part of an array that belongs to a block of the grid.

    Parameters
    ----------
    values : ndarray
        With the grid's axes in front, of length 1 where it does not depend on them, or with draws
        alone.
    block : tuple of slice
        One for each axis of the grid.

    Returns
    -------
    ndarray
        A view.
    """
    if values.ndim <= len(block):
        return values
    whole = slice(None)
    return values[
        tuple(
            whole if size == 1 else where for size, where in zip(values.shape, block, strict=False)
        )
    ]


def blocks(shape: tuple[int, ...], points: int) -> Iterator[Block]:
    """Cut a grid into blocks, along its first axes first.

    Parameters
    ----------
    shape : tuple of int
        Of the grid.
    points : int
        Most points of a block.

    Yields
    ------
    tuple of slice
        One for each axis.
    """
    sizes = list(shape)
    for place in range(len(sizes)):
        rest = math.prod(sizes[place + 1 :])
        sizes[place] = max(1, min(sizes[place], points // rest))
    parts = [
        [slice(start, min(start + size, length)) for start in range(0, length, size)]
        for length, size in zip(shape, sizes, strict=True)
    ]
    yield from itertools.product(*parts)


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
