"""The report of a run: one HTML page with its verdicts, its data and a map to explore.

The names are loaded when first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inference.report_page.writing import write_report as write_report

_MODULE_OF = {"write_report": "inference.report_page.writing"}

__all__ = list(_MODULE_OF)


def __getattr__(name: str) -> object:
    """Import a public name on first use (PEP 562)."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'inference.report_page' has no attribute {name!r}")
    value: object = getattr(import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value
