"""Run folders: written whole or not at all, by one writer at a time.

Every file is written beside its name, flushed to the disk and renamed, so that a killed run leaves
nothing that looks finished. `result.nc` is written last; a folder is complete when the hash stored
in it is the one of `resolved.toml`.
"""

import contextlib
import logging
import os
import shutil
import tomllib
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from data.errors import RunFolderError
from data.files import resolved

if TYPE_CHECKING:
    from inference.job import ResolvedJob

__all__ = ["RunFolder", "State"]

State = Literal["absent", "partial", "complete", "different"]

JOB = "job.toml"
RESOLVED = "resolved.toml"
RESULT = "result.nc"
SUMMARY = "summary.csv"
MAP = "map.nc"
MAP_TABLE = "map_{}.csv"  # by kind of cell, and of named separators
SEPARATOR_MAP = "map_separators.nc"
CHECK = "check.json"
WITHOUT = "without.nc"
REPORT = "report.html"
PARAMETERS = "parameters.tex"
FIGURES = "figures"
LOG = "log.txt"
LOCK = ".lock"
TEMPORARY = ".part-"
# Removed in this order when a run starts over: without its result a folder is not complete.
PRODUCTS = (
    RESULT,
    SUMMARY,
    MAP,
    *(MAP_TABLE.format(kind) for kind in ("liquid", "solid", "separators")),
    SEPARATOR_MAP,
    CHECK,
    WITHOUT,
    REPORT,
    PARAMETERS,
    FIGURES,
    RESOLVED,
    JOB,
)
LOGGED = ("data", "models", "inference", "py.warnings")

logger = logging.getLogger(__name__)


class RunFolder:
    """The folder of one run.

    Parameters
    ----------
    path : str or path
        Folder; made when it is first written to.

    Raises
    ------
    RunFolderError
        The path is a file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = resolved(path)
        if self.path.exists() and not self.path.is_dir():
            raise RunFolderError(f"{str(self.path)!r} is a file; a run is written to a folder")
        self._lock: Any = None
        self._holds = 0

    def __repr__(self) -> str:
        """Return the folder's path."""
        return f"RunFolder({str(self.path)!r})"

    @property
    def result_path(self) -> Path:
        """File of the result, which marks the folder complete."""
        return self.path / RESULT

    @property
    def log_path(self) -> Path:
        """File of the log."""
        return self.path / LOG

    @contextlib.contextmanager
    def lock(self) -> Iterator["RunFolder"]:
        """Keep every other writer out; entered again by its holder it does nothing.

        Yields
        ------
        RunFolder
            This folder.

        Raises
        ------
        RunFolderError
            Another process writes to the folder (it is not waited for), or the folder cannot be
            made.
        """
        if self._holds == 0:
            self._acquire()
        self._holds += 1
        try:
            yield self
        finally:
            self._holds -= 1
            if self._holds == 0:
                self._lock.release()
                self._lock = None

    def state(self, resolved: "ResolvedJob") -> State:
        """Say what the folder holds, seen from a resolved job.

        Parameters
        ----------
        resolved : ResolvedJob
            The job that is about to run.

        Returns
        -------
        {"absent", "partial", "complete", "different"}
            Nothing; something unfinished, which a new run replaces; the whole result of this job,
            whatever maps it asks for; another job's whole result.
        """
        stored = self._stored()
        if stored is not None:
            same = stored["resolved"]["hash"] == resolved.hash or not self.differences(resolved)
            return "complete" if same else "different"
        return "partial" if self._holds_products() else "absent"

    def require_complete(self) -> Path:
        """Return the file of the result.

        Returns
        -------
        Path
            `result.nc`.

        Raises
        ------
        RunFolderError
            There is no folder, or its run did not finish.
        """
        if not self.path.is_dir():
            raise RunFolderError(
                f"there is no run folder {str(self.path)!r}; `anodebayes fit JOB` makes one"
            )
        if self._stored() is None:
            if not self._holds_products():
                raise RunFolderError(
                    f"{str(self.path)!r} is not a run folder: it holds no {RESULT} and no "
                    f"{RESOLVED}; `anodebayes fit JOB --out DIR` makes one"
                )
            raise RunFolderError(
                f"the run in {str(self.path)!r} did not finish: it holds no {RESULT} that belongs "
                f"to its {RESOLVED}; run the same command again, or "
                f"`anodebayes fit {self.path / RESOLVED} --out {self.path}`"
            )
        return self.result_path

    def differences(self, resolved: "ResolvedJob") -> list[str]:
        """Say what differs between the folder's job and another.

        Parameters
        ----------
        resolved : ResolvedJob
            The job that is about to run.

        Returns
        -------
        list of str
            One phrase a difference; empty when the folder holds no resolved job or the same.
        """
        from inference.job import job_differences

        stored = self._resolved_document()
        return [] if stored is None else job_differences(stored, resolved.document)

    def start(self, resolved: "ResolvedJob", job_text: str) -> None:
        """Clear what an earlier run left and write the job, as given and resolved.

        Parameters
        ----------
        resolved : ResolvedJob
            The job that is about to run.
        job_text : str
            The job as given.

        Raises
        ------
        RunFolderError
            The folder holds files but is not a run folder, or another process writes to it.
        """
        with self.lock():
            self._refuse_foreign()
            for name in PRODUCTS:
                _remove(self.path / name)
            self.write_text(JOB, job_text)
            self.write_text(RESOLVED, resolved.text)

    def asks_other_maps(self, resolved: "ResolvedJob") -> bool:
        """Say whether a job asks for other maps than the folder's.

        Parameters
        ----------
        resolved : ResolvedJob
            A job of which the folder holds the whole result.

        Returns
        -------
        bool
            Whether the sections `map` differ.
        """
        stored = self._resolved_document()
        return stored is not None and stored.get("map", {}) != resolved.document.get("map", {})

    def take_maps(self, resolved: "ResolvedJob", job_text: str) -> None:
        """Take over the maps of a job of which the folder holds the whole result.

        Maps that were drawn before stay until they are drawn again.

        Parameters
        ----------
        resolved : ResolvedJob
            The job.
        job_text : str
            The job as given.
        """
        from inference.job import with_maps_of

        with self.lock():
            stored = self._resolved_document()
            if stored is not None:
                self.write_text(JOB, job_text)
                self.write_text(RESOLVED, with_maps_of(stored, resolved).text)

    def remove(self, name: str) -> None:
        """Remove a file or a folder of the run, if it is there.

        Parameters
        ----------
        name : str
            Its name.
        """
        with self.lock():
            _remove(self.path / name)

    def write(self, name: str, writer: Callable[[Path], None]) -> Path:
        """Write one file whole or not at all.

        Parameters
        ----------
        name : str
            Name of the file.
        writer : callable
            Writes to the path it is given, which ends like the name.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        RunFolderError
            Another process writes to the folder.
        """
        target = self.path / name
        with self.lock():
            beside = target.with_name(f"{TEMPORARY}{uuid.uuid4().hex[:8]}-{target.name}")
            try:
                writer(beside)
                _flush(beside)
                beside.replace(target)
                _flush(target.parent)
            except BaseException:
                beside.unlink(missing_ok=True)
                raise
        logger.info("wrote %s", target)
        return target

    def write_folder(self, name: str, writer: Callable[[Path], None]) -> Path:
        """Write a folder of files whole or not at all, in place of an earlier one.

        Parameters
        ----------
        name : str
            Name of the folder inside this one.
        writer : callable
            Writes its files into the empty folder it is given.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        RunFolderError
            Another process writes to the folder.
        """
        target = self.path / name
        with self.lock():
            beside = target.with_name(f"{TEMPORARY}{uuid.uuid4().hex[:8]}-{target.name}")
            try:
                beside.mkdir(parents=True)
                writer(beside)
                if target.exists():
                    shutil.rmtree(target)
                beside.replace(target)
                _flush(target.parent)
            except BaseException:
                shutil.rmtree(beside, ignore_errors=True)
                raise
        logger.info("wrote %s", target)
        return target

    def write_text(self, name: str, text: str) -> Path:
        """Write a text file, in UTF-8, whole or not at all.

        Parameters
        ----------
        name : str
            Name of the file.
        text : str
            Its content.

        Returns
        -------
        Path
            The file.
        """

        def writer(path: Path) -> None:
            path.write_text(text, encoding="utf-8", newline="\n")

        return self.write(name, writer)

    @contextlib.contextmanager
    def log(self, level: int = logging.INFO) -> Iterator[Path]:
        """Append what the packages log to the folder's `log.txt`.

        Parameters
        ----------
        level : int
            Least level that is written.

        Yields
        ------
        Path
            The log file.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(self.log_path, encoding="utf-8")
        handler.setLevel(level)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        loggers = [logging.getLogger(name) for name in LOGGED]
        before = [package.level for package in loggers]
        for package in loggers:
            package.addHandler(handler)
            package.setLevel(min(level, package.level or level))
        try:
            yield self.log_path
        finally:
            for package, old in zip(loggers, before, strict=True):
                package.removeHandler(handler)
                package.setLevel(old)
            handler.close()

    def _acquire(self) -> None:
        from filelock import FileLock, Timeout

        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunFolderError(
                f"the run folder {str(self.path)!r} cannot be made: {error.strerror}"
            ) from error
        lock = FileLock(self.path / LOCK, timeout=0, thread_local=False)
        try:
            lock.acquire()
        except Timeout as error:
            raise RunFolderError(
                f"another process is writing to the run folder {str(self.path)!r}; wait for it to "
                "end, or choose another folder with --out"
            ) from error
        except OSError as error:
            raise RunFolderError(
                f"the run folder {str(self.path)!r} cannot be written: {error.strerror}"
            ) from error
        self._lock = lock
        # Whoever wrote these is gone: the lock was free.
        for leftover in self.path.glob(f"{TEMPORARY}*"):
            _remove(leftover)

    def _holds_products(self) -> bool:
        return any((self.path / name).exists() for name in PRODUCTS)

    def _refuse_foreign(self) -> None:
        """Refuse to fill a folder that is something else than a run's."""
        if not self.path.is_dir() or self._holds_products():
            return
        ours = (LOCK, LOG)
        foreign = sorted(p.name for p in self.path.iterdir() if p.name not in ours)
        if foreign:
            raise RunFolderError(
                f"{str(self.path)!r} is not empty and not a run folder (it holds {foreign[0]!r}"
                + (f" and {len(foreign) - 1} more" if len(foreign) > 1 else "")
                + "); choose another folder with --out"
            )

    def _resolved_document(self) -> dict[str, Any] | None:
        """Return the folder's resolved job as plain data, None without a legible one."""
        try:
            document = tomllib.loads((self.path / RESOLVED).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
            return None
        resolved = document.get("resolved")
        return document if isinstance(resolved, dict) and "hash" in resolved else None

    def _stored(self) -> dict[str, Any] | None:
        """Return the resolved job whose whole result the folder holds, None without one."""
        document = self._resolved_document()
        if document is None or not self.result_path.is_file():
            return None
        from netCDF4 import Dataset

        try:
            with Dataset(self.result_path) as file:
                stored = getattr(file, "resolved_hash", None)
        except OSError:
            return None
        return document if stored == document["resolved"]["hash"] else None


def _remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    """Force a file or a folder to the disk; a system that cannot flush folders is left alone."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        if path.is_dir():
            return
        raise
    try:
        os.fsync(descriptor)
    except OSError:
        if not path.is_dir():
            raise
    finally:
        os.close(descriptor)
