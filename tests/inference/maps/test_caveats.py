"""Why a number may be wrong is said before it: in answers, maps, their figures and the commands."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from data.campaign import Campaign
from data.errors import RunFolderError
from inference import required_pressure, safe_current, safe_current_map
from inference.cli.printing import show_maps
from inference.designs.axes import shown
from inference.figures.maps import solid_map
from inference.maps.caveats import caveats
from inference.maps.row_counts import fresh_cells, left_out
from inference.maps.start import start_design
from inference.misfit.verdicts import Check, Finding, Section
from inference.rows.data_ranges import currents_tested
from inference.words.run_files import CHECK
from tests.inference.maps import test_maps as toys

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
        (["s,step,25,0,,,,2,,900,,,"] * 2, (2, 0, 2, 2.0)),
        (["s,step,25,0,,,,2,2.5,900,,,"], (1, 1, 1, 2.5)),
        (["s,step,25,0,,,,,2.5,900,,,"] * 2, (2, 2, 0, 2.5)),
        (["w,one_way,25,0,1,,9000,,,,,,"], (1, 0, 1, 1.0)),
        (["w,one_way,25,0,1,800,9000,,,,,,"], (1, 1, 1, 1.0)),
        (["r,step,25,0,,,,,,900,5,9,1"], (1, 1, 1, 9.0)),
        (["r,step,25,0,,,,,,900,1,1,1"], (1, 1, 0, 1.0)),
    ],
)
def test_what_was_tested_is_read_from_every_kind_of_row(
    rows: list[str], due: tuple[float, ...], campaign_of: Callable[..., Campaign]
) -> None:
    named = (f"{at}{row}" for at, row in enumerate(rows))
    campaign = campaign_of(dc_polarization=STEPS + "\n".join(named))
    counts = dict(zip(("cells", "failed", "from_below", "highest"), due, strict=True))
    assert currents_tested(campaign) == {"voids": {**counts, "lowest": due[-1]}}


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
        "penetration": {"cells": 3, "failed": 0, "from_below": 3, "lowest": 1.0, "highest": 3.0},
        "depletion": {"cells": 1, "failed": 1, "from_below": 1, "lowest": 2.5, "highest": 2.5},
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


def test_where_every_cell_failed_at_its_first_current_the_answer_says_so_first(
    campaign_of: Callable[..., Campaign],
) -> None:
    verdicts = "cell,separator,temperature [degC],current_density [mA/cm^2],outcome\n"
    lost = "a,A,25,2,penetrated\nb,A,25,4,penetrated\n"
    tables = {"separators": SEPARATORS, "penetration": verdicts + lost}
    result = survivors(highest=1e4, failed=3)
    result.attrs["tested"] = json.dumps(currents_tested(campaign_of(**tables)))
    [said] = caveats(result, "liquid")
    assert said.startswith(
        "EVERY CELL FAILED by penetration: all 2 cells that tell of it failed at the first current "
        "at which each was tested, down to 2 mA/cm^2"
    )
    assert "from above only" in said
    assert caveats(result, "solid") == []
    tables["penetration"] += "c,A,25,1,survived\n"
    result.attrs["tested"] = json.dumps(currents_tested(campaign_of(**tables)))
    assert caveats(result, "liquid") == []


def test_a_protocol_that_no_cell_was_tested_by_is_told_with_what_the_tested_one_gives() -> None:
    result = survivors(highest=1e4, failed=3)
    result.data_ranges |= {"solid step": {}, "solid one_way": RANGES}
    one_way, step = (
        safe_current(result, {**SOLID, "protocol": each}) for each in ("one_way", "step")
    )
    assert not any("TESTED" in each for each in one_way.warnings)
    assert step.warnings[0].startswith(
        "NO CELL WAS TESTED IN STEPS: all solid cells of the data were tested one way"
    )
    assert "(supply_factor[step]) is the prior's alone" in step.warnings[0]
    assert f"Tested one way, it bears {shown(one_way.value)} mA/cm^2" in step.warnings[0]
    assert step.sentences()[0] == step.warnings[0]
    first = safe_current_map(result, {"cell": "solid"}).attrs["suspicions"]
    assert first.startswith("NO CELL WAS TESTED IN STEPS")
    start, _ = start_design(result, "solid", {})
    assert start.protocol == "one_way"
    assert start.axes["pressure"].values == 0.0
    result.data_ranges["solid step"] = RANGES
    assert start_design(result, "solid", {})[0].protocol == "step"
    assert not any("TESTED" in each for each in safe_current(result, SOLID).warnings)


def test_an_answer_below_every_verdict_says_so_and_none_that_was_tested_upwards() -> None:
    result = survivors(highest=1e4, failed=3)
    value = safe_current(result, SOLID).value
    assert value is not None
    own = json.loads(result.attrs["tested"])
    for lowest, due in ((1.1 * value, True), (0.9 * value, False)):
        result.attrs["tested"] = json.dumps({"voids": {**own["voids"], "lowest_verdict": lowest}})
        told = [each for each in safe_current(result, SOLID).warnings if "CURRENT TESTED" in each]
        assert [each.partition(":")[0] for each in told] == ["BELOW EVERY CURRENT TESTED"] * due


def test_only_where_all_are_verdicts_a_lowest_current_is_kept(
    campaign_of: Callable[..., Campaign],
) -> None:
    verdicts = (
        "cell,separator,temperature [degC],current_density [mA/cm^2],outcome\n"
        "a,A,25,1.5,survived\nb,A,25,2,penetrated"
    )
    stepped = (
        "separator,temperature [degC],current_density_lower [mA/cm^2],"
        "current_density_upper [mA/cm^2],bracket_from,cell\nB,25,3,4,one_cell,c"
    )
    alone = campaign_of(separators=SEPARATORS, penetration=verdicts)
    assert currents_tested(alone)["penetration"]["lowest_verdict"] == 1.5
    both = campaign_of(separators=SEPARATORS, penetration=verdicts, critical_current=stepped)
    assert "lowest_verdict" not in currents_tested(both)["penetration"]


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


BRACKETS = (
    "separator,temperature [degC],current_density_lower [mA/cm^2],"
    "current_density_upper [mA/cm^2],bracket_from,cell,exclude\n"
)
VERDICTS = "cell,separator,temperature [degC],current_density [mA/cm^2],outcome,exclude\n"
TIMES = (
    "cell,protocol,temperature [degC],pressure [MPa],current_density [mA/cm^2],"
    "transition_time [s],stop_time [s],exclude\n"
)


def brackets(lower: list[float], out: tuple[int, ...], separators: str = "A") -> str:
    rows = [
        f"{separators[at % len(separators)]},25,{low},{low + 0.25},one_cell,c{at},"
        f"{'short' * (at in out)}"
        for at, low in enumerate(lower)
    ]
    return BRACKETS + "\n".join(rows)


@pytest.mark.parametrize(
    ("table", "text", "counts", "side"),
    [
        ("critical_current", brackets([2, 2.25, 2, 4, 3, 5, 3.5, 2.5, 2.25], (0, 1, 2)), 9, "low"),
        ("critical_current", brackets([2, 5, 3, 4, 3, 5, 3.5], (0,)), 7, "low"),
        ("critical_current", brackets([2, 5, 3, 4, 3, 5, 3.5], (2,)), 7, ""),
        ("critical_current", brackets([2, 4, 3, 5, 3.5, 6], (3, 5)), 6, "high"),
        # The lowest of all, but not among its like: cells of the other separator bear less.
        ("critical_current", brackets([2, 5, 1.5, 6, 2.5, 4, 1.75, 3], (0, 4), "BA"), 8, "high"),
        (
            "penetration",
            VERDICTS + "a,A,25,1,penetrated,weak\nb,A,25,9,survived,torn\n"
            "c,A,25,2,penetrated,\nd,A,25,1.5,survived,",
            4,
            "low",
        ),
        (
            "dc_polarization",
            TIMES + "a,one_way,25,0,2,100,9000,weak\nb,one_way,25,0,1,1000,9000,\n"
            "c,one_way,25,0,4,90,9000,",
            3,
            "low",
        ),
    ],
)
def test_rows_left_out_are_counted_and_said_to_lie_at_one_end(
    table: str, text: str, counts: int, side: str, campaign_of: Callable[..., Campaign]
) -> None:
    campaign = campaign_of(**{"separators": SEPARATORS, table: text})
    [(name, said)] = left_out(campaign).items()
    assert name == table
    out = campaign.excluded[table].sizes[table]
    assert said.startswith(f"LEFT OUT: {out} of {counts} rows of {table}.csv are not fitted")
    assert (f"they lie at the {side} end" in said) is bool(side)
    assert ("the safe current is too high" in said) is (side == "low")


def test_rows_left_out_stand_before_every_number_of_the_cells_they_tell_of() -> None:
    result = survivors(highest=1e4, failed=3)
    said = "LEFT OUT: 4 of 15 rows."
    result.attrs["left_out"] = json.dumps({"dc_polarization": said, "kinetics": "of no cell"})
    result.attrs["protocols"] = json.dumps({"dc_polarization": "STEP TESTS BEAR MORE."})
    assert caveats(result, "solid") == [said, "STEP TESTS BEAR MORE."]
    assert caveats(result, "liquid") == []
    assert said in safe_current(result, SOLID).warnings
    assert said in safe_current_map(result, {"cell": "solid"}).attrs["suspicions"]


def test_rows_told_apart_by_numbers_alone_are_said_to_be_read_as_fresh_cells(
    campaign_of: Callable[..., Campaign],
) -> None:
    rows = "\n".join(f"{at},A,25,{at},survived," for at in (1, 2, 3))
    [(table, said)] = fresh_cells(
        campaign_of(separators=SEPARATORS, penetration=VERDICTS + rows)
    ).items()
    assert said.startswith("3 rows of penetration.csv")
    assert "are read as 3 fresh cells: of a cell that was tested more than once enter one" in said
    named = VERDICTS + rows.replace("\n", "\nPP-")
    assert fresh_cells(campaign_of(separators=SEPARATORS, penetration=named)) == {}

    stepped = "".join(
        f"{at},step,25,0,,,,{at},{at + 1},900,,,\n{at + 5},step,25,0,,,,,,900,{at},{at + 3},1\n"
        for at in (1, 2, 3)
    )
    assert fresh_cells(campaign_of(dc_polarization=STEPS + stepped)) == {}

    result = survivors(highest=1e4, failed=3)
    result.attrs["fresh_cells"] = json.dumps({table: "of liquid", "dc_polarization": said})
    answer = safe_current(result, SOLID)
    assert said in answer.notes
    assert "of liquid" not in answer.notes
    assert said not in answer.warnings
