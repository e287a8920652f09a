"""Jobs: a strict TOML file that says which campaign is fitted, how, and what is mapped.

A job is refused with every mistake it holds, each with its place and the nearest legal name. A
*resolved* job is a job with nothing left to default: it carries every prior, the versions and the
hashes of data and priors, and it runs again as a job.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    StringConstraints,
    field_validator,
    model_validator,
)

from data.errors import JobError
from data.files import expanded, is_reserved, resolved
from data.schema import nearest
from data.workbooks import is_workbook
from inference.thresholds import DRAWN_ON, FEWEST_DRAWS
from inference.words.run_files import FIGURES, MARKER, PRODUCTS
from models.options import KineticsLaw, ModelOptions

__all__ = [
    "MOST_DRAWS",
    "SCHEMA_VERSION",
    "Cell",
    "Job",
    "MapSection",
    "ModelSection",
    "OutputSection",
    "ResolvedSection",
    "SamplerSection",
    "as_toml",
    "is_kept",
    "shown_value",
    "without_empty",
]

SCHEMA_VERSION: Literal[1] = 1
MOST_DRAWS = 1_000_000

Cell = Literal["liquid", "solid"]


def is_kept(name: str) -> bool:
    """Say whether a system, or a run folder, keeps a name for something else than a run."""
    return is_reserved(name) or name.lower() in {MARKER, FIGURES, *PRODUCTS}


def _of_no_file(name: str) -> str:
    if is_kept(name):
        raise ValueError(
            f"{name!r} is kept for a device or for a file of a run folder: name the job otherwise"
        )
    return name


FileName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"),
    AfterValidator(_of_no_file),
]


class JobSection(BaseModel):
    """A table of a job file: unknown keys and coerced types are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ModelSection(JobSection):
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


class SamplerSection(JobSection):
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
    def sampling(self) -> dict[str, Any]:
        """What `inference.engine.sampling.Sampler.sample` takes of it, by name."""
        own = self.model_dump(exclude={"most_draws", "cores"})
        return {**own, "cores": self.resolved_cores}

    @property
    def resolved_most_draws(self) -> int:
        """Draws a chain up to which a fit is drawn on."""
        return self.most_draws or min(DRAWN_ON * self.draws, MOST_DRAWS)


class MapSection(JobSection):
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
                        f"unknown kind of cell {cell!r}{nearest(str(cell), get_args(Cell))}; "
                        "legal are [map.axes.liquid] and [map.axes.solid]"
                    )
        return value


class OutputSection(JobSection):
    """The `[output]` table.

    Parameters
    ----------
    folder : str, optional
        The run folder, relative to the job file; `runs/<name>` of the current folder when left
        out.
    """

    folder: str | None = Field(default=None, min_length=1)


class ResolvedSection(JobSection):
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


class Job(JobSection):
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
        return as_toml(self.model_dump(exclude_none=True, exclude_defaults=True))

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
        from data.loading import bundled_campaigns

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
                f"{self.campaign!r}{nearest(self.campaign, bundled)}; bundled are "
                f"{', '.join(bundled)}"
            )
        return folder

    def run_folder(self) -> Path:
        """Return the run folder that the job writes to when none is given, absolute."""
        if self.output.folder is not None:
            return resolved(self.base_folder / expanded(self.output.folder))
        return (Path.cwd() / "runs" / self.name).resolve()


def shown_value(value: object) -> str:
    """Return a value as an error shows it."""
    """Return a value as TOML writes it, short."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


def as_toml(document: Mapping[str, Any]) -> str:
    """Return a document as TOML, without what is empty."""
    import tomli_w

    return tomli_w.dumps(without_empty(document))


def without_empty(table: Mapping[str, Any]) -> dict[str, Any]:
    """Drop empty tables, which say nothing."""
    kept = {k: without_empty(v) if isinstance(v, Mapping) else v for k, v in table.items()}
    return {k: v for k, v in kept.items() if v != {}}
