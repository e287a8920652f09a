"""A new campaign folder: metadata, the header of every table, and what each column means."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from data.files import expanded
from data.metadata import FILE, LONGEST_NAME, CampaignMetadata
from data.quantities import quantities
from data.schema import ROW_UNIT, Column
from data.table import TEXT_COLUMNS, Table
from data.tables import tables
from data.whole_files import write_whole_folder
from data.writer import refuse_filled_folder, table_text

__all__ = ["new_campaign"]

_TEMPLATES = "templates"


def new_campaign(folder: str | Path, *, metal: Literal["Na", "Li"] = "Na") -> Path:
    """Write a template campaign.

    ``campaign.toml`` stands in the folder; a file with every header stands for each table in the
    folder ``templates``, which the loader does not read. A table is begun by copying its template
    beside ``campaign.toml``.

    Parameters
    ----------
    folder : str or Path
        Where; it must not exist, or be empty.
    metal : {"Na", "Li"}
        Metal of the anode.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    InputError
        The folder is not empty, or no folder can have its name.

    Examples
    --------
    >>> folder = new_campaign("mine", metal="Li")
    >>> sorted(path.name for path in folder.iterdir())
    ['README.md', 'campaign.toml', 'templates']
    """
    target = expanded(folder)
    refuse_filled_folder(target)
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", target.resolve().name).strip("-._")[:LONGEST_NAME]
    name = name or "campaign"
    CampaignMetadata(name=name, metal=metal, electrolyte="not stated", kind="measured")
    texts = {FILE: _campaign_toml(name, metal), "README.md": _readme(name, target.resolve().name)}
    for table in tables().values():
        texts[f"{_TEMPLATES}/{table.file}"] = table_text(table, [])

    def write(draft: Path) -> None:
        (draft / _TEMPLATES).mkdir()
        for path, text in texts.items():
            (draft / path).write_text(text, encoding="utf-8", newline="\n")

    return write_whole_folder(target, write)


def _campaign_toml(name: str, metal: str) -> str:
    return f'''\
name = "{name}"
title = ""                      # one line for people
kind = "measured"               # measured, literature or synthetic
metal = "{metal}"                    # Na or Li
electrolyte = "not stated"      # such as "NaPF6 in diglyme"
# salt_concentration = "1 mol/L"  # of the liquid electrolyte; leave out for solid cells
licence = ""                    # such as "CC-BY-4.0"
notes = []                      # what a reader of the results should know

# Where the numbers come from: a list of citations, or a table of keys that rows name as source.
references = []
# [references]
# mine2026 = "Authors, title, journal (2026), doi"
'''


def _readme(name: str, folder: str) -> str:
    parts = [
        f"# {name}\n\n"
        "A campaign is this folder: `campaign.toml` and at least one table. To begin a table, copy "
        f"it from `{_TEMPLATES}/` to beside `campaign.toml` and fill in rows. Every table is "
        "optional. Then `anodebayes validate` with the path of this folder "
        "lists every mistake at once. `.csv` files beside `campaign.toml` must be tables; other "
        "files and folders are left alone.\n",
        "## Rules\n\n"
        "* UTF-8, commas between cells and points in numbers, or semicolons and decimal commas, as "
        "spreadsheets save them in many countries; double quotes around a text that holds "
        "a comma. No comment lines. A text that begins with `=`, `+`, `-`, `@` or `#` may stand "
        "behind an apostrophe, which is not read: `'-5`.\n"
        "* A header is `quantity [unit]`. Any unit of the same dimension is converted (`[A/m^2]`, "
        "`[mA cm-2]`, `[K]`, `[%]`); text has no unit.\n"
        "* A blank cell means what the tables below say; an optional column may be deleted. "
        "Never write NaN, `n/a`, `<5` or `5±1`.\n"
        "* A row of a cell is one cell, and every cell that was tested is in the table: early "
        "failures and survivors, too. What was left out cannot be seen by any fit, and safe "
        "currents come out too high.\n"
        "* A planned end is planned: a cell that was taken off because it turned noisy, or its "
        "voltage ran up, did not survive. What began then is its event, or the failed step.\n"
        "* `x_sd` is the standard deviation of an exact `x`: the error with which it was measured "
        "in that one cell. It is never the scatter over cells, and a mean over cells is no row: "
        "enter the cells, or their range as below. Where `x_lower` and `x_upper` exist, "
        "they replace `x` by an interval; one of them blank makes it one-sided.\n"
        "* Where of several cells, stepped up in current, only the range of the failing steps is "
        "known, one row holds it: `current_density_lowest`, `current_density_highest`, "
        "`step_height` and, if known, `cells`; `current_density_lower` and `current_density_upper` "
        "stay blank, they are of one cell. Never enter a range over cells as the interval of one.\n"
        "* `lab` matters: as soon as the rows of a table name two laboratories, each has an offset "
        "of its own, and rows that leave it blank count as one more. Fill it in every row or in "
        "none.\n",
        "## Then\n\n"
        "`anodebayes run` with the path of this folder fits it with every default. A job file "
        "chooses more: the tables, the kinetics, priors, variants of the model. `anodebayes "
        "options` lists every variant with its values, and `anodebayes priors` the priors. For "
        "example:\n\n"
        "```toml\n"
        "schema_version = 1\n"
        f'name = "{name}-weakest-link"\n'
        f"campaign = {json.dumps(folder, ensure_ascii=False)}  # this folder, beside the job\n\n"
        "[model.options.penetration]\n"
        'pores = "weakest_link"\n'
        "```\n",
        "## Columns of every table\n\n" + _columns(TEXT_COLUMNS),
    ]
    parts.extend(_section(table) for table in tables().values())
    parts.append("## Quantities of published.csv\n\n" + _quantities())
    return "\n".join(parts)


def _section(table: Table) -> str:
    text = f"## {table.file}\n\nA row is {table.row}."
    if table.key:
        text += f" No two rows have the same {' and '.join(table.key)}."
    concrete = [part for column in table.columns for part in column.parts]
    return f"{text}\n\n{_columns(concrete)}"


def _quantities() -> str:
    lines = ["| quantity | what | unit | columns it needs besides |", "|---|---|---|---|"]
    for name, entry in quantities().items():
        if entry.published:
            needs = ", ".join(entry.conditions) or "none"
            lines.append(f"| `{name}` | {entry.long_name} | {entry.unit} | {needs} |")
    return "\n".join(lines) + "\n"


def _columns(columns: Iterable[Column]) -> str:
    lines = ["| column | what | legal | blank |", "|---|---|---|---|"]
    for column in columns:
        legal = "a name of the last section" if column.name == "quantity" else column.legal
        if column.unit == ROW_UNIT:
            legal += ", in the row's unit"
        blank = column.blank or ("give an interval instead" if column.interval else "not legal")
        lines.append(f"| `{column.header}` | {column.long_name} | {legal} | {blank} |")
    return "\n".join(lines) + "\n"
