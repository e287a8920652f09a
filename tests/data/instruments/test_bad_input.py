"""Whatever the file: a clear error or a right answer, never a traceback, never half a record."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from data import RecordError, list_curves, read_record

type Maker = Callable[..., bytes]

ROOT = Path(__file__).resolve().parents[3]


def refused_or_right(path: Path, whole: xr.Dataset | None = None) -> xr.Dataset | None:
    """Read a file: None where it is refused; what is read passes the gate."""
    try:
        list_curves(path)
        record = read_record(path)
    except RecordError as error:
        message = str(error)
        assert path.name in message
        assert "Traceback" not in message
        return None
    time = record["test_time_second"].values
    assert time.size
    assert np.isfinite(time).all()
    assert (np.diff(time) >= 0).all()
    assert (np.abs(record["voltage_volt"].values) < 20).all()
    assert (np.abs(record["current_ampere"].values) < 1000).all()
    if whole is not None:
        rows = record.sizes["record"]
        for name in ("test_time_second", "voltage_volt", "current_ampere"):
            assert np.array_equal(record[name], whole[name][:rows])
    return record


@pytest.mark.parametrize("kind", ["dta", "mpt", "plain"])
@pytest.mark.parametrize("comma", [False, True])
def test_a_text_cut_at_any_byte_is_never_taken_for_a_whole_one(
    kind: str, comma: bool, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    make: Maker = request.getfixturevalue(kind)
    options = {"separator": ";"} if kind == "plain" else {}
    content = make(rows=5, comma=comma, **options)
    path = tmp_path / "x"
    path.write_bytes(content)
    whole = read_record(path)
    for size in range(len(content)):
        path.write_bytes(content[:size])
        record = refused_or_right(path, whole)
        if record is None or "truncated" in record.attrs:
            continue
        kept = content[size:]
        if kind == "plain":
            # Between two lines nothing tells: the format states no number of rows.
            assert content[size - 1 : size] == b"\n"
        elif kind == "mpt":
            assert kept.startswith((b"\r\n", b"\n")) or content[size - 1 : size] == b"\n"
        else:
            assert kept in (b"\n", b"")


TABLES = ("arbin", "basytec", "chi", "landt", "landt_csv", "maccor", "neware", "nova", "novonix")


@pytest.mark.parametrize("layout", TABLES)
def test_a_table_cut_at_any_byte_is_never_taken_for_a_whole_one(
    layout: str, cycler: Maker, tmp_path: Path
) -> None:
    content = cycler(layout, 3)
    path = tmp_path / "x"
    path.write_bytes(content)
    whole = read_record(path)
    for size in range(0, len(content), 1 + (size_of_rows := len(content) // 30)):
        path.write_bytes(content[:size])
        record = refused_or_right(path, whole)
        assert record is None or "truncated" in record.attrs or content[size - 1 : size] == b"\n"
    for size in range(len(content) - size_of_rows, len(content)):
        path.write_bytes(content[:size])
        record = refused_or_right(path, whole)
        assert record is None or "truncated" in record.attrs


@pytest.mark.parametrize(
    "name",
    [
        "gamry/LSV.DTA",
        "gamry/CHRONOA.DTA",
        "gamry/OCP.DTA",
        "gamry/CVCP.DTA",
        "biologic/ca.mpt",
        "biologic/cp.issue_149.mpt",
        "biologic/lsv.mpt",
        "biologic/mb.issue_218.mpr",
        "biologic/gcpl.mpr",
        "biologic/cp.mpr",
        "arbin/mits7-0.res.gz",
        "arbin/bs542_004_gr_li_50ua_50mv_1v_191020_Channel_11.xlsx",
    ],
)
def test_a_measured_file_cut_at_every_tenth_is_refused(
    raw: Path, tmp_path: Path, name: str
) -> None:
    content = (raw / name).read_bytes()
    path = tmp_path / Path(name).name
    for tenth in range(10):
        path.write_bytes(content[: len(content) * tenth // 10])
        with pytest.raises(RecordError, match=path.name):
            read_record(path, curve=2 if "CVCP" in name else None)


def test_a_database_cut_at_every_tenth_is_refused(raw: Path, tmp_path: Path) -> None:
    import gzip

    content = gzip.decompress((raw / "arbin" / "mits7-0.res.gz").read_bytes())
    path = tmp_path / "x.res"
    whole = None
    for tenth in range(10, 0, -1):
        path.write_bytes(content[: len(content) * tenth // 10])
        record = refused_or_right(path, whole)
        whole = record if whole is None else whole
        # Pages after the table's own may be lost without loss of a row.
        assert record is None or record.sizes["record"] == 8


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"\n\n \n", "only blanks"),
        (b"%PDF-1.7\n%\xe2\xe3", "is a PDF document, whatever its name says"),
        (b"\x89PNG\r\n\x1a\n", "is a picture"),
        (b"PK\x03\x04" + bytes(200), "workbook"),
        (b"\x1f\x8b" + bytes(20), "cannot be unpacked"),
        (b"\xff\xfed\x00e\x00a\x00r\x00", "of no known format"),
        (b"\xff\xfet\x00i\x00m\x00e", "UTF-16 text that is cut off"),
        (b"\xd0\xcf\x11\xe0" + bytes(600), r"\.xls"),
        (b"BIO-LOGIC MODULAR FILE\x1a" + bytes(600), "cannot be read as a file of EC-Lab"),
        (b"\x00\x01\x00\x00Standard Jet DB\x00" + bytes(9000), "database of Arbin"),
        (b"EC-Lab ASCII FILE\r\n", "Nb header lines"),
        (b"EC-Lab ASCII FILE\r\nNb header lines : 99999999\r\n", "the file is cut off"),
        (b"EC-Lab ASCII FILE\r\nNb header lines : " + b"9" * 5000 + b"\r\n", "with a number"),
        (b"EXPLAIN\r\nTAG\tLSV\r\n", "holds no table"),
        (b"EXPLAIN\r\nTAG\tLSV\r\nCURVE\tTABLE\t5\r\n", "cut off before its rows"),
        (
            b"EXPLAIN\r\nTAG\tLSV\r\nCURVE\tTABLE\t5\r\n\tPt\tT\tVf\tIm\r\n\t#\ts\tV\tA\r\n",
            "and holds 0",
        ),
        (b"EC-LAB SETTING FILE\r\n", "settings file"),
        (b"dear diary\n", "of no known format"),
    ],
)
@pytest.mark.parametrize("name", ["x.DTA", "x.mpr", "x.csv"])
def test_what_is_no_record_is_refused_whatever_it_is_called(
    tmp_path: Path, content: bytes, reason: str, name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(RecordError, match=reason):
        read_record(path)


def test_what_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="cannot be read: No such file"):
        read_record(tmp_path / "none.mpr")
    with pytest.raises(RecordError, match="is a folder"):
        read_record(tmp_path)


@given(content=st.binary(max_size=2000))
def test_random_bytes_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    assert refused_or_right(path) is None


MUTATIONS = st.lists(
    st.tuples(
        st.sampled_from(["replace", "insert", "delete", "repeat"]),
        st.floats(0, 1, exclude_max=True),
        st.one_of(
            st.binary(min_size=1, max_size=4),
            st.sampled_from([b"\t", b"\n", b",", b".", b";", b'"', b"-", b"e", b"\x00", b"nan",
                             b"TABLE", b"\r", b"1e400", b"\xff", b" ", b"#", b"\t\t", b"99"]),
        ),
        st.integers(1, 40),
    ),
    min_size=1,
    max_size=4,
)  # fmt: skip


def mutated(content: bytes, mutations: list[tuple[str, float, bytes, int]]) -> bytes:
    for kind, place, new, length in mutations:
        at = int(place * len(content))
        if kind == "replace":
            content = content[:at] + new + content[at + len(new) :]
        elif kind == "insert":
            content = content[:at] + new + content[at:]
        elif kind == "delete":
            content = content[:at] + content[at + length :]
        else:
            content = content[: at + length] + content[at:]
    return content


@pytest.mark.parametrize("kind", ["dta", "mpt", "plain"])
@given(mutations=MUTATIONS, comma=st.booleans())
def test_a_damaged_text_is_refused_or_sound(
    kind: str,
    mutations: list[tuple[str, float, bytes, int]],
    comma: bool,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    make: Maker = request.getfixturevalue(kind)
    options: dict[str, Any] = {"separator": ";"} if kind == "plain" else {}
    path = tmp_path / "x"
    path.write_bytes(mutated(make(rows=4, comma=comma, **options), mutations))
    refused_or_right(path)


@pytest.mark.parametrize("layout", TABLES)
@settings(max_examples=10)
@given(mutations=MUTATIONS)
def test_a_damaged_table_is_refused_or_sound(
    layout: str,
    mutations: list[tuple[str, float, bytes, int]],
    cycler: Maker,
    tmp_path: Path,
) -> None:
    path = tmp_path / "x"
    path.write_bytes(mutated(cycler(layout, 4), mutations))
    refused_or_right(path)


@pytest.mark.parametrize("name", ["biologic/mb.issue_95.mpr", "arbin/mits7-0.res.gz"])
def test_a_damaged_binary_is_refused_or_sound(raw: Path, tmp_path: Path, name: str) -> None:
    content = (raw / name).read_bytes()
    path = tmp_path / Path(name).name
    random = np.random.default_rng(7)
    for _ in range(40):
        damaged = bytearray(content)
        for at in random.integers(0, len(content), 3):
            damaged[at] = random.integers(256)
        path.write_bytes(damaged)
        refused_or_right(path)


@pytest.mark.long
@pytest.mark.parametrize(
    "head", [b"", b"Test Time / s,Voltage / V,Current / A\n", b"EXPLAIN\nTAG\t"]
)
def test_200_megabytes_that_are_no_record_are_refused_within_a_gigabyte(
    tmp_path: Path, head: bytes
) -> None:
    path = tmp_path / "x.csv"
    with path.open("wb") as file:
        file.write(head)
        block = np.random.default_rng(3).bytes(1 << 20)
        for _ in range(200):
            file.write(block)
    used = measured(path)
    path.unlink()
    assert "RecordError" in used["printed"]
    assert used["megabytes"] < 1000


def measured(path: Path) -> dict[str, Any]:
    """Read a file in a process of its own, for the memory it takes."""
    code = f"""
from pathlib import Path
from data import RecordError, read_record
try:
    print(read_record({str(path)!r}).sizes["record"])
except RecordError as error:
    print("RecordError", error)
status = Path("/proc/self/status").read_text()  # rusage would count the parent before exec
print(int(status.partition("VmHWM:")[2].split()[0]) / 1024)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    *printed, megabytes = done.stdout.strip().splitlines()
    return {"printed": "\n".join(printed), "megabytes": float(megabytes)}


@pytest.mark.long
@pytest.mark.parametrize("kind", ["dta", "mpt", "plain"])
def test_a_million_rows_are_read_within_a_gigabyte(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    make: Maker = request.getfixturevalue(kind)
    rows = [(0.5 * k, 0.1 + 1e-7 * (k % 1013), 1e-3) for k in range(1_000_000)]
    path = tmp_path / "x"
    path.write_bytes(make(rows=rows))
    used = measured(path)
    path.unlink()
    assert used["printed"] == "1000000"
    assert used["megabytes"] < 1000
