"""Cells that are entered twice, by a range over them or under a second name, are told of."""

from typing import Any

import numpy as np
import pytest
import xarray as xr

from data.ranges import RANGE_COLUMNS
from inference.rows.counted_twice import range_over_rows, under_two_names

type Rows = list[dict[str, Any]]

NUMBERS = ("current_density_lower", "current_density_upper", *RANGE_COLUMNS)
RANGE = dict(zip(RANGE_COLUMNS, (np.nan,) * 4, strict=True))


def dataset(rows: Rows) -> xr.Dataset:
    columns = {name: ("row", np.array([row[name] for row in rows])) for name in rows[0]}
    columns["line"] = ("row", np.arange(2, len(rows) + 2))
    columns["cell"] = ("row", np.array([f"N{at:02d}" for at in range(len(rows))]))
    return xr.Dataset(columns)


def brackets(rng: Any, cells: int, scatter: float = 0.3, height: float = 0.2) -> Rows:
    """Return cells of a separator that bears about 3 mA/cm^2, stepped until they failed."""
    steps = np.ceil(3.0 * np.exp(scatter * rng.normal(size=cells)) / height)
    return [
        {
            "separator": "A", "source": "own", "temperature": 25.0, "bracket_from": "one_cell",
            "current_density_lower": (step - 1.0) * height,
            "current_density_upper": step * height, **RANGE,
        }
        for step in steps
    ]  # fmt: skip


def over(rows: Rows, height: float, count: float, **other: Any) -> dict[str, Any]:
    uppers = [row["current_density_upper"] for row in rows]
    ends = dict(zip(RANGE_COLUMNS, (min(uppers), max(uppers), height, count), strict=True))
    ends |= {"current_density_lower": np.nan, "current_density_upper": np.nan}
    return {**rows[0], "bracket_from": "", "source": "paper", **ends, **other}


@pytest.mark.parametrize("table", ["critical_current", "dc_polarization"])
@pytest.mark.parametrize("count", [6.0, np.nan])
def test_a_range_over_cells_that_have_rows_is_told_of(table: str, count: float) -> None:
    rows = brackets(np.random.default_rng(3), 6)
    every = [*rows, over(rows, 0.2, count)]
    if table == "dc_polarization":
        for row in every:
            row |= {"bracket_from": "", "protocol": "step", "step_time": 900.0}
    said = range_over_rows(table, dataset(every))
    assert said == (
        "line 8 is a range whose lowest and highest failing step are those of the 6 like cells in "
        "lines 2 to 7"
    )
    for changed in ({"temperature": 45.0}, {"cells": 5.0}, {"step_height": 0.5}):
        assert not range_over_rows(table, dataset([*every[:-1], {**every[-1], **changed}]))


def test_one_set_of_cells_under_two_names_is_told_of_in_any_order() -> None:
    rng = np.random.default_rng(4)
    rows = brackets(rng, 8)
    for kind in ("separator", "source"):
        again = [{**row, kind: "B"} for row in rows]
        rng.shuffle(again)  # type: ignore[arg-type]
        said = under_two_names("critical_current", dataset([*rows, *again]))
        assert f"the 8 cells of {kind}" in said
        again[0]["current_density_upper"] += 0.2
        again[0]["current_density_lower"] += 0.2
        assert not under_two_names("critical_current", dataset([*rows, *again]))


def test_other_cells_of_one_kind_raise_no_alarm() -> None:
    rng, alarms = np.random.default_rng(5), 0
    for _ in range(400):
        cells, height = int(rng.integers(3, 12)), rng.choice([0.1, 0.2, 0.5])
        one, two = (brackets(rng, cells, rng.choice([0.1, 0.3]), height) for _ in "ab")
        alarms += bool(under_two_names("critical_current", dataset([*one, *relabelled(two)])))
    assert alarms <= 1


def relabelled(rows: Rows) -> Rows:
    return [{**row, "separator": "B"} for row in rows]
