"""The limits that mechanisms set: currents by parameters and conditions, in SI units."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self, cast

import numpy as np

from data.arrays import Array
from models import physics
from models.cells import LOGNORMAL

if TYPE_CHECKING:
    from inference.designs.basis import Basis

__all__ = [
    "ACTIVATION",
    "Setting",
    "Values",
    "creep_current",
    "depletion_current",
    "option",
    "penetration_current",
    "pore_current",
    "void_current",
]

ACTIVATION: Final[Mapping[str, str]] = {
    "exchange_current_density": "exchange_current_density_activation_energy",
    "ambipolar_diffusivity": "ambipolar_diffusivity_activation_energy",
}
"""Activation energies that give a parameter of the electrolyte its law of temperature."""


_DEFAULT_OPTIONS: Final = {
    "cells": LOGNORMAL.name,
    "creep_current": "empirical",
    "pores": "typical",
}


Values = Mapping[str, Array]


@dataclass(frozen=True)
class Setting:
    """What is fixed over a whole map: the metal and the laws.

    Parameters
    ----------
    molar_volume : float
        Of the metal [m^3/mol].
    kinetics, creep_current, pores : str
        Names of the laws of the fit.
    """

    molar_volume: float
    kinetics: str
    creep_current: str
    pores: str

    @classmethod
    def of(cls, result: "Basis") -> Self:
        """Return what a fit says.

        Parameters
        ----------
        result : Basis
            A finished fit.

        Returns
        -------
        Setting
            Its metal and laws.
        """
        return cls(
            physics.MOLAR_VOLUME[result.metal],
            result.kinetics,
            option(result.attrs, "dc_polarization", "creep_current"),
            option(result.attrs, "penetration", "pores"),
        )


def pore_current(parameters: Values, conditions: Values, setting: Setting) -> Array:
    """Return the current [A/m^2 of wetted area] at which metal enters the pores."""
    radius = conditions["pore_radius"]
    if setting.pores == "weakest_link":
        spread = conditions.get("pore_size_spread", parameters.get("pore_size_spread"))
        radius = physics.largest_pore_radius(radius, spread, parameters["wetted_pores"])
    current = physics.critical_current_density(
        parameters["wetting_product"],
        radius,
        1.0,
        at_temperature(parameters, "exchange_current_density", conditions["temperature"]),
        parameters["reorganization_energy"],
        conditions["temperature"],
        setting.molar_volume,
        kinetics=setting.kinetics,
    )
    return cast("Array", current)


def penetration_current(
    parameters: Values,  # noqa: ARG001 - every mechanism is called alike
    conditions: Values,
    factor: Array,
    setting: Setting,  # noqa: ARG001
    core: Array | None,
) -> Array:
    """Return the current [A/m^2] at which metal enters the pores."""
    return factor * (conditions["porosity"] * cast("Array", core))


def depletion_current(
    parameters: Values,
    conditions: Values,
    factor: Array,
    setting: Setting,  # noqa: ARG001 - every mechanism is called alike
    core: Array | None,  # noqa: ARG001
) -> Array:
    """Return the current [A/m^2] at which the salt runs out, in the steady state or at a charge."""
    diffusivity = at_temperature(parameters, "ambipolar_diffusivity", conditions["temperature"])
    transference = parameters["transference_number"]
    thickness, porosity = conditions["thickness"], conditions["porosity"]
    macmullin = conditions["macmullin_number"]
    if "charge" in conditions:
        current = physics.depletion_current_density_at_charge(
            conditions["charge"],
            conditions["concentration"],
            diffusivity,
            transference,
            thickness,
            porosity,
            macmullin,
            cell_factor=factor,
        )
        return cast("Array", current)
    layer = physics.Layer(thickness, porosity, macmullin)
    limit = physics.limiting_current_density(
        diffusivity, transference, conditions["concentration"], [layer]
    )
    return cast("Array", factor * limit)


def creep_current(parameters: Values, conditions: Values, setting: Setting) -> Array:
    """Return the current [A/m^2] that creep of the metal feeds."""
    temperature, thickness = conditions["temperature"], conditions["metal_thickness"]
    if setting.creep_current == "norton":
        current = physics.creep_fed_current_density_norton(
            conditions["pressure"],
            thickness,
            temperature,
            parameters["creep_exponent"],
            parameters["creep_reference_stress"],
            parameters["creep_activation_energy"],
            parameters["constraint_factor"],
            setting.molar_volume,
        )
    else:
        current = physics.creep_fed_current_density(
            conditions["pressure"],
            thickness,
            temperature,
            parameters["creep_current_at_9_MPa"],
            parameters["creep_pressure_exponent"],
            parameters["creep_activation_energy"],
        )
    return cast("Array", current)


def void_current(
    parameters: Values,
    conditions: Values,
    factor: Array,
    setting: Setting,
    core: Array | None,
) -> Array:
    """Return the current [A/m^2] at which voids form; 0 where the metal holds less than Q."""
    diffusivity = physics.arrhenius(
        parameters["self_diffusivity"],
        parameters["self_diffusion_activation_energy"],
        conditions["temperature"],
    )
    current = physics.void_free_current_density_at_charge(
        conditions["charge"],
        diffusivity,
        setting.molar_volume,
        supply_factor=parameters["supply_factor"],
        creep_current_density=cast("Array", core),
        cell_factor=factor,
    )
    capacity = physics.metal_capacity(conditions["metal_thickness"], setting.molar_volume)
    holds = conditions["charge"] <= capacity
    return cast("Array", current if np.all(holds) else np.where(holds, current, 0.0))


def at_temperature(parameters: Values, name: str, temperature: Array) -> Array:
    """Return a parameter at a temperature [K], constant unless it has an activation energy."""
    energy = parameters.get(ACTIVATION[name])
    if energy is None:
        return parameters[name]
    return cast("Array", physics.arrhenius(parameters[name], energy, temperature))


def option(attrs: Mapping[str, Any], block: str, name: str) -> str:
    """Return what a fit chose, or the default where it was stored before there was a choice.

    Parameters
    ----------
    attrs : mapping
        Attributes of the fit.
    block, name : str
        The block, and its option.

    Returns
    -------
    str
        The choice.
    """
    options = json.loads(str(attrs.get("options", "{}")))
    return str(options.get(block, {}).get(name, _DEFAULT_OPTIONS[name]))
