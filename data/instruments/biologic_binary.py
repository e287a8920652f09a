"""EC-Lab's own binary ``.mpr``, through galvani: an optional package, imported when needed.

The file states how many rows it holds, so that one that is cut off is always known. The header of
the test is not decoded (the layout of the settings is not published): what the technique is called
is read, its parameters are not. Columns that galvani does not know are refused rather than guessed.

References
----------
.. [1] galvani, https://codeberg.org/echemdata/galvani
"""

import re
import warnings
from typing import Any

import numpy as np

from data.errors import RecordError
from data.instruments.biologic_columns import (
    as_printed,
    cell_voltage,
    choose_columns,
    convert_columns,
    other_columns,
    technique_of,
)
from data.instruments.raw_file import CurveInfo, RawFile, choose_curve, refusal
from data.instruments.record import Reading, count_steps

__all__ = ["VERSION", "list_tables", "numeric_columns", "read", "recognises"]

VERSION = "2"
_MAGIC = b"BIO-LOGIC MODULAR FILE"
# The first byte of the settings names the technique.
_TECHNIQUES = {
    0x04: "Galvanostatic Cycling with Potential Limitation",
    0x06: "Cyclic Voltammetry",
    0x0B: "Open Circuit Voltage",
    0x18: "Chronoamperometry / Chronocoulometry",
    0x19: "Chronopotentiometry",
    0x1D: "Potentio Electrochemical Impedance Spectroscopy",
    0x1E: "Galvano Electrochemical Impedance Spectroscopy",
    0x33: "Cyclic Voltammetry Advanced",
    0x6C: "Linear Sweep Voltammetry",
    0x75: "Constant Voltage",
    0x76: "Constant Current",
    0x7F: "Modulo Bat",
    0x88: "Battery Capacity Determination",
}


def recognises(head: bytes) -> bool:
    """Return whether the first bytes are those of an ``.mpr`` file.

    Parameters
    ----------
    head : bytes
        The file's beginning.

    Returns
    -------
    bool
        Whether they are EC-Lab's mark.
    """
    return head.startswith(_MAGIC)


def list_tables(source: RawFile) -> list[CurveInfo]:  # noqa: ARG001 - an .mpr holds one table
    """List the tables of an ``.mpr`` file: it holds one.

    Parameters
    ----------
    source : RawFile
        The file.

    Returns
    -------
    list of CurveInfo
        One.
    """
    return [CurveInfo(0, "VMP data", None)]


def _open(source: RawFile) -> Any:
    """Return galvani's view of the file."""
    try:
        from galvani.BioLogic import MPRfile
    except ImportError:
        raise RecordError(
            f"{source.name}: a binary file of EC-Lab (.mpr) needs the package galvani: pip "
            "install 'anodebayes[biologic]', or export the file as text (.mpt)"
        ) from None
    with source.path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return MPRfile(file, error_on_unknown_column=True)
        except MemoryError:
            raise refusal(source.name, "does not fit into memory") from None
        except Exception as error:
            # galvani checks by assertion and lets the errors of NumPy through.
            reason = re.sub(r"\s+", " ", str(error)).strip() or type(error).__name__
            raise refusal(
                source.name,
                f"cannot be read as a file of EC-Lab ({reason}): it is damaged, cut off or newer "
                "than galvani knows; copy it again, or export it as text (.mpt)",
            ) from error


def read(source: RawFile, curve: int | None) -> Reading:
    """Read an ``.mpr`` file.

    Parameters
    ----------
    source : RawFile
        The file.
    curve : int or None
        None or 0.

    Returns
    -------
    Reading
        To be checked.

    Raises
    ------
    RecordError
        galvani is not installed or cannot read the file, or a column is missing.
    """
    from importlib.metadata import version

    choose_curve(source.name, [CurveInfo(0, "VMP data", None)], curve)
    content = _open(source)
    flags = list(content.flags_dict)
    names = [*(content.data.dtype.names or ()), *flags]
    found = choose_columns(source, names)
    mode = content.get_flag("mode") if "mode" in flags else None
    columns = {key: np.asarray(content.data[name]) for key, name in found.items()}
    # -0.1 and not -0.10000000149011612
    columns = {key: as_printed(values) for key, values in columns.items()}
    variables, origin = convert_columns(source, columns, found, mode)
    others = {name: as_printed(content.data[name]) for name in other_columns(names, found)}
    if "step_id" in variables:
        loop = np.zeros(len(variables["step_id"]), dtype=np.int64)
        if content.loop_index is not None:
            loop = np.searchsorted(content.loop_index, np.arange(loop.size), side="right")
        variables["step_count"] = count_steps(variables["step_id"], loop)
    elif "Ns changes" in flags:
        changes = np.asarray(content.get_flag("Ns changes"), dtype=np.int64)
        variables["step_count"] = np.cumsum(changes) - (changes[0] if changes.size else 0)
    modules = [
        {
            key: value.decode("latin-1").strip() if isinstance(value, bytes) else int(value)
            for key, value in module.items()
            if key in ("shortname", "longname", "length", "version", "date")
        }
        for module in content.modules
    ]
    settings = next(m for m in content.modules if m["shortname"].startswith(b"VMP Set"))
    code = settings["data"][0] if len(settings["data"]) else -1
    name = _TECHNIQUES.get(code, f"code 0x{code:02x}")
    technique = technique_of(name, names)
    extra = cell_voltage(source, variables, origin, others, technique)
    header: dict[str, Any] = {
        "modules": modules,
        "columns": names,
        "start_date": str(content.startdate),
        "timestamp": str(getattr(content, "timestamp", "")),
        "loop_index": None if content.loop_index is None else content.loop_index.tolist(),
        "galvani": version("datalab-org-galvani"),
    }
    return Reading(
        variables=variables,
        columns=origin,
        curve=name,
        instrument="BioLogic",
        technique=technique,
        technique_as_written=name,
        header=header,
        announced_rows=int(content.npts[0]),
        extra=extra,
    )


def numeric_columns(source: RawFile) -> tuple[dict[str, Any], str]:
    """Return every column of numbers of an ``.mpr`` file, as EC-Lab prints them.

    Parameters
    ----------
    source : RawFile
        The file.

    Returns
    -------
    columns : dict of str to ndarray
        By the name that EC-Lab gives them.
    technique : str
        What EC-Lab calls the technique.

    Raises
    ------
    RecordError
        galvani is not installed or cannot read the file.
    """
    content = _open(source)
    names = content.data.dtype.names or ()
    columns = {name: as_printed(np.asarray(content.data[name])).astype(float) for name in names}
    settings = next(m for m in content.modules if m["shortname"].startswith(b"VMP Set"))
    code = settings["data"][0] if len(settings["data"]) else -1
    return columns, _TECHNIQUES.get(code, f"code 0x{code:02x}")
