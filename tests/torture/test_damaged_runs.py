"""Files of a run folder are damaged at random: every command works, or refuses by name.

A sample by seed is a test of seconds; ``ANODEBAYES_DAMAGES`` asks for more. No command may end in
an internal error, hang, fit anew unasked, lose a file, or answer from a result that was changed.
"""

import random
import re
import shutil
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from inference.cli.commands import app
from tests.torture.shared import DONE, NOT_CONVERGED, PLACED, SEED, at_most, how_many, quick_job

pytestmark = pytest.mark.torture

COUNT = how_many("DAMAGES", 30)
WITHIN = 120  # s: no command on a whole run takes a tenth of it

MAP = """
[map.axes.solid]
charge = { from = "1 mAh/cm^2", to = "4 mAh/cm^2", points = 3, scale = "log" }
pressure = "0 MPa"
"""
FILES = ("run.json", "result.nc", "resolved.toml", "job.toml", "check.json", "map.nc")
COMMANDS = (
    ("show", "RUN"),
    ("cite", "RUN"),
    ("ask", "safe-current", "RUN", "--at", "charge=2 mAh/cm^2"),
    ("report", "RUN", "--out", "NEW"),
    ("figures", "RUN", "--out", "NEW", "--only", "posterior"),
    ("map", "RUN"),
    ("fit", "JOB", "--out", "RUN"),
)
JUNK = (
    b"", b"null", b"[]", b"{}", b'"x"', b"\0" * 100, b"[" * 100_000, b"\xff\xfe", b"a = 1\n",
    b"[resolved]\nhash = 3\n", b'[resolved]\nhash = "x"\n',
    b'{"what": "anodebayes run folder", "format_version": 2}',
)  # fmt: skip
NUMBERS = (b"null", b"-1", b"1e999", b'"x"', b"9" * 5000, b"nan")


def flip(content: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 1, 3, 20))):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)


def blank(content: bytearray, rng: random.Random) -> None:
    at, size = rng.randrange(len(content)), rng.choice((1, 16, 512, 4096))
    content[at : at + size] = bytes(len(content[at : at + size]))


def cut(content: bytearray, rng: random.Random) -> None:
    del content[rng.randrange(len(content)) :]


def junk(content: bytearray, rng: random.Random) -> None:
    content[:] = rng.choice(JUNK)


def number(content: bytearray, rng: random.Random) -> None:
    found = rng.choice(list(re.finditer(rb"\d+", content)))
    content[found.start() : found.end()] = rng.choice(NUMBERS)


def line(content: bytearray, rng: random.Random) -> None:
    lines = bytes(content).split(b"\n")
    at = rng.randrange(len(lines))
    if rng.random() < 0.5:
        del lines[at]
    else:
        lines.insert(at, rng.choice(lines))
    content[:] = b"\n".join(lines)


CONTENT = (flip, blank, cut, junk, number, line)
PLACES = ("gone", "folder", "link in a loop")


def damage(path: Path, rng: random.Random) -> str:
    """Damage a file, and return how."""
    if rng.random() < 0.2:
        kind = rng.choice(PLACES)
        PLACED[kind](path)
        return kind
    change = rng.choice(CONTENT)
    content = bytearray(path.read_bytes())
    change(content, rng)
    path.write_bytes(content)
    return change.__name__


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.is_file() and not path.is_symlink()
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "run"
    path = folder.with_name("job.toml")
    path.write_text(quick_job("solid", ["dc_polarization"], 1, draws=40, tune=100) + MAP)
    for words in (
        ("fit", path, "--out", folder),
        ("check", folder, "--no-conflict"),
        ("map", folder),
    ):
        done = CliRunner().invoke(app, [str(word) for word in words])
        assert done.exit_code in {DONE, NOT_CONVERGED}, done.output
    return folder


def test_a_damaged_run_folder_is_refused_by_name_or_does_not_matter(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refit(*_: object) -> None:
        raise AssertionError("a fit begins unasked")

    rng = random.Random(SEED)  # noqa: S311 - which damage, no secret
    counts: Counter[tuple[str, int]] = Counter()
    for turn in range(COUNT):
        folder, new = tmp_path / f"run-{turn}", tmp_path / f"new-{turn}"
        shutil.copytree(run, folder)
        name = rng.choice(FILES)
        how = damage(folder / name, rng)
        before = contents(folder)
        command = rng.choice(COMMANDS)
        names = {"RUN": folder, "NEW": new, "JOB": run.with_name("job.toml")}
        unfinished = name == "result.nc" and how == "gone"  # which a fit begins again
        with monkeypatch.context() as patched, at_most(WITHIN):
            if not unfinished:
                patched.setattr("inference.runs.fitting._compute", refit)
            done = CliRunner().invoke(app, [str(names.get(word, word)) for word in command])
        told = f"{name}, {how}: {' '.join(command)}\n{done.output}"
        assert done.exit_code in {0, 2, 3}, told
        assert "internal error" not in done.output, told
        assert done.exception is None or isinstance(done.exception, SystemExit), told
        if not unfinished:
            assert before.keys() <= contents(folder).keys(), told
        if name == "result.nc" and before.get(name) != (run / name).read_bytes():
            assert done.exit_code == 2 or unfinished, told
        counts[command[0], done.exit_code] += 1
        shutil.rmtree(folder)
    print(f"\n{COUNT} damaged run folders:", dict(sorted(counts.items())))
