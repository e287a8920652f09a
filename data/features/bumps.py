"""Bumps: stretches in which a curve is up for a while and comes back."""

import numpy as np

from data.arrays import Array
from data.features.noise import estimate_noise
from data.features.rows import Rows, block_means, runs

__all__ = ["BINS", "binned", "fall_after", "without_bumps"]

BINS = 400

# A bump is shorter than this part of the curve, and higher than these: deviations, part of all.
_BUMP = 0.12
_BUMP_SIGMAS = 10.0
_BUMP_HEIGHT = 0.02
_BUMP_FOOT = 5.0  # deviations, down to which it is cut off
_BUMP_NARROW = 0.7  # of the window
_BUMP_SINGLE = 3.0  # times as high as the rest of the curve falls
_BUMPS = 3  # more are a wave
_BUMP_BACK = 0.9  # of the level before is left


def binned(time: Array, curve: Array, most: int) -> tuple[Array, Array, Array]:
    """Return means of time and curve in bins of equal length, and the rows in each."""
    edges = np.searchsorted(time, np.linspace(time[0], time[-1], most + 1)[:-1], side="left")
    starts = np.unique(edges[edges < len(time)])
    (times, means), counts = block_means(starts, len(time), time, curve)
    return times, means, counts


def without_bumps(time: Array, curve: Array) -> Rows:
    """Return the rows of a curve in which it is not up for a while and comes back.

    What a curve is above its opening, the largest of the smallest values in a window that moves: a
    curve that rises or falls for good has none, but for the ends.
    """
    from scipy.ndimage import grey_opening

    every = np.arange(len(curve))
    if len(curve) < BINS // 4 or time[-1] <= time[0]:
        return every
    middle, mean, counts = binned(time, curve, BINS)
    noise = estimate_noise(middle, mean)
    width = max(int(_BUMP * len(middle)), 3)
    above = mean - grey_opening(mean, size=width, mode="nearest")
    bin_of = np.repeat(np.arange(len(middle)), counts.astype(int))
    bad = np.zeros(len(middle), dtype=bool)
    least = max(_BUMP_SIGMAS * noise.effective, _BUMP_HEIGHT * float(np.ptp(mean)))
    for low, high in runs(above > _BUMP_FOOT * noise.effective):
        inside = low >= width // 2 and high <= len(middle) - width // 2
        # As wide as the window is a crest of a wave.
        inside &= high - low <= _BUMP_NARROW * width
        # To the old level, or above it: what falls below is shorted.
        if inside and np.max(above[low:high]) > least and mean[high] > _BUMP_BACK * mean[low - 1]:
            more = max((high - low) // 3, 1)  # its foot is in the noise
            bad[max(low - more, 0) : high + more] = True
    # A wave has many, or falls without them as well.
    peak, fallen = float(np.max(above[bad], initial=0.0)), fall_after(mean[~bad], 0)
    wave = len(runs(bad)) > _BUMPS or peak < _BUMP_SINGLE * fallen
    return every if wave else every[~bad[bin_of]]


def fall_after(level: Array, first: int) -> float:
    """Return how far a curve has fallen from its largest value since a row."""
    return float(np.max(np.maximum.accumulate(level[first:]) - level[first:]))
