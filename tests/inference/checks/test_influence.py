"""Rows that decide an answer are named with the answer without them, and so are impossible rows."""

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy import stats
from typer.testing import CliRunner

from data.campaign import Campaign
from inference import Result, check, fit, safe_current
from inference.checks.deciding import Deciding
from inference.checks.influence import LeftOutRows
from inference.checks.weighing import tail_probability
from inference.cli.commands import app
from inference.jobs.reading import parse_job
from inference.report_page.writing import report_html
from inference.thresholds import IMPROBABLE
from tests.inference.maps import test_maps as toys

SOLID = {"cell": "solid", "charge": "1 mAh/cm^2", "pressure": "0 MPa"}
SCATTER = 0.3
DRAWS = 10_000
PRIOR = (math.log(0.6), 0.7)


def posterior(y: Any, sd: Any) -> tuple[float, float]:
    """Return mean and variance of the log of a supply factor, given logs of it that were seen."""
    precision = 1.0 / PRIOR[1] ** 2 + np.sum(1.0 / sd**2)
    return (PRIOR[0] / PRIOR[1] ** 2 + np.sum(y / sd**2)) / precision, 1.0 / precision


def supplied(y: Any, sd: Any) -> Any:
    """Return a fit that is known in closed form: rows are measurements of one supply factor.

    Without pressure the current at a charge goes with its square and with that of the cell's
    factor. The last row is of creep, of which such cells know nothing.
    """
    mean, variance = posterior(y, sd)
    rng = np.random.default_rng(21)
    result = toys.one_cell(dc_polarization_scatter=SCATTER)
    made = toys.Fabricated(DRAWS, **{
        name: float(values.values.flat[0])
        for name, values in result.posterior.data_vars.items()
        if name not in {"supply_factor", "creep_exponent"}
    }, supply_factor_one_way=1.0, supply_factor_step=1.0)  # fmt: skip
    log_factor = mean + math.sqrt(variance) * rng.standard_normal((2, DRAWS))
    made.posterior["supply_factor"][..., 1] = np.exp(log_factor)
    dims = ("chain", "draw", "dc_polarization_step_row")
    coords = {"chain": range(2), "draw": range(DRAWS)}
    labels = {"dc_polarization_step_row": [f"c{i}" for i in range(y.size)]}
    expected = np.broadcast_to(log_factor[..., None], (2, DRAWS, y.size))
    other = rng.standard_normal((2, DRAWS, 1))
    made.log_likelihood = xr.Dataset(
        {
            "dc_polarization_step": (dims, stats.norm(expected, sd).logpdf(y)),
            "creep": (("chain", "draw", "creep_row"), -2.0 * other**2),
        },
        coords={**coords, **labels, "creep_row": ["s1"]},
    )
    made.posterior_predictive = xr.Dataset(
        {
            "dc_polarization_step": (
                dims, np.exp(expected + sd * rng.standard_normal(expected.shape))
            ),
            "creep": (("chain", "draw", "creep_row"), np.exp(other)),
        }
    )  # fmt: skip
    made.observed_data = xr.Dataset(
        {
            "dc_polarization_step": ("dc_polarization_step_row", np.exp(y)),
            "creep": ("creep_row", [1.0]),
        }
    )
    made.posterior = made.posterior.assign_coords(coords)
    made.blocks = ["creep", "dc_polarization"]
    made.lines = {"dc_polarization_step": list(range(2, 2 + y.size)), "creep": [2]}
    made.folder = None
    return made


def asked(result: Any, risk: float = 0.05) -> Deciding:
    return LeftOutRows(result).without_each(safe_current(result, SOLID, risk, draws=2 * DRAWS))


@pytest.mark.parametrize("risk", [0.05, 0.01])
def test_the_answer_without_a_row_is_that_of_the_closed_form(risk: float) -> None:
    """One of twelve rows was misread tenfold: it alone is named."""
    sd = np.full(12, 0.65)
    y = PRIOR[0] + np.append(0.2 * np.sin(np.arange(11)), -math.log(10.0))
    result = supplied(y, sd)
    found = asked(result, risk)
    answer = safe_current(result, SOLID, risk, draws=2 * DRAWS)
    assert found.value == pytest.approx(answer.value, rel=1e-9)
    (mean, variance), deviate = posterior(y, sd), stats.norm.ppf(risk)
    for place in range(12):
        keep = np.arange(12) != place
        other_mean, other_variance = posterior(y[keep], sd[keep])
        due = 2.0 * (other_mean - mean) + deviate * (
            math.sqrt(4.0 * other_variance + 4.0 * SCATTER**2)
            - math.sqrt(4.0 * variance + 4.0 * SCATTER**2)
        )
        each = found.rows[place]
        assert each.method == "importance sampling"
        assert math.log(each.value / found.value) == pytest.approx(due, abs=0.09)  # 5 sd
    [row] = found.deciding
    assert str(row.row) == "c11 (dc_polarization.csv, line 13)"
    assert not found.untold
    words = found.sentence()
    assert f"without c11 (dc_polarization.csv, line 13) it is {row.value:.3g}" in words
    assert f"instead of {found.value:.3g} mA/cm^2" in words


def test_an_answer_that_depends_on_no_parameter_is_related_to_no_row() -> None:
    result = supplied(PRIOR[0] + np.zeros(4), np.full(4, 0.2))
    more = {**SOLID, "charge": "30 mAh/cm^2", "metal_thickness": "20 um"}
    found = LeftOutRows(result).without_each(safe_current(result, more, draws=2 * DRAWS))
    assert found.value == 0.0
    assert {each.method for each in found.rows} == {"unrelated"}
    assert not found.deciding
    assert not found.untold


def test_where_weights_cannot_be_trusted_a_row_is_said_not_to_be_known_unless_unrelated() -> None:
    sd = np.full(6, 0.2)
    y = PRIOR[0] + np.array([0.05, -0.1, 0.0, 0.1, -0.05, math.log(10.0)])
    result = supplied(y, sd)
    found = asked(result)
    misread, creep = found.rows[5], found.rows[6]
    assert misread.row.pareto_k > 0.7
    assert [each.row.name for each in found.untold] == ["c5"]
    assert "Not known for sure is what the safe current is without c5" in found.unknown()
    assert creep.row.pareto_k > 0.7  # of a weight without a mean
    assert creep.method == "unrelated"
    assert creep.value == found.value
    # Far out even to the fit that has it.
    odd = LeftOutRows(result).improbable()
    assert [row.name for row in odd] == ["c5"]
    assert "nearly impossible" in LeftOutRows(result).improbable_sentence()
    told = safe_current(result, SOLID)
    assert told.row_numbers["not_known"][0]["line"] == 7
    assert any("c5 (dc_polarization.csv, line 7)" in each for each in told.sentences())
    assert "c5 (dc_polarization.csv, line 7)" in told._repr_html_()
    assert told.sentences()[1].startswith("THE MODEL DOES NOT PREDICT ITS OWN DATA: dc_polar")


@pytest.mark.parametrize(("excess", "known"), [(3e-7, True), (1e-3, False)])
def test_a_survivor_far_below_its_threshold_is_not_among_the_unknown(
    excess: float, known: bool
) -> None:
    """Weights without a mean that are alike tell as much as any; those that differ do not."""
    sd = np.full(6, 0.2)
    result = supplied(PRIOR[0] + np.array([0.05, -0.1, 0.0, 0.1, -0.05, 0.02]), sd)
    # The weight 1/P(survives) of the factor's draws: Pareto of shape 1.05, the least factor first.
    factor = result.posterior["supply_factor"].values[..., 1]
    share = (stats.rankdata(factor).reshape(factor.shape) - 0.5) / factor.size
    survivor = xr.Dataset(
        {"penetration": (("chain", "draw", "penetration_row"),
                         -np.log1p(excess * share**-1.05)[..., None])},
        coords={"penetration_row": ["p1"]},
    )  # fmt: skip
    survives = xr.zeros_like(survivor)
    result.log_likelihood = result.log_likelihood.merge(survivor)
    result.posterior_predictive = result.posterior_predictive.merge(survives)
    result.observed_data = result.observed_data.merge(survives.isel(chain=0, draw=0, drop=True))
    result.blocks = [*result.blocks, "penetration"]
    result.lines |= {"penetration": [2]}
    found = asked(result)
    [row] = [each for each in found.rows if each.row.table == "penetration"]
    assert row.row.pareto_k > 0.7
    assert (row.method == "importance sampling") is known
    assert ("p1" not in found.unknown()) is known
    if known:
        assert row.value == pytest.approx(found.value, rel=0.01)


def test_alike_rows_are_rarely_called_impossible_and_a_row_six_deviations_out_always_is() -> None:
    rng = np.random.default_rng(2)
    campaigns, rows, draws = 150, 25, 1000
    weights = np.full(draws, 1.0 / draws)
    alarms = 0
    for _ in range(campaigns):
        predicted = rng.standard_normal((rows, draws))
        observed = rng.standard_normal(rows)
        p = [tail_probability(predicted[row], weights, observed[row]) for row in range(rows)]
        alarms += min(p) < IMPROBABLE / rows
        assert tail_probability(predicted[0], weights, -6.0) < IMPROBABLE / rows
    assert alarms <= 9  # 1.5 at most are due: more are drawn once in ten thousand
    weights = rng.uniform(size=100_000)
    values = rng.standard_normal(100_000)
    for z in (-4.0, 0.5, 3.0):
        found = tail_probability(values, weights / weights.sum(), z)
        due = 2.0 * stats.norm.sf(abs(z))
        assert 0.9 * due < found < 10.0 * due


# --- a run ----------------------------------------------------------------------------------------

STEPS = (
    "cell,protocol,temperature [degC],pressure [MPa],current_density_lower [mA/cm^2],"
    "current_density_upper [mA/cm^2],step_time [min]\n"
)
AT = ["--at", "charge=1 mAh/cm^2", "--at", "pressure=0 MPa"]


@pytest.fixture(scope="module")
def weak_cell(
    campaign_of: Callable[..., Campaign], tmp_path_factory: pytest.TempPathFactory
) -> Result:
    """Return a fit of 25 cells that fail near 8 mA/cm^2, but for one that does at a sixth."""
    current = 8.0 * np.exp(0.12 * stats.norm.ppf((np.arange(25) + 0.5) / 25))
    current[11] /= 6.0
    lower = np.floor(2.0 * current) / 2.0
    rows = "".join(f"c{i + 1},step,25,0,{a},{a + 0.5},10\n" for i, a in enumerate(lower))
    campaign = campaign_of(dc_polarization=STEPS + rows)
    text = (
        f'schema_version = 1\nname = "toy"\ncampaign = "{campaign.path}"\n'
        "[sampler]\ndraws = 1000\ntune = 500\nchains = 4\nseed = 3\n"
    )
    return fit(parse_job(text), folder=tmp_path_factory.mktemp("runs") / "toy")


@pytest.mark.long
def test_one_weak_cell_of_25_is_named_by_check_ask_and_page_with_both_numbers(
    weak_cell: Result,
) -> None:
    folder = weak_cell.folder
    assert folder is not None
    name = "c12 (dc_polarization.csv, line 13)"
    before = check(weak_cell, conflict=False).section("rows")
    assert name in before.finding("not known solid").sentence
    assert CliRunner().invoke(app, ["check", str(folder)]).exit_code == 3  # its scatter fails
    of_report = (folder / "check.json").read_text(encoding="utf-8")
    told = CliRunner().invoke(app, ["check", str(folder), *AT])
    assert "not stored" in told.output
    done = CliRunner().invoke(app, ["check", str(folder), *AT, "--json"])
    assert done.exit_code in (0, 3), done.output
    # The verdict on a design of one's own is not that of the report's headline.
    assert (folder / "check.json").read_text(encoding="utf-8") == of_report
    asked_for = json.loads(done.stdout)
    [section] = [each for each in asked_for["sections"] if each["name"] == "rows"]
    [finding] = [each for each in section["findings"] if each["key"] == "deciding solid"]
    assert finding["verdict"] == "warn"
    [row] = finding["numbers"]["rows"]
    assert (row["row"], row["method"]) == (name, "refit")
    # j^2 t of the median cell over the charge, and the scatter of the others, squared.
    without, value = row["without [mA/cm^2]"], finding["numbers"]["value"]
    median = 8.0**2 * (10.0 / 60.0) / 1.0
    assert median * math.exp(-1.645 * 2 * 0.20) < without < median * math.exp(-1.645 * 2 * 0.11)
    assert value < 0.6 * without
    both = f"without {name} it is {without:.3g} instead of {value:.3g} mA/cm^2"
    assert both in finding["sentence"]
    asked = CliRunner().invoke(app, ["ask", "safe-current", str(folder), *AT, "--json"])
    answer = json.loads(asked.output)
    assert answer["value"] == pytest.approx(value)
    assert any(both in each for each in answer["rows"]["sentences"])
    assert answer["rows"]["deciding"][0]["without [mA/cm^2]"] == pytest.approx(without)
    [improbable] = [each for each in section["findings"] if each["key"] == "improbable"]
    assert improbable["verdict"] == "fail"
    [odd] = improbable["numbers"]["rows"]
    assert odd["row"] == name
    assert odd["p_value"] < 1e-5
    from inference.figures import run_contents

    page = report_html(run_contents(weak_cell))
    verdict = page[page.index('id="verdict"') : page.index('id="map"')]
    assert "Single rows decide the safe current" in verdict
    assert "c12 (dc_polarization.csv, line 13)" in verdict


@pytest.mark.slow
@pytest.mark.xdist_group("literature")
def test_published_rows_decide_the_liquid_answer_of_the_literature(
    literature_result: Result,
) -> None:
    """All that is known of the exchange current is one number, of sixty percent."""
    answer = safe_current(literature_result, {"cell": "liquid", "pore_radius": "30 nm"})
    found = LeftOutRows(literature_result).without_each(answer)
    told = {each.row.name for each in (*found.deciding, *found.untold)}
    assert {"exchange_current_density", "wetting_product"} <= told
    # What solid cells tell has no part in it.
    assert not {each.row.table for each in found.deciding} & {"dc_polarization", "morphology"}
