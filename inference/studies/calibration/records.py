"""Records of calibrations as files, read back and continued."""

import json
import logging
import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from data.errors import InputError, RunFolderError
from data.files import read_json, read_text
from inference.engine.fingerprint import fingerprint_differences
from inference.runs.run_folder import RunFolder
from inference.studies.calibration.calibration import Calibration
from inference.studies.calibration.outcome import Replicate

__all__ = ["CODE", "RECORD", "REPLICATES", "continue_record", "read_calibration", "record_text"]

logger = logging.getLogger(__name__)


_MOST_BYTES: Final = 1 << 30  # of replicates, of some kB each

RECORD: Final = "calibration.json"


REPLICATES: Final = "replicates.jsonl"


CODE: Final = ("anodebayes", "pymc", "nutpie")
"""Software whose replicates are not mixed with those of its other versions."""


def read_calibration(folder: str | os.PathLike[str]) -> Calibration:
    """Read the calibration in a folder.

    Raises
    ------
    RunFolderError
        If there is none.
    """
    path = Path(folder)
    record = _stored_record(path)
    if record is None:
        raise RunFolderError(
            f"{str(path)!r} holds no calibration ({RECORD}); make one with "
            f"anodebayes calibrate JOB --out {shlex.quote(str(path))}"
        )
    known = _read_replicates(path / REPLICATES, record["hash"])
    kept = [known[index] for index in sorted(known) if index < record["replicates"]]
    if len(kept) != record["replicates"]:
        raise RunFolderError(
            f"{str(path / REPLICATES)!r} holds {len(kept)} of the {record['replicates']} "
            f"replicates that {RECORD} speaks of: `anodebayes calibrate` does the others again"
        )
    header = {key: record[key] for key in record if key in _HEADER}
    return Calibration(header, tuple(kept))


_HEADER: Final = (
    "job",
    "campaign",
    "campaign_kind",
    "seed",
    "settings",
    "data_hash",
    "prior_hash",
    "hash",
    "versions",
    "fingerprint",
)


_LEGAL: Final[Mapping[str, type]] = {
    "hash": str,
    "replicates": int,
    "seed": int,
    "versions": dict,
    "settings": dict,
    "fingerprint": dict,
    **dict.fromkeys(("job", "campaign", "campaign_kind", "data_hash", "prior_hash"), str),
}


def continue_record(
    run: RunFolder, header: Mapping[str, Any], *, force: bool = False
) -> dict[int, Replicate]:
    """Return the replicates that the folder holds; make it this calibration's where it is empty."""
    other = _stored_record(run.path)
    if other is not None:
        same = other["hash"] == header["hash"]
        code = _other_code(other, header)
        if same and not code:
            return _mended_replicates(run, header["hash"])
        if not force:
            alike = ("hash", "versions", "fingerprint")
            differing = [key for key in _HEADER if other.get(key) != header[key]]
            differing = [key for key in differing if key not in alike]
            where = "choose another folder with --out, or start anew with --force"
            raise RunFolderError(
                f"{str(run.path)!r} holds replicates of other code ({'; '.join(code)}), and they "
                f"are not to be mixed with new ones: {where}"
                if same
                else f"{str(run.path)!r} holds the calibration of another job (it differs in "
                f"{', '.join(differing) or 'the model'}): {where}"
            )
        run.remove(RECORD)
        run.remove(REPLICATES)
    run.write_text(RECORD, record_text(Calibration(header, ())))
    return {}


def _other_code(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Say in what the code that made two headers differs."""
    versions = [then.get("versions", {}), now["versions"]]
    found = [
        f"{name} {versions[0].get(name, 'not stated')} then, {versions[1].get(name)} now"
        for name in CODE
        if versions[0].get(name) != versions[1].get(name)
    ]
    if not then.get("fingerprint"):
        return [*found, "the record does not say of which model"]
    return [*found, *fingerprint_differences(then["fingerprint"], now["fingerprint"])]


def record_text(calibration: Calibration) -> str:
    """Return the record of a calibration as text, numbers of one list on one line."""
    text = json.dumps(calibration.record(), indent=1, default=float) + "\n"
    # Numbers of one list stay on one line.
    return re.sub(r"\[\s+([-+\d\s.,einfINFaty]+?)\s+\]", _on_one_line, text)


def _on_one_line(found: re.Match[str]) -> str:
    return f"[{' '.join(found[1].split())}]"


def _stored_record(folder: Path) -> dict[str, Any] | None:
    """Read the record of a calibration, None where there is none.

    Raises
    ------
    RunFolderError
        It is damaged.
    """
    path = folder / RECORD
    if not os.path.lexists(path):
        return None
    try:
        record = read_json(path)
    except InputError as error:
        raise RunFolderError(f"{str(path)!r} is damaged: it {error}") from error
    if not isinstance(record, dict):
        raise RunFolderError(f"{str(path)!r} is damaged: it holds no table")
    for key, kind in _LEGAL.items():
        value = record.get(key)
        # Of a record that does not say of which model it is, the replicates are not taken.
        missing = key == "fingerprint" and key not in record
        if (not isinstance(value, kind) and not missing) or isinstance(value, bool):
            raise RunFolderError(f"{str(path)!r} is damaged: its {key!r} is missing or not legal")
    if record["replicates"] < 0 or not _is_fingerprint(record.get("fingerprint", {})):
        raise RunFolderError(f"{str(path)!r} is damaged: its numbers are not legal")
    return record


def _is_fingerprint(content: Mapping[str, Any]) -> bool:
    """Say whether what was read is a fingerprint: numbers, or tables of numbers."""
    parts = [part for each in content.values() for part in _lists(each)]
    return all(
        isinstance(part, list) and all(isinstance(x, int | float) for x in part) for part in parts
    )


def _lists(content: Any) -> list[Any]:
    return [*content.values()] if isinstance(content, dict) else [content]


def _read_replicates(path: Path, of: str) -> dict[int, Replicate]:
    """Read the replicates of a calibration, whose last line may be cut off by a killed process."""
    whole = _text(path).rpartition("\n")[0]
    found: dict[int, Replicate] = {}
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            replicate = Replicate.from_json(line, of)
            found[replicate.index] = replicate
        except (ValueError, TypeError) as error:
            raise RunFolderError(
                f"{str(path)!r}, line {number}, is no replicate, or is damaged ({error}): delete "
                "the line, and `anodebayes calibrate` does that replicate again"
            ) from error
    return found


def _text(path: Path) -> str:
    """Return what a file of replicates holds; nothing where there is none."""
    if not path.is_file():
        return ""
    try:
        return read_text(path, _MOST_BYTES)
    except InputError as error:
        raise RunFolderError(f"{str(path)!r} is damaged: it {error}") from error


def _mended_replicates(run: RunFolder, of: str) -> dict[int, Replicate]:
    """Read the replicates of a folder to go on from, without a line that was cut off."""
    path = run.path / REPLICATES
    known = _read_replicates(path, of)
    text = _text(path)
    whole, end, rest = text.rpartition("\n")
    if rest:
        logger.warning("the last replicate in %s was cut off and is done again", path)
        run.write_text(REPLICATES, whole + end)
    return known
