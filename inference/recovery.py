"""Recovery of a known truth: draw one campaign, fit it, lay truth and posterior side by side."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data.campaign import load_campaign
from data.quantities import quantities
from inference.job import Job, load_job
from inference.thresholds import INTERVAL

if TYPE_CHECKING:
    import pandas as pd

    from inference.result import Result

__all__ = ["Recovery", "recover", "truth_from_prior"]


@dataclass(frozen=True)
class Recovery:
    """A truth and the posterior of a campaign drawn from it.

    Parameters
    ----------
    result : Result
        The fit.
    table : DataFrame
        A row for each quantity: ``unit``, ``truth``, ``median``, ``lower``, ``upper`` (the
        equal-tailed interval of `thresholds.INTERVAL`), ``inside`` and ``narrowing``.
    """

    result: "Result"
    table: "pd.DataFrame"

    @property
    def inside(self) -> int:
        """How many truths lie in their intervals."""
        return int(self.table["inside"].sum())


def recover(
    job: Job | str | os.PathLike[str],
    truth: str | os.PathLike[str] | None = None,
    *,
    seed: int | None = None,
    folder: str | os.PathLike[str],
    force: bool = False,
    progress: bool = False,
) -> Recovery:
    """Draw a campaign under the design of a job's own, fit it, and compare.

    Parameters
    ----------
    job : Job, str or path
        The job, its file or its name.
    truth : path, optional
        A file of true parameters; drawn from the job's priors when left out.
    seed : int, optional
        Of the truth and the draw; the job's when left out.
    folder : str or path
        The run folder of the fit; the synthetic campaign is written beside it, into a folder of
        the same name with ``-campaign`` behind it.
    force : bool, optional
        Whether a run of something else in the folder is replaced.
    progress : bool, optional
        Whether to show bars.

    Returns
    -------
    Recovery
        Of every parameter that the truth states and of every latent that was drawn.

    Raises
    ------
    InputError, JobError, CampaignError, PriorError, ModelError, RunFolderError
        If the input is not legal or the folder holds another run.
    """
    import shutil

    from inference.fitting import fit
    from inference.simulation import read_truth, simulate

    job = job if isinstance(job, Job) else load_job(os.fspath(job))
    seed = job.sampler.seed if seed is None else seed
    run = Path(folder).expanduser().resolve()
    target = run.with_name(f"{run.name}-campaign")
    design = load_campaign(job.campaign_location())
    stated = truth_from_prior(job, seed) if truth is None else read_truth(truth)
    if force and target.is_dir():
        shutil.rmtree(target)
    if not target.is_dir():
        simulate(stated, design, seed=seed, folder=target, name=f"{job.name}-recovery")
    result = fit(
        job.model_copy(update={"campaign": str(target)}),
        folder=run,
        force=force,
        progress=progress,
    )
    return Recovery(result, _table(result, read_truth(target / "truth.toml")))


def truth_from_prior(job: Job, seed: int) -> Any:
    """Draw a truth from the priors of a job.

    Parameters
    ----------
    job : Job
        The job.
    seed : int
        Of the draw.

    Returns
    -------
    Truth
        Every parameter of the job's model.
    """
    from inference.prediction import Predictor
    from inference.simulation import Truth
    from models.joint import build_model

    campaign = load_campaign(job.campaign_location())
    options = job.model_options()
    model = build_model(campaign, options)
    predictor = Predictor(model)
    free = predictor.prior(1, seed)
    drawn = predictor.derive(free).merge(free)
    values = {}
    for name, prior in model.priors.items():
        base, _, member = name.partition("[")
        value = drawn[base]
        if member:
            value = value.sel(protocol=member.removesuffix("]"))
        values[name] = f"{float(value.values.ravel()[0]):.8g} {prior.unit}".removesuffix(" 1")
    return Truth(parameters=values, kinetics=options.kinetics, options=dict(options.options))


def _table(result: "Result", truth: Any) -> "pd.DataFrame":
    import pandas as pd

    from data.units import parse_quantity

    stated: dict[str, float] = {}
    for name, text in truth.parameters.items():
        unit = quantities()[name.partition("[")[0]].unit
        stated[name] = parse_quantity(str(text), to=unit) if isinstance(text, str) else float(text)
    for name, members in truth.drawn.items():
        stated |= {f"{name}[{member}]": float(value) for member, value in members.items()}
    if {"surface_energy", "contact_angle"} <= stated.keys():
        cosine = -np.cos(np.radians(stated["contact_angle"]))
        stated["wetting_product"] = stated["surface_energy"] * float(cosine)
    if {"ambipolar_diffusivity", "transference_number"} <= stated.keys():
        stated["diffusivity_over_anion_transference"] = stated["ambipolar_diffusivity"] / (
            1.0 - stated["transference_number"]
        )
    summary = result.summary()
    rows = {
        name: {
            "unit": row["unit"],
            "truth": stated[name],
            "median": row["median"],
            "lower": row["lower"],
            "upper": row["upper"],
            "inside": bool(row["lower"] <= stated[name] <= row["upper"]),
            "narrowing": row["narrowing"],
        }
        for name, row in summary.iterrows()
        if name in stated
    }
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.attrs["interval"] = INTERVAL
    return table
