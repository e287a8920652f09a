"""Figures of a fit and of its maps, for print: one function a figure.

All functions return a Matplotlib figure that no global state holds; :func:`write_figures` draws and
saves the whole set, and leaves out what the run does not hold. Figures of generated data say so on
themselves. What lies outside the range of the data is dashed and hatched.
"""

from inference.figures.capillarity import (
    critical_current_against_radius,
    overpotential_against_radius,
)
from inference.figures.kinetics import tafel_laws
from inference.figures.maps import liquid_map, solid_map
from inference.figures.morphology import deposits_under_pressure
from inference.figures.overlay import overlay_forest, overlay_map
from inference.figures.posterior import posterior_forest, ridge
from inference.figures.predictive import predictive_check
from inference.figures.ridges import ridge_pairs
from inference.figures.sensitivity import table_sensitivity
from inference.figures.style import FORMATS, NothingToDrawError, save_figure
from inference.figures.transport import limiting_currents, sand_times
from inference.figures.voids import void_free_capacities, void_regimes
from inference.figures.writing import (
    DrawnFigures,
    RunContents,
    are_current,
    figure_drawers,
    made_of,
    run_contents,
    shows_the_same,
    write_figures,
)

__all__ = [
    "FORMATS",
    "DrawnFigures",
    "NothingToDrawError",
    "RunContents",
    "are_current",
    "critical_current_against_radius",
    "deposits_under_pressure",
    "figure_drawers",
    "limiting_currents",
    "liquid_map",
    "made_of",
    "overlay_forest",
    "overlay_map",
    "overpotential_against_radius",
    "posterior_forest",
    "predictive_check",
    "ridge",
    "ridge_pairs",
    "run_contents",
    "sand_times",
    "save_figure",
    "shows_the_same",
    "solid_map",
    "table_sensitivity",
    "tafel_laws",
    "void_free_capacities",
    "void_regimes",
    "write_figures",
]
