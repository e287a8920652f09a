"""Likelihood blocks: one module a table, of the same name as its schema in `data.tables`.

A block defines

``likelihood(table, context)``
    registers the table's observed variables in the current PyMC model;
``record(table, drawn)``
    returns the table with drawn values in place of the measured ones (for simulation);
``SOURCES``
    keys of the bibliography behind its equations;
``ISOTHERMAL`` (optional)
    the parameter behind the rows that follows no law of temperature unless the job gives it an
    activation energy (`models.temperature`);
``PRIORS`` (optional)
    priors of parameters that only it uses, in the form of `models/catalogue.toml`;
``Options`` (optional)
    a pydantic model of what a job may choose under ``[model.options.<table>]``.

Nothing lists the blocks: a new experiment is a new file here and one in `data.tables`.
"""

import pkgutil
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

__all__ = ["block", "block_names", "block_priors", "table_of"]


@cache
def block_names() -> tuple[str, ...]:
    """Return the names of the tables that have a likelihood, in alphabetical order."""
    return tuple(sorted(info.name for info in pkgutil.iter_modules(__path__)))


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


def block(name: str) -> ModuleType:
    """Return the module of one block.

    Parameters
    ----------
    name : str
        Name of the table.

    Returns
    -------
    module
        With at least ``likelihood``, ``record`` and ``SOURCES``.
    """
    return import_module(f"{__name__}.{name}")


@cache
def block_priors() -> dict[str, dict[str, Any]]:
    """Return the priors that blocks bring, by parameter name."""
    found: dict[str, dict[str, Any]] = {}
    for name in block_names():
        spec = find_spec(f"{__name__}.{name}")
        if spec is not None:
            found |= getattr(block(name), "PRIORS", {})
    return found
