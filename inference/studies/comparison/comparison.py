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

import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.jobs.plan import Source
from inference.jobs.resolved import software_versions
from inference.runs.fitting import fit
from inference.runs.result import Result
from inference.runs.run_folder import RunFolder
from inference.studies.comparison.cells import ALL_POINTS, CELLS, units_of
from inference.studies.comparison.leave_out import LeftOut, leave_out
from inference.studies.comparison.ranking import rank
from inference.studies.comparison.same_data import (
    Member,
    hash_of_data,
    members_of,
    refuse_other_data,
    refuse_other_observations,
)
from inference.studies.comparison.units import Fitted, Unit
from inference.studies.comparison.wording import findings_of, problems_of, remarks_of_tables
from inference.thresholds import ALIKE, MOST_REFITS, PREFERRED

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Comparison", "compare"]


FILE = "comparison.json"

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

    def save(self, folder: str | os.PathLike[str], *, force: bool = False) -> Path:
        """Write ``comparison.json`` into a folder, whole or not at all.

        Parameters
        ----------
        folder : str or path
            Made if it does not exist.
        force : bool, optional
            Replace a comparison of other jobs.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        RunFolderError
            If the folder cannot be made, holds a comparison of other jobs, or another process
            writes to it.
        """
        text = json.dumps(self.document(), indent=1, ensure_ascii=False) + "\n"
        run = RunFolder(folder, "comparison", force=force)
        with run.lock():
            if not force:
                run.refuse_other(FILE, "jobs", self.attrs["jobs"])
            return run.write_text(FILE, text)


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

    Examples
    --------
    >>> found = compare(["mine.toml", "other.toml"])
    >>> sorted(found.results)
    ['mine', 'other']
    """
    members = members_of(jobs, folders)
    refuse_other_data(members)
    models = [member.plan.model for member in members]
    refuse_other_observations(members, models)
    points, cells, remarks = units_of(members[0].campaign, members[0].blocks)
    several = [unit for unit in cells if len(unit.rows) > 1]
    results: dict[str, Result] = {}
    left: dict[str, LeftOut] = {}
    for member, model in zip(members, models, strict=True):
        result = fit(member.plan, folder=member.folder, force=force, progress=progress)
        results[member.name] = result
        logger.info("leave out of %s: %d points, %d cells", member.name, len(points), len(cells))
        left[member.name] = leave_out(
            Fitted.of(result, member.plan.job, member.campaign, model),
            [*points, *several],
            most_refits=most_refits,
        )
    return _assemble(members, results, left, points, cells, remarks)


def _assemble(
    members: Sequence[Member],
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
    problems = problems_of(results, left)
    law = {member.name: member.plan.options.kinetics for member in members}
    synthetic = any(result.synthetic for result in results.values())
    return Comparison(
        scores=scores,
        units=units,
        findings=(*findings_of(scores, law, synthetic), *remarks_of_tables(scores), *remarks),
        done={name: each.done for name, each in left.items()},
        problems=tuple(problems),
        attrs={
            "schema_version": 1,
            "campaign": members[0].campaign.metadata.name,
            "synthetic": synthetic,
            "tables": list(members[0].blocks),
            "data_hash": hash_of_data(members[0].campaign, members[0].blocks),
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


def _records(table: "pd.DataFrame") -> list[dict[str, Any]]:
    """Return rows as plain data, null where there is no number."""
    return [
        {
            str(key): None if isinstance(value, float) and not np.isfinite(value) else value
            for key, value in record.items()
        }
        for record in table.to_dict("records")
    ]
