"""Prior predictive sanity: what share of prior draws is physically absurd, by named rules.

A rule names a quantity or an observed variable, a limit and why nothing lies beyond it. Limits are
generous: they are of what cannot be, not of what is unlikely.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from inference.engine.standing import beyond, share_error
from inference.misfit.verdicts import Finding, Verdict
from inference.thresholds import ABSURD_FAIL, ABSURD_WARN
from inference.words.plain import plain

__all__ = ["RULES", "Rule", "absurd_shares", "absurdity_findings"]


@dataclass(frozen=True)
class Rule:
    """What no draw should do.

    Parameters
    ----------
    name : str
        Said of a draw that breaks the rule.
    variable : str
        Quantity of the prior, or observed variable of the prior predictive draws.
    beyond : callable
        ``(values, limit) -> bool``, true where the rule is broken.
    limit : float
        In the variable's unit.
    reason : str
        Why.
    times : str
        A quantity that the variable is multiplied by first.
    """

    name: str
    variable: str
    beyond: Callable[[Any, float], Any]
    limit: float
    reason: str
    times: str = ""


_ABOVE, _BELOW = operator.gt, operator.lt

RULES = (
    Rule(
        "surface energy above 10 J/m^2",
        "surface_energy",
        _ABOVE,
        10.0,
        "no metal's comes near, and an effective one should not exceed it manifold",
    ),
    Rule(
        "reorganization energy above 2 eV",
        "reorganization_energy",
        _ABOVE,
        2.0,
        "an outer sphere of solvent does not hold that much",
    ),
    Rule(
        "exchange current density above 1 A/cm^2",
        "exchange_current_density",
        _ABOVE,
        1e3,
        "no charge transfer would be measurable beside the electrolyte's resistance",
    ),
    Rule(
        "salt diffusing faster than 1e-4 cm^2/s",
        "ambipolar_diffusivity",
        _ABOVE,
        1e-4,
        "that is faster than small molecules in water",
    ),
    Rule(
        "metal diffusing faster than 1e-4 cm^2/s",
        "effective_self_diffusivity",
        _ABOVE,
        1e-4,
        "liquid metals do not",
    ),
    Rule(
        "creep-fed current above 1 A/cm^2 at 9 MPa",
        "creep_current_at_9_MPa",
        _ABOVE,
        1e3,
        "the metal would flow out of the cell",
    ),
    Rule(
        "tortuosity below one half",
        "macmullin_number",
        _BELOW,
        0.5,
        "a path through pores is no shorter than the straight one; one half leaves room for a "
        "porosity that is stated in error",
        times="porosity",
    ),
    Rule(
        "separator more than 95 % void",
        "porosity",
        _ABOVE,
        0.95,
        "nothing would hold it together",
    ),
    Rule(
        "scatter between cells above a factor of 20",
        "penetration_scatter",
        _ABOVE,
        float(np.log(20.0)),
        "one cell in three would then be off by more, and no limit would be a limit",
    ),
    Rule(
        "scatter between cells above a factor of 20",
        "dc_polarization_scatter",
        _ABOVE,
        float(np.log(20.0)),
        "one cell in three would then be off by more, and no limit would be a limit",
    ),
    Rule(
        "electrode current above 10 A/cm^2",
        "kinetics",
        _ABOVE,
        1e4,
        "no battery electrode passes that",
    ),
    Rule(
        "critical current above 10 A/cm^2",
        "critical_current_one_cell",
        _ABOVE,
        1e4,
        "no battery electrode passes that",
    ),
    Rule(
        "critical current of a range above 10 A/cm^2",
        "critical_current_range",
        _ABOVE,
        1e4,
        "no battery electrode passes that",
    ),
    Rule(
        "overpotential above 5 V at penetration",
        "critical_current_overpotential",
        _ABOVE,
        5e3,
        "the electrolyte would decompose first",
    ),
    Rule(
        "plateau current above 10 A",
        "lsv",
        _ABOVE,
        1e4,
        "no cell of laboratory size passes that",
    ),
    Rule(
        "depletion within a millisecond",
        "sand",
        _BELOW,
        1e-3,
        "the double layer alone takes that long to charge",
    ),
    Rule(
        "voids within a millisecond",
        "dc_polarization_one_way",
        _BELOW,
        1e-3,
        "the double layer alone takes that long to charge",
    ),
    Rule(
        "step current above 10 A/cm^2",
        "dc_polarization_step",
        _ABOVE,
        1e4,
        "no ceramic electrolyte passes that",
    ),
    Rule(
        "step current of a range above 10 A/cm^2",
        "dc_polarization_range",
        _ABOVE,
        1e4,
        "no ceramic electrolyte passes that",
    ),
    Rule(
        "creep stress above 1 GPa",
        "creep",
        _ABOVE,
        1e3,
        "of the order of the metal's elastic modulus",
    ),
    Rule(
        "deposit thicker than 1 cm",
        "morphology_thickness",
        _ABOVE,
        1e4,
        "thicker than the cell that holds it",
    ),
)
"""Limits are this project's choice, rounded and generous."""


def _broken(rule: Rule, values: Mapping[str, xr.DataArray]) -> Any:
    found = values[rule.variable]
    if rule.times:
        found = found * values[rule.times]
    beyond = rule.beyond(found, rule.limit)
    extra = [dim for dim in found.dims if dim not in {"chain", "draw"}]
    return np.asarray(beyond.any(extra).values).ravel()


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
    for rule in RULES:
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
