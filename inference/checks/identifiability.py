"""Verdicts on what the data identify: contraction, power scaling, ridges.

Everything is measured on the natural scale of each parameter (`inference.engine.scales`).
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from data.arrays import Array
from inference.engine.arviz_statistics import power_scaling, quantile_errors, spread_errors
from inference.engine.sampling import scalars
from inference.engine.scales import (
    CENTRAL,
    CENTRAL_DEVIATE,
    log_jacobian,
    natural,
    natural_values,
    prior_spread,
    prior_values,
    robust_sd,
)
from inference.engine.standing import Standing, beyond, standing
from inference.misfit.verdicts import Finding, Section, Verdict
from inference.runs.remedies import ridge_remedy, why_open
from inference.runs.result import Result
from inference.runs.summary import FACTORS
from inference.thresholds import (
    POWER_SCALING,
    PRIOR_DRIVEN_CONTRACTION,
    PRIOR_ITSELF_CONTRACTION,
    RIDGE,
)
from inference.words.plain import plain
from models.blocks import table_of
from models.priors import PriorSet, resolve_priors

__all__ = [
    "contraction_findings",
    "contractions",
    "identifiability_section",
    "main_parameters",
    "ridge_findings",
    "ridges",
    "ridges_of",
]


_OTHER_FACTOR = {
    "surface_energy": "contact_angle",
    "ambipolar_diffusivity": "transference_number",
    "supply_factor": "self_diffusivity",
}
"""By factor, the one that it is multiplied with in what the data measure (`summary.FACTORS`)."""

PRODUCTS = (
    "wetting_product",
    "diffusivity_over_anion_transference",
    "diffusivity_over_anion_transference_squared",
    "effective_self_diffusivity",
)
"""Derived quantities, which are correlated with their own factors by definition."""

_OF_SEPARATORS = ("pore_radius", "thickness", "porosity", "macmullin_number", "pore_size_spread")
_OF_ONE = ("pore_radius", "thickness", "porosity", "macmullin_number", "lsv_area")
_OFFSET = "_offset"  # of a separator or a laboratory
_OF_NORMAL_DRAWS = 0.97
"""Relative standard error of the width of the central 68 % of draws of a normal distribution, times
the root of their number."""


def main_parameters(labels: Iterable[str]) -> list[str]:
    """Return the labels that belong to the whole campaign, not to one separator or cell."""
    bases = {label: label.partition("[")[0] for label in labels}
    return [
        label for label, base in bases.items() if base not in _OF_ONE and not base.endswith(_OFFSET)
    ]


def identifiability_section(result: Result, seed: int) -> Section:
    """Judge what the data of a result identify.

    Parameters
    ----------
    result : Result
        A finished fit.
    seed : int
        Of the noise that power scaling is judged against.

    Returns
    -------
    Section
        ``identifiability``; tables ``contraction``, ``power_scaling`` (a row for each parameter,
        a column for the prior, the separators and each table) and ``ridges``.
    """
    priors = resolve_priors(result.metal, result.model_options.priors)
    draws = natural(scalars(result.posterior))
    prior = scalars(result.prior)
    informed = json.loads(str(result.attrs["informed_by"]))
    tables = result.blocks
    contraction, errors = contractions(draws, prior, priors)
    learnt = {str(label): row for label, row in result.summary().iterrows()}
    matrix, shifts, floors = _power_scaling(result, draws, priors, seed)
    correlated = ridges(draws, natural(prior), result.summary()["ess_bulk"].to_dict())
    findings = [
        *contraction_findings(
            contraction,
            informed,
            tables,
            errors=errors,
            standings={label: standing(row) for label, row in learnt.items()},
            shifts={label: float(row.get("shift", 0.0)) for label, row in learnt.items()},
        ),
        *_moved_by_tables(matrix, shifts, floors, tables),
        *_prior_against_data(matrix, shifts, floors, tables, priors),
        *ridge_findings(correlated, tables),
    ]
    return Section(
        name="identifiability",
        title="What the data identify",
        findings=tuple(findings),
        tables={
            "contraction": [
                plain({"parameter": label, "contraction": value, "error": errors[label]})
                for label, value in contraction.items()
            ],
            "power_scaling": [
                plain(
                    {
                        "parameter": label,
                        "sensitivity": {name: matrix[name][label] for name in matrix},
                        "shift": {name: shifts[name][label] for name in shifts},
                    }
                )
                for label in map(str, draws.data_vars)
            ],
            "power_scaling_of_noise": [
                {"component": name, "sensitivity": value} for name, value in floors.items()
            ],
            "ridges": correlated,
        },
    )


def contractions(
    draws: xr.Dataset, prior: xr.Dataset, priors: PriorSet
) -> tuple[dict[str, float], dict[str, float]]:
    """Return the share of each prior's variance that the data have removed.

    Parameters
    ----------
    draws : Dataset
        Posterior scalars on natural scales.
    prior : Dataset
        Prior scalars in their units.
    priors : PriorSet
        Exact where they fix the prior of a parameter, or of a product of parameters.

    Returns
    -------
    contraction : dict of str to float
        1 where the data say everything, 0 where they say nothing; below 0 where the posterior is
        wider than the prior. What has no prior of its own is compared by the widths of the central
        68 %, since few draws show those well also where tails are long.
    errors : dict of str to float
        Monte Carlo error of each, by the draws of the posterior and, where the prior is known from
        draws only, of the prior.
    """
    found, errors = {}, {}
    spreads = spread_errors(draws)
    low, high = (quantile_errors(draws, probability) for probability in CENTRAL)
    for key, values in draws.data_vars.items():
        name = str(key)
        exact = prior_values(name, priors)
        of_prior = 0.0
        if name in priors or name.partition("[")[0] in priors:
            before, after = prior_spread(name, priors, prior)[1], float(values.std())
            of_posterior = spreads[name] / after
        elif exact is not None or name in prior:
            values_before = prior[name].values if exact is None else exact
            before = robust_sd(natural_values(name, values_before))
            after = robust_sd(values.values)
            of_posterior = float(np.hypot(low[name], high[name])) / (2.0 * CENTRAL_DEVIATE * after)
            if exact is None:
                of_prior = _OF_NORMAL_DRAWS / np.sqrt(values_before.size)
        else:
            continue
        if np.isfinite(before) and before > 0:
            left = (after / before) ** 2
            found[name] = 1.0 - left
            errors[name] = float(2.0 * left * np.hypot(of_posterior, of_prior))
    return found, errors


def contraction_findings(
    contraction: Mapping[str, float],
    informed_by: Mapping[str, Collection[str]],
    tables: Collection[str],
    *,
    ranges: Mapping[str, tuple[float, float]] | None = None,
    errors: Mapping[str, float] | None = None,
    standings: Mapping[str, Standing] | None = None,
    shifts: Mapping[str, float] | None = None,
) -> list[Finding]:
    """Return what is the prior's, with what would measure it, and what is identified.

    Parameters
    ----------
    contraction : mapping of str to float
        By parameter.
    informed_by : mapping of str to collection of str
        Tables that each parameter enters.
    tables : collection of str
        Tables that are fitted.
    ranges : mapping of str to tuple of float, optional
        Of a forecast: the 10 and 90 % points of the contraction over what the prior holds possible.
    errors : mapping of str to float, optional
        Of a fit: Monte Carlo errors of the contractions.
    standings : mapping of str to str, optional
        Of a fit: what each posterior comes from, by narrowing and shift
        (`inference.engine.standing`). A forecast knows narrowing alone.
    shifts : mapping of str to float, optional
        Of a fit: how far the median has moved, in standard deviations of the prior.
    """
    ahead = ranges is not None
    main = [label for label in main_parameters(contraction) if label in contraction]
    depends = [name for name in main if ranges is not None and _depends(*ranges[name])]
    given = standings or {}
    own_error = errors or {}

    def is_open(name: str) -> bool:
        if name in given:
            return given[name] != "data"
        return contraction[name] < PRIOR_DRIVEN_CONTRACTION

    def is_partly(name: str) -> bool:
        """Whether more than the prior is shown, or Monte Carlo error does not tell."""
        near = given.get(name) == "near"
        return near or not beyond(
            PRIOR_ITSELF_CONTRACTION, contraction[name], own_error.get(name, 0.0)
        )

    def told_of(name: str) -> str:
        error = own_error.get(name, 0.0)
        return _two(contraction[name]) + (f" ± {error:.2f}" if error >= _TOLD else "")

    open_ones = [name for name in main if is_open(name) and name not in depends]
    found: list[Finding] = []
    silent = [
        name for name in open_ones if not _reached(name, informed_by) and name not in PRODUCTS
    ]
    told: dict[tuple[str, bool], list[str]] = {}
    for name in open_ones:
        if name in PRODUCTS or (name in silent and name != "contact_angle"):
            continue
        told.setdefault((why_open(name, tables), is_partly(name)), []).append(name)
    for (reason, partly), names in told.items():
        shown = [f"{name} (contraction {told_of(name)})" for name in names]
        is_driven = "will be" if ahead else "is" if len(names) == 1 else "are"
        what = "partly the prior's" if partly else "prior-driven"
        head = (
            f"{names[0]} {is_driven} {what} (contraction {told_of(names[0])})"
            if len(names) == 1
            else f"{_and(shown)} {is_driven} {what}"
        )
        found.append(
            Finding.of(
                f"{'partly the prior' if partly else 'prior-driven'} {names[0]}",
                "warn",
                f"{head}{_because(reason)}.",
                contraction={name: contraction[name] for name in names},
                error={name: own_error.get(name) for name in names},
                limit=PRIOR_DRIVEN_CONTRACTION if partly else PRIOR_ITSELF_CONTRACTION,
            )
        )
    if ranges is not None and depends:
        widely = [
            f"{name} ({_two(ranges[name][0])} to {_two(ranges[name][1])})" for name in depends
        ]
        head = (
            f"of {depends[0]} the data may remove anything from {_two(ranges[depends[0]][0])} to "
            f"{_two(ranges[depends[0]][1])} of the prior's variance"
            if len(depends) == 1
            else f"the data may remove very different shares of the prior's variance of "
            f"{_and(widely)}"
        )
        found.append(
            Finding.of(
                "depends",
                "warn",
                f"{head[0].upper()}{head[1:]}, depending on the true values (8 of 10 that the "
                "prior holds possible lie in this range).",
                contraction={name: contraction[name] for name in depends},
                range={name: list(ranges[name]) for name in depends},
            )
        )
    silent = [name for name in silent if name != "contact_angle"]
    if silent:
        verb = "will inform" if ahead else "informs"
        found.append(
            Finding.of(
                "uninformed",
                "warn",
                f"No table of this campaign {verb} {_and(silent)}: what is shown is the prior.",
                contraction={name: contraction[name] for name in silent},
            )
        )
    good = sorted(
        (name for name in main if name not in open_ones and name not in depends),
        key=lambda name: -contraction[name],
    )
    moved = [name for name in good if given and contraction[name] < PRIOR_DRIVEN_CONTRACTION]
    if moved:
        several = _and([f"{name} (by {(shifts or {})[name]:+.1f})" for name in moved])
        found.append(
            Finding.of(
                "moved",
                "ok",
                "The data narrow little, but move, in standard deviations of the prior: "
                f"{several}.",
                contraction={name: contraction[name] for name in moved},
                shift={name: (shifts or {})[name] for name in moved},
            )
        )
        good = [name for name in good if name not in moved]
    if good:
        told_good = ", ".join(
            f"{name} ({_two(contraction[name])}{_given(name, contraction)})" for name in good
        )
        found.append(
            Finding.of(
                "identified",
                "ok",
                f"The data {'will identify' if ahead else 'identify'}, by the share of the prior's "
                f"variance that they remove: {told_good}.",
                contraction={name: contraction[name] for name in good},
            )
        )
    single = [
        name
        for name in contraction
        if name not in main and not name.partition("[")[0].endswith("_offset")
    ]
    if single:
        learnt = [name for name in single if not is_open(name)]
        text = (
            f"Of {len(single)} properties of single separators and areas, "
            f"{'the data teach' if not ahead else 'the data will teach'} "
            + (f"{_and(learnt)}; the others stay" if learnt else "none; they stay")
            + " as they were stated."
        )
        found.append(
            Finding.of(
                "single properties", "ok", text, contraction={n: contraction[n] for n in learnt}
            )
        )
    return found


def _given(name: str, contraction: Mapping[str, float]) -> str:
    """Say where a factor is known only by its product, the other factor being the prior's."""
    base, bracket, member = name.partition("[")
    other = _OTHER_FACTOR.get(base)
    if other is None or contraction.get(other, 1.0) >= PRIOR_DRIVEN_CONTRACTION:
        return ""
    product = f"{FACTORS[base]}{bracket}{member}"
    return f", only through {product}: {other} is the prior's"


def _depends(low: float, high: float) -> bool:
    """Whether a forecast says both that the prior stays and that the data identify."""
    return low < PRIOR_ITSELF_CONTRACTION and high >= PRIOR_DRIVEN_CONTRACTION


def _reached(label: str, informed_by: Mapping[str, Collection[str]]) -> bool:
    """Whether a table depends on the parameter, by itself or through a product."""
    base = label.partition("[")[0]
    names = {label, base, FACTORS.get(base, base), f"{FACTORS.get(base, base)}{label[len(base) :]}"}
    if base == "separator_scatter":
        names.add("separator_offset")
    prefix = f"{FACTORS[base]}[" if base in FACTORS and base == label else None
    return bool(names & set(informed_by)) or any(
        prefix is not None and name.startswith(prefix) for name in informed_by
    )


def _because(reason: str) -> str:
    """Join a reason to a statement: a clause after a colon, a sentence of its own after a stop."""
    if not reason:
        return ""
    return f". {reason}" if reason[0].isupper() else f": {reason}"


_TOLD = 0.005  # a Monte Carlo error that shows in two digits


def _two(value: float) -> str:
    return f"{max(value, 0.0):.2f}" if value < 0.995 else f"{min(value, 0.999):.3f}"


def _and(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


# --- power scaling --------------------------------------------------------------------------------


def _log_densities(result: Result, priors: PriorSet) -> dict[str, Array]:
    """Return the log-density of the prior, of the separators' table and of each fitted table.

    What a table states about a separator, a pressure or an area with an error is a prior density of
    a latent in the model, and data of that table to its reader. Densities of latents that link
    rows (offsets of separators and laboratories) are of neither. Priors are densities on the
    natural scales, as draws are: on other scales what they favour would hang on units.
    """
    found: dict[str, Array] = {}
    sampled = result.posterior
    if "sampled" in result.tree:
        sampled = sampled.merge(result.tree["sampled"].to_dataset())

    def add(name: str, values: xr.DataArray) -> None:
        extra = [dim for dim in values.dims if dim not in {"chain", "draw"}]
        total = values.sum(extra, dtype=float).transpose("chain", "draw").values
        found[name] = found[name] + total if name in found else total

    tables = sorted(result.blocks, key=len, reverse=True)
    labels = {name.replace("[", "_").rstrip("]"): name for name in priors} | {
        "contact_angle_abs_cosine": "contact_angle_abs_cosine",
        "wetting_product": "wetting_product",
        "diffusivity_over_anion_transference": "diffusivity_over_anion_transference",
        "threshold_scale": "critical_current_density",  # positive, as that is
    }
    for key, values in result.tree["log_prior"].to_dataset().data_vars.items():
        name = str(key)
        latent = name.removesuffix("_z")
        if name in labels:
            own = sampled[name].transpose(*values.dims).values
            add("prior", values + log_jacobian(labels[name], own))
        elif latent.endswith(_OFFSET):
            continue
        elif latent in _OF_SEPARATORS:
            add("separators", values)
        else:
            owner = next((table for table in tables if name.startswith(f"{table}_")), "prior")
            add(owner, values)
    for key, values in result.log_likelihood.data_vars.items():
        add(table_of(str(key)), values)
    order = ["prior", "separators", *sorted(result.blocks)]
    return {name: found[name] for name in order if name in found}


def _power_scaling(
    result: Result, draws: xr.Dataset, priors: PriorSet, seed: int
) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, float]], dict[str, float]]:
    """Return sensitivities, shifts of the mean, and what chance alone gives, by component."""
    components = _log_densities(result, priors)
    matrix = power_scaling(draws, components, seed)
    floors = {name: row.pop("") for name, row in matrix.items()}
    shifts: dict[str, dict[str, float]] = {}
    for name, values in components.items():
        centred = values - values.mean()
        # d E[x] / d ln(weight) at weight 1 is the covariance of x with the log-density.
        shifts[name] = {
            str(label): float(np.mean(centred * (x.values - x.values.mean())) / x.values.std())
            for label, x in draws.data_vars.items()
        }
    return matrix, shifts, floors


def _moved_by_tables(
    matrix: Mapping[str, Mapping[str, float]],
    shifts: Mapping[str, Mapping[str, float]],
    floors: Mapping[str, float],
    tables: Collection[str],
) -> list[Finding]:
    found = []
    for name in matrix:
        if name == "prior":
            continue
        limit = POWER_SCALING + floors[name]  # beyond what chance alone gives
        moved = {label: value for label, value in matrix[name].items() if value > limit}
        main = sorted(main_parameters(moved), key=lambda label: -moved[label])
        others = len(moved) - len(main)
        numbers = {
            "sensitivity": {label: moved[label] for label in main},
            "shift": {label: shifts[name][label] for label in main},
            "noise": floors[name],
        }
        key = f"moved by {name}"
        if not moved:
            least = max(matrix[name], key=matrix[name].__getitem__)
            text = (
                f"{name} moves no parameter (largest power-scaling sensitivity "
                f"{matrix[name][least]:.2f}, of {least})."
            )
            verdict: Verdict = "warn" if name in tables else "ok"
            found.append(Finding.of(key, verdict, text, **numbers))
            continue
        told = [
            f"{label} ({moved[label]:.2f}, {'up' if shifts[name][label] > 0 else 'down'})"
            for label in main
        ]
        if others:
            several = "properties" if others > 1 else "property"
            told.append(f"{others} {several} of single separators and areas")
        text = f"{name} moves {_and(told)}."
        found.append(Finding.of(key, "ok", text, **numbers))
    return found


def _prior_against_data(
    matrix: Mapping[str, Mapping[str, float]],
    shifts: Mapping[str, Mapping[str, float]],
    floors: Mapping[str, float],
    tables: Collection[str],
    priors: PriorSet,
) -> list[Finding]:
    """Name the parameters that both the prior and a table move."""
    if "prior" not in matrix:
        return []
    pulled = []
    for label in main_parameters(matrix["prior"]):
        strongest = max((t for t in matrix if t in tables), key=lambda t: matrix[t][label])
        # Beyond what chance alone gives.
        if any(
            matrix[each][label] <= POWER_SCALING + floors[each] for each in ("prior", strongest)
        ):
            continue
        # Both move it, and in opposite directions.
        if shifts["prior"][label] * shifts[strongest][label] < 0 and label in priors:
            pulled.append((label, strongest))
    if not pulled:
        return []
    told = ", ".join(f"{label} ({table})" for label, table in pulled)
    return [
        Finding.of(
            "prior against data",
            "warn",
            "The prior pulls one way and the data the other, both with a power-scaling sensitivity "
            f"above {POWER_SCALING:g}: {told}. Another prior would give another answer there.",
            parameters=dict(pulled),
            limit=POWER_SCALING,
        )
    ]


# --- ridges ---------------------------------------------------------------------------------------


def ridges(
    draws: xr.Dataset,
    prior: xr.Dataset | None = None,
    effective: Mapping[str, float] | None = None,
) -> list[dict[str, Any]]:
    """Return the pairs of parameters that are correlated above `thresholds.RIDGE`.

    Parameters
    ----------
    draws : Dataset
        Scalars on natural scales.
    prior : Dataset, optional
        The same from the prior.
    effective : mapping of str to float, optional
        Effective numbers of draws: correlations are above the limit beyond their Monte Carlo error.

    Returns
    -------
    list of dict
        ``first``, ``second``, ``correlation``, ``prior_correlation``; the strongest first.
        Derived products are left out.
    """
    labels = [str(n) for n in draws.data_vars if str(n).partition("[")[0] not in PRODUCTS]
    if len(labels) < 2:
        return []
    matrix = np.corrcoef([draws[label].values.ravel() for label in labels])
    return ridges_of(matrix, labels, prior, effective)


def ridges_of(
    matrix: Array,
    labels: Sequence[str],
    prior: xr.Dataset | None = None,
    effective: Mapping[str, float] | None = None,
) -> list[dict[str, Any]]:
    """Return the ridges of a correlation matrix; arguments as for `ridges`."""
    found = []
    for i, j in np.argwhere(np.triu(np.abs(matrix) > RIDGE, 1)):
        first, second = labels[i], labels[j]
        draws = np.inf if effective is None else min(effective[first], effective[second])
        if not beyond(abs(matrix[i, j]), RIDGE, (1.0 - matrix[i, j] ** 2) / np.sqrt(draws)):
            continue
        before = float("nan")
        if prior is not None and first in prior and second in prior:
            pair = (prior[first].values.ravel(), prior[second].values.ravel())
            before = float(np.corrcoef(pair)[0, 1])
        found.append(
            plain(
                {
                    "first": first,
                    "second": second,
                    "correlation": float(matrix[i, j]),
                    "prior_correlation": before,
                }
            )
        )
    return sorted(found, key=lambda row: -abs(row["correlation"]))


def ridge_findings(
    rows: Sequence[Mapping[str, Any]], tables: Collection[str], *, ahead: bool = False
) -> list[Finding]:
    """Return a finding for each ridge, or one that there is none.

    Parameters
    ----------
    rows : sequence of mapping
        From `ridges`.
    tables : collection of str
        Tables that are fitted.
    ahead : bool
        Whether the numbers are a forecast.
    """
    found = []
    groups: dict[frozenset[str], list[Mapping[str, Any]]] = {}
    for row in rows:
        bases = frozenset(row[key].partition("[")[0] for key in ("first", "second"))
        groups.setdefault(bases, []).append(row)
    for members in groups.values():
        row = members[0]
        others = len(members) - 1
        more = f", and {others} more such pair{'s' if others > 1 else ''}" if others else ""
        given = row["prior_correlation"]
        already = (
            f" The prior ties them already ({given:+.2f})."
            if given is not None and abs(given) > RIDGE
            else ""
        )
        remedy = ridge_remedy(row["first"], row["second"], tables)
        found.append(
            Finding.of(
                f"ridge {row['first']} {row['second']}",
                "warn",
                f"{row['first']} and {row['second']} {'will lie' if ahead else 'lie'} on a ridge "
                f"(correlation {row['correlation']:+.2f}){more}: {remedy}.{already}",
                pairs=[dict(each) for each in members],
                limit=RIDGE,
            )
        )
    if not found:
        found.append(
            Finding.of(
                "ridges",
                "ok",
                f"No two parameters {'will be' if ahead else 'are'} correlated above {RIDGE:g}.",
                limit=RIDGE,
            )
        )
    return found
