"""Campaigns found and loaded: their folders are read and checked as a whole."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.campaign import Campaign
from data.csv_reader import EMPTY_ADVICE
from data.dataset import make_dataset
from data.errors import CampaignError, InputError, Mistake, first_of
from data.files import what_stands
from data.metadata import FILE, CampaignMetadata, read_metadata
from data.quantities import quantities
from data.references import bibliography
from data.schema import nearest
from data.table_reader import ReadRow, ReadTable, check_table, read_table
from data.tables import tables as all_tables
from data.whole_files import is_temporary
from data.workbooks import DESCRIPTION, SUFFIX, is_workbook, read_workbook

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["CampaignInfo", "bundled_campaigns", "find_campaign", "list_campaigns", "load_campaign"]

_BUNDLED = Path(__file__).parent / "campaigns"
_SPREADSHEETS = frozenset({".xls", ".xlsm", ".xlsb", ".ods", ".numbers"})
_TEXTS = frozenset({".tsv", ".txt", ".dat"})


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

    Examples
    --------
    >>> campaign = load_campaign("sodium-literature")
    >>> list(campaign.tables)
    ['dc_polarization', 'morphology', 'published', 'separators']
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

    Examples
    --------
    >>> [info.name for info in list_campaigns()]
    ['sodium-literature', 'sodium-synthetic']
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
