"""Stripping against a solid electrolyte: void-free capacity, and the regimes under pressure."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from data.arrays import Array
from data.errors import MapError
from data.ranges import ENDS, RANGE_COLUMNS, range_rows
from inference.figures.bands import BEYOND, GONE, band, beyond_handle, require_informed
from inference.figures.labels import label, pretty_number
from inference.figures.maps import PROTOCOL_WORDS, draw_risk, hatch
from inference.figures.style import (
    BLACK,
    BLUE,
    DOUBLE,
    GREEN,
    HATCH,
    SINGLE,
    VERMILION,
    NothingToDrawError,
    Width,
    finish,
    log_axis,
    new_figure,
    printed_width,
    styled,
)

if TYPE_CHECKING:
    import xarray as xr

    from data.campaign import Campaign
    from inference.runs.result import Result

__all__ = ["void_free_capacities", "void_regimes"]

_TABLE: Final = "dc_polarization"
_HOUR: Final = 3600.0  # s
_APART: Final = 10.0  # K, between curves
_NEAR: Final = 5.0  # K, that a point may lie from a curve
_TEMPERATURES: Final = (0.0, 25.0, 50.0)  # degC
_LOOKS: Final = ((BLUE, "o"), (GREEN, "s"), (VERMILION, "^"))
_METAL: Final = "500 um"
_PANELS: Final = {"one_way": "One way", "step": "In steps"}
_CURRENTS: Final = (0.1, 30.0)  # mA/cm^2, shown at least
_NAMED: Final = 13.0  # mAh/cm^2, at most, where curves are named
_REACH: Final = (0.1, 30.0)  # mAh/cm^2
_REGIME_CURRENTS: Final = ("0.3 mA/cm^2", "30 mA/cm^2")
_REGIME_CHARGE: Final = 1.0  # mAh/cm^2


@styled
def void_free_capacities(
    result: "Result", campaign: "Campaign | None" = None, *, width: Width | None = None
) -> Figure:
    """Draw the capacity that can be stripped before voids form, against current and temperature.

    Parameters
    ----------
    result : Result
        A finished fit.
    campaign : Campaign, optional
        What was fitted: its polarisations without pressure are drawn.
    width : {"single", "double"}, optional
        Columns of print: two panels side by side (default) or one above the other.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for each protocol with the posterior of the median cell at several temperatures and
        the polarisations without pressure.

    Raises
    ------
    NothingToDrawError
        If no table informs the supply of metal.

    References
    ----------
    Tsai et al., J. Power Sources 476 (2020) 228666, Figs. 3a and 3c.
    """
    require_informed(result, *(f"effective_self_diffusivity[{protocol}]" for protocol in _PANELS))
    printed = printed_width(width, DOUBLE)
    aside = printed > SINGLE
    figure = new_figure(printed, 88.0 if aside else 138.0)
    grid = figure.subplots(*((1, 2) if aside else (2, 1)), sharex=True, sharey=True)
    temperatures = _temperatures(campaign)
    never = ranges = brackets = False
    shown: list[Array] = []
    middles: list[tuple[Array, Array]] = []
    beyond = False
    for axes, (protocol, title) in zip(grid, _PANELS.items(), strict=True):
        charges, currents, inside = _capacities(result, protocol, temperatures)
        for index, (colour, _) in enumerate(_LOOKS[: len(temperatures)]):
            band(axes, charges, currents[index], inside[index], colour, sideways=True, alpha=0.22)
        beyond |= not inside.all()
        middles.append((charges, currents[:, 1]))
        cells = _cells(campaign, protocol)
        never |= any(cell.never for cell in cells)
        ranges |= any(cell.of_several for cell in cells)
        brackets |= any(cell.current.size > 1 and not cell.of_several for cell in cells)
        shown.append(_draw_cells(axes, cells, temperatures))
        axes.set_title(title)
    reach = np.concatenate([_CURRENTS, *shown])
    ends = (float(reach.min()) / 1.1, float(reach.max()) * 1.1)
    for axes in grid:
        axes.set_xlim(*ends)
        axes.set_ylim(*_REACH)
    for axes, (charges, middle) in zip(grid, middles, strict=True):
        _name_curves(axes, charges, middle, temperatures, ends)
    for axes in grid:
        log_axis(axes, "x", most=6)
        log_axis(axes, "y", most=7)
        if aside or axes is grid[-1]:
            axes.set_xlabel(label("current density", "mA/cm^2"))
        if not aside or axes is grid[0]:
            axes.set_ylabel(label("capacity without voids", "mAh/cm^2"))
    artists: list[Any] = [
        Line2D([], [], color=colour, marker=marker, markersize=3.5, markeredgecolor=BLACK)
        for colour, marker in _LOOKS[: len(temperatures)]
    ]
    texts = [f"{pretty_number(value)} °C" for value in temperatures]
    if beyond:
        artists.append(beyond_handle())
        texts.append(BEYOND)
    if never:
        artists.append(Line2D([], [], color=BLACK, marker="$\u2191$", markersize=7, linestyle=""))
        texts.append("no voids by the end")
    if ranges:
        artists.append(
            Line2D([], [], color=BLACK, marker="D", markersize=2.8, linestyle=":", linewidth=1.0)
        )
        texts.append("range over cells")
    points = f"The polarisations are not shown: {GONE}."
    if campaign is not None:
        points = "Points: cells without pressure, at the temperature of a curve."
        if brackets:
            points += " A bar in steps runs from the last current survived to that of failure."
        if ranges:
            points += (
                " Dotted: the lowest and the highest of the steps at which several cells failed."
            )
    return finish(
        figure,
        "Capacity that can be stripped before voids form",
        f"Median and 90 % of the median cell without pressure, metal of {_METAL.split()[0]} µm. "
        f"{points}",
        synthetic=result.synthetic,
        legend=(artists, texts),
        columns=5 if aside else 3,
    )


def _temperatures(campaign: "Campaign | None") -> list[float]:
    """Return three temperatures [degC]: those of the most cells first."""
    chosen: list[float] = []
    if campaign is not None and _TABLE in campaign.tables:
        values = np.round(campaign.tables[_TABLE]["temperature"].to_numpy())
        counts = {float(each): int((values == each).sum()) for each in np.unique(values)}
        chosen = sorted(counts, key=lambda each: -counts[each])[: len(_LOOKS)]
    for value in _TEMPERATURES:
        if len(chosen) < len(_LOOKS) and all(abs(value - each) > _APART for each in chosen):
            chosen.append(value)
    return sorted(chosen)


def _map(result: "Result", design: dict[str, Any]) -> "xr.Dataset":
    """Return a map of a solid cell."""
    from inference.maps.mapping import safe_current_map

    try:
        return safe_current_map(result, {"cell": "solid", **design}, draws=1000)
    except MapError as error:
        raise NothingToDrawError(str(error)) from error


def _capacities(
    result: "Result", protocol: str, temperatures: list[float]
) -> tuple[Array, Array, Any]:
    """Return capacities, the currents that leave them free of voids, and where data are.

    Returns
    -------
    charge : ndarray, shape (charge,)
        Capacities [mAh/cm^2].
    current : ndarray, shape (temperature, quantile, charge)
        Current densities [mA/cm^2], blank where the metal holds less.
    inside : ndarray of bool, shape (temperature, charge)
        Whether the point lies within the range of the data.
    """
    dataset = _map(
        result,
        {
            "charge": {"from": "0.1 mAh/cm^2", "to": "30 mAh/cm^2", "points": 61, "scale": "log"},
            "temperature": [f"{value} degC" for value in temperatures],
            "pressure": "0 MPa",
            "metal_thickness": _METAL,
            "protocol": protocol,
            "current_density": "1 mA/cm^2",
        },
    )
    current = (
        dataset["median_cell_threshold"]
        .sel(mechanism="voids", quantile=[0.05, 0.5, 0.95])
        .transpose("temperature", "quantile", "charge")
        .to_numpy()
    )
    inside = ~dataset["extrapolation"].transpose("temperature", "charge").to_numpy()
    return dataset["charge"].to_numpy(), np.where(current > 0, current, np.nan), inside


@dataclass(frozen=True)
class _Cell:
    """A polarisation: temperature [degC], ends of current [mA/cm^2] and capacity [mAh/cm^2].

    That of a range over several cells runs from the lowest failing step to the highest.
    """

    temperature: float
    current: Array
    capacity: Array
    never: bool
    of_several: bool


def _cells(campaign: "Campaign | None", protocol: str) -> list[_Cell]:
    """Return the polarisations of a protocol without pressure."""
    if campaign is None or _TABLE not in campaign.tables:
        return []
    rows = campaign.tables[_TABLE]
    rows = rows.isel(
        {_TABLE: (rows["protocol"] == protocol).to_numpy() & ~(rows["pressure"].to_numpy() > 0)}
    )
    found = []
    for index in range(rows.sizes[_TABLE]):
        row = rows.isel({_TABLE: index})

        def known(*names: str, row: Any = row) -> Array:
            values = np.array([float(row[name]) for name in names])
            return values[np.isfinite(values)]

        if protocol == "one_way":
            current = known("current_density")
            hours = known("transition_time")
            if not hours.size:
                hours = known("transition_time_lower", "transition_time_upper")
            # Without an upper end, and without any, voids came later or not at all.
            never = not known("transition_time", "transition_time_upper").size
            hours = (hours if hours.size else known("stop_time")) / _HOUR
        else:
            ends = RANGE_COLUMNS[:2] if range_rows(row) else ENDS
            current = known(*ends)
            never = not known(ends[1]).size
            hours = known("step_time") / _HOUR
        temperature, several = float(row["temperature"]), bool(range_rows(row))
        found.append(_Cell(temperature, current, current * hours, never, several))
    return found


def _draw_cells(axes: Axes, cells: list[_Cell], temperatures: list[float]) -> Array:
    """Draw the cells near the temperature of a curve, and return their current densities."""
    currents = []
    for cell in cells:
        gaps = [abs(cell.temperature - value) for value in temperatures]
        if min(gaps) > _NEAR or not cell.current.size:
            continue
        colour, marker = _LOOKS[int(np.argmin(gaps))]
        current = np.broadcast_to(cell.current, cell.capacity.shape)
        x, y = float(np.exp(np.log(current).mean())), float(np.exp(np.log(cell.capacity).mean()))
        currents += [*current]
        if cell.of_several:
            axes.plot(
                current,
                cell.capacity,
                color=BLACK,
                linestyle=":",
                linewidth=1.0,
                marker="D",
                markersize=2.8,
                markerfacecolor=colour,
                markeredgewidth=0.5,
                zorder=4,
            )
            continue
        axes.plot(current, cell.capacity, color=BLACK, linewidth=0.9, zorder=4)
        if cell.never:
            axes.annotate(
                "",
                xy=(x, y),
                xytext=(0, 11),
                textcoords="offset points",
                arrowprops={
                    "arrowstyle": "<|-",
                    "color": BLACK,
                    "linewidth": 0.8,
                    "shrinkA": 0,
                    "shrinkB": 0,
                },
            )
        axes.plot(
            [x],
            [y],
            marker=marker,
            markersize=3.6,
            color=BLACK,
            markerfacecolor="white" if cell.never else colour,
            markeredgewidth=0.6,
            zorder=5,
        )
    return np.array(currents)


def _name_curves(
    axes: Axes,
    charges: Array,
    currents: Array,
    temperatures: list[float],
    ends: tuple[float, float],
) -> None:
    """Write the temperature on each curve, high up where it is in sight."""
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.8}
    for temperature, current in zip(temperatures, currents, strict=True):
        seen = (charges <= _NAMED) & (current > 1.5 * ends[0]) & (current < ends[1] / 1.5)
        if seen.any():
            last = int(np.flatnonzero(seen)[-1])
            words = f"{pretty_number(temperature)} °C"
            place = (float(current[last]), float(charges[last]))
            axes.text(*place, words, ha="center", va="center", bbox=box, zorder=3)


@styled
def void_regimes(
    result: "Result", charge: float = _REGIME_CHARGE, *, width: Width | None = None
) -> Figure:
    """Draw the probability that voids form, over stack pressure and current density.

    Parameters
    ----------
    result : Result
        A finished fit.
    charge : float, optional
        Capacity stripped in one half-cycle [mAh/cm^2].
    width : {"single", "double"}, optional
        Columns of print; one by default.

    Returns
    -------
    matplotlib.figure.Figure
        The probability that a new cell forms voids, with the currents of 5, 50 and 95 %.

    Raises
    ------
    NothingToDrawError
        If no table informs the supply of metal, or the map is not legal.

    References
    ----------
    The regimes of Jiao et al. (Na on carbon black, 1 M NaPF6/diglyme), Fig. 5H, made quantitative
    for a solid electrolyte.
    """
    require_informed(result, *(f"effective_self_diffusivity[{name}]" for name in PROTOCOL_WORDS))
    dataset = _map(
        result,
        {
            "charge": f"{charge} mAh/cm^2",
            "pressure": {"from": "0 MPa", "to": "9 MPa", "points": 37},
            "metal_thickness": _METAL,
            "current_density": {
                "from": _REGIME_CURRENTS[0],
                "to": _REGIME_CURRENTS[1],
                "points": 121,
                "scale": "log",
            },
        },
    )
    pressure = dataset["pressure"].to_numpy()
    current = dataset["current_density"].to_numpy()
    figure = new_figure(printed_width(width, SINGLE), 100.0)
    axes = figure.subplots()
    axes.set_xlim(float(pressure[0]), float(pressure[-1]))
    axes.set_ylim(float(current[0]), float(current[-1]))
    log_axis(axes, "y", most=8)
    draw_risk(figure, axes, dataset, "pressure")
    outside = dataset["extrapolation"].to_numpy()
    hatch(axes, pressure, outside, (float(current[0]), float(current[-1])))
    axes.set_xlabel(label("stack pressure", "MPa"))
    axes.set_ylabel(label("current density", "mA/cm^2"))
    _name_regimes(axes, dataset)
    artists: list[Any] = []
    texts = []
    if outside.any():
        artists.append(Patch(facecolor="none", edgecolor=HATCH, hatch="////", linewidth=0))
        texts.append(BEYOND)
    driven = (
        " The scatter between cells comes from its prior."
        if bool(dataset["scatter_prior_driven"].any())
        else ""
    )
    return finish(
        figure,
        "Voids under pressure",
        f"Probability that a new cell forms voids when {pretty_number(charge)} mAh cm⁻² are "
        f"stripped at 25 °C; {_METAL.split()[0]} µm of metal, supply factor of "
        f"{PROTOCOL_WORDS[str(dataset.attrs['protocol'])]}.{driven}",
        synthetic=result.synthetic,
        legend=(artists, texts) if artists else None,
        columns=1,
    )


def _name_regimes(axes: Axes, dataset: "xr.Dataset") -> None:
    """Write what happens below and above the currents at which cells fail."""
    column = dataset.isel(pressure=dataset.sizes["pressure"] * 3 // 4)
    risk = 1.0 - column["probability_safe"].to_numpy()
    current = column["current_density"].to_numpy()
    lower, upper = axes.get_ylim()
    place = float(column["pressure"])
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.0}
    low, high = current[risk <= 0.05], current[risk >= 0.95]
    for values, end, words in ((low[-1:], lower, "stable"), (high[:1], upper, "voids")):
        if values.size and abs(np.log(end / values[0])) > 0.5:
            height = float(np.sqrt(values[0] * end))
            axes.text(place, height, words, ha="center", va="center", bbox=box)
