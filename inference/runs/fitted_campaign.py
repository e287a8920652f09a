"""The campaign that a result was fitted to, where it still lies as it was."""

from typing import TYPE_CHECKING

from data.errors import AnodebayesError
from data.loading import load_campaign

if TYPE_CHECKING:
    from data.campaign import Campaign
    from inference.runs.result import Result

__all__ = ["fitted_campaign"]


def fitted_campaign(result: "Result") -> "Campaign | None":
    """Find the campaign of a result.

    Parameters
    ----------
    result : Result
        A result that was read from a run folder.

    Returns
    -------
    Campaign or None
        None where it is gone, or its content is not what was fitted.
    """
    from inference.jobs.reading import load_job
    from inference.words.run_files import RESOLVED

    if result.folder is None:
        return None
    try:
        found = load_campaign(load_job(result.folder / RESOLVED).campaign_location())
    except AnodebayesError:
        return None
    return found if found.content_hash == str(result.attrs["data_hash"]) else None
