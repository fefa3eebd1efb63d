# %% [markdown]
# # Solutions to chapter 01
#
# Try each exercise first; a solution read too early teaches little.

# %%
from mobilenet_lib.checks import check

# %% [markdown]
# **1.1** With SAME padding only the stride decides: $\lceil 75 / 2 \rceil = 38$. With VALID the first window starts at pixel 0 and the last may start at pixel $75 - 5 = 70$; in steps of two, that makes $70 / 2 + 1 = 36$ places.

# %%
check("1.1", (38, 36), record=False)

# %% [markdown]
# **1.2** Eq. 2, factor by factor.

# %%
check("1.2", 3 * 3 * 64 * 128 * 56 * 56, record=False)

# %% [markdown]
# **1.3** Each output pixel must take the value of its left neighbour, so the only weight that is not zero sits on the left of the middle row. (What we call convolution does not flip the kernel, as mathematics books do; otherwise the 1 would be on the right.)

# %%
to_the_right = [
    [0, 0, 0],
    [1, 0, 0],
    [0, 0, 0],
]
check("1.3", to_the_right, record=False)

# %% [markdown]
# **1.4** Stride 2 leaves 112 by 112 output pixels, each with its own row. A row holds 3 · 3 pixels in 3 channels.

# %%
check("1.4", (112 * 112, 3 * 3 * 3), record=False)
