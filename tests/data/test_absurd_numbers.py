"""Numbers that no cell has are refused in every column, and odd ones doubted."""

import math
from pathlib import Path

import pytest

from data import CampaignError, load_campaign
from data.errors import AnodebayesError, PriorError
from data.quantities import Quantity, quantities
from data.schema import ROW_UNIT, Column
from data.table import Table
from data.tables import tables
from models.blocks.penetration import Options
from models.distributions import AnyDistribution
from models.prior_set import Prior
from models.priors import catalogue, resolve_priors

ABSURD = [sign * 10.0**power for sign in (1, -1) for power in (30, 300, 308)]
VANISHING = [1e-30, 1e-300, 5e-324]
NUMBERS = [
    pytest.param(table, column, id=f"{table.name}-{column.name}")
    for table in tables().values()
    for column in table.fields.values()
    if column.is_number and column.unit != ROW_UNIT
]


@pytest.mark.parametrize(("table", "column"), NUMBERS)
def test_every_column_refuses_what_no_cell_has(table: Table, column: Column) -> None:
    assert math.isfinite(column.high)
    beyond = [column.high * (1 + 1e-12) if column.support != "integer" else column.high + 1]
    if column.support == "real":  # degrees Celsius, of which none is nothing
        beyond.append(column.low - 1e-9)
    elif column.support in ("nonzero", "nonnegative"):
        beyond += [*VANISHING, 0.999 * column.least]
    else:
        beyond += [0.0, *VANISHING, 0.999 * column.low]
    for value in (*beyond, *ABSURD):
        message = column.complaint(value)
        assert message is not None, value
        assert "is not legal" in message
    base = table.errors.get(column.name)
    if base is not None:
        row = {name: each.blank_cell for name, each in table.fields.items()}
        for error in (0.999e-6, 1.001e3):
            row |= {base: 2.0, column.name: 2.0 * error}
            assert column.name in {name for name, _ in table.complaints(row)}


@pytest.mark.parametrize(("table", "column"), NUMBERS)
def test_what_such_tests_have_is_legal_and_what_is_doubted_lies_between(
    table: Table, column: Column
) -> None:
    if column.usual is None:
        return
    low, high = column.usual
    assert max(column.low, column.least, 0.0) <= low < high <= column.high
    for value in column.usual:
        assert column.complaint(value) is None
        assert column.doubt(value) is None
    for value in (0.5 * low, 2 * high):
        assert column.complaint(value) or column.doubt(value)


@pytest.mark.parametrize("known", list(quantities().values()), ids=lambda k: k.name)
def test_every_quantity_has_a_range_that_is_legal_and_one_that_is_usual(known: Quantity) -> None:
    (low, high), (usual_low, usual_high) = known.legal, known.usual
    assert 0 < low <= usual_low < usual_high <= high
    for value in (*known.legal, *known.usual):
        assert known.complaint(value) is None
    for value in (*ABSURD, *VANISHING, 0.0, low * (1 - 1e-9), high * (1 + 1e-9)):
        assert known.complaint(value) is not None, value
    for value in (usual_low * (1 - 1e-9), usual_high * (1 + 1e-9)):
        assert known.complaint(value) or known.doubt(value)


METADATA = 'name = "mine"\nmetal = "Na"\nelectrolyte = "NaPF6"\nkind = "measured"\n'
PUBLISHED = "quantity,value,lower,upper,sd,relative_sd [1],unit\n"
SEPARATORS = (
    "separator,pore_type,pore_radius [nm],pore_radius_sd [nm],thickness [um],porosity [1],"
    "porosity_sd [1]\n"
)
PENETRATION = "cell,separator,temperature [degC],current_density [mA/cm^2],outcome\n"
GOOD = SEPARATORS + "A,polymer,20,2,25,0.4,0.05\n"


@pytest.mark.parametrize(
    ("file", "text"),
    [
        *(
            ("published.csv", f"{PUBLISHED}reorganization_energy,{row},eV\n")
            for row in (
                "1e300,,,,0.1",
                "1e-300,,,,0.1",
                "0.2,,,1e300,",
                "0.2,,,1e-300,",
                "0.2,,,1e30,",
                "0.2,,,,1e-300",
                "0.2,,,,1e30",
                ",,1e30,,0.1",
                ",0.2,0.2000000000000001,,0.1",
            )
        ),
        *(
            ("separators.csv", f"{SEPARATORS}A,polymer,{row}\n")
            for row in (
                "20,2,25,0.4,1e30",
                "20,2,25,0.4,1e-30",
                "20,2,25,1e-300,0.1",
                "20,1e300,25,0.4,0.1",
                "20,1e-300,25,0.4,0.1",
                "1e300,2,25,0.4,0.1",
            )
        ),
        *(
            ("penetration.csv", f"{PENETRATION}a,A,25,{current},survived\n")
            for current in ("1e308", "1e20", "1e-20", "1e-308")
        ),
    ],
)
def test_absurd_rows_are_refused_before_anything_computes_with_them(
    tmp_path: Path, file: str, text: str
) -> None:
    files = {"campaign.toml": METADATA, "separators.csv": GOOD, file: text}
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    with pytest.raises(CampaignError) as caught:
        load_campaign(tmp_path)
    [mistake] = caught.value.mistakes
    assert (mistake.file, mistake.line) == (file, 2)


def shapes(distribution: AnyDistribution, unit: str) -> list[dict[str, object]]:
    """Return overrides that are absurd in one number each."""

    def written(name: str, value: object) -> object:
        has_unit = unit != "1" and name in ("median", "mean", "sd")
        return f"{value!r} {unit}" if has_unit else value

    entries = distribution.model_dump(exclude={"lower", "upper"})
    legal = {name: written(name, value) for name, value in entries.items()}
    found = []
    for name in list(entries)[1:]:  # the first says which distribution
        # A mean of zero is that of a half normal, which is legal.
        small = () if name == "mean" else (1e-30 * entries[name], 1e-300)
        found += [legal | {name: written(name, absurd)} for absurd in (1e300, 1e30, *small)]
    return found


@pytest.mark.parametrize("prior", catalogue("Na").values(), ids=lambda prior: prior.name)
def test_priors_beyond_anything_are_refused(prior: Prior) -> None:
    name, unit = prior.name, prior.unit
    for shape in shapes(prior.distribution, unit):
        with pytest.raises(PriorError, match=f"prior of {name}".replace("[", r"\[")):
            resolve_priors("Na", {name: shape})


@pytest.mark.parametrize("value", ["1e300 cm^2", "1e-300 cm^2", "1e20 cm^2", "0 cm^2"])
def test_absurd_areas_of_reference_are_refused(value: str) -> None:
    with pytest.raises(ValueError, match="is not legal"):
        Options(reference_area=value)


@pytest.mark.parametrize("value", ["1e300 mol/L", "1e-300 mol/L", "51 mol/L"])
def test_absurd_concentrations_are_refused(tmp_path: Path, value: str) -> None:
    (tmp_path / "campaign.toml").write_text(f'{METADATA}salt_concentration = "{value}"\n')
    (tmp_path / "separators.csv").write_text(GOOD)
    with pytest.raises(AnodebayesError, match="salt_concentration"):
        load_campaign(tmp_path)
