"""The parameters in which tables are compared: coordinates in which ridges are straight."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from data.arrays import Array
from data.quantities import base_name, quantity
from data.units import si_factor
from inference.engine.sampling import scalars
from inference.engine.scales import natural_values, prior_covariance
from inference.runs.result import Result
from models import physics

if TYPE_CHECKING:
    from data.campaign import Campaign

__all__ = ["Coordinates"]


_CRITICAL = "critical_current_density"
_STANDS_FOR = {
    "surface_energy": ("wetting_product", "contact_angle"),
    "ambipolar_diffusivity": ("diffusivity_over_anion_transference", "transference_number"),
    "effective_self_diffusivity": ("supply_factor", "self_diffusivity"),
    "separator_offset": ("separator_offset", _CRITICAL),
}
"""What a table depends on where it asks for a parameter that is no coordinate of its own."""
_REPLACED = (
    "surface_energy",
    "ambipolar_diffusivity",
    "diffusivity_over_anion_transference_squared",
    "effective_self_diffusivity",
)


class Coordinates:
    """The parameters in which tables are compared, in coordinates in which ridges are straight.

    The products that data identify stand for one of their factors, and the critical current of a
    separator for its offset, its pore radius and whatever else a penetrated cell tells about.

    Parameters
    ----------
    result : Result
        The joint fit, with draws of its prior.
    campaign : Campaign
        The data.
    seed : int
        Of the prior draws that stand for what a table does not hold.
    """

    def __init__(self, result: Result, campaign: "Campaign", seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._before = scalars(result.prior)
        self._result = result
        self._separators = campaign.tables.get("separators")
        self._touched = {
            table: {
                alias
                for name, tables in json.loads(str(result.attrs["informed_by"])).items()
                if table in tables
                for alias in _STANDS_FOR.get(base_name(name), (name,))
            }
            for table in result.blocks
        }
        self.prior = self._coordinates(self._before)
        self._names = sorted(self.prior)
        every = np.stack([self.prior[name] for name in self._names], axis=-1)
        self._correlated = prior_covariance(every) != 0.0

    def told(self, draws: xr.Dataset) -> dict[str, Array]:
        """Return the draws of one table alone by coordinate.

        What its model does not hold, it leaves as the prior has it.

        Parameters
        ----------
        draws : Dataset
            Scalars in the units of the quantities.

        Returns
        -------
        dict of str to ndarray of shape (draws,)
            On natural scales.
        """
        shape = (draws.sizes["chain"], draws.sizes["draw"])
        rows = self._rng.integers(self._before.sizes["draw"], size=shape)
        filled = {
            str(name): (("chain", "draw"), values.values.ravel()[rows])
            for name, values in self._before.data_vars.items()
            if name not in draws
        }
        return self._coordinates(draws.assign(filled))

    def labels(self, first: str, second: str) -> list[str]:
        """Return the coordinates of a pair: what both depend on, and what the prior ties to it.

        Parameters
        ----------
        first, second : str
            Tables.
        """
        on_first, on_second = (
            np.array([bool({name, base_name(name)} & touched) for name in self._names])
            for touched in (self._touched[first], self._touched[second])
        )
        both = on_first & on_second
        tied = (on_first | on_second) & self._correlated[both].any(axis=0)
        return [name for name, kept in zip(self._names, both | tied, strict=True) if kept]

    def _coordinates(self, draws: xr.Dataset) -> dict[str, Array]:
        every = {str(name): values.values.ravel() for name, values in draws.data_vars.items()}
        every |= self._critical_currents(every)
        replaced = {*_REPLACED}
        if any(name.startswith(_CRITICAL) for name in every):
            replaced |= {"separator_offset", "pore_radius"}
        return {
            name: natural_values(name, values)
            for name, values in every.items()
            if base_name(name) not in replaced
        }

    def _critical_currents(self, draws: Mapping[str, Array]) -> dict[str, Array]:
        """Return the critical current of each separator at 25 degC, its offset included."""
        needed = ("wetting_product", "exchange_current_density")
        table, options = self._separators, self._result.model_options
        if table is None or not all(name in draws for name in needed):
            return {}
        chosen = json.loads(str(self._result.attrs["options"])).get("penetration", {})
        law, found = options.kinetics, {}
        for i, key in enumerate(table["separator"].values):

            def of(name: str, i: int = i, key: Any = key) -> Any:
                stated = float(table[name].values[i]) if name in table else np.nan
                return draws.get(f"{name}[{key}]", stated)

            offset = draws.get(f"separator_offset[{key}]")
            if offset is None:
                continue
            radius = of("pore_radius") * si_factor("nm")
            if chosen.get("pores") == "weakest_link":
                spread = of("pore_size_spread")
                spread = draws.get("pore_size_spread", 0.0) if np.isnan(spread).any() else spread
                radius = physics.largest_pore_radius(radius, spread, draws["wetted_pores"])
            found[f"{_CRITICAL}[{key}]"] = np.exp(offset) * np.asarray(
                physics.critical_current_density(
                    draws["wetting_product"] * si_factor(quantity("wetting_product").unit),
                    radius,
                    of("porosity"),
                    draws["exchange_current_density"],  # the current's own unit
                    draws.get("reorganization_energy", 1.0),
                    physics.REFERENCE_TEMPERATURE,
                    physics.MOLAR_VOLUME[self._result.metal],
                    law,
                )
            )
        return found
