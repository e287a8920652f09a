"""From a job to a result: build, sample, predict, judge, write."""

import json
import logging
import os
import shutil
import tempfile
import time
import uuid
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import xarray as xr

from data.errors import AnodebayesError, RunFolderError, StorageError
from data.whole_files import require_size
from inference.engine.prediction import Predictor
from inference.engine.sampling import (
    Sampler,
)
from inference.jobs.notes import row_notes
from inference.jobs.plan import Plan, Source
from inference.jobs.reading import Changes
from inference.jobs.resolved import ResolvedJob
from inference.maps.asked import check_designs
from inference.maps.row_counts import fresh_cells, left_out
from inference.misfit.symptoms import symptom_findings
from inference.rows.conditions import row_conditions, row_groups
from inference.rows.data_ranges import currents_tested, data_gaps, data_hulls
from inference.rows.doubtful import doubted_tables
from inference.rows.taken_off import ended_early
from inference.rows.times_tested import times_tested
from inference.runs.findings import findings, protocols_against_maps
from inference.runs.gated_draws import Timings, draw_until_gate
from inference.runs.result import Result, load_result
from inference.runs.run_folder import RunFolder
from inference.runs.summary import summary_table
from inference.runs.tree import (
    campaign_lines,
    designs_of_rows,
    labelled_observations,
    split_draws,
    with_labels,
)
from inference.words.run_files import RESULT, SUMMARY
from models.row_labels import observed_lines

__all__ = ["dry_run", "fit"]

PRIOR_DRAWS = 1000
_RESULT = 5_000_000  # bytes; of 4000 draws from published numbers alone it has 2.7 million

logger = logging.getLogger(__name__)


def fit(
    source: Source,
    *,
    folder: str | os.PathLike[str] | None = None,
    force: bool = False,
    progress: bool = False,
    **changes: Unpack[Changes],
) -> Result:
    """Fit a job.

    Parameters
    ----------
    source : Job, str, path or Campaign
        A job, its file, the name of a bundled job, or a campaign (fitted with every default).
    folder : str or path, optional
        Run folder to write; nothing is written when left out. A folder that already holds the
        whole result of the same job is read instead of being computed again; where only the axes
        of its maps have changed, they are taken over.
    force : bool
        Replace the result of another job, and files of a run that were changed since.
    progress : bool
        Show the sampler's progress bar.
    **changes
        What takes the place of the job's own: ``draws``, ``tune``, ``chains``, ``seed``,
        ``target_accept`` and the other keys of its section ``[sampler]``; ``kinetics``, ``blocks``
        and ``options`` of ``[model]``; ``priors``, by name.

    Returns
    -------
    Result
        With its verdict (`Result.gate`): a failed gate is marked, not raised.

    Raises
    ------
    JobError, CampaignError, PriorError, ModelError
        If the input is not legal.
    MapError
        If the job asks for a map that will not be drawn.
    RunFolderError
        If the folder is in use, is no run folder, or holds the result of another job or one that
        cannot be read.
    StorageError
        If there is no space left; a fit that is finished is kept elsewhere where there is room.

    Examples
    --------
    >>> result = fit("sodium-literature", folder="runs/sodium-literature")
    >>> result.gate.passed
    True
    """
    plan = Plan.of(source, **changes)
    job, resolved = plan.job, plan.resolved
    if folder is None:
        return Result(_compute(plan, _built(plan), progress))
    run = RunFolder(folder, force=force)
    # What is there whole is only read, and reading keeps nobody out.
    if run.state(resolved) == "complete" and not run.asks_other_maps(resolved):
        found = _read(run, force=force)
        if found is not None and run.state(resolved) == "complete":  # still
            return found
    with run.lock():
        state = run.state(resolved)
        found = _read(run, force=force) if state in {"complete", "unreadable"} else None
        if found is not None:
            if run.asks_other_maps(resolved):
                check_designs(job.map.designs, found)
                run.take_maps(resolved, job.source_text)
                logger.info("the axes of its maps have changed: the fit stands")
            return found
        if state == "different" and not force:
            differences = run.differences(resolved)
            raise RunFolderError(
                f"{str(run.path)!r} holds the result of another job. What changed:\n"
                + "\n".join(f"  - {each}" for each in differences)
                + "\nGive another folder (--out), or replace the result (--force)."
            )
        timings = _built(plan)
        require_size(_RESULT)
        replaces = os.path.lexists(run.result_path)
        run.require_free()
        if not replaces:
            run.start(resolved, job.source_text)
        with run.log():
            logger.info("%s data of campaign %s", plan.kind, plan.campaign.metadata.name)
            result = Result(_compute(plan, timings, progress), run.path)
            begin = time.perf_counter()
            try:
                if replaces:  # which stays whole until there is something in its place
                    run.start(resolved, job.source_text)
                _write(result, run)
            except (RunFolderError, StorageError) as error:
                raise _kept_elsewhere(error, result, resolved, job.source_text) from error
            logger.info("write %.2f s", time.perf_counter() - begin)
    return result


def _read(run: RunFolder, *, force: bool) -> Result | None:
    """Read the result of a folder; None where it cannot be read and may be replaced."""
    try:
        result = load_result(run.path)
    except RunFolderError as error:
        if not force:
            raise RunFolderError(
                f"{error}. Nothing was changed; --force fits anew and replaces the result"
            ) from error
        logger.warning("the result is fitted anew: %s", error)
        return None
    logger.info("%s already holds this job's result", run.path)
    return result


def _write(result: Result, run: RunFolder) -> None:
    """Write what a fit has found, the file that marks it complete last."""
    run.write(SUMMARY, lambda path: _summary_to_write(result).to_csv(path))
    run.write(RESULT, result.save)


def _kept_elsewhere(
    error: AnodebayesError, result: Result, resolved: ResolvedJob, job_text: str
) -> StorageError:
    """Keep a finished fit where temporary files go; say where, or that there is no room either."""
    kept: Path | None = None
    try:
        kept = Path(tempfile.mkdtemp(prefix="anodebayes-"))
        other = RunFolder(kept / "run")
        other.start(resolved, job_text)
        _write(result, other)
    except (OSError, RunFolderError, StorageError) as too:
        if kept is not None:
            shutil.rmtree(kept, ignore_errors=True)
        return StorageError(f"{error}. The fit is lost: it found no room elsewhere ({too})")
    return StorageError(
        f"{error}. The finished fit is kept as a run folder of its own: {str(other.path)!r}"
    )


def _summary_to_write(result: Result) -> Any:
    """Return the table of parameters, the kind of the data its first column."""
    table = result.summary()
    table.insert(0, "data_kind", str(result.attrs["campaign_kind"]))
    return table


def dry_run(source: Source) -> str:
    """Build and check everything, sample nothing.

    Parameters
    ----------
    source : Job, str, path or Campaign
        As for `fit`.

    Returns
    -------
    str
        What would be fitted.

    Raises
    ------
    JobError, CampaignError, PriorError, ModelError
        If the input is not legal, or the model has no finite density at its starting point.
    MapError
        If the job asks for a map that will not be drawn.
    """
    from data.errors import ModelError

    plan = Plan.of(source)
    resolved, model = plan.resolved, plan.model
    terms = model.pymc.point_logps(model.pymc.initial_point())
    broken = [name for name, value in terms.items() if not np.isfinite(value)]
    if broken:
        raise ModelError(f"the density at the starting point is not finite in {', '.join(broken)}")
    rows = [f"  {name}: {len(rows)} observations" for name, rows in model.row_labels.items()]
    free = sum(int(np.prod(rv.shape.eval())) for rv in model.pymc.free_RVs)
    return "\n".join(
        [
            f"job {plan.job.name}: {free} unknowns, kinetics {plan.options.kinetics}",
            *rows,
            *(f"note: {note}" for note in plan.unused_options()),
            *(f"note: {note}" for note in row_notes(plan.fitted)),
            f"resolved hash {resolved.hash[:12]}; nothing was sampled",
        ]
    )


def _built(plan: Plan) -> Timings:
    """Build the model of a plan, and begin to count the seconds."""
    timings = Timings()
    with timings.stage("build"):
        _ = plan.model
    return timings


def _compute(plan: Plan, timings: Timings, progress: bool) -> xr.DataTree:
    campaign, fitted, model, options = plan.campaign, plan.fitted, plan.model, plan.options
    sampler = plan.job.sampler
    # One seed for the job; independent streams for what is drawn besides the chains.
    prior_seed, prior_noise, noise = (
        int(s.generate_state(1)[0]) for s in np.random.SeedSequence(sampler.seed).spawn(3)
    )
    with timings.stage("compile"):
        compiled, predictor = Sampler(model), Predictor(model)
    drawn = draw_until_gate(compiled, predictor, sampler, noise, timings, progress)
    posterior, internal, after = drawn.posterior, drawn.internal, drawn.after
    with timings.stage("predict"):
        before_free = predictor.prior(PRIOR_DRAWS, prior_seed)
        before = predictor.evaluate(before_free, prior_noise, to_store=True)
    with timings.stage("diagnose"):
        prior, _ = split_draws(before_free, before["derived"])
        summary = summary_table(
            posterior, prior, model.priors, model.informed_by, drawn.diagnostics
        )
        observed = xr.Dataset(
            {name: (f"{name}_row", values) for name, values in model.observed.items()},
            coords={f"{name}_row": rows for name, rows in model.row_labels.items()},
        )
        doubts = doubted_tables(fitted)
        suspected = [
            each.sentence
            for each in symptom_findings(
                observed, after["predictive"], posterior, model.priors, internal, doubts
            )
        ]
        further = findings(
            fitted,
            posterior,
            after["predictive"],
            summary,
            model.informed_by,
            options.kinetics,
            log_likelihood=after["log_likelihood"],
            doubted=[note for notes in doubts.values() for note in notes],
        )
        counted = {
            "left_out": left_out(fitted),
            "fresh_cells": fresh_cells(fitted),
            "ended_early": ended_early(fitted),
            "protocols": protocols_against_maps(fitted, posterior),
        }
        first = [*suspected, *counted["left_out"].values(), *counted["protocols"].values()]
        found = [*first, *(each for each in further if each not in first)]
        found += [*counted["fresh_cells"].values(), *counted["ended_early"].values()]
        found += plan.unused_options()
    kinds = {
        group: with_labels(after[group].mean(("chain", "draw")), "cell of the second kind")
        for group in {"second_kind"} & {*after}
    }
    tree = xr.DataTree.from_dict(
        {
            "posterior": posterior,
            "prior": prior,
            "sample_stats": with_labels(drawn.sample_stats, "of the sampler"),
            "log_likelihood": with_labels(after["log_likelihood"], "log-likelihood"),
            "log_prior": with_labels(after["log_prior"], "log-density of the prior"),
            "posterior_predictive": labelled_observations(after["predictive"]),
            "prior_predictive": labelled_observations(before["predictive"]),
            "observed_data": labelled_observations(observed),
            "constant_data": designs_of_rows(model),
            "sampled": with_labels(internal),
            "summary": xr.Dataset.from_dataframe(summary),
        }
        | kinds
    )
    tree.attrs = {
        "name": plan.job.name,
        "campaign": campaign.metadata.name,
        "campaign_kind": campaign.metadata.kind,
        "campaign_summary": campaign_lines(fitted),
        "metal": campaign.metadata.metal,
        "model_options": options.model_dump_json(),
        "options": json.dumps(plan.block_options),
        "blocks": json.dumps(list(plan.blocks)),
        "lines": json.dumps(
            {
                dim.removesuffix("_row"): lines
                for name in plan.blocks
                for dim, lines in observed_lines(campaign, name).items()
            }
        ),
        "conditions": json.dumps(row_conditions(campaign, plan.blocks)),
        "groups": json.dumps(row_groups(campaign, plan.blocks)),
        "informed_by": json.dumps(model.informed_by),
        "result_id": uuid.uuid4().hex,
        "resolved_hash": plan.resolved.hash,
        "data_hash": plan.resolved.data_hash,
        "prior_hash": plan.resolved.prior_hash,
        "seed": sampler.seed,
        "versions": json.dumps(plan.resolved.versions),
        "data_ranges": json.dumps(plan.data_ranges),
        "data_hulls": json.dumps(data_hulls(fitted)),
        "data_gaps": json.dumps(data_gaps(fitted)),
        "tested": json.dumps(currents_tested(fitted)),
        "times_tested": json.dumps(times_tested(fitted)),
        "separators": json.dumps(plan.separators),
        "fitted_sources": json.dumps(campaign.fitted_sources(plan.blocks)),
        "prior_sources": json.dumps(model.priors.sources),
        "references": json.dumps(dict(campaign.metadata.references)),
        "assumptions": json.dumps([str(each) for each in fitted.assumptions]),
        "findings": json.dumps(found),
        "doubted": json.dumps(doubts),
        "suspicions": json.dumps(suspected),
        **{key: json.dumps(sentences) for key, sentences in counted.items()},
        "gate": json.dumps(asdict(drawn.gate)),
        "timings": json.dumps(timings),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    if campaign.metadata.salt_concentration is not None:
        tree.attrs["salt_concentration"] = campaign.metadata.salt_concentration
    return tree
