"""Rows that decide: what an answer would be without each row of the data, and what rows are odd.

A *row* is a line of a table with all that was observed of it: both cells of a bracket, coverage and
thickness of a deposit. The draws of a fit are weighed so that they are those of a fit without the
row (Pareto-smoothed importance sampling [1]_), and the safe current of a design is the weighted
quantile of the same new cells that the answer is a quantile of. That costs no fit, for any design.

Where the weights cannot be trusted (Pareto k above 0.7) the model is fitted again without the row,
if the answer may hang on it: not where nothing that it depends on is related to the row. Refits are
kept in the run folder (``without.nc``): they serve every design and every later question. Until
then such rows are named as those of which it is not known whether they decide.

The same weights say how improbable a row is to the rest of the data: the probability of a value at
least as far out on its side, or of the verdict. Draws end where rows are most improbable: beyond
the last twentieth of the predictions their tail is continued exponentially on the natural scale,
which is cautious where it falls faster, as that of a normal does. Weights that cannot be trusted
are not used here: without a refit, the fit with the row, which leans towards it, judges it.

References
----------
.. [1] Vehtari et al. 2024, JMLR 25(72).
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
import xarray as xr

from data.arrays import Array
from data.errors import InputError
from inference.checks.deciding import Deciding, LeftOutRow, Without, listed_rows
from inference.checks.fits_without import FitWithout, keep_fits, read_fits
from inference.checks.weighing import (
    RELATED,
    correlations_of,
    entering_draws,
    normal_scores,
    tail_probability,
    weighted_quantile,
)
from inference.engine.draws import SAMPLE
from inference.misfit.residuals import natural_scale
from inference.thresholds import ALIKE_WEIGHTS, GATE_R_HAT, IMPROBABLE, MOST_ROWS_REFITTED
from inference.words.plain import plain

if TYPE_CHECKING:
    from inference.designs.axes import Cell
    from inference.designs.design import Design
    from inference.runs.result import Result
    from inference.studies.comparison.units import Unit

__all__ = ["LeftOutRows"]

_SUSPECT: Final = 0.05  # probability of a row by the fit with it, below which it is left out

logger = logging.getLogger(__name__)


class _Answer(Protocol):
    """What is used of an `Answer`, which says itself which rows decide it."""

    @property
    def value(self) -> float | None: ...
    @property
    def cell(self) -> "Cell": ...
    @property
    def new_cell(self) -> str: ...
    @property
    def design(self) -> "Design | None": ...
    @property
    def risk(self) -> float: ...
    @property
    def draws(self) -> int: ...
    @property
    def seed(self) -> int: ...


@dataclass
class LeftOutRows:
    """The rows of a fit, each left out in turn.

    Parameters
    ----------
    result : Result
        A finished fit. What its folder holds of refits is used.
    """

    result: "Result"
    _refits: dict[int, FitWithout] = field(init=False, repr=False)
    _failed: dict[int, str] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Read the refits that were made before."""
        self._refits = read_fits(self.result, self.units)

    @cached_property
    def units(self) -> list["Unit"]:
        """What is left out at once: every row with all that was observed of it."""
        from inference.studies.comparison.units import Unit

        grouped: dict[tuple[str, Any], list[tuple[str, int]]] = {}
        labels: dict[tuple[str, Any], list[str]] = {}
        lines = self.result.lines
        for name, values in self.result.log_likelihood.data_vars.items():
            variable = str(name)
            table = max(
                (each for each in self.result.blocks if f"{variable}_".startswith(f"{each}_")),
                key=len,
            )
            for place, label in enumerate(values[f"{variable}_row"].values):
                where = lines[variable][place] if variable in lines else (variable, place)
                grouped.setdefault((table, where), []).append((variable, place))
                labels.setdefault((table, where), []).append(str(label).partition(" (line ")[0])
        return [Unit(key[0], _shared(labels[key]), tuple(rows)) for key, rows in grouped.items()]

    @cached_property
    def _weights(self) -> Any:
        from inference.studies.comparison.units import importance

        return importance(self.result.posterior, self.result.log_likelihood, self.units)

    @cached_property
    def _log_weights(self) -> Array:
        """Log weights of all draws through the chains, without each row, shape (row, draw)."""
        found = self._weights.log_weights.transpose("unit", *SAMPLE).values
        return np.asarray(found.reshape(len(self.units), -1))

    @cached_property
    def rows(self) -> list[LeftOutRow]:
        """Every row, in the order of `units`."""
        return [self._row(place) for place in range(len(self.units))]

    def _trusted(self, place: int) -> bool:
        """Say whether the weights that leave a row out can be trusted.

        Pareto k tells the shape of a tail, not how much there is in it: of a survivor far below its
        threshold the weights 1/P(survives) exceed 1 by thousandths, with a k of 1. Where the
        largest of S weights exceeds their mean by a share e, the weighted share of draws below any
        current is at most 1 + e times the plain one, and so is the risk. What draws do not show are
        excesses rarer than 1/S. They grow as probability to the power -k: at a k of 1 each power of
        ten rarer adds 2.3 e/S to the mean weight, twenty of them 46 e/S; at 1.1 some ten times
        that. It is less than e itself, and nothing beside a fifth of a current, by which a row
        decides.
        """
        if self._weights.pareto_k.values[place] <= self._weights.good_k:
            return True
        log_weights = self._log_weights[place]
        return bool(np.exp(log_weights.max()) * log_weights.size <= 1.0 + ALIKE_WEIGHTS)

    def _row(self, place: int) -> LeftOutRow:
        unit = self.units[place]
        variable, at = unit.rows[0]
        if place in self._refits:
            method, p_value = "refit", self._refits[place].p_value
        else:
            method = "importance sampling" if self._trusted(place) else "not left out"
            draws = self._log_weights[place]
            # Without weights that can be trusted: the fit with the row.
            weights = np.exp(draws - draws.max()) if self._trusted(place) else np.ones_like(draws)
            p_value = self._p_value(
                unit, self.result.posterior_predictive, self.result.log_likelihood, weights
            )
        return LeftOutRow(
            unit.table,
            unit.name,
            self.result.lines[variable][at] if variable in self.result.lines else None,
            float(self._weights.pareto_k.values[place]),
            method,
            p_value,
            self._failed.get(place, ""),
        )

    def _p_value(
        self, unit: "Unit", predictive: xr.Dataset, log_likelihood: xr.Dataset, weights: Array
    ) -> float:
        """Return how improbable a row is to draws; as many chances as it has observations."""
        weights = weights / weights.sum()
        of_draws = [log_likelihood.sizes[dim] for dim in SAMPLE]
        kept = np.isin(log_likelihood["draw"].values, predictive["draw"].values)
        of_predicted = weights.reshape(of_draws)[:, kept].ravel()
        of_predicted = of_predicted / of_predicted.sum()
        least = 1.0
        for variable, at in unit.rows:
            row = {f"{variable}_row": at}
            observed = np.asarray(self.result.observed_data[variable].isel(row), dtype=float)
            drawn = predictive[variable].isel(row).transpose(*SAMPLE).values.ravel()
            if np.isin(observed, (0.0, 1.0)) and np.isin(drawn, (0.0, 1.0)).all():
                terms = log_likelihood[variable].isel(row).transpose(*SAMPLE).values.ravel()
                found = float(weights @ np.exp(terms))
            else:
                units = str(self.result.posterior_predictive[variable].attrs.get("units", "1"))
                to_scale = natural_scale(observed, drawn, units)
                found = tail_probability(to_scale(drawn), of_predicted, float(to_scale(observed)))
            least = min(least, found)
        return min(1.0, least * len(unit.rows))

    def without_each(self, answer: _Answer) -> Deciding:
        """Return the safe current of the design of an answer without each row in turn.

        Parameters
        ----------
        answer : Answer
            Of this fit, with a design that it comes to.

        Returns
        -------
        Deciding
            With the value that `inference.maps.questions.safe_current` has for the design.
        """
        from inference.designs.limits import Setting
        from inference.designs.noise import chosen_draws
        from inference.maps.known import drawn_parameters
        from inference.maps.mapping import new_cell_currents

        design, risk, draws = answer.design, answer.risk, answer.draws
        assert design is not None  # noqa: S101 - every answer that was computed has one
        root = answer.seed
        currents = partial(new_cell_currents, design=design, draws=draws, seed=root)
        here = currents(self.result).ravel()
        places = chosen_draws(self.result, draws, root)
        chosen = self._log_weights[:, places]
        parameters, noise = drawn_parameters(self.result, design, draws, root)
        related = self._related(
            entering_draws(design, parameters, noise, Setting.of(self.result)), places
        )
        all_rows = weighted_quantile(here, np.ones(here.size), risk)
        found = []
        for place, row in enumerate(self.rows):
            refit, method = self._refits.get(place), row.method
            if refit is not None:
                cells = currents(_with_posterior(self.result, refit.posterior)).ravel()
                value, drawn = weighted_quantile(cells, np.ones(cells.size), risk)
            elif place in related:
                method = method if self._trusted(place) else "rough"
                weights = np.exp(chosen[place] - chosen[place].max())
                value, drawn = weighted_quantile(here, weights, risk)
            else:
                method, (value, drawn) = "unrelated", all_rows
            found.append(Without(row, method, value, drawn))
        return Deciding(answer.cell, answer.new_cell, risk, *all_rows, tuple(found))

    def _related(self, parameters: Mapping[str, Array], chosen: Array) -> set[int]:
        """Return the rows that the answer is related to.

        The likelihood of such a row rises with something that the answer depends on, or falls with
        its distance from the middle.
        """
        from inference.studies.comparison.units import density

        scores = [normal_scores(each) for each in parameters.values() if np.ptp(each) > 0.0]
        if not scores:  # the answer is no parameter's, such as 0 where the metal holds no charge
            return set()
        moments = np.array([each**power for each in scores for power in (1, 2)])
        found = set()
        for place, unit in enumerate(self.units):
            if place in self._refits:
                continue
            terms = density(self.result.log_likelihood, unit).values.ravel()[chosen]
            if np.abs(correlations_of(normal_scores(terms), moments)).max(initial=0.0) > RELATED:
                found.add(place)
        return found

    def told(self, answer: _Answer) -> tuple[tuple[str, ...], dict[str, Any]]:
        """Say which rows decide an answer, and which are nearly impossible.

        Parameters
        ----------
        answer : Answer
            Of this fit.

        Returns
        -------
        words : tuple of str
            Sentences; empty where there is no value.
        numbers : dict
            The same as plain data.
        """
        if answer.value is None or not self.units:
            return (), {}
        found = self.without_each(answer)
        words = (found.sentence(), found.unknown(), self.improbable_sentence())
        odd = [{"row": str(row), "p_value": row.p_value} for row in self.improbable()]
        numbers = {**found.to_dict(), "nearly_impossible": plain(odd)}
        return tuple(filter(None, words)), numbers

    def refit(self, answers: Iterable[Deciding]) -> bool:
        """Fit again without rows whose weights cannot be trusted, if an answer may hang on one.

        So is it where a row is improbable even to the fit that leans towards it. The refits are
        kept in the run folder.

        Parameters
        ----------
        answers : iterable of Deciding
            The answers.

        Returns
        -------
        bool
            Whether any row was due, so that the answers are to be had anew.
        """
        reach: dict[int, float] = {}
        for answer in answers:
            for place, each in enumerate(answer.rows):
                if answer.may_decide(each):
                    reach[place] = max(reach.get(place, 1.0), answer.factor(each.value))
        for place, row in enumerate(self.rows):
            if row.method == "not left out" and row.p_value < _SUSPECT:
                reach.setdefault(place, 1.0)
        due = sorted(reach, key=lambda place: -reach[place])
        if not due:
            return False
        from inference.engine.sampling import convergence, scalars
        from inference.jobs.reading import load_job
        from inference.runs.fitted_campaign import fitted_campaign
        from inference.runs.tree import split_draws
        from inference.studies.comparison.refits import RefitFailedError, Refits
        from inference.studies.comparison.units import Fitted
        from inference.words.run_files import RESOLVED

        self.__dict__.pop("rows", None)
        campaign = fitted_campaign(self.result)
        if campaign is None or self.result.folder is None:
            gone = (
                "no refit: the campaign that was fitted is not where the run says, or has changed"
            )
            self._failed |= dict.fromkeys(due, gone)
            return True
        many = f"no refit of all: more than {MOST_ROWS_REFITTED} rows are due"
        self._failed |= dict.fromkeys(due[MOST_ROWS_REFITTED:], many)
        try:
            fitted = Fitted.of(self.result, load_job(self.result.folder / RESOLVED), campaign)
        except InputError as error:
            self._failed |= dict.fromkeys(due, f"no refit: {error}")
            return True
        refits = Refits(fitted)
        for place in due[:MOST_ROWS_REFITTED]:
            unit = self.units[place]
            logger.info("fit again without %s", unit)
            try:
                free = refits.draws(unit)
                after = fitted.predictor.evaluate(free, fitted.sampler.seed, row_by_row=True)
                posterior, _ = split_draws(free, after["derived"])
                r_hat = float(convergence(scalars(posterior))["r_hat"].max())
                if not r_hat <= GATE_R_HAT:
                    raise RefitFailedError(f"the refit did not converge (R-hat {r_hat:.3f})")
            except RefitFailedError as error:
                self._failed[place] = str(error)
                continue
            equal = np.ones(free.sizes["chain"] * free.sizes["draw"])
            p_value = self._p_value(unit, after["predictive"], after["log_likelihood"], equal)
            self._refits[place] = FitWithout(posterior.astype(np.float32).astype(float), p_value)
        keep_fits(self.result, self.units, self._refits)
        return True

    def improbable(self) -> list[LeftOutRow]:
        """Return the rows that the rest of the data calls nearly impossible, the worst first."""
        limit = IMPROBABLE / max(1, len(self.rows))
        return sorted(
            (row for row in self.rows if row.p_value < limit), key=lambda row: row.p_value
        )

    def improbable_sentence(self) -> str:
        """Name the rows that the rest of the data calls nearly impossible; empty without any."""
        odd = self.improbable()
        if not odd:
            return ""
        names = listed_rows([f"{row}: p = {row.p_value:.1g}" for row in odd])
        which = "A row is" if len(odd) == 1 else "Rows are"
        return (
            f"{which} nearly impossible to the rest of the data: {names} (p: probability of an "
            f"observation as far out; in {len(self.rows)} rows chance alone gives one below "
            f"{IMPROBABLE / len(self.rows):.1g} once in {1 / IMPROBABLE:.0f} campaigns). Look for "
            "a slip of the pen, another batch, or a cell that failed otherwise."
        )


def _with_posterior(result: "Result", posterior: xr.Dataset) -> "Result":
    """Return a result with other draws of the parameters, and without predictions."""
    from inference.runs.result import Result

    tree = xr.DataTree.from_dict({"posterior": posterior})
    tree.attrs = dict(result.tree.attrs)
    return Result(tree, result.folder)


def _shared(labels: Sequence[str]) -> str:
    """Return what the labels of one row begin with: "PP" of "PP, lower" and "PP, upper"."""
    parts = zip(*(label.split(", ") for label in labels), strict=False)
    return ", ".join(each[0] for each in takewhile(lambda part: len(set(part)) == 1, parts))
