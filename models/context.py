"""What a likelihood block is given: latents, the campaign's constants, the packing of data."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from pydantic import BaseModel

from data.arrays import Array
from data.errors import ModelError
from models.cells import LAWS, Cells
from models.latents import Parameters, true_pressure
from models.likelihoods import Observation
from models.observations import si
from models.options import SHARED_THRESHOLD
from models.physics import (
    KINETICS,
    MOLAR_VOLUME,
    arrhenius,
    creep_fed_current_density,
    creep_fed_current_density_norton,
    critical_current_density,
    largest_pore_radius,
    young_laplace_overpotential,
)
from models.separators import Separators
from models.temperature import activation_energy, refuse_far

if TYPE_CHECKING:
    import pymc as pm

__all__ = ["Context"]


class Context:
    """The surroundings of a block, and the record of what blocks observe.

    Parameters
    ----------
    model : pymc.Model
        That the blocks become part of.
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
    tables : mapping
        The tables that are fitted.
    weighted : bool
        Whether the log-likelihood of each row counts as often as the data ``<name>_weight`` say;
        observations and their draws know nothing of weights.

    Attributes
    ----------
    observations : dict of str to Observation
        Distribution of each observed variable.
    design_columns : dict of str to tuple of str
        Names of the columns of each design.
    """

    def __init__(
        self,
        *,
        model: "pm.Model",
        parameters: Parameters,
        separators: Separators | None,
        metal: str,
        kinetics: str,
        concentration: float,
        options: Mapping[str, BaseModel],
        tables: Mapping[str, xr.Dataset],
        weighted: bool,
    ) -> None:
        self._model = model
        self.parameters = parameters
        self._separators = separators
        self.molar_volume = MOLAR_VOLUME[metal]
        self.kinetics = kinetics
        self.concentration = concentration
        self.options = options
        self._tables = tables
        self._weighted = weighted
        self.observations: dict[str, Observation] = {}
        self.design_columns: dict[str, tuple[str, ...]] = {}
        self._critical: dict[float, Any] = {}
        self._offsets: dict[str, Any] = {}

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
        exchange = self.at_temperature("exchange_current_density", table, temperatures)
        rows = np.asarray(self.separators.index(table["separator"].values), dtype=int)
        radius, porosity = self.decisive_pore_radius(), self.separators["porosity"]
        wetting_product = self.parameters.si("wetting_product")
        energy = self.reorganization_energy()
        if np.ptp(temperatures) == 0.0:
            temperature = float(temperatures[0])
            if temperature not in self._critical:
                self._critical[temperature] = critical_current_density(
                    wetting_product,
                    radius,
                    porosity,
                    exchange[0] if exchange.ndim else exchange,
                    energy,
                    temperature,
                    self.molar_volume,
                    self.kinetics,
                )
            return self._critical[temperature][rows]
        conditions, first, position = np.unique(
            np.column_stack([rows, temperatures]), axis=0, return_index=True, return_inverse=True
        )
        at = rows[first]
        curve = critical_current_density(
            wetting_product,
            radius[at],
            porosity[at],
            exchange[first] if exchange.ndim else exchange,
            energy,
            conditions[:, 1],
            self.molar_volume,
            self.kinetics,
        )
        return curve[position.ravel()]

    def log_threshold(self, table: xr.Dataset) -> Any:
        """Return the log of each row's threshold current [A/m^2], its separator's offset included.

        Parameters
        ----------
        table : Dataset
            Rows with ``separator`` and ``temperature``; where they name laboratories, the offset of
            each is included too.
        """
        rows = np.asarray(self.separators.index(table["separator"].values), dtype=int)
        value = np.log(self.critical_current_density(table)) + self.separators.offset()[rows]
        offset = self.lab_offset("penetration", table)
        return value if offset is None else value + offset

    def decisive_pore_radius(self) -> Any:
        """Return the radius [m] of the pore that metal enters first, shape (separator,)."""
        radius = self.separators.si("pore_radius")
        if self.options["penetration"].pores == "typical":  # type: ignore[attr-defined]
            return radius
        spread = self.separators.pore_size_spread()
        return largest_pore_radius(radius, spread, self.parameters["wetted_pores"])

    def patches(self, table: xr.Dataset) -> dict[str, Array]:
        """Return how many reference areas each cell has, as a column of its design.

        Parameters
        ----------
        table : Dataset
            Cells; those without an ``area`` have the reference area.

        Returns
        -------
        dict of str to ndarray, shape (rows,)
            ``patches``, or nothing where areas are ignored or none is stated.
        """
        options: Any = self.options["penetration"]
        if options.area == "ignored" or not np.isfinite(table["area"].values).any():
            return {}
        ratio = si(table, "area") / options.reference_square_metres
        return {"patches": np.where(np.isfinite(ratio), ratio, 1.0)}

    def cells(self, block: str) -> Cells:
        """Return the law that the cells of a threshold follow.

        Parameters
        ----------
        block : str
            The block that holds the options of the threshold.
        """
        law = LAWS[self.options[block].cells]  # type: ignore[attr-defined]
        return Cells(law, self.parameters[law.parameter_of(block)]) if law.parameter else Cells()

    def lab_offset(self, block: str, table: xr.Dataset) -> Any:
        """Return the offset of each row's laboratory on the logarithm of its threshold.

        Parameters
        ----------
        block : str
            The block that holds the options of the threshold.
        table : Dataset
            The rows.

        Returns
        -------
        tensor, shape (rows,), or None
            None where offsets are not asked for, or the rows of this threshold do not come from at
            least two laboratories.
        """
        if self.options[block].labs == "pooled" or "lab" not in table:  # type: ignore[attr-defined]
            return None
        names = SHARED_THRESHOLD.get(block, (block,))
        labs = sorted(
            {str(lab) for name in names if name in self._tables for lab in self._labs(name)}
        )
        if len(labs) < 2:
            return None
        import pymc as pm

        scatter = self.parameters["lab_scatter"]
        if block not in self._offsets:
            name, dim = f"{block}_lab_offset", f"{block}_lab"
            self._model.add_coord(dim, [lab or "not stated" for lab in labs])
            z = pm.Normal(f"{name}_z", dims=dim)
            self._offsets[block] = pm.Deterministic(name, scatter * z, dims=dim)
        rows = np.array([labs.index(str(lab)) for lab in table["lab"].values], dtype=int)
        return self._offsets[block][rows]

    def _labs(self, name: str) -> Any:
        return self._tables[name]["lab"].values

    def acting_pressure(self, block: str, table: xr.Dataset, column: Any) -> Any:
        """Return the pressure [Pa] that acts on the metal of each row.

        Parameters
        ----------
        block : str
            Name of the table.
        table : Dataset
            With ``pressure`` and ``pressure_sd``.
        column : tensor, shape (rows,)
            The stated pressure [Pa].
        """
        true = true_pressure(table, f"{block}_pressure", column)
        if self.options[block].pressure == "as_stated":  # type: ignore[attr-defined]
            return true
        return true * self.parameters[f"{block}_pressure_factor"]

    def penetration_overpotential(self, table: xr.Dataset) -> Any:
        """Return the overpotential [V] that drives metal into each row's pores."""
        rows = np.asarray(self.separators.index(table["separator"].values), dtype=int)
        return young_laplace_overpotential(
            self.parameters.si("wetting_product"),
            self.decisive_pore_radius()[rows],
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
        self.design_columns[name] = tuple(columns)
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

    def observe(self, name: str, data: Any, observation: Observation) -> None:
        """Make an observation a variable of the model, along the dimension ``<name>_row``.

        Parameters
        ----------
        name : str
            Name of the observed variable.
        data : tensor, shape (rows,)
            What was observed, from `pack`.
        observation : Observation
            Its distribution.
        """
        import pymc as pm

        dim = f"{name}_row"
        behind = [self._model[other][at] for other, at in observation.given]
        used = replace(observation, parameters=(*behind, *observation.parameters), given=())
        if self._weighted:
            ones = np.ones(len(self._model.coords[dim]))
            used = used.weighted(pm.Data(f"{name}_weight", ones, dims=dim))
        pm.CustomDist(
            name, *used.parameters, logp=used.logp, random=used.draw, observed=data, dims=dim
        )
        self.observations[name] = observation

    def at_temperature(self, name: str, table: xr.Dataset, temperature: Any) -> Any:
        """Return a parameter of the electrolyte or its interface at the temperatures of rows.

        Parameters
        ----------
        name : str
            ``exchange_current_density``, ``ambipolar_diffusivity`` or
            ``diffusivity_over_anion_transference``.
        table : Dataset
            The rows, with ``temperature`` and ``line``.
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
        energy = activation_energy(law)
        if energy in self.parameters:
            return arrhenius(self.parameters.si(name), self.parameters.si(energy), temperature)
        refuse_far(law, table)
        return self.parameters.si(name)
