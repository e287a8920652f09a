"""Synthetic campaigns: drawn from a stated truth by the model's own distributions."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from data.campaign import Campaign
from data.errors import CampaignError, InputError
from data.files import read_json, read_toml
from data.loading import load_campaign
from data.quantities import quantities
from data.writer import write_campaign
from inference.engine.prediction import Predictor
from models.blocks import block
from models.joint import JointModel, joint_model
from models.options import KineticsLaw, ModelOptions

__all__ = ["Truth", "drawn_from", "read_truth", "simulate"]

TRUTH_FILE = "truth.toml"
RECORD = "simulation.json"


class Truth(BaseModel):
    """A file of true parameters.

    Parameters
    ----------
    parameters : dict
        Parameter name (``supply_factor[step]`` for one of a family) to its value with unit.
    kinetics : str
        The true law.
    options : dict
        Options of single blocks, as in a job.
    seed : int, optional
        Seed of the draw that the file belongs to; written by `simulate`.
    drawn : dict
        True values that were drawn and not stated (of separators and areas); written by
        `simulate`, not read.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    parameters: dict[str, str | float]
    kinetics: KineticsLaw = "marcus_hush_chidsey"
    options: dict[str, dict[str, Any]] = Field(default_factory=dict)
    seed: int | None = None
    drawn: dict[str, Any] = Field(default_factory=dict)


def read_truth(path: str | os.PathLike[str]) -> Truth:
    """Read a file of true parameters.

    Parameters
    ----------
    path : str or path
        A TOML file with a table ``[parameters]``.

    Returns
    -------
    Truth
        As stated.

    Raises
    ------
    InputError
        If there is no such file, or it is not a legal one.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(f"there is no file {str(file)!r}")
    try:
        return Truth.model_validate(read_toml(file))
    except InputError as error:
        raise InputError(f"{str(file)!r} {error}") from error
    except ValidationError as error:
        mistakes = [
            f"  {'.'.join(str(part) for part in each['loc'])}: {each['msg'].lower()}"
            for each in error.errors()
        ]
        raise InputError(
            f"{str(file)!r} is not a file of true parameters:\n" + "\n".join(mistakes)
        ) from error


def simulate(
    truth: Truth | str | os.PathLike[str] | Mapping[str, str | float],
    design: Campaign | str | os.PathLike[str],
    *,
    seed: int,
    folder: str | os.PathLike[str],
    name: str | None = None,
) -> Campaign:
    """Draw a campaign from a truth, under the design of another.

    Cells, currents, temperatures, planned ends, errors and widths of intervals are the design's;
    what it measured is replaced. Properties of separators are drawn about the values that the
    design states, with the errors it states.

    Parameters
    ----------
    truth : Truth, path or mapping
        Every parameter that the design's tables need.
    design : Campaign, str or path
        The design.
    seed : int
        Of every draw.
    folder : str or path
        Where the campaign is written, with its ``truth.toml``; it must not exist, be empty, or hold
        the very campaign that would be drawn, which is read then.
    name : str, optional
        Name of the campaign; the folder's when left out.

    Returns
    -------
    Campaign
        As read back from the folder; its kind is ``synthetic``.

    Raises
    ------
    InputError
        If a parameter is missing, or the folder holds anything else.
    PriorError, ModelError
        If a parameter or an option is not legal.

    Examples
    --------
    >>> design = load_campaign("sodium-synthetic")
    >>> simulate(design.path / "truth.toml", design, seed=1, folder="drawn").metadata.kind
    'synthetic'
    """
    if isinstance(truth, Mapping):
        truth = Truth(parameters=dict(truth))
    elif not isinstance(truth, Truth):
        truth = read_truth(truth)
    planned = design if isinstance(design, Campaign) else load_campaign(os.fspath(design))
    options = ModelOptions(
        kinetics=truth.kinetics,
        options=truth.options,
        priors={key: {"fixed": value} for key, value in truth.parameters.items()},
    )
    target = Path(folder)
    named = name or target.resolve().name
    due = {"name": named, **drawn_from(truth, seed, planned)}
    if (found := _drawn_before(target, due)) is not None:
        return found
    model = joint_model(planned, options)
    missing = [
        prior for prior in model.priors.values() if not prior.fixed and _needed(prior.name, model)
    ]
    if missing:
        lines = [f'  "{prior.name}" = "... {prior.unit}"' for prior in missing]
        raise InputError(
            "the truth leaves out parameters that the design's tables depend on; add to "
            "[parameters]:\n" + "\n".join(lines)
        )
    seeds = np.random.SeedSequence(seed).generate_state(2)
    predictor = Predictor(model)
    free = predictor.prior(1, int(seeds[0]))
    values = predictor.evaluate(free, int(seeds[1]))
    drawn = {
        str(key): np.asarray(value.values[0, 0])
        for key, value in values["predictive"].data_vars.items()
    }
    tables = dict(planned.tables)
    for table in model.blocks:
        tables[table] = _rounded(block(table).record(planned.tables[table], drawn))
    metadata = planned.metadata.model_copy(
        update={
            "name": named,
            "title": f"Synthetic campaign drawn from a stated truth (seed {seed})",
            "kind": "synthetic",
            "notes": (
                "SYNTHETIC: drawn by a simulator from the parameters in truth.toml, measured by "
                "nobody.",
                *(note for note in planned.metadata.notes if not note.startswith("SYNTHETIC")),
            ),
        }
    )

    def beside(drawn: Campaign) -> dict[str, str]:
        record = json.dumps({**due, "content": drawn.content_hash}, indent=1) + "\n"
        return {TRUTH_FILE: _truth_text(truth, seed, values["derived"]), RECORD: record}

    write_campaign(target, metadata, tables, beside=beside)
    return load_campaign(target)


def drawn_from(truth: Truth, seed: int, design: Campaign) -> dict[str, Any]:
    """Return what a campaign is drawn from: seed, truth, and the content of the design.

    Parameters
    ----------
    truth, seed, design
        As in :func:`simulate`.

    Returns
    -------
    dict
        As it is stored with the campaign.
    """
    return {
        "seed": seed,
        "truth": truth.model_dump(mode="json", exclude={"seed", "drawn"}),
        "design": design.content_hash,
    }


def _drawn_before(folder: Path, due: Mapping[str, Any]) -> Campaign | None:
    """Return the campaign of a folder that was drawn from the same and that nobody has changed."""
    try:
        record = read_json(folder / RECORD)
        found = load_campaign(folder)
    except (OSError, InputError, CampaignError):
        return None  # whatever it holds is refused
    same = record == {**due, "content": found.content_hash}
    return found if same and (folder / TRUTH_FILE).is_file() else None


def _rounded(table: xr.Dataset) -> xr.Dataset:
    """Return the table with its numbers in six significant digits, as an instrument gives them."""
    result = table.copy()
    for key, column in table.data_vars.items():
        if column.dtype.kind == "f":
            digits = np.array([float(f"{value:.6g}") for value in column.values])
            result[key] = (column.dims, digits, column.attrs)
    return result


def _needed(name: str, model: JointModel) -> bool:
    """Whether a table depends on a parameter, or on a product that it is a factor of."""
    factors = {
        "surface_energy": "wetting_product",
        "contact_angle": "wetting_product",
        "ambipolar_diffusivity": "diffusivity_over_anion_transference",
        "transference_number": "diffusivity_over_anion_transference",
    }
    return (
        name in model.informed_by
        or factors.get(name) in model.informed_by
        or (name == "separator_scatter" and "separator_offset_z" in model.pymc.named_vars)
    )


def _truth_text(truth: Truth, seed: int, derived: Any) -> str:
    import tomli_w

    latent = {}
    for key in ("pore_radius", "porosity", "thickness", "macmullin_number", "separator_offset"):
        if key in derived:
            values = derived[key].isel(chain=0, draw=0)
            latent[key] = {
                str(where): float(value)
                for where, value in zip(values["separator"].values, values.values, strict=True)
            }
    if "lsv_area" in derived:
        values = derived["lsv_area"].isel(chain=0, draw=0)
        latent["lsv_area"] = {
            str(where): float(value)
            for where, value in zip(values["lsv_row"].values, values.values, strict=True)
        }
    document = truth.model_dump(exclude={"seed", "drawn"}, exclude_defaults=True)
    units = ", ".join(f"{key} [{quantities()[key].unit}]" for key in latent if key in quantities())
    head = (
        "# SYNTHETIC: the parameters that this campaign was drawn from. It is drawn again by\n"
        "# anodebayes simulate truth.toml --design THIS_FOLDER --seed SEED --out ANOTHER_FOLDER\n"
        f"# Units of [drawn]: {units}.\n\n"
    )
    return head + tomli_w.dumps({"seed": seed, **document, "drawn": latent})
