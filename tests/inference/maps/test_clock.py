"""The clock of an answer, charge over current, is held against the times that cells were tested."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from data.campaign import Campaign
from inference import safe_current, safe_current_map
from inference.maps.asked import one_design
from inference.maps.caveats import beyond_tested
from inference.maps.clock import Clock, beyond_clock, clock_of, clock_on_map
from inference.rows.data_ranges import data_gaps, data_ranges
from inference.rows.times_tested import times_tested
from tests.inference.maps import test_maps as toys

HEAD = "cell,protocol,temperature [degC],pressure [MPa],"
STEPS = f"{HEAD}current_density_lower [mA/cm^2],current_density_upper [mA/cm^2],step_time [s]\n"
ONE_WAY = f"{HEAD}current_density [mA/cm^2],transition_time [s],stop_time [s]\n"
SEPARATORS = (
    "separator,pore_type,pore_radius [nm],thickness [um],porosity [1]\nA,polymer,15,25,0.4\n"
)
PENETRATION = (
    "cell,separator,temperature [degC],current_density [mA/cm^2],outcome,capacity [mAh/cm^2]\n"
)


def steps(*rows: tuple[str, float]) -> dict[str, str]:
    """Write cells that held a current and failed at another, with steps so long [h]."""
    text = "".join(f"c{i},step,25,0,{ends},{3600 * t}\n" for i, (ends, t) in enumerate(rows))
    return {"dc_polarization": STEPS + text}


def one_way(*rows: tuple[float, float, float]) -> dict[str, str]:
    """Write tests at a current, of which the first fails after so long [h]; 0 holds to 20 h."""
    text = "".join(
        f"c{i},one_way,25,0,{j},{3600 * t if t else ''},{3600 * stop}\n"
        for i, (j, t, stop) in enumerate(rows)
    )
    return {"dc_polarization": ONE_WAY + text}


def verdicts(*rows: tuple[float, str, float]) -> dict[str, str]:
    text = "".join(f"c{i},A,25,{j},{outcome},{q}\n" for i, (j, outcome, q) in enumerate(rows))
    return {"separators": SEPARATORS, "penetration": PENETRATION + text}


def told(campaign: Campaign) -> Any:
    result = toys.one_cell()
    result.data_ranges = data_ranges(campaign)
    result.attrs["times_tested"] = json.dumps(times_tested(campaign))
    result.attrs["data_gaps"] = json.dumps(data_gaps(campaign))
    return result


def design(tables: dict[str, str], charge: float | list[str]) -> Any:
    asked = charge if isinstance(charge, list) else f"{charge} mAh/cm^2"
    if "penetration" in tables:
        return {"cell": "liquid", "pore_radius": "15 nm", "charge": asked}
    protocol = "one_way" if "one_way" in tables["dc_polarization"] else "step"
    return {"cell": "solid", "pressure": "0 MPa", "protocol": protocol, "charge": asked}


LEVELS = steps(*((f"{j},{1.1 * j}", t) for t in (0.5, 1, 2) for j in (1.0, 1.3)))
FAILED = steps(*((f"{j},{1.1 * j}", 1) for j in (0.9, 1.4, 1.5)))["dc_polarization"]
ONE_LONG = {"dc_polarization": FAILED + "long,step,25,0,1,1.1,36000\n"}
HELD_LONG = {"dc_polarization": FAILED + "long,step,25,0,0.2,,36000\n"}
TIMED = one_way((1.2, 4, 20), (1.2, 2, 20), (1.6, 1, 20), (2.4, 0.6, 20), (2.4, 0, 3))
HOUR = verdicts(*((j, o, j) for j in (1, 2, 3, 5) for o in ("survived", "penetrated")))
CHARGE = verdicts((1, "survived", 2), (3, "survived", 2), (6, "penetrated", 9))
LAW = "There only the law speaks, not the data."
TAKEN = "What holds a current is taken to hold it as long as asked: no cell shows it."


@pytest.mark.parametrize(
    ("tables", "charge", "current", "warning", "beyond"),
    [
        # Charges and currents within what was tested, and the time of none of it.
        (LEVELS, 3.3, 0.32,
         "LONGER THAN EVERY TEST: no cell was held longer than 2 h; the answer is of 10.3 h, the "
         f"charge over its current. {LAW}", "a half-cycle of 10.3 h (data: 30 min to 2 h)"),
        (LEVELS, 0.6, 6.0,
         "SHORTER THAN EVERY TEST: no cell was tested for less than 30 min; the answer is of 6 min,"
         f" the charge over its current. {LAW}", "a half-cycle of 6 min (data: 30 min to 2 h)"),
        (LEVELS, 1.0, 0.92 / 2, "", ""),  # to two digits of the charge
        (LEVELS, 1.0, 0.8, "", ""),
        # A cell that held a fifth of the current tells nothing of it.
        (HELD_LONG, 1.6, 0.68,
         "LONGER THAN EVERY TEST: no cell was held at 0.68 mA/cm^2 or more longer than 1 h; the "
         f"answer is of 2.35 h, the charge over its current. {LAW}",
         "a half-cycle of 2.35 h (data at such currents: 1 h)"),
        (HELD_LONG, 1.9, 0.2, "", ""),
        (TIMED, 5.3, 0.4,
         "LONGER THAN EVERY TEST: no cell was held longer than 4 h; the answer is of 13.2 h, the "
         f"charge over its current. {LAW}", "a half-cycle of 13.2 h (data: 36 min to 4 h)"),
        (TIMED, 2.5, 1.25, "", ""),
        # A survivor tells of its time; what a penetrated cell passed is no charge that it bore.
        (HOUR, 4, 1.55,
         "LONGER THAN EVERY TEST: no cell that survived was held longer than 1 h; the answer is of "
         f"2.58 h, the charge over its current. {TAKEN}",
         "a half-cycle of 2.58 h (data on penetration: up to 1 h)"),
        (HOUR, 1.5, 1.5, "", ""),
        (HOUR, 1, 4, "", ""),
        (CHARGE, 2, 1.7, "", ""),  # passed at a smaller and at a larger current
        (CHARGE, 2, 0.8,
         "LONGER THAN EVERY TEST: no cell that survived was held longer than 2 h; the answer is of "
         f"2.5 h, the charge over its current. {TAKEN}",
         "a half-cycle of 2.5 h (data on penetration: up to 2 h)"),
    ],
)  # fmt: skip
def test_an_answer_of_a_time_that_no_cell_was_tested_for_is_told(
    campaign_of: Callable[..., Campaign],
    tables: dict[str, str],
    charge: float,
    current: float,
    warning: str,
    beyond: str,
) -> None:
    result = told(campaign_of(**tables))
    one = one_design(design(tables, charge), result)
    found = clock_of(one, result, current)
    assert found.warnings == ((warning,) if warning else ())
    assert found.beyond[:1] == ((beyond,) if beyond else ())
    assert bool(beyond_clock(one, result, np.array(current))) is bool(found.beyond)
    on_map = clock_on_map(one, result, np.array(current))
    assert any("are extrapolated" in each for each in on_map) is bool(found.beyond)
    del result.attrs["times_tested"], result.attrs["data_gaps"]
    assert clock_of(one, result, current) == Clock()  # of a result that does not tell


def test_tests_at_one_current_tell_of_no_other(campaign_of: Callable[..., Campaign]) -> None:
    result = told(campaign_of(**TIMED))
    result.attrs["tested"] = json.dumps({"voids": {"cells": 5, "lowest": 1.2, "highest": 9.0}})
    one = one_design(design(TIMED, 2.4), result)
    for current, side in ((0.82, "BELOW"), (1.2, ""), (2.4, ""), (3.5, "ABOVE")):
        sentences = beyond_tested(result, "voids", current, "one_way")
        assert [side in each for each in sentences] == ([True] if side else [])
        beyond = f"current {current:g} mA/cm^2 (data: 1.2 to 2.4 mA/cm^2)"
        assert (beyond in clock_of(one, result, current).beyond) is bool(side)
    assert beyond_tested(result, "voids", 0.82, "step") == []


@pytest.mark.parametrize(
    ("current", "law"),
    [
        (0.5, "No cell was tested between 1 h and 10 h: at 3 h the law alone speaks. Of 4 cells "
         "that tell of times one alone tells of one as long as the answer's 3 h (the others of 1 h "
         "at most): it and the law speak there."),
        (1.5, ""),
    ],
)  # fmt: skip
def test_a_gap_between_times_and_a_lone_long_test_are_told(
    campaign_of: Callable[..., Campaign], current: float, law: str
) -> None:
    result = told(campaign_of(**ONE_LONG))
    one = one_design(design(ONE_LONG, 1.5), result)
    found = clock_of(one, result, current)
    assert (" ".join(found.laws), found.warnings) == (law, ())
    on_map = clock_on_map(one, result, np.array(current))
    assert on_map == (
        ["No cell was tested between 1 h and 10 h: there the law alone speaks."] if law else []
    )


def test_the_answer_says_it_first_and_the_map_is_hatched(
    campaign_of: Callable[..., Campaign],
) -> None:
    result = told(campaign_of(**LEVELS))
    section = design(LEVELS, ["0.5 mAh/cm^2", "40 mAh/cm^2"])
    chart = safe_current_map(result, section, draws=200)
    assert chart["extrapolation"].shape == (2,)
    assert "these points are extrapolated" in chart.attrs["untried_law"]
    for at, charge in enumerate((0.5, 40.0)):
        answer = safe_current(result, design(LEVELS, charge), draws=200)
        assert bool(chart["extrapolation"][at]) is bool(answer.extrapolation)
    assert answer.warnings[-1].startswith("LONGER THAN EVERY TEST: ")
    told_in = answer.sentences()
    assert told_in.index(answer.warnings[-1]) < told_in.index(answer.sentence())
    assert answer.warnings[-1] in answer.to_dict()["notes"]
