"""A separator of the campaign is the one that was fitted, any other is a new one."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr

from data.campaign import Campaign
from inference import fit, safe_current, safe_current_map
from inference.designs.axes import shown
from inference.designs.noise import NoiseTable, band_draws
from inference.figures import liquid_map
from inference.maps.asked import drawn_with
from inference.maps.files import load_maps, map_table, save_maps, which_new_cells
from inference.report_page.payload import page_payload
from models import physics
from tests.inference.maps import test_maps as toys

STATED = {
    "film": {
        "pore_type": "polymer", "pore_radius": "30 nm", "pore_radius_sd": "6 nm", "porosity": 0.4,
        "porosity_sd": 0.03, "thickness": "25 um", "thickness_sd": "2 um",
    },
    "AAO": {
        "pore_type": "straight", "pore_radius": "100 nm", "porosity": 0.35, "thickness": "60 um",
        "macmullin_number": 3.0,
    },
}  # fmt: skip
FILM = {"cell": "liquid", "separators": ["film"]}
NEW = {"cell": "liquid", "pore_radius": "30 nm", "porosity": 0.4}


def fitted(draws: int = 1000, **options: Any) -> Any:
    """Return a fit whose draws of the separators go with those of the other parameters."""
    result = toys.Fabricated(draws)
    rng = np.random.default_rng(7)
    shape = (2, draws, 2)
    # What a fit does: a finer pore where the wetting product is small, and an offset that is known.
    ridge = np.log(result.posterior["wetting_product"].values)[..., None]
    values = {
        "pore_radius": (np.array([24.0, 95.0]) * np.exp(0.5 * ridge), "nm"),
        "porosity": (np.array([0.43, 0.3]) + 0.02 * rng.standard_normal(shape), "1"),
        "macmullin_number": (np.array([7.0, 3.0]) * np.exp(0.1 * rng.normal(size=shape)), "1"),
        "separator_offset": (np.array([-0.45, 0.2]) + 0.03 * rng.standard_normal(shape), "1"),
    }
    for name, (value, unit) in values.items():
        result.posterior[name] = (("chain", "draw", "separator"), value, {"units": unit})
    result.posterior = result.posterior.assign_coords(separator=["film", "AAO"])
    result.attrs["separators"] = json.dumps(STATED)
    result.attrs["options"] = json.dumps(options)
    return result


def flat(result: Any, name: str, separator: str = "film") -> Any:
    variable = result.posterior[name]
    if "separator" in variable.dims:
        variable = variable.sel(separator=separator)
    return variable.values.reshape(-1)


def expected(result: Any, *, new: bool, radius_factor: Any = 1.0) -> tuple[Any, Any]:
    """Return currents [mA/cm^2] of cells of the film, by the equations alone."""
    noise = NoiseTable(3, 2000)

    def deviate(source: str) -> Any:
        return noise(source) if new else 0.0

    penetration = physics.critical_current_density(
        flat(result, "wetting_product"),
        1e-9 * flat(result, "pore_radius") * radius_factor,
        flat(result, "porosity"),
        10.0 * flat(result, "exchange_current_density"),
        flat(result, "reorganization_energy"),
        298.15,
        23.68e-6,
    ) * np.exp(
        flat(result, "separator_offset")
        + flat(result, "penetration_scatter") * deviate("penetration_scatter")
    )
    # No table told the fit of the thickness: it is known as it was stated, to the median cell too.
    thickness = 25e-6 * np.exp(np.sqrt(np.log1p(0.08**2)) * noise("thickness of the design"))
    layer = physics.Layer(thickness, flat(result, "porosity"), flat(result, "macmullin_number"))
    depletion = physics.limiting_current_density(
        1e-4 * flat(result, "ambipolar_diffusivity"),
        flat(result, "transference_number"),
        1000.0,
        [layer],
    ) * np.exp(flat(result, "sand_scatter") * deviate("sand_scatter"))
    return penetration / 10.0, depletion / 10.0


@pytest.mark.parametrize("kind", ["median_cell", "predictive"])
def test_cells_of_a_named_separator_have_its_own_draws_and_offset(kind: str) -> None:
    """Joint draws, by the equations: no tolerance and no scatter between separators is in them."""
    result = fitted()
    dataset = safe_current_map(result, FILM).isel(separator=0)
    due = expected(result, new=kind == "predictive")
    levels = dataset["quantile"].values
    for name, currents in zip(("penetration", "depletion"), due, strict=True):
        found = dataset[f"{kind}_threshold"].sel(mechanism=name)
        np.testing.assert_allclose(found, np.quantile(currents, levels), rtol=1e-9)
    lowest = np.minimum(*due)
    found = dataset[f"{kind}_critical_current_density"]
    np.testing.assert_allclose(found, np.quantile(lowest, levels), rtol=1e-9)
    if kind == "predictive":
        answer = safe_current(result, FILM)
        assert answer.value == pytest.approx(np.quantile(lowest, 0.05), rel=1e-9)
        assert float(dataset["safe_current_density"]) == pytest.approx(answer.value, rel=1e-12)


def test_the_interval_of_a_named_separator_knows_its_properties_in_each_draw() -> None:
    result = fitted()
    for name in ("penetration_scatter", "sand_scatter"):
        result.posterior[name][:] = 0.0
    lowest = np.minimum(*expected(result, new=False))[band_draws(2000)]
    found = safe_current(result, FILM).interval
    np.testing.assert_allclose(found, np.quantile(lowest, [0.05, 0.95]), rtol=1e-9)


def test_the_largest_pore_of_a_named_separator_is_that_of_its_own_radius() -> None:
    options = {"penetration": {"pores": "weakest_link"}}
    result = fitted(**options)
    wide = {**STATED, "film": {**STATED["film"], "pore_size_spread": 0.2}}
    for stated, spread in ((STATED, 0.3), (wide, 0.2)):
        result.attrs["separators"] = json.dumps(stated)
        for name, value in (("wetted_pores", 1e8), ("pore_size_spread", 0.3)):
            result.posterior[name] = (("chain", "draw"), np.full((2, 1000), value), {"units": "1"})
        factor = physics.largest_pore_radius(1.0, spread, 1e8)
        due, _ = expected(result, new=True, radius_factor=factor)
        found = safe_current_map(result, FILM)["predictive_threshold"].isel(separator=0)
        np.testing.assert_allclose(
            found.sel(mechanism="penetration"), np.quantile(due, found["quantile"]), rtol=1e-9
        )


def test_only_a_new_separator_scatters_as_separators_do() -> None:
    result = fitted()
    before = [safe_current(result, design) for design in (FILM, NEW)]
    result.posterior["separator_scatter"][:] = 2.0
    after = [safe_current(result, design) for design in (FILM, NEW)]
    assert after[0].value == before[0].value
    assert after[0].interval == before[0].interval
    assert after[1].value < 0.5 * before[1].value
    # The scatter between separators may come from the prior: a named one does not rest on it.
    result.narrowing["separator_scatter"] = 1.0
    said = [" ".join(safe_current(result, design).notes) for design in (FILM, NEW)]
    assert ["comes from the prior" in each for each in said] == [False, True]


def test_what_is_changed_makes_a_new_separator_and_every_answer_says_which() -> None:
    result = fitted()
    named = safe_current(result, FILM)
    radius = float(np.median(flat(result, "pore_radius")))
    assert (
        f"a new liquid cell of the separator 'film' as fitted (polymer pores, pore radius "
        f"{radius:.3g} nm, porosity"
    ) in named.sentence()
    assert named.conditions["pore_radius"] == pytest.approx(radius)
    assert named.notes[0].startswith(
        "Metal penetrates the separator 'film' at 0.64 times the current that its pores, as fitted,"
        " predict (90 % interval 0.6"
    )
    assert named.to_dict()["separator"] == "film"
    changed = {"separator": "film", "thickness": "20 um", "thickness_sd": "1 um"}
    other = safe_current(result, {"cell": "liquid", "separators": [changed]})
    alone = {key: value for key, value in STATED["film"].items() if "thickness" not in key}
    own = {**alone, "thickness": "20 um", "thickness_sd": "1 um"}
    assert other == safe_current(result, {"cell": "liquid", **own})
    assert "a new liquid cell of a new separator (polymer pores, pore radius 30 nm ± 6 nm" in (
        other.sentence()
    )
    assert other.to_dict()["separator"] is None
    assert "fitted" not in " ".join(other.sentences())


def test_the_scatter_of_a_named_separator_is_said_to_be_that_of_all() -> None:
    result = fitted(200)
    result.observed_data = xr.Dataset({"penetration": ("penetration_row", np.zeros(3))})
    result.observed_data = result.observed_data.assign_coords(penetration_row=["a", "b", "c"])
    result.groups = {"penetration": {"separator": ["film", "AAO", "film"]}}
    named, new = (safe_current(result, design).notes for design in (FILM, NEW))
    assert (
        "New cells of the separator 'film' are taken to scatter as those of all separators together"
        " do (3 cells, of which 2 are its own): where its own scatter more, its safe current is "
        "lower."
    ) in named
    assert "taken to scatter" not in " ".join(new)
    result.groups = {"penetration": {"separator": ["film"] * 3}}  # of no other is anything taken
    assert "taken to scatter" not in " ".join(safe_current(result, FILM).notes)


@pytest.mark.parametrize(("share", "told"), [((0.55, 0.7), True), ((0.9, 0.95), False),
                                             ((0.4, 1.05), False)])  # fmt: skip
def test_own_cells_that_failed_below_the_median_that_others_draw_up_are_told(
    share: tuple[float, float], told: bool
) -> None:
    result = fitted(200)
    median = safe_current(result, FILM).median_cell[0]
    name = "critical_current_one_cell"
    values = (f"{name}_row", median * np.array([*share, 0.1]))
    result.observed_data = xr.Dataset({name: values}, {f"{name}_row": ["a", "b", "c"]})
    result.groups = {name: {"separator": ["film", "film", "AAO"]}}
    notes = " ".join(safe_current(result, FILM).notes)
    low, high = (shown(each * median) for each in share)
    sentence = f"The 2 cells of the separator 'film' that were stepped up failed at {low} to {high}"
    assert (sentence in notes) is told
    assert "draw its median" not in " ".join(safe_current(result, NEW).notes)


def test_laboratories_are_new_ones_also_of_a_named_separator() -> None:
    result = fitted()
    alike = safe_current_map(result, FILM)
    lab = ("chain", "draw", "penetration_lab"), np.zeros((2, 1000, 2)), {"units": "1"}
    result.posterior["penetration_lab_offset"] = lab
    result.posterior["lab_scatter"] = (("chain", "draw"), np.full((2, 1000), 0.8), {"units": "1"})
    apart = safe_current_map(result, FILM)
    assert (apart["safe_current_density"] < alike["safe_current_density"]).all()
    words = "a new cell of the separator 'film' as fitted in a new laboratory"
    assert which_new_cells(apart) == [words]
    assert "of the separator 'film' as fitted in a new laboratory (" in (
        safe_current(result, FILM).sentence()
    )


def test_maps_and_their_files_say_which_new_cells_they_mean(tmp_path: Path) -> None:
    result = fitted()
    other = {"separator": "other", **STATED["AAO"]}
    both = {"charge": ["1 mAh/cm^2", "4 mAh/cm^2"], "separators": ["film", "AAO", other]}
    dataset = safe_current_map(result, {"cell": "liquid", **both})
    words = [
        "a new cell of the separator 'film' as fitted",
        "a new cell of the separator 'AAO' as fitted",
        "a new cell of a new separator",
    ]
    assert dataset["new_cell"].values.tolist() == words == which_new_cells(dataset)
    medians = [float(np.median(flat(result, "pore_radius", name))) for name in STATED]
    np.testing.assert_allclose(dataset["pore_radius"], [*medians, 100.0])
    spread = [float(np.std(flat(result, "pore_radius", name))) for name in STATED]
    np.testing.assert_allclose(dataset["pore_radius_sd"], [*spread, 0.0])
    save_maps({"liquid": dataset}, tmp_path / "map.nc")
    stored = load_maps(tmp_path / "map.nc")
    assert stored["liquid"]["new_cell"].values.tolist() == words
    assert map_table(dataset)["new_cell"].tolist() == np.repeat(words, 2).tolist()
    figure = liquid_map(dataset.isel(separator=0), "charge")
    told = " ".join(" ".join(text.get_text().split()) for text in figure.texts)
    assert f"The safe current is that of {words[0]}." in told
    one = safe_current_map(result, NEW)
    assert which_new_cells(one) == [one.attrs["new_cell"]] == words[-1:]
    assert set(map_table(one)["new_cell"]) == {words[-1]}
    assert not which_new_cells(safe_current_map(result, toys.SOLID))
    # A map that does not say it was drawn when a name meant a new separator.
    assert drawn_with(stored, {"liquid": both}, result)
    silent = {"liquid": stored["liquid"].drop_vars("new_cell")}
    assert not drawn_with(silent, {"liquid": both}, result)


def test_a_page_has_room_for_so_many_separators_and_says_how_many_are_left_out() -> None:
    result = fitted(300)
    result.gate = SimpleNamespace(passed=True)
    payload = page_payload(result, {"liquid": {}})
    assert [each["name"] for each in payload["separators"]] == ["film", "AAO"]
    assert payload["separators_left_out"] == 0
    result.attrs["separators"] = json.dumps({f"film {n}": STATED["film"] for n in range(40)})
    payload = page_payload(result, {"liquid": {}})
    assert (len(payload["separators"]), payload["separators_left_out"]) == (16, 24)


ODD = "weak"
CELLS = [(0.6, 0), (0.75, 0), (0.88, 0), (0.98, 0), (1.02, 1), (1.14, 1), (1.33, 1), (1.7, 1)]


@pytest.mark.slow
def test_a_separator_whose_cells_failed_at_0_53_is_not_called_safe_above_half(
    campaign_of: Callable[..., Campaign],
) -> None:
    """Eight separators of one make fail at 0.9 mA/cm^2, one of the same stated make at 0.53."""
    names = {ODD: 0.53, **{f"S{number}": 0.9 for number in range(8)}}
    make = "polymer, 14, 1, 25, 2, 0.39, 0.02"
    cells = [
        f"{name} {place}, {name}, 25, {share * critical!r}, {('survived', 'penetrated')[failed]}"
        for name, critical in names.items()
        for place, (share, failed) in enumerate(CELLS)
    ]
    campaign = campaign_of(
        kind="synthetic",
        separators="\n".join(
            [
                "separator,pore_type,pore_radius [nm],pore_radius_sd [nm],thickness [um],"
                "thickness_sd [um],porosity [1],porosity_sd [1]",
                *(f"{name}, {make}" for name in names),
            ]
        ),
        penetration="\n".join(
            ["cell,separator,temperature [degC],current_density [mA/cm^2],outcome", *cells]
        ),
    )
    result = fit(campaign)
    answer = safe_current(result, {"cell": "liquid", "separators": [ODD]})
    assert 0.3 < answer.value <= 0.5  # type: ignore[operator]
    assert float(np.median(flat(result, "separator_offset", ODD))) < -0.1
    stated = json.loads(str(result.attrs["separators"]))[ODD]
    new = safe_current(result, {"cell": "liquid", **stated})
    assert new.value > 0.5  # type: ignore[operator]
    like = safe_current(result, {"cell": "liquid", "separators": ["S0"]})
    assert like.value > new.value  # type: ignore[operator]
