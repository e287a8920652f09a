"""The noise of new cells: one seeded table of standard normal numbers.

A new cell differs from the median one by its own scatter, by that of its separator and of its
laboratory, and by the tolerances of its design. Each of these is a *source* of one standard normal
number a draw. Every map and every answer of a seed uses the same numbers: they are smooth over the
conditions and repeat exactly. Each source has its own stream, so that a new one leaves the others
as they were.

Notes
-----
The table is stored with the maps, as the group ``noise`` of ``map.nc``:

``posterior_draw`` (draw)
    Which draw of the posterior each row belongs to, counted through the chains one after the
    other: ``chain * draws_of_a_chain + draw``. All of them, unless a map asks for fewer.
``noise`` (draw, source)
    The standard normal numbers. A map's threshold of new cell ``i`` is that of posterior draw
    ``posterior_draw[i]`` with row ``i``. Sources are named

    * as the posterior variable whose scatter they multiply: ``penetration_scatter``,
      ``separator_scatter``, ``sand_scatter``, ``dc_polarization_scatter``;
    * ``lab_scatter of <mechanism>``, used where the fit holds offsets of laboratories;
    * ``<axis> of the design`` for the tolerance of a condition, and ``macmullin_number of the
      design`` also for the scatter of a number that is estimated from the porosity.
``cell_noise`` (cell, source)
    A second table, evenly spread (scrambled Sobol points): the cells over which the interval of
    an answer takes the risk within each posterior draw.
``band_draw`` (band)
    Rows of ``posterior_draw`` that the interval of an answer runs over.

New cells of a separator as fitted have the posterior's properties and offset of that separator:
``separator_scatter`` and the tolerances of a property come in only where the fit holds none.

A new cell's factor on the threshold current of mechanism m is
``u = exp(sum of scatter * noise)`` over its scatters; where the fit's cells are not lognormal, the
noise of the scatter between cells, the first, is taken to the quantile of their law first
(`models.cells.deviate`). A tolerance with standard deviation s takes a
condition x to ``x exp(sqrt(ln(1 + (s/x)^2)) z)``, a porosity to
``1/(1 + exp(-(logit x + s/(x (1 - x)) z)))``, a temperature to ``x + s z``.
"""

import zlib
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import xarray as xr

from data.arrays import Array
from inference.designs.axes import AXES
from inference.designs.mechanisms import MECHANISMS, lab_source

if TYPE_CHECKING:
    from inference.designs.basis import Basis

__all__ = [
    "LEAST_SHARE_OF_CELLS",
    "SOURCES",
    "CellNoise",
    "NoiseTable",
    "band_draws",
    "chosen_draws",
    "noise_table",
]

_CELLS: Final = 512
_BANDS: Final = 1000
LEAST_SHARE_OF_CELLS: Final = 1.0 / _CELLS
"""Least share of new cells that the evenly spread ones tell of: the weakest of them would stand for
all rarer ones too."""


def tolerance_source(axis: str) -> str:
    """Return the name of the noise of a condition's tolerance.

    Parameters
    ----------
    axis : str
        Name of the axis.

    Returns
    -------
    str
        Such as ``porosity of the design``.
    """
    return f"{axis} of the design"


def _sources() -> tuple[str, ...]:
    names: list[str] = []
    for cell, mechanisms in MECHANISMS.items():
        for mechanism in mechanisms:
            names += [*mechanism.scatters, lab_source(mechanism)]
        names += [tolerance_source(axis) for axis in AXES[cell]]
    return tuple(dict.fromkeys(names))


SOURCES: Final = _sources()
"""Every source of noise, by name."""


class NoiseTable:
    """The table of standard normal numbers: one for each draw and each source.

    Parameters
    ----------
    seed : int
        Seed of the table.
    count : int
        Draws.
    """

    def __init__(self, seed: int, count: int) -> None:
        self._seed = seed
        self._count = count
        self._table: dict[str, Array] = {}

    def __call__(self, source: str) -> Array:
        """Return the numbers of one source, shape (draw,)."""
        if source not in self._table:
            self._table[source] = _generator(self._seed, source).standard_normal(self._count)
        return self._table[source]


class CellNoise:
    """Cells that stand for all new ones: standard normal numbers, evenly spread.

    Parameters
    ----------
    seed : int
        Seed of the scrambling.
    """

    def __init__(self, seed: int) -> None:
        from scipy.special import ndtri
        from scipy.stats import qmc

        points = qmc.Sobol(len(SOURCES), rng=_generator(seed, "cells")).random(_CELLS)
        # A point may lie at 0 to the last digit.
        self.table: Array = ndtri(np.clip(points, 1e-9, 1.0 - 1e-9))

    def __call__(self, source: str) -> Array:
        """Return the numbers of one source, shape (cell,)."""
        return self.table[:, SOURCES.index(source)]


def chosen_draws(result: "Basis", draws: int, seed: int) -> "np.ndarray[Any, Any]":
    """Choose posterior draws at random, all of them where there are no more.

    Parameters
    ----------
    result : Basis
        A finished fit.
    draws : int
        How many.
    seed : int
        Seed of the choice.

    Returns
    -------
    ndarray of int, shape (draw,)
        Increasing; counted through the chains one after the other.
    """
    sizes = result.posterior.sizes
    chosen = np.arange(sizes["chain"] * sizes["draw"])
    if draws < chosen.size:
        chosen = _generator(seed, "draws").choice(chosen.size, draws, replace=False, shuffle=False)
        chosen.sort()
    return chosen


def band_draws(count: int) -> "np.ndarray[Any, Any]":
    """Return the rows of the table that the interval of an answer runs over.

    Parameters
    ----------
    count : int
        Rows of the table.

    Returns
    -------
    ndarray of int
        At most 1000, evenly spaced.
    """
    return np.unique(np.linspace(0, count - 1, min(count, _BANDS)).round().astype(np.intp))


def noise_table(result: "Basis", draws: int = 4000, seed: int | None = None) -> xr.Dataset:
    """Return the noise of the maps and answers of a fit.

    Parameters
    ----------
    result : Basis
        A finished fit.
    draws : int, optional
        Posterior draws, as for `inference.maps.mapping.safe_current_map`.
    seed : int, optional
        The seed of the result by default.

    Returns
    -------
    xarray.Dataset
        ``posterior_draw`` (draw), ``noise`` (draw, source), ``cell_noise`` (cell, source) and
        ``band_draw`` (band), as this module's notes say.
    """
    seed = int(result.attrs["seed"]) if seed is None else seed
    chosen = chosen_draws(result, draws, seed)
    noise = NoiseTable(seed, chosen.size)
    table = np.stack([noise(source) for source in SOURCES], axis=-1)
    return xr.Dataset(
        {
            "posterior_draw": (
                "draw",
                chosen,
                {"units": "1", "long_name": "draw of the posterior, through the chains"},
            ),
            "noise": (
                ("draw", "source"),
                table,
                {"units": "1", "long_name": "standard normal number of a new cell"},
            ),
            "cell_noise": (
                ("cell", "source"),
                CellNoise(seed).table,
                {"units": "1", "long_name": "standard normal number, evenly spread over cells"},
            ),
            "band_draw": (
                "band",
                band_draws(chosen.size),
                {"units": "1", "long_name": "row of the table in the interval of an answer"},
            ),
        },
        coords={"source": ("source", list(SOURCES), {"long_name": "source of the noise"})},
        attrs={"title": "Noise of new cells", "seed": seed},
    )


def _generator(seed: int, purpose: str) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(purpose.encode())])
