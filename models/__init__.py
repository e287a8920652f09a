"""Physics, priors, likelihood blocks and the joint probabilistic model.

The names below are loaded when they are first used, so that ``import models`` costs nothing and
`models.physics` is there without PyMC.

Examples
--------
>>> from data import load_campaign
>>> from models import build_model
>>> "surface_energy" in build_model(load_campaign("sodium-literature")).named_vars
True
"""

TYPE_CHECKING = False  # as `typing` has it, without reading `typing`
if TYPE_CHECKING:
    from models.joint import build_model as build_model
    from models.options import ModelOptions as ModelOptions
    from models.transient_cell import TransientCell as TransientCell
    from models.transient_cell import plateau_correction as plateau_correction

_MODULE_OF = {
    "build_model": "models.joint",
    "ModelOptions": "models.options",
    "TransientCell": "models.transient_cell",
    "plateau_correction": "models.transient_cell",
}

__all__ = list(_MODULE_OF)


def __getattr__(name: str) -> object:
    """Import a public name on first use (PEP 562)."""
    from importlib import import_module

    if name not in _MODULE_OF:
        raise AttributeError(f"module 'models' has no attribute {name!r}")
    value: object = getattr(import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names alone."""
    return sorted(__all__)
