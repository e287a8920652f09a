"""Numbers with the digits that they have."""

import math

__all__ = ["interval", "number"]

_FIXED = (1e-3, 1e5)


def number(value: float, width: float | None = None) -> str:
    """Return a number with the digits that its uncertainty leaves it.

    Parameters
    ----------
    value : float
        The number.
    width : float, optional
        Width of its interval: the last digit shown is 4 to 40 times smaller. Never fewer than
        two digits are shown.

    Returns
    -------
    str
        Without a unit; `2.1e-6` where a plain number would be long.
    """
    if math.isnan(value):
        return "-"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    digits = 2
    if width is not None and math.isfinite(width) and width > 0:
        digits = max(2, min(6, size - math.floor(math.log10(width / 4)) + 1))
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    if not _FIXED[0] <= abs(value) < _FIXED[1]:
        return f"{mantissa}e{int(exponent)}"
    decimals = digits - 1 - int(exponent)  # of the rounded value: 0.995 is 1.0
    return f"{round(value, decimals):.{max(0, decimals)}f}"


def interval(lower: float, upper: float) -> str:
    """Return an interval, its ends with the digits that its width leaves them.

    Parameters
    ----------
    lower, upper : float
        The ends.

    Returns
    -------
    str
        `0.11–0.27`; the word `to` where an end is negative.
    """
    width = upper - lower
    between = " to " if lower < 0 else "–"
    return f"{number(lower, width)}{between}{number(upper, width)}"
