"""Numbers out of long text files: exact, quick, in bounded memory, and refused by line and column.

The file is mapped into memory, never copied; the C parser of pandas reads the columns that are
wanted. Where it fails, the lines are gone through one by one, to name the first that is wrong.
"""

import csv
import io
import mmap
import re
from array import array
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.csv_reader import number_advice
from data.errors import UnitError
from data.instruments.record import refusal
from data.units import check_unit, convert, parse_number

__all__ = [
    "Table",
    "decimal_mark",
    "decode",
    "in_unit",
    "is_unit",
    "line_number",
    "mapped",
    "read_table",
    "split_line",
]

_CHUNK = 1 << 20
_SAMPLE = 1 << 16
_WITH_MARK = re.compile(r"[+-]?\d*([.,])\d+([eE][+-]?\d+)?")
_SEPARATOR_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs"}

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
    return 1 + _count_lines(content, start, position)


def _count_lines(content: mmap.mmap, start: int, stop: int) -> int:
    return sum(
        content[at : min(at + _CHUNK, stop)].count(b"\n") for at in range(start, stop, _CHUNK)
    )


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
class Table:
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
    def bounded(cls, content: mmap.mmap, start: int, stop: int, **options: Any) -> "Table":
        """Return the table between two positions, without blank lines at its end."""
        while stop > start:
            tail = content[max(start, stop - _CHUNK) : stop]
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
        return 1 + _count_lines(content, self.start, self.stop)

    def last_line(self, content: mmap.mmap) -> bytes:
        """Return the last row."""
        begin = content.rfind(b"\n", self.start, self.stop) + 1
        return content[max(begin, self.start) : self.stop].rstrip(b"\r")

    def without_last(self, content: mmap.mmap) -> "Table":
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


def decimal_mark(
    content: mmap.mmap,
    table: Table,
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
    table : Table
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


class _Window(io.RawIOBase):
    """A part of a mapped file, as a stream."""

    def __init__(self, content: mmap.mmap, start: int, stop: int) -> None:
        self._content, self._at, self._stop = content, start, stop

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._content[self._at : min(self._stop, self._at + len(buffer))]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


def read_table(
    file: str,
    content: mmap.mmap,
    table: Table,
    wanted: Mapping[str, int],
    *,
    words: Collection[str] = (),
    blanks: Collection[str] = (),
    spare: Collection[str] = (),
) -> dict[str, Any]:
    """Read columns of a table.

    Parameters
    ----------
    file : str
        Name of the file.
    content : mmap
        Its bytes.
    table : Table
        The rows.
    wanted : mapping of str to int
        Name to the column's position.
    words : collection of str
        Those of `wanted` that hold text.
    blanks : collection of str
        Those of `wanted` that may be blank, which is NaN.
    spare : collection of str
        Those of `wanted` that no row needs: also a cell that is no number is NaN.

    Returns
    -------
    dict of str to ndarray or pandas.Categorical
        Numbers as float64; text as a categorical.

    Raises
    ------
    RecordError
        A cell is no finite number, a line has too many or too few cells: the first is named.
    """
    nul = content.find(b"\x00", table.start, table.stop)
    if nul >= 0:
        raise refusal(
            file,
            "holds a NUL character: the file is damaged; copy it again from the instrument",
            line=table.first_line + _count_lines(content, table.start, nul),
        )
    if table.stop <= table.start:
        return _read_slowly(file, content, table, wanted, words, blanks, spare)
    rows = _regular_rows(content, table)
    if rows is not None:
        quick = _read_quickly(content, table, wanted, words)
        if quick is not None and all(
            len(values) == rows
            and (name in (*words, *blanks, *spare) or bool(np.isfinite(values).all()))
            for name, values in quick.items()
        ):
            return quick
    return _read_slowly(file, content, table, wanted, words, blanks, spare)


def _regular_rows(content: mmap.mmap, table: Table) -> int | None:
    """Return the number of lines; None unless each has as many cells as columns are named."""
    if table.quoted and content.find(b'"', table.start, table.stop) >= 0:
        return None
    first = content.find(b"\n", table.start, table.stop)
    line = content[table.start : table.stop if first < 0 else first].rstrip(b"\r")
    mark = table.separator.encode()
    extra = line.count(mark) + 1 - len(table.names)
    # Some instruments end each line with a mark.
    if extra not in (0, 1) or (extra == 1 and not line.endswith(mark)):
        return None
    due = len(table.names) - 1 + extra
    at = table.start
    rows = 0
    while at < table.stop:
        newline = content.rfind(b"\n", at, min(at + _CHUNK, table.stop))
        if at + _CHUNK >= table.stop:
            end = table.stop
        elif newline < 0:
            return None
        else:
            end = newline + 1
        piece = content[at:end]
        if end == table.stop:
            piece += b"\n"
        octets = np.frombuffer(piece, dtype=np.uint8)
        ends = np.flatnonzero(octets == ord("\n"))
        returns = np.flatnonzero(octets == ord("\r"))
        if returns.size and np.any(octets[np.minimum(returns + 1, octets.size - 1)] != ord("\n")):
            return None  # pandas would begin a line there
        marks = np.searchsorted(np.flatnonzero(octets == mark[0]), ends)
        if np.any(np.diff(marks, prepend=0) != due):
            return None
        if extra:
            before = octets[ends - 1]
            before = np.where(before == ord("\r"), octets[ends - 2], before)
            if np.any(before != mark[0]):
                return None
        rows += len(ends)
        at = end
    return rows


def _read_quickly(
    content: mmap.mmap, table: Table, wanted: Mapping[str, int], words: Collection[str]
) -> dict[str, Any] | None:
    """Read columns with the C parser of pandas; None where it cannot."""
    import pandas as pd

    kinds = {place: "category" if name in words else "float64" for name, place in wanted.items()}
    window = io.BufferedReader(_Window(content, table.start, table.stop), _CHUNK)
    try:
        frame = pd.read_csv(
            window,
            sep=table.separator,
            header=None,
            usecols=sorted(kinds),
            dtype=kinds,
            decimal=table.decimal,
            quoting=csv.QUOTE_NONE,
            skipinitialspace=True,
            skip_blank_lines=False,
            keep_default_na=False,
            na_values=[""],
            encoding="latin-1",
            index_col=False,
            engine="c",
        )
    except (ValueError, OverflowError, IndexError):
        return None
    return {
        name: frame[place].array if name in words else frame[place].to_numpy(dtype=np.float64)
        for name, place in wanted.items()
    }


def _read_slowly(
    file: str,
    content: mmap.mmap,
    table: Table,
    wanted: Mapping[str, int],
    words: Collection[str],
    blanks: Collection[str],
    spare: Collection[str],
) -> dict[str, Any]:
    """Read columns line by line: what the quick way cannot, and to name the first mistake."""
    import pandas as pd

    numbers = {name: array("d") for name in wanted if name not in words}
    texts: dict[str, list[str]] = {name: [] for name in words}
    due = len(table.names)
    extra = 0  # some instruments end each line with a mark
    marked = table.separator != ","  # which is one within numbers, too
    rows = table.count(content)
    position = table.start
    for row in range(rows):
        end = content.find(b"\n", position, table.stop)
        end = table.stop if end < 0 else end
        line = table.first_line + row
        if end - position > _CHUNK:
            raise refusal(file, f"is {end - position} characters long: no row is", line=line)
        text = decode(content[position:end])
        position = end + 1
        if not text.strip():
            raise refusal(file, "is blank between rows: delete it", line=line)
        cells = split_line(text, table.separator, quoted=table.quoted)
        if row == 0:
            extra = len(cells) - due
        ends_marked = marked and (extra or not table.names[-1])
        if ends_marked and row == rows - 1 and len(cells) == due + extra - 1 and cells[-1]:
            cells.append("")  # after the mark that ends the others
        if len(cells) != due + extra or extra not in (0, 1) or (extra and cells[-1]):
            advice = _ragged_advice(table, len(cells), last=row == rows - 1)
            raise refusal(file, advice, line=line)
        for name, column in numbers.items():
            cell = cells[wanted[name]]
            plain = cell.replace(",", ".") if table.decimal == "," else cell
            if (value := parse_number(plain)) is not None:
                column.append(value)
            elif name in spare or (not cell and name in blanks):
                column.append(np.nan)
            else:
                needed = "every row of a record needs this number; delete the row"
                if name in blanks:
                    advice = number_advice(cell)
                else:
                    advice = number_advice(cell, needed) if cell else f"is blank: {needed}"
                if row == rows - 1:
                    advice += "; or is the file cut off here?"
                raise refusal(file, advice, line=line, column=table.names[wanted[name]])
        for name, words_read in texts.items():
            words_read.append(cells[wanted[name]])
    return {name: np.frombuffer(column) for name, column in numbers.items()} | {
        name: pd.Categorical(read) for name, read in texts.items()
    }


def _ragged_advice(table: Table, cells: int, *, last: bool) -> str:
    due = len(table.names)
    message = f"has {cells} cell{'s' if cells != 1 else ''} where {due} columns are named"
    if last and cells < due:
        return (
            f"{message}: the file is cut off here; copy it again from the instrument, or delete "
            "this line"
        )
    if table.separator == "," and cells > due:
        return (
            f"{message}: are decimal commas and commas between cells mixed? Separate the cells by "
            "semicolons or tabs, or write decimal points"
        )
    return f"{message} (cells are separated by {_SEPARATOR_NAMES[table.separator]})"
