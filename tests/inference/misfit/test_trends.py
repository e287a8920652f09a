"""Laws that fail along a condition are told of, and right ones are not."""

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from data.campaign import Campaign
from inference.misfit.conditions import conditions_of
from inference.misfit.predictive import _judged, unpredicted
from inference.rows.conditions import row_conditions
from inference.thresholds import PREDICTIVE_FAIL

DRAWS = 500


def fitted(
    variable: str,
    observed: Any,
    predicted: Any,
    designs: Mapping[str, Mapping[str, Any]],
    conditions: Mapping[str, Any] | None = None,
    lines: Mapping[str, list[int]] | None = None,
) -> Any:
    """Return what the predictive part of a check reads of a fit."""
    row = f"{variable}_row"
    tables = {
        f"{name}_design": xr.DataArray(
            np.column_stack([*columns.values()]),
            dims=(f"{name}_design_row", f"{name}_column"),
            coords={f"{name}_column": [*columns]},
        )
        for name, columns in designs.items()
    }
    return SimpleNamespace(
        observed_data=xr.Dataset({variable: (row, observed)}),
        posterior_predictive=xr.Dataset({variable: (("chain", "draw", row), predicted[None])}),
        constant_data=xr.Dataset(tables),
        conditions={variable: conditions or {}},
        posterior=xr.Dataset(),  # of no scatter
        log_likelihood=xr.Dataset(),
        lines=lines or {},
    )


def failed_predictions(result: Any) -> list[str]:
    """Return what answers say of the observations alone, of which the toys have no likelihood."""
    found = [_judged(result, str(name))[0] for name in result.observed_data]
    return [unpredicted(each.model_dump()) for each in found if each.verdict == "fail"]


def of_a_power(rng: Any, time: Any, power: float, sd: float = 0.1, taken: float = -0.5) -> Any:
    """Return currents at which cells fail, and predictions of a fit that takes a power of time.

    Its level and scatter have the posterior of a normal sample (flat priors): a power that is not
    the true one goes into the scatter.
    """
    logs = power * np.log(time) + sd * rng.standard_normal(time.size)
    free = logs - taken * np.log(time)
    spread = np.sqrt(np.sum((free - free.mean()) ** 2) / rng.chisquare(time.size - 1, DRAWS))
    level = free.mean() + spread * rng.standard_normal(DRAWS) / np.sqrt(time.size)
    noise = spread[:, None] * rng.standard_normal((DRAWS, time.size))
    return np.exp(logs), np.exp(level[:, None] + taken * np.log(time) + noise)


@pytest.mark.parametrize(("power", "above"), [(-0.1, "large"), (-0.9, "small")])
def test_another_power_of_the_step_time_is_told_with_its_column(power: float, above: str) -> None:
    time = np.repeat([180.0, 600.0, 1800.0, 7200.0], 6)
    rng = np.random.default_rng(1)
    halfwidth = np.linspace(0.01, 0.02, 24) * time**power  # of the observation: no condition
    name = "dc_polarization_step"

    def told(power: float) -> list[str]:
        observed, predicted = of_a_power(rng, time, power)
        designs = {name: {"step_time": time, "halfwidth": halfwidth}}
        return failed_predictions(fitted(name, observed, predicted, designs))

    [said] = told(power)
    assert f"rows at {above} step_time lie above what is predicted" in said
    assert "the law along step_time does not hold" in said
    assert "beyond them they are not to be trusted" in said
    assert "halfwidth" not in said
    assert "laboratories" not in said  # not what is wrong here
    assert told(-0.5) == []


def test_a_law_of_pressure_is_judged_at_the_rows_of_its_own_protocol() -> None:
    """The design of a table holds its other rows too."""
    rng = np.random.default_rng(2)
    pressure = np.tile([0.0, 1.0, 3.0, 9.0], 5)
    logs = 0.2 * pressure + 0.1 * rng.standard_normal(20)
    predicted = np.exp(logs.mean() + logs.std() * rng.standard_normal((DRAWS, 20)))
    step = [2 * at for at in range(1, 21)]  # lines: every other row is of the other protocol
    every = np.full(40, -1.0)
    every[::2] = pressure
    table = {"temperature": np.full(40, 298.0), "pressure": every}
    result = fitted(
        "dc_polarization_step", np.exp(logs), predicted,
        {"dc_polarization": table, "dc_polarization_step": {"sd": np.zeros(20)}},
        lines={"dc_polarization_step": step, "dc_polarization_one_way": [at + 1 for at in step]},
    )  # fmt: skip
    [said] = failed_predictions(result)
    assert "rows at large pressure lie above what is predicted" in said


def test_verdicts_that_go_with_an_area_are_told_though_no_law_knows_of_it() -> None:
    rng = np.random.default_rng(3)
    current = np.tile(np.linspace(-0.6, 0.6, 20), 2)
    area = np.repeat([0.1, 10.0], 20)
    share = stats.norm.cdf(current / 0.5)
    predicted = (rng.uniform(size=(DRAWS, 40)) < share).astype(float)
    observed = (current + np.where(area > 1.0, 0.45, -0.45) > 0).astype(float)
    beside = {"area": area, "pore_radius": 40.0 / area, "porosity": np.full(40, 0.4)}
    designs = {"penetration": {"log_current": current}}
    result = fitted("penetration", observed, predicted, designs, beside)
    [said] = failed_predictions(result)
    assert (
        "rows at large area (or pore_radius, which goes with it) fail more often than what is "
        "predicted, those at small less often"
    ) in said
    as_due = (rng.uniform(size=40) < share).astype(float)
    assert failed_predictions(fitted("penetration", as_due, predicted, designs, beside)) == []


def test_rows_that_lie_off_at_one_value_between_the_others_are_told_with_it() -> None:
    """A shift of 36 % at one temperature of five goes with no trend."""
    rng = np.random.default_rng(8)
    temperature = np.tile([298.15, 308.15, 318.15, 328.15, 338.15], 6) + rng.uniform(-0.1, 0.1, 30)
    time = np.full(30, 600.0)
    name = "dc_polarization_step"

    def told(shift: float) -> list[str]:
        observed, predicted = of_a_power(rng, time, -0.5)
        there = np.abs(temperature - 318.15) < 1.0
        logs = 5.0 + np.log(observed) + np.where(there, shift, 0.0)
        noise = logs.std() * rng.standard_normal(predicted.shape)
        designs = {name: {"temperature": temperature}}
        return failed_predictions(fitted(name, np.exp(logs), np.exp(logs.mean() + noise), designs))

    [said] = told(-0.45)
    where, _, rest = said.partition(" degC lie ")
    assert "the 6 rows at temperature 4" in where
    much = float(rest.split()[0])
    assert much == pytest.approx(100 * (1 - np.exp(-0.45)), abs=10)
    assert "below the others, which is not predicted" in said
    assert "too high there, and lower than need be elsewhere" in said
    [said] = told(0.45)
    assert "above the others" in said
    assert "too high elsewhere, and lower than need be there" in said
    assert told(0.0) == []


def test_a_row_that_leaves_a_condition_blank_takes_no_part_along_it() -> None:
    """Neither does its blank stand for nothing, nor is the check of the others given up."""
    rng = np.random.default_rng(9)
    thickness: list[float | None] = [50.0 if i % 5 == 2 else 1000.0 for i in range(30)]
    thickness[8] = None
    thin = np.array([each == 50.0 for each in thickness])
    logs = np.where(thin, -0.5, 0.0) + 0.1 * rng.standard_normal(30)
    predicted = np.exp(logs.mean() + logs.std() * rng.standard_normal((DRAWS, 30)))
    design = {"thickness": [0.0 if each is None else each * 1e-6 for each in thickness]}
    name = "dc_polarization_step"
    result = fitted(name, np.exp(logs), predicted, {name: design})
    result.conditions[name]["electrode_thickness"] = thickness
    [said] = failed_predictions(result)
    assert "rows at large electrode_thickness lie above what is predicted, those at small" in said
    assert [*conditions_of(result, name, {"thickness": np.ones(30)})] == ["electrode_thickness"]


def test_cells_that_fail_at_large_capacities_are_told_and_those_at_large_currents_are_not() -> None:
    """A capacity that goes with the current is the current, of which a verdict is."""
    rng = np.random.default_rng(5)
    current = np.tile(np.linspace(-0.6, 0.6, 20), 2)
    capacity = np.repeat([0.5, 5.0], 20)
    predicted = (rng.uniform(size=(DRAWS, 40)) < stats.norm.cdf(current / 0.5)).astype(float)
    observed = (current + np.where(capacity > 1.0, 0.45, -0.45) > 0).astype(float)
    designs = {"penetration": {"log_current": current}}
    [said] = failed_predictions(
        fitted("penetration", observed, predicted, designs, {"capacity": capacity})
    )
    assert "rows at large capacity fail more often" in said
    steep = (current > 0).astype(float)
    beside = {"capacity": 3.0 * np.exp(current)}
    told = failed_predictions(fitted("penetration", steep, predicted, designs, beside))
    assert not any("the law along" in each for each in told)


@pytest.mark.parametrize(
    ("capacities", "kept"),
    [
        ((1, 5, 1, 5), True),  # two plans
        ((1, 1, 5, 5), True),  # all failed at the larger one
        ((5, 5, 0.8, 2.1), False),  # what passed until they failed
        ((5, None, 1, 5), False),
        ((0.201, 5.04, 0.197, 4.93), True),  # plans, as they were measured
        ((1, None, 1, 5), True),
        ((1, 5, 1, None), True),
        ((1, 5, None, None), False),  # a record of survivors
    ],
)
def test_a_capacity_is_a_condition_where_it_was_planned(
    capacities: tuple[float | None, ...], kept: bool, campaign_of: Callable[..., Campaign]
) -> None:
    outcomes = ("survived", "survived", "penetrated", "penetrated")
    rows = "".join(
        f"p{i},A,{24 + i},1,{outcome},{'' if capacity is None else capacity}\n"
        for i, (capacity, outcome) in enumerate(zip(capacities, outcomes, strict=True))
    )
    campaign = campaign_of(
        separators="separator,pore_type,pore_radius [nm],thickness [um],porosity [1],"
        "macmullin_number [1]\nA,polymer,20,25,0.4,5\n",
        penetration="cell,separator,temperature [degC],current_density [mA/cm^2],outcome,"
        f"capacity [mAh/cm^2]\n{rows}",
    )
    found = row_conditions(campaign, ["penetration"])["penetration"]
    assert ("capacity" in found) == kept
    assert found["temperature"] == [24.0, 25.0, 26.0, 27.0]


def test_right_laws_raise_no_more_alarms_than_stated() -> None:
    """Of all statistics of a table, with nine conditions beside that of its law, one of few values.

    A share as stated exceeds the limit once in ten thousand.
    """
    rng = np.random.default_rng(4)
    campaigns, failed = 150, 0
    for _ in range(campaigns):
        time = np.exp(rng.uniform(5.0, 9.0, 15))
        observed, predicted = of_a_power(rng, time, -0.5)
        others = {f"c{i}": each for i, each in enumerate(np.exp(rng.standard_normal((8, 15))))}
        others["area"] = rng.choice([0.5, 1.0, 2.0, 4.0], 15)
        result = fitted("sand", observed, predicted, {"sand": {"time": time}}, others)
        failed += bool(failed_predictions(result))
    assert failed <= stats.binom(campaigns, PREDICTIVE_FAIL).ppf(0.9999)


@pytest.mark.parametrize("planned", [False, True])
def test_currents_at_which_cells_failed_are_no_condition_and_planned_ones_are(
    planned: bool,
) -> None:
    rng = np.random.default_rng(7)
    cells, step, end = 24, 0.15, 3600.0
    limit = 3.0 * np.exp(0.35 * rng.standard_normal(cells))  # what each bears until the end
    current = step * (np.floor(limit / step) + 1.0)
    if planned:
        current, limit = np.repeat([1.0, 2.0, 3.0, 4.0], 6), np.full(cells, 0.9)
    power = -0.3 if planned else -2.0
    time = end * (current / limit) ** power * np.exp(0.05 * rng.standard_normal(cells))
    time = np.minimum(time, 0.99 * end)
    free = np.log(time) + 2.0 * np.log(current)  # a fit that takes the square of the current
    spread = np.sqrt(np.sum((free - free.mean()) ** 2) / rng.chisquare(cells - 1, DRAWS))
    level = free.mean() + spread * rng.standard_normal(DRAWS) / np.sqrt(cells)
    noise = spread[:, None] * rng.standard_normal((DRAWS, cells))
    predicted = np.minimum(np.exp(level[:, None] - 2.0 * np.log(current) + noise), end)
    name = "dc_polarization_one_way"
    design = {"log_current": np.log(10.0 * current), "ceiling": np.full(cells, np.log(end))}
    result = fitted(name, time, predicted, {name: design})
    [(found, _)] = [_judged(result, name)]
    assert "rows at large current_density lie above what is predicted" in found.sentence
    law = "the law along current_density does not hold"
    assert found.verdict == ("fail" if planned else "warn")
    assert ("if the currents were planned, " + law in found.sentence) is not planned
    assert law in found.sentence


def test_a_fit_keeps_areas_and_stated_properties_of_separators_by_row(
    campaign_of: Callable[..., Campaign],
) -> None:
    campaign = campaign_of(
        separators="separator,pore_type,pore_radius [nm],thickness [um],porosity [1],"
        "macmullin_number [1]\nA,polymer,20,25,0.4,5\nB,polymer,40,25,0.5,\n",
        penetration="cell,separator,temperature [degC],current_density [mA/cm^2],outcome,"
        "area [cm^2]\np1,B,25,1,survived,2\np2,A,25,3,penetrated,1\np3,B,25,2,penetrated,1\n",
    )
    kept = row_conditions(campaign, ["penetration"])
    assert kept == {
        "penetration": {
            "area": [2.0, 1.0, 1.0],
            "temperature": [25.0, 25.0, 25.0],
            "pore_radius": [40.0, 20.0, 40.0],
            "macmullin_number": [None, 5.0, None],
            "porosity": [0.5, 0.4, 0.5],
            "separator thickness": [25.0, 25.0, 25.0],
        }
    }
