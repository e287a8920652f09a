"""What a notebook shows of a campaign: everything it holds, and no markup from its files."""

from pathlib import Path

from data import load_campaign, new_campaign
from data.display import fill

SCRIPT = "<script>alert(1)</script>"


def test_names_in_files_do_not_become_markup(tmp_path: Path) -> None:
    folder = new_campaign(tmp_path / "mine")
    (folder / "campaign.toml").write_text(
        f'name = "mine"\ntitle = "{SCRIPT}"\nkind = "measured"\nmetal = "Na"\n'
        f'electrolyte = "{SCRIPT}"\nnotes = ["{SCRIPT}"]\nreferences = ["{SCRIPT}"]\n'
    )
    (folder / "kinetics.csv").write_text(
        "cell,temperature [degC],overpotential [mV],current_density [mA/cm^2],exclude\n"
        f"{SCRIPT},25,50,3,\n{SCRIPT},25,60,4,{SCRIPT}\n"
    )
    (folder / "separators.csv").write_text(
        "separator,pore_type,pore_radius [nm],thickness [um],porosity [1],assumed,note\n"
        f"{SCRIPT},polymer,14,25,0.4,porosity,{SCRIPT}\n"
    )
    shown = load_campaign(folder)._repr_html_()
    assert "<script" not in shown
    assert shown.count("&lt;script&gt;") >= 6  # title, electrolyte, note, source, row, separator


def test_a_campaign_shows_what_it_holds_and_whether_anybody_measured_it() -> None:
    literature = load_campaign("sodium-literature")
    shown = literature._repr_html_()
    assert all(f">{name}</td>" in shown for name in literature.tables)
    assert f"Assumed numbers ({len(literature.assumptions)})" in shown
    assert "SYNTHETIC DATA" not in shown
    assert "SYNTHETIC DATA" in load_campaign("sodium-synthetic")._repr_html_()


def test_a_template_escapes() -> None:
    assert fill("<b>{{ name }}</b>", name="a<b") == "<b>a&lt;b</b>"
