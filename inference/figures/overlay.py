"""Runs on different data over each other: their parameters, and their safe currents."""

import math
from typing import TYPE_CHECKING, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from data.quantities import quantities, split_label
from inference.figures.labels import label, pretty_number, pretty_unit
from inference.figures.style import (
    BLACK,
    BLUE,
    DOUBLE,
    GREEN,
    ORANGE,
    PURPLE,
    SINGLE,
    VERMILION,
    finish,
    log_axis,
    new_figure,
    styled,
)
from inference.thresholds import INTERVAL

if TYPE_CHECKING:
    import pandas as pd

    from inference.studies.overlays import Overlay

__all__ = ["overlay_forest", "overlay_map"]

_COLOURS: Final = (BLACK, BLUE, ORANGE, GREEN, PURPLE, VERMILION)
_COLUMNS: Final = 3
_ROW_HEIGHT: Final = 14.0  # mm, and more for each run
_RUN_HEIGHT: Final = 2.2
_PREFERRED: Final = {"liquid": "pore_radius", "solid": "charge"}
_MOST_CURVES: Final = 2


def _colour(position: int) -> str:
    return _COLOURS[position % len(_COLOURS)]


def _legend(overlay: "Overlay") -> tuple[list[Line2D], list[str]]:
    handles = [
        Line2D([], [], color=_colour(i), linewidth=2.2, marker="o", markersize=3.5)
        for i in range(len(overlay.runs))
    ]
    made = {name for name, run in overlay.attrs["runs"].items() if run["synthetic"]}
    return handles, [f"{name} (synthetic)" if name in made else name for name in overlay.runs]


@styled
def overlay_forest(overlay: "Overlay") -> Figure:
    """Draw every quantity that all cells share as each run knows it.

    Parameters
    ----------
    overlay : Overlay
        From `inference.studies.overlays.overlay`.

    Returns
    -------
    matplotlib.figure.Figure
        One small axis a quantity, one interval with its median a run.
    """
    names = overlay.shared()
    rows = max(1, math.ceil(len(names) / _COLUMNS))
    figure = new_figure(DOUBLE, (_ROW_HEIGHT + _RUN_HEIGHT * len(overlay.runs)) * rows + 27.0)
    grid = np.atleast_1d(figure.subplots(rows, _COLUMNS)).ravel()
    for axes in grid[len(names) :]:
        axes.set_axis_off()
    for axes, name in zip(grid, names, strict=False):
        _quantity(axes, name, overlay.parameters.loc[name], overlay.runs)
    return finish(
        figure,
        f"What each run knows: medians and {100 * INTERVAL:g} % intervals",
        "Pale where the interval is hardly narrower than the prior's.",
        synthetic=overlay.synthetic,
        legend=_legend(overlay),
    )


def _quantity(axes: Axes, name: str, table: "pd.DataFrame", runs: tuple[str, ...]) -> None:
    base, member = split_label(name)
    known = quantities()[base]
    middle = float(table["median"].iloc[0])
    power = math.floor(math.log10(abs(middle))) if middle else 0
    scale = 10.0**power if abs(power) > 3 else 1.0
    ends = table[["lower", "upper"]].to_numpy() / scale
    lower, upper = float(ends.min()), float(ends.max())
    if known.support == "positive" and lower > 0 and upper > 3 * lower:
        room = (upper / lower) ** 0.06
        axes.set_xlim(lower / room, upper * room)
        log_axis(axes, "x", most=5)
        if upper / lower > 1e3:
            axes.xaxis.minorticks_off()
    else:
        room = 0.06 * (upper - lower) or abs(upper) * 0.1 or 1.0
        axes.set_xlim(lower - room, upper + room)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter(lambda value, _: pretty_number(round(value, 12)))
    for position, run in enumerate(runs):
        if run not in table.index:
            continue
        row = table.loc[run]
        pale = 0.4 if row["prior_driven"] else 1.0
        colour, height = _colour(position), -position
        interval = [row["lower"] / scale, row["upper"] / scale]
        axes.plot(interval, [height, height], color=colour, linewidth=2.2, alpha=pale)
        axes.plot([row["median"] / scale], [height], "o", color=colour, markersize=3.5, alpha=pale)
    axes.set_ylim(-len(runs) + 0.4, 0.6)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    unit = pretty_unit(known.unit)
    if scale != 1.0:
        unit = f"{pretty_number(scale)} {unit}"
    words = base.replace("_", " ").replace("self diff", "self-diff")
    if member:
        words += f", {member.replace('_', ' ')}"
    symbol = f"{known.math} ({unit})" if unit else known.math
    axes.set_title(f"{words}\n{symbol}", fontweight="normal", pad=2)


@styled
def overlay_map(overlay: "Overlay", cell: str) -> Figure:
    """Draw the safe current of one kind of cell as each run knows it.

    Parameters
    ----------
    overlay : Overlay
        From `inference.studies.overlays.overlay`.
    cell : {"liquid", "solid"}
        One of its maps.

    Returns
    -------
    matplotlib.figure.Figure
        Safe currents over one axis of the map; at both ends of a second one, where there is one.
    """
    dataset = overlay.maps[cell]
    safe = dataset["safe_current_density"]
    axes_of_map = [str(dim) for dim in safe.dims if dim != "run"]
    figure = new_figure(SINGLE, 82.0)
    axes = figure.subplots()
    first = _PREFERRED[cell] if _PREFERRED[cell] in axes_of_map else next(iter(axes_of_map), "")
    rest = [dim for dim in axes_of_map if dim != first]
    held = dict.fromkeys(rest[1:], 0)
    ends = [{rest[0]: i} for i in dict.fromkeys((0, dataset.sizes[rest[0]] - 1))] if rest else [{}]
    x = dataset[first].values if first else np.zeros(1)
    shown = []
    notes = []
    for dash, end in zip(("-", "--"), ends[:_MOST_CURVES], strict=False):
        for position, run in enumerate(overlay.runs):
            values = safe.sel(run=run).isel(end | held).values
            values = np.where(values > 0, values, np.nan)
            axes.plot(
                x, values, color=_colour(position), linestyle=dash, marker="" if first else "o"
            )
            shown.append(values[np.isfinite(values)])
        if end:
            name = rest[0]
            at = float(dataset[name].values[end[name]])
            style = "solid" if dash == "-" else "dashed"
            unit = pretty_unit(dataset[name].attrs.get("units", "1"))
            notes.append(f"{style}: {name.replace('_', ' ')} {pretty_number(at)} {unit}".strip())
    every = np.concatenate(shown)
    if first:
        axes.set_xlim(float(x.min()), float(x.max()))
        if x.min() > 0 and x.max() > 5 * x.min():
            log_axis(axes, "x")
        unit = dataset[first].attrs.get("units", "1")
        axes.set_xlabel(label(first.replace("_", " "), unit))
    if every.size:
        axes.set_ylim(float(every.min()) / 1.2, float(every.max()) * 1.2)
        log_axis(axes, "y")
    risk = float(safe.attrs["risk"]) * 100
    axes.set_ylabel(label(f"safe current density at {risk:g} % risk", safe.attrs["units"]))
    return finish(
        figure,
        f"Safe currents of {cell} cells",
        "; ".join(notes),
        synthetic=overlay.synthetic,
        legend=_legend(overlay),
        columns=1,
    )
