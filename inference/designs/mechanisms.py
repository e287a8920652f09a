"""The mechanisms by which a cell fails, and the threshold current density of each.

Every limit is a current density at which a cell just fails. Cells differ from the median one by a
factor u on it: by the scatter between cells, of the law that the fit chose (`models.cells`), and by
lognormal scatters between separators and, where the fit holds offsets of them, laboratories. At a
fixed charge the threshold is the root of ``j = u j_x(Q/j)``, so u stays inside the equation.

All is NumPy: parameters and conditions in SI, draws along the last axis.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from data.arrays import Array
from data.units import to_si
from inference.designs.axes import Cell, Protocol
from inference.designs.limits import (
    ACTIVATION,
    Setting,
    Values,
    creep_current,
    depletion_current,
    option,
    penetration_current,
    pore_current,
    void_current,
)
from models.cells import LAWS, Cells, deviate

if TYPE_CHECKING:
    from inference.designs.basis import Basis

__all__ = [
    "CURRENT_FACTOR",
    "LAB_SCATTER",
    "MECHANISMS",
    "SEPARATOR_OFFSET",
    "SEPARATOR_SCATTER",
    "Deviates",
    "Mechanism",
    "cell_factor",
    "cell_scatter",
    "cell_scatters",
    "cells_of",
    "has_lab_offsets",
    "lab_source",
    "own_property",
    "parameter_draws",
]

CURRENT_FACTOR: Final = 10.0
"""A/m^2 in one mA/cm^2."""

LAB_SCATTER: Final = "lab_scatter"
"""Posterior variable: scatter of thresholds between laboratories."""

SEPARATOR_SCATTER: Final = "separator_scatter"
"""Posterior variable: scatter of the logarithm of penetration currents between separators."""

SEPARATOR_OFFSET: Final = "separator_offset"
"""Posterior variable over separators, and parameter of cells of one of them: its own share of that
scatter."""


Deviates = Callable[[str], Array]
Threshold = Callable[[Values, Values, Array, "Setting", Array | None], Array]
Core = Callable[[Values, Values, "Setting"], Array]


@dataclass(frozen=True)
class Mechanism:
    """One way in which a cell fails.

    Parameters
    ----------
    name : str
        Name, as in the map.
    long_name : str
        What happens, in words.
    scatters : tuple of str
        Posterior variables that are standard deviations of the logarithm of u: between cells
        first, and between separators where that is another one. The scatter between laboratories
        comes in where the fit has offsets of them.
    axes : frozenset of str
        The conditions that the threshold depends on. It is evaluated on these alone.
    law : callable
        ``law(parameters, conditions, u, setting, core)`` is the threshold current [A/m^2].
    core : callable, optional
        ``core(parameters, conditions, setting)``: a part of the law that depends on fewer
        conditions, and not on u.
    core_axes : frozenset of str
        The conditions that the core depends on.
    smooth : bool
        Whether the core is worth interpolating: dear, above 0, and smooth over its conditions.
    also : tuple of str
        Posterior variables that are the scatter between cells of the same threshold in other
        tables, where they are fitted: of them and the first of `scatters` the widest counts.
    """

    name: str
    long_name: str
    scatters: tuple[str, ...]
    axes: frozenset[str]
    law: Threshold
    core: Core | None = None
    core_axes: frozenset[str] = frozenset()
    smooth: bool = False
    also: tuple[str, ...] = ()

    @property
    def block(self) -> str:
        """The table that shows the scatter between cells, and holds its options."""
        return self.scatters[0].removesuffix("_scatter")

    def threshold(
        self,
        parameters: Values,
        conditions: Values,
        factor: Array,
        setting: Setting,
        core: Array | None = None,
    ) -> Array:
        """Return the threshold current density.

        Parameters
        ----------
        parameters, conditions : mapping of str to ndarray
            In SI, broadcast against each other, draws along the last axis.
        factor : ndarray
            Factor u of the cells [1].
        setting : Setting
            Metal and laws.
        core : ndarray, optional
            Value of the core, where it is known already.

        Returns
        -------
        ndarray
            Threshold current density [A/m^2].
        """
        if core is None and self.core is not None:
            core = self.core(parameters, conditions, setting)
        return self.law(parameters, conditions, factor, setting, core)


_POROUS: Final = frozenset({"porosity", "temperature", "area_ratio"})
_ENTRY: Final = frozenset({"pore_radius", "temperature", "pore_size_spread"})
_FED: Final = frozenset({"pressure", "metal_thickness", "temperature"})
_SALT: Final = frozenset({"thickness", "macmullin_number", "concentration", "charge"})

MECHANISMS: Final[Mapping[Cell, tuple[Mechanism, ...]]] = {
    "liquid": (
        Mechanism(
            "penetration",
            "metal penetrates the pores of the separator",
            ("penetration_scatter", SEPARATOR_SCATTER),
            _POROUS | _ENTRY,
            penetration_current,
            pore_current,
            _ENTRY,
            smooth=True,
        ),
        Mechanism(
            "depletion",
            "the electrolyte runs out of salt",
            ("sand_scatter",),
            _POROUS | _SALT,
            depletion_current,
            also=("lsv_scatter",),
        ),
    ),
    "solid": (
        Mechanism(
            "voids",
            "voids form under the metal",
            ("dc_polarization_scatter",),
            _FED | {"charge", "area_ratio"},
            void_current,
            creep_current,
            _FED,
        ),
    ),
}
"""The mechanisms that limit each kind of cell; those of different kinds are never mixed."""

_PARAMETERS: Final[Mapping[Cell, tuple[str, ...]]] = {
    "liquid": (
        "wetting_product",
        "reorganization_energy",
        "exchange_current_density",
        "ambipolar_diffusivity",
        "transference_number",
    ),
    "solid": (
        "self_diffusivity",
        "self_diffusion_activation_energy",
        "supply_factor",
        "creep_current_at_9_MPa",
        "creep_pressure_exponent",
        "creep_exponent",
        "creep_reference_stress",
        "creep_activation_energy",
    ),
}


def cell_factor(
    mechanism: Mechanism, parameters: Values, conditions: Values, noise: Deviates | None
) -> Array:
    """Return the factor u of cells on their threshold.

    A cell of several patches has the smallest factor among them; what belongs to a separator or a
    laboratory its patches share. Cells of a separator that was fitted have its own offset in place
    of the scatter between separators, the median cell too; their laboratory is a new one.

    Parameters
    ----------
    mechanism : Mechanism
        The mechanism.
    parameters, conditions : mapping of str to ndarray
        In SI, draws along the last axis.
    noise : callable, optional
        ``noise(source)`` are the standard normal numbers of new cells. Without it the cell is the
        median one.

    Returns
    -------
    ndarray
        Factor u [1], draws along the last axis.
    """
    between_cells, *shared = mechanism.scatters
    scatter = parameters[between_cells]
    normal = np.zeros_like(scatter) if noise is None else noise(between_cells)
    cells = cells_of(mechanism, parameters)
    own = deviate(cells.law, normal, cells.parameter, conditions.get("area_ratio", 1.0))
    log_factor = scatter * own
    if SEPARATOR_SCATTER in shared and SEPARATOR_OFFSET in parameters:
        shared.remove(SEPARATOR_SCATTER)
        log_factor = log_factor + parameters[SEPARATOR_OFFSET]
    if noise is not None:
        terms = [parameters[name] * noise(name) for name in shared]
        if lab_source(mechanism) in parameters:
            source = lab_source(mechanism)
            terms.append(parameters[source] * noise(source))
        log_factor = log_factor + np.sum(terms, axis=0)
    return cast("Array", np.exp(log_factor))


def cells_of(mechanism: Mechanism, parameters: Values) -> Cells:
    """Return the law of cells that parameters speak of, with its own parameter.

    Parameters
    ----------
    mechanism : Mechanism
        The mechanism.
    parameters : mapping of str to ndarray
        From `parameter_draws`.

    Returns
    -------
    Cells
        Lognormal where there is no parameter of another law.
    """
    for law in LAWS.values():
        if law.parameter and law.parameter_of(mechanism.block) in parameters:
            return Cells(law, parameters[law.parameter_of(mechanism.block)])
    return Cells()


def cell_scatters(mechanism: Mechanism, result: "Basis") -> tuple[str, ...]:
    """Return the names of a fit's scatters between cells on the threshold of a mechanism.

    Parameters
    ----------
    mechanism : Mechanism
        The mechanism.
    result : Basis
        A finished fit.

    Returns
    -------
    tuple of str
        Of every table that shows one; a limiting current scatters as a plateau, too.
    """
    return (mechanism.scatters[0], *(name for name in mechanism.also if name in result.posterior))


def cell_scatter(mechanism: Mechanism, result: "Basis") -> Array:
    """Return the scatter between cells that maps and answers count: the widest of every draw.

    Two tables that show the cells of one limit differently leave open which of them a new cell
    follows; the wider scatter is the cautious one.

    Parameters
    ----------
    mechanism : Mechanism
        The mechanism.
    result : Basis
        A finished fit.

    Returns
    -------
    ndarray, shape (chain, draw)
        Standard deviation of the logarithm of u [1].
    """
    widest = result.posterior[list(cell_scatters(mechanism, result))].to_array().max("variable")
    missing = {
        # A parameter that the job pins may be stored without its draws.
        dim: result.posterior.sizes[dim]
        for dim in ("chain", "draw")
        if dim not in widest.dims
    }
    return np.asarray(widest.expand_dims(missing).transpose("chain", "draw").to_numpy())


def lab_source(mechanism: Mechanism) -> str:
    """Return the name under which the laboratories' scatter and noise of a mechanism are kept.

    Parameters
    ----------
    mechanism : Mechanism
        The mechanism.

    Returns
    -------
    str
        Such as ``lab_scatter of voids``.
    """
    return f"{LAB_SCATTER} of {mechanism.name}"


def own_property(axis: str) -> str:
    """Return the name under which a fitted separator's own property is kept among the parameters.

    Parameters
    ----------
    axis : str
        Name of the axis.

    Returns
    -------
    str
        Such as ``porosity of the separator``.
    """
    return f"{axis} of the separator"


def has_lab_offsets(mechanism: Mechanism, result: "Basis") -> bool:
    """Say whether a fit found the threshold of a mechanism to differ between laboratories.

    Parameters
    ----------
    mechanism : Mechanism
        The mechanism.
    result : Basis
        A finished fit.

    Returns
    -------
    bool
        Whether it holds offsets of laboratories.
    """
    return f"{mechanism.block}_lab_offset" in result.posterior


def parameter_draws(
    result: "Basis", cell: Cell, protocol: Protocol, chosen: "np.ndarray[Any, Any]"
) -> dict[str, Array]:
    """Return the parameters that the mechanisms of a kind of cell need.

    Parameters
    ----------
    result : Basis
        A finished fit.
    cell : {"liquid", "solid"}
        The kind of cell.
    protocol : {"one_way", "step"}
        Whose supply factor is taken (solid only).
    chosen : ndarray of int, shape (draw,)
        Posterior draws, counted through the chains one after the other.

    Returns
    -------
    dict of str to ndarray
        In SI, shape (draw,).
    """
    posterior = result.posterior
    names = list(_PARAMETERS[cell])
    for mechanism in MECHANISMS[cell]:
        names += mechanism.scatters
        law = LAWS[option(result.attrs, mechanism.block, "cells")]
        names += [law.parameter_of(mechanism.block)] if law.parameter else []
    if cell == "liquid":
        names += [name for name in ACTIVATION.values() if name in posterior]
        if option(result.attrs, "penetration", "pores") == "weakest_link":
            names += [name for name in ("wetted_pores", "pore_size_spread") if name in posterior]
    elif option(result.attrs, "dc_polarization", "creep_current") == "norton":
        names.append("constraint_factor")
    values = {}
    for name in names:
        variable = posterior[name]
        if "protocol" in variable.dims:
            variable = variable.sel(protocol=protocol)
        # A parameter that the job pins may be stored without its draws.
        missing = {
            dim: posterior.sizes[dim] for dim in ("chain", "draw") if dim not in variable.dims
        }
        whole = variable.expand_dims(missing) if missing else variable
        flat = whole.transpose("chain", "draw").to_numpy().reshape(-1)[chosen]
        unit = str(variable.attrs["units"])
        # The physics takes reorganization energies in eV, as the field does.
        values[name] = flat if unit == "eV" else to_si(flat, unit)
    for mechanism in MECHANISMS[cell]:
        values[mechanism.scatters[0]] = cell_scatter(mechanism, result).reshape(-1)[chosen]
        if has_lab_offsets(mechanism, result):
            scatter = posterior[LAB_SCATTER].transpose("chain", "draw").to_numpy().reshape(-1)
            values[lab_source(mechanism)] = scatter[chosen]
    return values
