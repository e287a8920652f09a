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
# # 5 Safe-current maps and design questions
#
# A fit is a means to an end. This notebook puts questions to it that a designer of cells has: what
# does my separator bear, how fine must its pores be, what does a tolerance of the maker cost, and
# which mechanism is it that limits? All answers come from the published sodium data of the first
# notebook.

# %%
from inference import fit

result = fit("sodium-literature", folder="runs/sodium-literature")

# %% [markdown]
# ## A map is a labelled array
#
# A design names the kind of cell and its conditions. A condition may be one quantity with its
# unit, a list, or a range; ranges become the axes of the map.

# %%
from inference import safe_current_map

chart = safe_current_map(
    result,
    {
        "cell": "liquid",
        "pore_radius": {"from": "8 nm", "to": "100 nm", "points": 40, "scale": "log"},
        "thickness": {"from": "20 um", "to": "1 mm", "points": 40, "scale": "log"},
        "porosity": 0.39,
    },
)
chart

# %% [markdown]
# Click on the symbols at the right: every variable says what it is and in which unit. Quantities
# are taken out by name, not by position:

# %%
safe = chart["safe_current_density"].sel(pore_radius=30, thickness=25, method="nearest")
print(f"{float(safe):.2g} {safe.attrs['units']}")

# %% [markdown]
# ## Two mechanisms, one limit
#
# A liquid cell that charges has two ways to fail. Metal penetrates the pores, which their radius
# decides; or the salt at the electrode is used up, which the thickness decides. The cell fails by
# the one that comes first, so the map is the lower of the two limits, in each draw by itself. Over
# the thickness, with pores of 10 nm:

# %%
from inference.figures import liquid_map

fine = {"cell": "liquid", "pore_radius": "10 nm", "porosity": 0.39}
over = {"from": "20 um", "to": "1 mm", "points": 40, "scale": "log"}
thick = safe_current_map(result, {**fine, "thickness": over})
liquid_map(thick, "thickness")

# %%
shares = thick["probability_limiting"].sel(thickness=[25, 100, 400], method="nearest")
shares.to_series().unstack("mechanism").round(2)

# %% [markdown]
# Between the two regimes there is no sharp border: which mechanism limits is a probability, too.
# The measured separators are thin. Beyond their thickness the map is hatched, because there the
# equations are extrapolated.
#
# ## The separators of the campaign
#
# Separators of the campaign are laid beside each other, each as it was fitted: with what the data
# leave open of *its* pores, and with the offset of its own cells. Its coordinate `new_cell` says
# so. A separator of stated properties would be a new one, which nobody has tested.

# %%
import pandas as pd

pd.set_option("display.float_format", "{:.3g}".format)
beside = safe_current_map(result, {"cell": "liquid", "separators": "campaign"})
properties = ["pore_radius", "pore_radius_sd", "porosity", "thickness"]
beside["safe_current_density"].to_dataframe()[[*properties, "safe_current_density"]]

# %% [markdown]
# All radii are in nm, thicknesses in µm, currents in mA/cm².
#
# ## Questions with one answer
#
# **What does my separator bear?** The answer says at which risk, how sure it is, what limits, and
# whether it is an extrapolation.

# %%
from inference import safe_current

mine = {"cell": "liquid", "pore_radius": "30 nm", "porosity": 0.39, "thickness": "25 um"}
safe_current(result, mine, risk=0.05)

# %% [markdown]
# Two things stand in this answer that should not be mixed up. The *risk* is the probability that
# one new cell fails below this current, with everything included that we do not know: how cells
# differ, and the parameters of the physics. The *interval* is about knowledge alone. If we knew
# the parameters, one current would be safe for 95 of 100 new cells; the interval is where this
# current may lie. More data make it narrower. That cells differ stays.
#
# **How much does caution cost?** The same at other risks:

# %%
answers = {risk: safe_current(result, mine, risk=risk) for risk in (0.01, 0.05, 0.1, 0.25)}
pd.DataFrame(
    {
        "safe current [mA/cm^2]": {risk: each.value for risk, each in answers.items()},
        "lower": {risk: each.interval[0] for risk, each in answers.items()},
        "upper": {risk: each.interval[1] for risk, each in answers.items()},
    }
).rename_axis("risk")

# %% [markdown]
# **What does a tolerance cost?** The maker states pores of 30 nm, and one batch differs from the
# next by 20 %. The tolerance is integrated over:

# %%
tolerant = safe_current(result, {**mine, "pore_radius_sd": "20 %"})
exact = safe_current(result, mine)
print(f"exact {exact.value:.2f}, with the tolerance {tolerant.value:.2f} {exact.unit}")

# %% [markdown]
# **And a larger cell?** The data are of small laboratory cells. A cell of a hundred times the area
# has a hundred places for a weak spot. With `area_ratio` each patch of the size of a laboratory
# cell is taken to fail by itself, and the weakest decides:

# %%
large = safe_current(result, {**mine, "area_ratio": 100})
print(large.sentence())

# %% [markdown]
# **How fine must the pores be for 2 mA/cm²?**

# %%
from inference import required_pore_radius

required_pore_radius(result, "2 mA/cm^2", risk=0.05, design={"thickness": "25 um"})

# %% [markdown]
# **And for 50 mA/cm²?** Not every question has an answer. Then it says why:

# %%
required_pore_radius(result, "50 mA/cm^2", risk=0.05, design={"thickness": "25 um"})

# %% [markdown]
# Read the notes under the answers. With the published data the scatter between cells is largely
# the prior's: publications hardly say how cells of one make differ. So the safe current is as good
# as our assumption of how much cells differ, until somebody tests several cells of one separator
# and says how many failed.
#
# The same questions can be asked on the command line, `anodebayes ask safe-current --help`.
#
# ## Something to try
#
# 1. Two routes to a better separator: halve the radius of the pores, or raise the porosity from
#    0.39 to 0.60. Which brings more? Draw the map over both.
# 2. At what thickness does your separator begin to be limited by the salt? Look for the place
#    where `probability_limiting` is one half.
# 3. Set `"concentration"` to 0.5 mol/L. Which mechanism reacts, and why is the point marked as
#    extrapolated?
#
# Next: [planning with pressure and temperature](06_pressure_and_temperature.ipynb).
