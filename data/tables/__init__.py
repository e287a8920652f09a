"""One module a table, each defining ``TABLE``: a new file is a new table, nothing lists them."""

import pkgutil
from functools import cache
from importlib import import_module

from data.table import Table

__all__ = ["clocks", "tables"]


@cache
def tables() -> dict[str, Table]:
    """Return every table of the contract by name.

    Returns
    -------
    dict of str to Table
        In alphabetical order.

    Raises
    ------
    TypeError
        A module of this package defines no ``TABLE``, or one of another name.
    """
    found: dict[str, Table] = {}
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda info: info.name):
        table = getattr(import_module(f"{__name__}.{module.name}"), "TABLE", None)
        if not isinstance(table, Table) or table.name != module.name:
            raise TypeError(f"data/tables/{module.name}.py must define TABLE named {module.name!r}")
        found[table.name] = table
    return found


@cache
def clocks() -> dict[str, str]:
    """Return the column of the time of the event, by name of each table of timed tests."""
    return {name: table.clock for name, table in tables().items() if table.clock}
