"""Plain .csv: any legal header and unit gives the same record; what is not certain is refused."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from data import InputError, RecordError, read_record
from data.csv_reader import number_advice

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
        (("Time_s", "Voltage_V", "Current_mA"), (1, 1, 1e-3)),
        (("Time_h", "Voltage_mV", "Current_A"), (3600, 1e-3, 1)),
        (("time_min", "cell_voltage_mv", "current_ma"), (60, 1e-3, 1e-3)),
        (("Time h", "Voltage mV", "Current uA"), (3600, 1e-3, 1e-6)),
        (("Time (min)", "Voltage(mV)", "Current (mA)"), (60, 1e-3, 1e-3)),
        (("Time/Sec.", "Voltage/V", "Current/mA"), (1, 1, 1e-3)),
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


@pytest.mark.parametrize(
    ("header", "first", "words"),
    [
        ("time [s],voltage [V],-current [mA]", "0,1,2", "'-current [mA]': holds the quantity with"),
        (
            "time [s],\u2212voltage/V,current/mA",
            "0,1,2",
            "turn the sign of its numbers back",
        ),
        ("time/s,Ewe/V,-I/mA", "0,1,2", "'-I/mA' has its sign turned"),
        ("time/s,<Ewe>/V,I/mA", "0,1,2", "'<Ewe>/V' to 'voltage [V]', 'I/mA' to 'current [mA]'"),
        ("time/s,voltage [V] (x10),current/mA", "0,1,2", "'x10' is none; 'voltage [V]' if it is V"),
        ("time,voltage [V],current [mA]", "2026-12-11 22:00:00,1,2", "'time' is a date, which"),
        ("time,Ewe/V,I/mA", "11.12.2026,1,2", "'Ewe/V' to 'voltage [V]', 'I/mA' to"),
    ],
)
def test_what_a_header_means_otherwise_is_told_in_its_own_words(
    tmp_path: Path, header: str, first: str, words: str
) -> None:
    with pytest.raises(RecordError) as refused:
        read_record(written(tmp_path, f"{header}\n{first}\n"))
    assert words in str(refused.value)


def test_a_time_of_dates_refuses_no_file_that_has_another(tmp_path: Path) -> None:
    text = "time,test time [s],voltage [V],current [mA]\n"
    text += "".join(f"2026-12-11 22:00:0{k},{k},1,2\n" for k in range(3))
    assert read_record(written(tmp_path, text))["test_time_second"].values.tolist() == [0, 1, 2]


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
    ("header", "advised"),
    [
        ("t_h,E_mV,I_mA", ["'time [h]'", "'voltage [mV]'", "'current [mA]'"]),
        ("t (min);Ewe/V;i/uA", ["'time [min]'", "'voltage [V]'", "'current [uA]'"]),
        ("Zeit h;Spannung mV;Strom A", ["'time [h]'", "'voltage [mV]'", "'current [A]'"]),
        ("time [s],E mV,i mA", ["'voltage [mV]'", "'current [mA]'"]),
        ("t,E,I", ["'time [its unit]'", "'voltage [its unit]'", "'current [its unit]'"]),
    ],
)
def test_advice_never_changes_a_unit(tmp_path: Path, header: str, advised: list[str]) -> None:
    with pytest.raises(RecordError) as caught:
        read_record(written(tmp_path, header + "\n" + "0,1,2\n"))
    for words in advised:
        assert words in str(caught.value)


def test_of_two_columns_that_say_the_same_the_finer_is_read(tmp_path: Path) -> None:
    time = 10.0 * np.arange(200) + 1 / 3
    head = "time [s],Time (h),voltage [V],Voltage_mV,current [mA]"
    rows = [f"{t:.0f},{t / 3600:.6f},{1 / (k + 7):.3f},{1e3 / (k + 7):.4f},2" for k, t in
            enumerate(time)]  # fmt: skip
    record = read_record(written(tmp_path, "\n".join([head, *rows, ""])))
    assert np.allclose(record["voltage_volt"], 1 / (np.arange(200) + 7), atol=1e-7)
    assert np.allclose(record["test_time_second"], time, atol=2e-3)
    rows[120] = rows[120].replace("1200,", "1203,", 1)
    words = r"'time \[s\]'.*is the same as 'Time \(h\)', and is 1203 in row 121"
    with pytest.raises(RecordError, match=words):
        read_record(written(tmp_path, "\n".join([head, *rows, ""])))


@pytest.mark.parametrize("word", ["Set", "Target", "Programmed", "Nominal"])
def test_a_setting_is_never_advised_for_what_was_measured(tmp_path: Path, word: str) -> None:
    for measured, advised in (
        (",Measured Current [mA]", "rename 'Measured Current [mA]' to 'current [mA]'"),
        ("", 'where the current was constant, state it with --set "current='),
    ):
        row = "0,1,2" + ",3" * bool(measured)
        text = f"time [s],voltage [V],{word} Current [mA]{measured}\n{row}\n"
        with pytest.raises(RecordError) as caught:
            read_record(written(tmp_path, text))
        assert advised in str(caught.value)
        assert f"'{word} Current [mA]' to" not in str(caught.value)


@pytest.mark.parametrize("unit", ["", "furlong", "mAh", "Hz"])
def test_a_column_whose_unit_is_not_known_is_refused(tmp_path: Path, unit: str) -> None:
    text = f"time [s],voltage [V],current{unit and ' ' + unit}\n0,1,2\n"
    with pytest.raises(RecordError, match=r"no unit|no column of current"):
        read_record(written(tmp_path, text))
    with pytest.raises(RecordError, match="column 'current"):
        read_record(written(tmp_path, text.replace(f"current {unit}", f"current [{unit}]")))


@pytest.mark.parametrize(
    "content",
    [
        b"Datum;time [s];voltage [V];current [A]\n29.11.2026 10:00:00;0,5;0,1;2\n",
        b"when;time [s];voltage [V];current [A];x\n1,5 or 2.5;0,5;0,1;2;1.000,0\n",
        b"sep=;\ntime [s];voltage [V];current [A]\n0,5;0,1;2\n",
        b'"sep=,"\r\n# mine\r\ntime [s],voltage [V],current [A]\r\n0.5,0.1,2\r\n',
        b"sep=\t\ntime [s]\tvoltage [V]\tcurrent [A]\n0,5\t0,1\t2\n",
        b"time [s],voltage [V],current [A]\r0.5,0.1,2\r",
        ",time [s],voltage [V],current [A]\n0,0.5,0.1,2\n".encode("utf-16"),
        "time [s]\tvoltage [V]\tcurrent [A]\n0,5\t0,1\t2\n".encode("utf-16"),
        b"time [s],voltage [V],current [A],,\n0.5,0.1,2,,\n",
        b"time [s],voltage [V],current [A],temperature,temperature [K]\n0.5,0.1,2,hot,hot\n",
    ],
)
def test_what_is_not_wanted_refuses_no_file(tmp_path: Path, content: bytes) -> None:
    if b"hot" in content:
        content = content.replace(b",temperature [K]", b",note").replace(b"hot,hot", b"hot,x")
    record = read_record(written(tmp_path, content))
    assert [float(record[name].values[0]) for name in record.data_vars][:3] == [0.5, 0.1, 2.0]
    assert "truncated" not in record.attrs


@pytest.mark.parametrize("value", [0.0, 0.06])
def test_a_dead_voltage_is_no_measurement(plain: Maker, tmp_path: Path, value: float) -> None:
    dead = [(float(k), value, 1e-3) for k in range(40)]
    with pytest.raises(RecordError, match=r"column 'Voltage / V': is exactly .* in every row"):
        read_record(written(tmp_path, plain(rows=dead)))
    rest = [(t, v, 0.0) for t, v, _ in dead]
    assert read_record(written(tmp_path, plain(rows=rest))).sizes["record"] == 40
    held = plain(rows=dead, comments=["technique: chronoamperometry"])
    assert read_record(written(tmp_path, held)).sizes["record"] == 40
    alive = [*dead[:-1], (40.0, value + 1e-4, 1e-3)]
    assert read_record(written(tmp_path, plain(rows=alive))).sizes["record"] == 40


def test_times_too_coarse_to_tell_rows_apart_are_told_of(plain: Maker, tmp_path: Path) -> None:
    rows = [(round(10 * k / 3600, 2), 0.06 + 1e-5 * k, 1e-3) for k in range(20)]
    header = ("time [h]", "voltage [V]", "current [A]")
    record = read_record(written(tmp_path, plain(rows=rows, header=header)))
    assert "written to 36 s" in record.attrs["coarse_time"]
    assert "coarse_time" not in read_record(written(tmp_path, plain())).attrs


@pytest.mark.parametrize(
    ("name", "rows", "end", "current"),
    [
        ("underscore_mA.csv", 361, 3600.0, 1e-3),
        ("underscore_h.csv", 361, 3600.0, 1e-3),
        ("hours_two_decimals.csv", 361, 3600.0, 4e-4),
        ("date_column.csv", 361, 3600.0, 1e-3),
        ("cr_line_ends.csv", 361, 3600.0, 1e-3),
        ("eclab_whole_no_final_newline.mpt", 60, 590.0, 1.0001e-3),
        ("dead_voltage.mpt", 360, 3590.0, 1.0001e-3),
    ],
)
def test_files_that_were_read_wrongly(
    bugs: Path, name: str, rows: int, end: float, current: float
) -> None:
    record = read_record(bugs / name)
    assert record.sizes["record"] == rows
    assert float(record["test_time_second"][-1]) == pytest.approx(end, abs=0.02)
    assert np.allclose(record["current_ampere"], current)
    assert 0.05 < abs(float(record["voltage_volt"][0])) < 0.07


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        # headers
        ("time,voltage [V],current [A]\n0,1,2\n", r"column 'time': states no unit.*time \[s\]"),
        ("time [s],voltage [V]\n0,1\n", r"no column of current: legal are.*there are 'time \[s\]'"),
        ("time [s],voltage [V],current [mA/cm^2]\n0,1,2\n", "column 'current .*dimension"),
        ("time [s],voltage [V],current mA/cm2\n0,1,2\n", "column 'current .*dimension"),
        ("time_s,voltage_V,Current (mA/cm2)\n0,1,2\n", "column 'Current .*dimension"),
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
        (
            HEADER.replace(",", ";") + "0;0,5;1\n1;0.5;1\n",
            r"line 3, column 'voltage \[V\]': numbers are written with",
        ),
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


@pytest.mark.parametrize(("unit", "factor"), [("s", 1), ("ms", 1000)])
def test_a_unix_time_alone_counts_from_the_first_row(
    tmp_path: Path, unit: str, factor: int
) -> None:
    rows = "".join(f"{(1_700_000_000 + 5 * k) * factor},{0.1 + 0.01 * k},1e-3\n" for k in range(4))
    header = f"Unix Time [{unit}],voltage [V],current [A]\n"
    record = read_record(written(tmp_path, header + rows))
    assert record["test_time_second"].values.tolist() == [0, 5, 10, 15]
    assert "counted from the first row" in record.attrs["columns"]
    wrong = header.replace(f"[{unit}]", "[s]" if unit == "ms" else "[ms]")
    with pytest.raises(RecordError, match="is its unit right"):
        read_record(written(tmp_path, wrong + rows))
    beside = header.replace("Unix", "time [s],Unix") + "0,x,1,2\n1,y,2,2\n"
    assert read_record(written(tmp_path, beside))["test_time_second"].values.tolist() == [0, 1]
    with pytest.raises(RecordError, match="'Date Time' is a date"):
        read_record(written(tmp_path, header.replace(f"Unix Time [{unit}]", "Date Time") + rows))


@pytest.mark.parametrize(
    ("cell", "advice"),
    [
        ("5,577,644.47", "write 5577644.47"),
        ("1,234", "write 1234 or 1.234, whichever is meant"),
        ("0,123", "write 0.123"),
        ("1.234.567,8", "write 1234567.8"),
        ("12,34,567.8", "write 1234567.8"),
    ],
)
def test_advice_on_a_numeral_never_adds_a_mark(tmp_path: Path, cell: str, advice: str) -> None:
    assert number_advice(cell).endswith(advice)
    if "." in cell:  # also where cells are separated by semicolons, and the mark is to be told
        text = HEADER.replace(",", ";") + f"0;1;2\n{cell};1;2\n2;1;2\n"
        with pytest.raises(RecordError, match=f"{advice}$"):
            read_record(written(tmp_path, text))
