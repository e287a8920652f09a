"""DC polarisation of metal on a ceramic electrolyte: the clock of voids at the interface."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import xarray as xr
from pydantic import BaseModel, ConfigDict

from data.errors import ModelError
from data.ranges import range_rows
from models.block import PRESSURE_SENSOR, AbsurdityRule, Block, Observable, scatter_rule
from models.cells import cell_priors
from models.context import Context
from models.likelihoods import Threshold, observed_clock, observed_value
from models.observations import (
    labels,
    measured,
    range_labels,
    ranges,
    recorded,
    recorded_currents,
    recorded_ranges,
    si,
    unit,
)
from models.options import CellsLaw, Labs, StatedPressure
from models.physics import (
    arrhenius,
    metal_capacity,
    void_free_current_density,
    void_free_log_slope,
    void_free_time,
)
from models.range_likelihood import observed_range

__all__ = ["BLOCK", "Options", "beyond_metal"]


_VOIDS = Threshold(void_free_current_density, void_free_log_slope, void_free_time)


class Options(BaseModel):
    """Choices under ``[model.options.dc_polarization]``.

    Parameters
    ----------
    creep_current : {"empirical", "norton"}
        How creep feeds the interface: a power of the pressure calibrated at 9 MPa, or the power
        law of creep tests with a constraint factor.
    pressure : {"as_stated", "calibrated"}
        Whether the stated pressures act on the metal, or ``dc_polarization_pressure_factor`` times
        them: what a spring or a screw states is not always what the metal bears. Not identified by
        this table alone: the factor stands for ``creep_current_at_9_MPa`` to the power
        ``1/creep_pressure_exponent``, or for ``1/constraint_factor``; a published creep-fed
        current, or another table that knows those, separates them. A job that maps pressures then
        speaks of what acts on the metal, not of what a gauge states.
    labs : {"offsets", "pooled"}
        Where the rows name two laboratories or more in the column ``lab``: each has an offset on
        the logarithm of its void-free currents, normal with ``lab_scatter``, or all are one; rows
        that name none count as one laboratory.
    cells : {"lognormal", "student_t", "contaminated"}
        How the factor of a cell on its void-free current is distributed: lognormal, with Student's
        t in place of the normal (``dc_polarization_degrees_of_freedom``), or lognormal with a share
        ``dc_polarization_contamination`` of cells that have four times the scatter. The tail
        decides about small risks, and few cells show it: compare the three.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    creep_current: Literal["empirical", "norton"] = "empirical"
    pressure: StatedPressure = "as_stated"
    labs: Labs = "offsets"
    cells: CellsLaw = "lognormal"


def _rows(table: xr.Dataset) -> dict[str, Any]:
    """Return the positions of the rows that are one-way, steps of one cell, and ranges over cells.

    Only those that there are.
    """
    steps, several = table["protocol"].values == "step", range_rows(table)
    kinds = {"one_way": ~steps, "step": steps & ~several, "range": several}
    return {name: np.flatnonzero(each) for name, each in kinds.items() if each.any()}


def beyond_metal(table: xr.Dataset, molar_volume: float) -> list[str]:
    """Find the rows that strip more metal than there is.

    A planned end counts where no event came before it: nothing else depends on it.

    Parameters
    ----------
    table : Dataset
        The table.
    molar_volume : float
        Of the metal [m^3/mol].

    Returns
    -------
    list of str
        A sentence a row.
    """
    present = metal_capacity(si(table, "electrode_thickness"), molar_volume)
    seen = np.fmax(si(table, "transition_time"), si(table, "transition_time_lower"))
    event = np.isfinite(np.fmax(seen, si(table, "transition_time_upper")))
    constant = si(table, "current_density")
    below_lowest = si(table, "current_density_lowest") - si(table, "step_height")
    survived = np.fmax(si(table, "current_density_lower"), below_lowest)
    check = "check current, time and thickness"
    mistakes: dict[int, str] = {}
    for current, time, what, advice in (
        (constant, seen, "was stripped before the transition", check),
        (survived, si(table, "step_time"), "was stripped within the step survived", check),
        (
            constant,
            np.where(event, np.nan, si(table, "stop_time")),
            "would be stripped by stop_time",
            "enter as stop_time the time at which the metal is gone, at the latest",
        ),
    ):
        passed = current * time
        for row in np.flatnonzero(passed > present * (1.0 + 1e-6)):
            line = int(table["line"].values[row])
            mistakes.setdefault(
                line,
                f"dc_polarization.csv, line {line}: "
                f"{passed[row] / 3.6e4:.3g} mAh/cm^2 {what}, but electrode_thickness = "
                f"{float(table['electrode_thickness'].values[row]):g} um holds "
                f"{present[row] / 3.6e4:.3g}; {advice}",
            )
    return [text for _, text in sorted(mistakes.items())]


def likelihood(table: xr.Dataset, context: Context) -> None:
    """Observe ``dc_polarization_one_way`` [s], ``_step`` and ``_range`` [mA/cm^2].

    A one-way row is a clock; a step row holds the current at which its cell just fails within one
    step, or the lowest and the highest of those of several cells. All share the scatter between
    cells, and each protocol has its own supply factor.
    """
    if mistakes := beyond_metal(table, context.molar_volume):
        raise ModelError("\n".join(mistakes))
    parameters = context.parameters
    scatter, law = parameters["dc_polarization_scatter"], context.cells("dc_polarization")
    cells = context.design(
        "dc_polarization",
        temperature=si(table, "temperature"),
        pressure=si(table, "pressure"),
        thickness=np.nan_to_num(si(table, "electrode_thickness")),
    )
    diffusivity = arrhenius(
        parameters.si("self_diffusivity"),
        parameters.si("self_diffusion_activation_energy"),
        cells["temperature"],
    )
    creep: Any = 0.0 * cells["temperature"]
    if (si(table, "pressure") > 0).any() or np.isfinite(table["pressure_sd"]).any():
        creep = context.creep_fed_current_density(
            context.acting_pressure("dc_polarization", table, cells["pressure"]),
            cells["thickness"],
            cells["temperature"],
        )
    offsets = context.lab_offset("dc_polarization", table)
    for kind, rows_of_kind in _rows(table).items():
        part = table.isel(dc_polarization=rows_of_kind)
        name = f"dc_polarization_{kind}"
        at = np.tile(rows_of_kind, 2) if kind == "range" else rows_of_kind
        offset = None if offsets is None else offsets[at]
        factor = parameters[f"supply_factor[{'one_way' if kind == 'one_way' else 'step'}]"]
        supply = [diffusivity[at], context.molar_volume, factor, creep[at]]
        if kind == "one_way":
            observed, design = measured(part, "transition_time", end="stop_time")
            log_current = np.log(si(part, "current_density"))
            data, rows = context.pack(name, observed, log_current=log_current, **design.columns)
            observation = observed_clock(
                threshold=_VOIDS,
                parameters=supply,
                log_current=rows["log_current"] if offset is None else rows["log_current"] - offset,
                scatter=scatter,
                rows=rows,
                design=design,
                law=law,
            )
            context.observe(name, data, observation)
            continue
        step_time = si(part, "step_time")
        if kind == "range":
            observed, columns = ranges(part)
            step_time = np.tile(step_time, 2)
        else:
            observed, design = measured(part, "current_density")
            columns = design.columns
        data, rows = context.pack(name, observed, step_time=step_time, **columns)
        threshold = void_free_current_density(rows["step_time"], *supply)
        location = np.log(threshold / unit(part, "current_density"))
        steps: dict[str, Any] = {
            "location": location if offset is None else location + offset,
            "scatter": scatter,
            "rows": rows,
            "law": law,
        }
        if kind == "range":
            observation = observed_range(**steps, cells=columns["cells"])
        else:
            observation = observed_value(**steps, design=design)
        context.observe(name, data, observation)


def _labels(table: xr.Dataset) -> dict[str, list[str]]:
    """Return the labels of the rows of each observed variable."""
    found = {
        f"dc_polarization_{kind}": labels(table.isel(dc_polarization=at))
        for kind, at in _rows(table).items()
    }
    if (several := "dc_polarization_range") in found:
        found[several] = range_labels(found[several])
    return found


def record(table: xr.Dataset, drawn: Mapping[str, Any]) -> xr.Dataset:
    """Return the table with drawn times, current intervals and ranges over cells."""
    result = table.copy(deep=True)
    for kind, at in _rows(table).items():
        part = table.isel(dc_polarization=at)
        values = drawn[f"dc_polarization_{kind}"]
        if kind == "one_way":
            column = "transition_time"
            written = recorded(part, column, values, end="stop_time")
            names = [f"{column}{suffix}" for suffix in ("", "_sd", "_lower", "_upper")]
        elif kind == "step":
            written = recorded_currents(part, values)
            names = ["current_density_lower", "current_density_upper"]
        else:
            written = recorded_ranges(part, values)
            names = ["current_density_lowest", "current_density_highest"]
        for name in names:
            result[name].values[at] = written[name].values
    return result


_BULK = (
    "polarisation identifies supply_factor^2*self_diffusivity only. A tracer measurement on the "
    "same metal would separate them"
)

BLOCK = Block(
    title="DC polarisation",
    likelihood=likelihood,
    record=record,
    observables=(
        Observable(
            "dc_polarization_one_way",
            "time of transition or planned end",
            "s",
            "Polarisation one way",
            "time of transition",
        ),
        Observable(
            "dc_polarization_step",
            "current density of failure within a step",
            "mA/cm^2",
            "Polarisation in steps",
            "current density of failure",
        ),
        Observable(
            "dc_polarization_range",
            "lowest and highest failing step of several cells",
            "mA/cm^2",
            "Ranges over cells",
            "current density of failure",
        ),
    ),
    sources=("tsai2020", "lu2022", "spencerjolly2020", "wang2020"),
    cell="solid",
    limit="voids",
    conditions={
        "pressure": "pressure",
        "temperature": "temperature",
        "metal_thickness": "electrode_thickness",
    },
    options=Options,
    priors=cell_priors("dc_polarization"),
    absurd=(
        AbsurdityRule(
            "metal diffusing faster than 1e-4 cm^2/s",
            "effective_self_diffusivity",
            "above",
            1e-4,
            "liquid metals do not",
        ),
        AbsurdityRule(
            "creep-fed current above 1 A/cm^2 at 9 MPa",
            "creep_current_at_9_MPa",
            "above",
            1e3,
            "the metal would flow out of the cell",
        ),
        scatter_rule("dc_polarization"),
        AbsurdityRule(
            "voids within a millisecond",
            "dc_polarization_one_way",
            "below",
            1e-3,
            "the double layer alone takes that long to charge",
        ),
        AbsurdityRule(
            "step current above 10 A/cm^2",
            "dc_polarization_step",
            "above",
            1e4,
            "no ceramic electrolyte passes that",
        ),
        AbsurdityRule(
            "step current of a range above 10 A/cm^2",
            "dc_polarization_range",
            "above",
            1e4,
            "no ceramic electrolyte passes that",
        ),
    ),
    remedies={
        "self_diffusivity": _BULK,
        "self_diffusion_activation_energy": (
            "the tests span too narrow a range of temperatures to improve on tracer measurements. "
            "Polarisation of one kind of cell at temperatures 40 K apart would show it"
        ),
        "creep_pressure_exponent": (
            "void tests at too few pressures show little of a law. Tests at three pressures on one "
            "electrode thickness would show it"
        ),
        "creep_current_at_9_MPa": (
            "few rows feel creep under pressure. One-way polarisation near 9 MPa would measure it"
        ),
        "dc_polarization_scatter": (
            "Several solid cells of one make under one condition, each polarised until voids form, "
            "would show how they differ"
        ),
        "constraint_factor": (
            "Void tests under pressure, with creep tests of the metal, would show it"
        ),
        "dc_polarization_pressure_factor": PRESSURE_SENSOR,
    },
    ridges={
        frozenset({"self_diffusivity", "supply_factor"}): _BULK,
        frozenset({"dc_polarization_pressure_factor", "creep_current_at_9_MPa"}): PRESSURE_SENSOR,
        frozenset({"dc_polarization_pressure_factor", "constraint_factor"}): PRESSURE_SENSOR,
        frozenset({"creep_current_at_9_MPa", "creep_pressure_exponent"}): (
            "tests at one pressure show one point of the pressure law. A second pressure would "
            "separate them"
        ),
    },
    labels=_labels,
)
