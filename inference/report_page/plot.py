"""The plot of the page's map: Bokeh's models and the script that draws them."""

from pathlib import Path
from typing import Any, Final, Literal

from data.errors import InputError

__all__ = ["bokeh_script", "bokeh_version", "map_plot"]

NAMES: Final[dict[Literal["log", "linear"], str]] = {"log": "map_log", "linear": "map_linear"}
"""Names of the two figures, by the scale of the horizontal axis: one is visible at a time."""


def bokeh_version() -> str:
    """Return the version of the package that the script is taken from.

    Returns
    -------
    str
        Such as "3.10.2".
    """
    import bokeh

    return str(bokeh.__version__)


def bokeh_script() -> str:
    """Return Bokeh's core script from its package, without widgets, tables and WebGL.

    Returns
    -------
    str
        JavaScript.

    Raises
    ------
    InputError
        It could end the element of a page that holds it.
    """
    import bokeh

    path = Path(bokeh.__file__).parent / "server" / "static" / "js" / "bokeh.min.js"
    text = path.read_text(encoding="utf-8")
    if "</script" in text.lower():
        raise InputError(f"{path} holds the end of a script and cannot be laid into a page")
    return text


def map_plot(mark: str) -> Any:
    """Return the plot of the map without data, for the page to fill.

    Parameters
    ----------
    mark : str
        What stands above the plot where its numbers must not be taken as they are.

    Returns
    -------
    dict
        For ``Bokeh.embed.embed_item``: figures ``map_log`` and ``map_linear`` on their sources
        ``curve_*`` (x, bands, lines) and ``point_*`` (the chosen design).
    """
    from bokeh.embed import json_item
    from bokeh.models import (
        Column,
        ColumnDataSource,
        FixedTicker,
        HoverTool,
        NumeralTickFormatter,
        Range1d,
    )
    from bokeh.plotting import figure

    columns = (
        "x", "median_low", "median", "median_high", "new_low", "new_high", "safe", "safe_inside",
        "safe_outside",
    )  # fmt: skip
    figures: list[Any] = []
    for scale, name in NAMES.items():
        curve = ColumnDataSource({column: [] for column in columns}, name=f"curve_{scale}")
        point = ColumnDataSource({"x": [], "safe": []}, name=f"point_{scale}")
        plot = figure(
            name=name,
            x_axis_type=scale,
            x_range=Range1d(start=1.0, end=2.0),
            y_range=Range1d(start=1.0, end=2.0),
            y_axis_type="log",
            x_axis_label="",
            y_axis_label="current density [mA/cm²]",
            height=380,
            sizing_mode="stretch_width",
            toolbar_location=None,
            tools="",
            title=mark or None,
            output_backend="svg",
            visible=scale == "log",
        )
        plot.varea(
            "x", "new_low", "new_high", source=curve, name="new", fill_color="#0072B2",
            fill_alpha=0.18,
        )  # fmt: skip
        plot.varea(
            "x", "median_low", "median_high", source=curve, name="median_band",
            fill_color="#0072B2", fill_alpha=0.35,
        )  # fmt: skip
        middle = plot.line("x", "median", source=curve, name="median", line_width=2)
        plot.line("x", "safe_inside", source=curve, name="inside", line_width=3.5)
        plot.line(
            "x", "safe_outside", source=curve, name="outside", line_width=3.5,
            line_dash=[7, 5],
        )  # fmt: skip
        plot.scatter(
            "x", "safe", source=point, name="chosen", marker="circle", size=12, line_width=2
        )
        plot.add_tools(
            HoverTool(
                renderers=[middle],
                mode="vline",
                tooltips=[
                    ("here", "@x{0.[000]}"),
                    ("safe", "@safe{0.[000]} mA/cm²"),
                    ("median cell fails at", "@median{0.[000]} mA/cm²"),
                ],
            )
        )
        # Formatters in JavaScript would need a page that runs text as code.
        plot.axis.formatter = NumeralTickFormatter(format="0.[0000]")
        # The page sets the ticks of logarithmic axes: 1, 2, 5, as many as there is room for.
        plot.yaxis.ticker = plot.ygrid.ticker = FixedTicker(ticks=[])
        if scale == "log":
            plot.xaxis.ticker = plot.xgrid.ticker = FixedTicker(ticks=[])
        figures.append(plot)
    return json_item(Column(children=figures, sizing_mode="stretch_width"))
