"""Units are converted once, at the edge, and refused by name."""

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import UnitError
from data.quantities import quantities
from data.schema import ROW_UNIT
from data.tables import tables
from data.units import (
    check_unit,
    convert,
    dimension,
    parse_header,
    parse_quantity,
    si_factor,
    to_si,
)


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        (1, "A/m^2", "mA/cm^2", 0.1),
        (1, "mA cm-2", "mA/cm^2", 1),
        (1, "mA cm−2", "mA/cm^2", 1),
        (1, "mA·cm⁻²", "mA/cm^2", 1),
        (1, "mA/cm2", "mA/cm^2", 1),
        (0.5, "µm", "nm", 500),
        (298.15, "K", "degC", 25),
        (25, "°C", "degC", 25),
        (1, "mol m-3", "mol/L", 1e-3),
        (39, "%", "1", 0.39),
        (1, "Ω cm²", "ohm cm^2", 1),
        (5, "min", "s", 300),
        (1, "N/m", "J/m^2", 1),
        (1, "Ah/m^2", "mAh/cm^2", 0.1),
    ],
)
def test_every_common_spelling_of_a_unit_is_converted(value, source, target, expected):
    assert convert(value, source, target) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(
    ("unit", "canonical", "words"),
    [
        ("mA", "mA/cm^2", "divide by the electrode's area"),
        ("C", "degC", "C is the coulomb"),
        ("degree", "1", "angle"),
        ("ppm", "1", "legal are 1"),
        ("kJ/mol", "eV", "[substance]"),
        ("mA/cm-2", "mA/cm^2", "[current] * [length]^2"),
        ("V vs Na", "mV", "not known"),
        ("2*nm", "nm", "no other number"),
        ("m^99999999", "m", "not a unit"),
        ("__import__('os')", "m", "not a unit"),
        ("m^(2", "m", "not a unit"),
        ("delta_degC", "degC", "not a unit"),
        ("", "nm", "empty"),
    ],
)
def test_a_wrong_unit_is_refused_by_name(unit, canonical, words):
    with pytest.raises(UnitError) as caught:
        check_unit(unit, canonical)
    assert words in str(caught.value)


HOSTILE = [
    "nm*9**9**9**9",
    "m**1e9",
    "m^10",
    "m^9^9^9^9",
    "m^-99999999",
    "m^0.5",
    "(" * 25 + "m" + ")" * 25,
    "((m))",
    "m^(2^(2))",
    "(m",
    "10^-6 m",
    "m s 2",
    "m//s",
    "1/1/s",
    "m" * 5000,
    "m*" * 29 + "m" * 5,
    "lambda: m",
    "m.real",
    "m\nm^9999",
]


@pytest.mark.parametrize("unit", HOSTILE, ids=lambda unit: unit[:20])
def test_what_is_no_unit_is_refused_before_anything_computes_it(unit, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("data.units._registry", lambda: pytest.fail("pint saw the text"))
        with pytest.raises(UnitError, match="not a unit") as caught:
            parse_quantity(f"1 {unit}", to="m")
    assert len(str(caught.value)) < 300


@given(st.text("mscAVhKJµΩ°%^-12*/() ", max_size=24))
def test_any_text_is_a_unit_or_is_refused(text):
    with contextlib.suppress(UnitError):
        dimension(text)


@pytest.mark.parametrize(
    "unit", ["1/s", "1 / s", "s^-1", "s^(-1)", "J/(m N s)", "N m/(J s)", "(m s^-1)/m", "1/(J s/J)"]
)
def test_parentheses_and_reciprocals_are_units(unit):
    assert convert(2, unit, "1/s") == 2


def test_every_canonical_unit_of_the_contract_is_readable():
    units = {column.unit for table in tables().values() for column in table.fields.values()}
    units |= {entry.unit for entry in quantities().values()}
    for unit in units - {None, ROW_UNIT}:
        check_unit(unit, unit)
        assert convert(1.25, unit, unit) == 1.25


def test_si_factors_are_exact_and_temperatures_have_none():
    assert si_factor("mA/cm^2") == 10
    assert si_factor("cm^2/s") == 1e-4
    assert si_factor("ohm cm^2") == 1e-4
    assert si_factor("mAh/cm^2") == 36000
    assert si_factor("1") == 1
    assert si_factor("degree") == pytest.approx(np.pi / 180, rel=1e-15)
    assert to_si([0.0, np.nan], "degC").tolist()[0] == 273.15
    with pytest.raises(UnitError, match="to_si"):
        si_factor("degC")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("pore_radius [nm]", ("pore_radius", "nm")),
        (" current_density[mA/cm^2] ", ("current_density", "mA/cm^2")),
        ("cell", ("cell", None)),
    ],
)
def test_headers_split_into_quantity_and_unit(header, expected):
    assert parse_header(header) == expected


@pytest.mark.parametrize("header", ["", "a [nm", "a nm]", "a []", "[nm]", "a [nm] b"])
def test_broken_headers_are_refused(header):
    with pytest.raises(UnitError):
        parse_header(header)


def test_quantity_strings_need_a_unit_unless_there_is_no_dimension():
    assert parse_quantity("3e-6 cm^2/s", to="cm^2/s") == 3e-6
    assert parse_quantity("0 degC", to="K") == 273.15
    assert parse_quantity("0.5", to="1") == parse_quantity("50 %", to="1") == 0.5
    assert parse_quantity("50%", to="1") == 0.5
    for text in ("3e-6", "three cm", "1,5 nm", "nan nm", "1e999 nm", ""):
        with pytest.raises(UnitError):
            parse_quantity(text, to="nm")
