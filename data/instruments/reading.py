"""Reading a record: which format a file is, by what it holds, and which of its curves is meant."""

import gzip
import hashlib
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.errors import InputError, RecordError
from data.instruments.bdf import with_metadata
from data.instruments.record import CurveInfo, Source, build_record, refusal
from data.instruments.witnesses import with_witnesses

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["FORMATS", "list_curves", "read_record", "read_spectrum"]

HEAD_BYTES = 1 << 16
MAX_BYTES = 2 << 30

FORMATS = {
    "gamry": "data.instruments.gamry",
    "biologic_text": "data.instruments.biologic_text",
    "biologic": "data.instruments.biologic_binary",
    "arbin": "data.instruments.arbin",
    "arbin_res": "data.instruments.arbin_res",
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
    "legal are .DTA of Gamry, .mpt and .mpr of BioLogic, .csv, .xlsx and .res of Arbin, and .csv "
    "with the columns of the Battery Data Format or 'quantity [unit]'"
)


@dataclass(frozen=True)
class _Opened:
    """A file whose format is known."""

    source: Source
    name: str
    module: Any


def _formats() -> list[tuple[str, Callable[[bytes], bool]]]:
    from data.instruments import arbin_res, biologic_binary, biologic_text, gamry

    return [
        ("biologic", biologic_binary.recognises),
        ("biologic_text", biologic_text.recognises),
        ("gamry", gamry.recognises),
        ("arbin_res", arbin_res.recognises),
    ]


def _detect(file: str, head: bytes) -> str:
    """Return the format of a file, from its beginning."""
    for name, recognises in _formats():
        if recognises(head):
            return name
    if head.startswith(b"PK\x03\x04"):
        return "arbin"
    for magic, kind in _OTHERS.items():
        if head.startswith(magic):
            raise refusal(file, f"is {kind}, whatever its name says: {_LEGAL}")
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise refusal(file, "is UTF-16 text: save it as UTF-8 ('CSV UTF-8' in Excel)")
    if b"\x00" in head:
        raise refusal(file, f"is binary and of no known format: {_LEGAL}")
    from data.instruments import arbin, plain
    from data.instruments.delimited import header_names

    names = header_names(head)
    if not names:
        raise refusal(file, "holds only blanks and comments")
    if arbin.recognises_header(names):
        return "arbin"
    if plain.recognises_header(names):
        return "plain"
    shown = ", ".join(repr(name[:40]) for name in names[:8])
    advice = plain.renaming_advice(names) or _advice_on_top(head, names)
    raise refusal(file, f"is of no known format (its first line is {shown}){advice}: {_LEGAL}")


def _advice_on_top(head: bytes, names: list[str]) -> str:
    """Say what to do about a file whose headers are missing, or do not stand first."""
    from data.instruments import arbin, plain
    from data.instruments.delimited import header_names
    from data.units import parse_number

    if all(parse_number(name.replace(",", ".")) is not None for name in names):
        return "; it begins with numbers: write 'time [s],voltage [V],current [A]' above them"
    for number, line in enumerate(head.splitlines()[:200], start=1):
        below = header_names(line)
        if plain.recognises_header(below) or arbin.recognises_header(below):
            return f"; the headers are in line {number}: begin the lines above it with '#'"
    return ""


@contextmanager
def _opened(path: str | Path, format: str | None) -> Iterator[_Opened]:  # noqa: A002
    """Open a file: unpack it where it is compressed, and tell its format."""
    if format is not None and format not in FORMATS:
        close = get_close_matches(format, FORMATS, 1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise InputError(f"format {format!r} is not known: legal are {', '.join(FORMATS)}{hint}")
    path = Path(path)
    try:
        if path.is_dir():
            raise refusal(path.name, "is a folder: name a file")
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise refusal(path.name, f"has {size} bytes: at most {MAX_BYTES} are read; split it")
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
            if not head:
                raise refusal(path.name, "is empty: copy it again from the instrument")
            if not head.startswith(b"\x1f\x8b"):
                name = format or _detect(path.name, head)
                file.seek(0)
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                yield _Opened(Source(path, path.name, digest), name, _module(name))
                return
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        with tempfile.TemporaryDirectory(prefix="anodebayes-") as folder:
            unpacked = Path(folder) / "record"
            head = _unpack(path, unpacked, format)
            name = format or _detect(path.name, head)
            yield _Opened(Source(unpacked, path.name, digest), name, _module(name))
    except OSError as error:
        if isinstance(error, gzip.BadGzipFile):
            raise refusal(path.name, f"cannot be unpacked ({error}): it is damaged") from error
        reason = error.strerror or str(error)
        raise RecordError(f"{path}: cannot be read: {reason}") from error


def _unpack(path: Path, target: Path, format: str | None) -> bytes:  # noqa: A002
    """Unpack a gzip file; return its beginning."""
    written = 0
    head = b""
    try:
        with gzip.open(path) as packed, target.open("wb") as file:
            while piece := packed.read(HEAD_BYTES):
                if not head:
                    head = piece
                    if format is None:
                        _detect(path.name, head)  # what is no record is not unpacked
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


def _module(name: str) -> Any:
    return import_module(FORMATS[name])


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
    """
    with _opened(path, format) as opened:
        curves: list[CurveInfo] = opened.module.list_tables(opened.source)
    return curves


def read_record(
    path: str | Path,
    *,
    curve: int | None = None,
    format: str | None = None,  # noqa: A002
) -> "xr.Dataset":
    """Read an instrument's file.

    Parameters
    ----------
    path : str or Path
        The file, possibly compressed with gzip. Its format is told by its content.
    curve : int, optional
        Which of several curves (`list_curves` lists them).
    format : str, optional
        One of ``"gamry"``, ``"biologic_text"``, ``"biologic"``, ``"arbin"``, ``"arbin_res"`` and
        ``"plain"``; by default what the content says.

    Returns
    -------
    xarray.Dataset
        Over ``record``: ``test_time_second`` [s], ``voltage_volt`` [V], ``current_ampere`` [A] and
        more where the file has it. `data.instruments.record` describes it.

    Raises
    ------
    RecordError
        The file is of no known format, damaged, cut off, lacks a unit or column, or fails the
        checks that every record passes (time finite and not falling, |voltage| below 20 V,
        |current| below 1 kA, as many rows as announced); an optional package is missing; it holds
        several curves and none is chosen. The message names the line or row.
    InputError
        The format is not known.
    """
    with _opened(path, format) as opened:
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
    """
    from data.instruments import spectrum

    with _opened(path, "plain") as opened:
        return spectrum.read(opened.source, curve)
