"""What the tests that break things share: how much of each, small jobs, damaged places, limits."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

SEED = int(os.environ.get("ANODEBAYES_SEED", "13"))

JOB = """
schema_version = 1
name = "{name}"
campaign = "sodium-synthetic"
[model]
blocks = {blocks}
[sampler]
draws = {draws}
tune = {tune}
chains = 2
seed = {seed}
most_draws = {draws}
"""
DONE, NOT_CONVERGED = 0, 3  # the latter of so few draws


def how_many(of: str, sample: int) -> int:
    """Return how many there are: of a sample, unless ``make torture`` says so."""
    return int(os.environ.get(f"ANODEBAYES_{of}", sample))


def quick_job(name: str, blocks: list[str], seed: int, *, draws: int = 20, tune: int = 40) -> str:
    """Return the text of a job that takes no time."""
    return JOB.format(name=name, blocks=blocks, seed=seed, draws=draws, tune=tune)


def command(*words: str | Path) -> list[str]:
    """Return the command line of a process of its own."""
    return [sys.executable, "-m", "inference.cli", *map(str, words)]


def _loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


PLACED: dict[str, Callable[[Path], None]] = {
    "link in a loop": _loop,
    "folder": _folder,
    "pipe": _pipe,
    "link to nothing": _dangling,
    "gone": Path.unlink,
}
"""What is put in the place of a file."""


class Hangs(BaseException):
    """Something took longer than its limit; nothing may catch it."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise `Hangs` where the block takes longer."""

    def stop(*_: object) -> None:
        raise Hangs(f"not done within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
