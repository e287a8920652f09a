"""Every public function has an example, and what an example shows is what comes out."""

import ast
import doctest
import inspect
import shutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import anodebayes

ROOT = Path(__file__).resolve().parents[1]
SOURCES = [ROOT / "anodebayes.py"]
for _package in ("data", "models", "inference"):
    SOURCES += sorted((ROOT / _package).rglob("*.py"))

DEAR = {
    "calibrate", "compare", "overlay", "prefit_check", "recover", "run", "save_overlay",
    "write_report",
}  # fmt: skip
"""They fit, or draw all figures."""
JOB = """
schema_version = 1
name = "{name}"
campaign = "sodium-literature"
[model]
kinetics = "{kinetics}"
blocks = ["published"]
[sampler]
draws = 500
tune = 500
chains = 2
"""
FILES = {
    "mine.toml": JOB.format(name="mine", kinetics="marcus_hush_chidsey"),
    "other.toml": JOB.format(name="other", kinetics="butler_volmer"),
    "cell7.csv": "time [s],voltage [V],current [mA]\n0,0.1,1\n1,0.2,1\n",
    "spectrum.csv": "frequency [Hz],Zreal [ohm],Zimag [ohm]\n1000,1,-1\n100,2,-2\n",
}
"""What lies in the folder in which examples are tried."""


def documented() -> Iterator[tuple[str, str, str]]:
    """Yield module, name and docstring of whatever has an example."""
    for path in SOURCES:
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                text = ast.get_docstring(node) or ""
                if ">>> " in text:
                    yield module, getattr(node, "name", module), text


def cases() -> list[object]:
    found: list[object] = []
    for module, name, text in documented():
        marks = [pytest.mark.long] if name in DEAR else []
        if '"runs/' in text:
            marks += [pytest.mark.slow, pytest.mark.xdist_group("literature")]
        found.append(pytest.param(module, text, marks=marks, id=name))
    return found


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a short run."""
    folder = tmp_path_factory.mktemp("mine")
    (folder / "mine.toml").write_text(FILES["mine.toml"])
    anodebayes.fit(folder / "mine.toml", folder=folder / "run")
    return folder / "run"


@pytest.mark.parametrize(("module", "text"), cases())
def test_an_example_shows_what_comes_out(
    module: str,
    text: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)
    if '"runs/sodium-literature"' in text:
        folder = request.getfixturevalue("literature_result").folder
        shutil.copytree(folder, tmp_path / "runs" / "sodium-literature")
    if '"runs/mine"' in text:
        shutil.copytree(request.getfixturevalue("mine"), tmp_path / "runs" / "mine")
    monkeypatch.chdir(tmp_path)
    names = {name: getattr(anodebayes, name) for name in anodebayes.__all__}
    names |= vars(import_module(module))
    example = doctest.DocTestParser().get_doctest(text, names, module, None, None)
    told: list[str] = []
    doctest.DocTestRunner().run(example, out=told.append)
    assert not told, "".join(told)


def test_every_public_function_has_an_example() -> None:
    functions = {n for n in anodebayes.__all__ if inspect.isfunction(getattr(anodebayes, n))}
    assert functions <= {name for _, name, _ in documented()}
