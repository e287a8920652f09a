"""What an instrument's file does not say about its cell: from options and sidecars, with units.

The sidecar of ``x.mpr`` is ``x.mpr.toml``; ``import.toml`` in the same folder says what its files
share. Options override the sidecar, and the sidecar overrides what is shared.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from data.columns import AREA, CELL
from data.csv_reader import clean_text
from data.errors import InputError, UnitError
from data.files import read_toml
from data.schema import Column, nearest
from data.table import Table
from data.units import parse_number, parse_quantity
from inference.importing.recipe import Metadata, Recipe, Value

__all__ = ["SHARED", "check_values", "legal_columns", "parse_options", "stated_metadata"]

SHARED = "import.toml"
CURVE = Column(
    name="curve", long_name="which curve of a file with several", unit="1", support="nonnegative"
)
CURRENT = Column(name="current", long_name="constant current of a file that holds none", unit="mA")
_NEEDED = replace(AREA, blank=None)


def legal_columns(table: Table, recipe: Recipe) -> dict[str, Column]:
    """Return the columns that metadata may state.

    Parameters
    ----------
    table : Table
        The table.
    recipe : Recipe
        What its curves give.

    Returns
    -------
    dict of str to Column
        The cell, the area, the table's columns that no curve gives, and what the recipe needs.
    """
    own = {name: column for name, column in table.fields.items() if name not in recipe.read}
    extra = {column.name: column for column in recipe.extra}
    area = table.fields.get("area", _NEEDED)
    return {"cell": CELL, **own, **extra, "area": area, "curve": CURVE, "current": CURRENT}


def parse_options(pairs: Iterable[str]) -> dict[str, Value]:
    """Split options of the form ``column=value``.

    Parameters
    ----------
    pairs : iterable of str
        Such as ``"temperature=25 degC"``.

    Returns
    -------
    dict of str to str
        Values by column.

    Raises
    ------
    InputError
        There is no ``=``, or a column stands twice; every mistake is named.
    """
    values: dict[str, Value] = {}
    mistakes = []
    for pair in pairs:
        name, equals, value = (part.strip() for part in pair.partition("="))
        if not equals or not name or not value:
            mistakes.append(
                f"--set {pair!r} cannot be read: write column=value with its unit, such as "
                '--set "temperature=25 degC"'
            )
        elif name in values:
            mistakes.append(f"--set {name}: stands twice ({values[name]!r}, {value!r}); keep one")
        else:
            values[name] = value
    if mistakes:
        raise InputError("\n".join(mistakes))
    return values


def check_values(
    table: Table, recipe: Recipe, values: Mapping[str, Value], where: str
) -> dict[str, float | str]:
    """Check metadata and bring it to canonical units.

    Parameters
    ----------
    table : Table
        The table.
    recipe : Recipe
        What its curves give.
    values : mapping
        As stated, by column.
    where : str
        Where they were stated, for the message.

    Returns
    -------
    dict
        Numbers in canonical units, and texts.

    Raises
    ------
    InputError
        What is wrong, all of it.
    """
    legal = legal_columns(table, recipe)
    checked: dict[str, float | str] = {}
    mistakes = []
    unknown = []
    for name, value in values.items():
        if name not in legal:
            if name in recipe.read:
                mistakes.append(f"{name}: is read from the curve and not stated; leave it out")
            else:
                unknown.append(f"{name!r} is no column of {table.name}{nearest(name, legal)}")
            continue
        try:
            checked[name] = _value(legal[name], value)
        except InputError as error:
            mistakes.append(f"{name}: {error}")
    if unknown:
        unknown[-1] += f": legal are {', '.join(legal)}"
    if mistakes or unknown:
        raise InputError("\n".join(f"{where}: {mistake}" for mistake in (*mistakes, *unknown)))
    return checked


def _value(column: Column, value: Any) -> float | str:
    """Return one value in canonical units, or say what is wrong with it."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InputError(f"{value!r} is not legal: {column.legal} is due")
    if not column.is_number:
        text = clean_text(str(value))
        if not text:
            raise InputError("is blank: leave it out, or say what it is")
        if column.choices and text not in column.choices:
            hint = nearest(text, column.choices)
            raise InputError(f"{text!r} is not legal{hint}: {column.legal} is due")
        return text
    unit = column.unit or "1"
    text = repr(value) if not isinstance(value, str) else value.strip()
    if not isinstance(value, str) and unit != "1":
        raise UnitError(f"{text} has no unit: write '{text} {unit}' if that is meant")
    if column.support == "integer" or column is CURVE:
        parsed = parse_number(text.removesuffix(".0"))
        number = float("nan") if parsed is None else parsed
    else:
        number = parse_quantity(text, to=unit)
    message = column.complaint(number)
    if message:
        message = message.replace("the header's unit", "the unit")  # here it stands with the value
    if column.name == "curve" and number % 1:
        message = f"{text} is not legal: a whole number from 0 is due"
    if message:
        raise InputError(message if column.support != "integer" else f"{text!r}: {message}")
    return number


def stated_metadata(
    table: Table,
    recipe: Recipe,
    file: Path,
    options: Mapping[str, Value],
) -> Metadata:
    """Gather what is known of the cell of a file.

    Parameters
    ----------
    table : Table
        The table.
    recipe : Recipe
        What its curves give.
    file : Path
        The instrument's file.
    options : mapping
        What the command states, by column.

    Returns
    -------
    Metadata
        Options before the sidecar before what the folder's files share.

    Raises
    ------
    InputError
        A sidecar cannot be read, or a value is not legal; every mistake is named.
    """
    values: dict[str, float | str] = {}
    origins: dict[str, str] = {}
    stated: dict[str, Value] = {}
    sidecar = file.with_name(f"{file.name}.toml")
    shared = _toml(file.with_name(SHARED))
    if "cell" in shared:
        raise InputError(
            f"{file.with_name(SHARED)}: cell: is shared by no two files; write it into "
            f"{sidecar.name}, or leave it out: it is then the file's name"
        )
    mistakes = []
    for entries, where in (
        (shared, SHARED),
        (_toml(sidecar), sidecar.name),
        (options, "option"),
    ):
        try:
            values |= check_values(table, recipe, entries, where)
        except InputError as error:
            mistakes.append(str(error))
        origins |= dict.fromkeys(entries, where)
        stated |= entries
    if mistakes:
        raise InputError("\n".join(mistakes))
    cell = str(values.pop("cell", "")) or _stem(file)
    metadata = Metadata(cell, values, origins, stated)
    _check_complete(table, recipe, metadata, file)
    return metadata


def _stem(file: Path) -> str:
    """Return the name of a file as a cell's name."""
    name = file.with_suffix("") if file.suffix.lower() == ".gz" else file
    return clean_text(name.stem) or file.name


def _check_complete(table: Table, recipe: Recipe, metadata: Metadata, file: Path) -> None:
    """Refuse metadata that leaves out what every row of the table needs."""
    due = {"area", *table.required} - {"cell", *recipe.optional}
    missing = [
        legal
        for name, legal in legal_columns(table, recipe).items()
        if name in due and name not in metadata.values
    ]
    if missing:
        listed = "\n".join(
            f"  {column.name}: {column.long_name} "
            f"({f'{column.legal} {_shown_unit(column)}'.rstrip()})"
            for column in missing
        )
        example = f"{missing[0].name}=… {_shown_unit(missing[0])}".rstrip()
        area = any(column.name == "area" for column in missing)
        default = "; an area in a file is often the program's default and is never taken"
        raise InputError(
            f"{table.file} needs what the file of a curve does not say{default if area else ''}:\n"
            f'{listed}\n  state it with --set "{example}", or in {file.name}.toml'
        )


def _shown_unit(column: Column) -> str:
    return "" if column.unit in (None, "1") else str(column.unit)


def _toml(path: Path) -> dict[str, Value]:
    """Return the entries of a sidecar; empty where there is none."""
    if not os.path.lexists(path):
        return {}
    try:
        return read_toml(path)
    except InputError as error:
        raise InputError(
            f'{path}: {error}; a value stands in quotes, as in area = "0.5 cm^2"'
        ) from None
