"""The table of parameters: posterior beside prior, and how much the data have narrowed it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from data.quantities import quantities
from inference.sampling import intervals, scalars
from inference.thresholds import INTERVAL
from models.priors import PriorSet

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FACTORS", "summary_table"]

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
    base, bracket, member = label.partition("[")
    partner = FACTORS.get(base)
    names = {label, base, partner, f"{partner}{bracket}{member}"}
    if not bracket:  # one member of a family informs what is common to all
        names |= {name for name in informed_by if name.partition("[")[0] == partner}
    tables = {table for name in names for table in informed_by.get(str(name), [])}
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
        Where a parameter has a prior of its own, its interval is exact.
    informed_by : mapping of str to list of str
        Tables that inform each parameter.
    diagnostics : DataFrame
        From `inference.sampling.convergence`.

    Returns
    -------
    DataFrame
        Indexed by label; columns ``symbol``, ``unit``, ``long_name``, ``median``, ``lower``,
        ``upper``, ``prior_median``, ``prior_lower``, ``prior_upper``, ``narrowing`` (width of the
        prior's interval over the posterior's, of the logarithm where the parameter is positive),
        ``r_hat``, ``ess_bulk``, ``ess_tail``, ``informed_by``, ``source``.
    """
    import pandas as pd

    found = intervals(scalars(posterior))
    before = intervals(scalars(prior))
    tail = (1.0 - INTERVAL) / 2.0
    rows = {}
    order = {name: place for place, name in enumerate(quantities())}
    for label in sorted(
        found.index, key=lambda each: order.get(each.partition("[")[0], len(order))
    ):
        base = label.partition("[")[0]
        known = quantities().get(base)
        own = priors.get(label) or priors.get(base)
        if own is not None:
            middle, low, high = own.distribution.quantile([0.5, tail, 1.0 - tail])
        else:
            middle, low, high = before.loc[label]
        now = found.loc[label]
        rows[label] = {
            "symbol": known.symbol if known else label,
            "unit": known.unit if known else "1",
            "long_name": known.long_name if known else base.replace("_", " "),
            "median": now["median"],
            "lower": now["lower"],
            "upper": now["upper"],
            "prior_median": middle,
            "prior_lower": low,
            "prior_upper": high,
            "narrowing": _narrowing(base, now, low, high),
            **{key: diagnostics.loc[label, key] for key in ("r_hat", "ess_bulk", "ess_tail")},
            "informed_by": _informed(label, informed_by),
            "source": own.source if own is not None else "derived",
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("parameter")


def _narrowing(base: str, now: Any, low: float, high: float) -> float:
    known = quantities().get(base)
    ends = np.array([low, high, now["lower"], now["upper"]], dtype=float)
    if known is not None and known.support == "positive":
        ends = np.log(ends)
    return float((ends[1] - ends[0]) / (ends[3] - ends[2]))
