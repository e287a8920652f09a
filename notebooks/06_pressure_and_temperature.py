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
# # 6 Planning with pressure and temperature
#
# In a solid cell, metal lies on a ceramic electrolyte. When the cell discharges, metal is stripped
# from this face, and what is taken must come back from the metal behind: by self-diffusion of
# atoms, and by creep, if a stack pressure squeezes the metal. If it does not come fast enough,
# voids open and contact is lost. So for a solid cell the question is **how fast and how deeply it
# may be stripped, and what pressure and temperature do for it**.
#
# Two planners read this notebook: the one who runs the cell (which pressure, which temperature?)
# and the one who plans experiments (what would we have to measure to say so?).
#
# ## What publications tell
#
# The published sodium data hold tests without pressure, at 25 °C and some at 0 °C.

# %%
from data import load_campaign
from inference import fit

campaign = load_campaign("sodium-literature")
result = fit("sodium-literature", folder="runs/sodium-literature")
columns = ["protocol", "temperature", "pressure", "current_density", "current_density_lower"]
columns += ["current_density_upper", "transition_time", "stop_time", "step_time"]
campaign.tables["dc_polarization"].to_dataframe().set_index("cell")[columns]

# %% [markdown]
# (°C, MPa, mA/cm² and s; NaN stands for what a test does not have.) Two protocols were used. *One
# way*: a constant current until the voltage runs away. *Step*: half-cycles of a fixed length, and
# of a current that rises from one to the next. They disagree about how well the metal is supplied,
# and the maps take the more cautious of the two, the steps. The figure shows both.

# %%
from inference.figures import void_free_capacities

void_free_capacities(result, campaign)

# %% [markdown]
# Capacity falls as one over the current: atoms diffuse over a distance that grows with the square
# root of time, so a current twice as large has to be stripped in a quarter of the time.
#
# ## Heat
#
# Diffusion in the metal is faster when it is warm. The safe current at a risk of 5 %, for 3
# mAh/cm² a half-cycle and no pressure, over the temperature:

# %%
from inference import safe_current_map
from inference.figures import solid_map

half_cycle = {"cell": "solid", "charge": "3 mAh/cm^2"}
warm = safe_current_map(
    result,
    {
        **half_cycle,
        "pressure": "0 MPa",
        "temperature": {"from": "0 degC", "to": "60 degC", "points": 25},
    },
)
solid_map(warm, "temperature")

# %%
safe = warm["safe_current_density"]
gain = float(safe.sel(temperature=60) / safe.sel(temperature=25, method="nearest"))
print(f"from 25 °C to 60 °C the safe current grows {gain:.1f}-fold")

# %% [markdown]
# All of it is hatched: step tests were made at 25 °C only, and with less capacity than this. The
# slope comes from the activation energy of self-diffusion, which is known from tracer experiments
# and enters as a prior. That is knowledge about the metal; nobody has tested these cells there.
#
# ## Pressure

# %%
squeezed = safe_current_map(
    result,
    {**half_cycle, "pressure": {"from": "0 MPa", "to": "9 MPa", "points": 25}},
)
solid_map(squeezed, "pressure")

# %% [markdown]
# Of pressure the data know nothing: how the curves rise is the prior's doing. Ask for the pressure
# that 1.5 mA/cm² needs:

# %%
from inference import required_pressure

required_pressure(result, "1.5 mA/cm^2", "3 mAh/cm^2", risk=0.05)

# %% [markdown]
# No answer, and the reason with it. This is what a model should say when it is asked beyond its
# data. Which cells would change that?
#
# ## Plan the cells
#
# The **synthetic** campaign holds a table of sixteen such cells, drawn by a simulator from stated
# parameters: both protocols, at 0, 3 and 9 MPa, at 25 °C and 60 °C. Nobody measured them; take
# them as the design of an experiment.

# %%
plan = load_campaign("sodium-synthetic").subset(["dc_polarization"])
plan.tables["dc_polarization"].to_dataframe().set_index("cell")[columns]

# %% [markdown]
# Before any cell is built: what would they teach? The forecast takes the design and the priors,
# not the outcomes.

# %%
from inference import prefit_check

forecast = prefit_check(plan)
words = ("pressure", "self_diffus", "supply")
told = [text for text in forecast.sentences() if any(word in text for word in words)]
print(*(text for text in told if "No table" not in text), sep="\n\n")

# %% [markdown]
# It says which parameters such an experiment measures, and also which it will not: that is worth
# knowing before months in the laboratory. (A cell at 0 MPa does not creep, so that of the three
# pressures only two speak of the law of pressure.)
#
# ## Build the cells (on the computer)

# %%
planned = fit(plan, folder="runs/pressure-cells")
planned

# %% [markdown]
# Laid over what publications tell:

# %%
import pandas as pd

from inference import overlay

pd.set_option("display.float_format", "{:.3g}".format)
laid = overlay([result, planned])
names = ["effective_self_diffusivity[step]", "supply_factor[step]", "creep_current_at_9_MPa"]
names += ["creep_pressure_exponent", "self_diffusion_activation_energy"]
laid.parameters.loc[names, ["unit", "median", "lower", "upper", "narrower"]]

# %% [markdown]
# `narrower` says how many times narrower than from publications. (Medians differ because the
# synthetic cells have a truth of their own.) And the same question again:

# %%
required_pressure(planned, "1.5 mA/cm^2", "3 mAh/cm^2", risk=0.05)

# %%
from inference.figures import void_regimes

void_regimes(planned, charge=3.0)

# %% [markdown]
# The pressures are covered now. The hatching that is left has another reason: at 25 °C no step of
# these cells passed 3 mAh/cm², and what a cell bears there is the equation's. What does pressure
# bring, and what does heat?

# %%
compared = safe_current_map(
    planned, {**half_cycle, "pressure": ["0 MPa", "9 MPa"], "temperature": ["25 degC", "60 degC"]}
)
compared["safe_current_density"].to_series().unstack("temperature")

# %% [markdown]
# (Rows: pressure in MPa. Columns: temperature in °C. Safe currents in mA/cm² at 5 % risk, for
# synthetic cells.)
#
# ## Something to try
#
# 1. A plan costs cells. Leave out the tests at 60 °C or those at 3 MPa: copy the campaign's folder
#    (`plan.path`), delete rows of `dc_polarization.csv`, and ask `prefit_check` what is lost.
# 2. Thin metal creeps more slowly between its faces. Ask `required_pressure` with
#    `design={"metal_thickness": "100 um"}` and see what changes, and which extrapolation it
#    reports.
# 3. The cautious protocol costs current. Draw the map of the published data with
#    `"protocol": "one_way"` in the design. By how much do the two differ, and which do your cells
#    follow?
