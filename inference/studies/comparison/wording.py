"""What a comparison finds, in words."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from inference.runs.result import Result
from inference.studies.comparison.cells import ALL_POINTS, CELLS
from inference.studies.comparison.leave_out import LeftOut
from inference.studies.comparison.same_data import MOST_NAMED
from inference.thresholds import ALIKE, PREFERRED

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["findings_of", "problems_of", "remarks_of_tables"]


def problems_of(results: Mapping[str, Result], left: Mapping[str, LeftOut]) -> list[str]:
    """Say what makes a comparison unreliable."""
    found = []
    for name, result in results.items():
        if not result.gate.passed:
            found.append(
                f"{name} has not converged ({'; '.join(result.gate.failures)}): "
                f"{result.gate.advice}"
            )
        unreliable = left[name].unreliable
        if unreliable:
            shown = "; ".join(unreliable[:MOST_NAMED])
            more = len(unreliable) - MOST_NAMED
            found.append(
                f"{name}: the density of {len(unreliable)} left out could not be had reliably: "
                f"{shown}{f'; and {more} more' if more > 0 else ''}. Allow more refits "
                "(--most-refits), or draw longer ([sampler] draws)"
            )
    return found


def findings_of(scores: "pd.DataFrame", law: Mapping[str, str], synthetic: bool) -> list[str]:
    """Say which model predicts better, and by how much."""
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


def remarks_of_tables(scores: "pd.DataFrame") -> list[str]:
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
