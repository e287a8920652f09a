"""How much data narrow and shift what a prior says of a parameter."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

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
    shares = _Shares(contraction, ranges, errors or {}, standings or {}, shifts or {})
    reached = {name for name in shares.open if _reached(name, informed_by)}
    silent = [n for n in shares.open if n not in reached | {*PRODUCTS, "contact_angle"}]
    spoken = [n for n in shares.open if n not in {*PRODUCTS, *silent}]
    return [
        *_open(shares, spoken, tables),
        *_depending(shares),
        *_uninformed(shares, silent),
        *_identified(shares),
        *_of_single_separators(shares),
    ]


class _Shares:
    """Shares of the prior's variance that data remove, and which parameters they leave open."""

    def __init__(
        self,
        contraction: Mapping[str, float],
        ranges: Mapping[str, tuple[float, float]] | None,
        errors: Mapping[str, float],
        standings: Mapping[str, Standing],
        shifts: Mapping[str, float],
    ) -> None:
        self.of, self.ranges, self.errors = contraction, ranges or {}, errors
        self.standings, self.shifts = standings, shifts
        self.ahead = ranges is not None
        self.main = [label for label in main_parameters(contraction) if label in contraction]
        self.depends = [n for n in self.main if self.ahead and _depends(*self.ranges[n])]
        self.open = [n for n in self.main if self.is_open(n) and n not in self.depends]

    def is_open(self, name: str) -> bool:
        """Whether it is the prior, wholly or partly, that is shown."""
        if name in self.standings:
            return self.standings[name] != "data"
        return self.of[name] < PRIOR_DRIVEN_CONTRACTION

    def is_partly(self, name: str) -> bool:
        """Whether more than the prior is shown, or Monte Carlo error does not tell."""
        near = self.standings.get(name) == "near"
        error = self.errors.get(name, 0.0)
        return near or not beyond(PRIOR_ITSELF_CONTRACTION, self.of[name], error)

    def told(self, name: str) -> str:
        """Return the share with its error."""
        error = self.errors.get(name, 0.0)
        return _two_digits(self.of[name]) + (f" ± {error:.2f}" if error >= _TOLD else "")

    def some(self, names: Iterable[str]) -> dict[str, float]:
        """Return the shares of some parameters."""
        return {name: self.of[name] for name in names}


def _open(shares: _Shares, names: Iterable[str], tables: Collection[str]) -> Iterator[Finding]:
    """Say what the data leave open, those together that one measurement would close."""
    alike: dict[tuple[str, bool], list[str]] = {}
    for name in names:
        alike.setdefault((why_open(name, tables), shares.is_partly(name)), []).append(name)
    for (reason, partly), found in alike.items():
        shown = [f"{name} (contraction {shares.told(name)})" for name in found]
        verb = "will be" if shares.ahead else "is" if len(found) == 1 else "are"
        what = "partly the prior's" if partly else "prior-driven"
        head = (
            f"{found[0]} {verb} {what} (contraction {shares.told(found[0])})"
            if len(found) == 1
            else f"{joined(shown)} {verb} {what}"
        )
        yield Finding.of(
            f"{'partly the prior' if partly else 'prior-driven'} {found[0]}",
            "warn",
            f"{head}{_because(reason)}.",
            contraction=shares.some(found),
            error={name: shares.errors.get(name) for name in found},
            limit=PRIOR_DRIVEN_CONTRACTION if partly else PRIOR_ITSELF_CONTRACTION,
        )


def _depending(shares: _Shares) -> Iterator[Finding]:
    """Say of what a forecast depends on the true values."""
    names = shares.depends
    if not names:
        return
    spans = {n: " to ".join(map(_two_digits, shares.ranges[n])) for n in names}
    head = (
        f"Of {names[0]} the data may remove anything from {spans[names[0]]} of the prior's variance"
        if len(names) == 1
        else "The data may remove very different shares of the prior's variance of "
        + joined([f"{name} ({span})" for name, span in spans.items()])
    )
    yield Finding.of(
        "depends",
        "warn",
        f"{head}, depending on the true values (8 of 10 that the prior holds possible lie in this "
        "range).",
        contraction=shares.some(names),
        range={name: list(shares.ranges[name]) for name in names},
    )


def _uninformed(shares: _Shares, names: Sequence[str]) -> Iterator[Finding]:
    """Say what no table informs."""
    if names:
        verb = "will inform" if shares.ahead else "informs"
        yield Finding.of(
            "uninformed",
            "warn",
            f"No table of this campaign {verb} {joined(names)}: what is shown is the prior.",
            contraction=shares.some(names),
        )


def _identified(shares: _Shares) -> Iterator[Finding]:
    """Say what data move, and what they identify, the best first."""
    known = [n for n in shares.main if n not in {*shares.open, *shares.depends}]
    known.sort(key=lambda name: -shares.of[name])
    weak = {n for n in known if shares.of[n] < PRIOR_DRIVEN_CONTRACTION}
    moved = [n for n in known if shares.standings and n in weak]
    narrow = [n for n in known if n not in moved]
    if moved:
        yield Finding.of(
            "moved",
            "ok",
            "The data narrow little, but move, in standard deviations of the prior: "
            + joined([f"{name} (by {shares.shifts[name]:+.1f})" for name in moved])
            + ".",
            contraction=shares.some(moved),
            shift={name: shares.shifts[name] for name in moved},
        )
    if narrow:
        told = ", ".join(f"{n} ({_two_digits(shares.of[n])}{_given(n, shares.of)})" for n in narrow)
        yield Finding.of(
            "identified",
            "ok",
            f"The data {'will identify' if shares.ahead else 'identify'}, by the share of the "
            f"prior's variance that they remove: {told}.",
            contraction=shares.some(narrow),
        )


def _of_single_separators(shares: _Shares) -> Iterator[Finding]:
    """Say which properties of single separators and areas the data teach."""
    single = [n for n in shares.of if n not in shares.main and not base_name(n).endswith(OFFSET)]
    if single:
        learnt = [name for name in single if not shares.is_open(name)]
        yield Finding.of(
            "single properties",
            "ok",
            f"Of {len(single)} properties of single separators and areas, "
            f"{'the data will teach' if shares.ahead else 'the data teach'} "
            + (f"{joined(learnt)}; the others stay" if learnt else "none; they stay")
            + " as they were stated.",
            contraction=shares.some(learnt),
        )


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
