"""Plateaus that a sweep made: their size, the warning, and the correction against the truth."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose

from data.errors import InputError
from models.physics import Layer
from models.transient_cell import (
    SWEPT_POTENTIAL_LIMIT,
    TransientCell,
    plateau_correction,
    plateau_reading,
    sweep_warning,
    swept_potential,
)

SALT = {"diffusivity": 2.14e-10, "transference_number": 0.59, "concentration": 1000.0}
RESERVOIR = Layer(250e-6)
CERTAIN = {
    "transference_number_sd": 0.0,
    "porosity_sd": 0.0,
    "macmullin_number_sd": 0.0,
    "conductivity_sd": 0.0,
}
RATE = 5e-3


def trilayers(thickness):
    return Layer(thickness, 0.39, 4.11)


def cell(*layers, **options):
    return TransientCell(**{"layers": layers, **SALT, **options})


def overshoot(device, scan_rate, v_max=1.0):
    sweep = device.sweep(scan_rate, v_max)
    current = sweep["current_density"].values / device.limiting_current_density
    return current.max(), current[-1]


@pytest.mark.parametrize(("thickness", "peak", "end"), [(500e-6, 2.98, 0.065), (1e-3, 5.1, 1.02)])
def test_a_thick_stack_overshoots_in_a_sweep_as_trap_9_says(thickness, peak, end):
    # Trilayers, 1 mol/L, D and t+ of source A, fast kinetics, conductivity of Nernst and Planck.
    highest, last = overshoot(cell(trilayers(thickness)), RATE)
    assert_allclose(highest, peak, rtol=0.01)
    assert_allclose(last - 1.0, end, rtol=0.01)


@pytest.mark.parametrize("kinetics", [{}, {"conductivity": np.inf}])
def test_the_overshoot_depends_on_the_swept_potential_only(kinetics):
    slow_and_thick = cell(trilayers(500e-6), **kinetics)
    # The ohmic drop of Nernst and Planck scales with everything else.
    fast_and_thin = cell(Layer(100e-6), diffusivity=5e-10, **kinetics)
    rate = RATE * slow_and_thick.diffusion_time / fast_and_thin.diffusion_time
    assert_allclose(overshoot(fast_and_thin, rate), overshoot(slow_and_thick, RATE), rtol=2e-3)


def test_the_warning_comes_where_a_sweep_at_5_mv_per_s_meets_150_seconds_of_diffusion():
    layers = [Layer(np.sqrt(150.0 * 2.14e-10))]
    assert swept_potential(layers, 2.14e-10, RATE) == pytest.approx(SWEPT_POTENTIAL_LIMIT)
    highest, _ = overshoot(cell(*layers), RATE)
    assert 1.08 < highest < 1.13
    assert sweep_warning(layers, 2.14e-10, 0.99 * RATE) is None
    told = sweep_warning([RESERVOIR, trilayers(300e-6)], 2.14e-10, RATE)
    assert told is not None
    # (250 + 300 sqrt(0.39 * 4.11))^2 um^2/D
    assert "takes 1854 s" in told
    assert "at 5 mV/s covers 9.27 V" in told


def test_once_the_salt_is_used_up_the_excess_decays_over_half_the_cell():
    device = cell(trilayers(500e-6))
    sweep = device.sweep(RATE, 2.0)
    excess = [
        plateau_reading(sweep, voltage) / device.limiting_current_density - 1.0
        for voltage in (0.9, 1.4)
    ]
    swept = swept_potential(device.layers, device.diffusivity, RATE)
    assert_allclose(np.log(excess[0] / excess[1]), 4.0 * np.pi**2 * 0.5 / swept, rtol=0.02)


@pytest.mark.parametrize(
    "layers",
    [
        *((trilayers(thickness),) for thickness in (25e-6, 100e-6, 250e-6, 500e-6, 1e-3)),
        (RESERVOIR, trilayers(25e-6)),
        (trilayers(25e-6), RESERVOIR),
    ],
    ids=lambda layers: " ".join(f"{layer.thickness * 1e6:g}" for layer in layers),
)
@pytest.mark.parametrize("scan_rate", [1e-3, 5e-3])
@pytest.mark.parametrize("read_at", [0.8, (0.7, 1.0), "peak"], ids=str)
def test_the_correction_undoes_what_the_sweep_did(layers, scan_rate, read_at):
    truth = cell(*layers)
    bare = plateau_reading(truth.sweep(scan_rate, 2.0), read_at)
    guess = cell(*layers, diffusivity=0.5 * SALT["diffusivity"])
    found = plateau_correction(
        guess, scan_rate=scan_rate, read_at=read_at, plateau_current_density=bare, **CERTAIN
    )
    limit = truth.limiting_current_density
    assert_allclose(found.limiting_current_density, limit, rtol=5e-3)
    assert_allclose(found.factor, bare / limit, rtol=5e-3)
    assert_allclose(found.diffusivity_over_anion_transference, 2.14e-10 / 0.41, rtol=5e-3)
    assert found.factor_sd == 0.0
    assert (found.warning is None) == (found.swept_potential <= SWEPT_POTENTIAL_LIMIT)


@pytest.mark.long
def test_corrected_plateaus_of_drawn_cells_are_true_within_their_stated_uncertainty():
    path = Path(__file__).parents[1] / "benchmarks" / "bench_plateau.py"
    spec = importlib.util.spec_from_file_location("bench_plateau", path)
    assert spec is not None
    assert spec.loader is not None
    bench = importlib.util.module_from_spec(spec)
    sys.modules["bench_plateau"] = bench
    spec.loader.exec_module(bench)
    small = bench.trials(3, (25e-6, 100e-6), (1e-3, 5e-3), 1)
    large = bench.trials(3, (500e-6, 1e-3), (2e-3, 5e-3), 3)
    assert all(trial is not None for trial in small)
    done = [trial for trial in large if trial is not None]
    assert len(done) >= 0.9 * len(large)
    # Small cells need no correction and get none.
    assert_allclose([t.corrected for t in small], [t.bare for t in small], rtol=2e-3)
    assert np.mean([abs(t.z) < 1.96 for t in small]) >= 0.8
    # Large ones do: their bare plateaus are too high.
    bare = np.log([t.bare for t in done])
    assert np.median(bare) > 0.1
    assert np.mean(np.abs(bare) < 1.96 * bench.SMALL_CELL_SD) < 0.6
    assert abs(np.median([t.z for t in done])) < 0.7
    assert np.mean([abs(t.z) < 1.96 for t in done]) >= 0.85


def test_the_stated_uncertainty_is_of_what_is_uncertain():
    device = cell(trilayers(250e-6))
    options = {"scan_rate": 5e-3, "read_at": (0.5, 1.0)}
    bare = plateau_reading(device.sweep(5e-3, 1.0), (0.5, 1.0))
    none = plateau_correction(device, **options, plateau_current_density=bare, **CERTAIN)
    noisy = plateau_correction(
        device, **options, plateau_current_density=bare, plateau_sd=0.02 * bare, **CERTAIN
    )
    unsure = plateau_correction(device, **options, plateau_current_density=bare)
    assert none.limiting_current_density_sd == 0.0
    assert_allclose(
        noisy.limiting_current_density_sd / noisy.limiting_current_density, 0.02, rtol=0.1
    )
    assert unsure.factor_sd > 5.0 * noisy.factor_sd
    assert max(unsure.shares, key=unsure.shares.__getitem__) == "transference_number"
    assert unsure == plateau_correction(device, **options, plateau_current_density=bare)
    # Without a plateau the diffusivity is the prior's.
    prior = plateau_correction(device, **options)
    assert_allclose(prior.factor, none.factor, rtol=1e-3)
    assert "diffusivity" in prior.shares


def test_a_series_resistance_moves_the_plateau_and_is_corrected_for():
    device = cell(trilayers(25e-6), series_resistance=4e-4)  # 4 ohm cm^2 at 98 mA/cm^2: 0.39 V
    bare = plateau_reading(device.sweep(5e-3, 0.5), 0.5)
    assert bare < 0.95 * device.limiting_current_density
    found = plateau_correction(
        device, scan_rate=5e-3, read_at=0.5, plateau_current_density=bare, **CERTAIN
    )
    assert_allclose(found.limiting_current_density, device.limiting_current_density, rtol=5e-3)


def test_a_plateau_that_no_diffusivity_gives_is_refused():
    resistive = cell(trilayers(25e-6), series_resistance=1e-2)
    with pytest.raises(InputError, match=r"no diffusivity gives the plateau of 200 A/m\^2 .*0.5 V"):
        plateau_correction(
            resistive, scan_rate=5e-3, read_at=0.5, plateau_current_density=200.0, **CERTAIN
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"read_at": "end"}, "read_at is 'end'"),
        ({"read_at": -0.5}, "read_at is -0.5 V"),
        ({"read_at": (0.8, 0.5)}, "the lower one first"),
        ({"plateau_sd": -1.0}, "plateau_sd is -1.0"),
        ({"plateau_current_density": np.nan}, "plateau_current_density is nan"),
        ({"scan_rate": 0.0}, "scan_rate is 0.0"),
    ],
)
def test_a_correction_that_cannot_be_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        plateau_correction(cell(trilayers(25e-6)), **{"scan_rate": 5e-3, "read_at": 0.5, **options})


def test_a_pair_of_voltages_reads_the_middle_of_the_currents_range():
    sweep = xr.Dataset(
        {
            "voltage": ("time", [0.0, 0.5, 0.75, 1.0]),
            "current_density": ("time", [0.0, 3.0, 1.0, 2.0]),
        }
    )
    assert plateau_reading(sweep, (0.5, 1.0)) == 2.0
    assert plateau_reading(sweep, 0.625) == 2.0
    assert plateau_reading(sweep, "peak") == 3.0
