"""Checks of a row that several tables share."""

from collections.abc import Iterable

from data.schema import Complaint, Row, given

__all__ = ["event_before_stop"]


def event_before_stop(row: Row, name: str) -> Iterable[Complaint]:
    """Refuse an event after the planned end of its test.

    Parameters
    ----------
    row : mapping
        One row; ``stop_time`` [s] may be blank.
    name : str
        The measured time [s], exact or an interval.

    Yields
    ------
    column : str
        Where.
    message : str
        What.
    """
    if not given(row, "stop_time"):
        return
    stop = float(row["stop_time"])
    for column in (name, f"{name}_lower", f"{name}_upper"):
        if given(row, column) and float(row[column]) > stop:
            yield (
                column,
                f"{row[column]:g} s is after stop_time {stop:g} s: stop_time is the planned end of "
                f"the test; leave {name} blank where nothing happened by then",
            )
