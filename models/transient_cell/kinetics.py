"""Charge transfer at the two electrodes as a function and its inverse, fast enough for every step.

The exchange current density follows the concentration at the electrode,
``j0(c) = j0 sqrt(c/c0)``: the cation is the reactant, first order, and the transfer is symmetric
(Doyle, Fuller & Newman, J. Electrochem. Soc. 140 (1993) 1526, doi:10.1149/1.2221597, for a metal
electrode with transfer coefficients of one half). For Butler-Volmer kinetics this is exact; for
Marcus-Hush-Chidsey kinetics it is the same approximation, good while ``kT |ln c/c0|`` is below the
reorganization energy.
"""

from abc import ABC, abstractmethod
from functools import lru_cache
from typing import Final

import numpy as np

from data.arrays import Array
from models.physics import marcus_hush_chidsey_current_density, thermal_voltage

__all__ = ["ButlerVolmer", "Kinetics", "MarcusHushChidsey"]


_POINTS: Final = 4000
_LARGEST: Final = 600.0  # sinh is still finite


class Kinetics(ABC):
    """A law ``j/j0`` of the overpotential, odd and increasing."""

    @abstractmethod
    def ratio(self, overpotential: float) -> float:
        """Return ``j/j0`` at an overpotential [V]."""

    @abstractmethod
    def overpotential(self, ratio: float) -> float:
        """Return the overpotential [V] of a ratio ``j/j0``; infinite beyond the largest rate."""


class ButlerVolmer(Kinetics):
    """Symmetric Butler-Volmer kinetics, ``2 sinh(eta/2kT)``."""

    def __init__(self, temperature: float) -> None:
        self._scale = 2.0 * float(thermal_voltage(temperature))

    def ratio(self, overpotential: float) -> float:
        """Return ``j/j0`` at an overpotential [V]."""
        return 2.0 * float(np.sinh(min(overpotential / self._scale, _LARGEST)))

    def overpotential(self, ratio: float) -> float:
        """Return the overpotential [V] of a ratio ``j/j0``."""
        return self._scale * float(np.arcsinh(ratio / 2.0))


class MarcusHushChidsey(Kinetics):
    """Marcus-Hush-Chidsey kinetics by interpolation, within a microvolt of the law.

    What is interpolated is the Butler-Volmer overpotential of the same current, which is smooth
    and, unlike the current, nearly linear.
    """

    def __init__(self, reorganization_energy: float, temperature: float) -> None:
        self._butler_volmer = ButlerVolmer(temperature)
        self._eta, self._equivalent = _table(reorganization_energy, temperature)
        self._last = float(self._equivalent[-1]) * (1.0 - 1e-12)

    def ratio(self, overpotential: float) -> float:
        """Return ``j/j0`` at an overpotential [V]."""
        equivalent = np.interp(overpotential, self._eta, self._equivalent)
        return self._butler_volmer.ratio(float(equivalent))

    def overpotential(self, ratio: float) -> float:
        """Return the overpotential [V] of a ratio ``j/j0``; infinite beyond the largest rate."""
        equivalent = self._butler_volmer.overpotential(ratio)
        if equivalent > self._last:
            return float("inf")
        return float(np.interp(equivalent, self._equivalent, self._eta))


@lru_cache(maxsize=16)
def _table(reorganization_energy: float, temperature: float) -> tuple[Array, Array]:
    """Overpotentials [V] up to the largest rate, and those of Butler-Volmer at equal currents."""
    thermal = float(thermal_voltage(temperature))
    # The rate is its largest, to all digits, this far beyond the reorganization energy.
    spread = np.sqrt(reorganization_energy * thermal)
    top = reorganization_energy + 40.0 * thermal + 14.0 * spread
    eta = np.linspace(0.0, top, _POINTS)
    current = marcus_hush_chidsey_current_density(eta, 1.0, reorganization_energy, temperature)
    equivalent = 2.0 * thermal * np.arcsinh(current / 2.0)
    return eta, np.maximum.accumulate(equivalent)
