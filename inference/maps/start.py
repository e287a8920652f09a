"""The design of a cell that a reader of a fit starts from."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import numpy.typing as npt

from data.errors import MapError
from inference.designs.axes import Axis, Cell
from inference.designs.design import Design
from inference.designs.limits import option
from inference.maps.asked import one_design
from inference.maps.caveats import tested_protocol
from inference.maps.extrapolation import DataSpan, extrapolated, supports
from inference.maps.known import refuse_uncovered
from inference.rows.data_ranges import LINEAR

if TYPE_CHECKING:
    from inference.designs.basis import Basis

__all__ = ["default_design", "explorable_cells", "start_design"]


def explorable_cells(result: "Basis", cells: Iterable[str]) -> dict[Cell, str]:
    """Say which kinds of cell the page can speak of.

    Parameters
    ----------
    result : Basis
        A finished fit.
    cells : iterable of str
        Kinds of cell that the run maps.

    Returns
    -------
    dict of str to str
        By kind of cell: empty where it can, otherwise why not.
    """
    found: dict[Cell, str] = {}
    for cell in get_args(Cell):
        if cell not in {*cells} and not result.data_ranges.get(cell):
            continue
        try:
            refuse_uncovered(default_design(result, cell), result)
        except MapError as error:
            found[cell] = str(error)
        else:
            found[cell] = ""
    return found


def start_design(
    result: "Basis", cell: Cell, section: Mapping[str, Any]
) -> tuple[Design, dict[str, list[float]]]:
    """Return the design of one cell that the page starts from.

    Parameters
    ----------
    result : Basis
        A finished fit.
    cell : {"liquid", "solid"}
        The kind of cell.
    section : mapping
        The design of its map as a job writes it; empty for the default.

    Returns
    -------
    design : Design
        Of a swept axis the middle to two digits, or the middle of what lies inside the range of
        the data, where the middle of all does not.
    ends : dict of str to list
        Ends of the swept axes.
    """
    design = default_design(result, cell)
    if section and "separators" not in section:
        design = one_design({**_as_tested(result, cell), **section, "cell": cell}, result)
    beyond = extrapolated(design, result)
    axes, ends = {}, {}
    for name, axis in design.axes.items():
        middle = float(axis.values[0])
        if axis.swept:
            ends[name] = [float(axis.values[0]), float(axis.values[-1])]
            middle = _middle(axis, beyond.get(name, np.zeros(axis.values.size, bool)), ends[name])
            if name in beyond and beyond[name].all():
                middle = _between(name, supports(design, result), ends[name], middle)
        axes[name] = replace(axis, values=np.array([middle]), swept=False)
    return replace(design, axes=axes), ends


def default_design(result: "Basis", cell: Cell) -> Design:
    """Return the design that a kind of cell has where none is asked for, as cells were tested."""
    section: dict[str, Any] = {"cell": cell, **_as_tested(result, cell)}
    weakest = option(result.attrs, "penetration", "pores") == "weakest_link"
    if cell == "liquid" and weakest and "pore_size_spread" not in result.posterior:
        section["pore_size_spread"] = 0.1
    return one_design(section, result)


def _as_tested(result: "Basis", cell: Cell) -> dict[str, str]:
    """Return the protocol of all rows, where it is one."""
    protocol = tested_protocol(result) if cell == "solid" else None
    return {"protocol": protocol} if protocol else {}


def _middle(axis: Axis, beyond: npt.NDArray[np.bool_], ends: list[float]) -> float:
    """Return the value of a swept axis that the page starts from."""
    place = (axis.values.size - 1) // 2
    if beyond[place] and not beyond.all():
        inside = np.flatnonzero(~beyond)
        place = int(inside[(inside.size - 1) // 2])
    value = float(axis.values[place])
    short = min(max(float(f"{value:.2g}"), ends[0]), ends[1])
    # Rounded only where that does not lead out of the range of the data.
    near = np.abs(axis.values - short).argmin()
    return value if beyond[near] and not beyond[place] else short


def _between(
    name: str, every: Iterable[DataSpan], ends: Sequence[float], otherwise: float
) -> float:
    """Return the middle of a range of the data that lies between two values of a swept axis."""
    known = [each.ranges[name] for each in every if name in each.ranges]
    low = max([ends[0], *(each[0] for each in known)])
    high = min([ends[1], *(each[1] for each in known)])
    if not known or low > high:
        return otherwise
    if low == high:
        return low
    return 0.5 * (low + high) if name in LINEAR else math.sqrt(low * high)
