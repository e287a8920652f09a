"""Rows too far from 25 degC for parameters that follow no law of temperature by default.

Kinetics and transport of the electrolyte are those at 25 degC. A block whose rows depend on one of
these parameters says so (``isothermal``); what lies further away needs an activation energy
from the job.
"""

from collections.abc import Container, Iterable, Mapping

import numpy as np
import xarray as xr

from data.errors import ModelError

__all__ = ["TEMPERATURE_WINDOW", "activation_energy", "far_rows", "refuse_far", "refuse_far_rows"]

TEMPERATURE_WINDOW = 5.0
"""Kelvin about 25 degC within which kinetics and transport need no temperature law."""

_SHOWN = 30


def activation_energy(parameter: str) -> str:
    """Return the name of the activation energy that gives a parameter its temperature law."""
    return f"{parameter}_activation_energy"


def far_rows(
    tables: Mapping[str, xr.Dataset], laws: Mapping[str, str], known: Container[str] = ()
) -> dict[str, dict[str, str]]:
    """Find the rows that need an activation energy which no prior gives.

    Parameters
    ----------
    tables : mapping of str to Dataset
        Tables that have a likelihood, by name.
    laws : mapping of str to str
        Parameter behind the rows of a table that follows no law of temperature by default.
    known : container of str
        Names of the parameters that have a prior.

    Returns
    -------
    dict of str to dict of str to str
        By parameter (``exchange_current_density``, ``ambipolar_diffusivity``) and table: which
        lines, at which temperatures.
    """
    found: dict[str, dict[str, str]] = {}
    for name, table in tables.items():
        parameter = laws.get(name)
        if parameter is None or activation_energy(parameter) in known:
            continue
        if text := _far(table):
            found.setdefault(parameter, {})[name] = text
    return found


def refuse_far_rows(
    tables: Mapping[str, xr.Dataset], laws: Mapping[str, str], known: Container[str]
) -> None:
    """Refuse rows that need an activation energy which no prior gives, all at once.

    Parameters
    ----------
    tables, laws, known
        As for `far_rows`.

    Raises
    ------
    ModelError
        Naming every such row and what to do.
    """
    if found := far_rows(tables, laws, known):
        raise ModelError(_message(found))


def refuse_far(parameter: str, table: xr.Dataset) -> None:
    """Refuse the rows of one table that are too far from 25 degC for a parameter without a law.

    Parameters
    ----------
    parameter : str
        ``exchange_current_density`` or ``ambipolar_diffusivity``.
    table : Dataset
        The rows.

    Raises
    ------
    ModelError
        Naming every such row and what to do.
    """
    if text := _far(table):
        raise ModelError(_message({parameter: {str(table.attrs["table"]): text}}))


def _message(found: Mapping[str, Mapping[str, str]]) -> str:
    lines = [
        f"  {name}.csv, {text}: no temperature law of {parameter}"
        for parameter, places in found.items()
        for name, text in places.items()
    ]
    priors = " and ".join(f"[priors.{activation_energy(parameter)}]" for parameter in found)
    return (
        f"rows are more than {TEMPERATURE_WINDOW:g} K from 25 degC, where kinetics and transport "
        "follow no law of temperature:\n"
        + "\n".join(lines)
        + f"\ngive the job {priors} in kJ/mol, or leave the rows out with `exclude`"
    )


def _far(table: xr.Dataset) -> str:
    """Say which rows of a table are too far from 25 degC, and how hot or cold they are."""
    temperature = np.asarray(table["temperature"].values, dtype=float)
    # NaN is 25 degC: the temperature of an estimate that states none.
    far = np.abs(temperature - 25.0) > TEMPERATURE_WINDOW
    if not far.any():
        return ""
    lines = sorted({int(line) for line in table["line"].values[far]})
    low, high = temperature[far].min(), temperature[far].max()
    span = f"{low:g}" if low == high else f"{low:g} to {high:g}"
    return f"line{'s' if len(lines) > 1 else ''} {_ranges(lines)} ({span} degC)"


def _ranges(lines: Iterable[int]) -> str:
    """Write line numbers with runs of them as ranges."""
    runs: list[list[int]] = []
    for line in lines:
        if runs and line == runs[-1][1] + 1:
            runs[-1][1] = line
        else:
            runs.append([line, line])
    parts = [
        f"{first}" if first == last else f"{first}{', ' if last == first + 1 else ' to '}{last}"
        for first, last in runs
    ]
    if len(parts) > _SHOWN:
        rest = sum(last - first + 1 for first, last in runs[_SHOWN:])
        parts = [*parts[:_SHOWN], f"and {rest} more"]
    return ", ".join(parts)
