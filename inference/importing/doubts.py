"""What makes rows read from a curve doubtful: one list, with one consequence.

A doubt is a reason why the rows may be wrong: they are shown and drawn, and not appended unless
the command accepts doubtful rows. What a reader should merely know is a statement, and has no
consequence. Doubts are

* flags of the features that the rows state, where the table's recipe counts them
  (`Recipe.doubted`), estimators that differ by half of their value, an interval over half of the
  step, a gap in the record, and a transient in a record of many steps;
* numbers far from what such tests have (`Column.usual`), densities and charges among them, and a
  survivor that hardly resists, or ends while its voltage runs up;
* what is stated of the cell, or written in the file, and the curve contradicts.
"""

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from data.columns import CAPACITY, CURRENT_DENSITY
from data.schema import Row, show_number
from data.table import Table
from data.tables import clocks
from inference.importing.contradicted import contradictions, rough
from inference.importing.recipe import CurveReading, Metadata, Recipe

if TYPE_CHECKING:
    import xarray as xr

    from data.features.feature import Feature

__all__ = ["OF_SURVIVORS", "doubts_about"]

OF_SURVIVORS = ("small_drop",)
"""Flags that make a row doubtful where nothing else has happened: what fell, fell too little."""

_WIDEST = 0.5  # of Sand's time, or of the time under current: no one event is told of
_MOST_SAMPLES = 0.95  # of the intervals between rows, that are as usual: some log on change
_GAP, _GAP_PART = 10.0, 0.1  # times the usual interval, and of the time that counts
# A few formation cycles, of two steps each, may come before a test; a programme of more is cycling
# or a staircase, whose first event is not that of one transient.
_MOST_STEPS = 10
_TRANSIENTS = ("penetration_time", "sand_time", "transition_time")
# ohm cm^2. A separator full of electrolyte alone has about 1, the best ceramics' interfaces 1.7
# (Tsai 2020, J. Power Sources 476, 228666); a cell has more: less is shorted.
_LEAST_RESISTANCE = 1.0
# A test at one current goes on evenly until it fails: by so much of its level and its noise, the
# last part may be above the line through the early part.
_EARLY, _LAST = 0.7, 0.03
_RISES, _ABOVE_NOISE = 0.1, 3.0
_PARTS_BETWEEN = 9  # of what is between, as long as the last one
_FEW_ROWS = 5  # of which a median tells


def doubts_about(
    record: "xr.Dataset", metadata: Metadata, reading: CurveReading, table: Table, recipe: Recipe
) -> tuple[str, ...]:
    """Return what makes the rows of a curve doubtful.

    Parameters
    ----------
    record : Dataset
        The instrument's record.
    metadata : Metadata
        What was stated about the cell.
    reading : CurveReading
        What the curve says.
    table : Table
        The table of the rows.
    recipe : Recipe
        How its curves are read.

    Returns
    -------
    tuple of str
        One sentence each; empty where nothing is doubtful.
    """
    chosen = [reading.features[at] for at in reading.chosen]
    # Where nothing has happened, another algorithm may have seen what the one stated passes over.
    nothing = all(feature.kind == "right" for feature in chosen)
    found = [
        *reading.doubts,
        *_flagged(reading.features if nothing else chosen, recipe),
        *_spread(chosen),
        *_gaps(record, chosen),
        *_programme(record, chosen),
        *_densities(reading.rows, metadata, table),
        *_sizes(reading.rows, table),
        *_charges(reading.rows),
        *_resistances(record, metadata, chosen),
        *(_rising_ends(record, chosen) if "transition_time" in table.fields else ()),
        *contradictions(record, metadata),
    ]
    return tuple(dict.fromkeys(found))


def _flagged(features: "Sequence[Feature]", recipe: Recipe) -> Iterator[str]:
    """Yield the flags of features that the recipe counts as doubts."""
    for feature in features:
        doubted = (*recipe.doubted, *(OF_SURVIVORS if feature.kind == "right" else ()))
        for flag in feature.flags:
            if flag.name in doubted:
                yield flag.message


def _spread(features: "Sequence[Feature]") -> Iterator[str]:
    """Yield a sentence where an interval is too wide to be of one event."""
    for feature in features:
        if feature.upper is None or feature.unit != "s":
            continue
        lower = feature.lower or 0.0
        ends = f"from {show_number(lower)} to {show_number(feature.upper)} s"
        best = feature.details.get("estimate_threshold")
        duration = feature.details.get("duration", math.inf)
        if best is not None and feature.upper - lower > _WIDEST * best:
            spread = 100 * (feature.upper - lower) / best if best > 0 else math.inf
            yield (
                f"the estimators of Sand's time differ by {spread:.0f} %, {ends}: the "
                "voltage rises too gradually to tell when the electrolyte is depleted, or "
                "something else makes it rise"
            )
        elif feature.lower is not None and feature.upper - lower > _WIDEST * duration:
            yield (
                f"the interval, {ends}, is {100 * (feature.upper - lower) / duration:.0f} % of the "
                "time under current: the curve does not show when it happened, or whether it did"
            )


def _gaps(record: "xr.Dataset", features: "Sequence[Feature]") -> Iterator[str]:
    """Yield a sentence where much of the time that a row states has no rows.

    Nobody knows whether the current flowed in it, and the charge and the time are of it.
    """
    import numpy as np

    from data.features.control import control_steps

    times, steps = record["test_time_second"].values, control_steps(record)
    for feature in features:
        if feature.quantity == "plateau_current":
            continue
        start, stop = feature.window
        for step in steps:
            if step.start >= stop or step.stop <= start or step.current == 0.0:
                continue
            until = step.end
            if feature.unit == "s":
                counted = feature.lower if feature.upper is None else feature.upper
                until = min(until, step.begin + (counted or 0.0))
            rows = times[step.rows]
            rows = rows[rows <= until]
            if len(rows) < 3:
                continue
            between = np.diff(rows)
            longest, usual = float(np.max(between)), float(np.quantile(between, _MOST_SAMPLES))
            if longest > max(_GAP * usual, _GAP_PART * (until - step.begin)):
                at = float(rows[int(np.argmax(between))])
                yield (
                    f"the record has no rows from {show_number(at)} to {show_number(at + longest)} "
                    f"s, {100 * longest / (until - step.begin):.0f} % of the time that counts, and "
                    f"else one at least every {rough(usual)} s: whether the current flowed "
                    "meanwhile is not known. Cut the record there, or enter the row by hand"
                )
                break


def _programme(record: "xr.Dataset", features: "Sequence[Feature]") -> Iterator[str]:
    """Yield a sentence where a transient is read from a programme of many steps."""
    if not any(feature.quantity in _TRANSIENTS for feature in features):
        return
    from data.features.control import constant_current_steps

    steps = len(constant_current_steps(record, "a transient"))
    if steps > _MOST_STEPS:
        yield (
            f"the record has {steps} steps at constant current: it is of cycles or of a staircase, "
            "not of one transient; cut the one that is meant out of it, or import it as a staircase"
        )


def _densities(rows: Sequence[Row], metadata: Metadata, table: Table) -> Iterator[str]:
    """Yield a sentence for each row whose current density no such cell sees, with its area."""
    for row in rows:
        area = float(row.get("area", metadata.values["area"]))
        low, high = _usual_densities(table)
        for density in _stated_densities(row, area):
            if low <= density <= high:
                continue
            yield (
                f"the current density is {rough(density)} mA/cm^2 "
                f"({rough(density * area)} mA on {show_number(area)} cm^2), far "
                f"{'above' if density > high else 'below'} the {show_number(low)} to "
                f"{show_number(high)} mA/cm^2 expected of such cells: is the area right (cm^2, "
                "mm^2 or m^2?), and the current in the file (mA or A?)"
            )
            break


def _usual_densities(table: Table) -> tuple[float, float]:
    """Return the current densities that cells of a table see [mA/cm^2]."""
    own = [column.usual for name, column in table.fields.items() if name.startswith(_DENSITY)]
    usual = next((range_ for range_ in own if range_ is not None), CURRENT_DENSITY.usual)
    assert usual is not None  # noqa: S101 - for the types: the column states it
    return usual


_DENSITY = "current_density"


def _stated_densities(row: Row, area: float) -> Iterator[float]:
    """Yield the current densities that a row states [mA/cm^2], the largest first."""
    found = []
    for name, value in row.items():
        if isinstance(value, str) or name.endswith("_sd"):
            continue
        if name.startswith(_DENSITY):
            found.append(value)
        elif name.startswith("plateau_current"):
            found.append(value / area)
    yield from sorted((value for value in found if value > 0), reverse=True)


def _sizes(rows: Sequence[Row], table: Table) -> Iterator[str]:
    """Yield the other numbers of rows that are far from what such tests have."""
    for row in rows:
        for column, message in table.doubts(row):
            if not column.name.startswith(_DENSITY):
                yield f"{column.name}: {message}"


def _charges(rows: Sequence[Row]) -> Iterator[str]:
    """Yield a sentence for each row whose current and time are more metal than a cell has."""
    for row in rows:
        events = [
            name
            for name in row
            if name.startswith(tuple(clocks().values())) and not name.endswith("_sd")
        ]
        lengths = events or [name for name in ("stop_time", "step_time") if name in row]
        times = [float(row[name]) for name in lengths]
        densities = [float(v) for name, v in row.items() if name.startswith(_DENSITY)]
        if not times or not densities:
            continue
        charge = max(densities) * max(times) / 3600.0
        if (message := CAPACITY.doubt(charge)) is not None:
            yield f"the charge passed, the current density times the time: {message}"


def _resistances(
    record: "xr.Dataset", metadata: Metadata, features: "Sequence[Feature]"
) -> Iterator[str]:
    """Yield a sentence where a cell without an event hardly resists: nothing was left to fail."""
    import numpy as np

    area = float(metadata.values["area"])
    for feature in features:
        if feature.kind != "right" or feature.quantity == "plateau_current":
            continue
        rows = slice(*feature.window)
        voltage, current = (
            record[name].values[rows] for name in ("voltage_volt", "current_ampere")
        )
        size = np.abs(current)
        flows = size > 0.5 * np.max(size, initial=0.0)
        if not flows.any():
            continue
        # With its sign: a dead channel that scatters about zero has a size, and no mean.
        level = abs(float(np.median((np.sign(current) * voltage)[flows])))
        density = float(np.median(size[flows])) / area
        if level / density < _LEAST_RESISTANCE:
            yield (
                f"the voltage is {rough(level * 1e3)} mV at {rough(density * 1e3)} mA/cm^2, "
                f"{rough(level / density)} ohm cm^2: was the cell shorted from the beginning, is "
                "the channel dead, or is the unit of the voltage wrong (V or mV?)"
            )


def _rising_ends(record: "xr.Dataset", features: "Sequence[Feature]") -> Iterator[str]:
    """Yield a sentence where a polarised cell without an event ends while its voltage runs up.

    Nobody knows whether it was taken off for it, and the end that counts as planned is none.
    """
    import numpy as np

    for feature in features:
        if feature.kind != "right" or feature.unit != "s":
            continue
        rows = slice(*feature.window)
        time = record["test_time_second"].values[rows]
        voltage, current = (
            np.abs(record[name].values[rows]) for name in ("voltage_volt", "current_ampere")
        )
        flows = np.isfinite(voltage) & (current > 0.5 * np.max(current, initial=0.0))
        time, voltage = time[flows], voltage[flows]
        early, last = (int(part * time.size) for part in (_EARLY, 1.0 - _LAST))
        if time.size - last < _FEW_ROWS or not np.ptp(time[:early]) > 0.0:
            continue
        slope, start = np.polyfit(time[:early] - time[0], voltage[:early], 1)
        level = float(np.median(voltage[:early]))
        above = voltage - (start + slope * (time - time[0]))
        rise = float(np.median(above[last:]))
        noise = float(np.std(above[:early]))
        # A voltage that fell, and levels off, is above that line and runs up nowhere.
        parts = np.array_split(voltage[early:last], _PARTS_BETWEEN)
        lowest = min(float(np.median(part)) for part in parts if part.size)
        if float(np.median(voltage[last:])) - lowest < 0.5 * rise:
            continue
        if rise > _RISES * level and rise > _ABOVE_NOISE * noise:
            yield (
                f"the record ends at {show_number(float(time[-1]))} s while the voltage runs up, "
                f"{100 * rise / level:.0f} % above what it went on with before: was this end "
                "planned, or was the cell taken off because it began to fail? Then it is no "
                "survivor: enter the row by hand, with transition_time_lower where the voltage "
                "began to rise and transition_time_upper at its end"
            )
