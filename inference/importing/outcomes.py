"""What became of a file that was to be imported."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from data.features.feature import Feature

__all__ = ["Outcome", "Status"]

type Status = Literal["imported", "checked", "doubtful", "refused"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one file.

    Parameters
    ----------
    file : Path
        The file.
    status : {"imported", "checked", "doubtful", "refused"}
        ``checked`` in a dry run: it would have been imported. ``doubtful``: its rows are not
        appended.
    cell : str
        Name of the cell; empty where it was refused before it had one.
    features : tuple of Feature
        Those that the rows state.
    rows : tuple of dict
        The rows in canonical units.
    doubts : tuple of str
        What makes the rows doubtful; to be checked before they are used.
    statements : tuple of str
        What was decided while reading the curve; the features have their own flags.
    error : Exception, optional
        Why it was refused; anything but an `AnodebayesError` is a fault of the program.
    record : Path, optional
        The record of provenance.
    figures : tuple of Path
        The curve with the feature drawn on it.
    """

    file: Path
    status: Status
    cell: str = ""
    features: "tuple[Feature, ...]" = ()
    rows: tuple[dict[str, float | str], ...] = ()
    doubts: tuple[str, ...] = ()
    statements: tuple[str, ...] = ()
    error: Exception | None = None
    record: Path | None = None
    figures: tuple[Path, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether the file is in the campaign, or would be."""
        return self.status in ("imported", "checked")
