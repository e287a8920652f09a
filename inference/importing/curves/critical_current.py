"""Critical currents: a staircase of currents on one cell, with the step that failed."""

from typing import TYPE_CHECKING

from inference.importing.recipe import Choices, Reading, Recipe, measured_cells

if TYPE_CHECKING:
    import xarray as xr

    from inference.importing.metadata import Metadata


def _rows(record: "xr.Dataset", metadata: "Metadata", choices: Choices) -> Reading:  # noqa: ARG001
    from data.features import find_failed_step

    feature = find_failed_step(record)
    per_area = 1e3 / float(metadata.values["area"])
    row = {
        **metadata.values,
        **measured_cells("current_density", feature, per_area),
        "bracket_from": "one_cell",
    }
    return Reading((feature,), (0,), (row,))


RECIPE = Recipe(
    table="critical_current",
    read=("current_density_lower", "current_density_upper", "bracket_from"),
    repeated=(
        "the table takes one staircase a separator, temperature and lab. If this is another "
        'separator, name it with --set "separator=NAME" or with separator = "NAME" in FILE.toml; '
        "of several cells of one separator import one, chosen before its result is known, and "
        "mention the others in its note"
    ),
    rows=_rows,
)
