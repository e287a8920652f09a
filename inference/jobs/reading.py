"""Jobs as files: found by name, parsed, and refused in words."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from pydantic import ValidationError

from data.errors import InputError, JobError
from data.files import expanded, parse_toml, read_text, resolved
from data.schema import nearest
from data.workbooks import is_workbook
from inference.jobs.job import (
    SCHEMA_VERSION,
    Job,
    ModelSection,
    SamplerSection,
    as_toml,
    is_kept,
)
from inference.jobs.mistakes import map_mistakes, mistakes_of_options, sentence, unknown_blocks

if TYPE_CHECKING:
    from data.campaign import Campaign

__all__ = [
    "BUNDLED",
    "MINIMAL_JOB",
    "Changes",
    "bundled_jobs",
    "changed_job",
    "job_for_campaign",
    "job_with_set",
    "load_job",
    "parse_job",
]

BUNDLED = Path(__file__).parent
MINIMAL_JOB = (
    '{version}\nname = "my-run"\ncampaign = "{campaign}"\n'
    "# [model.options.<table>]  what a table lets you choose: anodebayes options"
)


def bundled_jobs() -> dict[str, Path]:
    """Return the jobs that come with the package.

    Returns
    -------
    dict
        Name to file, sorted by name.
    """
    return {path.stem: path for path in sorted(BUNDLED.glob("*.toml"))}


def load_job(path_or_name: str | os.PathLike[str]) -> Job:
    """Read a job.

    Parameters
    ----------
    path_or_name : str or path
        A job file, the name of a bundled job, or a campaign folder (fitted with every default).

    Returns
    -------
    Job
        The validated job; paths in it are relative to its file.

    Raises
    ------
    JobError
        No such job, not TOML, or not a legal job; every mistake is listed.
    """
    from data.loading import bundled_campaigns

    text = os.fspath(path_or_name)
    path = expanded(text)
    if is_workbook(path):
        return job_for_campaign(path)
    if path.is_dir():
        if (path / "campaign.toml").is_file():
            return job_for_campaign(path)
        if (path / "resolved.toml").is_file():
            raise JobError(
                f"{text!r} is a run folder, not a job; to run its job again, give "
                f"{str(path / 'resolved.toml')!r}"
            )
    bundled = bundled_jobs()
    if text in bundled and not path.is_file():
        path = bundled[text]
    if not path.is_file():
        if path.is_dir():
            raise JobError(
                f"{text!r} is a folder without campaign.toml; give a job file (.toml), a campaign "
                f"folder, or a bundled job: {', '.join(bundled)}"
            )
        raise JobError(
            f"there is no job file {text!r} and no bundled job of that name"
            f"{nearest(text, bundled)}; bundled jobs: {', '.join(bundled)}"
        )
    if path.name == "campaign.toml":
        raise JobError(
            f"{text!r} describes a campaign, not a job; give the folder "
            f"{str(path.parent)!r} to fit it with every default, or write a job file:\n\n"
            + _minimal_job(path.parent.name)
        )
    try:
        content = read_text(path)
    except InputError as error:
        raise JobError(f"{text!r} {error}") from error
    job = parse_job(content, path=path)
    settled = path.with_name("resolved.toml")
    moved = path.name == "job.toml" and settled.is_file()
    elsewhere = job.campaign not in bundled_campaigns() and not Path(job.campaign).is_absolute()
    if moved and elsewhere:
        raise JobError(
            f"{text!r} is the copy that a run keeps, and its campaign {job.campaign!r} counts from "
            f"where the job was given, not from here: give {str(settled)!r}, or the job itself"
        )
    return job


def parse_job(text: str, *, path: Path | None = None) -> Job:
    """Validate the text of a job file.

    Parameters
    ----------
    text : str
        TOML.
    path : Path, optional
        The file it came from, which its paths are relative to.

    Returns
    -------
    Job
        The validated job.

    Raises
    ------
    JobError
        Not TOML, or not a legal job; every mistake is listed.
    """
    shown = str(path) if path is not None else "job"
    try:
        document = parse_toml(text)
    except InputError as error:
        raise JobError(f"{shown} {error}") from error
    mistakes = []
    job = None
    try:
        job = Job.model_validate(document)
    except ValidationError as error:
        mistakes += [sentence(detail) for detail in error.errors(include_url=False)]
    mistakes += unknown_blocks(document)
    mistakes += mistakes_of_options(document)
    mistakes += map_mistakes(document)
    if mistakes or job is None:
        count = f"{len(mistakes)} mistake{'s' if len(mistakes) != 1 else ''}"
        lines = [f"{shown} is not a legal job: {count}", *(f"  {line}" for line in mistakes)]
        raise JobError("\n".join(lines))
    return job._with_source(path.resolve() if path is not None else None, text)


class Changes(TypedDict, total=False):
    """What may take the place of a job's own, as keywords of `inference.fit`."""

    draws: int
    tune: int
    most_draws: int
    chains: int
    cores: int
    seed: int
    target_accept: float
    max_tree_depth: int
    kinetics: str
    blocks: Sequence[str]
    options: Mapping[str, Mapping[str, Any]]
    priors: Mapping[str, Mapping[str, Any]]


def changed_job(job: Job, **changes: Unpack[Changes]) -> Job:
    """Return a job with some of its keys changed.

    Parameters
    ----------
    job : Job
        The job; it stays as it is.
    **changes
        Keys of ``[sampler]`` and ``[model]``, and ``priors`` by name; priors and options of blocks
        that are not named stay as they are.

    Returns
    -------
    Job
        With paths relative to the same place.

    Raises
    ------
    JobError
        A key is unknown, or the job is not legal with what is changed; every mistake is listed.

    Examples
    --------
    >>> changed_job(load_job("sodium-literature"), seed=7, kinetics="butler_volmer").sampler.seed
    7
    """
    if not changes:
        return job
    document = job.model_dump(exclude_none=True, exclude_defaults=True, exclude={"resolved"})
    for key, value in changes.items():
        if key in SamplerSection.model_fields:
            document.setdefault("sampler", {})[key] = value
        elif key == "priors":
            document["priors"] = {**document.get("priors", {}), **changes["priors"]}
        elif key == "options":
            model = document.setdefault("model", {})
            model["options"] = {**model.get("options", {}), **changes["options"]}
        elif key in ModelSection.model_fields:
            document.setdefault("model", {})[key] = value
        else:
            legal = [*Changes.__annotations__]
            raise JobError(
                f"{key} is no key that can be changed{nearest(key, legal)}; "
                f"legal are {', '.join(legal)}"
            )
    return _with_changes(job, document)


def job_with_set(job: Job, assignments: Sequence[str]) -> Job:
    """Return a job with keys set as on a command line.

    Parameters
    ----------
    job : Job
        The job; it stays as it is.
    assignments : sequence of str
        Such as ``sampler.draws=4000`` or ``priors.contact_angle.fixed="148 degree"``: a key of the
        job file, its tables parted by dots, and its value as in TOML; text needs no quotes.

    Returns
    -------
    Job
        With paths relative to the same place.

    Raises
    ------
    JobError
        An assignment is none, or the job is not legal with it; every mistake is listed.

    Examples
    --------
    >>> job_with_set(load_job("sodium-literature"), ["sampler.draws=2000"]).sampler.draws
    2000
    """
    if not assignments:
        return job
    document = job.model_dump(exclude_none=True, exclude_defaults=True, exclude={"resolved"})
    seen: dict[tuple[str, ...], str] = {}
    for text in assignments:
        key, equals, value = text.partition("=")
        *tables, last = (part.strip() for part in key.split("."))
        if not equals or not all([*tables, last]):
            raise JobError(
                f"--set {text!r}: legal is KEY=VALUE with a key of a job file, such as "
                "sampler.draws=4000 or model.kinetics=butler_volmer"
            )
        if before := seen.get((*tables, last)):
            raise JobError(
                f"--set {'.'.join([*tables, last])}: stands twice ({before!r}, {text!r}); keep one"
            )
        seen[*tables, last] = text
        place = document
        for table in tables:
            inner = place.setdefault(table, {})
            if not isinstance(inner, dict):
                raise JobError(f"--set {text!r}: {table} is a value and holds no keys")
            place = inner
        place[last] = _toml_value(value)
    return _with_changes(job, document)


def _with_changes(job: Job, document: Mapping[str, Any]) -> Job:
    """Validate a job that was changed; its mistakes are those of the changes."""
    try:
        return parse_job(as_toml(document), path=job.source_path)
    except JobError as error:
        raise JobError(f"with what is changed, {error}") from error


def _toml_value(text: str) -> object:
    """Return a value as TOML reads it; what TOML cannot read is text."""
    try:
        return parse_toml(f"value = {text}")["value"]
    except InputError:
        return text.strip()


def job_for_campaign(campaign: "Campaign | str | os.PathLike[str]") -> Job:
    """Return the job that fits a campaign with every default.

    Parameters
    ----------
    campaign : Campaign, str or path
        A loaded campaign or the folder of one.

    Returns
    -------
    Job
        A job named after the campaign's folder or workbook.
    """
    located = campaign if isinstance(campaign, str | os.PathLike) else campaign.path
    path = resolved(located)
    bare = path.stem if is_workbook(path) else path.name
    name = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in bare)
    name = name.lstrip("._-")[:96] or "run"
    name = f"run-{name}" if is_kept(name) else name
    return Job(schema_version=SCHEMA_VERSION, name=name, campaign=str(path))


def _minimal_job(campaign: str) -> str:
    """Return the shortest legal job for a campaign, to paste."""
    return MINIMAL_JOB.format(version=f"schema_version = {SCHEMA_VERSION}", campaign=campaign)
