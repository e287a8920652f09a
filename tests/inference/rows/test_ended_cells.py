"""Cells taken off before they fail, and times on a clock that began earlier, are told of."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import pytest
import xarray as xr

from data.campaign import Campaign
from inference import safe_current
from inference.misfit.predictive import _judged
from inference.rows.doubtful import doubted_tables
from inference.rows.staircase_times import times_from_the_start
from inference.rows.taken_off import ended_early, taken_off
from tests.inference.maps.test_caveats import SOLID, survivors
from tests.inference.misfit.test_trends import fitted

type Rows = list[dict[str, Any]]

FAILS: Final = 9.0  # mA/cm^2 at which the median cell fails after 300 s
LIKE = {"temperature": 25.0, "pressure": 0.0, "electrode_thickness": 500.0}
LADDER = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0)
SEPARATOR = "separator,pore_type,pore_radius [nm],thickness [um],porosity [1]\nA,polymer,14,25,0.39"


def dataset(rows: Rows) -> xr.Dataset:
    names = sorted({name for row in rows for name in row})
    columns = {name: ("row", np.array([row.get(name, np.nan) for row in rows])) for name in names}
    columns["line"] = ("row", np.arange(2, len(rows) + 2))
    columns["cell"] = ("row", np.array([f"N{at:02d}" for at in range(len(rows))]))
    return xr.Dataset(columns)


def one_way(rng: Any, cells: int, scatter: float, ends: str) -> Rows:
    """Return tests at up to three currents, which end as it is said, or are planned."""
    factors = np.exp(scatter * rng.normal(size=cells))
    weak = factors < np.quantile(factors, 0.3)
    currents = rng.choice([1.0, 1.5, 2.0, 3.0], rng.integers(1, 4), replace=False)
    plan = 3600.0 * rng.choice([10.0, 20.0, 40.0, 60.0])
    rows = []
    for at, factor in enumerate(factors):
        current = currents[at % currents.size]
        time = 300.0 * (factor * FAILS / current) ** 2
        planned = {
            "charge": plan / current,
            "two": (7200.0, plan)[at % 2],
            "several": 3600.0 * rng.choice([1.0, 3.0, 7.0, 60.0]),
            "own": 3600.0 * rng.uniform(1.0, 60.0),
            "instrument": rng.exponential(1e5),  # ends about one cell in five
        }.get(ends, plan)
        row = {**LIKE, "protocol": "one_way", "current_density": current, "stop_time": plan}
        if ends == "weak" and weak[at]:
            rows.append({**row, "stop_time": time * rng.uniform(0.8, 0.97)})
        elif ends == "instrument":
            early = planned < min(time, plan)
            rows.append(
                {**row, "stop_time": planned} if early else {**row, "transition_time": time}
            )
        else:
            failed = {"transition_time": time} if time < planned else {}
            rows.append({**row, "stop_time": planned, **failed})
    return rows


def staircases(rng: Any, cells: int, scatter: float, ends: str, table: str = "polarised") -> Rows:
    """Return cells stepped up in current, whose staircases end as it is said."""
    height = rng.choice([0.1, 0.25])
    length = 900.0
    middle = FAILS * np.sqrt(300.0 / length)
    factors = np.exp(scatter * rng.normal(size=cells))
    weak = factors < np.quantile(factors, 0.3)
    limit = height * round(rng.uniform(0.6, 1.3) * middle / height)
    rows = []
    for at, factor in enumerate(factors):
        steps = np.ceil(factor * middle / height) - 1.0
        highest = {"one": limit, "two": (0.5 * limit, np.inf)[at % 2]}.get(ends, np.inf)
        row = (
            {**LIKE, "protocol": "step", "step_time": length, "current_density": np.nan}
            if table == "polarised"
            else {"temperature": 25.0, "separator": "A", "bracket_from": "one_cell"}
        )
        last = min(steps, np.ceil(highest / height))
        row["current_density_lower"] = last * height
        failed = last == steps and not (ends == "weak" and weak[at])
        rows.append({**row, "current_density_upper": (last + 1.0) * height if failed else np.nan})
    return rows


def ladder(rng: Any, cells: int, scatter: float, ends: str) -> Rows:
    """Return verdicts at a charge, and the charge passed."""
    rows = []
    for current in np.repeat(LADDER, max(1, cells // len(LADDER))):
        failed = current > 3.0 * np.exp(scatter * rng.normal())
        charge = 0.5 * current if ends == "time" else 1.0
        if failed or (ends == "instrument" and rng.random() < 0.1):
            charge *= round(rng.uniform(0.3, 0.95), 2)
        seen = failed and not (ends == "weak" and rng.random() < 0.5)
        verdict = "penetrated" if seen else "survived"
        row = {"separator": "A", "temperature": 25.0, "current_density": current}
        rows.append({**row, "outcome": verdict, "capacity": charge})
    return rows


def depleted(rng: Any, cells: int, scatter: float, ends: str) -> Rows:
    """Return Sand's times; those of weak cells are not waited for."""
    renamed = {"transition_time": "sand_time", "electrode_thickness": "electrode_distance"}
    rows = one_way(rng, cells, scatter, ends)
    return [{renamed.get(name, name): value for name, value in row.items()} for row in rows]


def polarised(rng: Any, *given: Any) -> Rows:
    return staircases(rng, *given)


def bracketed(rng: Any, *given: Any) -> Rows:
    return staircases(rng, *given, table="bracketed")


MADE: Mapping[str, tuple[str, Callable[..., Rows]]] = {
    "times": ("dc_polarization", one_way),
    "sand": ("sand", depleted),
    "steps": ("dc_polarization", polarised),
    "brackets": ("critical_current", bracketed),
    "charges": ("penetration", ladder),
}


@pytest.mark.parametrize("kind", MADE)
def test_weak_cells_taken_off_before_they_fail_are_told_of(kind: str) -> None:
    name, make = MADE[kind]
    rng = np.random.default_rng(8)
    tables = [dataset(make(rng, 32, 0.3, "weak")) for _ in range(20)]
    told = [taken_off(name, table) for table in tables]
    assert sum(map(bool, told)) >= 11
    campaigns = [_Tables({name: table}) for table in tables]
    milder = [ended_early(campaign) for campaign in campaigns]
    assert sum(bool(one) or bool(other) for one, other in zip(told, milder, strict=True)) >= 19
    assert not any(one and other for one, other in zip(told, milder, strict=True))
    said = next(filter(None, told))
    assert "ended without failing, at" in said
    assert "if they were taken off because they began to fail" in said.lower()
    assert "the safe current is too high" in said
    assert "(line " in said


class _Tables:
    def __init__(self, tables: dict[str, xr.Dataset]) -> None:
        self.tables: Any = tables


@pytest.mark.parametrize(
    ("kind", "ends"),
    [
        *(("times", each) for each in ("common", "charge", "two", "several", "own")),
        *(("steps", each) for each in ("none", "one", "two")),
        *(("brackets", each) for each in ("none", "one", "two")),
        *(("charges", each) for each in ("common", "time")),
    ],
)
def test_planned_ends_raise_no_alarm(kind: str, ends: str) -> None:
    name, make = MADE[kind]
    rng = np.random.default_rng(9)
    for _ in range(40):
        table = dataset(make(rng, int(rng.integers(8, 33)), rng.choice([0.15, 0.25, 0.35]), ends))
        assert not taken_off(name, table)
        assert ends == "own" or not ended_early(_Tables({name: table}))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["times", "charges"])
def test_cells_that_instruments_end_are_told_in_milder_words(kind: str) -> None:
    name, make = MADE[kind]
    rng = np.random.default_rng(10)
    tables = [dataset(make(rng, 24, 0.3, "instrument")) for _ in range(60)]
    assert sum(bool(taken_off(name, table)) for table in tables) <= 2
    milder = [told for each in tables if (told := ended_early(_Tables({name: each})))]  # type: ignore[arg-type]
    assert milder
    assert "takes it that this had nothing to do with how they fared" in milder[0][name]


def test_what_is_told_of_ended_cells_stands_before_and_after_the_answer(
    campaign_of: Callable[..., Campaign],
) -> None:
    rows = one_way(np.random.default_rng(8), 30, 0.3, "weak")
    header = (
        "cell,protocol,temperature [degC],pressure [MPa],electrode_thickness [um],"
        "current_density [mA/cm^2],transition_time [s],stop_time [s]\n"
    )
    text = "\n".join(
        f"N{at},one_way,25,0,500,{row['current_density']},"
        f"{row.get('transition_time', '')},{row['stop_time']}"
        for at, row in enumerate(rows)
    )
    campaign = campaign_of(dc_polarization=header + text)
    [told] = doubted_tables(campaign)["dc_polarization"]  # before every number, by the fit
    assert told.startswith("dc_polarization.csv: 9 cells ended without failing, at times of their")
    assert ended_early(campaign) == {}
    result = survivors(highest=1e4, failed=3)
    result.attrs["ended_early"] = json.dumps({"dc_polarization": "2 cells ended early."})
    assert "2 cells ended early." in safe_current(result, SOLID).sentences()


def stepped_up(rng: Any, cells: int, scatter: float, clock: str) -> Rows:
    """Return the currents at which cells failed, with the time since the test or the step began."""
    height, length = rng.choice([0.25, 0.5]), rng.choice([900.0, 1800.0])
    rows = []
    for factor in np.exp(scatter * rng.normal(size=cells)):
        current, before = height, 0.0
        while (time := 300.0 * (factor * FAILS / current) ** 2) >= length:
            current, before = current + height, before + length
        row = {**LIKE, "protocol": "one_way", "current_density": current, "stop_time": 36e3}
        if clock == "steps":
            row |= {"protocol": "step", "step_time": before + time, "current_density": np.nan}
            row |= {"current_density_lower": current - height, "current_density_upper": current}
        else:
            row["transition_time"] = time + (before if clock == "test" else 0.0)
        rows.append(row)
    return rows


@pytest.mark.parametrize("clock", ["test", "steps"])
def test_times_since_a_staircase_began_are_told_of(clock: str) -> None:
    rng = np.random.default_rng(11)
    tables = [dataset(stepped_up(rng, 12, 0.25, clock)) for _ in range(20)]
    told = [times_from_the_start("dc_polarization", each) for each in tables]
    assert all("seem to count from the start of the staircase" in each for each in told)
    assert all("lines 2 to 13, 12 rows" in each for each in told)
    assert all("the answer is far too high" in each for each in told)


def test_times_within_a_step_and_at_planned_currents_raise_no_alarm() -> None:
    rng = np.random.default_rng(12)
    for ends in ("step", "common", "charge", "several", "own"):
        make = stepped_up if ends == "step" else one_way
        for _ in range(60):
            table = dataset(make(rng, int(rng.integers(4, 25)), rng.uniform(0.1, 0.35), ends))
            assert not times_from_the_start("dc_polarization", table)


def test_a_check_fails_where_times_rise_with_the_current() -> None:
    rng = np.random.default_rng(13)
    current = np.linspace(3.0, 6.0, 12)
    predicted = np.exp(rng.normal(9.5 - 0.5 * np.log(current / 4.0), 0.3, (400, 12)))
    design = {"log_current": np.log(current), "ceiling": np.full(12, np.log(36e3))}
    time = np.exp(9.5) * (current / 4.0) * np.exp(0.03 * rng.normal(size=12))
    result = fitted("dc_polarization_one_way", time, predicted, {"dc_polarization_one_way": design})
    found, _ = _judged(result, "dc_polarization_one_way")
    assert found.verdict == "fail"
    assert "count from the start of the staircase" in found.sentence
