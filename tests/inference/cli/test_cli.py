"""The command line answers at once, says what is wrong without a traceback, and stops cleanly."""

import contextlib
import itertools
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

import anodebayes
from data.errors import JobError
from data.stopping import PATIENCE
from inference.cli import guard
from inference.cli.commands import app
from inference.words.numbers import interval, number

COMMANDS = ("new", "validate", "list", "priors", "options", "fit", "map", "run", "show", "cite",
            "simulate", "import", "export-bdf")  # fmt: skip
HEAVY = ("pymc", "pytensor", "arviz", "nutpie", "matplotlib", "xarray", "pandas", "pint",
         "numpy", "scipy", "netCDF4")  # fmt: skip


def invoked(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.output


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "arguments", [("--help",), ("--version",), *((c, "--help") for c in COMMANDS)]
)
def test_help_and_version_import_nothing_heavy(arguments: tuple[str, ...]) -> None:
    heavy = (*HEAVY, "pydantic") if arguments[0] == "--help" else HEAVY  # typer needs it to parse
    done = python(
        f"""
        import sys
        from inference.cli import main
        sys.argv = ["anodebayes", *{arguments!r}]
        try:
            main()
        finally:
            print("imported:", [name for name in {heavy!r} if name in sys.modules])
        """
    )
    assert done.returncode == 0
    assert "imported: []" in done.stdout


def test_every_option_of_every_block_is_listed_with_its_values_and_what_it_chooses() -> None:
    from models.block_options import choices

    code, output = invoked("options")
    assert code == 0
    found = choices()
    assert {"penetration", "dc_polarization", "morphology", "sand"} <= found.keys()
    for block, entries in found.items():
        section = output.partition(f"[model.options.{block}]")[2].partition("\n\n")[0]
        for entry in entries:
            assert f'{entry.name} = "{entry.default}"' in section
            assert all(f'"{value}"' in section for value in entry.values)
            assert entry.sentence.endswith(".")
            assert entry.sentence in " ".join(section.split())
    assert 'kinetics = "marcus_hush_chidsey" (or "butler_volmer", "marcus_hush")' in output


def test_the_main_help_names_every_command_and_exit_code() -> None:
    code, output = invoked("--help")
    assert code == 0
    for word in (*COMMANDS, "anodebayes run", "130", "143"):
        assert word in output


@pytest.mark.parametrize(
    ("command", "force"),
    [
        *itertools.product(("fit", "run", "compare", "calibrate"), ((), ("--force",))),
        ("overlay", ()),
    ],
)
def test_a_users_own_folder_is_refused_and_left_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, force: tuple[str, ...]
) -> None:
    files = ("job.toml", "summary.csv", "result.nc", "figures/thesis-fig1.pdf", "calibration.json")
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("mine")
    (tmp_path / "job.toml").write_text(
        'schema_version = 1\nname = "x"\ncampaign = "sodium-literature"\n'
    )
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    monkeypatch.chdir(tmp_path)
    jobs = ("job.toml",) * (2 if command in {"compare", "overlay"} else 1)
    code, output = invoked(command, *jobs, "--out", ".", *force)
    assert code == 2
    assert "is not empty and not a run folder" in " ".join(output.split())
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("arguments", "messages"),
    [
        (("fit", "sodium-litrature"), ["error: there is no job file", "'sodium-literature'?"]),
        (("fit", "no/such.toml", "--dry-run"), ["error: there is no job file 'no/such.toml'"]),
        (("validate", "no/such/campaign"), ["error: there is no campaign"]),
        (("show", "no/such/run"), ["error: there is no run folder"]),
        (("cite", "."), ["error:", "is not a run folder"]),
        (("map", "."), ["error:", "is not a run folder"]),
        (("--log", "/dev/null/x", "list"), ["error: the log file '/dev/null/x' cannot be written"]),
        (("fitt", "x"), ["No such command 'fitt'"]),
        (("priors", "--metal", "K"), ["'K'"]),
        (("simulate", "truth.toml", "--seed", "1", "--out", "x"), ["--design"]),
    ],
)
def test_bad_input_ends_with_code_2_and_a_message_without_traceback(
    arguments: tuple[str, ...],
    messages: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, output = invoked(*arguments)
    assert code == 2
    assert "Traceback" not in output
    for message in messages:
        assert message in output
    assert list(tmp_path.iterdir()) == []


def test_a_campaign_with_mistakes_is_refused_with_all_of_them(tmp_path: Path) -> None:
    (tmp_path / "campaign.toml").write_text('name = "x"\nmetal = "K"\nkind = "measured"\n')
    (tmp_path / "sand.csv").write_text("cell;time\n1;2\n")
    code, output = invoked("validate", tmp_path)
    assert code == 2
    assert "metal" in output
    assert "sand.csv" in output


def test_a_template_campaign_is_written_where_nothing_is(tmp_path: Path) -> None:
    code, output = invoked("new", tmp_path / "mine")
    assert code == 0
    assert f"anodebayes validate {tmp_path / 'mine'}" in output
    assert (tmp_path / "mine" / "campaign.toml").is_file()
    assert invoked("new", tmp_path / "mine")[0] == 2


def test_bundled_campaigns_jobs_and_priors_are_listed_with_their_sources() -> None:
    code, output = invoked("list")
    assert code == 0
    for text in ("Campaign sodium-literature (literature, Na)", "Ma, P. Bai", "(synthetic, Na)"):
        assert text in output
    code, output = invoked("priors", "--metal", "Li")
    assert code == 0
    assert re.search(r"reorganization_energy \[eV\]\n.*LogNormal", output)
    assert "source: project" in output
    assert max(map(len, output.splitlines())) <= 100


def run_guarded(work: str) -> subprocess.Popen[str]:
    """Start a process whose only command does `work` and prints `ready` from within it."""
    code = f"""
        import signal, sys, time
        from pathlib import Path
        import typer
        signal.signal(signal.SIGINT, signal.default_int_handler)
        from data.errors import JobError
        from data.stopping import stop_on_signals
        from inference.cli.guard import guarded, session
        from inference.runs.run_folder import RunFolder
        app = typer.Typer(pretty_exceptions_enable=False)
        folder = RunFolder(sys.argv.pop())
        def halves(path):
            path.write_bytes(b"half")
            print("ready", flush=True)
            time.sleep(60)
        @app.command()
        @guarded
        def work() -> int:
            {work}
        stop_on_signals()
        app()
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), os.environ["RUN_FOLDER"]],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_command_stopped_twice_cleans_up_at_once_and_says_so_in_one_line(
    signum: signal.Signals, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUN_FOLDER", str(tmp_path))
    with run_guarded('folder.write("result.nc", halves)') as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signum)
        time.sleep(0.2)
        process.send_signal(signum)
        sent = time.monotonic()
        _, errors = process.communicate()
    assert time.monotonic() - sent < 0.5 * PATIENCE
    assert process.returncode == code
    assert errors.startswith(f"stopped by {signum.name}")
    assert errors.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {".lock"}
    from inference.runs.run_folder import RunFolder

    RunFolder(tmp_path).write_text("summary.csv", "the lock is free")


def test_a_full_disk_without_a_name_is_the_machines_fault_and_not_the_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUN_FOLDER", str(tmp_path))
    with run_guarded("import errno; raise OSError(errno.ENOSPC, 'No space left')") as process:
        _, errors = process.communicate()
    assert process.returncode == 2
    assert errors.startswith("error: no space left for temporary files or what is printed")


def test_an_internal_error_is_short_and_its_traceback_is_in_the_runs_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUN_FOLDER", str(tmp_path))
    with run_guarded("session.run_folder = folder.path; raise ZeroDivisionError('x')") as process:
        _, errors = process.communicate()
    assert process.returncode == 1
    assert "internal error: ZeroDivisionError: x" in errors
    assert "Traceback" not in errors
    assert str(tmp_path / "log.txt") in errors
    assert "Traceback" in (tmp_path / "log.txt").read_text()


def test_an_internal_error_without_a_run_folder_leaves_its_traceback_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUN_FOLDER", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with run_guarded("raise ZeroDivisionError('x')") as process:
        _, errors = process.communicate()
    assert process.returncode == 1
    [log] = tmp_path.glob("anodebayes-*.log")
    assert str(log) in errors
    assert "ZeroDivisionError" in log.read_text()


def test_errors_of_the_input_are_code_2_whatever_raises_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUN_FOLDER", str(tmp_path))
    with run_guarded("raise JobError('what is wrong')") as process:
        output, errors = process.communicate()
    assert (process.returncode, output, errors) == (2, "", "error: what is wrong\n")
    assert issubclass(JobError, guard.AnodebayesError)


@pytest.mark.parametrize("before", [True, False])
def test_log_and_verbose_are_taken_before_and_after_the_command(
    tmp_path: Path, *, before: bool
) -> None:
    options = ("-v", "--log", tmp_path / "a.log")
    arguments = (*options, "list") if before else ("list", *options)
    assert invoked(*arguments)[0] == 0
    assert (tmp_path / "a.log").is_file()


def test_output_into_a_closed_pipe_is_no_traceback() -> None:
    command = [sys.executable, "-m", "inference.cli", "priors"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(5) == b"Defau"
        process.stdout.close()
        assert process.stderr.read() == b""


@pytest.mark.parametrize(
    ("lower", "upper", "text"),
    [
        (0.11, 0.273, "0.11–0.27"),
        (2.19, 2.23, "2.19–2.23"),
        (1.42e-6, 3.2e-6, "1.4e-6–3.2e-6"),
        (0.05, 20.3, "0.050–20"),
        (931.0, 2330.0, "930–2300"),
        (-3.2, 4.1, "-3.2 to 4.1"),
        (0.0, 5.0, "0–5.0"),
        (9.96, 10.2, "9.96–10.20"),
    ],
)
def test_an_interval_shows_the_digits_that_its_width_leaves(
    lower: float, upper: float, text: str
) -> None:
    assert interval(lower, upper) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (float("nan"), "-"), (float("inf"), "inf"), (19.6, "20"), (123456.0, "1.2e5")],
)
def test_a_number_alone_has_two_digits(value: float, text: str) -> None:
    assert number(value) == text


@contextlib.contextmanager
def figures_left_blank() -> Iterator[None]:
    """Stand in for the figures of a run: they are one empty file, and the report has none."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            "inference.figures.write_figures",
            lambda _contents, path, _formats: (path / "a").touch(),
        )
        patched.setattr("inference.report_page.writing._figures", lambda _: iter(()))
        yield


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a fit that is too short to converge."""
    home = tmp_path_factory.mktemp("home")
    (home / "short.toml").write_text(
        'schema_version = 1\nname = "short"\ncampaign = "sodium-literature"\n'
        '[model]\nblocks = ["published"]\n[sampler]\ndraws = 40\ntune = 60\nmost_draws = 40\n'
        "chains = 2\n"
    )
    with figures_left_blank():
        done = CliRunner().invoke(
            app, ["run", str(home / "short.toml"), "--out", str(home / "run")]
        )
    assert done.exit_code == 3, done.output
    assert "Convergence gate: FAILED" in done.stdout
    assert "    [sampler]\n    draws = 80\n    tune = 120\n" in done.stdout
    assert "Parameters (NOT CONVERGED: do not use)" in done.stdout
    assert "No map was drawn" in done.stderr
    assert done.stdout.splitlines()[-1] == str(home / "run" / "report.html")
    assert "NOT CONVERGED: do not use" in (home / "run" / "report.html").read_text()
    return home / "run"


def command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "inference.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={name: value for name, value in os.environ.items() if name != "COLUMNS"},
    )


@pytest.mark.slow
def test_a_run_from_python_leaves_the_files_of_the_command(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taken: list[str] = []

    def stage(name: str) -> contextlib.AbstractContextManager[None]:
        taken.append(name)
        return contextlib.nullcontext()

    with figures_left_blank():
        done = anodebayes.run(
            "sodium-literature",
            folder=tmp_path / "run",
            blocks=["published"],
            draws=40,
            tune=60,
            most_draws=40,
            chains=2,
            stage=stage,
        )
    assert capsys.readouterr() == ("", "")
    assert taken == ["fit", "check", "figures", "report"]
    one, other = (
        {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
        for folder in (run_folder, tmp_path / "run")
    )
    assert other == {name for name in one if not name.startswith("map")}  # drawn by another test
    assert not done.result.gate.passed
    assert not done.maps
    assert done.check.to_json() == (tmp_path / "run" / "check.json").read_text()
    assert done.report == tmp_path / "run" / "report.html"
    assert done.figures == (tmp_path / "run" / "figures" / "a",)


@pytest.mark.slow
def test_a_fit_that_failed_the_gate_is_kept_and_marked(run_folder: Path) -> None:
    names = {path.name for path in run_folder.iterdir()}
    assert names >= {"job.toml", "resolved.toml", "result.nc", "summary.csv", "log.txt", "figures"}
    assert "map.nc" not in names
    shown = command("show", run_folder)
    assert shown.returncode == 0
    assert "R-hat above 1.01: " in shown.stdout
    assert "wetting_product" in shown.stdout
    assert "\x1b" not in shown.stdout
    assert max(map(len, shown.stdout.splitlines()[:-1])) <= 80
    drawn = command("map", run_folder)
    assert drawn.returncode == 3
    assert (run_folder / "map.nc").is_file()
    assert "Safe currents of liquid cells, charging (NOT CONVERGED: do not use)" in drawn.stdout


@pytest.mark.slow
def test_running_a_whole_folder_again_computes_nothing(run_folder: Path) -> None:
    result = run_folder / "result.nc"
    before = result.stat().st_mtime_ns
    for job in (run_folder / "job.toml", run_folder / "resolved.toml"):
        done = command("fit", job, "--out", run_folder)
        assert done.returncode == 3
        assert "already holds this job's result" in " ".join(done.stdout.split())
    assert result.stat().st_mtime_ns == before


@pytest.mark.slow
def test_another_job_is_refused_in_the_folder_and_says_what_changed(
    run_folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.toml"
    other.write_text((run_folder / "job.toml").read_text() + "seed = 2\n")
    done = command("fit", other, "--out", run_folder)
    assert done.returncode == 2
    assert "sampler.seed: 1 then, 2 now" in done.stderr
    assert "--force" in done.stderr


@pytest.mark.slow
def test_only_what_was_used_is_cited(run_folder: Path) -> None:
    done = command("cite", run_folder)
    assert done.returncode == 0
    text = " ".join(done.stdout.split())
    assert "10.1002/aenm.202102967 (for the data in published" in text
    assert "for pymc 6." in text
    assert "Sayahpour" not in text
    assert "Tsai" not in text
