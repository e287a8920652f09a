"""The design of a cell: the conditions over which a safe-current map is drawn.

A design names one kind of cell and gives each of its conditions as a fixed quantity, a list of
quantities or a range. Quantities carry their unit in text ("14 nm"); inside they are floats in the
canonical unit of their axis.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, get_args

import numpy as np

from data.arrays import Array
from data.errors import MapError
from data.schema import nearest
from inference.designs.axes import (
    AXES,
    CURRENT,
    TOLERANCE,
    Axis,
    AxisKind,
    Cell,
    PoreType,
    Protocol,
    Tolerance,
    check_choice,
    parse_range,
)
from inference.thresholds import TOLERANCE_REACH

__all__ = ["Design", "default_current", "unknown_key"]


_DEFAULT_CURRENT: Final = {"from": "0.01 mA/cm^2", "to": "1000 mA/cm^2", "points": 101}


def default_current() -> Axis:
    """Return the axis of currents that every map has."""
    return Axis(CURRENT, parse_range(CURRENT, {**_DEFAULT_CURRENT, "scale": "log"}))


@dataclass(frozen=True)
class Design:
    """A kind of cell and the conditions over which its safe currents are mapped.

    Parameters
    ----------
    cell : {"liquid", "solid"}
        The kind of cell; the mechanisms of the two are never mixed.
    axes : mapping of str to Axis
        The conditions by name. An optional one may be missing: without `charge` a liquid cell is
        judged in the steady state, without `macmullin_number` the number follows from the porosity.
        With `area_ratio` a cell fails by the weakest of so many patches of the reference area:
        where one patch fails with probability p, with ``1 - (1 - p)^area_ratio``.
        `pore_size_spread` is for fits in which the largest pore decides; without it that of the
        fit's separators is used.
    tolerances : mapping of str to Tolerance
        Variation of conditions between built cells, by the name of the axis.
    current : Axis, optional
        Current densities at which the probability of being safe is evaluated.
    pore_type : {"polymer", "straight"}
        Kind of pores, for the MacMullin number (liquid only).
    protocol : {"one_way", "step"}
        How the current is applied, for the supply factor (solid only).
    separator : str
        The separator of the campaign that new cells are of (liquid only): in place of the stated
        properties and tolerances stand its own, as fitted. Without it they are of a new separator.

    Raises
    ------
    MapError
        If an axis is unknown, missing or given a tolerance that is not legal, or that leads
        out of the axis' legal range.
    """

    cell: Cell
    axes: Mapping[str, Axis]
    tolerances: Mapping[str, Tolerance] = field(default_factory=dict)
    current: Axis = field(default_factory=default_current)
    pore_type: PoreType = "polymer"
    protocol: Protocol = "step"
    separator: str = ""

    def __post_init__(self) -> None:
        """Check that the axes and tolerances belong to the kind of cell."""
        check_choice("cell", self.cell, get_args(Cell))
        check_choice("pore_type", self.pore_type, get_args(PoreType))
        check_choice("protocol", self.protocol, get_args(Protocol))
        kinds = AXES[self.cell]
        for name in self.axes:
            if name not in kinds:
                raise MapError(unknown_key(self.cell, name, kinds))
        for name, kind in kinds.items():
            if name not in self.axes and not kind.optional:
                raise MapError(f"the {self.cell} design has no {name!r} [{kind.unit}]: give one")
        for name in self.tolerances:
            if name not in kinds:
                raise MapError(unknown_key(self.cell, name + TOLERANCE, kinds))
            if name not in self.axes:
                raise MapError(
                    f"the {self.cell} design gives {name}{TOLERANCE} but leaves {name} blank: "
                    f"give {name} too"
                )
        for name in self.tolerances:
            self._check_reach(name)
        # The registry's order, so that the dimensions of a map do not depend on the file's.
        ordered = {name: self.axes[name] for name in kinds if name in self.axes}
        object.__setattr__(self, "axes", MappingProxyType(ordered))
        object.__setattr__(self, "tolerances", MappingProxyType(dict(self.tolerances)))

    def _check_reach(self, name: str) -> None:
        """Refuse a tolerance that leads out of the legal range of its axis."""
        kind = self.axes[name].kind
        nominal = self.axes[name].values
        for ends in self.reach(name):
            beyond = (ends < kind.lower) | (ends > kind.upper)
            if beyond.any():
                at = int(np.flatnonzero(beyond)[0])
                end = f"{ends[at]:.4g} {kind.unit}".removesuffix(" 1")
                raise MapError(
                    f"{name}{TOLERANCE} lets map axis {name!r} reach {end} "
                    f"({TOLERANCE_REACH:g} standard deviations from {nominal[at]:g}), legal are "
                    f"{kind.range_text}: state a smaller {name}{TOLERANCE}, or move the axis"
                )

    def reach(self, name: str) -> tuple[Array, Array]:
        """Return how far built cells lie from the values of an axis, 19 of 20 of them.

        Parameters
        ----------
        name : str
            The axis.

        Returns
        -------
        lower, upper : ndarray
            Ends for each value, in the axis' unit; the values themselves without a tolerance.
        """
        axis = self.axes[name]
        if name not in self.tolerances:
            return axis.values, axis.values
        spread = (np.full_like(axis.values, sign * TOLERANCE_REACH) for sign in (-1.0, 1.0))
        lower, upper = (self.tolerances[name].apply(axis.kind, axis.values, z) for z in spread)
        return lower, upper

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of the swept axes, in the order of the map's dimensions."""
        return tuple(name for name, axis in self.axes.items() if axis.swept)

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the swept axes."""
        return tuple(self.axes[name].values.size for name in self.dims)


def unknown_key(cell: Cell, key: str, kinds: Mapping[str, AxisKind]) -> str:
    """Say that a design has no such key, and where it belongs or what is near."""
    stem = key.removesuffix(TOLERANCE)
    suffix = TOLERANCE if stem != key else ""
    choice = "pore_type" if cell == "liquid" else "protocol"
    legal = [*kinds, CURRENT.name, choice]
    text = f"a {cell} design has no {key!r}"
    for other, others in AXES.items():
        if other != cell and stem in others:
            return f"{text}: {stem} belongs to {other} cells; legal are {', '.join(legal)}"
    hint = nearest(key, [f"{each}{suffix}" for each in (kinds if suffix else legal)])
    return f"{text}{hint}; legal are {', '.join(legal)}, and <axis>{TOLERANCE} for a tolerance"
