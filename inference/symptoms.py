"""Scatter as a symptom: tables whose rows do not seem to measure one thing, in sentences.

Two electrolytes, two batches or a factor of ten in a column make a scatter that lies far above its
prior, or rows that fall into two populations. The model predicts such rows well, and its answers
lie between the two kinds.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from data.tables import tables
from inference.arviz_statistics import quantile_errors
from inference.checks.identifiability import table_of
from inference.checks.populations import Split, deviates, resolution, two_populations
from inference.checks.verdicts import Finding
from inference.standing import beyond
from inference.thresholds import ABOVE_ITS_PRIOR, INTERVAL, POPULATIONS_APART, TWO_POPULATIONS
from models.options import SHARED_THRESHOLD
from models.priors import PriorSet

if TYPE_CHECKING:
    from inference.result import Result

__all__ = ["suspicions", "symptom_findings"]

_MOST_SHOWN = 4  # rows at either end


@dataclass(frozen=True)
class _Rows:
    """The rows that share one scatter: over all observed variables of it.

    Parameters
    ----------
    labels, units : list of str
        What a reader calls each row, and the cell it is of.
    residuals : ndarray, shape (rows,)
        Row against its predictions, for order: low is poor.
    z : ndarray, shape (rows,)
        From `populations.deviates`.
    halfwidth : ndarray, shape (rows,)
        From `populations.resolution`.
    logs : ndarray, shape (rows,)
        Logarithm of each row over the median of its predictions; NaN where it is not positive.
    tables : list of str
        That they are of.
    """

    labels: list[str]
    units: list[str]
    residuals: NDArray[np.float64]
    z: NDArray[np.float64]
    halfwidth: NDArray[np.float64]
    logs: NDArray[np.float64]
    tables: list[str]


def suspicions(result: "Result") -> list[str]:
    """Return what a fit said of scatters that are symptoms, to be said with every answer of it."""
    return [str(each) for each in json.loads(str(result.attrs.get("suspicions", "[]")))]


def symptom_findings(
    observed: xr.Dataset, predictive: xr.Dataset, posterior: xr.Dataset, priors: PriorSet
) -> list[Finding]:
    """Name the scatters that are symptoms, with the rows at both ends and what to do.

    Parameters
    ----------
    observed : Dataset
        Observed variables, their rows labelled.
    predictive : Dataset
        Posterior predictive draws of them.
    posterior : Dataset
        Draws of the parameters.
    priors : PriorSet
        Of the job.

    Returns
    -------
    list of Finding
        One a scatter, verdict ``fail``; none where all is well.
    """
    found = []
    for scatter, rows in _rows_of_scatters(observed, predictive, priors).items():
        above = _above_its_prior(scatter, posterior, priors)
        split = two_populations(rows.z, rows.units, rows.halfwidth)
        if split is not None and not _told_apart(split, rows):
            split = None
        if above is None and split is None:
            continue
        found.append(_finding(scatter, rows, above, split, posterior))
    return found


def _rows_of_scatters(
    observed: xr.Dataset, predictive: xr.Dataset, priors: PriorSet
) -> dict[str, _Rows]:
    members: dict[str, list[str]] = defaultdict(list)
    for variable in map(str, observed.data_vars):
        table = table_of(variable)
        owner = next((own for own, every in SHARED_THRESHOLD.items() if table in every), table)
        own = variable.removeprefix(f"{table}_")  # coverage, thickness, overpotential
        for name in (f"{own}_scatter", f"{owner}_scatter"):
            if name in priors:
                members[name].append(variable)
                break
    return {scatter: _rows(names, observed, predictive) for scatter, names in members.items()}


def _rows(variables: Sequence[str], observed: xr.Dataset, predictive: xr.Dataset) -> _Rows:
    labels: list[str] = []
    units: list[str] = []
    residuals, z, widths, logs = [], [], [], []
    for name in variables:
        values = np.asarray(observed[name].values, dtype=float)
        drawn = np.asarray(predictive[name].values, dtype=float).reshape(-1, values.size)
        own = [str(each) for each in observed[f"{name}_row"].values]
        labels += own
        # The points of one cell or specimen are of one kind; its name begins their labels.
        several = tables()[table_of(name)].label[0] in {"cell", "specimen"}
        units += [each.partition(", ")[0] if several else f"{name} {each}" for each in own]
        z.append(deviates(values, drawn))
        if name.endswith("_range"):  # the highest steps are given the lowest, which tell the middle
            z[-1][values.size // 2 :] = np.nan
        widths.append(resolution(values, z[-1]))
        verdicts = np.isin(values, (0.0, 1.0)) & np.isin(drawn, (0.0, 1.0)).all(axis=0)
        share = np.clip(drawn.mean(axis=0), 1e-6, 1.0 - 1e-6)
        # A cell that failed where few do is a weak one.
        surprise = np.where(verdicts, (share - values) / np.sqrt(share * (1.0 - share)), z[-1])
        residuals.append(surprise)
        with np.errstate(invalid="ignore", divide="ignore"):
            logs.append(np.log(values) - np.log(np.median(drawn, axis=0)))
    return _Rows(
        labels=labels,
        units=units,
        residuals=np.concatenate(residuals),
        z=np.concatenate(z),
        halfwidth=np.concatenate(widths),
        logs=np.concatenate(logs),
        tables=list(dict.fromkeys(map(table_of, variables))),
    )


def _above_its_prior(
    scatter: str, posterior: xr.Dataset, priors: PriorSet
) -> tuple[float, float] | None:
    """Return the median and the limit where the posterior of a scatter lies above its prior."""
    if priors[scatter].fixed or scatter not in posterior:
        return None
    limit = float(priors[scatter].distribution.quantile(ABOVE_ITS_PRIOR))
    median = float(posterior[scatter].median())
    error = float(quantile_errors(posterior[[scatter]], 0.5)[scatter])
    return (median, limit) if beyond(median, limit, error) else None


def _factor(split: Split, rows: _Rows) -> float:
    """Return how many times larger the upper population is; NaN where that means nothing."""
    low, high = rows.logs[split.low], rows.logs[split.high]
    return float(np.exp(np.mean(high) - np.mean(low)))


def _told_apart(split: Split, rows: _Rows) -> bool:
    factor = _factor(split, rows)
    return split.margin > TWO_POPULATIONS and not factor < POPULATIONS_APART


def _finding(
    scatter: str,
    rows: _Rows,
    above: tuple[float, float] | None,
    split: Split | None,
    posterior: xr.Dataset,
) -> Finding:
    order = np.argsort(rows.residuals)  # those without a residual come last
    known = order[: int(np.isfinite(rows.residuals).sum())]
    said, numbers = [], dict[str, Any]()
    if above is not None:
        median, limit = above
        tail = (1.0 - INTERVAL) / 2.0
        low, high = np.quantile(posterior[scatter].values, [tail, 1.0 - tail])
        said.append(
            f"{scatter} is {median:.2g} ({100 * INTERVAL:g} % interval {low:.2g} to {high:.2g}), "
            f"above the {100 * ABOVE_ITS_PRIOR:g} % point of its prior ({limit:.2g})"
        )
        numbers |= {"median": median, "limit": limit}
    if split is None:
        ends = (known[:_MOST_SHOWN], known[: -_MOST_SHOWN - 1 : -1])
        kinds = ("Lowest against the model", "Highest")
    else:
        factor = _factor(split, rows)
        times = f", {factor:.2g} times apart" if np.isfinite(factor) else ""
        said.append(
            f"two populations predict the rows of {' and '.join(rows.tables)} better than one, by "
            f"{split.margin:.1f} in log predictive density ({TWO_POPULATIONS:g} are due){times}"
        )
        numbers |= {"margin": split.margin, "factor": factor}
        ends = (known[split.low[known]], known[::-1][split.high[known[::-1]]])
        kinds = ("The lower", "The upper")
    shown = ". ".join(
        f"{kind}: {_listed([rows.labels[at] for at in each])}"
        for kind, each in zip(kinds, ends, strict=True)
    )
    text = ", and ".join(said)
    return Finding.of(
        f"scatter {scatter}",
        "fail",
        f"{text[0].upper() if above is None else text[0]}{text[1:]}: these rows do not seem to "
        f"measure one thing. {shown}. Two electrolytes, two batches or a factor of ten in a column "
        "look like this. The fit lies between them: a safe current from it may lie above what the "
        f"poorer kind bears. Look at these rows; {_remedy(rows.tables, posterior)}.",
        **numbers,
        lowest=[rows.labels[at] for at in ends[0]],
        highest=[rows.labels[at] for at in ends[1]],
    )


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_SHOWN
    shown = "; ".join(names[:_MOST_SHOWN])
    return f"{shown}; and {more} more" if more > 0 else shown


def _remedy(of: Sequence[str], posterior: xr.Dataset) -> str:
    takes = [name for name in of if any(each.name == "lab" for each in tables()[name].columns)]
    told = [name for name in takes if f"{name}_lab_offset" in posterior]
    if takes and not told:
        return (
            "mend a slip, name the batch or laboratory of every row in the column lab, or fit the "
            "two kinds as two campaigns"
        )
    return "mend a slip, or fit the two kinds as two campaigns"
