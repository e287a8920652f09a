"""Trees of labelled arrays as NetCDF files that state their format and a hash of their content.

What was changed since it was written, by hand or by a failing disk, is refused, and so is what
another version of the program wrote. NetCDF is made and read in memory: its library takes no path
with a backslash, locks files against their readers, and does not say that a disk is full.
"""

import hashlib
import json
import warnings
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr

from data.errors import RunFolderError

__all__ = ["FORMAT_VERSION", "content_hash", "read_attributes", "read_tree", "write_tree"]

FORMAT_VERSION: Final = 1
_HASH: Final = "content_hash"
_SEAL: Final = ("holds", "format_version", "made_by", _HASH)
_KINDS: Final = {
    "result": "the result of a fit",
    "maps": "safe-current maps",
    "without": "posteriors without single rows",
}


def write_tree(
    tree: xr.DataTree, path: Path, kind: str, encoding: Mapping[str, Any] | None = None
) -> None:
    """Write a tree with its format and the hash of its content.

    Parameters
    ----------
    tree : DataTree
        What to write.
    path : Path
        The file.
    kind : {"result", "maps", "without"}
        What it holds.
    encoding : mapping, optional
        As for `xarray.DataTree.to_netcdf`; it must not change a value.
    """
    sealed = tree.copy(deep=False)
    sealed.attrs = {
        **tree.attrs,
        "holds": kind,
        "format_version": FORMAT_VERSION,
        "made_by": f"anodebayes {version('anodebayes')}",
    }
    sealed.attrs[_HASH] = content_hash(sealed)
    path.write_bytes(sealed.to_netcdf(engine="netcdf4", encoding=encoding))


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
        Loaded into memory, as it was written.

    Raises
    ------
    RunFolderError
        It cannot be read, holds something else, is of another format, or was changed since.
    """
    content = _bytes(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what a damaged file claims; its hash tells
            with xr.open_datatree(content, engine="netcdf4") as opened:
                # The tree's own `load` leaves coordinates in the file.
                groups = {n.path: n.to_dataset(inherit=False).load() for n in opened.subtree}
            tree = xr.DataTree.from_dict(groups)
    except Exception as error:
        # A damaged file raises whatever its damage leads to.
        raise _unreadable(path, kind, error) from error
    _refuse_other(path, kind, tree.attrs)
    if content_hash(tree) != tree.attrs.get(_HASH):
        raise RunFolderError(
            f"{str(path)!r} is not what was written: its content was changed or damaged since "
            f"(its hash is another than the {_HASH} that it states)"
        )
    tree.attrs = {key: value for key, value in tree.attrs.items() if key not in _SEAL}
    return tree


def read_attributes(path: Path, kind: str) -> dict[str, Any]:
    """Read the attributes of a tree that `write_tree` wrote, without its arrays and their hash.

    Parameters
    ----------
    path : Path
        The file.
    kind : {"result", "maps", "without"}
        What it is to hold.

    Returns
    -------
    dict
        By name.

    Raises
    ------
    RunFolderError
        It cannot be read, holds something else or is of another format.
    """
    from netCDF4 import Dataset

    content = _bytes(path)
    try:
        with Dataset("in memory", memory=content) as file:
            found = {name: file.getncattr(name) for name in file.ncattrs()}
    except Exception as error:
        raise _unreadable(path, kind, error) from error
    _refuse_other(path, kind, found)
    return found


def content_hash(tree: xr.DataTree) -> str:
    """Return a hash over the names, dimensions, attributes and values of a tree.

    Parameters
    ----------
    tree : DataTree
        In memory.

    Returns
    -------
    str
        SHA-256; the same before a file is written and after it was read.
    """
    digest = hashlib.sha256()

    def add(*told: Any) -> None:
        digest.update(json.dumps(told).encode() + b"\n")

    for node in sorted(tree.subtree, key=lambda node: node.path):
        own = node.to_dataset(inherit=False)
        add(node.path, _attributes(own.attrs))
        for name in sorted(own.variables, key=str):
            variable = own.variables[name]
            values = np.asarray(variable.values)
            add(str(name), variable.dims, values.shape, _attributes(variable.attrs))
            if values.dtype.kind in "OTU":
                texts = values.ravel().tolist()
                if not all(isinstance(text, str) for text in texts):
                    raise TypeError(f"{node.path}/{name} holds objects that no file gives back")
                add(texts)
            else:
                add(values.dtype.newbyteorder("<").str)
                digest.update(np.ascontiguousarray(values, values.dtype.newbyteorder("<")).data)
    return digest.hexdigest()


def _attributes(attrs: Mapping[Any, Any]) -> dict[str, list[Any]]:
    """Return attributes as they are before and after a file: NetCDF knows no list of one."""
    kept = {str(key): value for key, value in attrs.items() if key != _HASH}
    return {key: np.ravel(kept[key]).tolist() for key in sorted(kept)}


def _bytes(path: Path) -> bytes:
    if not path.is_file():
        what = "is no file" if path.exists() else "is not there"
        raise RunFolderError(f"{str(path)!r} {what}")
    try:
        return path.read_bytes()
    except OSError as error:
        raise RunFolderError(f"{str(path)!r} cannot be opened: {error.strerror}") from error


def _unreadable(path: Path, kind: str, error: Exception) -> RunFolderError:
    return RunFolderError(
        f"{str(path)!r} is not {_KINDS[kind]}, or is damaged: it cannot be read as NetCDF ({error})"
    )


def _refuse_other(path: Path, kind: str, attrs: Mapping[Any, Any]) -> None:
    """Refuse what holds something else, or is of another format."""
    found = attrs.get("format_version")
    if found is None and not {"gate", "versions", "title"} & {*attrs}:
        raise RunFolderError(f"{str(path)!r} is a NetCDF file, but not {_KINDS[kind]}")
    if not isinstance(found, int | np.integer) or found != FORMAT_VERSION:
        maker = attrs.get("made_by") or _maker(attrs)
        its = "of no stated format" if found is None else f"in format {found}"
        raise RunFolderError(
            f"{str(path)!r} was written by {maker}, {its}; anodebayes "
            f"{version('anodebayes')} reads format {FORMAT_VERSION} only. Read it with the version "
            "that wrote it, or compute it again"
        )
    if attrs.get("holds") != kind:
        raise RunFolderError(
            f"{str(path)!r} holds {_KINDS.get(str(attrs.get('holds')), 'something else')}, not "
            f"{_KINDS[kind]}"
        )


def _maker(attrs: Mapping[Any, Any]) -> str:
    """Return what wrote a file that does not say so itself."""
    try:
        return f"anodebayes {json.loads(str(attrs['versions']))['anodebayes']}"
    except (KeyError, TypeError, ValueError):
        return "an earlier anodebayes"
