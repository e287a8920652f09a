"""Replicates of a calibration: a truth from the prior, a campaign drawn from it, a fit of that.

One compilation a process serves every replicate: the design stays, the observed values change.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from data.quantities import quantities
from inference.prediction import Predictor
from inference.sampling import Sampler, convergence, scalars
from inference.thresholds import (
    CALIBRATION_DIVERGENT,
    CALIBRATION_ESS,
    CALIBRATION_R_HAT,
    STEADY_TARGET_ACCEPT,
)

if TYPE_CHECKING:
    from inference.job import Job

__all__ = ["RANKS", "REFERENCE_DESIGNS", "Replicate", "Replicator", "Settings", "replicator_of"]

Array = NDArray[np.float64]

RANKS: Final = 200
"""Posterior draws that each truth is ranked among."""

_BLOCK: Final = 50  # truths drawn from the prior at once: compiling their drawing takes a second

REFERENCE_DESIGNS: Final[Mapping[str, dict[str, Any]]] = {
    "liquid": {"cell": "liquid", "pore_radius": "20 nm"},
    "solid": {"cell": "solid", "charge": "3 mAh/cm^2", "pressure": "1 MPa"},
}
"""Cells whose critical current is ranked besides the parameters: one of each kind."""


@dataclass(frozen=True)
class Replicate:
    """The outcome of one replicate.

    Parameters
    ----------
    index : int
        Its number; with the calibration's seed it fixes every random number.
    pit : dict of str to float
        Share of posterior draws below the truth, by quantity; empty where it failed.
    failure : str
        Why it failed; empty where it did not.
    seconds : float
        Of one core.
    divergences : int
        Divergent transitions of the sampling that counts.
    again : bool
        Whether it was sampled a second time, longer and in smaller steps.
    """

    index: int
    pit: dict[str, float] = field(default_factory=dict)
    failure: str = ""
    seconds: float = 0.0
    divergences: int = 0
    again: bool = False

    def to_json(self) -> str:
        """Return the replicate as one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> "Replicate":
        """Read a line that `to_json` wrote."""
        return cls(**json.loads(line))


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
    model : pymc.Model
        The model that is fitted, from `models.joint.build_model`.
    settings : Settings
        How each replicate is sampled.
    seed : int
        Of the whole calibration.
    cells : mapping of str to Result attributes, optional
        What `inference.maps` needs to know of a fit (metal, laws); no cell is ranked without.
    truths : pymc.Model, optional
        The model that truths and data are drawn from, with the same free variables; the fitted one
        when left out. Another one shows whether a wrong likelihood is caught.
    """

    def __init__(
        self,
        model: Any,
        settings: Settings,
        seed: int,
        *,
        cells: Mapping[str, Any] | None = None,
        truths: Any = None,
    ) -> None:
        self._settings = settings
        self._seed = seed
        self._cells = cells
        self._predictor = Predictor(model)
        self._truths = self._predictor if truths is None else Predictor(truths)
        self._sampler = Sampler(model, frozen=False)
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
        data = {
            f"{name}_data": values.values[0, 0]
            for name, values in drawn["predictive"].data_vars.items()
        }
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
        truth = _public(self._truths.derive(free), free)
        thinned = _thinned(sampled)
        posterior = _public(self._predictor.derive(thinned), thinned)
        rng = np.random.default_rng(seeds[3])
        pit = _ranks(truth, posterior, rng)
        if self._cells is not None:
            pit |= _cell_ranks(truth, posterior, self._cells, rng)
        return Replicate(index, pit, divergences=divergences, again=again)

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
    from data.campaign import load_campaign
    from inference.coverage import data_ranges
    from models.joint import block_options, blocks_to_fit, build_model

    campaign = load_campaign(job.campaign_location())
    options = job.model_options()
    fitted = campaign.subset(blocks_to_fit(campaign, options))
    cells = {
        "metal": campaign.metadata.metal,
        "model_options": options.model_dump_json(),
        "options": json.dumps(
            {key: value.model_dump() for key, value in block_options(options).items()}
        ),
        "data_ranges": json.dumps(data_ranges(fitted)),
        "seed": seed,
    }
    if campaign.metadata.salt_concentration is not None:
        cells["salt_concentration"] = campaign.metadata.salt_concentration
    return Replicator(build_model(campaign, options), settings, seed, cells=cells)


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


def _ranks(truth: xr.Dataset, posterior: xr.Dataset, rng: np.random.Generator) -> dict[str, float]:
    flat = _scalar_values(truth)
    return {
        str(name): _share(flat[str(name)], draws.values, rng)
        for name, draws in scalars(posterior).data_vars.items()
    }


def _scalar_values(truth: xr.Dataset) -> dict[str, float]:
    """Return each scalar of a single draw by the label that `scalars` gives it."""
    twice = xr.concat([truth, truth.assign_coords(draw=truth["draw"] + 1) + 1.0], dim="draw")
    return {str(k): float(v.values[0, 0]) for k, v in scalars(twice).data_vars.items()}


def _cell_ranks(
    truth: xr.Dataset,
    posterior: xr.Dataset,
    cells: Mapping[str, Any],
    rng: np.random.Generator,
) -> dict[str, float]:
    """Rank the critical current of a new cell of the truth among those that the fit expects.

    The safe current at a risk is a quantile of the latter: where the rank is uniform, a new cell
    fails at the safe current with the stated probability.
    """
    from inference.maps import new_cell_currents
    from inference.result import Result

    found = {}
    covered = json.loads(str(cells["data_ranges"]))
    for kind in [kind for kind in REFERENCE_DESIGNS if kind in covered]:
        currents = []
        for draws in (truth, posterior):
            tree = xr.DataTree.from_dict({"posterior": _with_units(draws)})
            tree.attrs = dict(cells)
            seed = int(rng.integers(2**32))
            currents.append(new_cell_currents(Result(tree), REFERENCE_DESIGNS[kind], seed=seed))
        found[f"new cell, {kind}"] = _share(float(currents[0].ravel()[0]), currents[1], rng)
    return found


def _with_units(draws: xr.Dataset) -> xr.Dataset:
    labelled = draws.copy()
    for name in labelled.data_vars:
        known = quantities().get(str(name))
        labelled[name].attrs = {"units": known.unit if known else "1"}
    return labelled
