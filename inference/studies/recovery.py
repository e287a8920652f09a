"""Recovery of a known truth: draw one campaign, fit it, lay truth and posterior side by side.

The drawn campaign carries a record of what it was drawn from. By it a later recovery knows whether
it may be fitted again, and that it may be replaced: nothing else is ever taken for it or deleted.
"""

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data.errors import AnodebayesError, InputError, RunFolderError
from data.files import read_json, resolved
from data.locks import LOCK
from data.quantities import base_name, quantities, split_label
from data.stopping import undone, uninterrupted
from data.whole_files import content_hash, draft_name, remove, write_text_whole
from inference.jobs.job import Job
from inference.jobs.plan import Plan
from inference.jobs.reading import load_job
from inference.thresholds import INTERVAL
from inference.words.run_files import RESULT

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
    from inference.studies.simulation import TRUTH_FILE, drawn_from, read_truth, simulate

    job = job if isinstance(job, Job) else load_job(os.fspath(job))
    seed = job.sampler.seed if seed is None else seed
    run = resolved(folder)
    target = run.with_name(f"{run.name}-campaign")
    design = Plan.of(job).fitted  # what is not fitted has no truth, and is not drawn
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
        simulate(stated, design, seed=seed, folder=folder, name=f"{job.name}-recovery")
        text = json.dumps({**due, "files": _files(folder)}, indent=1) + "\n"
        write_text_whole(folder / RECORD, text)

    anew = bool(differences) or not (target / RECORD).is_file()
    with _placed(target, draw, run / RESULT) if anew else contextlib.nullcontext():
        _stored(target)
        drawn = read_truth(target / TRUTH_FILE)
        result = fit(
            job.model_copy(update={"campaign": str(target)}),
            folder=run,
            force=force,
            progress=progress,
        )
    return Recovery(result, _table(result, drawn))


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
        seed, truth, design, files = (record[key] for key in ("seed", "truth", "design", "files"))
        truth["parameters"].keys()
        files.items()
    except (InputError, ValueError, KeyError, TypeError, AttributeError):
        raise RunFolderError(
            f"{str(target)!r}, where the synthetic campaign is drawn, holds something that no "
            f"recovery wrote (no {RECORD}). {advice}"
        ) from None
    found = _files(target)
    if found != files:
        changed = sorted(name for name in {*found, *files} if found.get(name) != files.get(name))
        raise RunFolderError(
            f"the campaign in {str(target)!r} was changed since it was drawn ({changed[0]!r}"
            + (f" and {len(changed) - 1} more" if len(changed) > 1 else "")
            + f"). {advice}"
        )
    return {"seed": seed, "truth": truth, "design": design}


def _files(folder: Path) -> dict[str, str]:
    """Return the hash of every file in a folder, the record and an empty lock apart."""
    return {
        path.relative_to(folder).as_posix(): content_hash(path)
        for path in sorted(folder.rglob("*"))
        if (path.is_symlink() or not path.is_dir())
        and path.name != RECORD
        and not (path.name == LOCK and path.is_file() and not path.stat().st_size)
    }


@contextlib.contextmanager
def _placed(target: Path, draw: Callable[[Path], None], result: Path) -> Iterator[None]:
    """Draw a campaign into a folder; where what follows leaves the result, leave what was there.

    A campaign that is there belongs to the result, as long as that stands: it is put back where the
    fit is refused or stopped.
    """
    fresh, before = (target.with_name(draft_name(f"{end}-{target.name}")) for end in ("new", "old"))
    known, placed = content_hash(result), False

    def put_back() -> None:
        if before.exists() and content_hash(result) == known:
            if target.exists():
                target.rename(fresh)
            before.rename(target)
        remove(fresh)
        remove(before)

    with undone(put_back):
        try:
            draw(fresh)
            with uninterrupted():
                if target.exists():
                    target.rename(before)
                fresh.rename(target)
                placed = True
            yield
        except BaseException as error:
            with uninterrupted():
                if placed and not before.exists() and isinstance(error, AnodebayesError | OSError):
                    target.rename(fresh)  # where there was none
                put_back()
            raise
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
