"""Why data leave a parameter open, and which measurement would close it, in words."""

from collections.abc import Collection

from models.cells import LAWS

__all__ = ["ridge_remedy", "why_open"]

_TRANSPORT = frozenset({"ambipolar_diffusivity", "transference_number"})
_LIMITING_ONLY = (
    "limiting currents identify D/(1 - t+) only. Sand's times in the same electrolyte would "
    "separate the two"
)
_SAND_ONLY = (
    "Sand's times identify D/(1 - t+)^2 only. Limiting currents (LSV plateaus) in the same "
    "electrolyte would separate the two"
)
_BOTH = (
    "limiting currents give D/(1 - t+) and Sand's times D/(1 - t+)^2, each with its error. More of "
    "both, in the same electrolyte, would narrow what they leave"
)
_EITHER = (
    "limiting currents give D/(1 - t+) and Sand's times D/(1 - t+)^2. Both, in the same "
    "electrolyte, would separate the two"
)
_ANGLE = (
    "penetration data identify surface_energy*|cos(contact_angle)| only. A sessile-drop angle "
    "would separate them"
)
_BULK = (
    "polarisation identifies supply_factor^2*self_diffusivity only. A tracer measurement on the "
    "same metal would separate them"
)
_KINETICS = (
    "at overpotentials well below the reorganization energy only the exchange current shows. Tafel "
    "points up to several hundred mV would show both"
)
_CELLS = (
    "Several cells of one separator at currents about its critical one, some penetrated and some "
    "not, would show how they differ"
)
_POLARISED = (
    "Several solid cells of one make under one condition, each polarised until voids form, would "
    "show how they differ"
)

_SENSOR = (
    "it enters as a product with how the metal answers to pressure. A pressure sensor in the cell "
    "would measure it"
)

_WHY = {
    "contact_angle": _ANGLE,
    "self_diffusivity": _BULK,
    "self_diffusion_activation_energy": (
        "the tests span too narrow a range of temperatures to improve on tracer measurements. "
        "Polarisation of one kind of cell at temperatures 40 K apart would show it"
    ),
    "reorganization_energy": _KINETICS,
    "exchange_current_density": (
        "no table measures charge transfer by itself. Tafel points below 50 mV, or the "
        "charge-transfer resistance, would measure it"
    ),
    "creep_pressure_exponent": (
        "void tests at too few pressures show little of a law. Tests at three pressures on one "
        "electrode thickness would show it"
    ),
    "creep_current_at_9_MPa": (
        "few rows feel creep under pressure. One-way polarisation near 9 MPa would measure it"
    ),
    "creep_activation_energy": "Creep tests at two temperatures 30 K apart would measure it",
    "creep_exponent": "Creep tests over two decades of strain rate would measure it",
    "residual_resistance": (
        "it hides in the overpotential at penetration. The high-frequency resistance of the cell "
        "would give it"
    ),
    "overpotential_scatter": "Repeated overpotentials of one separator would show it",
    "penetration_scatter": _CELLS,
    "sand_scatter": "Repeated Sand's times under one condition would show it",
    "dc_polarization_scatter": _POLARISED,
    "separator_scatter": "More separators with several cells each would show how separators differ",
    "coverage_scatter": "Repeated images under one condition would show it",
    "thickness_scatter": "Repeated images under one condition would show it",
    "lsv_scatter": "Repeated plateaus of one stack would show it",
    "kinetics_scatter": "Repeated Tafel points would show it",
    "creep_scatter": "Repeated creep tests under one condition would show it",
    "film_constraint_factor": "Deposits imaged under two pressures would show it",
    "initial_coverage": "Coverages imaged without pressure would show it",
    "apparent_density": "Coverage and thickness of one deposit would show it",
    "constraint_factor": "Void tests under pressure, with creep tests of the metal, would show it",
    "lab_scatter": "Cells of one make, tested in several laboratories, would show it",
    "pore_size_spread": "Porosimetry of the separators would measure it",
    "wetted_pores": "it enters through its logarithm, so that hardly any data show it",
    "dc_polarization_pressure_factor": _SENSOR,
    "morphology_pressure_factor": _SENSOR,
    "macmullin_number": "The ionic resistance of the soaked separator would measure it",
}

_TAILS = tuple(f"_{law.parameter}" for law in LAWS.values() if law.parameter)
_TAIL = "few cells lie in a tail. Many cells of one make would show it"

_RIDGES: dict[frozenset[str], str] = {
    frozenset({"surface_energy", "contact_angle"}): _ANGLE,
    frozenset({"self_diffusivity", "supply_factor"}): _BULK,
    frozenset({"exchange_current_density", "reorganization_energy"}): _KINETICS,
    frozenset({"morphology_pressure_factor", "film_constraint_factor"}): _SENSOR,
    frozenset({"dc_polarization_pressure_factor", "creep_current_at_9_MPa"}): _SENSOR,
    frozenset({"dc_polarization_pressure_factor", "constraint_factor"}): _SENSOR,
    frozenset({"initial_coverage", "film_constraint_factor"}): (
        "one pressure shows their product only. Deposits without pressure, and under a second "
        "one, would separate them"
    ),
    frozenset({"creep_current_at_9_MPa", "creep_pressure_exponent"}): (
        "tests at one pressure show one point of the pressure law. A second pressure would "
        "separate them"
    ),
    frozenset({"porosity", "macmullin_number"}): (
        "where it is not measured, the MacMullin number follows from the porosity. The ionic "
        "resistance of the soaked separator would separate them"
    ),
    frozenset({"surface_energy", "exchange_current_density"}): (
        "the critical current shows the two together. The overpotential at penetration, or Tafel "
        "points, would separate them"
    ),
    frozenset({"contact_angle", "exchange_current_density"}): (
        "the critical current shows the two together. The overpotential at penetration, or Tafel "
        "points, would separate them"
    ),
    frozenset({"creep_reference_stress", "film_constraint_factor"}): (
        "spreading deposits show their product only. Creep tests on the same metal would separate "
        "them"
    ),
    frozenset({"apparent_density", "initial_coverage"}): (
        "thickness shows their product only. Imaged coverages would separate them"
    ),
}


def _base(label: str) -> str:
    return label.partition("[")[0]


def _transport(tables: Collection[str]) -> str:
    if ("lsv" in tables) == ("sand" in tables):
        return _BOTH
    if "published" in tables:  # which may hold the other combination, or neither
        return _EITHER
    return _LIMITING_ONLY if "lsv" in tables else _SAND_ONLY


def why_open(label: str, tables: Collection[str]) -> str:
    """Say why a prior-driven parameter is open and what would close it.

    Parameters
    ----------
    label : str
        The parameter.
    tables : collection of str
        Tables that are fitted.

    Returns
    -------
    str
        Without a full stop; empty where there is nothing particular to say.
    """
    base = _base(label)
    if base.endswith(_TAILS):
        return _TAIL
    if base in _TRANSPORT and {"lsv", "sand", "published"} & set(tables):
        return _transport(tables)
    return _WHY.get(base, "")


def ridge_remedy(first: str, second: str, tables: Collection[str]) -> str:
    """Say why two parameters lie on a ridge and what would separate them.

    Parameters
    ----------
    first, second : str
        The parameters.
    tables : collection of str
        Tables that are fitted.

    Returns
    -------
    str
        Without a full stop.
    """
    pair = frozenset({_base(first), _base(second)})
    if pair == _TRANSPORT:
        return _transport(tables)
    return _RIDGES.get(
        pair,
        "the data show one combination of the two only. An independent measurement of either would "
        "separate them",
    )
