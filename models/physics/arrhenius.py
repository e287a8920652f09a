"""Temperature dependence of a rate."""

import numpy as np

from models.physics.backend import Numeric
from models.physics.constants import GAS_CONSTANT, REFERENCE_TEMPERATURE

__all__ = ["arrhenius"]


def arrhenius(
    value_at_reference: Numeric,
    activation_energy: Numeric,
    temperature: Numeric,
    reference_temperature: Numeric = REFERENCE_TEMPERATURE,
) -> Numeric:
    """Arrhenius law about a reference temperature.

    ``value = value_0 exp[-E_a/R (1/T - 1/T_0)]``.

    Parameters
    ----------
    value_at_reference : array_like
        Value at the reference temperature, in any unit.
    activation_energy : array_like
        Activation energy [J/mol].
    temperature : array_like
        Temperature [K].
    reference_temperature : array_like, optional
        Reference temperature [K]; 298.15 K.

    Returns
    -------
    array_like
        Value at the temperature, in the unit of `value_at_reference`, of the broadcast shape.

    References
    ----------
    Used for the self-diffusion of sodium by Tsai et al., J. Power Sources 476 (2020) 228666.
    """
    inverse = 1.0 / temperature - 1.0 / reference_temperature
    return value_at_reference * np.exp(-activation_energy / GAS_CONSTANT * inverse)
