"""The search behind a question: the current or condition at which new cells fail as asked."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
from numpy.polynomial import chebyshev

from data.arrays import Array
from data.errors import MapError
from data.units import to_si
from inference.designs.axes import CURRENT, Axis
from inference.designs.axes import shown as _shown
from inference.designs.design import Design
from inference.designs.limits import Setting, Values
from inference.designs.mechanisms import (
    CURRENT_FACTOR,
    MECHANISMS,
    Mechanism,
    cell_factor,
    cells_of,
)
from inference.designs.noise import LEAST_SHARE_OF_CELLS, CellNoise, band_draws
from inference.designs.reading import SEPARATOR_AXES
from inference.maps.answer import Answer, conditions_in_words, variant_in_words
from inference.maps.answer_notes import answer_notes, answer_warnings
from inference.maps.asked import one_design
from inference.maps.caveats import (
    as_tested,
    beyond_tested,
    failures,
    tested_protocol,
    untested_protocol,
    worth_of_rows,
)
from inference.maps.cells import NewCells
from inference.maps.clock import clock_of
from inference.maps.conditions import Conditions
from inference.maps.evaluation import order_statistics
from inference.maps.extrapolation import extrapolation_in_words, supports
from inference.maps.gaps import between_sentences
from inference.maps.known import (
    check_risk,
    drawn_parameters,
    draws_due,
    refuse_uncovered,
    refuse_unresolved,
)
from inference.maps.one_condition import law_sentence
from inference.maps.rare_kinds import cells_behind, cells_that_show
from inference.maps.separator_laws import beside_sentence, near_separator, separator_law_sentence
from inference.maps.separators import as_fitted, belonging, offset_in_words
from inference.maps.tails import AS_FITTED, other_cells
from inference.thresholds import BATCHES, INTERVAL_DEVIATE, TAILS
from models.chebyshev import interpolation_weights
from models.physics import metal_capacity

if TYPE_CHECKING:
    from inference.designs.basis import Basis

__all__ = ["NO_INTERVAL", "Asked", "Found"]

NO_INTERVAL: Final = (math.nan, math.nan)
_EXACT: Final = 1e-10
_CLOSE: Final = 1e-5
_NODES: Final = 24


@dataclass(frozen=True)
class Found:
    """What was solved for, its interval and Monte-Carlo interval; infinite beyond the range.

    The interval is not a number where the cells that it stands on do not reach the risk.
    """

    value: float
    interval: tuple[float, float]
    drawn: tuple[float, float]

    def from_zero(self) -> Self:
        """Return the same where nothing lies below 0."""
        low, high = (max(each, 0.0) for each in self.interval)  # NaN stays
        least, most = (max(each, 0.0) for each in self.drawn)
        return type(self)(max(self.value, 0.0), (low, high), (least, most))


class Asked:
    """One question to a fit: the draws and the noise that answer it."""

    def __init__(
        self, result: "Basis", design: Design, risk: float, draws: int, seed: int | None
    ) -> None:
        check_risk(risk)
        refuse_uncovered(design, result)
        seed = int(result.attrs["seed"]) if seed is None else seed
        self.result, self.design, self.risk = result, design, risk
        self.setting, self.seed = Setting.of(result), seed
        draws = max(draws, draws_due(risk))
        self.parameters, self.noise = drawn_parameters(result, design, draws, seed)
        self.fitted = {name: median for name, (median, _) in as_fitted(self.parameters).items()}
        count = next(iter(self.parameters.values())).shape[-1]
        refuse_unresolved(risk, count)
        self.draws = count
        self._cell_noise = CellNoise(seed)
        rows = band_draws(count)
        self._factors: dict[str, Array] = {}
        self._band = {name: values[rows][:, None] for name, values in self.parameters.items()}

    @property
    def bands_reach(self) -> bool:
        """Whether the evenly spread cells of a draw tell of a share as small as the risk."""
        return self.risk >= LEAST_SHARE_OF_CELLS

    @cached_property
    def levels(self) -> tuple[float, float]:
        """Shares of new cells between which more draws would put the risk, with 90 % probability.

        Draws of a chain depend on each other: they count as the independent ones that the share of
        them below the value is worth.
        """
        lowest = self.thresholds(self.design).min(axis=0)
        below = lowest <= order_statistics(np.sort(lowest), np.array([self.risk]))[0]
        half = INTERVAL_DEVIATE * math.sqrt(
            self.risk * (1.0 - self.risk) / _draws_worth(below, self.risk)
        )
        return max(self.risk - half, 0.0), min(self.risk + half, 1.0)

    def thresholds(
        self, design: Design, *, median: bool = False, parameters: Values | None = None
    ) -> Array:
        """Return the threshold of each mechanism in each draw [mA/cm^2], (mechanism, draw)."""
        noise = None if median else self.noise
        cells = NewCells(design, parameters or self.parameters, self.setting, noise)
        found = [cells.threshold(mechanism, ()) for mechanism in cells.mechanisms]
        return np.stack(found) / CURRENT_FACTOR

    def safe(
        self, design: Design, level: float | None = None, parameters: Values | None = None
    ) -> float:
        """Return the current [mA/cm^2] that the risk, or another share of new cells, stands for."""
        ordered = np.sort(self.thresholds(design, parameters=parameters).min(axis=0))
        levels = np.array([self.risk if level is None else level])
        return float(order_statistics(ordered, levels)[0])

    def tails(self, design: Design) -> dict[str, float]:
        """Return the safe current [mA/cm^2] as fitted, and under the other laws of the cells."""
        others = other_cells(self.result, design.cell, self.parameters, self.noise)
        found = {AS_FITTED: self.safe(design)}
        return found | {law: self.safe(design, parameters=each) for law, each in others.items()}

    def why_none(self, design: Design) -> str:
        """Say why no current of a design is safe: its metal does not hold the charge."""
        charge, thickness = (design.axes[name] for name in ("charge", "metal_thickness"))
        metal = float(thickness.values[0])
        per_area = metal_capacity(to_si(metal, thickness.kind.unit), self.setting.molar_volume)
        holds = float(per_area / to_si(1.0, charge.kind.unit))
        if holds < charge.values[0]:
            return (
                f"metal of {_shown(metal)} {thickness.kind.unit} holds {_shown(holds)} "
                f"{charge.kind.unit}, less than the charge of a half-cycle."
            )
        share = float((self.thresholds(design).min(axis=0) == 0.0).mean())
        return f"in {100 * share:.0f} % of new cells the metal does not hold the charge."

    def by_draw(self, design: Design) -> Array:
        """Return the current that the risk stands for in each draw of the band [mA/cm^2]."""
        noise = self._cell_noise
        conditions = Conditions(design, noise, len(noise.table), self._band).of(())
        lowest: Any = np.inf
        for mechanism in MECHANISMS[design.cell]:
            if mechanism.name not in self._factors:  # no question changes the area
                self._factors[mechanism.name] = cell_factor(
                    mechanism, self._band, conditions, noise
                )
            factor = self._factors[mechanism.name]
            core = self._core_over_cells(mechanism, conditions)
            here = mechanism.threshold(self._band, conditions, factor, self.setting, core)
            lowest = np.minimum(lowest, here)
        ordered = np.sort(lowest, axis=-1)
        # The points divide the unit interval evenly: each stands for the middle of its share.
        count = ordered.shape[-1]
        place = min((self.risk * count - 0.5) / (count - 1), 1.0)
        return np.asarray(order_statistics(ordered, np.array([place]))[0] / CURRENT_FACTOR)

    def _core_over_cells(self, mechanism: Mechanism, conditions: Values) -> Array | None:
        """Return a dear core that one condition changes from cell to cell, interpolated over it.

        None where nothing changes it, or more than one condition does.
        """
        spread = [
            name
            for name in mechanism.core_axes
            if name in conditions and conditions[name].shape[-1] > 1
        ]
        if mechanism.core is None or not mechanism.smooth or len(spread) != 1:
            return None
        values = np.log(conditions[spread[0]])  # in SI and above 0, temperatures too
        low, high = values.min(), values.max()
        nodes = chebyshev.chebpts1(_NODES)
        at_nodes = np.exp((low + high) / 2.0 + (high - low) / 2.0 * nodes)
        known = np.log(
            mechanism.core(self._band, {**conditions, spread[0]: at_nodes}, self.setting)
        )
        places = (2.0 * values - low - high) / (high - low)
        return np.asarray(np.exp(known @ interpolation_weights(nodes, places).T))

    def words(self, design: Design, without: str) -> str:
        """Return new cells of a design in words, without the condition that is asked for."""
        own = belonging(design, self.result)
        return (
            f"a new {design.cell} cell{own} ({conditions_in_words(design, self.fitted, without)})"
        )

    def with_axis(self, name: str, value: float) -> Design:
        """Return the design with another value of a condition."""
        axis = Axis(self.design.axes[name].kind, np.array([value]), swept=False)
        return replace(self.design, axes={**self.design.axes, name: axis})

    def reach(
        self, name: str, spaced: Callable[..., Array], most: float = math.inf
    ) -> tuple[float, float]:
        """Return the ends between which a condition and its tolerance are legal."""
        kind = self.design.axes[name].kind
        values = spaced(kind.lower, min(kind.upper, most), 400)

        def legal(value: float) -> bool:
            try:
                refuse_uncovered(self.with_axis(name, value), self.result)
            except MapError:
                return False
            return True

        low = next((value for value in values if legal(value)), None)
        high = next((value for value in values[::-1] if legal(value)), None)
        if low is None or high is None:
            raise MapError(
                f"{name}_sd leaves no legal {name} between {kind.range_text}: state a smaller one"
            )
        return float(low), float(high)

    def solve(self, name: str, target: float, low: float, high: float, *, rising: bool) -> Found:
        """Solve for the condition at which the safe current is the one asked for."""

        def root(safe: Callable[[Design], float], exact: float) -> float:
            from scipy.optimize import brentq

            # Between the ends the safe current may fall to 0 where the metal runs out.
            def excess(place: float) -> float:
                current = safe(self.with_axis(name, to_value(place)))
                return math.log(max(current, 1e-300) / target)

            to_value = (lambda place: min(max(math.exp(place), low), high)) if low > 0 else float
            ends = (math.log(low), math.log(high)) if low > 0 else (low, high)
            at_low, at_high = excess(ends[0]), excess(ends[1])
            if rising:
                if at_low >= 0.0:
                    return -math.inf
                if at_high < 0.0:
                    return math.inf
            else:
                if at_low < 0.0:
                    return -math.inf
                if at_high >= 0.0:
                    return math.inf
            return float(to_value(brentq(excess, *ends, xtol=1e-14, rtol=exact)))

        def share(tail: float) -> Callable[[Design], float]:
            return lambda design: float(np.quantile(self.by_draw(design), tail))

        tails = TAILS[::-1] if rising else TAILS
        lower, upper = NO_INTERVAL
        if self.bands_reach:
            lower, upper = (root(share(tail), _CLOSE) for tail in tails)
        levels = self.levels[::-1] if rising else self.levels
        least, most = (root(partial(self.safe, level=level), _CLOSE) for level in levels)
        return Found(root(self.safe, _EXACT), (lower, upper), (least, most))

    def _beside(self, design: Design) -> str:
        """Say what a tested separator bears that a new one is nearly like; empty where none is."""
        values = {name: float(axis.values[0]) for name, axis in design.axes.items()}
        name = near_separator(self.result, values["pore_radius"], values["porosity"])
        if not name:
            return ""
        try:
            named = one_design({"cell": "liquid", "separators": [name]}, self.result)
        except MapError:  # of which not enough is stated
            return ""
        own = replace(
            named,
            axes=_belonging(named.axes, True) | _belonging(design.axes, False),
            tolerances=_belonging(named.tolerances, True) | _belonging(design.tolerances, False),
        )
        safe = Asked(self.result, own, self.risk, self.draws, self.seed).safe(own)
        return beside_sentence(self.result, name, f"{_shown(safe)} {CURRENT.unit}", self.risk)

    def _untested(self, design: Design) -> tuple[str, ...]:
        """Say that no cell was tested by the protocol, and what the tested one gives."""
        words = untested_protocol(self.result, design.protocol) if design.cell == "solid" else ""
        tested = tested_protocol(self.result)
        if not words or tested is None:
            return ()
        own = replace(design, protocol=tested)
        safe = Asked(self.result, own, self.risk, self.draws, self.seed).safe(own)
        shown = f"{_shown(safe)} {CURRENT.unit}"
        return (f"{words} {as_tested(self.result, shown, f'{100 * self.risk:g}')}",)

    def answer(
        self,
        question: str,
        quantity: str,
        value: float | None,
        found: Found,
        design: Design,
        reason: str = "",
        target: float | None = None,
    ) -> Answer:
        """Put an answer together at the design that it comes to."""
        thresholds = self.thresholds(design)
        shares = np.bincount(thresholds.argmin(axis=0), minlength=len(thresholds))
        first = int(shares.argmax())
        mechanism = MECHANISMS[design.cell][first]
        median = self.thresholds(design, median=True).min(axis=0)
        middle, lower, upper = (float(np.quantile(median, q)) for q in (0.5, *TAILS))
        kind = CURRENT if quantity == "current_density" else design.axes[quantity].kind
        current = target if value is None or target is not None else value
        clock = clock_of(design, self.result, current)
        laws = [*between_sentences(design, self.result), *clock.laws]
        if design.cell == "solid" and current is not None and "charge" in design.axes:
            charge = float(design.axes["charge"].values[0])
            ranges = supports(design, self.result)[0].ranges
            laws = [law_sentence(design.protocol, ranges, charge, current, _shown), *laws]
        elif mechanism.name == "penetration" and not design.separator:
            laws = [separator_law_sentence(self.result), self._beside(design), *laws]
        failed = failures(self.result)
        warnings = (
            *self._untested(design),
            *answer_warnings(self.result, design.cell, failed),
            *beyond_tested(self.result, mechanism.name, current or 0.0, design.protocol),
            *clock.warnings,
        )
        return Answer(
            question=question,
            quantity=quantity,
            value=value,
            unit=kind.unit,
            interval=found.interval,
            drawn=found.drawn,
            draws=self.draws,
            risk=self.risk,
            cell=design.cell,
            variant=variant_in_words(design),
            conditions={name: float(axis.values[0]) for name, axis in design.axes.items()}
            | self.fitted,
            mechanism=mechanism.name,
            mechanism_probability=float(shares[first] / shares.sum()),
            median_cell=(middle, lower, upper),
            extrapolation=(*extrapolation_in_words(design, self.result), *clock.beyond),
            reason=reason,
            notes=answer_notes(
                self.result, design, offset_in_words(design, self.parameters), warnings, middle
            ),
            warnings=warnings,
            current_density=current,
            cells=tuple(
                cells_of(each, self.parameters).law.name for each in MECHANISMS[design.cell]
            ),
            tails={} if value is None else self.tails(design),
            separator=design.separator,
            cells_behind=cells_behind(self.result, mechanism, worth=worth_of_rows(failed)),
            cells_that_show=cells_that_show(self.result, mechanism, worth_of_rows(failed)).at(
                self.risk
            ),
            law=" ".join(filter(None, laws)),
            design=design,
            seed=self.seed,
            result=self.result,
            _design=self.words(design, quantity),
        )


def _belonging[T](every: Mapping[str, T], separator: bool) -> dict[str, T]:
    """Return what belongs to a separator of axes or tolerances, or the rest."""
    return {name: each for name, each in every.items() if (name in SEPARATOR_AXES) is separator}


def _draws_worth(below: "np.ndarray[Any, Any]", share: float) -> float:
    """Return how many independent draws a share of draws is worth, by the means of batches.

    Parameters
    ----------
    below : ndarray of bool, shape (draw,)
        Chain after chain.
    share : float
        Of those that are True.
    """
    each = below.size // BATCHES
    means = below[: each * BATCHES].reshape(BATCHES, each).mean(axis=1) if each else np.zeros(2)
    variance = float(means.var(ddof=1)) / BATCHES
    return below.size if variance == 0.0 else min(share * (1.0 - share) / variance, below.size)
