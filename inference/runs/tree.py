"""What a fit keeps of itself: labelled groups of draws, observations and designs."""

import xarray as xr

from data.campaign import Campaign
from data.quantities import quantities
from models.blocks import observable
from models.joint import JointModel

__all__ = [
    "campaign_lines",
    "designs_of_rows",
    "labelled_observations",
    "split_draws",
    "with_labels",
]


def split_draws(free: xr.Dataset, derived: xr.Dataset) -> tuple[xr.Dataset, xr.Dataset]:
    """Part the parameters from what the sampler needed to get at them.

    Parameters
    ----------
    free, derived : Dataset
        Draws of the free variables, and of what follows from them.

    Returns
    -------
    public, internal : Dataset
        Every draw is in one of them; what is public has its unit and long name.
    """
    public = [name for name in free.data_vars if str(name) in quantities()]
    internal = [name for name in free.data_vars if str(name) not in quantities()]
    return with_labels(derived.merge(free[public])), free[internal]


def with_labels(dataset: xr.Dataset, what: str | None = None) -> xr.Dataset:
    """Give every variable its unit and long name."""
    for name, variable in dataset.data_vars.items():
        known = quantities().get(str(name))
        words = str(name).replace("_", " ")
        variable.attrs = {
            "units": known.unit if known and what is None else "1",
            "long_name": f"{what}: {words}" if what else known.long_name if known else words,
        }
    return dataset


def labelled_observations(dataset: xr.Dataset) -> xr.Dataset:
    """Return observations with the unit and the name of each variable."""
    for name, variable in dataset.data_vars.items():
        known = observable(str(name))
        variable.attrs = {"units": known.unit, "long_name": known.words}
    return dataset


def designs_of_rows(model: JointModel) -> xr.Dataset:
    """Return the designs of the observed variables with their columns named."""
    found = {}
    for name, columns in model.design_columns.items():
        found[f"{name}_design"] = xr.DataArray(
            model.design(name),
            dims=(f"{name}_design_row", f"{name}_column"),
            coords={f"{name}_column": list(columns)},
            attrs={
                "units": "SI, logarithms of SI, or natural scale",
                "long_name": f"design of {name}",
            },
        )
    return xr.Dataset(found)


def campaign_lines(campaign: Campaign) -> str:
    """Say in a few lines what is fitted."""
    metadata = campaign.metadata
    kind = metadata.kind.upper() if metadata.kind == "synthetic" else metadata.kind
    tables = ", ".join(f"{name} ({table.sizes[name]})" for name, table in campaign.tables.items())
    excluded = sum(table.sizes[name] for name, table in campaign.excluded.items())
    text = f"Campaign {metadata.name}: {kind} data, {metadata.metal}. Rows: {tables}."
    if excluded:
        text += f" Left out with a reason: {excluded}."
    if campaign.assumptions:
        text += f" Assumed numbers: {len(campaign.assumptions)}, listed below."
    return text
