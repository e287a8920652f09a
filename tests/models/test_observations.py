"""Columns become observations and back; every row keeps the form in which it was measured."""

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from scipy import optimize, stats
from scipy.special import expit, logit

from data.campaign import Campaign
from data.errors import ModelError
from models.observations import (
    Scale,
    labels,
    measured,
    ranges,
    recorded,
    recorded_currents,
    recorded_ranges,
)

NAN = float("nan")
FORWARD = {"log": np.log, "logit": logit, "linear": lambda x: x}
BACK = {"log": np.exp, "logit": expit, "linear": lambda x: x}


def table(**columns: list[float]) -> xr.Dataset:
    rows = len(next(iter(columns.values())))
    blank = {name: [NAN] * rows for name in ("x", "x_sd", "x_lower", "x_upper", "stop")}
    return xr.Dataset(
        {name: ("toy", values, {"units": "1"}) for name, values in (blank | columns).items()},
        attrs={"table": "toy"},
    )


MIXED = {
    "x": [0.3, 0.3, NAN, NAN, NAN],
    "x_sd": [NAN, 0.02, NAN, NAN, NAN],
    "x_lower": [NAN, NAN, 0.2, 0.4, NAN],
    "x_upper": [NAN, NAN, 0.5, NAN, 0.1],
}


@pytest.mark.parametrize("scale", ["log", "logit", "linear"])
def test_a_column_is_read_as_values_intervals_and_limits(scale: Scale) -> None:
    observed, design = measured(table(**MIXED), "x", scale=scale)
    to = FORWARD[scale]
    np.testing.assert_allclose(observed[[0, 1, 3, 4]], [0.3, 0.3, 0.4, 0.1])
    assert to(observed[2]) == pytest.approx((to(0.2) + to(0.5)) / 2)
    assert design.halfwidth[2] == pytest.approx((to(0.5) - to(0.2)) / 2)
    assert design.ceiling[3] == pytest.approx(to(0.4))
    assert design.floor[4] == pytest.approx(to(0.1))
    assert np.isinf(design.ceiling[[0, 1, 2, 4]]).all()
    assert np.isinf(design.floor[:4]).all()
    slope = {"log": 1 / 0.3, "logit": 1 / 0.21, "linear": 1.0}[scale]
    assert design.sd[1] == pytest.approx(0.02 * slope, rel=3e-3)
    assert (design.sd[[0, 2, 3, 4]] == 0).all()
    assert np.isfinite(list(design.columns.values())).all()


def test_a_blank_time_stands_for_the_planned_end() -> None:
    observed, design = measured(table(x=[NAN, 5.0], stop=[10.0, 20.0]), "x", end="stop")
    np.testing.assert_allclose(observed, [10.0, 5.0])
    np.testing.assert_allclose(np.exp(design.ceiling), [10.0, 20.0])


@pytest.mark.parametrize("scale", ["log", "logit", "linear"])
def test_what_is_recorded_is_read_back_as_it_was_drawn(scale: Scale) -> None:
    rows = table(**MIXED)
    rng = np.random.default_rng(1)
    _, design = measured(rows, "x", scale=scale)
    for _ in range(20):
        natural = np.clip(FORWARD[scale](rng.uniform(0.05, 0.9, 5)), design.floor, design.ceiling)
        drawn = BACK[scale](natural)
        written = recorded(rows, "x", drawn, scale=scale)
        observed, again = measured(written, "x", scale=scale)
        np.testing.assert_allclose(observed, drawn, rtol=1e-9)
        np.testing.assert_allclose(again.sd, design.sd, rtol=1e-9)
        np.testing.assert_allclose(again.halfwidth, design.halfwidth, rtol=1e-9)
        beyond = np.isclose(natural, design.ceiling) | np.isclose(natural, design.floor)
        np.testing.assert_array_equal(
            np.isfinite(written["x"].values), ~beyond & (design.halfwidth == 0)
        )


def test_what_did_not_happen_by_the_planned_end_is_recorded_as_a_blank() -> None:
    rows = table(x=[2.0, 3.0], x_sd=[0.1, NAN], stop=[10.0, 10.0])
    written = recorded(rows, "x", np.array([10.0, 4.0]), end="stop")
    np.testing.assert_array_equal(written["x"].values, [NAN, 4.0])
    for name in ("x_sd", "x_lower", "x_upper"):
        assert np.isnan(written[name].values).all()


STEPS = (
    "cell,protocol,temperature [degC],pressure [MPa],current_density_lower [mA/cm^2],"
    "current_density_upper [mA/cm^2],step_time [s]\n"
)


def test_drawn_failure_currents_lie_between_two_steps(campaign_of: Callable[..., Campaign]) -> None:
    campaign = campaign_of(
        dc_polarization=STEPS + "a,step,25,0,4,5,900\nb,step,25,0,6,,900\nc,step,25,0,,3,900"
    )
    rows = campaign.tables["dc_polarization"]
    drawn = np.array([4.2, 5.1, 3.6])
    written = recorded_currents(rows, drawn)
    # An interval is drawn by its centre; the others are stepped by 5/4 from what they state.
    due = [[4.2 * np.sqrt(4 / 5), 4.2 * np.sqrt(5 / 4)], [6 * 4 / 5, 6], [3, 3 * 5 / 4]]
    np.testing.assert_allclose(written["current_density_lower"], np.array(due)[:, 0])
    np.testing.assert_allclose(written["current_density_upper"], np.array(due)[:, 1])
    beyond = recorded_currents(rows, np.array([4.2, 6.0, 3.0]))
    np.testing.assert_allclose(beyond["current_density_lower"][1:], [6.0, NAN])
    np.testing.assert_allclose(beyond["current_density_upper"][1:], [NAN, 3.0])
    bare = campaign_of(dc_polarization=STEPS + "b,step,25,0,6,,900").tables["dc_polarization"]
    with pytest.raises(ModelError, match="give one row both ends"):
        recorded_currents(bare, np.array([5.0]))


@pytest.mark.parametrize("ends", ["6,", ",2"], ids=["survived the last step", "failed at once"])
def test_a_one_sided_row_drawn_inside_tells_its_step_and_no_more(
    ends: str, campaign_of: Callable[..., Campaign]
) -> None:
    """The current lies anywhere between the steps, and the intervals alone give its law back."""
    rng = np.random.default_rng(4)
    count, mu, sigma = 4000, np.log(3.4), 0.6
    lines = [f"a{i},step,25,0,{ends},900" for i in range(count)]
    design = campaign_of(dc_polarization=STEPS + "x,step,25,0,4,5,900\n" + "\n".join(lines))
    rows = design.tables["dc_polarization"]
    true = np.exp(mu + sigma * rng.standard_normal(count))
    observed_end = 6.0 if ends == "6," else 2.0
    drawn = np.minimum(true, 6.0) if ends == "6," else np.maximum(true, 2.0)
    written = recorded_currents(rows, np.concatenate([[4.5], drawn]))
    lower, upper = (written[f"current_density_{end}"].values[1:] for end in ("lower", "upper"))
    inside = drawn != observed_end
    assert 0.05 < inside.mean() < 0.95
    np.testing.assert_allclose(upper[inside] / lower[inside], 5 / 4)
    assert ((lower[inside] <= drawn[inside]) & (drawn[inside] <= upper[inside])).all()
    position = np.log(drawn / lower)[inside] / np.log(5 / 4)
    assert stats.kstest(position, "uniform").pvalue > 1e-6
    # None of them reaches over the end that the design states.
    assert (upper[inside] <= 6 + 1e-9).all() if ends == "6," else (lower[inside] >= 2 - 1e-9).all()
    # A narrow law, of which all cells fail at one place between two steps, comes back unbiased.
    for spread in (sigma, 0.1):
        true = np.exp(mu + spread * rng.standard_normal(count))
        drawn = np.minimum(true, 6.0) if ends == "6," else np.maximum(true, 2.0)
        written = recorded_currents(rows, np.concatenate([[4.5], drawn]))
        low, high = (
            np.log(written[f"current_density_{end}"].values[1:]) for end in ("lower", "upper")
        )
        low, high = np.nan_to_num(low, nan=-np.inf), np.nan_to_num(high, nan=np.inf)

        def loss(at: np.ndarray, low: np.ndarray = low, high: np.ndarray = high) -> float:
            law = stats.norm(at[0], np.exp(at[1]))
            return -float(np.log(law.cdf(high) - law.cdf(low) + 1e-300).sum())

        found = optimize.minimize(loss, [np.log(3.0), np.log(0.3)], method="Nelder-Mead").x
        assert found[0] == pytest.approx(mu, abs=4 * spread / np.sqrt(count) * 1.3)
        assert np.exp(found[1]) == pytest.approx(spread, rel=0.1)


def test_a_range_over_cells_is_written_as_it_was_drawn(
    campaign_of: Callable[..., Campaign],
) -> None:
    head = (
        "cell,protocol,temperature [degC],pressure [MPa],current_density_lowest [A/m^2],"
        "current_density_highest [A/m^2],step_height [A/m^2],cells,step_time [s]\n"
    )
    rows = campaign_of(dc_polarization=head + "a,step,25,0,45,90,10,,900\nb,step,25,0,30,30,30,4,9")
    table = rows.tables["dc_polarization"]
    observed, columns = ranges(table)
    np.testing.assert_allclose(observed, [4.5, 3.0, 9.0, 3.0])
    np.testing.assert_allclose(columns["first_step"], [0.5, 3.0] * 2)
    np.testing.assert_array_equal(columns["cells"], [0, 4] * 2)
    again, same = ranges(recorded_ranges(table, np.array([3.5, 6.0, 3.5, 9.0])))
    np.testing.assert_allclose(again, [3.5, 6.0, 3.5, 9.0])
    assert all((same[name] == columns[name]).all() for name in columns)
    with pytest.raises(ModelError, match=r"line 2: a cell drawn for the design failed at 0[.]5"):
        recorded_ranges(table, np.array([0.5, 6.0, 3.5, 9.0]))


def test_rows_are_called_by_their_label_and_by_their_line_where_it_repeats(
    campaign_of: Callable[..., Campaign],
) -> None:
    head = "cell,temperature [degC],overpotential [mV],current_density [mA/cm^2]\n"
    repeated = campaign_of(kinetics=head + "k,25,60,9\nk,25,60,9.2\nk,25,90,14")
    found = labels(repeated.tables["kinetics"])
    assert len(set(found)) == 3
    assert "(line 2)" in found[0]
    assert "(line 3)" in found[1]
