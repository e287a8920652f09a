"""The Fisher information of rows, and what it forecasts of a posterior."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from data.arrays import Array
from inference.engine.free_function import FreeFunction
from inference.engine.scales import natural_values, prior_covariance
from models.blocks import table_of

__all__ = ["CAMPAIGNS", "POINTS", "Forecast", "forecast"]

POINTS = 24
"""Draws of the prior at which the information is computed."""


CAMPAIGNS = 64
"""Campaigns drawn at each."""


_STEP = 1e-3


_KEPT = 0.5


_NODES = np.linspace(-3.5, 3.5, 29)  # of a scatter's logarithm, in standard deviations


_OF_OFFSETS = ("separator_scatter", "lab_scatter")


@dataclass(frozen=True)
class Forecast:
    """What the design of a campaign is expected to teach.

    Parameters
    ----------
    labels : list of str
        The quantities.
    contraction : ndarray, shape (points, quantities)
        At each draw of the prior.
    shares : dict of str to ndarray, each of shape (points, quantities)
        Share of the information on each quantity, by the prior and by table; they sum to one.
    correlation : ndarray, shape (points, quantities, quantities)
        Of the forecast posterior.
    """

    labels: list[str]
    contraction: Array
    shares: dict[str, Array]
    correlation: Array


class _Unknowns:
    """The unknowns of a model on natural scales, as one vector."""

    def __init__(self, free: Sequence[Any]) -> None:
        self._free = list(free)
        self._kinds = [self._kind(rv) for rv in self._free]

    @staticmethod
    def _kind(rv: Any) -> str:
        name = type(rv.owner.op).__name__
        if name.startswith(("LogNormal", "HalfNormal", "Gamma")) or name == "TruncatedRV":
            return "log"  # what is truncated otherwise than a normal is a Gamma
        return "logit" if name.startswith("Beta") else "linear"

    def vector(self, values: Mapping[str, Array]) -> Array:
        """Return values as a vector; a leading axis of draws stays."""
        parts = []
        for rv, kind in zip(self._free, self._kinds, strict=True):
            value = np.asarray(values[rv.name], dtype=float)
            flat = value.reshape(*value.shape[: value.ndim - rv.ndim], -1)
            if kind == "log":
                flat = np.log(flat)
            elif kind == "logit":
                flat = np.log(flat) - np.log1p(-flat)
            parts.append(flat)
        return np.concatenate(parts, axis=-1)

    def scatters(self) -> list[int]:
        """Return the positions of scatters of rows, which are no locations.

        Those of separators and laboratories act through offsets, which are.
        """
        found, start = [], 0
        for rv in self._free:
            if rv.name.endswith("_scatter") and rv.name not in _OF_OFFSETS:
                found.append(start)
            start += int(np.prod(rv.shape.eval()))
        return found

    def values(self, vector: Array, like: Mapping[str, Array]) -> dict[str, Array]:
        """Return a vector as values, shaped like others."""
        found, start = {}, 0
        for rv, kind in zip(self._free, self._kinds, strict=True):
            shape = np.shape(like[rv.name])
            size = int(np.prod(shape))
            part = vector[start : start + size].reshape(shape)
            start += size
            if kind == "log":
                part = np.exp(part)
            elif kind == "logit":
                part = 1.0 / (1.0 + np.exp(-part))
            found[rv.name] = part
        return found


def forecast(
    function: FreeFunction, prior: Mapping[str, Array], seed: int, points: int = POINTS
) -> Forecast:
    """Forecast what the design of a model's campaign will teach.

    Parameters
    ----------
    function : FreeFunction
        With observations.
    prior : mapping of str to ndarray of shape (draws, ...)
        Unknowns drawn from the prior; the first `points` of them are used for the information,
        all for the prior's covariance.
    seed : int
        Of the campaigns.
    points : int
        Draws at which the information is computed.

    Returns
    -------
    Forecast
        Of every quantity that varies.
    """
    unknowns = _Unknowns(function.free)
    scatters = unknowns.scatters()
    every = unknowns.vector(prior)
    covariance = prior_covariance(every)
    precision = np.linalg.inv(covariance)
    centre = every.mean(axis=0)
    step = _STEP * np.sqrt(np.diag(covariance))
    rng = np.random.default_rng(seed)
    collected: list[tuple[Array, dict[str, Array], Array]] = []
    labels: list[str] = []
    for draw in range(min(points, len(every))):
        like = {name: values[draw] for name, values in prior.items()}
        gradient, scores, verdicts, labels = _local(
            function, unknowns, every[draw], like, step, rng
        )
        rows = _RowInformation(scores, verdicts)
        away = (every[draw] - centre)[scatters]
        information, uncertain = rows.marginal(precision, dict(zip(scatters, away, strict=True)))
        total = precision + sum(information.values(), np.zeros_like(precision))
        if not (np.isfinite(total).all() and np.isfinite(gradient).all()):
            continue
        posterior = np.linalg.inv(total)
        after = gradient @ (posterior + uncertain) @ gradient.T
        before = np.einsum("ik,kl,il->i", gradient, covariance, gradient)
        moving = np.diag(after) > 0
        spread = np.where(moving, np.einsum("ik,kl,il->i", gradient, posterior, gradient), 1.0)
        lever = gradient @ posterior
        shares = {
            name: np.einsum("ik,kl,il->i", lever, part, lever) / spread
            for name, part in ({"prior": precision} | information).items()
        }
        with np.errstate(invalid="ignore", divide="ignore"):
            left = np.minimum(np.diag(after) / before, 1.0)
            contraction = np.where(moving, 1.0 - left, np.nan)
            correlation = after / np.sqrt(np.outer(np.diag(after), np.diag(after)))
        collected.append((contraction, shares, correlation))
    if len(collected) < _KEPT * min(points, len(every)):
        from data.errors import ModelError

        raise ModelError(
            f"the Fisher information is finite at only {len(collected)} of {points} draws of the "
            "prior: the model breaks down within it; tighten the priors (see the absurd draws that "
            "`anodebayes check` names)"
        )
    keep = np.isfinite(np.stack([each[0] for each in collected])).all(axis=0)
    return Forecast(
        labels=[label for label, kept in zip(labels, keep, strict=True) if kept],
        contraction=np.stack([each[0][keep] for each in collected]),
        shares={
            name: np.stack([each[1][name][keep] for each in collected]) for name in collected[0][1]
        },
        correlation=np.stack([each[2][np.ix_(keep, keep)] for each in collected]),
    )


def _local(
    function: FreeFunction,
    unknowns: _Unknowns,
    centre: Array,
    like: Mapping[str, Array],
    step: Array,
    rng: np.random.Generator,
) -> tuple[Array, dict[str, Array], set[str], list[str]]:
    """Return gradients of the quantities and the scores of each observed variable at one point.

    The names of those observed variables that are verdicts come with them.
    """
    quantities, parameters = function(like)
    labels = [
        label for name, value in quantities.items() for label in function.labels(name, value.size)
    ]
    drawn = function.model.draw(parameters, rng, CAMPAIGNS)
    gradient = np.empty((len(labels), centre.size))
    scores = {name: np.empty((centre.size, *values.shape)) for name, values in drawn.items()}
    for k in range(centre.size):
        ends = []
        for sign in (1.0, -1.0):
            moved = centre.copy()
            moved[k] += sign * step[k]
            ends.append(function(unknowns.values(moved, like)))
        gradient[:, k] = (_natural(ends[0][0]) - _natural(ends[1][0])) / (2.0 * step[k])
        high, low = (function.model.log_likelihood(drawn, each[1]) for each in ends)
        for name in drawn:
            with np.errstate(all="ignore"):
                scores[name][k] = (high[name] - low[name]) / (2.0 * step[k])
    verdicts = {name for name, values in drawn.items() if np.isin(values, (0.0, 1.0)).all()}
    return gradient, scores, verdicts, labels


class _RowInformation:
    """The information of every row of a campaign at one point.

    Parameters
    ----------
    scores : mapping of str to ndarray of shape (unknowns, campaigns, rows)
        By observed variable.
    verdicts : set of str
        Observed variables that are verdicts.
    """

    def __init__(self, scores: Mapping[str, Array], verdicts: Collection[str]) -> None:
        # Rows are independent, or one is given the other: products across rows have no
        # expectation, and are left out.
        each = {
            name: np.einsum("icr,jcr->rij", finite, finite, optimize=True) / CAMPAIGNS
            for name, score in scores.items()
            for finite in [np.where(np.isfinite(score), score, 0.0)]
        }
        self._tables: dict[str, Array] = {}
        for name, values in each.items():
            table = table_of(name)
            self._tables[table] = self._tables.get(table, 0.0) + values.sum(axis=0)
        self._rows = np.concatenate(list(each.values()))
        self._verdicts = np.repeat(
            [name in verdicts for name in each], [len(values) for values in each.values()]
        )

    def marginal(
        self, precision: Array, scatters: Mapping[int, float]
    ) -> tuple[dict[str, Array], Array]:
        """Return the information of each table, and the covariance that uncertain scatters add.

        Parameters
        ----------
        precision : ndarray, shape (unknowns, unknowns)
            Of the prior.
        scatters : mapping of int to float
            Logarithm of each scatter above the prior's mean, by its position.
        """
        total = precision + self._rows.sum(axis=0)
        added = np.zeros_like(precision)
        if not scatters or not np.isfinite(total).all():
            return self._tables, added
        places = np.setdiff1d(np.arange(len(precision)), list(scatters))
        within = np.ix_(places, places)
        kept = np.ones(len(precision))
        for k, away in scatters.items():
            own = self._rows[:, k, k]
            at = np.flatnonzero((own > 0.0) & ~self._verdicts)
            known, judged = float(own.sum()), float(own[self._verdicts].sum())
            if not at.size:
                continue
            share = np.minimum(np.sqrt(own[at] / 2.0), 1.0)
            rows = self._rows[np.ix_(at, places, places)]
            # What d would be, and the information on locations times, were s this much larger.
            nodes = _NODES / np.sqrt(precision[k, k])
            square = np.exp(2.0 * (nodes - away))[:, None]
            error = 1.0 / share - 1.0
            shares, times = square / (square + error), (1.0 + error) / (square + error)
            information = [
                judged + _left(total[within], rows, one, by)[0]
                for one, by in zip(shares, times, strict=True)
            ]
            variance = _scatter_variance(nodes, np.array(information), away, precision[k, k])
            kept[k] = np.sqrt(max(1.0 / variance - precision[k, k], 0.0) / known)
            added[within] += 4.0 * variance * _left(total[within], rows, share, np.ones(1))[1]
        scale = np.outer(kept, kept)
        return {name: each * scale for name, each in self._tables.items()}, added


def _left(total: Array, rows: Array, share: Array, times: Array) -> tuple[float, Array]:
    """Return the information on a scatter, and what its logarithm moves of the locations."""
    spread = np.linalg.inv(total + np.tensordot(times - np.ones(len(rows)), rows, 1))
    first = spread @ np.tensordot(times * share, rows, 1)
    second = spread @ np.tensordot(times * share**2, rows, 1)
    left = float(np.sum(share**2) - 2.0 * np.trace(second) + np.sum(first * first.T))
    return max(2.0 * left, 0.0), second @ spread - first @ first @ spread


def _scatter_variance(nodes: Array, information: Array, truth: float, precision: float) -> float:
    """Return the expected posterior variance of the logarithm of a scatter."""
    root = np.sqrt(information)
    stable = np.concatenate([[0.0], np.cumsum(0.5 * (root[1:] + root[:-1]) * np.diff(nodes))])
    at = np.interp(truth, nodes, stable)
    variance = 0.0
    for shift, weight in ((-np.sqrt(3.0), 1 / 6), (0.0, 2 / 3), (np.sqrt(3.0), 1 / 6)):
        exponent = -0.5 * precision * nodes**2 - 0.5 * (stable - at - shift) ** 2
        mass = np.exp(exponent - exponent.max())
        mass /= mass.sum()
        mean = float(mass @ nodes)
        variance += weight * float(mass @ (nodes - mean) ** 2)
    return variance


def _natural(values: Mapping[str, Array]) -> Array:
    return np.concatenate([np.ravel(natural_values(name, each)) for name, each in values.items()])
