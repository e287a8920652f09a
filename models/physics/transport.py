"""Transport of salt: limiting current, Sand's time, and the depletion clock between them.

Notes
-----
A symmetric cell of thickness L polarised at constant current depletes the electrolyte at one
electrode at the reduced time ``T = D t/(porosity N_M L^2)`` when

``j G(T) = F c0 D/((1 - t+) N_M L)``, with
``G(T) = 1/2 - (4/pi^2) sum_{k odd} exp(-k^2 pi^2 T)/k^2`` (fast for large T)
``     = 2 sqrt(T) [1/sqrt(pi) + 2 sum_{n>=1} (-1)^n ierfc(n/(2 sqrt T))]`` (fast for small T).

The two expansions are one function; each is used where three terms give ten digits.

It is long because one solution of the diffusion equation, its two expansions and its limits, is
read together.
"""

from collections.abc import Sequence
from functools import cache
from typing import Final, NamedTuple

import numpy as np
from scipy.interpolate import CubicSpline

from data.errors import InputError
from models.physics.backend import (
    Numeric,
    elementwise,
    erfc,
    in_si,
    is_xarray,
    kernel,
    maximum,
    where,
)
from models.physics.constants import FARADAY

__all__ = [
    "Layer",
    "depletion_current_density",
    "depletion_current_density_at_charge",
    "depletion_log_slope",
    "depletion_time",
    "limiting_current_density",
    "macmullin_number_from_porosity",
    "sand_time",
]


class Layer(NamedTuple):
    """One layer between the electrodes; open electrolyte has porosity and MacMullin number 1.

    Attributes
    ----------
    thickness : array_like
        Thickness [m].
    porosity : array_like
        Porosity [1].
    macmullin_number : array_like
        MacMullin number [1].
    """

    thickness: Numeric
    porosity: Numeric = 1.0
    macmullin_number: Numeric = 1.0


def macmullin_number_from_porosity(porosity: Numeric, pore_type: Numeric) -> Numeric:
    """MacMullin number expected of a separator whose own was not measured.

    ``1.4 porosity^-1.5`` for a polymer membrane, ``1/porosity`` for straight pores.

    Parameters
    ----------
    porosity : array_like
        Porosity [1].
    pore_type : str or array_like of str
        ``"polymer"`` or ``"straight"``, broadcast against the porosity.

    Returns
    -------
    array_like
        MacMullin number [1], of the broadcast shape.

    Raises
    ------
    data.errors.InputError
        If a pore type is unknown.
    """
    unknown = sorted(set(np.ravel(np.asarray(pore_type)).tolist()) - {"polymer", "straight"})
    if unknown:
        raise InputError(f"pore type {unknown[0]!r} is unknown; legal are 'polymer' and 'straight'")
    straight = (pore_type if is_xarray(pore_type) else np.asarray(pore_type)) == "straight"
    factor = where(straight, 1.0, 1.4)
    exponent = where(straight, -1.0, -1.5)
    return factor * porosity**exponent


@in_si("A/m^2")
def limiting_current_density(
    ambipolar_diffusivity: Numeric,
    transference_number: Numeric,
    concentration: Numeric,
    layers: Sequence[Layer],
) -> Numeric:
    """Steady current density at which the salt is exhausted at one electrode of a stack of layers.

    ``j_lim = F c0 D/(1 - t+) * int(porosity dx) / int(porosity R dx)`` with the resistance
    ``R(x) = int_0^x N_M dx'`` from the depleting electrode; for one uniform layer
    ``2 F c0 D/((1 - t+) N_M L)``.

    Parameters
    ----------
    ambipolar_diffusivity : array_like
        Ambipolar diffusivity of the salt [m^2/s].
    transference_number : array_like
        Transference number of the metal's cation [1].
    concentration : array_like
        Mean salt concentration [mol/m^3].
    layers : sequence of Layer
        Layers in order, from the depleting electrode to the supplying one.

    Returns
    -------
    array_like
        Limiting current density [A/m^2], of the broadcast shape.

    Raises
    ------
    data.errors.InputError
        If there is no layer.

    References
    ----------
    One layer: Ma & Bai, Adv. Energy Mater. 2022, doi:10.1002/aenm.202102967. A stack: steady
    diffusion with the salt in the stack conserved.
    """
    if not layers:
        raise InputError("a limiting current needs at least one layer, got none")
    resistance: Numeric = 0.0
    volume: Numeric = 0.0
    moment: Numeric = 0.0
    for thickness, porosity, macmullin_number in layers:
        moment = moment + porosity * thickness * (resistance + macmullin_number * thickness / 2.0)
        volume = volume + porosity * thickness
        resistance = resistance + macmullin_number * thickness
    strength = FARADAY * concentration * ambipolar_diffusivity / (1.0 - transference_number)
    return strength * volume / moment


@in_si("s")
def sand_time(
    current_density: Numeric,
    concentration: Numeric,
    ambipolar_diffusivity: Numeric,
    transference_number: Numeric,
    porosity: Numeric = 1.0,
    macmullin_number: Numeric = 1.0,
) -> Numeric:
    """Sand's time: depletion at an electrode far from the other one.

    ``t_s = pi porosity (D/N_M) [F c0/(2 j (1 - t+))]^2``.

    Parameters
    ----------
    current_density : array_like
        Current density [A/m^2].
    concentration : array_like
        Salt concentration [mol/m^3].
    ambipolar_diffusivity : array_like
        Ambipolar diffusivity of the salt [m^2/s].
    transference_number : array_like
        Transference number of the metal's cation [1].
    porosity, macmullin_number : array_like, optional
        Of the separator [1]; 1 is free electrolyte.

    Returns
    -------
    array_like
        Sand's time [s], of the broadcast shape.

    References
    ----------
    Ma & Bai, Adv. Energy Mater. 2022, doi:10.1002/aenm.202102967; Lu et al., Energy Technol. 2022,
    doi:10.1002/ente.202200149.
    """
    ratio = FARADAY * concentration / (2.0 * current_density * (1.0 - transference_number))
    return np.pi * porosity * ambipolar_diffusivity / macmullin_number * ratio**2


_SWITCH: Final = 0.15  # reduced time: both expansions hold here to 1e-11
_NO_IMAGE: Final = 5e-4  # reduced time: the other electrode is out of reach, exp(-500)


def _expansions(reduced_time: Numeric) -> tuple[Numeric, Numeric, Numeric, Numeric]:
    """Reduced time as each expansion may see it: choice, short, images of short, long."""
    short = reduced_time < _SWITCH
    time_short = where(short, reduced_time, _SWITCH)
    return short, time_short, maximum(time_short, _NO_IMAGE), maximum(reduced_time, _SWITCH)


_IMAGES: Final = ((-2.0, 1.0), (2.0, 2.0), (-2.0, 3.0))


def _image(weight: Numeric, order: Numeric, reach: Numeric) -> Numeric:
    """One reflected source in G; `reach` is ``1/(2 sqrt T)``."""
    z = order * reach
    return weight * (np.exp(-(z**2)) - np.sqrt(np.pi) * z * erfc(z))


def _image_rate(weight: Numeric, order: Numeric, exponent: Numeric) -> Numeric:
    """One reflected source in dG/dT; `exponent` is ``-1/(4 T)``."""
    return weight * np.exp(order**2 * exponent)


def _depletion(reduced_time: Numeric) -> Numeric:
    """``G(T)``."""
    short, time_short, time_images, time_long = _expansions(reduced_time)
    reach = 0.5 / np.sqrt(time_images)
    images = sum(_image(*each, reach) for each in _IMAGES)
    at_short = 2.0 * np.sqrt(time_short / np.pi) * (1.0 + images)
    return where(short, at_short, 0.5 - np.exp(_log_shortfall(time_long)))


def _log_shortfall(reduced_time: Numeric) -> Numeric:
    """``ln(1/2 - G(T))`` at long reduced times."""
    x = np.pi**2 * reduced_time
    return np.log(4.0 / np.pi**2) - x + np.log1p(np.exp(-8.0 * x) / 9.0 + np.exp(-24.0 * x) / 25.0)


def _log_depletion_rate(reduced_time: Numeric) -> Numeric:
    """``ln dG/dT``, linear in T at long times."""
    short, time_short, time_images, time_long = _expansions(reduced_time)
    images = sum(_image_rate(*each, -0.25 / time_images) for each in _IMAGES)
    at_short = np.log1p(images) - np.log(np.pi * time_short) / 2.0
    x = np.pi**2 * time_long
    at_long = np.log(4.0) - x + np.log1p(np.exp(-8.0 * x) + np.exp(-24.0 * x))
    return where(short, at_short, at_long)


def _log_slope(reduced_time: Numeric) -> Numeric:
    """``ln(d ln G/d ln T)``."""
    rate = _log_depletion_rate(reduced_time)
    return np.log(reduced_time) + rate - np.log(_depletion(reduced_time))


def _scales(
    concentration: Numeric,
    ambipolar_diffusivity: Numeric,
    transference_number: Numeric,
    thickness: Numeric,
    porosity: Numeric,
    macmullin_number: Numeric,
) -> tuple[Numeric, Numeric]:
    """Half the limiting current density [A/m^2] and the diffusion time [s]."""
    resistance = macmullin_number * thickness
    half_limit = (
        FARADAY * concentration * ambipolar_diffusivity / ((1.0 - transference_number) * resistance)
    )
    return half_limit, porosity * resistance * thickness / ambipolar_diffusivity


@in_si("A/m^2")
@kernel
def depletion_current_density(
    time: Numeric,
    concentration: Numeric,
    ambipolar_diffusivity: Numeric,
    transference_number: Numeric,
    thickness: Numeric,
    porosity: Numeric = 1.0,
    macmullin_number: Numeric = 1.0,
) -> Numeric:
    """Constant current density that depletes the electrolyte of a symmetric cell at a time.

    Sand's law at short times, the limiting current density at long ones.

    Parameters
    ----------
    time : array_like
        Time under current [s], positive.
    concentration : array_like
        Salt concentration [mol/m^3].
    ambipolar_diffusivity : array_like
        Ambipolar diffusivity of the salt [m^2/s].
    transference_number : array_like
        Transference number of the metal's cation [1].
    thickness : array_like
        Distance of the electrodes [m], filled by one uniform layer.
    porosity, macmullin_number : array_like, optional
        Of that layer [1]; 1 is free electrolyte.

    Returns
    -------
    array_like
        Current density [A/m^2], of the broadcast shape.

    See Also
    --------
    depletion_time : its inverse.

    References
    ----------
    Derived from the diffusion equation; its short-time limit is in Ma & Bai, Adv. Energy Mater.
    2022, doi:10.1002/aenm.202102967.
    """
    half_limit, diffusion_time = _scales(
        concentration,
        ambipolar_diffusivity,
        transference_number,
        thickness,
        porosity,
        macmullin_number,
    )
    return half_limit / _depletion(time / diffusion_time)


@in_si("1")
@kernel
def depletion_log_slope(
    time: Numeric,
    concentration: Numeric,
    ambipolar_diffusivity: Numeric,
    transference_number: Numeric,
    thickness: Numeric,
    porosity: Numeric = 1.0,
    macmullin_number: Numeric = 1.0,
) -> Numeric:
    """``ln |d ln j_S/d ln t|`` of `depletion_current_density`.

    ``ln 1/2`` at short times; at long times it falls linearly with time, without underflow.

    Parameters
    ----------
    time : array_like
        Time under current [s], positive.
    concentration : array_like
        Salt concentration [mol/m^3]; without effect.
    ambipolar_diffusivity : array_like
        Ambipolar diffusivity of the salt [m^2/s].
    transference_number : array_like
        Transference number of the metal's cation [1]; without effect.
    thickness : array_like
        Distance of the electrodes [m], filled by one uniform layer.
    porosity, macmullin_number : array_like, optional
        Of that layer [1]; 1 is free electrolyte.

    Returns
    -------
    array_like
        Natural logarithm of the slope [1], of the broadcast shape.
    """
    _, diffusion_time = _scales(
        concentration,
        ambipolar_diffusivity,
        transference_number,
        thickness,
        porosity,
        macmullin_number,
    )
    return _log_slope(time / diffusion_time)


_MAXIMAL_STEPS: Final = 50
_TOLERANCE: Final = 1e-13


def _depletion_root(value: Numeric, excess: Numeric) -> Numeric:
    """Solve ``G(T) = value`` for T, with ``excess = 1/2 - value`` > 0 (NumPy)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        late = excess < np.exp(_log_shortfall(_SWITCH))
        # Late: ln(1/2 - G) is linear in T up to exp(-8 pi^2 T), so that iterating it converges.
        log_excess = np.log(np.where(late, excess, 0.05))
        time_late = (np.log(4.0 / np.pi**2) - log_excess) / np.pi**2
        for _ in range(4):
            residual = _log_shortfall(np.maximum(time_late, _SWITCH)) - log_excess
            time_late = np.maximum(time_late, _SWITCH) + residual / np.pi**2
        # Early: Newton's method in ln T from Sand's law.
        early_value = np.where(late | ~(excess > 0.0), 0.25, value)
        log_time = np.log(np.pi / 4.0 * early_value**2)
        for _ in range(_MAXIMAL_STEPS):
            time = np.exp(log_time)
            current = _depletion(time)
            slope = time * np.exp(_log_depletion_rate(time)) / current
            step = np.log(current / early_value) / slope
            log_time = log_time - step
            if not np.any(abs(step) > _TOLERANCE):
                break
        root = np.where(late, time_late, np.exp(log_time))
        return np.where(excess > 0.0, root, np.where(np.isnan(excess), np.nan, np.inf))


@in_si("s")
def depletion_time(
    current_density: Numeric,
    concentration: Numeric,
    ambipolar_diffusivity: Numeric,
    transference_number: Numeric,
    thickness: Numeric,
    porosity: Numeric = 1.0,
    macmullin_number: Numeric = 1.0,
) -> Numeric:
    """Time at which a constant current density depletes the electrolyte of a symmetric cell.

    The inverse of `depletion_current_density`, for NumPy and xarray.

    Parameters
    ----------
    current_density : array_like
        Current density [A/m^2].
    concentration : array_like
        Salt concentration [mol/m^3].
    ambipolar_diffusivity : array_like
        Ambipolar diffusivity of the salt [m^2/s].
    transference_number : array_like
        Transference number of the metal's cation [1].
    thickness : array_like
        Distance of the electrodes [m], filled by one uniform layer.
    porosity, macmullin_number : array_like, optional
        Of that layer [1]; 1 is free electrolyte.

    Returns
    -------
    array_like
        Time [s], of the broadcast shape; infinite at or below the limiting current density.

    Raises
    ------
    TypeError
        If an argument is a PyTensor variable.
    """
    half_limit, diffusion_time = _scales(
        concentration,
        ambipolar_diffusivity,
        transference_number,
        thickness,
        porosity,
        macmullin_number,
    )

    def reduced_time(current: Numeric, half: Numeric) -> Numeric:
        with np.errstate(divide="ignore", invalid="ignore"):
            excess = np.where(current > 0.0, (current - 2.0 * half) / (2.0 * current), -1.0)
            excess = np.where(np.isnan(current + half), np.nan, excess)
            return _depletion_root(half / current, excess)

    return elementwise(reduced_time, current_density, half_limit) * diffusion_time


_INTERVALS: Final = 4096


@cache
def _charge_table() -> Numeric:
    """Cubic splines of ``1/G(T) - pi G_0/4``, ``G_0 = G/T``, in ``v = 1/(1 + G_0)``.

    The coefficients by interval. T/G grows with T, with a log-slope between 1/2 and 1: the root is
    unique, and Newton's method in ln T from the lesser of the two limits finds it. What Sand's law
    leaves of 1/G is 0 at v = 0 and tends to 2 at v = 1, with every derivative smooth.
    """
    v = np.linspace(0.0, 1.0, _INTERVALS + 1)
    charge = v[1:-1] / (1.0 - v[1:-1])
    log_charge = np.log(charge)
    log_time = np.minimum(2.0 * log_charge + np.log(4.0 / np.pi), log_charge - np.log(2.0))
    for _ in range(8):
        time = np.exp(log_time)
        value = _depletion(time)
        slope = time * np.exp(_log_depletion_rate(time)) / value
        log_time = log_time - (log_time - np.log(value) - log_charge) / (1.0 - slope)
    rest = np.exp(log_charge - log_time) - np.pi / 4.0 / charge
    coefficients = CubicSpline(v * _INTERVALS, np.concatenate([[0.0], rest, [2.0]])).c
    return np.ascontiguousarray(coefficients[::-1])


def _inverse_depletion_at_charge(reduced_charge: Numeric) -> Numeric:
    """``1/G(T)`` where ``T/G(T)`` is the reduced charge, to 1e-12 (NumPy)."""
    charge = np.atleast_1d(reduced_charge)
    place = charge + 1.0
    with np.errstate(invalid="ignore"):  # of no number: it stays none
        np.divide(charge, place, out=place)
        place[charge == np.inf] = 1.0
        place *= _INTERVALS
        node = place.astype(np.intp)
    place -= node
    # Taken with "clip", the right end lies at the end of the last interval.
    place[node == _INTERVALS] = 1.0
    constant, linear, square, cube = _charge_table()
    value = np.take(cube, node, mode="clip")
    buffer = np.empty_like(value)
    for coefficients in (square, linear, constant):
        value *= place
        value += np.take(coefficients, node, out=buffer, mode="clip")
    with np.errstate(divide="ignore"):
        value += np.divide(np.pi / 4.0, charge, out=buffer)
    return value.reshape(np.shape(reduced_charge))


@in_si("A/m^2")
def depletion_current_density_at_charge(
    charge: Numeric,
    concentration: Numeric,
    ambipolar_diffusivity: Numeric,
    transference_number: Numeric,
    thickness: Numeric,
    porosity: Numeric = 1.0,
    macmullin_number: Numeric = 1.0,
    cell_factor: Numeric = 1.0,
) -> Numeric:
    """Constant current density that depletes the electrolyte just when a charge has passed.

    The root of ``j = u j_S(Q/j)``, for NumPy and xarray. It is unique, and at short times u enters
    squared.

    Parameters
    ----------
    charge : array_like
        Areal charge [C/m^2], positive; infinite gives ``u`` times the limiting current density.
    concentration : array_like
        Salt concentration [mol/m^3].
    ambipolar_diffusivity : array_like
        Ambipolar diffusivity of the salt [m^2/s].
    transference_number : array_like
        Transference number of the metal's cation [1].
    thickness : array_like
        Distance of the electrodes [m], filled by one uniform layer.
    porosity, macmullin_number : array_like, optional
        Of that layer [1]; 1 is free electrolyte.
    cell_factor : array_like, optional
        Factor u of a cell on its threshold current density [1].

    Returns
    -------
    array_like
        Current density [A/m^2], of the broadcast shape.

    Raises
    ------
    TypeError
        If an argument is a PyTensor variable.
    """
    half_limit, diffusion_time = _scales(
        concentration,
        ambipolar_diffusivity,
        transference_number,
        thickness,
        porosity,
        macmullin_number,
    )
    strength = cell_factor * half_limit

    def current(reduced_charge: Numeric, strength: Numeric) -> Numeric:
        return strength * _inverse_depletion_at_charge(reduced_charge)

    return elementwise(current, charge / (diffusion_time * strength), strength)
