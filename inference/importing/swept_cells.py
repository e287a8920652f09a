"""The cell of a limiting current as its row and its separator state it."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from data.units import to_si

if TYPE_CHECKING:
    from models.transient_cell import TransientCell

__all__ = ["TRANSFERENCE", "macmullin_of", "swept_cell"]

TRANSFERENCE = 0.5
"""Of a salt whose number is not known; it hardly changes how a plateau is read."""


def macmullin_of(separator: Mapping[str, Any]) -> float:
    """Return the MacMullin number of a separator, estimated where it states none."""
    from models.physics import macmullin_number_from_porosity

    stated = float(separator.get("macmullin_number", math.nan))
    if not math.isnan(stated):
        return stated
    porosity, kind = float(separator["porosity"]), str(separator["pore_type"])
    return float(macmullin_number_from_porosity(porosity, kind))


def swept_cell(
    row: Mapping[str, Any],
    separator: Mapping[str, Any],
    plateau: float,
    *,
    series_resistance: float = 0.0,
) -> "TransientCell":
    """Return the cell whose limiting current density is a plateau's.

    Parameters
    ----------
    row, separator : mapping
        What is stated of the cell and its separator, by column.
    plateau : float
        Current density [A/m^2].
    series_resistance : float
        Beside that of the cell [ohm m^2].

    Returns
    -------
    TransientCell
        Its layers begin at the depleting electrode.
    """
    from models.physics import Layer, limiting_current_density
    from models.transient_cell import TransientCell

    thickness = float(row["layers"]) * float(separator["thickness"]) * 1e-6
    layers = [Layer(thickness, float(separator["porosity"]), macmullin_of(separator))]
    reservoir = float(row.get("reservoir_thickness") or 0.0)
    if reservoir > 0:
        open_ = Layer(reservoir * 1e-6, 1.0, 1.0)
        before = row.get("reservoir_side") == "depleting"
        layers = [open_, *layers] if before else [*layers, open_]
    concentration = float(to_si(float(row["concentration"]), "mol/L"))
    unit = limiting_current_density(1.0, TRANSFERENCE, concentration, layers)
    return TransientCell(
        layers=layers,
        diffusivity=plateau / float(unit),
        transference_number=TRANSFERENCE,
        concentration=concentration,
        temperature=float(to_si(float(row["temperature"]), "degC")),
        series_resistance=series_resistance,
    )
