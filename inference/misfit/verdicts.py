"""The form of a check: sections of findings, each a sentence with its numbers and a verdict."""

import hashlib
import json
import os
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, computed_field

from data.errors import InputError, RunFolderError
from data.files import read_json
from inference.words.plain import plain
from inference.words.run_files import CHECK

__all__ = ["Check", "Finding", "Section", "Verdict", "stored_check", "worst"]

Verdict = Literal["ok", "not checked", "warn", "fail"]
_SEAL = "sha256"
_ORDER: dict[Verdict, int] = {"ok": 0, "not checked": 1, "warn": 2, "fail": 3}


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the gravest of some verdicts, ``ok`` where there is none."""
    return max(verdicts, key=_ORDER.__getitem__, default="ok")


def stored_check(folder: Path | None, result_id: str) -> dict[str, Any] | None:
    """Read ``check.json`` of a run folder.

    Parameters
    ----------
    folder : Path, optional
        The folder; without one there is none.
    result_id : str
        Of the result.

    Returns
    -------
    dict, optional
        Its content; None where it is missing, or of another result.

    Raises
    ------
    RunFolderError
        It is damaged.
    """
    if folder is None or not os.path.lexists(folder / CHECK):
        return None
    again = f"`anodebayes check {shlex.quote(str(folder))} --force` writes it anew"
    try:
        content = read_json(folder / CHECK)
        # Verdicts of sections are no input: they follow from the findings.
        found = Check.model_validate_json(json.dumps(content), extra="ignore")
    except InputError as error:
        raise RunFolderError(f"{folder / CHECK} is no check, or is damaged: it {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        why = ": ".join([*map(str, first["loc"]), first["msg"]])
        raise RunFolderError(
            f"{folder / CHECK} is no check, or is damaged ({why}): {again}"
        ) from error
    if content.pop(_SEAL, None) != _hash(content):
        raise RunFolderError(
            f"{folder / CHECK} is not what was written: it was changed or damaged since (its "
            f"{_SEAL} is not the one of what it says): {again}"
        )
    return found.model_dump(mode="json") if found.result_id == result_id else None


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Finding(_Strict):
    """One finding.

    Parameters
    ----------
    key : str
        What it is about, for machines; unique in its section.
    verdict : {"ok", "not checked", "warn", "fail"}
        As it is; nobody has looked; look before you rely on it; do not rely on it.
    sentence : str
        For readers.
    numbers : dict
        What the sentence rests on; None stands for what is undefined.
    """

    key: str
    verdict: Verdict
    sentence: str
    numbers: dict[str, Any] = {}

    @classmethod
    def of(cls, key: str, verdict: Verdict, sentence: str, **numbers: Any) -> "Finding":
        """Return a finding, its numbers made plain."""
        return cls(key=key, verdict=verdict, sentence=sentence, numbers=plain(numbers))


class Section(_Strict):
    """Findings on one question.

    Parameters
    ----------
    name, title : str
        For machines and for readers.
    findings : tuple of Finding
        The gravest need not come first.
    tables : dict
        By name, tables of numbers: a row for each parameter, observed variable or pair.
    """

    name: str
    title: str
    findings: tuple[Finding, ...]
    tables: dict[str, list[dict[str, Any]]] = {}

    @computed_field  # type: ignore[prop-decorator]
    @property
    def verdict(self) -> Verdict:
        """The gravest of its findings."""
        return worst(finding.verdict for finding in self.findings)

    def finding(self, key: str) -> Finding:
        """Return the finding of a key.

        Raises
        ------
        KeyError
            There is none.
        """
        for each in self.findings:
            if each.key == key:
                return each
        raise KeyError(f"{key}: the section {self.name} has {[f.key for f in self.findings]}")


class Check(_Strict):
    """Verdicts on one run, or on one job before it runs.

    Parameters
    ----------
    schema_version : int
        Of this form: 1.
    kind : {"run", "prefit"}
        What was checked.
    name, campaign : str
        Of the job and its data.
    synthetic : bool
        Whether the data were drawn by a simulator.
    gate_passed : bool, optional
        The convergence gate of a run.
    result_id : str, optional
        Of the run's result.
    resolved_hash : str, optional
        Of its resolved job.
    seed : int
        Of whatever the check drew.
    sections : tuple of Section
        In the order in which they are read.
    """

    schema_version: Literal[1] = 1
    kind: Literal["run", "prefit"]
    name: str
    campaign: str
    synthetic: bool
    gate_passed: bool | None = None
    result_id: str | None = None
    resolved_hash: str | None = None
    seed: int
    sections: tuple[Section, ...]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def verdict(self) -> Verdict:
        """The gravest of its sections, of those that were checked."""
        return worst(s.verdict for s in self.sections if s.verdict != "not checked")

    def section(self, name: str) -> Section:
        """Return a section by name.

        Raises
        ------
        KeyError
            There is none.
        """
        for each in self.sections:
            if each.name == name:
                return each
        raise KeyError(f"{name}: there are {[section.name for section in self.sections]}")

    def sentences(self) -> list[str]:
        """Return every finding, in order."""
        return [finding.sentence for each in self.sections for finding in each.findings]

    def to_json(self) -> str:
        """Return the check as JSON, the content of ``check.json``."""
        content = json.loads(self.model_dump_json())
        return json.dumps({**content, _SEAL: _hash(content)}, indent=2, ensure_ascii=False) + "\n"


def _hash(content: Any) -> str:
    """Return a hash of what a check says, whatever the order of its keys and its spaces."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
