"""Solutions of a posterior are found before it is sampled, and one is not taken for several."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import logsumexp

from inference.modes import LogDensity, belongs, solutions, starting_points

Array = NDArray[np.float64]
SIZE = 12


def draws(width: float = 3.0, size: int = SIZE) -> Iterator[Array]:
    rng = np.random.default_rng(4)
    while True:
        yield width * rng.standard_normal(size)


def normals(
    places: list[float], sds: list[float], weights: list[float], size: int = SIZE
) -> LogDensity:
    """Return a mixture of normal densities that lie along the first coordinate."""
    centres = np.zeros((len(places), size))
    centres[:, 0] = places
    sd = np.array(sds)

    def log_density(x: Array) -> tuple[float, Array]:
        away = (x - centres) / sd[:, None]
        terms = np.log(weights) - size * np.log(sd) - 0.5 * (away**2).sum(axis=1)
        share = np.exp(terms - logsumexp(terms))
        return float(logsumexp(terms)), -(share[:, None] * away / sd[:, None]).sum(axis=0)

    return log_density


def banana(x: Array) -> tuple[float, Array]:
    """Return the density of a bent ridge, tens of times as long as it is wide."""
    bend = x[1] - x[0] ** 2
    slope = -x.copy()
    slope[0] = -x[0] / 9.0 + 2.0 * x[0] * bend / 0.01
    slope[1] = -bend / 0.01
    return -0.5 * (x[0] ** 2 / 9.0 + bend**2 / 0.01 + (x[2:] ** 2).sum()), slope


def funnel(x: Array) -> tuple[float, Array]:
    """Return the density of a scatter and of what scatters, whose mode is a spike far from both."""
    with np.errstate(over="ignore"):
        scatter = np.exp(-2.0 * x[0])
    slope = -scatter * x
    slope[0] = -x[0] / 9.0 - (SIZE - 1) + scatter * (x[1:] ** 2).sum()
    return -0.5 * (x[0] ** 2 / 9.0 + scatter * (x[1:] ** 2).sum()) - (SIZE - 1) * x[0], slope


def heavy(x: Array) -> tuple[float, Array]:
    """Return a density of tails so heavy that most of it curves outwards."""
    return -float(np.log1p(x**2).sum()), -2.0 * x / (1.0 + x**2)


def walled(x: Array) -> tuple[float, Array]:
    """Return a normal density that is none over half of the prior's draws."""
    value, slope = normals([0.0], [0.1], [1.0])(x)
    return (np.nan, slope) if x[1] > 0.2 else (value, slope)


@pytest.mark.parametrize(
    "log_density", [normals([0.0], [0.05], [1.0]), banana, funnel, heavy, walled]
)
def test_one_solution_is_one(log_density: Callable[[Array], tuple[float, Array]]) -> None:
    found = solutions(log_density, draws())
    assert len(found) == 1
    assert len(found[0].starts) == 32
    assert all(np.isfinite(log_density(start)[0]) for start in starting_points(found, 8))


@pytest.mark.parametrize(
    ("places", "sds", "weights"),
    [
        ([-3.0, 3.0], [0.3, 0.3], [0.45, 0.55]),
        ([-1.0, 1.0], [0.1, 0.1], [0.9, 0.1]),
        ([-4.0, 0.0, 4.0], [0.2, 0.2, 0.2], [0.2, 0.5, 0.3]),
    ],
)
def test_several_solutions_are_found_with_their_probabilities(
    places: list[float], sds: list[float], weights: list[float]
) -> None:
    log_density = normals(places, sds, weights)
    found = solutions(log_density, draws())
    order = np.argsort(weights)[::-1]
    assert [each.at[0] for each in found] == pytest.approx([places[at] for at in order], abs=1e-3)
    mass = np.exp([each.log_mass for each in found])
    assert mass / mass.sum() == pytest.approx([weights[at] for at in order], rel=1e-3)
    starts = np.array(starting_points(found, len(places)))
    assert belongs(log_density, found, starts).tolist() == [*range(len(places))]


def test_a_solution_that_is_negligible_is_none() -> None:
    assert len(solutions(normals([-2.0, 2.0], [0.2, 0.2], [1.0, 1e-4]), draws())) == 1
    assert len(solutions(normals([-2.0, 2.0], [0.2, 0.2], [1.0, 1e-2]), draws())) == 2


def test_chains_start_where_draws_are_and_as_far_apart_as_the_prior_lets_them() -> None:
    log_density = normals([0.0], [0.05], [1.0])
    found = solutions(log_density, draws())
    heights = [found[0].log_density - log_density(start)[0] for start in found[0].starts]
    assert max(heights) < 0.5 * SIZE + 3.0 * np.sqrt(0.5 * SIZE)
    assert np.std([start[0] for start in found[0].starts]) > 0.02


def test_a_density_that_no_draw_has_gives_no_solution() -> None:
    assert solutions(lambda x: (-np.inf, np.zeros_like(x)), draws()) == []
