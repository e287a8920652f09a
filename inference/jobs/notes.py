"""What a campaign should be told before it is fitted, though nothing in it is a mistake."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from inference.designs.mechanisms import MECHANISMS
from inference.rows.doubtful import doubtful_cells, doubtful_numbers
from models.blocks import block_names, isothermal_parameters
from models.blocks.dc_polarization import beyond_metal
from models.options import SHARED_THRESHOLD
from models.physics import MOLAR_VOLUME
from models.temperature import TEMPERATURE_WINDOW, activation_energy, far_rows

if TYPE_CHECKING:
    from data.campaign import Campaign
    from models.options import ModelOptions

__all__ = [
    "campaign_notes",
    "dependent_rows",
    "laboratories",
    "row_notes",
    "unused_options",
]

# Quantities of which any two determine the others, at one value of the condition if there is one.
_FAMILIES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "",
        (
            "ambipolar_diffusivity",
            "transference_number",
            "diffusivity_over_anion_transference",
            "diffusivity_over_anion_transference_squared",
        ),
    ),
    ("", ("surface_energy", "contact_angle", "wetting_product")),
    ("protocol", ("self_diffusivity", "supply_factor", "effective_self_diffusivity")),
    (
        "separator",
        ("critical_current_density", "limiting_current_density", "critical_to_limiting_ratio"),
    ),
)


def campaign_notes(campaign: "Campaign") -> list[str]:
    """Say what a fit of a campaign with every default would stumble over.

    Parameters
    ----------
    campaign : Campaign
        The campaign.

    Returns
    -------
    list of str
        Rows that need an activation energy or more metal than there is, published rows that repeat
        each other, rows that name no laboratory where others do, and rows that may not be the cells
        that they say.
    """
    notes = [
        f"{name}.csv, {text}: more than {TEMPERATURE_WINDOW:g} K from 25 degC, where {parameter} "
        f"follows no law of temperature. A fit needs a prior "
        f"[priors.{activation_energy(parameter)}] in kJ/mol from the job, or these rows left out "
        "with `exclude`."
        for parameter, places in far_rows(campaign.tables, isothermal_parameters()).items()
        for name, text in places.items()
    ]
    for block, labs in laboratories(campaign).items():
        if blank := labs.get("", 0):
            others = ", ".join(lab for lab in labs if lab)
            rows = f"{blank} rows name" if blank > 1 else "1 row names"
            notes.append(
                f"{' and '.join(_files(campaign, block))}: {rows} no laboratory and others name "
                f"{others}. A fit takes those without a name for one laboratory more, and gives "
                "each laboratory an offset of its own on the logarithm of its thresholds. Fill in "
                "the column lab in every row or in none, or fit without offsets: "
                f'[model.options.{block}] labs = "pooled".'
            )
    if "dc_polarization" in campaign.tables:
        volume = MOLAR_VOLUME[campaign.metadata.metal]
        notes += beyond_metal(campaign.tables["dc_polarization"], volume)
    return notes + row_notes(campaign)


def row_notes(campaign: "Campaign", doubted: Sequence[str] | None = None) -> list[str]:
    """Say which rows may count more, or other than, they should, whatever is fitted to them.

    Parameters
    ----------
    campaign : Campaign
        The campaign, or what of it is fitted.
    doubted : sequence of str, optional
        From `doubtful_cells`, where they are known already.

    Returns
    -------
    list of str
        Of `doubtful_numbers`, `dependent_rows` and `doubtful_cells`.
    """
    return [
        *doubtful_numbers(campaign),
        *dependent_rows(campaign),
        *(doubtful_cells(campaign) if doubted is None else doubted),
    ]


def laboratories(campaign: "Campaign") -> dict[str, dict[str, int]]:
    """Return the laboratories behind each threshold that has two or more.

    Parameters
    ----------
    campaign : Campaign
        The campaign, or what of it is fitted.

    Returns
    -------
    dict of str to dict of str to int
        By the block that holds the options of the threshold, its laboratories and how many rows
        each has; the rows that name none under the empty name, last.
    """
    found: dict[str, dict[str, int]] = {}
    shared = {table for tables in SHARED_THRESHOLD.values() for table in tables}
    for block in block_names():
        if block in shared and block not in SHARED_THRESHOLD:
            continue
        counts: dict[str, int] = {}
        for name in SHARED_THRESHOLD.get(block, (block,)):
            if name in campaign.tables and "lab" in campaign.tables[name]:
                for lab in campaign.tables[name]["lab"].values:
                    counts[str(lab)] = counts.get(str(lab), 0) + 1
        if len(counts) > 1:
            order = sorted(counts, key=lambda lab: (lab == "", lab))
            found[block] = {lab: counts[lab] for lab in order}
    return found


def _files(campaign: "Campaign", block: str) -> list[str]:
    names = SHARED_THRESHOLD.get(block, (block,))
    return [f"{name}.csv" for name in names if name in campaign.tables]


# Options that published rows obey too, by block: what they choose, and the rows.
_REACH: dict[str, dict[str, frozenset[str]]] = {
    "dc_polarization": {"creep_current": frozenset({"creep_fed_current_density"})},
    "penetration": {"pores": frozenset({"critical_current_density", "critical_to_limiting_ratio"})},
}


_MAPPED = {each.block for mechanisms in MECHANISMS.values() for each in mechanisms}


def unused_options(
    campaign: "Campaign", blocks: Sequence[str], options: "ModelOptions"
) -> list[str]:
    """Say which options of a job speak to no row that is fitted.

    Parameters
    ----------
    campaign : Campaign
        The campaign.
    blocks : sequence of str
        The tables that are fitted.
    options : ModelOptions
        The job's choices.

    Returns
    -------
    list of str
        One note a block whose table is not fitted, with the options that change nothing.
    """
    published: set[str] = set()
    if "published" in blocks:
        published = {str(name) for name in campaign.tables["published"]["quantity"].values}
    notes = []
    for block, given in options.options.items():
        tables = SHARED_THRESHOLD.get(block, (block,))
        if set(tables) & set(blocks):
            continue
        reach = _REACH.get(block, {})
        idle = [
            name
            for name in given
            if not reach.get(name, frozenset()) & published
            # How cells differ is the prior's to say in a map where no row says it.
            and not (name == "cells" and block in _MAPPED)
        ]
        if idle:
            files = " and no ".join(f"{name}.csv" for name in tables)
            verb = "changes" if len(idle) == 1 else "change"
            notes.append(
                f"[model.options.{block}] {', '.join(idle)} {verb} nothing in this fit: no "
                f"{files} is fitted."
            )
    return notes


def dependent_rows(campaign: "Campaign") -> list[str]:
    """Say which published rows of one source follow from each other.

    Parameters
    ----------
    campaign : Campaign
        The campaign, or what of it is fitted.

    Returns
    -------
    list of str
        One note a source and group of quantities of which two determine the others.
    """
    if "published" not in campaign.tables:
        return []
    table = campaign.tables["published"]
    notes: list[str] = []
    sources = [campaign.source_key(str(text)) for text in table["source"].values]
    quantities = [str(name) for name in table["quantity"].values]
    for condition, family in _FAMILIES:
        places = (
            [str(value) for value in table[condition].values]
            if condition
            else [""] * len(quantities)
        )
        for source in dict.fromkeys(source for source in sources if source):
            rows = [
                (place, name, int(line))
                for place, name, line, own in zip(
                    places, quantities, table["line"].values, sources, strict=True
                )
                if own == source and name in family
            ]
            notes += _dependent(source, condition, rows)
    return notes


def _dependent(source: str, condition: str, rows: list[tuple[str, str, int]]) -> Iterator[str]:
    """Yield a note for each value of the condition at which more than two quantities are given."""
    for value in dict.fromkeys(place for place, _, _ in rows if place or not condition):
        # A quantity without the condition, such as self_diffusivity, belongs to every value of it.
        here = [(name, line) for place, name, line in rows if place in (value, "")]
        names = list(dict.fromkeys(name for name, _ in here))
        if len(names) > 2:
            at = f" ({condition} {value})" if value else ""
            yield (
                f"published.csv, lines {', '.join(str(line) for _, line in here)}: {source!r} is "
                f"the one source of {', '.join(names[:-1])} and {names[-1]}{at}, of which any two "
                "determine the rest. Such rows depend on each other, and a fit counts them as "
                "independent: its intervals come out too narrow. Keep the two that were measured, "
                "and leave the others out with `exclude`."
            )
