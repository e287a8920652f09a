"""Synthetic raw curves: what an instrument would have recorded of a synthetic campaign's rows.

Every curve is drawn about the value that its row states, so that importing it gives the row back.
`inference.importing.drawn_curves` says how. Noise of the voltage and of the current is white, and
both are quantised as by a converter of 16 bits.

Nothing here was measured: every file says so in its first line.
"""

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from data.arrays import Array
from data.errors import InputError
from data.files import file_stems
from data.metadata import write_metadata
from data.schema import Row
from data.table import Table
from data.tables import tables
from data.whole_files import draft, place
from data.writer import refuse_filled_folder, table_text
from inference.importing.drawn_curves import DRAWERS, area_of, number_in

if TYPE_CHECKING:
    import xarray as xr

    from data.campaign import Campaign

__all__ = ["CAMPAIGN", "RAW", "SYNTHETIC", "RawCurve", "write_raw_curves"]

RAW: Final = "raw"
"""Folder of the curves in the folder of their campaign."""

CAMPAIGN: Final = "campaign"
"""Folder, beside the curves, of the campaign without the rows that they give back."""

SYNTHETIC: Final = "SYNTHETIC: drawn by the simulator of anodebayes, measured by nobody"
"""First line of every file; a campaign that is not synthetic refuses to import it."""

_VOLTAGE_NOISE: Final = 2e-4  # V
_CURRENT_NOISE: Final = 5e-4  # of the current
_VOLTAGE_STEP: Final = 5e-5  # V
_BITS: Final = 2.0**15
_SIDECAR: Final = ("source", "place", "lab")
_MEASURED: Final = frozenset({"outcome", "plateau", "bracket_from", "note", "assumed", "exclude"})


@dataclass(frozen=True)
class RawCurve:
    """One synthetic curve.

    Parameters
    ----------
    file : Path
        The curve.
    table : str
        Table of the rows it was drawn from.
    cell : str
        Its cell.
    rows : tuple of int
        Positions of these rows in the campaign's table.
    """

    file: Path
    table: str
    cell: str
    rows: tuple[int, ...]


def write_raw_curves(
    campaign: "Campaign", folder: str | os.PathLike[str], *, seed: int
) -> list[RawCurve]:
    """Write a synthetic curve for every row of a campaign that curves make.

    Rows of ``penetration``, ``critical_current`` (brackets from one cell), ``lsv``, ``sand`` and
    ``dc_polarization`` become files ``<table>-<cell>.csv``, in the columns of the Battery Data
    Format, with sidecars. The rest of the campaign is written to the folder ``campaign`` beside
    them, to import into.

    Parameters
    ----------
    campaign : Campaign
        Of kind ``synthetic``.
    folder : str or path
        Where to; it must not exist, be empty, or hold the very curves that would be drawn.
    seed : int
        Of the noise, and of events inside intervals.

    Returns
    -------
    list of RawCurve
        One a file.

    Raises
    ------
    InputError
        The campaign is not synthetic, or the folder holds anything else.

    Examples
    --------
    >>> curves = write_raw_curves(load_campaign("sodium-synthetic"), "raw", seed=1)
    >>> sorted({curve.table for curve in curves})
    ['critical_current', 'dc_polarization', 'lsv', 'penetration', 'sand']
    """
    if campaign.metadata.kind != "synthetic":
        raise InputError(
            f"campaign {campaign.name!r} is {campaign.metadata.kind}: raw curves are made up for "
            "synthetic campaigns only, so that none passes for a measurement"
        )
    target = Path(folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    with draft(target) as beside:
        beside.mkdir()
        curves = _draw(campaign, beside, np.random.default_rng([seed, 4]))
        _write_rest(campaign, beside / CAMPAIGN, curves)
        if not target.is_dir() or _contents(target) != _contents(beside):
            refuse_filled_folder(target)
            place(beside, target)
    return [replace(curve, file=target / curve.file.name) for curve in curves]


def _contents(folder: Path) -> dict[Path, bytes]:
    """Return every file below a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder): path.read_bytes() for path in files}


def _draw(campaign: "Campaign", target: Path, random: np.random.Generator) -> list[RawCurve]:
    """Write the curves and their sidecars."""
    separators = _separators(campaign)
    curves = []
    for name, draw in DRAWERS.items():
        if name not in campaign.tables:
            continue
        rows = _rows(campaign.tables[name])
        files = [*_files(name, rows)]
        cells = [str(rows[at].get("cell") or rows[at]["separator"]) for at, *_ in files]
        for positions, cell, stem in zip(files, cells, file_stems(cells), strict=True):
            own = [rows[at] for at in positions]
            path = target / f"{name}-{stem}.csv"
            area = area_of(own[0])
            time, voltage, density = draw(own, separators, random)
            _write_curve(path, name, time, voltage, density * area, random)
            _write_sidecar(path, tables()[name], own, cell)
            curves.append(RawCurve(path, name, cell, positions))
    return curves


def _rows(dataset: "xr.Dataset") -> list[Row]:
    """Return the rows of a table as cells in canonical units."""
    columns = {str(name): dataset[name].values.tolist() for name in dataset.data_vars}
    count = len(next(iter(columns.values())))
    return [{name: values[at] for name, values in columns.items()} for at in range(count)]


def _files(table: str, rows: list[Row]) -> Iterator[tuple[int, ...]]:
    """Yield the positions of the rows of each file: one a row, both plateaus of a sweep in one."""
    if table == "lsv":
        cells = dict.fromkeys(str(row["cell"]) for row in rows)
        for cell in cells:
            own = [at for at, row in enumerate(rows) if row["cell"] == cell]
            yield tuple(sorted(own, key=lambda at: float(rows[at]["plateau"])))
        return
    for at, row in enumerate(rows):
        if table != "critical_current" or row["bracket_from"] == "one_cell":
            yield (at,)


def _separators(campaign: "Campaign") -> dict[str, Row]:
    if "separators" not in campaign.tables:
        return {}
    return {str(row["separator"]): row for row in _rows(campaign.tables["separators"])}


def _write_curve(
    path: Path,
    table: str,
    time: Array,
    voltage: Array,
    current: Array,
    random: np.random.Generator,
) -> None:
    """Write a curve with noise, as an instrument of 16 bits gives it."""
    voltage = voltage + random.normal(0.0, _VOLTAGE_NOISE, time.size)
    current = current * (1.0 + random.normal(0.0, _CURRENT_NOISE, time.size))
    step = max(float(np.abs(current).max()), 1e-9) / _BITS
    voltage = np.round(voltage / _VOLTAGE_STEP) * _VOLTAGE_STEP
    current = np.round(current / step) * step
    columns = {
        "Test Time / s": [f"{value:.5f}" for value in time],
        "Voltage / V": [f"{value:.5f}" for value in voltage],
        "Current / A": [f"{value:.9g}" for value in current],
    }
    technique = "linear_sweep" if table == "lsv" else "chronopotentiometry"
    lines = [
        f"# {SYNTHETIC}",
        f"# technique: {technique}",
        "# instrument: none",
        ",".join(columns),
        *(",".join(row) for row in zip(*columns.values(), strict=True)),
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def _write_sidecar(path: Path, table: Table, rows: list[Row], cell: str) -> None:
    """Write what the curve does not say."""
    import tomli_w

    from inference.importing.recipe import recipe_of

    read = {*recipe_of(table.name).read, *_MEASURED}
    entries: dict[str, str | int] = {"cell": cell, "area": f"{area_of(rows[0])!r} cm^2"}
    for name, column in table.fields.items():
        if name in read or name in ("cell", "area", "line"):
            continue
        if not column.is_number:
            text = str(rows[0].get(name, ""))
            if text and (name in _SIDECAR or name not in _TEXTS):
                entries[name] = text
            continue
        value = number_in(rows[0], name)
        if math.isfinite(value) and value != column.default:
            whole = column.support == "integer"
            entries[name] = int(value) if whole else f"{value!r} {column.unit}"
    if len(rows) > 1:
        entries["second_area"] = f"{area_of(rows[1])!r} cm^2"
        if math.isfinite(number_in(rows[1], "area_sd")):
            entries["second_area_sd"] = f"{number_in(rows[1], 'area_sd')!r} cm^2"
    text = f"# {SYNTHETIC}\n" + tomli_w.dumps(entries)
    path.with_name(f"{path.name}.toml").write_text(text, encoding="utf-8", newline="\n")


_TEXTS: Final = ("source", "place", "note", "assumed", "exclude")


def _write_rest(campaign: "Campaign", folder: Path, curves: list[RawCurve]) -> None:
    """Write the campaign without the rows that the curves give back."""
    folder.mkdir()
    write_metadata(campaign.metadata, folder)
    gone = {(curve.table, at) for curve in curves for at in curve.rows}
    for name, dataset in campaign.tables.items():
        rows = [row for at, row in enumerate(_rows(dataset)) if (name, at) not in gone]
        if rows:
            text = table_text(tables()[name], rows)
            (folder / tables()[name].file).write_text(text, encoding="utf-8", newline="\n")
