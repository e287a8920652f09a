"""What lies between tested levels, and a steady state beyond every charge, is told of."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from data.campaign import Campaign
from inference import safe_current, safe_current_map
from inference.figures.maps import _caption
from inference.maps.asked import one_design
from inference.maps.extrapolation import extrapolated
from inference.maps.gaps import between_sentences
from inference.maps.separators import separator_sections
from inference.rows.data_ranges import data_gaps, data_ranges
from tests.inference.maps import test_maps as toys
from tests.inference.rows.test_doubtful import LSV, SAND, SEPARATORS

PENETRATION = (
    "cell,separator,temperature [degC],current_density [mA/cm^2],outcome,capacity [mAh/cm^2]\n"
)


def penetrations(*capacities: str) -> str:
    return PENETRATION + "\n".join(
        f"p{i},A,25,2,survived,{each}" for i, each in enumerate(capacities)
    )


TRANSIENT = SAND + "s,5,1,25,5,3600,,,,9000"  # 5 mAh/cm^2
PLATEAU = LSV + "l,A,1,1,25,1,20,"


@pytest.mark.parametrize(
    ("tables", "charge", "steady"),
    [
        ({"penetration": penetrations("0.2", "0.1")}, [0.1, 0.2], [0.1, 0.2]),
        ({"penetration": penetrations("")}, None, None),
        ({"penetration": penetrations(""), "sand": TRANSIENT, "lsv": PLATEAU}, [5.0, 5.0], None),
        ({"penetration": penetrations(""), "sand": TRANSIENT}, [5.0, 5.0], [5.0, 5.0]),
        # Of either mechanism the longest is known to 0.2 mAh/cm^2.
        (
            {"penetration": penetrations("0.2"), "sand": TRANSIENT, "lsv": PLATEAU},
            [0.2, 0.2],
            [0.2, 0.2],
        ),
    ],
)
def test_a_steady_state_goes_beyond_every_charge_that_cells_passed(
    campaign_of: Callable[..., Campaign],
    tables: dict[str, str],
    charge: list[float] | None,
    steady: list[float] | None,
) -> None:
    ranges = data_ranges(campaign_of(separators=SEPARATORS, **tables))
    assert ranges["liquid"].get("charge") == (charge and pytest.approx(charge))
    assert ranges["liquid"].get("steady_state") == (steady and pytest.approx(steady))
    result = toys.Fabricated()
    result.data_ranges = ranges
    found = extrapolated(one_design({"cell": "liquid"}, result), result)
    assert ("steady_state" in found) is (steady is not None)


def test_the_answer_and_the_map_call_such_a_steady_state_extrapolated() -> None:
    result = toys.Fabricated()
    design = {"cell": "liquid", "pore_radius": "20 nm"}
    every = {"pore_radius": [10.0, 30.0], "porosity": [0.3, 0.5], "thickness": [25.0, 25.0]}
    every |= {"concentration": [1.0, 1.0], "temperature": [25.0, 25.0], "charge": [0.1, 0.2]}
    result.data_ranges = {"liquid": every}
    assert safe_current(result, design).extrapolation == ()
    result.data_ranges = {"liquid": every | {"steady_state": [0.1, 0.2]}}
    answer = safe_current(result, design)
    assert answer.extrapolation == ("steady state (data: 0.1 to 0.2 mAh/cm^2)",)
    assert bool(safe_current_map(result, design)["extrapolation"])
    at_charge = {**design, "charge": "0.2 mAh/cm^2"}
    assert safe_current(result, at_charge).extrapolation == ()


HELD = "would have held it"
AT_5 = {"charge": "5 mAh/cm^2"}


def between(result: Any, design: dict[str, Any]) -> str:
    return " ".join(between_sentences(one_design(design, result), result))


@pytest.mark.parametrize(
    ("tables", "told"),
    [
        ({"penetration": penetrations("")}, True),
        ({"penetration": penetrations(""), "sand": TRANSIENT, "lsv": PLATEAU}, True),
        ({"penetration": penetrations("", "0.2")}, False),
        (
            {"critical_current": "cell,separator,temperature [degC],current_density_lower "
             "[mA/cm^2],current_density_upper [mA/cm^2],bracket_from\na,A,25,2,3,one_cell"},
            True,
        ),
        ({"lsv": PLATEAU}, False),
    ],
)  # fmt: skip
def test_a_charge_that_no_row_states_supports_no_steady_state(
    campaign_of: Callable[..., Campaign], tables: dict[str, str], told: bool
) -> None:
    campaign = campaign_of(separators=SEPARATORS, **tables)
    result = toys.Fabricated()
    result.data_ranges = data_ranges(campaign)
    design = {"cell": "liquid", "pore_radius": "15 nm"}
    assert between(result, design) == ""  # of a result that does not tell of gaps
    result.attrs["data_gaps"] = json.dumps(data_gaps(campaign))
    start = "No row that tells of penetration states a charge that its cell survived: "
    for asked, until in (({}, "for good, in the steady state"), (AT_5, "up to the charge asked")):
        text = between(result, design | asked)
        assert text.startswith(start) is text.endswith(f"{HELD} {until}.") is told
        assert bool(text) is told


def test_the_answer_and_the_map_say_what_no_cell_shows() -> None:
    """Of a charge that nobody states, and of a gap."""
    result = toys.one_cell()
    result.data_ranges = {"liquid penetration": {}}
    gap = {"between": [0.0, 6.0], "far": [2.0, 4.0]}
    gaps = {"liquid penetration": {}, "solid step": {"pressure": [gap]}}
    result.attrs["data_gaps"] = json.dumps(gaps)
    of_solid = {"cell": "solid", "charge": "1 mAh/cm^2", "pressure": "3 MPa"}
    for design, words in (
        ({"cell": "liquid", "pore_radius": "15 nm"}, HELD),
        (of_solid, "between 0 and 6 MPa: at stack pressure 3 MPa the law alone speaks."),
    ):
        answer = safe_current(result, design, draws=100)
        assert words in answer.law
        assert answer.law == answer.to_dict()["law"]
        assert answer.law in answer.sentences()
        chart = safe_current_map(result, design, draws=100)
        assert chart.attrs["untried_law"] == answer.law
        assert answer.law in _caption(chart)


STEPPED = (
    "cell,protocol,temperature [degC],pressure [MPa],electrode_thickness [um],"
    "current_density_lower [mA/cm^2],current_density_upper [mA/cm^2],step_time [s]\n"
)


def stepped(*conditions: tuple[float, float, float]) -> str:
    """Write cells that failed at a temperature, under a pressure, of a metal thickness."""
    return STEPPED + "".join(
        f"c{i},step,{temperature},{pressure},{metal},3.6,4.5,1000\n"
        for i, (temperature, pressure, metal) in enumerate(conditions)
    )


@pytest.mark.parametrize(
    ("rows", "asked", "words"),
    [
        (stepped((25, 0, 500), (25, 6, 500), (25, 8, 500)), {"pressure": "3 MPa"},
         "between 0 and 6 MPa: at stack pressure 3 MPa"),
        # Within a quarter of what was tested of a level.
        (stepped((25, 0, 500), (25, 6, 500), (25, 8, 500)), {"pressure": "1.9 MPa"}, ""),
        (stepped((25, 0, 500), (25, 4, 500), (25, 8, 500)), {"pressure": "2 MPa"}, ""),
        (stepped((25, 0, 500), (25, 6, 500), (25, 8, 500)), {"pressure": "6 MPa"}, ""),
        (stepped((25, 0, 500), (70, 0, 500)), {"temperature": "45 degC"},
         "between 25 and 70 degC: at temperature 45 degC"),
        (stepped((20, 0, 500), (30, 0, 500)), {"temperature": "25 degC"}, ""),
        (stepped((25, 0, 50), (25, 5, 500)), {"metal_thickness": "150 um"},
         "between 50 and 500 um: at metal thickness 150 um"),
        (stepped((25, 0, 250), (25, 5, 500)), {"metal_thickness": "350 um"}, ""),
        # A cell that failed between two steps, and a range over cells, is tested in between.
        (stepped((25, 0, 500)).replace("3.6,4.5", "0.36,36"), {"charge": "1 mAh/cm^2"}, ""),
        (stepped((25, 0, 500)) + "z,step,25,0,500,36,45,1000", {"charge": "4 mAh/cm^2"},
         "between 1.25 and 10 mAh/cm^2: at charge of a half-cycle 4 mAh/cm^2"),
    ],
)  # fmt: skip
def test_between_levels_that_lie_far_apart_the_law_alone_speaks(
    campaign_of: Callable[..., Campaign], rows: str, asked: dict[str, str], words: str
) -> None:
    result = toys.one_cell()
    result.attrs["data_gaps"] = json.dumps(data_gaps(campaign_of(dc_polarization=rows)))
    design = {"cell": "solid", "charge": "1 mAh/cm^2", "pressure": "0 MPa", **asked}
    due = f"No cell was tested {words} the law alone speaks." if words else ""
    assert between(result, design) == due
    [name] = asked
    if words:
        unit = asked[name].split()[1]
        low, high = words.removeprefix("between ").split(f" {unit}:")[0].split(" and ")
        swept = {"from": f"{float(low) or 0.1} {unit}", "to": f"{high} {unit}", "points": 5}
        assert between(result, {**design, name: swept}) == (
            f"No cell was tested between {low} and {high} {unit}: there the law alone speaks."
        )


def test_a_gap_in_the_pore_radius_is_that_of_new_separators_alone(
    campaign_of: Callable[..., Campaign],
) -> None:
    table = SEPARATORS + "B,polymer,150,25,0.4\n"
    of_both = penetrations("1") + "\nq,B,60,1,survived,1"
    campaign = campaign_of(separators=table, penetration=of_both, lsv=PLATEAU)
    gaps = data_gaps(campaign)
    [gap] = gaps["liquid penetration"]["pore_radius"]
    assert gap["between"] == [15.0, 150.0]
    assert gap["far"] == pytest.approx([15.0 * 10**0.25, 150.0 / 10**0.25])
    # What one limit alone leaves open is told of that limit.
    assert gaps["liquid penetration"]["temperature"]
    assert gaps["liquid depletion"]["temperature"] == []
    assert gaps["liquid penetration of A"]["temperature"] == []
    result = toys.Fabricated()
    result.data_ranges = data_ranges(campaign)
    result.attrs["data_gaps"] = json.dumps(gaps)
    asked = {"cell": "liquid", "pore_radius": "50 nm"}
    text = "No cell was tested between 15 and 150 nm: at pore radius 50 nm the law alone speaks."
    assert between(result, asked) == text
    assert between(result, {**asked, "pore_radius": "20 nm"}) == ""
    named = json.dumps(separator_sections(campaign.tables["separators"]))
    result.attrs["separators"] = named
    assert between(result, {"cell": "liquid", "separators": ["A"]}) == ""
