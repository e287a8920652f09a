"""Where an answer lies between what was tested, and the law alone says how the limit goes there.

Ranges and regions of the data know ends only. Between two levels that lie far apart no cell shows
whether the law bends as the limit does: two levels fix its ends, and the middle is the equation's.
Nor does a cell that held a current for a charge that nobody wrote down tell that it would have held
it any longer. Neither is called extrapolated: a sentence is due with the answer, no hatching.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from inference.designs.axes import WORDS, shown
from inference.designs.design import Design
from inference.designs.reading import SEPARATOR_AXES
from inference.maps.extrapolation import DataSpan, supports

if TYPE_CHECKING:
    from inference.designs.basis import Basis

__all__ = ["between_sentences"]


def between_sentences(design: Design, result: "Basis") -> list[str]:
    """Say where a design lies far from every level tested, and where no row states a charge.

    Parameters
    ----------
    design : Design
        Of one cell or of a map.
    result : Basis
        The fit.

    Returns
    -------
    list of str
        One for each gap that a condition lies in, or some of the values of a swept one. Of a
        separator as it was fitted its own properties are no question of a law.
    """
    every = supports(design, result)
    told = []
    for name, axis in design.axes.items():
        if design.separator and name in SEPARATOR_AXES:
            continue
        known = [each for each in every if each.gaps is not None and name in each.gaps]
        behind: dict[str, list[str]] = {}
        for each in known:
            for gap in (each.gaps or {})[name]:
                low, high = gap["far"]
                if ((axis.values > low) & (axis.values < high)).any():
                    behind.setdefault(" and ".join(map(shown, gap["between"])), []).append(
                        each.limit
                    )
        unit = "" if axis.kind.unit == "1" else f" {axis.kind.unit}"
        for ends, limits in behind.items():
            cell = _cell("" if len(limits) == len(known) else limits[0])
            where = "there"
            if axis.values.size == 1:
                where = f"at {WORDS[name]} {shown(float(axis.values[0]))}{unit}"
            told.append(f"No {cell} was tested between {ends}{unit}: {where} the law alone speaks.")
    return [*told, *_unstated_charge(design, every)]


def _cell(limit: str) -> str:
    return f"cell that tells of {limit}" if limit else "cell"


def _unstated_charge(design: Design, every: Sequence[DataSpan]) -> list[str]:
    """Say that no row states a charge that a cell survived which metal may penetrate."""
    if all(
        each.gaps is None or "charge" in each.gaps for each in every if each.limit == "penetration"
    ):
        return []
    until = "up to the charge asked" if "charge" in design.axes else "for good, in the steady state"
    which = " of this separator" if design.separator else ""
    return [
        f"No row{which} that tells of penetration states a charge that its cell survived: the "
        f"answer takes it that cells which held a current would have held it {until}."
    ]
