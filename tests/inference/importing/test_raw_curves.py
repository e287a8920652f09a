"""Synthetic curves of a campaign's rows: importing them gives the rows back, and fits the truth."""

import shlex
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from data import Campaign, InputError, load_campaign, new_campaign, write_campaign
from data.units import parse_quantity
from inference import fit, import_records, simulate
from inference.cli.commands import app
from inference.engine.scales import natural_values
from inference.importing import Outcome
from inference.importing.raw_curves import CAMPAIGN, RAW, RawCurve, write_raw_curves

type Row = dict[str, Any]


def first_rows(campaign: Campaign, count: int) -> dict[str, Any]:
    return {name: table.isel({name: slice(count)}) for name, table in campaign.tables.items()}


def row_of(campaign: Campaign, table: str, at: int) -> Row:
    cells = campaign.tables[table].isel({table: at})
    return {str(name): cells[name].item() for name in cells}


def holds(measured: Row, column: str, stated: Row) -> bool:
    """Return whether an imported measurement holds what its row stated."""

    def ends(row: Row) -> tuple[float, float]:
        exact = row.get(column, np.nan)
        if np.isfinite(exact):
            return exact, exact
        return tuple(
            limit if not np.isfinite(end := row.get(f"{column}_{side}", np.nan)) else end
            for side, limit in (("lower", 0.0), ("upper", np.inf))
        )

    low, high = ends(measured)
    below, above = ends(stated)
    return low <= above * (1.0 + 1e-3) and high >= below * (1.0 - 1e-3)


MEASURED = {
    "lsv": "plateau_current",
    "sand": "sand_time",
    "dc_polarization": "transition_time",
    "critical_current": "current_density",
}


def check_rows(campaign: Campaign, curve: RawCurve, outcome: Outcome) -> None:
    """Check that the rows of an import say what the rows that its curve was drawn from say."""
    assert outcome.accepted, (curve.file.name, outcome.error, outcome.doubts)
    assert len(outcome.rows) == len(curve.rows), (curve.file.name, outcome.statements)
    for at, measured in zip(curve.rows, outcome.rows, strict=True):
        stated = row_of(campaign, curve.table, at)
        where = (curve.table, stated.get("cell"), measured)
        assert measured.get("outcome") == stated.get("outcome"), where
        assert measured.get("plateau") == stated.get("plateau"), where
        one_current = stated.get("current_density", np.nan)
        if np.isfinite(one_current):
            assert measured["current_density"] == pytest.approx(one_current, rel=1e-3)
        column = MEASURED.get(curve.table, "")
        if stated.get("protocol") == "step" or curve.table == "critical_current":
            for end in ("lower", "upper"):
                name = f"current_density_{end}"
                assert measured.get(name, np.nan) == pytest.approx(
                    stated[name], rel=2e-3, nan_ok=True
                ), where
        elif column:
            happened = {name for name in measured if name.startswith(column)}
            assert bool(happened) == any(
                np.isfinite(stated[f"{column}{end}"]) for end in ("", "_lower", "_upper")
            ), where
            assert holds(measured, column, stated), where


@pytest.fixture(scope="module")
def curves(synthetic: Campaign, tmp_path_factory: pytest.TempPathFactory) -> list[RawCurve]:
    return write_raw_curves(synthetic, tmp_path_factory.mktemp("raw") / "raw", seed=7)


def test_every_row_that_a_curve_makes_comes_back(
    synthetic: Campaign, curves: list[RawCurve]
) -> None:
    target = curves[0].file.parent / CAMPAIGN
    drawn = {(curve.table, at) for curve in curves for at in curve.rows}
    assert (
        len(drawn)
        == sum(int(synthetic.tables[name].sizes[name]) for name in (*MEASURED, "penetration")) - 1
    )  # one bracket of critical_current is from different cells
    for table in dict.fromkeys(curve.table for curve in curves):
        own = [curve for curve in curves if curve.table == table]
        outcomes = import_records(
            [curve.file for curve in own], table=table, campaign=target, dry_run=True
        )
        for curve, outcome in zip(own, outcomes, strict=True):
            check_rows(synthetic, curve, outcome)


def test_what_is_drawn_says_so_and_passes_for_no_measurement(
    synthetic: Campaign, curves: list[RawCurve], literature: Campaign, tmp_path: Path
) -> None:
    for curve in curves:
        assert curve.file.read_text().startswith("# SYNTHETIC")
        assert "SYNTHETIC" in Path(f"{curve.file}.toml").read_text()
    measured = new_campaign(tmp_path / "measured")
    (measured / "separators.csv").write_text(
        (curves[0].file.parent / CAMPAIGN / "separators.csv").read_text()
    )
    own = next(curve for curve in curves if curve.table == "penetration")
    [outcome] = import_records(own.file, table="penetration", campaign=measured)
    assert "nobody measured this curve" in str(outcome.error)
    with pytest.raises(InputError, match="is literature"):
        write_raw_curves(literature, tmp_path / "raw", seed=1)
    with pytest.raises(InputError, match="not empty"):
        write_raw_curves(synthetic, measured, seed=1)


def test_curves_come_again_from_their_seed(synthetic: Campaign, tmp_path: Path) -> None:
    few = load_campaign(
        write_campaign(tmp_path / "few", synthetic.metadata, first_rows(synthetic, 6))
    )
    one, same, other = (
        [curve.file.read_bytes() for curve in write_raw_curves(few, tmp_path / name, seed=seed)]
        for name, seed in (("one", 1), ("same", 1), ("other", 2))
    )
    assert one == same
    assert all(a != b for a, b in zip(one, other, strict=True))
    # What stands there already, of the same seed, is what a command stopped late has left.
    again = write_raw_curves(few, tmp_path / "one", seed=1)
    assert [curve.file.read_bytes() for curve in again] == one
    with pytest.raises(InputError, match="not empty"):
        write_raw_curves(few, tmp_path / "one", seed=2)


@pytest.mark.slow
def test_the_command_says_how_to_import_what_it_wrote(synthetic: Campaign, tmp_path: Path) -> None:
    few = {"sand": synthetic.tables["sand"].isel(sand=slice(3))}
    design = write_campaign(tmp_path / "design", synthetic.metadata, few)
    truth = synthetic.path / "truth.toml"
    drawn = CliRunner().invoke(
        app, f"simulate {truth} --design {design} --seed 1 --out {tmp_path / 'out'} --raw"
    )
    assert drawn.exit_code == 0, drawn.output
    [command] = [line for line in drawn.output.splitlines() if "anodebayes import" in line]
    imported = CliRunner().invoke(app, shlex.split(command)[1:])
    assert imported.exit_code == 0, imported.output
    rows = load_campaign(tmp_path / "out" / RAW / CAMPAIGN).tables["sand"]
    assert rows["cell"].values.tolist() == ["S01", "S02", "S03"]


IDENTIFIED = (
    "ambipolar_diffusivity",
    "transference_number",
    "self_diffusivity",
    "supply_factor[one_way]",
    "supply_factor[step]",
    "creep_current_at_9_MPa",
    "creep_pressure_exponent",
    "penetration_scatter",
    "sand_scatter",
    "dc_polarization_scatter",
    "lsv_scatter",
)
TABLES = ("penetration", "critical_current", "lsv", "sand", "dc_polarization", "published")


@pytest.mark.long
def test_from_raw_curves_through_import_and_fit_to_the_truth(
    synthetic: Campaign, tmp_path: Path
) -> None:
    tables = {name: synthetic.tables[name] for name in (*TABLES, "separators")}
    tables["penetration"] = tables["penetration"].isel(penetration=slice(12))
    design = load_campaign(write_campaign(tmp_path / "design", synthetic.metadata, tables))
    stated = tomllib.loads((synthetic.path / "truth.toml").read_text())["parameters"]
    drawn = simulate(stated, design, seed=4, folder=tmp_path / "drawn")
    curves = write_raw_curves(drawn, tmp_path / "raw", seed=4)
    assert len(curves) >= 30
    target = tmp_path / "raw" / CAMPAIGN
    for table in dict.fromkeys(curve.table for curve in curves):
        own = [curve for curve in curves if curve.table == table]
        outcomes = import_records([curve.file for curve in own], table=table, campaign=target)
        for curve, outcome in zip(own, outcomes, strict=True):
            check_rows(drawn, curve, outcome)
    assert len(list((target / "provenance").glob("*/*.json"))) == len(curves)
    result = fit(target, folder=tmp_path / "run")
    assert result.gate.passed
    truth = true_values(stated)
    away = {}
    for name, value in truth.items():
        base, _, member = name.partition("[")
        draws = result.posterior[base]
        if member:
            draws = draws.sel(protocol=member.removesuffix("]"))
        drawn = natural_values(base, draws.values)
        away[name] = float((natural_values(base, np.array(value)) - drawn.mean()) / drawn.std())
    # Twelve standard normal numbers, more or less: chance leaves one in ten thousand beyond.
    assert max(map(abs, away.values())) < 4.5, away
    assert np.sqrt(np.mean(np.square([*away.values()]))) < 1.8, away


def true_values(stated: dict[str, str | float]) -> dict[str, float]:
    """Return the true numbers in canonical units, of what these tables identify."""
    from data.quantities import quantities

    values = {
        name: parse_quantity(str(value), to=quantities()[name.partition("[")[0]].unit)
        for name, value in stated.items()
        if name in IDENTIFIED
    }
    cosine = -np.cos(np.radians(float(str(stated["contact_angle"]).split()[0])))
    values["wetting_product"] = float(str(stated["surface_energy"]).split()[0]) * cosine
    return values
