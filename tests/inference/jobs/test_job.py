"""Jobs are strict, say every mistake at once, and resolve to jobs that run again."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tomli_w

from data.errors import JobError
from data.loading import bundled_campaigns
from inference.jobs.job import Job
from inference.jobs.reading import (
    bundled_jobs,
    changed_job,
    job_for_campaign,
    job_with_set,
    load_job,
    parse_job,
)
from inference.jobs.resolved import job_differences, resolve, software_versions, with_maps_of
from models.priors import resolve_priors

MINIMAL = 'schema_version = 1\nname = "mine"\ncampaign = "sodium-literature"\n'
TABLES = {"creep": None, "lsv": None, "separators": None}
METADATA = SimpleNamespace(name="mine", metal="Na")
DATA = SimpleNamespace(content_hash="d" * 64, tables=TABLES, metadata=METADATA)
CHANGED = SimpleNamespace(content_hash="e" * 64, tables=TABLES, metadata=METADATA)
VERSIONS = {"python": "3.13.0", "pymc": "6.4.0"}


def resolve_text(text: str, *, path: Path | None = None, data: Any = DATA) -> Any:
    job = parse_job(text, path=path)
    return resolve(job, data, resolve_priors("Na", job.priors), VERSIONS)


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("schema_version = 1\nname = ]", ["not TOML", "line 2"]),
        ('schema_version = 1\nname = "x"', ["campaign: missing"]),
        (MINIMAL + "[sampler]\ndraw = 5", ["sampler.draw: unknown key (did you mean 'draws'?)"]),
        (MINIMAL + "chains = 5", ["chains: unknown key (it belongs to [sampler])"]),
        (MINIMAL + "sampller = 5", ["sampller: unknown key (did you mean 'sampler'?)"]),
        (MINIMAL + '[sampler]\ndraws = "1000"', ["sampler.draws", "a whole number", '"1000"']),
        (MINIMAL + "[sampler]\ndraws = true", ["sampler.draws", "a whole number", "true"]),
        (
            MINIMAL + "[sampler]\ndraws = 10\nchains = 2",
            ["with chains = 2: 20", "25 or more"],
        ),
        (MINIMAL + "[sampler]\nchains = 1", ["sampler.chains: must be at least 2, but got 1"]),
        (MINIMAL + "[sampler]\nseed = -1", ["sampler.seed: must be at least 0"]),
        (MINIMAL + "[sampler]\ntarget_accept = 1", ["sampler.target_accept: must be below 1"]),
        (MINIMAL + '[model]\nkinetics = "butler_vollmer"', ["did you mean 'butler_volmer'?"]),
        (MINIMAL + '[model]\nblocks = ["kinetcs"]', ["'kinetcs' (did you mean 'kinetics'?)"]),
        (MINIMAL + '[model.options.creeep]\na = "b"', ["'creeep' (did you mean 'creep'?)"]),
        (
            MINIMAL + '[model.options.kinetics]\nlabs = "pooled"',
            ["model.options.kinetics: this block takes no options"],
        ),
        (
            MINIMAL + '[model.options.critical_current]\ncells = "student_t"',
            ["one threshold", "set under [model.options.penetration]"],
        ),
        (MINIMAL + "[model]\nblocks = []", ["model.blocks: must not be empty"]),
        (MINIMAL + '[model]\nblocks = ["lsv", 3]', ["model.blocks[1]: must be text"]),
        (MINIMAL + '[map.axes.liqiud]\nx = "1"', ["'liqiud' (did you mean 'liquid'?)"]),
        (MINIMAL + '[map.axes.solid]\npressur = "1 MPa"', ["map.axes.solid.pressur", "'pressure'"]),
        (MINIMAL + '[map.axes.solid]\npressure = "1 nm"', ["map.axes.solid.pressure", "'nm'"]),
        (
            MINIMAL + '[map.axes.solid]\npressure = "90 MPa"\npressure_sd = "10 MPa"',
            [
                "map.axes.solid.pressure_sd: pressure_sd lets map axis 'pressure' reach 112",
                "legal are 0 to 100 MPa",
            ],
        ),
        (MINIMAL + "[output]\nfolder = 3", ["output.folder: must be text in quotes, but got 3"]),
        (MINIMAL + "output = 3", ["output: must be a table, but got 3"]),
        (MINIMAL.replace("mine", "../mine"), ["name: must begin with a letter", '"../mine"']),
        (MINIMAL.replace("= 1", "= 2"), ["schema_version: must be 1", "got 2"]),
    ],
)
def test_a_mistaken_job_is_refused_with_place_value_and_what_is_legal(
    text: str, messages: list[str]
) -> None:
    with pytest.raises(JobError) as error:
        parse_job(text)
    for message in messages:
        assert message in str(error.value)


def test_all_mistakes_of_a_job_are_listed_at_once() -> None:
    with pytest.raises(JobError) as error:
        parse_job('schema_version = 1\nnme = "x"\ncampaign = 3\n[sampler]\ndraws = "a"\ntune = 1.5')
    text = str(error.value)
    assert "5 mistakes" in text
    for place in ("name: missing", "nme:", "campaign:", "sampler.draws:", "sampler.tune:"):
        assert place in text


def test_mistaken_options_are_listed_with_the_others_and_with_the_nearest_words(
    tmp_path: Path,
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        MINIMAL + "[sampler]\ndraw = 5\n[model.options.penetration]\npore = 'weakest_link'\n"
        "area = 'weakest-link'\nreference_area = '3 V'\n[model.options.sand]\nlabs = true"
    )
    with pytest.raises(JobError) as error:
        load_job(file)
    text = str(error.value)
    assert f"{file} is not a legal job: 5 mistakes" in text
    for words in (
        "sampler.draw: unknown key (did you mean 'draws'?)",
        "model.options.penetration.pore: unknown option (did you mean 'pores'?); legal options are",
        'model.options.penetration.area: must be "ignored" or "weakest_link", but got '
        "\"weakest-link\" (did you mean 'weakest_link'?)",
        "model.options.penetration.reference_area: unit 'V'",
        'model.options.sand.labs: must be "offsets" or "pooled", but got true',
    ):
        assert words in text


def test_text_that_is_not_utf8_is_refused_by_name_and_a_byte_order_mark_is_read(
    tmp_path: Path,
) -> None:
    latin = tmp_path / "latin.toml"
    latin.write_bytes(MINIMAL.replace("mine", "mün").encode("latin-1"))
    with pytest.raises(JobError, match="not UTF-8"):
        load_job(latin)
    marked = tmp_path / "marked.toml"
    marked.write_bytes(b"\xef\xbb\xbf" + MINIMAL.encode())
    assert load_job(marked).name == "mine"


def test_keys_are_changed_by_keyword_and_on_the_command_line_alike() -> None:
    job = load_job("sodium-literature")
    contact = {"fixed": "148 degree"}
    changed = changed_job(
        job, draws=2000, kinetics="butler_volmer", priors={"contact_angle": contact}
    )
    same = job_with_set(
        job,
        [
            "sampler.draws=2000",
            "model.kinetics = butler_volmer",
            'priors.contact_angle.fixed="148 degree"',
        ],
    )
    assert changed == same
    assert changed.source_path == job.source_path
    assert (changed.sampler.draws, changed.sampler.seed) == (2000, job.sampler.seed)
    assert changed.priors == {**job.priors, "contact_angle": contact}
    assert job == load_job("sodium-literature")


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("draws", "legal is KEY=VALUE"),
        ("=3", "legal is KEY=VALUE"),
        ("name.first=3", "name is a value and holds no keys"),
        ("sampler.drws=3", "did you mean 'draws'?"),
        ("sampler.draws=many", "a whole number"),
    ],
)
def test_a_mistaken_change_is_refused_in_a_sentence(assignment: str, message: str) -> None:
    with pytest.raises(JobError, match=re.escape(message)):
        job_with_set(load_job("sodium-literature"), [assignment])


def test_a_key_that_no_job_has_is_no_keyword() -> None:
    with pytest.raises(JobError, match="did you mean 'draws'"):
        changed_job(load_job("sodium-literature"), drws=3)  # type: ignore[call-arg]


@pytest.mark.parametrize("name", sorted(bundled_jobs()))
def test_a_bundled_job_is_legal_and_found_by_name(name: str) -> None:
    job = load_job(name)
    assert job.name == name
    assert job.campaign_location() == bundled_campaigns()[job.campaign]
    assert job.run_folder() == Path.cwd() / "runs" / name


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("sodium-litrature", "did you mean 'sodium-literature'?"),
        ("no/such/job.toml", "no job file 'no/such/job.toml'"),
        (".", "folder without campaign.toml"),
    ],
)
def test_a_job_that_is_not_there_is_refused_with_the_bundled_ones(
    given: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(JobError) as error:
        load_job(given)
    assert message in str(error.value)
    assert "sodium-literature" in str(error.value)


def test_a_campaign_folder_is_fitted_with_every_default_and_its_file_is_told_apart(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "My cells (2026)"
    folder.mkdir()
    (folder / "campaign.toml").touch()
    job = load_job(folder)
    assert job.name == "My-cells--2026-"
    assert job.campaign_location() == folder
    assert parse_job(job.source_text).model_dump() == job_for_campaign(folder).model_dump()
    with pytest.raises(JobError, match="describes a campaign") as error:
        load_job(folder / "campaign.toml")
    assert parse_job(str(error.value).partition("\n\n")[2]).name == "my-run"


def test_paths_of_a_job_are_relative_to_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "study"
    (home / "cells").mkdir(parents=True)
    (home / "cells" / "campaign.toml").touch()
    file = home / "job.toml"
    file.write_text('schema_version=1\nname="a"\ncampaign="cells"\n[output]\nfolder="out/b"\n')
    job = load_job(Path("study/job.toml"))
    assert job.campaign_location() == home / "cells"
    assert job.run_folder() == home / "out" / "b"
    assert job.source_text == file.read_text()


def test_a_campaign_that_is_nowhere_or_could_be_two_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "job.toml"
    file.write_text(MINIMAL)
    (tmp_path / "sodium-literature").mkdir()
    (tmp_path / "sodium-literature" / "campaign.toml").touch()
    with pytest.raises(JobError, match=r"write './sodium-literature' for the folder"):
        load_job(file).campaign_location()
    file.write_text(MINIMAL.replace("sodium-lit", "./sodium-lit"))
    assert load_job(file).campaign_location() == tmp_path / "sodium-literature"
    file.write_text(MINIMAL.replace("sodium-literature", "sodium-litrature"))
    with pytest.raises(JobError, match=r"\(did you mean 'sodium-literature'\?\)"):
        load_job(file).campaign_location()


def test_a_resolved_job_is_a_job_that_resolves_to_itself(tmp_path: Path) -> None:
    first = resolve_text(
        MINIMAL
        + '[model]\nkinetics = "butler_volmer"\n'
        + '[priors.reorganization_energy]\nfixed = "160 meV"\n'
        + '[priors.transference_number]\ndistribution = "Beta"\nalpha = 3\nbeta = 4.5\n'
        + '[map.axes.solid]\npressure = { from = "0 MPa", to = "9 MPa", points = 4 }\n'
    )
    file = tmp_path / "resolved.toml"
    file.write_text(first.text, encoding="utf-8")
    job = load_job(file)
    again = resolve(job, DATA, resolve_priors("Na", job.priors), VERSIONS)  # type: ignore[arg-type]
    assert again.text == first.text
    assert again.hash == first.hash
    assert job.priors.keys() == resolve_priors("Na").keys()
    assert job.sampler.cores is not None
    assert job.model.blocks == ["creep", "lsv"]
    assert job.model_options().kinetics == "butler_volmer"
    assert job.map.axes["solid"]["pressure"]["to"] == "9 MPa"


def test_a_resolved_job_takes_over_the_maps_of_another_and_nothing_else() -> None:
    before = resolve_text(MINIMAL + '[map.axes.solid]\npressure = "5 MPa"').document
    now = resolve_text(MINIMAL + '[sampler]\ncores = 1\n[map.axes.solid]\npressure = "6 MPa"')
    taken = with_maps_of(before, now)
    assert taken.document == before | {"map": {"axes": {"solid": {"pressure": "6 MPa"}}}}
    assert job_differences(before, now.document) == []
    assert "map" not in with_maps_of(before, resolve_text(MINIMAL)).document
    assert parse_job(taken.text).map.axes["solid"] == {"pressure": "6 MPa"}


def test_the_hash_covers_what_the_fit_depends_on_and_no_map_path_or_core() -> None:
    base = resolve_text(MINIMAL).hash
    same = [
        MINIMAL + "[sampler]\ncores = 1\ndraws = 1000",
        MINIMAL + '[output]\nfolder = "elsewhere"',
        MINIMAL + '[map.axes.solid]\npressure = "5 MPa"',  # drawn from the fit
        MINIMAL.replace("sodium-literature", str(bundled_campaigns()["sodium-literature"])),
    ]
    other = [
        MINIMAL + "[sampler]\nseed = 2",
        MINIMAL + '[model]\nkinetics = "marcus_hush"',
        MINIMAL + '[priors.surface_energy]\nfixed = "0.25 J/m^2"',
    ]
    assert {resolve_text(text).hash for text in same} == {base}
    assert len({base, *(resolve_text(text).hash for text in other)}) == 1 + len(other)
    assert resolve_text(MINIMAL, data=CHANGED).hash != base


def test_a_resolved_job_whose_data_changed_is_refused_and_says_how_to_go_on() -> None:
    text = resolve_text(MINIMAL).text
    with pytest.raises(JobError, match="the data of campaign 'sodium-literature'") as error:
        resolve_text(text, data=CHANGED)
    assert "delete the table [resolved]" in str(error.value)
    document = tomllib.loads(text)
    del document["resolved"]
    assert resolve_text(tomli_w.dumps(document), data=CHANGED).data_hash == "e" * 64


def test_differences_between_resolved_jobs_are_named_one_by_one() -> None:
    before = resolve_text(MINIMAL).document
    now = resolve_text(
        MINIMAL.replace("mine", "yours")
        + '[sampler]\nseed = 7\n[priors.surface_energy]\nfixed = "0.25 J/m^2"',
        data=CHANGED,
    ).document
    phrases = job_differences(before, now)
    assert job_differences(before, before) == []
    assert 'name: "mine" then, "yours" now' in phrases
    assert "sampler.seed: 1 then, 7 now" in phrases
    assert "the data of campaign 'sodium-literature'" in phrases
    assert 'priors.surface_energy.fixed: not given then, "0.25 J/m^2" now' in phrases
    assert not any("reorganization_energy" in phrase for phrase in phrases)


def test_versions_are_read_without_importing_the_packages() -> None:
    code = (
        "import sys; from inference.jobs.resolved import software_versions as v; print(v());"
        "sys.exit(any(m in sys.modules for m in ('pymc', 'arviz', 'nutpie', 'scipy', 'xarray')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert software_versions()["python"].startswith("3.")
    assert "not installed" not in software_versions().values()


def test_a_job_made_in_python_has_a_text_that_makes_it_again() -> None:
    job = Job(schema_version=1, name="a", campaign="b", priors={"x": {"fixed": 1.0}})
    assert parse_job(job.source_text).model_dump() == job.model_dump()
