"""A cell that resists more has failed, too; one with a voltage of its own has no resistance.

Each was once a survivor, or a short, without a word.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr

from data.features import (
    Feature,
    find_failed_step,
    find_inflexion,
    find_penetration,
    find_plateaus,
    find_sand_time,
)

TIME = np.arange(0.0, 7200.0)
CURRENTS = 1e-4 * np.arange(1, 11)
STEP = np.arange(0.0, 600.0, 5.0)

type Array = np.ndarray[Any, np.dtype[np.float64]]


def record(time: Any, voltage: Any, current: Any, noise: float = 2e-4) -> xr.Dataset:
    """Return a record with noise on its voltage."""
    voltage = np.asarray(voltage) + np.random.default_rng(5).normal(0, noise, len(time))
    current = np.broadcast_to(np.asarray(current, dtype=float), len(time))
    columns = {"test_time_second": time, "voltage_volt": voltage, "current_ampere": current}
    return xr.Dataset(
        {name: ("record", np.asarray(values, dtype=float)) for name, values in columns.items()},
        attrs={"file_name": "cell.csv", "technique": "unknown"},
    )


def stairs(level: Callable[[float, Array], Any], currents: Any = CURRENTS) -> xr.Dataset:
    """Return a staircase of a voltage by current [A] and time since the step's start [s]."""
    time = np.concatenate([STEP + 600 * number for number in range(len(currents))])
    voltage = np.concatenate([level(current, STEP) + 0 * STEP for current in currents])
    return record(time, voltage, np.repeat(currents, len(STEP)))


def names(feature: Feature) -> set[str]:
    return {flag.name for flag in feature.flags}


# Staircases -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("level", "flags"),
    [
        (lambda i, t: 2.0 + 0 * t * i, {"runaway_between_steps"}),  # at once
        (lambda i, t: 60 * i + (2 - 60 * i) * np.minimum(t / 8, 1), {"runaway_between_steps"}),
        (lambda i, t: 600 * i + 0 * t, {"runaway_between_steps", "resistance_rose"}),
        (lambda i, t: 60 * i + 0.45 * t / 600, {"runaway_between_steps", "resistance_rose"}),
    ],
)
@pytest.mark.parametrize("alternating", [False, True])
def test_a_step_at_many_times_the_resistance_has_failed(
    level: Any, flags: set[str], alternating: bool
) -> None:
    def sized(current: float, time: Array) -> Any:
        size = abs(current)
        return np.sign(current) * (level(size, time) if size > 5.5e-4 else 60 * size)

    signs = np.tile([1.0, -1.0], len(CURRENTS)) if alternating else np.ones(len(CURRENTS))
    feature = find_failed_step(stairs(sized, np.repeat(CURRENTS, 1 + alternating) * signs))
    assert (feature.lower, feature.upper) == pytest.approx((5e-4, 6e-4))
    assert names(feature) == flags


@pytest.mark.parametrize(
    ("ohms", "flags"),
    [
        (lambda i: 60 * (1 + 600 * i), {"none_failed"}),  # grows by 6 % from step to step
        (lambda i: 60 * np.arctanh(900 * i) / (900 * i), {"none_failed"}),  # to 0.9 of the limit
        (lambda i: 60 * np.exp(8e3 * max(i - 5.5e-4, 0)), {"none_failed", "resistance_rose"}),
        (lambda i: 150 if i > 5.5e-4 else 60, {"none_failed", "resistance_rose"}),
    ],
)
def test_a_mild_rise_is_none_and_a_doubled_resistance_is_doubted(ohms: Any, flags: Any) -> None:
    feature = find_failed_step(stairs(lambda i, _: i * ohms(i)))
    assert (feature.kind, feature.lower) == ("right", pytest.approx(1e-3))
    assert names(feature) == flags
    # The same, read as a test of the largest current.
    if flags == {"none_failed", "resistance_rose"}:
        assert "resistance_rose" in names(find_penetration(stairs(lambda i, _: i * ohms(i))))


def test_what_an_offset_makes_of_the_first_small_steps_is_no_rise() -> None:
    currents = 1e-6 * 10.0 ** np.arange(4)
    feature = find_failed_step(stairs(lambda i, _: 60 * i - 4e-5 + 0 * STEP, currents))
    assert feature.kind == "right"
    assert not names(feature) & {"runaway_between_steps", "resistance_rose"}


@pytest.mark.parametrize(
    "level", [lambda i, _: 0.5 + 60 * i, lambda i, _: 1.6 + 0.1 * np.log(i / 1e-5)]
)
def test_a_voltage_that_never_falls_is_no_short(level: Any) -> None:
    feature = find_failed_step(stairs(level))
    assert (feature.kind, feature.lower) == ("right", pytest.approx(1e-3))
    assert "own_voltage" in names(feature)
    # A short shows in such a cell, too.
    feature = find_failed_step(stairs(lambda i, t: level(i, t) if i < 5.5e-4 else 5 * i))
    assert (feature.lower, feature.upper) == pytest.approx((5e-4, 6e-4))
    assert "own_voltage" in names(feature)


def test_a_cell_that_fails_below_what_it_bore_has_no_bracket() -> None:
    currents = [1e-4, 2e-4, 3e-4, 4e-4, 5e-4, 3e-4]
    curve = stairs(lambda i, _: 60 * i, currents)
    curve["voltage_volt"][-60:] *= 0.03
    feature = find_failed_step(curve)
    assert (feature.kind, feature.lower) == ("right", pytest.approx(5e-4))
    assert "failed_lower" in names(feature)
    # Of a current that is repeated the second step may fail.
    currents[-1] = 5e-4
    curve = stairs(lambda i, _: 60 * i, currents)
    curve["voltage_volt"][-60:] *= 0.03
    feature = find_failed_step(curve)
    assert (feature.lower, feature.upper) == pytest.approx((4e-4, 5e-4))


def test_steps_without_a_voltage_are_no_crash() -> None:
    for level in (lambda i, _: 60 * i * (i > 2.5e-4), lambda i, _: 0.3 * (i < 2.5e-4)):
        curve = stairs(level)
        curve["voltage_volt"].values[:] = np.concatenate(
            [level(i, STEP) + 0 * STEP for i in CURRENTS]
        )
        for find in (find_failed_step, find_penetration):
            assert find(curve).kind in {"left", "right", "interval"}


# A voltage of its own ---------------------------------------------------------------------------
@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("find", [find_penetration, find_sand_time, find_inflexion])
def test_a_voltage_at_rest_or_of_changing_sign_is_the_cells_own(find: Any, sign: float) -> None:
    current = np.where(TIME < 600, 0.0, sign * 1e-3)
    for rest, due in ((0.12, True), (0.004, False)):
        curve = record(TIME, sign * np.where(TIME < 600, rest, 0.15), current)
        assert ("own_voltage" in names(find(curve))) == due
    share = np.clip(TIME / 7200, 1e-3, 1 - 1e-3)
    turning = record(TIME, sign * (0.05 * np.log(share / (1 - share)) - 0.02), sign * 7e-5)
    assert "own_voltage" in names(find(turning))
    # A double layer that was charged the other way is turned soon.
    layer = record(TIME, sign * 0.06 * (1 - 2 * np.exp(-TIME / 500)), sign * 1e-3)
    assert "own_voltage" not in names(find(layer))


# Dips that come back ----------------------------------------------------------------------------
@pytest.mark.parametrize("length", [10, 40])
def test_a_record_that_ends_in_one_more_dip_shows_no_short(length: int) -> None:
    dips = np.mod(TIME + length, 600) < length
    feature = find_penetration(record(TIME, np.where(dips, 0.0, 0.06), 1e-3))
    flags = names(feature)
    assert flags & {"unconfirmed_drop", "soft_short"}, "the user says what it is"
    assert not feature.holds(7200 - length / 2) or feature.kind == "right"
    # One that stays down for longer than they did is a short.
    short = record(TIME, np.where(dips & (TIME < 6500) | (TIME > 6900), 0.0, 0.06), 1e-3)
    feature = find_penetration(short)
    assert feature.holds(6900.5)
    assert names(feature) & {"brief_dips", "soft_short_before"}


def test_brief_dips_are_told_and_single_rows_are_not() -> None:
    dips = (TIME % 600 >= 592) & (TIME < 7000)
    told = find_penetration(record(TIME, np.where(dips, 0.0, 0.06), 1e-3))
    assert (told.kind, names(told)) == ("right", {"brief_dips"})
    assert "11 times" in told.flags[0].message
    spikes = np.where(TIME % 600 == 592, 0.0, 0.06)
    assert names(find_penetration(record(TIME, spikes, 1e-3))) == set()


# Sweeps -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("hold", [0.0, 5.0, 600.0])
def test_a_hold_before_a_sweep_is_not_of_it(hold: float) -> None:
    volts = np.linspace(0, 1, 1000)
    time = np.concatenate([[0.0, hold], hold + 1e-3 + volts / 0.1])
    volts = np.concatenate([[0.0, 0.0], volts])
    current = 2e-3 * np.tanh(volts / 0.1)
    (feature,) = find_plateaus(record(time, volts, current, 1e-5))
    assert feature.holds(2e-3)
    assert feature.details["scan_rate"] == pytest.approx(0.1, rel=0.02)
