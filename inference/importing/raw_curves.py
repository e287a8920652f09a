"""Synthetic raw curves: what an instrument would have recorded of a synthetic campaign's rows.

Every curve is drawn about the value that its row states, so that importing it gives the row back.
Sweeps and Sand's transients are computed by the transient cell, with the diffusivity at which that
cell shows the row's plateau or time. The other shapes are analytic: a penetration is a sudden drop
to a tenth of the voltage, a staircase fails by such a drop within its last step, and the voltage of
a one-way test settles and then runs away, with the inflexion at the transition. Noise of the
voltage and of the current is white, and both are quantised as by a converter of 16 bits.

Nothing here was measured: every file says so in its first line.
"""

import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError
from data.files import file_stems
from data.metadata import write_metadata
from data.schema import Table
from data.tables import tables
from data.units import to_si
from data.whole_files import draft, place
from data.writer import refuse_filled_folder, table_text

if TYPE_CHECKING:
    import xarray as xr

    from data.campaign import Campaign

__all__ = ["CAMPAIGN", "RAW", "SYNTHETIC", "RawCurve", "write_raw_curves"]

type Array = NDArray[np.float64]
type Cells = dict[str, float | str]
type Curve = tuple[Array, Array, Array]

RAW: Final = "raw"
"""Folder of the curves in the folder of their campaign."""

CAMPAIGN: Final = "campaign"
"""Folder, beside the curves, of the campaign without the rows that they give back."""

SYNTHETIC: Final = "SYNTHETIC: drawn by the simulator of anodebayes, measured by nobody"
"""First line of every file; a campaign that is not synthetic refuses to import it."""

_ROWS: Final = 1500
_VOLTAGE_NOISE: Final = 2e-4  # V
_CURRENT_NOISE: Final = 5e-4  # of the current
_VOLTAGE_STEP: Final = 5e-5  # V
_BITS: Final = 2.0**15
_AREA: Final = 1.0  # cm^2, of rows that state none
_TRANSFERENCE: Final = 0.5
_RESISTANCE: Final = 15.0  # ohm cm^2, of a cell that metal has not penetrated
_CERAMIC_RESISTANCE: Final = 200.0  # ohm cm^2
_CONTACT: Final = 0.4  # of the voltage, settling before voids open
_SETTLING, _RUNAWAY = 0.3, 0.1  # of the transition time
_SHORTED: Final = 0.1  # of the voltage
_AFTER: Final = 60.0  # s recorded after an event, at least
_SCAN_RATE: Final = 1.0  # mV/s, of rows that state none
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
    for name, draw in _DRAWERS.items():
        if name not in campaign.tables:
            continue
        rows = _rows(campaign.tables[name])
        files = [*_files(name, rows)]
        cells = [str(rows[at].get("cell") or rows[at]["separator"]) for at, *_ in files]
        for positions, cell, stem in zip(files, cells, file_stems(cells), strict=True):
            own = [rows[at] for at in positions]
            path = target / f"{name}-{stem}.csv"
            area = _area(own[0])
            time, voltage, density = draw(own, separators, random)
            _write_curve(path, name, time, voltage, density * area, random)
            _write_sidecar(path, tables()[name], own, cell)
            curves.append(RawCurve(path, name, cell, positions))
    return curves


def _rows(dataset: "xr.Dataset") -> list[Cells]:
    """Return the rows of a table as cells in canonical units."""
    columns = {str(name): dataset[name].values.tolist() for name in dataset.data_vars}
    count = len(next(iter(columns.values())))
    return [{name: values[at] for name, values in columns.items()} for at in range(count)]


def _files(table: str, rows: list[Cells]) -> Iterator[tuple[int, ...]]:
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


def _separators(campaign: "Campaign") -> dict[str, Cells]:
    if "separators" not in campaign.tables:
        return {}
    return {str(row["separator"]): row for row in _rows(campaign.tables["separators"])}


def _number(row: Cells, name: str) -> float:
    value = row.get(name, math.nan)
    return math.nan if isinstance(value, str) else float(value)


def _area(row: Cells) -> float:
    area = _number(row, "area")
    return area if math.isfinite(area) else _AREA


def _value(row: Cells, column: str, random: np.random.Generator) -> float:
    """Return the value that a curve shows; inside the interval where the row has one."""
    exact, low, high = (_number(row, f"{column}{end}") for end in ("", "_lower", "_upper"))
    if math.isfinite(exact):
        return exact
    if math.isfinite(low) and math.isfinite(high):
        return float(np.exp(random.uniform(np.log(low), np.log(high))))
    return 0.8 * high if math.isfinite(high) else math.inf


def _drop(time: Array, at: float) -> Array:
    """Return the factor of a sudden drop at a time."""
    return np.where(time > at, _SHORTED, 1.0)


def _penetration(
    rows: list[Cells], _separators: dict[str, Cells], random: np.random.Generator
) -> Curve:
    """Draw a test to its capacity: at its end the voltage drops, or the test is over."""
    row = rows[0]
    density = float(row["current_density"]) * 1e-3
    capacity = _number(row, "capacity")
    planned = (capacity if math.isfinite(capacity) else 1.0) * 3.6 / density
    penetrated = row["outcome"] == "penetrated"
    end = planned + max(_AFTER, 0.05 * planned) if penetrated else planned
    time = np.linspace(0.0, end, _ROWS)
    voltage = density * _RESISTANCE * (1.0 + 0.3 * time / planned) + 0.01 * (
        1.0 - np.exp(-time / (0.02 * planned))
    )
    if penetrated:
        voltage *= _drop(time, planned * random.uniform(0.999, 1.001))
    return time, voltage, np.full_like(time, density)


def _staircase(
    rows: list[Cells], _separators: dict[str, Cells], random: np.random.Generator
) -> Curve:
    """Draw a staircase of currents that ends with the step that failed, if any."""
    row = rows[0]
    low, high = (_number(row, f"current_density_{end}") for end in ("lower", "upper"))
    ratio = high / low if math.isfinite(low) and math.isfinite(high) else 1.25
    first = low if math.isfinite(low) else high
    below = [first / ratio**power for power in (3, 2, 1)] if math.isfinite(low) else []
    levels = [*below, *(level for level in (low, high) if math.isfinite(level))]
    step = _number(row, "step_time")
    step = step if math.isfinite(step) else 600.0
    count = max(60, _ROWS // (2 * len(levels)))
    times, voltages, densities = [], [], []
    for position, level in enumerate(levels):
        time = np.linspace(0.0, step, count, endpoint=False) + step / count
        density = level * 1e-3
        voltage = density * _RESISTANCE * (1.0 + 0.1 * time / step)
        if level == high:
            voltage *= _drop(time, step * random.uniform(0.3, 0.6))
        times.append(time + position * step)
        voltages.append(voltage)
        densities.append(np.full_like(time, density))
    return np.concatenate(times), np.concatenate(voltages), np.concatenate(densities)


def _polarisation(
    rows: list[Cells], separators: dict[str, Cells], random: np.random.Generator
) -> Curve:
    """Draw a one-way test that voids polarise, or a staircase."""
    row = rows[0]
    if row["protocol"] == "step":
        return _staircase(rows, separators, random)
    density = float(row["current_density"]) * 1e-3
    stop = float(row["stop_time"])
    bare = _number(row, "transition_time_lower")
    transition = _value(row, "transition_time", random)
    seen = bare if math.isinf(transition) and math.isfinite(bare) else stop
    level = density * _CERAMIC_RESISTANCE
    if math.isinf(transition):
        time = np.linspace(0.0, seen, _ROWS)
        voltage = level * (1.0 + _CONTACT * -np.expm1(-3.0 * time / stop))
        return time, voltage, np.full_like(time, density)
    # Contact settles, then voids take it away: the second derivatives cancel at the transition.
    reduced = np.linspace(0.0, 1.0 + 5.5 * _RUNAWAY, _ROWS)
    rise = _CONTACT * (_RUNAWAY / _SETTLING) ** 2 * math.exp(-1.0 / _SETTLING)
    settling = _CONTACT * -np.expm1(-reduced / _SETTLING)
    voltage = level * (1.0 + settling + rise * np.exp((reduced - 1.0) / _RUNAWAY))
    return transition * reduced, voltage, np.full_like(reduced, density)


def _layers(row: Cells, separators: dict[str, Cells]) -> list[Any]:
    """Return the layers of a sweep's stack, from the depleting electrode."""
    from models.physics import Layer

    separator = separators[str(row["separator"])]
    reservoir = _number(row, "reservoir_thickness")
    stack = Layer(
        float(row["layers"]) * float(separator["thickness"]) * 1e-6,
        float(separator["porosity"]),
        _macmullin(separator),
    )
    if not reservoir > 0:
        return [stack]
    open_ = Layer(reservoir * 1e-6, 1.0, 1.0)
    return [open_, stack] if row["reservoir_side"] == "depleting" else [stack, open_]


def _macmullin(separator: Cells) -> float:
    from models.physics import macmullin_number_from_porosity

    stated = _number(separator, "macmullin_number")
    if math.isfinite(stated):
        return stated
    estimate = macmullin_number_from_porosity(
        float(separator["porosity"]), str(separator["pore_type"])
    )
    return float(np.asarray(estimate))


def _sweep(rows: list[Cells], separators: dict[str, Cells], random: np.random.Generator) -> Curve:
    """Draw a linear sweep of the voltage with one plateau or two."""
    from models.physics import limiting_current_density
    from models.transient_cell import TransientCell

    row = rows[0]
    area = _area(row)
    currents = [_value(each, "plateau_current", random) for each in rows]
    rate = _number(row, "scan_rate")
    rate = (rate if math.isfinite(rate) else _SCAN_RATE) * 1e-3
    if math.isinf(currents[0]):  # ohmic as far as the sweep goes
        voltage = np.linspace(0.0, 1.0, _ROWS)
        reached = _number(row, "plateau_current_lower") * 1e-3 / area
        return voltage / rate, voltage, reached * voltage
    layers = _layers(row, separators)
    concentration = float(to_si(float(row["concentration"]), "mol/L"))
    limit = currents[0] * 1e-3 / area * 1e4  # A/m^2
    diffusivity = limit / float(limiting_current_density(1.0, _TRANSFERENCE, concentration, layers))
    end = 1.2 if len(currents) == 1 else 2.2
    swept = TransientCell(
        layers=layers,
        diffusivity=diffusivity,
        transference_number=_TRANSFERENCE,
        concentration=concentration,
        temperature=float(row["temperature"]) + 273.15,
        series_resistance=0.1 / limit,
    ).sweep(rate, end, sample_interval=end / rate / _ROWS)
    time, voltage, density = (
        np.asarray(swept[name].values, dtype=float)
        for name in ("time", "voltage", "current_density")
    )
    if len(currents) > 1:
        more = currents[1] / currents[0] - 1.0
        density = density * (1.0 + more / (1.0 + np.exp((1.2 - voltage) / 0.06)))
    return time, voltage, density * 1e-4


def _depletion(
    rows: list[Cells], separators: dict[str, Cells], random: np.random.Generator
) -> Curve:
    """Draw a transient under constant current, to depletion or to its planned end."""
    from scipy.optimize import brentq

    from models.physics import Layer, depletion_time
    from models.transient_cell import TransientCell

    row = rows[0]
    density = float(row["current_density"]) * 10.0  # A/m^2
    stop = float(row["stop_time"])
    bare = _number(row, "sand_time_lower")
    event = _value(row, "sand_time", random)
    seen = bare if math.isinf(event) and math.isfinite(bare) else stop
    due = event if math.isfinite(event) else 3.0 * stop
    concentration = float(to_si(float(row["concentration"]), "mol/L"))
    distance = float(row["electrode_distance"]) * 1e-3
    separator = separators.get(str(row["separator"]))
    porosity, macmullin = 1.0, 1.0
    if separator is not None:
        porosity, macmullin = float(separator["porosity"]), _macmullin(separator)

    def late(log_diffusivity: float) -> float:
        time = depletion_time(
            density,
            concentration,
            math.exp(log_diffusivity),
            _TRANSFERENCE,
            distance,
            porosity,
            macmullin,
        )
        return min(math.log(float(time) / due), 50.0) if time > 0 else -50.0

    diffusivity = math.exp(brentq(late, math.log(1e-16), math.log(1e-4), xtol=1e-12))
    planned = min(seen, 1.2 * event)
    drawn = TransientCell(
        layers=[Layer(distance, porosity, macmullin)],
        diffusivity=diffusivity,
        transference_number=_TRANSFERENCE,
        concentration=concentration,
        temperature=float(row["temperature"]) + 273.15,
        conductivity=math.inf,
        series_resistance=0.05 / density,
        volumes=1000,  # the depletion time is then right to 1e-4
    ).constant_current(density, planned, cutoff_voltage=1.5)
    t, v = (np.asarray(drawn[name].values, dtype=float) for name in ("time", "voltage"))
    time = np.linspace(0.0, planned, _ROWS)
    voltage = np.interp(time, t, v)
    after = time > t[-1]
    # Once the salt is used up the solvent carries the current, at a few volts.
    voltage[after] = v[-1] + (3.0 - v[-1]) * -np.expm1(-(time[after] - t[-1]) / (0.002 * t[-1]))
    return time, voltage, np.full_like(time, density * 1e-4)


type Drawer = Callable[[list[Cells], dict[str, Cells], np.random.Generator], Curve]

_DRAWERS: Final[dict[str, Drawer]] = {
    "critical_current": _staircase,
    "dc_polarization": _polarisation,
    "lsv": _sweep,
    "penetration": _penetration,
    "sand": _depletion,
}


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


def _write_sidecar(path: Path, table: Table, rows: list[Cells], cell: str) -> None:
    """Write what the curve does not say."""
    import tomli_w

    from inference.importing.recipe import recipe_of

    read = {*recipe_of(table.name).read, *_MEASURED}
    entries: dict[str, str | int] = {"cell": cell, "area": f"{_area(rows[0])!r} cm^2"}
    for name, column in table.fields.items():
        if name in read or name in ("cell", "area", "line"):
            continue
        if not column.is_number:
            text = str(rows[0].get(name, ""))
            if text and (name in _SIDECAR or name not in _TEXTS):
                entries[name] = text
            continue
        value = _number(rows[0], name)
        if math.isfinite(value) and value != column.default:
            whole = column.support == "integer"
            entries[name] = int(value) if whole else f"{value!r} {column.unit}"
    if len(rows) > 1:
        entries["second_area"] = f"{_area(rows[1])!r} cm^2"
        if math.isfinite(_number(rows[1], "area_sd")):
            entries["second_area_sd"] = f"{_number(rows[1], 'area_sd')!r} cm^2"
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
