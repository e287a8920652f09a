"""The separators of a campaign by name, as designs take them.

A separator that is named is the one that was fitted: its cells have its own pore radius, porosity,
thickness, MacMullin number and offset, draw by draw with the other parameters. A separator of
stated properties is a new one: what cells of it differ by is drawn anew.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from data.arrays import Array
from data.units import si_factor, to_si
from inference.designs.axes import AXES
from inference.designs.design import Design
from inference.designs.limits import Values, option
from inference.designs.mechanisms import (
    MECHANISMS,
    SEPARATOR_OFFSET,
    SEPARATOR_SCATTER,
    Deviates,
    has_lab_offsets,
    own_property,
)
from inference.designs.noise import tolerance_source
from inference.designs.reading import SEPARATOR_AXES
from inference.thresholds import INTERVAL, TAILS
from models import physics
from models.separators import MACMULLIN_SCATTER

if TYPE_CHECKING:
    import xarray as xr

    from inference.designs.basis import Basis

__all__ = [
    "as_fitted",
    "belonging",
    "offset_in_words",
    "separator_draws",
    "separator_sections",
    "separators_of",
]

_SPREAD = "pore_size_spread"
_OWN = tuple(name for name in SEPARATOR_AXES if name != _SPREAD)


class _WithAttributes(Protocol):
    @property
    def attrs(self) -> Mapping[str, Any]:
        """With the campaign's separators."""


def separator_sections(table: "xr.Dataset | None") -> dict[str, dict[str, Any]]:
    """Return what a table states of each separator.

    Parameters
    ----------
    table : Dataset, optional
        The table `separators` of a campaign.

    Returns
    -------
    dict of str to dict
        By name, keys and values as in the section of a design: properties with their units, their
        stated standard deviations as tolerances. Blank entries are left out.
    """
    if table is None:
        return {}
    sections = {}
    for place, name in enumerate(table["separator"].to_numpy()):
        section: dict[str, Any] = {"pore_type": str(table["pore_type"].to_numpy()[place])}
        for axis in SEPARATOR_AXES:
            for key in (axis, f"{axis}_sd"):
                if key not in table:
                    continue
                value = float(table[key].to_numpy()[place])
                # A standard deviation of 0 is what a blank one becomes.
                if np.isfinite(value) and (key == axis or value > 0.0):
                    unit = str(table[axis].attrs["units"])
                    section[key] = value if unit == "1" else f"{value!r} {unit}"
        sections[str(name)] = section
    return sections


def separators_of(result: _WithAttributes) -> dict[str, dict[str, Any]]:
    """Return the separators of the campaign that was fitted.

    Parameters
    ----------
    result : Basis
        A finished fit, or one that is planned.

    Returns
    -------
    dict of str to dict
        By name, as :func:`separator_sections` says.
    """
    found: dict[str, dict[str, Any]] = json.loads(str(result.attrs.get("separators", "{}")))
    if option(result.attrs, "penetration", "pores") != "weakest_link":
        for section in found.values():
            section.pop(_SPREAD, None)
    return found


def separator_draws(
    result: "Basis",
    design: Design,
    chosen: "np.ndarray[Any, Any]",
    parameters: Values,
    noise: Deviates,
) -> dict[str, Array]:
    """Return what the fit knows of the separator that a design names.

    What no table of the campaign told the fit of is drawn as it is stated, within its standard
    deviation, and an offset by the scatter between separators: one value a draw, for all cells.

    Parameters
    ----------
    result : Basis
        A finished fit.
    design : Design
        The design.
    chosen : ndarray of int, shape (draw,)
        Posterior draws, counted through the chains one after the other.
    parameters : mapping of str to ndarray
        Those of the mechanisms for the same draws, in SI, shape (draw,).
    noise : callable
        ``noise(source)`` are standard normal numbers, shape (draw,).

    Returns
    -------
    dict of str to ndarray
        Properties by `inference.designs.mechanisms.own_property` and the offset, in SI, shape
        (draw,); empty where the design names no separator.
    """
    if not design.separator:
        return {}

    def fitted(name: str) -> Array | None:
        posterior = result.posterior
        if name not in posterior or design.separator not in posterior["separator"]:
            return None
        variable = posterior[name].sel(separator=design.separator)
        flat = variable.transpose("chain", "draw").to_numpy().reshape(-1)[chosen]
        return to_si(flat, str(posterior[name].attrs["units"]))

    def stated(name: str) -> Array:
        normal = noise(tolerance_source(name))
        if name not in design.axes:  # a MacMullin number that was not measured
            porosity = found[own_property("porosity")]
            number: Array = physics.macmullin_number_from_porosity(porosity, design.pore_type)
            return number * np.exp(MACMULLIN_SCATTER[design.pore_type] * normal)
        kind, values = AXES["liquid"][name], np.repeat(design.axes[name].values, chosen.size)
        if name in design.tolerances:
            values = design.tolerances[name].apply(kind, values, normal)
        return to_si(values, kind.unit)

    found: dict[str, Array] = {}
    for name in _OWN:
        own = fitted(name)
        found[own_property(name)] = stated(name) if own is None else own
    offset = fitted(SEPARATOR_OFFSET)
    if offset is None:
        offset = parameters[SEPARATOR_SCATTER] * noise(SEPARATOR_SCATTER)
    return found | {SEPARATOR_OFFSET: offset}


def as_fitted(parameters: Values) -> dict[str, tuple[float, float]]:
    """Return what the draws of a named separator come to.

    Parameters
    ----------
    parameters : mapping of str to ndarray
        With those of :func:`separator_draws`.

    Returns
    -------
    dict of str to tuple
        Median and standard deviation by axis, in the axis' unit; empty for a new separator.
    """
    found = {}
    for name in _OWN:
        if own_property(name) in parameters:
            values = parameters[own_property(name)] / si_factor(AXES["liquid"][name].unit)
            found[name] = float(np.median(values)), float(np.std(values))
    return found


def offset_in_words(design: Design, parameters: Values) -> str:
    """Say by what a named separator departs from what its pores predict.

    Parameters
    ----------
    design : Design
        The design.
    parameters : mapping of str to ndarray
        With those of :func:`separator_draws`.

    Returns
    -------
    str
        A sentence; empty for a new separator.
    """
    if SEPARATOR_OFFSET not in parameters:
        return ""
    levels = [0.5, *TAILS]
    middle, lower, upper = np.exp(np.quantile(parameters[SEPARATOR_OFFSET], levels))
    return (
        f"Metal penetrates the separator {design.separator!r} at {middle:.2f} times the current "
        f"that its pores, as fitted, predict ({100 * INTERVAL:.0f} % interval {lower:.2f} to "
        f"{upper:.2f}): this offset is counted in."
    )


def belonging(design: Design, result: "Basis") -> str:
    """Say of which separator, and in which laboratory, the new cells of a design are.

    Parameters
    ----------
    design : Design
        The design.
    result : Basis
        A finished fit.

    Returns
    -------
    str
        What follows "a new cell", such as " of a new separator"; may be empty.
    """
    words = ""
    if design.cell == "liquid":
        own = f"the separator {design.separator!r} as fitted"
        words = f" of {own if design.separator else 'a new separator'}"
    if any(has_lab_offsets(item, result) for item in MECHANISMS[design.cell]):
        words += " in a new laboratory"
    return words
