"""Arbin's .csv, .xlsx and .res: channels, sheets, and rows in no order."""

import gzip
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from data import RecordError, list_curves, read_record

HEADER = ("Date_Time", "Test_Time(s)", "Step_Time(s)", "Step_Index", "Cycle_Index", "Voltage(V)",
          "Current(A)", "dV/dt(V/s)")  # fmt: skip
XLSX = "bs542_004_gr_li_50ua_50mv_1v_191020_Channel_11.xlsx"
ROWS = [
    ("d", 1.0, 1.0, 1, 1, 0.1, 0.0, 0.0),
    ("d", 2.0, 1.0, 2, 1, 0.2, 1e-3, 0.0),
    ("d", 3.0, 2.0, 2, 1, 0.3, 1e-3, 0.0),
    ("d", 4.0, 1.0, 2, 1, 0.4, -1e-3, 0.0),
    ("d", 5.0, 1.0, 1, 2, 0.5, -1e-3, 0.0),
]


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


def test_the_measured_workbook_equals_what_pandas_reads(raw: Path) -> None:
    import pandas as pd

    record = read_record(raw / "arbin" / XLSX)
    sheet = pd.read_excel(raw / "arbin" / XLSX, sheet_name="Channel_11_1")
    for variable, column in (
        ("test_time_second", "Test_Time(s)"),
        ("voltage_volt", "Voltage(V)"),
        ("current_ampere", "Current(A)"),
        ("step_id", "Step_Index"),
        ("cycle_count", "Cycle_Index"),
    ):
        assert np.array_equal(record[variable], sheet[column].to_numpy())
    assert record.attrs["curve"] == "Channel_11"
    assert "50ua" in record.attrs["header"]


def test_the_measured_database_is_sorted_by_data_point(raw: Path, tmp_path: Path) -> None:
    from access_parser import AccessParser

    path = raw / "arbin" / "mits7-0.res.gz"
    (tmp_path / "x.res").write_bytes(gzip.decompress(path.read_bytes()))
    table = AccessParser(str(tmp_path / "x.res")).parse_table("Channel_Normal_Table")
    by_point = dict(zip(table["Data_Point"], table["Voltage"], strict=True))
    assert read_record(tmp_path / "x.res")["voltage_volt"].values.tolist() == [
        by_point[point] for point in sorted(by_point)
    ]
    record = read_record(path)
    assert record.sizes["record"] == 8
    assert (np.diff(record["test_time_second"]) > 0).all()
    assert record.attrs["file_name"] == "mits7-0.res.gz"
    assert list_curves(path)[0].rows == 8
    assert "Schedule_File_Name" in json.loads(record.attrs["header"])


def test_rows_of_a_database_out_of_order_and_of_two_tests(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from data.instruments import arbin_res

    rows = {
        "Test_ID": [2, 1, 1, 2, 1],
        "Data_Point": [1, 3, 1, 2, 2],
        "Test_Time": [0.0, 2.0, 0.0, 1.0, 1.0],
        "Voltage": [0.5, 0.3, 0.1, 0.6, 0.2],
        "Current": [1e-3] * 5,
    }
    monkeypatch.setattr(arbin_res, "_tables", lambda _: (rows, {}, 5))
    path = tmp_path / "x.res"
    path.write_bytes(b"\x00\x01\x00\x00Standard Jet DB")
    with pytest.raises(RecordError, match="0: Test_ID 1, 3 rows; 1: Test_ID 2, 2 rows"):
        read_record(path)
    assert read_record(path, curve=0)["voltage_volt"].values.tolist() == [0.1, 0.2, 0.3]
    assert read_record(path, curve=1)["voltage_volt"].values.tolist() == [0.5, 0.6]
    monkeypatch.setattr(arbin_res, "_tables", lambda _: (rows, {}, 6))
    with pytest.raises(RecordError, match="announces 6 rows of Channel_Normal_Table and holds 5"):
        read_record(path, curve=0)


def test_sheets_of_one_channel_are_one_test(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "x.xlsx",
        {
            "Global_Info": [["TEST REPORT"]],
            "Channel_3_2": [HEADER, *ROWS[3:]],
            "Channel_3_1": [HEADER, *ROWS[:3]],
            "Statistics_3": [["x"]],
        },
    )
    record = read_record(path)
    assert record["test_time_second"].values.tolist() == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert record["step_count"].values.tolist() == [0, 1, 1, 2, 3]


def test_a_sheet_that_states_a_wrong_extent_is_read_whole(tmp_path: Path) -> None:
    import zipfile

    path = workbook(tmp_path / "x.xlsx", {"Channel_1_1": [HEADER, *ROWS]})
    with (
        zipfile.ZipFile(path) as source,
        zipfile.ZipFile(tmp_path / "y.xlsx", "w") as target,
    ):
        for name in source.namelist():
            content = source.read(name).replace(b'ref="A1:H6"', b'ref="A1:H3"')
            assert "sheet1" not in name or b"A1:H3" in content
            target.writestr(name, content)
    assert read_record(tmp_path / "y.xlsx").equals(read_record(path))


def test_channels_are_curves(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "x.xlsx",
        {"Channel_1-007": [HEADER, *ROWS[:2]], "Channel_1-008": [HEADER, *ROWS[2:]]},
    )
    with pytest.raises(RecordError, match="0: Channel_1-007; 1: Channel_1-008"):
        read_record(path)
    assert read_record(path, curve=1).sizes["record"] == 3


@pytest.mark.parametrize(
    ("sheets", "reason"),
    [
        ({"Sheet1": [["a"]]}, r"none of its sheets \(Sheet1\) names the columns"),
        (
            {"Channel_1_1": [HEADER[:5]]},
            r"no column of voltage and current: legal are .*Voltage\(V\)",
        ),
        ({"Channel_1_1": [HEADER]}, "holds no rows"),
        ({"Channel_1_1": [HEADER, ("d", "x", *ROWS[0][2:])]}, "row 2: 'x' is not a number"),
        ({"Channel_1_1": [HEADER, (*ROWS[0][:5], None, *ROWS[0][6:])]}, r"row 2: is blank"),
        (
            {"Channel_1_1": [HEADER, ROWS[1], ROWS[0]]},
            r"row 1 \(sheet Channel_1_1, row 3\): time 1 s is before the 2 s",
        ),
    ],
)
def test_workbooks_that_hold_no_sound_test_are_refused(
    tmp_path: Path, sheets: dict[str, list[list[object]]], reason: str
) -> None:
    with pytest.raises(RecordError, match=reason):
        read_record(workbook(tmp_path / "x.xlsx", sheets))


@pytest.mark.parametrize(
    "spelling", [HEADER, tuple(h.replace("_", " ").replace("(", " (") for h in HEADER)]
)
def test_both_spellings_of_the_headers_of_a_csv(tmp_path: Path, spelling: Sequence[str]) -> None:
    path = tmp_path / "x.csv"
    lines = [",".join(spelling), *(",".join(map(str, row)) for row in ROWS)]
    path.write_text("\n".join(lines) + "\n")
    record = read_record(path)
    assert record.attrs["reader"] == "arbin"
    assert record["voltage_volt"].values.tolist() == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert record["step_count"].values.tolist() == [0, 1, 1, 2, 3]


def test_the_unit_in_a_header_counts(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("Test_Time(h);Voltage(mV);Current(mA)\n0,5;100,0;2,0\n1;100;2\n")
    record = read_record(path)
    assert record["test_time_second"].values.tolist() == [1800.0, 3600.0]
    assert record["voltage_volt"].values.tolist() == pytest.approx([0.1, 0.1])
    assert record["current_ampere"].values.tolist() == pytest.approx([2e-3, 2e-3])
    path.write_text("Test_Time(s),Voltage,Current(mA)\n0,1,2\n")
    with pytest.raises(RecordError, match=r"line 1, column 'Voltage': states no unit"):
        read_record(path)


def test_a_compressed_file_is_read_under_its_own_name(raw: Path, tmp_path: Path) -> None:
    shutil.copy(raw / "gamry" / "LSV.DTA", tmp_path / "x.DTA")
    with gzip.open(tmp_path / "x.DTA.gz", "wb") as file:
        file.write((tmp_path / "x.DTA").read_bytes())
    plain, packed = read_record(tmp_path / "x.DTA"), read_record(tmp_path / "x.DTA.gz")
    assert plain.equals(packed)
    assert packed.attrs["file_name"] == "x.DTA.gz"
    assert packed.attrs["sha256"] != plain.attrs["sha256"]
