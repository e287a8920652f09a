"""Workbooks (``.xlsx``): opened row by row, with what is wrong with one said in a sentence.

A workbook takes about twenty times as long to read as text does.
"""

import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from data.errors import RecordError
from data.instruments.raw_file import RawFile, refusal
from data.workbooks import survey

__all__ = ["Sheet", "holds_workbook", "opened_workbook", "sheet_rows"]

MAX_UNPACKED = 4 << 30
_MAGIC = b"PK\x03\x04"


@dataclass(frozen=True)
class Sheet:
    """A sheet that holds rows of a test.

    Parameters
    ----------
    name : str
        Of the sheet.
    row : int
        Row of the headers, the first being 1.
    names : tuple of str
        The headers.
    """

    name: str
    row: int
    names: tuple[str, ...]


def holds_workbook(source: RawFile) -> bool:
    """Return whether a file is a workbook, or another zip archive."""
    with source.path.open("rb") as file:
        return file.read(4) == _MAGIC


@contextmanager
def opened_workbook(source: RawFile) -> Iterator[Any]:
    """Open a workbook for reading row by row.

    Parameters
    ----------
    source : RawFile
        The file.

    Yields
    ------
    openpyxl.Workbook
        The values of its cells, not their formulas.

    Raises
    ------
    RecordError
        It is damaged, cut off, or no workbook; also where that shows while it is read.
    """
    from openpyxl import load_workbook

    book = None
    try:
        with zipfile.ZipFile(source.path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
            if unpacked > MAX_UNPACKED:
                raise refusal(source.name, f"unpacks to {unpacked} bytes: no workbook does")
            if "xl/workbook.xml" not in archive.namelist():
                raise refusal(source.name, "is a zip archive and no workbook: unpack it first")
            if (wrong := survey(archive)[0]) is not None:
                raise refusal(source.name, wrong)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on styles and the like, also while it is read
            book = load_workbook(source.path, read_only=True, data_only=True)
            yield book
    except RecordError:
        raise
    except Exception as error:
        raise refusal(
            source.name,
            f"cannot be read as a workbook ({error or type(error).__name__}): it is damaged or "
            "cut off; copy it again from the instrument",
        ) from error
    finally:
        if book is not None:
            book.close()


def sheet_rows(book: Any, name: str, most: int | None = None) -> Iterator[tuple[Any, ...]]:
    """Go through the rows of a sheet.

    Parameters
    ----------
    book : openpyxl.Workbook
        Opened for reading.
    name : str
        Of the sheet.
    most : int, optional
        How many rows to read.

    Yields
    ------
    tuple
        The values of a row.
    """
    sheet = book[name]
    if not hasattr(sheet, "reset_dimensions"):
        return  # a chart
    sheet.reset_dimensions()  # what a file says of its extent may be wrong
    yield from sheet.iter_rows(max_row=most, values_only=True)
