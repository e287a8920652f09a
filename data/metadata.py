"""``campaign.toml``: what a campaign is, in a strict schema."""

import os
import re
from pathlib import Path
from typing import Any, Literal

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from data.columns import CONCENTRATION
from data.errors import InputError, Mistake, UnitError
from data.files import read_toml
from data.references import bibliography, recognise
from data.schema import nearest
from data.units import parse_quantity
from data.workbooks import DESCRIPTION, description, is_workbook, read_workbook

__all__ = ["FILE", "CampaignMetadata", "read_metadata", "write_metadata"]

FILE = "campaign.toml"
LONGEST_NAME = 100
"""Characters that the name of a campaign may have."""

_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_.-]{{0,{LONGEST_NAME - 1}}}")


class CampaignMetadata(BaseModel):
    """What ``campaign.toml`` says.

    Parameters
    ----------
    name : str
        Name of the campaign: letters, digits, ``-``, ``_`` and ``.``.
    title : str
        One line for people.
    metal : {"Na", "Li"}
        Metal of the anode.
    electrolyte : str
        What the electrolyte is.
    salt_concentration : float, optional
        Concentration of the salt [mol/L]; None where no liquid electrolyte is meant.
    kind : {"literature", "measured", "synthetic"}
        Where the numbers come from.
    references : dict of str to str
        Citations by key.
    licence : str
        Licence of the data.
    notes : tuple of str
        What a reader should know.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str = ""
    metal: Literal["Na", "Li"]
    electrolyte: str = Field(min_length=1)
    salt_concentration: float | None = Field(
        default=None, ge=CONCENTRATION.low, le=CONCENTRATION.high
    )
    kind: Literal["literature", "measured", "synthetic"]
    references: dict[str, str] = {}
    licence: str = ""
    notes: tuple[str, ...] = ()

    @property
    def doubts(self) -> tuple[str, ...]:
        """What is legal and far from what such campaigns have, one sentence each."""
        salt = self.salt_concentration
        message = None if salt is None else CONCENTRATION.doubt(salt)
        return () if message is None else (f"salt_concentration: {message}",)

    @field_validator("name")
    @classmethod
    def _name_is_a_file_name(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError("letters, digits, '-', '_' and '.' are legal, a letter or digit first")
        return name


def _references(value: object, complain: "_Complain") -> tuple[dict[str, str], bool]:
    """Return citations by key, and whether the file gave them keys of its own."""
    if isinstance(value, dict):
        for key, citation in value.items():
            if not isinstance(citation, str) or not citation.strip():
                complain("references", f'{key!r} has no citation: write {key} = "authors, title…"')
        return {key: str(citation).strip() for key, citation in value.items()}, True
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        complain(
            "references",
            "must be a list of texts (citations, or keys of the bundled bibliography) or a table "
            "of key = citation",
        )
        return {}, False
    references: dict[str, str] = {}
    for number, entry in enumerate(value, start=1):
        key = recognise(entry) or f"reference_{number}"
        if key in references:
            complain("references", f"{entry!r} repeats {key!r}: keep one")
        known = bibliography().get(key)
        references[key] = str(known) if known and entry.strip() == key else entry.strip()
    return references, False


class _Complain:
    """Collects mistakes of the file."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.mistakes: list[Mistake] = []

    def __call__(self, key: str | None, message: str) -> None:
        """Add one mistake."""
        self.mistakes.append(Mistake(self.file, message if key is None else f"{key}: {message}"))


def read_metadata(folder: Path) -> tuple[CampaignMetadata | None, bool, list[Mistake]]:
    """Read and check ``campaign.toml``, or the sheet that stands for it.

    Parameters
    ----------
    folder : Path
        The campaign's folder, or its workbook.

    Returns
    -------
    metadata : CampaignMetadata or None
        None where it is not legal.
    keyed : bool
        Whether references are a table, so that a row's source must be a key.
    mistakes : list of Mistake
        What is wrong.
    """
    if is_workbook(folder):
        sheets, mistakes = read_workbook(folder)
        entries, wrong = description(sheets) if sheets else ({}, [])
        complain = _Complain(f"{folder.name}, sheet {DESCRIPTION!r}")
        for message in wrong:
            complain(None, message)
        # What is wrong with the sheets themselves is told with the tables.
        return (
            (None, False, complain.mistakes) if wrong or mistakes else _checked(entries, complain)
        )
    complain = _Complain(FILE)
    if not os.path.lexists(folder / FILE):
        complain(None, "is missing: 'anodebayes new DIR' writes a template")
        return None, False, complain.mistakes
    try:
        entries = read_toml(folder / FILE)
    except InputError as error:
        complain(None, str(error))
        return None, False, complain.mistakes
    return _checked(entries, complain)


def _checked(
    entries: dict[str, Any], complain: "_Complain"
) -> tuple[CampaignMetadata | None, bool, list[Mistake]]:
    """Return the entries as metadata, whether references have keys, and what is wrong."""
    concentration = entries.get("salt_concentration")
    if concentration is not None:
        try:
            found = parse_quantity(concentration, to="mol/L")
            wrong = CONCENTRATION.complaint(found)
        except UnitError as error:
            wrong = str(error)
        if wrong:
            complain("salt_concentration", wrong.removesuffix(CONCENTRATION.slip))
        entries["salt_concentration"] = None if wrong else found
    if isinstance(entries.get("notes"), str):
        entries["notes"] = [entries["notes"]]
    entries["references"], keyed = _references(entries.get("references", []), complain)

    metadata = None
    try:
        metadata = CampaignMetadata.model_validate(entries)
    except ValidationError as error:
        for detail in error.errors():
            complain(None, _explain(detail, entries))
    return (None if complain.mistakes else metadata), keyed, complain.mistakes


def _explain(detail: Any, entries: dict[str, Any]) -> str:
    """Turn pydantic's complaint into ours."""
    key = ".".join(str(part) for part in detail["loc"])
    legal = CampaignMetadata.model_fields
    if detail["type"] == "extra_forbidden":
        return f"{key!r} is no key{nearest(key, legal)}: legal are {', '.join(legal)}"
    if detail["type"] == "missing":
        return f'{key!r} is missing: write {key} = "…" ({_MEANING[key]})'
    value = entries.get(str(detail["loc"][0]))
    return f"{key} = {value!r} is not legal: {detail['msg'].removeprefix('Value error, ')}"


_MEANING = {
    "name": "letters, digits, '-', '_' and '.'",
    "metal": "Na or Li",
    "electrolyte": "what the electrolyte is",
    "kind": "literature, measured or synthetic",
}


def write_metadata(metadata: CampaignMetadata, folder: Path) -> None:
    """Write ``campaign.toml`` so that `read_metadata` returns the same.

    Parameters
    ----------
    metadata : CampaignMetadata
        What to write.
    folder : Path
        The campaign's folder.
    """
    entries: dict[str, Any] = {
        key: value
        for key, value in metadata.model_dump(exclude={"salt_concentration", "references"}).items()
        if value not in ("", ())
    }
    if metadata.salt_concentration is not None:
        entries["salt_concentration"] = f"{metadata.salt_concentration!r} mol/L"
    if "notes" in entries:
        entries["notes"] = list(metadata.notes)
    citations = list(metadata.references.values())
    if metadata.references:
        ignored = _Complain(FILE)
        as_list, _ = _references(citations, ignored)
        unkeyed = as_list == metadata.references and not ignored.mistakes
        entries["references"] = citations if unkeyed else dict(metadata.references)
    text = tomli_w.dumps(entries, multiline_strings=False)
    (folder / FILE).write_text(text, encoding="utf-8", newline="\n")
