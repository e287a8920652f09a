"""A coordinate for a rate that data either need or cannot see."""

from typing import Any

import numpy as np
from pymc.distributions.transforms import Transform

__all__ = ["Knee"]

_SLOPES = (1.0, 7.0)  # of the logarithm over the coordinate, far above the knee and far below
_WIDTH = 0.4
_MEAN, _HALF = 0.5 * sum(_SLOPES), 0.5 * (_SLOPES[1] - _SLOPES[0])


class Knee(Transform):  # type: ignore[misc]
    """The logarithm of a positive quantity, drawn together below a knee.

    Above the knee data see the quantity and leave it little room; below they do not, and the prior
    leaves it orders of magnitude. A sampler takes steps of one length, and seldom finds into such a
    tail and out again. In the coordinate x, with ``ln q = k + a x - b sqrt(x^2 + w^2)``, both are
    about as wide. Of the posterior nothing changes.

    Parameters
    ----------
    log_knee : float
        The logarithm k of the quantity at the knee.
    """

    name = "knee"

    def __init__(self, log_knee: float) -> None:
        self.log_knee = log_knee

    def backward(self, value: Any, *_: Any) -> Any:
        """Return the quantity at a coordinate."""
        return np.exp(self._log(value))

    def forward(self, value: Any, *_: Any) -> Any:
        """Return the coordinate of the quantity."""
        above = np.log(value) - self.log_knee
        product = _SLOPES[0] * _SLOPES[1]
        return (_MEAN * above + _HALF * np.sqrt(above**2 + product * _WIDTH**2)) / product

    def log_jac_det(self, value: Any, *_: Any) -> Any:
        """Return the logarithm of the slope of the quantity over the coordinate."""
        slope = _MEAN - _HALF * value / np.sqrt(value**2 + _WIDTH**2)
        return self._log(value) + np.log(slope)

    def _log(self, value: Any) -> Any:
        return self.log_knee + _MEAN * value - _HALF * np.sqrt(value**2 + _WIDTH**2)
