"""Time and memory of maps of 200 x 200 points over all draws, each in a process of its own.

A map is due in at most 5 s and 1 GB on two cores. Seconds are those of `safe_current_map` alone;
cpu is what it took of all cores, which other work on the machine changes less; memory is the peak
of the process, all imports in it. Thread pools are pinned as the command pins them. Give a run
folder, or the literature job is fitted first.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from inference.cli import ENVIRONMENT

POINTS = 200
PRIORS = """
[priors.exchange_current_density_activation_energy]
distribution = "LogNormal"
median = "40 kJ/mol"
sigma = 0.3
[priors.ambipolar_diffusivity_activation_energy]
distribution = "LogNormal"
median = "20 kJ/mol"
sigma = 0.3
"""
JOB = 'schema_version = 1\nname = "bench-map"\ncampaign = "sodium-literature"\n' + PRIORS


def span(start: str, stop: str, scale: str = "log") -> dict[str, Any]:
    return {"from": start, "to": stop, "points": POINTS, "scale": scale}


RADIUS = {"pore_radius": span("5 nm", "500 nm")}
THICKNESS = {"thickness": span("10 um", "100 um")}
CHARGE = {"charge": span("0.1 mAh/cm^2", "20 mAh/cm^2")}
SPREAD = {"pore_radius_sd": "10 %", "porosity_sd": 0.03, "thickness_sd": "5 %"}
LIQUID: dict[str, Any] = {"cell": "liquid", "pore_radius": "14 nm"}
SOLID: dict[str, Any] = {"cell": "solid", "charge": "1 mAh/cm^2"}
MAPS: dict[str, dict[str, Any]] = {
    "radius, thickness": LIQUID | RADIUS | THICKNESS,
    "radius, charge": LIQUID | RADIUS | CHARGE,
    "radius, porosity": LIQUID | RADIUS | {"porosity": span("0.2", "0.8", "linear")},
    "thickness, charge": LIQUID | THICKNESS | CHARGE,
    "radius, thickness, tolerances": LIQUID | RADIUS | THICKNESS | SPREAD,
    "thickness, charge, tolerances": LIQUID | THICKNESS | CHARGE | SPREAD,
    "radius, area": LIQUID | RADIUS | {"area_ratio": span("0.1", "1000")},
    "radius, temperature": LIQUID | RADIUS | {"temperature": span("0 degC", "60 degC", "linear")},
    "charge, pressure": SOLID | CHARGE | {"pressure": span("0 MPa", "9 MPa", "linear")},
    "charge, temperature": SOLID
    | CHARGE
    | {"pressure": "3 MPa", "temperature": span("-10 degC", "60 degC", "linear")},
}


def map_in_this_process(name: str, folder: str, draws: int) -> dict[str, float]:
    """Draw one map of a run; return its seconds and the peak memory."""
    from inference import load_result, safe_current_map

    result = load_result(folder)
    begin, cpu = time.perf_counter(), time.process_time()
    safe_current_map(result, MAPS[name], draws=draws)
    unit = 1 if sys.platform == "darwin" else 1024
    return {
        "seconds": time.perf_counter() - begin,
        "cpu": time.process_time() - cpu,
        "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6,
    }


def main(run: str | None, draws: int) -> None:
    """Measure every map and print the table."""
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    with tempfile.TemporaryDirectory() as scratch:
        if run is None:
            job = Path(scratch) / "bench-map.toml"
            job.write_text(JOB)
            run = f"{scratch}/run"
            done = subprocess.run(
                [Path(sys.executable).with_name("anodebayes"), "fit", job, "--out", run],
                stdout=subprocess.DEVNULL,
                check=False,
            )
            if done.returncode not in {0, 3}:
                sys.exit("the literature job could not be fitted")
        title = f"{POINTS} x {POINTS} points, {draws} draws"
        print(f"\n{title:<34}", *(f"{key:>9}" for key in ("seconds", "cpu", "peak MB")), flush=True)
        for name in MAPS:
            command = [sys.executable, __file__, "--map", name, run, "--draws", str(draws)]
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, env=os.environ | ENVIRONMENT
            )
            if done.returncode != 0:
                print(f"{name:<34} {done.stderr.strip().splitlines()[-1]}", flush=True)
                continue
            found = json.loads(done.stdout.strip().splitlines()[-1])
            print(
                f"{name:<34} {found['seconds']:9.2f} {found['cpu']:9.2f} {found['peak MB']:9.0f}",
                flush=True,
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", nargs="?", metavar="RUN", help="a run folder")
    parser.add_argument("--draws", type=int, default=4000, help="posterior draws")
    parser.add_argument("--map", nargs=2, metavar=("NAME", "RUN"), help="one map, as JSON")
    chosen = parser.parse_args()
    if chosen.map:
        print(json.dumps(map_in_this_process(*chosen.map, chosen.draws)))
    else:
        main(chosen.run, chosen.draws)
