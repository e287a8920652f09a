"""Numbers and tables as a reader of a terminal likes them: 80 columns, plain when piped."""

import math
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["console", "interval", "number", "paragraph", "show_table", "table", "ticked"]

_FIXED = (1e-3, 1e5)


@cache
def console() -> "Console":
    """Return the console of everything that is printed: no markup, no colour guessed into text."""
    from rich.console import Console

    return Console(markup=False, highlight=False, emoji=False)


def paragraph(text: str = "", *, bold: bool = False) -> None:
    """Print a paragraph, wrapped to the terminal.

    Parameters
    ----------
    text : str
        What to print.
    bold : bool
        Whether it is a heading.
    """
    console().print(text, style="bold" if bold else None)


def ticked(lines: Iterable[str]) -> None:
    """Print a list, one dash an item, wrapped with a hanging indent.

    Parameters
    ----------
    lines : iterable of str
        The items.
    """
    from rich.padding import Padding
    from rich.table import Table

    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column()
    for line in lines:
        grid.add_row("-", line)
    if grid.row_count:
        console().print(Padding(grid, (0, 0, 0, 1)))


def table(columns: Sequence[str], *, right: Sequence[str] = ()) -> "Table":
    """Return an empty table without frames.

    Parameters
    ----------
    columns : sequence of str
        Headings. The last one wraps, the others do not.
    right : sequence of str
        Headings of columns that are flush right, as numbers are; these never wrap.

    Returns
    -------
    Table
        To be filled with `add_row` and printed with `show_table`.
    """
    from rich.table import Table

    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in columns:
        wraps = name == columns[-1] and name not in right
        made.add_column(
            name,
            justify="right" if name in right else "left",
            no_wrap=not wraps,
            overflow="fold",
        )
    return made


def show_table(filled: "Table") -> None:
    """Print a table.

    Parameters
    ----------
    filled : Table
        From `table`.
    """
    console().print(filled)


def number(value: float, width: float | None = None) -> str:
    """Return a number with the digits that its uncertainty leaves it.

    Parameters
    ----------
    value : float
        The number.
    width : float, optional
        Width of its interval: the last digit shown is 3 to 30 times smaller. Never fewer than
        two digits are shown.

    Returns
    -------
    str
        Without a unit; `2.1e-6` where a plain number would be long.
    """
    if math.isnan(value):
        return "-"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    digits = 2
    if width is not None and math.isfinite(width) and width > 0:
        digits = max(2, min(6, size - math.floor(math.log10(width / 3)) + 1))
    if not _FIXED[0] <= abs(value) < _FIXED[1]:
        mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
        return f"{mantissa}e{int(exponent)}"
    return f"{round(value, digits - 1 - size):.{max(0, digits - 1 - size)}f}"


def interval(lower: float, upper: float) -> str:
    """Return an interval, its ends with the digits that its width leaves them.

    Parameters
    ----------
    lower, upper : float
        The ends.

    Returns
    -------
    str
        `0.11–0.27`; the word `to` where an end is negative.
    """
    width = upper - lower
    between = " to " if lower < 0 else "–"
    return f"{number(lower, width)}{between}{number(upper, width)}"
