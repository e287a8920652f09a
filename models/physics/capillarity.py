"""Capillary resistance of a pore to the metal, and the current it can bear."""

import numpy as np

from data.errors import ModelError
from models.physics.backend import Numeric, in_si
from models.physics.constants import FARADAY
from models.physics.kinetics import KINETICS

__all__ = ["critical_current_density", "wetting_product", "young_laplace_overpotential"]


@in_si("J/m^2")
def wetting_product(surface_energy: Numeric, contact_angle: Numeric) -> Numeric:
    """Wetting product ``gamma |cos theta|``, all that penetration data identify.

    Parameters
    ----------
    surface_energy : array_like
        Surface energy of the metal against the electrolyte [J/m^2].
    contact_angle : array_like
        Contact angle of the metal on the pore wall [rad]; between pi/2 and pi: non-wetting.

    Returns
    -------
    array_like
        Wetting product [J/m^2], of the broadcast shape.

    References
    ----------
    Ma & Bai, Adv. Energy Mater. 2022, doi:10.1002/aenm.202102967, Eq. 1.
    """
    return surface_energy * abs(np.cos(contact_angle))


@in_si("V")
def young_laplace_overpotential(
    wetting_product: Numeric, pore_radius: Numeric, molar_volume: Numeric
) -> Numeric:
    """Overpotential that pushes non-wetting metal into a cylindrical pore.

    ``eta_c = 2 gamma |cos theta| V_m / (F r)``, a magnitude.

    Parameters
    ----------
    wetting_product : array_like
        ``gamma |cos theta|`` [J/m^2].
    pore_radius : array_like
        Pore radius [m].
    molar_volume : array_like
        Molar volume of the metal [m^3/mol].

    Returns
    -------
    array_like
        Critical overpotential [V], of the broadcast shape.

    References
    ----------
    Ma & Bai, Adv. Energy Mater. 2022, doi:10.1002/aenm.202102967, Eq. 1 (there with a sign).
    """
    return 2.0 * wetting_product * molar_volume / (FARADAY * pore_radius)


@in_si("A/m^2")
def critical_current_density(
    wetting_product: Numeric,
    pore_radius: Numeric,
    porosity: Numeric,
    exchange_current_density: Numeric,
    reorganization_energy: Numeric,
    temperature: Numeric,
    molar_volume: Numeric,
    kinetics: str = "marcus_hush_chidsey",
) -> Numeric:
    """Apparent current density above which the metal penetrates the separator.

    ``j_c = porosity * j(eta_c)``: the flux enters through the wetted pores only. Concentration
    polarisation is left out, so the value is optimistic near the limiting current density.

    Parameters
    ----------
    wetting_product : array_like
        ``gamma |cos theta|`` [J/m^2].
    pore_radius : array_like
        Pore radius [m].
    porosity : array_like
        Porosity of the separator [1].
    exchange_current_density : array_like
        Exchange current density on the wetted area [A/m^2].
    reorganization_energy : array_like
        Reorganization energy [eV]; without effect in Butler-Volmer kinetics.
    temperature : array_like
        Temperature [K].
    molar_volume : array_like
        Molar volume of the metal [m^3/mol].
    kinetics : str, optional
        A name in ``KINETICS``.

    Returns
    -------
    array_like
        Critical current density on the geometric area [A/m^2], of the broadcast shape.

    Raises
    ------
    data.errors.ModelError
        If the kinetics is unknown.

    References
    ----------
    Ma & Bai, Adv. Energy Mater. 2022, doi:10.1002/aenm.202102967.
    """
    if kinetics not in KINETICS:
        raise ModelError(
            f"kinetics {kinetics!r} is unknown; legal are {', '.join(sorted(KINETICS))}"
        )
    overpotential = young_laplace_overpotential(wetting_product, pore_radius, molar_volume)
    law = KINETICS[kinetics]
    return porosity * law(
        overpotential, exchange_current_density, reorganization_energy, temperature
    )
