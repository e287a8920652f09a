"""What several test files share: campaigns from text, fitted results, models evaluated in NumPy."""

import os
import re

# Before anything imports a numerical library: each test process is one of several.
for _name in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
    os.environ[f"{_name}_NUM_THREADS"] = "1"

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest

from data.campaign import Campaign
from data.loading import load_campaign

type Values = dict[str, list[np.ndarray[Any, Any]]]

# What decides whether a change lands draws the same examples everywhere; looking for new ones is
# `pytest --hypothesis-profile explore`.
_ALWAYS: dict[str, Any] = {
    "deadline": None,
    "suppress_health_check": [hypothesis.HealthCheck.function_scoped_fixture],
}
hypothesis.settings.register_profile("steady", derandomize=True, **_ALWAYS)
hypothesis.settings.register_profile("explore", max_examples=5000, **_ALWAYS)
hypothesis.settings.load_profile("steady")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take longest first: what begins last decides when two processes end.

    The first one fits the bundled campaign, and others that wait for that come once it is there.
    """
    dear = [
        (item.path, getattr(item, "originalname", item.name))
        for item in items
        if any(item.get_closest_marker(mark) for mark in ("slow", "long", "notebooks"))
    ]
    waiting = {i.path for i in items if "literature_result" in getattr(i, "fixturenames", ())}
    tests = Counter(path for path, _ in {*dear})
    cases = Counter(path for path, _ in dear)  # of one test: the more, the shorter
    items.sort(key=lambda item: (-tests[item.path], cases[item.path]))
    first = items[0].path if items else None
    items.sort(key=lambda i: (i.path != first, not tests[i.path], i.path in waiting))


_REAL = Path(__file__).resolve().parents[2] / "shared" / "real"


@pytest.fixture(scope="session")
def literature() -> Campaign:
    return load_campaign("sodium-literature")


@pytest.fixture(scope="session")
def synthetic() -> Campaign:
    return load_campaign("sodium-synthetic")


@pytest.fixture(scope="session")
def real_campaigns() -> list[Path]:
    """Folders of measured lithium campaigns that lie beside a checkout, not in it."""
    if not _REAL.is_dir():
        pytest.skip(f"the measured campaigns are not here: there is no folder {_REAL}")
    return sorted(path.parent for path in _REAL.glob("*/campaign.toml"))


def _fitted_once(job: str, folders: pytest.TempPathFactory) -> Any:
    """Fit a bundled job once for all test processes: the second finds the first one's folder."""
    from filelock import FileLock

    from inference import fit

    own = folders.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with FileLock(shared / f"{job}.lock"):
        return fit(job, folder=shared / job)


@pytest.fixture(scope="session")
def literature_result(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the fit of the bundled literature job; tests of it are in the group `literature`."""
    return _fitted_once("sodium-literature", tmp_path_factory)


@pytest.fixture(scope="session")
def synthetic_result(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the fit of the bundled synthetic job; tests of it are in the group `synthetic`."""
    return _fitted_once("sodium-synthetic", tmp_path_factory)


@pytest.fixture(scope="session")
def campaign_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Campaign]:
    """Return a function that makes a campaign of CSV texts, a keyword each table.

    Lines may be indented, and space after a comma does not count.
    """

    def make(metal: str = "Na", *, kind: str = "measured", **tables: str) -> Campaign:
        folder = tmp_path_factory.mktemp("campaign")
        (folder / "campaign.toml").write_text(
            f'name = "toy"\nmetal = "{metal}"\nkind = "{kind}"\n'
            'electrolyte = "toy"\nsalt_concentration = "1 mol/L"\n'
        )
        for name, text in tables.items():
            lines = (re.sub(r",\s+", ",", line.strip()) for line in text.strip().splitlines())
            (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
        return load_campaign(folder)

    return make


@pytest.fixture(scope="session")
def parameters_of() -> Callable[..., Values]:
    """Return a function that evaluates what each observation of a model depends on, in NumPy.

    What is given of other observations is what was observed of them.
    """

    def evaluate(model: Any, free: Mapping[str, Any] | None = None) -> Values:
        from pytensor import function

        flat = [p for o in model.observations.values() for p in o.parameters]
        givens = []
        for rv in model.pymc.free_RVs:
            value = np.asarray((free or {})[rv.name], dtype=float)
            givens.append((rv, rv.type.filter_variable(value)))
        # Runs once: interpreting it is quicker than compiling.
        values = iter(
            function([], flat, givens=givens, mode="FAST_COMPILE", on_unused_input="ignore")()
        )
        observed = model.observed
        return {
            name: [
                *observation.given_by(observed),
                *(np.asarray(next(values)) for _ in observation.parameters),
            ]
            for name, observation in model.observations.items()
        }

    return evaluate
