"""Void-free stripping against the diffusion-advection problem it solves, and its limits."""

import mpmath as mp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import solve_ivp
from scipy.sparse import diags

from models import physics

VOLUME = physics.MOLAR_VOLUME["Na"]
DIFFUSIVITY = 5.4e-13
DENSITY = physics.FARADAY / VOLUME
CREEP = 4.0
VELOCITY = CREEP / DENSITY
CREEP_TIME = 4.0 * DIFFUSIVITY / VELOCITY**2  # tau = 1
TAUS = np.array([0.01, 0.1, 1.0, 10.0])


def current_from_missing_fraction(missing):
    """Current at which the missing fraction, grown at a unit excess v, reaches one."""
    return DENSITY * VELOCITY * (1.0 + 1.0 / missing)


def finite_volumes(taus, cells=800):
    """Missing fraction u at the interface, u_t = u_xx + u_x with -(u_x + u) = 1 there.

    Lengths in D/v, times in D/v^2. Cells grow away from the interface.
    """
    faces = 45.0 * np.expm1(6.0 * np.linspace(0.0, 1.0, cells + 1)) / np.expm1(6.0)
    width, centre = np.diff(faces), (faces[1:] + faces[:-1]) / 2.0
    distance = np.diff(centre)
    share = (faces[1:-1] - centre[:-1]) / distance
    # Flux towards the interface through inner face i: u_x + u from the cells i and i + 1.
    from_near, from_far = -1.0 / distance + (1.0 - share), 1.0 / distance + share
    main = np.zeros(cells)
    main[:-1] += from_near / width[:-1]
    main[1:] -= from_far / width[1:]
    matrix = diags([-from_near / width[1:], main, from_far / width[:-1]], [-1, 0, 1], format="csc")
    source = np.zeros(cells)
    source[0] = 1.0 / width[0]
    times = 4.0 * taus
    solution = solve_ivp(
        lambda _, u: matrix @ u + source,
        (0.0, times[-1]),
        np.zeros(cells),
        method="BDF",
        t_eval=times,
        jac=matrix,
        rtol=1e-7,
        atol=1e-9,
    )
    first = solution.y[0]
    return first + (1.0 + first) * width[0] / 2.0  # u_x = -(1 + u) at the interface


def laplace_inversion(tau):
    """The same from the transformed problem, u = 2/(s (sqrt(1 + 4 s) - 1))."""
    transformed = mp.invertlaplace(
        lambda s: 2 / (s * (mp.sqrt(1 + 4 * s) - 1)), mp.mpf(4 * tau), method="talbot"
    )
    return float(transformed)


def test_void_free_current_agrees_with_the_diffusion_advection_equation():
    current = physics.void_free_current_density(
        TAUS * CREEP_TIME, DIFFUSIVITY, VOLUME, creep_current_density=CREEP
    )
    numerical = current_from_missing_fraction(finite_volumes(TAUS))
    assert_allclose(current - CREEP, numerical - CREEP, rtol=5e-4)


def test_void_free_current_agrees_with_the_inverted_laplace_transform():
    taus = np.array([1e-4, 1e-2, 0.3, 1.0, 5.0, 40.0])
    with mp.workdps(30):
        missing = np.array([laplace_inversion(tau) for tau in taus])
    current = physics.void_free_current_density(
        taus * CREEP_TIME, DIFFUSIVITY, VOLUME, 0.6, creep_current_density=CREEP
    )
    assert_allclose(current, 0.6 * current_from_missing_fraction(missing), rtol=1e-11)


def test_void_free_current_has_all_digits_from_tau_1e_12_to_1e12():
    taus = np.concatenate([np.logspace(-12, 12, 49), [0.03**2 * 0.999, 0.03**2 * 1.001]])
    with mp.workdps(40):
        roots = [mp.sqrt(mp.mpf(float(tau))) for tau in taus]
        excess = [
            float(
                1 / (2 * (x**2 + (x**2 + 0.5) * mp.erf(x) + x * mp.exp(-(x**2)) / mp.sqrt(mp.pi)))
            )
            for x in roots
        ]
    time = taus * CREEP_TIME
    current = physics.void_free_current_density(time, DIFFUSIVITY, VOLUME, 1.0, CREEP)
    assert_allclose(current / CREEP, 1.0 + np.array(excess), rtol=1e-13)
    # The log slope by differences of the logarithm of the diffusive share.
    step = 1e-4
    up, down = (
        physics.void_free_current_density(
            time * np.exp(sign * step), DIFFUSIVITY, VOLUME, 1.0, CREEP
        )
        - CREEP
        for sign in (1.0, -1.0)
    )
    slope = (down - up) / (2.0 * step) / current
    found = physics.void_free_log_slope(time, DIFFUSIVITY, VOLUME, 1.0, CREEP)
    assert np.isfinite(found).all()
    early = taus < 1e4  # later the differences have no digits left
    assert_allclose(found[early], np.log(slope[early]), atol=1e-6)
    assert_allclose(found[taus > 1e4], -np.log(4.0 * taus[taus > 1e4]), rtol=1e-4)


def test_without_creep_g_is_one_and_the_slope_is_one_half():
    time = np.logspace(-3, 9, 13)
    current = physics.void_free_current_density(time, DIFFUSIVITY, VOLUME, 0.6)
    assert_allclose(current, 0.3 * DENSITY * np.sqrt(np.pi * DIFFUSIVITY / time), rtol=1e-14)
    slope = physics.void_free_log_slope(time, DIFFUSIVITY, VOLUME, 0.6)
    assert_allclose(slope, np.log(0.5), rtol=1e-14)
    small = physics.void_free_current_density(time, DIFFUSIVITY, VOLUME, 0.6, 1e-12)
    assert_allclose(small, current, rtol=1e-9)


def test_adding_the_currents_would_overstate_the_time_eightfold_near_the_creep_current():
    current = 1.1 * CREEP
    added = np.pi * DIFFUSIVITY * (DENSITY / (2.0 * (current - CREEP))) ** 2
    exact = physics.void_free_time(current, DIFFUSIVITY, VOLUME, 1.0, CREEP)
    assert 8.0 < added / exact < 9.0


@pytest.mark.parametrize("creep", [0.0, 1e-9, 0.4, 4.0, 400.0])
def test_void_free_time_returns_the_time(creep):
    scale = 4.0 * DIFFUSIVITY * (DENSITY / max(creep, 1e-3)) ** 2
    time = np.logspace(-12, 2, 60) * scale
    current = physics.void_free_current_density(time, DIFFUSIVITY, VOLUME, 0.6, creep)
    found = physics.void_free_time(current, DIFFUSIVITY, VOLUME, 0.6, creep)
    assert_allclose(found, time, rtol=1e-8)
    never = physics.void_free_time(
        np.array([0.6 * creep * (1 - 1e-12), -1.0, np.nan]), DIFFUSIVITY, VOLUME, 0.6, creep
    )
    assert np.isposinf(never[:2]).all()
    assert np.isnan(never[2])


def test_void_free_current_at_charge_is_the_root_of_its_definition():
    charge = np.logspace(-3, 9, 200)[:, None, None]
    creep = np.array([0.0, 1e-9, 0.1, 10.0, 1e4])[:, None]
    factor = np.array([0.3, 1.0, 2.5])
    current = physics.void_free_current_density_at_charge(
        charge, DIFFUSIVITY, VOLUME, 0.6, creep, factor
    )
    again = factor * physics.void_free_current_density(
        charge / current, DIFFUSIVITY, VOLUME, 0.6, creep
    )
    assert_allclose(again, current, rtol=1e-12)
    trial = np.logspace(-3, 6, 2000)
    residual = np.log(
        physics.void_free_current_density(1e4 / trial, DIFFUSIVITY, VOLUME, 0.6, 5.0) / trial
    )
    assert (np.diff(residual) / np.diff(np.log(trial)) < -0.49).all()


def test_cell_factor_enters_the_void_threshold_squared_without_creep():
    def threshold(charge, creep, factor):
        return physics.void_free_current_density_at_charge(
            charge, DIFFUSIVITY, VOLUME, 0.6, creep, factor
        )

    closed = np.pi / 4.0 * (DENSITY * 0.6 * 0.5) ** 2 * DIFFUSIVITY / 1e4
    assert_allclose(threshold(1e4, 0.0, 0.5), closed, rtol=1e-14)
    capacity = physics.void_free_capacity(closed, DIFFUSIVITY, VOLUME, 0.3)
    assert_allclose(capacity, 1e4, rtol=1e-14)
    assert_allclose(threshold(np.inf, 5.0, 0.5), 1.5, rtol=1e-14)
    assert threshold(np.inf, 0.0, 0.5) == 0.0
    assert threshold(0.0, 5.0, 0.5) == np.inf
    assert np.isnan(threshold(1e4, np.nan, 0.5))
