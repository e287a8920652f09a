"""What the laws of separators were held against is said with answers for new ones."""

import json
from typing import Any

import numpy as np
import pytest
import xarray as xr

from inference import safe_current
from inference.maps.separator_laws import separator_law_sentence
from tests.inference.maps import test_maps as toys


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
