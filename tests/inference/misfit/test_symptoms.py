"""Scatter as a symptom: homogeneous tables raise no alarm, tables of two kinds are told first."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from data.campaign import Campaign
from inference import fit, safe_current
from inference.checks import check
from inference.jobs.reading import parse_job
from inference.misfit.populations import deviates, resolution, two_kinds, two_populations
from inference.misfit.symptoms import suspicions, symptom_findings
from inference.thresholds import POPULATIONS_MOVE, TWO_KINDS, TWO_POPULATIONS
from models.blocks import table_of
from models.priors import resolve_priors

PRIORS = resolve_priors("Na", {})


def found(
    variable: str, scatter: float, rows: dict[str, Any], predicted: Any, doubts: Any = None
) -> Any:
    """Return the symptoms of one table whose scatter is known as well as its rows allow."""
    rng = np.random.default_rng(0)
    table = table_of(variable)
    log_scatter = np.log(scatter) + rng.standard_normal((4, 500)) / np.sqrt(2.0 * len(rows))
    row = f"{variable}_row"
    return symptom_findings(
        xr.Dataset({variable: (row, np.array([*rows.values()]))}, coords={row: [*rows]}),
        xr.Dataset({variable: (("chain", "draw", row), predicted)}),
        xr.Dataset({f"{table}_scatter": (("chain", "draw"), np.exp(log_scatter))}),
        PRIORS,
        doubts=doubts,
    )


def as_fitted(logs: dict[str, float], variable: str) -> Any:
    """Return the symptoms of values that a fit has given their own mean and scatter."""
    x = np.array([*logs.values()])
    rng = np.random.default_rng(1)
    predicted = x.mean() + x.std(ddof=1) * rng.standard_normal((4, 500, x.size))
    return found(variable, float(x.std(ddof=1)), dict(zip(logs, np.exp(x), strict=True)),
                 np.exp(predicted))  # fmt: skip


def test_homogeneous_rows_are_hardly_ever_split() -> None:
    # The chance of any is below exp(-5) a table, whatever its size; by 6000 such tables, 3e-4.
    rng = np.random.default_rng(2)
    margins = []
    for rows in (5, 8, 12, 25):
        for _ in range(60):
            split = two_populations(rng.standard_normal(rows), [str(each) for each in range(rows)])
            margins.append(-np.inf if split is None else split.margin)
    assert np.sum(np.array(margins) > TWO_POPULATIONS) <= 2


def test_steps_and_digits_are_no_populations() -> None:
    rng = np.random.default_rng(7)
    margins = []
    for step, rows in ((1.0, 12), (1.0, 24), (0.5, 12), (0.5, 24)):
        for _ in range(15):
            logs = 0.25 * rng.standard_normal(rows)
            seen = step * np.ceil(2.0 * np.exp(logs) / step) - 0.5 * step
            predicted = 2.0 * np.exp(0.25 * rng.standard_normal((2000, rows)))
            z = deviates(seen, predicted)
            units = [str(each) for each in range(rows)]
            split = two_populations(z, units, resolution(seen, z))
            margins.append(-np.inf if split is None else split.margin)
    # One in 150 is due by the bound, none by experience; two kinds on the same steps are seen.
    assert np.sum(np.array(margins) > TWO_POPULATIONS) <= 2
    seen = np.repeat([1.0, 1.5, 6.0, 6.5], 6)
    predicted = 2.7 * np.exp(rng.standard_normal((2000, 24)))
    z = deviates(seen, predicted)
    split = two_populations(z, [str(each) for each in range(24)], resolution(seen, z))
    assert split is not None
    assert split.margin > TWO_POPULATIONS
    assert split.low.sum() == 12


def test_homogeneous_tables_raise_no_alarm() -> None:
    rng = np.random.default_rng(3)
    for _ in range(30):
        rows, scatter = int(rng.integers(4, 25)), 0.1 * np.exp(0.4 * rng.standard_normal())
        logs = {f"c{i}, 1": scatter * rng.standard_normal() for i in range(rows)}
        assert as_fitted(logs, "lsv") == []


@pytest.mark.parametrize("factor", [2.5, 3.0, 5.0])
@pytest.mark.parametrize(("rows", "poor"), [(10, 5), (16, 4)])
def test_two_electrolytes_in_one_table_are_named(factor: float, rows: int, poor: int) -> None:
    rng = np.random.default_rng(4)
    for _ in range(5):
        logs = {
            f"{'poor' if i < poor else 'rich'}{i}, 1": 0.04 * rng.standard_normal()
            - (np.log(factor) if i < poor else 0.0)
            for i in range(rows)
        }
        [told] = as_fitted(logs, "lsv")
        assert told.verdict == "fail"
        assert {name[:4] for name in told.numbers["lowest"]} == {"poor"}
        assert {name[:4] for name in told.numbers["highest"]} == {"rich"}
        assert len(told.numbers["lowest"]) == poor
        assert told.numbers["factor"] == pytest.approx(factor, rel=0.2)
        assert "a safe current from it may lie above what the poorer kind bears" in told.sentence
        assert "as two campaigns" in told.sentence
        assert "column lab" not in told.sentence  # lsv has none
        lab = as_fitted({name.partition(",")[0]: x for name, x in logs.items()}, "sand")
        assert "in the column lab" in lab[0].sentence


def test_kinds_that_lie_near_are_told_where_they_move_the_answer() -> None:
    """At a charge the current goes with the square of what a step bears: 1.4 times are two."""
    rng = np.random.default_rng(31)
    weak = np.arange(100) < 15
    deviates = rng.standard_normal(100) - 3.9 * weak
    for scatter, variable, due in (
        (0.09, "dc_polarization_step", True),
        (0.02, "dc_polarization_step", False),
        (0.02, "lsv", False),
    ):
        logs = {f"c{at}, 1": scatter * each for at, each in enumerate(deviates)}
        every = as_fitted(logs, variable)
        assert len(every) == due
        for told in every:
            assert told.numbers["margin"] > TWO_POPULATIONS
            assert 1.3 < told.numbers["factor"] < 1.45
            assert {f"c{at}, 1" for at in range(15)} <= {*told.numbers["lowest"]}


def test_the_points_of_one_cell_are_of_one_kind() -> None:
    rng = np.random.default_rng(5)

    def curves(*offsets: float) -> Any:
        return as_fitted(
            {
                f"k{cell}, {point} mV": offset + 0.03 * rng.standard_normal()
                for cell, offset in enumerate(offsets)
                for point in range(8)
            },
            "kinetics",
        )

    assert curves(0.0, 0.1, -0.1, 0.12) == []  # cells of one make differ
    [told] = curves(0.0, 0.05, 1.0, 1.1)
    assert {name[:2] for name in told.numbers["lowest"]} == {"k0", "k1"}
    assert {name[:2] for name in told.numbers["highest"]} == {"k2", "k3"}


def test_one_outlier_is_no_population() -> None:
    rng = np.random.default_rng(6)
    z = np.append(rng.standard_normal(24), -9.0)
    assert two_populations(z, [str(each) for each in range(25)]) is None


def test_a_scatter_above_its_prior_is_told_of_verdicts_too() -> None:
    # Of 20 cells at currents over a decade some fail at a third of what others bear.
    rng = np.random.default_rng(7)
    current = np.geomspace(0.3, 3.0, 20)
    share = np.clip(0.5 + 0.4 * np.log10(current), 0.02, 0.98)
    failed = (current > 1.0).astype(float)
    failed[2], failed[17] = 1.0, 0.0
    rows = {f"p{i}": failed[i] for i in range(20)}
    predicted = (rng.uniform(size=(4, 500, 20)) < share).astype(float)
    [told] = found("penetration", 1.1, rows, predicted)
    assert "penetration_scatter is 1.1 (90 % interval" in told.sentence
    assert "above the 97.5 % point of its prior (0.67)" in told.sentence
    assert told.numbers["lowest"][0] == "p2"
    assert told.numbers["highest"][0] == "p17"
    assert found("penetration", 0.5, rows, predicted) == []
    assert np.isnan(deviates(failed, predicted.reshape(-1, 20))).all()


def of_two_kinds(rng: Any, cells: int, poor: float) -> tuple[Any, Any, float]:
    """Return verdicts of a ladder, and what the likeliest fit of one kind predicts."""
    log_current = np.log(np.repeat(np.geomspace(0.8, 4.8, 8), cells // 8))
    own = np.log(4.0) + 0.12 * rng.standard_normal(cells)
    failed = log_current > own - np.log(4.0) * (rng.uniform(size=cells) < poor)
    level, scatter = np.meshgrid(np.linspace(0.0, 2.0, 81), np.geomspace(0.08, 1.0, 31))
    z = (log_current - level[..., None]) / scatter[..., None]
    fit = stats.norm.logcdf(np.where(failed, z, -z)).sum(axis=-1).argmax()
    share = stats.norm.cdf(z.reshape(-1, cells)[fit])
    return failed, np.clip(share, 1e-3, 1.0 - 1e-3), float(scatter.flat[fit])


def test_two_kinds_of_cells_in_a_long_ladder_of_verdicts_are_told() -> None:
    """Every probability is that of one kind, though a quarter of the cells bears a fourth."""
    rng = np.random.default_rng(13)
    seen = [of_two_kinds(rng, 240, 0.25) for _ in range(3)]
    kinds = [two_kinds(*each, np.log(POPULATIONS_MOVE)) for each in seen]
    assert sum(each is not None and each.p_value < TWO_KINDS for each in kinds) >= 2
    at = min(range(3), key=lambda each: getattr(kinds[each], "p_value", 1.0))
    (failed, share, scatter), best = seen[at], kinds[at]
    assert best is not None
    assert 2.5 < np.exp(best.apart) < 6.0
    assert 0.1 <= best.share <= 0.4
    rows = {f"p{i}": float(each) for i, each in enumerate(failed)}
    predicted = (rng.uniform(size=(4, 500, 240)) < share).astype(float)
    [told] = found("penetration", scatter, rows, predicted)
    assert "he verdicts of penetration call for two kinds of cells, about" in told.sentence
    assert "a safe current from it may lie above what the poorer kind bears" in told.sentence


def test_ladders_of_one_kind_hardly_ever_call_for_two() -> None:
    rng = np.random.default_rng(14)
    kinds = [two_kinds(*of_two_kinds(rng, 48, 0.0), np.log(POPULATIONS_MOVE)) for _ in range(30)]
    assert sum(each is not None and each.p_value < TWO_KINDS for each in kinds) <= 1


def draws(middle: Any, sd: float = 0.1, **more: Any) -> Any:
    """Return draws of a logarithm, or of one for each member of a dimension."""
    rng = np.random.default_rng(9)
    values = np.asarray(middle) + sd * rng.standard_normal((4, 500, *np.shape(middle)))
    return (("chain", "draw", *more.get("dims", ())), more.get("scale", np.exp)(values))


def told(posterior: dict[str, Any], coords: Any = None, sampled: Any = None) -> Any:
    return symptom_findings(
        xr.Dataset(), xr.Dataset(), xr.Dataset(posterior, coords=coords), PRIORS,
        None if sampled is None else xr.Dataset(sampled),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("scatter", "offset", "dim", "names", "look"),
    [
        ("separator_scatter", "separator_offset", "separator", "ABC", "separators.csv"),
        ("lab_scatter", "dc_polarization_lab_offset", "dc_polarization_lab", "XYZ", "laborator"),
    ],
)
def test_a_scatter_between_separators_or_laboratories_names_those_that_stand_out(
    scatter: str, offset: str, dim: str, names: str, look: str
) -> None:
    """One pore radius is typed 400 for 40; where all lie apart, both ends are named."""
    limit = float(PRIORS[scatter].distribution.quantile(0.975))

    def at(value: float, *medians: float) -> Any:
        offsets = draws(medians, dims=(dim,), scale=np.asarray)
        return told({scatter: draws(np.log(value)), offset: offsets}, {dim: [*names]})

    assert at(0.8 * limit, -0.5, 1.9, -0.4) == []
    [found] = at(1.5 * limit, -0.5, 1.9, -0.4)
    assert (found.key, found.verdict) == (f"scatter {scatter}", "fail")
    assert f"above the 97.5 % point of its prior ({limit:.2g})" in found.sentence
    of = "" if offset == scatter.replace("scatter", "offset") else " of dc_polarization"
    assert found.numbers["lowest"] == [f"{names[0]}{of}", f"{names[2]}{of}"]
    assert found.numbers["highest"] == [f"{names[1]}{of}"]
    assert found.numbers["outstanding"] == [f"{names[1]}{of}"]
    assert f"that stand out, the farthest first: {names[1]}{of} (6.7 times)." in found.sentence
    assert "The 2 others lie between 0.61 and 0.67 times" in found.sentence
    assert look in found.sentence
    [apart] = at(1.5 * limit, -1.0, 1.0, 0.1)
    assert apart.numbers["outstanding"] == []
    assert f"Highest: {names[1]}{of} (2.7 times)" in apart.sentence


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_parameter_that_its_prior_all_but_excludes_is_a_symptom(sign: int) -> None:
    """A whole column in A/m^2 under mA/cm^2 moves the supply factor tenfold."""

    def at(deviates: float) -> Any:
        log_step = np.log(0.6) + sign * deviates * 0.7
        supply = draws([np.log(0.6), log_step], 0.07, dims=("protocol",))
        # A scatter has a rule of its own.
        return told(
            {"supply_factor": supply, "sand_scatter": draws(np.log(1e-3))},
            {"protocol": ["one_way", "step"]},
        )

    assert at(2.9) == []
    [found] = at(3.3)
    assert (found.key, found.verdict) == ("prior supply_factor[step]", "fail")
    median = 0.6 * np.exp(sign * 3.3 * 0.7)
    assert found.numbers["median"] == pytest.approx(median, rel=0.02)
    assert "hold 99.8 % of its prior (LogNormal(median=0.6, sigma=0.7); source: " in found.sentence
    assert "A unit that a whole column does not have" in found.sentence


def of_scores(**scores: Any) -> dict[str, Any]:
    """Return draws of parameters that lie at these normal scores of their priors."""
    return {
        name: (("chain", "draw"), PRIORS[name].distribution.quantile(stats.norm.cdf(each)))
        for name, each in scores.items()
    }


def test_parameters_of_which_a_combination_is_told_are_a_symptom_together() -> None:
    """A product that lies three standard deviations out shares them among its factors."""
    rng = np.random.default_rng(11)
    sum_, difference = 0.05 * rng.standard_normal((4, 500)), rng.standard_normal((4, 500))

    def at(far: float) -> Any:
        along = far + sum_
        one, other = (along + sign * difference for sign in (1.0, -1.0))
        half = np.sqrt(0.5)
        return told(of_scores(exchange_current_density=half * one, surface_energy=half * other))

    assert at(2.8) == []
    [found] = at(-3.6)
    assert found.key in {
        "prior surface_energy and exchange_current_density",
        "prior exchange_current_density and surface_energy",
    }
    assert abs(found.numbers["deviates"]) == pytest.approx(3.6, abs=0.1)
    assert "though none does alone" in found.sentence
    assert "A unit that a whole column does not have" in found.sentence
    [alone] = at(5.0)[:1]
    assert alone.key.startswith("prior ")
    assert " and " not in alone.key


def test_right_priors_are_hardly_ever_called_wrong() -> None:
    """Truths from the prior, of which data tell two combinations: linear, normal."""
    rng = np.random.default_rng(12)
    names = ["exchange_current_density", "surface_energy", "ambipolar_diffusivity"]
    alarms = 0
    for _ in range(120):
        truth, told_of = rng.standard_normal(3), rng.standard_normal((2, 3))
        seen = told_of @ truth + 0.2 * rng.standard_normal(2)
        covariance = np.linalg.inv(np.eye(3) + told_of.T @ told_of / 0.04)
        mean = covariance @ told_of.T @ seen / 0.04
        scores = rng.multivariate_normal(mean, covariance, size=(4, 250))
        alarms += bool(told(of_scores(**{name: scores[..., i] for i, name in enumerate(names)})))
    # Two combinations and three parameters: below 0.01 a campaign, however they go together.
    assert alarms <= stats.binom(120, 0.01).ppf(0.9999)


def test_a_true_value_far_from_what_is_stated_of_a_separator_is_a_symptom() -> None:
    """What is stated without an error has no latent, so that names and latents differ in number."""
    z = draws([0.3, -4.0], 0.2, dims=("free",), scale=np.asarray)
    radius = np.full((4, 500, 3), 20.0)
    radius[..., 1:] *= np.exp(0.1 * z[1])

    def at(part: float) -> Any:
        return told(
            {"pore_radius": (("chain", "draw", "separator"), radius, {"units": "nm"})},
            {"separator": ["A", "B", "C"]},
            {"pore_radius_z": (z[0], part * z[1]), "contact_angle_abs_cosine": draws(-9.0)},
        )

    assert at(0.7) == []
    [found] = at(1.0)
    assert (found.key, found.verdict) == ("stated pore_radius C", "fail")
    assert "pore_radius of C is 13.4 nm by the fit, 4.0 standard deviations below" in found.sentence


def test_rows_that_may_be_steps_come_first_and_a_scatter_says_that_it_may_be_their_effect() -> None:
    rng = np.random.default_rng(10)
    rows = {f"p{i}": float(i % 2) for i in range(20)}
    predicted = (rng.uniform(size=(4, 500, 20)) < 0.5).astype(float)
    doubts = {"penetration": ["penetration.csv: lines 2 to 6 read like one cell."]}
    first, second = found("penetration", 1.1, rows, predicted, doubts)
    assert (first.verdict, first.sentence) == ("warn", doubts["penetration"][0])
    assert second.key == "scatter penetration_scatter"
    assert "That may be the effect of rows of penetration.csv" in second.sentence
    elsewhere = {"sand": ["sand.csv: lines 2 and 3 are the same."]}
    _, alone = found("penetration", 1.1, rows, predicted, elsewhere)
    assert "effect of rows" not in alone.sentence


LSV = (
    "cell,separator,layers,reservoir_thickness [um],reservoir_side,concentration [mol/L],"
    "temperature [degC],scan_rate [mV/s],plateau,area [cm^2],plateau_current [mA]\n"
)
SEPARATORS = (
    "separator,pore_type,pore_radius [nm],thickness [um],porosity [1],macmullin_number [1]\n"
    "A,polymer,20,25,0.4,5.0\n"
)


@pytest.mark.slow
def test_the_fit_of_two_electrolytes_says_so_before_all_else(
    campaign_of: Callable[..., Campaign],
) -> None:
    # Plateaus of 1 to 3 layers, 46 mA over their number; those of the second electrolyte a third.
    rng = np.random.default_rng(8)
    lines = []
    for i in range(12):
        layers, name = 1 + i % 3, "a" if i < 6 else "b"
        own = 46.0 / layers * np.exp(0.04 * rng.standard_normal()) / (1.0 if i < 6 else 3.0)
        lines.append(f"{name}{i},A,{layers},0,,1,25,1,1,0.5,{own:.4g}\n")
    campaign = campaign_of(separators=SEPARATORS, lsv=LSV + "".join(lines))
    result = fit(
        parse_job(
            f'schema_version = 1\nname = "two"\ncampaign = "{campaign.path}"\n'
            '[model]\nblocks = ["lsv"]\n[sampler]\ndraws = 500\ntune = 500\nchains = 4\nseed = 3\n'
        )
    )
    first = result.findings()[0]
    median = float(result.summary().loc["lsv_scatter", "median"])
    assert first.startswith(f"lsv_scatter is {median:.2g} (90 % interval")
    assert "two populations predict the rows of lsv better than one" in first
    assert suspicions(result) == [first]
    told = check(result).section("fit").findings[0]
    assert (told.key, told.verdict, told.sentence) == ("scatter lsv_scatter", "fail", first)
    assert {name[0] for name in told.numbers["lowest"]} == {"b"}
    answer = safe_current(
        result,
        {"cell": "liquid", "pore_radius": "20 nm", "porosity": 0.4, "thickness": "25 um",
         "charge": "3 mAh/cm^2"},
    )  # fmt: skip
    assert first in answer.notes
    assert any(first in sentence for sentence in answer.sentences())


def test_two_populations_of_thousands_of_rows_are_told_in_little_memory() -> None:
    import tracemalloc

    rng = np.random.default_rng(0)
    second = rng.uniform(size=3000) < 0.3
    z = np.where(second, -2.0, 1.0) + 0.3 * rng.standard_normal(3000)
    tracemalloc.start()
    split = two_populations(z, [str(at) for at in range(3000)])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert split is not None
    assert (split.low == second).mean() > 0.99
    assert peak < 300e6  # a table of rows by units, and of all grids at once, took 800 MB
