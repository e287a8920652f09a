"""Impedance spectra are read as frequency and complex impedance, with the right sign."""

import gzip
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from data import RecordError, new_campaign, read_spectrum
from data.instruments import biologic_binary
from inference import import_records

RAW = Path(__file__).resolve().parents[4] / "shared" / "raw"
FREQUENCY = np.logspace(5, -1, 13)
# Ten ohm in series with 50 ohm beside 1 mF: of a capacitor the imaginary part is negative.
IMPEDANCE = 10.0 + 50.0 / (1.0 + 2j * np.pi * FREQUENCY * 50.0 * 1e-3)
PARTS = {
    "freq": FREQUENCY,
    "re": IMPEDANCE.real,
    "im": IMPEDANCE.imag,
    "-im": -IMPEDANCE.imag,
    "abs": np.abs(IMPEDANCE),
    "phase": np.degrees(np.angle(IMPEDANCE)),
    "-phase": -np.degrees(np.angle(IMPEDANCE)),
    "time": np.arange(13.0),
    "volt": np.full(13, 0.05),
    "milliampere": np.full(13, 0.4),
    "kilo re": IMPEDANCE.real / 1e3,
}


def rows(columns: Sequence[str], separator: str = "\t", decimal: str = ".") -> list[str]:
    numbers = zip(*(PARTS[name].tolist() for name in columns), strict=True)
    return [
        separator.join(f"{number:.12g}".replace(".", decimal) for number in row) for row in numbers
    ]


def gamry(name: str = "ZCURVE", announced: str = "") -> str:
    """Return a table as Gamry Framework writes it: names, units, rows that begin with a tab."""
    head = f"{name}\tTABLE{announced}\n\tTime\tFreq\tZreal\tZimag\tZmod\tZphz\n"
    body = "".join(f"\t{row}\n" for row in rows(["time", "freq", "re", "im", "abs", "phase"]))
    return f"{head}\ts\tHz\tohm\tohm\tohm\t°\n{body}"


def eclab(decimal: str = ".", technique: str = "Potentio") -> str:
    """Return PEIS or GEIS as EC-Lab exports it, with a row of the time before at frequency zero."""
    names = "freq/Hz\tRe(Z)/Ohm\t-Im(Z)/Ohm\t|Z|/Ohm\tPhase(Z)/deg\ttime/s\t<Ewe>/V\t<I>/mA"
    head = ["EC-Lab ASCII FILE", "Nb header lines : 6", "",
            f"{technique} Electrochemical Impedance Spectroscopy", "", f"{names}\t"]  # fmt: skip
    waiting = "\t".join(["0"] * 5 + [f"0{decimal}5", f"0{decimal}05", f"0{decimal}4"])
    columns = ["freq", "re", "-im", "abs", "phase", "time", "volt", "milliampere"]
    return "\n".join([*head, waiting, *rows(columns, decimal=decimal)]) + "\n"


def csv(header: str, columns: Sequence[str], separator: str = ",", decimal: str = ".") -> str:
    return "\n".join([header, *rows(columns, separator, decimal)]) + "\n"


GAMRY_HEAD = "EXPLAIN\nTAG\tEISPOT\nTITLE\tLABEL\tPotentiostatic EIS\tTest\n"
SPECTRA = {
    "gamry.DTA": GAMRY_HEAD + gamry(announced="\t13"),
    "peis.mpt": eclab(),
    "geis.mpt": eclab(",", "Galvano"),
    "unended.mpt": eclab().removesuffix("\n"),  # as EC-Lab ends its files
    "plain.csv": csv("frequency [Hz],Zreal [ohm],Zimag [ohm]", ["freq", "re", "im"]),
    "units.csv": csv("Frequency (Hz);Z' (kΩ);-Z'' (Ω)", ["freq", "kilo re", "-im"], ";", ","),
    "polar.csv": csv("Freq/Hz,Z/ohm,Phase/deg", ["freq", "abs", "phase"]),
    "negative.csv": csv("Frequency (Hz),|Z| (Ω),-Phase (°)", ["freq", "abs", "-phase"]),
    "quotes.csv": csv("Freq/Hz, Z'/ohm, Z\"/ohm", ["freq", "re", "im"]),
    "above.txt": "A.C. Impedance\nCells 1, 2, 3\n\n"
    + csv("Freq/Hz, Z'/ohm, -Z''/ohm", ["freq", "re", "-im"]),
}


@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize("packed", [False, True])
def test_a_spectrum_is_read_with_the_sign_of_a_capacitor(
    name: str, packed: bool, tmp_path: Path
) -> None:
    content = SPECTRA[name].encode("utf-8")
    file = tmp_path / (f"{name}.gz" if packed else name)
    file.write_bytes(gzip.compress(content) if packed else content)
    spectrum = read_spectrum(file)
    np.testing.assert_allclose(spectrum["frequency_hertz"].values, FREQUENCY, rtol=1e-9)
    np.testing.assert_allclose(spectrum["impedance_ohm"].values, IMPEDANCE, rtol=1e-9)
    assert spectrum["impedance_ohm"].attrs["units"] == "ohm"
    assert spectrum.attrs["technique"] == "impedance"
    assert "doubt" not in spectrum.attrs
    assert "truncated" not in spectrum.attrs
    if name.endswith(".mpt"):
        assert "1 rows at frequency zero" in spectrum.attrs["left_out"]
        np.testing.assert_allclose(spectrum["current_ampere"].values, 4e-4)


def test_eclabs_binary_columns_are_a_spectrum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "peis.mpr"
    file.write_bytes(b"BIO-LOGIC MODULAR FILE\x1a")
    names = {"freq/Hz": "freq", "Re(Z)/Ohm": "re", "-Im(Z)/Ohm": "-im", "|Z|/Ohm": "abs"}
    columns = {name: PARTS[part] for name, part in names.items()}
    monkeypatch.setattr(biologic_binary, "numeric_columns", lambda _: (columns, "PEIS"))
    np.testing.assert_allclose(read_spectrum(file)["impedance_ohm"].values, IMPEDANCE)
    columns["|Z|/Ohm"] = 1e3 * PARTS["abs"]
    with pytest.raises(RecordError, match="not those of the real and imaginary parts"):
        read_spectrum(file)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (csv("frequency [Hz],Zreal,Zimag [ohm]", ["freq", "re", "im"]), "states no unit"),
        (csv("frequency [Hz],Zreal [V],Zimag [ohm]", ["freq", "re", "im"]), "dimension"),
        (csv("frequency [Hz],Zreal [ohm*cm^2],Zimag [ohm]", ["freq", "re", "im"]), "dimension"),
        (csv("frequency [Hz],Zreal [ohm]", ["freq", "re"]), "holds no impedance spectrum"),
        (csv("time [s],voltage [V],current [A]", ["freq", "re", "im"]), "holds no impedance"),
        (SPECTRA["plain.csv"] + "1,x,2\n", "line 15, column 'Zreal [ohm]': 'x' is not a number"),
        (SPECTRA["plain.csv"] + "1,2\n", "2 cells where 3 are due"),
        (SPECTRA["plain.csv"] + "-1,2,-3\n", "line 15: row 13: -1 Hz"),
        (SPECTRA["units.csv"] + "1,5;2.5;1\n", "written with a point"),
        (GAMRY_HEAD + gamry(announced="\t14"), "announces 14 rows of ZCURVE and holds 13"),
        (GAMRY_HEAD + gamry("ZCURVE1") + gamry("ZCURVE2"), "0: ZCURVE1, 13 rows"),
        (SPECTRA["plain.csv"].splitlines()[0] + "\n", "nothing was recorded"),
    ],
)
def test_a_spectrum_that_is_not_certain_is_refused(text: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text(text)
    with pytest.raises(RecordError) as caught:
        read_spectrum(file)
    assert words in str(caught.value)


def test_of_several_spectra_one_is_chosen_and_a_wrong_sign_is_doubted(tmp_path: Path) -> None:
    file = tmp_path / "x.DTA"
    file.write_text(GAMRY_HEAD + gamry("ZCURVE1") + gamry("ZCURVE2"))
    assert read_spectrum(file, curve=1).attrs["curve"] == "ZCURVE2"
    mislabelled = tmp_path / "x.csv"
    mislabelled.write_text(csv("frequency [Hz],Zreal [ohm],Zimag [ohm]", ["freq", "re", "-im"]))
    assert "is the column that of -Im(Z)?" in read_spectrum(mislabelled).attrs["doubt"]
    cut = tmp_path / "cut.csv"
    cut.write_text(SPECTRA["plain.csv"][:-3])
    spectrum = read_spectrum(cut)
    assert spectrum.sizes["point"] == 12
    assert "left out" in spectrum.attrs["truncated"]


@pytest.mark.parametrize("name", ["gamry.DTA", "peis.mpt", "geis.mpt", "plain.csv", "above.txt"])
def test_import_says_that_a_spectrum_is_one_and_that_no_table_takes_it(
    name: str, tmp_path: Path
) -> None:
    campaign = new_campaign(tmp_path / "mine")
    (campaign / "separators.csv").write_text(
        "separator,pore_type,pore_radius [nm],thickness [um],porosity [1]\nPP,polymer,14,25,0.39\n"
    )
    file = tmp_path / name
    file.write_text(SPECTRA[name])
    known = {"area": "0.5 cm^2", "separator": "PP", "temperature": "25 degC"}
    [outcome] = import_records(file, table="penetration", campaign=campaign, metadata=known)
    assert outcome.status == "refused"
    message = str(outcome.error)
    assert "is an impedance spectrum of 13 points from 0.1 to 100000 Hz" in message
    assert "no table takes spectra yet" in message


@pytest.mark.skipif(not RAW.is_dir(), reason=f"the instruments' files are not here: {RAW}")
@pytest.mark.parametrize(
    ("name", "points", "first"),
    [
        ("exampleDataGamryABORT.DTA", 72, (200015.6, 825.8584 - 1367.239j)),
        ("eispot_data_curveaborted.dta", 5, (10000.0, 224.6075 - 3.767681j)),
    ],
)
def test_spectra_of_gamry_are_read(name: str, points: int, first: tuple[float, complex]) -> None:
    spectrum = read_spectrum(RAW / "gamry" / name)
    assert spectrum.sizes["point"] == points
    assert spectrum["frequency_hertz"].values[0] == first[0]
    assert spectrum["impedance_ohm"].values[0] == first[1]
    assert "aborted" in spectrum.attrs


@pytest.mark.parametrize("phase", ["phase", "-phase"])
def test_an_imaginary_part_that_contradicts_the_phase_takes_its_sign(
    phase: str, tmp_path: Path
) -> None:
    """Some programs write -Im(Z) under Z''; what they say of the phase tells."""
    header = f"freq / Hz,Z' / Ohm,Z'' / Ohm,{'neg. Phase' if phase[0] == '-' else 'Phase'} / °"
    path = tmp_path / "x.csv"
    path.write_text("\n".join([header, *rows(["freq", "re", "-im", phase], ",")]) + "\n")
    spectrum = read_spectrum(path)
    np.testing.assert_allclose(spectrum["impedance_ohm"], IMPEDANCE, rtol=1e-9)
    assert "doubt" not in spectrum.attrs
    assert "opposite sign of the phases" in spectrum.attrs["sign"]


@pytest.mark.filterwarnings("error")
def test_magnitudes_of_zero_say_nothing(tmp_path: Path) -> None:
    path = tmp_path / "z.csv"
    path.write_text("frequency [Hz],Zreal [ohm],Zimag [ohm],|Z| [ohm]\n1,3,-4,0\n10,2,-1,0\n")
    assert read_spectrum(path)["impedance_ohm"].values.tolist() == [3 - 4j, 2 - 1j]
    path.write_text(path.read_text().replace("-4,0", "-4,50"))
    with pytest.raises(RecordError, match="magnitudes"):
        read_spectrum(path)


@pytest.mark.parametrize("column", ["", "cycle number,"])
def test_each_spectrum_of_a_table_is_one(tmp_path: Path, column: str) -> None:
    frequency = [1e3, 1e2, 10.0, 1.0]
    rows = [
        f"{f'{loop},' if column else ''}{f},{10 + loop},-1" for loop in range(3) for f in frequency
    ]
    file = tmp_path / "loops.csv"
    file.write_text("\n".join([f"{column}frequency [Hz],Zreal [ohm],Zimag [ohm]", *rows, ""]))
    with pytest.raises(RecordError, match="several curves: choose one with --curve N"):
        read_spectrum(file)
    spectrum = read_spectrum(file, curve=1)
    assert spectrum["frequency_hertz"].values.tolist() == frequency
    assert (spectrum["impedance_ohm"].values == 11 - 1j).all()
    assert spectrum.attrs["sweep"] == "2 of 3"
    with pytest.raises(RecordError, match="has no curve 3"):
        read_spectrum(file, curve=3)
