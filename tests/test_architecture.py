"""The rules that keep the project in one piece, read from its source."""

import ast
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("data", "models", "inference")
FORBIDDEN = {"data": {"models", "inference"}, "models": {"inference"}, "inference": set[str]()}
SOURCES = [
    pytest.param(path, id=str(path.relative_to(ROOT)))
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
]


def imports(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield each imported module with its level; 0 is absolute."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, 0) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "", node.level
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "import_module":
            first = node.args[0]
            if isinstance(first, ast.Constant):
                yield str(first.value), 0


TALKS_TO = {
    "nutpie": {"inference/engine/sampling.py"},
    "arviz": {"inference/engine/arviz_statistics.py"},
    "arviz_stats": {
        "inference/engine/sampling.py",
        "inference/engine/arviz_statistics.py",
        "inference/studies/comparison/moment_matching.py",
        "inference/studies/comparison/ranking.py",
        "inference/studies/comparison/refits.py",
        "inference/studies/comparison/units.py",
    },
}


def called(tree: ast.AST) -> set[str]:
    functions = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return {getattr(function, "id", getattr(function, "attr", "")) for function in functions}


@pytest.mark.parametrize("path", SOURCES)
def test_a_module_keeps_the_rules(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = path.relative_to(ROOT).parts[0]
    found = list(imports(tree))
    assert all(level == 0 for _, level in found), "a relative import"
    roots = {name.partition(".")[0] for name, _ in found}
    assert roots.isdisjoint(FORBIDDEN[package]), "an import against the direction of the data"
    assert not roots & {"tests"}
    for library, modules in TALKS_TO.items():
        if path.relative_to(ROOT).as_posix() not in modules:
            assert library not in roots, f"only {', '.join(sorted(modules))} talk to {library}"
    if path.is_relative_to(ROOT / "models" / "physics"):
        assert roots.isdisjoint({"pymc", "pytensor", "xarray"}), "physics is free of these"
    # Builtins only: `re.compile` and a tensor's own `eval` are not text run as code.
    builtins = {
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert builtins.isdisjoint({"eval", "exec", "compile", "__import__"}), "text run as code"
    assert "Potential" not in called(tree), "a term that no diagnostic sees"
    allowed = path.is_relative_to(ROOT / "inference" / "cli")
    assert allowed or "print" not in builtins, "only the command line prints"


LONGEST = 450
REASON = "It is long because "


@pytest.mark.parametrize("path", SOURCES)
def test_a_module_is_short_or_says_in_its_head_why_not(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    head = ast.get_docstring(ast.parse(text)) or ""
    long = len(text.splitlines()) > LONGEST
    assert (REASON in " ".join(head.split())) == long


# The rooms of `inference`, lowest first: each imports only from those below and from itself.
STOREYS = (
    ("thresholds", "words"),
    ("designs",),
    ("engine",),
    ("rows",),
    ("misfit",),
    ("maps",),
    ("jobs",),
    ("runs",),
    ("studies",),
    ("checks",),
    ("figures",),
    ("importing", "report_page"),
    ("steps",),
    ("cli",),
)
ABOVE = {
    # An answer says which rows decide it when that is asked for; it may take fits.
    ("inference.maps.answer", "inference.checks.influence"),
}


def arrows() -> set[tuple[str, str]]:
    """Return which file imports which, inside functions, for types and by name, too."""
    files = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
    }
    found = set()
    for name, path in files.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    met = inner if inner in files else str(node.module)
                    if met in files and met != name:
                        found.add((name, met))
            elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "import_module":
                # A package that finds its modules by their names imports all of them.
                found |= {(name, met) for met in files if met.startswith(f"{name}.")}
    return found


def test_no_files_import_each_other_in_a_circle() -> None:
    pairs = arrows()
    names = sorted({name for pair in pairs for name in pair})
    matrix = np.zeros((len(names), len(names)), bool)
    for name, met in pairs:
        matrix[names.index(name), names.index(met)] = True
    _, of = connected_components(matrix, connection="strong")
    groups = [tuple(sorted(np.array(names)[of == each])) for each in np.unique(of)]
    assert not [group for group in groups if len(group) > 1]


def test_a_room_imports_only_from_those_below() -> None:
    height = {room: at for at, rooms in enumerate(STOREYS) for room in rooms}
    rooms = {path.stem for path in (ROOT / "inference").iterdir() if not path.stem.startswith("_")}
    assert rooms - {".mypy_cache"} <= {*height}
    inner = {
        (name, met)
        for name, met in arrows()
        if name.count(".") and met.count(".") and met.startswith("inference.")
    }
    assert {
        (name, met) for name, met in inner if height[met.split(".")[1]] > height[name.split(".")[1]]
    } == ABOVE


def test_a_table_and_its_block_bear_one_name() -> None:
    schemas = {path.stem for path in (ROOT / "data" / "tables").glob("[!_]*.py")}
    blocks = {path.stem for path in (ROOT / "models" / "blocks").glob("[!_]*.py")}
    assert blocks == schemas - {"separators"}


def test_no_module_lists_the_tables_or_blocks() -> None:
    for folder in ("data/tables", "models/blocks"):
        names = {path.stem for path in (ROOT / folder).glob("[!_]*.py")}
        for path in (ROOT / folder).glob("*.py"):
            others = {name for name, _ in imports(ast.parse(path.read_text(encoding="utf-8")))}
            module = folder.replace("/", ".")
            assert others.isdisjoint({f"{module}.{name}" for name in names - {path.stem}}), path
