"""The distributions a prior may have: validated, with quantiles from SciPy and variables from PyMC.

Parameters are plain floats in the unit of the quantity; reading quantity strings is the catalogue's
work (`models.priors`). A ``Fixed`` value is a distribution too: a parameter that a job pins.
"""

from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    NonNegativeFloat,
    PositiveFloat,
    model_validator,
)

from data.arrays import Array

__all__ = [
    "AbsCosineBeta",
    "AnyDistribution",
    "Beta",
    "Fixed",
    "Gamma",
    "HalfNormal",
    "LogNormal",
    "Normal",
    "Uniform",
]


class _Distribution(BaseModel):
    """What all distributions share."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @property
    def support(self) -> tuple[float, float]:
        """Interval outside of which the density is zero."""
        raise NotImplementedError

    def quantile(self, probability: ArrayLike) -> Array:
        """Return quantiles, shape of `probability`."""
        raise NotImplementedError

    def variable(self, name: str) -> Any:
        """Register the distribution as a scalar variable `name` of the current PyMC model."""
        raise NotImplementedError


class LogNormal(_Distribution):
    """The logarithm is normal, with standard deviation `sigma` about the log of `median`."""

    distribution: Literal["LogNormal"] = "LogNormal"
    median: PositiveFloat
    sigma: PositiveFloat

    @property
    def support(self) -> tuple[float, float]:
        """Interval outside of which the density is zero."""
        return 0.0, np.inf

    def quantile(self, probability: ArrayLike) -> Array:
        """Return quantiles, shape of `probability`."""
        from scipy.special import ndtri

        return np.asarray(self.median * np.exp(self.sigma * ndtri(probability)))

    def variable(self, name: str) -> Any:
        """Register the distribution as a scalar variable `name` of the current PyMC model."""
        import pymc as pm

        return pm.LogNormal(name, mu=np.log(self.median), sigma=self.sigma)


class Normal(_Distribution):
    """Normal, truncated to ``[lower, upper]``."""

    distribution: Literal["Normal"] = "Normal"
    mean: FiniteFloat
    sd: PositiveFloat
    lower: float = -np.inf
    upper: float = np.inf

    @model_validator(mode="after")
    def _ordered(self) -> "Normal":
        if not self.lower < self.upper:
            raise ValueError(f"lower ({self.lower:g}) must lie below upper ({self.upper:g})")
        return self

    @property
    def support(self) -> tuple[float, float]:
        """Interval outside of which the density is zero."""
        return self.lower, self.upper

    def _bounds(self) -> tuple[float, float]:
        return (self.lower - self.mean) / self.sd, (self.upper - self.mean) / self.sd

    def quantile(self, probability: ArrayLike) -> Array:
        """Return quantiles, shape of `probability`."""
        from scipy.stats import truncnorm

        lower, upper = self._bounds()
        return np.asarray(truncnorm.ppf(probability, lower, upper, loc=self.mean, scale=self.sd))

    def variable(self, name: str) -> Any:
        """Register the distribution as a scalar variable `name` of the current PyMC model."""
        import pymc as pm

        lower, upper = self._bounds()
        if lower < -10 and upper > 10:  # truncation beyond double precision's reach
            return pm.Normal(name, mu=self.mean, sigma=self.sd)
        return pm.TruncatedNormal(
            name,
            mu=self.mean,
            sigma=self.sd,
            lower=None if np.isinf(self.lower) else self.lower,
            upper=None if np.isinf(self.upper) else self.upper,
        )


class HalfNormal(_Distribution):
    """The magnitude of a normal about zero with standard deviation `sd`."""

    distribution: Literal["HalfNormal"] = "HalfNormal"
    sd: PositiveFloat

    @property
    def support(self) -> tuple[float, float]:
        """Interval outside of which the density is zero."""
        return 0.0, np.inf

    def quantile(self, probability: ArrayLike) -> Array:
        """Return quantiles, shape of `probability`."""
        from scipy.special import ndtri

        return np.asarray(self.sd * ndtri(0.5 + 0.5 * np.asarray(probability)))

    def variable(self, name: str) -> Any:
        """Register the distribution as a scalar variable `name` of the current PyMC model."""
        import pymc as pm

        return pm.HalfNormal(name, sigma=self.sd)


class Beta(_Distribution):
    """Beta on (0, 1)."""

    distribution: Literal["Beta"] = "Beta"
    alpha: PositiveFloat
    beta: PositiveFloat

    @property
    def support(self) -> tuple[float, float]:
        """Interval outside of which the density is zero."""
        return 0.0, 1.0

    def quantile(self, probability: ArrayLike) -> Array:
        """Return quantiles, shape of `probability`."""
        from scipy.special import betaincinv

        return np.asarray(betaincinv(self.alpha, self.beta, probability))

    def variable(self, name: str) -> Any:
        """Register the distribution as a scalar variable `name` of the current PyMC model."""
        import pymc as pm

        return pm.Beta(name, alpha=self.alpha, beta=self.beta)


class AbsCosineBeta(Beta):
    """An obtuse angle in degrees whose cosine has a Beta distributed magnitude."""

    distribution: Literal["AbsCosineBeta"] = "AbsCosineBeta"  # type: ignore[assignment]

    @property
    def support(self) -> tuple[float, float]:
        """Interval outside of which the density is zero [degree]."""
        return 90.0, 180.0

    def quantile(self, probability: ArrayLike) -> Array:
        """Return quantiles [degree], shape of `probability`."""
        return np.asarray(180.0 - np.degrees(np.arccos(super().quantile(probability))))

    def variable(self, name: str) -> Any:
        """Register the angle [degree] as `name`, and the cosine's magnitude that is sampled."""
        import pymc as pm
        import pytensor.tensor as pt

        cosine = super().variable(f"{name}_abs_cosine")
        return pm.Deterministic(name, 180.0 - pt.arccos(cosine) * (180.0 / np.pi))


class Gamma(_Distribution):
    """Gamma of shape `alpha` and rate `rate`, truncated to what lies above `lower`."""

    distribution: Literal["Gamma"] = "Gamma"
    alpha: PositiveFloat
    rate: PositiveFloat
    lower: NonNegativeFloat = 0.0

    @property
    def support(self) -> tuple[float, float]:
        """Interval outside of which the density is zero."""
        return self.lower, np.inf

    def quantile(self, probability: ArrayLike) -> Array:
        """Return quantiles, shape of `probability`."""
        from scipy.special import gammaincc, gammainccinv

        above = gammaincc(self.alpha, self.rate * self.lower) * (1.0 - np.asarray(probability))
        return np.asarray(gammainccinv(self.alpha, above) / self.rate)

    def variable(self, name: str) -> Any:
        """Register the distribution as a scalar variable `name` of the current PyMC model."""
        import pymc as pm

        if self.lower == 0.0:
            return pm.Gamma(name, alpha=self.alpha, beta=self.rate)
        whole = pm.Gamma.dist(alpha=self.alpha, beta=self.rate)
        return pm.Truncated(name, whole, lower=self.lower)


class Uniform(_Distribution):
    """Uniform between `lower` and `upper`."""

    distribution: Literal["Uniform"] = "Uniform"
    lower: FiniteFloat
    upper: FiniteFloat

    @model_validator(mode="after")
    def _ordered(self) -> "Uniform":
        if not self.lower < self.upper:
            raise ValueError(f"lower ({self.lower:g}) must lie below upper ({self.upper:g})")
        return self

    @property
    def support(self) -> tuple[float, float]:
        """Interval outside of which the density is zero."""
        return self.lower, self.upper

    def quantile(self, probability: ArrayLike) -> Array:
        """Return quantiles, shape of `probability`."""
        return self.lower + (self.upper - self.lower) * np.asarray(probability, dtype=float)

    def variable(self, name: str) -> Any:
        """Register the distribution as a scalar variable `name` of the current PyMC model."""
        import pymc as pm

        return pm.Uniform(name, lower=self.lower, upper=self.upper)


class Fixed(_Distribution):
    """A value that a job pins; it is reported, but not inferred."""

    distribution: Literal["Fixed"] = "Fixed"
    value: FiniteFloat

    @property
    def support(self) -> tuple[float, float]:
        """The value, twice."""
        return self.value, self.value

    def quantile(self, probability: ArrayLike) -> Array:
        """Return the value, shape of `probability`."""
        return np.full(np.shape(probability), self.value)

    def variable(self, name: str) -> Any:
        """Register the value as a deterministic `name` of the current PyMC model."""
        import pymc as pm
        import pytensor.tensor as pt

        return pm.Deterministic(name, pt.as_tensor(np.float64(self.value)))


AnyDistribution = Annotated[
    LogNormal | Normal | HalfNormal | Beta | AbsCosineBeta | Gamma | Uniform | Fixed,
    Field(discriminator="distribution"),
]
