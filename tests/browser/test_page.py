"""The report in headless Chromium: what a reader sees, types and takes away."""

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference import Result, safe_current
from inference.designs.axes import shown
from inference.figures import RunContents
from inference.maps.caveats import untested_currents
from inference.maps.files import map_table
from inference.maps.mapping import safe_current_map
from inference.maps.rare_kinds import TellingCells, rare_kind_sentence
from inference.maps.separators import separators_of
from inference.report_page import write_report
from inference.report_page.payload import _by_protocol, _supports
from inference.report_page.writing import _with_signs as with_signs

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("literature")]

EVIL = (
    "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>{{ 7 * 7 }}"
)


@pytest.fixture(scope="module")
def page(browser: Any, literature_result: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The report of the literature job, open from disk in a browser without a network."""
    path = write_report(literature_result, tmp_path_factory.mktemp("page") / "report.html")
    assert path.stat().st_size <= 5_000_000
    for kind in ("browser", "performance"):
        browser.get_log(kind)  # what came before
    browser.execute_cdp_cmd("Network.enable", {})
    browser.get(path.as_uri())
    settle(browser)
    return browser


def settle(page: Any) -> None:
    """Wait until the page has computed everything."""
    time.sleep(0.15)  # it waits for the end of typing itself
    for _ in range(600):
        if (
            page.execute_script("return document.getElementById('explorer').dataset.state")
            == "ready"
        ):
            return
        time.sleep(0.1)
    pytest.fail("the page did not finish computing")


def enter(page: Any, values: dict[str, str]) -> None:
    """Type values into the controls of the page, as a reader does."""
    for name, value in values.items():
        control = page.find_element("id", name)
        if control.tag_name == "select":
            from selenium.webdriver.support.ui import Select

            Select(control).select_by_value(value)
        elif control.get_attribute("type") == "radio":
            control.click()
        else:
            page.execute_script(
                "arguments[0].closest('details')?.setAttribute('open', '')", control
            )
            control.clear()
            control.send_keys(value)
    settle(page)


def read(page: Any) -> dict[str, Any]:
    data = "return document.getElementById('{}').dataset.{}".format
    return {
        "safe": float(page.execute_script(data("safe", "value"))),
        "interval": [float(page.execute_script(data("sure", end))) for end in ("lower", "upper")],
        "median": json.loads(page.execute_script(data("median", "values"))),
        "new": json.loads(page.execute_script(data("new", "values"))),
        "limiting": json.loads(page.execute_script(data("limiting", "values"))),
        "mechanism": page.execute_script(data("sentence", "mechanism")),
        "extrapolated": page.execute_script(data("cautions", "extrapolated")) == "true",
        "sentence": page.find_element("id", "sentence").text,
        "sure": page.find_element("id", "sure").text,
    }


QUESTIONS = {
    "my 30 nm separator at 5 % risk": (
        {"cell-liquid": "", "pore_radius": "30", "risk": "5"},
        {"cell": "liquid", "pore_radius": "30 nm"},
        0.05,
    ),
    "at a charge, straight pores, tolerances": (
        {
            "pore_radius": "250", "pore_radius_sd": "8", "porosity": "0.3", "porosity_sd": "0.02",
            "pore_type": "straight", "thickness": "400", "until-charge": "", "charge": "3.5",
            "temperature": "27", "area_ratio": "40", "risk": "10", "concentration": "0.4",
        },
        {
            "cell": "liquid", "pore_radius": "250 nm", "pore_radius_sd": "8 %", "porosity": 0.3,
            "porosity_sd": 0.02, "pore_type": "straight", "thickness": "400 um",
            "charge": "3.5 mAh/cm^2", "temperature": "27 degC", "area_ratio": 40.0,
            "concentration": "0.4 mol/L",
        },
        0.1,
    ),
    "a solid cell under pressure, one way": (
        {
            "cell-solid": "", "charge": "2", "pressure": "3", "temperature": "40",
            "metal_thickness": "200", "protocol": "one_way", "risk": "5", "temperature_sd": "2",
        },
        {
            "cell": "solid", "charge": "2 mAh/cm^2", "pressure": "3 MPa", "temperature": "40 degC",
            "metal_thickness": "200 um", "protocol": "one_way", "temperature_sd": "2 K",
        },
        0.05,
    ),
}  # fmt: skip


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_page_answers_as_python_does(page: Any, literature_result: Any, question: str) -> None:
    typed, design, risk = QUESTIONS[question]
    enter(page, typed)
    found = read(page)
    answer = safe_current(literature_result, design, risk)
    due = safe_current_map(literature_result, design, risk=risk)
    assert found["safe"] == pytest.approx(answer.value, rel=1e-5)
    assert found["interval"] == pytest.approx(list(answer.interval), rel=1e-5)
    assert found["mechanism"] == answer.mechanism
    for mine, name in (
        ("median", "median_cell_critical_current_density"),
        ("new", "predictive_critical_current_density"),
    ):
        assert found[mine] == pytest.approx(due[name].values.tolist(), rel=1e-5)
    shares = dict(zip(due["mechanism"].values, due["probability_limiting"].values, strict=True))
    assert found["limiting"] == pytest.approx(shares, abs=1e-3)
    assert found["extrapolated"] == bool(due["extrapolation"]) == bool(answer.extrapolation)
    # The same words, too.
    assert found["sentence"] == with_signs(answer.sentence())
    assert found["sure"] == with_signs(answer.how_sure())
    warnings = page.find_element("id", "warnings").text.splitlines()
    assert warnings == [with_signs(each) for each in answer.warnings]
    beyond = "Extrapolated, no data there: " + "; ".join(answer.extrapolation) + "."
    cautions = page.find_element("id", "cautions").text
    assert (with_signs(beyond) in cautions) == bool(answer.extrapolation)
    assert with_signs(answer.tail()) in cautions
    assert ("the tail of the cells' scatter" in cautions) == bool(answer.tail())
    assert with_signs(answer.law) in cautions


def test_the_curve_is_the_map_and_leaves_as_csv(page: Any, literature_result: Any) -> None:
    page.find_element("id", "reset").click()
    settle(page)
    text = page.execute_script("return AnodePage.csv()")
    head, *lines = [line.split(",") for line in text.strip().splitlines()]
    design = page.execute_script("return AnodePage.payload.designs.liquid")
    x = [float(line[head.index("pore_radius [nm]")]) for line in lines]
    due = safe_current_map(
        literature_result,
        {"cell": "liquid", "pore_radius": [f"{value!r} nm" for value in x]},
    )
    assert [x[0], x[-1]] == design["ends"]["pore_radius"]
    safe = [float(line[head.index("safe_current_density [mA/cm^2]")]) for line in lines]
    assert safe == pytest.approx(due["safe_current_density"].values.tolist(), rel=2e-5)
    outside = [line[head.index("extrapolation")] == "yes" for line in lines]
    assert outside == due["extrapolation"].values.tolist()
    assert {line[head.index("data_kind")] for line in lines} == {"literature"}
    drawn = page.execute_script(
        """
        const sheet = Bokeh.documents[Bokeh.documents.length - 1];
        return [...sheet.get_model_by_name("curve_log").data.safe];
        """
    )
    assert drawn == pytest.approx(safe, rel=2e-5)
    page.find_element("id", "csv").click()


def test_the_csv_holds_tolerances_in_the_columns_of_the_program(
    page: Any, literature_result: Any
) -> None:
    enter(page, {"pore_radius_sd": "10", "temperature_sd": "1", "pore_type": "straight"})
    head, *lines = [
        line.split(",") for line in page.execute_script("return AnodePage.csv()").splitlines()
    ]
    x = [float(line[head.index("pore_radius [nm]")]) for line in lines[:2]]
    design = {"cell": "liquid", "pore_radius": [f"{value!r} nm" for value in x]}
    design |= {"pore_radius_sd": "10 %", "temperature_sd": "1 K", "pore_type": "straight"}
    due = map_table(safe_current_map(literature_result, design))
    for column in ("pore_radius_sd [nm]", "temperature_sd [K]"):
        found = [float(line[head.index(column)]) for line in lines[:2]]
        assert found == pytest.approx(due[column].tolist(), rel=1e-5)
    assert [line[head.index("pore_type")] for line in lines[:2]] == due["pore_type"].tolist()
    enter(page, {"pore_radius_sd": "", "temperature_sd": ""})
    page.find_element("id", "reset").click()
    settle(page)


def test_metal_that_does_not_hold_the_charge_is_answered_as_python_does(
    page: Any, literature_result: Any
) -> None:
    page.find_element("id", "reset").click()
    settle(page)
    enter(page, {"cell-solid": "", "charge": "45", "pressure": "0", "metal_thickness_sd": "40"})
    design = {"cell": "solid", "charge": "45 mAh/cm^2", "pressure": "0 MPa"}
    some = safe_current(literature_result, {**design, "metal_thickness_sd": "40 %"})
    assert "of new cells the metal does not hold the charge" in some.reason
    assert page.find_element("id", "sentence").text == with_signs(some.sentence())
    enter(page, {"metal_thickness_sd": "", "charge": "80"})
    never = safe_current(literature_result, {**design, "charge": "80 mAh/cm^2"})
    assert page.find_element("id", "sentence").text == with_signs(never.sentence())
    assert page.find_element("id", "sure").text == never.how_sure() == ""
    assert page.find_element("id", "numbers").text == ""
    page.find_element("id", "reset").click()
    settle(page)


def drawn(page: Any) -> tuple[int, bool, str]:
    """Points of the plot and rows of its table, whether it can be downloaded, and why not."""
    points = page.execute_script(
        """
        const sheet = Bokeh.documents[Bokeh.documents.length - 1];
        return ["curve_log", "point_log", "curve_linear", "point_linear"]
          .map((name) => sheet.get_model_by_name(name).data.x.length)
          .reduce((a, b) => a + b) + document.querySelectorAll("#points tr").length;
        """
    )
    return points, page.find_element("id", "csv").is_enabled(), page.find_element(
        "id", "undrawn"
    ).text  # fmt: skip


def test_what_is_not_legal_is_refused_in_words_and_nothing_old_stays(page: Any) -> None:
    before = drawn(page)
    assert before[0] > 0
    assert before[1:] == (True, "")
    enter(page, {"pore_radius": "-3", "risk": "80"})
    refused = page.find_element("id", "refused").text
    assert "Pore radius: legal are 1 to 100000 nm" in refused
    assert "Risk: legal are" in refused
    radius = page.find_element("id", "pore_radius")
    assert radius.get_attribute("aria-invalid") == "true"
    assert radius.get_attribute("aria-errormessage") == "refused"
    assert page.find_element("id", "safe").text == "–"
    for empty in ("warnings", "sentence", "sure", "numbers", "cautions"):
        assert page.find_element("id", empty).text == ""
    assert drawn(page) == (0, False, refused.replace("No answer.", "No map."))
    page.find_element("id", "reset").click()
    settle(page)
    assert page.find_element("id", "refused").text == ""
    assert drawn(page) == before


def test_ends_of_the_map_that_are_not_legal_take_the_map_and_leave_the_answer(page: Any) -> None:
    answered = read(page)
    enter(page, {"from": "600"})
    points, downloadable, why = drawn(page)
    assert (points, downloadable) == (0, False)
    assert "from 600 to 500 nm: “from” must be below “to”" in why
    assert read(page) == answered
    enter(page, {"from": "0.2"})
    assert drawn(page) == (0, False, "No map. “from” of the map: legal are 1 to 100000 nm.")
    marked = "return [...document.querySelectorAll('[aria-invalid=true]')].map((e) => e.id)"
    assert page.execute_script(marked) == ["from"]
    enter(page, {"from": "5"})
    assert drawn(page)[1:] == (True, "")
    assert page.execute_script(marked) == []


def test_a_separator_of_the_campaign_is_the_one_that_was_fitted(
    page: Any, literature_result: Any
) -> None:
    """Its own draws, also at a charge; with a property changed it is a new one, as typed."""
    index = {"AAO 20 nm": 2, "trilayer": 0}
    for name, typed, own in (
        ("trilayer", {}, {}),
        ("AAO 20 nm", {"until-charge": "", "charge": "2", "temperature_sd": "1"},
         {"charge": "2 mAh/cm^2", "temperature_sd": "1 K"}),
    ):  # fmt: skip
        enter(page, {"separator": str(index[name]), **typed})
        found = read(page)
        assert page.execute_script("return AnodePage.read().design.separator") == name
        design = {"cell": "liquid", "separators": [name], **own}
        answer = safe_current(literature_result, design)
        assert answer.separator == name
        assert found["safe"] == pytest.approx(answer.value, rel=1e-5)
        assert found["interval"] == pytest.approx(list(answer.interval), rel=1e-5)
        assert found["sentence"] == with_signs(answer.sentence())
        assert found["sure"] == with_signs(answer.how_sure())
        cautions = page.find_element("id", "cautions").text
        of_prior = [note for note in answer.notes if "comes from the prior" in note]
        assert answer.notes[0].startswith(f"Metal penetrates the separator {name!r} at")
        for note in (answer.notes[0], *of_prior):
            assert note in cautions
    options = page.execute_script(
        "return [...document.getElementById('over').options].map((each) => each.value)"
    )
    assert options == ["concentration", "charge", "temperature"]
    due = map_table(safe_current_map(literature_result, design)).iloc[0]
    text = page.execute_script("return AnodePage.csv()").splitlines()
    head, row = (line.split(",") for line in text[:2])
    for column in ("pore_radius [nm]", "pore_radius_sd [nm]", "macmullin_number [1]"):
        assert float(row[head.index(column)]) == pytest.approx(due[column], rel=1e-5)
    assert row[head.index("new_cell")] == due["new_cell"]
    enter(page, {"thickness": "30"})
    assert page.execute_script("return AnodePage.read().design.separator") == ""
    changed = {"separator": "AAO 20 nm", "thickness": "30 um"}
    answer = safe_current(literature_result, {**design, "separators": [changed]})
    assert read(page)["safe"] == pytest.approx(answer.value, rel=1e-5)
    assert read(page)["sentence"] == with_signs(answer.sentence())
    assert "of a new separator" in answer.sentence()
    page.find_element("id", "reset").click()
    settle(page)


def test_what_cells_cannot_show_is_said_as_python_says_it(
    page: Any, literature_result: Any
) -> None:
    """Of other data behind the same fit: charges, one step time, few separators, corner, gaps."""
    ranges = literature_result.data_ranges
    changed = {
        "liquid penetration": {"steady_state": [0.1, 0.2], "porosity": [0.2, 0.3]},
        "solid step": {"step_time": [300.0, 310.0], "pressure": [0.0, 5.0], "charge": [0.5, 8.0]},
    }
    changed = {cell: ranges[cell] | each for cell, each in changed.items()}
    hull = {"axes": ["pressure", "charge"], "hull": [[0.0, 0.5], [5.0, 0.7], [5.0, 2.0], [0.0, 8]]}
    tree = literature_result.tree.copy()
    tree.attrs |= {
        "data_ranges": json.dumps(ranges | changed),
        "data_hulls": json.dumps({"solid step": [hull]}),
        "times_tested": "{}",
        "data_gaps": json.dumps(
            {
                "solid step": {"pressure": [{"between": [0.0, 6.0], "far": [2.0, 4.5]}]},
                "liquid penetration": {
                    "pore_radius": [{"between": [10.0, 90.0], "far": [20.0, 45.0]}],
                    "temperature": [],
                },
                "liquid depletion": {
                    "temperature": [{"between": [0.0, 60.0], "far": [15.0, 45.0]}]
                },
            }
        ),
    }
    told = Result(tree)
    page.find_element("id", "reset").click()
    settle(page)
    every = _supports(told, ["liquid", "solid"])
    page.execute_script("Object.assign(AnodePage.payload.supports, arguments[0])", every)
    page.execute_script("AnodePage.payload.separator_law = 'Held against 2 separators.'")
    solid = {"cell-solid": "", "charge": "5"}
    for typed, design, beyond in (
        (
            {"cell-liquid": "", "pore_radius": "30"},
            {"cell": "liquid", "pore_radius": "30 nm"},
            ["porosity 0.39 (data on penetration: 0.2 to 0.3)", "steady state (data: 0.1 to 0.2"],
        ),
        (
            {**solid, "pressure": "0"},
            {"cell": "solid", "charge": "5 mAh/cm^2", "pressure": "0 MPa"},
            [],
        ),
        (
            {**solid, "pressure": "4"},
            {"cell": "solid", "charge": "5 mAh/cm^2", "pressure": "4 MPa"},
            ["half-cycle 5 mAh/cm^2 at stack pressure 4 MPa (data there: 0.654 to 2.64 mAh/cm^2)"],
        ),
    ):
        enter(page, typed)
        answer = safe_current(told, design)
        cautions = page.find_element("id", "cautions").text
        law = answer.law
        if design["cell"] == "liquid":
            law = f"Held against 2 separators. {law}"
            assert "No cell was tested between 10 and 90 nm: at pore radius 30 nm" in law
            assert "No cell that tells of depletion was tested between 0 and 60 degC" in law
            assert "for good, in the steady state" in law
        assert ("between 0 and 6 MPa" in law) == (typed.get("pressure") == "4")
        assert law
        assert with_signs(law) in cautions
        assert all(a in b for a, b in zip(beyond, answer.extrapolation, strict=True))
        words = "Extrapolated, no data there: " + "; ".join(answer.extrapolation) + "."
        assert (with_signs(words) in cautions) == bool(answer.extrapolation)
        assert read(page)["sure"] == with_signs(answer.how_sure())
        assert read(page)["extrapolated"] == bool(beyond)
    every = _supports(literature_result, ["liquid", "solid"])
    page.execute_script("Object.assign(AnodePage.payload.supports, arguments[0])", every)
    page.execute_script("AnodePage.payload.separator_law = ''")
    page.find_element("id", "reset").click()
    settle(page)


def test_the_clock_of_an_answer_is_told_as_python_tells_it(
    page: Any, literature_result: Any
) -> None:
    """Longer, shorter, far between tests, a lone test, a current below all, and survivors alone."""
    tree = literature_result.tree.copy()
    tree.attrs |= {
        "data_gaps": json.dumps(
            {
                "solid step": {"time": [{"between": [300.0, 4e4], "far": [1e3, 1e4]}]},
                "solid one_way": {"current_density": [{"between": [0.5, 8.0], "far": [1.0, 4.0]}]},
            }
        ),
        "times_tested": json.dumps(
            {
                "solid step": [[300.0, 9.0, 1, 3], [4e4, 0.2, 1, 1], [1e6, 0.01, 0, 1]],
                "solid one_way": [[600.0, 8.0, 1, 4], [4e4, 0.5, 1, 2]],
                "liquid penetration": [[60.0, 2.0, 0, 2], [90.0, 0.01, 0, 2]],
            }
        ),
    }
    told = Result(tree)
    page.find_element("id", "reset").click()
    settle(page)
    currents = page.execute_script("return AnodePage.payload.currents_tested")
    assign = "Object.assign(AnodePage.payload.supports, arguments[0])"
    page.execute_script(assign, _supports(told, ["liquid", "solid"]))
    change = "AnodePage.payload.currents_tested = arguments[0]"
    page.execute_script(change, untested_currents(told))
    said = []
    for typed, design in (
        ({"cell-solid": "", "pressure": "0", "protocol": protocol, "charge": charge},
         {"cell": "solid", "pressure": "0 MPa", "protocol": protocol,
          "charge": f"{charge} mAh/cm^2"})
        for protocol in ("step", "one_way")
        for charge in ("0.1", "1", "3", "5", "30")
    ):  # fmt: skip
        enter(page, typed)
        said.append(safe_current(told, design))
        compare(page, said[-1])
    for charge in ("0.01", "0.1", "5"):
        typed = {"cell-liquid": "", "until-charge": "", "pore_radius": "30", "charge": charge}
        enter(page, typed)
        asked = {"cell": "liquid", "pore_radius": "30 nm", "charge": f"{charge} mAh/cm^2"}
        said.append(safe_current(told, asked))
        compare(page, said[-1])
    every = " ".join(" ".join((*each.warnings, each.law, *each.extrapolation)) for each in said)
    for words in ("LONGER", "SHORTER", "BELOW EVERY CURRENT TESTED: no cell was tested one way",
                  " or more longer than", "that survived", "between 5 min and 11.1 h",
                  "between 0.5 mA/cm^2 and 8 mA/cm^2", "one alone tells", "current "):  # fmt: skip
        assert words in every
    page.execute_script(assign, _supports(literature_result, ["liquid", "solid"]))
    page.execute_script(change, currents)
    page.find_element("id", "reset").click()
    settle(page)


def compare(page: Any, answer: Any) -> None:
    """Compare what the page says of a clock with what an answer says."""
    warnings = page.find_element("id", "warnings").text.splitlines()
    assert warnings == [with_signs(each) for each in answer.warnings]
    cautions = page.find_element("id", "cautions").text
    assert with_signs(answer.law) in cautions
    beyond = "Extrapolated, no data there: " + "; ".join(answer.extrapolation) + "."
    assert (with_signs(beyond) in cautions) == bool(answer.extrapolation)


def test_an_untested_protocol_and_cells_that_tell_nothing_are_told_as_python_tells_them(
    page: Any, literature_result: Any
) -> None:
    tree = literature_result.tree.copy()
    ranges = literature_result.data_ranges | {"solid step": {}}
    tree.attrs |= {"data_ranges": json.dumps(ranges)}
    told = Result(tree)
    names = [*_by_protocol(told), "behind"]
    of_page = (
        "return Object.fromEntries(arguments[0].map((each) => [each, AnodePage.payload[each]]))"
    )
    before = page.execute_script(of_page, names)
    assign = "Object.assign(AnodePage.payload, arguments[0])"
    cells = {"always": 2, "others": [[0.2, 1.0]] * 3 + [[0.0, 0.3]] * 4, "most": None}
    shown = TellingCells(2, [(0.2, 1.0)] * 3 + [(0.0, 0.3)] * 4)
    behind = before["behind"] | {"voids": {"cells": 9, "show": cells}}
    page.find_element("id", "reset").click()
    settle(page)
    page.execute_script(assign, _by_protocol(told) | {"behind": behind})
    enter(page, {"cell-solid": "", "charge": "5", "pressure": "0"})
    answer = safe_current(told, {"cell": "solid", "charge": "5 mAh/cm^2", "pressure": "0 MPa"})
    first = page.find_element("css selector", "#warnings li").text
    assert first.startswith("NO CELL WAS TESTED IN STEPS")
    assert first == with_signs(answer.warnings[0])
    sure = page.find_element("id", "sure").text
    assert sure.endswith(rare_kind_sentence(shown.at(0.05), 0.05, 9))
    page.execute_script(assign, before)
    page.find_element("id", "reset").click()
    settle(page)


def test_a_tested_separator_stands_beside_a_new_one_like_it(
    page: Any, literature_result: Any
) -> None:
    """With the number that `ask` gives of it; no cell of this campaign's was tested."""
    words = "AnodePage.payload.separators.forEach((each) => { each.tested = arguments[0]; })"
    page.find_element("id", "reset").click()
    settle(page)
    page.execute_script(words, "tested")
    enter(page, {"cell-liquid": "", "pore_radius": "14.5", "porosity": "0.4"})
    own = safe_current(literature_result, {"cell": "liquid", "separators": ["trilayer"]})
    told = (
        "Nearly like it is 'trilayer' of the campaign (tested): a new cell of that one, as fitted, "
        f"bears {shown(own.value)} mA/cm^2 at 5 % risk."
    )
    assert with_signs(told) in page.find_element("id", "cautions").text
    enter(page, {"pore_radius": "30"})
    assert "Nearly like it" not in page.find_element("id", "cautions").text
    page.execute_script(words, "")
    page.find_element("id", "reset").click()
    settle(page)


def test_every_control_has_a_name_and_can_be_reached_by_key(page: Any) -> None:
    nameless = page.execute_script(
        """
        return [...document.querySelectorAll("#explorer input, #explorer select, #explorer button")]
          .filter((each) => !each.labels?.length && !each.getAttribute("aria-label")
            && !each.textContent.trim())
          .map((each) => each.outerHTML);
        """
    )
    assert nameless == []
    assert page.execute_script("return document.querySelectorAll('[tabindex]').length") > 0
    positive = (
        "return [...document.querySelectorAll('[tabindex]')].filter(e => e.tabIndex > 0).length"
    )
    assert page.execute_script(positive) == 0


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast_and_nothing_sticks_out(page: Any, width: int, scheme: str) -> None:
    page.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    page.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
    )
    page.execute_script("document.querySelectorAll('details').forEach((each) => each.open = true)")
    time.sleep(0.5)
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    hidden = page.execute_script(
        """
        return [...document.querySelectorAll(".scroll")]
          .filter((e) => e.clientWidth && e.scrollWidth > e.clientWidth + 1)
          .filter((e) => !getComputedStyle(e, "::before").content.includes("scroll sideways"))
          .map((e) => e.getAttribute("aria-label"));
        """
    )
    assert hidden == []
    poor = page.execute_script(
        """
        const shade = (text) => text.match(/[\\d.]+/g).map(Number);
        const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
          .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
          .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
        const ground = (each) => {
          for (let at = each; at; at = at.parentElement) {
            const found = shade(getComputedStyle(at).backgroundColor);
            if (found.length === 3 || found[3] > 0) return found;
          }
          return [255, 255, 255];
        };
        const found = [];
        for (const each of document.querySelectorAll("body *")) {
          const own = [...each.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
          if (!own || !each.getClientRects().length || each.closest("#plot, script")) continue;
          const [a, b] = [light(shade(getComputedStyle(each).color)), light(ground(each))];
          const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
          if (contrast < 4.5) found.push([contrast, each.outerHTML.slice(0, 80)]);
        }
        return found.slice(0, 5);
        """
    )
    assert poor == []
    page.execute_script("document.querySelectorAll('details').forEach((each) => each.open = false)")


def test_the_console_is_silent_and_nothing_leaves_the_page(page: Any) -> None:
    said = [entry for entry in page.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    assert said == []
    messages = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    asked = {
        message["params"]["request"]["url"].partition(":")[0]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    }
    assert "file" in asked
    assert asked <= {"file", "data", "blob"}


def test_names_that_are_code_stay_harmless(
    browser: Any, literature_result: Any, literature: Any, tmp_path: Path
) -> None:
    tree = literature_result.tree.copy()
    separator = next(iter(separators_of(literature_result).values()))
    tree.attrs |= {
        "name": EVIL,
        "campaign": EVIL,
        "findings": json.dumps([EVIL]),
        "assumptions": json.dumps([f"{EVIL}: {EVIL} = 1"]),
        "references": json.dumps(dict.fromkeys(json.loads(tree.attrs["references"]), EVIL)),
        "separators": json.dumps({EVIL: separator}),
    }
    told = literature.metadata.model_copy(update={"electrolyte": EVIL, "notes": (EVIL,)})
    tables = {
        name: rows.assign(note=rows["note"].copy(data=np.full(rows["note"].shape, EVIL, object)))
        for name, rows in literature.tables.items()
    }
    check = {
        "sections": [
            {
                "name": "fit",
                "title": EVIL,
                "verdict": "warn",
                "findings": [{"key": EVIL, "verdict": "warn", "sentence": EVIL}],
            }
        ]
    }
    evil = Result(tree)
    contents = RunContents(
        evil, {}, dataclasses.replace(literature, metadata=told, tables=tables), check
    )
    path = write_report(evil, tmp_path / "evil.html", contents=contents, draws=400)
    text = path.read_text(encoding="utf-8")
    assert "<script>window.hacked" not in text
    assert "<img src=x" not in text
    assert "49" not in browser_title(browser, path)
    assert browser.execute_script("return window.hacked ?? null") is None
    shown = browser.find_element("css selector", "h1").text
    assert "<script>window.hacked = 1</script>" in shown
    options = browser.execute_script(
        "return [...document.querySelectorAll('#separator option')].map((o) => o.textContent)"
    )
    assert EVIL in options


def browser_title(browser: Any, path: Path) -> str:
    browser.get(path.as_uri())
    settle(browser)
    return str(browser.title)
