"""Recovery of a known truth: draw one campaign, fit it, lay truth and posterior side by side.

The drawn campaign carries a record of what it was drawn from. By it a later recovery knows whether
it may be fitted again, and that it may be replaced: nothing else is ever taken for it or deleted.
"""

import contextlib
import json
import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data.errors import AnodebayesError, InputError, RunFolderError
from data.files import read_json, resolved
from data.loading import load_campaign
from data.quantities import base_name, quantities, split_label
from data.stopping import undone, uninterrupted
from data.whole_files import TEMPORARY, remove, write_text_whole
from inference.jobs.job import Job
from inference.jobs.plan import Plan
from inference.jobs.reading import load_job
from inference.thresholds import INTERVAL

if TYPE_CHECKING:
    import pandas as pd

    from inference.runs.result import Result

RECORD = "recovery.json"
_MOST_NAMED = 5

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
        Whether a run of something else in the folder is replaced, and the campaign that an earlier
        recovery drew beside it from another seed, truth or design.
    progress : bool, optional
        Whether to show bars.

    Returns
    -------
    Recovery
        Of every parameter that the truth states and of every latent that was drawn.

    Raises
    ------
    InputError, JobError, CampaignError, PriorError, ModelError, RunFolderError
        If the input is not legal, the folder holds another run, or the folder beside it holds a
        campaign that is another recovery's or no recovery's. Nothing is changed then.

    Examples
    --------
    >>> found = recover("sodium-literature", seed=1, folder="runs/recovery")
    >>> found.inside > 0.7 * len(found.table)  # of 90 % intervals
    True
    """
    from inference.runs.fitting import fit
    from inference.studies.simulation import drawn_from, read_truth, simulate

    job = job if isinstance(job, Job) else load_job(os.fspath(job))
    seed = job.sampler.seed if seed is None else seed
    run = resolved(folder)
    target = run.with_name(f"{run.name}-campaign")
    design = load_campaign(job.campaign_location())
    stated = truth_from_prior(job, seed) if truth is None else read_truth(truth)
    due = drawn_from(stated, seed, design)
    differences = _differences(target, due)
    if differences and not force:
        raise RunFolderError(
            f"{str(target)!r} holds a campaign that was drawn from something else. What differs:\n"
            + "\n".join(f"  - {difference}" for difference in differences)
            + "\nGive another folder (--out), or draw and fit anew (--force)."
        )

    def draw(folder: Path) -> None:
        drawn = simulate(stated, design, seed=seed, folder=folder, name=f"{job.name}-recovery")
        text = json.dumps({**due, "content": drawn.content_hash}, indent=1) + "\n"
        write_text_whole(folder / RECORD, text)

    anew = bool(differences) or not (target / RECORD).is_file()
    with _placed(target, draw) if anew else contextlib.nullcontext():
        result = fit(
            job.model_copy(update={"campaign": str(target)}),
            folder=run,
            force=force,
            progress=progress,
        )
    return Recovery(result, _table(result, read_truth(target / "truth.toml")))


def _differences(target: Path, due: dict[str, Any]) -> list[str]:
    """Say in what a drawn campaign differs from what is due; nothing where there is none.

    Raises
    ------
    RunFolderError
        If what is there was not drawn by a recovery, or was changed since.
    """
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return []
    stored = _stored(target)
    told = []
    if stored["seed"] != due["seed"]:
        told.append(f"seed: {stored['seed']} then, {due['seed']} now")
    if stored["design"] != due["design"]:
        told.append("the data of the job's campaign, whose design is drawn")
    then, now = ({**record["truth"], **record["truth"]["parameters"]} for record in (stored, due))
    changed = [
        f"truth, {name}: {then.get(name, 'not stated')} then, {now.get(name, 'not stated')} now"
        for name in sorted(then.keys() | now.keys())
        if name != "parameters" and then.get(name) != now.get(name)
    ]
    more = len(changed) - _MOST_NAMED
    return [*told, *changed[:_MOST_NAMED], *([f"{more} more numbers of the truth"] * (more > 0))]


def _stored(target: Path) -> dict[str, Any]:
    """Return the record of a campaign that a recovery drew and nobody has changed."""
    advice = f"It is not deleted: give another folder (--out), or move {str(target)!r} away."
    try:
        record = dict(read_json(target / RECORD))
        seed, truth, design, content = (
            record[key] for key in ("seed", "truth", "design", "content")
        )
        truth["parameters"].keys()
    except (InputError, ValueError, KeyError, TypeError, AttributeError):
        raise RunFolderError(
            f"{str(target)!r}, where the synthetic campaign is drawn, holds something that no "
            f"recovery wrote (no {RECORD}). {advice}"
        ) from None
    try:
        found = load_campaign(target)
    except AnodebayesError as error:
        raise RunFolderError(
            f"the campaign in {str(target)!r} was changed since it was drawn: it is no legal "
            f"campaign any more. {advice}"
        ) from error
    own = {"campaign.toml", "truth.toml", "simulation.json", RECORD}
    own |= {f"{name}.csv" for name in (*found.tables, *found.excluded)}
    strange = sorted(path.name for path in target.iterdir() if path.name not in own)
    if found.metadata.kind != "synthetic" or found.content_hash != content or strange:
        what = f"it also holds {', '.join(strange)}" if strange else "its content is another"
        if found.metadata.kind != "synthetic":
            what = f"its kind is {found.metadata.kind}"
        raise RunFolderError(
            f"the campaign in {str(target)!r} was changed since it was drawn: {what}. {advice}"
        )
    return {"seed": seed, "truth": truth, "design": design}


@contextlib.contextmanager
def _placed(target: Path, draw: Callable[[Path], None]) -> Iterator[None]:
    """Draw a campaign into a folder; where what follows is refused, leave what was there."""
    token = uuid.uuid4().hex[:8]
    fresh, before = (
        target.with_name(f"{TEMPORARY}{token}-{name}-{target.name}") for name in ("new", "old")
    )
    with undone(partial(remove, fresh)), undone(partial(remove, before)):
        try:
            draw(fresh)
            try:
                with uninterrupted():
                    if target.exists():
                        target.rename(before)
                    fresh.rename(target)
                yield
            except (AnodebayesError, OSError):
                with uninterrupted():
                    if not fresh.exists():
                        target.rename(fresh)
                    if before.exists():
                        before.rename(target)
                raise
        finally:
            remove(fresh)
            remove(before)


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
    from inference.engine.prediction import Predictor
    from inference.studies.simulation import Truth

    plan = Plan.of(job)
    model, options = plan.model, plan.options
    predictor = Predictor(model)
    free = predictor.prior(1, seed)
    drawn = predictor.derive(free).merge(free)
    values = {}
    for name, prior in model.priors.items():
        base, member = split_label(name)
        value = drawn[base]
        if member:
            value = value.sel(protocol=member)
        values[name] = f"{float(value.values.ravel()[0]):.8g} {prior.unit}".removesuffix(" 1")
    return Truth(parameters=values, kinetics=options.kinetics, options=dict(options.options))


def _table(result: "Result", truth: Any) -> "pd.DataFrame":
    import pandas as pd

    from data.units import parse_quantity

    stated: dict[str, float] = {}
    for name, text in truth.parameters.items():
        unit = quantities()[base_name(name)].unit
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
