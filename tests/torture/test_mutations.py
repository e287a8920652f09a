"""Files of every kind are damaged at random: each is refused in a sentence, or read as it stands.

A sample by seed is a test of seconds; ``make torture`` does all of it. What is read is held against
readers of this file's own, which know nothing of the project's. The table that it prints is that of
`faults.md`.
"""
# ruff: noqa: ARG005, S311, S314 - chance that is repeated by its seed, and XML of our own

import contextlib
import csv
import io
import os
import random
import re
import shutil
import tomllib
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import openpyxl
import pytest
import typer

from data import Campaign, load_campaign, read_record
from data.errors import FeatureError
from data.features import find_penetration, find_plateaus, find_sand_time
from data.schema import ROW_UNIT
from data.tables import tables
from inference.cli.guard import guarded
from inference.designs.reading import read_designs
from inference.importing.recipe import recipe_of
from inference.importing.sidecars import stated_metadata
from inference.jobs.job import Job
from inference.jobs.notes import campaign_notes
from inference.jobs.reading import load_job
from inference.jobs.resolved import resolve
from inference.studies.simulation import Truth, read_truth
from models.priors import resolve_priors
from tests.data.instruments import conftest as makers
from tests.torture.shared import PLACED, SEED, Hangs, at_most, how_many

pytestmark = pytest.mark.torture

COUNT = how_many("MUTATIONS", 250)
LIMIT = 10.0  # s
LEGAL = {0, 2, 3, 4}
BUNDLED = Path(__file__).resolve().parents[2] / "data" / "campaigns" / "sodium-synthetic"

# --- what is done to a file -----------------------------------------------------------------------

ABSURD = (
    "nan", "inf", "-inf", "1e308", "-1e308", "1e309", "1e-308", "5e-324", "-0", "0", "1e20", "-1",
    "9" * 5000, "0." + "0" * 5000 + "1", "1e99999999", "0x1F", "1_000", "1,5", "1.234.567,8",
    "١٢", "½", "∞", "True", "", " ", "=1+1", "'1", "1 2", "--1", "1e", "NaN", "#N/A", "1/0",
)  # fmt: skip
UNITS = (
    "nm*9**9**9**9", "m**1e9", "(" * 40 + "m", "A/m^2", "mA/cm2", "MA/cm^2", "nm", "m", "kg", "1",
    "%", "", "K", "degF", "s", "h", "min", "uA/cm^2", "mA cm⁻²", "µm", "10^-6 m", "V", "mV", "x",
)  # fmt: skip
NAMES = ("..", "a/b", "</script>", "$x$", "=1", "'", '"', "\x1b[31m", "\x00", "\u202e", "x" * 300)
NUMBER = re.compile(r"(?<![\w.])[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])")


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def _with_number(rng: random.Random, text: str) -> str:
    found = [*NUMBER.finditer(text)]
    if not found:
        return text + rng.choice(ABSURD)
    place = rng.choice(found)
    new = (
        rng.choice(ABSURD) if rng.random() < 0.6 else f"{rng.uniform(0, 100):.{rng.randint(1, 9)}g}"
    )
    return text[: place.start()] + new + text[place.end() :]


def _edit_lines(edit: Callable[[random.Random, list[str]], None]) -> Callable[..., str]:
    def change(rng: random.Random, text: str) -> str:
        lines = _lines(text) or [""]
        edit(rng, lines)
        return "".join(lines)

    return change


def _swap(rng: random.Random, lines: list[str]) -> None:
    one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]


def _columns(edit: Callable[[random.Random, list[list[str]]], None]) -> Callable[..., str]:
    def change(rng: random.Random, text: str) -> str:
        mark = next((each for each in (",", "\t", ";") if each in text), ",")
        rows = [*csv.reader(io.StringIO(text, newline=""), delimiter=mark)]
        rows = [row for row in rows if row] or [[""]]
        edit(rng, rows)
        out = io.StringIO()
        csv.writer(out, delimiter=mark, lineterminator="\n").writerows(rows)
        return out.getvalue()

    return change


def _double(rng: random.Random, rows: list[list[str]]) -> None:
    at = rng.randrange(len(rows[0]))
    for row in rows:
        row.append(row[at] if at < len(row) else "")


def _permute(rng: random.Random, rows: list[list[str]]) -> None:
    width = max(map(len, rows))
    order = rng.sample(range(width), width)
    rows[:] = [[(row + [""] * width)[at] for at in order] for row in rows]


def _rename(rng: random.Random, rows: list[list[str]]) -> None:
    at = rng.randrange(len(rows[0]))
    rows[0][at] = rng.choice((rows[0][at].upper(), rows[0][at] + "x", "", "note", *NAMES))


def _shift(rng: random.Random, rows: list[list[str]]) -> None:
    row = rng.choice(rows)
    row.insert(rng.randrange(len(row) + 1), rng.choice(("", "1", "x")))


def _drop_cell(rng: random.Random, rows: list[list[str]]) -> None:
    row = rng.choice(rows)
    if row:
        del row[rng.randrange(len(row))]


def _name_cell(rng: random.Random, rows: list[list[str]]) -> None:
    row = rng.choice(rows)
    if row:
        row[rng.randrange(len(row))] = rng.choice(NAMES)


def _with_unit(rng: random.Random, text: str) -> str:
    found = [*re.finditer(r"\[([^\[\]\n]*)\]|\(([^()\n]*)\)|(?<=\d )[A-Za-z/^0-9]+(?=\")", text)]
    if not found:
        return text
    place = rng.choice(found)
    unit = rng.choice(UNITS)
    bare = place[0][0] not in "[("
    new = unit if bare else place[0][0] + unit + place[0][-1]
    return text[: place.start()] + new + text[place.end() :]


def _nested(rng: random.Random, text: str) -> str:
    depth = rng.choice((10, 100, 1000, 5000))
    return text + f"\nx = {'[' * depth}{']' * depth}\n"


def _at_random(rng: random.Random, text: str, piece: str) -> str:
    at = rng.randrange(len(text) + 1)
    return text[:at] + piece + text[at:]


TEXTUAL: dict[str, Callable[[random.Random, str], str]] = {
    "number": _with_number,
    "numbers": lambda rng, text: _with_number(rng, _with_number(rng, _with_number(rng, text))),
    "line dropped": _edit_lines(lambda rng, lines: lines.__delitem__(rng.randrange(len(lines)))),
    "line repeated": _edit_lines(
        lambda rng, lines: lines.insert(rng.randrange(len(lines)), rng.choice(lines))
    ),
    "lines swapped": _edit_lines(_swap),
    "column doubled": _columns(_double),
    "columns permuted": _columns(_permute),
    "header renamed": _columns(_rename),
    "cell inserted": _columns(_shift),
    "cell dropped": _columns(_drop_cell),
    "name": _columns(_name_cell),
    "unit": _with_unit,
    "nested": _nested,
    "delimiter": lambda rng, text: text.replace(
        next((mark for mark in ",\t;" if mark in text), ","), rng.choice(",;\t|")
    ),
    "decimal mark": lambda rng, text: re.sub(r"(?<=\d)\.(?=\d)", ",", text),
    "carriage returns": lambda rng, text: text.replace("\n", rng.choice(("\r", "\r\n", "\n\n"))),
    "quote": lambda rng, text: _at_random(rng, text, rng.choice("\"'")),
    "NUL": lambda rng, text: _at_random(rng, text, "\x00"),
    "control": lambda rng, text: _at_random(
        rng, text, rng.choice("\x1b\x07\x7f\u202e\u2028\ufeff")
    ),
    "text": lambda rng, text: _at_random(rng, text, rng.choice(NAMES)),
    "long line": lambda rng, text: _at_random(rng, text, "9" * rng.choice((5000, 200_000))),
}


def _without(rng: random.Random, content: bytes) -> bytes:
    start, end = sorted(rng.randrange(len(content) + 1) for _ in range(2))
    return content[:start] + content[end:]


def _flip(rng: random.Random, content: bytes) -> bytes:
    changed = bytearray(content or b"\x00")
    for _ in range(rng.choice((1, 1, 2, 8))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


BINARY: dict[str, Callable[[random.Random, bytes], bytes]] = {
    "bytes flipped": _flip,
    "cut": lambda rng, content: content[: rng.randrange(len(content) + 1)],
    "head cut": lambda rng, content: content[rng.randrange(len(content) + 1) :],
    "piece cut": _without,
    "noise": lambda rng, content: rng.randbytes(rng.choice((0, 1, 300, 5000))),
    "UTF-16": lambda rng, content: content.decode("utf-8", "replace").encode("utf-16"),
    "UTF-8 mark": lambda rng, content: b"\xef\xbb\xbf" + content,
    "Latin-1": lambda rng, content: content.replace(b"a", b"\xe4", 1),
    "twice": lambda rng, content: content + content,
}


def mutate(rng: random.Random, path: Path) -> str:
    """Damage a file, and return how."""
    way = rng.choices(("text", "bytes", "place"), (70, 26, 4))[0]
    if way == "place":
        name = rng.choice([*PLACED])
        PLACED[name](path)
        return name
    content = path.read_bytes()
    if way == "bytes":
        name = rng.choice([*BINARY])
        path.write_bytes(BINARY[name](rng, content))
        return name
    name = rng.choice([*TEXTUAL])
    if path.suffix == ".xlsx":
        _in_archive(rng, path, name)
        return name
    path.write_bytes(TEXTUAL[name](rng, content.decode("latin-1")).encode("latin-1", "replace"))
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return name
    path.write_bytes(TEXTUAL[name](rng, text).encode("utf-8", "surrogatepass"))
    return name


def _in_archive(rng: random.Random, path: Path, name: str) -> None:
    """Damage one part of a workbook."""
    with zipfile.ZipFile(path) as old:
        parts = {each: old.read(each) for each in old.namelist()}
    own = [each for each in parts if "sheet" in each or "sharedStrings" in each]
    chosen = rng.choice(own)
    text = parts[chosen].decode("utf-8").replace("><", ">\n<")
    parts[chosen] = TEXTUAL[name](rng, text).encode("utf-8", "replace")
    with zipfile.ZipFile(path, "w") as new:
        for each, content in parts.items():
            new.writestr(each, content)


# --- readers that know nothing of the project's ---------------------------------------------------

FACTORS = {
    ("A/m^2", "mA/cm^2"): 0.1, ("uA/cm^2", "mA/cm^2"): 1e-3, ("m", "nm"): 1e9, ("nm", "um"): 1e-3,
    ("m", "um"): 1e6, ("um", "nm"): 1e3, ("nm", "mm"): 1e-6, ("m", "mm"): 1e3, ("um", "mm"): 1e-3,
    ("h", "s"): 3600.0, ("min", "s"): 60.0, ("V", "mV"): 1e3, ("%", "1"): 0.01,
}  # fmt: skip
SAME = {"mA/cm2": "mA/cm^2", "mA cm⁻²": "mA/cm^2", "µm": "um"}


class Unknown(Exception):  # noqa: N818 - no error of the project
    """This file's readers cannot tell what a file says."""


def _number(text: str, unit: str, canonical: str) -> float:
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        raise Unknown(text) from None
    unit = SAME.get(unit, unit)
    if unit == canonical:
        return value
    if (unit, canonical) == ("K", "degC"):
        return value - 273.15
    if (unit, canonical) == ("degF", "degC"):
        return (value - 32.0) / 1.8
    if (unit, canonical) not in FACTORS:
        raise Unknown(unit)
    return value * FACTORS[unit, canonical]


def _clean(text: str) -> str:
    return unicodedata.normalize("NFC", " ".join(text.split()))


def _table_of(name: str, rows: Sequence[Sequence[str]]) -> list[dict[str, float | str]]:
    """Return the cells of a table, in canonical units."""
    fields = tables()[name].fields
    head, *body = [row for row in rows if any(cell.strip() for cell in row)]
    found = []
    for row in body:
        cells: dict[str, float | str] = {}
        pairs = [*zip(head, [*row, *[""] * (len(head) - len(row))], strict=False)]
        named = {header.partition("[")[0].strip(): _clean(cell) for header, cell in pairs}
        for header, cell in pairs:
            column = fields[header.partition("[")[0].strip()]
            text = _clean(cell)
            if column.unit is None:
                cells[column.name] = text[1:] if re.match(r"'[\s']*[=+\-@]", text) else text
                continue
            unit = re.search(r"\[(.*)\]", header)
            stated, canonical = unit[1].strip() if unit else "1", column.unit
            if column.unit == ROW_UNIT:
                stated = canonical = named["unit"]
            cells[column.name] = _number(text, stated, canonical) if text else column.blank_cell
        found.append(cells)
    return found


def _csv_rows(path: Path) -> list[list[str]]:
    text = path.read_bytes().decode("utf-8-sig")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    head = next(line for line in text.split("\n") if line.strip())
    mark = next((each for each in (",", ";", "\t") if each in head), ",")
    return [*csv.reader(io.StringIO(text), delimiter=mark, skipinitialspace=True)]


def _sheet_rows(path: Path) -> dict[str, list[list[str]]]:
    """Return the cells of a workbook, by sheet."""
    space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    with zipfile.ZipFile(path) as archive:
        shared = (
            [
                "".join(part.text or "" for part in each.iter(f"{space}t"))
                for each in ET.fromstring(archive.read("xl/sharedStrings.xml"))
            ]
            if "xl/sharedStrings.xml" in archive.namelist()
            else []
        )
        book = ET.fromstring(archive.read("xl/workbook.xml"))
        names = [each.attrib["name"] for each in book.iter(f"{space}sheet")]
        found = {}
        for at, name in enumerate(names, start=1):
            rows = []
            for row in ET.fromstring(archive.read(f"xl/worksheets/sheet{at}.xml")).iter(
                f"{space}row"
            ):
                cells: dict[int, str] = {}
                for cell in row.iter(f"{space}c"):
                    letters = re.match("[A-Z]+", cell.attrib["r"])
                    assert letters is not None
                    place = 0
                    for letter in letters[0]:
                        place = 26 * place + ord(letter) - 64
                    value = cell.findtext(f"{space}v", "") or "".join(
                        part.text or "" for part in cell.iter(f"{space}t")
                    )
                    cells[place] = shared[int(value)] if cell.get("t") == "s" else value
                rows.append([cells.get(k, "") for k in range(1, max(cells, default=0) + 1)])
            found[name] = rows
    return found


def _differences(campaign: Campaign, due: Mapping[str, list[dict[str, float | str]]]) -> str:
    """Say where a campaign is not what its files say; empty where it is."""
    for name in {*due, *campaign.tables, *campaign.excluded}:
        read = [
            {str(each): rows[each].values[at].item() for each in rows.data_vars}
            for rows in (campaign.tables.get(name), campaign.excluded.get(name))
            if rows is not None
            for at in range(rows.sizes[name])
        ]
        stated = due.get(name, [])
        if len(read) != len(stated):
            return f"{name} has {len(stated)} rows, and {len(read)} were read"
        stated = [
            *(row for row in stated if not row.get("exclude")),
            *(row for row in stated if row.get("exclude")),
        ]
        for at, (row, cells) in enumerate(zip(read, stated, strict=True)):
            for column, value in cells.items():
                got = row[column]
                if isinstance(value, str):
                    same = got == value or (
                        not value and got == tables()[name].fields[column].default
                    )
                else:
                    same = bool(np.isclose(got, value, rtol=1e-9, atol=1e-9, equal_nan=True))
                if not same and not (name == "published" and column == "unit"):
                    return f"{name}, row {at + 1}, {column}: {value!r} was read as {got!r}"
    return ""


# --- kinds of input -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kind:
    """A kind of input.

    Parameters
    ----------
    write : callable
        Writes it into a folder and returns the files that may be damaged.
    read : callable
        Reads the folder as a command would.
    misread : callable
        Says of what was read where it is not what the files say.
    """

    write: Callable[[Path], list[Path]]
    read: Callable[[Path], Any]
    misread: Callable[[Path, Any], str]


def _campaign(folder: Path) -> list[Path]:
    for path in BUNDLED.glob("*.csv"):
        lines = path.read_text(encoding="utf-8").splitlines()
        few = len(lines) if path.name == "separators.csv" else 6
        (folder / path.name).write_text("\n".join(lines[:few]) + "\n", encoding="utf-8")
    shutil.copy(BUNDLED / "campaign.toml", folder)
    return sorted(folder.iterdir())


def _validated(path: Path) -> Campaign:
    """Read a campaign and say of it what `validate` says."""
    campaign = load_campaign(path)
    campaign.summary()
    campaign_notes(campaign)
    return campaign


def _misread_campaign(folder: Path, found: Campaign) -> str:
    document = tomllib.loads((folder / "campaign.toml").read_bytes().decode("utf-8-sig"))
    for key in ("name", "metal", "electrolyte", "kind", "title"):
        if document.get(key, "") != getattr(found.metadata, key):
            return f"{key}: {document.get(key)!r} was read as {getattr(found.metadata, key)!r}"
    due = {p.stem: _table_of(p.stem, _csv_rows(p)) for p in folder.glob("*.csv")}
    return _differences(found, due)


def _workbook(folder: Path) -> list[Path]:
    book = openpyxl.Workbook()
    book.remove(book.active)
    pairs = tomllib.loads((BUNDLED / "campaign.toml").read_text(encoding="utf-8"))
    sheet = book.create_sheet("campaign")
    for key in ("name", "metal", "electrolyte", "kind", "salt_concentration"):
        sheet.append([key, pairs[key]])
    sheet.append(["references.synthetic", pairs["references"]["synthetic"]])
    for name in ("separators", "penetration", "kinetics", "sand"):
        sheet = book.create_sheet(name)
        lines = [*csv.reader((BUNDLED / f"{name}.csv").read_text(encoding="utf-8").splitlines())]
        for row in lines[: 12 if name == "separators" else 6]:
            sheet.append([float(cell) if NUMBER.fullmatch(cell) else cell or None for cell in row])
    book.save(folder / "mine.xlsx")
    return [folder / "mine.xlsx"]


def _misread_workbook(folder: Path, found: Campaign) -> str:
    sheets = _sheet_rows(folder / "mine.xlsx")
    known = {name.strip().lower(): rows for name, rows in sheets.items()}
    due = {
        name: _table_of(name, rows)
        for name, rows in known.items()
        if name in tables() and not name.startswith("_")
    }
    return _differences(found, due)


JOB = """schema_version = 1
name = "mine"
campaign = "sodium-synthetic"

[model]
kinetics = "butler_volmer"
blocks = ["kinetics", "penetration", "creep"]

[model.options.penetration]
pores = "weakest_link"
reference_area = "1.5 cm^2"

[priors.transference_number]
distribution = "Beta"
alpha = 20
beta = 30
source = "job"

[priors.surface_energy]
distribution = "LogNormal"
median = "0.5 J/m^2"
sigma = 0.7

[sampler]
draws = 500
tune = 400
chains = 3
seed = 17
target_accept = 0.85

[map.axes.liquid]
pore_radius = { from = "5 nm", to = "100 nm", points = 40, scale = "log" }
porosity = "0.45"
thickness = "20 um"
charge = "3 mAh/cm^2"

[output]
folder = "runs/mine"
"""


def _job(folder: Path) -> list[Path]:
    (folder / "job.toml").write_text(JOB, encoding="utf-8")
    return [folder / "job.toml"]


def _read_job(folder: Path) -> Job:
    job = load_job(folder / "job.toml")
    campaign = load_campaign(job.campaign_location())
    priors = resolve_priors(campaign.metadata.metal, job.priors)
    resolve(job, campaign, priors, versions={})
    for cell, section in job.map.designs.items():
        read_designs(cell, section)
    job.run_folder()
    return job


def _misread_job(folder: Path, found: Job) -> str:
    document = tomllib.loads((folder / "job.toml").read_bytes().decode("utf-8-sig"))
    return _within(document, found.model_dump(mode="json"), "")


def _within(stated: Any, read: Any, place: str) -> str:
    if isinstance(stated, dict):
        lacking = stated.keys() - read.keys()
        if lacking:
            return f"{place}: {lacking} was passed over"
        return next(filter(None, (_within(stated[k], read[k], f"{place}.{k}") for k in stated)), "")
    return "" if stated == read else f"{place}: {stated!r} was read as {read!r}"


def _truth(folder: Path) -> list[Path]:
    shutil.copy(BUNDLED / "truth.toml", folder)
    return [folder / "truth.toml"]


def _read_truth(folder: Path) -> Truth:
    truth = read_truth(folder / "truth.toml")
    resolve_priors("Na", {key: {"fixed": value} for key, value in truth.parameters.items()})
    return truth


def _misread_truth(folder: Path, found: Truth) -> str:
    document = tomllib.loads((folder / "truth.toml").read_bytes().decode("utf-8-sig"))
    return _within(document["parameters"], dict(found.parameters), "parameters")


SIDECAR = """cell = "mine"
area = "0.5 cm^2"
temperature = "298.15 K"
electrode_distance = "10 mm"
concentration = "1 mol/L"
lab = "here"
"""


def _sidecar(folder: Path) -> list[Path]:
    (folder / "x.csv.toml").write_text(SIDECAR, encoding="utf-8")
    (folder / "import.toml").write_text('note = "shared"\nstop_time = "2 h"\n', encoding="utf-8")
    return [folder / "x.csv.toml", folder / "import.toml"]


def _read_sidecar(folder: Path) -> Any:
    return stated_metadata(tables()["sand"], recipe_of("sand"), folder / "x.csv", {})


def _misread_sidecar(folder: Path, found: Any) -> str:
    stated: dict[str, Any] = {}
    for name in ("import.toml", "x.csv.toml"):
        if os.path.lexists(folder / name):
            stated |= tomllib.loads((folder / name).read_bytes().decode("utf-8-sig"))
    fields = tables()["sand"].fields
    for key, value in stated.items():
        if key == "cell":
            if found.cell != _clean(str(value)):
                return f"cell: {value!r} was read as {found.cell!r}"
            continue
        column = fields.get(key)
        got = found.values[key]
        if column is None or column.unit is None:
            if column is not None and got != _clean(str(value)):
                return f"{key}: {value!r} was read as {got!r}"
            continue
        number, _, unit = str(value).strip().partition(" ")
        due = _number(number, unit.strip() or "1", column.unit)
        if not np.isclose(due, float(got), rtol=1e-9, atol=1e-9):
            return f"{key}: {value!r} was read as {got!r}"
    return ""


ROWS = [(30.0 * k, round(0.25 - 0.003 * k + 0.0001 * (k % 3), 6), 1e-3) for k in range(24)]
TEXTS: dict[str, bytes] = {
    "plain": makers.plain.__wrapped__()(rows=ROWS),
    "plain, decimal comma": makers.plain.__wrapped__()(rows=ROWS, separator=";", comma=True),
    "Gamry": makers.dta.__wrapped__()(rows=ROWS),
    "EC-Lab": makers.mpt.__wrapped__()(rows=ROWS),
    **{name: makers.cycler.__wrapped__()(name, ROWS) for name in makers._LAYOUTS},
}


def _instrument(name: str) -> Kind:
    def write(folder: Path) -> list[Path]:
        (folder / "x.csv").write_bytes(TEXTS[name])
        return [folder / "x.csv"]

    def misread(folder: Path, found: Any) -> str:
        # A row that was not touched is read as it was: whoever reads half of it wrong, or another
        # column, reads many.
        base = Counter((round(v, 9), round(i, 12)) for _, v, i in ROWS)
        read = [*zip(found["voltage_volt"].values, found["current_ampere"].values, strict=True)]
        other = Counter((round(float(v), 9), round(float(i), 12)) for v, i in read)
        strange = sum((other - base).values())
        changed = _changed_lines(TEXTS[name], (folder / "x.csv").read_bytes())
        if changed is None or strange <= changed:
            return ""
        return (
            f"{strange} of {len(read)} rows were read as none that stands there ({changed} changed)"
        )

    def read(folder: Path) -> Any:
        record = read_record(folder / "x.csv")
        for find in (find_penetration, find_sand_time, find_plateaus):
            with contextlib.suppress(FeatureError):  # a record may hold no such event
                find(record)
        return record

    return Kind(write, read, misread)


def _changed_lines(before: bytes, after: bytes) -> int | None:
    """Return how many lines of numbers are new; None where a line of words is."""
    text = after.decode("utf-8-sig", "replace") if not after.startswith(b"\xff\xfe") else ""
    kept = Counter(line.strip() for line in before.decode("utf-8", "replace").splitlines())
    new = Counter(line.strip() for line in text.splitlines()) - kept
    words = [line for line in new if len(re.findall(r"[A-Za-z]", line)) > len(line) / 4]
    gone = [line for line in kept - Counter(line.strip() for line in text.splitlines())
            if len(re.findall(r"[A-Za-z]", line)) > len(line) / 4]  # fmt: skip
    return None if words or gone or not text else sum(new.values())


KINDS: dict[str, Kind] = {
    "campaign": Kind(_campaign, _validated, _misread_campaign),
    "workbook": Kind(_workbook, lambda f: _validated(f / "mine.xlsx"), _misread_workbook),
    "job": Kind(_job, _read_job, _misread_job),
    "truth": Kind(_truth, _read_truth, _misread_truth),
    "sidecar": Kind(_sidecar, _read_sidecar, _misread_sidecar),
    **{name: _instrument(name) for name in TEXTS},
}
WEIGHTS = {"campaign": 12, "workbook": 4, "job": 5, "truth": 3, "sidecar": 3}


# --- the campaign ---------------------------------------------------------------------------------


def outcome(kind: Kind, folder: Path) -> tuple[str, str]:
    """Return what came of reading damaged input, and the words."""
    found: list[Any] = []

    @guarded
    def command() -> None:
        found.append(kind.read(folder))

    said = io.StringIO()
    try:
        with at_most(LIMIT), contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            command()
    except Hangs:
        return "hang", ""
    except typer.Exit as ended:
        words = said.getvalue()
        if ended.exit_code not in LEGAL or "Traceback" in words or "internal error" in words:
            return "internal error", words
        if ended.exit_code:
            plain = words.startswith("error: ") and len(words) < 20_000
            return ("refused" if plain else "no sentence"), words
    try:
        wrong = kind.misread(folder, found[0])
    except (Unknown, KeyError, StopIteration, UnicodeDecodeError, csv.Error, ValueError) as error:
        return "read, and unknown to us", repr(error)
    return ("misread", wrong) if wrong else ("read", "")


def damage(folder: Path, seed: int, kind_name: str) -> tuple[str, str, str]:
    """Damage an input and read it; return how, what came of it, and the words."""
    rng = random.Random(seed)
    kind = KINDS[kind_name]
    files = kind.write(folder)
    how = mutate(rng, rng.choice(files))
    result, words = outcome(kind, folder)
    return how, result, words


def test_damaged_files_are_refused_or_read_as_they_stand(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    names = rng.choices([*KINDS], [WEIGHTS.get(name, 1) for name in KINDS], k=COUNT)
    counts: dict[str, Counter[str]] = {name: Counter() for name in KINDS}
    wrong = []
    for at, name in enumerate(names):
        folder = tmp_path / str(at)
        folder.mkdir()
        seed = rng.randrange(1 << 32)
        how, result, words = damage(folder, seed, name)
        counts[name][result] += 1
        if result in ("hang", "internal error", "misread", "no sentence"):
            wrong.append(f"{name}, {how}, seed {seed}: {result}: {words[:600]}")
        shutil.rmtree(folder)
    results = ("refused", "read", "read, and unknown to us", "misread", "internal error", "hang")
    print("\n| input | damaged | " + " | ".join(results) + " |")
    print("|---|---|" + "---|" * len(results))
    for name, count in counts.items():
        cells = " | ".join(str(count[each]) for each in results)
        print(f"| {name} | {count.total()} | {cells} |")
    total: Counter[str] = sum(counts.values(), Counter())
    print(f"| all | {total.total()} | " + " | ".join(str(total[each]) for each in results) + " |")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", KINDS)
def test_undamaged_files_are_read_as_they_stand(tmp_path: Path, name: str) -> None:
    kind = KINDS[name]
    kind.write(tmp_path)
    assert outcome(kind, tmp_path) == ("read", "")
