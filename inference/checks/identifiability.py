"""Verdicts on what the data identify: contraction, power scaling, ridges.

Everything is measured on the natural scale of each parameter (`inference.engine.scales`).
"""

import json

from inference.checks.contraction import contraction_findings, contractions
from inference.checks.power_scaling import moved_by_tables, prior_against_data, scaled_powers
from inference.checks.ridges import ridge_findings, ridges
from inference.engine.sampling import scalars
from inference.engine.scales import (
    natural,
)
from inference.engine.standing import standing
from inference.misfit.verdicts import Section
from inference.runs.result import Result
from inference.words.plain import plain
from models.priors import resolve_priors

__all__ = ["identifiability_section"]


def identifiability_section(result: Result, seed: int) -> Section:
    """Judge what the data of a result identify.

    Parameters
    ----------
    result : Result
        A finished fit.
    seed : int
        Of the noise that power scaling is judged against.

    Returns
    -------
    Section
        ``identifiability``; tables ``contraction``, ``power_scaling`` (a row for each parameter,
        a column for the prior, the separators and each table) and ``ridges``.
    """
    priors = resolve_priors(result.metal, result.model_options.priors)
    draws = natural(scalars(result.posterior))
    prior = scalars(result.prior)
    informed = json.loads(str(result.attrs["informed_by"]))
    tables = result.blocks
    contraction, errors = contractions(draws, prior, priors)
    learnt = {str(label): row for label, row in result.summary().iterrows()}
    matrix, shifts, floors = scaled_powers(result, draws, priors, seed)
    correlated = ridges(draws, natural(prior), result.summary()["ess_bulk"].to_dict())
    findings = [
        *contraction_findings(
            contraction,
            informed,
            tables,
            errors=errors,
            standings={label: standing(row) for label, row in learnt.items()},
            shifts={label: float(row.get("shift", 0.0)) for label, row in learnt.items()},
        ),
        *moved_by_tables(matrix, shifts, floors, tables),
        *prior_against_data(matrix, shifts, floors, tables, priors),
        *ridge_findings(correlated, tables),
    ]
    return Section(
        name="identifiability",
        title="What the data identify",
        findings=tuple(findings),
        tables={
            "contraction": [
                plain({"parameter": label, "contraction": value, "error": errors[label]})
                for label, value in contraction.items()
            ],
            "power_scaling": [
                plain(
                    {
                        "parameter": label,
                        "sensitivity": {name: matrix[name][label] for name in matrix},
                        "shift": {name: shifts[name][label] for name in shifts},
                    }
                )
                for label in map(str, draws.data_vars)
            ],
            "power_scaling_of_noise": [
                {"component": name, "sensitivity": value} for name, value in floors.items()
            ],
            "ridges": correlated,
        },
    )


# --- power scaling --------------------------------------------------------------------------------


# --- ridges ---------------------------------------------------------------------------------------
