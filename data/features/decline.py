"""A voltage that ends below its level, however slowly it came there."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from data.arrays import Array

__all__ = ["Decline", "find_decline"]

_PARTS = 50  # of a curve, of which each has a median
_LASTING = 5  # of them: a level that lasts, and no overpotential at the start
_HEAD, _HALF = 0.1, 0.5  # of a decline


@dataclass(frozen=True)
class Decline:
    """A curve that ends below the level that it had for long.

    Parameters
    ----------
    level : float
        The highest level that lasts a tenth of the time [unit of the curve].
    end : float
        The level that it ends at.
    since : float
        Until when it was within a tenth of the way of the highest level [s].
    half : float
        When it was halfway for the last time [s].
    """

    level: float
    end: float
    since: float
    half: float

    @property
    def loss(self) -> float:
        """What is lost, over the level."""
        return 1.0 - self.end / self.level


def find_decline(time: Array, curve: Array) -> Decline | None:
    """Return how far a curve ends below the highest level that it had for a tenth of the time.

    Parameters
    ----------
    time : array of float, shape (n,)
        Seconds since the step's start.
    curve : array of float, shape (n,)
        Voltage in the direction of the current [V], free of spikes.

    Returns
    -------
    Decline or None
        None where it ends at that level, or has too few rows.
    """
    if len(curve) < 2 * _LASTING or time[-1] <= time[0]:
        return None
    edges = np.searchsorted(time, np.linspace(time[0], time[-1], _PARTS + 1))
    edges[-1] = len(time)
    parts = [slice(low, high) for low, high in pairwise(edges.tolist()) if high > low]
    middles = np.array([float(np.median(time[part])) for part in parts])
    medians = np.array([float(np.median(curve[part])) for part in parts])
    if len(medians) < 2 * _LASTING:
        return None
    levels = np.median(np.lib.stride_tricks.sliding_window_view(medians, _LASTING), axis=1)
    level, end = float(np.max(levels)), float(levels[-1])
    end = min(end, float(np.median(medians[-2:])))
    if level <= 0 or end >= level:
        return None
    head, middle = (
        int(np.flatnonzero(medians > level - part * (level - end))[-1]) for part in (_HEAD, _HALF)
    )
    up = medians[: head + 1] > level - _HALF * (level - end)
    if not up[int(np.argmax(up)) :].all():
        return None  # it was down before, and came back: a wave
    since, half = float(middles[head]), float(middles[middle])
    return Decline(level, end, since, half)
