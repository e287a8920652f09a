"""Control steps of a record: where the instrument's programme or its current changes."""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from data.arrays import Array
from data.errors import FeatureError
from data.features.feature import Flag
from data.features.noise import estimate_noise

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "REST",
    "ControlStep",
    "constant_current_steps",
    "control_steps",
    "latest_start",
    "read_columns",
    "record_name",
    "step_changes",
    "unread_steps",
]

_RAMP = 10.0  # [s], longest rise of a current to its setting
REST = 0.05  # of the current of a step: less is a rest
_DIGITS = 1e-12  # of a time, that arithmetic leaves between two that are equal
_SMALL = (0.1, 5)  # change, over the larger current, and rows on each side: smaller steps
_REST_STEP = 1e-3  # of the largest current of a record: a rest, but for a staircase's first steps
_NEXT_STEP = 12.0  # of a current: a staircase's next one is no larger
_LATE = (60.0, 20.0)  # [s] and rows; what starts later was cut from a longer record
_HELD_PARTS = 10  # of a step, whose medians tell whether its voltage was held
_HELD = 2e-3  # of a voltage, that it varies by where it is controlled
_MOVES = 0.05  # of a current, by which it moves where it is not
_STEP_NAMES = ("step_count", "step_index", "step_id")
_NOT_CONSTANT_CURRENT = {
    "chronoamperometry": "a chronoamperometry (constant voltage)",
    "linear_sweep": "a linear sweep of the voltage",
    "cyclic_voltammetry": "a cyclic voltammetry",
    "voltage_controlled": "of a voltage that was controlled",
    "open_circuit": "at open circuit",
}


@dataclass(frozen=True)
class ControlStep:
    """Rows under one setting of the instrument.

    Parameters
    ----------
    start, stop : int
        First row and one past the last row.
    current : float
        Median of the measured current [A], with its sign.
    spread : float
        Robust standard deviation of the current in the step [A].
    begin : float
        Test time of the start [s]: by the record's ``step_time_second`` where it has one; else of
        the last row before the step, where that is no further from its first row than two of its
        rows are from each other, since instruments write the first row of a step after its start;
        0 where the record begins with the step, unless so late that rows before it are missing;
        else of its first row.
    first, end : float
        Test time of the first and of the last row [s].
    """

    start: int
    stop: int
    current: float
    spread: float
    begin: float
    first: float
    end: float

    @property
    def duration(self) -> float:
        """Seconds from the start to the last row."""
        return self.end - self.begin

    @property
    def uncertainty(self) -> float:
        """By how much the start may be later than `begin` [s]."""
        return self.first - self.begin

    def least(self, seconds: float) -> float:
        """Return a time since the start, less what the start may be later [s].

        Zero where the digits of a clock alone part the two.
        """
        lower = seconds - self.uncertainty
        return lower if lower > _DIGITS * max(self.duration, abs(self.begin)) else 0.0

    @property
    def rows(self) -> slice:
        """The rows as a slice."""
        return slice(self.start, self.stop)


def read_columns(record: "xr.Dataset", least: int = 10) -> tuple[Array, Array, Array]:
    """Return time, voltage and current of a record as arrays.

    Parameters
    ----------
    record : xarray.Dataset
        With ``test_time_second``, ``voltage_volt`` and ``current_ampere`` over ``record``.
    least : int, default: 10
        Fewest rows that a feature can be read from.

    Returns
    -------
    time, voltage, current : array of float, shape (n,)
        In s, V and A.

    Raises
    ------
    FeatureError
        A column is missing or not finite, time runs backwards, or there are too few rows.
    """
    name = record_name(record)
    columns = []
    for column in ("test_time_second", "voltage_volt", "current_ampere"):
        if column not in record:
            raise FeatureError(
                f"{name}: the record has no {column}; it has {', '.join(map(str, record))}"
            )
        values = np.asarray(record[column].values, dtype=float)
        if not np.isfinite(values).all():
            row = int(np.argmin(np.isfinite(values)))
            raise FeatureError(
                f"{name}: row {row} of {column} is {values[row]}: every value must be finite"
            )
        columns.append(values)
    time, voltage, current = columns
    if len(time) < least:
        raise FeatureError(
            f"{name}: the record has {len(time)} rows: a feature needs at least {least}"
        )
    if (back := np.diff(time) < 0).any():
        row = int(np.argmax(back)) + 1
        raise FeatureError(
            f"{name}: time runs backwards at row {row}, from {time[row - 1]:g} s to {time[row]:g} s"
        )
    return time, voltage, current


def record_name(record: "xr.Dataset") -> str:
    """Return what a message calls a record.

    Parameters
    ----------
    record : xarray.Dataset
        The record.

    Returns
    -------
    str
        Name of its file.
    """
    return str(record.attrs.get("file_name", "record"))


def control_steps(record: "xr.Dataset") -> tuple[ControlStep, ...]:
    """Split a record where the instrument's step or its current changes.

    A change of the current is one of more than eight standard deviations of its noise and 2 % of
    its largest value, and lasts for at least two rows. One of less than 2 %, as between the first
    steps of a staircase, is a tenth of the larger current, between five level rows on either side.

    Parameters
    ----------
    record : xarray.Dataset
        The record.

    Returns
    -------
    tuple of ControlStep
        In order; together they hold every row.
    """
    time, _, current = read_columns(record)
    noise = estimate_noise(time, current)
    # Without quantisation: the steps of a staircase are no noise.
    sigma = np.sqrt(max(noise.sigma**2 - noise.quantum**2 / 12, 0.0))
    clear = 8 * float(sigma)
    least = max(clear, 0.02 * float(np.max(np.abs(current))))
    change = np.abs(np.diff(current)) > least
    small = _small_changes(current, clear, least)
    if change.any():
        # A spike of one row changes there and back: the medians on its two sides agree.
        at = np.flatnonzero(change) + 1
        if at.size <= 100_000:
            kept = np.zeros_like(change)
            kept[at - 1] = [
                abs(np.median(current[k : k + 3]) - np.median(current[max(k - 3, 0) : k])) > least
                for k in at
            ]
            change = kept
    change |= small
    programme = _programme(record)
    cuts = np.flatnonzero(change | programme) + 1
    last_row = len(time) - 1
    # A row or two in which the current settles belong to the step that they lead to; at rest it
    # does not settle.
    lengths = np.diff([*cuts.tolist(), len(time)])
    before = np.diff([0, *cuts.tolist()])
    settling = (before <= 2) & (lengths > 2) & ~programme[cuts - 1]
    settling &= np.abs(current[cuts - 1]) > REST * np.abs(current[np.minimum(cuts + 1, last_row)])
    kept = ~settling
    if cuts.size and _goes_on(current, cuts, programme):
        kept[-1] = False
    edges = [0, *cuts[kept].tolist(), len(time)]
    clock = None
    if "step_time_second" in record:
        clock = np.asarray(record["step_time_second"].values, dtype=float)
    steps = [
        _step(time, current, first, last, clock) for first, last in pairwise(edges) if last > first
    ]
    return tuple(_with_ramp(steps, number) for number in range(len(steps)))


def _programme(record: "xr.Dataset") -> NDArray[np.bool_]:
    """Return after which rows the instrument's programme goes on to another step."""
    for column in _STEP_NAMES:
        if column in record:
            marks = np.nan_to_num(np.asarray(record[column].values, dtype=float))
            return np.asarray(np.diff(marks) != 0)
    return np.zeros(record.sizes["record"] - 1, dtype=bool)


def step_changes(record: "xr.Dataset", row: int) -> bool:
    """Return whether the instrument's programme begins another step at a row.

    Parameters
    ----------
    record : xarray.Dataset
        The record.
    row : int
        From 1.

    Returns
    -------
    bool
        False also where the record knows of no programme.
    """
    return bool(_programme(record)[row - 1])


def _small_changes(current: Array, clear: float, least: float) -> NDArray[np.bool_]:
    """Return where the current changes by less than `least`, from one level to another."""
    share, rows = _SMALL
    change = np.zeros(len(current) - 1, dtype=bool)
    size = np.abs(np.diff(current))
    larger = np.maximum(np.abs(current[1:]), np.abs(current[:-1]))
    # Below a millionth of the largest current only the instrument's last digit changes.
    floor = max(clear, 1e-6 * float(np.max(larger)))
    at = np.flatnonzero((size > floor) & (size > share * larger) & (size <= least)) + 1
    if at.size > 100_000:
        return change
    for k in at[(at >= rows) & (at <= len(current) - rows)]:
        before, after = current[k - rows : k], current[k : k + rows]
        step = abs(float(np.median(after) - np.median(before)))
        change[k - 1] = step > max(floor, 2 * float(max(np.ptp(before), np.ptp(after))))
    return change


def _with_ramp(steps: list[ControlStep], number: int) -> ControlStep:
    """Return a step that begins where its current starts to rise: instruments may take seconds."""
    step = steps[number]
    before = number - 1
    while (
        before >= 0
        and step.current != 0.0
        and steps[before].stop - steps[before].start <= 2
        and 0 < steps[before].current / step.current < 1
        and step.first - steps[before].begin <= _RAMP
    ):
        before -= 1
    if before == number - 1:
        return step
    begin = steps[before].end if before >= 0 else steps[0].first
    return replace(step, begin=begin) if step.first - begin <= _RAMP else step


def latest_start(spacing: float) -> float:
    """Return the latest test time [s] of a first row that may be a test's first."""
    seconds, rows = _LATE
    return max(seconds, rows * spacing)


def _goes_on(current: Array, cuts: NDArray[np.intp], programme: NDArray[np.bool_]) -> bool:
    """Return whether the last rows are of the step before them: at a short the current wavers."""
    last = int(cuts[-1])
    first = int(cuts[-2]) if len(cuts) > 1 else 0
    if len(current) - last > 2 or last - first <= 2 or programme[last - 1]:
        return False
    share = current[last:] / (float(np.median(current[first:last])) or np.inf)
    return bool(np.all((share > 0.5) & (share < 2)))


def _step(time: Array, current: Array, first: int, last: int, clock: Array | None) -> ControlStep:
    """Return the step of some rows."""
    rows = current[first:last]
    middle = float(np.median(rows))
    spread = 1.4826 * float(np.median(np.abs(rows - middle)))
    begin = float(time[first])
    before = float(time[first - 1]) if first > 0 else -np.inf
    # A clock that was not started anew with this step says nothing about its start.
    if clock is not None and before - 1e-3 <= begin - clock[first] <= begin:
        begin = max(begin - float(clock[first]), before)
        return ControlStep(first, last, middle, spread, begin, begin, float(time[last - 1]))
    if last - first > 1:
        spacing = float(np.median(np.diff(time[first:last][:1000])))
        if first == 0 and begin <= latest_start(spacing):
            begin = 0.0
        elif first > 0 and time[first] - time[first - 1] <= 2 * spacing:
            begin = float(time[first - 1])
    return ControlStep(
        first, last, middle, spread, begin, float(time[first]), float(time[last - 1])
    )


def constant_current_steps(
    record: "xr.Dataset", feature: str, least: int = 10
) -> tuple[ControlStep, ...]:
    """Return the steps of a record that hold a constant current.

    Parameters
    ----------
    record : xarray.Dataset
        The record.
    feature : str
        What is looked for, as a message names it.
    least : int, default: 10
        Fewest rows of a step.

    Returns
    -------
    tuple of ControlStep
        Steps of at least `least` rows whose current spreads by at most 30 % and is more than a
        thousandth of the largest of the record, or less before a step of at most twelve times it.

    Raises
    ------
    FeatureError
        The record is of another kind of test, or has no such step.
    """
    name = record_name(record)
    technique = str(record.attrs.get("technique", "unknown"))
    if technique in _NOT_CONSTANT_CURRENT:
        raise FeatureError(
            f"{name}: the record is {_NOT_CONSTANT_CURRENT[technique]}: {feature} is read from a "
            "test at constant current"
        )
    steps = control_steps(record)
    largest = max(abs(step.current) for step in steps)
    lasting = [step for step in steps if step.stop - step.start >= least and step.duration > 0]
    legal: tuple[ControlStep, ...] = ()
    # From the last: a small current is a step where a larger one that is follows, and else a rest.
    for step in reversed(lasting):
        size = abs(step.current)
        first = bool(legal) and 0 < size < abs(legal[0].current) <= _NEXT_STEP * size
        if step.spread <= 0.3 * size and (size > _REST_STEP * largest or first):
            legal = (step, *legal)
    if not legal:
        raise FeatureError(
            f"{name}: the record has no step at constant current of at least {least} rows (steps: "
            f"{len(steps)}, largest current {largest:g} A): {feature} is read from such a step"
        )
    if all(_is_held(record, step) for step in legal):
        volts = float(np.median(read_columns(record)[1][legal[0].rows]))
        raise FeatureError(
            f"{name}: the voltage stays at {volts:.4g} V while the current moves by more than "
            f"{_MOVES:.0%}: a test at constant voltage, or one that is at the instrument's limit "
            f"throughout, and {feature} is read from a test at constant current"
        )
    return legal


def _is_held(record: "xr.Dataset", step: ControlStep) -> bool:
    """Return whether the voltage of a step is controlled: it stays, and the current moves."""
    time, *others = (part[step.rows] for part in read_columns(record))
    if len(time) < 2 * _HELD_PARTS:
        return False
    moved = []
    # Of its first part alone the current tells: one that falls later is at the instrument's limit.
    parts = (_HELD_PARTS, _HELD_PARTS // 2)
    for values, count in zip(others, parts, strict=True):
        medians = [float(np.median(part)) for part in np.array_split(values, _HELD_PARTS)][:count]
        noise = estimate_noise(time, values).effective / np.sqrt(len(time) / _HELD_PARTS)
        size = abs(float(np.median(medians))) or np.inf
        moved.append((float(np.ptp(medians)) / size, float(noise) / size))
    (volts, volts_noise), (amperes, amperes_noise) = moved
    held = volts < max(_HELD, 6 * volts_noise)
    return held and amperes > max(_MOVES, 10 * volts, 8 * amperes_noise)


def unread_steps(
    record: "xr.Dataset", steps: tuple[ControlStep, ...], least: int = 10
) -> tuple[Flag, ...]:
    """Return a flag where current flowed in steps that are not among those read.

    Parameters
    ----------
    record : xarray.Dataset
        The record.
    steps : tuple of ControlStep
        The steps that are read.
    least : int, default: 10
        Fewest rows of a step.

    Returns
    -------
    tuple of Flag
        ``steps_not_read``, or none.
    """
    every = control_steps(record)
    read = {step.start for step in steps}
    largest = max(abs(step.current) for step in every)
    shortest = 0.05 * float(np.median([step.duration for step in steps]))
    passed = [
        abs(step.current)
        for step in every
        if step.start not in read
        and step.stop - step.start >= least
        and step.duration > shortest
        and abs(step.current) > max(_REST_STEP * largest, step.spread)
    ]
    if not passed:
        return ()
    return (
        Flag(
            "steps_not_read",
            f"The current varies too much to be read as a step in {len(passed)} stretches, about "
            f"{min(passed):.4g} to {max(passed):.4g} A: what happened there is not known.",
        ),
    )
