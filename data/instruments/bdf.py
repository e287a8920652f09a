"""Writing a record as a file of the Battery Data Format, and knowing it again.

The format is a ``.csv`` whose first line holds its preferred labels [1]_; what is known of the test
stands in a file beside it, ``NAME.bdf.metadata.json`` for ``NAME.bdf.csv``. There the attributes of
the record are kept under the key ``anodebayes``, with the hash of the ``.csv`` that they belong to
and the hash of the instrument's own file: a measurement that was exported stays the same
measurement. Numbers are written in the fewest digits that give them back exactly.

References
----------
.. [1] Battery Data Alliance, Battery Data Format,
   https://github.com/battery-data-alliance/battery-data-format
"""

import hashlib
import io
import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from data.errors import InputError
from data.features.rows import runs
from data.instruments.raw_file import refusal
from data.instruments.record import TECHNIQUES
from data.instruments.witnesses import CAPACITY, ENERGY, POWER, witness_columns, words_before_unit
from data.locks import locked_folders
from data.whole_files import write_text_whole

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["METADATA", "ORIGIN", "SUFFIX", "with_metadata", "write_bdf"]

SUFFIX: Final = ".bdf.csv"
"""How the name of a file of the format ends."""

METADATA: Final = ".bdf.metadata.json"
"""How the name of the file beside it ends."""

ORIGIN: Final = "origin_sha256"
"""Attribute of a record that was exported before: the hash of the instrument's own file."""

_KEY = "anodebayes"
# What a reader says of the file that it reads, and not of the measurement.
_OF_THE_FILE = ("file_name", "sha256", "reader", "reader_version", "columns")
_OVERLOAD = "overload_rows"


def write_bdf(record: "xr.Dataset", folder: str | os.PathLike[str]) -> Path:
    """Write a record as a file of the Battery Data Format, with its metadata beside it.

    Parameters
    ----------
    record : xarray.Dataset
        Of `data.instruments.read_record`.
    folder : path
        Where to; it is made where there is none.

    Returns
    -------
    Path
        The ``.csv``, called after the instrument's file.

    Raises
    ------
    InputError
        The folder holds a file of that name.
    """
    target = Path(folder)
    name = Path(str(record.attrs["file_name"]).removesuffix(".gz")).name
    stem = name.removesuffix(SUFFIX) if name.endswith(SUFFIX) else Path(name).stem
    table, beside = target / f"{stem}{SUFFIX}", target / f"{stem}{METADATA}"
    content = _table(record)
    described = {_KEY: _described(record, hashlib.sha256(content.encode()).hexdigest())}
    about = json.dumps(described, indent=2, ensure_ascii=False) + "\n"
    target.mkdir(parents=True, exist_ok=True)
    with locked_folders([target]):  # table and metadata are of one export
        # Of an export that was stopped, what is written first is there alone.
        stopped = not table.exists() and beside.is_file() and beside.read_bytes() == about.encode()
        for path in (table, beside):
            if os.path.lexists(path) and not stopped:
                raise InputError(f"{str(path)!r} is there already: name another folder, or move it")
        write_text_whole(beside, about)
        return write_text_whole(table, content)


def with_metadata(record: "xr.Dataset", path: Path) -> "xr.Dataset":
    """Return a record with what the file beside it says of the test.

    Parameters
    ----------
    record : xarray.Dataset
        Read from a ``.csv``.
    path : Path
        Of that file.

    Returns
    -------
    xarray.Dataset
        As it came, where nothing of ours stands beside it.

    Raises
    ------
    RecordError
        The file beside it is damaged, or belongs to other rows.
    """
    beside = path.with_name(f"{path.name.removesuffix(SUFFIX)}{METADATA}")
    if not path.name.endswith(SUFFIX) or not beside.is_file():
        return record
    try:
        entries = json.loads(beside.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise refusal(beside.name, f"cannot be read ({error}): export it again") from None
    known = entries.get(_KEY) if isinstance(entries, dict) else None
    if known is None:
        return record  # somebody else's
    attributes = known.get("attributes") if isinstance(known, dict) else None
    if (
        not isinstance(attributes, dict)
        or not all(isinstance(value, str | int | float) for value in attributes.values())
        or attributes.get("technique") not in TECHNIQUES
    ):
        raise refusal(beside.name, f"holds no attributes of a record in {_KEY!r}: export it again")
    if known.get("sha256") != record.attrs["sha256"]:
        raise refusal(
            beside.name,
            f"belongs to other rows than {path.name} holds now: export it again, or delete "
            f"{beside.name} and state what is known of the test yourself",
        )
    own = {name: value for name, value in attributes.items() if name not in _OF_THE_FILE}
    record = record.assign_attrs(own | {ORIGIN: str(known.get(ORIGIN, ""))})
    if _OVERLOAD in known:
        over = np.zeros(record.sizes["record"], dtype=np.bool_)
        for start, stop in known[_OVERLOAD]:
            over[start:stop] = True
        label = {"units": "1", "long_name": "Overload"}
        record = record.assign(overload=("record", over, label))
    return record


def _described(record: "xr.Dataset", digest: str) -> dict[str, Any]:
    """Return what the file beside a table holds."""
    attributes = {
        str(name): value.item() if hasattr(value, "item") else value
        for name, value in record.attrs.items()
        if name != ORIGIN
    }
    described: dict[str, Any] = {
        "schema_version": 1,
        "sha256": digest,
        ORIGIN: str(record.attrs.get(ORIGIN) or record.attrs["sha256"]),
        "attributes": attributes,
    }
    if "overload" in record:  # the format has no column of it
        described[_OVERLOAD] = [[int(a), int(b)] for a, b in runs(record["overload"].values)]
    return described


def _table(record: "xr.Dataset") -> str:
    """Return the rows of a record as text."""
    columns: dict[str, list[str]] = {}
    for name, variable in record.data_vars.items():
        if variable.dims == ("record",) and name != "overload":
            columns[str(variable.attrs["long_name"])] = _cells(variable.values)
    for stated, unit in ((CAPACITY, "Ah"), (ENERGY, "Wh"), (POWER, "W")):
        for header, values in witness_columns(record, stated).items():
            words = words_before_unit(header)
            label, number = f"{words} / {unit}", 1
            while label in columns:
                number += 1
                label = f"{words} {number} / {unit}"
            columns[label] = _cells(values)
    text = io.StringIO()
    text.write(",".join(_quoted(label) for label in columns) + "\n")
    text.writelines(f"{','.join(row)}\n" for row in zip(*columns.values(), strict=True))
    return text.getvalue()


def _quoted(label: str) -> str:
    return '"{}"'.format(label.replace('"', '""')) if set(label) & set(',;"\t') else label


def _cells(values: Any) -> list[str]:
    """Return numbers in the fewest digits that give them back; NaN is blank."""
    if values.dtype.kind == "i":
        return [str(value) for value in values.tolist()]
    return ["" if math.isnan(value) else repr(value) for value in values.tolist()]
