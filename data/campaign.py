"""A campaign: a folder of tables, read, checked and labelled as one object."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.assumptions import Assumption, assumptions_of
from data.csv_reader import EMPTY_ADVICE
from data.dataset import make_dataset
from data.errors import CampaignError, InputError, Mistake, first_of
from data.files import what_stands
from data.metadata import FILE, CampaignMetadata, read_metadata
from data.quantities import quantities
from data.references import bibliography, recognise
from data.schema import nearest
from data.table_reader import ReadRow, ReadTable, check_table, read_table
from data.tables import tables as all_tables
from data.whole_files import is_temporary
from data.workbooks import DESCRIPTION, SUFFIX, is_workbook, read_workbook

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "Campaign",
    "CampaignInfo",
    "bundled_campaigns",
    "list_campaigns",
    "load_campaign",
]

_BUNDLED = Path(__file__).parent / "campaigns"
_SPREADSHEETS = frozenset({".xls", ".xlsm", ".xlsb", ".ods", ".numbers"})
_TEXTS = frozenset({".tsv", ".txt", ".dat"})


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


def bundled_campaigns() -> dict[str, Path]:
    """Return the folders of the campaigns that ship with the project.

    Returns
    -------
    dict of str to Path
        By name.
    """
    return {
        folder.name: folder for folder in sorted(_BUNDLED.iterdir()) if (folder / FILE).is_file()
    }


def find_campaign(path_or_name: str | Path) -> Path:
    """Return the folder of a campaign.

    Parameters
    ----------
    path_or_name : str or Path
        A folder (or its ``campaign.toml``), a workbook (``.xlsx``), or the name of a bundled
        campaign. A bare name means the bundled one; a folder beside is ``./name``.

    Returns
    -------
    Path
        The folder, or the workbook.

    Raises
    ------
    InputError
        There is no such folder and no such name, or the text could mean either.
    """
    path = Path(path_or_name or "?")
    bundled = bundled_campaigns()
    if isinstance(path_or_name, str) and path_or_name in bundled:
        folder = bundled[path_or_name]
        if (path / FILE).is_file() and not path.samefile(folder):
            raise InputError(
                f"{path_or_name!r} is a bundled campaign and a folder here: write "
                f"'./{path_or_name}' for the folder, or give it another name"
            )
        return folder
    if path.name == FILE and path.is_file():
        return path.parent
    if path.is_dir() or is_workbook(path):
        return path
    names = ", ".join(bundled)
    if path.is_file():
        raise InputError(
            f"{str(path)!r} is no campaign: give its folder, or a workbook that is saved as .xlsx, "
            "a sheet a table"
        )
    raise InputError(
        f"there is no campaign {str(path_or_name)!r}{nearest(str(path_or_name), bundled)}: "
        f"give the folder of a campaign, or the name of a bundled one ({names})"
    )


def load_campaign(path_or_name: str | Path) -> Campaign:
    """Read and check a campaign.

    Parameters
    ----------
    path_or_name : str or Path
        The campaign's folder, its workbook (``.xlsx``, a sheet a table), or the name of a bundled
        campaign.

    Returns
    -------
    Campaign
        Tables in canonical units. Printing it gives a readable summary.

    Raises
    ------
    InputError
        There is no such campaign.
    CampaignError
        The campaign breaks the data contract; every mistake is listed.
    """
    folder = find_campaign(path_or_name)
    metadata, keyed, mistakes = read_metadata(folder)
    reads, file_mistakes = _read_tables(folder)
    mistakes += file_mistakes
    for read in reads.values():
        mistakes += read.mistakes
    mistakes += _check_between(reads)
    if metadata is not None:
        mistakes += _check_sources(reads, metadata, keyed)
        mistakes += _check_concentration(reads, metadata)
    if mistakes or metadata is None:
        raise CampaignError(str(path_or_name), mistakes)

    kept: dict[str, xr.Dataset] = {}
    excluded: dict[str, xr.Dataset] = {}
    for name, read in reads.items():
        for target, wanted in ((kept, False), (excluded, True)):
            rows: list[Mapping[str, Any]] = [
                {**row.cells, "line": row.line} for row in read.rows if row.excluded is wanted
            ]
            if rows:
                target[name] = make_dataset(read.table, rows, metadata)
    return Campaign(folder.resolve(), metadata, kept, excluded)


def _read_tables(folder: Path) -> tuple[dict[str, ReadTable], list[Mistake]]:
    known = all_tables()
    files = {table.file: table for table in known.values()}
    reads: dict[str, ReadTable] = {}
    mistakes: list[Mistake] = []
    alone = is_workbook(folder)
    entries = (
        [folder]
        if alone
        else sorted(entry for entry in folder.iterdir() if not is_temporary(entry.name))
    )
    present = {entry.name for entry in entries}
    for entry in entries:
        if wrong := what_stands(entry):
            if entry.name in files or entry.suffix.lower() == SUFFIX:
                mistakes.append(Mistake(entry.name, wrong))
        elif is_workbook(entry):
            mistakes += _read_sheets(entry, reads, described=alone)
        elif entry.name in files:
            table = files[entry.name]
            read = read_table(entry, table)
            mistakes += _put(read, reads)
        elif entry.suffix.lower() == ".csv":
            message = (
                f"is no table{nearest(entry.name, files)}: legal are {', '.join(files)}; move "
                "other files into a folder"
            )
            mistakes.append(Mistake(entry.name, message))
        elif entry.suffix.lower() in _SPREADSHEETS | _TEXTS:
            due = f"{entry.stem.lower()}.csv"
            if due in files and due not in present:
                mistakes.append(Mistake(entry.name, f"is not read: save it as {due} (CSV UTF-8)"))
            elif due not in files and entry.suffix.lower() in _SPREADSHEETS:
                message = "is not read: save it as .xlsx, a sheet a table, or move it into a folder"
                mistakes.append(Mistake(entry.name, message))
    if not reads and not mistakes:
        message = f"stands alone: the campaign needs at least one of {', '.join(files)}"
        mistakes.append(Mistake(folder.name if alone else FILE, message))
    return reads, mistakes


def _read_sheets(
    workbook: Path, reads: dict[str, ReadTable], *, described: bool
) -> Iterable[Mistake]:
    """Read the tables of a workbook; yield what is wrong with its sheets."""
    known = all_tables()
    sheets, mistakes = read_workbook(workbook)
    yield from mistakes
    unread = {mistake.file for mistake in mistakes}
    for name, raw in sheets.items():
        table = known.get(name.strip().lower())
        if table is not None:
            read = check_table(raw, table, [])
            read.whole = raw.file not in unread
            if not raw.rows:
                read.mistakes.append(Mistake(raw.file, f"has headers and no rows: {EMPTY_ADVICE}"))
            yield from _put(read, reads)
        elif name.lower() != DESCRIPTION:
            yield Mistake(
                raw.file,
                f"is no table{nearest(name, known)}: legal are {', '.join(known)}; begin the name "
                "of a sheet that is no table with _",
            )
        elif not described:
            yield Mistake(raw.file, f"stands beside {FILE}: delete the sheet, or the file")


def _put(read: ReadTable, reads: dict[str, ReadTable]) -> Iterable[Mistake]:
    """Keep a table that was read; yield a mistake where it is there already."""
    name = read.table.name
    if name in reads:
        message = f"holds the table {name}, and {reads[name].file} does, too: keep one"
        yield Mistake(read.file, message)
    else:
        reads[name] = read


def _in_use(read: ReadTable) -> Iterable[ReadRow]:
    return (row for row in read.rows if not row.excluded)


def _check_between(reads: Mapping[str, ReadTable]) -> Iterable[Mistake]:
    """Check separators that no row defines, and separators with cells and a bracket."""
    defined: dict[str, int] = {}
    known = True
    if "separators" in reads:
        separators = reads["separators"]
        defined = {str(row.cells["separator"]): row.line for row in _in_use(separators)}
        # A row that could not be read may be the one that is missed.
        known = separators.whole and all("separator" not in r.unsound for r in separators.rows)
    named = {"", *defined}
    for name, read in reads.items():
        if name == "separators" or "separator" not in read.table.fields or not known:
            continue
        missed = [row for row in _in_use(read) if row.cells["separator"] not in named]

        def undefined(row: ReadRow, file: str = read.file) -> Mistake:
            separator = str(row.cells["separator"])
            if "separators" in reads:
                hint = nearest(separator, defined)
                advice = f"is no row of {reads['separators'].file}{hint}: add it there"
            else:
                advice = "is not defined: the campaign has no separators.csv; add one"
            return Mistake(file, f"{separator!r} {advice}", row.line, "separator")

        yield from first_of(read.file, missed, undefined)
    if "penetration" in reads and "critical_current" in reads:
        cells = {str(row.cells["separator"]): row.line for row in _in_use(reads["penetration"])}
        file = reads["critical_current"].file

        def repeated(row: ReadRow) -> Mistake:
            separator = str(row.cells["separator"])
            message = (
                f"{separator!r} has cells in {reads['penetration'].file} (line "
                f"{cells[separator]}) and a bracket here: the bracket repeats the cells; keep one, "
                "or exclude the row"
            )
            return Mistake(file, message, row.line, "separator")

        brackets = [
            row for row in _in_use(reads["critical_current"]) if row.cells["separator"] in cells
        ]
        yield from first_of(file, brackets, repeated)


def _check_sources(
    reads: Mapping[str, ReadTable], metadata: CampaignMetadata, keyed: bool
) -> Iterable[Mistake]:
    legal = {**metadata.references, **bibliography()}

    def wrong(row: ReadRow) -> bool:
        source = row.cells["source"]
        missing = not source and metadata.kind == "literature"
        return "source" not in row.unsound and (
            missing or bool(source and keyed and source not in legal)
        )

    for read in reads.values():

        def tell(row: ReadRow, file: str = read.file) -> Mistake:
            source = str(row.cells["source"])
            if not source:
                message = "is blank: every row of a literature campaign names its source"
            else:
                message = (
                    f"{source!r} is no key of the references{nearest(source, legal)}: legal are "
                    f"{', '.join(legal)}; add it to {FILE}"
                )
            return Mistake(file, message, row.line, "source")

        yield from first_of(read.file, [row for row in read.rows if wrong(row)], tell)


def _check_concentration(
    reads: Mapping[str, ReadTable], metadata: CampaignMetadata
) -> Iterable[Mistake]:
    if "published" not in reads or metadata.salt_concentration is not None:
        return
    for row in _in_use(reads["published"]):
        entry = quantities().get(str(row.cells["quantity"]))
        if entry is not None and entry.salt_concentration:
            message = (
                f"{entry.name} depends on the salt concentration: write salt_concentration = "
                f'"1 mol/L" or what it was into {FILE}'
            )
            yield Mistake(reads["published"].file, message, row.line, "quantity")


@dataclass(frozen=True)
class CampaignInfo:
    """What a list of campaigns shows.

    Parameters
    ----------
    name : str
        Name to load it by.
    title : str
        One line for people.
    kind : str
        literature, measured or synthetic.
    metal : str
        Metal of the anode.
    rows : dict of str to int
        Rows in use by table.
    references : dict of str to str
        Citations by key.
    path : Path
        The folder.
    """

    name: str
    title: str
    kind: str
    metal: str
    rows: dict[str, int]
    references: dict[str, str]
    path: Path


def list_campaigns() -> list[CampaignInfo]:
    """Return the campaigns that ship with the project.

    Returns
    -------
    list of CampaignInfo
        In alphabetical order.
    """
    infos = []
    for name in bundled_campaigns():
        campaign = load_campaign(name)
        infos.append(
            CampaignInfo(
                name=name,
                title=campaign.metadata.title,
                kind=campaign.metadata.kind,
                metal=campaign.metadata.metal,
                rows={key: table.sizes[key] for key, table in campaign.tables.items()},
                references=dict(campaign.metadata.references),
                path=campaign.path,
            )
        )
    return infos
