"""Strict reading of CSV text: what cannot be read for certain is refused by name, never misread."""

import csv
import io
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from data.errors import Mistake

__all__ = ["MAX_BYTES", "MAX_ROWS", "RawTable", "clean_text", "number_advice", "read_csv"]

MAX_BYTES = 20_000_000
MAX_ROWS = 100_000

_EMPTY_ADVICE = "fill it, or delete it (every table is optional)"

_MISSING_WORDS = frozenset(
    {"-", "--", "—", "–", "/", "?", "n/a", "na", "nan", "n.a.", "nd", "n.d.", "none", "null", "tbd"}
)


@dataclass(frozen=True)
class RawTable:
    """The cells of a CSV file as text.

    Parameters
    ----------
    file : str
        Name of the file.
    header : tuple of str
        The header's cells.
    rows : tuple of (int, tuple of str)
        Line number, the header being line 1, and the cells; blank rows are left out.
    """

    file: str
    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]


def clean_text(text: str) -> str:
    """Return text with one blank between words and one form of every accented letter.

    Parameters
    ----------
    text : str
        A cell.

    Returns
    -------
    str
        The cell as it is compared and stored.
    """
    return unicodedata.normalize("NFC", " ".join(text.split()))


def number_advice(
    text: str,
    missing: str | None = None,
    several: str | None = None,
) -> str:
    """Say why a cell is not a number and what to write.

    Parameters
    ----------
    text : str
        The cell.
    missing : str, optional
        What to do where there is no number, if the cell may not be left blank.
    several : str, optional
        What to do where the cell holds a bound or a range, if one can be entered.

    Returns
    -------
    str
        A message.
    """
    several = several or "this column takes a single number, no bound and no range"
    lowered = text.lower()
    if lowered in _MISSING_WORDS or lowered.startswith("#"):
        return f"{text!r} is not a number: {missing or 'leave the cell blank where there is none'}"
    if lowered.lstrip("+-") in {"inf", "infinity", "∞"}:
        blank = "leave the cell blank where there is none; an open end of an interval is blank too"
        return f"{text!r} is not a finite number: {missing or blank}"
    if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?", text):
        return (
            f"{text!r} holds a comma, a decimal one or one of thousands: write "
            f"{text.replace(',', '')} or {text.replace(',', '.', 1)}, whichever is meant"
        )
    if re.fullmatch(r"[+-]?\d*,\d+([eE][+-]?\d+)?", text):
        return f"{text!r} holds a decimal comma: write {text.replace(',', '.')}"
    if re.fullmatch(r"[+-]?\d{1,3}([ '_\u00a0\u202f]\d{3})+([.,]\d*)?", text):
        plain = re.sub(r"[ '_\u00a0\u202f]", "", text).replace(",", ".")
        return f"{text!r} holds separators of thousands: write {plain}"
    if text[:1] in "<>≤≥~≈" and any(c.isdigit() for c in text):
        return f"{text!r} is not a plain number: {several}"
    if "±" in text or "+/-" in text:
        return f"{text!r} holds an error: write it in the column's _sd, where the table has one"
    if re.fullmatch(r"[+-]?[\d.]+\s*(-|–|to|\.\.+)\s*[\d.]+", text):
        return f"{text!r} looks like a range: {several}"
    if "−" in text:
        return f"{text!r} holds a typographic minus sign: write '-'"
    if re.fullmatch(r"[+-]?[\d.]+[eE][+-]?\d+", text):
        return f"{text!r} is too large for a number"
    if re.fullmatch(r"[+-]?[\d.]+([eE][+-]?\d+)?\s*[A-Za-zµμ°%Ω/^].*", text):
        return f"{text!r} holds a unit: units stand in the header, as 'quantity [unit]'"
    return f"{text!r} is not a number: write digits with a decimal point, such as 1.5 or 2e-6"


def _decode(file: str, content: bytes) -> tuple[str, Mistake | None]:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in content[:2000]:
        return "", Mistake(file, "is UTF-16 or not text: save it as 'CSV UTF-8'")
    try:
        text = content.decode("utf-8-sig")  # the mark that Excel writes first is dropped
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        return "", Mistake(
            file,
            f"is not UTF-8 (byte 0x{content[error.start]:02x}), perhaps Windows-1252 or Latin-1: "
            "save it as 'CSV UTF-8'",
            line=line,
        )
    for mark, name in (("\x00", "a NUL character"), ("\ufffd", "the replacement character U+FFFD")):
        if mark in text:
            line = text[: text.index(mark)].count("\n") + 1
            return "", Mistake(
                file,
                f"holds {name}: the file is damaged; export it again as 'CSV UTF-8'",
                line=line,
            )
    return text, None


def _delimiter_mistake(file: str, header_line: str) -> Mistake | None:
    for mark, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if mark in header_line and "," not in header_line:
            return Mistake(
                file,
                f"is separated by {name}: save it with commas between cells and points in numbers",
                line=1,
            )
    return None


def read_csv(path: Path) -> tuple[RawTable | None, list[Mistake]]:
    """Read the cells of a CSV file.

    UTF-8 (with or without the mark that Excel writes), commas between cells, double quotes around
    cells that hold one. Comment lines do not exist.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    table : RawTable or None
        None where nothing can be read.
    mistakes : list of Mistake
        What is wrong.
    """
    file = path.name
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            message = (
                f"has {size} bytes: at most {MAX_BYTES} are read; a table holds results, not raw"
            )
            return None, [Mistake(file, f"{message} records")]
        content = path.read_bytes()
    except OSError as error:
        return None, [Mistake(file, f"cannot be read: {error.strerror or error}")]
    text, mistake = _decode(file, content)
    if mistake is not None:
        return None, [mistake]
    if not text.strip():
        return None, [Mistake(file, f"is empty: {_EMPTY_ADVICE}")]
    first_line = text.lstrip().splitlines()[0]
    if (mistake := _delimiter_mistake(file, first_line)) is not None:
        return None, [mistake]
    return _split(file, text)


def _split(file: str, text: str) -> tuple[RawTable | None, list[Mistake]]:
    header: tuple[str, ...] | None = None
    rows: list[tuple[int, tuple[str, ...]]] = []
    mistakes: list[Mistake] = []
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True)
    line = 1
    try:
        for record in reader:
            cells = tuple(clean_text(cell) for cell in record)
            start, line = line, reader.line_num + 1
            if not any(cells):
                continue
            if cells[0].startswith("#"):
                advice = (
                    "is a comment: comments are not read; use the column note, or campaign.toml"
                )
                mistakes.append(Mistake(file, advice, line=start))
            elif header is None:
                header = cells
            elif len(cells) != len(header):
                mistakes.append(_ragged(file, start, cells, len(header)))
            elif len(rows) == MAX_ROWS:
                mistakes.append(Mistake(file, f"has more than {MAX_ROWS} rows", line=start))
                break
            else:
                rows.append((start, cells))
    except csv.Error as error:
        mistakes.append(Mistake(file, f"has broken quotes or cells ({error})", line=line))
    if header is None:
        if not mistakes:
            mistakes.append(Mistake(file, f"holds only commas and blanks: {_EMPTY_ADVICE}"))
        return None, mistakes
    if not rows and not mistakes:
        mistakes.append(Mistake(file, f"has a header and no rows: {_EMPTY_ADVICE}"))
    return RawTable(file, header, tuple(rows)), mistakes


def _ragged(file: str, line: int, cells: tuple[str, ...], due: int) -> Mistake:
    message = f"has {len(cells)} cells where the header has {due}"
    if len(cells) > due:
        if any(";" in cell or "\t" in cell for cell in cells):
            message += ": is it separated by semicolons or tabs, with decimal commas?"
        else:
            message += (
                ": a decimal comma (write a point), or a text with a comma (put it in quotes)?"
            )
    elif any(";" in cell for cell in cells):
        message += ": is it separated by semicolons? Write commas between cells"
    else:
        message += ": write a comma for each blank cell too"
    return Mistake(file, message, line=line)
