"""Draws of the free variables, and all that follows from them, for all draws at once."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from data.campaign import Campaign
from inference.engine.prediction import Predictor
from models.joint import joint_model
from models.options import ModelOptions

pytestmark = pytest.mark.xdist_group("prediction")


@pytest.fixture(scope="module")
def predictor(campaign_of: Callable[..., Campaign]) -> tuple[Any, Predictor]:
    campaign = campaign_of(
        separators="separator,pore_type,pore_radius [nm],pore_radius_sd [nm],thickness [um],"
        "porosity [1],macmullin_number [1]\nA,straight,100,10,60,0.35,3\nB,straight,50,,60,0.2,5",
        penetration="cell,separator,temperature [degC],current_density [mA/cm^2],outcome\n"
        "a,A,25,1,survived\nb,B,25,4,penetrated",
        creep="specimen,temperature [degC],strain_rate [1/s],stress [MPa]\nc,25,1e-3,0.3",
    )
    options = ModelOptions(priors={"transference_number": {"fixed": 0.4}})
    model = joint_model(campaign, options)
    return model, Predictor(model)


def test_prior_draws_are_labelled_and_come_back_from_their_seed(
    predictor: tuple[Any, Predictor],
) -> None:
    model, own = predictor
    one, same, other = own.prior(50, 1), own.prior(50, 1), own.prior(50, 2)
    assert one.equals(same)
    assert not one.equals(other)
    assert set(one.data_vars) == {rv.name for rv in model.pymc.free_RVs}
    assert one["separator_offset_z"].dims == ("chain", "draw", "separator")
    assert one["pore_radius_z"].shape == (1, 50, 1)  # the exact radius is no unknown
    assert own.prior(1, 1).sizes == {**one.sizes, "draw": 1}


def test_what_follows_from_a_draw_follows_its_equations(predictor: tuple[Any, Predictor]) -> None:
    _, own = predictor
    free = own.prior(20, 3)
    derived = own.evaluate(free, 4)["derived"]
    assert list(derived["separator"].values) == ["A", "B"]
    angle = np.radians(derived["contact_angle"])
    xr.testing.assert_allclose(
        free["wetting_product"], derived["surface_energy"] * np.abs(np.cos(angle))
    )
    xr.testing.assert_allclose(
        free["diffusivity_over_anion_transference"], derived["ambipolar_diffusivity"] / 0.6
    )
    assert (derived["transference_number"] == 0.4).all()
    sigma = np.sqrt(np.log1p(0.1**2))
    np.testing.assert_allclose(
        derived["pore_radius"].sel(separator="A"),
        100 * np.exp(sigma * free["pore_radius_z"].isel(pore_radius_z_dim_0=0)),
    )
    np.testing.assert_allclose(derived["pore_radius"].sel(separator="B"), 50)
    xr.testing.assert_allclose(
        derived["effective_self_diffusivity"],
        derived["supply_factor"] ** 2 * free["self_diffusivity"],
    )


def test_blocks_of_draws_and_single_draws_give_the_same(
    predictor: tuple[Any, Predictor], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, own = predictor
    free = own.prior(12, 5)
    together = own.evaluate(free, 4)
    one = own.evaluate(free.isel(draw=[7]), 4)
    monkeypatch.setattr(
        "inference.engine.prediction._BLOCK", 15
    )  # five draws of three observations
    blocks = own.evaluate(free, 4)
    for group in ("derived", "log_prior", "log_likelihood"):
        xr.testing.assert_allclose(blocks[group], together[group], rtol=1e-12)
        xr.testing.assert_allclose(one[group], together[group].isel(draw=[7]), rtol=1e-12)


def test_log_densities_are_those_of_the_priors_and_observations(
    predictor: tuple[Any, Predictor],
) -> None:
    model, own = predictor
    free = own.prior(20, 3)
    values = own.evaluate(free, 4)
    np.testing.assert_allclose(
        values["log_prior"]["reorganization_energy"],
        stats.lognorm(0.4, scale=0.2).logpdf(free["reorganization_energy"]),
    )
    np.testing.assert_allclose(
        values["log_prior"]["separator_offset_z"], stats.norm.logpdf(free["separator_offset_z"])
    )
    assert set(values["log_prior"].data_vars) == {rv.name for rv in model.pymc.free_RVs}
    # 0.3 MPa at 1e-3 1/s and 25 degC: the reference stress itself is expected.
    due = stats.norm.logpdf(
        np.log(0.3), np.log(free["creep_reference_stress"]), free["creep_scatter"]
    )
    np.testing.assert_allclose(values["log_likelihood"]["creep"][..., 0], due)


def test_predictions_come_back_from_their_seed_and_carry_noise(
    predictor: tuple[Any, Predictor],
) -> None:
    model, own = predictor
    one_draw = own.prior(1, 3)
    free = xr.concat([one_draw] * 3000, "draw").assign_coords(draw=np.arange(3000))
    one, same, other = (own.evaluate(free, seed) for seed in (4, 4, 5))
    assert one["predictive"].equals(same["predictive"])
    assert not one["predictive"].equals(other["predictive"])
    stress = np.log(one["predictive"]["creep"][0, :, 0])
    scatter = float(one_draw["creep_scatter"][0, 0])
    assert float(stress.std()) == pytest.approx(scatter, rel=5 / np.sqrt(2 * 3000))
    assert float(stress.mean()) == pytest.approx(
        float(np.log(one_draw["creep_reference_stress"][0, 0])), abs=5 * scatter / np.sqrt(3000)
    )
    # The share of cells that draws penetrate is the probability that their likelihood states.
    share = one["predictive"]["penetration"].mean(["chain", "draw"]).values
    weighed = np.exp(one["log_likelihood"]["penetration"][0, 0].values)
    probability = np.where(model.observed["penetration"] > 0.5, weighed, 1 - weighed)
    np.testing.assert_allclose(share, probability, atol=5 * np.sqrt(0.25 / 3000))
    assert list(one["predictive"]["penetration_row"].values) == ["a", "b"]


def test_what_is_stored_is_single_and_of_every_kth_draw_of_large_tables(
    predictor: tuple[Any, Predictor], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, own = predictor
    free = own.prior(90, 5)
    full, stored = own.evaluate(free, 4), own.evaluate(free, 4, to_store=True)
    xr.testing.assert_identical(stored["predictive"], full["predictive"])
    for name, exact in full["log_likelihood"].items():
        kept = stored["log_likelihood"][name]
        assert kept.dtype == np.float32
        assert kept.sizes == exact.sizes
        # What a draw weighs without the row changes by less than a millionth.
        likely = exact.values > -10.0
        np.testing.assert_allclose(np.exp(exact - kept).values[likely], 1.0, atol=1e-6)
    monkeypatch.setattr("inference.engine.prediction._MOST_KEPT", 100)  # of three rows, 33 draws
    monkeypatch.setattr("inference.engine.prediction._LEAST_KEPT", 30)
    monkeypatch.setattr(
        "inference.engine.prediction._CHUNK", 7 * 64 * 2
    )  # in parts, none at a third draw
    thinned = own.evaluate(free, 4, to_store=True)
    assert thinned["predictive"]["draw"].values.tolist() == [*range(0, 90, 3)]
    assert thinned["predictive"].attrs == {"draws": "of every 3 draws of each chain the first"}
    assert thinned["log_likelihood"].attrs == {"precision": "single"}
    xr.testing.assert_allclose(thinned["log_likelihood"], stored["log_likelihood"])
    spread = np.log(thinned["predictive"]["creep"]).std()
    assert float(spread) == pytest.approx(float(np.log(full["predictive"]["creep"]).std()), rel=0.4)
    monkeypatch.setattr("inference.engine.prediction._LEAST_KEPT", 60)
    assert own.evaluate(free, 4, to_store=True)["predictive"].sizes["draw"] == 90


def test_a_result_is_compressed_where_it_has_a_number_a_row_and_draw(tmp_path: Any) -> None:
    from inference.engine.draws import compression

    rng = np.random.default_rng(1)
    verdicts = xr.Dataset(
        {"penetration": (("chain", "draw", "row"), rng.uniform(size=(2, 99, 40)))}
    )
    groups = {
        "log_likelihood": np.log(verdicts).astype(np.float32),
        "posterior_predictive": (verdicts > 0.5).astype(float),
        "prior_predictive": (verdicts > 0.3).astype(float),
        "posterior": verdicts,
    }
    tree = xr.DataTree.from_dict(groups)
    sizes = []
    for encoding in ({}, compression(tree)):
        path = tmp_path / f"{len(encoding)}.nc"
        tree.to_netcdf(path, engine="netcdf4", encoding=encoding)
        sizes.append(path.stat().st_size)
        xr.testing.assert_identical(xr.load_datatree(path, engine="netcdf4"), tree)
    assert sizes[1] < 0.75 * sizes[0]
