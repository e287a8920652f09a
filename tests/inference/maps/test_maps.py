"""Safe-current maps: exact limits, the scatter inside the root, and what is refused.

The posterior is fabricated: draws of the catalogue's priors, no fit.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from netCDF4 import Dataset
from scipy.special import ndtr, ndtri

from data.errors import MapError
from data.loading import load_campaign
from data.quantities import quantity
from inference.designs.mechanisms import MECHANISMS
from inference.designs.noise import SOURCES, noise_table
from inference.designs.reading import read_design
from inference.maps.asked import drawn_with
from inference.maps.files import load_maps, load_noise, save_map_table, save_maps
from inference.maps.mapping import maps_from_job, safe_current_map
from inference.maps.questions import safe_current
from inference.maps.separators import separator_sections
from inference.rows.data_ranges import data_ranges
from models import physics
from models.priors import resolve_priors

SCATTERS = ("penetration_scatter", "separator_scatter", "sand_scatter", "dc_polarization_scatter")
LIQUID = {
    "cell": "liquid",
    "pore_radius": {"from": "5 nm", "to": "200 nm", "points": 5, "scale": "log"},
    "macmullin_number": "4.11",
}
SOLID = {
    "cell": "solid",
    "charge": ["0.5 mAh/cm^2", "5 mAh/cm^2"],
    "pressure": ["0 MPa", "3 MPa", "9 MPa"],
}


OF_CELLS = 0.15
"""Five standard errors of the 5 % quantile of 2000 normal numbers, over its distance from zero."""


class Fabricated:
    """The part of a result that maps read, made of draws of the priors."""

    def __init__(self, draws: int = 300, **fixed: float) -> None:
        rng = np.random.default_rng(11)
        priors = resolve_priors("Na", {})
        values: dict[str, Any] = {
            name: prior.distribution.quantile(rng.uniform(size=(2, draws)))
            for name, prior in priors.items()
            if prior.distribution is not None and (prior.core or name == "constraint_factor")
        }
        cosine = np.abs(np.cos(np.radians(values["contact_angle"])))
        values["wetting_product"] = values["surface_energy"] * cosine
        for name, value in fixed.items():
            values[name] = np.full((2, draws), float(value))
        for protocol in ("one_way", "step"):
            key = f"supply_factor[{protocol}]"
            values[key] = values.get(f"supply_factor_{protocol}", values.get(key))
        self.posterior = xr.Dataset(
            {
                name: (("chain", "draw"), value, {"units": quantity(name).unit})
                for name, value in values.items()
                if "supply_factor" not in name
            },
            coords={"protocol": ["one_way", "step"]},
        )
        self.constant_data = xr.Dataset()
        self.log_likelihood = self.observed_data = self.posterior_predictive = xr.Dataset()
        self.lines: dict[str, list[int]] = {}
        self.folder = None
        self.blocks: list[str] = []
        self.conditions: dict[str, dict[str, list[float]]] = {}
        self.groups: dict[str, dict[str, list[str]]] = {}
        supply = np.stack([values["supply_factor[one_way]"], values["supply_factor[step]"]], -1)
        self.posterior["supply_factor"] = (("chain", "draw", "protocol"), supply, {"units": "1"})
        self.metal = "Na"
        self.kinetics = "marcus_hush_chidsey"
        self.salt_concentration = 1.0
        self.synthetic = True
        self.attrs: dict[str, Any] = {
            "name": "fabricated",
            "campaign": "fabricated",
            "campaign_kind": "synthetic",
            "seed": 3,
            "options": "{}",
        }
        self.data_ranges: dict[str, dict[str, list[float]]] = {}
        self.narrowing = dict.fromkeys(SCATTERS, 3.0)
        self.shift = dict.fromkeys(SCATTERS, 0.0)

    def summary(self) -> Any:
        import pandas as pd

        return pd.DataFrame({"narrowing": self.narrowing, "shift": self.shift})


def mapped(result: Fabricated, design: Mapping[str, Any], **options: Any) -> xr.Dataset:
    return safe_current_map(result, design, **options)  # type: ignore[arg-type]


NO_SCATTER = dict.fromkeys(SCATTERS, 0.0)


@pytest.mark.parametrize(
    "design",
    [LIQUID, {**LIQUID, "charge": "2 mAh/cm^2"}, SOLID],
    ids=["liquid, steady state", "liquid, at a charge", "solid"],
)
def test_without_scatter_a_new_cell_is_the_median_cell(design: Mapping[str, Any]) -> None:
    result = Fabricated(**NO_SCATTER)
    dataset = mapped(result, design)
    for kind in ("threshold", "critical_current_density"):
        new, median = dataset[f"predictive_{kind}"], dataset[f"median_cell_{kind}"]
        np.testing.assert_allclose(new, median, rtol=1e-12)
    np.testing.assert_allclose(
        dataset["safe_current_density"], median.sel(quantile=0.05), rtol=1e-12
    )


def one_cell(**changes: float) -> Fabricated:
    """Return a posterior without uncertainty: the values of source A, and scatter."""
    values = {
        "wetting_product": 2.21,
        "reorganization_energy": 0.16015,
        "exchange_current_density": 7.0,
        "ambipolar_diffusivity": 2.14e-6,
        "transference_number": 0.59,
        "self_diffusivity": 5.4e-9,
        "supply_factor_one_way": 1.0,
        "supply_factor_step": 1.0,
        "creep_current_at_9_MPa": 1.0,
        "creep_pressure_exponent": 2.0,
        **dict.fromkeys(SCATTERS, 0.3),
    }
    return Fabricated(1000, **{**values, **changes})


SAND_LIKE = [
    ("liquid", {"thickness": "20 mm", "charge": "0.1 mAh/cm^2", "macmullin_number": "4"}),
    ("solid", {"charge": "1 mAh/cm^2", "pressure": "0 MPa"}),
]


@pytest.mark.parametrize(("cell", "section"), SAND_LIKE, ids=["depletion", "voids"])
def test_at_fixed_charge_the_cell_factor_enters_squared(cell: str, section: dict[str, Any]) -> None:
    mechanism = {"liquid": "depletion", "solid": "voids"}[cell]
    section = {"pore_radius": "14 nm", **section} if cell == "liquid" else section
    dataset = mapped(one_cell(), {"cell": cell, **section}, draws=2000)
    new = dataset["predictive_threshold"].sel(mechanism=mechanism)
    median = dataset["median_cell_threshold"].sel(mechanism=mechanism, quantile=0.5)
    depth = float(np.log(new.sel(quantile=0.05) / median))
    assert depth == pytest.approx(2 * 0.3 * ndtri(0.05), rel=OF_CELLS)


def test_in_the_steady_state_the_cell_factor_enters_once() -> None:
    dataset = mapped(one_cell(), {**LIQUID, "pore_radius": "14 nm"}, draws=2000)
    new = dataset["predictive_threshold"].sel(mechanism="depletion", quantile=0.05)
    median = dataset["median_cell_threshold"].sel(mechanism="depletion", quantile=0.5)
    assert float(np.log(new / median)) == pytest.approx(0.3 * ndtri(0.05), rel=OF_CELLS)


def test_the_steady_state_is_the_limiting_current_of_one_trilayer() -> None:
    for charge in ("", "500 mAh/cm^2"):
        dataset = mapped(one_cell(), {**LIQUID, "charge": charge})
        depletion = dataset["median_cell_threshold"].sel(mechanism="depletion")
        np.testing.assert_allclose(depletion, 98.1, rtol=1e-3)
    assert np.isinf(mapped(one_cell(), LIQUID)["charge"])


def test_one_milliampere_passes_the_anchoring_capacity_of_sodium() -> None:
    dataset = mapped(one_cell(), {**SOLID, "charge": "19.6 mAh/cm^2", "pressure": "0 MPa"})
    assert float(dataset["median_cell_threshold"].sel(quantile=0.5).item()) == pytest.approx(
        1.0, rel=5e-3
    )


def test_penetration_is_the_critical_current_at_the_young_laplace_overpotential() -> None:
    dataset = mapped(one_cell(), {**LIQUID, "pore_radius": "10 nm", "porosity": 0.39})
    penetration = dataset["median_cell_threshold"].sel(mechanism="penetration", quantile=0.5)
    assert float(penetration) == pytest.approx(0.39 * 7.0 * 5.193, rel=1e-3)


def test_more_charge_than_the_metal_holds_is_never_safe() -> None:
    design = {**SOLID, "charge": ["1 mAh/cm^2", "2 mAh/cm^2"], "metal_thickness": "10 um"}
    dataset = mapped(one_cell(), design)  # 10 um of sodium hold 1.13 mAh/cm^2
    assert (dataset["safe_current_density"].sel(charge=1.0) > 0).all()
    assert (dataset["safe_current_density"].sel(charge=2.0) == 0).all()
    assert (dataset["probability_safe"].sel(charge=2.0) == 0).all()


def test_the_safe_current_is_borne_with_the_probability_stated() -> None:
    result = Fabricated()
    safe = float(
        mapped(result, {**LIQUID, "pore_radius": "14 nm"}, risk=0.1)["safe_current_density"]
    )
    design = {**LIQUID, "pore_radius": "14 nm", "current_density": f"{safe} mA/cm^2"}
    assert mapped(result, design)["probability_safe"].item() == pytest.approx(0.9, abs=2 / 600)


def test_mechanisms_of_liquid_and_solid_cells_are_never_mixed() -> None:
    maps = maps_from_job(Fabricated(), {"liquid": {}, "solid": {}})  # type: ignore[arg-type]
    names = {cell: set(dataset["mechanism"].values) for cell, dataset in maps.items()}
    assert names == {"liquid": {"penetration", "depletion"}, "solid": {"voids"}}
    for dataset in maps.values():
        np.testing.assert_allclose(dataset["probability_limiting"].sum("mechanism"), 1.0)
    liquid = set().union(*(item.scatters for item in MECHANISMS["liquid"]))
    assert liquid.isdisjoint(*(item.scatters for item in MECHANISMS["solid"]))
    other = Fabricated(self_diffusivity=1e-12, dc_polarization_scatter=2.0)
    xr.testing.assert_equal(maps_from_job(other, {"liquid": {}})["liquid"], maps["liquid"])  # type: ignore[arg-type]


def test_tolerances_widen_the_predictive_and_leave_the_median_cell_alone() -> None:
    result = one_cell()
    exact, loose = mapped(result, LIQUID), mapped(result, {**LIQUID, "pore_radius_sd": "40 %"})
    name = "critical_current_density"
    np.testing.assert_array_equal(exact[f"median_cell_{name}"], loose[f"median_cell_{name}"])
    assert (loose["safe_current_density"] < exact["safe_current_density"]).all()


def test_an_estimated_macmullin_number_scatters_and_a_measured_one_does_not() -> None:
    result = one_cell(**NO_SCATTER)
    for pore_type, scatter in (("polymer", 0.35), ("straight", 0.20)):
        section = {**LIQUID, "pore_radius": "14 nm", "macmullin_number": "", "pore_type": pore_type}
        dataset = mapped(result, section, draws=2000)
        new = dataset["predictive_threshold"].sel(mechanism="depletion")
        width = np.log(new.sel(quantile=0.95) / new.sel(quantile=0.05))
        assert float(width) == pytest.approx(2 * scatter * ndtri(0.95), rel=0.1)
        expected = physics.macmullin_number_from_porosity(0.39, pore_type)
        assert float(dataset["macmullin_number"]) == pytest.approx(float(expected))


def test_the_same_seed_gives_the_same_map_and_another_seed_another() -> None:
    result = Fabricated()
    one, two = (mapped(result, SOLID, draws=100, seed=5) for _ in range(2))
    xr.testing.assert_identical(one, two)
    assert not one.equals(mapped(result, SOLID, draws=100, seed=6))
    assert mapped(result, SOLID, draws=100).attrs["seed"] == 3


def test_the_size_of_the_blocks_does_not_change_the_map() -> None:
    result = Fabricated()
    for design in (SOLID, {**LIQUID, "charge": ["1 mAh/cm^2", "2 mAh/cm^2", "3 mAh/cm^2"]}):
        xr.testing.assert_identical(mapped(result, design), mapped(result, design, block_size=1))


def test_a_map_is_hatched_outside_the_range_of_the_data() -> None:
    result = Fabricated()
    result.data_ranges = {
        "liquid": {
            "pore_radius": [10.0, 100.0],
            "porosity": [0.39, 0.39],
            "thickness": [25.0, 60.0],
            "macmullin_number": [2.0, 8.0],
            "concentration": [1.0, 1.0],
            "temperature": [22.0, 22.0],
        },
        "solid": {"charge": [0.4, 2.0], "pressure": [0.0, 0.0], "temperature": [0.0, 25.0]},
    }
    liquid = {**LIQUID, "pore_radius": ["9 nm", "10 nm", "100 nm", "101 nm"]}
    assert mapped(result, liquid)["extrapolation"].values.tolist() == [True, False, False, True]
    assert mapped(result, {**liquid, "charge": "1 mAh/cm^2"})["extrapolation"].all()
    expected = [[False, True, True], [True, True, True]]
    assert mapped(result, SOLID)["extrapolation"].values.tolist() == expected
    result.data_ranges = {}
    assert mapped(result, SOLID)["extrapolation"].all()


def test_a_map_says_by_what_it_is_hatched_and_with_which_axes_it_was_made() -> None:
    """Two conditions that no row combines are each within the data: together they are not."""
    result = Fabricated()
    result.data_ranges = {
        "solid": {
            "charge": [0.5, 5.0],
            "pressure": [0.0, 9.0],
            "temperature": [25.0, 25.0],
            "metal_thickness": [500.0, 500.0],
        }
    }
    dataset = mapped(result, SOLID)
    assert not dataset["extrapolation"].any()
    assert "two conditions together" in dataset["extrapolation"].attrs["comment"]
    line = {"axes": ["pressure", "charge"], "hull": [[0.0, 0.5], [9.0, 0.5], [0.0, 5.0]]}
    result.attrs["data_hulls"] = json.dumps({"solid step": [line]})
    together = mapped(result, SOLID)["extrapolation"]
    assert together.values.tolist() == [[False, False, False], [False, True, True]]
    asked = {key: value for key, value in SOLID.items() if key != "cell"}
    assert json.loads(dataset.attrs["axes"]) == asked
    same = {"solid": dataset}
    assert drawn_with(same, {"solid": asked}, result)  # type: ignore[arg-type]
    assert not drawn_with(same, {"solid": asked | {"protocol": "one_way"}}, result)  # type: ignore[arg-type]
    assert not drawn_with(same, {"solid": asked, "liquid": {}}, result)  # type: ignore[arg-type]
    assert not drawn_with(same, {}, result)  # type: ignore[arg-type]
    default = maps_from_job(result, {})  # type: ignore[arg-type]
    assert drawn_with(default, {}, result)  # type: ignore[arg-type]
    assert not drawn_with({"solid": dataset.drop_attrs()}, {"solid": asked}, result)  # type: ignore[arg-type]


def test_an_empty_section_maps_the_cells_that_the_campaign_has_data_of() -> None:
    result = Fabricated()
    result.data_ranges = {"liquid": {}, "solid": {"charge": [1.0, 2.0]}}
    assert set(maps_from_job(result, {})) == {"solid"}  # type: ignore[arg-type]


def test_a_scatter_that_the_data_do_not_narrow_is_flagged() -> None:
    result = Fabricated()
    result.narrowing |= {"separator_scatter": 1.1, "dc_polarization_scatter": np.nan}
    driven = mapped(result, LIQUID)["scatter_prior_driven"]
    assert driven.sel(mechanism="penetration")
    assert not driven.sel(mechanism="depletion")
    assert mapped(result, SOLID)["scatter_prior_driven"].all()


def test_a_scatter_that_the_data_have_moved_is_not_its_priors() -> None:
    # From 0.25 to 0.15 at a prior of 0.5 in its logarithm: one standard deviation.
    result = Fabricated()
    result.narrowing |= {"dc_polarization_scatter": 1.1}
    result.shift |= {"dc_polarization_scatter": -1.02}
    assert not mapped(result, SOLID)["scatter_prior_driven"].any()
    asked = {"cell": "solid", "charge": "1 mAh/cm^2", "pressure": "0 MPa"}
    before = safe_current(result, asked).notes  # type: ignore[arg-type]
    assert not any("comes from the prior" in note for note in before)
    result.shift |= {"dc_polarization_scatter": -0.1}
    [note] = {*safe_current(result, asked).notes} - {*before}  # type: ignore[arg-type]
    assert note.startswith("How new cells scatter comes from the prior, not from data, for voids")
    assert note.endswith("(dc_polarization_scatter).")
    result.attrs["suspicions"] = '["lsv_scatter is 0.61: two kinds of rows."]'
    assert "lsv_scatter is 0.61: two kinds of rows." in safe_current(result, asked).notes  # type: ignore[arg-type]


def test_the_creep_feed_follows_the_law_of_the_fit() -> None:
    result = Fabricated()
    empirical = mapped(result, SOLID)
    result.attrs["options"] = json.dumps({"dc_polarization": {"creep_current": "norton"}})
    norton = mapped(result, SOLID)
    name = "safe_current_density"
    xr.testing.assert_allclose(empirical[name].sel(pressure=0), norton[name].sel(pressure=0))
    assert (empirical[name].sel(pressure=9) != norton[name].sel(pressure=9)).all()
    assert norton.attrs["creep_current"] == "norton"


def test_activation_energies_of_the_fit_open_the_temperature_axis() -> None:
    energies = {
        "exchange_current_density_activation_energy": 40.0,
        "ambipolar_diffusivity_activation_energy": 20.0,
    }
    design = {**LIQUID, "pore_radius": "14 nm", "temperature": ["25 degC", "60 degC"]}
    dataset = mapped(one_cell(**energies), design)
    depletion = dataset["median_cell_threshold"].sel(mechanism="depletion", quantile=0.5)
    ratio = np.exp(20e3 / 8.314462618 * (1 / 298.15 - 1 / 333.15))
    assert float(depletion[1] / depletion[0]) == pytest.approx(ratio, rel=1e-6)


@pytest.mark.parametrize(
    ("design", "options", "message"),
    [
        ({**LIQUID, "temperature": "31 degC"}, {}, "ambipolar_diffusivity_activation_energy"),
        ({**SOLID, "pressure": "9.5 MPa"}, {}, "nothing is known above 9 MPa"),
        ({}, {}, '"cell"'),
        (SOLID, {"risk": 0.0}, "risk"),
        (SOLID, {"risk": 0.7}, "risk"),
        (SOLID, {"draws": 1}, "draws"),
    ],
)
def test_what_the_fit_cannot_speak_of_is_refused(
    design: Mapping[str, Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(MapError, match=message):
        mapped(Fabricated(20), design, **options)


def test_data_at_a_higher_pressure_open_the_axis() -> None:
    result = Fabricated(20)
    result.data_ranges = {"solid": {"pressure": [0.0, 12.0]}}
    assert mapped(result, {**SOLID, "pressure": "12 MPa"})["safe_current_density"].notnull().all()


def test_everything_in_a_map_has_a_name_and_a_unit_and_says_what_it_covers() -> None:
    for design in (LIQUID, SOLID):
        dataset = mapped(Fabricated(20), design)
        for name, variable in dataset.variables.items():
            assert variable.attrs["long_name"], name
            assert name == "mechanism" or variable.attrs["units"], name
        assert "one half-cycle" in dataset.attrs["covers"]
        assert "larger areas" in dataset.attrs["does_not_cover"]
        assert "SYNTHETIC" in dataset.attrs["title"]


def test_maps_survive_their_file(tmp_path: Path) -> None:
    maps = maps_from_job(Fabricated(20), {"liquid": {}, "solid": dict(list(SOLID.items())[1:])})  # type: ignore[arg-type]
    save_maps(maps, tmp_path / "map.nc")
    loaded = load_maps(tmp_path / "map.nc")
    assert set(loaded) == {"liquid", "solid"}
    for cell, dataset in maps.items():
        xr.testing.assert_identical(loaded[cell], dataset)


def test_a_missing_or_foreign_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MapError, match="anodebayes map"):
        load_maps(tmp_path / "map.nc")
    (tmp_path / "map.nc").write_text("not a map")
    with pytest.raises(MapError, match="draw them again"):
        load_maps(tmp_path / "map.nc")


def test_the_literature_covers_what_its_rows_hold() -> None:
    ranges = data_ranges(load_campaign("sodium-literature"))
    assert ranges["solid"]["charge"] == pytest.approx([5 / 12, 18.0])
    assert ranges["solid"]["pressure"] == [0.0, 0.0]
    assert ranges["solid"]["temperature"] == [0.0, 25.0]
    # The published wetting product was calibrated on all separators of its source.
    assert ranges["liquid"]["pore_radius"] == [10.0, 100.0]
    assert ranges["liquid"]["concentration"] == [1.0, 1.0]
    assert ranges["solid step"]["charge"] == pytest.approx([5 / 12, 1.75])
    assert ranges["solid step"]["temperature"] == [25.0, 25.0]
    axes = {cell: set(read_design(cell, {}).axes) for cell in ("liquid", "solid")}
    assert all(set(ranges[cell]) - {"macmullin_number"} <= axes[cell] for cell in axes)


def test_a_risk_that_the_draws_cannot_resolve_is_refused() -> None:
    with pytest.raises(MapError, match="draw more"):
        safe_current_map(Fabricated(100), {"cell": "liquid"}, risk=1e-3)  # type: ignore[arg-type]


@pytest.mark.parametrize("design", [LIQUID, SOLID], ids=["liquid", "solid"])
def test_a_cell_of_one_patch_is_a_cell(design: Mapping[str, Any]) -> None:
    result = Fabricated()
    plain, one = mapped(result, design), mapped(result, {**design, "area_ratio": 1})
    xr.testing.assert_allclose(plain, one.drop_vars("area_ratio"), rtol=1e-12)
    assert mapped(result, {**design, "area_ratio": 2})["extrapolation"].all()


def test_a_larger_cell_fails_as_the_weakest_of_its_patches() -> None:
    solid = {"cell": "solid", "charge": "1 mAh/cm^2", "pressure": "0 MPa"}
    axis = {"area_ratio": [0.2, 1.0, 10.0, 1000.0]}
    dataset = mapped(one_cell(), {**solid, **axis}, risk=0.2)
    ratio = dataset["area_ratio"].values
    # Where voids grow by diffusion alone the factor u enters squared.
    median = dataset["median_cell_critical_current_density"].sel(quantile=0.5)
    due = np.exp(2 * 0.3 * ndtri(-np.expm1(np.log(0.5) / ratio)))
    np.testing.assert_allclose(median / median.sel(area_ratio=1.0), due, rtol=1e-6)
    z = np.log(dataset["current_density"] / float(median.sel(area_ratio=1.0))) / (2 * 0.3)
    for each in ratio:
        survives = dataset["probability_safe"].sel(area_ratio=each)
        np.testing.assert_allclose(survives, ndtr(-z) ** each, atol=5 * np.sqrt(0.25 / 2000))
    assert "area_ratio times the area" in dataset.attrs["covers"]
    assert "larger areas" not in dataset.attrs["does_not_cover"]


def test_patches_of_one_cell_share_its_separator() -> None:
    no_cells = {"penetration_scatter": 0.0, "sand_scatter": 0.0}
    dataset = mapped(one_cell(**no_cells), {**LIQUID, "area_ratio": [1.0, 1000.0]})
    for name in ("predictive_threshold", "safe_current_density"):
        small, large = (dataset[name].sel(area_ratio=each) for each in (1.0, 1000.0))
        np.testing.assert_allclose(small, large, rtol=1e-12)


def test_where_laboratories_differ_a_new_cell_is_made_in_a_new_one() -> None:
    solid = {"cell": "solid", "charge": "1 mAh/cm^2", "pressure": "0 MPa"}
    alike, apart = one_cell(), one_cell(lab_scatter=0.4)
    apart.posterior["dc_polarization_lab_offset"] = (
        ("chain", "draw", "dc_polarization_lab"), np.zeros((2, 1000, 2)), {"units": "1"},
    )  # fmt: skip
    apart.narrowing["lab_scatter"] = 3.0
    spread = [
        float(np.log(dataset["predictive_threshold"].sel(mechanism="voids")).diff("quantile").sum())
        for dataset in (mapped(alike, solid), mapped(apart, solid))
    ]
    np.testing.assert_allclose(spread[1] / spread[0], np.hypot(0.3, 0.4) / 0.3, rtol=0.13)


def test_where_the_largest_pore_decides_its_width_is_a_condition() -> None:
    result = one_cell(wetted_pores=1e9, pore_size_spread=0.1)
    with pytest.raises(MapError, match="the typical pore"):
        mapped(result, {**LIQUID, "pore_size_spread": 0.1})
    result.attrs["options"] = json.dumps({"penetration": {"pores": "weakest_link"}})
    wide = {**LIQUID, "pore_size_spread": [0.001, 0.1, 0.3]}
    name = "median_cell_threshold"
    thresholds = mapped(result, wide)[name].sel(mechanism="penetration", quantile=0.5)
    assert (thresholds.diff("pore_size_spread") < 0).all()
    own = mapped(result, LIQUID)[name].sel(mechanism="penetration", quantile=0.5)
    np.testing.assert_allclose(own, thresholds.sel(pore_size_spread=0.1), rtol=1e-12)
    larger = physics.largest_pore_radius(1.0, 0.1, 1e9)
    smaller = [f"{14 / larger} nm"]
    narrow = mapped(result, {**LIQUID, "pore_radius": smaller})[name]
    del result.attrs["options"]
    typical = mapped(result, {**LIQUID, "pore_radius": "14 nm"})[name]
    np.testing.assert_allclose(narrow.values.ravel(), typical.values.ravel(), rtol=1e-9)
    result.posterior = result.posterior.drop_vars("pore_size_spread")
    result.attrs["options"] = json.dumps({"penetration": {"pores": "weakest_link"}})
    with pytest.raises(MapError, match="give that of the design"):
        mapped(result, LIQUID)


def test_other_risks_stand_beside_the_one_asked_for() -> None:
    result = Fabricated()  # 600 draws: 1 in 100 of them are too few to state
    dataset = mapped(result, LIQUID, risk=0.1)
    assert dataset["risk"].values.tolist() == [0.05, 0.1, 0.25, 0.5]
    at = dataset["safe_current_density_at_risk"]
    np.testing.assert_array_equal(at.sel(risk=0.1), dataset["safe_current_density"])
    assert (at.diff("risk") > 0).all()
    np.testing.assert_array_equal(
        at.sel(risk=0.5), dataset["predictive_critical_current_density"].sel(quantile=0.5)
    )
    assert 0.2 in mapped(result, LIQUID, risk=0.2)["risk"]


GRIDS = [
    {
        **LIQUID,
        "pore_radius": ["10 nm", "40 nm", "90 nm"],
        "thickness": ["10 um", "20 um"],
        "area_ratio": [1.0, 50.0],
        "pore_radius_sd": "10 %",
    },
    {
        "cell": "liquid",
        "pore_radius": "14 nm",
        "porosity": [0.3, 0.5],
        "porosity_sd": 0.03,
        "charge": ["0.5 mAh/cm^2", "5 mAh/cm^2"],
        "temperature": ["22 degC", "28 degC"],
        "temperature_sd": "1 K",
    },
    {**SOLID, "temperature": ["0 degC", "40 degC"], "metal_thickness": ["20 um", "500 um"]},
]


@pytest.mark.parametrize("design", GRIDS, ids=["radius", "porosity", "solid"])
def test_a_point_of_a_map_is_the_map_of_that_point(design: dict[str, Any]) -> None:
    """Mechanisms are evaluated on their own axes and laid together: no point may get another's."""
    result = Fabricated()
    whole = mapped(result, design)
    xr.testing.assert_identical(whole, mapped(result, design, block_size=1))
    xr.testing.assert_identical(whole, mapped(result, design, block_size=10**9))
    swept = {str(name): whole[name].values for name in whole["safe_current_density"].dims}
    for place in range(2):
        point = {name: values[place] for name, values in swept.items()}
        texts = {
            name: f"{value!r} {whole[name].attrs['units']}".removesuffix(" 1").replace("np.", "")
            for name, value in ((name, float(value)) for name, value in point.items())
        }
        alone = mapped(result, {**design, **texts})
        for name in alone.data_vars:
            here = whole[name].sel(
                {key: value for key, value in point.items() if key in whole[name].dims}
            )
            np.testing.assert_allclose(here, alone[name], rtol=1e-12, err_msg=str(name))


@pytest.mark.parametrize("tolerance", [{}, {"pore_radius_sd": "20 %", "temperature_sd": "1 K"}])
def test_over_many_points_the_interpolated_threshold_is_the_exact_one(
    tolerance: dict[str, Any],
) -> None:
    result = Fabricated(100)
    for name, value in (
        ("exchange_current_density_activation_energy", 40.0),
        ("ambipolar_diffusivity_activation_energy", 20.0),
    ):
        draws = np.full((2, 100), value)
        result.posterior[name] = (("chain", "draw"), draws, {"units": "kJ/mol"})
    radii = np.geomspace(2.0, 500.0, 160)
    warmth = np.linspace(-10.0, 60.0, 40)
    axes = {
        "pore_radius": [f"{float(radius)!r} nm" for radius in radii],
        "temperature": [f"{float(value)!r} degC" for value in warmth],
    }
    dense = mapped(result, {**LIQUID, **axes, **tolerance})
    few = {
        "pore_radius": axes["pore_radius"][::53],
        "temperature": axes["temperature"][::13],
    }
    exact = mapped(result, {**LIQUID, **few, **tolerance})
    places = {"pore_radius": slice(None, None, 53), "temperature": slice(None, None, 13)}
    for name in ("predictive_threshold", "median_cell_threshold", "safe_current_density"):
        # A temperature with a tolerance is rounded to a nanokelvin in each draw.
        close = 1e-9 if tolerance else 3e-12
        np.testing.assert_allclose(dense[name].isel(places), exact[name], rtol=close)


NAMED = [
    {"separator": "film", "pore_radius": "14 nm", "pore_radius_sd": "4 nm", "porosity": 0.39,
     "thickness": "25 um"},
    {"separator": "AAO", "pore_type": "straight", "pore_radius": "100 nm", "porosity": 0.35,
     "porosity_sd": 0.1, "thickness": "60 um"},
]  # fmt: skip


def test_separators_lie_beside_each_other_each_with_its_own_properties() -> None:
    result = Fabricated()
    swept = {"cell": "liquid", "charge": ["1 mAh/cm^2", "4 mAh/cm^2"]}
    dataset = mapped(result, {**swept, "separators": NAMED})
    assert dataset["safe_current_density"].dims == ("separator", "charge")
    assert dataset["pore_radius"].values.tolist() == [14.0, 100.0]
    assert dataset["pore_radius_sd"].values.tolist() == [4.0, 0.0]
    assert dataset["pore_type"].values.tolist() == ["polymer", "straight"]
    for section in NAMED:
        own = {key: value for key, value in section.items() if key != "separator"}
        alone = mapped(result, {**swept, **own})
        for name in alone.data_vars:
            here = dataset[name]
            here = here.sel(separator=section["separator"]) if "separator" in here.dims else here
            assert here.dims == alone[name].dims
            np.testing.assert_array_equal(here, alone[name])


def test_separators_of_the_campaign_go_by_their_names() -> None:
    result = Fabricated()
    table = load_campaign("sodium-literature").tables["separators"]
    result.attrs["separators"] = json.dumps(separator_sections(table))
    every = mapped(result, {"cell": "liquid", "separators": "campaign"})
    assert every["separator"].values.tolist() == ["trilayer", "AAO 200 nm", "AAO 20 nm"]
    # The fit holds nothing of their own: what is stated, as 600 draws have it.
    np.testing.assert_allclose(every["pore_radius"], [14.0, 100.0, 10.0], rtol=0.06)
    np.testing.assert_allclose(every["pore_radius_sd"], [4.0, 15.0, 2.0], rtol=0.2)
    thin = {"separator": "trilayer", "thickness": "12 um"}
    one = mapped(result, {"cell": "liquid", "separators": ["AAO 20 nm", thin]})
    assert one["thickness"].values.tolist() == [50.0, 12.0]
    safe = [each["safe_current_density"].sel(separator="AAO 20 nm") for each in (one, every)]
    assert float(safe[0]) == float(safe[1])
    assert one["new_cell"].values.tolist() == [
        "a new cell of the separator 'AAO 20 nm' as fitted",
        "a new cell of a new separator",
    ]
    for section, message in (
        ({"separators": ["trilayr"]}, "did you mean 'trilayer'"),
        ({"separators": ["trilayer", "trilayer"]}, "twice"),
        ({"separators": "trilayer"}, 'legal are "campaign", or a list'),
        ({"separators": [{"separator": "B", "porosity": 0.4}]}, "lacks pore_radius, thickness"),
        ({"separators": [{"separator": "B", "poresity": 0.4}]}, "did you mean 'porosity'"),
        ({"separators": "campaign", "porosity": 0.4}, "each brings its own"),
    ):
        with pytest.raises(MapError, match=message):
            mapped(result, {"cell": "liquid", **section})


def test_a_file_follows_the_conventions_and_a_table_opens_in_a_spreadsheet(tmp_path: Path) -> None:
    result = Fabricated(50)
    maps = maps_from_job(result, {"solid": dict(list(SOLID.items())[1:])})  # type: ignore[arg-type]
    noise = noise_table(result)  # type: ignore[arg-type]
    save_maps(maps, tmp_path / "map.nc", noise)
    xr.testing.assert_identical(load_maps(tmp_path / "map.nc")["solid"], maps["solid"])
    xr.testing.assert_identical(load_noise(tmp_path / "map.nc"), noise)
    with Dataset(tmp_path / "map.nc") as file:
        assert file.Conventions == "CF-1.11"
        solid = file["solid"]
        assert solid.Conventions == "CF-1.11"
        assert solid["charge"].units == "mA h/cm^2"  # as UDUNITS reads it
        assert "_FillValue" not in solid["charge"].ncattrs()
        assert solid["extrapolation"].flag_meanings.split() == [
            "within_range_of_data",
            "outside_range_of_data",
        ]
        assert "temperature" in solid["safe_current_density"].coordinates
    save_map_table(maps["solid"], tmp_path / "map_solid.csv")
    table = pd.read_csv(tmp_path / "map_solid.csv")
    assert len(table) == maps["solid"]["safe_current_density"].size
    assert set(table["data_kind"]) == {"synthetic"}
    last = maps["solid"].isel(charge=1, pressure=2)
    row = table.iloc[-1]
    assert row["charge [mAh/cm^2]"] == 5.0
    assert row["metal_thickness [um]"] == 500.0
    assert row["extrapolation"] == "yes"
    for column, value in (
        ("safe_current_density_at_25_percent_risk [mA/cm^2]",
         last["safe_current_density_at_risk"].sel(risk=0.25)),
        ("median_cell_critical_current_density_q05 [mA/cm^2]",
         last["median_cell_critical_current_density"].sel(quantile=0.05)),
        ("probability_limiting_voids [1]", 1.0),
    ):  # fmt: skip
        assert row[column] == pytest.approx(float(value), rel=1e-5)


def test_the_table_of_noise_gives_the_new_cells_of_a_map() -> None:
    """What a reader of the file is told suffices to draw the same cells."""
    result = Fabricated()
    noise = noise_table(result, draws=500)  # type: ignore[arg-type]
    z = noise["noise"].to_pandas()
    flat = result.posterior.transpose("chain", "draw", ...).stack(all=("chain", "draw"))
    drawn = flat.isel(all=noise["posterior_draw"].values)
    radius = 14e-9 * np.exp(np.sqrt(np.log1p(0.2**2)) * z["pore_radius of the design"])
    porosity = 1 / (1 + np.exp(-(np.log(0.4 / 0.6) + 0.05 / 0.24 * z["porosity of the design"])))
    factor = np.exp(
        drawn["penetration_scatter"].values * z["penetration_scatter"]
        + drawn["separator_scatter"].values * z["separator_scatter"]
    )
    current = factor * physics.critical_current_density(
        drawn["wetting_product"].values,
        radius.to_numpy(),
        porosity,
        10.0 * drawn["exchange_current_density"].values,
        drawn["reorganization_energy"].values,
        298.15,
        23.68e-6,
    )
    design = {
        "pore_radius": "14 nm",
        "pore_radius_sd": "20 %",
        "porosity": 0.4,
        "porosity_sd": 0.05,
    }
    dataset = mapped(result, {"cell": "liquid", **design}, draws=500)
    levels = dataset["quantile"].values
    np.testing.assert_allclose(
        dataset["predictive_threshold"].sel(mechanism="penetration"),
        np.quantile(current / 10.0, levels),
        rtol=1e-10,
    )
    assert noise["source"].values.tolist() == list(SOURCES)
    assert np.abs(noise["cell_noise"].mean("cell")).max() < 0.02
    np.testing.assert_allclose(noise["cell_noise"].std("cell"), 1.0, atol=0.02)


def test_a_law_without_its_parameter_is_refused_in_words() -> None:
    result = Fabricated(20)
    result.posterior = result.posterior.drop_vars("constraint_factor")
    assert mapped(result, SOLID)["safe_current_density"].notnull().all()
    result.attrs["options"] = json.dumps({"dc_polarization": {"creep_current": "norton"}})
    with pytest.raises(MapError, match="needs the constraint factor, and the fit holds none"):
        mapped(result, SOLID)
    result.attrs["options"] = json.dumps({"penetration": {"pores": "weakest_link"}})
    with pytest.raises(MapError, match="no number of wetted pores"):
        mapped(result, {**LIQUID, "pore_size_spread": 0.2})
