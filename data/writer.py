"""Writing a campaign, so that reading it gives the same back."""

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from data.csv_reader import cell_of
from data.errors import CampaignError, InputError
from data.files import expanded
from data.metadata import CampaignMetadata, write_metadata
from data.schema import Column, Row, nearest
from data.table import Table
from data.tables import tables as all_tables
from data.whole_files import is_temporary, write_whole_folder

if TYPE_CHECKING:
    import xarray as xr

    from data.campaign import Campaign

__all__ = ["table_text", "write_campaign"]


def write_campaign(
    folder: str | Path,
    metadata: CampaignMetadata,
    tables: "Mapping[str, xr.Dataset]",
    excluded: "Mapping[str, xr.Dataset] | None" = None,
    beside: "Callable[[Campaign], Mapping[str, str]] | None" = None,
) -> Path:
    """Write a campaign folder: ``campaign.toml`` and one CSV file a table, in canonical units.

    Everything is written beside and renamed, so a folder that stands is whole; it is read back
    before it is.

    Parameters
    ----------
    folder : str or Path
        Where; it must not exist, or be empty.
    metadata : CampaignMetadata
        What ``campaign.toml`` says.
    tables : mapping of str to Dataset
        Tables as `Campaign.tables` holds them. Columns may be missing; ``line`` is not written.
    excluded : mapping of str to Dataset, optional
        Rows left out, as `Campaign.excluded` holds them.
    beside : callable, optional
        Returns the texts of further files by name, given the campaign as it reads.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    InputError
        The folder is not empty, a table or a column is not legal, or there is no row.
    CampaignError
        The rows break the data contract.

    Examples
    --------
    >>> campaign = load_campaign("sodium-literature")
    >>> folder = write_campaign("copy", campaign.metadata, campaign.tables)
    >>> load_campaign(folder).metadata == campaign.metadata
    True
    """
    from data.loading import load_campaign

    target = expanded(folder)
    refuse_filled_folder(target)
    known = all_tables()
    rows: dict[str, list[Row]] = {}
    for group in (tables, excluded or {}):
        for name, dataset in group.items():
            if name not in known:
                raise InputError(
                    f"{name!r} is no table{nearest(name, known)}: legal are {', '.join(known)}"
                )
            rows.setdefault(name, []).extend(_cells(known[name], dataset))

    def write(draft: Path) -> None:
        write_metadata(metadata, draft)
        for name, cells in rows.items():
            cells.sort(key=lambda row: float(row["line"]))
            text = table_text(known[name], cells)
            (draft / known[name].file).write_text(text, encoding="utf-8", newline="\n")
        try:
            campaign = load_campaign(draft)
        except CampaignError as error:
            raise CampaignError(str(target), error.mistakes) from None
        for name, text in (beside(campaign) if beside else {}).items():
            (draft / name).write_text(text, encoding="utf-8", newline="\n")

    return write_whole_folder(target, write)


def refuse_filled_folder(folder: Path) -> None:
    """Refuse a target that is a file or a folder with anything in it.

    Parameters
    ----------
    folder : Path
        The target.

    Raises
    ------
    InputError
        It cannot be written to without touching something.
    """
    if folder.is_dir():
        if not all(is_temporary(path.name) for path in folder.iterdir()):  # of killed processes
            raise InputError(f"folder {str(folder)!r} is not empty: name a new one")
    elif folder.exists():
        raise InputError(f"{str(folder)!r} is a file: name a new folder")


def _cells(table: Table, dataset: "xr.Dataset") -> list[Row]:
    if table.name not in dataset.dims:
        raise InputError(f"table {table.name!r} must have the dimension {table.name!r}")
    unknown = [str(name) for name in dataset.data_vars if name not in {*table.fields, "line"}]
    if unknown:
        raise InputError(
            f"{unknown[0]!r} is no column of {table.name}{nearest(unknown[0], table.fields)}: "
            f"legal are {', '.join(table.fields)}"
        )
    columns = {str(name): dataset[name].values.tolist() for name in dataset.data_vars}
    columns.setdefault("line", [0] * dataset.sizes[table.name])
    return [
        {name: values[position] for name, values in columns.items()}
        for position in range(dataset.sizes[table.name])
    ]


def table_text(table: Table, rows: Sequence[Row]) -> str:
    """Return rows as CSV text with a header in canonical units.

    Parameters
    ----------
    table : Table
        The schema.
    rows : list of dict
        Cells by column in canonical units. Columns that are blank in every row and not required
        are left out; without rows every column is written.

    Returns
    -------
    str
        The file's text.
    """
    columns = [
        column
        for name, column in table.fields.items()
        if not rows or name in table.required or any(_text(column, row) for row in rows)
    ]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.header for column in columns])
    writer.writerows([_text(column, row) for column in columns] for row in rows)
    return text.getvalue()


def _text(column: Column, row: Row) -> str:
    value = row.get(column.name, column.blank_cell)
    if isinstance(value, str):
        return cell_of(value)
    if math.isnan(value):
        return ""
    text = repr(float(value))
    return text.removesuffix(".0")
