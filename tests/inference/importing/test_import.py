"""An instrument's file becomes rows that the campaign takes, or is refused with a reason."""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from data import AnodebayesError, CampaignError, InputError, load_campaign
from inference import import_records
from inference.cli.commands import app
from tests.inference.conftest import CELL, POLARISED

type Array = np.ndarray[Any, Any]

RAW = Path(__file__).resolve().parents[4] / "shared" / "raw"


def curve(path: Path, time: Array, voltage: Array, current: Array | float, seed: int = 0) -> Path:
    """Write a plain file with 0.2 mV and 0.1 µA of noise."""
    random = np.random.default_rng(seed)
    noisy = voltage + random.normal(0.0, 2e-4, time.size)
    rows = zip(time, noisy, current + random.normal(0.0, 1e-7, time.size), strict=True)
    lines = [f"{t:.3f},{v:.6f},{i:.9g}" for t, v, i in rows]
    path.write_text("\n".join(["Test Time / s,Voltage / V,Current / A", *lines]) + "\n")
    return path


def dropped(path: Path, at: float = 600.0, end: float = 900.0, seed: int = 0) -> Path:
    """Write a test at 2 mA whose voltage drops from 100 to 10 mV."""
    time = np.arange(0.0, end + 0.5)
    return curve(path, time, np.where(time > at, 0.01, 0.1), 2e-3, seed)


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_mtime_ns, path.stat().st_size)
        for path in folder.rglob("*")
    }


def anodebayes(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, " ".join(result.output.split())


def options(**values: str) -> list[str]:
    return [word for name, value in values.items() for word in ("--set", f"{name}={value}")]


def test_a_file_becomes_a_row_with_its_provenance_and_figures(campaign: Path, files: Path) -> None:
    file = dropped(files / "cell 7.csv")
    code, output = anodebayes(
        "import", file, "--as", "penetration", "--campaign", campaign, *options(**CELL)
    )
    assert code == 0, output
    assert "sudden drop between 600 and 601 s" in output
    loaded = load_campaign(campaign)
    row = loaded.tables["penetration"].isel(penetration=0)
    assert (row["cell"].item(), row["outcome"].item()) == ("cell 7", "penetrated")
    assert row["current_density"].item() == pytest.approx(4.0, rel=1e-4)
    assert row["capacity"].item() == pytest.approx(4.0 * 600.5 / 3600, rel=1e-3)
    assert "instrument files: rows of penetration 1" in loaded.summary()
    [place] = (campaign / "provenance" / "penetration").glob("*.json")
    record = json.loads(place.read_text())
    assert len(record["file"]["sha256"]) == 64
    assert record["file"]["name"] == "cell 7.csv"
    assert record["metadata"]["area"] == {"stated": "0.5 cm^2", "where": "option"}
    assert record["features"][0]["algorithm"]
    assert record["features"][0]["lower"] == 600.0
    origin = {"is": "start of the current", "test_time_second": 0.0}
    assert record["features"][0]["time_origin"] == origin
    assert "times count from the start of the current" in output
    assert record["rows"][0]["outcome"] == "penetrated"
    assert {"imported", "project_version"} <= record.keys()
    for suffix in (".png", ".svg"):
        assert place.with_suffix(suffix).stat().st_size > 5000
    assert "600" in place.with_suffix(".svg").read_text()


def test_rows_that_a_user_saves_while_a_figure_is_drawn_stay(
    campaign: Path, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from inference.importing.records import _Import

    table = campaign / "penetration.csv"

    def draw(*_: Any, **__: Any) -> tuple[Path, ...]:
        text = "cell,separator,temperature [degC],current_density [mA/cm^2],outcome\n"
        table.write_text(table.read_text() if table.exists() else text)
        with table.open("a") as file:
            file.write(f"mine{len(text)},PP,25,1.5,survived\n")
        return ()

    monkeypatch.setattr(_Import, "_draw", draw)
    [outcome] = import_records(
        dropped(files / "a.csv"), table="penetration", campaign=campaign, metadata=CELL
    )
    assert outcome.status == "imported"
    rows = load_campaign(campaign).tables["penetration"]
    assert rows["outcome"].values.tolist() == ["survived", "penetrated"]
    foreign = campaign / "provenance" / "penetration" / "b.json"
    foreign.write_text("mine")
    [outcome] = import_records(
        dropped(files / "b.csv", seed=1), table="penetration", campaign=campaign, metadata=CELL
    )
    assert "no record of provenance" in str(outcome.error)
    assert foreign.read_text() == "mine"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"cell": 3}, "'cell' is missing or not legal"),
        ({"file": {"sha256": 7}}, "'file'"),
        ({"file": None}, "'file'"),
        ({"keys": None}, "'keys'"),
        ({"keys": [3]}, "'keys'"),
        ({"table": "sand"}, "says of no row of penetration"),
        ({"status": "voodoo"}, "'status'"),
        ({"statements": 1}, "'statements'"),
        (None, "not JSON"),
    ],
)
def test_a_damaged_record_is_named_and_hides_no_second_row(
    change: dict[str, Any] | None, why: str, campaign: Path, files: Path
) -> None:
    place = campaign / "provenance" / "penetration" / "x.json"
    place.parent.mkdir(parents=True)
    record = {
        "table": "penetration", "status": "appended", "cell": "x", "keys": [{"cell": "x"}],
        "file": {"sha256": "0" * 64},
    }  # fmt: skip
    place.write_text(json.dumps(record))
    table = (
        "cell,separator,temperature [degC],current_density [mA/cm^2],outcome\nx,PP,25,4,survived\n"
    )
    (campaign / "penetration.csv").write_text(table)
    assert anodebayes("validate", campaign)[0] == 0
    place.write_text("{" if change is None else json.dumps(record | change))
    code, output = anodebayes("validate", campaign)
    told = " ".join(output.split())
    assert code == 2
    assert f"'{place}' is no record of provenance, or is damaged" in told
    assert why in told
    [outcome] = import_records(
        dropped(files / "y.csv"), table="penetration", campaign=campaign, metadata=CELL
    )
    assert "is no record of provenance, or is damaged" in str(outcome.error)
    load_campaign(campaign).summary()


def test_a_dry_run_checks_everything_and_writes_nothing(campaign: Path, files: Path) -> None:
    dropped(files / "a.csv")
    (files / "b.csv").write_bytes((files / "a.csv").read_bytes())
    dropped(files / "c.csv", seed=1)
    before = tree(campaign.parent)
    outcomes = import_records(
        files / "*.csv", table="penetration", campaign=campaign, metadata=CELL, dry_run=True
    )
    assert [outcome.status for outcome in outcomes] == ["checked", "refused", "checked"]
    assert outcomes[0].rows[0]["outcome"] == "penetrated"
    assert "same content as a.csv" in str(outcomes[1].error)
    assert tree(campaign.parent) == before


def test_options_override_sidecars_which_override_what_files_share(
    campaign: Path, files: Path
) -> None:
    file = dropped(files / "x.csv")
    (files / "import.toml").write_text(
        'area = "2 cm^2"\nseparator = "PP"\nlab = "shared"\ntemperature = "298.15 K"\n'
    )
    (files / "x.csv.toml").write_text('area = "1 cm^2"\nlab = "own"\ncell = "X"\n')
    [outcome] = import_records(
        file, table="penetration", campaign=campaign, metadata={"area": "50 mm^2"}
    )
    assert outcome.error is None
    row = outcome.rows[0]
    assert (row["cell"], row["lab"], row["area"], row["temperature"]) == ("X", "own", 0.5, 25.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"area": "0 cm^2"}, "area: 0 cm^2 is not legal"),
        ({"temperature": "25 K"}, "(200 to 500 K; is the unit right, degC or K?)"),
        ({"area": "0.5"}, "'0.5' has no unit: write '0.5 cm^2'"),
        ({"area": "0.5 cm"}, "dimension"),
        ({"temprature": "25 degC"}, "did you mean 'temperature'"),
        ({"current_density": "4 mA/cm^2"}, "is read from the curve"),
        ({"outcome": "penetrate"}, "did you mean 'penetrated'"),
    ],
)
def test_a_wrong_option_is_refused_before_any_file_is_read(
    change: dict[str, str], message: str, campaign: Path, files: Path
) -> None:
    file = dropped(files / "x.csv")
    before = tree(campaign)
    with pytest.raises(InputError, match=re.escape(message)):
        import_records(file, table="penetration", campaign=campaign, metadata=CELL | change)
    assert tree(campaign) == before
    sidecar = "\n".join(f'{name} = "{value}"' for name, value in change.items())
    (files / "x.csv.toml").write_text(sidecar)
    rest = {name: value for name, value in CELL.items() if name not in change}
    [outcome] = import_records(file, table="penetration", campaign=campaign, metadata=rest)
    assert message in str(outcome.error)
    assert "x.csv.toml" in str(outcome.error)
    assert not (campaign / "penetration.csv").exists()


def test_the_area_is_due_and_never_taken_from_the_file(campaign: Path, files: Path) -> None:
    file = dropped(files / "x.csv")
    rest = {name: value for name, value in CELL.items() if name != "area"}
    [outcome] = import_records(file, table="penetration", campaign=campaign, metadata=rest)
    assert "area: electrode area" in str(outcome.error)
    assert "x.csv.toml" in str(outcome.error)


def test_every_mistake_is_named_at_once_and_a_missing_file_first(
    campaign: Path, files: Path
) -> None:
    code, output = anodebayes("import", files / "x.csv", "--as", "sand", "--campaign", campaign)
    assert code == 2
    assert "there is no file" in output
    assert "area" not in output
    file = dropped(files / "x.csv")
    code, output = anodebayes("import", files / "X.csv", "--as", "sand", "--campaign", campaign)
    assert "did you mean 'x.csv'?" in output
    (files / "import.toml").write_text('aera = "1 cm^2"\nseperator = "PP"\n')
    (files / "x.csv.toml").write_text("temperature = 25\n")
    [outcome] = import_records(file, table="penetration", campaign=campaign)
    for words in ("'area'?", "'separator'?", "x.csv.toml: temperature: 25 has no unit"):
        assert words in str(outcome.error)
    (files / "import.toml").unlink()
    (files / "x.csv.toml").unlink()
    dropped(files / "y.csv", seed=1)
    code, output = anodebayes("import", files / "*", "--as", "sand", "--campaign", campaign)
    assert code == 2
    assert output.count("needs what the file of a curve does not say") == 1
    assert f"{files / 'x.csv'}, {files / 'y.csv'}:" in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--as", "kinetics"), "no raw curve to import"),
        (("--as", "penetratoin"), "did you mean 'penetration'"),
        (("--as", "sand", "--feature", "drop"), "for dc_polarization only"),
        (("--as", "sand", "--correct-sweep"), "only plateaus of lsv"),
        (("--as", "sand", "--set", "area"), "write column=value"),
        (("--as", "sand", "--set", "area", "--set", "lab="), "--set 'lab=' cannot be read"),
        (("--as", "sand", "--set", "lab=a", "--set", "lab=b"), "stands twice"),
    ],
)
def test_what_cannot_be_imported_is_refused_with_what_is_legal(
    arguments: tuple[str, ...], message: str, campaign: Path, files: Path
) -> None:
    file = dropped(files / "x.csv")
    code, output = anodebayes("import", file, "--campaign", campaign, *arguments)
    assert code == 2
    assert message in output
    code, output = anodebayes("import", file, "--as", "sand", "--campaign", files / "none")
    assert code == 2
    assert "anodebayes new" in output


def test_one_bad_file_does_not_stop_the_rest(campaign: Path, files: Path) -> None:
    for name in "ace":
        dropped(files / f"{name}.csv", seed=ord(name))
    (files / "b.csv").write_bytes(b"%PDF-1.7\n\x00\xff" * 100)
    (files / "d.csv").write_bytes(b"")
    (files / "c.csv.toml").write_text('separator = "PE"\n')
    code, output = anodebayes(
        "import", files / "*", "--as", "penetration", "--campaign", campaign,
        *options(area="1 cm^2", temperature="25 degC"), "--set", "separator=PP", files / "none.csv",
    )  # fmt: skip
    assert code == 4
    assert "Not imported (3)" in output
    for reason in ("b.csv:", "d.csv:", "there is no file"):
        assert reason in output
    assert "Traceback" not in output
    cells = load_campaign(campaign).tables["penetration"]["cell"].values.tolist()
    assert cells == ["a", "c", "e"]
    code, output = anodebayes(
        "import", files / "b.csv", "--as", "penetration", "--campaign", campaign, *options(**CELL)
    )
    assert code == 2
    assert output.startswith("error: ")


def test_a_measurement_makes_one_row_whatever_it_is_called(campaign: Path, files: Path) -> None:
    file = dropped(files / "x.csv")
    [first] = import_records(file, table="penetration", campaign=campaign, metadata=CELL)
    assert first.status == "imported"
    renamed = files / "y.csv"
    renamed.write_bytes(file.read_bytes())
    [again] = import_records(renamed, table="penetration", campaign=campaign, metadata=CELL)
    assert "imported already" in str(again.error)
    [other] = import_records(
        renamed, table="dc_polarization", campaign=campaign, metadata=POLARISED
    )
    assert "imported already" in str(other.error)
    dropped(files / "z.csv", seed=1)
    [named] = import_records(
        files / "z.csv", table="penetration", campaign=campaign, metadata=CELL | {"cell": "x"}
    )
    assert "has a row of cell 'x' already (line 2)" in str(named.error)
    assert '--set "cell=NAME"' in str(named.error)
    # A row that is called otherwise by now is of this file all the same.
    table = campaign / "penetration.csv"
    written = table.read_text()
    table.write_text(written.replace("\nx,", "\nx-old,"))
    for name in ("x", "new"):
        [again] = import_records(
            file, table="penetration", campaign=campaign, metadata=CELL | {"cell": name}
        )
        assert "one of the rows that no record names" in str(again.error)
    [other] = import_records(
        files / "z.csv", table="penetration", campaign=campaign, metadata=CELL | {"cell": "x"}
    )
    assert "has a record of provenance already" in str(other.error)
    # Whoever deletes the row may import the file again; the record alone does not hinder.
    table.unlink()
    [back] = import_records(file, table="penetration", campaign=campaign, metadata=CELL)
    assert back.status == "imported"


KILLS = {
    "before the table is touched": "records.write_addition = kill",
    "with the table written beside": "Path.replace = kill_at_table",
}


@pytest.mark.parametrize("when", KILLS)
def test_a_killed_import_leaves_whole_rows_and_can_be_repeated(
    when: str, campaign: Path, files: Path
) -> None:
    for number in range(3):
        dropped(files / f"{number}.csv", seed=number)
    code = f"""
        import os, signal, sys
        from pathlib import Path
        from inference.importing import import_records, records
        replace = Path.replace
        done = []
        def kill(*_):
            os.kill(os.getpid(), signal.SIGKILL)
        def kill_at_table(self, target):
            if Path(target).name == "penetration.csv":
                kill()
            return replace(self, target)
        def after_the_first(outcome):
            {KILLS[when]}
        import_records(sys.argv[1] + "/*.csv", table="penetration", campaign=sys.argv[2],
                       metadata={CELL!r}, progress=after_the_first)
    """
    killed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), files, campaign],
        check=False, capture_output=True,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    table = load_campaign(campaign).tables["penetration"]
    assert table["cell"].values.tolist() == ["0"]
    assert "penetration 1;" in load_campaign(campaign).summary()
    again = import_records(files / "*.csv", table="penetration", campaign=campaign, metadata=CELL)
    assert [outcome.status for outcome in again] == ["refused", "imported", "imported"]
    assert not [path for path in campaign.iterdir() if ".part-" in path.name]
    assert load_campaign(campaign).tables["penetration"].sizes["penetration"] == 3


def polarised(path: Path, *, inflexion: float | None, drop: float | None, seed: int = 0) -> Path:
    """Write a polarisation that settles, and then runs away, or drops, or neither."""
    time = np.linspace(0.0, 2000.0, 2001)
    voltage = 0.1 * (1.0 - 0.4 * np.exp(-time / 400.0))
    if inflexion is not None:
        rise = 0.04 * (100.0 / 400.0) ** 2 * np.exp(-inflexion / 400.0)
        voltage = voltage + rise * np.exp(np.minimum((time - inflexion) / 100.0, 12.0))
    if drop is not None:
        voltage = np.where(time > drop, 0.01, voltage)
    kept = time <= (2000.0 if inflexion is None else inflexion + 500.0)
    return curve(path, time[kept], voltage[kept], 1e-3, seed)


def test_the_earlier_of_drop_and_inflexion_is_the_transition(campaign: Path, files: Path) -> None:
    def read(file: Path, feature: str | None = None) -> Any:
        [outcome] = import_records(
            file, table="dc_polarization", campaign=campaign, metadata=POLARISED,
            feature=feature, dry_run=True,
        )  # fmt: skip
        assert outcome.error is None
        return outcome

    both = polarised(files / "both.csv", inflexion=1000.0, drop=1350.0)
    found = read(both)
    row = found.rows[0]
    assert row["transition_time_lower"] < 1000.0 < row["transition_time_upper"] < 1300.0
    assert "inflexion" in found.statements[0]
    forced = read(both, "drop").rows[0]
    assert (forced["transition_time_lower"], forced["transition_time_upper"]) == (1350.0, 1351.0)
    short = read(polarised(files / "short.csv", inflexion=None, drop=900.0))
    assert short.rows[0]["transition_time_lower"] == 900.0
    assert "the drop" in short.statements[0]
    even = read(polarised(files / "even.csv", inflexion=None, drop=None))
    assert not any("transition_time" in name for name in even.rows[0])
    assert even.rows[0]["stop_time"] == 2000.0
    assert "censored" in even.statements[0]


@pytest.mark.parametrize("spacing", [1.0, 10.0])
def test_the_interval_of_a_time_is_as_wide_as_the_sampling_and_says_its_origin(
    spacing: float, campaign: Path, files: Path
) -> None:
    time = np.arange(0.0, 2500.0, spacing)
    began, dropped_at = 57.3, 1503.3  # the drop on the clock of the current
    flows = time >= began
    voltage = np.where(time - began > dropped_at, 0.01, 0.1) * flows
    file = curve(files / "x.csv", time, voltage, 1e-3 * flows)
    [outcome] = import_records(file, table="dc_polarization", campaign=campaign, metadata=POLARISED)
    row = outcome.rows[0]
    lower, upper = (float(row[f"transition_time_{end}"]) for end in ("lower", "upper"))
    assert lower <= dropped_at <= upper
    assert spacing <= upper - lower <= 5.0 * spacing
    record = json.loads(outcome.record.read_text()) if outcome.record else {}
    [used] = [feature for feature in record["features"] if feature["used"]]
    origin = used["time_origin"]
    assert origin["is"] == "start of the current"
    assert 0.0 <= began - origin["test_time_second"] <= spacing


def test_a_test_that_ended_before_its_plan_is_a_lower_bound(campaign: Path, files: Path) -> None:
    file = polarised(files / "even.csv", inflexion=None, drop=None)
    [outcome] = import_records(
        file, table="dc_polarization", campaign=campaign,
        metadata=POLARISED | {"stop_time": "1 h"},
    )  # fmt: skip
    row = load_campaign(campaign).tables["dc_polarization"].isel(dc_polarization=0)
    assert (row["transition_time_lower"].item(), row["stop_time"].item()) == (2000.0, 3600.0)
    assert np.isnan(row["transition_time_upper"].item())
    assert any("a lower bound" in text for text in outcome.statements)
    [beyond] = import_records(
        polarised(files / "beyond.csv", inflexion=None, drop=None, seed=1),
        table="dc_polarization", campaign=campaign, dry_run=True,
        metadata=POLARISED | {"stop_time": "10 s"},
    )  # fmt: skip
    assert beyond.rows[0]["stop_time"] == 2000.0
    assert any("beyond the stated stop_time of 10 s" in text for text in beyond.doubts)


def test_a_short_that_heals_is_the_users_to_judge(campaign: Path, files: Path) -> None:
    time = np.arange(0.0, 900.5)
    voltage = np.where((time > 400) & (time < 500), 0.01, 0.1)
    file = curve(files / "soft.csv", time, voltage, 2e-3)
    [refused] = import_records(file, table="penetration", campaign=campaign, metadata=CELL)
    assert "--set outcome=penetrated" in str(refused.error)
    [judged] = import_records(
        file, table="penetration", campaign=campaign, metadata=CELL | {"outcome": "survived"}
    )
    assert judged.rows[0]["outcome"] == "survived"
    hard = dropped(files / "hard.csv")
    [contradicted] = import_records(
        hard, table="penetration", campaign=campaign, metadata=CELL | {"outcome": "survived"}
    )
    assert "the curve shows that the cell penetrated" in str(contradicted.error)


LSV = {
    "area": "1 cm^2",
    "separator": "thick",
    "layers": 2,
    "concentration": "1 mol/L",
    "temperature": "25 degC",
}


@pytest.mark.parametrize(
    ("area", "density"), [("0.5 mm^2", "400 mA/cm^2 (2 mA on 0.005 cm^2), far above"),
                          ("0.5 m^2", "0.0004 mA/cm^2 (2 mA on 5000 cm^2), far below")]
)  # fmt: skip
def test_a_current_density_that_no_such_cell_sees_is_doubted_and_not_appended(
    area: str, density: str, campaign: Path, files: Path
) -> None:
    file = dropped(files / "x.csv")
    arguments = ("import", file, "--as", "penetration", "--campaign", campaign)
    for dry in (["--dry-run"], []):
        code, output = anodebayes(*arguments, *options(**CELL | {"area": area}), *dry)
        assert code == 4
        assert "Doubtful, not appended" in output
        assert f"1 row {'would not be' if dry else 'not'} appended" in output
        assert density in output
        assert not (campaign / "penetration.csv").exists()
    [place] = (campaign / "provenance" / "penetration").glob("*.json")
    record = json.loads(place.read_text())
    assert record["status"] == "not appended"
    assert density in record["doubts"][0]
    assert place.with_suffix(".png").is_file()
    assert "not appended to penetration.csv" in place.with_suffix(".svg").read_text()
    code, output = anodebayes(*arguments, *options(**CELL | {"area": area}), "--accept-doubtful")
    assert code == 0
    assert "Doubtful, appended all the same" in output
    assert json.loads(place.read_text())["status"] == "appended"
    assert load_campaign(campaign).tables["penetration"].sizes["penetration"] == 1
    code, output = anodebayes(
        "import", dropped(files / "y.csv", seed=1), *arguments[2:], *options(**CELL)
    )
    assert "Doubtful" not in output


SWEPT = np.linspace(0.0, 1.2, 1201)


def test_of_a_sweep_there_and_back_and_of_one_below_zero_the_way_out_is_read(
    campaign: Path, files: Path
) -> None:
    for number, voltage in enumerate((SWEPT, -SWEPT, np.concatenate([SWEPT, SWEPT[::-1]]))):
        noise = np.random.default_rng(number).normal(0.0, 1e-5, voltage.size)
        current = 5e-3 * np.tanh(voltage / 0.1) + noise
        file = curve(files / f"{number}.csv", np.arange(voltage.size) * 1.0, voltage, current)
        [outcome] = import_records(file, table="lsv", campaign=campaign, metadata=LSV, dry_run=True)
        assert outcome.error is None
        lower, upper = (float(outcome.rows[0][f"plateau_current_{e}"]) for e in ("lower", "upper"))
        assert 4.6 < lower < 5.0 < upper < 5.1
        turns = "the sweep turns at 1.2 V: the way there is read" in outcome.statements
        assert turns == (number == 2)


def test_a_sweep_back_to_equilibrium_is_called_so(campaign: Path, files: Path) -> None:
    current = 5e-3 * np.tanh(SWEPT[::-1] / 0.1)
    file = curve(files / "x.csv", np.arange(SWEPT.size) * 1.0, SWEPT[::-1], current)
    [outcome] = import_records(file, table="lsv", campaign=campaign, metadata=LSV)
    assert "swept towards lower potentials, from 1.2 to" in str(outcome.error)
    assert "the way back to equilibrium" in str(outcome.error)


def test_a_plateau_that_the_sweep_raised_is_warned_of_and_corrected(
    campaign: Path, files: Path
) -> None:
    from models.physics import Layer
    from models.transient_cell import TransientCell

    cell = TransientCell(
        layers=[Layer(500e-6, 0.39, 4.1)],
        diffusivity=2.4e-10,
        transference_number=0.5,
        concentration=1000.0,
    )
    swept = cell.sweep(5e-3, 1.2, sample_interval=0.2)
    time, voltage, density = (swept[name].values for name in ("time", "voltage", "current_density"))
    file = curve(files / "swept.csv", time, voltage, density * 1e-4)
    limit = cell.limiting_current_density * 0.1  # mA of 1 cm^2
    [bare] = import_records(file, table="lsv", campaign=campaign, metadata=LSV, dry_run=True)
    assert bare.rows[0]["plateau_current_lower"] > limit
    assert bare.rows[0]["scan_rate"] == pytest.approx(5.0, rel=1e-2)
    assert bare.status == "doubtful"
    assert any("--correct-sweep" in text for text in bare.doubts)
    [mended] = import_records(
        file, table="lsv", campaign=campaign, metadata=LSV, correct_sweep=True
    )
    row = mended.rows[0]
    assert mended.status == "imported"
    assert row["plateau_current_lower"] < limit < row["plateau_current_upper"]
    assert "plateau divided by" in str(row["note"])
    record = json.loads(mended.record.read_text()) if mended.record else {}
    assert record["choices"]["correct_sweep"] is True


@pytest.mark.parametrize(("rate", "status"), [(0.1, "doubtful"), (1e-5, "checked")])
def test_a_bound_of_a_fast_sweep_is_doubted(
    campaign: Path, files: Path, rate: float, status: str
) -> None:
    voltage = np.linspace(0.0, 0.4, 300)
    current = 20e-3 * voltage + np.random.default_rng(1).normal(0.0, 1e-6, voltage.size)
    file = curve(files / "x.csv", voltage / rate, voltage, current)
    [outcome] = import_records(file, table="lsv", campaign=campaign, metadata=LSV, dry_run=True)
    assert outcome.rows[0]["plateau_current_lower"] == pytest.approx(8.0, rel=0.01)
    assert outcome.status == status, outcome
    assert any("such a sweep exceeds" in text for text in outcome.doubts) == (status == "doubtful")


def test_a_sweep_that_ends_below_zero_shows_no_plateau_in_words(
    campaign: Path, files: Path
) -> None:
    current = 5e-3 * np.tanh(SWEPT / 0.1) * (1.0 - SWEPT)
    file = curve(files / "x.csv", SWEPT / 1e-3, SWEPT, current)
    [outcome] = import_records(file, table="lsv", campaign=campaign, metadata=LSV)
    assert "the sweep shows no plateau" in str(outcome.error)


def test_a_second_plateau_needs_an_area_of_its_own(campaign: Path, files: Path) -> None:
    voltage = np.linspace(0.0, 2.2, 2201)
    current = 5e-3 * np.tanh(voltage / 0.1) + 3e-3 / (1.0 + np.exp((1.2 - voltage) / 0.05))
    file = curve(files / "two.csv", voltage / 1e-3, voltage, current)
    [one] = import_records(file, table="lsv", campaign=campaign, metadata=LSV, dry_run=True)
    assert [row["plateau"] for row in one.rows] == [1.0]
    assert any("second_area" in text for text in one.statements)
    [two] = import_records(
        file, table="lsv", campaign=campaign, metadata=LSV | {"second_area": "1.6 cm^2"}
    )
    table = load_campaign(campaign).tables["lsv"]
    assert table["area"].values.tolist() == [1.0, 1.6]
    assert table["plateau_current_lower"].values[1] < 8.0 < table["plateau_current_upper"].values[1]
    assert len(two.features) == 2


def staircase(path: Path, failed: int | None) -> Path:
    time = np.arange(0.0, 2400.0, 2.0)
    level = time // 600
    voltage = 0.02 * (level + 1)
    if failed is not None:
        voltage = np.where(time > 600 * failed + 200, 0.002, voltage)
        keep = level <= failed
        time, level, voltage = time[keep], level[keep], voltage[keep]
    return curve(path, time, voltage, 1e-3 * (level + 1))


def test_the_failed_step_brackets_the_critical_current(campaign: Path, files: Path) -> None:
    known = {"area": "2 cm^2", "separator": "PP", "temperature": "25 degC"}
    file = staircase(files / "steps.csv", failed=2)
    [outcome] = import_records(file, table="critical_current", campaign=campaign, metadata=known)
    row = load_campaign(campaign).tables["critical_current"].isel(critical_current=0)
    assert row["bracket_from"].item() == "one_cell"
    assert row["current_density_lower"].item() == pytest.approx(1.0, rel=1e-4)
    assert row["current_density_upper"].item() == pytest.approx(1.5, rel=1e-4)
    assert outcome.cell == "steps"
    [step] = import_records(
        staircase(files / "voids.csv", failed=None),
        table="dc_polarization",
        campaign=campaign,
        metadata=POLARISED | {"protocol": "step"},
    )
    assert step.error is None
    row = load_campaign(campaign).tables["dc_polarization"].isel(dc_polarization=0)
    assert row["current_density_lower"].item() == pytest.approx(4.0, rel=1e-4)
    assert np.isnan(row["current_density_upper"].item())
    assert row["step_time"].item() == pytest.approx(600.0, rel=0.01)


def test_staircases_of_several_cells_of_one_separator_are_rows(campaign: Path, files: Path) -> None:
    for name, separator in (("a", "PP"), ("b", "thick"), ("c", "PP"), ("d", "PP")):
        staircase(files / f"{name}.csv", failed=2 if name != "b" else None)
        cell = "a" if name == "d" else name
        (files / f"{name}.csv.toml").write_text(f'separator = "{separator}"\ncell = "{cell}"\n')
    for number, name in enumerate("cd"):
        text = (files / f"{name}.csv").read_text()
        (files / f"{name}.csv").write_text(text.replace("0.020", f"0.02{number + 1}"))
    for dry_run in (True, False):
        outcomes = import_records(
            files / "*.csv", table="critical_current", campaign=campaign, dry_run=dry_run,
            metadata={"area": "2 cm^2", "temperature": "25 degC"},
        )  # fmt: skip
        assert [outcome.accepted for outcome in outcomes] == [True, True, True, False]
        message = str(outcomes[3].error)
        assert "has a row of separator 'PP', cell 'a', temperature 25 already" in message
        assert "d.csv.toml" in message
    table = load_campaign(campaign).tables["critical_current"]
    assert table["separator"].values.tolist() == ["PP", "thick", "PP"]
    assert table["cell"].values.tolist() == ["a", "b", "c"]


def test_a_stopped_import_says_which_files_are_in(campaign: Path, files: Path) -> None:
    for number in range(4):
        dropped(files / f"{number}.csv", seed=number)
    code = """
        import os, signal, sys
        from inference.cli import main
        from inference.importing import records
        write, calls = records.write_addition, []
        def write_or_stop(*arguments):
            calls.append(1)
            if len(calls) == 3:
                os.kill(os.getpid(), signal.SIGINT)
            write(*arguments)
        records.write_addition = write_or_stop
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a shell's background
        main()
    """
    command = ["import", str(files / "*.csv"), "--as", "penetration", "--campaign", str(campaign)]
    stopped = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *command, *options(**CELL)],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert stopped.returncode == 130
    assert "2 of 4 files are imported (0.csv, 1.csv)" in " ".join(stopped.stdout.split())
    assert "Traceback" not in stopped.stderr
    table = load_campaign(campaign).tables["penetration"]
    assert table["cell"].values.tolist() == ["0", "1"]
    code_of_second, _ = anodebayes(*command, *options(**CELL))
    assert code_of_second == 4
    assert load_campaign(campaign).tables["penetration"].sizes["penetration"] == 4


def test_a_constant_current_is_drawn_at_its_level(files: Path) -> None:
    from data import read_record
    from data.features import find_penetration
    from inference.figures.curve import curve_figure

    time = np.arange(0.0, 900.5)
    record = read_record(curve(files / "x.csv", time, np.full(time.size, -0.1), -2e-3))
    figure = curve_figure(record, [find_penetration(record)], title="x", synthetic=True)
    [panel] = [axes for axes in figure.axes if "Current (mA)" in axes.get_ylabel()]
    low, high = panel.get_ylim()
    assert -2.5 < low < -2.1 < -1.9 < high < -1.5


def test_a_campaign_with_mistakes_is_refused_before_any_file(campaign: Path, files: Path) -> None:
    file = dropped(files / "x.csv")
    (campaign / "sand.csv").write_text("cell,time\nx,1\n")
    with pytest.raises(CampaignError, match=r"sand\.csv"):
        import_records(file, table="penetration", campaign=campaign, metadata=CELL)


MUTILATED: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "noise": lambda text: bytes(np.random.default_rng(1).integers(0, 256, len(text)).tolist()),
    "a PDF": lambda text: b"%PDF-1.7\n" + text[:2000],
    "no unit": lambda text: text.replace(b"Voltage / V", b"Voltage"),
    "NaN": lambda text: text.replace(b"\n300.000,", b"\nnan,"),
    "time backwards": lambda text: text.replace(b"\n300.000,", b"\n30.000,"),
    **{
        f"{tenth} tenths": lambda text, t=tenth: text[: len(text) * t // 10]
        for tenth in range(1, 10)
    },
}


@pytest.mark.parametrize("how", MUTILATED)
def test_a_damaged_file_is_refused_or_right_and_never_half_a_row(
    how: str, campaign: Path, files: Path
) -> None:
    file = dropped(files / "x.csv")
    file.write_bytes(MUTILATED[how](file.read_bytes()))
    [outcome] = import_records(file, table="penetration", campaign=campaign, metadata=CELL)
    if outcome.status == "refused":
        assert isinstance(outcome.error, AnodebayesError)
        assert not (campaign / "penetration.csv").exists()
        assert not (campaign / "provenance").exists()
        return
    # Cut between two lines: all that is left was seen without a drop, or with it.
    assert "tenths" in how
    table = load_campaign(campaign).tables["penetration"]
    seen = len(file.read_bytes().splitlines()) - 2
    assert table["outcome"].item() == ("penetrated" if seen > 601 else "survived")


@pytest.mark.skipif(not RAW.is_dir(), reason=f"the instruments' files are not here: {RAW}")
def test_files_of_instruments_become_rows(campaign: Path) -> None:
    pytest.importorskip("galvani")
    file = RAW / "biologic" / "mb.issue_218.mpr"
    code, output = anodebayes(
        "import", file, "--as", "dc_polarization", "--campaign", campaign, *options(**POLARISED)
    )
    assert code == 0, output
    assert "test time 2253 to 2254 s" in output
    [place] = (campaign / "provenance" / "dc_polarization").glob("*.json")
    [used] = [entry for entry in json.loads(place.read_text())["features"] if entry["used"]]
    assert 1e3 * abs(used["details"]["jump"]) == pytest.approx(590.3, abs=0.5)
    assert used["details"]["test_time_lower"] == pytest.approx(2253.0, abs=0.01)
    assert used["details"]["test_time_upper"] == pytest.approx(2254.0, abs=0.01)
    swept = (
        "import", RAW / "gamry" / "LSV.DTA", "--as", "lsv", "--campaign", campaign,
        *options(**{name: str(value) for name, value in LSV.items()}),
    )  # fmt: skip
    code, output = anodebayes(*swept)
    assert code == 4, output
    assert "flags an overload in 16 rows" in output
    code, output = anodebayes(*swept, "--accept-doubtful")
    assert code == 0, output
    row = load_campaign(campaign).tables["lsv"].isel(lsv=0)
    ends = [row[f"plateau_current_{end}"].item() for end in ("lower", "upper")]
    assert sum(ends) / 2 == pytest.approx(2.16, abs=0.04)


def test_importing_the_command_is_quick() -> None:
    code = "import sys; from inference.cli import import_command; print(sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )  # fmt: skip
    assert not {"numpy", "pandas", "matplotlib", "xarray"} & set(done.stdout.split("'"))
