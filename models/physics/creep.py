"""Creep of the metal: Norton's law and the current it can feed to the interface."""

from models.physics.arrhenius import arrhenius
from models.physics.backend import Numeric, in_si, kernel, positive_power
from models.physics.constants import FARADAY, REFERENCE_STRAIN_RATE

__all__ = [
    "creep_fed_current_density",
    "creep_fed_current_density_norton",
    "norton_strain_rate",
    "norton_stress",
]

_REFERENCE_PRESSURE = 9e6  # Pa
_REFERENCE_METAL_THICKNESS = 500e-6  # m


@in_si("1/s")
@kernel
def norton_strain_rate(
    stress: Numeric,
    temperature: Numeric,
    creep_exponent: Numeric,
    creep_reference_stress: Numeric,
    creep_activation_energy: Numeric,
) -> Numeric:
    """Strain rate of power-law creep.

    ``rate = 1e-3/s (stress/reference stress)^n exp[-Q/R (1/T - 1/298.15 K)]``.

    Parameters
    ----------
    stress : array_like
        Stress [Pa], at least zero.
    temperature : array_like
        Temperature [K].
    creep_exponent : array_like
        Creep exponent n [1].
    creep_reference_stress : array_like
        Stress at 1e-3 /s and 298.15 K [Pa].
    creep_activation_energy : array_like
        Activation energy Q [J/mol].

    Returns
    -------
    array_like
        Strain rate [1/s], of the broadcast shape.

    References
    ----------
    Wang, Chang, Wolfenstine & Sakamoto, Materialia 12 (2020) 100792.
    """
    rate = arrhenius(REFERENCE_STRAIN_RATE, creep_activation_energy, temperature)
    return rate * positive_power(stress / creep_reference_stress, creep_exponent)


@in_si("Pa")
@kernel
def norton_stress(
    strain_rate: Numeric,
    temperature: Numeric,
    creep_exponent: Numeric,
    creep_reference_stress: Numeric,
    creep_activation_energy: Numeric,
) -> Numeric:
    """Stress at which power-law creep has a strain rate: the inverse of `norton_strain_rate`.

    Parameters
    ----------
    strain_rate : array_like
        Strain rate [1/s], at least zero.
    temperature : array_like
        Temperature [K].
    creep_exponent : array_like
        Creep exponent n [1].
    creep_reference_stress : array_like
        Stress at 1e-3 /s and 298.15 K [Pa].
    creep_activation_energy : array_like
        Activation energy Q [J/mol].

    Returns
    -------
    array_like
        Stress [Pa], of the broadcast shape.

    References
    ----------
    Wang, Chang, Wolfenstine & Sakamoto, Materialia 12 (2020) 100792.
    """
    rate = arrhenius(REFERENCE_STRAIN_RATE, creep_activation_energy, temperature)
    return creep_reference_stress * positive_power(strain_rate / rate, 1.0 / creep_exponent)


@in_si("A/m^2")
@kernel
def creep_fed_current_density(
    pressure: Numeric,
    metal_thickness: Numeric,
    temperature: Numeric,
    creep_current_at_9_MPa: Numeric,
    creep_pressure_exponent: Numeric,
    creep_activation_energy: Numeric,
) -> Numeric:
    """Creep-fed current density at the interface, as an empirical power of the pressure.

    ``j_cr = j_9 (metal thickness/500 um) (P/9 MPa)^m exp[-Q/R (1/T - 1/298.15 K)]``.

    Parameters
    ----------
    pressure : array_like
        Stack pressure [Pa], at least zero.
    metal_thickness : array_like
        Thickness of the metal [m].
    temperature : array_like
        Temperature [K].
    creep_current_at_9_MPa : array_like
        Current density fed by 500 um of metal at 9 MPa and 298.15 K [A/m^2].
    creep_pressure_exponent : array_like
        Exponent m of the pressure [1].
    creep_activation_energy : array_like
        Activation energy Q [J/mol].

    Returns
    -------
    array_like
        Current density [A/m^2], of the broadcast shape.

    References
    ----------
    Pressures and currents: Spencer Jolly et al. 2020, doi:10.1021/acsami.9b17786.
    """
    at_pressure = creep_current_at_9_MPa * positive_power(
        pressure / _REFERENCE_PRESSURE, creep_pressure_exponent
    )
    thickness_ratio = metal_thickness / _REFERENCE_METAL_THICKNESS
    return arrhenius(at_pressure * thickness_ratio, creep_activation_energy, temperature)


@in_si("A/m^2")
@kernel
def creep_fed_current_density_norton(
    pressure: Numeric,
    metal_thickness: Numeric,
    temperature: Numeric,
    creep_exponent: Numeric,
    creep_reference_stress: Numeric,
    creep_activation_energy: Numeric,
    constraint_factor: Numeric,
    molar_volume: Numeric,
) -> Numeric:
    """Creep-fed current density at the interface, from the creep law of the bulk metal.

    ``j_cr = F/V_m * metal thickness * strain rate(P/constraint factor)``.

    Parameters
    ----------
    pressure : array_like
        Stack pressure [Pa], at least zero.
    metal_thickness : array_like
        Thickness of the metal [m].
    temperature : array_like
        Temperature [K].
    creep_exponent : array_like
        Creep exponent n [1].
    creep_reference_stress : array_like
        Stress at 1e-3 /s and 298.15 K [Pa].
    creep_activation_energy : array_like
        Activation energy Q [J/mol].
    constraint_factor : array_like
        Factor by which a thin confined layer bears more than its flow stress [1].
    molar_volume : array_like
        Molar volume of the metal [m^3/mol].

    Returns
    -------
    array_like
        Current density [A/m^2], of the broadcast shape.

    References
    ----------
    Creep law: Wang, Chang, Wolfenstine & Sakamoto, Materialia 12 (2020) 100792.
    """
    strain_rate = norton_strain_rate(
        pressure / constraint_factor,
        temperature,
        creep_exponent,
        creep_reference_stress,
        creep_activation_energy,
    )
    return FARADAY / molar_volume * metal_thickness * strain_rate
