"""Parameters and true values that lie where their priors all but exclude them."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from scipy.special import ndtr, ndtri

from data.quantities import split_label
from inference.engine.arviz_statistics import quantile_errors
from inference.engine.draws import SAMPLE
from inference.engine.standing import beyond
from inference.misfit.tension import Gaussian, Told
from inference.misfit.verdicts import Finding
from inference.thresholds import GATE_ESS, OUTSIDE_ITS_PRIOR
from models.prior_set import PriorSet

__all__ = ["outside_findings"]

_WRONG_UNIT = (
    "A unit that a whole column does not have (a factor of ten or a thousand in current, time, "
    "pressure or thickness), an exponent mistaken, or cells that fail by another mechanism look "
    "like this, and every answer is then wrong by as much. Look at the units of the tables that "
    "inform it; where they are right, the law or the prior is not."
)

_FARTHEST, _GRID = 6.0, 1201  # standard deviations of a prior, and places at which it is known

_PART = 0.05  # of a direction's squared length, from which a parameter is of it


def outside_findings(
    posterior: xr.Dataset, priors: PriorSet, sampled: xr.Dataset | None = None
) -> list[Finding]:
    """Name parameters and true values that their priors all but exclude.

    Parameters
    ----------
    posterior : Dataset
        Draws of the parameters.
    priors : PriorSet
        Of the job.
    sampled : Dataset, optional
        Draws of the free variables that are no parameters, as of `symptoms.symptom_findings`.

    Returns
    -------
    list of Finding
        Each fails: parameters alone, parameters together, then true values.
    """
    alone = _outside_their_priors(posterior, priors)
    stated = [] if sampled is None else _far_from_stated(posterior, sampled)
    return alone + _outside_together(posterior, priors, alone) + stated


def _free_parameters(posterior: xr.Dataset, priors: PriorSet) -> dict[str, xr.DataArray]:
    """Return the draws of the parameters that have a prior, without scatters.

    Those have a rule of their own.
    """
    found = {}
    for name, prior in priors.items():
        base, member = split_label(name)
        if not (prior.fixed or name.endswith("_scatter") or base not in posterior):
            found[name] = posterior[base].sel(protocol=member) if member else posterior[base]
    return found


def _outside_their_priors(posterior: xr.Dataset, priors: PriorSet) -> list[Finding]:
    """Name the parameters that lie where their priors all but exclude them."""
    found = []
    tail = (1.0 - OUTSIDE_ITS_PRIOR) / 2.0
    for name, draws in _free_parameters(posterior, priors).items():
        prior = priors[name]
        low, high = map(float, prior.distribution.quantile(np.array([tail, 1.0 - tail])))
        median = float(draws.median())
        error = float(quantile_errors(draws.rename(name).to_dataset()[[name]], 0.5)[name])
        if not (beyond(median, high, error) or beyond(low, median, error)):
            continue
        unit = "" if prior.unit == "1" else f" {prior.unit}"
        found.append(
            Finding.of(
                f"prior {name}",
                "fail",
                f"{name} is {median:.2g}{unit}, outside the {low:.2g} to {high:.2g}{unit} that "
                f"hold {100 * OUTSIDE_ITS_PRIOR:g} % of its prior ({prior}; source: "
                f"{prior.source}). {_WRONG_UNIT}",
                median=median,
                range=[low, high],
                source=prior.source,
            )
        )
    return found


def _outside_together(
    posterior: xr.Dataset, priors: PriorSet, alone: Sequence[Finding]
) -> list[Finding]:
    r"""Name parameters that together lie where their priors all but exclude them.

    Where data tell a product alone, its priors share what a wrong unit moves: none of two equal
    ones is further out than :math:`1/\sqrt{2}` of what their product is. On the scale on which the
    prior is standard normal, the posterior mean along a direction whose variance data reduce to
    :math:`1 - c` has, over what prior and model hold possible, the variance c.
    """
    draws = _free_parameters(posterior, priors)
    if len(draws) < 2:
        return []
    grid = np.linspace(-_FARTHEST, _FARTHEST, _GRID)
    scores = np.stack(
        [
            np.interp(each.values.ravel(), priors[name].distribution.quantile(ndtr(grid)), grid)
            for name, each in draws.items()
        ]
    )
    size = len(scores)
    told = Told(
        Gaussian(scores.mean(axis=1), np.cov(scores), GATE_ESS),  # no fewer where a fit converged
        Gaussian(np.zeros(size), np.eye(size)),
    )
    count = told.found.size
    limit = -float(ndtri(0.5 * (1.0 - OUTSIDE_ITS_PRIOR) / max(count, 1)))
    named = {each.key.removeprefix("prior ") for each in alone}
    found = []
    for at in np.argsort(-np.abs(told.found)):
        size_of = np.sqrt(told.contraction[at])
        z, error = told.found[at] / size_of, np.sqrt(told.noise[at]) / size_of
        weights = (told.root @ told.directions[:, at]) ** 2
        parts = [list(draws)[i] for i in np.argsort(-weights) if weights[i] > _PART]
        if len(parts) < 2 or named & {*parts} or not beyond(abs(z), limit, float(error)):
            continue
        among = f" among {count} that the data tell" if count > 1 else ""
        names = f"{', '.join(parts[:-1])} and {parts[-1]}"
        values = ", ".join(
            f"{name} {float(draws[name].median()):.2g}"
            f"{'' if priors[name].unit == '1' else f' {priors[name].unit}'} ({priors[name]})"
            for name in parts
        )
        found.append(
            Finding.of(
                f"prior {names}",
                "fail",
                f"{names} lie together {abs(z):.1f} standard deviations from their priors, though "
                f"none does alone: the data tell a combination of them, and beyond {limit:.1f} "
                f"is one of {1.0 / (1.0 - OUTSIDE_ITS_PRIOR):.0f}{among}. By the fit: {values}. "
                f"{_WRONG_UNIT}",
                deviates=float(z),
                parameters=parts,
            )
        )
    return found


def _far_from_stated(posterior: xr.Dataset, sampled: xr.Dataset) -> list[Finding]:
    """Name the true values that lie far from what is stated of them."""
    found = []
    limit = float(ndtri((1.0 + OUTSIDE_ITS_PRIOR) / 2.0))
    for variable in map(str, sampled.data_vars):
        name = variable.removesuffix("_z")
        if name == variable or name not in posterior:
            continue
        z, values = sampled[variable], posterior[name]
        (along,), (dim,) = (set(each.dims) - set(SAMPLE) for each in (z, values))
        middle = z.median(SAMPLE).values
        if not (np.abs(middle) > limit).any():
            continue
        # What is stated without an error has no latent of its own.
        free = np.flatnonzero(values.std(SAMPLE).values > 0.0)
        if free.size != z.sizes[along]:
            continue
        flat = xr.Dataset({str(i): z.isel({along: i}, drop=True) for i in range(free.size)})
        errors = quantile_errors(flat, 0.5)
        for i, at in enumerate(free):
            if not beyond(abs(float(middle[i])), limit, float(errors[str(i)])):
                continue
            label = str(values[dim].values[at]) if dim in values.coords else f"row {at + 1}"
            units = str(values.attrs.get("units", "1"))
            unit = "" if units == "1" else f" {units}"
            median = float(values.isel({dim: at}).median())
            how = "above" if middle[i] > 0.0 else "below"
            found.append(
                Finding.of(
                    f"stated {name} {label}",
                    "fail",
                    f"{name} of {label} is {median:.3g}{unit} by the fit, "
                    f"{abs(float(middle[i])):.1f} standard deviations {how} what is stated or "
                    f"assumed of it (beyond {limit:.1f} is one of "
                    f"{1.0 / (1.0 - OUTSIDE_ITS_PRIOR):.0f}). A slip of the pen, a wrong unit or "
                    "another definition of the quantity looks like this. Look at its row.",
                    median=median,
                    deviates=float(middle[i]),
                )
            )
    return found
