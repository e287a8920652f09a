"""A campaign: a folder of tables, read, checked and labelled as one object."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from data.assumptions import Assumption, assumptions_of
from data.errors import InputError
from data.metadata import CampaignMetadata
from data.references import recognise
from data.schema import nearest
from data.tables import tables as all_tables

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Campaign"]


@dataclass(frozen=True, eq=False)
class Campaign:
    """Tables of measurements with units and provenance.

    Parameters
    ----------
    path : Path
        Its folder, or its workbook.
    metadata : CampaignMetadata
        What ``campaign.toml`` says.
    tables : mapping of str to Dataset
        The rows in use by table, each over one dimension named after the table, in canonical
        units (``attrs["units"]``). A blank number is NaN, a blank text is empty.
    excluded : mapping of str to Dataset
        The rows left out, with their reasons in the variable ``exclude``.

    Examples
    --------
    >>> load_campaign("sodium-literature").tables["separators"]["porosity"].to_numpy()
    array([0.39, 0.35, 0.12])
    """

    path: Path
    metadata: CampaignMetadata
    tables: "Mapping[str, xr.Dataset]"
    excluded: "Mapping[str, xr.Dataset]"

    @property
    def name(self) -> str:
        """Name of the campaign."""
        return self.metadata.name

    @cached_property
    def assumptions(self) -> list[Assumption]:
        """Every assumed number of the rows in use, in the order of the files."""
        return list(assumptions_of(self.tables))

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 over everything that was read, whatever its units, path and layout were."""
        content = {
            "metadata": self.metadata.model_dump(mode="json"),
            "tables": {name: _plain(table) for name, table in sorted(self.tables.items())},
            "excluded": {name: _plain(table) for name, table in sorted(self.excluded.items())},
        }
        text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        """Compare metadata and every cell; path and line numbers do not count."""
        if not isinstance(other, Campaign):
            return NotImplemented
        return self.metadata == other.metadata and all(
            mine.keys() == theirs.keys()
            and all(
                mine[name].drop_vars("line").equals(theirs[name].drop_vars("line")) for name in mine
            )
            for mine, theirs in ((self.tables, other.tables), (self.excluded, other.excluded))
        )

    def __hash__(self) -> int:
        """Hash the content."""
        return hash(self.content_hash)

    def source_key(self, text: str) -> str:
        """Return the key that what a row states as its source stands for.

        Parameters
        ----------
        text : str
            A key, a citation, or nothing.

        Returns
        -------
        str
            Of the campaign's only reference where nothing is stated and it has just one; empty
            where it is not known.
        """
        if text:
            return recognise(text) or text
        references = list(self.metadata.references)
        return references[0] if len(references) == 1 else ""

    def fitted_sources(self, tables: Iterable[str] | None = None) -> dict[str, list[str]]:
        """Return the sources whose rows a fit of some tables uses.

        Parameters
        ----------
        tables : iterable of str, optional
            Tables that are fitted; every table that has a likelihood when left out.

        Returns
        -------
        dict of str to list of str
            Tables by source key. A row without a source counts for the campaign's only
            reference, where it has just one.

        Raises
        ------
        InputError
            A name is no table of the campaign.
        """
        names = list(self.tables) if tables is None else self._known(tables)
        sources: dict[str, list[str]] = {}
        for name in names:
            if not all_tables()[name].observed:
                continue
            for text in dict.fromkeys(self.tables[name]["source"].values.tolist()):
                key = self.source_key(text)
                if key and name not in sources.setdefault(key, []):
                    sources[key].append(name)
        return sources

    def subset(self, tables: Iterable[str]) -> "Campaign":
        """Return the campaign with some of its tables.

        Parameters
        ----------
        tables : iterable of str
            Names of tables. ``separators`` comes along where there is one.

        Returns
        -------
        Campaign
            Of the same name, with another content hash.

        Raises
        ------
        InputError
            A name is no table of the campaign.
        """
        kept = {*self._known(tables), "separators"}
        return Campaign(
            self.path,
            self.metadata,
            {name: table for name, table in self.tables.items() if name in kept},
            {name: table for name, table in self.excluded.items() if name in kept},
        )

    def _known(self, names: Iterable[str]) -> list[str]:
        wanted = [names] if isinstance(names, str) else list(names)
        for name in wanted:
            if name not in self.tables:
                raise InputError(
                    f"campaign {self.name!r} has no table {name!r}{nearest(name, self.tables)}: "
                    f"it has {', '.join(self.tables)}"
                )
        return wanted

    def summary(self) -> str:
        """Return the campaign as readable text.

        Returns
        -------
        str
            What it is, its tables with rows and units, what is censored, which rows are left out
            and why, and every assumed number.
        """
        from data.summary import summarise

        return summarise(self)

    def __str__(self) -> str:
        """Return the summary."""
        return self.summary()

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        from data.display import campaign_html

        return campaign_html(self)

    def __repr__(self) -> str:
        """Return name, kind and tables on one line."""
        rows = ", ".join(f"{name}: {table.sizes[name]}" for name, table in self.tables.items())
        return f"<Campaign {self.name!r} ({self.metadata.kind}; {rows})>"


def _plain(dataset: "xr.Dataset") -> dict[str, list[str]]:
    """Return every cell as text; numbers to 12 digits, so that a unit's rounding does not count."""
    columns = dataset.drop_vars("line")
    return {
        str(name): [
            value if isinstance(value, str) else f"{value:.11e}"
            for value in columns[name].values.tolist()
        ]
        for name in columns
    }
