"""Stripping against a solid electrolyte: how long the metal is resupplied before voids open.

Notes
-----
Metal creeps towards the interface with the velocity ``v = j_cr V_m/F`` while vacancies diffuse away
from it: ``u_t = D u_xx + v u_x`` for the missing fraction u of the metal, with the flux
``-(D u_x + v u) = V_m j/F - v`` at the interface. Voids open when u reaches 1 there. With
``x = v sqrt(t)/(2 sqrt(D))``, that is ``tau = x^2``,

``j = j_cr + g(tau) (F/V_m)/2 sqrt(pi D/t)``, ``g = 2 x/(sqrt(pi) H)``,
``H = x^2 + (x^2 + 1/2) erf(x) + x exp(-x^2)/sqrt(pi)``.

Everything below is written with ``H/x``, which is ``2/sqrt(pi)`` without creep and ``2 x`` when
creep dominates: smooth in the creep current at and above zero. Each of the two roots is that of one
increasing function of x.
"""

from collections.abc import Callable
from functools import cache
from typing import Final

import numpy as np
from scipy.interpolate import CubicSpline

from models.physics.backend import Numeric, elementwise, erf, in_si, kernel, minimum, where
from models.physics.constants import FARADAY

__all__ = [
    "metal_capacity",
    "void_free_capacity",
    "void_free_current_density",
    "void_free_current_density_at_charge",
    "void_free_log_slope",
    "void_free_time",
]

_SMALL: Final = 0.03  # below it the series of erf(x)/x has all digits


def _h_over_x(x: Numeric) -> Numeric:
    """``H(x)/x``."""
    large = x > _SMALL
    x_large = where(large, x, 1.0)
    x2 = where(large, 0.0, x) ** 2
    series = 1.0 - x2 / 3.0 + x2**2 / 10.0 - x2**3 / 42.0 + x2**4 / 216.0
    erf_over_x = where(large, erf(x_large) / x_large, 2.0 / np.sqrt(np.pi) * series)
    return x + (x**2 + 0.5) * erf_over_x + np.exp(-(x**2)) / np.sqrt(np.pi)


def _h_derivative(x: Numeric) -> Numeric:
    """``dH/dx``."""
    return 2.0 * x * (1.0 + erf(x)) + 2.0 / np.sqrt(np.pi) * np.exp(-(x**2))


def _log_slope(x: Numeric) -> Numeric:
    """``ln |d ln j_V/d ln t|``."""
    h_over_x = _h_over_x(x)
    # The diffusive part of the current is j_cr/(2 H): its share of the whole is 1/(1 + 2 H).
    part = 1.0 / (1.0 + 2.0 * x * h_over_x)
    return np.log(part * _h_derivative(x) / (2.0 * h_over_x))


def _creep_to_diffusion(
    time: Numeric, self_diffusivity: Numeric, molar_volume: Numeric, creep_current_density: Numeric
) -> Numeric:
    """``x = v sqrt(t)/(2 sqrt(D))``."""
    velocity = creep_current_density * molar_volume / FARADAY
    return velocity / 2.0 * np.sqrt(time / self_diffusivity)


@in_si("A/m^2")
@kernel
def void_free_current_density(
    time: Numeric,
    self_diffusivity: Numeric,
    molar_volume: Numeric,
    supply_factor: Numeric = 1.0,
    creep_current_density: Numeric = 0.0,
) -> Numeric:
    """Constant stripping current density at which voids open at a time.

    ``j_V = f [j_cr + g(tau) (F/V_m)/2 sqrt(pi D/t)]``: self-diffusion against the creep flow,
    solved exactly. Adding the two currents (g = 1) overstates the time by ``1/g^2``:
    eightfold at a tenth above the creep current, and without bound closer to it.

    Parameters
    ----------
    time : array_like
        Time under current [s], positive.
    self_diffusivity : array_like
        Self-diffusivity of the metal [m^2/s].
    molar_volume : array_like
        Molar volume of the metal [m^3/mol].
    supply_factor : array_like, optional
        Supply factor f [1]: below 1 for partial contact, above 1 with fast grain boundaries.
    creep_current_density : array_like, optional
        Current density fed by creep [A/m^2], at least zero.

    Returns
    -------
    array_like
        Current density [A/m^2], of the broadcast shape. The metal is taken as endless: it holds
        only for charges below `metal_capacity`.

    See Also
    --------
    void_free_time : its inverse.

    References
    ----------
    Without creep: Tsai et al., J. Power Sources 476 (2020) 228666 (called Cottrell's there; it is
    Sand's law) and Lu et al., Energy Technol. 2022, doi:10.1002/ente.202200149, Eqs. 11-12. With
    creep: derived from the diffusion-advection equation.
    """
    x = _creep_to_diffusion(time, self_diffusivity, molar_volume, creep_current_density)
    g = 2.0 / (np.sqrt(np.pi) * _h_over_x(x))
    diffusion = FARADAY / molar_volume / 2.0 * np.sqrt(np.pi * self_diffusivity / time)
    return supply_factor * (creep_current_density + g * diffusion)


@in_si("1")
@kernel
def void_free_log_slope(
    time: Numeric,
    self_diffusivity: Numeric,
    molar_volume: Numeric,
    supply_factor: Numeric = 1.0,  # noqa: ARG001 - same arguments as the law it belongs to
    creep_current_density: Numeric = 0.0,
) -> Numeric:
    """``ln |d ln j_V/d ln t|`` of `void_free_current_density`.

    ``ln 1/2`` without creep.

    Parameters
    ----------
    time : array_like
        Time under current [s], positive.
    self_diffusivity : array_like
        Self-diffusivity of the metal [m^2/s].
    molar_volume : array_like
        Molar volume of the metal [m^3/mol].
    supply_factor : array_like, optional
        Supply factor [1]; without effect.
    creep_current_density : array_like, optional
        Current density fed by creep [A/m^2], at least zero.

    Returns
    -------
    array_like
        Natural logarithm of the slope [1], of the broadcast shape.
    """
    x = _creep_to_diffusion(time, self_diffusivity, molar_volume, creep_current_density)
    return _log_slope(x)


_MAXIMAL_STEPS: Final = 60
_TOLERANCE: Final = 1e-14


def _newton(
    start: Numeric, value: Numeric, function: Callable[[Numeric], tuple[Numeric, Numeric]]
) -> Numeric:
    """Solve ``function(x) = value`` elementwise; the function returns value and derivative."""
    x = start
    for _ in range(_MAXIMAL_STEPS):
        current, derivative = function(x)
        following = np.maximum(x - (current - value) / derivative, x / 4.0)
        moved = abs(following - x) > _TOLERANCE * following
        x = following
        if not np.any(moved):
            break
    return x


def _h_root(value: Numeric) -> Numeric:
    """Solve ``H(x) = value`` (NumPy); H is increasing and convex."""
    value = np.minimum(value, 1e100)
    start = np.minimum(np.sqrt(np.pi) / 2.0 * value, np.sqrt(value / 2.0))
    return _newton(start, value, lambda x: (x * _h_over_x(x), _h_derivative(x)))


@in_si("s")
def void_free_time(
    current_density: Numeric,
    self_diffusivity: Numeric,
    molar_volume: Numeric,
    supply_factor: Numeric = 1.0,
    creep_current_density: Numeric = 0.0,
) -> Numeric:
    """Time at which a constant stripping current density opens voids.

    The inverse of `void_free_current_density`, for NumPy and xarray.

    Parameters
    ----------
    current_density : array_like
        Current density [A/m^2].
    self_diffusivity : array_like
        Self-diffusivity of the metal [m^2/s].
    molar_volume : array_like
        Molar volume of the metal [m^3/mol].
    supply_factor : array_like, optional
        Supply factor f [1].
    creep_current_density : array_like, optional
        Current density fed by creep [A/m^2], at least zero.

    Returns
    -------
    array_like
        Time [s], of the broadcast shape; infinite at or below ``f j_cr``. The metal may be
        exhausted earlier: see `metal_capacity`.

    Raises
    ------
    TypeError
        If an argument is a PyTensor variable.
    """

    def time(excess: Numeric, creep: Numeric, scale: Numeric) -> Numeric:
        positive = excess > 0.0
        safe = np.where(positive, excess, 1.0)
        with np.errstate(over="ignore"):
            h_over_x = _h_over_x(_h_root(np.where(positive, creep / (2.0 * safe), 0.0)))
            finite = (scale / (safe * h_over_x)) ** 2
        return np.where(positive, finite, np.where(np.isnan(excess), np.nan, np.inf))

    excess = current_density / supply_factor - creep_current_density
    scale = FARADAY / molar_volume * np.sqrt(self_diffusivity)
    return elementwise(time, excess, creep_current_density, scale)


def _charge_function(x: Numeric) -> tuple[Numeric, Numeric]:
    """``x^2 [1 + 1/(2 H)]`` and its derivative."""
    h_over_x = _h_over_x(x)
    value = x * (x + 0.5 / h_over_x)
    derivative = 2.0 * x + (1.0 - _h_derivative(x) / (2.0 * h_over_x)) / h_over_x
    return value, derivative


_INTERVALS: Final = 2048
_SLOPE: Final = np.sqrt(np.pi) / 4.0  # of _charge_function at 0


@cache
def _charge_table() -> Numeric:
    """Cubic splines of ``(x + x/(2 H)) x/H`` in ``v = y/(1 + y)``, coefficients by interval.

    ``x`` is the root of _charge_function for a target, ``y`` that of ``y^2 + _SLOPE y``, which is
    close to it at both ends: the function of v is smooth on all of [0, 1].
    """
    v = np.linspace(0.0, 1.0, _INTERVALS + 1)
    y = v[:-1] / (1.0 - v[:-1])
    x = _newton(y, y * (y + _SLOPE), _charge_function)
    h_over_x = _h_over_x(x)
    values = np.append((x + 0.5 / h_over_x) / h_over_x, 0.5)
    coefficients = CubicSpline(v * _INTERVALS, values).c
    return np.ascontiguousarray(coefficients[::-1])


def _diffusion_at_charge(target: Numeric) -> Numeric:
    """``(x + x/(2 H)) x/H`` where ``_charge_function(x)`` is the target, to 1e-12 (NumPy)."""
    place = 2.0 * np.atleast_1d(target)
    below = 2.0 * place
    below += _SLOPE**2
    np.sqrt(below, out=below)
    below += _SLOPE
    below += place
    place /= below
    place *= _INTERVALS
    with np.errstate(invalid="ignore"):  # of no number: it stays none
        node = place.astype(np.intp)
    place -= node
    constant, linear, square, cube = _charge_table()
    # Taken with "clip", the right end lies at the end of the last interval.
    place[node == _INTERVALS] = 1.0
    value = np.take(cube, node, mode="clip")
    for coefficients in (square, linear, constant):
        value *= place
        value += np.take(coefficients, node, out=below, mode="clip")
    return value.reshape(np.shape(target))


@in_si("A/m^2")
def void_free_current_density_at_charge(
    charge: Numeric,
    self_diffusivity: Numeric,
    molar_volume: Numeric,
    supply_factor: Numeric = 1.0,
    creep_current_density: Numeric = 0.0,
    cell_factor: Numeric = 1.0,
) -> Numeric:
    """Constant stripping current density at which voids open just when a charge has passed.

    The root of ``j = u j_V(Q/j)``, for NumPy and xarray. It is unique; without creep it is
    ``pi/4 (F/V_m)^2 (u f)^2 D/Q``, where u enters squared.

    Parameters
    ----------
    charge : array_like
        Areal charge [C/m^2], positive; infinite gives ``u f j_cr``. Charges above `metal_capacity`
        are not in the metal, which the caller has to mind.
    self_diffusivity : array_like
        Self-diffusivity of the metal [m^2/s].
    molar_volume : array_like
        Molar volume of the metal [m^3/mol].
    supply_factor : array_like, optional
        Supply factor f [1].
    creep_current_density : array_like, optional
        Current density fed by creep [A/m^2], at least zero.
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
    strength = supply_factor * cell_factor
    scale = 2.0 * self_diffusivity * (FARADAY / molar_volume) ** 2 * strength
    # What does not depend on the charge is taken together first: its shape may be the smaller one.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = np.divide(creep_current_density, 2.0 * scale)

    def diffusion(charge: Numeric, ratio: Numeric) -> Numeric:
        # With j = u f j_cr [1 + 1/(2 H)] and t = Q/j the root is that of _charge_function.
        with np.errstate(invalid="ignore", over="ignore"):
            target = charge * ratio
        if not np.all(np.isfinite(charge)):
            target = np.where(ratio == 0.0, 0.0, target)
        return _diffusion_at_charge(np.minimum(target, 1e100))

    share = elementwise(diffusion, charge, ratio)
    with np.errstate(divide="ignore"):
        amplitude = np.divide(strength * scale, charge)  # a charge may be a plain 0
    return strength * creep_current_density + amplitude * share


@in_si("C/m^2")
def void_free_capacity(
    current_density: Numeric,
    self_diffusivity: Numeric,
    molar_volume: Numeric,
    supply_factor: Numeric = 1.0,
    metal_thickness: Numeric = np.inf,
) -> Numeric:
    """Charge that can be stripped without voids and without creep.

    ``C = pi/4 (F/V_m)^2 f^2 D/j``, and never more than the metal holds.

    Parameters
    ----------
    current_density : array_like
        Current density [A/m^2].
    self_diffusivity : array_like
        Self-diffusivity of the metal [m^2/s].
    molar_volume : array_like
        Molar volume of the metal [m^3/mol].
    supply_factor : array_like, optional
        Supply factor f [1].
    metal_thickness : array_like, optional
        Thickness of the metal [m]; endless by default.

    Returns
    -------
    array_like
        Areal charge [C/m^2], of the broadcast shape.

    References
    ----------
    Tsai et al., J. Power Sources 476 (2020) 228666.
    """
    density = FARADAY / molar_volume
    diffusive = np.pi / 4.0 * (density * supply_factor) ** 2 * self_diffusivity / current_density
    return minimum(diffusive, metal_capacity(metal_thickness, molar_volume))


@in_si("C/m^2")
def metal_capacity(metal_thickness: Numeric, molar_volume: Numeric) -> Numeric:
    """Charge that a layer of metal holds, ``F thickness/V_m``.

    Parameters
    ----------
    metal_thickness : array_like
        Thickness of the metal [m].
    molar_volume : array_like
        Molar volume of the metal [m^3/mol].

    Returns
    -------
    array_like
        Areal charge [C/m^2], of the broadcast shape.
    """
    return FARADAY * metal_thickness / molar_volume
