"""Quantities of a model, and what its observations depend on, as a function of its unknowns."""

from collections.abc import Mapping

import numpy as np
import xarray as xr

from data.arrays import Array
from data.quantities import quantities
from inference.engine.draws import coordinates, dimensions
from models.joint import JointModel

__all__ = ["FreeFunction"]


class FreeFunction:
    """A model's quantities and the parameters of its observations, at one point after the other.

    It is called often, and compiled to machine code; of many draws at once `Predictor` is quicker.

    Parameters
    ----------
    model : JointModel
        From `models.joint.joint_model`.
    """

    def __init__(self, model: JointModel) -> None:
        from pytensor import function
        from pytensor.graph.replace import clone_replace

        self.model = model
        self.free = list(model.pymc.free_RVs)
        stand_ins = [rv.type(name=rv.name) for rv in self.free]
        swap = dict(zip(self.free, stand_ins, strict=True))
        self._public = [
            variable
            for variable in (*self.free, *model.pymc.deterministics)
            if variable.name in quantities() or variable.name == "separator_offset"
        ]
        self._counts = {
            name: len(observation.parameters) for name, observation in model.observations.items()
        }
        outputs = clone_replace(
            [
                *self._public,
                *(
                    parameter
                    for observation in model.observations.values()
                    for parameter in observation.parameters
                ),
            ],
            swap,
        )
        self._function = function(
            stand_ins,
            outputs,
            mode="NUMBA",
            on_unused_input="ignore",
        )

    def __call__(
        self, free: Mapping[str, Array]
    ) -> tuple[dict[str, Array], dict[str, list[Array]]]:
        """Evaluate at one point.

        Parameters
        ----------
        free : mapping of str to ndarray
            Every unknown by name.

        Returns
        -------
        quantities : dict of str to ndarray
            By name, in lab units.
        parameters : dict of str to list of ndarray
            Of each observed variable.
        """
        values = iter(self._function(*(np.asarray(free[rv.name]) for rv in self.free)))
        public = {variable.name: np.asarray(next(values)) for variable in self._public}
        parameters = {
            name: [np.asarray(next(values)) for _ in range(count)]
            for name, count in self._counts.items()
        }
        return public, parameters

    def draw_prior(self, draws: int, seed: int) -> dict[str, Array]:
        """Draw the unknowns from their prior.

        Parameters
        ----------
        draws : int
            How many, at least two.
        seed : int
            Of the draws.

        Returns
        -------
        dict of str to ndarray, each of shape (draws, ...)
            By name.
        """
        import pymc as pm

        drawn = pm.draw(self.free, draws=draws, random_seed=seed, mode="FAST_COMPILE")
        return {rv.name: np.asarray(v) for rv, v in zip(self.free, drawn, strict=True)}

    def dims(self, name: str) -> tuple[str, ...]:
        """Return the dimensions of a variable, without those of draws."""
        return dimensions(self.model.pymc, self.model.pymc[name])

    def labels(self, name: str, size: int) -> list[str]:
        """Return the label of each element of a quantity, as `scalars` does."""
        dims = self.dims(name)
        if not dims:
            return [name]
        known = self.model.pymc.coords.get(dims[0])
        return [f"{name}[{each}]" for each in (range(size) if known is None else known)]

    def dataset(self, values: Mapping[str, Array]) -> xr.Dataset:
        """Return values of quantities over ``chain`` and ``draw`` with their labels."""
        variables = {
            name: (("chain", "draw", *self.dims(name)), array) for name, array in values.items()
        }
        used = {dim for dims, _ in variables.values() for dim in dims}
        some = next(iter(values.values()))
        own = {"chain": np.arange(some.shape[0]), "draw": np.arange(some.shape[1])}
        return xr.Dataset(variables, coords=own | coordinates(self.model.pymc, used))
