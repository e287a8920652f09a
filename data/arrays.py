"""The array that the project computes with."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array"]

type Array = NDArray[np.float64]
"""Numbers in double precision, of any shape."""
