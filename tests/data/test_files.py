"""Files that are none, paths that no file can have, and TOML that no file of ours is."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data import load_campaign
from data.errors import AnodebayesError, InputError
from data.files import control_character, expanded, read_json, resolved
from data.provenance import read_records, record_path
from data.tables import tables
from inference.importing.recipe import recipe_of
from inference.importing.sidecars import stated_metadata
from inference.jobs.reading import load_job
from inference.studies.simulation import read_truth

METADATA = 'name = "mine"\nmetal = "Na"\nelectrolyte = "NaPF6"\nkind = "measured"\n'
KINETICS = "cell,temperature [degC],overpotential [mV],current_density [mA/cm^2]\na,25,10,1\n"


def _campaign(file: Path) -> object:
    return load_campaign(file.parent)


def _sidecar(file: Path) -> object:
    return stated_metadata(tables()["sand"], recipe_of("sand"), file.with_suffix(""), {})


READERS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "campaign": ("campaign.toml", _campaign),
    "job": ("job.toml", load_job),
    "truth": ("truth.toml", read_truth),
    "sidecar": ("x.csv.toml", _sidecar),
}
HOSTILE = {
    "lists": ("a = " + "[" * 1000 + "]" * 1000, "nested"),
    "open lists": ("a = " + "[" * 100_000, "nested"),
    "keys": (".".join("a" * 1000) + " = 1", "nested"),
    "tables": ("[" + ".".join("a" * 40) + "]", "nested"),
    "digits": ("seed = " + "9" * 5000, "64 bits"),
    "hexadecimal": ("seed = 0x" + "f" * 5000, "64 bits"),
    "integer": ("seed = 99999999999999999999", "64 bits"),
    "bytes": (b"name = '\xff'", "not UTF-8"),
    "NUL": (b"name = '\x00'", "not TOML"),
    "UTF-16": ("name = 'x'".encode("utf-16"), "not UTF-8"),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", HOSTILE)
def test_toml_that_no_file_of_ours_is_is_refused_in_a_sentence(
    tmp_path: Path, reader: str, kind: str
) -> None:
    name, read = READERS[reader]
    text, words = HOSTILE[kind]
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(AnodebayesError, match=words) as caught:
        read(tmp_path / name)
    assert name in str(caught.value)
    assert len(str(caught.value)) < 1000


def _folder(path: Path) -> None:
    path.mkdir()


def _loop(path: Path) -> None:
    path.symlink_to(path.with_name("other"))
    path.with_name("other").symlink_to(path)


def _dangling(path: Path) -> None:
    path.symlink_to("nowhere")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_folder, "is a folder, and a file is due"),
        (os.mkfifo, "is a pipe, and a file is due"),
        (_loop, "too many levels of symbolic links|symbolic link loop"),
        (_dangling, "is a link to a file that is not there"),
    ],
)
@pytest.mark.parametrize("name", ["campaign.toml", "separators.csv", "more.xlsx"])
def test_what_is_no_file_is_named_and_not_passed_over(
    tmp_path: Path, make: Callable[[Path], None], words: str, name: str
) -> None:
    if name != "campaign.toml":
        (tmp_path / "campaign.toml").write_text(METADATA)
    (tmp_path / "kinetics.csv").write_text(KINETICS)
    make(tmp_path / name)
    with pytest.raises(AnodebayesError, match=words) as caught:
        load_campaign(tmp_path)
    assert name in str(caught.value)


@pytest.mark.parametrize("path", ["a\0b", "~nosuchuser/x"])
def test_paths_that_no_file_can_have_are_refused(path: str, tmp_path: Path) -> None:
    job = tmp_path / "job.toml"
    for call in (expanded, resolved, load_job):
        with pytest.raises(AnodebayesError, match=r"NUL character|home folder"):
            call(path)
    escaped = path.replace("\0", "\\u0000")
    for entries in (f'campaign = "{escaped}"', f'campaign = "."\n[output]\nfolder = "{escaped}"'):
        job.write_text(f'schema_version = 1\nname = "x"\n{entries}\n')
        if "\0" in path:
            with pytest.raises(AnodebayesError, match=r"control character U\+0000"):
                load_job(job)
            continue
        loaded = load_job(job)
        with pytest.raises(AnodebayesError, match="home folder"):
            (loaded.campaign_location if "folder" not in entries else loaded.run_folder)()


def test_a_record_that_is_a_pipe_or_too_large_is_refused_and_not_waited_for(
    tmp_path: Path,
) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "large.json").write_bytes(b" " * 6_000_000)
    (tmp_path / "deep.json").write_text("[" * 100_000)
    (tmp_path / "cut.json").write_text("{")
    due = {"pipe": "is a pipe", "large": "at most", "deep": "deep", "cut": "not JSON"}
    for name, words in due.items():
        with pytest.raises(InputError, match=words):
            read_json(tmp_path / f"{name}.json")
    place = record_path(tmp_path, "sand", "x")
    place.parent.mkdir(parents=True)
    os.mkfifo(place)
    assert read_records(tmp_path) == []


def test_a_name_that_is_no_text_is_refused_wherever_it_stands() -> None:
    for name in ("r\udcff", "run/r\udcff/x"):
        with pytest.raises(InputError, match="not UTF-8"):
            expanded(name)


def test_signs_that_turn_the_order_of_others_are_no_part_of_a_name() -> None:
    assert control_character("cell \u202etxt") == "U+202E"
    assert control_character("\u05d0 \u03b1") == ""
