"""CH Instruments' text files: settings as ``Name = value``, then ``Time/sec, Potential/V``.

A chronopotentiogram is written without its current, which the settings state: it becomes a column.
Anodic currents are positive here, as the potential that they raise. The text does not say when the
current changed from segment to segment; where the record is as long as all of them together, they
were changed by the clock, else only a single segment is read. Where a potential changed it, nobody
knows when. Sweeps are written without a time,
which follows from their scan rate.

The settings and headers are those that public readers of such files look for, among them hardpotato
and ecat-electrochemistry; a spectrum's file is printed in mikexstudios/impconv.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from data.instruments.headers import Vocabulary, split_header
from data.instruments.raw_file import refusal
from data.instruments.table_content import Content
from data.instruments.table_format import TableFormat
from data.units import parse_number

__all__ = ["FORMAT"]

_TECHNIQUES = {
    "chronopotentiometry": "chronopotentiometry",
    "chronoamperometry": "chronoamperometry",
    "i - t curve": "chronoamperometry",
    "linear sweep voltammetry": "linear_sweep",
    "cyclic voltammetry": "cyclic_voltammetry",
    "open circuit potential - time": "open_circuit",
}
_MAX_SEGMENTS = 10_000
_SWITCHED = "current switching"  # polarity, or priority in other versions: potential or time
_POLARITY = {"n": "cathodic", "c": "cathodic", "p": "anodic", "a": "anodic"}


def _is_header(names: Sequence[str]) -> bool:
    """Return whether headers are those of CH Instruments."""
    parsed = [split_header(name) for name in names]
    return ("potential", "V") in parsed and bool({("time", "sec"), ("current", "A")} & set(parsed))


def _settings(above: Sequence[str]) -> dict[str, str]:
    """Return the settings by name, without the unit."""
    pairs = (line.partition("=") for line in above)
    return {
        name.partition("(")[0].strip().lower(): value.strip() for name, mark, value in pairs if mark
    }


def _value(settings: Mapping[str, str], name: str) -> float | None:
    return parse_number(settings.get(name, ""))


def _complete(content: Content) -> None:
    """Read the technique, the scan rate and the current."""
    settings = _settings(content.above)
    titles = [line.strip() for line in content.above if line.strip().lower() in _TECHNIQUES]
    if titles:
        content.technique = _TECHNIQUES[titles[0].lower()]
        content.technique_as_written = titles[0]
    model = next((line for line in content.above if line.startswith("Instrument Model:")), "")
    if model:
        content.instrument = f"CH Instruments {model.partition(':')[2].strip()}"
    rate = _value(settings, "scan rate")
    if rate is not None:
        content.extra["scan_rate_volt_per_second"] = rate
    if "current_ampere" in content.variables or "test_time_second" not in content.variables:
        return
    rows = np.size(content.variables["test_time_second"])
    if content.technique == "open_circuit":
        content.variables["current_ampere"] = np.zeros(rows)
        content.columns["current_ampere"] = "none: at open circuit no current flows"
    elif content.technique == "chronopotentiometry":
        _add_current(content, settings)


def _add_current(content: Content, settings: Mapping[str, str]) -> None:
    """Add the current [A] that the settings state, where they state it."""
    time = np.asarray(content.variables["test_time_second"], dtype=np.float64)
    written = settings.get("init p/n", settings.get("initial polarity", "")).lower()[:1]
    first = _POLARITY.get(written, "")
    other = "anodic" if first == "cathodic" else "cathodic"
    sizes = {way: _value(settings, f"{way} current") for way in ("cathodic", "anodic")}
    size = sizes.get(first)
    if size is None:
        return  # the user may state it
    signed = {"cathodic": -abs(sizes["cathodic"] or 0.0), "anodic": abs(sizes["anodic"] or 0.0)}
    segments = _value(settings, "segment") or _value(settings, "segments") or 1.0
    if segments % 1.0 or not 1.0 <= segments <= _MAX_SEGMENTS:
        raise refusal(content.file, f"states {segments:g} segments: a whole number from 1 is due")
    ways = [first if k % 2 == 0 else other for k in range(int(segments))]
    lengths = [_value(settings, f"{way} time") for way in ways]
    known = [value for value in lengths if value is not None]
    step = float(np.median(np.diff(time))) if time.size > 1 else 0.0
    length = float(time[-1]) if time.size else 0.0
    switched = {value.lower() for name, value in settings.items() if name.startswith(_SWITCHED)}
    if len(ways) > 1 and "potential" in switched:
        raise refusal(
            content.file,
            f"holds up to {len(ways)} segments, and the current changed where a potential was "
            "reached, which the text does not tell of: the current of its rows is not known; save "
            "each segment as a file of its own, with Segment = 1",
            line=content.line,
        )
    if len(ways) == 1 or (lengths[0] is not None and length <= lengths[0] + step):
        counts = np.zeros(time.size, dtype=np.int64)
    elif len(known) == len(ways) and abs(length - sum(known)) <= 2.0 * step:
        # A row is taken at the end of its interval: the one at a boundary ends its segment.
        ends = np.cumsum(known)[:-1] + 0.25 * step
        counts = np.searchsorted(ends, time, side="left").astype(np.int64)
    else:
        raise refusal(
            content.file,
            f"holds {len(ways)} segments in {length:g} s, and the text does not say when the "
            "current changed (a limit of the potential may have ended a segment): save each "
            "segment as a file of its own",
            line=content.line,
        )
    content.variables["current_ampere"] = np.array([signed[way] for way in ways])[counts]
    content.variables["step_count"] = counts
    content.columns["current_ampere"] = "none: the current that the settings state, as set"
    content.sign_convention = "anodic currents are positive"


FORMAT = TableFormat(
    instrument="CH Instruments, or another in its layout",
    vocabulary=Vocabulary(
        {
            "time": "test_time_second",
            "potential": "voltage_volt",
            "current": "current_ampere",
        }
    ),
    is_header=_is_header,
    legal="legal are Time/sec, Potential/V and Current/A",
    technique="unknown",
    complete=_complete,
)
