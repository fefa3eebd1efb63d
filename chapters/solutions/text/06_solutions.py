# %% [markdown]
# # Solutions to chapter 06
#
# Try each exercise first; a solution read too early teaches little.

# %%
from mobilenet_lib.checks import check

# %% [markdown]
# **6.1** 128 channels go in and come out, and the map has 16 by 16 pixels.

# %%
depthwise, pointwise = 3 * 3 * 128 * 16 * 16, 128 * 128 * 16 * 16
check("6.1", depthwise + pointwise, record=False)

# %% [markdown]
# **6.2** The root of 0.5 is 0.707, and a little less is needed, since part of the cost falls only with $\alpha$.

# %%
from mobilenet_lib import mobilenet_v1

half = mobilenet_v1().mult_adds / 2
for alpha in (0.69, 0.7, 0.71):
    print(f"{alpha}: {mobilenet_v1(alpha).mult_adds / half:.3f} times half")
check("6.2", 0.7, record=False)

# %% [markdown]
# **6.3** A doubling adds 1 to the logarithm to the base of 2, so the slope against that logarithm is the answer.

# %%
import numpy as np


def per_doubling(mult_adds, accuracies):
    slope, _ = np.polyfit(np.log2(mult_adds), accuracies, 1)
    return slope


check("6.3", per_doubling, record=False)

# %% [markdown]
# **6.4** `ddof=1` divides by one less than the number. The mean of three seeds is about 1.7 times as certain as one seed, since $\sqrt 3 \approx 1.7$.


# %%
def uncertainty(accuracies):
    return np.std(accuracies, ddof=1) / len(accuracies) ** 0.5


check("6.4", uncertainty, record=False)
