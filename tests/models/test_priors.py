"""Priors are data: the catalogue's numbers, overrides with units, and what is refused."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from data.campaign import Campaign
from data.errors import ModelError, PriorError
from data.loading import load_campaign
from data.quantities import quantities
from models.distributions import AbsCosineBeta
from models.joint import JointModel, joint_model, priors_of
from models.options import ModelOptions
from models.priors import catalogue, resolve_priors

ABOVE_TWO = stats.expon(loc=2.0, scale=1 / 0.6)
CATALOGUE: dict[str, tuple[str, Any]] = {
    # name: unit, distribution in SciPy
    "surface_energy": ("J/m^2", stats.lognorm(1.0, scale=1.0)),
    "reorganization_energy": ("eV", stats.lognorm(0.40, scale=0.20)),
    "exchange_current_density": ("mA/cm^2", stats.lognorm(1.2, scale=5)),
    "ambipolar_diffusivity": ("cm^2/s", stats.lognorm(0.8, scale=3e-6)),
    "transference_number": ("1", stats.beta(5, 5)),
    "supply_factor[one_way]": ("1", stats.lognorm(0.7, scale=0.6)),
    "supply_factor[step]": ("1", stats.lognorm(0.7, scale=0.6)),
    "creep_current_at_9_MPa": ("mA/cm^2", stats.lognorm(1.5, scale=1)),
    "creep_pressure_exponent": ("1", stats.lognorm(0.5, scale=2)),
    "creep_exponent": ("1", stats.truncnorm((1 - 5.5) / 1.5, np.inf, loc=5.5, scale=1.5)),
    "creep_reference_stress": ("MPa", stats.lognorm(0.5, scale=0.3)),
    "creep_activation_energy": ("kJ/mol", stats.truncnorm(-44 / 8, np.inf, loc=44, scale=8)),
    "constraint_factor": ("1", stats.lognorm(1.2, scale=20)),
    "film_constraint_factor": ("1", stats.lognorm(1, scale=5)),
    "initial_coverage": ("1", stats.beta(2, 8)),
    "apparent_density": ("1", stats.beta(4, 6)),
    "penetration_scatter": ("1", stats.lognorm(0.5, scale=0.25)),
    "pore_size_spread": ("1", stats.lognorm(0.7, scale=0.1)),
    "wetted_pores": ("1", stats.lognorm(3, scale=1e9)),
    "lab_scatter": ("1", stats.lognorm(0.7, scale=0.15)),
    "dc_polarization_pressure_factor": ("1", stats.lognorm(0.9, scale=1)),
    "morphology_pressure_factor": ("1", stats.lognorm(0.9, scale=1)),
    "sand_scatter": ("1", stats.lognorm(0.8, scale=0.15)),
    "dc_polarization_scatter": ("1", stats.lognorm(0.5, scale=0.25)),
    "thickness_scatter": ("1", stats.lognorm(0.5, scale=0.25)),
    "separator_scatter": ("1", stats.lognorm(0.7, scale=0.15)),
    "kinetics_scatter": ("1", stats.lognorm(0.7, scale=0.1)),
    "lsv_scatter": ("1", stats.lognorm(0.7, scale=0.1)),
    "creep_scatter": ("1", stats.lognorm(0.7, scale=0.1)),
    "coverage_scatter": ("1", stats.lognorm(0.5, scale=0.4)),
    "overpotential_scatter": ("mV", stats.lognorm(0.5, scale=5)),
    "residual_resistance": ("ohm cm^2", stats.halfnorm(scale=1)),
    **{
        f"{block}_{name}": ("1", distribution)
        for block in ("penetration", "sand", "dc_polarization", "lsv")
        for name, distribution in (
            ("contamination", stats.beta(1, 19)),
            ("degrees_of_freedom", ABOVE_TWO),
        )
    },
}
BY_METAL = {
    "Na": {
        "self_diffusivity": ("cm^2/s", stats.lognorm(0.08, scale=5.6e-9)),
        "self_diffusion_activation_energy": ("kJ/mol", stats.norm(43.5, 1.5)),
    },
    "Li": {
        "self_diffusivity": ("cm^2/s", stats.lognorm(0.2, scale=5.1e-11)),
        "self_diffusion_activation_energy": ("kJ/mol", stats.norm(53, 3)),
    },
}
ALL = {*catalogue(), "exchange_current_density_activation_energy",
       "ambipolar_diffusivity_activation_energy"}  # fmt: skip
PROBABILITIES = np.array([0.01, 0.05, 0.3, 0.5, 0.8, 0.95, 0.99])


@pytest.mark.parametrize("metal", ["Na", "Li"])
def test_the_catalogue_holds_the_default_priors_and_no_others(metal: str) -> None:
    priors = catalogue(metal)
    due = CATALOGUE | BY_METAL[metal]
    assert set(priors) == {*due, "contact_angle"}
    for name, (unit, distribution) in due.items():
        assert priors[name].unit == unit
        np.testing.assert_allclose(
            priors[name].distribution.quantile(PROBABILITIES),
            distribution.ppf(PROBABILITIES),
            rtol=1e-6,
            err_msg=name,
        )
        assert priors[name].source
        assert priors[name].symbol
    angle = priors["contact_angle"].distribution.quantile(PROBABILITIES)
    np.testing.assert_allclose(
        np.abs(np.cos(np.radians(angle))), stats.beta(6, 1.5).ppf(PROBABILITIES), rtol=1e-9
    )
    assert ((angle > 90) & (angle < 180)).all()


def test_another_metal_is_refused() -> None:
    with pytest.raises(PriorError, match="'K': legal are Na and Li"):
        catalogue("K")


@pytest.mark.parametrize(
    ("name", "entry", "median"),
    [
        ("reorganization_energy",
         {"distribution": "LogNormal", "median": "180 meV", "sigma": 0.2}, 0.18),
        ("exchange_current_density",
         {"distribution": "LogNormal", "median": "70 A/m^2", "sigma": 1}, 7.0),
        ("ambipolar_diffusivity", {"fixed": "2.4e-10 m^2/s"}, 2.4e-6),
        ("creep_activation_energy",
         {"distribution": "Normal", "mean": "45 kJ/mol", "sd": "1000 J/mol"}, 45.0),
        ("surface_energy",
         {"distribution": "Uniform", "lower": "100 mJ/m^2", "upper": "0.3 J/m^2"}, 0.2),
        ("transference_number", {"fixed": 0.4}, 0.4),
        ("contact_angle", {"distribution": "Uniform", "lower": "2 rad", "upper": "2.4 rad"},
         float(np.degrees(2.2))),
    ],
)  # fmt: skip
def test_an_override_is_converted_to_the_unit_of_its_parameter(
    name: str, entry: dict[str, Any], median: float
) -> None:
    prior = resolve_priors("Na", {name: entry})[name]
    assert float(prior.distribution.quantile(0.5)) == pytest.approx(median)
    assert prior.source == "job"


def test_a_family_is_overridden_as_a_whole_or_singly() -> None:
    whole = {"distribution": "LogNormal", "median": 1.0, "sigma": 0.1}
    priors = resolve_priors("Na", {"supply_factor[step]": {"fixed": 0.5}, "supply_factor": whole})
    assert priors["supply_factor[step]"].fixed
    assert float(priors["supply_factor[one_way]"].distribution.quantile(0.5)) == 1.0


SHELL = "__import__('os').system('true')"
LOGNORMAL = {"distribution": "LogNormal", "median": "0.2 eV", "sigma": 0.3}


@pytest.mark.parametrize(
    ("name", "entry", "words"),
    [
        ("reorganisation_energy", LOGNORMAL,
         ["no parameter", "did you mean 'reorganization_energy'"]),
        ("supply_factor[sideways]", {"fixed": 1.0}, ["supply_factor"]),
        ("reorganization_energy", LOGNORMAL | {"median": "0.2 V"}, ["reorganization_energy", "V"]),
        ("reorganization_energy", LOGNORMAL | {"median": 0.2}, ["0.2 has no unit", "0.2 eV"]),
        ("reorganization_energy", LOGNORMAL | {"median": "0.2"}, ["reorganization_energy", "eV"]),
        ("reorganization_energy", LOGNORMAL | {"sigma": -0.3}, ["sigma = -0.3", "greater than 0"]),
        ("reorganization_energy", LOGNORMAL | {"median": "-0.2 eV"}, ["median", "greater than 0"]),
        ("reorganization_energy", LOGNORMAL | {"median": "nan eV"}, ["reorganization_energy"]),
        ("reorganization_energy", {"distribution": "LogNormal", "median": "0.2 eV"},
         ["'sigma' is missing"]),
        ("reorganization_energy", LOGNORMAL | {"sd": "1 eV"}, ["'sd' is not a parameter"]),
        ("reorganization_energy", LOGNORMAL | {"distribution": "Cauchy"}, ["LogNormal, Normal"]),
        ("reorganization_energy", {"fixed": "0.2 eV", "sigma": 1}, ["`fixed` stands alone"]),
        ("reorganization_energy", {"distribution": "AbsCosineBeta", "alpha": 1, "beta": 1},
         ["AbsCosineBeta is for contact_angle only"]),
        ("transference_number", {"distribution": "LogNormal", "median": 0.4, "sigma": 0.1},
         ["reaches from 0 to inf", "legal is 0 to 1"]),
        ("transference_number", {"fixed": 1.4}, ["legal is 0 to 1"]),
        ("creep_exponent", {"distribution": "Normal", "mean": 5, "sd": 1, "lower": 0},
         ["reaches from 0 to inf"]),
        ("surface_energy", {"distribution": "Uniform", "lower": "2 J/m^2", "upper": "1 J/m^2"},
         ["must lie below"]),
        ("reorganization_energy", {"fixed": SHELL}, ["reorganization_energy"]),
        ("reorganization_energy", LOGNORMAL | {"median": f"{SHELL} * eV"}, ["median"]),
        ("transference_number", {"fixed": SHELL}, ["transference_number"]),
        ("reorganization_energy", LOGNORMAL | {"sigma": SHELL}, ["sigma"]),
    ],
)  # fmt: skip
def test_an_illegal_prior_is_refused_with_what_is_legal(
    name: str, entry: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(PriorError) as raised:
        resolve_priors("Na", {name: entry})
    for word in words:
        assert word in str(raised.value)


def test_all_mistakes_of_the_priors_are_listed_at_once_and_each_once() -> None:
    overrides = {
        "reorganisation_energy": LOGNORMAL,
        "surface_energy": {"distribution": "LogNormal", "median": 1.0, "sigma": -1},
        "wetting_product": {"fixed": "1 J/m^2"},
        "supply_factor": {"distribution": "Lognormal", "median": 1.0, "sigma": 0.1},
        "transference_number": {"fixed": 0.4, "source": 3},
        "creep_exponent": {"fixed": 5.0},
    }
    with pytest.raises(PriorError) as raised:
        resolve_priors("Na", overrides)
    head, *lines = str(raised.value).splitlines()
    assert "6 mistakes" in head
    assert len(lines) == 6
    for words in (
        ["reorganisation_energy", "did you mean 'reorganization_energy'"],
        ["surface_energy", "median = 1.0 has no unit"],
        ["surface_energy", "sigma = -1"],
        ["wetting_product is derived"],
        ["prior of supply_factor:", "distribution = 'Lognormal'", "did you mean 'LogNormal'"],
        ["transference_number", "source = 3 is not text"],
    ):
        assert sum(all(word in line for word in words) for line in lines) == 1, words


@pytest.mark.parametrize(
    ("written", "meant"),
    [("lognormal", "LogNormal"), ("HalfNomal", "HalfNormal"), ("uniform", "Uniform"),
     ("beta", "Beta")],
)  # fmt: skip
def test_a_misspelt_distribution_or_parameter_of_one_is_offered_the_nearest(
    written: str, meant: str
) -> None:
    with pytest.raises(PriorError, match=f"'{written}' is not legal .did you mean '{meant}'") as e:
        resolve_priors("Na", {"surface_energy": {"distribution": written}})
    assert "LogNormal, Normal, HalfNormal, Beta, AbsCosineBeta, Gamma, Uniform" in str(e.value)
    assert "Fixed" not in str(e.value)
    entry = {"distribution": "LogNormal", "median": "1 J/m^2", "sigmma": 0.3}
    with pytest.raises(PriorError, match=r"did you mean 'sigma'.*legal are median, sigma"):
        resolve_priors("Na", {"surface_energy": entry})


def test_a_quantity_without_a_prior_says_what_it_follows_from_and_what_to_give_instead() -> None:
    """Every quantity that has no entry in the catalogue is told apart from a misspelt one."""
    without = [name for name in quantities() if name not in {p.partition("[")[0] for p in ALL}]
    assert "wetting_product" in without
    for name in without:
        with pytest.raises(PriorError) as raised:
            resolve_priors("Na", {name: {"fixed": 1.0}})
        text = str(raised.value)
        assert name in text
        assert "derived" in text or ".csv" in text, text
        assert "no parameter" not in text
        for instead in re.findall(r"\[priors\.(\w+)\]", text):
            assert instead in {p.partition("[")[0] for p in ALL}
    with pytest.raises(PriorError, match=r"surface_energy \* \|cos\(contact_angle\)\|") as raised:
        resolve_priors("Na", {"wetting_product": {"fixed": "1 J/m^2"}})
    assert "[priors.surface_energy], [priors.contact_angle] or both" in str(raised.value)


def test_the_hash_follows_numbers_and_sources_and_not_the_order() -> None:
    one = {"reorganization_energy": LOGNORMAL, "transference_number": {"fixed": 0.4}}
    due = resolve_priors("Na", one).content_hash
    reordered = {name: dict(reversed(entry.items())) for name, entry in reversed(one.items())}
    assert resolve_priors("Na", reordered).content_hash == due
    same_in_another_unit = one | {"reorganization_energy": LOGNORMAL | {"median": "200 meV"}}
    assert resolve_priors("Na", same_in_another_unit).content_hash == due
    for change in ({"median": "0.21 eV"}, {"sigma": 0.31}, {"source": "mine"}):
        changed = one | {"reorganization_energy": LOGNORMAL | change}
        assert resolve_priors("Na", changed).content_hash != due
    assert catalogue("Na").content_hash != catalogue("Li").content_hash


def test_a_prior_written_as_an_override_is_the_same_prior() -> None:
    priors = catalogue("Na")
    overrides = {name: prior.as_override() for name, prior in priors.items()}
    again = resolve_priors("Na", overrides)
    assert again.content_hash == priors.content_hash


def test_a_source_enters_once(literature: Campaign, campaign_of: Callable[..., Campaign]) -> None:
    cited = ModelOptions(priors={"reorganization_energy": LOGNORMAL | {"source": "ma2022"}})
    with pytest.raises(PriorError) as raised:
        joint_model(literature, cited)
    for word in ("reorganization_energy", "'ma2022'", "published.csv", "`exclude`"):
        assert word in str(raised.value)
    both = {"surface_energy": {"fixed": "1 J/m^2", "source": "jiao"}, **cited.priors}
    with pytest.raises(PriorError, match=r"'jiao'(.|\n)*'ma2022'|'ma2022'(.|\n)*'jiao'"):
        priors_of(literature, ModelOptions(priors=both))
    # Where the tables that hold its rows are not fitted, the prior may cite it.
    without = cited.model_copy(update={"blocks": ("dc_polarization",)})
    assert priors_of(literature, without)["reorganization_energy"].source == "ma2022"
    header = "quantity,value,relative_sd [1],unit,source,exclude\n"
    rows = (
        "reorganization_energy,0.16,0.6,eV,{source},{exclude}\ncreep_exponent,5.5,0.1,1,wang2020,"
    )
    fitted = campaign_of(published=header + rows.format(source="ma2022", exclude=""))
    with pytest.raises(PriorError, match="a source enters once"):
        priors_of(fitted, cited)
    left_out = campaign_of(published=header + rows.format(source="ma2022", exclude="in the prior"))
    assert priors_of(left_out, cited)["reorganization_energy"].source == "ma2022"


def test_a_citation_in_full_is_the_same_source(campaign_of: Callable[..., Campaign]) -> None:
    cited = ModelOptions(priors={"reorganization_energy": LOGNORMAL | {"source": "ma2022"}})
    doi = "quantity,value,relative_sd [1],unit,source\nreorganization_energy,0.16,0.6,eV,{}"
    campaign = campaign_of(published=doi.format("doi:10.1002/aenm.202102967"))
    with pytest.raises(PriorError, match="a source enters once"):
        priors_of(campaign, cited)


PRODUCTS = ["wetting_product", "diffusivity_over_anion_transference"]


@pytest.fixture(scope="module")
def toy(campaign_of: Callable[..., Campaign]) -> Campaign:
    return campaign_of(
        creep="specimen,temperature [degC],strain_rate [1/s],stress [MPa]\nc,25,1e-3,0.3"
    )


def prior_draws(
    model: JointModel, names: list[str], draws: int = 4000
) -> list[np.ndarray[Any, Any]]:
    import pymc as pm

    variables = [model.pymc[name] for name in names]
    return pm.draw(variables, draws=draws, random_seed=5, mode="FAST_COMPILE")


def test_sampling_the_products_does_not_change_the_priors_of_their_factors(toy: Campaign) -> None:
    model = joint_model(toy)
    assert set(PRODUCTS) <= {rv.name for rv in model.pymc.free_RVs}
    names = ["surface_energy", "ambipolar_diffusivity", "contact_angle", "transference_number"]
    draws = dict(zip([*names, *PRODUCTS], prior_draws(model, [*names, *PRODUCTS]), strict=True))
    for name in names:
        distribution = model.priors[name].distribution
        # Uniform in the prior's own probabilities, and independent of the other factor.
        grid = np.linspace(0.0005, 0.9995, 2000)
        probability = np.interp(draws[name], distribution.quantile(grid), grid)
        assert stats.kstest(probability, "uniform").pvalue > 1e-6, name
    for factors in (names[::2], names[1::2]):
        assert stats.spearmanr(draws[factors[0]], draws[factors[1]]).pvalue > 1e-6
    np.testing.assert_allclose(
        draws["wetting_product"],
        draws["surface_energy"] * np.abs(np.cos(np.radians(draws["contact_angle"]))),
    )
    np.testing.assert_allclose(
        draws["diffusivity_over_anion_transference"],
        draws["ambipolar_diffusivity"] / (1 - draws["transference_number"]),
    )


STEPS = """cell,protocol,temperature [degC],pressure [MPa],electrode_thickness [um],\
    current_density_lower [mA/cm^2],current_density_upper [mA/cm^2],step_time [s]
    a,step,25,0,,0.3,0.4,1800
    b,step,25,1,200,0.6,0.7,1000
    c,step,25,4,200,1.4,1.5,500"""
IMAGED = """cell,temperature [degC],pressure [kPa],current_density [mA/cm^2],plating_time [s],\
    coverage [1],thickness [um]
    a,25,500,0.5,1800,0.4,20"""


def test_coordinates_of_the_sampler_do_not_change_the_prior(
    campaign_of: Callable[..., Campaign],
) -> None:
    """What is sampled in place of supply factor and constraint leaves their priors alone."""
    from pymc.distributions.transforms import Transform

    model = joint_model(campaign_of(dc_polarization=STEPS, morphology=IMAGED))
    assert {"void_free_step", "film_flow_stress"} <= {rv.name for rv in model.pymc.free_RVs}
    names = ["film_constraint_factor", "creep_current_at_9_MPa", "creep_reference_stress",
             "self_diffusivity", "creep_pressure_exponent"]  # fmt: skip
    *drawn, supply = prior_draws(model, [*names, "supply_factor"])
    names += ["supply_factor[one_way]", "supply_factor[step]"]
    priors = [model.priors[name].distribution for name in names]
    draws = [*drawn, *supply.T]
    scores = []
    for prior, values in zip(priors, draws, strict=True):
        grid = np.linspace(0.0005, 0.9995, 2000)
        scores.append(stats.norm.ppf(np.interp(values, prior.quantile(grid), grid)))
        assert stats.kstest(scores[-1], "norm").pvalue > 1e-5
    # Independent of each other: no correlation beyond five standard errors.
    apart = np.corrcoef(scores) - np.eye(len(scores))
    assert np.abs(apart).max() < 5.0 / np.sqrt(4000)
    knee: Transform = model.pymc.rvs_to_transforms[model.pymc["creep_current_at_9_MPa"]]
    assert knee.name == "knee"
    x = np.linspace(-6.0, 6.0, 40)
    values = knee.backward(x)
    np.testing.assert_allclose(knee.forward(values), x, rtol=1e-12, atol=1e-12)
    slope = (knee.backward(x + 1e-6) - knee.backward(x - 1e-6)) / 2e-6
    np.testing.assert_allclose(knee.log_jac_det(x), np.log(slope), rtol=1e-6, atol=1e-6)
    # Half of the 1.45 mA/cm^2 under 4 MPa, through 200 of 500 um, at the prior's exponent of 2.
    assert np.exp(knee.log_knee) == pytest.approx(0.5 * 1.45 / 0.4 * (9 / 4) ** 2, rel=2e-3)


def test_the_prior_of_the_exchange_current_is_the_catalogues_where_penetration_alone_is_fitted(
    campaign_of: Callable[..., Campaign],
) -> None:
    campaign = campaign_of(
        separators="separator,pore_type,pore_radius [nm],thickness [um],porosity [1]\n"
        "A,straight,100,60,0.35",
        penetration="cell,separator,temperature [degC],current_density [mA/cm^2],outcome\n"
        "a,A,25,1,survived",
    )
    names = ["exchange_current_density", "reorganization_energy", "wetting_product"]
    exchange, *others = prior_draws(joint_model(campaign), names)
    assert stats.kstest(exchange, stats.lognorm(1.2, scale=5).cdf).pvalue > 1e-6
    assert stats.kstest(others[0], stats.lognorm(0.4, scale=0.2).cdf).pvalue > 1e-6
    for other in others:
        assert stats.spearmanr(exchange, other).pvalue > 1e-6


def test_a_factor_without_a_lognormal_prior_is_sampled_itself(toy: Campaign) -> None:
    uniform = {"distribution": "Uniform", "lower": "0.1 J/m^2", "upper": "3 J/m^2"}
    pinned = {"fixed": "2e-6 cm^2/s"}
    options = ModelOptions(priors={"surface_energy": uniform, "ambipolar_diffusivity": pinned})
    model = joint_model(toy, options)
    free = {rv.name for rv in model.pymc.free_RVs}
    assert "surface_energy" in free
    assert free.isdisjoint(PRODUCTS)
    energy, diffusivity, product, transference = prior_draws(
        model,
        ["surface_energy", "ambipolar_diffusivity", PRODUCTS[1], "transference_number"],
        1000,
    )
    assert stats.kstest(energy, stats.uniform(0.1, 2.9).cdf).pvalue > 1e-6
    np.testing.assert_allclose(diffusivity, 2e-6)
    np.testing.assert_allclose(product, 2e-6 / (1 - transference))


def test_every_distribution_draws_what_its_quantiles_say(toy: Campaign) -> None:
    import pymc as pm

    priors = resolve_priors("Na", {"surface_energy": {"distribution": "Uniform", "lower": "1 J/m^2",
                                                      "upper": "2 J/m^2"}})  # fmt: skip
    with pm.Model():
        variables = {
            name: priors[name].distribution.variable(name)
            for name in ("surface_energy", "contact_angle", "creep_exponent", "transference_number",
                         "residual_resistance", "reorganization_energy", "creep_activation_energy")
        }  # fmt: skip
    draws = pm.draw(list(variables.values()), draws=4000, random_seed=6, mode="FAST_COMPILE")
    for name, values in zip(variables, draws, strict=True):
        grid = np.linspace(0.0005, 0.9995, 2000)
        probability = np.interp(values, priors[name].distribution.quantile(grid), grid)
        assert stats.kstest(probability, "uniform").pvalue > 1e-6, name
    assert isinstance(priors["contact_angle"].distribution, AbsCosineBeta)


def test_a_parameter_without_a_default_needs_a_prior_from_the_job(
    campaign_of: Callable[..., Campaign],
) -> None:
    campaign = campaign_of(
        published="quantity,value,relative_sd [1],unit,source\n"
        "exchange_current_density_activation_energy,30,0.2,kJ/mol,mine2026"
    )
    with pytest.raises(ModelError, match=r"\[priors.exchange_current_density_activation_energy\]"):
        joint_model(campaign)


def test_the_bundled_campaigns_cite_nothing_twice() -> None:
    for name in ("sodium-literature", "sodium-synthetic"):
        assert priors_of(load_campaign(name), ModelOptions())
