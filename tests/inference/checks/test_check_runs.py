"""Checks of whole runs: what the literature is told, a contradiction that is measured, a ridge."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from data.campaign import Campaign
from data.errors import RunFolderError
from inference import Result, fit, load_result
from inference.checks import Check, check, prefit_check
from inference.cli.check_command import check as command
from inference.engine.sampling import scalars
from inference.jobs.reading import parse_job

pytestmark = pytest.mark.slow

JOB = 'schema_version = 1\nname = "toy"\ncampaign = "{campaign}"\n[model]\nblocks = {blocks}\n'
SHORT = "[sampler]\ndraws = 1000\ntune = 500\nchains = 4\nseed = 3\n"
PINNED = """
[priors.creep_scatter]
fixed = 0.1
[priors.creep_exponent]
fixed = 5.5
[priors.creep_activation_energy]
fixed = "44 kJ/mol"
"""
# The prior of ln sigma0 is N(ln 0.3, 0.5^2); four tests say 0.6 (5 %), a book 0.3 (10 %).
CREEP = "specimen,temperature [degC],strain_rate [1/s],stress [MPa]\n" + "".join(
    f"s{i},25,1e-3,0.6\n" for i in range(4)
)
PUBLISHED = "quantity,value,relative_sd [1],unit,source\ncreep_reference_stress,0.3,0.1,MPa,book\n"


def moments(*measured: tuple[float, float]) -> tuple[float, float]:
    """Return the posterior mean and variance of ln sigma0 given means and variances."""
    every = [(np.log(0.3), 0.25), *measured]
    precision = sum(1.0 / variance for _, variance in every)
    return sum(mean / variance for mean, variance in every) / precision, 1.0 / precision


@pytest.fixture(scope="module")
def contradiction(
    campaign_of: Callable[..., Campaign], tmp_path_factory: pytest.TempPathFactory
) -> Result:
    campaign = campaign_of(creep=CREEP, published=PUBLISHED)
    text = JOB.format(campaign=campaign.path, blocks='["creep", "published"]') + SHORT + PINNED
    return fit(parse_job(text), folder=tmp_path_factory.mktemp("runs") / "toy")


@pytest.fixture(scope="module")
def judged(contradiction: Result) -> Check:
    return check(contradiction)


def test_two_tables_in_contradiction_are_measured_as_their_closed_form_says(
    judged: Check,
) -> None:
    creep, published = (np.log(0.6), 0.1**2 / 4), (np.log(0.3), 0.1**2)
    (mean_c, var_c), (mean_p, var_p) = moments(creep), moments(published)
    mean_j, var_j = moments(creep, published)
    conflict = judged.section("conflict")
    against = {
        (row["table"], row["parameter"]): row["tension"] for row in conflict.tables["against_joint"]
    }
    due = (mean_p - mean_j) / np.sqrt(var_p - var_j)
    assert against["published", "creep_reference_stress"] == pytest.approx(due, rel=0.1)
    pair = conflict.finding("pairs")
    due = (mean_c - mean_p) / np.sqrt(var_c + var_p - 2 * var_c * var_p / 0.25)
    assert pair.numbers["parameters"]["creep_reference_stress"] == pytest.approx(due, rel=0.1)
    assert pair.numbers["tension"] == pytest.approx(due, rel=0.1)
    assert pair.numbers["directions"] == 1
    assert pair.verdict == conflict.verdict == "fail"
    assert "creep and published" in pair.sentence
    assert "creep_reference_stress" in pair.sentence
    assert "higher)" in pair.sentence


def test_contraction_and_power_scaling_of_the_run_are_their_closed_form(judged: Check) -> None:
    section = judged.section("identifiability")
    rows = {row["parameter"]: row for row in section.tables["contraction"]}
    mean, variance = moments((np.log(0.6), 0.0025), (np.log(0.3), 0.01))
    found = rows["creep_reference_stress"]["contraction"]
    assert found == pytest.approx(1 - variance / 0.25, abs=0.005)
    scaling = {row["parameter"]: row for row in section.tables["power_scaling"]}
    shift = scaling["creep_reference_stress"]["shift"]
    for table, centre, spread in (("creep", 0.6, 0.0025), ("published", 0.3, 0.01)):
        due = (np.log(centre) - mean) * np.sqrt(variance) / spread
        assert shift[table] == pytest.approx(due, abs=0.25)
    assert "up" in section.finding("moved by creep").sentence
    assert "down" in section.finding("moved by published").sentence
    assert "creep_reference_stress" not in section.finding("uninformed").sentence


def test_the_fit_section_sees_that_neither_table_is_predicted(judged: Check) -> None:
    fit_of = judged.section("fit")
    assert fit_of.finding("predictive published").verdict != "ok"
    assert "lower than predicted" in fit_of.finding("predictive published").sentence


def test_the_command_writes_check_json_and_its_exit_code_is_its_verdicts(
    contradiction: Result, tmp_path: Path
) -> None:
    assert contradiction.folder is not None
    folder = tmp_path / "run"
    shutil.copytree(contradiction.folder, folder)
    app = typer.Typer()
    app.command()(command)
    done = CliRunner().invoke(app, [str(folder), "--no-conflict"])
    assert done.exit_code == 3, done.output  # neither table is predicted
    assert "Check of run toy (data of campaign toy): FAILED" in done.output
    stored = json.loads((folder / "check.json").read_text(encoding="utf-8"))
    assert [section["name"] for section in stored["sections"]] == [
        "sampling", "fit", "rows", "identifiability", "conflict",
    ]  # fmt: skip
    assert stored["resolved_hash"] == contradiction.attrs["resolved_hash"]
    assert "Whether the tables agree: not checked" in done.output
    [unchecked] = stored["sections"][4]["findings"]
    assert unchecked["verdict"] == stored["sections"][4]["verdict"] == "not checked"
    assert "`anodebayes check RUN` does that" in unchecked["sentence"]
    assert "moves X (s, up)" in done.output
    failed = load_result(folder)
    gate = json.loads(failed.attrs["gate"]) | {"passed": False, "failures": ["R-hat"]}
    failed.tree.attrs["gate"] = json.dumps(gate)
    failed.save(folder / "result.nc")
    done = CliRunner().invoke(app, [str(folder), "--no-conflict"])
    assert done.exit_code == 3
    assert "gate FAILED" in done.output
    assert CliRunner().invoke(app, [str(tmp_path / "none")]).exit_code == 2


def test_tables_are_not_compared_on_other_data(
    contradiction: Result, campaign_of: Callable[..., Campaign]
) -> None:
    other = campaign_of(creep=CREEP)
    with pytest.raises(RunFolderError, match="is not what was fitted"):
        check(contradiction, campaign=other)
    homeless = Result(contradiction.tree)
    section = check(homeless).section("conflict")
    assert "not where the run says" in section.finding("tables").sentence


# --- limiting currents alone ----------------------------------------------------------------------


def transport(name: str, *blocks: str) -> Any:
    text = JOB.format(campaign="sodium-synthetic", blocks=json.dumps(blocks)) + SHORT
    return parse_job(text.replace('"toy"', f'"{name}"'))


@pytest.mark.long
def test_limiting_currents_alone_leave_a_ridge_that_sands_times_would_separate() -> None:
    before = prefit_check(transport("lsv", "lsv")).section("identifiability")
    result = fit(transport("lsv", "lsv"))
    after = check(result, conflict=False).section("identifiability")
    for section, words in ((before, "will lie on a ridge"), (after, "lie on a ridge")):
        [ridge] = [
            each for each in section.findings
            if {"ambipolar_diffusivity", "transference_number"} <= {*each.key.split()}
        ]  # fmt: skip
        assert words in ridge.sentence
        assert "Sand's times in the same electrolyte would separate" in ridge.sentence
    with_sand = prefit_check(transport("both", "lsv", "sand")).section("identifiability")
    learnt = [
        {row["parameter"]: row["contraction"] for row in section.tables["forecast"]}
        for section in (before, with_sand)
    ]
    # All that t+ hears without Sand's times is the prior of D, through D/(1 - t+).
    assert learnt[0]["transference_number"] < 0.3
    assert learnt[1]["transference_number"] > 0.45  # 0.74, and 0.06 from seed to seed
    told = {row["parameter"]: row["contraction"] for row in after.tables["contraction"]}
    known = "diffusivity_over_anion_transference"
    assert told[known] == pytest.approx(learnt[0][known], abs=0.03)


# --- the literature -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def checked(literature_result: Result) -> Check:
    return check(literature_result, conflict=False)


@pytest.mark.xdist_group("literature")
def test_the_literature_is_told_what_its_priors_drive_and_that_protocols_disagree(
    literature_result: Result, checked: Check
) -> None:
    found = checked
    assert found.section("sampling").verdict == "ok"
    identified = found.section("identifiability")
    [angle] = [each for each in identified.findings if each.key.endswith("contact_angle")]
    assert angle.verdict == "warn"
    # The truth is near 0.05; words on its side of a limit hold within the error of the draws.
    away = angle.numbers["contraction"]["contact_angle"] - 0.05
    assert abs(away) < 0.03 + 5 * angle.numbers["error"]["contact_angle"]
    assert "A sessile-drop angle would separate them" in angle.sentence
    # A scatter of 0.15 whose prior says 0.25 +- 0.5 is not the prior's.
    rows = literature_result.summary()
    moved = [n for n in rows.index if n.endswith("_scatter") and abs(rows.loc[n, "shift"]) > 0.6]
    shown = {name for each in identified.findings if each.key.startswith(("prior-driven", "partly"))
             for name in each.numbers["contraction"]}  # fmt: skip
    assert not shown & {*moved}
    assert "sand_scatter" in identified.finding("uninformed").sentence
    table = {row["parameter"]: row for row in identified.tables["power_scaling"]}
    matrix = table["supply_factor[step]"]["sensitivity"]
    assert max(matrix, key=matrix.__getitem__) == "dc_polarization"
    protocols = found.section("conflict").finding("protocols supply_factor")
    assert protocols.verdict == "warn"
    assert protocols.numbers["ratio"] > 1.3
    assert protocols.numbers["tension"] > 3.0
    labels = {row["parameter"] for row in found.section("sampling").tables["parameters"]}
    assert set(scalars(literature_result.posterior).data_vars) <= labels


@pytest.mark.xdist_group("literature")
def test_a_check_is_the_same_when_it_is_made_again(
    literature_result: Result, checked: Check
) -> None:
    assert literature_result.folder is not None
    again = check(load_result(literature_result.folder), conflict=False)
    assert again.to_json() == checked.to_json()


@pytest.mark.xdist_group("literature")
def test_the_forecast_of_the_literature_is_near_what_the_fit_then_finds(checked: Check) -> None:
    ahead = prefit_check("sodium-literature")
    assert ahead.section("prior").verdict == "ok"
    forecasts = {
        row["parameter"]: row["contraction"]
        for row in ahead.section("identifiability").tables["forecast"]
    }
    rows = checked.section("identifiability").tables["contraction"]
    for row in rows:
        name = row["parameter"]
        if name in {"wetting_product", "supply_factor[step]", "contact_angle", "creep_exponent",
                    "creep_reference_stress", "self_diffusivity"}:  # fmt: skip
            # The forecast is of a linear model; the draws of the fit have an error of their own.
            near = 0.05 + 5 * row["error"]
            assert forecasts[name] == pytest.approx(row["contraction"], abs=near)
