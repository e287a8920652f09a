"""The statistics and plots that ArviZ has, as checks and calibrations ask for them."""

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import xarray as xr

from data.arrays import Array
from inference.engine.draws import SAMPLE, STACKED, stacked
from inference.engine.sampling import convergence

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "diagnostics",
    "draw_rank_ecdf",
    "left_out_weights",
    "loo_pit",
    "pareto_k",
    "power_scaling",
    "quantile_errors",
    "spread_apart",
    "spread_errors",
    "uniformity",
]

_NULLS = 20
_APART: Final = 1e-8  # below what single precision tells apart


def diagnostics(draws: xr.Dataset) -> Any:
    """Return the diagnostics of every scalar.

    Parameters
    ----------
    draws : Dataset
        From `inference.engine.sampling.scalars`.

    Returns
    -------
    DataFrame
        A row for each scalar; columns ``r_hat``, ``ess_bulk``, ``ess_tail`` and ``mcse_over_sd``,
        the Monte Carlo error of the mean in posterior standard deviations.
    """
    table = convergence(draws)
    sd = {str(name): float(values.std(ddof=1)) for name, values in draws.data_vars.items()}
    table["mcse_over_sd"] = [table.loc[name, "mcse_mean"] / sd[name] for name in table.index]
    return table[["r_hat", "ess_bulk", "ess_tail", "mcse_over_sd"]]


def quantile_errors(draws: xr.Dataset, probability: float) -> "pd.Series[float]":
    """Return the Monte Carlo error of a quantile of every scalar, by its name.

    Parameters
    ----------
    draws : Dataset
        Scalars over ``chain`` and ``draw``.
    probability : float
        Of the quantile.
    """
    return _errors(draws, method="quantile", prob=probability)


def spread_errors(draws: xr.Dataset) -> "pd.Series[float]":
    """Return the Monte Carlo error of the standard deviation of every scalar, by its name.

    Parameters
    ----------
    draws : Dataset
        Scalars over ``chain`` and ``draw``.
    """
    return _errors(draws, method="sd")


def _errors(draws: xr.Dataset, **choices: Any) -> "pd.Series[float]":
    import arviz_stats as az
    import pandas as pd

    found = az.mcse(stacked(draws), **choices)[STACKED]
    return pd.Series(np.asarray(found.values, dtype=float), index=list(map(str, draws.data_vars)))


def power_scaling(
    draws: xr.Dataset, components: Mapping[str, Array], seed: int
) -> dict[str, dict[str, float]]:
    """Return the sensitivity of every scalar to the weight of each component of the posterior.

    Parameters
    ----------
    draws : Dataset
        Scalars over ``chain`` and ``draw``.
    components : mapping of str to ndarray of shape (chain, draw)
        Log-densities: of the prior, and of each table.
    seed : int
        Of noise that no component can move.

    Returns
    -------
    dict of str to dict of str to float
        By component and scalar. What chance alone gives to noise is under the key ``""``.

    References
    ----------
    .. [1] Kallioinen et al. 2024, doi:10.1007/s11222-023-10366-5.
    """
    import arviz_stats as az

    rng = np.random.default_rng(seed)
    shape = (draws.sizes["chain"], draws.sizes["draw"])
    noise = {f"noise {i}": (("chain", "draw"), rng.standard_normal(shape)) for i in range(_NULLS)}
    every = draws.assign(noise)
    found = {}
    for name, values in components.items():
        tree = xr.DataTree.from_dict(
            {
                "posterior": stacked(every),
                "log_likelihood": spread_apart(
                    xr.Dataset({"component": (SAMPLE, values)}, coords=draws.coords)
                ),
            }
        )
        result = az.psense(tree, group="likelihood", group_var_names=["component"])
        sensitivities = result[STACKED].values.ravel().tolist()
        sensitivity = dict(zip(map(str, every.data_vars), sensitivities, strict=True))
        floor = max(sensitivity.pop(key) for key in noise)
        found[name] = sensitivity | {"": floor}
    return found


def _tree(groups: Mapping[str, xr.Dataset], name: str, posterior: xr.Dataset) -> xr.DataTree:
    """Return one observed variable as ArviZ reads it, in double precision, at draws of all groups.

    Of a large table observations are predicted for every k-th draw only.
    """
    kept = groups.get("posterior_predictive", posterior)["draw"].values
    own = {group: data[[name]] for group, data in groups.items()}
    own["log_likelihood"] = spread_apart(own["log_likelihood"].astype(float))
    return xr.DataTree.from_dict(
        {
            group: data.sel(draw=kept).astype(float) if "draw" in data.dims else data
            for group, data in ({"posterior": stacked(posterior)} | own).items()
        }
    )


def spread_apart(log_likelihood: xr.Dataset) -> xr.Dataset:
    """Return log-likelihoods whose equal values differ, by far less than any of them is known to.

    Every draw may call a row certain, and Pareto smoothing refuses a tail of one value; so spread,
    it is what it is: a tail that ends, of a shape near -1.

    Parameters
    ----------
    log_likelihood : Dataset
        Over ``chain`` and ``draw``, in double precision.
    """
    sizes = [log_likelihood.sizes[dim] for dim in SAMPLE]
    ramp = np.linspace(0.0, _APART, int(np.prod(sizes))).reshape(sizes)
    return log_likelihood + xr.DataArray(ramp, dims=SAMPLE)


def loo_pit(
    name: str,
    posterior: xr.Dataset,
    groups: Mapping[str, xr.Dataset],
    seed: int,
) -> Array:
    """Return the LOO-PIT value of each row of an observed variable, shape (rows,).

    Parameters
    ----------
    name : str
        The observed variable.
    posterior : Dataset
        Scalars over ``chain`` and ``draw``.
    groups : mapping of str to Dataset
        ``log_likelihood``, ``posterior_predictive`` and ``observed_data``.
    seed : int
        Of the randomisation where predictions equal the observation: verdicts and limits.
    """
    import arviz_stats as az

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of large k, which `pareto_k` reports
        values = az.loo_pit(_tree(groups, name, posterior), var_names=[name], random_state=seed)
    return np.asarray(values[name].values, dtype=float)


def _loo(name: str, posterior: xr.Dataset, groups: Mapping[str, xr.Dataset]) -> Any:
    import arviz_stats as az

    likelihood = {"log_likelihood": groups["log_likelihood"]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of large k, which `pareto_k` returns
        return az.loo(_tree(likelihood, name, posterior), var_name=name, pointwise=True)


def pareto_k(name: str, posterior: xr.Dataset, groups: Mapping[str, xr.Dataset]) -> Array:
    """Return the Pareto shape of each row's importance weights, shape (rows,)."""
    return np.asarray(_loo(name, posterior, groups).pareto_k, dtype=float).ravel()


def left_out_weights(name: str, posterior: xr.Dataset, groups: Mapping[str, xr.Dataset]) -> Array:
    """Return weights of all draws that make them those of a fit without each row.

    Parameters
    ----------
    name : str
        The observed variable.
    posterior : Dataset
        Scalars over ``chain`` and ``draw``.
    groups : mapping of str to Dataset
        ``log_likelihood``.

    Returns
    -------
    ndarray, shape (draws, rows)
        Of sum 1 each.
    """
    log_weights = _loo(name, posterior, groups).log_weights.transpose(*SAMPLE, f"{name}_row")
    flat = log_weights.values.reshape(-1, log_weights.sizes[f"{name}_row"])
    weights = np.exp(flat - flat.max(axis=0))
    return np.asarray(weights / weights.sum(axis=0))


def uniformity(values: Array, draws: int) -> float:
    """Return the p-value of ranks or LOO-PIT values being uniform; they may depend on each other.

    Parameters
    ----------
    values : ndarray, shape (rows,)
        Ranks as shares, or from `loo_pit`.
    draws : int
        Draws behind each value; none is told from 0 or 1 more finely than they do.

    References
    ----------
    .. [1] Tesso et al. 2026, LOO-PIT predictive model checking, arXiv:2603.02928.
    """
    import arviz_stats as az  # noqa: F401 - registers the accessor

    finest = 0.5 / draws
    array = xr.DataArray(np.clip(values, finest, 1.0 - finest), dims="row")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        p_value, _, _ = array.azstats.uniformity_test(dim="row", method="pot_c")
    return float(p_value)


def draw_rank_ecdf(pit: Any, columns: int) -> Any:
    """Draw the difference between the distribution of ranks and the uniform one.

    Parameters
    ----------
    pit : DataFrame
        Ranks as shares in (0, 1): a row for each replicate, a column for each quantity.
    columns : int
        Of panels.

    Returns
    -------
    matplotlib.figure.Figure
        One panel a quantity, with the p-value of `uniformity`.
    """
    import arviz as az

    tree = az.from_dict({"prior_sbc": {str(name): pit[name].to_numpy()[None, :] for name in pit}})
    with az.rc_context({"plot.max_subplots": len(pit.columns)}):
        plots = az.plot_ecdf_pit(
            tree,
            group="prior_sbc",
            backend="matplotlib",
            col_wrap=columns,
        )
    return plots.viz["figure"].item()
