"""The posterior as figures: every physical quantity against its prior, and the ridge of wetting."""

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from data.quantities import base_name, quantities, split_label
from inference.engine.standing import prior_driven
from inference.figures.labels import label, pretty_number, pretty_unit
from inference.figures.style import (
    BLACK,
    BLUE,
    DOUBLE,
    GREY,
    ORANGE,
    SINGLE,
    finish,
    log_axis,
    new_figure,
    styled,
)
from inference.thresholds import INTERVAL, PRIOR_DRIVEN_NARROWING, PRIOR_DRIVEN_SHIFT
from inference.words.labels import PROTOCOLS, is_of_all

if TYPE_CHECKING:
    from inference.runs.result import Result

__all__ = ["posterior_forest", "ridge"]

_ROW_HEIGHT: Final = 17.5  # mm
_COLUMNS: Final = 3
_COLUMNS_READ: Final = (
    "median",
    "lower",
    "upper",
    "prior_lower",
    "prior_upper",
    "narrowing",
)
_MOST_POINTS: Final = 1500
_EVERY_DECADE: Final = 1e3  # a wider axis shows powers of ten only


@styled
def posterior_forest(result: "Result") -> Figure:
    """Draw the posterior of every physical quantity over its prior, each in its own unit.

    Scatters and the properties of single separators and cells are left out.

    Parameters
    ----------
    result : Result
        A finished fit.

    Returns
    -------
    matplotlib.figure.Figure
        One small axis a quantity: prior interval, posterior interval and median.
    """
    table = result.summary()
    order = list(quantities())
    names = sorted(
        (str(name) for name in table.index if _is_physical(str(name))),
        key=lambda name: order.index(base_name(name)),
    )
    rows = math.ceil(len(names) / _COLUMNS)
    figure = new_figure(DOUBLE, _ROW_HEIGHT * rows + 27.0)
    grid = np.atleast_1d(figure.subplots(rows, _COLUMNS)).ravel()
    for axes in grid[len(names) :]:
        axes.set_axis_off()
    for axes, name in zip(grid, names, strict=False):
        _forest_row(axes, name, table.loc[name])
    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        engine.set(w_pad=6 / 72, wspace=0.04)
    handles = [
        Line2D([], [], color=GREY, linewidth=5, alpha=0.5, solid_capstyle="butt"),
        Line2D([], [], color=BLUE, linewidth=2.2, marker="o", markersize=3.5),
        Line2D([], [], color=ORANGE, linewidth=2.2, marker="o", markersize=3.5),
    ]
    percent = f"{100 * INTERVAL:g} %"
    labels = [
        f"prior, {percent}",
        f"posterior, median and {percent}",
        f"posterior, prior-driven (narrower < {PRIOR_DRIVEN_NARROWING:g}×, moved < "
        f"{PRIOR_DRIVEN_SHIFT:g} sd)",
    ]
    return finish(
        figure,
        f"Posterior and prior: {result.attrs['name']}",
        "The number on the right is how many times narrower the posterior interval is than the "
        "prior's, on a log scale for positive quantities.",
        synthetic=result.synthetic,
        legend=(handles, labels),
    )


def _is_physical(name: str) -> bool:
    """Return whether a label of the summary is a physical quantity, not a scatter or a latent."""
    base = base_name(name)
    return base in quantities() and not base.endswith("_scatter") and is_of_all(name)


def _forest_row(axes: Axes, name: str, row: Any) -> None:
    base, member = split_label(name)
    known = quantities()[base]
    # Powers of ten far from one go into the unit, once.
    power = math.floor(math.log10(abs(row["median"]))) if row["median"] else 0
    scale = 10.0**power if abs(power) > 3 else 1.0
    driven = prior_driven(row)
    row = {key: float(row[key]) / (1.0 if key == "narrowing" else scale) for key in _COLUMNS_READ}
    positive = known.support == "positive" and row["lower"] > 0 and row["prior_lower"] > 0
    colour = ORANGE if driven else BLUE
    ends = [row[key] for key in ("prior_lower", "prior_upper", "lower", "upper")]
    ends = [end for end in ends if math.isfinite(end)]
    lower, upper = min(ends), max(ends)
    if positive and upper > 3 * lower:
        room = (upper / lower) ** 0.06
        axes.set_xlim(lower / room, upper * room)
        log_axis(axes, "x", most=5)
        if upper / lower > _EVERY_DECADE:
            axes.xaxis.minorticks_off()
    else:
        room = 0.06 * (upper - lower) or abs(upper) * 0.1 or 1.0
        axes.set_xlim(lower - room, upper + room)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter(lambda value, _: pretty_number(round(value, 12)))
    axes.plot(
        [row["prior_lower"], row["prior_upper"]],
        [0, 0],
        color=GREY,
        alpha=0.5,
        linewidth=5,
        solid_capstyle="butt",
    )
    axes.plot([row["lower"], row["upper"]], [0, 0], color=colour, linewidth=2.2)
    axes.plot(
        [row["median"]],
        [0],
        "o",
        color=colour,
        markersize=3.5,
        markeredgecolor="white",
        markeredgewidth=0.4,
    )
    axes.set_ylim(-1, 1)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    unit = pretty_unit(known.unit)
    if scale != 1.0:
        unit = f"{pretty_number(scale)} {unit}"
    words = base.replace("_", " ").replace("self diff", "self-diff")
    if member:
        words += f", {PROTOCOLS[member]}"
    symbol = f"{known.math} ({unit})" if unit else known.math
    axes.set_title(f"{words}\n{symbol}", fontweight="normal", pad=2)
    if math.isfinite(row["narrowing"]):
        axes.set_title(
            f"×{row['narrowing']:.2g}", loc="right", fontweight="normal", color=colour, pad=2
        )


@styled
def ridge(result: "Result") -> Figure:
    """Draw surface energy against contact angle, and the product that the data identify.

    Parameters
    ----------
    result : Result
        A finished fit.

    Returns
    -------
    matplotlib.figure.Figure
        Draws of prior and posterior with curves of constant wetting product.
    """
    figure = new_figure(SINGLE, 78.0)
    axes = figure.subplots()
    handles: list[Line2D] = []
    shown = []
    for draws, colour, name, marker, size in (
        (result.prior, GREY, "prior", "x", 1.8),
        (result.posterior, BLUE, "posterior", ".", 1.8),
    ):
        angle = draws["contact_angle"].to_numpy().ravel()
        energy = draws["surface_energy"].to_numpy().ravel()
        step = max(1, angle.size // _MOST_POINTS)
        axes.plot(
            angle[::step],
            energy[::step],
            marker,
            color=colour,
            markersize=size,
            alpha=0.6,
            markeredgewidth=0.4 if marker == "x" else 0.0,
            rasterized=True,
        )
        shown.append(np.quantile(energy, [0.005, 0.995]))
        handles.append(
            Line2D([], [], color=colour, marker=marker, linestyle="", label=f"{name} draws")
        )
    levels = (0.5 - INTERVAL / 2, 0.5, 0.5 + INTERVAL / 2)
    product = np.quantile(result.posterior["wetting_product"].to_numpy(), levels)
    angle = np.linspace(95.0, 180.0, 200)
    for value, dash in zip(product, ("--", "-", "--"), strict=True):
        axes.plot(
            angle,
            value / np.abs(np.cos(np.radians(angle))),
            color=BLACK,
            linestyle=dash,
            linewidth=1.0,
        )
    known = quantities()
    unit = pretty_unit(known["wetting_product"].unit)
    text = (
        f"{known['wetting_product'].math} = {pretty_number(float(product[1]))} "
        f"({pretty_number(float(product[0]))} to {pretty_number(float(product[2]))}) {unit}"
    )
    handles.append(Line2D([], [], color=BLACK, label=text))
    limits = np.array(shown)
    axes.set_xlim(90.0, 180.0)
    axes.set_ylim(float(limits[:, 0].min()), float(limits[:, 1].max()))
    log_axis(axes, "y", most=7)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.set_xlabel(label("contact angle", known["contact_angle"].unit))
    axes.set_ylabel(label("surface energy", known["surface_energy"].unit))
    return finish(
        figure,
        "Surface energy against contact angle",
        f"Data see the product only: solid its median, dashed its {100 * INTERVAL:g} % interval. "
        "Along the curves the prior decides.",
        synthetic=result.synthetic,
        legend=(handles, [str(handle.get_label()) for handle in handles]),
        columns=2,
    )
