"""What the bundled and the real campaigns hold, and what a campaign tells about itself."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from data import InputError, list_campaigns, load_campaign
from data.quantities import quantities
from data.references import bibliography, recognise, reference
from data.schema import ROW_UNIT
from data.tables import tables

REAL = Path(__file__).parents[3] / "shared" / "real"


@pytest.fixture(scope="module")
def literature():
    return load_campaign("sodium-literature")


def published(campaign, quantity):
    rows = campaign.tables["published"]
    chosen = rows.isel(published=(rows["quantity"] == quantity).values)
    assert chosen.sizes["published"] == 1
    return {str(name): chosen[name].item() for name in chosen}


@pytest.mark.parametrize(
    ("quantity", "value", "unit", "error"),
    [
        ("wetting_product", 2.21, "J/m^2", ("ma2022", "relative_sd", 0.25)),
        ("reorganization_energy", 0.16015, "eV", ("ma2022", "relative_sd", 0.6)),
        (
            "diffusivity_over_anion_transference",
            5.22e-6,
            "cm^2/s",
            ("ma2022", "relative_sd", 0.1),
        ),
        (
            "diffusivity_over_anion_transference_squared",
            1.273e-5,
            "cm^2/s",
            ("ma2022", "relative_sd", 0.2),
        ),
        ("exchange_current_density", 14, "mA/cm^2", ("jiao", "relative_sd", 0.6)),
        ("creep_exponent", 5.5, "1", ("wang2020", "sd", 0.55)),
        ("creep_reference_stress", 0.29, "MPa", ("wang2020", "relative_sd", 0.08)),
    ],
)
def test_the_literature_campaign_states_each_published_value(
    literature, quantity, value, unit, error
):
    row = published(literature, quantity)
    source, kind, size = error
    assert (row["value"], row["unit"], row["source"], row[kind]) == (value, unit, source, size)
    assert np.isnan(row["lower"])
    assert np.isnan(row["upper"])


def test_the_diffusivity_of_source_a_gives_both_its_combinations(literature):
    diffusivity, transference = 2.14e-6, 0.59
    ratio = published(literature, "diffusivity_over_anion_transference")["value"]
    squared = published(literature, "diffusivity_over_anion_transference_squared")["value"]
    assert ratio == pytest.approx(diffusivity / (1 - transference), rel=1e-3)
    assert squared == pytest.approx(diffusivity / (1 - transference) ** 2, rel=1e-3)
    assert {diffusivity, transference, 100.0} == set(
        literature.excluded["published"]["value"].values.tolist()
    )


def test_one_sided_statements_are_bounds_and_soft(literature):
    rows = literature.tables["published"]
    of_ratio = rows.isel(published=(rows["quantity"] == "critical_to_limiting_ratio").values)
    ratios = [
        {str(name): of_ratio[name].values[at] for name in of_ratio}
        for at in range(of_ratio.line.size)
    ]
    # The source states it for each type of separator.
    separators = literature.tables["separators"]["separator"].values.tolist()
    assert [row["separator"] for row in ratios] == separators
    creep = published(literature, "creep_fed_current_density")
    assert (creep["upper"], creep["pressure"], creep["metal_thickness"]) == (2.5, 9, 500)
    for row in (*ratios, creep):
        assert (row["upper"], row["relative_sd"]) == (2.5 if row is creep else 0.09, 0.1)
        assert np.isnan(row["value"])
        assert np.isnan(row["lower"])
        assert "relative_sd" in row["assumed"]


def test_separators_of_the_literature_campaign_are_nominal_and_assumed(literature):
    rows = literature.tables["separators"]
    assert rows["separator"].values.tolist() == ["trilayer", "AAO 200 nm", "AAO 20 nm"]
    assert rows["pore_type"].values.tolist() == ["polymer", "straight", "straight"]
    assert rows["pore_radius"].values.tolist() == [14, 100, 10]
    assert rows["pore_radius_sd"].values.tolist() == [4, 15, 2]
    assert rows["thickness"].values.tolist() == [25, 60, 50]
    assert rows["porosity"].values.tolist() == [0.39, 0.35, 0.12]
    assert rows["porosity_sd"].values.tolist() == [0.03, 0.10, 0.05]
    assert np.isnan(rows["macmullin_number"].values).all()
    numbers = sum(a.table == "separators" for a in literature.assumptions)
    assert numbers == 15


def test_step_tests_and_half_cycles_of_source_e(literature):
    rows = literature.tables["dc_polarization"]
    step = rows.isel(dc_polarization=(rows["protocol"] == "step").values)
    names = ("step_time", "current_density_lowest", "current_density_highest", "step_height")
    ranges = list(zip(*(step[name].values for name in names), strict=True))
    assert ranges == [(300, 5, 9, 1), (900, 3, 6, 1), (1800, 2.5, 3.5, 0.5)]
    assert np.isnan(step["cells"].values).all()  # the source does not state them
    for name in ("step 5 min", "step 15 min", "step 30 min"):
        of_row = {str(a).split(": ")[1] for a in literature.assumptions if a.row == name}
        height = 0.5 if name == "step 30 min" else 1
        assert of_row == {f"step_height = {height:g} mA/cm^2", "cells = 2 to 8 (not stated)"}
    one_way = rows.isel(dc_polarization=(rows["protocol"] == "one_way").values)
    assert one_way["current_density"].values.tolist() == [1, 1, 0.5]
    assert one_way["temperature"].values.tolist() == [25, 25, 0]
    hours = one_way["transition_time"].values / 3600
    assert hours[0] * one_way["current_density"].values[0] == 18  # mAh/cm^2
    assert np.isnan(hours[1:]).all()
    assert one_way["stop_time"].values[1:].tolist() == [5 * 3600, 4 * 3600]
    assert set(rows["pressure"].values) == {0}


def test_deposits_of_source_b(literature):
    rows = literature.tables["morphology"]
    assert rows["pressure"].values.tolist() == [0, 1272]
    assert rows["coverage"].values.tolist() == pytest.approx([0.149, 0.861], rel=1e-15)
    assert rows["thickness"].values.tolist() == [42.2, 7.6]
    charge = rows["current_density"] * rows["plating_time"] / 3600
    assert charge.values.tolist() == [0.25, 0.25]  # mAh/cm^2


def test_every_row_of_the_literature_campaign_has_its_source_and_place(literature):
    for rows in (*literature.tables.values(), *literature.excluded.values()):
        assert all(rows["place"].values != "")
        assert set(rows["source"].values.tolist()) <= set(bibliography())
    assert literature.fitted_sources() == {
        "tsai2020": ["dc_polarization"],
        "jiao": ["morphology", "published"],
        "ma2022": ["published"],
        "spencerjolly2020": ["published"],
        "wang2020": ["published"],
    }


def test_the_summary_says_what_is_censored_left_out_and_assumed(literature):
    text = str(literature)
    words = " ".join(text.split())
    for phrase in (
        "2 without transition by stop_time (censored)",
        "step: 3 ranges over cells (their number not stated: 2 to 8 assumed)",
        "4 one-sided",
        "Left out (3)",
        "shown, not fitted",
        f"Assumed numbers ({len(literature.assumptions)})",
        "relative_sd = 0.25",
        "180 kPa in DME",
        "21 mAh/cm^2",
        "10.1002/aenm.202102967",
    ):
        assert phrase in words
    assert max(len(line) for line in text.splitlines()) <= 96
    for assumption in literature.assumptions:
        assert assumption.equation in words


def test_tables_are_labelled_with_units_and_provenance(literature):
    for name, rows in literature.tables.items():
        assert rows.dims == (name,) or set(rows.dims) == {name}
        assert rows.attrs["table"] == name
        assert rows.attrs["kind"] == "literature"
        for column in tables()[name].fields.values():
            variable = rows[column.name]
            assert variable.attrs["long_name"]
            assert variable.attrs.get("units") == column.unit
            assert variable.dtype.kind == ("f" if column.is_number else "U")


def test_a_subset_keeps_its_separators_and_changes_the_hash(literature):
    part = literature.subset(["published"])
    assert set(part.tables) == {"published", "separators"}
    assert part.content_hash != literature.content_hash
    assert part.fitted_sources() == literature.fitted_sources(["published"])
    with pytest.raises(InputError, match="did you mean 'morphology'"):
        literature.subset(["morpholgy"])


def test_the_hash_is_of_the_content_not_of_its_units(tmp_path):
    metadata = 'name = "mine"\nmetal = "Na"\nelectrolyte = "x"\nkind = "measured"\n'
    texts = [
        "cell,temperature [degC],overpotential [mV],current_density [mA/cm^2]\na,25,70,1.1\n",
        "cell,current_density [A/m^2],note,overpotential [V],temperature [K]\na,11,,0.07,298.15\n",
        "cell,temperature [degC],overpotential [mV],current_density [mA/cm^2]\na,25,70,1.2\n",
    ]
    campaigns = []
    for number, text in enumerate(texts):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "campaign.toml").write_text(metadata)
        (folder / "kinetics.csv").write_text(text)
        campaigns.append(load_campaign(folder))
    assert campaigns[0].content_hash == campaigns[1].content_hash
    assert campaigns[0].content_hash != campaigns[2].content_hash


@pytest.mark.parametrize("name", ["lithium-dec", "lithium-ecdec", "lithium-ecdec-fec"])
def test_real_lithium_campaigns_load_unchanged(name):
    folder = REAL / name
    if not folder.is_dir():
        pytest.skip(f"REAL DATA ABSENT: {folder} is not here, so {name} was not tested")
    campaign = load_campaign(folder)
    rows = campaign.tables["kinetics"]
    assert campaign.metadata.metal == "Li"
    assert campaign.metadata.salt_concentration == 1
    assert rows.sizes["kinetics"] == len((folder / "kinetics.csv").read_text().splitlines()) - 1
    assert bool((rows["overpotential"] * rows["current_density"] > 0).all())
    assert campaign.fitted_sources() == {"boyle2020": ["kinetics"]}


def test_bundled_campaigns_are_listed_with_kind_tables_and_sources():
    infos = {info.name: info for info in list_campaigns()}
    info = infos["sodium-literature"]
    assert (info.kind, info.metal) == ("literature", "Na")
    assert info.rows == {"dc_polarization": 6, "morphology": 2, "published": 11, "separators": 3}
    assert set(info.references) <= set(bibliography())
    for name, other in infos.items():
        assert ("synthetic" in name) == (other.kind == "synthetic")


def test_a_citation_in_free_words_is_recognised():
    assert recognise("Boyle et al., ACS Energy Lett. 2020, 5, 701: Fig. 4a") == "boyle2020"
    assert recognise("https://doi.org/10.1002/AENM.202102967") == "ma2022"
    assert recognise("our own cells, 2026") is None
    assert str(reference("zeng2014")).endswith("doi 10.1016/j.jelechem.2014.09.038")
    with pytest.raises(InputError, match="did you mean 'ma2022'"):
        reference("ma2002")


def test_condition_columns_of_quantities_are_columns_of_published():
    columns = tables()["published"].fields
    for entry in quantities().values():
        assert set(entry.conditions) <= set(columns)
        assert entry.published or not entry.conditions
        assert entry.math.startswith("$")
    assert sum(column.unit == ROW_UNIT for column in columns.values()) == 4


def test_importing_data_costs_nothing_heavy():
    code = "import sys, json, data, data.errors; print(json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    loaded = {name.partition(".")[0] for name in json.loads(run.stdout)}
    assert loaded.isdisjoint({"pint", "xarray", "pandas", "pydantic", "numpy", "pymc"})


def test_loading_a_campaign_needs_no_modelling_package():
    code = (
        "import sys, json; from data import load_campaign; load_campaign('sodium-literature');"
        "print(json.dumps(sorted(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    loaded = {name.partition(".")[0] for name in json.loads(run.stdout)}
    assert loaded.isdisjoint({"pymc", "pytensor", "arviz", "matplotlib", "models", "inference"})


def test_tables_survive_netcdf(tmp_path, literature):
    path = tmp_path / "tables.nc"
    tree = xr.DataTree.from_dict(dict(literature.tables))
    tree.to_netcdf(path, engine="netcdf4")
    with xr.open_datatree(path, engine="netcdf4") as read:
        assert read["published"]["value"].attrs["units"] == ROW_UNIT
        assert read["dc_polarization"]["cell"].values.tolist()[0] == "step 5 min"
