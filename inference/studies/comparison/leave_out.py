"""Expected log predictive densities by leaving data out of a fit.

What is left out at once is a `Unit`: one point, or all points of one cell. Its density under the
rest of the data is estimated by Pareto-smoothed importance sampling of the draws at hand [1]_.
Where the importance weights cannot be trusted (Pareto k above some 0.7), or are trusted but of
infinite variance (above 0.5) and with a Monte Carlo error that would show, the draws are moved
first (moment matching [2]_). Where they then still cannot be trusted, the model is fitted again
without the unit: one compilation serves every refit, with weights of 0 on the rows left out. The
density is then the mean likelihood over the draws of the refit. Where these are too far from the
unit to tell it (many points at once, or a point in contradiction), the weight is raised in several
steps, each a fit of its own, and the ratios of normalisations are bridged [3]_.

References
----------
.. [1] Vehtari, Gelman, Gabry (2017), doi:10.1007/s11222-016-9696-4; Vehtari et al. (2024),
   arXiv:1507.02646.
.. [2] Paananen, Piironen, Buerkner, Vehtari (2021), doi:10.1007/s11222-020-09982-2.
.. [3] Meng and Wong (1996), Statistica Sinica 6, 831: bridge sampling, with the geometric bridge.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from inference.studies.comparison.moment_matching import match_moments, monte_carlo_errors
from inference.studies.comparison.refits import RefitFailedError, Refits
from inference.studies.comparison.units import (
    FINITE_VARIANCE,
    Entry,
    Fitted,
    Unit,
    importance_data,
    importance_of,
)
from inference.thresholds import (
    MOST_REFITS,
)

if TYPE_CHECKING:
    import pandas as pd


__all__ = ["LeftOut", "leave_out"]


_VISIBLE_ERROR = 0.05  # of a log density beyond that k: tenths are shown; the estimate is too low

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LeftOut:
    """Log predictive densities of units, each from a fit without it.

    Parameters
    ----------
    table : DataFrame
        A row a unit, in the order given. Columns ``table``, ``unit``, ``points``, ``elpd`` (log
        predictive density), ``pareto_k`` (of importance sampling), ``method`` ("importance
        sampling", "moment matching", "refit" or "unreliable") and ``note``.
    good_k : float
        Pareto k up to which an importance sum is trusted at this number of draws.
    done : tuple of str
        Every unit whose importance weights have a heavy tail, and what was done.
    """

    table: "pd.DataFrame"
    good_k: float
    done: tuple[str, ...] = ()

    @property
    def unreliable(self) -> list[str]:
        """The units whose density could not be had reliably, with the reason."""
        bad = self.table[self.table["method"] == "unreliable"]
        return [f"{row['table']}: {row['unit']} ({row['note']})" for _, row in bad.iterrows()]

    def counts(self) -> dict[str, int]:
        """Return how many units each method served."""
        return {str(k): int(v) for k, v in self.table["method"].value_counts().items()}


def leave_out(
    fitted: Fitted,
    units: Sequence[Unit],
    *,
    matching: bool = True,
    most_refits: int = MOST_REFITS,
) -> LeftOut:
    """Estimate the log predictive density of each unit from a fit without it.

    Parameters
    ----------
    fitted : Fitted
        The fit of all data.
    units : sequence of Unit
        What to leave out, one at a time.
    matching : bool
        Whether moment matching is tried before a refit.
    most_refits : int
        Most refits; the worst units come first, and those beyond are marked unreliable.

    Returns
    -------
    LeftOut
        With everything that was done.
    """
    import pandas as pd

    data = importance_data(fitted.free, fitted.log_likelihood, units)
    original = importance_of(data)
    ks = np.asarray(original.pareto_k.values, dtype=float)
    good_k = float(original.good_k)
    entries = [
        Entry(float(elpd), float(k)) for elpd, k in zip(original.elpd_i.values, ks, strict=True)
    ]
    errors = monte_carlo_errors(data, original)
    heavy = [
        i
        for i in np.argsort(-np.nan_to_num(ks, nan=np.inf))
        if not ks[i] <= good_k or (ks[i] > FINITE_VARIANCE and not errors[i] <= _VISIBLE_ERROR)
    ]
    for i in heavy:
        if ks[i] <= good_k:
            entries[i].notes.append(f"an error of {errors[i]:.2f} or more")
    if heavy:
        logger.info("weights of heavy tail in %d of %d", len(heavy), len(units))
    if matching and heavy:
        match_moments(fitted, units, data, original, entries, heavy)
    bad = [i for i in heavy if not ks[i] <= good_k and entries[i].method != "moment matching"]
    refits = Refits(fitted)
    for position, i in enumerate(bad):
        entry = entries[i]
        if position >= most_refits:
            entry.method = "unreliable"
            entry.notes.append(f"not refitted: more than {most_refits} units needed it")
            continue
        try:
            entry.elpd, fits = refits.density(units[i])
        except RefitFailedError as error:
            entry.method = "unreliable"
            entry.notes.append(str(error))
        else:
            entry.method = "refit"
            entry.notes.append("refitted" + (f" in {fits} steps of weight" if fits > 1 else ""))
        logger.info("%s: %s", units[i], entry.notes[-1])
    table = pd.DataFrame(
        {
            "table": [unit.table for unit in units],
            "unit": [unit.name for unit in units],
            "points": [len(unit.rows) for unit in units],
            "elpd": [entry.elpd for entry in entries],
            "pareto_k": ks,
            "method": [entry.method for entry in entries],
            "note": [", ".join(entry.notes) for entry in entries],
        }
    )
    done = [
        f"{unit}: Pareto k {k:.2f}, {', '.join(entry.notes)}"
        for unit, k, entry in zip(units, ks, entries, strict=True)
        if entry.notes
    ]
    return LeftOut(table, good_k, tuple(done))
