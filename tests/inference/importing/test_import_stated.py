"""What a file lacks is stated: the constant current of a transient, the rate of a sweep."""

from pathlib import Path

import numpy as np
import pytest

from data import InputError
from inference import import_records
from tests.inference.conftest import CELL


def test_the_current_of_a_table_of_two_columns_is_stated(campaign: Path, tmp_path: Path) -> None:
    time = np.arange(0.0, 900.5)
    noise = np.random.default_rng(0).normal(0.0, 2e-4, time.size)
    voltage = np.where(time > 600.0, 0.01, 0.1) + noise
    rows = [f"{t:.6E}\t{v:.7E}" for t, v in zip(time, voltage, strict=True)]
    file = tmp_path / "cell 7.txt"
    file.write_text("\n".join(["time/s\tEwe/V", *rows]))

    def taken(**stated: str) -> str | tuple[float, object]:
        (outcome,) = import_records(
            file, table="penetration", campaign=campaign, metadata=CELL | stated, dry_run=True
        )
        if outcome.error is not None:
            return str(outcome.error)
        return float(outcome.rows[0]["current_density"]), outcome.rows[0]["outcome"]

    assert taken(current="2 mA") == (pytest.approx(4.0), "penetrated")
    assert taken(current="2000 uA") == (pytest.approx(4.0), "penetrated")
    assert '--set "current=… mA"' in str(taken())
    with pytest.raises(InputError, match="'2' has no unit"):
        taken(current="2")
    file.write_text("\n".join(["time/s\tEwe/V\tI/mA", *(f"{row}\t2.0" for row in rows)]) + "\n")
    assert taken() == (pytest.approx(4.0), "penetrated")
    assert "holds a current, and one of 0.002 A is stated" in str(taken(current="2 mA"))


def test_a_sweep_without_a_time_is_imported_by_its_rate(campaign: Path, tmp_path: Path) -> None:
    voltage = np.arange(0.0, 1.0, 1e-3)
    noise = np.random.default_rng(0).normal(0.0, 1e-3, voltage.size)
    current = 2.0 * np.tanh(voltage / 0.1) + noise
    rows = [f"{v:.4f},{i:.6f}" for v, i in zip(voltage, current, strict=True)]
    file = tmp_path / "sweep.csv"
    file.write_text("\n".join(["# technique: linear_sweep", "voltage [V],current [mA]", *rows, ""]))
    stated = CELL | {"layers": "1", "concentration": "1 mol/L", "plateau": "1"}
    (refused,) = import_records(file, table="lsv", campaign=campaign, metadata=stated, dry_run=True)
    assert '--set "scan_rate=… mV/s"' in str(refused.error)
    (outcome,) = import_records(
        file,
        table="lsv",
        campaign=campaign,
        metadata=stated | {"scan_rate": "0.5 mV/s"},
        dry_run=True,
    )
    assert outcome.error is None
    assert outcome.rows[0]["scan_rate"] == 0.5
    assert float(outcome.rows[0]["plateau_current_lower"]) < 2.0
    assert float(outcome.rows[0]["plateau_current_upper"]) >= 1.99
