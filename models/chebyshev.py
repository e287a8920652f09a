"""Interpolation by the polynomial through Chebyshev nodes."""

import numpy as np
from numpy.polynomial import chebyshev

from data.arrays import Array

__all__ = ["interpolation_weights"]


def interpolation_weights(nodes: Array, places: Array) -> Array:
    """Return what takes values at nodes to other places, all within -1 and 1: (place, node)."""
    last = nodes.size - 1
    at_nodes, elsewhere = (chebyshev.chebvander(each, last) for each in (nodes, places))
    return np.ascontiguousarray(np.linalg.solve(at_nodes.T, elsewhere.T).T)
