"""Workbooks, and tables as spreadsheets save them where the decimal mark is a comma."""

import datetime
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont

from data import CampaignError, InputError, load_campaign
from data.appending import append_rows
from data.metadata import FILE
from data.workbooks import read_workbook
from inference.jobs.reading import load_job

METADATA = {"name": "mine", "metal": "Na", "electrolyte": "NaPF6", "kind": "measured"}
TABLES: dict[str, list[list[Any]]] = {
    "separators": [
        ["separator", "pore_type", "pore_radius [nm]", "thickness [um]", "porosity [%]"],
        ["PP", "polymer", 14, 25.5, 39],
    ],
    "penetration": [
        ["cell", "separator", "temperature [degC]", "current_density [mA/cm^2]", "outcome", "note"],
        ["a", "PP", 25, 0.5, "survived", "bulged, 1.5 mm"],
        [],
        ["b", "PP", 25, 1.25, "penetrated", None],
    ],
}
ROW = {
    "cell": "c",
    "separator": "PP",
    "temperature": 25.0,
    "current_density": 2.125,
    "outcome": "penetrated",
    "capacity": 0.5,
}


def toml(folder: Path) -> None:
    (folder / FILE).write_text("".join(f'{key} = "{value}"\n' for key, value in METADATA.items()))


def written(folder: Path, separator: str, decimal: str, first: str = "") -> Path:
    """Write the tables as text."""
    folder.mkdir()
    toml(folder)
    for name, rows in TABLES.items():
        lines = [
            separator.join(
                f'"{cell}"' if separator in str(cell) else
                str(cell if cell is not None else "").replace(".", decimal)
                if isinstance(cell, float) else str("" if cell is None else cell)
                for cell in row
            )
            for row in rows
        ]  # fmt: skip
        (folder / f"{name}.csv").write_text(first + "\n".join(lines) + "\n")
    return folder


def workbook(path: Path, *, described: bool, tables: Any = None) -> Any:
    """Write the tables as sheets, and what ``campaign.toml`` says as a sheet."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in (tables or TABLES).items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    if described:
        sheet = book.create_sheet("campaign")
        for pair in METADATA.items():
            sheet.append(pair)
    book.create_sheet("_sketches").append(["anything", 1])
    book.save(path)
    return book


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    return written(tmp_path / "plain", ",", ".")


def test_a_workbook_is_the_campaign_that_its_sheets_are_as_files(
    tmp_path: Path, plain: Path
) -> None:
    due = load_campaign(plain)
    workbook(tmp_path / "mine.xlsx", described=True)
    alone = load_campaign(tmp_path / "mine.xlsx")
    assert alone == due
    assert alone.content_hash == due.content_hash
    assert alone.tables["penetration"]["line"].values.tolist() == [2, 4]
    beside = tmp_path / "beside"
    beside.mkdir()
    toml(beside)
    workbook(beside / "tables.xlsx", described=False)
    assert load_campaign(beside) == due
    job = load_job(tmp_path / "mine.xlsx")
    assert job.name == "mine"
    assert load_campaign(job.campaign_location()) == due


def test_no_rows_are_appended_to_a_workbook(tmp_path: Path, plain: Path) -> None:
    workbook(tmp_path / "mine.xlsx", described=True)
    with pytest.raises(InputError, match="is a workbook, to which no rows are appended"):
        append_rows(tmp_path / "mine.xlsx", "penetration", [ROW])
    (plain / "penetration.csv").unlink()
    tables = {"penetration": TABLES["penetration"]}
    workbook(plain / "more.xlsx", described=False, tables=tables)
    before = load_campaign(plain)
    with pytest.raises(InputError, match="penetration is a sheet of"):
        append_rows(plain, "penetration", [ROW])
    assert load_campaign(plain) == before
    # Another table of the campaign is a file, and the sheet is checked with it.
    sand = {"cell": "s", "electrode_distance": 1.0, "concentration": 1.0, "temperature": 25.0,
            "current_density": 5.0, "sand_time": 30.0, "stop_time": 60.0}  # fmt: skip
    append_rows(plain, "sand", [sand])
    assert load_campaign(plain).tables.keys() == {"separators", "penetration", "sand"}


def change(book: Any, how: str) -> None:
    """Break one cell of a workbook, as spreadsheets and people do."""
    sheet = book["penetration"]
    match how:
        case "a date":
            sheet["D2"] = datetime.datetime(2026, 5, 3)
        case "a percentage":
            book["separators"]["E2"] = 0.39
            book["separators"]["E2"].number_format = "0%"
        case "a formula":
            sheet["D2"] = "=1/2"
        case "an error":
            sheet["F2"] = "#REF!"
            sheet["F2"].data_type = "e"
        case "merged":
            sheet.merge_cells("B2:B4")
        case "hidden":
            sheet.row_dimensions[4].hidden = True
        case "text":
            sheet["D2"] = "0,5"
        case "a cell outside":
            sheet["H2"] = 3
        case "a misspelt sheet":
            sheet.title = "penetratoin"
        case "a table twice":
            book.copy_worksheet(sheet).title = "Penetration "
        case "no header":
            book["campaign"].delete_rows(1)
        case "a hidden sheet":
            sheet.sheet_state = "hidden"
        case "a hidden column":
            sheet.column_dimensions["D"].hidden = True
        case "thousands":
            sheet["D2"], sheet["D2"].number_format = 500.0, "0.0,"
        case "another unit":
            sheet["D2"].number_format = '0.0" A/cm2"'
        case "a part of the unit":
            sheet["D2"].number_format = '0.000\\ "mA"'
        case "an escaped unit":
            sheet["D2"].number_format = "0.00\\µ\\A"
        case "a title":
            sheet.insert_rows(1)
            sheet["A1"] = "Penetration of my cells"
        case "struck out":
            sheet["D2"].font = openpyxl.styles.Font(strike=True)
        case "shown as nothing":
            sheet["D2"].number_format = ";;;"
        case "a name shown as nothing":
            sheet["A2"].number_format = "0;-0;0;"
        case "a slip of units":
            sheet["D1"] = "current_density [MA/cm^2]"


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("a date", "sheet 'penetration', line 2: cell D2 holds a date or a time (2026-05-03"),
        ("a percentage", "sheet 'separators', line 2: cell E2 is shown as a percentage"),
        ("a formula", "cell D2 holds a formula without a stored value"),
        ("an error", "cell F2 holds the error #REF!"),
        ("merged", "merges the cells B2:B4"),
        ("hidden", "line 4: is hidden, as by a filter"),
        ("text", "'0,5' holds a decimal comma: write 0.5"),
        ("a cell outside", "line 2: has a cell right of the last header"),
        ("a misspelt sheet", "did you mean 'penetration'?"),
        ("a table twice", "holds the table penetration, and"),
        ("no header", "sheet 'campaign': 'name' is missing"),
        ("a hidden sheet", "sheet 'penetration': is hidden"),
        ("a hidden column", "has cells in the hidden column D"),
        ("thousands", "cell D2 is shown in thousands and holds 500"),
        ("another unit", "cell D2 is shown with 'A/cm2' behind it"),
        ("a part of the unit", "cell D2 is shown with 'mA' behind it"),
        ("an escaped unit", "cell D2 is shown with 'µA' behind it"),
        ("a title", "line 1: 'Penetration of my cells' stands above the headers"),
        ("struck out", "cell D2 holds 0.5 and is struck out"),
        ("shown as nothing", "cell D2 holds 0.5 and shows nothing, by its format ';;;'"),
        ("a name shown as nothing", "cell A2 holds a and shows nothing"),
        ("a slip of units", "write mA/cm^2 if a thousandth is meant"),
    ],
)
def test_what_a_sheet_does_not_say_for_certain_is_refused(
    how: str, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "mine.xlsx"
    workbook(path, described=True)
    book = openpyxl.load_workbook(path)
    change(book, how)
    book.save(path)
    with pytest.raises(CampaignError) as caught:
        load_campaign(path)
    assert words in str(caught.value)
    assert "mine.xlsx" in str(caught.value)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        # The cells of the last row, in place of others.
        (
            lambda xml: re.sub(r'r="([A-F]?)4"', r'r="\g<1>2"', xml),
            "holds row 2 of sheet2 below row 2",
        ),
        (lambda xml: xml.replace('r="A4"', 'r="A3"'), "names cell 1 in row 4 of sheet2 'A3'"),
        (
            lambda xml: xml.replace("<v>1.25</v>", "<w>1.25</w>"),
            "cells that are not blank, of which",
        ),
    ],
)
def test_a_sheet_whose_cells_its_reader_would_lose_is_refused(
    tmp_path: Path, edit: Callable[[str], str], words: str
) -> None:
    workbook(tmp_path / "mine.xlsx", described=True)
    with (
        zipfile.ZipFile(tmp_path / "mine.xlsx") as old,
        zipfile.ZipFile(tmp_path / "b.xlsx", "w") as new,
    ):
        for name in old.namelist():
            content = old.read(name)
            if name == "xl/worksheets/sheet2.xml":
                content = edit(content.decode()).encode()
                assert content != old.read(name)
            new.writestr(name, content)
    with pytest.raises(CampaignError, match=words):
        load_campaign(tmp_path / "b.xlsx")


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("A1048576", "reaches to row 1048576 and column F"),
        ("XFD100000", "reaches to row 100000 and column XFD"),
    ],
)
def test_a_cell_far_from_its_table_is_refused(tmp_path: Path, cell: str, words: str) -> None:
    workbook(tmp_path / "mine.xlsx", described=True)
    book = openpyxl.load_workbook(tmp_path / "mine.xlsx")
    book["penetration"][cell] = "far away"
    book.save(tmp_path / "mine.xlsx")
    with pytest.raises(CampaignError, match=words):
        load_campaign(tmp_path / "mine.xlsx")


def test_spreadsheets_of_other_kinds_are_not_passed_over(tmp_path: Path, plain: Path) -> None:
    (plain / "tables.ods").write_bytes(b"PK")
    with pytest.raises(CampaignError, match=r"tables\.ods: is not read: save it as \.xlsx"):
        load_campaign(plain)
    with pytest.raises(InputError, match=r"is no campaign: .* saved as \.xlsx"):
        load_campaign(plain / "tables.ods")


def test_a_damaged_workbook_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "mine.xlsx"
    workbook(path, described=True)
    content = path.read_bytes()
    for part in (b"", b"PK\x03\x04", content[: len(content) // 2]):
        path.write_bytes(part)
        with pytest.raises(CampaignError, match=r"mine\.xlsx: cannot be opened as a workbook"):
            load_campaign(path)


@pytest.mark.parametrize("first", ["", "sep={}\n", "sep={0}{0}{0}\n"])
@pytest.mark.parametrize(
    ("separator", "decimal"), [(";", ","), (";", "."), ("\t", ","), (",", ".")]
)
def test_tables_of_other_marks_are_read_and_appended_to(
    separator: str, decimal: str, first: str, tmp_path: Path, plain: Path
) -> None:
    folder = written(tmp_path / "other", separator, decimal, first.format(separator))
    campaign = load_campaign(folder)
    assert campaign == load_campaign(plain)
    assert campaign.tables["penetration"]["note"].values[0] == "bulged, 1.5 mm"
    before = (folder / "penetration.csv").read_text()
    append_rows(folder, "penetration", [ROW])
    append_rows(plain, "penetration", [ROW])
    after = (folder / "penetration.csv").read_text()
    assert load_campaign(folder) == load_campaign(plain)
    assert after.splitlines()[-1].split(separator)[3] == f"2{decimal}125"
    header = 1 if first else 0
    assert after.splitlines()[header].startswith(before.splitlines()[header])
    assert after.splitlines()[:header] == before.splitlines()[:header]


def test_thousands_and_decimal_commas_are_told_apart_or_refused(tmp_path: Path) -> None:
    header = "cell;temperature [degC];overpotential [mV];current_density [mA/cm^2]\n"
    toml(tmp_path)

    def read(*rows: str) -> Any:
        (tmp_path / "kinetics.csv").write_text(header + "\n".join(rows) + "\n")
        return load_campaign(tmp_path).tables["kinetics"]

    rows = read("a;25;10,125;1,000", "b;25;0,500;-0,5".replace("-", ""))
    np.testing.assert_array_equal(rows["overpotential"].values, [10.125, 0.5])
    np.testing.assert_array_equal(rows["current_density"].values, [1.0, 0.5])
    with pytest.raises(CampaignError, match=r"1125 or 1\.125"):
        read("a;25;1,125;1")
    with pytest.raises(CampaignError, match=r"'1\.125' holds a point, and '0,5' in line 2"):
        read("a;25;1.125;0,5")
    with pytest.raises(
        CampaignError, match=r"'1\.125,5' holds points between thousands: .* 1125\.5"
    ):
        read("a;25;1.125,5;0,5")
    header = f"My kinetics;;;\n{header}"
    with pytest.raises(CampaignError, match="line 1: 'My kinetics' stands above the headers"):
        read("a;25;1;1")
    header = header.removeprefix("My kinetics;;;\n").replace("\n", ";;\n")
    assert read("a;25;1,5;1;;")["overpotential"].values.tolist() == [1.5]
    with pytest.raises(CampaignError, match="right of the last header"):
        read("a;25;1,5;1;;x")


def test_numbers_a_thousandfold_off_are_told_before_a_fit_and_with_it(tmp_path: Path) -> None:
    from inference.jobs.notes import campaign_notes

    toml(tmp_path)
    header = "cell,electrode_distance [mm],concentration [mol/L],temperature [degC],"
    header += "current_density [A/cm^2],sand_time [s],stop_time [s]\n"
    (tmp_path / "sand.csv").write_text(header + "a,1,1,25,5,30,60\nb,1,1,25,0.005,30,60\n")
    [note] = campaign_notes(load_campaign(tmp_path))
    assert note.startswith("Doubtful: sand, line 2, current_density: 5000 mA/cm^2 is far above")
    toml(tmp_path)
    description = tmp_path / "campaign.toml"
    stated = 'salt_concentration = "1 mol/m^3"'
    description.write_text(f"{stated}\n{description.read_text()}")
    note = campaign_notes(load_campaign(tmp_path))[0]
    assert note.startswith("Doubtful: salt_concentration: 0.001 mol/L is far below the 0.01 to 10")


PLAIN, STRUCK = InlineFont(), InlineFont(strike=True)
PARTS = {
    "a raised mark": ("1.2", TextBlock(InlineFont(vertAlign="superscript"), "3")),
    "struck out": (TextBlock(STRUCK, "1"), TextBlock(PLAIN, "5")),
    "white": ("0.5", TextBlock(InlineFont(color="00FFFFFF"), "9")),
    "a name struck out": (TextBlock(STRUCK, "ma2021 "), TextBlock(PLAIN, "ma2022")),
}


@pytest.mark.parametrize("kind", PARTS)
def test_a_number_in_parts_of_several_formats_is_refused(tmp_path: Path, kind: str) -> None:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(["quantity", CellRichText("value [J/m", TextBlock(PLAIN, "^2]"))])
    book.active.append([CellRichText("wetting_", TextBlock(PLAIN, "product")), "x"])
    book.active["B2"] = CellRichText(*PARTS[kind])
    book.save(tmp_path / "rich.xlsx")
    sheets, mistakes = read_workbook(tmp_path / "rich.xlsx")
    [table] = sheets.values()
    assert table.header == ("quantity", "value [J/m^2]")
    assert table.rows == ((2, ("wetting_product", "")),)
    [mistake] = mistakes
    assert "cell B2 holds" in mistake.message
    assert mistake.line == 2
