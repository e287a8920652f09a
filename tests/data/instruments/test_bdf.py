"""A record that is written in the Battery Data Format is the same record when it is read again."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from typer.testing import CliRunner

from data import InputError, RecordError, new_campaign, read_record
from data.instruments.bdf import write_bdf
from data.instruments.raw_file import RawFile
from data.instruments.record import TECHNIQUES, Reading, build_record
from data.locks import locked_folders
from inference import import_records
from inference.cli.commands import app

RAW = Path(__file__).resolve().parents[4] / "shared" / "raw"
NEW = {"file_name", "sha256", "reader", "reader_version", "columns", "origin_sha256"}


def same(one: Any, other: Any) -> None:
    """Assert that two records hold the same numbers, to the last digit, and say the same."""
    assert {name for name in one if one[name].dims == ("record",)} <= set(other)
    for name in one:
        if one[name].dims == ("record",):
            np.testing.assert_array_equal(one[name].values, other[name].values)
            assert one[name].dtype == other[name].dtype, name
            assert one[name].attrs == other[name].attrs
    if "capacity_ah" in one:
        np.testing.assert_array_equal(one["capacity_ah"].values, other["capacity_ah"].values)
    kept = {key: value for key, value in one.attrs.items() if key not in NEW}
    assert kept == {key: value for key, value in other.attrs.items() if key not in NEW}
    assert other.attrs["origin_sha256"] == one.attrs.get("origin_sha256", one.attrs["sha256"])


FLOATS = st.floats(-19.9, 19.9, allow_subnormal=False)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), rows=st.integers(21, 40), technique=st.sampled_from(TECHNIQUES))
def test_any_record_comes_back_to_the_same_digits(
    data: st.DataObject, rows: int, technique: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    def drawn(floats: Any = FLOATS) -> Any:
        return data.draw(arrays(np.float64, rows, elements=floats))

    counts = np.cumsum(data.draw(arrays(np.int64, rows, elements=st.integers(0, 1))))
    variables = {
        "test_time_second": np.sort(drawn(st.floats(-1e3, 1e9))),
        "voltage_volt": drawn(),
        "current_ampere": drawn(),
    }
    optional = {
        "step_time_second": drawn(st.floats(0, 1e6)),
        "step_count": counts,
        "cycle_count": counts + 1,
        "temperature_celsius": np.where(counts % 2, drawn(), 20.0),
        "overload": counts % 3 == 0,
    }
    variables["voltage_volt"][:3] = 0.25, 0.5, 0.75  # a voltage that is one and the same is dead
    chosen = data.draw(st.sets(st.sampled_from(sorted(optional))))
    folder = tmp_path_factory.mktemp("bdf")
    reading = Reading(
        variables=variables | {name: optional[name] for name in chosen},
        columns={}, curve="x", instrument="An instrument", technique=technique,
        technique_as_written='as "written", with marks', header={"lines": ["a;b", "µ"]},
        extra={"scan_rate_volt_per_second": 5e-3, "aborted": "it was"},
    )  # fmt: skip
    record = build_record(RawFile(folder / "x.dat", "x.dat", "0" * 64), "test", "1", reading)
    same(record, read_record(write_bdf(record, folder)))


@pytest.mark.skipif(not RAW.is_dir(), reason=f"the instruments' files are not here: {RAW}")
@pytest.mark.parametrize("name", ["biologic/cp.mpt", "gamry/LSV.DTA", "gamry/CHRONOA.DTA"])
def test_records_of_instruments_come_back_to_the_same_digits(name: str, tmp_path: Path) -> None:
    record = read_record(RAW / name)
    file = write_bdf(record, tmp_path)
    again = read_record(file)
    same(record, again)
    same(again, read_record(write_bdf(again, tmp_path / "again")))
    assert file.name == f"{Path(name).stem}.bdf.csv"
    assert file.read_text().startswith("Test Time / s,Voltage / V,Current / A")


def plain(folder: Path, seed: int = 0) -> Path:
    time = np.arange(0.0, 120.5)
    voltage = np.where(time > 60, 0.01, 0.1) + np.random.default_rng(seed).normal(0, 2e-4, 121)
    rows = "".join(f"{t},{v},0.002\n" for t, v in zip(time, voltage, strict=True))
    file = folder / f"{seed}.csv"
    file.write_text("# instrument: mine\ntime [s],voltage [V],current [A]\n" + rows)
    return file


def test_an_exported_measurement_stays_the_same_measurement(tmp_path: Path) -> None:
    campaign = new_campaign(tmp_path / "mine")
    (campaign / "separators.csv").write_text(
        "separator,pore_type,pore_radius [nm],thickness [um],porosity [1]\nPP,polymer,14,25,0.39\n"
    )
    known = {"area": "0.5 cm^2", "separator": "PP", "temperature": "25 degC"}
    file = plain(tmp_path)
    result = CliRunner().invoke(app, ["export-bdf", str(file), "--out", str(tmp_path / "bdf")])
    assert result.exit_code == 0, result.output
    exported = tmp_path / "bdf" / "0.bdf.csv"
    assert read_record(exported).attrs["instrument"] == "mine"
    [first] = import_records(exported, table="penetration", campaign=campaign, metadata=known)
    assert first.status == "imported"
    [second] = import_records(file, table="penetration", campaign=campaign, metadata=known)
    assert "imported already" in str(second.error)


def test_a_table_whose_description_is_of_other_rows_is_refused(tmp_path: Path) -> None:
    file = write_bdf(read_record(plain(tmp_path)), tmp_path / "bdf")
    beside = file.with_name("0.bdf.metadata.json")
    whole = beside.read_text()
    for text, words in (
        (whole[:100], "cannot be read"),
        (whole.replace("unknown", "voodoo"), "holds no attributes of a record"),
        (re.sub(r'"sha256": ".', '"sha256": "', whole), "belongs to other rows"),
        (json.dumps({"anodebayes": 3}), "holds no attributes"),
    ):
        beside.write_text(text)
        with pytest.raises(RecordError, match=words):
            read_record(file)
    beside.write_text(whole)
    file.write_text(file.read_text() + "121.0,0.01,0.002\n")
    with pytest.raises(RecordError, match="belongs to other rows"):
        read_record(file)
    beside.write_text('{"battinfo_dataset": {}}')  # somebody else's
    assert read_record(file).sizes["record"] == 122


def test_of_many_files_a_bad_one_is_named_and_the_others_are_written(tmp_path: Path) -> None:
    files = [plain(tmp_path, seed) for seed in range(3)]
    files[1].write_text("nothing\n")
    out = tmp_path / "bdf"
    result = CliRunner().invoke(app, ["export-bdf", f"{tmp_path}/*.csv", "--out", str(out)])
    assert result.exit_code == 4
    assert "Not written (1)" in result.output
    assert sorted(path.name for path in out.glob("*.csv")) == ["0.bdf.csv", "2.bdf.csv"]
    again = CliRunner().invoke(app, ["export-bdf", str(files[0]), "--out", str(out)])
    assert again.exit_code == 2
    with pytest.raises(InputError, match="is there already"):
        write_bdf(read_record(files[0]), out)
    (out / "0.bdf.csv").unlink()  # as an export that was stopped leaves it
    write_bdf(read_record(files[0]), out)
    (out / "0.bdf.csv").unlink()
    (out / "0.bdf.metadata.json").write_text("mine")
    with pytest.raises(InputError, match="is there already"):
        write_bdf(read_record(files[0]), out)


def test_two_exports_into_one_folder_do_not_mix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "bdf"
    out.mkdir()
    record = read_record(plain(tmp_path))
    monkeypatch.setattr("data.locks._PATIENCE", 0.0)
    with (
        locked_folders([out]),
        pytest.raises(InputError, match="another process writes into"),
    ):
        write_bdf(record, out)
    assert not list(out.iterdir())
    write_bdf(record, out)
    assert {path.name for path in out.iterdir()} == {"0.bdf.csv", "0.bdf.metadata.json"}
