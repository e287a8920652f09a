"""Which of several models predicts the same data best.

Models are compared by the log density that each gives to data it has not seen: every point, and
every cell as a whole, is left out in turn (`inference.studies.comparison.leave_out`). Only jobs
that fit the very same observations, censored alike, can be compared; others are refused.

A *cell* is what the first label of a table names: a cell in ``penetration``, ``lsv``, ``sand``,
``dc_polarization``, ``morphology`` and ``kinetics`` (there it is one Tafel curve with all its
points), a specimen in ``creep``, a separator in ``critical_current``, and in ``published`` each
estimate by itself. Points of one curve share the electrode, and points at one overpotential share a
condition: leaving out a point asks how well a model fills a gap between its neighbours, leaving out
a cell how well it predicts a new one.
"""

import hashlib
import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from data.campaign import Campaign, load_campaign
from data.errors import InputError
from data.files import resolved
from data.schema import TEXT_COLUMNS
from data.tables import tables as all_tables
from inference.jobs.job import Job
from inference.jobs.reading import job_for_campaign, load_job
from inference.jobs.resolved import software_versions
from inference.runs.fitting import fit
from inference.runs.result import Result
from inference.runs.run_folder import RESOLVED, RunFolder
from inference.studies.comparison.leave_out import Fitted, LeftOut, Unit, leave_out, rank
from inference.thresholds import ALIKE, MOST_REFITS, PREFERRED
from models.joint import blocks_to_fit, build_model, observed_labels

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ALL_POINTS", "CELLS", "Comparison", "compare", "data_differences", "units_of"]

type Source = Job | Campaign | str | os.PathLike[str]
"""A job, the path or name of one, a run folder, or a campaign."""

ALL_POINTS = "all points"
CELLS = "cell by cell"

FILE = "comparison.json"
_NOT_DATA = {*(column.name for column in TEXT_COLUMNS), "line"}
_CENSORING = (
    "_lower",
    "_upper",
    "_lowest",
    "_highest",
    "step_height",
    "cells",
    "stop_time",
    "bracket_from",
    "outcome",
)
_MOST_NAMED = 3

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Comparison:
    """Models side by side on the same data.

    Parameters
    ----------
    scores : DataFrame
        Indexed by ``scope`` (`ALL_POINTS`, `CELLS`, and each table, its points left out one by one)
        and ``job``, the best first; columns ``units`` (what was left out, one at a time), ``elpd``
        (expected log predictive density, a sum over units), ``se``, ``difference`` to the best,
        ``difference_se`` (errors of sums over cells, table by table: points of one cell are not
        independent) and ``weight`` (of stacking).
    units : DataFrame
        A row each unit and job: ``job``, ``level`` ("point" or "cell"), ``table``, ``unit``,
        ``points``, ``elpd``, ``pareto_k``, ``method``, ``note``.
    findings : tuple of str
        What the comparison says, in sentences.
    done : mapping of str to tuple of str
        By job, every unit whose importance weights have a heavy tail, and what was done.
    problems : tuple of str
        Why numbers of this comparison are not to be trusted; empty where all are.
    attrs : mapping
        Jobs, laws, hashes, versions.
    results : mapping of str to Result
        The fits, by job.
    """

    scores: "pd.DataFrame"
    units: "pd.DataFrame"
    findings: tuple[str, ...]
    done: Mapping[str, tuple[str, ...]]
    problems: tuple[str, ...]
    attrs: Mapping[str, Any]
    results: Mapping[str, Result]

    @property
    def reliable(self) -> bool:
        """Whether every fit converged and every density could be had."""
        return not self.problems

    @property
    def best(self) -> str:
        """The job with the largest expected log predictive density of all points."""
        return str(self.scores.loc[ALL_POINTS].index[0])

    def document(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return {
            **self.attrs,
            "reliable": self.reliable,
            "problems": list(self.problems),
            "findings": list(self.findings),
            "scores": _records(self.scores.reset_index()),
            "done": {name: list(lines) for name, lines in self.done.items()},
            "units": _records(self.units),
        }

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write ``comparison.json`` into a folder, whole or not at all.

        Parameters
        ----------
        folder : str or path
            Made if it does not exist.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        RunFolderError
            If the folder cannot be made, or another process writes to it.
        """
        text = json.dumps(self.document(), indent=1, ensure_ascii=False) + "\n"
        return RunFolder(folder, "comparison").write_text(FILE, text)


@dataclass(frozen=True)
class _Member:
    job: Job
    campaign: Campaign
    folder: Path | None

    @property
    def name(self) -> str:
        return self.job.name

    @property
    def blocks(self) -> tuple[str, ...]:
        return blocks_to_fit(self.campaign, self.job.model_options())

    def build(self) -> Any:
        return build_model(self.campaign, self.job.model_options())


def compare(
    jobs: Sequence[Source],
    *,
    folders: Sequence[str | os.PathLike[str] | None] | None = None,
    force: bool = False,
    most_refits: int = MOST_REFITS,
    progress: bool = False,
) -> Comparison:
    """Compare models by how well they predict data that they have not seen.

    Parameters
    ----------
    jobs : sequence of Job, str, path or Campaign
        At least two jobs that fit the same tables of the same data: jobs, their files, names of
        bundled jobs, or run folders. A finished run is read, all others are fitted.
    folders : sequence of str or path, optional
        The run folder of each job, None where nothing is to be written; a run folder given as a job
        is its own.
    force : bool
        Replace results of other jobs in these folders.
    most_refits : int
        Refits that a job may need for units whose importance weights cannot be trusted. What lies
        beyond is named in `Comparison.problems`.
    progress : bool
        Show the sampler's progress bar.

    Returns
    -------
    Comparison
        Scores jointly, by table and cell by cell; weights; everything that was done about bad
        importance weights.

    Raises
    ------
    InputError
        If there are fewer than two jobs, two of one name, or their data or censoring differ.
    JobError, CampaignError, PriorError, ModelError, RunFolderError
        If a job is not legal, or a run folder in use.
    """
    members = _members(jobs, folders)
    _refuse_other_data(members)
    models = [member.build() for member in members]
    _refuse_other_observations(members, models)
    points, cells, remarks = units_of(members[0].campaign, members[0].blocks)
    several = [unit for unit in cells if len(unit.rows) > 1]
    results: dict[str, Result] = {}
    left: dict[str, LeftOut] = {}
    for member, model in zip(members, models, strict=True):
        result = fit(member.job, folder=member.folder, force=force, progress=progress)
        results[member.name] = result
        logger.info("leave out of %s: %d points, %d cells", member.name, len(points), len(cells))
        left[member.name] = leave_out(
            Fitted.of(result, member.job, member.campaign, model),
            [*points, *several],
            most_refits=most_refits,
        )
    return _assemble(members, results, left, points, cells, remarks)


def units_of(campaign: Campaign, blocks: Sequence[str]) -> tuple[list[Unit], list[Unit], list[str]]:
    """Return what is left out of a fit, point by point and cell by cell.

    Parameters
    ----------
    campaign : Campaign
        The data.
    blocks : sequence of str
        The tables that are fitted.

    Returns
    -------
    points, cells : list of Unit
        Every observation; and all observations of one cell (see the module) together. A cell that
        holds all of the data cannot be predicted from the rest and is left out of the list.
    remarks : list of str
        What a reader should know of the cells.
    """
    points: list[Unit] = []
    cells: list[Unit] = []
    remarks = []
    for block in blocks:
        grouped: dict[str, list[tuple[str, int]]] = {}
        names = _cell_names(campaign, block)
        for dim, labels in observed_labels(campaign, block).items():
            variable = dim.removesuffix("_row")
            for row, label in enumerate(labels):
                # A variable of part of a table bears its name, and says which part.
                part = variable.removeprefix(block).strip("_").replace("_", " ")
                shown = f"{label}, {part}" if part else label
                points.append(Unit(block, shown, ((variable, row),)))
                grouped.setdefault(_cell_of(label, names), []).append((variable, row))
        cells += [Unit(block, name, tuple(rows)) for name, rows in grouped.items()]
        if len(grouped) == 1 and len(blocks) > 1 and len(points) > 1:
            remarks.append(
                f"{block}.csv holds one cell, {next(iter(grouped))}: left out as a cell, it is the "
                "whole table that the others must predict."
            )
    whole = [unit for unit in cells if len(unit.rows) == len(points)]
    if whole:
        remarks.append(
            f"All points belong to one cell ({whole[0]}): there is nothing to predict it from, so "
            "no cell is left out. Points next to each other on a curve tell of each other, which "
            "the standard errors leave out of account; a second cell would show how well a model "
            "carries over."
        )
        cells = []
    return points, cells, remarks


def _cell_names(campaign: Campaign, block: str) -> list[str]:
    """Return the names of the cells of a table, the longest first; none where rows stand alone."""
    schema = all_tables()[block]
    if block == "published":
        return []
    column = campaign.tables[block][schema.label[0]]
    return sorted({str(name) for name in column.values}, key=len, reverse=True)


def _cell_of(label: str, names: Sequence[str]) -> str:
    """Return the cell that a row's label begins with, or the label."""
    for name in names:
        if label == name or label.startswith((f"{name},", f"{name} (")):
            return name
    return label


def data_differences(
    first: Campaign, second: Campaign, blocks: tuple[Sequence[str], Sequence[str]]
) -> list[str]:
    """Say how the data of two fits differ.

    Parameters
    ----------
    first, second : Campaign
        The data.
    blocks : tuple of two sequences of str
        The tables that each fits.

    Returns
    -------
    list of str
        One phrase a difference; empty where the measurements, their errors and their censoring are
        the same. Sources, notes and the order of files do not count.
    """
    found = []
    for name in ("metal", "salt_concentration"):
        mine, theirs = (getattr(campaign.metadata, name) for campaign in (first, second))
        if mine != theirs:
            found.append(f"{name.replace('_', ' ')}: {mine} and {theirs}")
    tables = [_fitted_tables(c, b) for c, b in zip((first, second), blocks, strict=True)]
    for only, here in ((0, "first"), (1, "second")):
        lone = sorted(tables[only].keys() - tables[1 - only].keys())
        if lone:
            found.append(f"only the {here} fits {', '.join(f'{name}.csv' for name in lone)}")
    for name in tables[0].keys() & tables[1].keys():
        found += _table_differences(name, tables[0][name], tables[1][name])
    return found


def _fitted_tables(campaign: Campaign, blocks: Sequence[str]) -> dict[str, xr.Dataset]:
    """Return the tables that a fit reads, the separators where a fitted table names any."""
    named = any("separator" in all_tables()[name].fields for name in blocks)
    wanted = [*blocks, *(["separators"] if named and "separators" in campaign.tables else [])]
    return {name: campaign.tables[name] for name in wanted}


def _table_differences(name: str, first: xr.Dataset, second: xr.Dataset) -> list[str]:
    rows = first.sizes[name], second.sizes[name]
    if rows[0] != rows[1]:
        return [f"{name}.csv: {rows[0]} rows and {rows[1]}"]
    found = []
    schema = all_tables()[name]
    records = first.to_dataframe().to_dict("records")
    for column in _data_columns(first) | _data_columns(second):
        mine, theirs = (_cells(table, column, rows[0]) for table in (first, second))
        changed = [row for row in range(rows[0]) if mine[row] != theirs[row]]
        if not changed:
            continue
        kind = " (censoring)" if column.endswith(_CENSORING) else ""
        where = [
            f"{schema.row_label(records[row])}: {mine[row] or 'blank'} and {theirs[row] or 'blank'}"
            for row in changed[:_MOST_NAMED]
        ]
        more = len(changed) - len(where)
        found.append(
            f"{name}.csv, column {column}{kind}: {'; '.join(where)}"
            + (f"; and {more} more rows" if more else "")
        )
    return sorted(found)


def _data_columns(table: xr.Dataset) -> set[str]:
    return {str(name) for name in table.data_vars} - _NOT_DATA


def _cells(table: xr.Dataset, column: str, rows: int) -> list[str]:
    """Return a column as text, blank where there is nothing; numbers to 12 digits."""
    if column not in table:
        return [""] * rows
    return [
        value if isinstance(value, str) else "" if np.isnan(value) else f"{value:.12g}"
        for value in table[column].values.tolist()
    ]


def _data_hash(campaign: Campaign, blocks: Sequence[str]) -> str:
    """Return the SHA-256 of what is fitted: measurements, errors and censoring."""
    content = {
        "metal": campaign.metadata.metal,
        "salt_concentration": campaign.metadata.salt_concentration,
        "tables": {
            name: {
                column: cells
                for column in sorted(_data_columns(table))
                if any(cells := _cells(table, column, table.sizes[name]))
            }
            for name, table in sorted(_fitted_tables(campaign, blocks).items())
        },
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _members(
    jobs: Sequence[Source], folders: Sequence[str | os.PathLike[str] | None] | None
) -> list[_Member]:
    if isinstance(jobs, str | os.PathLike | Job | Campaign) or len(jobs) < 2:
        raise InputError("a comparison needs at least two jobs, in a list")
    if folders is not None and len(folders) != len(jobs):
        raise InputError(f"{len(jobs)} jobs have {len(folders)} folders; give one each, or none")
    members = []
    for position, source in enumerate(jobs):
        folder = None if folders is None else folders[position]
        own = resolved(folder) if folder is not None else None
        if isinstance(source, Campaign):
            members.append(_Member(job_for_campaign(source), source, own))
            continue
        if isinstance(source, Job):
            job = source
        elif (Path(source) / RESOLVED).is_file():
            own = resolved(source)
            job = load_job(own / RESOLVED)
        else:
            job = load_job(source)
        members.append(_Member(job, load_campaign(job.campaign_location()), own))
    names = [member.name for member in members]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two jobs are named {name!r}; give each its own `name` in its file")
    return members


def _refusal(first: str, second: str, differences: Sequence[str]) -> InputError:
    listed = "\n".join(f"  - {each}" for each in differences)
    return InputError(
        f"{first!r} and {second!r} cannot be compared: their data or the censoring of these "
        f"differ, so their predictive densities are not of the same thing.\n{listed}\n"
        "Fit the same tables ([model] blocks) of the same campaign; to see what other data teach, "
        "set finished runs side by side: anodebayes overlay RUN RUN"
    )


def _refuse_other_data(members: Sequence[_Member]) -> None:
    first = members[0]
    for other in members[1:]:
        blocks = (first.blocks, other.blocks)
        differences = data_differences(first.campaign, other.campaign, blocks)
        if differences:
            raise _refusal(first.name, other.name, differences)


def _refuse_other_observations(members: Sequence[_Member], models: Sequence[Any]) -> None:
    """Refuse jobs whose options observe the same tables in other ways."""
    seen = [_observations(model) for model in models]
    for member, other in zip(members[1:], seen[1:], strict=True):
        differences = [
            f"observed variable {name}: "
            + (
                "in one of the models only"
                if name not in other or name not in seen[0]
                else "other values or limits"
            )
            for name in sorted(seen[0].keys() | other.keys())
            if seen[0].get(name) != other.get(name)
        ]
        if differences:
            raise _refusal(members[0].name, member.name, differences)


def _observations(model: Any) -> dict[str, tuple[Any, ...]]:
    """Return rows, values and limits of every observed variable, to be compared."""
    found = {}
    for name in model.observations:
        values = [np.round(model[f"{name}_data"].get_value(), 12).tolist()]
        columns = model.design_columns.get(name, ())
        if f"{name}_design" in model.named_vars:
            design = np.asarray(model[f"{name}_design"].get_value())
            values += [
                np.round(design[:, columns.index(column)], 12).tolist()
                for column in ("halfwidth", "floor", "ceiling", "step_height", "cells")
                if column in columns
            ]
        found[name] = (list(model.coords[f"{name}_row"]), values)
    return found


def _assemble(
    members: Sequence[_Member],
    results: Mapping[str, Result],
    left: Mapping[str, LeftOut],
    points: Sequence[Unit],
    cells: Sequence[Unit],
    remarks: Sequence[str],
) -> Comparison:
    import pandas as pd

    rows = []
    cell_of = {row: (cell.table, cell.name) for cell in cells for row in cell.rows}
    # A cell that holds all of the data is not in the list.
    of_points = [cell_of.get(point.rows[0], (point.table, "")) for point in points]
    groups = {ALL_POINTS: of_points, CELLS: [(cell.table, cell.name) for cell in cells]}
    elpds: dict[str, dict[str, np.ndarray[Any, Any]]] = {ALL_POINTS: {}}
    for member in members:
        table = left[member.name].table
        by_point = table.iloc[: len(points)]
        later = iter(range(len(points), len(table)))
        single = {unit.rows: place for place, unit in enumerate(points)}
        places = [single[u.rows] if len(u.rows) == 1 else next(later) for u in cells]
        by_cell = table.iloc[places]
        elpds[ALL_POINTS][member.name] = by_point["elpd"].to_numpy()
        if len(cells) > 1:
            elpds.setdefault(CELLS, {})[member.name] = by_cell["elpd"].to_numpy()
        for block in member.blocks:
            of_table = by_point[by_point["table"] == block]["elpd"].to_numpy()
            if of_table.size and len(member.blocks) > 1:
                elpds.setdefault(block, {})[member.name] = of_table
                groups[block] = [group for group in of_points if group[0] == block]
        for level, part, units in (("point", by_point, points), ("cell", by_cell, cells)):
            named = part.assign(job=member.name, level=level, unit=[unit.name for unit in units])
            rows.append(named[["job", "level", *table.columns]])
    scores = pd.concat(
        {
            scope: rank(values, groups[scope]).assign(units=len(next(iter(values.values()))))
            for scope, values in elpds.items()
        },
        names=["scope"],
    )[["units", "elpd", "se", "difference", "difference_se", "weight"]]
    units = pd.concat(rows, ignore_index=True)
    problems = _problems(results, left)
    law = {member.name: member.job.model.kinetics for member in members}
    synthetic = any(result.synthetic for result in results.values())
    return Comparison(
        scores=scores,
        units=units,
        findings=(*_findings(scores, law, synthetic), *_remarks_of_tables(scores), *remarks),
        done={name: each.done for name, each in left.items()},
        problems=tuple(problems),
        attrs={
            "schema_version": 1,
            "campaign": members[0].campaign.metadata.name,
            "synthetic": synthetic,
            "tables": list(members[0].blocks),
            "data_hash": _data_hash(members[0].campaign, members[0].blocks),
            "jobs": {
                member.name: {
                    "kinetics": law[member.name],
                    "options": json.loads(results[member.name].attrs["options"]),
                    "resolved_hash": results[member.name].attrs["resolved_hash"],
                    "prior_hash": results[member.name].attrs["prior_hash"],
                    "seed": int(results[member.name].attrs["seed"]),
                    "folder": None if member.folder is None else str(member.folder),
                    "gate_passed": results[member.name].gate.passed,
                    "methods": left[member.name].counts(),
                    "good_pareto_k": left[member.name].good_k,
                }
                for member in members
            },
            "thresholds": {"alike": ALIKE, "preferred": PREFERRED},
            "versions": software_versions(),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        },
        results=dict(results),
    )


def _problems(results: Mapping[str, Result], left: Mapping[str, LeftOut]) -> list[str]:
    found = []
    for name, result in results.items():
        if not result.gate.passed:
            found.append(
                f"{name} has not converged ({'; '.join(result.gate.failures)}): "
                f"{result.gate.advice}"
            )
        unreliable = left[name].unreliable
        if unreliable:
            shown = "; ".join(unreliable[:_MOST_NAMED])
            more = len(unreliable) - _MOST_NAMED
            found.append(
                f"{name}: the density of {len(unreliable)} left out could not be had reliably: "
                f"{shown}{f'; and {more} more' if more > 0 else ''}. Allow more refits "
                "(--most-refits), or draw longer ([sampler] draws)"
            )
    return found


def _findings(scores: "pd.DataFrame", law: Mapping[str, str], synthetic: bool) -> list[str]:
    table = scores.loc[ALL_POINTS]
    best = str(table.index[0])
    kind = "SYNTHETIC data" if synthetic else "the data"
    found = []
    for name, row in table.iloc[1:].iterrows():
        ahead, error = -float(row["difference"]), float(row["difference_se"])
        pair = (
            f"{_called(best, law)} is ahead of {_called(str(name), law)} by {ahead:.1f} ± "
            f"{error:.1f} in expected log predictive density over {int(row['units'])} points of "
            f"{kind}"
        )
        if ahead < ALIKE:
            found.append(
                f"{pair}: less than {ALIKE:g}, so the two predict much the same, whatever the "
                "standard error says."
            )
        elif ahead > PREFERRED * error:
            found.append(f"{pair}, {ahead / error:.1f} standard errors: it is preferred.")
        elif np.isfinite(error):
            found.append(
                f"{pair}, only {ahead / error:.1f} standard errors: the lead hangs on few cells."
            )
        else:
            found.append(f"{pair}: one point alone has no standard error, and decides nothing.")
    if int(table["units"].iloc[0]) < 100:
        found.append(
            f"With {int(table['units'].iloc[0])} points, fewer than a hundred, the standard error "
            "of a difference is itself rough (arXiv:2008.10296)."
        )
    if CELLS in scores.index.get_level_values("scope"):
        by_cell = scores.loc[CELLS]
        if str(by_cell.index[0]) == best:
            found += [
                f"Cell by cell, {_called(best, law)} leads {_called(str(name), law)} by "
                f"{-float(row['difference']):.1f} ± {float(row['difference_se']):.1f}."
                for name, row in by_cell.iloc[1:].iterrows()
            ]
        else:
            second = by_cell.loc[best]
            found.append(
                f"Cell by cell it is {_called(str(by_cell.index[0]), law)} that predicts best, by "
                f"{-float(second['difference']):.1f} ± {float(second['difference_se']):.1f} before "
                f"{_called(best, law)}: filling gaps and predicting a new cell are not the same."
            )
    return found


def _remarks_of_tables(scores: "pd.DataFrame") -> list[str]:
    """Name the tables that decide, and those that disagree with the whole."""
    overall = scores.loc[ALL_POINTS]
    best = str(overall.index[0])
    against = []
    for scope in dict.fromkeys(scores.index.get_level_values("scope")):
        if scope in {ALL_POINTS, CELLS}:
            continue
        behind = scores.loc[scope].loc[best]
        gap, error = -float(behind["difference"]), float(behind["difference_se"])
        if gap > ALIKE and gap > PREFERRED * error:
            against.append(f"{scope} ({scores.loc[scope].index[0]} by {gap:.1f} ± {error:.1f})")
    if not against:
        return []
    return [f"Single tables prefer another model: {', '.join(against)}."]


def _called(name: str, law: Mapping[str, str]) -> str:
    return name if law[name].replace("_", "-") in name else f"{name} ({law[name]})"


def _records(table: "pd.DataFrame") -> list[dict[str, Any]]:
    """Return rows as plain data, null where there is no number."""
    return [
        {
            str(key): None if isinstance(value, float) and not np.isfinite(value) else value
            for key, value in record.items()
        }
        for record in table.to_dict("records")
    ]
