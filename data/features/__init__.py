"""Curve features: the event in an instrument's record, as an interval or a value with its error.

Each ``find_`` function takes a record (time, voltage, current) and returns a `Feature`: a point, an
interval or a bound, with flags in plain words, the algorithm's name, version and options. The names
below are loaded when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from data.features.feature import Feature as Feature
    from data.features.feature import Flag as Flag
    from data.features.inflexion import find_inflexion as find_inflexion
    from data.features.penetration import find_penetration as find_penetration
    from data.features.plateau import find_plateaus as find_plateaus
    from data.features.sand import find_sand_time as find_sand_time
    from data.features.steps import find_failed_step as find_failed_step

_MODULE_OF = {
    "Feature": "data.features.feature",
    "Flag": "data.features.feature",
    "find_failed_step": "data.features.steps",
    "find_inflexion": "data.features.inflexion",
    "find_penetration": "data.features.penetration",
    "find_plateaus": "data.features.plateau",
    "find_sand_time": "data.features.sand",
}

__all__ = list(_MODULE_OF)


def __getattr__(name: str) -> object:
    """Import a public name on first use (PEP 562)."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'data.features' has no attribute {name!r}")
    value: object = getattr(import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *_MODULE_OF})
