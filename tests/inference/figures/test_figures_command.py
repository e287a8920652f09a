"""`anodebayes figures`: the figures of a run as files of print."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from inference.figures import FORMATS, figure_drawers, run_contents
from inference.runs.result import Result, load_result

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("literature")]


@pytest.fixture
def run_folder(literature_result: Result, tmp_path: Path) -> Path:
    assert literature_result.folder is not None
    return Path(shutil.copytree(literature_result.folder, tmp_path / "run"))


def figures(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "inference.cli", "figures", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.long
def test_the_figures_of_a_run_are_drawn_and_what_is_missing_is_told(run_folder: Path) -> None:
    done = figures(run_folder, "--format", "svg")
    assert done.returncode == 0, done.stderr
    told = " ".join(done.stdout.split())
    assert "tafel" in told
    assert "predictive_sand: the run fitted no rows of sand" in told
    assert "sensitivity: the run has no check.json" in told
    assert done.stdout.splitlines()[-1] == str(run_folder / "figures")
    names = {path.stem for path in (run_folder / "figures").iterdir()}
    assert {"posterior", "critical_current", "tafel", "sand_time", "void_regimes"} <= names
    # Everything that the run may have is drawn or told of.
    every = figure_drawers(run_contents(load_result(run_folder)))
    assert {name for name in every if f"- {name}:" not in told} == names
    one = figures(run_folder, "--only", "tafel", "--width", "double")
    assert one.returncode == 0, one.stderr
    files = {path.name for path in (run_folder / "figures").iterdir()}
    assert {f"tafel.{kind}" for kind in FORMATS} <= files
    assert "posterior.svg" in files  # the others stay


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--format", "jpg"), "figure format 'jpg' is not legal, legal are pdf, png, svg"),
        (("--only", "posterier"), "no figure 'posterier' (did you mean 'posterior'?)"),
        (("--only", "sensitivity"), "`anodebayes check RUN` writes one"),
        (("--calibration", "nowhere"), "holds no calibration"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_code_2(
    arguments: tuple[str, ...], message: str, run_folder: Path
) -> None:
    done = figures(run_folder, *arguments)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert not (run_folder / "figures").exists()
