r"""Spreads: cells of one kind that scatter more than those of another, taken for alike by the fit.

One scatter is fitted to all cells of a threshold. Where cells scatter little at short steps and
much at long ones, or behind one separator and not behind another, it lies between, and medians,
ends and trends of the residuals are as predicted: what tells is how large residuals are, group by
group.

Each row is compared with the fit to the others, by importance weights, so that a group of few rows
is not judged by what it told itself. The share of these predictions that lie below a value gives a
normal deviate z; of a verdict, a limit or a wide bracket only an interval of it is known. Under a
factor :math:`\kappa` on the scatter a deviate is normal with that standard deviation, and a row has
the density or the probability of its interval. Rows are cut in two by every condition and name that
they have, and the statistic is the largest over the cuts of

.. math::

   \max_{\kappa_1} [\ell_1 + \log\pi] + \max_{\kappa_2} [\ell_2 + \log\pi]
   - \max_\kappa [\ell_1 + \ell_2 + \log\pi],

:math:`\ell` being the log-likelihood of the rows of either part and :math:`\log\kappa` normal with
a standard deviation of 0.4, which costs less power than it saves in ladders of verdicts. It is
compared with its distribution where all deviates are standard normal, known as these are: many cuts
are one chance to be surprised, and nothing rests on large numbers.

The deviates of m rows about a level of their own go against each other, by :math:`-1/(m-1)` where
nothing else tells that level; so do the simulated ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtri

from data.arrays import Array
from inference.misfit.conditions import value_in_words
from inference.misfit.trends import MOST_LEVELS
from inference.rows.conditions import levels
from models.observations import TOLERANCE

__all__ = ["Cut", "Known", "Uneven", "cuts", "known", "uneven"]

Mask = NDArray[np.bool_]

_FACTORS: Final = np.geomspace(0.1, 5.0, 25)
_LOG_FACTORS: Final = np.log(_FACTORS)
_USUAL: Final = 0.4  # standard deviation of the logarithm of a factor, of the test
_TOLD: Final = 1.0  # the same, of the factors that are told
_FARTHEST: Final = 3.0  # deviates further out count as this far: one row makes no group
_COARSE: Final = 0.5  # width of a bracket, in standard deviations, from which it is an interval
_LEAST_FREEDOM: Final = 3.0  # degrees of freedom of a part
_OF_A_FEW: Final = 0.5  # the same, of one row or two about a level of their own
_TABLES: Final = (2_000, 20_000)  # simulated tables, and where those make it worth while
_WORTH: Final = 0.05
_AT_ONCE: Final = 4_000_000  # numbers held at once
_IMPOSSIBLE: Final = -700.0  # log-probability, also of a place between two equal edges
_LATE: Final = "the second half of the table"
_SEED: Final = 20261130  # the same words for the same fit, whoever asks


@dataclass(frozen=True)
class Known:
    """What is known of the deviates of some rows.

    Parameters
    ----------
    z : ndarray, shape (rows,)
        Normal deviate; somewhere within its interval where that is all that is known.
    edges : ndarray, shape (rows, edges)
        Ends, in ascending order, of the intervals that a deviate of such a row could have been
        seen in; infinite beyond the last.
    exact : ndarray of bool, shape (rows, edges + 1)
        Between which of them it would be known exactly.
    """

    z: Array
    edges: Array
    exact: Mask

    @property
    def places(self) -> NDArray[np.intp]:
        """Between which edges the deviates lie."""
        return np.asarray((self.z[:, None] > self.edges).sum(axis=1))

    @classmethod
    def of(cls, parts: Sequence["Known"]) -> "Known":
        """Return the rows of all parts, one after the other."""
        most = max(part.edges.shape[1] for part in parts)

        def wide(values: NDArray[np.generic], fill: float | bool) -> NDArray[np.generic]:
            more = most - values.shape[1] + (1 if values.dtype == bool else 0)
            return np.pad(values, ((0, 0), (0, more)), constant_values=fill)

        return cls(
            np.concatenate([part.z for part in parts]),
            np.concatenate([wide(part.edges, np.inf) for part in parts]).astype(float),
            np.concatenate([wide(part.exact, False) for part in parts]).astype(bool),
        )


@dataclass(frozen=True)
class Cut:
    """Rows in two parts.

    Parameters
    ----------
    names : list of str
        What each part is called by what cuts them, such as ``rows of separator A``.
    parts : ndarray of bool, shape (2, rows)
        The parts; a row may be of neither.
    """

    names: tuple[str, str]
    parts: Mask


@dataclass(frozen=True)
class Uneven:
    """The cut whose parts differ most in their scatter.

    Parameters
    ----------
    cut : Cut
        The cut.
    factors : tuple of float
        Scatter of either part over that of the fit.
    p_value : float
        Probability that the largest difference, over all cuts, is as large where there is none.
    tables : int
        Simulated ones that the probability is from.
    """

    cut: Cut
    factors: tuple[float, float]
    p_value: float
    tables: int


def known(observed: Array, predicted: Array, weights: Array, halfwidth: Array) -> Known:
    """Return what is known of the deviate of each row among the predictions of the others.

    Parameters
    ----------
    observed : ndarray, shape (rows,)
        Observed values on their natural scale, centres of intervals, or verdicts, 0 and 1.
    predicted : ndarray, shape (draws, rows)
        Predicted ones.
    weights : ndarray, shape (draws, rows)
        Of the draws, so that they are those of a fit without the row; of sum 1.
    halfwidth : ndarray, shape (rows,)
        Half the width of an interval, on that scale; 0 of a value.

    Returns
    -------
    Known
        Where predictions share a limit or a verdict, what lies there is an interval.
    """
    finest = 0.5 / len(predicted)

    def normal(share: Array) -> Array:
        return np.asarray(ndtri(np.clip(share, finest, 1.0 - finest)))

    lowest, highest = predicted.min(axis=0), predicted.max(axis=0)
    at_bottom, at_top = (np.abs(predicted - end) <= TOLERANCE for end in (lowest, highest))
    bottom = normal((weights * at_bottom).sum(axis=0))
    top = normal((weights * ~at_top).sum(axis=0))
    bottom = np.where(at_bottom.sum(axis=0) > 1, bottom, -np.inf)  # else no limit, but the lowest
    top = np.where(at_top.sum(axis=0) > 1, top, np.inf)
    one = highest - lowest <= TOLERANCE  # nothing tells
    same = np.abs(predicted - observed) <= TOLERANCE
    below = (weights * ((predicted < observed) & ~same)).sum(axis=0)
    z = normal(below + 0.5 * (weights * same).sum(axis=0))
    verdict = (at_bottom | at_top).all(axis=0)
    edges = np.stack([np.where(one, np.inf, bottom), np.where(verdict, np.inf, top)], axis=1)
    exact = np.outer(~verdict, [False, True, False])
    z = np.where(observed <= lowest + TOLERANCE, np.fmin(z, bottom - TOLERANCE), z)
    z = np.where(observed >= highest - TOLERANCE, np.fmax(z, top + TOLERANCE), z)
    return _with_brackets(Known(z, edges, exact), predicted, weights, observed, halfwidth)


def _with_brackets(
    rows: Known, predicted: Array, weights: Array, observed: Array, halfwidth: Array
) -> Known:
    """Return rows of which those in wide brackets are known no better than these.

    Centres of brackets are predicted anywhere within one that holds the value. What that adds is
    taken off their middle two thirds, down to a tenth of a bracket.
    """
    wide = np.flatnonzero((halfwidth > 0.0) & rows.exact.any(axis=1))
    if not wide.size:
        return rows
    order = np.argsort(predicted[:, wide], axis=0)
    values = np.take_along_axis(predicted[:, wide], order, axis=0)
    share = np.take_along_axis(weights[:, wide], order, axis=0).cumsum(axis=0)
    low, middle, high = (
        values[(share < part).sum(axis=0).clip(max=len(values) - 1), np.arange(wide.size)]
        for part in (0.1587, 0.5, 0.8413)
    )
    half = halfwidth[wide]
    sd = np.sqrt(np.maximum((0.5 * (high - low)) ** 2 - half**2 / 3.0, (0.1 * half) ** 2))
    step = 2.0 * half / sd
    grids: dict[int, Array] = {}
    for at, centre, width in zip(wide.tolist(), (observed[wide] - middle) / sd, step, strict=True):
        inside = (observed[at] > predicted[:, at].min()) & (observed[at] < predicted[:, at].max())
        if width < _COARSE or not inside:
            continue
        count = int(np.ceil((6.0 + abs(centre)) / width)) + 1
        grids[at] = centre + width * (np.arange(-count, count) + 0.5)
        rows.z[at] = centre
    if not grids:
        return rows
    most = max(2, *(each.size for each in grids.values()))
    edges = np.full((rows.z.size, most), np.inf)
    edges[:, :2] = rows.edges
    exact = np.zeros((rows.z.size, most + 1), dtype=bool)
    exact[:, :3] = rows.exact
    for at, grid in grids.items():
        edges[at], exact[at] = np.inf, False
        edges[at, : grid.size] = grid
    return Known(rows.z, edges, exact)


def cuts(
    conditions: Mapping[str, Array],
    groups: Mapping[str, Sequence[str]],
    own: NDArray[np.intp],
    of: NDArray[np.intp] | None = None,
) -> list[Cut]:
    """Cut rows in two by every condition and name, and each table at its middle.

    Parameters
    ----------
    conditions : mapping of str to ndarray of shape (rows,)
        NaN where a row has none.
    groups : mapping of str to sequence of str, of length rows
        Names, such as those of separators; empty where a row has none.
    own : ndarray of int, shape (rows,)
        Which rows share a level.
    of : ndarray of int, shape (rows,), optional
        Which rows are of one observed variable, in the order of their table.

    Returns
    -------
    list of Cut
        What makes one cut is named together. A part whose rows tell less than three degrees of
        freedom of a scatter is none.
    """
    named: list[tuple[tuple[str, str], str, Mask, Mask]] = []
    for kind, labels in groups.items():
        values = np.asarray(labels)
        present = np.unique(values[values != ""])
        for name in present:
            others = [str(each) for each in present if each != name]
            rest = f"{kind} {others[0]}" if len(others) == 1 else f"every other {kind}"
            words = (f"{kind} {name}", rest)
            named.append((words, kind, values == name, (values != name) & (values != "")))
    for name, of_rows in conditions.items():
        level = levels(name, of_rows)
        if (top := int(level.max())) < 1:
            continue
        bounds = np.arange(top)
        if top >= MOST_LEVELS:
            shares = np.arange(1, MOST_LEVELS) / MOST_LEVELS
            bounds = np.unique(np.quantile(level[level >= 0], shares, method="inverted_cdf"))
        else:
            for one in range(1, top):
                here = value_in_words(name, float(np.median(of_rows[level == one])))
                words = (here or f"one {name} between the others", f"every other {name}")
                named.append((words, name, level == one, (level >= 0) & (level != one)))
        for bound in bounds:
            low, high = (level >= 0) & (level <= bound), level > bound
            if not high.any():
                continue
            ends = (float(of_rows[low].max()), float(of_rows[high].min()))
            upto, beyond = (value_in_words(name, each) for each in ends)
            words = (f"{upto} or less", f"{beyond} or more")
            named.append((words if upto else (f"small {name}", f"large {name}"), name, low, high))
    if of is not None:
        place = np.arange(of.size)
        early = place < np.array([np.median(place[of == each]) for each in of])
        named.append((("the first half of the table", _LATE), "place in the table", early, ~early))
    found: dict[bytes, tuple[Cut, list[str]]] = {}
    for words, kind, first, second in named:
        if min(_freedom(part, own) for part in (first, second)) < _LEAST_FREEDOM:
            continue
        parts = np.stack([first, second])
        keys = parts.tobytes(), parts[::-1].tobytes()
        if known_one := found.get(keys[0]) or found.get(keys[1]):
            if kind not in known_one[1]:
                known_one[1].append(kind)
        else:
            found[keys[0]] = Cut(words, parts), [kind]
    return [
        replace(
            each,
            names=(f"{each.names[0]} (or {', '.join(also)}, which goes with it)", each.names[1]),
        )
        if also
        else each
        for each, (_, *also) in found.values()
    ]


def _freedom(part: Mask, own: NDArray[np.intp]) -> float:
    """Return the degrees of freedom that rows tell a scatter by, about levels of their own."""
    counts = np.unique(own[part], return_counts=True)[1]
    return float(np.where(counts > 2, counts - 1.0, _OF_A_FEW).sum())


def uneven(rows: Known, options: Sequence[Cut], own: NDArray[np.intp]) -> Uneven | None:
    """Find the cut whose parts differ most in scatter, and how often chance alone differs so.

    Parameters
    ----------
    rows : Known
        Of all rows.
    options : sequence of Cut
        From `cuts`.
    own : ndarray of int, shape (rows,)
        Which rows share a level.

    Returns
    -------
    Uneven or None
        None where nothing cuts the rows.
    """
    if not options:
        return None
    parts = np.stack([each.parts for each in options]).astype(float)
    table = _log_probabilities(rows.edges)
    places = rows.places
    interval = ~rows.exact.any(axis=1) | np.isfinite(rows.edges).any(axis=1)
    verdict = ~rows.exact.any(axis=1) & (np.isfinite(rows.edges).sum(axis=1) <= 1)
    of_verdicts = np.flatnonzero(verdict)
    of_others = np.flatnonzero(interval & ~verdict)
    below, above = (parts[..., verdict, None] * table[verdict, place] for place in (0, 1))
    step = np.moveaxis(above - below, 2, 0)  # what a verdict adds where its cell is the stronger

    def of_parts(z: Array, at: NDArray[np.intp]) -> Array:
        """Return log-likelihoods (tables, cuts, parts, factors) of deviates (tables, rows)."""
        z = np.clip(z, -_FARTHEST, _FARTHEST)
        free = parts[..., ~interval]
        squares = np.einsum("tn,cpn->tcp", z[:, ~interval] ** 2, free, optimize=True)
        found = -0.5 * squares[..., None] / _FACTORS**2
        found = found - free.sum(axis=-1)[..., None] * _LOG_FACTORS
        if of_verdicts.size:
            chosen = np.tensordot((at[:, of_verdicts] > 0).astype(float), step, axes=1)
            found = found + below.sum(axis=2) + chosen
        if of_others.size:
            terms = table[of_others, at[:, of_others]]
            exact = rows.exact[of_others, at[:, of_others]][..., None]
            densities = -0.5 * (z[:, of_others, None] / _FACTORS) ** 2 - _LOG_FACTORS
            terms = np.where(exact, densities, terms)
            found = found + np.einsum("tnk,cpn->tcpk", terms, parts[..., of_others], optimize=True)
        return np.asarray(found)

    def statistic(found: Array) -> Array:
        penalty = 0.5 * (_LOG_FACTORS / _USUAL) ** 2
        apart = (found - penalty).max(axis=-1).sum(axis=-1)
        return np.asarray(apart - (found.sum(axis=-2) - penalty).max(axis=-1))

    of_data = of_parts(rows.z[None], places[None])
    best = int(statistic(of_data)[0].argmax())
    largest = float(statistic(of_data)[0, best])
    rng = np.random.default_rng(_SEED)
    each = _FACTORS.size * (of_others.size + 2 * len(options)) + own.size
    at_once = max(1, _AT_ONCE // each)
    beyond, done = 0, 0
    for wanted in _TABLES:
        while done < wanted:
            count = min(at_once, wanted - done)
            z = _alike(rng, count, own, interval)
            at = np.zeros(z.shape, dtype=np.intp)
            at[:, interval] = (z[:, interval, None] > rows.edges[interval]).sum(axis=-1)
            beyond += int((statistic(of_parts(z, at)).max(axis=1) >= largest).sum())
            done += count
        if beyond > _WORTH * done:
            break
    told = of_data[0, best] - 0.5 * (_LOG_FACTORS / _TOLD) ** 2
    first, second = (float(_FACTORS[each]) for each in told.argmax(axis=-1))
    return Uneven(options[best], (first, second), (beyond + 0.5) / (done + 1.0), done)


def _log_probabilities(edges: Array) -> Array:
    """Return the log-probability between edges under each factor, shape (rows, places, factors)."""
    ends = np.pad(edges, ((0, 0), (1, 1)), constant_values=((0, 0), (-np.inf, np.inf)))
    ends = ends[..., None] / _FACTORS
    lower, upper = ends[:, :-1], ends[:, 1:]
    flip = lower > 0.0  # to the tail where nothing cancels
    a = log_ndtr(np.where(flip, -lower, upper))
    b = log_ndtr(np.where(flip, -upper, lower))
    with np.errstate(divide="ignore", invalid="ignore"):
        found = a + np.log(-np.expm1(np.minimum(b - a, 0.0)))
    return np.asarray(np.fmax(found, _IMPOSSIBLE))


def _alike(rng: np.random.Generator, count: int, own: NDArray[np.intp], interval: Mask) -> Array:
    """Draw standard normal deviates (tables, rows) that go against each other about a level."""
    z = rng.standard_normal((count, own.size))
    for level in np.unique(own[~interval]):
        rows = np.flatnonzero((own == level) & ~interval)
        if rows.size > 1:
            about = z[:, rows] - z[:, rows].mean(axis=1, keepdims=True)
            z[:, rows] = about * np.sqrt(rows.size / (rows.size - 1.0))
    return z
