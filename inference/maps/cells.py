"""Currents at which new cells fail, draw by draw, over the points of a map."""

import itertools
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Final

import numpy as np

from data.arrays import Array
from inference.designs.design import Design
from inference.designs.limits import Setting, Values
from inference.designs.mechanisms import MECHANISMS, Deviates, Mechanism, cell_factor
from inference.designs.noise import tolerance_source
from inference.maps.conditions import MOST_KEPT, Block, Conditions, part
from inference.maps.interpolation import chebyshev_nodes, interpolated, interpolation_matrix

__all__ = ["NewCells", "blocks_of_grid", "count_of_workers", "keep_freed_memory", "wait"]

_MOST_WORKERS: Final = 8
_NODES: Final = (16, 32, 48, 64)
_EXACT: Final = 3e-13  # of an interpolated logarithm
_ROUNDED: Final = 1e-9  # the same where each draw's temperature is rounded to a nanokelvin
_PROBES: Final = 64


class NewCells:
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
    like : NewCells, optional
        Of the same design: what the noise does not change is taken from there.
    """

    def __init__(
        self,
        design: Design,
        parameters: Values,
        setting: Setting,
        noise: Deviates | None = None,
        like: "NewCells | None" = None,
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
            if self._points({"area_ratio"}) * self.count <= MOST_KEPT
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
        if shape == self.design.shape or math.prod(shape) * self.count > MOST_KEPT:
            return False
        values = np.empty((*shape, self.count))

        def fill(block: Block) -> None:
            values[block] = self.threshold(mechanism, block)

        wait(workers.map(fill, blocks_of_grid(shape, points)))
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

    def __init__(self, cells: NewCells, mechanism: Mechanism) -> None:
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
        if points * cells.count > MOST_KEPT:
            return
        matrices = {
            design.dims.index(name): interpolation_matrix(
                design.axes[name], found, design.axes[name].values
            )
            for name, found in nodes.items()
        }
        # All axes but the one of fewest nodes are interpolated at once, where memory allows.
        ahead = sorted(matrices, key=lambda place: matrices[place].shape[1])[1:]
        size = points * math.prod(matrices[at].shape[0] / matrices[at].shape[1] for at in ahead)
        if size * cells.count > MOST_KEPT:
            ahead = []

        def values_of(draws: slice) -> Array:
            values: Array = self._at(nodes, draws)
            if matrices:
                values = np.log(values)
            for place in ahead:
                values = interpolated(matrices[place], values, place)
            return values

        ends = np.linspace(0, cells.count, min(cells.count, 8) + 1).astype(int)
        pieces = [slice(start, stop) for start, stop in itertools.pairwise(ends.tolist())]
        with ThreadPoolExecutor(count_of_workers()) as workers:
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
            values = interpolated(matrix[block[place]], values, place)
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
            nodes = chebyshev_nodes(axis, count)
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
            weights = interpolation_matrix(axis, nodes, seen)
            found = interpolated(weights, known, place)
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


def keep_freed_memory() -> None:
    """Have the memory of one block serve the next.

    glibc gives freed arrays back to the system, and new pages for every block took threads as long
    as all else. It keeps what is no larger than the largest array ever freed, of 32 MB at most.
    """
    np.empty(31 << 20, np.uint8)


def count_of_workers() -> int:
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


def blocks_of_grid(shape: tuple[int, ...], points: int) -> Iterator[Block]:
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
