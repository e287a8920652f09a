"""The axes of a map belong to the map: they need no other fit, and are refused before one."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from data.campaign import Campaign
from data.errors import MapError
from inference import fit, load_result
from inference.cli.commands import app
from inference.jobs.job import Job
from inference.jobs.reading import parse_job
from inference.maps.files import load_maps
from inference.maps.mapping import maps_from_job
from inference.runs import fitting
from inference.runs.fitting import dry_run
from inference.runs.run_folder import RunFolder
from inference.words.run_files import MAP

FIT = """schema_version = 1
name = "estimates"
campaign = "sodium-literature"
[model]
blocks = ["published"]
[sampler]
draws = 1000
tune = 1000
chains = 4
seed = {seed}
"""
ONE = """[map.axes.solid]
charge = ["1 mAh/cm^2", "2 mAh/cm^2"]
pressure = "1 MPa"
"""
OTHER = ONE.replace('"2 mAh/cm^2"', '"3 mAh/cm^2"') + '[map.axes.liquid]\npore_radius = "20 nm"\n'


def anodebayes(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, " ".join(result.output.split())


def job_file(folder: Path, axes: str, seed: int = 3) -> Path:
    file = folder / "job.toml"
    file.write_text(FIT.format(seed=seed) + axes)
    return file


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fitted") / "run"
    result = fit(parse_job(FIT.format(seed=3) + ONE), folder=folder)
    assert result.gate.passed, result.gate.failures
    return folder


@pytest.fixture
def run(fitted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of a finished run, which is neither sampled, checked nor reported again.

    Its figures are one empty file.
    """
    import shutil

    def sample(*_: Any) -> None:
        raise AssertionError("sampled again")

    monkeypatch.setattr(fitting, "_compute", sample)
    monkeypatch.setattr(
        "inference.figures.write_figures",
        lambda _contents, path, _formats: (path / "new.png").touch(),
    )
    shown = ("cli.commands.show_check", "cli.commands.exit_code")
    for unwanted in (*shown, "steps.run.check_run", "steps.run.make_report"):
        monkeypatch.setattr(f"inference.{unwanted}", lambda *_, **__: None)
    return Path(shutil.copytree(fitted, tmp_path / "run"))


def axes_of(run: Path) -> dict[str, Any]:
    """Return the axes that the stored maps say they were made with."""
    return {
        cell: json.loads(dataset.attrs["axes"]) for cell, dataset in load_maps(run / MAP).items()
    }


def asked(axes: str) -> dict[str, Any]:
    return parse_job(FIT.format(seed=3) + axes).map.designs


@pytest.mark.long
@pytest.mark.xdist_group("small")
def test_run_with_other_axes_draws_other_maps_of_the_same_fit(run: Path, tmp_path: Path) -> None:
    before = load_result(run)
    code, output = anodebayes("run", job_file(tmp_path, ONE), "--out", run)
    assert code == 0, output
    assert axes_of(run) == asked(ONE)
    first = (run / "map.nc").stat().st_mtime_ns
    assert anodebayes("run", job_file(tmp_path, ONE), "--out", run)[0] == 0
    assert (run / "map.nc").stat().st_mtime_ns == first
    RunFolder(run).write_files("figures", lambda path: (path / "old.png").touch(), keep=True)
    (run / "figures" / "mine.png").touch()
    code, output = anodebayes("fit", job_file(tmp_path, OTHER), "--out", run)
    assert code == 0, output
    assert "The job now asks for other axes than these maps have" in output
    assert axes_of(run) == asked(ONE)
    code, output = anodebayes("run", job_file(tmp_path, OTHER), "--out", run)
    assert code == 0, output
    assert axes_of(run) == asked(OTHER)
    assert "other axes" not in output
    assert {path.name for path in (run / "figures").iterdir()} == {"mine.png", "new.png"}
    document = tomllib.loads((run / "resolved.toml").read_text())
    assert document["map"]["axes"] == asked(OTHER)
    assert document["resolved"]["hash"] == before.attrs["resolved_hash"]
    assert (run / "job.toml").read_text() == FIT.format(seed=3) + OTHER
    assert load_result(run).posterior.equals(before.posterior)
    # The folder's own job, resolved, is the one that drew them.
    assert anodebayes("map", run)[0] == 0
    assert axes_of(run) == asked(OTHER)


@pytest.mark.slow
@pytest.mark.xdist_group("small")
def test_map_takes_its_axes_from_a_job_of_the_same_fit_only(run: Path, tmp_path: Path) -> None:
    assert anodebayes("map", run)[0] == 0
    assert axes_of(run) == asked(ONE)
    code, output = anodebayes("map", run, "--job", job_file(tmp_path, OTHER))
    assert code == 0, output
    assert axes_of(run) == asked(OTHER)
    held = {path.name: path.read_bytes() for path in run.iterdir() if path.suffix != ".txt"}
    code, output = anodebayes("map", run, "--job", job_file(tmp_path, ONE, seed=4))
    assert code == 2
    assert "sampler.seed: 3 then, 4 now" in output
    assert "Only the section [map] may differ" in output
    code, output = anodebayes(
        "map", run, "--job", job_file(tmp_path, ONE.replace("1 MPa", "12 MPa"))
    )
    assert code == 2
    assert "nothing is known above 9 MPa" in output
    assert held == {path.name: path.read_bytes() for path in run.iterdir() if path.suffix != ".txt"}


@pytest.mark.slow
@pytest.mark.xdist_group("small")
def test_a_broken_or_older_map_is_drawn_again(run: Path, tmp_path: Path) -> None:
    RunFolder(run).write_text("map.nc", "broken off")
    assert anodebayes("run", job_file(tmp_path, ONE), "--out", run)[0] == 0
    assert axes_of(run) == asked(ONE)


ILLEGAL = [
    ('[map.axes.solid]\npressure = "12 MPa"', "nothing is known above 9 MPa"),
    (
        '[map.axes.solid]\npressure = { from = "0 MPa", to = "9 MPa", points = 3 }\n'
        'pressure_sd = "10 %"',
        "reaches 10.99 MPa within pressure_sd (2 standard deviations)",
    ),
    ('[map.axes.liquid]\ntemperature = "45 degC"', "has the value 45 degC"),
    (
        '[map.axes.liquid]\ntemperature = "28 degC"\ntemperature_sd = "2 K"',
        "reaches 32 degC within temperature_sd (2 standard deviations)",
    ),
    ("[map.axes.liquid]\npore_size_spread = 0.2", "pore_size_spread' says nothing here"),
]


@pytest.mark.slow
@pytest.mark.xdist_group("small")
@pytest.mark.parametrize(("axes", "words"), ILLEGAL)
def test_what_map_refuses_is_refused_before_the_fit_in_the_same_words(
    axes: str, words: str, run: Path, tmp_path: Path
) -> None:
    job = job_file(tmp_path, axes)
    refusals = [
        anodebayes("fit", job, "--dry-run"),
        anodebayes("fit", job, "--out", tmp_path / "new"),
        anodebayes("run", job, "--out", run),
        anodebayes("map", run, "--job", job),
    ]
    for code, output in refusals:
        assert code == 2, output
        assert words in output
    assert len({output[output.index("error:") :] for _, output in refusals}) == 1
    assert not (tmp_path / "new").exists()
    assert tomllib.loads((run / "resolved.toml").read_text())["map"]["axes"] == asked(ONE)
    with pytest.raises(MapError) as raised:
        maps_from_job(load_result(run), asked(axes))
    assert words in str(raised.value)


def job_with(axes: str, **priors: Any) -> Job:
    job = parse_job(FIT.format(seed=3) + axes)
    return job.model_copy(update={"priors": priors})


@pytest.mark.slow
@pytest.mark.xdist_group("small")
def test_axes_that_the_jobs_priors_or_data_make_legal_pass_the_dry_run(
    campaign_of: Callable[..., Campaign],
) -> None:
    hot = '[map.axes.liquid]\ntemperature = "45 degC"\ntemperature_sd = "2 K"\n'
    energy = {"distribution": "LogNormal", "median": "30 kJ/mol", "sigma": 0.3}
    both = {
        f"{name}_activation_energy": energy
        for name in ("exchange_current_density", "ambipolar_diffusivity")
    }
    assert "nothing was sampled" in dry_run(job_with(hot, **both))
    with pytest.raises(MapError, match=r"prior for exchange_current_density_activation_energy, or"):
        dry_run(job_with(hot, ambipolar_diffusivity_activation_energy=energy))
    pressed = campaign_of(
        dc_polarization="cell,protocol,temperature [degC],pressure [MPa],electrode_thickness [um],"
        "current_density_lower [mA/cm^2],current_density_upper [mA/cm^2],step_time [s]\n"
        "a,step,25,15,500,4,5,900"
    )
    text = (
        FIT.format(seed=3)
        .replace("sodium-literature", str(pressed.path))
        .replace("published", "dc_polarization")
    )
    assert "nothing was sampled" in dry_run(
        parse_job(text + '[map.axes.solid]\npressure = "12 MPa"\npressure_sd = "10 %"')
    )
