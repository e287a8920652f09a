"""Rows that exclude each other are named, before a fit and after it; rows that agree are not."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from data.campaign import Campaign
from inference.cli.commands import app
from inference.jobs.notes import campaign_notes
from inference.misfit.residuals import contradicting_rows
from inference.misfit.verdicts import Check, Finding, Section
from inference.rows.contradictions import excluding_pairs

HEADER = (
    "quantity,value,sd,relative_sd [%],lower,upper,unit,separator,temperature [degC],"
    "pressure [MPa],metal_thickness [um],protocol,source\n"
)


def published(campaign_of: Callable[..., Campaign], *rows: str) -> list[str]:
    """Return what is noted of a table of estimates, each by a source of its own."""
    text = HEADER + "\n".join(f"{row},source {at}" for at, row in enumerate(rows))
    notes = campaign_notes(campaign_of(published=text))
    return [note for note in notes if "exclude each other" in note]


@pytest.mark.parametrize(
    ("rows", "apart"),
    [
        (("wetting_product,2.2,,1,,,J/m^2,,,,,", "wetting_product,0.2,,1,,,J/m^2,,,,,"), "170"),
        (("wetting_product,2.2,,1,,,J/m^2,,,,,", "wetting_product,,,1,,2,J/m^2,,,,,"), "6.74"),
        (("wetting_product,2.2,,1,,,J/m^2,,,,,", "wetting_product,,,1,1,2,J/m^2,,,,,"), "6.74"),
        (("wetting_product,,,1,2.2,,J/m^2,,,,,", "wetting_product,,,1,,2,J/m^2,,,,,"), "6.74"),
        (("transference_number,0.4,0.01,,,,1,,,,,", "transference_number,0.6,0.01,,,,1,,,,,"), ""),
        (("supply_factor,1,,1,,,1,,,,,step", "supply_factor,2,,1,,,1,,,,,step"), "49"),
    ],
)
def test_estimates_that_exclude_each_other_are_named_before_a_fit(
    rows: tuple[str, ...], apart: str, campaign_of: Callable[..., Campaign]
) -> None:
    (note,) = published(campaign_of, *rows)
    assert "published.csv: " in note
    assert "line 2 (" in note
    assert "line 3 (" in note
    assert f"{apart} of their stated standard deviations apart" in note


@pytest.mark.parametrize(
    "rows",
    [
        ("wetting_product,2.2,,10,,,J/m^2,,,,,", "wetting_product,1.8,,10,,,J/m^2,,,,,"),
        ("wetting_product,2.2,,1,,,J/m^2,,,,,", "surface_energy,0.2,,1,,,J/m^2,,,,,"),
        ("supply_factor,1,,1,,,1,,,,,step", "supply_factor,2,,1,,,1,,,,,one_way"),
        ("wetting_product,1,,1,,,J/m^2,,,,,", "wetting_product,,,1,,2,J/m^2,,,,,"),
        ("wetting_product,1.5,,1,,,J/m^2,,,,,", "wetting_product,,,1,1,2,J/m^2,,,,,"),
    ],
)
def test_estimates_that_can_all_be_true_are_not(
    rows: tuple[str, ...], campaign_of: Callable[..., Campaign]
) -> None:
    assert not published(campaign_of, *rows)


def test_the_bundled_estimates_do_not_exclude_each_other(literature: Campaign) -> None:
    assert not [note for note in campaign_notes(literature) if "exclude each other" in note]


@pytest.mark.parametrize("rows", [2, 6, 40])
def test_chance_parts_right_estimates_in_fewer_than_one_table_in_a_hundred(rows: int) -> None:
    rng = np.random.default_rng(rows)
    tables, wrong = 3000, 0
    for _ in range(tables):
        sd = rng.lognormal(-3.0, 1.0, rows)
        value = sd * rng.standard_normal(rows)
        lower = np.where(rng.uniform(size=rows) < 0.2, -np.inf, value)
        groups = [(str(at % max(1, rows // 6)),) for at in range(rows)]
        wrong += bool(excluding_pairs(lower, value, sd, groups))
    assert wrong < 0.01 * tables


def test_one_far_estimate_among_many_is_in_every_pair_that_is_named() -> None:
    value = np.array([0.0, 0.01, 3.0, -0.01, 0.02])
    pairs = excluding_pairs(value, value, np.full(5, 0.1), [("one",)] * 5)
    assert len(pairs) == 4
    assert all(2 in pair[:2] for pair in pairs)
    assert pairs[0][:2] == (2, 3)


def test_chance_parts_predicted_rows_in_fewer_than_one_table_in_a_hundred() -> None:
    rng = np.random.default_rng(7)
    tables, wrong = 400, 0
    for at in range(tables):
        rows = (2, 5, 50)[at % 3]
        common = rng.standard_normal((1000, 1)) * 3.0  # what is not known moves all rows
        predicted = common + rng.standard_normal((1000, rows))
        wrong += contradicting_rows(rng.standard_normal(rows), predicted) is not None
    assert wrong < 0.01 * tables


def test_rows_that_a_fit_cannot_hold_together_are_found_where_neither_is_far_out() -> None:
    rng = np.random.default_rng(3)
    common = rng.standard_normal((2000, 1)) * 5.0
    predicted = common + 0.1 * rng.standard_normal((2000, 8))
    observed = np.zeros(8)
    observed[[2, 5]] = 0.8, -0.8  # within a sixth of what each is predicted to
    found = contradicting_rows(observed, predicted)
    assert found is not None
    assert found[:2] == (2, 5)
    assert found[2] == pytest.approx(1.6 / (0.1 * np.sqrt(2.0)), rel=0.1)


@pytest.mark.parametrize(("verdict", "code"), [("ok", 0), ("warn", 0), ("fail", 3)])
@pytest.mark.parametrize("arguments", [(), ("--json",), ("--prefit",)])
def test_a_check_that_fails_is_exit_code_three(
    verdict: Any, code: int, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    section = Section(name="fit", title="Fit", findings=(Finding.of("a", verdict, "Said."),))
    found = Check(
        kind="prefit" if "--prefit" in arguments else "run",
        name="job", campaign="c", synthetic=False, gate_passed=True, seed=1, sections=(section,),
    )  # fmt: skip
    monkeypatch.setattr("inference.steps.run.check_run", lambda *_args, **_options: found)
    monkeypatch.setattr("inference.checks.prefit_check", lambda _: found)
    monkeypatch.setattr(
        "inference.cli.progress.stored_result",
        lambda _: SimpleNamespace(gate=SimpleNamespace(passed=True)),
    )
    of = "sodium-literature" if "--prefit" in arguments else str(Path.cwd())
    done = CliRunner().invoke(app, ["check", of, *arguments])
    assert done.exit_code == code, done.output


@pytest.mark.long
def test_a_table_that_contradicts_itself_is_told_of_above_its_numbers(tmp_path: Path) -> None:
    (tmp_path / "twice").mkdir()
    (tmp_path / "twice" / "campaign.toml").write_text(
        'name = "twice"\nmetal = "Na"\nkind = "literature"\nelectrolyte = "toy"\n'
    )
    (tmp_path / "twice" / "published.csv").write_text(
        "quantity,value,relative_sd [%],unit,source\n"
        "wetting_product,2.2,1,J/m^2,one\nwetting_product,0.2,1,J/m^2,other\n"
    )
    folder = tmp_path / "run"
    done = CliRunner().invoke(app, ["run", str(tmp_path / "twice"), "--out", str(folder)])
    assert done.exit_code == 3, done.output
    assert "Convergence gate: passed" in done.stdout
    told = " ".join(done.stdout.partition("What speaks against these numbers")[2].split())
    above, _, _ = told.partition("Parameters (CHECK FAILED: do not rely on them)")
    assert "rows of one quantity under one condition exclude each other: line 2" in above
    assert (
        "cannot hold wetting_product (published.csv, line 2) and wetting_product (published.csv, "
        "line 3) together"
    ) in above
    head, _, _ = (folder / "report.html").read_text(encoding="utf-8").partition("<header>")
    assert "CHECK FAILED" in head
    checked = CliRunner().invoke(app, ["check", str(folder)])
    assert checked.exit_code == 3
    assert "Check of run twice (data of campaign twice): FAILED" in checked.stdout
