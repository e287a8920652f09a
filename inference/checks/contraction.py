"""How much data narrow and shift what a prior says of a parameter."""

from collections.abc import Collection, Mapping

import numpy as np
import xarray as xr

from data.quantities import base_name
from inference.checks.ridges import OF_NORMAL_DRAWS
from inference.engine.arviz_statistics import quantile_errors, spread_errors
from inference.engine.scales import (
    CENTRAL,
    CENTRAL_DEVIATE,
    natural_values,
    prior_spread,
    prior_values,
    robust_sd,
)
from inference.engine.standing import Standing, beyond
from inference.misfit.verdicts import Finding
from inference.runs.remedies import why_open
from inference.runs.summary import FACTORS
from inference.thresholds import PRIOR_DRIVEN_CONTRACTION, PRIOR_ITSELF_CONTRACTION
from inference.words.labels import OFFSET, PRODUCTS, joined, main_parameters
from models.prior_set import PriorSet

__all__ = ["contraction_findings", "contractions"]

_OTHER_FACTOR = {
    "surface_energy": "contact_angle",
    "ambipolar_diffusivity": "transference_number",
    "supply_factor": "self_diffusivity",
}
"""By factor, the one that it is multiplied with in what the data measure (`summary.FACTORS`)."""


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
        if name in priors or base_name(name) in priors:
            before, after = prior_spread(name, priors, prior)[1], float(values.std())
            of_posterior = spreads[name] / after
        elif exact is not None or name in prior:
            values_before = prior[name].values if exact is None else exact
            before = robust_sd(natural_values(name, values_before))
            after = robust_sd(values.values)
            of_posterior = float(np.hypot(low[name], high[name])) / (2.0 * CENTRAL_DEVIATE * after)
            if exact is None:
                of_prior = OF_NORMAL_DRAWS / np.sqrt(values_before.size)
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
        return _two_digits(contraction[name]) + (f" ± {error:.2f}" if error >= _TOLD else "")

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
            else f"{joined(shown)} {is_driven} {what}"
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
            f"{name} ({_two_digits(ranges[name][0])} to {_two_digits(ranges[name][1])})"
            for name in depends
        ]
        head = (
            f"of {depends[0]} the data may remove anything from "
            f"{_two_digits(ranges[depends[0]][0])} to {_two_digits(ranges[depends[0]][1])} of the "
            "prior's variance"
            if len(depends) == 1
            else f"the data may remove very different shares of the prior's variance of "
            f"{joined(widely)}"
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
                f"No table of this campaign {verb} {joined(silent)}: what is shown is the prior.",
                contraction={name: contraction[name] for name in silent},
            )
        )
    good = sorted(
        (name for name in main if name not in open_ones and name not in depends),
        key=lambda name: -contraction[name],
    )
    moved = [name for name in good if given and contraction[name] < PRIOR_DRIVEN_CONTRACTION]
    if moved:
        several = joined([f"{name} (by {(shifts or {})[name]:+.1f})" for name in moved])
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
            f"{name} ({_two_digits(contraction[name])}{_given(name, contraction)})" for name in good
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
        name for name in contraction if name not in main and not base_name(name).endswith(OFFSET)
    ]
    if single:
        learnt = [name for name in single if not is_open(name)]
        text = (
            f"Of {len(single)} properties of single separators and areas, "
            f"{'the data teach' if not ahead else 'the data will teach'} "
            + (f"{joined(learnt)}; the others stay" if learnt else "none; they stay")
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
    base = base_name(name)
    other = _OTHER_FACTOR.get(base)
    if other is None or contraction.get(other, 1.0) >= PRIOR_DRIVEN_CONTRACTION:
        return ""
    product = name.replace(base, FACTORS[base], 1)
    return f", only through {product}: {other} is the prior's"


def _depends(low: float, high: float) -> bool:
    """Whether a forecast says both that the prior stays and that the data identify."""
    return low < PRIOR_ITSELF_CONTRACTION and high >= PRIOR_DRIVEN_CONTRACTION


def _reached(label: str, informed_by: Mapping[str, Collection[str]]) -> bool:
    """Whether a table depends on the parameter, by itself or through a product."""
    base = base_name(label)
    product = FACTORS.get(base, base)
    names = {label, base, product, label.replace(base, product, 1)}
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


def _two_digits(value: float) -> str:
    return f"{max(value, 0.0):.2f}" if value < 0.995 else f"{min(value, 0.999):.3f}"
