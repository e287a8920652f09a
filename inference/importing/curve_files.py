"""Files to import: found by name, and read as records of an instrument."""

import glob
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import InputError, RecordError
from data.files import expanded, refuse_unwritable
from data.schema import nearest, show_number
from inference.importing.recipe import Metadata
from inference.importing.sidecars import SHARED

if TYPE_CHECKING:
    import xarray as xr


__all__ = ["check_file", "expand_files", "read_curve"]


def expand_files(files: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """Return the files that paths and patterns name.

    Parameters
    ----------
    files : iterable of str or path
        Files, or patterns with ``*``, ``?`` or ``[]``. Sidecars among them are passed over.

    Returns
    -------
    list of Path
        Each once, in the order they are named; what a pattern finds is sorted.

    Raises
    ------
    InputError
        There is no file at all, or a pattern finds none.
    """
    found: list[Path] = []
    for entry in files:
        path = expanded(entry)
        if path.exists() or not glob.has_magic(str(path)):
            found.append(path)
            continue
        pattern = str(path.relative_to(path.anchor)) if path.anchor else str(path)
        matches = [m for m in sorted(Path(path.anchor).glob(pattern)) if m.is_file()]
        if not matches:
            raise InputError(f"no file matches {str(entry)!r}")
        found += matches
    kept = [path for path in dict.fromkeys(found) if not _is_sidecar(path)]
    if not kept:
        raise InputError("no file to import is named: name the instrument's files")
    return kept


def _is_sidecar(path: Path) -> bool:
    return path.name == SHARED or (path.suffix == ".toml" and path.with_suffix("").is_file())


def check_file(path: Path) -> None:
    """Refuse what is no file before anything is asked about it."""
    refuse_unwritable(str(path))
    if path.is_dir():
        raise InputError(
            f"{str(path)!r} is a folder: name its files, such as '{path / '*'}' in quotes"
        )
    if path.exists():
        return
    message = f"there is no file {str(path)!r}"
    if not path.parent.is_dir():
        raise InputError(f"{message}, nor a folder {str(path.parent)!r}")
    raise InputError(message + nearest(path.name, (entry.name for entry in path.parent.iterdir())))


def read_curve(path: Path, metadata: Metadata) -> "xr.Dataset":
    """Read the record of a file, by what was stated of it; spectra are refused by their name."""
    from data import read_record

    number = metadata.number("curve")
    curve = None if number is None else int(number)
    current, rate = metadata.number("current"), metadata.number("scan_rate")
    try:
        record = read_record(
            path,
            curve=curve,
            current=None if current is None else 1e-3 * current,  # mA
            scan_rate=None if rate is None else 1e-3 * rate,  # mV/s
        )
    except RecordError as error:
        _refuse_spectrum(path, curve, error)
        raise
    if _may_be_spectrum(record):
        _refuse_spectrum(path, curve, None)
    return record


def _may_be_spectrum(record: "xr.Dataset") -> bool:
    """Return whether the rows of a record are points of a spectrum, beside what was read."""
    from data.instruments.spectrum_header import names_spectrum

    header = json.loads(str(record.attrs["header"]))
    stated = header.get("columns", ()) if isinstance(header, dict) else ()
    names = stated.split("\t") if isinstance(stated, str) else stated
    # Of EC-Lab, techniques with many steps have such columns, too, and fill them in some steps.
    technique = str(record.attrs["technique_as_written"]).lower()
    return names_spectrum(names) and (not technique or "impedance" in technique)


def _refuse_spectrum(path: Path, curve: int | None, error: Exception | None) -> None:
    """Refuse an impedance spectrum by what it is; return where the file holds none."""
    from data import read_spectrum

    for number in (curve, 0):  # of several the first tells what they are
        try:
            spectrum = read_spectrum(path, curve=number)
            break
        except RecordError:
            continue
    else:
        return  # what is wrong with the file as a record is said instead
    ends = [float(find(spectrum["frequency_hertz"].values)) for find in (min, max)]
    raise InputError(
        f"{path.name} is an impedance spectrum of {spectrum.sizes['point']} points from "
        f"{show_number(ends[0])} to {show_number(ends[1])} Hz: no table takes spectra yet, and no "
        "row is made of it"
    ) from error
