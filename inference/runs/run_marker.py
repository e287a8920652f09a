"""The marker of a folder that a command of this program wrote: what it is and what it holds.

A folder is known by this file, never by the names of others. What the marker lists may be replaced
and removed; all else in the folder is the user's.
"""

import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal, get_args

from data.errors import InputError, RunFolderError
from data.files import read_json
from inference.words.run_files import MARKER

__all__ = ["CONTENT", "MARKER", "Kind", "Marker", "read_marker"]

_WHAT: Final = "anodebayes run folder"
_FORMAT: Final = 1
_DEEPEST: Final = 2  # a file, or one in a folder such as figures

Kind = Literal["fit", "calibration", "comparison", "overlay", "figures"]

CONTENT: Final[Mapping[Kind, str]] = {
    "fit": "a fit",
    "calibration": "a calibration",
    "comparison": "a comparison",
    "overlay": "an overlay",
    "figures": "figures",
}
"""What a folder of each kind holds, in words."""


@dataclass(frozen=True)
class Marker:
    """What a folder is and what of it is the program's.

    Parameters
    ----------
    kind : {"fit", "calibration", "comparison", "overlay", "figures"}
        Which command fills it.
    id : str
        Of this folder, as long as it lasts.
    holds : frozenset of str
        Names of the files that the program wrote, relative to the folder, with slashes. They are
        listed before they are written.
    hashes : mapping of str to tuple of str
        Of the content of those files: of what was written last, at the end, and of what that took
        the place of, which is there still where the writer was killed between. A file of neither
        was changed by somebody else. What is only added to, such as a log, has none.
    made_of : mapping of str to mapping of str to str
        What figures show, by name of the file that it came from: the id of a result, hashes.
    """

    kind: Kind
    id: str
    holds: frozenset[str] = frozenset()
    hashes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    made_of: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def new(cls, kind: Kind) -> "Marker":
        """Return the marker of a folder that nothing is in."""
        return cls(kind, uuid.uuid4().hex)

    def holding(self, names: Iterable[str]) -> "Marker":
        """Return this marker with another list of files, and what it knows of those."""
        holds = frozenset(names)
        hashes = {name: self.hashes[name] for name in sorted(holds & {*self.hashes})}
        made_of = {name: self.made_of[name] for name in sorted(holds & {*self.made_of})}
        return replace(self, holds=holds, hashes=hashes, made_of=made_of)

    def writing(
        self, hashes: Mapping[str, tuple[str, ...]], made_of: Mapping[str, str] | None = None
    ) -> "Marker":
        """Return this marker with files that are about to be written, and what they are made of."""
        kept = self.holding(self.holds - {*hashes})
        new = {name: known for name, known in hashes.items() if known}
        return replace(
            self,
            holds=self.holds | {*hashes},
            hashes={**kept.hashes, **new},
            made_of={**kept.made_of, **(dict.fromkeys(hashes, made_of) if made_of else {})},
        )

    def to_json(self) -> str:
        """Return the content of the marker's file."""
        content = {
            "what": _WHAT,
            "note": "Files listed here are replaced by the program that wrote them, no others.",
            "format_version": _FORMAT,
            "id": self.id,
            "kind": self.kind,
            "holds": sorted(self.holds),
            "hashes": {name: list(known) for name, known in sorted(self.hashes.items())},
            "made_of": {name: dict(of) for name, of in sorted(self.made_of.items())},
        }
        return json.dumps(content, indent=1) + "\n"


def read_marker(folder: Path) -> Marker | None:
    """Read the marker of a folder.

    Parameters
    ----------
    folder : Path
        It need not exist.

    Returns
    -------
    Marker, optional
        None where the folder has none.

    Raises
    ------
    RunFolderError
        It is damaged, or of another format.
    """
    path = folder / MARKER
    if path.is_symlink():
        raise _damaged(path, "it is a symbolic link")
    if not path.exists():
        return None
    try:
        content = read_json(path)
    except InputError as error:
        raise _damaged(path, f"it {error}") from error
    if not isinstance(content, dict) or content.get("what") != _WHAT:
        raise _damaged(path, f"it does not say that this is an {_WHAT}")
    if content.get("format_version") != _FORMAT:
        raise RunFolderError(
            f"{str(folder)!r} was written in format {content.get('format_version')!r} and this "
            f"anodebayes reads format {_FORMAT} only: use the version that wrote it, or another "
            "folder"
        )
    kind: Any
    kind, own, holds = (content.get(key) for key in ("kind", "id", "holds"))
    if kind not in get_args(Kind) or not isinstance(own, str) or not isinstance(holds, list):
        raise _damaged(path, "its kind, id or list of files is not legal")
    strange = [name for name in holds if not _is_inside(name)]
    if strange:
        raise _damaged(path, f"it lists {strange[0]!r}, which is no file inside the folder")
    hashes, made_of = (content.get(key, {}) for key in ("hashes", "made_of"))
    known = _of_texts(hashes, list, lambda each: each) and _of_texts(made_of, dict, dict.values)
    if not known or not {*hashes, *made_of} <= {*holds}:
        raise _damaged(path, "its hashes are not legal")
    return Marker(kind, own, frozenset(holds), {n: (*each,) for n, each in hashes.items()}, made_of)


def _of_texts(content: Any, kind: type, inside: Callable[[Any], Iterable[Any]]) -> bool:
    """Say whether what was read is a table of lists, or of tables, of texts."""
    return isinstance(content, dict) and all(
        isinstance(each, kind) and all(isinstance(text, str) for text in inside(each))
        for each in content.values()
    )


def _is_inside(name: Any) -> bool:
    """Say whether a name is that of a file in a folder, or one folder deeper."""
    if not isinstance(name, str) or "\\" in name or "\0" in name:
        return False
    parts = PurePosixPath(name).parts
    return (
        name == "/".join(parts)
        and 0 < len(parts) <= _DEEPEST
        and not {"/", ".."} & {*parts}
        and name != MARKER
    )


def _damaged(path: Path, why: str) -> RunFolderError:
    return RunFolderError(
        f"{str(path)!r} is no marker of a run folder, or is damaged ({why}): nothing in the folder "
        "is touched. Give another folder"
    )
