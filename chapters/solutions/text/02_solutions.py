# %% [markdown]
# # Solutions to chapter 02
#
# Try each exercise first; a solution read too early teaches little.

# %%
from mobilenet_lib.checks import check


# %% [markdown]
# **2.1** The loop over pixels becomes one shifted copy of the whole map for each of the nine weights. NumPy multiplies each channel with its own weight, since `K[i, j]` holds one number for each channel.


# %%
def my_depthwise(F, K):
    rows, columns = F.shape[0] - 2, F.shape[1] - 2
    return sum(K[i, j] * F[i : i + rows, j : j + columns] for i in range(3) for j in range(3))


check("2.1", my_depthwise, record=False)

# %% [markdown]
# **2.2** The share is $1/N + 1/9$. It is at least 1 only if $1/N \geq 8/9$, that is $N \leq 9/8$. So $N = 1$: with two filters, separating already pays.

# %%
check("2.2", 1, record=False)

# %% [markdown]
# **2.3** $M$ and $D_F^2$ cancel, and what remains is $D_K^2 / (D_K^2 + N) = 9 / 521$.

# %%
check("2.3", 100 * 9 / (9 + 512), record=False)

# %% [markdown]
# **2.4** Only the depthwise term changes: $(25 + 512) / (9 + 512)$. Nearly three times as many weights look at the neighbourhood, and the layer costs three per cent more.

# %%
check("2.4", (25 + 512) / (9 + 512), record=False)
