"""Text and tables as a reader of a terminal likes them: 80 columns, plain when piped."""

import shutil
import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.table import Table

__all__ = [
    "field",
    "heading",
    "paragraph",
    "show_table",
    "table",
    "ticked",
    "width",
]


def width() -> int:
    """Return the columns that a line of prose may fill: the terminal's, and no more than 100."""
    return max(40, min(100, shutil.get_terminal_size().columns))


def paragraph(text: str = "", *, bold: bool = False, indent: str = "") -> None:
    """Print a paragraph, wrapped to the terminal.

    Parameters
    ----------
    text : str
        What to print.
    bold : bool
        Whether it is a heading.
    indent : str
        Put before every line.
    """
    lines = _wrap(text, indent, indent)
    typer.echo(typer.style("\n".join(lines), bold=True) if bold else "\n".join(lines))


def field(label: str, text: str) -> None:
    """Print a labelled line, its continuation below the text.

    Parameters
    ----------
    label : str
        At most ten letters.
    text : str
        What it says.
    """
    typer.echo("\n".join(_wrap(text, f"  {label:<10}", " " * 12)))


def heading(text: str) -> None:
    """Print a heading after a blank line.

    Parameters
    ----------
    text : str
        The heading.
    """
    paragraph()
    paragraph(text, bold=True)


def ticked(lines: Iterable[str]) -> None:
    """Print a list, one dash an item, wrapped with a hanging indent.

    Parameters
    ----------
    lines : iterable of str
        The items.
    """
    for line in lines:
        typer.echo("\n".join(_wrap(line, "  - ", "    ")))


def _wrap(text: str, first: str, rest: str) -> list[str]:
    return textwrap.wrap(
        text,
        width=width(),
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


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
    """Print a table, in colour on a terminal and without trailing blanks.

    Parameters
    ----------
    filled : Table
        From `table`.
    """
    from rich.console import Console

    console = Console(markup=False, highlight=False, emoji=False)
    with console.capture() as capture:
        console.print(filled)
    for line in capture.get().splitlines():
        typer.echo(line.rstrip())
