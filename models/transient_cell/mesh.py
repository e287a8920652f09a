"""Finite volumes across a stack of layers, finer towards both electrodes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import brentq

from data.arrays import Array
from models.physics import Layer

__all__ = ["Mesh", "build_mesh"]


_FEWEST: Final = 4  # volumes of a layer, however thin
_REACH: Final = 3.0  # boundary layers that are divided finely: more of them, each less finely
_FINEST: Final = 1e-3  # width of the first volume over the mean width, at least


@dataclass(frozen=True, eq=False)
class Mesh:
    """Volumes in order from the depleting electrode to the supplying one, each of one layer.

    Attributes
    ----------
    position : ndarray, shape (volume,)
        Centres [m] from the depleting electrode.
    width, porosity, macmullin_number : ndarray, shape (volume,)
        Width [m] of each volume, and what its layer is [1].
    """

    position: Array
    width: Array
    porosity: Array
    macmullin_number: Array

    @property
    def storage(self) -> Array:
        """Pore volume an area [m], shape (volume,)."""
        return self.porosity * self.width

    @property
    def half_resistance(self) -> Array:
        """``N_M h/2`` [m], from a face of each volume to its centre, shape (volume,)."""
        return self.macmullin_number * self.width / 2.0


def build_mesh(layers: Sequence[Layer], volumes: int, boundary_layer: float) -> Mesh:
    """Divide a stack so that volumes are equal in a smoothly graded coordinate.

    The coordinate is ``z = int sqrt(porosity N_M) dx``, in which every layer has the diffusivity of
    the open electrolyte, mapped by ``tanh`` onto [0, 1]. The mapping does not depend on the number
    of volumes, and layers meet on faces: halving the volumes shows the order of convergence.

    Parameters
    ----------
    layers : sequence of Layer
        Of positive thickness, from the depleting electrode to the supplying one.
    volumes : int
        Number of volumes wanted; rounding in each layer, and the least number of a layer, may
        change it a little.
    boundary_layer : float
        Thickness of open electrolyte [m] that must be resolved at the electrodes.

    Returns
    -------
    Mesh
        The volumes.
    """
    thickness = np.array([layer.thickness for layer in layers], dtype=float)
    porosity = np.array([layer.porosity for layer in layers], dtype=float)
    macmullin = np.array([layer.macmullin_number for layer in layers], dtype=float)
    stretch = np.sqrt(porosity * macmullin)
    bounds = np.concatenate([[0.0], np.cumsum(thickness * stretch)])
    total = bounds[-1]
    steepness = _steepness(min(1.0, max(_FINEST, _REACH * boundary_layer / total)))
    scale = np.tanh(steepness)
    mapped = 0.5 + np.arctanh((2.0 * bounds[1:-1] / total - 1.0) * scale) / (2.0 * steepness)
    edges = np.concatenate([[0.0], mapped, [1.0]])
    parts: list[tuple[Array, ...]] = []
    before = 0.0
    for k in range(len(layers)):
        count = max(_FEWEST, round(volumes * float(edges[k + 1] - edges[k])))
        inner = np.linspace(edges[k], edges[k + 1], count + 1)
        z = total / 2.0 * (1.0 + np.tanh(steepness * (2.0 * inner - 1.0)) / scale)
        faces = (z - z[0]) / (z[-1] - z[0]) * thickness[k]
        parts.append(
            (
                before + (faces[1:] + faces[:-1]) / 2.0,
                np.diff(faces),
                np.full(count, porosity[k]),
                np.full(count, macmullin[k]),
            )
        )
        before += thickness[k]
    position, width, eps, number = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Mesh(position, width, eps, number)


def _steepness(ratio: float) -> float:
    """Steepness of the tanh mapping whose slope at the ends is `ratio`."""
    if ratio > 0.999:
        return 1e-3

    def excess(steepness: float) -> float:
        return float(steepness / (np.tanh(steepness) * np.cosh(steepness) ** 2)) - ratio

    return float(brentq(excess, 1e-4, 10.0))
