# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 3 What the data identify
#
# A fit always returns numbers, for every parameter, whether the data know anything of it or not.
# An important part of a Bayesian analysis is to ask *what the data have taught, and what is only
# the prior again*. Two examples from metal anodes show what to look for.
#
# ## A product that hides its factors
#
# Metal enters a pore when the overpotential exceeds
# $\eta_c = 2\,\gamma\,|\cos\theta|\,V_m/(F\,r)$. The surface energy $\gamma$ and the contact angle
# $\theta$ appear in it only as the product $\gamma\,|\cos\theta|$. A metal with twice the surface
# energy and half the cosine penetrates at the very same current, so no number of penetration tests
# can tell the two apart.
#
# Take the fit of the published sodium data from the first notebook (if it is not there, it is
# computed now, which takes a minute or two):

# %%
from inference import fit
from inference.figures import ridge

literature = fit("sodium-literature", folder="runs/sodium-literature")
ridge(literature)

# %% [markdown]
# Grey crosses are draws from the prior, blue dots from the posterior. The data have squeezed the
# cloud of dots *across* the curves of constant product, and have left it alone *along* them. Such
# a shape is called a **ridge**. Every point along the ridge explains the data equally well; where
# on it we are is decided by the prior alone. The table says the same in numbers:

# %%
import pandas as pd

pd.set_option("display.float_format", "{:.3g}".format)
columns = ["unit", "median", "lower", "upper", "narrowing"]
literature.summary().loc[["surface_energy", "contact_angle", "wetting_product"], columns]

# %% [markdown]
# `narrowing` is how many times narrower the interval has become. The product is known well. The
# surface energy seems to be known almost as well, but only because its prior, together with that
# of the angle, passes the knowledge on. Whoever doubts the prior of the angle has to doubt this
# surface energy. The angle itself has not moved.
#
# A ridge is no failure. The safe current depends on the product only, so it is as well known as
# the product. What one must not do is to publish a point of the ridge as a measured surface
# energy.
#
# ## Two experiments that need each other
#
# The second example can be cured. A limiting current, read from the plateau of a slow sweep
# (linear sweep voltammetry, LSV), is proportional to $D/(1-t_+)$, with the diffusivity $D$ of the
# salt and its transference number $t_+$. Sand's time, at which the salt runs out under a constant
# current, is proportional to $D/(1-t_+)^2$. Each is one equation for two unknowns.
#
# To see this we need data of both kinds with a known truth: **synthetic** data, drawn by a
# simulator from stated parameters. First the sweeps alone.

# %%
from data import load_campaign

campaign = load_campaign("sodium-synthetic")
sweeps = campaign.subset(["lsv"])
sweeps

# %% [markdown]
# What would they teach? One can ask before any fit, and before any experiment. Of the answer we
# print what speaks of the transference number. (*Contraction* is the share of the prior's variance
# that the data remove: 0 where they teach nothing, 1 where the parameter becomes exact.)

# %%
from inference import prefit_check

forecast = prefit_check(sweeps)
print(*(text for text in forecast.sentences() if "transference_number" in text), sep="\n\n")

# %% [markdown]
# And now the fit itself, and the check of what it has found:

# %%
from inference.figures import ridge_pairs

only_lsv = fit(sweeps, folder="runs/lsv")
ridge_pairs(only_lsv)

# %%
from inference import check

verdict = check(only_lsv, conflict=False)
print(*(text for text in verdict.sentences() if "transference_number" in text), sep="\n\n")

# %% [markdown]
# ## Add Sand's times

# %%
both = fit(campaign.subset(["lsv", "sand"]), folder="runs/lsv-and-sand")
ridge_pairs(both)

# %% [markdown]
# The cloud is a short piece of the old ridge: the second equation has cut it. Laid over each
# other, with the parameters that the data were drawn from:

# %%
import tomllib

from inference import overlay

truth = tomllib.loads((campaign.path / "truth.toml").read_text())["parameters"]
laid = overlay([only_lsv, both])
print(*laid.findings, sep="\n\n")
names = ["ambipolar_diffusivity", "transference_number"]
table = laid.parameters.loc[names, ["unit", "median", "lower", "upper", "narrower"]]
table.assign(truth=[truth[name] for name, _ in table.index])

# %% [markdown]
# `narrower` compares with the run before. Note that the combination $D/(1-t_+)$, the one that a
# limiting current measures, was known from the sweeps and hardly improves:

# %%
laid.parameters.loc["diffusivity_over_anion_transference", ["median", "lower", "upper", "narrower"]]

# %% [markdown]
# ## What to take home
#
# * Ask of every parameter how much narrower it is than its prior (`result.summary()`).
# * Look for ridges before you measure more of the same: they tell which *other* experiment is due.
# * `prefit_check` says so before the experiment, `check` after it.
#
# ## Something to try
#
# 1. Fit the Sand's times alone, `campaign.subset(["sand"])`. Is the ridge the same, or has it
#    another slope?
# 2. Ask `prefit_check` what the penetration tests alone would identify,
#    `campaign.subset(["penetration"])`, and what the table `kinetics` adds to it.
# 3. You trust a sessile-drop measurement of the contact angle, 140 ± 3 degrees. Write a job file
#    as in the project's README, for the campaign `sodium-literature`, with a table
#    `[priors.contact_angle]` that holds `distribution = "Normal"`, `mean = "140 degree"`,
#    `sd = "3 degree"` and the `source` of the measurement. Fit it and draw the ridge again.
#
# Next: [which law of kinetics](04_which_kinetics.ipynb).
