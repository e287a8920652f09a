"""Run folders hold whole files or none, one writer at a time."""

import logging
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tomli_w
from netCDF4 import Dataset

from data.errors import RunFolderError
from inference.run_folder import RunFolder


def resolved_job(result_hash: str = "a" * 64, **changes: Any) -> Any:
    document = {
        "schema_version": 1,
        "name": "x",
        "campaign": "c",
        "sampler": {"seed": 1},
        "resolved": {"hash": result_hash, "data_hash": "d", "prior_hash": "p"},
    } | changes
    return SimpleNamespace(hash=result_hash, text=tomli_w.dumps(document), document=document)


def write_result(folder: RunFolder, result_hash: str = "a" * 64) -> None:
    def writer(path: Path) -> None:
        with Dataset(path, "w") as file:
            file.resolved_hash = result_hash

    folder.write("result.nc", writer)


@contextmanager
def holder(path: Path, body: str) -> Iterator[None]:
    """Hold the folder's lock in a process that runs `body`; it is killed at the end."""
    code = (
        "import time\nfrom inference.run_folder import RunFolder\n"
        f"folder = RunFolder({str(path)!r})\nwith folder.lock():\n    {body}\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield
        process.send_signal(signal.SIGKILL)


def test_a_folder_is_complete_only_with_the_result_of_its_own_job(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    job = resolved_job()
    assert folder.state(job) == "absent"
    folder.start(job, "as given")
    assert folder.state(job) == "partial"
    write_result(folder, "b" * 64)  # a result that is not this job's
    assert folder.state(job) == "partial"
    with pytest.raises(RunFolderError, match="did not finish"):
        folder.require_complete()
    write_result(folder)
    assert folder.state(job) == "complete"
    assert folder.require_complete() == folder.path / "result.nc"
    assert (folder.path / "job.toml").read_text() == "as given"


def test_another_jobs_whole_result_is_different_and_says_what_changed(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.start(resolved_job(), "")
    write_result(folder)
    other = resolved_job("b" * 64, sampler={"seed": 2})
    assert folder.state(other) == "different"
    assert folder.differences(other) == ["sampler.seed: 1 then, 2 now"]


def test_other_maps_are_taken_over_and_leave_the_result_whole(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    first = resolved_job(map={"axes": {"solid": {"pressure": "1 MPa"}}})
    folder.start(first, "first")
    write_result(folder)
    # The hash of a run that counted its maps as part of the fit.
    second = resolved_job("b" * 64, map={"axes": {"solid": {"pressure": "2 MPa"}}})
    assert folder.state(second) == "complete"
    assert folder.asks_other_maps(second)
    assert not folder.asks_other_maps(first)
    folder.write_text("map.nc", "of the first")
    folder.take_maps(second, "second")
    assert (tmp_path / "job.toml").read_text() == "second"
    stored = tomllib.loads((tmp_path / "resolved.toml").read_text())
    assert stored == first.document | {"map": second.document["map"]}
    assert folder.state(first) == folder.state(second) == "complete"
    assert (tmp_path / "map.nc").read_text() == "of the first"
    folder.remove("map.nc")
    folder.remove("map.nc")
    assert not (tmp_path / "map.nc").exists()


def test_starting_over_leaves_nothing_of_the_earlier_run(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.start(resolved_job(), "")
    write_result(folder)
    folder.write_text("map.nc", "of the earlier posterior")
    folder.write_folder("figures", lambda path: (path / "ridge.png").touch())
    (tmp_path / "notes.md").write_text("mine")
    folder.start(resolved_job("b" * 64), "")
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        ".lock", "job.toml", "notes.md", "resolved.toml",
    ]  # fmt: skip


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\nbroken off"])
def test_a_broken_result_is_not_a_result(tmp_path: Path, content: bytes) -> None:
    folder = RunFolder(tmp_path)
    folder.start(resolved_job(), "")
    (tmp_path / "result.nc").write_bytes(content)
    assert folder.state(resolved_job()) == "partial"


def test_a_killed_writer_leaves_nothing_that_looks_whole_and_running_again_succeeds(
    tmp_path: Path,
) -> None:
    folder = RunFolder(tmp_path)
    folder.start(resolved_job(), "")
    writing = (
        "folder.write('result.nc', lambda path: (path.write_bytes(b'half'),"
        " print('ready', flush=True), time.sleep(60)))"
    )
    with holder(tmp_path, writing):
        assert len(list(tmp_path.glob(".part-*"))) == 1
    assert not (tmp_path / "result.nc").exists()
    assert folder.state(resolved_job()) == "partial"
    folder.start(resolved_job(), "")
    write_result(folder)
    assert folder.state(resolved_job()) == "complete"
    assert list(tmp_path.glob(".part-*")) == []


def test_a_second_writer_is_refused_at_once_and_let_in_afterwards(tmp_path: Path) -> None:
    with holder(tmp_path, "print('ready', flush=True); time.sleep(60)"):
        with pytest.raises(RunFolderError, match="another process is writing") as error:
            RunFolder(tmp_path).write_text("summary.csv", "x")
        assert str(tmp_path) in str(error.value)
        assert not (tmp_path / "summary.csv").exists()
    RunFolder(tmp_path).write_text("summary.csv", "x")


def test_a_writer_that_fails_leaves_the_earlier_file_and_no_other(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_text("summary.csv", "whole")

    def writer(path: Path) -> None:
        path.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        folder.write("summary.csv", writer)
    assert (tmp_path / "summary.csv").read_text() == "whole"
    assert sorted(p.name for p in tmp_path.iterdir()) == [".lock", "summary.csv"]
    with folder.lock(), folder.lock():  # held twice by its holder, then free again
        pass
    RunFolder(tmp_path).write_text("summary.csv", "new")


def test_a_folder_of_files_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_folder("figures", lambda path: (path / "first.png").touch())

    def fail(path: Path) -> None:
        (path / "second.png").touch()
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - raised just above
        folder.write_folder("figures", fail)
    assert [p.name for p in (tmp_path / "figures").iterdir()] == ["first.png"]
    folder.write_folder("figures", lambda path: (path / "third.png").touch())
    assert [p.name for p in (tmp_path / "figures").iterdir()] == ["third.png"]
    assert sorted(p.name for p in tmp_path.iterdir()) == [".lock", "figures"]


def test_folders_of_others_are_not_filled(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(RunFolderError, match=r"not a run folder \(it holds 'thesis.tex'\)"):
        RunFolder(tmp_path).start(resolved_job(), "")
    with pytest.raises(RunFolderError, match="is a file"):
        RunFolder(tmp_path / "thesis.tex")
    with pytest.raises(RunFolderError, match="cannot be made"):
        RunFolder(tmp_path / "thesis.tex" / "run").write_text("x", "y")
    with pytest.raises(RunFolderError, match="is not a run folder"):
        RunFolder(tmp_path).require_complete()
    with pytest.raises(RunFolderError, match="no run folder"):
        RunFolder(tmp_path / "nowhere").require_complete()


def test_what_the_packages_log_goes_to_the_folders_log(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with folder.log():
        logging.getLogger("inference.fitting").info("sampled in %.1f s", 1.5)
    logging.getLogger("inference.fitting").info("not this")
    text = folder.log_path.read_text()
    assert "sampled in 1.5 s" in text
    assert "not this" not in text
