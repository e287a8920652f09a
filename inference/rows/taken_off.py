r"""Cells that ended at places of their own before they failed: they may have been taken off for it.

A fit takes the end of a test without an event as planned: as nothing that the cell has a say in. A
cell that is taken off because it turns noisy is then a survivor, and the weakest cells are lost.
What tells is where tests end. A planned end is that of other rows too, as a time, as a charge, as a
charge of the metal that there is, or as the last step of a staircase; and strong cells are ended
above where most of their like failed, not below.

Instruments fail as well. Where that has nothing to do with the cell it happens at an even rate: for
a cell that would fail at T at ends that are uniform in (0, T), whose logarithm lies below that of T
by an amount of mean and standard deviation 1. Cells that are taken off because they fail end near
their own T. Ends that lie together more closely than even ones do by chance are told before every
number, and others in milder words.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

from data.arrays import Array
from data.ranges import ENDS
from data.tables import clocks
from inference.thresholds import TAKEN_OFF

if TYPE_CHECKING:
    import xarray as xr

    from data.campaign import Campaign

__all__ = [
    "STEPPED",
    "columns_of",
    "ended_early",
    "like_rows",
    "taken_off",
    "times_of",
]

_FEWEST: Final = 3  # ends of their own
_SAME: Final = 0.01  # of logarithms: an end that is planned is kept, and logged, as closely
_SHORT: Final = 0.03  # of a planned charge
_CHANCES: Final = 4000
_LEAST_SPREAD: Final = 0.02  # of logarithms, as cells differ at least
_NOT_WEAK: Final = -5.0  # log density of a failure of a weak cell above the middle of all
_SHOWN: Final = 6
_ENDED_WITH_EVENT: Final = 1.2  # planned end over the event, up to which the event ended the test
_DISTINCT_TIMES: Final = 1 / 2  # of ends, from which so many differ that none is planned
_DISTINCT_STEPS: Final = 1 / 3  # the same of steps, on which cells meet by chance
_NUMBERS: Final = (
    "temperature", "pressure", "electrode_thickness", "step_time", "electrode_distance",
    "concentration",
)  # fmt: skip
_NAMES: Final = ("separator", "protocol", "lab")
STEPPED: Final = {
    "dc_polarization": ("protocol", "step"),
    "critical_current": ("bracket_from", "one_cell"),
}
"""By table, column and value of rows of single cells that were stepped up."""


class _Early(NamedTuple):
    """Rows of cells that ended before they failed, at places of their own.

    Parameters
    ----------
    rows : ndarray of int
        Of the table.
    where : str
        "times", "steps" or "charges".
    chance : float
        That ends which come at an even rate lie as they do.
    """

    rows: NDArray[np.intp]
    where: str
    chance: float

    @property
    def sure(self) -> bool:
        """Whether they seem to have been ended for how they fared."""
        return self.rows.size >= _FEWEST and self.chance < TAKEN_OFF


def taken_off(name: str, table: "xr.Dataset") -> str:
    """Say which cells seem to have been taken off because they began to fail.

    Parameters
    ----------
    name : str
        Of the table.
    table : Dataset
        Its rows.

    Returns
    -------
    str
        Without the name of the file; empty where none do.
    """
    return " ".join(_in_words(table, each) for each in _early(name, table) if each.sure)


def ended_early(campaign: "Campaign") -> dict[str, str]:
    """Say by table which cells ended before they failed, for whatever reason.

    Parameters
    ----------
    campaign : Campaign
        What of it is fitted.

    Returns
    -------
    dict of str to str
        Tables without such rows, and those of which `taken_off` tells, are missing.
    """
    found = {}
    for name, table in campaign.tables.items():
        if told := [_in_words(table, each) for each in _early(name, table) if not each.sure]:
            found[name] = f"{name}.csv: {' '.join(told)}"
    return found


_PLACES: Final[Mapping[str, tuple[str, str]]] = {
    "times": (
        "times",
        "Enter such a cell with the time at which it turned noisy or its voltage began to rise as "
        "its event, or with the interval in which it did",
    ),
    "steps": (
        "currents",
        "Enter such a cell with the step at which it was taken off under current_density_upper",
    ),
    "charges": (
        "charges, less than those planned,",
        "Enter such a cell as penetrated",
    ),
}


def _in_words(table: "xr.Dataset", found: _Early) -> str:
    places, advice = _PLACES[found.where]
    names = [str(table["cell"].values[row]) for row in found.rows[:_SHOWN]]
    lines = table["line"].values[found.rows[:_SHOWN]].tolist()
    shown = ", ".join(f"{cell} (line {line})" for cell, line in zip(names, lines, strict=True))
    more = f" and {found.rows.size - _SHOWN} more" if found.rows.size > _SHOWN else ""
    below = (
        "at currents at which others failed"
        if found.where == "charges"
        else "below where most others failed"
    )
    first = (
        f"{found.rows.size} cells ended without failing, at {places} of their own, {below}: "
        f"{shown}{more}"
    )
    if not found.sure:
        return (
            f"{first}. The fit takes it that this had nothing to do with how they fared; if they "
            f"were taken off because they began to fail, the safe current is too high. {advice}."
        )
    return (
        f"{first}. A planned end is that of other rows too. If they were taken off because they "
        f"began to fail, the weakest cells count as survivors and the safe current is too high. "
        f"{advice}; where a plan or the instrument ended them, say so in their note, and compare "
        "with a fit without them (`exclude`)."
    )


def _early(name: str, table: "xr.Dataset") -> Iterator[_Early]:
    if name in clocks():
        yield from _of_times(table, clocks()[name])
    if name in STEPPED:
        yield from _of_steps(table, *STEPPED[name])
    if "outcome" in table and "capacity" in table:
        yield from _of_charges(table)


def _of_times(table: "xr.Dataset", event: str) -> Iterator[_Early]:
    """Yield the rows whose tests in time ended early."""
    read = columns_of(table)
    current, stop, low = (read(each) for each in ("current_density", "stop_time", f"{event}_lower"))
    time, failed = times_of(table, event)
    ended = np.where(low > 0.0, low, stop)  # of those without an event
    survived = np.isfinite(ended * current) & ~failed
    with np.errstate(divide="ignore"):
        plans = [np.log(stop), np.log(current * stop)]
        plans.append(plans[-1] - np.log(read("electrode_thickness")))
        # Where diffusion or voids end a test, its time goes with the inverse square of the current.
        place = np.log(np.where(failed, time, ended) * current**2)
    planned = np.zeros(failed.size, bool)
    for plan in plans:
        near = np.abs(plan[:, None] - plan[None, failed]) <= _SAME
        planned |= near.any(axis=1)
    rows, groups = _below(table, place, failed, survived & ~planned, without=("step_time",))
    if not rows.size or _distinct(plans, rows) <= _DISTINCT_TIMES * rows.size:
        return
    # Cells that failed as well may have had ends of their own, which had no say in it.
    own = np.flatnonzero(failed)
    to_the_end = stop[own] > _ENDED_WITH_EVENT * time[own]
    no_plan = to_the_end.sum() > 1 and _distinct(plans, own[to_the_end]) > 0.5 * own.size
    yield _Early(rows, "times", 1.0 if no_plan else _chance(groups))


def times_of(table: "xr.Dataset", event: str) -> tuple[Array, NDArray[np.bool_]]:
    """Return when cells failed, within an interval in its middle, and which did.

    Parameters
    ----------
    table : Dataset
        Tests at one current each.
    event : str
        Of the time of the event.
    """
    read = columns_of(table)
    low, high = read(f"{event}_lower"), read(f"{event}_upper")
    time = np.fmax(read(event), np.where(low > 0.0, np.sqrt(low * high), high))
    return time, np.isfinite(time * read("current_density"))


def _of_steps(table: "xr.Dataset", column: str, value: str) -> Iterator[_Early]:
    """Yield the rows whose staircases ended early."""
    read = columns_of(table)
    lower, upper = (read(end) for end in ENDS)
    of_one = table[column].values == value
    failed = of_one & np.isfinite(upper)
    survived = of_one & np.isfinite(lower) & ~failed
    with np.errstate(divide="ignore", invalid="ignore"):
        middle = np.where(lower > 0.0, np.sqrt(lower * upper), upper)
        place = np.log(np.where(failed, middle, lower))
    for own in like_rows(table, without=("step_time",)).values():
        highest = np.fmax(lower, upper)[own[of_one[own]]].max(initial=0.0)
        survived[own[lower[own] >= highest]] = False  # the last step of all
    rows, groups = _below(table, place, failed, survived)
    if rows.size and _distinct([np.log(lower)], rows) > _DISTINCT_STEPS * rows.size:
        yield _Early(rows, "steps", _chance(groups))


def _of_charges(table: "xr.Dataset") -> Iterator[_Early]:
    """Yield the rows of cells that survived less than the charge, or the time, of the others."""
    read = columns_of(table)
    current, capacity = read("current_density"), read("capacity")
    survived = np.flatnonzero((table["outcome"].values != "penetrated") & (capacity > 0.0))
    failed = table["outcome"].values == "penetrated"
    if survived.size < _FEWEST:
        return
    plans = [np.log(capacity), np.log(capacity / current)]
    short = np.ones(survived.size, bool)
    for plan in plans:
        own = plan[survived]
        shared = (np.abs(own[:, None] - own) <= _SHORT).sum(axis=1)
        if shared.max() < _FEWEST:
            continue
        short &= own < own[np.argmax(shared)] - _SHORT
        short &= shared < _FEWEST
    rows = survived[short]
    if rows.size < 2 or rows.size == survived.size:
        return
    if _distinct(plans, rows) <= _DISTINCT_TIMES * rows.size:
        return
    alike = like_rows(table)
    lowest = {key: current[own][failed[own]].min(initial=np.inf) for key, own in alike.items()}
    at = np.array([lowest[key] for row in rows for key, own in alike.items() if row in own])
    if (current[rows] < at).mean() > 0.5:  # where nobody failed
        return
    # At currents where cells fail, and not at those of the other survivors?
    rank = np.argsort(np.argsort(current[survived], kind="stable")) + 1.0
    for each in np.unique(current[survived]):
        rank[current[survived] == each] = rank[current[survived] == each].mean()
    rng = np.random.default_rng(0)
    order = np.argsort(rng.random((_CHANCES, rank.size)), axis=1)
    drawn = rank[order[:, : rows.size]].sum(axis=1)
    yield _Early(rows, "charges", float(np.mean(drawn >= rank[short].sum() - 1e-9)))


def _below(
    table: "xr.Dataset",
    place: Array,
    failed: NDArray[np.bool_],
    ended: NDArray[np.bool_],
    without: tuple[str, ...] = (),
) -> tuple[NDArray[np.intp], list[tuple[Array, Array]]]:
    """Return rows that ended below the middle of their like that failed.

    Returns
    -------
    rows : ndarray of int
        Empty where there are fewer than two, or as many ended above.
    groups : list of (ndarray, ndarray)
        By condition, where all ended, and where cells failed.
    """
    rows: list[int] = []
    groups: list[tuple[Array, Array]] = []
    above = 0
    for own in like_rows(table, without).values():
        at, out = place[own[failed[own]]], own[ended[own]]
        if at.size < 2 or not out.size:
            continue
        low = place[out] < np.median(at)
        above += int((~low).sum())
        rows += out[low].tolist()
        groups.append((place[out], at))
    found = np.array(sorted(rows), dtype=np.intp)
    return (found, groups) if found.size >= 2 and found.size > above else (found[:0], [])


def _chance(groups: list[tuple[Array, Array]]) -> float:
    """Return how often ends at an even rate look as much like failures of weak cells.

    What is compared is the ratio of two densities: of failures below the middle of all, where ends
    count as failures, and of ends at an even rate. Cells of which many ends are drawn have failures
    as those that are seen.
    """
    rng = np.random.default_rng(0)
    seen, drawn = 0.0, np.zeros(_CHANCES)
    for ends, failures in groups:
        middle, spread = float(failures.mean()), max(float(failures.std(ddof=1)), _LEAST_SPREAD)
        seen += float(_like_failures(ends[None], failures[None])[0])
        of_cells = rng.normal(middle, spread, (_CHANCES, failures.size))
        # Tests that last longer are the likelier to be ended: their times, weighed by themselves.
        lasting = rng.normal(middle + spread**2, spread, (_CHANCES, ends.size))
        drawn += _like_failures(lasting - rng.exponential(size=lasting.shape), of_cells)
    return float(np.mean(drawn >= seen - 1e-9))


def _like_failures(ends: Array, failures: Array) -> Array:
    """Return the log ratio of densities of ends, as failures of weak cells and at an even rate.

    Parameters
    ----------
    ends : ndarray, shape (draws, ends)
    failures : ndarray, shape (draws, failures)

    Returns
    -------
    ndarray, shape (draws,)
    """
    every = np.concatenate([ends, failures], axis=1)
    middle = every.mean(axis=1, keepdims=True)
    spread = np.maximum(every.std(axis=1, ddof=1, keepdims=True), _LEAST_SPREAD)
    z = (ends - middle) / spread
    log_density = -0.5 * (z**2 + np.log(2.0 * np.pi))
    weak = np.where(z < 0.0, log_density - np.log(0.5 * spread), _NOT_WEAK)
    even = log_ndtr(-z) + ends - middle - 0.5 * spread**2
    return np.asarray((weak - even).sum(axis=1))


def _distinct(plans: list[Array], rows: NDArray[np.intp]) -> int:
    """Return in how many ends rows lie, by the plan that has fewest."""
    fewest = rows.size
    for plan in plans:
        own = np.sort(plan[rows])
        if np.isfinite(own).all():
            fewest = min(fewest, 1 + int((np.diff(own) > _SAME).sum()))
    return fewest


def like_rows(
    table: "xr.Dataset", without: Collection[str] = (), beside: Collection[str] = ()
) -> dict[tuple[str, ...], NDArray[np.intp]]:
    """Return the rows under like conditions, but for currents and what is measured.

    Parameters
    ----------
    table : Dataset
        Its rows.
    without, beside : collection of str
        Conditions, and names, that may differ.
    """
    numbers = [table[name].values for name in _NUMBERS if name in table and name not in without]
    names = [table[name].values for name in _NAMES if name in table and name not in beside]
    groups: dict[tuple[str, ...], list[int]] = {}
    for row in range(table["line"].size):
        key = (*(f"{each[row]:.2g}" for each in numbers), *(str(each[row]) for each in names))
        groups.setdefault(key, []).append(row)
    return {key: np.array(rows) for key, rows in groups.items()}


def columns_of(table: "xr.Dataset") -> Callable[[str], Array]:
    """Return a function that returns a column of a table by name, NaN where there is none."""

    def read(name: str) -> Array:
        if name not in table:
            return np.full(table["line"].size, np.nan)
        return np.asarray(table[name].values, dtype=float)

    return read
