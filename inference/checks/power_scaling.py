"""What moves a posterior: its prior, and each table, by scaling their powers."""

from collections.abc import Collection, Mapping

import numpy as np
import xarray as xr

from data.arrays import Array
from inference.engine.arviz_statistics import power_scaling
from inference.engine.scales import (
    log_jacobian,
)
from inference.misfit.verdicts import Finding, Verdict
from inference.runs.result import Result
from inference.thresholds import (
    POWER_SCALING,
)
from inference.words.labels import OFFSET, joined, main_parameters
from models.blocks import table_of
from models.prior_set import PriorSet

__all__ = ["moved_by_tables", "prior_against_data", "scaled_powers"]

_OF_SEPARATORS = ("pore_radius", "thickness", "porosity", "macmullin_number", "pore_size_spread")


def _log_densities(result: Result, priors: PriorSet) -> dict[str, Array]:
    """Return the log-density of the prior, of the separators' table and of each fitted table.

    What a table states about a separator, a pressure or an area with an error is a prior density of
    a latent in the model, and data of that table to its reader. Densities of latents that link
    rows (offsets of separators and laboratories) are of neither. Priors are densities on the
    natural scales, as draws are: on other scales what they favour would hang on units.
    """
    found: dict[str, Array] = {}
    sampled = result.posterior
    if "sampled" in result.tree:
        sampled = sampled.merge(result.tree["sampled"].to_dataset())

    def add(name: str, values: xr.DataArray) -> None:
        extra = [dim for dim in values.dims if dim not in {"chain", "draw"}]
        total = values.sum(extra, dtype=float).transpose("chain", "draw").values
        found[name] = found[name] + total if name in found else total

    tables = sorted(result.blocks, key=len, reverse=True)
    labels = {name.replace("[", "_").rstrip("]"): name for name in priors} | {
        "contact_angle_abs_cosine": "contact_angle_abs_cosine",
        "wetting_product": "wetting_product",
        "diffusivity_over_anion_transference": "diffusivity_over_anion_transference",
        "threshold_scale": "critical_current_density",  # positive, as that is
    }
    for key, values in result.tree["log_prior"].to_dataset().data_vars.items():
        name = str(key)
        latent = name.removesuffix("_z")
        if name in labels:
            own = sampled[name].transpose(*values.dims).values
            add("prior", values + log_jacobian(labels[name], own))
        elif latent.endswith(OFFSET):
            continue
        elif latent in _OF_SEPARATORS:
            add("separators", values)
        else:
            owner = next((table for table in tables if name.startswith(f"{table}_")), "prior")
            add(owner, values)
    for key, values in result.log_likelihood.data_vars.items():
        add(table_of(str(key)), values)
    order = ["prior", "separators", *sorted(result.blocks)]
    return {name: found[name] for name in order if name in found}


def scaled_powers(
    result: Result, draws: xr.Dataset, priors: PriorSet, seed: int
) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, float]], dict[str, float]]:
    """Return sensitivities, shifts of the mean, and what chance alone gives, by component."""
    components = _log_densities(result, priors)
    matrix = power_scaling(draws, components, seed)
    floors = {name: row.pop("") for name, row in matrix.items()}
    shifts: dict[str, dict[str, float]] = {}
    for name, values in components.items():
        centred = values - values.mean()
        # d E[x] / d ln(weight) at weight 1 is the covariance of x with the log-density.
        shifts[name] = {
            str(label): float(np.mean(centred * (x.values - x.values.mean())) / x.values.std())
            for label, x in draws.data_vars.items()
        }
    return matrix, shifts, floors


def moved_by_tables(
    matrix: Mapping[str, Mapping[str, float]],
    shifts: Mapping[str, Mapping[str, float]],
    floors: Mapping[str, float],
    tables: Collection[str],
) -> list[Finding]:
    """Say which table moves each main parameter most."""
    found = []
    for name in matrix:
        if name == "prior":
            continue
        limit = POWER_SCALING + floors[name]  # beyond what chance alone gives
        moved = {label: value for label, value in matrix[name].items() if value > limit}
        main = sorted(main_parameters(moved), key=lambda label: -moved[label])
        others = len(moved) - len(main)
        numbers = {
            "sensitivity": {label: moved[label] for label in main},
            "shift": {label: shifts[name][label] for label in main},
            "noise": floors[name],
        }
        key = f"moved by {name}"
        if not moved:
            least = max(matrix[name], key=matrix[name].__getitem__)
            text = (
                f"{name} moves no parameter (largest power-scaling sensitivity "
                f"{matrix[name][least]:.2f}, of {least})."
            )
            verdict: Verdict = "warn" if name in tables else "ok"
            found.append(Finding.of(key, verdict, text, **numbers))
            continue
        told = [
            f"{label} ({moved[label]:.2f}, {'up' if shifts[name][label] > 0 else 'down'})"
            for label in main
        ]
        if others:
            several = "properties" if others > 1 else "property"
            told.append(f"{others} {several} of single separators and areas")
        text = f"{name} moves {joined(told)}."
        found.append(Finding.of(key, "ok", text, **numbers))
    return found


def prior_against_data(
    matrix: Mapping[str, Mapping[str, float]],
    shifts: Mapping[str, Mapping[str, float]],
    floors: Mapping[str, float],
    tables: Collection[str],
    priors: PriorSet,
) -> list[Finding]:
    """Name the parameters that both the prior and a table move."""
    if "prior" not in matrix:
        return []
    pulled = []
    for label in main_parameters(matrix["prior"]):
        strongest = max((t for t in matrix if t in tables), key=lambda t: matrix[t][label])
        # Beyond what chance alone gives.
        if any(
            matrix[each][label] <= POWER_SCALING + floors[each] for each in ("prior", strongest)
        ):
            continue
        # Both move it, and in opposite directions.
        if shifts["prior"][label] * shifts[strongest][label] < 0 and label in priors:
            pulled.append((label, strongest))
    if not pulled:
        return []
    told = ", ".join(f"{label} ({table})" for label, table in pulled)
    return [
        Finding.of(
            "prior against data",
            "warn",
            "The prior pulls one way and the data the other, both with a power-scaling sensitivity "
            f"above {POWER_SCALING:g}: {told}. Another prior would give another answer there.",
            parameters=dict(pulled),
            limit=POWER_SCALING,
        )
    ]
