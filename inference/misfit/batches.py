r"""Batches: cells that resemble each other more than others, counted by the fit as so many cells.

Six cells of each of four batches tell of four batches, not of 24 cells: where no column names the
batch, the scatter of new batches is known worse than the fit says, and its safe currents are too
high. Medians, ends and the spread of all residuals are as predicted; what tells is that residuals
of one batch lie together.

The deviates are those of `inference.misfit.spreads`: of each row among the predictions of a fit to
the others. A row has its deviate, or the mean of a standard normal one within the interval that is
known of it; the mean over what the fit gives a level of its own is taken off. Of rows grouped by
what they have in common (the beginning or the end of cells' names, a source, a note) the statistic
is the share of the squares that lies between groups, of the file's order it is the correlation of
neighbours, whatever their conditions, which the deviates are without, and the correlation with
the place. Where rows are in the order of their values, that order tells nothing; where it is that
of a condition, a law that fails along it looks like batches, and the sentence says so. Each is
compared with standard normal deviates, known as these are, and the least of their probabilities
with its own distribution: many groupings are one chance to be surprised.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, ndtr

from data.arrays import Array
from inference.misfit.spreads import Known

__all__ = [
    "DRIFT",
    "ORDER",
    "Alike",
    "alike",
    "batches_in_words",
    "groupings",
    "in_blocks",
    "neighbours",
]

Places = NDArray[np.intp]

ORDER: Final = "order"
"""What rows have in common that follow each other."""

DRIFT: Final = "drift"
"""What they have in common that rise or fall along their table."""

_FARTHEST: Final = 3.0  # deviates further out count as this far: one row makes no batch
_TABLES: Final = (2_000, 20_000)  # simulated tables, and where those make it worth while
_WORTH: Final = 0.05
_AT_ONCE: Final = 2_000_000  # numbers held at once
_SEED: Final = 20261130  # the same words for the same fit, whoever asks
_LIKE: Final = 0.05  # relative difference of conditions that are like
_SORTED: Final = 0.45  # share of turns, two thirds by chance, up to which rows are in order
_LEAST: Final = 1e-300  # probability
_BETWEEN: Final = np.append(0.0, np.geomspace(0.1, 3.0, 24))
_WITHIN: Final = np.geomspace(0.1, 2.0, 24)
_EFFECTS: Final = np.linspace(-4.0, 4.0, 161)
_MOST_SHOWN: Final = 4  # groups that a sentence names


@dataclass(frozen=True)
class Alike:
    """What rows have in common that lie together.

    Parameters
    ----------
    by : str
        ``cell``, ``source``, ``note``, ``lab``, ``order`` or ``drift``.
    groups : dict of str to ndarray of int
        The rows of each group by its name; of the order none.
    between, within : float
        Standard deviations, over that of the fit; of the order by how much rows rise from its
        beginning to its end, and NaN.
    together : float
        Correlation of the rows of a group, or of neighbours.
    p_value : float
        Probability that rows which depend on nothing lie together as much, in any grouping.
    tables : int
        Simulated ones that the probability is from.
    """

    by: str
    groups: dict[str, Places]
    between: float
    within: float
    together: float
    p_value: float
    tables: int

    def worth(self, rows: int) -> float:
        """Return how many cells so many rows tell of a level as well as.

        Parameters
        ----------
        rows : int
            Their number.

        Returns
        -------
        float
            By the variance of a mean: of groups of the mean size, or of neighbours whose
            correlation falls off with their distance as that of an autoregression does.
        """
        if self.by in {ORDER, DRIFT}:
            return rows * (1.0 - self.together) / (1.0 + self.together)
        each = float(np.mean([at.size for at in self.groups.values()]))
        return rows / (1.0 + (each - 1.0) * self.together)


def groupings(names: Mapping[str, Sequence[str]], level: Places) -> list[tuple[str, list[str]]]:
    """Group rows by what they have in common.

    Parameters
    ----------
    names : mapping of str to sequence of str, of length rows
        ``cell`` is taken apart: ``b1c2`` is of ``b1c…`` and ``b1…``, and of ``…c2``. Empty where a
        row has none.
    level : ndarray of int, shape (rows,)
        Which rows the fit gives a level of their own.

    Returns
    -------
    list of tuple of str and list of str
        What it is by, and the group of each row, empty where it is of none. At least two groups of
        two rows or more, in one level; what groups the rows alike is there once.
    """
    every: list[tuple[str, list[str]]] = []
    for by, labels in names.items():
        every.append((by, list(labels)))
        if by != "cell":
            continue
        parts = [re.findall(r"\d+|[^\W\d_]+|[\W_]+", each) for each in labels]
        for count in range(1, max(map(len, parts), default=0)):
            begins = ["".join(each[:-count]) for each in parts]
            every.insert(0, (by, [f"{each}…" if each else "" for each in begins]))
        for count in range(1, max(map(len, parts), default=0)):
            ends = ["".join(each[count:]) for each in parts]
            every.append((by, [f"…{each}" if each else "" for each in ends]))
    found: dict[bytes, tuple[str, list[str]]] = {}
    for by, labels in reversed(every):
        member = np.unique(labels, return_inverse=True)[1]
        counts = np.bincount(member)[member]
        has = np.asarray([bool(each) for each in labels])
        split = any(
            np.unique(member[(level == one) & has & (counts > 1)]).size > 1
            for one in np.unique(level)
        )
        if split:
            first = np.unique(member, return_index=True)[1]
            found[np.where(has, first[member], -1).tobytes()] = by, labels
    return list(found.values())[::-1]


def neighbours(
    z: Array,
    observed: Array,
    conditions: Mapping[str, Array],
    of: Places,
    verdict: NDArray[np.bool_],
) -> Places:
    """Return the rows that follow each other.

    Parameters
    ----------
    z : ndarray, shape (rows,)
        Deviates, in the order of their files.
    observed : ndarray, shape (rows,)
        What they are of.
    conditions : mapping of str to ndarray of shape (rows,)
        NaN where a row has none.
    of : ndarray of int, shape (rows,)
        Which rows are of one observed variable.
    verdict : ndarray of bool, shape (rows,)
        Rows of which no value is known.

    Returns
    -------
    ndarray of int, shape (pairs, 2)
        None where the file is in the order of what was observed, in all or at like conditions.
    """
    first = np.arange(z.size - 1)
    next_to = (of[1:] == of[:-1]) & ~verdict[1:] & ~verdict[:-1]
    like = next_to.copy()
    for values in conditions.values():
        like &= np.isclose(values[1:], values[:-1], rtol=_LIKE, atol=0.0, equal_nan=True)
    pairs = np.stack([first[next_to], first[next_to] + 1], axis=1)
    alone = np.stack([first[like], first[like] + 1], axis=1)
    return pairs[:0] if _in_order(observed, pairs) or _in_order(z, alone) else pairs


def in_blocks(values: Array, of: Places) -> bool:
    """Say whether a table is in the order of a condition.

    Parameters
    ----------
    values : ndarray, shape (rows,)
        Of the condition.
    of : ndarray of int, shape (rows,)
        Which rows are of one observed variable.

    Returns
    -------
    bool
        Where it rises or falls along rows that follow each other, or changes between them half as
        often as by chance.
    """
    first = np.flatnonzero(of[1:] == of[:-1])
    shares = np.unique(values, return_counts=True)[1] / values.size
    changes = float((values[first + 1] != values[first]).mean()) if first.size else 0.0
    few = shares.size > 1 and changes <= _SORTED * (1.0 - float(shares @ shares))
    return few or _in_order(values, np.stack([first, first + 1], axis=1))


def _in_order(values: Array, pairs: Places) -> bool:
    """Say whether values turn round along neighbours more seldom than by chance."""
    turns, chances = 0, 0
    for run in np.split(np.arange(len(pairs)), np.flatnonzero(np.diff(pairs[:, 0]) > 1) + 1):
        steps = np.sign(values[pairs[run, 1]] - values[pairs[run, 0]])
        steps = steps[steps != 0.0]
        turns += int((steps[1:] != steps[:-1]).sum())
        chances += max(0, steps.size - 1)
    return chances > 0 and turns <= _SORTED * chances


def alike(
    rows: Known, options: Sequence[tuple[str, list[str]]], pairs: Places, level: Places
) -> Alike | None:
    """Find what rows have in common that lie together most, and how often chance does as much.

    Parameters
    ----------
    rows : Known
        Of all rows.
    options : sequence of tuple of str and list of str
        From `groupings`.
    pairs : ndarray of int, shape (pairs, 2)
        From `neighbours`.
    level : ndarray of int, shape (rows,)
        Which rows the fit gives a level of their own.

    Returns
    -------
    Alike or None
        None where nothing groups the rows.
    """
    means = _means(rows.edges)
    every = np.arange(level.size)

    def scores(z: Array) -> Array:
        """Return what is known of deviates (tables, rows)."""
        at = np.stack([(z[:, i, None] > rows.edges[i]).sum(axis=1) for i in every], axis=1)
        return np.where(rows.exact[every, at], np.clip(z, -_FARTHEST, _FARTHEST), means[every, at])

    places = np.zeros(level.size)
    for run in np.split(pairs, np.flatnonzero(np.diff(pairs[:, 0]) > 1) + 1) if len(pairs) else ():
        at = np.append(run[:, 0], run[-1, 1])
        places[at] = at - at.mean()
    places /= max(float(np.sqrt((places**2).sum())), _LEAST)
    members = [_members(labels) for _, labels in options]
    takers = [np.flatnonzero(member.any(axis=0)) for member in members]

    def together(z: Array) -> Array:
        """Return the statistics, shape (tables, groupings)."""
        known = scores(z)
        found = []
        for member, taken in zip(members, takers, strict=True):
            about = _about(known[:, taken], level[taken])
            sums = about @ member[:, taken].T
            squares = (about**2).sum(axis=1)
            share = (sums**2 / member.sum(axis=1)).sum(axis=1)
            found.append(np.divide(share, squares, where=squares > 0, out=np.zeros(len(z))))
        if len(pairs):
            about = _about(known, level)
            squares = (about[:, pairs] ** 2).mean(axis=2).sum(axis=1)
            share = (about[:, pairs[:, 0]] * about[:, pairs[:, 1]]).sum(axis=1)
            found.append(np.divide(share, squares, where=squares > 0, out=np.zeros(len(z))))
            size, along = np.sqrt((about[:, ordered] ** 2).sum(axis=1)), np.abs(about @ places)
            found.append(np.divide(along, size, where=size > 0, out=np.zeros(len(z))))
        return np.stack(found, axis=1)

    if not options and not len(pairs):
        return None
    ordered = np.unique(pairs)
    of_data = together(rows.z[None])[0]
    rng = np.random.default_rng(_SEED)
    at_once = max(1, _AT_ONCE // (level.size * (rows.edges.shape[1] + 1)))
    drawn: list[Array] = []
    done = 0
    for wanted in _TABLES:
        while done < wanted:
            count = min(at_once, wanted - done)
            drawn.append(together(rng.standard_normal((count, level.size))))
            done += count
        of_chance = np.concatenate(drawn)
        rising = np.sort(of_chance, axis=0)
        least = np.full(done, done)
        own = np.empty(of_data.size, dtype=int)
        for i, each in enumerate(of_data):
            beyond = done - np.searchsorted(rising[:, i], of_chance[:, i])
            own[i] = done - np.searchsorted(rising[:, i], each)
            least = np.minimum(least, beyond)
        likeliest = np.flatnonzero(own == own.min())
        away = (of_data - of_chance.mean(axis=0)) / np.fmax(of_chance.std(axis=0), _LEAST)
        best = int(likeliest[away[likeliest].argmax()])
        beyond_all = int((least <= own[best]).sum()) if own[best] else 0
        if beyond_all > _WORTH * done:
            break
    p_value = (beyond_all + 0.5) / (done + 1.0)
    if best >= len(options):
        about = _about(scores(rows.z[None]), level)[0]
        first, second = about[pairs].T
        share = float(first @ second / (about[pairs] ** 2).mean(axis=1).sum())
        by = ORDER if best == len(options) else DRIFT
        rise = float(about @ places) * float(np.ptp(places))  # from one end to the other
        return Alike(by, {}, rise, np.nan, max(share, 0.0), p_value, done)
    by, labels = options[best]
    between, within = _sizes(rows, members[best])
    groups = {
        name: np.flatnonzero([each == name for each in labels]) for name in dict.fromkeys(labels)
    }
    groups = {name: at for name, at in groups.items() if name and at.size > 1}
    share = between**2 / (between**2 + within**2)
    return Alike(by, groups, between, within, share, p_value, done)


def _about(values: Array, level: Places) -> Array:
    """Return values (tables, rows) less their mean over each level."""
    member = (level[:, None] == np.unique(level)).astype(float)
    return np.asarray(values - (values @ member / member.sum(axis=0)) @ member.T)


def _members(labels: Sequence[str]) -> Array:
    """Return which rows are of which group, shape (groups, rows)."""
    values = np.asarray(labels)
    return np.asarray((values == np.unique(values[values != ""])[:, None]).astype(float))


def _ends(edges: Array) -> tuple[Array, Array]:
    ends = np.pad(edges, ((0, 0), (1, 1)), constant_values=((0, 0), (-np.inf, np.inf)))
    return ends[:, :-1], ends[:, 1:]


def _means(edges: Array) -> Array:
    """Return the mean of a standard normal deviate between edges, shape (rows, places)."""
    lower, upper = _ends(edges)
    inside = ndtr(upper) - ndtr(lower)
    height = (np.exp(-0.5 * lower**2) - np.exp(-0.5 * upper**2)) / np.sqrt(2.0 * np.pi)
    middle = 0.5 * (np.clip(lower, -_FARTHEST, _FARTHEST) + np.clip(upper, -_FARTHEST, _FARTHEST))
    seen = inside > 1e-9
    return np.where(seen, height / np.where(seen, inside, 1.0), middle)


def _sizes(rows: Known, member: Array) -> tuple[float, float]:
    """Return the likeliest standard deviations between and within groups."""
    lower, upper = (
        np.take_along_axis(each, rows.places[:, None], axis=1)[..., None]
        for each in _ends(rows.edges)
    )
    exact = np.take_along_axis(rows.exact, rows.places[:, None], axis=1)[..., None]
    z = np.clip(rows.z, -_FARTHEST, _FARTHEST)[:, None, None]
    effect, within = _EFFECTS[:, None], _WITHIN
    dense = -0.5 * ((z - effect) / within) ** 2 - np.log(within)
    inside = ndtr((upper - effect) / within) - ndtr((lower - effect) / within)
    terms = np.where(exact, dense, np.log(np.maximum(inside, _LEAST)))
    of_groups = np.tensordot(member, terms, axes=1)  # (groups, effects, within)
    nearest = -0.5 * (_EFFECTS / np.maximum(_BETWEEN, 1e-3)[:, None]) ** 2
    nearest -= logsumexp(nearest, axis=1, keepdims=True)
    total = [logsumexp(of_groups + each[:, None], axis=1).sum(axis=0) for each in nearest]
    at = np.unravel_index(np.argmax(total), (_BETWEEN.size, _WITHIN.size))
    return float(_BETWEEN[at[0]]), float(_WITHIN[at[1]])


def batches_in_words(
    found: Alike, scatter: str, middle: float, p_value: float, rows: int, also: Sequence[str]
) -> str:
    """Say what rows have in common that lie together, and what follows for a safe current.

    Parameters
    ----------
    found : Alike
        What they have in common.
    scatter : str
        Name of the fitted scatter.
    middle : float
        Its median.
    p_value : float
        As it is judged.
    rows : int
        How many share it.
    also : sequence of str
        Conditions of which each group has a value of its own, or of which the table is in order.

    Returns
    -------
    str
        Sentences, the last without its stop.
    """
    chance = f"(p = {p_value:.1g})"
    so = (
        f"a new batch scatters more than {scatter}, {middle:.2g}, says of new cells, and a safe "
        "current from this fit is too high"
    )
    if found.by in {ORDER, DRIFT}:
        rise = abs(found.between) * middle
        text = (
            "rows that follow each other in their table lie together, with a correlation of "
            f"{found.together:.2f} {chance}: cells of one batch, entered one after the other, look "
            "like this"
            if found.by == ORDER
            else f"rows {'rise' if found.between > 0.0 else 'fall'} along their table by about "
            f"{rise:.2g} in the logarithm from its beginning to its end {chance}: batches, or "
            "making and testing that changed with time, look like this, and the next cell goes on "
            "where the table ends"
        )
        if also:
            text += (
                f". The table is in the order of {' and '.join(also)}: a law that fails along it "
                "looks the same"
            )
        return (
            f"{text}. Then the {rows} rows do not count as so many cells, rather as "
            f"{found.worth(rows):.0f}; {so}"
        )
    kind = {
        "cell": "those named",
        "source": "those of the source",
        "note": "those with the note",
        "lab": "those of lab",
    }[found.by]
    names = list(found.groups)
    more = f" and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
    shown = f"{', '.join(names[:_MOST_SHOWN])}{more}"
    text = (
        f"cells of one batch are alike: {kind} {shown} differ by about "
        f"{found.between * middle:.2g} in the logarithm between and {found.within * middle:.2g} "
        f"within {chance}. The {rows} rows do not count as so many cells, rather as "
        f"{found.worth(rows):.0f}; {so}"
    )
    if also:
        text += f". Each has a value of its own of {' and '.join(also)}, too: a law that fails "
        text += "along it looks the same"
    if found.by == "note":
        text += ". A note that was written of the result says nothing of batches"
    return text
