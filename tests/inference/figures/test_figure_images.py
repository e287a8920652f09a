"""The five figures that are used most look as they did.

Each is compared with an image in ``baseline/``, drawn from the made-up result of `fabricated`; a
root mean square of 2 in 255 grey levels is another rounding of numbers or glyphs, more another
figure. Where a change is meant, look at the new images and store them:

    pytest tests/inference/figures/test_figure_images.py
    --mpl-generate-path=tests/inference/figures/baseline
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

import inference.figures
from data.campaign import Campaign
from inference.figures import RunContents, figure_drawers
from inference.maps.mapping import maps_from_job

STYLE = Path(inference.figures.__file__).with_name("anodebayes.mplstyle")
FIGURES = [
    "map_liquid_pore_radius",
    "map_solid_charge",
    "posterior",
    "critical_current",
    "predictive_published",
]
SECTIONS: dict[str, dict[str, Any]] = {
    "liquid": {"pore_radius": {"from": "5 nm", "to": "200 nm", "points": 15, "scale": "log"}},
    "solid": {
        "charge": {"from": "0.5 mAh/cm^2", "to": "20 mAh/cm^2", "points": 12, "scale": "log"},
        "pressure": {"from": "0 MPa", "to": "9 MPa", "points": 3},
    },
}


@pytest.fixture(scope="module")
def contents(fabricated: Callable[..., Any], synthetic: Campaign) -> RunContents:
    result = fabricated(synthetic=True)
    return RunContents(result, maps_from_job(result, SECTIONS), synthetic)


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.mpl_image_compare(
    baseline_dir="baseline", style=STYLE, savefig_kwargs={"dpi": 100}, tolerance=2
)
def test_a_figure_looks_as_it_did(name: str, contents: RunContents) -> Figure:
    return figure_drawers(contents)[name](None)
