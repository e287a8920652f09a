"""What falls slowly, scatters, jumps without a sign before, or was held: never a word too few.

Each claim was once read as a cell that survives, or as an event for certain.
"""

import json
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

TIME = np.arange(0.0, 7200.0, 5.0)


def record(voltage: Any, current: Any = 1e-3, noise: float = 3e-4, **attrs: Any) -> xr.Dataset:
    """Return a record with noise on its voltage."""
    rng = np.random.default_rng(12)
    time = attrs.pop("time", TIME)
    voltage = np.asarray(voltage) + rng.normal(0, noise, len(time))
    columns = {"test_time_second": time, "voltage_volt": voltage}
    columns["current_ampere"] = np.broadcast_to(current, len(time))
    return xr.Dataset(
        {name: ("record", np.asarray(values, dtype=float)) for name, values in columns.items()},
        attrs={"file_name": "cell.csv", "technique": "unknown", **attrs},
    )


def names(feature: Feature) -> set[str]:
    return {flag.name for flag in feature.flags}


def declining(begin: float, end: float, left: float) -> Any:
    return 0.06 * (1 - (1 - left) * np.clip((TIME - begin) / (end - begin), 0, 1))


@pytest.mark.parametrize(("begin", "end", "left"), [(1000, 4000, 0.05), (1000, 6000, 0.1)])
def test_a_loss_of_half_of_the_level_is_a_fall_however_long_it_takes(
    begin: float, end: float, left: float
) -> None:
    curve = record(declining(begin, end, left))
    feature = find_penetration(curve)
    assert feature.kind == "interval"
    assert feature.holds(begin)
    assert feature.holds(0.5 * (begin + end))
    assert "slow_ramp" in names(feature)
    for find in (find_sand_time, find_inflexion):
        assert find(curve).kind == "right"
        assert "slow_ramp" in names(find(curve))


@pytest.mark.parametrize(
    "voltage",
    [declining(0, 7200, 0.35), 0.02 + 0.04 * np.exp(-TIME / 1500)],
    ids=["a line", "an exponential"],
)
def test_a_cell_that_falls_from_its_start_survives_with_a_doubt(voltage: Any) -> None:
    for find in (find_penetration, find_sand_time, find_inflexion):
        feature = find(record(voltage))
        assert feature.kind == "right"
        assert "slow_decline" in names(feature)


@pytest.mark.parametrize(
    "voltage",
    [
        0.06 + 0.05 * np.exp(-TIME / 100),
        0.06 * (1 + 0.3 * np.sin(TIME / 400)),
        declining(0, 7200, 0.75),
    ],
    ids=["nucleation", "a wave", "a drift"],
)
def test_a_cell_that_is_well_is_told_of_no_decline(voltage: Any) -> None:
    assert not names(find_penetration(record(voltage)))


@pytest.mark.parametrize("size", [0.004, 0.02])
def test_noise_that_sets_in_for_good_is_told_with_its_time(size: float) -> None:
    unrest = np.random.default_rng(3).normal(0, size, len(TIME))
    lasts = record(0.06 + np.where(TIME > 3000, unrest, 0))
    for find in (find_penetration, find_sand_time, find_inflexion):
        feature = find(lasts)
        assert "noise_sets_in" in names(feature), find
    [message] = [flag.message for flag in feature.flags if flag.name == "noise_sets_in"]
    assert 2900 <= float(message.split("about ")[1].split(" s")[0]) <= 3300
    burst = record(0.06 + np.where((TIME > 3000) & (TIME < 4000), unrest, 0))
    assert "noise_sets_in" not in names(find_penetration(burst))
    assert "noise_sets_in" not in names(find_penetration(record(0.06 + unrest)))


def test_noise_that_sets_in_at_a_step_of_a_staircase_is_told() -> None:
    current = 1e-4 * (1 + np.arange(len(TIME)) // 144)
    unrest = 1 + 0.3 * np.where(current > 6.5e-4, np.random.default_rng(3).normal(size=1440), 0)
    feature = find_failed_step(record(60 * current * unrest, current, noise=1e-5))
    assert "noise_sets_in" in names(feature)


def test_noise_that_begins_mid_sweep_is_told() -> None:
    volts = TIME / 6000
    unrest = np.where(volts > 0.7, np.random.default_rng(3).normal(0, 2e-4, 1440), 0)
    swept = record(volts, 2e-3 * np.tanh(volts / 0.1) + 1e-6 * np.sin(TIME) + unrest, noise=1e-6)
    assert "noise_sets_in" in names(find_plateaus(swept)[0])


@pytest.mark.parametrize(("count", "name"), [(4, "brief_dips"), (24, "many_dips")])
def test_many_brief_dips_are_more_than_a_remark(count: int, name: str) -> None:
    time = np.arange(0.0, 3600.0, 1.0)
    dips = np.fmod(time, 3600 / count) > 3600 / count - 6
    dips &= time < 3500
    feature = find_penetration(record(np.where(dips, 0.01, 0.06), time=time))
    assert feature.kind == "right"
    assert name in names(feature)


@pytest.mark.parametrize("spent", [1.0, 5.0, 60.0])
def test_depletion_announces_itself_and_a_contact_that_opens_does_not(spent: float) -> None:
    opened = 0.05 + 1.2 * np.clip((TIME - 3000) / spent, 0, 1)
    feature = find_sand_time(record(opened))
    assert feature.kind == "interval"
    assert "unannounced" in names(feature)
    share = np.sqrt(np.clip(TIME / 3602, 0, 1 - 1e-9))
    depleted = np.where(TIME > 3602, 1.3, 0.05 + 0.05 * np.arctanh(share))
    feature = find_sand_time(record(depleted))
    assert feature.holds(3602)
    assert "unannounced" not in names(feature)


@pytest.mark.parametrize("after", ["hold", "back"])
@pytest.mark.parametrize("lost", [0.0, 0.2, 1.2])
def test_a_plateau_that_falls_after_the_sweep_is_not_that_of_the_steady_state(
    after: str, lost: float
) -> None:
    time = np.arange(0.0, 3000.0)
    rng = np.random.default_rng(1)
    way = np.minimum(time, 1500) if after == "hold" else 1500 - np.abs(time - 1500)
    decayed = 1 - np.exp(-np.clip(time - 1500, 0, None) / 40)
    current = 1e-3 * (2 - lost * decayed) * np.tanh(1e-3 * way / 0.15)
    swept = record(1e-3 * way, current + rng.normal(0, 4e-6, len(time)), noise=1e-6, time=time)
    [feature] = find_plateaus(swept)
    assert feature.holds(1e-3 * (2 - lost))
    assert ("falls_later" in names(feature)) == (lost > 0)


def test_a_bound_is_no_more_certain_than_its_noise() -> None:
    for seed in range(10):
        noise = np.random.default_rng(seed).normal(0, 1e-4, len(TIME))
        volts = TIME / 5000
        swept = record(volts, 2e-3 * np.tanh(volts / 0.1) + noise, noise=1e-6)
        assert all(feature.holds(2e-3) for feature in find_plateaus(swept))


def test_a_voltage_that_is_held_under_a_current_that_moves_shows_no_short() -> None:
    held = record(np.full(len(TIME), 0.06), 1e-3 * (0.8 + 0.3 * np.exp(-TIME / 2000)), noise=1e-5)
    with pytest.raises(FeatureError, match="a test at constant voltage"):
        find_penetration(held)
    noisy = 1e-3 * (1 + np.random.default_rng(2).normal(0, 0.06, len(TIME)))
    assert find_penetration(record(np.full(len(TIME), 0.06), noisy)).kind == "right"


def test_what_a_clock_that_starts_again_may_lack_widens_the_time() -> None:
    curve = record(np.where(TIME > 3600, 0.006, 0.06), noise=1e-4)
    whole = find_penetration(curve)
    assert whole.upper is not None
    lost = [[600.0, 50.0], [1200.0, 50.0], [6000.0, 50.0]]
    feature = find_penetration(curve.assign_attrs(step_restarts=json.dumps(lost)))
    assert feature.lower == whole.lower
    assert feature.upper == whole.upper + 100
    assert "uncounted_time" in names(feature)


def test_correlated_noise_that_sets_in_ends_no_reader() -> None:
    """A fall of such a curve had no row above two thirds of its height, once it was smoothed."""
    from scipy.signal import lfilter

    time = np.arange(0.0, 7210.0, 10.0)
    for seed in range(12):
        rng = np.random.default_rng(seed)
        noise = lfilter([1.0], [1.0, -0.7], rng.normal(0, 0.014, len(time)))
        curve = record(0.06 + np.where(time > 3000, noise, 0), time=time)
        assert find_penetration(curve).kind in {"right", "interval"}
