"""Mistakes of a job, in sentences."""

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from data.errors import MapError
from data.schema import nearest
from inference.jobs.job import SCHEMA_VERSION, Cell, Job, shown_value

__all__ = ["map_mistakes", "mistakes_of_options", "sentence", "unknown_blocks"]


def unknown_blocks(document: Mapping[str, Any]) -> list[str]:
    """Name the blocks of a job that have no likelihood."""
    from models.blocks import block_names

    legal = block_names()
    model = document.get("model")
    if not isinstance(model, Mapping):
        return []
    blocks, options = model.get("blocks"), model.get("options")
    named = [("model.blocks", b) for b in blocks or ()] if isinstance(blocks, list) else []
    named += [("model.options", b) for b in options] if isinstance(options, Mapping) else []
    return [
        f"{place}: unknown block {name!r}{nearest(name, legal)}; legal are {', '.join(legal)}"
        for place, name in named
        if isinstance(name, str) and name not in legal
    ]


def mistakes_of_options(document: Mapping[str, Any]) -> list[str]:
    """Say what is wrong with the options of a job's blocks."""
    from models.blocks import block_names

    model = document.get("model")
    options = model.get("options") if isinstance(model, Mapping) else None
    if not isinstance(options, Mapping):
        return []
    known = {
        name: given
        for name, given in options.items()
        if name in block_names() and isinstance(given, Mapping)
    }
    if not known:
        return []
    from models.block_options import option_mistakes

    return option_mistakes(known)


def map_mistakes(document: Mapping[str, Any]) -> list[str]:
    """Say what is wrong with the axes of a job's maps, each axis on its own."""
    section = document.get("map")
    axes = section.get("axes") if isinstance(section, Mapping) else None
    if not isinstance(axes, Mapping):
        return []
    from inference.designs.reading import read_designs

    mistakes = []
    for cell in get_args(Cell):
        entries = axes.get(cell)
        if not isinstance(entries, Mapping):
            continue
        alone = []
        for key in entries:
            together = {k: entries[k] for k in (key.removesuffix("_sd"), key) if k in entries}
            try:
                read_designs(cell, together)
            except MapError as error:
                alone.append(f"map.axes.{cell}.{key}: {error}")
        if not alone:
            try:
                read_designs(cell, entries)
            except MapError as error:
                alone.append(f"map.axes.{cell}: {error}")
        mistakes += alone
    return mistakes


def sentence(detail: ErrorDetails) -> str:
    """Say one mistake of a job: the place, the value, what is legal."""
    keys = detail["loc"]
    place = "".join(f"[{k}]" if isinstance(k, int) else f".{k}" for k in keys).lstrip(".")
    kind, context, value = detail["type"], detail.get("ctx", {}), detail["input"]
    if kind == "extra_forbidden":
        legal = _legal_keys(detail["loc"][:-1])
        where = f"[{place.rpartition('.')[0]}]" if "." in place else "the job"
        name = str(keys[-1])
        owners = [key for key in _legal_keys(()) if name in _legal_keys((key,))]
        hint = f" (it belongs to [{owners[0]}])" if owners else nearest(name, legal)
        return f"{place}: unknown key{hint}; legal keys of {where} are {', '.join(legal)}"
    if kind == "missing":
        example = {
            "schema_version": f"schema_version = {SCHEMA_VERSION}",
            "name": 'name = "my-run"',
            "campaign": 'campaign = "sodium-literature"',
        }.get(place)
        return f"{place}: missing" + (f"; write for example {example}" if example else "")
    if place == "schema_version":
        return (
            f"schema_version: must be {SCHEMA_VERSION}, the only version that this program reads, "
            f"but got {shown_value(value)}"
        )
    rule = {
        "int_type": "must be a whole number",
        "float_type": "must be a number",
        "string_type": "must be text in quotes",
        "list_type": "must be a list [...]",
        "dict_type": "must be a table",
        "model_type": "must be a table",
        "model_attributes_type": "must be a table",
        "greater_than_equal": f"must be at least {context.get('ge')}",
        "less_than_equal": f"must be at most {context.get('le')}",
        "greater_than": f"must be above {context.get('gt')}",
        "less_than": f"must be below {context.get('lt')}",
        "literal_error": f"must be one of {context.get('expected')}",
        "string_too_short": "must not be empty",
        "too_short": "must not be empty",
        "string_pattern_mismatch": (
            "must begin with a letter or a digit and hold only letters, digits, '.', '_' and '-'"
        ),
        "value_error": str(context.get("error", detail["msg"])),
    }.get(kind, detail["msg"])
    if kind == "value_error":
        return f"{place}: {rule}"
    hint = ""
    if kind == "literal_error" and isinstance(value, str):
        legal_words = str(context.get("expected", "")).replace("'", "").replace(" or ", ", ")
        hint = nearest(value, legal_words.split(", "))
    return f"{place}: {rule}, but got {shown_value(value)}{hint}"


def _legal_keys(loc: tuple[int | str, ...]) -> list[str]:
    """Return the keys that the table of a job at a place may hold; none where there is no table."""
    section: type[BaseModel] = Job
    for key in loc:
        annotation = section.model_fields[str(key)].annotation
        choices = (annotation, *get_args(annotation))
        tables = [c for c in choices if isinstance(c, type) and issubclass(c, BaseModel)]
        if not tables:
            return []
        section = tables[0]
    return [name for name in section.model_fields if name != "resolved"]
