"""What a job may choose about single blocks: validation, and a description for people."""

import inspect
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from data.errors import ModelError
from data.schema import nearest
from models.blocks import blocks
from models.options import SHARED_THRESHOLD, ModelOptions

__all__ = [
    "Choice",
    "also_for",
    "block_options",
    "choices",
    "documented_choices",
    "option_mistakes",
]


@dataclass(frozen=True)
class Choice:
    """One option of a block.

    Parameters
    ----------
    name : str
        As a job writes it.
    values : tuple of str
        The legal values; empty where any text of the right kind is legal.
    default : str
        What holds when it is left out.
    sentence : str
        What is chosen, in one sentence.
    """

    name: str
    values: tuple[str, ...]
    default: str
    sentence: str


def choices() -> dict[str, tuple[Choice, ...]]:
    """Return what a job may choose about each block that has options, by block.

    Returns
    -------
    dict
        In alphabetical order of the blocks.
    """
    return {name: documented_choices(options) for name, options in _options().items()}


def documented_choices(options: type[BaseModel]) -> tuple[Choice, ...]:
    """Read the choices off a class of options and its docstring.

    Parameters
    ----------
    options : type
        A pydantic model, its fields described under ``Parameters``.

    Returns
    -------
    tuple of Choice
        One a field.
    """
    sentences = _sentences(inspect.getdoc(options) or "")
    return tuple(
        Choice(
            name=name,
            values=tuple(str(value) for value in get_args(field.annotation)),
            default=str(field.default),
            sentence=sentences.get(name, ""),
        )
        for name, field in options.model_fields.items()
    )


def also_for(name: str) -> tuple[str, ...]:
    """Return the other tables that the options of a block hold for."""
    return tuple(other for other in SHARED_THRESHOLD.get(name, ()) if other != name)


def _sentences(text: str) -> dict[str, str]:
    """Return the first sentence on each parameter of a docstring in NumPy's style."""
    found = {}
    for entry in re.split(r"\n(?=\w)", text.partition("Parameters\n----------\n")[2]):
        head, _, body = entry.partition("\n")
        words = re.sub(r"``|\*", "", " ".join(body.split()))
        first = re.split(r"(?<=\.)\s+(?=[A-Z])", words, maxsplit=1)[0]
        found[head.partition(" :")[0].strip()] = first
    return found


def _options() -> dict[str, type[BaseModel]]:
    return {name: each.options for name, each in blocks().items() if each.options is not None}


def block_options(options: ModelOptions) -> dict[str, BaseModel]:
    """Return the validated options of every block that has any.

    Raises
    ------
    ModelError
        If a block takes no options, an option does not exist or its value is not legal; every
        mistake is listed.
    """
    mistakes = option_mistakes(options.options)
    if mistakes:
        raise ModelError("\n".join(mistakes))
    return {name: model(**options.options.get(name, {})) for name, model in _options().items()}


def option_mistakes(options: Mapping[str, Any]) -> list[str]:
    """Say what is wrong with the options of blocks.

    Parameters
    ----------
    options : mapping
        By block, a table of options, as in ``[model.options.<block>]``.

    Returns
    -------
    list of str
        A sentence a mistake: the place, the value, what is legal, the nearest legal word.
    """
    legal = _options()
    mistakes = []
    for name, given in options.items():
        place = f"model.options.{name}"
        owner = next((each for each, tables in SHARED_THRESHOLD.items() if name in tables), name)
        if name not in legal and owner != name:
            mistakes.append(
                f"{place}: {name} and {owner} observe one threshold, whose options are set under "
                f"[model.options.{owner}]"
            )
            continue
        if name not in legal:
            mistakes.append(
                f"{place}: this block takes no options; those that do are "
                f"{', '.join(legal)}{nearest(name, legal)}"
            )
            continue
        try:
            legal[name].model_validate(given)
        except ValidationError as error:
            fields = legal[name].model_fields
            for each in error.errors(include_url=False):
                key = ".".join(str(part) for part in each["loc"])
                mistakes.append(f"{place}.{key}: {_mistake(key, each, fields)}")
    return mistakes


def _mistake(key: str, error: Any, fields: Mapping[str, Any]) -> str:
    kind, value = error["type"], error["input"]
    if kind == "extra_forbidden":
        return f"unknown option{nearest(key, fields)}; legal options are {', '.join(fields)}"
    shown = json.dumps(value, ensure_ascii=False, default=str)
    if kind == "literal_error":
        words = [str(word) for word in get_args(fields[key].annotation)]
        hint = nearest(value, words) if isinstance(value, str) else ""
        listed = " or ".join(json.dumps(word) for word in words)
        return f"must be {listed}, but got {shown}{hint}"
    if kind == "value_error":
        return f"{error['ctx']['error']}, but got {shown}"
    return f"{str(error['msg']).lower()}, but got {shown}"
