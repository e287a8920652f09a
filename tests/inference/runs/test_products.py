"""What a run writes: never over a file of the user's, whole on a full disk, beside its result."""

import contextlib
import errno
import json
import os
import shutil
import tempfile
import zlib
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import tomli_w
import xarray as xr
from typer.testing import CliRunner

from data.errors import ChangedError, InputError, MapError, RunFolderError, StorageError
from data.loading import load_campaign
from data.whole_files import append_whole, write_whole, write_whole_folder
from inference import Result, fit, load_result
from inference.cli.commands import app
from inference.figures import DrawnFigures, are_current, made_of, write_figures
from inference.jobs.reading import parse_job
from inference.jobs.resolved import document_hash, resolve
from inference.misfit.verdicts import Check, Finding, Section, stored_check
from inference.report_page import writing
from inference.report_page.writing import write_report
from inference.runs.result import _ATTRIBUTES, _GROUPS
from inference.runs.run_folder import RunFolder
from inference.steps.run import draw_maps, draw_separators, make_report
from inference.studies.calibration import running
from inference.studies.calibration.replicates import Settings
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
        return f'<meta name="anodebayes-run" content="{contents.result.id}">'

    monkeypatch.setattr("inference.report_page.writing.report_html", html)
    monkeypatch.setattr(
        "inference.figures.run_contents", lambda result, *_: SimpleNamespace(result=result)
    )


def test_a_report_replaces_only_one_of_its_own_result(tmp_path: Path, page: None) -> None:
    first, second = run_of(tmp_path / "first"), run_of(tmp_path / "second", "2")
    file = tmp_path / "page.html"
    write_report(first, file)
    write_report(first, file)
    with pytest.raises(InputError, match="no report of this result"):
        write_report(second, file)
    # A copy of a run folder has its id, and may be fitted anew.
    shutil.copytree(tmp_path / "first", tmp_path / "copy")
    with pytest.raises(InputError, match="no report of this result"):
        write_report(run_of(tmp_path / "copy", "3"), file)
    file.write_bytes(b"\xff thesis")
    with pytest.raises(InputError, match="no report of this result"):
        write_report(second, file)
    assert file.read_bytes() == b"\xff thesis"
    write_report(second, file, force=True)
    for taken in (tmp_path, tmp_path / "first" / "result.nc", tmp_path / "first" / "job.toml"):
        with pytest.raises(InputError, match=r"is a folder|in the folder of a run"):
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
        if not (room and path.is_relative_to(temporary)):
            path.write_text("begun")
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


def test_a_page_that_somebody_wrote_into_or_saves_meanwhile_is_kept(
    tmp_path: Path, page: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run_of(tmp_path / "run")
    file = tmp_path / "page.html"
    write_report(result, file)
    write_report(result, file)
    file.write_text("<!-- mine -->" + file.read_text())
    with pytest.raises(InputError, match="was changed since it was written"):
        write_report(result, file)
    assert file.read_text().startswith("<!-- mine -->")
    html = writing.report_html

    def slow(*arguments: Any, **options: Any) -> str:
        file.write_text("saved meanwhile")
        return html(*arguments, **options)

    monkeypatch.setattr(writing, "report_html", slow)
    for force in (True, False):
        file.unlink()
        with pytest.raises(ChangedError, match="not replaced"):
            write_report(result, file, force=force)
        assert file.read_text() == "saved meanwhile"


@pytest.mark.parametrize("name", ["run.json", ".lock", "figures/mine.html", "mine.html"])
def test_no_report_of_another_goes_into_a_run_folder(tmp_path: Path, page: None, name: str) -> None:
    result = run_of(tmp_path / "first")
    RunFolder(tmp_path / "first").write_files("figures", lambda path: (path / "a.svg").touch())
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match="in the folder of a run"):
        write_report(result, tmp_path / "first" / name, force=True)
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def test_a_result_is_saved_over_nothing_but_itself_and_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run_of(tmp_path / "run")
    for name, content in {"mine.nc": b"mine", "other.nc": None}.items():
        if content is None:
            Result(tree_of("2")).save(tmp_path / name)
        else:
            (tmp_path / name).write_bytes(content)
        before = (tmp_path / name).read_bytes()
        with pytest.raises(RunFolderError, match="is not this result"):
            result.save(tmp_path / name)
        assert (tmp_path / name).read_bytes() == before
    result.save(tmp_path / "new.nc")
    result.save(tmp_path / "new.nc")
    assert load_result(tmp_path / "new.nc").id == "1"

    def full(_: Any, path: Path, *__: Any) -> None:
        path.write_text("begun")
        raise OSError(errno.EFBIG, "File too large")

    monkeypatch.setattr("inference.runs.result.write_tree", full)
    with pytest.raises(StorageError, match="ulimit"):
        result.save(tmp_path / "cut.nc")
    assert not (tmp_path / "cut.nc").exists()


def test_figures_from_python_are_not_written_over_or_through_a_users_file(tmp_path: Path) -> None:
    mine = tmp_path / "precious.txt"
    mine.write_text("mine")
    (tmp_path / "ridge.png").symlink_to(mine)
    (tmp_path / "posterior.png").write_text("mine")
    contents: Any = SimpleNamespace(result=None, campaign=None, maps={}, check=None)
    for name in ("ridge", "posterior"):
        with pytest.raises(InputError, match=f"{name}.png' is there already"):
            write_figures(contents, tmp_path, ["png"], only=[name])
    assert mine.read_text() == (tmp_path / "posterior.png").read_text() == "mine"


@pytest.mark.parametrize("stopped", [True, False])
def test_an_earlier_result_stays_until_there_is_one_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopped: bool
) -> None:
    run_of(tmp_path / "run", "old")
    job = parse_job(JOB)

    def compute(*_: Any) -> xr.DataTree:
        assert load_result(tmp_path / "run").id == "old"
        if stopped:
            raise KeyboardInterrupt
        campaign = load_campaign("sodium-literature")
        due = resolve(job, campaign, priors_of(campaign, job.model_options()))
        return tree_of("new", due.hash)

    monkeypatch.setattr("inference.runs.fitting._built", lambda *_: (None, {}))
    monkeypatch.setattr("inference.runs.fitting._compute", compute)
    monkeypatch.setattr("inference.runs.fitting._summary_to_write", lambda _: pd.DataFrame())
    with pytest.raises(KeyboardInterrupt) if stopped else contextlib.nullcontext():
        fit(job, folder=tmp_path / "run", force=True)
    assert load_result(tmp_path / "run").id == ("old" if stopped else "new")


def test_a_fit_whose_folder_is_replaced_is_kept_elsewhere_and_the_new_folder_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, temporary = parse_job(JOB), tmp_path / "temporary"
    temporary.mkdir()
    campaign = load_campaign("sodium-literature")
    due = resolve(job, campaign, priors_of(campaign, job.model_options()))

    def compute(*_: Any) -> xr.DataTree:
        shutil.rmtree(tmp_path / "run")
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "mine.txt").write_text("mine")
        return tree_of("1", due.hash)

    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setattr("inference.runs.fitting._built", lambda *_: (None, {}))
    monkeypatch.setattr("inference.runs.fitting._compute", compute)
    monkeypatch.setattr("inference.runs.fitting._summary_to_write", lambda _: pd.DataFrame())
    with pytest.raises(StorageError, match=r"moved, deleted or replaced .* is kept as a run"):
        fit(job, folder=tmp_path / "run")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["mine.txt"]
    [kept] = temporary.glob("*/run")
    assert load_result(kept).id == "1"


def test_a_figure_that_was_put_in_place_of_one_of_the_run_is_not_shown(tmp_path: Path) -> None:
    result = run_of(tmp_path / "run")
    draw(RunFolder(tmp_path / "run"), "ridge.svg", made_of(result))
    contents: Any = SimpleNamespace(result=result)
    assert writing._drawn_before(contents, "ridge")
    assert are_current(tmp_path / "run", made_of(result))
    (tmp_path / "run" / "figures" / "ridge.svg").write_text("<svg>another's</svg>")
    assert not writing._drawn_before(contents, "ridge")
    assert not are_current(tmp_path / "run", made_of(result))


def draw(folder: RunFolder, name: str, of: dict[str, str], where: str = "figures") -> None:
    """Write one figure, as what it is made of says."""
    folder.write_files(where, lambda path: (path / name).write_text(f"<svg>{name}"), made_of=of)


def test_a_figure_of_an_earlier_map_is_not_shown_whatever_its_time(tmp_path: Path) -> None:
    result = run_of(tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    folder.write_text("map.nc", "first")
    draw(folder, "map_liquid_pore_radius.svg", made_of(result))
    contents: Any = SimpleNamespace(result=result)
    assert writing._drawn_before(contents, "map_liquid_pore_radius")
    folder.write_text("map.nc", "second")
    os.utime(folder.path / "map.nc", (0, 0))  # the clock was set back
    assert not writing._drawn_before(contents, "map_liquid_pore_radius")


def test_no_figures_at_all_are_refused_and_those_there_stay(tmp_path: Path) -> None:
    run_of(tmp_path / "run")
    draw(RunFolder(tmp_path / "run"), "ridge.svg", {})
    for formats in ("", ",", " , "):
        done = CliRunner().invoke(app, ["figures", str(tmp_path / "run"), "--format", formats])
        assert done.exit_code == 2, done.output
        assert "no figure format is named: legal are pdf, png, svg" in done.output
    assert (tmp_path / "run" / "figures" / "ridge.svg").exists()


def test_figures_of_another_result_are_not_replaced_or_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = run_of(tmp_path / "first"), run_of(tmp_path / "second", "2")
    draw(RunFolder(tmp_path / "f", "figures"), "map_liquid_charge.svg", made_of(first), "")
    (tmp_path / "f" / "mine.txt").write_text("mine")

    def figures(*_: Any, **__: Any) -> Any:
        return SimpleNamespace(result=None)

    def write(_: Any, folder: Path, *__: Any, **___: Any) -> Any:
        (folder / "ridge.svg").write_text("new")
        return DrawnFigures([folder / "ridge.svg"], {})

    monkeypatch.setattr("inference.figures.run_contents", figures)
    monkeypatch.setattr("inference.figures.write_figures", write)
    monkeypatch.setattr(Result, "gate", SimpleNamespace(passed=True))
    words = ["figures", str(tmp_path / "second"), "--out", str(tmp_path / "f")]
    done = CliRunner().invoke(app, words)
    assert (done.exit_code, "was made of another result" in done.output) == (2, True), done.output
    assert {path.name for path in (tmp_path / "f").glob("*.*")} >= {"map_liquid_charge.svg"}
    assert CliRunner().invoke(app, [*words, "--force"]).exit_code == 0
    assert CliRunner().invoke(app, words).exit_code == 0
    assert {path.name for path in (tmp_path / "f").glob("[!.]*")} == {
        "mine.txt", "ridge.svg", "run.json"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("map_liquid.csv", ["map", "RUN"]),
        ("map.nc", ["map", "RUN"]),
        ("figures/ridge.svg", ["figures", "RUN"]),
        ("figures/ridge.svg", ["map", "RUN"]),
        ("report.html", ["report", "RUN"]),
        ("parameters.tex", ["report", "RUN"]),
        ("report.html", ["run", "JOB", "--out", "RUN"]),
        ("figures/ridge.svg", ["run", "JOB", "--out", "RUN"]),
        ("check.json", ["check", "RUN"]),
        ("map_separators.csv", ["map", "RUN", "--separator", "all"]),
    ],
)
def test_what_its_user_changed_in_a_run_is_refused_by_name_before_anything_is_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, command: list[str]
) -> None:
    result = run_of(tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    for file in ("map_liquid.csv", "map_separators.csv", "report.html", "parameters.tex"):
        folder.write_text(file, "ours")
    folder.write_text("check.json", "{}")
    folder.write_text("map.nc", "ours")
    draw(folder, "ridge.svg", made_of(result))
    (folder.path / name).write_text("mine")

    def computed(*_: Any, **__: Any) -> Any:
        raise AssertionError("something is computed")

    for work in (
        "steps.run.maps_from_job", "steps.run.safe_current_map", "steps.run.check",
        "figures.write_figures", "report_page.writing.write_report", "runs.fitting._compute",
    ):  # fmt: skip
        monkeypatch.setattr(f"inference.{work}", computed)
    monkeypatch.setattr("inference.figures.run_contents", lambda result, *_, **__: result)
    monkeypatch.setattr("inference.steps.run.load_job", lambda _: parse_job(JOB))
    monkeypatch.setattr("inference.runs.fitting.fit", lambda *_, **__: result)
    monkeypatch.setattr(Result, "gate", SimpleNamespace(passed=True))
    done = CliRunner().invoke(
        app, [{"RUN": str(folder.path), "JOB": "sodium-literature"}.get(w, w) for w in command]
    )
    assert done.exit_code == 2, (done.output, done.exception)
    assert f"'{name}' in '{folder.path}' was changed since it was written" in done.output
    assert (folder.path / name).read_text() == "mine"


def test_a_changed_file_is_replaced_with_force_and_a_killed_writer_changes_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_of(tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    folder.write_text("summary.csv", "first")
    with monkeypatch.context() as patched:  # killed between the marker and the file

        def killed(*_: Any) -> None:
            raise KeyboardInterrupt

        patched.setattr("inference.runs.locked_folder.place", killed)
        for text in ("second", "third"):
            with pytest.raises(KeyboardInterrupt):
                folder.write_text("summary.csv", text)
    folder.write_text("summary.csv", "fourth")
    (folder.path / "summary.csv").write_text("mine")
    for use in (
        lambda folder: folder.write_text("summary.csv", "fifth"),
        lambda folder: folder.remove("summary.csv"),
        lambda folder: folder.require_free(),
    ):
        with pytest.raises(RunFolderError, match=r"'summary.csv' in .* was changed since"):
            use(folder)
    RunFolder(tmp_path / "run", force=True).write_text("summary.csv", "fifth")
    folder.remove("summary.csv")
    folder.append_text("replicates.jsonl", "a")
    folder.write_text("replicates.jsonl", "b")
    folder.append_text("replicates.jsonl", "c")
    folder.write_text("replicates.jsonl", "d")


def test_maps_of_other_axes_take_the_figures_of_earlier_ones_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run_of(tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    draw(folder, "map_liquid_pore_radius.svg", made_of(result))  # of a map that is gone
    dataset = xr.Dataset()
    monkeypatch.setattr("inference.steps.run.load_job", lambda _: parse_job(JOB))
    monkeypatch.setattr("inference.steps.run.drawn_with", lambda *_: False)
    monkeypatch.setattr("inference.steps.run.maps_from_job", lambda *_: {"liquid": dataset})
    monkeypatch.setattr("inference.steps.run.noise_table", lambda _: None)
    monkeypatch.setattr("inference.steps.run.save_maps", lambda _, path, __: path.touch())
    monkeypatch.setattr("inference.steps.run.save_map_table", lambda _, path: path.touch())
    draw_maps(result, folder.path, again=True)
    assert not (folder.path / "figures").exists()


@pytest.mark.parametrize("damage", ["cut", "forged"])
def test_a_damaged_page_does_not_count_as_the_run_s_own(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "report.html"
    contents: Any = SimpleNamespace()
    head = '<meta name="anodebayes-run" content="fingerprint">'
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(writing, "_fingerprint", lambda _: "fingerprint")
        path.write_text(writing._sealed(head + "It fails."))
        assert writing.is_current(path, contents)
        text = path.read_text()
        path.write_text(text[:60] if damage == "cut" else text.replace("fails", "holds"))
        assert not writing.is_current(path, contents)


@pytest.mark.parametrize("kind", ["overlay", "comparison"])
def test_what_was_made_of_other_runs_is_replaced_only_with_force(tmp_path: Path, kind: Any) -> None:
    folder, name = RunFolder(tmp_path / "o", kind), f"{kind}.json"
    due = {"a": {"resolved_hash": "1", "created": "now"}}
    folder.refuse_other(name, "runs", due)
    for other in ("{}", "[]", '{"runs": {"b": {"resolved_hash": "1"}}}'):
        folder.write_text(name, other)
        with pytest.raises(RunFolderError, match="of other runs already"):
            folder.refuse_other(name, "runs", due)
    folder.write_text(name, '{"runs": {"a": {"resolved_hash": "1"}}}')
    folder.refuse_other(name, "runs", due)
    (folder.path / name).unlink()
    os.mkfifo(folder.path / name)
    with pytest.raises(RunFolderError, match="is a pipe"):
        folder.refuse_other(name, "runs", due)


def test_a_check_from_which_findings_were_taken_is_refused(tmp_path: Path) -> None:
    findings = (Finding.of("a", "fail", "It fails."), Finding.of("b", "ok", "Well.", x=1e-3))
    section = Section(name="fit", title="Fit", findings=findings)
    made = Check(
        kind="run", name="n", campaign="c", synthetic=True, seed=1, result_id="1",
        sections=(section,),
    )  # fmt: skip
    file = tmp_path / "check.json"
    file.write_text(made.to_json())
    stored = stored_check(tmp_path, "1")
    assert stored is not None
    assert stored["verdict"] == "fail"
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content))  # in another layout it says the same
    assert stored_check(tmp_path, "1") == stored
    del content["sections"][0]["findings"][0]
    file.write_text(json.dumps(content))
    with pytest.raises(RunFolderError, match="is not what was written"):
        stored_check(tmp_path, "1")
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(RunFolderError, match="is a pipe"):
        stored_check(tmp_path, "1")


def test_a_killed_worker_of_a_calibration_is_said_to_be_killed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Pool:
        def __init__(self, *_: Any) -> None:
            pass

        def __enter__(self) -> "Pool":
            return self

        def __exit__(self, *_: Any) -> None:
            pass

        def submit(self, *_: Any) -> Any:
            future: Future[Any] = Future()
            future.set_exception(BrokenProcessPool("terminated abruptly"))
            return future

    monkeypatch.setattr(running, "ProcessPoolExecutor", Pool)
    job: Any = None
    with pytest.raises(StorageError, match=r"was killed.* fewer --processes \(now 2\)"):
        list(running._run(job, Settings(), 1, [0, 1], 2))


@pytest.mark.parametrize("blocks", ["", '[model]\nblocks = ["published"]\n'])
def test_a_resolved_job_that_is_read_back_has_the_hash_it_states(blocks: str) -> None:
    job = parse_job(JOB + blocks)
    campaign = load_campaign("sodium-literature")
    settled = resolve(job, campaign, priors_of(campaign, job.model_options()))
    assert document_hash(settled.document) == settled.hash


def test_a_separator_that_is_called_all_is_not_taken_for_all_of_them(tmp_path: Path) -> None:
    result: Any = SimpleNamespace(attrs={"separators": '{"all": {}, "PP": {}}'})
    with pytest.raises(MapError, match="is called 'all'"):
        draw_separators(result, tmp_path, ["all"])


def test_no_fit_is_begun_that_a_limit_on_files_would_lose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resource = pytest.importorskip("resource")
    monkeypatch.setattr("inference.runs.fitting._built", lambda *_: (None, {}))
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1_000_000, 1_000_000))
    with pytest.raises(StorageError, match="at most 1000000 bytes"):
        fit(parse_job(JOB), folder=tmp_path / "run")
    assert not (tmp_path / "run").exists()
