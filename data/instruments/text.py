"""Long text files: mapped into memory, never copied, and what is written in them."""

import csv
import mmap
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.csv_reader import number_advice
from data.errors import UnitError
from data.instruments.raw_file import refusal
from data.units import check_unit, convert

__all__ = [
    "CHUNK",
    "TextTable",
    "count_lines",
    "decode",
    "in_unit",
    "is_unit",
    "line_number",
    "mapped",
    "mark_of_numbers",
    "split_line",
]

CHUNK = 1 << 20
_SAMPLE = 1 << 16
_WITH_MARK = re.compile(r"[+-]?\d*([.,])\d+([eE][+-]?\d+)?")

# What instruments write where pint would understand something else, or nothing.
_UNIT_WORDS = {
    "degC": {"deg c": "degC", "°c": "degC", "c": "degC", "oc": "degC", "degc": "degC"},
    "s": {
        **dict.fromkeys(("sec", "sec.", "secs", "seconds"), "s"),
        **dict.fromkeys(("min", "min.", "mins", "minutes"), "min"),
        **dict.fromkeys(("h", "hr", "hrs", "hours"), "h"),
        "msec": "ms",
    },
    # Written in small letters (time_s, current_ma) a unit is still one of these and no other.
    "V": {"v": "V", "mv": "mV", "uv": "uV", "volts": "V"},
    "A": {"a": "A", "ma": "mA", "ua": "uA", "na": "nA", "amp": "A", "amps": "A"},
}


def decode(data: bytes) -> str:
    """Return text of a header: UTF-8 where it is that, else Windows-1252.

    Parameters
    ----------
    data : bytes
        Part of a file.

    Returns
    -------
    str
        Without a byte-order mark; bytes that mean nothing become U+FFFD.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


@contextmanager
def mapped(path: Path) -> Iterator[mmap.mmap]:
    """Map a file into memory, to be searched without reading it all.

    Parameters
    ----------
    path : Path
        A file that is not empty.

    Yields
    ------
    mmap
        Its bytes.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        yield content


def line_number(content: mmap.mmap, position: int, start: int = 0) -> int:
    """Return the line, the first being 1, in which a position lies.

    Parameters
    ----------
    content : mmap
        The file.
    position : int
        Of a byte.
    start : int
        Where line 1 begins.

    Returns
    -------
    int
        Line number.
    """
    return 1 + count_lines(content, start, position)


def count_lines(content: mmap.mmap, start: int, stop: int) -> int:
    """Count the line ends in a part of a file."""
    return sum(content[at : min(at + CHUNK, stop)].count(b"\n") for at in range(start, stop, CHUNK))


def in_unit(values: ArrayLike, unit: str, canonical: str) -> NDArray[np.float64]:
    """Convert a column from the unit that an instrument writes.

    Parameters
    ----------
    values : array_like
        Numbers [unit].
    unit : str
        As written; a reference (``V vs. Ref.``) is dropped, and ``deg C``, ``°C`` and ``C`` are
        the degree Celsius where that is due, not the coulomb.
    canonical : str
        The unit due.

    Returns
    -------
    ndarray
        Numbers [canonical].

    Raises
    ------
    UnitError
        The unit is not known, or of another quantity.
    """
    text = _unit_word(unit, canonical)
    array = np.asarray(values, dtype=np.float64)
    if text == canonical:
        return array
    if not text:
        raise UnitError(f"no unit is stated: legal is {canonical} or any unit of the same kind")
    return convert(array, text, canonical)


def is_unit(text: str, canonical: str) -> bool:
    """Return whether a word is a unit of a quantity.

    Parameters
    ----------
    text : str
        Such as ``mA`` or ``sec``.
    canonical : str
        A unit of the quantity.

    Returns
    -------
    bool
        Whether `in_unit` would take it.
    """
    try:
        check_unit(_unit_word(text, canonical), canonical)
    except UnitError:
        return False
    return True


def _unit_word(unit: str, canonical: str) -> str:
    """Return a unit as pint understands it."""
    text = re.sub(r"\s+vs\.?\s.*$", "", unit.strip())
    words = _UNIT_WORDS.get(canonical, {})
    # "MS" is no millisecond, and "S" no second: only what is all small, or a word, is mended.
    small = text.lower()
    word = len(text) > (1 if canonical == "s" else 2)
    return words.get(small, text) if text == small or word or canonical == "degC" else text


@dataclass(frozen=True, kw_only=True)
class TextTable:
    """Where the rows of a table lie in a file, and how they are written.

    Parameters
    ----------
    start, stop : int
        First byte of the first row; the byte after the last row's last mark.
    first_line : int
        Line of the first row.
    names : sequence of str
        The columns, as the file names them.
    separator, decimal : str
        Mark between cells; mark within numbers.
    quoted : bool
        Whether cells may stand in double quotes.
    """

    start: int
    stop: int
    first_line: int
    names: Sequence[str]
    separator: str = "\t"
    decimal: str = "."
    quoted: bool = False

    @classmethod
    def bounded(cls, content: mmap.mmap, start: int, stop: int, **options: Any) -> "TextTable":
        """Return the table between two positions, without blank lines at its end."""
        while stop > start:
            tail = content[max(start, stop - CHUNK) : stop]
            kept = len(tail.rstrip(b"\r\n\t ,;"))
            if kept:
                # A row may rightly end in empty cells: what is cut begins at its line end.
                newline = tail.find(b"\n", kept)
                if newline >= 0:
                    stop -= len(tail) - newline
                break
            stop -= len(tail)
        if stop > start and content[stop - 1 : stop] == b"\r":
            stop -= 1
        return cls(start=start, stop=stop, **options)

    def terminated(self, content: mmap.mmap) -> bool:
        """Return whether a line end follows the last row."""
        return content[self.stop : self.stop + 2].lstrip(b"\r")[:1] == b"\n"

    def count(self, content: mmap.mmap) -> int:
        """Return the number of lines."""
        if self.stop <= self.start:
            return 0
        return 1 + count_lines(content, self.start, self.stop)

    def last_line(self, content: mmap.mmap) -> bytes:
        """Return the last row."""
        begin = content.rfind(b"\n", self.start, self.stop) + 1
        return content[max(begin, self.start) : self.stop].rstrip(b"\r")

    def without_last(self, content: mmap.mmap) -> "TextTable":
        """Return the table less its last row."""
        newline = content.rfind(b"\n", self.start, self.stop)
        return replace(self, stop=max(newline, self.start))

    def first_cells(self, content: mmap.mmap) -> list[str]:
        """Return the cells of the first row; empty where there is none."""
        end = content.find(b"\n", self.start, self.stop)
        line = content[self.start : min(self.stop if end < 0 else end, self.start + _SAMPLE)]
        return split_line(decode(line), self.separator, quoted=self.quoted) if line else []


def split_line(text: str, separator: str, *, quoted: bool = False) -> list[str]:
    """Return the cells of one line.

    Parameters
    ----------
    text : str
        The line.
    separator : str
        Mark between cells.
    quoted : bool
        Whether cells may stand in double quotes.

    Returns
    -------
    list of str
        Cells, without blanks around them.
    """
    text = text.rstrip("\r\n")
    if quoted and '"' in text:
        try:
            cells = next(csv.reader([text], delimiter=separator, skipinitialspace=True), [])
        except csv.Error:
            cells = text.split(separator)
    else:
        cells = text.split(separator)
    return [cell.strip() for cell in cells]


def mark_of_numbers(
    content: mmap.mmap,
    table: TextTable,
    wanted: Collection[int],
    *,
    file: str,
    spare: Collection[int] = (),
) -> str:
    """Return the mark within numbers, from the first rows.

    Parameters
    ----------
    content : mmap
        The file.
    table : TextTable
        The rows. Where cells are separated by commas, numbers hold points.
    wanted : collection of int
        Columns that hold numbers; others, such as dates, say nothing about the mark.
    file : str
        Name of the file.
    spare : collection of int
        Columns that no row needs: they tell the mark where the others hold whole numbers only.

    Returns
    -------
    str
        ``","`` or ``"."``.

    Raises
    ------
    RecordError
        Both marks stand within numbers.
    """
    if table.separator == ",":
        return "."
    sample = content[table.start : min(table.stop, table.start + _SAMPLE)]
    seen: set[str] = set()
    others: set[str] = set()
    for row, line in enumerate(decode(sample).splitlines()):
        cells = split_line(line, table.separator, quoted=table.quoted)
        for place in wanted:
            cell = cells[place] if place < len(cells) else ""
            marks = {mark for mark in ",." if mark in cell}
            seen |= marks
            if len(seen) > 1:
                raise refusal(
                    file,
                    number_advice(cell)
                    if len(marks) > 1
                    else "numbers are written with decimal commas and with decimal points: which "
                    "is meant cannot be known; export the file again with one of them",
                    line=table.first_line + row,
                    column=table.names[place],
                )
        spared = (cells[place] for place in spare if place < len(cells))
        others |= {match[1] for cell in spared if (match := _WITH_MARK.fullmatch(cell))}
    return "," if "," in (seen or others) and len(seen or others) == 1 else "."
