"""Expected log predictive densities by leaving data out of a fit.

What is left out at once is a `Unit`: one point, or all points of one cell. Its density under the
rest of the data is estimated by Pareto-smoothed importance sampling of the draws at hand [1]_.
Where the importance weights cannot be trusted (Pareto k above some 0.7), or are trusted but of
infinite variance (above 0.5) and with a Monte Carlo error that would show, the draws are moved
first (moment matching [2]_). Where they then still cannot be trusted, the model is fitted again
without the unit: one compilation serves every refit, with weights of 0 on the rows left out. The
density is then the mean likelihood over the draws of the refit. Where these are too far from the
unit to tell it (many points at once, or a point in contradiction), the weight is raised in several
steps, each a fit of its own, and the ratios of normalisations are bridged [3]_.

References
----------
.. [1] Vehtari, Gelman, Gabry (2017), doi:10.1007/s11222-016-9696-4; Vehtari et al. (2024),
   arXiv:1507.02646.
.. [2] Paananen, Piironen, Buerkner, Vehtari (2021), doi:10.1007/s11222-020-09982-2.
.. [3] Meng and Wong (1996), Statistica Sinica 6, 831: bridge sampling, with the geometric bridge.
"""

import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import xarray as xr

from data.arrays import Array
from data.campaign import Campaign
from data.errors import InputError
from inference.engine.arviz_statistics import apart
from inference.engine.draws import SAMPLE
from inference.jobs.job import Job, SamplerSection
from inference.thresholds import (
    GATE_ESS,
    GATE_R_HAT,
    MOST_FITS_OF_A_REFIT,
    MOST_REFITS,
    STEADY_TARGET_ACCEPT,
)
from models.joint import build_model

if TYPE_CHECKING:
    import pandas as pd

    from inference.engine.prediction import Predictor
    from inference.runs.result import Result

__all__ = [
    "Fitted",
    "LeftOut",
    "RefitFailedError",
    "Refits",
    "Unit",
    "density",
    "importance",
    "leave_out",
    "rank",
]


_MATCHING_ROUNDS = 10
_LEAST_RISE = 1e-3
_FINITE_VARIANCE = 0.5  # Pareto k up to which the central limit theorem holds
_VISIBLE_ERROR = 0.05  # of a log density beyond that k: tenths are shown; the estimate is too low
_FLAT = 1e-3  # relative range of the largest fifth of values below which it has no tail
_LEAST_SHARE = 0.2  # of the draws that a mean must rest on, where they are few

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Unit:
    """What is left out at once.

    Parameters
    ----------
    table : str
        The table it is of.
    name : str
        What a reader calls it within the table.
    rows : tuple of (str, int)
        Its points: observed variable and position along ``<variable>_row``.
    """

    table: str
    name: str
    rows: tuple[tuple[str, int], ...]

    def __str__(self) -> str:
        """Return table and name, and the number of points where there are several."""
        points = f" ({len(self.rows)} points)" if len(self.rows) > 1 else ""
        return f"{self.table}: {self.name}{points}"


@dataclass(frozen=True)
class Fitted:
    """A fit that parts of the data can be left out of.

    Parameters
    ----------
    model : pymc.Model
        From `models.joint.build_model`.
    weighted : callable
        Returns the same model with weights (``build_model(..., weighted=True)``); called when the
        first refit is due.
    free : Dataset
        Posterior draws of the free variables over ``chain`` and ``draw``.
    log_likelihood : Dataset
        Of each point at these draws.
    sampler : SamplerSection
        Settings of the refits.
    """

    model: Any
    weighted: Callable[[], Any]
    free: xr.Dataset
    log_likelihood: xr.Dataset
    sampler: SamplerSection

    @cached_property
    def predictor(self) -> "Predictor":
        """The model compiled for log-likelihoods."""
        from inference.engine.prediction import Predictor

        return Predictor(self.model)

    @classmethod
    def of(cls, result: "Result", job: Job, campaign: Campaign, model: Any = None) -> Self:
        """Return a result with its model, having checked that they belong together.

        Parameters
        ----------
        result : Result
            A finished fit.
        job : Job
            The job that it is of.
        campaign : Campaign
            The data that were fitted.
        model : pymc.Model, optional
            Of this job, where it was built already.

        Returns
        -------
        Fitted
            To leave parts of the data out of.

        Raises
        ------
        InputError
            If the model does not give the log-likelihoods that the result holds.
        """
        build = partial(build_model, campaign, job.model_options())
        model = build() if model is None else model
        every = result.posterior.merge(result.tree["sampled"].to_dataset())
        fitted = cls(
            model=model,
            weighted=partial(build, weighted=True),
            free=every[[rv.name for rv in model.free_RVs]],
            log_likelihood=result.log_likelihood,
            sampler=job.sampler.model_copy(update={"draws": result.posterior.sizes["draw"]}),
        )
        few = fitted.free.isel(draw=slice(0, 2))
        again = fitted.predictor.evaluate(few, 0)["log_likelihood"]
        for name in again.data_vars:
            stored = fitted.log_likelihood[name].isel(draw=slice(0, 2))
            if not np.allclose(again[name].values, stored.transpose(*again[name].dims).values):
                raise InputError(
                    f"the run {str(result.folder)!r} was computed by another version of the "
                    f"program: its log-likelihood of {name} is no longer what its draws give. Fit "
                    "it again into another folder, or in place: anodebayes fit JOB --force"
                )
        return fitted


@dataclass(frozen=True)
class LeftOut:
    """Log predictive densities of units, each from a fit without it.

    Parameters
    ----------
    table : DataFrame
        A row a unit, in the order given. Columns ``table``, ``unit``, ``points``, ``elpd`` (log
        predictive density), ``pareto_k`` (of importance sampling), ``method`` ("importance
        sampling", "moment matching", "refit" or "unreliable") and ``note``.
    good_k : float
        Pareto k up to which an importance sum is trusted at this number of draws.
    done : tuple of str
        Every unit whose importance weights have a heavy tail, and what was done.
    """

    table: "pd.DataFrame"
    good_k: float
    done: tuple[str, ...] = ()

    @property
    def unreliable(self) -> list[str]:
        """The units whose density could not be had reliably, with the reason."""
        bad = self.table[self.table["method"] == "unreliable"]
        return [f"{row['table']}: {row['unit']} ({row['note']})" for _, row in bad.iterrows()]

    def counts(self) -> dict[str, int]:
        """Return how many units each method served."""
        return {str(k): int(v) for k, v in self.table["method"].value_counts().items()}


@dataclass
class _Entry:
    elpd: float
    k: float
    method: str = "importance sampling"
    notes: list[str] = field(default_factory=list)


def leave_out(
    fitted: Fitted,
    units: Sequence[Unit],
    *,
    matching: bool = True,
    most_refits: int = MOST_REFITS,
) -> LeftOut:
    """Estimate the log predictive density of each unit from a fit without it.

    Parameters
    ----------
    fitted : Fitted
        The fit of all data.
    units : sequence of Unit
        What to leave out, one at a time.
    matching : bool
        Whether moment matching is tried before a refit.
    most_refits : int
        Most refits; the worst units come first, and those beyond are marked unreliable.

    Returns
    -------
    LeftOut
        With everything that was done.
    """
    import pandas as pd

    data = _importance_data(fitted.free, fitted.log_likelihood, units)
    original = _importance(data)
    ks = np.asarray(original.pareto_k.values, dtype=float)
    good_k = float(original.good_k)
    entries = [
        _Entry(float(elpd), float(k)) for elpd, k in zip(original.elpd_i.values, ks, strict=True)
    ]
    errors = _monte_carlo_errors(data, original)
    heavy = [
        i
        for i in np.argsort(-np.nan_to_num(ks, nan=np.inf))
        if not ks[i] <= good_k or (ks[i] > _FINITE_VARIANCE and not errors[i] <= _VISIBLE_ERROR)
    ]
    for i in heavy:
        if ks[i] <= good_k:
            entries[i].notes.append(f"an error of {errors[i]:.2f} or more")
    if heavy:
        logger.info("weights of heavy tail in %d of %d", len(heavy), len(units))
    if matching and heavy:
        _match(fitted, units, data, original, entries, heavy)
    bad = [i for i in heavy if not ks[i] <= good_k and entries[i].method != "moment matching"]
    refits = Refits(fitted)
    for position, i in enumerate(bad):
        entry = entries[i]
        if position >= most_refits:
            entry.method = "unreliable"
            entry.notes.append(f"not refitted: more than {most_refits} units needed it")
            continue
        try:
            entry.elpd, fits = refits.density(units[i])
        except RefitFailedError as error:
            entry.method = "unreliable"
            entry.notes.append(str(error))
        else:
            entry.method = "refit"
            entry.notes.append("refitted" + (f" in {fits} steps of weight" if fits > 1 else ""))
        logger.info("%s: %s", units[i], entry.notes[-1])
    table = pd.DataFrame(
        {
            "table": [unit.table for unit in units],
            "unit": [unit.name for unit in units],
            "points": [len(unit.rows) for unit in units],
            "elpd": [entry.elpd for entry in entries],
            "pareto_k": ks,
            "method": [entry.method for entry in entries],
            "note": [", ".join(entry.notes) for entry in entries],
        }
    )
    done = [
        f"{unit}: Pareto k {k:.2f}, {', '.join(entry.notes)}"
        for unit, k, entry in zip(units, ks, entries, strict=True)
        if entry.notes
    ]
    return LeftOut(table, good_k, tuple(done))


def rank(
    elpds: Mapping[str, Array], groups: Sequence[tuple[str, str]] | None = None
) -> "pd.DataFrame":
    """Compare models by their log predictive densities of the same units.

    Parameters
    ----------
    elpds : mapping of str to ndarray, each of shape (units,)
        Log predictive densities by model.
    groups : sequence of (str, str), optional
        Table and cell of each unit. Units of one cell are not independent, and tables are
        experiments of a fixed size: with it, errors are those of a sum over cells, table by table
        (`_error_of_sum`); without it units are taken as independent draws of one kind.

    Returns
    -------
    DataFrame
        Indexed by model, the best first; columns ``elpd``, ``se``, ``difference`` (to the best,
        at most 0), ``difference_se`` (of the paired difference; NaN for the best and where there
        is one unit only) and ``weight`` (of stacking [1]_).

    References
    ----------
    .. [1] Yao, Vehtari, Simpson, Gelman (2018), doi:10.1214/17-BA1091.
    """
    import arviz_stats as az
    import pandas as pd

    names = list(elpds)
    values = np.array([elpds[name] for name in names])
    count = values.shape[1]
    # What all models share cancels in differences and weights; without it none underflows.
    shared = values.max(axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compared = az.compare(
            {
                name: az.ELPDDataLOO(
                    elpd=float((each - shared).sum()),
                    se=0.0,
                    p=0.0,
                    n_samples=1,
                    n_data_points=count,
                    scale="log",
                    warning=False,
                    good_k=None,
                    elpd_i=xr.DataArray(each - shared, dims="unit"),
                )
                for name, each in zip(names, values, strict=True)
            },
            method="stacking",
            round_to="none",
        )
    table = pd.DataFrame(index=pd.Index([str(name) for name in compared.index], name="job"))
    total = dict(zip(names, values.sum(axis=1), strict=True))
    spread = dict(zip(names, np.sqrt(count) * values.std(axis=1), strict=True))
    table["elpd"] = [total[name] for name in table.index]
    table["se"] = [spread[name] if count > 1 else np.nan for name in table.index]
    table["difference"] = compared["elpd_diff"].astype(float)
    error = compared["dse"].astype(float)
    table["difference_se"] = error.where(table["difference"] != 0) if count > 1 else np.nan
    table["weight"] = compared["weight"].astype(float).clip(0.0, 1.0)
    if groups is not None and count > 1:
        best = elpds[table.index[0]]
        table["se"] = [_error_of_sum(elpds[name], groups) for name in table.index]
        errors = [_error_of_sum(elpds[name] - best, groups) for name in table.index]
        table["difference_se"] = table["difference_se"].where(table["difference_se"].isna(), errors)
    return table


def _error_of_sum(values: Array, groups: Sequence[tuple[str, str]]) -> float:
    """Return the standard error of a sum over units of known table and cell.

    The variance is summed over tables. Within one it is that of the sum of its cells, or of its
    units where they are all of one cell; where a table has one unit only, its square.
    """
    variance = 0.0
    for table in dict.fromkeys(table for table, _ in groups):
        own = [i for i, group in enumerate(groups) if group[0] == table]
        cells = dict.fromkeys(groups[i][1] for i in own)
        parts = np.array([sum(values[i] for i in own if groups[i][1] == cell) for cell in cells])
        if parts.size == 1:
            parts = values[own]
        variance += parts.size * parts.var(ddof=1) if parts.size > 1 else parts[0] ** 2
    return float(np.sqrt(variance))


def importance(draws: xr.Dataset, log_likelihood: xr.Dataset, units: Sequence[Unit]) -> Any:
    """Weigh the draws of a fit so that they are those of fits without each of some units.

    Parameters
    ----------
    draws : Dataset
        Posterior draws over ``chain`` and ``draw``.
    log_likelihood : Dataset
        Of each point at these draws.
    units : sequence of Unit
        What is left out, one at a time.

    Returns
    -------
    arviz.ELPDData
        Over ``unit``: ``log_weights`` (normalised, smoothed), ``pareto_k`` and ``elpd_i``; and
        ``good_k``.
    """
    return _importance(_importance_data(draws, log_likelihood, units))


def density(log_likelihood: xr.Dataset, unit: Unit) -> xr.DataArray:
    """Return the log-likelihood of a unit, over ``chain`` and ``draw``."""
    terms = [
        log_likelihood[name].isel({f"{name}_row": row}).astype(float) for name, row in unit.rows
    ]
    total = np.sum([term.transpose(*SAMPLE).values for term in terms], axis=0)
    return xr.DataArray(total, dims=SAMPLE, coords={d: log_likelihood[d] for d in SAMPLE})


def _importance_data(
    draws: xr.Dataset, log_likelihood: xr.Dataset, units: Sequence[Unit]
) -> xr.DataTree:
    matrix = xr.concat([density(log_likelihood, unit) for unit in units], dim="unit").transpose(
        *SAMPLE, "unit"
    )
    return xr.DataTree.from_dict(
        {
            "posterior": draws,
            "log_likelihood": apart(xr.Dataset({"left_out": matrix})),
        }
    )


def _importance(data: xr.DataTree) -> Any:
    import arviz_stats as az

    with warnings.catch_warnings():  # what it warns of is handled here
        warnings.simplefilter("ignore")
        return az.loo(data, pointwise=True, var_name="left_out")


def _monte_carlo_errors(data: xr.DataTree, original: Any) -> Array:
    """Return the standard errors of the log densities that finite weights have, of each unit."""
    log_density = data["log_likelihood"]["left_out"] - original.elpd_i
    parts = np.exp(original.log_weights + log_density) - np.exp(original.log_weights)
    errors: Array = np.sqrt((parts**2).sum(SAMPLE)).transpose("unit").values
    return errors


def _match(
    fitted: Fitted,
    units: Sequence[Unit],
    data: xr.DataTree,
    original: Any,
    entries: Sequence[_Entry],
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
                k_threshold=min(_FINITE_VARIANCE, good_k),
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

        model, free = self._fitted.model, self._fitted.free
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
        model, coords = self._fitted.model, {dim: draws[dim] for dim in SAMPLE}
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
        weights = {f"{name}_weight": f"{name}_row" for name in model.observations}
        ones = {name: np.ones(len(model.coords[dim])) for name, dim in weights.items()}
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
        section, seed = self._fitted.sampler, next(self._seeds)
        draws: xr.Dataset
        for accept in dict.fromkeys((section.target_accept, STEADY_TARGET_ACCEPT)):
            draws, stats = sampler.sample(
                draws=section.draws,
                tune=section.tune,
                chains=section.chains,
                cores=section.resolved_cores,
                seed=seed,
                target_accept=accept,
                max_tree_depth=section.max_tree_depth,
                data=data,
                search=False,
            )
            divergences = int(stats["diverging"].sum())
            if not divergences:
                break
        if divergences:
            raise RefitFailedError(f"{divergences} divergent transitions in the refit")
        return draws

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
    return effective >= enough and _mean_k(values) <= _FINITE_VARIANCE


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
