"""Trees of labelled arrays as NetCDF files with a seal: their format and a hash of all they hold.

The seal is the last line of the file, behind what NetCDF reads. It is compared before the file is
read as NetCDF: of a damaged one that library may never come back. So what was changed since it was
written, by hand or by a failing disk, is refused, and so is what another version wrote. NetCDF is
made and read in memory: its library takes no path with a backslash, locks files against their
readers, and does not say that a disk is full.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import xarray as xr

from data.errors import RunFolderError
from data.stopping import uninterrupted

__all__ = ["FORMAT_VERSION", "read_seal", "read_tree", "write_tree"]

FORMAT_VERSION: Final = 1
_MARK: Final = b"\nanodebayes seal "
_LONGEST: Final = 2000  # bytes of a seal
_TOLD: Final = ("result_id", "resolved_hash")  # attributes that are known without reading the rest
_KINDS: Final = {
    "result": "the result of a fit",
    "maps": "safe-current maps",
    "without": "posteriors without single rows",
}


@uninterrupted()  # an exception within would leave the library's lock held, also below
def write_tree(
    tree: xr.DataTree, path: Path, kind: str, encoding: Mapping[str, Any] | None = None
) -> None:
    """Write a tree with its seal.

    Parameters
    ----------
    tree : DataTree
        What to write.
    path : Path
        The file.
    kind : {"result", "maps", "without"}
        What it holds.
    encoding : mapping, optional
        As for `xarray.DataTree.to_netcdf`.
    """
    body = tree.to_netcdf(engine="netcdf4", encoding=encoding)
    seal: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "holds": kind,
        "made_by": f"anodebayes {version('anodebayes')}",
    }
    seal |= {name: str(tree.attrs[name]) for name in _TOLD if name in tree.attrs}
    line = json.dumps(seal | {"sha256": _hash(body, seal)})
    with path.open("wb") as file:
        file.write(body)
        file.write(_MARK + line.encode() + b"\n")


@uninterrupted()
def read_tree(path: Path, kind: str) -> xr.DataTree:
    """Read a tree that `write_tree` wrote.

    Parameters
    ----------
    path : Path
        The file.
    kind : {"result", "maps", "without"}
        What it is to hold.

    Returns
    -------
    DataTree
        Loaded into memory.

    Raises
    ------
    RunFolderError
        It cannot be opened, has no seal, holds something else, is of another format, or was changed
        since it was written.
    """
    content = _bytes(path)
    seal = _seal_of(content[-_LONGEST:], path, kind)
    body = content[: content.rfind(_MARK)]
    if _hash(body, seal) != seal.get("sha256"):
        raise RunFolderError(
            f"{str(path)!r} is not what was written: it was changed or damaged since (its hash is "
            "not the one in its last line)"
        )
    with xr.open_datatree(body, engine="netcdf4") as opened:
        # The tree's own `load` leaves coordinates in the file.
        return xr.DataTree.from_dict(
            {node.path: node.to_dataset(inherit=False).load() for node in opened.subtree}
        )


def read_seal(path: Path, kind: str) -> dict[str, Any]:
    """Read the seal of a file, without comparing it with the rest.

    Parameters
    ----------
    path : Path
        The file.
    kind : {"result", "maps", "without"}
        What it is to hold.

    Returns
    -------
    dict
        ``format_version``, ``holds``, ``made_by``, ``sha256``, and of a result ``result_id`` and
        ``resolved_hash``.

    Raises
    ------
    RunFolderError
        It cannot be opened, has no seal, holds something else or is of another format.
    """
    return _seal_of(_bytes(path, last=_LONGEST), path, kind)


def _hash(body: bytes | memoryview, seal: Mapping[str, Any]) -> str:
    """Return the hash of a file: of what NetCDF reads, and of what the seal says of it."""
    told = {key: value for key, value in seal.items() if key != "sha256"}
    digest = hashlib.sha256(body)
    digest.update(json.dumps(told, sort_keys=True).encode())
    return digest.hexdigest()


def _bytes(path: Path, last: int | None = None) -> bytes:
    """Return the content of a file, or the last bytes of it."""
    if not path.is_file():
        raise RunFolderError(f"{str(path)!r} is {'no file' if path.exists() else 'not there'}")
    try:
        with path.open("rb") as file:
            if last is not None:
                file.seek(max(0, path.stat().st_size - last))
            return file.read()
    except OSError as error:
        raise RunFolderError(f"{str(path)!r} cannot be opened: {error.strerror}") from error


def _seal_of(end: bytes, path: Path, kind: str) -> dict[str, Any]:
    """Return the seal; refuse a file without one, of another kind or of another format."""
    _, mark, line = end.rpartition(_MARK)
    try:
        seal = json.loads(line) if mark else None
    except (ValueError, RecursionError):
        seal = None
    if not isinstance(seal, dict):
        # Attributes stand in a NetCDF file as they are.
        by = re.search(rb'"anodebayes": "([0-9][0-9a-z.+]{0,30})"', _bytes(path))
        raise RunFolderError(
            f"{str(path)!r} has no seal in its last line: it is not {_KINDS[kind]}, is cut off, "
            f"was changed by another program, or is older than format {FORMAT_VERSION}"
            + (f". What wrote it reads it: anodebayes {by[1].decode()}" if by else "")
        )
    if seal.get("format_version") != FORMAT_VERSION:
        raise RunFolderError(
            f"{str(path)!r} is of format {seal.get('format_version')!r}, and anodebayes "
            f"{version('anodebayes')} reads format {FORMAT_VERSION} only: read it with "
            f"{seal.get('made_by', 'the version that wrote it')}, or compute it again"
        )
    if seal.get("holds") != kind:
        held = _KINDS.get(str(seal.get("holds")), "something else")
        raise RunFolderError(f"{str(path)!r} holds {held}, not {_KINDS[kind]}")
    return seal
