"""A design is read strictly: units are converted, and every mistake is refused by name."""

import numpy as np
import pytest

from data.errors import MapError
from inference.designs.axes import AXES, Axis, Tolerance
from inference.designs.design import Design
from inference.designs.reading import read_design


def test_any_unit_of_the_right_dimension_is_converted() -> None:
    design = read_design("liquid", {"pore_radius": "0.014 um", "concentration": "800 mol/m^3"})
    assert design.axes["pore_radius"].values == pytest.approx([14.0])
    assert design.axes["concentration"].values == pytest.approx([0.8])
    assert not design.axes["pore_radius"].swept
    assert read_design("solid", {"temperature": "273.15 K"}).axes["temperature"].values == [0.0]


def test_a_list_and_a_range_are_swept_and_a_quantity_is_fixed() -> None:
    section = {
        "charge": ["1 mAh/cm^2", "36 C/cm^2"],
        "pressure": {"from": "0.1 MPa", "to": "1 MPa", "points": 3, "scale": "log"},
        "temperature": "25 degC",
    }
    design = read_design("solid", section)
    assert design.dims == ("charge", "pressure")
    assert design.shape == (2, 3)
    np.testing.assert_allclose(design.axes["charge"].values, [1.0, 10.0])
    np.testing.assert_allclose(design.axes["pressure"].values, [0.1, 10**-0.5, 1.0])


@pytest.mark.parametrize("cell", AXES)
def test_the_default_design_is_legal(cell: str) -> None:
    design = read_design(cell, {})
    assert design.dims
    assert set(design.axes) <= set(AXES[cell])  # type: ignore[index]


def test_the_order_of_the_file_does_not_set_the_order_of_the_dimensions() -> None:
    radius, porosity = ["5 nm", "10 nm"], ["0.3", "0.4"]
    one = read_design("liquid", {"porosity": porosity, "pore_radius": radius})
    two = read_design("liquid", {"pore_radius": radius, "porosity": porosity})
    assert one.dims == two.dims == ("pore_radius", "porosity")


def test_the_campaign_sets_the_default_concentration_and_the_job_overrides_it() -> None:
    assert read_design("liquid", {}, salt_concentration=0.5).axes["concentration"].values == [0.5]
    section = {"concentration": "2 mol/L"}
    design = read_design("liquid", section, salt_concentration=0.5)
    assert design.axes["concentration"].values == [2.0]


def test_an_optional_axis_may_be_left_blank() -> None:
    design = read_design("liquid", {"charge": "", "macmullin_number": ""})
    assert not {"charge", "macmullin_number"} & set(design.axes)


@pytest.mark.parametrize(
    ("name", "value", "tolerance", "spread"),
    [
        ("pore_radius", 100.0, Tolerance(10.0), np.sqrt(np.log1p(0.01))),
        ("pore_radius", 100.0, Tolerance(0.1, relative=True), np.sqrt(np.log1p(0.01))),
        ("porosity", 0.4, Tolerance(0.024), 0.1),
        ("temperature", 25.0, Tolerance(2.0), 2.0),
    ],
)
def test_a_tolerance_spreads_about_the_nominal_value_on_its_natural_scale(
    name: str, value: float, tolerance: Tolerance, spread: float
) -> None:
    kind = AXES["liquid"][name]
    low, mid, high = tolerance.apply(kind, np.array([value]), np.array([-1.0, 0.0, 1.0]))
    natural = {
        "lognormal": np.log,
        "logit_normal": lambda x: np.log(x / (1 - x)),
        "normal": lambda x: x,
    }[kind.spread]
    assert mid == pytest.approx(value)
    assert natural(high) - natural(mid) == pytest.approx(spread)
    assert natural(mid) - natural(low) == pytest.approx(spread)


def test_a_tolerance_that_stays_within_the_legal_range_is_taken_at_its_word() -> None:
    design = read_design(
        "solid",
        {"pressure": ["0 MPa", "80 MPa"], "pressure_sd": "10 %", "temperature_sd": "20 K"},
    )
    lower, upper = design.reach("pressure")
    np.testing.assert_allclose(upper, [0.0, 80 * np.exp(2 * np.sqrt(np.log(1.01)))])
    np.testing.assert_allclose(lower[1] * upper[1], 80.0**2)
    np.testing.assert_allclose(design.reach("temperature"), [[-15.0], [65.0]])
    np.testing.assert_allclose(design.reach("metal_thickness"), [[500.0], [500.0]])


def test_no_pressure_stays_no_pressure_within_its_tolerance() -> None:
    spread = Tolerance(0.1).apply(AXES["solid"]["pressure"], np.array([0.0]), np.array([3.0]))
    assert spread == [0.0]


@pytest.mark.parametrize(
    ("cell", "section", "message"),
    [
        ("liqid", {}, "did you mean 'liquid'"),
        ("liquid", {"pore_radios": "5 nm"}, "did you mean 'pore_radius'"),
        ("liquid", {"pore_radios_sd": "5 nm"}, "did you mean 'pore_radius_sd'"),
        ("liquid", {"pressure": "1 MPa"}, "pressure belongs to solid cells"),
        ("liquid", {"protocol": "step"}, "has no 'protocol'"),
        ("solid", {"pore_type": "straight"}, "has no 'pore_type'"),
        ("solid", {"protocol": "steps"}, "did you mean 'step'"),
        ("liquid", {"pore_radius": 14}, 'such as "14 nm"'),
        ("liquid", {"pore_radius": "14"}, "pore_radius.*no unit"),
        ("liquid", {"pore_radius": "14 mA"}, "pore_radius.*dimension"),
        ("liquid", {"pore_radius": "nan nm"}, "pore_radius"),
        ("liquid", {"pore_radius": "-3 nm"}, "legal are 1 to 100000 nm"),
        ("liquid", {"porosity": 1.2}, "legal are 0.001 to 0.999"),
        ("liquid", {"porosity": True}, "True"),
        ("liquid", {"pore_radius": []}, "no values"),
        ("liquid", {"pore_radius": ["9 nm", "5 nm"]}, "must increase"),
        ("liquid", {"pore_radius": ""}, "pore_radius"),
        ("solid", {"pressure": {"from": "0 MPa", "points": 3}}, "lacks 'to'"),
        ("solid", {"pressure": {"from": "0 MPa", "too": "1 MPa"}}, "did you mean 'to'"),
        ("solid", {"pressure": {"from": "2 MPa", "to": "1 MPa"}}, "from must be below to"),
        ("solid", {"pressure": {"from": "0 MPa", "to": "1 MPa", "points": 1}}, "2 to 1000"),
        ("solid", {"pressure": {"from": "0 MPa", "to": "1 MPa", "scale": "log"}}, "above 0"),
        ("solid", {"pressure": {"from": "0 MPa", "to": "1 MPa", "scale": "lin"}}, "linear"),
        ("liquid", {"pore_radius_sd": "-1 nm"}, "pore_radius_sd"),
        ("liquid", {"pore_radius_sd": "300 %"}, "legal are 0 to 2"),
        ("liquid", {"porosity_sd": "10 %"}, "ambiguous"),
        ("liquid", {"macmullin_number_sd": "10 %"}, "give macmullin_number too"),
        (
            "solid",
            {"temperature": "85 degC", "temperature_sd": "3 K"},
            r"temperature_sd lets map axis 'temperature' reach 91 degC \(2 standard deviations "
            r"from 85\), legal are -60 to 90 degC",
        ),
        ("solid", {"temperature": "-60 degC", "temperature_sd": "1 K"}, "reach -62 degC"),
        (
            "solid",
            {"pressure": ["1 MPa", "95 MPa"], "pressure_sd": "5 %"},
            "reach 105 MPa .* from 95",
        ),
        (
            "liquid",
            {"macmullin_number": "1.2", "macmullin_number_sd": "0.3"},
            r"macmullin_number_sd lets .* reach 0\.7334 \(.* legal are 1 to 1000:",
        ),
    ],
)
def test_a_mistake_is_refused_and_says_what_is_legal(
    cell: str, section: dict[str, object], message: str
) -> None:
    with pytest.raises(MapError, match=message):
        read_design(cell, section)


def test_a_design_lacking_a_condition_is_refused() -> None:
    with pytest.raises(MapError, match="no 'porosity'"):
        Design("liquid", {"pore_radius": Axis(AXES["liquid"]["pore_radius"], np.array([5.0]))})
