"""Forward models of metal anodes: pure functions in SI units.

Every function broadcasts over floats, NumPy arrays and xarray DataArrays, and over PyTensor
variables unless it solves for a root. Nothing here imports PyMC, PyTensor, xarray or pint. For
labelled arguments the result carries its own name and SI unit.
"""

from models.physics.arrhenius import arrhenius
from models.physics.capillarity import (
    critical_current_density,
    wetting_product,
    young_laplace_overpotential,
)
from models.physics.constants import (
    FARADAY,
    GAS_CONSTANT,
    MOLAR_VOLUME,
    REFERENCE_STRAIN_RATE,
    REFERENCE_TEMPERATURE,
    thermal_voltage,
)
from models.physics.creep import (
    creep_fed_current_density,
    creep_fed_current_density_norton,
    norton_strain_rate,
    norton_stress,
)
from models.physics.kinetics import (
    KINETICS,
    MarcusInversionWarning,
    butler_volmer_current_density,
    marcus_hush_chidsey_current_density,
    marcus_hush_chidsey_rate,
    marcus_hush_chidsey_rate_zeng,
    marcus_hush_chidsey_zeng_approximation,
    marcus_hush_current_density,
)
from models.physics.morphology import (
    coverage_under_pressure,
    deposit_thickness,
    log_coverage_under_pressure,
)
from models.physics.transport import (
    Layer,
    depletion_current_density,
    depletion_current_density_at_charge,
    depletion_log_slope,
    depletion_time,
    limiting_current_density,
    macmullin_number_from_porosity,
    sand_time,
)
from models.physics.voids import (
    metal_capacity,
    void_free_capacity,
    void_free_current_density,
    void_free_current_density_at_charge,
    void_free_log_slope,
    void_free_time,
)
from models.physics.weakest_link import largest_pore_radius, weakest_deviate

__all__ = [
    "FARADAY",
    "GAS_CONSTANT",
    "KINETICS",
    "MOLAR_VOLUME",
    "REFERENCE_STRAIN_RATE",
    "REFERENCE_TEMPERATURE",
    "Layer",
    "MarcusInversionWarning",
    "arrhenius",
    "butler_volmer_current_density",
    "coverage_under_pressure",
    "creep_fed_current_density",
    "creep_fed_current_density_norton",
    "critical_current_density",
    "depletion_current_density",
    "depletion_current_density_at_charge",
    "depletion_log_slope",
    "depletion_time",
    "deposit_thickness",
    "largest_pore_radius",
    "limiting_current_density",
    "log_coverage_under_pressure",
    "macmullin_number_from_porosity",
    "marcus_hush_chidsey_current_density",
    "marcus_hush_chidsey_rate",
    "marcus_hush_chidsey_rate_zeng",
    "marcus_hush_chidsey_zeng_approximation",
    "marcus_hush_current_density",
    "metal_capacity",
    "norton_strain_rate",
    "norton_stress",
    "sand_time",
    "thermal_voltage",
    "void_free_capacity",
    "void_free_current_density",
    "void_free_current_density_at_charge",
    "void_free_log_slope",
    "void_free_time",
    "weakest_deviate",
    "wetting_product",
    "young_laplace_overpotential",
]
