"""Labels and lines of the rows of each observed variable of a block."""

from typing import TYPE_CHECKING

from data.tables import tables
from models.blocks import block
from models.observations import labels

if TYPE_CHECKING:
    import xarray as xr

    from data.campaign import Campaign

__all__ = ["observed_labels", "observed_lines"]


def observed_labels(campaign: "Campaign", name: str) -> dict[str, list[str]]:
    """Return the labels of the rows of one block, by the dimension of each observed variable.

    Parameters
    ----------
    campaign : Campaign
        The data.
    name : str
        Name of the block.

    Returns
    -------
    dict of str to list of str
        Dimension to labels.
    """
    return _labels_of(campaign.tables[name], name)


def observed_lines(campaign: "Campaign", name: str) -> dict[str, list[int]]:
    """Return the line of the file that each row of each observed variable of one block is of.

    Parameters
    ----------
    campaign : Campaign
        The data.
    name : str
        Name of the block.

    Returns
    -------
    dict of str to list of int
        Dimension to lines; a line that is observed more than once, as a bracket of two cells is,
        is there more than once.
    """
    table = campaign.tables[name]
    # Where each row bears its line as its name, the labels tell the lines.
    first = tables()[name].label[0]
    numbered = [f"{line}\n" for line in table["line"].values]
    found = _labels_of(table.assign({first: (table[first].dims, numbered)}), name)
    return {dim: [int(label.partition("\n")[0]) for label in rows] for dim, rows in found.items()}


def _labels_of(table: "xr.Dataset", name: str) -> dict[str, list[str]]:
    own = block(name).labels
    found = {name: labels(table)} if own is None else own(table)
    return {f"{key}_row": rows for key, rows in found.items() if rows}
