"""Data against the posterior predictive, table by table."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from data.arrays import Array
from data.errors import InputError
from data.quantities import quantities
from data.units import parse_number
from inference.figures.labels import label, pretty_number, pretty_unit
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
from inference.words.labels import PROTOCOLS
from models.block import Observable
from models.blocks import block, observable
from models.observations import is_end

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
TOLERANCE: Final = 1e-6
_ROOM: Final = 0.05
_ARROW: Final = 0.25
_HOUR: Final = 3600.0


@dataclass(frozen=True)
class _Rows:
    """The rows of one observed variable with their predictive draws, draws last."""

    name: str
    labels: list[str]
    observed: Array
    drawn: Array
    design: Mapping[str, Array]
    panel: Observable


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
    parts = [_rows(result, name) for name in names]
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


def _rows(result: "Result", name: str) -> _Rows:
    observed = result.observed_data[name]
    drawn = result.posterior_predictive[name]
    dim = str(observed.dims[0])
    values = drawn.transpose(dim, "chain", "draw").to_numpy()
    labels = (
        [_row_label(str(text)) for text in observed[dim].to_numpy()]
        if dim in observed.coords
        else [str(1 + index) for index in range(observed.size)]
    )
    rows = _Rows(
        name,
        labels,
        observed.to_numpy().astype(float),
        values.reshape(values.shape[0], -1).astype(float),
        _design(result.constant_data, name),
        observable(name),
    )
    return _in_hours(rows) if rows.panel.unit == "s" else rows


def _in_hours(rows: _Rows) -> _Rows:
    """Return times in hours where most are longer than one."""
    if np.median(rows.observed) < _HOUR:
        return rows
    ends = {
        key: rows.design[key] - np.log(_HOUR) for key in ("floor", "ceiling") if key in rows.design
    }
    return replace(
        rows,
        observed=rows.observed / _HOUR,
        drawn=rows.drawn / _HOUR,
        design={**rows.design, **ends},
        panel=replace(rows.panel, unit="h"),
    )


def _design(constant: xr.Dataset, name: str) -> dict[str, Array]:
    """Return the named columns of the design of one observed variable."""
    matrix = constant.get(f"{name}_design")
    if matrix is None or matrix.ndim != 2 or str(matrix.dims[1]) not in matrix.coords:
        return {}
    columns = matrix[str(matrix.dims[1])].to_numpy()
    return {str(key): matrix.to_numpy()[:, index] for index, key in enumerate(columns)}


def _natural(values: Array, scale: str) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        if scale == "log":
            return np.log(values)
        return np.log(values) - np.log1p(-values) if scale == "logit" else values


def _inverse(values: Array, scale: str) -> Array:
    if scale == "log":
        return np.exp(values)
    return 1.0 / (1.0 + np.exp(-values)) if scale == "logit" else values


@dataclass(frozen=True)
class _Marks:
    """How the rows are marked: values, ends of intervals, and rows known from one side only."""

    value: Array
    lower: Array
    upper: Array
    above: Any
    below: Any

    def sign(self, row: int) -> str:
        """Return how the value of a row relates to what was seen."""
        if self.above[row]:
            return ">"
        return "<" if self.below[row] else "="


def _marks(rows: _Rows) -> _Marks:
    scale, design, value = rows.panel.scale, rows.design, rows.observed
    zero = np.zeros(value.size)
    x = _natural(value, scale)
    half = design.get("halfwidth", zero)
    ceiling, floor = design.get("ceiling", zero + np.inf), design.get("floor", zero - np.inf)
    above = is_end(ceiling) & (x >= ceiling - TOLERANCE)
    below = is_end(floor) & (x <= floor + TOLERANCE)
    # Where there is a measurement error instead of an interval, the bar is two of its sd long.
    half = np.where(half > 0, half, design.get("sd", zero))
    half = np.where(above | below, 0.0, half)
    lower, upper = _inverse(x - half, scale), _inverse(x + half, scale)
    if "step_height" in design:  # a cell failed between this step and the one before
        lower = np.maximum(value - design["step_height"], 0.0)
    return _Marks(value, lower, upper, above, below)


def _row_figure(parts: list[_Rows]) -> Figure:
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


def _draw_rows(axes: Axes, part: _Rows, start: int, stop: int, share: float) -> None:
    chosen = slice(start, stop)
    places = np.arange(stop - start)
    panel, marks = part.panel, _marks(part)
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


def _agreement(part: _Rows, row: int, side: int) -> float:
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
    x = _natural(ends, on)
    span = max(float(x.max() - x.min()), 0.1)
    # An arrow needs room on the side it points to.
    arrows = [_natural(below, on) - _ARROW * span, _natural(above, on) + _ARROW * span]
    x = np.concatenate([x, *arrows])
    limits = np.array([x.min() - _ROOM * span, x.max() + _ROOM * span])
    axes.set_xlim(*_inverse(limits, on))
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


def _row_label(text: str) -> str:
    """Return the label of a row with its conditions as print shows them."""
    name, *conditions = text.split(", ")
    return ", ".join([name, *map(_condition, conditions)])


def _condition(text: str) -> str:
    number, _, unit = text.partition(" ")
    value = parse_number(number)
    if value is not None and unit:
        return f"{pretty_number(value)} {pretty_unit(unit)}".replace("-", "−")
    return PROTOCOLS.get(text, text)


def _tafel(axes: Axes, rows: _Rows) -> None:
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


def _legend(parts: list[_Rows]) -> tuple[list[Any], list[str]]:
    handles: list[Any] = []
    words = []
    if any(part.panel.scale != "verdict" for part in parts):
        for (low, high, alpha), name in zip(_BANDS, ("90 %", "50 %"), strict=True):
            del low, high
            handles.append(Patch(facecolor=BLUE, alpha=alpha, linewidth=0))
            words.append(f"posterior predictive, {name}")
        handles.append(Line2D([], [], color=BLACK, marker="o", markersize=3, linewidth=0.9))
        words.append("data, with error or interval")
        sided = [_marks(part) for part in parts if part.panel.scale != "verdict"]
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


def _caption(parts: list[_Rows]) -> str:
    """Say how often the data lie within the wider band, where that can be counted."""
    inside, count = 0, 0
    for part in parts:
        if part.panel.scale == "verdict":
            continue
        marks = _marks(part)
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
