"""The notebooks run, from the first cell to the last, and are in step with their texts."""

import ast
import importlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import jupytext
import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "notebooks"
TEXTS = sorted(FOLDER.glob("[0-9]*.py"))
NAMES = [path.stem for path in TEXTS]
PUBLIC = ("data", "models", "inference", "inference.figures")
SECONDS = 600


def cells(notebook: nbformat.NotebookNode) -> list[tuple[str, str]]:
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


def test_there_are_six() -> None:
    assert [name[:2] for name in NAMES] == ["01", "02", "03", "04", "05", "06"]
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == NAMES
    listed = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(f"({name}.ipynb)" in listed for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_its_text_without_outputs(name: str) -> None:
    text = jupytext.read(FOLDER / f"{name}.py")
    stored = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    nbformat.validate(stored)
    assert cells(stored) == cells(text), "run `make pair`"
    assert stored.metadata.kernelspec == text.metadata.kernelspec
    for cell in stored.cells:
        assert not cell.get("outputs"), "outputs are not stored"
        assert cell.get("execution_count") is None


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_uses_what_is_public_and_ends_with_something_to_try(name: str) -> None:
    notebook = jupytext.read(FOLDER / f"{name}.py")
    used = 0
    for kind, source in cells(notebook):
        if kind != "code":
            continue
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                assert not {each.name.partition(".")[0] for each in node.names} & {*PUBLIC}
            if not isinstance(node, ast.ImportFrom) or node.module is None:
                continue
            if node.module.partition(".")[0] in PUBLIC:
                assert node.module in PUBLIC
                names = {each.name for each in node.names}
                assert names <= {*importlib.import_module(node.module).__all__}
                used += len(names)
            else:
                # A name that is private is nobody's to use.
                assert not any(each.name.startswith("_") for each in node.names)
    assert used
    assert "## Something to try" in notebook.cells[-1].source


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Copy the notebooks: what one of them fits, a later one finds beside it."""
    project = tmp_path_factory.mktemp("notebooks") / "project"
    folder = project / "notebooks"
    folder.mkdir(parents=True)
    for name in NAMES:
        shutil.copy(FOLDER / f"{name}.ipynb", folder)
    measured = ROOT.parent / "shared"
    if measured.is_dir():
        (project.parent / "shared").symlink_to(measured, target_is_directory=True)
    yield folder
    shutil.rmtree(project)


@pytest.mark.notebooks
@pytest.mark.xdist_group("notebooks")
@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs_without_a_warning(name: str, elsewhere: Path) -> None:
    from nbclient import NotebookClient

    notebook = nbformat.read(elsewhere / f"{name}.ipynb", as_version=4)
    client = NotebookClient(
        notebook, timeout=SECONDS, resources={"metadata": {"path": str(elsewhere)}}
    )
    # The checkout and nothing else: no data.py beside a notebook stands in for a package.
    client.execute(env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"})
    said = [
        output.text
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "stream" and output.name == "stderr"
    ]
    assert not said
    shown = {
        kind
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        for kind in output.get("data", {})
    }
    assert {"text/html", "image/png"} <= shown
