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
# # 2 Your own campaign, from the files of the instrument
#
# Experiments end as files of a potentiostat: time, voltage, current. Between such a file and a
# number in a table somebody looks at the curve and decides where the event is. Usually nobody
# writes down how sure that was. Here the file itself is read, the event is found by an algorithm
# that states an interval, and the interval is what the fit uses.
#
# This notebook turns instrument files into a campaign, and the campaign into the diffusivity of a
# salt and its transference number (the share of the current that the metal's ions carry).
#
# ## Files to work with
#
# So that the notebook runs anywhere, the files are **synthetic**: a simulator drew them from
# stated parameters, nobody measured them. That has an advantage: at the end we can look whether
# the truth comes out. With your own files you would begin at "A file becomes a row".

# %%
import tempfile
from pathlib import Path

from data import load_campaign
from inference import write_raw_curves

design = load_campaign("sodium-synthetic").subset(["lsv", "sand"])
raw = Path(tempfile.mkdtemp()) / "raw"
curves = write_raw_curves(design, raw, seed=7)
print(*sorted(path.name for path in raw.iterdir()), sep="\n")

# %% [markdown]
# (On the command line: `anodebayes simulate TRUTH --design CAMPAIGN --seed 7 --out DIR --raw`.)
#
# There are two kinds of experiments. In `sand` a constant current is drawn until the salt at the
# electrode runs out and the voltage runs away: Sand's time. In `lsv` the voltage is swept slowly
# (linear sweep voltammetry) until the current reaches a plateau, the limiting current.
#
# ## A file becomes a row
#
# This is how such a file begins:

# %%
file = raw / "sand-S06.csv"
print(*file.read_text().splitlines()[:8], sep="\n")

# %% [markdown]
# What the instrument cannot know about the cell stands in a small text file beside it, or is given
# when the file is imported:

# %%
print((raw / "sand-S06.csv.toml").read_text())

# %% [markdown]
# `read_record` reads a file and recognises its format by its content: Gamry `.DTA`, BioLogic
# `.mpt` and `.mpr`, Arbin files, and plain tables such as this one. Whatever the format, the
# record has the same names and units.

# %%
from data import read_record

read_record(file)

# %% [markdown]
# Now import it. The campaign to import into is a folder with a `campaign.toml` and, here, the
# separators of the sweeps; `anodebayes new mine` makes such a folder for you. A dry run checks
# everything and writes nothing:

# %%
from inference import import_records

folder = raw / "campaign"
(outcome,) = import_records(file, table="sand", campaign=folder, dry_run=True)
outcome.status, outcome.rows

# %% [markdown]
# The row states Sand's time as an interval. Import it, and look at what was decided:

# %%
from IPython.display import Image

(outcome,) = import_records(file, table="sand", campaign=folder)
(picture,) = (path for path in outcome.figures if path.suffix == ".png")
Image(filename=str(picture), width=900)

# %% [markdown]
# The shaded interval is where the algorithm places the event, between the moment at which the
# voltage leaves its slow rise and the one at which it runs away for good. The table `sand.csv` now
# holds the row. The figure and a record of which file, which algorithm and which options made it
# are kept in the folder `provenance`.

# %%
print((folder / "sand.csv").read_text())

# %% [markdown]
# ## Nothing happened? That is a measurement, too
#
# Not every cell shows an event before the experiment is stopped. The next one did not:

# %%
(quiet,) = import_records(raw / "sand-S01.csv", table="sand", campaign=folder)
quiet.rows

# %% [markdown]
# There is no Sand's time in the row, only the time at which the experiment was stopped. Such a row
# is called *censored*. It says that Sand's time is longer, and the fit uses exactly that. Leaving
# such cells out would keep only the early failures, and all estimates would be too pessimistic.
#
# ## All files
#
# Files that are in the campaign already are recognised by their content and refused, so that no
# measurement counts twice. One bad file does not stop the others.

# %%
outcomes = []
for table in ("sand", "lsv"):
    outcomes += import_records(raw / f"{table}-*.csv", table=table, campaign=folder)
for outcome in outcomes:
    print(f"{outcome.file.name}: {outcome.status}", outcome.error or "")

# %% [markdown]
# The finished campaign, with every table and its units:

# %%
mine = load_campaign(folder)
mine

# %% [markdown]
# ## Fit it
#
# A campaign built this way is like any other. (The first fit of a new kind of campaign compiles
# for a minute or so.)

# %%
from inference import fit

result = fit(mine)
result

# %% [markdown]
# ## Does the truth come out?
#
# The simulator wrote down what it drew the curves from. Each parameter should lie in its 90 %
# interval, nine times out of ten.

# %%
import tomllib

import pandas as pd

pd.set_option("display.float_format", "{:.3g}".format)
truth = tomllib.loads((load_campaign("sodium-synthetic").path / "truth.toml").read_text())
table = result.summary()[["unit", "median", "lower", "upper"]]
names = ["ambipolar_diffusivity", "transference_number", "lsv_scatter", "sand_scatter"]
table.loc[names].assign(truth=[truth["parameters"][name] for name in names])

# %%
from inference.figures import sand_times

sand_times(result)

# %% [markdown]
# Points are Sand's times; their intervals are shorter than the points. Arrows are experiments that
# were stopped before anything happened. The dark band is what the data leave open about the median
# cell, the light band holds 90 % of new cells.
#
# ## A measured file
#
# If a folder `shared/raw` with files of instruments lies beside the project, here is one of them.
# It comes from another field of electrochemistry and makes no row, but it reads in the same way.

# %%
places = (Path("../shared/raw"), Path("../../shared/raw"))
measured = next((path for place in places for path in place.glob("gamry/LSV.DTA")), None)
read_record(measured) if measured else "There is no measured file here."

# %% [markdown]
# ## Something to try
#
# 1. Import `lsv-L3.csv` into a fresh campaign with another electrode area,
#    `metadata={"area": "0.6 cm^2"}`, which overrides the sidecar. How does the fit react to an
#    area that is wrong by a fifth?
# 2. Delete the rows without an event from `sand.csv`, fit again, and compare the diffusivity.
# 3. Draw the curves of the penetration tests, too: leave out `.subset(...)` above, and import
#    `penetration-*.csv`. Then ask for a safe current as in the first notebook.
#
# Next: [what the data identify](03_what_data_identify.ipynb).
