"""Run folders: written whole or not at all, by one writer at a time.

Every file is written beside its name, flushed to the disk and renamed, so that a killed run leaves
nothing that looks finished. `result.nc` is written last; a folder is complete when the hash stored
in it is the one of `resolved.toml`. What is the program's in a folder its marker says
(`inference.runs.run_marker`): nothing else is replaced, removed or written through.
"""

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from data.errors import InputError, RunFolderError
from data.files import read_json, read_toml, resolved
from data.locks import LOCK, lock_of
from data.whole_files import (
    append_whole,
    content_hash,
    draft,
    is_temporary,
    place,
    remove,
    write_text_whole,
    write_whole,
)
from inference.runs.run_marker import MARKER, Kind, Marker, read_marker
from inference.words.run_files import FIGURES, JOB, LOG, PRODUCTS, RESOLVED, RESULT

if TYPE_CHECKING:
    from inference.jobs.resolved import ResolvedJob

__all__ = ["RunFolder", "State"]

State = Literal["absent", "partial", "unreadable", "complete", "different"]

LOGGED = ("data", "models", "inference", "py.warnings")
_DOES = {
    "fit": "a fit",
    "calibration": "a calibration",
    "comparison": "a comparison",
    "overlay": "an overlay",
    "figures": "figures",
}

logger = logging.getLogger(__name__)


class RunFolder:
    """The folder of one run, or of another command that writes several files.

    Parameters
    ----------
    path : str or path
        Folder; made when it is first written to.
    kind : {"fit", "calibration", "comparison", "overlay", "figures"}
        Which command fills it.
    result_id : str, optional
        Of the result that what is written belongs to: where the folder holds another one by then,
        nothing is written.

    Raises
    ------
    RunFolderError
        The path is a file.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        kind: Kind = "fit",
        *,
        result_id: str | None = None,
    ) -> None:
        self.path = resolved(path)
        if self.path.exists() and not self.path.is_dir():
            raise RunFolderError(f"{str(self.path)!r} is a file; a run is written to a folder")
        self.kind: Kind = kind
        self._result_id = result_id
        self._lock: Any = None
        self._holds = 0
        self._made: list[Path] = []
        self._same: tuple[int, int] | None = None  # device and number of the folder that is locked
        self._id: str | None = None  # of its marker

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

        A folder in which nothing was written by then is left as it was found.

        Yields
        ------
        RunFolder
            This folder.

        Raises
        ------
        RunFolderError
            Another process writes to the folder (it is not waited for), the folder cannot be made,
            is somebody else's, holds another result than the one that is to be added to, or is no
            longer the one that was locked.
        """
        if self._holds == 0:
            self._acquire()
        else:
            self._refuse_another()
        self._holds += 1
        try:
            yield self
        finally:
            self._holds -= 1
            if self._holds == 0:
                self._release()

    def refuse_foreign(self) -> None:
        """Refuse a folder that is not empty and that the marker does not give to this command.

        Raises
        ------
        RunFolderError
            What it holds instead. Nothing was changed.
        """
        marker = read_marker(self.path)
        if marker is not None and marker.kind != self.kind:
            raise RunFolderError(
                f"{str(self.path)!r} holds {_DOES[marker.kind]}, and {_DOES[self.kind]} is not "
                "written into it; choose another folder with --out"
            )
        if marker is not None or not self.path.is_dir():
            return
        foreign = sorted(path.name for path in self.path.iterdir() if not _is_ours_unmarked(path))
        if not foreign:
            return
        older = {RESULT, RESOLVED} <= {*foreign}
        raise RunFolderError(
            f"{str(self.path)!r} is not empty and not a run folder (it holds {foreign[0]!r}"
            + (f" and {len(foreign) - 1} more" if len(foreign) > 1 else "")
            + f", but no {MARKER}); nothing was changed, choose another folder with --out"
            + (f". A run of an earlier version has no {MARKER}, and is kept" if older else "")
        )

    def state(self, resolved: "ResolvedJob") -> State:
        """Say what the folder holds, seen from a resolved job.

        Parameters
        ----------
        resolved : ResolvedJob
            The job that is about to run.

        Returns
        -------
        {"absent", "partial", "unreadable", "complete", "different"}
            Nothing; something unfinished, which a new run replaces; a result that cannot be opened
            now, why `require_complete` says; the whole result of this job, whatever maps it asks
            for; another job's whole result.

        Raises
        ------
        RunFolderError
            The folder is somebody else's.
        """
        self.refuse_foreign()
        try:
            stored = self._stored()
        except RunFolderError:
            return "unreadable"
        if stored is not None:
            same = stored["resolved"]["hash"] == resolved.hash or not self.differences(resolved)
            return "complete" if same else "different"
        return "absent" if read_marker(self.path) is None else "partial"

    def require_complete(self) -> Path:
        """Return the file of the result.

        Returns
        -------
        Path
            `result.nc`.

        Raises
        ------
        RunFolderError
            There is no folder, its run did not finish, or its result cannot be opened.
        """
        if not self.path.is_dir():
            raise RunFolderError(
                f"there is no run folder {str(self.path)!r}; `anodebayes fit JOB` makes one"
            )
        if self._stored() is None:
            marker = read_marker(self.path)
            if marker is None:
                raise RunFolderError(
                    f"{str(self.path)!r} is not a run folder: it holds no {RESULT} and no "
                    f"{MARKER}; `anodebayes fit JOB --out DIR` makes one"
                )
            if marker.kind != self.kind:
                raise RunFolderError(
                    f"{str(self.path)!r} holds {_DOES[marker.kind]}, not {_DOES[self.kind]}"
                )
            raise RunFolderError(
                f"the run in {str(self.path)!r} did not finish: it holds no {RESULT}; run the same "
                f"command again, or `anodebayes fit {self.path / RESOLVED} --out {self.path}`"
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
        from inference.jobs.resolved import job_differences

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
            The folder is not a run's, a file in it that the run would write is the user's, or
            another process writes to it. Nothing was changed then.
        """
        with self.lock():
            held = self.require_free()
            self._drop(held)
            self.write_text(JOB, job_text)
            self.write_text(RESOLVED, resolved.text)

    def require_free(self) -> frozenset[str]:
        """Check that nothing of the user's is in the way of a run.

        Returns
        -------
        frozenset of str
            What an earlier run left, its log apart.

        Raises
        ------
        RunFolderError
            As of `start`.
        """
        with self.lock():
            marker = self._marker()
            held = marker.holds - {LOG}
            self._refuse_taken({*PRODUCTS, *held}, marker)
            self._refuse_link(FIGURES)
        return held

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

    def refuse_other(self, name: str, key: str, due: Mapping[str, Mapping[str, Any]]) -> None:
        """Refuse to replace what was made of other runs or jobs.

        Parameters
        ----------
        name : str
            Name of the file, JSON.
        key : str
            Where it says what it was made of.
        due : mapping
            What it would be made of now: by name, an entry with ``resolved_hash``.

        Raises
        ------
        RunFolderError
            It is another's, or cannot be read.
        """
        path = self.path / name
        if not os.path.lexists(path):
            return
        try:
            stored = read_json(path)
        except InputError as error:
            raise RunFolderError(f"{str(path)!r} {error}: --force replaces it") from error
        try:
            same = _hashes(stored[key]) == _hashes(due)
        except (AttributeError, KeyError, TypeError):
            same = False
        if not same:
            raise RunFolderError(
                f"{str(self.path)!r} holds {_DOES[self.kind]} of other {key} already, which is "
                "kept: choose another folder with --out, or replace it with --force"
            )

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
        from inference.jobs.resolved import with_maps_of

        with self.lock():
            stored = self._resolved_document()
            if stored is not None:
                self.write_text(JOB, job_text)
                self.write_text(RESOLVED, with_maps_of(stored, resolved).text)

    def remove(self, name: str) -> None:
        """Remove a file of the run, or all of its files in a folder, if there are any.

        Parameters
        ----------
        name : str
            Its name.
        """
        with self.lock():
            marker = self._marker()
            held = {each for each in marker.holds if each == name or each.startswith(f"{name}/")}
            self._refuse_taken(held, marker)
            self._drop(held)

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
            Another process writes to the folder, or the file is the user's.
        StorageError
            There is no space left.
        """
        target = self.path / name
        with self.lock():
            self._claim([name])
            write_whole(target, writer)
        logger.info("wrote %s", target)
        return target

    def write_files(
        self, folder: str, writer: Callable[[Path], None], *, keep: bool = False
    ) -> Path:
        """Write several files, each whole or not at all, once they all could be made.

        Parameters
        ----------
        folder : str
            Name of the folder inside this one that they go to; this one itself where it is empty.
        writer : callable
            Writes its files into the empty folder it is given.
        keep : bool
            Whether files that an earlier call wrote there, and this one does not, stay.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        RunFolderError
            Another process writes to the folder, or a file there is the user's.
        StorageError
            There is no space left.
        """
        target = self.path / folder
        inside = f"{folder}/" if folder else ""
        with self.lock(), draft(self.path / (folder or self.kind)) as beside:
            if folder:
                self._refuse_link(folder)
            beside.mkdir()
            writer(beside)
            new = {f"{inside}{path.name}": path for path in sorted(beside.iterdir())}
            self._claim(new, {name: content_hash(path) for name, path in new.items()})
            target.mkdir(exist_ok=True)
            for name, path in new.items():
                place(path, self.path / name)
            if not keep:
                marker = self._marker()
                old = {name for name in marker.holds - new.keys() if name.startswith(inside)}
                self._refuse_taken(old, marker)
                self._drop(old)
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

    def append_text(self, name: str, text: str) -> None:
        """Append text to a file, all of it or nothing.

        Parameters
        ----------
        name : str
            Name of the file.
        text : str
            In UTF-8.
        """
        with self.lock():
            self._claim([name])
            append_whole(self.path / name, text)

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
        with self.lock():
            self._claim([LOG])
            handler = _Log(self.log_path, encoding="utf-8", errors="backslashreplace")
            handler.setLevel(level)
            handler.setFormatter(
                logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
            )
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
        from filelock import Timeout

        self.refuse_foreign()
        made = [each for each in (self.path, *self.path.parents) if not each.exists()]
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunFolderError(
                f"the run folder {str(self.path)!r} cannot be made: {error.strerror}"
            ) from error
        try:
            lock = lock_of(self.path, 0.0)
        except InputError as error:
            raise RunFolderError(str(error)) from error
        try:
            lock.acquire()
        except Timeout as error:
            raise RunFolderError(
                f"another process is writing to the run folder {str(self.path)!r}; wait for it to "
                "end, or choose another folder with --out"
            ) from error
        except OSError as error:
            _remove_empty(made)
            raise RunFolderError(
                f"the run folder {str(self.path)!r} cannot be written: {error.strerror}"
            ) from error
        self._lock, self._made = lock, made
        try:
            self._same = _identity(self.path)
            self.refuse_foreign()  # of whoever came first
            marker = read_marker(self.path)
            self._id = None if marker is None else marker.id
            self._refuse_other_result()
            # Whoever wrote these is gone: the lock was free.
            for path in self.path.iterdir():
                if is_temporary(path.name):
                    remove(path)
        except BaseException:
            self._release()
            raise

    def _release(self) -> None:
        """Free the lock; where nothing was written, leave nothing behind."""
        moved = _identity(self.path) != self._same
        unused = not moved and not os.path.lexists(self.path / MARKER)
        if unused:
            # Before others may have it: whoever has opened it by now finds it unlinked.
            (self.path / LOCK).unlink(missing_ok=True)
        self._lock.release()
        self._lock = None
        if unused:
            _remove_empty(self._made)

    def _refuse_other_result(self) -> None:
        """Refuse to add to a result what was computed from another one."""
        if self._result_id is None:
            return
        from inference.engine.sealed_trees import read_seal

        if self.result_path.is_file():
            found = read_seal(self.result_path, "result").get("result_id")
            if found == self._result_id:
                return
        raise RunFolderError(
            f"the run in {str(self.path)!r} was fitted anew, or begun anew, since its result was "
            "read: nothing computed from the earlier result is written to it. Run the command again"
        )

    def _refuse_another(self) -> None:
        """Refuse a folder that took the place of the one that was locked."""
        marker = read_marker(self.path) if self.path.is_dir() else None
        found = None if marker is None else marker.id
        if _identity(self.path) != self._same or (self._id is not None and found != self._id):
            raise RunFolderError(
                f"{str(self.path)!r} was moved, deleted or replaced while it was written to: what "
                "is there now is left as it is"
            )

    def _marker(self) -> Marker:
        self._refuse_another()
        return read_marker(self.path) or Marker.new(self.kind)

    def _claim(self, names: Iterable[str], hashes: Mapping[str, str] | None = None) -> None:
        """Enter names into the marker before their files are written."""
        marker, names = self._marker(), {*names}
        self._refuse_taken(names, marker)
        now = marker.holding(marker.holds | names, hashes)
        if now != marker:
            self._mark(now)

    def _mark(self, marker: Marker) -> None:
        write_text_whole(self.path / MARKER, marker.to_json())
        self._id = marker.id

    def _drop(self, names: Collection[str]) -> None:
        """Remove files that the marker lists, the result first; the caller has looked at them."""
        if not names:
            return
        for name in sorted(names, key=lambda name: (name != RESULT, name)):
            path = self.path / name
            path.unlink(missing_ok=True)
            if path.parent != self.path:
                _remove_empty([path.parent])
        marker = self._marker()
        self._mark(marker.holding(marker.holds - {*names}))

    def _refuse_taken(self, names: Iterable[str], marker: Marker) -> None:
        """Refuse to write, or to remove, what is not the program's own file."""
        for name in sorted(names):
            path = self.path / name
            self._refuse_link(name)
            if path.parent != self.path:
                self._refuse_link(path.parent.name)
            if path.is_dir():
                raise self._taken(name, "a folder")
            if name not in marker.holds and path.exists():
                raise self._taken(name, "a file")
            if path.exists() and not path.is_file():
                raise self._taken(name, "a pipe or a device")

    def _refuse_link(self, name: str) -> None:
        if (self.path / name).is_symlink():
            raise self._taken(name, "a symbolic link")

    def _taken(self, name: str, what: str) -> RunFolderError:
        return RunFolderError(
            f"{name!r} in {str(self.path)!r} is {what} that anodebayes did not make: it is neither "
            "replaced nor written through. Move it away, or choose another folder with --out"
        )

    def _resolved_document(self) -> dict[str, Any] | None:
        """Return the folder's resolved job as plain data, None without one."""
        path = self.path / RESOLVED
        if not os.path.lexists(path):
            return None
        from inference.jobs.resolved import document_hash

        try:
            document = read_toml(path)
        except InputError as error:
            raise RunFolderError(f"{str(path)!r} is damaged: it {error}") from error
        resolved = document.get("resolved")
        if not isinstance(resolved, dict) or not isinstance(resolved.get("hash"), str):
            raise RunFolderError(f"{str(path)!r} is damaged: it states no hash under [resolved]")
        try:
            found = document_hash(document)
        except (AttributeError, KeyError, TypeError) as error:
            raise RunFolderError(f"{str(path)!r} is damaged: it is no resolved job") from error
        if found != resolved["hash"]:
            raise RunFolderError(
                f"{str(path)!r} was changed since it was written (its hash is not the one of what "
                "it says): it does not tell what the result was fitted with"
            )
        return document

    def _stored(self) -> dict[str, Any] | None:
        """Return the resolved job of the folder's result, None where it holds no result."""
        if not os.path.lexists(self.result_path):
            return None
        from inference.engine.sealed_trees import read_seal

        found = read_seal(self.result_path, "result").get("resolved_hash")
        document = self._resolved_document()
        if document is None:
            raise RunFolderError(f"{str(self.path)!r} holds a {RESULT}, but no {RESOLVED}")
        if found != document["resolved"]["hash"]:
            raise RunFolderError(
                f"the {RESULT} in {str(self.path)!r} is not that of the job in its {RESOLVED}"
            )
        return document


class _Log(logging.FileHandler):
    """A log that a full disk cuts off: it is no result, and the fit goes on."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Leave out a record that the disk does not take."""
        if not isinstance(sys.exception(), OSError):
            super().handleError(record)

    def close(self) -> None:
        """Close the file, whether or not the disk takes the rest."""
        with contextlib.suppress(OSError):
            super().close()


def _hashes(entries: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    return {name: str(entry["resolved_hash"]) for name, entry in entries.items()}


def _identity(folder: Path) -> tuple[int, int] | None:
    """Return what tells a folder from another of its name; None where there is none."""
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _is_ours_unmarked(path: Path) -> bool:
    """Say whether a file may be there before the marker is: the empty lock, and drafts."""
    if path.is_symlink():
        return False
    empty_lock = path.name == LOCK and path.is_file() and not path.stat().st_size
    return empty_lock or is_temporary(path.name)


def _remove_empty(folders: Iterable[Path]) -> None:
    """Remove folders that are empty, the deepest of them first."""
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            return  # it holds something by now, or is gone
