"""A raw curve with what was read from it: the whole curve, and the event near by."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from data.arrays import Array
from data.features.wording import describe
from data.whole_files import write_whole
from inference.figures.labels import label
from inference.figures.style import (
    BLACK,
    BLUE,
    DOUBLE,
    GREY,
    ORANGE,
    VERMILION,
    finish,
    new_figure,
    save_figure,
    styled,
)

if TYPE_CHECKING:
    import xarray as xr

    from data.features.feature import Feature

__all__ = ["curve_figure", "write_curve_figure"]

_MOST_POINTS: Final = 3000
_HEIGHT: Final = 78.0  # mm
_HOURS: Final = 3.0 * 3600.0  # from here on the axis counts hours
_FORMATS: Final = ("png", "svg")


@styled
def curve_figure(
    record: "xr.Dataset",
    features: "Sequence[Feature]",
    *,
    title: str,
    synthetic: bool,
    notes: Sequence[str] = (),
) -> Figure:
    """Draw a record and the features read from it.

    Parameters
    ----------
    record : Dataset
        Of `data.instruments.read_record`.
    features : sequence of Feature
        Those that a campaign's rows state.
    title : str
        What it shows.
    synthetic : bool
        Whether the record is generated.
    notes : sequence of str, optional
        What else the small print says, before the flags of the features.

    Returns
    -------
    matplotlib.figure.Figure
        Current over voltage with each plateau's interval for a sweep; else voltage over time,
        whole and near the event, with the interval as a band.
    """
    figure = new_figure(DOUBLE, _HEIGHT)
    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        engine.set(w_pad=0.08)  # inches; the labels of the left axes stay off the edge
    quantity = features[0].quantity if features else ""
    if quantity == "plateau_current":
        _sweep(figure, record, features)
    elif quantity == "failed_step_current":
        _staircase(figure, record, features[0])
    else:
        _transient(figure, record, features)
    name = str(record.attrs.get("file_name", ""))
    caption = "; ".join(map(describe, features))
    own = (flag.message for feature in features for flag in feature.flags)
    flags = list(dict.fromkeys([*notes, *own]))
    text = f"{name}: {caption}." + "".join(f" {_sentence(message)}" for message in flags[:3])
    return finish(figure, title, text.lstrip(": "), synthetic=synthetic)


def write_curve_figure(figure: Figure, beside: Path) -> tuple[Path, ...]:
    """Save a figure as PNG and SVG, each whole or not at all.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Of `curve_figure`.
    beside : Path
        A file of the name that the figures get.

    Returns
    -------
    tuple of Path
        The files.
    """
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    save = partial(save_figure, figure)
    paths = (beside.with_name(f"{beside.stem}.{kind}") for kind in _FORMATS)
    return tuple(write_whole(path, save) for path in paths)


def _sentence(message: str) -> str:
    column = "_" in message.partition(" ")[0]
    text = message if column else message[:1].upper() + message[1:]
    return text if text.endswith((".", "!")) else f"{text}."


def _thinned(x: Array, y: Array) -> tuple[Array, Array]:
    """Return what a line of print can show: the extremes of each block of rows."""
    if x.size <= _MOST_POINTS:
        return x, y
    block = -(-x.size // (_MOST_POINTS // 2))
    starts = np.arange(0, x.size, block)
    ends = np.append(starts[1:], x.size)
    rows = np.array(
        [
            place
            for start, end in zip(starts, ends, strict=True)
            for place in sorted(
                {start + int(np.argmin(y[start:end])), start + int(np.argmax(y[start:end]))}
            )
        ]
    )
    rows = np.unique(np.concatenate([[0], rows, [x.size - 1]]))
    return x[rows], y[rows]


def _columns(record: "xr.Dataset") -> tuple[Array, Array, Array]:
    names = ("test_time_second", "voltage_volt", "current_ampere")
    time, voltage, current = (np.asarray(record[name].values, dtype=float) for name in names)
    return time, voltage, current


def _clock(time: Array) -> tuple[float, str]:
    return (3600.0, "h") if time.size and time[-1] - time[0] > _HOURS else (1.0, "s")


def _line(axes: Axes, x: Array, y: Array, colour: str) -> None:
    style = {"marker": ".", "markersize": 2.0} if x.size <= 200 else {}
    axes.plot(*_thinned(x, y), color=colour, linewidth=0.8, **style)  # type: ignore[arg-type]


def _transient(figure: Figure, record: "xr.Dataset", features: "Sequence[Feature]") -> None:
    """Draw voltage over time, whole and near the event."""
    time, voltage, current = _columns(record)
    event = next((feature for feature in features if feature.kind != "right"), None)
    left, right = figure.subplots(1, 2)
    scale, unit = _clock(time)
    _line(left, time / scale, voltage, BLUE)
    left.set_xlabel(label("test time", unit))
    left.set_ylabel(label("voltage", "V"))
    for feature in features:
        _mark_time(left, feature, time, scale)
    if event is None:
        right.plot(*_thinned(time / scale, current * 1e3), color=ORANGE, linewidth=0.8)
        right.set_xlabel(label("test time", unit))
        right.set_ylabel(label("current", "mA"))
        right.set_ylim(*_current_limits(current))
        return
    low, high = _ends(event, time)
    room = max(6.0 * (high - low), 0.02 * (time[-1] - time[0]), 1e-9)
    near = (time >= low - room) & (time <= high + room)
    scale, unit = _clock(time[near])
    _line(right, time[near] / scale, voltage[near], BLUE)
    right.set_xlim(max(low - room, time[0]) / scale, min(high + room, time[-1]) / scale)
    _mark_time(right, event, time, scale)
    right.set_xlabel(label("test time", unit))
    right.set_ylabel(label("voltage", "V"))


def _current_limits(current: Array) -> tuple[float, float]:
    """Return limits of an axis of the current [mA] that show it at its level, with its noise."""
    low, high = 1e3 * float(np.min(current)), 1e3 * float(np.max(current))
    room = max(0.1 * (high - low), 0.1 * max(abs(low), abs(high)), 1e-9)
    return low - room, high + room


def _ends(feature: "Feature", time: Array) -> tuple[float, float]:
    """Return the test times between which an event lies."""
    begin = feature.details.get("step_start", float(time[feature.window[0]]))
    spread = 2.0 * (feature.sd or 0.0)
    middle = feature.value
    lower, upper = feature.lower, feature.upper
    if feature.kind == "point" and middle is not None:
        lower, upper = middle - spread, middle + spread
    low = begin + (lower if lower is not None else 0.0)
    high = begin + (upper if upper is not None else float(time[-1]) - begin)
    return low, high


def _mark_time(axes: Axes, feature: "Feature", time: Array, scale: float) -> None:
    """Draw the interval of a time as a band, a censored one as a line."""
    low, high = _ends(feature, time)
    if feature.kind == "right":
        axes.axvline(low / scale, color=GREY, linestyle="--", linewidth=0.8)
        return
    axes.axvspan(low / scale, high / scale, color=VERMILION, alpha=0.25, linewidth=0)
    for end in (low, high):
        axes.axvline(end / scale, color=VERMILION, linewidth=0.6)
    if feature.value is not None and feature.kind == "point":
        begin = feature.details.get("step_start", float(time[feature.window[0]]))
        axes.axvline((begin + feature.value) / scale, color=BLACK, linewidth=0.8)


def _sweep(figure: Figure, record: "xr.Dataset", features: "Sequence[Feature]") -> None:
    """Draw current over voltage with the plateaus, whole and near them."""
    _, voltage, current = _columns(record)
    left, right = figure.subplots(1, 2)
    sign = 1.0 if abs(current.max()) >= abs(current.min()) else -1.0
    levels: list[float] = []
    for axes in (left, right):
        _line(axes, voltage, current * 1e3, BLUE)
        axes.set_xlabel(label("voltage", "V"))
        axes.set_ylabel(label("current", "mA"))
        for feature in features:
            levels += _mark_plateau(axes, feature, sign)
    low, high = min(levels, default=0.0), max(levels, default=1.0)
    room = max(high - low, 0.02 * abs(high)) * 1.0
    right.set_ylim(low - room, high + room)
    ends = [
        feature.details[name]
        for feature in features
        for name in ("voltage_lower", "voltage_upper")
        if name in feature.details
    ]
    if ends:
        wide = 0.15 * (max(ends) - min(ends))
        right.set_xlim(min(ends) - wide, max(ends) + wide)


def _mark_plateau(axes: Axes, feature: "Feature", sign: float) -> list[float]:
    """Draw the interval of a plateau where it was read; return its ends [mA]."""
    spread = 2.0 * (feature.sd or 0.0)
    low, high = feature.lower, feature.upper
    if feature.kind == "point" and feature.value is not None:
        low, high = feature.value - spread, feature.value + spread
    shown = [sign * end * 1e3 for end in (low, high) if end is not None]
    if len(shown) < 2:
        for end in shown:
            axes.axhline(end, color=GREY, linestyle="--", linewidth=0.8)
        return shown
    ends = [feature.details.get(f"voltage_{side}") for side in ("lower", "upper")]
    if ends[0] is None or ends[1] is None:
        axes.axhspan(shown[0], shown[1], color=VERMILION, alpha=0.25, linewidth=0)
        return shown
    span = (float(ends[0]), float(ends[1]))
    axes.fill_between(span, shown[0], shown[1], color=VERMILION, alpha=0.3, linewidth=0)
    for end in shown:
        axes.plot(span, (end, end), color=VERMILION, linewidth=0.6)
    return shown


def _staircase(figure: Figure, record: "xr.Dataset", feature: "Feature") -> None:
    """Draw voltage and current over time with the step that failed."""
    time, voltage, current = _columns(record)
    left, right = figure.subplots(1, 2)
    scale, unit = _clock(time)
    for axes, values, name, of, colour in (
        (left, voltage, "voltage", "V", BLUE),
        (right, current * 1e3, "current", "mA", ORANGE),
    ):
        _line(axes, time / scale, values, colour)
        axes.set_xlabel(label("test time", unit))
        axes.set_ylabel(label(name, of))
    right.set_ylim(*_current_limits(current))
    begin, length = (feature.details.get(name) for name in ("step_start", "step_time"))
    if feature.kind != "right" and begin is not None and length is not None:
        end = min(begin + length, float(time[-1]))
        for axes in (left, right):
            axes.axvspan(begin / scale, end / scale, color=VERMILION, alpha=0.2, linewidth=0)
    largest = float(np.abs(current).max()) or 1.0
    sign = 1.0 if abs(current.max()) >= abs(current.min()) else -1.0
    for level in (feature.lower, feature.upper):
        if level is not None and level <= 1.5 * largest:
            right.axhline(sign * level * 1e3, color=VERMILION, linewidth=0.6)
