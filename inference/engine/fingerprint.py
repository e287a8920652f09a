"""A model as a few numbers: whether two fits, or their replicates, are of one model.

Hashes of data, priors and options do not notice a changed likelihood. Log-densities at fixed points
do, and unlike a hash they agree between machines that round differently.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from inference.thresholds import FINGERPRINT_TOLERANCE
from models.joint import JointModel

__all__ = ["fingerprint", "fingerprint_differences"]

_POINTS: Final = 3
_SEED: Final = 1
_DIGITS: Final = 10
_FLOOR: Final = 1e-9  # of a log-density, below which two are the same: certain verdicts


def fingerprint(model: JointModel) -> dict[str, Any]:
    """Return log-densities of a model at a few points, drawn from its prior with a fixed seed.

    Nothing is compiled to machine code: it takes two or three seconds.

    Parameters
    ----------
    model : JointModel
        From `models.joint.joint_model`.

    Returns
    -------
    dict
        Log-densities at each point: ``prior``, of all free variables; ``observed`` and ``drawn``,
        by observed variable, of the campaign's data and of data drawn at the point.
    """
    import pymc as pm

    prior = [pm.logp(rv, rv) for rv in model.pymc.free_RVs]
    behind = [each for found in model.observations.values() for each in found.parameters]
    values = iter(pm.draw([*prior, *behind], draws=_POINTS, random_seed=_SEED, mode="FAST_COMPILE"))
    of_prior = [np.asarray(next(values)).reshape(_POINTS, -1).sum(axis=1) for _ in prior]
    rng = np.random.default_rng(_SEED)
    observed: dict[str, list[float]] = {}
    drawn: dict[str, list[float]] = {}
    all_data = model.observed
    again: list[dict[str, Any]] = [{} for _ in range(_POINTS)]
    for name, found in model.observations.items():
        data, known = all_data[name], found.given_by(all_data)
        every = [np.asarray(next(values)) for _ in found.parameters]
        observed[name], drawn[name] = [], []
        for point in range(_POINTS):
            here = [np.broadcast_to(each[point], data.shape) for each in every]
            with np.errstate(all="ignore"):  # the branches that a row does not take
                given = found.given_by(again[point])
                again[point][name] = found.draw(*given, *here, rng=rng, size=data.shape)
                observed[name].append(_rounded(np.sum(found.logp(data, *known, *here))))
                drawn[name].append(_rounded(np.sum(found.logp(again[point][name], *given, *here))))
    return {
        "prior": [_rounded(each) for each in np.sum(of_prior, axis=0)],
        "observed": observed,
        "drawn": drawn,
    }


def _rounded(value: Any) -> float:
    return float(f"{float(value):.{_DIGITS}g}")


def fingerprint_differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Say which densities of two fingerprints differ by more than rounding.

    Parameters
    ----------
    then, now : mapping
        From `fingerprint`.

    Returns
    -------
    list of str
        Such as "the likelihood of creep"; empty where the models are the same.
    """
    found = [] if _same(then.get("prior"), now.get("prior")) else ["the prior"]
    for part, words in (("observed", "the likelihood of"), ("drawn", "the drawing of")):
        old, new = then.get(part, {}), now.get(part, {})
        found += [
            f"{words} {name}"
            for name in sorted(old.keys() | new.keys())
            if not _same(old.get(name), new.get(name))
        ]
    return found


def _same(then: Any, now: Any) -> bool:
    if then is None or now is None or len(then) != len(now):
        return False
    return bool(np.allclose(now, then, rtol=FINGERPRINT_TOLERANCE, atol=_FLOOR, equal_nan=True))
