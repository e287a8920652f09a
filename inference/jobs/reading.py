"""Jobs as files: found by name, parsed, and refused in words."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack, get_args

from pydantic import (
    BaseModel,
    ValidationError,
)
from pydantic_core import ErrorDetails

from data.errors import InputError, JobError, MapError
from data.files import expanded, parse_toml, read_text, resolved
from data.workbooks import is_workbook
from inference.jobs.job import (
    SCHEMA_VERSION,
    Cell,
    Job,
    ModelSection,
    SamplerSection,
    as_toml,
    nearest_word,
    shown_value,
)

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
    from data.campaign import bundled_campaigns

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
            f"{nearest_word(text, bundled)}; bundled jobs: {', '.join(bundled)}"
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
        mistakes += [_sentence(detail) for detail in error.errors(include_url=False)]
    mistakes += _unknown_blocks(document)
    mistakes += _option_mistakes(document)
    mistakes += _map_mistakes(document)
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
                f"{key} is no key that can be changed{nearest_word(key, legal)}; "
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
    for text in assignments:
        key, equals, value = text.partition("=")
        *tables, last = (part.strip() for part in key.split("."))
        if not equals or not all([*tables, last]):
            raise JobError(
                f"--set {text!r}: legal is KEY=VALUE with a key of a job file, such as "
                "sampler.draws=4000 or model.kinetics=butler_volmer"
            )
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
    return Job(
        schema_version=SCHEMA_VERSION, name=name.lstrip("._-")[:100] or "run", campaign=str(path)
    )


def _minimal_job(campaign: str) -> str:
    """Return the shortest legal job for a campaign, to paste."""
    return MINIMAL_JOB.format(version=f"schema_version = {SCHEMA_VERSION}", campaign=campaign)


def _unknown_blocks(document: Mapping[str, Any]) -> list[str]:
    """Name the blocks of a job that have no likelihood."""
    from models.blocks import block_names

    legal = block_names()
    model = document.get("model")
    if not isinstance(model, Mapping):
        return []
    blocks, options = model.get("blocks"), model.get("options")
    named = [("model.blocks", b) for b in blocks or ()] if isinstance(blocks, list) else []
    named += [("model.options", b) for b in options] if isinstance(options, Mapping) else []
    return [
        f"{place}: unknown block {name!r}{nearest_word(name, legal)}; legal are {', '.join(legal)}"
        for place, name in named
        if isinstance(name, str) and name not in legal
    ]


def _option_mistakes(document: Mapping[str, Any]) -> list[str]:
    """Say what is wrong with the options of a job's blocks."""
    from models.blocks import block_names

    model = document.get("model")
    options = model.get("options") if isinstance(model, Mapping) else None
    if not isinstance(options, Mapping):
        return []
    known = {
        name: given
        for name, given in options.items()
        if name in block_names() and isinstance(given, Mapping)
    }
    if not known:
        return []
    from models.block_options import option_mistakes

    return option_mistakes(known)


def _map_mistakes(document: Mapping[str, Any]) -> list[str]:
    """Say what is wrong with the axes of a job's maps, each axis on its own."""
    section = document.get("map")
    axes = section.get("axes") if isinstance(section, Mapping) else None
    if not isinstance(axes, Mapping):
        return []
    from inference.designs.reading import read_designs

    mistakes = []
    for cell in get_args(Cell):
        entries = axes.get(cell)
        if not isinstance(entries, Mapping):
            continue
        alone = []
        for key in entries:
            together = {k: entries[k] for k in (key.removesuffix("_sd"), key) if k in entries}
            try:
                read_designs(cell, together)
            except MapError as error:
                alone.append(f"map.axes.{cell}.{key}: {error}")
        if not alone:
            try:
                read_designs(cell, entries)
            except MapError as error:
                alone.append(f"map.axes.{cell}: {error}")
        mistakes += alone
    return mistakes


def _sentence(detail: ErrorDetails) -> str:
    """Say one mistake of a job: the place, the value, what is legal."""
    keys = detail["loc"]
    place = "".join(f"[{k}]" if isinstance(k, int) else f".{k}" for k in keys).lstrip(".")
    kind, context, value = detail["type"], detail.get("ctx", {}), detail["input"]
    if kind == "extra_forbidden":
        legal = _legal_keys(detail["loc"][:-1])
        where = f"[{place.rpartition('.')[0]}]" if "." in place else "the job"
        name = str(keys[-1])
        owners = [key for key in _legal_keys(()) if name in _legal_keys((key,))]
        hint = f" (it belongs to [{owners[0]}])" if owners else nearest_word(name, legal)
        return f"{place}: unknown key{hint}; legal keys of {where} are {', '.join(legal)}"
    if kind == "missing":
        example = {
            "schema_version": f"schema_version = {SCHEMA_VERSION}",
            "name": 'name = "my-run"',
            "campaign": 'campaign = "sodium-literature"',
        }.get(place)
        return f"{place}: missing" + (f"; write for example {example}" if example else "")
    if place == "schema_version":
        return (
            f"schema_version: must be {SCHEMA_VERSION}, the only version that this program reads, "
            f"but got {shown_value(value)}"
        )
    rule = {
        "int_type": "must be a whole number",
        "float_type": "must be a number",
        "string_type": "must be text in quotes",
        "list_type": "must be a list [...]",
        "dict_type": "must be a table",
        "model_type": "must be a table",
        "model_attributes_type": "must be a table",
        "greater_than_equal": f"must be at least {context.get('ge')}",
        "less_than_equal": f"must be at most {context.get('le')}",
        "greater_than": f"must be above {context.get('gt')}",
        "less_than": f"must be below {context.get('lt')}",
        "literal_error": f"must be one of {context.get('expected')}",
        "string_too_short": "must not be empty",
        "too_short": "must not be empty",
        "string_pattern_mismatch": (
            "must begin with a letter or a digit and hold only letters, digits, '.', '_' and '-'"
        ),
        "value_error": str(context.get("error", detail["msg"])),
    }.get(kind, detail["msg"])
    if kind == "value_error":
        return f"{place}: {rule}"
    hint = ""
    if kind == "literal_error" and isinstance(value, str):
        legal_words = str(context.get("expected", "")).replace("'", "").replace(" or ", ", ")
        hint = nearest_word(value, legal_words.split(", "))
    return f"{place}: {rule}, but got {shown_value(value)}{hint}"


def _legal_keys(loc: tuple[int | str, ...]) -> list[str]:
    """Return the keys that the table of a job at a place may hold; none where there is no table."""
    section: type[BaseModel] = Job
    for key in loc:
        annotation = section.model_fields[str(key)].annotation
        choices = (annotation, *get_args(annotation))
        tables = [c for c in choices if isinstance(c, type) and issubclass(c, BaseModel)]
        if not tables:
            return []
        section = tables[0]
    return [name for name in section.model_fields if name != "resolved"]
