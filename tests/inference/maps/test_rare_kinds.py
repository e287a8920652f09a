"""How rare a kind of weak cells may be that a campaign does not show is said with its answers."""

import numpy as np
import pytest
import xarray as xr

from inference import safe_current
from inference.designs.mechanisms import MECHANISMS
from inference.maps.rare_kinds import cells_behind, cells_that_show, rare_kind_sentence
from inference.thresholds import UNSEEN
from tests.inference.maps import test_maps as toys


@pytest.mark.parametrize("risk", [0.01, 0.05, 0.2])
@pytest.mark.parametrize("count", [1, 3, 8, 20, 58, 59, 298, 299, 1000])
def test_a_kind_that_so_few_cells_may_have_missed_is_told(count: int, risk: float) -> None:
    sentence = rare_kind_sentence(count, risk)
    assert bool(sentence) == ((1.0 - risk) ** count >= UNSEEN)
    if sentence:
        rarest = int(sentence.partition("one in ")[2].split()[0])
        assert (1.0 - 1.0 / rarest) ** count >= UNSEEN
        assert rarest == 2 or (1.0 - 1.0 / (rarest - 1)) ** count < UNSEEN
    assert rare_kind_sentence(0, risk) == ""


def test_the_cells_behind_an_answer_are_counted_and_told_with_how_sure_it_is() -> None:
    result = toys.Fabricated()
    result.posterior["lsv_scatter"] = result.posterior["sand_scatter"]
    result.observed_data = xr.Dataset(
        {
            name: (f"{name}_row", np.zeros(len(rows)), {})
            for name, rows in (
                ("penetration", ["a", "b", "c"]),
                ("critical_current_cells", ["A, lower", "A, upper"]),
                ("critical_current_range", ["B", "C", "B, highest", "C, highest"]),
                ("critical_current_one_cell", ["A, 1", "A, 2", "B, 1"]),
                ("critical_current_overpotential", ["A"]),
                ("sand", ["s"]),
                ("lsv", ["L1, 1", "L1, 2", "L2, 1"]),
            )
            for rows in [rows]
        },
        {
            "penetration_row": ["a", "b", "c"],
            "critical_current_one_cell_row": ["A, 1", "A, 2", "B, 1"],
            "lsv_row": ["L1, 1", "L1, 2", "L2, 1"],
        },
    )
    for name in ("critical_current_cells", "critical_current_range", "sand"):
        size = result.observed_data.sizes[f"{name}_row"]
        result.observed_data = result.observed_data.assign_coords({f"{name}_row": range(size)})
    columns = "critical_current_range_column"
    result.constant_data = xr.Dataset(
        {"critical_current_range_design": (("row", columns), [[4.0], [0.0], [4.0], [0.0]])},
        {columns: ["cells"]},
    )
    penetration, depletion = MECHANISMS["liquid"]
    assert cells_behind(result, penetration) == 3 + 2 + 4 + 2 + 3
    assert cells_behind(result, depletion) == 1 + 2
    # Rows that lie together in batches count here as where that is told.
    assert cells_behind(result, penetration, worth={"penetration_scatter": 4}) == 4
    assert cells_behind(result, depletion, worth={"penetration_scatter": 2}) == 1 + 2
    result.groups = {
        "penetration": {"separator": ["A", "B", "B"]},
        "critical_current_cells": {"separator": ["A", "A"]},
        "critical_current_one_cell": {"separator": ["A", "A", "B"]},
        "critical_current_range": {"separator": ["B", "C", "B", "C"]},
    }
    of_each = [cells_behind(result, penetration, name) for name in ("A", "B", "C", "D")]
    assert of_each == [1 + 2 + 2, 2 + 4 + 1, 2, 0]
    # Cells of one separator are told apart by their names, in whatever labels begin with.
    for names, cells in (["m1", "m2"], 2), (["m1", "m1"], 1), (["", ""], 2), (["m, 1", "m, 2"], 2):
        result.groups["critical_current_cells"]["cell"] = names
        assert cells_behind(result, penetration, "A") == 1 + cells + 2
    result.groups["lsv"] = {"separator": ["A", "A", "B"], "cell": ["L, 1", "L, 1", "L, 2"]}
    assert cells_behind(result, depletion) == 1 + 2
    answer = safe_current(result, {"cell": "liquid", "pore_radius": "300 nm"})
    assert answer.mechanism == "penetration"
    assert answer.cells_behind == answer.to_dict()["cells_behind"] == 14
    assert answer.how_sure().endswith(rare_kind_sentence(14, 0.05))
    assert "14 cells tell how cells scatter" in answer.how_sure()


def test_a_verdict_shows_a_weak_kind_only_where_its_test_tells_of_the_answer() -> None:
    """Of 96 verdicts at four currents, as a reader made them, 45 survivors tell at 5 % risk."""
    result, penetration = toys.Fabricated(), MECHANISMS["liquid"][0]
    share = np.repeat([0.2, 0.45, 0.7, 0.9], 24)
    failed = np.arange(96) % 24 >= np.repeat([21, 14, 8, 2], 24)
    rng = np.random.default_rng(1)
    drawn = (rng.uniform(size=(2, 500, 96)) < share).astype(float)
    coords = {"penetration_row": [f"p{each}" for each in range(96)]}
    rows = ("penetration_row", failed.astype(float))
    result.observed_data = xr.Dataset({"penetration": rows}, coords)
    predicted = {"penetration": (("chain", "draw", "penetration_row"), drawn)}
    result.posterior_predictive = xr.Dataset(predicted, coords)
    shown = cells_that_show(result, penetration)
    assert cells_behind(result, penetration) == 96
    assert [shown.at(risk) for risk in (0.01, 0.05, 0.3)] == [45, 45, 24 + 3]
    assert cells_that_show(result, penetration, {"penetration_scatter": 4}).at(0.05) == 4
    sentence = rare_kind_sentence(45, 0.05, 96)
    assert sentence.startswith("45 of the 96 cells that tell how cells scatter would show a kind")
    assert "One rarer than one in 16 may be missing" in sentence
    assert "How many are of such a kind no cell says" in rare_kind_sentence(0, 0.05, 96)
    answer = safe_current(result, {"cell": "liquid", "pore_radius": "300 nm"})
    assert answer.mechanism == "penetration"
    assert answer.how_sure().endswith(sentence)
    # Cells with a threshold of their own tell of every answer; limits as verdicts do.
    logs = rng.standard_normal((2, 500, 3))
    logs[..., 1:] = np.clip(logs[..., 1:], -1.0, 1.0)
    drawn = (("chain", "draw", "sand_row"), np.exp(logs))
    coords = {"sand_row": ["own", "survived", "failed"]}
    observed = xr.Dataset({"sand": ("sand_row", np.exp([0.3, 1.0, -1.0]))}, coords)
    result.observed_data, result.posterior_predictive = observed, xr.Dataset({"sand": drawn})
    shown = cells_that_show(result, MECHANISMS["liquid"][1])
    assert [shown.at(risk) for risk in (0.05, 0.5, 0.9)] == [2, 3, 2]
