"""Simulation-based calibration of a whole job: whether its intervals are right over the prior.

Truths are drawn from the prior, campaigns from the truths under the job's own design, and each is
fitted. Where model, sampler and summaries are right, the rank of a truth among the draws of its
posterior is uniform: Talts et al. 2018, arXiv:1804.06788. So are those of what depends on the data
besides, see `inference.studies.calibration.replicates`.
"""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from data.quantities import base_name
from inference.studies.calibration.outcome import Replicate
from inference.studies.calibration.replicates import LIKELIHOOD, NEW_CELL, RANKS
from inference.thresholds import (
    CALIBRATION_FAILED,
    CALIBRATION_LEAST,
    CALIBRATION_LEVELS,
    CALIBRATION_PRIMARY,
    CALIBRATION_SIGNIFICANCE,
    CALIBRATION_VACUOUS,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Calibration"]

logger = logging.getLogger(__name__)


_TESTS: Final = 1 + len(CALIBRATION_LEVELS)  # of each quantity


@dataclass(frozen=True)
class Calibration:
    """The replicates of a calibration and what they come to.

    Parameters
    ----------
    header : mapping
        Job, hashes, seed, settings, versions, and the fingerprint of the model.
    replicates : tuple of Replicate
        In the order of their numbers.
    """

    header: Mapping[str, Any]
    replicates: tuple[Replicate, ...]

    @property
    def finished(self) -> tuple[Replicate, ...]:
        """The replicates that gave ranks."""
        return tuple(each for each in self.replicates if not each.failure)

    @property
    def failed(self) -> tuple[Replicate, ...]:
        """The replicates that did not."""
        return tuple(each for each in self.replicates if each.failure)

    def pit(self) -> "pd.DataFrame":
        """Return the ranks as shares: a row for each replicate, a column for each quantity."""
        import pandas as pd

        return pd.DataFrame(
            [each.pit for each in self.finished], index=[each.index for each in self.finished]
        )

    def contraction(self) -> "pd.Series":
        """Return the share of each quantity's prior variance that data remove, in the mean.

        Returns
        -------
        Series
            By quantity: the variance of posterior means over that of truths, which in a right fit
            is the square of their correlation. Taken between the ranks of truths and of posterior
            medians, so that no scale and no tail matters; not a number for log-likelihoods, and
            for anything where replicates are too few for a verdict.
        """
        import pandas as pd
        from scipy import stats

        truths, medians = (
            pd.DataFrame([getattr(each, part) for each in self.finished])
            for part in ("truth", "median")
        )
        found = {}
        for name in self.pit():
            found[name] = float("nan")
            if name in truths and len(truths) >= CALIBRATION_LEAST:
                pair = truths[name].to_numpy(), medians[name].to_numpy()
                varies = min(np.ptp(each) for each in pair) > 0
                agreement = stats.spearmanr(*pair).statistic if varies else 0.0
                found[name] = max(float(agreement), 0.0) ** 2
        return pd.Series(found, dtype=float)

    def limits(self) -> "pd.Series":
        """Return the p-value below which a test of each quantity speaks against it.

        Returns
        -------
        Series
            By quantity: `thresholds.CALIBRATION_SIGNIFICANCE` over the number of tests. Critical
            currents of new cells share a part of it among themselves,
            `thresholds.CALIBRATION_PRIMARY`, and everything else shares the rest.
        """
        import pandas as pd

        names = [str(name) for name in self.pit()]
        first = [name for name in names if name.startswith(NEW_CELL)]
        part = {True: CALIBRATION_PRIMARY, False: 1.0 - CALIBRATION_PRIMARY}
        if len(first) in {0, len(names)}:
            part = dict.fromkeys(part, 1.0)
        found = {}
        for name in names:
            count = len(first) if name in first else len(names) - len(first)
            found[name] = CALIBRATION_SIGNIFICANCE * part[name in first] / (count * _TESTS)
        return pd.Series(found, dtype=float)

    def accepted(self, name: str, level: float = 0.9) -> tuple[float, float]:
        """Return the shares of truths inside a central interval that are let pass.

        Parameters
        ----------
        name : str
            A quantity.
        level : float
            Probability of the interval.

        Returns
        -------
        least, most : float
            Where an interval's true coverage lies just beyond, about half of the calibrations of
            this many replicates would notice by its coverage.
        """
        count = len(self.finished)
        passing = np.flatnonzero(_p_values(count, level) >= self.limits()[name])
        return float(passing[0] / count), float(passing[-1] / count)

    def table(self) -> "pd.DataFrame":
        """Return the verdict on each quantity.

        Returns
        -------
        DataFrame
            A row for each quantity: ``contraction``, see `contraction`; ``p_uniform``, the p-value
            of the hypothesis that ranks are uniform (ArviZ's test of cumulative ranks);
            ``coverage_50`` and so on, the share of truths inside each central interval;
            ``p_coverage``, the least p-value of the coverages; ``calibrated``, whether no p-value
            is below the quantity's limit, see `limits`; ``vacuous``, whether a fit that returns
            the prior would pass as well.
        """
        import pandas as pd

        from inference.engine.arviz_statistics import uniformity

        pit = self.pit()
        count = len(pit)
        rows = {}
        contraction = self.contraction()
        for name in pit:
            away = np.abs(2.0 * pit[name].to_numpy() - 1.0)
            row: dict[str, Any] = {
                "contraction": contraction[name],
                "p_uniform": uniformity(pit[name].to_numpy(), RANKS),
            }
            found = []
            for level in CALIBRATION_LEVELS:
                inside = int(np.sum(away <= level))
                row[f"coverage_{100 * level:.0f}"] = inside / count
                found.append(float(_p_values(count, level)[inside]))
            row["p_coverage"] = min(found)
            rows[str(name)] = row
        table = pd.DataFrame.from_dict(rows, orient="index")
        least = table[["p_uniform", "p_coverage"]].min(axis=1)
        table["calibrated"] = least >= self.limits()
        table["vacuous"] = table["calibrated"] & (table["contraction"] < CALIBRATION_VACUOUS)
        return table

    @property
    def share_failed(self) -> float:
        """Share of the replicates that gave no ranks."""
        return len(self.failed) / len(self.replicates) if self.replicates else 0.0

    @property
    def passed(self) -> bool | None:
        """Whether every quantity is calibrated and few enough replicates failed.

        None where no departure is found among too few replicates to say so.
        """
        if self.share_failed > CALIBRATION_FAILED:
            return False
        if len(self.finished) > 1 and not self.table()["calibrated"].all():
            return False
        return True if len(self.finished) >= CALIBRATION_LEAST else None

    def verdict(self) -> list[str]:
        """Return the verdict in sentences."""
        lines = [
            f"{len(self.finished)} of {len(self.replicates)} replicates gave ranks; "
            f"{len(self.failed)} failed, {sum(each.again for each in self.replicates)} were "
            "sampled a second time, longer and in smaller steps."
        ]
        table = self.table() if len(self.finished) > 1 else None
        if table is not None:
            for name, row in table[~table["calibrated"]].iterrows():
                lines.append(
                    f"NOT calibrated: {name}, whose 90 % interval holds the truth in "
                    f"{100 * row['coverage_90']:.0f} % of the replicates (p = "
                    f"{min(row['p_uniform'], row['p_coverage']):.1g})."
                )
        if self.share_failed > CALIBRATION_FAILED:
            lines.append(
                f"NOT accepted: {100 * self.share_failed:.0f} % of the replicates failed, at most "
                f"{100 * CALIBRATION_FAILED:.0f} % may; the first: {self.failed[0].failure}."
            )
        if len(self.finished) < CALIBRATION_LEAST:
            due = int(np.ceil(CALIBRATION_LEAST / max(1.0 - self.share_failed, 0.5)))
            lines.append(
                f"Too few to say that anything is calibrated: {len(self.finished)} replicates gave "
                f"ranks and {CALIBRATION_LEAST} are due, since with fewer, intervals 1.5 times too "
                f"narrow often pass. Go on with --replicates {due} or more; 300 say more."
            )
        elif table is not None and table["calibrated"].all():
            lines += [self._calibrated(table), self._let_pass(table), *_vacuous(table)]
        return lines

    def _calibrated(self, table: "pd.DataFrame") -> str:
        held = table["coverage_90"]
        own = ""
        if any(name.startswith(NEW_CELL) for name in table.index):
            own = (
                f", {100 * CALIBRATION_PRIMARY:.0f} % of it for the critical currents of new cells"
            )
        return (
            f"Calibrated: none of {len(table)} quantities departs from uniform ranks or from the "
            f"stated coverage ({len(table) * _TESTS} tests at a joint significance of "
            f"{CALIBRATION_SIGNIFICANCE:g}{own}). The 90 % intervals hold the truth in "
            f"{100 * held.min():.0f} to {100 * held.max():.0f} % of the replicates."
        )

    def _let_pass(self, table: "pd.DataFrame") -> str:
        """Say what the rule itself does not notice."""
        from scipy import stats

        cells = [name for name in table.index if name.startswith(NEW_CELL)]
        others = [name for name in table.index if name not in cells]
        least, most = self.accepted((others or cells)[0])
        text = (
            f"With {len(self.finished)} replicates the rule lets a 90 % interval pass that holds "
            f"the truth in {100 * least:.1f} to {100 * most:.1f} % of them"
        )
        if cells and others:
            first, last = self.accepted(cells[0])
            text += f" ({100 * first:.1f} to {100 * last:.1f} % for new cells)"
        due, narrow, wide = stats.norm.isf((1.0 - np.array([0.9, least, most])) / 2.0)
        widest = f"{wide / due:.1f} times" if np.isfinite(wide) else "any number of times"
        return (
            f"{text}: intervals up to {due / narrow:.1f} times too narrow or {widest} too wide can "
            "go unseen, and those just beyond are seen in about half of such calibrations."
        )

    def record(self) -> dict[str, Any]:
        """Return what is worth keeping: header, verdict, and the numbers of each quantity."""
        table = self.table() if len(self.finished) > 1 else None
        return {
            **self.header,
            "command": (
                f"anodebayes calibrate {self.header['job']} --seed {self.header['seed']} "
                f"--replicates {len(self.replicates)}"
            ),
            "replicates": len(self.replicates),
            "failed": {str(each.index): each.failure for each in self.failed},
            "sampled_again": sum(each.again for each in self.replicates),
            "seconds_per_replicate": round(
                float(np.median([each.seconds for each in self.replicates] or [0.0])), 2
            ),
            "passed": self.passed,
            "verdict": self.verdict(),
            "quantities": {}
            if table is None
            else {
                name: {key: _plain(value) for key, value in row.items()}
                for name, row in table.to_dict(orient="index").items()
            },
        }


def _plain(value: Any) -> Any:
    """Return a number of three digits, or None for what is none."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    return float(f"{value:.3g}") if np.isfinite(value) else None


@cache
def _p_values(count: int, level: float) -> NDArray[np.float64]:
    """Return the p-value of each number of truths inside an interval: the exact two-sided test.

    Returns
    -------
    ndarray, shape (count + 1,)
        The probability of all numbers that are no more probable.
    """
    from scipy import stats

    probable = stats.binom.pmf(np.arange(count + 1), count, level)
    order = np.sort(probable)
    last = np.searchsorted(order, probable * (1.0 + 1e-7), side="right") - 1
    found: NDArray[np.float64] = np.minimum(np.cumsum(order)[last], 1.0)
    return found


def _vacuous(table: "pd.DataFrame") -> list[str]:
    """Say which quantities would pass without any data."""
    names = [str(name) for name in table.index[table["vacuous"]]]
    if not names:
        return []
    families = Counter(base_name(name) for name in names)
    single = {base_name(name): name for name in names}
    listed = [
        f"{family} ({count} of them)" if count > 1 else single[family]
        for family, count in families.items()
    ]
    text = (
        f"Of the {len(table)} quantities {len(names)} pass vacuously: their posterior hardly "
        f"differs from their prior (mean contraction below {CALIBRATION_VACUOUS:g}), and a fit "
        f"without data would pass as well: {', '.join(listed)}."
    )
    if any(str(name).startswith(LIKELIHOOD) for name in table.index):
        text += " Whether data are used at all, the log-likelihoods tell."
    return [text]
