"""The depletion clock against its series, against the diffusion equation, and its limits."""

import mpmath as mp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.linalg import eigh_tridiagonal

from models import physics

CELL = {
    "concentration": 1000.0,
    "ambipolar_diffusivity": 2.14e-10,
    "transference_number": 0.59,
    "thickness": 25e-6,
    "porosity": 0.39,
    "macmullin_number": 4.11,
}
DIFFUSION_TIME = 0.39 * 4.11 * 25e-6**2 / 2.14e-10
LAYER = physics.Layer(25e-6, 0.39, 4.11)
LIMIT = physics.limiting_current_density(2.14e-10, 0.59, 1000.0, [LAYER])
REDUCED_TIMES = np.concatenate(
    [np.logspace(-5, 1, 25), [0.1499999, 0.15, 0.1500001, 4e-4, 5e-4, 6e-4]]
)


def converged_series(reduced_time):
    """G(T) by the long-time series alone, summed until it has converged."""
    time = mp.mpf(reduced_time)
    last = int(mp.sqrt(80 / time) / mp.pi) + 3
    total = mp.fsum(mp.exp(-(k**2) * mp.pi**2 * time) / k**2 for k in range(1, last, 2))
    return mp.mpf(1) / 2 - 4 / mp.pi**2 * total


def finite_volumes(reduced_times, cells=2000):
    """G(T) from the diffusion equation between the electrode and the middle of the cell."""
    width = 0.5 / cells
    diagonal = np.full(cells, -2.0)
    diagonal[0], diagonal[-1] = -1.0, -3.0  # flux given; concentration fixed on the face
    rates, modes = eigh_tridiagonal(diagonal / width**2, np.full(cells - 1, 1.0) / width**2)
    amplitude = modes[0] / width  # unit flux into the first cell
    growth = np.expm1(np.outer(reduced_times, rates)) / rates
    return (growth * amplitude) @ modes[0] + width / 2.0


def test_depletion_current_agrees_with_the_converged_series_at_any_time():
    with mp.workdps(30):
        exact = np.array([float(converged_series(time)) for time in REDUCED_TIMES])
    current = physics.depletion_current_density(REDUCED_TIMES * DIFFUSION_TIME, **CELL)
    assert_allclose(current, LIMIT / 2.0 / exact, rtol=1e-12)


def test_depletion_current_agrees_with_the_diffusion_equation():
    times = np.array([0.003, 0.03, 0.1, 0.2, 0.7])
    current = physics.depletion_current_density(times * DIFFUSION_TIME, **CELL)
    assert_allclose(LIMIT / 2.0 / current, finite_volumes(times), rtol=1e-5)


def test_depletion_is_sands_at_short_times_and_the_limiting_current_at_long_ones():
    current = np.array([1e3, 1e4, 1e5]) * LIMIT
    free = {name: value for name, value in CELL.items() if name != "thickness"}
    sand = physics.sand_time(current, **free)
    assert_allclose(physics.depletion_current_density(sand, **CELL), current, rtol=1e-12)
    assert_allclose(physics.depletion_time(current, **CELL), sand, rtol=1e-12)
    long_times = np.array([10.0 * DIFFUSION_TIME, 1e12, np.inf])
    assert_allclose(physics.depletion_current_density(long_times, **CELL), LIMIT, rtol=1e-14)


def test_depletion_log_slope_is_that_of_the_series_and_falls_linearly_at_long_times():
    with mp.workdps(90):
        slopes = []
        for time in REDUCED_TIMES:
            step = mp.mpf(time) * mp.mpf(10) ** -9
            up, down = converged_series(time + step), converged_series(time - step)
            slopes.append(float(mp.log((up - down) / (2 * step) * time / converged_series(time))))
    found = physics.depletion_log_slope(REDUCED_TIMES * DIFFUSION_TIME, **CELL)
    assert_allclose(found, slopes, rtol=1e-8, atol=1e-8)
    assert_allclose(found[0], np.log(0.5), rtol=1e-12)
    far = np.array([1e3, 1e6])
    expected = np.log(8.0 * far) - np.pi**2 * far
    assert_allclose(physics.depletion_log_slope(far * DIFFUSION_TIME, **CELL), expected, rtol=1e-12)


def test_depletion_time_returns_the_time_and_is_infinite_at_or_below_the_limit():
    times = np.logspace(-9, np.log10(1.8), 200) * DIFFUSION_TIME
    current = physics.depletion_current_density(times, **CELL)
    assert_allclose(physics.depletion_time(current, **CELL), times, rtol=1e-8)
    above = LIMIT * (1.0 + np.logspace(-14, 6, 200))
    again = physics.depletion_current_density(physics.depletion_time(above, **CELL), **CELL)
    assert_allclose(again, above, rtol=1e-12)
    beyond = physics.depletion_time(np.array([LIMIT * (1 - 1e-15), 1.0, 0.0, -5.0, np.nan]), **CELL)
    assert np.isposinf(beyond[:4]).all()
    assert np.isnan(beyond[4])


def test_depletion_at_charge_is_the_unique_root_of_its_definition():
    charge = np.logspace(-4, 9, 400)
    factor = np.array([[0.3], [1.0], [2.5]])
    current = physics.depletion_current_density_at_charge(charge, **CELL, cell_factor=factor)
    again = factor * physics.depletion_current_density(charge / current, **CELL)
    assert_allclose(again, current, rtol=1e-10)
    # u j_S(Q/j)/j falls through one once: its log-slope in j is at most -1/2.
    trial = np.logspace(-3, 9, 2000)
    residual = np.log(physics.depletion_current_density(500.0 / trial, **CELL) / trial)
    assert (np.diff(residual) / np.diff(np.log(trial)) < -0.49).all()


def test_cell_factor_enters_squared_where_depletion_is_sands_and_once_at_the_limit():
    def threshold(charge, factor):
        return physics.depletion_current_density_at_charge(charge, **CELL, cell_factor=factor)

    assert_allclose(threshold(1e-3, 0.5) / threshold(1e-3, 1.0), 0.25, rtol=1e-9)
    assert_allclose(threshold(np.inf, 0.5), 0.5 * LIMIT, rtol=1e-14)
    assert threshold(0.0, 0.5) == np.inf
    assert np.isnan(threshold(np.nan, 0.5))


@pytest.mark.parametrize("shape", [(), (0,), (3, 1)])
def test_roots_keep_the_shape_of_their_arguments(shape):
    charge = np.full(shape, 100.0)
    assert np.shape(physics.depletion_current_density_at_charge(charge, **CELL)) == shape
    assert np.shape(physics.depletion_time(charge, **CELL)) == shape
