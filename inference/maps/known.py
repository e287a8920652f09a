"""What is known of a design: what a fit covers, its draws, and whose scatter the prior says."""

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from data.arrays import Array
from data.errors import MapError
from inference.designs.basis import Planned
from inference.designs.design import Design
from inference.designs.limits import ACTIVATION, option
from inference.designs.mechanisms import (
    LAB_SCATTER,
    MECHANISMS,
    SEPARATOR_SCATTER,
    has_lab_offsets,
    parameter_draws,
)
from inference.designs.noise import NoiseTable, chosen_draws
from inference.engine.standing import Standing, standing
from inference.maps.row_counts import told_of_rows
from inference.maps.separators import separator_draws
from inference.thresholds import DEFAULT_RISK, TOLERANCE_REACH
from models.temperature import TEMPERATURE_WINDOW

if TYPE_CHECKING:
    from inference.designs.basis import Basis

__all__ = [
    "LEAST_DRAWS_BEYOND",
    "PRESSURE_WITHOUT_DATA",
    "check_risk",
    "drawn_parameters",
    "draws_due",
    "highest_pressure",
    "refuse_uncovered",
    "refuse_unresolved",
    "scatter_notes",
    "scatter_prior_driven",
    "scatter_standings",
]

PRESSURE_WITHOUT_DATA: Final = 9.0
"""Stack pressure [MPa] above which no map is drawn unless a campaign has data there."""

LEAST_DRAWS_BEYOND: Final = 20
"""Draws beyond a quantile below which it is not stated: its Monte-Carlo error is then a fifth of
the tail."""


def drawn_parameters(
    result: "Basis", design: Design, draws: int, seed: int
) -> tuple[dict[str, Array], NoiseTable]:
    """Return the posterior draws of a map and the noise of its new cells.

    Parameters
    ----------
    result : Basis
        A finished fit.
    design : Design
        The design.
    draws, seed : int
        As in :func:`safe_current_map`.

    Returns
    -------
    parameters : dict of str to ndarray
        In SI, shape (draw,); those of the separator that the design names among them.
    noise : NoiseTable
        Standard normal numbers, one for each draw and each source.

    Raises
    ------
    MapError
        If the number of draws is not legal.
    """
    if draws < 2:
        raise MapError(f"draws is {draws!r}, legal are whole numbers from 2")
    chosen = chosen_draws(result, draws, seed)
    parameters = parameter_draws(result, design.cell, design.protocol, chosen)
    noise = NoiseTable(seed, chosen.size)
    return parameters | separator_draws(result, design, chosen, parameters, noise), noise


def check_risk(risk: float) -> None:
    """Refuse what is not a risk.

    Parameters
    ----------
    risk : float
        Probability of failure.

    Raises
    ------
    MapError
        If it is not above 0 and up to 0.5.
    """
    if not 0.0 < risk <= 0.5:
        raise MapError(f"risk is {risk!r}, legal are numbers above 0 up to 0.5, such as 0.05")


def draws_due(risk: float) -> int:
    """Return how many draws a small risk calls for: 20 of the cells drawn are to fail sooner.

    Parameters
    ----------
    risk : float
        Probability of failure.

    Returns
    -------
    int
        Of the posterior; 0 from the default risk on.
    """
    return math.ceil(LEAST_DRAWS_BEYOND / risk) if risk < DEFAULT_RISK else 0


def refuse_unresolved(risk: float, count: int) -> None:
    """Refuse a risk of which the draws hold too few cells.

    Parameters
    ----------
    risk : float
        Probability of failure.
    count : int
        Draws.

    Raises
    ------
    MapError
        If less than 20 of the cells drawn fail sooner.
    """
    # At the default risk the convergence gate sees to that: it asks for 400 effective draws.
    if risk < DEFAULT_RISK and risk * count < LEAST_DRAWS_BEYOND:
        raise MapError(
            f"risk is {risk:g}, and {count} draws hold only {risk * count:.3g} cells that fail "
            f"sooner: at least {LEAST_DRAWS_BEYOND} are due; ask for a risk from "
            f"{LEAST_DRAWS_BEYOND / count:.2g}, or draw more (sampler.draws in the job)"
        )


def refuse_uncovered(design: Design, result: Planned) -> None:
    """Refuse conditions about which neither data nor priors of the fit say anything.

    Parameters
    ----------
    design : Design
        The design.
    result : Planned
        A finished fit, or what one that is planned will speak of.

    Raises
    ------
    MapError
        If it asks for such conditions.
    """
    if design.cell == "liquid":
        weakest_link = option(result.attrs, "penetration", "pores") == "weakest_link"
        if "pore_size_spread" in design.axes and not weakest_link:
            raise MapError(
                "map axis 'pore_size_spread' says nothing here: the fit lets the typical pore "
                'decide; leave it out, or fit with pores = "weakest_link" under '
                "[model.options.penetration]"
            )
        if weakest_link and "pore_size_spread" not in {*design.axes, *result.posterior}:
            raise MapError(
                "the liquid design has no 'pore_size_spread': the largest pore decides, and every "
                "separator of the campaign states its own width; give that of the design, such as "
                "pore_size_spread = 0.1"
            )
        if weakest_link and "wetted_pores" not in result.posterior:
            raise MapError(
                'the largest pore decides (pores = "weakest_link"), but the fit holds no number '
                "of wetted pores, since no table of its campaign depends on it: add penetration "
                'or critical_current data, or fit with pores = "typical"'
            )
        temperatures = _reached(design, "temperature")
        far = temperatures[np.abs(temperatures - 25.0) > TEMPERATURE_WINDOW + 1e-9]
        missing = [name for name in ACTIVATION.values() if name not in result.posterior]
        if far.size and missing:
            raise MapError(
                f"map axis 'temperature' {_reaches(design, 'temperature', far[0])}, more than "
                f"{TEMPERATURE_WINDOW:g} K from 25 degC, where kinetics and transport follow "
                f"no law of temperature: give the job a prior for {' and '.join(missing)}, "
                "or stay within 20 to 30 degC"
            )
        return
    norton = option(result.attrs, "dc_polarization", "creep_current") == "norton"
    if norton and "constraint_factor" not in result.posterior:
        raise MapError(
            'creep_current = "norton" needs the constraint factor, and the fit holds none: it was '
            "stored before this factor was drawn from its prior where no row has a pressure; fit "
            'again, or fit with creep_current = "empirical"'
        )
    most = highest_pressure(result)
    pressures = _reached(design, "pressure")
    beyond = pressures[pressures > most * (1.0 + 1e-9)]
    if beyond.size:
        raise MapError(
            f"map axis 'pressure' {_reaches(design, 'pressure', beyond[0])}, but nothing is known "
            f"above {most:g} MPa: lower it, or add polarisations at that pressure to the campaign"
        )


def highest_pressure(result: Planned) -> float:
    """Return the stack pressure above which nothing is known.

    Parameters
    ----------
    result : Planned
        The fit.

    Returns
    -------
    float
        9 MPa, or the highest pressure of the data where that is more [MPa].
    """
    measured = result.data_ranges.get("solid", {}).get("pressure", [0.0, 0.0])
    return max(PRESSURE_WITHOUT_DATA, measured[1])


def _reached(design: Design, name: str) -> Array:
    """Return the values of an axis, the last first, and then the ends of its tolerance."""
    return np.concatenate([design.axes[name].values[::-1], *design.reach(name)])


def _reaches(design: Design, name: str, value: float) -> str:
    """Say how an axis comes to a value: by itself, or by its tolerance."""
    axis = design.axes[name]
    shown = f"{value:.4g} {axis.kind.unit}"
    if np.isclose(axis.values, value).any():
        return f"has the value {shown}"
    return f"reaches {shown} within {name}_sd ({TOLERANCE_REACH:g} standard deviations)"


def scatter_standings(result: "Basis", design: Design) -> list[Standing]:
    """Say for each mechanism what its scatters come from: of several, the least known.

    Parameters
    ----------
    result : Basis
        The fit.
    design : Design
        Of the kind of cell.

    Returns
    -------
    list of {"prior", "near", "data"}
        In the order of `MECHANISMS`; see `inference.engine.standing`.
    """
    found: list[Standing] = []
    for own in _standings(result, design).values():
        every = {*own.values()}
        found.append("prior" if "prior" in every else "near" if "near" in every else "data")
    return found


def _standings(result: "Basis", design: Design) -> dict[str, dict[str, Standing]]:
    """Return what each scatter of new cells comes from, by mechanism."""
    rows = result.summary().to_dict("index")
    # Cells of one separator do not differ by the scatter between separators.
    shared = {SEPARATOR_SCATTER} if design.separator else set()
    return {
        item.name: {
            # A fixed parameter has no row: no data in it either.
            name: standing(rows.get(name))
            for name in (
                *(name for name in item.scatters if name not in shared),
                *([LAB_SCATTER] if has_lab_offsets(item, result) else []),
            )
        }
        for item in MECHANISMS[design.cell]
    }


def scatter_prior_driven(result: "Basis", design: Design) -> Any:
    """Say for each mechanism whether the data hardly speak of one of its scatters.

    Parameters
    ----------
    result : Basis
        The fit.
    design : Design
        Of the kind of cell.

    Returns
    -------
    ndarray of bool, shape (mechanism,)
        In the order of `MECHANISMS`.
    """
    return np.array([each == "prior" for each in scatter_standings(result, design)])


def scatter_notes(result: "Basis", design: Design) -> list[str]:
    """Say in sentences which scatters of new cells are their prior's, and what rows count as cells.

    Parameters
    ----------
    result : Basis
        The fit.
    design : Design
        Of the kind of cell.

    Returns
    -------
    list of str
        Empty where all come from data, of cells that have names.
    """
    every = _standings(result, design)
    found = [
        told
        for key in ("fresh_cells", "ended_early")
        for told in told_of_rows(result, key, design.cell)
    ]
    for standing_of, words in (
        ("prior", "comes from the prior, not from data,"),
        ("near", "is near the limit between the prior and the data"),
    ):
        mechanisms = [
            f"{mechanism} ({', '.join(names)})"
            for mechanism, own in every.items()
            if (names := [name for name, found_of in own.items() if found_of == standing_of])
        ]
        if mechanisms:
            found.append(f"How new cells scatter {words} for {' and '.join(mechanisms)}.")
    return found
