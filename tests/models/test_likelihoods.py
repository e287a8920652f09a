"""Every likelihood against SciPy, against PyMC, and its draws against its own density."""

import tomllib
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy import integrate, special, stats

from data.arrays import Array
from data.campaign import Campaign
from models import physics
from models.joint import JointModel, joint_model
from models.likelihoods import (
    Observation,
    Threshold,
    observed_clock,
    observed_value,
    observed_verdict,
)
from models.log_probability import log_interval, log_ndtr
from models.observations import Scale, measured
from models.range_likelihood import observed_range

NAN = float("nan")


# --- single forms, against SciPy ----------------------------------------------------------------

ROWS = {
    "exact": {"x": 0.31},
    "measurement sd": {"x": 0.31, "x_sd": 0.04},
    "interval": {"x_lower": 0.27, "x_upper": 0.36},
    "interval far above": {"x_lower": 0.93, "x_upper": 0.97},
    "interval far below": {"x_lower": 0.01, "x_upper": 0.02},
    "lower bound": {"x_lower": 0.36},
    "upper bound": {"x_upper": 0.27},
}
TO_NATURAL: dict[str, Callable[[Any], Any]] = {
    "log": np.log,
    "logit": special.logit,
    "linear": lambda x: x,
}


def column(rows: Sequence[dict[str, float]], **more: Sequence[float]) -> xr.Dataset:
    """Return a table of one measured column `x`."""
    names = ("x", "x_sd", "x_lower", "x_upper")
    columns = {name: [row.get(name, NAN) for row in rows] for name in names} | more
    return xr.Dataset({k: ("toy", list(v)) for k, v in columns.items()}, attrs={"table": "toy"})


def value_form(
    rows: Sequence[dict[str, float]], mu: float, scatter: float, scale: Scale
) -> tuple[Array, Observation, list[Array]]:
    """Return observed values, their distribution and its parameters in NumPy."""
    import pytensor.tensor as pt

    observed, design = measured(column(rows), "x", scale=scale)
    count = len(rows)
    tensors = {name: pt.as_tensor(values) for name, values in design.columns.items()}
    observation = observed_value(
        location=pt.as_tensor(np.full(count, mu)),
        scatter=scatter,
        rows=tensors,
        design=design,
        scale=scale,
    )
    columns = design.columns
    sigma = np.hypot(scatter, columns["sd"])
    limits = [columns[name] for name in ("halfwidth", "floor", "ceiling")]
    return observed, observation, [np.full(count, mu), sigma, *limits]


def expected_value_logp(row: dict[str, float], mu: float, s: float, scale: Scale) -> float:
    to = TO_NATURAL[scale]
    if "x" in row:
        x, sd = row["x"], row.get("x_sd", 0.0)
        slope = {"log": sd / x, "logit": sd / (x * (1 - x)), "linear": sd}[scale]
        if scale == "log":  # the lognormal of this mean's relative error
            slope = np.sqrt(np.log1p((sd / x) ** 2))
        return float(stats.norm.logpdf(to(x), mu, np.hypot(s, slope)))
    if "x_lower" in row and "x_upper" in row:
        low, high = to(row["x_lower"]), to(row["x_upper"])
        pair = sorted([(low - mu) / s, (high - mu) / s])
        a, b = (-pair[1], -pair[0]) if pair[0] > 0 else tuple(pair)  # the accurate tail
        larger, smaller = special.log_ndtr(b), special.log_ndtr(a)
        return float(larger + np.log1p(-np.exp(smaller - larger)))
    if "x_lower" in row:
        return float(stats.norm.logsf(to(row["x_lower"]), mu, s))
    return float(stats.norm.logcdf(to(row["x_upper"]), mu, s))


@pytest.mark.parametrize("scale", ["log", "logit", "linear"])
@pytest.mark.parametrize("chosen", [list(ROWS), *([name] for name in ROWS)], ids=" ".join)
def test_a_value_has_the_density_or_probability_of_scipys_normal(
    scale: Scale, chosen: list[str]
) -> None:
    rows = [ROWS[name] for name in chosen]
    mu = float(TO_NATURAL[scale](0.3))
    for scatter in (0.05, 0.4):
        observed, observation, parameters = value_form(rows, mu, scatter, scale)
        got = observation.logp(observed, *parameters)
        due = [expected_value_logp(row, mu, scatter, scale) for row in rows]
        np.testing.assert_allclose(got, due, rtol=1e-9)


def test_log_of_the_normal_distribution_function_is_scipys_in_both_tails() -> None:
    z = np.concatenate([np.linspace(-40, 40, 801), [-1.0, -300.0]])
    np.testing.assert_allclose(log_ndtr(z), special.log_ndtr(z), rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("centre", [-30.0, -3.0, 0.0, 3.0, 30.0])
@pytest.mark.parametrize("width", [1e-6, 0.1, 5.0])
def test_log_probability_of_an_interval_keeps_its_digits_in_both_tails(
    centre: float, width: float
) -> None:
    import mpmath

    lower, upper = centre - width / 2, centre + width / 2
    with mpmath.workdps(400):
        due = float(mpmath.log(mpmath.ncdf(upper) - mpmath.ncdf(lower)))
    # Relative to a density of one part in 1e16 over a width: what double precision can hold.
    tolerance = 1e-12 * abs(due) + 4e-16 * max(1.0, abs(centre)) / width * max(1.0, abs(centre))
    assert abs(float(log_interval(upper, lower)) - due) <= max(tolerance, 1e-11)


def test_a_verdict_is_a_probit() -> None:
    import pytensor.tensor as pt

    z = np.array([-30.0, -2.0, 0.0, 1.5, 30.0])
    observation = observed_verdict(z=pt.as_tensor(z))
    np.testing.assert_allclose(observation.logp(np.ones(5), z), stats.norm.logcdf(z), rtol=1e-12)
    np.testing.assert_allclose(observation.logp(np.zeros(5), z), stats.norm.logsf(z), rtol=1e-12)
    draws = observation.draw(z, rng=np.random.default_rng(2), size=(20_000, 5))
    np.testing.assert_allclose(
        draws.mean(axis=0), stats.norm.cdf(z), atol=5 * np.sqrt(0.25 / 20_000)
    )


# --- ranges over cells ---------------------------------------------------------------------------

# Lowest and highest failing step, step height, cells (0: not stated), patches; the median is 1.
RANGES: dict[str, tuple[float, float, float, int, float]] = {
    "apart": (0.8, 1.3, 0.1, 4, 1.0),
    "neighbours": (0.9, 1.0, 0.1, 2, 1.0),
    "in one step": (1.1, 1.1, 0.2, 3, 1.0),
    "from the first step": (0.3, 1.2, 0.3, 5, 1.0),
    "steps overlap": (0.8, 1.0, 0.3, 3, 1.0),
    "wide steps in one": (1.0, 1.0, 1.0, 6, 1.0),
    "not stated": (0.8, 1.3, 0.1, 0, 1.0),
    "not stated, in one step": (1.1, 1.1, 0.2, 0, 1.0),
    "many cells": (0.6, 1.8, 0.1, 60, 1.0),
    "far above": (30.0, 40.0, 1.0, 3, 1.0),
    "far below": (0.02, 0.03, 0.01, 3, 1.0),
    "several patches": (0.5, 1.0, 0.1, 3, 20.0),
}


def range_form(
    rows: Sequence[tuple[float, float, float, int, float]], scatter: float
) -> tuple[Array, Observation, list[Array]]:
    """Return observed ranges, their distribution and its parameters in NumPy."""
    import pytensor.tensor as pt

    lowest, highest, height, cells, patches = np.array(rows, dtype=float).T
    first = np.remainder(lowest, height)
    first = np.where(first > 0, first, height)
    columns = {"step_height": height, "first_step": first, "cells": cells}
    columns = {name: np.tile(values, 2) for name, values in columns.items()}
    several = np.tile(patches, 2) if (patches != 1).any() else None
    observed = np.concatenate([lowest, highest])
    observation = observed_range(
        location=pt.zeros(observed.size),
        scatter=scatter,
        rows={name: pt.as_tensor(values) for name, values in columns.items()},
        cells=columns["cells"],
        patches=None if several is None else pt.as_tensor(several),
    )
    fixed = [np.zeros(observed.size), np.full(observed.size, scatter)]
    return (
        observed,
        observation,
        [*fixed, *columns.values(), *([] if several is None else [several])],
    )


def range_probability(row: tuple[float, float, float, int, float], s: float) -> tuple[Any, Any]:
    """Return the probabilities of the lowest step, and of both, to hundreds of digits."""
    import mpmath

    lowest, highest, height, cells, patches = row

    def fails(current: float) -> Any:
        z = mpmath.log(current) / s if current > 1e-9 else mpmath.mpf("-inf")
        return 1 - (1 - mpmath.ncdf(z)) ** patches

    low, up_to = fails(lowest - height), fails(lowest)
    from_, high = fails(highest - height), fails(highest)
    first = both = total = mpmath.mpf(0)
    for n in range(2, 9) if cells == 0 else [cells]:
        chance = mpmath.mpf(1) / n
        total += chance
        first += chance * ((1 - low) ** n - (1 - up_to) ** n)
        both += chance * (
            (high - low) ** n
            - max(high - up_to, 0) ** n
            - max(from_ - low, 0) ** n
            + max(from_ - up_to, 0) ** n
        )
    return first / total, both / total


@pytest.mark.parametrize("scatter", [0.1, 0.3, 2.0])
def test_a_range_over_cells_has_the_probability_of_its_order_statistics(scatter: float) -> None:
    import mpmath

    names = [name for name in RANGES if name != "several patches"]
    for chosen in ([RANGES[name] for name in names], [RANGES["several patches"]]):
        observed, observation, parameters = range_form(chosen, scatter)
        got = observation.logp(observed, *parameters)
        with mpmath.workdps(1200):
            for row, lowest, highest in zip(chosen, *np.split(got, 2), strict=True):
                first, both = (float(mpmath.log(p)) for p in range_probability(row, scatter))
                assert lowest == pytest.approx(first, rel=1e-7, abs=1e-9), row
                assert lowest + highest == pytest.approx(both, rel=1e-7, abs=1e-9), row


@pytest.mark.parametrize("name", [name for name in RANGES if "far" not in name])
def test_draws_of_a_range_over_cells_follow_its_own_likelihood(name: str) -> None:
    row = RANGES[name]
    count = 20_000
    _, observation, parameters = range_form([row], 0.3)
    draws = observation.draw(*parameters, rng=np.random.default_rng(5), size=(count, 2))
    seen, times = np.unique(draws, axis=0, return_counts=True)
    chance = np.exp([observation.logp(pair, *parameters).sum() for pair in seen])
    error = np.sqrt(chance * (1 - chance) / count)
    assert chance.sum() == pytest.approx(1.0, abs=0.02)
    often = chance * count > 25
    assert (np.abs(times / count - chance) < 5 * error)[often].all()


# --- clocks --------------------------------------------------------------------------------------

DEPLETION = Threshold(
    physics.depletion_current_density, physics.depletion_log_slope, physics.depletion_time
)
VOIDS = Threshold(
    physics.void_free_current_density, physics.void_free_log_slope, physics.void_free_time
)
CLOCKS = {
    # concentration, diffusivity, transference number, distance, porosity, MacMullin number
    "depletion, Sand": (DEPLETION, (1000.0, 2.4e-10, 0.5, 20e-3, 1.0, 1.0), 1000.0),
    "depletion, near steady state": (DEPLETION, (1000.0, 2.4e-10, 0.5, 0.2e-3, 1.0, 1.0), 60.0),
    "depletion, in a separator": (DEPLETION, (1000.0, 2.4e-10, 0.5, 1e-3, 0.4, 5.0), 3000.0),
    # self-diffusivity, molar volume, supply factor, creep-fed current density
    "voids": (VOIDS, (5.5e-13, 23.68e-6, 0.9, 0.0), 1000.0),
    "voids against creep": (VOIDS, (5.5e-13, 23.68e-6, 0.9, 12.0), 9000.0),
}
NEVER = {"depletion": "limiting", "voids": "creep"}
SCATTER = 0.2
TIMES = {
    "exact": {"x": 1.1},
    "measurement sd": {"x": 1.1, "x_sd": 0.05},
    "interval": {"x_lower": 0.8, "x_upper": 1.3},
    "lower bound": {"x_lower": 1.2},
    "upper bound": {"x_upper": 0.7},
    "none by the planned end": {},
}


def clock_form(
    clock: str, rows: Sequence[dict[str, float]], offset: float = 0.1, scatter: float = SCATTER
) -> tuple[Array, Observation, list[Array]]:
    """Return clocks; times are relative to that at which the median threshold is the current."""
    import pytensor.tensor as pt

    threshold, parameters, unit = CLOCKS[clock]
    scaled = [{name: value * unit for name, value in row.items()} for row in rows]
    table = column(scaled, stop=[row.get("stop", 3.0 * unit) for row in scaled])
    observed, design = measured(table, "x", end="stop")
    count = len(rows)
    log_current = np.full(
        count, np.log(float(threshold.current_density(unit, *parameters))) + offset
    )
    tensors = {name: pt.as_tensor(values) for name, values in design.columns.items()}
    observation = observed_clock(
        threshold=threshold,
        parameters=[pt.as_tensor(value) for value in parameters],
        log_current=pt.as_tensor(log_current),
        scatter=scatter,
        rows=tensors,
        design=design,
    )
    columns = [design.columns[name] for name in ("sd", "halfwidth", "floor", "ceiling")]
    values = [np.full(count, value) for value in parameters]
    return observed, observation, [log_current, np.full(count, scatter), *columns, *values]


def clock_z(clock: str, time: Any, log_current: float, scatter: float = SCATTER) -> Any:
    threshold, parameters, _ = CLOCKS[clock]
    return (log_current - np.log(threshold.current_density(time, *parameters))) / scatter


def clock_density(clock: str, time: float, log_current: float, scatter: float = SCATTER) -> float:
    """Density of the log of the time, with the slope by differences."""
    steps = np.array([1.0, -1.0, 2.0, -2.0]) * 1e-4
    z = clock_z(clock, time * np.exp(steps), log_current, scatter)
    slope = (8 * (z[0] - z[1]) - (z[2] - z[3])) / 12e-4
    return float(stats.norm.pdf(clock_z(clock, time, log_current, scatter)) * slope)


def blurred(function: Callable[[float], float], sd: float) -> float:
    """Average over the true log time about a measured one."""
    return float(
        integrate.quad(
            lambda e: function(e) * stats.norm.pdf(e, scale=sd),
            -9 * sd,
            9 * sd,
            epsabs=0,
            limit=200,
        )[0]
    )


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("chosen", [list(TIMES), *([name] for name in TIMES)], ids=" ".join)
def test_a_clock_has_the_density_or_probability_of_its_threshold(
    clock: str, chosen: list[str]
) -> None:
    unit = CLOCKS[clock][2]
    rows = [TIMES[name] for name in chosen]
    observed, observation, parameters = clock_form(clock, rows)
    current = float(parameters[0][0])
    got = observation.logp(observed, *parameters)
    for name, row, value in zip(chosen, rows, got, strict=True):
        times = {key: number * unit for key, number in row.items()}
        if name == "exact":
            due = np.log(clock_density(clock, times["x"], current))
        elif name == "measurement sd":
            sd = np.sqrt(np.log1p((row["x_sd"] / row["x"]) ** 2))
            due = np.log(
                blurred(lambda e, t=times["x"]: clock_density(clock, t * np.exp(e), current), sd)
            )
        elif name == "interval":
            low, high = (
                stats.norm.cdf(clock_z(clock, times[k], current)) for k in ("x_lower", "x_upper")
            )
            due = np.log(high - low)
        elif name == "upper bound":
            due = stats.norm.logcdf(clock_z(clock, times["x_upper"], current))
        else:
            end = times.get("x_lower", 3.0 * unit)
            due = stats.norm.logsf(clock_z(clock, end, current))
        assert value == pytest.approx(due, rel=1e-7, abs=1e-9), name


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("offset", [-0.3, 0.1])
def test_the_density_of_a_clock_leaves_out_only_the_cells_that_never_fail(
    clock: str, offset: float
) -> None:
    threshold, parameters, unit = CLOCKS[clock]
    row = {"x": 1.0, "stop": 1e9}
    _, observation, arguments = clock_form(clock, [row], offset)
    current = float(arguments[0][0])
    never = float(threshold.current_density(1e9 * unit, *parameters))
    x = np.linspace(np.log(unit) - 12.0, np.log(unit) + 12.0, 24_001)
    with np.errstate(all="ignore"):
        density = np.exp(observation.logp(np.exp(x)[:, None], *arguments))[:, 0]
    mass = integrate.simpson(density, x=x)
    # Without a current that never fails, the last term is what lies beyond the grid.
    assert mass == pytest.approx(stats.norm.cdf((current - np.log(never)) / SCATTER), abs=2e-6)


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("row", [{}, {"x": 1.0, "x_sd": 0.1}], ids=["sharp", "with an error"])
def test_the_density_of_a_clock_and_the_mass_that_survives_its_end_add_to_one(
    clock: str, row: dict[str, float]
) -> None:
    unit = CLOCKS[clock][2]
    _, observation, arguments = clock_form(clock, [row])
    end = np.log(3.0 * unit)
    x = np.linspace(end - 12.0, end - 1e-8, 24_001)
    density = np.exp(observation.logp(np.exp(x)[:, None], *arguments))[:, 0]
    survived = float(np.exp(observation.logp(np.array([3.0 * unit]), *arguments))[0])
    assert integrate.simpson(density, x=x) + survived == pytest.approx(1.0, abs=2e-6)


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("sd", [0.01, 0.03, 0.0301, 0.1, 0.101, 0.2])
@pytest.mark.parametrize("scatter", [0.05, 0.25])
def test_a_measured_time_is_averaged_over_its_error_to_1e_4(
    clock: str, sd: float, scatter: float
) -> None:
    unit = CLOCKS[clock][2]
    relative = float(np.sqrt(np.expm1(sd**2)))
    for offset in (-3 * scatter, -scatter, 0.0, 2 * scatter, 3 * scatter):
        row = {"x": 1.0, "x_sd": relative}
        observed, observation, arguments = clock_form(clock, [row], offset, scatter)
        current = float(arguments[0][0])
        due = blurred(lambda e, c=current: clock_density(clock, unit * np.exp(e), c, scatter), sd)
        assert float(observation.logp(observed, *arguments)[0]) == pytest.approx(
            np.log(due), abs=1e-4
        )


def test_an_event_at_the_planned_end_is_an_event() -> None:
    rows = [{"x_upper": 3.0}, {"x": 3.0}]
    observed, observation, arguments = clock_form("voids", rows)
    got = observation.logp(observed, *arguments)
    time, current = 3.0 * CLOCKS["voids"][2], float(arguments[0][0])
    by_the_end = stats.norm.logcdf(clock_z("voids", time, current))
    assert got[0] == pytest.approx(by_the_end, rel=1e-6)
    assert got[1] == pytest.approx(np.log(clock_density("voids", time, current)), rel=1e-6)


# --- draws follow the density -------------------------------------------------------------------


def kolmogorov(
    observation: Observation,
    parameters: list[Array],
    row: int,
    to_natural: Callable[[Any], Any],
    from_natural: Callable[[Any], Any],
    halfwidth: float,
    limits: tuple[float, float],
    draws: Array,
) -> float:
    """Return the p-value of draws of one row against the distribution that its logp states.

    Masses at the ends of what can be observed are spread uniformly over their probability.
    """
    rng = np.random.default_rng(row)
    low, high = limits
    x = to_natural(draws[:, row])
    at_low, at_high = x <= low + 1e-9, x >= high - 1e-9
    inside = x[~at_low & ~at_high]
    if inside.size:
        margin = 1.0 * np.std(inside) + 1e-3
        ends = max(inside.min() - margin, low + 1e-8), min(inside.max() + margin, high - 1e-8)
        grid = np.linspace(*ends, 6001)
        values = np.broadcast_to(from_natural(grid)[:, None], (grid.size, draws.shape[1]))
        with np.errstate(all="ignore"):
            log_density = observation.logp(values, *parameters)[:, row]
        density = np.exp(log_density) / (2 * halfwidth if halfwidth else 1.0)
        cumulative = integrate.cumulative_simpson(density, x=grid, initial=0.0)
    masses = {}
    for end, hit in ((low, at_low), (high, at_high)):
        mass = 0.0
        if np.isfinite(end) and abs(end) < 999:
            value = np.full(draws.shape[1], from_natural(end))
            with np.errstate(all="ignore"):
                mass = float(np.exp(observation.logp(value, *parameters)[row]))
        assert hit.any() <= (mass > 0), "a draw where there is no mass"
        masses[end] = mass
    uniform = np.empty(x.size)
    if inside.size:
        assert masses[low] + cumulative[-1] + masses[high] == pytest.approx(1.0, abs=3e-3)
        uniform[~at_low & ~at_high] = masses[low] + np.interp(inside, grid, cumulative)
    uniform[at_low] = masses[low] * rng.uniform(size=at_low.sum())
    uniform[at_high] = 1 - masses[high] * rng.uniform(size=at_high.sum())
    return float(stats.kstest(uniform, "uniform").pvalue)


@pytest.mark.parametrize("scale", ["log", "logit", "linear"])
def test_draws_of_values_follow_their_own_density(scale: Scale) -> None:
    rows = [
        ROWS[name] for name in ("exact", "measurement sd", "interval", "lower bound", "upper bound")
    ]
    mu = float(TO_NATURAL[scale](0.3))
    scatter = 0.06 if scale == "linear" else 0.3
    _, observation, parameters = value_form(rows, mu, scatter, scale)
    draws = observation.draw(*parameters, rng=np.random.default_rng(7), size=(4000, len(rows)))
    back = {"log": np.exp, "logit": special.expit, "linear": lambda x: x}[scale]
    _, _, halfwidth, floor, ceiling = parameters
    for row in range(len(rows)):
        limits = (floor[row], ceiling[row])
        p = kolmogorov(
            observation, parameters, row, TO_NATURAL[scale], back, halfwidth[row], limits, draws
        )
        assert p > 1e-6, list(ROWS)[row]


@pytest.mark.parametrize("clock", CLOCKS)
def test_draws_of_clocks_follow_their_own_density(clock: str) -> None:
    names = ("exact", "measurement sd", "interval", "lower bound", "upper bound")
    rows = [TIMES[name] for name in names]
    _, observation, parameters = clock_form(clock, rows)
    draws = observation.draw(*parameters, rng=np.random.default_rng(8), size=(4000, len(rows)))
    _, _, _, halfwidth, floor, ceiling, *_ = parameters
    for row, name in enumerate(names):
        if name == "interval":
            continue  # an interval that reaches over the planned end is cut there
        limits = (floor[row], ceiling[row])
        p = kolmogorov(observation, parameters, row, np.log, np.exp, halfwidth[row], limits, draws)
        assert p > 1e-6, name
    ended = draws[:, 0] >= np.exp(ceiling[0] - 1e-9)
    probability = np.exp(observation.logp(np.exp(ceiling), *parameters))[0]
    assert ended.mean() == pytest.approx(probability, abs=5 * np.sqrt(0.25 / 4000))


# --- blocks, from files to log-likelihoods -------------------------------------------------------

MOLAR_VOLUME = 23.68e-6
KELVIN = 273.15


class Truth:
    """The truth of the synthetic campaign in SI units, with latents of our choice."""

    def __init__(self, campaign: Campaign) -> None:
        self.campaign = campaign
        text = (campaign.path / "truth.toml").read_text()
        self.stated: dict[str, Any] = tomllib.loads(text)["parameters"]
        rng = np.random.default_rng(4)
        count = campaign.tables["separators"].sizes["separators"]
        self.free = {
            name: rng.normal(scale=0.5, size=count)
            for name in (
                "pore_radius_z",
                "porosity_z",
                "thickness_z",
                "macmullin_number_z",
                "separator_offset_z",
            )
        }
        self.free["lsv_area_z"] = rng.normal(scale=0.5, size=campaign.tables["lsv"].sizes["lsv"])
        self.pressure = {}
        for table in ("dc_polarization", "morphology"):
            stated = campaign.tables[table]["pressure"].values
            uncertain = stated > 0
            true = np.where(uncertain, stated * rng.uniform(0.9, 1.1, stated.size), stated)
            self.free[f"{table}_pressure"] = true[uncertain]
            self.pressure[table] = true

    def __getitem__(self, name: str) -> float:
        value = self.stated[name]
        number = float(str(value).partition(" ")[0])
        factor = {
            "exchange_current_density": 10.0,
            "ambipolar_diffusivity": 1e-4,
            "self_diffusivity": 1e-4,
            "self_diffusion_activation_energy": 1e3,
            "creep_current_at_9_MPa": 10.0,
            "creep_reference_stress": 1e6,
            "creep_activation_energy": 1e3,
            "residual_resistance": 1e-4,
        }
        return number * factor.get(name, 1.0)

    @property
    def wetting_product(self) -> float:
        return self["surface_energy"] * abs(np.cos(np.radians(self["contact_angle"])))

    def rows(self, table: str) -> list[dict[str, Any]]:
        dataset = self.campaign.tables[table]
        rows: list[dict[str, Any]] = dataset.to_dataframe().reset_index().to_dict("records")
        return rows

    def separator(self, name: str) -> dict[str, float]:
        """Return true radius, thickness [m], porosity, MacMullin number and offset."""
        at = [row["separator"] for row in self.rows("separators")].index(name)
        row = self.rows("separators")[at]

        def lognormal(key: str, z: float) -> float:
            sigma = np.sqrt(np.log1p((row[f"{key}_sd"] / row[key]) ** 2))
            return float(row[key] * np.exp(sigma * z))

        z = {key.removesuffix("_z"): values[at] for key, values in self.free.items()
             if values.size == len(self.rows("separators"))}  # fmt: skip
        eps = row["porosity"]
        porosity = float(
            special.expit(
                special.logit(eps) + row["porosity_sd"] / (eps * (1 - eps)) * z["porosity"]
            )
        )
        if np.isfinite(row["macmullin_number"]):
            macmullin = lognormal("macmullin_number", z["macmullin_number"])
        elif row["pore_type"] == "polymer":
            macmullin = 1.4 * porosity**-1.5 * np.exp(0.35 * z["macmullin_number"])
        else:
            macmullin = porosity**-1.0 * np.exp(0.2 * z["macmullin_number"])
        return {
            "radius": lognormal("pore_radius", z["pore_radius"]) * 1e-9,
            "thickness": lognormal("thickness", z["thickness"]) * 1e-6,
            "porosity": porosity,
            "macmullin": macmullin,
            "offset": self["separator_scatter"] * z["separator_offset"],
        }

    def critical(self, name: str) -> float:
        """Return the median cell's critical current density [A/m^2], without the offset."""
        separator = self.separator(name)
        return float(
            physics.critical_current_density(
                self.wetting_product,
                separator["radius"],
                separator["porosity"],
                self["exchange_current_density"],
                self["reorganization_energy"],
                298.15,
                MOLAR_VOLUME,
            )
        )

    def limiting(self, name: str, layers: float, before: float, behind: float, c: float) -> float:
        """Return the limiting current density [A/m^2] of a stack with reservoirs [m]."""
        own = self.separator(name)
        stack = [
            physics.Layer(before),
            physics.Layer(layers * own["thickness"], own["porosity"], own["macmullin"]),
            physics.Layer(behind),
        ]
        diffusivity, transference = self["ambipolar_diffusivity"], self["transference_number"]
        return float(physics.limiting_current_density(diffusivity, transference, c, stack))


def interval_logp(low: float, high: float, mu: float, s: float) -> float:
    return float(np.log(stats.norm.cdf(high, mu, s) - stats.norm.cdf(low, mu, s)))


def relative_sd(value: float, sd: float) -> float:
    """Return the sd of the log of a lognormal of that mean and sd."""
    return float(np.sqrt(np.log1p((sd / value) ** 2)))


def of_penetration(truth: Truth) -> dict[str, list[float]]:
    found = []
    for row in truth.rows("penetration"):
        threshold = (
            np.log(truth.critical(row["separator"])) + truth.separator(row["separator"])["offset"]
        )
        z = (np.log(row["current_density"] * 10) - threshold) / truth["penetration_scatter"]
        found.append(stats.norm.logcdf(z if row["outcome"] == "penetrated" else -z))
    return {"penetration": found}


def of_critical_current(truth: Truth) -> dict[str, list[float]]:
    s = truth["penetration_scatter"]
    survived, penetrated, one_cell, overpotentials = [], [], [], []
    for row in truth.rows("critical_current"):
        separator = truth.separator(row["separator"])
        mu = np.log(truth.critical(row["separator"])) + separator["offset"]
        low, high = (np.log(row[f"current_density_{end}"] * 10) for end in ("lower", "upper"))
        if row["bracket_from"] == "one_cell":
            one_cell.append(interval_logp(low, high, mu, s))
        else:
            survived.append(stats.norm.logcdf((mu - low) / s))
            penetrated.append(stats.norm.logcdf((high - mu) / s))
        eta = 2 * truth.wetting_product * MOLAR_VOLUME / (96485.33212 * separator["radius"])
        drop = row["overpotential_current_density"] * 10 * truth["residual_resistance"]
        spread = np.hypot(truth["overpotential_scatter"], row["overpotential_sd"])
        overpotentials.append(stats.norm.logpdf(row["overpotential"], (eta + drop) * 1e3, spread))
    return {
        "critical_current_cells": survived + penetrated,
        "critical_current_one_cell": one_cell,
        "critical_current_overpotential": overpotentials,
    }


def of_kinetics(truth: Truth) -> dict[str, list[float]]:
    found = []
    for row in truth.rows("kinetics"):
        eta = abs(row["overpotential"]) * 1e-3
        laws = [
            physics.marcus_hush_chidsey_current_density(
                value, truth["exchange_current_density"], truth["reorganization_energy"], 298.15
            )
            for value in (eta, eta + row["overpotential_sd"] * 1e-3)
        ]
        spread = np.hypot(truth["kinetics_scatter"], np.log(laws[1] / laws[0]))
        observed = np.log(abs(row["current_density"]) * 10)
        found.append(stats.norm.logpdf(observed, np.log(laws[0]), spread))
    return {"kinetics": found}


def of_lsv(truth: Truth) -> dict[str, list[float]]:
    found = []
    for row, z in zip(truth.rows("lsv"), truth.free["lsv_area_z"], strict=True):
        reservoir = np.nan_to_num(row["reservoir_thickness"]) * 1e-6
        depleting = row["reservoir_side"] == "depleting"
        before, behind = (reservoir, 0.0) if depleting else (0.0, reservoir)
        limit = truth.limiting(
            row["separator"], row["layers"], before, behind, row["concentration"] * 1e3
        )
        area = row["area"] * np.exp(relative_sd(row["area"], row["area_sd"]) * z)
        mu, s = np.log(limit * area * 1e-4 * 1e3), truth["lsv_scatter"]
        if np.isfinite(row["plateau_current"]):
            error = relative_sd(row["plateau_current"], row["plateau_current_sd"])
            found.append(stats.norm.logpdf(np.log(row["plateau_current"]), mu, np.hypot(s, error)))
        else:
            ends = (np.log(row[f"plateau_current_{end}"]) for end in ("lower", "upper"))
            found.append(interval_logp(*ends, mu, s))
    return {"lsv": found}


def clock_logp(row: dict[str, Any], name: str, z: Callable[[float], float], s: float) -> float:
    """Return the log-likelihood of a clock whose cells fail by t with probability Phi(z(t))."""

    def density(log_time: float) -> float:
        h = 1e-4
        slope = (z(np.exp(log_time + h)) - z(np.exp(log_time - h))) / (2 * h)
        return float(stats.norm.pdf(z(np.exp(log_time))) * slope)

    if np.isfinite(row[name]):
        sd, x = np.nan_to_num(row[f"{name}_sd"]), np.log(row[name])
        if sd == 0:
            return float(np.log(density(x)))
        return float(np.log(blurred(lambda e: density(x + e), relative_sd(row[name], sd))))
    if np.isfinite(row[f"{name}_lower"]):
        low, high = (stats.norm.cdf(z(row[f"{name}_{end}"])) for end in ("lower", "upper"))
        return float(np.log(high - low))
    return float(stats.norm.logsf(z(row["stop_time"])))


def of_sand(truth: Truth) -> dict[str, list[float]]:
    s, found = truth["sand_scatter"], []
    for row in truth.rows("sand"):

        def z(time: float, row: dict[str, Any] = row) -> float:
            threshold = physics.depletion_current_density(
                time,
                row["concentration"] * 1e3,
                truth["ambipolar_diffusivity"],
                truth["transference_number"],
                row["electrode_distance"] * 1e-3,
            )
            return float((np.log(row["current_density"] * 10) - np.log(threshold)) / s)

        found.append(clock_logp(row, "sand_time", z, s))
    return {"sand": found}


def of_dc_polarization(truth: Truth) -> dict[str, list[float]]:
    s = truth["dc_polarization_scatter"]
    found: dict[str, list[float]] = {"dc_polarization_one_way": [], "dc_polarization_step": []}
    for row, pressure in zip(
        truth.rows("dc_polarization"), truth.pressure["dc_polarization"], strict=True
    ):
        kelvin = row["temperature"] + KELVIN
        per_kelvin = (1 / kelvin - 1 / 298.15) / 8.31446261815324
        diffusivity = truth["self_diffusivity"] * np.exp(
            -truth["self_diffusion_activation_energy"] * per_kelvin
        )
        creep = (
            truth["creep_current_at_9_MPa"]
            * (row["electrode_thickness"] / 500)
            * (pressure / 9) ** truth["creep_pressure_exponent"]
            * np.exp(-truth["creep_activation_energy"] * per_kelvin)
        )
        factor = truth[f"supply_factor[{row['protocol']}]"]

        def log_threshold(
            time: float, supply: tuple[float, ...] = (diffusivity, MOLAR_VOLUME, factor, creep)
        ) -> float:
            return float(np.log(physics.void_free_current_density(time, *supply)))

        if row["protocol"] == "one_way":
            current = np.log(row["current_density"] * 10)
            found["dc_polarization_one_way"].append(
                clock_logp(
                    row,
                    "transition_time",
                    lambda t, c=current, law=log_threshold: (c - law(t)) / s,
                    s,
                )
            )
            continue
        mu = log_threshold(row["step_time"])
        low, high = (np.log(row[f"current_density_{end}"] * 10) for end in ("lower", "upper"))
        found["dc_polarization_step"].append(
            interval_logp(low, high, mu, s) if np.isfinite(high) else stats.norm.logsf(low, mu, s)
        )
    return found


def of_creep(truth: Truth) -> dict[str, list[float]]:
    found = []
    for row in truth.rows("creep"):
        per_kelvin = (1 / (row["temperature"] + KELVIN) - 1 / 298.15) / 8.31446261815324
        rate = row["strain_rate"] / (1e-3 * np.exp(-truth["creep_activation_energy"] * per_kelvin))
        stress = 0.29 * rate ** (1 / truth["creep_exponent"])
        found.append(stats.norm.logpdf(np.log(row["stress"] / stress), 0, truth["creep_scatter"]))
    return {"creep": found}


def of_morphology(truth: Truth) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {"morphology_coverage": [], "morphology_thickness": []}
    for row, pressure in zip(truth.rows("morphology"), truth.pressure["morphology"], strict=True):
        n = truth["creep_exponent"]
        stress = pressure * 1e3 / (truth["film_constraint_factor"] * 0.29e6)
        time = row["plating_time"] + row["rest_time"]
        spread = (truth["initial_coverage"] ** n + n * 1e-3 * stress**n * time) ** (1 / n)
        coverage = spread / (1 + spread**8) ** (1 / 8)
        charge = row["current_density"] * 10 * row["plating_time"]
        error = row["coverage_sd"] / (row["coverage"] * (1 - row["coverage"]))
        together = deposit_logp(
            special.logit(coverage),
            np.log(charge * MOLAR_VOLUME / (96485.33212 * truth["apparent_density"])),
            truth["coverage_scatter"],
            truth["thickness_scatter"],
            (special.logit(row["coverage"]), error),
            (np.log(row["thickness"] * 1e-6), relative_sd(row["thickness"], row["thickness_sd"])),
        )
        alone = stats.norm.logpdf(
            special.logit(row["coverage"]),
            special.logit(coverage),
            np.hypot(truth["coverage_scatter"], error),
        )
        found["morphology_coverage"].append(alone)
        found["morphology_thickness"].append(together - alone)
    return found


def deposit_logp(
    median: float,
    all_covered: float,
    scatter: float,
    thickness_scatter: float,
    coverage: tuple[float, float] | None,
    thickness: tuple[float, float],
) -> float:
    """Return the log-likelihood of a deposit, summed over what it may cover itself.

    Its coverage and thickness are values and errors on their natural scales; what it covers is
    normal about the median, what is seen of it is normal about that, and so is the logarithm of
    its thickness about that of the metal spread over it.
    """

    def thick(own: Any) -> Any:
        due = all_covered - special.log_expit(own)
        return stats.norm.pdf(thickness[0], due, np.hypot(thickness_scatter, thickness[1]))

    if coverage is not None and coverage[1] == 0.0:
        return float(stats.norm.logpdf(coverage[0], median, scatter) + np.log(thick(coverage[0])))
    own = np.linspace(median - 12 * scatter, median + 12 * scatter, 100_001)
    density = stats.norm.pdf(own, median, scatter) * thick(own)
    if coverage is not None:
        density = density * stats.norm.pdf(coverage[0], own, coverage[1])
    return float(np.log(integrate.trapezoid(density, own)))


def of_published(truth: Truth) -> dict[str, list[float]]:
    ratio = truth.critical("trilayer") / truth.limiting("trilayer", 1, 0.0, 0.0, 1e3)
    transference, edge = truth.rows("published")
    assert edge["upper"] == 0.25
    return {
        "published": [
            # A fraction: on the logit scale, as coverages are.
            stats.norm.logpdf(
                special.logit(transference["value"]),
                special.logit(0.5),
                0.15 / (1 - transference["value"]),
            ),
            stats.norm.logcdf(np.log(0.25 / ratio) / 0.1),
        ]
    }


@pytest.fixture(scope="module")
def at_truth(synthetic: Campaign, parameters_of: Callable[..., Any]) -> tuple[Truth, Any, Any]:
    """Return the truth, the model with every parameter fixed to it, and its distributions."""
    from models.options import ModelOptions

    truth = Truth(synthetic)
    priors = {name: {"fixed": value} for name, value in truth.stated.items()}
    model = joint_model(synthetic, ModelOptions(priors=priors))
    return truth, model, parameters_of(model, truth.free)


@pytest.mark.xdist_group("at truth")
@pytest.mark.parametrize(
    "block",
    [of_penetration, of_critical_current, of_kinetics, of_lsv, of_sand, of_dc_polarization,
     of_creep, of_morphology, of_published],
    ids=lambda function: function.__name__,
)  # fmt: skip
def test_every_row_of_a_campaign_has_the_likelihood_of_its_equations(
    block: Callable[[Truth], dict[str, list[float]]], at_truth: tuple[Truth, Any, Any]
) -> None:
    truth, model, parameters = at_truth
    for name, due in block(truth).items():
        observed = model.observed[name]
        got = model.observations[name].logp(observed, *parameters[name])
        np.testing.assert_allclose(got, due, rtol=2e-6, atol=1e-7, err_msg=name)


@pytest.mark.xdist_group("at truth")
def test_every_block_of_the_campaign_is_tested_above(at_truth: tuple[Truth, Any, Any]) -> None:
    truth, model, _ = at_truth
    blocks = (of_penetration, of_critical_current, of_kinetics, of_lsv, of_sand,
              of_dc_polarization, of_creep, of_morphology, of_published)  # fmt: skip
    assert set(model.observations) == {name for block in blocks for name in block(truth)}


@pytest.mark.xdist_group("at truth")
def test_draws_of_every_row_of_a_campaign_follow_their_own_likelihood(
    at_truth: tuple[Truth, Any, Any],
) -> None:
    _, model, parameters = at_truth
    rng = np.random.default_rng(17)
    worst = 1.0
    for name, observation in model.observations.items():
        values = parameters[name]
        observed = model.observed[name]
        draws = observation.draw(*values, rng=rng, size=(1500, observed.size))
        assert draws.shape == (1500, observed.size)
        if name in {"penetration", "critical_current_cells"}:
            due = np.exp(observation.logp(np.ones(observed.size), *values))
            np.testing.assert_allclose(draws.mean(axis=0), due, atol=5 * np.sqrt(0.25 / 1500))
            continue
        clock = name in {"sand", "dc_polarization_one_way"}
        halfwidth, floor, ceiling = values[3:6] if clock else values[2:5]
        if name == "morphology_thickness":  # for what was observed of the coverage
            halfwidth, floor, ceiling = (np.array(each) for each in (0.0, -np.inf, np.inf))
        scale = {"critical_current_overpotential": "linear", "morphology_coverage": "logit"}
        halfwidth, floor, ceiling = (
            np.broadcast_to(each, observed.shape) for each in (halfwidth, floor, ceiling)
        )
        values = [np.broadcast_to(each, observed.shape) for each in values]
        for row in range(observed.size):
            if clock and halfwidth[row] > 0:
                continue  # an interval that reaches over the planned end is cut there
            fraction = name == "published" and row == 0
            to = TO_NATURAL["logit" if fraction else scale.get(name, "log")]
            back = {np.log: np.exp, special.logit: special.expit}.get(to, to)  # type: ignore[call-overload]
            p = kolmogorov(
                observation,
                values,
                row,
                to,
                back,
                halfwidth[row],
                (float(floor[row]), float(ceiling[row])),
                draws,
            )
            worst = min(worst, p)
            assert p > 1e-6, f"{name}, row {row}"
    assert worst < 0.2  # of about a hundred p-values the smallest is small


DEPOSITS = """cell,temperature [degC],pressure [kPa],current_density [mA/cm^2],plating_time [s],\
    coverage [1],coverage_sd [1],thickness [um],thickness_sd [um]
    both,25,0,0.5,1800,0.15,,40,
    with errors,25,500,0.5,1800,0.4,0.03,20,1
    coverage with error,25,500,0.5,1800,0.6,0.05,20,
    thickness,25,1000,0.5,1800,,,8,0.4
    coverage,25,1000,0.5,1800,0.7,,,"""


@pytest.fixture(scope="module")
def deposits(campaign_of: Callable[..., Campaign]) -> Any:
    from models.options import ModelOptions

    return joint_model(campaign_of(morphology=DEPOSITS), ModelOptions(blocks=["morphology"]))


@pytest.mark.parametrize("scatter", [0.1, 0.4, 0.8])
@pytest.mark.parametrize("thickness_scatter", [0.05, 0.2, 0.8])
@pytest.mark.parametrize("median", [0.03, 0.2, 0.5, 0.9, 0.98])
def test_what_a_deposit_covers_itself_counts_once(
    deposits: Any,
    scatter: float,
    thickness_scatter: float,
    median: float,
) -> None:
    """Rows of coverage and thickness together have the likelihood of their deposits."""
    rng = np.random.default_rng(6)
    charge = 5.0 * 1800.0 * MOLAR_VOLUME / (96485.33212 * 0.35)
    thickness_sd = np.array([0.0, relative_sd(20, 1), 0.0, relative_sd(8, 0.4)])
    coverage_sd = np.array([0.0, 0.03 / (0.4 * 0.6), 0.05 / (0.6 * 0.4), 0.0])
    _, thickness = deposits.observations.values()
    middle = special.logit(median)
    for _ in range(5):
        own = middle + scatter * rng.standard_normal(5)
        seen = own + np.append(coverage_sd, 0.0) * rng.standard_normal(5)
        spread = np.hypot(thickness_scatter, thickness_sd)
        thick = np.log(charge) - special.log_expit(own[:4]) + spread * rng.standard_normal(4)
        given = special.expit(seen[[0, 1, 2, 0]])
        got = thickness.logp(
            np.exp(thick) * 1e6,
            given,
            np.full(4, np.log(charge * 1e6)),
            np.full(4, middle),
            np.full(4, scatter),
            np.array([*coverage_sd[:3], 1e6]),
            spread,
        )
        for row in range(4):
            alone = stats.norm.logpdf(seen[row], middle, np.hypot(scatter, coverage_sd[row]))
            due = deposit_logp(
                middle, np.log(charge), scatter, thickness_scatter,
                None if row == 3 else (seen[row], coverage_sd[row]),
                (thick[row], thickness_sd[row]),
            )  # fmt: skip
            assert got[row] == pytest.approx(due - (0.0 if row == 3 else alone), abs=1e-4)


def test_a_drawn_thickness_follows_from_the_drawn_coverage(deposits: Any) -> None:
    from inference.engine.prediction import Predictor

    predictor = Predictor(deposits)
    free = predictor.prior(4000, 3)
    whole, by_row = (
        predictor.evaluate(free, 5, row_by_row=each)["predictive"] for each in (False, True)
    )
    density, scatter = (free[name].values[0] for name in ("apparent_density", "thickness_scatter"))
    charge = 5.0 * 1800.0 * MOLAR_VOLUME / 96485.33212
    for drawn, coverage in (
        (whole, whole["morphology_coverage"].values[0, :, 0]),
        (by_row, np.full(4000, 0.15)),
    ):
        thickness = drawn["morphology_thickness"].values[0, :, 0] * 1e-6
        residual = np.log(thickness * coverage * density / charge) / scatter
        assert stats.kstest(residual, "norm").pvalue > 1e-5
    np.testing.assert_array_equal(
        whole["morphology_coverage"].values, by_row["morphology_coverage"].values
    )


# --- the joint density that is sampled -----------------------------------------------------------

ODD = {
    "separators": """separator,pore_type,pore_radius [nm],pore_radius_sd [nm],thickness [um],\
        porosity [1],porosity_sd [1],macmullin_number [1]
        A,polymer,50,5,25,0.4,0.02,
        B,straight,100,,60,0.35,,3.1""",
    "penetration": """cell,separator,temperature [degC],current_density [mA/cm^2],outcome
        p1,A,25,1,survived
        p2,A,40,9,penetrated""",
    "critical_current": """separator,temperature [degC],current_density_lower [mA/cm^2],\
        current_density_upper [mA/cm^2],bracket_from,overpotential [mV],\
        overpotential_current_density [mA/cm^2],current_density_lowest [mA/cm^2],\
        current_density_highest [mA/cm^2],step_height [mA/cm^2],cells
        B,25,2,,one_cell,12,2,,,,
        B,10,,3,one_cell,,,,,,
        B,40,,,,,,2,2,0.5,3""",
    "morphology": """cell,temperature [degC],pressure [kPa],current_density [mA/cm^2],\
        plating_time [s],coverage [1],coverage_sd [1],thickness [um],thickness_sd [um]
        m1,25,0,0.5,1800,0.15,,40,
        m2,25,500,0.5,1800,0.4,0.03,20,1
        m3,25,1000,0.5,1800,,,8,0.4""",
    "kinetics": """cell,temperature [degC],overpotential [mV],current_density [mA/cm^2]
        k,0,60,9
        k,25,-120,-30""",
    "sand": """cell,separator,electrode_distance [mm],concentration [mol/L],temperature [degC],\
        current_density [mA/cm^2],sand_time [s],sand_time_sd [s],sand_time_lower [s],\
        sand_time_upper [s],stop_time [s]
        s1,A,1,1,25,20,20,,,,200
        s2,,20,1,25,20,210,20,,,900
        s3,B,1,1,40,20,,,30,,200
        s4,,20,1,25,20,,,,300,900
        s5,,20,1,25,20,,,200,260,900
        s6,A,1,1,25,20,,,,,5""",
    "dc_polarization": """cell,protocol,temperature [degC],pressure [MPa],pressure_sd [MPa],\
        electrode_thickness [um],current_density [mA/cm^2],transition_time [s],\
        transition_time_lower [s],transition_time_upper [s],stop_time [s],\
        current_density_lower [mA/cm^2],current_density_upper [mA/cm^2],step_time [s],\
        current_density_lowest [mA/cm^2],current_density_highest [mA/cm^2],\
        step_height [mA/cm^2],cells
        d1,one_way,25,3,0.3,500,2,12000,,,60000,,,,,,,
        d2,one_way,60,0,,500,4,,9000,,20000,,,,,,,
        d3,one_way,25,0,,500,4,,,4000,20000,,,,,,,
        d4,one_way,25,9,0.9,500,2,,9000,20000,60000,,,,,,,
        d5,step,25,9,0.9,500,,,,,,,6,900,,,,
        d6,step,25,0,,500,,,,,,4,,900,,,,
        d7,step,25,9,0.9,500,,,,,,,,900,3,7,1,
        d8,step,25,0,,500,,,,,,,,300,6,6,2,4""",
    "published": """quantity,value,relative_sd [1],lower,upper,unit,separator,temperature [degC],\
        pressure [MPa],metal_thickness [um],protocol
        supply_factor,0.7,0.3,,,1,,,,,step
        limiting_current_density,,0.2,40,120,mA/cm^2,A,,,,
        creep_fed_current_density,,0.1,,5,mA/cm^2,,25,3,500,
        surface_energy,2.2,0.3,,,J/m^2,,,,,
        ambipolar_diffusivity,2e-6,0.3,,,cm^2/s,,,,,""",
}
ENERGY = {"distribution": "LogNormal", "median": "30 kJ/mol", "sigma": 0.3}
ODD_OPTIONS: dict[str, Any] = {
    "kinetics": "marcus_hush",
    "options": {"dc_polarization": {"creep_current": "norton"}},
    "priors": {
        "exchange_current_density_activation_energy": ENERGY,
        "ambipolar_diffusivity_activation_energy": ENERGY,
        "contact_angle": {"fixed": "150 degree"},
        "supply_factor[one_way]": {"fixed": 0.9},
        "surface_energy": {"distribution": "Uniform", "lower": "0.1 J/m^2", "upper": "9 J/m^2"},
    },
}


class Joint:
    """A model as the sampler compiles it, which finds the code again, and as PyMC states it."""

    def __init__(self, model: JointModel) -> None:
        from pytensor import function

        from inference.engine.sampling import Sampler

        self.model = model
        sampler = Sampler(model)
        self._compiled = sampler._compiled.logp_func
        values = [model.pymc.rvs_to_values[rv] for rv in model.pymc.free_RVs]
        self.names = [value.name for value in values]
        self._observed = [rv.name for rv in model.pymc.observed_RVs]
        # Runs a few times: interpreting these is quicker than compiling them.
        self._pointwise = function(
            values,
            model.pymc.logp(vars=model.pymc.observed_RVs, sum=False),
            mode="FAST_COMPILE",
            on_unused_input="ignore",
        )
        flat = [p for o in model.observations.values() for p in o.parameters]
        self._parameters = function(
            values,
            model.pymc.replace_rvs_by_values(flat),
            mode="FAST_COMPILE",
            on_unused_input="ignore",
        )
        start = model.pymc.initial_point()
        self.shapes = [np.shape(start[name]) for name in self.names]
        self.start = np.concatenate([np.ravel(start[name]) for name in self.names])

    def _split(self, x: Array) -> list[Array]:
        sizes = [int(np.prod(shape)) for shape in self.shapes]
        parts = np.split(x, np.cumsum(sizes)[:-1])
        return [part.reshape(shape) for part, shape in zip(parts, self.shapes, strict=True)]

    def points(self, count: int) -> list[Array]:
        rng = np.random.default_rng(3)
        offsets = [0.0, *(0.4 * rng.standard_normal(self.start.size) for _ in range(count - 1))]
        return [self.start + offset for offset in offsets]

    def logp(self, x: Array) -> float:
        return float(self._compiled(x)[0])

    def gradient(self, x: Array) -> Array:
        return np.array(self._compiled(x)[1])

    def pointwise(self, x: Array) -> dict[str, Array]:
        """Return PyMC's own pointwise log-likelihoods."""
        values = [np.asarray(value) for value in self._pointwise(*self._split(x))]
        return dict(zip(self._observed, values, strict=True))

    def in_numpy(self, x: Array) -> dict[str, Array]:
        """Return the same from `model.observations`, in NumPy."""
        values = iter(self._parameters(*self._split(x)))
        parameters = {
            name: [np.asarray(next(values)) for _ in observation.parameters]
            for name, observation in self.model.observations.items()
        }
        return self.model.log_likelihood(self.model.observed, parameters)


@pytest.fixture(scope="session")
def joint(synthetic: Campaign, campaign_of: Callable[..., Campaign]) -> Callable[[str], Joint]:
    from models.options import ModelOptions

    @cache
    def compiled(name: str) -> Joint:
        if name == "odd":
            return Joint(joint_model(campaign_of(**ODD), ModelOptions(**ODD_OPTIONS)))
        return Joint(joint_model(synthetic))

    return compiled


STRUCTURES = [
    pytest.param(name, marks=(pytest.mark.xdist_group(name), mark))
    for name, mark in (("synthetic", pytest.mark.slow), ("odd", pytest.mark.long))
]


@pytest.mark.parametrize("name", STRUCTURES)
def test_numpy_weighs_observations_as_pymc_does(name: str, joint: Callable[[str], Joint]) -> None:
    compiled = joint(name)
    for x in compiled.points(3):
        ours, theirs = compiled.in_numpy(x), compiled.pointwise(x)
        assert set(ours) == set(theirs)
        for observed, values in theirs.items():
            np.testing.assert_allclose(ours[observed], values, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", STRUCTURES)
def test_gradients_are_those_of_finite_differences_as_the_sampler_compiles_them(
    name: str, joint: Callable[[str], Joint]
) -> None:
    compiled = joint(name)
    for x in compiled.points(4):
        assert np.isfinite(compiled.logp(x))
        gradient = compiled.gradient(x)
        for i in range(x.size):
            step = np.zeros(x.size)
            step[i] = 1e-3
            wide, narrow = (
                (compiled.logp(x + h * step) - compiled.logp(x - h * step)) / (2e-3 * h)
                for h in (1.0, 0.5)
            )
            due = (4 * narrow - wide) / 3
            assert gradient[i] == pytest.approx(due, rel=1e-5, abs=1e-5), (i, compiled.names)


@pytest.mark.parametrize("name", STRUCTURES)
def test_every_unknown_moves_the_density(name: str, joint: Callable[[str], Joint]) -> None:
    compiled = joint(name)
    assert (np.abs(compiled.gradient(compiled.points(2)[1])) > 0).all()
