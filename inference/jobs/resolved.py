"""A job with everything that it leaves open settled: hashes, versions, priors."""

import hashlib
import json
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from data.errors import JobError
from inference.jobs.job import Job, as_toml, shown_value, without_empty

if TYPE_CHECKING:
    from data.campaign import Campaign
    from models.prior_set import PriorSet

__all__ = [
    "VERSIONED_PACKAGES",
    "ResolvedJob",
    "document_hash",
    "job_differences",
    "resolve",
    "software_versions",
    "with_maps_of",
]

VERSIONED_PACKAGES = ("anodebayes", "pymc", "arviz", "nutpie", "numpy", "scipy", "xarray")


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
    from data.loading import bundled_campaigns
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
    document["resolved"] = {"hash": document_hash(document), **document["resolved"]}
    return _resolved_job(document)


def document_hash(document: Mapping[str, Any]) -> str:
    """Return the hash of what the fit of a resolved job depends on.

    Parameters
    ----------
    document : mapping
        The job as plain data, with the hashes of its data and priors.

    Returns
    -------
    str
        SHA-256.

    Raises
    ------
    KeyError, TypeError, AttributeError
        It is no resolved job.
    """
    content = json.dumps(_hashed_content(document), sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(content.encode()).hexdigest()


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
    return ResolvedJob(head + as_toml(document))


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
                shown_value(flat[key]) if key in flat else "not given"
                for flat in (flat_old, flat_new)
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
    # As read back from TOML, where no empty table stands, a job has the hash that it was given.
    model = {"options": {}, **without_empty(document.get("model", {}))}
    return {
        "schema_version": document["schema_version"],
        "name": document["name"],
        "model": model,
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
