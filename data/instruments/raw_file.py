"""A file that is read, the curves that it holds, and how it is refused."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from data.errors import Mistake, RecordError

__all__ = ["REQUIRED", "CurveInfo", "RawFile", "choose_curve", "refusal"]

REQUIRED = ("test_time_second", "voltage_volt", "current_ampere")


def refusal(
    file: str, message: str, *, line: int | None = None, column: str | None = None
) -> RecordError:
    """Return the error that refuses a file.

    Parameters
    ----------
    file : str
        Name of the file.
    message : str
        What is wrong, the value, what is legal and what to do.
    line : int, optional
        Line of the file, the first being 1.
    column : str, optional
        Column as the file names it.

    Returns
    -------
    RecordError
        To be raised.
    """
    return RecordError(str(Mistake(file, message, line, column)))


@dataclass(frozen=True)
class RawFile:
    """A file that is being read.

    Parameters
    ----------
    path : Path
        Where its bytes are; a temporary file where the original is compressed.
    name : str
        Name of the original.
    sha256 : str
        Of the original.
    current : float, optional
        Constant current [A] that the user states for a file that holds none.
    scan_rate : float, optional
        Rate [V/s] that the user states, from which the time of a sweep follows.
    """

    path: Path
    name: str
    sha256: str
    current: float | None = None
    scan_rate: float | None = None

    def lacks(self, found: Collection[str], *, scan_rate: bool = False) -> list[str]:
        """Return what a record needs, and neither the file nor the user gives.

        Parameters
        ----------
        found : collection of str
            Variables that the file holds.
        scan_rate : bool
            Whether the file states a scan rate.

        Returns
        -------
        list of str
            Of `REQUIRED`.
        """
        given = set(found)
        if self.current is not None:
            given.add("current_ampere")
        if scan_rate or self.scan_rate:
            given.add("test_time_second")
        return [name for name in REQUIRED if name not in given]


@dataclass(frozen=True)
class CurveInfo:
    """One of the tables of a file.

    Parameters
    ----------
    index : int
        What `read_record` takes as `curve`.
    name : str
        As the file names it.
    rows : int or None
        Rows it holds, None where that is known only after reading.
    readable : bool
        Whether it holds time, voltage and current (or is at open circuit).
    note : str
        What it is, or why it is not readable.
    main : bool
        False for what an instrument records before or beside the test.
    """

    index: int
    name: str
    rows: int | None
    readable: bool = True
    note: str = ""
    main: bool = True

    def __str__(self) -> str:
        """Return the curve as one line of a list."""
        rows = "" if self.rows is None else f", {self.rows} rows"
        return f"{self.index}: {self.name}{rows}" + (f" ({self.note})" if self.note else "")


def choose_curve(file: str, curves: Sequence[CurveInfo], curve: int | None) -> int:
    """Return the index of the curve that is meant.

    Parameters
    ----------
    file : str
        Name of the file.
    curves : sequence of CurveInfo
        What it holds.
    curve : int or None
        What the user chose.

    Returns
    -------
    int
        An index of `curves`.

    Raises
    ------
    RecordError
        There is no such curve, it is no record, or several are there and none is chosen. The
        message lists them.
    """
    listed = "; ".join(map(str, curves[:50])) + ("; …" if len(curves) > 50 else "")
    if curve is not None:
        if isinstance(curve, bool) or not isinstance(curve, int) or not 0 <= curve < len(curves):
            raise refusal(file, f"has no curve {curve!r}: there are {listed}")
        if not curves[curve].readable:
            raise refusal(
                file, f"curve {curve} is no record of time, voltage and current: {listed}"
            )
        return curve
    main = [info for info in curves if info.main]
    if len(main) == 1 and main[0].readable:
        return main[0].index
    if not any(info.readable for info in curves):
        raise refusal(file, f"holds no record of time, voltage and current: {listed}")
    if len(curves) == 1:
        raise refusal(file, f"holds no curve of the test, only {listed}: take it with --curve 0")
    raise refusal(
        file, f"holds several curves: choose one with --curve N (curve=N in Python): {listed}"
    )
