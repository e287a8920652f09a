"""Why a number may be wrong is said before it: in answers, maps, their figures and the commands."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from data.campaign import Campaign
from data.errors import RunFolderError
from inference import required_pressure, safe_current, safe_current_map
from inference.caveats import caveats
from inference.checks.verdicts import Check, Finding, Section
from inference.cli.results import show_maps
from inference.coverage import currents_tested
from inference.figures.maps import solid_map
from inference.run_folder import CHECK

_spec = importlib.util.spec_from_file_location("toys", Path(__file__).with_name("test_maps.py"))
assert _spec is not None
assert _spec.loader is not None
toys = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(toys)

SOLID = {"cell": "solid", "charge": "1 mAh/cm^2", "pressure": "0 MPa"}
RANGES = {"charge": [0.1, 20.0], "pressure": [0.0, 0.0], "temperature": [25.0, 25.0]}
SEPARATORS = """separator,pore_type,pore_radius [nm],thickness [um],porosity [1]
A,straight,100,60,0.35
B,straight,100,60,0.35"""
STEPS = (
    "cell,protocol,temperature [degC],pressure [MPa],current_density [mA/cm^2],"
    "transition_time [s],stop_time [s],current_density_lower [mA/cm^2],"
    "current_density_upper [mA/cm^2],step_time [s],current_density_lowest [mA/cm^2],"
    "current_density_highest [mA/cm^2],step_height [mA/cm^2]\n"
)
SURVIVED = {"voids": {"cells": 8, "failed": 0, "highest": 0.2}}
NONE_FAILED = "NO CELL FAILED by voids: all 8 cells that tell of it survived, up to 0.2 mA/cm^2."
ABOVE = "ABOVE EVERY CURRENT TESTED: no cell that tells of voids was tested above"


def survivors(highest: float = 0.2, failed: int = 0) -> Any:
    result = toys.Fabricated()
    result.data_ranges = {"solid": RANGES}
    result.gate = SimpleNamespace(passed=True)
    own = {"voids": {**SURVIVED["voids"], "highest": highest, "failed": failed}}
    result.attrs["tested"] = json.dumps(own)
    return result


@pytest.mark.parametrize(
    ("rows", "due"),
    [
        (["s,step,25,0,,,,2,,900,,,"] * 2, {"cells": 2, "failed": 0, "highest": 2.0}),
        (["s,step,25,0,,,,2,2.5,900,,,"], {"cells": 1, "failed": 1, "highest": 2.5}),
        (["w,one_way,25,0,1,,9000,,,,,,"], {"cells": 1, "failed": 0, "highest": 1.0}),
        (["w,one_way,25,0,1,800,9000,,,,,,"], {"cells": 1, "failed": 1, "highest": 1.0}),
        (["r,step,25,0,,,,,,900,5,9,1"], {"cells": 1, "failed": 1, "highest": 9.0}),
    ],
)
def test_what_was_tested_is_read_from_every_kind_of_row(
    rows: list[str], due: dict[str, float], campaign_of: Callable[..., Campaign]
) -> None:
    named = (f"{at}{row}" for at, row in enumerate(rows))
    campaign = campaign_of(dc_polarization=STEPS + "\n".join(named))
    assert currents_tested(campaign) == {"voids": due}


def test_cells_of_liquid_tell_of_penetration_and_of_depletion(
    campaign_of: Callable[..., Campaign],
) -> None:
    campaign = campaign_of(
        separators=SEPARATORS,
        penetration="cell,separator,temperature [degC],current_density [mA/cm^2],outcome\n"
        "a,A,25,1.5,survived\nb,A,25,1,survived",
        critical_current="separator,temperature [degC],current_density_lower [mA/cm^2],"
        "current_density_upper [mA/cm^2],bracket_from,cell\nB,25,3,,one_cell,c",
        lsv="cell,separator,layers,concentration [mol/L],temperature [degC],area [cm^2],"
        "plateau_current [mA]\nl,A,1,1,25,2,5",
    )
    assert currents_tested(campaign) == {
        "penetration": {"cells": 3, "failed": 0, "highest": 3.0},
        "depletion": {"cells": 1, "failed": 1, "highest": 2.5},
    }


def test_where_no_cell_failed_answer_map_and_caption_say_so_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    result = survivors()
    answer = safe_current(result, SOLID)
    assert answer.value is not None
    assert answer.value > 0.2
    none, above = (each for each in answer.warnings if not each.startswith("SYNTHETIC"))
    assert none.startswith(NONE_FAILED)
    assert "from below only" in none
    assert above.startswith(f"{ABOVE} 0.2 mA/cm^2")
    assert answer.sentences()[: len(answer.warnings)] == [*answer.warnings]
    asked = required_pressure(result, 3.0, 1.0)
    assert {none, above} <= {*asked.warnings}

    chart = safe_current_map(result, {"cell": "solid", "pressure": "0 MPa"})
    assert chart.attrs["suspicions"].splitlines() == [none, above]
    assert "NO CELL FAILED" in chart._repr_html_()
    words = next(text for text in solid_map(chart).texts if text.get_gid() == "caption").get_text()
    assert " ".join(words.split()).startswith(
        "TO BE DOUBTED: no cell failed by voids; above every current tested."
    )
    show_maps(result, {"solid": chart})
    printed = " ".join(capsys.readouterr().out.split())
    assert printed.index("NO CELL FAILED") < printed.index("safe at 5 % risk")
    assert "ABOVE EVERY CURRENT TESTED" in printed


def test_nothing_is_said_where_cells_failed_and_the_current_was_tested() -> None:
    result = survivors(highest=1e4, failed=3)
    assert [each for each in safe_current(result, SOLID).warnings if "SYNTH" not in each] == []
    assert "suspicions" not in safe_current_map(result, {"cell": "solid"}).attrs
    del result.attrs["tested"]  # stored before it was kept
    assert caveats(result, "solid") == []


def test_a_stored_check_of_this_very_result_is_repeated_before_the_answer(tmp_path: Path) -> None:
    def section(name: str, *findings: Finding) -> Section:
        return Section(name=name, title=name, findings=findings)

    sections = (
        section("sampling", Finding.of("r_hat", "fail", "told by the gate")),
        section(
            "fit",
            Finding.of("loo_pit dc_polarization_step", "fail", "steps: too narrow."),
            Finding.of("predictive creep", "warn", "not told"),
        ),
        section("conflict", Finding.of("tables", "fail", "The tables disagree.")),
    )
    made = Check(kind="run", name="n", campaign="c", synthetic=True, seed=1, sections=sections)
    result = survivors(highest=1e4, failed=3)
    result.folder, result.attrs["result_id"] = tmp_path, "abc"
    file = tmp_path / CHECK
    file.write_text(made.model_copy(update={"result_id": "other"}).to_json(), encoding="utf-8")
    assert caveats(result, "solid") == []
    file.write_text(made.model_copy(update={"result_id": "abc"}).to_json(), encoding="utf-8")
    first, second = caveats(result, "solid")
    assert first.startswith("THE MODEL DOES NOT PREDICT ITS OWN DATA: steps: too narrow.")
    assert second == "The tables disagree."
    assert safe_current(result, SOLID).sentences()[1:3] == [first, second]
    for damaged in ("null", "[]", "{}", '{"sections": null}', "[" * 100_000, "\0", ""):
        file.write_text(damaged, encoding="utf-8")
        with pytest.raises(RunFolderError, match=r"check.json is no check, or is damaged"):
            safe_current(result, SOLID)
