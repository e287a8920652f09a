"""What the curve features promise on curves as they come from a bench, all of them simulated.

Cells that sat at the limit, shorts in the last rows, swapped leads, steps cut off: each was once
read as what it is not.
"""

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
    find_plateaus,
    find_sand_time,
)

ROWS = 3600
TIME = np.arange(float(ROWS))
CURRENT = np.full(ROWS, 1e-3)


def record(time: Any, voltage: Any, current: Any, noise: float = 1e-3) -> xr.Dataset:
    """Return a synthetic record with noise, and 0.2 V at 1 mA where nothing happens."""
    rng = np.random.default_rng(8)
    voltage = np.asarray(voltage) + rng.normal(0, noise, len(np.asarray(time)))
    columns = {"test_time_second": time, "voltage_volt": voltage, "current_ampere": current}
    return xr.Dataset(
        {name: ("record", np.asarray(values, dtype=float)) for name, values in columns.items()},
        attrs={"file_name": "synthetic", "technique": "unknown"},
    )


def joined(*parts: tuple[float, float, Any]) -> tuple[Any, Any, Any]:
    """Return time, voltage and current of parts: seconds, current, voltage."""
    times, volts, amperes, now = [], [], [], 0.0
    for seconds, current, voltage in parts:
        time = np.arange(0.0, seconds)
        times.append(now + time)
        volts.append(voltage(time) if callable(voltage) else np.full(len(time), voltage))
        amperes.append(np.full(len(time), current))
        now += seconds
    return np.concatenate(times), np.concatenate(volts), np.concatenate(amperes)


def names(feature: Feature) -> set[str]:
    return {flag.name for flag in feature.flags}


# A cell at the instrument's limit -------------------------------------------------------------
def clamped(at: float, tau: float, top: float = 5.0) -> Any:
    away = np.expm1(np.clip(TIME - at, 0, 30 * tau) / tau)
    return np.minimum(0.2 + 0.05 * away, top)


@pytest.mark.parametrize(("at", "tau"), [(10, 2), (60, 3), (360, 20), (1800, 60), (0, 30)])
@pytest.mark.parametrize("noise", [1e-3, 5e-3])
def test_a_cell_that_sat_at_the_limit_has_not_survived(at: float, tau: float, noise: float) -> None:
    curve = record(TIME, clamped(at, tau), CURRENT, noise)
    crossed = at + tau * np.log(11.0)  # a rise of 0.5 V
    bound = find_penetration(curve)
    assert (bound.kind, names(bound)) == ("right", {"divergence_first"})
    assert bound.lower is not None
    assert at <= bound.lower <= crossed
    assert find_sand_time(curve).holds(crossed)
    transition = find_inflexion(curve)
    assert transition.kind != "right"
    assert transition.upper is not None
    assert at < transition.upper <= crossed + 2


def test_a_step_that_sat_at_the_limit_has_failed() -> None:
    stairs = [(600.0, 1e-3 * k, 0.1 * k) for k in range(1, 7)]
    stairs[3] = (600.0, 4e-3, lambda time: np.where(time > 30, 5.0, 0.4))  # type: ignore[assignment]
    feature = find_failed_step(record(*joined(*stairs)))
    assert (feature.lower, feature.upper) == pytest.approx((3e-3, 4e-3))
    assert names(feature) == {"runaway_within_step"}


@pytest.mark.parametrize("top", [1.0, 1.5, 2.0, 5.0])
@pytest.mark.parametrize("tau", [60.0, 110.0, 200.0])
def test_a_slow_rise_to_the_limit_is_no_survival_and_its_corner_no_inflexion(
    top: float, tau: float
) -> None:
    time = np.arange(0, 600, 2.0)
    rise = 0.5 * (np.exp((time - 300) / tau) - np.exp(-300 / tau))  # 0.5 V near 300 s
    rise += 0.02 * (1 - np.exp(-time / 30))
    current = np.full(300, 1e-3)
    curve = record(time, np.minimum(0.15 + rise, top), current, 3e-4)
    bound = find_penetration(curve)
    assert (bound.kind, names(bound)) == ("right", {"divergence_first"})
    assert bound.lower is not None
    assert bound.lower < 300
    bend = time[int(np.argmin(np.diff(rise)))]
    transition = find_inflexion(curve)
    assert transition.kind != "right"
    assert transition.holds(bend)
    assert transition.upper is not None
    assert transition.upper < 330
    parts = [(600.0, 1e-3 * k, 0.04 * k) for k in range(1, 4)]
    stairs = joined(*parts, (600.0, 4e-3, lambda t: np.interp(t, time, curve["voltage_volt"])))
    failed = find_failed_step(record(*stairs, 3e-4))
    assert (failed.lower, failed.upper) == pytest.approx((3e-3, 4e-3))


def test_a_low_limit_ends_what_an_inflexion_is_read_from() -> None:
    voltage = np.minimum(0.1 + 0.01 * np.expm1(TIME / 700), 0.4)
    feature = find_inflexion(record(TIME, voltage, CURRENT))
    assert (feature.kind, names(feature)) == ("right", {"compliance", "no_inflexion"})
    assert feature.lower is not None
    assert feature.lower < 700 * np.log(31)


@pytest.mark.parametrize("height", [0.1, 1.0])
@pytest.mark.parametrize("shape", [1 - np.exp(-TIME / 30), TIME / ROWS, np.sqrt(TIME / ROWS)])
def test_a_voltage_that_settles_or_drifts_is_no_runaway(height: float, shape: Any) -> None:
    feature = find_penetration(record(TIME, 0.2 + height * shape, CURRENT))
    assert (feature.kind, feature.lower, names(feature)) == ("right", ROWS - 1, set())


# Signs ----------------------------------------------------------------------------------------
RUNAWAY = 0.2 + np.clip((TIME - 2000) / 10, 0, 3)


@pytest.mark.parametrize("find", [find_penetration, find_sand_time, find_inflexion])
def test_swapped_leads_are_refused_with_what_to_do(find: Any) -> None:
    for voltage in (RUNAWAY, 0.2 + 0 * TIME):
        with pytest.raises(FeatureError, match=r"opposite to the current.*leads are swapped"):
            find(record(TIME, -voltage, CURRENT))
    stairs = joined(*((600.0, 1e-3 * k, -0.1 * k) for k in range(1, 5)))
    with pytest.raises(FeatureError, match="opposite to the current throughout"):
        find_failed_step(record(*stairs))
    volts = np.linspace(0, 1, 500)
    with pytest.raises(FeatureError, match="opposite to the voltage throughout"):
        find_plateaus(record(volts / 1e-3, volts, -1e-3 * np.tanh(volts / 0.1), 0.0))


def test_a_full_cell_being_discharged_has_its_sands_time() -> None:
    drained = find_sand_time(record(TIME, 3.2 - RUNAWAY, -CURRENT))
    assert drained.holds(2005)
    assert drained.lower is not None
    assert drained.lower > 1990
    steady = find_sand_time(record(TIME, 3.2 - 0.3 * TIME / ROWS, -CURRENT))
    assert (steady.kind, names(steady)) == ("right", {"against_current"})
    # With the rest before it a cell of a small voltage is known as well.
    half = joined((600.0, 0.0, 0.8), (3600.0, -1e-3, 0.8 - RUNAWAY))
    assert find_sand_time(record(*half)).holds(2005)


# Shorts that the record hardly shows ------------------------------------------------------------
@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_short_in_the_last_rows_is_a_penetration(rows: int) -> None:
    voltage = np.where(np.arange(ROWS) < ROWS - rows, 0.2, 0.01)
    current = CURRENT.copy()
    current[-1] *= 0.8  # wavers at the short
    feature = find_penetration(record(TIME, voltage, current))
    assert (feature.lower, feature.upper) == (ROWS - rows - 1, ROWS - rows)
    assert names(feature) == {"end_of_record"}
    assert find_inflexion(record(TIME, voltage, current)).lower == ROWS - rows - 2
    assert find_sand_time(record(TIME, voltage, current)).lower == ROWS - rows - 1
    stairs = joined(*((600.0, 1e-3 * k, 0.1 * k) for k in range(1, 5)))
    stairs[1][-rows:] = 0.01
    failed = find_failed_step(record(*stairs))
    assert (failed.lower, failed.upper) == pytest.approx((3e-3, 4e-3))


def test_a_doubtful_last_row_is_neither_a_short_nor_survival() -> None:
    lower = np.where(TIME < ROWS - 1, 0.2, 0.15)
    switched = joined((3599.0, 1e-3, 0.2), (1.0, 1e-3, 0.01), (300.0, 0.0, 0.0))
    for curve in (record(TIME, lower, CURRENT), record(*switched)):
        feature = find_penetration(curve)
        assert (feature.kind, feature.lower) == ("right", ROWS - 2)
        assert names(feature) == {"unconfirmed_drop"}
    # Instruments that write the switch do so after every step.
    stairs = joined(*((600.0, 1e-3 * k, 0.1 * k) for k in range(1, 5)))
    stairs[1][599::600] = 0.01
    assert find_failed_step(record(*stairs)).lower == pytest.approx(4e-3)
    stairs = joined(*((600.0, 1e-3 * k, 0.1 * k) for k in range(1, 5)), (60.0, 0.0, 0.0))
    stairs[1][2399] = 0.01
    doubtful = find_failed_step(record(*stairs))
    assert doubtful.kind == "right"
    assert doubtful.lower == pytest.approx(3e-3)
    assert "unconfirmed_drop" in names(doubtful)


@pytest.mark.parametrize("part", [0.15, 0.4, 0.6, 0.85])
@pytest.mark.parametrize("most", [0.3, 0.6])
@pytest.mark.parametrize("rows", [60, 200, 1000])
def test_a_short_that_flickers_is_a_penetration(part: float, most: float, rows: int) -> None:
    rng = np.random.default_rng(rows)
    time, at = 10 * TIME[:rows], round(part * rows)
    left = np.where(np.arange(rows) < at, 1.0, rng.uniform(0.05, most, rows))
    voltage = 0.1 * (1 + 0.1 * time / time[-1]) * left
    feature = find_penetration(record(time, voltage, CURRENT[:rows], 1e-4))
    assert feature.kind == "interval"
    assert feature.holds(10 * at - 5)
    parts = [(600.0, 1e-3 * k, 0.1 * k) for k in range(1, 4)]
    stairs = joined(
        *parts, (600.0, 4e-3, lambda t: 0.4 * np.interp(t / 600, time / time[-1], left))
    )
    failed = find_failed_step(record(*stairs))
    assert (failed.lower, failed.upper) == pytest.approx((3e-3, 4e-3))
    # Where rows come back to the level, nobody knows.
    left[at + 5 :: 6] = 1.0
    doubtful = find_penetration(record(time, 0.1 * left, CURRENT[:rows], 1e-4))
    assert doubtful.holds(10 * at - 5)
    assert doubtful.kind == "interval" or "unconfirmed_drop" in names(doubtful)


@pytest.mark.parametrize("rows", [400, 1000, 3600])
@pytest.mark.parametrize("length", [40, 60, 90, 120])
def test_a_linear_fall_is_bracketed_from_its_onset_to_its_end(length: float, rows: int) -> None:
    time, at = TIME[:rows], 0.4 * rows
    voltage = 0.2 * (1 - 0.9 * np.clip((time - at) / length, 0, 1))
    feature = find_penetration(record(time, voltage, CURRENT[:rows]))
    assert names(feature) == {"slow_ramp"}
    assert feature.holds(at)
    assert feature.holds(at + length)


@pytest.mark.parametrize("seconds", [11, 15, 20, 25, 40])
def test_a_soft_short_of_ten_seconds_is_seen_whatever_its_rows(seconds: int) -> None:
    since = TIME - 2000
    voltage = np.where((since >= 0) & (since < seconds), 0.02, 0.2)
    feature = find_penetration(record(TIME, voltage, CURRENT))
    assert names(feature) == {"soft_short"}
    assert feature.holds(1999.5)
    rare = np.where((TIME >= 1000) & (TIME < 1002), 0.02, 0.2)  # two rows, half a minute apart
    feature = find_penetration(record(30 * TIME, rare, CURRENT))
    assert (feature.lower, feature.upper, names(feature)) == (29_970, 30_000, {"soft_short"})
    shorter = np.where((TIME >= 2000) & (TIME < 2009), 0.02, 0.2)
    assert find_penetration(record(TIME, shorter, CURRENT)).kind == "right"


@pytest.mark.parametrize("period", [7.0, 15.0, 25.0])
def test_pick_up_and_coarse_digits_hide_no_short(period: float) -> None:
    time = np.arange(0.0, 12 * 600, 12)
    voltage = 0.02 * np.where(time > 3900, 0.4, 1.0) * (1 + time / 7200)
    hum = 1e-3 * np.sin(2 * np.pi * np.arange(600) / period)
    curve = record(time, voltage + hum, CURRENT[:600], 2e-4)
    coarse = curve.copy()
    coarse["voltage_volt"] = (curve["voltage_volt"] / 2.5e-4).round() * 2.5e-4
    for each in (curve, coarse):
        assert find_penetration(each).holds(3900.5)
        assert find_penetration(each).kind == "interval"


def test_a_cell_shorted_between_two_half_cycles_has_not_survived() -> None:
    halves = [
        (3600.0, 1e-3 * (-1) ** k, 0.2 * (-1) ** k * (1 if k < 4 else 0.02)) for k in range(8)
    ]
    feature = find_penetration(record(*joined(*halves)))
    assert (feature.lower, feature.upper) == pytest.approx((3600, 3601), abs=1)
    assert feature.details["step_start"] == pytest.approx(3 * 3600, abs=1)
    assert "between_steps" in names(feature)


# Sweeps -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("current", "kind", "flag", "level"),
    [
        (lambda v: np.minimum(1e-2 * v, 6e-3), "right", "range_limit", 6e-3),
        (lambda v: np.where(v > 0.6, 1e-2, 1e-3 * np.tanh(v / 0.3)), "right", "jump", 0.96e-3),
        (lambda v: np.where(v > 0.6, 2e-2, 2e-3 * v), "right", "jump", 1.2e-3),
        (lambda v: np.where(v > 0.6, 0.0, 2e-3 * v), "right", "jump", 1.2e-3),
        (lambda v: np.where(v > 0.9, 2e-2, 1e-3 * np.tanh(v / 0.1)), "interval", "jump", 1e-3),
    ],
    ids=["range", "short to range", "short", "lost contact", "short after the plateau"],
)
@pytest.mark.parametrize("noise", [1e-6, 3e-5])
def test_a_jump_or_the_instruments_range_is_no_plateau(
    current: Any, kind: str, flag: str, level: float, noise: float
) -> None:
    volts = np.linspace(0, 1.5, 1500)
    amperes = current(volts)
    scatter = np.random.default_rng(2).normal(0, noise, 1500) * (amperes < 5.99e-3)
    (feature,) = find_plateaus(record(volts / 1e-3, volts, amperes + scatter, 0.0))
    assert feature.kind == kind
    assert flag in names(feature)
    assert feature.lower == pytest.approx(level, rel=0.1)


# Transitions ------------------------------------------------------------------------------------
@pytest.mark.parametrize("at", [2000, 2600, 3000])
def test_a_corner_is_in_the_interval_of_its_inflexion(at: float) -> None:
    time = np.arange(4000.0)
    levelling, late = 0.2 + 0.05 * (1 - np.exp(-time / 500)), np.clip(time - at, 0, None)
    for run in (3e-4 * late, 0.02 * np.expm1(np.minimum(late, 1000) / 200)):
        feature = find_inflexion(record(time, levelling + run, np.full(4000, 1e-3), 5e-4))
        assert feature.kind == "interval"
        assert feature.holds(at)


def test_a_runaway_without_an_inflexion_is_an_event_all_the_same() -> None:
    voltage = np.minimum(0.2 + np.clip(TIME - 2000, 0, None) / 30, 4)
    feature = find_inflexion(record(TIME, voltage, CURRENT))
    assert feature.kind == "interval"
    assert feature.holds(2001)
    assert feature.upper is not None
    assert feature.upper < 2080
    message = find_penetration(record(TIME, voltage, CURRENT)).flags[0].message
    assert "contact is lost" in message  # a solid cell has no electrolyte to deplete


# Staircases -------------------------------------------------------------------------------------
def test_a_step_cut_off_without_failing_has_not_survived() -> None:
    stairs = [(600.0, 1e-3 * k, 0.1 * k) for k in range(1, 6)]
    feature = find_failed_step(record(*joined(*stairs, (60.0, 6e-3, 0.6))))
    assert feature.kind == "right"
    assert feature.lower == pytest.approx(5e-3)
    assert "cut_short" in names(feature)
    # Of a programme of equal charges the later steps are shorter, and whole.
    charges = [(3000.0 / k, 1e-3 * k, 0.1 * k) for k in range(1, 7)]
    feature = find_failed_step(record(*joined(*charges)))
    assert feature.lower == pytest.approx(6e-3)
    assert "cut_short" not in names(feature)


@pytest.mark.parametrize("whole_step", [False, True])
def test_a_short_that_recovers_in_a_staircase_is_mentioned(whole_step: bool) -> None:
    stairs: list[Any] = [(600.0, 1e-3 * k, 0.1 * k) for k in range(1, 7)]

    def dip(time: Any) -> Any:
        return np.where((time > 200) & (whole_step | (time < 220)), 0.02, 0.4)

    stairs[3] = (600.0, 4e-3, dip)
    feature = find_failed_step(record(*joined(*stairs)))
    assert (feature.lower, feature.upper) == pytest.approx((3e-3, 4e-3))
    assert names(feature) == {"short_within_step", "soft_short"}


@pytest.mark.parametrize("shape", ["decay", "breakdown"])
def test_an_overpotential_at_the_start_of_each_step_is_no_short(shape: str) -> None:
    def with_peak(level: float) -> Any:
        if shape == "decay":
            return lambda time: level * (1 + np.exp(-time / 5))
        return lambda time: np.where(time < 20, 1.6 * level, level)

    stairs = [(600.0, 1e-3 * k, with_peak(0.1 * k)) for k in range(1, 7)]
    assert find_failed_step(record(*joined(*stairs))).lower == pytest.approx(6e-3)


def both_signs(level: Any, *, offset: float = 0.0, noise: float = 2e-4) -> Any:
    """Return a staircase of both signs; `level` gives ohms over time in step k of a sign."""
    parts = []
    for k in range(1, 11):
        for sign in (1, -1):
            current = sign * 1e-4 * k
            parts.append(
                (
                    600.0,
                    current,
                    lambda t, k=k, sign=sign, i=current: i * level(t, k, sign) + offset,
                )
            )
    return record(*joined(*parts), noise)


def shorted(k: int, sign: int) -> bool:
    return k > 8 or (k == 8 and sign < 0)


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("tau", [(5, 3, 0), (20, 0, 10)])
def test_a_slow_start_of_a_step_is_no_short(tau: tuple[int, int, int], fails: bool) -> None:
    first, growth, side = tau

    def level(time: Any, k: int, sign: int) -> Any:
        ohms = 9 if fails and shorted(k, sign) else 60
        return ohms * (1 - 2 * np.exp(-(time + 1) / (first + growth * k - side * sign)))

    feature = find_failed_step(both_signs(level))
    if fails:
        assert (feature.lower, feature.upper) == pytest.approx((7e-4, 8e-4))
    else:
        assert (feature.kind, feature.lower) == ("right", pytest.approx(1e-3))
        assert names(feature) == {"none_failed"}


@pytest.mark.parametrize("offset", [1.5e-3, -3e-3, 12e-3])
def test_an_offset_of_the_voltage_is_taken_off_a_staircase_of_both_signs(offset: float) -> None:
    feature = find_failed_step(
        both_signs(lambda t, k, sign: 0 * t + (9 if shorted(k, sign) else 60), offset=offset)
    )
    assert (feature.lower, feature.upper) == pytest.approx((7e-4, 8e-4))
    assert names(feature) == {"voltage_offset", "short_between_steps"}
    assert feature.details["voltage_offset"] == pytest.approx(offset, rel=0.05)


@pytest.mark.parametrize("grows", [False, True])
def test_a_resistance_that_falls_gradually_is_doubted(grows: bool) -> None:
    left = [1, 1, 1, 1, 0.8, 0.65, 0.52, 0.42] if grows else 0.85 ** np.arange(8)
    parts = [(600.0, 1e-3 * (k + 1), 0.1 * (k + 1) * left[k]) for k in range(8)]
    feature = find_failed_step(record(*joined(*parts), 1e-4))
    assert feature.kind == "right"
    assert names(feature) == {"resistance_fell", "none_failed"}
    # A short shows in it all the same.
    time, voltage, current = joined(*parts)
    voltage[6 * 600 :] *= 0.3
    feature = find_failed_step(record(time, voltage, current, 1e-4))
    assert (feature.lower, feature.upper) == pytest.approx((6e-3, 7e-3))


def test_a_second_step_of_a_larger_voltage_is_shorted_with_a_doubt() -> None:
    parts = [(600.0, 1e-3 * 2**k, 0.1 * 2**k * left) for k, left in enumerate((1, 0.65, 0.6))]
    feature = find_failed_step(record(*joined(*parts), 1e-4))
    assert (feature.lower, feature.upper) == pytest.approx((1e-3, 2e-3))
    assert names(feature) == {"partial_drop", "short_between_steps", "resistance_fell"}


def test_rows_of_the_other_sign_at_an_edge_are_no_short() -> None:
    curve = both_signs(lambda t, *_: 0 * t + 60)
    curve["voltage_volt"][3000:3006] *= -1
    assert find_failed_step(curve).lower == pytest.approx(1e-3)


def test_a_soft_short_at_the_start_of_a_step_is_told_from_a_slow_start() -> None:
    stairs: list[Any] = [(600.0, 1e-3 * k, 0.1 * k) for k in range(1, 7)]
    stairs[3] = (600.0, 4e-3, lambda time: np.where(time < 150, 0.02, 0.4))
    feature = find_failed_step(record(*joined(*stairs), 1e-4))
    assert (feature.lower, feature.upper) == pytest.approx((3e-3, 4e-3))
    assert names(feature) == {"short_between_steps", "soft_short"}


# Several currents, and what came before ---------------------------------------------------------
def test_a_second_current_keeps_what_the_cell_bore_before() -> None:
    both = find_penetration(record(*joined((2500.0, 1e-3, 0.2), (1100.0, 2e-3, 0.4))))
    assert both.details["current"] == pytest.approx(2e-3)
    pulse = find_penetration(
        record(*joined((60.0, 5e-3, 1.0), (60.0, 0.0, 0), (3000.0, 1e-3, 0.2)))
    )
    assert pulse.details["current"] == pytest.approx(1e-3)

    def short(time: Any) -> Any:
        return np.where(time > 500.5, 0.01, 0.4)

    later = find_penetration(record(*joined((2500.0, 1e-3, 0.2), (1100.0, 2e-3, short))))
    assert later.holds(501)
    assert {"survived_before", "current_before"} <= names(later)

    def runaway(time: Any) -> Any:
        return 0.4 + 3 * (time > 500.5)

    stopped = find_penetration(record(*joined((2500.0, 1e-3, 0.2), (1100.0, 2e-3, runaway))))
    assert stopped.lower == 2499
    assert stopped.details["current"] == pytest.approx(1e-3)
    assert "stopped_later" in names(stopped)
    # Sand's time counts from a uniform electrolyte.
    sand = find_sand_time(record(*joined((2500.0, 1e-3, 0.2), (1100.0, 2e-3, runaway))))
    assert (sand.kind, sand.lower) == ("right", 2499)
    assert "event_not_fresh" in names(sand)
    rested = ((500.0, 1e-3, 0.2), (600.0, 0.0, 0.0), (1100.0, 2e-3, runaway))
    assert find_sand_time(record(*joined(*rested))).holds(500.5)


def test_times_know_a_slow_start_of_the_current_and_a_record_that_begins_midway() -> None:
    time = np.arange(0, 3600, 0.5)
    current = 1e-3 * np.clip((time - 10) / 3, 0, 1)
    voltage = np.where(time > 2010.2, 0.01, 200 * current)
    feature = find_penetration(record(time, voltage, current))
    assert feature.holds(2010.2 - 10)
    assert feature.holds(2010.5 - 13)
    midway = find_penetration(record(TIME + 5000, 0.2 + 0 * TIME, CURRENT))
    assert names(midway) == {"begins_midway"}


def test_a_short_ends_what_a_sands_time_can_say() -> None:
    voltage = np.where(TIME > 2000.5, 0.01, 0.2)
    feature = find_sand_time(record(TIME, voltage, CURRENT))
    assert (feature.kind, feature.lower, names(feature)) == ("right", 2000, {"drop_first"})


# What the largest current of a record hides -----------------------------------------------------
@pytest.mark.parametrize("end", [0.5, 1.0, 3.0, 8.0, 30.0])
@pytest.mark.parametrize("noise", [0.0, 2e-6])
def test_a_plateau_before_a_steep_end_bounds_the_limiting_current(end: float, noise: float) -> None:
    limit, volts = 2e-3, np.linspace(0, 1.5, 1500)
    current = limit * (np.tanh(volts / 0.15) + end * np.exp((volts - 1.5) / 0.05))
    current += np.random.default_rng(3).normal(0, noise, len(volts))
    (feature,) = find_plateaus(record(volts / 5e-3, volts, current, 0.0))
    assert feature.holds(limit)
    assert "steep_end" in names(feature)
    # Far below the end it may be a foot: no upper bound then, and no lower one above it.
    assert feature.kind == ("interval" if end < 4 else "right")
    assert feature.upper is None or feature.upper < 1.2 * limit
    assert feature.lower is not None
    assert feature.lower > 0.8 * limit


@pytest.mark.parametrize("factor", [1.5, 2.0, 3.0, 10.0])
@pytest.mark.parametrize("rest", [0.0, 300.0])
def test_the_small_steps_of_a_staircase_are_read(factor: float, rest: float) -> None:
    for failed in (None, *range(1, 5)):
        parts = []
        for number in range(7):
            current = 3e-2 * factor ** (number - 6)
            shorted = failed is not None and number > failed
            level = 10 * current * (0.07 if shorted else 1.0)
            falls = np.where(np.arange(300) > 200, 0.07, 1.0) * level
            parts.append((300.0, current, falls if number == failed else level))
            parts.append((rest, 0.0, 0.0))
        time, voltage, current = joined(*parts)
        current += np.random.default_rng(4).normal(0, 1e-10, len(current))
        feature = find_failed_step(record(time, voltage, current, 1e-9))
        if failed is None:
            assert (feature.kind, names(feature)) == ("right", {"none_failed"})
            continue
        bounds = 3e-2 * factor ** np.array([failed - 7.0, failed - 6.0])
        assert (feature.lower, feature.upper) == pytest.approx(tuple(bounds), rel=1e-3)
        assert names(feature) == {"short_within_step"}


def test_a_transient_held_below_its_runaway_is_censored_where_it_rose() -> None:
    time = np.arange(2700.0)
    rise = 0.05 * np.log(1 / np.maximum(1 - np.sqrt(np.minimum(time / 600, 1)), 1e-9))
    held = find_sand_time(record(time, np.minimum(0.05 + rise, 0.45), 0 * time + 5e-3, 3e-4))
    assert (held.kind, names(held)) == ("right", {"held"})
    assert held.lower is not None
    assert 450 < held.lower < 600
