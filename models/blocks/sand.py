"""Sand's time: the clock of electrolyte depletion under a constant current."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from pydantic import BaseModel, ConfigDict

from models.block import AbsurdityRule, Block, Observable
from models.cells import cell_priors
from models.context import Context
from models.likelihoods import Threshold, observed_clock
from models.observations import measured, recorded, si
from models.options import CellsLaw, Labs
from models.physics import depletion_current_density, depletion_log_slope, depletion_time
from models.physics.backend import where

__all__ = ["BLOCK", "Options"]


_DEPLETION = Threshold(depletion_current_density, depletion_log_slope, depletion_time)


class Options(BaseModel):
    """Choices under ``[model.options.sand]``.

    Parameters
    ----------
    labs : {"offsets", "pooled"}
        Where the rows name two laboratories or more in the column ``lab``: each has an offset on
        the logarithm of its depletion currents, normal with ``lab_scatter``, or all are one; rows
        that name none count as one laboratory.
    cells : {"lognormal", "student_t", "contaminated"}
        How the factor of a cell on its depletion current is distributed: lognormal, with Student's
        t in place of the normal (``sand_degrees_of_freedom``), or lognormal with a share
        ``sand_contamination`` of cells that have four times the scatter. The tail decides about
        small risks, and few cells show it: compare the three.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    labs: Labs = "offsets"
    cells: CellsLaw = "lognormal"


def likelihood(table: xr.Dataset, context: Context) -> None:
    """Observe ``sand``: the time of depletion [s], or the planned end where none came."""
    observed, design = measured(table, "sand_time", end="stop_time")
    free = table["separator"].values == ""
    inside = not free.all()
    names = table["separator"].values
    data, rows = context.pack(
        "sand",
        observed,
        separator=context.separators.index(names) if inside else np.zeros(names.size),
        free=free.astype(float),
        distance=si(table, "electrode_distance"),
        concentration=si(table, "concentration"),
        temperature=si(table, "temperature"),
        log_current=np.log(si(table, "current_density")),
        **design.columns,
    )
    porosity: Any = 1.0
    macmullin: Any = 1.0
    if inside:
        index = rows["separator"].astype("int64")
        porosity = where(rows["free"] > 0.5, 1.0, context.separators["porosity"][index])
        macmullin = where(rows["free"] > 0.5, 1.0, context.separators["macmullin_number"][index])
    offset = context.lab_offset("sand", table)
    observation = observed_clock(
        threshold=_DEPLETION,
        parameters=[
            rows["concentration"],
            context.at_temperature("ambipolar_diffusivity", table, rows["temperature"]),
            context.parameters["transference_number"],
            rows["distance"],
            porosity,
            macmullin,
        ],
        # A threshold raised is a current lowered.
        log_current=rows["log_current"] if offset is None else rows["log_current"] - offset,
        scatter=context.parameters["sand_scatter"],
        rows=rows,
        design=design,
        law=context.cells("sand"),
    )
    context.observe("sand", data, observation)


def record(table: xr.Dataset, drawn: Mapping[str, Any]) -> xr.Dataset:
    """Return the table with drawn times; blank where no event came by the planned end."""
    return recorded(table, "sand_time", drawn["sand"], end="stop_time")


BLOCK = Block(
    title="Sand's times",
    likelihood=likelihood,
    record=record,
    observables=(
        Observable(
            "sand", "time of depletion or planned end", "s", "Sand's times", "time of depletion"
        ),
    ),
    sources=("ma2022", "lu2022"),
    cell="liquid",
    limit="depletion",
    conditions={"temperature": "temperature", "concentration": "concentration"},
    isothermal="ambipolar_diffusivity",
    options=Options,
    priors=cell_priors("sand"),
    absurd=(
        AbsurdityRule(
            "salt diffusing faster than 1e-4 cm^2/s",
            "ambipolar_diffusivity",
            "above",
            1e-4,
            "that is faster than small molecules in water",
        ),
        AbsurdityRule(
            "depletion within a millisecond",
            "sand",
            "below",
            1e-3,
            "the double layer alone takes that long to charge",
        ),
    ),
    remedies={"sand_scatter": "Repeated Sand's times under one condition would show it"},
)
