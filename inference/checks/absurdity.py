"""Prior predictive sanity: what share of prior draws is physically absurd, by named rules.

The rules are the experiments' (`models.block.AbsurdityRule`).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from inference.engine.standing import beyond, share_error
from inference.misfit.verdicts import Finding, Verdict
from inference.thresholds import ABSURD_FAIL, ABSURD_WARN
from inference.words.plain import plain
from models.block import AbsurdityRule
from models.blocks import blocks

__all__ = ["absurd_shares", "absurdity_findings"]


def _broken(rule: AbsurdityRule, values: Mapping[str, xr.DataArray]) -> Any:
    found = values[rule.variable]
    if rule.times:
        found = found * values[rule.times]
    extra = [dim for dim in found.dims if dim not in {"chain", "draw"}]
    return np.asarray(rule.broken(found).any(extra).values).ravel()


def absurd_shares(prior: xr.Dataset, predictive: xr.Dataset) -> list[dict[str, Any]]:
    """Return the share of prior draws that breaks each rule.

    Parameters
    ----------
    prior : Dataset
        Quantities over ``chain`` and ``draw`` in the units of `data.quantities`.
    predictive : Dataset
        Observed variables, drawn before any data were seen.

    Returns
    -------
    list of dict
        ``rule``, ``variable``, ``limit``, ``reason``, ``share`` (of draws in which any separator
        or row breaks it) and its ``error`` by the number of draws; the last row is of draws that
        break any rule.
    """
    if predictive.data_vars:  # of a large table those of every k-th draw
        prior = prior.sel(draw=predictive["draw"].values)
    values: dict[str, xr.DataArray] = {str(k): v for k, v in prior.data_vars.items()}
    values |= {str(k): v for k, v in predictive.data_vars.items()}
    table, every = [], np.zeros(0, dtype=bool)
    for rule in [rule for each in blocks().values() for rule in each.absurd]:
        if rule.variable not in values or (rule.times and rule.times not in values):
            continue
        broken = _broken(rule, values)
        every = broken if not every.size else every | broken
        table.append(
            {
                "rule": rule.name,
                "variable": rule.variable,
                "limit": rule.limit,
                "reason": rule.reason,
                "share": float(broken.mean()),
                "error": share_error(float(broken.mean()), broken.size),
            }
        )
    share = float(every.mean()) if every.size else 0.0
    return [
        *table,
        {"rule": "any of these", "variable": "", "limit": None, "reason": "", "share": share},
    ]


def _verdict(row: Mapping[str, Any]) -> Verdict:
    if beyond(row["share"], ABSURD_FAIL, row["error"]):
        return "fail"
    return "warn" if beyond(row["share"], ABSURD_WARN, row["error"]) else "ok"


def absurdity_findings(table: list[dict[str, Any]]) -> list[Finding]:
    """Return a finding for each rule that prior draws break too often, and one for all.

    Parameters
    ----------
    table : list of dict
        From `absurd_shares`.
    """
    *rules, total = table
    often = [row for row in rules if _verdict(row) != "ok"]
    findings = [
        Finding.of(
            f"absurd {row['variable']}",
            _verdict(row),
            f"{row['share']:.0%} of prior draws are absurd by the rule '{row['rule']}' "
            f"({row['variable']}): {row['reason']}. Tighten the priors behind it.",
            **{key: row[key] for key in ("share", "limit")},
        )
        for row in sorted(often, key=lambda row: -row["share"])
    ]
    if not often:
        findings.append(
            Finding.of(
                "absurd",
                "ok",
                f"{total['share']:.1%} of prior draws are physically absurd by any of "
                f"{len(rules)} rules, at most {max((r['share'] for r in rules), default=0):.1%} "
                "by one.",
                share=total["share"],
                rules=plain([row["rule"] for row in rules]),
            )
        )
    return findings
