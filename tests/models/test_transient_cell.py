"""The transient cell against Sand, the limiting current, the steady state, and itself refined."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from data.errors import InputError
from models import physics
from models.physics import FARADAY, Layer
from models.transient_cell import TransientCell

SALT = {"diffusivity": 2.14e-10, "transference_number": 0.59, "concentration": 1000.0}
KNOWN = (1000.0, 2.14e-10, 0.59)
TRILAYER = Layer(25e-6, 0.39, 0.39**-1.5)  # N_M 4.106, printed as 4.11
RESERVOIR = Layer(250e-6)
STACKS = {
    "alone": ([TRILAYER], 98.1),
    "behind a reservoir": ([RESERVOIR, TRILAYER], 38.3),
    "before a reservoir": ([TRILAYER, RESERVOIR], 22.8),
}
THERMAL = float(physics.thermal_voltage(298.15))
KINETICS = {
    "fast": {},
    "butler_volmer": {"kinetics": "butler_volmer", "exchange_current_density": 20.0},
    "marcus_hush_chidsey": {
        "kinetics": "marcus_hush_chidsey",
        "exchange_current_density": 50.0,
        "reorganization_energy": 0.16,
    },
}


def cell(layers=(TRILAYER,), **options):
    return TransientCell(**{"layers": layers, **SALT, **options})


def at(sweep, voltage, name="current_density"):
    return float(np.interp(voltage, sweep["voltage"], sweep[name]))


# --- analytic limits --------------------------------------------------------------------------


@pytest.mark.parametrize("current", [100.0, 200.0, 500.0, 1000.0])
def test_far_electrodes_deplete_at_sands_time(current):
    # SCIENCE section 7: 931, 233, 37.2, 9.3 s at 10, 20, 50, 100 mA/cm^2 in the open electrolyte.
    transient = cell([Layer(20e-3)], conductivity=np.inf).constant_current(
        current, cutoff_voltage=0.4
    )
    assert transient.attrs["ended_by"] == "cutoff_voltage"
    sand = {100.0: 931.0, 200.0: 233.0, 500.0: 37.2, 1000.0: 9.3}[current]
    assert_allclose(transient.attrs["end_time"], sand, rtol=3e-3)
    exact = physics.sand_time(current, *KNOWN)
    assert_allclose(transient.attrs["end_time"], exact, rtol=2e-3)


@pytest.mark.parametrize("over", [1.02, 1.2, 2.0, 5.0, 20.0])
def test_a_current_depletes_a_cell_when_the_depletion_clock_says(over):
    separator = cell(conductivity=np.inf)
    current = over * separator.limiting_current_density
    transient = separator.constant_current(current)
    exact = float(physics.depletion_time(current, *KNOWN, *TRILAYER))
    assert_allclose(transient.attrs["end_time"], exact, rtol=1e-3)
    clock = physics.depletion_current_density(transient.attrs["end_time"], *KNOWN, *TRILAYER)
    assert_allclose(clock, current, rtol=5e-4)


def test_a_current_below_the_limit_never_depletes_and_its_voltage_is_that_of_the_steady_state():
    separator = cell()
    transient = separator.constant_current(0.9 * separator.limiting_current_density)
    assert transient.attrs["ended_by"] == "stop_time"
    assert_allclose(transient["voltage"][-1], 4.0 * THERMAL * np.arctanh(0.9), rtol=1e-3)


@pytest.mark.parametrize("stack", STACKS)
def test_a_slow_sweep_levels_at_the_limiting_current_of_the_stack(stack):
    layers, stated = STACKS[stack]
    device = cell(layers)
    rate = 0.02 / device.diffusion_time  # 20 mV while the salt diffuses across
    plateau = at(device.sweep(rate, 1.0), 1.0)
    assert_allclose(plateau / 10.0, stated, atol=0.06)
    assert_allclose(plateau, device.limiting_current_density, rtol=1e-6)


@pytest.mark.parametrize("transference", [0.2, 0.59])
@pytest.mark.parametrize("layers", [[Layer(500e-6)], [TRILAYER, Layer(25e-6, 0.39, 8.0)]])
def test_the_steady_state_of_fast_kinetics_is_a_hyperbolic_tangent(layers, transference):
    device = cell(layers, transference_number=transference)
    sweep = device.sweep(1e-4 / device.diffusion_time, 0.5)
    voltage = sweep["voltage"].values[1:]
    # A stack's two limits differ by direction: c_0 = 1 - j/j_lim, c_L = 1 + j/j_back.
    back = TransientCell(
        **{**SALT, "transference_number": transference, "layers": layers[::-1]}
    ).limiting_current_density
    ratio = np.exp(voltage / (2.0 * THERMAL))
    expected = (ratio - 1.0) / (1.0 / back + ratio / device.limiting_current_density)
    assert_allclose(
        sweep["current_density"][1:], expected, atol=1e-4 * device.limiting_current_density
    )
    if len(layers) == 1:
        tanh = device.limiting_current_density * np.tanh(voltage / (4.0 * THERMAL))
        assert_allclose(expected, tanh, rtol=1e-9)


def test_without_an_ohmic_drop_the_tangent_steepens_by_the_anions_transference():
    device = cell(conductivity=np.inf)
    sweep = device.sweep(1e-4 / device.diffusion_time, 0.3)
    voltage = sweep["voltage"].values[1:]
    expected = device.limiting_current_density * np.tanh(voltage / (4.0 * THERMAL * 0.41))
    assert_allclose(
        sweep["current_density"][1:], expected, atol=3e-4 * device.limiting_current_density
    )


@pytest.mark.parametrize("law", ["butler_volmer", "marcus_hush_chidsey"])
def test_the_steady_voltage_is_the_sum_of_salt_kinetics_and_resistance(law):
    device = cell(series_resistance=2e-4, **KINETICS[law])
    current = 0.4 * device.limiting_current_density
    transient = device.constant_current(current, 20.0 * device.diffusion_time)
    c_0, c_l = 0.6, 1.4
    expected = 2.0 * THERMAL * np.log(c_l / c_0) + current * 2e-4
    known = KINETICS[law]
    for c in (c_0, c_l):
        eta = np.linspace(0.0, 1.0, 200_001)
        rate = physics.KINETICS[law](
            eta,
            known["exchange_current_density"] * np.sqrt(c),
            known.get("reorganization_energy", 0.2),
            298.15,
        )
        expected += np.interp(current, rate, eta)
    assert_allclose(transient["voltage"][-1], expected, atol=2e-6)
    # The sweep solves the same equations the other way round.
    sweep = device.sweep(1e-3 / device.diffusion_time, expected)
    assert_allclose(sweep["current_density"][-1], current, rtol=2e-3)


def test_a_large_exchange_current_is_the_fast_limit():
    fast = cell().sweep(1e-3, 0.6)
    slow = cell(kinetics="butler_volmer", exchange_current_density=1e9).sweep(1e-3, 0.6)
    for voltage in (0.01, 0.1, 0.3, 0.6):
        assert_allclose(at(slow, voltage), at(fast, voltage), rtol=2e-4)


def test_kinetics_that_cannot_carry_the_current_ends_the_transient_before_the_salt_is_used_up():
    slow = cell(**{**KINETICS["marcus_hush_chidsey"], "exchange_current_density": 20.0})
    current = 2.0 * slow.limiting_current_density
    with pytest.raises(InputError, match="at once"):
        slow.constant_current(current)
    lower = 0.1 * slow.limiting_current_density
    assert slow.constant_current(lower).attrs["ended_by"] == "stop_time"


# --- conservation -----------------------------------------------------------------------------


@pytest.mark.parametrize("law", KINETICS)
def test_salt_and_charge_are_conserved(law):
    device = cell([RESERVOIR, TRILAYER], **KINETICS[law])
    for test in (
        device.sweep(5e-3, 1.0, profiles=True),
        device.constant_current(2.0 * device.limiting_current_density, profiles=True),
    ):
        inventory = (test["concentration"] * test["storage"]).sum("position")
        start = 1000.0 * (250e-6 + 0.39 * 25e-6)
        assert_allclose(inventory, start, rtol=1e-12)
        assert float(test["concentration"].min()) > 0.0


def test_what_leaves_the_depleted_half_is_the_charge_that_has_passed():
    # Semi-infinite: the deficit beside the electrode is the charge times (1 - t+)/F.
    test = cell([Layer(20e-3)], conductivity=np.inf).constant_current(500.0, 20.0, profiles=True)
    deficit = ((1000.0 - test["concentration"]) * test["storage"]).where(test["position"] < 10e-3)
    charge = 500.0 * float(test["time"][-1])
    assert_allclose(deficit.isel(time=-1).sum(), charge * 0.41 / FARADAY, rtol=1e-9)


# --- convergence ------------------------------------------------------------------------------


def observed_orders(values):
    differences = np.abs(np.diff(values))
    return np.log2(differences[:-1] / differences[1:])


@pytest.mark.parametrize("law", KINETICS)
def test_a_sweep_converges_with_second_order_in_space(law):
    layers = [Layer(100e-6), Layer(150e-6, 0.39, 4.11)]
    values = [
        at(cell(layers, volumes=volumes, **KINETICS[law]).sweep(5e-3, 0.4, fixed_step=0.1), 0.4)
        for volumes in (40, 80, 160, 320)
    ]
    assert_allclose(observed_orders(values), 2.0, atol=0.35)


@pytest.mark.parametrize("law", KINETICS)
def test_a_sweep_converges_with_second_order_in_time(law):
    device = cell([Layer(150e-6, 0.39, 4.11)], volumes=60, **KINETICS[law])
    values = [
        float(device.sweep(5e-3, 0.3, fixed_step=60.0 / steps)["current_density"][-1])
        for steps in (100, 200, 400, 800)
    ]
    assert_allclose(observed_orders(values), 2.0, atol=0.35)


def test_sands_time_converges_with_second_order_in_space():
    exact = float(physics.depletion_time(2000.0, *KNOWN, *TRILAYER))
    errors = [
        abs(
            cell(volumes=volumes, tolerance=1e-8).constant_current(2000.0).attrs["end_time"] / exact
            - 1.0
        )
        for volumes in (12, 24, 48)
    ]
    assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 2.0, atol=0.35)


def test_the_defaults_are_converged():
    layers = [Layer(500e-6, 0.39, 4.11)]
    fine = cell(layers, volumes=640, tolerance=1e-8, voltage_step=5e-4).sweep(5e-3, 1.0)
    usual = cell(layers).sweep(5e-3, 1.0)
    for voltage in (0.02, 0.1, 0.2, 0.5, 1.0):
        assert_allclose(at(usual, voltage), at(fine, voltage), rtol=1e-3)


# --- curves to write --------------------------------------------------------------------------


def test_a_transient_shows_sands_divergence_and_ends_at_the_cutoff():
    transient = cell().constant_current(3000.0, cutoff_voltage=0.8, sample_interval=0.02)
    time, voltage = transient["time"].values, transient["voltage"].values
    assert voltage[-1] == pytest.approx(0.8, abs=1e-9)
    assert_allclose(np.diff(time[:-1]), 0.02, rtol=1e-9)
    assert np.all(np.diff(voltage) > 0.0)
    slope = np.gradient(voltage, time)
    assert slope[-1] > 15.0 * slope[len(slope) // 2]
    assert transient["voltage"].attrs["units"] == "V"
    assert transient["current_density"].attrs["units"] == "A/m^2"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": []}, "at least one layer"),
        ({"layers": [Layer(0.0)]}, "at least one layer"),
        ({"layers": [Layer(-1e-6)]}, "layer 1: thickness is -1e-06 m"),
        ({"layers": [TRILAYER, Layer(1e-6, 1.2)]}, "layer 2: porosity is 1.2"),
        ({"diffusivity": np.nan}, "diffusivity is nan"),
        ({"transference_number": 1.0}, "transference_number is 1.0"),
        ({"kinetics": "tafel"}, "kinetics 'tafel'"),
        ({"kinetics": "butler_volmer"}, "exchange_current_density is None"),
        ({"series_resistance": -1.0}, "series_resistance is -1.0"),
    ],
)
def test_a_cell_that_cannot_be_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        cell(**{"layers": [TRILAYER], **options})


@pytest.mark.parametrize("argument", [{"scan_rate": 0.0, "v_max": 1.0},
                                      {"scan_rate": 1e-3, "v_max": np.inf}])  # fmt: skip
def test_a_sweep_that_cannot_be_is_refused(argument):
    with pytest.raises(InputError, match="legal is a finite positive number"):
        cell().sweep(**argument)
