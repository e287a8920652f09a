"""`anodebayes export-bdf`: instrument files become files of the Battery Data Format."""

from pathlib import Path
from typing import Annotated

import typer

from inference.cli.guard import DONE, REFUSED, SOME_FAILED, fault, guarded, keep_traceback

__all__ = ["export_bdf"]


@guarded
def export_bdf(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="Files of an instrument, or patterns in quotes."),
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="The folder to write to.")
    ] = Path("bdf"),
    curve: Annotated[
        int | None,
        typer.Option("--curve", metavar="N", help="Which curve of a file with several."),
    ] = None,
) -> int:
    """Write instrument files as tables of the Battery Data Format, each with its metadata.

    NAME.bdf.csv holds time, voltage, current and what else the file tells of each row, to the same
    digits; NAME.bdf.metadata.json what it says of the test. `import` reads them as it does the
    instrument's own file.
    """
    from data import AnodebayesError, read_record
    from data.instruments.bdf import write_bdf
    from inference.cli.text import heading, paragraph, ticked
    from inference.importing.curve_files import expand_files

    paths = expand_files(files)
    written, failed = [], []
    for path in paths:
        try:
            record = read_record(path, curve=curve)
            table = write_bdf(record, out)
        except AnodebayesError as error:
            if len(paths) == 1:
                raise
            failed.append(str(error))
        except Exception as error:
            if len(paths) == 1:
                raise
            failed.append(
                f"{path.name}: {fault(error)}; the traceback is in {keep_traceback(error)}"
            )
        else:
            written.append(f"{path.name}: {record.sizes['record']} rows into {table}")
    if written:
        heading("Written")
        ticked(written)
    if failed:
        heading(f"Not written ({len(failed)})")
        ticked(failed)
    paragraph()
    if not failed:
        return DONE
    return SOME_FAILED if written else REFUSED
