"""Rows of a curve: blocks of neighbours with their means, and runs of rows that are alike."""

import numpy as np
from numpy.typing import NDArray

from data.arrays import Array

__all__ = ["Mask", "Rows", "block_means", "row_blocks", "runs"]

type Rows = NDArray[np.intp]
"""Places of rows in a record."""

type Mask = NDArray[np.bool_]
"""Whether each row is meant."""


def row_blocks(rows: int, most: int) -> NDArray[np.intp]:
    """Return the starts of blocks of equal length that cover all rows.

    Parameters
    ----------
    rows : int
        Rows of the curve.
    most : int
        Largest number of blocks.

    Returns
    -------
    array of int
        First row of each block; each row its own block where they fit.
    """
    block = max(1, -(-rows // most))
    return np.arange(0, rows, block)


def block_means(
    starts: NDArray[np.intp], stop: int, *columns: Array
) -> tuple[tuple[Array, ...], Array]:
    """Return the means of columns over blocks of rows.

    Parameters
    ----------
    starts : array of int, shape (m,)
        First row of each block, increasing.
    stop : int
        One past the last row of the last block.
    *columns : array of float, shape (n,)
        Of at least `stop` rows.

    Returns
    -------
    means : tuple of array of float, each of shape (m,)
        In the order of the columns.
    counts : array of float, shape (m,)
        Rows of each block.
    """
    counts = np.diff([*starts.tolist(), stop]).astype(float)
    return tuple(np.add.reduceat(column[:stop], starts) / counts for column in columns), counts


def runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the runs of true rows.

    Parameters
    ----------
    flags : array of bool, shape (n,)
        One for each row.

    Returns
    -------
    list of tuple of int
        First row and one past the last row of each run, in order.
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(int)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
