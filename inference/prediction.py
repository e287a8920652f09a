"""What follows from draws of the free variables: derived quantities, predictions, log-densities.

One compiled function takes the free variables of a draw to everything that depends on them. The
observations are then drawn and weighed in NumPy, all draws at once, by the same distributions that
the model was sampled with (`models.likelihoods.Observation`).
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from models.garbage import no_collection

__all__ = ["Predictor"]

Array = NDArray[np.float64]

_AT_ONCE = 100_000_000
"""Numbers held at once of what observations depend on; bounds the memory of large tables."""

_KEPT = 4  # numbers a row, beside the parameters of its distribution: drawn, weighed, twice
_CHUNK = 20_000_000
"""Numbers held at once while observations are drawn; bounds the memory of large tables."""


class Predictor:
    """A model compiled for prediction.

    Parameters
    ----------
    model : pymc.Model
        From `models.joint.build_model`.
    """

    @no_collection()
    def __init__(self, model: Any) -> None:
        import pymc as pm
        from pytensor import function
        from pytensor.graph.replace import clone_replace
        from pytensor.graph.traversal import ancestors

        self._model = model
        free = model.free_RVs
        stand_ins = [rv.type(name=rv.name) for rv in free]
        swap = dict(zip(free, stand_ins, strict=True))
        depends: dict[str, list[Any]] = {}
        fixed: dict[str, list[Any]] = {}
        for name, observation in model.observations.items():
            depends[name], fixed[name] = [], []
            for parameter in observation.parameters:
                moving = any(node in swap for node in ancestors([parameter]))
                (depends if moving else fixed)[name].append(parameter)
        # A parameter without a free variable behind it is evaluated once.
        every = [parameter for parameters in fixed.values() for parameter in parameters]
        values = iter(function([], every, mode="FAST_COMPILE")() if every else [])
        self._constants = {
            name: [
                np.asarray(next(values)) if any(p is each for each in fixed[name]) else None
                for p in observation.parameters
            ]
            for name, observation in model.observations.items()
        }
        self._depends = {name: len(parameters) for name, parameters in depends.items()}
        prior_terms = [pm.logp(rv, swap[rv]) for rv in free]
        outputs = clone_replace(
            [
                *model.deterministics,
                *(p for parameters in depends.values() for p in parameters),
                *prior_terms,
            ],
            swap,
        )
        self._function = function(
            stand_ins, outputs, mode="NUMBA", on_unused_input="ignore", trust_input=True
        )

    def prior(self, draws: int, seed: int) -> xr.Dataset:
        """Draw the free variables from their prior.

        Parameters
        ----------
        draws : int
            How many.
        seed : int
            Of the draws.

        Returns
        -------
        Dataset
            Over ``chain`` (one) and ``draw``.
        """
        import pymc as pm

        free = self._model.free_RVs
        # The function runs once a draw: to compile it would take longer than to interpret it.
        drawn = pm.draw(free, draws=draws, random_seed=seed, mode="FAST_COMPILE")
        if draws == 1:  # PyMC then adds no axis
            drawn = [np.asarray(values)[None] for values in drawn]
        return xr.Dataset(
            {
                rv.name: (("chain", "draw", *self._dims(rv)), np.asarray(values)[None])
                for rv, values in zip(free, drawn, strict=True)
            },
            coords={"chain": [0], "draw": np.arange(draws)},
        )

    def _dims(self, variable: Any) -> tuple[str, ...]:
        named = self._model.named_vars_to_dims.get(variable.name)
        if named is not None:
            return tuple(str(dim) for dim in named)
        return tuple(f"{variable.name}_dim_{i}" for i in range(variable.ndim))

    def _coords(self, dims: Any) -> dict[str, list[str]]:
        known = self._model.coords
        return {str(d): list(known[d]) for d in dims if known.get(d) is not None}

    def _outputs(self, free: xr.Dataset) -> list[Array]:
        """Run the function for every draw; each of its outputs stacked over draws."""
        chains, draws = free.sizes["chain"], free.sizes["draw"]
        arrays = [
            np.ascontiguousarray(free[rv.name].transpose("chain", "draw", ...).values)
            for rv in self._model.free_RVs
        ]
        rows = [array.reshape(chains * draws, *array.shape[2:]) for array in arrays]
        collected: list[list[Any]] = [
            self._function(*(np.asarray(row[i]) for row in rows)) for i in range(chains * draws)
        ]
        return [np.stack([outputs[k] for outputs in collected]) for k in range(len(collected[0]))]

    def derive(self, free: xr.Dataset) -> xr.Dataset:
        """Compute the derived quantities alone.

        Parameters
        ----------
        free : Dataset
            Free variables over ``chain`` and ``draw``.

        Returns
        -------
        Dataset
            As ``derived`` of `evaluate`.
        """
        variables = self._derived(iter(self._outputs(free)), free)
        used = {str(dim) for dims, _ in variables.values() for dim in dims} - {"chain", "draw"}
        sample = {"chain": free["chain"], "draw": free["draw"]}
        return xr.Dataset(variables, coords=sample | self._coords(used))

    def _derived(self, outputs: Iterator[Array], free: xr.Dataset) -> dict[str, Any]:
        """Take the derived quantities from the head of the outputs."""
        chains, draws = free.sizes["chain"], free.sizes["draw"]
        return {
            variable.name: (
                ("chain", "draw", *self._dims(variable)),
                _over_draws(next(outputs), chains, draws),
            )
            for variable in self._model.deterministics
        }

    def evaluate(self, free: xr.Dataset, seed: int) -> dict[str, xr.Dataset]:
        """Compute everything that follows from draws of the free variables.

        Parameters
        ----------
        free : Dataset
            Free variables over ``chain`` and ``draw``.
        seed : int
            Of the predicted observations.

        Returns
        -------
        dict of str to Dataset
            ``derived``, ``log_prior``, ``predictive`` and ``log_likelihood``.
        """
        rng = np.random.default_rng(seed)
        # What the observations depend on is many times what is kept of them.
        numbers = sum(
            (count + _KEPT) * self.observed[name].size for name, count in self._depends.items()
        )
        step = max(1, _AT_ONCE // (numbers * free.sizes["chain"]))
        parts = [
            self._evaluate(free.isel(draw=chunk), rng)
            for chunk in _chunks(free.sizes["draw"], step)
        ]
        if len(parts) == 1:
            return parts[0]
        how: Any = {"data_vars": "minimal", "coords": "minimal", "compat": "override"}
        return {
            group: xr.concat([part[group] for part in parts], "draw", join="override", **how)
            for group in parts[0]
        }

    def _evaluate(self, free: xr.Dataset, rng: np.random.Generator) -> dict[str, xr.Dataset]:
        """Compute everything that follows from some draws, all of them at once."""
        chains, draws = free.sizes["chain"], free.sizes["draw"]
        stacked = iter(self._outputs(free))
        sample = {"chain": free["chain"], "draw": free["draw"]}

        def over_draws(values: Array) -> Array:
            return _over_draws(values, chains, draws)

        derived = self._derived(stacked, free)
        parameters = {
            name: [next(stacked) for _ in range(count)] for name, count in self._depends.items()
        }
        log_prior = {
            rv.name: (("chain", "draw", *self._dims(rv)), over_draws(next(stacked)))
            for rv in self._model.free_RVs
        }
        predictive, log_likelihood = {}, {}
        for name, moving in parameters.items():
            dims = ("chain", "draw", f"{name}_row")
            drawn, weighed = self._observe(name, moving, chains * draws, rng)
            predictive[name] = (dims, over_draws(drawn))
            log_likelihood[name] = (dims, over_draws(weighed))
        used = {dim for dims, _ in (derived | log_prior | predictive).values() for dim in dims}
        coords = sample | self._coords(used - {"chain", "draw"})

        def dataset(variables: Mapping[str, Any]) -> xr.Dataset:
            own = {dim for dims, _ in variables.values() for dim in dims}
            return xr.Dataset(variables, coords={k: v for k, v in coords.items() if k in own})

        return {
            "derived": dataset(derived),
            "log_prior": dataset(log_prior),
            "predictive": dataset(predictive),
            "log_likelihood": dataset(log_likelihood),
        }

    def _observe(
        self, name: str, moving: list[Array], total: int, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        """Draw and weigh one observed variable for every draw of its parameters."""
        observation = self._model.observations[name]
        observed = self.observed[name]
        drawn, weighed = (np.empty((total, observed.size)) for _ in range(2))
        for chunk in _chunks(total, max(1, _CHUNK // (64 * observed.size))):
            varying = iter(moving)
            parameters = [
                next(varying)[chunk] if fixed is None else fixed for fixed in self._constants[name]
            ]
            shape = (chunk.stop - chunk.start, observed.size)
            full = [np.broadcast_to(p, shape) for p in parameters]
            with np.errstate(all="ignore"):  # the branches that a row does not take
                drawn[chunk] = observation.draw(*full, rng=rng, size=shape)
                weighed[chunk] = observation.logp(observed, *full)
        return drawn, weighed

    @property
    def observed(self) -> dict[str, Array]:
        """Observed values by the name of their variable."""
        return {
            name: np.asarray(self._model[f"{name}_data"].get_value())
            for name in self._model.observations
        }


def _over_draws(values: Array, chains: int, draws: int) -> Array:
    return values.reshape(chains, draws, *values.shape[1:])


def _chunks(total: int, size: int) -> Iterator[slice]:
    for start in range(0, total, size):
        yield slice(start, min(start + size, total))
