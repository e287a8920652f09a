"""Many processes write to one folder at once: one does, the others are refused by name.

Three are a test of seconds; ``ANODEBAYES_WRITERS`` asks for more.
"""

import subprocess
from pathlib import Path

import pytest

from inference import load_result
from tests.torture.shared import NOT_CONVERGED, command, how_many, quick_job

pytestmark = pytest.mark.torture

COUNT = how_many("WRITERS", 3)
WITHIN = 300  # s, beside each other


def test_of_many_writers_one_writes_and_the_others_are_refused(tmp_path: Path) -> None:
    processes = []
    for seed in range(COUNT):
        path = tmp_path / f"{seed}.toml"
        path.write_text(quick_job("creep", ["creep"], seed))
        processes.append(
            subprocess.Popen(
                command("fit", path, "--out", "run"),
                cwd=tmp_path,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
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
