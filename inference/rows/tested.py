"""Under what the cells of a campaign were tested, row by row."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from data.arrays import Array
from data.ranges import ENDS, RANGE_COLUMNS
from data.tables import clocks
from data.units import si_factor
from models.blocks import block, blocks
from models.physics import macmullin_number_from_porosity

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from data.campaign import Campaign

__all__ = [
    "OF_TESTS",
    "TELL_OF",
    "UNSURE",
    "TestedRows",
    "bound_below",
    "charges_in",
    "charges_of_limits",
    "charges_of_solid",
    "charges_survived",
    "liquid_rows",
    "numbers_in",
    "of_protocol",
    "of_separators",
    "solid_rows",
    "spans_of",
    "tests_in",
]

_SOLID = "dc_polarization"


OF_TESTS: Final = ("concentration", "temperature")


UNSURE: Final = ("pore_radius", "porosity")  # that penetration goes with


_OF_LIMITS = frozenset({"limiting_current_density", "diffusivity_over_anion_transference"})


_HOUR = si_factor("h")


TELL_OF = {
    limit: tuple(name for name, each in blocks().items() if each.limit == limit)
    for limit in ("penetration", "depletion", "voids")
}
"""The tables whose rows tell of each limit."""


_SAME: Final = 1e-9  # relative: rounding of a difference of two currents


def tests_in(table: "xr.Dataset") -> tuple[Array, "NDArray[np.bool_]"]:
    """Return of each row the highest current [mA/cm^2], and whether a cell failed."""
    if "plateau_current" in table:  # which is the limiting one
        current = numbers_in(table, "plateau_current") / numbers_in(table, "area")
        return current, np.ones(current.size, dtype=bool)
    names = [name for name in ("current_density", *ENDS, *RANGE_COLUMNS[:2]) if name in table]
    highest = np.fmax.reduce([numbers_in(table, name) for name in names])
    if "outcome" in table:
        return highest, table["outcome"].to_numpy() == "penetrated"
    ends = (
        ENDS[1],
        RANGE_COLUMNS[1],
        *(f"{time}{end}" for time in clocks().values() for end in ("", "_upper")),
    )
    events = [np.isfinite(numbers_in(table, name)) for name in ends if name in table]
    return highest, np.logical_or.reduce(events)


def bound_below(table: "xr.Dataset") -> "NDArray[np.bool_]":
    """Return which rows say of a current that a cell bears it, or when it failed at one.

    Those that failed at their first step, or by a time, bound what cells bear from above alone.
    """
    if "plateau_current" in table:
        return np.ones(table["line"].size, dtype=bool)
    if "outcome" in table:
        return np.asarray(table["outcome"].values != "penetrated")
    found = numbers_in(table, ENDS[0]) > 0.0 if ENDS[0] in table else np.zeros(1, dtype=bool)
    for name in clocks().values():
        if name in table:  # without an event a test is borne to its planned end
            event = numbers_in(table, name), numbers_in(table, f"{name}_lower")
            late = np.isfinite(event).any(axis=0) | ~np.isfinite(numbers_in(table, f"{name}_upper"))
            found = found | (late & np.isfinite(numbers_in(table, "stop_time")))
    if RANGE_COLUMNS[1] in table:
        height = numbers_in(table, RANGE_COLUMNS[2])
        found = found | (numbers_in(table, RANGE_COLUMNS[1]) > height * (1.0 + _SAME))
    return found


def spans_of(values: Mapping[str, list[Array]]) -> dict[str, list[float]]:
    """Return the range of each condition that some rows tell of."""
    spans = {}
    for axis, parts in values.items():
        known = np.concatenate([np.ravel(part) for part in parts]) if parts else np.empty(0)
        known = known[np.isfinite(known)]
        if known.size:
            spans[axis] = [float(known.min()), float(known.max())]
    return spans


@dataclass(frozen=True)
class TestedRows:
    """The conditions of the rows that tell of one limit, NaN where a row states none.

    Parameters
    ----------
    values : dict of str to ndarray of shape (rows,)
        By axis of a map, in its unit.
    separator : ndarray of str, shape (rows,)
        Empty where a row names none.
    sds : dict of str to ndarray of shape (rows,)
        Stated standard deviations of some of the values.
    """

    values: dict[str, Array]
    separator: "NDArray[np.str_]"
    sds: dict[str, Array]

    def spans(self) -> dict[str, list[float]]:
        """Return the range of each condition."""
        return spans_of({name: [each] for name, each in self.values.items()})

    def of(self, separator: str) -> "TestedRows":
        """Return the rows of one separator."""
        own = self.separator == separator
        return TestedRows({n: v[own] for n, v in self.values.items()}, self.separator[own], {})

    def under(self, names: Iterable[str]) -> "TestedRows":
        """Return some of the conditions of the rows."""
        known = {n: self.values[n] for n in names if n in self.values}
        return TestedRows(known, self.separator, {})

    @classmethod
    def together(cls, parts: Sequence["TestedRows"]) -> "TestedRows":
        """Return the rows of all parts; what a part does not tell is blank."""

        def joined(each: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
            names = dict.fromkeys(name for one in each for name in one)
            blanks = [np.full(part.separator.size, np.nan) for part in parts]
            return {
                name: np.concatenate(
                    [one.get(name, blank) for one, blank in zip(each, blanks, strict=True)]
                )
                for name in names
            }

        return cls(
            joined([part.values for part in parts]),
            np.concatenate([np.empty(0, str), *(part.separator for part in parts)]),
            joined([part.sds for part in parts]),
        )


def liquid_rows(campaign: "Campaign") -> dict[str, TestedRows]:
    """Return the rows that tell of each limit of liquid cells, cells and published estimates."""
    tables = campaign.tables
    salt = campaign.metadata.salt_concentration
    found = {}
    for mechanism in ("penetration", "depletion"):
        parts = [
            part
            for name in TELL_OF[mechanism]
            if name in tables
            for part in _of_cells(name, tables[name], salt)
        ]
        if "published" in tables:
            parts.append(_of_published(mechanism, tables, salt))
        rows = TestedRows.together([_with_properties(part, tables) for part in parts])
        if mechanism == "depletion":
            rows.values.pop("pore_radius", None)  # transport says nothing of a radius
        if rows.separator.size:
            found[mechanism] = rows
    return found


def _of_cells(name: str, table: "xr.Dataset", salt: float | None) -> list[TestedRows]:
    """Return the rows of a table of liquid cells, once for each charge that they speak of."""
    size = table["temperature"].size
    separator = (
        np.asarray(table["separator"].to_numpy(), dtype=str)
        if "separator" in table
        else np.full(size, "")
    )
    conditions = {"concentration": np.full(size, salt, dtype=np.float64)} | {
        axis: numbers_in(table, column) for axis, column in block(name).conditions.items()
    }
    charges = [np.full(size, np.nan)]
    if "capacity" in table:
        charges = [charges_survived(table)]
    elif name in clocks():
        charges = [*charges_in(table, clocks()[name])]
    return [TestedRows({**conditions, "charge": each}, separator, {}) for each in charges]


def _of_published(
    mechanism: str, tables: "Mapping[str, xr.Dataset]", salt: float | None
) -> TestedRows:
    """Return the published estimates of one limit, a row for each separator that they are of."""
    published = tables["published"]
    quantities = published["quantity"].to_numpy().astype(str)
    told = np.char.find(quantities, "critical_" if mechanism == "penetration" else "limiting_") >= 0
    names = np.asarray(published["separator"].to_numpy(), dtype=str)
    told &= names != ""
    # A published estimate without a temperature is of 25 degC.
    temperatures = np.nan_to_num(numbers_in(published, "temperature"), nan=25.0)[told]
    behind = [*_separators_behind(published, tables)] if mechanism == "penetration" else []
    separator = np.concatenate([names[told], np.array(behind, dtype=str)])
    values = {
        "temperature": np.append(temperatures, np.full(len(behind), 25.0)),
        "concentration": np.full(separator.size, salt, dtype=np.float64),
    }
    return TestedRows(values, separator, {})


def _with_properties(rows: TestedRows, tables: "Mapping[str, xr.Dataset]") -> TestedRows:
    """Return rows with what is stated of their separators."""
    if "separators" not in tables:
        return rows
    table = tables["separators"]
    places = {str(name): at for at, name in enumerate(table["separator"].to_numpy())}
    at = [places.get(str(name), -1) for name in rows.separator]
    values = {name: numbers_in(table, name) for name in ("pore_radius", "porosity", "thickness")}
    values["macmullin_number"] = _macmullin_numbers(table)
    sds = {name: numbers_in(table, f"{name}_sd") for name in UNSURE}
    return TestedRows(
        rows.values | {name: np.append(each, np.nan)[at] for name, each in values.items()},
        rows.separator,
        {name: np.append(each, np.nan)[at] for name, each in sds.items()},
    )


def of_separators(rows: Mapping[str, TestedRows]) -> Iterator[tuple[str, TestedRows]]:
    """Yield by key of `data_ranges` what cells of each separator were tested under."""
    told = rows.get("penetration", TestedRows.together([])).under((*OF_TESTS, "charge"))
    for separator in sorted({*map(str, told.separator)} - {""}):
        yield f"liquid penetration of {separator}", told.of(separator)


def charges_of_limits(campaign: "Campaign") -> dict[str, list[Array]]:
    """Return the charges that are known of both limits of liquid cells."""
    tables = campaign.tables
    passed = []
    if "penetration" in tables:
        passed.append(charges_survived(tables["penetration"]))
    steady = [*passed]
    if "sand" in tables:
        passed.append(charges_in(tables["sand"], "sand_time"))
        steady += [] if tells_of_limits(tables) else passed[-1:]
    longest = [np.nanmax(each) for each in passed if np.isfinite(each).any()]
    return {
        "charge": [np.minimum(each, min(longest)) for each in passed if longest],
        "steady_state": steady,
    }


def tells_of_limits(tables: "Mapping[str, xr.Dataset]") -> bool:
    """Say whether limiting currents, which are of the steady state, were measured."""
    published = tables["published"]["quantity"].values if "published" in tables else ()
    return "lsv" in tables or any(str(name) in _OF_LIMITS for name in published)


def _separators_behind(
    published: "xr.Dataset", tables: "Mapping[str, xr.Dataset]"
) -> Iterable[str]:
    """Return the separators of the sources whose wetting product was calibrated on several."""
    if "separators" not in tables:
        return []
    calibrated = {
        str(source)
        for source, quantity in zip(
            published["source"].to_numpy(), published["quantity"].to_numpy(), strict=True
        )
        if str(source) and str(quantity) in {"wetting_product", "surface_energy"}
    }
    separators = tables["separators"]
    return [
        str(name)
        for name, source in zip(
            separators["separator"].to_numpy(), separators["source"].to_numpy(), strict=True
        )
        if str(source) in calibrated
    ]


def solid_rows(campaign: "Campaign", protocol: str | None = None) -> TestedRows:
    """Return the rows of solid cells, once for each charge that they speak of."""
    table = of_protocol(campaign, protocol)
    if table is None:
        return TestedRows.together([])
    conditions = {
        axis: numbers_in(table, column) for axis, column in block(_SOLID).conditions.items()
    }
    if protocol is not None:
        conditions["step_time"] = numbers_in(table, "step_time")
        conditions["current_density"] = numbers_in(table, "current_density")
    charges = charges_of_solid(table)
    none = np.full(charges.shape[1], "")
    return TestedRows.together(
        [TestedRows({"charge": each, **conditions}, none, {}) for each in charges]
    )


def of_protocol(campaign: "Campaign", protocol: str | None) -> "xr.Dataset | None":
    """Return the table of solid cells, of one protocol or all; None where there is none."""
    table = campaign.tables.get(_SOLID)
    if table is None or protocol is None:
        return table
    return table.isel({_SOLID: np.flatnonzero(table["protocol"].to_numpy() == protocol)})


def charges_of_solid(table: "xr.Dataset") -> Array:
    """Return the charges [mAh/cm^2] that rows of solid cells speak of, shape (charge, row)."""
    step_time = numbers_in(table, "step_time") / _HOUR
    of_steps = [numbers_in(table, name) * step_time for name in (*ENDS, *RANGE_COLUMNS[:2])]
    return np.concatenate([charges_in(table, "transition_time"), of_steps])


def numbers_in(table: "xr.Dataset", name: str) -> Array:
    """Return a column as numbers."""
    return np.asarray(table[name].to_numpy(), dtype=np.float64)


def charges_in(table: "xr.Dataset", time: str) -> Array:
    """Return the charges [mAh/cm^2] passed by the event, or by the planned end without one."""
    current = numbers_in(table, "current_density")
    seen = [numbers_in(table, name) for name in (time, f"{time}_lower", f"{time}_upper")]
    none_seen = np.all(np.isnan(seen), axis=0)
    stop = np.where(none_seen, numbers_in(table, "stop_time"), np.nan)
    return np.array([current * part / _HOUR for part in (*seen, stop)])


def charges_survived(table: "xr.Dataset") -> Array:
    """Return the charges [mAh/cm^2] that cells passed which metal did not penetrate.

    What a penetrated cell passed is where it failed, or what was planned: no charge that it bore.
    """
    return np.where(table["outcome"] == "survived", numbers_in(table, "capacity"), np.nan)


def _macmullin_numbers(separators: "xr.Dataset") -> Array:
    """Return the numbers of the table, estimated from the porosity where they are blank."""
    measured = numbers_in(separators, "macmullin_number")
    porosity = numbers_in(separators, "porosity")
    estimated = [
        float(macmullin_number_from_porosity(value, str(pore_type)))
        for value, pore_type in zip(porosity, separators["pore_type"].to_numpy(), strict=True)
    ]
    return np.where(np.isnan(measured), estimated, measured)
