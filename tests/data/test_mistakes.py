"""Every mistake of a campaign is refused: what, where, the value, what is legal, what to do."""

import pytest

from data import CampaignError, InputError, load_campaign

METADATA = 'name = "mine"\nmetal = "Na"\nelectrolyte = "NaPF6"\nkind = "measured"\n'
SEPARATORS = (
    "separator,pore_type,pore_radius [nm],thickness [um],porosity [1]\nPP,polymer,14,25,0.39\n"
)
KINETICS = "cell,temperature [degC],overpotential [mV],current_density [mA/cm^2]\n"
PENETRATION = "cell,separator,temperature [degC],current_density [mA/cm^2],outcome\n"
BRACKET = (
    "separator,temperature [degC],current_density_lower [mA/cm^2],"
    "current_density_upper [mA/cm^2],bracket_from,overpotential [mV],"
    "overpotential_current_density [mA/cm^2]\n"
)
SAND = (
    "cell,electrode_distance [mm],concentration [mol/L],temperature [degC],"
    "current_density [mA/cm^2],sand_time [s],sand_time_sd [s],sand_time_lower [s],"
    "sand_time_upper [s],stop_time [s]\n"
)
LSV = (
    "cell,separator,layers [1],reservoir_thickness [um],reservoir_side,concentration [mol/L],"
    "temperature [degC],area [cm^2],plateau_current [mA],plateau [1]\n"
)
DC = (
    "cell,protocol,temperature [degC],pressure [MPa],electrode_thickness [um],"
    "current_density [mA/cm^2],transition_time [h],stop_time [h],"
    "current_density_lower [mA/cm^2],current_density_upper [mA/cm^2],step_time [min]\n"
)
RANGE = (
    "cell,protocol,temperature [degC],pressure [MPa],current_density [mA/cm^2],"
    "current_density_lower [mA/cm^2],current_density_upper [mA/cm^2],"
    "current_density_lowest [mA/cm^2],current_density_highest [mA/cm^2],step_height [mA/cm^2],"
    "cells,step_time [min],stop_time [h]\n"
)
BRACKET_RANGE = (
    "separator,temperature [degC],current_density_lowest [mA/cm^2],"
    "current_density_highest [mA/cm^2],step_height [mA/cm^2],bracket_from\n"
)
MORPHOLOGY = (
    "cell,temperature [degC],pressure [kPa],current_density [mA/cm^2],plating_time [s],"
    "coverage [1],thickness [um]\n"
)
PUBLISHED = (
    "quantity,value,sd,relative_sd [1],lower,upper,unit,separator,temperature [degC],"
    "pressure [MPa],metal_thickness [um],protocol\n"
)

# file, its text, fragments that the one mistake must hold
ROW_MISTAKES = [
    # cells
    ("kinetics.csv", KINETICS + "a,25,n/a,1\n", ["line 2", "overpotential [mV]", "leave the cell"]),
    ("kinetics.csv", KINETICS + "a,25,nan,1\n", ["leave the cell blank"]),
    ("kinetics.csv", KINETICS + "a,25,inf,1\n", ["not a finite number"]),
    ("kinetics.csv", KINETICS + "a,25,1e400,1\n", ["too large"]),
    ("kinetics.csv", KINETICS + 'a,25,"10,5",1\n', ["decimal comma", "10.5"]),
    ("kinetics.csv", KINETICS + 'a,25,"1,000",1\n', ["1000 or 1.000"]),
    ("kinetics.csv", KINETICS + "a,25,1 000,1\n", ["thousands", "1000"]),
    ("kinetics.csv", KINETICS + "a,25,10 mV,1\n", ["holds a unit", "header"]),
    ("kinetics.csv", KINETICS + "a,25,<10,1\n", ["takes a single number"]),
    ("sand.csv", SAND + "a,1,1,25,5,20-40,,,,60\n", ["in sand_time_lower and sand_time_upper"]),
    ("kinetics.csv", KINETICS + "a,25,10±1,1\n", ["_sd"]),
    ("kinetics.csv", KINETICS + "a,25,−10,-1\n", ["minus sign"]),
    ("kinetics.csv", KINETICS + "a,25,1_0,1\n", ["not a number"]),
    ("kinetics.csv", KINETICS + "a,25,,1\n", ["is blank", "but not 0 is due"]),
    ("kinetics.csv", KINETICS + ",25,10,1\n", ["column 'cell'", "is blank"]),
    # physics of a row
    ("kinetics.csv", KINETICS + "a,25,10,-1\n", ["differ in sign"]),
    ("kinetics.csv", KINETICS + "a,25,0,1\n", ["0 mV is not legal"]),
    ("kinetics.csv", KINETICS + "a,25,1500,1\n", ["-1000 to 1000"]),
    ("kinetics.csv", KINETICS + "a,298.15,10,1\n", ["298.15 degC", "degC or K?"]),
    ("penetration.csv", PENETRATION + "a,PP,25,-3,survived\n", ["-3 mA/cm^2", "above 0"]),
    ("penetration.csv", PENETRATION + "a,PP,25,3,shorted\n", ["penetrated, survived"]),
    ("penetration.csv", PENETRATION + "a,PP,25,3,Survived\n", ["did you mean 'survived'"]),
    ("penetration.csv", PENETRATION + "a,PPP,25,3,survived\n", ["separators.csv", "'PP'"]),
    (
        "penetration.csv",
        PENETRATION + "a,PP,25,3,survived\na,PP,25,4,survived\n",
        ["line 3", "repeats line 2", "one row of critical_current.csv", "exclude"],
    ),
    (
        "separators.csv",
        SEPARATORS + "B,polymer,14,25,39\n",
        ["39 is not legal", "between 0 and 1", "porosity [%]"],
    ),
    ("separators.csv", SEPARATORS + "B,polymer,14,25,1\n", ["ends excluded"]),
    ("separators.csv", SEPARATORS + "B,woven,14,25,0.4\n", ["polymer, straight"]),
    ("separators.csv", SEPARATORS + "PP,polymer,14,25,0.4\n", ["repeats line 2"]),
    ("critical_current.csv", BRACKET + "PP,25,9,5,one_cell,,\n", ["9 mA/cm^2 is not below"]),
    ("critical_current.csv", BRACKET + "PP,25,5,,,,\n", ["different_cells has both ends"]),
    (
        "critical_current.csv",
        BRACKET + "PP,25,5,6,one_cell,,\nPP,25,6,7,one_cell,,\n",
        ["repeats line 2", "are named under cell"],
    ),
    ("critical_current.csv", BRACKET + "PP,25,,,one_cell,,\n", ["give one end or both"]),
    ("critical_current.csv", BRACKET + "PP,25,5,9,,80,\n", ["current density it was read at"]),
    ("sand.csv", SAND + "a,1,1,25,5,90,,,,60\n", ["90 s is after stop_time 60 s"]),
    ("sand.csv", SAND + "a,1,1,25,5,,,,,\n", ["stop_time", "is blank"]),
    ("sand.csv", SAND + "a,1,1,25,5,30,,20,40,60\n", ["exactly and as an interval"]),
    ("sand.csv", SAND + "a,1,1,25,5,,,40,20,60\n", ["40 is not below", "20 s"]),
    ("sand.csv", SAND + "a,1,1,25,5,,2,20,40,60\n", ["sand_time_sd", "without sand_time"]),
    ("sand.csv", SAND + "a,1,1000,25,5,30,,,,60\n", ["1000 mol/L", "mol/m^3?"]),
    ("lsv.csv", LSV + "a,PP,1.5,,,1,25,1,2,\n", ["1.5 is not legal", "whole number"]),
    ("lsv.csv", LSV + "a,PP,1,250,,1,25,1,2,\n", ["depleting or on the supplying side"]),
    ("lsv.csv", LSV + "a,PP,1,,depleting,1,25,1,2,\n", ["reservoir_thickness is blank or 0"]),
    ("lsv.csv", LSV + "a,PP,1,,,1,25,1,2,3\n", ["3 is not legal", "from 1 to 2"]),
    ("lsv.csv", LSV + "a,PP,1,,,1,25,1,,1\n", ["plateau_current_lower"]),
    ("dc_polarization.csv", DC + "a,step,25,0,,1,,,,5,5\n", ["belongs to one_way rows"]),
    ("dc_polarization.csv", DC + "a,step,25,0,,,,,,,5\n", ["give one end or both"]),
    ("dc_polarization.csv", DC + "a,step,25,0,,,,,5,9,\n", ["step_time", "needs it"]),
    ("dc_polarization.csv", DC + "a,one_way,25,0,,1,9,5,,,\n", ["32400 s is after stop_time"]),
    ("dc_polarization.csv", DC + "a,one_way,25,3,,1,2,5,,,\n", ["electrode_thickness", "3 MPa"]),
    ("dc_polarization.csv", RANGE + "a,step,25,0,,,,9,5,1,,5,\n", ["9 mA/cm^2 is above", "5"]),
    ("dc_polarization.csv", RANGE + "a,step,25,0,,,,5,9,,,5,\n", ["step_height", "is due"]),
    ("dc_polarization.csv", RANGE + "a,step,25,0,,,,5,9,0,,5,\n", ["0 mA/cm^2", "above 0"]),
    ("dc_polarization.csv", RANGE + "a,step,25,0,,,,5,9,10,,5,\n", ["10 mA/cm^2 is above", "zero"]),
    (
        "dc_polarization.csv",
        RANGE + "a,step,25,0,,,,5,9,1,1,5,\n",
        ["1 is not legal", "from 2", "one cell"],
    ),
    ("dc_polarization.csv", RANGE + "a,step,25,0,,,,5,9,1,2.5,5,\n", ["2.5", "whole number"]),
    (  # a range over cells is never one cell's interval
        "dc_polarization.csv",
        RANGE + "a,step,25,0,,,,5-9,,1,3,5,\n",
        ["lowest failing step in current_density_lowest, the highest in current_density_highest"],
    ),
    (
        "dc_polarization.csv",
        RANGE + "a,step,25,0,,5-9,,,,,,5,\n",
        ["of one cell", "the highest in current_density_highest"],
    ),
    ("dc_polarization.csv", RANGE + "a,step,25,0,,,,5,9,1,3-5,5,\n", ["leave it blank", "2 to 8"]),
    (
        "dc_polarization.csv",
        RANGE + "a,step,25,0,,,,5,,1,3,5,\n",
        ["current_density_highest", "is blank: a range over cells"],
    ),
    ("critical_current.csv", BRACKET_RANGE + "PP,25,5,,1,\n", ["is blank: a range over cells"]),
    ("critical_current.csv", BRACKET_RANGE + "PP,25,5-9,,1,\n", ["in current_density_highest"]),
    ("dc_polarization.csv", RANGE + "a,step,25,0,,4,,5,9,1,3,5,\n", ["is of one cell", "blank"]),
    ("dc_polarization.csv", RANGE + "a,step,25,0,,4,5,,,,3,5,\n", ["lowest and the highest"]),
    ("dc_polarization.csv", RANGE + "a,step,25,0,,,,5,9,1,3,,\n", ["step_time", "needs it"]),
    ("dc_polarization.csv", RANGE + "a,one_way,25,0,1,,,,,1,,,5\n", ["belongs to step rows"]),
    ("critical_current.csv", BRACKET_RANGE + "PP,25,5,9,1,one_cell\n", ["not legal in a range"]),
    ("morphology.csv", MORPHOLOGY + "a,25,0,1,60,,\n", ["one of them or both"]),
    ("published.csv", PUBLISHED + "gamma,1,0.1,,,,J/m^2,,,,,\n", ["'gamma' is not legal"]),
    ("published.csv", PUBLISHED + "wetting_product,1,,,,,J/m^2,,,,,\n", ["relative_sd"]),
    (
        "published.csv",
        PUBLISHED + "wetting_product,,,,,1,J/m^2,,,,,\n",
        ["a hard edge is not an observation"],
    ),
    ("published.csv", PUBLISHED + "wetting_product,1,1,1,,,J/m^2,,,,,\n", ["keep one"]),
    (
        "published.csv",
        PUBLISHED + "wetting_product,1,1,,,2,J/m^2,,,,,\n",
        ["a value or has bounds"],
    ),
    (
        "published.csv",
        PUBLISHED + "wetting_product,1,1,,,,mV,,,,,\n",
        ["column 'unit'", "'mV' has dimension", "wetting_product"],
    ),
    ("published.csv", PUBLISHED + "wetting_product,1,1,,,,,,,,,\n", ["column 'unit'", "blank"]),
    ("published.csv", PUBLISHED + "transference_number,1.2,1,,,,1,,,,,\n", ["1.2 is not legal"]),
    (
        "published.csv",
        PUBLISHED + "supply_factor,1,0.1,,,,1,,,,,\n",
        ["protocol", "depends on it"],
    ),
    (
        "published.csv",
        PUBLISHED + "wetting_product,1,0.1,,,,J/m^2,,,9,,\n",
        ["takes no such condition"],
    ),
    (
        "published.csv",
        PUBLISHED + "limiting_current_density,1,0.1,,,,mA/cm^2,PP,,,,\n",
        ["salt_concentration", "campaign.toml"],
    ),
    # headers
    (
        "kinetics.csv",
        "cell,temperature [degC],overpotential [mV],current_density [mA]\na,25,1,1\n",
        ["line 1", "'current_density [mA]'", "[current] / [length]^2", "mA/cm^2"],
    ),
    (
        "kinetics.csv",
        KINETICS.replace(" [mV]", "") + "a,25,1,1\n",
        ["has no unit", "overpotential [mV]"],
    ),
    (
        "kinetics.csv",
        KINETICS.replace("temperature", "temprature") + "a,25,1,1\n",
        ["did you mean 'temperature'"],
    ),
    (
        "kinetics.csv",
        KINETICS.replace("[degC]", "(degC)") + "a,25,1,1\n",
        ["square brackets", "'temperature [degC]'"],
    ),
    ("kinetics.csv", KINETICS.replace("cell", "cell [1]") + "a,25,1,1\n", ["takes no unit"]),
    (
        "kinetics.csv",
        KINETICS.replace("\n", ",cell\n") + "a,25,1,1,b\n",
        ["stands twice"],
    ),
    (
        "kinetics.csv",
        KINETICS.replace("cell,", "") + "25,1,1\n",
        ["has no column 'cell'"],
    ),
    (
        "published.csv",
        PUBLISHED.replace("value", "value [J/m^2]") + "wetting_product,1,1,,,,J/m^2,,,,,\n",
        ["column 'unit'"],
    ),
    # shared text columns
    (
        "kinetics.csv",
        KINETICS.replace("\n", ",assumed\n") + "a,25,1,1,temperture\n",
        ["did you mean 'temperature'"],
    ),
    (
        "kinetics.csv",
        KINETICS.replace("\n", ",overpotential_sd [mV],assumed\n") + "a,25,1,1,,overpotential_sd\n",
        ["is blank in this row"],
    ),
    (
        "kinetics.csv",
        KINETICS.replace("\n", ",note\n") + "a,25,10,5,20\n",
        ["'20' is a number, not a text", "comma shifted"],
    ),
    # files
    ("kinetics.csv", KINETICS, ["header and no rows", "delete it"]),
    ("kinetics.csv", "\n\n", ["is empty"]),
    ("kinetics.csv", KINETICS + "a,25,1\n", ["3 cells where the header has 4"]),
    ("kinetics.csv", KINETICS + "a,25,10,5,1\n", ["5 cells", "decimal comma"]),
    ("kinetics.csv", KINETICS + "a;25;10;1\n", ["separated by semicolons"]),
    ("kinetics.csv", KINETICS.replace(",", ";") + "a;25;1,5;1.5\n", ["'1,5'", "decimal comma"]),
    ("kinetics.csv", KINETICS.replace(",", ";") + "a;25;1,500;1\n", ["1500 or 1.500"]),
    ("kinetics.csv", KINETICS.replace(",", ";") + "a;25;1\n", ["write a semicolon for each"]),
    ("kinetics.csv", KINETICS.replace(",", "|") + "a|25|1|1\n", ["separated by bars"]),
    ("kinetics.csv", KINETICS.replace("mA/", "MA/") + "a,25,1,1\n", ["million", "mA/cm^2"]),
    ("kinetics.csv", KINETICS + "# a comment\na,25,1,1\n", ["line 2", "comments are not read"]),
    ("kinetics.csv", KINETICS + 'a,25,"1"x,1\n', ["broken quotes"]),
    ("kinetics.csv", (KINETICS + "a µ,25,1,1\n").encode("cp1252"), ["not UTF-8", "line 2", "0xb5"]),
    ("kinetics.csv", (KINETICS + "a,25,1,1\n").encode("utf-16"), ["is UTF-16"]),
    ("kinetics.csv", KINETICS + "a\ufffd,25,1,1\n", ["U+FFFD", "damaged"]),
    ("kinetic.csv", KINETICS + "a,25,1,1\n", ["is no table", "did you mean 'kinetics.csv'"]),
    ("Kinetics.CSV", KINETICS + "a,25,1,1\n", ["did you mean 'kinetics.csv'"]),
    ("kinetics.ods", b"PK", ["save it as kinetics.csv"]),
    ("kinetics.xlsx", b"PK", ["cannot be opened as a workbook", "BadZipFile"]),
]


def write(folder, files, metadata=METADATA):
    (folder / "campaign.toml").write_text(metadata, encoding="utf-8")
    for name, text in files.items():
        content = text if isinstance(text, bytes) else text.encode()
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize(("file", "text", "fragments"), ROW_MISTAKES)
def test_a_mistake_is_refused_alone_and_with_its_place(tmp_path, file, text, fragments):
    write(tmp_path, {"separators.csv": SEPARATORS, file: text})
    with pytest.raises(CampaignError) as caught:
        load_campaign(tmp_path)
    assert len(caught.value.mistakes) == 1, str(caught.value)
    message = str(caught.value.mistakes[0])
    for fragment in [file, *fragments]:
        assert fragment in message


@pytest.mark.parametrize(
    ("metadata", "fragments"),
    [
        ('name = "a b"\n', ["name = 'a b' is not legal", "'metal' is missing", "Na or Li"]),
        (METADATA.replace('"Na"', '"K"'), ["metal = 'K'", "'Na' or 'Li'"]),
        (METADATA + 'license = "MIT"\n', ["'license' is no key", "did you mean 'licence'"]),
        (METADATA + "salt_concentration = 1.0\n", ["has no unit", "'1 mol/L'"]),
        (METADATA + 'salt_concentration = "1 mol/kg"\n', ["[substance] / [mass]"]),
        (METADATA + 'salt_concentration = "-1 mol/L"\n', ["a number above 0"]),
        (METADATA + "references = 3\n", ["references: must be a list"]),
        (METADATA + 'references = ["ma2022", "doi 10.1002/aenm.202102967"]\n', ["repeats"]),
        (METADATA + "name = \n", ["is not TOML", "line 5"]),
    ],
)
def test_mistakes_of_campaign_toml_are_refused(tmp_path, metadata, fragments):
    write(tmp_path, {"kinetics.csv": KINETICS + "a,25,1,1\n"}, metadata)
    with pytest.raises(CampaignError) as caught:
        load_campaign(tmp_path)
    for fragment in ["campaign.toml", *fragments]:
        assert fragment in str(caught.value)


def test_all_mistakes_of_a_campaign_are_listed_at_once(tmp_path):
    write(
        tmp_path,
        {
            "kinetics.csv": KINETICS + "a,25,x,1\na,25,1,y\n",
            "penetration.csv": PENETRATION + "a,PP,25,3,survived\n",
            "spare.csv": "a\n",
        },
        METADATA + 'colour = "red"\n',
    )
    with pytest.raises(CampaignError) as caught:
        load_campaign(tmp_path)
    files = [mistake.file for mistake in caught.value.mistakes]
    assert sorted(files) == [
        "campaign.toml",
        "kinetics.csv",
        "kinetics.csv",
        "penetration.csv",
        "spare.csv",
    ]
    assert "has 5 mistakes" in str(caught.value)


# file, its text, and for each mistake that one reading must name: its line and a fragment
ALL_AT_ONCE = [
    (  # a wrong cell hides no check of the row's other cells
        "dc_polarization.csv",
        DC + "a,step,25x,3,,,9,,9,5,5\nb,one_way,25,3,,x,9,5,,,5\n",
        [
            (2, "'25x'"),
            (2, "belongs to one_way rows"),
            (2, "9 mA/cm^2 is not below"),
            (2, "electrode_thickness"),
            (3, "'x' is not a number"),
            (3, "belongs to step rows"),
            (3, "32400 s is after stop_time"),
            (3, "electrode_thickness"),
        ],
    ),
    (
        "critical_current.csv",
        BRACKET + "PP,25,x,,,80,\n",
        [(2, "'x' is not a number"), (2, "has both ends"), (2, "current density it was read at")],
    ),
    (
        "published.csv",
        PUBLISHED + "gamma,1,,,,,J/m^2,,,,,\nwetting_product,-1,0.1,0.1,,,mV,,9,,,\n"
        "transference_number,1.2,0.1,x,,,1,,,9,,\n",
        [
            (2, "'gamma' is not legal"),
            (2, "a hard edge is not an observation"),
            (3, "'mV' has dimension"),
            (3, "takes no such condition"),
            (4, "'x' is not a number"),
            (4, "1.2 is not legal"),
            (4, "takes no such condition"),
        ],
    ),
    (
        "sand.csv",
        SAND + "a,1,1,25,5,x,,,90,60\nb,1,1,25,-5,90,2,,,60\n",
        [(2, "'x'"), (2, "90 s is after"), (3, "-5 mA/cm^2"), (3, "90 s is after")],
    ),
    (  # nor does a wrong or a ragged row hide that others repeat
        "penetration.csv",
        PENETRATION + "a,PP,25,x,survived\na,PP,25,4,survived\nb,PP,25\n",
        [(2, "'x' is not a number"), (3, "repeats line 2"), (4, "3 cells where the header has 5")],
    ),
    (  # nor does a wrong header hide what the other columns hold
        "dc_polarization.csv",
        DC.replace("[degC]", "[mA]") + "a,step,25,0,,,,,9,5,5\n",
        [(1, "temperature [mA]"), (2, "9 mA/cm^2 is not below")],
    ),
    (
        "dc_polarization.csv",
        DC.replace("electrode_thickness", "electrode_thicknes") + "a,step,25,3,,,,,9,5,5\n",
        [(1, "did you mean 'electrode_thickness'"), (2, "9 mA/cm^2 is not below")],
    ),
    (  # and what a wrong header may stand for is not missed besides
        "lsv.csv",
        LSV.replace("plateau_current [mA]", "signal [mA]") + "a,PP,1,,,1,25,1,2,1\n",
        [(1, "is no column of lsv"), (1, "has no column 'plateau_current [mA]'")],
    ),
    (
        "published.csv",
        PUBLISHED.replace("upper", "at most") + "wetting_product,,,0.1,,1,J/m^2,,,,,\n",
        [(1, "'at most'")],
    ),
]


@pytest.mark.parametrize(("file", "text", "due"), ALL_AT_ONCE)
def test_one_mistake_hides_no_other_and_brings_no_follower(tmp_path, file, text, due):
    write(tmp_path, {"separators.csv": SEPARATORS, file: text})
    with pytest.raises(CampaignError) as caught:
        load_campaign(tmp_path)
    found = caught.value.mistakes
    for line, fragment in due:
        assert any(m.line == line and fragment in str(m) for m in found), (line, fragment)
    assert len(found) == len(due), str(caught.value)


@pytest.mark.parametrize(
    ("separators", "count"),
    [
        (SEPARATORS.replace(",", "|"), 1),
        (SEPARATORS.replace("PP,polymer", "PP polymer"), 1),
        (SEPARATORS.replace("separator,", "separatr,", 1), 1),
        (SEPARATORS.replace("25", "x"), 2),
    ],
    ids=["not cut into cells", "a ragged row", "no names", "a wrong cell of a named row"],
)
def test_separators_that_could_not_be_read_are_not_missed_besides(tmp_path, separators, count):
    penetration = PENETRATION + "a,PP,25,3,survived\nb,QQ,25,3,survived\n"
    write(tmp_path, {"separators.csv": separators, "penetration.csv": penetration})
    with pytest.raises(CampaignError) as caught:
        load_campaign(tmp_path)
    assert len(caught.value.mistakes) == count, str(caught.value)
    assert ("'QQ' is no row" in str(caught.value)) == (count == 2)


def test_a_misspelt_header_of_sources_is_not_a_blank_source_in_every_row(tmp_path):
    header = KINETICS.replace("\n", ",sorce\n")
    literature = METADATA.replace("measured", "literature")
    write(tmp_path, {"kinetics.csv": header + "a,25,1,1,mine\nb,25,1,1,mine\n"}, literature)
    with pytest.raises(CampaignError, match="did you mean 'source'") as caught:
        load_campaign(tmp_path)
    assert len(caught.value.mistakes) == 1


def test_a_thousand_mistakes_are_counted_not_listed(tmp_path):
    write(tmp_path, {"kinetics.csv": KINETICS + "a,25,x,1\n" * 1000})
    with pytest.raises(CampaignError) as caught:
        load_campaign(tmp_path)
    assert len(caught.value.mistakes) == 51
    assert "950 more mistakes" in str(caught.value.mistakes[-1])


def test_unknown_names_are_compared_no_more_often_than_they_are_told(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr("data.loading.nearest", lambda name, _: asked.append(name) or "")
    rows = "".join(f"c{i},X{i},25,1,survived,who-{i}\n" for i in range(300))
    header = PENETRATION.strip() + ",source\n"
    write(
        tmp_path,
        {"separators.csv": SEPARATORS, "penetration.csv": header + rows},
        METADATA + '[references]\nmine = "mine"\n',
    )
    with pytest.raises(CampaignError) as caught:
        load_campaign(tmp_path)
    assert len(caught.value.mistakes) == 2 * 51
    assert len(asked) == 2 * 50


def test_a_separator_has_cells_or_a_bracket_but_not_both(tmp_path):
    files = {
        "separators.csv": SEPARATORS,
        "penetration.csv": PENETRATION + "a,PP,25,3,survived\n",
        "critical_current.csv": BRACKET + "PP,25,5,3,,,\n",
    }
    with pytest.raises(CampaignError, match="the bracket repeats the cells"):
        load_campaign(write(tmp_path, files))
    files["critical_current.csv"] = (
        BRACKET.replace("\n", ",exclude\n") + "PP,25,5,3,,,,the cells are in penetration.csv\n"
    )
    assert "critical_current" in load_campaign(write(tmp_path, files)).excluded


def test_the_ends_of_a_bracket_from_different_cells_may_overlap(tmp_path):
    files = {"separators.csv": SEPARATORS, "critical_current.csv": BRACKET + "PP,25,9,5,,,\n"}
    bracket = load_campaign(write(tmp_path, files)).tables["critical_current"]
    assert bracket["bracket_from"].values.tolist() == ["different_cells"]


def test_an_excluded_row_needs_no_complete_cells_but_readable_ones(tmp_path):
    header = KINETICS.replace("\n", ",exclude\n")
    files = {"kinetics.csv": header + "a,25,10,1,\na,25,,-1,probe fell off\n"}
    campaign = load_campaign(write(tmp_path, files))
    assert campaign.tables["kinetics"].sizes["kinetics"] == 1
    assert campaign.excluded["kinetics"]["exclude"].item() == "probe fell off"
    assert "probe fell off" in str(campaign)
    assert "Left out (1)" in str(campaign)
    files = {"kinetics.csv": header + "a,25,10,1,\na,25,n/a,-1,probe fell off\n"}
    with pytest.raises(CampaignError, match="line 3"):
        load_campaign(write(tmp_path, files))
    for flag in ("no", "Yes", "FALSE"):  # which of the two a row with "no" is, nobody can tell
        files = {"kinetics.csv": header + f"a,25,10,1,\na,25,20,1,{flag}\n"}
        with pytest.raises(CampaignError, match=f"'{flag}' is no reason: .*leave the cell blank"):
            load_campaign(write(tmp_path, files))


def test_a_percentage_beyond_its_range_is_not_told_to_become_one(tmp_path):
    header = SEPARATORS.replace("porosity [1]", "porosity [%]")
    with pytest.raises(CampaignError) as error:
        load_campaign(write(tmp_path, {"separators.csv": header + "B,polymer,14,25,100\n"}))
    assert "100 % = 1 is not legal: a number between 0 and 1" in str(error.value)
    assert "head the column" not in str(error.value)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_what_spreadsheets_write_is_read(tmp_path, newline, mark):
    text = mark + KINETICS + "a , 25,10,1\n,,,\nb,25,-10,-1\n\n"
    write(tmp_path, {"kinetics.csv": text.replace("\n", newline).encode()})
    kinetics = load_campaign(tmp_path).tables["kinetics"]
    assert kinetics["cell"].values.tolist() == ["a", "b"]
    assert kinetics["line"].values.tolist() == [2, 4]


def test_sources_are_keys_where_the_references_are_a_table(tmp_path):
    header = KINETICS.replace("\n", ",source\n")
    files = {"kinetics.csv": header + "a,25,10,1,mine\n"}
    keyed = METADATA + '[references]\nmine2026 = "Mine (2026)"\n'
    with pytest.raises(CampaignError, match="did you mean 'mine2026'"):
        load_campaign(write(tmp_path, files, keyed))
    assert load_campaign(write(tmp_path, files)).fitted_sources() == {"mine": ["kinetics"]}
    literature = METADATA.replace("measured", "literature")
    files = {"kinetics.csv": header + "a,25,10,1,\n"}
    with pytest.raises(CampaignError, match="every row of a literature campaign"):
        load_campaign(write(tmp_path, files, literature))


def test_a_campaign_that_is_not_there_is_refused_with_the_nearest_name(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="did you mean 'sodium-literature'"):
        load_campaign("sodium-literatur")
    with pytest.raises(CampaignError, match=r"campaign\.toml: is missing"):
        load_campaign(tmp_path)
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "sodium-literature"
    folder.mkdir()
    write(folder, {"kinetics.csv": KINETICS + "a,25,1,1\n"})
    with pytest.raises(InputError, match=r"\./sodium-literature"):
        load_campaign("sodium-literature")
    assert load_campaign("./sodium-literature").name == "mine"
