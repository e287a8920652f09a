"""Draws moved to where a fit without a unit would have them."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from data.arrays import Array
from inference.engine.draws import SAMPLE
from inference.studies.comparison.units import (
    FINITE_VARIANCE,
    Entry,
    Fitted,
    Unit,
    density,
)

__all__ = ["match_moments", "monte_carlo_errors"]

_MATCHING_ROUNDS = 10


def monte_carlo_errors(data: xr.DataTree, original: Any) -> Array:
    """Return the standard errors of the log densities that finite weights have, of each unit."""
    log_density = data["log_likelihood"]["left_out"] - original.elpd_i
    parts = np.exp(original.log_weights + log_density) - np.exp(original.log_weights)
    errors: Array = np.sqrt((parts**2).sum(SAMPLE)).transpose("unit").values
    return errors


def match_moments(
    fitted: Fitted,
    units: Sequence[Unit],
    data: xr.DataTree,
    original: Any,
    entries: Sequence[Entry],
    heavy: Sequence[int],
) -> None:
    """Move the draws for units of heavy-tailed weights; note what came of each."""
    import arviz_stats as az

    space = _Unconstrained(fitted)
    good_k = float(original.good_k)
    chosen = np.isin(np.arange(len(units)), heavy)
    others_light = replace(original, pareto_k=original.pareto_k.where(chosen, -np.inf))
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            matched = az.loo_moment_match(
                data,
                others_light,
                log_prob_upars_fn=space.log_density,
                log_lik_i_upars_fn=lambda draws, i: space.log_likelihood(draws, units[int(i)]),
                upars=space.draws,
                var_name="left_out",
                max_iters=_MATCHING_ROUNDS,
                k_threshold=min(FINITE_VARIANCE, good_k),
                pointwise=True,
            )
    except (ValueError, FloatingPointError, np.linalg.LinAlgError) as error:
        for i in heavy:
            entries[i].notes.append(f"moment matching was not possible ({error})")
        return
    for i in heavy:
        k, elpd = float(matched.pareto_k.values[i]), float(matched.elpd_i.values[i])
        lighter = not k >= entries[i].k  # the k of raw weights is infinite or NaN where they break
        if lighter and k <= good_k and np.isfinite(elpd):
            entries[i].method, entries[i].elpd = "moment matching", elpd
        entries[i].notes.append(f"{k:.2f} after moment matching")


class _Unconstrained:
    """The posterior of a model on the space that samplers move in.

    Parameters
    ----------
    fitted : Fitted
        The fit.
    """

    def __init__(self, fitted: Fitted) -> None:
        self._fitted = fitted
        self._back, self.draws = self._transforms()
        self._last: tuple[Array, xr.DataArray, xr.Dataset] | None = None

    def _transforms(self) -> tuple[Callable[[Array], tuple[list[Array], Array]], xr.DataArray]:
        """Compile the way back, and bring the draws at hand there."""
        import pytensor.tensor as pt
        from pytensor import function
        from pytensor.graph.replace import vectorize_graph

        model, free = self._fitted.model.pymc, self._fitted.free
        there, here, one, outputs, jacobian = [], [], [], [], []
        for rv in model.free_RVs:
            transform = model.rvs_to_transforms[rv]
            inside, outside = rv.type(), rv.type()
            one.append((inside, outside))
            if transform is None:
                here.append(inside)
                outputs.append(outside)
            else:
                here.append(transform.forward(inside, *rv.owner.inputs))
                outputs.append(transform.backward(outside, *rv.owner.inputs))
                jacobian.append(transform.log_jac_det(outside, *rv.owner.inputs))
            there.append(free[rv.name].transpose(*SAMPLE, ...).values)
        batches = [pt.tensor(dtype="float64", shape=(None,) * (rv.ndim + 1)) for rv, _ in one]
        settings = {"mode": "FAST_COMPILE", "on_unused_input": "ignore"}
        forward = function(
            batches,
            vectorize_graph(here, dict(zip([i for i, _ in one], batches, strict=True))),
            **settings,
        )
        backward = function(
            batches,
            vectorize_graph(
                [*outputs, *jacobian], dict(zip([o for _, o in one], batches, strict=True))
            ),
            **settings,
        )
        sizes = [int(np.prod(values.shape[2:], dtype=int)) for values in there]
        shapes = [values.shape[2:] for values in there]
        chains, draws = free.sizes["chain"], free.sizes["draw"]
        moved = forward(*(values.reshape(chains * draws, *values.shape[2:]) for values in there))
        flat = np.concatenate(
            [np.asarray(v).reshape(chains * draws, n) for v, n in zip(moved, sizes, strict=True)],
            axis=1,
        )

        def back(flat: Array) -> tuple[list[Array], Array]:
            parts = np.split(flat, np.cumsum(sizes)[:-1], axis=1)
            found = backward(
                *(
                    np.ascontiguousarray(part).reshape(len(flat), *shape)
                    for part, shape in zip(parts, shapes, strict=True)
                )
            )
            total = np.zeros(len(flat))
            for term in found[len(outputs) :]:
                total += np.asarray(term).reshape(len(flat), -1).sum(axis=1)
            return found[: len(outputs)], total

        upars = xr.DataArray(
            flat.reshape(chains, draws, -1),
            dims=(*SAMPLE, "unconstrained"),
            coords={dim: free[dim] for dim in SAMPLE},
        )
        return back, upars

    def _evaluate(self, draws: xr.DataArray) -> tuple[xr.DataArray, xr.Dataset]:
        """Return log-density and log-likelihoods at draws; both are asked for in turn."""
        values = draws.transpose(*SAMPLE, ...).values
        if self._last is not None and np.array_equal(self._last[0], values):
            return self._last[1], self._last[2]
        chains, count = values.shape[:2]
        back, jacobian = self._back(values.reshape(chains * count, -1))
        model, coords = self._fitted.model.pymc, {dim: draws[dim] for dim in SAMPLE}
        free = xr.Dataset(
            {
                rv.name: (
                    (*SAMPLE, *(f"{rv.name}_{axis}" for axis in range(rv.ndim))),
                    np.asarray(each).reshape(chains, count, *each.shape[1:]),
                )
                for rv, each in zip(model.free_RVs, back, strict=True)
            },
            coords=coords,
        )
        found = self._fitted.predictor.evaluate(free, 0)
        total = jacobian.reshape(chains, count).copy()
        for group in ("log_prior", "log_likelihood"):
            for term in found[group].data_vars.values():
                total += term.transpose(*SAMPLE, ...).values.reshape(chains, count, -1).sum(-1)
        density = xr.DataArray(total, dims=SAMPLE, coords=coords)
        self._last = (values.copy(), density, found["log_likelihood"])
        return density, found["log_likelihood"]

    def log_density(self, draws: xr.DataArray) -> xr.DataArray:
        """Return the log posterior density with its Jacobian, over ``chain`` and ``draw``."""
        return self._evaluate(draws)[0]

    def log_likelihood(self, draws: xr.DataArray, unit: Unit) -> xr.DataArray:
        """Return the log-likelihood of a unit, over ``chain`` and ``draw``."""
        return density(self._evaluate(draws)[1], unit)
