"""The whole set of figures of a run: what there is, what cannot be drawn and why, and the files."""

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import xarray as xr
from matplotlib.figure import Figure

from data.errors import InputError
from data.files import file_stems, resolved
from data.schema import nearest
from data.tables import tables
from data.whole_files import content_hash, write_whole
from inference.figures.capillarity import (
    critical_current_against_radius,
    overpotential_against_radius,
)
from inference.figures.kinetics import tafel_laws
from inference.figures.maps import liquid_map, solid_map
from inference.figures.morphology import deposits_under_pressure
from inference.figures.posterior import posterior_forest, ridge
from inference.figures.predictive import observed_variables, predictive_check
from inference.figures.ridges import ridge_pairs
from inference.figures.sensitivity import table_sensitivity
from inference.figures.style import FORMATS, NothingToDrawError, Width, save_figure
from inference.figures.transport import limiting_currents, sand_times
from inference.figures.voids import void_free_capacities, void_regimes
from inference.misfit.verdicts import stored_check
from inference.runs.run_marker import read_marker
from inference.words.run_files import CHECK, MAP, RESULT

if TYPE_CHECKING:
    from data.campaign import Campaign
    from inference.runs.result import Result
    from inference.studies.calibration.calibration import Calibration

__all__ = [
    "DrawnFigures",
    "RunContents",
    "are_current",
    "figure_drawers",
    "made_of",
    "run_contents",
    "shows_the_same",
    "write_figures",
]


_PREFERRED: Final = {"liquid": ("pore_radius",), "solid": ("charge", "pressure")}
_MAPS: Final[Mapping[str, Callable[..., Figure]]] = {"liquid": liquid_map, "solid": solid_map}


@dataclass(frozen=True)
class RunContents:
    """What the figures of a run are drawn from.

    Parameters
    ----------
    result : Result
        A finished fit.
    maps : mapping of str to Dataset, optional
        Its maps by kind of cell.
    campaign : Campaign, optional
        What was fitted; without it single tests are not drawn.
    check : mapping, optional
        The content of ``check.json``.
    calibration : Calibration, optional
        Of the job.
    """

    result: "Result"
    maps: Mapping[str, xr.Dataset] = field(default_factory=dict)
    campaign: "Campaign | None" = None
    check: Mapping[str, Any] | None = None
    calibration: "Calibration | None" = None


@dataclass(frozen=True)
class DrawnFigures:
    """What was drawn and what was not.

    Parameters
    ----------
    paths : list of Path
        The files.
    skipped : dict of str to str
        Why a figure was not drawn, by its name.
    """

    paths: list[Path]
    skipped: dict[str, str]


def run_contents(
    result: "Result",
    maps: Mapping[str, xr.Dataset] | None = None,
    calibration: "Calibration | None" = None,
) -> RunContents:
    """Collect what a run folder holds for its figures.

    Parameters
    ----------
    result : Result
        A result that was read from a run folder, or not.
    maps : mapping of str to Dataset, optional
        Its maps; read from the folder when left out.
    calibration : Calibration, optional
        Of the job.

    Returns
    -------
    RunContents
        With a check only where it is of this result.
    """
    from inference.runs.fitted_campaign import fitted_campaign

    folder = result.folder
    if maps is None:
        maps = {}
        if folder is not None and (folder / MAP).is_file():
            from inference.maps.files import load_maps

            maps = load_maps(folder / MAP, result)
    check = stored_check(folder, result.id)
    return RunContents(result, maps, fitted_campaign(result), check, calibration)


def made_of(result: "Result") -> dict[str, str]:
    """Return what figures of a run are made of, to be kept with them.

    Parameters
    ----------
    result : Result
        Of the run.

    Returns
    -------
    dict of str to str
        The id of the result, and hashes of its maps and its check as they are now.
    """
    folder = result.folder
    if folder is None:
        return {RESULT: result.id}
    return {RESULT: result.id, **{name: content_hash(folder / name) for name in (MAP, CHECK)}}


def shows_the_same(name: str, then: Mapping[str, str], now: Mapping[str, str]) -> bool:
    """Say whether a figure would show the same if it were drawn again.

    Parameters
    ----------
    name : str
        Of the figure.
    then, now : mapping of str to str
        Of `made_of`: when it was drawn, and now.

    Returns
    -------
    bool
        Whether what it shows has stayed.
    """
    shown = [RESULT, *([MAP] * name.startswith("map_")), *([CHECK] * (name == "sensitivity"))]
    return all(each in then and then[each] == now.get(each) for each in shown)


def are_current(folder: Path, now: Mapping[str, str]) -> bool:
    """Say whether the figures of a run are as they were drawn, and show what it holds.

    Parameters
    ----------
    folder : Path
        The run folder.
    now : mapping of str to str
        Of `made_of`.

    Returns
    -------
    bool
        False where one was changed or is gone.
    """
    marker = read_marker(folder)
    return marker is not None and all(
        shows_the_same(Path(name).stem, of, now)
        and content_hash(folder / name) in marker.hashes.get(name, ())
        for name, of in marker.made_of.items()
    )


def figure_drawers(contents: RunContents) -> dict[str, Callable[[Width | None], Figure]]:
    """Return every figure that a run may have.

    Parameters
    ----------
    contents : RunContents
        What they are drawn from.

    Returns
    -------
    dict of str to callable
        By name, in the order in which they are read. Each takes the width to print at (None: its
        own; figures of many panels have no other) and raises `NothingToDrawError` where the run
        does not hold what it shows.
    """
    result, campaign = contents.result, contents.campaign
    return {
        **dict(_map_drawers(contents)),
        "posterior": _of_one_width(partial(posterior_forest, result)),
        "ridge": _of_one_width(partial(ridge, result)),
        "ridge_pairs": _of_one_width(partial(ridge_pairs, result)),
        "overpotential": lambda width: overpotential_against_radius(result, width=width),
        "critical_current": lambda width: critical_current_against_radius(
            result, campaign, width=width
        ),
        "tafel": lambda width: tafel_laws(result, width=width),
        "limiting_current": lambda width: limiting_currents(result, width=width),
        "sand_time": lambda width: sand_times(result, width=width),
        "void_capacity": lambda width: void_free_capacities(result, campaign, width=width),
        "void_regimes": lambda width: void_regimes(result, width=width),
        "deposits": lambda width: deposits_under_pressure(result, campaign, width=width),
        **{
            f"predictive_{table}": _of_one_width(partial(_predictive, result, table))
            for table in tables()
            if table != "separators"
        },
        "sensitivity": _of_one_width(partial(_sensitivity, contents)),
        "calibration": _of_one_width(partial(_calibration, contents)),
    }


def write_figures(
    contents: RunContents,
    folder: Path | str,
    formats: Sequence[str] = ("png", "pdf"),
    *,
    only: Collection[str] = (),
    width: Width | None = None,
    force: bool = False,
) -> DrawnFigures:
    """Draw the figures of a run and save them, each whole or not at all.

    Parameters
    ----------
    contents : RunContents
        What they are drawn from.
    folder : Path or str
        Where to; made if it does not exist.
    formats : sequence of str, optional
        Of "png", "pdf" and "svg".
    only : collection of str, optional
        Names of the figures to draw; all of them by default.
    width : {"single", "double"}, optional
        Columns of print, for figures of one or two panels; their own by default.
    force : bool, optional
        Replace files of these names.

    Returns
    -------
    DrawnFigures
        The files, and what was not drawn and why.

    Raises
    ------
    InputError
        If a format or a name is not legal, nothing of what was asked for by name can be drawn, or
        a file of the same name is there.
    StorageError
        There is no space left.
    """
    if not formats:
        raise InputError(f"no figure format is named: legal are {', '.join(FORMATS)}")
    for kind in formats:
        if kind not in FORMATS:
            raise InputError(f"figure format {kind!r} is not legal, legal are {', '.join(FORMATS)}")
    drawers = figure_drawers(contents)
    for name in only:
        if name not in drawers:
            raise InputError(
                f"the run has no figure {name!r}{nearest(name, drawers)}: "
                f"legal are {', '.join(drawers)}"
            )
    folder = resolved(folder)
    due = [folder / f"{name}.{kind}" for name in only or drawers for kind in formats]
    if not force and (taken := next(filter(os.path.lexists, due), None)):
        raise InputError(
            f"{str(taken)!r} is there already: name another folder, or replace figures of these "
            "names with force=True"
        )
    paths: list[Path] = []
    skipped: dict[str, str] = {}
    for name, draw in drawers.items():
        if only and name not in only:
            continue
        try:
            figure = draw(width)
        except NothingToDrawError as error:
            skipped[name] = str(error)
            continue
        # One layout serves every format.
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        folder.mkdir(parents=True, exist_ok=True)
        for kind in formats:
            path = folder / f"{name}.{kind}"
            write_whole(path, partial(save_figure, figure))
            paths.append(path)
    if only and not paths:
        raise InputError("; ".join(f"{name} is not drawn: {why}" for name, why in skipped.items()))
    return DrawnFigures(paths, skipped)


def _of_one_width(draw: Callable[[], Figure]) -> Callable[[Width | None], Figure]:
    """Return the drawer of a figure that has one width only."""
    return lambda _: draw()


def _map_drawers(
    contents: RunContents,
) -> Iterator[tuple[str, Callable[[Width | None], Figure]]]:
    for cell, axes in _PREFERRED.items():
        if cell not in contents.maps:
            yield f"map_{cell}_{axes[0]}", partial(_no_map, cell)
            continue
        for part, sheet in _by_separator(contents.maps[cell]).items():
            swept = [str(name) for name in sheet["safe_current_density"].dims]
            # A design that sweeps none of the usual axes is drawn over what it sweeps first.
            for axis in [name for name in axes if name in swept] or swept[:1]:
                yield f"map_{cell}_{axis}{part}", partial(_draw_map, cell, sheet, axis)


def _by_separator(dataset: xr.Dataset) -> dict[str, xr.Dataset]:
    """Return a map by what the names of its figures end in: each named separator has its own."""
    if "separator" not in dataset.dims:
        return {"": dataset}
    names = file_stems([str(name) for name in dataset["separator"].values])
    return {f"_{name}": dataset.isel(separator=at) for at, name in enumerate(names)}


def _draw_map(cell: str, dataset: xr.Dataset, axis: str, width: Width | None) -> Figure:
    return _MAPS[cell](dataset, axis, width=width)


def _no_map(cell: str, _: Width | None) -> Figure:
    raise NothingToDrawError(
        f"the run has no map of a {cell} cell: `anodebayes map RUN` draws those that its job asks "
        "for"
    )


def _predictive(result: "Result", table: str) -> Figure:
    if not observed_variables(result, table):
        raise NothingToDrawError(f"the run fitted no rows of {table}")
    return predictive_check(result, table)


def _sensitivity(contents: RunContents) -> Figure:
    if contents.check is None:
        raise NothingToDrawError(
            f"the run has no {CHECK} of this result: `anodebayes check RUN` writes one"
        )
    return table_sensitivity(contents.check)


def _calibration(contents: RunContents) -> Figure:
    if contents.calibration is None:
        raise NothingToDrawError(
            "a calibration takes many fits and is not part of a run: `anodebayes calibrate JOB` "
            "makes one, and --calibration DIR shows it"
        )
    from inference.figures.calibration import calibration_figure

    return calibration_figure(contents.calibration)
