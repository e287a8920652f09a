"""Strict reading of CSV text: what cannot be read for certain is refused by name, never misread.

Cells are separated by commas, semicolons or tabs: the mark that the header holds, or that a first
line ``sep=;`` states, as spreadsheets write it.
"""

import csv
import io
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from data.errors import InputError, Mistake
from data.files import read_bytes

__all__ = [
    "EMPTY_ADVICE",
    "MAX_BYTES",
    "MAX_ROWS",
    "RawTable",
    "cell_of",
    "clean_text",
    "number_advice",
    "read_csv",
    "separator_of",
    "split_text",
    "states_separator",
    "text_of",
    "title_advice",
]

MAX_BYTES = 20_000_000
MAX_ROWS = 100_000

EMPTY_ADVICE = "fill it, or delete it (every table is optional)"
"""What to do about a table without rows."""

# Spreadsheets fill the line up with separators.
_STATED = re.compile(r'"?sep=([,;\t])"?[,;\t ]*', re.IGNORECASE)

# What spreadsheets compute, what is a comment here, and texts that stand behind an apostrophe.
_FORMULA = re.compile(r"[\s']*[=+\-@＝＋－＠#]")

_LONGEST_NUMBER = 60  # of which it can be told what was meant

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
    separator : str
        Mark between cells; a comma where there is none, as in a sheet.
    """

    file: str
    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    separator: str = ","


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
    words = " ".join(text.split())
    return words if words.isascii() else unicodedata.normalize("NFC", words)


def cell_of(text: str) -> str:
    """Return text as a cell that no spreadsheet takes for a formula, and no reader for a comment.

    Parameters
    ----------
    text : str
        Any.

    Returns
    -------
    str
        Behind an apostrophe where it begins as these do; `text_of` takes it off again.
    """
    return f"'{text}" if _FORMULA.match(text) else text


def text_of(cell: str) -> str:
    """Return the text of a cell that `cell_of` may have written.

    Parameters
    ----------
    cell : str
        As the file states it.

    Returns
    -------
    str
        Without the apostrophe that keeps it from being taken for anything else.
    """
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


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
    if len(text) > _LONGEST_NUMBER:
        return f"{text[:_LONGEST_NUMBER] + '…'!r} is not a number, or is too large for one"
    several = several or "this column takes a single number, no bound and no range"
    lowered = text.lower()
    if lowered in _MISSING_WORDS or lowered.startswith("#"):
        return f"{text!r} is not a number: {missing or 'leave the cell blank where there is none'}"
    if lowered.lstrip("+-") in {"inf", "infinity", "∞"}:
        blank = "leave the cell blank where there is none; an open end of an interval is blank too"
        return f"{text!r} is not a finite number: {missing or blank}"
    if re.fullmatch(r"[+-]?[1-9]\d{0,2},\d{3}", text):
        return (
            f"{text!r} holds a comma, a decimal one or one of thousands: write "
            f"{text.replace(',', '')} or {text.replace(',', '.')}, whichever is meant"
        )
    if re.fullmatch(r"[+-]?[1-9]\d{0,2}(,\d{2,3})*,\d{3}(\.\d*)?([eE][+-]?\d+)?", text):
        return f"{text!r} holds commas between thousands: write {text.replace(',', '')}"
    if re.fullmatch(r"[+-]?[1-9]\d{0,2}((\.\d{3})+,\d*|(\.\d{3}){2,})([eE][+-]?\d+)?", text):
        plain = text.replace(".", "").replace(",", ".")
        return f"{text!r} holds points between thousands: write {plain}"
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


def title_advice(title: str) -> str:
    """Say what to do about a title above the headers.

    Parameters
    ----------
    title : str
        The only cell of its row.

    Returns
    -------
    str
        A message.
    """
    return f"{title!r} stands above the headers: they stand first; delete this row"


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


def states_separator(line: str) -> str | None:
    """Return the separator that a line ``sep=;`` states.

    Parameters
    ----------
    line : str
        The first line of a file.

    Returns
    -------
    str or None
        None where the line is another one.
    """
    match = _STATED.fullmatch(line.strip("\r\n "))
    return None if match is None else match[1]


def separator_of(text: str) -> str:
    """Return the mark between the cells of a CSV text.

    Parameters
    ----------
    text : str
        The file's text.

    Returns
    -------
    str
        What a first line ``sep=;`` states; else a semicolon or a tab where the header holds that
        and no comma; else a comma.
    """
    first = next((line for line in text.splitlines() if line.strip()), "")
    stated = states_separator(first)
    if stated is not None:
        return stated
    return next((mark for mark in (";", "\t") if mark in first and "," not in first), ",")


def read_csv(path: Path) -> tuple[RawTable | None, list[Mistake]]:
    """Read the cells of a CSV file.

    UTF-8 (with or without the mark that Excel writes), double quotes around cells that hold a
    separator. Comment lines do not exist.

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
        content = read_bytes(path, MAX_BYTES)
    except InputError as error:
        return None, [Mistake(file, str(error))]
    text, mistake = _decode(file, content)
    if mistake is not None:
        return None, [mistake]
    if not text.strip():
        return None, [Mistake(file, f"is empty: {EMPTY_ADVICE}")]
    return split_text(file, text)


def split_text(file: str, text: str) -> tuple[RawTable | None, list[Mistake]]:
    """Cut the text of a CSV file into cells.

    Parameters
    ----------
    file : str
        Name of the file.
    text : str
        Its text.

    Returns
    -------
    table : RawTable or None
        None where nothing can be read.
    mistakes : list of Mistake
        What is wrong.
    """
    separator = separator_of(text)
    header: tuple[str, ...] | None = None
    rows: list[tuple[int, tuple[str, ...]]] = []
    mistakes: list[Mistake] = []
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=separator, strict=True, skipinitialspace=True
    )
    line, width, above = 1, 0, 0
    begun = False
    try:
        for record in reader:
            cells = tuple(map(clean_text, record))
            start, line = line, reader.line_num + 1
            if not any(cells):
                continue
            begun, first = True, not begun
            if first and states_separator(separator.join(record)) is not None:
                continue
            if cells[0].startswith("#"):
                advice = (
                    "is a comment: comments are not read; use the column note, or campaign.toml"
                )
                mistakes.append(Mistake(file, advice, line=start))
            elif header is None:
                header, width, above = cells, len(cells), start
                # Columns that a spreadsheet has emptied; between commas, decimal ones could shift
                # the cells of a row into them.
                while not header[-1] and (separator != "," or not any(header[1:])):
                    header = header[:-1]
                if len(cells) == 1 and "|" in cells[0]:
                    advice = "is separated by bars: save it with commas between cells"
                    return None, [Mistake(file, advice, line=start)]
            elif len(header) == 1 and sum(map(bool, cells)) > 1 and not set(header[0]) & set(";\t"):
                return None, [Mistake(file, title_advice(header[0]), line=above)]
            elif len(cells) != width:
                mistakes.append(_ragged(file, start, cells, width, separator))
            elif any(cells[len(header) :]):
                mistakes.append(Mistake(file, "has a cell right of the last header", line=start))
            elif len(rows) == MAX_ROWS:
                mistakes.append(Mistake(file, f"has more than {MAX_ROWS} rows", line=start))
                break
            else:
                rows.append((start, cells[: len(header)]))
    except csv.Error as error:
        mistakes.append(Mistake(file, f"has broken quotes or cells ({error})", line=line))
    if header is None:
        if not mistakes:
            mistakes.append(Mistake(file, f"holds only commas and blanks: {EMPTY_ADVICE}"))
        return None, mistakes
    if not rows and not mistakes:
        mistakes.append(Mistake(file, f"has a header and no rows: {EMPTY_ADVICE}"))
    return RawTable(file, header, tuple(rows), separator), mistakes


def _ragged(file: str, line: int, cells: tuple[str, ...], due: int, separator: str) -> Mistake:
    message = f"has {len(cells)} cells where the header has {due}"
    if separator != ",":
        name = "semicolon" if separator == ";" else "tab"
        message += (
            f": a text with a {name} (put it in quotes)?"
            if len(cells) > due
            else f": write a {name} for each blank cell too"
        )
    elif len(cells) > due:
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
