"""What all figures share: print sizes, the style file, words for units, and how they are saved."""

import io
import math
import re
import textwrap
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import wraps
from pathlib import Path
from typing import Any, Final, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from data.errors import InputError
from data.quantities import quantities
from inference.figures.labels import pretty_number

__all__ = [
    "BLACK",
    "BLUE",
    "DOUBLE",
    "FORMATS",
    "GREEN",
    "GREY",
    "HATCH",
    "LABEL_SHARE",
    "ORANGE",
    "PURPLE",
    "SINGLE",
    "VERMILION",
    "NothingToDrawError",
    "Width",
    "finish",
    "fitting",
    "log_axis",
    "new_figure",
    "printed_width",
    "save_figure",
    "styled",
    "width",
]

type Width = Literal["single", "double"]
"""The widths that a figure of one or two panels can be printed at: one or two columns."""

SINGLE: Final = 89.0
"""Width of one column of print [mm]."""

DOUBLE: Final = 183.0
"""Width of two columns of print [mm]."""

LABEL_SHARE: Final = 0.45
"""Of a figure's width, for the names of its rows."""

FORMATS: Final = ("pdf", "png", "svg")
"""The formats that figures are saved in."""

# The palette of Okabe and Ito, which colour-blind readers tell apart.
BLUE: Final = "#0072B2"
ORANGE: Final = "#E69F00"
GREEN: Final = "#009E73"
PURPLE: Final = "#CC79A7"
VERMILION: Final = "#D55E00"
BLACK: Final = "#000000"
GREY: Final = "#999999"
HATCH: Final = "#A0A0A0"
_MM_PER_INCH = 25.4
_POINTS_PER_INCH = 72.0
_LINE = 9.0  # points, of 7 pt text
_LONGEST_TEXT: Final = 80  # letters, of words of ours beside or within axes
_LONGEST_NAME: Final = 40
_WIDTH_OF_LETTER = 3.72  # points, mean of 7 pt DejaVu Sans
_STYLE = Path(__file__).with_name("anodebayes.mplstyle")


class NothingToDrawError(InputError):
    """A run does not hold what a figure shows; the message says what is missing."""


def _style() -> AbstractContextManager[None]:
    # Matplotlib's own defaults come first, so a reader's settings do not show.
    return mpl.rc_context(fname=_STYLE)


def styled[**P](function: Callable[P, Figure]) -> Callable[P, Figure]:
    """Run a function that draws a figure in the project's style, whatever the reader's own is.

    Parameters
    ----------
    function : callable
        Draws and returns a figure.

    Returns
    -------
    callable
        The same, styled.
    """

    @wraps(function)
    def in_style(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with _style():
            return function(*args, **kwargs)

    return in_style


class _PrintFigure(Figure):
    """A figure that a notebook shows by itself, in the project's style."""

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """Return the figure at print resolution, and the size it is shown at [pixels]."""
        buffer = io.BytesIO()
        with _style():
            self.savefig(buffer, format="png")
        wide, high = (round(float(length)) for length in self.bbox.size)
        return buffer.getvalue(), {"width": wide, "height": high}


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure that no global state holds.

    Parameters
    ----------
    width, height : float
        Printed size [mm].

    Returns
    -------
    matplotlib.figure.Figure
        With constrained layout and the Agg canvas.
    """
    size = (width / _MM_PER_INCH, height / _MM_PER_INCH)
    figure = _PrintFigure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def printed_width(asked: Width | None, own: float) -> float:
    """Return the width that a figure is printed at.

    Parameters
    ----------
    asked : {"single", "double"}, optional
        One or two columns.
    own : float
        Its own width, where nothing is asked [mm].

    Returns
    -------
    float
        Width [mm].
    """
    return own if asked is None else {"single": SINGLE, "double": DOUBLE}[asked]


def width(figure: Figure) -> float:
    """Return the printed width of a figure [mm], to the nearest."""
    return float(round(figure.get_figwidth() * _MM_PER_INCH))


def finish(
    figure: Figure,
    title: str,
    caption: str = "",
    *,
    synthetic: bool,
    legend: tuple[Sequence[Artist], Sequence[str]] | None = None,
    columns: int = 3,
) -> Figure:
    """Set title, legend, caption and, loudly, the mark of synthetic data, each in its own room.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure, drawn.
    title : str
        What it shows.
    caption : str, optional
        Small print below the axes.
    synthetic : bool
        Whether the data behind it are generated.
    legend : tuple, optional
        Handles and labels of a legend between title and axes.
    columns : int, optional
        Most columns of the legend: fewer where they would not fit.

    Returns
    -------
    matplotlib.figure.Figure
        The same figure.
    """
    wide, high = (length * _POINTS_PER_INCH for length in figure.get_size_inches())
    margin = 4.0
    letters = max(20, int((wide - 2 * margin) / _WIDTH_OF_LETTER))
    # The title is larger and bold, and leaves the mark its corner.
    mark = "SYNTHETIC DATA" if synthetic else ""
    head = textwrap.wrap(title, max(20, int(0.78 * letters) - (20 if synthetic else 0)))
    # A number and its percent sign stay together.
    foot = textwrap.wrap(re.sub(r"(?<=\d) (?=[%°])", "\u00a0", caption), letters)
    top = margin + _LINE * 1.2 * len(head) + margin
    bottom = margin + _LINE * len(foot) if foot else 0.0
    if legend is not None:
        handles, labels = legend
        columns = _legend(figure, handles, labels, columns, 1 - top / high)
        top += _LINE * 1.35 * math.ceil(len(labels) / columns) + margin
    figure.text(
        margin / wide,
        1 - margin / high,
        "\n".join(head),
        ha="left",
        va="top",
        fontsize=8,
        fontweight="bold",
        gid="title",
    )
    if mark:
        figure.text(
            1 - 2 * margin / wide,
            1 - margin / high,
            mark,
            ha="right",
            va="top",
            fontsize=8,
            fontweight="bold",
            color="white",
            bbox={"facecolor": VERMILION, "edgecolor": "none", "boxstyle": "square,pad=0.25"},
            gid="synthetic",
        )
    if foot:
        figure.text(
            margin / wide,
            margin / high / 2,
            "\n".join(foot),
            ha="left",
            va="bottom",
            color="#444444",
            linespacing=1.1,
            gid="caption",
        )
    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        engine.set(rect=(0.0, bottom / high, 1.0, 1.0 - (top + bottom) / high))
    _keep_names(figure)
    return figure


def fitting(axes: Axes, text: str, share: float = LABEL_SHARE) -> str:
    """Return a label, cut to what leaves its axes room.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Whose label it is.
    text : str
        Such as a name.
    share : float, optional
        Of the figure's width that it may take.

    Returns
    -------
    str
        Ending in an ellipsis where it was longer.
    """
    font = FontProperties(size=mpl.rcParams["ytick.labelsize"])
    most = share * axes.figure.bbox.width
    renderer = axes.figure.canvas.get_renderer()  # type: ignore[attr-defined]
    kept = text[:_LONGEST_TEXT]
    while renderer.get_text_width_height_descent(kept, font, ismath=False)[0] > most:
        kept = kept[:-1]
    return kept if kept == text else kept[:-1] + "…"


def _keep_names(figure: Figure) -> None:
    """Show a ``$`` as it stands, and leave the axes room: names may hold some, and be long.

    Formulas are symbols of quantities; title and caption are broken into lines.
    """
    for text in {*figure.findobj(Text)} - {*figure.texts}:
        if "\n" not in (words := text.get_text()) and len(words) > _LONGEST_TEXT:
            text.set_text(words[: _LONGEST_NAME - 1] + "…")
    symbols = [known.math for known in quantities().values()]
    for text in figure.findobj(Text):
        words = text.get_text().replace(r"\$", "")
        if "$" in words:
            for symbol in symbols:
                words = words.replace(symbol, "")
            text.set_parse_math("$" not in words)


def _legend(
    figure: Figure, artists: Sequence[Artist], labels: Sequence[str], most: int, top: float
) -> int:
    """Draw the legend below the title in as many columns as fit, and return how many."""
    for columns in range(min(most, max(1, len(labels))), 0, -1):
        drawn = figure.legend(
            artists, labels, loc="upper center", bbox_to_anchor=(0.5, top), ncols=columns
        )
        drawn.set_in_layout(False)
        _keep_names(figure)
        if columns == 1 or drawn.get_window_extent().width < figure.bbox.width:
            return columns
        drawn.remove()
    return 1


def log_axis(axes: Axes, which: Literal["x", "y"], *, most: int = 6) -> None:
    """Make an axis logarithmic, with plain numbers where they are short.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        The axes, with their limits set.
    which : {"x", "y"}
        The axis.
    most : int, optional
        Most labels to show.
    """
    lower, upper = axes.get_xlim() if which == "x" else axes.get_ylim()
    axes.set_xscale("log") if which == "x" else axes.set_yscale("log")
    axes.set_xlim(lower, upper) if which == "x" else axes.set_ylim(lower, upper)
    axis = axes.xaxis if which == "x" else axes.yaxis
    ticks = _log_ticks(lower, upper, most)
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(FuncFormatter(lambda value, _: pretty_number(value)))
    axis.set_minor_locator(LogLocator(subs="all"))
    axis.set_minor_formatter(NullFormatter())


def _log_ticks(lower: float, upper: float, most: int) -> Sequence[float]:
    """Return round numbers between the limits: 1-2-5, 1-3, or decades, the densest that fits."""
    first, last = int(np.floor(np.log10(lower))), int(np.ceil(np.log10(upper)))
    if upper < 4 * lower:
        return [float(tick) for tick in MaxNLocator(most).tick_values(lower, upper)]
    ticks: list[float] = []
    for steps in ((1, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        ticks = [step * 10.0**power for power in range(first, last + 1) for step in steps]
        ticks = [tick for tick in ticks if lower * 0.999 <= tick <= upper * 1.001]
        if len(ticks) <= most:
            break
    stride = -(-len(ticks) // most)
    return ticks[:: max(1, stride)]


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure; the same figure gives the same file.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure.
    path : Path
        The file; its suffix is the format, one of `FORMATS`.

    Raises
    ------
    InputError
        If the format is not one of `FORMATS`.
    """
    kind = path.suffix.removeprefix(".")
    if kind not in FORMATS:
        raise InputError(f"figure format {kind!r} is not legal, legal are {', '.join(FORMATS)}")
    undated: dict[str, dict[str, Any]] = {
        "pdf": {"CreationDate": None},
        "svg": {"Date": None},
        "png": {},
    }
    with _style():
        figure.savefig(path, format=kind, metadata=undated[kind])
