"""Pores and the metal that they keep out: overpotential and critical current against radius."""

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter

from data.arrays import Array
from data.errors import MapError
from data.ranges import ENDS, RANGE_COLUMNS, range_rows
from inference.figures.bands import (
    BEYOND,
    GONE,
    NAME_SHARE,
    add_rug,
    band,
    beyond_handle,
    design_columns,
    draws_in_si,
    grid,
    handles,
    median_of,
    quantiles,
    require_informed,
    separators,
)
from inference.figures.labels import label, pretty_number, pretty_unit
from inference.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    SINGLE,
    VERMILION,
    NothingToDrawError,
    Width,
    finish,
    fitting,
    log_axis,
    new_figure,
    printed_width,
    styled,
)
from models import physics

if TYPE_CHECKING:
    from data.campaign import Campaign
    from inference.runs.result import Result

__all__ = ["critical_current_against_radius", "overpotential_against_radius"]

_HEIGHT: Final = 90.0  # mm
_DEFAULT_RADII: Final = (10.0, 100.0)  # nm, where the campaign has no separators
_POROSITY: Final = 0.39  # of the map behind the figure; it divides out
_RADII: Final = (5.0, 7.0, 10.0, 14.0, 20.0, 30.0, 50.0, 100.0, 200.0)  # nm, as marked on top
_MOST_NAMES: Final = 12  # beside points; more would cover them and each other
_MM: Final = 1e-3  # V in a mV
_NM: Final = 1e-9


def _radii(result: "Result") -> tuple[dict[str, Array], tuple[float, float]]:
    """Return the radii of the separators [nm] and the range of the data."""
    radii = {
        name: each["pore_radius"] / _NM for name, each in separators(result, "pore_radius").items()
    }
    covered = result.data_ranges.get("liquid", {}).get("pore_radius")
    return radii, (covered[0], covered[1]) if covered else (np.inf, -np.inf)


def _reach(radii: dict[str, Array], covered: tuple[float, float]) -> tuple[float, float]:
    """Return the radii between which curves are drawn [nm]."""
    medians = [float(np.median(values)) for values in radii.values()]
    known = [*medians, *(end for end in covered if np.isfinite(end))] or [*_DEFAULT_RADII]
    return min(known) / 1.7, max(known) * 1.7


def _published(result: "Result", name: str) -> float | None:
    """Return what a publication says of a quantity, where that was fitted."""
    observed = result.observed_data
    if "published" not in observed:
        return None
    rows = observed["published"]
    names = [str(text) for text in rows[str(rows.dims[0])].to_numpy()]
    return float(rows[names.index(name)]) if name in names else None


@styled
def overpotential_against_radius(result: "Result", *, width: Width | None = None) -> Figure:
    """Draw the overpotential that pushes metal into a pore over the inverse of its radius.

    Parameters
    ----------
    result : Result
        A finished fit.
    width : {"single", "double"}, optional
        Columns of print; one by default.

    Returns
    -------
    matplotlib.figure.Figure
        Young and Laplace's law with the posterior of the wetting product, and the overpotentials
        measured at penetration less the ohmic drop.

    Raises
    ------
    NothingToDrawError
        If no table informs the wetting product, or the largest pores of the fit's separators
        decide, which have another radius.

    References
    ----------
    Ma & Bai, Adv. Energy Mater. 2022, doi:10.1002/aenm.202102967, Fig. 2b.
    """
    require_informed(result, "wetting_product")
    if "wetted_pores" in result.posterior:
        raise NothingToDrawError(
            "in this fit the largest pore of a separator decides, so that the overpotential does "
            "not follow its typical radius"
        )
    radii, covered = _radii(result)
    smallest, _ = _reach(radii, covered)
    inverse = grid(1e-6, 1.12 / (1.7 * smallest), *(1.0 / end for end in covered), log=False)
    wetting = draws_in_si(result, "wetting_product")["wetting_product"]
    volume = physics.MOLAR_VOLUME[result.metal]
    potential = physics.young_laplace_overpotential(wetting, _NM / inverse[:, None], volume) / _MM
    inside = (inverse >= 1.0 / covered[1] - 1e-12) & (inverse <= 1.0 / covered[0] + 1e-12)

    figure = new_figure(printed_width(width, SINGLE), _HEIGHT)
    axes = figure.subplots()
    levels = quantiles(np.asarray(potential))
    band(axes, inverse, levels, inside)
    artists, texts = handles("posterior", inside=bool(inside.any()), beyond=bool((~inside).any()))
    highest = float(levels.max())
    stated = _published(result, "wetting_product")
    if stated is not None:
        line = physics.young_laplace_overpotential(stated, _NM / inverse, volume) / _MM
        (dotted,) = axes.plot(inverse, line, color=BLACK, linestyle=":", linewidth=1.2)
        unit = pretty_unit("J/m^2")
        artists.append(dotted)
        texts.append(f"published, {pretty_number(stated)} {unit}")
        highest = max(highest, float(line.max()))
    resistance = median_of(result, "residual_resistance", 0.0)
    points = _overpotentials(result, radii, resistance)
    for name, (value, sd) in points.items():
        lower, middle, upper = np.quantile(radii[name], [0.05, 0.5, 0.95])
        axes.errorbar(
            1.0 / middle,
            value,
            xerr=[[1.0 / middle - 1.0 / upper], [1.0 / lower - 1.0 / middle]],
            yerr=sd,
            fmt="o",
            color=BLACK,
            elinewidth=0.8,
            capsize=1.5,
        )
        if len(points) <= _MOST_NAMES:
            shown, place = fitting(axes, name, NAME_SHARE), (1.0 / middle, value)
            axes.annotate(shown, place, xytext=(4, -9), textcoords="offset points")
        highest = max(highest, value + sd)
    if points:
        artists.append(Line2D([], [], color=BLACK, marker="o", linewidth=0.8))
        texts.append("measured, less the ohmic drop")
    axes.set_xlim(0.0, float(inverse[-1]))
    axes.set_ylim(0.0, 1.05 * highest)
    axes.set_xlabel("1 / pore radius (nm⁻¹)")
    axes.set_ylabel(label("overpotential at penetration", "mV"))
    _radius_axis(axes)
    if points:
        caption = (
            f"Radii are those of the posterior, with 90 %; the ohmic drop is that of "
            f"{pretty_number(1e4 * resistance)} {pretty_unit('ohm cm^2')}, the posterior median."
        )
    else:
        caption = "This campaign measured no overpotential at penetration."
    return finish(
        figure,
        "Overpotential that a pore bears",
        caption,
        synthetic=result.synthetic,
        legend=(artists, texts),
        columns=2,
    )


def _overpotentials(
    result: "Result", radii: dict[str, Array], resistance: float
) -> dict[str, tuple[float, float]]:
    """Return measured overpotentials less the ohmic drop, and their sd, by separator [mV]."""
    name = "critical_current_overpotential"
    if name not in result.observed_data:
        return {}
    rows, design = result.observed_data[name], design_columns(result, name)
    found = {}
    for index, separator in enumerate(rows[str(rows.dims[0])].to_numpy()):
        if str(separator) in radii:
            drop = design["current"][index] * resistance / _MM
            found[str(separator)] = (float(rows[index]) - drop, float(design["sd"][index]))
    return found


def _radius_axis(axes: Axes) -> None:
    """Mark radii along the top."""
    lower, upper = axes.get_xlim()
    kept: list[float] = []
    for radius in _RADII:
        place = 1.0 / radius
        if place < upper and all(abs(place - 1.0 / r) > 0.07 * (upper - lower) for r in kept):
            kept.append(radius)
    top = axes.secondary_xaxis("top")
    top.xaxis.set_major_locator(FixedLocator([1.0 / radius for radius in kept]))
    top.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{1.0 / value:.3g}"))
    top.set_xlabel(label("pore radius", "nm"))
    top.spines["top"].set_visible(False)


@styled
def critical_current_against_radius(
    result: "Result", campaign: "Campaign | None" = None, *, width: Width | None = None
) -> Figure:
    """Draw the critical current of the pores over their radius, with every test.

    Currents are per wetted area (divided by the porosity), so that separators of different
    porosities lie on one curve.

    Parameters
    ----------
    result : Result
        A finished fit.
    campaign : Campaign, optional
        What was fitted: its single tests, brackets and ranges are drawn.
    width : {"single", "double"}, optional
        Columns of print; one by default.

    Returns
    -------
    matplotlib.figure.Figure
        Bands of the median cell and of a new cell, and the domains below and above them.

    Raises
    ------
    NothingToDrawError
        If no table informs the wetting product, or the fit knows no width of pores that the law of
        the largest pore needs.

    References
    ----------
    Ma & Bai, Adv. Energy Mater. 2022, doi:10.1002/aenm.202102967, Fig. 2c.
    """
    from inference.maps.mapping import safe_current_map

    require_informed(result, "wetting_product")
    radii, covered = _radii(result)
    smallest, largest = _reach(radii, covered)
    x = grid(smallest, largest, *covered)
    design: dict[str, Any] = {
        "cell": "liquid",
        "pore_radius": [f"{value:.12g} nm" for value in x],
        "porosity": _POROSITY,
        "current_density": "1 mA/cm^2",
    }
    spread = median_of(result, "pore_size_spread", np.nan)
    if "wetted_pores" in result.posterior and np.isfinite(spread):
        design["pore_size_spread"] = spread
    try:
        dataset = safe_current_map(result, design, draws=1000)
    except MapError as error:
        raise NothingToDrawError(str(error)) from error
    x = dataset["pore_radius"].to_numpy()
    bands = {
        name: dataset[name].sel(mechanism="penetration", quantile=[0.05, 0.5, 0.95]).to_numpy()
        / _POROSITY
        for name in ("predictive_threshold", "median_cell_threshold")
    }
    inside = (x >= covered[0] * (1 - 1e-9)) & (x <= covered[1] * (1 + 1e-9))

    figure = new_figure(printed_width(width, SINGLE), _HEIGHT + 18.0)
    axes = figure.subplots()
    new, median = bands["predictive_threshold"], bands["median_cell_threshold"]
    tests = _tests(result, campaign, radii)
    seen = [value for test in tests for value in test.ends]
    lower = min([*seen, float(new[0].min())]) / 1.6
    upper = max([*seen, float(new[2].max())]) * 1.6
    axes.fill_between(x, new[2], upper, color=VERMILION, alpha=0.08, linewidth=0)
    axes.fill_between(x, lower, new[0], color=GREEN, alpha=0.08, linewidth=0)
    band(axes, x, new, inside, line=False, alpha=0.18)
    band(axes, x, median, inside, alpha=0.4)
    artists: list[Any] = [
        Patch(facecolor=BLUE, alpha=0.4, linewidth=0),
        Line2D([], [], color=BLUE, linewidth=1.3),
        Patch(facecolor=BLUE, alpha=0.18, linewidth=0),
        beyond_handle(),
    ]
    texts = ["median cell, 90 %", "median cell, median", "new cell, 90 %", BEYOND]
    if inside.all():
        artists.pop()
        texts.pop()
    for kind, mark in _MARKS.items():
        if any(test.kind == kind for test in tests):
            artists.append(Line2D([], [], **mark))
            texts.append(kind)
    for test in tests:
        axes.plot([test.radius] * len(test.ends), test.ends, **_MARKS[test.kind], zorder=4)
    axes.set_xlim(float(x[0]), float(x[-1]))
    axes.set_ylim(lower, upper)
    log_axis(axes, "x", most=7)
    log_axis(axes, "y", most=7)
    axes.set_xlabel(label("pore radius", "nm"))
    axes.set_ylabel("Current density / porosity (mA cm⁻²)")
    named = add_rug(axes, [(name, float(np.median(values))) for name, values in radii.items()])
    axes.text(0.96, 0.94, "penetration", transform=axes.transAxes, ha="right", va="top")
    axes.text(0.04, 0.05, "safe", transform=axes.transAxes, ha="left", va="bottom")
    return finish(
        figure,
        "Critical current of the pores",
        _caption(result, campaign, tests, named),
        synthetic=result.synthetic,
        legend=(artists, texts),
        columns=2,
    )


_DOMAINS: Final = (
    "Safe: less than 5 % of new cells are penetrated; penetration: more than 95 % are."
)


class _Test:
    """One test: its separator's radius [nm], currents over porosity [mA/cm^2], and outcome."""

    def __init__(self, radius: float, ends: list[float], kind: str) -> None:
        self.radius = radius
        self.ends = ends
        self.kind = kind


_MARKS: Final[dict[str, dict[str, Any]]] = {
    "penetrated": {
        "color": VERMILION,
        "marker": "X",
        "markersize": 4,
        "linestyle": "",
        "markeredgewidth": 0.3,
        "markeredgecolor": "white",
    },
    "survived": {
        "color": "white",
        "marker": "o",
        "markersize": 3.2,
        "linestyle": "",
        "markeredgecolor": BLACK,
        "markeredgewidth": 0.8,
    },
    "bracket": {"color": BLACK, "marker": "_", "markersize": 6, "linestyle": "-", "linewidth": 1.0},
    "range over cells": {
        "color": BLACK,
        "marker": "D",
        "markersize": 3.2,
        "markerfacecolor": VERMILION,
        "linestyle": ":",
        "linewidth": 1.0,
    },
}


def _tests(result: "Result", campaign: "Campaign | None", radii: dict[str, Array]) -> list[_Test]:
    """Return the tests of a campaign, at the posterior medians of their separators."""
    if campaign is None:
        return []
    porosities = {
        name: float(np.median(each["porosity"]))
        for name, each in separators(result, "porosity").items()
    }
    found = []
    for table in ("penetration", "critical_current"):
        if table not in result.blocks or table not in campaign.tables:
            continue
        rows = campaign.tables[table]
        for index in range(rows.sizes[table]):
            row = rows.isel({table: index})
            name = str(row["separator"].item())
            if name not in radii or name not in porosities:
                continue
            radius, porosity = float(np.median(radii[name])), porosities[name]
            if table == "penetration":
                ends = [float(row["current_density"])]
                kind = str(row["outcome"].item())
            else:
                of_range = bool(range_rows(row))
                names = RANGE_COLUMNS[:2] if of_range else ENDS
                ends = [float(row[end]) for end in names if np.isfinite(float(row[end]))]
                kind = "range over cells" if of_range else "bracket"
            found.append(_Test(radius, [end / porosity for end in ends], kind))
    return found


def _caption(result: "Result", campaign: "Campaign | None", tests: list[_Test], named: str) -> str:
    said = f"Top: separators, at the posterior median of radius and porosity. {named}"
    if tests:
        return said + _DOMAINS
    if campaign is None and {"penetration", "critical_current"} & {*result.blocks}:
        return f"{said}{_DOMAINS} The tests are not shown: {GONE}."
    return (
        f"{said}{_DOMAINS} No test of penetration was fitted: published estimates stand behind the "
        "curve."
    )
