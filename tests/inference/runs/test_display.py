"""What a notebook shows of a result, an answer and a figure."""

import struct
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from inference.figures.style import new_figure
from inference.maps.answer import Answer
from inference.runs.gate import Gate
from inference.runs.html import result_html

SCRIPT = "<script>alert(1)</script>"


def result(*, synthetic: bool, passed: bool) -> Any:
    columns = {"unit": "nm", "median": 2.0, "lower": 1.0, "upper": 3.0, "narrowing": 2.0}
    rows = {
        "wetting_product": {**columns, "unit": "J/m^2", "informed_by": "penetration"},
        f"pore_radius[{SCRIPT}]": {**columns, "informed_by": "separators"},
    }
    return SimpleNamespace(
        attrs={"name": SCRIPT, "campaign": SCRIPT},
        synthetic=synthetic,
        gate=Gate(passed, {"largest R-hat": "1.2"}, () if passed else (SCRIPT,), SCRIPT),
        blocks=["penetration"],
        kinetics="butler_volmer",
        assumptions=[SCRIPT],
        findings=lambda: [SCRIPT],
        summary=lambda: pd.DataFrame.from_dict(rows, orient="index"),
    )


def answer(**changes: Any) -> Answer:
    given: dict[str, Any] = {
        "question": "safe_current",
        "quantity": "current_density",
        "value": 1.1834,
        "unit": "mA/cm^2",
        "interval": (0.7, 4.0),
        "drawn": (1.13, 1.22),
        "draws": 4000,
        "risk": 0.05,
        "cell": "liquid",
        "variant": "polymer",
        "conditions": {"pore_radius": 30.0},
        "mechanism": "penetration",
        "mechanism_probability": 0.99,
        "median_cell": (3.0, 1.5, 6.0),
        "current_density": 1.1834,
    }
    return Answer(**(given | changes))


@pytest.mark.parametrize("synthetic", [True, False])
@pytest.mark.parametrize("passed", [True, False])
def test_a_result_says_what_it_is_worth(synthetic: bool, passed: bool) -> None:
    shown = result_html(result(synthetic=synthetic, passed=passed))
    assert "<script" not in shown
    assert ("SYNTHETIC DATA" in shown) is synthetic
    assert ("NOT CONVERGED" in shown) is not passed
    assert "wetting_product" in shown
    assert "pore_radius" not in shown, "properties of single separators are in the summary"


def test_an_answer_is_shown_with_all_that_must_be_known_with_it() -> None:
    shown = answer(notes=(f"SYNTHETIC DATA: {SCRIPT}",))._repr_html_()
    assert "Safe current: 1.18 mA/cm^2" in shown
    assert "lies between 0.7 and 4 mA/cm^2 with 90 % probability" in shown
    assert "SYNTHETIC DATA</strong>" in shown
    assert "<script" not in shown
    none = answer(question="required_pressure", value=None, reason=f"Nothing is known: {SCRIPT}")
    shown = none._repr_html_()
    assert "Required pressure: no answer" in shown
    assert "Nothing is known: &lt;script&gt;" in shown


def test_what_makes_a_number_useless_is_told_before_it() -> None:
    warnings = ("NOT CONVERGED: do not use.", "SYNTHETIC DATA.", "lsv_scatter is 0.61.")
    told = answer(notes=("Its own offset.", *warnings), warnings=warnings)
    assert tuple(told.sentences()[:3]) == warnings
    assert told.sentences()[3] == told.sentence()
    assert told.sentences()[-1] == "Its own offset."
    assert told.to_dict()["notes"] == ["Its own offset.", *warnings]
    shown = told._repr_html_()
    places = [shown.index(text) for text in (*warnings, "1.18 mA/cm^2", "Its own offset.")]
    assert places == sorted(places)
    assert shown.count("lsv_scatter is 0.61.") == 1


def test_a_figure_shows_itself_at_its_printed_size() -> None:
    figure = new_figure(89.0, 60.0)
    figure.subplots().plot([0, 1], [0, 1])
    image, size = figure._repr_png_()
    wide, high = struct.unpack(">II", image[16:24])
    assert wide / high == pytest.approx(89.0 / 60.0, rel=0.01)
    assert wide >= size["width"]
    assert size["width"] / size["height"] == pytest.approx(89.0 / 60.0, rel=0.01)
