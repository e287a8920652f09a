"""What the cells of a campaign cannot show is said with its answers, and where they are entered."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from data import new_campaign
from data.campaign import Campaign
from inference import safe_current, safe_current_map
from inference.designs.mechanisms import MECHANISMS
from inference.designs.scope import DOES_NOT_COVER
from inference.figures.maps import _caption
from inference.maps.asked import one_design
from inference.maps.extrapolation import extrapolated
from inference.maps.gaps import between_sentences
from inference.maps.rare_kinds import cells_behind, cells_that_show, rare_kind_sentence
from inference.maps.separator_laws import separator_law_sentence
from inference.maps.separators import separator_sections
from inference.rows.data_ranges import data_gaps, data_ranges
from inference.rows.doubtful import doubtful_cells, doubtful_numbers
from inference.thresholds import UNSEEN
from tests.inference.maps import test_maps as toys

ONE_WAY = (
    "cell,protocol,temperature [degC],pressure [MPa],current_density [mA/cm^2],"
    "transition_time [s],transition_time_sd [s],transition_time_lower [s],"
    "transition_time_upper [s],stop_time [s]\n"
)
SAND = (
    "cell,electrode_distance [mm],concentration [mol/L],temperature [degC],"
    "current_density [mA/cm^2],sand_time [s],sand_time_sd [s],sand_time_lower [s],"
    "sand_time_upper [s],stop_time [s]\n"
)
SEPARATORS = (
    "separator,pore_type,pore_radius [nm],thickness [um],porosity [1]\nA,polymer,15,25,0.4\n"
)
LSV = (
    "cell,separator,layers,concentration [mol/L],temperature [degC],area [cm^2],"
    "plateau_current [mA],plateau_current_sd [mA]\n"
)
PENETRATION = (
    "cell,separator,temperature [degC],current_density [mA/cm^2],outcome,capacity [mAh/cm^2]\n"
)
CURRENTS = np.array([1.0, 1.5, 2.0, 3.0, 4.0, 1.2, 2.5, 3.5])
STOP = 1e7


def one_way(times: Any, sds: Any) -> str:
    rows = zip(CURRENTS, times, sds, strict=True)
    return ONE_WAY + "".join(
        f"c{i},one_way,25,0,{j},{t:.6g},{sd if sd == '' else f'{sd:.4g}'},,,{STOP}\n"
        for i, (j, t, sd) in enumerate(rows)
    )


def drawn_times(scatter: float, cells: int = 1, seed: int = 7) -> Any:
    """Draw times of cells whose currents scatter, shape (row, cell)."""
    deviates = np.random.default_rng(seed).standard_normal((CURRENTS.size, cells))
    return 2e4 * CURRENTS[:, None] ** -2 * np.exp(2.0 * scatter * deviates)


@pytest.mark.parametrize("scatter", [0.06, 0.3])
def test_a_mean_over_cells_with_its_sd_is_no_row(
    campaign_of: Callable[..., Campaign], scatter: float
) -> None:
    """Far from any reading of a curve, or as large as the rows differ; an error of 2 % is one."""
    of_five = drawn_times(scatter, 5)
    sds = of_five.std(axis=1, ddof=1)
    alone = drawn_times(scatter)[:, 0]
    for text in (one_way(of_five.mean(axis=1), sds), one_way(alone, 2.0 * scatter * alone)):
        [note] = doubtful_cells(campaign_of(dc_polarization=text))
        assert note.startswith("dc_polarization.csv, ")
        assert "the scatter of several cells about their mean" in note
        assert "of a mean over cells there is no row" in note
    for sd in (0.02, 0.08 if scatter == 0.3 else 0.01):
        assert doubtful_cells(campaign_of(dc_polarization=one_way(alone, sd * alone))) == []
    assert doubtful_cells(campaign_of(dc_polarization=one_way(alone, [""] * 8))) == []


@pytest.mark.parametrize(
    ("tables", "seen"),
    [
        (
            {"sand": SAND + "a,20,1,25,10,900,280,,,9000\nb,20,1,25,20,220,4,,,9000"},
            "line 2: sand_time_sd is 31 % of sand_time,",
        ),
        (
            {"separators": SEPARATORS, "lsv": LSV + "a,A,1,1,25,1,20,1\nb,A,1,1,25,1,21,6"},
            "line 3: plateau_current_sd is 29 % of plateau_current,",
        ),
        (
            {"dc_polarization": ONE_WAY + f"a,one_way,25,0,1,,,9000,30000,{STOP}\n"
             f"b,one_way,25,0,2,,,2500,7000,{STOP}"},
            "every interval of transition_time is as wide as 9000 to 30000",
        ),
        (
            {"dc_polarization": ONE_WAY + f"a,one_way,25,0,1,,,9000,13000,{STOP}\n"
             f"b,one_way,25,0,2,,,2500,7000,{STOP}"},
            "",
        ),
    ],
)  # fmt: skip
def test_so_is_it_in_other_tables_and_as_an_interval(
    campaign_of: Callable[..., Campaign], tables: dict[str, str], seen: str
) -> None:
    notes = doubtful_cells(campaign_of(**tables))
    assert [seen in note for note in notes] == ([True] if seen else [])


@pytest.mark.parametrize(
    ("header", "cell", "doubted"),
    [
        ("[%]", "41", ""),
        ("[%]", "0.41", "0.0041 is far below the 0.01 to 0.99"),
        ("[1]", "0.41", ""),
    ],
)
def test_a_fraction_below_a_header_of_per_cent_is_doubted(
    campaign_of: Callable[..., Campaign], header: str, cell: str, doubted: str
) -> None:
    table = SEPARATORS.replace("porosity [1]", f"porosity {header}").replace("0.4\n", f"{cell}\n")
    notes = doubtful_numbers(campaign_of(separators=table))
    assert [doubted in note for note in notes] == ([True] if doubted else [])


def test_the_rules_are_said_where_rows_are_entered_and_where_maps_are_read(tmp_path: Path) -> None:
    readme = (new_campaign(tmp_path / "mine") / "README.md").read_text().replace("\n", " ")
    assert "every cell that was tested is in the table: early failures" in readme
    assert "a mean over cells is no row" in readme
    assert (
        "| `transition_time_sd [s]` | standard deviation of time at which the potential runs away: "
        "the error of measuring one cell |" in readme
    )
    for text in DOES_NOT_COVER.values():
        assert "cells that were tested and are not in the tables" in text


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
    start = "No row that tells of penetration states the charge at which its cell was judged: "
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


@pytest.mark.parametrize("risk", [0.01, 0.05, 0.2])
@pytest.mark.parametrize("count", [1, 3, 8, 20, 58, 59, 298, 299, 1000])
def test_a_kind_that_so_few_cells_may_have_missed_is_told(count: int, risk: float) -> None:
    sentence = rare_kind_sentence(count, risk)
    assert bool(sentence) == ((1.0 - risk) ** count >= UNSEEN)
    if sentence:
        rarest = int(sentence.partition("one in ")[2].split()[0])
        assert (1.0 - 1.0 / rarest) ** count >= UNSEEN
        assert rarest == 2 or (1.0 - 1.0 / (rarest - 1)) ** count < UNSEEN
    assert rare_kind_sentence(0, risk) == ""


def test_the_cells_behind_an_answer_are_counted_and_told_with_how_sure_it_is() -> None:
    result = toys.Fabricated()
    result.posterior["lsv_scatter"] = result.posterior["sand_scatter"]
    result.observed_data = xr.Dataset(
        {
            name: (f"{name}_row", np.zeros(len(rows)), {})
            for name, rows in (
                ("penetration", ["a", "b", "c"]),
                ("critical_current_cells", ["A, lower", "A, upper"]),
                ("critical_current_range", ["B", "C", "B, highest", "C, highest"]),
                ("critical_current_one_cell", ["A, 1", "A, 2", "B, 1"]),
                ("critical_current_overpotential", ["A"]),
                ("sand", ["s"]),
                ("lsv", ["L1, 1", "L1, 2", "L2, 1"]),
            )
            for rows in [rows]
        },
        {
            "penetration_row": ["a", "b", "c"],
            "critical_current_one_cell_row": ["A, 1", "A, 2", "B, 1"],
            "lsv_row": ["L1, 1", "L1, 2", "L2, 1"],
        },
    )
    for name in ("critical_current_cells", "critical_current_range", "sand"):
        size = result.observed_data.sizes[f"{name}_row"]
        result.observed_data = result.observed_data.assign_coords({f"{name}_row": range(size)})
    columns = "critical_current_range_column"
    result.constant_data = xr.Dataset(
        {"critical_current_range_design": (("row", columns), [[4.0], [0.0], [4.0], [0.0]])},
        {columns: ["cells"]},
    )
    penetration, depletion = MECHANISMS["liquid"]
    assert cells_behind(result, penetration) == 3 + 2 + 4 + 2 + 3
    assert cells_behind(result, depletion) == 1 + 2
    # Rows that lie together in batches count here as where that is told.
    assert cells_behind(result, penetration, worth={"penetration_scatter": 4}) == 4
    assert cells_behind(result, depletion, worth={"penetration_scatter": 2}) == 1 + 2
    result.groups = {
        "penetration": {"separator": ["A", "B", "B"]},
        "critical_current_cells": {"separator": ["A", "A"]},
        "critical_current_one_cell": {"separator": ["A", "A", "B"]},
        "critical_current_range": {"separator": ["B", "C", "B", "C"]},
    }
    of_each = [cells_behind(result, penetration, name) for name in ("A", "B", "C", "D")]
    assert of_each == [1 + 2 + 2, 2 + 4 + 1, 2, 0]
    # Cells of one separator are told apart by their names, in whatever labels begin with.
    for names, cells in (["m1", "m2"], 2), (["m1", "m1"], 1), (["", ""], 2), (["m, 1", "m, 2"], 2):
        result.groups["critical_current_cells"]["cell"] = names
        assert cells_behind(result, penetration, "A") == 1 + cells + 2
    result.groups["lsv"] = {"separator": ["A", "A", "B"], "cell": ["L, 1", "L, 1", "L, 2"]}
    assert cells_behind(result, depletion) == 1 + 2
    answer = safe_current(result, {"cell": "liquid", "pore_radius": "300 nm"})
    assert answer.mechanism == "penetration"
    assert answer.cells_behind == answer.to_dict()["cells_behind"] == 14
    assert answer.how_sure().endswith(rare_kind_sentence(14, 0.05))
    assert "14 cells tell how cells scatter" in answer.how_sure()


def test_a_verdict_shows_a_weak_kind_only_where_its_test_tells_of_the_answer() -> None:
    """Of 96 verdicts at four currents, as a reader made them, 45 survivors tell at 5 % risk."""
    result, penetration = toys.Fabricated(), MECHANISMS["liquid"][0]
    share = np.repeat([0.2, 0.45, 0.7, 0.9], 24)
    failed = np.arange(96) % 24 >= np.repeat([21, 14, 8, 2], 24)
    rng = np.random.default_rng(1)
    drawn = (rng.uniform(size=(2, 500, 96)) < share).astype(float)
    coords = {"penetration_row": [f"p{each}" for each in range(96)]}
    rows = ("penetration_row", failed.astype(float))
    result.observed_data = xr.Dataset({"penetration": rows}, coords)
    predicted = {"penetration": (("chain", "draw", "penetration_row"), drawn)}
    result.posterior_predictive = xr.Dataset(predicted, coords)
    shown = cells_that_show(result, penetration)
    assert cells_behind(result, penetration) == 96
    assert [shown.at(risk) for risk in (0.01, 0.05, 0.3)] == [45, 45, 24 + 3]
    assert cells_that_show(result, penetration, {"penetration_scatter": 4}).at(0.05) == 4
    sentence = rare_kind_sentence(45, 0.05, 96)
    assert sentence.startswith("45 of the 96 cells that tell how cells scatter would show a kind")
    assert "One rarer than one in 16 may be missing" in sentence
    assert "How many are of such a kind no cell says" in rare_kind_sentence(0, 0.05, 96)
    answer = safe_current(result, {"cell": "liquid", "pore_radius": "300 nm"})
    assert answer.mechanism == "penetration"
    assert answer.how_sure().endswith(sentence)
    # Cells with a threshold of their own tell of every answer; limits as verdicts do.
    logs = rng.standard_normal((2, 500, 3))
    logs[..., 1:] = np.clip(logs[..., 1:], -1.0, 1.0)
    drawn = (("chain", "draw", "sand_row"), np.exp(logs))
    coords = {"sand_row": ["own", "survived", "failed"]}
    observed = xr.Dataset({"sand": ("sand_row", np.exp([0.3, 1.0, -1.0]))}, coords)
    result.observed_data, result.posterior_predictive = observed, xr.Dataset({"sand": drawn})
    shown = cells_that_show(result, MECHANISMS["liquid"][1])
    assert [shown.at(risk) for risk in (0.05, 0.5, 0.9)] == [2, 3, 2]


def solid(charge: float, protocol: str) -> dict[str, Any]:
    return {
        "cell": "solid",
        "charge": f"{charge!r} mAh/cm^2",
        "pressure": "0 MPa",
        "protocol": protocol,
    }


@pytest.mark.parametrize(
    ("protocol", "column", "words", "apart"),
    [
        ("step", "step_time", "with one step time (600 s)", [600.0, 1800.0]),
        ("one_way", "current_density", "at one current (2 mA/cm^2)", [1.0, 2.0]),
    ],
)
def test_a_law_that_no_test_has_tried_is_told_unless_the_answer_is_of_the_test(
    protocol: str, column: str, words: str, apart: list[float]
) -> None:
    result = toys.one_cell()
    one = 600.0 if protocol == "step" else 2.0
    result.data_ranges = {f"solid {protocol}": {column: [one, one]}}

    def tested(charge: float) -> float:
        """Return what the answer at a charge is of, over what was tested."""
        current = float(safe_current(result, solid(charge, protocol)).value or 0.0)
        return charge / current * 3600.0 / one if protocol == "step" else current / one

    low, high = 0.01, 10.0  # the charge at which the answer is of the test
    for _ in range(12):
        middle = float(np.sqrt(low * high))
        shorter = tested(middle) < 1.0 if protocol == "step" else tested(middle) > 1.0
        low, high = (middle, high) if shorter else (low, middle)
    assert safe_current(result, solid(low, protocol)).law == ""
    for factor in (0.5, 2.0):
        answer = safe_current(result, solid(low * factor, protocol))
        assert answer.law.startswith(f"All cells were tested {words}: how the limit goes")
        assert answer.law in answer.sentences()
        assert answer.to_dict()["law"] == answer.law
    chart = safe_current_map(result, solid(low, protocol))
    assert words in _caption(chart)
    result.data_ranges = {f"solid {protocol}": {column: apart}}
    assert safe_current(result, solid(low * 2.0, protocol)).law == ""
    assert "All cells were tested" not in _caption(safe_current_map(result, solid(low, protocol)))


def test_the_times_of_steps_and_the_currents_of_tests_are_kept(
    campaign_of: Callable[..., Campaign],
) -> None:
    steps = (
        "cell,protocol,temperature [degC],pressure [MPa],current_density [mA/cm^2],stop_time [s],"
        "current_density_lower [mA/cm^2],current_density_upper [mA/cm^2],step_time [min]\n"
        "a,step,25,0,,,1,2,10\nb,step,25,0,,,2,3,10\nc,one_way,25,0,1,5000,,,"
    )
    ranges = data_ranges(campaign_of(dc_polarization=steps))
    assert ranges["solid step"]["step_time"] == [600.0, 600.0]
    assert ranges["solid one_way"]["current_density"] == [1.0, 1.0]
    assert "step_time" not in ranges["solid one_way"]


def separated(offsets: list[float], noise: float = 0.02) -> Any:
    """Return a fit whose separators of rising radius have such offsets."""
    result = toys.Fabricated()
    radii = np.geomspace(10.0, 25.0, len(offsets))
    names = [f"S{i}" for i in range(radii.size)]
    rng = np.random.default_rng(2)
    sizes = result.posterior.sizes
    shape = (sizes["chain"], sizes["draw"], radii.size)
    draws = np.array(offsets) + noise * rng.standard_normal(shape)
    result.posterior["separator_offset"] = (("chain", "draw", "separator"), draws, {"units": "1"})
    result.posterior = result.posterior.assign_coords(separator=names)
    result.attrs["separators"] = json.dumps(
        {
            name: {"pore_radius": f"{radius!r} nm", "porosity": 0.4, "thickness": "25 um"}
            for name, radius in zip(names, radii.tolist(), strict=True)
        }
    )
    result.conditions = {"penetration": {"pore_radius": [*radii.tolist(), float(radii[0])]}}
    result.prior = xr.Dataset({"separator_scatter": ("sample", np.geomspace(0.05, 0.45, 50))})
    return result


@pytest.mark.parametrize(
    ("offsets", "told", "trend"),
    [
        ([0.3], False, ""),
        ([-0.4, 0.1, 0.4], True, ""),  # three seldom show a trend, whatever their number of cells
        ([0.1, -0.2, 0.2, -0.1, 0.1], True, ""),
        ([-0.4, -0.22, 0.02, 0.2, 0.38], True, "rises"),
        ([0.1, -0.2, 0.2, -0.1, 0.1, -0.1, 0.0], False, ""),
        ([0.5, 0.3, 0.2, 0.1, -0.1, -0.3, -0.4], True, "falls"),
    ],
)
def test_the_law_in_the_pore_radius_is_told_by_what_it_was_held_against(
    offsets: list[float], told: bool, trend: str
) -> None:
    result = separated(offsets)
    sentence = separator_law_sentence(result)
    assert bool(sentence) is told
    assert ("does not seem to hold" in sentence) is bool(trend)
    assert f"this {trend} with the radius" in sentence or not trend
    if told:
        assert f"held against the cells of {len(offsets)} separators (10 to 25 nm)" in sentence
        assert f"fail at {np.exp(offsets[0]):.2g}"[:11] in sentence
        answer = safe_current(result, {"cell": "liquid", "pore_radius": "300 nm"})
        assert answer.mechanism == "penetration"
        assert answer.law == sentence
    result.conditions = {}  # no cell of theirs was tested
    assert separator_law_sentence(result) == ""


def with_properties(result: Any, **columns: Any) -> Any:
    stated = json.loads(result.attrs["separators"])
    for at, section in enumerate(stated.values()):
        section |= {name: values[at] for name, values in columns.items()}
    result.attrs["separators"] = json.dumps(stated)
    result.conditions["penetration"]["pore_radius"] = [
        float(each["pore_radius"].split()[0]) for each in stated.values()
    ]
    return result


def test_separators_are_held_against_the_laws_of_porosity_and_thickness_too() -> None:
    """Six agree, and the seventh, as narrow as others, less porous, bears two fifths."""
    offsets = [0.05, 0.0, 0.1, -0.1, 0.05, -0.05, -0.9]
    radii = [f"{each} nm" for each in (16, 18, 20, 22, 25, 28, 20.5)]
    porosity = [0.45] * 6 + [0.2]
    result = with_properties(separated(offsets), pore_radius=radii, porosity=porosity)
    sentence = separator_law_sentence(result)
    assert "of 7 separators fail at, over what the equation says, rises with the porosity (0.2" in (
        sentence
    )
    assert "separators of a small porosity fail sooner than the answer says" in sentence
    assert "'S6' (pore radius 20.5 nm, porosity 0.2, separator thickness 25 um)" in sentence
    thick = [*["25 um"] * 6, "60 um"]
    result = with_properties(separated(offsets), pore_radius=radii, thickness=thick)
    assert "separators of a large separator thickness fail sooner" in separator_law_sentence(result)


def test_a_lone_separator_is_named() -> None:
    radii = [f"{each} nm" for each in (16, 18, 20, 22, 25, 28)]
    for far in (-1.0, 1.0):
        result = with_properties(separated([0.0, 0.1, far, -0.1, 0.05, -0.05]), pore_radius=radii)
        sentence = separator_law_sentence(result)
        assert sentence.startswith("The separator 'S2' (pore radius 20 nm, porosity 0.4, separator")
        assert f"its cells fail at {np.exp(far):.2g} times what the equation says" in sentence
        assert ("the answer is too high" in sentence) is (far < 0.0)


def test_the_number_of_a_tested_separator_stands_beside_that_of_a_new_one_like_it() -> None:
    result = separated([0.0, 0.0, -0.8, 0.0, 0.0, 0.0])
    radius = result.conditions["penetration"]["pore_radius"][2]
    new = {"cell": "liquid", "pore_radius": f"{1.05 * radius!r} nm", "porosity": 0.41}
    answer = safe_current(result, new)
    own = safe_current(result, {"cell": "liquid", "separators": ["S2"]})
    assert own.value is not None
    beside = f"'S2' of the campaign (pore radius {radius:.3g} nm, porosity 0.4, separator thickness"
    assert beside in answer.law
    assert f"as fitted, bears {own.value:.3g} mA/cm^2 at 5 % risk." in answer.law
    far = safe_current(result, {**new, "porosity": 0.5})
    assert "of the campaign" not in far.law


def test_offsets_without_a_trend_are_called_one_no_more_often_than_once_in_twenty() -> None:
    from inference.maps.separator_laws import _rising

    rng = np.random.default_rng(4)
    arms = np.array([0.0, 0.2, 0.9, 1.0])
    signs = [_rising(rng.standard_normal((1, 4)), arms) for _ in range(2000)]
    called = np.mean([max(each, 1.0 - each) > 0.975 for each in signs])
    assert called == pytest.approx(0.05, abs=0.025)  # five errors
    assert _rising(rng.standard_normal((1, 2)), arms[:2]) == 0.5


def test_right_laws_of_separators_raise_hardly_any_alarm() -> None:
    """Of scatters from their prior; one in a hundred exceeds the limit once in ten thousand."""
    from scipy.stats import binom

    from inference.maps.separator_laws import _lone_sentence, _trend_sentence

    rng = np.random.default_rng(6)
    usual = 0.15 * np.exp(0.7 * rng.standard_normal(100))
    told = 0
    for scatter in 0.15 * np.exp(0.7 * rng.standard_normal(400)):
        stated = {
            f"S{i}": {"pore_radius": 10.0 + i, "porosity": rng.uniform(0.3, 0.6), "thickness": 25.0}
            for i in range(7)
        }
        own = scatter * rng.standard_normal((1, 7)) + 0.02 * rng.standard_normal((40, 7))
        found = _trend_sentence(own, "porosity", stated, usual), _lone_sentence(own, stated, usual)
        told += any(found)
    assert told <= binom(400, 0.01).ppf(0.9999)
