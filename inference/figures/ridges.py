"""Pairs of parameters that the data tell apart worst."""

import itertools
import math
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from data.quantities import base_name, quantities, split_label
from inference.figures.labels import pretty_number, pretty_unit
from inference.figures.style import (
    BLUE,
    DOUBLE,
    GREY,
    NothingToDrawError,
    finish,
    log_axis,
    new_figure,
    styled,
)
from inference.words.labels import PROTOCOLS

if TYPE_CHECKING:
    from inference.runs.result import Result

__all__ = ["ridge_pairs"]

_PAIRS: Final = 6
_COLUMNS: Final = 3
_LEAST: Final = 0.3  # correlation, in magnitude
_PANEL: Final = 48.0  # mm
_LOG: Final = 4.0  # a wider range of a positive quantity has a log axis
_POINTS: Final = {"prior": 400, "posterior": 800}


@styled
def ridge_pairs(result: "Result") -> Figure:
    """Draw the pairs of physical parameters whose draws are correlated most.

    Parameters
    ----------
    result : Result
        A finished fit.

    Returns
    -------
    matplotlib.figure.Figure
        Six panels at most with draws of prior and posterior, the strongest correlation first.

    Raises
    ------
    NothingToDrawError
        If no two parameters are correlated above 0.3.
    """
    from inference.engine.sampling import scalars
    from inference.engine.scales import natural
    from inference.words.labels import PRODUCTS, main_parameters

    draws, prior = scalars(result.posterior), scalars(result.prior)
    names = [
        name
        for name in main_parameters(map(str, draws.data_vars))
        if name in prior
        and (base := base_name(name)) in quantities()
        and base not in PRODUCTS
        and not base.endswith("_scatter")
    ]
    scaled = natural(draws[names])
    matrix = np.corrcoef([scaled[name].to_numpy().ravel() for name in names])
    pairs = sorted(
        itertools.combinations(range(len(names)), 2), key=lambda pair: -abs(matrix[pair])
    )
    chosen = [pair for pair in pairs if abs(matrix[pair]) >= _LEAST][:_PAIRS]
    if not chosen:
        raise NothingToDrawError(f"no two parameters are correlated above {_LEAST:g}")
    rows = -(-len(chosen) // _COLUMNS)
    figure = new_figure(DOUBLE, _PANEL * rows + 24.0)
    panels = np.atleast_1d(figure.subplots(rows, _COLUMNS)).ravel()
    for axes in panels[len(chosen) :]:
        axes.set_axis_off()
    for axes, pair in zip(panels, chosen, strict=False):
        first, second = (names[index] for index in pair)
        _panel(axes, draws, prior, first, second)
        axes.set_title(f"correlation {matrix[pair]:+.2f}".replace("-", "−"), fontweight="normal")
    handles = [
        Line2D([], [], color=GREY, marker="x", markersize=3, linestyle=""),
        Line2D([], [], color=BLUE, marker=".", linestyle=""),
    ]
    return finish(
        figure,
        f"Pairs that the data tell apart worst: {result.attrs['name']}",
        "Correlations of logarithms (of logits of fractions and angles). Products that data "
        "identify by themselves, scatters and properties of single separators are left out.",
        synthetic=result.synthetic,
        legend=(handles, ["prior draws", "posterior draws"]),
    )


def _panel(axes: Axes, draws: xr.Dataset, prior: xr.Dataset, first: str, second: str) -> None:
    scales = {name: _scale(draws[name]) for name in (first, second)}
    for group, dataset, marker, colour, size in (
        ("prior", prior, "x", GREY, 2.0),
        ("posterior", draws, ".", BLUE, 1.8),
    ):
        x, y = (dataset[name].to_numpy().ravel() / scales[name] for name in (first, second))
        step = max(1, x.size // _POINTS[group])
        axes.plot(
            x[::step],
            y[::step],
            marker,
            color=colour,
            markersize=size,
            markeredgewidth=0.4 if marker == "x" else 0.0,
            alpha=0.6,
            rasterized=True,
        )
    _axis(axes, "x", first, draws, prior, scales[first])
    _axis(axes, "y", second, draws, prior, scales[second])


def _scale(values: xr.DataArray) -> float:
    """Return the power of ten that goes into the unit: of numbers far from one, once."""
    power = math.floor(math.log10(float(np.median(values))))
    return 10.0**power if abs(power) > 3 else 1.0


def _axis(
    axes: Axes,
    which: Literal["x", "y"],
    name: str,
    draws: xr.Dataset,
    prior: xr.Dataset,
    scale: float,
) -> None:
    known = quantities()[base_name(name)]
    here = np.quantile(draws[name].to_numpy(), [0.001, 0.999]) / scale
    before = np.quantile(prior[name].to_numpy(), [0.05, 0.95]) / scale
    lower, upper = float(min(here[0], before[0])), float(max(here[1], before[1]))
    set_limits = axes.set_xlim if which == "x" else axes.set_ylim
    set_limits(lower, upper)
    if known.support == "positive" and lower > 0 and upper > _LOG * lower:
        log_axis(axes, which, most=4)
    else:
        axis = axes.xaxis if which == "x" else axes.yaxis
        axis.set_major_locator(MaxNLocator(4))
    set_label = axes.set_xlabel if which == "x" else axes.set_ylabel
    set_label(_symbol(name, scale))


def _symbol(name: str, scale: float) -> str:
    base, member = split_label(name)
    known = quantities()[base]
    protocol = f" {PROTOCOLS[member]}" if member else ""
    unit = pretty_unit(known.unit)
    if scale != 1.0:
        unit = f"{pretty_number(scale)} {unit}"
    return f"{known.math}{protocol} ({unit})" if unit else f"{known.math}{protocol}"
