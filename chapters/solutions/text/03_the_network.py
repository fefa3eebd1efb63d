# ---
# jupyter:
#   jupytext:
#     formats: ipynb,text//py:percent
#     notebook_metadata_filter: jupytext,kernelspec,-all
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Solutions to chapter 03

# %%
from mobilenet_lib import cost, mobilenet_v1
from mobilenet_lib.checks import check

arch = mobilenet_v1()

# %% [markdown]
# **3.1** Five layers halve the map, and each rounds up. Together that is $\lceil \text{resolution} / 32 \rceil$, so the last map has 7 pixels from $6 \cdot 32 + 1 = 193$ on.

# %%
check("3.1", 6 * 32 + 1)

# %% [markdown]
# **3.2** Only two layers change. Their output map has $\lceil 7 / 2 \rceil = 4$ pixels a side instead of 7; everything before them stays, and the fully connected layer reads 1024 averages either way.

# %%
before = cost.separable_mult_adds(3, 1024, 1024, 7)
after = cost.separable_mult_adds(3, 1024, 1024, 4)
check("3.2", (arch.mult_adds - before + after) / 1e6)

# %% [markdown]
# **3.3** Try all of them; counting costs nothing.

# %%
alphas = [step / 20 for step in range(1, 21)]
small = [alpha for alpha in alphas if mobilenet_v1(alpha).parameters < 1_000_000]
check("3.3", max(small))

# %% [markdown]
# **3.4** `dw_7` sees 91 pixels, and each layer of the equal blocks adds 32: the stride there is 16, and a 3 by 3 kernel reaches two steps further.

# %%
for name in ("dw_7", "dw_8"):
    print(name, arch.receptive_field_at(name).size)
check("3.4", "dw_8")
