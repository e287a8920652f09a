"""Folders that one writer at a time fills, each file whole or not at all.

Every file is written beside its name, flushed to the disk and renamed, so that a killed run leaves
nothing that looks finished. What is the program's in a folder its marker says
(`inference.runs.run_marker`): nothing else is replaced, removed or written through.
"""

import contextlib
import logging
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from data.errors import InputError, RunFolderError
from data.files import resolved
from data.locks import LOCK, lock_of
from data.stopping import uninterrupted
from data.whole_files import (
    content_hash,
    draft,
    is_left_over,
    place,
    remove,
    write_text_whole,
)
from inference.runs.own_files import (
    is_ours_unmarked,
    refuse_link,
    refuse_other_origin,
    refuse_taken,
    within,
)
from inference.runs.run_marker import CONTENT, MARKER, Kind, Marker, read_marker
from inference.words.run_files import RESOLVED, RESULT

__all__ = ["LockedFolder"]

logger = logging.getLogger(__name__)


class LockedFolder:
    """A folder that a command fills, whoever else writes.

    Parameters
    ----------
    path : str or path
        Folder; made when it is first written to.
    kind : {"fit", "calibration", "comparison", "overlay", "figures"}
        Which command fills it.
    result_id : str, optional
        Of the result that what is written belongs to: where the folder holds another one by then,
        nothing is written.
    force : bool, optional
        Replace, or remove, what somebody changed since it was written.

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
        force: bool = False,
    ) -> None:
        self.path = resolved(path)
        if self.path.exists() and not self.path.is_dir():
            raise RunFolderError(f"{str(self.path)!r} is a file; a run is written to a folder")
        self.kind: Kind = kind
        self._result_id = result_id
        self._force = force
        self._lock: Any = None
        self._holds = 0
        self._made: list[Path] = []
        self._same: tuple[int, int] | None = None  # device and number of the folder that is locked
        self._id: str | None = None  # of its marker

    def __repr__(self) -> str:
        """Return the folder's path."""
        return f"{type(self).__name__}({str(self.path)!r})"

    @property
    def result_path(self) -> Path:
        """File of the result, which marks the folder complete."""
        return self.path / RESULT

    @contextlib.contextmanager
    def lock(self) -> Iterator[Self]:
        """Keep every other writer out; entered again by its holder it does nothing.

        A folder in which nothing was written by then is left as it was found.

        Yields
        ------
        LockedFolder
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
                f"{str(self.path)!r} holds {CONTENT[marker.kind]}, and {CONTENT[self.kind]} is not "
                "written into it; choose another folder with --out"
            )
        if marker is not None or not self.path.is_dir():
            return
        foreign = sorted(path.name for path in self.path.iterdir() if not is_ours_unmarked(path))
        if not foreign:
            return
        older = {RESULT, RESOLVED} <= {*foreign}
        raise RunFolderError(
            f"{str(self.path)!r} is not empty and not a run folder (it holds {foreign[0]!r}"
            + (f" and {len(foreign) - 1} more" if len(foreign) > 1 else "")
            + f", but no {MARKER}); nothing was changed, choose another folder with --out"
            + (f". A run of an earlier version has no {MARKER}, and is kept" if older else "")
        )

    def require_as_written(self, *names: str) -> None:
        """Check, before anything is computed, that files may be replaced or removed.

        Parameters
        ----------
        *names : str
            Files of the run, or folders in it.

        Raises
        ------
        RunFolderError
            One is the user's, or was changed since it was written.
        """
        with self.lock():
            marker = self._marker()
            files = {name for name in names if not (self.path / name).is_dir()}
            self._refuse_taken(files.union(*(within(marker, name) for name in names)), marker)

    def require_made_of(self, source: str, known: str) -> None:
        """Check that what the folder holds was made of the same as what is about to be written.

        Parameters
        ----------
        source : str
            Name of a file that it is made of.
        known : str
            Its id or hash.

        Raises
        ------
        RunFolderError
            A file was made of something else.
        """
        marker = read_marker(self.path)
        if marker is not None and not self._force:
            refuse_other_origin(self.path, marker, source, known)

    def remove(self, name: str) -> None:
        """Remove a file of the run, or all of its files in a folder, if there are any.

        Parameters
        ----------
        name : str
            Its name.
        """
        with self.lock():
            marker = self._marker()
            held = within(marker, name)
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
            self._refuse_taken([name], self._marker())
            with uninterrupted(), draft(target) as beside:  # HDF5 bears no exception within it
                writer(beside)
                self._claim({name: content_hash(beside)})
                place(beside, target)
        logger.info("wrote %s", target)
        return target

    def write_files(
        self,
        folder: str,
        writer: Callable[[Path], None],
        *,
        keep: bool = False,
        made_of: Mapping[str, str] | None = None,
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
        made_of : mapping of str to str, optional
            What they show, for the marker.

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
                refuse_link(self.path, folder)
            if not keep:
                marker = self._marker()
                self._refuse_taken(within(marker, folder), marker)
            beside.mkdir()
            writer(beside)
            new = {f"{inside}{path.name}": path for path in sorted(beside.iterdir())}
            self._claim({name: content_hash(path) for name, path in new.items()}, made_of)
            target.mkdir(exist_ok=True)
            for name, path in new.items():
                place(path, self.path / name)
            if not keep:
                marker = self._marker()
                old = within(marker, folder) - new.keys()
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
            for path in self.path.iterdir():
                if is_left_over(path.name):
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

    def _claim(self, new: Mapping[str, str], made_of: Mapping[str, str] | None = None) -> None:
        """Enter files into the marker before they are written: their names and their hashes.

        A file that is added to has no hash that lasts, and gives none.
        """
        marker = self._marker()
        self._refuse_taken(new, marker)
        there = {name: self.path / name for name, known in new.items() if known}
        before = {name: content_hash(path) for name, path in there.items() if path.exists()}
        hashes = {
            name: tuple(dict.fromkeys(filter(None, (before.get(name), known))))
            for name, known in new.items()
        }
        now = marker.writing(hashes, made_of)
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
        refuse_taken(self.path, names, marker, force=self._force)


def _identity(folder: Path) -> tuple[int, int] | None:
    """Return what tells a folder from another of its name; None where there is none."""
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _remove_empty(folders: Iterable[Path]) -> None:
    """Remove folders that are empty, the deepest of them first."""
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            return  # it holds something by now, or is gone
