# %% [markdown]
# # Solutions to chapter 04
#
# Try each exercise first; a solution read too early teaches little.

# %%
from mobilenet_lib.checks import check

# %% [markdown]
# **4.1** Two maps of 256 channels and the weights of one matrix; each number has four bytes.

# %%
operations = 2 * 256 * 256 * 28**2
moved = 4 * (256 * 28**2 + 256 * 256 + 256 * 28**2)
check("4.1", operations / moved, record=False)

# %% [markdown]
# **4.2** At the ridge both limits give the same time.

# %%
check("4.2", 240e9 / 30e9, record=False)

# %% [markdown]
# **4.3** The processor computes while it fetches, so the longer of the two times counts, not their sum.


# %%
def roofline(operations, moved, peak, bandwidth):
    return 1000 * max(operations / peak, moved / bandwidth)


check("4.3", roofline, record=False)

# %% [markdown]
# **4.4** A share of $1 - s$ is left, at twelve times the price: $12 (1 - s) = 1$. Eleven twelfths must be zero.

# %%
check("4.4", 11 / 12, record=False)
