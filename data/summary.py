"""A campaign as readable text."""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from data.provenance import FOLDER, read_records, standing_in
from data.references import recognise, reference
from data.schema import ROW_UNIT, Column, show_number
from data.table import Table
from data.tables import tables as all_tables

if TYPE_CHECKING:
    import xarray as xr

    from data.assumptions import Assumption
    from data.metadata import CampaignMetadata

__all__ = [
    "KINDS",
    "METALS",
    "Shown",
    "citations",
    "excluded_phrases",
    "range_phrases",
    "summarise",
    "tally_phrases",
]

_WIDTH = 96
KINDS = {
    "literature": "literature: numbers that publications state",
    "measured": "measured",
    "synthetic": "SYNTHETIC: drawn from a model with stated truth, measured by nobody",
}
"""Kinds of campaigns in words."""

METALS = {"Na": "sodium", "Li": "lithium"}
"""Names of the metals."""


class Shown(Protocol):
    """What is shown of a `data.campaign.Campaign`, which shows itself with what stands here."""

    @property
    def path(self) -> Path:
        """Its folder, or its workbook."""

    @property
    def metadata(self) -> "CampaignMetadata":
        """What ``campaign.toml`` says."""

    @property
    def tables(self) -> "Mapping[str, xr.Dataset]":
        """The rows in use by table."""

    @property
    def excluded(self) -> "Mapping[str, xr.Dataset]":
        """The rows left out by table."""

    @property
    def assumptions(self) -> "Sequence[Assumption]":
        """The numbers that no source states."""

    @property
    def content_hash(self) -> str:
        """SHA-256 over everything that was read."""


def summarise(campaign: Shown) -> str:
    """Return a campaign as readable text.

    Parameters
    ----------
    campaign : Campaign
        The campaign.

    Returns
    -------
    str
        Several paragraphs, at most 96 characters wide where words allow.
    """
    parts = [
        _head(campaign),
        _tables(campaign),
        _provenance(campaign),
        _excluded(campaign),
        _assumed(campaign),
        _references(campaign),
        _notes(campaign),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part)


def _wrap(text: str, first: str = "", rest: str | None = None) -> list[str]:
    indent = " " * len(first) if rest is None else rest
    return textwrap.wrap(
        text,
        width=_WIDTH,
        initial_indent=first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _head(campaign: Shown) -> list[str]:
    metadata = campaign.metadata
    lines = [f"Campaign {metadata.name}"]
    if metadata.title:
        lines += _wrap(metadata.title, "  ")
    lines.append(f"  kind         {KINDS[metadata.kind]}")
    lines.append(f"  metal        {metadata.metal} ({METALS[metadata.metal]})")
    lines += _wrap(metadata.electrolyte, "  electrolyte  ")
    if metadata.salt_concentration is not None:
        lines.append(f"  salt         {metadata.salt_concentration:g} mol/L")
    if metadata.licence:
        lines += _wrap(metadata.licence, "  licence      ")
    lines.append(f"  content      {campaign.content_hash[:12]}")
    return lines


def _tables(campaign: Shown) -> list[str]:
    lines = ["Tables"]
    width = max(len(name) for name in (*campaign.tables, *campaign.excluded))
    for name in campaign.tables:
        table, rows = all_tables()[name], campaign.tables[name]
        count = rows.sizes[name]
        head = f"  {name:<{width}}  {count:>3} row{'s' if count != 1 else ' '}  "
        indent = " " * len(head)
        lines += _wrap(", ".join(range_phrases(table, rows)), head)
        for phrase in tally_phrases(table, rows):
            lines += _wrap(phrase, indent)
    lines.extend(
        f"  {name:<{width}}    0 rows  (every row is left out)"
        for name in campaign.excluded
        if name not in campaign.tables
    )
    return lines


def _provenance(campaign: Shown) -> list[str]:
    """Say how many rows were read from instrument files."""
    counts: dict[str, int] = {}
    for record in read_records(campaign.path):
        name = str(record["table"])
        for rows in (campaign.tables.get(name), campaign.excluded.get(name)):
            if rows is not None:
                counts[name] = counts.get(name, 0) + standing_in(record, rows)
    shown = [f"{name} {count}" for name, count in counts.items() if count]
    if not shown:
        return []
    text = f"rows of {', '.join(shown)}; records and figures in {FOLDER}/"
    return _wrap(text, "Read from instrument files: ", "  ")


def range_phrases(table: Table, rows: "xr.Dataset") -> Iterable[str]:
    """Say which columns of a table are filled, and with what.

    Parameters
    ----------
    table : Table
        The table.
    rows : Dataset
        Its rows in use.

    Yields
    ------
    str
        Each column of numbers with its range and unit, each column of names with the names.
    """
    shown = [part for column in table.columns for part in column.parts]
    for column in shown:
        if not column.is_number or column.unit == ROW_UNIT or column.name.endswith("_sd"):
            continue
        values = rows[column.name].values
        values = values[~np.isnan(values)]
        if not values.size:
            continue
        low, high = values.min(), values.max()
        span = show_number(low) if low == high else f"{show_number(low)} to {show_number(high)}"
        unit = "" if column.unit == "1" else f" {column.unit}"
        yield f"{column.name} {span}{unit}"
    for column in table.columns:
        if column.unit == ROW_UNIT or column.choices != () or column.name in ("cell", "specimen"):
            continue
        if column.is_number or column.name == "unit":
            continue
        names = sorted({text for text in rows[column.name].values.tolist() if text})
        if names:
            yield f"{column.name}s {_listed(names, without=_without(column, rows))}"


def _without(column: Column, rows: "xr.Dataset") -> int:
    """Count the rows that name no laboratory: they count as one more. 0 for other columns."""
    return int((rows["lab"].values == "").sum()) if column.name == "lab" else 0


def _listed(names: Sequence[str], *, without: int) -> str:
    if not without:
        return ", ".join(names)
    return f"{', '.join(names)} and {without} row{'s' if without != 1 else ''} without"


def tally_phrases(table: Table, rows: "xr.Dataset") -> Sequence[str]:
    """Say how many rows are exact, intervals, one-sided or censored.

    Parameters
    ----------
    table : Table
        The table.
    rows : Dataset
        Its rows in use.

    Returns
    -------
    sequence of str
        A phrase for each measured column.
    """
    if table.tally is not None:
        return table.tally(rows)
    phrases = []
    for column in table.measured:
        exact = int(rows[column.name].notnull().sum())
        lower = rows[f"{column.name}_lower"].notnull()
        upper = rows[f"{column.name}_upper"].notnull()
        between, one_sided = int((lower & upper).sum()), int((lower ^ upper).sum())
        phrase = f"{column.name}: {exact} exact, {between} intervals, {one_sided} one-sided"
        if column.blank is not None:
            censored = rows.sizes[table.name] - exact - between - one_sided
            phrase += f", {censored} {column.blank} (censored)"
        phrases.append(phrase)
    return phrases


def excluded_phrases(campaign: Shown) -> Iterable[str]:
    """Say which rows of a campaign are left out, and why.

    Parameters
    ----------
    campaign : Campaign
        The campaign.

    Yields
    ------
    str
        One row: table, line, name, and the reason.
    """
    for name, rows in campaign.excluded.items():
        table = all_tables()[name]
        for position in range(rows.sizes[name]):
            cells = {str(key): rows[key].values[position].item() for key in rows}
            shown = ""
            if name == "published" and not np.isnan(cells["value"]):
                shown = f" = {cells['value']:g} {cells['unit']}".removesuffix(" 1")
            row = f"{name}, line {cells['line']}, {table.row_label(cells)}{shown}"
            yield f"{row}: {cells['exclude']}"


def _excluded(campaign: Shown) -> list[str]:
    phrases = list(excluded_phrases(campaign))
    if not phrases:
        return []
    wrapped = [line for phrase in phrases for line in _wrap(phrase, "  ", "    ")]
    return [f"Left out ({len(phrases)})", *wrapped]


def _assumed(campaign: Shown) -> list[str]:
    if not campaign.assumptions:
        return []
    lines = [f"Assumed numbers ({len(campaign.assumptions)}): no source states them so"]
    place = ""
    note = ""
    for assumption in campaign.assumptions:
        here = f"{assumption.table}, {assumption.row}"
        if here != place:
            lines += _wrap(here + (f" [{assumption.source}]" if assumption.source else ""), "  ")
            if assumption.note and assumption.note != note:
                lines += _wrap(assumption.note, "      note: ", "      ")
            place, note = here, assumption.note
        lines.append(f"      {assumption.equation}")
    return lines


def citations(campaign: Shown) -> dict[str, str]:
    """Return what a campaign rests on.

    Parameters
    ----------
    campaign : Campaign
        The campaign.

    Returns
    -------
    dict of str to str
        Citations by source key: the campaign's own, and those of its rows that are known.
    """
    used = {
        text: name
        for name, rows in (*campaign.tables.items(), *campaign.excluded.items())
        for text in rows["source"].values.tolist()
        if text
    }
    found = dict(campaign.metadata.references)
    for text in used:
        key = recognise(text)
        if text not in found and key is not None and key not in found:
            found[key] = str(reference(key))
    return found


def _references(campaign: Shown) -> list[str]:
    found = citations(campaign)
    if not found:
        return []
    return [
        "Sources",
        *(line for key in found for line in _wrap(found[key], f"  {key}: ", "    ")),
    ]


def _notes(campaign: Shown) -> list[str]:
    if not campaign.metadata.notes:
        return []
    return ["Notes", *(line for note in campaign.metadata.notes for line in _wrap(note, "  - "))]
