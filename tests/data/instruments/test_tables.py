"""Tables of cyclers and potentiostats: told by their headers, one record whoever wrote them."""

import datetime
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from data import RecordError, list_curves, read_record

type Maker = Callable[..., bytes]

ROOT = Path(__file__).resolve().parents[3]
NAMES = ("test_time_second", "voltage_volt", "current_ampere")
ROWS = [(0.5 * k, 0.25 - 0.001 * k, 1e-3) for k in range(12)]
LAYOUTS = ("arbin", "basytec", "chi", "landt", "landt_csv", "maccor", "neware", "nova", "novonix")
READERS = {"landt_csv": "landt"}


def written(folder: Path, content: bytes | str, name: str = "x.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def workbook(path: Path, sheets: dict[str, Sequence[Sequence[object]]]) -> Path:
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    book.save(path)
    return path


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_told_by_its_content_and_read_to_the_digit(
    cycler: Maker, tmp_path: Path, layout: str
) -> None:
    path = written(tmp_path, cycler(layout, ROWS), "x.bin")
    record = read_record(path)
    assert record.attrs["reader"] == READERS.get(layout, layout)
    for name, values in zip(NAMES, np.transpose(ROWS), strict=True):
        assert np.allclose(record[name], values, rtol=1e-12, atol=1e-15)
    assert list_curves(path)[0].rows == 12


def test_headers_are_found_below_a_long_protocol(cycler: Maker, tmp_path: Path) -> None:
    text = cycler("novonix", ROWS)
    wide = text.replace(b'{"Version":"', b'{"Version":"' + b"x" * 300_000)
    steps = b"[Constant current discharge]\nCurrent = 0.05 C\n[End discharge]\n" * 400
    for each in (wide, text.replace(b"[Data]", steps + b"[Data]")):
        assert read_record(written(tmp_path, each)).sizes["record"] == 12


def test_a_last_row_without_the_mark_that_ends_the_others_is_read(
    cycler: Maker, tmp_path: Path
) -> None:
    lines = cycler("maccor", ROWS).decode().splitlines()
    marked = [line + "\t" if line.count("\t") > 5 else line for line in lines]
    marked[-1] = marked[-1].rstrip("\t")
    record = read_record(written(tmp_path, "\n".join(marked) + "\n"))
    assert np.allclose(record["test_time_second"], np.transpose(ROWS)[0])
    marked[-3] = marked[-3].rstrip("\t")
    with pytest.raises(RecordError, match="cells where"):
        read_record(written(tmp_path, "\n".join(marked) + "\n"))


@pytest.mark.parametrize(
    ("layout", "old", "new", "reason"),
    [
        ("neware", "Current(mA)", "Current(mAh)", r"column 'Current\(mAh\)': unit 'mAh'"),
        ("neware", "Current(mA)", "Strom(mA)", "has no column of current"),
        ("neware", ",00:00:01.500,", ",00:00:61.500,", "'00:00:61.500' is no duration"),
        ("neware", ",00:00:01.500,", ",1.5,", "'1.5' is no duration"),
        ("neware", ",00:00:01.500,", ",,", "line 5, column 'Time': '' is no duration"),
        ("neware", "Total Time,", "Total Time(mm:ss:fff),", "do not begin with hours or days"),
        ("maccor", "Test (Min)", "TestTime", "column 'TestTime': states no unit"),
        ("maccor", "Amps\tVolts", "Current\tVoltage", "column 'Current': states no unit"),
        ("landt", "TestTime/Sec.", "TestTime", "column 'TestTime': states no unit"),
        ("basytec", "~Time[h]", "~Time[parsec]", "'parsec' has dimension"),
        ("novonix", "Run Time (h)", "Run Time", "column 'Run Time': states no unit"),
        ("nova", "WE(1).Current (A)", "WE(1).Charge (C)", "has no column of current"),
        ("chi", "Init P/N = P\n", "", r"no column of current.*--set \"current=… mA\""),
        ("chi", "Segment = 1", "Segment = 2.5", "states 2.5 segments"),
    ],
)
def test_what_a_layout_leaves_open_is_refused_by_name(
    cycler: Maker, tmp_path: Path, layout: str, old: str, new: str, reason: str
) -> None:
    content = cycler(layout, ROWS).replace(old.encode(), new.encode())
    with pytest.raises(RecordError, match=reason):
        read_record(written(tmp_path, content))


@pytest.mark.parametrize(
    ("layout", "charge", "discharge"),
    [("maccor", "\tC\t", "\tD\t"), ("neware", "CC Chg", "CC DChg"), ("landt", "CCC", "CCD")],
)
def test_a_current_without_a_sign_takes_it_from_the_state_of_its_row(
    cycler: Maker, tmp_path: Path, layout: str, charge: str, discharge: str
) -> None:
    lines = cycler(layout, ROWS).decode().splitlines(keepends=True)
    lines[-4:] = [line.replace(charge, discharge) for line in lines[-4:]]
    record = read_record(written(tmp_path, "".join(lines)))
    assert np.sign(record["current_ampere"]).values.tolist() == [1.0] * 8 + [-1.0] * 4
    assert "without a sign" in record.attrs["sign_convention"]
    rows = [(t, v, -i) for t, v, i in ROWS]
    signed = cycler(layout, rows).decode().replace(charge, discharge)
    kept = read_record(written(tmp_path, signed))  # what bears a sign keeps it
    assert (kept["current_ampere"] < 0).all()


@pytest.mark.parametrize(
    ("cell", "seconds"),
    [
        ("26:00:10", 93_610.0),
        ("1d 02:00:10.5", 93_610.5),
        ("  1d 02:00:10", 93_610.0),
        ("1.02:00:10", 93_610.0),
        ("1-02:00:10", 93_610.0),
        ("00:00:00", 0.0),
    ],
)
def test_durations_in_any_spelling(tmp_path: Path, cell: str, seconds: float) -> None:
    text = f"time,voltage [V],current [A]\n{cell},0.1,1e-3\n"
    assert read_record(written(tmp_path, text))["test_time_second"].values[0] == seconds


@pytest.mark.parametrize("cell", ["2026-11-29 10:00:00", "10:61:00", "10:00", "1d 25:00:00"])
def test_what_is_no_duration_is_refused(tmp_path: Path, cell: str) -> None:
    text = f"time [s],voltage [V],current [A]\n{cell},0.1,1e-3\n"
    with pytest.raises(RecordError, match=r"line 2, column 'time \[s\]'"):
        read_record(written(tmp_path, text))


def test_times_of_steps_are_added_up(tmp_path: Path) -> None:
    names = "Record ID,Cycle ID,Step ID,Time(h:min:s.ms),Voltage(V),Current(mA)\n"
    rows = [(1, "0:00:00.000"), (1, "0:00:10.500"), (2, "0:00:01.000"), (3, "0:00:02.000"),
            (3, "0:00:04.000")]  # fmt: skip
    text = names + "".join(f"{k},1,{s},{t},0.{k + 1},1\n" for k, (s, t) in enumerate(rows))
    record = read_record(written(tmp_path, text))
    assert record["test_time_second"].values.tolist() == [0.0, 10.5, 11.5, 13.5, 15.5]
    assert record["step_count"].values.tolist() == [0, 0, 1, 2, 2]
    assert "added up" in json.loads(record.attrs["columns"])["test_time_second"]
    # Each step goes on after its last row for up to as long as its rows are apart.
    assert json.loads(record.attrs["step_restarts"]) == [[11.5, 10.5], [13.5, 0.0]]
    assert "up to 10.5 s" in record.attrs["uncounted_time"]


def test_a_time_that_runs_on_is_not_added_up(tmp_path: Path) -> None:
    rows = "".join(f"{k},1,{1 + k // 3},{10 * k},0.1{k},1\n" for k in range(6))
    neware = "Record ID,Cycle ID,Step ID,Time(s),Voltage(V),Current(mA)\n"
    with pytest.raises(RecordError, match="does not restart where the step changes"):
        read_record(written(tmp_path, neware + rows))
    # The same words in anybody's table are the time since the start.
    anybody = "row,cycle,step,time [s],voltage [V],current [mA]\n"
    record = read_record(written(tmp_path, anybody + rows))
    assert record.attrs["reader"] == "plain"
    assert record["test_time_second"].values.tolist() == [0, 10, 20, 30, 40, 50]


@pytest.mark.parametrize("kind", ["text", "time", "timedelta", "number"])
def test_a_workbook_of_neware_in_any_cell_type(tmp_path: Path, kind: str) -> None:
    def cell(seconds: int) -> object:
        if kind == "timedelta" or (kind == "time" and seconds >= 86_400):
            return datetime.timedelta(seconds=seconds)
        if kind == "time":
            return datetime.time(seconds // 3600, seconds % 3600 // 60, seconds % 60)
        hours = f"{seconds // 3600:02d}:{seconds % 3600 // 60:02d}:{seconds % 60:02d}"
        return seconds if kind == "number" else hours

    unit = "(s)" if kind == "number" else ""
    names = ("DataPoint", "Cycle Index", "Step Index", "Step Type", "Time" + unit,
             "Total Time" + unit, "Current(uA)", "Voltage(mV)")  # fmt: skip
    times = (0, 90, 90_000)
    rows = [(k, 1, 1, "CC DChg", cell(t), cell(t), 500.0, 60.0 + k) for k, t in enumerate(times)]
    sheets = {"unit": [["mA"]], "test": [["cell 7"]], "record": [names, *rows]}
    path = workbook(tmp_path / "x.xlsx", sheets)
    record = read_record(path)
    assert record.attrs["reader"] == "neware"
    assert record["test_time_second"].values.tolist() == [0.0, 90.0, 90_000.0]
    assert np.allclose(record["voltage_volt"], [0.060, 0.061, 0.062])
    assert np.allclose(record["current_ampere"], -5e-4)
    assert "cell 7" in record.attrs["header"]


def test_durations_and_numbers_in_one_column_are_refused(tmp_path: Path) -> None:
    names = ("time [s]", "voltage [V]", "current [A]")
    clock = datetime.time(0, 1, 30)
    good = workbook(tmp_path / "x.xlsx", {"a": [names, (0, 0.1, 1), (clock, 0.2, 1)]})
    assert read_record(good)["test_time_second"].values.tolist() == [0.0, 90.0]
    for first, second in ((1, clock), (datetime.time(0, 0, 1), 90)):
        path = workbook(tmp_path / "y.xlsx", {"a": [names, (first, 0.1, 1), (second, 0.2, 1)]})
        with pytest.raises(RecordError, match=r"sheet a, row 3: .* is not a (duration|number)"):
            read_record(path)


def test_a_plain_workbook_is_read_and_a_foreign_one_refused(tmp_path: Path) -> None:
    rows = [("time [h]", "voltage [mV]", "current [mA]"), (0, 60.0, "0.4"), (1, 61.0, 0.4)]
    record = read_record(workbook(tmp_path / "x.xlsx", {"note": [["mine"]], "data": rows}))
    assert record["test_time_second"].values.tolist() == [0.0, 3600.0]
    assert np.allclose(record["current_ampere"], 4e-4)
    with pytest.raises(RecordError, match=r"none of its sheets \(a, b\) names the columns"):
        read_record(workbook(tmp_path / "y.xlsx", {"a": [["x"]], "b": [[1, 2]]}))
    both = workbook(tmp_path / "z.xlsx", {"a": rows, "b": rows})
    with pytest.raises(RecordError, match=r"several curves.*0: a; 1: b"):
        read_record(both)


def segmented(cell: str, *, length: int, segments: int = 2, polarity: str = "N") -> str:
    above = [
        "Chronopotentiometry", "Instrument Model:  CHI760E", "Cathodic Current (A) = 0.001",
        "Anodic Current (A) = 0.002", f"Init P/N = {polarity}", "Cathodic Time (s) = 10",
        "Anodic Time (s) = 20", f"Segment = {segments}", "", "Time/sec, Potential/V", "",
    ]  # fmt: skip
    return "\n".join([*above, *(f"{t}, {cell}{t}" for t in range(1, length + 1))]) + "\n"


def test_the_current_of_a_chronopotentiogram_is_what_its_settings_state(tmp_path: Path) -> None:
    record = read_record(written(tmp_path, segmented("0.0", length=8)))
    assert (record["current_ampere"] == -1e-3).all()  # ended within its first segment
    record = read_record(written(tmp_path, segmented("0.0", length=8, polarity="P")))
    assert (record["current_ampere"] == 2e-3).all()
    record = read_record(written(tmp_path, segmented("0.0", length=30)))
    assert record["current_ampere"].values.tolist() == [-1e-3] * 10 + [2e-3] * 20
    assert record.attrs["technique"] == "chronopotentiometry"
    # Shorter than its segments together: a limit of the potential ended one, nobody knows when.
    with pytest.raises(RecordError, match="2 segments in 25 s, and the text does not say when"):
        read_record(written(tmp_path, segmented("0.0", length=25)))


@pytest.mark.parametrize("name", ["Current Switching Polarity", "Current Switching Priority"])
def test_where_a_potential_switches_the_current_it_is_not_known(tmp_path: Path, name: str) -> None:
    by_potential = f"{name} = Potential\nSegment = "
    text = segmented("0.0", length=8).replace("Segment = ", by_potential)
    with pytest.raises(RecordError, match="changed where a potential was reached"):
        read_record(written(tmp_path, text))
    by_time = text.replace("= Potential", "= Time")
    assert (read_record(written(tmp_path, by_time))["current_ampere"] == -1e-3).all()
    one = segmented("0.0", length=8, segments=1).replace("Segment = ", by_potential)
    assert (read_record(written(tmp_path, one))["current_ampere"] == -1e-3).all()


SWEEP = "Linear Sweep Voltammetry\nScan Rate (V/s) = 0.005\n\nPotential/V, Current/A\n\n"


def test_the_time_of_a_sweep_follows_from_its_rate(tmp_path: Path) -> None:
    rows = "".join(f"{0.001 * k:.3f}, {1e-6 * k:.3e}\n" for k in range(200))
    record = read_record(written(tmp_path, SWEEP + rows))
    assert np.allclose(record["test_time_second"], 0.2 * np.arange(200))
    assert record.attrs["scan_rate_volt_per_second"] == 0.005
    assert "its rate of 0.005 V/s" in json.loads(record.attrs["columns"])["test_time_second"]
    plain = "voltage [mV],current [uA]\n0,0\n-1,1\n-3,2\n"
    with pytest.raises(RecordError, match=r"no column of time.*--set \"scan_rate=… mV/s\""):
        read_record(written(tmp_path, plain))
    record = read_record(written(tmp_path, plain), scan_rate=1e-3)
    assert record["test_time_second"].values.tolist() == [0.0, 1.0, 3.0]
    for rate in ("0", "-0"):
        still = SWEEP.replace("= 0.005", f"= {rate}") + rows
        with pytest.raises(RecordError, match=r"no column of time"):
            read_record(written(tmp_path, still))
    with pytest.raises(RecordError, match=r"line 5.*the sweep turns back here"):
        read_record(written(tmp_path, plain + "-2,1\n"), scan_rate=1e-3)


def test_a_constant_current_is_stated_for_a_file_without_one_and_only_for_that(
    tmp_path: Path,
) -> None:
    text = "time/s\tEwe/V\n" + "".join(f"{k},0\t0,06{k}\n" for k in range(5))
    path = written(tmp_path, text, "x.txt")
    with pytest.raises(RecordError, match=r'no column I/mA.*--set "current=… mA"'):
        read_record(path)
    record = read_record(path, current=4e-4)
    assert record.attrs["reader"] == "biologic_text"
    assert (record["current_ampere"] == 4e-4).all()
    assert json.loads(record.attrs["columns"])["current_ampere"] == "none: stated as constant"
    whole = written(tmp_path, "time [s],voltage [V],current [A]\n0,0.1,1\n")
    with pytest.raises(RecordError, match=r"holds a current, and one of 0\.0004 A is stated"):
        read_record(whole, current=4e-4)


def pstrace(*blocks: tuple[str, str, str, Sequence[tuple[str, str]]]) -> bytes:
    length = max(len(rows) for *_, rows in blocks)
    lines = [
        "Date and time:,2026-11-29 12:00:00",
        "Notes:",
        ",,",
        ",".join(f"{title}," for title, *_ in blocks),
        ",".join("Date and time measurement:,2026-11-29" for _ in blocks),
        ",".join(f"{x},{y}" for _, x, y, _ in blocks),
        *(
            ",".join(",".join(rows[k]) if k < len(rows) else "," for *_, rows in blocks)
            for k in range(length)
        ),
    ]
    return ("\r\n".join(lines) + "\r\n").encode("utf-16")


def test_curves_of_pstrace_stand_side_by_side(tmp_path: Path) -> None:
    transient = ("Chronopotentiometry: CP E vs t", "s", "V", [("0", "0.1"), ("1", "0.11")])
    sweep = (
        "Linear Sweep Voltammetry: i vs E",
        "V",
        "µA",
        [("0", "0"), ("0.1", "5"), ("0.3", "9")],
    )
    path = written(tmp_path, pstrace(transient, sweep))
    with pytest.raises(RecordError, match=r"several curves.*0: Chronopot.*1: Linear Sweep"):
        read_record(path)
    record = read_record(path, curve=0, current=1e-3)
    assert record.attrs["technique"] == "chronopotentiometry"
    assert record["voltage_volt"].values.tolist() == [0.1, 0.11]
    record = read_record(path, curve=1, scan_rate=0.1)
    assert np.allclose(record["test_time_second"], [0, 1, 3])
    assert np.allclose(record["current_ampere"], [0, 5e-6, 9e-6])
    with pytest.raises(RecordError, match="the constant current that flowed"):
        read_record(path, curve=0)
    with pytest.raises(RecordError, match="the time of a sweep follows from its rate"):
        read_record(path, curve=1)
    amperogram = ("Chronoamperometry: CA i vs t", "s", "A", [("0", "1")])
    with pytest.raises(RecordError, match="no record of time, voltage and current"):
        read_record(written(tmp_path, pstrace(amperogram)))


def ndax_like(monkeypatch: pytest.MonkeyPatch, folder: Path, **changes: object) -> Path:
    """Write an archive, and let NewareNDA read from it what it reads of measured ones."""
    import zipfile

    import pandas as pd

    columns: dict[str, object] = {
        "Index": [1, 2, 3, 4],
        "Cycle": [1, 1, 1, 1],
        "Step": [1, 1, 2, 2],
        "Step_Index": [1, 1, 5, 5],
        "Status": ["Rest", "Rest", "CC_DChg", "CC_DChg"],
        "Time": np.array([0.0, 10.0, 0.0, 5.5], dtype=np.float32),
        "Voltage": np.array([0.1, 0.1, -0.06, -0.061], dtype=np.float32),
        "Current(mA)": np.array([0.0, 0.0, -0.4, -0.4], dtype=np.float32),
        "Timestamp": pd.to_datetime(["2026-11-29 10:00:00"] * 4),
    }
    from NewareNDA import NewareNDAx

    frame = pd.DataFrame(columns | changes)
    monkeypatch.setattr(NewareNDAx, "read_ndax", lambda *_, **__: frame)
    path = folder / "x.ndax"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.ndc", b"records")
    return path


def test_a_binary_file_of_neware(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    record = read_record(ndax_like(monkeypatch, tmp_path))
    assert record.attrs["reader"] == "neware_binary"
    assert record["test_time_second"].values.tolist() == [0.0, 10.0, 10.0, 15.5]
    assert record["voltage_volt"].values.tolist() == [0.1, 0.1, -0.06, -0.061]
    assert record["current_ampere"].values.tolist() == [0.0, 0.0, -0.0004, -0.0004]
    assert record["step_count"].values.tolist() == [0, 0, 1, 1]
    with pytest.raises(RecordError, match="record 4 after record 2: rows are missing"):
        read_record(ndax_like(monkeypatch, tmp_path, Index=[1, 2, 4, 5]))


@pytest.mark.parametrize("content", [b"NEWARE" + bytes(2000), b"NEWARE\x00" + b"\x1d" * 40])
def test_a_damaged_binary_of_neware_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(RecordError, match="cannot be read as a file of Neware"):
        read_record(written(tmp_path, content, "x.nda"))


def test_without_the_package_the_extra_of_neware_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, b"NEWARE" + bytes(100), "x.nda")
    code = f"""
import sys
sys.modules["NewareNDA"] = None
from data import RecordError, read_record
try:
    read_record({str(path)!r})
except RecordError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "pip install 'anodebayes[neware]'" in done.stdout


@pytest.mark.parametrize("end", ["", ",,", ";;"])
def test_lines_that_stand_in_quotes_as_a_whole_are_read(
    cycler: Maker, tmp_path: Path, end: str
) -> None:
    lines = cycler("novonix", ROWS).decode().splitlines()
    wrapped = ['"' + line.replace('"', '""') + '"' + end if "," in line else line for line in lines]
    record = read_record(written(tmp_path, "\r\n".join(wrapped) + "\r\n"))
    assert record.attrs["reader"] == "novonix"
    for name, values in zip(NAMES, np.transpose(ROWS), strict=True):
        assert np.allclose(record[name], values, rtol=1e-12, atol=1e-15)


def test_words_in_a_column_that_no_row_needs_refuse_no_file(tmp_path: Path) -> None:
    header = ["time [s]", "voltage [V]", "current [A]", "temperature [degC]", "cycle_count"]
    rows = [[0, 1.5, 2, "n.a.", 1], [1, 1.6, 2, 25.5, "last"], [2, 1.7, 2, "25.0 °C", 1]]
    text = "\n".join(",".join(map(str, row)) for row in [header, *rows]) + "\n"
    mixed = text.replace(",", ";").replace("1.", "1,")  # the temperature keeps its point
    book = workbook(tmp_path / "x.xlsx", {"data": [header, *rows]})
    for path in (written(tmp_path, text), written(tmp_path, mixed, "y.csv"), book):
        record = read_record(path)
        assert record["voltage_volt"].values.tolist() == [1.5, 1.6, 1.7]
        np.testing.assert_array_equal(record["temperature_celsius"], [np.nan, 25.5, np.nan])
        assert "cycle_count" not in record
    with pytest.raises(RecordError, match="line 3, column 'voltage"):
        read_record(written(tmp_path, text.replace("1.6", "OL")))


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda xml: xml.replace('ref="A1:C41"', 'ref="A1:C2"'), None),
        (
            lambda xml: xml.replace('<row r="9"', '<row r="900"'),
            "names cell 1 in row 900 of sheet1 'A9'",
        ),
        (lambda xml: xml.replace('<row r="9"', "<row r='900'"), "names cell 1 in row 900"),
        (lambda xml: xml.replace('<row r="41"', '<row r="9999999"'), "numbers a row"),
        (lambda xml: xml.replace('<row r="9"', f'<row r="{"9" * 5000}"'), "numbers a row"),
        (lambda xml: xml.replace('r="A9"', 'r="A2"'), "names cell 1 in row 9 of sheet1 'A2'"),
        (lambda xml: xml.replace('r="B9"', 'r="A9"'), "names cell 2 in row 9 of sheet1 'A9'"),
        (lambda xml: xml.replace('<c r="B9" t="n"', '<c r="B9" t="x"'), "that it is 'x'"),
        (lambda xml: re.sub(r'(<row|<c) r="\w+"', r"\1", xml), None),
        (lambda xml: xml.replace('<row r="9"', '<row r="8"'), "row 8 of sheet1 below row 8"),
    ],
)
def test_a_sheet_loses_no_row_by_what_it_says_of_itself(
    tmp_path: Path, edit: Callable[[str], str], words: str | None
) -> None:
    header = ["time [s]", "voltage [V]", "current [A]"]
    rows = [(float(k), 0.25 - 0.001 * k, 1e-3) for k in range(40)]
    good, bad = workbook(tmp_path / "x.xlsx", {"data": [header, *rows]}), tmp_path / "y.xlsx"
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(bad, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "xl/worksheets/sheet1.xml":
                content = edit(content.decode()).encode()
                assert content != old.read(name)
            new.writestr(name, content)
    if words is None:
        assert read_record(bad)["test_time_second"].values.tolist() == [row[0] for row in rows]
        return
    with pytest.raises(RecordError, match=words):
        read_record(bad)


@pytest.mark.parametrize(
    "content",
    [
        b"\x00" * 16 + b"\xfb\x00\x00\x00\r\x00Version=11" + b"\x00" * 64,
        b"04/03/2021 19:42:30\r\n   time/s   I/A   E/V \r\n  0.0  1E-3  0.1  0.1\r\n",
    ],
)
def test_ivium_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(RecordError, match="is of Ivium's software"):
        read_record(written(tmp_path, content))


def test_a_total_time_of_zero_in_the_first_row_of_a_step_is_that_of_the_row_before(
    tmp_path: Path,
) -> None:
    names = "DataPoint,Cycle Index,Step Index,Step Type,Time,Total Time,Current(A),Voltage(V)"
    clock = [(1, 0, 0), (1, 30, 30), (1, 60, 60), (2, 0, 0), (2, 30, 90), (3, 0, 0), (3, 30, 120)]
    rows = [
        f"{k},1,{step},CC Chg,00:{t // 60:02d}:{t % 60:02d},00:{all_ // 60:02d}:{all_ % 60:02d},"
        f"0.001,0.{10 + k}"
        for k, (step, t, all_) in enumerate(clock, start=1)
    ]
    path = tmp_path / "x.csv"
    path.write_text("\n".join([names, *rows, ""]))
    assert read_record(path)["test_time_second"].values.tolist() == [0, 30, 60, 60, 90, 90, 120]
