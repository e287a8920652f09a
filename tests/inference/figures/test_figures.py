"""Figures say what they show: units on every axis, synthetic data marked, nothing cut off.

The result is made up: draws of the catalogue's priors, and predictions about made-up data.
"""

import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from data.campaign import Campaign
from data.errors import InputError, MapError
from inference.figures import (
    NothingToDrawError,
    RunContents,
    figure_drawers,
    liquid_map,
    predictive_check,
    ridge,
    save_figure,
    solid_map,
    write_figures,
)
from inference.figures.bands import BEYOND
from inference.figures.calibration import calibration_figure
from inference.figures.capillarity import critical_current_against_radius
from inference.figures.labels import label, pretty_number, pretty_unit, words
from inference.figures.style import DOUBLE, SINGLE, width
from inference.figures.voids import void_free_capacities
from inference.maps.mapping import maps_from_job
from inference.studies.calibration.calibration import Calibration
from inference.studies.calibration.replicates import Replicate

SECTIONS: dict[str, dict[str, Any]] = {
    "liquid": {"pore_radius": {"from": "5 nm", "to": "200 nm", "points": 9, "scale": "log"}},
    "solid": {
        "charge": {"from": "0.5 mAh/cm^2", "to": "20 mAh/cm^2", "points": 6, "scale": "log"},
        "pressure": {"from": "0 MPa", "to": "9 MPa", "points": 5},
    },
}

CHECK = {
    "name": "fabricated",
    "synthetic": True,
    "sections": [
        {
            "name": "identifiability",
            "tables": {
                "power_scaling": [
                    {
                        "parameter": name,
                        "sensitivity": {"prior": 0.2, "dc_polarization": 0.02, "lsv": 0.4},
                        "shift": {"prior": -0.5, "dc_polarization": 0.1, "lsv": 0.3},
                    }
                    for name in ("wetting_product", "supply_factor[one_way]", "sand_scatter")
                ],
                "power_scaling_of_noise": [{"component": "prior", "sensitivity": 0.02}],
            },
        }
    ],
}
FIGURES = [
    "posterior",
    "ridge",
    "ridge_pairs",
    "overpotential",
    "critical_current",
    "tafel",
    "limiting_current",
    "sand_time",
    "void_capacity",
    "void_regimes",
    "deposits",
    "predictive_critical_current",
    "predictive_dc_polarization",
    "predictive_kinetics",
    "predictive_lsv",
    "predictive_morphology",
    "predictive_penetration",
    "predictive_published",
    "predictive_sand",
    "sensitivity",
    "map_liquid_pore_radius",
    "map_solid_charge",
    "map_solid_pressure",
]
OF_TWO_WIDTHS = [
    "overpotential",
    "critical_current",
    "tafel",
    "limiting_current",
    "sand_time",
    "void_capacity",
    "void_regimes",
    "deposits",
    "map_liquid_pore_radius",
    "map_solid_charge",
    "map_solid_pressure",
]
OTHER = dict.fromkeys([*OF_TWO_WIDTHS[:5], "void_regimes"], "double")
EVERY = FIGURES + [f"{name}, other width" for name in OF_TWO_WIDTHS]


@pytest.fixture(scope="module")
def contents(fabricated: Callable[..., Any], synthetic: Campaign) -> RunContents:
    result = fabricated(synthetic=True)
    return RunContents(result, maps_from_job(result, SECTIONS, draws=50), synthetic, CHECK)


@pytest.fixture(scope="module")
def drawn(contents: RunContents) -> dict[str, Figure]:
    drawers = figure_drawers(contents)
    figures = {name: drawers[name](None) for name in FIGURES}
    for name in OF_TWO_WIDTHS:
        figures[f"{name}, other width"] = drawers[name](OTHER.get(name, "single"))  # type: ignore[arg-type]
    for figure in figures.values():
        figure.draw_without_rendering()
    return figures


def texts(figure: Figure) -> list[Text]:
    """Return the texts that a reader sees."""
    hidden = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            lower, upper = sorted(axis.get_view_interval())
            room = 1e-9 * (upper - lower)
            for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
                if not lower - room <= tick.get_loc() <= upper + room:
                    hidden |= {tick.label1, tick.label2}
    shown = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text()]
    return [text for text in shown if isinstance(text, Text) and text not in hidden]


@pytest.mark.parametrize("name", EVERY)
def test_every_figure_of_synthetic_data_says_so_on_itself(
    name: str, drawn: dict[str, Figure]
) -> None:
    assert any("SYNTHETIC" in text.get_text() for text in texts(drawn[name]))


def test_a_figure_of_measured_data_has_no_such_mark(fabricated: Callable[..., Any]) -> None:
    figure = ridge(fabricated(synthetic=False))
    assert not any("SYNTHETIC" in text.get_text() for text in texts(figure))


def assert_no_text_is_cut_off_small_or_raw(figure: Figure) -> None:
    frame = figure.bbox.padded(1)
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    for text in texts(figure):
        words = re.sub(r"\$[^$]*\$", "", text.get_text())
        assert not re.search(r"[a-z]_[a-z]", words), words
        assert text.get_fontsize() >= 7, words
        if not text.get_in_layout() or not text.get_clip_on():
            box = text.get_window_extent(renderer)
            assert frame.x0 < box.x0 < box.x1 < frame.x1, words
            assert frame.y0 < box.y0 < box.y1 < frame.y1, words


def assert_no_texts_overlap(figure: Figure) -> None:
    """Compare every pair of texts that are upright: boxes of slanted ones hold much nothing."""
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    boxes = [
        (text.get_text(), text.get_window_extent(renderer).padded(-1))
        for text in texts(figure)
        if text.get_rotation() % 90 == 0
    ]
    for (one, box), (other, beside) in itertools.combinations(boxes, 2):
        assert not box.overlaps(beside), f"{one!r} over {other!r}"


@pytest.mark.parametrize("name", EVERY)
def test_no_text_is_small_cut_off_or_a_raw_name(name: str, drawn: dict[str, Figure]) -> None:
    assert_no_text_is_cut_off_small_or_raw(drawn[name])


@pytest.mark.parametrize("name", EVERY)
def test_no_text_lies_on_another(name: str, drawn: dict[str, Figure]) -> None:
    assert_no_texts_overlap(drawn[name])


@pytest.mark.parametrize("name", EVERY)
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
        ("overpotential", {"1 / pore radius (nm⁻¹)"}),
        ("critical_current", {"Pore radius (nm)"}),
        ("tafel", {"Overpotential (mV)"}),
        ("limiting_current", {"Transport length of the stack (µm)"}),
        ("sand_time", {"Current density (mA cm⁻²)"}),
        ("void_capacity", {"Current density (mA cm⁻²)"}),
        ("void_regimes", {"Stack pressure (MPa)"}),
        ("deposits", {"Stack pressure (kPa)"}),
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


def test_the_whole_set_is_written_and_what_is_missing_is_told(
    contents: RunContents, tmp_path: Path
) -> None:
    done = write_figures(contents, tmp_path, formats=("svg",))
    assert {path.stem for path in done.paths} == {*FIGURES}
    for path in done.paths:
        assert b"SYNTHETIC" in path.read_bytes()  # text stays text
    assert {*done.skipped} == {"predictive_creep", "calibration"}
    assert done.skipped["predictive_creep"] == "the run fitted no rows of creep"
    one = write_figures(contents, tmp_path / "one", formats=("png",), only=("tafel",))
    assert [path.name for path in one.paths] == ["tafel.png"]
    assert not one.skipped


@pytest.mark.parametrize("kind", ["svg", "pdf", "png"])
def test_the_same_figure_gives_the_same_file(
    kind: str, drawn: dict[str, Figure], tmp_path: Path
) -> None:
    paths = [tmp_path / f"{name}.{kind}" for name in ("one", "two")]
    for path in paths:
        save_figure(drawn["ridge"], path)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_what_cannot_be_drawn_is_refused(
    contents: RunContents, fabricated: Callable[..., Any], tmp_path: Path
) -> None:
    result = contents.result
    liquid = contents.maps["liquid"]
    with pytest.raises(MapError, match="does not sweep 'porosity', legal are pore_radius"):
        liquid_map(liquid, "porosity")
    with pytest.raises(MapError, match="of a liquid cell"):
        solid_map(liquid)
    with pytest.raises(InputError, match="'creep'"):
        predictive_check(result, "creep")
    with pytest.raises(InputError, match="'jpg'"):
        write_figures(contents, tmp_path, formats=("jpg",))
    with pytest.raises(InputError, match="'jpg'"):
        save_figure(ridge(result), tmp_path / "ridge.jpg")
    with pytest.raises(InputError, match=r"no figure 'tafle' \(did you mean 'tafel'\?\)"):
        write_figures(contents, tmp_path, only=("tafle",))
    with pytest.raises(InputError, match=r"sensitivity is not drawn: the run has no check\.json"):
        write_figures(RunContents(result), tmp_path, only=("sensitivity",))


def test_a_figure_of_what_no_table_informs_is_left_out(fabricated: Callable[..., Any]) -> None:
    result = fabricated(synthetic=True)
    table = result.summary().assign(informed_by="prior")
    result.summary = lambda: table
    left_out = {}
    for name, draw in figure_drawers(RunContents(result)).items():
        try:
            draw(None)
        except NothingToDrawError as error:
            left_out[name] = str(error)
    assert left_out["overpotential"] == (
        "no table of the run informs wetting product: what would be drawn is the prior"
    )
    assert {*OF_TWO_WIDTHS} - {"map_solid_pressure"} <= {*left_out}


def test_the_domains_of_penetration_hold_the_tests_of_the_campaign(
    contents: RunContents, drawn: dict[str, Figure]
) -> None:
    axes = drawn["critical_current"].axes[0]
    points = [
        line for line in axes.lines if isinstance(line, Line2D) and line.get_marker() in ("X", "o")
    ]
    table = contents.campaign.tables["penetration"]  # type: ignore[union-attr]
    assert len(points) == table.sizes["penetration"]
    shown = {text.get_text() for text in axes.texts}
    assert {"safe", "penetration", "trilayer"} <= shown
    without = critical_current_against_radius(contents.result, None)
    words_below = next(text for text in without.texts if text.get_gid() == "caption").get_text()
    assert "the campaign is gone, or has changed" in " ".join(words_below.split())


def test_a_range_over_cells_is_drawn_as_one_and_never_called_an_interval_of_one_cell(
    fabricated: Callable[..., Any], literature: Campaign
) -> None:
    figure = void_free_capacities(fabricated(synthetic=False), literature)
    assert "range over cells" in {text.get_text() for text in figure.legends[0].get_texts()}
    said = " ".join(" ".join(text.get_text() for text in figure.texts).split())
    assert "the lowest and the highest of the steps at which several cells failed" in said
    assert "from the last current survived to that of failure" not in said
    dotted = [line for line in figure.axes[1].lines if line.get_linestyle() == ":"]
    ends = sorted(tuple(np.asarray(line.get_xdata()).tolist()) for line in dotted)
    assert ends == [(2.5, 3.5), (3.0, 6.0), (5.0, 9.0)]


@pytest.mark.parametrize("name", OF_TWO_WIDTHS)
def test_a_figure_is_printed_at_the_width_asked_for(name: str, drawn: dict[str, Figure]) -> None:
    widths = {width(drawn[name]), width(drawn[f"{name}, other width"])}
    assert widths == {SINGLE, DOUBLE}


@pytest.mark.parametrize(
    "name",
    ["overpotential", "critical_current", "tafel", "sand_time", "void_capacity", "deposits"],
)
def test_what_lies_outside_the_data_is_dashed_hatched_and_explained(
    name: str, drawn: dict[str, Figure]
) -> None:
    figure = drawn[name]
    assert BEYOND in {text.get_text() for text in figure.legends[0].get_texts()}
    areas = [
        area
        for area in figure.findobj(PolyCollection)
        if isinstance(area, PolyCollection) and area.get_gid() == "extrapolation"
    ]
    assert areas
    assert all(area.get_hatch() for area in areas)
    dashed = [
        line
        for axes in figure.axes
        for line in axes.lines
        if line.get_linestyle() == "--" and line.get_xdata().size > 1  # type: ignore[union-attr]
    ]
    assert dashed


def test_a_calibration_is_drawn_with_the_p_value_of_each_quantity() -> None:
    rng = np.random.default_rng(4)
    ranks = rng.uniform(size=(100, 7))
    names = [
        "contact_angle", "wetting_product", "effective_self_diffusivity[one_way]",
        "creep_current_at_9_MPa", "sand_scatter", "pore_radius[PP]", "dc_polarization_scatter",
    ]  # fmt: skip
    replicates = []
    for i, row in enumerate(ranks):
        truth = dict(zip(names, rng.uniform(size=7).tolist(), strict=True))
        median = truth | {"contact_angle": 110.0}  # whatever the data
        pit = dict(zip(names, row.tolist(), strict=True))
        replicates.append(Replicate(i, pit, truth, median))
    figure = calibration_figure(Calibration({"job": "sodium"}, tuple(replicates)))
    figure.draw_without_rendering()
    titles = [axes.get_title(loc="left") for axes in figure.axes if axes.get_title(loc="left")]
    assert len(titles) == 6
    assert titles[-1] == "DC polarisation scatter"
    left = [axes._left_title.get_color() for axes in figure.axes[:6]]  # type: ignore[attr-defined]
    assert left.count(left[0]) == 1  # grey: it passes vacuously
    assert sum("p = " in text.get_text() for text in texts(figure)) == 6
    assert_no_text_is_cut_off_small_or_raw(figure)
    assert_no_texts_overlap(figure)


def test_units_and_numbers_are_printed_as_the_field_does() -> None:
    assert pretty_unit("mA/cm^2") == "mA cm⁻²"
    assert pretty_unit("ohm cm^2") == "Ω cm²"
    assert pretty_unit("um") == "µm"
    assert pretty_unit("1") == ""
    assert label("porosity", "1") == "Porosity"
    assert words("supply_factor[one_way]") == "supply factor, one way"
    assert [pretty_number(x) for x in (0, 0.16015, 108.5, 1e-3, 5.22e-6, 1e-9)] == [
        "0",
        "0.16",
        "108",
        "0.001",
        "5.22×10⁻⁶",
        "10⁻⁹",
    ]
