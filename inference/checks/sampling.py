"""Verdicts on the sampling: convergence, precision, divergences and where they are."""

from typing import Any

import numpy as np

from inference.engine.arviz_statistics import diagnostics
from inference.engine.sampling import energy_information, scalars
from inference.misfit.verdicts import Finding, Section
from inference.runs.result import Result
from inference.thresholds import CHECK_MCSE, CHECK_TREE_DEPTH, GATE_BFMI, GATE_ESS, GATE_R_HAT
from inference.words.plain import plain

__all__ = ["sampling_section"]

_SHOWN = 3


def sampling_section(result: Result) -> Section:
    """Judge the sampling of a result.

    Parameters
    ----------
    result : Result
        A finished fit.

    Returns
    -------
    Section
        ``sampling``, with a table of the diagnostics of every parameter.
    """
    draws = scalars(result.posterior.merge(result.tree["sampled"].to_dataset()))
    table = diagnostics(draws)
    findings = (
        _gate(result),
        _limit(table["r_hat"], "r_hat", "R-hat", GATE_R_HAT, upper=True),
        _limit(table["ess_bulk"], "ess_bulk", "bulk effective sample size", GATE_ESS),
        _limit(table["ess_tail"], "ess_tail", "tail effective sample size", GATE_ESS),
        _limit(
            table["mcse_over_sd"],
            "mcse",
            "Monte Carlo error of a mean, in posterior standard deviations,",
            CHECK_MCSE,
            upper=True,
        ),
        _divergences(result, draws),
        _information(result),
        _depth(result),
    )
    rows = [{"parameter": str(name), **plain(dict(row))} for name, row in table.iterrows()]
    return Section(
        name="sampling", title="Sampling", findings=findings, tables={"parameters": rows}
    )


def _gate(result: Result) -> Finding:
    gate = result.gate
    if gate.passed:
        return Finding.of("gate", "ok", "The convergence gate is passed.")
    return Finding.of(
        "gate",
        "fail",
        f"The convergence gate FAILED: {'; '.join(gate.failures)}. What to do: {gate.advice}; "
        "`anodebayes show RUN` prints a section [sampler] to try next.",
        failures=list(gate.failures),
    )


def _limit(values: Any, key: str, name: str, limit: float, *, upper: bool = False) -> Finding:
    """Judge the worst value of one diagnostic against its limit."""
    good = values <= limit if upper else values >= limit
    bad = values[~good].sort_values(ascending=not upper)
    extreme = float(values.max() if upper else values.min())
    label = str(values.idxmax() if upper else values.idxmin())
    which, side = ("largest", "at most") if upper else ("least", "at least")
    numbers = {"extreme": extreme, "parameter": label, "limit": limit, "beyond": len(bad)}
    if bad.empty:
        return Finding.of(
            key,
            "ok",
            f"The {which} {name} is {extreme:.4g} ({label}; due: {side} {limit:g}).",
            **numbers,
        )
    worst = ", ".join(f"{each} ({value:.4g})" for each, value in bad.head(_SHOWN).items())
    more = f" and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
    return Finding.of(
        key,
        "fail" if key != "mcse" else "warn",
        f"The {name} is beyond its limit ({side} {limit:g}) in {worst}{more}.",
        **numbers,
    )


def _divergences(result: Result, draws: Any) -> Finding:
    """Count divergent transitions and say where in parameter space they are."""
    diverging = np.asarray(result.sample_stats["diverging"].values, dtype=bool)
    count = int(diverging.sum())
    if not count:
        return Finding.of("divergences", "ok", "No transition diverged.", count=0)
    public = set(scalars(result.posterior).data_vars)
    where = []
    for name, values in draws.data_vars.items():
        if name not in public:
            continue
        ranks = (values.values.ravel().argsort().argsort() + 0.5) / values.size
        mean = float(ranks[diverging.ravel()].mean())
        # Mean rank of draws that diverge anywhere: 1/2, with standard deviation 1/sqrt(12 n).
        where.append((abs(mean - 0.5) * np.sqrt(12 * count), str(name), mean))
    where.sort(reverse=True)
    told = [(name, mean) for score, name, mean in where[:_SHOWN] if score > 2.0]
    place = "; they lie where " + ", ".join(
        f"{name} is {'small' if mean < 0.5 else 'large'} (mean rank {mean:.0%})"
        for name, mean in told
    )
    return Finding.of(
        "divergences",
        "fail",
        f"{count} of {diverging.size} transitions diverged{place if told else ', nowhere special'}"
        ": the posterior there is not explored.",
        count=count,
        share=count / diverging.size,
        where=[{"parameter": name, "mean_rank": mean} for name, mean in told],
    )


def _information(result: Result) -> Finding:
    information = energy_information(result.sample_stats)
    least = float(np.min(information))
    good = bool(np.isfinite(information).all()) and least >= GATE_BFMI
    return Finding.of(
        "bfmi",
        "ok" if good else "fail",
        f"The least Bayesian fraction of missing information of a chain is {least:.2f} (due: at "
        f"least {GATE_BFMI:g}).",
        chains=list(information),
        limit=GATE_BFMI,
    )


def _depth(result: Result) -> Finding:
    stats = result.sample_stats
    depth = np.asarray(stats["depth"].values)
    share = float(np.mean(stats["maxdepth_reached"].values))
    numbers = {"mean": float(depth.mean()), "largest": int(depth.max()), "share_at_limit": share}
    text = f"Trees are {depth.mean():.1f} doublings deep on average, {depth.max()} at most"
    if share <= CHECK_TREE_DEPTH:
        return Finding.of("tree_depth", "ok", f"{text}; the limit cuts {share:.1%}.", **numbers)
    return Finding.of(
        "tree_depth",
        "warn",
        f"{text}; {share:.1%} reached the limit: the posterior is awkward to walk (ridges, scales "
        "far apart), and its draws are dearer than they need be.",
        **numbers,
    )
