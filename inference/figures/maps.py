"""Safe-current maps as figures: critical currents with their bands, and contours of risk."""

from typing import Any, Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, LinearSegmentedColormap
from matplotlib.figure import Figure

from data.errors import MapError
from data.features.rows import runs
from inference.figures.bands import BEYOND
from inference.figures.labels import label, pretty_number, pretty_unit
from inference.figures.style import (
    BLACK,
    BLUE,
    DOUBLE,
    GREEN,
    HATCH,
    ORANGE,
    SINGLE,
    VERMILION,
    Width,
    finish,
    log_axis,
    new_figure,
    printed_width,
    styled,
)
from inference.maps.files import which_new_cells

__all__ = ["PROTOCOL_WORDS", "draw_risk", "hatch", "liquid_map", "solid_map"]

_RISKS: Final = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
_RISK_LINES: Final = (0.05, 0.5, 0.95)
_COLOURS: Final = LinearSegmentedColormap.from_list("risk", ["#FFFFFF", "#56B4E9", "#0B2A45"])
_NAMES: Final = {
    "penetration": "penetration",
    "depletion": "depletion of the electrolyte",
    "voids": "voids",
}
_NOT_CONDITIONS: Final = ("mechanism", "quantile", "current_density", "new_cell")
_OTHER_CURVES: Final = ((ORANGE, "--"), (GREEN, "-."))


@styled
def liquid_map(
    dataset: xr.Dataset, axis: str = "pore_radius", *, width: Width | None = None
) -> Figure:
    """Draw the map of a liquid cell: critical and safe current, and the risk at every current.

    Parameters
    ----------
    dataset : xarray.Dataset
        A map of a liquid cell from :func:`inference.maps.mapping.safe_current_map`.
    axis : str, optional
        The swept axis to draw over. Other swept axes are held at their middle value.
    width : {"single", "double"}, optional
        Columns of print: two panels side by side (default) or one above the other.

    Returns
    -------
    matplotlib.figure.Figure
        Left the critical current of the median cell, of a new cell, and the safe current; right
        the probability of failure.

    Raises
    ------
    MapError
        If the map is of another kind of cell or does not sweep the axis.
    """
    return _map_figure(dataset, "liquid", axis, over=(), width=width)


@styled
def solid_map(dataset: xr.Dataset, axis: str = "charge", *, width: Width | None = None) -> Figure:
    """Draw the map of a solid cell over one axis, with further curves along the other.

    Parameters
    ----------
    dataset : xarray.Dataset
        A map of a solid cell from :func:`inference.maps.mapping.safe_current_map`.
    axis : str, optional
        The swept axis to draw over, `charge` or `pressure` by default of the job. When the other
        of the two is swept too, the safe current is drawn for its lowest, middle and highest
        value, and the bands and the risk for its lowest.
    width : {"single", "double"}, optional
        Columns of print: two panels side by side (default) or one above the other.

    Returns
    -------
    matplotlib.figure.Figure
        Left the critical current of the median cell, of a new cell, and the safe current; right
        the probability of failure.

    Raises
    ------
    MapError
        If the map is of another kind of cell or does not sweep the axis.
    """
    return _map_figure(dataset, "solid", axis, over=("pressure", "charge"), width=width)


def _map_figure(
    dataset: xr.Dataset, cell: str, axis: str, over: tuple[str, ...], width: Width | None
) -> Figure:
    swept = [str(name) for name in dataset["safe_current_density"].dims]
    if dataset.attrs["cell"] != cell:
        raise MapError(f"the map is of a {dataset.attrs['cell']} cell, a {cell} one is due")
    if axis not in swept:
        raise MapError(
            f"the map does not sweep {axis!r}, legal are {', '.join(swept) or 'none: all is fixed'}"
        )
    family = next((name for name in over if name in swept and name != axis), None)
    held = {name: dataset.sizes[name] // 2 for name in swept if name not in (axis, family)}
    sheet = others = dataset.isel(held)
    curves: list[int] = []
    if family is not None:
        last = dataset.sizes[family] - 1
        # Most void data are at the lowest pressure, and no capacity is special.
        base = 0 if family == "pressure" else last // 2
        sheet = others.isel({family: base})
        curves = sorted({0, last // 2, last} - {base})

    printed = printed_width(width, DOUBLE)
    aside = printed > SINGLE
    figure = new_figure(printed, 105.0 if aside else 205.0)
    left, right = figure.subplots(*((1, 2) if aside else (2, 1)), sharey=True)
    x = sheet[axis].to_numpy()
    limits = _current_limits(sheet, others.isel({family: curves}) if family else sheet)
    for axes in (left, right):
        axes.set_xlim(float(x[0]), float(x[-1]))
        axes.set_ylim(*limits)
        axes.set_xlabel(_axis_label(sheet, axis))
    if x[0] > 0 and x[-1] / x[0] > 8:
        log_axis(left, "x")
        log_axis(right, "x")
    log_axis(left, "y", most=9)
    for axes in (left,) if aside else (left, right):
        axes.set_ylabel(label("current density", str(sheet["current_density"].attrs["units"])))
    left.set_title("Critical and safe current")
    right.set_title("Probability that a new cell fails")

    _draw_curves(left, sheet, axis)
    if family is None:
        _name_domains(left, sheet, axis)
    else:
        _draw_family(left, sheet, others.isel({family: curves}), axis, family)
    draw_risk(figure, right, sheet, axis)
    for axes in (left, right):
        hatch(axes, x, sheet["extrapolation"].to_numpy(), limits)
    # Explained only where it shows: the whole range may be covered, or none of it.
    if bool(sheet["extrapolation"].any()):
        left.fill_between(
            [],
            [],
            [],
            facecolor="none",
            hatch="////",
            edgecolor=HATCH,
            linewidth=0,
            label=BEYOND,
        )
    return finish(
        figure,
        f"{str(dataset.attrs['title']).removesuffix(' (SYNTHETIC DATA)')}: {dataset.attrs['name']}",
        _caption(sheet),
        synthetic=dataset.attrs["data_kind"] == "synthetic",
        legend=left.get_legend_handles_labels(),
    )


def _positive(values: Any) -> np.ndarray[Any, Any]:
    """Return values with those that a log axis cannot show blanked."""
    array = np.asarray(values, dtype=float)
    return np.where(array > 0, array, np.nan)


def _current_limits(sheet: xr.Dataset, others: xr.Dataset) -> tuple[float, float]:
    """Return limits of the current axis that hold every band and curve, at most six decades."""
    bands = [
        sheet["predictive_critical_current_density"],
        sheet["median_cell_threshold"].sel(quantile=0.5),
        sheet["safe_current_density"],
        others["safe_current_density"],
    ]
    shown = np.concatenate([_positive(band).ravel() for band in bands])
    shown = shown[np.isfinite(shown)]
    if not shown.size:
        return 0.1, 10.0
    lower, upper = float(shown.min()) / 1.6, float(shown.max()) * 1.6
    return max(lower, upper / 1e6), upper


def _axis_label(sheet: xr.Dataset, axis: str) -> str:
    return label(str(sheet[axis].attrs["long_name"]), str(sheet[axis].attrs["units"]))


def _draw_curves(axes: Axes, sheet: xr.Dataset, axis: str) -> None:
    x = sheet[axis].to_numpy()
    new = sheet["predictive_critical_current_density"]
    median = sheet["median_cell_critical_current_density"]
    axes.fill_between(
        x,
        _positive(new.sel(quantile=0.05)),
        _positive(new.sel(quantile=0.95)),
        color=BLUE,
        alpha=0.15,
        linewidth=0,
        label="critical current of a new cell, 90 %",
    )
    axes.fill_between(
        x,
        _positive(median.sel(quantile=0.05)),
        _positive(median.sel(quantile=0.95)),
        color=BLUE,
        alpha=0.35,
        linewidth=0,
        label="of the median cell, 90 %",
    )
    axes.plot(
        x, _positive(median.sel(quantile=0.5)), color=BLUE, label="of the median cell, median"
    )
    mechanisms = [str(name) for name in sheet["mechanism"].to_numpy()]
    if len(mechanisms) > 1:
        threshold = sheet["median_cell_threshold"].sel(quantile=0.5)
        for name, colour, dash in zip(mechanisms, (VERMILION, ORANGE), (":", "--"), strict=False):
            axes.plot(
                x,
                _positive(threshold.sel(mechanism=name)),
                color=colour,
                linestyle=dash,
                label=f"limit by {_NAMES[name]}, median",
            )
    safe = _positive(sheet["safe_current_density"])
    axes.plot(x, safe, color=BLACK, linewidth=1.8, label=_safe(sheet))


def _name_domains(axes: Axes, sheet: xr.Dataset, axis: str) -> None:
    """Write `safe` below the curve of safe currents, and what limits above the band."""
    x = sheet[axis].to_numpy()
    safe = _positive(sheet["safe_current_density"])
    lower, upper = axes.get_ylim()
    position = len(x) // 4
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.0}
    if np.isfinite(safe[position]) and safe[position] > 2.5 * lower:
        height = float(np.sqrt(lower * safe[position]))
        axes.text(x[position], height, "safe", ha="center", va="center", bbox=box)
    share = sheet["probability_limiting"]
    band = _positive(sheet["predictive_critical_current_density"].sel(quantile=0.95))
    for name in sheet["mechanism"].to_numpy():
        # In the middle of the stretch where this mechanism mostly limits, if there is one.
        mostly = np.flatnonzero(share.sel(mechanism=name).to_numpy() > 0.5)
        mostly = mostly[np.isfinite(band[mostly]) & (band[mostly] * 2.5 < upper)]
        if mostly.size:
            place = mostly[mostly.size // 2]
            height = float(np.sqrt(band[place] * upper))
            axes.text(x[place], height, str(name), ha="center", va="center", bbox=box)


def _draw_family(axes: Axes, sheet: xr.Dataset, others: xr.Dataset, axis: str, family: str) -> None:
    """Draw the safe current for further values of the other axis."""
    axes.get_lines()[-1].set_label(
        f"{_safe(sheet)}, {_quantity(sheet, family, float(sheet[family]))}"
    )
    for index, (colour, dash) in zip(range(others.sizes[family]), _OTHER_CURVES, strict=False):
        part = others.isel({family: index})
        beyond = ", outside the data" if bool(part["extrapolation"].all()) else ""
        axes.plot(
            part[axis].to_numpy(),
            _positive(part["safe_current_density"]),
            color=colour,
            linestyle=dash,
            linewidth=1.5,
            label=f"the same, {_quantity(others, family, float(part[family]))}{beyond}",
        )


def _safe(sheet: xr.Dataset) -> str:
    return f"safe current at {100 * float(sheet.attrs['risk']):.3g} % risk"


def _quantity(sheet: xr.Dataset, name: str, value: float) -> str:
    return f"{pretty_number(float(value))} {pretty_unit(str(sheet[name].attrs['units']))}".rstrip()


def draw_risk(figure: Figure, axes: Axes, sheet: xr.Dataset, axis: str) -> None:
    """Fill the axes with the probability that a new cell fails, with contours of 5, 50 and 95 %.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Takes the colour bar.
    axes : matplotlib.axes.Axes
        With the limits of current density set.
    sheet : xarray.Dataset
        A map of which one axis is swept.
    axis : str
        That axis.
    """
    x = sheet[axis].to_numpy()
    current = sheet["current_density"].to_numpy()
    if current.size < 2:
        axes.text(0.5, 0.5, "one current only", transform=axes.transAxes, ha="center")
        return
    risk = 1.0 - sheet["probability_safe"].transpose("current_density", axis).to_numpy()
    norm = BoundaryNorm(_RISKS, _COLOURS.N)
    filled = axes.contourf(
        x, current, risk, levels=_RISKS, cmap=_COLOURS, norm=norm, extend="neither"
    )
    lines = axes.contour(
        x,
        current,
        risk,
        levels=_RISK_LINES,
        colors=(BLACK, BLACK, "white"),
        linewidths=0.8,
        linestyles=["-", "--", ":"],
    )
    places = _places(x, current, risk, axes.get_ylim())
    axes.clabel(
        lines,
        levels=list(places),
        manual=list(places.values()),
        fmt=lambda level: f"{100 * level:.0f} %",
        fontsize=7,
        inline_spacing=2,
    )
    bar = figure.colorbar(filled, ax=axes, ticks=_RISKS, spacing="uniform", aspect=30, pad=0.02)
    bar.ax.set_yticklabels([f"{100 * level:.0f} %" for level in _RISKS])
    bar.outline.set_linewidth(0.4)


def _places(
    x: np.ndarray[Any, Any],
    current: np.ndarray[Any, Any],
    risk: np.ndarray[Any, Any],
    limits: tuple[float, float],
) -> dict[float, tuple[float, float]]:
    """Return where each contour of risk is labelled: in mid-axis, if it passes there in sight."""
    middle = x.size * 2 // 5
    places = {}
    for level in _RISK_LINES:
        above = np.flatnonzero(risk[:, middle] >= level)
        if above.size and limits[0] * 1.2 < current[above[0]] < limits[1] / 1.2:
            places[level] = (float(x[middle]), float(current[above[0]]))
    return places


def hatch(
    axes: Axes, x: np.ndarray[Any, Any], outside: np.ndarray[Any, Any], limits: tuple[float, float]
) -> None:
    """Hatch the stretches of the axis that no data cover.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where to.
    x : ndarray, shape (point,)
        The axis.
    outside : ndarray of bool, shape (point,)
        Where no data are.
    limits : tuple of float
        Of the other axis.
    """
    for first, end in runs(outside):
        # A stretch reaches half way to the first point that the data do cover.
        start = x[0] if first == 0 else 0.5 * (x[first - 1] + x[first])
        stop = x[-1] if end == len(x) else 0.5 * (x[end - 1] + x[end])
        axes.fill_between(
            [start, stop],
            *limits,
            facecolor="none",
            edgecolor=HATCH,
            hatch="////",
            linewidth=0,
            gid="extrapolation",
        )


PROTOCOL_WORDS = {"step": "tests in steps of current", "one_way": "tests at one current, one way"}
"""How a map names the protocol whose supply factor it uses."""


def _doubted(sheet: xr.Dataset) -> str:
    """Say shortly why the map may be wrong: what a finding begins with, or how many there are."""
    lines = str(sheet.attrs["suspicions"]).splitlines()
    heads = [line.partition(":")[0] for line in lines]
    known = dict.fromkeys(head.lower() for head in heads if head[:3].isupper())
    more = sum(not head[:3].isupper() for head in heads)
    suspected = f"{more} finding{'s' if more > 1 else ''} on the rows" if more else ""
    return f"TO BE DOUBTED: {'; '.join(filter(None, (*known, suspected)))}."


def _caption(sheet: xr.Dataset) -> str:
    """Return what was held fixed, what is uncertain by assumption and what the map covers."""
    fixed = []
    for name, coordinate in sheet.coords.items():
        if coordinate.ndim or str(name) in _NOT_CONDITIONS or str(name).endswith("_sd"):
            continue
        if coordinate.dtype.kind in "UO":
            fixed.append(f"{str(name).replace('_', ' ')} {coordinate.item()}")
            continue
        words = str(coordinate.attrs["long_name"]).removesuffix(" of the separator")
        value = float(coordinate)
        if str(name) == "charge" and np.isinf(value):
            fixed.append("steady state")
        else:
            fixed.append(f"{words} {_quantity(sheet, str(name), value)}")
    sentences = [_doubted(sheet)] if "suspicions" in sheet.attrs else []
    sentences += [f"Held at: {', '.join(fixed)}."] if fixed else []
    sentences += [f"The safe current is that of {each}." for each in which_new_cells(sheet)]
    if "protocol" in sheet.attrs:
        protocol = PROTOCOL_WORDS[str(sheet.attrs["protocol"])]
        sentences.append(f"Supply factor of {protocol}.")
    driven = [str(name) for name in sheet["mechanism"][sheet["scatter_prior_driven"]].to_numpy()]
    if driven:
        sentences.append(
            f"The scatter between cells comes from its prior, not from data: {', '.join(driven)}."
        )
    if "untried_law" in sheet.attrs:
        sentences.append(str(sheet.attrs["untried_law"]))
    sentences.append(f"Covers {sheet.attrs['covers']}")
    sentences.append(f"Does not cover {sheet.attrs['does_not_cover']}")
    return " ".join(sentences)
