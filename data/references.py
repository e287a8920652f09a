"""The shared bibliography: what a row or a prior cites by key."""

import tomllib
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from data.errors import InputError
from data.schema import nearest

__all__ = ["Reference", "bibliography", "recognise", "reference"]


class Reference(BaseModel):
    """A citation.

    Parameters
    ----------
    key : str
        What a row's ``source`` says.
    citation : str
        Authors, title and place.
    doi : str
        Digital object identifier; empty where none is known.
    also : tuple of str
        Wordings by which another citation is recognised as this one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    key: str
    citation: str
    doi: str = ""
    also: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the citation with its DOI."""
        return f"{self.citation}, doi {self.doi}" if self.doi else self.citation


@cache
def bibliography() -> dict[str, Reference]:
    """Return every bundled reference by key.

    Returns
    -------
    dict of str to Reference
        In the order of ``references.toml``.
    """
    path = Path(__file__).parent / "references.toml"
    entries = tomllib.loads(path.read_text(encoding="utf-8"))
    return {
        key: Reference(**{**entry, "key": key, "also": tuple(entry.get("also", ()))})
        for key, entry in entries.items()
    }


def reference(key: str) -> Reference:
    """Return one bundled reference.

    Parameters
    ----------
    key : str
        Its key, such as ``"ma2022"``.

    Returns
    -------
    Reference
        Citation and DOI.

    Raises
    ------
    InputError
        No bundled reference has this key; the nearest one is offered.
    """
    known = bibliography()
    if key not in known:
        raise InputError(
            f"{key!r} is not a bundled reference{nearest(key, known)}: legal are {', '.join(known)}"
        )
    return known[key]


def recognise(citation: str) -> str | None:
    """Return the key of the bundled reference that a free citation means.

    A source enters a fit once. A campaign may cite it in its own words, so a citation that holds
    the DOI or the journal's place of a bundled reference is taken for that reference.

    Parameters
    ----------
    citation : str
        A key or a citation.

    Returns
    -------
    str or None
        The key; None where nothing is recognised.
    """
    text = citation.strip().lower()
    for key, entry in bibliography().items():
        marks = (entry.doi, *entry.also)
        if text == key or any(mark and mark.lower() in text for mark in marks):
            return key
    return None
