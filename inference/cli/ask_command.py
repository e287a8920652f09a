"""`anodebayes ask`: direct answers to design questions."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inference.cli.guard import DONE, GATE_FAILED, guarded

if TYPE_CHECKING:
    from inference.maps.answer import Answer
    from inference.runs.result import Result

__all__ = [
    "At",
    "Kind",
    "Risk",
    "Separator",
    "asked_design",
    "asked_risk",
    "required_pore_radius",
    "required_pressure",
    "safe_current",
]

Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]
At = Annotated[
    list[str] | None,
    typer.Option(
        "--at",
        metavar="NAME=VALUE",
        help="A condition of the design as in a job file, or its tolerance: "
        "--at 'pore_radius=30 nm' --at 'pore_radius_sd=4 nm'. Repeat it for others.",
    ),
]
Separator = Annotated[
    str | None,
    typer.Option(
        "--separator",
        metavar="NAME",
        help="A separator of the campaign, as it was fitted: its new cells have its own pore "
        "radius, porosity, MacMullin number and offset. With a property changed by --at it is a "
        "new separator.",
    ),
]
Like = Annotated[
    str | None,
    typer.Option(
        "--separator",
        metavar="NAME",
        help="A new separator with all but the pore radius as stated of this one.",
    ),
]
Kind = Annotated[
    str | None,
    typer.Option(
        "--cell", metavar="KIND", help="liquid or solid; from the conditions if left out."
    ),
]
Risk = Annotated[
    str, typer.Option("--risk", metavar="P", help="Probability that a new cell fails.")
]
Json = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.", show_default=False)]
Current = Annotated[str, typer.Option("--current", metavar="QUANTITY", help="Such as '2 mA/cm^2'.")]


@guarded
def safe_current(
    run: Run,
    at: At = None,
    separator: Separator = None,
    cell: Kind = None,
    risk: Risk = "5 %",
    as_json: Json = False,
) -> int:
    """Say which current a new cell bears: --at 'pore_radius=30 nm'."""
    from inference.cli.progress import stored_result
    from inference.maps.questions import safe_current as ask

    result = stored_result(run)
    section = asked_design(result, at, separator, cell)
    answer = _of_a_new_one(ask(result, section, asked_risk(risk)), separator)
    return _show(answer, result, as_json=as_json)


@guarded
def required_pore_radius(
    run: Run,
    current: Current,
    at: At = None,
    separator: Like = None,
    risk: Risk = "5 %",
    as_json: Json = False,
) -> int:
    """Say how small the pores of a separator must be for a current."""
    from inference.cli.progress import stored_result
    from inference.maps.questions import required_pore_radius as ask

    result = stored_result(run)
    section = _section(result, at, separator)
    answer = _of_a_new_one(ask(result, current, asked_risk(risk), section), separator)
    return _show(answer, result, as_json=as_json)


@guarded
def required_pressure(
    run: Run,
    current: Current,
    capacity: Annotated[
        str,
        typer.Option(
            "--capacity", metavar="QUANTITY", help="Stripped in a half-cycle: '2 mAh/cm^2'."
        ),
    ],
    at: At = None,
    risk: Risk = "5 %",
    as_json: Json = False,
) -> int:
    """Say how much stack pressure a solid cell needs for a current and a capacity."""
    from inference.cli.progress import stored_result
    from inference.maps.questions import required_pressure as ask

    result = stored_result(run)
    section = _section(result, at, None)
    return _show(ask(result, current, capacity, asked_risk(risk), section), result, as_json=as_json)


def asked_design(
    result: "Result", at: list[str] | None, separator: str | None, cell: str | None
) -> dict[str, Any]:
    """Return the design of one cell that the options write.

    Parameters
    ----------
    result : Result
        The run's result.
    at : list of str, optional
        Conditions, ``NAME=VALUE``.
    separator : str, optional
        A separator of the campaign.
    cell : str, optional
        The kind of cell; from the conditions if left out.

    Returns
    -------
    dict
        As in a job file, with the key `cell`.

    Raises
    ------
    MapError
        If an option cannot be read, or does not say enough.
    """
    from data.errors import MapError

    if separator is not None and cell == "solid":
        raise MapError(
            f"--separator {separator!r} is of liquid cells, and --cell solid has none: leave one "
            "of them out"
        )
    section = _section(result, at, separator, known_by_name=True)
    section["cell"] = cell or ("liquid" if separator else _cell(section, result))
    return section


def _section(
    result: "Result",
    at: list[str] | None,
    separator: str | None,
    *,
    known_by_name: bool = False,
) -> dict[str, Any]:
    """Return the design that the options write."""
    from data.errors import MapError
    from inference.designs.reading import OF_SEPARATOR

    section: dict[str, Any] = {}
    own: dict[str, Any] = {}
    if separator is not None:
        stated = _named(result, separator)
        if known_by_name:
            own = {"separator": separator}
            section["separators"] = [own]
        else:
            # The stated width of the pores is taken along in proportion.
            radius, sd = stated.pop("pore_radius"), stated.get("pore_radius_sd")
            if sd is not None:
                share = float(str(sd).split()[0]) / float(str(radius).split()[0])
                stated["pore_radius_sd"] = f"{100 * share!r} %"
            section = stated
    seen: dict[str, str] = {}
    for entry in at or ():
        name, sign, value = entry.partition("=")
        if not sign or not name.strip() or not value.strip():
            raise MapError(f"--at {entry!r} cannot be read: write NAME=VALUE, 'pore_radius=30 nm'")
        if name.strip() == "cell":
            raise MapError(
                f"--at {entry!r}: the kind of cell is no condition; say --cell liquid or "
                "--cell solid, or leave it to the conditions"
            )
        if name.strip() in {"separator", "separators"}:
            raise MapError(
                f"--at {entry!r}: a separator of the campaign is no condition; name it by "
                f"--separator {value.strip()!r}, for liquid cells"
            )
        if before := seen.get(name.strip()):
            raise MapError(f"--at {name.strip()}: stands twice ({before!r}, {entry!r}); keep one")
        seen[name.strip()] = entry
        of_separator = bool(own) and name.strip() in OF_SEPARATOR
        (own if of_separator else section)[name.strip()] = value.strip()
    return section


def _named(result: "Result", name: str) -> dict[str, Any]:
    """Return what is stated of a separator of the campaign."""
    from data.errors import MapError
    from data.schema import nearest
    from inference.maps.separators import separators_of

    known = separators_of(result)
    if name not in known:
        names = ", ".join(repr(each) for each in known) or "none"
        hint = nearest(name, known)
        raise MapError(f"--separator {name!r}{hint} is not one of the campaign's: {names}")
    return known[name]


def _of_a_new_one(answer: "Answer", separator: str | None) -> "Answer":
    """Return an answer that says so where it is not of the separator that was named."""
    from dataclasses import replace

    if separator is None or answer.separator:
        return answer
    note = (
        f"{separator!r} with a property changed or left open is a new separator: what its own "
        "cells showed beyond its stated properties is not counted in."
    )
    return replace(answer, notes=(note, *answer.notes))


def _cell(section: dict[str, Any], result: "Result") -> str:
    """Return the kind of cell that the conditions, or else the data, speak of."""
    from data.errors import MapError
    from inference.designs.axes import AXES

    own = {"liquid": {"pore_type"}, "solid": {"protocol"}}
    names = {key.removesuffix("_sd") for key in section}
    kinds = [cell for cell, axes in AXES.items() if names <= {*axes, *own[cell]}]
    if not kinds:  # refused by name where the design is read
        kinds = [max(AXES, key=lambda cell: len(names & {*AXES[cell], *own[cell]}))]
    if len(kinds) > 1:
        kinds = [cell for cell in kinds if result.data_ranges.get(cell)]
    if len(kinds) != 1:
        raise MapError("which kind of cell is meant? Give --cell liquid or --cell solid")
    return kinds[0]


def asked_risk(text: str) -> float:
    """Read a risk.

    Parameters
    ----------
    text : str
        Such as ``5 %``.

    Returns
    -------
    float
        As a share.

    Raises
    ------
    MapError
        If it cannot be read.
    """
    from data.errors import AnodebayesError, MapError
    from data.units import parse_quantity

    try:
        return float(parse_quantity(text, to="1"))
    except AnodebayesError as error:
        raise MapError(f"--risk: {error}") from error


def _show(answer: "Answer", result: "Result", *, as_json: bool) -> int:
    from inference.cli.text import paragraph
    from inference.maps.answer import as_json as written

    if as_json:
        typer.echo(written(answer))
    else:
        for sentence in answer.sentences():
            paragraph(sentence)
    return DONE if result.gate.passed else GATE_FAILED
