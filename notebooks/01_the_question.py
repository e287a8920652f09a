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
# # 1 Which current does a metal anode bear?
#
# Charge a cell with a sodium anode, and metal grows on the anode. A porous separator filled with
# electrolyte keeps this metal from the other electrode. Below a certain current it does. Above it,
# the metal is pressed into the pores, grows through, and shorts the cell. At a still larger
# current the salt runs out at the electrode, whatever the separator. The lowest current density at
# which a cell just fails is its **critical current density**.
#
# "What is the critical current?" has no single number for an answer, for three reasons:
#
# * The physics has parameters (a surface energy, an exchange current density, a diffusivity and
#   others), and the data leave each of them open within an interval.
# * No two cells are equal. A current that one cell bears destroys its twin.
# * What is known comes from experiments of different kinds: penetration tests, limiting currents,
#   stress tests of the metal. None of them alone is enough.
#
# So we ask instead: **which current does a new cell bear, if one failure in twenty is acceptable,
# and how sure is that?** This notebook answers it for sodium in ten minutes, from what
# publications state. It needs no other notebook.
#
# ## Bayes in four sentences
#
# Before looking at the data, each parameter has a *prior*: the range of values that is plausible
# from general knowledge, with its source. A model says how probable the measured data are for
# given parameters. Bayes' rule combines both into the *posterior*: the parameter values that
# explain the data and are plausible, weighted by how well they do. We hold the posterior as a few
# thousand *draws*, each a complete set of parameters; to ask what a cell would do, we compute it
# for each of them and look at the spread.
#
# ## The data
#
# A *campaign* is a set of tables with measurements, units and sources. This one comes with the
# project. Click the folded lines to see which numbers no source states and had to be assumed.

# %%
from data import load_campaign

campaign = load_campaign("sodium-literature")
campaign

# %% [markdown]
# ## The fit
#
# One model explains all tables at once, so that a parameter which two experiments depend on is
# informed by both. The first fit compiles the model, which takes a minute or two; drawing takes
# seconds. The finished fit is kept in the folder `runs`, where a second call finds it.

# %%
from inference import fit

result = fit("sodium-literature", folder="runs/sodium-literature")
result

# %% [markdown]
# **Convergence gate** says whether the draws can be used at all. Several chains start at different
# places and must come to describe the same posterior; if they do not, nothing below means
# anything. Here is what was asked of them:

# %%
print(*(f"{name}: {value}" for name, value in result.gate.criteria.items()), sep="\n")

# %% [markdown]
# ## What the data have taught
#
# Grey is what we knew before (prior), blue what we know now (posterior), both as ranges that hold
# the parameter with a probability of 90 %. Orange marks parameters of which the data hardly speak:
# there the posterior is not much narrower than the prior, and you should not call it a
# measurement.

# %%
from inference.figures import posterior_forest

posterior_forest(result)

# %% [markdown]
# The findings say in words what to take from it, and what not.

# %%
print(*result.findings(), sep="\n\n")

# %% [markdown]
# ## From parameters to a cell
#
# Metal enters a pore of radius $r$ when the overpotential at its mouth exceeds the capillary
# barrier of Young and Laplace,
#
# $$\eta_c = \frac{2\,\gamma\,|\cos\theta|\,V_m}{F\,r},$$
#
# with the surface energy $\gamma$, the contact angle $\theta$ and the molar volume $V_m$ of the
# metal. The kinetics of the electrode turn this overpotential into a current. So narrow pores bear
# more, which is the next figure: a map of the safe current over the radius of the pores, for one
# separator at steady state.

# %%
from inference import safe_current_map
from inference.figures import liquid_map

separator = {"cell": "liquid", "porosity": 0.39, "thickness": "25 um", "concentration": "1 mol/L"}
radii = {"from": "5 nm", "to": "200 nm", "points": 60, "scale": "log"}
chart = safe_current_map(result, {**separator, "pore_radius": radii}, risk=0.05)
liquid_map(chart)

# %% [markdown]
# How to read the left panel:
#
# * The **dark band** is the critical current of the *median* cell. It is as wide as our ignorance
#   of the physics. More data, of any cell, make it narrower.
# * The **light band** is for one *new cell*. It is wider, because cells differ. More data tell
#   better how much they differ, but do not make them equal.
# * The **black line** is the safe current: a new cell fails below it with a probability of 5 %.
# * **Hatched** regions lie outside the range of the data. There only the equations speak.
#
# The right panel shows the probability that a new cell fails, at every current. The text below
# says what is held fixed, what the map covers, and what it does not: it speaks of one laboratory
# cell in one half-cycle, and is no statement about the safety of a product.
#
# ## One answer
#
# Ask for one separator, and the answer comes with its interval, with the mechanism that limits,
# and with what has to be known to take it right.

# %%
from inference import safe_current

safe_current(result, {**separator, "pore_radius": "30 nm"}, risk=0.05)

# %% [markdown]
# ## Something to try
#
# 1. You can live with one failure in four, or with one in fifty at most. Ask again with
#    `risk=0.25` and `risk=0.02`.
# 2. Your cells plate 3 mAh/cm² and stop, so that the salt need not last for ever. Add
#    `"charge": "3 mAh/cm^2"` to the separator. Does another current come out? Which mechanism
#    limits, and why does the charge hardly matter to it?
# 3. Make the separator 500 µm thick and look at the map again: which mechanism limits cells with
#    the finest pores now?
#
# Next: [your own campaign, from the files of the instrument](02_own_campaign.ipynb).
