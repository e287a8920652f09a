"""Conditions of the rows of an observed variable: which they are, and what they are called.

The columns of the design and of the table tell them; in words they have the units of the tables.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np

from data.arrays import Array
from inference.designs.axes import shown
from models.blocks import table_of

if TYPE_CHECKING:
    from inference.designs.basis import Basis

__all__ = [
    "CONDITION_WORDS",
    "FEWEST_ROWS",
    "LEAST_SPREAD",
    "OF_THE_OBSERVATION",
    "TOGETHER",
    "conditions_of",
    "distinct",
    "unit_score",
    "value_in_words",
    "varying_scores",
]

FEWEST_ROWS: Final = 3  # rows and values of which a correlation can differ from one and minus one
TOGETHER: Final = 0.99  # correlation from which two conditions are one
LEAST_SPREAD: Final = 1e-9
OF_THE_OBSERVATION: Final = frozenset(
    {"floor", "ceiling", "halfwidth", "sd", "cells", "separator", "free"}
)

_LAB: Final[Mapping[str, tuple[float, float]]] = {  # factor and offset from SI to the units below
    "temperature": (1.0, -273.15),
    "pressure": (1e-6, 0.0),
    "thickness": (1e6, 0.0),
    "distance": (1e3, 0.0),
    "concentration": (1e-3, 0.0),
    "before": (1e6, 0.0),
    "behind": (1e6, 0.0),
}

_UNITS: Final = {
    "area": " cm^2",
    "capacity": " mAh/cm^2",
    "concentration": " mol/L",
    "electrode_distance": " mm",
    "electrode_thickness": " um",
    "layers": "",
    "macmullin_number": "",
    "pore_radius": " nm",
    "pore_size_spread": "",
    "porosity": "",
    "pressure": " MPa",
    "scan_rate": " mV/s",
    "separator thickness": " um",
    "step_time": " s",
    "temperature": " degC",
}

CONDITION_WORDS: Final = {
    "log_current": "current_density",
    "log_area": "area",
    "patches": "area",
    "thickness": "electrode_thickness",
    "distance": "electrode_distance",
    "before": "reservoir_thickness on the depleting side",
    "behind": "reservoir_thickness on the supplying side",
}


def value_in_words(name: str, value: float) -> str:
    """Return a condition with its value, as rows state it.

    Parameters
    ----------
    name : str
        Its words.
    value : float
        From `conditions_of`.

    Returns
    -------
    str
        Empty where its unit is not known.
    """
    return f"{name} {shown(value)}{_UNITS[name]}" if name in _UNITS else ""


def distinct(conditions: Mapping[str, Array], without: str = "") -> dict[str, Array]:
    """Return the conditions that vary, by their words.

    Parameters
    ----------
    conditions : mapping of str to ndarray of shape (rows,)
        From `conditions_of`.
    without : str
        One that is left out, with all that goes together with it.

    Returns
    -------
    dict of str to ndarray of shape (rows,)
        As given.
    """
    scores = {name: unit_score(name, values) for name, values in conditions.items()}
    left_out = scores.get(without)
    return {
        CONDITION_WORDS.get(name, name): conditions[name]
        for name, score in scores.items()
        if score is not None
        and not (left_out is not None and abs(float(left_out @ score)) > TOGETHER)
    }


def unit_score(name: str, values: Array) -> Array | None:
    """Return a condition with mean 0 and length 1; None where it does not vary.

    Rows without it have no part: 0 where it is blank.
    """
    known = np.isfinite(values)
    if known.sum() < FEWEST_ROWS:
        return None
    plain = name.startswith("log_") or name == "temperature"
    positive = bool((values[known] > 0.0).all()) and not plain
    score = np.zeros(values.size)
    score[known] = np.log(values[known]) if positive else values[known]
    score[known] -= score[known].mean()
    length = float(np.linalg.norm(score))
    return score / length if length > LEAST_SPREAD else None


def varying_scores(conditions: Mapping[str, Array], without: str = "") -> dict[str, Array]:
    """Return conditions that vary, of mean 0 and length 1; those that go together as one.

    What goes together with a condition that is not one here is left out with it.
    """
    groups: list[tuple[list[str], Array]] = []
    for name, values in conditions.items():
        score = unit_score(name, values)
        if score is None:
            continue
        word = CONDITION_WORDS.get(name, name)
        for names, first in groups:
            if abs(float(first @ score)) > TOGETHER:
                if word not in names:
                    names.append(word)
                break
        else:
            groups.append(([word], score))
    return {
        names[0] + (f" (or {', '.join(names[1:])}, which goes with it)" if names[1:] else ""): score
        for names, score in groups
        if CONDITION_WORDS.get(without, without) not in names
    }


def conditions_of(result: "Basis", variable: str, design: Mapping[str, Array]) -> dict[str, Array]:
    """Return the conditions of the rows of an observed variable.

    Parameters
    ----------
    result : Basis
        A finished fit.
    variable : str
        Name of the observed variable.
    design : mapping of str to ndarray of shape (rows,)
        Its own design.

    Returns
    -------
    dict of str to ndarray of shape (rows,)
        What the fit kept of its rows, NaN where one is blank, and of its design and that of its
        table what these do not state; in the units of tables.
    """
    kept = result.conditions.get(variable, {})
    found = {name: np.asarray(each, dtype=float) for name, each in kept.items()}
    for name, each in {**_of_table(result, variable), **design}.items():
        if CONDITION_WORDS.get(name, name) not in kept:  # a design has numbers where a row is blank
            factor, offset = _LAB.get(name, (1.0, 0.0))
            found[name] = factor * np.asarray(each, dtype=float) + offset
    return {
        name: each
        for name, each in found.items()
        if name not in OF_THE_OBSERVATION and not name.endswith("_sd")
    }


def _of_table(result: "Basis", variable: str) -> dict[str, Array]:
    """Return the design of a whole table at the rows of one of its observed variables."""
    table, lines = table_of(variable), result.lines
    key = f"{table}_design"
    if table == variable or key not in result.constant_data or variable not in lines:
        return {}
    matrix = result.constant_data[key]
    every = sorted({line for name in lines if table_of(name) == table for line in lines[name]})
    if len(every) != matrix.shape[0]:
        return {}
    at = np.searchsorted(every, lines[variable])
    names = [str(each) for each in matrix[f"{table}_column"].values]
    return {name: np.asarray(matrix.values[at, i], dtype=float) for i, name in enumerate(names)}
