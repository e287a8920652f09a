"""Every number that a verdict depends on, with its source."""

from statistics import NormalDist
from typing import Final

__all__ = [
    "ABOVE_ITS_PRIOR",
    "ABSURD_FAIL",
    "ABSURD_WARN",
    "AGAIN_BY_CHANCE",
    "ALIKE",
    "ALIKE_WEIGHTS",
    "BATCHES",
    "BATCH_FAIL",
    "BATCH_WARN",
    "BOUND_AT_EDGE",
    "CALIBRATION_DIVERGENT",
    "CALIBRATION_ESS",
    "CALIBRATION_FAILED",
    "CALIBRATION_LEAST",
    "CALIBRATION_LEVELS",
    "CALIBRATION_PRIMARY",
    "CALIBRATION_R_HAT",
    "CALIBRATION_SIGNIFICANCE",
    "CALIBRATION_VACUOUS",
    "CHECK_MCSE",
    "CHECK_TREE_DEPTH",
    "DECIDES",
    "DEFAULT_RISK",
    "DRAWN_ON",
    "EFFECTIVE_ENERGY",
    "FEWEST_DRAWS",
    "FEW_DIVERGENCES",
    "FINGERPRINT_TOLERANCE",
    "GATE_BFMI",
    "GATE_ESS",
    "GATE_R_HAT",
    "IMPROBABLE",
    "INTERVAL",
    "INTERVAL_DEVIATE",
    "LAW_MOVES",
    "LIKE_TESTED",
    "MONTE_CARLO_ERRORS",
    "MOST_FITS_OF_A_REFIT",
    "MOST_REFITS",
    "MOST_ROWS_NAMED",
    "MOST_ROWS_REFITTED",
    "MOVED",
    "NARROWED",
    "OUTSIDE_ITS_PRIOR",
    "PARETO_K",
    "PIT_ROWS",
    "POPULATIONS_MOVE",
    "POWER_SCALING",
    "PREDICTIVE_FAIL",
    "PREDICTIVE_WARN",
    "PREFERRED",
    "PRIOR_DRIVEN_CONTRACTION",
    "PRIOR_DRIVEN_NARROWING",
    "PRIOR_DRIVEN_SHIFT",
    "PRIOR_ITSELF_CONTRACTION",
    "PROTOCOLS_DIFFER",
    "PULL",
    "RIDGE",
    "RISING_TIME",
    "SECOND_KIND",
    "SECOND_SOLUTION",
    "SLOW_DIFFUSION",
    "SPREAD_FAIL",
    "SPREAD_WARN",
    "STEADIEST_TARGET_ACCEPT",
    "STEADY_TARGET_ACCEPT",
    "SWEEP_RATE",
    "TAIL_MOVED",
    "TAKEN_OFF",
    "TENSION_FAIL",
    "TENSION_INFORMED",
    "TENSION_MEASURABLE",
    "TENSION_WARN",
    "TOLERANCE_REACH",
    "TWO_KINDS",
    "TWO_POPULATIONS",
    "UNSEEN",
    "UNVISITED",
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

STEADIEST_TARGET_ACCEPT: Final = 0.999
"""Acceptance that chains which were drawn on, and then diverge, are sampled again at last. Our
choice: a tenth of what is left to one; many thousand draws may hold a handful of divergences at
0.99 too."""

FEW_DIVERGENCES: Final = 0.005
"""Share of the draws up to which divergences ask for smaller steps and a longer warm-up, and no
more is read from them. Our choice: tables in contradiction, and scatters that go to zero, show
themselves by more, or by chains that disagree."""

DRAWN_ON: Final = 8
"""Times the draws asked for up to which a fit is drawn on, where it needs more for the gate. Our
choice: three doublings; what still mixes too slowly then needs other data or priors, not time."""

FEWEST_DRAWS: Final = 25
"""Of all chains together: the largest fifth, that Pareto smoothing fits, is then five."""

TAIL_MOVED: Final = 4.0
"""Standard errors by which an end of an interval must have moved for more draws to have changed it.
Our choice: among a hundred ends chance alone moves one as far in one fit of 150."""

INTERVAL: Final = 0.90
"""Probability of the equal-tailed intervals in every table."""

TAILS: Final = ((1.0 - INTERVAL) / 2.0, (1.0 + INTERVAL) / 2.0)
"""Probabilities below its ends."""

INTERVAL_DEVIATE: Final = NormalDist().inv_cdf(TAILS[1])
"""Standard deviations from the middle of a normal distribution to the ends of such an interval."""

BATCHES: Final = 40
"""Batches of consecutive draws whose means tell the Monte-Carlo error of a share of draws, to 11 %;
a batch of 100 is longer than draws depend on each other."""

PRIOR_DRIVEN_NARROWING: Final = 1.5
"""Prior-driven: the interval is less than this many times narrower than the prior's. Our choice:
with a normal prior and likelihood the data then carry no more than 1.25 times the prior's
information."""

PRIOR_DRIVEN_SHIFT: Final = 0.5
"""Prior-driven: and the median has moved by less than this many standard deviations of the prior.
What a normal posterior as wide as its prior is moved by where it holds the same information (0.13
nats of Kullback-Leibler divergence) as one that is `PRIOR_DRIVEN_NARROWING` times narrower and has
not moved."""

MONTE_CARLO_ERRORS: Final = 2.0
"""A number is beyond a limit where it is so by more than this many Monte Carlo errors of its own;
within them the milder words are used. Our choice: chance alone then says too much in one of forty
cases at the limit, and hardly ever away from it."""

EFFECTIVE_ENERGY: Final = 2.0
"""A surface energy is called effective where its 90 % interval lies above this many times the
highest value of the metal. Our choice: beyond what the values stated for solid sodium vary by."""

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

TOLERANCE_REACH: Final = 2.0
"""Standard deviations of a tolerance that must lie where a map is legal: 19 of 20 built cells. Our
choice."""

DEFAULT_RISK: Final = 0.05
"""Probability that a new cell fails at the safe current."""

LIKE_TESTED: Final = 1.05
"""Of a current to the only one that was tested, or what goes with its power: within it an answer
is of that test. Our choice: what is lost where a charge is given to two digits."""

AGAIN_BY_CHANCE: Final = 0.1
"""Probability that other cells, as many, have the lowest and the highest failing step of those that
have rows, below which a range is said to be over these. Our choice: tables that hold both a range
and as many cells under the same conditions are few, and hold the same cells as often as not. By
simulation 1.4 % of such tables of other cells are told of."""

TAKEN_OFF: Final = 0.03
"""Probability that tests which instruments end, whatever the cell, end as those seen, below which
their cells are said to have been taken off as they began to fail. Our choice, by simulation: of
tables with planned ends of twelve kinds none of 2000 each is told of, and one in a hundred of those
of which an instrument ended every fifth cell; of tables whose weakest third was taken off at 80 to
97 % of their time six in ten, of staircases eight, and all but a few others in milder words."""

UNSEEN: Final = 0.05
"""Probability that none of the cells of a campaign is of a kind, from which it may well be missing
among them: one in twenty, as for the risk that is asked for by default. Our choice."""

RISING_TIME: Final = 0.3
"""Power of the current with which times must rise to count from the start of a staircase. Times
within the step at which a cell fails go with a power of about a step's height over the current, a
fifth at the sixth step; those from the start with one or more. By simulation none of 2000 right
tables of each of four kinds is told of, nor of times within the step; of those from the start 97 in
a hundred."""

SECOND_KIND: Final = 0.5
"""Posterior probability above which a row is named as a cell of the second kind: likelier than
not."""

LAW_MOVES: Final = 0.2
"""The tail of the cells' scatter decides where another law of it moves a safe current by more than
this share. Our choice: a fifth, as for the rows that decide."""

CALIBRATION_R_HAT: Final = 1.05
"""Largest R-hat of a replicate whose ranks count: ranks need far fewer draws than intervals do.
Our choice."""

CALIBRATION_ESS: Final = 100.0
"""Least bulk effective sample size of a replicate whose ranks count. Our choice: half the draws
that a truth is ranked among."""

CALIBRATION_DIVERGENT: Final = 0.01
"""Share of divergent transitions above which a replicate is sampled again. Our choice: a few shift
ranks by less than one in two hundred."""

CALIBRATION_LEVELS: Final = (0.50, 0.80, 0.90, 0.95)
"""Probabilities of the central intervals whose coverage is counted."""

CALIBRATION_SIGNIFICANCE: Final = 0.01
"""A calibration fails where a departure this unlikely is found in any quantity, Bonferroni's
correction for their number included. Our choice."""

CALIBRATION_PRIMARY: Final = 0.5
"""Share of that significance which the critical currents of new cells have to themselves, so that
many parameters of no consequence do not hide them. Our choice."""

CALIBRATION_LEAST: Final = 100
"""Least replicates for a calibration to pass: of normal intervals 1.5 times too narrow, one among
60 quantities, 100 replicates find nine in ten, 50 three in ten and 30 one in six; simulated with
the rule itself. What departs is found at any number."""

CALIBRATION_VACUOUS: Final = 0.05
"""Mean contraction below which a quantity passes vacuously: a posterior equal to the prior would
pass as well. Our choice: a correlation of 0.22 between truths and posterior medians, which chance
exceeds in one of a hundred quantities at 100 replicates."""

FINGERPRINT_TOLERANCE: Final = 1e-6
"""Relative difference of log-densities above which two models are not the same. Our choice: far
above the rounding of other processors, far below what a change of a likelihood comes to."""

CALIBRATION_FAILED: Final = 0.05
"""Largest share of replicates that may fail to converge: more could hide a miscalibration, since
those that fail are not drawn at random. Our choice."""

CHECK_MCSE: Final = 0.05
"""Largest Monte Carlo error of a mean in posterior standard deviations: what the least effective
sample size of the gate comes to, 1/sqrt(400)."""

CHECK_TREE_DEPTH: Final = 0.01
"""Share of transitions at the largest tree depth above which the sampler is told to be slow. Our
choice: it costs efficiency, not validity; Betancourt 2016, arXiv:1604.00695."""

PREDICTIVE_WARN: Final = 0.05
"""Two-sided posterior predictive p-value, times the statistics of the variable, and p-value of
uniform LOO-PIT values, below which a table is worth a look. Our choice: one in twenty."""

PREDICTIVE_FAIL: Final = 0.02
"""The same, below which the model is said to miss a feature of the table: tail areas below 0.01 or
above 0.99, Gelman et al. 2013, Bayesian Data Analysis, 6.3."""

SPREAD_WARN: Final = 0.005
"""Probability that chance alone cuts cells of one scatter in two that differ as much, times the
scatters of a fit, below which it is worth a look: what fewer than one right campaign in a hundred
comes to. By simulation: rows that are compared with the fit to the others depend on each other, by
which this limit is lower than that share."""

SPREAD_FAIL: Final = 0.0015
"""The same, below which cells are said not to scatter alike, with every answer: of 2000 simulated
right campaigns 8, and 7 before the order of the table was among the cuts."""

BATCH_WARN: Final = 0.004
"""Probability that chance alone puts cells together in batches as much, times the scatters of a
fit, below which it is worth a look. Our choice: little beside the other alarms. By simulation three
of 2520 right campaigns are told of."""

BATCH_FAIL: Final = 0.0015
"""The same, below which rows are said not to be so many cells, with every answer: one of 2432, with
drifts and neighbours at any conditions among the signs."""

PARETO_K: Final = 0.7
"""Pareto shape above which the importance weights of a left-out row are unreliable; Vehtari et al.
2024, JMLR 25(72)."""

PIT_ROWS: Final = 5
"""Least rows whose LOO-PIT values are tested for uniformity. Our choice."""

ABOVE_ITS_PRIOR: Final = 0.975
"""A scatter is a symptom where its posterior median lies above this point of its prior: what one
homogeneous table in forty has, if the prior is right."""

OUTSIDE_ITS_PRIOR: Final = 0.998
"""A parameter is a symptom where its posterior median lies outside the central interval that has
this share of its prior: three standard deviations of a normal one. Our choice: of the some dozen
parameters that a campaign informs one lies there in forty campaigns, if the priors are right."""

TWO_POPULATIONS: Final = 5.0
"""Log predictive density by which two populations must be ahead of one. Our choice: homogeneous
rows put them so far ahead in less than 0.7 % of tables (Markov's inequality; one in some thousands
by simulation), while 12 rows of two kinds do so whose means are ten standard deviations of either
apart, and 25 rows whose means are six, in about three tables of four; 6 rows hardly ever do."""

TWO_KINDS: Final = 0.003
"""Probability that chance alone makes verdicts of one kind of cells look as much like two, below
which they are told. Our choice, as for what is measured. A verdict says little: of ladders whose
poorer quarter bears a third, it finds one in ten of 48 cells, and half of 144."""

POPULATIONS_MOVE: Final = 1.1
"""Least factor by which two populations must move a safe current to be told of: at a risk of a
hundredth to a tenth, against one population of their mean and variance. Our choice: half of what
makes a row decide. A distance of the two is no measure: fifteen in a hundred cells that bear a step
1.34 times less move the answer at a charge by a quarter, since it goes with the square."""

ABSURD_WARN: Final = 0.05
"""Share of prior draws that one rule calls absurd above which the prior is worth a look. Our
choice; prior predictive checks as in Gabry et al. 2019, doi:10.1111/rssa.12378."""

ABSURD_FAIL: Final = 0.25
"""Share of prior draws that one rule calls absurd above which the prior needs mending. Our
choice."""

PRIOR_DRIVEN_CONTRACTION: Final = 1.0 - 1.0 / PRIOR_DRIVEN_NARROWING**2
"""Prior-driven: the share of the prior's variance, on the natural scale, that the data have removed
is less than this. PRIOR_DRIVEN_NARROWING said of variances; contraction as in Schad, Betancourt and
Vasishth 2021, doi:10.1037/met0000275."""

PRIOR_ITSELF_CONTRACTION: Final = 0.25
"""Below this contraction the posterior is called the prior's; from here to
`PRIOR_DRIVEN_CONTRACTION` partly the prior's. Our choice: with a normal prior and likelihood the
data then carry less than a third of the prior's information, and the interval is less than 1.16
times narrower than the prior's."""

POWER_SCALING: Final = 0.05
"""Power-scaling sensitivity above which a component moves a parameter; Kallioinen et al. 2024,
doi:10.1007/s11222-023-10366-5."""

RIDGE: Final = 0.8
"""Correlation, in magnitude, on natural scales above which two parameters lie on a ridge. Our
choice: the narrow direction then holds less than a ninth of the variance of the wide one."""

TENSION_WARN: Final = 2.0
"""Standard deviations between posteriors that should agree above which tables pull apart. Our
choice; parameter shifts as in Gratton and Challinor 2020, arXiv:1911.07754."""

TENSION_FAIL: Final = 3.0
"""Standard deviations above which two tables contradict each other. Our choice."""

TENSION_INFORMED: Final = 0.2
"""Share of the prior's variance that a table alone must remove to be heard on a parameter, or in a
direction of several; and of the variance of what one table finds that another must foretell, for
the two to be compared in it. Our choice."""

TENSION_MEASURABLE: Final = 0.1
"""Least share of a table's own variance that the other tables must remove, for its shift against
the joint posterior to be measured rather than be the noise of the draws. Our choice."""

MOST_REFITS: Final = 20
"""Refits that a comparison makes a model for units whose importance weights cannot be trusted; more
show that the fit hangs on single units, and K-fold cross-validation is due. Our choice."""

MOST_FITS_OF_A_REFIT: Final = 10
"""Fits that may be spent on raising the weight of one unit from 0 to 1. Our choice."""

DECIDES: Final = 1.2
"""A row decides an answer that is more than this many times larger or smaller without it. Our
choice: about the width of what a cautious reader adds to a safe current."""

SECOND_SOLUTION: Final = 7.0
"""Logarithm of how much less probable a second solution may be than the likeliest and is still told
of, and sampled from: one in a thousand. Our choice: what is rarer moves no risk of a percent."""

UNVISITED: Final = 0.05
"""Probability, by its curvature, of a solution without any draw, above which the draws are said not
to weigh the solutions. Our choice: the risk that is asked for by default; below it a curvature that
misjudges a skewed solution would fail fits that are right."""

IMPROBABLE: Final = 0.01
"""A row is nearly impossible where its probability under the rest of the data is below this divided
by the number of rows (Bonferroni): once in a hundred campaigns without a fault. Our choice."""

MOST_ROWS_NAMED: Final = 5
"""Rows that one sentence names; the others are counted, and all are in ``check.json``."""

MOST_ROWS_REFITTED: Final = 10
"""Refits that a check makes for rows whose importance weights cannot be trusted; beyond it the rows
are named as not refitted. Our choice: half of what a comparison of models may make."""

ALIKE: Final = 4.0
"""Models whose expected log predictive densities differ by less predict much the same, and the
standard error of the difference is then not to be relied on; Sivula et al., arXiv:2008.10296."""

ALIKE_WEIGHTS: Final = 0.05
"""Importance weights are trusted whatever their Pareto k where the largest exceeds their mean by no
more than this share. Our choice: they change no risk by more than this share of it."""

PREFERRED: Final = 2.0
"""A model is preferred where it is ahead by more than this many standard errors of the difference
(and by more than `ALIKE`). Our choice: about 2 % one-sided."""

NARROWED: Final = 1.2
"""New data narrow (or widen) a parameter where its interval changes by more than this factor; less
is within what chance and few draws do. Our choice."""

MOVED: Final = 2.0
"""A parameter has moved where its median shifts by more than this many standard deviations of the
run before. Our choice: where the new data include the old and agree with them, the variance of the
shift is the variance that the new data remove, so this is seen in less than one case in twenty."""
