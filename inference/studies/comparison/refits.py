"""Fits without a unit, where importance weights cannot be trusted."""

import logging
import warnings
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from data.arrays import Array
from inference.engine.draws import SAMPLE
from inference.engine.sampling import in_smaller_steps
from inference.studies.comparison.units import (
    FINITE_VARIANCE,
    Fitted,
    Unit,
    density,
)
from inference.thresholds import (
    GATE_ESS,
    GATE_R_HAT,
    MOST_FITS_OF_A_REFIT,
    STEADY_TARGET_ACCEPT,
)

__all__ = ["RefitFailedError", "Refits"]

logger = logging.getLogger(__name__)


_LEAST_RISE = 1e-3


_FLAT = 1e-3  # relative range of the largest fifth of values below which it has no tail


_LEAST_SHARE = 0.2  # of the draws that a mean must rest on, where they are few


class RefitFailedError(Exception):
    """A refit did not give a density that can be trusted."""


class Refits:
    """Exact refits without a unit, compiled once.

    Parameters
    ----------
    fitted : Fitted
        The fit of all data.
    """

    def __init__(self, fitted: Fitted) -> None:
        self._fitted = fitted
        seeds = np.random.SeedSequence([fitted.sampler.seed, 1])
        self._seeds = (int(s.generate_state(1)[0]) for s in iter(lambda: seeds.spawn(1)[0], None))

    @cached_property
    def _compiled(self) -> tuple[Any, dict[str, Array]]:
        """The sampler of the model with weights, and weights of one."""
        from inference.engine.sampling import Sampler

        model = self._fitted.weighted()
        ones = {f"{name}_weight": np.ones(len(rows)) for name, rows in model.row_labels.items()}
        logger.info("compiling the model with weights")
        return Sampler(model), ones

    def draws(self, unit: Unit, weight: float = 0.0) -> xr.Dataset:
        """Return draws of the free variables from a refit in which a unit has a weight.

        Parameters
        ----------
        unit : Unit
            What is left out.
        weight : float
            By which its log-likelihood is multiplied.

        Returns
        -------
        Dataset
            Over ``chain`` and ``draw``.

        Raises
        ------
        RefitFailedError
            If transitions diverge, also in small steps.
        """
        sampler, ones = self._compiled
        data = {name: values.copy() for name, values in ones.items()}
        for name, row in unit.rows:
            data[f"{name}_weight"][row] = weight
        section = self._fitted.sampler.model_copy(update={"seed": next(self._seeds)})
        accepts = dict.fromkeys((section.target_accept, STEADY_TARGET_ACCEPT))
        *_, last = in_smaller_steps(sampler, accepts, **section.sampling, data=data, search=False)
        if last.divergences:
            raise RefitFailedError(f"{last.divergences} divergent transitions in the refit")
        return last.posterior

    def _log_likelihood(self, unit: Unit, weight: float) -> xr.DataArray:
        """Return the unit's log-likelihood at draws of a refit in which it has a weight."""
        draws = self.draws(unit, weight)
        found = self._fitted.predictor.evaluate(draws, 0)["log_likelihood"]
        values = density(found, unit)
        r_hat = _r_hat(values)
        if not r_hat <= GATE_R_HAT:
            raise RefitFailedError(f"the refit did not converge (R-hat {r_hat:.3f})")
        return values

    def density(self, unit: Unit) -> tuple[float, int]:
        """Return the log density of a unit under the rest of the data, and the refits it took.

        It is the mean of the likelihood over the draws of a refit where these tell it. Else the
        weight is raised: between w and a larger v the ratio of normalisations is that of the means
        of ``L^((v-w)/2)`` at w and of ``L^-((v-w)/2)`` at v, and the fit of all data is v = 1.
        """
        full = density(self._fitted.log_likelihood, unit)
        total, weight, fits = 0.0, 0.0, 1
        here = self._log_likelihood(unit, weight)
        while True:
            rise = 1.0 - weight
            if _bears(here, rise):  # no other end is needed
                return total + _log_mean(here, rise), fits
            if _bears(here, 0.5 * rise) and _bears(full, -0.5 * rise):
                total += _log_mean(here, 0.5 * rise) - _log_mean(full, -0.5 * rise)
                return total, fits
            rise *= 0.5
            while rise > _LEAST_RISE and not _bears(here, 0.5 * rise):
                rise *= 0.5
            while True:
                if fits >= MOST_FITS_OF_A_REFIT or rise <= _LEAST_RISE:
                    raise RefitFailedError(
                        f"{fits} refits could raise its weight to {weight:.3f} only: the rest of "
                        "the data hardly speak of it"
                    )
                there = self._log_likelihood(unit, weight + rise)
                fits += 1
                if _bears(there, -0.5 * rise):
                    break
                rise *= 0.5
            total += _log_mean(here, 0.5 * rise) - _log_mean(there, -0.5 * rise)
            weight, here = weight + rise, there


def _bears(log_values: xr.DataArray, power: float) -> bool:
    """Return whether the draws tell the mean of the likelihood to a power."""
    values = power * log_values
    shares = np.exp(values.values - float(values.max()))
    effective = float(shares.sum()) ** 2 / float((shares**2).sum())
    enough = min(GATE_ESS, _LEAST_SHARE * shares.size)
    return effective >= enough and _mean_k(values) <= FINITE_VARIANCE


def _log_mean(log_values: xr.DataArray, power: float) -> float:
    """Return the log of the mean over draws of the likelihood to a power."""
    values = power * log_values.values
    top = float(values.max())
    return top + float(np.log(np.exp(values - top).mean()))


def _mean_k(log_values: xr.DataArray) -> float:
    """Return the Pareto k of the mean over draws of the exponentials."""
    import arviz_stats  # noqa: F401 - brings the accessor

    flat = log_values.stack(sample=SAMPLE)
    tail = np.sort(flat.values)[-max(5, flat.size // 5) :]
    if float(np.ptp(tail)) < _FLAT:
        return -np.inf
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _, k = (-flat).azstats.psislw(dim="sample")
    except ValueError as error:
        if "tail" not in str(error):
            raise
        return np.inf  # too few draws to tell
    return float(k)


def _r_hat(values: xr.DataArray) -> float:
    import arviz_stats as az

    if float(np.ptp(values.values)) < 1e-9:
        return 1.0
    return float(az.rhat(xr.Dataset({"value": values}))["value"])
