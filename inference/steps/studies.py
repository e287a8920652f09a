"""Studies that draw what they have found: a calibration, and runs laid over each other."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from inference.runs.run_folder import RunFolder

if TYPE_CHECKING:
    from inference.jobs.job import Job
    from inference.studies.calibration.calibration import Calibration
    from inference.studies.calibration.replicates import Settings
    from inference.studies.overlays import Overlay

__all__ = ["calibrate", "save_overlay"]


def calibrate(
    job: "Job | str | os.PathLike[str]",
    *,
    replicates: int = 300,
    folder: str | os.PathLike[str],
    seed: int | None = None,
    processes: int = 2,
    settings: "Settings | None" = None,
    progress: Callable[[int, int], None] | None = None,
    force: bool = False,
) -> "Calibration":
    """Calibrate a job, or go on with a calibration that was stopped.

    Parameters
    ----------
    job : Job, str or path
        The job, its file or its name.
    replicates : int, optional
        How many there are to be in the end.
    folder : str or path
        Where the replicates are kept, with their figure; what is there of the same job, seed and
        code is not done again.
    seed : int, optional
        Of every random number; the job's when left out.
    processes : int, optional
        Processes at work; the replicates do not depend on it.
    settings : Settings, optional
        How each replicate is sampled.
    progress : callable, optional
        Told how many replicates are done and due.
    force : bool, optional
        Start anew where the folder holds another calibration.

    Returns
    -------
    Calibration
        All replicates in the folder up to the number asked for.

    Raises
    ------
    JobError, CampaignError, PriorError, ModelError
        If the job cannot be fitted.
    RunFolderError
        If the folder holds another calibration, or replicates of other code: another likelihood,
        prior or version of this project, PyMC or nutpie.

    Examples
    --------
    >>> found = calibrate("mine.toml", replicates=2, folder="calibration")  # some hundred are due
    >>> len(found.replicates)
    2
    """
    from inference.studies.calibration.running import run_calibration

    run = RunFolder(folder, "calibration", force=force)

    def draw(calibration: "Calibration") -> None:
        if len(calibration.finished) > 1:
            from inference.figures.calibration import calibration_figure
            from inference.figures.style import save_figure

            figure = calibration_figure(calibration)
            run.write("calibration.png", lambda path: save_figure(figure, path))

    return run_calibration(
        run,
        job,
        replicates=replicates,
        seed=seed,
        processes=processes,
        settings=settings,
        progress=progress,
        force=force,
        draw=draw,
    )


def save_overlay(
    laid: "Overlay", folder: str | os.PathLike[str], *, force: bool = False
) -> list[Path]:
    """Write ``overlay.json`` and the figures of an overlay, each whole or not at all.

    Parameters
    ----------
    laid : Overlay
        From `inference.overlay`.
    folder : str or path
        Made if it does not exist.
    force : bool, optional
        Replace an overlay of other runs.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    RunFolderError
        If the folder cannot be made, holds an overlay of other runs, or another process writes to
        it.

    Examples
    --------
    >>> laid = overlay(["runs/sodium-literature", "runs/mine"])
    >>> [path.name for path in save_overlay(laid, "overlay")]
    ['overlay.json', 'overlay.png', 'overlay.pdf']
    """
    from inference.figures.overlay import overlay_forest, overlay_map
    from inference.figures.style import save_figure

    target = RunFolder(folder, "overlay", force=force)
    text = json.dumps(laid.document(), indent=1, ensure_ascii=False) + "\n"
    figures = {"overlay": overlay_forest(laid)}
    figures |= {f"overlay_map_{cell}": overlay_map(laid, cell) for cell in laid.maps}
    names = ["overlay.json", *(f"{name}.{kind}" for name in figures for kind in ("png", "pdf"))]

    def write(path: Path) -> None:
        (path / names[0]).write_text(text, encoding="utf-8", newline="\n")
        for name in names[1:]:
            save_figure(figures[name.partition(".")[0]], path / name)

    with target.lock():
        if not force:
            target.refuse_other(names[0], "runs", laid.attrs["runs"])
        written = target.write_files("", write)
    return [written / name for name in names]
