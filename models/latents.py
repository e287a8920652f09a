"""Unobserved quantities of a model: physical parameters, and what a table knows with error.

`Parameters` creates each parameter once, in lab units, and hands it out in SI units; it remembers
which table asked for what, and that is how a result can say which table informs a parameter.
`known_with_error` turns a measured column into a latent one, `true_pressure` that of pressures.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from data.arrays import Array
from data.errors import ModelError
from data.quantities import base_name, quantity
from data.units import si_factor
from models.distributions import Fixed, LogNormal
from models.prior_set import PriorSet

__all__ = ["PROTOCOLS", "Parameters", "VoidGeometry", "known_with_error", "true_pressure"]


PROTOCOLS = ("one_way", "step")


@dataclass(frozen=True)
class VoidGeometry:
    """What steps under pressure identify; the sampler's coordinates, and no part of the model.

    Parameters
    ----------
    shape : callable
        Void-free current density of a typical step at a supply factor of one.
    log_knee : float
        Log of the ``creep_current_at_9_MPa`` about which creep begins to count.
    """

    shape: Callable[["Parameters"], Any]
    log_knee: float


class Parameters:
    """The physical parameters of one model, created in the current PyMC context.

    Data identify some products and quotients far better than the parameters themselves:
    ``surface_energy * |cos(contact_angle)|`` and ``ambipolar_diffusivity / (1 -
    transference_number)``. Where the prior of the first factor is lognormal, the product is what
    is sampled, given the second factor; the joint prior is the same, the ridge is gone. So it is
    with ``film_constraint_factor * creep_reference_stress``, by which pressures are divided.

    Parameters
    ----------
    priors : PriorSet
        One entry a parameter.
    threshold_shape : callable, optional
        Critical over exchange current density of a typical pore, given the wetting product and the
        reorganization energy. Penetration alone identifies the critical current, so that without
        a measurement of the exchange current density the same is done for this third product.
    voids : VoidGeometry, optional
        Of steps under pressure: they identify the current that a typical one bears, which is
        sampled in place of its supply factor; and what creep feeds of it, or that it feeds little,
        for which the creep current gets a coordinate with a knee (`models.knee`).
    """

    def __init__(
        self,
        priors: PriorSet,
        threshold_shape: Callable[["Parameters"], Any] | None = None,
        voids: VoidGeometry | None = None,
    ) -> None:
        self.priors = priors
        self._voids = voids
        self.informed_by: dict[str, set[str]] = {}
        self._variables: dict[str, Any] = {}
        self._reader: str | None = None
        self._angle()
        self._transport()
        if threshold_shape is not None and isinstance(
            priors["exchange_current_density"].distribution, LogNormal
        ):
            self._create("reorganization_energy")
            self._ridge("threshold_scale", "exchange_current_density", threshold_shape(self))
        for name in [name for name, prior in priors.items() if prior.core and "[" not in name]:
            self._create(name)
        for name in priors:
            if name.endswith("_activation_energy"):  # the job gave it a prior, for data or maps
                self._create(name)
        self._supply()

    def reading_for(self, table: str | None) -> None:
        """Attribute what is asked for from now on to a table; to none with ``None``."""
        self._reader = table

    def record(self, name: str) -> None:
        """Note that the table being read depends on `name`."""
        if self._reader is not None:
            self.informed_by.setdefault(name, set()).add(self._reader)

    def __getitem__(self, name: str) -> Any:
        """Return a parameter in lab units, creating it when it is asked for first."""
        base = base_name(name)
        if base not in self._variables and base not in self.priors:
            raise ModelError(
                f"{name} needs a prior and has none: give one in the job as [priors.{name}] with "
                f"its distribution in {quantity(base).unit}"
            )
        self.record(name)
        if base not in self._variables:
            self._create(base)
        if base != name:
            member = name.removeprefix(f"{base}[").removesuffix("]")
            return self._variables[base][PROTOCOLS.index(member)]
        return self._variables[base]

    @property
    def in_use(self) -> list[str]:
        """Names of the priors behind the parameters created so far."""
        return [name for name in self.priors if base_name(name) in self._variables]

    def si(self, name: str) -> Any:
        """Return a parameter in SI units (an energy per charge stays in eV)."""
        unit = quantity(base_name(name)).unit
        value = self[name]
        return value if unit == "eV" else value * si_factor(unit)

    def __contains__(self, name: str) -> bool:
        """Return whether the parameter has a prior."""
        return name in self.priors

    def _create(self, name: str) -> Any:
        if name not in self._variables:
            distribution = self.priors[name].distribution
            if not isinstance(distribution, LogNormal):
                self._variables[name] = distribution.variable(name)
            elif name == "film_constraint_factor":
                self._ridge("film_flow_stress", name, self._create("creep_reference_stress"))
            elif name == "creep_current_at_9_MPa" and self._voids is not None:
                knee = self._voids.log_knee
                self._variables[name] = _lognormal_with_knee(name, distribution, knee)
            else:
                self._variables[name] = distribution.variable(name)
        return self._variables[name]

    def _ridge(self, product: str, factor: str, scale: Any) -> None:
        """Create `factor` and ``product = factor * scale``, sampling the product if possible."""
        import pymc as pm

        distribution = self.priors[factor].distribution
        if isinstance(distribution, LogNormal):
            sampled = pm.LogNormal(
                product, mu=np.log(distribution.median) + np.log(scale), sigma=distribution.sigma
            )
            self._variables[product] = sampled
            self._variables[factor] = pm.Deterministic(factor, sampled / scale)
        else:
            created = self._create(factor)
            self._variables[product] = pm.Deterministic(product, created * scale)

    def _angle(self) -> None:
        angle = self._create("contact_angle")
        self._ridge("wetting_product", "surface_energy", -np.cos(angle * (np.pi / 180.0)))

    def _transport(self) -> None:
        transference = self._create("transference_number")
        self._ridge(
            "diffusivity_over_anion_transference",
            "ambipolar_diffusivity",
            1.0 / (1.0 - transference),
        )

    def _supply(self) -> None:
        import pymc as pm
        import pytensor.tensor as pt

        members = []
        for each in PROTOCOLS:
            member = self.priors[f"supply_factor[{each}]"].distribution
            if isinstance(member, Fixed):
                members.append(pt.as_tensor(np.float64(member.value)))
            elif each == "step" and self._voids is not None and isinstance(member, LogNormal):
                # As `_ridge`, for one member of a family.
                scale = self._voids.shape(self)
                sampled = pm.LogNormal(
                    "void_free_step", mu=np.log(member.median) + np.log(scale), sigma=member.sigma
                )
                members.append(sampled / scale)
            else:
                members.append(member.variable(f"supply_factor_{each}"))
        supply = pt.stack(members)
        self._variables["supply_factor"] = pm.Deterministic(
            "supply_factor", supply, dims="protocol"
        )
        self._variables["effective_self_diffusivity"] = pm.Deterministic(
            "effective_self_diffusivity",
            supply**2 * self._variables["self_diffusivity"],
            dims="protocol",
        )


def _lognormal_with_knee(name: str, distribution: LogNormal, log_knee: float) -> Any:
    import pymc as pm

    from models.knee import Knee

    mu, sigma = np.log(distribution.median), distribution.sigma
    return pm.LogNormal(name, mu=mu, sigma=sigma, default_transform=Knee(log_knee))


def known_with_error(
    name: str,
    centre: Any,
    sigma: Array,
    dims: str,
    *,
    logit: bool = False,
) -> Any:
    """Return a latent quantity known up to normal error on its log or logit scale.

    Rows without an error are constants, so only the others add an unknown, and each of those is
    standardised before it is sampled.

    Parameters
    ----------
    name : str
        Name of the quantity in the posterior.
    centre : tensor or ndarray, shape (rows,)
        Stated value on the log (or logit) scale.
    sigma : ndarray, shape (rows,)
        Standard deviation on that scale; 0 or NaN where the value is exact.
    dims : str
        Dimension of the rows.
    logit : bool
        Whether the scale is the logit.

    Returns
    -------
    tensor, shape (rows,)
        The quantity on its own scale.
    """
    import pymc as pm
    import pytensor.tensor as pt

    spread = np.nan_to_num(sigma)
    uncertain = np.flatnonzero(spread > 0)
    value = pt.as_tensor(centre)
    if uncertain.size:
        z = pm.Normal(f"{name}_z", shape=uncertain.size)
        error = pt.set_subtensor(pt.zeros(spread.size)[uncertain], spread[uncertain] * z)
        value = value + error
    value = pt.sigmoid(value) if logit else np.exp(value)
    return pm.Deterministic(name, value, dims=dims)


def true_pressure(table: xr.Dataset, name: str, column: Any) -> Any:
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
