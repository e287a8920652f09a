"""The answer to a question: a number, its conditions, and all that must be known with it."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from inference.designs.axes import AXES, CURRENT, VARIANTS, WORDS, AxisKind, Cell
from inference.designs.axes import shown as _shown
from inference.designs.design import Design
from inference.designs.mechanisms import MECHANISMS
from inference.designs.noise import LEAST_SHARE_OF_CELLS
from inference.maps.rare_kinds import rare_kind_sentence
from inference.maps.tails import WORDS as CELL_WORDS
from inference.maps.tails import tail_sentence
from inference.thresholds import INTERVAL

if TYPE_CHECKING:
    from inference.designs.basis import Basis

__all__ = ["Answer", "as_json", "axis_kind", "conditions_in_words", "variant_in_words"]


@dataclass(frozen=True)
class Answer:
    """The answer to a design question.

    Attributes
    ----------
    question : str
        ``safe_current``, ``required_pore_radius`` or ``required_pressure``.
    quantity : str
        What the value is: ``current_density``, ``pore_radius`` or ``pressure``.
    value : float or None
        The answer [unit], all that is not known counted in; None where there is none within the
        legal range, and `reason` says why.
    unit : str
        Unit of value and interval.
    interval : tuple of float
        Where the answer would lie, with 90 % probability, if the parameters were known exactly, as
        this module says; ``-inf`` or ``inf`` where an end lies beyond the legal range, NaN where
        the risk is too small for it. The value may lie outside.
    drawn : tuple of float
        Where more draws would put the value, with 90 % probability [unit]: its Monte-Carlo error.
    draws : int
        How many there are.
    risk : float
        Probability that a new cell fails.
    cell : {"liquid", "solid"}
        The kind of cell.
    variant : {"polymer", "straight", "step", "one_way"}
        The kind of pores of a liquid cell, the protocol of a solid one.
    conditions : dict of str to float
        The design, by axis, in the axes' units; of a separator as fitted posterior medians.
    separator : str
        The separator of the campaign that new cells are of, as it was fitted; empty where they are
        of a new separator, or of a solid cell.
    mechanism : str
        The mechanism that limits most new cells of the design, at the answer.
    mechanism_probability : float
        The share of new cells that it limits.
    median_cell : tuple of float
        Critical current density of the median cell at the answer and its 90 % interval: median,
        lower, upper [mA/cm^2].
    extrapolation : tuple of str
        Conditions outside the range of the data, in words.
    reason : str
        Why there is no answer, or why no current is safe; empty where one is.
    notes : tuple of str
        What must be known with it: synthetic data, a fit that has not converged, scatter that the
        prior alone knows.
    warnings : tuple of str
        Those of the notes that stand before the answer: what makes its number none to rely on.
    cells : tuple of str
        Laws of the cells of the mechanisms, as the job writes them.
    tails : mapping of str to float
        Safe current of the answer's design ``as_fitted``, and under the other laws of
        `models.cells`, the middle half of the cells spread as fitted [mA/cm^2]; see
        `inference.maps.tails`.
    cells_behind : int
        Cells that tell how those of `mechanism` scatter; 0 where the prior alone says it.
    cells_that_show : int, optional
        Those of them of which it is known whether they are of a kind too weak for the answer.
    law : str
        Where the answer rests on a law that tests have hardly tried, what they were made with, in
        words: see `inference.maps.one_condition`, `separator_laws` and `gaps`.
    design : Design, optional
        The design that the answer comes to.
    seed : int
        Of its draws and noise.
    result : Basis, optional
        The fit that it is of.
    """

    question: str
    quantity: str
    value: float | None
    unit: str
    interval: tuple[float, float]
    drawn: tuple[float, float]
    draws: int
    risk: float
    cell: Cell
    variant: str
    conditions: Mapping[str, float]
    mechanism: str
    mechanism_probability: float
    median_cell: tuple[float, float, float]
    extrapolation: tuple[str, ...] = ()
    reason: str = ""
    notes: tuple[str, ...] = ()
    current_density: float | None = None
    cells: tuple[str, ...] = ()
    tails: Mapping[str, float] = field(default_factory=dict)
    separator: str = ""
    cells_behind: int = 0
    cells_that_show: int | None = None
    law: str = ""
    design: Design | None = field(default=None, repr=False, compare=False)
    warnings: tuple[str, ...] = ()
    seed: int = 0
    result: "Basis | None" = field(default=None, repr=False, compare=False)
    _design: str = field(default="", repr=False)

    @cached_property
    def _told(self) -> tuple[tuple[str, ...], Mapping[str, Any]]:
        from inference.checks.influence import LeftOutRows  # above: it fits again

        return ((), {}) if self.result is None else LeftOutRows(cast("Any", self.result)).told(self)

    @property
    def rows(self) -> tuple[str, ...]:
        """Rows of the data that decide it, and rows that the rest calls nearly impossible.

        In words; they are weighed when they are first asked for, which may take seconds.
        """
        return self._told[0]

    @property
    def row_numbers(self) -> Mapping[str, Any]:
        """The same as plain data."""
        return self._told[1]

    @property
    def new_cell(self) -> str:
        """The new cell that it speaks of, with its conditions, in words."""
        return self._design

    def sentence(self) -> str:
        """Return the answer and what limits the cell, in plain sentences.

        Returns
        -------
        str
            With units, and what the value is; :meth:`how_sure` says its interval.
        """
        doing = {item.name: item.long_name for item in MECHANISMS[self.cell]}[self.mechanism]
        binds = (
            f"What limits it is {self.mechanism}: {doing} "
            f"({100 * self.mechanism_probability:.0f} % of new cells)."
        )
        if self.median_cell[0] == 0.0:  # the metal does not hold the charge
            binds = ""
        if self.value is None:
            return f"{self.reason} {binds}".rstrip()
        risk = f"{100 * self.risk:g} %"
        cell = self.new_cell
        at = f"For {_shown(self.current_density)} {CURRENT.unit} at {risk} risk"
        value = f"{_shown(self.value)} {self.unit}"
        counted = "with all that is not known counted in, it"
        fails = f"{counted} then fails with a probability of {risk}."
        if self.question == "required_pore_radius":
            text = f"{at} the pore radius of {cell} must be at most {value}: {fails}"
        elif self.question == "required_pressure":
            text = f"{at} {cell} needs at least {value}: {fails}"
            if self.value == 0.0:
                text = f"{at} {cell} needs no pressure."
        elif self.value == 0.0:
            text = f"At {risk} risk {cell} bears no current: {self.reason}"
        else:
            text = (
                f"At {risk} risk {cell} bears {value}: {counted} fails at that current with a "
                f"probability of {risk}."
            )
        return f"{text} {binds}".rstrip()

    def how_sure(self) -> str:
        """Return what the interval is, in plain sentences.

        Returns
        -------
        str
            Empty where there is no answer, or no current is safe.
        """
        if self.value is None or (self.question == "safe_current" and self.value == 0.0):
            return ""
        fail = f"{100 * self.risk:g} % of new cells fail"
        if self.question == "safe_current":
            what = f"the current at which {fail}"
        else:
            name = WORDS[self.quantity]
            what = f"the {name} at which {fail} at {_shown(self.current_density)} {CURRENT.unit}"
        drawn = (
            f"The value is from {self.draws} draws: more of them would put it "
            f"{_span(self.drawn, self.unit, 3)}."
        )
        lower, upper = self.interval
        if math.isnan(lower):
            return (
                f"How sure: not told. At risks below {100 * LEAST_SHARE_OF_CELLS:.2g} % the cells "
                f"that stand for all new ones hold none so weak. {drawn}"
            )
        beyond = self.value > upper if self.question == "required_pressure" else self.value < lower
        outside = (
            " The value lies outside this interval, on the cautious side: it allows for the least "
            "favourable parameters that the data leave possible."
        )
        return (
            f"How sure: {what} lies {_span(self.interval, self.unit, 2)} with "
            f"{100 * INTERVAL:.0f} % probability; more data narrow this interval."
            f"{outside if beyond else ''} {drawn}"
        ) + (f" {unseen}" if (unseen := self._unseen()) else "")

    def _unseen(self) -> str:
        """Say what kind of weak cells may be missing among those behind the answer."""
        shown = self.cells_behind if self.cells_that_show is None else self.cells_that_show
        return rare_kind_sentence(shown, self.risk, self.cells_behind)

    def tail(self) -> str:
        """Return how far the answer rests on the tail of the cells' scatter, in plain sentences.

        Returns
        -------
        str
            Empty where there is no answer, or the risk is 5 % or more and the tail moves little.
        """
        shown = {name: f"{_shown(each)} {CURRENT.unit}" for name, each in self.tails.items()}
        own = " and ".join(CELL_WORDS[name] for name in dict.fromkeys(self.cells))
        return tail_sentence(self.tails, own, self.risk, shown)

    def sentences(self) -> list[str]:
        """Return the answer and what must be known with it.

        Returns
        -------
        list of str
            The warnings first, then the answer.
        """
        middle, lower, upper = self.median_cell
        words = [*self.warnings, self.sentence()]
        if sure := self.how_sure():
            words.append(sure)
        if self.value is not None and middle > 0.0:
            words.append(
                f"The median cell fails at {_shown(middle)} {CURRENT.unit} ({100 * INTERVAL:.0f} % "
                f"interval {_shown(lower)} to {_shown(upper)} {CURRENT.unit})."
            )
        if tail := self.tail():
            words.append(tail)
        if self.law:
            words.append(self.law)
        if self.extrapolation:
            words.append("Extrapolated, no data there: " + "; ".join(self.extrapolation) + ".")
        told = {*self.warnings}
        return [*words, *(each for each in (*self.rows, *self.notes) if each not in told)]

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        from inference.maps.answer_html import answer_html

        return answer_html(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as plain data, as `anodebayes ask --json` prints it.

        Returns
        -------
        dict
            Without numbers that JSON has not: an end beyond the legal range is None.
        """
        return {
            "question": self.question,
            "quantity": self.quantity,
            "value": self.value,
            "unit": self.unit,
            "interval": [each if math.isfinite(each) else None for each in self.interval],
            "interval_probability": INTERVAL,
            "drawn": [each if math.isfinite(each) else None for each in self.drawn],
            "draws": self.draws,
            "risk": self.risk,
            "current_density [mA/cm^2]": self.current_density,
            "cell": self.cell,
            _choice(self.cell): self.variant,
            "separator": self.separator or None,
            "conditions": {
                f"{name} [{axis_kind(self.cell, name).unit}]": value
                for name, value in self.conditions.items()
            },
            "mechanism": self.mechanism,
            "mechanism_probability": self.mechanism_probability,
            "median_cell [mA/cm^2]": self.median_cell[0],
            "median_cell_interval [mA/cm^2]": list(self.median_cell[1:]),
            "extrapolation": list(self.extrapolation),
            "reason": self.reason,
            "rows": {**self.row_numbers, "sentences": list(self.rows)},
            "notes": list(self.notes),
            "sentence": self.sentence(),
            "how_sure": self.how_sure(),
            "cells": list(self.cells),
            "tails [mA/cm^2]": dict(self.tails),
            "tail": self.tail(),
            "cells_behind": self.cells_behind,
            "cells_that_show": self.cells_that_show,
            "law": self.law,
        }


def axis_kind(cell: Cell, name: str) -> AxisKind:
    """Return the kind of an axis of one kind of cell."""
    return AXES[cell][name]


def conditions_in_words(design: Design, fitted: Mapping[str, float], without: str) -> str:
    """Return the conditions of a design in words, those of a separator as fitted."""
    parts = [VARIANTS[variant_in_words(design)]]
    for name, kind in AXES[design.cell].items():
        if name == without or not (name in design.axes or name in fitted):
            continue
        unit = "" if kind.unit == "1" else f" {kind.unit}"
        value = fitted[name] if name in fitted else float(design.axes[name].values[0])
        text = f"{WORDS[name]} {_shown(value)}"
        if name in design.tolerances and name not in fitted:
            tolerance = design.tolerances[name]
            sd = (
                f"{100 * tolerance.sd:g} %"
                if tolerance.relative
                else f"{tolerance.sd:g}{unit.replace('degC', 'K')}"
            )
            text += f"{unit} ± {sd}"
        else:
            text += unit
        parts.append(text)
    if design.cell == "liquid" and "charge" not in design.axes:
        parts.append("steady state")
    return ", ".join(parts)


def _choice(cell: Cell) -> str:
    return "pore_type" if cell == "liquid" else "protocol"


def variant_in_words(design: Design) -> str:
    """Say which variant of its kind of cell a design is."""
    return design.pore_type if design.cell == "liquid" else design.protocol


def _span(interval: tuple[float, float], unit: str, digits: int) -> str:
    """Say where something lies."""
    lower, upper = interval
    if not (math.isfinite(lower) or math.isfinite(upper)):
        return "anywhere in the legal range or beyond"
    if not math.isfinite(lower):
        return f"below {_shown(upper, digits)} {unit}"
    if not math.isfinite(upper):
        return f"anywhere from {_shown(lower, digits)} {unit} to beyond what anything is known of"
    return f"between {_shown(lower, digits)} and {_shown(upper, digits)} {unit}"


def as_json(answer: Answer) -> str:
    """Return an answer as JSON text.

    Parameters
    ----------
    answer : Answer
        The answer.

    Returns
    -------
    str
        Indented.
    """
    return json.dumps(answer.to_dict(), indent=2, ensure_ascii=False)
