"""A law that no test has tried is told of, unless the answer is of the test itself."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from data.campaign import Campaign
from inference import safe_current, safe_current_map
from inference.figures.maps import _caption
from inference.rows.data_ranges import data_ranges
from tests.inference.maps import test_maps as toys


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
