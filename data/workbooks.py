"""Workbooks (``.xlsx``) of campaigns: every sheet is a table, and bears its name.

A sheet is read as the CSV file of its name is: the first row that is not blank holds the headers.
What a cell shows and what it holds may differ, and a cell may hold what no table does: dates that
a spreadsheet made of entries such as 3-5, percentages, errors, formulas without a stored value,
merged cells, hidden rows, columns and sheets, cells that are struck out or show nothing, numbers
shown in another unit, rows out of order.
These are refused by row. A sheet ``campaign`` holds what ``campaign.toml`` says, a key and its
value a row; a sheet whose name begins with ``_`` is passed over.
"""

import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import IO, Any
from xml.parsers import expat

from data.csv_reader import EMPTY_ADVICE, MAX_BYTES, MAX_ROWS, RawTable, clean_text, title_advice
from data.errors import Mistake

__all__ = [
    "DESCRIPTION",
    "SUFFIX",
    "description",
    "is_workbook",
    "read_workbook",
    "survey",
]

SUFFIX = ".xlsx"
"""How the name of a workbook ends."""

DESCRIPTION = "campaign"
"""Name of the sheet that holds what ``campaign.toml`` says."""

MAX_UNPACKED = 1 << 30
_PASSED_OVER = "_"
_PIECE = 1 << 20
MAX_SHEET_ROWS = 1 << 20  # as spreadsheets have
MAX_CELLS = 40 * MAX_ROWS
_TYPES = {"b", "d", "e", "inlineStr", "n", "s", "str"}
_ROW_NUMBER = re.compile(r"([0-9]{1,7})(?:\.0+)?")
_PLACE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_WHICH = "which rows and cells are meant cannot be known"
_SAVE_AGAIN = "open it in a spreadsheet, see that every row is there, and save it again"
_SCALED = re.compile(r"[0#?],+(?=[^0#?,]|$)")  # a format that shows thousands or millions
_SHOWN_TEXT = re.compile(r'"([^"]*)"|\\(.)')  # in quotes, or behind a backslash
_NUMBER = re.compile(r"[-+−'<>~≈]?[\d.,\s]*\d[\d.,\s]*([eE][-+−]?\d+)?%?")
_WHOLE = 1e15  # numbers up to here are whole where they look so


def is_workbook(path: Path) -> bool:
    """Return whether a path is a workbook that may hold a campaign.

    Parameters
    ----------
    path : Path
        Any.

    Returns
    -------
    bool
        Whether it is a file of that name; a spreadsheet's mark of a file that is open is none.
    """
    return path.suffix.lower() == SUFFIX and not path.name.startswith("~$") and path.is_file()


def survey(archive: zipfile.ZipFile) -> tuple[str | None, int]:
    """Say which row or cell of a workbook does not follow the one before it, and count the cells.

    Readers put a row where its number says and a cell where its name does, and lose what is there
    or what follows.

    Parameters
    ----------
    archive : ZipFile
        The workbook.

    Returns
    -------
    wrong : str or None
        What is; None where the rows of every sheet are in their order, and cells in theirs.
    filled : int
        How many cells hold something, where nothing is wrong.
    """
    filled = 0
    for member in archive.infolist():
        if not member.filename.lower().endswith(".xml"):
            continue
        with archive.open(member) as part:
            rows = _SheetRows()
            try:
                rows.read(part)
            except _Misplaced as found:
                name = PurePosixPath(member.filename).stem
                return f"{str(found).format(sheet=name)}; {_SAVE_AGAIN}", 0
            except expat.ExpatError as error:
                return f"is damaged ({member.filename}: {error}); {_SAVE_AGAIN}", 0
        filled += rows.filled
    return None, filled


class _Misplaced(Exception):  # noqa: N818 - a signal, never seen by a user
    """A row or a cell does not follow the one before it."""


class _SheetRows:
    """Goes through the rows and cells of a sheet, as whoever reads it by their numbers would."""

    def __init__(self) -> None:
        self._row, self._column, self._sheet = 0, 0, False
        self._held: bool | None = None  # of the cell that is open, None outside
        self._formula = False
        self.filled = 0
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.StartElementHandler = self._begin
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text

    def read(self, part: IO[bytes]) -> None:
        """Go through a part of the archive; one that is no sheet is left at its first element."""
        while piece := part.read(_PIECE):
            self._parser.Parse(piece)
            if not self._sheet:
                return
        self._parser.Parse(b"", True)

    def _begin(self, element: str, attributes: Mapping[str, str]) -> None:
        kind = element.rpartition(" ")[2]
        if kind == "worksheet":
            self._sheet = True
        elif kind == "row" and self._sheet:
            stated = attributes.get("r", str(self._row + 1))
            found = _ROW_NUMBER.fullmatch(stated)
            number = int(found[1]) if found else 0
            if not 0 < number <= MAX_SHEET_ROWS:
                raise _Misplaced(f"numbers a row of {{sheet}} {stated!r:.20}, which is none")
            if number <= self._row:
                raise _Misplaced(f"holds row {number} of {{sheet}} below row {self._row}: {_WHICH}")
            self._row, self._column = number, 0
        elif kind == "f":
            self._formula = True
        elif kind == "c" and self._sheet:
            self._column += 1
            self._held = False
            if (stated := attributes.get("t", "n")) not in _TYPES:
                raise _Misplaced(
                    f"says of cell {self._column} in row {self._row} of {{sheet}} that it is "
                    f"{stated!r:.20}, which no cell is"
                )
            if name := attributes.get("r", ""):
                place = _PLACE.fullmatch(name)
                column = 0
                for letter in place[1] if place else "":
                    column = 26 * column + ord(letter) - ord("A") + 1
                if place is None or int(place[2]) != self._row or column < self._column:
                    raise _Misplaced(
                        f"names cell {self._column} in row {self._row} of {{sheet}} {name!r:.20}: "
                        f"{_WHICH}"
                    )
                self._column = column

    def _text(self, text: str) -> None:
        if self._held is False and not self._formula and not text.isspace():
            self._held = True

    def _end(self, element: str) -> None:
        kind = element.rpartition(" ")[2]
        if kind == "f":
            self._formula = False
        elif kind == "c" and self._held is not None:
            self.filled += self._held
            self._held = None


def read_workbook(path: Path) -> tuple[dict[str, RawTable], list[Mistake]]:
    """Read the sheets of a workbook as text.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    sheets : dict of str to RawTable
        Cells by the sheet's name as the file writes it.
    mistakes : list of Mistake
        What cannot be read for certain, by sheet and row.
    """
    try:
        shown, written = _opened(path)
    except OSError as error:
        return {}, [Mistake(path.name, f"cannot be read: {error.strerror or error}")]
    except ValueError as error:
        return {}, [Mistake(path.name, str(error))]
    sheets: dict[str, RawTable] = {}
    mistakes: list[Mistake] = []
    for name in (sheet.title for sheet in shown.worksheets):  # charts hold no cells
        if name.startswith(_PASSED_OVER):
            continue
        file = f"{path.name}, sheet {name!r}"
        table = _sheet(file, shown[name], written[name], mistakes)
        if table is not None:
            sheets[name] = table
            if shown[name].sheet_state != "visible":
                advice = f"is hidden: show it, or begin its name with {_PASSED_OVER}"
                mistakes.append(Mistake(file, f"{advice} if it does not count"))
    if not sheets and not mistakes:
        mistakes.append(Mistake(path.name, f"has no sheet with cells: {EMPTY_ADVICE}"))
    return sheets, mistakes


def _is_small(sheet: Any) -> bool:
    return bool(sheet.max_row * sheet.max_column <= MAX_CELLS)


def _opened(path: Path) -> tuple[Any, Any]:
    """Open a workbook: the values that it stores, and the formulas behind them."""
    from openpyxl import load_workbook

    if (size := path.stat().st_size) > MAX_BYTES:
        raise ValueError(f"has {size} bytes: at most {MAX_BYTES} are read: tables hold results")
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > MAX_UNPACKED:
                raise ValueError(f"unpacks to more than {MAX_UNPACKED} bytes: no campaign does")
            message, filled = survey(archive)
            if message is not None:
                raise ValueError(message)
        with warnings.catch_warnings(), path.open("rb") as file:
            warnings.simplefilter("ignore")  # on styles and the like
            # Parts of a text that are formatted on their own are kept apart where values are read.
            shown, written = (
                load_workbook(file, data_only=values, rich_text=values) for values in (True, False)
            )
        if all(map(_is_small, shown.worksheets)):
            cells = (
                cell for sheet in shown.worksheets for row in sheet.iter_rows() for cell in row
            )
            read = sum(cell.value is not None for cell in cells)
            if read < filled:
                raise ValueError(
                    f"holds {filled} cells that are not blank, of which {read} can be read; "
                    + _SAVE_AGAIN
                )
        return shown, written
    except (OSError, ValueError):
        raise
    except Exception as error:
        # openpyxl lets the errors of zip archives and of XML through.
        reason = f"{type(error).__name__}: {error}".rstrip(": ")
        raise ValueError(
            f"cannot be opened as a workbook ({reason}): it is damaged, protected by a password, "
            "or of another kind; save it again as .xlsx"
        ) from error


def _sheet(file: str, shown: Any, written: Any, mistakes: list[Mistake]) -> RawTable | None:
    """Return a sheet as text; None where it is blank."""
    from openpyxl.utils import get_column_letter

    if not _is_small(shown):
        advice = (
            f"reaches to row {shown.max_row} and column {get_column_letter(shown.max_column)}: at "
            f"most {MAX_CELLS} cells are read; delete what stands far from the table"
        )
        mistakes.append(Mistake(file, advice))
        return None
    hidden = {
        get_column_letter(at)
        for each in shown.column_dimensions.values()
        if each.hidden
        for at in range(each.min, min(each.max, shown.max_column) + 1)
    }
    for area in shown.merged_cells.ranges:
        advice = f"merges the cells {area.coord}: split them, and fill each"
        mistakes.append(Mistake(file, advice, line=area.min_row))
    header: tuple[str, ...] | None = None
    above = 0
    rows: list[tuple[int, tuple[str, ...]]] = []
    for line, (cells, behind) in enumerate(
        zip(shown.iter_rows(), written.iter_rows(), strict=True), start=1
    ):
        texts = []
        for at, (cell, formula) in enumerate(zip(cells, behind, strict=True)):
            text, message = _text(cell, formula, header[at] if header and at < len(header) else "")
            texts.append(text)
            message = message or (_unseen(cell) if text else None)
            if message is not None:
                mistakes.append(Mistake(file, f"cell {cell.coordinate} {message}", line=line))
            if text and getattr(cell, "column_letter", "") in hidden:
                hidden.remove(cell.column_letter)
                advice = f"has cells in the hidden column {cell.column_letter}: show or delete it"
                mistakes.append(Mistake(file, advice, line=line))
        if not any(texts):
            continue
        if header is not None and not rows and len(header) == 1 and sum(map(bool, texts)) > 1:
            mistakes.append(Mistake(file, title_advice(header[0]), line=above))
            return None
        if shown.row_dimensions[line].hidden:
            advice = "is hidden, as by a filter: show it, or delete it if it does not count"
            mistakes.append(Mistake(file, advice, line=line))
        if header is None:
            while texts and not texts[-1]:
                texts.pop()
            header, above = tuple(texts), line
            continue
        if any(texts[len(header) :]):
            mistakes.append(Mistake(file, "has a cell right of the last header", line=line))
        if len(rows) == MAX_ROWS:
            mistakes.append(Mistake(file, f"has more than {MAX_ROWS} rows", line=line))
            break
        rows.append((line, tuple(texts[: len(header)])))
    return None if header is None else RawTable(file, header, tuple(rows))


def _names_unit(words: str, header: str) -> bool:
    """Return whether a header has words as a whole: of mA/cm^2, mA is another unit."""
    plain = [text.replace("²", "^2").replace("³", "^3") for text in (words, header)]
    return re.search(rf"(?<![\w/^·*]){re.escape(plain[0])}(?![\w/^·*])", plain[1]) is not None


def _unseen(cell: Any) -> str | None:
    """Return how a cell that holds something is struck out, or shows nothing."""
    value = cell.value
    if isinstance(value, list):
        value = str(value)
    sections = str(cell.number_format or "").split(";")
    if isinstance(value, str):
        at = 3
    else:
        at = 0 if value > 0 or len(sections) < 2 + (value == 0) else 1 + (value == 0)
    shown = at >= len(sections) or sections[at].strip() or len(sections) == 1
    if not shown:
        return (
            f"holds {value} and shows nothing, by its format {cell.number_format!r}: format it to "
            "be seen, or delete it if it does not count"
        )
    if cell.font is not None and cell.font.strike:
        return f"holds {value} and is struck out: delete it, or take the line off if it counts"
    return None


def _text(cell: Any, formula: Any, header: str) -> tuple[str, str | None]:
    """Return a cell below a header as text, and what is wrong with it."""
    value = cell.value
    if value is None:
        if formula.data_type == "f":
            return "", "holds a formula without a stored value: open and save the file, or paste it"
        return "", None
    if cell.data_type == "e":
        return "", f"holds the error {value}: mend its formula"
    if isinstance(value, bool):
        return str(value).upper(), None
    if isinstance(value, int | float):
        style = str(cell.number_format or "").partition(";")[0]
        bare = _SHOWN_TEXT.sub("", style)
        if _SCALED.search(bare) is not None:
            return "", (
                f"is shown in thousands and holds {value:g}: format it as a number, in the unit "
                "that the header states"
            )
        words = "".join(quoted or escaped for quoted, escaped in _SHOWN_TEXT.findall(style)).strip()
        if any(mark.isalpha() or mark == "%" for mark in words) and not _names_unit(words, header):
            return "", (
                f"is shown with {words!r} behind it and holds {value:g}: units stand in the "
                "header; format it as a number"
            )
        if "%" in bare:
            return "", (
                f"is shown as a percentage and holds {value:g}: format it as a number, in the unit "
                "that the header states"
            )
        whole = float(value).is_integer() and abs(value) < _WHOLE
        return (str(int(value)) if whole else repr(float(value))), None
    if isinstance(value, str):
        return clean_text(value), None
    if isinstance(value, list):  # parts of a text, each formatted on its own
        return _of_parts(value)
    return "", (
        f"holds a date or a time ({value}), as spreadsheets make of entries such as 3-5 or 1:30: "
        "write a number, or format the cell as text"
    )


def _of_parts(parts: list[Any]) -> tuple[str, str | None]:
    """Return a text whose parts are formatted each on its own, and what may be read wrongly."""
    text = clean_text("".join(str(part) for part in parts))
    fonts = [font for part in parts if (font := getattr(part, "font", None)) is not None]
    if any(font.strike for font in fonts):
        return "", f"holds {text!r}, of which a part is struck out: delete that part"
    if len(parts) > 1 and _NUMBER.fullmatch(text):
        return "", (
            f"holds {text!r} in parts that are formatted each on its own, such as a raised mark "
            "behind a number: write the number alone, in one format"
        )
    return text, None


def description(sheets: Mapping[str, RawTable]) -> tuple[dict[str, Any], list[str]]:
    """Return what the sheet ``campaign`` says, as ``campaign.toml`` would.

    Parameters
    ----------
    sheets : mapping of str to RawTable
        Of `read_workbook`.

    Returns
    -------
    entries : dict
        Texts by key. ``references`` and ``notes`` are lists, of a row each; ``references.mine``
        gives the citation of a key.
    mistakes : list of str
        What is wrong.
    """
    sheet = next((sheet for name, sheet in sheets.items() if name.lower() == DESCRIPTION), None)
    if sheet is None:
        return {}, [
            f"has no sheet {DESCRIPTION!r}: write a key (name, metal, electrolyte, kind) and its "
            "value into each row of one, or put the workbook beside a campaign.toml"
        ]
    entries: dict[str, Any] = {}
    mistakes = []
    for line, cells in ((1, sheet.header), *sheet.rows):
        key, value, *more = (*cells, "", "")
        if line == 1 and (key.lower(), value.lower()) == ("key", "value"):
            continue
        if not key or not value or any(more):
            mistakes.append(f"row {line}: a key and one value are due, and {cells} stands there")
        elif key in ("references", "notes"):
            listed = entries.setdefault(key, [])
            if isinstance(listed, list):
                listed.append(value)
        elif key.startswith("references."):
            named = entries.setdefault("references", {})
            if isinstance(named, dict):
                named[key.removeprefix("references.")] = value
            else:
                mistakes.append(f"row {line}: references have keys in every row or in none")
        elif key in entries:
            mistakes.append(f"row {line}: {key!r} stands twice: keep one")
        else:
            entries[key] = value
    return entries, mistakes
