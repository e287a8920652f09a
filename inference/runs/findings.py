"""What a fit found, in sentences that a bench scientist can act on."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from inference.designs.mechanisms import LAB_SCATTER, MECHANISMS
from inference.engine.arviz_statistics import quantile_errors
from inference.engine.standing import (
    PRIOR_DRIVEN_WORDS,
    Standing,
    beyond,
    prior_driven,
    share_error,
    standing,
)
from inference.jobs.notes import laboratories, row_notes
from inference.rows.data_ranges import data_ranges
from inference.runs.remedies import why_open
from inference.thresholds import (
    BOUND_AT_EDGE,
    EFFECTIVE_ENERGY,
    PROTOCOLS_DIFFER,
    PULL,
    SLOW_DIFFUSION,
    SWEEP_RATE,
)
from models.observations import labels, si

if TYPE_CHECKING:
    import pandas as pd

    from data.campaign import Campaign

__all__ = ["findings", "protocols_against_maps"]

_DRIVEN = {"prior": "prior-driven", "near": "near the limit of being prior-driven"}
_OF_MEDIAN = 1.25  # error of the median of n normal draws, in standard deviations over sqrt(n)
_SOLID_SODIUM = (0.2, 0.3)  # J/m^2, as the note on the prior of surface_energy says
_SEPARATE_ANGLE = (
    "Penetration identifies the product surface_energy * |cos(contact_angle)| only; the angle of "
    "a sessile drop of the metal would separate them."
)
_SEPARATE_TRANSPORT = (
    "ambipolar_diffusivity and transference_number are not separately identified: "
    "{known} alone {verb} {combination} only. {missing} in the same electrolyte would separate "
    "them."
)
_BULK_ONLY = (
    "self_diffusivity is prior-driven: polarisation identifies its product with the squared supply "
    "factor only, effective_self_diffusivity; a tracer measurement on the same metal would "
    "separate them."
)


def findings(
    campaign: "Campaign",
    posterior: xr.Dataset,
    predictive: xr.Dataset,
    summary: "pd.DataFrame",
    informed_by: Mapping[str, list[str]],
    kinetics: str,
    *,
    log_likelihood: xr.Dataset,
    doubted: Sequence[str] | None = None,
) -> list[str]:
    """Say what the data identify and what they do not, where tables pull on each other, and more.

    Parameters
    ----------
    campaign : Campaign
        The data that were fitted.
    posterior, predictive : Dataset
        Draws of the parameters and of the observations.
    summary : DataFrame
        From `inference.runs.summary.summary_table`.
    informed_by : mapping of str to list of str
        Tables that inform each parameter.
    kinetics : str
        The law.
    log_likelihood : Dataset
        Of each observation at the draws.
    doubted : sequence of str, optional
        From `inference.rows.doubtful.doubtful_cells`, where they are known already.

    Returns
    -------
    list of str
        One finding each, the ones that a reader must know first.
    """
    found = []
    if campaign.metadata.kind == "synthetic":
        found.append("The data are SYNTHETIC: drawn by a simulator, measured by nobody.")
    found += row_notes(campaign, doubted)
    found += _identifiability(campaign, summary, informed_by)
    driven = _driven_scatters(campaign, posterior, summary)
    found += _scatters(driven, campaign, summary)
    found += _laboratories(campaign, posterior)
    found += _uninformed(summary, {name for names, _ in driven.values() for name in names})
    found += _effective_energy(campaign, posterior, summary)
    found += _pulls(campaign, predictive, log_likelihood)
    found += _protocols(campaign, posterior)
    found += _slow_sweeps(campaign, posterior)
    found += _inversion(campaign, posterior, kinetics)
    return found


def _standing(summary: "pd.DataFrame", label: str) -> Standing | None:
    return standing(summary.loc[label]) if label in summary.index else None


def _identifiability(
    campaign: "Campaign", summary: "pd.DataFrame", informed_by: Mapping[str, list[str]]
) -> list[str]:
    found = []
    of_angle = _standing(summary, "contact_angle")
    if of_angle in {"prior", "near"}:
        narrowing = summary.loc["contact_angle", "narrowing"]
        found.append(
            f"contact_angle is {_DRIVEN[of_angle]} (its interval is {narrowing:.1f} times "
            f"narrower than the prior's). {_SEPARATE_ANGLE}"
        )
    quantities = _published_quantities(campaign) if "published" in campaign.tables else set()
    both = {"ambipolar_diffusivity", "transference_number"} & quantities
    limiting = "lsv" in campaign.tables or bool(
        quantities & {"diffusivity_over_anion_transference", "limiting_current_density"}
    )
    transient = _depleted(campaign) or "diffusivity_over_anion_transference_squared" in quantities
    fitted = {table for tables in informed_by.values() for table in tables}
    if not both and limiting != transient and fitted & {"lsv", "sand", "published"}:
        known, combination, missing = (
            ("limiting currents (LSV plateaus)", "D/(1 - t+)", "Sand's times")
            if limiting
            else ("Sand's times", "D/(1 - t+)^2", "Limiting currents (LSV plateaus)")
        )
        found.append(
            _SEPARATE_TRANSPORT.format(
                known=known, combination=combination, missing=missing, verb="give"
            )
        )
    polarised = informed_by.get("self_diffusivity")
    if polarised and _standing(summary, "self_diffusivity") == "prior":
        found.append(_BULK_ONLY)
    return found


def _depleted(campaign: "Campaign") -> bool:
    """Whether any transient reached depletion: those that were stopped before hardly tell of it."""
    if "sand" not in campaign.tables:
        return False
    table = campaign.tables["sand"]
    seen = [np.isfinite(table[name].values) for name in ("sand_time", "sand_time_upper")]
    return bool(np.any(seen))


def _published_quantities(campaign: "Campaign") -> set[str]:
    return {str(name) for name in campaign.tables["published"]["quantity"].values}


def _driven_scatters(
    campaign: "Campaign", posterior: xr.Dataset, summary: "pd.DataFrame"
) -> dict[tuple[str, str], tuple[list[str], list[str]]]:
    """Return scatters of each limit that the maps show: those not the data's, and the others.

    A map is drawn of the kinds of cell that the data speak of; each of its limits, by kind of cell
    and name, has scatters of its own.
    """
    ranges = data_ranges(campaign)
    found: dict[tuple[str, str], tuple[list[str], list[str]]] = {}
    for cell, mechanisms in MECHANISMS.items():
        for mechanism in mechanisms if ranges[cell] else ():
            names = [name for name in mechanism.scatters if name in summary.index]
            if f"{mechanism.block}_lab_offset" in posterior:
                names.append(LAB_SCATTER)
            driven = [name for name in names if _standing(summary, name) != "data"]
            if driven:
                rest = [name for name in names if name not in driven]
                found[cell, mechanism.name] = (driven, rest)
    return found


def _scatters(
    driven: Mapping[tuple[str, str], tuple[list[str], list[str]]],
    campaign: "Campaign",
    summary: "pd.DataFrame",
) -> list[str]:
    found = []
    for (cell, limit), (open_, known) in driven.items():
        near = all(_standing(summary, name) == "near" for name in open_)
        share = (
            f"partly assumed; the data show {', '.join(known)}"
            if known
            else "partly assumed"
            if near
            else "largely assumed"
        )
        remedies = [f"{name}: {_begun(why_open(name, campaign.tables))}." for name in open_]
        found.append(
            f"How cells differ in the {limit} limit of {cell} cells is "
            f"{_DRIVEN['near' if near else 'prior']} "
            f"({', '.join(open_)}): where that limit decides, the width of the safe-current band "
            f"is {share}. {' '.join(remedies)}"
        )
    return found


def _begun(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _laboratories(campaign: "Campaign", posterior: xr.Dataset) -> list[str]:
    found = []
    for block, labs in laboratories(campaign).items():
        if f"{block}_lab_offset" not in posterior:
            continue
        names = [
            lab or f"'not stated' (the {rows} rows that name none)" for lab, rows in labs.items()
        ]
        text = (
            f"Offsets between {len(labs)} laboratories are fitted to the thresholds of {block}: "
            f"{', '.join(names[:-1])} and {names[-1]}. They share {LAB_SCATTER}, which two or "
            "three laboratories hardly show."
        )
        if "" in labs:
            text += (
                " Fill in the column lab in every row or in none, or fit without offsets: "
                f'[model.options.{block}] labs = "pooled".'
            )
        found.append(text)
    return found


def _effective_energy(
    campaign: "Campaign", posterior: xr.Dataset, summary: "pd.DataFrame"
) -> list[str]:
    """Say that a surface energy far above the metal's is an effective value."""
    known = campaign.metadata.metal == "Na" and "surface_energy" in summary.index
    if not known or summary.loc["surface_energy", "informed_by"] == "prior":
        return []
    low, middle, high = np.quantile(posterior["surface_energy"].values, [0.05, 0.5, 0.95])
    error = float(quantile_errors(posterior[["surface_energy"]], 0.05)["surface_energy"])
    if not beyond(low, EFFECTIVE_ENERGY * _SOLID_SODIUM[1], error):
        return []
    least, most = (middle / metal for metal in reversed(_SOLID_SODIUM))
    text = (
        f"surface_energy is {middle:.2g} J/m^2 (90 % interval {low:.2g} to {high:.2g}), "
        f"{least:.0f} to {most:.0f} times that of solid sodium, {_SOLID_SODIUM[0]:g} to "
        f"{_SOLID_SODIUM[1]:g} J/m^2: an effective value, not the metal's."
    )
    if "wetted_pores" not in posterior:
        text += (
            " It belongs to the pore radii as separators.csv states them, mostly mean ones, "
            "although the widest pores decide; maps of radii stated in the same way use it rightly."
        )
    return [text]


def _uninformed(summary: "pd.DataFrame", named: Collection[str]) -> list[str]:
    told = {"contact_angle", *named}
    names = [
        str(name)
        for name, row in summary.iterrows()
        if row["informed_by"] == "prior"
        and prior_driven(row)
        and row["source"] != "derived"
        and name not in told
    ]
    found = []
    if names:
        found.append(
            f"No table of this campaign informs {', '.join(names)}: what is shown is the prior."
        )
    hardly = [
        str(name)
        for name, row in summary.iterrows()
        if prior_driven(row)
        and row["informed_by"] != "prior"
        and row["source"] != "derived"
        and name not in {*told, "self_diffusivity"}
    ]
    if hardly:
        found.append(
            f"Informed, but {PRIOR_DRIVEN_WORDS}: {', '.join(hardly)}. Their intervals are mostly "
            "the prior's."
        )
    return found


def _pulls(campaign: "Campaign", predictive: xr.Dataset, log_likelihood: xr.Dataset) -> list[str]:
    """Report one-sided published statements at their edge, and which rows they pull on."""
    if "published" not in predictive:
        return []
    table = campaign.tables["published"]
    names = labels(table)
    drawn = predictive["published"].stack(sample=("chain", "draw")).transpose(..., "sample").values
    edges, moved = [], []
    for row, name in enumerate(names):
        value, lower, upper, sd, relative = (
            float(table[column].values[row])
            for column in ("value", "lower", "upper", "sd", "relative_sd")
        )
        if np.isfinite(value):
            spread = (
                relative if np.isfinite(relative) else float(np.sqrt(np.log1p((sd / value) ** 2)))
            )
            # The prediction is centred on the model's own value of the quantity.
            shifts = np.log(drawn[row] / value) / spread
            shift = float(np.median(shifts))
            error = _OF_MEDIAN * float(np.std(shifts)) / np.sqrt(shifts.size)
            if beyond(abs(shift), PULL, error):
                moved.append(f"{name} by {shift:+.1f} of its standard deviations")
        elif np.isfinite(lower) != np.isfinite(upper):
            edge = upper if np.isfinite(upper) else lower
            # Draws at the bound stand for everything beyond it.
            at_bound = np.isclose(drawn[row], edge, rtol=1e-6)
            probability = float(at_bound.mean())
            if beyond(BOUND_AT_EDGE, probability, share_error(probability, drawn.shape[-1])):
                side = "below" if np.isfinite(upper) else "above"
                # The posterior has seen the statement: what the rest says is without it.
                seen = log_likelihood["published"].isel(published_row=row).values
                rest = 1.0 / float(np.exp(-seen).mean())
                edges.append(
                    f"{name} {side} {edge:g} (fulfilled with probability {probability:.2f}, and "
                    f"with about {rest:.1g} by all that is fitted besides)"
                )
    found = []
    if edges:
        text = f"At the edge of what is stated: {'; '.join(edges)}."
        if moved:
            text += f" The tables pull on each other; the joint fit moves {'; '.join(moved)}."
        found.append(text)
    elif moved:
        found.append(
            "Published estimates and the rest of the data and priors pull on each other; the "
            f"joint fit moves {'; '.join(moved)}."
        )
    return found


def protocols_against_maps(campaign: "Campaign", posterior: xr.Dataset) -> dict[str, str]:
    """Say that step tests, which maps use unless told otherwise, are the less cautious ones.

    Parameters
    ----------
    campaign : Campaign
        The data that were fitted.
    posterior : Dataset
        Draws of the parameters.

    Returns
    -------
    dict of str to str
        A sentence by table; empty where they are not, or where one protocol alone was used.
    """
    found = _disagreement(campaign, posterior)
    if found is None or found[0] > 1.0:
        return {}
    ratio, words = found
    return {
        _POLARISED: f"STEP TESTS BEAR MORE: {words[0].lower()}{words[1:]} Maps and questions use "
        "the step protocol unless they say otherwise, here the less cautious one: at one capacity "
        f"cells at one current, one way, bear about {ratio**2:.2g} times its safe current. Ask for "
        "the protocol that your cell follows (`--at protocol=one_way`), or for both."
    }


_POLARISED = "dc_polarization"


def _disagreement(campaign: "Campaign", posterior: xr.Dataset) -> tuple[float, str] | None:
    """Return the supply factor one way over that in steps where they differ, and say so."""
    if _POLARISED not in campaign.tables:
        return None
    used = {str(name) for name in campaign.tables[_POLARISED]["protocol"].values}
    if used != {"one_way", "step"}:
        return None
    supply = posterior["supply_factor"]
    one_way, step = supply.sel(protocol="one_way"), supply.sel(protocol="step")
    probability = float((one_way > step).mean())
    error = share_error(probability, one_way.size)
    if not beyond(max(probability, 1.0 - probability), PROTOCOLS_DIFFER, error):
        return None
    return float((one_way / step).median()), (
        f"The two protocols of polarisation disagree: supply_factor is "
        f"{float(one_way.median()):.2f} one way and {float(step.median()):.2f} in steps."
    )


def _protocols(campaign: "Campaign", posterior: xr.Dataset) -> list[str]:
    found = _disagreement(campaign, posterior)
    if found is None or found[0] < 1.0:  # as `protocols_against_maps` says
        return []
    ratio, words = found
    return [
        f"{words} Maps use the step protocol, the more cautious one, unless the job says "
        f"otherwise; at one capacity the one-way protocol gives about {ratio**2:.1f} times the "
        "safe current."
    ]


def _slow_sweeps(campaign: "Campaign", posterior: xr.Dataset) -> list[str]:
    """Warn of plateaus read from sweeps while diffusion is slow."""
    if "lsv" not in campaign.tables:
        return []
    table, separators = campaign.tables["lsv"], campaign.tables["separators"]
    diffusivity = float(posterior["ambipolar_diffusivity"].median()) * 1e-4
    of_median = quantile_errors(posterior[["ambipolar_diffusivity"]], 0.5)
    error = float(of_median["ambipolar_diffusivity"]) * 1e-4 / diffusivity
    names = [str(name) for name in separators["separator"].values]
    slow = []
    for row, label in enumerate(labels(table)):
        name = str(table["separator"].values[row])
        of = {"separator": name}
        porosity, macmullin = (
            float(posterior[key].sel(of).median()) for key in ("porosity", "macmullin_number")
        )
        thickness = float(si(separators, "thickness")[names.index(name)])
        stack = float(table["layers"].values[row]) * thickness * np.sqrt(porosity * macmullin)
        reservoir = float(np.nan_to_num(si(table, "reservoir_thickness")[row]))
        time = (stack + reservoir) ** 2 / diffusivity
        rate = float(table["scan_rate"].values[row])
        # What matters is the potential swept while the salt diffuses across.
        swept = time * (rate if np.isfinite(rate) else SWEEP_RATE)
        if beyond(swept, SLOW_DIFFUSION * SWEEP_RATE, swept * error):
            stated = f"{rate:g} mV/s" if np.isfinite(rate) else "rate not stated"
            slow.append(f"{label} ({time:.0f} s, {stated})")
    if not slow:
        return []
    return [
        f"Diffusion across the cell is slow against the sweep in {', '.join(slow)}: the plateau "
        "read from such a sweep is too high, and with it D/(1 - t+) (the limit is "
        f"{SLOW_DIFFUSION:g} s at {SWEEP_RATE:g} mV/s, in proportion at other rates). Sweep more "
        "slowly, and note in the row where the plateau was read."
    ]


def _inversion(campaign: "Campaign", posterior: xr.Dataset, kinetics: str) -> list[str]:
    if kinetics != "marcus_hush" or "kinetics" not in campaign.tables:
        return []
    largest = float(np.abs(si(campaign.tables["kinetics"], "overpotential")).max())
    energy = float(posterior["reorganization_energy"].median())
    if largest <= energy:
        return []
    return [
        f"Overpotentials reach {largest * 1e3:.0f} mV, beyond the reorganization energy "
        f"({energy * 1e3:.0f} meV): there the Marcus-Hush law inverts, which no metal electrode "
        "does; use marcus_hush_chidsey."
    ]
