"""Where a command is started: closed streams, folders that are gone, names that are no text."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from data.errors import JobError
from inference.jobs.reading import load_job

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
