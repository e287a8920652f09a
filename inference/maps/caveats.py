"""Why a safe current may be none to rely on: said before every number of a fit.

An answer, a map, the report and a notebook say the same: what the fit suspects of its rows, what
its check failed, or without a check what it does not predict of its own data, that rows are left
out, that step tests bear more than others, that no cell failed or every one did, and that a current
lies above every one that was tested.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, get_args
from weakref import WeakKeyDictionary

from inference.designs.axes import CURRENT, Cell, Protocol
from inference.designs.mechanisms import MECHANISMS
from inference.maps.row_counts import told_of_rows
from inference.misfit.predictive import failing_predictions, unpredicted
from inference.misfit.symptoms import suspicions
from inference.misfit.verdicts import stored_check
from inference.thresholds import LIKE_TESTED

if TYPE_CHECKING:
    from inference.designs.basis import Basis

__all__ = [
    "as_tested",
    "beyond_tested",
    "caveats",
    "failures",
    "failures_in_words",
    "tested_protocol",
    "untested_currents",
    "untested_protocol",
    "warned",
    "worth_of_rows",
]

_BEFORE = ("left_out", "protocols")
_BY_PROTOCOL: Final[Mapping[Protocol, str]] = {"step": "in steps", "one_way": "one way"}
_TOLD_OTHERWISE = {"sampling"}  # by the convergence gate
_UNCHECKED: "WeakKeyDictionary[Basis, list[Mapping[str, Any]]]" = WeakKeyDictionary()
"""What results without a stored check do not predict: a second or two to find."""


def caveats(
    result: "Basis", cell: Cell, failed: Sequence[Mapping[str, Any]] | None = None
) -> list[str]:
    """Return why numbers of a fit on one kind of cell may be wrong.

    Parameters
    ----------
    result : Basis
        A finished fit.
    cell : {"liquid", "solid"}
        The kind of cell.
    failed : sequence of mapping, optional
        From `failures`, where they are known already.

    Returns
    -------
    list of str
        Sentences, each once; empty where nothing is known against them.
    """
    of_rows = [told for key in _BEFORE for told in told_of_rows(result, key, cell)]
    one_side = [*_none_failed(result, cell), *_all_failed(result, cell)]
    return [*dict.fromkeys([*warned(result, failed), *of_rows, *one_side])]


def warned(result: "Basis", failed: Sequence[Mapping[str, Any]] | None = None) -> list[str]:
    """Return why any number of a fit may be wrong, whatever cell it is of.

    Parameters
    ----------
    result : Basis
        A finished fit.
    failed : sequence of mapping, optional
        From `failures`, where they are known already.

    Returns
    -------
    list of str
        Sentences, each once: what the fit suspects, and what its check failed.
    """
    every = failures(result) if failed is None else failed
    return [*dict.fromkeys([*suspicions(result), *failures_in_words(every)])]


def failures_in_words(failed: Iterable[Mapping[str, Any]]) -> list[str]:
    """Say what a check failed, and what it means for an answer.

    Parameters
    ----------
    failed : iterable of mapping
        From `failures`.

    Returns
    -------
    list of str
        A sentence each.
    """
    return [
        unpredicted(each)
        if each["key"].startswith(("predictive ", "loo_pit ", "spread ", "batches "))
        else str(each["sentence"])
        for each in failed
    ]


def worth_of_rows(failed: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return as how many cells the rows of a scatter count that lie together in batches.

    Parameters
    ----------
    failed : iterable of mapping
        From `failures`.

    Returns
    -------
    dict of str to int
        By scatter; those whose rows are so many cells are missing.
    """
    return {
        each["key"].removeprefix("batches "): max(1, round(each["numbers"]["worth"]))
        for each in failed
        if each["key"].startswith("batches ") and "worth" in each["numbers"]
    }


def beyond_tested(result: "Basis", mechanism: str, current: float, protocol: str = "") -> list[str]:
    """Say that a current lies above, or below, every one at which a cell of the data was tested.

    Parameters
    ----------
    result : Basis
        A finished fit.
    mechanism : str
        By which new cells fail at that current.
    current : float
        The current density [mA/cm^2]; 0 where there is none.
    protocol : str, optional
        Of a solid cell.

    Returns
    -------
    list of str
        Empty where it does not, or where no cell tells of the mechanism.
    """
    every = untested_currents(result)
    own = every.get(f"{mechanism} {protocol}", every.get(mechanism))
    if own is None or not current > 0.0:
        return []
    return [words for words, low, high in own if not low <= current <= high]


def tested_protocol(result: "Basis") -> Protocol | None:
    """Return the protocol of all solid cells of the data.

    Parameters
    ----------
    result : Basis
        A finished fit.

    Returns
    -------
    {"step", "one_way"} or None
        None where cells were tested by both, or none were.
    """
    used = [each for each in get_args(Protocol) if result.data_ranges.get(f"solid {each}")]
    return used[0] if len(used) == 1 else None


def untested_protocol(result: "Basis", protocol: Protocol) -> str:
    """Say that no cell of the data was tested by a protocol that is asked for.

    Parameters
    ----------
    result : Basis
        A finished fit.
    protocol : {"step", "one_way"}
        Of a design of a solid cell.

    Returns
    -------
    str
        One sentence; empty where cells were tested by it, or none by any.
    """
    tested = tested_protocol(result)
    if tested is None or tested == protocol:
        return ""
    return (
        f"NO CELL WAS TESTED {_BY_PROTOCOL[protocol].upper()}: all solid cells of the data were "
        f"tested {_BY_PROTOCOL[tested]}, and how much metal reaches the interface "
        f"{_BY_PROTOCOL[protocol]} (supply_factor[{protocol}]) is the prior's alone."
    )


def as_tested(result: "Basis", shown: str, risk: str) -> str:
    """Say what a new cell bears by the protocol that all cells of the data were tested by.

    Parameters
    ----------
    result : Basis
        A finished fit, with one such protocol.
    shown : str
        The current, with its unit.
    risk : str
        Probability of failure, in per cent.

    Returns
    -------
    str
        One sentence.
    """
    tested = tested_protocol(result)
    how = _BY_PROTOCOL[tested] if tested else ""
    return f"Tested {how}, it bears {shown} at {risk} % risk (protocol={tested})."


def untested_currents(result: "Basis") -> dict[str, list[tuple[str, float, float]]]:
    """Return by mechanism how to say that a current is above or below every one tested, and those.

    Parameters
    ----------
    result : Basis
        A finished fit.

    Returns
    -------
    dict
        Of each sentence the lowest and the highest current at which it is not due [mA/cm^2].
        Mechanisms that no cell tells of are missing. Below every current lies none where a cell
        has a threshold of its own: it was tested on its way up. Tests at one current were not:
        theirs stand under ``voids one_way``.
    """
    found = {}
    for mechanism, own in _tested(result).items():
        highest = float(own["highest"])
        found[mechanism] = [
            (
                f"ABOVE EVERY CURRENT TESTED: no cell that tells of {mechanism} was tested above "
                f"{highest:.3g} {CURRENT.unit}; beyond it the law speaks alone, not the data.",
                0.0,
                highest,
            )
        ]
        if lowest := float(own.get("lowest_verdict", 0.0)):
            words = (
                f"BELOW EVERY CURRENT TESTED: no cell that tells of {mechanism} was tested below "
                f"{lowest:.3g} {CURRENT.unit}; what weak cells do there only the law says, not "
                "the data."
            )
            found[mechanism].append((words, lowest, 1e300))
    of_time = json.loads(str(result.attrs.get("times_tested", "{}"))).get("solid one_way")
    if of_time:
        currents = [current for _, current, _, _ in of_time]
        low, high = min(currents), max(currents)
        ends = ("ABOVE", "above", high, 0.0, high), ("BELOW", "below", low, low, 1e300)
        found["voids one_way"] = [
            (
                f"{side} EVERY CURRENT TESTED: no cell was tested one way {word} {end:.3g} "
                f"{CURRENT.unit}; beyond it the law speaks alone, not the data.",
                least / LIKE_TESTED,
                most * LIKE_TESTED,
            )
            for side, word, end, least, most in ends
        ]
    return found


def _tested(result: "Basis") -> Mapping[str, Mapping[str, Any]]:
    return dict(json.loads(str(result.attrs.get("tested", "{}"))))


def _none_failed(result: "Basis", cell: Cell) -> list[str]:
    found = []
    for item in MECHANISMS[cell]:
        own = _tested(result).get(item.name, {"failed": 1})
        if own["failed"]:
            continue
        found.append(
            f"NO CELL FAILED by {item.name}: {_all_of(own['cells'])} of it survived, up to "
            f"{own['highest']:.3g} {CURRENT.unit}. They bound the current from below only; how far "
            f"above it cells fail rests on {_on_what(result)}."
        )
    return found


def _all_failed(result: "Basis", cell: Cell) -> list[str]:
    found = []
    for item in MECHANISMS[cell]:
        own = _tested(result).get(item.name, {})
        if own.get("from_below", 1):
            continue
        found.append(
            f"EVERY CELL FAILED by {item.name}: {_all_of(own['cells'])} of it failed at the first "
            f"current at which each was tested, down to {own['lowest']:.3g} {CURRENT.unit}, and "
            "none is known to have borne any. They bound the current from above only; how far "
            f"below it cells fail, and with it every safe current, rests on {_on_what(result)}."
        )
    return found


def _all_of(count: int) -> str:
    return f"all {count} cells that tell" if count > 1 else "the only cell that tells"


def _on_what(result: "Basis") -> str:
    return "the prior" + (" and on published estimates" if "published" in result.blocks else "")


def failures(result: "Basis") -> list[Mapping[str, Any]]:
    """Return what the stored check of this very result failed, or what its fit does.

    Parameters
    ----------
    result : Basis
        A finished fit.

    Returns
    -------
    list of mapping
        Findings as in ``check.json``; what the convergence gate tells is not among them.
    """
    check = stored_check(result.folder, str(result.attrs.get("result_id")))
    if check is None:
        if result not in _UNCHECKED:
            _UNCHECKED[result] = failing_predictions(result)
        return _UNCHECKED[result]
    return [
        each
        for section in check["sections"]
        if section["name"] not in _TOLD_OTHERWISE
        for each in section["findings"]
        if each["verdict"] == "fail"
    ]
