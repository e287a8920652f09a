"""The law of cells in maps and answers, and what an answer says of the tail that it rests on."""

import json
import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from inference import required_pore_radius, safe_current, safe_current_map
from inference.misfit.kinds import second_kind_findings
from models.cells import CONTAMINATED_MULTIPLIER
from tests.inference.maps import test_maps as toys

WIDE = {"cell": "liquid", "pore_radius": "30 nm", "thickness": "1 um"}  # no depletion
SCATTER = 0.3
UPPER_QUARTILE = stats.norm.ppf(0.75)
MIXED = stats.norm(scale=CONTAMINATED_MULTIPLIER)


def contaminated(share: float, probability: float) -> float:
    """Return a quantile of the deviates of contaminated cells, by bisection on its own."""
    low, high = -60.0, 60.0
    for _ in range(200):
        middle = 0.5 * (low + high)
        below = (1.0 - share) * stats.norm.cdf(middle) + share * MIXED.cdf(middle)
        low, high = (middle, high) if below < probability else (low, middle)
    return middle


LAWS = {
    "student_t": ("degrees_of_freedom", 3.0, lambda p: float(stats.t(3.0).ppf(p))),
    "contaminated": ("contamination", 0.1, lambda p: contaminated(0.1, p)),
}


def known(law: str = "lognormal", draws: int = 2000, **priors: float) -> Any:
    """Return a fit that knows all but the scatter of cells, which follow a law."""
    result = toys.Fabricated(
        draws, wetting_product=2.21, reorganization_energy=0.16, exchange_current_density=5.0,
        transference_number=0.5, ambipolar_diffusivity=2.5e-6, penetration_scatter=SCATTER,
        separator_scatter=0.0, sand_scatter=0.2,
    )  # fmt: skip
    blocks = ("penetration", "sand")
    if law != "lognormal":
        name, value, _ = LAWS[law]
        for block in blocks:
            full = np.full((2, draws), value)
            result.posterior[f"{block}_{name}"] = (("chain", "draw"), full, {"units": "1"})
        result.attrs["options"] = json.dumps({block: {"cells": law} for block in blocks})
    fixed = {name: {"fixed": value} for name, value in priors.items()}
    result.attrs["model_options"] = json.dumps({"priors": fixed})
    return result


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("area", [1.0, 8.0])
def test_a_new_cell_follows_the_law_of_the_fit(law: str, area: float) -> None:
    _, value, quantile = LAWS[law]
    design = WIDE if area == 1.0 else {**WIDE, "area_ratio": area}
    answer = safe_current(known(law), design, 0.05)
    median = safe_current(known(), WIDE, 0.05).median_cell[0]
    if area == 1.0:
        deviate = quantile(0.05)
    else:  # all patches of a cell are of its kind
        rng = np.random.default_rng(1)
        weakest = rng.standard_normal((400_000, int(area))).min(axis=1)
        if law == "student_t":
            multiplier = 1.0 / np.sqrt(rng.gamma(value / 2, 2 / value, weakest.size))
        else:
            multiplier = np.where(rng.uniform(size=weakest.size) < value, 4.0, 1.0)
        deviate = float(np.quantile(multiplier * weakest, 0.05))
    exact = median * math.exp(SCATTER * deviate)
    # Over evenly spread cells and over random ones, 5 % of them below.
    assert answer.interval == pytest.approx((exact, exact), rel=0.03)
    assert answer.value == pytest.approx(exact, rel=0.15)
    chart = safe_current_map(known(law), design, risk=0.05)
    assert answer.value == pytest.approx(float(chart["safe_current_density"]), rel=1e-12)
    assert answer.cells == (law, law)


@pytest.mark.parametrize("law", LAWS)
def test_at_a_small_risk_the_answer_says_what_other_tails_would_make_of_it(law: str) -> None:
    name, value, quantile = LAWS[law]
    result = known(**{f"{block}_{name}": value for block in ("penetration", "sand")})
    answer = safe_current(result, WIDE, 0.01)
    assert answer.tails["as_fitted"] == answer.value
    assert set(answer.tails) == {"as_fitted", "student_t", "contaminated"}
    assert answer.value is not None
    # The same probability and the same middle half of the cells, with another tail.
    median = answer.median_cell[0]
    risk = stats.norm.cdf(math.log(answer.value / median) / SCATTER)
    scatter = SCATTER * UPPER_QUARTILE / quantile(0.75)
    due = median * math.exp(scatter * quantile(float(risk)))
    assert answer.tails[law] == pytest.approx(due, rel=5e-3)
    assert answer.tails[law] < 0.8 * answer.value
    assert answer.tail() in answer.sentences()
    assert answer.tail().startswith("THE TAIL DECIDES: at 1 % risk the tail of the cells' scatter")
    assert f"{answer.tails[law]:.3g} mA/cm^2 with" in answer.tail()
    assert answer.to_dict()["tails [mA/cm^2]"] == answer.tails


def test_a_tail_that_moves_little_is_told_at_small_risks_only() -> None:
    light = {f"{block}_degrees_of_freedom": 30.0 for block in ("penetration", "sand")}
    few = {f"{block}_contamination": 0.001 for block in ("penetration", "sand")}
    result = known(**light, **few)
    rare, usual = (safe_current(result, WIDE, risk) for risk in (0.01, 0.05))
    assert rare.tail().startswith("At 1 % risk the tail of the cells' scatter is assumed (lognorm")
    assert "more than a fifth" not in rare.tail()
    assert usual.tail() == ""
    heavy = known(penetration_degrees_of_freedom=2.01, penetration_contamination=0.4)
    assert "THE TAIL DECIDES: at 5 %" in safe_current(heavy, WIDE, 0.05).tail()


def test_a_fit_of_another_law_names_the_lognormal_as_an_alternative() -> None:
    answer = safe_current(known("contaminated"), WIDE, 0.01)
    assert set(answer.tails) == {"as_fitted", "lognormal", "student_t"}
    assert answer.tails["lognormal"] > answer.tails["as_fitted"]
    assert "(a share of cells of fourfold scatter)" in answer.tail()


def test_a_question_turned_round_states_the_tails_at_its_answer() -> None:
    result = known()
    answer = required_pore_radius(result, "0.8 mA/cm^2", 0.02, {"thickness": "1 um"})
    assert answer.tails["as_fitted"] == pytest.approx(0.8, rel=1e-7)
    assert answer.tails["contaminated"] < 0.8
    none = required_pore_radius(result, "5000 mA/cm^2", 0.02, {"thickness": "1 um"})
    assert none.value is None
    assert none.tail() == ""


def test_rows_of_the_second_kind_are_named() -> None:
    shares = xr.Dataset(
        {"sand": ("sand_row", [0.02, 0.93, 0.6]), "lsv": ("lsv_row", [0.1, 0.2])},
        coords={"sand_row": ["s1", "s2", "s3"], "lsv_row": ["p1", "p2"]},
    )
    result: Any = SimpleNamespace(second_kind=shares)
    sand, lsv = second_kind_findings(result)
    assert sand.verdict == "warn"
    assert "s2 (93 %), s3 (60 %)" in sand.sentence
    assert lsv.verdict == "ok"
    assert "p2 is likeliest (20 %)" in lsv.sentence
    assert second_kind_findings(SimpleNamespace(second_kind=xr.Dataset())) == []  # type: ignore[arg-type]
