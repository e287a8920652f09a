"""Fits without single rows, as the run folder keeps them (``without.nc``)."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from data.errors import RunFolderError, StorageError
from inference.engine.sealed_trees import read_tree, write_tree
from inference.words.run_files import WITHOUT

if TYPE_CHECKING:
    from inference.runs.result import Result
    from inference.studies.comparison.units import Unit

__all__ = ["FitWithout", "keep_fits", "read_fits"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FitWithout:
    """A fit without a row: its posterior, and how improbable the row is to it."""

    posterior: xr.Dataset
    p_value: float


def read_fits(result: "Result", units: Sequence["Unit"]) -> dict[int, FitWithout]:
    """Read the fits without single rows that belong to this very result.

    Parameters
    ----------
    result : Result
        A finished fit.
    units : sequence of Unit
        What is left out at once.

    Returns
    -------
    dict of int to FitWithout
        By the place of what is left out; empty where the folder holds none.
    """
    folder = result.folder
    if folder is None or not (folder / WITHOUT).is_file():
        return {}
    try:
        tree = read_tree(folder / WITHOUT, "without")
    except RunFolderError as error:
        logger.warning("%s; what rests on it is not told until `check` fits anew", error)
        return {}
    if tree.attrs.get("result_id") != result.id:
        return {}
    places = {_key(unit): place for place, unit in enumerate(units)}
    return {
        places[node.attrs["row"]]: FitWithout(
            node.to_dataset().astype(float), float(node.attrs["p_value"])
        )
        for node in tree.children.values()
    }


def keep_fits(result: "Result", units: Sequence["Unit"], fits: Mapping[int, FitWithout]) -> None:
    """Write fits without single rows into the folder of their result, where it has one.

    Parameters
    ----------
    result, units
        As in :func:`read_fits`.
    fits : mapping of int to FitWithout
        By the place of what is left out.
    """
    from inference.runs.run_folder import RunFolder

    if result.folder is None or not fits:
        return
    tree = xr.DataTree.from_dict(
        {
            str(place): fit.posterior.astype(np.float32).assign_attrs(
                row=_key(units[place]), p_value=fit.p_value
            )
            for place, fit in fits.items()
        }
    )
    tree.attrs = {"title": "Posteriors without single rows", "result_id": result.id}
    folder = RunFolder(result.folder, result_id=result.id)
    try:
        folder.write(WITHOUT, lambda path: write_tree(tree, path, "without"))
    except (RunFolderError, StorageError) as error:
        # They serve this answer all the same; the next one fits again.
        logger.warning("fits without single rows are not kept: %s", error)


def _key(unit: "Unit") -> str:
    return json.dumps([unit.table, unit.name, unit.rows])
