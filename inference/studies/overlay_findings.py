"""What overlaid runs find differently."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from data.quantities import quantity_of
from inference.thresholds import MOVED, NARROWED
from inference.words.labels import is_of_all

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["is_scatter", "is_shared", "map_findings", "parameter_findings"]

_MOST_NAMED = 6


def is_scatter(label: str) -> bool:
    """Say whether a parameter is a scatter of cells."""
    return label.endswith("_scatter")


def is_shared(label: str) -> bool:
    """Say whether a parameter is of the whole campaign, so that runs may share it."""
    return quantity_of(label) is not None and is_of_all(label)


def parameter_findings(parameters: "pd.DataFrame") -> list[str]:
    """Say which parameters later runs narrow, widen or move against the first."""
    runs = list(dict.fromkeys(parameters.index.get_level_values("run")))
    before = runs[0]
    found = []
    for name in runs[1:]:
        table = parameters.xs(name, level="run")
        table = table[[is_shared(str(label)) for label in table.index]]
        narrower = table[table["narrower"] > NARROWED].sort_values("narrower", ascending=False)
        wider = table[table["narrower"] < 1.0 / NARROWED].sort_values("narrower")
        moved = table[table["shift"].abs() > MOVED].sort_values(
            "shift", key=np.abs, ascending=False
        )
        if len(narrower):
            listed = _listed(
                (label, f"{row['narrower']:.1f}×") for label, row in narrower.iterrows()
            )
            found.append(f"Against {before}, {name} narrows {listed}.")
        else:
            found.append(f"Against {before}, {name} narrows no parameter more than {NARROWED:g}×.")
        if len(wider):
            listed = _listed(
                (label, f"{1 / row['narrower']:.1f}× wider") for label, row in wider.iterrows()
            )
            found.append(f"{name} knows less than {before} of {listed}.")
        if len(moved):
            listed = _listed((label, f"{row['shift']:+.1f} sd") for label, row in moved.iterrows())
            found.append(
                f"From {before} to {name} these move by more than {MOVED:g} standard deviations of "
                f"{before}: {listed}. Data that agree seldom do that: look at the tables that "
                "inform them."
            )
    return found


def _listed(pairs: Any) -> str:
    words = [f"{label} ({text})" for label, text in pairs]
    more = len(words) - _MOST_NAMED
    return ", ".join(words[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def map_findings(maps: Mapping[str, xr.Dataset]) -> list[str]:
    """Say how maps of later runs differ from those of the first."""
    found = []
    for cell, dataset in maps.items():
        safe = dataset["safe_current_density"]
        before, *others = [str(name) for name in dataset["run"].values]
        for name in others:
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = (safe.sel(run=name) / safe.sel(run=before)).values
            ratio = ratio[np.isfinite(ratio)]
            if ratio.size:
                found.append(
                    f"Safe current of {cell} cells at {float(safe.attrs['risk']) * 100:g} % risk: "
                    f"{name} gives {np.median(ratio):.2f} times that of {before} (median over the "
                    f"map; {ratio.min():.2f} to {ratio.max():.2f})."
                )
    return found
