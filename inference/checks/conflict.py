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
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from data.arrays import Array
from data.whole_files import temporary_folder
from inference.checks.coordinates import Coordinates
from inference.checks.refitting import Refit, read_draws
from inference.engine.arviz_statistics import diagnostics
from inference.engine.sampling import scalars
from inference.engine.scales import natural, natural_values, prior_covariance, prior_spread
from inference.engine.standing import beyond
from inference.misfit.tension import Gaussian, distance, equivalent, pair_tension
from inference.misfit.verdicts import Finding, Section, Verdict
from inference.runs.result import Result
from inference.thresholds import (
    GATE_R_HAT,
    TENSION_FAIL,
    TENSION_INFORMED,
    TENSION_MEASURABLE,
    TENSION_WARN,
)
from inference.words.plain import plain
from models.priors import PriorSet, resolve_priors

if TYPE_CHECKING:
    from data.campaign import Campaign

__all__ = [
    "Moments",
    "adjusted",
    "conflict_section",
    "joint_tension",
    "protocol_findings",
    "tension_error",
]


_PROCESSES = 2
_SAMPLER = {"draws": 500, "tune": 700, "chains": 2, "target_accept": 0.95}
_LOOSE_R_HAT = 1.0 + 5 * (GATE_R_HAT - 1.0)  # of two short chains
_POLL = 0.05  # seconds
_LONGEST = 900.0  # seconds that one table may take
_PROTOCOL = "protocol"


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


def tension_error(tension: float, draws: float) -> float:
    """Return the Monte Carlo error of a difference of two means in standard deviations, at most.

    Parameters
    ----------
    tension : float
        The difference.
    draws : float
        Effective number of draws behind the less known of the two.
    """
    return float(np.sqrt((1.0 + 0.5 * tension**2) / draws))


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


# --- inside a table -------------------------------------------------------------------------------


def protocol_findings(result: Result, priors: PriorSet) -> list[Finding]:
    """Compare what protocols of one table give for what should be one number.

    A family of parameters over ``protocol`` lets the protocols differ. The ratio of its members is
    compared with one: with the mean m and variance v of its logarithm in the posterior, and the
    variance v0 in the prior (mean zero), the data alone say ``m / (1 - v/v0)`` with variance
    ``1 / (1/v - 1/v0)``.

    Parameters
    ----------
    result : Result
        A finished fit.
    priors : PriorSet
        Its priors.
    """
    found = []
    informed = json.loads(str(result.attrs["informed_by"]))
    for variable, values in result.posterior.data_vars.items():
        name = str(variable)
        if _PROTOCOL not in values.dims or f"{name}[{values[_PROTOCOL].values[0]}]" not in priors:
            continue
        members = [str(each) for each in values[_PROTOCOL].values]
        seen = [each for each in members if f"{name}[{each}]" in informed]
        for first, second in itertools.combinations(seen, 2):
            labels = [f"{name}[{each}]" for each in (first, second)]
            if any(priors[label].fixed for label in labels):
                continue
            ratio = np.subtract(
                *(
                    natural_values(name, values.sel({_PROTOCOL: each}).values.ravel())
                    for each in (first, second)
                )
            )
            before = [prior_spread(label, priors, xr.Dataset()) for label in labels]
            draws = float(result.summary().loc[labels, "ess_bulk"].min())
            found.append(_protocols(name, first, second, ratio, before, draws))
    return found


def _protocols(
    name: str,
    first: str,
    second: str,
    ratio: Array,
    before: Sequence[tuple[float, float]],
    draws: float,
) -> Finding:
    mean, variance = float(ratio.mean()), float(ratio.var())
    prior_mean = before[0][0] - before[1][0]
    prior_variance = before[0][1] ** 2 + before[1][1] ** 2
    precision = 1.0 / variance - 1.0 / prior_variance
    low, middle, high = (float(np.exp(each)) for each in np.quantile(ratio, [0.05, 0.5, 0.95]))
    numbers: dict[str, Any] = {
        "parameter": name,
        "first": first,
        "second": second,
        "ratio": middle,
        "ratio_interval_90": [low, high],
        "probability_first_larger": float((ratio > 0).mean()),
    }
    key = f"protocols {name}"
    if precision <= 0:
        return Finding.of(
            key,
            "ok",
            f"The data do not tell {name} of the protocols {first} and {second} apart.",
            **numbers,
        )
    tension = (mean / variance - prior_mean / prior_variance) / np.sqrt(precision)
    text = (
        f"{name} is {middle:.2f} times as large {_spoken(first)} as {_spoken(second)} "
        f"(90 % interval {low:.2f} to {high:.2f}; one would be agreement), a tension of "
        f"{abs(tension):.1f} standard deviations inside one table"
    )
    error = tension_error(tension, draws)
    verdict = _verdict(tension, error)
    text += (
        ": the protocols agree."
        if verdict == "ok"
        else ": the two protocols do not measure one interface. The model gives each its own "
        "factor, so that neither biases the other; choose the protocol that your cell follows."
    )
    # Each protocol has a factor of its own: the conflict is known and modelled.
    numbers |= {"tension": tension, "error": error}
    return Finding.of(key, "ok" if verdict == "ok" else "warn", text, **numbers)


def _spoken(protocol: str) -> str:
    return {"one_way": "one way", "step": "in steps"}.get(protocol, protocol)


def adjusted(tension: float, chances: int) -> float:
    """Return the tension that is as rare in one comparison as this one is in several.

    Parameters
    ----------
    tension : float
        The largest of the comparisons.
    chances : int
        How many comparisons there were; their probabilities add up at most (Bonferroni).
    """
    from scipy.stats import norm

    log_tail = min(norm.logsf(abs(tension)) + np.log(chances), np.log(0.5))
    return float(np.copysign(norm.isf(np.exp(log_tail)) if log_tail > -700 else tension, tension))


def _verdict(tension: float, error: float) -> Verdict:
    if beyond(abs(tension), TENSION_FAIL, error):
        return "fail"
    return "warn" if beyond(abs(tension), TENSION_WARN, error) else "ok"


# --- between tables -------------------------------------------------------------------------------


def _between_tables(
    result: Result, campaign: "Campaign", priors: PriorSet, seed: int
) -> tuple[list[Finding], dict[str, list[dict[str, Any]]]]:
    answers = _refits(result, campaign, seed)
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
        verdict = _verdict(adjusted(largest["tension"], len(of_table)), largest["error"])
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
    verdict = _verdict(worst["tension"], worst["error"])
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
        verdict = _verdict(row["tension"], row["error"])
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


# --- processes ------------------------------------------------------------------------------------


def _refits(
    result: Result, campaign: "Campaign", seed: int
) -> dict[str, tuple[dict[str, Array], int] | str]:
    """Fit each table by itself; its draws by scalar with its divergences, or what went wrong."""
    options = result.model_options
    seeds = np.random.SeedSequence(seed).generate_state(len(result.blocks))
    answers: dict[str, tuple[dict[str, Array], int] | str] = {}
    with temporary_folder() as folder:
        waiting = []
        for table, own_seed in zip(result.blocks, seeds, strict=True):
            one = options.model_copy(update={"blocks": (table,)})
            refit = Refit(
                campaign=str(campaign.path),
                options=one.model_dump_json(),
                seed=int(own_seed),
                **_SAMPLER,
            )
            (folder / f"{table}.json").write_text(refit.model_dump_json(), encoding="utf-8")
            waiting.append(table)
        with _processes() as running:
            todo, ends = list(waiting), dict[str, float]()
            while todo or running:
                while todo and len(running) < _PROCESSES:
                    table = todo.pop(0)
                    running[table] = _start(folder, table)
                    ends[table] = time.monotonic() + _LONGEST
                for table, process in running.items():
                    if time.monotonic() > ends[table]:
                        process.kill()
                        process.wait()
                done = [table for table, process in running.items() if process.poll() is not None]
                for table in done:
                    with running.pop(table) as process:
                        answers[table] = _answer(folder, table, process.returncode)
                if not done:
                    time.sleep(_POLL)
    return {table: answers[table] for table in result.blocks}


@contextmanager
def _processes() -> Iterator[dict[str, "subprocess.Popen[bytes]"]]:
    """Hold running processes by table; whatever happens, none is left behind."""
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        yield running
    finally:
        for process in running.values():
            process.kill()
        for process in running.values():
            process.communicate()


def _start(folder: Path, table: str) -> "subprocess.Popen[bytes]":
    root = Path(__file__).resolve().parents[2]
    inherited = os.environ.get("PYTHONPATH")
    path = os.pathsep.join([str(root), *([inherited] if inherited else [])])
    threads = dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
    )
    with (folder / f"{table}.log").open("wb") as log:
        return subprocess.Popen(
            [
                sys.executable,
                "-m",
                "inference.checks.refitting",
                str(folder / f"{table}.json"),
                str(folder / f"{table}.npz"),
            ],
            stdin=subprocess.PIPE,  # its other end is ours alone: it ends when we do
            stdout=log,
            stderr=log,
            env={**os.environ, **threads, "PYTHONSAFEPATH": "1", "PYTHONPATH": path},
            start_new_session=True,  # a Ctrl-C is ours to answer, not theirs
        )


def _answer(folder: Path, table: str, code: int) -> tuple[dict[str, Array], int] | str:
    if code == 0:
        return read_draws(folder / f"{table}.npz")
    message = folder / f"{table}.txt"
    if message.is_file():
        return message.read_text(encoding="utf-8")
    if code == -signal.SIGKILL:
        return f"it was stopped after {_LONGEST / 60:.0f} minutes, or by the system"
    lines = (folder / f"{table}.log").read_text(encoding="utf-8", errors="replace").splitlines()
    last = next((line for line in reversed(lines) if line.strip()), "no message")
    return f"the process ended with code {code} ({last.strip()})"
