"""Jobs: a strict TOML file that says which campaign is fitted, how, and what is mapped.

A job is refused with every mistake it holds, each with its place and the nearest legal name. A
*resolved* job is a job with nothing left to default: it carries every prior, the versions and the
hashes of data and priors, and it runs again as a job.
"""

import difflib
import hashlib
import json
import os
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from data.errors import InputError, JobError, MapError
from data.files import expanded, parse_toml, read_text, resolved
from data.workbooks import is_workbook
from inference.thresholds import DRAWN_ON, FEWEST_DRAWS
from models.options import KineticsLaw, ModelOptions

if TYPE_CHECKING:
    from data.campaign import Campaign
    from models.priors import PriorSet

__all__ = [
    "MOST_DRAWS",
    "Job",
    "MapSection",
    "ModelSection",
    "OutputSection",
    "ResolvedJob",
    "ResolvedSection",
    "SamplerSection",
    "bundled_jobs",
    "job_differences",
    "job_for_campaign",
    "load_job",
    "parse_job",
    "resolve",
    "software_versions",
    "with_maps_of",
]

SCHEMA_VERSION: Literal[1] = 1
MOST_DRAWS = 1_000_000
BUNDLED = Path(__file__).parent
VERSIONED_PACKAGES = ("anodebayes", "pymc", "arviz", "nutpie", "numpy", "scipy", "xarray")
MINIMAL_JOB = (
    '{version}\nname = "my-run"\ncampaign = "{campaign}"\n'
    "# [model.options.<table>]  what a table lets you choose: anodebayes options"
)

Cell = Literal["liquid", "solid"]
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]


class Section(BaseModel):
    """A table of a job file: unknown keys and coerced types are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ModelSection(Section):
    """The `[model]` table.

    Parameters
    ----------
    kinetics : {"marcus_hush_chidsey", "butler_volmer", "marcus_hush"}
        The law that relates current to overpotential.
    blocks : list of str, optional
        The tables to fit; all tables of the campaign that have a likelihood when left out.
    options : dict
        Options of single blocks (`[model.options.<block>]`), validated by the block itself.
    """

    kinetics: KineticsLaw = "marcus_hush_chidsey"
    blocks: list[str] | None = Field(default=None, min_length=1)
    options: dict[str, dict[str, Any]] = Field(default_factory=dict)


class SamplerSection(Section):
    """The `[sampler]` table.

    Parameters
    ----------
    draws, tune : int
        Draws kept and draws of warm-up, a chain; of all chains together at least 25 are kept, for
        nothing can be said of the tail of fewer.
    most_draws : int, optional
        Draws a chain up to which a fit is drawn on: where nothing but longer chains is wanting for
        the convergence gate, it is sampled with twice as many, of both, until the gate passes.
        Eight times `draws` when left out; no more than `draws` keeps it to what was asked.
    chains : int
        Independent chains; R-hat compares them, so at least two.
    cores : int, optional
        Processes at work; the smaller of the chains and the machine's cores when left out. The
        draws do not depend on it.
    seed : int
        Seed of every random number of the run.
    target_accept : float
        Acceptance that the step size is tuned to, in (0, 1). Where transitions diverge, the fit is
        sampled again in smaller steps.
    max_tree_depth : int
        Doublings of a trajectory after which the sampler moves on; a lower one bounds the time that
        a hard posterior takes, and `check` says how often it cut one short.
    """

    draws: int = Field(default=1000, ge=1, le=MOST_DRAWS)
    tune: int = Field(default=1000, ge=1, le=MOST_DRAWS)
    most_draws: int | None = Field(default=None, ge=1, le=MOST_DRAWS)
    chains: int = Field(default=4, ge=2, le=64)
    cores: int | None = Field(default=None, ge=1)
    seed: int = Field(default=1, ge=0, le=2**32 - 1)
    target_accept: float = Field(default=0.9, gt=0.0, lt=1.0)
    max_tree_depth: int = Field(default=10, ge=1, le=20)

    @model_validator(mode="after")
    def _enough_draws(self) -> Self:
        if self.draws * self.chains < FEWEST_DRAWS:
            raise ValueError(
                f"draws = {self.draws} with chains = {self.chains}: {self.draws * self.chains} "
                f"draws in all, but legal are {FEWEST_DRAWS} or more; nothing can be said of fewer"
            )
        return self

    @property
    def resolved_cores(self) -> int:
        """Cores that this machine gives the sampler."""
        return self.cores or max(1, min(self.chains, os.cpu_count() or 1))

    @property
    def resolved_most_draws(self) -> int:
        """Draws a chain up to which a fit is drawn on."""
        return self.most_draws or min(DRAWN_ON * self.draws, MOST_DRAWS)


class MapSection(Section):
    """The `[map]` table.

    Parameters
    ----------
    axes : dict
        By kind of cell (`liquid`, `solid`), the axes of its map as
        `inference.designs.reading.read_designs` reads them. The cells that are named are mapped;
        when none is, those the campaign has data of.
    """

    axes: dict[Cell, dict[str, Any]] = Field(default_factory=dict)

    @property
    def designs(self) -> dict[str, dict[str, Any]]:
        """The axes by kind of cell, as written."""
        return {str(cell): section for cell, section in self.axes.items()}

    @field_validator("axes", mode="before")
    @classmethod
    def _name_cells(cls, value: object) -> object:
        """Refuse an unknown kind of cell by name."""
        if isinstance(value, Mapping):
            for cell in value:
                if cell not in get_args(Cell):
                    raise ValueError(
                        f"unknown kind of cell {cell!r}{_nearest(str(cell), get_args(Cell))}; "
                        "legal are [map.axes.liquid] and [map.axes.solid]"
                    )
        return value


class OutputSection(Section):
    """The `[output]` table.

    Parameters
    ----------
    folder : str, optional
        The run folder, relative to the job file; `runs/<name>` of the current folder when left
        out.
    """

    folder: str | None = Field(default=None, min_length=1)


class ResolvedSection(Section):
    """The `[resolved]` table, which only a resolved job carries.

    Parameters
    ----------
    hash : str
        Hash of everything that the fit depends on: the maps are drawn from it.
    data_hash, prior_hash : str
        Hashes of the campaign's content and of the priors.
    versions : dict
        Versions of Python and of the packages that computed the result.
    """

    hash: str
    data_hash: str
    prior_hash: str
    versions: dict[str, str] = Field(default_factory=dict)


class Job(Section):
    """What is fitted, how, and what is mapped.

    Parameters
    ----------
    schema_version : int
        Version of this format: 1.
    name : str
        Names the run and its default folder; letters, digits, `.`, `_` and `-`.
    campaign : str
        Folder of a campaign, relative to the job file, or the name of a bundled one.
    model, sampler, map, output : section, optional
        Tables of the file.
    priors : dict
        Priors that replace the catalogue's, by parameter (`[priors.<name>]`), validated by
        `models.priors.resolve_priors`.
    resolved : ResolvedSection, optional
        Present in a resolved job only.
    """

    schema_version: Literal[1]
    name: FileName
    campaign: str = Field(min_length=1)
    model: ModelSection = ModelSection()
    priors: dict[str, dict[str, Any]] = Field(default_factory=dict)
    sampler: SamplerSection = SamplerSection()
    map: MapSection = MapSection()
    output: OutputSection = OutputSection()
    resolved: ResolvedSection | None = None

    _source_path: Path | None = PrivateAttr(default=None)
    _source_text: str | None = PrivateAttr(default=None)

    def _with_source(self, path: Path | None, text: str | None) -> Self:
        self._source_path = path
        self._source_text = text
        return self

    @property
    def source_path(self) -> Path | None:
        """File the job was read from, absolute; None for a job made in Python."""
        return self._source_path

    @property
    def source_text(self) -> str:
        """The job as given: the text of its file, or the text that a file would hold."""
        if self._source_text is not None:
            return self._source_text
        return _toml(self.model_dump(exclude_none=True, exclude_defaults=True))

    @property
    def base_folder(self) -> Path:
        """Folder that the job's paths are relative to, absolute."""
        return self._source_path.parent if self._source_path is not None else Path.cwd()

    def model_options(self) -> ModelOptions:
        """Return the choices that fix the structure of the model.

        Returns
        -------
        ModelOptions
            The law of kinetics, the blocks, their options and the overridden priors.
        """
        return ModelOptions(
            kinetics=self.model.kinetics,
            blocks=None if self.model.blocks is None else tuple(self.model.blocks),
            options=self.model.options,
            priors=self.priors,
        )

    def campaign_location(self) -> Path:
        """Return the folder or the workbook of the campaign, absolute.

        Returns
        -------
        Path
            The place relative to the job file, or the bundled campaign's.

        Raises
        ------
        JobError
            There is neither, or the name means both.
        """
        from data.campaign import bundled_campaigns

        bundled = bundled_campaigns()
        folder = resolved(self.base_folder / expanded(self.campaign))
        if folder.name == "campaign.toml":
            folder = folder.parent
        if self.campaign in bundled:
            if (folder / "campaign.toml").is_file() and folder != bundled[self.campaign].resolve():
                raise JobError(
                    f"campaign: {self.campaign!r} is a bundled campaign and a folder beside the "
                    f"job; write './{self.campaign}' for the folder, or give it another name"
                )
            return bundled[self.campaign].resolve()
        if not folder.is_dir() and not is_workbook(folder):
            raise JobError(
                f"campaign: there is no folder {str(folder)!r} and no bundled campaign "
                f"{self.campaign!r}{_nearest(self.campaign, bundled)}; bundled are "
                f"{', '.join(bundled)}"
            )
        return folder

    def run_folder(self) -> Path:
        """Return the run folder that the job writes to when none is given, absolute."""
        if self.output.folder is not None:
            return resolved(self.base_folder / expanded(self.output.folder))
        return (Path.cwd() / "runs" / self.name).resolve()


@dataclass(frozen=True)
class ResolvedJob:
    """A job with nothing left to default.

    Parameters
    ----------
    text : str
        TOML of the resolved job; itself a legal job.
    """

    text: str

    @cached_property
    def document(self) -> dict[str, Any]:
        """The text as plain data."""
        return tomllib.loads(self.text)

    @property
    def hash(self) -> str:
        """SHA-256 of everything that the fit depends on."""
        return str(self.document["resolved"]["hash"])

    @property
    def data_hash(self) -> str:
        """SHA-256 of the campaign's content."""
        return str(self.document["resolved"]["data_hash"])

    @property
    def prior_hash(self) -> str:
        """SHA-256 of the priors."""
        return str(self.document["resolved"]["prior_hash"])

    @property
    def versions(self) -> dict[str, str]:
        """Versions of Python and of the packages at work."""
        return dict(self.document["resolved"]["versions"])


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
            f"{_nearest(text, bundled)}; bundled jobs: {', '.join(bundled)}"
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
    return parse_job(content, path=path)


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


def resolve(
    job: Job,
    campaign: "Campaign",
    priors: "PriorSet",
    versions: Mapping[str, str] | None = None,
) -> ResolvedJob:
    """Write a job out with nothing left to default.

    Parameters
    ----------
    job : Job
        The job as given.
    campaign : Campaign
        The campaign as loaded.
    priors : PriorSet
        The priors, after the job's overrides.
    versions : mapping, optional
        Versions to record; those installed when left out.

    Returns
    -------
    ResolvedJob
        Its text is a legal job that computes the same result. The hash covers everything that
        the fit depends on: neither the maps, which are drawn from it, nor the versions, nor the
        number of cores, nor any path.

    Raises
    ------
    JobError
        The job is a resolved one and its data or priors are no longer those it was resolved
        with.
    ModelError
        The job chooses blocks or options that the campaign or the blocks do not have.
    """
    from data.campaign import bundled_campaigns
    from models.joint import block_options, blocks_to_fit

    _refuse_changed_inputs(job, campaign.content_hash, priors)
    location = job.campaign_location()
    is_bundled = job.campaign in bundled_campaigns()
    sampler = job.sampler.model_copy(
        update={
            "cores": job.sampler.resolved_cores,
            "most_draws": job.sampler.resolved_most_draws,
        }
    )
    complete = job.model_copy(update={"sampler": sampler})
    options = job.model_options()
    blocks = blocks_to_fit(campaign, options)
    validated = block_options(options)
    document: dict[str, Any] = complete.model_dump(exclude_none=True, exclude={"output"})
    document["model"]["blocks"] = list(blocks)
    document["model"]["options"] = {
        name: validated[name].model_dump(mode="json", exclude_none=True)
        for name in sorted({*blocks, *options.options})  # an option may speak to other blocks too
        if name in validated
    }
    document["campaign"] = job.campaign if is_bundled else location.as_posix()
    document["priors"] = {name: prior.as_override() for name, prior in priors.items()}
    document["resolved"] = {
        "data_hash": campaign.content_hash,
        "prior_hash": priors.content_hash,
        "versions": dict(versions if versions is not None else software_versions()),
    }
    content = json.dumps(_hashed_content(document), sort_keys=True, ensure_ascii=True)
    document["resolved"] = {
        "hash": hashlib.sha256(content.encode()).hexdigest(),
        **document["resolved"],
    }
    return _resolved_job(document)


def with_maps_of(before: Mapping[str, Any], now: ResolvedJob) -> ResolvedJob:
    """Return a resolved job with the maps of another that has the same fit.

    Parameters
    ----------
    before : mapping
        The resolved job of a finished fit as plain data; its hashes and versions are kept.
    now : ResolvedJob
        The job whose section `map` is taken.

    Returns
    -------
    ResolvedJob
        With the hash of the first.
    """
    return _resolved_job({**before, "map": now.document.get("map", {})})


def _resolved_job(document: Mapping[str, Any]) -> ResolvedJob:
    """Write a resolved job."""
    head = (
        f"# The job {document['name']!r} as it was run, with nothing left to default. It runs "
        "again:\n# anodebayes fit resolved.toml --out ANOTHER_FOLDER\n\n"
    )
    return ResolvedJob(head + _toml(document))


def job_differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Say what differs between two resolved jobs.

    Parameters
    ----------
    before, now : mapping
        Two resolved jobs as plain data.

    Returns
    -------
    list of str
        One phrase a difference in what the fit depends on; empty when there is none.
    """
    old, new = _hashed_content(before), _hashed_content(now)
    if old.pop("prior_hash") != new.pop("prior_hash"):
        old["priors"], new["priors"] = before.get("priors", {}), now.get("priors", {})
    data_changed = old.pop("data_hash") != new.pop("data_hash")
    flat_old, flat_new = dict(_flatten(old)), dict(_flatten(new))
    phrases = []
    if data_changed:
        phrases.append(
            f"the data: campaign {before.get('campaign')!r} then, {now.get('campaign')!r} now, "
            "with other content"
            if before.get("campaign") != now.get("campaign")
            else f"the data of campaign {now.get('campaign')!r}"
        )
    for key in sorted(flat_old.keys() | flat_new.keys()):
        if flat_old.get(key) != flat_new.get(key):
            then, today = (
                _shown(flat[key]) if key in flat else "not given" for flat in (flat_old, flat_new)
            )
            phrases.append(f"{key}: {then} then, {today} now")
    return phrases


def software_versions() -> dict[str, str]:
    """Return the versions that a result records, without importing the packages.

    Returns
    -------
    dict
        Python and the packages that compute a result, by name.
    """
    from importlib.metadata import PackageNotFoundError, version

    versions = {"python": ".".join(str(part) for part in sys.version_info[:3])}
    for package in VERSIONED_PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return versions


def _refuse_changed_inputs(job: Job, data_hash: str, priors: "PriorSet") -> None:
    """Refuse a resolved job whose data or priors are no longer what it promises."""
    if job.resolved is None:
        return
    changed = []
    if job.resolved.data_hash != data_hash:
        changed.append(
            f"the data of campaign {job.campaign!r} (hash {job.resolved.data_hash[:12]} then, "
            f"{data_hash[:12]} now)"
        )
    if job.resolved.prior_hash != priors.content_hash:
        changed.append(
            f"the priors (hash {job.resolved.prior_hash[:12]} then, {priors.content_hash[:12]} now)"
        )
    if changed:
        raise JobError(
            f"{job.source_path or job.name} is a resolved job and promises the result it was "
            f"resolved with, but these changed: {' and '.join(changed)}. Restore them; or, to run "
            "the job on what is there now, delete the table [resolved] from the file"
        )


def _hashed_content(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a resolved job that its fit depends on; maps follow from the fit."""
    sampler = {k: v for k, v in document.get("sampler", {}).items() if k != "cores"}
    return {
        "schema_version": document["schema_version"],
        "name": document["name"],
        "model": document.get("model", {}),
        "sampler": sampler,
        "data_hash": document["resolved"]["data_hash"],
        "prior_hash": document["resolved"]["prior_hash"],
    }


def _flatten(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of nested tables with their dotted keys."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _shown(value: object) -> str:
    """Return a value as TOML writes it, short."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


def _toml(document: Mapping[str, Any]) -> str:
    import tomli_w

    return tomli_w.dumps(_without_empty(document))


def _without_empty(table: Mapping[str, Any]) -> dict[str, Any]:
    """Drop empty tables, which say nothing."""
    kept = {k: _without_empty(v) if isinstance(v, Mapping) else v for k, v in table.items()}
    return {k: v for k, v in kept.items() if v != {}}


def _minimal_job(campaign: str) -> str:
    """Return the shortest legal job for a campaign, to paste."""
    return MINIMAL_JOB.format(version=f"schema_version = {SCHEMA_VERSION}", campaign=campaign)


def _nearest(word: str, legal: Mapping[str, Any] | tuple[str, ...] | list[str]) -> str:
    """Return the phrase that offers the nearest legal word, or nothing."""
    match = difflib.get_close_matches(word, list(legal), n=1, cutoff=0.5)
    return f" (did you mean {match[0]!r}?)" if match else ""


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
        f"{place}: unknown block {name!r}{_nearest(name, legal)}; legal are {', '.join(legal)}"
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
        hint = f" (it belongs to [{owners[0]}])" if owners else _nearest(name, legal)
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
            f"but got {_shown(value)}"
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
        hint = _nearest(value, legal_words.split(", "))
    return f"{place}: {rule}, but got {_shown(value)}{hint}"


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
