"""Cells that resemble each other in batches are told of, and right ones hardly ever."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from inference.maps.caveats import failures_in_words, worth_of_rows
from inference.misfit.batches import ORDER, alike, groupings, neighbours
from inference.misfit.predictive import failing_predictions
from inference.misfit.spreads import Known
from inference.thresholds import BATCH_FAIL, BATCH_WARN
from tests.inference.misfit import test_spreads as toys

ROWS = 24
DESIGN = {"step_time": np.full(ROWS, 1200.0), "halfwidth": np.full(ROWS, 0.025)}
NAMES = [f"b{batch}c{cell}" for batch in range(1, 5) for cell in range(1, 7)]
SHUFFLED = np.random.default_rng(8).permutation(ROWS)
OF_EACH = np.repeat(range(4), 6)


def batches(offsets: Any, order: Any = slice(None), **more: Any) -> Any:
    """Return four batches of six cells that scatter by 0.05 about offsets of their own."""
    rng = np.random.default_rng(1)
    scatter = np.full(ROWS, 0.05)
    return toys.staircases(
        rng, scatter, 0.025, np.asarray(offsets)[OF_EACH][order], design=DESIGN, **more
    )


APART = (-0.25, 0.22, 0.04, 0.2)


def test_batches_that_names_of_cells_tell_are_told_with_both_scatters() -> None:
    names = np.asarray(NAMES)[SHUFFLED].tolist()
    result = batches(APART, SHUFFLED, groups={"cell": names})
    [found] = toys.findings_of("batches", result)
    assert found.verdict == "fail"
    assert found.sentence.startswith("cells of one batch are alike: those named b")
    assert sorted(found.numbers["groups"]) == ["b1…", "b2…", "b3…", "b4…"]
    assert 0.12 < found.numbers["between"] < 0.35
    assert 0.03 < found.numbers["within"] < 0.08
    assert "The 24 rows do not count as so many cells, rather as 4" in found.sentence
    assert "a safe current from this fit is too high" in found.sentence
    assert "Name the batch of every row in the column lab of dc_polarization.csv" in found.sentence
    told = failures_in_words(failing_predictions(result))
    assert f"ROWS ARE NOT SO MANY CELLS: {found.sentence}" in told
    assert worth_of_rows([found.model_dump()]) == {"dc_polarization_scatter": 4}


def test_batches_without_names_are_told_by_their_order_unless_rows_are_sorted() -> None:
    [found] = toys.findings_of("batches", batches(APART))
    assert found.verdict == "fail"
    assert "rows that follow each other in their table lie together" in found.sentence
    rng = np.random.default_rng(2)
    z, like = rng.standard_normal(ROWS), np.zeros(ROWS, dtype=int)
    values = np.zeros(ROWS, dtype=bool)
    turns = np.tile([300.0, 900.0], 12)

    def pairs(z: Any, step_time: Any = DESIGN["step_time"], observed: Any = None) -> int:
        seen = z - np.log(step_time) if observed is None else observed
        return len(neighbours(z, seen, {"step_time": step_time}, like, values))

    assert pairs(z) == pairs(z, np.repeat([300.0, 900.0], 12)) == pairs(z, turns) == ROWS - 1
    assert pairs(np.sort(z)) == pairs(-np.sort(z)) == 0
    assert pairs(np.sort(z.reshape(4, 6)).ravel()) == 0
    assert pairs(z, turns, np.sort(z)) == 0


@pytest.mark.parametrize("step_times", [[600.0], [600.0, 1800.0], [*np.geomspace(300, 3e3, ROWS)]])
def test_batches_and_a_drift_are_told_whatever_the_conditions_of_neighbours(
    step_times: list[float],
) -> None:
    """Deviates are without the conditions: neighbours at other ones are neighbours."""
    own = np.resize(step_times, ROWS)
    design = {"step_time": own, "halfwidth": np.full(ROWS, 0.025)}
    rng = np.random.default_rng(4)
    for offsets, words in (
        (np.asarray(APART)[OF_EACH], "lie together, with a correlation of"),
        (np.linspace(0.25, -0.25, ROWS), "fall along their table by about 0."),
    ):
        scatter = np.full(ROWS, 0.07)
        [found] = toys.findings_of(
            "batches", toys.staircases(rng, scatter, 0.02, offsets, design=design)
        )
        assert found.verdict == "fail"
        assert words in found.sentence
        assert ("in the order of step_time" in found.sentence) == (own.size == len(step_times))
        assert found.numbers["worth"] < 12


@pytest.mark.parametrize(
    ("column", "of", "remedy"),
    [
        ("source", toys.STEP, "Name the batch of every row in the column lab of dc_polarization"),
        ("note", toys.STEP, "A note that was written of the result says nothing of batches"),
        ("lab", toys.STEP, 'Leave labs = "pooled" out of [model.options.dc_polarization]'),
        ("cell", "lsv", "lsv.csv has no column that names a batch: fit each batch as a campaign"),
    ],
)
def test_batches_that_other_columns_tell_have_their_own_remedy(
    column: str, of: str, remedy: str
) -> None:
    names = [f"{'abcd'[each]}-{i}" if column == "cell" else f"kind {each}" for i, each in
             enumerate(OF_EACH)]  # fmt: skip
    shuffled = np.asarray(names)[SHUFFLED].tolist()
    [found] = toys.findings_of(
        "batches", batches(APART, SHUFFLED, of=of, groups={column: shuffled})
    )
    assert found.verdict == "fail"
    assert remedy in found.sentence


def test_what_the_fit_gives_a_level_is_no_batch() -> None:
    """Separators, laboratories with offsets and protocols are fitted; their rows may differ."""
    level = OF_EACH
    assert groupings({"cell": NAMES}, level * 0) == [
        ("cell", [name[:2] + "…" for name in NAMES]),
        ("cell", ["…" + name[2:] for name in NAMES]),
    ]
    assert [labels[0] for _, labels in groupings({"cell": NAMES}, level)] == ["…c1"]
    assert groupings({"cell": [f"cell {i}" for i in range(ROWS)]}, level * 0) == []
    assert groupings({"note": [""] * 12 + ["new lot"] * 12}, level * 0) == []


def test_conditions_that_go_with_batches_are_named() -> None:
    result = batches(APART, groups={"cell": NAMES})
    values = np.repeat([20.0, 30.0, 40.0, 50.0], 6)
    result.conditions = {toys.STEP: {"temperature": values.tolist()}}
    [found] = toys.findings_of("batches", result)
    assert "Each has a value of its own of temperature, too" in found.sentence


def test_right_cells_are_hardly_ever_called_alike() -> None:
    """Also verdicts, limits, and cells of levels that go against each other."""
    rng = np.random.default_rng(5)
    level = np.repeat([0, 1, 2], 8)
    edges = np.full((ROWS, 2), np.inf)
    edges[:8, 0] = np.linspace(-1.5, 1.5, 8)  # verdicts
    edges[8:, 0] = -np.inf
    exact = np.outer(np.arange(ROWS) >= 8, [False, True, False])
    options = groupings({"cell": NAMES, "source": ["x", "y", "z"] * 8}, np.zeros(ROWS, dtype=int))
    assert len(options) == 3
    verdict = np.arange(ROWS) < 8
    p_values = []
    for _ in range(60):
        z = rng.standard_normal(ROWS)
        for each in range(3):
            z[level == each] -= 0.9 * z[level == each].mean()
        pairs = neighbours(z, z, {}, np.zeros(ROWS, dtype=int), verdict)
        found = alike(Known(z, edges, exact), options, pairs, level)
        assert found is not None
        p_values.append(found.p_value)
    for limit in (BATCH_WARN, 0.05, 0.2):
        assert np.sum(np.array(p_values) < limit) <= stats.binom(60, limit).ppf(0.9999)
    assert BATCH_FAIL < BATCH_WARN
    [right] = toys.findings_of("batches", batches((0.0, 0.0, 0.0, 0.0), groups={"cell": NAMES}))
    assert right.verdict == "ok"


def test_a_ladder_of_batches_is_told_by_names_but_not_by_its_order() -> None:
    rng = np.random.default_rng(3)
    rows = 96
    batch = np.repeat(range(8), 12)
    own = 0.95 * rng.standard_normal(8)[batch] + 0.3 * rng.standard_normal(rows)
    edges = np.stack([np.tile(np.linspace(-1.2, 1.2, 12), 8), np.full(rows, np.inf)], axis=1)
    seen = Known(own, edges, np.zeros((rows, 3), dtype=bool))
    level = np.zeros(rows, dtype=int)
    verdict = np.ones(rows, dtype=bool)
    pairs = neighbours(own, own, {}, level, verdict)
    assert len(pairs) == 0
    options = groupings({"cell": [f"{'ABCDEFGH'[at]}{i}" for i, at in enumerate(batch)]}, level)
    found = alike(seen, options, pairs, level)
    assert found is not None
    assert found.by == "cell" != ORDER
    assert found.p_value < BATCH_FAIL
    assert 0.4 < found.between < 1.8
    assert found.within < 0.7
