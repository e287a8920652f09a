"""Marcus-Hush-Chidsey kinetics against high-precision quadrature, and its limits."""

import itertools
import warnings

import mpmath as mp
import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import least_squares

from models import physics

TEMPERATURES = (250.0, 298.15, 400.0)
REORGANIZATION = (0.02, 0.08, 0.16015, 0.5, 1.5)
OVERPOTENTIALS = (1e-9, 1e-3, 0.03, 0.1085, 0.3, 1.0)
GRID = list(itertools.product(OVERPOTENTIALS, REORGANIZATION, TEMPERATURES))


def reference_rate(overpotential, reorganization_energy, temperature):
    """k(eta) of the definition, by a trapezoid that converges exponentially, 1e-25."""
    kt = mp.mpf(physics.GAS_CONSTANT) * mp.mpf(temperature) / mp.mpf(physics.FARADAY)
    h, size = mp.mpf(overpotential) / kt, mp.mpf(reorganization_energy) / kt
    reach = 2 * mp.sqrt(size) * 9
    step = mp.mpf(1) / 3
    low, high = int((-size - h - reach) / step) - 1, int((size - h + reach) / step) + 1
    values = (
        mp.exp(-((i * step - size + h) ** 2) / (4 * size)) / (1 + mp.exp(i * step))
        for i in range(low, high + 1)
    )
    return step * mp.fsum(values)


def reference_current(overpotential, reorganization_energy, temperature):
    kt = mp.mpf(physics.GAS_CONSTANT) * mp.mpf(temperature) / mp.mpf(physics.FARADAY)
    ratio = reference_rate(overpotential, reorganization_energy, temperature) / reference_rate(
        0, reorganization_energy, temperature
    )
    return ratio * -mp.expm1(-mp.mpf(overpotential) / kt)


@pytest.fixture(scope="module", autouse=True)
def _precision():
    with mp.workdps(30):
        yield


@pytest.fixture(scope="module")
def exact():
    return np.array([float(reference_current(*point)) for point in GRID])


def test_reference_trapezoid_agrees_with_adaptive_quadrature():
    kt = physics.thermal_voltage(298.15)
    h, size = mp.mpf(0.1085 / kt), mp.mpf(0.16015 / kt)
    adaptive = mp.quad(
        lambda x: mp.exp(-((x - size + h) ** 2) / (4 * size)) / (1 + mp.exp(x)),
        [-80, -40, -20, -10, -5, 0, 5, 10, 20, 40, 80],
    )
    assert abs(reference_rate(0.1085, 0.16015, 298.15) / adaptive - 1) < mp.mpf(10) ** -13


def test_mhc_current_and_rate_agree_with_quadrature_over_the_whole_range(exact):
    eta, lam, temperature = np.array(GRID).T
    current = physics.marcus_hush_chidsey_current_density(eta, 2.0, lam, temperature)
    assert_allclose(current, 2.0 * exact, rtol=1e-11)
    reverse = physics.marcus_hush_chidsey_current_density(-eta, 2.0, lam, temperature)
    assert_allclose(reverse, -current, rtol=1e-15)
    for point in GRID[::7]:
        rate = physics.marcus_hush_chidsey_rate(*point)
        assert_allclose(rate, float(reference_rate(*point)), rtol=1e-11)
        backward = physics.marcus_hush_chidsey_rate(-point[0], *point[1:])
        detailed_balance = np.exp(-point[0] / physics.thermal_voltage(point[2]))
        assert_allclose(backward, rate * detailed_balance, rtol=1e-12)


def test_mhc_gradients_agree_with_quadrature_and_are_smooth_through_zero():
    eta, lam, temperature = (pt.vector(name) for name in ("eta", "lam", "temperature"))
    current = physics.marcus_hush_chidsey_current_density(eta, 1.0, lam, temperature)
    gradients = pytensor.grad(current.sum(), [eta, lam, temperature])
    compiled = pytensor.function([eta, lam, temperature], [current, *gradients])

    points = [point for point in GRID if point[0] > 1e-6][::4]
    points += [(1.0, 0.02, 250.0), (1.0, 1.5, 250.0), (0.001, 1.5, 400.0), (1.0, 0.02, 400.0)]
    points += [(0.3, 0.3, 310.0), (-0.3, 0.3, 310.0)]  # where the error functions change form
    value, *found = compiled(*np.array(points).T)
    for index, point in enumerate(points):
        for axis in range(3):
            step = mp.mpf(10) ** -9 * mp.mpf(point[axis])
            up, down = list(map(mp.mpf, point)), list(map(mp.mpf, point))
            up[axis] += step
            down[axis] -= step
            slope = (reference_current(*up) - reference_current(*down)) / (2 * step)
            # Where a slope passes through zero it is measured against j over the argument.
            scale = float(value[index]) / point[axis]
            assert_allclose(found[axis][index], float(slope), rtol=1e-8, atol=1e-9 * scale)

    at_zero = np.array([0.0, 1e-300, -1e-300, 0.0])
    value, by_eta, by_lam, by_temperature = compiled(
        at_zero, np.array([0.02, 0.16, 0.16, 1.5]), np.full(4, 298.15)
    )
    assert_allclose(value, 0.0, atol=1e-290)
    assert_allclose(by_eta, 1.0 / physics.thermal_voltage(298.15), rtol=1e-12)
    assert_allclose([by_lam, by_temperature], 0.0, atol=1e-290)

    hostile = np.array(
        [
            (5.0, 0.02, 298.15),
            (-5.0, 5.0, 250.0),
            (1e-12, 5.0, 400.0),
            (5.0, 1e-3, 298.15),
            (30.0, 0.2, 298.15),
        ]
    )
    assert np.isfinite(compiled(*hostile.T)).all()


def test_butler_volmer_is_the_limit_of_large_reorganization_energy():
    eta = np.array([0.01, 0.1085, 0.3])
    limit = physics.butler_volmer_current_density(eta, 1.0, 298.15)
    energies = np.array([1.5, 15.0, 150.0, 1500.0])[:, None]
    current = physics.marcus_hush_chidsey_current_density(eta, 1.0, energies, 298.15)
    error = abs(current / limit - 1.0)
    # The difference is of the order of eta^2/(4 lambda kT): it falls in proportion to 1/lambda.
    assert_allclose(error[1:-1] / error[2:], 10.0, rtol=0.15)
    assert (error[-1] < 1e-3).all()


def test_all_laws_share_the_slope_at_zero_and_are_odd():
    for law in physics.KINETICS.values():
        slope = law(1e-7, 3.0, 0.2, 298.15) / 1e-7
        assert_allclose(slope, 3.0 / physics.thermal_voltage(298.15), rtol=1e-9)
        assert law(-0.1, 3.0, 0.2, 298.15) == -law(0.1, 3.0, 0.2, 298.15)
        assert law(0.0, 3.0, 0.2, 298.15) == 0.0


def test_marcus_hush_follows_its_definition_and_warns_where_it_inverts():
    kt = physics.thermal_voltage(298.15)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        current = physics.marcus_hush_current_density(0.1, 2.0, 0.2, 298.15)
    rate = np.exp((0.2**2 - (0.2 - 0.1) ** 2) / (4 * 0.2 * kt))
    assert_allclose(current, 2.0 * rate * (1.0 - np.exp(-0.1 / kt)), rtol=1e-13)
    with pytest.warns(physics.MarcusInversionWarning, match="1 of 3 points"):
        physics.marcus_hush_current_density(np.array([0.1, 0.2, 0.3]), 2.0, 0.2, 298.15)


def test_fitting_exact_data_with_the_closed_form_of_zeng_biases_the_reorganization_energy():
    eta = np.linspace(0.010, 0.108, 50)
    exact = physics.marcus_hush_chidsey_current_density(eta, 1.0, 0.16, 298.15)

    def misfit(logs):
        current = physics.marcus_hush_chidsey_zeng_approximation(eta, *np.exp(logs), 298.15)
        return np.log(current / exact)

    found = np.exp(least_squares(misfit, np.log([1.0, 0.16])).x[1])
    assert_allclose(found, 0.103, atol=1e-3)
