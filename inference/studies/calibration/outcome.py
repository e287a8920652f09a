"""The outcome of one replicate of a calibration, and its line in a file."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np

__all__ = ["Replicate"]

_SEAL: Final = "sha256"  # key of the hash of a line


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _sealed(content: Mapping[str, Any], of: str) -> str:
    """Return a hash of a replicate and of the calibration that it is one of."""
    return hashlib.sha256(f"{of}{json.dumps(content, sort_keys=True)}".encode()).hexdigest()


@dataclass(frozen=True)
class Replicate:
    """The outcome of one replicate.

    Parameters
    ----------
    index : int
        Its number; with the calibration's seed it fixes every random number.
    pit : dict of str to float
        Share of posterior draws below the truth, by quantity; empty where it failed.
    truth, median : dict of str to float
        The truth and the posterior's median of what the prior speaks of.
    failure : str
        Why it failed; empty where it did not.
    seconds : float
        Of one core.
    divergences : int
        Divergent transitions of the sampling that counts.
    again : bool
        Whether it was sampled a second time, longer and in smaller steps.
    """

    index: int
    pit: dict[str, float] = field(default_factory=dict)
    truth: dict[str, float] = field(default_factory=dict)
    median: dict[str, float] = field(default_factory=dict)
    failure: str = ""
    seconds: float = 0.0
    divergences: int = 0
    again: bool = False

    def __post_init__(self) -> None:
        """Refuse what no replicate is.

        Raises
        ------
        ValueError
            An entry is not legal, in words.
        """
        counts = {"index": self.index, "divergences": self.divergences}
        for name, count in counts.items():
            if not isinstance(count, int) or isinstance(count, bool) or count < 0:
                raise ValueError(f"its {name} is {count!r}, no whole number from 0")
        for name in ("pit", "truth", "median"):
            table = getattr(self, name)
            if not isinstance(table, dict) or not all(map(_is_number, table.values())):
                raise ValueError(f"its {name} is no table of numbers")
        wrong = next((each for each in self.pit.items() if not 0.0 <= each[1] <= 1.0), None)
        if wrong is not None:
            raise ValueError(f"its pit of {wrong[0]} is {wrong[1]!r}, no share of 0 to 1")
        if not _is_number(self.seconds) or not 0.0 <= self.seconds < np.inf:
            raise ValueError(f"its seconds are {self.seconds!r}, no number from 0")
        if not isinstance(self.failure, str) or not isinstance(self.again, bool):
            raise ValueError("its failure is no text, or its again not true or false")

    def to_json(self, of: str) -> str:
        """Return the replicate as one line of JSON.

        Parameters
        ----------
        of : str
            Hash of the calibration that it is one of.

        Returns
        -------
        str
            With a hash of all that it says and of the calibration.
        """
        content = asdict(self)
        return json.dumps({**content, _SEAL: _sealed(content, of)})

    @classmethod
    def from_json(cls, line: str, of: str) -> "Replicate":
        """Read a line that `to_json` wrote.

        Raises
        ------
        ValueError, TypeError
            It is none, of another calibration, or was changed.
        """
        content = json.loads(line)
        if not isinstance(content, dict):
            raise TypeError("it is no table")
        seal = content.pop(_SEAL, None)
        found = cls(**content)
        if seal != _sealed(content, of):
            raise ValueError(f"its {_SEAL} is not that of what it says in this calibration")
        return found
