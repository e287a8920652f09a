"""Rows are appended to a table without touching what stands in it, or not at all."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from data import CampaignError, InputError, load_campaign, new_campaign
from data.appending import append_rows
from data.errors import ChangedError, StorageError
from data.locks import locked_folders

SEPARATOR = {
    "separator": "PP",
    "pore_type": "polymer",
    "pore_radius": 14.0,
    "thickness": 25.0,
    "porosity": 0.39,
}
SAND = {
    "cell": "s2",
    "electrode_distance": 10.0,
    "concentration": 1.0,
    "temperature": 25.0,
    "current_density": 20.0,
    "sand_time_lower": 90.0,
    "sand_time_upper": 96.0,
    "stop_time": 600.0,
}
# Another order, other units, a text of two lines, a blank line, ends of lines of Windows.
WRITTEN = (
    "\ufeffcell,temperature [K],stop_time [min],sand_time [min],current_density [A/m^2],"
    'electrode_distance [cm],concentration [mmol/L],note\r\n"s1",298.15,10,2.50,200,1,1000,'
    '"two\r\nlines, and a comma"\r\n\r\n'
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return new_campaign(tmp_path / "mine")


def test_what_stands_stays_byte_for_byte_and_new_rows_take_its_units(folder: Path) -> None:
    (folder / "sand.csv").write_text(WRITTEN, encoding="utf-8", newline="")
    row = {k: v for k, v in SAND.items() if "sand_time" not in k} | {"sand_time": 93.0}
    addition = append_rows(folder, "sand", [row])
    text = (folder / "sand.csv").read_bytes().decode("utf-8")
    assert text == WRITTEN + "s2,298.15,10,1.55,200,1,1000,\r\n"
    assert addition.lines == (5,)
    assert addition.written[0]["sand_time [min]"] == "1.55"
    table = load_campaign(folder).tables["sand"]
    assert table["sand_time"].values.tolist() == pytest.approx([150.0, 93.0])
    assert table["temperature"].values.tolist() == [25.0, 25.0]


def test_a_column_that_is_missing_is_added_behind_the_last(folder: Path) -> None:
    (folder / "sand.csv").write_text(WRITTEN.rstrip("\r\n"), encoding="utf-8", newline="")
    append_rows(folder, "sand", [SAND])
    text = (folder / "sand.csv").read_bytes().decode("utf-8")
    first, _, rest = WRITTEN.rstrip("\r\n").partition("\r\n")
    assert text == (
        f"{first},sand_time_lower [s],sand_time_upper [s]\r\n{rest},,\r\n"
        "s2,298.15,10,,200,1,1000,,90,96\r\n"
    )
    table = load_campaign(folder).tables["sand"]
    assert table["note"].values.tolist() == ["two lines, and a comma", ""]
    assert table["sand_time_upper"].values[1] == 96.0


def test_a_table_is_begun_and_rows_one_by_one_are_as_rows_at_once(folder: Path) -> None:
    append_rows(folder, "separators", [SEPARATOR])
    rows = [
        {
            "cell": f"L{number}",
            "separator": "PP",
            "layers": number,
            "concentration": 1.0,
            "temperature": 25.0,
            "plateau": 1.0,
            "area": 0.5,
            "plateau_current": 10.0 / number,
        }
        for number in (1.0, 2.0, 3.0)
    ]
    for row in rows:
        append_rows(folder, "lsv", [row])
    one_by_one = load_campaign(folder)
    (folder / "lsv.csv").unlink()
    append_rows(folder, "lsv", rows)
    assert load_campaign(folder) == one_by_one


def test_a_copied_template_without_rows_is_begun_too(folder: Path) -> None:
    header = (folder / "templates" / "sand.csv").read_text(encoding="utf-8")
    (folder / "sand.csv").write_text(header, encoding="utf-8")
    append_rows(folder, "sand", [SAND])
    text = (folder / "sand.csv").read_text(encoding="utf-8")
    assert text.startswith(header)
    assert load_campaign(folder).tables["sand"]["sand_time_lower"].item() == 90.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"current_density": -1.0}, "a number above 0"),
        ({"cell": "s1"}, "repeats line 2"),
        ({"stop_time": 95.0}, "is after stop_time"),
        ({"separator": "PE"}, "'PE' is not defined"),
        ({"cell": "a\x1b[31m"}, "control character"),
    ],
)
def test_an_illegal_row_leaves_the_file_as_it_was(
    folder: Path, change: dict[str, float | str], message: str
) -> None:
    (folder / "sand.csv").write_text(WRITTEN, encoding="utf-8", newline="")
    before = sorted((path.name, path.stat().st_size) for path in folder.iterdir())
    with pytest.raises(CampaignError, match=message) as caught:
        append_rows(folder, "sand", [SAND | change])
    assert all(mistake.line == 5 for mistake in caught.value.mistakes)
    assert (folder / "sand.csv").read_bytes().decode("utf-8") == WRITTEN
    after = sorted((path.name, path.stat().st_size) for path in folder.iterdir())
    assert [entry for entry in after if entry[0] != ".lock"] == before


def test_mistakes_that_stand_already_are_refused_as_such(folder: Path) -> None:
    (folder / "creep.csv").write_text("specimen,strain\nc,1\n")
    with pytest.raises(CampaignError, match=r"creep\.csv, line 1"):
        append_rows(folder, "sand", [SAND])
    assert not (folder / "sand.csv").exists()
    (folder / "creep.csv").unlink()
    with pytest.raises(InputError, match="no column of sand"):
        append_rows(folder, "sand", [SAND | {"sandtime": 1.0}])


def test_only_a_campaign_of_ones_own_is_written_to(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"`anodebayes new .*none` writes one"):
        append_rows(tmp_path / "none", "sand", [SAND])
    for bundled in ("sodium-synthetic", load_campaign("sodium-synthetic").path):
        with pytest.raises(InputError, match="comes with the program"):
            append_rows(bundled, "sand", [SAND])
    with pytest.raises(CampaignError, match=r"campaign\.toml: is missing"):
        append_rows(tmp_path, "sand", [SAND])


def saved_meanwhile(monkeypatch: pytest.MonkeyPatch, times: int) -> list[str]:
    """Let a user save the table, with a row more, while it is checked."""
    import data.appending

    check, saved = data.appending.check_addition, list[str]()

    def checked(folder: Path, addition: data.added_rows.Addition) -> object:
        if len(saved) < times:
            saved.append(f"mine{len(saved)},298.15,10,2.50,200,1,1000,\r\n")
            with (folder / "sand.csv").open("a", encoding="utf-8", newline="") as file:
                file.write(saved[-1])
        return check(folder, addition)

    monkeypatch.setattr(data.appending, "check_addition", checked)
    return saved


@pytest.mark.parametrize("times", [1, 3, 99])
def test_what_a_user_saves_meanwhile_stays(
    folder: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    (folder / "sand.csv").write_text(WRITTEN, encoding="utf-8", newline="")
    saved = saved_meanwhile(monkeypatch, times)
    row = {k: v for k, v in SAND.items() if "sand_time" not in k} | {"sand_time": 93.0}
    if times == 99:
        with pytest.raises(ChangedError, match="saved by another program"):
            append_rows(folder, "sand", [row])
    else:
        append_rows(folder, "sand", [row])
    text = (folder / "sand.csv").read_bytes().decode("utf-8")
    own = "" if times == 99 else "s2,298.15,10,1.55,200,1,1000,\r\n"
    assert text == WRITTEN + "".join(saved) + own


def test_a_table_that_is_a_link_stays_one_and_one_to_be_read_only_stays(folder: Path) -> None:
    shared = folder.parent / "shared" / "sand.csv"
    shared.parent.mkdir()
    shared.write_text(WRITTEN, encoding="utf-8", newline="")
    (folder / "sand.csv").symlink_to("../shared/sand.csv")
    append_rows(folder, "sand", [SAND])
    assert (folder / "sand.csv").is_symlink()
    assert "s2" in shared.read_text(encoding="utf-8")
    shared.chmod(0o444)
    before = shared.read_bytes()
    with pytest.raises(InputError, match="may be read only"):
        append_rows(folder, "sand", [SAND | {"cell": "s3"}])
    shared.unlink()
    with pytest.raises(InputError, match="a link to a file that is not there"):
        append_rows(folder, "sand", [SAND])
    assert before.startswith("\ufeffcell".encode())
    assert (folder / "sand.csv").is_symlink()


def test_campaigns_that_link_to_one_table_wait_for_each_other(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = folder.parent / "shared"
    shared.mkdir()
    (shared / "sand.csv").write_text(WRITTEN, encoding="utf-8", newline="")
    (folder / "sand.csv").symlink_to("../shared/sand.csv")
    monkeypatch.setattr("data.locks._PATIENCE", 0.0)
    with locked_folders([shared]):  # as by the import into another campaign
        with pytest.raises(InputError, match=r"another process writes into '.*shared'"):
            append_rows(folder, "sand", [SAND])
        others = [shared / f".part-{pid:08x}0123abcd-sand.csv" for pid in (os.getpid(), 1)]
        for draft in others:
            draft.touch()
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"],
        capture_output=True,
        text=True,
        check=True,
    )
    (shared / f".part-{int(dead.stdout):08x}0123abcd-sand.csv").touch()
    append_rows(folder, "sand", [SAND])
    assert {*shared.iterdir()} == {shared / "sand.csv", *others}


def test_a_table_with_other_names_is_not_cut_off_from_them(folder: Path) -> None:
    (folder / "sand.csv").write_text(WRITTEN, encoding="utf-8", newline="")
    (folder.parent / "backup.csv").hardlink_to(folder / "sand.csv")
    with pytest.raises(InputError, match="hard links"):
        append_rows(folder, "sand", [SAND])
    assert (folder.parent / "backup.csv").samefile(folder / "sand.csv")


def test_a_lock_that_is_the_users_is_not_emptied(folder: Path) -> None:
    (folder / ".lock").write_text("mine")
    with pytest.raises(InputError, match="would empty it"):
        append_rows(folder, "separators", [SEPARATOR])
    assert (folder / ".lock").read_text() == "mine"
    assert not (folder / "separators.csv").exists()


def test_a_full_disk_of_temporary_files_is_no_fault_of_the_table(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Path, to: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(to))

    (folder / "sand.csv").write_text(WRITTEN, encoding="utf-8", newline="")
    monkeypatch.setattr("data.appending.shutil.copyfile", full)
    monkeypatch.setattr("data.whole_files._is_full", lambda _: True)
    with pytest.raises(StorageError, match="TMPDIR"):
        append_rows(folder, "sand", [SAND])
