"""Verdicts on the fit, table by table: what the model predicts against what was observed.

Each observed variable is compared on the natural scale of its values (logarithms, logits, or
millivolts as they are). A row's residual is its distance from the median of its own predictions, in
their standard deviations; statistics of the residuals are computed for the data and for every
predicted data set, in which intervals and planned ends are those of the data.

References
----------
.. [1] Gelman, Meng, Stern 1996, Statistica Sinica 6, 733.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from data.arrays import Array
from data.tables import tables
from inference.designs.basis import Basis
from inference.designs.mechanisms import MECHANISMS
from inference.engine.arviz_statistics import left_out_weights, loo_pit, pareto_k, uniformity
from inference.engine.draws import SAMPLE
from inference.engine.sampling import scalars
from inference.engine.standing import beyond, share_error
from inference.misfit.batches import Alike, alike, groupings, in_blocks, neighbours
from inference.misfit.batches import in_words as batches_in_words
from inference.misfit.spreads import Known, Uneven, cuts, known, uneven
from inference.misfit.symptoms import variables_of_scatters
from inference.misfit.trends import (
    Trend,
    chosen_by_outcome,
    conditions_of,
    distinct,
    in_words,
    times_rise,
    trends,
    verdicts,
)
from inference.misfit.verdicts import Finding, Verdict, worst
from inference.rows.conditions import LEVELS, MARKS
from inference.thresholds import (
    BATCH_FAIL,
    BATCH_WARN,
    PARETO_K,
    PIT_ROWS,
    PREDICTIVE_FAIL,
    PREDICTIVE_WARN,
    SPREAD_FAIL,
    SPREAD_WARN,
    TENSION_FAIL,
)
from inference.words.plain import plain
from models.blocks import table_of
from models.cells import LAWS
from models.observations import TOLERANCE

__all__ = [
    "batch_findings",
    "contradicting_rows",
    "failing_predictions",
    "fit_findings",
    "natural_scale",
    "predictive_p_values",
    "spread_findings",
    "unpredicted",
]


_NAMES = {
    "mean": "the mean residual",
    "spread": "the spread of the residuals",
    "smallest": "the smallest residual",
    "largest": "the largest residual",
    "skewness": "the skewness of the residuals",
    "censored": "the fraction censored",
    "failed": "the fraction of cells that failed",
    "lowest_failed": "the lowest current at which a cell failed",
    "highest_survived": "the highest current that a cell survived",
    "trend": "how rows go with their conditions",
}
_ONE_END: Mapping[str, Callable[[float], float]] = {
    "trend": lambda p_value: p_value,
    "skewness": lambda p_value: 1.0 - p_value,
}
_OF_CELLS = {"spread ": "CELLS DO NOT SCATTER ALIKE", "batches ": "ROWS ARE NOT SO MANY CELLS"}
_WEAK_TAIL = (
    " The weaker rows lie further out than the law of the cells has it: a few cells of a poorer "
    "kind, or cells that fail by their weakest place, look like this, and a safe current from this "
    "fit is then too high. Look at the weakest rows, and fit kinds that can be told apart as "
    "campaigns of their own."
)
_NO_LIMIT = 999.0  # on a natural scale; designs store 1000 for infinity
_LEAST_SPREAD = 1e-9
_FEWEST_OF_A_SKEWNESS = 8  # rows: a poorer fifth of fewer is one row, which `smallest` is of
_FEW = 2  # rows, which do not tell a shift
_MOST_SHOWN = 4  # rows that a sentence names
_CANDIDATES = 20  # rows at either end, among which a pair is sought
_MOST = 5_000_000
"""Predicted numbers that statistics are computed from; bounds the memory of large tables."""


def fit_findings(result: Basis, seed: int) -> tuple[list[Finding], list[dict[str, Any]]]:
    """Judge the fit of every observed variable.

    Parameters
    ----------
    result : Basis
        A finished fit.
    seed : int
        Of the randomisation of ties.

    Returns
    -------
    findings : list of Finding
        Two for each observed variable, its statistics and its LOO-PIT values; two for each scatter
        of cells.
    table : list of dict
        The numbers, a row for each observed variable.
    """
    posterior = scalars(result.posterior)
    groups = {
        name: getattr(result, name)
        for name in ("log_likelihood", "posterior_predictive", "observed_data")
    }
    findings, table = [], []
    for name in map(str, result.log_likelihood.data_vars):
        statistics, p_values = _judged(result, name)
        pit = loo_pit(name, posterior, groups, seed)
        k = pareto_k(name, posterior, groups)
        predictions = int(np.prod([result.posterior_predictive.sizes[dim] for dim in SAMPLE]))
        p_pit = uniformity(pit, predictions) if pit.size >= PIT_ROWS else float("nan")
        findings += [statistics, _calibration(name, pit, k, p_pit)]
        table.append(
            plain(
                {
                    "variable": name,
                    "rows": pit.size,
                    "p_values": p_values,
                    "loo_pit": pit,
                    "loo_pit_p_value": p_pit,
                    "pareto_k": k,
                }
            )
        )
    cells = _cells(result)
    return findings + _spreads(result, cells) + _batches(result, cells), table


def failing_predictions(result: Basis) -> list[Mapping[str, Any]]:
    """Return what observations the model does not predict, as every answer of the fit must say.

    Parameters
    ----------
    result : Basis
        A finished fit.

    Returns
    -------
    list of mapping
        Each finding of `fit_findings` that fails, with the ties of `check`, as in ``check.json``.
    """
    ties = int(np.random.SeedSequence(int(result.attrs["seed"])).generate_state(1)[0])
    found, _ = fit_findings(result, ties)
    return [each.model_dump() for each in found if each.verdict == "fail"]


def unpredicted(finding: Mapping[str, Any]) -> str:
    """Say with an answer what a finding of `fit_findings` that fails means for it.

    Parameters
    ----------
    finding : mapping
        As in ``check.json``.

    Returns
    -------
    str
        The finding, and what may be behind it.
    """
    kinds = (
        " Rows of one table may not measure one thing (two laboratories, batches or electrolytes), "
        "and the safe current may be that of none of them."
    )
    for kind, words in _OF_CELLS.items():
        if finding["key"].startswith(kind):
            return f"{words}: {finding['sentence']}"
    off = finding["numbers"].get("off")
    words = f"THE MODEL DOES NOT PREDICT ITS OWN DATA: {finding['sentence']}"
    if off == ["skewness"]:
        return f"{words}{_WEAK_TAIL}"
    return words if off == ["trend"] else f"{words}{kinds}"


def spread_findings(result: Basis) -> list[Finding]:
    """Judge whether the cells of each threshold scatter alike, whatever their conditions and names.

    Parameters
    ----------
    result : Basis
        A finished fit.

    Returns
    -------
    list of Finding
        One for each scatter that a safe current depends on, where something cuts its rows in two.
        Ranges over cells are left out: each row is of several.
    """
    return _spreads(result, _cells(result))


def batch_findings(result: Basis) -> list[Finding]:
    """Judge whether the cells of each threshold are so many, or resemble each other in batches.

    Parameters
    ----------
    result : Basis
        A finished fit.

    Returns
    -------
    list of Finding
        One for each scatter that a safe current depends on, where something groups its rows.
    """
    return _batches(result, _cells(result))


@dataclass(frozen=True)
class _Cells:
    """The rows that share one scatter, and what is known of their deviates."""

    variables: list[str]
    known: Known
    conditions: dict[str, Array]
    groups: dict[str, list[str]]
    of: NDArray[np.intp]  # which variable each row is of
    observed: Array  # on its natural scale

    def level(self, without: Sequence[str] = ()) -> NDArray[np.intp]:
        """Return which rows share all names that the law goes by."""
        shared = [self.groups[key] for key in LEVELS if key in self.groups and key not in without]
        levels = ["\n".join(names) for names in zip(*shared, strict=True)] or [""] * self.of.size
        return np.unique(levels, return_inverse=True)[1]


def _cells(result: Basis) -> dict[str, _Cells]:
    """Return the rows of every scatter that a safe current depends on."""
    return {scatter: _together(result, each) for scatter, each in _of_cells(result).items()}


def _of_cells(result: Basis) -> dict[str, list[str]]:
    """Return the observed variables of each such scatter, without ranges over cells."""
    due = {
        name
        for mechanisms in MECHANISMS.values()
        for each in mechanisms
        for name in (each.scatters[0], *each.also)
        if name in result.posterior
    }
    variables = [str(name) for name in result.log_likelihood.data_vars]
    every = {
        scatter: [name for name in members if not name.endswith("_range")]
        for scatter, members in variables_of_scatters(variables, due).items()
    }
    return {scatter: single for scatter, single in every.items() if single}


def _spreads(result: Basis, every: Mapping[str, _Cells]) -> list[Finding]:
    found = []
    for scatter, cells in every.items():
        names = ("table", *LEVELS)
        groups = {key: each for key, each in cells.groups.items() if key in names}
        level = cells.level()
        of = cells.of if cells.known.exact.any() else None  # a ladder is in order of its currents
        odd = uneven(cells.known, cuts(cells.conditions, groups, level, of), level)
        if odd is not None:
            found.append((scatter, odd, cells))
    return [_spread(result, *each, chances=len(found)) for each in found]


def _batches(result: Basis, every: Mapping[str, _Cells]) -> list[Finding]:
    found = []
    for scatter, cells in every.items():
        offsets = f"{scatter.removesuffix('_scatter')}_lab_offset" in result.posterior
        free = (*MARKS,) if offsets else (*MARKS, "lab")
        names = {key: cells.groups[key] for key in free if key in cells.groups}
        level = cells.level(() if offsets else ("lab",))
        rows = cells.known
        verdict = ~rows.exact.any(axis=1) & (np.isfinite(rows.edges).sum(axis=1) <= 1)
        pairs = neighbours(rows.z, cells.observed, cells.conditions, cells.of, verdict)
        if (together := alike(rows, groupings(names, level), pairs, level)) is not None:
            found.append((scatter, together, cells))
    return [_batch(result, *each, chances=len(found)) for each in found]


def _together(result: Basis, variables: list[str]) -> _Cells:
    """Return the rows of some observed variables that share one scatter."""
    rows: list[Known] = []
    values: list[Array] = []
    conditions: dict[str, Array] = {}
    groups: dict[str, list[str]] = {}
    sizes = [result.observed_data[name].size for name in variables]
    total = sum(sizes)
    start = 0
    for name, size in zip(variables, sizes, strict=True):
        here, start = slice(start, start + size), start + size
        columns = _columns(result, name)
        predicted = result.posterior_predictive[name]
        draws = np.asarray(predicted.values, dtype=float).reshape(-1, size)
        observed = np.asarray(result.observed_data[name].values, dtype=float)
        on_scale = _on_scale(observed, draws, str(predicted.attrs.get("units", "1")))
        kept = predicted["draw"].values
        likelihood = {"log_likelihood": result.log_likelihood.sel(draw=kept)}
        weights = left_out_weights(name, scalars(result.posterior.sel(draw=kept)), likelihood)
        few = slice(None, None, max(1, draws.size // _MOST))
        weights = weights[few] / weights[few].sum(axis=0)
        halfwidth = columns.get("halfwidth", np.zeros(size))
        rows.append(known(on_scale[0], on_scale[1][few], weights, halfwidth))
        values.append(on_scale[0])
        own = distinct(
            conditions_of(result, name, columns),
            without="log_current" if verdicts(observed, draws) else "",  # what a verdict is of
        )
        for key, each in own.items():
            conditions.setdefault(key, np.full(total, np.nan))[here] = each
        names = {**result.groups.get(name, {}), "table": [table_of(name)] * size}
        for key, labels in names.items():
            groups.setdefault(key, [""] * total)[here] = labels
    of = np.repeat(np.arange(len(sizes)), sizes)
    return _Cells(variables, Known.of(rows), conditions, groups, of, np.concatenate(values))


def _batch(result: Basis, scatter: str, found: Alike, cells: _Cells, chances: int) -> Finding:
    """Say of the cells of one scatter whether they are so many."""
    p_value = min(1.0, chances * found.p_value)
    error = chances * share_error(found.p_value, found.tables)
    middle = float(result.posterior[scatter].median())
    numbers = {
        "p_value": p_value,
        "scatter": middle,
        "between": found.between * middle,
        "within": found.within * middle,
        "correlation": found.together,
        "worth": found.worth(cells.of.size),
        "groups": {name: at.size for name, at in found.groups.items()},
    }
    verdict: Verdict = (
        "fail"
        if beyond(BATCH_FAIL, p_value, error)
        else "warn"
        if beyond(BATCH_WARN, p_value, error)
        else "ok"
    )
    key = f"batches {scatter}"
    if verdict == "ok":
        sentence = (
            f"{scatter}: rows of like names, sources or notes, and neighbours, lie together no "
            "more than others, and go with their place in the table no more than by chance (least "
            f"p = {p_value:.2f})."
        )
        return Finding.of(key, verdict, sentence, **numbers)
    groups = [*found.groups.values()]
    also = [
        name
        for name, values in cells.conditions.items()
        if groups
        and all(np.ptp(values[at]) == 0.0 for at in groups)
        and np.unique([values[at[0]] for at in groups]).size == len(groups)
    ]
    if not groups:
        also = [name for name, values in cells.conditions.items() if in_blocks(values, cells.of)]
    text = batches_in_words(found, scatter, middle, p_value, cells.of.size, also)
    return Finding.of(
        key, verdict, f"{text}. {_batch_remedy(result, scatter, found, cells)}.", **numbers
    )


def _batch_remedy(result: Basis, scatter: str, found: Alike, cells: _Cells) -> str:
    """Say what to do of rows that lie together."""
    names = sorted({table_of(name) for name in cells.variables})
    without = [name for name in names if all(each.name != "lab" for each in tables()[name].columns)]
    block = scatter.removesuffix("_scatter")
    if without:
        return (
            f"{' and '.join(f'{name}.csv' for name in without)} has no column that names a batch: "
            "fit each batch as a campaign of its own, and take the lowest of their safe currents"
        )
    if found.by == "lab":
        return f'Leave labs = "pooled" out of [model.options.{block}]'
    into = " and ".join(f"{name}.csv" for name in names)
    if f"{block}_lab_offset" in result.posterior:
        return f"Write laboratory and batch of every row, as one name, in the column lab of {into}"
    return f"Name the batch of every row in the column lab of {into}"


def _spread(result: Basis, scatter: str, odd: Uneven, cells: _Cells, chances: int) -> Finding:
    """Say of one scatter whether it is one."""
    middle = float(result.posterior[scatter].median())
    p_value = min(1.0, chances * odd.p_value)
    error = chances * share_error(odd.p_value, odd.tables)
    of_parts = [factor * middle for factor in odd.factors]
    wide, narrow = sorted((0, 1), key=lambda at: -of_parts[at])
    numbers = {
        "p_value": p_value,
        "scatter": middle,
        "parts": {odd.cut.names[at]: of_parts[at] for at in (wide, narrow)},
    }
    verdict: Verdict = (
        "fail"
        if beyond(SPREAD_FAIL, p_value, error)
        else "warn"
        if beyond(SPREAD_WARN, p_value, error)
        else "ok"
    )
    counts = odd.cut.parts.sum(axis=1)
    if verdict == "ok":
        sentence = (
            f"{scatter}: cells scatter alike, whatever their conditions and names (least p = "
            f"{p_value:.2f})."
        )
        return Finding.of(f"spread {scatter}", verdict, sentence, **numbers)
    every = [
        str(label)
        for name in cells.variables
        for label in result.observed_data[f"{name}_row"].values
    ]
    labels = [every[at] for at in np.flatnonzero(odd.cut.parts[wide])]
    more = f"; and {len(labels) - _MOST_SHOWN} more" if len(labels) > _MOST_SHOWN else ""
    shown = f"{'; '.join(labels[:_MOST_SHOWN])}{more}"
    which, others = (f"{counts[at]} rows of {odd.cut.names[at]}" for at in (wide, narrow))
    fitted = f"{scatter}, which the fit takes for that of all, is {middle:.2g}"
    shift = middle * _shift(cells.known, odd.cut.parts[wide])
    if shift:
        low = shift < 0.0
        sentence = (
            f"the {which} ({shown}) lie about {100 * abs(np.expm1(shift)):.0f} % "
            f"{'below' if low else 'above'} what the {others} let expect, and {fitted} (p = "
            f"{p_value:.1g}): a shift, taken for scatter. A safe current from this fit is too "
            f"{'high' if low else 'low'} for cells of {odd.cut.names[wide]}. Fit these as a "
            "campaign of their own"
        )
    else:
        sentence = (
            f"the {which} ({shown}) scatter by about {of_parts[wide]:.2g} in the logarithm, the "
            f"{others.replace(' rows', '', 1)} by {of_parts[narrow]:.2g}, and {fitted} (p = "
            f"{p_value:.1g}). A safe current from this fit is too high for cells of "
            f"{odd.cut.names[wide]}, and lower than need be for those of {odd.cut.names[narrow]}. "
            "Fit either as a campaign of its own"
        )
    block = scatter.removesuffix("_scatter")
    if not shift and not any(
        law.parameter and law.parameter_of(block) in result.posterior for law in LAWS.values()
    ):
        sentence += (
            '; where a new cell may be of either, cells = "contaminated" or "student_t" under '
            f"[model.options.{block}] counts some of that in"
        )
    return Finding.of(f"spread {scatter}", verdict, f"{sentence}.", **numbers)


def _shift(rows: Known, part: NDArray[np.bool_]) -> float:
    """Return by how many standard deviations rows lie off together; 0 where they rather scatter.

    More than half of their mean square is then the square of their mean.
    """
    known = rows.exact[np.arange(rows.z.size), rows.places]
    z = rows.z[part & known]
    mean = float(z.mean()) if z.size else 0.0
    return mean if 2.0 * z.size * mean**2 > float(z @ z) and z.size > _FEW else 0.0


def _judged(result: Basis, name: str) -> tuple[Finding, dict[str, float]]:
    """Judge the statistics of one observed variable."""
    observed = np.asarray(result.observed_data[name].values, dtype=float)
    drawn = result.posterior_predictive[name]
    predicted = np.asarray(drawn.values, dtype=float).reshape(-1, observed.size)
    units = str(drawn.attrs.get("units", "1"))
    few = predicted[:: max(1, predicted.size // _MOST)]
    columns = _columns(result, name)
    p_values = predictive_p_values(observed, few, columns, units)
    if chosen := chosen_by_outcome(observed, columns):
        p_values.pop("censored", None)  # none survived, because rows of cells that did are not here
    if name not in {each for names in _of_cells(result).values() for each in names}:
        p_values.pop("skewness", None)  # what is no cell is not weak
    on_scale = _on_scale(observed, few, units)
    from_start = bool(chosen) and times_rise(observed, columns)
    conditions = conditions_of(result, name, columns)
    found = trends(*on_scale, conditions, chosen, from_start=from_start)
    ratios = natural_scale(observed, few, units) is np.log
    if found:
        p_values["trend"] = min(each.p_value for each in found)
    finding = _statistics(name, observed.size, p_values, len(few), found, ratios=ratios)
    if finding.verdict == "fail" and not verdicts(observed, few):
        finding = _with_pair(finding, result, name, *on_scale)
    return finding, p_values


def _with_pair(
    finding: Finding, result: Basis, name: str, observed: Array, predicted: Array
) -> Finding:
    """Name the two rows that the model can hold together least, where chance gives none such."""
    pair = contradicting_rows(observed, predicted)
    if pair is None:
        return finding
    labels, lines = result.observed_data[f"{name}_row"].values, result.lines.get(name)
    rows = [
        f"{str(labels[at]).partition(' (line ')[0]} ({table_of(name)}.csv"
        + (f", line {lines[at]})" if lines else ")")
        for at in pair[:2]
    ]
    sentence = (
        f"{finding.sentence} It cannot hold {rows[0]} and {rows[1]} together: they lie "
        f"{pair[2]:.3g} standard deviations farther apart than it predicts, stated errors and "
        "scatter counted in."
    )
    numbers = finding.numbers | {"contradiction": {"rows": rows, "deviates": pair[2]}}
    return finding.model_copy(update={"sentence": sentence, "numbers": plain(numbers)})


def contradicting_rows(observed: Array, predicted: Array) -> tuple[int, int, float] | None:
    """Return the two rows whose difference a model predicts worst.

    What is not known of the parameters moves both rows of a prediction and leaves their difference;
    so this finds two rows that exclude each other where neither lies far from its own prediction.

    Parameters
    ----------
    observed : ndarray, shape (rows,)
        Values on their natural scale.
    predicted : ndarray, shape (draws, rows)
        Predictions of them.

    Returns
    -------
    (int, int, float), optional
        The upper and the lower row, and by how many standard deviations of the predicted difference
        they lie farther apart. None where normal predictions give one as far, among all pairs, more
        often than `thresholds.TENSION_FAIL` standard deviations are exceeded (Bonferroni).
    """
    centre, spread = np.median(predicted, axis=0), predicted.std(axis=0)
    residual = np.full(observed.size, np.nan)
    np.divide(observed - centre, spread, out=residual, where=spread > _LEAST_SPREAD)
    order = np.argsort(residual)[: int(np.isfinite(residual).sum())]
    pairs = [
        (int(high), int(low))
        for high in order[: -_CANDIDATES - 1 : -1]
        for low in order[:_CANDIDATES]
        if high != low
    ]
    apart = []
    for high, low in pairs:
        difference = predicted[:, high] - predicted[:, low]
        far = observed[high] - observed[low] - difference.mean()
        apart.append(far / max(float(difference.std()), _LEAST_SPREAD))
    limit = -ndtri(ndtr(-TENSION_FAIL) / max(1, order.size * (order.size - 1) // 2))
    if not apart or max(apart) <= limit:
        return None
    worst_pair = int(np.argmax(apart))
    return (*pairs[worst_pair], float(apart[worst_pair]))


def _columns(result: Basis, name: str) -> dict[str, Array]:
    """Return the columns of a variable's design by name, where they go with its rows."""
    key = f"{name}_design"
    if key not in result.constant_data:
        return {}
    design = result.constant_data[key]
    if design.shape[0] != result.observed_data[name].size:
        return {}
    names = [str(each) for each in design[f"{name}_column"].values]
    return {each: np.asarray(design.values[:, i], dtype=float) for i, each in enumerate(names)}


def natural_scale(observed: Array, predicted: Array, units: str) -> Callable[[Array], Array]:
    """Return what takes values to the scale on which they are compared.

    Parameters
    ----------
    observed, predicted : ndarray
        Of one observed variable.
    units : str
        Of the values.

    Returns
    -------
    callable
        The logit of fractions, the logarithm of what is above 0, else the value as it is.
    """
    both = (observed, predicted)
    if units == "1" and all(((each > 0) & (each < 1)).all() for each in both):
        return lambda value: np.log(value) - np.log1p(-value)
    if units != "mV" and all((each > 0).all() for each in both):
        return np.log
    return lambda value: value


def _on_scale(observed: Array, predicted: Array, units: str) -> tuple[Array, Array]:
    """Return verdicts as they are, other values on their natural scale."""
    if verdicts(observed, predicted):
        return observed, predicted
    to_scale = natural_scale(observed, predicted, units)
    return to_scale(observed), to_scale(predicted)


def predictive_p_values(
    observed: Array, predicted: Array, columns: dict[str, Array], units: str
) -> dict[str, float]:
    """Return the posterior predictive p-value of every statistic that means something.

    Parameters
    ----------
    observed : ndarray, shape (rows,)
        Observed values.
    predicted : ndarray, shape (draws, rows)
        Predicted ones.
    columns : dict of str to ndarray of shape (rows,)
        The design: ``floor`` and ``ceiling`` on the natural scale; ``log_current`` of verdicts.
    units : str
        Of the values.

    Returns
    -------
    dict of str to float
        Probability that a predicted statistic exceeds the observed one, ties halved.
    """
    observed, predicted = _on_scale(observed, predicted, units)
    if verdicts(observed, predicted):
        statistics = _verdict_statistics(columns)
    else:
        statistics = _value_statistics(predicted, columns)
    found = {}
    for name, statistic in statistics.items():
        of_data, of_draws = float(statistic(observed[None])[0]), statistic(predicted)
        if np.ptp(of_draws) == 0 and of_draws[0] == of_data:
            continue  # the design leaves the statistic no choice
        found[name] = float(np.mean(of_draws > of_data) + 0.5 * np.mean(of_draws == of_data))
    return found


def _value_statistics(
    predicted: Array, columns: dict[str, Array]
) -> dict[str, Callable[[Array], Array]]:
    spread = predicted.std(axis=0)
    moving = spread > _LEAST_SPREAD
    centre = np.median(predicted, axis=0)
    rows = predicted.shape[1]

    def residuals(values: Array) -> Array:
        return np.asarray((values[:, moving] - centre[moving]) / spread[moving])

    statistics: dict[str, Callable[[Array], Array]] = {}
    if moving.any():
        statistics["mean"] = lambda values: residuals(values).mean(axis=1)
    if moving.sum() > 1:
        statistics["spread"] = lambda values: residuals(values).std(axis=1)
        statistics["smallest"] = lambda values: residuals(values).min(axis=1)
        statistics["largest"] = lambda values: residuals(values).max(axis=1)
    if moving.sum() >= _FEWEST_OF_A_SKEWNESS:
        statistics["skewness"] = lambda values: _skewness(residuals(values))
    floor = columns.get("floor", np.full(rows, -np.inf))
    ceiling = columns.get("ceiling", np.full(rows, np.inf))
    limited = (floor > -_NO_LIMIT) | (ceiling < _NO_LIMIT)
    if limited.any():

        def censored(values: Array) -> Array:
            beyond = (values >= ceiling - TOLERANCE) | (values <= floor + TOLERANCE)
            return np.asarray(beyond[:, limited].mean(axis=1))

        statistics["censored"] = censored
    return statistics


def _skewness(values: Array) -> Array:
    """Return the L-skewness of each row of values (tables, rows), which an outlier hardly moves."""
    ordered, count = np.sort(values, axis=1), values.shape[1]
    share = np.arange(count) / (count - 1.0)
    later = share * (np.arange(count) - 1.0) / (count - 2.0)
    first, second, third = (ordered @ weights / count for weights in (share**0, share, later))
    about = 2.0 * second - first
    return np.asarray((6.0 * third - 6.0 * second + first) / np.fmax(about, _LEAST_SPREAD))


def _verdict_statistics(columns: dict[str, Array]) -> dict[str, Callable[[Array], Array]]:
    statistics: dict[str, Callable[[Array], Array]] = {"failed": lambda values: values.mean(axis=1)}
    if "log_current" in columns:
        current = columns["log_current"]
        above, below = current.max() + 1.0, current.min() - 1.0  # where none failed or survived
        statistics["lowest_failed"] = lambda values: np.where(values > 0.5, current, above).min(1)
        statistics["highest_survived"] = lambda values: np.where(values > 0.5, below, current).max(
            1
        )
    return statistics


def _verdict(p_value: float, error: float = 0.0) -> Verdict:
    if beyond(PREDICTIVE_FAIL, p_value, error):
        return "fail"
    return "warn" if beyond(PREDICTIVE_WARN, p_value, error) else "ok"


def _statistics(
    name: str,
    rows: int,
    p_values: Mapping[str, float],
    draws: int,
    along: Sequence[Trend],
    *,
    ratios: bool,
) -> Finding:
    # As many chances to be surprised as there are statistics (Bonferroni), at both ends; the
    # strongest trend has one end, and all conditions are one chance. A lower tail that is thinner
    # than predicted misleads nobody: skewness, too, has one end.
    chances = {key: len(p_values) * (1.0 if key in _ONE_END else 2.0) for key in p_values}
    least_tail = {key: min(p, 1.0 - p) for key, p in p_values.items()}
    least_tail |= {key: end(p_values[key]) for key, end in _ONE_END.items() if key in p_values}
    two_sided = {key: min(1.0, chances[key] * p) for key, p in least_tail.items()}
    shown = f"{name} ({rows} row{'s' if rows != 1 else ''})"
    if not two_sided:
        return Finding.of(f"predictive {name}", "ok", f"{shown}: the design leaves it no choice.")
    errors = {key: chances[key] * share_error(p, draws) for key, p in p_values.items()}
    off = {key: p for key, p in two_sided.items() if _verdict(p, errors[key]) != "ok"}
    least = min(two_sided, key=two_sided.__getitem__)
    numbers: dict[str, Any] = {"p_values": p_values, "adjusted": two_sided}
    if not off:
        return Finding.of(
            f"predictive {name}",
            "ok",
            f"{shown}: predicted as observed in {', '.join(_NAMES[key] for key in p_values)} "
            f"(least p = {two_sided[least]:.2f}).",
            **numbers,
        )
    missed = ", ".join(
        f"{_NAMES[key]} is {'lower' if p_values[key] > 0.5 else 'higher'} than predicted "
        f"(p = {p:.3f})"
        for key, p in sorted(off.items(), key=lambda item: item[1])
        if key != "trend"
    )
    verdict = worst(_verdict(p, errors[key]) for key, p in off.items())
    cautious = set(off) == {"spread"} and p_values["spread"] > 0.5
    if cautious:  # intervals are wider than they need be, which misleads nobody
        verdict = "warn"
        missed += "; its predictions are wider than its rows call for"
    if "trend" in off:
        strong = [
            each
            for each in along
            if _verdict(min(1.0, chances["trend"] * each.p_value), errors["trend"]) != "ok"
        ]
        as_it_must_be = strong[0].chosen and not strong[0].from_start
        if as_it_must_be and set(off) == {"trend"}:
            verdict = "warn"
        p_value = min(1.0, chances["trend"] * strong[0].p_value)
        told = in_words(strong, p_value, failed="failed" in p_values, ratios=ratios)
        missed = f"{missed}; and {told}" if missed else told
        numbers["trends"] = [asdict(each) for each in strong]
    return Finding.of(
        f"predictive {name}",
        verdict,
        f"{shown}: {missed}.",
        off=[*off],
        **numbers,
    )


def _calibration(name: str, pit: Array, k: Array, p_value: float) -> Finding:
    bad = int(np.sum(k > PARETO_K))
    numbers = {"p_value": p_value, "rows": pit.size, "rows_with_large_k": bad, "k_limit": PARETO_K}
    trust = (
        f" In {bad} of {pit.size} rows the Pareto shape exceeds {PARETO_K:g}: each of them weighs "
        "so much that its own LOO-PIT value is only rough."
        if bad
        else ""
    )
    key = f"loo_pit {name}"
    if not np.isfinite(p_value):
        return Finding.of(
            key,
            "ok",
            f"{name}: too few rows to test the calibration of left-out predictions (at least "
            f"{PIT_ROWS} are needed).{trust}",
            **numbers,
        )
    verdict = _verdict(p_value)
    if verdict == "ok":
        text = f"{name}: left-out rows fall evenly over their predictions (p = {p_value:.2f})."
        return Finding.of(key, "ok", text + trust, **numbers)
    outer = float(np.mean((pit < 0.1) | (pit > 0.9)))
    shape = (
        "too often in the tails: predictions are too narrow"
        if outer > 0.3
        else "too rarely in the tails: predictions are too wide"
        if outer < 0.1
        else "mostly low: predictions are too high"
        if float(np.mean(pit)) < 0.4
        else "mostly high: predictions are too low"
        if float(np.mean(pit)) > 0.6
        else "unevenly"
    )
    return Finding.of(
        key,
        verdict,
        f"{name}: left-out rows fall {shape} (LOO-PIT, p = {p_value:.3f}).{trust}",
        outer_fifth=outer,
        mean=float(np.mean(pit)),
        **numbers,
    )
