"""Many processes write to one folder at once: one does, the others are refused by name.

Three are a test of seconds; ``ANODEBAYES_WRITERS`` asks for more.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from inference import load_result

pytestmark = pytest.mark.torture

COUNT = int(os.environ.get("ANODEBAYES_WRITERS", "3"))
WITHIN = 300  # s, beside each other
NOT_CONVERGED = 3  # of so few draws

JOB = """
schema_version = 1
name = "creep"
campaign = "sodium-synthetic"
[model]
blocks = ["creep"]
[sampler]
draws = 20
tune = 40
chains = 2
seed = {seed}
most_draws = 20
"""


def test_of_many_writers_one_writes_and_the_others_are_refused(tmp_path: Path) -> None:
    processes = []
    for seed in range(COUNT):
        job = tmp_path / f"{seed}.toml"
        job.write_text(JOB.format(seed=seed))
        words = [sys.executable, "-m", "inference.cli", "fit", str(job), "--out", "run"]
        processes.append(
            subprocess.Popen(
                words, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
            )
        )
    told = [process.communicate(timeout=WITHIN)[1] for process in processes]
    wrote = [seed for seed, process in enumerate(processes) if process.returncode == NOT_CONVERGED]
    assert len(wrote) == 1, told
    for seed, process in enumerate(processes):
        if seed in wrote:
            continue
        assert process.returncode == 2, told[seed]
        assert "run" in told[seed]
        assert "Traceback" not in told[seed]
    assert load_result(tmp_path / "run").attrs["seed"] == wrote[0]
    print(f"{COUNT} writers: 1 wrote, {COUNT - 1} were refused")
