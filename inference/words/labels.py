"""Labels of parameters: which are the main ones, and which stand for one thing of many."""

from collections.abc import Iterable, Sequence

from data.quantities import base_name, split_label

__all__ = [
    "OFFSET",
    "PRODUCTS",
    "PROTOCOLS",
    "first_of_many",
    "is_of_all",
    "joined",
    "main_parameters",
]

PRODUCTS = (
    "wetting_product",
    "diffusivity_over_anion_transference",
    "diffusivity_over_anion_transference_squared",
    "effective_self_diffusivity",
)
"""Derived quantities, which are correlated with their own factors by definition."""

PROTOCOLS = {"one_way": "one way", "step": "steps"}
"""In words, by the name that a label has in brackets."""

_OF_ONE = ("pore_radius", "thickness", "porosity", "macmullin_number", "lsv_area")
OFFSET = "_offset"  # of a separator or a laboratory


def is_of_all(label: str) -> bool:
    """Say whether a label is of all cells, or of all of one protocol, and not of a single part."""
    return split_label(label)[1] in ("", *PROTOCOLS)


def main_parameters(labels: Iterable[str]) -> list[str]:
    """Return the labels that belong to the whole campaign, not to one separator or cell."""
    bases = {label: base_name(label) for label in labels}
    return [
        label for label, base in bases.items() if base not in _OF_ONE and not base.endswith(OFFSET)
    ]


def joined(words: Sequence[str]) -> str:
    """Join words with commas and an `and`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def first_of_many(words: Sequence[str], most: int) -> str:
    """Join the first words with semicolons, and say how many more there are."""
    more = len(words) - most
    shown = "; ".join(words[:most])
    return f"{shown}; and {more} more" if more > 0 else shown
