"""The result of a fit: one tree of labelled draws and the verdicts that travel with it."""

import json
import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from data.errors import RunFolderError
from data.files import resolved
from data.whole_files import content_hash, write_whole
from inference.engine.draws import compression
from inference.engine.sealed_trees import read_seal, read_tree, write_tree
from inference.runs.gate import Gate
from models.options import ModelOptions

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Result", "load_result"]

# What every result has; `load_result` refuses one without.
_GROUPS = (
    "posterior",
    "prior",
    "sample_stats",
    "log_likelihood",
    "log_prior",
    "posterior_predictive",
    "prior_predictive",
    "observed_data",
    "constant_data",
    "sampled",
    "summary",
)
_ATTRIBUTES = (
    "name",
    "campaign",
    "campaign_kind",
    "campaign_summary",
    "metal",
    "model_options",
    "options",
    "blocks",
    "lines",
    "conditions",
    "groups",
    "informed_by",
    "result_id",
    "resolved_hash",
    "data_hash",
    "prior_hash",
    "seed",
    "versions",
    "data_ranges",
    "data_hulls",
    "data_gaps",
    "left_out",
    "fresh_cells",
    "ended_early",
    "protocols",
    "tested",
    "times_tested",
    "separators",
    "fitted_sources",
    "prior_sources",
    "references",
    "assumptions",
    "findings",
    "doubted",
    "suspicions",
    "gate",
    "timings",
    "created",
)
_TEXTS = ("symbol", "unit", "long_name", "informed_by", "source")


class Result:
    """A finished fit.

    Parameters
    ----------
    tree : DataTree
        Groups ``posterior``, ``prior``, ``sample_stats``, ``log_likelihood``, ``log_prior``,
        ``posterior_predictive``, ``prior_predictive``, ``observed_data``, ``constant_data``,
        ``sampled`` (the free variables of the sampler that are no parameters themselves) and
        ``summary``; every variable with ``units`` and ``long_name``. Where cells are of two kinds
        also ``second_kind``.
    folder : Path, optional
        The run folder it was read from or written to.
    """

    def __init__(self, tree: xr.DataTree, folder: Path | None = None) -> None:
        self.tree = tree
        self.folder = folder

    @property
    def attrs(self) -> dict[str, Any]:
        """Name, hashes, seed, options and verdicts, as stored."""
        return {str(key): value for key, value in self.tree.attrs.items()}

    @property
    def id(self) -> str:
        """Of this very fit: what is computed from it belongs to it alone."""
        return str(self.tree.attrs["result_id"])

    def save(self, path: Path) -> None:
        """Write the result as NetCDF, with its format and a hash of its content: whole or not.

        Parameters
        ----------
        path : Path
            The file. One that is there is replaced only where it is this very result.

        Raises
        ------
        RunFolderError
            Another file is there.
        StorageError
            There is no space left.
        """
        target = resolved(path)
        if target.exists():
            try:
                same = read_seal(target, "result").get("result_id") == self.id
            except RunFolderError:
                same = False
            if not same:
                raise RunFolderError(
                    f"{str(target)!r} is there already and is not this result: name another file"
                )
        known = content_hash(target)
        write_whole(
            target,
            lambda beside: write_tree(self.tree, beside, "result", compression(self.tree)),
            instead_of=known,
        )

    def _group(self, name: str) -> xr.Dataset:
        return self.tree[name].to_dataset()

    @property
    def posterior(self) -> xr.Dataset:
        """Draws of every parameter over ``chain`` and ``draw``, in lab units."""
        return self._group("posterior")

    @property
    def prior(self) -> xr.Dataset:
        """Draws of every parameter from the prior."""
        return self._group("prior")

    @property
    def sample_stats(self) -> xr.Dataset:
        """The sampler's own record."""
        return self._group("sample_stats")

    @property
    def posterior_predictive(self) -> xr.Dataset:
        """New observations under the design of the data, their noise included.

        Of a large table for every k-th draw of each chain, as the attribute ``draws`` says: at most
        four million numbers, unless that leaves fewer than 400 draws.
        """
        return self._group("posterior_predictive")

    @property
    def prior_predictive(self) -> xr.Dataset:
        """Observations before any data were seen; of a large table for every k-th draw."""
        return self._group("prior_predictive")

    @property
    def observed_data(self) -> xr.Dataset:
        """Observations by variable; the centre of an interval, the limit of what lies beyond."""
        return self._group("observed_data")

    @property
    def constant_data(self) -> xr.Dataset:
        """Designs by variable: rows by columns, in SI units."""
        return self._group("constant_data")

    @property
    def log_likelihood(self) -> xr.Dataset:
        """Log-likelihood of each observation at every draw, in single precision."""
        return self._group("log_likelihood")

    @property
    def second_kind(self) -> xr.Dataset:
        """Probability that each row's cell is of the second kind; empty where there is one kind."""
        return self._group("second_kind") if "second_kind" in self.tree else xr.Dataset()

    @property
    def metal(self) -> str:
        """Na or Li."""
        return str(self.tree.attrs["metal"])

    @property
    def kinetics(self) -> str:
        """Name of the kinetics law."""
        return self.model_options.kinetics

    @property
    def salt_concentration(self) -> float | None:
        """Of the campaign's electrolyte [mol/L]; None where it is not stated."""
        value = self.tree.attrs.get("salt_concentration")
        return None if value is None else float(value)

    @property
    def synthetic(self) -> bool:
        """Whether the data were drawn by a simulator."""
        return str(self.tree.attrs["campaign_kind"]) == "synthetic"

    def _json(self, key: str) -> Any:
        return json.loads(str(self.tree.attrs[key]))

    @property
    def model_options(self) -> ModelOptions:
        """The choices that fixed the model."""
        return ModelOptions.model_validate_json(str(self.tree.attrs["model_options"]))

    @property
    def blocks(self) -> list[str]:
        """Names of the tables that were fitted."""
        return list(self._json("blocks"))

    @property
    def lines(self) -> dict[str, list[int]]:
        """Line of its table's file that each row of each observed variable is of."""
        return dict(json.loads(str(self.tree.attrs.get("lines", "{}"))))

    @property
    def conditions(self) -> dict[str, dict[str, list[float | None]]]:
        """Of the rows of each observed variable, beside its design: areas, separators' properties.

        As made by `inference.rows.conditions.row_conditions`.
        """
        return dict(json.loads(str(self.tree.attrs.get("conditions", "{}"))))

    @property
    def groups(self) -> dict[str, dict[str, list[str]]]:
        """Names that rows of each observed variable share: separators, labs, cells, notes and more.

        As made by `inference.rows.conditions.row_groups`.
        """
        return dict(json.loads(str(self.tree.attrs.get("groups", "{}"))))

    @property
    def data_ranges(self) -> dict[str, dict[str, list[float]]]:
        """Ranges of the data by kind of cell and axis, in lab units."""
        return dict(self._json("data_ranges"))

    @property
    def assumptions(self) -> list[str]:
        """Every assumed number that entered the fit, in words."""
        return list(self._json("assumptions"))

    @property
    def fitted_sources(self) -> dict[str, list[str]]:
        """Source keys of the fitted rows, with their tables."""
        return dict(self._json("fitted_sources"))

    @property
    def prior_sources(self) -> dict[str, list[str]]:
        """Source keys of the priors, with their parameters."""
        return dict(self._json("prior_sources"))

    @property
    def references(self) -> dict[str, str]:
        """Citations of the campaign by key."""
        return dict(self._json("references"))

    @property
    def versions(self) -> dict[str, str]:
        """Versions of the software that computed the result."""
        return dict(self._json("versions"))

    @property
    def timings(self) -> dict[str, float]:
        """Seconds of each stage of the fit."""
        return dict(self._json("timings"))

    @property
    def campaign_summary(self) -> str:
        """What was fitted, in a few lines."""
        return str(self.tree.attrs["campaign_summary"])

    @property
    def gate(self) -> Gate:
        """The verdict on the sampling."""
        stored = self._json("gate")
        return Gate(**{**stored, "failures": tuple(stored["failures"])})

    def findings(self) -> list[str]:
        """Return what the fit found, in sentences."""
        return list(self._json("findings"))

    @cached_property
    def _summary(self) -> "pd.DataFrame":
        table = self._group("summary").to_dataframe()
        return table.astype(dict.fromkeys(_TEXTS, str))

    def summary(self) -> "pd.DataFrame":
        """Return the table of parameters.

        Returns
        -------
        DataFrame
            As made by `inference.runs.summary.summary_table`.
        """
        return self._summary.copy()

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        from inference.runs.html import result_html

        return result_html(self)

    def __repr__(self) -> str:
        """Return name, data and verdict on one line."""
        verdict = "gate passed" if self.gate.passed else "GATE FAILED"
        kind = " (SYNTHETIC DATA)" if self.synthetic else ""
        return f"<Result {self.tree.attrs['name']}{kind}: {', '.join(self.blocks)}; {verdict}>"


def load_result(path: str | os.PathLike[str]) -> Result:
    """Read a result.

    Parameters
    ----------
    path : str or path
        A run folder, or the file ``result.nc`` of one.

    Returns
    -------
    Result
        Loaded into memory, the file closed.

    Raises
    ------
    RunFolderError
        If there is no such file, or it is not a result, is damaged or was changed, or is of
        another version's format.

    Examples
    --------
    >>> result = load_result("runs/sodium-literature")
    >>> result.posterior["surface_energy"].attrs["units"]
    'J/m^2'
    """
    from inference.runs.run_folder import RunFolder

    given = Path(path)
    file = RunFolder(given).require_complete() if given.is_dir() else given
    if not file.exists():
        raise RunFolderError(f"there is no run folder and no file {str(given)!r}")
    tree = read_tree(file, "result")
    missing = [f"the attribute {name!r}" for name in _ATTRIBUTES if name not in tree.attrs]
    missing += [f"the group {name!r}" for name in _GROUPS if name not in tree.children]
    if missing:
        raise RunFolderError(
            f"{str(file)!r} lacks {', '.join(missing)}: it is not the whole result of a fit"
        )
    return Result(tree, file.parent if given.is_dir() else None)
