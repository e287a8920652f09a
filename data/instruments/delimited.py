"""Tables of text with a header line: where it is, what separates the cells, and the rows.

Such files state no number of rows. Where the last row has no line end it may be cut off within a
number, which nobody can see: that row is left out, and the record says so (``truncated``).
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from data.instruments.raw_file import RawFile, refusal
from data.instruments.text import TextTable, decode, mapped, mark_of_numbers, split_line
from data.instruments.text_numbers import read_numbers
from data.units import parse_number

__all__ = ["HeaderLine", "Layout", "find_header", "find_layout", "header_lines", "read_delimited"]

type Recogniser = Callable[[Sequence[str]], bool]

_MAX_HEADER = 4 << 20
_MAX_LINES = 2000  # of a protocol above the headers
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?', re.IGNORECASE)


@dataclass(frozen=True)
class HeaderLine:
    """A line that may name columns.

    Parameters
    ----------
    names : tuple of str
        Its cells, without blank ones at the end.
    line : int
        Its number, the first being 1.
    separator : str
        Mark between cells.
    above : tuple of str
        The lines above it that are not blank; comments without their ``#``.
    stop : int
        The byte after it.
    cells : int
        How many cells it has, the blank ones counted.
    """

    names: tuple[str, ...]
    line: int
    separator: str
    above: tuple[str, ...]
    stop: int
    cells: int


@dataclass(frozen=True)
class Layout:
    """How a delimited file is written.

    Parameters
    ----------
    names : tuple of str
        The headers.
    line : int
        Line of the headers.
    separator : str
        Mark between cells.
    above : tuple of str
        The lines above the headers.
    first_line : int
        Line of the first row.
    start : int
        First byte of the first row.
    rows : int
        Lines after the headers.
    first : tuple of str
        Cells of the first row.
    """

    names: tuple[str, ...]
    line: int
    separator: str
    above: tuple[str, ...]
    first_line: int
    start: int
    rows: int
    first: tuple[str, ...]

    def table(self, content: Any) -> TextTable:
        """Return where the rows lie."""
        return TextTable.bounded(
            content,
            self.start,
            len(content),
            first_line=self.first_line,
            names=self.names,
            separator=self.separator,
            quoted=True,
        )


def header_lines(head: bytes) -> Iterator[HeaderLine]:
    """Go through the lines of a file that are no comments and not blank.

    Parameters
    ----------
    head : bytes
        The file's beginning.

    Yields
    ------
    HeaderLine
        What each would be as the line of headers. A line ``sep=;`` says what separates the cells.
    """
    above: list[str] = []
    position, line, stated = 0, 0, ""
    while position < len(head) and line < _MAX_LINES:
        end = head.find(b"\n", position)
        stop = len(head) if end < 0 else end
        text = decode(head[position:stop]).strip("\r\n")
        line += 1
        position = stop + 1
        match = _SEPARATOR_LINE.fullmatch(text.strip()) if not above else None
        if match is not None or text.strip(" ") == "sep=\t":
            stated = match[1] if match else "\t"
        elif text.lstrip().startswith("#"):
            above.append(text.lstrip()[1:].strip())
        elif text.strip():
            separator = stated or ("\t" if "\t" in text else ";" if ";" in text else ",")
            names = split_line(text, separator, quoted=True)
            cells = len(names)
            while names and not names[-1]:
                names.pop()
            stop = min(position, len(head))
            yield HeaderLine(tuple(names), line, separator, tuple(above), stop, cells)
            above.append(text.strip())


def find_header(head: bytes, recognises: Recogniser | None = None) -> HeaderLine | None:
    """Return the line of headers.

    Parameters
    ----------
    head : bytes
        The file's beginning.
    recognises : callable, optional
        Called with the cells of a line: whether they are the headers. Without it the first line
        that is no comment is it.

    Returns
    -------
    HeaderLine or None
        None where there is none above the first line of numbers.
    """
    for found in header_lines(head):
        if recognises is None or recognises(found.names):
            return found
        if len(found.names) > 1 and all(map(_is_number, found.names)):
            return None  # the rows have begun
    return None


def _is_number(cell: str) -> bool:
    return parse_number(cell.replace(",", ".")) is not None


def find_layout(source: RawFile, recognises: Recogniser | None = None) -> Layout:
    """Find the headers of a delimited file.

    Parameters
    ----------
    source : RawFile
        The file.
    recognises : callable, optional
        See `find_header`.

    Returns
    -------
    Layout
        How it is written. Blank lines between headers and rows are passed over.

    Raises
    ------
    RecordError
        There is no header.
    """
    with mapped(source.path) as content:
        found = find_header(content[:_MAX_HEADER], recognises)
        if found is None:
            raise refusal(source.name, "holds no line of headers")
        start, line = found.stop, found.line + 1
        while (end := content.find(b"\n", start)) >= 0 and not content[start:end].strip():
            start, line = end + 1, line + 1
        layout = Layout(found.names, found.line, found.separator, found.above, line, start, 0, ())
        table = layout.table(content)
        first = tuple(table.first_cells(content))
        # Spreadsheets end every line with marks; some instruments the headers' only.
        blank = max(0, min(found.cells, len(first)) - len(found.names))
        names = (*found.names, *[""] * blank)
        return replace(layout, names=names, rows=table.count(content), first=first)


def read_delimited(
    source: RawFile,
    layout: Layout,
    wanted: Mapping[str, int],
    *,
    blanks: Collection[str] = (),
    spare: Collection[str] = (),
    words: Collection[str] = (),
) -> tuple[dict[str, Any], dict[str, str | float]]:
    """Read columns of a delimited file.

    Parameters
    ----------
    source : RawFile
        The file.
    layout : Layout
        How it is written.
    wanted : mapping of str to int
        Name to the column's position.
    blanks : collection of str
        Those of `wanted` that may be blank.
    spare : collection of str
        Those of `wanted` that no row needs: a cell that is blank or no number is NaN.
    words : collection of str
        Those of `wanted` that hold text.

    Returns
    -------
    read : dict of str to ndarray or pandas.Categorical
        Numbers as written; text as a categorical.
    extra : dict
        ``truncated``, where the last row was left out.

    Raises
    ------
    RecordError
        A cell is no number, or a line has too many or too few cells.
    """
    extra: dict[str, str | float] = {}
    with mapped(source.path) as content:
        table = layout.table(content)
        if table.stop > table.start and not table.terminated(content):
            table = table.without_last(content)
            extra["truncated"] = "the last row has no line end and may be cut off: it was left out"
        numbers = {name: place for name, place in wanted.items() if name not in words}
        others = [numbers.pop(name) for name in spare if name in numbers]
        mark = mark_of_numbers(content, table, numbers.values(), file=source.name, spare=others)
        table = replace(table, decimal=mark)
        read = read_numbers(
            source.name, content, table, wanted, words=words, blanks=blanks, spare=spare
        )
    return read, extra
