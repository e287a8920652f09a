"""Shape of a deposit under stack pressure."""

import numpy as np

from models.physics.arrhenius import arrhenius
from models.physics.backend import Numeric, in_si, softplus, where
from models.physics.constants import FARADAY, REFERENCE_STRAIN_RATE

__all__ = ["coverage_under_pressure", "deposit_thickness", "log_coverage_under_pressure"]


@in_si("1")
def log_coverage_under_pressure(
    time: Numeric,
    pressure: Numeric,
    temperature: Numeric,
    initial_coverage: Numeric,
    creep_exponent: Numeric,
    creep_reference_stress: Numeric,
    creep_activation_energy: Numeric,
    film_constraint_factor: Numeric,
) -> Numeric:
    """Log of the fraction of the electrode that islands cover after creeping under pressure.

    Islands of fixed volume bear the local stress ``P/(chi_f theta)``, so that
    ``theta^n = theta_0^n + n rate_0 (P/(chi_f sigma_0))^n t``, with the Arrhenius factor of creep
    on the rate, and ``theta/(1 + theta^8)^(1/8)`` keeps it below one.

    Parameters
    ----------
    time : array_like
        Time under pressure [s]: plating and rest together; at least zero.
    pressure : array_like
        Stack pressure [Pa], at least zero.
    temperature : array_like
        Temperature [K].
    initial_coverage : array_like
        Coverage without pressure [1].
    creep_exponent : array_like
        Creep exponent n [1].
    creep_reference_stress : array_like
        Stress at 1e-3 /s and 298.15 K [Pa].
    creep_activation_energy : array_like
        Activation energy [J/mol].
    film_constraint_factor : array_like
        Factor chi_f by which a thin island bears more than its flow stress [1].

    Returns
    -------
    array_like
        Natural logarithm of the coverage [1], of the broadcast shape; it keeps its digits where the
        coverage rounds to one.

    References
    ----------
    Derived, for the deposits of Jiao et al. (Na on carbon black, 1 M NaPF6/diglyme); creep law of
    Wang, Chang, Wolfenstine & Sakamoto, Materialia 12 (2020) 100792.
    """
    log_initial = np.log(initial_coverage)
    rate = arrhenius(REFERENCE_STRAIN_RATE, creep_activation_energy, temperature)
    creeping = (pressure > 0) & (time > 0)
    safe_time = where(creeping, time, 1.0)
    safe_pressure = where(creeping, pressure, creep_reference_stress)
    # Everything in logarithms, in ratio to theta_0^n.
    spread = np.log(creep_exponent * rate * safe_time) + creep_exponent * (
        np.log(safe_pressure / (film_constraint_factor * creep_reference_stress)) - log_initial
    )
    log_coverage = log_initial + where(creeping, softplus(spread) / creep_exponent, 0.0)
    return -softplus(-8.0 * log_coverage) / 8.0


@in_si("1")
def coverage_under_pressure(
    time: Numeric,
    pressure: Numeric,
    temperature: Numeric,
    initial_coverage: Numeric,
    creep_exponent: Numeric,
    creep_reference_stress: Numeric,
    creep_activation_energy: Numeric,
    film_constraint_factor: Numeric,
) -> Numeric:
    """Fraction of the electrode that islands of metal cover after creeping under pressure.

    Islands of fixed volume bear the local stress ``P/(chi_f theta)``, so that
    ``theta^n = theta_0^n + n rate_0 (P/(chi_f sigma_0))^n t``, with the Arrhenius factor of creep
    on the rate, and ``theta/(1 + theta^8)^(1/8)`` keeps it below one.

    Parameters
    ----------
    time : array_like
        Time under pressure [s]: plating and rest together; at least zero.
    pressure : array_like
        Stack pressure [Pa], at least zero.
    temperature : array_like
        Temperature [K].
    initial_coverage : array_like
        Coverage without pressure [1].
    creep_exponent : array_like
        Creep exponent n [1].
    creep_reference_stress : array_like
        Stress at 1e-3 /s and 298.15 K [Pa].
    creep_activation_energy : array_like
        Activation energy [J/mol].
    film_constraint_factor : array_like
        Factor chi_f by which a thin island bears more than its flow stress [1].

    Returns
    -------
    array_like
        Coverage [1], of the broadcast shape, between 0 and 1.

    References
    ----------
    Derived, for the deposits of Jiao et al. (Na on carbon black, 1 M NaPF6/diglyme); creep law of
    Wang, Chang, Wolfenstine & Sakamoto, Materialia 12 (2020) 100792.
    """
    return np.exp(
        log_coverage_under_pressure(
            time,
            pressure,
            temperature,
            initial_coverage,
            creep_exponent,
            creep_reference_stress,
            creep_activation_energy,
            film_constraint_factor,
        )
    )


@in_si("m")
def deposit_thickness(
    charge: Numeric, coverage: Numeric, apparent_density: Numeric, molar_volume: Numeric
) -> Numeric:
    """Thickness of the deposit where it covers the electrode.

    ``h = Q V_m/(F theta rho)``.

    Parameters
    ----------
    charge : array_like
        Areal charge plated [C/m^2].
    coverage : array_like
        Covered fraction of the electrode [1].
    apparent_density : array_like
        Density of the deposit in ratio to the dense metal [1].
    molar_volume : array_like
        Molar volume of the metal [m^3/mol].

    Returns
    -------
    array_like
        Thickness [m], of the broadcast shape.
    """
    return charge * molar_volume / (FARADAY * coverage * apparent_density)
