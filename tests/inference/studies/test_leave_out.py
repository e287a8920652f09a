"""Densities of what was left out agree with closed forms, however they had to be had."""

from functools import partial
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from inference.jobs.job import SamplerSection
from inference.studies.comparison.leave_out import LeftOut, leave_out
from inference.studies.comparison.ranking import rank
from inference.studies.comparison.units import Fitted, Unit
from models.context import Context
from models.joint import JointModel
from models.likelihoods import observed_value
from models.observations import Design
from models.prior_set import PriorSet

NOISE, PRIOR = 0.5, 2.0
X = np.array([-1.0, -0.8, -0.5, -0.3, 0.0, 0.2, 0.4, 0.7, 0.9, 1.0])
SETTINGS = SamplerSection(draws=1000, tune=500, chains=4, cores=2, seed=3)
MANY = SETTINGS.model_copy(update={"draws": 4000})  # a far point is told by the tail of its draws


def line(y: Any, *, x: Any = X, weighted: bool = False) -> JointModel:
    """Return the model of a straight line with known noise and normal priors."""
    import pymc as pm
    import pytensor.tensor as pt

    nothing: Any = None
    with pm.Model(coords={"y_row": range(y.size)}, check_bounds=False) as model:
        context = Context(
            model=model, parameters=nothing, separators=None, metal="Na", kinetics="",
            concentration=1.0, options={}, tables={}, weighted=weighted,
        )  # fmt: skip
        offset = pm.Normal("offset", 0.0, PRIOR)
        slope = pm.Normal("slope", 0.0, PRIOR)
        design = Design.exact(y.size)
        data = pm.Data("y_data", y, dims="y_row")
        observation = observed_value(
            location=offset + slope * pm.Data("y_design", x),
            scatter=NOISE,
            rows={name: pt.as_tensor(column) for name, column in design.columns.items()},
            design=design,
            scale="linear",
        )
        context.observe("y", data, observation)
    return JointModel((), PriorSet(()), {}, context.observations, {}, model)


def posterior(y: Any, keep: Any, x: Any = X) -> tuple[Any, Any]:
    """Return mean and covariance of offset and slope given some rows."""
    design = np.column_stack([np.ones_like(x), x])[keep]
    covariance = np.linalg.inv(np.eye(2) / PRIOR**2 + design.T @ design / NOISE**2)
    return covariance @ design.T @ y[keep] / NOISE**2, covariance


def exact(y: Any, rows: Any, x: Any = X) -> float:
    """Return the log density of rows given all others, in closed form."""
    keep = np.setdiff1d(np.arange(y.size), rows)
    mean, covariance = posterior(y, keep, x)
    design = np.column_stack([np.ones_like(x), x])[rows]
    spread = design @ covariance @ design.T + NOISE**2 * np.eye(len(rows))
    return float(stats.multivariate_normal(design @ mean, spread).logpdf(y[rows]))


def fitted(y: Any, x: Any = X, settings: SamplerSection = SETTINGS) -> Fitted:
    """Return the fit, its draws from the posterior in closed form."""
    mean, covariance = posterior(y, np.arange(y.size), x)
    shape = (settings.chains, settings.draws)
    draws = np.random.default_rng(8).multivariate_normal(mean, covariance, size=shape)
    dims = ("chain", "draw")
    coords = {dim: np.arange(size) for dim, size in zip(dims, shape, strict=True)}
    free = xr.Dataset(
        {name: (dims, draws[..., i]) for i, name in enumerate(("offset", "slope"))}, coords=coords
    )
    expected = draws[..., :1] + draws[..., 1:] * x
    log_likelihood = xr.Dataset(
        {"y": ((*dims, "y_row"), stats.norm(expected, NOISE).logpdf(y))}, coords=coords
    )
    model = line(y, x=x)
    return Fitted(model, partial(line, y, x=x, weighted=True), free, log_likelihood, settings)


def units(*groups: Any) -> list[Unit]:
    return [Unit("toy", str(g), tuple(("y", int(row)) for row in g)) for g in groups]


def agrees(found: LeftOut, y: Any, groups: Any, *, within: float, x: Any = X) -> None:
    due = [exact(y, np.asarray(group), x) for group in groups]
    np.testing.assert_allclose(found.table["elpd"], due, rtol=0, atol=within)


def data(outlier: float = 0.0) -> Any:
    y = 0.3 + 1.2 * X + NOISE * np.random.default_rng(4).standard_normal(X.size)
    y[-1] += outlier
    return y


def test_points_of_a_straight_line_have_their_exact_densities_without_a_refit() -> None:
    y = data()
    points = [[row] for row in range(y.size)]
    found = leave_out(fitted(y), units(*points))
    assert (found.table["pareto_k"] <= found.good_k).all()
    assert found.counts() == {"importance sampling": y.size}
    assert not found.done
    assert not found.unreliable
    agrees(found, y, points, within=0.02)


@pytest.mark.slow
def test_weights_of_infinite_variance_are_lightened_where_their_error_would_show() -> None:
    y = data(outlier=1.5)
    few = SETTINGS.model_copy(update={"draws": 150})
    as_it_was, found = (
        leave_out(fitted(y, settings=few), units([9]), matching=matching)
        for matching in (False, True)
    )
    assert 0.5 < found.table["pareto_k"].item() <= found.good_k
    assert as_it_was.table["method"].item() == "importance sampling"
    assert abs(as_it_was.table["elpd"].item() - exact(y, np.array([9]))) > 0.2
    assert found.table["method"].item() == "moment matching"
    agrees(found, y, [[9]], within=0.1)
    (line,) = found.done
    assert "an error of 0." in line
    assert "after moment matching" in line


@pytest.mark.slow
@pytest.mark.parametrize("matching", [True, False])
def test_a_point_in_contradiction_has_a_bad_k_and_its_exact_density_all_the_same(
    matching: bool,
) -> None:
    y = data(outlier=4.0)
    points = [[row] for row in range(y.size)]
    found = leave_out(fitted(y, settings=MANY), units(*points), matching=matching)
    last = found.table.iloc[-1]
    assert last["pareto_k"] > found.good_k
    assert last["method"] == ("moment matching" if matching else "refit")
    assert any(f"Pareto k {last['pareto_k']:.2f}" in line for line in found.done)
    agrees(found, y, points, within=0.25)  # five errors of a refit
    assert not found.unreliable


@pytest.mark.slow
def test_half_of_the_data_left_out_at_once_has_its_exact_density() -> None:
    y = data(outlier=4.0)
    groups = [[0], list(range(5, 10))]
    found = leave_out(fitted(y, settings=MANY), units(*groups), matching=False)
    assert found.table["method"].tolist()[1] == "refit"
    agrees(found, y, groups, within=0.2)


def test_units_beyond_the_cap_are_named_and_not_passed_over() -> None:
    y = data(outlier=12.0)
    found = leave_out(fitted(y), units([9], [4]), matching=False, most_refits=0)
    assert found.table["method"].tolist() == ["unreliable", "importance sampling"]
    (line,) = found.unreliable
    assert line.startswith("toy: [9] (")
    assert "not refitted: more than 0 units needed it" in line


def test_weights_of_stacking_and_paired_differences() -> None:
    rng = np.random.default_rng(1)
    good = rng.normal(-400.0, 1.0, 50)  # densities whose exponentials underflow
    table = rank({"worse": good - 1.0 - 0.1 * rng.random(50), "better": good})
    assert table.index.tolist() == ["better", "worse"]
    assert table["weight"].tolist() == pytest.approx([1.0, 0.0], abs=1e-3)
    assert table.loc["better", "elpd"] == pytest.approx(good.sum())
    assert table.loc["worse", "difference"] == pytest.approx(-52.5, abs=1.0)
    assert 0 < table.loc["worse", "difference_se"] < 1
    assert np.isnan(table.loc["better", "difference_se"])
    # Models that are right about other halves of the data share the weight.
    half = np.where(np.arange(50) < 25, 0.0, -2.0)
    shared = rank({"a": half, "b": half[::-1]})
    assert shared["weight"].tolist() == pytest.approx([0.5, 0.5], abs=1e-3)


def test_the_error_of_a_lead_is_that_of_cells_table_by_table() -> None:
    """Points of one curve that share their difference count once, and tables do not mix."""
    rng = np.random.default_rng(4)
    curves, points, others = 40, 12, 30
    even = stats.norm.ppf((np.arange(curves) + 0.5) / curves)
    shared = np.repeat(rng.permutation(even), points)
    flat = np.zeros(others)  # a table that does not tell the models apart
    a = np.concatenate([shared + 0.1 * rng.normal(size=shared.size) + 0.2, flat])
    groups = [("kinetics", f"c{i // points}") for i in range(shared.size)]
    groups += [("sand", f"s{i}") for i in range(others)]
    table = rank({"a": a, "b": np.zeros_like(a)}, groups)
    error = table.loc[table.index[1], "difference_se"]
    assert error == pytest.approx(points * np.sqrt(curves), rel=0.1)  # sd 1 a curve
    plain = rank({"a": a, "b": np.zeros_like(a)})
    assert plain.loc[plain.index[1], "difference_se"] < 0.4 * error
