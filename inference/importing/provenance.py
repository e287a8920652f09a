"""Records of provenance: from which file, by which algorithm, a row was read."""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.table import Table
from data.whole_files import write_text_whole
from inference.importing.recipe import Choices, CurveReading, Metadata

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["provenance_record", "write_record"]

_FILE = (
    "reader",
    "reader_version",
    "instrument",
    "technique",
    "technique_as_written",
    "sign_convention",
    "curve",
    "scan_rate_volt_per_second",
    "area_as_written_cm2",
    "truncated",
    "uncounted_time",
)


def provenance_record(
    record: "xr.Dataset",
    metadata: Metadata,
    reading: CurveReading,
    *,
    table: Table,
    sha256: str,
    written: Sequence[Mapping[str, str]],
    keys: Sequence[Mapping[str, float | str | None]],
    figures: Sequence[Path],
    choices: Choices,
    status: str,
) -> dict[str, Any]:
    """Return what a record of provenance holds.

    Parameters
    ----------
    record : Dataset
        The instrument's record.
    metadata : Metadata
        What was stated about the cell.
    reading : CurveReading
        What the curve says.
    table : Table
        The table of the rows.
    sha256 : str
        Of the instrument's file.
    written : sequence of mapping
        The rows as the table's file states them.
    keys : sequence of mapping
        What tells each row from others, in canonical units.
    figures : sequence of Path
        Beside the record.
    choices : Choices
        Of the command.
    status : str
        Whether the rows are in the table, of `data.provenance`.

    Returns
    -------
    dict
        Ready for JSON.
    """
    attrs = {name: _plain(record.attrs[name]) for name in _FILE if name in record.attrs}
    features = []
    for at, feature in enumerate(reading.features):
        start, stop = feature.window
        rows = record["test_time_second"].values
        clock = {}
        if feature.unit == "s":
            begin = feature.details.get("step_start", float(rows[start]))
            clock = {"time_origin": {"is": "start of the current", "test_time_second": begin}}
        features.append(
            {
                **{key: _plain(value) for key, value in feature.as_dict().items()},
                **clock,
                "used": at in reading.chosen,
                "window_test_time_second": [
                    float(rows[start]),
                    float(rows[max(start, min(stop, rows.size) - 1)]),
                ],
            }
        )
    return {
        "schema_version": 1,
        "project_version": version("anodebayes"),
        "imported": datetime.now(UTC).isoformat(timespec="seconds"),
        "table": table.name,
        "status": status,
        "cell": metadata.cell,
        "file": {
            "name": str(record.attrs.get("file_name", "")),
            "sha256": sha256,
            "rows": int(record.sizes["record"]),
            **attrs,
        },
        "metadata": {
            name: {"stated": metadata.stated[name], "where": metadata.origins[name]}
            for name in metadata.stated
        },
        "choices": {"correct_sweep": choices.correct_sweep, "feature": choices.feature},
        "features": features,
        "doubts": list(reading.doubts),
        "statements": list(reading.statements),
        "details": _plain(reading.details),
        "keys": [dict(key) for key in keys],
        "rows": [dict(row) for row in written],
        "figures": [path.name for path in figures],
    }


def write_record(path: Path, content: Mapping[str, Any]) -> None:
    """Write a record whole or not at all.

    Parameters
    ----------
    path : Path
        The record.
    content : mapping
        From `provenance_record`.
    """
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    write_text_whole(path, text + "\n")


def _plain(value: Any) -> Any:
    """Return a value as JSON takes it: numbers of NumPy as Python's, what is not finite as text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, str | int | float | bool | None) else str(value)
