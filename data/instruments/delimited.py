"""Tables of text with a header line: where it is, what separates the cells, and the rows.

Such files state no number of rows. Where the last row has no line end it may be cut off within a
number, which nobody can see: that row is left out, and the record says so (``truncated``).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from data.instruments.record import Source, refusal
from data.instruments.text import (
    Table,
    decimal_mark,
    decode,
    mapped,
    read_table,
    split_line,
)

__all__ = ["Layout", "find_layout", "header_names", "read_delimited"]

_MAX_HEADER = 1 << 16


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
    comments : tuple of str
        Lines before the headers that begin with ``#``, without the mark.
    start : int
        First byte of the first row.
    rows : int
        Lines after the headers.
    """

    names: tuple[str, ...]
    line: int
    separator: str
    comments: tuple[str, ...]
    start: int
    rows: int


def _header_line(head: bytes) -> tuple[list[str], str, int, int] | None:
    """Return comments, the header's text, its line and the byte after it; None without one."""
    comments = []
    position = 0
    line = 0
    while position < len(head):
        end = head.find(b"\n", position)
        stop = len(head) if end < 0 else end
        text = decode(head[position:stop]).strip("\r\n")
        line += 1
        position = stop + 1
        if text.lstrip().startswith("#"):
            comments.append(text.lstrip()[1:].strip())
        elif text.strip():
            return comments, text, line, position
    return None


def _split_header(text: str) -> tuple[list[str], str]:
    separator = "\t" if "\t" in text else ";" if ";" in text else ","
    names = split_line(text, separator, quoted=True)
    while names and not names[-1]:
        names.pop()
    return names, separator


def header_names(head: bytes) -> list[str]:
    """Return the headers of a delimited file.

    Parameters
    ----------
    head : bytes
        The file's beginning.

    Returns
    -------
    list of str
        Empty where no line is there.
    """
    found = _header_line(head[:_MAX_HEADER])
    return [] if found is None else _split_header(found[1])[0]


def find_layout(source: Source) -> Layout:
    """Find the headers of a delimited file.

    Parameters
    ----------
    source : Source
        The file.

    Returns
    -------
    Layout
        How it is written.

    Raises
    ------
    RecordError
        There is no header, or a name is missing.
    """
    with mapped(source.path) as content:
        found = _header_line(content[:_MAX_HEADER])
        if found is None:
            raise refusal(source.name, "holds no line of headers")
        comments, text, line, start = found
        names, separator = _split_header(text)
        if "" in names:
            raise refusal(source.name, f"column {names.index('') + 1} has no header", line=line)
        start = min(start, len(content))
        table = Table.bounded(content, start, len(content), first_line=line + 1, names=names)
        rows = table.count(content)
        return Layout(tuple(names), line, separator, tuple(comments), start, rows)


def read_delimited(
    source: Source, layout: Layout, wanted: Mapping[str, int], *, blanks: Collection[str] = ()
) -> tuple[dict[str, Any], dict[str, str | float], int]:
    """Read columns of a delimited file.

    Parameters
    ----------
    source : Source
        The file.
    layout : Layout
        How it is written.
    wanted : mapping of str to int
        Name to the column's position.
    blanks : collection of str
        Those of `wanted` that may be blank.

    Returns
    -------
    read : dict of str to ndarray
        Numbers as written.
    extra : dict
        ``truncated``, where the last row was left out.
    first_line : int
        Line of the first row.

    Raises
    ------
    RecordError
        A cell is no number, or a line has too many or too few cells.
    """
    extra: dict[str, str | float] = {}
    options: dict[str, Any] = {
        "first_line": layout.line + 1,
        "names": layout.names,
        "separator": layout.separator,
        "quoted": True,
    }
    with mapped(source.path) as content:
        table = Table.bounded(content, layout.start, len(content), **options)
        if table.stop > table.start and not table.terminated(content):
            table = table.without_last(content)
            extra["truncated"] = "the last row has no line end and may be cut off: it was left out"
        mark = decimal_mark(
            content,
            table.start,
            table.stop,
            separator=layout.separator,
            file=source.name,
            line=layout.line + 1,
        )
        table = Table(start=table.start, stop=table.stop, decimal=mark, **options)
        read = read_table(source.name, content, table, wanted, blanks=blanks)
    return read, extra, layout.line + 1
