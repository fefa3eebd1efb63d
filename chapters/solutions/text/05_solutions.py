# %% [markdown]
# # Solutions to chapter 05
#
# Try each exercise first; a solution read too early teaches little.

# %%
from mobilenet_lib.checks import check

# %% [markdown]
# **5.1** Each of the ten gets one tenth.

# %%
import math

check("5.1", math.log(10), record=False)

# %% [markdown]
# **5.2** The velocity first, since the weight moves along the new one.


# %%
def momentum_step(weight, velocity, gradient, rate, momentum, decay):
    velocity = momentum * velocity + gradient + decay * weight
    return weight - rate * velocity, velocity


check("5.2", momentum_step, record=False)

# %% [markdown]
# **5.3** Each batch leaves 99 %. We look for the first $n$ with $0.99^n < 0.01$, and take logarithms on both sides. Both are negative, which turns the sign around: $n > \ln 0.01 / \ln 0.99$.

# %%
check("5.3", math.ceil(math.log(0.01) / math.log(0.99)), record=False)

# %% [markdown]
# **5.4** The even part for all, the rest for the right one. With 26 classes and a share of 0.1 the right one keeps 0.904.

# %%
import numpy as np


def smooth(label, classes, share):
    target = np.full(classes, share / classes)
    target[label] += 1 - share
    return target


check("5.4", smooth, record=False)
