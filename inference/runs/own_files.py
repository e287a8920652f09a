"""What in a folder is the program's own, as its marker says, and refusals of all else."""

from collections.abc import Iterable
from pathlib import Path

from data.errors import RunFolderError
from data.locks import LOCK
from data.whole_files import content_hash, is_temporary
from inference.runs.run_marker import Marker

__all__ = ["is_ours_unmarked", "refuse_link", "refuse_other_origin", "refuse_taken", "within"]


def refuse_taken(folder: Path, names: Iterable[str], marker: Marker, *, force: bool) -> None:
    """Refuse to write, or to remove, what is not the program's own file, or is not as written.

    Parameters
    ----------
    folder : Path
        The folder.
    names : iterable of str
        Files in it, which need not exist.
    marker : Marker
        Of the folder.
    force : bool
        Whether a file of the program's that somebody changed is let go.

    Raises
    ------
    RunFolderError
        What stands in the way.
    """
    for name in sorted(names):
        path = folder / name
        refuse_link(folder, name)
        if path.parent != folder:
            refuse_link(folder, path.parent.name)
        if path.is_dir():
            raise _taken(folder, name, "a folder")
        if name not in marker.holds and path.exists():
            raise _taken(folder, name, "a file")
        if path.exists() and not path.is_file():
            raise _taken(folder, name, "a pipe or a device")
        known = marker.hashes.get(name)
        if not force and known and path.exists() and content_hash(path) not in known:
            raise RunFolderError(
                f"{name!r} in {str(folder)!r} was changed since it was written, and would be "
                "replaced or removed: move it away, or give --force"
            )


def refuse_link(folder: Path, name: str) -> None:
    """Refuse to write through a link in a folder.

    Raises
    ------
    RunFolderError
        There is one of that name.
    """
    if (folder / name).is_symlink():
        raise _taken(folder, name, "a symbolic link")


def refuse_other_origin(folder: Path, marker: Marker, source: str, known: str) -> None:
    """Refuse a folder with files that were made of something else.

    Parameters
    ----------
    folder : Path
        The folder.
    marker : Marker
        Its marker.
    source : str
        Name of a file that they are to be made of.
    known : str
        Its id or hash.

    Raises
    ------
    RunFolderError
        Which file was made of another.
    """
    for name in sorted(marker.holds):
        if marker.made_of.get(name, {}).get(source) != known and (folder / name).exists():
            raise RunFolderError(
                f"{name!r} in {str(folder)!r} was made of another result: nothing there is "
                "replaced or removed. Choose another folder with --out, or give --force"
            )


def within(marker: Marker, name: str) -> set[str]:
    """Return the files of a marker that are called so, or are in a folder of that name."""
    start = f"{name}/" if name else ""
    return {each for each in marker.holds if each == name or each.startswith(start)}


def is_ours_unmarked(path: Path) -> bool:
    """Say whether a file may be there before the marker is: the empty lock, and drafts."""
    if path.is_symlink():
        return False
    empty_lock = path.name == LOCK and path.is_file() and not path.stat().st_size
    return empty_lock or is_temporary(path.name)


def _taken(folder: Path, name: str, what: str) -> RunFolderError:
    return RunFolderError(
        f"{name!r} in {str(folder)!r} is {what} that anodebayes did not make: it is neither "
        "replaced nor written through. Move it away, or choose another folder with --out"
    )
