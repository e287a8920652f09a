"""Campaigns: typed tables of measurements, read from files and checked.

The names below are loaded when they are first used, so that ``import data`` costs nothing.

Examples
--------
>>> from data import load_campaign
>>> load_campaign("sodium-literature").metadata.metal
'Na'
"""

TYPE_CHECKING = False  # as `typing` has it, without reading `typing`
if TYPE_CHECKING:
    from data.assumptions import Assumption as Assumption
    from data.campaign import Campaign as Campaign
    from data.errors import AnodebayesError as AnodebayesError
    from data.errors import CampaignError as CampaignError
    from data.errors import InputError as InputError
    from data.errors import JobError as JobError
    from data.errors import MapError as MapError
    from data.errors import Mistake as Mistake
    from data.errors import ModelError as ModelError
    from data.errors import PriorError as PriorError
    from data.errors import RecordError as RecordError
    from data.errors import RunFolderError as RunFolderError
    from data.errors import StorageError as StorageError
    from data.errors import UnitError as UnitError
    from data.instruments.reading import list_curves as list_curves
    from data.instruments.reading import read_record as read_record
    from data.instruments.reading import read_spectrum as read_spectrum
    from data.loading import CampaignInfo as CampaignInfo
    from data.loading import list_campaigns as list_campaigns
    from data.loading import load_campaign as load_campaign
    from data.metadata import CampaignMetadata as CampaignMetadata
    from data.template import new_campaign as new_campaign
    from data.writer import write_campaign as write_campaign

_MODULE_OF = {
    "Assumption": "data.assumptions",
    "Campaign": "data.campaign",
    "AnodebayesError": "data.errors",
    "CampaignError": "data.errors",
    "InputError": "data.errors",
    "JobError": "data.errors",
    "MapError": "data.errors",
    "Mistake": "data.errors",
    "ModelError": "data.errors",
    "PriorError": "data.errors",
    "RecordError": "data.errors",
    "RunFolderError": "data.errors",
    "StorageError": "data.errors",
    "UnitError": "data.errors",
    "list_curves": "data.instruments.reading",
    "read_record": "data.instruments.reading",
    "read_spectrum": "data.instruments.reading",
    "CampaignInfo": "data.loading",
    "list_campaigns": "data.loading",
    "load_campaign": "data.loading",
    "CampaignMetadata": "data.metadata",
    "new_campaign": "data.template",
    "write_campaign": "data.writer",
}

__all__ = list(_MODULE_OF)


def __getattr__(name: str) -> object:
    """Import a public name on first use (PEP 562)."""
    from importlib import import_module

    if name not in _MODULE_OF:
        raise AttributeError(f"module 'data' has no attribute {name!r}")
    value: object = getattr(import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names alone."""
    return sorted(__all__)
