"""A format whose files are tables with named columns, as text or as sheets of a workbook.

One such format is one `TableFormat`, made in a module of its own: what it calls the quantities, how
its headers are told from those of others, and what else it says. How a table is found and read is
here, the same for all.
"""

import math
import re
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from data.errors import UnitError
from data.instruments.delimited import find_header, find_layout, read_delimited
from data.instruments.durations import is_duration, seconds_of, seconds_of_each
from data.instruments.headers import (
    FoundColumn,
    Vocabulary,
    check_stated,
    find_columns,
    finer,
    split_header,
    stated_twice,
    unit_error,
)
from data.instruments.raw_file import CurveInfo, RawFile, choose_curve, refusal
from data.instruments.record import SPARE, UNITS, Reading
from data.instruments.table_content import (
    TIMES,
    Content,
    about_dates,
    cells_in,
    instead_of,
    is_blank,
    is_date,
    number_of,
    since_first,
    step_numbers,
    without_dates,
)
from data.instruments.text import in_unit
from data.instruments.witnesses import UNIX_TIME
from data.instruments.workbook import Sheet, holds_workbook, opened_workbook, sheet_rows

__all__ = ["TableFormat"]

_WORDS = {"test_time_second": "time", "voltage_volt": "voltage", "current_ampere": "current"}
_STATE = "state"
_FROM_HOURS = re.compile(r"(d+\w*\W+)?h", re.IGNORECASE)  # "h:min:s.ms", "hh:mm:ss", "d hh:mm"
_HEADER_ROWS = 50


@dataclass(frozen=True, kw_only=True)
class TableFormat:
    """A format of tables with named columns.

    Parameters
    ----------
    instrument : str
        Who makes it.
    vocabulary : Vocabulary
        What it calls the quantities of a record.
    is_header : callable
        Called with the cells of a line: whether they are its headers.
    legal : str
        What its columns are called, for the message where one is missing.
    technique : str
        What its files hold unless they say otherwise.
    state : tuple of str
        Words of the column that says whether a row charges, discharges or rests.
    discharges : callable, optional
        Called with a cell of that column: whether the row discharges, and its current, where all
        are written without a sign, is negative.
    leading : bool
        Whether the headers are the first line that is no comment; else lines may stand above them.
    sheet : callable, optional
        Called with the name of a sheet: the test it is part of and its place there, None where it
        holds no rows of a test. Without it each sheet with the headers is one test.
    complete : callable, optional
        Called with the content, to read what else the file says.
    advice : callable, optional
        Called with the headers, where a column is missing: how others may be meant.
    VERSION : str
        Of the reader.
    """

    instrument: str
    vocabulary: Vocabulary
    is_header: Callable[[Sequence[str]], bool]
    legal: str
    technique: str = "cycling"
    state: tuple[str, ...] = ()
    discharges: Callable[[str], bool] | None = None
    leading: bool = False
    sheet: Callable[[str], tuple[str, int] | None] | None = None
    complete: Callable[[Content], None] | None = None
    advice: Callable[[Sequence[str]], str] | None = None
    VERSION: str = "1"  # as the modules of other formats call it

    def found_in(self, head: bytes) -> bool:
        """Return whether a file begins with a table of this format."""
        if self.leading:
            header = find_header(head)
            return header is not None and self.is_header(header.names)
        return find_header(head, self.is_header) is not None

    def found_in_workbook(self, book: Any) -> bool:
        """Return whether a sheet of a workbook holds a table of this format."""
        return bool(self._tests(book))

    def list_tables(self, source: RawFile) -> list[CurveInfo]:
        """List the tables of a file.

        Parameters
        ----------
        source : RawFile
            The file.

        Returns
        -------
        list of CurveInfo
            One of a text; one a test of a workbook.

        Raises
        ------
        RecordError
            There is none.
        """
        if not holds_workbook(source):
            return [CurveInfo(0, "table", find_layout(source, self._header).rows)]
        with opened_workbook(source) as book:
            return self._infos(self._tests_of(source.name, book))

    def read(self, source: RawFile, curve: int | None) -> Reading:
        """Read a table of a file.

        Parameters
        ----------
        source : RawFile
            The file.
        curve : int or None
            Number of the table; None where there is but one.

        Returns
        -------
        Reading
            To be checked.

        Raises
        ------
        RecordError
            A column is missing or its unit is wrong, or a cell is no number.
        """
        if holds_workbook(source):
            return self._read_workbook(source, curve)
        return self._read_text(source, curve)

    @property
    def _header(self) -> Callable[[Sequence[str]], bool] | None:
        return None if self.leading else self.is_header

    def _columns(
        self, file: str, names: Sequence[str], line: int | None
    ) -> tuple[dict[str, FoundColumn], int | None]:
        """Return the columns of a record, and the position of that of the state."""
        found = find_columns(file, names, self.vocabulary, line)
        state = next(
            (at for at, name in enumerate(names) if split_header(name)[0] in self.state), None
        )
        if found.keys() & set(TIMES):
            found.pop(UNIX_TIME, None)  # a clock beside that of the test refuses no file
        return found, state

    def _read_text(self, source: RawFile, curve: int | None) -> Reading:
        file = source.name
        choose_curve(file, [CurveInfo(0, "table", None)], curve)
        layout = find_layout(source, self._header)
        found, state = self._columns(file, layout.names, layout.line)
        dated = without_dates(found, layout.first)
        durations = [
            key
            for key in TIMES
            if key in found
            and found[key].position < len(layout.first)
            and is_duration(layout.first[found[key].position])
        ]
        wanted = {key: column.position for key, column in found.items()}
        several = {
            key: {key: column} | {f"{key} {at}": each for at, each in enumerate(column.again)}
            for key, column in found.items()
            if column.again
        }
        for key, columns in several.items():
            if any(is_duration(cell) for cell in cells_in(layout.first, columns.values())):
                raise stated_twice(file, found[key], found[key].again[0].header, layout.line)
            wanted |= {name: column.position for name, column in columns.items()}
        words = list(durations)
        if state is not None:
            wanted[_STATE] = state
            words.append(_STATE)
        read, extra = read_delimited(source, layout, wanted, spare=SPARE, words=words)
        for key, columns in several.items():
            best = finer(file, columns, read, key, layout.line)
            found[key] = columns[best]
            read[key] = read[best]
            for name in columns.keys() - {key}:
                del read[name]
        for key in durations:
            column = read[key]
            seconds, bad = seconds_of_each(map(str, column.categories))
            codes = np.asarray(column.codes)  # -1 where the cell is blank
            wrong = codes == (-1 if bad is None else bad)
            if wrong.any():
                row = int(np.argmax(wrong))
                cell = "" if bad is None else column.categories[bad]
                raise refusal(
                    file,
                    f"{cell!r} is no duration such as 01:30:00, as above",
                    line=layout.first_line + row,
                    column=found[key].header,
                )
            read[key] = seconds[codes] if codes.size else np.zeros(0)
        states: Sequence[str] = [] if state is None else list(map(str, read.pop(_STATE)))
        content = self._content(
            file, layout.above, layout.names, layout.line, found, read, durations, states
        )
        content.extra |= extra
        content.dated = dated
        return self._reading(source, content, found, curve="table", first_line=layout.first_line)

    def _tests_of(self, file: str, book: Any) -> list[tuple[str, list[Sheet]]]:
        """Return the tests of a workbook, of which there is at least one."""
        tests = self._tests(book)
        if not tests:
            raise refusal(
                file,
                f"has no sheet with the columns of {self.instrument}: {self.legal}; there are the "
                f"sheets {', '.join(book.sheetnames)}",
            )
        return tests

    def _tests(self, book: Any) -> list[tuple[str, list[Sheet]]]:
        """Return the tests of a workbook, each with its sheets in their order."""
        tests: dict[str, list[tuple[int, Sheet]]] = {}
        for name in book.sheetnames:
            place = (name, 1) if self.sheet is None else self.sheet(name)
            if place is None:
                continue
            for number, row in enumerate(sheet_rows(book, name, _HEADER_ROWS), start=1):
                names = ["" if cell is None else str(cell) for cell in row]
                if self.is_header(names):
                    sheet = Sheet(name, number, tuple(names))
                    tests.setdefault(place[0], []).append((place[1], sheet))
                    break
        return [
            (test, [sheet for _, sheet in sorted(parts, key=lambda part: part[0])])
            for test, parts in tests.items()
        ]

    def _infos(self, tests: Sequence[tuple[str, Sequence[Sheet]]]) -> list[CurveInfo]:
        return [
            CurveInfo(index, test, None, note="" if len(parts) < 2 else f"{len(parts)} sheets")
            for index, (test, parts) in enumerate(tests)
        ]

    def _read_workbook(self, source: RawFile, curve: int | None) -> Reading:
        file = source.name
        with opened_workbook(source) as book:
            tests = self._tests_of(file, book)
            test, sheets = tests[choose_curve(file, self._infos(tests), curve)]
            names = sheets[0].names
            found, state = self._columns(file, names, None)
            for each in found.values():
                if each.again:
                    raise stated_twice(file, each, each.again[0].header, None)
            header: dict[str, Any] = {
                name: [
                    [str(cell) for cell in row if cell is not None]
                    for row in sheet_rows(book, name, _HEADER_ROWS)
                    if any(cell is not None for cell in row)
                ]
                for name in book.sheetnames
                if name.lower() in ("unit", "test", "info") or "info" in name.lower()
            }
            cells: dict[str, array[float]] = {key: array("d") for key in found}
            states: list[str] = []
            numbers = array("q")
            starts: list[int] = []
            kinds: dict[str, bool] = {}  # whether a column holds durations
            for sheet in sheets:
                if sheet.names != names:
                    raise refusal(
                        file, f"sheet {sheet.name} has other columns than sheet {sheets[0].name}"
                    )
                starts.append(len(numbers))
                wanted = [
                    (key, cells[key], column.position, column.header)
                    for key, column in found.items()
                ]
                for number, row in enumerate(sheet_rows(book, sheet.name), start=1):
                    if number <= sheet.row or all(map(is_blank, row)):
                        continue
                    for key, column, position, name in wanted:
                        cell = row[position] if position < len(row) else None
                        timed = key in TIMES and is_duration(cell)
                        value = seconds_of(cell) if timed else number_of(cell)
                        if key in SPARE and isinstance(value, str):
                            value = None
                        if value is None and key not in SPARE:
                            where = f"sheet {sheet.name}, row {number}"
                            raise refusal(
                                file,
                                f"{where}: is blank, or a formula without a stored value: open and "
                                "save the file in a spreadsheet, or delete the row if nothing was "
                                "measured",
                                column=name,
                            )
                        # A zero is the same in every unit.
                        due = kinds.setdefault(key, timed) if value or timed else timed
                        if isinstance(value, str) or due != timed:
                            where = f"sheet {sheet.name}, row {number}"
                            word = "duration" if due else "number"
                            why = f"{str(cell)!r} is not a {word}"
                            if key in TIMES and not found[key].unit and is_date(cell):
                                why = str(cell) + about_dates(["test_time_second"], (), [name])
                            raise refusal(file, f"{where}: {why}", column=name)
                        column.append(math.nan if value is None else value)
                    if state is not None:
                        states.append(str(row[state]) if state < len(row) else "")
                    numbers.append(number)

        def row_name(row: int) -> str:
            part = int(np.searchsorted(starts, row, side="right")) - 1
            return f"sheet {sheets[part].name}, row {numbers[row]}"

        read = {key: np.frombuffer(column) for key, column in cells.items()}
        durations = [key for key, timed in kinds.items() if timed]
        content = self._content(file, (), names, None, found, read, durations, states)
        return self._reading(source, content, found, curve=test, header=header, row_name=row_name)

    def _content(
        self,
        file: str,
        above: tuple[str, ...],
        names: tuple[str, ...],
        line: int | None,
        found: Mapping[str, FoundColumn],
        read: Mapping[str, Any],
        durations: Sequence[str],
        states: Sequence[str],
    ) -> Content:
        """Return what was read in the units of a record."""
        variables: dict[str, Any] = {}
        for key, column in found.items():
            if key in durations and ":" in column.unit and not _FROM_HOURS.match(column.unit):
                raise refusal(
                    file,
                    "holds durations that do not begin with hours or days: export it again with "
                    "hours, minutes and seconds",
                    line=line,
                    column=column.header,
                )
            if UNITS[key] == "1" or key in durations:
                variables[key] = np.asarray(read[key])
                continue
            check_stated(file, column, key, line)
            try:
                variables[key] = in_unit(read[key], column.unit, UNITS[key])
            except UnitError as error:
                raise unit_error(file, error, column, line) from error
        return Content(
            file=file,
            above=above,
            names=names,
            line=line,
            variables=variables,
            columns={key: column.header for key, column in found.items()},
            instrument=self.instrument,
            technique=self.technique,
            state=states,
        )

    def _reading(
        self,
        source: RawFile,
        content: Content,
        found: Mapping[str, FoundColumn],
        *,
        curve: str,
        first_line: int | None = None,
        row_name: Callable[[int], str] | None = None,
        header: Mapping[str, Any] | None = None,
    ) -> Reading:
        """Complete what was read, and refuse what is no record."""
        variables, columns = content.variables, content.columns
        if "cycle_count" in variables and np.isnan(variables["cycle_count"]).any():
            del variables["cycle_count"]  # where it is left blank it says nothing
        if self.discharges is not None and "current_ampere" in found:
            content.give_sign(self.discharges)
        if self.complete is not None:
            self.complete(content)
        if "step_count" not in variables and "step_id" in variables:
            variables["step_count"] = step_numbers(variables)
        if "test_time_second" not in variables and "step_time_second" in variables:
            content.add_up_steps(self.instrument)
        if "test_time_second" not in variables and UNIX_TIME in variables:
            variables["test_time_second"] = since_first(content)
            columns["test_time_second"] = f"{columns[UNIX_TIME]}, counted from the first row"
        stated = bool(content.extra.get("scan_rate_volt_per_second"))
        if missing := source.lacks(variables, scan_rate=stated):
            words = " and ".join(_WORDS[name] for name in missing)
            names = ", ".join(repr(name) for name in content.names[:20])
            advice = about_dates(missing, content.names, content.dated)
            if self.advice is not None:
                advice += self.advice(content.names)
            raise refusal(
                source.name,
                f"has no column of {words}: {self.legal}; there are "
                f"{names}{advice or instead_of(missing)}",
                line=content.line,
            )
        return Reading(
            variables=variables,
            columns=columns,
            curve=curve,
            instrument=content.instrument,
            technique=content.technique,
            technique_as_written=content.technique_as_written,
            sign_convention=content.sign_convention,
            header={
                **(header or {}),
                "columns": list(content.names),
                "above": list(content.above),
            },
            first_line=first_line,
            row_name=row_name,
            extra=content.extra,
        )
