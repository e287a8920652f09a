"""Where chains start, and whether the posterior has more than one solution.

Chains that start within a unit of the middle of the prior may all fall into the same one of two
solutions and agree. So the posterior is climbed from many draws of the prior before it is sampled:
where climbs end in places with a valley between them, there are several solutions, and chains start
in each that is not negligible. A chain starts where its climb first comes to what draws of the
posterior are as dense as: no farther up than it must, so that starts differ as the prior's draws
do, and no lower, since a sampler that has to find the posterior first spends its warm-up on that.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from data.arrays import Array
from inference.thresholds import SECOND_SOLUTION

__all__ = ["CLIMBS", "LogDensity", "Solution", "belongs", "solutions", "starting_points"]

LogDensity = Callable[[Array], tuple[float, Array]]
"""From coordinates to the log density there, not finite where there is none, and its gradient."""

CLIMBS = 32
"""A solution into which a tenth of the prior's draws climb is missed once in thirty searches."""
_TRIED = 4  # times as many draws, of which those are taken that have a density
_STEPS = 300
_LOOK = 5  # steps after which a climb looks whether it is on the way to a known solution
_ALONG = np.linspace(0.0, 1.0, 10)[1:-1]
_VALLEY = 1.0
"""Depth of a valley [nats] that parts two solutions; what a climb leaves undone is far less."""
_WIDEST = 10.0  # standard deviation along a direction that has no curvature: wider than any prior
_HALVINGS = 12  # of a step, which may be hundreds of standard deviations long
_STEP = 1e-4  # of coordinates, for the curvature
_WALL = 1e10  # stands for a density of zero, and lets a line search come back


@dataclass
class Solution:
    """A mode of a density, and the climbs that ended there.

    Parameters
    ----------
    at : ndarray, shape (size,)
        Where.
    log_density : float
        At it.
    starts : list of ndarray, each of shape (size,)
        Where climbs to it first came to what its draws are as dense as, the first climb first.
    log_mass : float
        Logarithm of its probability, but for a constant, by the curvature at it (Laplace).
    """

    at: Array
    log_density: float
    starts: list[Array] = field(default_factory=list)
    log_mass: float = 0.0

    @property
    def shore(self) -> float:
        """Log density of its draws, on average, were it normal: half a coordinate's worth each."""
        return self.log_density - 0.5 * self.at.size


def solutions(
    log_density: LogDensity, draws: Iterable[Array], climbs: int = CLIMBS
) -> list[Solution]:
    """Climb a density from draws of the prior.

    Parameters
    ----------
    log_density : callable
        With its gradient.
    draws : iterable of ndarray, each of shape (size,)
        Coordinates of draws of the prior; as many are taken as are needed.
    climbs : int
        How many.

    Returns
    -------
    list of Solution
        Those whose probability is not negligible, the likeliest first; none where no draw has a
        density.
    """
    from threadpoolctl import threadpool_limits

    # Linear algebra in threads rounds otherwise, and is slower by far on vectors so short.
    with threadpool_limits(limits=1, user_api="blas"):
        return _found(log_density, draws, climbs)


def _found(log_density: LogDensity, draws: Iterable[Array], climbs: int) -> list[Solution]:
    found: list[Solution] = []
    climbed = 0
    for tried, draw in enumerate(draws):
        if climbed == climbs or tried == _TRIED * climbs:
            break
        value, slope = log_density(draw)
        if np.isfinite(value) and np.isfinite(slope).all():
            climbed += 1
            _climb(log_density, draw, found)
    if len(found) > 1:  # of which some may be climbs that were given up on the way
        known, found = sorted(found, key=lambda each: -each.log_density), []
        for each in known:
            _climb(log_density, each.at, found).starts[-1:] = each.starts
        for each in found:
            each.log_mass = _log_mass(log_density, each)
        found.sort(key=lambda each: -each.log_mass)
        found = [each for each in found if found[0].log_mass - each.log_mass < SECOND_SOLUTION]
    return found


def starting_points(found: Sequence[Solution], chains: int) -> list[Array]:
    """Return where chains start: in every solution, and else as the draws of the prior come.

    Parameters
    ----------
    found : sequence of Solution
        One or more.
    chains : int
        How many.

    Returns
    -------
    list of ndarray, each of shape (size,)
        One a chain; of few climbs some are taken twice.
    """
    first = [each.starts[0] for each in found]
    rest = [start for each in found for start in each.starts[1:]]
    every = first + rest
    return [every[at % len(every)] for at in range(chains)]


def belongs(log_density: LogDensity, found: Sequence[Solution], points: Array) -> NDArray[np.intp]:
    """Return the solution that each of some points is of: the only one without a valley between.

    Parameters
    ----------
    log_density : callable
        With its gradient.
    found : sequence of Solution
        Two or more.
    points : ndarray, shape (points, size)
        Draws.

    Returns
    -------
    ndarray of int, shape (points,)
        Places in `found`; -1 between solutions.
    """
    near = np.array(
        [
            [_valley(log_density, point, log_density(point)[0], each) < _VALLEY for each in found]
            for point in points
        ]
    )
    return np.where(near.sum(axis=1) == 1, near.argmax(axis=1), -1)


def _climb(log_density: LogDensity, draw: Array, found: list[Solution]) -> Solution:
    """Climb from a draw; add where that ends, or the start to a solution that is known."""
    from scipy.optimize import OptimizeResult, minimize

    trail: list[tuple[Array, float]] = [(draw, log_density(draw)[0])]
    reached: list[Solution] = []

    def downhill(x: Array) -> tuple[float, Array]:
        value, slope = log_density(x)
        if not (np.isfinite(value) and np.isfinite(slope).all()):
            return _WALL, np.zeros_like(x)
        return -value, -slope

    def look(intermediate_result: OptimizeResult) -> None:
        x, value = intermediate_result.x.copy(), -float(intermediate_result.fun)
        trail.append((x, value))
        if len(trail) % _LOOK == 0:
            for each in found:
                if value > each.shore and _valley(log_density, x, value, each) < _VALLEY:
                    reached.append(each)
                    raise StopIteration

    ended = minimize(
        downhill, draw, jac=True, method="L-BFGS-B", callback=look,
        options={"maxiter": _STEPS, "maxcor": 20},
    )  # fmt: skip
    at, value = np.asarray(ended.x, dtype=float), -float(ended.fun)
    if not reached:
        reached = [e for e in found if _valley(log_density, at, value, e) < _VALLEY][:1]
    if not reached:
        reached = [Solution(at, value)]
        found += reached
    (solution,) = reached
    if value > solution.log_density:
        solution.at, solution.log_density = at, value
    solution.starts.append(_ashore(log_density, [*trail, (at, value)], solution.shore))
    return solution


def _ashore(log_density: LogDensity, trail: Sequence[tuple[Array, float]], shore: float) -> Array:
    """Return where a climb first comes above the shore, between two of its steps."""
    place = next((at for at, (_, height) in enumerate(trail) if height > shore), len(trail) - 1)
    above = trail[place][0]
    below = trail[place - 1][0] if place else above
    for _ in range(_HALVINGS):
        middle = 0.5 * (below + above)
        if log_density(middle)[0] > shore:
            above = middle
        else:
            below = middle
    return above


def _valley(log_density: LogDensity, point: Array, value: float, solution: Solution) -> float:
    """Return by how much the density falls on the straight way from a point to a solution."""
    lowest = min(log_density(point + part * (solution.at - point))[0] for part in _ALONG)
    fall = min(value, solution.log_density) - lowest
    return fall if np.isfinite(fall) else np.inf


def _log_mass(log_density: LogDensity, solution: Solution) -> float:
    """Return the logarithm of the integral of the normal density that has the same curvature."""
    size = solution.at.size
    steps = _STEP * np.eye(size)
    curvature = np.stack(
        [
            (log_density(solution.at - step)[1] - log_density(solution.at + step)[1])
            / (2.0 * _STEP)
            for step in steps
        ]
    )
    least = _WIDEST**-2
    values = np.linalg.eigvalsh(0.5 * (curvature + curvature.T))
    return float(
        solution.log_density + 0.5 * np.sum(np.log(2.0 * np.pi / np.maximum(values, least)))
    )
