"""Rows of a table as one labelled xarray Dataset."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from data.metadata import CampaignMetadata
from data.table import Table

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["make_dataset"]


def make_dataset(
    table: Table, rows: Sequence[Mapping[str, float | str]], metadata: CampaignMetadata
) -> "xr.Dataset":
    """Return rows as a labelled Dataset.

    Parameters
    ----------
    table : Table
        Their schema.
    rows : sequence of mapping
        Cells by column in canonical units; what is missing is blank. ``line`` is optional.
    metadata : CampaignMetadata
        Of the campaign.

    Returns
    -------
    Dataset
        One dimension named after the table, one variable a column, ``units`` and ``long_name``
        on each.
    """
    import xarray as xr

    variables: dict[str, tuple[str, Any, dict[str, str]]] = {}
    for name, column in table.fields.items():
        blank = table.blank_row[name]
        cells = [row.get(name, blank) for row in rows]
        attrs = {"long_name": column.long_name}
        if column.is_number:
            attrs["units"] = column.unit or "1"
            variables[name] = (table.name, np.array(cells, dtype=np.float64), attrs)
        else:
            variables[name] = (table.name, np.array(cells, dtype=np.str_), attrs)
    lines = np.array([int(row.get("line", 0)) for row in rows], dtype=np.int64)
    variables["line"] = (table.name, lines, {"long_name": f"line of {table.file}"})
    attrs = {
        "table": table.name,
        "file": table.file,
        "kind": metadata.kind,
        "campaign": metadata.name,
    }
    return xr.Dataset(variables, attrs=attrs)
