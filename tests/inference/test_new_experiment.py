"""A new experiment is two files of one name, and a quantity for each new parameter: nothing else.

They are added to a copy of the project, which then reads, fits, checks, draws and reports it.
"""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

QUANTITIES = r"""
[hardness_ratio]
unit = "1"
symbol = "H/sigma"
math = '$H/\sigma$'
long_name = "hardness over the stress of creep at the same rate"
support = "positive"
legal = [1e-2, 1e3]
usual = [1.0, 10.0]
published = true

[hardness_scatter]
unit = "1"
symbol = "s_hardness"
math = '$s_\mathrm{hardness}$'
long_name = "scatter of ln(hardness) between indentations"
support = "positive"
legal = [1e-6, 100.0]
usual = [1e-3, 2.0]
published = false
"""

TABLE = '''"""Hardness by indentation."""

from data.columns import TEMPERATURE
from data.schema import Column
from data.table import Table

TABLE = Table(
    name="hardness",
    row="one indentation",
    label=("specimen", "temperature"),
    columns=(
        Column(name="specimen", long_name="specimen"),
        TEMPERATURE,
        Column(
            name="indentation_rate",
            long_name="rate of indentation",
            unit="1/s",
            support="positive",
            low=1e-9,
            high=1e3,
            usual=(1e-7, 1.0),
        ),
        Column(
            name="indentation_hardness",
            long_name="hardness",
            unit="MPa",
            support="positive",
            low=1e-6,
            high=1e6,
            usual=(0.1, 1e3),
            sd=True,
        ),
    ),
)
'''

BLOCK = '''"""Hardness is a multiple of the stress of creep at the rate of indentation."""

import numpy as np

from models.block import AbsurdityRule, Block, Observable
from models.likelihoods import observed_value
from models.observations import measured, recorded, si, unit
from models.physics import norton_stress

__all__ = ["BLOCK"]


def likelihood(table, context):
    observed, design = measured(table, "indentation_hardness")
    data, rows = context.pack(
        "hardness",
        observed,
        rate=si(table, "indentation_rate"),
        temperature=si(table, "temperature"),
        **design.columns,
    )
    parameters = context.parameters
    stress = norton_stress(
        rows["rate"],
        rows["temperature"],
        parameters["creep_exponent"],
        parameters.si("creep_reference_stress"),
        parameters.si("creep_activation_energy"),
    )
    hardness = parameters["hardness_ratio"] * stress
    observation = observed_value(
        location=np.log(hardness / unit(table, "indentation_hardness")),
        scatter=parameters["hardness_scatter"],
        rows=rows,
        design=design,
    )
    context.observe("hardness", data, observation)


def record(table, drawn):
    return recorded(table, "indentation_hardness", drawn["hardness"])


PRIORS = {
    name: {
        "support": [0.0, np.inf],
        "distribution": "LogNormal",
        "median": median,
        "sigma": sigma,
        "source": "project",
        "note": "Of metals in general.",
    }
    for name, median, sigma in (("hardness_ratio", 3.0, 0.5), ("hardness_scatter", 0.1, 0.7))
}

BLOCK = Block(
    title="Indentation hardness",
    likelihood=likelihood,
    record=record,
    observables=(Observable("hardness", "hardness", "MPa", "Indentations", "indented hardness"),),
    sources=("wang2020",),
    priors=PRIORS,
    absurd=(
        AbsurdityRule("harder than steel", "hardness", "above", 1e4, "the metal is soft"),
    ),
    remedies={"hardness_ratio": "Creep tests at the rate of indentation would show it"},
)
'''

CAMPAIGN = """
name = "indented"
metal = "Na"
kind = "synthetic"
electrolyte = "none"
salt_concentration = "1 mol/L"
"""
CREEP = """specimen,temperature [degC],strain_rate [1/s],stress [MPa]
a,25,1e-4,0.21
a,25,1e-3,0.33
a,60,1e-3,0.22
a,60,1e-2,0.36
"""
HEADER = (
    "specimen,temperature [degC],indentation_rate [1/s],"
    "indentation_hardness [GPa],indentation_hardness_sd [MPa]\n"
)
HARDNESS = f"""{HEADER}a,25,1e-4,0.00071,0.05
a,25,1e-3,0.0011,
b,25,1e-3,0.0009,0.05
b,60,1e-2,0.0012,
"""
JOB = """
schema_version = 1
name = "indented"
campaign = "indented"

[sampler]
draws = 300
tune = 300
chains = 2
seed = 1
"""

SPANS = """
from data.loading import load_campaign
from inference.rows.data_ranges import data_gaps, data_hulls, data_ranges

with_it, without = load_campaign("indented"), load_campaign("creep-only")
for spans in (data_ranges, data_gaps, data_hulls):
    assert spans(with_it) == spans(without), spans
"""


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "copy"), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def anodebayes(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return run(folder, "-c", "from inference.cli import main; main()", *words)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a copy of the project, the two files in it, a campaign and a job."""
    folder = tmp_path_factory.mktemp("experiment")
    copy = folder / "copy"
    for package in ("data", "inference", "models"):
        shutil.copytree(
            REPOSITORY / package, copy / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    with (copy / "data" / "quantities.toml").open("a", encoding="utf-8") as quantities:
        quantities.write(QUANTITIES)
    (copy / "data" / "tables" / "hardness.py").write_text(TABLE)
    (copy / "models" / "blocks" / "hardness.py").write_text(BLOCK)
    for name, tables in (
        ("indented", {"creep": CREEP, "hardness": HARDNESS}),
        ("creep-only", {"creep": CREEP}),
    ):
        (folder / name).mkdir()
        (folder / name / "campaign.toml").write_text(CAMPAIGN)
        for table, text in tables.items():
            (folder / name / f"{table}.csv").write_text(text)
    (folder / "job.toml").write_text(JOB)
    return folder


def test_its_table_is_read_as_every_other_one_is(folder: Path) -> None:
    done = anodebayes(folder, "validate", "indented")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "hardness" in done.stdout
    wrong = folder / "wrong"
    shutil.copytree(folder / "indented", wrong)
    (wrong / "hardness.csv").write_text(HARDNESS.replace("0.00071", "-1"))
    done = anodebayes(folder, "validate", "wrong")
    assert done.returncode == 2
    assert "hardness.csv, line 2" in done.stderr
    done = anodebayes(folder, "new", "template")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        "indentation_hardness [MPa]"
        in (folder / "template" / "templates" / "hardness.csv").read_text()
    )


def test_it_tells_nothing_of_conditions_that_it_has_not(folder: Path) -> None:
    done = run(folder, "-c", SPANS)
    assert done.returncode == 0, done.stderr


@pytest.mark.long
def test_it_is_fitted_checked_drawn_and_reported(folder: Path) -> None:
    for words in (
        ("fit", "job.toml", "--out", "out"),
        ("check", "out"),
        ("figures", "out", "--only", "predictive_hardness", "--format", "png"),
        ("report", "out"),
    ):
        done = anodebayes(folder, *words)
        assert done.returncode == 0, done.stdout + done.stderr
    out = folder / "out"
    [row] = [
        row
        for row in csv.DictReader((out / "summary.csv").read_text(encoding="utf-8").splitlines())
        if row["parameter"] == "hardness_ratio"
    ]
    assert (row["unit"], row["informed_by"]) == ("1", "hardness")
    assert 2.0 < float(row["median"]) < 5.0  # the rows were written with 3.3
    from xarray import open_datatree

    with open_datatree(out / "result.nc", engine="netcdf4") as tree:
        observed = tree["observed_data"]["hardness"]
        assert observed.attrs["units"] == "MPa"
        assert observed.values.tolist() == pytest.approx([0.71, 1.1, 0.9, 1.2])
        drawn = tree["posterior_predictive"]["hardness"].median(["chain", "draw"]).values
        assert drawn == pytest.approx(observed.values, rel=0.5)
    check = json.loads((out / "check.json").read_text(encoding="utf-8"))
    told = json.dumps(check["sections"])
    assert "harder than steel" in told
    assert "predictive hardness" in told
    assert (out / "figures" / "predictive_hardness.png").stat().st_size > 0
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "hardness.csv: 4 rows" in page
    assert "hardness over the stress of creep at the same rate" in page
