r"""The forms that an observation takes: one value, one verdict or one clock, each a distribution.

Every function returns an `Observation`: a pointwise log-likelihood and draws, in the unit of the
measurement, which `models.context.Context.observe` makes a variable of the model. Four forms cover
all tables:

`observed_value`
    A quantity with normal scatter on its natural scale (log, logit or linear), exact, with a
    measurement error, in an interval, or beyond an end of the range.
`observed_verdict`
    Whether a cell failed at a current that its threshold may or may not exceed.
`observed_clock`
    The time at which a cell fails under a constant current, or the planned end it survived.
`models.range_likelihood.observed_range`
    The lowest and the highest of the steps at which several cells failed.

Cells scatter by a law of `models.cells`. Where they are of several kinds, each kind has a multiple
of the scatter, and the log-likelihood of a row is that of the mixture.

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

from data.arrays import Array
from models.cells import Cells
from models.log_probability import (
    log_from,
    log_interval,
    log_mean,
    log_ndtr,
    log_normal_density,
    log_up_to,
    log_value,
    log_value_or_interval,
    log_weakest,
    log_weakest_interval,
)
from models.observations import TOLERANCE, Design, Scale, forward, inverse
from models.physics import weakest_deviate
from models.physics.backend import minimum, where

__all__ = [
    "ONE_KIND",
    "Observation",
    "Threshold",
    "draw_shape",
    "observed_clock",
    "observed_value",
    "observed_verdict",
]


ONE_KIND = Cells()


def _nodes(design: Design) -> int:
    """Return how many Gauss-Hermite nodes the largest error of a time needs.

    The threshold's own scatter smooths the integrand; against adaptive quadrature the error of the
    log-likelihood stays below 1e-4 for a scatter down to 0.05 and errors up to 0.2, while the
    salt is still being depleted (up to 2 L^2/D; tested).
    """
    largest = float(design.sd.max(initial=0.0))
    return 3 if largest <= 0.025 else 5 if largest <= 0.05 else 9 if largest <= 0.1 else 41


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
    given : tuple of (str, ndarray of int)
        Variables, observed before, on whose values the distribution depends as well,
        each with the position along it that goes with each row here. To `logp` and `draw` these
        values come before the parameters.
    second_kind : callable, optional
        ``(value, *parameters) -> probability`` that a row's cell is of the last of several kinds.
    kinds : int
        How many kinds of cells there are.
    """

    parameters: tuple[Any, ...]
    logp: Callable[..., Any]
    draw: Callable[..., Array]
    given: tuple[tuple[str, NDArray[np.intp]], ...] = ()
    second_kind: Callable[..., Array] | None = None
    kinds: int = 1

    def given_by(self, values: Mapping[str, Array]) -> list[Array]:
        """Return what is given, out of values of every observed variable, each (..., rows)."""
        return [values[name][..., at] for name, at in self.given]

    def of(
        self, cells: Cells, parameters: tuple[Any, ...], scaled: Callable[..., tuple[Any, ...]]
    ) -> "Observation":
        """Return the observation of cells that are of several kinds.

        Parameters
        ----------
        cells : Cells
            Their law: each kind has a multiple of the scatter.
        parameters : tuple of tensor
            What the new distribution depends on, besides the parameter of the law; shape (rows,)
            each.
        scaled : callable
            ``(multiplier, *parameters)``: the parameters of this distribution for such cells.
        """
        law = cells.law

        def terms(value: Any, tail: Any, *given: Any) -> tuple[Any, Any]:
            log_weights, multipliers = law.components(tail)
            return self.logp(value, *scaled(multipliers, *given)), log_weights

        def logp(value: Any, *given: Any) -> Any:
            return log_mean(*terms(value, *given))

        def draw(tail: Array, *given: Array, rng: np.random.Generator, size: Any = None) -> Array:
            multipliers = law.draw(tail, rng, draw_shape(size, tail))
            return self.draw(*scaled(multipliers, *given), rng=rng, size=size)

        def second_kind(value: Any, *given: Any) -> Array:
            each, log_weights = terms(value, *given)
            weighed = each + log_weights
            return np.asarray(np.exp(weighed[-1] - log_mean(each, log_weights)))

        tail = cells.parameter + 0.0 * parameters[0]
        known = second_kind if law.count == 2 else None
        return Observation((tail, *parameters), logp, draw, second_kind=known, kinds=law.count)

    def weighted(self, weight: Any) -> "Observation":
        """Return the same draws with the log-likelihood of each row times its weight.

        Parameters
        ----------
        weight : tensor, shape (rows,)
            0 leaves a row out.
        """

        def logp(value: Any, weight: Any, *parameters: Any) -> Any:
            return weight * self.logp(value, *parameters)

        def draw(_weight: Any, *parameters: Any, **kwargs: Any) -> Array:
            return self.draw(*parameters, **kwargs)

        return Observation((weight, *self.parameters), logp, draw)


def draw_shape(size: Any, like: Array) -> Any:
    """Shape of a draw: as asked for, or that of the parameters."""
    return np.shape(like) if size is None else tuple(np.atleast_1d(size))


def observed_value(
    *,
    location: Any,
    scatter: Any,
    rows: Mapping[str, Any],
    design: Design,
    scale: Scale | Array = "log",
    patches: Any = None,
    law: Cells = ONE_KIND,
) -> Observation:
    """Return the distribution of values that scatter normally about a location on their scale.

    A value, the centre of an interval, or the limit itself where a row lies beyond it.

    Parameters
    ----------
    location : tensor, shape (rows,)
        Expectation on the natural scale.
    scatter : tensor
        Standard deviation on the natural scale; the measurement's is added in quadrature.
    rows : mapping of str to tensor, each of shape (rows,)
        The columns of `design`.
    design : Design
        What no row has is left out of the graph.
    scale : {"log", "logit", "linear"} or ndarray, shape (rows,)
        The natural scale; an array holds 1 where a row is a fraction (logit) and 0 where it is any
        positive number (log).
    patches : tensor, shape (rows,), optional
        Number of patches, each with a value of its own, of which the smallest is observed.
    law : Cells, optional
        How the scatter of cells is distributed; normally by default.
    """

    def logp(
        value: Any, mu: Any, sigma: Any, halfwidth: Any, floor: Any, ceiling: Any, *patches: Any
    ) -> Any:
        x = forward(value, scale)
        if patches:
            return _log_smallest(x, mu, sigma, halfwidth, floor, ceiling, patches[0], design)
        if design.interval_rows.size:
            result = log_value_or_interval(x, mu, sigma, halfwidth)
        else:
            result = log_value(x, mu, sigma)
        if design.has_floor:
            result = log_up_to(x, mu, sigma, floor, result)
        if design.has_ceiling:
            result = log_from(x, mu, sigma, ceiling, result)
        return result

    def draw(
        mu: Array,
        sigma: Array,
        halfwidth: Array,
        floor: Array,
        ceiling: Array,
        *patches: Array,
        rng: np.random.Generator,
        size: Any = None,
    ) -> Array:
        shape = draw_shape(size, mu)
        deviate = rng.standard_normal(shape)
        x = mu + sigma * (weakest_deviate(deviate, *patches) if patches else deviate)
        x = x + halfwidth * rng.uniform(-1.0, 1.0, shape)
        return inverse(np.clip(x, floor, ceiling), scale)

    sigma = np.sqrt(scatter**2 + rows["sd"] ** 2)
    limits = (rows["halfwidth"], rows["floor"], rows["ceiling"])
    several = () if patches is None else (patches,)
    observation = Observation((location, sigma, *limits, *several), logp, draw)
    if law.mixed:
        given = (location, scatter + 0.0 * location, rows["sd"], *limits, *several)

        def scaled(
            multiplier: Any, mu: Any, scatter: Any, sd: Any, *others: Any
        ) -> tuple[Any, ...]:
            return mu, np.sqrt((multiplier * scatter) ** 2 + sd**2), *others

        observation = observation.of(law, given, scaled)
    return observation


def _log_smallest(
    x: Any,
    mu: Any,
    sigma: Any,
    halfwidth: Any,
    floor: Any,
    ceiling: Any,
    patches: Any,
    design: Design,
) -> Any:
    """Log density or probability of the smallest of several normal values."""
    z = (x - mu) / sigma
    result = log_value(x, mu, sigma) + np.log(patches) + (patches - 1.0) * log_ndtr(-z)
    if design.interval_rows.size:
        upper, lower = (x + halfwidth - mu) / sigma, (x - halfwidth - mu) / sigma
        result = where(halfwidth > 0, log_weakest_interval(upper, lower, patches), result)
    if design.has_floor:
        below = log_weakest((floor - mu) / sigma, patches)
        result = where(x <= floor + TOLERANCE, below, result)
    if design.has_ceiling:
        above = patches * log_ndtr((mu - ceiling) / sigma)
        result = where(x >= ceiling - TOLERANCE, above, result)
    return result


def observed_verdict(*, z: Any, patches: Any = None, law: Cells = ONE_KIND) -> Observation:
    """Return the distribution of verdicts: 1 for a failed cell, with the probability ``Phi(z)``.

    A cell of several patches fails with the first of them: ``1 - (1 - Phi(z))^patches``.

    Parameters
    ----------
    z : tensor, shape (rows,)
        Log of the current over the threshold, in units of the scatter.
    patches : tensor, shape (rows,), optional
        Number of patches of each cell; one when left out.
    law : Cells, optional
        How the scatter of cells is distributed; normally by default.
    """

    def logp(value: Any, z: Any, *patches: Any) -> Any:
        if patches:
            return where(value > 0.5, log_weakest(z, patches[0]), patches[0] * log_ndtr(-z))
        return log_ndtr(where(value > 0.5, z, -z))

    def draw(z: Array, *patches: Array, rng: np.random.Generator, size: Any = None) -> Array:
        from scipy.special import log_ndtr as log_phi
        from scipy.special import ndtr

        probability = -np.expm1(patches[0] * log_phi(-z)) if patches else ndtr(z)
        failed: Array = (rng.uniform(size=draw_shape(size, z)) < probability).astype(float)
        return failed

    several = () if patches is None else (patches,)
    observation = Observation((z, *several), logp, draw)
    if law.mixed:

        def scaled(multiplier: Any, z: Any, *others: Any) -> tuple[Any, ...]:
            return z / multiplier, *others

        observation = observation.of(law, observation.parameters, scaled)
    return observation


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
    *,
    threshold: Threshold,
    parameters: Sequence[Any],
    log_current: Any,
    scatter: Any,
    rows: Mapping[str, Any],
    design: Design,
    law: Cells = ONE_KIND,
) -> Observation:
    r"""Return the distribution of the times at which cells fail under constant currents.

    A cell fails at the time at which its own threshold, :math:`u\,j_x(t)` with
    :math:`\ln u \sim N(0, s)`, has fallen to the current. The density of :math:`\ln t` is
    therefore that of a normal in :math:`\ln j`, times :math:`|\partial\ln j_x/\partial\ln t|`;
    a cell without an event by the planned end [s], which is then observed, has a threshold above
    the current until then.

    Parameters
    ----------
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
    law : Cells, optional
        How the scatter of cells is distributed; normally by default.
    """
    intervals, errors = design.interval_rows.size, design.error_rows.size
    nodes, weights = np.polynomial.hermite.hermgauss(_nodes(design) if errors else 1)
    # Times at which the threshold is wanted, relative to the one observed: the time itself, both
    # ends of the interval, and nodes over the true time where it carries an error.
    shifts = [np.zeros(design.sd.size)]
    if intervals:
        shifts += [design.halfwidth, -design.halfwidth]
    first_node = len(shifts)
    if errors:
        shifts += list(np.sqrt(2.0) * nodes[:, None] * design.sd)
    later = np.arange(len(shifts)) == 1 if intervals else np.zeros(len(shifts), dtype=bool)

    def logp(
        value: Any,
        log_current: Any,
        scatter: Any,
        _sd: Any,
        halfwidth: Any,
        floor: Any,
        ceiling: Any,
        *parameters: Any,
    ) -> Any:
        arguments = (value, log_current, scatter, ceiling, *parameters)
        between = (1,) * (max(np.ndim(each) for each in arguments) - 1)  # of draws, in NumPy

        def first_axis(column: Any) -> Any:
            return np.reshape(column, (len(column), *between, -1))

        x = np.log(value)
        log_times = x + first_axis(np.stack(shifts))
        if intervals:  # none reaches further than the planned end
            log_times = where(first_axis(later), minimum(log_times, ceiling), log_times)
        times = np.exp(log_times)
        reached = np.log(threshold.current_density(times, *parameters))
        z = (log_current - reached) / scatter
        density = log_normal_density(z, scatter) + threshold.log_slope(times, *parameters)
        if errors:
            log_weights = first_axis(np.log(weights / np.sqrt(np.pi)))
            happened = log_mean(density[first_node:], log_weights)
            survived = log_mean(log_ndtr(-z[first_node:]), log_weights)
        else:
            happened, survived = density[0], log_ndtr(-z[0])
        if intervals:
            happened = where(halfwidth > 0, log_interval(z[1], z[2]), happened)
        if design.has_floor:
            happened = where(x <= floor + TOLERANCE, log_ndtr(z[0]), happened)
        if design.has_ceiling:
            happened = where(x >= ceiling - TOLERANCE, survived, happened)
        return happened

    def draw(*arguments: Any, rng: np.random.Generator, size: Any = None) -> Array:
        log_current, scatter, sd, halfwidth, floor, ceiling, *parameters = arguments
        shape = draw_shape(size, log_current)
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
    observation = Observation(every, logp, draw)
    if law.mixed:

        def scaled(multiplier: Any, current: Any, scatter: Any, *others: Any) -> tuple[Any, ...]:
            return current, multiplier * scatter, *others

        observation = observation.of(law, every, scaled)
    return observation
