"""The joint model: each table of a campaign one likelihood block, all on shared parameters."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from data.arrays import Array
from data.errors import ModelError, PriorError
from data.schema import nearest
from models.block_options import block_options
from models.blocks import block, block_names, isothermal_parameters
from models.graph_building import building_graphs
from models.observations import si
from models.options import ModelOptions
from models.physics import (
    MOLAR_VOLUME,
    REFERENCE_TEMPERATURE,
    creep_fed_current_density,
    critical_current_density,
    void_free_current_density,
)
from models.prior_set import PriorSet
from models.priors import resolve_priors
from models.row_labels import observed_labels
from models.temperature import refuse_far_rows

if TYPE_CHECKING:
    import pymc as pm

    from data.campaign import Campaign
    from models.latents import Parameters, VoidGeometry
    from models.likelihoods import Observation

__all__ = [
    "JointModel",
    "block_options",
    "blocks_to_fit",
    "build_model",
    "joint_model",
    "priors_of",
]


@dataclass(frozen=True, eq=False)
class JointModel:
    """The joint model of a campaign, with every parameter in the units of `data.quantities`.

    The PyMC model is one interpretation of it. The compiled density that a sampler calls
    (`inference.engine.compilation`) and the evaluation of draws in NumPy
    (`inference.engine.prediction`) are others.

    Parameters
    ----------
    blocks : tuple of str
        Names of the tables that are fitted.
    priors : PriorSet
        Of the parameters in use.
    informed_by : dict of str to list of str
        Tables that inform each parameter.
    observations : dict of str to Observation
        Distribution of each observed variable, in the unit of its table; it knows nothing of
        weights.
    design_columns : dict of str to tuple of str
        Names of the columns of each design.
    pymc : pymc.Model
        Parameters, and observed variables with their data.
    """

    blocks: tuple[str, ...]
    priors: PriorSet
    informed_by: Mapping[str, list[str]]
    observations: Mapping[str, "Observation"]
    design_columns: Mapping[str, tuple[str, ...]]
    pymc: "pm.Model"

    @property
    def observed(self) -> dict[str, Array]:
        """What was observed of each variable, shape (rows,)."""
        return {name: self._data(f"{name}_data") for name in self.observations}

    @property
    def row_labels(self) -> dict[str, list[str]]:
        """Labels of the rows of each observed variable."""
        return {name: list(self.pymc.coords[f"{name}_row"]) for name in self.observations}

    def design(self, name: str) -> Array:
        """Return a design as a matrix, shape (rows, columns), its columns as `design_columns`."""
        return self._data(f"{name}_design")

    def _data(self, name: str) -> Array:
        return np.asarray(self.pymc[name].get_value())

    def draw(
        self,
        parameters: Mapping[str, Sequence[Array]],
        rng: np.random.Generator,
        campaigns: int | None = None,
    ) -> dict[str, Array]:
        """Draw campaigns.

        Parameters
        ----------
        parameters : mapping of str to sequence of ndarray, each of shape (rows,) or ()
            What each observed variable depends on.
        rng : Generator
            Of the draws.
        campaigns : int, optional
            How many; one, without an axis of its own, when left out.

        Returns
        -------
        dict of str to ndarray, each of shape (campaigns, rows) or (rows,)
            By observed variable.
        """
        drawn: dict[str, Array] = {}
        with np.errstate(all="ignore"):  # the branches that a row does not take
            for name, observation in self.observations.items():
                full = np.broadcast_arrays(*parameters[name])
                shape = full[0].shape if campaigns is None else (campaigns, full[0].size)
                drawn[name] = observation.draw(
                    *observation.given_by(drawn),
                    *(np.broadcast_to(each, shape) for each in full),
                    rng=rng,
                    size=shape,
                )
        return drawn

    def log_likelihood(
        self, values: Mapping[str, Array], parameters: Mapping[str, Sequence[Array]]
    ) -> dict[str, Array]:
        """Return the log-likelihood of each row.

        Parameters
        ----------
        values : mapping of str to ndarray, each of shape (..., rows)
            Of each observed variable.
        parameters : mapping of str to sequence of ndarray
            What each depends on.

        Returns
        -------
        dict of str to ndarray, each of shape (..., rows)
            By observed variable.
        """
        with np.errstate(all="ignore"):  # the branches that a row does not take
            return {
                name: observation.logp(
                    values[name],
                    *observation.given_by(values),
                    *(np.broadcast_to(each, values[name].shape) for each in parameters[name]),
                )
                for name, observation in self.observations.items()
            }


def blocks_to_fit(campaign: "Campaign", options: ModelOptions) -> tuple[str, ...]:
    """Return the names of the tables that a job fits.

    Parameters
    ----------
    campaign : Campaign
        The data.
    options : ModelOptions
        Its ``blocks`` choose; all tables with a likelihood by default.

    Returns
    -------
    tuple of str
        In alphabetical order.

    Raises
    ------
    ModelError
        If a chosen block does not exist or the campaign lacks its table, or nothing is left.
    """
    present = [name for name in block_names() if name in campaign.tables]
    if options.blocks is None:
        chosen = present
    else:
        for name in options.blocks:
            if name not in block_names():
                raise ModelError(
                    f"model.blocks: there is no block {name!r}{nearest(name, block_names())}; "
                    f"legal are {', '.join(block_names())}"
                )
            if name not in present:
                raise ModelError(
                    f"model.blocks: the campaign {campaign.metadata.name!r} has no {name}.csv; "
                    f"it has {', '.join(present) or 'no table with a likelihood'}"
                )
        chosen = sorted(set(options.blocks))
    if not chosen:
        raise ModelError(
            f"the campaign {campaign.metadata.name!r} has no table to fit; "
            f"one of these is needed: {', '.join(f'{name}.csv' for name in block_names())}"
        )
    return tuple(chosen)


def priors_of(campaign: "Campaign", options: ModelOptions) -> PriorSet:
    """Return the priors of a job, having checked that no source enters twice.

    Raises
    ------
    PriorError
        If a prior is not legal, or cites a source of which a row is fitted.
    """
    priors = resolve_priors(campaign.metadata.metal, options.priors)
    fitted = campaign.fitted_sources(blocks_to_fit(campaign, options))
    twice = [
        f"the prior of {', '.join(names)} cites {source!r}, and so do fitted rows of "
        f"{', '.join(f'{table}.csv' for table in fitted[source])}: a source enters once. "
        "Give the prior another source, or leave the rows out with `exclude`"
        for source, names in priors.sources.items()
        if source in fitted
    ]
    if twice:
        raise PriorError("\n".join(twice))
    return priors


def build_model(campaign: "Campaign", options: ModelOptions | None = None) -> "pm.Model":
    """Compose the joint model of a campaign for PyMC.

    Parameters
    ----------
    campaign, options
        As for `joint_model`.

    Returns
    -------
    pymc.Model
        With every parameter in the units of `data.quantities`, observations in those of the
        tables.

    Raises
    ------
    ModelError, PriorError
        If campaign, options and priors do not fit together.

    Examples
    --------
    >>> model = build_model(load_campaign("sodium-literature"), ModelOptions(blocks=("published",)))
    >>> [variable.name for variable in model.observed_RVs]
    ['published']
    """
    return joint_model(campaign, options).pymc


@building_graphs()
def joint_model(
    campaign: "Campaign", options: ModelOptions | None = None, *, weighted: bool = False
) -> JointModel:
    """Compose the joint model of a campaign.

    Parameters
    ----------
    campaign : Campaign
        The data; each of its tables with a likelihood becomes one block.
    options : ModelOptions, optional
        Kinetics law, choice of blocks, options of blocks, priors.
    weighted : bool
        Whether each observed variable has data ``<name>_weight`` (ones, shape (rows,)) by which
        the log-likelihoods of its rows are multiplied: 0 leaves a row out.

    Returns
    -------
    JointModel
        The model.

    Raises
    ------
    ModelError, PriorError
        If campaign, options and priors do not fit together.
    """
    import pymc as pm

    from models.context import Context
    from models.latents import PROTOCOLS, Parameters
    from models.separators import Separators

    options = options or ModelOptions()
    chosen = blocks_to_fit(campaign, options)
    validated = block_options(options)
    priors = priors_of(campaign, options)
    tables = {name: campaign.tables[name] for name in chosen}
    refuse_far_rows(tables, isothermal_parameters(), priors)
    separators = campaign.tables.get("separators")
    coords: dict[str, Any] = {"protocol": list(PROTOCOLS)}
    if separators is not None:
        coords["separator"] = [str(name) for name in separators["separator"].values]
    for name in chosen:
        coords |= observed_labels(campaign, name)
    with pm.Model(coords=coords, check_bounds=False) as model:
        parameters = Parameters(
            priors,
            _threshold_shape(campaign, chosen, options.kinetics),
            _void_geometry(campaign, chosen, validated, priors),
        )
        context = Context(
            model=model,
            parameters=parameters,
            separators=None if separators is None else Separators(separators, parameters),
            metal=campaign.metadata.metal,
            kinetics=options.kinetics,
            concentration=(campaign.metadata.salt_concentration or float("nan")) * 1e3,
            options=validated,
            tables=tables,
            weighted=weighted,
        )
        for name, table in tables.items():
            parameters.reading_for(name)
            block(name).likelihood(table, context)
        parameters.reading_for(None)
        declared = {each.name for name in tables for each in block(name).observables}
        if stray := sorted({*context.observations} - declared):
            raise AssertionError(f"no block declares what it observes: {', '.join(stray)}")
        if getattr(validated.get("dc_polarization"), "creep_current", None) == "norton":
            # Maps under pressure need it, also where no row of the campaign is under pressure.
            _ = parameters["constraint_factor"]
        for name, own in validated.items():
            # So do maps of a limit whose cells follow another law, also where no table shows them.
            if hasattr(own, "cells") and priors[f"{name}_scatter"].core:
                context.cells(name)
    return JointModel(
        blocks=chosen,
        priors=priors.subset(parameters.in_use),
        informed_by={name: sorted(found) for name, found in sorted(parameters.informed_by.items())},
        observations=context.observations,
        design_columns=context.design_columns,
        pymc=model,
    )


def _threshold_shape(
    campaign: "Campaign", chosen: tuple[str, ...], kinetics: str
) -> "Callable[[Parameters], Any] | None":
    """Return ``j_c/j0`` of a pore of the campaign's median radius; None where j0 is measured."""
    exchange = "exchange_current_density"
    stated = "published" in chosen and exchange in campaign.tables["published"]["quantity"].values
    if not {"penetration", "critical_current"} & set(chosen) or "kinetics" in chosen or stated:
        return None
    radius = float(np.median(si(campaign.tables["separators"], "pore_radius")))

    def shape(parameters: "Parameters") -> Any:
        return critical_current_density(
            parameters.si("wetting_product"),
            radius,
            1.0,
            1.0,
            parameters.si("reorganization_energy"),
            REFERENCE_TEMPERATURE,
            MOLAR_VOLUME[campaign.metadata.metal],
            kinetics,
        )

    return shape


def _void_geometry(
    campaign: "Campaign", chosen: tuple[str, ...], validated: Mapping[str, Any], priors: PriorSet
) -> "VoidGeometry | None":
    """Return what steps under pressure identify; None where there are none, or no law of j_9."""
    from models.latents import VoidGeometry

    if "dc_polarization" not in chosen or validated["dc_polarization"].creep_current != "empirical":
        return None
    table = campaign.tables["dc_polarization"]
    table = table.isel(dc_polarization=table["protocol"].values == "step")
    pressure = si(table, "pressure")
    if not (pressure > 0).any():
        return None
    time, thickness = si(table, "step_time"), np.nan_to_num(si(table, "electrode_thickness"))
    ends = (f"current_density_{end}" for end in ("lower", "upper", "lowest", "highest"))
    bears = np.nanmean([table[end].values for end in ends], axis=0)
    typical = np.argsort(pressure, kind="stable")[pressure.size // 2]
    highest = np.flatnonzero(pressure == pressure.max())
    exponent = float(priors["creep_pressure_exponent"].distribution.quantile(0.5))
    # Where creep alone feeds half of what a cell bears under the highest pressure.
    knee = (
        0.5
        * bears[highest].mean()
        / creep_fed_current_density(
            pressure[highest[0]], thickness[highest[0]], REFERENCE_TEMPERATURE, 1.0, exponent, 0.0
        )
    )

    def shape(parameters: "Parameters") -> Any:
        creep = creep_fed_current_density(
            pressure[typical],
            thickness[typical],
            REFERENCE_TEMPERATURE,
            parameters.si("creep_current_at_9_MPa"),
            parameters["creep_pressure_exponent"],
            parameters.si("creep_activation_energy"),
        )
        return void_free_current_density(
            time[typical],
            parameters.si("self_diffusivity"),
            MOLAR_VOLUME[campaign.metadata.metal],
            1.0,
            creep,
        )

    return VoidGeometry(shape, float(np.log(knee)))
