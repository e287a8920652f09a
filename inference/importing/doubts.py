"""What makes a row doubtful: current densities far from those that such cells see.

The row is imported all the same; whoever reads the message decides.
"""

from collections.abc import Iterator, Sequence

from data.schema import show_number
from inference.importing.metadata import Metadata
from inference.importing.recipe import Cells, Recipe

__all__ = ["doubtful_densities"]


def doubtful_densities(rows: Sequence[Cells], metadata: Metadata, recipe: Recipe) -> Iterator[str]:
    """Yield a sentence for each current density that is far from what such cells see.

    Parameters
    ----------
    rows : sequence of mapping
        Rows in canonical units, of a curve.
    metadata : Metadata
        States the area [cm^2].
    recipe : Recipe
        Whose ``densities`` are usual [mA/cm^2].

    Yields
    ------
    str
        Density, current and area, and what to look at.
    """
    low, high = recipe.densities
    for row in rows:
        area = float(row.get("area", metadata.values["area"]))
        for density in _densities(row, area):
            if low <= density <= high:
                continue
            yield (
                f"the current density is {_rough(density)} mA/cm^2 "
                f"({_rough(density * area)} mA on {show_number(area)} cm^2), far "
                f"{'above' if density > high else 'below'} the {show_number(low)} to "
                f"{show_number(high)} mA/cm^2 expected of such cells: is the area right (cm^2, "
                "mm^2 or m^2?), and the current in the file (mA or A?)"
            )
            break


def _rough(value: float) -> str:
    return show_number(float(f"{value:.3g}"))


def _densities(row: Cells, area: float) -> Iterator[float]:
    """Yield the current densities that a row states [mA/cm^2], the largest first."""
    found = []
    for name, value in row.items():
        if isinstance(value, str) or name.endswith("_sd"):
            continue
        if name.startswith("current_density"):
            found.append(value)
        elif name.startswith("plateau_current"):
            found.append(value / area)
    yield from sorted((value for value in found if value > 0), reverse=True)
