"""Jobs, sampling, diagnosis, prediction, maps, figures and the command line.

The names below are loaded when they are first used, so that ``import inference`` costs nothing. No
module of this package may bear one of their names: importing it would put the module in the
function's place.

Examples
--------
>>> from inference import fit, safe_current_map
>>> result = fit("sodium-literature", folder="runs/sodium-literature")
>>> chart = safe_current_map(result, {"cell": "liquid", "pore_radius": "9 nm"})
>>> chart["safe_current_density"].attrs["units"]
'mA/cm^2'
"""

TYPE_CHECKING = False  # as `typing` has it, without reading `typing`
if TYPE_CHECKING:
    from inference.checks import check as check
    from inference.checks import prefit_check as prefit_check
    from inference.importing import import_records as import_records
    from inference.importing.raw_curves import write_raw_curves as write_raw_curves
    from inference.maps.mapping import safe_current_map as safe_current_map
    from inference.maps.questions import required_pore_radius as required_pore_radius
    from inference.maps.questions import required_pressure as required_pressure
    from inference.maps.questions import safe_current as safe_current
    from inference.report_page import write_report as write_report
    from inference.runs.fitting import fit as fit
    from inference.runs.parameter_table import parameter_table as parameter_table
    from inference.runs.result import Result as Result
    from inference.runs.result import load_result as load_result
    from inference.steps.run import run as run
    from inference.steps.studies import calibrate as calibrate
    from inference.steps.studies import save_overlay as save_overlay
    from inference.studies.comparison.comparison import compare as compare
    from inference.studies.overlays import overlay as overlay
    from inference.studies.recovery import recover as recover
    from inference.studies.simulation import simulate as simulate

_MODULE_OF = {
    "Result": "inference.runs.result",
    "calibrate": "inference.steps.studies",
    "check": "inference.checks",
    "compare": "inference.studies.comparison.comparison",
    "fit": "inference.runs.fitting",
    "import_records": "inference.importing",
    "load_result": "inference.runs.result",
    "overlay": "inference.studies.overlays",
    "parameter_table": "inference.runs.parameter_table",
    "prefit_check": "inference.checks",
    "recover": "inference.studies.recovery",
    "required_pore_radius": "inference.maps.questions",
    "required_pressure": "inference.maps.questions",
    "run": "inference.steps.run",
    "safe_current": "inference.maps.questions",
    "safe_current_map": "inference.maps.mapping",
    "save_overlay": "inference.steps.studies",
    "simulate": "inference.studies.simulation",
    "write_raw_curves": "inference.importing.raw_curves",
    "write_report": "inference.report_page",
}

__all__ = list(_MODULE_OF)


def __getattr__(name: str) -> object:
    """Import a public name on first use (PEP 562)."""
    from importlib import import_module

    if name not in _MODULE_OF:
        raise AttributeError(f"module 'inference' has no attribute {name!r}")
    value: object = getattr(import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names alone."""
    return sorted(__all__)
