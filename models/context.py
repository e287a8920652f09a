"""What a likelihood block is given: latents, the campaign's constants, the packing of data."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydantic import BaseModel

from data.errors import ModelError
from data.units import si_factor
from models.latents import Parameters
from models.observations import si
from models.physics import (
    KINETICS,
    MOLAR_VOLUME,
    REFERENCE_TEMPERATURE,
    arrhenius,
    creep_fed_current_density,
    creep_fed_current_density_norton,
    critical_current_density,
    young_laplace_overpotential,
)
from models.separators import Separators

__all__ = ["Context", "pressure"]

Array = NDArray[np.float64]

TEMPERATURE_WINDOW = 5.0
"""Kelvin about 25 degC within which kinetics and transport need no temperature law."""


class Context:
    """The surroundings of a block.

    Parameters
    ----------
    parameters : Parameters
        The physical parameters.
    separators : Separators or None
        The latent properties of the campaign's separators.
    metal : str
        Metal of the campaign.
    kinetics : str
        Name of the kinetics law.
    concentration : float
        Salt concentration of the campaign [mol/m^3].
    options : mapping
        Validated options of each block that has any.
    """

    def __init__(
        self,
        *,
        parameters: Parameters,
        separators: Separators | None,
        metal: str,
        kinetics: str,
        concentration: float,
        options: Mapping[str, BaseModel],
    ) -> None:
        self.parameters = parameters
        self._separators = separators
        self.molar_volume = MOLAR_VOLUME[metal]
        self.kinetics = kinetics
        self.concentration = concentration
        self.options = options
        self._critical: dict[float, Any] = {}

    @property
    def separators(self) -> Separators:
        """The separators; asking for them where there are none is the campaign's mistake."""
        if self._separators is None:
            raise ModelError("the campaign has no separators.csv, and a table to fit needs it")
        return self._separators

    def reorganization_energy(self) -> Any:
        """Return the energy [eV] where the law depends on it, else a number without effect."""
        without = self.kinetics == "butler_volmer"
        return 1.0 if without else self.parameters.si("reorganization_energy")

    def current_density(self, overpotential: Any, exchange: Any, temperature: Any) -> Any:
        """Return the current density [A/m^2] of the job's kinetics law.

        Parameters
        ----------
        overpotential : tensor, shape (rows,)
            [V].
        exchange : tensor
            Exchange current density [A/m^2].
        temperature : tensor, shape (rows,)
            [K].
        """
        law = KINETICS[self.kinetics]
        return law(overpotential, exchange, self.reorganization_energy(), temperature)

    def critical_current_density(self, table: xr.Dataset) -> Any:
        """Return each row's critical current density [A/m^2] from the properties of its separator.

        The law is evaluated once for every separator and temperature, not once for every cell.

        Parameters
        ----------
        table : Dataset
            Rows with ``separator`` and ``temperature``.

        Returns
        -------
        tensor, shape (rows,)
            Of the median cell, without the separator's offset.
        """
        temperatures = si(table, "temperature")
        reference = self.at_temperature("exchange_current_density", table, temperatures)
        distinct, position = np.unique(temperatures, return_inverse=True)
        energy = self.reorganization_energy()
        curves = []
        for temperature in distinct:
            first = int(np.flatnonzero(temperatures == temperature)[0])
            exchange = reference[first] if reference.ndim else reference
            if float(temperature) not in self._critical:
                self._critical[float(temperature)] = critical_current_density(
                    self.parameters.si("wetting_product"),
                    self.separators.si("pore_radius"),
                    self.separators["porosity"],
                    exchange,
                    energy,
                    float(temperature),
                    self.molar_volume,
                    self.kinetics,
                )
            else:
                self.parameters["wetting_product"]  # for the record of what informs it
            curves.append(self._critical[float(temperature)])
        rows = np.asarray(self.separators.index(table["separator"].values), dtype=int)
        if len(curves) == 1:
            return curves[0][rows]
        import pytensor.tensor as pt

        return pt.stack(curves)[position, rows]

    def log_threshold(self, table: xr.Dataset) -> Any:
        """Return the log of each row's threshold current [A/m^2], its separator's offset included.

        Parameters
        ----------
        table : Dataset
            Rows with ``separator`` and ``temperature``.
        """
        rows = np.asarray(self.separators.index(table["separator"].values), dtype=int)
        return np.log(self.critical_current_density(table)) + self.separators.offset()[rows]

    def penetration_overpotential(self, table: xr.Dataset) -> Any:
        """Return the overpotential [V] that drives metal into each row's pores."""
        rows = np.asarray(self.separators.index(table["separator"].values), dtype=int)
        return young_laplace_overpotential(
            self.parameters.si("wetting_product"),
            self.separators.si("pore_radius")[rows],
            self.molar_volume,
        )

    def creep_fed_current_density(
        self, stack_pressure: Any, thickness: Any, temperature: Any
    ) -> Any:
        """Return the current density [A/m^2] that creep of the metal can feed.

        Parameters
        ----------
        stack_pressure : tensor
            [Pa].
        thickness : tensor
            Of the metal [m].
        temperature : tensor
            [K].
        """
        parameters = self.parameters
        if self.options["dc_polarization"].creep_current == "norton":  # type: ignore[attr-defined]
            return creep_fed_current_density_norton(
                stack_pressure,
                thickness,
                temperature,
                parameters["creep_exponent"],
                parameters.si("creep_reference_stress"),
                parameters.si("creep_activation_energy"),
                parameters["constraint_factor"],
                self.molar_volume,
            )
        return creep_fed_current_density(
            stack_pressure,
            thickness,
            temperature,
            parameters.si("creep_current_at_9_MPa"),
            parameters["creep_pressure_exponent"],
            parameters.si("creep_activation_energy"),
        )

    def design(self, name: str, **columns: Array) -> dict[str, Any]:
        """Register one table's design as one matrix of data.

        Parameters
        ----------
        name : str
            Name of the table or of the observed variable.
        **columns : ndarray, shape (rows,)
            All finite.

        Returns
        -------
        dict of tensor, each of shape (rows,)
            The columns by name.
        """
        import pymc as pm

        matrix = np.column_stack([np.asarray(column, dtype=float) for column in columns.values()])
        if not np.isfinite(matrix).all():
            raise AssertionError(f"{name}: the design is not finite")
        data = pm.Data(f"{name}_design", matrix)
        pm.modelcontext(None).design_columns[name] = tuple(columns)
        return {column: data[:, i] for i, column in enumerate(columns)}

    def pack(self, name: str, observed: Array, **columns: Array) -> tuple[Any, dict[str, Any]]:
        """Register the design and the observations of one variable as two pieces of data.

        Parameters
        ----------
        name : str
            Name of the observed variable.
        observed : ndarray, shape (rows,)
            What was observed.
        **columns : ndarray, shape (rows,)
            The design, all finite.

        Returns
        -------
        observed : tensor, shape (rows,)
            Data of the observed variable.
        columns : dict of tensor, each of shape (rows,)
            The design by name.
        """
        import pymc as pm

        if not np.isfinite(observed).all():
            raise AssertionError(f"{name}: the observations are not finite")
        data = pm.Data(f"{name}_data", np.asarray(observed, dtype=float), dims=f"{name}_row")
        return data, self.design(name, **columns)

    def at_temperature(self, name: str, table: xr.Dataset, temperature: Any) -> Any:
        """Return a parameter of the electrolyte or its interface at the temperatures of rows.

        Parameters
        ----------
        name : str
            ``exchange_current_density``, ``ambipolar_diffusivity`` or
            ``diffusivity_over_anion_transference``.
        table : Dataset
            For the message.
        temperature : tensor, shape (rows,)
            [K].

        Returns
        -------
        tensor
            In SI units.

        Raises
        ------
        ModelError
            If a row is more than 5 K from 25 degC and the job gives no activation energy.
        """
        law = name if name == "exchange_current_density" else "ambipolar_diffusivity"
        energy = f"{law}_activation_energy"
        if energy in self.parameters:
            return arrhenius(self.parameters.si(name), self.parameters.si(energy), temperature)
        outside = np.abs(si(table, "temperature") - REFERENCE_TEMPERATURE) > TEMPERATURE_WINDOW
        if outside.any():
            row = int(np.flatnonzero(outside)[0])
            raise ModelError(
                f"{table.attrs['table']}.csv, line {int(table['line'].values[row])}: "
                f"{float(table['temperature'].values[row]):g} degC is more than "
                f"{TEMPERATURE_WINDOW:g} K from 25 degC, and {law} has no temperature law; give "
                f"the job a prior [priors.{energy}] in kJ/mol, or leave the row out with `exclude`"
            )
        return self.parameters.si(name)


def pressure(table: xr.Dataset, name: str, column: Any) -> Any:
    """Return the pressure [Pa] of each row, latent where it carries a standard deviation.

    Parameters
    ----------
    table : Dataset
        A table with ``pressure`` and ``pressure_sd``.
    name : str
        Name of the latent.
    column : tensor, shape (rows,)
        The stated pressure [Pa].
    """
    sd = np.asarray(table["pressure_sd"].values, dtype=float)
    uncertain = np.flatnonzero(np.nan_to_num(sd) > 0)
    if not uncertain.size:
        return column
    import pymc as pm
    import pytensor.tensor as pt

    factor = si_factor(str(table["pressure"].attrs["units"]))
    true = pm.TruncatedNormal(
        name,
        mu=np.asarray(table["pressure"].values, dtype=float)[uncertain],
        sigma=sd[uncertain],
        lower=0.0,
    )
    column = pt.as_tensor(column)
    return pt.set_subtensor(column[uncertain], true * factor)
