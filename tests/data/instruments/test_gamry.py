"""Gamry's .DTA: what the files say, what they announce, and what they only seem to say."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from data import RecordError, list_curves, read_record

type Maker = Callable[..., bytes]


def written(folder: Path, content: bytes, name: str = "x.DTA") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", ["LSV.DTA", "CHRONOP.DTA", "CHRONOA.DTA"])
def test_measured_curves_equal_an_independent_parsers(raw: Path, name: str) -> None:
    import gamry_parser

    record = read_record(raw / "gamry" / name)
    (other,) = gamry_parser.read(raw / "gamry" / name).curves
    for ours, theirs in (
        ("test_time_second", "T"),
        ("voltage_volt", "Vf"),
        ("current_ampere", "Im"),
    ):
        assert np.array_equal(record[ours], other[theirs].to_numpy())
    over = np.array([set(text) != {"."} for text in other["Over"]])
    assert np.array_equal(record["overload"], over)
    assert record.sizes["record"] == other.height


def test_every_generator_of_two_potentiostats_equals_the_independent_parsers(raw: Path) -> None:
    import polars as pl

    path = raw / "gamry" / "CVCP.DTA"
    with pytest.raises(RecordError, match=r"several curves.*0: CURVE DETECTOR, 1000 rows; 1: "):
        read_record(path)
    assert [(c.name, c.rows) for c in list_curves(path)] == [
        ("CURVE DETECTOR", 1000),
        ("CURVE GENERATOR1", 751),
        ("CURVE GENERATOR2", 250),
    ]
    # The parser knows no such tables: their rows are cut out of the file for it.
    text = path.read_bytes().decode()
    for curve, size in ((0, 1000), (1, 751), (2, 250)):
        record = read_record(path, curve=curve)
        name = list_curves(path)[curve].name
        body = text.split(f"{name}\tTABLE")[1].split("\r\n", 1)[1].split("\r\nCURVE")[0]
        names, _, rows = body.split("\r\n", 2)
        frame = pl.read_csv(
            rows.encode(), separator="\t", has_header=False, new_columns=names.split("\t")
        )
        assert np.array_equal(record["voltage_volt"], frame["Vf"].to_numpy())
        assert np.array_equal(record["current_ampere"], frame["Im"].to_numpy())
        assert record.sizes["record"] == size


def test_the_measured_sweep_says_what_it_is(raw: Path) -> None:
    record = read_record(raw / "gamry" / "LSV.DTA")
    assert record.attrs["technique"] == "linear_sweep"
    assert record.attrs["scan_rate_volt_per_second"] == pytest.approx(0.0999998)
    assert record.attrs["sign_convention"] == "CONVENTION 1: anodic currents are positive"
    assert record.attrs["area_as_written_cm2"] == 1.0
    assert "area" not in set(record.data_vars) | (set(record.attrs) - {"area_as_written_cm2"})
    assert json.loads(record.attrs["header"])["PSTATSERIALNO"][1] == "21185"
    assert record["current_ampere"].attrs == {"units": "A", "long_name": "Current / A"}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("chronoa_de_data.dta", "line 64: announces 5258 rows of CURVE and holds 10"),
        ("cv_data_incompleteheader.dta", "holds no table of data"),
        ("eispot_data_curveaborted.dta", "impedance spectrum"),
        ("exampleDataGamryABORT.DTA", r"0: OCVCURVE, 39 rows \(open circuit\); 1: ZCURVE"),
        ("vfp600_data.dta", r"no column of time"),
    ],
)
def test_measured_files_without_a_whole_curve_are_refused_by_name(
    raw: Path, name: str, reason: str
) -> None:
    with pytest.raises(RecordError, match=reason):
        read_record(raw / "gamry" / name)


def test_the_rest_before_an_aborted_spectrum_can_be_chosen(raw: Path) -> None:
    record = read_record(raw / "gamry" / "exampleDataGamryABORT.DTA", curve=0)
    assert record.attrs["technique"] == "open_circuit"
    assert "EXPERIMENTABORTED" in record.attrs["aborted"]
    assert not record["current_ampere"].any()
    assert not record["overload"].any()  # the auxiliary channel's marks
    assert "temperature_celsius" not in record  # -327.63: no probe
    with pytest.raises(RecordError, match="curve 1 is no record"):
        read_record(raw / "gamry" / "exampleDataGamryABORT.DTA", curve=1)


def test_a_measured_decimal_comma_is_read_to_the_digit(raw: Path, tmp_path: Path) -> None:
    import gamry_parser

    content = (raw / "gamry" / "chronoa_de_data.dta").read_bytes()
    path = written(tmp_path, content.replace(b"TABLE\t5258", b"TABLE\t10"))
    record = read_record(path)
    (other,) = gamry_parser.read(path).curves
    assert np.array_equal(record["voltage_volt"], other["Vf"].to_numpy())
    assert np.array_equal(record["test_time_second"], other["T"].to_numpy())
    assert record["voltage_volt"].values[1] == 0.499669
    assert record["test_time_second"].values[3] == 90.0001


def test_decimal_commas_and_points_give_one_record(dta: Maker, tmp_path: Path) -> None:
    point = read_record(written(tmp_path, dta(), "point.DTA"))
    comma = read_record(written(tmp_path, dta(comma=True), "comma.DTA"))
    assert point.identical(comma.assign_attrs(point.attrs))
    assert comma.attrs["area_as_written_cm2"] == 1.0


def test_decimal_commas_and_points_in_one_table_are_refused(dta: Maker, tmp_path: Path) -> None:
    content = dta().replace(b"2.49000E-01", b"2,49000E-01")
    with pytest.raises(RecordError, match=r"line 11.*decimal commas and with decimal points"):
        read_record(written(tmp_path, content))


def test_negative_times_are_the_pre_step_and_a_boundary_row_ends_its_step(raw: Path) -> None:
    record = read_record(raw / "gamry" / "CHRONOA.DTA")
    time, step = record["test_time_second"].values, record["step_count"].values
    assert time[0] == -0.49
    assert (step[time <= 0] == 0).all()
    assert (step[(time > 0) & (time <= 5)] == 1).all()
    assert (step[time > 5] == 2).all()


@pytest.mark.parametrize(
    ("title", "header", "technique"),
    [
        ("Linear Sweep Voltammetry", ["CTRLMODE\tIQUANT\t1\tControl Mode"], "linear_sweep"),
        ("Galvanodynamic Scan", [], "galvanodynamic_sweep"),
        ("my title", ["CTRLMODE\tIQUANT\t0\tControl Mode"], "galvanodynamic_sweep"),
    ],
)
def test_the_tag_of_a_sweep_does_not_say_what_is_swept(
    dta: Maker, tmp_path: Path, title: str, header: list[str], technique: str
) -> None:
    rate = ["SCANRATE\tQUANT\t1.00000E-001\tScan Rate (mA/s)"]
    path = written(tmp_path, dta(tag="LSV", title=title, header=[*header, *rate]))
    record = read_record(path)
    assert record.attrs["technique"] == technique
    assert "scan_rate_volt_per_second" not in record.attrs  # mA/s is none


def test_units_are_read_from_their_row(dta: Maker, tmp_path: Path) -> None:
    volts = read_record(written(tmp_path, dta()))
    other = read_record(written(tmp_path, dta(units=("min", "mV vs. Eoc", "uA")), "other.DTA"))
    assert np.allclose(other["test_time_second"], 60 * volts["test_time_second"])
    assert np.allclose(other["voltage_volt"], 1e-3 * volts["voltage_volt"])
    assert np.allclose(other["current_ampere"], 1e-6 * volts["current_ampere"])
    for wrong in ("A", "furlong", ""):
        path = written(tmp_path, dta(units=("s", wrong, "A")))
        with pytest.raises(RecordError, match="line 9, column 'Vf'"):
            read_record(path)


def test_deg_c_is_a_temperature_and_no_coulomb(dta: Maker, tmp_path: Path) -> None:
    record = read_record(written(tmp_path, dta(temperature="25.5")))
    assert (record["temperature_celsius"] == 25.5).all()
    assert record["temperature_celsius"].attrs["units"] == "degC"


@pytest.mark.parametrize("reading", ["1489.52", "-327.67"])
def test_a_missing_probe_is_no_temperature(dta: Maker, tmp_path: Path, reading: str) -> None:
    assert "temperature_celsius" not in read_record(written(tmp_path, dta(temperature=reading)))


def test_the_position_of_a_mark_tells_whether_the_row_is_overloaded(
    dta: Maker, tmp_path: Path
) -> None:
    marks = [
        "...........",
        "....ih..i..",
        "..........a",
        "t.....ss...",
        ".e.........",
        "..c........",
    ]
    record = read_record(written(tmp_path, dta(over=marks)))
    assert record["overload"].values.tolist()[:6] == [False, True, False, False, True, True]
    assert json.loads(record.attrs["overload_as_written"]) == dict.fromkeys(marks[1:], 1)


def test_an_aborted_test_is_read_and_says_so(dta: Maker, tmp_path: Path) -> None:
    tail = "EXPERIMENTABORTED\tTOGGLE\tT\tExperiment Aborted\r\n"
    record = read_record(written(tmp_path, dta(tail=tail, announced="")))
    assert "before its planned end" in record.attrs["aborted"]
    assert record.sizes["record"] == 12


def test_a_curve_after_its_open_circuit_is_the_one_that_is_meant(
    dta: Maker, tmp_path: Path
) -> None:
    rest = (
        b"OCVCURVE\tTABLE\t2\r\n\tPt\tT\tVf\tVm\r\n\t#\ts\tV\tV\r\n"
        b"\t0\t1\t0.1\t0.1\r\n\t1\t2\t0.1\t0.1\r\nEOC\tQUANT\t0.1\tOpen Circuit (V)\r\n"
    )
    head, mark, table = dta().partition(b"CURVE\tTABLE")
    path = written(tmp_path, head + rest + mark + table)
    assert read_record(path).attrs["curve"] == "CURVE"
    assert read_record(path, curve=0).attrs["technique"] == "open_circuit"
    with pytest.raises(RecordError, match="no curve 2: there are 0: OCVCURVE"):
        read_record(path, curve=2)


def test_the_convention_of_the_current_is_honoured(dta: Maker, tmp_path: Path) -> None:
    anodic = dta()
    cathodic = anodic.replace(b"CONVENTION\tIQUANT\t1", b"CONVENTION\tIQUANT\t0")
    one = read_record(written(tmp_path, anodic))
    other = read_record(written(tmp_path, cathodic, "y.DTA"))
    assert np.array_equal(other["current_ampere"], -one["current_ampere"])
    assert np.array_equal(other["voltage_volt"], one["voltage_volt"])
    assert "cathodic currents are positive in the file" in other.attrs["sign_convention"]
