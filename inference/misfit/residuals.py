"""Residuals of one observed variable: their statistics, for the data and for what is predicted.

A row's residual is its distance from the median of its own predictions, in their standard
deviations, on the natural scale of its values (logarithms, logits, or millivolts as they are). In
predicted data sets intervals and planned ends are those of the data.
"""

from collections.abc import Callable

import numpy as np
from scipy.special import ndtr, ndtri

from data.arrays import Array
from inference.designs.basis import Basis
from inference.misfit.conditions import LEAST_SPREAD
from inference.misfit.trends import verdicts
from inference.thresholds import TENSION_FAIL
from models.observations import TOLERANCE, is_end

__all__ = [
    "MOST_NUMBERS",
    "columns_of_rows",
    "contradicting_rows",
    "natural_scale",
    "on_natural_scale",
    "predictive_p_values",
]

MOST_NUMBERS = 5_000_000
"""Predicted numbers that statistics are computed from; bounds the memory of large tables."""

_FEWEST_OF_A_SKEWNESS = 8  # rows: a poorer fifth of fewer is one row, which `smallest` is of
_CANDIDATES = 20  # rows at either end, among which a pair is sought


def contradicting_rows(observed: Array, predicted: Array) -> tuple[int, int, float] | None:
    """Return the two rows whose difference a model predicts worst.

    What is not known of the parameters moves both rows of a prediction and leaves their difference;
    so this finds two rows that exclude each other where neither lies far from its own prediction.

    Parameters
    ----------
    observed : ndarray, shape (rows,)
        Values on their natural scale.
    predicted : ndarray, shape (draws, rows)
        Predictions of them.

    Returns
    -------
    (int, int, float), optional
        The upper and the lower row, and by how many standard deviations of the predicted difference
        they lie farther apart. None where normal predictions give one as far, among all pairs, more
        often than `thresholds.TENSION_FAIL` standard deviations are exceeded (Bonferroni).
    """
    centre, spread = np.median(predicted, axis=0), predicted.std(axis=0)
    residual = np.full(observed.size, np.nan)
    np.divide(observed - centre, spread, out=residual, where=spread > LEAST_SPREAD)
    order = np.argsort(residual)[: int(np.isfinite(residual).sum())]
    pairs = [
        (int(high), int(low))
        for high in order[: -_CANDIDATES - 1 : -1]
        for low in order[:_CANDIDATES]
        if high != low
    ]
    apart = []
    for high, low in pairs:
        difference = predicted[:, high] - predicted[:, low]
        far = observed[high] - observed[low] - difference.mean()
        apart.append(far / max(float(difference.std()), LEAST_SPREAD))
    limit = -ndtri(ndtr(-TENSION_FAIL) / max(1, order.size * (order.size - 1) // 2))
    if not apart or max(apart) <= limit:
        return None
    worst_pair = int(np.argmax(apart))
    return (*pairs[worst_pair], float(apart[worst_pair]))


def columns_of_rows(result: Basis, name: str) -> dict[str, Array]:
    """Return the columns of a variable's design by name, where they go with its rows."""
    key = f"{name}_design"
    if key not in result.constant_data:
        return {}
    design = result.constant_data[key]
    if design.shape[0] != result.observed_data[name].size:
        return {}
    names = [str(each) for each in design[f"{name}_column"].values]
    return {each: np.asarray(design.values[:, i], dtype=float) for i, each in enumerate(names)}


def natural_scale(observed: Array, predicted: Array, units: str) -> Callable[[Array], Array]:
    """Return what takes values to the scale on which they are compared.

    Parameters
    ----------
    observed, predicted : ndarray
        Of one observed variable.
    units : str
        Of the values.

    Returns
    -------
    callable
        The logit of fractions, the logarithm of what is above 0, else the value as it is.
    """
    both = (observed, predicted)
    if units == "1" and all(((each > 0) & (each < 1)).all() for each in both):
        return lambda value: np.log(value) - np.log1p(-value)
    if units != "mV" and all((each > 0).all() for each in both):
        return np.log
    return lambda value: value


def on_natural_scale(observed: Array, predicted: Array, units: str) -> tuple[Array, Array]:
    """Return verdicts as they are, other values on their natural scale."""
    if verdicts(observed, predicted):
        return observed, predicted
    to_scale = natural_scale(observed, predicted, units)
    return to_scale(observed), to_scale(predicted)


def predictive_p_values(
    observed: Array, predicted: Array, columns: dict[str, Array], units: str
) -> dict[str, float]:
    """Return the posterior predictive p-value of every statistic that means something.

    Parameters
    ----------
    observed : ndarray, shape (rows,)
        Observed values.
    predicted : ndarray, shape (draws, rows)
        Predicted ones.
    columns : dict of str to ndarray of shape (rows,)
        The design: ``floor`` and ``ceiling`` on the natural scale; ``log_current`` of verdicts.
    units : str
        Of the values.

    Returns
    -------
    dict of str to float
        Probability that a predicted statistic exceeds the observed one, ties halved.
    """
    observed, predicted = on_natural_scale(observed, predicted, units)
    if verdicts(observed, predicted):
        statistics = _verdict_statistics(columns)
    else:
        statistics = _value_statistics(predicted, columns)
    found = {}
    for name, statistic in statistics.items():
        of_data, of_draws = float(statistic(observed[None])[0]), statistic(predicted)
        if np.ptp(of_draws) == 0 and of_draws[0] == of_data:
            continue  # the design leaves the statistic no choice
        found[name] = float(np.mean(of_draws > of_data) + 0.5 * np.mean(of_draws == of_data))
    return found


def _value_statistics(
    predicted: Array, columns: dict[str, Array]
) -> dict[str, Callable[[Array], Array]]:
    spread = predicted.std(axis=0)
    moving = spread > LEAST_SPREAD
    centre = np.median(predicted, axis=0)
    rows = predicted.shape[1]

    def residuals(values: Array) -> Array:
        return np.asarray((values[:, moving] - centre[moving]) / spread[moving])

    statistics: dict[str, Callable[[Array], Array]] = {}
    if moving.any():
        statistics["mean"] = lambda values: residuals(values).mean(axis=1)
    if moving.sum() > 1:
        statistics["spread"] = lambda values: residuals(values).std(axis=1)
        statistics["smallest"] = lambda values: residuals(values).min(axis=1)
        statistics["largest"] = lambda values: residuals(values).max(axis=1)
    if moving.sum() >= _FEWEST_OF_A_SKEWNESS:
        statistics["skewness"] = lambda values: _skewness(residuals(values))
    floor = columns.get("floor", np.full(rows, -np.inf))
    ceiling = columns.get("ceiling", np.full(rows, np.inf))
    limited = is_end(floor) | is_end(ceiling)
    if limited.any():

        def censored(values: Array) -> Array:
            beyond = (values >= ceiling - TOLERANCE) | (values <= floor + TOLERANCE)
            return np.asarray(beyond[:, limited].mean(axis=1))

        statistics["censored"] = censored
    return statistics


def _skewness(values: Array) -> Array:
    """Return the L-skewness of each row of values (tables, rows), which an outlier hardly moves."""
    ordered, count = np.sort(values, axis=1), values.shape[1]
    share = np.arange(count) / (count - 1.0)
    later = share * (np.arange(count) - 1.0) / (count - 2.0)
    first, second, third = (ordered @ weights / count for weights in (share**0, share, later))
    about = 2.0 * second - first
    return np.asarray((6.0 * third - 6.0 * second + first) / np.fmax(about, LEAST_SPREAD))


def _verdict_statistics(columns: dict[str, Array]) -> dict[str, Callable[[Array], Array]]:
    statistics: dict[str, Callable[[Array], Array]] = {"failed": lambda values: values.mean(axis=1)}
    if "log_current" in columns:
        current = columns["log_current"]
        above, below = current.max() + 1.0, current.min() - 1.0  # where none failed or survived
        statistics["lowest_failed"] = lambda values: np.where(values > 0.5, current, above).min(1)
        statistics["highest_survived"] = lambda values: np.where(values > 0.5, below, current).max(
            1
        )
    return statistics
