"""What a campaign should be told before it is fitted, though nothing in it is a mistake."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from models.blocks import block_names
from models.temperature import TEMPERATURE_WINDOW, activation_energy, far_rows

if TYPE_CHECKING:
    from data.campaign import Campaign

__all__ = ["campaign_notes", "dependent_rows"]

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
        Rows that need an activation energy, and published rows that repeat each other.
    """
    observed = {name: table for name, table in campaign.tables.items() if name in block_names()}
    notes = [
        f"{name}.csv, {text}: more than {TEMPERATURE_WINDOW:g} K from 25 degC, where {parameter} "
        f"follows no law of temperature. A fit needs a prior "
        f"[priors.{activation_energy(parameter)}] in kJ/mol from the job, or these rows left out "
        "with `exclude`."
        for parameter, places in far_rows(observed).items()
        for name, text in places.items()
    ]
    return notes + dependent_rows(campaign)


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
