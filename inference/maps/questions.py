"""Direct answers to design questions: what is safe, how small a pore, how much pressure.

Each answer rests on the numbers of the map: its *value* is the current at which a new cell fails
with the stated risk, or the condition at which that current is the one asked for, over all
posterior draws with the noise of `inference.designs.noise`. All that is not known is counted in:
the scatter of cells, and the parameters.

Its *interval* says how sure that is. Within one posterior draw the parameters are known, and the
risk is a share of new cells (512 of them, evenly spread: ``cell_noise``): each draw has a current,
or a condition, of its own. The interval holds nine tenths of these over at most 1000 draws
(``band_draw``), equal tails. More data narrow it. It is not centred on the value: at a small risk
the value, for which the least favourable draws decide, may lie outside it. Of risks smaller than
one of these cells stands for there is none.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, overload

import numpy as np

from data.errors import AnodebayesError, MapError
from data.units import parse_quantity
from inference.designs.axes import CURRENT, WORDS, Axis, AxisKind
from inference.designs.axes import shown as _shown
from inference.designs.design import Design
from inference.designs.reading import SEPARATOR_AXES, read_design
from inference.maps.answer import Answer, axis_kind
from inference.maps.asked import one_design, shared_conditions
from inference.maps.known import highest_pressure
from inference.maps.solving import NO_INTERVAL, Asked, Found
from inference.thresholds import DEFAULT_RISK, TAILS

if TYPE_CHECKING:
    from inference.designs.basis import Basis

__all__ = ["required_pore_radius", "required_pressure", "safe_current"]

_PLACEHOLDER: Final = "300 nm"


@overload
def safe_current(
    result: "Basis",
    design: Design | Mapping[str, Any],
    risk: float = DEFAULT_RISK,
    *,
    draws: int = 4000,
    seed: int | None = None,
) -> Answer: ...


@overload
def safe_current(
    result: "Basis",
    design: Sequence[Design | Mapping[str, Any]],
    risk: float = DEFAULT_RISK,
    *,
    draws: int = 4000,
    seed: int | None = None,
) -> list[Answer]: ...


def safe_current(
    result: "Basis",
    design: Design | Mapping[str, Any] | Sequence[Design | Mapping[str, Any]],
    risk: float = DEFAULT_RISK,
    *,
    draws: int = 4000,
    seed: int | None = None,
) -> Answer | list[Answer]:
    """Return the current that a new cell bears at a risk.

    Parameters
    ----------
    result : Basis
        A finished fit.
    design : Design or mapping, or a sequence of them
        One cell, or several; a mapping is one as in a job file, with the key `cell` ("liquid" or
        "solid"), every condition a single quantity. A condition that it leaves out is that of the
        data, where all have the same, and a note says so.
    risk : float, optional
        Probability of failure, in (0, 0.5].
    draws, seed
        As in `inference.maps.mapping.safe_current_map`; more draws are used where the risk calls
        for them.

    Returns
    -------
    Answer, or list of Answer
        Value and interval in mA/cm^2; of several cells one each, in their order.

    Raises
    ------
    MapError
        If the design is not legal, is not of one cell, or asks for what nothing in the fit speaks
        of.

    Examples
    --------
    >>> result = load_result("runs/sodium-literature")
    >>> answer = safe_current(result, {"cell": "liquid", "pore_radius": "30 nm"})
    >>> answer.mechanism, 0.7 < answer.value < 1.0  # mA/cm^2
    ('penetration', True)
    """
    if isinstance(design, Sequence):
        return [safe_current(result, each, risk, draws=draws, seed=seed) for each in design]
    design, alike = _as_all_rows(result, design)
    cell = Asked(result, _single(result, design), risk, draws, seed)
    value = cell.safe(cell.design)
    interval = NO_INTERVAL
    if cell.bands_reach:
        by_draw = cell.by_draw(cell.design)
        lower, upper = (float(np.quantile(by_draw, tail)) for tail in TAILS)
        interval = lower, upper
    least, most = (cell.safe(cell.design, level) for level in cell.levels)
    found = Found(value, interval, (least, most))
    reason = cell.why_none(cell.design) if value == 0.0 else ""
    answer = cell.answer("safe_current", "current_density", value, found, cell.design, reason)
    return replace(answer, notes=(*alike, *answer.notes))


def required_pore_radius(
    result: "Basis",
    current: str | float,
    risk: float = DEFAULT_RISK,
    design: Mapping[str, Any] | None = None,
    *,
    draws: int = 4000,
    seed: int | None = None,
) -> Answer:
    """Return the largest pore radius at which a new liquid cell bears a current at a risk.

    Parameters
    ----------
    result : Basis
        A finished fit.
    current : str or float
        Such as "2 mA/cm^2"; a plain number is in mA/cm^2.
    risk : float, optional
        Probability of failure, in (0, 0.5].
    design : mapping, optional
        The liquid cell as in a job file, without its pore radius; `pore_radius_sd` is legal.
    draws, seed
        As in `inference.maps.mapping.safe_current_map`.

    Returns
    -------
    Answer
        Value and interval in nm.

    Raises
    ------
    MapError
        If the design is not legal, or asks for what nothing in the fit speaks of.

    Examples
    --------
    >>> result = load_result("runs/sodium-literature")
    >>> 11 < required_pore_radius(result, "2 mA/cm^2").value < 17  # nm
    True
    """
    section = _without(design, "pore_radius", "required_pore_radius")
    start = _single(result, {**section, "cell": "liquid", "pore_radius": _PLACEHOLDER})
    cell = Asked(result, start, risk, draws, seed)
    target = _amount(CURRENT, current, "current")
    low, high = cell.reach("pore_radius", np.geomspace)
    # The safe current falls with the radius.
    found = cell.solve("pore_radius", target, low, high, rising=False)
    kind = start.axes["pore_radius"].kind
    value: float | None = found.value
    reason = ""
    at = f"{_shown(target)} {CURRENT.unit} at {100 * risk:g} % risk"
    if found.value == -math.inf:
        value, best = None, cell.with_axis("pore_radius", low)
        reason = (
            f"No pore radius is small enough for {at}: even with {_shown(low)} {kind.unit} "
            f"{cell.words(best, 'pore_radius')} bears only "
            f"{_shown(cell.safe(best))} {CURRENT.unit}."
        )
    elif found.value == math.inf:
        value, best = None, cell.with_axis("pore_radius", high)
        reason = (
            f"Any pore radius up to {_shown(high)} {kind.unit} will do for {at}: with it "
            f"{cell.words(best, 'pore_radius')} bears "
            f"{_shown(cell.safe(best))} {CURRENT.unit}."
        )
    else:
        best = cell.with_axis("pore_radius", found.value)
    return cell.answer("required_pore_radius", "pore_radius", value, found, best, reason, target)


def required_pressure(
    result: "Basis",
    current: str | float,
    capacity: str | float,
    risk: float = DEFAULT_RISK,
    design: Mapping[str, Any] | None = None,
    *,
    draws: int = 4000,
    seed: int | None = None,
) -> Answer:
    """Return the least stack pressure at which a new solid cell bears a current at a risk.

    Parameters
    ----------
    result : Basis
        A finished fit.
    current : str or float
        Such as "2 mA/cm^2"; a plain number is in mA/cm^2.
    capacity : str or float
        Stripped in one half-cycle, such as "3 mAh/cm^2"; a plain number is in mAh/cm^2.
    risk : float, optional
        Probability of failure, in (0, 0.5].
    design : mapping, optional
        The solid cell as in a job file, without its pressure and charge.
    draws, seed
        As in `inference.maps.mapping.safe_current_map`.

    Returns
    -------
    Answer
        Value and interval in MPa.

    Raises
    ------
    MapError
        If the design is not legal, or asks for what nothing in the fit speaks of.

    Examples
    --------
    >>> result = load_result("runs/sodium-literature")
    >>> 0 < required_pressure(result, "0.5 mA/cm^2", "3 mAh/cm^2").value < 9  # MPa
    True
    """
    section = _without(design, "pressure", "required_pressure")
    if "charge" in section:
        raise MapError("required_pressure is given the capacity: leave 'charge' out of the design")
    charge = axis_kind("solid", "charge")
    stripped = _amount(charge, capacity, "capacity")
    start = _single(
        result,
        {
            **section,
            "cell": "solid",
            "charge": f"{stripped!r} {charge.unit}",
            "pressure": "0 MPa",
        },
    )
    cell = Asked(result, start, risk, draws, seed)
    target = _amount(CURRENT, current, "current")
    low, high = cell.reach("pressure", np.linspace, most=highest_pressure(result))
    found = cell.solve("pressure", target, low, high, rising=True)
    found = found.from_zero()
    value: float | None = found.value
    reason = ""
    if found.value == math.inf:
        value, best = None, cell.with_axis("pressure", high)
        most = cell.safe(best)
        why = (
            cell.why_none(best)
            if most == 0.0
            else f"with {_shown(high)} MPa it bears {_shown(most)} {CURRENT.unit}, and nothing is "
            "known above."
        )
        reason = (
            f"No pressure that anything is known of is enough for {_shown(target)} {CURRENT.unit} "
            f"at {100 * risk:g} % risk of {cell.words(best, 'pressure')}: {why}"
        )
    else:
        best = cell.with_axis("pressure", found.value)
    return cell.answer("required_pressure", "pressure", value, found, best, reason, target)


def _single(result: "Basis", design: Design | Mapping[str, Any]) -> Design:
    """Return the design of one cell, every condition a single one."""
    read = design if isinstance(design, Design) else one_design(design, result)
    if read.dims:
        examples = ", ".join(
            f'{name} = "{read.axes[name].values[0]:.3g} {read.axes[name].kind.unit}"'
            for name in read.dims
        )
        raise MapError(
            f"the question is about one {read.cell} cell, and its design has no single value of "
            f"{' and '.join(read.dims)}: give one, such as {examples}"
        )
    return read


def _as_all_rows(
    result: "Basis", design: Design | Mapping[str, Any]
) -> tuple[Design | Mapping[str, Any], tuple[str, ...]]:
    """Return the design with what it leaves open as all rows have it, and notes that say so.

    A separator is no condition of a test: its properties belong together and are asked for.
    """
    if isinstance(design, Design):
        return design, ()
    read, usual = one_design(design, result), read_design(str(design["cell"]), {})
    found, notes = dict(design), []
    shared = shared_conditions(read.cell, design, result)
    for name in read.dims:
        ends = result.data_ranges.get(read.cell, {}).get(name, [])
        if not (name in design or name in SEPARATOR_AXES or len(set(ends)) != 1):
            shared[name] = f"{ends[0]!r} {read.axes[name].kind.unit}"
    for name, entry in shared.items():
        value = Axis.parse(read.axes[name].kind, entry).values
        if np.array_equal(value, usual.axes[name].values):
            continue  # as it is always taken
        found[name] = entry
        unit = read.axes[name].kind.unit
        notes.append(
            f"The {WORDS[name]} was not stated: {_shown(value[0])}"
            f"{'' if unit == '1' else f' {unit}'}, as in all rows of {read.cell} cells."
        )
    return found, tuple(notes)


def _without(design: Mapping[str, Any] | None, name: str, question: str) -> dict[str, Any]:
    """Return a section, having refused what the question asks for."""
    section = dict(design or {})
    if name in section:
        raise MapError(f"{question} looks for {name!r}: leave it out of the design")
    cell = "liquid" if name == "pore_radius" else "solid"
    if section.pop("cell", cell) != cell:
        raise MapError(f"{question} is a question about {cell} cells: leave 'cell' out")
    return section


def _amount(kind: AxisKind, value: str | float, name: str) -> float:
    """Read a quantity, a plain number in its own unit."""
    try:
        if isinstance(value, str):
            found = float(parse_quantity(value, to=kind.unit))
        else:
            found = float(value)
    except (AnodebayesError, TypeError, ValueError) as error:
        raise MapError(f"{name}: {error}") from error
    if not kind.lower <= found <= kind.upper:
        raise MapError(f"{name} is {found:g} {kind.unit}, legal are {kind.range_text}")
    return found
