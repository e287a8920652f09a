"""A place for what libraries keep between commands: a temporary one where the usual has no room."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

__all__ = ["usable_caches"]

ROOM: Final = 30_000_000
"""Bytes that must be free: the bundled literature job keeps 9 MB of machine code and sources."""


@contextmanager
def usable_caches() -> Iterator[None]:
    """Give PyTensor, Matplotlib and whatever else looks for a home a folder that can be written to.

    Where there is no home, it is a temporary one; where only their folders cannot be used, these
    are. A line says so, and processes that this one starts find the same.
    """
    changes, wrong = _changes()
    if not changes:
        yield
        return
    from data.whole_files import temporary_folder

    with temporary_folder() as folder:
        for name, value in changes.items():
            os.environ[name] = value.replace("{}", str(folder))
        sys.stderr.write(
            f"note: {wrong}: a temporary folder serves this command, and models are compiled anew\n"
        )
        yield


def _changes() -> tuple[dict[str, str], str]:
    """Return what variables become, with ``{}`` for the folder, and what is wrong with the first.

    The folders are where PyTensor and Matplotlib look for them.
    """
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - where there is none, it stays as it is
    if os.environ.get("HOME") == "" or not (home.is_absolute() and home.is_dir()):
        return {"HOME": "{}"}, "there is no home folder for caches"
    flags = os.environ.get("PYTENSOR_FLAGS", "")
    stated = dict(each.strip().partition("=")[::2] for each in flags.split(","))
    local = os.environ.get("LOCALAPPDATA")
    compiled = Path(local, "PyTensor") if local and os.name == "nt" else home / ".pytensor"
    drawn = [
        Path(os.environ.get(variable) or home / default, "matplotlib")
        for variable, default in (("XDG_CONFIG_HOME", ".config"), ("XDG_CACHE_HOME", ".cache"))
    ]
    if own := os.environ.get("MPLCONFIGDIR"):
        drawn = [Path(own)]
    kept = Path(stated.get("base_compiledir") or compiled).expanduser()
    changes, wrong = {}, []
    if reason := _unusable(kept / "numba") or _unusable(kept / "source"):
        changes["PYTENSOR_FLAGS"] = f"{flags},base_compiledir=".lstrip(",") + "{}"
        wrong.append(reason)
    if reasons := [reason for place in drawn if (reason := _unusable(place))]:
        changes["MPLCONFIGDIR"] = "{}"
        wrong += reasons
    return changes, wrong[0] if wrong else ""


def _unusable(folder: Path) -> str:
    """Say why nothing can be kept in a folder, which need not be there yet; empty where it can."""
    there = next(each for each in (folder, *folder.parents) if os.access(each, os.F_OK))
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return f"{str(folder)!r}, for caches, cannot be written to"
    if (free := shutil.disk_usage(there).free) < ROOM:
        return f"{str(folder)!r}, for caches, has only {free / 1e6:.1f} MB free"
    return ""
