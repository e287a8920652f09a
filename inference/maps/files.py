"""Maps as files: NetCDF with the conventions of CF, and a table for a spreadsheet."""

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import xarray as xr

from data.csv_reader import cell_of
from data.errors import MapError, RunFolderError
from data.units import format_header
from inference.designs.axes import AXES
from inference.designs.reading import SEPARATOR_AXES
from inference.engine.sealed_trees import read_tree, write_tree

if TYPE_CHECKING:
    import pandas as pd

    from inference.designs.basis import Basis

__all__ = [
    "load_maps",
    "load_noise",
    "map_table",
    "save_map_table",
    "save_maps",
    "which_new_cells",
]

_CONVENTIONS: Final = "CF-1.11"
_NOISE: Final = "noise"
# Units that UDUNITS, which CF names them by, spells otherwise.
_CF_UNITS: Final = {"mAh/cm^2": "mA h/cm^2"}
_OWN_UNITS: Final = {spelling: unit for unit, spelling in _CF_UNITS.items()}
_FLAGS: Final = {
    "extrapolation": "within_range_of_data outside_range_of_data",
    "scatter_prior_driven": "from_data from_prior",
}
_FLAG_NAMES: Final = ("flag_values", "flag_meanings")


def save_maps(
    maps: Mapping[str, xr.Dataset], path: Path | str, noise: xr.Dataset | None = None
) -> None:
    """Write maps into one NetCDF file, a group for each kind of cell.

    Parameters
    ----------
    maps : mapping of str to xarray.Dataset
        Maps by kind of cell.
    path : Path or str
        The file.
    noise : xarray.Dataset, optional
        The table they were drawn with (`inference.designs.noise.noise_table`), the group ``noise``.
    """
    groups = {name: _by_convention(dataset) for name, dataset in maps.items()}
    if noise is not None:
        groups[_NOISE] = noise
    tree = xr.DataTree.from_dict(groups)
    tree.attrs = {"title": "Safe-current maps", "Conventions": _CONVENTIONS}
    encoding = {
        f"/{name}": {
            # No coordinate of a map is ever missing.
            **{str(key): {"_FillValue": None} for key in group.coords},
            **{
                str(key): {"zlib": True, "complevel": 4, "shuffle": True}
                for key, variable in group.data_vars.items()
                if variable.size > 10_000
            },
        }
        for name, group in groups.items()
    }
    write_tree(tree, Path(path), "maps", encoding)


def load_maps(path: Path | str, result: "Basis | None" = None) -> dict[str, xr.Dataset]:
    """Read maps that :func:`save_maps` wrote.

    Parameters
    ----------
    path : Path or str
        The file.
    result : Basis, optional
        The fit that they are to be of.

    Returns
    -------
    dict of str to xarray.Dataset
        Maps by kind of cell, in memory.

    Raises
    ------
    MapError
        If the file does not exist, holds no maps, was changed, or is of another fit.
    """
    maps = {name: _as_made(group) for name, group in _groups(path).items() if name in AXES}
    if not maps:
        raise MapError(f"{path} holds no maps of {' or '.join(AXES)} cells: draw them again")
    of = {each.attrs.get("result_id") for each in maps.values()}
    if result is not None and of != {result.id}:
        raise MapError(f"the maps in {path} are of another fit than the result: draw them again")
    return maps


def load_noise(path: Path | str) -> xr.Dataset:
    """Read the table of noise that maps were drawn with.

    Parameters
    ----------
    path : Path or str
        The file.

    Returns
    -------
    xarray.Dataset
        As `inference.designs.noise` says.

    Raises
    ------
    MapError
        If the file does not exist or holds none.
    """
    groups = _groups(path)
    if _NOISE not in groups:
        raise MapError(f"{path} holds no table of noise: draw the maps again")
    return groups[_NOISE]


def _groups(path: Path | str) -> dict[str, xr.Dataset]:
    path = Path(path)
    if not path.is_file():
        raise MapError(f"no maps at {path}: draw them with `anodebayes map` first")
    try:
        tree = read_tree(path, "maps")
    except RunFolderError as error:
        raise MapError(f"{error}: draw them again with `anodebayes map --force`") from error
    return {name: group.to_dataset() for name, group in tree.children.items()}


def _by_convention(dataset: xr.Dataset) -> xr.Dataset:
    """Return a map with units and flags as CF has them."""
    copy = dataset.copy()
    for name, variable in copy.variables.items():
        unit = variable.attrs.get("units")
        if unit in _CF_UNITS:
            variable.attrs = {**variable.attrs, "units": _CF_UNITS[unit]}
        if name in _FLAGS:
            meanings = {"flag_values": np.array([0, 1], np.int8), "flag_meanings": _FLAGS[name]}
            variable.attrs = {**variable.attrs, **meanings}
    return copy


def _as_made(dataset: xr.Dataset) -> xr.Dataset:
    """Return a map with units as this project writes them."""
    for variable in dataset.variables.values():
        unit = variable.attrs.get("units")
        attrs = {key: value for key, value in variable.attrs.items() if key not in _FLAG_NAMES}
        variable.attrs = attrs | ({"units": _OWN_UNITS[unit]} if unit in _OWN_UNITS else {})
    return dataset


def map_table(dataset: xr.Dataset) -> "pd.DataFrame":
    """Return a map as a long table, one row a point of its grid.

    Parameters
    ----------
    dataset : xarray.Dataset
        A map.

    Returns
    -------
    DataFrame
        Columns headed ``quantity [unit]``: kind of data and of cell, every condition and its
        tolerance as a standard deviation (of a separator as fitted the posterior's), the kind of
        pores or the protocol, which new cells are meant, the safe current at
        the map's risk and at others, quantiles of the critical current of the median cell and of a
        new one, the probability that each mechanism limits, and whether the point is extrapolated.
        The probability of every single current is in the NetCDF file only.
    """
    import pandas as pd

    safe = dataset["safe_current_density"]
    shape = safe.shape

    def column(values: xr.DataArray) -> Any:
        return values.broadcast_like(safe).transpose(*safe.dims).to_numpy().reshape(-1)

    def header(name: str, variable: xr.DataArray) -> str:
        return format_header(name, str(variable.attrs["units"]))

    count = int(np.prod(shape))
    columns: dict[str, Any] = {
        "data_kind": np.full(count, dataset.attrs["data_kind"]),
        "cell": np.full(count, dataset.attrs["cell"]),
    }
    others = {"mechanism", "quantile", "current_density", "risk", *safe.dims}
    for name in itertools.chain(safe.dims, (each for each in safe.coords if each not in others)):
        coordinate = dataset[name]
        unit = coordinate.attrs.get("units")
        columns[format_header(str(name), None if unit is None else str(unit))] = column(coordinate)
        of_one = "separator" not in safe.dims or name not in SEPARATOR_AXES
        if of_one and "tolerance" in coordinate.attrs:
            unit, sd = str(coordinate.attrs["tolerance_units"]), coordinate.attrs["tolerance"]
            relative = unit == "%"
            header_sd = format_header(f"{name}_sd", coordinate.attrs["units"] if relative else unit)
            columns[header_sd] = column(coordinate) * sd / 100.0 if relative else np.full(count, sd)
    for choice in ("pore_type", "protocol", "new_cell"):
        if choice in dataset.attrs:  # of several separators it is a coordinate
            columns[choice] = np.full(count, dataset.attrs[choice])
    for risk in dataset["risk"].to_numpy():
        at = dataset["safe_current_density_at_risk"].sel(risk=risk)
        columns[header(f"safe_current_density_at_{100 * risk:g}_percent_risk", safe)] = column(at)
    for name in ("median_cell_critical_current_density", "predictive_critical_current_density"):
        for level in dataset["quantile"].to_numpy():
            part = dataset[name].sel(quantile=level)
            columns[header(f"{name}_q{100 * level:02.0f}", safe)] = column(part)
    for mechanism in dataset["mechanism"].to_numpy():
        part = dataset["probability_limiting"].sel(mechanism=mechanism)
        columns[header(f"probability_limiting_{mechanism}", part)] = column(part)
    columns["extrapolation"] = np.where(column(dataset["extrapolation"]), "yes", "no")
    return pd.DataFrame(columns)


def which_new_cells(dataset: xr.Dataset) -> list[str]:
    """Return which new cells a map speaks of.

    Parameters
    ----------
    dataset : xarray.Dataset
        A map.

    Returns
    -------
    list of str
        Such as "a new cell of a new separator", one for each named separator; empty for solid cells
        of the laboratories that were fitted.
    """
    stated = dataset.coords.get("new_cell", dataset.attrs.get("new_cell", "a new cell"))
    return [str(each) for each in np.atleast_1d(stated) if str(each) != "a new cell"]


def save_map_table(dataset: xr.Dataset, path: Path | str) -> None:
    """Write a map as a table for a spreadsheet.

    Parameters
    ----------
    dataset : xarray.Dataset
        A map.
    path : Path or str
        The file; UTF-8, columns as in :func:`map_table`.
    """
    table = map_table(dataset)
    texts = table.select_dtypes(include=["object", "string"]).columns
    table[texts] = table[texts].map(lambda cell: cell_of(str(cell)))
    table.to_csv(path, index=False, float_format="%.6g", lineterminator="\n")
