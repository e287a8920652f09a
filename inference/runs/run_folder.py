"""Run folders: what they hold, and whether it is that of a job.

`result.nc` is written last; a folder is complete when the hash stored in it is the one of
`resolved.toml`. How its files are written `inference.runs.locked_folder` says.
"""

import contextlib
import logging
import os
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from data.errors import InputError, RunFolderError
from data.files import read_json, read_toml
from data.whole_files import append_whole
from inference.runs.locked_folder import LockedFolder
from inference.runs.log_file import logging_to
from inference.runs.own_files import refuse_link
from inference.runs.run_marker import CONTENT, MARKER, read_marker
from inference.words.run_files import FIGURES, JOB, LOG, PRODUCTS, RESOLVED, RESULT

if TYPE_CHECKING:
    from inference.jobs.resolved import ResolvedJob

__all__ = ["RunFolder", "State"]

State = Literal["absent", "partial", "unreadable", "complete", "different"]


class RunFolder(LockedFolder):
    """The folder of one run, or of another command that writes several files.

    Its parameters are those of `LockedFolder`.
    """

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
                    f"{str(self.path)!r} holds {CONTENT[marker.kind]}, not {CONTENT[self.kind]}"
                )
            again = ["fit", str(self.path / RESOLVED), "--out", str(self.path)]
            raise RunFolderError(
                f"the run in {str(self.path)!r} did not finish: it holds no {RESULT}; run the same "
                f"command again, or `anodebayes {shlex.join(again)}`"
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
            refuse_link(self.path, FIGURES)
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
                f"{str(self.path)!r} holds {CONTENT[self.kind]} of other {key} already, which is "
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

    @property
    def log_path(self) -> Path:
        """File of the log."""
        return self.path / LOG

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
            self._claim({name: ""})
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
            self._claim({LOG: ""})
            with logging_to(self.log_path, level):
                yield self.log_path

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


def _hashes(entries: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    return {name: str(entry["resolved_hash"]) for name, entry in entries.items()}
