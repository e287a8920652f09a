"""Verdicts on the scatter of cells: whether cells scatter alike, and whether they are so many.

A scatter is judged with all rows that share it, over all observed variables.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.arrays import Array
from data.tables import tables
from inference.designs.basis import Basis
from inference.designs.mechanisms import MECHANISMS
from inference.engine.arviz_statistics import left_out_weights
from inference.engine.sampling import scalars
from inference.engine.standing import beyond, share_error
from inference.misfit.batches import (
    Alike,
    alike,
    batches_in_words,
    groupings,
    in_blocks,
    neighbours,
)
from inference.misfit.conditions import conditions_of, distinct
from inference.misfit.residuals import MOST_NUMBERS, columns_of_rows, on_natural_scale
from inference.misfit.spreads import Known, Uneven, cuts, known, uneven
from inference.misfit.symptoms import variables_of_scatters
from inference.misfit.trends import verdicts
from inference.misfit.verdicts import Finding, Verdict
from inference.rows.conditions import LEVELS, MARKS
from inference.thresholds import BATCH_FAIL, BATCH_WARN, SPREAD_FAIL, SPREAD_WARN
from inference.words.labels import first_of_many
from models.blocks import table_of
from models.cells import LAWS

__all__ = ["scatter_findings", "variables_of_cells"]

_FEW = 2  # rows, which do not tell a shift
_MOST_SHOWN = 4  # rows that a sentence names


def scatter_findings(result: Basis) -> list[Finding]:
    """Judge whether the cells of each threshold scatter alike, and are so many as their rows.

    Parameters
    ----------
    result : Basis
        A finished fit.

    Returns
    -------
    list of Finding
        For each scatter that a safe current depends on, one where something cuts its rows in two,
        whatever their conditions and names; after these, one where something groups its rows in
        batches. Ranges over cells are left out: each row is of several.
    """
    rows = {
        scatter: _together(result, each) for scatter, each in variables_of_cells(result).items()
    }
    return _spreads(result, rows) + _batches(result, rows)


@dataclass(frozen=True)
class _ScatterRows:
    """The rows that share one scatter, and what is known of their deviates."""

    variables: list[str]
    known: Known
    conditions: dict[str, Array]
    groups: dict[str, list[str]]
    of: NDArray[np.intp]  # which variable each row is of
    observed: Array  # on its natural scale

    def level(self, without: Sequence[str] = ()) -> NDArray[np.intp]:
        """Return which rows share all names that the law goes by."""
        shared = [self.groups[key] for key in LEVELS if key in self.groups and key not in without]
        levels = ["\n".join(names) for names in zip(*shared, strict=True)] or [""] * self.of.size
        return np.unique(levels, return_inverse=True)[1]

    def without(self, row: int) -> "_ScatterRows":
        """Return all rows but one."""
        kept = np.arange(self.of.size) != row
        known = Known(self.known.z[kept], self.known.edges[kept], self.known.exact[kept])
        return _ScatterRows(
            self.variables,
            known,
            {name: values[kept] for name, values in self.conditions.items()},
            {key: [*np.array(names, dtype=object)[kept]] for key, names in self.groups.items()},
            self.of[kept],
            self.observed[kept],
        )


def variables_of_cells(result: Basis) -> dict[str, list[str]]:
    """Return the observed variables of each such scatter, without ranges over cells."""
    due = {
        name
        for mechanisms in MECHANISMS.values()
        for each in mechanisms
        for name in (each.scatters[0], *each.also)
        if name in result.posterior
    }
    variables = [str(name) for name in result.log_likelihood.data_vars]
    every = {
        scatter: [name for name in members if not name.endswith("_range")]
        for scatter, members in variables_of_scatters(variables, due).items()
    }
    return {scatter: single for scatter, single in every.items() if single}


def _spreads(result: Basis, every: Mapping[str, _ScatterRows]) -> list[Finding]:
    found = []
    for scatter, cells in every.items():
        odd = _uneven(cells)
        if odd is not None:
            found.append((scatter, odd, cells))
    return [_spread(result, *each, chances=len(found)) for each in found]


def _uneven(cells: _ScatterRows) -> Uneven | None:
    """Return what cuts the rows of a scatter in two that scatter most differently."""
    names = ("table", *LEVELS)
    groups = {key: each for key, each in cells.groups.items() if key in names}
    level = cells.level()
    of = cells.of if cells.known.exact.any() else None  # a ladder is in order of its currents
    return uneven(cells.known, cuts(cells.conditions, groups, level, of), level)


def _alone(odd: Uneven, cells: _ScatterRows, chances: int) -> tuple[int, float] | None:
    """Return the row without which cells scatter alike, and how likely so uneven ones then are.

    None where the row that lies farthest out, of those that scatter more, does not make it alone,
    or lies no farther than the others of them let expect: the widest of many is no mistake.
    """
    from scipy.stats import t as student

    part = np.asarray(odd.cut.parts[int(odd.factors[1] > odd.factors[0])])
    away = np.where(part, np.minimum(np.abs(cells.known.z), 1e3), 0.0)
    far, more = int(away.argmax()), int(part.sum()) - 1
    if more < 1:
        return None
    usual = float(np.linalg.norm(np.delete(away, far)) / np.sqrt(more))
    if 2.0 * (more + 1) * student.sf(away[far] / max(usual, 1e-9), more) > SPREAD_WARN:
        return None
    others = _uneven(cells.without(far))
    p_value = 1.0 if others is None else min(1.0, chances * others.p_value)
    return None if p_value < SPREAD_WARN else (far, p_value)


def _batches(result: Basis, every: Mapping[str, _ScatterRows]) -> list[Finding]:
    found = []
    for scatter, cells in every.items():
        offsets = f"{scatter.removesuffix('_scatter')}_lab_offset" in result.posterior
        free = (*MARKS,) if offsets else (*MARKS, "lab")
        names = {key: cells.groups[key] for key in free if key in cells.groups}
        level = cells.level(() if offsets else ("lab",))
        rows = cells.known
        verdict = ~rows.exact.any(axis=1) & (np.isfinite(rows.edges).sum(axis=1) <= 1)
        pairs = neighbours(rows.z, cells.observed, cells.conditions, cells.of, verdict)
        if (together := alike(rows, groupings(names, level), pairs, level)) is not None:
            found.append((scatter, together, cells))
    return [_batch(result, *each, chances=len(found)) for each in found]


def _together(result: Basis, variables: list[str]) -> _ScatterRows:
    """Return the rows of some observed variables that share one scatter."""
    rows: list[Known] = []
    values: list[Array] = []
    conditions: dict[str, Array] = {}
    groups: dict[str, list[str]] = {}
    sizes = [result.observed_data[name].size for name in variables]
    total = sum(sizes)
    start = 0
    for name, size in zip(variables, sizes, strict=True):
        here, start = slice(start, start + size), start + size
        columns = columns_of_rows(result, name)
        predicted = result.posterior_predictive[name]
        draws = np.asarray(predicted.values, dtype=float).reshape(-1, size)
        observed = np.asarray(result.observed_data[name].values, dtype=float)
        on_scale = on_natural_scale(observed, draws, str(predicted.attrs.get("units", "1")))
        kept = predicted["draw"].values
        likelihood = {"log_likelihood": result.log_likelihood.sel(draw=kept)}
        weights = left_out_weights(name, scalars(result.posterior.sel(draw=kept)), likelihood)
        few = slice(None, None, max(1, draws.size // MOST_NUMBERS))
        weights = weights[few] / weights[few].sum(axis=0)
        halfwidth = columns.get("halfwidth", np.zeros(size))
        rows.append(known(on_scale[0], on_scale[1][few], weights, halfwidth))
        values.append(on_scale[0])
        own = distinct(
            conditions_of(result, name, columns),
            without="log_current" if verdicts(observed, draws) else "",  # what a verdict is of
        )
        for key, each in own.items():
            conditions.setdefault(key, np.full(total, np.nan))[here] = each
        names = {**result.groups.get(name, {}), "table": [table_of(name)] * size}
        for key, labels in names.items():
            groups.setdefault(key, [""] * total)[here] = labels
    of = np.repeat(np.arange(len(sizes)), sizes)
    return _ScatterRows(variables, Known.of(rows), conditions, groups, of, np.concatenate(values))


def _batch(result: Basis, scatter: str, found: Alike, cells: _ScatterRows, chances: int) -> Finding:
    """Say of the cells of one scatter whether they are so many."""
    p_value = min(1.0, chances * found.p_value)
    error = chances * share_error(found.p_value, found.tables)
    middle = float(result.posterior[scatter].median())
    numbers = {
        "p_value": p_value,
        "scatter": middle,
        "between": found.between * middle,
        "within": found.within * middle,
        "correlation": found.together,
        "worth": found.worth(cells.of.size),
        "groups": {name: at.size for name, at in found.groups.items()},
    }
    verdict: Verdict = (
        "fail"
        if beyond(BATCH_FAIL, p_value, error)
        else "warn"
        if beyond(BATCH_WARN, p_value, error)
        else "ok"
    )
    key = f"batches {scatter}"
    if verdict == "ok":
        sentence = (
            f"{scatter}: rows of like names, sources or notes, and neighbours, lie together no "
            "more than others, and go with their place in the table no more than by chance (least "
            f"p = {p_value:.2f})."
        )
        return Finding.of(key, verdict, sentence, **numbers)
    groups = [*found.groups.values()]
    also = [
        name
        for name, values in cells.conditions.items()
        if groups
        and all(np.ptp(values[at]) == 0.0 for at in groups)
        and np.unique([values[at[0]] for at in groups]).size == len(groups)
    ]
    if not groups:
        also = [name for name, values in cells.conditions.items() if in_blocks(values, cells.of)]
    text = batches_in_words(found, scatter, middle, p_value, cells.of.size, also)
    return Finding.of(
        key, verdict, f"{text}. {_batch_remedy(result, scatter, found, cells)}.", **numbers
    )


def _batch_remedy(result: Basis, scatter: str, found: Alike, cells: _ScatterRows) -> str:
    """Say what to do of rows that lie together."""
    names = sorted({table_of(name) for name in cells.variables})
    without = [name for name in names if all(each.name != "lab" for each in tables()[name].columns)]
    block = scatter.removesuffix("_scatter")
    if without:
        return (
            f"{' and '.join(f'{name}.csv' for name in without)} has no column that names a batch: "
            "fit each batch as a campaign of its own, and take the lowest of their safe currents"
        )
    if found.by == "lab":
        return f'Leave labs = "pooled" out of [model.options.{block}]'
    into = " and ".join(f"{name}.csv" for name in names)
    if f"{block}_lab_offset" in result.posterior:
        return f"Write laboratory and batch of every row, as one name, in the column lab of {into}"
    return f"Name the batch of every row in the column lab of {into}"


def _spread(result: Basis, scatter: str, odd: Uneven, cells: _ScatterRows, chances: int) -> Finding:
    """Say of one scatter whether it is one."""
    middle = float(result.posterior[scatter].median())
    p_value = min(1.0, chances * odd.p_value)
    error = chances * share_error(odd.p_value, odd.tables)
    of_parts = [factor * middle for factor in odd.factors]
    wide, narrow = sorted((0, 1), key=lambda at: -of_parts[at])
    numbers = {
        "p_value": p_value,
        "scatter": middle,
        "parts": {odd.cut.names[at]: of_parts[at] for at in (wide, narrow)},
    }
    verdict: Verdict = (
        "fail"
        if beyond(SPREAD_FAIL, p_value, error)
        else "warn"
        if beyond(SPREAD_WARN, p_value, error)
        else "ok"
    )
    counts = odd.cut.parts.sum(axis=1)
    if verdict == "ok":
        sentence = (
            f"{scatter}: cells scatter alike, whatever their conditions and names (least p = "
            f"{p_value:.2f})."
        )
        return Finding.of(f"spread {scatter}", verdict, sentence, **numbers)
    every = [
        str(label)
        for name in cells.variables
        for label in result.observed_data[f"{name}_row"].values
    ]
    labels = [every[at] for at in np.flatnonzero(odd.cut.parts[wide])]
    shown = first_of_many(labels, _MOST_SHOWN)
    which, others = (f"{counts[at]} rows of {odd.cut.names[at]}" for at in (wide, narrow))
    fitted = f"{scatter}, which the fit takes for that of all, is {middle:.2g}"
    shift = middle * _shift(cells.known, odd.cut.parts[wide])
    if shift:
        low = shift < 0.0
        sentence = (
            f"the {which} ({shown}) lie about {100 * abs(np.expm1(shift)):.0f} % "
            f"{'below' if low else 'above'} what the {others} let expect, and {fitted} (p = "
            f"{p_value:.1g}): a shift, taken for scatter. A safe current from this fit is too "
            f"{'high' if low else 'low'} for cells of {odd.cut.names[wide]}. Fit these as a "
            "campaign of their own"
        )
    else:
        sentence = (
            f"the {which} ({shown}) scatter by about {of_parts[wide]:.2g} in the logarithm, the "
            f"{others.replace(' rows', '', 1)} by {of_parts[narrow]:.2g}, and {fitted} (p = "
            f"{p_value:.1g}). A safe current from this fit is too high for cells of "
            f"{odd.cut.names[wide]}, and lower than need be for those of {odd.cut.names[narrow]}. "
            "Fit either as a campaign of its own"
        )
    block = scatter.removesuffix("_scatter")
    if not shift and not any(
        law.parameter and law.parameter_of(block) in result.posterior for law in LAWS.values()
    ):
        sentence += (
            '; where a new cell may be of either, cells = "contaminated" or "student_t" under '
            f"[model.options.{block}] counts some of that in"
        )
    if lone := _alone(odd, cells, chances):
        at, p_without = lone
        name = cells.variables[cells.of[at]]
        place = at - int(np.flatnonzero(cells.of == cells.of[at])[0])
        row = f"{every[at].partition(' (line ')[0]} ({table_of(name)}.csv"
        row += f", line {result.lines[name][place]})" if name in result.lines else ")"
        numbers |= {"alone": row, "p_value_without": p_without}
        sentence = (
            f"{row} makes it alone: without it cells scatter alike (p = {p_without:.2f}). Look at "
            f"that row first: a time or a current misread or mistyped looks like this. With it "
            f"{sentence}"
        )
    return Finding.of(f"spread {scatter}", verdict, f"{sentence}.", **numbers)


def _shift(rows: Known, part: NDArray[np.bool_]) -> float:
    """Return by how many standard deviations rows lie off together; 0 where they rather scatter.

    More than half of their mean square is then the square of their mean.
    """
    known = rows.exact[np.arange(rows.z.size), rows.places]
    z = rows.z[part & known]
    mean = float(z.mean()) if z.size else 0.0
    return mean if 2.0 * z.size * mean**2 > float(z @ z) and z.size > _FEW else 0.0
