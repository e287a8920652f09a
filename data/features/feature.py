"""What an algorithm read from a curve: a point, an interval or a bound, and how it was read."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypedDict

from data.errors import InputError

__all__ = ["Ends", "Feature", "Flag", "Kind", "between"]

type Kind = Literal["point", "interval", "left", "right"]

_BOUNDS: dict[str, tuple[bool, bool]] = {
    "interval": (True, True),
    "left": (False, True),
    "right": (True, False),
}


class Ends(TypedDict):
    """Kind and ends of a feature."""

    kind: Kind
    lower: float | None
    upper: float | None


def between(lower: float, upper: float) -> Ends:
    """Return the interval between two times; without a lower end where that is the very start.

    Parameters
    ----------
    lower, upper : float
        Seconds since the step's start.

    Returns
    -------
    dict
        ``kind``, ``lower`` and ``upper`` of a `Feature`.
    """
    if lower > 0:
        return {"kind": "interval", "lower": lower, "upper": upper}
    return {"kind": "left", "lower": None, "upper": upper}


@dataclass(frozen=True)
class Flag:
    """Something a reader of the feature should know.

    Parameters
    ----------
    name : str
        Short and stable, for programs.
    message : str
        A plain sentence, for people.
    """

    name: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One feature of one record.

    Parameters
    ----------
    quantity : str
        ``"penetration_time"``, ``"plateau_current"``, ``"sand_time"``, ``"transition_time"`` or
        ``"failed_step_current"``.
    unit : str
        ``"s"`` or ``"A"``. A time is counted from the start of the constant-current step that
        holds the event (``details["step_start"]`` is the test time of that start).
    kind : {"point", "interval", "left", "right"}
        ``left``: known to be below `upper`; ``right``: known to be above `lower` (censored).
    value, sd : float, optional
        Best single value and its standard deviation, where the algorithm has them.
    lower, upper : float, optional
        Ends of the interval; one of them for a bound.
    algorithm, version : str
        What read it.
    options : dict
        Every option the algorithm ran with.
    window : tuple of int
        First row and one past the last row of the record that it was read from.
    flags : tuple of Flag
        What a reader should know.
    details : dict of str to float
        Numbers of the algorithm, by name.

    Raises
    ------
    InputError
        The ends do not belong to the kind, or are not finite or not ordered.
    """

    quantity: str
    unit: str
    kind: Kind
    value: float | None = None
    sd: float | None = None
    lower: float | None = None
    upper: float | None = None
    algorithm: str
    version: str
    options: dict[str, float | str | bool] = field(default_factory=dict)
    window: tuple[int, int]
    flags: tuple[Flag, ...] = ()
    details: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a feature whose numbers do not fit its kind."""
        numbers = {name: getattr(self, name) for name in ("value", "sd", "lower", "upper")}
        for name, number in numbers.items():
            if number is not None and not math.isfinite(number):
                raise InputError(f"{self.quantity}: {name} is {number}: it must be finite")
        if self.kind == "point" and self.value is None:
            raise InputError(f"{self.quantity}: a point has a value, but it is not given")
        for name, due in zip(("lower", "upper"), _BOUNDS.get(self.kind, ()), strict=False):
            if due != (numbers[name] is not None):
                state = "is not given" if due else f"is {numbers[name]}"
                raise InputError(f"{self.quantity}: kind {self.kind!r}, but {name} {state}")
        if self.lower is not None and self.upper is not None and self.lower > self.upper:
            raise InputError(
                f"{self.quantity}: lower {self.lower:g} {self.unit} is above upper "
                f"{self.upper:g} {self.unit}"
            )

    def has_flag(self, name: str) -> bool:
        """Return whether a flag of this name is set.

        Parameters
        ----------
        name : str
            Short name of the flag.

        Returns
        -------
        bool
            True where it is set.
        """
        return any(flag.name == name for flag in self.flags)

    def holds(self, truth: float) -> bool:
        """Return whether a number is inside what the feature says.

        Parameters
        ----------
        truth : float
            In the feature's unit.

        Returns
        -------
        bool
            For a point: inside two standard deviations.
        """
        if self.kind == "point" and self.value is not None:
            return abs(truth - self.value) <= 2 * (self.sd or 0.0)
        return (self.lower is None or truth >= self.lower) and (
            self.upper is None or truth <= self.upper
        )

    def as_dict(self) -> Mapping[str, Any]:
        """Return the feature as plain numbers, texts, lists and mappings, for a file.

        Returns
        -------
        mapping
            Ready for JSON.
        """
        plain = asdict(self)
        plain["window"] = list(self.window)
        plain["flags"] = [asdict(flag) for flag in self.flags]
        return plain
