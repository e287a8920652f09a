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
`observed_range`
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
from data.ranges import UNSTATED_CELLS
from models.cells import Cells
from models.observations import TOLERANCE, Design, Scale, inverse
from models.physics import weakest_deviate
from models.physics.backend import (
    erfc,
    erfcx,
    kernel,
    maximum,
    minimum,
    take,
    where,
)

__all__ = [
    "Observation",
    "Threshold",
    "log_interval",
    "log_mean",
    "log_ndtr",
    "log_value",
    "log_weakest",
    "log_weakest_interval",
    "observed_clock",
    "observed_range",
    "observed_value",
    "observed_verdict",
]


_ONE_KIND = Cells()


def _nodes(design: Design) -> int:
    """Return how many Gauss-Hermite nodes the largest error of a time needs.

    The threshold's own scatter smooths the integrand; against adaptive quadrature the error of the
    log-likelihood stays below 1e-4 for a scatter down to 0.05 and errors up to 0.2, while the
    salt is still being depleted (up to 2 L^2/D; tested).
    """
    largest = float(design.sd.max(initial=0.0))
    return 3 if largest <= 0.025 else 5 if largest <= 0.05 else 9 if largest <= 0.1 else 41


@kernel
def log_ndtr(z: Any) -> Any:
    """Log of the standard normal distribution function, its gradients finite for any finite `z`."""
    low, high = minimum(z, -1.0), maximum(z, -1.0)
    tail = np.log(0.5 * erfcx(-low / np.sqrt(2.0))) - 0.5 * low**2
    return where(z < -1.0, tail, np.log1p(-0.5 * erfc(high / np.sqrt(2.0))))


@kernel
def log_interval(upper: Any, lower: Any) -> Any:
    """Log of ``Phi(upper) - Phi(lower)``, flipped to the lower tail where both are positive."""
    flip = upper + lower > 0
    a = log_ndtr(where(flip, -lower, upper))
    b = log_ndtr(where(flip, -upper, lower))
    return a + np.log(-np.expm1(minimum(b - a, -1e-300)))


def _log_survival(z: Any, patches: Any = 1.0) -> Any:
    """Log of ``(1 - Phi(z))^patches``: none of several patches has failed."""
    return patches * log_ndtr(-z)


_FAR = -30.0  # below it a probability is that of one patch times their number, to 200 digits


@kernel
def log_weakest(z: Any, patches: Any) -> Any:
    """Log of ``1 - (1 - Phi(z))^patches``: at least one of several patches has failed."""
    few = np.log(patches) + log_ndtr(minimum(z, _FAR))
    many = np.log(-np.expm1(patches * log_ndtr(-maximum(z, _FAR))))
    return where(z < _FAR, few, many)


@kernel
def log_weakest_interval(upper: Any, lower: Any, patches: Any) -> Any:
    """Log probability that the weakest of several patches fails between two currents."""
    excess = maximum(upper - _FAR, 0.0)  # keeps the width where this form is not used
    few = np.log(patches) + log_interval(upper - excess, lower - excess)
    survived = patches * log_ndtr(-lower)
    fell = patches * log_ndtr(-maximum(upper, _FAR)) - survived
    return where(upper < _FAR, few, survived + np.log(-np.expm1(minimum(fell, -1e-300))))


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
            multipliers = law.draw(tail, rng, _shape(size, tail))
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


@kernel
def _log_normal_density(z: Any, scale: Any) -> Any:
    return -0.5 * z**2 - np.log(scale) - 0.5 * np.log(2 * np.pi)


@kernel
def log_value(x: Any, mu: Any, sigma: Any) -> Any:
    """Log density of a value."""
    return _log_normal_density((x - mu) / sigma, sigma)


@kernel
def _log_value_or_interval(x: Any, mu: Any, sigma: Any, halfwidth: Any) -> Any:
    """Log density of a value, or log probability of an interval where it has a width."""
    inside = log_interval((x + halfwidth - mu) / sigma, (x - halfwidth - mu) / sigma)
    return where(halfwidth > 0, inside, log_value(x, mu, sigma))


@kernel
def _log_up_to(x: Any, mu: Any, sigma: Any, floor: Any, otherwise: Any) -> Any:
    """Log probability of all that lies below the floor where x is at it."""
    return where(x <= floor + TOLERANCE, log_ndtr((floor - mu) / sigma), otherwise)


@kernel
def _log_from(x: Any, mu: Any, sigma: Any, ceiling: Any, otherwise: Any) -> Any:
    """Log probability of all that lies above the ceiling where x is at it."""
    return where(x >= ceiling - TOLERANCE, log_ndtr((mu - ceiling) / sigma), otherwise)


def log_mean(terms: Any, log_weights: Any) -> Any:
    """Log of the weighted sum, over the first axis, of the exponentials of terms."""
    weighed = terms + log_weights
    top = weighed.max(axis=0)
    return top + np.log(np.exp(weighed - top).sum(axis=0))


def _shape(size: Any, like: Array) -> Any:
    """Shape of a draw: as asked for, or that of the parameters."""
    return np.shape(like) if size is None else tuple(np.atleast_1d(size))


def _forward(value: Any, scale: Scale | Array) -> Any:
    if not isinstance(scale, str):
        return np.log(value) - np.log1p(-scale * value)
    if scale == "log":
        return np.log(value)
    return np.log(value) - np.log1p(-value) if scale == "logit" else value


def observed_value(
    *,
    location: Any,
    scatter: Any,
    rows: Mapping[str, Any],
    design: Design,
    scale: Scale | Array = "log",
    patches: Any = None,
    law: Cells = _ONE_KIND,
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
        x = _forward(value, scale)
        if patches:
            return _log_smallest(x, mu, sigma, halfwidth, floor, ceiling, patches[0], design)
        if design.interval_rows.size:
            result = _log_value_or_interval(x, mu, sigma, halfwidth)
        else:
            result = log_value(x, mu, sigma)
        if design.has_floor:
            result = _log_up_to(x, mu, sigma, floor, result)
        if design.has_ceiling:
            result = _log_from(x, mu, sigma, ceiling, result)
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
        shape = _shape(size, mu)
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


def observed_verdict(*, z: Any, patches: Any = None, law: Cells = _ONE_KIND) -> Observation:
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
        failed: Array = (rng.uniform(size=_shape(size, z)) < probability).astype(float)
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
    law: Cells = _ONE_KIND,
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
        density = _log_normal_density(z, scatter) + threshold.log_slope(times, *parameters)
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
    observation = Observation(every, logp, draw)
    if law.mixed:

        def scaled(multiplier: Any, current: Any, scatter: Any, *others: Any) -> tuple[Any, ...]:
            return current, multiplier * scatter, *others

        observation = observation.of(law, every, scaled)
    return observation


def observed_range(
    *,
    location: Any,
    scatter: Any,
    rows: Mapping[str, Any],
    cells: Array,
    patches: Any = None,
    law: Cells = _ONE_KIND,
) -> Observation:
    r"""Return the distribution of the lowest and the highest step at which one of n cells failed.

    A cell that failed at the step L of a staircase has its threshold in :math:`(L - h, L]`, h being
    the height of a step. Of n cells with the distribution function F the lowest threshold lies in
    :math:`(a, b]` and the highest in :math:`(c, d]` with the probability

    .. math:: [F(d)-F(a)]^n - [F(d)-F(b)]^n - [F(c)-F(a)]^n + [F(c)-F(b)]^n,

    whose last term is 0 where c is below b. Where n is not stated, it is one of `UNSTATED_CELLS`
    with a probability in proportion to 1/n.

    The two steps are two observations: the lowest, and the highest given the lowest, of all ranges
    after the lowest of all. The product of their likelihoods is that of the range, and a draw of
    both is one of the same cells.

    Parameters
    ----------
    location : tensor, shape (2 ranges,)
        Logarithm of the median cell's threshold, in the unit of the steps.
    scatter : tensor
        Standard deviation of the logarithm between cells.
    rows : mapping of str to tensor, each of shape (2 ranges,)
        ``step_height`` and ``first_step``, the lowest step of the staircase, in their unit;
        ``cells``, 0 where not stated.
    cells : ndarray, shape (2 ranges,)
        The column ``cells``.
    patches : tensor, shape (2 ranges,), optional
        Number of patches of each cell, which fails with the first of them; one when left out.
    law : Cells, optional
        How the scatter of cells is distributed; normally by default. Each cell of a range is of a
        kind of its own: the mixture is inside F.

    References
    ----------
    David and Nagaraja, Order Statistics, 3rd edition, Wiley 2003, section 2.2.
    """
    ranges = cells.size // 2
    lowest = np.tile(np.arange(ranges), 2)
    highest = lowest + ranges
    is_highest = np.arange(2 * ranges) >= ranges
    counts, log_weights = _numbers_of_cells(cells)
    several = () if patches is None else (patches,)

    def logp(
        value: Any, mu: Any, sigma: Any, height: Any, _first: Any, _cells: Any, *others: Any
    ) -> Any:
        low, high = take(value, lowest), take(value, highest)
        a, b, c, d = (
            (np.log(maximum(current, _NO_CURRENT)) - mu) / sigma
            for current in (low - height, low, high - height, high)
        )
        patches = others[: len(several)]

        # Here, and in the draw, the cells' distribution enters; nowhere else.
        def of_cells(function: Callable[..., Any], *z: Any) -> Any:
            if not law.mixed:
                return function(*z, *patches)
            log_weights, multipliers = law.law.components(others[-1])
            return log_mean(function(*(each / multipliers for each in z), *patches), log_weights)

        within = log_weakest_interval if patches else log_interval
        first, last, all_cells = (of_cells(within, *z) for z in ((b, a), (d, c), (d, a)))
        above = of_cells(_log_survival, a)
        axes = (1,) * (max(np.ndim(each) for each in (value, mu, sigma)) - 1)
        count = np.reshape(counts, (-1, *axes, 1))
        weights = np.reshape(log_weights, (counts.size, *axes, -1))
        starts = count * above + _log_any(first - above, count)
        both = count * all_cells + _log_both(first - all_cells, last - all_cells, count)
        log_lowest = log_mean(starts, weights)
        return where(is_highest, log_mean(both, weights) - log_lowest, log_lowest)

    def draw(
        mu: Array,
        sigma: Array,
        height: Array,
        first: Array,
        cells: Array,
        *others: Array,
        rng: np.random.Generator,
        size: Any = None,
    ) -> Array:
        shape = (*_shape(size, mu)[:-1], ranges)
        every = (mu, sigma, height, first, cells, *others)
        mu, sigma, height, first, cells, *rest = (each[..., :ranges] for each in every)
        patches = rest[: len(several)]
        chance = np.exp(_numbers_of_cells(np.zeros(2))[1][:, 0])
        unstated = rng.choice(np.array(UNSTATED_CELLS), p=chance, size=shape)
        number = np.where(cells > 0, cells, unstated)
        ends = np.full((2, *shape), np.nan)
        for each in range(int(number.max())):
            deviate = rng.standard_normal(shape)
            deviate = weakest_deviate(deviate, *patches) if patches else deviate
            deviate = deviate * law.law.draw(rest[-1], rng, shape) if law.mixed else deviate
            inside = np.where(each < number, deviate, np.nan)
            ends = np.stack([np.fmin(ends[0], inside), np.fmax(ends[1], inside)])
        current = np.exp(mu + sigma * ends)
        steps = first + height * np.maximum(np.ceil((current - first) / height), 0.0)
        return np.concatenate(np.round(steps, _DIGITS), axis=-1)

    zeros = 0.0 * location
    columns = (rows["step_height"], rows["first_step"], rows["cells"])
    tail = (law.parameter + zeros,) if law.mixed else ()
    every = (location, scatter + zeros, *columns, *several, *tail)
    return Observation(every, logp, draw, kinds=law.law.count)


_NO_CURRENT = 1e-300  # stands for 0 under a logarithm
_DIGITS = 12  # of a drawn step, so that equal steps are equal numbers


def _numbers_of_cells(cells: Array) -> tuple[Array, Array]:
    """Return the numbers of cells that occur, and the log of the probability of each in each row.

    Parameters
    ----------
    cells : ndarray, shape (rows,)
        As stated; 0 where not.

    Returns
    -------
    counts : ndarray, shape (counts,)
        In ascending order.
    log_weights : ndarray, shape (counts, rows)
        Of the numbers in each row.
    """
    unstated = set(UNSTATED_CELLS) if (cells == 0).any() else set()
    counts = np.array(sorted(unstated | {int(n) for n in cells if n > 0}), dtype=float)
    weight = np.where(np.isin(counts, UNSTATED_CELLS), 1.0 / counts, 0.0)
    chance = np.where(
        cells == 0, weight[:, None] / max(weight.sum(), 1e-300), counts[:, None] == cells
    )
    with np.errstate(divide="ignore"):
        return counts, np.log(chance)


@kernel
def _log_complement(log_share: Any) -> Any:
    """Log of ``1 - share``, whatever is close to 0 or 1."""
    low = minimum(log_share, -0.7)
    high = minimum(maximum(log_share, -0.7), -1e-300)
    return where(log_share < -0.7, np.log1p(-np.exp(low)), np.log(-np.expm1(high)))


@kernel
def _log_any(log_share: Any, count: Any) -> Any:
    """Log of ``1 - (1 - share)^count``: at least one of several cells falls into a share."""
    few = np.log(count) + log_share
    none = minimum(count * _log_complement(maximum(log_share, _FAR)), -1e-300)
    return where(log_share < _FAR, few, np.log(-np.expm1(none)))


@kernel
def _log_both(log_first: Any, log_last: Any, count: Any) -> Any:
    r"""Log probability that of n cells some fall into a share p, and some into a share q.

    The shares are disjoint, or leave nothing out. :math:`1 - (1-p)^n - (1-q)^n + (1-p-q)^n` is
    written as :math:`AB(1 - R)`, with :math:`A = 1-(1-p)^n`, B the same of q, and
    :math:`R = E^n[1 - (1-pq/E)^n]/(AB)`, :math:`E = (1-p)(1-q)`, which is at most one half: nothing
    cancels.
    """
    neither = _log_complement(log_first) + _log_complement(log_last)
    some = _log_any(log_first, count) + _log_any(log_last, count)
    together = _log_any(minimum(log_first + log_last - neither, -1e-300), count)
    return some + np.log1p(-np.exp(count * neither + together - some))
