"""Conditions of the points of a map, block by block."""

from threading import Lock
from typing import Final

import numpy as np

from data.arrays import Array
from data.units import to_si
from inference.designs.axes import AXES
from inference.designs.design import Design
from inference.designs.limits import Values
from inference.designs.mechanisms import Deviates, own_property
from inference.designs.noise import tolerance_source
from models import physics
from models.separators import MACMULLIN_SCATTER

__all__ = ["MOST_KEPT", "Block", "Conditions", "kept_lock", "part"]

MOST_KEPT: Final = 16_000_000  # numbers of an array that is kept for all blocks


Block = tuple[slice, ...]


kept_lock = Lock()


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
            and axis.values.size * (count if self._spreads(name) else 1) <= MOST_KEPT
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
        with kept_lock:  # the registry of units is not made for threads
            return to_si(values, kind.unit)

    def _macmullin(self, porosity: Array) -> Array:
        """Return the number of a separator of which the porosity alone is known."""
        pore_type = self._design.pore_type
        number: Array = physics.macmullin_number_from_porosity(porosity, pore_type)
        if self._noise is None:
            return number
        normal = self._noise(tolerance_source("macmullin_number"))
        return number * np.exp(MACMULLIN_SCATTER[pore_type] * normal)


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
