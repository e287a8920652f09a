"""Calibration finds right intervals right and wrong ones wrong, and loses no replicate."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.campaign import Campaign
from data.errors import RunFolderError
from inference.calibration import REPLICATES, Calibration, calibrate, read_calibration
from inference.job import Job, job_for_campaign, load_job
from inference.replicates import Replicate, Replicator, Settings
from models.joint import build_model

ROOT = Path(__file__).resolve().parents[2]
RECORDS = ROOT / "tests" / "calibration"
SHORT = Settings(draws=300, tune=300, chains=2)


@pytest.fixture(scope="module")
def creep(campaign_of: Callable[..., Campaign]) -> Campaign:
    """Twelve compressions, two of them in an oven."""
    rows = [f"c{i},{60 if i < 2 else 25},1e-{1 + i % 4},0.3" for i in range(12)]
    header = "specimen,temperature [degC],strain_rate [1/s],stress [MPa]\n"
    return campaign_of(creep=header + "\n".join(rows))


def calibration_of(replicator: Replicator, count: int) -> Calibration:
    return Calibration(
        {"job": "toy", "seed": 1}, tuple(replicator(index) for index in range(count))
    )


def uniform_calibration(count: int, **other: np.ndarray) -> Calibration:
    rng = np.random.default_rng(3)
    pit = {"right": rng.uniform(size=count), **other}
    replicates = tuple(
        Replicate(i, {name: float(values[i]) for name, values in pit.items()}) for i in range(count)
    )
    return Calibration({"job": "toy", "seed": 1}, replicates)


def test_uniform_ranks_pass_and_each_kind_of_departure_is_named() -> None:
    rng = np.random.default_rng(5)
    wrong = {
        "too narrow": rng.beta(0.5, 0.5, 300),
        "too wide": rng.beta(2.5, 2.5, 300),
        "too low": rng.beta(1.5, 1.0, 300),
    }
    assert uniform_calibration(300).passed
    found = uniform_calibration(300, **wrong)
    assert not found.passed
    assert list(found.table().index[~found.table()["calibrated"]]) == list(wrong)
    said = " ".join(found.verdict())
    assert all(f"NOT calibrated: {name}" in said for name in wrong)
    table = found.table()
    assert table.loc["too narrow", "coverage_90"] < table.loc["too narrow", "band_90_lower"]
    assert table.loc["too wide", "coverage_90"] > table.loc["too wide", "band_90_upper"]


def test_replicates_that_failed_are_counted_shown_and_spoil_the_verdict() -> None:
    good = uniform_calibration(300)
    bad = tuple(Replicate(300 + i, failure="r_hat of 1.9 where 1.05 is due") for i in range(30))
    found = dataclasses.replace(good, replicates=good.replicates + bad)
    assert not found.passed
    said = " ".join(found.verdict())
    assert "30 failed" in said
    assert "r_hat of 1.9" in said
    assert found.record()["failed"]["300"] == bad[0].failure


@pytest.mark.slow
def test_a_right_likelihood_passes_and_a_wrong_one_is_caught(creep: Campaign) -> None:
    model = build_model(creep)
    assert calibration_of(Replicator(model, SHORT, 11), 120).passed
    careless = build_model(creep)
    honest = careless.observations["creep"]

    def twice_as_scattered(*arguments: Any, **keywords: Any) -> Any:
        location, scatter, *others = arguments
        return honest.draw(location, 2.0 * scatter, *others, **keywords)

    careless.observations["creep"] = dataclasses.replace(honest, draw=twice_as_scattered)
    found = calibration_of(Replicator(model, SHORT, 11, truths=careless), 120)
    assert not found.passed
    assert not found.table().loc["creep_scatter", "calibrated"]


@pytest.mark.slow
def test_an_independent_engine_ranks_alike(creep: Campaign) -> None:
    import simuk

    model = build_model(creep)
    ours = calibration_of(Replicator(model, SHORT, 23), 40).pit()
    theirs = simuk.SBC(
        model,
        num_simulations=12,
        sample_kwargs={"draws": 200, "tune": 200, "chains": 1, "progressbar": False},
        seed=23,
    )
    theirs.run_simulations()
    for name in ("creep_exponent", "creep_reference_stress", "creep_scatter"):
        ranks = theirs.simulations["prior_sbc"][name].values.ravel() / 200.0
        # The means of uniform ranks: both within four standard errors.
        assert abs(ranks.mean() - 0.5) < 4 * np.sqrt(1 / 12 / ranks.size)
        assert abs(ours[name].mean() - 0.5) < 4 * np.sqrt(1 / 12 / len(ours))


@pytest.fixture
def job(creep: Campaign) -> Job:
    return job_for_campaign(creep.path)


@pytest.mark.slow
def test_a_calibration_goes_on_where_it_stopped(job: Job, tmp_path: Path) -> None:
    folder = tmp_path / "calibration"
    told: list[tuple[int, int]] = []
    first = calibrate(job, replicates=4, folder=folder, processes=1, settings=SHORT)
    with (folder / REPLICATES).open("a") as file:
        file.write('{"index": 4, "pit": {"creep_')  # killed while writing
    more = calibrate(
        job,
        replicates=6,
        folder=folder,
        processes=1,
        settings=SHORT,
        progress=lambda done, due: told.append((done, due)),
    )
    assert told[0] == (4, 6)
    assert told[-1] == (6, 6)
    assert more.replicates[:4] == first.replicates
    assert [each.index for each in more.replicates] == list(range(6))
    assert read_calibration(folder).replicates == more.replicates
    assert (folder / "calibration.png").stat().st_size > 10_000
    with pytest.raises(RunFolderError, match=r"another job \(it differs in seed\)"):
        calibrate(job, replicates=6, folder=folder, seed=99, processes=1, settings=SHORT)


@pytest.mark.parametrize("name", sorted(path.stem for path in RECORDS.glob("*.json")))
def test_the_recorded_calibrations_are_of_these_priors_and_passed(name: str) -> None:
    record: Mapping[str, Any] = json.loads((RECORDS / f"{name}.json").read_text(encoding="utf-8"))
    from data.campaign import load_campaign
    from inference.job import resolve
    from models.joint import priors_of

    job = load_job(name)
    campaign = load_campaign(job.campaign_location())
    resolved = resolve(job, campaign, priors_of(campaign, job.model_options()))
    assert (record["data_hash"], record["prior_hash"]) == (
        resolved.data_hash,
        resolved.prior_hash,
    ), f"the job has changed: {record['command']}"
    assert record["replicates"] >= 300
    assert record["passed"]
    assert not any("NOT" in line for line in record["verdict"])
    held = [row["coverage_90"] for row in record["quantities"].values()]
    assert min(held) > 0.8
    assert {"new cell, liquid", "new cell, solid"} <= record["quantities"].keys()
