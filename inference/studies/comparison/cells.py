"""The points and the cells of a campaign that are left out in turn."""

from collections.abc import Sequence

from data.campaign import Campaign
from data.tables import tables as all_tables
from inference.studies.comparison.units import Unit
from models.row_labels import observed_labels

__all__ = ["ALL_POINTS", "CELLS", "units_of"]

ALL_POINTS = "all points"


CELLS = "cell by cell"


def units_of(campaign: Campaign, blocks: Sequence[str]) -> tuple[list[Unit], list[Unit], list[str]]:
    """Return what is left out of a fit, point by point and cell by cell.

    Parameters
    ----------
    campaign : Campaign
        The data.
    blocks : sequence of str
        The tables that are fitted.

    Returns
    -------
    points, cells : list of Unit
        Every observation; and all observations of one cell (see the module) together. A cell that
        holds all of the data cannot be predicted from the rest and is left out of the list.
    remarks : list of str
        What a reader should know of the cells.
    """
    points: list[Unit] = []
    cells: list[Unit] = []
    remarks = []
    for block in blocks:
        grouped: dict[str, list[tuple[str, int]]] = {}
        names = _cell_names(campaign, block)
        for dim, labels in observed_labels(campaign, block).items():
            variable = dim.removesuffix("_row")
            for row, label in enumerate(labels):
                # A variable of part of a table bears its name, and says which part.
                part = variable.removeprefix(block).strip("_").replace("_", " ")
                shown = f"{label}, {part}" if part else label
                points.append(Unit(block, shown, ((variable, row),)))
                grouped.setdefault(_cell_of(label, names), []).append((variable, row))
        cells += [Unit(block, name, tuple(rows)) for name, rows in grouped.items()]
        if len(grouped) == 1 and len(blocks) > 1 and len(points) > 1:
            remarks.append(
                f"{block}.csv holds one cell, {next(iter(grouped))}: left out as a cell, it is the "
                "whole table that the others must predict."
            )
    whole = [unit for unit in cells if len(unit.rows) == len(points)]
    if whole:
        remarks.append(
            f"All points belong to one cell ({whole[0]}): there is nothing to predict it from, so "
            "no cell is left out. Points next to each other on a curve tell of each other, which "
            "the standard errors leave out of account; a second cell would show how well a model "
            "carries over."
        )
        cells = []
    return points, cells, remarks


def _cell_names(campaign: Campaign, block: str) -> list[str]:
    """Return the names of the cells of a table, the longest first; none where rows stand alone."""
    schema = all_tables()[block]
    if block == "published":
        return []
    column = campaign.tables[block][schema.label[0]]
    return sorted({str(name) for name in column.values}, key=len, reverse=True)


def _cell_of(label: str, names: Sequence[str]) -> str:
    """Return the cell that a row's label begins with, or the label."""
    for name in names:
        if label == name or label.startswith((f"{name},", f"{name} (")):
            return name
    return label
