"""Whether what is shown of a parameter is its prior: by narrowing and by shift."""

import math
from collections.abc import Mapping
from typing import Any, Literal

from inference.thresholds import (
    MONTE_CARLO_ERRORS,
    PRIOR_DRIVEN_NARROWING,
    PRIOR_DRIVEN_SHIFT,
)

__all__ = [
    "PRIOR_DRIVEN_WORDS",
    "Standing",
    "beyond",
    "prior_driven",
    "share_error",
    "standing",
]

Standing = Literal["prior", "near", "data"]

PRIOR_DRIVEN_WORDS = (
    f"less than {PRIOR_DRIVEN_NARROWING:g} times narrower than its prior, and moved by less than "
    f"{PRIOR_DRIVEN_SHIFT:g} of its standard deviations"
)
"""What is meant by prior-driven."""


def beyond(value: float, limit: float, error: float) -> bool:
    """Say whether a number exceeds a limit by more than its Monte Carlo error explains.

    Parameters
    ----------
    value, limit : float
        The number and the limit.
    error : float
        Standard error of the number by the finite number of draws.
    """
    return value - limit > MONTE_CARLO_ERRORS * error


def share_error(share: float, draws: float) -> float:
    """Return the Monte Carlo error of a share of independent draws.

    Parameters
    ----------
    share : float
        Between 0 and 1.
    draws : float
        How many; their effective number where they depend on each other. Half a draw is added on
        either side, so that a share of none has an error too.
    """
    inside = (share * draws + 0.5) / (draws + 1.0)
    return math.sqrt(inside * (1.0 - inside) / draws)


def standing(row: Mapping[str, Any] | None) -> Standing:
    """Say what a parameter's posterior comes from.

    Parameters
    ----------
    row : mapping, optional
        A row of `inference.runs.summary.summary_table`: ``narrowing`` and ``shift`` with their
        errors, zero where left out. None stands for a parameter without a row: it is fixed.

    Returns
    -------
    {"prior", "near", "data"}
        The prior, where the data have neither narrowed nor moved it; the data, where they have
        done either; near the limit between the two, where Monte Carlo error does not tell.
    """
    narrowing = math.nan if row is None else float(row["narrowing"])
    if row is None or math.isnan(narrowing):
        return "prior"
    shift = abs(float(row.get("shift", 0.0)))
    numbers = (
        (narrowing, PRIOR_DRIVEN_NARROWING, float(row.get("narrowing_error", 0.0))),
        (shift, PRIOR_DRIVEN_SHIFT, float(row.get("shift_error", 0.0))),
    )
    if any(beyond(*number) for number in numbers):
        return "data"
    return (
        "prior" if all(beyond(limit, value, error) for value, limit, error in numbers) else "near"
    )


def prior_driven(row: Mapping[str, Any] | None) -> bool:
    """Say whether a parameter is its prior's beyond Monte Carlo error; see `standing`."""
    return standing(row) == "prior"
