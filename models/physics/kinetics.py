"""Charge-transfer kinetics: Marcus-Hush-Chidsey and the laws it is compared with.

All laws are odd in the overpotential, smooth through zero, and have the slope ``j0 F / (R T)``
there. Deposition is positive.

Notes
-----
With ``h = F eta/(R T)`` and ``L = lambda/kT`` the Marcus-Hush-Chidsey integral is

``k(h) = exp(h/2 - L/4) * integral exp[-(x - h)^2/(4 L)] / (2 cosh(x/2)) dx``,

whose last factor is even in h. Expanding ``1/(2 cosh(x/2)) = sum (-1)^n exp[-(n + 1/2)|x|]`` turns
it into an alternating series of scaled error functions. Its terms are the moments of a positive
measure, so that the Chebyshev weights of Cohen, Rodriguez Villegas and Zagier sum it with a
relative error below ``2 (3 + sqrt 8)^-N``, everywhere: 1e-11 for the N = 15 terms used here, with
no quadrature range to choose and no cancellation.
"""

import warnings
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from models.physics.backend import (
    Numeric,
    erfc,
    erfcx,
    in_si,
    is_pytensor,
    kernel,
    maximum,
    minimum,
    sum_over_nodes,
    where,
)
from models.physics.constants import thermal_voltage

__all__ = [
    "KINETICS",
    "MarcusInversionWarning",
    "butler_volmer_current_density",
    "marcus_hush_chidsey_current_density",
    "marcus_hush_chidsey_rate",
    "marcus_hush_chidsey_rate_zeng",
    "marcus_hush_chidsey_zeng_approximation",
    "marcus_hush_current_density",
]


class MarcusInversionWarning(UserWarning):
    """The Marcus-Hush law is used beyond its maximum, where its rate falls with overpotential."""


def _alternating_weights(terms: int) -> np.ndarray[Any, Any]:
    """Chebyshev weights, signs included, that sum an alternating series of moments."""
    d = (3.0 + np.sqrt(8.0)) ** terms
    d = (d + 1.0 / d) / 2.0
    b, c = -1.0, -d
    weights = np.empty(terms)
    for k in range(terms):
        c = b - c
        weights[k] = c / d
        b *= (k + terms) * (k - terms) / ((k + 0.5) * (k + 1.0))
    return weights


_TERMS: Final = 15
_NODES: Final = (_alternating_weights(_TERMS), np.arange(_TERMS) + 0.5)


@kernel
def _rate_term(weight: Numeric, order: Numeric, h: Numeric, reorganization: Numeric) -> Numeric:
    """One term of ``exp(h/2) * integral / sqrt(pi L)``, for h >= 0."""
    root = np.sqrt(reorganization)
    near = root * order - h / (2.0 * root)
    far = root * order + h / (2.0 * root)
    gaussian = h / 2.0 - h**2 / (4.0 * reorganization)
    # exp(near^2) is taken out of the error function where it would overflow.
    exponent = where(near < 0.0, h / 2.0 + order * (reorganization * order - h), gaussian)
    scaled = erfcx(maximum(near, 0.0)) + (erfc(minimum(near, 0.0)) - 1.0)
    return weight * (np.exp(exponent) * scaled + np.exp(gaussian) * erfcx(far))


@kernel
def _rate_at_zero_term(weight: Numeric, order: Numeric, reorganization: Numeric) -> Numeric:
    """One term of the same at h = 0."""
    return 2.0 * weight * erfcx(np.sqrt(reorganization) * order)


@kernel
def _odd_factor(h: Numeric) -> Numeric:
    """``2 sinh(h/2) exp(-|h|/2)``, the growth being in the rate."""
    return np.tanh(h / 2.0) * (1.0 + np.exp(-abs(h)))


def _reduced(
    overpotential: Numeric, reorganization_energy: Numeric, temperature: Numeric
) -> tuple[Numeric, Numeric]:
    """Overpotential and reorganization energy in units of the thermal voltage."""
    scale = thermal_voltage(temperature)
    return overpotential / scale, reorganization_energy / scale


def marcus_hush_chidsey_rate(
    overpotential: Numeric, reorganization_energy: Numeric, temperature: Numeric
) -> Numeric:
    """Marcus-Hush-Chidsey integral of the forward (depositing) rate, unnormalised.

    ``k(eta) = integral exp[-(x - (lambda - e eta)/kT)^2 / (4 lambda/kT)] / (1 + e^x) dx``.

    Parameters
    ----------
    overpotential : array_like
        Overpotential [V], deposition positive.
    reorganization_energy : array_like
        Reorganization energy [eV].
    temperature : array_like
        Temperature [K].

    Returns
    -------
    array_like
        The integral [1], of the broadcast shape.

    References
    ----------
    Zeng, Smith, Bai & Bazant, J. Electroanal. Chem. 735 (2014) 77,
    doi:10.1016/j.jelechem.2014.09.038.
    """
    h, reorganization = _reduced(overpotential, reorganization_energy, temperature)
    size = abs(h)
    total = sum_over_nodes(_rate_term, _NODES, size, reorganization)
    return np.sqrt(np.pi * reorganization) * np.exp((h - size - reorganization / 2.0) / 2.0) * total


def marcus_hush_chidsey_rate_zeng(
    overpotential: Numeric, reorganization_energy: Numeric, temperature: Numeric
) -> Numeric:
    """Closed-form approximation of `marcus_hush_chidsey_rate`, unnormalised.

    ``k = sqrt(pi L)/(1 + e^-h) erfc[(L - sqrt(1 + sqrt L + h^2))/(2 sqrt L)]``. At a reorganization
    energy of 160 meV it is 6.6 % too low at zero overpotential and 5.3 % too high at 5 kT.

    Parameters
    ----------
    overpotential : array_like
        Overpotential [V], deposition positive.
    reorganization_energy : array_like
        Reorganization energy [eV].
    temperature : array_like
        Temperature [K].

    Returns
    -------
    array_like
        The approximated integral [1], of the broadcast shape.

    References
    ----------
    Zeng, Smith, Bai & Bazant, J. Electroanal. Chem. 735 (2014) 77,
    doi:10.1016/j.jelechem.2014.09.038.
    """
    h, reorganization = _reduced(overpotential, reorganization_energy, temperature)
    occupation = (1.0 + np.tanh(h / 2.0)) / 2.0
    return np.sqrt(np.pi * reorganization) * occupation * _zeng_erfc(h, reorganization)


@kernel
def _zeng_erfc(h: Numeric, reorganization: Numeric) -> Numeric:
    root = np.sqrt(reorganization)
    return erfc((reorganization - np.sqrt(1.0 + root + h**2)) / (2.0 * root))


@in_si("A/m^2")
def marcus_hush_chidsey_current_density(
    overpotential: Numeric,
    exchange_current_density: Numeric,
    reorganization_energy: Numeric,
    temperature: Numeric,
) -> Numeric:
    """Net current density of Marcus-Hush-Chidsey kinetics.

    ``j = j0 k(eta)/k(0) (1 - exp(-eta/kT))`` for eta >= 0, odd in eta; `exchange_current_density`
    is the true exchange current density, not an unnormalised prefactor.

    Parameters
    ----------
    overpotential : array_like
        Overpotential [V], deposition positive.
    exchange_current_density : array_like
        Exchange current density [A/m^2].
    reorganization_energy : array_like
        Reorganization energy [eV].
    temperature : array_like
        Temperature [K].

    Returns
    -------
    array_like
        Current density [A/m^2], of the broadcast shape. Its relative error is below 1e-10 for
        reorganization energies of 0.02 to 1.5 eV, overpotentials up to 1 V and 250 to 400 K.

    References
    ----------
    Zeng, Smith, Bai & Bazant, J. Electroanal. Chem. 735 (2014) 77,
    doi:10.1016/j.jelechem.2014.09.038; used for sodium by Ma & Bai, Adv. Energy Mater. 2022,
    doi:10.1002/aenm.202102967.
    """
    h, reorganization = _reduced(overpotential, reorganization_energy, temperature)
    size = abs(h)
    rate = sum_over_nodes(_rate_term, _NODES, size, reorganization)
    rate_at_zero = sum_over_nodes(_rate_at_zero_term, _NODES, reorganization)
    return exchange_current_density * _odd_factor(h) * (rate / rate_at_zero)


@in_si("A/m^2")
def marcus_hush_chidsey_zeng_approximation(
    overpotential: Numeric,
    exchange_current_density: Numeric,
    reorganization_energy: Numeric,
    temperature: Numeric,
) -> Numeric:
    """Net current density from the closed-form approximation of the Marcus-Hush-Chidsey rate.

    Offered for comparison with published fits only: see `marcus_hush_chidsey_rate_zeng` for its
    errors. Normalised by its own value at zero overpotential.

    Parameters
    ----------
    overpotential : array_like
        Overpotential [V], deposition positive.
    exchange_current_density : array_like
        Exchange current density [A/m^2].
    reorganization_energy : array_like
        Reorganization energy [eV].
    temperature : array_like
        Temperature [K].

    Returns
    -------
    array_like
        Current density [A/m^2], of the broadcast shape.

    References
    ----------
    Zeng, Smith, Bai & Bazant, J. Electroanal. Chem. 735 (2014) 77,
    doi:10.1016/j.jelechem.2014.09.038.
    """
    h, reorganization = _reduced(overpotential, reorganization_energy, temperature)
    ratio = _zeng_erfc(h, reorganization) / _zeng_erfc(0.0, reorganization)
    return exchange_current_density * 2.0 * np.tanh(h / 2.0) * ratio


@in_si("A/m^2")
def butler_volmer_current_density(
    overpotential: Numeric, exchange_current_density: Numeric, temperature: Numeric
) -> Numeric:
    """Net current density of symmetric Butler-Volmer kinetics, ``2 j0 sinh(eta/2kT)``.

    The limit of Marcus-Hush-Chidsey kinetics for large reorganization energies.

    Parameters
    ----------
    overpotential : array_like
        Overpotential [V], deposition positive.
    exchange_current_density : array_like
        Exchange current density [A/m^2].
    temperature : array_like
        Temperature [K].

    Returns
    -------
    array_like
        Current density [A/m^2], of the broadcast shape.
    """
    return (
        2.0 * exchange_current_density * np.sinh(overpotential / thermal_voltage(temperature) / 2)
    )


@in_si("A/m^2")
def marcus_hush_current_density(
    overpotential: Numeric,
    exchange_current_density: Numeric,
    reorganization_energy: Numeric,
    temperature: Numeric,
) -> Numeric:
    """Net current density of Marcus-Hush kinetics.

    ``j = j0 k(eta)/k(0) (1 - exp(-eta/kT))``, ``k ~ exp[-(lambda - e eta)^2/(4 lambda kT)]``, which
    is ``2 j0 sinh(eta/2kT) exp[-(e eta)^2/(4 lambda kT)]``, odd in eta.

    Parameters
    ----------
    overpotential : array_like
        Overpotential [V], deposition positive.
    exchange_current_density : array_like
        Exchange current density [A/m^2].
    reorganization_energy : array_like
        Reorganization energy [eV].
    temperature : array_like
        Temperature [K].

    Returns
    -------
    array_like
        Current density [A/m^2], of the broadcast shape.

    Warns
    -----
    MarcusInversionWarning
        If an overpotential exceeds the reorganization energy (NumPy and xarray only): the rate
        falls there, which metal electrodes do not show.
    """
    if not is_pytensor(overpotential, reorganization_energy):
        inverted = np.asarray(abs(overpotential) > reorganization_energy)
        if inverted.any():
            warnings.warn(
                f"Marcus-Hush kinetics is inverted at {int(inverted.sum())} of {inverted.size} "
                "points, where the overpotential exceeds the reorganization energy and the rate "
                "falls with overpotential; use marcus_hush_chidsey",
                MarcusInversionWarning,
                stacklevel=3,
            )
    h, reorganization = _reduced(overpotential, reorganization_energy, temperature)
    return exchange_current_density * _marcus_factor(h, reorganization)


@kernel
def _marcus_factor(h: Numeric, reorganization: Numeric) -> Numeric:
    """``2 sinh(h/2) exp[-h^2/(4 L)]``."""
    size = abs(h)
    return _odd_factor(h) * np.exp(size / 2.0 - h**2 / (4.0 * reorganization))


def _butler_volmer(
    overpotential: Numeric,
    exchange_current_density: Numeric,
    reorganization_energy: Numeric,  # noqa: ARG001 - all laws are called alike
    temperature: Numeric,
) -> Numeric:
    return butler_volmer_current_density(overpotential, exchange_current_density, temperature)


KINETICS: Final[dict[str, Callable[..., Numeric]]] = {
    "marcus_hush_chidsey": marcus_hush_chidsey_current_density,
    "butler_volmer": _butler_volmer,
    "marcus_hush": marcus_hush_current_density,
}
"""Kinetics laws by name, all called as ``law(overpotential [V], exchange_current_density [A/m^2],
reorganization_energy [eV], temperature [K])``."""
