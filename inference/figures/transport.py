"""Salt that runs out: limiting current of a stack, and Sand's time against current."""

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from data.arrays import Array
from inference.designs.limits import option
from inference.designs.mechanisms import MECHANISMS, cell_factor
from inference.figures.bands import (
    BEYOND,
    NAME_SHARE,
    add_rug,
    band,
    beyond_handle,
    design_columns,
    draws_in_si,
    grid,
    handles,
    quantiles,
    require_informed,
    separators,
)
from inference.figures.labels import label, pretty_number
from inference.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    SINGLE,
    Width,
    finish,
    fitting,
    log_axis,
    new_figure,
    printed_width,
    styled,
)
from models import physics
from models.cells import LAWS
from models.observations import is_end
from models.temperature import TEMPERATURE_WINDOW

if TYPE_CHECKING:
    from inference.runs.result import Result

__all__ = ["limiting_currents", "sand_times"]

_HEIGHT: Final = 88.0  # mm
_CURRENT: Final = 10.0  # A/m^2 in one mA/cm^2
_LITRE: Final = 1e3  # mol/m^3 in one mol/L
_UM: Final = 1e-6
_DEFAULT_LENGTHS: Final = (50.0, 500.0)  # um, where the campaign has no separators
_DEFAULT_CURRENTS: Final = (5.0, 100.0)  # mA/cm^2, as in the source
_DISTANCE: Final = 20e-3  # m, where no row says
_FOR_EVER: Final = 1e7  # s
_TOLERANCE: Final = 1e-6
_LOOKS: Final = ((BLUE, "o"), (ORANGE, "s"), (GREEN, "^"), (PURPLE, "D"))
_SALT: Final = ("ambipolar_diffusivity", "transference_number")


def _concentration(result: "Result") -> float:
    """Return the campaign's salt concentration [mol/L]."""
    return result.salt_concentration or 1.0


def _near_room(columns: dict[str, Array]) -> Any:
    """Return which rows lie near 25 °C."""
    gap = np.abs(columns["temperature"] - physics.REFERENCE_TEMPERATURE)
    return gap <= TEMPERATURE_WINDOW


@styled
def limiting_currents(result: "Result", *, width: Width | None = None) -> Figure:
    """Draw the limiting current of a stack against its transport length.

    The transport length is that of the open electrolyte with the same limiting current: MacMullin
    number times thickness for a uniform layer.

    Parameters
    ----------
    result : Result
        A finished fit.
    width : {"single", "double"}, optional
        Columns of print; one by default.

    Returns
    -------
    matplotlib.figure.Figure
        The posterior's law with the plateaus measured by linear sweep voltammetry.

    Raises
    ------
    NothingToDrawError
        If no table informs diffusivity or transference number.

    References
    ----------
    Ma & Bai, Adv. Energy Mater. 2022, doi:10.1002/aenm.202102967, Fig. S4.
    """
    require_informed(result, *_SALT)
    draws = draws_in_si(result, *_SALT)
    concentration = _concentration(result)
    length, current, errors = _plateaus(result, concentration)
    single = {
        name: float(np.median(each["macmullin_number"] * each["thickness"])) / _UM
        for name, each in separators(result, "macmullin_number", "thickness").items()
    }
    middle = np.median(length, axis=-1) if length.size else np.zeros(0)
    known = [*middle, *single.values()] or [*_DEFAULT_LENGTHS]
    first, last = (middle.min(), middle.max()) if middle.size else (np.inf, -np.inf)
    x = grid(min(known) / 1.5, max(known) * 1.5, float(first), float(last))
    limit = physics.limiting_current_density(
        draws["ambipolar_diffusivity"],
        draws["transference_number"],
        concentration * _LITRE,
        [physics.Layer(x[:, None] * _UM)],
    )
    levels = quantiles(np.asarray(limit) / _CURRENT)
    inside = (x >= first * (1 - 1e-9)) & (x <= last * (1 + 1e-9))

    figure = new_figure(printed_width(width, SINGLE), _HEIGHT + 12.0)
    axes = figure.subplots()
    band(axes, x, levels, inside)
    artists, texts = handles("posterior", inside=bool(inside.any()), beyond=not inside.all())
    shown = [*levels.ravel()]
    if middle.size:
        ends = np.quantile(length, [0.05, 0.95], axis=-1)
        axes.errorbar(
            middle,
            current,
            xerr=np.stack([middle - ends[0], ends[1] - middle]),
            yerr=errors,
            fmt="o",
            color=BLACK,
            elinewidth=0.8,
            capsize=1.2,
            markersize=2.6,
        )
        artists.append(Line2D([], [], color=BLACK, marker="o", linewidth=0.8))
        texts.append("plateaus measured")
        shown += [*current]
    axes.set_xlim(float(x[0]), float(x[-1]))
    axes.set_ylim(min(shown) / 1.3, max(shown) * 1.3)
    log_axis(axes, "x", most=6)
    log_axis(axes, "y", most=7)
    axes.set_xlabel(label("transport length of the stack", "um"))
    axes.set_ylabel(label("limiting current density", "mA/cm^2"))
    named = add_rug(axes, single.items())
    caption = (
        f"At {pretty_number(concentration)} mol L⁻¹ and 25 °C. Length: MacMullin number times "
        "thickness of one uniform layer. "
    )
    if single:
        caption += f"Top: one layer of each separator. {named}"
    if middle.size:
        caption += "Bars: 90 % of lengths, and the error of the plateau; areas of the posterior."
    else:
        caption += "No plateau was fitted: published estimates stand behind the curve."
    return finish(
        figure,
        "Limiting current",
        caption,
        synthetic=result.synthetic,
        legend=(artists, texts),
        columns=2,
    )


def _plateaus(result: "Result", concentration: float) -> tuple[Array, Array, Array]:
    """Return the plateaus near 25 °C.

    Returns
    -------
    length : ndarray, shape (row, draw)
        Transport length [um].
    current, error : ndarray, shape (row,)
        Limiting current density at the concentration asked for, and its sd [mA/cm^2].
    """
    empty = np.zeros(0)
    if "lsv" not in result.observed_data:
        return np.zeros((0, 0)), empty, empty
    rows = design_columns(result, "lsv")
    stack = separators(result, "thickness", "porosity", "macmullin_number")
    near = _near_room(rows)
    if not stack or not near.any():
        return np.zeros((0, 0)), empty, empty
    each = [list(stack.values())[int(index)] for index in rows["separator"]]
    lengths = []
    for index in np.flatnonzero(near):
        layers = [
            physics.Layer(rows["before"][index]),
            physics.Layer(
                rows["layers"][index] * each[index]["thickness"],
                each[index]["porosity"],
                each[index]["macmullin_number"],
            ),
            physics.Layer(rows["behind"][index]),
        ]
        # The open electrolyte of this length has the same limiting current.
        unit = physics.limiting_current_density(1.0, 0.0, 1.0, layers)
        lengths.append(2.0 * physics.FARADAY / np.asarray(unit) / _UM)
    observed = result.observed_data["lsv"].to_numpy().astype(float)
    area = np.exp(rows["log_area"])  # cm^2
    if "lsv_area" in result.posterior:
        latent = result.posterior["lsv_area"]
        area = np.median(latent.transpose(..., "chain", "draw").to_numpy(), axis=(-2, -1))
    current = observed / area * concentration * _LITRE / rows["concentration"]
    return np.stack(lengths), current[near], (current * rows["sd"])[near]


@styled
def sand_times(result: "Result", *, width: Width | None = None) -> Figure:
    """Draw the time at which the salt runs out against the current density.

    Parameters
    ----------
    result : Result
        A finished fit.
    width : {"single", "double"}, optional
        Columns of print; one by default.

    Returns
    -------
    matplotlib.figure.Figure
        The posterior of the depletion clock, Sand's time far from the other electrode, with the
        transients measured: points, intervals, and arrows where none came by the planned end.

    Raises
    ------
    NothingToDrawError
        If no table informs diffusivity or transference number.

    References
    ----------
    Ma & Bai, Adv. Energy Mater. 2022, doi:10.1002/aenm.202102967, Fig. S4.
    """
    require_informed(result, *_SALT)
    draws = draws_in_si(result, *_SALT)
    groups = _transients(result)
    if not groups:
        groups = [_Transients(0, True, _DISTANCE, _concentration(result) * _LITRE)]
    names = list(separators(result, "porosity", "macmullin_number"))
    figure = new_figure(printed_width(width, SINGLE), _HEIGHT)
    axes = figure.subplots()
    artists: list[Any] = []
    texts: list[str] = []
    shown: list[float] = []
    currents = np.concatenate([group.current for group in groups])
    ends = (currents.min() / 1.5, currents.max() * 1.5) if currents.size else _DEFAULT_CURRENTS
    beyond = False
    limit = next(each for each in MECHANISMS["liquid"] if each.block == "sand")
    law = LAWS[option(result.attrs, limit.block, "cells")]
    own = [law.parameter_of(limit.block)] if law.parameter else []
    scatter = draws_in_si(result, limit.scatters[0], *own)
    rng = np.random.default_rng(int(result.attrs["seed"]))
    normal = rng.standard_normal(scatter[limit.scatters[0]].size)
    factors = cell_factor(limit, scatter, {}, lambda _source: normal)
    for group, (colour, marker) in zip(groups, _LOOKS, strict=False):
        porosity, macmullin = group.stack(result, names)
        first, last = group.range
        x = grid(float(ends[0]), float(ends[1]), first, last)[:, None]
        levels, new = (
            _depletion_times(group, draws, (porosity, macmullin), x / factor)
            for factor in (np.ones_like(factors), factors)
        )
        x = x[:, 0]
        inside = (x >= first * (1 - 1e-9)) & (x <= last * (1 + 1e-9))
        beyond |= not inside.all()
        band(axes, x, new, inside, colour, line=False, alpha=0.14)
        band(axes, x, levels, inside, colour)
        group.draw(axes, marker, colour)
        artists.append(Line2D([], [], color=colour, marker=marker, markersize=3.5))
        texts.append(group.name([fitting(axes, name, NAME_SHARE) for name in names]))
        shown += [value for value in new.ravel().tolist() if value < _FOR_EVER]
        shown += [float(value) for value in group.time]
    if beyond:
        artists.append(beyond_handle())
        texts.append(BEYOND)
    if any(group.never.any() for group in groups if group.time.size):
        artists.append(Line2D([], [], color=BLACK, marker="$\u2191$", markersize=7, linestyle=""))
        texts.append("no depletion by the planned end")
    axes.set_xlim(float(ends[0]), float(ends[1]))
    axes.set_ylim(min(shown) / 1.3, max(shown) * 1.5)
    log_axis(axes, "x", most=6)
    log_axis(axes, "y", most=7)
    axes.set_xlabel(label("current density", "mA/cm^2"))
    axes.set_ylabel(label("time of depletion", "s"))
    caption = "At 25 °C: median and 90 % of the median cell, and, lighter, 90 % of new cells."
    if not currents.size:
        caption += " No transient was fitted: published estimates stand behind the curve."
    elif len(groups) > len(_LOOKS):
        caption += f" The first {len(_LOOKS)} of {len(groups)} arrangements are shown."
    return finish(
        figure,
        "Sand's time",
        caption,
        synthetic=result.synthetic,
        legend=(artists, texts),
        columns=1 if width != "double" else 2,
    )


def _depletion_times(
    group: "_Transients", draws: dict[str, Array], stack: tuple[Any, Any], current: Array
) -> Array:
    """Return quantiles of the time of depletion [s] at current densities [mA/cm^2]."""
    times = physics.depletion_time(
        current * _CURRENT,
        group.concentration,
        draws["ambipolar_diffusivity"],
        draws["transference_number"],
        group.distance,
        *stack,
    )
    # Below the limiting current a cell lasts for ever.
    return quantiles(np.minimum(np.asarray(times), 1e3 * _FOR_EVER))


class _Transients:
    """Transients of one arrangement: free electrolyte or a separator, distance, concentration."""

    def __init__(self, separator: int, free: bool, distance: float, concentration: float) -> None:
        self.separator = separator
        self.free = free
        self.distance = distance
        self.concentration = concentration
        self.current = self.time = self.lower = self.upper = np.zeros(0)
        self.never: Any = np.zeros(0, dtype=bool)

    @property
    def range(self) -> tuple[float, float]:
        """Least and largest current density measured [mA/cm^2]."""
        if not self.current.size:
            return np.inf, -np.inf
        return float(self.current.min()), float(self.current.max())

    def stack(self, result: "Result", names: list[str]) -> tuple[Any, Any]:
        """Return porosity and MacMullin number of what fills the distance."""
        if self.free:
            return 1.0, 1.0
        found = separators(result, "porosity", "macmullin_number")[names[self.separator]]
        return found["porosity"], found["macmullin_number"]

    def name(self, names: list[str]) -> str:
        """Return what the legend says."""
        what = "free electrolyte" if self.free else names[self.separator]
        distance = pretty_number(1e3 * self.distance)
        return f"{what}, {distance} mm, {pretty_number(self.concentration / _LITRE)} mol L⁻¹"

    def draw(self, axes: Any, marker: str, colour: str) -> None:
        """Draw the transients."""
        if not self.time.size:
            return
        plain = ~self.never
        errors = np.stack([self.time - self.lower, self.upper - self.time])
        axes.errorbar(
            self.current[plain],
            self.time[plain],
            yerr=np.maximum(errors[:, plain], 0.0),
            fmt=marker,
            color=BLACK,
            markerfacecolor=colour,
            markeredgewidth=0.7,
            markersize=3.2,
            elinewidth=0.8,
            capsize=1.5,
            zorder=4,
        )
        for x, y in zip(self.current[self.never], self.time[self.never], strict=True):
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
                marker,
                color="white",
                markeredgecolor=BLACK,
                markeredgewidth=0.7,
                markersize=3.2,
                zorder=5,
            )


def _transients(result: "Result") -> list[_Transients]:
    """Return the transients near 25 °C by arrangement, the most frequent first."""
    if "sand" not in result.observed_data:
        return []
    rows = design_columns(result, "sand")
    observed = result.observed_data["sand"].to_numpy().astype(float)
    near = _near_room(rows)
    keys = [
        (
            -1 if free > 0.5 else int(separator),
            float(distance),
            float(concentration),
        )
        for separator, free, distance, concentration in zip(
            rows["separator"], rows["free"], rows["distance"], rows["concentration"], strict=True
        )
    ]
    groups = []
    for key in dict.fromkeys(keys):
        member = np.array([each == key for each in keys]) & near
        if not member.any():
            continue
        group = _Transients(max(key[0], 0), key[0] < 0, key[1], key[2])
        half = np.where(rows["halfwidth"] > 0, rows["halfwidth"], rows["sd"])[member]
        group.time = observed[member]
        group.current = np.exp(rows["log_current"][member]) / _CURRENT
        ceiling = rows["ceiling"][member]
        group.never = is_end(ceiling) & (np.log(group.time) >= ceiling - _TOLERANCE)
        group.lower, group.upper = group.time * np.exp(-half), group.time * np.exp(half)
        groups.append(group)
    return sorted(groups, key=lambda group: -group.time.size)
