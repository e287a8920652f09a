"""Extremes: the largest of many pores, and the weakest of many patches of a cell.

A cell fails where its weakest spot does. Within a patch of separator that is its largest pore:
of N independent lognormal radii the largest has the distribution function ``F(r)^N``. Between
patches, each with its own lognormal factor on the threshold, it is the smallest factor: a cell of
``a`` patches survives with the probability ``(1 - p)^a`` where a single patch fails with ``p``.
"""

import numpy as np
from scipy import special

from models.physics.backend import Numeric, elementwise, erfcinv, in_si, kernel

__all__ = ["largest_pore_radius", "weakest_deviate"]


@in_si("m")
@kernel
def largest_pore_radius(
    pore_radius: Numeric, pore_size_spread: Numeric, wetted_pores: Numeric
) -> Numeric:
    """Radius of the largest of many pores: the median of the maximum of lognormal radii.

    ``r_max = r exp(s z_N)`` with ``Phi(z_N)^N = 1/2``, so that ``z_N = -Phi^-1(1 - 2^(-1/N))``:
    0 for one pore, 4.8 for a million, 7.0 for 10^12. The tail probability is taken as
    ``-expm1(-ln 2/N)``, exact for any N.

    Parameters
    ----------
    pore_radius : array_like
        Median radius of the pores [m].
    pore_size_spread : array_like
        Standard deviation s of the logarithm of the radius, the relative width [1].
    wetted_pores : array_like
        Number N of pores that metal can enter, above 0 and not necessarily whole [1].

    Returns
    -------
    array_like
        Radius [m], of the broadcast shape.

    References
    ----------
    Order statistics: Gumbel, Statistics of Extremes, Columbia University Press, 1958.
    """
    tail = -np.expm1(-np.log(2.0) / wetted_pores)
    return pore_radius * np.exp(pore_size_spread * (np.sqrt(2.0) * erfcinv(2.0 * tail)))


def weakest_deviate(deviate: Numeric, patches: Numeric) -> Numeric:
    """Take a standard normal number to the smallest of several, at the same probability.

    If ``x`` is standard normal, the result is distributed as the smallest of `patches` independent
    standard normal numbers: ``Phi(-result)^patches = Phi(-x)``. It rises with ``x``, and is ``x``
    where there is one patch.

    Parameters
    ----------
    deviate : array_like
        Standard normal numbers; 0 gives the median.
    patches : array_like
        Number of patches, above 0 and not necessarily whole.

    Returns
    -------
    array_like
        The smallest, of the broadcast shape. NumPy and xarray only.
    """

    def smallest(deviate: Numeric, patches: Numeric) -> Numeric:
        log_survival = special.log_ndtr(-deviate) / patches
        # Each tail from the side on which it is small.
        with np.errstate(divide="ignore"):
            high = -special.ndtri_exp(log_survival)
            low = special.ndtri(-np.expm1(log_survival))
        found = np.where(log_survival < -np.log(2.0), high, low)
        return np.where(patches == 1.0, deviate, found)

    return elementwise(smallest, deviate, patches)
