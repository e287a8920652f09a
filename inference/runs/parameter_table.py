"""The table of parameters of a run, as LaTeX and as CSV."""

import math
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from data.errors import InputError
from data.quantities import quantities, split_label
from inference.thresholds import INTERVAL
from inference.words.labels import is_of_all

if TYPE_CHECKING:
    from inference.runs.result import Result

__all__ = ["Format", "latex_text", "latex_unit", "parameter_table"]

Format = Literal["latex", "csv"]

_ESCAPES: Final = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    **{sign: rf"\{sign}" for sign in "&%$#_{}"},
}
_UNITS: Final = {"ohm": r"$\Omega$", "um": r"$\mu$m", "degree": r"$^\circ$", "degC": r"$^\circ$C"}


def parameter_table(
    result: "Result",
    format: Format = "latex",  # noqa: A002 - what a reader looks for
    *,
    everything: bool = False,
) -> str:
    """Return the table of parameters as text.

    Parameters
    ----------
    result : Result
        A finished fit.
    format : {"latex", "csv"}
        LaTeX: a ``tabular`` for the package booktabs, nothing else needed. CSV: the table
        `Result.summary`, as ``summary.csv`` of a run folder.
    everything : bool
        Whether the LaTeX table lists the properties of single separators and areas too.

    Returns
    -------
    str
        The table. That data are synthetic, or that the fit has not converged, stands in it.

    Raises
    ------
    InputError
        The format is not legal.

    Examples
    --------
    >>> result = load_result("runs/sodium-literature")
    >>> parameter_table(result, "csv").partition(",")[0]
    'parameter'
    """
    if format not in get_args(Format):
        raise InputError(
            f"the format of a parameter table is {format!r}, legal are "
            f"{' and '.join(get_args(Format))}"
        )
    table = result.summary()
    if format == "csv":
        return str(table.to_csv(lineterminator="\n"))
    if not everything:
        kept = [label for label in table.index if is_of_all(label)]
        table = table.loc[kept]
    return "\n".join(_latex(result, table)) + "\n"


def _latex(result: "Result", table: Any) -> Iterator[str]:
    from inference.words.numbers import interval, number

    share = rf"{100 * INTERVAL:.0f}\,\%"
    name = str(result.attrs["name"])
    yield rf"% Parameters of the run {re.sub(r'\s+', ' ', name)}; needs \usepackage{{booktabs}}."
    yield r"\begin{tabular}{llrrrr}"
    yield r"\toprule"
    for mark in _marks(result):
        yield rf"\multicolumn{{6}}{{l}}{{\textbf{{{mark}}}}} \\"
    yield (rf"parameter & unit & median & {share} interval & {share} of the prior & narrower \\")
    yield r"\midrule"
    for label, row in table.iterrows():
        base, member = split_label(str(label))
        known = quantities().get(base)
        symbol = known.math if known is not None else latex_text(base)
        of = f" ({latex_text(member.replace('_', ' '))})" if member else ""
        narrowing = float(row["narrowing"])
        yield (
            f"{symbol}{of} & {latex_unit(str(row['unit']))} & "
            f"{_power(number(row['median'], row['upper'] - row['lower']))} & "
            f"{_power(interval(row['lower'], row['upper']))} & "
            f"{_power(interval(row['prior_lower'], row['prior_upper']))} & "
            + (rf"{number(narrowing)}$\times$ \\" if math.isfinite(narrowing) else r"-- \\")
        )
    yield r"\bottomrule"
    yield r"\end{tabular}"


def _marks(result: "Result") -> Iterator[str]:
    if result.synthetic:
        yield "SYNTHETIC DATA: drawn from a model with stated truth, measured by nobody"
    if not result.gate.passed:
        yield "NOT CONVERGED: do not use"


def _power(text: str) -> str:
    """Write numbers as LaTeX does: powers of ten, true minus signs, dashes between."""
    text = re.sub(r"([\d.]+)e(-?\d+)", r"$\1\\times10^{\2}$", text).replace("–", "--")
    return re.sub(r"(?<![\d{^$}-])-(?=\d)", "$-$", text)


def latex_text(text: str) -> str:
    """Return text with every sign that LaTeX would act on escaped.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        One line of LaTeX.
    """
    return "".join(_ESCAPES.get(sign, sign) for sign in re.sub(r"\s+", " ", text))


def latex_unit(unit: str) -> str:
    r"""Return a unit in plain LaTeX.

    Parameters
    ----------
    unit : str
        As this project writes units, such as "mA/cm^2".

    Returns
    -------
    str
        Such as ``mA\,cm$^{-2}$``; "1" for a plain number.
    """
    if unit == "1":
        return "1"
    top, *bottoms = unit.split("/")
    parts = [(factor, 1) for factor in top.split()]
    parts += [(factor, -1) for bottom in bottoms for factor in bottom.strip("()").split()]
    shown = []
    for factor, sign in parts:
        name, _, power = factor.partition("^")
        exponent = sign * int(power or 1)
        base = _UNITS.get(name) or latex_text(name)
        shown.append(base if exponent == 1 else f"{base}$^{{{exponent}}}$")
    return r"\,".join(shown)
