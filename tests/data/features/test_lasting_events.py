"""An event lasts: what comes back, bends once more or loses little is none, and says so.

And a channel that says nothing, or not all, is mended or refused by name. Each claim was once read
wrongly without a word; the files of the bug reports stay outside of the project.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from data.errors import FeatureError
from data.features import (
    Feature,
    find_failed_step,
    find_inflexion,
    find_penetration,
    find_sand_time,
)
from data.features.control import ControlStep

BUGS = Path(__file__).parents[3].parent / "shared" / "bugs"
TIME = np.arange(0.0, 7200.0, 5.0)
CURRENT = np.full(len(TIME), 4e-4)


def record(time: Any, voltage: Any, current: Any, noise: float = 3e-4, **more: Any) -> xr.Dataset:
    """Return a record with noise on its voltage."""
    rng = np.random.default_rng(8)
    voltage = np.asarray(voltage) + rng.normal(0, noise, len(time))
    columns = {"test_time_second": time, "voltage_volt": voltage, "current_ampere": current}
    columns |= more
    return xr.Dataset(
        {name: ("record", np.asarray(values, dtype=float)) for name, values in columns.items()},
        attrs={"file_name": "cell.csv", "technique": "unknown"},
    )


def names(feature: Feature) -> set[str]:
    return {flag.name for flag in feature.flags}


def within(feature: Feature, row: float) -> bool:
    """Return whether an interval goes from about one row, of five seconds, to the next."""
    ends = (feature.lower or 0.0, feature.upper or np.inf)
    return feature.holds(row + 2) and ends[1] - ends[0] <= 15


def up(begin: float, length: float, shape: str) -> Any:
    """Return a shape of height 1 that goes up and comes back."""
    x = (TIME - begin) / length
    shapes = {
        "step": (x >= 0) & (x <= 1),
        "ramps": np.clip(5 * np.minimum(x, 1 - x), 0, 1),
        "bell": np.exp(-0.5 * ((x - 0.5) / 0.15) ** 2),
        "relaxing": np.where(x >= 0, np.exp(-4 * np.maximum(x, 0)), 0),
    }
    return shapes[shape].astype(float)


# Files of bug reports ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "find", "kind", "bounds", "flag"),
    [
        ("bump_then_back.csv", find_penetration, "right", (7190, None), "excursion"),
        ("bump_then_back.csv", find_sand_time, "right", (7190, None), "excursion"),
        ("staircase_bump.csv", find_failed_step, "interval", (5e-4, 6e-4), "excursion"),
        ("slow_wave.csv", find_inflexion, "right", (7200, None), "no_inflexion"),
        ("small_step_no_short.csv", find_penetration, "right", (3600, None), "small_drop"),
        ("small_step_then_short.csv", find_penetration, "interval", (1790, 1820), "small_drop"),
        (
            "staircase_magnitude_current.csv",
            find_failed_step,
            "interval",
            (5e-4, 6e-4),
            "magnitude_current",
        ),
        ("hours_two_decimals.csv", find_penetration, "interval", (1749, 1852), "coarse_time"),
    ],
)
def test_curves_of_bug_reports(
    name: str, find: Any, kind: str, bounds: tuple[float | None, float | None], flag: str
) -> None:
    if not (BUGS / name).is_file():
        pytest.skip(f"the files of the bug reports are not here: there is no {BUGS / name}")
    from data.instruments.reading import read_record

    feature = find(read_record(BUGS / name))
    assert feature.kind == kind
    for end, bound in zip((feature.lower, feature.upper), bounds, strict=True):
        assert end == (bound and pytest.approx(bound, rel=1e-3))
    assert flag in names(feature)


# Excursions that return -------------------------------------------------------------------------
@pytest.mark.parametrize("shape", ["step", "ramps", "bell", "relaxing"])
@pytest.mark.parametrize("length", [20.0, 60.0, 600.0])
@pytest.mark.parametrize("height", [0.1, 0.8])
def test_a_voltage_that_comes_back_is_no_event(shape: str, length: float, height: float) -> None:
    level = 0.107 - 0.012 * TIME / 7200
    voltage = level + height * up(2400, length, shape)
    still = record(TIME, voltage, CURRENT)
    penetration = find_penetration(still)
    assert (penetration.kind, penetration.lower) == ("right", TIME[-1])
    assert find_inflexion(still).kind == "right"
    sand = find_sand_time(still)
    assert sand.kind == "right"
    assert sand.lower is not None
    assert sand.lower >= (TIME[-1] if height < 0.5 else 2000)
    # A short that comes later is one all the same.
    shorted = find_penetration(record(TIME, np.where(TIME > 5002, 0.01, voltage), CURRENT))
    assert within(shorted, 5000)


def test_what_falls_below_the_level_of_before_is_a_short() -> None:
    voltage = 0.1 + 0.2 * up(2400, 600, "step")
    voltage[TIME > 3000] = 0.02
    feature = find_penetration(record(TIME, voltage, CURRENT))
    assert within(feature, 3000)
    assert "excursion" not in names(feature)
    # A drop that recovers is a soft short, a class of its own.
    soft = find_penetration(record(TIME, 0.1 - 0.08 * up(2400, 600, "step"), CURRENT))
    assert soft.holds(2399)
    assert names(soft) == {"soft_short"}


def test_where_nobody_knows_which_level_was_the_old_one_the_drop_is_doubted() -> None:
    early = find_penetration(record(TIME, 0.1 + 0.1 * up(600, 3000, "step"), CURRENT))
    assert early.kind == "right"
    assert early.lower == pytest.approx(3600, abs=10)
    assert names(early) == {"unconfirmed_drop"}
    # A slow rise is a polarisation; what ends it at once is a short, with a doubt.
    rise = 0.1 + 0.1 * np.clip((TIME - 1200) / 2400, 0, 1) * (TIME < 4000)
    late = find_penetration(record(TIME, rise, CURRENT))
    assert late.holds(3998)
    assert names(late) == {"back_at_old_level"}


@pytest.mark.parametrize(("spacing", "ramp"), [(0.1, 60.0), (1.0, 300.0), (10.0, 300.0)])
def test_the_old_level_is_the_same_however_densely_the_rows_lie(
    spacing: float, ramp: float
) -> None:
    time = np.arange(0.0, 6 * ramp, spacing)
    # Up by more than twice the level within the ramp, and back at once.
    voltage = 0.107 + 0.25 * np.clip(time / ramp - 2, 0, 1) * (time < 3 * ramp)
    current = np.full(len(time), 1e-3)
    feature = find_penetration(record(time, voltage, current))
    assert names(feature) & {"back_at_old_level", "excursion"}
    # Up by a runaway, and back.
    sand = find_sand_time(record(time, voltage + 2.4 * (voltage - 0.107), current))
    assert sand.kind == "right"
    # A step of a staircase before the one that fails.
    steps = np.repeat([1e-3, 2e-3, 3e-3], len(time))
    voltages = np.r_[time * 0 + 0.05, voltage, np.where(time > ramp, 0.01, 0.15)]
    clock = np.arange(len(steps)) * spacing
    staircase = find_failed_step(record(clock, voltages, steps))
    assert names(staircase) & {"back_at_old_level", "excursion"}


@pytest.mark.parametrize(
    ("width", "height", "spacing"), [(45, 0.3, 5), (60, 0.3, 5), (90, 0.5, 10)]
)
def test_a_bell_that_is_as_slow_on_both_sides_is_no_event(
    width: float, height: float, spacing: float
) -> None:
    time = np.arange(0.0, 7200.0, spacing)
    bell = np.exp(-0.5 * ((time - 3000) / width) ** 2)
    feature = find_penetration(record(time, 0.077 + height * bell, np.full(len(time), 1e-3)))
    assert feature.kind == "right"
    assert "excursion" in names(feature)


@pytest.mark.parametrize(("stay", "height"), [(0.0, 0.3), (600.0, 0.1)])
def test_a_bend_upwards_before_the_old_level_comes_back_for_good_is_no_transition(
    stay: float, height: float
) -> None:
    up = np.clip((TIME - 2500) / 1400, 0, 1) * (3900 + stay > TIME)
    feature = find_inflexion(record(TIME, 0.107 + height * up, CURRENT, 1e-4))
    assert feature.kind == "right"
    assert "back_at_old_level" in names(feature)
    shorted = np.where(3900 + stay < TIME, 0.01, 0.107 + height * up)
    assert find_inflexion(record(TIME, shorted, CURRENT, 1e-4)).kind == "interval"


@pytest.mark.parametrize(
    ("levels", "flag"),
    [
        (((0, 0.08), (3000, 0.008)), None),
        (((0, 0.08), (3000, 0.024)), None),
        (((0, 0.08), (3000, 0.032)), "partial_drop"),
        (((0, 0.08), (3000, 0.052)), "partial_drop"),
        (((0, 0.08), (3000, 0.024), (3300, 0.056)), "partial_drop"),
        (((0, 0.08), (3000, 0.008), (7000, 0.05)), "partial_drop"),
        (((0, 0.08), (2000, 0.008), (3000, 0.08), (5000, 0.008)), "soft_short_before"),
        (((0, 0.48), (100, 0.08)), "early_drop"),
        (((0, 0.48), (100, 0.004)), None),
    ],
)
def test_what_lies_between_a_clear_short_and_a_survivor_is_doubted(
    levels: tuple[tuple[float, float], ...], flag: str | None
) -> None:
    times, heights = zip(*levels, strict=True)
    voltage = np.array(heights)[np.searchsorted(times, TIME, side="right") - 1]
    feature = find_penetration(record(TIME, voltage, CURRENT))
    event = times[-1] if flag == "soft_short_before" else times[1]
    assert feature.holds(event - 2)
    assert names(feature) == ({flag} if flag else set())


def test_a_contact_that_is_never_still_ends_what_is_known() -> None:
    time = np.arange(0.0, 3000.0)
    toggles = 0.1 + 0.1 * (np.floor(time / 50) % 2)
    feature = find_penetration(record(time, toggles, np.full(len(time), 4e-4)))
    assert feature.kind == "right"
    assert feature.lower is not None
    assert feature.lower < 2500
    assert "unconfirmed_drop" in names(feature)


# Bends without a runaway ------------------------------------------------------------------------
@pytest.mark.parametrize("periods", [1.7, 2.5, 4.0, 7.25])
@pytest.mark.parametrize("amplitude", [0.01, 0.05])
@pytest.mark.parametrize("phase", [0.0, 1.5, 3.0, 4.5])
def test_a_wave_is_no_inflexion(periods: float, amplitude: float, phase: float) -> None:
    wave = np.sin(2 * np.pi * periods * TIME / 7200 + phase)
    feature = find_inflexion(record(TIME, 0.06 * (1 + amplitude * wave), CURRENT, 1e-4))
    assert feature.kind == "right"


@pytest.mark.parametrize("width", [30, 200, 400])
@pytest.mark.parametrize("height", [0.003, 0.02])
def test_a_level_that_shifts_and_stays_is_no_inflexion(width: float, height: float) -> None:
    shift = 0.5 * height * (1 + np.tanh((TIME - 4500) / width))
    feature = find_inflexion(record(TIME, 0.2 - 0.03 * np.exp(-TIME / 900) + shift, CURRENT, 1e-4))
    assert feature.kind == "right"


def test_a_runaway_behind_a_wave_has_its_inflexion() -> None:
    wave = 0.0005 * np.sin(2 * np.pi * TIME / 900)
    run = 0.06 + 0.02 * (1 - np.exp(-TIME / 900)) + 0.1 * np.exp((TIME - 7200) / 700)
    feature = find_inflexion(record(TIME, run + wave, CURRENT, 1e-4))
    assert feature.kind == "interval"
    assert feature.upper is not None
    assert 3000 < feature.upper < 7000


# Small relative drops ---------------------------------------------------------------------------
@pytest.mark.parametrize("part", [0.06, 0.15, 0.30])
def test_below_a_third_of_the_level_a_drop_is_doubted_and_the_short_wins(part: float) -> None:
    small = 0.06 * np.where(TIME > 1000, 1 - part, 1.0)
    survived = find_penetration(record(TIME, small, CURRENT))
    assert (survived.kind, survived.lower) == ("right", TIME[-1])
    assert names(survived) == {"small_drop"}
    shorted = find_penetration(record(TIME, np.where(TIME > 3602, 0.006, small), CURRENT))
    assert within(shorted, 3600)
    assert names(shorted) == {"small_drop"}


@pytest.mark.parametrize(
    ("left", "final", "at", "bounds"),
    [
        (0.68, 0.05, 200, (4e-4, 5e-4)),
        (0.6, 0.05, 500, (4e-4, 5e-4)),
        (0.45, 0.05, 200, (1e-4, 2e-4)),
        (0.6, None, 200, (1e-4, 2e-4)),
    ],
)
def test_a_partial_drop_of_a_staircase_is_doubted_and_the_largest_counts(
    left: float, final: float | None, at: float, bounds: tuple[float, float]
) -> None:
    time = np.arange(0.0, 600.0, 2.0)
    voltages, currents = [], []
    for step, current in enumerate((1e-4, 2e-4, 3e-4, 4e-4, 5e-4)):
        part = np.ones(len(time))
        if step >= 1:
            part[(time > at) | (step > 1)] = left
        if step >= 4 and final is not None:
            part[time > 300] = final
        voltages.append(200 * current * part)
        currents.append(np.full(len(time), current))
    clock = np.arange(5 * len(time)) * 2.0
    feature = find_failed_step(record(clock, np.concatenate(voltages), np.concatenate(currents)))
    assert (feature.lower, feature.upper) == pytest.approx(bounds)
    assert "partial_drop" in names(feature)


def test_of_two_shorts_the_larger_counts_and_small_drops_count_together() -> None:
    twice = 0.06 * np.where(TIME > 1002, 0.62, 1.0) * np.where(TIME > 3602, 0.1, 1.0)
    feature = find_penetration(record(TIME, twice, CURRENT))
    assert feature.kind == "interval"
    assert "several_drops" in names(feature)
    # A quarter each, and six in all: no level is left that was there before.
    stairs = 0.06 * 0.75 ** np.floor(TIME / 1100)
    feature = find_penetration(record(TIME, stairs, CURRENT))
    assert names(feature) == {"slow_ramp"}
    assert feature.holds(1100)
    assert feature.holds(6600)


# Dead and saturated channels --------------------------------------------------------------------
@pytest.mark.parametrize("find", [find_penetration, find_sand_time, find_inflexion])
@pytest.mark.parametrize("value", [0.0, 0.06])
def test_a_dead_voltage_is_refused_and_a_living_one_is_named(find: Any, value: float) -> None:
    dead = record(TIME, 0 * TIME + value, CURRENT, 0.0)
    with pytest.raises(
        FeatureError, match=rf"cell\.csv: the voltage is exactly {value:g} V in all"
    ):
        find(dead)
    living = dead.assign(other_volt=("record", 0.06 + 1e-6 * TIME, {"units": "V"}))
    with pytest.raises(FeatureError, match="other_volt varies, and may be it"):
        find(living)


def test_rows_in_which_the_channel_is_frozen_are_not_read() -> None:
    curve = record(TIME, 0.06 + 0 * TIME, CURRENT)
    voltage = curve["voltage_volt"].values
    voltage[TIME >= 4000] = voltage[TIME >= 4000][0]
    for find in (find_penetration, find_sand_time, find_inflexion):
        bound = find(curve)
        assert (bound.kind, bound.lower) == ("right", 4000)
        assert "frozen_channel" in names(bound)
    # A short that came meanwhile came at any time of it.
    hidden = record(TIME, np.where(TIME > 4500, 0.006, 0.06), CURRENT)
    held = (TIME >= 4000) & (TIME <= 5000)
    hidden["voltage_volt"].values[held] = 0.0612
    feature = find_penetration(hidden)
    assert feature.holds(4000.5)
    assert feature.holds(4999.5)
    # Exactly zero after a drop: the digits do not show a short, nor does a dead channel.
    zero = record(TIME, 0.06 + 0 * TIME, CURRENT)
    zero["voltage_volt"].values[TIME >= 4000] = 0.0
    feature = find_penetration(zero)
    assert feature.kind == "right"
    assert feature.lower == pytest.approx(3995, abs=10)
    assert names(feature) == {"unconfirmed_drop"}


def test_a_quiet_voltage_of_few_digits_is_alive() -> None:
    coarse = record(TIME, 0.06 + 1e-6 * TIME, CURRENT, 1e-5)
    coarse["voltage_volt"] = (coarse["voltage_volt"] / 1e-3).round() * 1e-3
    feature = find_penetration(coarse)
    assert (feature.kind, feature.lower, names(feature)) == ("right", TIME[-1], set())


def test_a_voltage_that_is_held_is_read_where_it_changes() -> None:
    curve = record(TIME, np.where(TIME > 4003, 0.006, 0.06), CURRENT)
    curve["voltage_volt"].values[:] = np.repeat(curve["voltage_volt"].values[::20], 20)
    feature = find_penetration(curve)
    assert "held_values" in names(feature)
    assert feature.holds(4003.5)
    assert feature.holds(4099.5)


# Signs ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("rest", [0, 20])
@pytest.mark.parametrize("failed", [None, 5, 6, 11])
def test_a_staircase_of_magnitudes_is_read_with_the_sign_of_its_voltage(
    rest: int, failed: int | None
) -> None:
    volts, amperes = [], []
    for half in range(14):  # two of each current
        current, sign = 1e-4 * (half // 2 + 1), (-1) ** half
        gone = np.where(np.arange(120) > 60 if half == failed else failed and half > failed, 0.1, 1)
        volts += [sign * 100 * current * gone * np.ones(120), np.zeros(rest)]
        amperes += [np.full(120, current), np.zeros(rest)]
    voltage, current = np.concatenate(volts), np.concatenate(amperes)
    time = 10.0 * np.arange(len(voltage))
    feature = find_failed_step(record(time, voltage, current, 1e-4))
    assert "magnitude_current" in names(feature)
    if failed is None:
        assert (feature.kind, feature.lower) == ("right", pytest.approx(7e-4))
        return
    upper = 1e-4 * (failed // 2 + 1)
    assert (feature.lower, feature.upper) == pytest.approx((upper - 1e-4, upper))
    # A voltage of magnitudes hides half of the steps.
    signed = np.sign(voltage) * current
    with pytest.raises(FeatureError, match="a column without its sign"):
        find_failed_step(record(time, np.abs(voltage) + 1e-3, signed, 1e-4))


# Time stamps ------------------------------------------------------------------------------------
@pytest.mark.parametrize("tick", [18.0, 36.0, 60.0, 360.0])
@pytest.mark.parametrize("rounded", [np.round, np.floor])
def test_coarse_stamps_widen_what_they_hide(tick: float, rounded: Any) -> None:
    stamps = tick * rounded(TIME / tick)
    feature = find_penetration(record(stamps, np.where(TIME > 3601, 0.006, 0.06), CURRENT))
    assert feature.holds(3602)
    assert feature.lower is not None
    assert feature.upper is not None
    assert 2 * tick <= feature.upper - feature.lower <= 3 * tick + 5
    survived = find_penetration(record(stamps, 0.06 + 0 * TIME, CURRENT))
    assert survived.lower is not None
    assert TIME[-1] - 2.5 * tick < survived.lower <= TIME[-1]
    run = record(stamps, 0.06 + np.clip((TIME - 3600) / 20, 0, 2), CURRENT)
    assert find_sand_time(run).holds(3610)
    assert names(find_sand_time(run)) >= {"coarse_time"}
    assert "begins_midway" not in names(find_sand_time(run))


def test_two_intervals_of_a_programme_are_no_coarse_stamps() -> None:
    time = np.cumsum(np.repeat([15.0, 10.0, 15.0, 10.0], 200))
    voltage = np.where(time > 8000, 0.01, 0.1)
    feature = find_penetration(record(time, voltage, np.full(len(time), 4e-4)))
    assert "coarse_time" not in names(feature)


def test_a_time_that_stands_still_is_refused() -> None:
    for find in (find_penetration, find_sand_time, find_inflexion, find_failed_step):
        with pytest.raises(FeatureError, match="all 1440 rows have the test time 3 s"):
            find(record(0 * TIME + 3, 0.06 + 0 * TIME, CURRENT))


@pytest.mark.parametrize("length", [0.0, 100.0, 1000.0])
def test_a_voltage_that_rises_and_stays_is_a_survivor_in_doubt(length: float) -> None:
    rise = np.clip((TIME - 3600) / max(length, 1e-9), 0, 1)
    for factor, flags in ((3.0, {"resistance_rose"}), (1.5, set())):
        feature = find_penetration(record(TIME, 0.06 * (1 + (factor - 1) * rise), CURRENT))
        assert (feature.kind, names(feature)) == ("right", flags)
    # Gradients build up from the start of the current, and end at a level.
    share = 0.97 * -np.expm1(-TIME / 300)
    polarised = 0.01 + 0.0514 * np.arctanh(share) * 2
    assert names(find_penetration(record(TIME, polarised, CURRENT))) == set()


@pytest.mark.parametrize("tau", [100.0, 300.0])
def test_the_head_of_an_exponential_fall_is_bracketed_closely(tau: float) -> None:
    fall = -np.expm1(-np.clip(TIME - 3600, 0, None) / tau)
    feature = find_penetration(record(TIME, 0.06 * (1 - 0.8 * fall), CURRENT, noise=1e-4))
    assert feature.lower is not None
    assert 3600 - 0.6 * tau < feature.lower < 3600
    assert feature.holds(3600 + 2.3 * tau)


@pytest.mark.parametrize("programme", [True, False])
def test_a_rest_or_a_smaller_current_is_no_limit(programme: bool) -> None:
    count = np.repeat(np.arange(4), 15)
    time = 10.0 * np.arange(60)
    more = {"step_count": count} if programme else {}
    # A cell with a voltage of its own, charged and at rest.
    rests = record(time, 3.2 - 0.05 * (count % 2), np.where(count % 2, 0, 1e-3), 1e-4, **more)
    assert not names(find_penetration(rests)) & {"compliance", "stopped_later"}
    # At its limit the instrument holds the voltage, and the current falls.
    later = np.where(count < 2, 1e-3, 8e-4 * np.exp(-np.clip(time - 300, 0, None) / 100) + 1e-4)
    more = dict.fromkeys(more, count // 2)
    limit = record(time, np.where(count < 2, 0.06, 5.0), later, 1e-4, **more)
    assert find_sand_time(limit).has_flag("compliance")


def test_a_programme_that_steps_down_is_no_limit() -> None:
    time = np.arange(0.0, 300.0, 2.0)
    currents = np.array([*np.arange(0.2, 1.1, 0.2), 0.8, 0.6, 0.4, 0.2]) * 1e-3
    levels = 0.03 * np.arcsinh(currents / 2e-5)  # kinetics: the voltage hardly falls
    clock = 2.0 * np.arange(len(currents) * len(time))
    rows = [np.repeat(each, len(time)) for each in (levels, currents)]
    feature = find_failed_step(record(clock, *rows, 1e-4))
    assert feature.kind == "right"
    assert "compliance" not in names(feature)


def test_digits_that_arithmetic_leaves_are_no_time() -> None:
    step = ControlStep(0, 10, 1e-3, 0.0, begin=8.1, first=8.2, end=20.0)
    assert 0.1 - step.uncertainty > 0
    assert step.least(0.1) == 0.0
    assert step.least(0.3) == pytest.approx(0.2)
