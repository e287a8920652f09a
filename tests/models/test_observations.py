"""Columns become observations and back; every row keeps the form in which it was measured."""

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from scipy.special import expit, logit

from data.campaign import Campaign
from data.errors import ModelError
from models.observations import Scale, labels, measured, recorded, recorded_currents

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
    ratio = np.sqrt(5 / 4)
    np.testing.assert_allclose(written["current_density_lower"], drawn / ratio)
    np.testing.assert_allclose(written["current_density_upper"], drawn * ratio)
    beyond = recorded_currents(rows, np.array([4.2, 6.0, 3.0]))
    np.testing.assert_allclose(beyond["current_density_lower"][1:], [6.0, NAN])
    np.testing.assert_allclose(beyond["current_density_upper"][1:], [NAN, 3.0])
    bare = campaign_of(dc_polarization=STEPS + "b,step,25,0,6,,900").tables["dc_polarization"]
    with pytest.raises(ModelError, match="give one row both ends"):
        recorded_currents(bare, np.array([5.0]))


def test_rows_are_called_by_their_label_and_by_their_line_where_it_repeats(
    campaign_of: Callable[..., Campaign],
) -> None:
    head = "cell,temperature [degC],overpotential [mV],current_density [mA/cm^2]\n"
    repeated = campaign_of(kinetics=head + "k,25,60,9\nk,25,60,9.2\nk,25,90,14")
    found = labels(repeated.tables["kinetics"])
    assert len(set(found)) == 3
    assert "(line 2)" in found[0]
    assert "(line 3)" in found[1]
