"""What the curve features promise: known events found, doubtful ones bounded, others refused."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from data.errors import AnodebayesError, FeatureError, InputError
from data.features import (
    Feature,
    find_failed_step,
    find_inflexion,
    find_penetration,
    find_plateaus,
    find_sand_time,
)
from data.features.control import control_steps
from data.features.noise import despike, estimate_noise

ROOT = Path(__file__).parents[3]
RAW = ROOT.parent / "shared" / "raw"
FINDERS = (find_penetration, find_plateaus, find_sand_time, find_inflexion, find_failed_step)


def benchmark() -> ModuleType:
    name = "feature_coverage"
    if name not in sys.modules:
        path = ROOT / "tests" / "benchmarks" / f"{name}.py"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


CASES = benchmark().cases()


def record_of(time: Any, voltage: Any, current: Any, **attrs: Any) -> xr.Dataset:
    record: xr.Dataset = benchmark().record_of(
        *(np.asarray(part, dtype=float) for part in (time, voltage, current)), **attrs
    )
    return record


def real(name: str) -> xr.Dataset:
    if not (RAW / name).is_file():
        pytest.skip(f"the instruments' files are not here: there is no {RAW / name}")
    from data.instruments.reading import read_record

    if name.endswith(".mpr"):
        pytest.importorskip("galvani", reason="reads .mpr: the extra `biologic`")
    return read_record(RAW / name)


# Real files -----------------------------------------------------------------------------------
def test_a_sodium_cell_is_penetrated_between_2253_and_2254_seconds() -> None:
    feature = find_penetration(real("biologic/mb.issue_218.mpr"))
    assert feature.kind == "interval"
    assert feature.details["test_time_lower"] == pytest.approx(2253, abs=0.001)
    assert feature.details["test_time_upper"] == pytest.approx(2254, abs=0.001)
    # The current was switched on after 10 s of rest.
    assert feature.details["step_start"] == pytest.approx(10, abs=0.001)
    assert (feature.lower, feature.upper) == pytest.approx((2243, 2244), abs=0.001)
    assert feature.details["jump"] == pytest.approx(0.5903, abs=0.0005)
    assert feature.details["jump_sd"] < 0.0005
    assert not feature.has_flag("ramp")


def test_a_real_sweep_levels_off_at_2_16_milliampere() -> None:
    (feature,) = find_plateaus(real("gamry/LSV.DTA"))
    assert feature.kind == "interval"
    assert feature.value == pytest.approx(2.16e-3, abs=0.04e-3)
    assert feature.lower is not None
    assert feature.upper is not None
    assert feature.lower > 2.10e-3
    assert feature.upper < 2.22e-3
    assert feature.has_flag("short")


# Claims on simulated curves -------------------------------------------------------------------
def as_due(event: bool, hits: int, curves: int, chance: float) -> bool:
    """Return whether 90 % covered, or 1 % of alarms, would spoil these hits no more seldom."""
    if event:
        return bool(hits >= binom.ppf(chance, curves, 0.9))
    return bool(hits <= binom.isf(chance, curves, 0.01))


KINDS = sorted({(case.feature, case.event) for case in CASES})


@pytest.mark.parametrize(
    "curves", [pytest.param(3, id="few"), pytest.param(43, id="many", marks=pytest.mark.long)]
)
@pytest.mark.parametrize(("feature", "event"), KINDS)
def test_intervals_cover_and_alarms_are_rare(feature: str, event: bool, curves: int) -> None:
    """In every case, of more curves where these are doubtful, and in all of a kind together.

    Chance spoils one in a million counts.
    """
    claim = "covered: due are 90 %" if event else "are false alarms: due is 1 %"
    cases = [case for case in CASES if (case.feature, case.event) == (feature, event)]
    together = 0
    for case in cases:
        hits, drawn = benchmark().count(case, curves)[0], curves
        together += hits
        if not as_due(event, hits, drawn, 0.1):
            hits, drawn = benchmark().count(case, 100)[0], 100
        assert as_due(event, hits, drawn, 1e-6), f"{case.name}: {hits} of {drawn} {claim}"
    every = curves * len(cases)
    assert as_due(event, together, every, 1e-6), f"{feature}: {together} of {every} {claim}"


def test_no_fewer_than_2000_curves_without_an_event_are_drawn() -> None:
    assert 43 * sum(not case.event for case in CASES) >= 2000


def test_the_table_of_the_readme_keeps_the_claims() -> None:
    text = (ROOT / "data" / "features" / "README.md").read_text(encoding="utf-8")
    table = text.split(benchmark().BEGIN)[1].split(benchmark().END)[0]
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
    rows = [cells for cells in lines if len(cells) == 5 and "%" in cells[2] + cells[4]]
    assert {(cells[0], cells[1]) for cells in rows} == {(c.feature, c.name) for c in CASES}
    for _, _, covered, _, alarms in rows:
        assert covered == "–" or float(covered.rstrip(" %")) >= 90
        assert alarms == "–" or float(alarms.rstrip(" %")) <= 1


# Noise ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("phi", [0.0, 0.5, 0.8])
def test_noise_is_estimated_beside_drift_and_spikes_on_an_irregular_grid(phi: float) -> None:
    rng = np.random.default_rng(1)
    time = np.cumsum(rng.choice([0.1, 1.0, 3.0], 20_000) if phi == 0 else np.ones(20_000))
    values = benchmark().correlated(rng, len(time), 2e-3, phi) + 0.3 + 1e-5 * time
    values[rng.integers(0, len(values), 50)] += 0.5
    noise = estimate_noise(time, values)
    assert noise.sigma == pytest.approx(2e-3, rel=0.1)
    assert noise.phi == pytest.approx(phi, abs=0.08)
    _, spikes = despike(values, noise)
    assert spikes.sum() >= 40


def test_quantisation_is_noise_where_it_hides_the_noise() -> None:
    quantum = 1e-3
    values = np.round((0.2 + 1e-6 * np.arange(5000)) / quantum) * quantum
    noise = estimate_noise(np.arange(5000.0), values)
    assert noise.sigma == pytest.approx(quantum / np.sqrt(12), rel=0.01)


# Classes of events ----------------------------------------------------------------------------
def plain(kind: str, seed: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return 1000 s of a cell at 1 mA, 0.4 V and 1 mV of noise, with an event at 600.5 s."""
    rng = np.random.default_rng(seed)
    time = np.arange(1000.0)
    voltage = np.full(1000, 0.4)
    after = time > 600.5
    if kind == "short":
        voltage[after] = 0.05
    elif kind == "soft":
        voltage[after & (time < 700)] = 0.05
    elif kind == "spike":
        voltage[601:604] = 0.05
    elif kind == "last rows":
        voltage[996:] = 0.05
    elif kind == "depleted":
        voltage += np.where(time > 500, 2 * (1 - np.exp(-(time - 500) / 20)), 0)
        voltage[after] = 0.05
    elif kind == "minutes":
        voltage -= 0.35 * np.clip((time - 400) / 150, 0, 1)
    return time, voltage + rng.normal(0, 1e-3, 1000), np.full(1000, 1e-3)


@pytest.mark.parametrize(
    ("kind", "flags"),
    [("short", set()), ("soft", {"soft_short"}), ("last rows", {"end_of_record"})],
)
def test_a_sudden_drop_is_an_interval_from_row_to_row(kind: str, flags: set[str]) -> None:
    feature = find_penetration(record_of(*plain(kind)))
    start = 995 if kind == "last rows" else 600
    assert (feature.lower, feature.upper) == (start, start + 1)
    assert {flag.name for flag in feature.flags} == flags
    assert feature.details["jump"] == pytest.approx(0.35, abs=4 * feature.details["jump_sd"])
    assert feature.details["charge"] == pytest.approx(1e-3 * (start + 0.5), rel=1e-6)


def test_a_spike_is_no_penetration() -> None:
    feature = find_penetration(record_of(*plain("spike")))
    assert (feature.kind, feature.lower) == ("right", 999)


def test_depletion_before_the_drop_is_censored_not_penetrated() -> None:
    feature = find_penetration(record_of(*plain("depleted")))
    assert feature.kind == "right"
    assert feature.has_flag("divergence_first")
    assert feature.lower == pytest.approx(500, abs=10)


def test_a_fall_over_minutes_is_a_wide_bracket() -> None:
    feature = find_penetration(record_of(*plain("minutes")))
    assert feature.has_flag("slow_ramp")
    assert feature.holds(405)
    assert feature.holds(545)


def test_the_instruments_limit_ends_a_test() -> None:
    time, voltage, current = plain("none")
    voltage[700:], current[700:] = 0.4, 1e-3 * np.exp(-np.arange(300) / 50)
    feature = find_penetration(record_of(time, voltage, current))
    assert feature.kind == "right"
    assert feature.has_flag("compliance")
    assert feature.lower == pytest.approx(700, abs=10)
    time, voltage, current = plain("short")
    overload = ("record", time > 400)
    feature = find_penetration(record_of(time, voltage, current).assign(overload=overload))
    assert (feature.kind, feature.lower) == ("interval", 600)  # the current flows as it was set
    current[time > 400] *= 0.95
    feature = find_penetration(record_of(time, voltage, current).assign(overload=overload))
    assert (feature.kind, feature.lower) == ("right", 400)


def test_a_late_first_row_of_a_step_widens_the_time() -> None:
    time, voltage, current = plain("short")
    rest = np.array([0.0, 1, 2, 3, 4])
    late = record_of(
        np.concatenate([rest, time + 4.8]),
        np.concatenate([0 * rest, voltage]),
        np.concatenate([0 * rest, current]),
    )
    feature = find_penetration(late)
    assert feature.details["step_start"] == 4
    assert (feature.lower, feature.upper) == pytest.approx((600, 601.8))
    clock = np.concatenate([rest, time + 0.3])
    feature = find_penetration(late.assign(step_time_second=("record", clock)))
    assert (feature.lower, feature.upper) == pytest.approx((600.3, 601.3))


def test_a_row_in_which_the_current_settles_is_no_step() -> None:
    current = np.repeat([0.0, 0.4e-3, 1e-3, 2e-3], [20, 1, 50, 50])
    time = np.arange(len(current), dtype=float)
    steps = control_steps(record_of(time, 100 * current, current))
    assert [(step.start, step.stop) for step in steps] == [(0, 20), (20, 71), (71, 121)]


def test_a_leaking_plateau_holds_its_line_at_zero_voltage() -> None:
    volts = np.linspace(0, 1, 500)
    amperes = 1e-3 * np.tanh(volts / 0.1028) + 3e-4 * volts
    (feature,) = find_plateaus(record_of(volts / 1e-3, volts, amperes))
    assert feature.has_flag("slope")
    assert feature.holds(1e-3)


def test_of_a_sweep_that_overshoots_only_the_end_is_read() -> None:
    volts = np.linspace(0, 1, 500)
    amperes = 1e-3 * np.tanh(volts / 0.1028) * (1 + 2 * np.exp(-(((volts - 0.25) / 0.15) ** 2)))
    (feature,) = find_plateaus(record_of(volts / 5e-3, volts, amperes))
    assert feature.has_flag("overshoot")
    assert feature.holds(1e-3)
    assert feature.details["voltage_lower"] > 0.7
    assert feature.details["scan_rate"] == pytest.approx(5e-3)


def test_a_sweep_that_still_falls_at_its_end_bounds_the_limit_from_above() -> None:
    from models.physics import Layer
    from models.transient_cell import TransientCell

    cell = TransientCell(
        layers=[Layer(1e-3, 0.39, 4.11)],
        diffusivity=2.14e-10,
        transference_number=0.59,
        concentration=1000.0,
    )
    swept = cell.sweep(5e-3, 1.0, sample_interval=0.5)
    record = xr.Dataset(
        {
            "test_time_second": ("record", swept["time"].values),
            "voltage_volt": ("record", swept["voltage"].values),
            "current_ampere": ("record", 1e-4 * swept["current_density"].values),
        }
    )
    (plateau,) = find_plateaus(record)
    assert plateau.kind == "left"
    assert plateau.has_flag("overshoot")
    assert plateau.upper > 1e-4 * swept.attrs["limiting_current_density"]


def fast_sweep(shape: str) -> tuple[np.ndarray, np.ndarray]:
    """Return voltage and current of a sweep that outruns diffusion: it peaks and falls."""
    volts = np.linspace(0, 1.2, 600)
    after = np.maximum(volts - 0.4, 0)
    wave = 2e-4 / (1 + np.exp(-(volts - 0.4) / 0.012)) / np.sqrt(1 + after / 0.3)
    if shape == "corner":
        return volts, wave
    if shape == "held":  # the voltage stays at its end, where the current falls to half
        held = np.r_[np.ones(300), 0.5 + 0.5 * np.exp(-np.arange(300) / 40)]
        volts = np.minimum(volts, 0.6)
        return volts, 1e-2 * volts * held
    volts = np.linspace(0, 5, 300)
    return volts, 6e-3 * volts * np.exp(-volts) + 2e-3 * np.tanh(volts)


@pytest.mark.parametrize(
    ("shape", "kind", "settled"),
    [
        ("corner", "interval", 1.05e-4),
        ("noisy", "left", 2.2e-3),
        ("held", "right", 3.0e-3),
    ],
)
def test_what_falls_from_a_peak_is_no_lower_bound_above_what_it_falls_to(
    shape: str, kind: str, settled: float
) -> None:
    volts, amperes = fast_sweep(shape)
    noise = 1e-2 if shape == "noisy" else 1e-3
    amperes = amperes * (1 + noise * np.random.default_rng(2).normal(size=len(volts)))
    (feature,) = find_plateaus(record_of(np.arange(len(volts)) * 0.02, volts, amperes))
    assert feature.kind == kind
    assert (feature.lower or 0.0) < 1.02 * settled
    assert feature.has_flag("falls_back") or kind == "left"
    assert not feature.has_flag("range_limit")


def test_an_ohmic_sweep_is_a_lower_bound() -> None:
    volts = np.linspace(0, 1, 500)
    (feature,) = find_plateaus(record_of(volts / 1e-3, -volts, -1e-3 * volts))
    assert feature.kind == "right"
    assert feature.lower == pytest.approx(1e-3, rel=0.01)
    assert feature.has_flag("no_plateau")


def test_steps_that_none_or_the_first_fails_are_bounds() -> None:
    def stairs(failed: int) -> xr.Dataset:
        rng = np.random.default_rng(5)
        current = np.repeat([1e-3, 2e-3, 3e-3, 4e-3], 200)
        volts = 50 * current
        if failed < 4:
            volts[200 * failed + 100 :] *= 0.1
        return record_of(np.arange(800.0), volts + rng.normal(0, 5e-4, 800), current)

    assert find_failed_step(stairs(4)).kind == "right"
    assert find_failed_step(stairs(4)).lower == pytest.approx(4e-3)
    first = find_failed_step(stairs(0))
    assert (first.kind, first.upper) == ("left", pytest.approx(1e-3))
    third = find_failed_step(stairs(2))
    assert (third.lower, third.upper) == pytest.approx((2e-3, 3e-3))
    assert third.details["step_time"] == pytest.approx(200, abs=2)
    assert third.details["failed_step"] == 3


# What cannot be read --------------------------------------------------------------------------
@pytest.mark.parametrize("find", FINDERS, ids=lambda f: f.__name__)
def test_what_cannot_hold_the_feature_is_refused_in_words(find: Any) -> None:
    time = np.arange(100.0)
    wrong = "chronoamperometry" if find is not find_plateaus else "chronopotentiometry"
    with pytest.raises(FeatureError, match=r"cell\.DTA: the record is a chrono"):
        find(record_of(time, time / 100, time / 1e3, technique=wrong, file_name="cell.DTA"))
    with pytest.raises(FeatureError, match="rows"):
        find(record_of(time[:4], time[:4], time[:4]))
    with pytest.raises(FeatureError, match="row 7 of voltage_volt is nan"):
        find(record_of(time, np.where(time == 7, np.nan, 0.1), 0 * time + 1e-3))
    with pytest.raises(FeatureError, match="backwards at row 50"):
        find(record_of(np.where(time == 50, 1.0, time), 0 * time + 0.1, 0 * time + 1e-3))
    with pytest.raises(FeatureError, match="has no voltage_volt"):
        find(record_of(time, time, time).drop_vars("voltage_volt"))


def test_a_cell_at_constant_current_has_no_plateau() -> None:
    time = np.arange(500.0)
    with pytest.raises(FeatureError, match="a test at constant current"):
        find_plateaus(record_of(time, 0.2 + time / 1000, np.full(500, 1e-3)))
    with pytest.raises(FeatureError, match="in proportion to time"):
        find_plateaus(real("biologic/mb.issue_218.mpr"))


def test_an_interval_back_to_the_start_has_no_lower_end() -> None:
    time = np.arange(0.0, 100.0)
    voltage = 0.1 + 0.3 * np.clip(time - 2, 0, None) ** 0.5
    feature = find_sand_time(record_of(time, voltage, np.full(100, 1e-3)))
    assert feature.kind in {"left", "interval"}
    assert feature.lower is None or feature.lower > 0


@settings(max_examples=150)
@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(0, 300), shape=st.integers(0, 7))
def test_nonsense_is_answered_or_refused_never_a_crash(seed: int, rows: int, shape: int) -> None:
    rng = np.random.default_rng(seed)
    time = np.cumsum(rng.choice([0.0, 0.0, 1.0, 1e-9, 1e4], rows))
    volts = [
        np.zeros(rows),
        np.full(rows, 0.3),
        rng.normal(size=rows),
        np.cumsum(rng.normal(size=rows)),
        np.round(rng.normal(size=rows)),
        rng.choice([0.0, 1e-30, 19.0], rows),
        np.sort(rng.uniform(0, 1, rows)),
        np.linspace(0, 1, rows),
    ][shape]
    current = rng.choice([0.0, 1e-3, 1e-3, rng.normal()]) * rng.choice(
        [np.ones(rows), rng.normal(size=rows), np.sign(np.arange(rows) % 40 - 20)]
    )
    for find in FINDERS:
        try:
            found: Any = find(record_of(time, volts, current))
        except AnodebayesError:
            continue
        for feature in found if isinstance(found, tuple) else (found,):
            numbers = [feature.value, feature.sd, feature.lower, feature.upper]
            assert all(np.isfinite(number) for number in numbers if number is not None)
            assert all(np.isfinite(number) for number in feature.details.values())


def test_a_feature_whose_numbers_do_not_fit_its_kind_is_refused() -> None:
    common: dict[str, Any] = {"quantity": "sand_time", "unit": "s", "algorithm": "x"}
    common |= {"version": "1", "window": (0, 1)}
    with pytest.raises(InputError, match="'right', but upper is 2"):
        Feature(**common, kind="right", lower=1.0, upper=2.0)
    with pytest.raises(InputError, match="lower 2 s is above upper 1 s"):
        Feature(**common, kind="interval", lower=2.0, upper=1.0)
    with pytest.raises(InputError, match="value is nan"):
        Feature(**common, kind="point", value=float("nan"))


@pytest.mark.slow
def test_a_million_rows_are_searched() -> None:
    rng = np.random.default_rng(7)
    time = np.arange(1_000_000) * 0.01
    voltage = np.where(time > 7000.0049, 0.02, 0.3 + 1e-6 * time) + rng.normal(0, 1e-3, len(time))
    record = record_of(time, voltage, np.full(len(time), 1e-3))
    feature = find_penetration(record)
    assert feature.lower == pytest.approx(7000.00, abs=0.011)
    assert feature.upper == pytest.approx(7000.01, abs=0.011)
    for find in (find_inflexion, find_sand_time):
        assert find(record).kind == "right"
