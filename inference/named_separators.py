"""The separators of a campaign by name, as designs take them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from data.errors import MapError
from inference.design import SEPARATOR_AXES
from inference.mechanisms import option

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["separator_sections", "separators_of"]

_SPREAD = "pore_size_spread"


class _Fit(Protocol):
    @property
    def attrs(self) -> Mapping[str, Any]:
        """With the campaign's separators, where they are stored."""


def separator_sections(table: "xr.Dataset | None") -> dict[str, dict[str, Any]]:
    """Return what a table states of each separator.

    Parameters
    ----------
    table : Dataset, optional
        The table `separators` of a campaign.

    Returns
    -------
    dict of str to dict
        By name, keys and values as in the section of a design: properties with their units, their
        stated standard deviations as tolerances. Blank entries are left out.
    """
    if table is None:
        return {}
    sections = {}
    for place, name in enumerate(table["separator"].to_numpy()):
        section: dict[str, Any] = {"pore_type": str(table["pore_type"].to_numpy()[place])}
        for axis in SEPARATOR_AXES:
            for key in (axis, f"{axis}_sd"):
                if key not in table:
                    continue
                value = float(table[key].to_numpy()[place])
                # A standard deviation of 0 is what a blank one becomes.
                if np.isfinite(value) and (key == axis or value > 0.0):
                    unit = str(table[axis].attrs["units"])
                    section[key] = value if unit == "1" else f"{value!r} {unit}"
        sections[str(name)] = section
    return sections


def separators_of(result: _Fit) -> dict[str, dict[str, Any]]:
    """Return the separators of the campaign that was fitted.

    Parameters
    ----------
    result : Result
        A finished fit, or one that is planned.

    Returns
    -------
    dict of str to dict
        By name, as :func:`separator_sections` says.

    Raises
    ------
    MapError
        If the result does not hold them and its campaign is not there, or has changed.
    """
    stored = result.attrs.get("separators")
    found: dict[str, dict[str, Any]] = (
        _of_campaign(result) if stored is None else json.loads(str(stored))
    )
    if option(result.attrs, "penetration", "pores") != "weakest_link":
        for section in found.values():
            section.pop(_SPREAD, None)
    return found


def _of_campaign(result: _Fit) -> dict[str, dict[str, Any]]:
    """Read the separators of a result that was stored without them."""
    from data.campaign import load_campaign
    from inference.job import load_job
    from inference.run_folder import RESOLVED

    folder: Path | None = getattr(result, "folder", None)
    advice = (
        "give the separators as tables with their properties, or fit again: a new result holds them"
    )
    if folder is None or not (folder / RESOLVED).is_file():
        raise MapError(f"this result does not hold the separators of its campaign: {advice}")
    campaign = load_campaign(load_job(folder / RESOLVED).campaign_location())
    if campaign.content_hash != result.attrs.get("data_hash"):
        raise MapError(
            f"the campaign {campaign.metadata.name!r} has changed since it was fitted, and this "
            f"result does not hold its separators: {advice}"
        )
    return separator_sections(campaign.tables.get("separators"))
