"""Sand's times: the voltage runs away under constant current as the electrolyte is depleted."""

from typing import TYPE_CHECKING

from inference.importing.recipe import Choices, CurveReading, Recipe, clock_cells, current_of

if TYPE_CHECKING:
    import xarray as xr

    from inference.importing.recipe import Metadata


def _rows(record: "xr.Dataset", metadata: "Metadata", choices: Choices) -> CurveReading:  # noqa: ARG001
    from data.features import find_sand_time

    feature = find_sand_time(record)
    cells, statements, doubts = clock_cells("sand_time", feature, metadata)
    values = {name: value for name, value in metadata.values.items() if name != "area"}
    row = {
        **values,
        "cell": metadata.cell,
        "current_density": current_of(record, feature) * 1e3 / float(metadata.values["area"]),
        **cells,
    }
    return CurveReading((feature,), (0,), (row,), tuple(statements), doubts=tuple(doubts))


RECIPE = Recipe(
    table="sand",
    read=(
        "current_density",
        "sand_time",
        "sand_time_sd",
        "sand_time_lower",
        "sand_time_upper",
    ),
    optional=("stop_time",),
    doubted=(
        "against_current",
        "begins_midway",
        "frozen_channel",
        "many_dips",
        "noise_sets_in",
        "own_voltage",
        "slow_decline",
        "slow_ramp",
        "steps_not_read",
        "unannounced",
        "uncounted_time",
    ),
    rows=_rows,
)
