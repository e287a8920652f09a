"""One implementation: NumPy, xarray and PyTensor agree, and gradients are exact and finite."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
import xarray as xr
from numpy.testing import assert_allclose

from models import physics

VOLUME = physics.MOLAR_VOLUME["Na"]
CREEP = (0.0, 0.3, 5.0)
TWO = 2  # every argument takes two values

# Function, and per argument the two values at which it is evaluated.
EXPLICIT = {
    "wetting_product": [(1.0, 2.0), (2.0, 2.9)],
    "young_laplace_overpotential": [(2.0, 1.0), (1e-8, 1e-7), (VOLUME, 13e-6)],
    "marcus_hush_chidsey_current_density": [(0.1, -0.3), (10.0, 50.0), (0.16, 0.3), (298.0, 310.0)],
    "marcus_hush_chidsey_zeng_approximation": [
        (0.1, -0.3),
        (10.0, 50.0),
        (0.16, 0.3),
        (298.0, 310.0),
    ],
    "butler_volmer_current_density": [(0.1, -0.3), (10.0, 50.0), (298.0, 310.0)],
    "marcus_hush_current_density": [(0.1, -0.15), (10.0, 50.0), (0.16, 0.3), (298.0, 310.0)],
    "marcus_hush_chidsey_rate": [(0.1, -0.3), (0.16, 0.3), (298.0, 310.0)],
    "critical_current_density": [
        (2.0, 1.5),
        (1e-8, 1e-7),
        (0.3, 0.4),
        (50.0, 100.0),
        (0.16, 0.3),
        (298.0, 310.0),
        (VOLUME, 13e-6),
    ],
    "sand_time": [
        (100.0, 500.0),
        (1000.0, 500.0),
        (2e-10, 5e-10),
        (0.6, 0.3),
        (0.4, 1.0),
        (5.0, 1.0),
    ],
    "depletion_current_density": [
        (0.3, 5.0),
        (1000.0, 500.0),
        (2e-10, 3e-10),
        (0.6, 0.3),
        (2.5e-5, 3e-5),
        (0.4, 0.9),
        (5.0, 4.0),
    ],
    "depletion_log_slope": [
        (0.3, 5.0),
        (1000.0, 500.0),
        (2e-10, 3e-10),
        (0.6, 0.3),
        (2.5e-5, 3e-5),
        (0.4, 0.9),
        (5.0, 4.0),
    ],
    "void_free_current_density": [
        (100.0, 1e5),
        (5e-13, 1e-12),
        (VOLUME, 13e-6),
        (0.6, 1.1),
        (0.5, 9.0),
    ],
    "void_free_log_slope": [(100.0, 1e5), (5e-13, 1e-12), (VOLUME, 13e-6), (0.6, 1.1), (0.5, 9.0)],
    "void_free_capacity": [(10.0, 50.0), (5e-13, 1e-12), (VOLUME, 13e-6), (0.6, 1.1), (1e-3, 1e-6)],
    "metal_capacity": [(1e-4, 1e-5), (VOLUME, 13e-6)],
    "creep_fed_current_density": [
        (1e6, 5e6),
        (5e-4, 1e-4),
        (298.0, 330.0),
        (10.0, 3.0),
        (2.0, 0.7),
        (44e3, 40e3),
    ],
    "creep_fed_current_density_norton": [
        (1e6, 5e6),
        (5e-4, 1e-4),
        (298.0, 330.0),
        (5.5, 3.0),
        (3e5, 5e5),
        (44e3, 40e3),
        (20.0, 5.0),
        (VOLUME, 13e-6),
    ],
    "norton_strain_rate": [(1e5, 5e5), (298.0, 330.0), (5.5, 3.0), (3e5, 5e5), (44e3, 40e3)],
    "norton_stress": [(1e-5, 1e-2), (298.0, 330.0), (5.5, 3.0), (3e5, 5e5), (44e3, 40e3)],
    "coverage_under_pressure": [
        (1800.0, 9e3),
        (2e5, 1e6),
        (298.0, 310.0),
        (0.15, 0.3),
        (5.5, 4.0),
        (3e5, 5e5),
        (44e3, 40e3),
        (5.0, 3.0),
    ],
    "deposit_thickness": [(9000.0, 900.0), (0.2, 0.8), (0.35, 0.9), (VOLUME, 13e-6)],
    "arrhenius": [(1.0, 2.0), (44e3, 20e3), (310.0, 280.0), (298.15, 300.0)],
    "limiting_current_of_two_layers": [
        (2e-10, 3e-10),
        (0.6, 0.3),
        (1000.0, 500.0),
        (2.5e-5, 5e-5),
        (0.4, 0.3),
        (5.0, 4.0),
        (2.5e-4, 1e-4),
    ],
    "macmullin_number_of_polymer": [(0.4, 0.6)],
}
ROOTS = {
    "depletion_time": [(1500.0, 5000.0), *EXPLICIT["depletion_current_density"][1:]],
    "depletion_current_density_at_charge": [
        (100.0, np.inf),
        *EXPLICIT["depletion_current_density"][1:],
        (0.5, 2.0),
    ],
    "void_free_time": [(50.0, 4.0), *EXPLICIT["void_free_current_density"][1:]],
    "void_free_current_density_at_charge": [
        (1e4, np.inf),
        *EXPLICIT["void_free_current_density"][1:],
        (0.5, 2.0),
    ],
}
ALL = EXPLICIT | ROOTS

# Where samplers go: no creep, no pressure, no overpotential, very early, very late, very stiff.
HOSTILE = {
    "marcus_hush_chidsey_current_density": [(0.0, 5.0), (10.0, 1e4), (5.0, 0.01), (298.0, 250.0)],
    "critical_current_density": [
        (20.0, 1e-9),
        (1e-8, 1e-6),
        (0.3, 0.4),
        (50.0, 1e5),
        (5.0, 0.02),
        (298.0, 298.0),
        (VOLUME, VOLUME),
    ],
    "depletion_current_density": [
        (1e-30, 1e9),
        (1000.0, 500.0),
        (1e-14, 1e-6),
        (0.999, 0.001),
        (1e-3, 1e-7),
        (0.4, 0.9),
        (50.0, 1.0),
    ],
    "depletion_log_slope": [
        (1e-30, 1e9),
        (1000.0, 500.0),
        (1e-14, 1e-6),
        (0.999, 0.001),
        (1e-3, 1e-7),
        (0.4, 0.9),
        (50.0, 1.0),
    ],
    "void_free_current_density": [
        (1e-3, 1e15),
        (5e-18, 1e-9),
        (VOLUME, VOLUME),
        (1e-3, 1e3),
        (0.0, 1e6),
    ],
    "void_free_log_slope": [(1e-3, 1e15), (5e-18, 1e-9), (VOLUME, VOLUME), (1e-3, 1e3), (0.0, 1e6)],
    "creep_fed_current_density": [
        (0.0, 9e6),
        (5e-4, 1e-4),
        (250.0, 400.0),
        (1e-3, 1e5),
        (0.2, 20.0),
        (0.0, 2e5),
    ],
    "norton_strain_rate": [(0.0, 9e6), (250.0, 400.0), (0.5, 20.0), (1e3, 1e5), (0.0, 2e5)],
    "coverage_under_pressure": [
        (0.0, 1e6),
        (0.0, 9e6),
        (250.0, 400.0),
        (1e-9, 0.999),
        (1.0, 30.0),
        (1e4, 1e5),
        (0.0, 2e5),
        (100.0, 0.1),
    ],
}


def limiting_current_of_two_layers(diffusivity, transference, concentration, *layer_and_reservoir):
    *layer, reservoir = layer_and_reservoir
    layers = [physics.Layer(*layer), physics.Layer(reservoir)]
    return physics.limiting_current_density(diffusivity, transference, concentration, layers)


def macmullin_number_of_polymer(porosity):
    return physics.macmullin_number_from_porosity(porosity, "polymer")


def function(name):
    return globals().get(name) or getattr(physics, name)


def difference(law, values, axis):
    """Sixth-order central difference, to about 1e-12 of the value over the argument."""
    step = 1e-3 * abs(values[axis])
    total = 0.0
    for order, weight in ((1, 45.0), (2, -9.0), (3, 1.0)):
        up, down = list(values), list(values)
        up[axis] = up[axis] + order * step
        down[axis] = down[axis] - order * step
        total = total + weight * (law(*up) - law(*down))
    return total / (60.0 * step)


@pytest.fixture(scope="module")
def compiled():
    """Value and gradients of every explicit function, without code generation."""
    mode = pytensor.compile.mode.Mode(linker="py", optimizer="fast_compile")
    graphs = {}
    for name, arguments in EXPLICIT.items():
        inputs = [pt.vector(f"argument_{index}") for index in range(len(arguments))]
        value = function(name)(*inputs)
        gradients = pytensor.grad(value.sum(), inputs, disconnected_inputs="ignore")
        graphs[name] = pytensor.function(inputs, [value, *gradients], mode=mode)
    return graphs


@pytest.mark.parametrize("name", ALL)
def test_xarray_broadcasts_by_name_and_equals_numpy(name):
    arguments = [np.array(values) for values in ALL[name]]
    dims = [f"dim_{index}" for index in range(len(arguments))]
    labelled = [
        xr.DataArray(values, dims=dim, coords={dim: ["a", "b"]}, attrs={"units": "wrong"})
        for values, dim in zip(arguments, dims, strict=True)
    ]
    found = function(name)(*labelled)
    expected = function(name)(*np.ix_(*arguments))
    assert isinstance(found, xr.DataArray)
    assert set(found.dims) <= set(dims)
    full = found.broadcast_like(xr.DataArray(np.empty((TWO,) * len(dims)), dims=dims))
    full = full.transpose(*dims)
    assert_allclose(full, np.broadcast_to(expected, full.shape), rtol=1e-13)


def test_labelled_results_carry_their_own_name_and_unit():
    work = xr.DataArray([2.21], dims="draw", attrs={"units": "J/m^2", "long_name": "product"})
    found = physics.young_laplace_overpotential(work, 1e-8, VOLUME)
    assert found.name == "young_laplace_overpotential"
    assert found.attrs == {"units": "V", "long_name": "young laplace overpotential"}


@pytest.mark.parametrize("name", ALL)
def test_floats_and_arrays_give_the_same(name):
    columns = np.array(ALL[name])
    whole = function(name)(*columns)
    single = [function(name)(*map(float, point)) for point in columns.T]
    assert_allclose(whole, single, rtol=1e-14)


@pytest.mark.parametrize("name", EXPLICIT)
def test_pytensor_equals_numpy_and_its_gradients_equal_differences(name, compiled):
    columns = list(np.array(EXPLICIT[name]))
    value, *gradients = compiled[name](*columns)
    law = function(name)
    assert_allclose(value, law(*columns), rtol=1e-12)
    for axis, gradient in enumerate(gradients):
        expected = difference(law, columns, axis)
        scale = np.max(abs(value / columns[axis]))
        assert_allclose(gradient, expected, rtol=1e-8, atol=1e-10 * scale)


@pytest.mark.parametrize("name", HOSTILE)
def test_values_and_gradients_stay_finite_where_samplers_stray(name, compiled):
    corners = np.stack(np.meshgrid(*HOSTILE[name], indexing="ij")).reshape(len(HOSTILE[name]), -1)
    with np.errstate(all="ignore"):
        results = compiled[name](*corners)
    for result in results:
        assert np.isfinite(result).all()


def test_creep_without_pressure_has_no_value_and_no_gradient(compiled):
    columns = list(np.array(EXPLICIT["creep_fed_current_density"]))
    columns[0] = np.zeros(TWO)
    for result in compiled["creep_fed_current_density"](*columns):
        assert_allclose(result, 0.0, atol=0.0)


def test_void_gradients_without_creep_are_those_just_above_it(compiled):
    columns = list(np.array(EXPLICIT["void_free_current_density"]))
    columns[-1] = np.zeros(TWO)
    at_zero = compiled["void_free_current_density"](*columns)
    columns[-1] = np.full(TWO, 1e-9)
    for zero, above in zip(at_zero, compiled["void_free_current_density"](*columns), strict=True):
        assert_allclose(zero, above, rtol=1e-8)


@pytest.mark.parametrize("name", ROOTS)
def test_roots_refuse_symbols_and_say_what_to_use(name):
    arguments = [pt.vector("x"), *(values[0] for values in ROOTS[name][1:])]
    with pytest.raises(TypeError, match="NumPy arrays and xarray"):
        function(name)(*arguments)
