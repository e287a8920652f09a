r"""The forms that an observation takes: one value, one verdict or one clock, each a distribution.

Every function registers an observed variable ``name`` along the dimension ``name_row``,
with a pointwise log-likelihood and with draws, in the unit of the measurement. Three forms cover
all tables:

`observed_value`
    A quantity with normal scatter on its natural scale (log, logit or linear), exact, with a
    measurement error, in an interval, or beyond an end of the range.
`observed_verdict`
    Whether a cell failed at a current that its threshold may or may not exceed.
`observed_clock`
    The time at which a cell fails under a constant current, or the planned end it survived.

An interval is stored as its centre on the natural scale, with the half-width in the design, so that
every observation is one number and a draw of it is one too: the draw is the centre of an interval
of that width which holds the true value. Log-likelihoods are densities on the natural scale
(:math:`\ln t` for a time), and probabilities for intervals, verdicts and what was not observed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.observations import TOLERANCE, Design, Scale, inverse
from models.physics.backend import erfc, erfcx, is_pytensor, join, maximum, minimum, take, where

__all__ = [
    "Observation",
    "Threshold",
    "log_interval",
    "log_ndtr",
    "observed_clock",
    "observed_value",
    "observed_verdict",
]

Array = NDArray[np.float64]


def _nodes(design: Design) -> int:
    """Return how many Gauss-Hermite nodes the largest error of a time needs.

    The threshold's own scatter smooths the integrand; against adaptive quadrature the error of the
    log-likelihood stays below 1e-4 for a scatter down to 0.05 and errors up to 0.2, while the
    salt is still being depleted (up to 2 L^2/D; tested).
    """
    largest = float(design.sd.max(initial=0.0))
    return 5 if largest <= 0.05 else 9 if largest <= 0.1 else 41


def log_ndtr(z: Any) -> Any:
    """Log of the standard normal distribution function, its gradients finite for any finite `z`."""
    low, high = minimum(z, -1.0), maximum(z, -1.0)
    tail = np.log(0.5 * erfcx(-low / np.sqrt(2.0))) - 0.5 * low**2
    return where(z < -1.0, tail, np.log1p(-0.5 * erfc(high / np.sqrt(2.0))))


def log_interval(upper: Any, lower: Any) -> Any:
    """Log of ``Phi(upper) - Phi(lower)``, flipped to the lower tail where both are positive."""
    flip = upper + lower > 0
    a = log_ndtr(where(flip, -lower, upper))
    b = log_ndtr(where(flip, -upper, lower))
    return a + np.log(-np.expm1(minimum(b - a, -1e-300)))


@dataclass(frozen=True)
class Observation:
    """The distribution of one observed variable, for PyTensor and for NumPy alike.

    Parameters
    ----------
    parameters : tuple of tensor
        What the distribution depends on; shape (rows,) each.
    logp : callable
        ``(value, *parameters) -> log-likelihood`` of each row.
    draw : callable
        ``(*parameters, rng=, size=) -> draws``, in NumPy.
    """

    parameters: tuple[Any, ...]
    logp: Callable[..., Any]
    draw: Callable[..., Array]

    def register(self, name: str, observed: Any) -> None:
        """Add the observed variable to the current PyMC model and to its ``observations``."""
        import pymc as pm

        pm.CustomDist(
            name,
            *self.parameters,
            logp=self.logp,
            random=self.draw,
            observed=observed,
            dims=f"{name}_row",
        )
        pm.modelcontext(None).observations[name] = self


def _log_normal_density(z: Any, scale: Any) -> Any:
    return -0.5 * z**2 - np.log(scale) - 0.5 * np.log(2 * np.pi)


def _log_mean(terms: Any, first: int, shape: tuple[int, int], log_weights: Array) -> Any:
    """Log of the weighted sum, over nodes, of the exponentials of terms.

    Parameters
    ----------
    terms : tensor
        Its last axis holds, from `first` on, nodes by rows of the given shape.
    first : int
        Where they begin.
    shape : tuple of int
        Nodes, rows.
    log_weights : ndarray, shape (nodes,)
        Log of the weights.
    """
    leading = () if is_pytensor(terms) else terms.shape[:-1]
    table = terms[..., first:].reshape((*leading, *shape)) + log_weights[:, None]
    top = table.max(axis=-2)
    return top + np.log(np.exp(table - top[..., None, :]).sum(axis=-2))


def _shape(size: Any, like: Array) -> Any:
    """Shape of a draw: as asked for, or that of the parameters."""
    return np.shape(like) if size is None else tuple(np.atleast_1d(size))


def _forward(value: Any, scale: Scale) -> Any:
    if scale == "log":
        return np.log(value)
    return np.log(value) - np.log1p(-value) if scale == "logit" else value


def observed_value(
    name: str,
    *,
    observed: Any,
    location: Any,
    scatter: Any,
    rows: Mapping[str, Any],
    design: Design,
    scale: Scale = "log",
) -> None:
    """Register values that scatter normally about a location on their natural scale.

    Parameters
    ----------
    name : str
        Name of the observed variable.
    observed : tensor, shape (rows,)
        Values, centres of intervals, or the limit itself where a row lies beyond it.
    location : tensor, shape (rows,)
        Expectation on the natural scale.
    scatter : tensor
        Standard deviation on the natural scale; the measurement's is added in quadrature.
    rows : mapping of str to tensor, each of shape (rows,)
        The columns of `design`.
    design : Design
        What no row has is left out of the graph.
    scale : {"log", "logit", "linear"}
        The natural scale.
    """

    def logp(value: Any, mu: Any, sigma: Any, halfwidth: Any, floor: Any, ceiling: Any) -> Any:
        x = _forward(value, scale)
        values = np.flatnonzero(design.halfwidth == 0)
        inside = design.interval_rows
        z, width = (x - mu) / sigma, halfwidth / sigma
        result = join(
            [
                (values, _log_normal_density(take(z, values), take(sigma, values))),
                (
                    inside,
                    log_interval(take(z + width, inside), take(z - width, inside))
                    if inside.size
                    else None,
                ),
            ]
        )
        if design.has_floor:
            result = where(x <= floor + TOLERANCE, log_ndtr((floor - mu) / sigma), result)
        if design.has_ceiling:
            result = where(x >= ceiling - TOLERANCE, log_ndtr((mu - ceiling) / sigma), result)
        return result

    def draw(
        mu: Array,
        sigma: Array,
        halfwidth: Array,
        floor: Array,
        ceiling: Array,
        rng: np.random.Generator,
        size: Any = None,
    ) -> Array:
        shape = _shape(size, mu)
        x = mu + sigma * rng.standard_normal(shape)
        x = x + halfwidth * rng.uniform(-1.0, 1.0, shape)
        return inverse(np.clip(x, floor, ceiling), scale)

    sigma = np.sqrt(scatter**2 + rows["sd"] ** 2)
    limits = (rows["halfwidth"], rows["floor"], rows["ceiling"])
    Observation((location, sigma, *limits), logp, draw).register(name, observed)


def observed_verdict(name: str, *, observed: Any, z: Any) -> None:
    """Register verdicts, 1 for a failed cell, with failure probability ``Phi(z)``.

    Parameters
    ----------
    name : str
        Name of the observed variable.
    observed : tensor, shape (rows,)
        1 where the cell failed, 0 where it survived.
    z : tensor, shape (rows,)
        Log of the current over the threshold, in units of the scatter.
    """

    def logp(value: Any, z: Any) -> Any:
        return log_ndtr(where(value > 0.5, z, -z))

    def draw(z: Array, rng: np.random.Generator, size: Any = None) -> Array:
        from scipy.special import ndtr

        failed: Array = (rng.uniform(size=_shape(size, z)) < ndtr(z)).astype(float)
        return failed

    Observation((z,), logp, draw).register(name, observed)


@dataclass(frozen=True)
class Threshold:
    """A threshold current that falls with time.

    Parameters
    ----------
    current_density : callable
        ``(time, *parameters) -> current density`` [A/m^2], smooth in the parameters.
    log_slope : callable
        ``(time, *parameters) -> ln|d ln current / d ln time|``.
    time : callable
        The inverse in NumPy, ``(current density, *parameters) -> time`` [s]; infinite at or below
        the current that never fails.
    """

    current_density: Callable[..., Any]
    log_slope: Callable[..., Any]
    time: Callable[..., Any]


def observed_clock(
    name: str,
    *,
    observed: Any,
    threshold: Threshold,
    parameters: Sequence[Any],
    log_current: Any,
    scatter: Any,
    rows: Mapping[str, Any],
    design: Design,
) -> None:
    r"""Register the times at which cells fail under constant currents.

    A cell fails at the time at which its own threshold, :math:`u\,j_x(t)` with
    :math:`\ln u \sim N(0, s)`, has fallen to the current. The density of :math:`\ln t` is
    therefore that of a normal in :math:`\ln j`, times :math:`|\partial\ln j_x/\partial\ln t|`;
    a cell without an event by the planned end has a threshold above the current until then.

    Parameters
    ----------
    name : str
        Name of the observed variable.
    observed : tensor, shape (rows,)
        Time [s]; the planned end where no event came.
    threshold : Threshold
        The falling threshold.
    parameters : sequence of tensor
        What the threshold depends on besides time, each of shape (rows,) or ().
    log_current : tensor, shape (rows,)
        Log of the current density [A/m^2].
    scatter : tensor
        Standard deviation s.
    rows : mapping of str to tensor, each of shape (rows,)
        The columns of `design`; the ceiling is the log of the planned end, the floor that of a
        first look before which an event counts as "by then".
    design : Design
        What no row has is left out of the graph.
    """
    count = design.sd.size
    plain, inside, blurred = design.plain_rows, design.interval_rows, design.error_rows
    nodes, weights = np.polynomial.hermite.hermgauss(_nodes(design))
    # The rows, both ends of the intervals, and nodes over the true time of rows with an error.
    rows_at = np.concatenate([np.arange(count), inside, inside, np.tile(blurred, nodes.size)])
    halfwidths, errors = design.halfwidth[inside], design.sd[blurred]
    away = (np.sqrt(2.0) * nodes[:, None] * errors).ravel()
    shift = np.concatenate([np.zeros(count), halfwidths, -halfwidths, away])
    log_weights = np.log(weights / np.sqrt(np.pi))
    # An interval reaches no further than the planned end.
    is_later = (np.arange(rows_at.size) >= count) & (np.arange(rows_at.size) < count + inside.size)

    def logp(
        value: Any,
        log_current: Any,
        scatter: Any,
        _sd: Any,
        _halfwidth: Any,
        floor: Any,
        ceiling: Any,
        *parameters: Any,
    ) -> Any:
        # One evaluation of the threshold serves every time that any row needs.
        log_times = take(np.log(value), rows_at) + shift
        times = np.exp(where(is_later, minimum(log_times, take(ceiling, rows_at)), log_times))
        at_times = [take(parameter, rows_at) for parameter in parameters]
        reached = np.log(threshold.current_density(times, *at_times))
        spread = take(scatter, rows_at)
        z = (take(log_current, rows_at) - reached) / spread
        density = _log_normal_density(z, spread) + threshold.log_slope(times, *at_times)
        z_own, density_own = (take(each, np.arange(count)) for each in (z, density))
        result = [(plain, take(density_own, plain))]
        sharp = np.setdiff1d(np.arange(count), blurred)
        survived = [(sharp, log_ndtr(-take(z_own, sharp)))]
        if inside.size:
            later, sooner = (
                take(z, count + side * inside.size + np.arange(inside.size)) for side in (0, 1)
            )
            result.append((inside, log_interval(later, sooner)))
        if blurred.size:
            first = count + 2 * inside.size
            averaged = [
                _log_mean(each, first, (nodes.size, blurred.size), log_weights)
                for each in (density, log_ndtr(-z))
            ]
            result.append((blurred, averaged[0]))
            survived.append((blurred, averaged[1]))
        total, x = join(result), np.log(value)
        if design.has_floor:
            total = where(x <= floor + TOLERANCE, log_ndtr(z_own), total)
        return where(x >= ceiling - TOLERANCE, join(survived), total)

    def draw(*arguments: Any, rng: np.random.Generator, size: Any = None) -> Array:
        log_current, scatter, sd, halfwidth, floor, ceiling, *parameters = arguments
        shape = _shape(size, log_current)
        own_current = np.exp(log_current - scatter * rng.standard_normal(shape))
        true = np.log(threshold.time(own_current, *parameters))
        seen = np.minimum(true + sd * rng.standard_normal(shape), ceiling)
        centre = seen + halfwidth * rng.uniform(-1.0, 1.0, shape)
        # An event seen before the planned end stays one, wherever its interval is centred.
        centre = np.where(seen < ceiling, np.minimum(centre, ceiling - 2 * TOLERANCE), ceiling)
        time: Array = np.exp(np.maximum(centre, floor))
        return time

    zeros = 0.0 * log_current
    every = (
        log_current,
        scatter + zeros,
        *(rows[key] for key in ("sd", "halfwidth", "floor", "ceiling")),
        *(parameter + zeros for parameter in parameters),
    )
    Observation(every, logp, draw).register(name, observed)
