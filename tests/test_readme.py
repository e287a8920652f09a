"""What the README shows a command to print is what it prints, but for Monte Carlo error.

A block of the README that begins with ``$ anodebayes`` is run again here. `make readme` runs them,
too, and writes what is printed now into the README, with the same lines left out (``...``).
"""

import contextlib
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

import pytest

from inference.cli.text import ticked

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
RECORDS = ROOT / "tests" / "calibration"
PROMPT = "$ anodebayes "
LEFT_OUT = "..."
NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")

# Two runs of one posterior, each of at least 400 independent draws (the gate asks for as many, most
# quantities have 2000), are this far apart at most, but once in ten thousand numbers:
SHARE = 0.2
"""Of a value, and of the error behind a ±. An end of an interval that spans a factor of three has
an error of 2 to 4 %, and the difference of two runs five times that and its rounding."""
PLACES = 1.5
"""Of the last printed place: both numbers are rounded."""
ABSOLUTE = {"contraction": 0.15, "correlation": 0.1, "shift": 0.4, "%": 5.0}
"""Of a number beside this word: 1 - v/v0 with v of 400 draws, and a share of draws."""


# --- blocks and numbers --------------------------------------------------------------------------


@dataclass(frozen=True)
class Block:
    """A command of the README and the lines of its output that the README shows."""

    command: str
    start: int
    lines: tuple[str, ...]

    @property
    def parts(self) -> list[list[str]]:
        """The shown lines between those that are left out."""
        found: list[list[str]] = [[]]
        for line in self.lines:
            if line.strip() == LEFT_OUT:
                found.append([])
            else:
                found[-1].append(line)
        return [part for part in found if any(line.strip() for line in part)]


def blocks(text: str) -> list[Block]:
    """Return the blocks of a README, which are indented by four spaces."""
    lines, found, at = text.splitlines(), [], 0
    while at < len(lines):
        if not lines[at].startswith("    " + PROMPT):
            at += 1
            continue
        command = lines[at][4:]
        while command.endswith("\\"):
            at += 1
            command = command[:-1] + lines[at].strip()
        start = at = at + 1
        while at < len(lines) and (not lines[at].strip() or lines[at].startswith("    ")):
            if lines[at].startswith("    " + PROMPT):
                break
            at += 1
        while at > start and not lines[at - 1].strip():
            at -= 1
        shown = tuple(line[4:] for line in lines[start:at])
        found.append(Block(command.removeprefix("$ "), start, shown))
    return found


@dataclass(frozen=True)
class Token:
    """A word of a text with its numbers masked."""

    mask: str
    numbers: tuple[str, ...]
    line: int


def tokens(lines: list[str]) -> list[Token]:
    """Return the words of lines."""
    return [
        Token(NUMBER.sub("#", word), tuple(NUMBER.findall(word)), at)
        for at, line in enumerate(lines)
        for word in line.split()
    ]


def place(number: str) -> float:
    """Return one unit of the last place that a number is printed with."""
    digits, _, power = number.partition("e")
    decimals = len(digits.partition(".")[2])
    trailing = len(digits) - len(digits.rstrip("0")) if "." not in digits else 0
    return float(10.0 ** (int(power or 0) - decimals + min(trailing, 1)))


def allowed(shown: list[Token], at: int, number: str) -> float:
    """Return how far a number may be from that of another run."""
    near = " ".join(each.mask for each in shown[max(0, at - 1) : at + 2]).lower()
    least = max((each for word, each in ABSOLUTE.items() if word in near), default=0.0)
    error = 0.0
    if at + 2 < len(shown) and shown[at + 1].mask == "±" and shown[at + 2].numbers:
        error = abs(float(shown[at + 2].numbers[0]))
    return max(least, SHARE * max(abs(float(number)), 2.0 * error)) + PLACES * place(number)


def differing(shown: list[Token], fresh: list[Token]) -> list[str]:
    """Return the numbers that are further apart than two runs may be."""
    words = [each.mask for each in shown]
    return [
        f"{mine} in the README, {now} now ({' '.join(words[max(0, at - 3) : at + 4])})"
        for at, (one, other) in enumerate(zip(shown, fresh, strict=True))
        for mine, now in zip(one.numbers, other.numbers, strict=True)
        if abs(float(mine) - float(now)) > allowed(shown, at, mine)
    ]


def located(block: Block, output: str) -> Iterator[tuple[list[Token], list[Token] | None]]:
    """Yield each part of a block with the same words of the output, in order, or with None."""
    fresh = tokens(output.splitlines())
    masks, begin = [each.mask for each in fresh], 0
    for part in block.parts:
        shown = tokens(part)
        due = [each.mask for each in shown]
        places = [
            at for at in range(begin, len(masks) - len(due) + 1) if masks[at : at + len(due)] == due
        ]
        if not places:
            yield shown, None
            continue
        # Rows of a table have the same words: the row meant is the one with these numbers.
        best = min(places, key=lambda at: len(differing(shown, fresh[at : at + len(shown)])))
        begin = best + len(due)
        yield shown, fresh[best:begin]


def mistakes(block: Block, output: str) -> list[str]:
    """Return what a block shows and the output does not say."""
    found = []
    for shown, now in located(block, output):
        if now is None:
            found.append(f"not printed any more: {' '.join(each.mask for each in shown)[:200]} ...")
        else:
            found.extend(differing(shown, now))
    return found


def renewed(block: Block, output: str) -> list[str]:
    """Return the lines of a block with what is printed now, the same lines left out."""
    lines, parts = output.splitlines(), iter(located(block, output))
    shown_lines: list[str] = []
    for part in re.split(rf"(?m)^\s*{re.escape(LEFT_OUT)}$", "\n".join(block.lines)):
        if shown_lines:
            shown_lines.append(f"  {LEFT_OUT}")
        if not part.strip():
            continue
        shown, now = next(parts)
        if now is not None:
            first, last = now[0].line, now[-1].line
        else:  # other words: the lines that are most alike, for a human to look at
            first, last = _alike(shown, part.strip("\n").splitlines(), lines)
        shown_lines += lines[first : last + 1]
    return shown_lines


def _alike(shown: list[Token], part: list[str], lines: list[str]) -> tuple[int, int]:
    def likeness(one: str, other: str) -> float:
        one, other = (NUMBER.sub("#", each) for each in (one, other))
        return SequenceMatcher(None, one, other).ratio()

    first = max(range(len(lines)), key=lambda at: likeness(part[0], lines[at]))
    last = max(range(first, len(lines)), key=lambda at: likeness(part[-1], lines[at]))
    print(f"README.md: other words than {' '.join(t.mask for t in shown)[:70]} ...: look at it")
    return first, last


# --- running -------------------------------------------------------------------------------------

MEASURED = ROOT.parent / "shared" / "raw" / "biologic" / "mb.issue_218.mpr"


def printed(command: str, folder: Path) -> str:
    """Return what a command of the README prints in a folder; it must not fail."""
    _, name, *arguments = shlex.split(command)
    if name == "calibrate":  # hours: its record is another test's
        record = json.loads((RECORDS / f"{arguments[0]}.json").read_text(encoding="utf-8"))
        assert record["command"] == command
        verdict = io.StringIO()
        with contextlib.redirect_stdout(verdict):
            ticked(record["verdict"])
        return verdict.getvalue()
    if name == "import":
        if not MEASURED.is_file():
            pytest.skip(f"the measured curve is not here: {MEASURED}")
        shutil.copy(MEASURED, folder / arguments[0])
        anodebayes("new", "mine", folder=folder)
    return anodebayes(
        name, *(re.sub("^data/", f"{ROOT}/data/", a) for a in arguments), folder=folder
    )


def anodebayes(*arguments: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "inference.cli", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80"},
    )
    assert done.returncode == 0, f"{arguments}: {done.stdout[-2000:]}{done.stderr}"
    return done.stdout


SHOWN = blocks(README.read_text(encoding="utf-8"))
LONG = ("run", "overlay", "recover", "compare")
FITTED = {"sodium-literature": "literature_result", "sodium-synthetic": "synthetic_result"}


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(
            block,
            id=block.command,
            marks=pytest.mark.long if block.command.split()[1] in LONG else pytest.mark.slow,
        )
        for block in SHOWN
    ],
)
def test_a_command_prints_what_the_readme_shows(
    block: Block, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    whole = block.command == "anodebayes run"
    for name in re.findall(r"runs/(\S+)", block.command) + ["sodium-literature"] * whole:
        result = request.getfixturevalue(FITTED[name])
        shutil.copytree(result.folder, tmp_path / "runs" / name)
    output = printed(block.command, tmp_path)
    found = mistakes(block, output)
    assert not found, f"{block.command}: `make readme`, and look at it: {found}\n{output}"


# --- the comparison itself -----------------------------------------------------------------------


def shown(*lines: str) -> Block:
    return Block("anodebayes ask", 0, lines)


def test_numbers_may_differ_by_their_error_and_words_may_not() -> None:
    block = shown("it bears 1.12 mA/cm^2: between", "0.7 and 3.8, with 5 %", "  ...", "38 cells")
    same = "At risk it bears 1.18 mA/cm^2:\nbetween 0.72 and 3.7, with 5 %\nand so on: 38 cells"
    assert mistakes(block, same) == []
    assert "1.12 in the README, 1.52 now" in mistakes(block, same.replace("1.18", "1.52"))[0]
    assert "not printed any more" in mistakes(block, same.replace("bears", "carries"))[0]
    # Of rows with the same words the one that is meant, and a lead within its own error.
    rows = shown("A 134 -0.1 ± 0.4", "B 134 -41.7 ± 1.8")
    assert mistakes(rows, "C 134 0.5 ± 0.1\nA 134 0.1 ± 0.4\nB 134 -42.3 ± 1.9") == []
    assert len(mistakes(rows, "A 134 -1.5 ± 0.4\nB 134 -10 ± 1.8")) == 2
    assert place("6.7e-06") == pytest.approx(1e-7)
    assert place("150") == pytest.approx(10.0)


def test_a_block_is_renewed_with_the_same_lines_left_out() -> None:
    text = "    $ anodebayes ask x\n    a 1 b\n      ...\n    c 2\n\nProse.\n"
    [block] = blocks(text)
    assert block.command == "anodebayes ask x"
    assert renewed(block, "head\na 3 b\nmore\nmore\nc 4\nend") == ["a 3 b", "  ...", "c 4"]


# --- make readme ---------------------------------------------------------------------------------


def main(*words: str) -> None:
    """Run the commands that contain one of some words, or all, and renew what the README shows."""
    os.environ["COLUMNS"] = "80"
    lines = README.read_text(encoding="utf-8").splitlines()
    fresh = {}
    with tempfile.TemporaryDirectory() as made:
        for block in SHOWN:
            if words and not any(word in block.command for word in words):
                continue
            print(f"$ {block.command}", flush=True)
            for run in re.findall(r"runs/(\S+)", block.command):
                anodebayes("fit", run, folder=Path(made))  # fitted once
            try:
                output = printed(block.command, Path(made))
            except pytest.skip.Exception as why:
                print(f"  left as it is: {why}", flush=True)
                continue
            for each in mistakes(block, output):
                print(f"  {each}", flush=True)
            fresh[block] = renewed(block, output)
    for block, now in reversed(fresh.items()):
        shown = [f"    {each}".rstrip() for each in now]
        lines[block.start : block.start + len(block.lines)] = shown
    README.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
