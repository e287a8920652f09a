"""The separators of a campaign as latent quantities: errors in variables.

A stated pore radius, porosity, thickness or MacMullin number is a measurement; the true value is
inferred with the rest. A blank MacMullin number follows from the porosity: ``1.4 eps**-1.5`` for a
polymer membrane, ``1/eps`` for straight pores, each with the scatter that such estimates have.
"""

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from data.units import si_factor
from models.latents import Parameters, known_with_error
from models.physics import macmullin_number_from_porosity
from models.physics.backend import where

__all__ = ["MACMULLIN_SCATTER", "Separators"]

MACMULLIN_SCATTER = {"polymer": 0.35, "straight": 0.20}
"""Log-scale scatter of a MacMullin number that is estimated from the porosity: a choice of this
project, wide enough for a trilayer that measured 5.8 where Bruggeman's law says 4.1."""


class Separators:
    """The separators of one model; each property is created when a block first asks for it.

    Parameters
    ----------
    table : Dataset
        The table ``separators``.
    parameters : Parameters
        For the scatter between separators.
    """

    def __init__(self, table: xr.Dataset, parameters: Parameters) -> None:
        self._table = table
        self._parameters = parameters
        self._created: dict[str, Any] = {}
        self.names = [str(name) for name in table["separator"].values]

    def index(self, names: NDArray[Any]) -> NDArray[np.float64]:
        """Return the positions of separators by name; blank names get the first position."""
        return np.array([self.names.index(str(n)) if str(n) else 0 for n in names], dtype=float)

    def _column(self, name: str) -> NDArray[np.float64]:
        return np.asarray(self._table[name].values, dtype=float)

    def __getitem__(self, name: str) -> Any:
        """Return a property in lab units, shape (separator,)."""
        self._parameters.record(name)
        if name not in self._created:
            self._created[name] = self._create(name)
        return self._created[name]

    def si(self, name: str) -> Any:
        """Return a property in SI units, shape (separator,)."""
        return self[name] * si_factor(str(self._table[name].attrs["units"]))

    def _create(self, name: str) -> Any:
        value, sd = self._column(name), self._column(f"{name}_sd")
        if name == "porosity":
            centre = np.log(value) - np.log1p(-value)
            return known_with_error(
                name, centre, sd / (value * (1 - value)), "separator", logit=True
            )
        sigma = np.sqrt(np.log1p((sd / value) ** 2))
        if name != "macmullin_number":
            return known_with_error(name, np.log(value), sigma, "separator")
        import pytensor.tensor as pt

        kinds = [str(kind) for kind in self._table["pore_type"].values]
        scatter = np.array([MACMULLIN_SCATTER[kind] for kind in kinds])
        estimate = pt.stack(
            [
                macmullin_number_from_porosity(self["porosity"][i], kind)
                for i, kind in enumerate(kinds)
            ]
        )
        stated = np.isfinite(value)
        centre = where(stated, np.log(np.where(stated, value, 1.0)), np.log(estimate))
        return known_with_error(name, centre, np.where(stated, sigma, scatter), "separator")

    def pore_size_spread(self) -> Any:
        """Return the relative width of each separator's pore radii, shape (separator,)."""
        stated = self._column("pore_size_spread")
        known = np.isfinite(stated)
        if known.all():
            return stated
        return where(known, np.where(known, stated, 1.0), self._parameters["pore_size_spread"])

    def offset(self) -> Any:
        """Return the log offset of each separator's threshold current, shape (separator,)."""
        self._parameters.record("separator_offset")
        if "offset" not in self._created:
            import pymc as pm

            z = pm.Normal("separator_offset_z", dims="separator")
            self._created["offset"] = pm.Deterministic(
                "separator_offset", self._parameters["separator_scatter"] * z, dims="separator"
            )
        return self._created["offset"]
