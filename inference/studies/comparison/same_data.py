"""Whether models are of the same observations; others are refused."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from data.campaign import Campaign
from data.errors import InputError
from data.files import resolved
from data.table import TEXT_COLUMNS
from data.tables import tables as all_tables
from inference.jobs.job import Job
from inference.jobs.plan import Plan, Source
from inference.words.run_files import RESOLVED
from models.joint import JointModel

__all__ = [
    "MOST_NAMED",
    "Member",
    "data_differences",
    "hash_of_data",
    "members_of",
    "refuse_other_data",
    "refuse_other_observations",
]

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

MOST_NAMED = 3


@dataclass(frozen=True)
class Member:
    """A job that is compared, as planned, with its run folder."""

    plan: Plan
    folder: Path | None

    @property
    def name(self) -> str:
        """Name of the job."""
        return self.plan.job.name

    @property
    def blocks(self) -> tuple[str, ...]:
        """Names of the tables that it fits."""
        return self.plan.blocks

    @property
    def campaign(self) -> Campaign:
        """Its data."""
        return self.plan.campaign


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
            for row in changed[:MOST_NAMED]
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


def hash_of_data(campaign: Campaign, blocks: Sequence[str]) -> str:
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


def members_of(
    jobs: Sequence[Source], folders: Sequence[str | os.PathLike[str] | None] | None
) -> list[Member]:
    """Return the jobs that are compared."""
    if isinstance(jobs, str | os.PathLike | Job | Campaign) or len(jobs) < 2:
        raise InputError("a comparison needs at least two jobs, in a list")
    if folders is not None and len(folders) != len(jobs):
        raise InputError(f"{len(jobs)} jobs have {len(folders)} folders; give one each, or none")
    members = []
    for position, source in enumerate(jobs):
        folder = None if folders is None else folders[position]
        own = resolved(folder) if folder is not None else None
        if not isinstance(source, Campaign | Job | Plan) and (Path(source) / RESOLVED).is_file():
            own = resolved(source)
            members.append(Member(Plan.of(own / RESOLVED), own))
        else:
            members.append(Member(Plan.of(source), own))
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


def refuse_other_data(members: Sequence[Member]) -> None:
    """Refuse jobs of which another fits other data than the first."""
    first = members[0]
    for other in members[1:]:
        blocks = (first.blocks, other.blocks)
        differences = data_differences(first.campaign, other.campaign, blocks)
        if differences:
            raise _refusal(first.name, other.name, differences)


def refuse_other_observations(members: Sequence[Member], models: Sequence[JointModel]) -> None:
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


def _observations(model: JointModel) -> dict[str, tuple[Any, ...]]:
    """Return rows, values and limits of every observed variable, to be compared."""
    found = {}
    for name, labels in model.row_labels.items():
        values = [np.round(model.observed[name], 12).tolist()]
        columns = model.design_columns.get(name, ())
        if columns:
            design = model.design(name)
            values += [
                np.round(design[:, columns.index(column)], 12).tolist()
                for column in ("halfwidth", "floor", "ceiling", "step_height", "cells")
                if column in columns
            ]
        found[name] = (labels, values)
    return found
