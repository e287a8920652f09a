"""Limiting currents: plateaus of a linear sweep of the voltage, one row a plateau.

A plateau of a sweep that outruns diffusion is too high. The row then states the plateau as it was
read, with a warning; the command's option to correct divides it by the factor that the transient
cell finds, and widens its interval by twice that factor's standard deviation at either end.
"""

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from data.errors import InputError
from data.schema import show_number
from data.tables import tables
from inference.importing.recipe import Choices, CurveReading, NewRow, Recipe, measured_cells
from inference.importing.swept_cells import swept_cell

if TYPE_CHECKING:
    import xarray as xr

    from data.features.feature import Feature
    from inference.importing.recipe import Metadata

_AREA = next(column for column in tables()["lsv"].columns if column.name == "area")
_SECOND = replace(
    _AREA,
    name="second_area",
    long_name="electrode area of the second plateau",
    blank="a second plateau is not imported",
)
_RATES_AGREE = 0.1
_ONE_SIGN = 0.95  # part of the rows whose current has the sign of the median
_STRAIGHT = 0.99  # correlation of voltage and time in a sweep
_TOO_FAST = 10.0  # times what a sweep may cover: the plateau is then no limiting current
_SWEEPS = ("linear_sweep", "cyclic_voltammetry", "unknown")
_SD_OF_MACMULLIN = {"polymer": 0.35, "straight": 0.2}  # of its logarithm, where estimated


def _scan_rate(
    record: "xr.Dataset", feature: "Feature", metadata: "Metadata"
) -> tuple[float | None, list[str], list[str]]:
    """Return the scan rate [mV/s]: stated, or the file's, or the slope of the voltage.

    What is to be said of it comes second, what makes it doubtful third.
    """
    measured = 1e3 * feature.details.get("scan_rate", 0.0)
    written = 1e3 * abs(float(record.attrs.get("scan_rate_volt_per_second", 0.0)))
    stated = metadata.number("scan_rate")
    written = float(f"{written:.4g}")
    rate = stated or written or measured
    said = []
    if stated is None and written:
        said.append(f"scan_rate is not stated: {show_number(written)} mV/s as the file says")
    elif stated is None and measured:
        rate = float(f"{measured:.3g}")
        said.append(
            f"scan_rate is not stated: {show_number(rate)} mV/s, the slope of the measured voltage"
        )
    doubts = []
    if stated and written and abs(stated / written - 1.0) > _RATES_AGREE:
        doubts.append(
            f"the file states a scan rate of {show_number(written)} mV/s, and "
            f"{show_number(stated)} mV/s is stated, which is used: which of them is right?"
        )
    if measured and rate and abs(measured / rate - 1.0) > _RATES_AGREE:
        doubts.append(
            f"the measured voltage rises at {measured:.3g} mV/s, not at the {rate:.3g} mV/s "
            "stated: are the units of voltage and time right (V or mV, s or ms?)"
        )
    return rate or None, said, doubts


def _way_out(record: "xr.Dataset") -> tuple["xr.Dataset", list[str]]:
    """Return the part of a sweep that leads away from equilibrium.

    Returns
    -------
    record : Dataset
        As it came where the sweep does not turn.
    said : list of str
        What was done, in words.

    Raises
    ------
    InputError
        The voltage and its current go back to zero together: the sweep leads to equilibrium.
    """
    import numpy as np

    columns = (
        record[name].values for name in ("test_time_second", "voltage_volt", "current_ampere")
    )
    time, voltage, current = columns
    sign = np.sign(np.median(current))
    swept = record.attrs["technique"] in _SWEEPS and np.ptp(voltage) > 0 and np.ptp(time) > 0
    if not swept or np.mean(np.sign(current) == sign) < _ONE_SIGN:
        return record, []
    begin, end = float(voltage[0]), float(voltage[-1])

    def straight(clock: Any) -> bool:
        return bool(abs(np.corrcoef(clock, voltage)[0, 1]) > _STRAIGHT)

    turn = int(np.argmax(np.abs(voltage - begin)))
    if abs(end - begin) < 0.5 * float(np.ptp(voltage)) and straight(np.abs(time - time[turn])):
        said = f"the sweep turns at {voltage[turn]:.3g} V: the way there is read"
        return record.isel(record=slice(0, turn + 1)), [said]
    tenth = max(len(voltage) // 10, 1)
    first, last = (float(np.median(part)) for part in (current[:tenth], current[-tenth:]))
    if straight(time) and np.sign(end - begin) != sign and abs(last) < abs(first):
        way = "lower" if end < begin else "higher"
        raise InputError(
            f"the voltage is swept towards {way} potentials, from {begin:.3g} to {end:.3g} V, and "
            f"the current dies away, from {first * 1e3:.3g} to {last * 1e3:.3g} mA: this is the "
            "way back to equilibrium, and a plateau is read on the way out; import the sweep that "
            "begins where no current flows"
        )
    return record, []


def _separator(metadata: "Metadata", choices: Choices) -> NewRow | None:
    """Return the properties of the stack's separator, None where the campaign has no such row."""
    from data.table_reader import read_table

    table = tables()["separators"]
    if choices.folder is None or not (choices.folder / table.file).is_file():
        return None
    for row in read_table(choices.folder / table.file, table).rows:
        if row.cells["separator"] == metadata.values["separator"] and not row.unsound:
            return row.cells
    return None


def _corrected(feature: "Feature", cell: Any, rate: float, area: float, separator: NewRow) -> Any:
    """Return how the plateau relates to the limiting current."""
    from models.transient_cell import plateau_correction

    porosity_sd, macmullin, macmullin_sd = (
        float(separator[name])
        for name in ("porosity_sd", "macmullin_number", "macmullin_number_sd")
    )
    if math.isnan(macmullin):
        relative = _SD_OF_MACMULLIN[str(separator["pore_type"])]
    else:
        relative = 0.0 if math.isnan(macmullin_sd) else macmullin_sd / macmullin
    ends = sorted(abs(feature.details[f"voltage_{end}"]) for end in ("lower", "upper"))
    return plateau_correction(
        cell,
        scan_rate=rate * 1e-3,
        read_at=(ends[0], ends[1]),
        plateau_current_density=_middle(feature) / area * 1e4,
        plateau_sd=(feature.sd or 0.0) / area * 1e4,
        porosity_sd=0.0 if math.isnan(porosity_sd) else porosity_sd,
        macmullin_number_sd=relative,
    )


def _middle(feature: "Feature") -> float:
    if feature.value is not None:
        return feature.value
    ends = [end for end in (feature.lower, feature.upper) if end is not None]
    return sum(ends) / len(ends)


def _divided(feature: "Feature", factor: float, sd: float) -> "Feature":
    """Return a plateau divided by a factor that has a lognormal error."""
    relative = math.sqrt(math.log1p((sd / factor) ** 2))

    def over(value: float | None, deviations: float = 0.0) -> float | None:
        return None if value is None else value / (factor * math.exp(deviations * relative))

    value, spread = over(feature.value), feature.sd
    if value is not None and spread is not None:
        spread = math.hypot(spread / factor, value * relative)
    return replace(
        feature,
        value=value,
        sd=spread,
        lower=over(feature.lower, 2.0),
        upper=over(feature.upper, -2.0),
    )


def _rows(record: "xr.Dataset", metadata: "Metadata", choices: Choices) -> CurveReading:
    from data.features import find_plateaus
    from models.transient_cell import SWEPT_POTENTIAL_LIMIT, sweep_warning, swept_potential

    record, way = _way_out(record)
    features = list(find_plateaus(record))
    rate, said, doubts = _scan_rate(record, features[0], metadata)
    said += way
    areas = _areas(metadata, features, said, doubts)
    separator = _separator(metadata, choices)
    details: dict[str, Any] = {"scan_rate_mV_s": rate}
    rows = []
    for at, (plateau, area) in areas.items():
        feature = features[at]
        note: NewRow = {}
        _refuse_no_plateau(feature)
        if feature.kind == "right":
            doubts += _doubts_of_bound(feature, metadata, separator, rate, area["area"])
        elif separator is not None and rate is not None:
            cell = swept_cell(metadata.values, separator, _middle(feature) / area["area"] * 1e4)
            warning = sweep_warning(cell.layers, cell.diffusivity, rate * 1e-3)
            if choices.correct_sweep:
                found = _corrected(feature, cell, rate, area["area"], separator)
                bare, feature = feature, _divided(feature, found.factor, found.factor_sd)
                features[at] = feature
                text = (
                    f"plateau divided by {found.factor:.4g} ± {found.factor_sd:.2g}, which the "
                    f"sweep at {show_number(rate)} mV/s adds"
                )
                said.append(text)
                details[f"plateau_{plateau}"] = {
                    "bare_mA": _middle(bare) * 1e3,
                    "sweep_factor": found.factor,
                    "sweep_factor_sd": found.factor_sd,
                    "swept_potential_V": found.swept_potential,
                }
                stated = metadata.text("note")
                note = {"note": f"{stated}; {text}" if stated else text}
            elif warning is not None:
                swept = swept_potential(cell.layers, cell.diffusivity, rate * 1e-3)
                too_fast = swept > _TOO_FAST * SWEPT_POTENTIAL_LIMIT
                (doubts if too_fast else said).append(f"{warning} (--correct-sweep)")
        row: NewRow = {**metadata.values, "cell": metadata.cell, "plateau": float(plateau)}
        row |= {**measured_cells("plateau_current", feature, 1e3), **area, **note}
        if rate is not None:
            row["scan_rate"] = rate
        rows.append(row)
    return CurveReading(
        tuple(features), tuple(areas), tuple(rows), tuple(said), details, doubts=tuple(doubts)
    )


def _refuse_no_plateau(feature: "Feature") -> None:
    """Refuse a plateau of which no current is known, in words."""
    if _middle(feature) > 0 and (feature.lower is None or feature.lower > 0):
        return
    known = " to ".join(
        show_number(float(f"{end * 1e3:.3g}"))
        for end in (feature.lower, feature.upper)
        if end is not None
    )
    why = " ".join(flag.message for flag in feature.flags)
    raise InputError(
        f"the sweep shows no plateau: what was read of the current, {known} mA, reaches down to "
        f"zero or below. {why + ' ' if why else ''}Import a sweep that levels off, or enter by "
        "hand what is known"
    )


def _doubts_of_bound(
    feature: "Feature",
    metadata: "Metadata",
    separator: NewRow | None,
    rate: float | None,
    area: float,
) -> list[str]:
    """Return why a lower bound may be above the limiting current: a fast sweep exceeds it.

    The time of diffusion is what it would be if the bound were the limiting current.
    """
    from models.transient_cell import SWEPT_POTENTIAL_LIMIT, swept_potential

    bound = f"{show_number(float(f'{_middle(feature) * 1e3:.4g}'))} mA"
    if separator is None or rate is None:
        missing = "scan rate" if separator is not None else "separator in the campaign"
        return [
            f"the sweep only gives a lower bound, {bound}, and without a {missing} nobody can tell "
            "whether it was slow enough: a fast sweep exceeds the limiting current"
        ]
    cell = swept_cell(metadata.values, separator, _middle(feature) / area * 1e4)
    swept = swept_potential(cell.layers, cell.diffusivity, rate * 1e-3)
    if swept <= SWEPT_POTENTIAL_LIMIT:
        return []
    return [
        f"the sweep only gives a lower bound, {bound}, and at {show_number(rate)} mV/s it covers "
        f"{swept:.3g} V while the salt diffuses across a cell of that limiting current (at most "
        f"{SWEPT_POTENTIAL_LIMIT:g} V is safe): such a sweep exceeds the limiting current; sweep "
        "more slowly"
    ]


def _areas(
    metadata: "Metadata", features: "list[Feature]", said: list[str], doubts: list[str]
) -> dict[int, tuple[int, dict[str, float]]]:
    """Return number and area of each plateau that becomes a row, by its place."""

    def area_of(name: str) -> dict[str, float]:
        found = {"area": float(metadata.values[name])}
        if f"{name}_sd" in metadata.values:
            found["area_sd"] = float(metadata.values[f"{name}_sd"])
        return found

    stated = metadata.number("plateau")
    if stated is not None:
        at = min(int(stated), len(features)) - 1
        return {at: (int(stated), area_of("area"))}
    areas = {0: (1, area_of("area"))}
    if len(features) > 1 and "second_area" in metadata.values:
        areas[1] = (2, area_of("second_area"))
    elif len(features) > 1:
        said.append(
            f"a second plateau at {_middle(features[1]) * 1e3:.4g} mA is not imported: it is the "
            "same limiting current density on another, larger area; state it as second_area"
        )
    elif "second_area" in metadata.values:
        doubts.append(
            "second_area is stated, but the sweep shows one plateau only: it is read as the first"
        )
    return areas


RECIPE = Recipe(
    table="lsv",
    read=tuple(f"plateau_current{suffix}" for suffix in ("", "_sd", "_lower", "_upper")),
    extra=_SECOND.parts,
    doubted=("falls_back", "falls_later", "level_before", "noise_sets_in", "overload"),
    rows=_rows,
)
