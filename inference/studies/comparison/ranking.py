"""Models in the order of what they predict, with the errors of differences."""

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from data.arrays import Array

if TYPE_CHECKING:
    import pandas as pd


__all__ = ["rank"]


def rank(
    elpds: Mapping[str, Array], groups: Sequence[tuple[str, str]] | None = None
) -> "pd.DataFrame":
    """Compare models by their log predictive densities of the same units.

    Parameters
    ----------
    elpds : mapping of str to ndarray, each of shape (units,)
        Log predictive densities by model.
    groups : sequence of (str, str), optional
        Table and cell of each unit. Units of one cell are not independent, and tables are
        experiments of a fixed size: with it, errors are those of a sum over cells, table by table
        (`_error_of_sum`); without it units are taken as independent draws of one kind.

    Returns
    -------
    DataFrame
        Indexed by model, the best first; columns ``elpd``, ``se``, ``difference`` (to the best,
        at most 0), ``difference_se`` (of the paired difference; NaN for the best and where there
        is one unit only) and ``weight`` (of stacking [1]_).

    References
    ----------
    .. [1] Yao, Vehtari, Simpson, Gelman (2018), doi:10.1214/17-BA1091.
    """
    import arviz_stats as az
    import pandas as pd

    names = list(elpds)
    values = np.array([elpds[name] for name in names])
    count = values.shape[1]
    # What all models share cancels in differences and weights; without it none underflows.
    shared = values.max(axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compared = az.compare(
            {
                name: az.ELPDDataLOO(
                    elpd=float((each - shared).sum()),
                    se=0.0,
                    p=0.0,
                    n_samples=1,
                    n_data_points=count,
                    scale="log",
                    warning=False,
                    good_k=None,
                    elpd_i=xr.DataArray(each - shared, dims="unit"),
                )
                for name, each in zip(names, values, strict=True)
            },
            method="stacking",
            round_to="none",
        )
    table = pd.DataFrame(index=pd.Index([str(name) for name in compared.index], name="job"))
    total = dict(zip(names, values.sum(axis=1), strict=True))
    spread = dict(zip(names, np.sqrt(count) * values.std(axis=1), strict=True))
    table["elpd"] = [total[name] for name in table.index]
    table["se"] = [spread[name] if count > 1 else np.nan for name in table.index]
    table["difference"] = compared["elpd_diff"].astype(float)
    error = compared["dse"].astype(float)
    table["difference_se"] = error.where(table["difference"] != 0) if count > 1 else np.nan
    table["weight"] = compared["weight"].astype(float).clip(0.0, 1.0)
    if groups is not None and count > 1:
        best = elpds[table.index[0]]
        table["se"] = [_error_of_sum(elpds[name], groups) for name in table.index]
        errors = [_error_of_sum(elpds[name] - best, groups) for name in table.index]
        table["difference_se"] = table["difference_se"].where(table["difference_se"].isna(), errors)
    return table


def _error_of_sum(values: Array, groups: Sequence[tuple[str, str]]) -> float:
    """Return the standard error of a sum over units of known table and cell.

    The variance is summed over tables. Within one it is that of the sum of its cells, or of its
    units where they are all of one cell; where a table has one unit only, its square.
    """
    variance = 0.0
    for table in dict.fromkeys(table for table, _ in groups):
        own = [i for i, group in enumerate(groups) if group[0] == table]
        cells = dict.fromkeys(groups[i][1] for i in own)
        parts = np.array([sum(values[i] for i in own if groups[i][1] == cell) for cell in cells])
        if parts.size == 1:
            parts = values[own]
        variance += parts.size * parts.var(ddof=1) if parts.size > 1 else parts[0] ** 2
    return float(np.sqrt(variance))
