"""What a job may choose about the model."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "SHARED_THRESHOLD",
    "CellsLaw",
    "KineticsLaw",
    "Labs",
    "ModelOptions",
    "StatedPressure",
]

KineticsLaw = Literal["marcus_hush_chidsey", "butler_volmer", "marcus_hush"]

CellsLaw = Literal["lognormal", "student_t", "contaminated"]
"""How the cells of a threshold differ: one of `models.cells.LAWS`."""

Labs = Literal["offsets", "pooled"]
"""Whether rows of several laboratories share one threshold, or each has an offset of its own."""

SHARED_THRESHOLD = {"penetration": ("penetration", "critical_current")}
"""Tables that observe one threshold, by the block that holds its options."""

StatedPressure = Literal["as_stated", "calibrated"]
"""Whether stated pressures act on the metal as they stand, or times an unknown factor."""


class ModelOptions(BaseModel):
    """Choices that fix the structure of a joint model.

    Parameters
    ----------
    kinetics : {"marcus_hush_chidsey", "butler_volmer", "marcus_hush"}
        The law that relates current to overpotential, in every block that needs one.
    blocks : tuple of str, optional
        The tables to fit. All tables of the campaign that have a likelihood when left out.
    options : dict
        Options of single blocks, by table name, validated by the block itself.
    priors : dict
        Overrides of the catalogue's priors, by parameter name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kinetics: KineticsLaw = "marcus_hush_chidsey"
    blocks: tuple[str, ...] | None = None
    options: dict[str, dict[str, Any]] = Field(default_factory=dict)
    priors: dict[str, dict[str, Any]] = Field(default_factory=dict)
