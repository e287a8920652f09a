"""The report as a file: alone, honest, complete; and the tables of parameters."""

import base64
import dataclasses
import hashlib
import html
import io
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from data import InputError
from inference import Result, parameter_table, write_report
from inference.cli import main
from inference.figures import RunContents, run_contents
from inference.maps.start import start_design
from inference.report_page.contents import answers_in_words
from inference.report_page.writing import LARGEST, _in_words, _with_signs, is_current
from inference.runs.citations import citations
from inference.runs.parameter_table import latex_text, latex_unit

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("literature")]


@pytest.fixture(scope="module")
def page(literature_result: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(literature_result, tmp_path_factory.mktemp("report") / "report.html")


@pytest.fixture(scope="module")
def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def prose(text: str) -> str:
    """What a reader reads: no scripts, no styles, no tags."""
    body = re.sub(r"<(script|style)\b.*?</\1>|<wbr>", "", text, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", body)))


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the figures out of pages that are written here."""
    monkeypatch.setattr("inference.report_page.writing._figures", lambda _: iter(()))


def test_it_is_one_small_file_that_asks_for_no_other(page: Path, text: str) -> None:
    assert page.stat().st_size <= LARGEST
    sources = re.findall(r'<(?:script|img|link|iframe)[^>]*?(?:src|href)="([^"]*)"', text)
    assert sources
    assert all(source.startswith("data:") for source in sources)
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert style is not None
    assert "url(" not in style[1]
    assert "@import" not in style[1]


def test_only_its_own_scripts_may_run(text: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    allowed = html.unescape(policy[1])
    assert "default-src 'none'" in allowed
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert len(scripts) == 3
    for script in scripts:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in allowed
    assert "unsafe-eval" not in allowed


def test_it_says_what_a_reader_must_know(prose: str, literature_result: Any) -> None:
    places = [prose.rindex(f" {title} ") for title in ("Data and where", "How to cite")]
    assert prose.index("Convergence gate") < places[0] < places[1]
    assert "Convergence gate passed" in prose
    first = prose.partition("What a reader must know first")[2].partition("Safe currents")[0]
    assert "contact angle" in first.lower()
    assert re.findall(r"\b[a-z]+_[a-z_]+", first) == []  # words, not names of variables
    for finding in literature_result.findings():
        assert " ".join(_with_signs(_in_words(finding)).split()) in prose
    for label in literature_result.summary().index:
        assert str(label) in prose
    assert "without transition by stop_time (censored)" in prose
    assert f"{len(literature_result.assumptions)} numbers of the fitted rows" in prose
    for each in citations(literature_result):
        assert each.reference.citation[:60] in prose
    for used in literature_result.versions.values():
        assert used in prose
    assert str(literature_result.attrs["data_hash"]) in prose
    assert "butler" not in prose.lower().partition("how to cite")[0].partition("model, eq")[2]
    assert "SYNTHETIC" not in prose


def test_the_page_begins_inside_what_was_measured_or_says_that_it_does_not(
    prose: str, literature_result: Any
) -> None:
    headline = prose.partition("Verdict Convergence gate")[2].partition("What a reader must")[0]
    assert "Liquid cell At 5 % risk" in headline
    # Within the charges that cells passed, and longer than any step.
    liquid, _, solid = headline.partition("Solid cell, extrapolated LONGER THAN EVERY TEST: ")
    assert "xtrapolated" not in liquid
    assert " At 5 % risk" in solid
    assert "a half-cycle of 1." in solid.partition("Extrapolated, no data there: ")[2]
    fixed = {"pressure": "5 MPa", "charge": "1 mAh/cm^2"}
    design, ends = start_design(literature_result, "solid", fixed)
    assert ends == {}
    (answer,) = answers_in_words(literature_result, {"solid": design}, draws=4000)
    assert answer["extrapolated"]


def test_what_must_not_be_used_says_so_everywhere(
    literature_result: Any, no_figures: None, tmp_path: Path
) -> None:
    tree = literature_result.tree.copy()
    gate = json.loads(tree.attrs["gate"]) | {"passed": False, "failures": ["R-hat of everything"]}
    tree.attrs |= {"gate": json.dumps(gate), "campaign_kind": "synthetic"}
    bad = Result(tree)
    path = write_report(bad, tmp_path / "bad.html", contents=RunContents(bad), draws=400)
    text = path.read_text(encoding="utf-8")
    head, _, rest = text.partition("<main>")
    assert "NOT CONVERGED: do not use." in head
    assert "SYNTHETIC DATA." in head
    assert "R-hat of everything" in rest
    assert 'id="explorer"' not in rest  # no map of draws that have not converged
    assert "<title>sodium-literature: report (SYNTHETIC DATA)</title>" in head
    table = parameter_table(bad)
    assert "SYNTHETIC DATA" in table
    assert "NOT CONVERGED" in table
    tree.attrs["gate"] = literature_result.tree.attrs["gate"]
    drawn = Result(tree)
    write_report(drawn, path, contents=RunContents(drawn), draws=400)
    answer = path.read_text(encoding="utf-8").partition('<div class="answer">')[2]
    assert answer.index('class="warning">SYNTHETIC DATA') < answer.index('class="first">At 5 %')


def test_a_failed_check_is_read_before_anything_else(
    literature_result: Any, no_figures: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sentences = [f"published (2 rows): it cannot hold <{at}> together." for at in range(5)]
    failed = [{"key": f"tension {at}", "sentence": each} for at, each in enumerate(sentences)]
    monkeypatch.setattr("inference.report_page.contents.failures", lambda _: failed)
    contents = RunContents(literature_result)
    path = write_report(literature_result, tmp_path / "bad.html", contents=contents, draws=400)
    head, _, _ = path.read_text(encoding="utf-8").partition("<header>")
    assert "CHECK FAILED: do not rely on the numbers of this page." in head
    assert "cannot hold &lt;2&gt; together" in head
    assert "And 2 more" in head


def test_a_report_that_says_the_same_is_not_written_again(
    page: Path, literature_result: Any, tmp_path: Path
) -> None:
    contents = run_contents(literature_result)
    assert is_current(page, contents)
    assert not is_current(tmp_path / "missing.html", contents)
    assert not is_current(page, dataclasses.replace(contents, check={"sections": []}))


def test_the_command_writes_report_and_table(
    literature_result: Any, no_figures: None, tmp_path: Path,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    run = shutil.copytree(literature_result.folder, tmp_path / "run")
    out = run / "report.html"
    arguments = ["anodebayes", "report", str(run)]
    monkeypatch.setattr("sys.argv", arguments)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(out)
    assert out.stat().st_size <= LARGEST
    table = (run / "parameters.tex").read_text(encoding="utf-8")
    assert table == parameter_table(literature_result, "latex")


def test_the_latex_table_is_whole(literature_result: Any) -> None:
    table = parameter_table(literature_result, everything=True)
    rows = [line for line in table.splitlines() if line.endswith(r"\\")]
    assert len(rows) == 1 + len(literature_result.summary())
    assert {len(re.split(r"(?<!\\)&", row)) for row in rows} == {6}
    assert table.count("$") % 2 == 0
    assert all(line.count("{") == line.count("}") for line in table.splitlines())
    assert table.index(r"\toprule") < table.index(r"\midrule") < table.index(r"\bottomrule")
    assert table.isascii()
    row = next(line for line in rows if line.startswith("$D$"))
    assert r"cm$^{2}$\,s$^{-1}$" in row
    assert r"\times10^{-6}$" in row


def test_the_csv_table_is_the_summary(literature_result: Any) -> None:
    read = pd.read_csv(io.StringIO(parameter_table(literature_result, "csv")), index_col=0)
    assert read["median"].to_dict() == pytest.approx(
        literature_result.summary()["median"].to_dict()
    )
    with pytest.raises(InputError, match="legal are latex and csv"):
        parameter_table(literature_result, "html")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("unit", "latex"),
    [
        ("1", "1"),
        ("mA/cm^2", r"mA\,cm$^{-2}$"),
        ("ohm cm^2", r"$\Omega$\,cm$^{2}$"),
        ("kJ/mol", r"kJ\,mol$^{-1}$"),
        ("um", r"$\mu$m"),
        ("degree", r"$^\circ$"),
    ],
)
def test_units_in_latex(unit: str, latex: str) -> None:
    assert latex_unit(unit) == latex


def test_names_in_latex_are_escaped() -> None:
    evil = "a_b & 50% {x} \\input{y} #$~^\n<z>"
    assert latex_text(evil) == (
        r"a\_b \& 50\% \{x\} \textbackslash{}input\{y\} \#\$\textasciitilde{}\textasciicircum{} "
        r"\textless{}z\textgreater{}"
    )
