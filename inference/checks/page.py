"""One page of verdicts: on a finished run, or on a job before it runs."""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from data.campaign import Campaign
from data.errors import RunFolderError
from inference.designs.design import Design
from inference.maps.questions import safe_current
from inference.misfit.verdicts import Check, Finding, Section
from inference.runs.fitted_campaign import fitted_campaign
from inference.runs.result import Result
from inference.thresholds import DEFAULT_RISK
from inference.words.plain import plain

if TYPE_CHECKING:
    from inference.jobs.job import Job

__all__ = ["check", "prefit_check", "write_check"]


def check(
    result: Result,
    *,
    conflict: bool = True,
    campaign: Campaign | None = None,
    seed: int | None = None,
    designs: Sequence[Design | Mapping[str, Any]] | None = None,
    risk: float = DEFAULT_RISK,
) -> Check:
    """Judge a finished run.

    Parameters
    ----------
    result : Result
        The fit.
    conflict : bool
        Whether each table is fitted by itself and compared with the others; some ten seconds a
        table, two at a time; and whether the model is fitted again without the rows that may decide
        an answer where their weights do not tell. Without it what that would show is
        ``not checked``.
    campaign : Campaign, optional
        The data that were fitted; those of the job in the run folder when left out.
    seed : int, optional
        Of the refits and of all noise; the run's own when left out.
    designs : sequence of Design or mapping, optional
        What the rows may decide the safe current of, one cell each, at most one of a kind; those
        that the report of the run begins with when left out.
    risk : float
        Probability that a new cell fails at that current.

    Returns
    -------
    Check
        Sections ``sampling``, ``fit``, ``rows``, ``identifiability`` and ``conflict``.

    Raises
    ------
    RunFolderError
        If `campaign` is given and is not what was fitted.
    MapError
        If a design or the risk is not legal.

    Examples
    --------
    >>> result = load_result("runs/sodium-literature")
    >>> found = check(result, conflict=False)
    >>> found.section("sampling").verdict
    'ok'
    """
    from inference.checks.identifiability import identifiability_section
    from inference.checks.row_findings import headline_designs, rows_section
    from inference.checks.sampling import sampling_section

    asked = headline_designs(result) if designs is None else designs
    answers = [safe_current(result, design, risk) for design in asked]
    root = int(result.attrs["seed"]) if seed is None else seed
    ties, noise, refits = (int(each) for each in np.random.SeedSequence(root).generate_state(3))
    # One table has no other to disagree with: that needs no fit.
    wanted = conflict or len(result.blocks) < 2
    data = _campaign_of(result, campaign) if conflict and len(result.blocks) > 1 else None
    return Check(
        kind="run",
        name=str(result.attrs["name"]),
        campaign=str(result.attrs["campaign"]),
        synthetic=result.synthetic,
        gate_passed=result.gate.passed,
        result_id=result.id,
        resolved_hash=str(result.attrs["resolved_hash"]),
        seed=root,
        sections=(
            sampling_section(result),
            _fit_section(result, ties),
            rows_section(result, answers, refit=conflict),
            identifiability_section(result, noise),
            _agreement_section(result, data, refits, refit=wanted),
        ),
    )


def _agreement_section(result: Result, data: Campaign | None, seed: int, *, refit: bool) -> Section:
    """Say whether tables agree, or that it is not known, as none was fitted alone."""
    from inference.checks.conflict import conflict_section

    section = conflict_section(result, data, seed, refit=refit)
    if refit:
        return section
    unchecked = Finding.of(
        "tables",
        "not checked",
        "Whether the tables agree is not known: they were not fitted one by one. `anodebayes check "
        "RUN` does that and compares them (some ten seconds a table).",
    )
    kept = [each for each in section.findings if each.key != unchecked.key]
    return section.model_copy(update={"findings": (*kept, unchecked)})


def _fit_section(result: Result, seed: int) -> Section:
    from inference.checks.absurdity import absurd_shares, absurdity_findings
    from inference.misfit.kinds import second_kind_findings
    from inference.misfit.predictive import fit_findings
    from inference.misfit.symptoms import doubted, symptom_findings
    from models.priors import resolve_priors

    priors = resolve_priors(result.metal, result.model_options.priors)
    symptoms = symptom_findings(
        result.observed_data,
        result.posterior_predictive,
        result.posterior,
        priors,
        result.tree["sampled"].to_dataset(),
        doubted(result),
    )
    findings, table = fit_findings(result, seed)
    absurd = absurd_shares(result.prior, result.prior_predictive)
    return Section(
        name="fit",
        title="Whether the model predicts its own data",
        findings=(
            *symptoms,
            *findings,
            *second_kind_findings(result),
            *absurdity_findings(absurd),
        ),
        tables={"observed_variables": table, "absurdity": plain(absurd)},
    )


def _campaign_of(result: Result, given: Campaign | None) -> Campaign | None:
    """Return the campaign that was fitted; None where it is gone or changed."""
    due = str(result.attrs["data_hash"])
    if given is not None:
        if given.content_hash != due:
            raise RunFolderError(
                f"the campaign {given.metadata.name!r} (content {given.content_hash[:12]}) is not "
                f"what was fitted (content {due[:12]}); give the campaign of the run"
            )
        return given
    return fitted_campaign(result)


def prefit_check(
    source: "Job | Campaign | str | os.PathLike[str]", *, seed: int | None = None
) -> Check:
    """Say what a job will identify, before any sampling.

    Parameters
    ----------
    source : Job, Campaign, str or path
        A job, its file, the name of a bundled job, or a campaign (with every default).
    seed : int, optional
        Of every draw; the job's own when left out.

    Returns
    -------
    Check
        Sections ``identifiability`` and ``prior``.

    Raises
    ------
    JobError, CampaignError, PriorError, ModelError
        If the input is not legal.

    Examples
    --------
    >>> [section.name for section in prefit_check("sodium-literature").sections]
    ['identifiability', 'prior']
    """
    from inference.checks.prefit import prefit_sections
    from inference.jobs.plan import Plan

    plan = Plan.of(source)
    root = plan.job.sampler.seed if seed is None else seed
    return Check(
        kind="prefit",
        name=plan.job.name,
        campaign=plan.campaign.metadata.name,
        synthetic=plan.campaign.metadata.kind == "synthetic",
        seed=root,
        sections=prefit_sections(plan.model, root),
    )


def write_check(found: Check, folder: str | os.PathLike[str], *, force: bool = False) -> None:
    """Write ``check.json`` into a run folder, whole or not at all.

    Parameters
    ----------
    found : Check
        From `check`.
    folder : str or path
        The run folder.
    force : bool, optional
        Replace a check that was changed since it was written.

    Raises
    ------
    RunFolderError
        If another process writes to the folder, it holds another result by now, or its check was
        changed since it was written.
    """
    from inference.runs.run_folder import RunFolder
    from inference.words.run_files import CHECK

    RunFolder(folder, result_id=found.result_id, force=force).write_text(CHECK, found.to_json())
