"""Findings say what the data leave open and what would close it; draws here are fabricated."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import xarray as xr

from data.campaign import Campaign
from inference.runs.findings import findings, protocols_against_maps
from models.observations import labels

DRAWS = 400


def summary(**narrowing: float) -> Any:
    """Return a table in which every parameter is informed, unless said otherwise."""
    import pandas as pd

    known = {
        "contact_angle": 1.0, "penetration_scatter": 3.0, "separator_scatter": 3.0,
        "sand_scatter": 3.0, "dc_polarization_scatter": 3.0, "self_diffusivity": 3.0,
        "reorganization_energy": 3.0,
    } | narrowing  # fmt: skip
    return pd.DataFrame(
        {
            "narrowing": known,
            "informed_by": dict.fromkeys(known, "kinetics"),
            "source": dict.fromkeys(known, "project"),
        }
    )


def draws(**centres: float | tuple[float, ...]) -> xr.Dataset:
    """Return draws that hardly vary about their centres."""
    rng = np.random.default_rng(0)
    values = {
        "ambipolar_diffusivity": 2e-6, "reorganization_energy": 0.2, "supply_factor": (0.6, 0.6),
    } | centres  # fmt: skip
    dims = {
        "supply_factor": ["protocol"],
        "porosity": ["separator"],
        "macmullin_number": ["separator"],
    }
    return xr.Dataset(
        {
            name: (
                ["chain", "draw", *dims.get(name, [])],
                np.asarray(centre) * np.exp(0.01 * rng.normal(size=(1, DRAWS, *np.shape(centre)))),
            )
            for name, centre in values.items()
        },
        coords={"protocol": ["one_way", "step"], "separator": ["A"]},
    )


def found(
    campaign: Campaign,
    *,
    posterior: xr.Dataset | None = None,
    predictive: Mapping[str, Any] | None = None,
    narrowing: Mapping[str, float] | None = None,
    informed_by: Mapping[str, list[str]] | None = None,
    kinetics: str = "marcus_hush_chidsey",
    log_likelihood: Mapping[str, Any] | None = None,
) -> str:
    fitted = {"x": [name for name in campaign.tables if name != "separators"]}
    return " ".join(
        findings(
            campaign,
            draws() if posterior is None else posterior,
            xr.Dataset(predictive or {}),
            summary(**(narrowing or {})),
            fitted if informed_by is None else informed_by,
            kinetics,
            log_likelihood=xr.Dataset(log_likelihood or {}),
        )
    )


SEPARATORS = (
    "separator,pore_type,pore_radius [nm],thickness [um],porosity [1],macmullin_number [1]\n"
    "A,straight,100,{thickness},0.4,2.5\n"
)
LSV = (
    "cell,separator,layers,reservoir_thickness [um],reservoir_side,concentration [mol/L],"
    "temperature [degC],scan_rate [mV/s],plateau,area [cm^2],plateau_current [mA]\n"
    "l,A,1,0,,1,25,5,1,0.5,20\n"
)
SAND = (
    "cell,electrode_distance [mm],concentration [mol/L],temperature [degC],"
    "current_density [mA/cm^2],sand_time [s],stop_time [s]\ns,20,1,25,20,200,900\n"
)
KINETICS = "cell,temperature [degC],overpotential [mV],current_density [mA/cm^2]\n"
PUBLISHED = "quantity,value,relative_sd [1],upper,unit,source\n"
OPEN = "ambipolar_diffusivity and transference_number are not separately identified"
ONE_LAYER = {
    "separators": SEPARATORS.format(thickness=60),
    "lsv": LSV,
}


def transport(**names: float) -> xr.Dataset:
    return draws(porosity=(0.4,), macmullin_number=(2.5,), **names)


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        (ONE_LAYER, [OPEN, "D/(1 - t+) only", "Sand's times in the same"]),
        ({"sand": SAND},
         [OPEN, "D/(1 - t+)^2 only", "Limiting currents (LSV plateaus) in the same"]),
        (
            {"published": PUBLISHED + "diffusivity_over_anion_transference,5e-6,0.1,,cm^2/s,x"},
            [OPEN, "Sand's times in the same"],
        ),
        (
            {"published": PUBLISHED
             + "diffusivity_over_anion_transference_squared,1e-5,0.1,,cm^2/s,x"},
            [OPEN, "Limiting currents"],
        ),
    ],
)  # fmt: skip
def test_one_combination_of_transport_does_not_separate_the_two(
    tables: dict[str, str], words: list[str], campaign_of: Callable[..., Campaign]
) -> None:
    predictive = {"published": (("chain", "draw", "published_row"), np.full((1, DRAWS, 1), 5e-6))}
    campaign = campaign_of(**tables)
    text = found(
        campaign,
        posterior=transport(),
        predictive=predictive if "published" in tables else {},
    )
    for word in words:
        assert word in text


@pytest.mark.parametrize(
    "tables",
    [
        ONE_LAYER | {"sand": SAND},
        {
            "published": PUBLISHED
            + "diffusivity_over_anion_transference,5e-6,0.1,,cm^2/s,x\n"
            + "diffusivity_over_anion_transference_squared,1e-5,0.1,,cm^2/s,x"
        },
        {"kinetics": KINETICS + "k,25,9,1"},
    ],
)  # fmt: skip
def test_both_combinations_or_none_are_no_finding(
    tables: dict[str, str], campaign_of: Callable[..., Campaign]
) -> None:
    campaign = campaign_of(**tables)
    drawn = (("chain", "draw", "published_row"), np.tile([5e-6, 1e-5], (1, DRAWS, 1)))
    predictive = {"published": drawn} if "published" in tables else {}
    assert OPEN not in found(campaign, posterior=transport(), predictive=predictive)


def test_the_synthetic_campaign_without_sands_times_is_told_so(synthetic: Campaign) -> None:
    count = synthetic.tables["separators"].sizes["separators"]
    names = list(synthetic.tables["separators"]["separator"].values)
    posterior = draws().drop_vars(["separator"]).assign_coords(separator=names)
    for name, value in (("porosity", 0.4), ("macmullin_number", 4.0)):
        posterior[name] = (("chain", "draw", "separator"), np.full((1, DRAWS, count), value))
    without = synthetic.subset(["lsv", "kinetics"])
    text = found(without, posterior=posterior)
    assert text.startswith("The data are SYNTHETIC")
    assert OPEN in text
    assert OPEN not in found(synthetic.subset(["lsv", "sand"]), posterior=posterior)


def test_prior_driven_parameters_are_named_with_what_would_help(
    campaign_of: Callable[..., Campaign],
) -> None:
    campaign = campaign_of(sand=SAND)
    driven = {"penetration_scatter": 1.1, "sand_scatter": 1.4, "dc_polarization_scatter": 1.0}
    text = found(campaign, narrowing=driven, informed_by={"self_diffusivity": ["dc_polarization"]})
    assert "contact_angle is prior-driven" in text
    assert "sessile drop" in text
    assert "penetration limit of liquid cells is prior-driven (penetration_scatter)" in text
    assert "partly assumed; the data show separator_scatter." in text
    assert "some penetrated and some not, would show how they differ." in text
    assert "depletion limit of liquid cells is prior-driven (sand_scatter)" in text
    assert "largely assumed. sand_scatter: repeated Sand's times" in text
    assert "solid cells" not in text  # no map of them is drawn: no data speak of one
    informed = found(campaign, narrowing={"contact_angle": 2.0})
    assert "prior-driven" not in informed
    bulk = found(
        campaign,
        narrowing={"self_diffusivity": 1.0},
        informed_by={"self_diffusivity": ["dc_polarization"]},
    )
    assert "self_diffusivity is prior-driven" in bulk
    assert "effective_self_diffusivity" in bulk


@pytest.mark.parametrize(("thickness", "told"), [(500, True), (60, False)])
def test_a_sweep_across_slow_diffusion_is_warned_of(
    thickness: float, told: bool, campaign_of: Callable[..., Campaign]
) -> None:
    # At D = 1.5e-6 cm^2/s, 500 um of epsilon N_M = 1 diffuse in 1667 s, 60 um in 24 s.
    campaign = campaign_of(separators=SEPARATORS.format(thickness=thickness), lsv=LSV)
    text = found(campaign, posterior=transport(ambipolar_diffusivity=1.5e-6))
    assert ("is slow against the sweep" in text) is told
    if told:
        [seconds] = re.findall(r"\((\d+) s,", text)
        assert float(seconds) == pytest.approx(1667, rel=0.01)


def test_a_bound_at_its_edge_is_told_with_what_it_pulls_on(
    campaign_of: Callable[..., Campaign],
) -> None:
    campaign = campaign_of(
        published=PUBLISHED
        + "reorganization_energy,0.16,0.1,,eV,x\nexchange_current_density,,0.1,9,mA/cm^2,x"
    )
    assert len(labels(campaign.tables["published"])) == 2
    drawn = np.empty((1, DRAWS, 2))
    drawn[..., 0] = 0.16 * np.exp(0.08)  # 0.8 of its standard deviations
    drawn[..., 1] = np.where(np.arange(DRAWS) % 10 < 6, 9.0, 7.0)
    dims = ("chain", "draw", "published_row")
    # Of every 4 draws of the posterior, 3 fulfil the statement surely and 1 with 0.1: without it
    # there were 10 of these for every 3.
    weighed = np.zeros((1, DRAWS, 2))
    weighed[..., 1] = np.where(np.arange(DRAWS) % 4 < 3, 0.0, np.log(0.1))
    text = found(
        campaign,
        predictive={"published": (dims, drawn)},
        log_likelihood={"published": (dims, weighed)},
    )
    assert "exchange_current_density below 9 (fulfilled with probability 0.60" in text
    assert "and with about 0.3 by all that is fitted besides" in text
    assert "pull on each other" in text
    assert "reorganization_energy by +0.8 of its standard deviations" in text


def test_protocols_that_disagree_are_told(campaign_of: Callable[..., Campaign]) -> None:
    head = (
        "cell,protocol,temperature [degC],pressure [MPa],current_density [mA/cm^2],"
        "transition_time [h],stop_time [h],current_density_lower [mA/cm^2],"
        "current_density_upper [mA/cm^2],step_time [min]\n"
    )
    step, one_way = "a,step,25,0,,,,5,9,5\n", "b,one_way,25,0,1,18,25,,,\n"
    both = campaign_of(dc_polarization=head + step + one_way)
    apart, alike = draws(supply_factor=(0.9, 0.5)), draws(supply_factor=(0.6, 0.6))
    assert "0.90 one way and 0.50 in steps" in found(both, posterior=apart)
    assert protocols_against_maps(both, apart) == {}
    assert "disagree" not in found(both, posterior=alike)
    [said] = protocols_against_maps(both, draws(supply_factor=(0.5, 0.8))).values()
    assert said.startswith("STEP TESTS BEAR MORE: the two protocols of polarisation disagree: ")
    assert "0.50 one way and 0.80 in steps" in said
    assert "bear about 0.39 times its safe current" in said
    assert "disagree" not in found(campaign_of(dc_polarization=head + step), posterior=apart)


@pytest.mark.parametrize(
    ("kinetics", "told"), [("marcus_hush", True), ("marcus_hush_chidsey", False)]
)
def test_an_inverted_law_is_warned_of(
    kinetics: str, told: bool, campaign_of: Callable[..., Campaign]
) -> None:
    campaign = campaign_of(kinetics=KINETICS + "k,25,-250,-9")
    assert ("inverts" in found(campaign, kinetics=kinetics)) is told


# --- what a reader would take for the metal's, or for one laboratory ------------------------------

CELLS = (
    "cell,separator,temperature [degC],current_density [mA/cm^2],outcome,lab\n"
    "p1,A,25,1,survived,{}\np2,A,25,9,penetrated,{}\np3,A,25,9,penetrated,{}\n"
)
SEPARATOR = SEPARATORS.format(thickness=60)


@pytest.mark.parametrize(
    ("energy", "metal", "told"), [(2.2, "Na", True), (0.35, "Na", False), (2.2, "Li", False)]
)
def test_a_surface_energy_far_above_the_metals_is_called_effective(
    energy: float, metal: str, told: bool, campaign_of: Callable[..., Campaign]
) -> None:
    campaign = campaign_of(metal, separators=SEPARATOR, penetration=CELLS.format("", "", ""))
    text = found(campaign, posterior=draws(surface_energy=energy), narrowing={"surface_energy": 3})
    assert ("2.2 J/m^2 (90 % interval 2.2 to 2.2), 7 to 11 times that of" in text) is told
    assert ("an effective value, not the metal's" in text) is told
    assert ("mostly mean ones" in text) is told


def test_offsets_between_laboratories_are_told_with_the_rows_that_name_none(
    campaign_of: Callable[..., Campaign],
) -> None:
    names = ["A", "not stated"]
    offsets = xr.Dataset(
        {"penetration_lab_offset": (("chain", "draw", "penetration_lab"), np.zeros((1, DRAWS, 2)))},
        coords={"penetration_lab": names},
    )
    campaign = campaign_of(separators=SEPARATOR, penetration=CELLS.format("A", "", ""))
    text = found(campaign, posterior=draws().merge(offsets), narrowing={"lab_scatter": 1.0})
    assert "Offsets between 2 laboratories are fitted to the thresholds of penetration: A" in text
    assert "'not stated' (the 2 rows that name none)" in text
    assert '[model.options.penetration] labs = "pooled"' in text
    assert "prior-driven (lab_scatter)" in text
    assert "laboratories are" not in found(campaign)  # pooled
    assert "labs A and 2 rows without" in " ".join(campaign.summary().split())
