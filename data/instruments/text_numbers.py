"""Numbers out of long text files: exact, quick, in bounded memory, and refused by line and column.

The C parser of pandas reads the columns that are wanted. Where it fails, the lines are gone through
one by one, to name the first that is wrong.
"""

import csv
import io
import mmap
from array import array
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from data.csv_reader import number_advice
from data.instruments.raw_file import refusal
from data.instruments.text import CHUNK, TextTable, count_lines, decode, split_line
from data.units import parse_number

__all__ = ["read_numbers"]

_SEPARATOR_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs"}


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


def read_numbers(
    file: str,
    content: mmap.mmap,
    table: TextTable,
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
    table : TextTable
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
            line=table.first_line + count_lines(content, table.start, nul),
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


def _regular_rows(content: mmap.mmap, table: TextTable) -> int | None:
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
        newline = content.rfind(b"\n", at, min(at + CHUNK, table.stop))
        if at + CHUNK >= table.stop:
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
    content: mmap.mmap, table: TextTable, wanted: Mapping[str, int], words: Collection[str]
) -> dict[str, Any] | None:
    """Read columns with the C parser of pandas; None where it cannot."""
    import pandas as pd

    kinds = {place: "category" if name in words else "float64" for name, place in wanted.items()}
    window = io.BufferedReader(_Window(content, table.start, table.stop), CHUNK)
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
    table: TextTable,
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
        if end - position > CHUNK:
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


def _ragged_advice(table: TextTable, cells: int, *, last: bool) -> str:
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
