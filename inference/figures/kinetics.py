"""Tafel plot: the kinetics laws at the posterior."""

import warnings
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from inference.figures.bands import (
    BEYOND,
    band,
    beyond_handle,
    design_columns,
    draws_in_si,
    grid,
    quantiles,
    require_informed,
)
from inference.figures.labels import label
from inference.figures.style import (
    BLACK,
    BLUE,
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
from models import physics
from models.temperature import TEMPERATURE_WINDOW

if TYPE_CHECKING:
    from inference.runs.result import Result

__all__ = ["tafel_laws"]

_HEIGHT: Final = 92.0  # mm
_LEAST: Final = 2e-3  # V
_REACH: Final = 0.15  # V, drawn at least
_ROOM: Final = 1.25
_ROOM_TEMPERATURE: Final = physics.REFERENCE_TEMPERATURE
_CURRENT: Final = 10.0  # A/m^2 in one mA/cm^2
_LAWS: Final[dict[str, tuple[str, str, str | None]]] = {
    "marcus_hush_chidsey": ("Marcus–Hush–Chidsey", BLUE, "D"),
    "butler_volmer": ("Butler–Volmer", VERMILION, "s"),
    "marcus_hush": ("Marcus–Hush", ORANGE, "^"),
}


@styled
def tafel_laws(result: "Result", *, width: Width | None = None) -> Figure:
    """Draw current against overpotential by each kinetics law, with the posterior's parameters.

    Parameters
    ----------
    result : Result
        A finished fit.
    width : {"single", "double"}, optional
        Columns of print; one by default.

    Returns
    -------
    matplotlib.figure.Figure
        The law of the fit with its band and the points of the Tafel curves; the other laws take
        the same parameters.

    Raises
    ------
    NothingToDrawError
        If no table informs exchange current or reorganization energy.

    References
    ----------
    Ma & Bai, Adv. Energy Mater. 2022, doi:10.1002/aenm.202102967, Fig. S2.
    """
    names = ["exchange_current_density"]
    if "reorganization_energy" in result.posterior:
        names.append("reorganization_energy")
    require_informed(result, *names)
    draws = draws_in_si(result, *names)
    laws = {
        name: law
        for name, law in physics.KINETICS.items()
        if name == "butler_volmer" or "reorganization_energy" in draws
    }
    measured, current = _points(result)
    known = measured.size > 0
    first, last = (float(measured.min()), float(measured.max())) if known else (np.inf, -np.inf)
    eta = grid(_LEAST, max(_REACH, _ROOM * last), first, last, log=False)
    inside = (eta >= first - 1e-12) & (eta <= last + 1e-12)

    figure = new_figure(printed_width(width, SINGLE), _HEIGHT)
    axes = figure.subplots()
    artists: list[Any] = []
    texts = []
    ends = []
    # The law of the fit comes last, on top.
    for index, name in enumerate(sorted(laws, key=lambda law: law == result.kinetics)):
        words, colour, marker = _LAWS[name]
        fitted = name == result.kinetics
        marker = None if fitted else marker
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", physics.MarcusInversionWarning)
            values = laws[name](
                eta[:, None],
                draws["exchange_current_density"],
                draws.get("reorganization_energy", 1.0),
                _ROOM_TEMPERATURE,
            )
        levels = quantiles(np.asarray(values) / _CURRENT)
        band(
            axes,
            eta * 1e3,
            levels,
            inside,
            colour,
            alpha=0.3 if fitted else 0.12,
            marker=marker,
            offset=3 + 4 * index,
        )
        artists.append(Line2D([], [], color=colour, marker=marker, markersize=3.5))
        texts.append(f"{words}{' (fitted)' if fitted else ''}")
        ends.append(levels)
    artists.reverse()
    texts.reverse()
    if not inside.all():
        artists.append(beyond_handle())
        texts.append(BEYOND)
    if known:
        axes.plot(
            measured * 1e3,
            current,
            "o",
            color="white",
            markeredgecolor=BLACK,
            markeredgewidth=0.7,
            markersize=2.8,
            zorder=5,
        )
        artists.append(
            Line2D([], [], color="white", marker="o", markeredgecolor=BLACK, linestyle="")
        )
        texts.append("data")
    shown = np.concatenate([level[:, eta > 0.1 * eta[-1]].ravel() for level in ends] + [current])
    axes.set_xlim(0.0, float(eta[-1]) * 1e3)
    axes.set_ylim(float(shown.min()) / 1.3, float(shown.max()) * 1.3)
    log_axis(axes, "y", most=7)
    axes.xaxis.set_major_locator(MaxNLocator(7))
    axes.set_xlabel(label("overpotential", "mV"))
    axes.set_ylabel(label("current density", "mA/cm^2"))
    caption = (
        "Medians and 90 % bands at 25 °C, per wetted area. The other laws take the parameters of "
        "the fitted one: they were not fitted. "
    )
    caption += "Deposition and stripping in magnitude." if known else "No Tafel curve was fitted."
    return finish(
        figure,
        "Kinetics laws at the posterior",
        caption,
        synthetic=result.synthetic,
        legend=(artists, texts),
        columns=2 if figure.get_figwidth() < 5 else 3,
    )


def _points(result: "Result") -> tuple[Any, Any]:
    """Return overpotentials [V] and current densities [mA/cm^2] of the rows near 25 °C."""
    empty = np.zeros(0)
    if "kinetics" not in result.observed_data:
        return empty, empty
    design = design_columns(result, "kinetics")
    observed = result.observed_data["kinetics"].to_numpy().astype(float)
    if "overpotential" not in design:
        return empty, empty
    temperature = design.get("temperature", np.full(observed.size, _ROOM_TEMPERATURE))
    near = np.abs(temperature - _ROOM_TEMPERATURE) <= TEMPERATURE_WINDOW
    return np.abs(design["overpotential"][near]), observed[near]
