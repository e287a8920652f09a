"""Data against the posterior predictive, table by table."""

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from data.arrays import Array
from data.errors import InputError
from data.quantities import quantities
from inference.figures.labels import label, pretty_number, pretty_unit
from inference.figures.observed_rows import (
    TOLERANCE,
    ObservedRows,
    observed_rows,
    row_marks,
)
from inference.figures.style import (
    BLACK,
    BLUE,
    DOUBLE,
    LABEL_SHARE,
    ORANGE,
    SINGLE,
    VERMILION,
    finish,
    fitting,
    log_axis,
    new_figure,
    styled,
    width,
)
from models.blocks import block
from models.observations import inverse, natural

if TYPE_CHECKING:
    from inference.runs.result import Result

__all__ = ["observed_variables", "predictive_check"]

_BANDS: Final = ((0.05, 0.95, 0.25), (0.25, 0.75, 0.55))
_ROWS: Final = 40  # in a column
_ASIDE: Final = 3  # columns side by side
_MOST_COLUMNS: Final = 12  # of one kind of observation
_CONDITIONS: Final = 0.6  # of a label's room, for the conditions of an estimate
_ROW_HEIGHT: Final = 3.6  # mm
_HEAD: Final = 16.0  # mm, of a line of columns: title and axis
_ROOM: Final = 0.05
_ARROW: Final = 0.25


def observed_variables(result: "Result", table: str) -> list[str]:
    """Return the observed variables of a result that belong to one table.

    Parameters
    ----------
    result : Result
        A finished fit.
    table : str
        Name of the table.

    Returns
    -------
    list of str
        The table's own name, or the names of its parts; empty if the table was not fitted.
    """
    names = [str(name) for name in result.observed_data.data_vars]
    return [name for name in names if name == table or name.startswith(f"{table}_")]


@styled
def predictive_check(result: "Result", table: str) -> Figure:
    """Draw the data of one table against their posterior predictive distribution.

    Parameters
    ----------
    result : Result
        A finished fit.
    table : str
        Name of a fitted table.

    Returns
    -------
    matplotlib.figure.Figure
        Bands of 50 and 90 % of new observations of the same kind, with the data: points, bars
        for intervals, arrows where only one side is known.

    Raises
    ------
    InputError
        If the table was not fitted.
    """
    names = observed_variables(result, table)
    if not names:
        raise InputError(f"the result has no data of {table!r}: it was not fitted")
    parts = [observed_rows(result, name) for name in names]
    title = f"{block(table).title}: data and posterior predictive"
    tafel = table == "kinetics" and "overpotential" in parts[0].design
    if tafel:
        figure = new_figure(SINGLE, 80.0)
        _tafel(figure.subplots(), parts[0])
    else:
        figure = _row_figure(parts)
    handles, words = _legend(parts)
    return finish(
        figure,
        title,
        _caption(parts),
        synthetic=result.synthetic,
        legend=(handles, words),
        columns=1 if width(figure) <= SINGLE and len(words) > 3 else 2,
    )


def _row_figure(parts: list[ObservedRows]) -> Figure:
    """Lay the rows of every part out in order, in columns of a readable length and width."""
    columns = []
    for part in parts:
        count = min(part.observed.size, _ROWS * _MOST_COLUMNS)
        length = -(-count // -(-count // _ROWS))  # columns of one length, of at most _ROWS
        columns += [(part, start, min(start + length, count)) for start in range(0, count, length)]
    longest = max(stop - start for _, start, stop in columns)
    narrow = len(columns) == 1 and not parts[0].panel.relative
    aside = min(len(columns), _ASIDE)
    lines = -(-len(columns) // aside)
    height = lines * (_ROW_HEIGHT * max(longest, 4) + _HEAD) + (36.0 if narrow else 24.0)
    figure = new_figure(SINGLE if narrow else DOUBLE, height)
    grid = figure.subplots(lines, aside, squeeze=False).ravel()
    for axes in grid[len(columns) :]:
        axes.set_axis_off()
    for axes, (part, start, stop) in zip(grid, columns, strict=False):
        _draw_rows(axes, part, start, stop, LABEL_SHARE / aside)
        axes.set_ylim(longest - 0.5, -0.5)
        if len(parts) > 1:
            axes.set_title(part.panel.title)
    return figure


def _draw_rows(axes: Axes, part: ObservedRows, start: int, stop: int, share: float) -> None:
    chosen = slice(start, stop)
    places = np.arange(stop - start)
    panel, marks = part.panel, row_marks(part)
    names = part.labels[chosen]
    # Estimates of different quantities share an axis as ratios.
    ratio = part.observed[chosen] if part.panel.relative else np.ones(places.size)
    if part.panel.relative:
        names = [
            _published_label(
                axes, text, part.observed[start + index], marks.sign(start + index), share
            )
            for index, text in enumerate(names)
        ]
    else:
        names = [fitting(axes, name, share) for name in names]
    axes.set_yticks(places, names)
    axes.tick_params(axis="y", length=0)
    if panel.scale == "verdict":
        _draw_verdicts(axes, places, part.observed[chosen], part.drawn[chosen])
        axes.set_xlabel(label(panel.axis, "1"))
        return
    for low, high, alpha in _BANDS:
        left, right = np.quantile(part.drawn[chosen], [low, high], axis=1) / ratio
        axes.barh(
            places, right - left, left=left, height=0.72, color=BLUE, alpha=alpha, linewidth=0
        )
    value = marks.value[chosen] / ratio
    errors = np.stack([value - marks.lower[chosen] / ratio, marks.upper[chosen] / ratio - value])
    above, below = marks.above[chosen], marks.below[chosen]
    plain = ~(above | below)
    axes.errorbar(
        value[plain],
        places[plain],
        xerr=np.maximum(errors[:, plain], 0.0),
        fmt="none",
        ecolor=BLACK,
        elinewidth=0.9,
        capsize=1.5,
    )
    axes.plot(value[plain], places[plain], "o", color=BLACK, markersize=3, linestyle="")
    for flags, side in ((above, 1), (below, -1)):
        for row in np.flatnonzero(flags).tolist():
            _draw_arrow(axes, float(value[row]), row, side, _agreement(part, start + row, side))
    ends = np.concatenate(
        [
            np.quantile(part.drawn[chosen], [0.05, 0.95], axis=1).ravel() / np.tile(ratio, 2),
            marks.lower[chosen] / ratio,
            marks.upper[chosen] / ratio,
        ]
    )
    _value_axis(axes, ends, panel.scale, value[below], value[above])
    axes.set_xlabel(label(panel.axis, "1" if panel.relative else panel.unit))
    if part.panel.relative:
        axes.axvline(1.0, color=BLACK, linewidth=0.5, zorder=0)


def _agreement(part: ObservedRows, row: int, side: int) -> float:
    """Return the share of predictions that lie on the same side of a one-sided observation."""
    value, drawn = part.observed[row], part.drawn[row]
    slack = TOLERANCE * abs(value)
    beyond = drawn >= value - slack if side > 0 else drawn <= value + slack
    return float(beyond.mean())


def _draw_arrow(axes: Axes, value: float, row: int, side: int, share: float) -> None:
    """Draw an arrow from a bound to where the value may be, and how many predictions agree."""
    axes.annotate(
        f"{100 * share:.0f} %",
        xy=(value, row),
        xytext=(16 * side, 0),
        textcoords="offset points",
        ha="left" if side > 0 else "right",
        va="center",
        color=VERMILION,
        arrowprops={"arrowstyle": "<|-", "color": VERMILION, "linewidth": 0.9, "shrinkB": 0},
    )


def _value_axis(axes: Axes, ends: Array, scale: str, below: Array, above: Array) -> None:
    """Set the limits so that everything shows, on a log scale where the quantity lives on one."""
    ends = ends[np.isfinite(ends)]
    if scale == "logit":
        axes.set_xlim(0.0, 1.0)
        return
    on = "log" if scale == "log" and bool((ends > 0).all()) else "linear"
    x = natural(ends, on)
    span = max(float(x.max() - x.min()), 0.1)
    # An arrow needs room on the side it points to.
    arrows = [natural(below, on) - _ARROW * span, natural(above, on) + _ARROW * span]
    x = np.concatenate([x, *arrows])
    limits = np.array([x.min() - _ROOM * span, x.max() + _ROOM * span])
    axes.set_xlim(*inverse(limits, on))
    if on == "log":
        log_axis(axes, "x", most=5)


def _draw_verdicts(axes: Axes, places: Any, observed: Array, drawn: Array) -> None:
    failed = observed > 0.5
    probability = drawn.mean(axis=1)
    axes.barh(places, probability, height=0.72, color=BLUE, alpha=0.55, linewidth=0)
    axes.set_xlim(-0.04, 1.04)
    axes.set_xticks([0.0, 0.25, 0.5, 0.75, 1.0])
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.plot(np.ones(int(failed.sum())), places[failed], "o", color=VERMILION, clip_on=False)
    axes.plot(
        np.zeros(int((~failed).sum())),
        places[~failed],
        "o",
        color="white",
        markeredgecolor=BLACK,
        markeredgewidth=0.8,
        clip_on=False,
    )


def _published_label(axes: Axes, text: str, value: float, sign: str, share: float) -> str:
    """Return what was estimated, under which conditions, and the value."""
    name, *conditions = text.split(", ")
    if name not in quantities():
        return fitting(axes, text, share)
    known = quantities()[name]
    stated = fitting(axes, ", ".join(conditions), _CONDITIONS * share)
    where = f" ({stated})".replace("$", r"\$") if conditions else ""
    unit = pretty_unit(known.unit)
    return f"{known.math}{where} {sign} {pretty_number(value)} {unit}".rstrip()


def _tafel(axes: Axes, rows: ObservedRows) -> None:
    """Draw current against overpotential, one band for each temperature."""
    potential = 1e3 * rows.design["overpotential"]
    temperature = rows.design.get("temperature", np.full(potential.size, 298.15))
    groups = np.unique(np.round(temperature, 1))
    colours = [BLUE, ORANGE, VERMILION]
    for index, level in enumerate(groups):
        member = np.flatnonzero(np.round(temperature, 1) == level)
        member = member[np.argsort(potential[member], kind="stable")]
        colour = colours[index % len(colours)]
        for low, high, alpha in _BANDS:
            lower, upper = np.quantile(rows.drawn[member], [low, high], axis=1)
            axes.fill_between(
                potential[member], lower, upper, color=colour, alpha=alpha, linewidth=0
            )
        axes.plot(potential[member], rows.observed[member], "o", color=BLACK, markersize=2.5)
        if groups.size > 1:
            axes.annotate(
                f"{level - 273.15:.3g} °C",
                (potential[member[-1]], rows.observed[member[-1]]),
                xytext=(-4, 6),
                textcoords="offset points",
                ha="right",
                color=colour,
            )
    shown = np.concatenate([np.quantile(rows.drawn, [0.05, 0.95], axis=1).ravel(), rows.observed])
    axes.set_xlim(0.0, 1.04 * float(potential.max()))
    axes.set_ylim(float(shown.min()) / 1.2, float(shown.max()) * 1.2)
    log_axis(axes, "y", most=7)
    axes.set_xlabel(label("overpotential", "mV"))
    axes.set_ylabel(label(rows.panel.axis, rows.panel.unit))


def _legend(parts: list[ObservedRows]) -> tuple[list[Any], list[str]]:
    handles: list[Any] = []
    words = []
    if any(part.panel.scale != "verdict" for part in parts):
        for (low, high, alpha), name in zip(_BANDS, ("90 %", "50 %"), strict=True):
            del low, high
            handles.append(Patch(facecolor=BLUE, alpha=alpha, linewidth=0))
            words.append(f"posterior predictive, {name}")
        handles.append(Line2D([], [], color=BLACK, marker="o", markersize=3, linewidth=0.9))
        words.append("data, with error or interval")
        sided = [row_marks(part) for part in parts if part.panel.scale != "verdict"]
        if any((marks.above | marks.below).any() for marks in sided):
            handles.append(Line2D([], [], color=VERMILION, marker=">", markersize=3, linestyle=""))
            words.append("data beyond, and the share of predictions there")
    if any(part.panel.scale == "verdict" for part in parts):
        handles.append(Patch(facecolor=BLUE, alpha=0.55, linewidth=0))
        words.append("posterior predictive")
        handles.append(Line2D([], [], color=VERMILION, marker="o", linestyle=""))
        words.append("penetrated")
        handles.append(
            Line2D([], [], color="white", marker="o", markeredgecolor=BLACK, linestyle="")
        )
        words.append("survived")
    return handles, words


def _caption(parts: list[ObservedRows]) -> str:
    """Say how often the data lie within the wider band, where that can be counted."""
    inside, count = 0, 0
    for part in parts:
        if part.panel.scale == "verdict":
            continue
        marks = row_marks(part)
        plain = ~(marks.above | marks.below)
        lower, upper = np.quantile(part.drawn, [0.05, 0.95], axis=1)
        inside += int(((part.observed >= lower) & (part.observed <= upper) & plain).sum())
        count += int(plain.sum())
    sentence = "Predictions are of new observations with their scatter and error."
    if count:
        sentence += f" {inside} of {count} values lie within the 90 % band."
    most = _ROWS * _MOST_COLUMNS
    if any(part.observed.size > most for part in parts):
        sentence += f" Of each kind of observation the first {most} rows are shown."
    return sentence
