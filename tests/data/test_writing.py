"""What is written reads back the same: campaigns, templates, every table."""

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from data import (
    CampaignError,
    CampaignMetadata,
    InputError,
    load_campaign,
    new_campaign,
    write_campaign,
)
from data.appending import append_rows
from data.csv_reader import cell_of, clean_text, text_of
from data.dataset import make_dataset
from data.metadata import read_metadata
from data.tables import tables
from data.whole_files import write_text_whole, write_whole_folder

METADATA = CampaignMetadata(name="mine", metal="Na", electrolyte="x", kind="synthetic")

# A complete row of every table; together they make a legal campaign.
ROWS = {
    "separators": {
        "separator": "PP",
        "pore_type": "polymer",
        "pore_radius": 14.0,
        "thickness": 25.0,
        "porosity": 0.39,
        "porosity_sd": 0.03,
    },
    "penetration": {
        "cell": "p1",
        "separator": "PP",
        "temperature": 25.0,
        "current_density": 3.0,
        "outcome": "survived",
    },
    "critical_current": {
        "separator": "AAO",
        "temperature": 25.0,
        "current_density_lower": 9.0,
        "current_density_upper": 5.0,
        "overpotential": 80.0,
        "overpotential_sd": 5.0,
        "overpotential_current_density": 5.0,
    },
    "kinetics": {"cell": "k", "temperature": 25.0, "overpotential": -5.0, "current_density": -1.0},
    "lsv": {
        "cell": "l",
        "separator": "PP",
        "layers": 3.0,
        "reservoir_thickness": 250.0,
        "reservoir_side": "depleting",
        "concentration": 1.0,
        "temperature": 25.0,
        "plateau": 2.0,
        "area": 0.5,
        "plateau_current_lower": 3.0,
    },
    "sand": {
        "cell": "s",
        "electrode_distance": 10.0,
        "concentration": 1.0,
        "temperature": 25.0,
        "current_density": 20.0,
        "stop_time": 600.0,
    },
    "dc_polarization": {
        "cell": "d",
        "protocol": "step",
        "temperature": 0.0,
        "pressure": 3.0,
        "electrode_thickness": 500.0,
        "current_density_lower": 1.0,
        "step_time": 300.0,
    },
    "creep": {"specimen": "c", "temperature": 25.0, "strain_rate": 1e-3, "stress": 0.3},
    "morphology": {
        "cell": "m",
        "temperature": 25.0,
        "pressure": 0.0,
        "current_density": 0.5,
        "plating_time": 1800.0,
        "coverage": 0.15,
    },
    "published": {
        "quantity": "critical_to_limiting_ratio",
        "upper": 0.09,
        "relative_sd": 0.1,
        "unit": "1",
        "separator": "PP",
    },
}


def test_every_table_is_written_and_read_back(tmp_path):
    metadata = METADATA.model_copy(
        update={
            "title": 'quotes " and = signs',
            "salt_concentration": 0.1,
            "references": {"mine": "Mine (2026)"},
            "notes": ("one", "two\nlines"),
        }
    )
    aao = {**ROWS["separators"], "separator": "AAO", "pore_type": "straight"}
    rows = {name: [row] for name, row in ROWS.items()}
    rows["separators"].append(aao)
    assert set(rows) == set(tables())
    datasets = {name: make_dataset(tables()[name], cells, metadata) for name, cells in rows.items()}
    left_out = {**ROWS["kinetics"], "exclude": "shown, not fitted", "line": 3}
    excluded = {"kinetics": make_dataset(tables()["kinetics"], [left_out], metadata)}
    folder = write_campaign(tmp_path / "mine", metadata, datasets, excluded)
    campaign = load_campaign(folder)
    assert campaign.metadata == metadata
    again = load_campaign(
        write_campaign(tmp_path / "again", metadata, campaign.tables, campaign.excluded)
    )
    assert again == campaign
    assert again.content_hash == campaign.content_hash
    for name, dataset in datasets.items():
        assert campaign.tables[name].drop_vars("line").equals(dataset.drop_vars("line"))
    assert "SYNTHETIC" in str(campaign)


def test_bundled_campaigns_round_trip(tmp_path):
    campaign = load_campaign("sodium-literature")
    folder = write_campaign(
        tmp_path / "copy", campaign.metadata, campaign.tables, campaign.excluded
    )
    assert load_campaign(folder) == campaign


words = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), max_size=20)
formulas = st.tuples(st.text("'=+-@ ＝\"", max_size=4), words).map("".join)
texts = (words | formulas).map(clean_text)
labels = texts.filter(lambda text: text and "\ufffd" not in text)
notes = texts.filter(lambda text: "\ufffd" not in text and not _is_number(text))
positive = st.floats(1e-9, 1e6)


def _is_number(text):
    return bool(text) and all(c in "0123456789.+-eE" for c in text)


@st.composite
def sand_rows(draw):
    stop = draw(st.floats(1.0, 1e6))
    row = {
        "cell": draw(labels),
        "electrode_distance": draw(st.floats(1e-3, 1000)),
        "concentration": draw(st.floats(1e-3, 50)),
        "temperature": draw(st.floats(-73, 226)),
        "current_density": draw(positive),
        "stop_time": stop,
        "note": draw(notes),
        "place": draw(notes),
    }
    ends = sorted(draw(st.lists(st.floats(1e-6, 1.0), min_size=2, max_size=2, unique=True)))
    low, high = ends[0] * stop, ends[1] * stop
    match draw(st.sampled_from(["exact", "sd", "interval", "lower", "upper", "none"])):
        case "exact":
            row["sand_time"] = low
        case "sd":
            error = low * draw(st.floats(1e-5, 900))
            row |= {"sand_time": low, "sand_time_sd": error, "assumed": "sand_time_sd"}
        case "interval" if low < high:
            row |= {"sand_time_lower": low, "sand_time_upper": high}
        case "lower":
            row["sand_time_lower"] = low
        case "upper":
            row["sand_time_upper"] = high
    return row


@given(st.lists(sand_rows(), min_size=1, max_size=6, unique_by=lambda row: row["cell"]))
def test_any_legal_table_round_trips_to_the_last_digit(tmp_path_factory, rows):
    dataset = make_dataset(tables()["sand"], rows, METADATA)
    folder = tmp_path_factory.mktemp("any") / "mine"
    write_campaign(folder, METADATA, {"sand": dataset})
    read = load_campaign(folder).tables["sand"]
    assert read.drop_vars("line").equals(dataset.drop_vars("line"))


@given(words | formulas)
@example("=HYPERLINK(1)")
@example("'-1")
@example("\t@x")
def test_no_text_is_a_formula_in_a_file_and_every_text_comes_back(text):
    assert not cell_of(text).lstrip().startswith(("=", "+", "-", "@", "#"))
    assert text_of(cell_of(text)) == text
    assert cell_of(text).removeprefix("'") in {text, text.removeprefix("'")}


def test_formulas_are_text_in_every_table_for_spreadsheets(tmp_path):
    name = "=cmd|' /C calc'!A0"
    rows = [{**ROWS["penetration"], "cell": name, "separator": "-PP", "lab": "+1", "note": "@x"}]
    separators = [{**ROWS["separators"], "separator": "-PP"}]
    datasets = {
        "separators": make_dataset(tables()["separators"], separators, METADATA),
        "penetration": make_dataset(tables()["penetration"], rows, METADATA),
    }
    folder = write_campaign(tmp_path / "mine", METADATA, datasets)
    append_rows(folder, "penetration", [{**rows[0], "cell": "+" + name, "lab": "'=1"}])
    for file in ("separators.csv", "penetration.csv"):
        with (folder / file).open(encoding="utf-8", newline="") as lines:
            texts = [cell for row in csv.reader(lines) for cell in row]
        assert not [text for text in texts if text.startswith(("=", "+", "-", "@"))]
    read = load_campaign(folder).tables["penetration"]
    assert read["cell"].values.tolist() == [name, "+" + name]
    assert read["lab"].values.tolist() == ["+1", "'=1"]
    assert read["separator"].values.tolist() == ["-PP", "-PP"]


@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
@example(b",")
@example(b'""')
def test_no_file_whatever_breaks_the_reader(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("noise")
    (folder / "campaign.toml").write_text(
        'name = "mine"\nmetal = "Na"\nelectrolyte = "x"\nkind = "measured"\n'
    )
    (folder / "kinetics.csv").write_bytes(content)
    with pytest.raises(CampaignError):
        load_campaign(folder)


def test_illegal_rows_are_never_written(tmp_path):
    bad = make_dataset(tables()["kinetics"], [{**ROWS["kinetics"], "overpotential": 5.0}], METADATA)
    with pytest.raises(CampaignError, match="differ in sign") as caught:
        write_campaign(tmp_path / "mine", METADATA, {"kinetics": bad})
    assert str(tmp_path / "mine") in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match="did you mean 'kinetics'"):
        write_campaign(tmp_path / "mine", METADATA, {"kinetic": bad})
    with pytest.raises(InputError, match="did you mean 'overpotential'"):
        write_campaign(
            tmp_path / "mine", METADATA, {"kinetics": bad.rename(overpotential="overpotentail")}
        )


def test_a_filled_folder_is_never_written_to(tmp_path):
    (tmp_path / "precious.txt").write_text("data")
    rows = make_dataset(tables()["kinetics"], [ROWS["kinetics"]], METADATA)
    for attempt in (
        lambda: new_campaign(tmp_path),
        lambda: new_campaign(tmp_path / "precious.txt"),
        lambda: write_campaign(tmp_path, METADATA, {"kinetics": rows}),
    ):
        with pytest.raises(InputError, match=r"not empty|is a file"):
            attempt()
    assert (tmp_path / "precious.txt").read_text() == "data"


def test_a_template_asks_for_a_table_and_loads_once_one_is_filled(tmp_path):
    folder = new_campaign(tmp_path / "my cells", metal="Li")
    with pytest.raises(CampaignError, match="needs at least one of") as caught:
        load_campaign(folder)
    assert len(caught.value.mistakes) == 1
    readme = (folder / "README.md").read_text(encoding="utf-8")
    for table in tables().values():
        text = (folder / "templates" / table.file).read_text(encoding="utf-8")
        headers = next(csv.reader([text]))
        assert [header.partition(" [")[0] for header in headers] == list(table.fields)
        assert all(f"`{column.header}`" in readme for column in table.fields.values())
    header = (folder / "templates" / "creep.csv").read_text(encoding="utf-8")
    (folder / "creep.csv").write_text(header + "c1,25,1e-3,0.3,,,,,\n", encoding="utf-8")
    campaign = load_campaign(folder)
    assert (campaign.name, campaign.metadata.metal) == ("my-cells", "Li")
    assert np.array_equal(campaign.tables["creep"]["stress"].values, [0.3])


def test_an_empty_folder_that_somebody_stands_in_is_filled_and_stays_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / ("d" * 250)
    folder.mkdir()
    before = folder.stat().st_ino
    monkeypatch.chdir(folder)
    new_campaign(".")
    assert folder.stat().st_ino == before
    assert {"campaign.toml", "README.md", "templates"} == {path.name for path in folder.iterdir()}
    assert read_metadata(folder)[0] is not None

    def fail(path: Path) -> None:
        (path / "a").touch()
        raise ValueError

    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / ".part-0123abcd0123abcd-empty").mkdir()  # of a process that was killed
    new_campaign(empty)
    empty = tmp_path / "other"
    empty.mkdir()
    with pytest.raises(ValueError):  # noqa: PT011 - raised just above
        write_whole_folder(empty, fail)
    assert not list(empty.iterdir())


@pytest.mark.parametrize("name", ["x" * 251 + ".csv", "\u00e4" * 125 + ".csv"])
def test_a_name_of_any_legal_length_is_written(tmp_path: Path, name: str) -> None:
    write_text_whole(tmp_path / name, "whole")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_limit_on_the_size_of_files_is_named(tmp_path: Path) -> None:
    code = (
        "import resource, sys\nfrom pathlib import Path\n"
        "from data.errors import StorageError\nfrom data.whole_files import write_text_whole\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n    write_text_whole(Path(sys.argv[1]), 'x' * 5000)\n"
        "except StorageError as error:\n    print(error)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "x.txt")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert "ulimit -f" in done.stdout
    assert not list(tmp_path.iterdir())
