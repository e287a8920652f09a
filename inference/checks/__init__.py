"""What a finished run, or a job before it runs, can be trusted for: verdicts with numbers.

`check` judges a result in five sections (sampling, fit, rows that decide, identifiability,
conflict); `prefit_check`
says before any sampling what a job's data will identify. The names are loaded when first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inference.checks.page import check as check
    from inference.checks.page import prefit_check as prefit_check
    from inference.checks.page import write_check as write_check
    from inference.misfit.verdicts import Check as Check

_MODULE_OF = {
    "Check": "inference.misfit.verdicts",
    "check": "inference.checks.page",
    "prefit_check": "inference.checks.page",
    "write_check": "inference.checks.page",
}

__all__ = list(_MODULE_OF)


def __getattr__(name: str) -> object:
    """Import a public name on first use (PEP 562)."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'inference.checks' has no attribute {name!r}")
    value: object = getattr(import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value
