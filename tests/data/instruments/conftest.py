"""Files of instruments: measured ones that lie beside a checkout, and made ones."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

_RAW = Path(__file__).resolve().parents[4] / "shared" / "raw"

type Maker = Callable[..., bytes]


@pytest.fixture(scope="session")
def raw() -> Path:
    """Return the folder of files measured by others, which lie beside a checkout and not in it."""
    if not _RAW.is_dir():
        pytest.skip(f"the measured instrument files are not here: there is no folder {_RAW}")
    return _RAW


def _rows(count: int) -> list[tuple[float, float, float]]:
    return [(0.5 * k, 0.25 - 0.001 * k, 1e-3 + 1e-6 * k) for k in range(count)]


@pytest.fixture(scope="session")
def dta() -> Maker:
    """Return a function that writes a .DTA file like those of Gamry Framework."""

    def make(
        *,
        rows: Sequence[tuple[float, float, float]] | int = 12,
        announced: object = None,
        tag: str = "CHRONOP",
        title: str = "Chronopotentiometry Scan",
        header: Sequence[str] = (),
        units: Sequence[str] = ("s", "V vs. Ref.", "A"),
        temperature: str = "25.0",
        over: Sequence[str] = (),
        comma: bool = False,
        tail: str = "",
        name: str = "CURVE",
    ) -> bytes:
        table = _rows(rows) if isinstance(rows, int) else list(rows)
        lines = [
            "EXPLAIN",
            f"TAG\t{tag}",
            f"TITLE\tLABEL\t{title}\tTest &Identifier",
            "PSTAT\tPSTAT\tREF600\tPotentiostat",
            "AREA\tQUANT\t1.00000E+000\tSample Area (cm^2)",
            "CONVENTION\tIQUANT\t1\tCurrent Convention",
            *header,
            f"{name}\tTABLE\t{len(table) if announced is None else announced}".rstrip("\t"),
            "\tPt\tT\tVf\tIm\tOver\tTemp",
            "\t" + "\t".join(("#", *units, "bits", "deg C")),
        ]
        marks = [*over, *["..........."] * len(table)]
        for k, (time, volts, amps) in enumerate(table):
            numbers = f"{k}\t{time:.6g}\t{volts:.5E}\t{amps:.5E}\t{marks[k]}\t{temperature}"
            lines.append("\t" + numbers)
        text = "\r\n".join(lines) + "\r\n" + tail
        if comma:
            text = "\t".join(
                cell.replace(".", ",") if cell[:1] in "-0123456789" else cell
                for cell in text.split("\t")
            )
        return text.encode()

    return make


@pytest.fixture(scope="session")
def mpt() -> Maker:
    """Return a function that writes an .mpt file like those of EC-Lab."""

    def make(
        *,
        rows: Sequence[tuple[float, float, float]] | int = 12,
        technique: str = "Chronopotentiometry",
        header: Sequence[str] = (),
        names: str = "mode\tox/red\terror\tNs\ttime/s\tcontrol/mA\tEwe/V\tI/mA\tP/W",
        comma: bool = False,
        steps: Sequence[int] = (),
        mode: int = 1,
    ) -> bytes:
        table = _rows(rows) if isinstance(rows, int) else list(rows)
        lines = [
            "EC-Lab ASCII FILE",
            "Nb header lines : {count}                          ",
            "",
            technique,
            "",
            "Device : SP-300 (SN 1854)",
            "Electrode surface area : 0.001 cm²",
            "unit Is             µA                  ",
            *header,
            "",
            names,
        ]
        lines[1] = lines[1].format(count=len(lines))
        marks = [*steps, *[0] * len(table)]
        for k, (time, volts, amps) in enumerate(table):
            lines.append(
                f"{mode}\t1\t0\t{marks[k]}\t{time:.15E}\t{1e3 * amps:.7E}\t{volts:.7E}"
                f"\t{1e3 * amps:.7E}\t{volts * amps:.7E}"
            )
        if comma:
            lines = [
                "\t".join(
                    cell.replace(".", ",") if cell[:1] in "-0123456789" else cell
                    for cell in line.split("\t")
                )
                for line in lines
            ]
        return "\r\n".join(lines).encode("cp1252")

    return make


@pytest.fixture(scope="session")
def plain() -> Maker:
    """Return a function that writes a plain .csv file."""

    def make(
        *,
        rows: Sequence[tuple[float, float, float]] | int = 12,
        header: Sequence[str] = ("Test Time / s", "Voltage / V", "Current / A"),
        separator: str = ",",
        comma: bool = False,
        comments: Sequence[str] = (),
    ) -> bytes:
        table = _rows(rows) if isinstance(rows, int) else list(rows)
        lines = [*(f"# {comment}" for comment in comments), separator.join(header)]
        for row in table:
            cells = [repr(value) for value in row]
            lines.append(separator.join(c.replace(".", ",") if comma else c for c in cells))
        return ("\n".join(lines) + "\n").encode()

    return make
