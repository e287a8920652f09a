"""What follows from draws of the free variables: derived quantities, predictions, log-densities.

The graph of the model, given a leading axis of draws, is evaluated by NumPy operation by operation:
for all draws at once that is as fast as compiled code, and there is nothing to compile. The
observations are then drawn and weighed in NumPy, too, by the same distributions that the model was
sampled with (`models.likelihoods.Observation`).
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from data.arrays import Array
from inference.engine.compilation import interpreted
from inference.engine.draws import SAMPLE, coordinates, dimensions, labelled
from models.graph_building import building_graphs
from models.joint import JointModel

__all__ = ["Predictor"]


_AT_ONCE = 100_000_000
"""Numbers held at once of what observations depend on; bounds the memory of large tables."""

_BLOCK = 1_000_000
"""Observations times draws that the graph is evaluated for at once; bounds what lies between."""

_MOST_KEPT = 4_000_000
"""Predicted numbers that a result holds, unless they would be of fewer than `_LEAST_KEPT` draws."""

_LEAST_KEPT = 400
"""Draws that predictions are kept of: the least share that checks tell from none is a 400th."""

_KEPT = 4  # numbers a row, beside the parameters of its distribution: drawn, weighed, twice
_CHUNK = 20_000_000
"""Numbers held at once while observations are drawn; bounds the memory of large tables."""


class Predictor:
    """A model made ready for prediction.

    Parameters
    ----------
    model : JointModel
        From `models.joint.joint_model`.
    """

    @building_graphs()
    def __init__(self, model: JointModel) -> None:
        import pymc as pm
        import pytensor.tensor as pt
        from pytensor import function
        from pytensor.graph.replace import clone_replace, vectorize_graph
        from pytensor.graph.traversal import ancestors

        self._model, self._pymc = model, model.pymc
        self._free = free = model.pymc.free_RVs
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
        values = iter(function([], every, mode=interpreted())() if every else [])
        self._constants = {
            name: [
                np.asarray(next(values)) if any(p is each for each in fixed[name]) else None
                for p in observation.parameters
            ]
            for name, observation in model.observations.items()
        }
        self._depends = {name: len(parameters) for name, parameters in depends.items()}
        self._rows = {name: values.size for name, values in model.observed.items()}
        prior_terms = [pm.logp(rv, swap[rv]) for rv in free]
        single = clone_replace(
            [
                *model.pymc.deterministics,
                *(p for parameters in depends.values() for p in parameters),
                *prior_terms,
            ],
            swap,
        )
        many = [pt.tensor(shape=(None, *each.type.shape), dtype=each.dtype) for each in stand_ins]
        outputs = vectorize_graph(single, replace=dict(zip(stand_ins, many, strict=True)))
        # What depends on no free variable has no axis of draws.
        self._varies = [new.ndim > old.ndim for new, old in zip(outputs, single, strict=True)]
        self._function = function(
            many, outputs, mode=interpreted(), on_unused_input="ignore", trust_input=True
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
        from pymc.distributions.shape_utils import change_dist_size
        from pytensor.graph.replace import vectorize_graph
        from pytensor.graph.traversal import ancestors

        free = self._free
        many: dict[Any, Any] = {}
        for rv in free:
            given = {each: many[each] for each in ancestors([rv]) if each in many}
            many[rv] = (
                vectorize_graph(rv, replace=given)
                if given
                else change_dist_size(rv, (draws,), expand=True)
            )
        drawn = pm.draw(list(many.values()), random_seed=seed, mode=interpreted())
        found = {rv.name: np.asarray(each)[None] for rv, each in zip(free, drawn, strict=True)}
        return labelled(self._pymc, found, {"chain": [0], "draw": np.arange(draws)})

    def _outputs(self, free: xr.Dataset) -> list[Array]:
        """Evaluate the graph for every draw; each of its outputs over all draws."""
        total = free.sizes["chain"] * free.sizes["draw"]
        arrays = [
            np.ascontiguousarray(free[rv.name].transpose(*SAMPLE, ...).values) for rv in self._free
        ]
        rows = [array.reshape(total, *array.shape[2:]) for array in arrays]
        blocks = []
        for chunk in _chunks(total, max(1, _BLOCK // max(1, sum(self._rows.values())))):
            with np.errstate(all="ignore"):  # the branches that a draw does not take
                found = self._function(*(row[chunk] for row in rows))
            count = chunk.stop - chunk.start
            blocks.append(
                [
                    each if varies else np.broadcast_to(each, (count, *np.shape(each)))
                    for each, varies in zip(found, self._varies, strict=True)
                ]
            )
        if len(blocks) == 1:
            return blocks[0]
        return [np.concatenate(parts) for parts in zip(*blocks, strict=True)]

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
        return xr.Dataset(variables, coords=sample | coordinates(self._pymc, used))

    def _derived(self, outputs: Iterator[Array], free: xr.Dataset) -> dict[str, Any]:
        """Take the derived quantities from the head of the outputs."""
        chains, draws = free.sizes["chain"], free.sizes["draw"]
        return {
            variable.name: (
                ("chain", "draw", *dimensions(self._pymc, variable)),
                _over_draws(next(outputs), chains, draws),
            )
            for variable in self._pymc.deterministics
        }

    def evaluate(
        self,
        free: xr.Dataset,
        seed: int,
        *,
        observed: Mapping[str, Array] | None = None,
        row_by_row: bool = False,
        to_store: bool = False,
    ) -> dict[str, xr.Dataset]:
        """Compute everything that follows from draws of the free variables.

        Parameters
        ----------
        free : Dataset
            Free variables over ``chain`` and ``draw``.
        seed : int
            Of the predicted observations.
        observed : mapping of str to ndarray, each of shape (rows,), optional
            What was observed of every variable; the model's own data when left out.
        row_by_row : bool
            Where an observation depends on another, whether it is predicted for what was observed
            of the other, as its log-likelihood is; else for what is drawn of it, so that a draw is
            a whole campaign.
        to_store : bool
            Whether log-likelihoods are in single precision, whose rounding changes the weight of a
            draw by less than a millionth, and observations of large tables are predicted for every
            k-th draw of each chain only: k is the least that leaves four million numbers or fewer,
            yet 400 draws or more.

        Returns
        -------
        dict of str to Dataset
            ``derived``, ``log_prior``, ``predictive`` and ``log_likelihood``; where cells are of
            two kinds also ``second_kind``, the probability that a row's cell is of the second.
        """
        rng = np.random.default_rng(seed)
        # What the observations depend on is many times what is kept of them.
        numbers = sum((count + _KEPT) * self._rows[name] for name, count in self._depends.items())
        step = max(1, _AT_ONCE // (numbers * free.sizes["chain"]))
        every = self._every(free) if to_store else 1
        parts = [
            self._evaluate(
                free.isel(draw=chunk),
                rng,
                self._model.observed if observed is None else observed,
                row_by_row,
                np.arange(chunk.start, chunk.stop) % every == 0,
                np.float32 if to_store else np.float64,
            )
            for chunk in _chunks(free.sizes["draw"], step)
        ]
        how: Any = {"data_vars": "minimal", "coords": "minimal", "compat": "override"}
        found = parts[0]
        if len(parts) > 1:
            found = {
                group: xr.concat([part[group] for part in parts], "draw", join="override", **how)
                for group in found
            }
        if to_store:
            found["log_likelihood"].attrs["precision"] = "single"
        if every > 1:
            found["predictive"].attrs["draws"] = f"of every {every} draws of each chain the first"
        return found

    def _every(self, free: xr.Dataset) -> int:
        """Return k where observations are predicted for every k-th draw of a chain."""
        draws = free.sizes["chain"] * free.sizes["draw"]
        numbers = draws * sum(self._rows.values())
        return max(1, min(-(-numbers // _MOST_KEPT), draws // _LEAST_KEPT))

    def _evaluate(
        self,
        free: xr.Dataset,
        rng: np.random.Generator,
        observed: Mapping[str, Array],
        row_by_row: bool,
        predicted: NDArray[np.bool_],
        precision: type[np.floating[Any]],
    ) -> dict[str, xr.Dataset]:
        """Compute everything that follows from some draws, all of them at once.

        `predicted` says for which of the draws of each chain observations are drawn.
        """
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
            rv.name: (("chain", "draw", *dimensions(self._pymc, rv)), over_draws(next(stacked)))
            for rv in self._free
        }
        predictive, log_likelihood, second_kind = {}, {}, {}
        at = np.tile(predicted, chains)
        drawn: dict[str, Array] = {}
        for name, moving in parameters.items():
            dims = ("chain", "draw", f"{name}_row")
            others = observed if row_by_row else drawn
            drawn[name], weighed, kinds = self._observe(
                name, moving, at, rng, observed, others, precision
            )
            predictive[name] = (dims, _over_draws(drawn[name], chains, int(predicted.sum())))
            log_likelihood[name] = (dims, over_draws(weighed))
            if kinds is not None:
                second_kind[name] = (dims, over_draws(kinds))
        used = {dim for dims, _ in (derived | log_prior | predictive).values() for dim in dims}
        coords = sample | coordinates(self._pymc, used - {"chain", "draw"})
        of_predicted = coords | {"draw": free["draw"][predicted]}

        def dataset(variables: Mapping[str, Any], coords: Mapping[str, Any] = coords) -> xr.Dataset:
            own = {dim for dims, _ in variables.values() for dim in dims}
            return xr.Dataset(variables, coords={k: v for k, v in coords.items() if k in own})

        found = {
            "derived": dataset(derived),
            "log_prior": dataset(log_prior),
            "predictive": dataset(predictive, of_predicted),
            "log_likelihood": dataset(log_likelihood),
        }
        return found | ({"second_kind": dataset(second_kind)} if second_kind else {})

    def _observe(
        self,
        name: str,
        moving: list[Array],
        predicted: NDArray[np.bool_],
        rng: np.random.Generator,
        every: Mapping[str, Array],
        others: Mapping[str, Array],
        precision: type[np.floating[Any]],
    ) -> tuple[Array, Array, Array | None]:
        """Draw one observed variable, given `others`, and weigh what was observed of every one."""
        observation = self._model.observations[name]
        observed = every[name]
        known, given = observation.given_by(every), observation.given_by(others)
        total, kept = predicted.size, int(predicted.sum())
        drawn = np.empty((kept, observed.size))
        weighed = np.empty((total, observed.size), precision)
        kinds = np.empty((total, observed.size)) if observation.second_kind else None
        size = max(1, _CHUNK // (64 * observed.size * observation.kinds))
        done = 0
        for chunk in _chunks(total, size):
            varying = iter(moving)
            parameters = [
                next(varying)[chunk] if fixed is None else fixed for fixed in self._constants[name]
            ]
            shape = (chunk.stop - chunk.start, observed.size)
            full = [np.broadcast_to(p, shape) for p in parameters]
            at = predicted[chunk]
            here = slice(done, done + int(at.sum()))
            done = here.stop
            with np.errstate(all="ignore"):  # the branches that a row does not take
                before = [np.broadcast_to(each, (kept, observed.size))[here] for each in given]
                drawn[here] = observation.draw(
                    *before,
                    *(full if at.all() else [each[at] for each in full]),
                    rng=rng,
                    size=(here.stop - here.start, observed.size),
                )
                weighed[chunk] = observation.logp(observed, *known, *full)
                if kinds is not None and observation.second_kind is not None:
                    kinds[chunk] = observation.second_kind(observed, *full)
        return drawn, weighed, kinds


def _over_draws(values: Array, chains: int, draws: int) -> Array:
    return values.reshape(chains, draws, *values.shape[1:])


def _chunks(total: int, size: int) -> Iterator[slice]:
    for start in range(0, total, size):
        yield slice(start, min(start + size, total))
