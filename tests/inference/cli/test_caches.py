"""Where libraries have no room for what they keep, a temporary folder serves; a line says so."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from inference.cli.caches import usable_caches

NAMES = ("HOME", "PYTENSOR_FLAGS", "MPLCONFIGDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in NAMES:
        monkeypatch.setenv(name, "")  # and back to what they were
        monkeypatch.delenv(name)
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return folder


def inside(capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, str], str]:
    """Return what variables are within, and what was said; nothing is left behind."""
    before = {name: os.environ.get(name) for name in NAMES}
    with usable_caches():
        changed = {
            name: os.environ[name]
            for name in NAMES
            if name in os.environ and os.environ[name] != before[name]
        }
        for value in changed.values():
            assert os.access(value.rpartition("=")[2], os.W_OK)
    for value in changed.values():
        assert not Path(value.rpartition("=")[2]).exists()
    return changed, capsys.readouterr().err


def test_a_home_with_room_is_used(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert inside(capsys) == ({}, "")
    assert not list(home.iterdir())


@pytest.mark.parametrize("value", ["", "/nonexistent", "relative", "a file"])
def test_no_home_is_no_fault(
    value: str, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if value == "a file":
        value = str(home / "file")
        Path(value).touch()
    monkeypatch.setenv("HOME", value)
    changed, said = inside(capsys)
    assert [*changed] == ["HOME"]
    assert said.startswith("note: there is no home folder for caches")
    assert said.count("\n") == 1


def unwritable(monkeypatch: pytest.MonkeyPatch, *where: Path) -> None:
    access = os.access

    def denied(path: Any, mode: int) -> bool:  # root may write wherever a disk is not read-only
        return access(path, mode) and not (mode & os.W_OK and Path(path) in where)

    monkeypatch.setattr(os, "access", denied)


@pytest.mark.parametrize(
    ("folder", "variables"),
    [
        ("", {"PYTENSOR_FLAGS", "MPLCONFIGDIR"}),
        (".pytensor/numba", {"PYTENSOR_FLAGS"}),
        (".cache/matplotlib", {"MPLCONFIGDIR"}),
    ],
)
def test_what_cannot_be_written_to_is_done_without(
    folder: str,
    variables: set[str],
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (home / folder).mkdir(parents=True, exist_ok=True)
    unwritable(monkeypatch, home / folder)
    changed, said = inside(capsys)
    assert {*changed} == variables
    assert str(home / folder) in said
    assert "cannot be written to" in said
    assert said.count("\n") == 1


def test_a_full_disk_is_done_without_and_other_flags_stay(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usage = shutil.disk_usage(home)._replace(free=900_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    monkeypatch.setenv("PYTENSOR_FLAGS", f"floatX=float64,base_compiledir={home}/elsewhere")
    monkeypatch.setenv("MPLCONFIGDIR", str(home / "mpl"))
    changed, said = inside(capsys)
    assert changed["PYTENSOR_FLAGS"].startswith("floatX=float64,base_compiledir=")
    assert {*changed} == {"PYTENSOR_FLAGS", "MPLCONFIGDIR"}
    assert "elsewhere" in said
    assert "has only 0.9 MB free" in said


@pytest.mark.slow
def test_a_command_without_a_home_compiles_and_draws(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from inference.cli import main\n"
        "from inference.cli.commands import app\n"
        "@app.command()\n"
        "def both() -> None:\n"
        "    import matplotlib, pytensor, bokeh.settings, arviz_stats\n"
        "    print(pytensor.config.base_compiledir, matplotlib.get_cachedir())\n"
        "sys.argv[1:] = ['both']; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": os.environ["PATH"], "HOME": "", "TMPDIR": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for place in done.stdout.split():
        assert Path(place).is_relative_to(tmp_path)
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())
