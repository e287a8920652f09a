"""What happens to the voltage of a step for good: it falls, or runs away; and what came back.

A short lowers the resistance, depletion and lost contact raise it. A voltage that jumps up and
comes back to its old level has done neither: such an excursion is taken out of the curve, and what
is left is read on. A voltage that drops and comes back up is a soft short and counts as a fall.
"""

from dataclasses import dataclass, replace

import numpy as np

from data.arrays import Array
from data.features.decline import Decline, find_decline
from data.features.drop import Gates
from data.features.excursions import QUIET, Excursion, excursion_before, excursion_of, is_frozen
from data.features.fall import Fall, find_fall, recovery
from data.features.feature import Flag
from data.features.noise import Noise, despike
from data.features.rows import Rows, runs
from data.features.runaway import Departure, find_runaway

__all__ = ["ALIKE", "SHORTED", "Events", "read_events"]

SHORTED = 1 / 3
"""Part of its level that a voltage has to lose for good, for a short."""

ALIKE = 0.9
"""Part of the largest drop that an earlier one has to have, to count instead."""

_MOST = 20  # excursions and falls that are looked at
_REVERSES = 0.5  # of its level below zero: more than the offset of an instrument at a short
_ENDS = ("before", "after", "begin", "end")
_DIP = 3  # rows of a dip: fewer are a spike
_MANY = 20  # dips, that are a state of the cell
_DEEP = 0.5  # of the level: a dip goes below it
_UP = 0.75  # of the level: it comes from above
_AS_LONG = 2.0  # times the longest dip that came back, for which a last one has to stay down
_BACK = (
    "comes back to the level that it had before it rose: a short, or a contact that was lost and "
    "came back"
)
_REVERSED = (
    "changes its sign under a current that does not: no short does that, but a current without "
    "its sign, or leads that were swapped"
)
_RESTLESS = f"falls and comes back more than {_MOST} times: a contact, or shorts"
_AS_BEFORE = (
    "falls as it did {count} times before, and came back each time after up to {stay:.3g} s: the "
    "record ends too soon after the last fall, and shows no short for certain"
)
_DEAD = "is exactly constant in every row from there on: a dead channel, or a short"


@dataclass(frozen=True)
class Events:
    """What happens in a curve.

    Parameters
    ----------
    rows : array of int
        Rows of the curve without excursions.
    runaway : Departure, optional
        Where it runs away, before it falls.
    fall : Fall, optional
        Where it falls.
    smaller : tuple of Fall
        Other falls.
    excursions : tuple of Excursion
        In order of time.
    lasting : Fall, optional
        The fall for good that comes after one from which the curve came back.
    dips : int, default: 0
        How many times the curve was below half of its level, too briefly for a fall.
    longest_dip : float, default: 0
        The longest of them [s].
    decline : Decline, optional
        How far it ends below its level, where nothing else happens, and it is as much as a short.
    """

    rows: Rows
    runaway: Departure | None
    fall: Fall | None
    smaller: tuple[Fall, ...]
    excursions: tuple[Excursion, ...]
    lasting: Fall | None = None
    dips: int = 0
    longest_dip: float = 0.0
    decline: Decline | None = None

    def later(self, first: int) -> "Events":
        """Return the events of a curve that has more rows before these.

        Parameters
        ----------
        first : int
            How many.

        Returns
        -------
        Events
            In rows of that curve.
        """
        if first == 0:
            return self
        rows = np.arange(first + (int(self.rows[-1]) + 1 if self.rows.size else 0))

        def moved(fall: Fall) -> Fall:
            return _in_rows(fall, rows[first:])

        away = self.runaway
        return Events(
            np.concatenate([rows[:first], self.rows + first]),
            away and replace(away, onset=away.onset + first, crossed=away.crossed + first),
            self.fall and moved(self.fall),
            tuple(map(moved, self.smaller)),
            tuple(
                replace(each, begin=each.begin + first, end=each.end + first)
                for each in self.excursions
            ),
            self.lasting and moved(self.lasting),
            self.dips,
            self.longest_dip,
            self.decline,
        )

    def flags(self, time: Array) -> tuple[Flag, ...]:
        """Return what is to be known of that is no event.

        Parameters
        ----------
        time : array of float, shape (n,)
            Seconds since the step's start.

        Returns
        -------
        tuple of Flag
            ``excursion``, ``back_at_old_level`` (after a slow rise), ``small_drop``,
            ``several_drops``, ``brief_dips``, ``many_dips``, ``slow_decline``.
        """
        found = []
        if self.excursions:
            largest = max(self.excursions, key=lambda each: each.height)
            count = len(self.excursions)
            others = f" ({count} such excursions; this is the largest)" if count > 1 else ""
            found.append(
                Flag(
                    "excursion",
                    f"Between {time[largest.begin]:.6g} and {time[largest.end]:.6g} s the voltage "
                    f"is up by {largest.height:.3g} V and comes back to its old level{others}: "
                    "neither a short nor a depletion, perhaps a contact; it is not read.",
                )
            )
        if self.fall is not None and self.fall.certain and self.fall.why:
            begin = time[self.fall.drop.before]
            found.append(
                Flag("back_at_old_level", f"At {begin:.6g} s the voltage {self.fall.why}.")
            )
        if self.dips:
            times = "once" if self.dips == 1 else f"{self.dips} times"
            found.append(
                Flag(
                    "many_dips" if self.dips >= _MANY else "brief_dips",
                    f"The voltage is {times} below half of its level, for up to "
                    f"{self.longest_dip:.3g} s, and comes back: soft shorts, or pauses that the "
                    "current does not show; they count as no event.",
                )
            )
        if self.decline is not None:
            found.append(
                Flag(
                    "slow_decline",
                    f"The voltage falls slowly from {self.decline.level:.3g} to "
                    f"{self.decline.end:.3g} V, by {self.decline.loss:.0%}, most of it by "
                    f"{self.decline.half:.6g} s, and does not come back: an overpotential that "
                    "goes, or a short that grows.",
                )
            )
        for name, large, why in (
            ("small_drop", False, "below a third of the level it counts as no short"),
            ("several_drops", True, "what is stated is the largest drop that lasts"),
        ):
            drops = [each.drop for each in self.smaller if (each.loss >= SHORTED) == large]
            if drops:
                drop = max(drops, key=lambda each: each.jump)
                found.append(
                    Flag(
                        name,
                        f"Between {time[drop.before]:.6g} and {time[drop.after]:.6g} s the voltage "
                        f"drops by {drop.jump:.3g} V, {drop.jump / drop.level_before:.0%} of its "
                        f"level: {why}.",
                    )
                )
        return tuple(found)


def _in_rows(fall: Fall, rows: Rows) -> Fall:
    """Return a fall of some rows in rows of the whole curve."""
    ends = {name: int(rows[getattr(fall.drop, name)]) for name in _ENDS}
    return replace(fall, drop=replace(fall.drop, **ends))


def read_events(
    time: Array,
    raw: Array,
    noise: Noise,
    gates: Gates,
    *,
    slow_relative: float = 0.5,
    shorted: float = SHORTED,
    rise: float = 0.5,
    last: bool = True,
) -> Events:
    """Read what happens in a curve for good.

    Of drops that last, the largest counts; one that comes back up, or is not certain, ends the
    search where it is the first. Falls below a part of the level count together, where each stays
    and all of them are half of it.

    Parameters
    ----------
    time : array of float, shape (n,)
        Seconds since the step's start.
    raw : array of float, shape (n,)
        Voltage in the direction of the current [V], spikes included.
    noise : Noise
        Its noise.
    gates : Gates
        What a drop has to pass.
    slow_relative : float, default: 0.5
        Least height of a fall that is not sudden, over the voltage before it.
    shorted : float, default: 1/3
        Least height of a fall that counts, over the voltage before it.
    rise : float, default: 0.5
        Rise over the median voltage that counts as a runaway [V].
    last : bool, default: True
        Whether the record ends with the curve, or goes on with the current switched.

    Returns
    -------
    Events
        In rows of the curve.
    """
    curve, _ = despike(raw, noise)
    rows = np.arange(len(raw))
    falls: list[Fall] = []
    excursions: list[Excursion] = []
    start = 0  # row from which falls are looked for
    fall: Fall | None = None
    while len(falls) + len(excursions) < _MOST:
        at = int(np.searchsorted(rows, start))
        part = rows[at:]
        fall = find_fall(
            time[part], raw[part], noise, gates, slow_relative=slow_relative, last=last
        )
        if fall is None:
            break
        fall = _in_rows(fall, part)
        if fall.certain:
            inside = {name: int(np.searchsorted(rows, getattr(fall.drop, name))) for name in _ENDS}
            found = excursion_before(
                time[rows],
                raw[rows],
                curve[rows],
                replace(fall.drop, **inside),
                noise,
                gates.longest_ramp,
                shorted,
            )
            if found is not None:
                found = replace(found, begin=int(rows[found.begin]), end=int(rows[found.end]))
            if found is not None and found.sure:
                excursions.append(found)
                rows = rows[(rows <= found.begin) | (rows >= found.end)]
                continue
            if fall.loss >= shorted:
                fall = _doubted(fall, found, raw, noise)
        falls.append(fall)
        if not fall.certain or (fall.recovers and fall.loss >= shorted):
            break
        start = fall.drop.after
    if fall is not None and fall.certain and len(falls) + len(excursions) == _MOST:
        falls.append(replace(fall, certain=False, why=_RESTLESS))
    event, smaller = _event(falls, shorted, slow_relative)
    until = len(raw) if event is None else event.drop.begin + 1
    runaway: Departure | None = None
    for looked in range(_MOST):
        part = rows[rows < until]
        away = find_runaway(time[part], curve[part], rise)
        if away is None:
            break
        back = excursion_of(time[part], curve[part], away, noise, gates.longest_ramp, shorted)
        if back is None or not back.sure or looked == _MOST - 1:
            runaway = Departure(int(part[away.onset]), int(part[away.crossed]), away.level)
            break
        excursions.append(replace(back, begin=int(part[back.begin]), end=int(part[back.end])))
        rows = rows[(rows <= excursions[-1].begin) | (rows >= excursions[-1].end)]
    excursions.sort(key=lambda each: each.begin)
    dips = _dips(raw[:until], noise)
    stayed = [float(time[stop] - time[start - 1]) for start, stop in dips]
    if event is not None and event.certain and not event.recovers:
        event = _as_before(time, event, stayed)
    lasting: Fall | None = None
    if runaway is None and event is not None and event.certain and event.recovers:
        lasting = _after(time, raw, curve, event, noise, gates, slow_relative, shorted, rise, last)
    brief = [
        stay
        for (start, stop), stay in zip(dips, stayed, strict=True)
        if time[stop - 1] - time[start] < gates.persistence
    ]
    decline: Decline | None = None
    if runaway is None and event is None:
        decline = find_decline(time[rows], curve[rows])
        least = 8 * noise.effective
        if decline is not None and not (
            decline.loss >= SHORTED and decline.level - decline.end > least
        ):
            decline = None
    return Events(
        rows,
        runaway,
        event,
        smaller,
        tuple(excursions),
        lasting,
        len(brief),
        max(brief, default=0.0),
        decline,
    )


def _dips(raw: Array, noise: Noise) -> list[tuple[int, int]]:
    """Return first and one past last row of each dip below half of a curve's level that ends."""
    level = float(np.median(raw))
    if _DEEP * level < 5 * noise.effective:
        return []
    low = raw < _DEEP * level
    return [
        (start, stop)
        for start, stop in runs(low)
        if stop - start >= _DIP
        and stop < len(raw)
        and start >= _DIP
        and float(np.median(raw[max(start - QUIET, 0) : start])) > _UP * level
    ]


def _as_before(time: Array, fall: Fall, stayed: list[float]) -> Fall:
    """Return a fall that stays to the end, with a doubt where others as long [s] came back."""
    stays = float(time[-1] - time[fall.drop.end])
    if not stayed or stays > _AS_LONG * max(stayed):
        return fall
    why = _AS_BEFORE.format(count=len(stayed), stay=max(stayed))
    return replace(fall, certain=False, why=why)


def _after(
    time: Array,
    raw: Array,
    curve: Array,
    soft: Fall,
    noise: Noise,
    gates: Gates,
    slow_relative: float,
    shorted: float,
    rise: float,
    last: bool,
) -> Fall | None:
    """Return the fall for good after one from which a curve came back."""
    back = recovery(time, curve, soft.drop, gates)
    if back is None or len(raw) - back < 2 * QUIET:
        return None
    later = read_events(
        time[back:], raw[back:], noise, gates,
        slow_relative=slow_relative, shorted=shorted, rise=rise, last=last,
    ).later(back)  # fmt: skip
    if later.runaway is not None:
        return None
    fall = later.lasting or later.fall
    if fall is None or not fall.certain or fall.recovers:
        return None
    stayed = float(time[back] - time[soft.drop.before])
    return fall if _as_before(time, fall, [stayed]).certain else None


def _doubted(fall: Fall, back: Excursion | None, raw: Array, noise: Noise) -> Fall:
    """Return a fall as high as a short, with what else could make it."""
    if back is not None:
        # A slow rise is a polarisation: what ends it at once is a short, with a doubt.
        return replace(fall, certain=not back.sudden, why=_BACK)
    if is_frozen(raw, fall.drop, noise):
        return replace(fall, certain=False, why=_DEAD)
    if fall.drop.level_after < -_REVERSES * fall.drop.level_before:
        return replace(fall, certain=False, why=_REVERSED)
    return fall


def _event(
    falls: list[Fall], shorted: float, slow_relative: float
) -> tuple[Fall | None, tuple[Fall, ...]]:
    """Return the fall that counts, and the others."""
    large = [each for each in falls if each.certain and each.loss >= shorted]
    lasting = [each for each in large if not each.recovers]
    chosen: Fall | None = None
    if large and large[0].recovers:
        chosen = large[0]
    elif lasting:
        most = max(each.drop.jump for each in lasting)
        chosen = next(each for each in lasting if each.drop.jump >= ALIKE * most)
    elif falls and not falls[-1].certain:
        chosen = falls[-1]
    else:
        stages = [each for each in falls if not each.recovers]
        lost = sum(each.drop.jump for each in stages)
        if len(stages) > 1 and lost >= slow_relative * stages[0].drop.level_before:
            first, final = stages[0].drop, stages[-1].drop
            whole = replace(
                first,
                after=final.after,
                end=final.end,
                jump=first.level_before - final.level_after,
                level_after=final.level_after,
            )
            return Fall(whole, slow=True), tuple(each for each in falls if each not in stages)
    return chosen, tuple(each for each in falls if each is not chosen)
