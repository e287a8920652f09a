"""Penetration tests: a sudden drop of the voltage under constant current, or none."""

from typing import TYPE_CHECKING

import numpy as np

from data.columns import CAPACITY
from data.errors import InputError
from inference.importing.recipe import Choices, CurveReading, NewRow, Recipe, current_of

if TYPE_CHECKING:
    import xarray as xr

    from data.features.feature import Feature
    from inference.importing.recipe import Metadata

_SECONDS = 3600.0
# mAh/cm^2: 49 nm of lithium or 88 nm of sodium, with which metal that crosses 25 um fills less than
# 0.4 % of the area. A time in hours that is read as seconds makes a test's charge as small.
_LEAST_CHARGE = 0.01
_DOUBTFUL = {  # by flag: what the curve shows, and what it may be
    "soft_short": ("drops and comes back (a soft short)", "a soft short"),
    "unconfirmed_drop": (
        "falls as a short makes it, and something else may",
        "a fall of the voltage of uncertain cause",
    ),
}


def _charge(record: "xr.Dataset", feature: "Feature") -> float:
    """Return the charge passed until the event, or until the end of the test [C]."""
    if "charge" in feature.details:
        return abs(feature.details["charge"])
    times = record["test_time_second"].values
    begin = feature.details.get("step_start", float(times[feature.window[0]]))
    known = [end for end in (feature.value, feature.lower, feature.upper) if end is not None]
    until = begin + (float(np.mean(known)) if feature.kind == "interval" else float(known[0]))
    inside = (times >= begin) & (times <= until)
    current = np.abs(record["current_ampere"].values[inside])
    return float(np.trapezoid(current, times[inside]))


def _outcome(feature: "Feature", metadata: "Metadata") -> tuple[str, list[str]]:
    """Return the outcome that the curve shows; what is doubtful is the user's to judge."""
    seen = "survived" if feature.kind == "right" else "penetrated"
    stated = metadata.text("outcome")
    for flag, (shown, name) in _DOUBTFUL.items():
        if not feature.has_flag(flag):
            continue
        if not stated:
            raise InputError(
                f"the voltage {shown}, which is neither survival nor penetration for certain: say "
                "which it is to you, with --set outcome=penetrated or --set outcome=survived"
            )
        return stated, [f"{name}, counted as {stated} because outcome was stated so"]
    if stated and stated != seen:
        raise InputError(
            f"outcome {stated!r} is stated, but the curve shows that the cell {seen}: leave "
            "outcome out, or enter the row by hand"
        )
    return seen, []


def _rows(record: "xr.Dataset", metadata: "Metadata", choices: Choices) -> CurveReading:  # noqa: ARG001
    from data.features import find_penetration

    feature = find_penetration(record)
    outcome, statements = _outcome(feature, metadata)
    area = float(metadata.values["area"])
    row: NewRow = {
        **metadata.values,
        "cell": metadata.cell,
        "outcome": outcome,
        "current_density": current_of(record, feature) * 1e3 / area,
    }
    capacity = _charge(record, feature) * 1e3 / _SECONDS / area
    if capacity > 0:
        row["capacity"] = capacity
    doubts = _doubts(feature, outcome, float(row.get("capacity", 0.0)))
    return CurveReading((feature,), (0,), (row,), tuple(statements), doubts=doubts)


def _doubts(feature: "Feature", outcome: str, capacity: float) -> tuple[str, ...]:
    """Return what to look at where a cell failed otherwise, or with hardly any metal."""
    told = CAPACITY.doubt(capacity) is not None  # as far off its scale
    if outcome == "penetrated" and capacity < _LEAST_CHARGE and not told:
        return (
            f"the short comes after {capacity:.2g} mAh/cm^2, less than {_LEAST_CHARGE:g} mAh/cm^2: "
            "hardly enough metal to cross a separator. Are the units of time and current right (s "
            "or h, mA or uA?), or was the cell shorted by something else?",
        )
    if not any(map(feature.has_flag, ("divergence_first", "compliance"))):
        return ()
    charge = f"{capacity:.3g} mAh/cm^2"
    return (
        f"the voltage ran away after {charge}, so the cell is a survivor of that charge only, and "
        "the likelihood knows its current alone: exclude the row if metal had no time to penetrate",
    )


RECIPE = Recipe(
    table="penetration",
    read=("current_density", "capacity"),
    optional=("outcome",),
    # What comes back, and what falls in the last rows, is the user's to judge before it is a row.
    doubted=(
        "against_current",
        "back_at_old_level",
        "begins_midway",
        "current_before",
        "early_drop",
        "frozen_channel",
        "many_dips",
        "noise_sets_in",
        "own_voltage",
        "partial_drop",
        "resistance_rose",
        "several_drops",
        "slow_decline",
        "slow_ramp",
        "steps_not_read",
        "unclear_drop",
        "uncounted_time",
    ),
    rows=_rows,
)
