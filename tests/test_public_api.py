"""What notebooks import: light until used, the functions themselves, the same from the wheel."""

import importlib
import pkgutil
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

import anodebayes
import data
import inference
import models

PACKAGES = (data, models, inference)
ROOT = Path(__file__).parents[1]
HEAVY = ("arviz", "bokeh", "jinja2", "matplotlib", "netCDF4", "numpy", "nutpie", "pandas", "pint",
         "pydantic", "pymc", "pytensor", "scipy", "xarray")  # fmt: skip
EXPORTS = {
    "data": ("load_campaign", "list_campaigns", "Campaign", "AnodebayesError"),
    "models": ("build_model", "ModelOptions"),
    "inference": ("fit", "load_result", "safe_current_map", "simulate", "Result"),
}


def python(code: str, *options: str, folder: Path = ROOT) -> str:
    done = subprocess.run(
        [sys.executable, *options, "-c", textwrap.dedent(code)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_every_export_is_there_and_no_module_bears_its_name(package: ModuleType) -> None:
    assert set(EXPORTS[package.__name__]) <= set(package.__all__) <= set(dir(package))
    for name in package.__all__:
        value = getattr(package, name)
        assert callable(value)
        assert value.__name__ == name
    # Importing a module sets it as an attribute of its package, in the place of a function of the
    # same name.
    assert not {info.name for info in pkgutil.iter_modules(package.__path__)} & {*package.__all__}


def test_one_name_has_all_public_names_of_the_packages() -> None:
    every = [name for package in PACKAGES for name in package.__all__]
    assert dir(anodebayes) == sorted({*every})
    assert all(getattr(anodebayes, name).__name__ == name for name in every)
    with pytest.raises(AttributeError, match="module 'anodebayes' has no attribute 'x'"):
        _ = anodebayes.x


def test_functions_stay_functions_whatever_was_imported_before() -> None:
    importlib.import_module("inference.runs.fitting")
    importlib.import_module("inference.studies.simulation")
    from inference import fit, simulate
    from inference.runs.fitting import fit as fit_of_module
    from inference.studies.simulation import simulate as simulate_of_module

    assert fit is fit_of_module
    assert simulate is simulate_of_module


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_an_unknown_name_is_an_attribute_error(package: ModuleType) -> None:
    with pytest.raises(AttributeError, match=f"module '{package.__name__}' has no attribute 'x'"):
        _ = package.x


def test_importing_the_packages_imports_nothing_heavy() -> None:
    printed = python(
        f"""
        import sys
        import anodebayes, data, models, inference
        print([name for name in {HEAVY!r} if name in sys.modules])
        """
    )
    assert printed == "[]\n"


def test_naming_the_functions_does_not_load_what_only_their_calls_need() -> None:
    printed = python(
        """
        import sys
        from inference import Result, fit, load_result, safe_current_map, simulate
        unused = ("pymc", "pytensor", "nutpie", "arviz", "matplotlib")
        print([name for name in unused if name in sys.modules])
        """
    )
    assert printed == "[]\n"


@pytest.mark.slow
def test_the_wheel_holds_every_file_and_works_from_another_folder(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("anodebayes-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
        archive.extractall(tmp_path / "site")
    here = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package.__name__).rglob("[!.]*")
        if path.is_file() and "__pycache__" not in path.parts
    } | {"anodebayes.py"}
    assert packed == here
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    printed = python(
        f"""
        import sys
        sys.path.insert(0, {str(tmp_path / "site")!r})
        import data, models, inference
        from inference.jobs.reading import bundled_jobs, load_job
        from inference.figures import style
        from models.priors import catalogue
        for info in data.list_campaigns():
            assert data.load_campaign(info.name).tables, info.name
        for name in bundled_jobs():
            load_job(name)
        assert catalogue("Na")
        for package in (data, models, inference):
            print(package.__file__)
        """,
        "-P",
        folder=elsewhere,
    )
    assert [Path(line) for line in printed.splitlines()] == [
        tmp_path / "site" / package.__name__ / "__init__.py" for package in PACKAGES
    ]
