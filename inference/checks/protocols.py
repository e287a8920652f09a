"""Whether one-way and stepped cells tell the same."""

import itertools
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from data.arrays import Array
from inference.engine.scales import natural_values, prior_spread
from inference.misfit.tension import tension_error, tension_verdict
from inference.misfit.verdicts import Finding
from inference.runs.result import Result
from models.prior_set import PriorSet

__all__ = ["protocol_findings"]

_PROTOCOL = "protocol"


def protocol_findings(result: Result, priors: PriorSet) -> list[Finding]:
    """Compare what protocols of one table give for what should be one number.

    A family of parameters over ``protocol`` lets the protocols differ. The ratio of its members is
    compared with one: with the mean m and variance v of its logarithm in the posterior, and the
    variance v0 in the prior (mean zero), the data alone say ``m / (1 - v/v0)`` with variance
    ``1 / (1/v - 1/v0)``.

    Parameters
    ----------
    result : Result
        A finished fit.
    priors : PriorSet
        Its priors.
    """
    found = []
    informed = json.loads(str(result.attrs["informed_by"]))
    for variable, values in result.posterior.data_vars.items():
        name = str(variable)
        if _PROTOCOL not in values.dims or f"{name}[{values[_PROTOCOL].values[0]}]" not in priors:
            continue
        members = [str(each) for each in values[_PROTOCOL].values]
        seen = [each for each in members if f"{name}[{each}]" in informed]
        for first, second in itertools.combinations(seen, 2):
            labels = [f"{name}[{each}]" for each in (first, second)]
            if any(priors[label].fixed for label in labels):
                continue
            ratio = np.subtract(
                *(
                    natural_values(name, values.sel({_PROTOCOL: each}).values.ravel())
                    for each in (first, second)
                )
            )
            before = [prior_spread(label, priors, xr.Dataset()) for label in labels]
            draws = float(result.summary().loc[labels, "ess_bulk"].min())
            found.append(_protocols(name, first, second, ratio, before, draws))
    return found


def _protocols(
    name: str,
    first: str,
    second: str,
    ratio: Array,
    before: Sequence[tuple[float, float]],
    draws: float,
) -> Finding:
    mean, variance = float(ratio.mean()), float(ratio.var())
    prior_mean = before[0][0] - before[1][0]
    prior_variance = before[0][1] ** 2 + before[1][1] ** 2
    precision = 1.0 / variance - 1.0 / prior_variance
    low, middle, high = (float(np.exp(each)) for each in np.quantile(ratio, [0.05, 0.5, 0.95]))
    numbers: dict[str, Any] = {
        "parameter": name,
        "first": first,
        "second": second,
        "ratio": middle,
        "ratio_interval_90": [low, high],
        "probability_first_larger": float((ratio > 0).mean()),
    }
    key = f"protocols {name}"
    if precision <= 0:
        return Finding.of(
            key,
            "ok",
            f"The data do not tell {name} of the protocols {first} and {second} apart.",
            **numbers,
        )
    tension = (mean / variance - prior_mean / prior_variance) / np.sqrt(precision)
    text = (
        f"{name} is {middle:.2f} times as large {_spoken(first)} as {_spoken(second)} "
        f"(90 % interval {low:.2f} to {high:.2f}; one would be agreement), a tension of "
        f"{abs(tension):.1f} standard deviations inside one table"
    )
    error = tension_error(tension, draws)
    verdict = tension_verdict(tension, error)
    text += (
        ": the protocols agree."
        if verdict == "ok"
        else ": the two protocols do not measure one interface. The model gives each its own "
        "factor, so that neither biases the other; choose the protocol that your cell follows."
    )
    # Each protocol has a factor of its own: the conflict is known and modelled.
    numbers |= {"tension": tension, "error": error}
    return Finding.of(key, "ok" if verdict == "ok" else "warn", text, **numbers)


def _spoken(protocol: str) -> str:
    return {"one_way": "one way", "step": "in steps"}.get(protocol, protocol)
