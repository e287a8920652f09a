"""Noise of a sampled curve: its size, its correlation from row to row, its quantisation.

The size comes from the median absolute deviation of second differences, which neither a slow curve
nor a few outliers move; second differences at two spacings give the correlation. Sampling may be
irregular: the difference is from the straight line between the neighbours.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.arrays import Array

__all__ = ["Noise", "despike", "estimate_noise"]

_MAD = 1.4826  # of a normal distribution
_MOST_ROWS = 200_000
_BLOCK = 40
_FEWEST_BLOCKS = 12
_PHI = np.linspace(0.0, 0.95, 96)
# Second differences over four rows and over one of a first-order autoregressive noise: the ratio of
# their variances, which grows from 1 (white) to 4 (a random walk).
_LAG = 4
_RATIO = (1 - _PHI**_LAG) * (3 - _PHI**_LAG) / ((1 - _PHI) * (3 - _PHI))


@dataclass(frozen=True)
class Noise:
    """Noise of one curve.

    Parameters
    ----------
    sigma : float
        Standard deviation of a row, quantisation included [unit of the curve].
    phi : float
        Correlation of neighbouring rows, 0 to 0.95.
    quantum : float
        Smallest step between two values of the curve; 0 where there is none.
    """

    sigma: float
    phi: float
    quantum: float

    @property
    def inflation(self) -> float:
        """Factor on the standard error of a mean, because rows are correlated."""
        return float(np.sqrt((1 + self.phi) / (1 - self.phi)))

    @property
    def effective(self) -> float:
        """Standard deviation of a row times the factor of the correlation."""
        return self.sigma * self.inflation

    @property
    def weight(self) -> float:
        """What one row counts, in independent rows."""
        return (1 - self.phi) / (1 + self.phi)


def _second_differences(time: Array, value: Array, lag: int) -> Array:
    """Return the distance of each row from the line between its neighbours, of unit variance."""
    before, here, after = time[: -2 * lag], time[lag:-lag], time[2 * lag :]
    span = after - before
    weight = np.where(span > 0, (here - before) / np.where(span > 0, span, 1.0), 0.5)
    line = (1 - weight) * value[: -2 * lag] + weight * value[2 * lag :]
    distance: Array = (value[lag:-lag] - line) / np.sqrt(1 + weight**2 + (1 - weight) ** 2)
    return distance


def estimate_noise(time: Array, value: Array) -> Noise:
    """Estimate the noise of a curve.

    Parameters
    ----------
    time : array of float, shape (n,)
        Non-decreasing [s].
    value : array of float, shape (n,)
        Voltage [V] or current [A].

    Returns
    -------
    Noise
        Zero where there are fewer than five rows.
    """
    if len(value) < 5:
        return Noise(0.0, 0.0, 0.0)
    if len(value) > _MOST_ROWS:  # blocks of neighbouring rows, spread over the curve
        block = _MOST_ROWS // 20
        starts = np.linspace(0, len(value) - block, 20).astype(int)
        parts = [estimate_noise(time[s : s + block], value[s : s + block]) for s in starts]
        sigma, phi = (float(np.median([getattr(p, k) for p in parts])) for k in ("sigma", "phi"))
        return Noise(sigma, phi, min(part.quantum for part in parts))
    scale = float(np.max(np.abs(value)))
    gaps = np.diff(np.unique(value))
    gaps = gaps[gaps > 1e-9 * scale]
    # Of values that are not quantised the smallest gap is far below the noise: it adds nothing.
    quantum = float(np.min(gaps)) if gaps.size else 0.0
    white = _size(time, value, 1)
    # Differences of few levels are few numbers: their median says little, unless spread.
    spread = value + quantum * np.random.default_rng(0).uniform(-0.5, 0.5, len(value))
    if quantum > 0.5 * white and _size(time, spread, 1) > 1.5 * quantum / np.sqrt(12):
        value = spread
        white = float(np.sqrt(max(_size(time, spread, 1) ** 2 - quantum**2 / 12, 0.0)))
    phi = 0.0
    if len(value) >= 50 and white > 0:
        near, twice, far = (_size(time, value, lag) for lag in (1, 2, _LAG))
        # The ratio of two such estimates scatters by about 2.4/sqrt(n): below that it is white.
        ratio = (far / near) ** 2
        if (twice / near) ** 2 > 2.5:
            # More than any noise makes: the curve itself bends from row to row. Differences of the
            # second differences hold less of it; of white noise their variance is 10/3.
            third = np.diff(_second_differences(time, value, 1))
            white = _MAD * float(np.median(np.abs(third))) / float(np.sqrt(10 / 3))
        elif ratio > 1 + 5 / np.sqrt(len(value)):
            phi = float(np.interp(ratio, _RATIO, _PHI))
    # Correlated noise is smaller in second differences than in the curve.
    shrink = (1 - phi) * (3 - phi) / 3
    sigma = float(np.sqrt(white**2 / shrink + quantum**2 / 12))
    if phi > 0 and len(value) >= _BLOCK:
        sigma, phi = _as_seen_in_blocks(time, value, sigma, phi)
    return Noise(sigma, phi, quantum)


def _size(time: Array, value: Array, lag: int) -> float:
    """Return the standard deviation of white noise that has such second differences."""
    return _MAD * float(np.median(np.abs(_second_differences(time, value, lag))))


def _as_seen_in_blocks(time: Array, value: Array, sigma: float, phi: float) -> tuple[float, float]:
    """Return size and correlation of the noise, no larger than blocks of rows show it.

    Pick-up of some rows' period looks correlated, but its means scatter little. The size is at most
    1.5 times that off the block's own line, the scatter of means twice that of the blocks'.
    """
    rows = len(value) // _BLOCK * _BLOCK
    x = np.arange(_BLOCK) - 0.5 * (_BLOCK - 1)
    blocks = value[:rows].reshape(-1, _BLOCK)
    means = blocks.mean(axis=1)
    off = blocks - means[:, None]
    off = off - np.outer(off @ x / (x @ x), x)
    sigma = min(sigma, 1.5 * float(np.median(np.sqrt((off**2).sum(axis=1) / (_BLOCK - 2)))))
    if len(means) < _FEWEST_BLOCKS or sigma == 0:
        return sigma, phi
    middle = time[:rows].reshape(-1, _BLOCK).mean(axis=1)
    inflation = 2 * _size(middle, means, 1) * np.sqrt(_BLOCK) / sigma
    most = (inflation**2 - 1) / (inflation**2 + 1)
    return sigma, float(min(phi, max(most, 0.0)))


def despike(value: Array, noise: Noise) -> tuple[Array, NDArray[np.bool_]]:
    """Replace spikes of one or two rows by the running median of five rows.

    Parameters
    ----------
    value : array of float, shape (n,)
        The curve.
    noise : Noise
        Its noise; a spike is more than eight of its standard deviations from the median.

    Returns
    -------
    value : array of float, shape (n,)
        The curve without spikes; a step stays where it is.
    spikes : array of bool, shape (n,)
        Rows that were replaced.
    """
    if len(value) < 5:
        return value, np.zeros(len(value), dtype=bool)
    rows = np.lib.stride_tricks.sliding_window_view(np.pad(value, 2, mode="edge"), 5)
    median = np.empty_like(value)
    for start in range(0, len(value), _MOST_ROWS):  # bounded memory
        part = slice(start, start + _MOST_ROWS)
        median[part] = np.median(rows[part], axis=1)
    spikes = np.abs(value - median) > 8 * noise.sigma + 1e-12 * np.abs(median)
    spikes[:2] = spikes[-2:] = False  # the median there is of fewer rows
    return np.where(spikes, median, value), spikes
