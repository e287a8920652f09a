"""Physical constants and conventions that every forward model shares (SI)."""

from typing import Final

from scipy import constants

from models.physics.backend import Numeric

__all__ = [
    "FARADAY",
    "GAS_CONSTANT",
    "MOLAR_VOLUME",
    "REFERENCE_STRAIN_RATE",
    "REFERENCE_TEMPERATURE",
    "thermal_voltage",
]

GAS_CONSTANT: Final[float] = float(constants.R)
"""Molar gas constant [J/(mol K)]."""

FARADAY: Final[float] = float(constants.physical_constants["Faraday constant"][0])
"""Faraday constant [C/mol]."""

REFERENCE_TEMPERATURE: Final[float] = 298.15
"""Temperature at which every reference value holds [K]."""

REFERENCE_STRAIN_RATE: Final[float] = 1e-3
"""Strain rate at which the creep reference stress is stated [1/s]."""

MOLAR_VOLUME: Final[dict[str, float]] = {"Na": 23.68e-6, "Li": 13.0e-6}
"""Molar volume of the metal [m^3/mol]."""


def thermal_voltage(temperature: Numeric) -> Numeric:
    """Thermal voltage ``R T / F``.

    Parameters
    ----------
    temperature : array_like
        Temperature [K].

    Returns
    -------
    array_like
        ``R T / F`` [V], of the argument's shape; also the thermal energy of one charge in eV.
    """
    return GAS_CONSTANT * temperature / FARADAY
