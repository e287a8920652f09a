"""DC polarisation: when the potential of one current runs away, or which step of a staircase fails.

In a one-way test two events end the even polarisation: the potential drops suddenly (a short), or
it bends upwards and through an inflexion (contact is lost). The earlier one is the transition.
"""

from typing import TYPE_CHECKING

from data.errors import FeatureError, InputError
from data.schema import show_number
from inference.importing.recipe import (
    FEATURES,
    Choices,
    CurveReading,
    Recipe,
    clock_cells,
    current_of,
    measured_cells,
)

if TYPE_CHECKING:
    import xarray as xr

    from data.features.feature import Feature
    from inference.importing.recipe import Metadata

_STEPS_AGREE = 0.1
_READ = tuple(f"transition_time{suffix}" for suffix in ("", "_sd", "_lower", "_upper"))


def _rows(record: "xr.Dataset", metadata: "Metadata", choices: Choices) -> CurveReading:
    if metadata.text("protocol") == "step":
        return _step(record, metadata)
    return _one_way(record, metadata, choices)


def _without_area(metadata: "Metadata") -> dict[str, float | str]:
    values = {name: value for name, value in metadata.values.items() if name != "area"}
    return {**values, "cell": metadata.cell}


def _one_way(record: "xr.Dataset", metadata: "Metadata", choices: Choices) -> CurveReading:
    from data.features import find_inflexion, find_penetration

    if "step_time" in metadata.values:
        raise InputError("step_time: belongs to step rows; leave it out of a one_way test")
    found: dict[str, Feature] = {}
    refused: dict[str, FeatureError] = {}
    for name in FEATURES:
        if choices.feature not in (None, name):
            continue
        try:
            found[name] = find_penetration(record) if name == "drop" else find_inflexion(record)
        except FeatureError as error:
            refused[name] = error
    if not found:
        raise next(iter(refused.values()))
    chosen, statement = _earlier(found, forced=choices.feature is not None)
    feature = found[chosen]
    cells, statements, doubts = clock_cells("transition_time", feature, metadata)
    row = {
        **_without_area(metadata),
        "current_density": current_of(record, feature) * 1e3 / float(metadata.values["area"]),
        **cells,
    }
    name_of_file = f"{record.attrs.get('file_name', 'record')}: "
    others = [f"{name}: {str(why).removeprefix(name_of_file)}" for name, why in refused.items()]
    statements = [statement, *others, *statements]
    at = list(found).index(chosen)
    return CurveReading(
        tuple(found.values()),
        (at,),
        (row,),
        tuple(statements),
        {"transition": chosen},
        doubts=tuple(doubts),
    )


def _middle(feature: "Feature") -> float:
    if feature.value is not None:
        return feature.value
    ends = [end for end in (feature.lower, feature.upper) if end is not None]
    return sum(ends) / len(ends)


def _begin(feature: "Feature") -> float:
    return feature.details.get("step_start", 0.0)


def _earlier(found: "dict[str, Feature]", *, forced: bool) -> tuple[str, str]:
    """Return which event is the transition, and why, in words."""
    events = [name for name, feature in found.items() if feature.kind != "right"]
    if forced or len(found) == 1:
        [name] = found
        why = "as the command asked for" if forced else "the only event this record can show"
        if events:
            return name, f"the transition is the {name}, {why}"
        return name, f"no {name}, {why}: no transition (censored)"
    if not events:
        # Nothing happened for as long as both algorithms saw the cell without an event.
        name = min(found, key=lambda key: _begin(found[key]) + _middle(found[key]))
        return name, "neither a sudden drop nor an inflexion: no transition (censored)"
    name = min(events, key=lambda key: _begin(found[key]) + _middle(found[key]))
    others = [other for other in events if other != name]
    if others:
        times = ", ".join(f"{key} at {show_number(_middle(found[key]))} s" for key in events)
        return name, f"the transition is the {name}, the earlier of two events ({times})"
    return name, f"the transition is the {name}, the only event found"


def _step(record: "xr.Dataset", metadata: "Metadata") -> CurveReading:
    from data.features import find_failed_step

    if "stop_time" in metadata.values:
        raise InputError("stop_time: belongs to one_way rows; leave it out of a step test")
    feature = find_failed_step(record)
    row = {
        **_without_area(metadata),
        **measured_cells("current_density", feature, 1e3 / float(metadata.values["area"])),
    }
    statements, doubts = [], []
    seen = feature.details.get("step_time")
    if "step_time" not in row:
        if seen is None:
            raise InputError(
                "the record does not show how long its steps are: state it with --set "
                '"step_time=… s"'
            )
        row["step_time"] = seen
        statements.append(
            f"step_time is not stated: {show_number(float(row['step_time']))} s as in the record"
        )
    elif seen is not None and abs(seen / float(row["step_time"]) - 1.0) > _STEPS_AGREE:
        doubts.append(
            f"the steps of the record last {show_number(seen)} s, and step_time is stated as "
            f"{show_number(float(row['step_time']))} s"
        )
    return CurveReading((feature,), (0,), (row,), tuple(statements), doubts=tuple(doubts))


RECIPE = Recipe(
    table="dc_polarization",
    read=("current_density", "current_density_lower", "current_density_upper", *_READ),
    doubted=(
        "against_current",
        "back_at_old_level",
        "begins_midway",
        "current_before",
        "early_drop",
        "failed_lower",
        "frozen_channel",
        "many_dips",
        "noise_sets_in",
        "own_voltage",
        "partial_drop",
        "resistance_fell",
        "resistance_rose",
        "several_drops",
        "slow_decline",
        "slow_ramp",
        "soft_short",
        "uncounted_time",
        "soft_short_before",
        "steps_not_read",
        "unclear_drop",
        "unconfirmed_drop",
    ),
    rows=_rows,
)
