"""Laws of cells: their limits, their quantiles, and likelihoods and draws that agree with them."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import optimize, special, stats

from data.arrays import Array
from models import physics
from models.cells import CONTAMINATED_MULTIPLIER, LAWS, Cells, deviate
from models.distributions import Gamma
from models.joint import joint_model
from models.likelihoods import Threshold, observed_clock, observed_value, observed_verdict
from models.observations import Design
from models.options import ModelOptions
from models.range_likelihood import observed_range

ROWS = 7
Z = np.array([-40.0, -4.0, -1.0, 0.0, 0.6, 3.0, 40.0])
SD = np.array([0.0, 0.05, 0.0, 0.1, 0.0, 0.02, 0.0])
DESIGN = Design(
    SD,
    np.array([0.0, 0.0, 0.3, 0.0, 0.1, 0.0, 0.0]),
    np.full(ROWS, -np.inf),
    np.array([np.inf, np.inf, np.inf, np.inf, np.inf, 1.0, np.inf]),
)
VOIDS = Threshold(
    physics.void_free_current_density, physics.void_free_log_slope, physics.void_free_time
)
SCATTER = 0.25


def mixture_cdf(law: str, parameter: float, x: Any) -> Any:
    """Return the distribution function of deviates, from SciPy."""
    if law == "student_t":
        return stats.t(parameter).cdf(x)
    wide = stats.norm.cdf(x / CONTAMINATED_MULTIPLIER)
    return (1.0 - parameter) * stats.norm.cdf(x) + parameter * wide


def form(kind: str, law: str, parameter: float, patches: float | None = None) -> tuple[Any, ...]:
    """Return observed values, their distribution and its parameters, all in NumPy."""
    import pytensor.tensor as pt

    cells = Cells(LAWS[law], pt.as_tensor(parameter) if LAWS[law].parameter else None)
    several = None if patches is None else pt.as_tensor(np.full(ROWS, patches))
    rows = {name: pt.as_tensor(values) for name, values in DESIGN.columns.items()}
    if kind == "verdict":
        observed = np.array([0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0])
        observation = observed_verdict(z=pt.as_tensor(Z), patches=several, law=cells)
    elif kind == "value":
        observed = np.exp(np.minimum(SCATTER * Z / 10.0, DESIGN.ceiling))
        observation = observed_value(
            location=pt.zeros(ROWS), scatter=SCATTER, rows=rows, design=DESIGN,
            patches=several, law=cells,
        )  # fmt: skip
    else:
        unit, parameters = 1000.0, (5.5e-13, 23.68e-6, 0.9, 0.0)
        observed = unit * np.exp(np.minimum(np.linspace(-1.0, 1.2, ROWS), DESIGN.ceiling))
        ends = {**rows, "ceiling": pt.as_tensor(DESIGN.columns["ceiling"] + np.log(unit))}
        observed = np.where(DESIGN.ceiling < 2, unit * np.e, observed)
        current = float(VOIDS.current_density(unit, *parameters))
        observation = observed_clock(
            threshold=VOIDS, parameters=[pt.as_tensor(value) for value in parameters],
            log_current=pt.as_tensor(np.full(ROWS, np.log(current))), scatter=SCATTER,
            rows=ends, design=DESIGN, law=cells,
        )  # fmt: skip
    values = [np.broadcast_to(each.eval(), ROWS) for each in observation.parameters]
    return observed, observation, values


def weighed(kind: str, law: str, parameter: float = 0.0, patches: float | None = None) -> Array:
    observed, observation, values = form(kind, law, parameter, patches)
    with np.errstate(all="ignore"):
        return np.asarray(observation.logp(observed, *values))


@pytest.mark.parametrize("patches", [None, 6.0])
@pytest.mark.parametrize("kind", ["verdict", "value", "clock"])
def test_both_laws_have_the_lognormal_as_their_limit(kind: str, patches: float | None) -> None:
    if kind == "clock" and patches is not None:
        return
    due = weighed(kind, "lognormal", patches=patches)
    assert np.isfinite(due).all()
    inner = np.abs(Z) < 5
    none = weighed(kind, "contaminated", 1e-300, patches)
    np.testing.assert_allclose(none[inner], due[inner], rtol=1e-12)
    many = weighed(kind, "student_t", 1e8, patches)
    np.testing.assert_allclose(many[inner], due[inner], rtol=1e-6)
    # Where hardly a lognormal cell would be, either law has some.
    few = weighed(kind, "contaminated", 0.05, patches)
    assert (few[~inner] >= due[~inner] - 1e-9).all() or kind != "verdict"


@pytest.mark.parametrize("degrees", [2.0, 2.05, 3.0, 5.0, 12.0, 40.0, 200.0])
def test_the_sum_over_kinds_is_students_t(degrees: float) -> None:
    log_weights, multipliers = LAWS["student_t"].components(degrees)
    assert float(np.exp(log_weights).sum()) == pytest.approx(1.0, abs=1e-12)
    for far, tolerance in ((6.0, 2e-5 if degrees < 2.5 else 2e-6), (50.0, 1e-3)):
        if far == 50.0 and degrees > 5.0:
            continue
        x = np.linspace(-far, far, 301)
        each = x / multipliers[:, None]
        cdf = special.logsumexp(log_weights[:, None] + special.log_ndtr(each), axis=0)
        log_density = stats.norm.logpdf(each) - np.log(multipliers[:, None])
        density = special.logsumexp(log_weights[:, None] + log_density, axis=0)
        np.testing.assert_allclose(cdf, stats.t.logcdf(x, degrees), atol=tolerance)
        np.testing.assert_allclose(density, stats.t.logpdf(x, degrees), atol=tolerance)


@pytest.mark.parametrize(("law", "parameter"), [("student_t", 3.5), ("contaminated", 0.08)])
def test_verdicts_and_intervals_have_the_probabilities_of_the_law(
    law: str, parameter: float
) -> None:
    inner = np.abs(Z) < 5
    failed = np.array([0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0])
    probability = mixture_cdf(law, parameter, np.where(failed > 0.5, Z, -Z))
    np.testing.assert_allclose(
        weighed("verdict", law, parameter)[inner], np.log(probability)[inner], rtol=1e-5
    )
    x = SCATTER * Z / 10.0
    got = weighed("value", law, parameter)
    for row in (2, 4):
        half = DESIGN.halfwidth[row]
        ends = mixture_cdf(law, parameter, (x[row] + np.array([-half, half])) / SCATTER)
        assert got[row] == pytest.approx(float(np.log(np.diff(ends)[0])), rel=1e-5)
    # A cell's kind multiplies its scatter alone, not the error of its measurement.
    if law == "contaminated":
        wide = np.hypot(SCATTER * np.array([1.0, CONTAMINATED_MULTIPLIER]), SD[3])
        each = stats.norm.pdf(x[3], 0.0, wide)
        assert got[3] == pytest.approx(np.log(np.dot([0.92, 0.08], each)), rel=1e-12)


def test_all_patches_of_a_cell_are_of_its_kind() -> None:
    share, patches = 0.08, 6.0
    got = weighed("verdict", "contaminated", share, patches)
    kinds = stats.norm.cdf(Z[:, None] / [1.0, CONTAMINATED_MULTIPLIER])
    failed = (1.0 - (1.0 - kinds) ** patches) @ [1.0 - share, share]
    survived = (1.0 - kinds) ** patches @ [1.0 - share, share]
    for row in (1, 3, 4):
        assert got[row] == pytest.approx(np.log(failed[row]), rel=1e-9)
    for row in (2, 5):
        assert got[row] == pytest.approx(np.log(survived[row]), rel=1e-9)


@pytest.mark.parametrize(("law", "parameter"), [("student_t", 2.7), ("contaminated", 0.2)])
@pytest.mark.parametrize("patches", [1.0, 0.05, 30.0])
def test_deviates_are_the_quantiles_of_draws_of_the_law(
    law: str, parameter: float, patches: float
) -> None:
    z = np.concatenate([np.linspace(-6.0, 6.0, 41), [0.0]])
    log_weights, multipliers = LAWS[law].components(parameter)
    x = deviate(LAWS[law], z, parameter, patches)
    assert (np.diff(x[:-1]) > 0).all()
    survival = special.log_ndtr(-x / multipliers[:, None]) * patches + log_weights[:, None]
    failed = -np.expm1(special.log_ndtr(-x / multipliers[:, None]) * patches)
    below = (np.exp(log_weights[:, None]) * failed).sum(axis=0)
    np.testing.assert_allclose(below[z < 0], special.ndtr(z[z < 0]), rtol=1e-9)
    np.testing.assert_allclose(
        special.logsumexp(survival, axis=0)[z > 0], special.log_ndtr(-z[z > 0]), rtol=1e-9
    )
    if patches == 1.0:
        seen = np.abs(z) < 4.0
        got = mixture_cdf(law, parameter, x[seen])
        np.testing.assert_allclose(got, special.ndtr(z[seen]), rtol=1e-4)
        assert x[-1] == 0.0
    rng = np.random.default_rng(3)
    multiplier = LAWS[law].draw(np.full(4000, parameter), rng, (4000,))
    drawn = multiplier * physics.weakest_deviate(rng.standard_normal(4000), patches)
    assert stats.ks_2samp(drawn, deviate(LAWS[law], rng.standard_normal(4000), parameter, patches),
    ).pvalue > 1e-5  # fmt: skip


def test_a_table_over_the_parameter_gives_the_deviates_themselves() -> None:
    rng = np.random.default_rng(4)
    degrees = Gamma(alpha=2.0, rate=0.1, lower=2.0).quantile(rng.uniform(size=200))
    z = np.linspace(-3.5, 3.5, 15)
    table = deviate(LAWS["student_t"], z, degrees[:, None])
    for row in range(0, 200, 40):
        np.testing.assert_allclose(
            table[row], deviate(LAWS["student_t"], z, degrees[row]), atol=1e-7
        )


@pytest.mark.parametrize(("law", "parameter"), [("student_t", 2.7), ("contaminated", 0.2)])
def test_draws_of_observations_follow_their_law(law: str, parameter: float) -> None:
    rng = np.random.default_rng(5)
    _, observation, values = form("verdict", law, parameter)
    failed = observation.draw(*values, rng=rng, size=(20_000, ROWS)).mean(axis=0)
    np.testing.assert_allclose(failed, mixture_cdf(law, parameter, Z), atol=5 * 0.5 / 20_000**0.5)
    _, observation, values = form("value", law, parameter)
    drawn = np.log(observation.draw(*values, rng=rng, size=(4000, ROWS))[:, 0]) / SCATTER
    p_value = stats.kstest(drawn, lambda x: mixture_cdf(law, parameter, x)).pvalue
    assert p_value > 1e-5
    _, observation, values = form("clock", law, parameter)
    times = observation.draw(*values, rng=rng, size=(4000, ROWS))[:, 0]
    current = np.log(VOIDS.current_density(times, 5.5e-13, 23.68e-6, 0.9, 0.0))
    x = (float(values[1][0]) - current) / SCATTER
    assert stats.kstest(x, lambda x: mixture_cdf(law, parameter, x)).pvalue > 1e-5


@pytest.mark.parametrize(("law", "parameter"), [("student_t", 2.7), ("contaminated", 0.2)])
@pytest.mark.parametrize("cells", [3, 0])
def test_each_cell_of_a_range_is_of_a_kind_of_its_own(
    law: str, parameter: float, cells: int
) -> None:
    import pytensor.tensor as pt

    lowest, highest, height, scatter = 0.6, 1.4, 0.2, 0.3
    columns = {"step_height": height, "first_step": height, "cells": float(cells)}
    observation = observed_range(
        location=pt.zeros(2), scatter=scatter,
        rows={name: pt.as_tensor(np.full(2, value)) for name, value in columns.items()},
        cells=np.full(2, float(cells)), law=Cells(LAWS[law], pt.as_tensor(parameter)),
    )  # fmt: skip
    values = [each.eval() for each in observation.parameters]
    ends = np.array([lowest - height, lowest, highest - height, highest])
    a, b, c, d = mixture_cdf(law, parameter, np.log(ends) / scatter)
    counts = np.arange(2, 9) if cells == 0 else np.array([cells])
    each = (d - a) ** counts - (d - b) ** counts - (c - a) ** counts + (c - b) ** counts
    due = float(np.log(np.average(each, weights=1.0 / counts)))
    got = observation.logp(np.array([lowest, highest]), *values)
    assert float(got.sum()) == pytest.approx(due, rel=1e-4)
    count = 20_000
    draws = observation.draw(*values, rng=np.random.default_rng(6), size=(count, 2))
    share = np.mean(np.all(np.abs(draws - [lowest, highest]) < 1e-9, axis=1))
    assert abs(share - np.exp(due)) < 5 * np.sqrt(np.exp(due) / count)


def test_a_far_row_is_probably_of_the_second_kind() -> None:
    observed, observation, values = form("value", "contaminated", 0.05)
    assert observation.second_kind is not None
    with np.errstate(all="ignore"):
        share = observation.second_kind(observed, *values)
    scale = SCATTER * np.array([1.0, CONTAMINATED_MULTIPLIER])
    densities = np.array([0.95, 0.05]) * stats.norm.pdf(np.log(observed[[0, 6]])[:, None], 0, scale)
    np.testing.assert_allclose(share[[0, 6]], densities[:, 1] / densities.sum(axis=1), rtol=1e-9)
    assert (share[[0, 6]] > 0.9).all()
    assert share[4] < 0.05


def test_gradients_of_the_laws_are_finite_far_into_their_tails() -> None:
    import pytensor
    import pytensor.tensor as pt

    z, parameter = pt.dvector("z"), pt.dscalar("parameter")
    for law, values in (("student_t", (2.001, 300.0)), ("contaminated", (1e-6, 0.999))):
        cells = Cells(LAWS[law], pt.as_tensor(0.5))
        observation = observed_verdict(z=pt.zeros(ROWS), law=cells)
        total = observation.logp(pt.ones(ROWS), parameter + 0.0 * z, z).sum()
        evaluate = pytensor.function(
            [z, parameter], pytensor.grad(total, [z, parameter]), mode="FAST_COMPILE"
        )
        for value in values:
            for gradient in evaluate(np.array([-300.0, -40, -3, 0, 3, 40, 300]), value):
                assert np.isfinite(gradient).all()


def test_the_gamma_prior_is_truncated() -> None:
    import pymc as pm

    prior = Gamma(alpha=2.0, rate=0.1, lower=2.0)
    probability = np.array([0.0, 0.01, 0.3, 0.99])
    due = stats.gamma(2.0, scale=10.0)
    above = due.sf(2.0)
    np.testing.assert_allclose(due.sf(prior.quantile(probability)), above * (1 - probability))
    with pm.Model():
        drawn = pm.draw(prior.variable("x"), 4000, random_seed=1, mode="FAST_COMPILE")
    assert stats.kstest(drawn, lambda x: 1.0 - due.sf(x) / above).pvalue > 1e-5


def test_a_block_has_the_parameter_of_its_law_and_no_other(
    campaign_of: Callable[..., Any],
) -> None:
    sand = (
        "cell,electrode_distance [mm],concentration [mol/L],temperature [degC],"
        "current_density [mA/cm^2],sand_time [s],stop_time [s]\ns1,20,1,25,20,200,900"
    )
    campaign = campaign_of(sand=sand)
    plain = joint_model(campaign)
    names = {rv.name for rv in plain.pymc.free_RVs}
    assert not any(name.endswith(("_contamination", "_degrees_of_freedom")) for name in names)
    # A limit that no table of the campaign shows is mapped with the law that was chosen, too.
    options = {"sand": {"cells": "student_t"}, "dc_polarization": {"cells": "contaminated"}}
    model = joint_model(campaign, ModelOptions(options=options))
    added = {"sand_degrees_of_freedom", "dc_polarization_contamination"}
    assert {rv.name for rv in model.pymc.free_RVs} == names | added
    assert model.informed_by["sand_degrees_of_freedom"] == ["sand"]
    assert "dc_polarization_contamination" not in model.informed_by


EVERY = ("penetration", "sand", "dc_polarization", "lsv")


@pytest.mark.slow
@pytest.mark.parametrize("law", ["student_t", "contaminated"])
def test_all_draws_at_once_weigh_as_each_by_itself(law: str, synthetic: Any) -> None:
    """Kinds of cells, nodes over errors and draws each have an axis of their own."""
    from inference.engine.prediction import Predictor
    from inference.studies.comparison.moment_matching import _Unconstrained
    from inference.studies.comparison.same_data import _observations

    options = {block: {"cells": law} for block in EVERY}
    model = joint_model(synthetic, ModelOptions(options=options))
    predictor = Predictor(model)
    free = predictor.prior(6, 1)
    found = predictor.evaluate(free, 2)
    assert ("second_kind" in found) == (law == "contaminated")
    for draw in (0, 5):
        single = predictor.evaluate(free.isel(draw=[draw]), 2)
        for group in ("log_likelihood", "second_kind"):
            for name, values in found.get(group, {}).items():
                due = single[group][name].isel(draw=0).values
                np.testing.assert_allclose(values.isel(draw=draw).values, due, rtol=1e-9)
    likelihoods = found["log_likelihood"]
    assert all(np.isfinite(each).all() for each in likelihoods.values())
    # Laws of cells compare on the same observations, and draws move on the sampler's own space.
    plain = joint_model(synthetic)
    assert _observations(model) == _observations(plain)
    there: Any = SimpleNamespace(model=model, free=free)
    moved = _Unconstrained(there)
    back, _ = moved._back(moved.draws.values.reshape(6, -1))
    for rv, values in zip(model.pymc.free_RVs, back, strict=True):
        np.testing.assert_allclose(values, free[rv.name].values[0], rtol=1e-6, atol=1e-12)


# --- stated risks over simulated campaigns -------------------------------------------------------

CELLS_OF_A_CAMPAIGN = 25
CAMPAIGNS = 20
TRUE_SCATTER = 0.25
LOCATIONS = np.linspace(-0.4, 0.4, 25)
LOG_SCATTERS = np.linspace(np.log(0.08), np.log(0.9), 19)
DEGREES = np.geomspace(2.02, 90.0, 9)
SHARES = stats.beta(1, 19).ppf((np.arange(10) + 0.5) / 10)
# By law: values of its parameter, and the logarithm of their prior on that grid.
TAILS = {
    "lognormal": (np.zeros(1), np.zeros(1)),
    "student_t": (DEGREES, stats.gamma(2, scale=10).logpdf(DEGREES) + np.log(DEGREES)),
    "contaminated": (SHARES, np.zeros(10)),
}


def lognormal_cells(rng: np.random.Generator) -> tuple[Array, Any]:
    return rng.standard_normal(CELLS_OF_A_CAMPAIGN), stats.norm.cdf


def students_cells(rng: np.random.Generator) -> tuple[Array, Any]:
    """Draw the degrees of freedom from their prior: of few, cells show little, it much."""
    degrees = float(Gamma(alpha=2.0, rate=0.1, lower=2.0).quantile(rng.uniform()))
    return rng.standard_t(degrees, CELLS_OF_A_CAMPAIGN), stats.t(degrees).cdf


def cells_with_an_outlier(rng: np.random.Generator) -> tuple[Array, Any]:
    z = rng.standard_normal(CELLS_OF_A_CAMPAIGN)
    z[0] = -CONTAMINATED_MULTIPLIER * abs(z[0])
    return z, lambda x: mixture_cdf("contaminated", 1.0 / CELLS_OF_A_CAMPAIGN, x)


CAMPAIGN_CELLS: dict[str, Callable[[np.random.Generator], tuple[Array, Any]]] = {
    "lognormal": lognormal_cells,
    "student_t": students_cells,
    "contaminated": cells_with_an_outlier,
}


def predicted_quantiles(law: str, log_currents: Array, risks: tuple[float, ...]) -> list[float]:
    """Return what new cells fail below, from a posterior on a grid of the unknowns."""
    parameters, log_prior = TAILS[law]
    scatter = np.exp(LOG_SCATTERS)
    posterior, mixtures = [], []
    for parameter, prior in zip(parameters, log_prior, strict=True):
        log_weights, multipliers = LAWS[law].components(parameter)
        width = multipliers[:, None] * scatter
        z = (log_currents[:, None] - LOCATIONS[:, None, None, None]) / width[:, None]
        each = stats.norm.logpdf(z) - np.log(width[:, None]) + log_weights[:, None, None]
        rows = special.logsumexp(each, axis=1).sum(axis=1)
        posterior.append(rows + stats.norm.logpdf(LOG_SCATTERS, np.log(0.25), 0.5) + prior)
        mixtures.append((np.exp(log_weights), width))
    weights = np.exp(np.array(posterior) - np.max(posterior))
    weights /= weights.sum()

    def risk_at(log_current: float) -> float:
        total = 0.0
        for weight, (share, width) in zip(weights, mixtures, strict=True):
            below = special.ndtr((log_current - LOCATIONS[:, None, None]) / width)
            total += float((weight * np.einsum("k,mks->ms", share, below)).sum())
        return total

    return [float(optimize.brentq(lambda q, r=r: risk_at(q) - r, -8, 1, xtol=1e-3)) for r in risks]


@pytest.mark.slow
@pytest.mark.parametrize("law", CAMPAIGN_CELLS)
def test_the_true_risk_is_about_the_stated_one_under_the_law_that_is_meant(law: str) -> None:
    rng = np.random.default_rng(7)
    risks = (0.05, 0.01)
    true = []
    for _ in range(CAMPAIGNS):
        z, distribution = CAMPAIGN_CELLS[law](rng)
        found = predicted_quantiles(law, TRUE_SCATTER * z, risks)
        true.append([float(distribution(current / TRUE_SCATTER)) for current in found])
    error = np.std(true, axis=0, ddof=1) / np.sqrt(CAMPAIGNS)
    mean = np.mean(true, axis=0)
    assert (mean < 1.2 * np.array(risks) + 4.0 * error).all(), (mean, error)


def test_every_law_of_cells_can_be_chosen_is_said_and_is_known_to_the_page() -> None:
    from typing import get_args

    from inference.maps.tails import WORDS
    from models.options import CellsLaw

    page = (Path(__file__).parents[2] / "inference" / "report_page" / "physics.js").read_text()
    assert set(LAWS) == set(get_args(CellsLaw)) == set(WORDS)
    assert all(
        f'{name}: {{\n      parameter: "{law.parameter}"' in page
        for name, law in LAWS.items()
        if law.parameter
    )
