"""Numbers that are no cells of their own are doubted where rows are entered and answers read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data import new_campaign
from data.campaign import Campaign
from inference.designs.scope import DOES_NOT_COVER
from inference.rows.doubtful import doubtful_cells, doubtful_numbers

ONE_WAY = (
    "cell,protocol,temperature [degC],pressure [MPa],current_density [mA/cm^2],"
    "transition_time [s],transition_time_sd [s],transition_time_lower [s],"
    "transition_time_upper [s],stop_time [s]\n"
)
SAND = (
    "cell,electrode_distance [mm],concentration [mol/L],temperature [degC],"
    "current_density [mA/cm^2],sand_time [s],sand_time_sd [s],sand_time_lower [s],"
    "sand_time_upper [s],stop_time [s]\n"
)
SEPARATORS = (
    "separator,pore_type,pore_radius [nm],thickness [um],porosity [1]\nA,polymer,15,25,0.4\n"
)
LSV = (
    "cell,separator,layers,concentration [mol/L],temperature [degC],area [cm^2],"
    "plateau_current [mA],plateau_current_sd [mA]\n"
)
CURRENTS = np.array([1.0, 1.5, 2.0, 3.0, 4.0, 1.2, 2.5, 3.5])
STOP = 1e7


def one_way(times: Any, sds: Any) -> str:
    rows = zip(CURRENTS, times, sds, strict=True)
    return ONE_WAY + "".join(
        f"c{i},one_way,25,0,{j},{t:.6g},{sd if sd == '' else f'{sd:.4g}'},,,{STOP}\n"
        for i, (j, t, sd) in enumerate(rows)
    )


def drawn_times(scatter: float, cells: int = 1, seed: int = 7) -> Any:
    """Draw times of cells whose currents scatter, shape (row, cell)."""
    deviates = np.random.default_rng(seed).standard_normal((CURRENTS.size, cells))
    return 2e4 * CURRENTS[:, None] ** -2 * np.exp(2.0 * scatter * deviates)


@pytest.mark.parametrize("scatter", [0.06, 0.3])
def test_a_mean_over_cells_with_its_sd_is_no_row(
    campaign_of: Callable[..., Campaign], scatter: float
) -> None:
    """Far from any reading of a curve, or as large as the rows differ; an error of 2 % is one."""
    of_five = drawn_times(scatter, 5)
    sds = of_five.std(axis=1, ddof=1)
    alone = drawn_times(scatter)[:, 0]
    for text in (one_way(of_five.mean(axis=1), sds), one_way(alone, 2.0 * scatter * alone)):
        [note] = doubtful_cells(campaign_of(dc_polarization=text))
        assert note.startswith("dc_polarization.csv, ")
        assert "the scatter of several cells about their mean" in note
        assert "of a mean over cells there is no row" in note
    for sd in (0.02, 0.08 if scatter == 0.3 else 0.01):
        assert doubtful_cells(campaign_of(dc_polarization=one_way(alone, sd * alone))) == []
    assert doubtful_cells(campaign_of(dc_polarization=one_way(alone, [""] * 8))) == []


@pytest.mark.parametrize(
    ("tables", "seen"),
    [
        (
            {"sand": SAND + "a,20,1,25,10,900,280,,,9000\nb,20,1,25,20,220,4,,,9000"},
            "line 2: sand_time_sd is 31 % of sand_time,",
        ),
        (
            {"separators": SEPARATORS, "lsv": LSV + "a,A,1,1,25,1,20,1\nb,A,1,1,25,1,21,6"},
            "line 3: plateau_current_sd is 29 % of plateau_current,",
        ),
        (
            {"dc_polarization": ONE_WAY + f"a,one_way,25,0,1,,,9000,30000,{STOP}\n"
             f"b,one_way,25,0,2,,,2500,7000,{STOP}"},
            "every interval of transition_time is as wide as 9000 to 30000",
        ),
        (
            {"dc_polarization": ONE_WAY + f"a,one_way,25,0,1,,,9000,13000,{STOP}\n"
             f"b,one_way,25,0,2,,,2500,7000,{STOP}"},
            "",
        ),
    ],
)  # fmt: skip
def test_so_is_it_in_other_tables_and_as_an_interval(
    campaign_of: Callable[..., Campaign], tables: dict[str, str], seen: str
) -> None:
    notes = doubtful_cells(campaign_of(**tables))
    assert [seen in note for note in notes] == ([True] if seen else [])


@pytest.mark.parametrize(
    ("header", "cell", "doubted"),
    [
        ("[%]", "41", ""),
        ("[%]", "0.41", "0.0041 is far below the 0.01 to 0.99"),
        ("[1]", "0.41", ""),
    ],
)
def test_a_fraction_below_a_header_of_per_cent_is_doubted(
    campaign_of: Callable[..., Campaign], header: str, cell: str, doubted: str
) -> None:
    table = SEPARATORS.replace("porosity [1]", f"porosity {header}").replace("0.4\n", f"{cell}\n")
    notes = doubtful_numbers(campaign_of(separators=table))
    assert [doubted in note for note in notes] == ([True] if doubted else [])


def test_the_rules_are_said_where_rows_are_entered_and_where_maps_are_read(tmp_path: Path) -> None:
    readme = (new_campaign(tmp_path / "mine") / "README.md").read_text().replace("\n", " ")
    assert "every cell that was tested is in the table: early failures" in readme
    assert "a mean over cells is no row" in readme
    assert (
        "| `transition_time_sd [s]` | standard deviation of time at which the potential runs away: "
        "the error of measuring one cell |" in readme
    )
    for text in DOES_NOT_COVER.values():
        assert "cells that were tested and are not in the tables" in text
