"""Impedance spectra: a record of frequency and complex impedance.

A spectrum is an `xarray.Dataset` over the dimension ``point``:

===================  ==========================================================================
variable             meaning
===================  ==========================================================================
frequency_hertz      frequency [Hz]; required
impedance_ohm        complex impedance [ohm], the imaginary part of a capacitor being negative;
                     required
test_time_second     time, on the clock of the file [s]
voltage_volt         voltage about which the cell is excited [V]
current_ampere       current about which the cell is excited [A]
cycle_count          cycle as the instrument counts it
===================  ==========================================================================

Its attributes are those of a record (`data.instruments.record`); ``technique`` is ``impedance``.
Where the sign of the imaginary part is not certain, ``doubt`` says so.

Read are ``ZCURVE`` tables of Gamry's ``.DTA``, EC-Lab's ``.mpt`` and ``.mpr`` of PEIS and GEIS, and
text tables whose headers name a frequency and a real and an imaginary part (or magnitude and
phase) with their units. A header ``-Im(Z)`` or ``-Z''`` is of the negative imaginary part. Rows at
frequency zero, which EC-Lab writes while it waits for a steady state, are left out.

Where the frequency of a table starts again, another spectrum begins, of which one is chosen.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from data.arrays import Array
from data.errors import UnitError
from data.instruments.raw_file import CurveInfo, RawFile, choose_curve, refusal
from data.instruments.spectrum_header import (
    FREQUENCY,
    IMAGINARY,
    MAGNITUDE,
    PHASE,
    REAL,
    SpectrumHeader,
    names_spectrum,
    polar,
    read_header,
)
from data.instruments.text import decode, in_unit, split_line
from data.units import parse_number

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["TECHNIQUE", "VERSION", "read"]

VERSION = "2"
TECHNIQUE: Final = "impedance"
MAX_BYTES = 20_000_000  # of a text; a spectrum has some hundred points
MAX_FREQUENCY = 1e9
MAX_IMPEDANCE = 1e15
_AGREE = 0.02  # of the magnitude, between it and the two parts
_RESTARTS = 1.1  # a step of the frequency against the way of its sweep, beyond any rounding
_FEWEST = 3  # points of a sweep
_POSITIVE = 0.8  # part of the points whose imaginary part is positive: no cell is so inductive
_UNITS = {
    FREQUENCY: "Hz",
    REAL: "ohm",
    IMAGINARY: "ohm",
    MAGNITUDE: "ohm",
    PHASE: "degree",
    "test_time_second": "s",
    "voltage_volt": "V",
    "current_ampere": "A",
    "cycle_count": "1",
}
_LABELS = {
    "test_time_second": "Test Time / s",
    "voltage_volt": "Voltage / V",
    "current_ampere": "Current / A",
    "cycle_count": "Cycle Count / 1",
}
_EC_LAB = ("EC-Lab ASCII", "BT-Lab ASCII")
_GAMRY = (b"EXPLAIN", b"TAG\t")
_GAMRY_TABLE = re.compile(r"([^\t]+)\tTABLE(?:\t(\d+))?\s*")
_LEGAL = (
    "legal are headers of frequency, real and imaginary part with their units, such as "
    "'frequency [Hz],Zreal [ohm],Zimag [ohm]'"
)


@dataclass(frozen=True)
class _SpectrumTable:
    """A spectrum as it lies in a text."""

    name: str
    header: SpectrumHeader
    separator: str
    first_line: int
    rows: tuple[tuple[int, list[str]], ...]
    cut_off: bool


def read(source: RawFile, curve: int | None) -> "xr.Dataset":
    """Read a spectrum of a file.

    Parameters
    ----------
    source : RawFile
        The file.
    curve : int or None
        Which of several spectra; None where there is but one.

    Returns
    -------
    xarray.Dataset
        See the module.

    Raises
    ------
    RecordError
        The file holds no spectrum, or one that cannot be read for certain.
    """
    from data.instruments import biologic_binary, biologic_text

    with source.path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if biologic_binary.recognises(content[:64]):
        return _binary(source, curve)
    if len(content) > MAX_BYTES or b"\x00" in content[: 1 << 16]:
        raise refusal(source.name, f"holds no impedance spectrum: {_LEGAL}")
    text = decode(content)
    whole = text.endswith(("\n", "\r"))
    if not whole and text.startswith(_EC_LAB):  # which ends no last row
        whole = not biologic_text.last_row_doubt(source)
    tables = _tables(source.name, text, whole=whole)
    if not tables:
        raise refusal(source.name, f"holds no impedance spectrum: {_LEGAL}")
    infos = [
        CurveInfo(at, table.name, len(table.rows), note="an impedance spectrum")
        for at, table in enumerate(tables)
    ]
    gamry = content.lstrip().startswith(_GAMRY)
    at = choose_curve(source.name, infos, curve if gamry and len(tables) > 1 else None)
    return _of_text(source, tables[at], text, None if gamry else curve)


def _tables(file: str, text: str, *, whole: bool) -> list[_SpectrumTable]:
    """Find the spectra of a text."""
    lines = re.split(r"\r\n|\n|\r", text)
    gamry = text.lstrip("\ufeff \r\n").encode().startswith(_GAMRY)
    tables = []
    name, announced = "table", None
    for at, line in enumerate(lines):
        if gamry and (match := _GAMRY_TABLE.fullmatch(line)) is not None:
            name, announced = match[1].strip(), match[2]
        for separator in ("\t", ";", ","):
            cells = split_line(line, separator, quoted=separator != "\t")
            if len(cells) < 3:
                continue
            below = split_line(lines[at + 1], "\t") if gamry and at + 1 < len(lines) else None
            header = read_header(cells, below)
            found = header.columns
            if FREQUENCY in found and ({REAL, IMAGINARY} <= found.keys() or polar(found)):
                first = at + (2 if gamry else 1)
                table = _rows(file, name, header, separator, lines, first, gamry=gamry, whole=whole)
                if gamry and announced is not None and int(announced) != len(table.rows):
                    raise refusal(
                        file,
                        f"announces {announced} rows of {name} and holds {len(table.rows)}: the "
                        "file is cut off; copy it again from the instrument",
                        line=at,
                    )
                tables.append(table)
                break
        if tables and not gamry:
            break
    return tables


def _rows(
    file: str, name: str, header: SpectrumHeader, separator: str, lines: Sequence[str], first: int,
    *, gamry: bool, whole: bool,
) -> _SpectrumTable:  # fmt: skip
    """Return the rows below headers."""
    rows: list[tuple[int, list[str]]] = []
    due = 1 + max(position for position, _, _ in header.columns.values())
    cut_off = False
    for at in range(first, len(lines)):
        if gamry and not lines[at].startswith("\t"):
            break
        if not lines[at].strip(" \t,;"):
            continue
        cells = split_line(lines[at], separator, quoted=separator != "\t")
        if at == len(lines) - 1 and not whole:
            cut_off = True  # its last number may lack digits
            break
        if len(cells) < due:
            raise refusal(
                file, f"has {len(cells)} cells where {due} are due: is it cut off?", line=at + 1
            )
        rows.append((at + 1, cells))
    return _SpectrumTable(name, header, separator, first + 1, tuple(rows), cut_off)


def _of_text(source: RawFile, table: _SpectrumTable, text: str, curve: int | None) -> "xr.Dataset":
    """Return a spectrum that stands in a text, of several in its table the chosen one."""
    file = source.name
    comma = table.separator != "," and any(
        re.fullmatch(r"[+-]?\d+,\d+([eE][+-]?\d+)?", cells[position])
        for _, cells in table.rows
        for position, _, _ in table.header.columns.values()
    )
    values: dict[str, Array] = {}
    for key, (position, unit, sign) in table.header.columns.items():
        numbers = []
        for line, cells in table.rows:
            cell = cells[position]
            if comma and "." in cell:
                raise refusal(
                    file,
                    f"{cell!r} is written with a point and other numbers with commas: which is "
                    "meant cannot be known; export the file again with one of them",
                    line=line,
                    column=table.header.names[position],
                )
            number = parse_number(cell.replace(",", ".") if comma else cell)
            if number is None:
                raise refusal(
                    file,
                    f"{cell!r} is not a number: delete the row, or mend it",
                    line=line,
                    column=table.header.names[position],
                )
            numbers.append(number)
        values[key] = sign * _in_unit(file, np.array(numbers), key, unit, table, position)
    extra: dict[str, str | float] = {}
    if table.cut_off:
        extra["truncated"] = "the last row has no line end and may be cut off: it was left out"
    if re.search(r"^EXPERIMENTABORTED\tTOGGLE\tT(RUE)?\b", text, re.MULTILINE):
        extra["aborted"] = "EXPERIMENTABORTED is set: the test was stopped before its planned end"
    lines = text.splitlines()
    if text.startswith(_EC_LAB):
        instrument = "BioLogic"
        written = next((line.strip() for line in lines[2:] if line.strip()), "")
    elif table.name != "table":
        instrument = "Gamry"
        title = re.search(r"^TITLE\t[^\t]*\t([^\t\n]*)", text, re.MULTILINE)
        written = title[1].strip() if title else ""
    else:
        instrument, written = "not stated", ""
    return _built(
        source, values, table.header, reader=instrument, curve=table.name, written=written,
        extra=extra, place=lambda row: table.rows[row][0], chosen=curve,
    )  # fmt: skip


def _sweeps(frequency: Array) -> list[slice]:
    """Return the parts of a table between which the frequency starts again.

    Frequencies in no order at all are of one spectrum.
    """
    way, starts = 0.0, [0]
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = np.log(frequency[1:] / frequency[:-1])
    for row, step in enumerate(steps.tolist(), start=1):
        if not abs(step) > np.log(_RESTARTS):
            continue
        if way * step < 0:
            starts.append(row)
            way = 0.0  # the next sweep may go the other way
        else:
            way = step
    ends = [*starts[1:], len(frequency)]
    if np.median(np.subtract(ends, starts)) < _FEWEST:
        return [slice(0, len(frequency))]
    return [slice(start, end) for start, end in zip(starts, ends, strict=True)]


def _in_unit(
    file: str, numbers: Array, key: str, unit: str, table: _SpectrumTable, position: int
) -> Array:
    """Return numbers in the unit of a spectrum."""
    due = _UNITS[key]
    if due == "1":
        return numbers
    text = re.sub(r"[Oo]hms?|Ω|Ω", "ohm", unit)
    if key == PHASE:
        text = "degree" if text.strip() not in ("rad", "radian") else "radian"
    name = table.header.names[position]
    if not text:
        raise refusal(
            file,
            f"states no unit: write that of its numbers, such as '{name.strip()} [{due}]'",
            line=table.first_line - 1,
            column=name,
        )
    try:
        return in_unit(numbers, text, due)
    except UnitError as error:
        raise refusal(file, str(error), line=table.first_line - 1, column=name) from error


def _binary(source: RawFile, curve: int | None) -> "xr.Dataset":
    """Return the spectrum of EC-Lab's binary file."""
    from data.instruments import biologic_binary

    columns, technique = biologic_binary.numeric_columns(source)
    names = list(columns)
    header = read_header(names)
    if not names_spectrum(names):
        raise refusal(source.name, f"holds no impedance spectrum: {_LEGAL}")
    table = _SpectrumTable("VMP data", header, "", 1, (), cut_off=False)
    values = {
        key: sign * _in_unit(source.name, columns[names[position]], key, unit, table, position)
        for key, (position, unit, sign) in header.columns.items()
    }
    return _built(
        source, values, header, reader="BioLogic", curve="VMP data", written=technique, extra={},
        place=lambda _: None, chosen=curve,
    )  # fmt: skip


def _built(
    source: RawFile, values: dict[str, Array], header: SpectrumHeader, *, reader: str, curve: str,
    written: str, extra: dict[str, str | float], place: Any, chosen: int | None,
) -> "xr.Dataset":  # fmt: skip
    """Check a spectrum and return it."""
    import xarray as xr

    file = source.name
    if REAL in values and IMAGINARY in values:
        impedance = values[REAL] + 1j * values[IMAGINARY]
    else:
        impedance = values[MAGNITUDE] * np.exp(1j * np.radians(values[PHASE]))
    frequency = values[FREQUENCY]
    swept = np.flatnonzero(frequency != 0)
    left_out = frequency.size - swept.size
    if not swept.size:
        raise refusal(file, f"holds no point of the spectrum {curve}: nothing was recorded")
    sweeps = _sweeps(frequency[swept])
    infos = []
    for at, part in enumerate(sweeps):
        ends = [frequency[swept[row]] for row in (part.start, part.stop - 1)]
        name = f"{curve}, {ends[0]:g} to {ends[1]:g} Hz"
        infos.append(CurveInfo(at, name, part.stop - part.start, note="an impedance spectrum"))
    if len(sweeps) > 1 or chosen is not None:
        at = choose_curve(file, infos, chosen)
        swept = swept[sweeps[at]]
        extra["sweep"] = f"{at + 1} of {len(sweeps)}"
    for bad, words in (
        (~(frequency[swept] > 0) | (frequency[swept] > MAX_FREQUENCY), "a frequency above 0 Hz and "
         f"up to {MAX_FREQUENCY:g} Hz is due"),
        (~(np.abs(impedance[swept]) < MAX_IMPEDANCE), "a finite impedance is due"),
    ):  # fmt: skip
        if bad.any():
            row = int(swept[np.argmax(bad)])
            raise refusal(
                file,
                f"row {row}: {frequency[row]:g} Hz, {impedance[row]:.6g} ohm: {words}",
                line=place(row),
            )
    if MAGNITUDE in values and REAL in values:
        stated = values[MAGNITUDE][swept]
        told = stated[np.isfinite(stated) & (stated != 0)]  # a column of zeros says nothing
        there = np.abs(impedance[swept])[np.isfinite(stated) & (stated != 0)]
        if told.size and float(np.median(np.abs(there / told - 1.0))) > _AGREE:
            raise refusal(
                file,
                "the magnitudes are not those of the real and imaginary parts: a unit, or a "
                "column, is wrong; export the file again",
            )
    if PHASE in values and REAL in values:
        phase = np.radians(values[PHASE])
        agrees = float(np.nansum(np.sin(phase[swept]) * impedance.imag[swept]))
        if agrees < 0.0:  # PalmSens writes -Im(Z) under Z''
            impedance = impedance.conj()
            extra["sign"] = (
                "the imaginary parts have the opposite sign of the phases, and take that of these: "
                "the column is that of -Im(Z)"
            )
    if np.mean(impedance.imag[swept] > 0) > _POSITIVE:
        extra["doubt"] = (
            "the imaginary part is positive in most points, as of a coil and of no cell: is the "
            "column that of -Im(Z)?"
        )
    if left_out:
        extra["left_out"] = f"{left_out} rows at frequency zero are no points of the spectrum"
    variables: dict[str, Any] = {
        FREQUENCY: ("point", frequency[swept], {"units": "Hz", "long_name": "Frequency / Hz"}),
        "impedance_ohm": (
            "point", impedance[swept], {"units": "ohm", "long_name": "Impedance / ohm"}
        ),
    }  # fmt: skip
    for key, label in _LABELS.items():
        if key in values:
            variables[key] = (
                "point", values[key][swept], {"units": _UNITS[key], "long_name": label}
            )  # fmt: skip
    used = {key: header.names[position] for key, (position, _, _) in header.columns.items()}
    return xr.Dataset(
        variables,
        attrs={
            "file_name": file,
            "sha256": source.sha256,
            "reader": "spectrum",
            "reader_version": VERSION,
            "instrument": reader,
            "technique": TECHNIQUE,
            "technique_as_written": written,
            "header": json.dumps({"columns": list(header.names)}, ensure_ascii=False),
            "curve": curve,
            "columns": json.dumps(used, ensure_ascii=False),
            **extra,
        },
    )
