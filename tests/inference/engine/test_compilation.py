"""The C function that the sampler calls, and the way back to the parameters."""

import ctypes
from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit

from inference.engine.compilation import FAILED, NOT_FINITE
from inference.engine.sampling import Sampler
from models import physics
from models.joint import JointModel
from models.prior_set import PriorSet

POINTER = ctypes.POINTER(ctypes.c_double)
ROWS = np.array([[0.3, 1.0], [-0.2, 1.5], [1.1, 0.8]])


def model_of(rows: np.ndarray[Any, Any]) -> JointModel:
    """Return a normal mean, a lognormal scale and a fraction, with data of two columns."""
    import pymc as pm

    with pm.Model(check_bounds=False) as model:
        data = pm.Data("rows", rows)
        mean = pm.Normal("mean", 0.0, 2.0)
        scale = pm.LogNormal("scale", 0.0, 0.5)
        parts = pm.Beta("parts", 2.0, 3.0, shape=2)
        pm.Normal("seen", mean + parts[0] * data[:, 1], scale, observed=data[:, 0])
    return JointModel((), PriorSet(()), {}, {}, {}, model)


def log_density(x: np.ndarray[Any, Any], rows: np.ndarray[Any, Any], names: list[str]) -> float:
    """Return the density of the unbounded coordinates, from SciPy alone."""
    sizes = {"mean": 1, "scale": 1, "parts": 2}
    ends = np.cumsum([sizes[name] for name in names])
    part = {n: x[end - sizes[n] : end] for n, end in zip(names, ends, strict=True)}
    mean, scale, parts = part["mean"][0], np.exp(part["scale"][0]), expit(part["parts"])
    prior = stats.norm(0, 2).logpdf(mean) + stats.lognorm(0.5).logpdf(scale) + np.log(scale)
    prior += (stats.beta(2, 3).logpdf(parts) + np.log(parts * (1 - parts))).sum()
    seen = stats.norm(mean + parts[0] * rows[:, 1], scale).logpdf(rows[:, 0]).sum()
    return float(prior + seen)


def called(compiled: Any, x: np.ndarray[Any, Any]) -> tuple[int, float, np.ndarray[Any, Any]]:
    gradient, density = np.full(x.size, np.nan), np.full(1, np.nan)
    code = compiled.compiled_logp_func.ctypes(
        x.size,
        x.ctypes.data_as(POINTER),
        gradient.ctypes.data_as(POINTER),
        density.ctypes.data_as(POINTER),
        compiled.user_data.ctypes.data,
    )
    return code, float(density[0]), gradient


def test_the_c_function_is_the_density_and_its_gradient() -> None:
    sampler = Sampler(model_of(ROWS))
    names = [rv.name for rv in sampler._pymc.free_RVs]
    # Other values, and another number of rows, are evaluated by the same machine code.
    more = np.vstack([ROWS, 2.0 * ROWS, [[0.0, -1.0]]])
    cases = [(sampler._compiled, ROWS), (sampler._compiled.with_data(rows=more), more)]
    rng = np.random.default_rng(1)
    for compiled, rows in cases:
        for x in rng.normal(size=(5, 4)):
            code, density, gradient = called(compiled, x)
            assert code == 0
            # PyTensor keeps the constants of PyMC's densities in single precision.
            assert density == pytest.approx(log_density(x, rows, names), rel=1e-7)
            steps = 1e-6 * np.eye(4)
            slopes = [
                (log_density(x + h, rows, names) - log_density(x - h, rows, names)) / 2e-6
                for h in steps
            ]
            np.testing.assert_allclose(gradient, slopes, rtol=1e-5, atol=1e-6)


def test_what_is_no_density_is_said_in_codes() -> None:
    compiled = Sampler(model_of(ROWS))._compiled
    assert called(compiled, np.full(4, np.nan))[0] == NOT_FINITE
    assert called(compiled, np.zeros(3))[0] == FAILED


def test_draws_come_back_on_the_scale_of_the_parameters() -> None:
    even = stats.norm.ppf((np.arange(400) + 0.5) / 400)
    known = np.column_stack([0.7 + 0.2 * even, np.zeros(400)])
    sampler = Sampler(model_of(ROWS))
    choices = {"draws": 500, "tune": 500, "chains": 2, "cores": 2, "target_accept": 0.9}
    draws, _ = sampler.sample(**choices, seed=1, data={"rows": known})
    assert draws["parts"].dims == ("chain", "draw", "parts_dim_0")
    assert draws["scale"].mean() == pytest.approx(0.2, rel=0.1)
    assert draws["mean"].mean() == pytest.approx(0.7, abs=0.02)
    # No data speak of the parts: they are their prior's.
    assert draws["parts"].mean() == pytest.approx(0.4, abs=0.04)  # five errors
    assert draws.equals(sampler.sample(**choices, seed=1, data={"rows": known})[0])


def test_one_potential_over_many_radii_compiles_without_a_word(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    import pymc as pm

    radii = np.array([14e-9, 19e-9, 24e-9])

    def currents(wetting: Any) -> Any:
        potential = physics.young_laplace_overpotential(wetting, radii, 2e-5)
        return physics.KINETICS["marcus_hush_chidsey"](potential, 1.0, 0.3, 298.15)

    with pm.Model(check_bounds=False) as model:
        wetting = pm.LogNormal("wetting", 0.0, 1.0)
        pm.Potential("current", currents(wetting[None]).sum())
    joint = JointModel((), PriorSet(()), {}, {}, {}, model)
    code, density, gradient = called(Sampler(joint)._compiled, np.array([-2.0]))
    assert (code, caplog.text, *capfd.readouterr()) == (0, "", "", "")
    due = [
        stats.norm.logpdf(x) + currents(np.exp(x)).sum() for x in (-2.0, -2.0 + 1e-5, -2.0 - 1e-5)
    ]
    assert density == pytest.approx(due[0], rel=1e-7)
    assert gradient == pytest.approx((due[1] - due[2]) / 2e-5, rel=1e-5)
