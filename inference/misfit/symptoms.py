"""Symptoms of data that are not what the model takes them for, in sentences.

Two electrolytes, two batches or a factor of ten in a few rows make a scatter that lies far above
its prior, or rows that fall into two populations. A factor of ten in a whole column, or a mistaken
exponent, makes a parameter that its prior all but excludes; a slip in what is stated of a separator
moves its true value far from it, or makes separators differ more than they do. The model predicts
such rows well, and its answers are wrong.
"""

import json
from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from data.tables import tables
from inference.engine.arviz_statistics import quantile_errors
from inference.engine.draws import SAMPLE
from inference.engine.standing import beyond, share_error
from inference.misfit.outside_priors import outside_findings
from inference.misfit.populations import (
    Kinds,
    Split,
    deviates,
    resolution,
    two_kinds,
    two_populations,
)
from inference.misfit.verdicts import Finding
from inference.thresholds import (
    ABOVE_ITS_PRIOR,
    INTERVAL,
    POPULATIONS_MOVE,
    TAILS,
    TWO_KINDS,
    TWO_POPULATIONS,
)
from inference.words.labels import first_of_many
from models.blocks import table_of
from models.options import SHARED_THRESHOLD
from models.prior_set import PriorSet

if TYPE_CHECKING:
    from inference.designs.basis import Basis

__all__ = ["doubted", "suspicions", "symptom_findings", "variables_of_scatters"]

_MOST_SHOWN = 4  # rows at either end
_NORMAL_MAD = 1.4826  # standard deviation of normal values over their median distance
_STANDS_OUT = 3.0  # standard deviations of the bulk
_AT_A_CHARGE = {"dc_polarization": 2.0}  # power of what a step bears: metal diffuses for Q/j
_FEWEST_OFFSETS = 3  # of two, neither is the one that is off
_OF_OFFSETS = {"separator_scatter": "separators", "lab_scatter": "laboratories"}
_OFFSETS_WORDS = {
    "separators": (
        "A pore radius or porosity mistyped or in another unit, or pores of another kind, look "
        "like this: look at these rows of separators.csv and at the names in the column separator.",
        "The fit lies between them: what it says of a new separator may lie above what the poorer "
        "bear.",
    ),
    "laboratories": (
        "A current or area in another unit, or another way to call a cell failed, looks like this: "
        "look at the rows of these laboratories.",
        "The fit lies between them: a safe current from it may lie above what the poorer find.",
    ),
}


@dataclass(frozen=True)
class _RowsOfScatter:
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
    share : ndarray, shape (rows,)
        Predicted probability of failing of rows that are verdicts; NaN of others.
    failed : ndarray of bool, shape (rows,)
        Whether a verdict is that the cell failed.
    tables : list of str
        That they are of.
    """

    labels: list[str]
    units: list[str]
    residuals: NDArray[np.float64]
    z: NDArray[np.float64]
    halfwidth: NDArray[np.float64]
    logs: NDArray[np.float64]
    share: NDArray[np.float64]
    failed: NDArray[np.bool_]
    tables: list[str]


def suspicions(result: "Basis") -> list[str]:
    """Return what a fit said of scatters that are symptoms, to be said with every answer of it."""
    return [str(each) for each in json.loads(str(result.attrs.get("suspicions", "[]")))]


def doubted(result: "Basis") -> dict[str, list[str]]:
    """Return what a fit said of rows that may not be the cells that they say, by table."""
    return dict(json.loads(str(result.attrs.get("doubted", "{}"))))


def symptom_findings(
    observed: xr.Dataset,
    predictive: xr.Dataset,
    posterior: xr.Dataset,
    priors: PriorSet,
    sampled: xr.Dataset | None = None,
    doubts: Mapping[str, Sequence[str]] | None = None,
) -> list[Finding]:
    """Name scatters, parameters and true values that are symptoms, and what to look at.

    A scatter is named with the rows, separators or laboratories at both ends; a parameter with its
    prior; a true value with the row that states another.

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
    sampled : Dataset, optional
        Draws of the free variables that are no parameters: those of `models.latents`, called
        ``<name>_z``, are standard normal where all is well.
    doubts : mapping of str to sequence of str, optional
        From `inference.rows.doubtful.doubted_tables`: they come first, and a scatter of the same
        rows may be their effect.

    Returns
    -------
    list of Finding
        One a symptom, verdict ``fail``, after one a doubt, ``warn``; none where all is well.
    """
    doubts = doubts or {}
    found = [
        Finding.of(f"cells {table}", "warn", note)
        for table, notes in doubts.items()
        for note in notes
    ]
    of_scatters = variables_of_scatters(map(str, observed.data_vars), priors)
    for scatter, variables in of_scatters.items():
        rows = _rows(variables, observed, predictive)
        above = _above_its_prior(scatter, posterior, priors)
        split = two_populations(rows.z, rows.units, rows.halfwidth)
        if split is not None and not _told_apart(split, rows):
            split = None
        kinds = _kinds(rows, posterior[scatter]) if scatter in posterior else None
        if above is None and split is None and kinds is None:
            continue
        found.append(_finding(scatter, rows, above, split, kinds, posterior, [*doubts]))
    for scatter, kind in _OF_OFFSETS.items():
        if scatter in priors and (above := _above_its_prior(scatter, posterior, priors)):
            usual = float(priors[scatter].distribution.quantile(0.5))
            found.append(_offsets_finding(scatter, kind, above, usual, posterior))
    return found + outside_findings(posterior, priors, sampled)


def variables_of_scatters(variables: Iterable[str], known: Container[str]) -> dict[str, list[str]]:
    """Return the observed variables of each scatter.

    Parameters
    ----------
    variables : iterable of str
        Observed variables.
    known : container of str
        The scatters that there are.
    """
    members: dict[str, list[str]] = defaultdict(list)
    for variable in variables:
        table = table_of(variable)
        owner = next((own for own, every in SHARED_THRESHOLD.items() if table in every), table)
        own = variable.removeprefix(f"{table}_")  # coverage, thickness, overpotential
        for name in (f"{own}_scatter", f"{owner}_scatter"):
            if name in known:
                members[name].append(variable)
                break
    return dict(members)


def _rows(variables: Sequence[str], observed: xr.Dataset, predictive: xr.Dataset) -> _RowsOfScatter:
    labels: list[str] = []
    units: list[str] = []
    residuals, z, widths, logs, shares, failed = [], [], [], [], [], []
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
        shares.append(
            np.where(verdicts, np.clip(share, 0.5 / len(drawn), 1 - 0.5 / len(drawn)), np.nan)
        )
        failed.append(verdicts & (values > 0.5))
        # A cell that failed where few do is a weak one.
        surprise = np.where(verdicts, (share - values) / np.sqrt(share * (1.0 - share)), z[-1])
        residuals.append(surprise)
        with np.errstate(invalid="ignore", divide="ignore"):
            logs.append(np.log(values) - np.log(np.median(drawn, axis=0)))
    return _RowsOfScatter(
        labels=labels,
        units=units,
        residuals=np.concatenate(residuals),
        z=np.concatenate(z),
        halfwidth=np.concatenate(widths),
        logs=np.concatenate(logs),
        share=np.concatenate(shares),
        failed=np.concatenate(failed),
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


def _above_in_words(scatter: str, above: tuple[float, float], posterior: xr.Dataset) -> str:
    median, limit = above
    low, high = np.quantile(posterior[scatter].values, TAILS)
    return (
        f"{scatter} is {median:.2g} ({100 * INTERVAL:g} % interval {low:.2g} to {high:.2g}), "
        f"above the {100 * ABOVE_ITS_PRIOR:g} % point of its prior ({limit:.2g})"
    )


def _offsets_finding(
    scatter: str, kind: str, above: tuple[float, float], usual: float, posterior: xr.Dataset
) -> Finding:
    """Name the separators or laboratories that stand out, or else those at both ends."""
    medians: dict[str, float] = {}
    ending = scatter.replace("_scatter", "_offset")
    for name in map(str, posterior.data_vars):
        if name.endswith(ending):
            block = name.removesuffix(ending).removesuffix("_")
            (dim,) = set(posterior[name].dims) - set(SAMPLE)
            for label, median in zip(
                posterior[dim].values, posterior[name].median(SAMPLE).values, strict=True
            ):
                medians[f"{label} of {block}" if block else str(label)] = float(median)
    order = sorted(medians, key=medians.__getitem__)
    half = min(_MOST_SHOWN, (len(order) + 1) // 2)
    ends = order[:half], order[half:][: -_MOST_SHOWN - 1 : -1]
    away = _outstanding(medians, usual)

    def listed(names: Sequence[str]) -> str:
        times = [f"{name} ({np.exp(medians[name]):.2g} times)" for name in names]
        return first_of_many(times, _MOST_SHOWN)

    if away:
        rest = [float(np.exp(medians[name])) for name in order if name not in away]
        shown = (
            f"Threshold against the model, those that stand out, the farthest first: "
            f"{listed(away)}. The {len(rest)} others lie between {rest[0]:.2g} and "
            f"{rest[-1]:.2g} times."
        )
    else:
        shown = (
            f"Lowest threshold against the model: {listed(ends[0])}. Highest: "
            f"{listed(ends[1]) or 'none'}."
        )
    look, harm = _OFFSETS_WORDS[kind]
    return Finding.of(
        f"scatter {scatter}",
        "fail",
        f"{_above_in_words(scatter, above, posterior)}: the {kind} do not seem to follow one law. "
        f"{shown} {look} {harm}",
        median=above[0],
        limit=above[1],
        lowest=list(ends[0]),
        highest=list(ends[1]),
        outstanding=away,
    )


def _outstanding(offsets: Mapping[str, float], usual: float) -> list[str]:
    """Return those that lie far from the bulk of all, the farthest first.

    The bulk is told by median and median distance, which the few that are far do not move; it is
    taken to scatter no less than is usual.
    """
    values = np.array([*offsets.values()])
    away = np.abs(values - np.median(values))
    spread = max(_NORMAL_MAD * float(np.median(away)), usual)
    names = [
        name
        for name, far in sorted(zip(offsets, away, strict=True), key=lambda each: -each[1])
        if far > _STANDS_OUT * spread
    ]
    return names if len(values) >= _FEWEST_OFFSETS else []


def _factor(split: Split, rows: _RowsOfScatter) -> float:
    """Return how many times larger the upper population is; NaN where that means nothing."""
    low, high = rows.logs[split.low], rows.logs[split.high]
    return float(np.exp(np.mean(high) - np.mean(low)))


def _told_apart(split: Split, rows: _RowsOfScatter) -> bool:
    """Say whether two populations are due, and move an answer."""
    if not split.margin > TWO_POPULATIONS:
        return False
    low, high = (float(np.mean(rows.z[each])) for each in (split.low, split.high))
    a_deviate = np.log(_factor(split, rows)) / (high - low)
    power = max(_AT_A_CHARGE.get(name, 1.0) for name in rows.tables)
    return not power * abs(split.moved * a_deviate) < np.log(POPULATIONS_MOVE)


def _kinds(rows: _RowsOfScatter, scatter: xr.DataArray) -> Kinds | None:
    """Return two kinds of cells, where the verdicts among the rows call for them."""
    at = np.isfinite(rows.share)
    least = float(np.log(POPULATIONS_MOVE))
    found = two_kinds(rows.failed[at], rows.share[at], float(scatter.median()), least)
    if found is None:
        return None
    error = share_error(found.p_value, found.tables)
    return found if beyond(TWO_KINDS, found.p_value, error) else None


def _finding(
    scatter: str,
    rows: _RowsOfScatter,
    above: tuple[float, float] | None,
    split: Split | None,
    kinds: Kinds | None,
    posterior: xr.Dataset,
    doubts: Sequence[str],
) -> Finding:
    order = np.argsort(rows.residuals)  # those without a residual come last
    known = order[: int(np.isfinite(rows.residuals).sum())]
    said, numbers = [], dict[str, Any]()
    if above is not None:
        said.append(_above_in_words(scatter, above, posterior))
        numbers |= {"median": above[0], "limit": above[1]}
    if kinds is not None:
        said.append(
            f"the verdicts of {' and '.join(rows.tables)} call for two kinds of cells, about "
            f"{np.exp(kinds.apart):.2g} times apart, of which the poorer are about "
            f"{100 * kinds.share:.0f} % (p = {kinds.p_value:.1g})"
        )
        numbers |= {"p_value": kinds.p_value, "apart": np.exp(kinds.apart), "share": kinds.share}
    if split is None:
        ends = (known[:_MOST_SHOWN], known[: -_MOST_SHOWN - 1 : -1])
        names = ("Lowest against the model", "Highest")
    else:
        factor = _factor(split, rows)
        times = f", {factor:.2g} times apart" if np.isfinite(factor) else ""
        said.append(
            f"two populations predict the rows of {' and '.join(rows.tables)} better than one, by "
            f"{split.margin:.1f} in log predictive density ({TWO_POPULATIONS:g} are due){times}"
        )
        numbers |= {"margin": split.margin, "factor": factor}
        ends = (known[split.low[known]], known[::-1][split.high[known[::-1]]])
        names = ("The lower", "The upper")
    shown = ". ".join(
        f"{kind}: {first_of_many([rows.labels[at] for at in each], _MOST_SHOWN)}"
        for kind, each in zip(names, ends, strict=True)
    )
    text = ", and ".join(said)
    doubtful = [f"{name}.csv" for name in rows.tables if name in doubts]
    first = (
        f"That may be the effect of rows of {' and '.join(doubtful)} that are not the cells that "
        "they say, as told before: mend these first, and fit again. Else two"
        if doubtful
        else "Two"
    )
    return Finding.of(
        f"scatter {scatter}",
        "fail",
        f"{text[0].upper() if above is None else text[0]}{text[1:]}: these rows do not seem to "
        f"measure one thing. {shown}. {first} electrolytes, two batches or a factor of ten in a "
        "column look like this. The fit lies between them: a safe current from it may lie above "
        f"what the poorer kind bears. Look at these rows; {_remedy(rows.tables, posterior)}.",
        **numbers,
        lowest=[rows.labels[at] for at in ends[0]],
        highest=[rows.labels[at] for at in ends[1]],
    )


def _remedy(of: Sequence[str], posterior: xr.Dataset) -> str:
    takes = [name for name in of if any(each.name == "lab" for each in tables()[name].columns)]
    told = [name for name in takes if f"{name}_lab_offset" in posterior]
    if takes and not told:
        return (
            "mend a slip, name the batch or laboratory of every row in the column lab, or fit the "
            "two kinds as two campaigns"
        )
    return "mend a slip, or fit the two kinds as two campaigns"
