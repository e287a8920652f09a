"""What a job settles, made once: its campaign, blocks, options, priors, hashes and model."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from data.campaign import Campaign
from data.loading import load_campaign
from inference.jobs.job import Job
from inference.jobs.notes import unused_options
from inference.jobs.reading import changed_job, job_for_campaign, load_job
from inference.jobs.resolved import ResolvedJob, resolve
from inference.maps.asked import check_designs
from inference.maps.separators import separator_sections
from inference.rows.data_ranges import data_ranges
from models.joint import JointModel, block_options, blocks_to_fit, joint_model, priors_of
from models.options import ModelOptions
from models.prior_set import PriorSet

__all__ = ["Plan", "Source"]

type Source = Plan | Job | Campaign | str | os.PathLike[str]
"""A job, the path or name of one, or a campaign; or what was planned of it already."""


@dataclass(frozen=True)
class Plan:
    """A job with its campaign, and what follows from the two before anything is sampled.

    Parameters
    ----------
    job : Job
        What is to be fitted, and how.
    campaign : Campaign
        The data.
    """

    job: Job
    campaign: Campaign

    @classmethod
    def of(cls, source: Source, **changes: Any) -> Self:
        """Plan a job.

        Parameters
        ----------
        source : Plan, Job, str, path or Campaign
            A job, its file, the name of a bundled job, or a campaign (with every default). A plan
            stands as it is where nothing is changed.
        **changes
            As for `inference.jobs.reading.changed_job`.

        Raises
        ------
        JobError, CampaignError
            If the input is not legal.
        """
        if isinstance(source, Plan):
            if not changes and isinstance(source, cls):
                return source
            return cls(changed_job(source.job, **changes), source.campaign)
        if isinstance(source, Campaign):
            return cls(changed_job(job_for_campaign(source), **changes), source)
        job = changed_job(source if isinstance(source, Job) else load_job(source), **changes)
        return cls(job, load_campaign(job.campaign_location()))

    @cached_property
    def options(self) -> ModelOptions:
        """The choices that fix the model."""
        return self.job.model_options()

    @cached_property
    def block_options(self) -> dict[str, Any]:
        """Options of the blocks with every default, as plain data."""
        return {key: value.model_dump() for key, value in block_options(self.options).items()}

    @cached_property
    def blocks(self) -> tuple[str, ...]:
        """Names of the tables that are fitted."""
        return blocks_to_fit(self.campaign, self.options)

    @cached_property
    def fitted(self) -> Campaign:
        """What of the campaign is fitted."""
        return self.campaign.subset(self.blocks)

    @cached_property
    def priors(self) -> PriorSet:
        """Priors after the job's own."""
        return priors_of(self.campaign, self.options)

    @cached_property
    def resolved(self) -> ResolvedJob:
        """The job with nothing left to default, and its hashes."""
        return resolve(self.job, self.campaign, self.priors)

    @cached_property
    def model(self) -> JointModel:
        """The model; maps that would be refused after the fit are refused here."""
        model = joint_model(self.campaign, self.options)
        if self.job.map.axes:
            check_designs(self.job.map.designs, _Expected(self, frozenset(model.pymc.named_vars)))
        return model

    @cached_property
    def data_ranges(self) -> dict[str, dict[str, list[float]]]:
        """Ranges of the data that are fitted, by kind of cell and axis."""
        return data_ranges(self.fitted)

    @cached_property
    def separators(self) -> Mapping[str, Any]:
        """What the campaign states of each separator."""
        return separator_sections(self.campaign.tables.get("separators"))

    @property
    def kind(self) -> str:
        """Of the data, as logs and answers say it."""
        kind = self.campaign.metadata.kind
        return kind.upper() if kind == "synthetic" else kind

    def unused_options(self) -> Sequence[str]:
        """Say which options of the job speak to no row that is fitted."""
        return unused_options(self.campaign, self.blocks, self.options)


@dataclass(frozen=True)
class _Expected:
    """What the maps of a fit that is planned can rest on."""

    plan: Plan
    posterior: frozenset[str]

    @property
    def data_ranges(self) -> dict[str, dict[str, list[float]]]:
        return self.plan.data_ranges

    @property
    def attrs(self) -> dict[str, Any]:
        return {
            "options": json.dumps(self.plan.block_options),
            "separators": json.dumps(self.plan.separators),
        }

    @property
    def salt_concentration(self) -> float | None:
        return self.plan.campaign.metadata.salt_concentration
