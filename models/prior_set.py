"""The priors of a job as a value, with the hash that travels with a result."""

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from models.distributions import AnyDistribution, Fixed

__all__ = ["WITH_UNIT", "Prior", "PriorSet"]

WITH_UNIT = frozenset({"median", "mean", "sd", "lower", "upper", "value"})
"""Parameters of distributions that are in the unit of the quantity."""


@dataclass(frozen=True)
class Prior:
    """The prior of one parameter.

    Parameters
    ----------
    name : str
        Name of the parameter; ``supply_factor[step]`` for one member of a family.
    unit, symbol, long_name : str
        As in `data.quantities`.
    distribution : AnyDistribution
        With its parameters in `unit`.
    support : tuple of float
        What is physically possible, in `unit`.
    source, note : str
        Where the prior comes from, and why it is as it is.
    core : bool
        Whether the parameter is in every model.
    """

    name: str
    unit: str
    symbol: str
    long_name: str
    distribution: AnyDistribution
    support: tuple[float, float]
    source: str
    note: str = ""
    core: bool = False

    @property
    def fixed(self) -> bool:
        """Whether a job has pinned the parameter."""
        return isinstance(self.distribution, Fixed)

    @property
    def positive(self) -> bool:
        """Whether the parameter lives on the positive axis, where ratios are what counts."""
        return self.support[0] >= 0 and math.isinf(self.support[1])

    def as_override(self) -> dict[str, Any]:
        """Return the prior in the form in which a job writes it."""
        values = self.distribution.model_dump()
        kind = values.pop("distribution")
        values = {key: value for key, value in values.items() if math.isfinite(value)}
        if self.unit != "1":
            values = {
                key: f"{value!r} {self.unit}" if key in WITH_UNIT else value
                for key, value in values.items()
            }
        entry: dict[str, Any]
        entry = {"fixed": values["value"]} if self.fixed else {"distribution": kind, **values}
        return entry | {"source": self.source, "note": self.note}

    def __str__(self) -> str:
        """Return the distribution as a short formula with its unit."""
        values = self.distribution.model_dump(exclude={"distribution"})
        kind = self.distribution.distribution
        shown = ", ".join(
            f"{key}={value:g}" for key, value in values.items() if math.isfinite(value)
        )
        unit = "" if self.unit == "1" else f" {self.unit}"
        return f"{kind}({shown}){unit}"


class PriorSet(Mapping[str, Prior]):
    """The priors of one job, by parameter name."""

    def __init__(self, priors: Iterable[Prior]) -> None:
        self._priors = {prior.name: prior for prior in priors}

    def __getitem__(self, name: str) -> Prior:
        """Return the prior of `name`."""
        return self._priors[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._priors)

    def __len__(self) -> int:
        """Return the number of priors."""
        return len(self._priors)

    @property
    def content_hash(self) -> str:
        """SHA-256 over the names, distributions and sources; the words of a note do not count."""
        content = {
            name: {key: part for key, part in prior.as_override().items() if key != "note"}
            for name, prior in sorted(self._priors.items())
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @property
    def sources(self) -> dict[str, list[str]]:
        """Source key to the names of the parameters whose prior cites it."""
        result: dict[str, list[str]] = {}
        for name, prior in self._priors.items():
            result.setdefault(prior.source, []).append(name)
        return result

    def subset(self, names: Iterable[str]) -> "PriorSet":
        """Return the priors of `names` only."""
        wanted = set(names)
        return PriorSet(prior for name, prior in self._priors.items() if name in wanted)
