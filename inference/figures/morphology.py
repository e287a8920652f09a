"""Deposits that spread under pressure: coverage and thickness."""

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from inference.figures.bands import (
    BEYOND,
    GONE,
    band,
    beyond_handle,
    design_columns,
    draws_in_si,
    grid,
    quantiles,
    require_informed,
)
from inference.figures.labels import label, pretty_number
from inference.figures.style import (
    BLACK,
    BLUE,
    DOUBLE,
    GREY,
    ORANGE,
    PURPLE,
    SINGLE,
    NothingToDrawError,
    Width,
    finish,
    log_axis,
    new_figure,
    printed_width,
    styled,
)
from models import physics

if TYPE_CHECKING:
    from data.campaign import Campaign
    from inference.runs.result import Result

__all__ = ["deposits_under_pressure"]

_KPA: Final = 1e3  # Pa
_UM: Final = 1e-6
_CHARGE: Final = 3.6e4  # C/m^2 in one mAh/cm^2
_LOOKS: Final = ((BLUE, "o"), (ORANGE, "s"), (PURPLE, "^"))
_NEAR: Final = 0.5  # K
_ROOM: Final = 1.25
_PARAMETERS: Final = (
    "initial_coverage",
    "creep_exponent",
    "creep_reference_stress",
    "creep_activation_energy",
    "film_constraint_factor",
    "apparent_density",
)
_PANELS: Final = (
    ("coverage", "covered fraction", "1"),
    ("thickness", "thickness of the deposit", "um"),
)
_OPTIMUM: Final = (("sayahpour", "DME", 180.0), ("sayahpour", "EC:DMC", 250.0))
"""Optimum stack pressures [kPa] of B. Sayahpour et al., arXiv:2309.16006: shown, not fitted."""


@styled
def deposits_under_pressure(
    result: "Result", campaign: "Campaign | None" = None, *, width: Width | None = None
) -> Figure:
    """Draw coverage and thickness of deposits against the stack pressure.

    Parameters
    ----------
    result : Result
        A finished fit.
    campaign : Campaign, optional
        What was fitted: says which deposits lack coverage or thickness.
    width : {"single", "double"}, optional
        Columns of print: two panels side by side (default) or one above the other.

    Returns
    -------
    matplotlib.figure.Figure
        The posterior of the median deposit for each time and charge that was imaged, with the data.

    Raises
    ------
    NothingToDrawError
        If no deposit at 25 °C was fitted, or it is not known which of them lack a value.

    References
    ----------
    Data and question: Jiao et al. (Na on carbon black, 1 M NaPF6/diglyme).
    """
    conditions = design_columns(result, "morphology")
    if not conditions:
        raise NothingToDrawError("no deposit was fitted: the run has no rows of morphology")
    require_informed(result, "initial_coverage", "film_constraint_factor", "apparent_density")
    rows = _rows(result, campaign)
    shown_panels = [panel for panel in _PANELS if rows[panel[0]]]
    if not shown_panels:
        raise NothingToDrawError("no deposit near 25 °C was fitted")
    draws = draws_in_si(result, *(_PARAMETERS if rows["thickness"] else _PARAMETERS[:-1]))
    factor: Any = 1.0
    if "morphology_pressure_factor" in result.posterior:
        name = "morphology_pressure_factor"
        factor = draws_in_si(result, name)[name]
    times = list(dict.fromkeys((time, charge) for _, _, time, charge, _ in rows["coverage"]))
    times += [
        key
        for key in dict.fromkeys((time, charge) for _, _, time, charge, _ in rows["thickness"])
        if key not in times
    ]
    left_out = len(times) - len(_LOOKS)
    times = times[: len(_LOOKS)]

    several = len(shown_panels) > 1
    printed = printed_width(width, DOUBLE if several else SINGLE)
    aside = printed > SINGLE or not several
    figure = new_figure(printed, 82.0 if aside else 138.0)
    count = len(shown_panels)
    shape = (1, count) if aside else (count, 1)
    panels = figure.subplots(*shape, sharex=True, squeeze=False).ravel()
    highest = max(float(conditions["pressure"].max()) / _KPA, 100.0)
    beyond = False
    for axes, (column, words, unit) in zip(panels, shown_panels, strict=True):
        shown: list[float] = []
        for (time, charge), (colour, marker) in zip(times, _LOOKS, strict=False):
            member = [row for row in rows[column] if row[2:4] == (time, charge)]
            if not member:
                continue
            pressures = [row[0] for row in member]
            first, last = min(pressures), max(pressures)
            x = grid(0.0, _ROOM * highest, first, last, log=False)
            coverage = physics.coverage_under_pressure(
                time,
                x[:, None] * _KPA * factor,
                physics.REFERENCE_TEMPERATURE,
                *(draws[name] for name in _PARAMETERS[:-1]),
            )
            values = np.asarray(coverage)
            if column == "thickness":
                height = physics.deposit_thickness(
                    charge,
                    values,
                    draws["apparent_density"],
                    physics.MOLAR_VOLUME[result.metal],
                )
                values = np.asarray(height) / _UM
            inside = (x >= first) & (x <= last)
            beyond |= not inside.all()
            levels = quantiles(values)
            band(axes, x, levels, inside, colour)
            shown += levels.ravel().tolist()
            shown += _draw_rows(axes, member, marker, colour)
        axes.set_xlabel(label("stack pressure", "kPa"))
        axes.set_ylabel(label(words, unit))
        axes.set_xlim(0.0, _ROOM * highest)
        axes.xaxis.set_major_locator(MaxNLocator(7, prune="upper"))
        if column == "coverage":
            axes.set_ylim(0.0, 1.0)
        else:
            axes.set_ylim(min(shown) / 1.25, max(shown) * 1.25)
            log_axis(axes, "y", most=7)
    marked = _mark_optimum(panels[0], result)
    if several and not aside:
        panels[0].set_xlabel("")
    errors = any(row[4][0] < row[1] for column in rows.values() for row in column)
    return _finished(
        figure, result, times, beyond=beyond, errors=errors, marked=marked, left_out=left_out
    )


def _finished(
    figure: Figure,
    result: "Result",
    times: list[tuple[float, float]],
    *,
    beyond: bool,
    errors: bool,
    marked: bool,
    left_out: int,
) -> Figure:
    artists: list[Any] = []
    texts = []
    for (time, charge), (colour, marker) in zip(times, _LOOKS, strict=False):
        artists.append(
            Line2D([], [], color=colour, marker=marker, markersize=3.5, markeredgecolor=BLACK)
        )
        minutes, capacity = pretty_number(time / 60.0), pretty_number(charge / _CHARGE)
        texts.append(f"{minutes} min under pressure, {capacity} mAh cm⁻²")
    if beyond:
        artists.append(beyond_handle())
        texts.append(BEYOND)
    caption = "At 25 °C: median and 90 % of the median deposit. "
    if errors:
        caption += "Bars: two standard errors. "
    if left_out > 0:
        caption += f"Deposits of {left_out} other times and capacities are not shown. "
    if marked:
        caption += (
            "Dotted: optimum stack pressures that B. Sayahpour et al. report, in DME and in "
            "EC:DMC; they are not fitted."
        )
    return finish(
        figure,
        "Deposits under stack pressure",
        caption,
        synthetic=result.synthetic,
        legend=(artists, texts),
        columns=4,
    )


def _rows(
    result: "Result", campaign: "Campaign | None"
) -> dict[str, list[tuple[float, float, float, float, Any]]]:
    """Return the deposits at 25 °C.

    Returns
    -------
    dict of str to list of tuple
        By observed variable: pressure [kPa], value, time [s], charge [C/m^2], ends of the error.
    """
    conditions = design_columns(result, "morphology")
    found: dict[str, list[tuple[float, float, float, float, Any]]] = {}
    for column, _, _ in _PANELS:
        name = f"morphology_{column}"
        found[column] = []
        if name not in result.observed_data:
            continue
        observed = result.observed_data[name]
        design = design_columns(result, name)
        values = observed.to_numpy().astype(float)
        at = _positions(column, observed.sizes, conditions["time"].size, campaign)
        for index, row in enumerate(at):
            if abs(conditions["temperature"][row] - physics.REFERENCE_TEMPERATURE) > _NEAR:
                continue
            sd = float(design["sd"][index])
            if column == "coverage":
                logit = np.log(values[index] / (1.0 - values[index]))
                ends = 1.0 / (1.0 + np.exp(-(logit + sd * np.array([-1.0, 1.0]))))
            else:
                ends = values[index] * np.exp(sd * np.array([-1.0, 1.0]))
            found[column].append(
                (
                    float(conditions["pressure"][row]) / _KPA,
                    float(values[index]),
                    float(conditions["time"][row]),
                    float(design["charge"][index]),
                    ends,
                )
            )
    return found


def _positions(
    column: str, sizes: Mapping[Hashable, int], count: int, campaign: "Campaign | None"
) -> list[int]:
    """Return which deposit each row of an observed variable is of."""
    (size,) = sizes.values()
    if size == count:
        return list(range(count))
    if campaign is None or "morphology" not in campaign.tables:
        raise NothingToDrawError(f"which deposits have no {column} is not known: {GONE}")
    seen = np.isfinite(campaign.tables["morphology"][column].to_numpy().astype(float))
    return np.flatnonzero(seen).tolist()


def _draw_rows(
    axes: Axes, rows: list[tuple[float, float, float, float, Any]], marker: str, colour: str
) -> list[float]:
    """Draw deposits with their errors, and return the ends of these."""
    pressure = np.array([row[0] for row in rows])
    value = np.array([row[1] for row in rows])
    ends = np.stack([row[4] for row in rows])
    axes.errorbar(
        pressure,
        value,
        yerr=np.maximum(np.stack([value - ends[:, 0], ends[:, 1] - value]), 0.0),
        fmt=marker,
        color=BLACK,
        markerfacecolor=colour,
        markeredgewidth=0.6,
        markersize=3.6,
        elinewidth=0.8,
        capsize=1.5,
        zorder=4,
        clip_on=False,
    )
    return [float(end) for end in ends.ravel()]


def _mark_optimum(axes: Axes, result: "Result") -> bool:
    """Mark the optimum stack pressures that a source of the campaign reports."""
    known = [(words, value) for key, words, value in _OPTIMUM if key in result.references]
    _, right = axes.get_xlim()
    for index, (words, value) in enumerate(known):
        if value >= right:
            continue
        axes.axvline(value, color=GREY, linestyle=":", linewidth=1.0)
        axes.text(
            value + (0.012 if index else -0.012) * right,
            0.97,
            words,
            ha="left" if index else "right",
            va="top",
            rotation=90,
            transform=axes.get_xaxis_transform(),
        )
    return bool(known)
