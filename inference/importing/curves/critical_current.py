"""Critical currents: a staircase of currents on one cell, with the step that failed."""

from typing import TYPE_CHECKING

from inference.importing.recipe import Choices, CurveReading, Recipe, measured_cells

if TYPE_CHECKING:
    import xarray as xr

    from inference.importing.recipe import Metadata


def _rows(record: "xr.Dataset", metadata: "Metadata", choices: Choices) -> CurveReading:  # noqa: ARG001
    from data.features import find_failed_step

    feature = find_failed_step(record)
    per_area = 1e3 / float(metadata.values["area"])
    row = {
        **metadata.values,
        **measured_cells("current_density", feature, per_area),
        "bracket_from": "one_cell",
        "cell": metadata.cell,
    }
    return CurveReading((feature,), (0,), (row,))


RECIPE = Recipe(
    table="critical_current",
    read=("current_density_lower", "current_density_upper", "bracket_from"),
    # A voltage that runs away tells of depletion, not of metal that penetrates.
    doubted=(
        "against_current",
        "back_at_old_level",
        "compliance",
        "failed_lower",
        "frozen_channel",
        "many_dips",
        "noise_sets_in",
        "own_voltage",
        "partial_drop",
        "resistance_fell",
        "resistance_rose",
        "runaway_between_steps",
        "runaway_within_step",
        "several_drops",
        "soft_short",
        "steps_not_read",
        "unclear_drop",
    ),
    rows=_rows,
)
