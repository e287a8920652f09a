"""Every number that a verdict depends on, with its source."""

from typing import Final

__all__ = [
    "BOUND_AT_EDGE",
    "DEFAULT_RISK",
    "GATE_BFMI",
    "GATE_ESS",
    "GATE_R_HAT",
    "INTERVAL",
    "PRIOR_DRIVEN_NARROWING",
    "PROTOCOLS_DIFFER",
    "PULL",
    "SLOW_DIFFUSION",
    "STEADY_TARGET_ACCEPT",
    "SWEEP_RATE",
]

GATE_R_HAT: Final = 1.01
"""Largest rank-normalised split R-hat; Vehtari et al. 2021, doi:10.1214/20-BA1221."""

GATE_ESS: Final = 400.0
"""Least bulk and tail effective sample size; Vehtari et al. 2021, doi:10.1214/20-BA1221."""

GATE_BFMI: Final = 0.3
"""Least Bayesian fraction of missing information; Betancourt 2016, arXiv:1604.00695."""

STEADY_TARGET_ACCEPT: Final = 0.99
"""Acceptance that a fit with divergent transitions is sampled again at, in smaller steps: what
Stan's and PyMC's advice on divergences comes to. Betancourt 2016, arXiv:1604.00695."""

INTERVAL: Final = 0.90
"""Probability of the equal-tailed intervals in every table."""

PRIOR_DRIVEN_NARROWING: Final = 1.5
"""Prior-driven: the interval is less than this many times narrower than the prior's. Our choice:
with a normal prior and likelihood the data then carry no more than 1.25 times the prior's
information."""

BOUND_AT_EDGE: Final = 0.95
"""A one-sided statement is at the edge where the posterior fulfils it with less probability."""

PULL: Final = 0.5
"""Published rows pull on each other where the posterior median lies this many of a row's own
standard deviations from its value. Our choice."""

PROTOCOLS_DIFFER: Final = 0.95
"""Two protocols are said to differ where one sign of the difference has this probability."""

SLOW_DIFFUSION: Final = 150.0
"""Seconds of diffusion across the stack above which a plateau read from a sweep at 5 mV/s is too
high: at 500 um the peak is threefold; one-dimensional transport calculation."""

SWEEP_RATE: Final = 5.0
"""Scan rate [mV/s] that the limit of slow diffusion belongs to."""

DEFAULT_RISK: Final = 0.05
"""Probability that a new cell fails at the safe current."""
