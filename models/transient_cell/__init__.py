"""The transient cell: sweeps and constant currents of a symmetric metal cell, and what they mean.

`TransientCell` simulates the curves; `sweep_warning` says when a plateau is an artefact of the
sweep, and `plateau_correction` by how much it exceeds the limiting current.
"""

from models.transient_cell.cell import KINETICS_OF_CELL, TransientCell, diffusion_time
from models.transient_cell.plateau import (
    SWEPT_POTENTIAL_LIMIT,
    PlateauCorrection,
    plateau_correction,
    plateau_reading,
    sweep_warning,
    swept_potential,
)

__all__ = [
    "KINETICS_OF_CELL",
    "SWEPT_POTENTIAL_LIMIT",
    "PlateauCorrection",
    "TransientCell",
    "diffusion_time",
    "plateau_correction",
    "plateau_reading",
    "sweep_warning",
    "swept_potential",
]
