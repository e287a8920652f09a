"""Likelihood blocks: one module a table, of the same name as its schema in `data.tables`.

Each module defines ``BLOCK``, a `models.block.Block`. Nothing lists the blocks: a new experiment is
a new file here and one in `data.tables`, and an entry in ``data/quantities.toml`` for each new
parameter.
"""

import pkgutil
from functools import cache
from importlib import import_module
from typing import Any

from models.block import Block, Observable

__all__ = [
    "block",
    "block_names",
    "block_priors",
    "blocks",
    "isothermal_parameters",
    "observable",
    "table_of",
]


@cache
def block_names() -> tuple[str, ...]:
    """Return the names of the tables that have a likelihood, in alphabetical order."""
    return tuple(sorted(info.name for info in pkgutil.iter_modules(__path__)))


@cache
def block(name: str) -> Block:
    """Return one block.

    Parameters
    ----------
    name : str
        Name of the table.

    Returns
    -------
    Block
        What the experiment brings.
    """
    found: Block = import_module(f"{__name__}.{name}").BLOCK
    return found


def blocks() -> dict[str, Block]:
    """Return all blocks by name of table."""
    return {name: block(name) for name in block_names()}


def table_of(variable: str) -> str:
    """Return the table that an observed variable belongs to.

    Parameters
    ----------
    variable : str
        Such as ``morphology_coverage``.

    Returns
    -------
    str
        Name of the table; the variable's own where there is no such table.
    """
    known = sorted(block_names(), key=len, reverse=True)
    return next((t for t in known if variable == t or variable.startswith(f"{t}_")), variable)


@cache
def observable(name: str) -> Observable:
    """Return what is known of an observed variable.

    Parameters
    ----------
    name : str
        Such as ``morphology_coverage``.

    Raises
    ------
    KeyError
        If its block does not declare it.
    """
    return {each.name: each for each in block(table_of(name)).observables}[name]


@cache
def block_priors() -> dict[str, Any]:
    """Return the priors that blocks bring, by parameter name."""
    return {name: prior for each in blocks().values() for name, prior in each.priors.items()}


@cache
def isothermal_parameters() -> dict[str, str]:
    """Return by table the parameter behind its rows that follows no law of temperature, if any."""
    return {name: each.isothermal for name, each in blocks().items() if each.isothermal}
