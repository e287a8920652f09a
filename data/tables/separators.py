"""Separators, which other tables name: their values are priors of latent properties."""

from collections.abc import Iterable

from data.schema import Column, Complaint, Row
from data.table import Table


def _check(row: Row) -> Iterable[Complaint]:
    diameter, thickness = 2e-3 * float(row["pore_radius"]), float(row["thickness"])
    if diameter > thickness:
        yield (
            "pore_radius",
            f"{row['pore_radius']:g} nm makes the pore wider than the separator is thick "
            f"({thickness:g} um): are the units of both headers right?",
        )


TABLE = Table(
    name="separators",
    row="a separator",
    label=("separator",),
    key=("separator",),
    observed=False,
    checks=(_check,),
    columns=(
        Column(name="separator", long_name="separator"),
        Column(
            name="pore_type",
            long_name="kind of pores: a stretched polymer's, or straight ones (AAO)",
            choices=("polymer", "straight"),
        ),
        Column(
            name="pore_radius",
            long_name="pore radius",
            unit="nm",
            support="positive",
            low=0.1,
            high=1e6,
            slip=" (is the header's unit right, nm or um?)",
            usual=(1.0, 2e4),
            sd=True,
        ),
        Column(
            name="thickness",
            long_name="thickness of one separator",
            unit="um",
            support="positive",
            low=0.01,
            high=1e5,
            slip=" (is the header's unit right, um or mm?)",
            usual=(1.0, 5000.0),
            sd=True,
        ),
        Column(
            name="porosity",
            long_name="porosity",
            unit="1",
            support="fraction",
            low=1e-4,
            high=0.9999,
            slip=" (a percentage? head the column 'porosity [%]')",
            # Track-etched membranes have 0.01 and more, fleeces up to 0.98; a fraction below a
            # header of per cent is smaller.
            usual=(0.01, 0.99),
            sd=True,
        ),
        Column(
            name="macmullin_number",
            long_name="MacMullin number: resistivity when filled over the electrolyte's",
            unit="1",
            support="positive",
            low=1,
            high=1e6,  # as of the smallest porosity
            usual=(1.0, 1000.0),
            blank="not measured: estimated from the porosity and pore_type",
            sd=True,
        ),
        Column(
            name="pore_size_spread",
            long_name="relative width of the pore radii: standard deviation of their logarithm",
            unit="1",
            support="positive",
            low=1e-4,
            high=3,
            usual=(0.01, 2.0),  # the most uniform pores, etched tracks, spread by a few per cent
            slip=" (a percentage? head the column 'pore_size_spread [%]')",
            blank="not measured: one parameter for all such separators, where a model needs it",
        ),
    ),
)
