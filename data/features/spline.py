"""A penalised spline through a curve, and the posterior of its derivatives."""

from dataclasses import dataclass

import numpy as np

from data.arrays import Array

__all__ = ["KNOTS", "SplineFit", "knot_count", "posterior_spline"]

KNOTS = 60


@dataclass(frozen=True)
class SplineFit:
    """Posterior of a penalised spline on a scaled time from 0 to 1."""

    mean: Array  # of the coefficients
    covariance: Array
    knots: Array
    scale: float

    def derivative(self, at: Array, order: int) -> tuple[Array, Array]:
        """Return the basis of a derivative and the derivative itself at some times."""
        from scipy.interpolate import BSpline

        basis = BSpline(self.knots, np.eye(len(self.mean)), 4).derivative(order)(at)
        return basis, basis @ self.mean


def knot_count(rows: int) -> int:
    """Return the number of intervals between knots for some rows."""
    return min(KNOTS, max(8, rows // 4))


def _fit(x: Array, y: Array, counts: Array, phi: float, local: Array | None) -> SplineFit:
    """Fit a penalised spline by restricted maximum likelihood.

    The penalty is on third differences of the coefficients, so that the second derivative is not
    drawn to zero; `local` is its weight along the curve. First-order correlation of the rows is
    taken out before.
    """
    from scipy.interpolate import BSpline
    from scipy.linalg import cho_factor, cho_solve, eigh

    degree = 4
    count = knot_count(len(x))
    inner = np.linspace(0, 1, count + 1)
    knots = np.concatenate([np.zeros(degree), inner, np.ones(degree)])
    basis = BSpline.design_matrix(np.clip(x, 0, 1), knots, degree).toarray()
    scale = max(float(np.ptp(y)), 1e-15)
    target = y / scale
    root = np.sqrt(counts / counts.mean())[:, None]
    design, aim = basis * root, target * root[:, 0]
    if phi > 0:
        design = np.vstack([np.sqrt(1 - phi**2) * design[:1], design[1:] - phi * design[:-1]])
        aim = np.concatenate([np.sqrt(1 - phi**2) * aim[:1], aim[1:] - phi * aim[:-1]])
    third = np.diff(np.eye(basis.shape[1]), n=3, axis=0)
    if local is not None:
        third = third * np.sqrt(local)[:, None]
    penalty = third.T @ third
    gram = design.T @ design
    gram += 1e-12 * np.trace(gram) / len(gram) * np.eye(len(gram))
    # In the basis where both are diagonal every strength of the penalty costs a few sums.
    strength, vectors = eigh(penalty, gram)
    strength = np.maximum(strength, 0.0)
    rotated = vectors.T @ (design.T @ aim)
    total = float(aim @ aim)
    n, free = len(aim), 3
    best, chosen = np.inf, 1.0
    penalised = np.sort(strength)[3:]
    for power in np.linspace(-10, 8, 73):
        weight = 10.0**power / max(float(np.median(penalised)), 1e-30)
        shrunk = 1 / (1 + weight * strength)
        squares = max(total - float(np.sum(rotated**2 * shrunk)), 1e-14 * total + 1e-300)
        criterion = (
            (n - free) * np.log(squares)
            + float(np.sum(np.log1p(weight * penalised)))
            - len(penalised) * np.log(weight)
        )
        if criterion < best:
            best, chosen = criterion, weight
    precision = gram + chosen * penalty
    factor = cho_factor(precision)
    mean = cho_solve(factor, design.T @ aim)
    squares = max(total - float(mean @ (design.T @ aim)), 1e-14 * total)
    covariance = cho_solve(factor, np.eye(len(mean))) * squares / (n - free)
    return SplineFit(mean * scale, covariance * scale**2, knots, scale)


def posterior_spline(x: Array, y: Array, counts: Array, phi: float) -> SplineFit:
    """Fit twice: the second penalty is weaker where the first curve bends most."""
    first = _fit(x, y, counts, phi, None)
    third = np.diff(first.mean, n=3)
    size = np.convolve(np.pad(np.abs(third), 2, mode="edge"), np.ones(5) / 5, mode="valid")
    floor = 0.05 * float(np.max(size)) + 1e-30
    local = 1 / (size + floor) ** 2
    return _fit(x, y, counts, phi, local / local.mean())
