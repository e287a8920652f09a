"""Features of curves in words."""

from typing import TYPE_CHECKING, Final

from data.schema import show_number

if TYPE_CHECKING:
    from data.features.feature import Feature

__all__ = ["CLOCK", "KINDS", "describe"]

CLOCK: Final = "times count from the start of the current"
"""What every time read from a curve is counted from."""

KINDS: Final = {
    "point": "value",
    "interval": "interval",
    "left": "upper bound",
    "right": "censored",
}
"""What a reader calls the kind of a feature."""

_WORDS: Final = {
    "penetration_time": "sudden drop",
    "plateau_current": "plateau",
    "sand_time": "Sand's time",
    "transition_time": "transition",
    "failed_step_current": "failed step",
}


def describe(feature: "Feature") -> str:
    """Return a feature in words and numbers.

    Parameters
    ----------
    feature : Feature
        Any.

    Returns
    -------
    str
        Such as ``"sudden drop between 2243 and 2244 s"``; currents in mA. A time counts from
        the start of its current; where that is not the record's, the record's time follows, and of
        a drop its height.
    """
    words = _WORDS.get(feature.quantity, feature.quantity.replace("_", " "))
    factor, unit = (1e3, "mA") if feature.unit == "A" else (1.0, feature.unit)
    return _value(feature, words, factor, unit) + _context(feature)


def _value(feature: "Feature", words: str, factor: float, unit: str) -> str:
    def shown(value: float | None) -> str:
        return "?" if value is None else f"{value * factor:.6g}"

    match feature.kind:
        case "point":
            error = f" ± {show_number(float(f'{feature.sd * factor:.2g}'))}" if feature.sd else ""
            return f"{words} {shown(feature.value)}{error} {unit}"
        case "interval":
            return f"{words} between {shown(feature.lower)} and {shown(feature.upper)} {unit}"
        case "right":
            if feature.unit == "s":
                return f"no {words} by {shown(feature.lower)} {unit}"
            return f"{words} above {shown(feature.lower)} {unit}"
        case _:
            return f"{words} below {shown(feature.upper)} {unit}"


def _context(feature: "Feature") -> str:
    """Return where on the record's clock an event is, and how high a drop."""
    known = feature.details
    said = []
    ends = [known[f"test_time_{end}"] for end in ("lower", "upper") if f"test_time_{end}" in known]
    if ends and known.get("step_start", 0.0) != 0.0:
        said.append("test time " + " to ".join(f"{end:.6g}" for end in ends) + " s")
    if "jump" in known:
        error = f" ± {known['jump_sd'] * 1e3:.2g}" if "jump_sd" in known else ""
        said.append(f"by {abs(known['jump']) * 1e3:.4g}{error} mV")
    return f" ({', '.join(said)})" if said else ""
