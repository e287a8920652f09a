"""Figures say what they show: units on every axis, synthetic data marked, nothing cut off.

The result is fabricated: draws of the catalogue's priors, and predictions about made-up data.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.text import Text

from data.errors import InputError, MapError
from data.quantities import quantity
from inference.figures import (
    liquid_map,
    posterior_forest,
    predictive_check,
    ridge,
    save_figure,
    solid_map,
    write_figures,
)
from inference.figures.style import label, pretty_number, pretty_unit
from inference.maps import maps_from_job
from models.priors import resolve_priors

DRAWS = (2, 200)
DESIGN_COLUMNS = ("sd", "halfwidth", "floor", "ceiling")
SECTIONS: dict[str, dict[str, Any]] = {
    "liquid": {"pore_radius": {"from": "5 nm", "to": "200 nm", "points": 9, "scale": "log"}},
    "solid": {
        "charge": {"from": "0.5 mAh/cm^2", "to": "20 mAh/cm^2", "points": 6, "scale": "log"},
        "pressure": {"from": "0 MPa", "to": "9 MPa", "points": 5},
    },
}


class Fabricated:
    """The part of a result that figures and maps read."""

    metal = "Na"
    kinetics = "marcus_hush_chidsey"
    salt_concentration = 1.0

    def __init__(self, *, synthetic: bool) -> None:
        self.synthetic = synthetic
        self.rng = np.random.default_rng(5)
        self.attrs: dict[str, Any] = {
            "name": "fabricated",
            "campaign": "fabricated",
            "campaign_kind": "synthetic" if synthetic else "measured",
            "seed": 1,
            "options": "{}",
        }
        self.data_ranges = {
            "liquid": {
                "pore_radius": [10.0, 100.0],
                "porosity": [0.12, 0.39],
                "thickness": [25.0, 60.0],
                "concentration": [1.0, 1.0],
                "temperature": [25.0, 25.0],
            },
            "solid": {"charge": [1.0, 10.0], "pressure": [0.0, 0.0], "temperature": [25.0, 25.0]},
        }
        self.prior = self._draws()
        self.posterior = self._draws()
        self.observed_data = xr.Dataset()
        self.posterior_predictive = xr.Dataset()
        self.constant_data = xr.Dataset()
        self._observe()

    def _draws(self) -> xr.Dataset:
        values = {
            name: prior.distribution.quantile(self.rng.uniform(size=DRAWS))
            for name, prior in resolve_priors("Na", {}).items()
            if prior.core
        }
        cosine = np.abs(np.cos(np.radians(values["contact_angle"])))
        values["wetting_product"] = values["surface_energy"] * cosine
        supply = [values.pop(name) for name in list(values) if name.startswith("supply_factor")]
        dataset = xr.Dataset(
            {
                name: (("chain", "draw"), value, {"units": quantity(name).unit})
                for name, value in values.items()
            },
            coords={"protocol": ["one_way", "step"]},
        )
        factor = (("chain", "draw", "protocol"), np.stack(supply, -1), {"units": "1"})
        return dataset.assign(supply_factor=factor)

    def _observe(self) -> None:
        beyond = 1e3
        ends = {"floor": -beyond, "ceiling": beyond}
        potential = np.linspace(0.01, 0.15, 12)
        self._add(
            "kinetics",
            7 * np.sinh(20 * potential),
            potential.astype(str),
            {"overpotential": potential, "temperature": 298.15, "sd": 0, "halfwidth": 0, **ends},
        )
        self._add("penetration", np.tile([0.0, 1.0], 24), np.arange(48).astype(str), {})
        self._add(
            "dc_polarization_one_way",
            np.array([64800.0, 18000.0]),
            np.array(["18 h", "5 h"]),
            {
                "sd": 0,
                "halfwidth": 0,
                "floor": -beyond,
                "ceiling": np.log([90000.0, 18000.0]),
            },
        )
        self._add(
            "dc_polarization_step",
            np.array([6.7, 4.2]),
            np.array(["5 min", "15 min"]),
            {"sd": 0, "halfwidth": np.array([0.3, 0.35]), **ends},
        )
        self._add(
            "published",
            np.array([2.21, 0.09, 5.22e-6]),
            np.array(
                [
                    "wetting_product",
                    "critical_to_limiting_ratio, trilayer",
                    "diffusivity_over_anion_transference",
                ]
            ),
            {
                "sd": 0.2,
                "halfwidth": 0,
                "floor": [-beyond, np.log(0.09), -beyond],
                "ceiling": beyond,
            },
        )
        self._add(
            "sand",
            np.array([37.2, 931.0, 9.3]),
            np.array(["cap-01", "cap-02", "cap-03"]),
            {
                "sd": [0.02, 0, 0],
                "halfwidth": [0, 0, 0.1],
                "floor": -beyond,
                "ceiling": np.log([1e4, 931.0, 1e4]),
            },
        )
        self._add(
            "morphology_coverage",
            np.array([0.149, 0.861]),
            np.array(["0 kPa", "1272 kPa"]),
            {"sd": 0, "halfwidth": 0, **ends},
        )

    def _add(self, name: str, observed: Any, labels: Any, design: dict[str, Any]) -> None:
        row = f"{name}_row"
        self.observed_data[name] = ((row,), observed)
        self.observed_data = self.observed_data.assign_coords({row: labels})
        if name == "penetration":
            drawn = (self.rng.uniform(size=(*DRAWS, observed.size)) < 0.3).astype(float)
        else:
            drawn = observed * np.exp(0.2 * self.rng.standard_normal((*DRAWS, observed.size)))
        self.posterior_predictive[name] = (("chain", "draw", row), drawn)
        if design:
            columns = [
                np.broadcast_to(np.asarray(c, dtype=float), observed.shape) for c in design.values()
            ]
            self.constant_data[f"{name}_design"] = ((row, f"{name}_column"), np.stack(columns, -1))
            self.constant_data = self.constant_data.assign_coords({f"{name}_column": list(design)})

    def summary(self) -> pd.DataFrame:
        rows = {}
        for name, drawn in self.posterior.data_vars.items():
            parts = {str(name): drawn}
            if "protocol" in drawn.dims:
                parts = {f"{name}[{p}]": drawn.sel(protocol=p) for p in ("one_way", "step")}
            for key, values in parts.items():
                lower, median, upper = np.quantile(values, [0.05, 0.5, 0.95])
                rows[key] = {
                    "median": median,
                    "lower": lower,
                    "upper": upper,
                    "prior_lower": 0.5 * lower,
                    "prior_upper": 1.1 * upper,
                    "narrowing": 1.0 if name == "contact_angle" else 2.0,
                }
        return pd.DataFrame.from_dict(rows, orient="index")


FIGURES = [
    "posterior",
    "ridge",
    "predictive_dc_polarization",
    "predictive_kinetics",
    "predictive_morphology",
    "predictive_penetration",
    "predictive_published",
    "predictive_sand",
    "map_liquid_pore_radius",
    "map_solid_charge",
    "map_solid_pressure",
]


def draw(name: str, result: Any) -> Figure:
    kind, _, rest = name.partition("_")
    if kind == "posterior":
        return posterior_forest(result)
    if kind == "ridge":
        return ridge(result)
    if kind == "predictive":
        return predictive_check(result, rest)
    cell, _, axis = rest.partition("_")
    maps = maps_from_job(result, {cell: SECTIONS[cell]}, draws=50)
    return liquid_map(maps[cell]) if cell == "liquid" else solid_map(maps[cell], axis)


@pytest.fixture(scope="module")
def drawn() -> dict[str, Figure]:
    result = Fabricated(synthetic=True)
    figures = {name: draw(name, result) for name in FIGURES}
    for figure in figures.values():
        figure.draw_without_rendering()
    return figures


def texts(figure: Figure) -> list[Text]:
    shown = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text()]
    return [text for text in shown if isinstance(text, Text)]


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_of_synthetic_data_says_so_on_itself(
    name: str, drawn: dict[str, Figure]
) -> None:
    assert any("SYNTHETIC" in text.get_text() for text in texts(drawn[name]))


def test_a_figure_of_measured_data_has_no_such_mark() -> None:
    figure = draw("ridge", Fabricated(synthetic=False))
    assert not any("SYNTHETIC" in text.get_text() for text in texts(figure))


@pytest.mark.parametrize("name", FIGURES)
def test_no_text_is_small_cut_off_or_a_raw_name(name: str, drawn: dict[str, Figure]) -> None:
    figure = drawn[name]
    width, height = figure.bbox.width, figure.bbox.height
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    for text in texts(figure):
        words = re.sub(r"\$[^$]*\$", "", text.get_text())
        assert not re.search(r"[a-z]_[a-z]", words), words
        assert text.get_fontsize() >= 7, words
        if not text.get_in_layout() or not text.get_clip_on():
            box = text.get_window_extent(renderer)
            assert box.x0 > -1, words
            assert box.y0 > -1, words
            assert box.x1 < width + 1, words
            assert box.y1 < height + 1, words


@pytest.mark.parametrize("name", FIGURES)
def test_title_legend_axes_and_caption_do_not_overlap(name: str, drawn: dict[str, Figure]) -> None:
    figure = drawn[name]
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    parts = [text for text in figure.texts if text.get_gid() in ("title", "caption")]
    boxes = [part.get_window_extent(renderer) for part in parts]
    boxes += [legend.get_window_extent(renderer) for legend in figure.legends]
    axes = [part.get_tightbbox(renderer) for part in figure.axes]
    for index, box in enumerate(boxes):
        for other in [*boxes[index + 1 :], *axes]:
            assert other is None or not (box.padded(-1).overlaps(other.padded(-1))), name


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("map_liquid_pore_radius", {"Pore radius of the separator (nm)"}),
        ("map_solid_charge", {"Capacity stripped in one half-cycle (mAh cm⁻²)"}),
        ("map_solid_pressure", {"Stack pressure (MPa)"}),
        ("ridge", {"Contact angle (°)"}),
        ("predictive_kinetics", {"Overpotential (mV)"}),
        ("predictive_penetration", {"Probability of penetration"}),
        (
            "predictive_dc_polarization",
            {"Time of transition (h)", "Current density of failure (mA cm⁻²)"},
        ),
    ],
)
def test_axes_carry_what_they_show_and_its_unit(
    name: str, labels: set[str], drawn: dict[str, Figure]
) -> None:
    assert labels == {axes.get_xlabel() for axes in drawn[name].axes if axes.get_xlabel()}


@pytest.mark.parametrize("name", ["map_liquid_pore_radius", "map_solid_charge"])
def test_a_map_says_what_it_covers_and_hatches_what_no_data_cover(
    name: str, drawn: dict[str, Figure]
) -> None:
    figure = drawn[name]
    words = next(text.get_text() for text in figure.texts if text.get_gid() == "caption")
    caption = " ".join(words.split())
    assert "Covers one laboratory cell" in caption
    assert "Does not" in caption
    hatched = [
        area
        for area in figure.axes[0].findobj(PolyCollection)
        if isinstance(area, PolyCollection) and area.get_gid() == "extrapolation"
    ]
    assert len(hatched) == 2  # below and above the range of the data
    assert all(area.get_hatch() for area in hatched)


def test_a_one_sided_observation_is_an_arrow_with_the_share_of_predictions_there(
    drawn: dict[str, Figure],
) -> None:
    words = [text.get_text() for text in texts(drawn["predictive_published"])]
    assert any(re.fullmatch(r"\d+ %", word) for word in words)
    assert any("(trilayer) < 0.09" in word for word in words)


def test_the_whole_set_is_written(tmp_path: Path) -> None:
    result: Any = Fabricated(synthetic=True)
    maps = maps_from_job(result, SECTIONS, draws=50)
    paths = write_figures(result, maps, tmp_path, formats=("svg",))
    assert sorted(path.stem for path in paths) == sorted(FIGURES)
    for path in paths:
        assert b"SYNTHETIC" in path.read_bytes()  # text stays text


@pytest.mark.parametrize("kind", ["svg", "pdf", "png"])
def test_the_same_figure_gives_the_same_file(
    kind: str, drawn: dict[str, Figure], tmp_path: Path
) -> None:
    paths = [tmp_path / f"{name}.{kind}" for name in ("one", "two")]
    for path in paths:
        save_figure(drawn["ridge"], path)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_what_cannot_be_drawn_is_refused(tmp_path: Path) -> None:
    result: Any = Fabricated(synthetic=True)
    liquid = maps_from_job(result, {"liquid": SECTIONS["liquid"]}, draws=20)["liquid"]
    with pytest.raises(MapError, match="does not sweep 'porosity', legal are pore_radius"):
        liquid_map(liquid, "porosity")
    with pytest.raises(MapError, match="of a liquid cell"):
        solid_map(liquid)
    with pytest.raises(InputError, match="'lsv'"):
        predictive_check(result, "lsv")
    with pytest.raises(InputError, match="'jpg'"):
        write_figures(result, {}, tmp_path, formats=("jpg",))
    with pytest.raises(InputError, match="'jpg'"):
        save_figure(ridge(result), tmp_path / "ridge.jpg")


def test_units_and_numbers_are_printed_as_the_field_does() -> None:
    assert pretty_unit("mA/cm^2") == "mA cm⁻²"
    assert pretty_unit("ohm cm^2") == "Ω cm²"
    assert pretty_unit("um") == "µm"
    assert pretty_unit("1") == ""
    assert label("porosity", "1") == "Porosity"
    assert [pretty_number(x) for x in (0, 0.16015, 108.5, 1e-3, 5.22e-6, 1e-9)] == [
        "0",
        "0.16",
        "108",
        "0.001",
        "5.22×10⁻⁶",
        "10⁻⁹",
    ]
