"""Plain ``.csv``: the columns of the Battery Data Format, and our own ``quantity [unit]``.

Headers are the format's preferred labels (``Test Time / s``), its machine names
(``test_time_second``) or a quantity with its unit in brackets (``time [h]``), in parentheses, after
a slash, an underscore or a blank (``current_mA``); any unit of the same quantity is legal. Cells
are separated by commas, semicolons or tabs; with the latter two, numbers may have decimal commas. A
line ``sep=;`` at the top says which. Lines before the header that begin with ``#`` are comments; of
these ``# technique: …``, ``# scan_rate: 5 mV/s``, ``# instrument: …`` and ``# sign_convention: …``
are understood. Where no other time is written a Unix time counts from the first row, and without it
the time follows from a sweep's scan rate.

What the format calls ``Step Index`` is the number of a row within its step: it is not read.
"""

import re
from collections.abc import Sequence
from difflib import get_close_matches

from data.errors import UnitError
from data.instruments.headers import MEASURED, NEGATIVE, Vocabulary, meaning, split_header
from data.instruments.raw_file import refusal
from data.instruments.record import NOT_STATED, TECHNIQUES, UNITS
from data.instruments.table_content import Content
from data.instruments.table_format import TableFormat
from data.instruments.text import is_unit
from data.instruments.witnesses import UNIX_TIME, names_date
from data.units import parse_quantity

__all__ = ["FORMAT", "renaming_advice"]

_VOCABULARY = Vocabulary(
    {
        "test time": "test_time_second",
        "time": "test_time_second",
        "voltage": "voltage_volt",
        "cell voltage": "voltage_volt",
        "current": "current_ampere",
        "step time": "step_time_second",
        "step count": "step_count",
        "step id": "step_id",
        "cycle count": "cycle_count",
        **dict.fromkeys(("unix time", "unix timestamp", "epoch time", "epoch"), UNIX_TIME),
        "temperature": "temperature_celsius",
        "surface temperature": "temperature_celsius",
        "surface temperature t1": "temperature_celsius",
        "temperature t1": "temperature_celsius",
        "ambient temperature": "temperature_celsius",
    }
)
# What others call the quantities, and the header to write instead.
_OTHER_WORDS = {
    **dict.fromkeys(("t", "elapsed time", "total time", "zeit"), "time"),
    **dict.fromkeys(("e", "u", "v", "vf", "ewe", "ecell", "potential", "spannung"), "voltage"),
    **dict.fromkeys(("i", "im", "amperage", "strom"), "current"),
    **dict.fromkeys(("j", "current density", "stromdichte"), "current density"),
}
# What is set is not what flows: such a column is never taken for a measured one.
_SETTINGS = frozenset([
    "set", "setpoint", "target", "programmed", "programme", "program", "nominal", "command",
    "commanded", "control", "demand", "demanded", "requested", "limit", "ref", "reference", "max",
    "maximum", "min", "minimum", "cutoff", "sollwert", "soll",
])  # fmt: skip
_LEGAL = (
    "legal are the columns of the Battery Data Format (Test Time / s, Voltage / V, Current / A, or "
    "test_time_second, voltage_volt, current_ampere) and time [s], voltage [V], current [A]"
)


def renaming_advice(names: Sequence[str]) -> str:
    """Say how headers that are not understood may be meant.

    Parameters
    ----------
    names : sequence of str
        The headers.

    Returns
    -------
    str
        Such as ``"; rename 'potential [V]' to 'voltage [V]'"``, with the unit that is written there
        and no other; empty where nothing is guessed.
    """
    there = {known[0] for name in names if (known := meaning(name, _VOCABULARY)) is not None}
    renamed, densities, turned = [], [], []
    for header in (name.strip() for name in names):
        if meaning(header, _VOCABULARY) is not None or names_date(header):
            continue
        words, unit = split_header(header)
        meant = _meant(words)
        if meant is None and not unit and " " in words:
            words = words.rpartition(" ")[0]
            meant, unit = _meant(words), header.replace("_", " ").split()[-1]
        if meant is None:
            continue
        if header.startswith(NEGATIVE):
            turned.append(
                f"; {header!r} has its sign turned: turn it back in its numbers, and name it "
                f"'{meant} [{unit or 'its unit'}]'"
            )
            there.add(_VOCABULARY.named.get(meant, ""))
            continue
        if meant == "current density":
            unit = re.split(r"[/\s·*.]|cm", unit.strip())[0] or "its unit"
            densities.append(
                f"; {header!r} is a current density: multiply it by the electrode's area, and name "
                f"it 'current [{unit}]'"
            )
        elif _VOCABULARY.named[meant] not in there:
            there.add(_VOCABULARY.named[meant])
            due = UNITS[_VOCABULARY.named[meant]]
            if unit and not is_unit(unit, due):
                renamed.append(
                    f"{header!r} to '{meant} [its unit]' with its numbers in that unit ({unit!r} "
                    f"is none; '{meant} [{due}]' if it is {due})"
                )
                continue
            renamed.append(f"{header!r} to '{meant} [{unit or 'its unit'}]'")
    advice = f"; rename {', '.join(renamed)}" if renamed else ""
    advice += "".join(turned)
    return advice + ("" if "current_ampere" in there else "".join(densities[:1]))


def _meant(words: str) -> str | None:
    """Return the quantity that a word of others means, or one that is misspelt."""
    each = words.split()
    if _SETTINGS.intersection(each):
        return None
    words = " ".join(word.strip("<>") for word in each if word not in MEASURED)  # "<Ewe>" is a mean
    if words in _VOCABULARY.named and len(words) < len(" ".join(each)):
        return words
    if words in _OTHER_WORDS:
        return _OTHER_WORDS[words]
    close = get_close_matches(words, ("time", "test time", "voltage", "current"), 1, cutoff=0.75)
    return close[0] if close else None


def _is_header(names: Sequence[str]) -> bool:
    """Return whether at least one of time, voltage and current is named."""
    found = {known[0] for name in names if (known := meaning(name, _VOCABULARY)) is not None}
    return bool(found & {"test_time_second", "voltage_volt", "current_ampere"})


def _complete(content: Content) -> None:
    """Read the comments, and advise where a column has another name."""
    pairs = (comment.partition(":") for comment in content.above)
    stated = {
        "_".join(key.lower().split()): value.strip() for key, mark, value in pairs if mark and value
    }
    technique = stated.get("technique", "unknown")
    if technique not in TECHNIQUES:
        raise refusal(
            content.file,
            f"technique {technique!r} in a comment is not known: legal are {', '.join(TECHNIQUES)}",
        )
    if "scan_rate" in stated:
        try:
            rate = parse_quantity(stated["scan_rate"], "V/s")
        except UnitError as error:
            raise refusal(content.file, f"scan_rate in a comment: {error}") from error
        content.extra["scan_rate_volt_per_second"] = rate
    content.technique = technique
    content.technique_as_written = stated.get("technique", "")
    content.instrument = stated.get("instrument", content.instrument)
    content.sign_convention = stated.get("sign_convention", NOT_STATED)


FORMAT = TableFormat(
    instrument="not stated",
    vocabulary=_VOCABULARY,
    is_header=_is_header,
    legal=_LEGAL,
    technique="unknown",
    leading=True,
    complete=_complete,
    advice=renaming_advice,
)
