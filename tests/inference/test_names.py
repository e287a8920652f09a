"""Names hold any text: in files, statistics, figures, tables and pages they stand as they are."""

import json
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import example, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from data import load_campaign
from data.csv_reader import cell_of
from data.errors import CampaignError
from data.files import file_stems
from inference.cli.commands import app
from inference.engine.arviz_statistics import diagnostics, power_scaling, quantile_errors
from inference.engine.sealed_trees import read_tree, write_tree
from inference.figures import predictive_check, save_figure
from inference.report_page.writing import _data_block
from inference.runs.parameter_table import latex_text

HOSTILE = [
    "PP/PE/PP", "/", "..", ".", "a\\b", "con", "NUL.txt", "__proto__", "</script><b>", "$x$", "$",
    r"$\frac$", r"\textbf{", "%s {0} {x}", "'", '"', "[0]", "]", "a[b", "1e5", "nan", "-1", "=1+1",
    "@x", "😀", "é", "\u05d0rtl", "ＰＰ", "pp", "PP", "#1", "x" * 300, "a, b", "a;b",
    "&amp;", "~", "^_",
]  # fmt: skip
# Each kind of harm once, alone where it acts alone; a run of them all takes minutes.
WHOLE = ["PP/PE/PP", "..", "__proto__", "PP", "pp", "x" * 300, r"$\frac$ \textbf{ %s {0} '",
         "</script><b> &amp; \u05d0rtl [0]", '=1+1 "a, b"; ~ ^_ 😀']  # fmt: skip
TURNED = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # refused, as control characters
LEGAL = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters=TURNED)
names = st.lists(
    st.text(LEGAL, min_size=1, max_size=40) | st.sampled_from(HOSTILE),
    min_size=1,
    max_size=8,
    unique=True,
)
FEW = settings(max_examples=40)


@given(names)
@example(HOSTILE)
def test_files_have_names_of_their_own_on_every_disk(each: list[str]) -> None:
    stems = file_stems(each)
    assert len({stem.casefold() for stem in stems}) == len(each)
    for stem in stems:
        assert re.fullmatch(r"[\w.-]+", stem)
        assert len(stem.encode()) < 120
        assert not stem.startswith(".")
        assert stem.partition(".")[0].lower() not in {"con", "nul", "com1", "lpt9", "prn", "aux"}
    plain = ["Celgard-2400", "AAO_20nm", "v1.2"]
    assert file_stems(plain) == plain


@given(names)
@example(HOSTILE)
@FEW
def test_statistics_of_scalars_do_not_depend_on_their_names(each: list[str]) -> None:
    rng = np.random.default_rng(3)
    values = [rng.standard_normal((2, 40)) for _ in each]
    sample = {"chain": range(2), "draw": range(40)}
    found, due = (
        xr.Dataset(
            {name: (("chain", "draw"), one) for name, one in zip(labels, values, strict=True)},
            coords=sample,
        )
        for labels in ([f"radius[{name}]" for name in each], [f"p{i}" for i in range(len(each))])
    )
    table, plain = diagnostics(found), diagnostics(due)
    assert [*table.index] == [*found.data_vars]
    np.testing.assert_array_equal(table.to_numpy(), plain.to_numpy())
    errors = quantile_errors(found, 0.05)
    assert [*errors.index] == [*found.data_vars]


def test_sensitivities_bear_the_names_of_scalars() -> None:
    rng = np.random.default_rng(3)
    sample = {"chain": range(4), "draw": range(60)}
    values = {f"pore_radius[{name}]": rng.standard_normal((4, 60)) for name in HOSTILE[:4]}
    draws = xr.Dataset({k: (("chain", "draw"), v) for k, v in values.items()}, coords=sample)
    found = power_scaling(draws, {"lsv": values["pore_radius[PP/PE/PP]"]}, seed=1)["lsv"]
    assert found.keys() == {*values, ""}
    assert max(found, key=found.__getitem__) == "pore_radius[PP/PE/PP]"


@given(names)
@example(HOSTILE)
@FEW
def test_results_and_pages_give_every_name_back(
    tmp_path_factory: pytest.TempPathFactory, each: list[str]
) -> None:
    path = tmp_path_factory.mktemp("names") / "x.nc"
    tree = xr.DataTree.from_dict(
        {"posterior": xr.Dataset({"r": ("separator", range(len(each)))}, {"separator": each})}
    )
    tree.attrs["separators"] = json.dumps(dict.fromkeys(each, 1.0))
    write_tree(tree, path, "result")
    read = read_tree(path, "result")
    assert read["posterior"]["separator"].values.tolist() == each
    assert [*json.loads(read.attrs["separators"])] == each
    block = str(_data_block([{"name": name} for name in each]))
    assert not {"<", ">", "&"} & {*block}
    assert [entry["name"] for entry in json.loads(block)] == each


@given(names)
def test_latex_acts_on_no_sign_of_a_name(each: list[str]) -> None:
    for name in each:
        text = re.sub(r"\\(textbackslash|textasciitilde|textasciicircum|textless|textgreater)\{\}",
                      "", latex_text(name))  # fmt: skip
        assert not re.search(r"(?<!\\)[&%$#_{}~^]|\\(?![&%$#_{}])", text)


def test_figures_show_names_as_they_stand(fabricated: Callable[..., Any], tmp_path: Path) -> None:
    result = fabricated(synthetic=False)
    shown = [
        "PP/PE/PP",
        "$x$",
        "$",
        r"$\frac$",
        r"\textbf{",
        "%s {0} {x}",
        "</script><b>",
        "^_",
        "'",
    ]
    for start in range(0, len(shown), 3):
        labels = shown[start : start + 3]
        for table in ("sand", "lsv"):
            result.observed_data = result.observed_data.assign_coords({f"{table}_row": labels})
        result.observed_data = result.observed_data.assign_coords(
            published_row=[f"critical_to_limiting_ratio, {label}" for label in labels]
        )
        for table in ("sand", "lsv", "published"):
            figure = predictive_check(result, table)
            path = tmp_path / f"{start}-{table}.svg"
            save_figure(figure, path)
            text = unescape(path.read_text(encoding="utf-8"))
            if table != "published":
                assert all(f">{label}<" in text for label in labels)


METADATA = """name = "hostile"
title = "</script><script>alert(1)</script> $x$ %s"
metal = "Na"
electrolyte = '<b>NaPF6</b> $\\frac$ {0}'
salt_concentration = "1 mol/L"
kind = "measured"
notes = ["</script>", "& \\u05d0"]
[references]
"my/key $x$" = "</script> & <b>"
"__proto__" = "proto"
"=1" = "x"
"""


def campaign(folder: Path, separators: list[str]) -> None:
    """Write a campaign whose names are hostile."""

    def line(*cells: object) -> str:
        texts = (cell_of(cell) if isinstance(cell, str) else str(cell) for cell in cells)
        quoted = (text.replace('"', '""') for text in texts)
        return ",".join(f'"{cell}"' for cell in quoted) + "\n"

    (folder / "campaign.toml").write_text(METADATA, encoding="utf-8")
    text = line("separator", "pore_type", "pore_radius [nm]", "thickness [um]", "porosity [1]",
                "porosity_sd [1]", "source")  # fmt: skip
    for at, name in enumerate(separators):
        text += line(name, "polymer", 14 + 5 * at, 25, 0.4, 0.03, "my/key $x$")
    (folder / "separators.csv").write_text(text, encoding="utf-8")
    text = line("cell", "separator", "temperature [degC]", "current_density [mA/cm^2]", "outcome",
                "lab", "source")  # fmt: skip
    for at, name in enumerate(separators):
        for step, current in enumerate((1.1, 9.3, 41.7)):
            lab = ("lab/1", "</script>", "$x$")[step]
            cell = f"{HOSTILE[(3 * at + step) % len(HOSTILE)][:200]} {3 * at + step}"
            outcome = "penetrated" if current > 9 else "survived"
            text += line(cell, name, 25, current * (1 + 0.01 * at), outcome, lab, "__proto__")
    (folder / "penetration.csv").write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a\x1b[31m", r"control character U\+001B"),
        ("a\x7f", r"control character U\+007F"),
        ("x" * 301, "at most 300"),
        ("a\x00", "UTF-16 or not text"),
    ],
)
def test_names_that_cannot_work_are_refused(tmp_path: Path, name: str, words: str) -> None:
    campaign(tmp_path, [name, "B"])
    with pytest.raises(CampaignError, match=words):
        load_campaign(tmp_path)


def test_any_other_name_is_read_as_it_stands(tmp_path: Path) -> None:
    campaign(tmp_path, HOSTILE)
    read = load_campaign(tmp_path).tables
    assert read["separators"]["separator"].values.tolist() == HOSTILE
    assert [*dict.fromkeys(read["penetration"]["separator"].values.tolist())] == HOSTILE


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:Glyph:UserWarning")  # no font has all signs: a box stands there
def test_any_name_works_through_the_whole_of_run(tmp_path: Path) -> None:
    folder = tmp_path / "campaign"
    folder.mkdir()
    campaign(folder, WHOLE)
    asked = json.dumps(WHOLE, ensure_ascii=False)
    (tmp_path / "job.toml").write_text(
        'schema_version = 1\nname = "hostile"\ncampaign = "campaign"\n[sampler]\ndraws = 100\n'
        "tune = 200\nchains = 2\nmost_draws = 100\n[map.axes.liquid]\n"
        f'charge = ["1 mAh/cm^2", "3 mAh/cm^2"]\nseparators = {asked}\n',
        encoding="utf-8",
    )
    run = tmp_path / "run"
    # So few draws fail the gate, and `run` maps nothing then.
    for words in (["run", str(tmp_path / "job.toml"), "--out", str(run)], ["map", str(run)],
                  ["figures", str(run)], ["show", str(run)]):  # fmt: skip
        done = CliRunner().invoke(app, words)
        assert done.exit_code in (0, 3), done.output
    for name in WHOLE:
        done = CliRunner().invoke(app, ["ask", "safe-current", str(run), "--separator", name])
        assert done.exit_code in (0, 3), done.output
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "</script><b>" not in page
    assert len([*(run / "figures").glob("map_liquid_charge_*.svg")]) == len(WHOLE)
