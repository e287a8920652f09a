"""Sampling and its diagnostics: the one module that talks to nutpie and ArviZ."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from inference.compilation import compile_copy, compile_density
from inference.draws import SAMPLE, STACKED, labelled, stacked
from inference.thresholds import INTERVAL, TAIL_MOVED
from models.graph_building import building_graphs

__all__ = [
    "Sampler",
    "convergence",
    "energy_information",
    "intervals",
    "moved_intervals",
    "scalars",
]

_COORDINATES, _COORDINATE = "coordinates", "coordinate"


class Sampler:
    """A compiled model, ready to be sampled.

    Parameters
    ----------
    model : pymc.Model
        From `models.joint.build_model`. Its ``pm.Data`` are no constants of the machine code:
        other numbers in a table, and more rows, find the code of an earlier process again.
    """

    @building_graphs()
    def __init__(self, model: Any) -> None:
        from nutpie.compile_pymc import CompiledPyMCModel, make_user_data

        self._model = model
        density = compile_density(model)
        self._constrain = density.constrain
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
            initial_point_func=density.starts,
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

        Returns
        -------
        posterior : Dataset
            The free variables over ``chain`` and ``draw``.
        sample_stats : Dataset
            The sampler's own record.
        """
        import nutpie

        tree = nutpie.sample(
            self._compiled.with_data(**data) if data else self._compiled,
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
        return self._posterior(sampled[_COORDINATES]), tree["sample_stats"].to_dataset()

    def _posterior(self, coordinates: xr.DataArray) -> xr.Dataset:
        """Return the free variables at draws of the coordinates."""
        free = self._constrain(coordinates.transpose(*SAMPLE, _COORDINATE).values)
        return labelled(self._model, free, {dim: coordinates[dim].values for dim in SAMPLE})


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
        tails = ((1.0 - INTERVAL) / 2.0, (1.0 + INTERVAL) / 2.0)
        ends.append(together[STACKED].quantile(tails, dim=SAMPLE).values)
        errors.append(
            np.stack(
                [az.mcse(together, method="quantile", prob=tail)[STACKED].values for tail in tails]
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
