"""Plain .csv: any legal header and unit gives the same record; what is not certain is refused."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from data import InputError, RecordError, read_record

type Maker = Callable[..., bytes]


def written(folder: Path, content: bytes | str, name: str = "x.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("header", "factors"),
    [
        (("test_time_second", "voltage_volt", "current_ampere"), (1, 1, 1)),
        (("Test Time / s", "Voltage / V", "Current / A"), (1, 1, 1)),
        (("Test Time / min", "Voltage / mV", "Current / uA"), (60, 1e-3, 1e-6)),
        (("time [h]", "voltage [mV]", "current [mA]"), (3600, 1e-3, 1e-3)),
        (("Time [s]", "Cell Voltage [V]", "Current [µA]"), (1, 1, 1e-6)),
        (("test_time_ms", "voltage_v", "current_a"), (1e-3, 1, 1)),
    ],
)
@pytest.mark.parametrize(
    ("separator", "comma"), [(",", False), (";", False), (";", True), ("\t", False), ("\t", True)]
)
def test_every_legal_header_unit_separator_and_decimal_mark(
    plain: Maker,
    tmp_path: Path,
    header: Sequence[str],
    factors: Sequence[float],
    separator: str,
    comma: bool,
) -> None:
    due = read_record(written(tmp_path, plain(), "due.csv"))
    content = plain(header=header, separator=separator, comma=comma)
    record = read_record(written(tmp_path, content))
    for name, factor in zip(
        ("test_time_second", "voltage_volt", "current_ampere"), factors, strict=True
    ):
        assert np.allclose(record[name], factor * due[name], rtol=1e-15, atol=0)


def test_columns_in_any_order_among_others_with_quotes(tmp_path: Path) -> None:
    text = (
        '"note","Current / A","Step Index / 1","Step ID","Test Time / s",'
        '"Surface Temperature / degC","Voltage / V"\n'
        '"a, b",1e-3,1,4,0,25,0.1\n"c",2e-3,2,4,1,,0.2\n"d",3e-3,1,5,2,26,"0.3"\n'
    )
    record = read_record(written(tmp_path, text))
    assert record["current_ampere"].values.tolist() == [1e-3, 2e-3, 3e-3]
    assert record["voltage_volt"].values.tolist() == [0.1, 0.2, 0.3]
    assert record["step_id"].values.tolist() == [4, 4, 5]
    assert record["step_count"].values.tolist() == [0, 0, 1]  # not the format's row counter
    assert record["temperature_celsius"].values[[0, 2]].tolist() == [25, 26]
    assert record["voltage_volt"].attrs == {"units": "V", "long_name": "Voltage / V"}


@pytest.mark.parametrize("unit", ["degC", "°C", "deg C", "C"])
def test_degrees_celsius_in_any_spelling(tmp_path: Path, unit: str) -> None:
    text = f"time [s],voltage [V],current [A],temperature [{unit}]\n0,1,2,25\n1,1,2,26\n"
    for encoding in ("utf-8", "utf-8-sig", "cp1252"):
        record = read_record(written(tmp_path, text.encode(encoding)))
        assert record["temperature_celsius"].values.tolist() == [25.0, 26.0]
    kelvin = read_record(written(tmp_path, text.replace(f"[{unit}]", "[K]").replace(",25", ",300")))
    assert kelvin["temperature_celsius"].values[0] == pytest.approx(26.85)


def test_comments_name_the_technique(plain: Maker, tmp_path: Path) -> None:
    comments = ["synthetic", "technique: linear_sweep", "scan_rate: 5 mV/s", "instrument: none"]
    record = read_record(written(tmp_path, plain(comments=comments)))
    assert record.attrs["technique"] == "linear_sweep"
    assert record.attrs["scan_rate_volt_per_second"] == pytest.approx(5e-3)
    assert "synthetic" in record.attrs["header"]
    with pytest.raises(RecordError, match="technique 'sweep' in a comment"):
        read_record(written(tmp_path, plain(comments=["technique: sweep"])))
    with pytest.raises(RecordError, match="scan_rate in a comment"):
        read_record(written(tmp_path, plain(comments=["scan_rate: 5 mV"])))


HEADER = "time [s],voltage [V],current [A]\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        # headers
        ("time,voltage [V],current [A]\n0,1,2\n", r"column 'time': states no unit.*time \[s\]"),
        ("time [s],voltage [V]\n0,1\n", r"no column of current: legal are.*there are 'time \[s\]'"),
        ("time [s],voltage [V],current [mA/cm^2]\n0,1,2\n", "column 'current .*dimension"),
        ("time [s],voltage [V],current [A],Current / A\n0,1,2,3\n", r"the same as 'current \[A\]'"),
        ("time [s],voltage [V],current [A],\ntime\n", "line 2"),
        ("a,b,c\n1,2,3\n", "of no known format.*'a', 'b', 'c'"),
        (
            "time [s],potential [mV],current density [mA/cm^2]\n0,1,2\n",
            r"rename 'potential \[mV\]' to 'voltage \[mV\]'; 'current density \[mA/cm\^2\]' is a "
            r"current density: multiply it by the electrode's area, and name it 'current \[mA\]'",
        ),
        ("t/s;E/V;I/mA\n0;1;2\n", r"rename 't/s' to 'time \[s\]', .*, 'I/mA' to 'current \[mA\]'"),
        ("time [s],votlage [V],current [A]\n0,1,2\n", r"rename 'votlage \[V\]' to 'voltage \[V\]'"),
        ("0,1,2\n1,1,2\n", "begins with numbers: write a line of headers.*'time"),
        (
            "Monday\n" + HEADER + "0,1,2\n",
            "headers are in line 2: begin the lines above it with '#'",
        ),
        # cells
        (HEADER + "0,1,2\n1,nan,2\n", r"line 3, column 'voltage \[V\]': 'nan' is not a number"),
        (HEADER + "0,1,2\n1,-,2\n", "line 3, column 'voltage.*'-' is not a number.*delete the row"),
        (HEADER + "0,1,2\n1,,2\n", "line 3, column 'voltage.*is blank.*delete the row"),
        (HEADER + "0,1,2\n1,inf,2\n", "not a finite number"),
        (HEADER + "0,1,2\n1,1e400,2\n", "too large"),
        (HEADER + "0,1,2\n1,1_0,2\n", "line 3"),
        (HEADER + "0,1,2\n\n1,1,2\n", "line 3: is blank between rows"),
        (HEADER + "0,1,2\n1,1\n", "line 3: has 2 cells where 3 columns"),
        (HEADER + "0,1,2\n1,1,2,3\n", "line 3: has 4 cells"),
        (HEADER + "0,5,1,2\n1,0,1,2\n", "line 2: has 4 cells.*decimal commas"),
        (HEADER + "0,5,1,\n1,0,1\n", "line 3: has 3 cells"),
        (HEADER + '0,1,2\n1,"1\n1",2\n', "line 3"),
        (HEADER + "0,1,2\n1,1\x00,2\n", "binary|NUL"),
        (HEADER.replace(",", ";") + "0;0,5;1\n1;0.5;1\n", r"line 3, column 'voltage \[V\]': numbers are written with"),
        (HEADER, "holds no rows"),
        # the gate
        (HEADER + "0,1,2\n2,1,2\n1,1,2\n", r"line 4, column 'time \[s\]': time 1 s is before"),
        (HEADER + "0,1,2\n1,25,2\n", r"line 3, .*25 V is not below 20 V: is the unit .*V or mV"),
        (HEADER + "0,1,2\n1,1,-2000\n", "-2000 A is not below 1000 A.*A or mA"),
        (
            "time [s],voltage [V],current [A],step id\n0,1,2,1\n1,1,2,1.5\n",
            "line 3, column 'step id': 1.5 is no whole number",
        ),
    ],
)
def test_what_is_not_certain_is_refused_by_line(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(RecordError, match=reason) as caught:
        read_record(written(tmp_path, text))
    assert str(caught.value).startswith("x.csv")


def test_equal_times_are_no_step_back(tmp_path: Path) -> None:
    assert read_record(written(tmp_path, HEADER + "0,1,2\n0,1,2\n")).sizes["record"] == 2


def test_a_format_can_be_forced_and_is_checked(plain: Maker, dta: Maker, tmp_path: Path) -> None:
    path = written(tmp_path, dta(), "x.csv")
    assert read_record(path).attrs["reader"] == "gamry"  # by content, not by name
    with pytest.raises(RecordError):
        read_record(path, format="plain")
    with pytest.raises(InputError, match=r"'gamri' is not known.*did you mean 'gamry'"):
        read_record(path, format="gamri")
    assert read_record(written(tmp_path, plain(), "x.DTA")).attrs["reader"] == "plain"
