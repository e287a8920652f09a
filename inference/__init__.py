"""Jobs, sampling, diagnosis, prediction, maps, figures and the command line.

The names below are loaded when they are first used, so that ``import inference`` costs nothing. No
module of this package may bear one of their names: importing it would put the module in the
function's place.

Examples
--------
>>> from inference import fit, safe_current_map
>>> result = fit("sodium-literature")  # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inference.calibration import calibrate as calibrate
    from inference.checks import check as check
    from inference.checks import prefit_check as prefit_check
    from inference.comparison import compare as compare
    from inference.fitting import fit as fit
    from inference.maps import safe_current_map as safe_current_map
    from inference.overlays import overlay as overlay
    from inference.recovery import recover as recover
    from inference.result import Result as Result
    from inference.result import load_result as load_result
    from inference.simulation import simulate as simulate

_MODULE_OF = {
    "Result": "inference.result",
    "calibrate": "inference.calibration",
    "check": "inference.checks",
    "compare": "inference.comparison",
    "fit": "inference.fitting",
    "load_result": "inference.result",
    "overlay": "inference.overlays",
    "prefit_check": "inference.checks",
    "recover": "inference.recovery",
    "safe_current_map": "inference.maps",
    "simulate": "inference.simulation",
}

__all__ = list(_MODULE_OF)


def __getattr__(name: str) -> object:
    """Import a public name on first use (PEP 562)."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'inference' has no attribute {name!r}")
    value: object = getattr(import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *_MODULE_OF})
