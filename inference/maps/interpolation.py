"""Chebyshev interpolation along an axis of a map."""

import numpy as np
from numpy.polynomial import chebyshev

from data.arrays import Array
from data.units import to_si
from inference.designs.axes import Axis
from inference.maps.conditions import kept_lock
from models.chebyshev import interpolation_weights

__all__ = ["chebyshev_nodes", "interpolated", "interpolation_matrix"]


def interpolated(weights: Array, values: Array, place: int) -> Array:
    """Take values at the nodes of one axis to other places of it."""
    return np.moveaxis(np.tensordot(weights, values, axes=(1, place)), 0, place)


def natural_axis(axis: Axis, values: Array) -> Array:
    """Return values of an axis on the scale on which they are interpolated, within -1 and 1."""

    def scaled(values: Array) -> Array:
        with kept_lock:
            si = to_si(values, axis.kind.unit)  # rounded as the conditions are
        return np.log(si) if axis.kind.spread == "lognormal" else si

    low, high = scaled(axis.values[[0, -1]])
    return np.asarray((2.0 * scaled(values) - low - high) / (high - low))


def chebyshev_nodes(axis: Axis, count: int) -> Array:
    """Return Chebyshev nodes between the ends of an axis, increasing."""
    x = chebyshev.chebpts1(count)
    low, high = axis.values[0], axis.values[-1]
    if axis.kind.spread == "lognormal":
        return np.asarray(np.sqrt(low * high) * (high / low) ** (x / 2.0))
    return np.asarray((low + high) / 2.0 + (high - low) / 2.0 * x)


def interpolation_matrix(axis: Axis, nodes: Array, values: Array) -> Array:
    """Return the weights that take values at the nodes to those elsewhere, (value, node)."""
    return interpolation_weights(natural_axis(axis, nodes), natural_axis(axis, values))
