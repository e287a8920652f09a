"""Metal penetration of single cells: each survived its current or was penetrated."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import xarray as xr
from pydantic import BaseModel, ConfigDict, field_validator

from data.columns import AREA
from data.errors import AnodebayesError
from data.units import parse_quantity
from models.block import AbsurdityRule, Block, Observable, scatter_rule
from models.cells import cell_priors
from models.context import Context
from models.likelihoods import observed_verdict
from models.observations import si
from models.options import CellsLaw, Labs

__all__ = ["BLOCK", "Options"]


class Options(BaseModel):
    """Choices under ``[model.options.penetration]``; they hold for ``critical_current`` too.

    Parameters
    ----------
    pores : {"typical", "weakest_link"}
        Which pore decides: one of the stated radius, or the largest of many about it. The *typical*
        one has the stated radius. *weakest_link*: the radii of a separator are lognormal about the
        stated one, with the relative width
        ``pore_size_spread`` (a column of separators.csv, or one parameter for all separators that
        leave it blank), and the metal enters the largest of ``wetted_pores`` of them first, those
        of a cell of the reference area. The largest radius is the median of that maximum; what it
        varies by from cell to cell is part of ``penetration_scatter``. Not identified: on
        separators of one spread the factor on the radius and ``wetting_product`` enter as a
        quotient, so that this choice alone changes no prediction but the meaning of
        ``wetting_product``, which it raises; and ``wetted_pores`` enters through its logarithm's
        square root at most, so that its prior stands. Stated, different spreads identify it.
    area : {"ignored", "weakest_link"}
        Whether cells that state an ``area`` other than the reference area fail by their weakest
        patch: with the probability ``1 - (1 - p)^(area/reference_area)``, where a cell of the
        reference area fails with p. A blank area is the reference area. Patches have independent
        cell factors and share what belongs to their separator; together with pores of
        *weakest_link*, ``wetted_pores`` counts those of one patch.
    reference_area : str
        Area that thresholds and ``penetration_scatter`` refer to.
    labs : {"offsets", "pooled"}
        Where the rows of both tables name two laboratories or more in the column ``lab``: each has
        an offset on the logarithm of its thresholds, normal with ``lab_scatter``, or all are one;
        rows that name none count as one laboratory. Two or three laboratories hardly identify
        ``lab_scatter``.
    cells : {"lognormal", "student_t", "contaminated"}
        How the factor of a cell on its threshold is distributed: lognormal, with Student's t in
        place of the normal (``penetration_degrees_of_freedom``), or lognormal with a share
        ``penetration_contamination`` of cells that have four times the scatter. The tail decides
        about small risks, and few cells show it: compare the three. A cell of several patches is
        of one kind throughout.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    pores: Literal["typical", "weakest_link"] = "typical"
    area: Literal["ignored", "weakest_link"] = "ignored"
    reference_area: str = "1 cm^2"
    labs: Labs = "offsets"
    cells: CellsLaw = "lognormal"

    @field_validator("reference_area")
    @classmethod
    def _is_an_area(cls, value: str) -> str:
        try:
            area = parse_quantity(value, to="cm^2")
        except AnodebayesError as error:
            raise ValueError(str(error)) from error
        if message := AREA.complaint(area):
            raise ValueError(message.removesuffix(AREA.slip))
        return value

    @property
    def reference_square_metres(self) -> float:
        """The reference area [m^2]."""
        return float(parse_quantity(self.reference_area, to="m^2"))


def likelihood(table: xr.Dataset, context: Context) -> None:
    """Observe ``penetration``: 1 for a penetrated cell.

    A cell is penetrated where its current exceeds its own threshold: the critical current of its
    separator times a factor of the cell, of the law that the option `cells` chooses.
    """
    patches = context.patches(table)
    data, rows = context.pack(
        "penetration",
        np.asarray(table["outcome"].values == "penetrated", dtype=float),
        log_current=np.log(si(table, "current_density")),
        **patches,
    )
    scatter = context.parameters["penetration_scatter"]
    z = (rows["log_current"] - context.log_threshold(table)) / scatter
    observation = observed_verdict(
        z=z, patches=rows.get("patches"), law=context.cells("penetration")
    )
    context.observe("penetration", data, observation)


def record(table: xr.Dataset, drawn: Mapping[str, Any]) -> xr.Dataset:
    """Return the table with drawn outcomes."""
    outcome = np.where(drawn["penetration"] > 0.5, "penetrated", "survived")
    return table.assign(outcome=(table["outcome"].dims, outcome, table["outcome"].attrs))


_ANGLE = (
    "penetration data identify surface_energy*|cos(contact_angle)| only. A sessile-drop angle "
    "would separate them"
)

BLOCK = Block(
    title="Penetration tests",
    likelihood=likelihood,
    record=record,
    observables=(
        Observable(
            "penetration",
            "cell penetrated (1) or survived (0)",
            "1",
            "Penetration tests",
            "probability of penetration",
            "verdict",
        ),
    ),
    sources=("ma2022",),
    cell="liquid",
    limit="penetration",
    conditions={"temperature": "temperature"},
    isothermal="exchange_current_density",
    options=Options,
    priors=cell_priors("penetration"),
    absurd=(
        AbsurdityRule(
            "surface energy above 10 J/m^2",
            "surface_energy",
            "above",
            10.0,
            "no metal's comes near, and an effective one should not exceed it manifold",
        ),
        AbsurdityRule(
            "separator more than 95 % void",
            "porosity",
            "above",
            0.95,
            "nothing would hold it together",
        ),
        scatter_rule("penetration"),
    ),
    remedies={
        "contact_angle": _ANGLE,
        "penetration_scatter": (
            "Several cells of one separator at currents about its critical one, some penetrated "
            "and some not, would show how they differ"
        ),
        "separator_scatter": (
            "More separators with several cells each would show how separators differ"
        ),
        "lab_scatter": "Cells of one make, tested in several laboratories, would show it",
        "pore_size_spread": "Porosimetry of the separators would measure it",
        "wetted_pores": "it enters through its logarithm, so that hardly any data show it",
    },
    ridges={frozenset({"surface_energy", "contact_angle"}): _ANGLE},
)
