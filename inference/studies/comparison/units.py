"""What is left out of a fit: units of rows, and a fit that can be asked about them."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import xarray as xr

from data.campaign import Campaign
from data.errors import InputError
from inference.engine.arviz_statistics import spread_apart
from inference.engine.draws import SAMPLE
from inference.jobs.job import Job, SamplerSection
from models.joint import JointModel, joint_model

if TYPE_CHECKING:
    from inference.engine.prediction import Predictor
    from inference.runs.result import Result

__all__ = [
    "FINITE_VARIANCE",
    "Entry",
    "Fitted",
    "Unit",
    "density",
    "importance",
    "importance_data",
    "importance_of",
]

FINITE_VARIANCE = 0.5  # Pareto k up to which the central limit theorem holds


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
    model : JointModel
        From `models.joint.joint_model`.
    weighted : callable
        Returns the same model with weights (``joint_model(..., weighted=True)``); called when the
        first refit is due.
    free : Dataset
        Posterior draws of the free variables over ``chain`` and ``draw``.
    log_likelihood : Dataset
        Of each point at these draws.
    sampler : SamplerSection
        Settings of the refits.
    """

    model: JointModel
    weighted: Callable[[], JointModel]
    free: xr.Dataset
    log_likelihood: xr.Dataset
    sampler: SamplerSection

    @cached_property
    def predictor(self) -> "Predictor":
        """The model compiled for log-likelihoods."""
        from inference.engine.prediction import Predictor

        return Predictor(self.model)

    @classmethod
    def of(
        cls, result: "Result", job: Job, campaign: Campaign, model: JointModel | None = None
    ) -> Self:
        """Return a result with its model, having checked that they belong together.

        Parameters
        ----------
        result : Result
            A finished fit.
        job : Job
            The job that it is of.
        campaign : Campaign
            The data that were fitted.
        model : JointModel, optional
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
        build = partial(joint_model, campaign, job.model_options())
        model = build() if model is None else model
        every = result.posterior.merge(result.tree["sampled"].to_dataset())
        fitted = cls(
            model=model,
            weighted=partial(build, weighted=True),
            free=every[[rv.name for rv in model.pymc.free_RVs]],
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


@dataclass
class Entry:
    """What is known of the log density of one unit that is left out."""

    elpd: float
    k: float
    method: str = "importance sampling"
    notes: list[str] = field(default_factory=list)


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
    return importance_of(importance_data(draws, log_likelihood, units))


def density(log_likelihood: xr.Dataset, unit: Unit) -> xr.DataArray:
    """Return the log-likelihood of a unit, over ``chain`` and ``draw``."""
    terms = [
        log_likelihood[name].isel({f"{name}_row": row}).astype(float) for name, row in unit.rows
    ]
    total = np.sum([term.transpose(*SAMPLE).values for term in terms], axis=0)
    return xr.DataArray(total, dims=SAMPLE, coords={d: log_likelihood[d] for d in SAMPLE})


def importance_data(
    draws: xr.Dataset, log_likelihood: xr.Dataset, units: Sequence[Unit]
) -> xr.DataTree:
    """Return draws and the log-likelihood of units as ArviZ reads them."""
    matrix = xr.concat([density(log_likelihood, unit) for unit in units], dim="unit").transpose(
        *SAMPLE, "unit"
    )
    return xr.DataTree.from_dict(
        {
            "posterior": draws,
            "log_likelihood": spread_apart(xr.Dataset({"left_out": matrix})),
        }
    )


def importance_of(data: xr.DataTree) -> Any:
    """Return smoothed importance weights of the units of a tree."""
    import arviz_stats as az

    with warnings.catch_warnings():  # what it warns of is handled here
        warnings.simplefilter("ignore")
        return az.loo(data, pointwise=True, var_name="left_out")
