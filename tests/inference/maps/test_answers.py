"""Design questions: answers are numbers of the map, and their intervals shrink with knowledge."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtr, ndtri
from typer.testing import CliRunner

from data.errors import MapError
from inference import required_pore_radius, required_pressure, safe_current, safe_current_map
from inference.cli.ask_command import asked_design
from inference.cli.commands import app
from inference.designs.noise import LEAST_SHARE_OF_CELLS, CellNoise, band_draws
from inference.maps.files import map_table
from inference.maps.mapping import new_cell_currents
from inference.maps.start import start_design
from inference.runs.result import Result
from tests.inference.maps import test_maps as toys

LIQUID = {"cell": "liquid", "pore_radius": "30 nm"}
SOLID = {"cell": "solid", "charge": "1 mAh/cm^2", "pressure": "3 MPa"}
DESIGNS = [
    LIQUID,
    {**LIQUID, "pore_radius_sd": "4 nm", "porosity_sd": 0.03, "charge": "2 mAh/cm^2"},
    {**LIQUID, "area_ratio": 100, "macmullin_number": "4"},
    SOLID,
    {**SOLID, "pressure_sd": "5 %", "protocol": "one_way"},
]


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("risk", [0.05, 0.2])
def test_the_safe_current_is_that_of_the_map_and_so_is_what_binds(
    design: dict[str, Any], risk: float
) -> None:
    result = toys.Fabricated()
    answer = safe_current(result, design, risk)
    chart = safe_current_map(result, design, risk=risk)
    assert answer.value == pytest.approx(float(chart["safe_current_density"]), rel=1e-12)
    shares = chart["probability_limiting"]
    assert answer.mechanism == shares["mechanism"].values[int(np.argmax(shares.values))]
    assert answer.mechanism_probability == pytest.approx(float(shares.max()), rel=1e-12)
    median = chart["median_cell_critical_current_density"]
    due = [float(median.sel(quantile=q)) for q in (0.5, 0.05, 0.95)]
    assert answer.median_cell == pytest.approx(due, rel=1e-9)
    lower, upper = answer.interval
    assert lower < upper
    assert "SYNTHETIC DATA" in " ".join(answer.sentences())
    assert f"{100 * risk:g} % risk" in answer.sentence()


def test_where_physics_and_scatter_are_known_the_interval_is_the_value() -> None:
    """All that is left is the scatter of cells, and the risk is its quantile."""
    result = toys.one_cell()
    answer = safe_current(result, LIQUID, 0.05)
    median = answer.median_cell[0]
    exact = median * math.exp(0.3 * math.sqrt(2.0) * ndtri(0.05))
    assert answer.interval == pytest.approx((exact, exact), rel=5e-3)
    assert answer.value == pytest.approx(exact, rel=0.1)  # five errors of 2000 random cells


def test_the_interval_is_that_of_the_risk_within_each_draw() -> None:
    result = toys.Fabricated(2000)
    cells = {"penetration_scatter": 0.2, "separator_scatter": 0.1, "sand_scatter": 0.2}
    for name, value in cells.items():
        result.posterior[name][:] = value
    wide = {**LIQUID, "thickness": "1 um"}  # no depletion
    lower, upper = safe_current(result, wide, 0.1).interval
    for name in cells:
        result.posterior[name][:] = 0.0
    median = new_cell_currents(result, {**wide, "macmullin_number": 4})[band_draws(4000)]
    due = np.quantile(median, [0.05, 0.95]) * math.exp(math.hypot(0.2, 0.1) * ndtri(0.1))
    np.testing.assert_allclose([lower, upper], due, rtol=0.01)


RADII = [{}, {"pore_radius_sd": "20 %"}, {"charge": "2 mAh/cm^2", "porosity": "0.5"}]


@pytest.mark.parametrize("design", RADII)
def test_the_required_pore_radius_bears_the_current_asked_for(design: dict[str, Any]) -> None:
    result = toys.Fabricated()
    answer = required_pore_radius(result, "0.8 mA/cm^2", 0.1, design)
    assert answer.unit == "nm"
    assert answer.value is not None
    at = {**design, "cell": "liquid", "pore_radius": f"{answer.value!r} nm"}
    assert safe_current(result, at, 0.1).value == pytest.approx(0.8, rel=1e-7)
    lower, upper = answer.interval
    assert lower < answer.value < upper
    # At an end of the interval the current asked for is an end of that of the safe current.
    for end, which in ((lower, 0), (upper, 1)):
        if math.isfinite(end):
            there = safe_current(result, {**at, "pore_radius": f"{end!r} nm"}, 0.1)
            assert there.interval[which] == pytest.approx(0.8, rel=1e-3)


def test_the_required_pressure_bears_the_current_asked_for() -> None:
    result = toys.one_cell(creep_current_at_9_MPa=4.0)
    design = {"metal_thickness": "300 um", "temperature": "30 degC"}
    answer = required_pressure(result, "6 mA/cm^2", "3 mAh/cm^2", 0.2, design)
    assert answer.value is not None
    assert 0.0 < answer.value < 9.0
    at = {**design, "cell": "solid", "charge": "3 mAh/cm^2", "pressure": f"{answer.value!r} MPa"}
    assert safe_current(result, at, 0.2).value == pytest.approx(6.0, rel=1e-7)
    assert answer.mechanism == "voids"
    plain = required_pressure(result, 6.0, 3.0, 0.2, design)
    assert plain == answer


def test_why_there_is_no_answer_is_said() -> None:
    result = toys.one_cell()
    none = required_pore_radius(result, "5 mA/cm^2", design={"thickness": "2 mm"})
    assert none.value is None
    assert none.sentence().startswith("No pore radius is small enough for 5 mA/cm^2")
    assert none.mechanism == "depletion"
    assert none.to_dict()["interval"] == [None, None]
    every = required_pore_radius(result, "1e-5 mA/cm^2")
    assert every.value is None
    assert "Any pore radius up to" in every.sentence()
    much = required_pressure(result, "100 mA/cm^2", "3 mAh/cm^2")
    assert much.value is None
    assert "with 9 MPa it bears" in much.sentence()
    more = required_pressure(result, "1 mA/cm^2", "500 mAh/cm^2")
    assert "metal of 500 um holds 56.6 mAh/cm^2, less than the charge" in more.sentence()
    easy = required_pressure(result, "0.1 mA/cm^2", "1 mAh/cm^2")
    assert easy.value == 0.0
    assert "needs no pressure" in easy.sentence()


def test_what_is_extrapolated_is_named_with_the_range_of_the_data() -> None:
    result = toys.Fabricated()
    every = {"porosity": [0.3, 0.5], "thickness": [25.0, 25.0], "concentration": [1.0, 1.0]}
    result.data_ranges = {"liquid": {"pore_radius": [10.0, 20.0], **every}}
    answer = safe_current(result, {**LIQUID, "macmullin_number": "4"})
    assert answer.extrapolation == (
        "pore radius 30 nm (data: 10 to 20 nm)",
        "MacMullin number 4 (no data on it)",
        "temperature 25 degC (no data on it)",
    )
    result.data_ranges["liquid"]["pore_radius"] = [30.02, 50.0]
    assert safe_current(result, LIQUID).extrapolation[0] == (
        "pore radius 30 nm (data: 30.02 to 50 nm)"
    )
    result.data_ranges["liquid"] |= {"temperature": [0.0, 10.0]}
    assert safe_current(result, LIQUID).extrapolation[-1] == (
        "temperature 25 degC (more than 5 K from the data: 0 to 10 degC)"
    )


def test_value_and_interval_are_said_to_be_what_they_are() -> None:
    """The value counts in all that is not known; the interval is of known parameters."""
    result = toys.Fabricated(1000)
    answer = safe_current(result, LIQUID, 0.2)
    assert (
        "with all that is not known counted in, it fails at that current with a probability of 20 %"
    ) in answer.sentence()
    lower, upper = (f"{end:.2g}" for end in answer.interval)
    least, most = (f"{end:.3g}" for end in answer.drawn)
    assert answer.how_sure() == (
        f"How sure: the current at which 20 % of new cells fail lies between {lower} and {upper} "
        "mA/cm^2 with 90 % probability; more data narrow this interval. The value is from 2000 "
        "draws: more of them would put it between "
        f"{least} and {most} mA/cm^2."
    )
    assert answer.warnings[0].startswith("SYNTHETIC DATA")
    assert [*answer.warnings, answer.sentence()] == answer.sentences()[: len(answer.warnings) + 1]
    assert answer.sentences()[len(answer.warnings) + 1] == answer.how_sure()
    assert answer.how_sure() == answer.to_dict()["how_sure"]
    # Where cells hardly differ, a small risk is that of the least favourable parameters.
    for name in ("penetration_scatter", "separator_scatter", "sand_scatter"):
        result.posterior[name][:] = 1e-6
    rare = safe_current(result, LIQUID, 0.02)
    assert rare.value is not None
    assert rare.value < rare.interval[0]
    assert "The value lies outside this interval, on the cautious side" in rare.how_sure()


def test_several_designs_are_answered_one_by_one() -> None:
    few = toys.Fabricated(300)
    designs = [LIQUID, {**LIQUID, "charge": "1 mAh/cm^2"}]
    assert safe_current(few, designs, 0.2) == [safe_current(few, each, 0.2) for each in designs]


def test_a_risk_that_the_evenly_spread_cells_do_not_reach_has_no_interval(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert len(CellNoise(1).table) * LEAST_SHARE_OF_CELLS == 1.0
    for room in ("answer", "solving"):
        monkeypatch.setattr(f"inference.maps.{room}.LEAST_SHARE_OF_CELLS", 0.2)
    few = toys.Fabricated(300)
    for risk, told in ((0.1, False), (0.2, True)):
        for answer in (
            safe_current(few, LIQUID, risk),
            required_pore_radius(few, "1 mA/cm^2", risk),
        ):
            assert np.isfinite(answer.interval).all() == told
            assert ("not told" in answer.how_sure()) != told
    untold = safe_current(few, LIQUID, 0.1)
    assert untold.to_dict()["interval"] == [None, None]
    assert untold.how_sure() == (
        "How sure: not told. At risks below 20 % the cells that stand for all new ones hold none "
        "so weak. The value is from 600 draws: more of them would put it between "
        f"{untold.drawn[0]:.3g} and {untold.drawn[1]:.3g} mA/cm^2."
    )


def test_the_monte_carlo_error_of_an_answer_is_what_other_draws_show() -> None:
    result = toys.Fabricated(4000)
    answers = [safe_current(result, LIQUID, 0.1, draws=400, seed=seed) for seed in range(60)]
    values = [answer.value for answer in answers if answer.value is not None]
    center = float(np.median(values))
    held = sum(answer.drawn[0] <= center <= answer.drawn[1] for answer in answers)
    assert held >= 44  # 54 expected of 60, and fewer than 44 once in ten thousand
    widths = [answer.drawn[1] - answer.drawn[0] for answer in answers]
    assert np.median(widths) == pytest.approx(2 * 1.645 * np.std(values), rel=0.5)


def test_metal_that_does_not_hold_the_charge_bears_no_current_and_this_is_said() -> None:
    result = toys.one_cell()
    never = safe_current(result, {**SOLID, "charge": "80 mAh/cm^2"})
    assert never.value == 0.0
    assert never.reason == (
        "metal of 500 um holds 56.6 mAh/cm^2, less than the charge of a half-cycle."
    )
    assert f"bears no current: {never.reason}" in never.sentence()
    assert not any("fails at" in each or "How sure" in each for each in never.sentences())
    # The metal of most built cells holds the charge, that of more than the risk does not.
    design = {**SOLID, "charge": "45 mAh/cm^2", "metal_thickness_sd": "40 %"}
    some = safe_current(result, design)
    assert some.value == 0.0
    share = float(some.reason.split()[1]) / 100
    exact = ndtr(math.log(45 / 56.6) / math.sqrt(math.log1p(0.4**2)))
    assert share == pytest.approx(exact, abs=5 * math.sqrt(0.25 / 2000))
    assert some.reason.endswith("% of new cells the metal does not hold the charge.")
    most = safe_current(result, design, 0.5)
    assert most.value is not None
    assert most.value > 0.0
    assert most.reason == ""


def test_pores_and_protocol_are_part_of_an_answer() -> None:
    result = toys.Fabricated()
    for design, key, value, words in (
        ({**LIQUID, "pore_type": "straight"}, "pore_type", "straight", "straight pores"),
        (SOLID, "protocol", "step", "current in steps"),
        ({**SOLID, "protocol": "one_way"}, "protocol", "one_way", "current one way"),
    ):
        answer = safe_current(result, design)
        assert answer.to_dict()[key] == value
        of = " of a new separator" if design["cell"] == "liquid" else ""
        assert f"a new {design['cell']} cell{of} ({words}, " in answer.sentence()


def test_a_map_as_a_table_says_its_tolerances_and_its_protocol() -> None:
    result = toys.Fabricated()
    both = {"pore_radius_sd": "20 %", "temperature_sd": "1 K", "porosity_sd": 0.02}
    liquid = {"cell": "liquid", "pore_radius": ["10 nm", "40 nm"], **both, "pore_type": "straight"}
    table = map_table(safe_current_map(result, liquid))
    assert table["pore_radius_sd [nm]"].tolist() == pytest.approx([2.0, 8.0])
    assert table["temperature_sd [K]"].tolist() == [1.0, 1.0]
    assert table["porosity_sd [1]"].tolist() == [0.02, 0.02]
    assert set(table["pore_type"]) == {"straight"}
    solid = map_table(safe_current_map(result, {**SOLID, "protocol": "one_way"}))
    assert set(solid["protocol"]) == {"one_way"}


def test_a_map_states_the_ranges_by_which_it_calls_itself_extrapolated() -> None:
    result = toys.Fabricated()
    result.data_ranges = {
        "solid": {"charge": [0.4, 18.0]},
        "solid step": {"charge": [0.4, 1.75]},
        "solid one_way": {"charge": [2.0, 18.0]},
    }
    for protocol in ("step", "one_way"):
        chart = safe_current_map(result, {**SOLID, "protocol": protocol})
        assert json.loads(chart.attrs["data_ranges"]) == result.data_ranges[f"solid {protocol}"]


@pytest.mark.parametrize(
    ("ask", "arguments", "message"),
    [
        (safe_current, ({"cell": "liquid"},), "no single value of pore_radius: give one"),
        (safe_current, ({"cell": "solid"},), "charge and pressure: give one"),
        (safe_current, (LIQUID, 0.9), "risk is 0.9"),
        (safe_current, ({**SOLID, "pressure": "12 MPa"},), "nothing is known above 9 MPa"),
        (required_pore_radius, ("2 mA",), "current: .*dimension"),
        (required_pore_radius, ("-1 mA/cm^2",), "current is -1 mA/cm.2, legal are"),
        (required_pore_radius, (1.0, 0.05, {"pore_radius": "5 nm"}), "looks for 'pore_radius'"),
        (required_pressure, (1.0, 1.0, 0.05, {"charge": "1 mAh/cm^2"}), "leave 'charge' out"),
        (required_pressure, (1.0, 1.0, 0.05, {"cell": "liquid"}), "a question about solid cells"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(
    ask: Any, arguments: tuple[Any, ...], message: str
) -> None:
    with pytest.raises(MapError, match=message):
        ask(toys.Fabricated(20), *arguments)


def test_a_pressure_that_all_rows_share_is_taken_and_one_that_varies_is_asked_for() -> None:
    result = toys.Fabricated(200)
    asked = {"cell": "solid", "charge": "1 mAh/cm^2"}
    result.data_ranges["solid"] = {"pressure": [0.0, 0.0]}
    answer = safe_current(result, asked)
    assert answer.value == safe_current(result, {**asked, "pressure": "0 MPa"}).value
    assert answer.notes[0] == (
        "The stack pressure was not stated: 0 MPa, as in all rows of solid cells."
    )
    stated = safe_current(result, {**asked, "pressure": "3 MPa"})
    assert not any("was not stated" in each for each in stated.notes)
    result.data_ranges["solid"] = {"pressure": [0.0, 3.0]}
    with pytest.raises(MapError, match="no single value of pressure"):
        safe_current(result, asked)
    result.data_ranges["liquid"] = {"pore_radius": [14.0, 14.0]}  # of a separator, no condition
    with pytest.raises(MapError, match="no single value of pore_radius"):
        safe_current(result, {"cell": "liquid"})


def test_what_all_rows_share_stands_for_what_a_design_leaves_open() -> None:
    """In answers, which say so, in maps, and where the page starts; not what varies or is given."""
    result = toys.Fabricated(200)
    result.data_ranges = {
        "solid step": {"metal_thickness": [1000.0, 1000.0], "temperature": [40.0, 60.0]},
        "solid": {"metal_thickness": [500.0, 1000.0]},
        "liquid": {"pore_radius": [20.0, 20.0], "porosity": [0.5, 0.5], "temperature": [25.0] * 2},
    }
    asked = {"cell": "solid", "charge": "1 mAh/cm^2", "pressure": "3 MPa"}
    answer = safe_current(result, asked)
    assert answer.notes[0] == (
        "The metal thickness was not stated: 1000 um, as in all rows of solid cells."
    )
    stated = safe_current(result, {**asked, "metal_thickness": "1000 um"})
    assert answer.value == stated.value
    assert not any("not stated" in each for each in stated.notes)
    assert answer.conditions["temperature"] == 25.0
    one_way = safe_current(result, {**asked, "protocol": "one_way"})
    assert one_way.conditions["metal_thickness"] == 500.0
    assert float(safe_current_map(result, asked)["metal_thickness"]) == 1000.0
    liquid = safe_current(result, {"cell": "liquid", "pore_radius": "30 nm"})
    assert [each for each in liquid.notes if "not stated" in each] == [
        "The porosity was not stated: 0.5, as in all rows of liquid cells."
    ]
    start, _ = start_design(result, "liquid", {})
    assert start.axes["pore_radius"].values == [20.0]


def anodebayes(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.output


@pytest.mark.parametrize(
    ("at", "separator", "cell", "message"),
    [
        (["separator=PP"], None, None, "name it by --separator 'PP', for liquid cells"),
        ([], "PP", "solid", "--separator 'PP' is of liquid cells"),
        ([], "pp", None, "'pp' (did you mean 'PP'?)"),
    ],
)
def test_a_separator_asked_for_where_none_can_be_is_refused_plainly(
    at: list[str], separator: str | None, cell: str | None, message: str
) -> None:
    result = toys.Fabricated(20)
    result.attrs["separators"] = json.dumps({"PP": {"pore_radius": "20 nm"}})
    with pytest.raises(MapError) as caught:
        asked_design(result, at, separator, cell)
    assert message in str(caught.value)


@pytest.mark.slow
@pytest.mark.xdist_group("literature")
def test_the_command_line_gives_the_answers_of_python(literature_result: Result) -> None:
    run = literature_result.folder
    trilayer = {"pore_radius": "14 nm", "pore_radius_sd": "4 nm", "thickness": "25 um"}
    trilayer |= {"porosity": "0.39", "porosity_sd": "0.03"}
    charge = "charge=2 mAh/cm^2"
    asked = ("ask", "safe-current", run, "--separator", "trilayer", "--at", charge, "--json")
    code, printed = anodebayes(*asked)
    assert code == 0, printed
    told = json.loads(printed)
    due = safe_current(
        literature_result,
        {"cell": "liquid", "separators": ["trilayer"], "charge": "2 mAh/cm^2"},
    )
    assert told["value"] == due.value
    assert told["interval"] == list(due.interval)
    assert told["sentence"] == due.sentence()
    assert (told["separator"], due.separator) == ("trilayer", "trilayer")
    code, printed = anodebayes(*asked, "--at", "porosity=0.45")
    assert code == 0, printed
    changed = json.loads(printed)
    assert changed["separator"] is None
    assert changed["notes"][0].startswith("'trilayer' with a property changed or left open is")
    code, printed = anodebayes(
        "ask", "required-pressure", run, "--current", "1 mA/cm^2", "--capacity", "2.5 mAh/cm^2"
    )
    assert code == 0, printed
    due = required_pressure(literature_result, 1.0, 2.5)
    assert due.sentence() in " ".join(printed.split())
    code, printed = anodebayes(
        "ask", "required-pore-radius", run, "--current", "2 mA/cm^2", "--separator", "trilayer",
        "--risk", "10 %",
    )  # fmt: skip
    assert code == 0, printed
    sd = f"{100 * 4.0 / 14.0!r} %"
    rest = {key: value for key, value in trilayer.items() if "radius" not in key}
    due = required_pore_radius(literature_result, 2.0, 0.1, {**rest, "pore_radius_sd": sd})
    assert due.sentence() in " ".join(printed.split())
    for arguments, message in (
        (("--at", "pore_radius 30 nm"), "write NAME=VALUE"),
        (("--at", "pore_radios=30 nm"), "did you mean 'pore_radius'"),
        (("--separator", "trilayr"), "did you mean 'trilayer'"),
        ((), "Give --cell liquid or --cell solid"),
        (("--at", "pore_radius=30 nm", "--risk", "much"), "--risk: 'much'"),
    ):
        code, printed = anodebayes("ask", "safe-current", run, *arguments)
        assert code == 2
        assert message in " ".join(printed.split())


@pytest.mark.slow
@pytest.mark.xdist_group("literature")
def test_map_writes_tables_and_the_separators_on_request(
    literature_result: Result, tmp_path: Path
) -> None:
    import shutil

    assert literature_result.folder is not None
    run = Path(shutil.copytree(literature_result.folder, tmp_path / "run"))
    assert anodebayes("map", run)[0] == 0
    for cell in ("liquid", "solid"):
        head = (run / f"map_{cell}.csv").read_text().partition("\n")[0]
        assert "safe_current_density_at_5_percent_risk [mA/cm^2]" in head.split(",")
    code, printed = anodebayes("map", run, "--separator", "all")
    assert code == 0, printed
    assert "AAO 200 nm" in printed
    assert {"map_separators.nc", "map_separators.csv"} <= {path.name for path in run.iterdir()}
    code, printed = anodebayes("map", run, "--separator", "trilayr")
    assert code == 2
    assert "did you mean 'trilayer'" in " ".join(printed.split())
