"""Which table moves which parameter: power-scaling sensitivities as a chart."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from data.quantities import base_name, quantities
from inference.figures.labels import words
from inference.figures.style import DOUBLE, NothingToDrawError, finish, new_figure, styled
from inference.thresholds import POWER_SCALING

__all__ = ["table_sensitivity"]

_COLOURS: Final = LinearSegmentedColormap.from_list("table", ["#FFFFFF", "#56B4E9", "#0B2A45"])
_ROW: Final = 4.6  # mm
_DARK: Final = 0.3  # sensitivity from which text is white
_MOST: Final = 0.5  # sensitivity that is darkest


@styled
def table_sensitivity(check: Mapping[str, Any]) -> Figure:
    """Draw how much each parameter depends on the prior and on each table.

    Parameters
    ----------
    check : mapping
        The content of a run's ``check.json``.

    Returns
    -------
    matplotlib.figure.Figure
        A row for each parameter of the whole campaign, a column for the prior, the separators and
        each table: the power-scaling sensitivity, and where more weight would move the mean.

    Raises
    ------
    NothingToDrawError
        If the check holds no sensitivities.

    References
    ----------
    Kallioinen, Paananen, Bürkner & Vehtari, Statistics and Computing 34 (2024) 57,
    doi:10.1007/s11222-023-10366-5.
    """
    from inference.words.labels import main_parameters

    tables: Mapping[str, Any] = next(
        (
            section["tables"]
            for section in check.get("sections", [])
            if section["name"] == "identifiability"
        ),
        {},
    )
    rows = {row["parameter"]: row for row in tables.get("power_scaling", [])}
    if not rows:
        raise NothingToDrawError("the check of the run holds no sensitivities")
    order = list(quantities())
    names = sorted(
        (name for name in main_parameters(rows) if base_name(name) in order),
        key=lambda name: order.index(base_name(name)),
    )
    components = list(rows[names[0]]["sensitivity"])
    noise = {
        row["component"]: float(row["sensitivity"])
        for row in tables.get("power_scaling_of_noise", [])
    }
    values = np.array(
        [[float(rows[name]["sensitivity"][each] or 0.0) for each in components] for name in names]
    )
    shifts = np.array(
        [[float(rows[name]["shift"][each] or 0.0) for each in components] for name in names]
    )
    floor = np.array([max(POWER_SCALING, noise.get(each, 0.0)) for each in components])
    values = np.where(values > floor, values, 0.0)
    figure = new_figure(DOUBLE, _ROW * len(names) + 52.0)
    axes = figure.subplots()
    axes.imshow(
        values,
        cmap=_COLOURS,
        vmin=0.0,
        vmax=_MOST,
        aspect="auto",
    )
    for (row, column), value in np.ndenumerate(values):
        if value == 0.0:
            continue
        arrow = "↑" if shifts[row, column] > 0 else "↓"
        axes.text(
            column,
            row,
            f"{value:.2f} {arrow}",
            ha="center",
            va="center",
            color="white" if value > _DARK else "black",
        )
    axes.set_yticks(range(len(names)), [words(name) for name in names])
    axes.set_xticks(range(len(components)), [words(each) for each in components])
    axes.tick_params(
        axis="x",
        labelrotation=40,
        labeltop=True,
        labelbottom=False,
        length=0,
    )
    for tick in axes.get_xticklabels():
        tick.set_horizontalalignment("left")
        tick.set_rotation_mode("anchor")
    axes.tick_params(axis="y", length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.set_xticks(np.arange(len(components) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(names) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="#D0D0D0", linewidth=0.4)
    axes.tick_params(which="minor", length=0)
    return finish(
        figure,
        f"Which table moves which parameter: {check.get('name', '')}",
        "Power-scaling sensitivity: how much the posterior changes when a table, or the prior, "
        f"weighs more. Stated above {POWER_SCALING:g} and above what chance gives; the arrow says "
        "where more weight moves the mean. Separators: what their table states with an error.",
        synthetic=bool(check.get("synthetic", False)),
    )
