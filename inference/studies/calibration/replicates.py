"""Replicates of a calibration: a truth from the prior, a campaign drawn from it, a fit of that.

One compilation a process serves every replicate: the design stays, the observed values change.

Ranked are parameters, critical currents of new cells, and the log-likelihoods of the drawn data:
ranks of parameters alone are uniform for a fit that ignores its data, too. Modrák et al. 2025,
Bayesian Analysis 20(2), 461-488, doi:10.1214/23-BA1404.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import xarray as xr

from data.arrays import Array
from data.quantities import quantities
from inference.engine.prediction import Predictor
from inference.engine.sampling import Sampler, convergence, scalars
from inference.studies.calibration.outcome import Replicate
from inference.thresholds import (
    CALIBRATION_DIVERGENT,
    CALIBRATION_ESS,
    CALIBRATION_R_HAT,
    STEADY_TARGET_ACCEPT,
)
from models.blocks import table_of
from models.joint import JointModel
from models.observations import TOLERANCE, is_end

if TYPE_CHECKING:
    from inference.jobs.job import Job

__all__ = [
    "LIKELIHOOD",
    "NEW_CELL",
    "RANKS",
    "REFERENCE_DESIGNS",
    "Replicator",
    "Settings",
    "replicator_of",
]


RANKS: Final = 200
"""Posterior draws that each truth is ranked among."""

_BLOCK: Final = 50  # truths drawn from the prior at once: compiling their drawing takes a second

REFERENCE_DESIGNS: Final[Mapping[str, dict[str, Any]]] = {
    "liquid": {"cell": "liquid", "pore_radius": "20 nm"},
    "solid": {"cell": "solid", "charge": "3 mAh/cm^2", "pressure": "1 MPa"},
}
"""Cells whose critical current is ranked besides the parameters: one of each kind."""

NEW_CELL: Final = "new cell, "
"""Head of the names of these critical currents."""

LIKELIHOOD: Final = "log-likelihood, "
"""Head of the names of the log-likelihoods: of a table, or of all."""

_STEPPED: Final = ("critical_current_one_cell", "dc_polarization_step")
"""Observed variables that are read off a staircase of currents."""


@dataclass(frozen=True)
class Settings:
    """How a replicate is sampled.

    Parameters
    ----------
    draws, tune, chains : int
        As in a job.
    target_accept : float
        As in a job.
    """

    draws: int = 300
    tune: int = 500
    chains: int = 2
    target_accept: float = 0.9


class Replicator:
    """A model ready to be calibrated.

    Parameters
    ----------
    model : JointModel
        The model that is fitted.
    settings : Settings
        How each replicate is sampled.
    seed : int
        Of the whole calibration.
    cells : mapping of str to Result attributes, optional
        What `inference.maps.mapping` needs to know of a fit (metal, laws); no cell is ranked
        without.
    truths : JointModel, optional
        The model that truths and data are drawn from, with the same free variables; the fitted one
        when left out. Another one shows whether a wrong likelihood is caught.
    """

    def __init__(
        self,
        model: JointModel,
        settings: Settings,
        seed: int,
        *,
        cells: Mapping[str, Any] | None = None,
        truths: JointModel | None = None,
    ) -> None:
        self._settings = settings
        self._seed = seed
        self._cells = cells
        self._predictor = Predictor(model)
        self._truths = self._predictor if truths is None else Predictor(truths)
        self._model = model
        self._sampler = Sampler(model)
        self._block: tuple[int, xr.Dataset] = -1, xr.Dataset()

    def __call__(self, index: int) -> Replicate:
        """Run one replicate; what goes wrong in it is its outcome.

        Parameters
        ----------
        index : int
            Its number.

        Returns
        -------
        Replicate
            With ``failure`` where the fit did not converge or broke off.
        """
        begin = time.process_time()
        try:
            replicate = self._run(index)
        except (ArithmeticError, RuntimeError, ValueError) as error:
            replicate = Replicate(index, failure=f"{type(error).__name__}: {error}")
        spent = round(time.process_time() - begin, 3)
        return Replicate(**(asdict(replicate) | {"seconds": spent}))

    def _run(self, index: int) -> Replicate:
        sequence = np.random.SeedSequence([self._seed, index])
        seeds = [int(state) for state in sequence.generate_state(4)]
        free = self._truth(index)
        drawn = self._truths.evaluate(free, seeds[1])
        data = self._as_recorded(
            {str(name): values.values[0, 0] for name, values in drawn["predictive"].items()}
        )
        if not all(np.isfinite(values).all() for values in data.values()):
            return Replicate(index, failure="the campaign drawn from this truth is not finite")
        again = False
        sampled, divergences, doubt = self._sample(data, seeds[2], self._settings)
        limit = CALIBRATION_DIVERGENT * self._settings.chains * self._settings.draws
        if doubt or divergences > limit:
            again = True
            steadier = Settings(
                self._settings.draws * 2,
                self._settings.tune * 2,
                self._settings.chains,
                STEADY_TARGET_ACCEPT,
            )
            sampled, divergences, doubt = self._sample(data, seeds[2] + 1, steadier)
        if doubt:
            return Replicate(index, failure=doubt, divergences=divergences, again=again)
        thinned = _thinned(sampled)
        found, likelihoods = self._compared(free, thinned, data)
        truth = _public(drawn["derived"], free)
        posterior = _public(found, thinned)
        rng = np.random.default_rng(seeds[3])
        pairs = _parameters(truth, posterior)
        if self._cells is not None:
            pairs |= _cell_currents(truth, posterior, self._cells, rng)
        return Replicate(
            index,
            {name: _share(*pair, rng) for name, pair in (pairs | likelihoods).items()},
            {name: _short(one) for name, (one, _) in pairs.items()},
            {name: _short(float(np.median(draws))) for name, (_, draws) in pairs.items()},
            divergences=divergences,
            again=again,
        )

    def _as_recorded(self, drawn: Mapping[str, Array]) -> dict[str, Array]:
        """Return drawn values as the ``pm.Data`` that a fit of their record would have.

        A cell that the design left unbounded on one side, and that is drawn inside, is known to lie
        between two steps, as `models.observations.recorded_currents` writes it. Where no row of its
        table is an interval, so that nothing says how wide the steps are, it stays exact, and the
        replicate is more informative than the design.
        """
        data = {f"{name}_data": values for name, values in drawn.items()}
        for name in [name for name in _STEPPED if name in drawn]:
            columns = self._model.design_columns[name]
            design = self._model.design(name).copy()
            halfwidth, floor, ceiling = (
                design[:, columns.index(key)] for key in ("halfwidth", "floor", "ceiling")
            )
            data[f"{name}_data"], design[:, columns.index("halfwidth")] = _on_steps(
                drawn[name], halfwidth, floor, ceiling
            )
            data[f"{name}_design"] = design
        return data

    def _compared(
        self, free: xr.Dataset, thinned: xr.Dataset, data: Mapping[str, Array]
    ) -> tuple[xr.Dataset, dict[str, tuple[float, Array]]]:
        """Return derived quantities of the draws, and log-likelihoods of the truth and the draws.

        Of the fitted model, its rows' weights apart. A current known to lie between two steps
        counts with the density in their middle: any function of data and parameters has a
        uniform rank.
        """
        observed = {name: data[f"{name}_data"] for name in self._model.observations}
        at_truth, at_draws = (
            self._predictor.evaluate(each, 0, observed=observed) for each in (free, thinned)
        )
        sums: dict[str, tuple[float, Array]] = {}
        for name in observed:
            one, many = (
                each["log_likelihood"][name].sum(f"{name}_row", skipna=False).values
                for each in (at_truth, at_draws)
            )
            for key in ("all tables", table_of(name)):
                already = sums.get(f"{LIKELIHOOD}{key}", (0.0, np.zeros(many.shape)))
                sums[f"{LIKELIHOOD}{key}"] = already[0] + float(one[0, 0]), already[1] + many
        if len(sums) == 2:  # one table is all
            del sums[f"{LIKELIHOOD}all tables"]
        for name, (one_sum, many_sums) in sums.items():
            if np.isnan(one_sum) or np.isnan(many_sums).any():
                raise ValueError(f"{name}: not a number at the truth or at a draw")
        return at_draws["derived"], sums

    def _truth(self, index: int) -> xr.Dataset:
        """Draw the free variables of one replicate from the prior."""
        block, place = divmod(index, _BLOCK)
        if self._block[0] != block:
            seed = int(np.random.SeedSequence([self._seed, block, 1]).generate_state(1)[0])
            self._block = block, self._truths.prior(_BLOCK, seed)
        return self._block[1].isel(draw=[place])

    def _sample(
        self, data: Mapping[str, Array], seed: int, settings: Settings
    ) -> tuple[xr.Dataset, int, str]:
        """Sample; return the draws, the divergences, and why they cannot be trusted, if so."""
        sampled, stats = self._sampler.sample(
            draws=settings.draws,
            tune=settings.tune,
            chains=settings.chains,
            cores=1,
            seed=seed % 2**32,
            target_accept=settings.target_accept,
            data=data,
            search=False,
        )
        diagnostics = convergence(scalars(sampled))
        doubt = ""
        for column, bad, limit in (
            ("r_hat", diagnostics["r_hat"].max(), CALIBRATION_R_HAT),
            ("ess_bulk", -diagnostics["ess_bulk"].min(), -CALIBRATION_ESS),
        ):
            if not bad <= limit:
                doubt = f"{column} of {abs(float(bad)):.4g} where {abs(limit):g} is due"
        return sampled, int(stats["diverging"].sum()), doubt


def replicator_of(job: "Job", settings: Settings, seed: int) -> Replicator:
    """Build the replicator of a job.

    Raises
    ------
    CampaignError, PriorError, ModelError
        If the job cannot be fitted.
    """
    from inference.jobs.plan import Plan

    plan = Plan.of(job)
    metadata = plan.campaign.metadata
    cells = {
        "metal": metadata.metal,
        "model_options": plan.options.model_dump_json(),
        "options": json.dumps(plan.block_options),
        "data_ranges": json.dumps(plan.data_ranges),
        "seed": seed,
    }
    if metadata.salt_concentration is not None:
        cells["salt_concentration"] = metadata.salt_concentration
    return Replicator(plan.model, settings, seed, cells=cells)


def _public(derived: xr.Dataset, free: xr.Dataset) -> xr.Dataset:
    """Return the parameters, without what only the sampler needs."""
    named = {str(name): free[name] for name in free.data_vars if str(name) in quantities()}
    return derived.merge(xr.Dataset(named))


def _thinned(sampled: xr.Dataset) -> xr.Dataset:
    """Return as many draws as a truth is ranked among, evenly spread over every chain."""
    chains, draws = sampled.sizes["chain"], sampled.sizes["draw"]
    each = -(-RANKS // chains)
    chosen = np.linspace(0, draws - 1, each).round().astype(int)
    return sampled.isel(draw=chosen)


def _share(truth: float, draws: Array, rng: np.random.Generator) -> float:
    """Return the rank of the truth among the draws, spread evenly over (0, 1)."""
    below, ties = np.sum(draws < truth), np.sum(draws == truth)
    return round(float((below + rng.uniform() * (1 + ties)) / (draws.size + 1)), 6)


def _short(value: float) -> float:
    return float(f"{value:.6g}")


def _on_steps(drawn: Array, halfwidth: Array, floor: Array, ceiling: Array) -> tuple[Array, Array]:
    """Return currents and half-widths with every one-sided row between its two steps.

    Parameters
    ----------
    drawn : ndarray, shape (rows,)
        In the table's unit.
    halfwidth, floor, ceiling : ndarray, shape (rows,)
        Of the design, logarithmic.
    """
    widths = halfwidth[halfwidth > 0]
    x = np.log(drawn)
    inside = (halfwidth == 0) & (x > floor + TOLERANCE) & (x < ceiling - TOLERANCE)
    if not widths.size or not inside.any():
        return drawn, halfwidth
    step = 2.0 * float(np.median(widths))
    stated = np.where(is_end(ceiling), ceiling, floor)
    one_sided = inside & is_end(stated)
    middle = stated + step * (np.floor((x - stated) / step) + 0.5)
    return np.where(one_sided, np.exp(np.where(one_sided, middle, 0.0)), drawn), np.where(
        one_sided, 0.5 * step, halfwidth
    )


def _parameters(truth: xr.Dataset, posterior: xr.Dataset) -> dict[str, tuple[float, Array]]:
    """Return the truth and the draws of every parameter."""
    flat = _scalar_values(truth)
    return {
        str(name): (flat[str(name)], draws.values)
        for name, draws in scalars(posterior).data_vars.items()
    }


def _scalar_values(truth: xr.Dataset) -> dict[str, float]:
    """Return each scalar of a single draw by the label that `scalars` gives it."""
    twice = xr.concat([truth, truth.assign_coords(draw=truth["draw"] + 1) + 1.0], dim="draw")
    return {str(k): float(v.values[0, 0]) for k, v in scalars(twice).data_vars.items()}


def _cell_currents(
    truth: xr.Dataset,
    posterior: xr.Dataset,
    cells: Mapping[str, Any],
    rng: np.random.Generator,
) -> dict[str, tuple[float, Array]]:
    """Return the critical current of a new cell of the truth, and those that the fit expects.

    The safe current at a risk is a quantile of the latter: where the rank is uniform, a new cell
    fails at the safe current with the stated probability.
    """
    from inference.maps.mapping import new_cell_currents
    from inference.runs.result import Result

    found = {}
    covered = json.loads(str(cells["data_ranges"]))
    for kind in [kind for kind in REFERENCE_DESIGNS if kind in covered]:
        currents = []
        for draws in (truth, posterior):
            tree = xr.DataTree.from_dict({"posterior": _with_units(draws)})
            tree.attrs = dict(cells)
            seed = int(rng.integers(2**32))
            currents.append(new_cell_currents(Result(tree), REFERENCE_DESIGNS[kind], seed=seed))
        found[f"{NEW_CELL}{kind}"] = float(currents[0].ravel()[0]), currents[1]
    return found


def _with_units(draws: xr.Dataset) -> xr.Dataset:
    labelled = draws.copy()
    for name in labelled.data_vars:
        known = quantities().get(str(name))
        labelled[name].attrs = {"units": known.unit if known else "1"}
    return labelled
