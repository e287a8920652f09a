"""Reading a record: which format a file is, by what it holds, and which of its curves is meant."""

import codecs
import gzip
import hashlib
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.errors import InputError, RecordError
from data.files import what_stands
from data.instruments.bdf import with_metadata
from data.instruments.raw_file import CurveInfo, RawFile, refusal
from data.instruments.record import build_record
from data.instruments.witnesses import with_witnesses
from data.schema import nearest
from data.whole_files import temporary_folder

if TYPE_CHECKING:
    import xarray as xr

    from data.instruments.table_format import TableFormat

__all__ = ["FORMATS", "list_curves", "read_record", "read_spectrum"]

HEAD_BYTES = 1 << 20  # a protocol may stand above the headers
MAX_BYTES = 2 << 30
_WRAPPED = re.compile(rb'(?:\xef\xbb\xbf)?"((?:[^"]|"")*)"[,;\t]*')
_WRAPPED_LINES = 500
# The version that its binary begins with; a date above "time/s I/A E/V" in its text (as the readers
# of galv-team/galv and ixdat/ixdat on GitHub know them).
_IVIUM = re.compile(
    rb"\A[\x00-\xff]{0,32}\x00Version=\d+|"
    rb"\A\s*\d\d/\d\d/\d{4} \d\d:\d\d:\d\d\s*\n(?=[^\n]*time\s?/s)(?=[^\n]*E\s?/V)[^\n,;]*\n"
)
_IVIUM_BYTES = 4096

# In the order in which they are tried: what says clearly what it is comes first.
FORMATS = {
    "gamry": "data.instruments.gamry",
    "biologic_text": "data.instruments.biologic_text",
    "biologic": "data.instruments.biologic_binary",
    "arbin_res": "data.instruments.arbin_res",
    "neware_binary": "data.instruments.neware_binary",
    "pstrace": "data.instruments.pstrace",
    "basytec": "data.instruments.basytec",
    "novonix": "data.instruments.novonix",
    "nova": "data.instruments.nova",
    "chi": "data.instruments.chi",
    "maccor": "data.instruments.maccor",
    "landt": "data.instruments.landt",
    "neware": "data.instruments.neware",
    "arbin": "data.instruments.arbin",
    "plain": "data.instruments.plain",
}

_OTHERS = {
    b"%PDF": "a PDF document",
    b"\x89PNG": "a picture (PNG)",
    b"\xff\xd8\xff": "a picture (JPEG)",
    b"\x89HDF": "an HDF5 file",
    b"\xd0\xcf\x11\xe0": "a workbook of the old kind (.xls) or another OLE file: save it as .xlsx",
    b"EC-LAB SETTING FILE": "a settings file of EC-Lab (.mps), without data",
    b"Rar!": "a RAR archive: unpack it first",
    b"7z\xbc\xaf": "a 7z archive: unpack it first",
    b"BZh": "compressed with bzip2: unpack it first",
    b"\xfd7zXZ": "compressed with xz: unpack it first",
    b"SQLite format 3": "an SQLite database",
}
_LEGAL = (
    "legal are files of Gamry (.DTA), BioLogic (.mpt, .mpr), Arbin (.csv, .xlsx, .res), Neware "
    "(.csv, .xlsx, .nda, .ndax), Landt, Maccor, Basytec, Novonix, CH Instruments, PalmSens and "
    "Autolab (text exports), and .csv with the columns of the Battery Data Format or "
    "'quantity [unit]'"
)


@dataclass(frozen=True)
class _Opened:
    """A file whose format is known."""

    source: RawFile
    name: str
    module: Any


def _module(name: str) -> Any:
    """Return what reads a format: a module, or the table format that a module makes."""
    module = import_module(FORMATS[name])
    return getattr(module, "FORMAT", module)


def _tables() -> "Iterator[tuple[str, TableFormat]]":
    """Yield the formats that are tables with named columns."""
    from data.instruments.table_format import TableFormat

    for name in FORMATS:
        reader = _module(name)
        if isinstance(reader, TableFormat):
            yield name, reader


def _detect(source: RawFile, head: bytes) -> str:
    """Return the format of a file, from its content."""
    file = source.name
    for name in FORMATS:
        recognises = getattr(_module(name), "recognises", None)
        if recognises is not None and recognises(head):
            return name
    if head.startswith(b"PK\x03\x04"):
        return _detect_archive(source)
    for magic, kind in _OTHERS.items():
        if head.startswith(magic):
            raise refusal(file, f"is {kind}, whatever its name says: {_LEGAL}")
    if _IVIUM.search(head[:_IVIUM_BYTES]) is not None:
        raise refusal(
            file,
            "is of Ivium's software, which is not read: its text has a column more than it names, "
            "and which of two is the measured potential is not known for certain; write the "
            "columns as .csv with 'time [s]', 'voltage [V]' and 'current [A]'",
        )
    if b"\x00" in head:
        raise refusal(file, f"is binary and of no known format: {_LEGAL}")
    for name, table in _tables():
        if table.found_in(head):
            return name
    from data.instruments import plain
    from data.instruments.delimited import find_header

    header = find_header(head)
    if header is None:
        raise refusal(file, "holds only blanks and comments")
    names = header.names
    shown = ", ".join(repr(name[:40]) for name in names[:8])
    advice = plain.renaming_advice(names) or _advice_on_top(head, names)
    raise refusal(file, f"is of no known format (its first line is {shown}){advice}: {_LEGAL}")


def _detect_archive(source: RawFile) -> str:
    """Return the format of a zip archive: a workbook, or Neware's."""
    from data.instruments import neware_binary
    from data.instruments.workbook import opened_workbook

    if neware_binary.is_archive(source):
        return "neware_binary"
    with opened_workbook(source) as book:
        for name, table in _tables():
            if table.found_in_workbook(book):
                return name
        sheets = ", ".join(book.sheetnames)
    raise refusal(
        source.name,
        f"is a workbook, and none of its sheets ({sheets}) names the columns of a record: {_LEGAL}",
    )


def _advice_on_top(head: bytes, names: Sequence[str]) -> str:
    """Say what to do about a file whose headers are missing, or do not stand first."""
    from data.instruments import plain
    from data.instruments.delimited import find_header
    from data.units import parse_number

    if all(parse_number(name.replace(",", ".")) is not None for name in names):
        return (
            "; it begins with numbers: write a line of headers above them, such as 'time [s],"
            "voltage [V],current [A]' with the units that they have"
        )
    below = find_header(head, plain.FORMAT.is_header)
    if below is not None:
        return f"; the headers are in line {below.line}: begin the lines above it with '#'"
    return ""


@contextmanager
def _opened(path: str | Path, format: str | None, **stated: float | None) -> Iterator[_Opened]:  # noqa: A002
    """Open a file: unpack it where it is compressed, and tell its format."""
    if format is not None and format not in FORMATS:
        hint = nearest(format, FORMATS)
        raise InputError(f"format {format!r} is not known{hint}: legal are {', '.join(FORMATS)}")
    path = Path(path)
    try:
        if path.exists() and (wrong := what_stands(path)):
            raise refusal(path.name, wrong)
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise refusal(path.name, f"has {size} bytes: at most {MAX_BYTES} are read; split it")
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
            if not head:
                raise refusal(path.name, "is empty: copy it again from the instrument")
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        source = RawFile(path, path.name, digest, **stated)
        with ExitStack() as stack:

            def aside(name: str) -> Path:
                return stack.enter_context(temporary_folder()) / name

            if head.startswith(b"\x1f\x8b"):
                source = replace(source, path=aside("unpacked"))
                head = _unpack(path, source, format)
            while (rewrite := _rewriter(head)) is not None:
                target = aside("text")
                head = rewrite(source, target)
                source = replace(source, path=target)
            name = format or _detect(source, head)
            yield _Opened(source, name, _module(name))
    except OSError as error:
        if isinstance(error, gzip.BadGzipFile):
            raise refusal(path.name, f"cannot be unpacked ({error}): it is damaged") from error
        reason = error.strerror or str(error)
        raise RecordError(f"{path}: cannot be read: {reason}") from error


def _rewriter(head: bytes) -> Callable[[RawFile, Path], bytes] | None:
    """Return how a text is brought to UTF-8, to lines that end in a line feed, and out of quotes.

    None where it needs nothing of that.
    """
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _from_utf16
    if b"\r" in head and b"\n" not in head and b"\x00" not in head:
        return _from_returns
    if b"\x00" not in head and _is_wrapped(head):
        return _from_wrapped
    return None


def _is_wrapped(head: bytes) -> bool:
    """Return whether most lines that hold marks between cells stand in one pair of quotes each.

    Spreadsheets write so what they have read with another mark; a row of one cell is none of any
    table.
    """
    lines = head.splitlines()[:_WRAPPED_LINES]
    marked = [line for line in lines if re.search(rb"[,;\t]", line.strip(b',;\t "'))]
    return 2 * sum(_WRAPPED.fullmatch(line) is not None for line in marked) > len(marked)


def _from_wrapped(source: RawFile, target: Path) -> bytes:
    """Write text without the quotes around its lines; return its beginning."""
    with source.path.open("rb") as text, target.open("wb") as file:
        for line in text:
            bare = line.rstrip(b"\r\n")
            match = _WRAPPED.fullmatch(bare)
            inner = bare if match is None else match[1].replace(b'""', b'"')
            file.write(inner + line[len(bare) :])
    with target.open("rb") as file:
        return file.read(HEAD_BYTES)


def _from_utf16(source: RawFile, target: Path) -> bytes:
    """Write UTF-16 as UTF-8; return its beginning."""
    try:
        with source.path.open(encoding="utf-16", newline="") as text, target.open("wb") as file:
            while piece := text.read(HEAD_BYTES):
                file.write(piece.encode())
    except UnicodeError as error:
        raise refusal(
            source.name,
            f"is UTF-16 text that is cut off or damaged ({error}): copy it again from the "
            "instrument",
        ) from error
    with target.open("rb") as file:
        return file.read(HEAD_BYTES)


def _from_returns(source: RawFile, target: Path) -> bytes:
    """Write text whose lines end in carriage returns with line feeds; return its beginning."""
    with source.path.open("rb") as text, target.open("wb") as file:
        while piece := text.read(HEAD_BYTES):
            file.write(piece.replace(b"\r", b"\n"))
    with target.open("rb") as file:
        return file.read(HEAD_BYTES)


def _unpack(path: Path, source: RawFile, format: str | None) -> bytes:  # noqa: A002
    """Unpack a gzip file; return its beginning."""
    written = 0
    head = b""
    try:
        with gzip.open(path) as packed, source.path.open("wb") as file:
            while piece := packed.read(HEAD_BYTES):
                if not head:
                    head = piece
                    if format is None and not head.startswith(b"PK") and _rewriter(head) is None:
                        _detect(source, head)  # what is no record is not unpacked
                written += len(piece)
                if written > MAX_BYTES:
                    raise refusal(path.name, f"unpacks to more than {MAX_BYTES} bytes")
                file.write(piece)
    except (EOFError, zlib.error) as error:
        raise refusal(
            path.name,
            f"cannot be unpacked ({error}): it is cut off or damaged; copy it again",
        ) from error
    if not head:
        raise refusal(path.name, "is empty: copy it again from the instrument")
    return head


def list_curves(path: str | Path, *, format: str | None = None) -> list[CurveInfo]:  # noqa: A002
    """List the curves that a file holds.

    Parameters
    ----------
    path : str or Path
        The file.
    format : str, optional
        One of `FORMATS`; by default what the file's content says.

    Returns
    -------
    list of CurveInfo
        Index, name, rows, and whether it can be read as a record.

    Raises
    ------
    RecordError
        The file is of no known format, damaged or cut off.
    InputError
        The format is not known.

    Examples
    --------
    >>> [(curve.index, curve.rows, curve.readable) for curve in list_curves("cell7.csv")]
    [(0, 2, True)]
    """
    with _opened(path, format) as opened:
        curves: list[CurveInfo] = opened.module.list_tables(opened.source)
    return curves


def read_record(
    path: str | Path,
    *,
    curve: int | None = None,
    format: str | None = None,  # noqa: A002
    current: float | None = None,
    scan_rate: float | None = None,
) -> "xr.Dataset":
    """Read an instrument's file.

    Parameters
    ----------
    path : str or Path
        The file, possibly compressed with gzip. Its format is told by its content.
    curve : int, optional
        Which of several curves (`list_curves` lists them).
    format : str, optional
        One of `FORMATS`, such as ``"gamry"`` or ``"plain"``; by default what the content says.
    current : float, optional
        Constant current [A] of a file that holds time and voltage only.
    scan_rate : float, optional
        Rate [V/s] of a sweep whose file holds no time; one that states its rate needs none.

    Returns
    -------
    xarray.Dataset
        Over ``record``: ``test_time_second`` [s], ``voltage_volt`` [V], ``current_ampere`` [A] and
        more where the file has it. `data.instruments.record` describes it.

    Raises
    ------
    RecordError
        The file is of no known format, damaged, cut off, lacks a unit or column, or fails the
        checks that every record passes (time finite and not falling, |voltage| below 20 V and not
        exactly constant under current, |current| below 1 kA, as many rows as announced); an
        optional package is missing; it holds several curves and none is chosen; a current is
        stated for a file that holds one. The message names the line or row.
    InputError
        The format is not known.

    Examples
    --------
    >>> read_record("cell7.csv")["voltage_volt"].to_numpy()
    array([0.1, 0.2])
    """
    with _opened(path, format, current=current, scan_rate=scan_rate) as opened:
        reading = opened.module.read(opened.source, curve)
        record = build_record(opened.source, opened.name, opened.module.VERSION, reading)
        return with_metadata(with_witnesses(record, opened.source.path), Path(path))


def read_spectrum(path: str | Path, *, curve: int | None = None) -> "xr.Dataset":
    """Read an impedance spectrum of an instrument's file.

    Parameters
    ----------
    path : str or Path
        A ``.DTA`` of Gamry, ``.mpt`` or ``.mpr`` of BioLogic, or a text table of frequency and
        complex impedance; possibly compressed with gzip.
    curve : int, optional
        Which of several spectra.

    Returns
    -------
    xarray.Dataset
        Over ``point``: ``frequency_hertz`` [Hz] and complex ``impedance_ohm`` [ohm].
        `data.instruments.spectrum` describes it.

    Raises
    ------
    RecordError
        The file holds no spectrum, or one that cannot be read for certain.

    Examples
    --------
    >>> read_spectrum("spectrum.csv")["impedance_ohm"].to_numpy()
    array([1.-1.j, 2.-2.j])
    """
    from data.instruments import spectrum

    with _opened(path, "plain") as opened:
        return spectrum.read(opened.source, curve)
