"""Checks of a row that several tables share."""

from collections.abc import Iterable

from data.schema import Complaint, Row, given
from data.table import RowCheck

__all__ = ["events_before_stop"]


def events_before_stop(name: str) -> tuple[RowCheck, ...]:
    """Return the checks that no event is after the planned end of its test.

    Parameters
    ----------
    name : str
        The measured time [s], exact or an interval; ``stop_time`` [s] may be blank.

    Returns
    -------
    tuple of callable
        One for the time itself and one for each end of its interval.
    """

    def of_column(column: str) -> RowCheck:
        def check(row: Row) -> Iterable[Complaint]:
            if given(row, "stop_time", column) and float(row[column]) > float(row["stop_time"]):
                yield (
                    column,
                    f"{row[column]:g} s is after stop_time {row['stop_time']:g} s: stop_time is "
                    f"the planned end of the test; leave {name} blank where nothing happened by "
                    "then",
                )

        return check

    return tuple(of_column(column) for column in (name, f"{name}_lower", f"{name}_upper"))
