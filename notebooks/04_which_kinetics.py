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
# # 4 Which law of kinetics?
#
# How fast does metal plate at a given overpotential $\eta$? Three laws compete:
#
# * **Butler–Volmer**: the current grows exponentially with the overpotential, without an end.
# * **Marcus–Hush**: the barrier is a parabola, set by the *reorganization energy* of the solvent
#   around the ion. The current bends away from the exponential, and would fall again at large
#   overpotentials.
# * **Marcus–Hush–Chidsey**: as before, but electrons come from all levels of the metal, not from
#   one. The current bends and then levels off.
#
# The choice matters. Metal enters fine pores at overpotentials of a hundred millivolts and more,
# and there the laws differ most. Which one is right cannot be settled by which curve "fits best":
# a law with more freedom comes closer to the points it was fitted to. The question to ask is
# **which law predicts points that it has not seen**.
#
# ## The data
#
# If a folder `shared/real` with measured Tafel curves of lithium lies beside the project, they are
# taken. Otherwise we take the **synthetic** Tafel curve that comes with the project, which a
# simulator drew with Marcus–Hush–Chidsey kinetics.

# %%
from pathlib import Path

from data import load_campaign

places = (Path("../shared/real"), Path("../../shared/real"))
found = [place / "lithium-ecdec" for place in places if (place / "lithium-ecdec").is_dir()]
source = str(found[0].resolve()) if found else "sodium-synthetic"
campaign = load_campaign(source).subset(["kinetics"])
campaign

# %% [markdown]
# ## Three jobs
#
# A job file says which campaign is fitted, and how. Here the three differ in the law only.

# %%
import tempfile

laws = ("marcus_hush_chidsey", "marcus_hush", "butler_volmer")
folder = Path(tempfile.mkdtemp())
jobs = []
for law in laws:
    job = folder / f"{law}.toml"
    job.write_text(
        f"""\
schema_version = 1
name = "{law.replace("_", "-")}"
campaign = '{source}'

[model]
kinetics = "{law}"
blocks = ["kinetics"]
"""
    )
    jobs.append(job)
print(jobs[0].read_text())

# %% [markdown]
# ## Fit each, then leave out point after point
#
# `compare` fits every job. Then it leaves out each point of the curve in turn and asks how
# probable the left out point was under what the other points had taught. (It does so without
# fitting again for every point, by weighting the draws; where the weights are not to be trusted,
# it does fit again.) The sum of the logarithms of these probabilities is the *expected log
# predictive density*, elpd. Larger is better. Only differences count, and only against their own
# uncertainty, `se`.

# %%
import pandas as pd

from inference import compare

pd.set_option("display.float_format", "{:.3g}".format)
comparison = compare(jobs)
comparison.scores.loc["all points"]

# %%
print(*comparison.findings, sep="\n\n")

# %% [markdown]
# `difference` is the lead of the best law over this one, with its standard error `difference_se`.
# A lead of several standard errors is a verdict; a lead below 4 or so is none, whatever its error:
# the laws then predict much the same. `weight` is the share that each law would have in the
# mixture that predicts best.
#
# ## Look at it
#
# The law of the best job with its band, and the points. The other laws are drawn *with the same
# parameters*, which shows where they part: not near zero, where all of them are alike.

# %%
from inference.figures import tafel_laws

best = comparison.results[comparison.best]
tafel_laws(best)

# %% [markdown]
# And the points against what each law, with its *own* best parameters, expects of new points.

# %%
from IPython.display import display

from inference.figures import predictive_check

for name in comparison.scores.loc["all points"].index:
    print(name)
    display(predictive_check(comparison.results[name], "kinetics"))

# %% [markdown]
# ## The parameters depend on the law
#
# A parameter has a meaning only together with its law. Compare the exchange current density of the
# three fits:

# %%
tables = {name: fitted.summary() for name, fitted in comparison.results.items()}
names = ["exchange_current_density", "reorganization_energy", "kinetics_scatter"]
columns = ["unit", "median", "lower", "upper", "narrowing"]
pd.concat({name: table.reindex(names)[columns].dropna() for name, table in tables.items()})

# %% [markdown]
# A law that does not describe the curve pays with a larger `kinetics_scatter`: what it cannot
# follow, it has to call noise. Butler–Volmer kinetics have no reorganization energy: what stands
# in that row is the prior, as its `narrowing` of 1 says.
#
# So never carry an exchange current density or a reorganization energy from one law to another.
# The same word stands for different numbers.
#
# ## Something to try
#
# 1. Print `comparison.units.sort_values("pareto_k")`: which points did the weighting find hardest,
#    and where on the curve do they lie?
# 2. Keep only the points below 60 mV: copy the campaign's folder, delete rows of `kinetics.csv`,
#    compare again. Can the laws still be told apart? Where would you measure, to tell them apart
#    with the fewest points?
# 3. If you have the measured curves, take another electrolyte: `lithium-dec` or
#    `lithium-ecdec-fec`.
#
# Next: [safe-current maps and design questions](05_maps_and_questions.ipynb).
