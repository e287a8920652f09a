"""The convergence gate: what a fit must pass before its numbers are used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from inference.jobs.job import MOST_DRAWS, SamplerSection
from inference.thresholds import (
    FEW_DIVERGENCES,
    GATE_BFMI,
    GATE_ESS,
    GATE_R_HAT,
    STEADIEST_TARGET_ACCEPT,
    STEADY_TARGET_ACCEPT,
)

__all__ = ["Gate", "check_gate", "longer_chains_may_do"]

_WORST = 5
_LONGER = 2  # times as long as what was tried last, which was drawn on already


@dataclass(frozen=True)
class Gate:
    """A verdict on the sampling of one fit.

    Parameters
    ----------
    passed : bool
        Whether every criterion is met.
    criteria : mapping of str to str
        Each criterion with the number found and the number due.
    failures : tuple of str
        What failed and where, the worst first.
    advice : str
        What to do about it; empty where nothing failed.
    job_section : str
        The section of a job to try next, to be pasted; empty where nothing failed.
    """

    passed: bool
    criteria: Mapping[str, str]
    failures: tuple[str, ...] = ()
    advice: str = ""
    job_section: str = ""


def _worst(values: Any, bad: Any, largest: bool) -> str:
    """Name the worst offenders with their numbers."""
    ranked = values[bad].sort_values(ascending=not largest)
    shown = ", ".join(f"{name} ({value:.5g})" for name, value in ranked.head(_WORST).items())
    more = len(ranked) - _WORST
    return shown + (f" and {more} more" if more > 0 else "")


def _few(divergences: int, tried: SamplerSection) -> bool:
    """Whether so few transitions diverged that smaller steps and a longer warm-up may do."""
    return divergences <= FEW_DIVERGENCES * tried.chains * tried.draws


def longer_chains_may_do(
    diagnostics: Any, divergences: int, information: Any, sampler: SamplerSection
) -> bool:
    """Whether the gate fails, and by nothing that longer chains could not mend.

    Parameters
    ----------
    diagnostics, divergences, information
        As for `check_gate`.
    sampler : SamplerSection
        How they were sampled: a handful of divergences may go with a longer warm-up, and with the
        smallest steps, as long as these were not tried.
    """
    mendable = not divergences or (
        _few(divergences, sampler) and sampler.target_accept < STEADIEST_TARGET_ACCEPT
    )
    return mendable and not check_gate(diagnostics, divergences, information).passed


def check_gate(
    diagnostics: Any,
    divergences: int,
    information: Any,
    history: Sequence[str] = (),
    *,
    sampler: SamplerSection | None = None,
    drawn_on: Mapping[str, str] | None = None,
    solutions: Mapping[str, Any] | None = None,
) -> Gate:
    """Judge the sampling of a fit.

    Parameters
    ----------
    diagnostics : DataFrame
        From `inference.engine.sampling.convergence`: ``r_hat``, ``ess_bulk``, ``ess_tail`` of each
        scalar.
    divergences : int
        Divergent transitions after warm-up.
    information : ndarray, shape (chain,)
        Bayesian fraction of missing information.
    history : sequence of str
        What the attempts came to whose transitions diverged and that were sampled again.
    sampler : SamplerSection, optional
        How the last attempt was sampled; that of a job by default.
    drawn_on : mapping of str to str, optional
        What is to be said of longer chains than were asked for, as criteria are.
    solutions : mapping of str to Any, optional
        Attributes of the sampler's record: ``solutions`` and ``solutions_not_weighed``, where the
        posterior has several.

    Returns
    -------
    Gate
        The verdict.
    """
    failures, advice, more = [], [], False
    tried = sampler or SamplerSection()
    r_hat = diagnostics["r_hat"]
    bad = ~(r_hat <= GATE_R_HAT)
    if bad.any():
        failures.append(f"R-hat above {GATE_R_HAT}: {_worst(r_hat, bad, largest=True)}")
        advice.append(
            "chains disagree: draw and tune longer, and look for two solutions in these parameters"
        )
        more = True
    for column, name in (("ess_bulk", "bulk"), ("ess_tail", "tail")):
        bad = ~(diagnostics[column] >= GATE_ESS)
        if bad.any():
            failures.append(
                f"{name} effective sample size below {GATE_ESS:g}: "
                f"{_worst(diagnostics[column], bad, largest=False)}"
            )
            advice.append("raise sampler.draws (and sampler.tune) in the job")
            more = True
    if divergences:
        failures.append(f"{divergences} divergent transitions")
        advice.append(
            "few transitions diverged: take smaller steps (target_accept) and tune longer"
            if _few(divergences, tried)
            else "smaller steps did not help (target_accept "
            f"{max(tried.target_accept, STEADY_TARGET_ACCEPT):g}): a scatter close to zero or two "
            "tables in contradiction are the usual causes; fit the tables singly"
        )
    low = np.asarray(information) < GATE_BFMI
    if low.any() or not np.isfinite(information).all():
        failures.append(
            "Bayesian fraction of missing information below "
            f"{GATE_BFMI}: {', '.join(f'{value:.2f}' for value in np.asarray(information))}"
        )
        advice.append("draw and tune longer; give wide scatters a tighter prior")
        more = True
    told = solutions or {}
    if told.get("solutions_not_weighed"):
        failures.append("the posterior has several solutions, and the draws do not weigh them")
        advice.append(
            "what is shown is of some of the solutions only, or of all with arbitrary shares: add "
            "data that tell them apart, or a prior that excludes all but one"
        )
    criteria = {
        "largest R-hat": f"{float(r_hat.max()):.4f} (due: at most {GATE_R_HAT})",
        "least bulk effective sample size": (
            f"{float(diagnostics['ess_bulk'].min()):.0f} (due: at least {GATE_ESS:g})"
        ),
        "least tail effective sample size": (
            f"{float(diagnostics['ess_tail'].min()):.0f} (due: at least {GATE_ESS:g})"
        ),
        "divergent transitions": f"{divergences} (due: none)"
        + "".join(f"; sampled again after {attempt}" for attempt in history),
        "least fraction of missing information": (
            f"{float(np.min(information)):.2f} (due: above {GATE_BFMI})"
        ),
        **({"solutions found before sampling": told["solutions"]} if "solutions" in told else {}),
        **(drawn_on or {}),
    }
    section = ""
    if failures:
        section = _section_to_paste(tried, more=more, steadier=divergences > 0)
    return Gate(not failures, criteria, tuple(failures), "; ".join(dict.fromkeys(advice)), section)


def _section_to_paste(tried: SamplerSection, *, more: bool, steadier: bool) -> str:
    """Return the section of a job that samples longer, or in smaller steps, than was tried."""
    times = _LONGER if more else 1
    accept = tried.target_accept
    if steadier:  # a tenth of what was left to one
        accept = round(1.0 - 0.1 * (1.0 - max(accept, STEADY_TARGET_ACCEPT)), 6)
    return (
        "[sampler]\n"
        f"draws = {min(times * tried.draws, MOST_DRAWS)}\n"
        f"tune = {min((_LONGER if steadier else times) * tried.tune, MOST_DRAWS)}\n"
        f"target_accept = {accept:g}\n"
    )
