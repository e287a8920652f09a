"""Time and memory of fits and maps, each in a process of its own: `make bench`.

Total is from the start of the process; cpu is what it took of all cores, which other work on the
machine changes less. Caches are those of PyTensor and Numba: cold in a folder that has just been
made, warm in the same folder a second time. Memory is the peak of the process.
"""

import argparse
import json
import logging
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parents[2]
JOBS = ("sodium-literature", "sodium-synthetic")
STAGES = ("import", "build", "compile", "sample", "predict", "diagnose", "write")
ALWAYS = ("total", "cpu", "peak MB")
DRAWS = 1000
MAPS = {
    "liquid, steady state": {
        "cell": "liquid",
        "pore_radius": {"from": "5 nm", "to": "200 nm", "points": 60, "scale": "log"},
        "thickness": {"from": "10 um", "to": "100 um", "points": 50},
    },
    "liquid, at charge": {
        "cell": "liquid",
        "pore_radius": {"from": "5 nm", "to": "200 nm", "points": 60, "scale": "log"},
        "charge": {"from": "0.1 mAh/cm^2", "to": "10 mAh/cm^2", "points": 50, "scale": "log"},
    },
    "solid": {
        "cell": "solid",
        "charge": {"from": "0.1 mAh/cm^2", "to": "20 mAh/cm^2", "points": 60, "scale": "log"},
        "pressure": {"from": "0 MPa", "to": "9 MPa", "points": 50},
    },
}

type Figures = dict[str, float]


def fit_in_this_process(job: str, folder: str) -> Figures:
    """Fit a job; return the seconds of each stage and when the result was written."""
    begin = time.perf_counter()
    # Imported ahead so that their time is not counted with the first stage that needs them.
    for name in ("pymc", "nutpie", "arviz"):
        import_module(name)
    from inference import fit

    figures = {"import": time.perf_counter() - begin}

    class Written(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage().startswith("write ") and isinstance(record.args, tuple):
                figures["write"] = float(str(record.args[0]))

    logger = logging.getLogger("inference.runs.fitting")
    logger.addHandler(Written())
    logger.setLevel(logging.INFO)
    result = fit(job, folder=folder)
    figures["end"] = time.time()
    return figures | result.timings


def map_in_this_process(name: str, folder: str) -> Figures:
    """Draw one map of a run; return its seconds."""
    from inference import load_result, safe_current_map

    result = load_result(folder)
    begin = time.perf_counter()
    safe_current_map(result, MAPS[name], draws=DRAWS)
    return {"map": time.perf_counter() - begin, "end": time.time()}


def measure(command: list[str], environment: Mapping[str, str] | None = None) -> Figures:
    """Run a command; return what it printed last, its seconds and its peak memory [MB]."""
    start, begin = time.time(), time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    elapsed = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with exit code {process.returncode}")
    last = printed.strip().rpartition("\n")[2]
    figures: Figures = json.loads(last) if last.startswith("{") else {}
    bytes_a_unit = 1 if sys.platform == "darwin" else 1024
    figures["total"] = figures["end"] - start if "end" in figures else elapsed
    figures["cpu"] = usage.ru_utime + usage.ru_stime
    figures["peak MB"] = usage.ru_maxrss * bytes_a_unit / 1e6
    return figures


def again(*arguments: str) -> list[str]:
    """Return the command that measures one thing in a process of its own."""
    return [sys.executable, str(Path(__file__)), *arguments]


def header(name: str, columns: tuple[str, ...]) -> None:
    """Print the head of a table."""
    print(f"\n{name:<28}", *(f"{key:>9}" for key in (*columns, *ALWAYS)), flush=True)


def row(name: str, figures: Figures, columns: tuple[str, ...]) -> None:
    """Print one line of a table."""
    cells = (f"{figures[key]:9.{0 if 'MB' in key else 2}f}" for key in (*columns, *ALWAYS))
    print(f"{name:<28}", *cells, flush=True)


def main() -> None:
    """Measure everything and print the tables."""
    load = os.getloadavg()[0]
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {load:.1f}; seconds")
    header("command", ())
    script = Path(sys.executable).with_name("anodebayes")
    rounds = [measure([str(script), "--help"]) for _ in range(5)]
    row("anodebayes --help", sorted(rounds, key=lambda each: each["total"])[2], ())
    with tempfile.TemporaryDirectory() as scratch:
        header("fit", STAGES)
        for job in JOBS:
            environment = {
                "PYTENSOR_FLAGS": f"base_compiledir={scratch}/{job}/pytensor",
                "NUMBA_CACHE_DIR": f"{scratch}/{job}/numba",
            }
            for caches in ("cold", "warm"):
                folder = f"{scratch}/{job}/{caches}"
                figures = measure(again("--fit", job, folder), environment)
                row(f"{job}, {caches}", figures, STAGES)
        header(f"map, 60 x 50, {DRAWS} draws", ("map",))
        for name in MAPS:
            figures = measure(again("--map", name, f"{scratch}/{JOBS[0]}/warm"))
            row(name, figures, ("map",))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fit", nargs=2, metavar=("JOB", "FOLDER"), help="one fit, as JSON")
    parser.add_argument("--map", nargs=2, metavar=("NAME", "FOLDER"), help="one map, as JSON")
    chosen = parser.parse_args()
    if chosen.fit:
        print(json.dumps(fit_in_this_process(*chosen.fit)))
    elif chosen.map:
        print(json.dumps(map_in_this_process(*chosen.map)))
    else:
        main()
