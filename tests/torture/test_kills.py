"""Commands are stopped and killed at random moments: nothing is lost, nothing hangs.

A sample by seed is a test of seconds; ``make torture`` does all of it. The table that it prints is
that of `faults.md`.
"""

import csv
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import time
import tomllib
import uuid
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import cycle, islice, product
from pathlib import Path

import numpy as np
import pytest
from netCDF4 import Dataset

from data import load_campaign, new_campaign
from data.whole_files import is_temporary
from inference.runs.run_marker import MARKER
from tests.torture.shared import DONE, NOT_CONVERGED, SEED, command, how_many, quick_job

COUNT = how_many("KILLS", 12)
SAMPLE = 50
"""Below so many kills only cheap commands take part, and a third of them are run again."""

ENDS_WITHIN, ORPHANS_WITHIN = 10.0, 5.0  # s
MARK = "ANODEBAYES_TORTURE"
MINE = "notes.txt"  # a user's
TRUTH = Path(__file__).resolve().parents[2] / "data/campaigns/sodium-synthetic/truth.toml"
KINDS = ("SIGINT", "SIGTERM", "SIGKILL", "SIGINT twice")
MOMENTS = ("any", "while a product is written")


@dataclass(frozen=True)
class Command:
    """A command and what it rests on.

    Parameters
    ----------
    words : str
        Its arguments, in a folder of its own.
    own : tuple of str
        Beginnings of the names of what it may write, replace and remove.
    needs : tuple of str
        Commands whose products are there already.
    again : frozenset of int
        Legal codes of the same command once more.
    cheap : bool
        Whether a sample kills it.
    """

    words: str
    own: tuple[str, ...]
    needs: tuple[str, ...] = ()
    again: frozenset[int] = frozenset({DONE, NOT_CONVERGED})
    cheap: bool = False


REFUSED = frozenset({0, 2, 4})  # what is there already is refused: 4 of some files, 2 of all
COMMANDS = {
    "fit": Command("fit creep.toml --out creep", ("creep/",), cheap=True),
    "fit --force": Command("fit other.toml --out creep --force", ("creep/",), ("fit",)),
    "fit other": Command("fit other.toml --out other", ("other/",)),
    "fit two": Command("fit two.toml --out two", ("two/",)),
    "fit cells": Command("fit cells.toml --out cells", ("cells/",)),
    "run": Command("run cells.toml --out cells", ("cells/",)),
    "check": Command("check two", ("two/check.json", "two/without.nc"), ("fit two",)),
    "map": Command("map cells", ("cells/map",), ("fit cells",)),
    "figures": Command("figures creep --only posterior", ("creep/figures/",), ("fit",)),
    "report": Command("report cells", ("cells/report", "cells/param"), ("fit cells", "map")),
    "calibrate": Command(
        "calibrate creep.toml --replicates 4 --out calibration", ("calibration/",)
    ),
    "compare": Command(
        "compare creep other --out comparison", ("comparison/",), ("fit", "fit other")
    ),
    "overlay": Command("overlay creep other --out overlay", ("overlay/",), ("fit", "fit other")),
    "recover": Command("recover creep.toml --truth truth.toml --out recovery", ("recovery",)),
    "simulate": Command(
        "simulate truth.toml --design sodium-synthetic --seed 3 --out drawn", ("drawn/",)
    ),
    "import": Command(
        "import 0.csv 1.csv 2.csv --as penetration --campaign mine",
        ("mine/penetration.csv", "mine/provenance/"),
        again=REFUSED,
        cheap=True,
    ),
    "export-bdf": Command(
        "export-bdf 0.csv 1.csv --out tables", ("tables/",), again=REFUSED, cheap=True
    ),
}
STEPS = ("fit other", "fit two", "fit cells")  # others rest on them; they are killed as "fit"


@dataclass
class World:
    """Folders in which commands have been run undisturbed.

    Parameters
    ----------
    folder : Path
        Of all of them.
    """

    folder: Path
    seconds: dict[str, float] = field(default_factory=dict)

    def after(self, name: str) -> Path:
        """Return a folder in which a command has been run."""
        place = self.folder / name.replace(" ", "")
        if name not in self.seconds:
            self.before(name, place)
            begun = time.monotonic()
            done = subprocess.run(
                words(name), cwd=place, capture_output=True, text=True, check=False
            )
            self.seconds[name] = time.monotonic() - begun
            assert done.returncode in {DONE, NOT_CONVERGED}, done.stderr
        return place

    def before(self, name: str, place: Path) -> None:
        """Make a folder as it is before a command."""
        place.mkdir()
        for job, blocks, seed in (
            ("creep", ["creep"], 5),
            ("other", ["creep"], 6),
            ("two", ["creep", "morphology"], 5),
            ("cells", ["penetration"], 5),
        ):
            (place / f"{job}.toml").write_text(quick_job(job, blocks, seed))
        (place / MINE).write_text("mine")
        shutil.copy(TRUTH, place / "truth.toml")
        if name in {"import", "export-bdf"}:
            instrument_files(place)
        for earlier in COMMANDS[name].needs:
            shutil.copytree(self.after(earlier), place, dirs_exist_ok=True)
        if name == "fit --force":
            (place / "creep" / MINE).write_text("mine")


def instrument_files(place: Path) -> None:
    """Write a campaign and files of cells that metal penetrates after ten minutes."""
    new_campaign(place / "mine")
    (place / "mine" / "campaign.toml").write_text(
        'name = "mine"\nmetal = "Na"\nkind = "synthetic"\nelectrolyte = "any"\n'
        'salt_concentration = "1 mol/L"\n'
    )
    (place / "mine" / "separators.csv").write_text(
        "separator,pore_type,pore_radius [nm],thickness [um],porosity [1],macmullin_number [1]\n"
        "PP,polymer,14,25,0.39,4.9\n"
    )
    time_ = np.arange(0.0, 900.5)
    voltage = np.where(time_ > 600.0, 0.01, 0.1)
    for number in range(3):
        noise = np.random.default_rng(number).normal(0.0, 2e-4, time_.size)
        rows = zip(time_, voltage + noise, strict=True)
        lines = [f"{t:.3f},{v:.6f},0.002" for t, v in rows]
        path = place / f"{number}.csv"
        path.write_text("\n".join(["Test Time / s,Voltage / V,Current / A", *lines]) + "\n")
        path.with_name(f"{path.name}.toml").write_text(
            f'cell = "{number}"\nseparator = "PP"\narea = "1 cm^2"\ntemperature = "25 degC"\n'
            'source = "made up"\n'
        )


def words(name: str) -> list[str]:
    return command(*COMMANDS[name].words.split())


# --- a kill ---------------------------------------------------------------------------------------


def kill(
    name: str, kind: str, moment: str, place: Path, chance: random.Random, seconds: float
) -> str:
    """Run a command of so many seconds, end it, and return what it had come to."""
    kept = fingerprints(place, name)
    waits = chance.uniform(0.0, seconds)
    gap = chance.choice([0.0, chance.uniform(0.0, 0.3)])
    mark = uuid.uuid4().hex
    scratch = place.with_name(f"{place.name}-tmp")
    scratch.mkdir()
    process = subprocess.Popen(
        words(name),
        cwd=place,
        env={**os.environ, MARK: mark, "TMPDIR": str(scratch)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell's background job ignores SIGINT, and its children would inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    wait_for(process, waits, None if moment == "any" else (place, scratch))
    ended = process.poll() is not None
    send(process, kind)
    if kind == "SIGINT twice":
        time.sleep(gap)
        send(process, kind)
    sent = time.monotonic()
    try:
        _, errors = process.communicate(timeout=ENDS_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise AssertionError(f"hangs {ENDS_WITHIN:g} s after {kind}") from None
    seconds = time.monotonic() - sent
    code = process.returncode
    legal = {
        "SIGTERM": {143, -signal.SIGTERM},
        "SIGKILL": {-signal.SIGKILL},
    }.get(kind, {130, -signal.SIGINT})
    whole = code in {DONE, NOT_CONVERGED}
    assert whole or code in legal, f"code {code} after {kind}: {errors}"
    assert "Traceback" not in errors, errors
    assert "internal error" not in errors, errors
    assert errors.count("stopped by") <= 1, errors
    while (left := alive(mark)) and time.monotonic() < sent + seconds + ORPHANS_WITHIN:
        time.sleep(0.05)
    assert not left, f"processes that outlive it: {left}"
    if kind != "SIGKILL":
        assert not list(scratch.iterdir()), list(scratch.iterdir())
        assert not [path for path in place.rglob("*") if is_temporary(path.name)]
    read_everything(place)
    assert fingerprints(place, name) == kept, "something of the user's is lost"
    return "ended before" if ended else "done all the same" if whole else "stopped"


def send(process: "subprocess.Popen[str]", kind: str) -> None:
    """Send a signal: a Ctrl-C reaches every process of the terminal, another the one meant."""
    if process.poll() is not None:
        return
    if kind.startswith("SIGINT"):
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.send_signal(getattr(signal, kind))


def wait_for(
    process: "subprocess.Popen[str]", seconds: float, places: tuple[Path, ...] | None
) -> None:
    """Wait for a moment, or for a product that is begun and a hundredth of the time more."""
    due = time.monotonic() + seconds
    while places is not None and process.poll() is None:
        folders = [*places, *(path for path in places[0].iterdir() if path.is_dir())]
        if any(is_temporary(name) for each in folders for name in os.listdir(each)):  # noqa: PTH208
            due = time.monotonic() + 0.01 * seconds
            break
        time.sleep(0.0005)
    while process.poll() is None and (left := due - time.monotonic()) > 0:
        time.sleep(min(0.01, left))


def alive(mark: str) -> list[str]:
    """Return the commands of all processes, zombies apart, that bear a mark."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if f"{MARK}={mark}".encode() in (entry / "environ").read_bytes():
                    found.append((entry / "cmdline").read_text().replace("\0", " ")[:200])
            except OSError:
                continue
    return found


# --- what is there afterwards ---------------------------------------------------------------------

Reader = Callable[[Path], object]


def _csv(path: Path) -> None:
    text = path.read_text(encoding="utf-8-sig")
    assert not text or text.endswith("\n")
    widths = {len(row) for row in csv.reader(text.splitlines()) if row and row[0][:1] != "#"}
    assert len(widths) <= 1, widths


def _netcdf(path: Path) -> None:
    with Dataset(path) as file:
        assert file.groups or file.variables


def _ends(*ends: bytes) -> Reader:
    def read(path: Path) -> None:
        assert path.read_bytes().rstrip().endswith(ends)

    return read


READERS: dict[str, Reader] = {
    ".nc": _netcdf,
    ".json": lambda path: json.loads(path.read_text()),
    ".jsonl": lambda path: [json.loads(line) for line in path.read_text().splitlines()],
    ".toml": lambda path: tomllib.loads(path.read_text()),
    ".csv": _csv,
    ".svg": ET.parse,
    ".png": _ends(b"IEND\xaeB`\x82"),
    ".pdf": _ends(b"%%EOF"),
    ".html": _ends(b"</html>"),
}


def read_everything(place: Path) -> None:
    """Read every file that lies under its own name."""
    for path in place.rglob("*"):
        ours = not any(is_temporary(part) for part in path.relative_to(place).parts)
        if ours and path.is_file() and path.suffix in READERS:
            try:
                READERS[path.suffix](path)
            except Exception as error:
                raise AssertionError(f"{path} is half-written: {error!r}") from error


def fingerprints(place: Path, name: str) -> dict[str, str]:
    """Return the hashes of what a command must not touch: inputs, results, and the user's files."""
    kept = {}
    for path in place.rglob("*"):
        inside = path.relative_to(place).as_posix()
        told = path.name in {"log.txt", MARKER} or "/." in f"/{inside}"
        theirs = inside.startswith(COMMANDS[name].own) and path.name != MINE
        if path.is_file() and not told and not theirs:
            kept[inside] = hashlib.sha256(path.read_bytes()).hexdigest()
    return kept


def again(name: str, place: Path) -> None:
    """Run the command once more: it succeeds, and what it makes is whole."""
    done = subprocess.run(words(name), cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode in COMMANDS[name].again, done.stderr
    assert "internal error" not in done.stderr, done.stderr
    read_everything(place)
    assert not [path for path in place.rglob("*") if is_temporary(path.name)]
    if name == "import":
        assert load_campaign(place / "mine").tables["penetration"].sizes["penetration"] == 3
    if name == "simulate":
        assert load_campaign(place / "drawn").metadata.kind == "synthetic"


# --- the campaign ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    if not Path("/proc").is_dir():
        pytest.skip("processes that outlive their parent are looked for in /proc")
    return World(tmp_path_factory.mktemp("world"))


def plan(chance: random.Random) -> Iterator[tuple[str, str, str]]:
    """Yield command, kind and moment: every combination, in a random order, for ever."""
    names = [
        name
        for name, each in COMMANDS.items()
        if name not in STEPS and (each.cheap or COUNT >= SAMPLE)
    ]
    every = list(product(names, KINDS, MOMENTS))
    chance.shuffle(every)
    return cycle(every)


@pytest.mark.torture
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_no_kill_loses_a_file_or_hangs_a_command(world: World, tmp_path: Path) -> None:
    chance = random.Random(SEED)  # noqa: S311 - no secret
    counts: dict[str, Counter[str]] = {}
    faults = []
    for number, (name, kind, moment) in enumerate(islice(plan(chance), COUNT)):
        world.after(name)
        place = tmp_path / f"{number}-{name.replace(' ', '')}"
        world.before(name, place)
        what = f"kill {number}: {name}, {kind}, {moment}"
        count = counts.setdefault(name, Counter())
        try:
            count[kill(name, kind, moment, place, chance, world.seconds[name])] += 1
            if COUNT >= SAMPLE or number % 3 == 0:
                again(name, place)
                count["again"] += 1
        except AssertionError as error:
            faults.append(f"{what}: {error}")
            count["fault"] += 1
            print(faults[-1], flush=True)
        else:
            shutil.rmtree(place)
            shutil.rmtree(tmp_path / f"{place.name}-tmp")
        if COUNT >= SAMPLE:
            print(what, dict(count), flush=True)
    print(table(counts))
    assert not faults, "\n".join(faults)


@pytest.mark.torture
def test_an_interrupt_in_the_first_tenth_of_a_second_shows_no_traceback(tmp_path: Path) -> None:
    chance = random.Random(SEED)  # noqa: S311 - no secret
    codes: Counter[str] = Counter()
    for _ in range(max(4, COUNT // 3)):
        process = subprocess.Popen(
            command("list"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )
        time.sleep(chance.uniform(0.0, 0.1))
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=ENDS_WITHIN)
        # Until Python has read its own modules, the signal is Python's to answer.
        python = "Traceback" in errors and f"{os.sep}inference{os.sep}" not in errors
        codes["in the interpreter" if python else str(process.returncode)] += 1
        assert python or process.returncode in {130, -signal.SIGINT, DONE}, errors
        assert python or "Traceback" not in errors, errors
    print(dict(codes))


def table(counts: dict[str, Counter[str]]) -> str:
    """Return the counts by command as a table of Markdown."""
    columns = ("stopped", "done all the same", "ended before", "again", "fault")
    head = ["command", *columns]
    rows = [[name, *(str(count[c]) for c in columns)] for name, count in sorted(counts.items())]
    total = sum(counts.values(), Counter[str]())
    rows.append(["all", *(str(total[c]) for c in columns)])
    lines = ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]
    return "\n" + "\n".join(lines)
