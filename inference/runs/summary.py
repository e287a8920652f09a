"""The table of parameters: posterior beside prior, how far the data have narrowed and moved it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from data.arrays import Array
from data.quantities import base_name, quantities, quantity_of
from inference.engine.arviz_statistics import quantile_errors
from inference.engine.sampling import intervals, scalars
from inference.engine.scales import prior_values
from inference.thresholds import INTERVAL_DEVIATE, TAILS
from models.prior_set import PriorSet

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FACTORS", "summary_table"]

_OF_NORMAL_DRAWS = (0.88, 1.25)
"""Standard errors of the relative width of the 90 % interval, and of the median in standard
deviations, times the root of the number of draws of a normal distribution."""

FACTORS = {
    "surface_energy": "wetting_product",
    "ambipolar_diffusivity": "diffusivity_over_anion_transference",
    "transference_number": "diffusivity_over_anion_transference",
    "effective_self_diffusivity": "self_diffusivity",
    "self_diffusivity": "effective_self_diffusivity",
    "supply_factor": "effective_self_diffusivity",
}
"""Parameters that hear of data through a product or quotient that they are part of."""


def _informed(label: str, informed_by: Mapping[str, list[str]]) -> str:
    base = base_name(label)
    partner = FACTORS.get(base, "")
    names = {label, base, partner, label.replace(base, partner, 1)}
    if label == base:  # one member of a family informs what is common to all
        names |= {name for name in informed_by if base_name(name) == partner}
    tables = {table for name in names for table in informed_by.get(name, [])}
    return ", ".join(sorted(tables)) or "prior"


def summary_table(
    posterior: xr.Dataset,
    prior: xr.Dataset,
    priors: PriorSet,
    informed_by: Mapping[str, list[str]],
    diagnostics: Any,
) -> "pd.DataFrame":
    """Summarise every parameter.

    Parameters
    ----------
    posterior, prior : Dataset
        Draws over ``chain`` and ``draw`` in the units of `data.quantities`.
    priors : PriorSet
        Where they fix the prior of a parameter, or of a product, its interval is exact.
    informed_by : mapping of str to list of str
        Tables that inform each parameter.
    diagnostics : DataFrame
        From `inference.engine.sampling.convergence`.

    Returns
    -------
    DataFrame
        Indexed by label; columns ``symbol``, ``unit``, ``long_name``, ``median``, ``lower``,
        ``upper``, ``prior_median``, ``prior_lower``, ``prior_upper``, ``narrowing`` (width of the
        prior's interval over the posterior's, of the logarithm where the parameter is positive),
        ``shift`` (of the median from the prior's, on the same scale, in standard deviations of a
        normal prior of that width), ``narrowing_error`` and ``shift_error`` (Monte Carlo errors of
        the two), ``r_hat``, ``ess_bulk``, ``ess_tail``, ``informed_by``, ``source``.
    """
    import pandas as pd

    draws, before = scalars(posterior), scalars(prior)
    found = intervals(draws)
    points = np.array([TAILS[0], 0.5, TAILS[1]])
    scaled = draws.assign({name: _scaled(str(name), values) for name, values in draws.items()})
    errors = [quantile_errors(scaled, point) for point in points]
    rows = {}
    order = {name: place for place, name in enumerate(quantities())}
    for label in sorted(found.index, key=lambda each: order.get(base_name(each), len(order))):
        base = base_name(label)
        known = quantities().get(base)
        own = priors.get(label) or priors.get(base)
        values = prior_values(label, priors)
        if own is not None:
            ends = own.distribution.quantile(points)
        else:
            ends = np.quantile(before[label].values if values is None else values, points)
        now = found.loc[label]
        after = np.array([now["lower"], now["median"], now["upper"]], dtype=float)
        rows[label] = {
            "symbol": known.symbol if known else label,
            "unit": known.unit if known else "1",
            "long_name": known.long_name if known else base.replace("_", " "),
            "median": now["median"],
            "lower": now["lower"],
            "upper": now["upper"],
            "prior_median": ends[1],
            "prior_lower": ends[0],
            "prior_upper": ends[2],
            **_learnt(
                _scaled(base, np.asarray(ends)),
                _scaled(base, after),
                np.array([each[label] for each in errors]),
                np.inf if values is not None else before[label].size,
            ),
            **{key: diagnostics.loc[label, key] for key in ("r_hat", "ess_bulk", "ess_tail")},
            "informed_by": _informed(label, informed_by),
            "source": own.source if own is not None else "derived",
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("parameter")


def _scaled(label: str, values: Any) -> Any:
    """Return logarithms of what is positive, other values as they are."""
    known = quantity_of(label)
    positive = known is not None and known.support == "positive"
    return np.log(np.maximum(values, np.finfo(float).tiny)) if positive else values


def _learnt(then: Array, now: Array, errors: Array, draws: float) -> dict[str, float]:
    """Return narrowing and shift between the ends and medians of two intervals, with their errors.

    Parameters
    ----------
    then, now : ndarray, shape (3,)
        Lower end, median and upper end of the prior and of the posterior.
    errors : ndarray, shape (3,)
        Monte Carlo errors of the latter.
    draws : float
        Of the prior; infinite where it is exact.
    """
    before, after = then[2] - then[0], now[2] - now[0]
    sd = before / (2.0 * INTERVAL_DEVIATE)
    narrowing, shift = before / after, (now[1] - then[1]) / sd
    # Of few draws of a normal prior: relative error of its interval, error of its median.
    width, middle = (each / np.sqrt(draws) for each in _OF_NORMAL_DRAWS)
    return {
        "narrowing": float(narrowing),
        "shift": float(shift),
        "narrowing_error": float(
            narrowing * np.hypot(np.hypot(errors[0], errors[2]) / after, width)
        ),
        "shift_error": float(np.hypot(np.hypot(errors[1] / sd, middle), shift * width)),
    }
