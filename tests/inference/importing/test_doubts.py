"""Rows that may be wrong are shown and not appended; a fault in one file ends no other."""

import datetime
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from data import load_campaign
from data.errors import InputError
from data.features.feature import Feature, Flag
from data.provenance import read_records, standing
from inference import import_records
from inference.cli.commands import app
from inference.importing import Outcome, doubts, records
from inference.importing.recipe import measured_cells, recipes
from tests.inference.conftest import CELL, POLARISED

BUGS = Path(__file__).resolve().parents[4] / "shared" / "bugs"


def curve(
    path: Path,
    *,
    at: float = 60.0,
    end: float = 120.0,
    seed: int = 0,
    current: float = 2e-3,
    comments: str = "",
    **columns: Any,
) -> Path:
    """Write a test at one current whose voltage drops from 100 to 10 mV, and further columns."""
    time = np.arange(0.0, end + 0.5)
    random = np.random.default_rng(seed)
    values = {
        "Test Time / s": time,
        "Voltage / V": np.where(time > at, 0.01, 0.1) + random.normal(0.0, 2e-4, time.size),
        "Current / A": np.full(time.size, current),
    }
    noise = random.normal(0.0, 1e-6, time.size)
    for name, column in columns.items():
        given = np.broadcast_to(column, time.shape)
        values[name] = given + noise if name == "Voltage / V" else given
    rows = zip(*values.values(), strict=True)
    lines = [",".join(f"{value:.12g}" for value in row) for row in rows]
    path.write_text("\n".join([*filter(None, [comments]), ",".join(values), *lines]) + "\n")
    return path


def take(file: Path, campaign: Path, **choices: Any) -> Outcome:
    metadata = choices.pop("metadata", CELL)
    [outcome] = import_records(
        file, table=choices.pop("table", "penetration"), campaign=campaign, metadata=metadata,
        **choices,
    )  # fmt: skip
    assert outcome.error is None, outcome.error
    return outcome


# What a reader should know and nothing follows from, and what is refused before it is a row.
REMARKS = {
    "between_steps", "brief_dips", "coarse_time", "compliance", "current_before", "cut_short",
    "divergence_first", "drop_first", "end_of_record", "event_not_fresh", "excursion",
    "first_failed", "gradual", "held", "held_values", "jump", "magnitude_current",
    "no_inflexion", "no_plateau", "none_failed", "not_increasing", "overshoot", "ramp",
    "range_limit", "runaway", "several_steps", "short", "short_between_steps",
    "short_within_step", "slope", "steep_end", "stopped_later", "survived_before",
    "unconfirmed_drop", "unequal_steps", "voltage_offset",
}  # fmt: skip


def test_every_flag_of_a_feature_is_a_doubt_somewhere_or_a_remark() -> None:
    import data.features

    folder = Path(data.features.__file__).parent
    flags = {
        name
        for module in folder.glob("*.py")
        for name in re.findall(r'\bFlag\(\s*"(\w+)"', module.read_text())
    }
    assert len(flags) > 30
    doubted = {name for recipe in recipes().values() for name in recipe.doubted}
    doubted |= set(doubts.OF_SURVIVORS)
    assert flags - REMARKS - doubted == set(), "decide: a doubt of which tables, or a remark?"


def test_a_small_drop_is_a_doubt_of_a_survivor_and_not_of_what_failed_later() -> None:
    recipe = recipes()["penetration"]
    common: dict[str, Any] = {
        "quantity": "penetration_time", "unit": "s", "algorithm": "x", "version": "1",
        "window": (0, 2), "flags": (Flag("small_drop", "It dropped."), Flag("excursion", "Up.")),
    }  # fmt: skip
    survived = Feature(kind="right", lower=60.0, **common)
    failed = Feature(kind="interval", lower=60.0, upper=61.0, **common)
    assert list(doubts._flagged([survived], recipe)) == ["It dropped."]
    assert list(doubts._flagged([failed], recipe)) == []


def test_a_doubtful_row_waits_for_the_user_and_its_record_is_no_provenance(
    campaign: Path, files: Path
) -> None:
    file = curve(files / "x.csv")
    doubtful = take(file, campaign, metadata=CELL | {"area": "0.5 mm^2"})
    assert doubtful.status == "doubtful"
    assert doubtful.record is not None
    assert all(figure.is_file() for figure in doubtful.figures)
    assert not (campaign / "penetration.csv").exists()
    # A row of the same cell that somebody enters by hand was not read from this file.
    (campaign / "penetration.csv").write_text(
        "cell,separator,temperature [degC],current_density [mA/cm^2],outcome\nx,PP,25,4,survived\n"
    )
    [record] = read_records(campaign)
    assert not standing(campaign, record)
    assert "instrument files" not in load_campaign(campaign).summary()
    (campaign / "penetration.csv").unlink()
    assert take(file, campaign).status == "imported"  # the area is mended
    assert json.loads(doubtful.record.read_text())["status"] == "appended"


def test_of_many_files_the_doubtful_stay_out_and_the_others_get_in(
    campaign: Path, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records._Import, "_draw", lambda *_, **__: ())  # figures take time
    for number in range(3):
        curve(files / f"{number}.csv", seed=number)
    (files / "1.csv.toml").write_text('area = "0.5 mm^2"\n')
    (files / "2.csv.toml").write_text('cell = "1"\n')
    outcomes = import_records(
        files / "*.csv", table="penetration", campaign=campaign,
        metadata={name: value for name, value in CELL.items() if name != "area"},
    )  # fmt: skip
    assert [outcome.status for outcome in outcomes] == ["refused", "doubtful", "refused"]
    (files / "import.toml").write_text('area = "0.5 cm^2"\n')
    outcomes = import_records(
        files / "*.csv", table="penetration", campaign=campaign,
        metadata={name: value for name, value in CELL.items() if name != "area"},
    )  # fmt: skip
    assert [outcome.status for outcome in outcomes] == ["imported", "doubtful", "refused"]
    assert "1.csv are both of cell '1'" in str(outcomes[2].error)  # whose record it would replace


def contradicted(name: str) -> tuple[dict[str, Any], dict[str, str], str, str]:
    """Return columns, metadata, table and words of a curve that contradicts what is stated."""
    return {
        "a probe": (
            {"Temperature / degC": 60.0}, CELL, "penetration", "probe shows 60 degC, and 25 degC",
        ),
        "more charge than metal": (
            {"current": 2e-1, "end": 8000.0, "at": 7900.0},
            CELL | {"area": "2 cm^2"}, "penetration", "capacity: 219 mAh/cm^2 is far above",
        ),
        "a polarisation of more charge than metal": (
            {"current": 2e-1, "end": 21000.0, "at": 20000.0},
            POLARISED | {"area": "5 cm^2"}, "dc_polarization", "the charge passed, the current",
        ),
        "a pressure": (
            {}, POLARISED | {"pressure": "9 mPa", "electrode_thickness": "500 um"},
            "dc_polarization", "pressure: 9e-09 MPa is far below",
        ),
        "a cell that was shorted before": (
            {"at": 500.0, "Voltage / V": 1e-4}, CELL, "penetration", "0.025 ohm cm^2: was the cell",
        ),
        "a planned end": (
            {"at": 500.0, "end": 400.0},
            POLARISED | {"stop_time": "40 s"}, "dc_polarization", "beyond the stated stop_time",
        ),
    }[name]  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        "a probe",
        "more charge than metal",
        "a polarisation of more charge than metal",
        "a planned end",
        "a pressure",
        "a cell that was shorted before",
    ],
)
def test_what_contradicts_is_doubted(name: str, campaign: Path, files: Path) -> None:
    columns, metadata, table, words = contradicted(name)
    outcome = take(
        curve(files / "x.csv", **columns), campaign, table=table, metadata=metadata, dry_run=True
    )
    assert outcome.status == "doubtful"
    assert any(words in doubt for doubt in outcome.doubts), outcome.doubts


@pytest.mark.parametrize(("written", "status"), [("1.00000E+000", "checked"), ("2.5", "doubtful")])
def test_an_area_that_somebody_wrote_is_held_against_the_stated_one(
    written: str, status: str, campaign: Path, files: Path
) -> None:
    rows = "".join(
        f"\t{n}\t{n}\t{0.1 + 1e-4 * (n % 7):.5f}\t2.0E-03\t...........\n" for n in range(121)
    )
    file = files / "x.DTA"
    file.write_text(
        f"EXPLAIN\nTAG\tCHRONOP\nAREA\tQUANT\t{written}\tSample Area (cm^2)\nCURVE\tTABLE\t121\n"
        f"\tPt\tT\tVf\tIm\tOver\n\t#\ts\tV\tA\tbits\n{rows}"
    )
    outcome = take(file, campaign, dry_run=True)
    assert outcome.status == status
    said = outcome.doubts if status == "doubtful" else outcome.statements
    assert any("the file states an area of" in text for text in said)


def test_a_cycling_record_is_no_transient(campaign: Path, files: Path) -> None:
    time = np.arange(0.0, 45 * 40.0)
    step = time // 40
    current = np.where(step % 2, -2e-3, 2e-3)
    rows = zip(time, 50 * current, current, step, strict=True)
    file = files / "cycles.csv"
    file.write_text(
        "Test Time / s,Voltage / V,Current / A,Step Count / 1\n"
        + "".join(f"{t:g},{v:g},{i:g},{n:g}\n" for t, v, i, n in rows)
    )
    outcome = take(file, campaign, dry_run=True)
    assert outcome.status == "doubtful"
    assert any("45 steps at constant current" in doubt for doubt in outcome.doubts)


def made(record: Any, **details: Any) -> Feature:
    """Return a Sand's time whose estimators differ, or with a flag."""
    rows = record.sizes["record"]
    flags = tuple(Flag(name, f"{name}.") for name in details.pop("flags", ()))
    return Feature(
        quantity="sand_time", unit="s", kind="interval", value=60.0, algorithm="x", version="1",
        window=(0, rows), flags=flags, **details,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        ({"lower": 40.0, "upper": 80.0}, "differ by 67 %, from 40 to 80 s"),
        ({"lower": 50.0, "upper": 70.0}, None),
        ({"lower": 50.0, "upper": 70.0, "flags": ["against_current"]}, "against_current."),
        ({"lower": 50.0, "upper": 70.0, "flags": ["gradual"]}, None),
    ],
)
def test_estimators_that_disagree_and_a_reversed_voltage_are_doubted(
    feature: dict[str, Any], words: str | None, campaign: Path, files: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    import data.features

    numbers = {"estimate_threshold": 60.0, "current": 2e-3, "step_start": 0.0, "duration": 120.0}
    monkeypatch.setattr(
        data.features,
        "find_sand_time",
        lambda record: made(record, details=numbers, **feature),
        raising=False,
    )
    stated = {"electrode_distance": "1 mm", "concentration": "1 mol/L", "stop_time": "120 s"}
    outcome = take(
        curve(files / "x.csv"), campaign, table="sand", dry_run=True,
        metadata=CELL | stated,
    )  # fmt: skip
    assert outcome.status == ("checked" if words is None else "doubtful")
    assert words is None or words in outcome.doubts[0]


SECONDS = np.arange(0.0, 120.5)
CHARGE = 2e-3 * SECONDS / 3600.0  # Ah, of the curve's current
ENERGY = np.cumsum(2e-3 * np.where(SECONDS > 60, 0.01, 0.1)) / 3600.0  # Wh


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"Unix Time / s": 1.794e9 + SECONDS}, None),
        ({"Unix Time / ms": 1.794e12 + 1e3 * SECONDS}, None),
        ({"Unix Time / s": 1.794e9 + 1e-3 * SECONDS}, "contradicted by its Unix time"),
        ({"Unix Time / s": 1.794e9 + 60 * SECONDS}, "of which 60 s pass in each second"),
        ({"Step Time / s": SECONDS % 40}, None),
        ({"Step Time / min": SECONDS % 40}, "contradicted by the time of its steps"),
        ({"Capacity / Ah": CHARGE}, None),
        ({"Capacity / Ah": CHARGE % 2e-5}, None),  # reset, as at each cycle
        ({"Capacity / mAh": np.round(1e3 * CHARGE, 2)}, None),  # written in coarse steps
        ({"Capacity / mAh": 1e3 * CHARGE[::-1]}, None),  # falls, as in a discharge
        ({"Capacity / mAh": CHARGE}, "'Capacity / mAh' grows 0.001 times"),
        ({"Discharge_Capacity (Ah)": 1e3 * CHARGE}, "(A or mA?)"),
        ({"(Q-Qo)/mA.h": 6e4 * CHARGE}, "60 times as fast as current and time say"),
        ({"power [mW]": 0.2}, None),
        ({"power [mW]": 2e-4}, "'power [mW]' is 0.001 times what voltage and current say"),
        ({"Energy/W.h": ENERGY}, None),
        ({"Energy(mWh)": ENERGY}, "times as fast as voltage, current and time"),
        ({"Differential_Voltage_V_Ah": 1e-3 * SECONDS, "dV/dQ (V/Ah)": 1.0}, None),
        ({"Specific capacity (mAh/g)": 1e6 * CHARGE, "T(C)": SECONDS}, None),
        ({"Capacity / Ah": np.full(121, np.nan), "Unix Time / s": np.full(121, np.nan)}, None),
    ],
)
def test_columns_that_tell_of_time_or_charge_are_held_against_the_record(
    columns: dict[str, Any], words: str | None, campaign: Path, files: Path
) -> None:
    outcome = take(curve(files / "x.csv", **columns), campaign, dry_run=True)
    assert outcome.status == ("checked" if words is None else "doubtful"), outcome.doubts
    assert words is None or any(words in doubt for doubt in outcome.doubts), outcome.doubts


@pytest.mark.parametrize(
    ("layout", "pace", "doubted"),
    [
        ("%d.%m.%Y %H:%M:%S", 1, False),
        ("%Y-%m-%dT%H:%M:%S+01:00", 1, False),
        ("%m/%d/%Y %I:%M:%S %p", 1, False),
        ("%d/%m/%Y %H:%M", 1, False),
        ("%Y/%m/%d %H:%M:%S.%f", 60, True),
        ("%d.%m.%Y %H:%M:%S", 1e-3, True),
        ("no date", 1, False),
    ],
)
def test_dates_are_held_against_the_record(
    layout: str, pace: float, doubted: bool, campaign: Path, files: Path
) -> None:
    begun = datetime.datetime(2026, 11, 3, 9, 59, 30)
    lines = curve(files / "x.csv", end=3600.0, at=1800.0).read_text().splitlines()
    dates = (
        (begun + datetime.timedelta(seconds=pace * second)).strftime(layout)
        for second in range(len(lines) - 1)
    )
    file = files / "dated.csv"
    rows = (f"{date},{line}" for date, line in zip(("Date Time", *dates), lines, strict=True))
    file.write_text("\n".join(rows) + "\n")
    outcome = take(file, campaign, dry_run=True)
    assert any("contradicted by its dates" in doubt for doubt in outcome.doubts) == doubted


@pytest.mark.skipif(not BUGS.is_dir(), reason=f"inputs read wrongly before are not here: {BUGS}")
def test_milliseconds_that_are_labelled_seconds_are_doubted(campaign: Path) -> None:
    outcome = take(
        BUGS / "milliseconds_labelled_s.csv",
        campaign,
        dry_run=True,
        metadata=CELL | {"area": "1 cm^2"},
    )
    assert outcome.status == "doubtful"
    assert any("capacity: 501 mAh/cm^2" in doubt for doubt in outcome.doubts)
    assert any("10000 s apart" in doubt for doubt in outcome.doubts)
    assert any("contradicted by its Unix time" in doubt for doubt in outcome.doubts)


FAULTS = {
    "a division": ZeroDivisionError("float division by zero"),
    "a lookup": KeyError("voltage"),
    "memory": MemoryError("cannot allocate"),
    "a file": OSError(5, "Input/output error"),
    "recursion": RecursionError("maximum recursion depth exceeded"),
    "an assertion": AssertionError(),
}


def test_thirty_files_of_which_six_are_bad(
    campaign: Path, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        curve(files / f"{number:02}.csv", seed=number)
    faults = dict(zip((3, 7, 12, 18, 24, 29), FAULTS.values(), strict=True))
    read = records.read_curve

    def faulty(path: Path, *arguments: Any) -> Any:
        if (error := faults.get(int(path.stem))) is not None:
            raise error
        return read(path, *arguments)

    monkeypatch.setattr(records, "read_curve", faulty)
    monkeypatch.setattr(records._Import, "_draw", lambda *_, **__: ())  # figures take time
    words = [f"--set={name}={value}" for name, value in CELL.items()]
    result = CliRunner().invoke(
        app, ["import", f"{files}/*.csv", "--as=penetration", f"--campaign={campaign}", *words]
    )
    output = " ".join(result.output.split())
    assert result.exit_code == 4, output
    assert "24 rows appended" in output
    assert "Not imported (6)" in output
    for number, error in faults.items():
        assert f"{number:02}.csv" in output
        if not isinstance(error, OSError):
            assert type(error).__name__ in output
    assert output.count("please report it") == 5
    assert output.count("the traceback of") == 5
    assert load_campaign(campaign).tables["penetration"].sizes["penetration"] == 24


def test_a_fault_in_the_only_file_is_an_internal_error(
    campaign: Path, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(*_: Any) -> Any:
        raise ZeroDivisionError("float division by zero")

    monkeypatch.setattr(records, "read_curve", faulty)
    words = [f"--set={name}={value}" for name, value in CELL.items()]
    file = curve(files / "x.csv")
    result = CliRunner().invoke(
        app, ["import", str(file), "--as=penetration", f"--campaign={campaign}", *words]
    )
    assert result.exit_code == 1
    assert "internal error: ZeroDivisionError" in result.output


@pytest.mark.parametrize("jump", ["step", "sigmoid"])
def test_a_polarised_cell_that_lost_contact_for_good_is_doubtful(
    jump: str, campaign: Path, files: Path
) -> None:
    time = np.arange(0.0, 2000.5)
    up = time > 1200 if jump == "step" else 1 / (1 + np.exp(-(time - 1200) / 5))
    noise = np.random.default_rng(4).normal(0.0, 2e-4, time.size)
    file = curve(files / "x.csv", end=2000.0, **{"Voltage / V": 0.06 + 0.25 * up + noise})
    outcome = take(file, campaign, table="dc_polarization", metadata=POLARISED, dry_run=True)
    assert outcome.status == "doubtful"
    assert any("not the cell that the current was meant for" in each for each in outcome.doubts)


@pytest.mark.parametrize("rises", [0.0, 0.002, 0.02])
def test_a_polarised_cell_that_ends_while_its_voltage_runs_up_is_doubted(
    rises: float, campaign: Path, files: Path
) -> None:
    time = np.arange(0.0, 2000.5)
    noise = np.random.default_rng(4).normal(0.0, 5e-4, time.size)
    late = np.exp((time - 2000.0) / 200.0)
    file = curve(
        files / "x.csv", end=2000.0, **{"Voltage / V": 0.06 + 5e-6 * time + noise + rises * late}
    )
    outcome = take(file, campaign, table="dc_polarization", metadata=POLARISED, dry_run=True)
    doubts = [each for each in outcome.doubts if "ends at 2000 s while the voltage runs up" in each]
    assert len(doubts) == (rises > 0.01)
    if doubts:
        assert "was this end planned, or was the cell taken off" in doubts[0]


def test_a_column_of_the_scan_rate_tells_of_the_time(campaign: Path, files: Path) -> None:
    voltage = np.arange(0.0, 1.0, 2e-3)
    current = 2.0 * np.tanh(voltage / 0.1) + np.random.default_rng(0).normal(0, 2e-3, voltage.size)
    stated = CELL | {"layers": "1", "concentration": "1 mol/L", "plateau": "1"}
    file = files / "sweep.csv"
    for seconds, status in ((2.0, "checked"), (2000.0, "doubtful")):
        time = seconds * np.arange(voltage.size)
        rows = [f"{t:g},{v:g},{i:.6f},1" for t, v, i in zip(time, voltage, current, strict=True)]
        names = "time [s],voltage [V],current [mA],scan rate [mV/s]"
        file.write_text("\n".join(["# technique: linear_sweep", names, *rows, ""]))
        outcome = take(file, campaign, table="lsv", metadata=stated, dry_run=True)
        assert outcome.status == status, outcome
        assert outcome.rows[0]["scan_rate"] == 1.0


def test_a_short_before_there_is_metal_to_make_it_is_doubted(campaign: Path, files: Path) -> None:
    for current, status in ((2e-4, "doubtful"), (2e-3, "checked")):  # 0.0033 and 0.033 mAh/cm^2
        outcome = take(curve(files / "x.csv", current=current), campaign, dry_run=True)
        assert outcome.status == status, outcome
    survivor = take(curve(files / "y.csv", current=2e-4, at=500.0), campaign, dry_run=True)
    assert not any("hardly enough metal" in doubt for doubt in survivor.doubts)


def test_a_minute_of_pause_before_a_short_is_doubted(campaign: Path, files: Path) -> None:
    time = np.arange(0.0, 900.5)
    flows = (time < 400) | (time > 460)
    voltage = np.where(time > 700, 0.01, 0.1) * flows + 2e-4 * np.sin(40.0 * time)
    file = curve(
        files / "x.csv", end=900.0, **{"Voltage / V": voltage, "Current / A": 2e-3 * flows}
    )
    outcome = take(file, campaign, dry_run=True)
    assert outcome.status == "doubtful"
    assert any("passed in the same direction" in doubt for doubt in outcome.doubts)


@pytest.mark.parametrize("table", ["penetration", "dc_polarization"])
@pytest.mark.parametrize(
    ("gap", "at", "doubted"),
    [(86400.0, 30.0, True), (30.0, 30.0, True), (5.0, 30.0, False), (86400.0, 90.0, False)],
)
def test_a_gap_that_counts_is_doubted(
    table: str, gap: float, at: float, doubted: bool, campaign: Path, files: Path
) -> None:
    time = np.arange(0.0, 120.5)
    file = curve(files / "x.csv", **{"Test Time / s": np.where(time > at, time + gap, time)})
    stated = CELL if table == "penetration" else POLARISED
    outcome = take(file, campaign, table=table, metadata=stated, dry_run=True)
    words = "the record has no rows from 30 to"
    assert any(words in doubt for doubt in outcome.doubts) == doubted, outcome.doubts


def test_an_interval_over_most_of_a_step_is_doubted() -> None:
    common: dict[str, Any] = {
        "quantity": "transition_time", "unit": "s", "kind": "interval", "algorithm": "x",
        "version": "1", "window": (0, 2), "details": {"duration": 3000.0},
    }  # fmt: skip
    assert not list(doubts._spread([Feature(lower=1000.0, upper=2400.0, **common)]))
    [doubt] = doubts._spread([Feature(lower=5.0, upper=2990.0, **common)])
    assert "is 100 % of the time under current" in doubt


def test_what_one_algorithm_passes_over_the_other_doubts(campaign: Path, files: Path) -> None:
    time = np.arange(0.0, 2000.5)
    for left, doubted in ((0.75, True), (1.0, False)):
        level = np.where(time > 800, 0.06 * left, 0.06)
        noise = np.random.default_rng(4).normal(0.0, 2e-4, time.size)
        file = curve(files / f"{left}.csv", end=2000.0, **{"Voltage / V": level + noise})
        outcome = take(file, campaign, table="dc_polarization", metadata=POLARISED, dry_run=True)
        assert any("counts as no short" in each for each in outcome.doubts) == doubted


@pytest.mark.parametrize(("factor", "doubted"), [(0.5, True), (1.0, False), (1.02, False)])
def test_a_measured_column_beside_what_is_read_is_a_witness(
    factor: float, doubted: bool, campaign: Path, files: Path
) -> None:
    file = curve(files / "x.csv", **{"Measured Current (mA)": 2.0 * factor})
    outcome = take(file, campaign, dry_run=True)
    words = f"'Measured Current (mA)' is {factor:g} times the current"
    assert any(words in doubt for doubt in outcome.doubts) == doubted


def test_a_curve_of_no_use_from_its_start_says_why() -> None:
    feature = Feature(
        quantity="transition_time", unit="s", kind="right", lower=0.0, algorithm="a", version="1",
        window=(0, 9), flags=(Flag("compliance", "The instrument is at its limit."),),
        details={"duration": 9.0},
    )  # fmt: skip
    with pytest.raises(InputError, match="of no use from its start on"):
        measured_cells("transition_time", feature)


@pytest.mark.parametrize(
    ("level", "noise"), [(1e-3, 5e-5), (0.0, 3e-3)], ids=["shorted from its start", "dead"]
)
def test_a_cell_that_hardly_resists_is_no_survivor(
    campaign: Path, files: Path, level: float, noise: float
) -> None:
    """Of 2 mA/cm^2: half an ohm cm^2, and a channel whose size is noise and whose mean is none."""
    scatter = np.random.default_rng(7).normal(0.0, noise, 121)
    file = curve(files / "x.csv", **{"Voltage / V": level + scatter})
    outcome = take(file, campaign)
    assert outcome.status == "doubtful"
    assert any("was the cell shorted from the beginning" in doubt for doubt in outcome.doubts)


def test_a_voltage_that_fell_does_not_run_up(campaign: Path, files: Path) -> None:
    time = np.arange(0.0, 3600.0, 5.0)
    falls = 0.1 * (1 - 0.6 * np.clip(time / 2700, 0, 1))
    noise = np.random.default_rng(4).normal(0.0, 3e-4, time.size)
    lines = [f"{t:g},{v:.6f},0.001" for t, v in zip(time, falls + noise, strict=True)]
    file = files / "x.csv"
    file.write_text("\n".join(["time [s],voltage [V],current [A]", *lines]) + "\n")
    outcome = take(file, campaign, table="dc_polarization", metadata=POLARISED)
    assert outcome.status == "doubtful"
    assert any("falls slowly from" in doubt for doubt in outcome.doubts)
    assert not any("runs up" in doubt for doubt in outcome.doubts)
