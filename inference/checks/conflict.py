r"""Verdicts on conflict: what each table says alone, against the others and against all together.

Each table is fitted by itself (the campaign's model with that block alone), in processes of their
own. A table's posterior is compared with the joint one parameter by parameter on natural scales, in
standard deviations of the shift that chance explains between nested data sets [1]_: with the mean
:math:`\mu_t` and variance :math:`v_t` of the posterior of table t alone, :math:`\mu_J, v_J` of all
tables,

.. math::

   z_{tJ} = \frac{\mu_t - \mu_J}{\sqrt{v_t - v_J}}.

Two tables are compared in all that both inform together (`inference.misfit.tension`), the critical
current of each separator included: several parameters act through it, and two tables that
contradict each other about it need not do so in any one of them.

References
----------
.. [1] Gratton, Challinor, arXiv:1911.07754.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from data.arrays import Array
from inference.checks.alone import fits_alone
from inference.checks.coordinates import Coordinates
from inference.checks.protocols import protocol_findings
from inference.engine.arviz_statistics import diagnostics
from inference.engine.sampling import scalars
from inference.engine.scales import natural, prior_covariance, prior_spread
from inference.misfit.tension import (
    Gaussian,
    adjusted,
    distance,
    equivalent,
    pair_tension,
    tension_error,
    tension_verdict,
)
from inference.misfit.verdicts import Finding, Section
from inference.runs.result import Result
from inference.thresholds import (
    GATE_R_HAT,
    TENSION_INFORMED,
    TENSION_MEASURABLE,
    TENSION_WARN,
)
from inference.words.plain import plain
from models.prior_set import PriorSet
from models.priors import resolve_priors

if TYPE_CHECKING:
    from data.campaign import Campaign

__all__ = ["Moments", "conflict_section", "joint_tension"]


_LOOSE_R_HAT = 1.0 + 5 * (GATE_R_HAT - 1.0)  # of two short chains


@dataclass(frozen=True)
class Moments:
    """Mean and variance of one posterior of one parameter on its natural scale.

    Parameters
    ----------
    mean, variance : float
        Of the draws.
    draws : float
        Effective number of draws behind them.
    """

    mean: float
    variance: float
    draws: float = np.inf

    @property
    def noise(self) -> float:
        """Variance of the mean by the finite number of draws."""
        return self.variance / self.draws


def joint_tension(alone: Moments, joint: Moments) -> tuple[float, float] | None:
    """Return the shift of a table's posterior against the joint one, in standard deviations.

    Parameters
    ----------
    alone, joint : Moments
        Of the table alone, and of all tables.

    Returns
    -------
    tension, error : float, or None
        With its Monte Carlo error. None where the other tables add so little that the shift cannot
        be measured.
    """
    removed = alone.variance - joint.variance
    if removed < TENSION_MEASURABLE * alone.variance:
        return None
    noise = alone.noise + joint.noise
    tension = (alone.mean - joint.mean) / np.sqrt(removed + noise)
    # Of the means, and of the two variances, each 2 v^2/n.
    of_variance = 2.0 * (alone.variance * alone.noise + joint.variance * joint.noise)
    share = np.sqrt(of_variance) / (removed + noise)
    return float(tension), float(
        np.hypot(np.sqrt(noise / (removed + noise)), 0.5 * tension * share)
    )


def conflict_section(
    result: Result, campaign: "Campaign | None", seed: int, *, refit: bool = True
) -> Section:
    """Judge whether the tables of a result agree.

    Parameters
    ----------
    result : Result
        A finished fit.
    campaign : Campaign or None
        The data it was fitted to; None where they are gone or changed.
    seed : int
        Of the refits.
    refit : bool
        Whether each table is fitted by itself.

    Returns
    -------
    Section
        ``conflict``; tables ``against_joint``, ``pairs`` and ``pairs_by_parameter``.
    """
    priors = resolve_priors(result.metal, result.model_options.priors)
    findings = protocol_findings(result, priors)
    tables: dict[str, list[dict[str, Any]]] = {}
    if not refit:
        findings.append(
            Finding.of("tables", "ok", "Tables were not fitted one by one: it was not asked for.")
        )
    elif len(result.blocks) < 2:
        findings.append(
            Finding.of("tables", "ok", "One table was fitted: no other can contradict it.")
        )
    elif campaign is None:
        findings.append(
            Finding.of(
                "tables",
                "warn",
                "Tables were not fitted one by one: the campaign is not where the run says, or its "
                "data are no longer those that were fitted.",
            )
        )
    else:
        found, tables = _between_tables(result, campaign, priors, seed)
        findings += found
    return Section(
        name="conflict",
        title="Whether the tables agree",
        findings=tuple(findings),
        tables=tables,
    )


def _between_tables(
    result: Result, campaign: "Campaign", priors: PriorSet, seed: int
) -> tuple[list[Finding], dict[str, list[dict[str, Any]]]]:
    answers = fits_alone(result, campaign, seed)
    findings: list[Finding] = []
    own: dict[str, tuple[dict[str, Moments], xr.Dataset]] = {}
    before = scalars(result.prior)
    for table, answer in answers.items():
        if isinstance(answer, str):
            findings.append(
                Finding.of(
                    f"alone {table}", "warn", f"{table} could not be fitted by itself: {answer}."
                )
            )
            continue
        draws, divergences = answer
        dataset = xr.Dataset({name: (("chain", "draw"), each) for name, each in draws.items()})
        quality = diagnostics(dataset)
        if float(quality["r_hat"].max()) > _LOOSE_R_HAT:
            findings.append(
                Finding.of(
                    f"alone {table}",
                    "warn",
                    f"{table} by itself does not converge (R-hat {quality['r_hat'].max():.2f} in "
                    f"{quality['r_hat'].idxmax()}): it leaves too much open, and is not compared.",
                    r_hat=float(quality["r_hat"].max()),
                    divergences=divergences,
                )
            )
            continue
        own[table] = _moments(dataset, quality), dataset
    every = scalars(result.posterior)
    joint = _moments(every, diagnostics(every))
    prior = {
        name: sd**2
        for name in joint
        for _, sd in [prior_spread(name, priors, before)]
        if np.isfinite(sd) and sd > 0
    }
    heard = {
        table: {
            name: each
            for name, each in moments.items()
            if name in prior and each.variance < (1 - TENSION_INFORMED) * prior[name]
        }
        for table, (moments, _) in own.items()
    }
    against = _against_joint(heard, joint)
    coordinates = Coordinates(result, campaign, seed)
    told = {table: coordinates.told(draws) for table, (moments, draws) in own.items()}
    pairs, by_parameter = _pairs(told, own, coordinates)
    findings += _joint_findings(against, heard) + _pair_findings(pairs, list(own))
    return findings, {
        "against_joint": against,
        "pairs": pairs,
        "pairs_by_parameter": by_parameter,
    }


def _moments(draws: xr.Dataset, quality: Any) -> dict[str, Moments]:
    scaled = natural(draws)
    return {
        str(name): Moments(
            float(values.mean()), float(values.var()), float(quality.loc[name, "ess_bulk"])
        )
        for name, values in scaled.data_vars.items()
    }


def _against_joint(
    heard: Mapping[str, Mapping[str, Moments]], joint: Mapping[str, Moments]
) -> list[dict[str, Any]]:
    rows = [
        plain(
            {
                "table": table,
                "parameter": name,
                "tension": measured[0],
                "error": measured[1],
                "mean": each.mean,
                "sd": np.sqrt(each.variance),
                "joint_mean": joint[name].mean,
                "joint_sd": np.sqrt(joint[name].variance),
            }
        )
        for table, moments in heard.items()
        for name, each in moments.items()
        if name in joint
        for measured in [joint_tension(each, joint[name])]
        if measured is not None
    ]
    return sorted(rows, key=lambda row: -abs(row["tension"]))


def _pairs(
    told: Mapping[str, Mapping[str, Array]],
    own: Mapping[str, tuple[Mapping[str, Moments], xr.Dataset]],
    coordinates: Coordinates,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return a row for each pair of tables that inform something in common, and by parameter."""
    pairs, by_parameter = [], []
    for first, second in itertools.combinations(told, 2):
        labels = coordinates.labels(first, second)
        if not labels:
            continue
        before = np.stack([coordinates.prior[label] for label in labels], axis=-1)
        prior = Gaussian(before.mean(axis=0), prior_covariance(before))
        one, other = (_gaussian(told[table], own[table][0], labels) for table in (first, second))
        squared, directions = distance(one, other, prior)
        if not directions:
            continue
        tensions = {
            label: float(value)
            for label, value in zip(labels, pair_tension(one, other, prior), strict=True)
            if np.isfinite(value)
        }
        tension = equivalent(squared, directions)
        both = {"first": first, "second": second}
        pairs.append(
            plain(
                {
                    **both,
                    "tension": tension,
                    "error": tension_error(tension, min(one.draws, other.draws)),
                    "squared_distance": squared,
                    "directions": directions,
                    "parameters": dict(sorted(tensions.items(), key=lambda each: -abs(each[1]))),
                }
            )
        )
        by_parameter += [
            plain({**both, "parameter": label, "tension": value})
            for label, value in tensions.items()
        ]
    return (
        sorted(pairs, key=lambda row: -row["tension"]),
        sorted(by_parameter, key=lambda row: -abs(row["tension"])),
    )


def _gaussian(
    draws: Mapping[str, Array], moments: Mapping[str, Moments], labels: Sequence[str]
) -> Gaussian:
    values = np.stack([draws[label] for label in labels], axis=-1)
    count = min((moments[label].draws for label in labels if label in moments), default=len(values))
    return Gaussian(values.mean(axis=0), np.atleast_2d(np.cov(values, rowvar=False)), float(count))


def _joint_findings(
    rows: Sequence[Mapping[str, Any]], heard: Mapping[str, Mapping[str, Moments]]
) -> list[Finding]:
    findings = []
    for table in heard:
        of_table = [row for row in rows if row["table"] == table]
        if not of_table:
            continue
        largest = of_table[0]
        verdict = tension_verdict(adjusted(largest["tension"], len(of_table)), largest["error"])
        if verdict == "ok":
            continue
        bad = [row for row in of_table if abs(row["tension"]) > TENSION_WARN]
        told = ", ".join(f"{row['parameter']} ({row['tension']:+.1f})" for row in bad[:4])
        findings.append(
            Finding.of(
                f"against joint {table}",
                verdict,
                f"{table} alone differs from the joint posterior in {told}, in standard deviations "
                "of the shift that chance explains: the other tables pull it away.",
                tension={row["parameter"]: row["tension"] for row in bad},
                compared=len(of_table),
            )
        )
    if rows and not findings:
        first = rows[0]
        findings.append(
            Finding.of(
                "against joint",
                "ok",
                "Every table alone agrees with the joint posterior; the largest shift is "
                f"{abs(first['tension']):.1f} standard deviations ({first['table']}, "
                f"{first['parameter']}).",
                **first,
            )
        )
    return findings


def _pair_findings(rows: Sequence[Mapping[str, Any]], tables: Sequence[str]) -> list[Finding]:
    if not rows:
        return [
            Finding.of(
                "pairs",
                "ok",
                f"No two tables of {', '.join(tables)} inform one thing by themselves: none "
                "can contradict another."
                if tables
                else "No table could be compared with another.",
            )
        ]
    worst, *others = rows
    verdict = tension_verdict(worst["tension"], worst["error"])
    text = (
        f"The pair of tables that disagrees most is {worst['first']} and {worst['second']}, by "
        f"{worst['tension']:.1f} standard deviations"
    )
    if verdict == "ok":
        text += ": they agree."
    else:
        text += (
            f"{_carried(worst)}: one of the two, or the model that joins them, is wrong. Look at "
            "their rows before you use what they share."
        )
    findings = [Finding.of("pairs", verdict, text, **worst)]
    for row in others:
        verdict = tension_verdict(row["tension"], row["error"])
        if verdict != "ok":
            findings.append(
                Finding.of(
                    f"pair {row['first']} {row['second']}",
                    verdict,
                    f"{row['first']} and {row['second']} disagree by {row['tension']:.1f} standard "
                    f"deviations{_carried(row)}.",
                    **row,
                )
            )
    return findings


def _carried(row: Mapping[str, Any]) -> str:
    """Say which parameters carry the tension of a pair, and which way."""
    large = [(label, z) for label, z in row["parameters"].items() if abs(z) > TENSION_WARN]
    if not large:
        return " in a combination of parameters, in no single one"
    told = [f"{label} ({abs(z):.1f}, {'higher' if z > 0 else 'lower'})" for label, z in large[:3]]
    return f" ({row['first']} alone against {row['second']} alone: {', '.join(told)})"
