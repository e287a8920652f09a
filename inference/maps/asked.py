"""Which designs are asked of a fit, and whether it can speak of them."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, get_args

import xarray as xr

from data.errors import MapError
from inference.designs.axes import AXES, Cell
from inference.designs.basis import Planned
from inference.designs.design import Design
from inference.designs.reading import (
    SEPARATOR_AXES,
    names_known_separators,
    read_design,
    read_designs,
)
from inference.maps.known import (
    refuse_uncovered,
)
from inference.maps.separators import separators_of

if TYPE_CHECKING:
    from inference.designs.basis import Basis

__all__ = [
    "as_asked",
    "asked_designs",
    "asked_sections",
    "check_designs",
    "drawn_with",
    "one_design",
    "shared_conditions",
]


def drawn_with(
    maps: Mapping[str, xr.Dataset], axes: Mapping[str, Mapping[str, Any]], result: "Basis"
) -> bool:
    """Say whether maps were drawn with the axes that a job asks for.

    Parameters
    ----------
    maps : mapping of str to xarray.Dataset
        Maps by kind of cell.
    axes : mapping
        The section `map.axes` of the job.
    result : Basis
        The fit.

    Returns
    -------
    bool
        False where a map is missing, is one too many, has other axes, or does not say which new
        cells it means.
    """
    asked = {
        cell: as_asked(section)["axes"] for cell, section in asked_sections(axes, result).items()
    }
    return asked == {
        # Of a map that does not say which new cells it means, those of a separator were new ones.
        cell: dataset.attrs.get("axes") if "new_cell" in {**dataset.attrs, **dataset.coords} else ""
        for cell, dataset in maps.items()
    }


def asked_sections(
    axes: Mapping[str, Mapping[str, Any]], result: "Basis"
) -> dict[str, Mapping[str, Any]]:
    """Return the designs that are mapped: those asked for, or one of each cell with data."""
    return dict(axes) or {cell: {} for cell in AXES if result.data_ranges.get(cell)}


def as_asked(section: Mapping[str, Any]) -> dict[str, str]:
    """Return the attribute that says which axes a map was made with, as a job writes them."""
    axes = {str(key): value for key, value in section.items() if key != "cell"}
    return {"axes": json.dumps(axes, sort_keys=True, default=str)}


def asked_designs(section: Mapping[str, Any], result: "Basis") -> dict[str, Design]:
    """Return the designs of a section: one, or one for each of its named separators."""
    entries = dict(section)
    if "cell" not in entries:
        raise MapError('a design needs its kind of cell: give "cell", liquid or solid')
    cell = str(entries.pop("cell"))
    return _read(cell, entries, result)


def _read(cell: str, section: Mapping[str, Any], known: Planned) -> dict[str, Design]:
    separators = separators_of(known) if names_known_separators(section) else {}
    return read_designs(
        cell,
        {**shared_conditions(cell, section, known), **section},
        salt_concentration=known.salt_concentration,
        separators=separators,
    )


def shared_conditions(
    cell: str, section: Mapping[str, Any], known: Planned
) -> dict[str, str | float]:
    """Return what a design takes from the data: conditions of which all rows have one value.

    Parameters
    ----------
    cell : {"liquid", "solid"}
        The kind of cell.
    section : mapping
        The design as a job writes it.
    known : Planned
        A finished fit, or what one that is planned will speak of.

    Returns
    -------
    dict of str to str or float
        Entries as a job writes them, of axes that have one value by default and that the section
        does not give.
    """
    if cell not in get_args(Cell):
        return {}  # which reading it refuses
    usual = read_design(cell, {})
    ranges = known.data_ranges
    own = (
        ranges.get(f"solid {section.get('protocol', usual.protocol)}") if cell == "solid" else None
    )
    separators = "separators" in section
    return {
        name: ends[0] if axis.kind.unit == "1" else f"{ends[0]!r} {axis.kind.unit}"
        for name, axis in usual.axes.items()
        if not axis.swept and name not in section and not (separators and name in SEPARATOR_AXES)
        if len({*(ends := (own or ranges.get(cell, {})).get(name, []))}) == 1
    }


def one_design(section: Mapping[str, Any], result: "Basis") -> Design:
    """Read the design of one cell.

    Parameters
    ----------
    section : mapping
        As in a job file, with the key `cell`.
    result : Basis
        The fit.

    Returns
    -------
    Design
        The design.

    Raises
    ------
    MapError
        If it is not legal, or names several separators.
    """
    designs = asked_designs(section, result)
    if len(designs) > 1:
        raise MapError(
            f"the design names {len(designs)} separators ({', '.join(designs)}): one is due here"
        )
    return next(iter(designs.values()))


def check_designs(axes: Mapping[str, Mapping[str, Any]], known: Planned) -> None:
    """Refuse designs that no map will be drawn of, before anything is computed.

    Parameters
    ----------
    axes : mapping
        The section `map.axes` of a job: designs by kind of cell.
    known : Planned
        A finished fit, or what one that is planned will speak of.

    Raises
    ------
    MapError
        If a design is not legal, or asks for conditions that nothing in the fit speaks of; the
        message is the one with which the map itself is refused.
    """
    for cell, section in axes.items():
        for design in _read(cell, section, known).values():
            refuse_uncovered(design, known)
