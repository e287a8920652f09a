"""Fits of each table alone, in processes of their own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data.arrays import Array
from data.whole_files import temporary_folder
from inference.checks.refitting import Refit, read_draws
from inference.runs.result import Result

if TYPE_CHECKING:
    from data.campaign import Campaign

__all__ = ["fits_alone"]

_PROCESSES = 2


_SAMPLER = {"draws": 500, "tune": 700, "chains": 2, "target_accept": 0.95}


_POLL = 0.05  # seconds


_LONGEST = 900.0  # seconds that one table may take


def fits_alone(
    result: Result, campaign: "Campaign", seed: int
) -> dict[str, tuple[dict[str, Array], int] | str]:
    """Fit each table by itself; its draws by scalar with its divergences, or what went wrong."""
    options = result.model_options
    seeds = np.random.SeedSequence(seed).generate_state(len(result.blocks))
    answers: dict[str, tuple[dict[str, Array], int] | str] = {}
    with temporary_folder() as folder:
        waiting = []
        for table, own_seed in zip(result.blocks, seeds, strict=True):
            one = options.model_copy(update={"blocks": (table,)})
            refit = Refit(
                campaign=str(campaign.path),
                options=one.model_dump_json(),
                seed=int(own_seed),
                **_SAMPLER,
            )
            (folder / f"{table}.json").write_text(refit.model_dump_json(), encoding="utf-8")
            waiting.append(table)
        with _processes() as running:
            todo, ends = list(waiting), dict[str, float]()
            while todo or running:
                while todo and len(running) < _PROCESSES:
                    table = todo.pop(0)
                    running[table] = _start(folder, table)
                    ends[table] = time.monotonic() + _LONGEST
                for table, process in running.items():
                    if time.monotonic() > ends[table]:
                        process.kill()
                        process.wait()
                done = [table for table, process in running.items() if process.poll() is not None]
                for table in done:
                    with running.pop(table) as process:
                        answers[table] = answer_of(folder, table, process.returncode)
                if not done:
                    time.sleep(_POLL)
    return {table: answers[table] for table in result.blocks}


@contextmanager
def _processes() -> Iterator[dict[str, "subprocess.Popen[bytes]"]]:
    """Hold running processes by table; whatever happens, none is left behind."""
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        yield running
    finally:
        for process in running.values():
            process.kill()
        for process in running.values():
            process.communicate()


def _start(folder: Path, table: str) -> "subprocess.Popen[bytes]":
    root = Path(__file__).resolve().parents[2]
    inherited = os.environ.get("PYTHONPATH")
    path = os.pathsep.join([str(root), *([inherited] if inherited else [])])
    threads = dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
    )
    with (folder / f"{table}.log").open("wb") as log:
        return subprocess.Popen(
            [
                sys.executable,
                "-m",
                "inference.checks.refitting",
                str(folder / f"{table}.json"),
                str(folder / f"{table}.npz"),
            ],
            stdin=subprocess.PIPE,  # its other end is ours alone: it ends when we do
            stdout=log,
            stderr=log,
            env={**os.environ, **threads, "PYTHONSAFEPATH": "1", "PYTHONPATH": path},
            start_new_session=True,  # a Ctrl-C is ours to answer, not theirs
        )


def answer_of(folder: Path, table: str, code: int) -> tuple[dict[str, Array], int] | str:
    if code == 0:
        return read_draws(folder / f"{table}.npz")
    message = folder / f"{table}.txt"
    if message.is_file():
        return message.read_text(encoding="utf-8")
    if code == -signal.SIGKILL:
        return f"it was stopped after {_LONGEST / 60:.0f} minutes, or by the system"
    lines = (folder / f"{table}.log").read_text(encoding="utf-8", errors="replace").splitlines()
    last = next((line for line in reversed(lines) if line.strip()), "no message")
    return f"the process ended with code {code} ({last.strip()})"
