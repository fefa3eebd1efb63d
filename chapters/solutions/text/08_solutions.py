# %% [markdown]
# # Solutions to chapter 08
#
# Try each exercise first; a solution read too early teaches little.

# %%
import numpy as np

from mobilenet_lib.checks import check

# %% [markdown]
# **8.1** One scale for each filter; the reshape lets it stand before the three other axes.


# %%
def fold(weight, gamma, beta, mean, variance, eps):
    scale = gamma / np.sqrt(variance + eps)
    return weight * scale.reshape(-1, 1, 1, 1), beta - mean * scale


check("8.1", fold, record=False)

# %% [markdown]
# **8.2** `keepdims` lets each row be divided by its own step.


# %%
def quantize(weight, bits):
    steps = np.abs(weight).max(axis=1, keepdims=True) / (2 ** (bits - 1) - 1)
    return np.round(weight / steps), steps


check("8.2", quantize, record=False)

# %% [markdown]
# **8.3** Three numbers fewer for each output channel of the 27 convolutional layers.

# %%
from mobilenet_lib import mobilenet_v1

filters = sum(layer.out_channels for layer in mobilenet_v1().layers[:-1])
check("8.3", 3 * filters, record=False)

# %% [markdown]
# **8.4** Of one second 0.2 stay, and 0.8 become 0.2. This is Amdahl's law: what is left alone sets the limit.

# %%
check("8.4", 1 / (0.2 + 0.8 / 4), record=False)
