"""Logarithms of normal densities and probabilities, with finite gradients far into the tails."""

from typing import Any

import numpy as np

from models.observations import TOLERANCE
from models.physics.backend import erfc, erfcx, kernel, maximum, minimum, where

__all__ = [
    "FAR",
    "log_from",
    "log_interval",
    "log_mean",
    "log_ndtr",
    "log_normal_density",
    "log_survival",
    "log_up_to",
    "log_value",
    "log_value_or_interval",
    "log_weakest",
    "log_weakest_interval",
]


@kernel
def log_ndtr(z: Any) -> Any:
    """Log of the standard normal distribution function, its gradients finite for any finite `z`."""
    low, high = minimum(z, -1.0), maximum(z, -1.0)
    tail = np.log(0.5 * erfcx(-low / np.sqrt(2.0))) - 0.5 * low**2
    return where(z < -1.0, tail, np.log1p(-0.5 * erfc(high / np.sqrt(2.0))))


@kernel
def log_interval(upper: Any, lower: Any) -> Any:
    """Log of ``Phi(upper) - Phi(lower)``, flipped to the lower tail where both are positive."""
    flip = upper + lower > 0
    a = log_ndtr(where(flip, -lower, upper))
    b = log_ndtr(where(flip, -upper, lower))
    return a + np.log(-np.expm1(minimum(b - a, -1e-300)))


def log_survival(z: Any, patches: Any = 1.0) -> Any:
    """Log of ``(1 - Phi(z))^patches``: none of several patches has failed."""
    return patches * log_ndtr(-z)


FAR = -30.0  # below it a probability is that of one patch times their number, to 200 digits


@kernel
def log_weakest(z: Any, patches: Any) -> Any:
    """Log of ``1 - (1 - Phi(z))^patches``: at least one of several patches has failed."""
    few = np.log(patches) + log_ndtr(minimum(z, FAR))
    many = np.log(-np.expm1(patches * log_ndtr(-maximum(z, FAR))))
    return where(z < FAR, few, many)


@kernel
def log_weakest_interval(upper: Any, lower: Any, patches: Any) -> Any:
    """Log probability that the weakest of several patches fails between two currents."""
    excess = maximum(upper - FAR, 0.0)  # keeps the width where this form is not used
    few = np.log(patches) + log_interval(upper - excess, lower - excess)
    survived = patches * log_ndtr(-lower)
    fell = patches * log_ndtr(-maximum(upper, FAR)) - survived
    return where(upper < FAR, few, survived + np.log(-np.expm1(minimum(fell, -1e-300))))


@kernel
def log_normal_density(z: Any, scale: Any) -> Any:
    """Log density of a value that lies z times the scale from its mean."""
    return -0.5 * z**2 - np.log(scale) - 0.5 * np.log(2 * np.pi)


@kernel
def log_value(x: Any, mu: Any, sigma: Any) -> Any:
    """Log density of a value."""
    return log_normal_density((x - mu) / sigma, sigma)


@kernel
def log_value_or_interval(x: Any, mu: Any, sigma: Any, halfwidth: Any) -> Any:
    """Log density of a value, or log probability of an interval where it has a width."""
    inside = log_interval((x + halfwidth - mu) / sigma, (x - halfwidth - mu) / sigma)
    return where(halfwidth > 0, inside, log_value(x, mu, sigma))


@kernel
def log_up_to(x: Any, mu: Any, sigma: Any, floor: Any, otherwise: Any) -> Any:
    """Log probability of all that lies below the floor where x is at it."""
    return where(x <= floor + TOLERANCE, log_ndtr((floor - mu) / sigma), otherwise)


@kernel
def log_from(x: Any, mu: Any, sigma: Any, ceiling: Any, otherwise: Any) -> Any:
    """Log probability of all that lies above the ceiling where x is at it."""
    return where(x >= ceiling - TOLERANCE, log_ndtr((mu - ceiling) / sigma), otherwise)


def log_mean(terms: Any, log_weights: Any) -> Any:
    """Log of the weighted sum, over the first axis, of the exponentials of terms."""
    weighed = terms + log_weights
    top = weighed.max(axis=0)
    return top + np.log(np.exp(weighed - top).sum(axis=0))
