"""Figures of a fit and of its maps, for print: one function a figure.

All functions return a Matplotlib figure that no global state holds; :func:`write_figures` draws and
saves the whole set. Figures of generated data say so on themselves.
"""

from inference.figures.maps import liquid_map, solid_map
from inference.figures.posterior import posterior_forest, ridge
from inference.figures.predictive import predictive_check
from inference.figures.style import save_figure
from inference.figures.writing import write_figures

__all__ = [
    "liquid_map",
    "posterior_forest",
    "predictive_check",
    "ridge",
    "save_figure",
    "solid_map",
    "write_figures",
]
