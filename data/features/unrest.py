"""Noise that sets in and stays: a cell that flickers, or a contact that is loose.

A curve whose noise grows manyfold for good says nothing more of what happens in it: a short that
flickers from row to row scatters about the old level, and so does a wire that is about to break.
"""

import numpy as np

from data.arrays import Array
from data.features.feature import Flag

__all__ = ["noise_sets_in"]

_ROWS = 20  # of a block, at least
_BLOCKS = 60
_FEWEST = 5  # blocks before and after
_TIMES = 8.0  # the noise before
_OF_LEVEL = 0.03  # that noise matters; the families that are claimed have two thirds of that
_STAYS = (0.1, 0.5)  # quantile of the blocks after it, that is above this part of what is due
_MAD = 1.4826  # of a normal distribution


def noise_sets_in(time: Array, curve: Array, what: str = "voltage") -> tuple[Flag, ...]:
    """Return a flag where the noise of a curve grows for good.

    Parameters
    ----------
    time : array of float, shape (n,)
        Test time [s], non-decreasing.
    curve : array of float, shape (n,)
        Voltage, resistance or current, spikes included; its level is its median before.
    what : str, default: "voltage"
        What a message calls it.

    Returns
    -------
    tuple of Flag
        ``noise_sets_in``, or none.
    """
    rows = max(_ROWS, len(curve) // _BLOCKS)
    count = len(curve) // rows
    if count < 2 * _FEWEST:
        return ()
    blocks = curve[: count * rows].reshape(count, rows)
    x = np.arange(rows) - 0.5 * (rows - 1)
    off = blocks - blocks.mean(axis=1)[:, None]
    off = off - np.outer(off @ x / (x @ x), x)
    sizes = _MAD * np.median(np.abs(off - np.median(off, axis=1)[:, None]), axis=1)
    for first in range(_FEWEST, count - _FEWEST + 1):
        before = float(np.median(sizes[:first]))
        usual, quiet = (float(np.quantile(sizes[first:], part)) for part in (0.5, _STAYS[0]))
        level = abs(float(np.median(curve[: first * rows])))
        least = max(_TIMES * before, _OF_LEVEL * level)
        if min(usual, sizes[first]) > least and quiet > _STAYS[1] * least:
            return (
                Flag(
                    "noise_sets_in",
                    f"From a test time of about {time[first * rows]:.6g} s on the {what} scatters "
                    f"by {usual / level:.0%} of its level, {usual / max(before, 1e-12):.0f} times "
                    "as much as before, and stays so: a short that flickers, or a loose contact; "
                    "what the curve shows from there on is not for certain.",
                ),
            )
    return ()
