"""Cells of one scatter that do not scatter alike are told of, and right ones hardly ever."""

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from data.campaign import Campaign
from inference.maps.caveats import failures_in_words
from inference.misfit.predictive import failing_predictions
from inference.misfit.scatters import scatter_findings
from inference.misfit.spreads import Known, cuts, known, uneven
from inference.misfit.verdicts import Finding
from inference.rows.conditions import row_groups
from inference.thresholds import SPREAD_FAIL, SPREAD_WARN
from models.blocks import table_of

CHAINS, DRAWS = 4, 250
STEP = "dc_polarization_step"


def findings_of(kind: str, result: Any) -> list[Finding]:
    """Return the findings of scatters of one kind: `spread` or `batches`."""
    return [each for each in scatter_findings(result) if each.key.startswith(kind)]


def fitted(
    variable: str,
    observed: Any,
    predicted: Any,
    log_likelihood: Any,
    scatter: Any,
    *,
    design: Mapping[str, Any],
    groups: Mapping[str, list[str]] | None = None,
) -> Any:
    """Return what the check of spreads reads of a fit."""
    row, sample = f"{variable}_row", ("chain", "draw")
    coords = {"chain": range(CHAINS), "draw": range(DRAWS)}

    def of_draws(values: Any, *more: str) -> Any:
        return ((*sample, *more), np.reshape(values, (CHAINS, DRAWS, *np.shape(values)[1:])))

    table = table_of(variable)
    columns = xr.DataArray(
        np.column_stack([*design.values()]),
        dims=(f"{variable}_design_row", f"{variable}_column"),
        coords={f"{variable}_column": [*design]},
    )
    return SimpleNamespace(
        observed_data=xr.Dataset(
            {variable: (row, observed)}, coords={row: [f"c{i + 1}" for i in range(observed.size)]}
        ),
        posterior_predictive=xr.Dataset({variable: of_draws(predicted, row)}, coords=coords),
        log_likelihood=xr.Dataset({variable: of_draws(log_likelihood, row)}, coords=coords),
        posterior=xr.Dataset({f"{table}_scatter": of_draws(scatter)}, coords=coords),
        constant_data=xr.Dataset({f"{variable}_design": columns}),
        attrs={"seed": 1},
        conditions={},
        groups={variable: groups or {}},
        lines={},
    )


def staircases(
    rng: Any, scatter: Any, halfwidth: float = 0.0, offsets: Any = 0.0, of: str = STEP, **more: Any
) -> Any:
    """Return currents at which cells fail about the law, and draws of their level and scatter."""
    rows = len(scatter)
    logs = offsets + scatter * rng.standard_normal(rows)
    if halfwidth:
        logs = 2.0 * halfwidth * (np.floor(logs / (2.0 * halfwidth)) + 0.5)
    s = np.sqrt(np.sum((logs - logs.mean()) ** 2) / rng.chisquare(rows - 1, CHAINS * DRAWS))
    s = np.hypot(s, 0.02)[:, None]
    level = logs.mean() + s * rng.standard_normal(s.shape) / np.sqrt(rows)
    noise = s * rng.standard_normal((s.size, rows))
    smear = halfwidth * rng.uniform(-1.0, 1.0, noise.shape)
    return fitted(
        of,
        np.exp(logs),
        np.exp(level + noise + smear),
        stats.norm.logpdf(logs, level, np.hypot(s, halfwidth / np.sqrt(3.0))),
        s[:, 0],
        **more,
    )


TIMES = np.repeat([300.0, 900.0, 3600.0], [14, 10, 8])
"""As many cells at each time of a step as a reader had."""


def test_a_scatter_that_grows_with_the_step_time_is_told_with_both_numbers() -> None:
    rng = np.random.default_rng(1)
    growing = np.repeat([0.08, 0.12, 0.40], [14, 10, 8])
    design = {"step_time": TIMES, "halfwidth": np.zeros(32)}
    every = [staircases(rng, growing, design=design) for _ in range(4)]
    [first, *others] = [findings_of("spread", result)[0] for result in every]
    assert sum(each.verdict == "fail" for each in others) >= 2
    found = first
    told = failures_in_words(failing_predictions(every[0]))
    assert f"CELLS DO NOT SCATTER ALIKE: {found.sentence}" in told
    assert found.sentence.startswith(
        "the 8 rows of step_time 3600 s or more (c25; c26; c27; c28; and 4 mo"
    )
    parts = found.numbers["parts"]
    large, small = "step_time 3600 s or more", "step_time 900 s or less"
    assert 0.2 < parts[large] < 0.6
    assert 0.06 < parts[small] < 0.16
    wide = f"by about {parts[large]:.2g} in the logarithm, the 24 of {small}"
    assert wide in found.sentence
    assert f"is too high for cells of {large}, and lower than need be" in found.sentence
    assert "Fit either as a campaign of its own" in found.sentence
    [right] = findings_of("spread", staircases(rng, np.full(32, 0.2), design=design))
    assert right.verdict == "ok"


def test_weak_cells_beyond_the_law_are_told_and_few_right_tables() -> None:
    """Weibull cells, and fifteen in a hundred that bear 1.34 times less, have medians and ends."""
    rng = np.random.default_rng(14)
    design = {"step_time": np.full(80, 900.0), "halfwidth": np.full(80, 0.015)}

    def failing(offsets: Any, scatter: float) -> list[str]:
        result = staircases(rng, np.full(80, scatter), 0.015, offsets, design=design)
        return failures_in_words(failing_predictions(result))

    weibull = [failing(0.15 * np.log(rng.exponential(size=80)), 0.0) for _ in range(6)]
    kinds = [failing(-0.3 * (rng.uniform(size=80) < 0.15), 0.08) for _ in range(6)]
    for seen in (weibull, kinds):
        said = [next((each for each in told if "skewness" in each), "") for told in seen]
        assert sum(map(bool, said)) >= 2  # two of three by simulation
        assert "a safe current from this fit is then too high" in max(said, key=len)
    right = [failing(0.0, 0.15) for _ in range(6)]
    assert sum(map(bool, right)) <= 1


def test_a_row_that_makes_it_alone_is_named_first() -> None:
    """One of 32 cells lies a factor of ten off: no kind of cells is to be fitted apart."""
    design = {"step_time": TIMES, "halfwidth": np.zeros(32)}
    offsets = np.where(np.arange(32) == 17, -2.3, 0.0)
    rng = np.random.default_rng(3)
    of_one = staircases(rng, np.full(32, 0.08), offsets=offsets, design=design)
    found = findings_of("spread", of_one)[0]
    assert found.verdict != "ok"
    assert found.sentence.startswith(
        "c18 (dc_polarization.csv) makes it alone: without it cells scatter alike (p = "
    )
    assert found.numbers["alone"] == "c18 (dc_polarization.csv)"
    assert found.numbers["p_value_without"] > 0.05
    uneven_rows = staircases(rng, np.repeat([0.1, 0.4], [22, 10]), design=design)
    assert "makes it alone" not in findings_of("spread", uneven_rows)[0].sentence


def test_a_scatter_that_changes_along_the_table_is_told() -> None:
    rng = np.random.default_rng(3)
    design = {"step_time": np.tile([600.0, 1800.0], 20), "halfwidth": np.zeros(40)}
    late = staircases(rng, np.repeat([0.06, 0.30], 20), design=design)
    [found] = findings_of("spread", late)
    assert found.verdict == "fail"
    assert found.sentence.startswith("the 20 rows of the second half of the table (c21; c22; c23")


def test_a_shift_is_told_as_a_shift_with_the_value_of_its_condition() -> None:
    rng = np.random.default_rng(2)
    temperature = np.repeat([298.15, 308.15, 318.15, 328.15, 338.15], 6)
    design = {"temperature": temperature, "halfwidth": np.zeros(30)}
    low = np.where(temperature == 318.15, -0.6, 0.0)
    [found] = findings_of("spread", staircases(rng, np.full(30, 0.1), offsets=low, design=design))
    assert found.verdict == "fail"
    assert found.sentence.startswith("the 6 rows of temperature 45 degC (c13; c14; c15; c16; and 2")
    much = float(found.sentence.partition("lie about ")[2].split()[0])
    assert much == pytest.approx(100 * (1 - np.exp(-0.6)), abs=15)
    assert "% below what the 24 rows of every other temperature let expect" in found.sentence
    assert "is too high for cells of temperature 45 degC. Fit these as a campaign" in found.sentence


@pytest.mark.parametrize("column", ["lab", "protocol"])
def test_a_laboratory_or_protocol_of_wider_scatter_is_named(column: str) -> None:
    rng = np.random.default_rng(2)
    names = ["careful"] * 16 + ["sloppy"] * 9
    scatter = np.repeat([0.08, 0.45], [16, 9])
    design = {"halfwidth": np.zeros(25)}
    [found] = findings_of("spread", staircases(rng, scatter, design=design, groups={column: names}))
    assert found.verdict == "fail"
    assert f"the 9 rows of {column} sloppy" in found.sentence
    assert f"the 16 of {column} careful by" in found.sentence


def ladder(rng: Any, scatters: tuple[float, float]) -> Any:
    """Return verdicts of two separators, and draws of two levels and the scatter from a grid."""
    x = np.log(
        np.repeat([3, 3.4, 3.7, 4, 4.3, 4.6, 5, 0.8, 1.2, 1.6, 2, 2.6, 3.2], [6] * 7 + [4] * 6)
    )
    which = np.repeat([0, 1], [42, 24])
    own = np.log([4.0, 1.9])[which] + np.array(scatters)[which] * rng.standard_normal(66)
    failed = (x > own).astype(float)
    s = np.geomspace(0.03, 1.2, 30)
    levels = np.log([4.0, 1.9])[:, None] + np.linspace(-0.8, 0.8, 41)
    z = (x - levels[which].T[None]) / s[:, None, None]
    terms = stats.norm.logcdf(np.where(failed > 0.5, z, -z))
    each = np.stack([terms[..., which == part].sum(axis=-1) for part in (0, 1)])
    weight = np.exp(each - each.max())
    of_s = weight.sum(axis=-1).prod(axis=0) * stats.lognorm.pdf(s, 0.5, scale=0.25) * s
    at = rng.choice(s.size, CHAINS * DRAWS, p=of_s / of_s.sum())
    place = np.stack(
        [[rng.choice(41, p=weight[p, i] / weight[p, i].sum()) for i in at] for p in (0, 1)]
    )[which].T
    rows = np.arange(66)
    share = stats.norm.cdf(z[at[:, None], place, rows])
    return fitted(
        "penetration", failed, (rng.uniform(size=share.shape) < share).astype(float),
        terms[at[:, None], place, rows], s[at], design={"log_current": x},
        groups={"separator": [*np.array(["A", "B"])[which]]},
    )  # fmt: skip


def test_a_badly_made_separator_in_a_ladder_is_named() -> None:
    rng = np.random.default_rng(3)
    [found], [other] = (findings_of("spread", ladder(rng, (0.08, 0.5))) for _ in range(2))
    assert "fail" in {found.verdict, other.verdict}
    assert found.verdict != "ok"
    assert "the 24 rows of separator B" in found.sentence
    assert "is too high for cells of separator B" in found.sentence
    [right] = findings_of("spread", ladder(rng, (0.2, 0.2)))
    assert right.verdict == "ok"


def test_brackets_wider_than_the_scatter_hide_it_and_raise_no_alarm() -> None:
    """Cells in one bracket look alike, and those in narrow ones do not."""
    rng = np.random.default_rng(4)
    draws, rows = 1000, 24
    wide = np.repeat([0.5, 0.0], [12, 12])
    logs = 0.1 * rng.standard_normal(rows)
    logs[:12] = 0.05  # all in the bracket about it
    predicted = 0.1 * rng.standard_normal((draws, rows)) + wide * rng.uniform(-1, 1, (draws, rows))
    own = np.zeros(rows, dtype=int)
    seen = known(logs, predicted, np.full(predicted.shape, 1.0 / draws), wide)
    assert not seen.exact[:12].any()
    options = cuts({"step_time": 1.0 + (wide > 0)}, {}, own)
    found = uneven(seen, options, own)
    assert found is not None
    assert found.p_value > 0.1


def test_cuts_that_are_one_are_named_together_and_small_parts_are_none() -> None:
    own = np.repeat([0, 1, 2], [5, 5, 2])
    labels = [*"AAAAABBBBBCC"]
    radius = np.repeat([10.0, 20.0, 30.0], [5, 5, 2])
    found = {
        each.names: each.parts for each in cuts({"pore_radius": radius}, {"separator": labels}, own)
    }
    assert {*found} == {
        ("separator A (or pore_radius, which goes with it)", "every other separator"),
        ("separator B (or pore_radius, which goes with it)", "every other separator"),
    }
    # Two rows about a level of their own hardly tell a scatter: six levels on a side are due.
    pairs = np.repeat(np.arange(12), 2)
    assert [each.parts.sum(axis=1).tolist() for each in cuts({"x": pairs + 1.0}, {}, pairs)] == [
        [12, 12]
    ]
    assert cuts({"x": pairs[:22] + 1.0}, {}, pairs[:22]) == []


def test_right_rows_are_hardly_ever_called_uneven() -> None:
    """Rows of known deviates: the share is below the limit of the probability, by construction."""
    rng = np.random.default_rng(5)
    own = np.zeros(16, dtype=int)
    edges = np.full((16, 2), np.inf)
    edges[:8, 0] = np.linspace(-1.5, 1.5, 8)  # verdicts
    edges[8:, 0] = -np.inf
    exact = np.outer(np.arange(16) >= 8, [False, True, False])
    options = cuts({"a": rng.uniform(1, 2, 16), "b": np.tile([1.0, 2.0], 8)}, {}, own)
    tables = 120
    found = [
        uneven(Known(rng.standard_normal(16), edges, exact), options, own) for _ in range(tables)
    ]
    p_values = np.array([each.p_value for each in found if each is not None])
    assert p_values.size == tables
    assert np.sum(p_values < SPREAD_WARN) <= stats.binom(tables, SPREAD_WARN).ppf(0.9999)
    assert SPREAD_FAIL < SPREAD_WARN
    assert np.sum(p_values < 0.2) <= stats.binom(tables, 0.2).ppf(0.9999)


def test_a_fit_keeps_names_of_separators_labs_cells_and_notes_by_row(
    campaign_of: Callable[..., Campaign],
) -> None:
    campaign = campaign_of(
        separators="separator,pore_type,pore_radius [nm],thickness [um],porosity [1],"
        "macmullin_number [1]\nA,polymer,20,25,0.4,5\nB,polymer,40,25,0.5,\n",
        penetration="cell,separator,temperature [degC],current_density [mA/cm^2],outcome,"
        "lab,note\np1,B,25,1,survived,Kiel,\np2,A,25,3,penetrated,Graz,new glass\n",
    )
    assert row_groups(campaign, ["penetration"]) == {
        "penetration": {
            "separator": ["B", "A"],
            "lab": ["Kiel", "Graz"],
            "cell": ["p1", "p2"],
            "note": ["", "new glass"],
        }
    }
