"""A truth drawn from the prior is laid beside the posterior of the campaign drawn from it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.campaign import Campaign
from data.errors import AnodebayesError, InputError, RunFolderError
from data.loading import load_campaign
from inference.jobs.job import Job
from inference.jobs.reading import job_for_campaign
from inference.studies.recovery import recover

pytestmark = pytest.mark.slow


def test_many_cells_recover_the_truth_they_were_drawn_from(
    campaign_of: Callable[..., Campaign], tmp_path: Path
) -> None:
    rows = [f"c{i},{25 + i % 40},1e-{1 + i % 4},0.3" for i in range(200)]
    header = "specimen,temperature [degC],strain_rate [1/s],stress [MPa]\n"
    job = job_for_campaign(campaign_of(creep=header + "\n".join(rows)).path)
    found = recover(job, seed=4, folder=tmp_path / "run")
    table = found.table
    assert found.result.gate.passed
    assert found.result.synthetic
    for name in ("creep_exponent", "creep_reference_stress", "creep_activation_energy"):
        row = table.loc[name]
        assert row["narrowing"] > 3
        # Within five standard deviations, of which the interval spans 3.3.
        far = 1.5 * np.log(row["upper"] / row["lower"])
        assert abs(np.log(row["truth"] / row["median"])) < far
    again = recover(job, seed=4, folder=tmp_path / "run")
    assert again.table["truth"].equals(table["truth"])


def test_a_missing_truth_is_refused_before_anything_is_written(
    creep_job: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="there is no file"):
        recover(creep_job, tmp_path / "nowhere.toml", folder=tmp_path / "run")
    assert not list(tmp_path.glob("run*"))


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


TRUTH = """seed = 1
[parameters]
creep_exponent = 5.0
creep_reference_stress = "0.3 MPa"
creep_activation_energy = "44 kJ/mol"
creep_scatter = 0.1
"""


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stand in for the fit: it tells what it was given, and its truth is not laid beside it."""
    seen: list[str] = []

    def fit(job: Job, *, folder: Path, **_: object) -> None:
        if (folder / "occupied").exists():
            raise RunFolderError("the run folder is another's")
        seen.append((Path(job.campaign) / "truth.toml").read_text())

    monkeypatch.setattr("inference.runs.fitting.fit", fit)
    monkeypatch.setattr("inference.studies.recovery._table", lambda *_: pd.DataFrame())
    return seen


def test_another_seed_or_truth_is_refused_in_words_and_drawn_only_by_force(
    creep_job: Path, tmp_path: Path, fits: list[str]
) -> None:
    run, truth = tmp_path / "run", tmp_path / "mine.toml"
    truth.write_text(TRUTH)
    recover(creep_job, seed=1, folder=run)
    recover(creep_job, seed=1, folder=run)
    assert fits[0] == fits[1]
    before = contents(tmp_path)
    with pytest.raises(RunFolderError, match="seed: 1 then, 2 now"):
        recover(creep_job, seed=2, folder=run)
    with pytest.raises(RunFolderError, match=r"truth, creep_exponent: .* then, 5\.0 now"):
        recover(creep_job, truth, seed=1, folder=run)
    assert contents(tmp_path) == before
    recover(creep_job, truth, seed=2, folder=run, force=True)
    assert "creep_exponent = 5.0" in fits[-1]
    assert "seed = 2" in fits[-1]
    assert len(fits) == 3


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize(
    "spoil",
    ["measured", "of simulate", "stranger", "edited", "a file", "note", "truth", "below", "record"],
)
def test_a_campaign_that_recovery_did_not_draw_is_never_deleted(
    creep_job: Path, tmp_path: Path, fits: list[str], spoil: str, force: bool
) -> None:
    run, target = tmp_path / "run", tmp_path / "run-campaign"
    if spoil == "measured":
        shutil.copytree(creep_job, target)
    elif spoil == "a file":
        target.write_text("notes")
    else:
        recover(creep_job, seed=1, folder=run)
    if spoil == "of simulate":
        (target / "recovery.json").unlink()
    elif spoil == "stranger":
        (target / "notes.txt").write_text("mine")
    elif spoil == "edited":
        table = target / "creep.csv"
        table.write_text(table.read_text().replace("c1", "my own"))
    elif spoil == "note":
        with (target / "campaign.toml").open("a") as file:
            file.write("# what I noted\n")
    elif spoil == "truth":
        text = (target / "truth.toml").read_text()
        (target / "truth.toml").write_text(text.replace("[parameters]", "# mine\n[parameters]"))
    elif spoil == "below":
        (target / "templates").mkdir()
        (target / "templates" / "creep.csv").write_text("mine")
    elif spoil == "record":
        (target / "recovery.json").write_text("null")
    before = contents(tmp_path)
    count = len(fits)
    with pytest.raises(RunFolderError, match="It is not deleted"):
        recover(creep_job, seed=2, folder=run, force=force)
    assert contents(tmp_path) == before
    assert len(fits) == count


def test_a_refused_fit_leaves_no_campaign_behind_and_the_old_one_where_it_was(
    creep_job: Path, tmp_path: Path, fits: list[str]
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "occupied").touch()
    with pytest.raises(RunFolderError, match="another's"):
        recover(creep_job, seed=1, folder=run)
    incomplete = tmp_path / "mine.toml"
    incomplete.write_text("[parameters]\ncreep_exponent = 5.0\n")
    with pytest.raises(AnodebayesError, match="leaves out parameters"):
        recover(creep_job, incomplete, folder=run)
    assert sorted(path.name for path in tmp_path.glob("*run*")) == ["run"]
    (run / "occupied").unlink()
    recover(creep_job, seed=1, folder=run)
    (run / "occupied").touch()
    before = contents(tmp_path)
    for truth, message in ((None, "another's"), (incomplete, "leaves out parameters")):
        with pytest.raises(AnodebayesError, match=message):
            recover(creep_job, truth, seed=2, folder=run, force=True)
    assert contents(tmp_path) == before
    assert len(fits) == 1


@pytest.mark.parametrize("replaced", [False, True])
def test_a_recovery_that_is_stopped_puts_back_the_campaign_of_the_result_that_stands(
    creep_job: Path,
    tmp_path: Path,
    fits: list[str],
    monkeypatch: pytest.MonkeyPatch,
    replaced: bool,
) -> None:
    run = tmp_path / "run"
    recover(creep_job, seed=1, folder=run)
    run.mkdir()
    (run / "result.nc").write_text("first")
    before = contents(tmp_path)

    def stopped(*_: object, **__: object) -> None:
        if replaced:
            (run / "result.nc").write_text("second")
        raise KeyboardInterrupt

    monkeypatch.setattr("inference.runs.fitting.fit", stopped)
    with pytest.raises(KeyboardInterrupt):
        recover(creep_job, seed=2, folder=run, force=True)
    assert (contents(tmp_path) == before) != replaced
    assert ("seed = 2" in (tmp_path / "run-campaign" / "truth.toml").read_text()) == replaced
    assert not list(tmp_path.glob(".part-*"))


def test_the_truth_is_read_before_the_fit_and_is_that_of_the_drawn_campaign(
    creep_job: Path, tmp_path: Path, fits: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def fit(job: Job, **_: object) -> None:
        truth = Path(job.campaign) / "truth.toml"
        truth.write_text(truth.read_text().replace("creep_exponent", "# creep_exponent"))

    monkeypatch.setattr("inference.runs.fitting.fit", fit)
    monkeypatch.setattr(
        "inference.studies.recovery._table", lambda _, truth: seen.append(truth) or pd.DataFrame()
    )
    recover(creep_job, seed=1, folder=tmp_path / "run")
    assert "creep_exponent" in seen[0].parameters
    with pytest.raises(RunFolderError, match=r"changed since it was drawn \('truth.toml'\)"):
        recover(creep_job, seed=1, folder=tmp_path / "run")


def test_of_chosen_blocks_alone_a_truth_is_drawn(tmp_path: Path, fits: list[str]) -> None:
    job = job_for_campaign(load_campaign("sodium-synthetic").path)
    job = job.model_copy(update={"model": job.model.model_copy(update={"blocks": ("creep",)})})
    recover(job, folder=tmp_path / "run")
    assert {path.stem for path in (tmp_path / "run-campaign").glob("*.csv")} <= {
        "creep", "separators"
    }  # fmt: skip


@pytest.fixture
def creep_job(campaign_of: Callable[..., Campaign]) -> Path:
    header = "specimen,temperature [degC],strain_rate [1/s],stress [MPa]\n"
    return campaign_of(creep=header + "c1,25,1e-3,0.3").path
