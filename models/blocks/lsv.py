"""Linear sweep voltammetry: plateaus scatter about the limiting current."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr
from pydantic import BaseModel, ConfigDict

from models.block import AbsurdityRule, Block, Observable
from models.cells import cell_priors
from models.context import Context
from models.latents import known_with_error
from models.likelihoods import observed_value
from models.observations import measured, recorded, si, unit
from models.options import CellsLaw
from models.physics import Layer, limiting_current_density

__all__ = ["BLOCK", "Options"]


class Options(BaseModel):
    """Choices under ``[model.options.lsv]``.

    Parameters
    ----------
    cells : {"lognormal", "student_t", "contaminated"}
        How the factor of a cell on its plateau current is distributed: lognormal, with Student's t
        in place of the normal (``lsv_degrees_of_freedom``), or lognormal with a share
        ``lsv_contamination`` of cells that have four times the scatter.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    cells: CellsLaw = "lognormal"


def likelihood(table: xr.Dataset, context: Context) -> None:
    """Observe ``lsv``: plateau currents [mA].

    The stack lies between the electrodes with its reservoir, if any, at the depleting or at the
    supplying one. A second plateau is the same limiting current density on its own, larger area.
    Only ``D/(1 - t+)`` enters.

    The true area of a row is a latent quantity where its plateau current has an error of its own.
    Where it has none, the error of the area is that of the row: beside a scatter that alone could
    take its place, a latent area makes a funnel in which sampling fails.
    """
    observed, design = measured(table, "plateau_current")
    reservoir = np.nan_to_num(si(table, "reservoir_thickness"))
    depleting = table["reservoir_side"].values == "depleting"
    area, area_sd = (np.asarray(table[name].values, dtype=float) for name in ("area", "area_sd"))
    sigma = np.nan_to_num(np.sqrt(np.log1p((area_sd / area) ** 2)))
    own_error = (design.sd > 0.0) | (design.halfwidth > 0.0)
    design = replace(design, sd=np.where(own_error, design.sd, sigma))
    data, rows = context.pack(
        "lsv",
        observed,
        separator=context.separators.index(table["separator"].values),
        layers=np.asarray(table["layers"].values, dtype=float),
        before=np.where(depleting, reservoir, 0.0),
        behind=np.where(depleting, 0.0, reservoir),
        concentration=si(table, "concentration"),
        temperature=si(table, "temperature"),
        log_area=np.log(area),
        **design.columns,
    )
    index = rows["separator"].astype("int64")
    name = "diffusivity_over_anion_transference"
    limit = limiting_current_density(
        context.at_temperature(name, table, rows["temperature"]),
        0.0,  # the division by 1 - t+ is in the parameter
        rows["concentration"],
        [
            Layer(rows["before"]),
            Layer(
                rows["layers"] * context.separators.si("thickness")[index],
                context.separators["porosity"][index],
                context.separators["macmullin_number"][index],
            ),
            Layer(rows["behind"]),
        ],
    )
    latent = np.where(own_error, sigma, 0.0)
    true_area = known_with_error("lsv_area", rows["log_area"], latent, "lsv_row")
    context.parameters.record("lsv_area")
    factor = unit(table, "area") / unit(table, "plateau_current")
    observation = observed_value(
        location=np.log(limit * true_area * factor),
        scatter=context.parameters["lsv_scatter"],
        rows=rows,
        design=design,
        law=context.cells("lsv"),
    )
    context.observe("lsv", data, observation)


def record(table: xr.Dataset, drawn: Mapping[str, Any]) -> xr.Dataset:
    """Return the table with drawn plateau currents."""
    return recorded(table, "plateau_current", drawn["lsv"])


BLOCK = Block(
    title="Linear sweep voltammetry",
    likelihood=likelihood,
    record=record,
    observables=(
        Observable("lsv", "plateau current", "mA", "Limiting-current plateaus", "plateau current"),
    ),
    sources=("ma2022",),
    cell="liquid",
    limit="depletion",
    conditions={"temperature": "temperature", "concentration": "concentration"},
    isothermal="ambipolar_diffusivity",
    options=Options,
    priors=cell_priors("lsv"),
    absurd=(
        AbsurdityRule(
            "tortuosity below one half",
            "macmullin_number",
            "below",
            0.5,
            "a path through pores is no shorter than the straight one; one half leaves room for a "
            "porosity that is stated in error",
            times="porosity",
        ),
        AbsurdityRule(
            "plateau current above 10 A",
            "lsv",
            "above",
            1e4,
            "no cell of laboratory size passes that",
        ),
    ),
    remedies={
        "lsv_scatter": "Repeated plateaus of one stack would show it",
        "macmullin_number": "The ionic resistance of the soaked separator would measure it",
    },
    ridges={
        frozenset({"porosity", "macmullin_number"}): (
            "where it is not measured, the MacMullin number follows from the porosity. The ionic "
            "resistance of the soaked separator would separate them"
        ),
    },
)
