"""Where a command is started: closed streams, folders that are gone, names that are no text."""

import logging
import os
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from data.appending import append_rows
from data.errors import InputError, JobError, MapError
from inference.cli.ask_command import _section
from inference.cli.commands import app
from inference.cli.guard import keep_traceback, session
from inference.jobs.reading import job_for_campaign, job_with_set, load_job, parse_job
from inference.runs.log_file import logging_to, what_is_no_log

ROOT = Path(__file__).resolve().parents[3]
START = f'export PYTHONPATH={ROOT}; a() {{ {sys.executable} -P -m inference.cli "$@"; }}; '


def shell(script: str, folder: Path) -> tuple[int, str]:
    """Run a script in a folder; return its exit code and all that was printed."""
    done = subprocess.run(
        ["/bin/sh", "-c", START + script], cwd=folder, capture_output=True, timeout=100, check=False
    )
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")


def test_streams_that_are_closed_end_no_command_and_take_no_file(tmp_path: Path) -> None:
    code, printed = shell("a -v --log log.txt new mine 2>&-", tmp_path)
    assert (code, "Traceback" in printed) == (0, False), printed
    assert (tmp_path / "mine" / "campaign.toml").is_file()
    assert "Traceback" not in (tmp_path / "log.txt").read_text()
    code, printed = shell("a validate nowhere <&- >&- 2>&-", tmp_path)
    assert code == 2


def test_a_working_directory_that_was_deleted_is_named(tmp_path: Path) -> None:
    code, printed = shell("mkdir gone; cd gone; rmdir ../gone; a new mine", tmp_path)
    assert code == 2, printed
    assert "the working directory cannot be opened" in printed


def test_a_folder_is_made_where_one_stands_and_with_the_longest_name(tmp_path: Path) -> None:
    code, printed = shell(f"mkdir d; cd d; a new . && a new {'x' * 250}", tmp_path)
    assert code == 0, printed
    assert (tmp_path / "d" / "campaign.toml").is_file()
    assert (tmp_path / "d" / ("x" * 250) / "campaign.toml").is_file()


def test_names_that_are_no_text_are_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"r\xff.csv")).write_text("t,V\n0,1\n")
    for words in (
        "show r",
        "new r",
        "simulate truth.toml --design sodium-literature --seed 1 --out r",
    ):
        code, printed = shell(f"a {words}\"$(printf '\\377')\"", tmp_path)
        assert (code, "Traceback" in printed) == (2, False), printed
    code, printed = shell("a new mine && a import *.csv --as sand --campaign mine", tmp_path)
    assert code in {2, 4}, printed
    assert "not UTF-8" in printed


def test_a_log_that_is_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    code, printed = shell("a --log pipe list", tmp_path)
    assert code == 2
    assert "is a pipe" in printed


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"\x89HDF\r\n\x1a\n", b"2030-01-01 notes\n"])
def test_a_log_goes_to_no_file_that_is_none(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "mine"
    file.write_bytes(content)
    done = CliRunner().invoke(app, ["--log", str(file), "list"])
    assert (done.exit_code, "is no log" in done.output) == (2, True), done.output
    assert file.read_bytes() == content


def test_a_log_is_known_again_whatever_it_begins_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["anodebayes", "list"])
    monkeypatch.setattr(session, "log", tmp_path / "log.txt")
    assert keep_traceback(ValueError("one\ntwo")) == tmp_path / "log.txt"
    assert "ValueError: one\ntwo" in (tmp_path / "log.txt").read_text()
    assert what_is_no_log(tmp_path / "log.txt") == what_is_no_log(tmp_path / "new.txt") == ""
    with logging_to(tmp_path / "run.txt", logging.INFO):
        logging.getLogger("inference.runs").info("begun")
    assert what_is_no_log(tmp_path / "run.txt") == ""


def test_python_without_its_texts_is_named_before_anything_starts(tmp_path: Path) -> None:
    code, printed = shell("PYTHONOPTIMIZE=2 a new mine", tmp_path)
    assert (code, "PYTHONOPTIMIZE=2" in printed) == (2, True), printed
    assert not list(tmp_path.iterdir())


def test_commands_to_paste_do_what_they_say(tmp_path: Path) -> None:
    folder = tmp_path / "it's $(touch x) mine"
    done = CliRunner().invoke(app, ["new", str(folder)])
    [command] = [line for line in done.output.splitlines() if "anodebayes validate" in line]
    assert shlex.split(command)[-1] == str(folder)
    quoted = subprocess.run(
        ["sh", "-c", f"echo {command}"], capture_output=True, text=True, check=True
    )
    assert quoted.stdout.endswith(f"{folder}\n")
    with pytest.raises(InputError, match="writes one") as raised:
        append_rows(tmp_path / "$(touch y)", "sand", [])
    assert f"`anodebayes new '{tmp_path}/$(touch y)'`" in str(raised.value)


@pytest.mark.parametrize("name", ["con", "NUL.1", "run.json", "figures", "Result.nc"])
def test_names_that_are_kept_are_no_names_of_jobs(tmp_path: Path, name: str) -> None:
    with pytest.raises(JobError, match=f"name: .*'{name}' is kept for a device or for a file"):
        parse_job(f'schema_version = 1\nname = "{name}"\ncampaign = "sodium-literature"\n')
    assert job_for_campaign(tmp_path / name).name == f"run-{name}"


@pytest.mark.parametrize("again", ["pore_radius = 40 nm", "pore_radius=30 nm"])
def test_a_condition_or_a_key_that_stands_twice_is_refused(again: str) -> None:
    with pytest.raises(MapError, match=r"--at pore_radius: stands twice \('pore_radius=30 nm', "):
        _section(SimpleNamespace(), ["pore_radius=30 nm", "porosity=0.4", again], None)  # type: ignore[arg-type]
    with pytest.raises(JobError, match=r"--set sampler.seed: stands twice"):
        job_with_set(load_job("sodium-literature"), ["sampler.seed=1", "sampler . seed=2"])


def test_the_copy_of_a_job_that_a_run_keeps_fits_no_other_campaign(tmp_path: Path) -> None:
    text = 'schema_version = 1\nname = "x"\ncampaign = "{}"\n'
    (tmp_path / "mine").mkdir()
    (tmp_path / "job.toml").write_text(text.format("mine"))
    load_job(tmp_path / "job.toml")
    (tmp_path / "resolved.toml").write_text("")
    with pytest.raises(JobError, match=r"the copy that a run keeps.*resolved\.toml"):
        load_job(tmp_path / "job.toml")
    for campaign in ("sodium-literature", tmp_path / "mine"):
        (tmp_path / "job.toml").write_text(text.format(campaign))
        load_job(tmp_path / "job.toml")
