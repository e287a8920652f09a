"""Ridges: parameters of which the data tell a product or a ratio."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from data.arrays import Array
from data.quantities import base_name
from inference.engine.standing import beyond
from inference.misfit.verdicts import Finding
from inference.runs.remedies import ridge_remedy
from inference.thresholds import (
    RIDGE,
)
from inference.words.labels import PRODUCTS
from inference.words.plain import plain

__all__ = ["OF_NORMAL_DRAWS", "ridge_findings", "ridges", "ridges_of"]

OF_NORMAL_DRAWS = 0.97
"""Relative standard error of the width of the central 68 % of draws of a normal distribution, times
the root of their number."""


def ridges(
    draws: xr.Dataset,
    prior: xr.Dataset | None = None,
    effective: Mapping[str, float] | None = None,
) -> list[dict[str, Any]]:
    """Return the pairs of parameters that are correlated above `thresholds.RIDGE`.

    Parameters
    ----------
    draws : Dataset
        Scalars on natural scales.
    prior : Dataset, optional
        The same from the prior.
    effective : mapping of str to float, optional
        Effective numbers of draws: correlations are above the limit beyond their Monte Carlo error.

    Returns
    -------
    list of dict
        ``first``, ``second``, ``correlation``, ``prior_correlation``; the strongest first.
        Derived products are left out.
    """
    labels = [str(n) for n in draws.data_vars if base_name(str(n)) not in PRODUCTS]
    if len(labels) < 2:
        return []
    matrix = np.corrcoef([draws[label].values.ravel() for label in labels])
    return ridges_of(matrix, labels, prior, effective)


def ridges_of(
    matrix: Array,
    labels: Sequence[str],
    prior: xr.Dataset | None = None,
    effective: Mapping[str, float] | None = None,
) -> list[dict[str, Any]]:
    """Return the ridges of a correlation matrix; arguments as for `ridges`."""
    found = []
    for i, j in np.argwhere(np.triu(np.abs(matrix) > RIDGE, 1)):
        first, second = labels[i], labels[j]
        draws = np.inf if effective is None else min(effective[first], effective[second])
        if not beyond(abs(matrix[i, j]), RIDGE, (1.0 - matrix[i, j] ** 2) / np.sqrt(draws)):
            continue
        before = float("nan")
        if prior is not None and first in prior and second in prior:
            pair = (prior[first].values.ravel(), prior[second].values.ravel())
            before = float(np.corrcoef(pair)[0, 1])
        found.append(
            plain(
                {
                    "first": first,
                    "second": second,
                    "correlation": float(matrix[i, j]),
                    "prior_correlation": before,
                }
            )
        )
    return sorted(found, key=lambda row: -abs(row["correlation"]))


def ridge_findings(
    rows: Sequence[Mapping[str, Any]], tables: Collection[str], *, ahead: bool = False
) -> list[Finding]:
    """Return a finding for each ridge, or one that there is none.

    Parameters
    ----------
    rows : sequence of mapping
        From `ridges`.
    tables : collection of str
        Tables that are fitted.
    ahead : bool
        Whether the numbers are a forecast.
    """
    found = []
    groups: dict[frozenset[str], list[Mapping[str, Any]]] = {}
    for row in rows:
        bases = frozenset(base_name(row[key]) for key in ("first", "second"))
        groups.setdefault(bases, []).append(row)
    for members in groups.values():
        row = members[0]
        others = len(members) - 1
        more = f", and {others} more such pair{'s' if others > 1 else ''}" if others else ""
        given = row["prior_correlation"]
        already = (
            f" The prior ties them already ({given:+.2f})."
            if given is not None and abs(given) > RIDGE
            else ""
        )
        remedy = ridge_remedy(row["first"], row["second"], tables)
        found.append(
            Finding.of(
                f"ridge {row['first']} {row['second']}",
                "warn",
                f"{row['first']} and {row['second']} {'will lie' if ahead else 'lie'} on a ridge "
                f"(correlation {row['correlation']:+.2f}){more}: {remedy}.{already}",
                pairs=[dict(each) for each in members],
                limit=RIDGE,
            )
        )
    if not found:
        found.append(
            Finding.of(
                "ridges",
                "ok",
                f"No two parameters {'will be' if ahead else 'are'} correlated above {RIDGE:g}.",
                limit=RIDGE,
            )
        )
    return found
