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


@pytest.fixture(scope="session")
def bugs() -> Path:
    """Return the folder of small files that were once read wrongly, which lie beside a checkout."""
    folder = _RAW.with_name("bugs")
    if not folder.is_dir():
        pytest.skip(f"the files that were read wrongly are not here: there is no folder {folder}")
    return folder


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


def _table(lines: Sequence[str], names: str, rows: Sequence[str]) -> bytes:
    return ("\n".join([*lines, names, *rows]) + "\n").encode()


def _clock(seconds: float) -> str:
    return f"{int(seconds // 3600):02d}:{int(seconds % 3600 // 60):02d}:{seconds % 60:06.3f}"


def _neware(table: Sequence[tuple[float, float, float]]) -> bytes:
    names = (
        "DataPoint,Cycle Index,Step Index,Step Type,Time,Total Time,Current(mA),Voltage(V),"
        "Capacity(mAh),Date"
    )
    rows = [
        f"{k},1,1,CC Chg,{_clock(t)},{_clock(t)},{1e3 * i!r},{v!r},0,2026-11-29 10:00:00"
        for k, (t, v, i) in enumerate(table, start=1)
    ]
    return _table([], names, rows)


def _maccor(table: Sequence[tuple[float, float, float]]) -> bytes:
    above = ["Today's Date\t11/29/2026  Date of Test:\t11/28/2026\t Filename:\tC:\\x.001"]
    names = (
        "Rec#\tCyc#\tStep\tTest (Min)\tStep (Min)\tAmp-hr\tWatt-hr\tAmps\tVolts\tState\tES\t"
        "DPt Time"
    )
    rows = [
        f"{k}\t0\t1\t{t / 60!r}\t{t / 60!r}\t0.0\t0.0\t{i!r}\t{v!r}\tC\t1\t11/28/2026 16:05:31"
        for k, (t, v, i) in enumerate(table, start=1)
    ]
    return _table(above, names, rows)


def _landt(table: Sequence[tuple[float, float, float]]) -> bytes:
    names = (
        "Index\tTestTime/Sec.\tStepTime/Sec.\tVoltage/V\tCurrent/mA\tCapacity/mAh\tSysTime\tState"
    )
    rows = [
        f"{k}\t{t!r}\t{t!r}\t{v!r}\t{1e3 * i!r}\t0.0\t2026-11-29 10:00:00\tCCC"
        for k, (t, v, i) in enumerate(table, start=1)
    ]
    return _table([], names, rows)


def _landt_csv(table: Sequence[tuple[float, float, float]]) -> bytes:
    above = ["cell model:,,,,,,,", "cell id: ,,,,,,,", "Nominal capacity:Ah,,,,,,,"]
    names = (
        "channel_index,cycle_index,step_index,date_time_iso_string,test_time_s,step_time_s,"
        "current_A,voltage_V,step_name"
    )
    rows = [
        f"{k},1,1,11/29/2026 14:33:19,{t!r},{t!r},{i!r},{v!r},charge CC,"
        for k, (t, v, i) in enumerate(table, start=1)
    ]
    return _table(above, names, rows)


def _basytec(table: Sequence[tuple[float, float, float]]) -> bytes:
    above = [
        "~Resultfile from Basytec Battery Test System",
        "~Name of Test: test",
        "~Start of Test: 29.11.2026 17:56:53",
        "~",
    ]
    names = "~Time[h]\tDataSet\tt-Step[h]\tLine\tCommand\tU[V]\tI[A]\tAh[Ah]\tT1[°C]"
    rows = [
        f"{t / 3600!r}\t{k}\t{t / 3600!r}\t3\tCharge\t{v!r}\t{i!r}\t0\t25.4"
        for k, (t, v, i) in enumerate(table, start=1)
    ]
    return _table(above, names, rows).decode().encode("cp1252")


def _novonix(table: Sequence[tuple[float, float, float]]) -> bytes:
    above = [
        "[Summary]",
        "Novonix UHPC data file",
        "Area (cm2): 1.000",
        "[End Summary]",
        "[Protocol]",
        '{"Version":"UHPC","LastUpdated":"2026-11-29 15:26:20"}',
        "[End Protocol]",
        "[Data]",
    ]
    names = (
        "Date and Time,Cycle Number,Step Type,Run Time (h),Step Time (h),Current (A),Potential (V),"
        "Temperature (°C),Step Number"
    )
    rows = [
        f"2026-11-29 15:26:20,1,7,{t / 3600!r},{t / 3600!r},{i!r},{v!r},24.6,1" for t, v, i in table
    ]
    return _table(above, names, rows)


def _nova(table: Sequence[tuple[float, float, float]]) -> bytes:
    names = "Scan;Index;Time (s);WE(1).Potential (V);WE(1).Current (A);Current range"
    rows = [f"1;{k};{t!r};{v!r};{i!r};10 mA" for k, (t, v, i) in enumerate(table, start=1)]
    return _table([], names, [row.replace(".", ",") for row in rows])


def _chi(table: Sequence[tuple[float, float, float]]) -> bytes:
    above = [
        "Nov. 29, 2026   13:43:22",
        "Chronopotentiometry",
        "Instrument Model:  CHI760E",
        "Cathodic Current (A) = 0.002",
        f"Anodic Current (A) = {table[0][2] if table else 1e-3!r}",
        "Init P/N = P",
        "Data Storage Interval (s) = 0.5",
        "Cathodic Time (s) = 100",
        "Anodic Time (s) = 100",
        "Segment = 1",
        "",
    ]
    return _table(above, "Time/sec, Potential/V", ["", *(f"{t!r}, {v!r}" for t, v, _ in table)])


def _arbin(table: Sequence[tuple[float, float, float]]) -> bytes:
    names = "Data_Point,Test_Time(s),Step_Index,Voltage(V),Current(A)"
    return _table([], names, [f"{k},{t!r},1,{v!r},{i!r}" for k, (t, v, i) in enumerate(table)])


_LAYOUTS = {
    "arbin": _arbin,
    "basytec": _basytec,
    "chi": _chi,
    "landt": _landt,
    "landt_csv": _landt_csv,
    "maccor": _maccor,
    "neware": _neware,
    "nova": _nova,
    "novonix": _novonix,
}


@pytest.fixture(scope="session")
def cycler() -> Maker:
    """Return a function that writes a table in the layout of a maker of instruments."""

    def make(layout: str, rows: Sequence[tuple[float, float, float]] | int = 12) -> bytes:
        return _LAYOUTS[layout](_rows(rows) if isinstance(rows, int) else list(rows))

    return make
