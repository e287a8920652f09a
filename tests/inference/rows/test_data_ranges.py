"""What the data of a campaign speak of, beyond which a map extrapolates."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from data.campaign import Campaign
from inference.maps.asked import one_design
from inference.maps.extrapolation import DataSpan, extrapolation, extrapolation_in_words
from inference.maps.separators import separator_sections
from inference.rows.data_ranges import data_hulls, data_ranges
from inference.runs.findings import _depleted

SEPARATORS = (
    "separator,pore_type,pore_radius [nm],thickness [um],porosity [1]\n"
    "fine,polymer,14,25,0.4\nglass,polymer,500,260,0.9"
)
LSV = (
    "cell,separator,layers,concentration [mol/L],temperature [degC],scan_rate [mV/s],plateau,"
    "area [cm^2],plateau_current [mA]\na,glass,1,1,25,0.1,1,0.8,6"
)
PENETRATION = (
    "cell,separator,temperature [degC],current_density [mA/cm^2],outcome\n"
    "a,fine,25,2,survived\nb,fine,25,9,penetrated"
)
SAND = (
    "cell,electrode_distance [mm],concentration [mol/L],temperature [degC],"
    "current_density [mA/cm^2],sand_time [s],stop_time [s]\na,5,1,25,5,{time},3600"
)


def test_a_limiting_current_says_nothing_of_a_pore_radius(
    campaign_of: Callable[..., Campaign],
) -> None:
    both = campaign_of(separators=SEPARATORS, lsv=LSV, penetration=PENETRATION)
    ranges = data_ranges(both)["liquid"]
    assert ranges["pore_radius"] == [14.0, 14.0]
    assert ranges["thickness"] == [25.0, 260.0]
    alone = campaign_of(separators=SEPARATORS, lsv=LSV)
    assert "pore_radius" not in data_ranges(alone)["liquid"]


def test_a_range_over_cells_is_data_on_the_charges_of_its_steps(
    campaign_of: Callable[..., Campaign],
) -> None:
    head = (
        "cell,protocol,temperature [degC],pressure [MPa],current_density_lowest [mA/cm^2],"
        "current_density_highest [mA/cm^2],step_height [mA/cm^2],step_time [min]\n"
    )
    campaign = campaign_of(dc_polarization=head + "a,step,25,0,5,9,1,6")
    assert data_ranges(campaign)["solid step"]["charge"] == pytest.approx([0.5, 0.9])


@pytest.mark.parametrize(("time", "depleted"), [("", False), ("900", True)])
def test_transients_that_were_stopped_before_do_not_separate_transport(
    campaign_of: Callable[..., Campaign], time: str, depleted: bool
) -> None:
    assert _depleted(campaign_of(sand=SAND.format(time=time))) is depleted


STEPS = (
    "cell,protocol,temperature [degC],pressure [MPa],electrode_thickness [um],"
    "current_density_lower [mA/cm^2],current_density_upper [mA/cm^2],step_time [s]\n"
)


class _Of:
    """What is judged of a fit: the rows that it rests on."""

    salt_concentration = 1.0
    posterior: tuple[str, ...] = ()

    def __init__(self, campaign: Campaign) -> None:
        self.data_ranges = json.loads(json.dumps(data_ranges(campaign)))
        self.attrs = {
            "data_hulls": json.dumps(data_hulls(campaign)),
            "separators": json.dumps(separator_sections(campaign.tables.get("separators"))),
        }

    def told(self, design: Mapping[str, Any]) -> tuple[str, ...]:
        one: Any = one_design(design, self)  # type: ignore[arg-type]
        found = extrapolation_in_words(one, self)  # type: ignore[arg-type]
        assert bool(extrapolation(one, self).all()) == bool(found)  # type: ignore[arg-type]
        return found


def _steps(*rows: tuple[float, float | str, float]) -> str:
    """Write steps at 25 degC of cells under a pressure, of a metal thickness, for a time."""
    return STEPS + "".join(
        f"k{i},step,25,{pressure},{metal},{600 * time**-0.5:.4g},{660 * time**-0.5:.4g},{time}\n"
        for i, (pressure, metal, time) in enumerate(rows)
    )


_LONG_AT_NONE = _steps((0, 500, 300), (0, 500, 1200), (0, 500, 7200), (5, 500, 300))
_THICK_AT_NONE = _steps(*((p, m, t) for t in (300, 7200) for p, m in ((0, 2000), (5, 250))))
_EVERY = _steps(*((p, m, t) for t in (300, 7200) for p in (0, 5) for m in (250, 2000)))
_BLANK_AT_NONE = _steps(
    *((p, m, t) for t in (300, 7200) for p, m in ((0, ""), (5, 250), (5, 2000)))
)
_SOLID = {"cell": "solid", "temperature": "25 degC"}


@pytest.mark.parametrize(
    ("rows", "design", "words"),
    [
        (_LONG_AT_NONE, ("4 mAh/cm^2", "5 MPa", "500 um"),
         "charge of a half-cycle 4 mAh/cm^2 at stack pressure 5 MPa (data there: 2.89 to 3.18 "
         "mAh/cm^2)"),
        (_LONG_AT_NONE, ("3 mAh/cm^2", "5 MPa", "500 um"), ""),
        (_LONG_AT_NONE, ("8 mAh/cm^2", "0.2 MPa", "500 um"), ""),
        (_THICK_AT_NONE, ("4 mAh/cm^2", "5 MPa", "500 um"),
         "metal thickness 500 um at stack pressure 5 MPa (data there: 250 um)"),
        (_THICK_AT_NONE, ("4 mAh/cm^2", "5 MPa", "255 um"), ""),
        (_EVERY, ("4 mAh/cm^2", "5 MPa", "500 um"), ""),
        (_BLANK_AT_NONE, ("4 mAh/cm^2", "2.5 MPa", "300 um"), ""),
        # What one range already excludes is told once.
        (_LONG_AT_NONE, ("4 mAh/cm^2", "6 MPa", "500 um"),
         "stack pressure 6 MPa (data: 0 to 5 MPa)"),
    ],
)  # fmt: skip
def test_a_corner_that_no_cell_came_near_is_extrapolated(
    rows: str, design: tuple[str, str, str], words: str, campaign_of: Callable[..., Campaign]
) -> None:
    of = _Of(campaign_of(dc_polarization=rows))
    asked = dict(zip(("charge", "pressure", "metal_thickness"), design, strict=True))
    assert of.told(_SOLID | asked) == ((words,) if words else ())


def test_a_map_is_hatched_in_such_a_corner(campaign_of: Callable[..., Campaign]) -> None:
    of = _Of(campaign_of(dc_polarization=_LONG_AT_NONE))
    swept = {"pressure": ["0 MPa", "2.5 MPa", "5 MPa"], "charge": ["3 mAh/cm^2", "10 mAh/cm^2"]}
    for names in (("pressure", "charge"), ("charge", "pressure")):
        section = _SOLID | {"metal_thickness": "500 um"} | {name: swept[name] for name in names}
        design: Any = one_design(section, of)  # type: ignore[arg-type]
        found = extrapolation(design, of)  # type: ignore[arg-type]
        assert found.shape == tuple(len(swept[name]) for name in design.dims)
        by_pressure = found if design.dims[0] == "pressure" else found.T
        assert by_pressure.tolist() == [[False, False], [False, True], [False, True]]


_TWO = (
    "separator,pore_type,pore_radius [nm],thickness [um],porosity [1]\n"
    "A,polymer,20,25,0.4\nB,polymer,22,25,0.4\nG,polymer,300,260,0.75\n"
)
_AT_CHARGES = (
    "cell,separator,temperature [degC],current_density [mA/cm^2],outcome,capacity [mAh/cm^2]\n"
    "a,A,25,2,survived,0.2\nb,A,25,9,penetrated,0.2\nc,B,25,2,survived,5\nd,B,25,9,penetrated,5\n"
)
_TRANSIENTS = (
    "cell,electrode_distance [mm],concentration [mol/L],temperature [degC],"
    "current_density [mA/cm^2],sand_time [s],stop_time [s]\n"
    "s,30,0.1,25,2,9000,90000\nt,30,1,25,20,9000,90000\n"
)
_LIQUID = {"cell": "liquid", "porosity": 0.4, "thickness": "25 um"}


@pytest.mark.parametrize(
    ("tables", "design", "words"),
    [
        # Rows that say nothing of penetration do not take its "extrapolated" away.
        ({"sand": _TRANSIENTS}, {"separators": ["A"], "charge": "0.2 mAh/cm^2",
                                 "concentration": "0.3 mol/L"},
         ("salt concentration 0.3 mol/L (data on penetration of this separator: 1 mol/L)",)),
        ({"sand": _TRANSIENTS}, {"separators": ["A"], "charge": "0.2 mAh/cm^2"}, ()),
        ({"lsv": LSV.replace("glass", "G")}, {"pore_radius": "21 nm", "porosity": 0.75,
                                              "charge": "1 mAh/cm^2", "thickness": "260 um"},
         ("porosity 0.75 (data on penetration: 0.4)",
          "separator thickness 260 um (data on penetration: 25 um)")),
        # A cell of one separator is judged by the conditions of its own.
        ({}, {"separators": ["A"], "charge": "0.2 mAh/cm^2"}, ()),
        ({}, {"separators": ["A"], "charge": "5 mAh/cm^2"},
         ("charge of a half-cycle 5 mAh/cm^2 (data of this separator: 0.2 mAh/cm^2)",)),
        ({}, {"separators": ["B"], "charge": "0.2 mAh/cm^2"}, ()),  # passed on the way to 5
        ({}, {"pore_radius": "20 nm", "charge": "5 mAh/cm^2"},
         ("charge of a half-cycle 5 mAh/cm^2 at pore radius 20 nm (data there: 0.2 mAh/cm^2)",)),
    ],
)  # fmt: skip
def test_each_limit_and_separator_is_judged_by_rows_of_its_own(
    tables: dict[str, str],
    design: dict[str, Any],
    words: tuple[str, ...],
    campaign_of: Callable[..., Campaign],
) -> None:
    of = _Of(campaign_of(separators=_TWO, penetration=_AT_CHARGES, **tables))
    own = {} if "separators" in design else _LIQUID
    assert of.told({"cell": "liquid", **own, **design}) == words


def test_hulls_hold_their_rows_and_little_more() -> None:
    """Of a thousand rows in a triangle, on both scales; and the range told at any place."""
    rng = np.random.default_rng(3)
    shares = rng.dirichlet(np.ones(3), 1000)
    inside = shares @ np.array([[0.0, 0.0], [5.0, 0.0], [0.0, np.log(10.0)]])
    pressure, charge = inside[:, 0], 2.0 * np.exp(inside[:, 1])
    corners = {"axes": ["pressure", "charge"], "hull": [[0.0, 2.0], [5.0, 2.0], [0.0, 20.0]]}
    support = DataSpan("", {}, [corners])
    assert not np.diag(support.apart(corners, pressure, charge)).any()
    assert support.there(corners, 2.5) == pytest.approx([2.0, 20.0**0.5 * 2.0**0.5])
    grid = support.apart(corners, np.array([0.0, 2.5, 5.0]), np.array([1.5, 2.0, 4.0, 10.0, 20.0]))
    assert grid.tolist() == [
        [True, False, False, False, False],
        [True, False, False, True, True],
        [True, False, True, True, True],
    ]
