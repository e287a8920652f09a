"""Appending rows to a table of a campaign: its text stays, and the file is whole at any time.

What stands in the file is kept byte for byte: its units, the order of its columns, its line ends,
the marks between cells and within numbers.
New rows are converted into the units of its headers; a column that they need and the file has not
is added behind the last one.
"""

import contextlib
import shlex
import shutil
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from data.added_rows import Addition, appended
from data.csv_reader import read_csv
from data.errors import CampaignError, ChangedError, InputError, Mistake
from data.files import expanded, resolved, what_stands
from data.locks import locked_folders
from data.metadata import FILE, read_metadata
from data.schema import Row
from data.table import Table
from data.tables import tables as all_tables
from data.whole_files import content_hash, is_left_over, temporary_folder, write_whole
from data.workbooks import SUFFIX, is_workbook, read_workbook

if TYPE_CHECKING:
    from data.campaign import Campaign

__all__ = [
    "TRIES",
    "append_rows",
    "check_addition",
    "check_target",
    "current_text",
    "locked",
    "write_addition",
]

_WRITABLE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH
TRIES = 5
"""How often a table is read anew that somebody saves while rows are added to it."""


def append_rows(folder: str | Path, table: str, rows: Sequence[Row]) -> Addition:
    """Append rows to a table of a campaign, or leave the campaign as it was.

    Parameters
    ----------
    folder : str or Path
        The campaign's folder.
    table : str
        Name of the table; its file is begun where there is none.
    rows : sequence of mapping
        Cells by column in canonical units; what is missing is blank.

    Returns
    -------
    Addition
        What was written.

    Raises
    ------
    InputError
        The folder is no campaign that can be written to, or a row has a column that the table has
        not.
    CampaignError
        The campaign has mistakes of its own, or would have them with these rows.
    """
    schema = all_tables()[table]
    target = check_target(folder, schema)
    with locked(target, schema):
        for left in reversed(range(TRIES)):
            addition = appended(schema, current_text(target, schema), rows)
            check_addition(target, addition)
            try:
                write_addition(target, addition)
                break
            except ChangedError:
                if not left:
                    raise
    return addition


def locked(folder: Path, table: Table) -> contextlib.AbstractContextManager[None]:
    """Keep every other process that appends to a table of a campaign waiting.

    The table may be a link to a file that other campaigns link to, too.

    Parameters
    ----------
    folder : Path
        The campaign's folder.
    table : Table
        The table.

    Raises
    ------
    InputError
        As of `data.locks.locked_folders`.
    """
    return locked_folders({folder, _target(folder, table).parent})


def check_target(folder: str | Path, table: Table) -> Path:
    """Check that rows of a table can be appended to a campaign as it stands.

    A campaign without any table, and a file of the table that has a header only, are legal here.

    Parameters
    ----------
    folder : str or Path
        The campaign's folder.
    table : Table
        The table to append to.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    InputError
        There is no such folder, or it is a bundled campaign.
    CampaignError
        The campaign has mistakes.
    """
    from data.loading import bundled_campaigns

    path = expanded(folder)
    path = path.parent if path.name == FILE and path.is_file() else path
    bundled = bundled_campaigns()
    if is_workbook(path):
        raise InputError(
            f"{str(path)!r} is a workbook, to which no rows are appended: make a folder of it, "
            f"with a {FILE} and each sheet saved as its table's .csv"
        )
    if not path.is_dir():
        if str(folder) in bundled:
            raise InputError(
                f"{str(folder)!r} is a campaign that comes with the program and is not written to: "
                "name the folder of your own"
            )
        raise InputError(
            f"there is no campaign folder {str(folder)!r}: "
            f"`anodebayes new {shlex.quote(str(folder))}` writes one; "
            f"state metal and electrolyte in its {FILE}, then import again"
        )
    if any(path.resolve() == own.resolve() for own in bundled.values()):
        raise InputError(
            f"{str(path)!r} is a campaign that comes with the program and is not written to: name "
            "the folder of your own"
        )
    for book in filter(is_workbook, sorted(path.iterdir())):
        if any(name.strip().lower() == table.name for name in read_workbook(book)[0]):
            raise InputError(
                f"{table.name} is a sheet of {str(book)!r}, to which no rows are appended: save "
                f"the sheet as {table.file}, and delete it in the workbook"
            )
    _target(path, table)  # before any time is spent
    files = [known.file for known in all_tables().values() if (path / known.file).is_file()]
    if table.file in files and _has_no_rows(path / table.file):
        files.remove(table.file)
    if not files and not any(map(is_workbook, path.iterdir())):
        metadata, _, mistakes = read_metadata(path)
        if metadata is None:
            raise CampaignError(str(folder), mistakes)
        return path.resolve()
    with _draft(path, leave_out=table.file if table.file not in files else None) as draft:
        _load(draft, str(folder))
    return path.resolve()


def current_text(folder: Path, table: Table) -> str | None:
    """Return the text of a table's file.

    Parameters
    ----------
    folder : Path
        The campaign's folder.
    table : Table
        The table.

    Returns
    -------
    str or None
        With its line ends and its mark of UTF-8, if any; None where there is no file.

    Raises
    ------
    CampaignError
        It is not UTF-8.
    """
    try:
        return (folder / table.file).read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        mistake = Mistake(table.file, "is not UTF-8: save it as 'CSV UTF-8'")
        raise CampaignError(str(folder), [mistake]) from None


def check_addition(folder: Path, addition: Addition) -> "Campaign":
    """Check a campaign as it would be with rows added.

    Parameters
    ----------
    folder : Path
        The campaign's folder.
    addition : Addition
        The rows.

    Returns
    -------
    Campaign
        As it would be.

    Raises
    ------
    CampaignError
        What the campaign would break, the mistakes of the new rows only where there are any.
    """
    with _draft(folder, leave_out=None) as draft:
        (draft / addition.table.file).write_text(addition.text, encoding="utf-8", newline="")
        try:
            return _load(draft, str(folder))
        except CampaignError as error:
            own = [
                mistake
                for mistake in error.mistakes
                if mistake.file == addition.table.file and mistake.line in addition.lines
            ]
            raise CampaignError(str(folder), own or error.mistakes) from None


def write_addition(folder: Path, addition: Addition) -> None:
    """Put the file of a table in place: beside first, on the disk, then renamed.

    Where the table is a link, the file that it leads to is written.

    Parameters
    ----------
    folder : Path
        The campaign's folder.
    addition : Addition
        Checked by `check_addition`.

    Raises
    ------
    InputError
        Nobody may write to the file, or its link leads nowhere.
    ChangedError
        The file is not the one any more to which the rows were added: it stays.
    """
    target = _target(folder, addition.table)
    known = content_hash(target)
    if current_text(folder, addition.table) != addition.before:
        raise ChangedError(
            f"{str(target)!r} was saved by another program while rows were added to it, again and "
            "again: nothing was added. Close that program, and give the command again"
        )
    for left in target.parent.iterdir():
        if is_left_over(left.name) and left.name.endswith(f"-{target.name}"):
            left.unlink(missing_ok=True)

    def write(path: Path) -> None:
        path.write_text(addition.text, encoding="utf-8", newline="")
        if target.exists():
            shutil.copymode(target, path)

    write_whole(target, write, instead_of=known)


def _target(folder: Path, table: Table) -> Path:
    """Return the file that rows of a table are written to, if they may be."""
    path = folder / table.file
    target = resolved(path)
    if path.is_symlink() and not target.is_file():
        raise InputError(f"{str(path)!r} {what_stands(path)}: no rows are added to it")
    if target.is_file() and target.stat().st_nlink > 1:
        raise InputError(
            f"{str(target)!r} is a file with other names (hard links), which would not get the "
            "rows that are added to it: make it a copy, or a symbolic link"
        )
    if target.is_file() and not target.stat().st_mode & _WRITABLE:
        raise InputError(
            f"{str(target)!r} may be read only, and rows would be added to it: make it writable, "
            "or import into another campaign"
        )
    return target


def _has_no_rows(path: Path) -> bool:
    raw, _ = read_csv(path)
    if raw is not None:
        return not raw.rows
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return not path.read_text(encoding="utf-8-sig").strip(" \r\n\t,;")
    return False


@contextlib.contextmanager
def _draft(folder: Path, *, leave_out: str | None) -> Iterator[Path]:
    """Copy what a campaign is read from into a folder that goes away again."""
    with temporary_folder() as place:
        draft = place / "campaign"
        draft.mkdir()
        for entry in sorted(folder.iterdir()):
            wanted = entry.name == FILE or entry.suffix.lower() in (".csv", SUFFIX)
            if wanted and entry.name != leave_out and entry.is_file():
                shutil.copyfile(entry, draft / entry.name)
        yield draft


def _load(draft: Path, name: str) -> "Campaign":
    from data.loading import load_campaign

    try:
        return load_campaign(draft)
    except CampaignError as error:
        raise CampaignError(name, error.mistakes) from None
