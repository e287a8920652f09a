"""All public names of `data`, `models` and `inference` under one.

``import anodebayes`` loads nothing heavy; a name is loaded when it is first used.

Examples
--------
>>> import anodebayes
>>> anodebayes.load_campaign("sodium-literature").metadata.metal
'Na'
"""

from importlib import import_module

_PACKAGES = ("data", "models", "inference")
__all__ = [name for package in _PACKAGES for name in import_module(package).__all__]


def __getattr__(name: str) -> object:
    """Find a public name on first use (PEP 562)."""
    for package in map(import_module, _PACKAGES):
        if name in package.__all__:
            value: object = getattr(package, name)
            globals()[name] = value
            return value
    raise AttributeError(f"module 'anodebayes' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names alone."""
    return sorted(__all__)
