"""The whole set of figures of a run, written into a folder."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr
from matplotlib.figure import Figure

from data.errors import InputError
from data.tables import tables
from inference.figures.maps import liquid_map, solid_map
from inference.figures.posterior import posterior_forest, ridge
from inference.figures.predictive import observed_variables, predictive_check
from inference.figures.style import FORMATS, save_figure

if TYPE_CHECKING:
    from inference.result import Result

__all__ = ["write_figures"]

_PREFERRED = {"liquid": ("pore_radius",), "solid": ("charge", "pressure")}
_DRAWERS: Mapping[str, Callable[[xr.Dataset, str], Figure]] = {
    "liquid": liquid_map,
    "solid": solid_map,
}


def write_figures(
    result: "Result",
    maps: Mapping[str, xr.Dataset],
    folder: Path | str,
    formats: Sequence[str] = ("png", "pdf"),
) -> list[Path]:
    """Draw every figure of a run and save it.

    Parameters
    ----------
    result : Result
        A finished fit.
    maps : mapping of str to xarray.Dataset
        Its maps by kind of cell; may be empty.
    folder : Path or str
        Where to; made if it does not exist.
    formats : sequence of str, optional
        Of "png", "pdf" and "svg".

    Returns
    -------
    list of Path
        The files: `posterior`, `ridge`, `predictive_<table>`, and `map_<cell>_<axis>`.

    Raises
    ------
    InputError
        If a format is not legal.
    """
    for kind in formats:
        if kind not in FORMATS:
            raise InputError(f"figure format {kind!r} is not legal, legal are {', '.join(FORMATS)}")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, draw in _figures(result, maps):
        figure = draw()
        # One layout serves every format.
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        for kind in formats:
            path = folder / f"{name}.{kind}"
            save_figure(figure, path)
            paths.append(path)
    return paths


def _figures(
    result: "Result", maps: Mapping[str, xr.Dataset]
) -> Iterator[tuple[str, Callable[[], Figure]]]:
    yield "posterior", partial(posterior_forest, result)
    yield "ridge", partial(ridge, result)
    for table in tables():
        if observed_variables(result, table):
            yield f"predictive_{table}", partial(predictive_check, result, table)
    for cell, dataset in maps.items():
        swept = [str(name) for name in dataset["safe_current_density"].dims]
        # A design that sweeps none of the usual axes is drawn over what it sweeps first.
        for axis in [name for name in _PREFERRED[cell] if name in swept] or swept[:1]:
            yield f"map_{cell}_{axis}", partial(_DRAWERS[cell], dataset, axis)
