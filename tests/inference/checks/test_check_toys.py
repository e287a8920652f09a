"""The measures behind a check, against closed forms of linear models with normal errors."""

import itertools
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy import special, stats

from data.campaign import Campaign
from inference.checks.absurdity import absurd_shares, absurdity_findings
from inference.checks.alone import _processes, answer_of
from inference.checks.conflict import Moments, joint_tension
from inference.checks.contraction import contraction_findings, contractions
from inference.checks.fisher import forecast
from inference.checks.ridges import ridge_findings, ridges
from inference.engine.arviz_statistics import (
    left_out_weights,
    loo_pit,
    pareto_k,
    power_scaling,
    uniformity,
)
from inference.engine.free_function import FreeFunction
from inference.engine.sampling import convergence
from inference.engine.scales import log_jacobian, natural, natural_values, robust_sd
from inference.engine.standing import standing
from inference.misfit.residuals import predictive_p_values
from inference.misfit.tension import Gaussian, adjusted, distance, equivalent, pair_tension
from inference.misfit.verdicts import Check, Finding, Section, worst
from inference.runs.summary import summary_table
from models.blocks import blocks
from models.joint import joint_model
from models.options import ModelOptions
from models.priors import resolve_priors

CREEP = "specimen,temperature [degC],strain_rate [1/s],stress [MPa]\n"
PINNED = {
    "creep_scatter": {"fixed": 0.1},
    "creep_exponent": {"fixed": 5.5},
    "creep_activation_energy": {"fixed": "44 kJ/mol"},
}


def draws(**values: Any) -> xr.Dataset:
    return xr.Dataset(
        {name: (("chain", "draw"), np.asarray(each)) for name, each in values.items()},
        coords={"chain": np.arange(4), "draw": np.arange(1000)},
    )


# --- tension --------------------------------------------------------------------------------------


def told(measured: Any, noise: float, values: Any, prior: Any) -> tuple[Any, Any]:
    """Return posterior means and covariance of a linear table, for many draws of its values."""
    measured = np.atleast_2d(np.asarray(measured, dtype=float))
    covariance = np.linalg.inv(np.linalg.inv(prior) + measured.T @ measured / noise**2)
    return values @ measured @ covariance / noise**2, covariance


ROWS = 5000  # the standard deviation of as many has an error of 0.01
EVEN = (np.arange(4000) + 0.5) / 4000
NORMAL = stats.norm.ppf(EVEN)  # draws whose moments are those of the distribution
TRANSFERENCE = np.var(special.logit(stats.beta(5, 5).ppf(EVEN)))


def test_rows_that_every_draw_calls_certain_have_weights() -> None:
    """A censored row far from its limit has a log-likelihood of zero, to the last digit."""
    rng = np.random.default_rng(2)
    dims = ("chain", "draw", "x_row")
    likelihood = np.zeros((4, 1000, 3), dtype=np.float32)
    likelihood[..., 1] = -rng.exponential(1e-7, (4, 1000))  # a step of single precision
    likelihood[..., 2] = stats.norm.logpdf(rng.standard_normal((4, 1000)))
    posterior = draws(a=rng.standard_normal((4, 1000)))
    sample = posterior.coords
    groups = {
        "log_likelihood": xr.Dataset({"x": (dims, likelihood)}, coords=sample),
        "posterior_predictive": xr.Dataset({"x": (dims, np.ones_like(likelihood))}, coords=sample),
        "observed_data": xr.Dataset({"x": ("x_row", np.ones(3))}),
    }
    assert (pareto_k("x", posterior, groups)[:2] < 0.5).all()
    weights = left_out_weights("x", posterior, groups)
    np.testing.assert_allclose(weights[:, :2], 1 / 4000, rtol=1e-5)
    assert np.isfinite(loo_pit("x", posterior, groups, 1)).all()


def test_a_table_of_which_every_draw_is_certain_moves_nothing() -> None:
    found = power_scaling(
        draws(a=np.random.default_rng(1).standard_normal((4, 1000))),
        {"sure": np.zeros((4, 1000)), "nearly": np.zeros((4, 1000)) - 1e-7},
        seed=1,
    )
    assert all(each["a"] < 1e-3 for each in found.values())


@pytest.mark.parametrize(
    ("prior", "first", "second", "shared"),
    [
        ([2.0], [[1.0]], [[1.0]], 1),
        ([1.0, 1.0], [[1.0, 1.0]], [[1.0, 1.0]], 1),  # the same combination twice
        ([1.0, 1.0], [[1.0, 1.0]], [[1.0, 2.0]], 1),
        ([1.0, 1.0], [[1.0, 1.0]], [[1.0, -1.0]], 0),  # each tells what the other does not
        # Limiting currents and Sand's times in (ln D, logit t+) at t+ = 1/2.
        ([0.64, TRANSFERENCE], [[1.0, 0.5]], [[1.0, 1.0]], 1),
        ([1.0, 2.0, 0.5], [[1, 0, 0], [0, 1, 0]], [[1, 0, 0], [0, 1, 1]], 2),
    ],
)
def test_tensions_are_standard_normal_where_tables_agree(
    prior: list[float], first: Any, second: Any, shared: int
) -> None:
    rng = np.random.default_rng(1)
    before, noise = np.diag(prior), (0.1, 0.2)
    truth = rng.multivariate_normal(np.zeros(len(prior)), before, ROWS)
    means, covariances = [], []
    for design, sd in zip((first, second), noise, strict=True):
        seen = truth @ np.transpose(design) + sd * rng.normal(size=(ROWS, len(design)))
        mean, covariance = told(design, sd, seen, before)
        means.append(mean)
        covariances.append(covariance)
    zero = Gaussian(np.zeros(len(prior)), before)
    single, every = [], []
    for a, b in zip(*means, strict=True):
        one, other = Gaussian(a, covariances[0]), Gaussian(b, covariances[1])
        single.append(pair_tension(one, other, zero))
        every.append(distance(one, other, zero))
    heard = ~np.isnan(single[0])
    assert heard.any()
    np.testing.assert_allclose(np.std(single, axis=0)[heard], 1.0, atol=0.05)
    assert {directions for _, directions in every} == {shared}
    if shared:
        squared = [each for each, _ in every]
        assert stats.kstest(squared, "chi2", (shared,)).pvalue > 1e-6


def test_shifts_against_the_joint_posterior_are_standard_normal() -> None:
    # theta ~ N(0, 2); two tables measure it with variances 0.5 and 1.5.
    rng = np.random.default_rng(1)
    prior, noise = 2.0, np.array([0.5, 1.5])
    truth = np.sqrt(prior) * rng.standard_normal(20000)
    seen = truth[:, None] + np.sqrt(noise) * rng.standard_normal((20000, 2))
    variance = 1.0 / (1.0 / prior + 1.0 / noise[0])
    together = 1.0 / (1.0 / prior + (1.0 / noise).sum())
    shifts = [
        joint_tension(Moments(variance * a / noise[0], variance), Moments(j, together))[0]  # type: ignore[index]
        for a, j in zip(seen[:, 0], together * (seen / noise).sum(axis=1), strict=True)
    ]
    assert stats.kstest(np.array(shifts, dtype=float), "norm").pvalue > 1e-6


def test_a_contradiction_about_a_combination_is_seen_whole_by_few_draws() -> None:
    # x1 + x2 is 1.0 +- 0.1 says one table, 0.0 +- 0.1 another: sqrt(50) standard deviations.
    prior = Gaussian(np.zeros(2), np.eye(2))
    means, covariance = told([1.0, 1.0], 0.1, np.array([[1.0], [0.0]]), np.eye(2))
    one, other = (Gaussian(mean, covariance) for mean in means)
    due = np.sqrt(50.0)
    assert pair_tension(one, other, prior) == pytest.approx([due, due], rel=1e-3)
    assert equivalent(*distance(one, other, prior)) == pytest.approx(due, rel=1e-3)
    rng = np.random.default_rng(2)
    few = (rng.multivariate_normal(mean, covariance, 400) for mean in means)
    one, other = (Gaussian(x.mean(axis=0), np.cov(x, rowvar=False), 400.0) for x in few)
    assert equivalent(*distance(one, other, prior)) == pytest.approx(due, rel=0.15)


def test_a_distance_is_told_as_one_normal_number() -> None:
    assert equivalent(9.0, 1) == pytest.approx(3.0)
    assert equivalent(stats.chi2.isf(0.05, 4), 4) == pytest.approx(1.96, abs=0.001)
    assert equivalent(1e4, 1) == pytest.approx(100.0, rel=1e-3)
    assert equivalent(1e4, 3) == pytest.approx(100.0, rel=0.01)
    assert equivalent(0.0, 0) == 0.0


def test_the_tension_of_uninformative_priors_is_the_textbooks() -> None:
    # Two measurements, 1.0 +- 0.3 and 2.5 +- 0.4, apart by 3 standard deviations.
    one, other, wide = (
        Gaussian(np.array([mean]), np.array([[variance]]))
        for mean, variance in ((2.5, 0.16), (1.0, 0.09), (0.0, 1e6))
    )
    assert pair_tension(one, other, wide)[0] == pytest.approx(3.0, rel=1e-4)
    assert distance(one, other, wide)[0] == pytest.approx(9.0, rel=1e-4)
    joint = Moments((1.0 / 0.09 + 2.5 / 0.16) / (1 / 0.09 + 1 / 0.16), 1 / (1 / 0.09 + 1 / 0.16))
    assert joint_tension(Moments(2.5, 0.16), joint) == pytest.approx((3.0, 0.0))


def test_the_error_of_a_tension_is_what_few_draws_make_of_it() -> None:
    # A table alone and all together, 3 standard deviations apart, each known from 400 draws.
    rng = np.random.default_rng(15)
    alone, joint = (3.0 * np.sqrt(0.6), 1.0), (0.0, 0.4)
    seen = []
    for _ in range(400):
        drawn = (m + np.sqrt(v) * rng.standard_normal(400) for m, v in (alone, joint))
        told = joint_tension(*(Moments(x.mean(), x.var(), 400.0) for x in drawn))
        assert told is not None
        seen.append(told)
    assert np.std([z for z, _ in seen]) == pytest.approx(np.mean([e for _, e in seen]), rel=0.2)


def test_a_shift_that_no_other_table_can_cause_is_not_measured() -> None:
    assert joint_tension(Moments(1.0, 1.00), Moments(0.9, 0.95)) is None


@pytest.mark.parametrize(("tension", "chances", "due"), [(3.0, 1, 3.0), (-3.0, 10, -2.216)])
def test_many_comparisons_make_a_tension_less_rare(
    tension: float, chances: int, due: float
) -> None:
    assert adjusted(tension, chances) == pytest.approx(due, abs=0.01)
    assert adjusted(80.0, 5) == pytest.approx(80.0, rel=0.01)
    assert adjusted(0.1, 50) == pytest.approx(0.0, abs=1e-9)


def test_no_refit_is_left_behind_and_what_went_wrong_is_told(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])

    def interrupted() -> None:
        with _processes() as running:
            running["x"] = process
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert process.returncode == -signal.SIGKILL
    (tmp_path / "x.txt").write_text("creep.csv has no rows")
    assert answer_of(tmp_path, "x", 2) == "creep.csv has no rows"
    (tmp_path / "y.log").write_text("Traceback\nMemoryError: too large\n\n")
    assert "code 1 (MemoryError: too large)" in str(answer_of(tmp_path, "y", 1))


# --- contraction, power scaling, ridges -----------------------------------------------------------


def test_contraction_is_the_share_of_the_priors_variance_that_is_removed() -> None:
    rng = np.random.default_rng(2)
    priors = resolve_priors("Na", {})  # surface_energy is LogNormal(ln 1, 1)
    posterior = draws(
        surface_energy=np.exp(0.2 * rng.standard_normal((4, 1000))),
        contact_angle=priors["contact_angle"].distribution.quantile(rng.uniform(size=(4, 1000))),
    )
    found, errors = contractions(natural(posterior), xr.Dataset(), priors)
    assert found["surface_energy"] == pytest.approx(1 - 0.2**2, abs=5 * errors["surface_energy"])
    assert found["contact_angle"] == pytest.approx(0.0, abs=5 * errors["contact_angle"])
    findings = contraction_findings(found, {"wetting_product": ["penetration"]}, ["penetration"])
    [angle] = [each for each in findings if each.key == "prior-driven contact_angle"]
    assert angle.verdict == "warn"
    assert "penetration data identify surface_energy*|cos(contact_angle)| only" in angle.sentence
    assert "sessile-drop angle would separate them" in angle.sentence
    [known] = [each for each in findings if each.key == "identified"]
    assert "surface_energy (0.96, only through wetting_product" in known.sentence


def test_power_scaling_names_what_moves_a_parameter_and_noise_is_below_it() -> None:
    # x ~ N(0, 1) a priori, measured at 3 with variance 0.25: N(2.4, 0.2) a posteriori; y is free.
    rng = np.random.default_rng(3)
    x = 2.4 + np.sqrt(0.2) * rng.permutation(NORMAL).reshape(4, 1000)
    y = rng.permutation(NORMAL).reshape(4, 1000)
    parts = {"prior": stats.norm.logpdf(x) + stats.norm.logpdf(y), "table": -2.0 * (x - 3.0) ** 2}
    found = power_scaling(draws(x=x, y=y), parts, seed=4)
    assert found["table"]["x"] > 0.05 > found["table"][""]
    assert found["table"]["y"] < 0.05
    assert found["prior"]["x"] > 0.05
    # Against more weight on the table the mean moves by precision * (3 - 2.4) * variance.
    shift = np.mean((parts["table"] - parts["table"].mean()) * (x - x.mean()))
    assert shift == pytest.approx(4.0 * 0.6 * 0.2, rel=0.01)


def test_a_prior_does_not_pull_on_what_no_data_touch() -> None:
    # In units of x the density of a lognormal would favour small values: -ln x is its Jacobian.
    for name, distribution in (
        ("exchange_current_density", stats.lognorm(1.2, scale=5.0)),
        ("transference_number", stats.beta(5, 5)),
    ):
        x = distribution.ppf(EVEN)
        u = natural_values(name, x)
        shifts = [
            float(np.cov(u, density)[0, 1] / u.std())
            for density in (distribution.logpdf(x), distribution.logpdf(x) + log_jacobian(name, x))
        ]
        assert shifts[1] == pytest.approx(0.0, abs=1e-6)
    # Jacobians are derivatives, also of the cosine that is sampled in place of the angle.
    u = np.linspace(-2, 2, 9)
    fraction = 1 / (1 + np.exp(-np.stack([u - 1e-5, u + 1e-5])))
    for name, x in (
        ("exchange_current_density", np.exp(np.stack([u - 1e-5, u + 1e-5]))),
        ("transference_number", fraction),
        ("contact_angle", 90.0 + 90.0 * fraction),
        ("contact_angle_abs_cosine", np.sin(0.5 * np.pi * fraction)),
    ):
        due = np.log(np.abs(np.diff(x, axis=0)[0]) / 2e-5)
        np.testing.assert_allclose(log_jacobian(name, x.mean(axis=0)), due, atol=1e-6)


def test_offsets_that_no_data_touch_have_no_contraction() -> None:
    # A scatter of unknown size times a normal deviate: its variance hangs on few draws.
    rng = np.random.default_rng(12)
    offsets = 0.15 * np.exp(0.7 * rng.standard_normal((4, 1000))) * rng.standard_normal((4, 1000))
    posterior = xr.Dataset({"separator_offset[A]": (("chain", "draw"), offsets)})
    found, errors = contractions(posterior, xr.Dataset(), resolve_priors("Na", {}))
    assert found["separator_offset[A]"] == pytest.approx(0.0, abs=5 * errors["separator_offset[A]"])
    assert robust_sd(NORMAL) == pytest.approx(1.0, abs=0.001)


def test_a_contraction_is_within_its_error_of_the_truth_whatever_the_draws_of_the_prior() -> None:
    # The posterior is a fifth narrower than the prior on natural scales: a contraction of 0.36.
    priors = resolve_priors("Na", {})
    names = ("surface_energy", "contact_angle", "transference_number", "ambipolar_diffusivity")
    away = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        prior, posterior = (
            draws(
                **{n: priors[n].distribution.quantile(rng.uniform(size=(4, 1000))) for n in names}
            )
            for _ in "ab"
        )
        for each in (prior, posterior):
            cosine = -np.cos(np.radians(each["contact_angle"]))
            each["wetting_product"] = each["surface_energy"] * cosine
            each["diffusivity_over_anion_transference"] = each["ambipolar_diffusivity"] / (
                1.0 - each["transference_number"]
            )
        narrowed = 0.8 * natural(posterior)
        found, errors = contractions(narrowed, prior, priors)
        other, _ = contractions(narrowed, prior.isel(draw=slice(0, 100)), priors)
        assert found == other  # no number hangs on prior draws
        away += [(found[name] - 0.36) / errors[name] for name in found]
    assert len(away) == 40 * 6
    assert np.std(away) == pytest.approx(1.0, abs=0.3)
    assert np.max(np.abs(away)) < 5.0


def test_what_the_prior_holds_is_said_by_degree() -> None:
    tables = {"exchange_current_density": ["penetration"]}
    words = [
        contraction_findings({"exchange_current_density": each}, tables, ["penetration"])[0]
        for each in (0.1, 0.5, 0.8)
    ]
    assert "is prior-driven (contraction 0.10)" in words[0].sentence
    assert "is partly the prior's (contraction 0.50)" in words[1].sentence
    assert [each.verdict for each in words] == ["warn", "warn", "ok"]
    [depends] = [
        each
        for each in contraction_findings(
            {"exchange_current_density": 0.0},
            tables,
            ["penetration"],
            ranges={"exchange_current_density": (0.0, 0.996)},
        )
        if "exchange_current_density" in each.sentence
    ]
    assert depends.key == "depends"
    assert "anything from 0.00 to 0.996" in depends.sentence


def test_words_do_not_flip_within_the_error_of_a_number() -> None:
    driven = standing({"narrowing": 1.3, "narrowing_error": 0.05, "shift": 0.2, "shift_error": 0.1})
    assert driven == "prior"
    assert standing({"narrowing": 1.45, "narrowing_error": 0.05, "shift": 0.2}) == "near"
    assert standing({"narrowing": 1.55, "narrowing_error": 0.05, "shift": 0.2}) == "near"
    assert standing({"narrowing": 1.65, "narrowing_error": 0.05, "shift": 0.2}) == "data"
    assert standing({"narrowing": np.nan}) == standing(None) == "prior"
    # A scatter that moved from 0.25 to 0.15 is not the prior's, however little it has narrowed.
    moved = {"narrowing": 1.1, "narrowing_error": 0.03, "shift": np.log(0.15 / 0.25) / 0.5}
    assert standing(moved) == "data"
    [told] = contraction_findings(
        {"dc_polarization_scatter": 0.17},
        {"dc_polarization_scatter": ["dc_polarization"]},
        ["dc_polarization"],
        standings={"dc_polarization_scatter": "data"},
        shifts={"dc_polarization_scatter": -1.0},
    )
    assert (told.key, told.verdict) == ("moved", "ok")
    assert "dc_polarization_scatter (by -1.0)" in told.sentence
    tables = {"exchange_current_density": ["penetration"]}
    near = contraction_findings(
        {"exchange_current_density": 0.2}, tables, ["penetration"],
        errors={"exchange_current_density": 0.04},
    )[0]  # fmt: skip
    assert "partly the prior's (contraction 0.20 ± 0.04)" in near.sentence


def test_standing_is_the_same_over_streams_but_for_the_word_near() -> None:
    priors = resolve_priors("Na", {}).subset(["exchange_current_density"])  # LogNormal(ln 5, 1.2)
    found: dict[float, set[str]] = {1.42: set(), 1.58: set()}
    for narrowing, seed in itertools.product(found, range(40)):
        values = 5.0 * np.exp(
            1.2 / narrowing * np.random.default_rng(seed).standard_normal((4, 1000))
        )
        posterior = draws(exchange_current_density=values)
        [row] = summary_table(
            posterior, posterior, priors, {}, convergence(posterior)
        ).to_dict("records")  # fmt: skip
        found[narrowing].add(standing(row))
        assert row["narrowing"] == pytest.approx(narrowing, abs=5 * row["narrowing_error"])
        assert row["shift"] == pytest.approx(0.0, abs=5 * row["shift_error"])
    assert "prior" in found[1.42]
    assert "data" not in found[1.42]
    assert "data" in found[1.58]
    assert "prior" not in found[1.58]


def test_a_ridge_is_named_with_what_would_separate_its_ends() -> None:
    rng = np.random.default_rng(5)
    transference = rng.beta(5, 5, (4, 1000))
    combination = 6e-6 * np.exp(0.05 * rng.standard_normal((4, 1000)))
    posterior = draws(
        ambipolar_diffusivity=combination * (1 - transference),
        transference_number=transference,
        diffusivity_over_anion_transference=combination,
        surface_energy=np.exp(rng.standard_normal((4, 1000))),
    )
    rows = ridges(natural(posterior))
    assert [(row["first"], row["second"]) for row in rows] == [
        ("ambipolar_diffusivity", "transference_number")
    ]
    assert rows[0]["correlation"] < -0.9
    [plateaus] = ridge_findings(rows, ["lsv"])
    assert "D/(1 - t+) only. Sand's times in the same electrolyte" in plateaus.sentence
    [transients] = ridge_findings(rows, ["sand"])
    assert "D/(1 - t+)^2 only. Limiting currents" in transients.sentence
    [none] = ridge_findings([], ["lsv"])
    assert none.verdict == "ok"


# --- predictive -----------------------------------------------------------------------------------


def test_p_values_are_fair_to_the_truth_and_catch_each_kind_of_misfit() -> None:
    rng = np.random.default_rng(6)
    predicted = np.exp(rng.standard_normal((2000, 30)))
    fair = [
        predictive_p_values(np.exp(rng.standard_normal(30)), predicted, {}, "mA") for _ in "x" * 200
    ]
    for name in ("mean", "spread", "smallest", "largest", "skewness"):
        assert stats.kstest([each[name] for each in fair], "uniform").pvalue > 1e-6
    base = rng.standard_normal(30)
    assert predictive_p_values(np.exp(base + 1), predicted, {}, "mA")["mean"] < 0.01
    assert predictive_p_values(np.exp(2 * base), predicted, {}, "mA")["spread"] < 0.01
    outlier = np.where(np.arange(30) == 0, 6.0, base)
    assert predictive_p_values(np.exp(outlier), predicted, {}, "mA")["largest"] < 0.01


def test_the_fraction_censored_is_compared_where_the_design_censors() -> None:
    rng = np.random.default_rng(7)
    ceiling = np.where(np.arange(20) < 10, 0.0, 1000.0)
    columns = {"floor": np.full(20, -1000.0), "ceiling": ceiling}
    predicted = np.exp(np.minimum(rng.standard_normal((2000, 20)), ceiling))
    spread = np.linspace(-1.5, 1.5, 20)
    half = np.exp(np.minimum(np.append(spread[::2], spread[1::2]), ceiling))
    every = np.where(np.arange(20) < 10, 1.0, half)
    assert 0.02 < predictive_p_values(half, predicted, columns, "s")["censored"] < 0.98
    assert predictive_p_values(every, predicted, columns, "s")["censored"] < 0.01


def test_verdicts_are_compared_by_their_fraction_and_the_currents_at_their_edge() -> None:
    rng = np.random.default_rng(8)
    current = np.linspace(-1, 1, 40)
    columns = {"log_current": current}
    probability = stats.norm.cdf(current / 0.2)
    predicted = (rng.uniform(size=(2000, 40)) < probability).astype(float)
    as_due = (current > 0).astype(float)
    found = predictive_p_values(as_due, predicted, columns, "1")
    assert set(found) == {"failed", "lowest_failed", "highest_survived"}
    assert all(p > 0.02 for p in found.values())
    early = np.where(np.arange(40) == 2, 1.0, as_due)  # a cell that fails far below the others
    assert predictive_p_values(early, predicted, columns, "1")["lowest_failed"] > 0.99


def test_uniformity_accepts_what_is_uniform_and_refuses_what_is_piled_up() -> None:
    rng = np.random.default_rng(9)
    p_values = np.array([uniformity(rng.uniform(size=20), 4000) for _ in range(300)])
    assert (p_values < 0.05).mean() < 0.09
    assert uniformity(rng.beta(0.3, 0.3, 40), 4000) < 0.01
    assert uniformity(rng.beta(8, 8, 40), 4000) < 0.01


# --- absurd priors --------------------------------------------------------------------------------


def test_absurd_prior_draws_are_counted_by_the_rule_they_break() -> None:
    rng = np.random.default_rng(10)
    energy = np.exp(rng.standard_normal((4, 1000)))
    sane = absurd_shares(draws(surface_energy=energy), xr.Dataset())
    due = stats.norm.sf(np.log(10.0))
    assert sane[0]["share"] == pytest.approx(due, abs=0.01)
    assert absurdity_findings(sane)[0].verdict == "ok"
    wild = absurd_shares(draws(surface_energy=20.0 * energy), xr.Dataset())
    [finding] = absurdity_findings(wild)
    assert finding.verdict == "fail"
    assert "surface energy above 10 J/m^2" in finding.sentence
    rules = [rule for each in blocks().values() for rule in each.absurd]
    assert len({(rule.name, rule.variable) for rule in rules}) == len(rules)


# --- before the fit -------------------------------------------------------------------------------


def test_the_forecast_of_a_linear_model_is_its_posterior(
    campaign_of: Callable[..., Campaign],
) -> None:
    # ln stress = ln sigma0 at the reference rate, scatter 0.1, prior 0.5: closed form.
    rows = CREEP + "".join(f"s{i},25,1e-3,0.3\n" for i in range(4))
    model = joint_model(campaign_of(creep=rows), ModelOptions(priors=PINNED))
    function = FreeFunction(model)
    found = forecast(function, function.draw_prior(500, 1), seed=2, points=12)
    at = found.labels.index("creep_reference_stress")
    information = 4 / 0.1**2
    due = 1.0 - 1.0 / (1.0 + 0.5**2 * information)
    assert float(np.mean(found.contraction[:, at])) == pytest.approx(due, abs=0.003)
    share = found.shares["creep"][:, at].mean()
    assert share == pytest.approx(due, abs=0.01)
    total = sum(values[:, at] for values in found.shares.values())
    np.testing.assert_allclose(total, 1.0, rtol=1e-9)
    untouched = found.labels.index("transference_number")
    np.testing.assert_allclose(found.contraction[:, untouched], 0.0, atol=1e-9)


def test_the_forecast_of_a_scatter_is_what_few_rows_leave_of_it(
    campaign_of: Callable[..., Campaign],
) -> None:
    # ln y = L + N(0, s^2), one location per 3 rows: the exact posterior of ln s, whose prior is
    # N(ln 0.1, 0.7^2), depends on the sum of squares with two degrees of freedom alone.
    rows = CREEP + "".join(f"s{i},25,1e-3,0.3\n" for i in range(3))
    free = {name: value for name, value in PINNED.items() if name != "creep_scatter"}
    model = joint_model(campaign_of(creep=rows), ModelOptions(priors=free))
    function = FreeFunction(model)
    made = forecast(function, function.draw_prior(500, 1), seed=2, points=48)
    found = float(np.median(made.contraction[:, made.labels.index("creep_scatter")]))
    rng = np.random.default_rng(3)
    z = np.linspace(-5, 5, 401)
    log_s = np.log(0.1) + 0.7 * z
    left = []
    for truth in np.exp(np.log(0.1) + 0.7 * rng.standard_normal(1000)):
        squares = truth**2 * rng.chisquare(2)
        density = -0.5 * z**2 - 2 * log_s - 0.5 * squares * np.exp(-2 * log_s)
        mass = np.exp(density - density.max())
        mass /= mass.sum()
        left.append(mass @ z**2 - (mass @ z) ** 2)
    assert found == pytest.approx(1 - np.mean(left), abs=0.08)


# --- the form -------------------------------------------------------------------------------------


def test_a_check_is_written_as_json_with_nothing_that_json_lacks() -> None:
    findings = (
        Finding.of("a", "ok", "A.", value=np.float64(1.5), none=np.nan, rows=np.arange(2)),
        Finding.of("b", "fail", "B."),
    )
    section = Section(name="s", title="S", findings=findings)
    made = Check(kind="run", name="n", campaign="c", synthetic=True, seed=1, sections=(section,))
    stored = json.loads(made.to_json())
    assert stored["verdict"] == stored["sections"][0]["verdict"] == "fail"
    assert stored["sections"][0]["findings"][0]["numbers"] == {
        "value": 1.5, "none": None, "rows": [0, 1],
    }  # fmt: skip
    assert "NaN" not in made.to_json()
    assert made.section("s").finding("b").sentence == "B."
    with pytest.raises(KeyError, match="there are"):
        made.section("x")
    assert worst([]) == "ok"


def test_checks_of_a_large_table_read_predictions_of_every_second_draw(
    fabricated: Callable[..., Any],
) -> None:
    from inference.checks.influence import LeftOutRows
    from inference.misfit.predictive import fit_findings
    from models.blocks import table_of

    result = fabricated(synthetic=False)
    result.groups, result.conditions = {}, {}
    result.blocks = sorted({table_of(str(name)) for name in result.observed_data})
    rng = np.random.default_rng(2)
    result.log_likelihood = result.posterior_predictive.map(
        lambda values: 0.0 * values - 1.0 + 0.02 * rng.standard_normal(values.shape)
    )
    every, _ = fit_findings(result, 1)
    rows = LeftOutRows(result).rows
    shares = absurd_shares(result.prior, result.posterior_predictive)
    result.posterior_predictive = result.posterior_predictive.isel(draw=slice(None, None, 2))
    result.log_likelihood = result.log_likelihood.astype(np.float32)
    second, table = fit_findings(result, 1)
    assert [finding.key for finding in second] == [finding.key for finding in every]
    assert all(np.isfinite(each["loo_pit"]).all() for each in table)
    for half, whole in zip(LeftOutRows(result).rows, rows, strict=True):
        assert half.pareto_k == pytest.approx(whole.pareto_k, abs=1e-3)  # of all draws
        assert half.p_value == pytest.approx(whole.p_value, abs=0.15)
    fewer = absurd_shares(result.prior, result.posterior_predictive)
    assert fewer[-1]["share"] == pytest.approx(shares[-1]["share"], abs=0.1)
