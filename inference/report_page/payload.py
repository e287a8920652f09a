"""What the report's page computes with: posterior draws, noise, constants and legal conditions.

The page evaluates safe currents by itself (``physics.js``), on the draws and with the noise of the
run's maps. Numbers travel as base64 text of little-endian arrays: draws in double precision, noise
and properties of separators in single, which moves a current by less than one part in a million.
"""

import base64
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final, get_args

import numpy as np
import numpy.typing as npt

from data.errors import MapError
from data.units import to_si
from inference.designs.axes import AXES, VARIANTS, WORDS, Cell, PoreType, Protocol
from inference.designs.design import Design
from inference.designs.limits import ACTIVATION, Setting, option
from inference.designs.mechanisms import (
    CURRENT_FACTOR,
    LAB_SCATTER,
    MECHANISMS,
    SEPARATOR_OFFSET,
    cells_of,
    has_lab_offsets,
    own_property,
    parameter_draws,
)
from inference.designs.noise import NoiseTable, noise_table
from inference.designs.scope import COVERS, DOES_NOT_COVER
from inference.maps.asked import one_design
from inference.maps.caveats import (
    as_tested,
    caveats,
    failures,
    tested_protocol,
    untested_currents,
    untested_protocol,
    worth_of_rows,
)
from inference.maps.extrapolation import WIDER, DataSpan, supports
from inference.maps.known import LEAST_DRAWS_BEYOND, highest_pressure, scatter_notes
from inference.maps.one_condition import TESTED
from inference.maps.rare_kinds import TellingCells, cells_behind, cells_that_show
from inference.maps.separator_laws import (
    NEAR,
    separator_in_words,
    separator_law_sentence,
    tested_separators,
)
from inference.maps.separators import (
    as_fitted,
    belonging,
    offset_in_words,
    separator_draws,
    separators_of,
)
from inference.maps.start import default_design, start_design
from inference.maps.tails import WORDS as CELL_WORDS
from inference.maps.tails import other_cells
from inference.rows.data_ranges import LINEAR
from inference.thresholds import (
    BATCHES,
    DECIDES,
    DEFAULT_RISK,
    INTERVAL_DEVIATE,
    LAW_MOVES,
    LIKE_TESTED,
    TOLERANCE_REACH,
    UNSEEN,
)
from models.physics import constants
from models.separators import MACMULLIN_SCATTER
from models.temperature import TEMPERATURE_WINDOW

if TYPE_CHECKING:
    from inference.runs.result import Result

__all__ = ["page_payload", "physics_document"]

_MOST_SEPARATORS: Final = 16
"""Separators whose draws a page carries: about 0.1 MB each."""

Packed = dict[str, str]


def physics_document(setting: Setting) -> dict[str, Any]:
    """Return what the page's physics needs beside draws and noise.

    Parameters
    ----------
    setting : Setting
        Metal and laws of the fit.

    Returns
    -------
    dict
        ``constants``, ``setting``, ``axes`` and ``scatters``, as plain data.
    """
    return {
        "constants": {
            "gas_constant": constants.GAS_CONSTANT,
            "faraday": constants.FARADAY,
            "reference_temperature": constants.REFERENCE_TEMPERATURE,
            "reference_strain_rate": constants.REFERENCE_STRAIN_RATE,
            "macmullin_scatter": dict(MACMULLIN_SCATTER),
            "current_factor": CURRENT_FACTOR,
            "interval_deviate": INTERVAL_DEVIATE,
            "batches": BATCHES,
            "default_risk": DEFAULT_RISK,
            "tail_moves": LAW_MOVES,
            "unseen": UNSEEN,
            "decides": DECIDES,
            "like_tested": LIKE_TESTED,
            "wider": WIDER,
            "near": NEAR,
        },
        "setting": {
            "molar_volume": setting.molar_volume,
            "kinetics": setting.kinetics,
            "creep_current": setting.creep_current,
            "pores": setting.pores,
        },
        "axes": {cell: _axes(cell) for cell in AXES},
        "scatters": {
            cell: [[item.name, list(item.scatters)] for item in mechanisms]
            for cell, mechanisms in MECHANISMS.items()
        },
    }


def _axes(cell: Cell) -> dict[str, dict[str, Any]]:
    found = {}
    for name, kind in AXES[cell].items():
        zero, one = (float(value) for value in to_si(np.array([0.0, 1.0]), kind.unit))
        found[name] = {
            "name": name,
            "unit": kind.unit,
            "words": WORDS[name],
            "lower": kind.lower,
            "upper": kind.upper,
            "spread": kind.spread,
            "optional": kind.optional,
            "scale": one - zero,
            "offset": zero,
            "log": name not in LINEAR,
        }
    return found


def page_payload(
    result: "Result",
    sections: Mapping[Cell, Mapping[str, Any]],
    *,
    draws: int = 4000,
    seed: int | None = None,
) -> dict[str, Any]:
    """Return everything that the explorable map of the page holds.

    Parameters
    ----------
    result : Result
        A finished fit.
    sections : mapping
        By kind of cell the design that the page starts from, as a job writes it; empty for the
        default design.
    draws : int, optional
        Posterior draws, as for `inference.maps.mapping.safe_current_map`.
    seed : int, optional
        The seed of the result by default.

    Returns
    -------
    dict
        Plain data for JSON.
    """
    table = noise_table(result, draws, seed)
    chosen = table["posterior_draw"].to_numpy()
    noise = NoiseTable(int(table.attrs["seed"]), chosen.size)
    cells = list(sections)
    parameters: dict[str, npt.NDArray[np.float64]] = {}
    for cell in cells:
        for protocol in get_args(Protocol) if cell == "solid" else (get_args(Protocol)[0],):
            values = parameter_draws(result, cell, protocol, chosen)
            if "supply_factor" in values:
                values[f"supply_factor[{protocol}]"] = values.pop("supply_factor")
            parameters |= values
    sources = [str(name) for name in table["source"].to_numpy() if _used(str(name), cells, result)]
    separators = _separators(result, chosen, noise) if "liquid" in cells else []
    failed = failures(result)
    worth = worth_of_rows(failed)
    document = physics_document(Setting.of(result))
    document["axes"] = {cell: _legal(document["axes"][cell], cell, result) for cell in cells}
    document["scatters"] = {cell: document["scatters"][cell] for cell in cells}
    return document | {
        "packed": {
            "draws": {name: _pack(values, "float64") for name, values in parameters.items()},
            "noise": _pack_sources(table["noise"], sources),
            "cells": _pack_sources(table["cell_noise"], sources),
            "bands": _pack(table["band_draw"].to_numpy(), "float64"),
        },
        "tails": {cell: _tails(result, cell, parameters, noise) for cell in cells},
        "count": int(chosen.size),
        "seed": int(table.attrs["seed"]),
        "least_risk": min(DEFAULT_RISK, LEAST_DRAWS_BEYOND / chosen.size),
        "tolerance_reach": TOLERANCE_REACH,
        "synthetic": result.synthetic,
        "name": str(result.attrs["name"]),
        "designs": {cell: _start(result, cell, sections[cell]) for cell in cells},
        "separators": separators[:_MOST_SEPARATORS],
        "separators_left_out": len(separators[_MOST_SEPARATORS:]),
        "supports": _supports(result, cells),
        "tested": TESTED,
        "separator_law": separator_law_sentence(result) if "liquid" in cells else "",
        "behind": {
            item.name: {
                "cells": cells_behind(result, item, worth=worth),
                "show": _shown(cells_that_show(result, item, worth)),
            }
            for cell in cells
            for item in MECHANISMS[cell]
        },
        "temperature_window": TEMPERATURE_WINDOW,
        "words": {
            "variants": dict(VARIANTS),
            "mechanisms": {
                item.name: item.long_name for cell in cells for item in MECHANISMS[cell]
            },
            "covers": {cell: COVERS[cell] for cell in cells},
            "does_not_cover": {cell: DOES_NOT_COVER[cell] for cell in cells},
            "cells": dict(CELL_WORDS),
            "own_cells": {cell: _own_cells(cell, parameters) for cell in cells},
            "belonging": {cell: belonging(default_design(result, cell), result) for cell in cells},
        },
        "caveats": {cell: caveats(result, cell, failed) for cell in cells},
        "currents_tested": untested_currents(result),
        **_by_protocol(result),
        "scatter": {cell: scatter_notes(result, default_design(result, cell)) for cell in cells},
        "cells_order": cells,
        "data_kind": str(result.attrs["campaign_kind"]),
        "not_converged": not result.gate.passed,
    }


def _by_protocol(result: "Result") -> dict[str, Any]:
    """Return what is said of a protocol that no cell was tested by, and the one that all were."""
    return {
        "untested": {each: untested_protocol(result, each) for each in get_args(Protocol)},
        "tested_protocol": tested_protocol(result),
        "as_tested": as_tested(result, "{current}", "{risk}"),
    }


def _shown(cells: TellingCells) -> dict[str, Any]:
    most = cells.most if math.isfinite(cells.most) else None
    return {"always": cells.always, "others": cells.others, "most": most}


def _own_cells(cell: Cell, parameters: Mapping[str, npt.NDArray[np.float64]]) -> str:
    """Return the laws of the fit's cells in words."""
    laws = (cells_of(each, parameters).law.name for each in MECHANISMS[cell])
    return " and ".join(CELL_WORDS[name] for name in dict.fromkeys(laws))


def _tails(
    result: "Result",
    cell: Cell,
    parameters: Mapping[str, npt.NDArray[np.float64]],
    noise: NoiseTable,
) -> dict[str, dict[str, Any]]:
    """Return by other law of the cells the draws that differ, and which it has not."""
    return {
        law: {
            "draws": {
                name: _pack(draws, "float32")
                for name, draws in values.items()
                if draws is not parameters.get(name)
            },
            "without": [name for name in parameters if name not in values],
        }
        for law, values in other_cells(result, cell, parameters, noise).items()
    }


def _used(source: str, cells: Iterable[Cell], result: "Result") -> bool:
    """Say whether any cell of the page needs a source of noise."""
    for cell in cells:
        for item in MECHANISMS[cell]:
            if source in item.scatters:
                return True
            if source == f"{LAB_SCATTER} of {item.name}":
                return has_lab_offsets(item, result)
        if source.removesuffix(" of the design") in AXES[cell]:
            return True
    return False


def _pack(values: npt.NDArray[Any], kind: str) -> Packed:
    little = np.ascontiguousarray(values, dtype=np.dtype(kind).newbyteorder("<"))
    return {"type": kind, "data": base64.b64encode(little.tobytes()).decode("ascii")}


def _pack_sources(table: Any, sources: Iterable[str]) -> dict[str, Packed]:
    return {name: _pack(table.sel(source=name).to_numpy(), "float32") for name in sources}


def _legal(axes: dict[str, Any], cell: Cell, result: "Result") -> dict[str, Any]:
    """Narrow the legal ranges of axes to what the fit speaks of, and leave out what it cannot."""
    if cell == "solid":
        axes["pressure"]["upper"] = highest_pressure(result)
        return axes
    if any(name not in result.posterior for name in ACTIVATION.values()):
        axes["temperature"]["lower"] = 25.0 - TEMPERATURE_WINDOW
        axes["temperature"]["upper"] = 25.0 + TEMPERATURE_WINDOW
    if option(result.attrs, "penetration", "pores") != "weakest_link":
        del axes["pore_size_spread"]
    elif "pore_size_spread" not in result.posterior:
        axes["pore_size_spread"]["optional"] = False
    return axes


def _start(result: "Result", cell: Cell, section: Mapping[str, Any]) -> dict[str, Any]:
    design, ends = start_design(result, cell, section)
    return {
        "cell": cell,
        "conditions": {name: float(axis.values[0]) for name, axis in design.axes.items()},
        "tolerances": _tolerances(design),
        "ends": ends,
        "pore_type": design.pore_type,
        "protocol": design.protocol,
        "pore_types": list(get_args(PoreType)),
        "protocols": list(get_args(Protocol)),
    }


def _tolerances(design: Design) -> dict[str, dict[str, Any]]:
    return {
        name: {"sd": tolerance.sd, "relative": tolerance.relative}
        for name, tolerance in design.tolerances.items()
    }


def _separators(
    result: "Result", chosen: npt.NDArray[np.intp], noise: NoiseTable
) -> list[dict[str, Any]]:
    """Return the campaign's separators: what is stated of them, and what the fit found."""
    found, tested = [], tested_separators(result)
    for name, section in separators_of(result).items():
        try:
            design = one_design({"cell": "liquid", "separators": [name]}, result)
        except MapError:  # of which not enough is stated
            continue
        parameters = parameter_draws(result, "liquid", design.protocol, chosen)
        own = separator_draws(result, design, chosen, parameters, noise)
        fitted = as_fitted(own)
        found.append(
            {
                "name": name,
                "pore_type": design.pore_type,
                "conditions": {
                    axis: float(design.axes[axis].values[0])
                    for axis in section
                    if axis in AXES["liquid"]
                },
                "tolerances": _tolerances(design),
                "fitted": {axis: {"median": m, "sd": sd} for axis, (m, sd) in fitted.items()},
                # What is exact is one number for all draws.
                "draws": {
                    axis: _pack(own[name] if np.ptp(own[name]) else own[name][:1], "float32")
                    for axis, name in (
                        *((axis, own_property(axis)) for axis in fitted),
                        (SEPARATOR_OFFSET, SEPARATOR_OFFSET),
                    )
                },
                "supports": _as_data(supports(design, result)),
                "belonging": belonging(design, result),
                "offset": offset_in_words(design, own),
                "tested": separator_in_words(tested[name]) if name in tested else "",
                "scatter": scatter_notes(result, design),
            }
        )
    return found


def _supports(result: "Result", cells: Iterable[Cell]) -> dict[str, list[dict[str, Any]]]:
    """Return what the rows span, by kind of cell and protocol, and limit."""
    found: dict[str, list[dict[str, Any]]] = {}
    for cell in cells:
        if cell == "liquid":
            found[cell] = _as_data(supports(default_design(result, cell), result))
            continue
        for protocol in get_args(Protocol):
            design = one_design({"cell": "solid", "protocol": protocol}, result)
            found[f"solid {protocol}"] = _as_data(supports(design, result))
    return found


def _as_data(every: Iterable[DataSpan]) -> list[dict[str, Any]]:
    return [asdict(each) | {"own": sorted(each.own)} for each in every]
