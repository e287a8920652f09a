"""Sampling by nutpie, and what ArviZ says of the convergence of its draws."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from data.quantities import base_name, quantities
from inference.engine.compilation import compile_copy, compile_density
from inference.engine.draws import SAMPLE, STACKED, labelled, stacked
from inference.engine.modes import CLIMBS, LogDensity, Solution, belongs, solutions, starting_points
from inference.thresholds import INTERVAL, TAIL_MOVED, TAILS, UNVISITED
from models.graph_building import building_graphs
from models.joint import JointModel

__all__ = [
    "Attempt",
    "Sampler",
    "convergence",
    "energy_information",
    "in_smaller_steps",
    "intervals",
    "moved_intervals",
    "scalars",
]

_COORDINATES, _COORDINATE = "coordinates", "coordinate"
_DRAWS_LOOKED_AT = 50  # of each chain, for the solution they are of
_PARAMETERS_SHOWN = 3
_ALIKE = 0.25  # of the largest difference, below which a parameter is none that differs
_TUNE_OF_NONE = 20  # the fewest that nutpie takes are about ten


class Sampler:
    """A compiled model, ready to be sampled.

    Parameters
    ----------
    model : JointModel
        From `models.joint.joint_model`. Its ``pm.Data`` are no constants of the machine code:
        other numbers in a table, and more rows, find the code of an earlier process again.
    """

    @building_graphs()
    def __init__(self, model: JointModel) -> None:
        from nutpie.compile_pymc import CompiledPyMCModel, make_user_data

        self._pymc = model.pymc
        density = compile_density(model)
        self._constrain = density.constrain
        self._centre, self._prior = density.centre, density.prior
        keys = {shared: f"data_{i}" for i, shared in enumerate(density.data)}
        data = {keys[shared]: values for shared, values in density.data.items()}
        record = make_user_data(keys, data)
        # nutpie's own compilation links and optimises the whole model once more, and compiles a
        # second function for the constrained variables, which many draws at once do without.
        self._compiled = CompiledPyMCModel(
            _n_dim=density.size,
            _coords={_COORDINATE: np.arange(density.size)},
            _shapes={_COORDINATES: (density.size,)},
            dims={_COORDINATES: (_COORDINATE,)},
            compiled_logp_func=density.c_function(record.dtype),
            compiled_expand_func=compile_copy(),
            initial_point_func=density.prior,
            shared_data=data,
            shared_var_keys=keys,
            user_data=record,
            n_expanded=density.size,
            shape_info=([_COORDINATES], [slice(0, density.size)], [(density.size,)]),
            logp_func=density.function,
            expand_func=None,
        )

    def sample(
        self,
        *,
        draws: int,
        tune: int,
        chains: int,
        cores: int,
        seed: int,
        target_accept: float,
        max_tree_depth: int = 10,
        progress: bool = False,
        data: Mapping[str, NDArray[Any]] | None = None,
        search: bool = True,
    ) -> tuple[xr.Dataset, xr.Dataset]:
        """Draw from the posterior.

        Parameters
        ----------
        draws, tune : int
            Kept and warm-up draws a chain.
        chains, cores : int
            Chains, and how many run at once; the draws do not depend on the latter.
        seed : int
            Of every chain.
        target_accept : float
            Acceptance that the step size is tuned to.
        max_tree_depth : int
            Most doublings of a trajectory.
        progress : bool
            Whether to show a bar.
        data : mapping of str to ndarray, optional
            Other values of ``pm.Data``, by name.
        search : bool
            Whether the posterior is climbed from many draws of the prior, for all its solutions;
            else from as many as there are chains, for their starts.

        Returns
        -------
        posterior : Dataset
            The free variables over ``chain`` and ``draw``.
        sample_stats : Dataset
            The sampler's own record. Where several solutions were found before (`modes`), its
            attribute ``solutions`` tells them and how chains went between them, and
            ``solutions_not_weighed`` is 1 where none did, or where one of them, no rare one, has no
            draw.
        """
        import nutpie

        compiled = self._compiled.with_data(**data) if data else self._compiled
        log_density = _log_density(compiled)
        found = solutions(log_density, self._draws(seed), CLIMBS if search else chains)
        tree = nutpie.sample(
            _started(compiled, found, chains, seed) if found else compiled,
            draws=draws,
            tune=tune,
            chains=chains,
            cores=cores,
            seed=seed,
            target_accept=target_accept,
            maxdepth=max_tree_depth,
            save_warmup=False,
            progress_bar=progress,
        )
        sampled = tree["posterior"].to_dataset()
        if sampled.sizes["chain"] != chains or sampled.sizes["draw"] != draws:
            # nutpie answers an interrupt with the draws so far; a cut chain is no result.
            raise KeyboardInterrupt
        coordinates = sampled[_COORDINATES].transpose(*SAMPLE, _COORDINATE)
        stats = tree["sample_stats"].to_dataset()
        if len(found) > 1:
            stats.attrs |= self._told(log_density, found, coordinates.values)
        return self._posterior(coordinates), stats

    def _draws(self, seed: int) -> Iterator[NDArray[np.float64]]:
        """Yield the middle of the prior, and then draws of it."""
        sequence = np.random.SeedSequence(seed)
        yield self._centre(int(sequence.generate_state(1)[0]))
        while True:
            yield self._prior(int(sequence.spawn(1)[0].generate_state(1)[0]))

    def _told(
        self, log_density: LogDensity, found: Sequence[Solution], draws: NDArray[np.float64]
    ) -> dict[str, Any]:
        """Say what the solutions are, and how chains went between them."""
        every = max(1, draws.shape[1] // _DRAWS_LOOKED_AT)
        of = np.stack([belongs(log_density, found, chain[::every]) for chain in draws])
        shares = np.stack([(of == place).mean(axis=1) for place in range(len(found))])
        going = int(((shares > 0.0).sum(axis=0) > 1).sum())
        mass = np.exp([each.log_mass - found[0].log_mass for each in found])
        mass /= mass.sum()
        missing = np.flatnonzero(~shares.any(axis=1))
        went = f"{going} of {len(draws)} chains went from one to another"
        if missing.size:
            went += f"; no draw is of number {' or '.join(str(at + 1) for at in missing)}"
        stuck = not going and missing.size < len(found) - 1
        return {
            "solutions": f"{len(found)}, of probability "
            f"{' and '.join(f'{each:.2g}' for each in mass)} by the curvature at each; "
            f"{self._difference(found, draws)}; {went}",
            "solutions_not_weighed": int(stuck or bool((mass[missing] > UNVISITED).any())),
        }

    def _difference(self, found: Sequence[Solution], draws: NDArray[np.float64]) -> str:
        """Say in which parameters solutions differ most, in standard deviations of all draws."""
        at, all_draws = (
            scalars(labelled(self._pymc, self._constrain(points), sizes))
            for points in (np.stack([each.at for each in found])[None], draws)
            for sizes in [dict(zip(SAMPLE, map(np.arange, points.shape[:2]), strict=True))]
        )
        apart = {
            str(name): float(np.ptp(at[name].values) / all_draws[name].values.std()) for name in at
        }
        known = [name for name in apart if base_name(name) in quantities()] or [*apart]
        order = sorted(known, key=lambda name: -apart[name])
        shown = ", ".join(
            f"{name} ({' and '.join(f'{value:.3g}' for value in at[name].values[0])})"
            for name in order[:_PARAMETERS_SHOWN]
            if apart[name] > _ALIKE * apart[order[0]]
        )
        return f"they differ most in {shown}"

    def _posterior(self, coordinates: xr.DataArray) -> xr.Dataset:
        """Return the free variables at draws of the coordinates."""
        free = self._constrain(coordinates.values)
        return labelled(self._pymc, free, {dim: coordinates[dim].values for dim in SAMPLE})


def _log_density(compiled: Any) -> LogDensity:
    """Return the log density and its gradient, as the sampler computes them with its data."""
    from ctypes import POINTER, c_double

    function, data = compiled.compiled_logp_func.ctypes, compiled.user_data.ctypes.data
    pointer = POINTER(c_double)

    def evaluate(x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        at, slope, value = np.ascontiguousarray(x), np.empty(x.size), np.full(1, np.nan)
        failed = function(
            x.size, *(each.ctypes.data_as(pointer) for each in (at, slope, value)), data
        )
        return (np.nan if failed else float(value[0])), slope

    return evaluate


def _started(compiled: Any, found: Sequence[Solution], chains: int, seed: int) -> Any:
    """Return the compiled model with a start of its own for each chain.

    nutpie asks for a start with a seed of the chain, from whatever thread comes first. Which seeds
    those are, it tells in a few draws; in their order chains get their starts, so that these do not
    depend on the threads.
    """
    import nutpie

    points = starting_points(found, chains)
    asked: list[int] = []

    def note(seed: int) -> NDArray[np.float64]:
        asked.append(seed)
        return points[0]

    nutpie.sample(
        dataclasses.replace(compiled, initial_point_func=note),
        draws=chains, tune=_TUNE_OF_NONE, chains=chains, cores=1, seed=seed, maxdepth=1,
        save_warmup=False, progress_bar=False,
    )  # fmt: skip
    starts = dict(zip(sorted(asked), points, strict=False))

    def start(seed: int) -> NDArray[np.float64]:
        return starts[seed] if seed in starts else points[seed % chains]

    return dataclasses.replace(compiled, initial_point_func=start)


def scalars(draws: xr.Dataset) -> xr.Dataset:
    """Return every scalar that varies as a variable of its own, labelled ``name[coordinate]``.

    Parameters
    ----------
    draws : Dataset
        Draws over ``chain`` and ``draw``.

    Returns
    -------
    Dataset
        Constants, which have no effective sample size, are left out.
    """
    found: dict[str, xr.DataArray] = {}
    for name, values in draws.data_vars.items():
        dims = [dim for dim in values.dims if dim not in {"chain", "draw"}]
        if not dims:
            found[str(name)] = values
            continue
        flat = values.stack(entry=dims, create_index=False)
        for i in range(flat.sizes["entry"]):
            one = flat.isel(entry=i)
            where = ", ".join(str(one[dim].values) if dim in one.coords else str(i) for dim in dims)
            found[f"{name}[{where}]"] = one.drop_vars(dims, errors="ignore")
    return xr.Dataset(
        {name: values for name, values in found.items() if np.ptp(values.values) != 0},
        coords={dim: draws[dim] for dim in ("chain", "draw")},
    )


class Attempt(NamedTuple):
    """Draws of the posterior, the sampler's record, and how many transitions diverged."""

    target_accept: float
    posterior: xr.Dataset
    sample_stats: xr.Dataset
    divergences: int


def in_smaller_steps(
    sampler: Sampler, accepts: Iterable[float], **settings: Any
) -> Iterator[Attempt]:
    """Sample with one `target_accept` after the other, until no transition diverges."""
    for accept in accepts:
        sampled, stats = sampler.sample(**{**settings, "target_accept": accept})
        yield Attempt(accept, sampled, stats, int(stats["diverging"].sum()))
        if not stats["diverging"].any():
            return


def convergence(draws: xr.Dataset) -> Any:
    """Return R-hat (rank-normalised) and the bulk and tail effective sample sizes.

    Parameters
    ----------
    draws : Dataset
        From `scalars`.

    Returns
    -------
    DataFrame
        A row for each scalar; columns ``r_hat``, ``ess_bulk``, ``ess_tail``.
    """
    return _summary(draws, kind="diagnostics")


def intervals(draws: xr.Dataset) -> Any:
    """Return medians and equal-tailed intervals of probability `thresholds.INTERVAL`.

    Parameters
    ----------
    draws : Dataset
        From `scalars`.

    Returns
    -------
    DataFrame
        A row for each scalar; columns ``median``, ``lower``, ``upper``.
    """
    table = _summary(draws, kind="stats_median", ci_kind="eti", ci_prob=INTERVAL)
    ends = {
        column: column.rpartition("_")[2] for column in table.columns if column.startswith("eti")
    }
    table = table.rename(columns={c: {"lb": "lower", "ub": "upper"}[e] for c, e in ends.items()})
    return table[["median", "lower", "upper"]]


def moved_intervals(before: xr.Dataset, after: xr.Dataset) -> dict[str, tuple[Any, Any]]:
    """Return the intervals that more draws have moved by more than chance.

    Parameters
    ----------
    before, after : Dataset
        From `scalars`, of two samplings of one posterior.

    Returns
    -------
    dict of str to (ndarray of shape (2,), ndarray of shape (2,))
        By scalar, the ends before and after, where one of them has moved by more than
        `thresholds.TAIL_MOVED` standard errors, those of quantiles in both; the farthest first.
    """
    import arviz_stats as az

    names = [name for name in after.data_vars if name in before.data_vars]
    ends, errors = [], []
    for draws in (before, after):
        together = stacked(draws[names])
        ends.append(together[STACKED].quantile(TAILS, dim=SAMPLE).values)
        errors.append(
            np.stack(
                [az.mcse(together, method="quantile", prob=tail)[STACKED].values for tail in TAILS]
            )
        )
    far = (np.abs(ends[1] - ends[0]) / np.hypot(*errors)).max(axis=0)
    return {
        str(names[i]): (ends[0][:, i], ends[1][:, i])
        for i in np.argsort(-far)
        if far[i] > TAIL_MOVED
    }


def _summary(draws: xr.Dataset, **choices: Any) -> Any:
    """Return ArviZ's summary of scalars, a row for each by its name."""
    import arviz_stats as az

    tree = xr.DataTree.from_dict({"posterior": stacked(draws)})
    table = az.summary(tree, round_to="none", **choices)
    table.index = draws.data_vars
    return table


def energy_information(sample_stats: xr.Dataset) -> Any:
    """Return the Bayesian fraction of missing information of each chain, shape (chain,)."""
    import arviz_stats as az

    tree = xr.DataTree.from_dict({"sample_stats": sample_stats})
    return np.atleast_1d(np.asarray(az.bfmi(tree)["energy"]))
