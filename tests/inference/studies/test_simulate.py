"""Synthetic campaigns are drawn from a truth, come back from their seed, and never pass as data."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import special, stats

from data.campaign import Campaign
from data.errors import AnodebayesError, InputError
from inference import simulate
from inference.studies.simulation import read_truth
from models.joint import joint_model
from models.options import ModelOptions

CREEP = {
    "creep_exponent": 5.0,
    "creep_reference_stress": "0.3 MPa",
    "creep_activation_energy": "44 kJ/mol",
    "creep_scatter": 0.05,
}


@pytest.fixture(scope="module")
def design(campaign_of: Callable[..., Campaign]) -> Campaign:
    rows = [f"c{i},{25 + i % 60},1e-{2 + i % 4},0.3" for i in range(200)]
    return campaign_of(
        creep="specimen,temperature [degC],strain_rate [1/s],stress [MPa]\n" + "\n".join(rows)
    )


@pytest.mark.slow
@pytest.mark.xdist_group("synthetic")
def test_the_bundled_campaign_is_drawn_again_from_its_own_truth(
    synthetic: Campaign, tmp_path: Path
) -> None:
    stated = tomllib.loads((synthetic.path / "truth.toml").read_text())
    again = simulate(
        synthetic.path / "truth.toml", synthetic, seed=stated["seed"], folder=tmp_path / "again"
    )
    assert list(again.tables) == list(synthetic.tables)
    for name, table in synthetic.tables.items():
        for column, values in table.data_vars.items():
            drawn = again.tables[name][column].values
            if values.dtype.kind == "f":
                np.testing.assert_allclose(drawn, values, rtol=1e-4, err_msg=f"{name}.{column}")
            else:
                np.testing.assert_array_equal(drawn, values)
    drawn_again = tomllib.loads((tmp_path / "again" / "truth.toml").read_text())
    assert drawn_again["parameters"] == stated["parameters"]
    for name, entries in stated["drawn"].items():
        assert drawn_again["drawn"][name] == pytest.approx(entries)


def test_draws_follow_the_truth_and_their_seed(design: Campaign, tmp_path: Path) -> None:
    one, same, other = (
        simulate(CREEP, design, seed=seed, folder=tmp_path / name)
        for seed, name in ((1, "one"), (1, "same"), (2, "other"))
    )
    stress = one.tables["creep"]["stress"].values
    np.testing.assert_array_equal(stress, same.tables["creep"]["stress"].values)
    assert (stress != other.tables["creep"]["stress"].values).all()
    table = one.tables["creep"]
    per_kelvin = (1 / (table["temperature"].values + 273.15) - 1 / 298.15) / 8.31446261815324
    rate = table["strain_rate"].values / 1e-3 * np.exp(44e3 * per_kelvin)
    residual = np.log(stress / (0.3 * rate ** (1 / 5.0))) / 0.05
    assert abs(residual.mean()) < 5 / np.sqrt(residual.size)
    assert residual.std() == pytest.approx(1.0, abs=5 / np.sqrt(2 * residual.size))
    assert read_truth(tmp_path / "one" / "truth.toml").seed == 1


RANGE = (
    "current_density_lowest [mA/cm^2],current_density_highest [mA/cm^2],step_height [mA/cm^2],cells"
)
RANGES = {
    "separators": "separator,pore_type,pore_radius [nm],thickness [um],porosity [1]\n"
    "A,straight,100,60,0.35",
    "critical_current": f"separator,temperature [degC],{RANGE}\nA,25,1.5,2.5,0.5,3",
    "dc_polarization": "cell,protocol,temperature [degC],pressure [MPa],step_time [min],"
    f"{RANGE}\na,step,25,0,5,5,9,1,\nb,step,25,0,15,3.3,6.3,0.3,40",
}
OF_RANGES = {
    "surface_energy": "2.4 J/m^2", "contact_angle": "150 degree",
    "reorganization_energy": "0.2 eV", "exchange_current_density": "12 mA/cm^2",
    "self_diffusivity": "5.6e-9 cm^2/s", "self_diffusion_activation_energy": "43.5 kJ/mol",
    "supply_factor[step]": 0.45, "dc_polarization_scatter": 0.25, "penetration_scatter": 0.2,
    "separator_scatter": 0.1,
}  # fmt: skip


def test_ranges_over_cells_are_drawn_as_steps_of_the_staircase_that_the_design_states(
    campaign_of: Callable[..., Campaign], tmp_path: Path
) -> None:
    drawn = simulate(OF_RANGES, campaign_of(**RANGES), seed=3, folder=tmp_path / "drawn")
    for name, firsts in (("critical_current", [0.5]), ("dc_polarization", [1.0, 0.3])):
        table = drawn.tables[name]
        height = table["step_height"].values
        ends = [table[f"current_density_{end}"].values for end in ("lowest", "highest")]
        assert (ends[0] <= ends[1]).all()
        for end in ends:
            steps = (end - firsts) / height
            np.testing.assert_allclose(steps, np.round(steps), atol=1e-6)
    solid = drawn.tables["dc_polarization"]
    np.testing.assert_array_equal(solid["cells"].values, [np.nan, 40.0])
    # Forty cells spread over some four scatters.
    highest, lowest = (solid[f"current_density_{end}"].values[1] for end in ("highest", "lowest"))
    assert 2.0 < np.log(highest / lowest) / 0.25 < 8.0


FRACTIONS = [  # of a transference number of 0.93, and of a positive quantity beside it
    "transference_number,0.9,0.08,,,,1",
    "transference_number,0.9,,0.2,,,1",
    "transference_number,,,0.1,0.85,,1",
    "surface_energy,2,0.5,,,,J/m^2",
    "surface_energy,2,,0.3,,,J/m^2",
]


def test_published_fractions_are_drawn_as_fractions_by_the_law_that_weighs_them(
    campaign_of: Callable[..., Campaign], parameters_of: Callable[..., Any], tmp_path: Path
) -> None:
    """At 0.93 with an error of 0.2 in its logarithm, a lognormal draw exceeds 1 with 36 %."""
    head = "quantity,value,sd,relative_sd [1],lower,upper,unit,source\n"
    rows = [f"{row},s{i}.{kind}" for i in range(120) for kind, row in enumerate(FRACTIONS)]
    design = campaign_of(published=head + "\n".join(rows))
    truth = {
        "transference_number": 0.93,
        "surface_energy": "1.5 J/m^2",
        "contact_angle": "150 degree",
        "ambipolar_diffusivity": "2e-6 cm^2/s",
    }
    drawn = simulate(truth, design, seed=5, folder=tmp_path / "drawn")
    options = ModelOptions(priors={name: {"fixed": value} for name, value in truth.items()})
    planned, model = (joint_model(campaign, options) for campaign in (design, drawn))
    sd, _, _, ceiling = model.design("published").T
    observed = model.observed["published"]
    fraction = drawn.tables["published"]["quantity"].values == "transference_number"
    exact = np.isfinite(drawn.tables["published"]["value"].values)
    assert ((observed > 0) & (observed < 1))[fraction].all()
    assert observed[fraction].max() > 0.99
    # What is drawn carries the error that it was drawn with, but for its rounding near 1.
    np.testing.assert_allclose(sd, planned.design("published")[:, 0], rtol=3e-3)
    natural = np.where(fraction, special.logit(observed * fraction), np.log(observed))
    centre = np.where(fraction, special.logit(0.93), np.log(1.5))
    z = (natural - centre) / sd
    for kind, row in enumerate(FRACTIONS):
        at = np.arange(kind, observed.size, len(FRACTIONS))
        if "0.85" not in row:
            assert stats.kstest(z[at], "norm").pvalue > 1e-6, row
        else:  # above the bound as often as the likelihood says
            below = special.ndtr((special.logit(0.85) - special.logit(0.93)) / sd[at[0]])
            assert exact[at].mean() == pytest.approx(below, abs=5 * np.sqrt(0.25 / at.size))
            np.testing.assert_allclose(ceiling[at][~exact[at]], special.logit(0.85), rtol=1e-4)
    others = {rv.name: 0.5 for rv in model.pymc.free_RVs}  # on which no row depends
    [parameters] = parameters_of(model, others).values()
    logp = model.observations["published"].logp(observed, *parameters)
    np.testing.assert_allclose(logp[exact], stats.norm.logpdf(z, 0, 1)[exact] - np.log(sd[exact]))
    np.testing.assert_allclose(logp[~exact], stats.norm.logsf(z[~exact]), rtol=1e-6)


def test_what_is_drawn_is_called_synthetic_everywhere(design: Campaign, tmp_path: Path) -> None:
    drawn = simulate(CREEP, design, seed=3, folder=tmp_path / "drawn")
    assert design.metadata.kind == "measured"
    assert drawn.metadata.kind == "synthetic"
    assert "ynthetic" in drawn.metadata.title
    assert drawn.metadata.notes[0].startswith("SYNTHETIC")
    assert "synthetic" in str(drawn).lower()
    assert "synthetic" in repr(drawn)
    for table in drawn.tables.values():
        assert table.attrs["kind"] == "synthetic"
    assert "SYNTHETIC" in (tmp_path / "drawn" / "truth.toml").read_text()
    assert 'kind = "synthetic"' in (tmp_path / "drawn" / "campaign.toml").read_text()


def test_a_truth_that_leaves_out_a_parameter_is_told_its_name_and_unit(
    design: Campaign, tmp_path: Path
) -> None:
    short = {k: v for k, v in CREEP.items() if k not in {"creep_reference_stress", "creep_scatter"}}
    with pytest.raises(InputError) as raised:
        simulate(short, design, seed=1, folder=tmp_path / "x")
    assert '"creep_reference_stress" = "... MPa"' in str(raised.value)
    assert "creep_scatter" in str(raised.value)
    assert "self_diffusivity" not in str(raised.value)
    assert not (tmp_path / "x").exists()


def test_a_factor_of_a_sampled_product_is_missed_too(
    campaign_of: Callable[..., Campaign], tmp_path: Path
) -> None:
    sand = campaign_of(
        sand="cell,electrode_distance [mm],concentration [mol/L],temperature [degC],"
        "current_density [mA/cm^2],sand_time [s],stop_time [s]\ns,20,1,25,20,200,900"
    )
    truth = {"ambipolar_diffusivity": "2e-6 cm^2/s", "sand_scatter": 0.1}
    with pytest.raises(InputError, match="transference_number"):
        simulate(truth, sand, seed=1, folder=tmp_path / "x")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"creep_exponent": "5 MPa"}, "creep_exponent"),
        ({"creep_exponent": 0.5}, "legal is 1 to inf"),
        ({"creep_exponnt": 5.0}, "creep_exponent"),
        ({"creep_reference_stress": 0.3}, "has no unit"),
    ],
)
def test_an_illegal_truth_is_refused(
    change: dict[str, str | float], word: str, design: Campaign, tmp_path: Path
) -> None:
    with pytest.raises(AnodebayesError) as raised:
        simulate(CREEP | change, design, seed=1, folder=tmp_path / "x")
    assert word in str(raised.value)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("parameters = 3", "parameters"),
        ("[parameters]\nx = [1]", "parameters.x"),
        ("[paramters]\nx = 1", "paramters"),
        ("[parameters", "is not TOML"),
    ],
)
def test_a_file_that_is_no_truth_is_refused(text: str, word: str, tmp_path: Path) -> None:
    (tmp_path / "truth.toml").write_text(text)
    with pytest.raises(InputError) as raised:
        read_truth(tmp_path / "truth.toml")
    assert word in str(raised.value)
    with pytest.raises(InputError, match="there is no file"):
        read_truth(tmp_path / "other.toml")


def test_what_was_drawn_already_is_read_unless_anything_differs(
    design: Campaign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = simulate(CREEP, design, seed=1, folder=tmp_path / "x")
    with monkeypatch.context() as patched:
        patched.setattr("inference.studies.simulation.joint_model", None)  # nothing is drawn again
        again = simulate(CREEP, design, seed=1, folder=tmp_path / "x")
    assert again.content_hash == drawn.content_hash
    before = {path.name: path.read_bytes() for path in (tmp_path / "x").iterdir()}
    for truth, seed in ((CREEP, 2), (CREEP | {"creep_exponent": 6.0}, 1)):
        with pytest.raises(InputError, match="not empty"):
            simulate(truth, design, seed=seed, folder=tmp_path / "x")
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "x").iterdir()}
    table = tmp_path / "x" / "creep.csv"
    table.write_text(table.read_text().replace("c1,", "mine,"))
    with pytest.raises(InputError, match="not empty"):
        simulate(CREEP, design, seed=1, folder=tmp_path / "x")


@pytest.mark.parametrize("last", ["truth.toml", "simulation.json", "creep.csv"])
def test_a_campaign_that_could_not_be_written_whole_is_not_there_and_is_drawn_again(
    design: Campaign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    write = Path.write_text

    def stopped(path: Path, *args: Any, **kwargs: Any) -> int:
        if path.name == last:
            raise KeyboardInterrupt
        return write(path, *args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", stopped)
        with pytest.raises(KeyboardInterrupt):
            simulate(CREEP, design, seed=1, folder=tmp_path / "deep" / "x")
    assert not list((tmp_path / "deep").iterdir())
    simulate(CREEP, design, seed=1, folder=tmp_path / "deep" / "x")
    assert {path.name for path in (tmp_path / "deep" / "x").iterdir()} == {
        "campaign.toml", "creep.csv", "simulation.json", "truth.toml",
    }  # fmt: skip


def test_a_filled_folder_is_not_written_to(design: Campaign, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        simulate(CREEP, design, seed=1, folder=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]
