"""Headers of impedance spectra."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = [
    "FREQUENCY",
    "IMAGINARY",
    "MAGNITUDE",
    "PHASE",
    "REAL",
    "SpectrumHeader",
    "names_spectrum",
    "polar",
    "read_header",
]

FREQUENCY, REAL, IMAGINARY = "frequency_hertz", "real", "imaginary"

MAGNITUDE, PHASE = "magnitude", "phase"

_NAMES = {
    **dict.fromkeys(("freq", "frequency", "f"), FREQUENCY),
    **dict.fromkeys(
        ("re(z)", "re z", "zre", "z re", "zreal", "z real", "z'", "zs'", "real", "real(z)",
         "impedance real"), REAL,
    ),
    **dict.fromkeys(
        ("im(z)", "im z", "zim", "z im", "zimag", "z imag", "z''", 'z"', "zs''", "imag", "imag(z)",
         "imaginary", "impedance imaginary"), IMAGINARY,
    ),
    **dict.fromkeys(("|z|", "zmod", "z mod", "mod(z)", "z", "magnitude"), MAGNITUDE),
    **dict.fromkeys(("phase(z)", "phase", "zphz", "phase of z"), PHASE),
    **dict.fromkeys(("time", "test time"), "test_time_second"),
    **dict.fromkeys(("<ewe>", "ewe", "<ecell>", "vdc", "<ewe/v>"), "voltage_volt"),
    **dict.fromkeys(("<i>", "i", "idc"), "current_ampere"),
    **dict.fromkeys(("cycle number", "cycle count"), "cycle_count"),
}  # fmt: skip

_WITH_UNIT = (
    re.compile(r"(.*?)\s*\[([^\[\]]*)\]"),
    re.compile(r"(.*?)\s*/\s*([^/]*)"),
    re.compile(r"(.*?)\s*\(([^()]*)\)"),
)

_NEGATIVE = re.compile(r"(?:[-−–]|neg(?:\.|ative)?(?=\s))\s*")


@dataclass(frozen=True)
class SpectrumHeader:
    """What a line of headers says.

    Parameters
    ----------
    columns : dict of str to (int, str, float)
        Position, unit as written and sign of each quantity.
    names : tuple of str
        The headers.
    """

    columns: dict[str, tuple[int, str, float]]
    names: tuple[str, ...]


def names_spectrum(names: Sequence[str]) -> bool:
    """Return whether headers name a frequency and a complex impedance.

    Parameters
    ----------
    names : sequence of str
        The headers.

    Returns
    -------
    bool
        True where they do.
    """
    found = read_header(names).columns
    return FREQUENCY in found and ({REAL, IMAGINARY} <= found.keys() or polar(found))


def polar(found: Mapping[str, Any]) -> bool:
    """Say whether magnitude and phase are found, which make a spectrum, too."""
    return MAGNITUDE in found and PHASE in found


def read_header(names: Sequence[str], units: Sequence[str] | None = None) -> SpectrumHeader:
    """Return what headers mean; `units` stand below them in Gamry's tables."""
    columns: dict[str, tuple[int, str, float]] = {}
    for position, name in enumerate(names):
        text = name.strip().strip('"') if name.count('"') != 1 else name.strip()
        words, unit = text, ""
        if units is None:
            for pattern in _WITH_UNIT:
                match = pattern.fullmatch(text)
                if match is not None and _known(match[1]) is not None:
                    words, unit = match[1], match[2].strip()
                    break
        elif position < len(units):
            unit = units[position]
        known = _known(words)
        if known is not None and known[0] not in columns:
            columns[known[0]] = (position, unit, known[1])
    return SpectrumHeader(columns, tuple(names))


def _known(words: str) -> tuple[str, float] | None:
    """Return the quantity that words mean, and the sign of its numbers."""
    text = words.strip().lower().replace("’", "'").replace("′", "'").replace("″", "''")
    text = " ".join(text.replace("_", " ").split())
    sign = 1.0
    if found := _NEGATIVE.match(text):
        text, sign = text[found.end() :], -1.0
    quantity = _NAMES.get(text)
    if quantity is None or (sign < 0 and quantity not in (IMAGINARY, PHASE)):
        return None
    return quantity, sign
