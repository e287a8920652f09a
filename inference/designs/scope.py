"""What a mechanism covers and what it does not, in words."""

from collections.abc import Mapping
from typing import Final

from inference.designs.axes import Cell

__all__ = ["COVERS", "DOES_NOT_COVER"]

COVERS: Final[Mapping[Cell, str]] = {
    "liquid": (
        "one laboratory cell in one half-cycle: metal plated through a porous separator in liquid "
        "electrolyte, until it penetrates the pores or the salt is depleted."
    ),
    "solid": (
        "one laboratory cell in one half-cycle: metal stripped from a ceramic electrolyte, until "
        "voids form because the metal is not resupplied fast enough."
    ),
}
"""What a map speaks of, by kind of cell."""


DOES_NOT_COVER: Final[Mapping[Cell, str]] = {
    "liquid": (
        "cells that were tested and are not in the tables (every one must be, early failures "
        "too), larger areas or many cells (the weakest spot decides), many cycles, the largest "
        "pores of the separator, transport in a porous cathode, growth of the interphase, gas, "
        "Coulombic efficiency, shorts at the edge, thermal runaway. The mechanisms' cell factors "
        "are taken as independent, which is cautious; concentration polarisation is left out of "
        "the penetration current, which is optimistic near the limiting current."
    ),
    "solid": (
        "cells that were tested and are not in the tables (every one must be, early failures "
        "too), larger areas or many cells (the weakest spot decides), many cycles, plating and "
        "dendrites, transport in a porous cathode, growth of the interphase, gas, Coulombic "
        "efficiency, shorts at the edge, thermal runaway."
    ),
}
"""What a map does not speak of, by kind of cell."""
