"""Rows that decide an answer: values, numbers and words."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from inference.thresholds import DECIDES, MOST_ROWS_NAMED
from inference.words.plain import plain

__all__ = ["Deciding", "LeftOutRow", "Without", "listed_rows"]

_NO_MEAN: Final = 1.0  # Pareto k at which weights have no mean


@dataclass(frozen=True)
class LeftOutRow:
    """A row of the data, left out.

    Parameters
    ----------
    table, name : str
        Its table, and what a reader calls it within the table.
    line : int or None
        Its line in the table's file; None where the result does not hold it.
    pareto_k : float
        Of the weights that leave it out.
    method : {"importance sampling", "refit", "not left out"}
        How the fit without it was had; not at all where its weights cannot be trusted and no refit
        was made.
    p_value : float
        Probability, two-sided, of an observation at least as far out, from the fit without it.
    note : str
        Why a refit failed.
    """

    table: str
    name: str
    line: int | None
    pareto_k: float
    method: str
    p_value: float
    note: str = ""

    def __str__(self) -> str:
        """Return what it is called, and where it stands."""
        place = f"{self.table}.csv" + (f", line {self.line}" if self.line is not None else "")
        return f"{self.name} ({place})"


@dataclass(frozen=True)
class Without:
    """The answer without one row.

    Parameters
    ----------
    row : LeftOutRow
        What is left out.
    method : {"importance sampling", "refit", "unrelated", "rough"}
        How it was had. Nothing that the answer depends on is related to an *unrelated* row. The
        weights of a *rough* one cannot be trusted, and no refit was made: without it the answer
        may be another.
    value : float
        Safe current without it [mA/cm^2].
    drawn : tuple of float
        Where more draws would put that, with 90 % probability [mA/cm^2].
    """

    row: LeftOutRow
    method: str
    value: float
    drawn: tuple[float, float]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        found: dict[str, Any] = plain(
            {
                "row": str(self.row),
                "table": self.row.table,
                "line": self.row.line,
                "without [mA/cm^2]": self.value,
                "drawn [mA/cm^2]": list(self.drawn),
                "method": self.method,
                "pareto_k": self.row.pareto_k,
            }
        )
        return found


@dataclass(frozen=True)
class Deciding:
    """The safe current of a design without each row in turn.

    Parameters
    ----------
    cell : {"liquid", "solid"}
        The kind of cell.
    new_cell : str
        The new cell of the design, in words.
    risk : float
        Probability that a new cell fails.
    value : float
        Safe current of the fit [mA/cm^2].
    drawn : tuple of float
        Where more draws would put that, with 90 % probability [mA/cm^2].
    rows : tuple of Without
        Every row.
    """

    cell: str
    new_cell: str
    risk: float
    value: float
    drawn: tuple[float, float]
    rows: tuple[Without, ...]

    def factor(self, value: float) -> float:
        """Return by what factor, 1 or more, another safe current differs from that of the fit."""
        if value == self.value:
            return 1.0
        if min(value, self.value) <= 0.0:
            return math.inf
        return max(value / self.value, self.value / value)

    def may_decide(self, without: Without) -> bool:
        """Say whether weights that cannot be trusted leave open that a row decides.

        They reach less far than the answer moves: half the way, in logarithms, is enough.
        """
        furthest = max(map(self.factor, (without.value, *without.drawn)))
        heavy = not without.row.pareto_k <= _NO_MEAN
        return without.method == "rough" and (heavy or furthest > math.sqrt(DECIDES))

    @cached_property
    def deciding(self) -> tuple[Without, ...]:
        """Rows without which the answer is another beyond its Monte Carlo error.

        The one that moves it most comes first.
        """
        return tuple(
            sorted(filter(self._surely, self.rows), key=lambda each: -self.factor(each.value))
        )

    def _surely(self, without: Without) -> bool:
        """Say whether both ends of where more draws would put the answer differ from that with it.

        A refit has draws of its own; weights leave the same ones, and their error in both.
        """
        value, (low, high) = without.value, without.drawn
        if without.method == "rough" or self.factor(value) <= DECIDES:
            return False
        nearer = low if value > self.value else high
        limit = max(self.drawn) if value > self.value else min(self.drawn)
        if without.method != "refit":
            limit = self.value
        return nearer > limit if value > self.value else nearer < limit

    @cached_property
    def untold(self) -> tuple[Without, ...]:
        """Rows of which it is not known for sure whether they decide, the likeliest first."""
        open_ = (
            each
            for each in self.rows
            if self.may_decide(each)
            or (
                each.method != "rough"
                and self.factor(each.value) > DECIDES
                and not self._surely(each)
            )
        )
        return tuple(sorted(open_, key=lambda each: -self.factor(each.value)))

    def sentence(self) -> str:
        """Return the rows that decide, with both numbers; empty where there is none."""
        if not self.deciding:
            return ""
        first, *others = self.deciding[:MOST_ROWS_NAMED]
        named = [
            f"without {first.row} it is {first.value:.3g} instead of {self.value:.3g} mA/cm^2",
            *(f"without {each.row} it is {each.value:.3g}" for each in others),
        ]
        more = len(self.deciding) - len(named)
        also = f"; and {more} more" if more else ""
        return f"Single rows decide the safe current: {'; '.join(named)}{also}."

    def unknown(self) -> str:
        """Name the rows of which it is not known whether they decide; empty where there is none."""
        if not self.untold:
            return ""
        names = []
        for each in self.untold:
            about = f", about {each.value:.2g} mA/cm^2" if self.factor(each.value) > DECIDES else ""
            names.append(f"{each.row}{about}")
        reasons = sorted({each.row.note for each in self.untold if each.row.note})
        what = (
            f"{'; '.join(reasons)}."
            if reasons
            else "`anodebayes check RUN` fits again without such rows."
        )
        return (
            f"Not known for sure is what the safe current is without {listed_rows(names)}: the "
            f"draws of this fit hardly cover that. {what[0].upper()}{what[1:]}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the rows that decide and those untold as plain data."""
        return {
            "deciding": [each.to_dict() for each in self.deciding],
            "not_known": [each.to_dict() for each in self.untold],
        }


def listed_rows(names: Sequence[str]) -> str:
    """List rows, or no more of them than a sentence bears and how many are left out."""
    shown = list(names[:MOST_ROWS_NAMED])
    more = len(names) - len(shown)
    return "; ".join([*shown, f"{more} more"] if more else shown)
