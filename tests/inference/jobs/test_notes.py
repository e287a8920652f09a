"""What is no mistake but stands in the way of a fit, or makes it too sure, is said beforehand."""

import re
from collections.abc import Callable, Sequence
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.typing import NDArray

from data.campaign import Campaign
from data.errors import ModelError
from inference.cli.commands import app
from inference.jobs.notes import campaign_notes, dependent_rows, unused_options
from inference.rows.copied import copied_rows
from inference.rows.doubtful import doubtful_cells
from inference.runs.findings import findings
from inference.runs.fitting import dry_run
from models.blocks import block, block_names
from models.joint import joint_model
from models.options import ModelOptions

SEPARATORS = """separator,pore_type,pore_radius [nm],thickness [um],porosity [1]
A,straight,100,60,0.35"""
# One table a block with three rows, at 25, {0} and {1} degC.
ROWS = {
    "penetration": """cell,separator,temperature [degC],current_density [mA/cm^2],outcome
        p1,A,25,1,survived
        p2,A,{0},1,survived
        p3,A,{1},9,penetrated""",
    "critical_current": """separator,temperature [degC],current_density_lower [mA/cm^2],\
        current_density_upper [mA/cm^2],bracket_from
        A,25,2.5,3,one_cell
        A,{0},2.5,3,one_cell
        A,{1},2.5,3,one_cell""",
    "kinetics": """cell,temperature [degC],overpotential [mV],current_density [mA/cm^2]
        k,25,60,9
        k,{0},60,9
        k,{1},60,9""",
    "lsv": """cell,separator,layers,concentration [mol/L],temperature [degC],area [cm^2],\
        plateau_current [mA]
        l1,A,1,1,25,1,2
        l2,A,1,1,{0},1,2
        l3,A,1,1,{1},1,2""",
    "sand": """cell,electrode_distance [mm],concentration [mol/L],temperature [degC],\
        current_density [mA/cm^2],sand_time [s],stop_time [s]
        s1,20,1,25,20,200,900
        s2,20,1,{0},20,200,900
        s3,20,1,{1},20,200,900""",
    "dc_polarization": """cell,protocol,temperature [degC],pressure [MPa],\
        current_density_lower [mA/cm^2],current_density_upper [mA/cm^2],step_time [s]
        d1,step,25,0,4,5,900
        d2,step,{0},0,4,5,900
        d3,step,{1},0,4,5,900""",
    "creep": """specimen,temperature [degC],strain_rate [1/s],stress [MPa]
        c1,25,1e-3,0.3
        c2,{0},1e-3,0.3
        c3,{1},1e-3,0.3""",
    "morphology": """cell,temperature [degC],pressure [kPa],current_density [mA/cm^2],\
        plating_time [s],coverage [1]
        m1,25,100,1,60,0.3
        m2,{0},100,1,60,0.3
        m3,{1},100,1,60,0.3""",
}
ENERGY = {"distribution": "LogNormal", "median": "30 kJ/mol", "sigma": 0.3}


def at(campaign_of: Callable[..., Campaign], names: list[str], *hot: float) -> Campaign:
    tables = {name: ROWS[name].format(*hot) for name in names}
    return campaign_of(separators=SEPARATORS, **tables)


@pytest.mark.parametrize("name", sorted(ROWS))
def test_the_note_of_validate_and_the_refusal_of_a_fit_name_the_same_rows(
    name: str, campaign_of: Callable[..., Campaign]
) -> None:
    """A block says by itself which parameter has no law of temperature: the model agrees."""
    assert {*ROWS, "published"} == {*block_names()}
    campaign = at(campaign_of, [name], 30.5, 60)
    notes = campaign_notes(campaign)
    law = block(name).isothermal
    if law is None:
        assert notes == []
        joint_model(campaign)
        return
    assert len(notes) == 1
    where = f"{name}.csv, lines 3, 4 (30.5 to 60 degC)"
    with pytest.raises(ModelError) as raised:
        joint_model(campaign)
    for text in (notes[0], str(raised.value)):
        assert where in text
        assert f"[priors.{law}_activation_energy]" in text
    joint_model(campaign, ModelOptions(priors={f"{law}_activation_energy": ENERGY}))
    near = at(campaign_of, [name], 30, 20)
    assert campaign_notes(near) == []
    joint_model(near)


def test_all_rows_of_all_tables_are_refused_in_one_error(
    campaign_of: Callable[..., Campaign],
) -> None:
    campaign = at(campaign_of, ["kinetics", "sand", "lsv", "creep"], 45, 45)
    with pytest.raises(ModelError) as raised:
        joint_model(campaign)
    text = str(raised.value)
    for name in ("kinetics", "sand", "lsv"):
        assert f"{name}.csv, lines 3, 4 (45 degC)" in text
    assert "creep" not in text
    assert "exchange_current_density_activation_energy] and [priors.ambipolar" in text
    energy = {"ambipolar_diffusivity_activation_energy": ENERGY}
    with pytest.raises(ModelError) as raised:
        joint_model(campaign, ModelOptions(priors=energy))
    assert "sand" not in str(raised.value)
    joint_model(campaign, ModelOptions(priors=energy, blocks=("sand", "lsv", "creep")))
    many = campaign_of(
        kinetics="cell,temperature [degC],overpotential [mV],current_density [mA/cm^2]\n"
        + "\n".join(f"k,{25 if i % 10 == 0 else 50},60,9" for i in range(500))
    )
    assert "lines 3 to 11, 13 to 21, 23 to 31" in campaign_notes(many)[0]
    assert len(campaign_notes(many)[0]) < 700
    assert "and 180 more" in campaign_notes(many)[0]


def test_validate_prints_the_notes_and_still_finds_no_mistake(
    campaign_of: Callable[..., Campaign],
) -> None:
    from typer.testing import CliRunner

    campaign = at(campaign_of, ["kinetics"], 40, 60)
    done = CliRunner().invoke(app, ["validate", str(campaign.path)])
    assert done.exit_code == 0
    text = " ".join(done.output.split())
    assert "For a fit - kinetics.csv, lines 3, 4 (40 to 60 degC)" in text
    assert text.endswith("No mistakes.")


PUBLISHED = "quantity,value,relative_sd [1],unit,separator,protocol,source,exclude\n"
TRANSPORT = [
    "ambipolar_diffusivity,2e-6,0.2,cm^2/s,,,{0},",
    "transference_number,0.5,0.1,1,,,{0},",
    "diffusivity_over_anion_transference,4e-6,0.1,cm^2/s,,,{0},",
    "diffusivity_over_anion_transference_squared,8e-6,0.2,cm^2/s,,,{0},",
]


@pytest.mark.parametrize(
    ("rows", "noted"),
    [
        ([row.format("mine") for row in TRANSPORT], "lines 2, 3, 4, 5"),
        ([row.format("mine") for row in TRANSPORT[1:]], "lines 2, 3, 4"),
        ([row.format("mine") for row in TRANSPORT[2:]], ""),
        ([row.format("mine") for row in TRANSPORT[:2]], ""),
        ([TRANSPORT[0].format("other"), *(row.format("mine") for row in TRANSPORT[2:])], ""),
        ([TRANSPORT[0].format("mine") + "shown", *(r.format("mine") for r in TRANSPORT[2:])], ""),
        # One paper under its key and its DOI.
        (
            [
                TRANSPORT[0].format("ma2022"),
                *(row.format("doi:10.1002/aenm.202102967") for row in TRANSPORT[2:]),
            ],
            "lines 2, 3, 4",
        ),
        (
            [
                "surface_energy,2.5,0.2,J/m^2,,,mine,",
                "contact_angle,150,0.1,degree,,,mine,",
                "wetting_product,2.2,0.2,J/m^2,,,mine,",
            ],
            "surface_energy, contact_angle and wetting_product",
        ),
        (
            [
                "self_diffusivity,5e-9,0.2,cm^2/s,,,mine,",
                "supply_factor,0.5,0.2,1,,step,mine,",
                "effective_self_diffusivity,1.2e-9,0.2,cm^2/s,,step,mine,",
                "supply_factor,0.9,0.2,1,,one_way,mine,",
            ],
            "(protocol step)",
        ),
        (
            [
                "critical_current_density,9,0.2,mA/cm^2,A,,mine,",
                "limiting_current_density,100,0.2,mA/cm^2,A,,mine,",
                "critical_to_limiting_ratio,0.09,0.2,1,A,,mine,",
            ],
            "(separator A)",
        ),
    ],
)
def test_one_source_of_rows_that_follow_from_each_other_is_noted(
    rows: list[str], noted: str, campaign_of: Callable[..., Campaign]
) -> None:
    campaign = campaign_of(separators=SEPARATORS, published=PUBLISHED + "\n".join(rows))
    notes = dependent_rows(campaign)
    assert len(notes) == bool(noted), notes
    assert campaign_notes(campaign) == notes
    for note in notes:
        assert noted in note
        assert "any two determine the rest" in note
        assert "`exclude`" in note


STEPS = (
    "cell,protocol,temperature [degC],pressure [MPa],current_density_lower [mA/cm^2],"
    "current_density_upper [mA/cm^2],step_time [min]\n"
)
VERDICTS = "cell,separator,temperature [degC],current_density [mA/cm^2],outcome\n"


def test_one_cell_under_several_names_and_several_as_one_are_doubted(
    campaign_of: Callable[..., Campaign],
) -> None:
    stepped = [f"K{i} step {0.2 * j:g},A,25,{0.2 * j:g},survived" for i in (1, 2) for j in (1, 2)]
    campaign = campaign_of(
        separators=SEPARATORS,
        penetration=VERDICTS + "\n".join(stepped),
        dc_polarization=STEPS + "C1 3min,step,25,0,5,9,3\nC1 5min,step,25,0,3,6,5",
    )
    wide, timed, one = doubtful_cells(campaign)
    assert "'K1 step 0.2', 'K1 step 0.4' look like tests of one cell, 'K1'" in one
    assert "and so do names of 1 more" in one
    assert "critical_current.csv, bracket_from one_cell" in one
    assert "'C1'" in timed
    assert "lines 2 and 3: cells fail within steps as wide as 5 to 9 mA/cm^2. If these" in wide
    assert "current_density_lowest" in wide
    many = STEPS + "\n".join(f"C{each},step,25,0,5,9,3" for each in "ABCDEFGHIJK")
    [alone] = [each for each in doubtful_cells(campaign_of(dc_polarization=many)) if "wide" in each]
    assert "lines 2, 3, 4 and 8 more: cells fail within steps as wide as 5 to 9" in alone
    assert {one, timed, wide} <= {*campaign_notes(campaign)}
    names = (
        "PP-1",
        "PP-2",
        "PP 3",
        "S4",
        "cell_12",
        "2024-05-01",
        "A1",
        "A 1",
        "cell 12 A",
        "cell 13 A",
    )
    plain = campaign_of(
        separators=SEPARATORS,
        penetration=VERDICTS + "\n".join(f"{name},A,25,1,survived" for name in names),
        dc_polarization=STEPS + "a,step,25,0,1,2,3\nb,step,25,0,6,7,3",
    )
    assert doubtful_cells(plain) == []


@pytest.mark.parametrize(
    "name", ["K1 step1", "cell1step3", "N1 cycle 1", "K1 #0.5 mA", "K1 retest"]
)
def test_names_of_tests_of_one_cell_are_seen_however_they_are_spelt(
    name: str, campaign_of: Callable[..., Campaign]
) -> None:
    base = re.split(r"[ s]*(?:step|cycle|#|retest)", name)[0].strip()
    rows = f"{base},A,25,1,survived\n{name},A,25,2,survived"
    [note] = doubtful_cells(campaign_of(separators=SEPARATORS, penetration=VERDICTS + rows))
    assert f"look like tests of one cell, {base!r}" in note


def test_staircases_are_seen_by_their_currents_and_ladders_of_cells_are_not(
    campaign_of: Callable[..., Campaign],
) -> None:
    def verdicts(ends: list[int], *, ladder: bool) -> Campaign:
        rows = []
        for end in ends:
            for step in range(1, 10 if ladder else end + 1):
                outcome = "penetrated" if step >= end else "survived"
                rows.append(f"{len(rows) + 1},A,25,{0.5 * step:g},{outcome}")
        return campaign_of(separators=SEPARATORS, penetration=VERDICTS + "\n".join(rows))

    [note] = doubtful_cells(verdicts([5, 7, 4], ladder=False))
    assert "lines 2 to 17 read like 3 cells stepped up from 0.5 to 3.5 mA/cm^2" in note
    assert doubtful_cells(verdicts([5, 7, 4], ladder=True)) == []
    cells = [f"{i}-{j},step,25,0,{j},{'' if j < 5 else 6},15" for i in (1, 2) for j in range(1, 6)]
    stepped = campaign_of(dc_polarization=STEPS + "\n".join(cells))
    [note] = doubtful_cells(stepped)
    assert "lines 2 to 11 read like 2 cells stepped up from 1 to 6 mA/cm^2" in note
    right = [f"{i},step,25,0,{4 + i},{5 + i},15" for i in range(6)]
    assert doubtful_cells(campaign_of(dc_polarization=STEPS + "\n".join(right))) == []


PAPER = ["paper-5min,step,25,0,5,9,5", "paper-15min,step,25,0,3,6,15", "P3,step,25,0,2.5,3.5,30"]


@pytest.mark.parametrize(
    ("rows", "lines"),
    [
        ([*PAPER, "own,step,25,0,4,4.5,15"], "lines 2, 3 and 4"),
        (
            [*(f"c{i},step,25,0,{3 + i / 4},{3.25 + i / 4},15" for i in range(6)), PAPER[1]],
            "line 8",
        ),
        (PAPER[:1], "line 2"),
        # Staircases of one height, or of several, in which other cells failed, too.
        ([f"c{i},step,25,0,{low},{low + 1},15" for i, low in enumerate((1, 2, 3, 5, 7))], ""),
        (
            [
                *(f"a{i},step,25,0,{low},{low + 1},5" for i, low in enumerate((2, 4, 2, 5))),
                *(f"b{i},step,25,0,{low},{low + 0.2:g},60" for i, low in enumerate((1, 1.4))),
            ],
            "",
        ),
        (["a,step,25,0,1,1.5,15"], ""),
    ],
)
def test_wide_steps_are_doubted_one_by_one_and_before_their_names(
    rows: list[str], lines: str, campaign_of: Callable[..., Campaign]
) -> None:
    notes = doubtful_cells(campaign_of(dc_polarization=STEPS + "\n".join(rows)))
    if not lines:
        assert notes == []
        return
    assert notes[0].startswith(f"dc_polarization.csv, {lines}: ")
    assert "If these are the lowest and the highest current" in notes[0]
    assert [each for each in notes[1:] if "look like tests of one cell" not in each] == []


def cells_of(
    currents: NDArray[np.float64], failed: NDArray[np.bool_], order: NDArray[np.int_]
) -> xr.Dataset:
    alike = dict.fromkeys(("separator", "temperature", "lab"), np.zeros(currents.size))
    columns = {
        "current_density": currents[order],
        "outcome": np.where(failed, "penetrated", "survived")[order],
        "cell": np.arange(currents.size).astype(str),
        "line": np.arange(currents.size) + 2,
    }
    return xr.Dataset({name: ("row", each) for name, each in (columns | alike).items()})


def orders(currents: NDArray[np.float64], rng: np.random.Generator) -> list[NDArray[np.int_]]:
    """As entered, newest first, by current either way, and by chance."""
    entered = np.arange(currents.size)
    rising = np.argsort(currents, kind="stable")
    return [entered, entered[::-1], rising, rising[::-1], rng.permutation(currents.size)]


def test_cells_stepped_up_row_by_row_are_seen_in_whatever_order() -> None:
    rng = np.random.default_rng(40)
    for _ in range(40):
        steps = np.arange(0.2, 12.0, 0.2)
        cells = 2.6 * np.exp(0.35 * rng.standard_normal(8))
        tests = [(j, cell < j) for cell in cells for j in steps[steps < cell + 0.2]]
        current, failed = (np.array(each) for each in zip(*tests, strict=True))
        for order in orders(current, rng):
            [note] = doubtful_tables(cells_of(current, failed, order))
            assert "read like 8 cells stepped up from 0.2 to" in note


def test_ladders_of_cells_are_no_staircases_by_simulation() -> None:
    """One cell a row: one or several at each current, or up and down; below 1 % of 2000."""
    rng = np.random.default_rng(3)
    alarms = 0
    for trial in range(400):
        scatter = rng.choice([0.05, 0.1, 0.2, 0.3, 0.5])
        steps = np.round(np.geomspace(0.3, 6.0, int(rng.integers(3, 16))), 2)
        many = (
            np.ones(steps.size, int),
            np.full(steps.size, rng.integers(2, 7)),
            rng.integers(1, 5, steps.size),
        )
        current = np.repeat(steps, many[trial % 4 % 3])
        failed = current > 2.5 * np.exp(scatter * rng.standard_normal(current.size))
        if trial % 4 == 3:
            at, tests = int(rng.integers(steps.size)), []
            for _ in range(int(rng.integers(8, 30))):
                tests.append((steps[at], steps[at] > 2.5 * np.exp(scatter * rng.normal())))
                at = int(np.clip(at + (-1 if tests[-1][1] else 1), 0, steps.size - 1))
            current, failed = (np.array(each) for each in zip(*tests, strict=True))
        for order in orders(current, rng):
            alarms += bool(doubtful_tables(cells_of(current, failed, order)))
    assert alarms < 20


def doubtful_tables(penetration: xr.Dataset) -> list[str]:
    campaign = SimpleNamespace(tables={"penetration": penetration})
    return doubtful_cells(campaign)  # type: ignore[arg-type]


ONE_WAY = (
    "cell,protocol,temperature [degC],pressure [MPa],current_density [mA/cm^2],"
    "transition_time [{unit}],stop_time [{unit}]\n"
)


def polarised(times: Sequence[float], unit: str = "s") -> str:
    rows = (f"N{i},one_way,25,0,1,{time!r},1e5" for i, time in enumerate(times))
    return ONE_WAY.format(unit=unit) + "\n".join(rows)


def test_one_cell_under_unrelated_names_is_seen_by_its_numbers(
    campaign_of: Callable[..., Campaign],
) -> None:
    others = [3120.7, 5230.4, 4405.9, 3904.2]
    copied = [others[0], 3551.3, *others[1:3], 3551.3, others[3], 3551.3]
    [note] = doubtful_cells(campaign_of(dc_polarization=polarised(copied)))
    assert "dc_polarization.csv: lines 3, 6 and 8 are the same in every number but the name" in note
    assert "one cell entered more than once counts as so many cells" in note
    [alone] = doubtful_cells(campaign_of(dc_polarization=polarised([3551.3] * 3)))
    assert "lines 2, 3 and 4 are the same" in alone
    failed = "c{},A,25,1,penetrated,{}"
    charges = [0.3127, 0.3127, 0.4411, 0.2795, 0.3127, 0.5203]
    cut = "\n".join(failed.format(i, charge) for i, charge in enumerate(charges))
    header = VERDICTS.strip() + ",capacity [mAh/cm^2]\n"
    [short] = doubtful_cells(campaign_of(separators=SEPARATORS, penetration=header + cut))
    assert "penetration.csv: lines 2, 3 and 6" in short


@pytest.mark.parametrize("many", [1000, 4])  # rows, beyond which pairs are not all looked at
def test_a_sheet_entered_twice_is_seen_by_its_order_however_coarse_its_steps(
    campaign_of: Callable[..., Campaign], monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    monkeypatch.setattr("inference.rows.copied._MANY", many)
    lower = (4.25, 6, 5.5, 5.5, 7.25, 3)
    rows = [f"{name}{i},step,25,0,{j},{j + 0.25},15" for name in "AB" for i, j in enumerate(lower)]
    [note] = doubtful_cells(campaign_of(dc_polarization=STEPS + "\n".join(rows)))
    assert "lines 2 and 8; lines 3 and 9; lines 4 and 10; and 3 more such are the same" in note
    mixed = [*rows[:6], *(rows[6 + at] for at in (3, 0, 5, 1, 4, 2))]  # as six more cells may
    assert doubtful_cells(campaign_of(dc_polarization=STEPS + "\n".join(mixed))) == []


def test_cells_that_agree_to_their_steps_or_digits_are_no_copies(
    campaign_of: Callable[..., Campaign],
) -> None:
    steps = [5, 5, 6, 5, 4, 5, 6, 7, 5]
    rows = [f"S{i},step,25,0,{0.1 * at:.2g},{0.1 * at + 0.1:.2g},15" for i, at in enumerate(steps)]
    area = [
        f"S{i},step,25,0,{0.05 * at / 0.785:.8g},{0.05 * (at + 1) / 0.785:.8g},15"
        for i, at in enumerate(steps)
    ]
    hours = polarised([1.1, 1.1, 1.2, 1.3, 1.1, 0.9, 1.2], "h")
    minutes = polarised([round(each / 60, 3) for each in (64, 64, 66, 67, 64, 61, 66, 70)], "h")
    planned = "\n".join(f"c{i},A,25,{1 + i % 2},survived,1.2345" for i in range(12))
    for tables in (
        {"dc_polarization": STEPS + "\n".join(rows)},
        {"dc_polarization": STEPS + "\n".join(area)},
        {"dc_polarization": hours},
        {"dc_polarization": minutes},
        {
            "separators": SEPARATORS,
            "penetration": VERDICTS.strip() + ",capacity [mAh/cm^2]\n" + planned,
        },
    ):
        assert doubtful_cells(campaign_of(**tables)) == []


def test_cells_rounded_to_steps_raise_no_alarm_by_simulation() -> None:
    """The chance is below 1e-3 a table: of 240, one is rare."""
    rng = np.random.default_rng(11)
    alarms = 0
    for scatter in (0.02, 0.05, 0.2, 0.4):
        for step in (0.02, 0.1):
            for _ in range(30):
                place = np.exp(scatter * rng.standard_normal(int(rng.integers(3, 30)))) / step
                rows = {
                    "current_density_lower": step * np.maximum(np.floor(place), 0.5),
                    "current_density_upper": step * (np.floor(place) + 1.0),
                    "protocol": np.full(place.size, "step"),
                    "line": np.arange(place.size),
                }
                table = xr.Dataset({name: ("row", each) for name, each in rows.items()})
                alarms += bool(copied_rows("dc_polarization", table))
    assert alarms <= 2


def test_brackets_one_step_wide_of_like_separators_are_doubted_as_different_cells(
    campaign_of: Callable[..., Campaign],
) -> None:
    names = [f"A-{i}" for i in range(5)]
    like = SEPARATORS.splitlines()[0] + "".join(f"\n{each},polymer,20,25,0.4" for each in names)
    header = (
        "separator,temperature [degC],current_density_lower [mA/cm^2],"
        "current_density_upper [mA/cm^2],bracket_from\n"
    )

    def brackets(starts: Sequence[float], of: str = "") -> list[str]:
        rows = (f"{name},25,{at},{at + 0.5},{of}" for name, at in zip(names, starts, strict=True))
        return doubtful_cells(
            campaign_of(separators=like, critical_current=header + "\n".join(rows))
        )

    [note] = brackets([4.5, 3.0, 6.0, 9.0, 5.5])
    assert "lines 2 to 6 are brackets one step wide that lie apart, from 3 to 3.5 up to 9" in note
    assert "write one_cell under bracket_from" in note
    assert brackets([4.5, 3.0, 6.0, 9.0, 5.5], "one_cell") == []
    assert brackets([4.5, 4.5, 5.0, 4.5, 4.5]) == []


def test_metal_that_would_run_out_is_told_before_a_fit_refuses_it(
    campaign_of: Callable[..., Campaign],
) -> None:
    header = (
        "cell,protocol,temperature [degC],pressure [MPa],electrode_thickness [um],"
        "current_density [mA/cm^2],transition_time [h],stop_time [h]\n"
    )
    campaign = campaign_of("Li", dc_polarization=header + "c1,one_way,25,1,50,5,15,20")
    [note] = campaign_notes(campaign)
    assert "line 2: 75 mAh/cm^2 was stripped before the transition" in note
    assert "holds 10.3" in note
    with pytest.raises(ModelError, match=re.escape(note)):
        joint_model(campaign)


def test_the_fit_and_its_dry_run_say_it_too(campaign_of: Callable[..., Campaign]) -> None:
    rows = "\n".join(row.format("mine") for row in TRANSPORT)
    campaign = campaign_of(published=PUBLISHED + rows)
    [note] = dependent_rows(campaign)
    assert f"note: {note}" in dry_run(campaign)
    drawn = np.ones((1, 4, 4))
    found = findings(
        campaign,
        xr.Dataset(),
        xr.Dataset({"published": (("chain", "draw", "published_row"), drawn)}),
        pd.DataFrame(columns=["narrowing", "informed_by", "source"]),
        {},
        "marcus_hush_chidsey",
        log_likelihood=xr.Dataset(),
    )
    assert note in found


def test_the_bundled_campaigns_repeat_no_source(literature: Campaign, synthetic: Campaign) -> None:
    for campaign in (literature, synthetic):
        assert campaign_notes(campaign) == []


def test_options_that_reach_no_fitted_row_are_told_and_the_others_are_not(
    campaign_of: Callable[..., Campaign],
) -> None:
    norton = {"dc_polarization": {"creep_current": "norton", "labs": "pooled"}}
    pores = {"penetration": {"pores": "weakest_link"}}
    # How cells differ is mapped from the prior where no row shows it; of plateaus there is no map.
    norton["dc_polarization"]["cells"] = "student_t"
    plateaus = {"lsv": {"cells": "contaminated"}}
    options = ModelOptions(options={**norton, **pores, **plateaus})
    creep = campaign_of(creep=ROWS["creep"].format(25, 25))
    [polarised, entered, plateau] = unused_options(creep, ["creep"], options)
    assert plateau.startswith("[model.options.lsv] cells changes nothing in this fit")
    assert "[model.options.dc_polarization] creep_current, labs change nothing" in polarised
    assert "no penetration.csv and no critical_current.csv is fitted" in entered
    # A published creep-fed current obeys the law; brackets obey the options of single cells.
    published = campaign_of(
        published="quantity,value,relative_sd [1],unit,temperature [degC],pressure [MPa],"
        "metal_thickness [um],source\ncreep_fed_current_density,2.5,0.2,mA/cm^2,25,9,500,one",
        separators=SEPARATORS,
        critical_current=ROWS["critical_current"].format(22, 24),
    )
    note, _ = unused_options(published, ["critical_current", "published"], options)
    assert "[model.options.dc_polarization] labs changes nothing" in note


def test_blank_laboratories_beside_named_ones_are_told_before_the_fit(
    campaign_of: Callable[..., Campaign],
) -> None:
    rows = ROWS["penetration"].format(25, 25).splitlines()
    labs = ("lab", "A", "", "")
    text = "\n".join(f"{row},{lab}" for row, lab in zip(rows, labs, strict=True))
    campaign = campaign_of(
        separators=SEPARATORS + "\nB,straight,50,60,0.35",
        penetration=text,
        critical_current=ROWS["critical_current"].format(22, 24).replace("A,", "B,"),
    )
    [note] = [each for each in campaign_notes(campaign) if "laborator" in each]
    assert note.startswith("penetration.csv and critical_current.csv: 5 rows name no laboratory")
    assert '[model.options.penetration] labs = "pooled"' in note
    alone = campaign_of(separators=SEPARATORS, penetration=ROWS["penetration"].format(25, 25))
    assert not campaign_notes(alone)
