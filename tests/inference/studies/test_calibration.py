"""Calibration finds right intervals right and wrong ones wrong, and loses no replicate."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from data.campaign import Campaign
from data.errors import RunFolderError
from data.loading import load_campaign
from inference.engine.fingerprint import fingerprint, fingerprint_differences
from inference.jobs.job import Job
from inference.jobs.reading import job_for_campaign, load_job
from inference.runs.run_folder import RunFolder
from inference.steps.studies import calibrate
from inference.studies.calibration.calibration import Calibration
from inference.studies.calibration.outcome import Replicate
from inference.studies.calibration.records import (
    RECORD,
    REPLICATES,
    continue_record,
    read_calibration,
)
from inference.studies.calibration.replicates import Replicator, Settings, _on_steps
from models.joint import joint_model, priors_of
from models.observations import measured, recorded_currents
from models.options import ModelOptions

ROOT = Path(__file__).resolve().parents[3]
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


def uniform(count: int, seed: int = 3) -> np.ndarray:
    """Return what is uniform whatever the seed: the middles of even parts, shuffled."""
    return np.random.default_rng(seed).permutation((np.arange(count) + 0.5) / count)


def least_p(found: Calibration) -> Any:
    """Return the least p-value of each quantity; a chance in ten thousand lies above 1e-6."""
    return found.table()[["p_uniform", "p_coverage"]].min(axis=1)


def uniform_calibration(count: int, **other: np.ndarray) -> Calibration:
    pit = {"right": uniform(count), **other}
    replicates = tuple(
        Replicate(i, {name: float(values[i]) for name, values in pit.items()}) for i in range(count)
    )
    return Calibration({"job": "toy", "seed": 1}, replicates)


def test_uniform_ranks_pass_and_each_kind_of_departure_is_named() -> None:
    shapes = {"too narrow": (0.5, 0.5), "too wide": (2.5, 2.5), "too low": (1.5, 1.0)}
    wrong = {name: stats.beta(*shape).ppf(uniform(300)) for name, shape in shapes.items()}
    assert uniform_calibration(300).passed
    found = uniform_calibration(300, **wrong)
    assert not found.passed
    assert list(found.table().index[~found.table()["calibrated"]]) == list(wrong)
    said = " ".join(found.verdict())
    assert all(f"NOT calibrated: {name}" in said for name in wrong)
    table = found.table()
    least, most = found.accepted("right")
    assert table.loc["too narrow", "coverage_90"] < least < 0.9
    assert table.loc["too wide", "coverage_90"] > most > 0.9


@pytest.mark.parametrize("count", [100, 300])
def test_what_the_verdict_says_is_let_pass_is_what_the_rule_lets_pass(count: int) -> None:
    cell = uniform(count, seed=8)
    found = uniform_calibration(count, **{"new cell, liquid": cell, "other": 1.0 - cell})
    limits = found.limits()
    # Half of the significance is the cells', whatever else is tested.
    assert limits["new cell, liquid"] == pytest.approx(0.005 / 5)
    assert limits["right"] == limits["other"] == pytest.approx(0.005 / 10)
    for name in ("new cell, liquid", "right"):
        passing = [
            k
            for k in range(count + 1)
            if stats.binomtest(k, count, 0.9).pvalue >= limits[name] * (1 - 1e-9)
        ]
        assert found.accepted(name) == (passing[0] / count, passing[-1] / count)
    least, most = found.accepted("right")
    said = " ".join(found.verdict())
    assert f"{100 * least:.1f} to {100 * most:.1f} %" in said
    assert found.passed


@pytest.mark.parametrize(("count", "scale"), [(20, 1.5), (50, 1.3), (99, 1.0)])
def test_too_few_replicates_neither_pass_nor_fail(count: int, scale: float) -> None:
    quantiles = stats.norm.ppf((np.arange(count) + 0.5) / count)
    found = uniform_calibration(count, narrow=stats.norm.cdf(scale * quantiles))
    said = " ".join(found.verdict())
    assert found.passed is None
    assert found.record()["passed"] is None
    assert "Too few to say" in said
    assert "--replicates 100" in said
    assert "Calibrated" not in said
    # What cannot be chance is wrong at any number.
    assert uniform_calibration(count, narrow=np.full(count, 0.999)).passed is False


def test_quantities_that_data_do_not_touch_are_said_to_pass_vacuously() -> None:
    rng = np.random.default_rng(2)
    names = ("learnt", "half", "untouched[a]", "log-likelihood, creep")
    ranks = {name: uniform(2000, seed) for seed, name in enumerate(names)}
    replicates = []
    for i in range(2000):
        truth = dict(zip(names[:3], rng.standard_normal(3), strict=True))
        median = {
            "learnt": truth["learnt"] + 0.1 * rng.standard_normal(),
            "half": 0.5 * truth["half"] + 0.5 * rng.standard_normal(),  # contraction 1/2
            "untouched[a]": 0.02 * rng.standard_normal(),
        }
        pit = {name: float(values[i]) for name, values in ranks.items()}
        heavy = {name: float(np.exp(5.0 * value)) for name, value in truth.items()}
        replicates.append(
            Replicate(i, pit, heavy, {k: float(np.exp(5.0 * v)) for k, v in median.items()})
        )
    found = Calibration({"job": "toy", "seed": 1}, tuple(replicates))
    contraction = found.contraction()
    assert contraction["learnt"] > 0.95
    assert contraction["half"] == pytest.approx(0.5, abs=0.1)  # error 0.02
    assert contraction["untouched[a]"] < 0.05
    assert np.isnan(contraction["log-likelihood, creep"])
    assert list(found.table().index[found.table()["vacuous"]]) == ["untouched[a]"]
    assert "1 pass vacuously" in " ".join(found.verdict())
    assert "untouched[a]" in found.verdict()[-1]
    record = json.loads(json.dumps(found.record()))
    assert record["quantities"]["log-likelihood, creep"]["contraction"] is None


def test_replicates_that_failed_are_counted_shown_and_spoil_the_verdict() -> None:
    good = uniform_calibration(300)
    bad = tuple(Replicate(300 + i, failure="r_hat of 1.9 where 1.05 is due") for i in range(30))
    found = dataclasses.replace(good, replicates=good.replicates + bad)
    assert not found.passed
    said = " ".join(found.verdict())
    assert "30 failed" in said
    assert "r_hat of 1.9" in said
    assert found.record()["failed"]["300"] == bad[0].failure


@pytest.mark.long
def test_a_right_likelihood_passes_and_a_wrong_one_is_caught(creep: Campaign) -> None:
    model = joint_model(creep)
    assert (least_p(calibration_of(Replicator(model, SHORT, 11), 100)) > 1e-6).all()
    honest = model.observations["creep"]

    def twice_as_scattered(*arguments: Any, **keywords: Any) -> Any:
        location, scatter, *others = arguments
        return honest.draw(location, 2.0 * scatter, *others, **keywords)

    changed = dataclasses.replace(honest, draw=twice_as_scattered)
    careless = dataclasses.replace(joint_model(creep), observations={"creep": changed})
    found = calibration_of(Replicator(model, SHORT, 11, truths=careless), 100)
    assert not found.passed
    assert not found.table().loc["creep_scatter", "calibrated"]


@pytest.mark.long
def test_deposits_alone_are_calibrated() -> None:
    """Coverage and thickness of a deposit share what it covers itself, in draws and in fits."""
    synthetic = load_campaign("sodium-synthetic")
    model = joint_model(synthetic, ModelOptions(blocks=("morphology",)))
    found = calibration_of(Replicator(model, SHORT, 12), 100)
    assert found.passed, found.verdict()


@pytest.mark.long
def test_a_fit_that_ignores_its_data_is_caught_by_their_likelihood_alone(creep: Campaign) -> None:
    blind = joint_model(creep, weighted=True)
    blind.pymc["creep_weight"].set_value(np.zeros(12))
    found = calibration_of(Replicator(blind, SHORT, 11, truths=joint_model(creep)), 100)
    table = found.table()
    assert found.passed is False
    assert not table.loc["log-likelihood, creep", "calibrated"]
    assert (least_p(found).drop("log-likelihood, creep") > 1e-6).all()
    assert found.pit()["log-likelihood, creep"].mean() > 0.9  # the truth fits best
    # A correlation of 0.45 is 4.5 standard errors of what is none.
    assert (table["contraction"].dropna() < 0.45**2).all()


def test_drawn_currents_are_as_informative_as_their_record(
    campaign_of: Callable[..., Campaign],
) -> None:
    """What a replicate is fitted to is what a fit of its written table would be."""
    header = (
        "cell,protocol,temperature [degC],pressure [MPa],current_density_lower [mA/cm^2],"
        "current_density_upper [mA/cm^2],step_time [s]\n"
    )
    campaign = campaign_of(
        dc_polarization=header + "a,step,25,0,4,5,900\nb,step,25,0,6,,900\nc,step,25,0,,3,900\n"
        "d,step,25,0,6,,900"
    )
    drawn = np.array([4.2, 5.1, 3.6, 6.0])
    table = campaign.tables["dc_polarization"]
    _, before = measured(table, "current_density")
    columns = before.columns
    observed, halfwidth = _on_steps(
        drawn, columns["halfwidth"], columns["floor"], columns["ceiling"]
    )
    due, after = measured(recorded_currents(table, drawn), "current_density")
    np.testing.assert_allclose(observed, due)
    np.testing.assert_allclose(halfwidth, after.halfwidth, atol=1e-12)
    # The fit is given both, under names that it knows.
    model = joint_model(campaign)
    replicator = Replicator.__new__(Replicator)
    replicator._model = model
    data = replicator._as_recorded({"dc_polarization_step": drawn})
    at = model.design_columns["dc_polarization_step"].index("halfwidth")
    np.testing.assert_allclose(data["dc_polarization_step_design"][:, at], halfwidth)
    assert {*data} <= {*model.pymc.named_vars}


def test_a_fingerprint_tells_models_apart_and_not_machines(creep: Campaign) -> None:
    model = joint_model(creep)
    found = fingerprint(model)
    assert not fingerprint_differences(found, fingerprint(joint_model(creep)))
    rounded = {**found, "prior": [value * (1 + 1e-9) for value in found["prior"]]}
    assert not fingerprint_differences(found, rounded)
    honest = model.observations["creep"]
    wrong = {
        "the likelihood of creep": lambda *values: 1.001 * honest.logp(*values),
        "the drawing of creep": lambda m, s, *more, **how: honest.draw(m, 1.01 * s, *more, **how),
    }
    for (said, changed), part in zip(wrong.items(), ("logp", "draw"), strict=True):
        observations = {"creep": dataclasses.replace(honest, **{part: changed})}
        other = dataclasses.replace(model, observations=observations)
        assert said in fingerprint_differences(found, fingerprint(other))


@pytest.mark.long
def test_an_independent_engine_ranks_alike(creep: Campaign) -> None:
    import pymc as pm
    import simuk

    model = joint_model(creep).pymc

    class CompiledOnce(simuk.SBC):  # type: ignore[misc]
        """It draws, fits and ranks with PyMC's own sampler, but compiles that once, not each time.

        What is observed is data of the model, and the state of the sampler is put back.
        """

        def _get_posterior_samples(self, replicated: Mapping[str, Any]) -> Any:
            step.sampling_state = untuned
            with model:
                pm.set_data({f"{name}_data": drawn for name, drawn in replicated.items()})
                found = pm.sample(
                    step=step, random_seed=self._seeds[self._simulations_complete],
                    **self.sample_kwargs,
                )  # fmt: skip
            return found["posterior"].to_dataset().stack(sample=("chain", "draw"))

    with model:
        step = pm.NUTS()
    untuned = step.sampling_state
    ours = calibration_of(Replicator(joint_model(creep), SHORT, 23), 40).pit()
    theirs = CompiledOnce(
        model,
        num_simulations=16,
        sample_kwargs={"draws": 200, "tune": 200, "chains": 1, "progressbar": False},
        seed=23,
    )
    theirs.run_simulations()
    for name in ("creep_exponent", "creep_reference_stress", "creep_scatter"):
        ranks = theirs.simulations["prior_sbc"][name].values.ravel() / 200.0
        assert len({*theirs.posteriors[0][name].values} & {*theirs.posteriors[1][name].values}) == 0
        # The means of uniform ranks: all within five standard errors.
        assert ranks.size == 16
        assert abs(ranks.mean() - 0.5) < 5 * np.sqrt(1 / 12 / ranks.size)
        assert abs(ours[name].mean() - 0.5) < 5 * np.sqrt(1 / 12 / len(ours))


@pytest.fixture
def job(creep: Campaign) -> Job:
    return job_for_campaign(creep.path)


@pytest.mark.long
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
    # Replicates of other code are not mixed with these.
    kept = json.loads((folder / RECORD).read_text())
    older = {**kept, "versions": kept["versions"] | {"nutpie": "0.1"}}
    other = json.loads(json.dumps(kept))
    other["fingerprint"]["observed"]["creep"][0] *= 1.001
    nothing = {key: value for key, value in kept.items() if key != "fingerprint"}
    for record, said in (
        (older, r"other code \(nutpie 0.1 then, .*--force"),
        (other, r"other code \(the likelihood of creep\)"),
        (nothing, "does not say of which model"),
    ):
        RunFolder(folder, "calibration").write_text(RECORD, json.dumps(record))
        with pytest.raises(RunFolderError, match=said):
            calibrate(job, replicates=7, folder=folder, processes=1, settings=SHORT)
        assert len((folder / REPLICATES).read_text().splitlines()) == 6
    calibrate(job, replicates=0, folder=folder, processes=1, settings=SHORT, force=True)
    assert not (folder / REPLICATES).exists()


HEADER: dict[str, Any] = {
    **dict.fromkeys(("job", "campaign", "campaign_kind", "data_hash", "prior_hash"), "x"),
    "hash": "a" * 64,
    "seed": 1,
    "settings": {},
    "versions": {},
    "fingerprint": {"prior": [1.0], "observed": {"creep": [1.0]}, "drawn": {}},
}


def kept_calibration(folder: Path, of: str = HEADER["hash"]) -> list[dict[str, Any]]:
    """Write a calibration of two replicates, and return what their lines say."""
    run = RunFolder(folder, "calibration")
    found = [Replicate(at, {"x": 0.5}, {"x": 1.0}, {"x": 1.0}, seconds=1.0) for at in range(2)]
    run.write_text(RECORD, json.dumps({**HEADER, "replicates": 2}))
    run.append_text(REPLICATES, "".join(f"{each.to_json(of)}\n" for each in found))
    return [json.loads(each.to_json(of)) for each in found]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"pit": {"x": 0.6}}, "its sha256 is not that of what it says in this calibration"),
        ({"pit": {"x": 1.5}}, "its pit of x is 1.5, no share of 0 to 1"),
        ({"pit": {"x": float("nan")}}, "its pit of x is nan"),
        ({"pit": {"x": "0.5"}}, "its pit is no table of numbers"),
        ({"pit": None}, "its pit is no table of numbers"),
        ({"index": "1"}, "its index is '1', no whole number from 0"),
        ({"index": -1}, "its index is -1"),
        ({"index": True}, "its index is True"),
        ({"index": 7}, "its sha256"),  # a copy in place of another
        ({"seconds": float("inf")}, "its seconds are inf, no number from 0"),
        ({"seconds": "1"}, "its seconds are '1'"),
        ({"again": 1}, "its failure is no text, or its again not true or false"),
        ({"sha256": None}, "its sha256"),
        ({"more": 1}, "unexpected keyword argument 'more'"),
    ],
)
def test_a_replicate_that_was_changed_or_forged_is_named_by_its_line(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    first, second = kept_calibration(tmp_path)
    assert len(read_calibration(tmp_path).replicates) == 2
    lines = "".join(json.dumps(each) + "\n" for each in (first, second | change))
    (tmp_path / REPLICATES).write_text(lines)
    with pytest.raises(RunFolderError, match=f"line 2, is no replicate, .*{said}"):
        read_calibration(tmp_path)
    (tmp_path / REPLICATES).write_text(json.dumps(first) + "\n")
    with pytest.raises(RunFolderError, match="holds 1 of the 2 replicates"):
        read_calibration(tmp_path)


def test_replicates_of_another_calibration_are_not_taken(tmp_path: Path) -> None:
    kept_calibration(tmp_path, "b" * 64)
    with pytest.raises(RunFolderError, match="line 1, is no replicate"):
        read_calibration(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"fingerprint": None}, "its 'fingerprint'"),
        ({"fingerprint": {"prior": None}}, "its numbers"),
        ({"fingerprint": {"prior": ["x"]}}, "its numbers"),
        ({"job": None}, "its 'job'"),
        ({"seed": None}, "its 'seed'"),
        ({"seed": True}, "its 'seed'"),
        ({"versions": 3}, "its 'versions'"),
        ({"replicates": -1}, "its numbers"),
        (None, "holds no table"),
    ],
)
def test_a_damaged_record_of_a_calibration_is_named(
    tmp_path: Path, change: dict[str, Any] | None, said: str
) -> None:
    kept_calibration(tmp_path)
    record = json.loads((tmp_path / RECORD).read_text())
    (tmp_path / RECORD).write_text(json.dumps(change and record | change))
    for use in (read_calibration, lambda path: continue_record(RunFolder(path, "calibration"), {})):
        with pytest.raises(RunFolderError, match=f"{RECORD}' is damaged: (it )?{said}"):
            use(tmp_path)


@pytest.mark.parametrize("name", sorted(path.stem for path in RECORDS.glob("*.json")))
def test_the_recorded_calibrations_are_of_these_priors_and_passed(name: str) -> None:
    record: Mapping[str, Any] = json.loads((RECORDS / f"{name}.json").read_text(encoding="utf-8"))
    from inference.jobs.resolved import resolve

    job = load_job(name)
    campaign = load_campaign(job.campaign_location())
    resolved = resolve(job, campaign, priors_of(campaign, job.model_options()))
    assert (record["data_hash"], record["prior_hash"]) == (
        resolved.data_hash,
        resolved.prior_hash,
    ), f"the job has changed: {record['command']}"
    assert "fingerprint" in record, f"it does not say of which model: {record['command']}"
    changed = fingerprint_differences(
        record["fingerprint"], fingerprint(joint_model(campaign, job.model_options()))
    )
    assert not changed, f"{', '.join(changed)}: the model has changed: {record['command']}"
    assert record["replicates"] >= 300
    assert record["passed"] is True
    assert not any("NOT" in line for line in record["verdict"])
    held = [row["coverage_90"] for row in record["quantities"].values()]
    assert min(held) > 0.8
    named = {"new cell, liquid", "new cell, solid", "log-likelihood, all tables"}
    assert named <= record["quantities"].keys()
