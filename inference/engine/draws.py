"""Draws of a model's variables with the names of their dimensions and rows."""

from collections.abc import Iterable, Mapping
from typing import Any

import xarray as xr
from numpy.typing import NDArray

__all__ = [
    "SAMPLE",
    "STACKED",
    "compression",
    "coordinates",
    "dimensions",
    "labelled",
    "stacked",
]

SAMPLE = ("chain", "draw")
STACKED = "scalars"


def dimensions(model: Any, variable: Any) -> tuple[str, ...]:
    """Return the names of a variable's dimensions.

    Parameters
    ----------
    model : pymc.Model
        That the variable belongs to.
    variable : tensor
        Named, or with dimensions counted under its own name.

    Returns
    -------
    tuple of str
        One for each axis.
    """
    named = model.named_vars_to_dims.get(variable.name)
    if named is not None:
        return tuple(str(dim) for dim in named)
    return tuple(f"{variable.name}_dim_{i}" for i in range(variable.ndim))


def coordinates(model: Any, dims: Iterable[str]) -> dict[str, list[str]]:
    """Return the labels along those of the dimensions that have some."""
    known = model.coords
    return {dim: list(known[dim]) for dim in dims if known.get(dim) is not None}


def labelled(
    model: Any, draws: Mapping[str, NDArray[Any]], sample: Mapping[str, Any]
) -> xr.Dataset:
    """Return draws of free variables as a dataset.

    Parameters
    ----------
    model : pymc.Model
        Whose free variables they are.
    draws : mapping of str to ndarray, each of shape (chains, draws, ...)
        All free variables by name.
    sample : mapping of str to array_like
        Labels of ``chain`` and ``draw``.

    Returns
    -------
    Dataset
        Over ``chain``, ``draw`` and the dimensions of the variables.
    """
    dims = {rv.name: dimensions(model, rv) for rv in model.free_RVs}
    return xr.Dataset(
        {name: ((*SAMPLE, *dims[name]), draws[name]) for name in dims},
        coords={**sample, **coordinates(model, {dim for each in dims.values() for dim in each})},
    )


def compression(tree: xr.DataTree) -> dict[str, dict[str, dict[str, Any]]]:
    """Return how the groups of a result are written that have a number a row and draw.

    Parameters
    ----------
    tree : DataTree
        Of a result.

    Returns
    -------
    dict
        As ``encoding`` of `xarray.DataTree.to_netcdf`; no value is changed. Of 10 000 verdicts
        log-likelihoods in single precision take 160 MB, compressed 128 MB at level 1 in 5 s and
        125 MB at level 4 in 6 s; predicted verdicts a fiftieth.
    """
    pointwise = ("log_likelihood", "posterior_predictive", "prior_predictive")
    return {
        f"/{group}": {str(name): {"zlib": True, "complevel": 1} for name in tree[group].data_vars}
        for group in pointwise
    }


def stacked(draws: xr.Dataset) -> xr.Dataset:
    """Return scalars as one variable over ``scalar``, in their order.

    Their names hold those of separators, which may hold any mark, and names in a tree may not; one
    variable is also summarised tens of times faster than many.

    Parameters
    ----------
    draws : Dataset
        Scalars over ``chain`` and ``draw``.

    Returns
    -------
    Dataset
        With the one variable ``scalars``.
    """
    return draws.to_dataarray("scalar").transpose(*SAMPLE, "scalar").to_dataset(name=STACKED)
