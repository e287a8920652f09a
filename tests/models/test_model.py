"""The joint model: what a job may choose, and what is refused."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from data.campaign import Campaign
from data.errors import AnodebayesError, ModelError
from data.loading import load_campaign
from models.joint import JointModel, build_model, joint_model
from models.options import ModelOptions

KINETICS = "cell,temperature [degC],overpotential [mV],current_density [mA/cm^2]\n"
SAND = (
    "cell,electrode_distance [mm],concentration [mol/L],temperature [degC],"
    "current_density [mA/cm^2],sand_time [s],stop_time [s]\n"
)
ONE_WAY = (
    "cell,protocol,temperature [degC],pressure [MPa],electrode_thickness [um],"
    "current_density [mA/cm^2],transition_time [h],stop_time [h]\n"
)
PENETRATION = "cell,separator,temperature [degC],current_density [mA/cm^2],outcome\n"
ENERGY = {"distribution": "LogNormal", "median": "30 kJ/mol", "sigma": 0.3}
CORE = {
    "surface_energy", "contact_angle", "wetting_product", "reorganization_energy",
    "exchange_current_density", "ambipolar_diffusivity", "transference_number",
    "diffusivity_over_anion_transference", "self_diffusivity", "self_diffusion_activation_energy",
    "supply_factor", "effective_self_diffusivity", "creep_current_at_9_MPa",
    "creep_pressure_exponent", "creep_exponent", "creep_reference_stress",
    "creep_activation_energy", "penetration_scatter", "separator_scatter", "sand_scatter",
    "dc_polarization_scatter",
}  # fmt: skip


def names(model: JointModel) -> set[str]:
    return {variable.name for variable in (*model.pymc.free_RVs, *model.pymc.deterministics)}


@pytest.mark.parametrize(
    ("table", "text", "law"),
    [
        ("kinetics", KINETICS + "k,25,60,9\nk,31,60,9", "exchange_current_density"),
        ("kinetics", KINETICS + "k,19.9,60,9", "exchange_current_density"),
        ("sand", SAND + "s,20,1,35,20,200,900", "ambipolar_diffusivity"),
    ],
)
def test_a_row_far_from_25_degc_needs_an_activation_energy(
    table: str, text: str, law: str, campaign_of: Callable[..., Campaign]
) -> None:
    campaign = campaign_of(**{table: text})
    with pytest.raises(ModelError) as raised:
        joint_model(campaign)
    line = len(text.splitlines())
    for word in (f"{table}.csv, line {line}", "5 K", f"[priors.{law}_activation_energy]"):
        assert word in str(raised.value)
    model = joint_model(campaign, ModelOptions(priors={f"{law}_activation_energy": ENERGY}))
    assert model.informed_by[f"{law}_activation_energy"] == [table]


def test_within_5_k_no_temperature_law_is_needed(campaign_of: Callable[..., Campaign]) -> None:
    joint_model(campaign_of(kinetics=KINETICS + "k,20,60,9\nk,30,60,9"))


@pytest.mark.parametrize("kinetics", ["marcus_hush_chidsey", "butler_volmer", "marcus_hush"])
def test_the_law_of_kinetics_is_the_jobs(
    kinetics: Any,
    campaign_of: Callable[..., Campaign],
    parameters_of: Callable[..., Any],
) -> None:
    from models import physics

    campaign = campaign_of(kinetics=KINETICS + "k,25,100,25\nk,25,-60,-12")
    priors = {
        name: {"fixed": value}
        for name, value in {
            "reorganization_energy": "0.2 eV",
            "exchange_current_density": "5 mA/cm^2",
            "kinetics_scatter": 0.1,
        }.items()
    }
    model = joint_model(campaign, ModelOptions(kinetics=kinetics))
    informed = {"exchange_current_density", "kinetics_scatter"}
    if kinetics != "butler_volmer":
        informed.add("reorganization_energy")
    assert set(model.informed_by) == informed
    assert names(model) >= CORE
    fixed = joint_model(campaign, ModelOptions(kinetics=kinetics, priors=priors))
    values = parameters_of(
        fixed, {rv.name: np.full(rv.shape.eval(), 0.5) for rv in fixed.pymc.free_RVs}
    )
    got = fixed.observations["kinetics"].logp(np.array([25.0, 12.0]), *values["kinetics"])
    law = physics.KINETICS[kinetics]
    expected = law(np.array([0.100, 0.060]), 50.0, 0.2, 298.15) / 10
    due = stats.norm.logpdf(np.log([25.0, 12.0]), np.log(expected), 0.1)
    np.testing.assert_allclose(got, due, rtol=1e-8)


def test_blocks_choose_tables_and_an_unknown_one_is_named(synthetic: Campaign) -> None:
    model = joint_model(synthetic, ModelOptions(blocks=("kinetics", "creep")))
    assert set(model.observations) == {"kinetics", "creep"}
    assert names(model) >= CORE
    assert names(model).isdisjoint({"pore_radius", "lsv_area", "separator_offset"})
    with pytest.raises(ModelError, match=r"no block 'kinetic'.*'kinetics'"):
        joint_model(synthetic, ModelOptions(blocks=("kinetic",)))
    with pytest.raises(ModelError, match=r"has no kinetics\.csv"):
        joint_model(load_campaign("sodium-literature"), ModelOptions(blocks=("kinetics",)))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dc_polarization": {"creep_curent": "norton"}}, ["creep_curent", "'creep_current'"]),
        ({"dc_polarization": {"creep_current": "nortn"}}, ['"nortn"', "empirical", "'norton'"]),
        ({"kinetics": {"law": "x"}}, ["takes no options", "dc_polarization"]),
        ({"dc_polarisation": {}}, ["takes no options", "'dc_polarization'"]),
    ],
)
def test_an_illegal_option_of_a_block_is_refused_with_the_nearest(
    options: dict[str, Any], words: list[str], synthetic: Campaign
) -> None:
    with pytest.raises(ModelError) as raised:
        joint_model(synthetic, ModelOptions(options=options))
    for word in words:
        assert word in str(raised.value)


def test_the_norton_option_feeds_creep_by_the_law_of_creep_tests(
    campaign_of: Callable[..., Campaign], parameters_of: Callable[..., Any]
) -> None:
    from models import physics

    campaign = campaign_of(dc_polarization=ONE_WAY + "d,one_way,40,6,500,3,2,9")
    norton = {"dc_polarization": {"creep_current": "norton"}}
    priors = {
        name: {"fixed": value}
        for name, value in {
            "self_diffusivity": "5.5e-9 cm^2/s",
            "self_diffusion_activation_energy": "43.5 kJ/mol",
            "supply_factor": 0.8,
            "creep_exponent": 5.0,
            "creep_reference_stress": "0.3 MPa",
            "creep_activation_energy": "44 kJ/mol",
            "constraint_factor": 18.0,
            "dc_polarization_scatter": 0.2,
        }.items()
    }
    informed = joint_model(campaign, ModelOptions(options=norton)).informed_by
    assert "constraint_factor" in informed
    assert "creep_current_at_9_MPa" not in informed
    assert "constraint_factor" not in joint_model(campaign).informed_by
    fixed = joint_model(campaign, ModelOptions(options=norton, priors=priors))
    values = parameters_of(
        fixed, {rv.name: np.full(rv.shape.eval(), 0.5) for rv in fixed.pymc.free_RVs}
    )
    got = fixed.observations["dc_polarization_one_way"].logp(
        np.array([7200.0]), *values["dc_polarization_one_way"]
    )
    kelvin = 313.15
    per_kelvin = (1 / kelvin - 1 / 298.15) / 8.31446261815324
    rate = 1e-3 * (6 / (18 * 0.3)) ** 5.0 * np.exp(-44e3 * per_kelvin)
    creep = 96485.33212 / 23.68e-6 * 500e-6 * rate
    supply = (5.5e-13 * np.exp(-43.5e3 * per_kelvin), 23.68e-6, 0.8, creep)
    threshold = physics.void_free_current_density(7200.0, *supply)
    slope = np.exp(physics.void_free_log_slope(7200.0, *supply))
    due = stats.norm.logpdf(np.log(30.0), np.log(threshold), 0.2) + np.log(slope)
    np.testing.assert_allclose(got, due, rtol=1e-8)


def test_what_no_table_informs_is_still_in_the_model(campaign_of: Callable[..., Campaign]) -> None:
    model = joint_model(campaign_of(sand=SAND + "s,20,1,25,20,200,900"))
    assert names(model) >= CORE
    assert set(model.informed_by) == {
        "ambipolar_diffusivity",
        "transference_number",
        "sand_scatter",
    }


@pytest.mark.parametrize(
    ("transition", "stop", "words"),
    [
        ("11.4", "11.5", ["11.4 mAh/cm^2 was stripped", "check current, time and thickness"]),
        ("", "30", ["30 mAh/cm^2 would be stripped by stop_time", "enter as stop_time"]),
    ],
)
def test_metal_beyond_what_the_electrode_holds_is_refused(
    transition: str, stop: str, words: list[str], campaign_of: Callable[..., Campaign]
) -> None:
    # 1.13 mAh/cm^2 per 10 um of sodium
    joint_model(campaign_of(dc_polarization=ONE_WAY + "d,one_way,25,0,100,1,11.2,11.3"))
    # What was planned beyond an event does not matter.
    joint_model(campaign_of(dc_polarization=ONE_WAY + "d,one_way,25,0,100,1,11.2,30"))
    row = f"d,one_way,25,0,100,1,{transition},{stop}"
    with pytest.raises(ModelError) as raised:
        joint_model(campaign_of(dc_polarization=ONE_WAY + row))
    for word in ("dc_polarization.csv, line 2", "100 um", "11.3", *words):
        assert word in str(raised.value)


def test_brackets_of_different_cells_are_two_cells_and_may_overlap(
    campaign_of: Callable[..., Campaign], parameters_of: Callable[..., Any]
) -> None:
    separators = (
        "separator,pore_type,pore_radius [nm],thickness [um],porosity [1],macmullin_number [1]\n"
        "A,straight,100,60,0.35,3\n"
    )
    bracket = (
        "separator,temperature [degC],current_density_lower [mA/cm^2],"
        "current_density_upper [mA/cm^2],bracket_from\nA,25,3,2,different_cells"
    )
    cells = PENETRATION + "a,A,25,3,survived\nb,A,25,2,penetrated"
    weighed = []
    for tables in ({"critical_current": bracket}, {"penetration": cells}):
        model = joint_model(campaign_of(separators=separators, **tables))
        free = {rv.name: np.full(rv.shape.eval(), 0.4) for rv in model.pymc.free_RVs}
        [(name, values)] = parameters_of(model, free).items()
        weighed.append(model.observations[name].logp(model.observed[name], *values))
    np.testing.assert_allclose(*weighed, rtol=1e-12)
    assert np.isfinite(weighed[0]).all()


def test_tables_that_need_a_separator_say_so_where_there_is_none(
    campaign_of: Callable[..., Campaign],
) -> None:
    with pytest.raises(AnodebayesError, match=r"separators\.csv"):
        joint_model(campaign_of(penetration=PENETRATION + "a,A,25,3,survived"))


def test_a_campaign_without_a_table_to_fit_is_refused(campaign_of: Callable[..., Campaign]) -> None:
    only = campaign_of(
        separators="separator,pore_type,pore_radius [nm],thickness [um],porosity [1]\n"
        "A,straight,100,60,0.35"
    )
    with pytest.raises(ModelError, match="no table to fit"):
        joint_model(only)


def test_all_data_of_a_block_are_two_shared_arrays(synthetic: Campaign) -> None:
    model = joint_model(synthetic)
    shared = {variable.name for variable in model.pymc.data_vars}
    assert shared == {
        *(f"{name}_data" for name in model.observations),
        *(f"{name}_design" for name in model.design_columns),
    }
    assert not model.pymc.potentials


def test_for_pymc_the_model_is_a_model_and_no_more(literature: Campaign) -> None:
    import pymc as pm

    bare, model = build_model(literature), joint_model(literature)
    assert type(bare) is pm.Model
    assert set(vars(bare)) - {*bare.named_vars} == set(vars(pm.Model()))
    assert [rv.name for rv in bare.basic_RVs] == [rv.name for rv in model.pymc.basic_RVs]
    assert model.blocks == ("dc_polarization", "morphology", "published")
    assert {name: len(rows) for name, rows in model.row_labels.items()} == {
        name: values.size for name, values in model.observed.items()
    }
    for name, columns in model.design_columns.items():
        assert model.design(name).shape[1] == len(columns)


def test_a_block_that_observes_what_it_does_not_declare_stops_before_anything_is_compiled(
    campaign_of: Callable[..., Campaign], monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from models import joint
    from models.blocks import block

    monkeypatch.setattr(joint, "block", lambda name: replace(block(name), observables=()))
    with pytest.raises(AssertionError, match="declares what it observes: kinetics"):
        build_model(campaign_of(kinetics=KINETICS + "k,25,60,9"))
