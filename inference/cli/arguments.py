"""Arguments and options that commands share."""

from typing import Annotated

import typer

__all__ = ["ForceChanged", "JobArgument", "Set"]

JobArgument = Annotated[
    str,
    typer.Argument(
        metavar="JOB",
        help="A job file, a bundled job's name, or a campaign folder (fitted with every default).",
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a key of the job, such as sampler.draws=4000; may be given again.",
        show_default=False,
    ),
]
ForceChanged = Annotated[
    bool,
    typer.Option(
        "--force",
        help="Replace files of the run that were changed since they were written.",
        show_default=False,
    ),
]
