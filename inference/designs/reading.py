"""Designs as a job, a command or a script writes them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast, get_args

from data.errors import MapError
from data.schema import nearest
from inference.designs.axes import (
    AXES,
    CURRENT,
    TOLERANCE,
    Axis,
    Cell,
    Tolerance,
    check_choice,
    parse_tolerance,
)
from inference.designs.design import Design, default_current, unknown_key

__all__ = [
    "OF_SEPARATOR",
    "SEPARATOR_AXES",
    "names_known_separators",
    "read_design",
    "read_designs",
]

_DEFAULTS: Final[Mapping[Cell, Mapping[str, Any]]] = {
    "liquid": {
        "pore_radius": {"from": "5 nm", "to": "500 nm", "points": 61, "scale": "log"},
        "porosity": 0.39,
        "thickness": "25 um",
        "concentration": "1 mol/L",
        "temperature": "25 degC",
    },
    "solid": {
        "charge": {"from": "0.1 mAh/cm^2", "to": "30 mAh/cm^2", "points": 51, "scale": "log"},
        "pressure": {"from": "0 MPa", "to": "9 MPa", "points": 37},
        "temperature": "25 degC",
        "metal_thickness": "500 um",
    },
}


def read_design(
    cell: str,
    section: Mapping[str, Any],
    *,
    salt_concentration: float | None = None,
    separator: str = "",
) -> Design:
    """Read a design as a job file writes it; what is not given keeps its default.

    Parameters
    ----------
    cell : {"liquid", "solid"}
        The kind of cell.
    section : mapping
        Axes by name (see :meth:`Axis.parse`), tolerances as `<axis>_sd` (a quantity, or a
        percentage of the value such as "10 %"), `current_density`, `pore_type` and `protocol`.
        An empty string leaves an optional axis blank.
    salt_concentration : float, optional
        Of the campaign's electrolyte [mol/L], the default of the axis `concentration`.
    separator : str, optional
        The separator of the campaign that the section states, of which new cells are.

    Returns
    -------
    Design
        The design.

    Raises
    ------
    MapError
        If a key or a value is not legal.
    """
    check_choice("cell", cell, get_args(Cell))
    kind_of_cell = cast("Cell", cell)
    kinds = AXES[kind_of_cell]
    entries = dict(_DEFAULTS[kind_of_cell])
    if kind_of_cell == "liquid" and salt_concentration is not None:
        entries["concentration"] = f"{salt_concentration!r} mol/L"
    choice = "pore_type" if kind_of_cell == "liquid" else "protocol"
    choices: dict[str, Any] = {}
    tolerances: dict[str, Tolerance] = {}
    current = default_current()
    for key, entry in section.items():
        if key == choice:
            choices[key] = entry
        elif key == CURRENT.name:
            current = Axis.parse(CURRENT, entry)
        elif key in kinds:
            entries[key] = entry
        elif (name := key.removesuffix(TOLERANCE)) != key and name in kinds:
            tolerances[name] = parse_tolerance(kinds[name], entry)
        else:
            raise MapError(unknown_key(kind_of_cell, key, kinds))
    axes = {}
    for name, entry in entries.items():
        if kinds[name].optional and isinstance(entry, str) and not entry.strip():
            continue
        axes[name] = Axis.parse(kinds[name], entry)
    return Design(kind_of_cell, axes, tolerances, current, separator=separator, **choices)


SEPARATOR_AXES: Final = (
    "pore_radius",
    "porosity",
    "thickness",
    "macmullin_number",
    "pore_size_spread",
)
"""Axes of a liquid cell that belong to its separator."""


OF_SEPARATOR: Final = (
    *SEPARATOR_AXES,
    *(f"{name}{TOLERANCE}" for name in SEPARATOR_AXES),
    "pore_type",
)
"""Keys of a liquid design that belong to its separator, tolerances among them."""


_SEPARATORS: Final = "separators"


_NEEDED: Final = ("pore_radius", "porosity", "thickness")


_EVERY_SEPARATOR: Final = "campaign"


def read_designs(
    cell: str,
    section: Mapping[str, Any],
    *,
    salt_concentration: float | None = None,
    separators: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Design]:
    """Read the designs of a section that may name separators.

    Parameters
    ----------
    cell, section, salt_concentration
        As in :func:`read_design`. With the key `separators` of a liquid cell there is a design for
        each: ``"campaign"`` for all of the campaign's, or a list whose items are their names, or
        tables with the key `separator` and keys of the section. By its name alone a separator is
        the one that was fitted. A table that says more is a new separator: with pore radius,
        porosity and thickness it stands alone, otherwise it changes what is stated of its name.
    separators : mapping of str to mapping, optional
        What is known of the campaign's separators, as such a section. Without it names are taken
        on trust, to check the rest.

    Returns
    -------
    dict of str to Design
        By the name of the separator; by an empty text where none is named.

    Raises
    ------
    MapError
        If a key or a value is not legal, or a separator is not known.
    """
    if _SEPARATORS not in section or cell != "liquid":
        return {"": read_design(cell, section, salt_concentration=salt_concentration)}
    rest = {key: value for key, value in section.items() if key != _SEPARATORS}
    for key in rest:
        if key in OF_SEPARATOR:
            raise MapError(
                f"the liquid design gives {key!r} and names separators: each brings its own; "
                f"leave out one of the two, or write it into a separator's table"
            )
    return {
        name: read_design(
            cell,
            {**rest, **own},
            salt_concentration=salt_concentration,
            separator=name if fitted else "",
        )
        for name, (own, fitted) in _separators(section[_SEPARATORS], separators).items()
    }


def _separators(
    entry: object, known: Mapping[str, Mapping[str, Any]] | None
) -> dict[str, tuple[dict[str, Any], bool]]:
    """Return what is said of each separator by its name, and whether it is the one fitted."""
    if entry == _EVERY_SEPARATOR:
        if known is not None and not known:
            raise MapError(
                'separators = "campaign", but the campaign has none: give them as tables, such as '
                '[{separator = "A", pore_radius = "30 nm", porosity = 0.4, thickness = "25 um"}]'
            )
        return {name: (dict(own), True) for name, own in (known or {"": {}}).items()}
    if isinstance(entry, str) or not isinstance(entry, Sequence) or not entry:
        raise MapError(
            f'separators is {entry!r}: legal are "campaign", or a list of names and tables, such '
            'as ["trilayer", {separator = "A", pore_radius = "30 nm", porosity = 0.4, '
            'thickness = "25 um"}]'
        )
    found: dict[str, tuple[dict[str, Any], bool]] = {}
    for item in entry:
        name, own = _separator(item)
        if name in found:
            raise MapError(f"separators names {name!r} twice")
        found[name] = _completed(name, own, known), not own
    return found


def _separator(item: object) -> tuple[str, dict[str, Any]]:
    """Return the name of a separator, and what its table says of it."""
    own = dict(item) if isinstance(item, Mapping) else {"separator": item}
    name = own.pop("separator", None)
    if not isinstance(name, str) or not name.strip():
        raise MapError(f'separators holds {item!r}: a separator needs its name, separator = "..."')
    for key in own:
        if key not in OF_SEPARATOR:
            raise MapError(
                f"separator {name!r} has no {key!r}{nearest(str(key), OF_SEPARATOR)}; legal are "
                f"{', '.join(OF_SEPARATOR)}"
            )
    return name, own


def _completed(
    name: str, own: dict[str, Any], known: Mapping[str, Mapping[str, Any]] | None
) -> dict[str, Any]:
    """Return what is said of a separator, completed by what is stated of its name."""
    missing = [key for key in _NEEDED if key not in own]
    if known is None or not missing:
        return own
    if name in known:
        return {**known[name], **own}
    names = ", ".join(repr(each) for each in known) or "none"
    raise MapError(
        f"separator {name!r}{nearest(name, known)} is not one of the campaign's ({names}), and its "
        f"table lacks "
        f"{', '.join(missing)}"
    )


def names_known_separators(section: Mapping[str, Any]) -> bool:
    """Say whether a section can be read only with the separators of its campaign.

    Parameters
    ----------
    section : mapping
        As for :func:`read_designs`.

    Returns
    -------
    bool
        Whether it names separators without saying all of them.
    """
    entry = section.get(_SEPARATORS, ())
    if entry == _EVERY_SEPARATOR:
        return True
    items = entry if isinstance(entry, Sequence) and not isinstance(entry, str) else ()
    return any(not isinstance(item, Mapping) or not {*_NEEDED} <= {*item} for item in items)
