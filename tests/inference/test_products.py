"""What a run writes: never over a file of the user's, whole on a full disk, beside its result."""

import errno
import os
import tempfile
import zlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import tomli_w
import xarray as xr

from data.campaign import load_campaign
from data.errors import InputError, RunFolderError, StorageError
from data.whole_files import append_whole, write_whole, write_whole_folder
from inference import Result, fit, load_result
from inference.cli.progress import make_report
from inference.jobs.reading import parse_job
from inference.jobs.resolved import document_hash, resolve
from inference.report_page.writing import _run_id, write_report
from inference.runs.result import _ATTRIBUTES, _GROUPS
from inference.runs.run_folder import RunFolder
from models.joint import priors_of

JOB = 'schema_version = 1\nname = "x"\ncampaign = "sodium-literature"\n'


def tree_of(result_id: str, resolved_hash: str = "a" * 64) -> xr.DataTree:
    """Return a tree with the groups and attributes of a result, of no meaning."""
    tree = xr.DataTree.from_dict(dict.fromkeys(_GROUPS, xr.Dataset({"x": ("d", [1.0])})))
    tree.attrs = dict.fromkeys(_ATTRIBUTES, "{}")
    tree.attrs |= {"result_id": result_id, "resolved_hash": resolved_hash}
    return tree


def run_of(path: Path, result_id: str = "1") -> Result:
    """Make a run folder whose result means nothing, and read it."""
    document: dict[str, Any] = {
        "schema_version": 1,
        "name": "x",
        "resolved": {"data_hash": "d", "prior_hash": "p"},
    }
    found = document["resolved"]["hash"] = document_hash(document)
    job: Any = SimpleNamespace(hash=found, text=tomli_w.dumps(document), document=document)
    folder = RunFolder(path)
    folder.start(job, JOB)
    folder.write("result.nc", Result(tree_of(result_id, found)).save)
    return load_result(path)


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for the page: it says whose it is, and is drawn at once."""

    def html(contents: Any, **_: Any) -> str:
        return f'<meta name="anodebayes-run" content="{_run_id(contents.result)}">'

    monkeypatch.setattr("inference.report_page.writing.report_html", html)
    monkeypatch.setattr(
        "inference.figures.run_contents", lambda result, *_: SimpleNamespace(result=result)
    )


def test_a_report_replaces_only_one_of_its_own_run(tmp_path: Path, page: None) -> None:
    first, second = run_of(tmp_path / "first"), run_of(tmp_path / "second")
    file = tmp_path / "page.html"
    write_report(first, file)
    write_report(run_of(tmp_path / "first", "2"), file)  # fitted anew
    with pytest.raises(InputError, match="no report of this run"):
        write_report(second, file)
    file.write_bytes(b"\xff thesis")
    with pytest.raises(InputError, match="no report of this run"):
        write_report(second, file)
    assert file.read_bytes() == b"\xff thesis"
    write_report(second, file, force=True)
    for taken in (tmp_path, tmp_path / "first" / "result.nc", tmp_path / "first" / "job.toml"):
        with pytest.raises(InputError, match=r"is a folder|is a file of a run"):
            write_report(second, taken, force=True)
    load_result(tmp_path / "first")


def test_a_report_elsewhere_leaves_the_run_folder_alone(tmp_path: Path, page: None) -> None:
    result = run_of(tmp_path / "run")
    files = [path for path in (tmp_path / "run").rglob("*") if path.name != ".lock"]
    before = [path.stat().st_mtime_ns for path in files]
    with RunFolder(tmp_path / "run").lock():  # as on a read-only disk, nothing can be written
        make_report(result, tmp_path / "run", again=True, out=tmp_path / "page.html")
        with pytest.raises(RunFolderError, match="another process is writing"):
            write_report(result)
    assert before == [path.stat().st_mtime_ns for path in files]
    assert len(files) + 1 == len(list((tmp_path / "run").rglob("*")))
    early = result
    run_of(tmp_path / "run", "2")
    with pytest.raises(RunFolderError, match="was fitted anew"):
        write_report(early)


def test_a_full_disk_is_named_and_what_was_there_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full to write to")

    def write(path: Path) -> None:
        path.write_text("begun")
        with Path("/dev/full").open("w") as file:
            file.write("x" * 100_000)

    def in_other_words(path: Path) -> None:
        path.write_text("begun")
        raise zlib.error("inconsistent stream state")

    target = tmp_path / "summary.csv"
    target.write_text("whole")
    with pytest.raises(StorageError, match=f"no space left on the disk of '{tmp_path}'"):
        write_whole(target, write)
    with pytest.raises(StorageError, match="no space left"):
        write_whole_folder(tmp_path / "folder", lambda path: write(path / "x"))
    with pytest.raises(zlib.error):
        write_whole(target, in_other_words)
    with monkeypatch.context() as patched:
        patched.setattr("data.whole_files._is_full", lambda _: True)
        with pytest.raises(StorageError, match="no space left"):
            write_whole(target, in_other_words)
    append_whole(target, "\nmore")

    def full(_: int) -> None:
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(StorageError, match="no space left"):
            append_whole(target, "cut off")
    assert target.read_text() == "whole\nmore"
    assert [path.name for path in tmp_path.iterdir()] == ["summary.csv"]


@pytest.mark.parametrize("room", [True, False])
def test_a_finished_fit_that_finds_no_space_is_kept_where_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: bool
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    job = parse_job(JOB)
    campaign = load_campaign("sodium-literature")
    due = resolve(job, campaign, priors_of(campaign, job.model_options()))
    save = Result.save

    def full(result: Result, path: Path) -> None:
        path.write_text("begun")
        if not (room and path.is_relative_to(temporary)):
            raise OSError(errno.ENOSPC, "No space left on device")
        save(result, path)

    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setattr("inference.runs.fitting._built", lambda *_: (None, {}))
    monkeypatch.setattr("inference.runs.fitting._compute", lambda *_: tree_of("1", due.hash))
    monkeypatch.setattr("inference.runs.fitting._summary_to_write", lambda _: pd.DataFrame())
    with monkeypatch.context() as patched:
        patched.setattr(Result, "save", full)
        with pytest.raises(StorageError, match="no space left on the disk of") as raised:
            fit(job, folder=tmp_path / "run")
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {".lock", "run.json", "job.toml", "resolved.toml", "log.txt", "summary.csv"}
    if room:
        [kept] = temporary.glob("*/run")
        assert str(kept) in str(raised.value)
        assert load_result(kept).id == "1"
        assert fit(job, folder=kept).id == "1"  # as a run folder
    else:
        assert "The fit is lost" in str(raised.value)
        assert not list(temporary.iterdir())
    assert fit(job, folder=tmp_path / "run").id == "1"  # once there is space
