"""Runs on different data over each other: shifts and widths in closed form, and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
import xarray as xr
from scipy.special import ndtri
from typer.testing import CliRunner

from data.errors import InputError
from inference.cli.overlay_command import overlay as command
from inference.maps.files import save_maps
from inference.runs.result import Result
from inference.steps.studies import save_overlay
from inference.studies.overlays import Overlay, overlay
from models.options import ModelOptions

DIMS = ("chain", "draw")
# Quantiles in place of draws: medians, intervals and standard deviations are exact.
NORMAL = ndtri((np.arange(4000) + 0.5) / 4000).reshape(4, 1000)
PRIORS = {"exchange_current_density": (5.0, 1.2), "contact_angle": (150.0, 15.0)}


def run(
    name: str,
    exchange: tuple[float, float],
    angle: tuple[float, float],
    folder: Path | None = None,
    **attrs: Any,
) -> Result:
    """Return a result: lognormal exchange current, normal contact angle, each (median, sd)."""
    import pandas as pd

    draws = {
        "exchange_current_density": exchange[0] * np.exp(exchange[1] * NORMAL),
        "contact_angle": angle[0] + angle[1] * NORMAL,
    }
    rows = {}
    for label, values in draws.items():
        lower, median, upper = np.quantile(values, [0.05, 0.5, 0.95])
        prior = PRIORS[label]
        rows[label] = {
            "unit": "mA/cm^2",
            "median": median,
            "lower": lower,
            "upper": upper,
            **dict(zip(("prior_median", "prior_lower", "prior_upper"), (*prior, 1.0), strict=True)),
            "narrowing": 3.0,
            "symbol": "x",
            "long_name": "x",
            "informed_by": "kinetics",
            "source": "project",
        }
    tree = xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset(
                {key: (DIMS, values) for key, values in draws.items()},
                coords={"chain": range(4), "draw": range(1000)},
            ),
            "summary": xr.Dataset.from_dataframe(
                pd.DataFrame.from_dict(rows, orient="index").rename_axis("parameter")
            ),
        }
    )
    given = {
        "name": name,
        "campaign": name,
        "campaign_kind": "measured",
        "metal": "Na",
        "model_options": ModelOptions().model_dump_json(),
        "options": "{}",
        "blocks": '["kinetics"]',
        "result_id": name,
        "resolved_hash": name,
        "data_hash": name,
        "gate": json.dumps({"passed": True, "criteria": {}, "failures": [], "advice": ""}),
    }
    tree.attrs = given | attrs
    return Result(tree, folder)


BEFORE = {"exchange": (5.0, 0.4), "angle": (150.0, 10.0)}


def test_shift_and_width_of_normal_posteriors_are_those_of_the_closed_form() -> None:
    moved = 5.0 * np.exp(1.2)  # three standard deviations of the logarithm
    laid = overlay([run("old", **BEFORE), run("new", (moved, 0.1), (145.0, 20.0))])
    table = laid.parameters
    assert laid.runs == ("old", "new")
    exchange, angle = (table.loc[(name, "new")] for name in PRIORS)
    assert exchange["narrower"] == pytest.approx(4.0, rel=1e-6)
    assert exchange["shift"] == pytest.approx(3.0, rel=2e-3)
    assert angle["narrower"] == pytest.approx(0.5, rel=1e-6)
    assert angle["shift"] == pytest.approx(-0.5, rel=2e-3)
    assert table.loc[("contact_angle", "old"), "shift"] == 0
    found = " ".join(laid.findings)
    assert "narrows exchange_current_density (4.0×)" in found
    assert "new knows less than old of contact_angle (2.0× wider)" in found
    assert "exchange_current_density (+3.0 sd)" in found
    assert "contact_angle (-0.5" not in found


@pytest.mark.parametrize(
    ("attrs", "words"),
    [
        ({"metal": "Li"}, "no parameter of one metal is that of the other"),
        (
            {"model_options": ModelOptions(kinetics="butler_volmer").model_dump_json()},
            "uses marcus_hush_chidsey and 'new' butler_volmer",
        ),
    ],
)
def test_runs_of_other_physics_are_refused_with_the_reason(
    attrs: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match="cannot be laid over each other") as error:
        overlay([run("old", **BEFORE), run("new", **BEFORE, **attrs)])
    assert words in str(error.value)
    with pytest.raises(InputError, match="at least two"):
        overlay([run("old", **BEFORE)])


def test_what_a_reader_must_know_is_said() -> None:
    failed = json.dumps({"passed": False, "criteria": {}, "failures": ["x"], "advice": ""})
    other = run("new", **BEFORE, campaign_kind="synthetic", data_hash="old", gate=failed)
    other.tree["summary"]["prior_median"] = 2.0 * other.tree["summary"]["prior_median"]
    laid = overlay([run("old", **BEFORE), other])
    notes = " ".join(laid.notes)
    assert "new: SYNTHETIC data. Laid over measured data" in notes
    assert "NOT CONVERGED, do not use: new" in notes
    assert "old and new fit the same data" in notes
    assert "differ in the priors of exchange_current_density" in notes
    assert laid.synthetic
    same = overlay([run("old", **BEFORE), run("old", **BEFORE, result_id="other")])
    assert same.runs == ("1 old", "2 old")


def test_one_run_laid_over_itself_and_what_is_no_run_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'old' is given twice: nothing differs"):
        overlay([run("old", **BEFORE), run("new", **BEFORE), run("old", **BEFORE)])
    job = tmp_path / "mine.toml"
    job.write_text("schema_version = 1")
    with pytest.raises(InputError, match=r"mine\.toml' is a file, .* fit it \(anodebayes run"):
        overlay([run("old", **BEFORE), job])


def test_what_new_cells_teach_of_scatter_is_found_and_a_scatter_no_table_knows_is_not_shown() -> (
    None
):
    old, new = run("old", **BEFORE), run("new", **BEFORE)
    for result, width in ((old, 1.2), (new, 0.6)):
        summary = result.tree["summary"].to_dataset()
        extra = summary.isel(parameter=[0, 0]).assign_coords(
            parameter=["penetration_scatter", "sand_scatter"]
        )
        lower, upper = 0.25 * np.exp(-width / 2), 0.25 * np.exp(width / 2)
        extra = extra.assign(
            median=("parameter", [0.25, 0.25]),
            lower=("parameter", [lower, 0.1]),
            upper=("parameter", [upper, 0.6]),
            informed_by=("parameter", ["penetration", "prior"]),
            unit=("parameter", ["1", "1"]),
        )
        result.tree["summary"] = xr.DataTree(xr.concat([summary, extra], "parameter"))
        result.__dict__.pop("_summary", None)
    laid = overlay([old, new])
    assert "new narrows penetration_scatter (2.0×)" in " ".join(laid.findings)
    assert "penetration_scatter" in laid.shared()
    assert "sand_scatter" not in laid.shared()


def mapped(folder: Path, factor: float, last: float = 200.0) -> Path:
    """Write a map of liquid cells whose safe current is proportional to a factor."""
    folder.mkdir()
    radius = np.array([5.0, 50.0, last])
    values = factor * 10.0 / radius
    attrs = {"units": "mA/cm^2", "risk": 0.05}
    dataset = xr.Dataset(
        {
            "safe_current_density": ("pore_radius", values, attrs),
            "median_cell_critical_current_density": (
                ("quantile", "pore_radius"),
                np.stack([values, values]),
                attrs,
            ),
            "extrapolation": ("pore_radius", np.array([True, False, False])),
        },
        coords={"pore_radius": ("pore_radius", radius, {"units": "nm"}), "quantile": [0.05, 0.5]},
        attrs={"result_id": folder.name},
    )
    save_maps({"liquid": dataset}, folder / "map.nc")
    return folder


def test_safe_currents_are_laid_over_each_other_where_the_axes_are_the_same(
    tmp_path: Path,
) -> None:
    old = run("old", **BEFORE, folder=mapped(tmp_path / "old", 1.0))
    new = run("new", **BEFORE, folder=mapped(tmp_path / "new", 1.5))
    laid = overlay([old, new])
    safe = laid.maps["liquid"]["safe_current_density"]
    assert (safe.sel(run="new") / safe.sel(run="old")).values == pytest.approx(1.5)
    assert "new gives 1.50 times that of old" in " ".join(laid.findings)
    other = run("other", **BEFORE, folder=mapped(tmp_path / "other", 1.5, last=100.0))
    apart = overlay([old, other])
    assert not apart.maps
    assert "pore_radius differs" in " ".join(apart.notes)
    assert "there is none of bare" in " ".join(overlay([old, run("bare", **BEFORE)]).notes)
    check_files(laid, tmp_path / "out")


def check_files(laid: Overlay, folder: Path) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    paths = save_overlay(laid, folder)
    names = {path.name for path in paths}
    assert {"overlay.json", "overlay.png", "overlay_map_liquid.pdf"} <= names
    assert all(path.stat().st_size > 0 for path in paths)
    document = json.loads((folder / "overlay.json").read_text(), parse_constant=refuse)
    assert document["maps"]["liquid"]["safe_current_density"]["new"] == pytest.approx(
        [3, 0.3, 0.075]
    )
    assert {row["run"] for row in document["parameters"]} == {"old", "new"}


def test_the_command_prints_both_runs_and_names_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = {
        "old": run("old", **BEFORE, folder=mapped(tmp_path / "old", 1.0)),
        "new": run(
            "new",
            (9.0, 0.1),
            (150.0, 9.0),
            mapped(tmp_path / "new", 2.0),
            campaign_kind="synthetic",
        ),
    }
    monkeypatch.setattr(
        "inference.studies.overlays.load_result", lambda path: runs[Path(path).name]
    )
    app = typer.Typer()
    app.command()(command)
    done = CliRunner().invoke(
        app, [str(tmp_path / "old"), str(tmp_path / "new"), "--out", str(tmp_path / "out")]
    )
    assert done.exit_code == 0, done.output
    assert "SYNTHETIC DATA: B" in done.output
    assert "4.0×" in done.output
    assert "overlay_map_liquid.png" in done.output
    assert done.output.rstrip().endswith(str(tmp_path / "out"))
    lines = [line for line in done.output.splitlines() if str(tmp_path) not in line]
    assert max(map(len, lines)) <= 100
