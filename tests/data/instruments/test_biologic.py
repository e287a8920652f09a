"""EC-Lab's .mpt and .mpr: one measurement, two files, one record."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from data import RecordError, list_curves, read_record
from data.errors import FeatureError
from data.features import find_penetration
from data.instruments import biologic_binary
from data.instruments.biologic_columns import technique_of

type Maker = Callable[..., bytes]

ROOT = Path(__file__).resolve().parents[3]


def written(folder: Path, content: bytes, name: str = "x.mpt") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", ["cp", "cp.issue_149", "lsv"])
def test_text_and_binary_of_one_measurement_agree_to_the_printed_digits(
    raw: Path, name: str
) -> None:
    text = read_record(raw / "biologic" / f"{name}.mpt")
    binary = read_record(raw / "biologic" / f"{name}.mpr")
    for variable, digits in (
        ("test_time_second", 15),
        ("voltage_volt", 7),
        ("current_ampere", 15 if name == "lsv" else 7),
    ):
        ours, theirs = text[variable].values, binary[variable].values
        if digits == 7:
            assert np.allclose(ours, theirs, rtol=1e-15, atol=0)
        else:  # EC-Lab rounds the sixteenth digit of a double its own way
            last = 10.0 ** (np.floor(np.log10(np.abs(ours))) - digits)
            assert (np.abs(ours - theirs) <= 1.5 * last).all()
    for variable in {"step_id", "step_count"} & set(text.data_vars):
        assert np.array_equal(text[variable], binary[variable])
    assert text.attrs["technique"] == binary.attrs["technique"]


def test_the_decimal_comma_is_a_file_with_loops_and_seconds_not_quintillions(raw: Path) -> None:
    record = read_record(raw / "biologic" / "cp.issue_149.mpt")
    assert record["test_time_second"].values[[0, -1]].tolist() == [
        10.99979972212168,
        619.8849973901961,
    ]
    assert record["step_count"].values.tolist() == [k for k in range(4) for _ in range(11)]
    assert record.attrs["instrument"] == "BioLogic SP-300 (SN 1854)"


def test_the_measured_penetration_is_there(raw: Path) -> None:
    record = read_record(raw / "biologic" / "mb.issue_218.mpr")
    voltage = record["voltage_volt"].values
    drop = int(np.argmax(np.abs(np.diff(voltage))))
    before, after = record["test_time_second"].values[drop : drop + 2]
    assert (before, after) == pytest.approx((2253.0, 2254.0), abs=1e-3)
    assert 1e3 * (voltage[drop + 1] - voltage[drop]) == pytest.approx(590.3, abs=0.5)
    assert record.sizes["record"] == 3564
    assert record["step_id"].values.tolist() == record["step_count"].values.tolist()


@pytest.mark.parametrize(
    ("name", "rows", "technique"),
    [
        ("ca.mpt", 721, "chronoamperometry"),
        ("cp.issue_61.mpr", 312, "chronopotentiometry"),
        ("gcpl.mpr", 12057, "cycling"),
        ("gcpl.issue_211.mpr", 2767, "cycling"),
        ("lsv.mpr", 1186, "linear_sweep"),
        ("mb.issue_95.mpr", 33, "cycling"),
    ],
)
def test_every_measured_file_is_read(raw: Path, name: str, rows: int, technique: str) -> None:
    record = read_record(raw / "biologic" / name)
    assert record.sizes["record"] == rows
    assert record.attrs["technique"] == technique
    assert len(list_curves(raw / "biologic" / name)) == 1


def test_a_current_that_is_set_and_not_measured_says_so(raw: Path) -> None:
    record = read_record(raw / "biologic" / "gcpl.issue_211.mpr")
    origin = json.loads(record.attrs["columns"])["current_ampere"]
    assert "as set, not as measured" in origin
    assert np.abs(record["current_ampere"]).max() == pytest.approx(68e-6)


def test_channels_without_a_unit_are_left_out(raw: Path) -> None:
    record = read_record(raw / "biologic" / "gcpl.mpr")
    assert set(record.data_vars) <= {
        "test_time_second",
        "voltage_volt",
        "current_ampere",
        "step_count",
        "step_id",
        "cycle_count",
    }


def test_the_area_that_the_program_fills_in_is_kept_aside(mpt: Maker, tmp_path: Path) -> None:
    record = read_record(written(tmp_path, mpt()))
    assert record.attrs["area_as_written_cm2"] == 0.001
    assert not {"area", "area_cm2"} & set(record.attrs)


def test_header_of_any_length_in_windows_1252(mpt: Maker, tmp_path: Path) -> None:
    short = read_record(written(tmp_path, mpt()))
    long = read_record(
        written(tmp_path, mpt(header=[f"Comments : µ {k}" for k in range(90)]), "y.mpt")
    )
    assert short.identical(long.assign_attrs(short.attrs))
    assert "unit Is             µA" in json.loads(short.attrs["header"])["lines"][7]


def test_decimal_commas_and_points_give_one_record(mpt: Maker, tmp_path: Path) -> None:
    point = read_record(written(tmp_path, mpt()))
    comma = read_record(written(tmp_path, mpt(comma=True), "y.mpt"))
    assert point.identical(comma.assign_attrs(point.attrs))
    assert comma.attrs["area_as_written_cm2"] == 0.001


@pytest.mark.parametrize(("rate", "unit"), [("20.000", "mV/s"), ("1,200", "V/min")])
def test_the_scan_rate_is_read_with_its_unit(
    mpt: Maker, tmp_path: Path, rate: str, unit: str
) -> None:
    settings = [f"{'dE/dt':20}{rate:20}", f"{'dE/dt unit':20}{unit:20}"]
    path = written(tmp_path, mpt(technique="Linear Sweep Voltammetry", header=settings))
    assert read_record(path).attrs["scan_rate_volt_per_second"] == pytest.approx(0.02)


def test_the_time_of_a_sweep_without_one_follows_from_its_rate(mpt: Maker, tmp_path: Path) -> None:
    names = "mode\tox/red\terror\tNs\tx\tcontrol/V\tEwe/V\tI/mA\tP/W"
    settings = [f"{'dE/dt':20}{'0.500':20}", f"{'dE/dt unit':20}{'mV/s':20}"]
    path = written(tmp_path, mpt(names=names, header=settings))
    record = read_record(path)  # 1 mV a row, downwards
    assert np.allclose(record["test_time_second"], 2.0 * np.arange(12))
    path = written(tmp_path, mpt(names=names))
    with pytest.raises(RecordError, match="has no column time/s"):
        read_record(path)
    assert np.allclose(read_record(path, scan_rate=1e-3)["test_time_second"], np.arange(12))
    bare = written(tmp_path, b"Ewe/V\t<I>/mA\r\n0,000\t0,1\r\n0,002\t0,2\r\n", "x.txt")
    assert np.allclose(read_record(bare, scan_rate=1e-3)["test_time_second"], [0.0, 2.0])


def test_two_scan_rates_are_none(mpt: Maker, tmp_path: Path) -> None:
    settings = [f"{'dE/dt':20}{'1.0':20}{'2.0':20}", f"{'dE/dt unit':20}{'mV/s':20}{'mV/s':20}"]
    record = read_record(written(tmp_path, mpt(header=settings)))
    assert "scan_rate_volt_per_second" not in record.attrs


def test_a_step_that_comes_again_is_another_step(mpt: Maker, tmp_path: Path) -> None:
    record = read_record(written(tmp_path, mpt(rows=6, steps=[0, 1, 1, 0, 0, 1])))
    assert record["step_id"].values.tolist() == [0, 1, 1, 0, 0, 1]
    assert record["step_count"].values.tolist() == [0, 1, 1, 2, 2, 3]


def test_rest_needs_no_column_of_current(mpt: Maker, tmp_path: Path) -> None:
    names = "mode\tox/red\terror\tNs\ttime/s\tx\tEwe/V\ty\tP/W"
    record = read_record(written(tmp_path, mpt(names=names, mode=3)))
    assert not record["current_ampere"].any()
    with pytest.raises(RecordError, match="no column of current"):
        read_record(written(tmp_path, mpt(names=names, mode=1)))


def test_a_date_for_a_time_is_refused(mpt: Maker, tmp_path: Path) -> None:
    content = mpt().replace(b"0.000000000000000E+00\t", b"01/10/2024 11:02:40.886\t", 1)
    with pytest.raises(RecordError, match=r"written as a date.*elapsed time"):
        read_record(written(tmp_path, content))


def test_rows_missing_against_the_loops_are_refused(mpt: Maker, tmp_path: Path) -> None:
    loops = ["Number of loops : 1", "Loop 0 from point number 0 to 19"]
    with pytest.raises(RecordError, match=r"line 10: announces 20 rows.*holds 12"):
        read_record(written(tmp_path, mpt(header=loops)))


def test_without_the_package_the_extra_is_named_and_text_is_read(
    mpt: Maker, tmp_path: Path
) -> None:
    text = written(tmp_path, mpt())
    binary = written(tmp_path, b"BIO-LOGIC MODULAR FILE\x1a" + b" " * 100, "x.mpr")
    code = f"""
import sys
sys.modules["galvani"] = None
from data import RecordError, read_record
read_record({str(text)!r})
print([name for name in sys.modules if name.startswith(("galvani.", "openpyxl", "access_parser"))])
try:
    read_record({str(binary)!r})
except RecordError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("[]\n")
    assert "pip install 'anodebayes[biologic]'" in done.stdout


DEAD = "mode\tox/red\terror\tNs\ttime/s\tcontrol/mA\tEwe/V\tI/mA\tEwe-Ece/V"


def dead(content: bytes, other: str) -> bytes:
    """Set Ewe of every row to zero, and the last column to another voltage."""
    lines = content.decode("cp1252").split("\r\n")
    at = next(k for k, line in enumerate(lines) if line == DEAD) + 1
    for k, line in enumerate(lines[at:]):
        cells = line.split("\t")
        cells[6], cells[8] = f"{0:.7E}", f"{float(other) + 1e-5 * (k if other != '0' else 0):.7E}"
        lines[at + k] = "\t".join(cells)
    return "\r\n".join(lines).encode("cp1252")


def test_a_dead_channel_gives_way_to_the_one_that_lives(mpt: Maker, tmp_path: Path) -> None:
    content = mpt(names=DEAD, rows=40)
    record = read_record(written(tmp_path, dead(content, "0.06")))
    assert record["voltage_volt"].values[:2] == pytest.approx([0.06, 0.06001])
    assert "Ewe-Ece/V" in record.attrs["substituted"]
    assert "Ewe-Ece/V" in json.loads(record.attrs["columns"])["voltage_volt"]
    with pytest.raises(RecordError, match="column 'Ewe/V': is exactly 0 V in every row"):
        read_record(written(tmp_path, dead(content, "0")))
    same = content.decode("cp1252").split("\r\n")
    at = same.index(DEAD) + 1
    for k, line in enumerate(same[at:]):
        cells = line.split("\t")
        same[at + k] = "\t".join([*cells[:-1], cells[6]])
    alive = read_record(written(tmp_path, "\r\n".join(same).encode("cp1252")))
    assert "substituted" not in alive.attrs
    assert json.loads(alive.attrs["columns"])["voltage_volt"] == "Ewe/V"


def announced(*ends: str) -> bytes:
    loop = f"Loop 0 from point number 0 to {len(ends) - 1}"
    head = ["EC-Lab ASCII FILE", "Nb header lines : 7", "", "Galvanostatic Cycling", "", loop]
    head.append("mode\ttime/s\tEwe/V\t<I>/mA")
    rows = [f"1\t{10 * k}\t0,06{k}\t{end}" for k, end in enumerate(ends)]
    return "\r\n".join([*head, *rows]).encode("cp1252")


def test_a_file_whose_rows_are_all_there_is_whole_without_a_last_line_end(tmp_path: Path) -> None:
    record = read_record(written(tmp_path, announced("1,0001", "1,0001", "0,9999")))
    assert record.sizes["record"] == 3
    assert "truncated" not in record.attrs
    # The last number may be cut off: its row is left out, and nothing is refused.
    for end in ("1,00", "1,", "1", "10"):
        record = read_record(written(tmp_path, announced("1,0001", "1,0001", end)))
        assert record.sizes["record"] == 2
        assert "was left out" in record.attrs["truncated"]
    # Nothing may say how many rows are due: as many digits as any other row has are all.
    for end, rows in (("0,9999", 3), ("0,999", 2), ("9", 2)):
        bare = announced("1,0", "1,0001", end).replace(b"Loop 0", b"Lap 0")
        assert read_record(written(tmp_path, bare)).sizes["record"] == rows
    lacking = announced("1,0001", "1,0001", "1,0001").replace(b"to 2", b"to 3")
    with pytest.raises(RecordError, match="announces 4 rows"):
        read_record(written(tmp_path, lacking))


@pytest.mark.parametrize("table", ["time/s\tEwe/V\tI/mA", "time/s\tEwe/V\tI/mA\r\n", "", " \r\n"])
def test_a_wait_recorded_nothing_and_is_not_cut_off(tmp_path: Path, table: str) -> None:
    text = f"EC-Lab ASCII FILE\r\nNb header lines : 6\r\n\r\nWait\r\n\r\n{table}"
    path = tmp_path / "wait.mpt"
    path.write_text(text, newline="")
    with pytest.raises(RecordError, match=r"Wait.*nothing was recorded"):
        read_record(path)


def table(technique: str, names: str, *columns: np.ndarray) -> bytes:
    """Return a text of EC-Lab with columns of numbers."""
    head = ["EC-Lab ASCII FILE", "Nb header lines : 6", "", technique, "", names]
    rows = ["\t".join(f"{value:.7E}" for value in row) for row in zip(*columns, strict=True)]
    return "\r\n".join([*head, *rows]).encode("cp1252")


SECONDS = np.arange(0.0, 400.0, 2.0)
SHORTED = np.where(SECONDS > 200.0, 0.006, 0.06) + 1e-5 * np.sin(SECONDS)


@pytest.mark.parametrize("third", ["Ewe-Ece/V", "<Ece>/V"])
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_the_voltage_of_the_cell_counts_where_that_of_one_electrode_differs(
    tmp_path: Path, third: str, share: float
) -> None:
    electrode = share * SHORTED + 1e-4 * np.cos(SECONDS)
    other = SHORTED if third == "Ewe-Ece/V" else electrode - SHORTED
    current = np.full(200, 1.0)
    columns = (SECONDS, electrode, other, current)
    content = table("Chronopotentiometry", f"time/s\t<Ewe>/V\t{third}\t<I>/mA", *columns)
    record = read_record(written(tmp_path, content))
    assert record["voltage_volt"].values == pytest.approx(SHORTED, abs=1e-7)
    assert "differs from" in record.attrs["substituted"]
    assert find_penetration(record).holds(201)
    # What a programme sweeps is the voltage of the working electrode.
    sweep = content.replace(b"Chronopotentiometry", b"Linear Sweep Voltammetry")
    assert "substituted" not in read_record(written(tmp_path, sweep)).attrs


def test_two_columns_of_the_current_may_not_contradict_each_other(tmp_path: Path) -> None:
    names = "time/s\tEwe/V\tI/mA\t<I>/mA"
    same = table(
        "Chronopotentiometry", names, SECONDS, SHORTED, 0 * SECONDS + 1, 0 * SECONDS + 1.01
    )
    assert read_record(written(tmp_path, same))["current_ampere"].values[0] == 1e-3
    other = table(
        "Chronopotentiometry", names, SECONDS, SHORTED, 0 * SECONDS + 0.5, 0 * SECONDS + 1
    )
    with pytest.raises(RecordError, match=r"column '<I>/mA': contradicts I/mA: in row 0"):
        read_record(written(tmp_path, other))


@pytest.mark.parametrize(
    ("technique", "control", "words"),
    [
        ("Constant Voltage", "control/V", "a chronoamperometry"),
        ("Cyclic Voltammetry Advanced", "control/V", "a cyclic voltammetry"),
        ("Special Potentio", "control/V", "of a voltage that was controlled"),
    ],
)
def test_a_test_at_a_controlled_voltage_shows_no_short(
    tmp_path: Path, technique: str, control: str, words: str
) -> None:
    """An oxide's leakage, say: the current falls under a voltage that is set."""
    columns = (SECONDS, 0 * SECONDS + 0.06, SHORTED, 0 * SECONDS + 1)
    names = f"time/s\t{control}\tEwe/V\t<I>/mA"
    record = read_record(written(tmp_path, table(technique, names, *columns)))
    with pytest.raises(FeatureError, match=words):
        find_penetration(record)


def test_the_binary_knows_the_same_techniques() -> None:
    known = {code: technique_of(name, ()) for code, name in biologic_binary._TECHNIQUES.items()}
    assert known[0x33] == "cyclic_voltammetry"
    assert known[0x75] == "chronoamperometry"
    assert known[0x76] == "chronopotentiometry"
