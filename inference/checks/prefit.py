r"""What a job will identify, before any sampling: the Fisher information at draws of the prior.

At each draw of the unknowns from the prior, campaigns are drawn under the job's own design, and the
information :math:`I_t = \sum_\mathrm{rows} \mathrm{E}\,[s s^T]` of each table is the mean of the
products of its scores s, which are central differences of the log-likelihood in each unknown.
With the precision :math:`\Lambda_0` of the prior, all on natural scales, the posterior covariance
is forecast as :math:`(\Lambda_0 + \sum_t I_t)^{-1}` and carried to every quantity through its
gradient. What is told is the median over the draws.

A scatter s is what rows leave when everything else is fitted to them. With the hat matrix H of all
locations and latents (their priors included), in units in which rows have variance one, the
information on :math:`\ln s` is therefore not that of known locations, :math:`2\sum_r d_r^2` with
:math:`d_r = s^2/\sigma_r^2`, but

.. math::

   J(s) = 2\,\mathrm{tr}\,[D(I-H)]^2
   = 2\sum_r d_r^2 - 4\,\mathrm{tr}\,F^{-1}G_2 + 2\,\mathrm{tr}\,(F^{-1}G_1)^2,

where F is the information on locations and latents and :math:`G_k` that of the rows alone, each
weighed with :math:`d_r^k`. A few rows leave :math:`\ln s` open over a range in which J varies, from
nothing where s is lost in the errors of the rows to :math:`2n` where it is far above them. The
likelihood is therefore taken to be normal, of unit width, in :math:`\int\sqrt J\,d\ln s` instead
of :math:`\ln s`. What is learnt of locations through a scatter whose logarithm keeps the variance v
is uncertain by :math:`4 v (F^{-1} G_2 F^{-1} - F^{-1} G_1 F^{-1} G_1 F^{-1})` more [1]_. All this
holds for linear models with normal errors, and is used for all values and clocks; what verdicts say
of their scatter is left as it is.

References
----------
.. [1] Kackar, Harville, J. Am. Stat. Assoc. 79 (1984) 853.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from data.arrays import Array
from data.quantities import base_name
from inference.checks.absurdity import absurd_shares, absurdity_findings
from inference.checks.contraction import contraction_findings
from inference.checks.fisher import forecast
from inference.checks.ridges import ridge_findings, ridges_of
from inference.engine.free_function import FreeFunction
from inference.misfit.verdicts import Finding, Section
from inference.words.labels import PRODUCTS, main_parameters
from inference.words.plain import plain
from models.joint import JointModel

__all__ = ["prefit_sections"]


PRIOR_DRAWS = 1000


def prefit_sections(model: JointModel, seed: int) -> tuple[Section, ...]:
    """Judge a model before it is sampled.

    Parameters
    ----------
    model : JointModel
        From `models.joint.joint_model`.
    seed : int
        Of every draw.

    Returns
    -------
    tuple of Section
        ``identifiability`` (forecast) and ``prior``.
    """
    prior_seed, campaign_seed, predictive_seed = (
        int(each) for each in np.random.SeedSequence(seed).generate_state(3)
    )
    function = FreeFunction(model)
    prior = function.draw_prior(PRIOR_DRAWS, prior_seed)
    made = forecast(function, prior, campaign_seed)
    middle = np.median(made.contraction, axis=0)
    low, high = np.quantile(made.contraction, [0.1, 0.9], axis=0)
    contraction = dict(zip(made.labels, map(float, middle), strict=True))
    ranges = {label: (float(low[i]), float(high[i])) for i, label in enumerate(made.labels)}
    shares = {name: np.median(values, axis=0) for name, values in made.shares.items()}
    primary = [i for i, n in enumerate(made.labels) if base_name(n) not in PRODUCTS]
    correlation = np.median(made.correlation, axis=0)[np.ix_(primary, primary)]
    correlated = ridges_of(correlation, [made.labels[i] for i in primary])
    findings = (
        *contraction_findings(contraction, model.informed_by, model.blocks, ranges=ranges),
        *_teachers(made.labels, shares),
        *ridge_findings(correlated, model.blocks, ahead=True),
    )
    rows = [
        plain(
            {
                "parameter": label,
                "contraction": middle[i],
                "contraction_10": low[i],
                "contraction_90": high[i],
                "share": {name: values[i] for name, values in shares.items()},
            }
        )
        for i, label in enumerate(made.labels)
    ]
    identified = Section(
        name="identifiability",
        title="What the data will identify (Fisher information at the prior)",
        findings=findings,
        tables={"forecast": rows, "ridges": correlated},
    )
    return identified, _prior_section(function, prior, predictive_seed)


def _teachers(labels: Sequence[str], shares: Mapping[str, Array]) -> list[Finding]:
    """Say which table teaches what: where a table holds at least a third of the information."""
    main = set(main_parameters(labels))
    found = []
    for name, values in shares.items():
        if name == "prior":
            continue
        taught = sorted(
            (
                (float(value), label)
                for value, label in zip(values, labels, strict=True)
                if label in main and value > 1.0 / 3.0
            ),
            reverse=True,
        )
        told = ", ".join(f"{label} ({value:.0%})" for value, label in taught)
        text = (
            f"{name} will hold at least a third of the information on {told}."
            if taught
            else f"{name} will hold a third of the information on no parameter."
        )
        found.append(
            Finding.of(
                f"taught by {name}",
                "ok" if taught else "warn",
                text,
                share={label: value for value, label in taught},
            )
        )
    return found


def _prior_section(function: FreeFunction, prior: Mapping[str, Array], seed: int) -> Section:
    rng = np.random.default_rng(seed)
    count = len(next(iter(prior.values())))
    values: list[dict[str, Array]] = []
    drawn: list[dict[str, Array]] = []
    for draw in range(count):
        quantities, parameters = function({name: each[draw] for name, each in prior.items()})
        values.append(quantities)
        drawn.append(function.model.draw(parameters, rng))
    dataset = function.dataset(
        {name: np.stack([each[name] for each in values])[None] for name in values[0]}
    )
    predictive = {
        name: (("chain", "draw", f"{name}_row"), np.stack([each[name] for each in drawn])[None])
        for name in function.model.observations
    }
    table = absurd_shares(dataset, xr.Dataset(predictive))
    return Section(
        name="prior",
        title="Whether the prior is sane",
        findings=tuple(absurdity_findings(table)),
        tables={"absurdity": plain(table)},
    )
