"""Numbers that the sources and the specification of the models state."""

import subprocess
import sys
from math import pi, radians

import numpy as np
import pytest
from numpy.testing import assert_allclose

from data.errors import InputError, ModelError
from models import physics

SODIUM, LITHIUM = physics.MOLAR_VOLUME["Na"], physics.MOLAR_VOLUME["Li"]
ROOM = physics.REFERENCE_TEMPERATURE
MA_PER_CM2 = 10.0  # A/m^2
MAH_PER_CM2 = 36000.0  # C/m^2
CM2_PER_S = 1e-4  # m^2/s
DIGLYME = {
    "concentration": 1000.0,
    "ambipolar_diffusivity": 2.14e-6 * CM2_PER_S,
    "transference_number": 0.59,
}
TRILAYER = physics.Layer(25e-6, 0.39, 4.11)
RESERVOIR = physics.Layer(250e-6)


def test_young_laplace_overpotentials_of_source_a():
    radius = np.array([10e-9, 14e-9, 100e-9])
    overpotential = physics.young_laplace_overpotential(2.21, radius, SODIUM)
    assert_allclose(overpotential, [0.1085, 0.0775, 0.01085], rtol=5e-4)
    assert_allclose(physics.wetting_product(2.21, radians(180.0)), 2.21)
    assert_allclose(physics.wetting_product(2.0, radians(120.0)), 1.0)


def test_sand_times_of_source_a():
    current = np.array([10.0, 20.0, 50.0, 100.0]) * MA_PER_CM2
    assert_allclose(physics.sand_time(current, **DIGLYME), [931, 233, 37.2, 9.3], rtol=2e-3)
    time = physics.sand_time(current, **DIGLYME, porosity=0.4, macmullin_number=5.0)
    assert_allclose(time, 0.08 * physics.sand_time(current, **DIGLYME))


def test_void_free_capacities_of_sodium_and_lithium():
    sodium = physics.void_free_capacity(1.0 * MA_PER_CM2, 5.4e-9 * CM2_PER_S, SODIUM)
    lithium = physics.void_free_capacity(1.0 * MA_PER_CM2, 5.1e-11 * CM2_PER_S, LITHIUM)
    assert_allclose([sodium / MAH_PER_CM2, lithium / MAH_PER_CM2], [19.56, 0.613], rtol=1e-3)


def test_metal_holds_1_13_mah_per_10_um_and_void_free_capacity_never_exceeds_it():
    capacity = physics.metal_capacity(10e-6, SODIUM)
    assert_allclose(capacity / MAH_PER_CM2, 1.13, rtol=2e-3)
    limited = physics.void_free_capacity(np.array([1.0, 1e4]), 5.4e-13, SODIUM, 1.0, 10e-6)
    assert limited[0] == capacity
    assert limited[1] < capacity


def test_void_free_currents_at_5_15_30_minutes():
    time = 60.0 * np.array([5.0, 15.0, 30.0])
    current = physics.void_free_current_density(time, 5.4e-9 * CM2_PER_S, SODIUM)
    assert_allclose(current / MA_PER_CM2, [15.32, 8.845, 6.254], rtol=1e-4)


def test_kinetics_of_source_a_at_the_20_nm_pore():
    mhc = physics.marcus_hush_chidsey_current_density(0.1085, 1.0, 0.16015, ROOM)
    butler_volmer = physics.butler_volmer_current_density(0.1085, 1.0, ROOM)
    assert_allclose([mhc, butler_volmer], [5.193, 8.140], rtol=1e-4)


def test_closed_form_of_zeng_misses_its_stated_five_percent():
    overpotential = np.array([0.0, 5.0]) * physics.thermal_voltage(ROOM)
    exact = physics.marcus_hush_chidsey_rate(overpotential, 0.16, ROOM)
    approximate = physics.marcus_hush_chidsey_rate_zeng(overpotential, 0.16, ROOM)
    assert_allclose(approximate / exact - 1.0, [-0.066, 0.053], atol=5e-4)
    current = physics.marcus_hush_chidsey_zeng_approximation(overpotential, 3.0, 0.16, ROOM)
    net = approximate / approximate[0] * -np.expm1([0.0, -5.0])
    assert_allclose(current, 3.0 * net, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([TRILAYER], 98.1),
        ([RESERVOIR, TRILAYER], 38.3),
        ([TRILAYER, RESERVOIR], 22.8),
    ],
    ids=["alone", "reservoir depletes", "reservoir supplies"],
)
def test_limiting_currents_of_a_trilayer_with_a_reservoir(layers, expected):
    limit = physics.limiting_current_density(DIGLYME["ambipolar_diffusivity"], 0.59, 1000.0, layers)
    assert_allclose(limit / MA_PER_CM2, expected, rtol=2e-3)


def test_limiting_current_does_not_depend_on_how_a_layer_is_cut():
    whole = physics.limiting_current_density(2e-10, 0.5, 1000.0, [physics.Layer(3e-5, 0.4, 5.0)])
    cut = [physics.Layer(part, 0.4, 5.0) for part in (1e-6, 9e-6, 2e-5)]
    assert_allclose(physics.limiting_current_density(2e-10, 0.5, 1000.0, cut), whole, rtol=1e-13)
    assert_allclose(whole, 2.0 * physics.FARADAY * 1000.0 * 2e-10 / (0.5 * 5.0 * 3e-5))
    with pytest.raises(InputError, match="at least one layer"):
        physics.limiting_current_density(2e-10, 0.5, 1000.0, [])


def test_critical_current_is_at_the_edge_of_nine_percent_of_the_limit():
    limit = physics.limiting_current_density(2.14e-10, 0.59, 1000.0, [TRILAYER])
    arguments = (2.21, 14e-9, 0.39, 70.0, 0.16, ROOM, SODIUM)
    critical = physics.critical_current_density(*arguments)
    assert 0.07 < critical / limit < 0.11
    overpotential = physics.young_laplace_overpotential(2.21, 14e-9, SODIUM)
    for kinetics, law in physics.KINETICS.items():
        direct = 0.39 * law(overpotential, 70.0, 0.16, ROOM)
        assert_allclose(physics.critical_current_density(*arguments, kinetics=kinetics), direct)
    with pytest.raises(ModelError, match=r"'tafel'.*legal are butler_volmer, marcus_hush"):
        physics.critical_current_density(*arguments, kinetics="tafel")


def test_macmullin_number_of_polymer_and_of_straight_pores():
    number = physics.macmullin_number_from_porosity(
        np.array([0.39, 0.35]), np.array(["polymer", "straight"])
    )
    assert_allclose(number, [5.748, 1.0 / 0.35], rtol=1e-3)
    assert physics.macmullin_number_from_porosity(0.5, "straight") == 2.0
    with pytest.raises(InputError, match="'foam'"):
        physics.macmullin_number_from_porosity(0.5, ["straight", "foam"])


def test_self_diffusion_at_zero_celsius_follows_its_activation_energy():
    cooled = physics.arrhenius(5.6e-13, 43.5e3, 273.15)
    assert_allclose(cooled / 5.6e-13, np.exp(-43.5e3 / 8.314462618 * (1 / 273.15 - 1 / 298.15)))
    assert physics.arrhenius(5.6e-13, 43.5e3, ROOM) == 5.6e-13


def test_norton_creep_passes_the_reference_stress_at_one_per_mille_a_second():
    parameters = (ROOM, 5.5, 0.29e6, 44e3)
    assert_allclose(physics.norton_strain_rate(0.29e6, *parameters), 1e-3, rtol=1e-14)
    hot = (330.0, 5.5, 0.29e6, 44e3)
    assert_allclose(physics.norton_stress(physics.norton_strain_rate(1e6, *hot), *hot), 1e6)
    assert physics.norton_strain_rate(0.0, *parameters) == 0.0


def test_creep_fed_current_in_both_forms():
    assert_allclose(physics.creep_fed_current_density(9e6, 500e-6, ROOM, 7.0, 2.0, 44e3), 7.0)
    assert_allclose(physics.creep_fed_current_density(3e6, 1e-3, ROOM, 7.0, 2.0, 44e3), 14.0 / 9.0)
    assert physics.creep_fed_current_density(0.0, 500e-6, ROOM, 7.0, 2.0, 44e3) == 0.0
    # At the reference stress the metal thins by its 1e-3 a second.
    norton = physics.creep_fed_current_density_norton(
        20 * 0.3e6, 500e-6, ROOM, 5.5, 0.3e6, 44e3, 20.0, SODIUM
    )
    assert_allclose(norton, 1e-3 * physics.metal_capacity(500e-6, SODIUM))


def test_fivefold_time_thins_a_spreading_deposit_by_one_minus_five_to_the_minus_one_over_n():
    creep = {"temperature": ROOM, "creep_reference_stress": 0.3e6, "creep_activation_energy": 44e3}
    coverage = physics.coverage_under_pressure(
        np.array([1800.0, 9000.0]),
        pressure=2e5,
        initial_coverage=1e-3,
        creep_exponent=5.5,
        film_constraint_factor=5.0,
        **creep,
    )
    thickness = physics.deposit_thickness(0.25 * MAH_PER_CM2, coverage, 0.35, SODIUM)
    thinning = 1.0 - thickness[1] / thickness[0]
    assert_allclose(thinning, 1.0 - 5.0 ** (-1.0 / 5.5), rtol=1e-3)
    assert_allclose(thinning, 0.254, atol=1e-3)


def test_coverage_starts_at_its_initial_value_grows_with_pressure_and_stays_below_one():
    pressure = np.array([0.0, 1e4, 1e6, 1e9])
    coverage = physics.coverage_under_pressure(3600.0, pressure, ROOM, 0.149, 5.5, 0.3e6, 44e3, 5.0)
    assert_allclose(coverage[0], 0.149, rtol=1e-6)
    assert (np.diff(coverage) >= 0.0).all()
    assert coverage[2] > coverage[0]
    assert_allclose(coverage[-1], 1.0)
    assert coverage[-1] <= 1.0
    direct = (0.149**5.5 + 5.5 * 1e-3 * (1e6 / 1.5e6) ** 5.5 * 3600.0) ** (1 / 5.5)
    assert_allclose(coverage[2], direct / (1.0 + direct**8) ** 0.125, rtol=1e-12)


def test_dense_deposit_of_source_b_is_2_9_times_thinner_than_measured():
    dense = physics.deposit_thickness(0.25 * MAH_PER_CM2, np.array([0.149, 0.861]), 1.0, SODIUM)
    assert_allclose(np.array([42.2e-6, 7.6e-6]) / dense, 2.9, rtol=0.03)


def test_void_free_capacity_is_the_charge_at_the_void_free_time():
    current, diffusivity, factor = 30.0, 5.4e-13, 0.6
    time = physics.void_free_time(current, diffusivity, SODIUM, factor)
    capacity = physics.void_free_capacity(current, diffusivity, SODIUM, factor)
    assert_allclose(current * time, capacity, rtol=1e-12)
    direct = pi / 4 * (physics.FARADAY / SODIUM * factor) ** 2 * diffusivity / current
    assert_allclose(capacity, direct)


def test_physics_imports_neither_pymc_nor_pytensor_nor_xarray_nor_pint():
    heavy = "{'pymc', 'pytensor', 'xarray', 'pint', 'pandas', 'arviz', 'nutpie', 'matplotlib'}"
    code = f"import sys, models.physics; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
