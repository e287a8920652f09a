"""A truth drawn from the prior is laid beside the posterior of the campaign drawn from it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from data.campaign import Campaign
from data.errors import InputError
from inference.job import job_for_campaign
from inference.recovery import recover

pytestmark = pytest.mark.slow


def test_many_cells_recover_the_truth_they_were_drawn_from(
    campaign_of: Callable[..., Campaign], tmp_path: Path
) -> None:
    rows = [f"c{i},{25 + i % 40},1e-{1 + i % 4},0.3" for i in range(200)]
    header = "specimen,temperature [degC],strain_rate [1/s],stress [MPa]\n"
    job = job_for_campaign(campaign_of(creep=header + "\n".join(rows)).path)
    found = recover(job, seed=4, folder=tmp_path / "run")
    table = found.table
    assert found.result.gate.passed
    assert found.result.synthetic
    for name in ("creep_exponent", "creep_reference_stress", "creep_activation_energy"):
        row = table.loc[name]
        assert row["narrowing"] > 3
        # Inside twice the interval: 1.6 sd to either side doubled is a one in a thousand miss.
        assert abs(np.log(row["truth"] / row["median"])) < np.log(row["upper"] / row["lower"])
    again = recover(job, seed=4, folder=tmp_path / "run")
    assert again.table["truth"].equals(table["truth"])


def test_a_missing_truth_is_refused_before_anything_is_written(
    creep_job: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="there is no file"):
        recover(creep_job, tmp_path / "nowhere.toml", folder=tmp_path / "run")
    assert not list(tmp_path.glob("run*"))


@pytest.fixture
def creep_job(campaign_of: Callable[..., Campaign]) -> Path:
    header = "specimen,temperature [degC],strain_rate [1/s],stress [MPa]\n"
    return campaign_of(creep=header + "c1,25,1e-3,0.3").path
