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
from dataclasses import asdict
from typing import Any

import numpy as np

from data.arrays import Array
from inference.designs.basis import Basis
from inference.engine.arviz_statistics import loo_pit, pareto_k, uniformity
from inference.engine.draws import SAMPLE
from inference.engine.sampling import scalars
from inference.engine.standing import beyond, share_error
from inference.misfit.conditions import conditions_of
from inference.misfit.residuals import (
    MOST_NUMBERS,
    columns_of_rows,
    contradicting_rows,
    natural_scale,
    on_natural_scale,
    predictive_p_values,
)
from inference.misfit.scatters import scatter_findings, variables_of_cells
from inference.misfit.trends import (
    Trend,
    chosen_by_outcome,
    times_rise,
    trends,
    trends_in_words,
    verdicts,
)
from inference.misfit.verdicts import Finding, Verdict, worst
from inference.thresholds import PARETO_K, PIT_ROWS, PREDICTIVE_FAIL, PREDICTIVE_WARN
from inference.words.plain import plain
from models.blocks import table_of

__all__ = ["failing_predictions", "fit_findings", "unpredicted"]

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
    return findings + scatter_findings(result), table


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


def _judged(result: Basis, name: str) -> tuple[Finding, dict[str, float]]:
    """Judge the statistics of one observed variable."""
    observed = np.asarray(result.observed_data[name].values, dtype=float)
    drawn = result.posterior_predictive[name]
    predicted = np.asarray(drawn.values, dtype=float).reshape(-1, observed.size)
    units = str(drawn.attrs.get("units", "1"))
    few = predicted[:: max(1, predicted.size // MOST_NUMBERS)]
    columns = columns_of_rows(result, name)
    p_values = predictive_p_values(observed, few, columns, units)
    if chosen := chosen_by_outcome(observed, columns):
        p_values.pop("censored", None)  # none survived, because rows of cells that did are not here
    if name not in {each for names in variables_of_cells(result).values() for each in names}:
        p_values.pop("skewness", None)  # what is no cell is not weak
    on_scale = on_natural_scale(observed, few, units)
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
        told = trends_in_words(strong, p_value, failed="failed" in p_values, ratios=ratios)
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
