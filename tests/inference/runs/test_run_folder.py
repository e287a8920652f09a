"""Run folders hold whole files or none, one writer at a time."""

import fcntl
import json
import logging
import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tomli_w
import xarray as xr

from data.errors import RunFolderError
from inference.engine.sealed_trees import write_tree
from inference.jobs.resolved import document_hash
from inference.runs.run_folder import RunFolder
from inference.words.run_files import PRODUCTS


def resolved_job(data_hash: str = "a" * 64, **changes: Any) -> Any:
    document: dict[str, Any] = {
        "schema_version": 1,
        "name": "x",
        "campaign": "c",
        "sampler": {"seed": 1},
        "resolved": {"data_hash": data_hash, "prior_hash": "p"},
    } | changes
    document["resolved"] |= {"hash": document_hash(document)}
    return SimpleNamespace(
        hash=document["resolved"]["hash"], text=tomli_w.dumps(document), document=document
    )


def write_result(folder: RunFolder, data_hash: str = "a" * 64, result_id: str = "1") -> None:
    tree = xr.DataTree()
    tree.attrs = {"resolved_hash": resolved_job(data_hash).hash, "result_id": result_id}
    folder.write("result.nc", lambda path: write_tree(tree, path, "result"))


def listing(folder: Path) -> dict[str, str]:
    """Return every file and link below a folder with its content or target, locks left out."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.is_file() and path.name not in {".lock", "run.json"}:
            found[name] = path.read_text(errors="replace")
    return found


@contextmanager
def holder(path: Path, body: str) -> Iterator[None]:
    """Hold the folder's lock in a process that runs `body`; it is killed at the end."""
    code = (
        "import time\nfrom inference.runs.run_folder import RunFolder\n"
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
    other = resolved_job(sampler={"seed": 2})
    assert folder.state(other) == "different"
    assert folder.differences(other) == ["sampler.seed: 1 then, 2 now"]


def test_other_maps_are_taken_over_and_leave_the_result_whole(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    first = resolved_job(map={"axes": {"solid": {"pressure": "1 MPa"}}})
    folder.start(first, "first")
    write_result(folder)
    second = resolved_job(map={"axes": {"solid": {"pressure": "2 MPa"}}})
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
    folder.write_files("figures", lambda path: (path / "ridge.png").touch())
    (tmp_path / "notes.md").write_text("mine")
    (tmp_path / "figures" / "thesis.pdf").write_text("mine, too")
    folder.start(resolved_job("b" * 64), "")
    kept = {*listing(tmp_path)}
    assert kept == {"job.toml", "notes.md", "resolved.toml", "figures/thesis.pdf"}


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
    assert {p.name for p in tmp_path.iterdir()} == {".lock", "run.json", "summary.csv"}
    with folder.lock(), folder.lock():  # held twice by its holder, then free again
        pass
    RunFolder(tmp_path).write_text("summary.csv", "new")


def test_figures_are_replaced_once_all_are_drawn_and_what_the_user_put_beside_stays(
    tmp_path: Path,
) -> None:
    folder = RunFolder(tmp_path)
    folder.write_files("figures", lambda path: (path / "first.png").touch())
    (tmp_path / "figures" / "mine.png").write_text("mine")

    def fail(path: Path) -> None:
        (path / "second.png").touch()
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - raised just above
        folder.write_files("figures", fail)
    assert {*listing(tmp_path)} == {"figures/first.png", "figures/mine.png"}
    folder.write_files("figures", lambda path: (path / "third.png").touch())
    assert {*listing(tmp_path)} == {"figures/third.png", "figures/mine.png"}
    folder.write_files("figures", lambda path: (path / "fourth.png").touch(), keep=True)
    with pytest.raises(RunFolderError, match=r"'figures/mine.png' .* did not make"):
        folder.write_files("figures", lambda path: (path / "mine.png").touch())
    assert listing(tmp_path)["figures/mine.png"] == "mine"
    assert {"figures/third.png", "figures/fourth.png"} <= {*listing(tmp_path)}
    folder.remove("figures")
    assert {*listing(tmp_path)} == {"figures/mine.png"}


@pytest.mark.parametrize("name", [*PRODUCTS, "figures/thesis-fig1.pdf", "thesis.tex", ".lock"])
def test_a_folder_without_our_marker_is_left_as_it_was_whatever_its_files_are_called(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    shown = re.escape(repr(name.partition("/")[0]))
    for use in (
        lambda folder: folder.state(resolved_job()),
        lambda folder: folder.start(resolved_job(), ""),
        lambda folder: folder.write_text("summary.csv", "x"),
        lambda folder: folder.remove("figures"),
    ):
        with pytest.raises(RunFolderError, match=rf"not a run folder \(it holds {shown}, but no"):
            use(RunFolder(tmp_path))
    assert [str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()] == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_what_is_refused_or_fails_leaves_no_folder_and_no_lock_behind(tmp_path: Path) -> None:
    def fail(_: Path) -> None:
        raise ValueError

    for path in (tmp_path / "deep" / "run", tmp_path):
        with pytest.raises(ValueError), RunFolder(path).lock():  # noqa: PT011 - raised here
            raise ValueError
        assert list(tmp_path.iterdir()) == []
    RunFolder(tmp_path, "overlay").write_text("overlay.json", "x")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(RunFolderError, match="holds an overlay, and a fit is not written into it"):
        RunFolder(tmp_path).start(resolved_job(), "")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["summary.csv", "report.html", "log.txt", "job.toml"])
def test_a_users_own_file_of_a_products_name_stops_a_run_before_it_begins(
    tmp_path: Path, name: str
) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.write_text("check.json", "ours")
    (folder.path / name).write_text("mine")
    before = listing(tmp_path)
    with pytest.raises(RunFolderError, match=f"{name!r} in .* is a file that anodebayes did not"):
        folder.start(resolved_job(), "")
    with pytest.raises(RunFolderError, match="did not make"):
        folder.write_text(name, "x")
    assert listing(tmp_path) == before


@pytest.mark.parametrize(
    "name", ["summary.csv", "result.nc", "figures", "figures/ridge.pdf", "log.txt", "run.json"]
)
def test_links_are_not_written_or_removed_through(tmp_path: Path, name: str) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.start(resolved_job(), "")
    write_result(folder)
    folder.write_text("summary.csv", "ours")
    folder.write_files("figures", lambda path: (path / "ridge.pdf").touch())
    with folder.log():
        pass
    outside = tmp_path / "outside"
    (folder.path / name).rename(outside)
    (folder.path / name).symlink_to(outside)
    kept = listing(tmp_path / "outside") if outside.is_dir() else outside.read_bytes()

    def draw(path: Path) -> None:
        (path / "ridge.pdf").write_text("new")

    refusals = 0
    for use in (
        lambda: folder.start(resolved_job("b" * 64), ""),
        lambda: folder.write_text(name, "new"),
        lambda: folder.write_files("figures", draw),
        lambda: folder.remove(name),
    ):
        try:
            use()
        except RunFolderError:
            refusals += 1
    assert refusals >= 2
    assert (folder.path / name).readlink() == outside
    assert kept == (listing(outside) if outside.is_dir() else outside.read_bytes())


@pytest.mark.parametrize(
    "holds", [["../mine.txt"], ["/etc/x"], ["a/b/c"], ["."], [""], ["a/../b"], ["run.json"], [1], 3]
)
def test_a_marker_that_lists_what_is_not_inside_is_refused(tmp_path: Path, holds: Any) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.start(resolved_job(), "")
    (tmp_path / "mine.txt").write_text("mine")
    marker = folder.path / "run.json"
    marker.write_text(json.dumps({**json.loads(marker.read_text()), "holds": holds}))
    with pytest.raises(RunFolderError, match=r"run\.json"):
        folder.start(resolved_job(), "")
    assert (tmp_path / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("content", ["", "{}", "null", "[" * 100_000, '{"what": "x"}', "\0\0"])
def test_a_damaged_marker_is_named_and_the_folder_left_alone(tmp_path: Path, content: str) -> None:
    folder = RunFolder(tmp_path)
    folder.start(resolved_job(), "")
    (tmp_path / "run.json").write_text(content)
    before = listing(tmp_path)
    for use in (folder.refuse_foreign, lambda: folder.start(resolved_job(), "")):
        with pytest.raises(RunFolderError, match=r"run.json' is no marker of a run folder"):
            use()
    assert listing(tmp_path) == before


UNREADABLE = {
    "empty": lambda run: (run / "result.nc").write_bytes(b""),
    "broken off": lambda run: (run / "result.nc").write_bytes(b"\x89HDF\r\n\x1a\nbroken off"),
    "a folder": lambda run: ((run / "result.nc").unlink(), (run / "result.nc").mkdir()),
    "of another job": lambda run: write_result(RunFolder(run), "b" * 64),
    "no job": lambda run: (run / "resolved.toml").unlink(),
    "job damaged": lambda run: (run / "resolved.toml").write_text("name = ["),
    "job without hash": lambda run: (run / "resolved.toml").write_text("resolved = 1"),
    "job edited by hand": lambda run: (run / "resolved.toml").write_text(
        (run / "resolved.toml").read_text().replace("seed = 1", "seed = 2")
    ),
    "job a pipe": lambda run: ((run / "resolved.toml").unlink(), os.mkfifo(run / "resolved.toml")),
    "job not text": lambda run: (run / "resolved.toml").write_bytes(b"\xff\xfe\0"),
}


@pytest.mark.parametrize("damage", UNREADABLE)
def test_a_result_that_cannot_be_opened_is_not_unfinished(tmp_path: Path, damage: str) -> None:
    folder = RunFolder(tmp_path)
    folder.start(resolved_job(), "")
    write_result(folder)
    UNREADABLE[damage](tmp_path)
    assert folder.state(resolved_job()) == "unreadable"
    with pytest.raises(RunFolderError, match=r"result\.nc|resolved\.toml"):
        folder.require_complete()
    if damage not in {"a folder", "job a pipe"}:  # which are not ours to remove
        RunFolder(tmp_path, force=True).start(resolved_job("b" * 64), "")
        assert folder.state(resolved_job()) == "partial"


@pytest.mark.parametrize("name", ["back\\slash", "http:", "a b", "ümlaut", "new\nline", "#frag"])
def test_a_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    folder = RunFolder(tmp_path / name)
    folder.start(resolved_job(), "")
    write_result(folder)
    assert folder.state(resolved_job()) == "complete"


def test_a_result_that_another_program_holds_open_is_read_all_the_same(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.start(resolved_job(), "")
    write_result(folder)
    with folder.result_path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # as HDF5 does of a file that it may write
        assert folder.state(resolved_job()) == "complete"


def test_a_product_is_written_only_beside_the_result_it_was_computed_from(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.start(resolved_job(), "")
    write_result(folder, result_id="1")
    early = RunFolder(tmp_path, result_id="1")
    early.write_text("report.html", "of 1")
    folder.start(resolved_job("b" * 64), "")  # a `fit --force` begins ...
    for _ in range(2):
        with pytest.raises(RunFolderError, match="was fitted anew"):
            early.write_text("report.html", "of 1")
        write_result(folder, "b" * 64, result_id="2")  # ... and ends
    assert "report.html" not in listing(tmp_path)
    RunFolder(tmp_path, result_id="2").write_text("report.html", "of 2")


@pytest.mark.parametrize("marked", [False, True])
def test_a_lock_that_is_the_users_is_not_emptied(tmp_path: Path, marked: bool) -> None:
    if marked:
        RunFolder(tmp_path).write_text("summary.csv", "x")
    mine = tmp_path / "mine.txt"
    mine.write_text("mine")
    (tmp_path / ".lock").unlink(missing_ok=True)
    (tmp_path / ".lock").hardlink_to(mine)
    with pytest.raises(RunFolderError, match=r"did not make|not a run folder"):
        RunFolder(tmp_path).write_text("summary.csv", "y")
    assert mine.read_text() == "mine"


def swap(path: Path) -> None:
    path.rename(path.with_name("moved"))
    path.mkdir()
    (path / "mine.txt").write_text("mine")


def adopt(path: Path) -> None:
    swap(path)
    (path / "run.json").write_bytes((path.with_name("moved") / "run.json").read_bytes())


@pytest.mark.parametrize("happens", [swap, adopt])
def test_what_takes_the_place_of_a_folder_that_is_written_to_is_left_alone(
    tmp_path: Path, happens: Callable[[Path], None]
) -> None:
    folder = RunFolder(tmp_path / "run")
    with folder.lock():
        folder.start(resolved_job(), "")
        happens(folder.path)
        before = {*folder.path.rglob("*")}
        for use in (
            lambda: folder.write_text("summary.csv", "x"),
            lambda: folder.write_files("figures", lambda path: (path / "ridge.png").touch()),
            lambda: folder.remove("job.toml"),
        ):
            with pytest.raises(RunFolderError, match="moved, deleted or replaced"):
                use()
    assert {*folder.path.rglob("*")} == before


@pytest.mark.parametrize("name", ["run.json", "log.txt", "summary.csv"])
def test_a_pipe_in_a_run_folder_is_refused_and_not_waited_for(tmp_path: Path, name: str) -> None:
    folder = RunFolder(tmp_path)
    folder.start(resolved_job(), "")
    folder.write_text("summary.csv", "ours")
    with folder.log():
        pass
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)
    with pytest.raises(RunFolderError, match="pipe"):
        folder.start(resolved_job("b" * 64), "")
    with pytest.raises(RunFolderError, match="pipe"), folder.log():
        folder.write_text(name, "x")
    assert (tmp_path / name).is_fifo()


def test_folders_of_others_are_not_filled(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
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
        logging.getLogger("inference.runs.fitting").info("sampled in %.1f s", 1.5)
    logging.getLogger("inference.runs.fitting").info("not this")
    text = folder.log_path.read_text()
    assert "sampled in 1.5 s" in text
    assert "not this" not in text
