# %% [markdown]
# # Solutions to chapter 03
#
# Try each exercise first; a solution read too early teaches little.

# %%
from mobilenet_lib import mobilenet_v1
from mobilenet_lib.checks import check

arch = mobilenet_v1()

# %% [markdown]
# **3.1** Five layers halve the map, and each rounds up. Together that is $\lceil \text{resolution} / 32 \rceil$, so the last map has 7 pixels from $6 \cdot 32 + 1 = 193$ on.

# %%
check("3.1", 6 * 32 + 1, record=False)

# %% [markdown]
# **3.2** `groups=M` makes the first convolution depthwise. No bias is needed, since the BN after each convolution adds one of its own.

# %%
from torch import nn


def block(M, N, stride):
    return nn.Sequential(
        nn.Conv2d(M, M, 3, stride, padding=1, groups=M, bias=False),
        nn.BatchNorm2d(M),
        nn.ReLU(),
        nn.Conv2d(M, N, 1, bias=False),
        nn.BatchNorm2d(N),
        nn.ReLU(),
    )


check("3.2", block, record=False)

# %% [markdown]
# **3.3** Try all of them; counting costs nothing.

# %%
alphas = [step / 20 for step in range(1, 21)]
small = [alpha for alpha in alphas if mobilenet_v1(alpha).parameters < 1_000_000]
check("3.3", max(small), record=False)

# %% [markdown]
# **3.4** `dw_7` sees 91 pixels, and each layer of the equal blocks adds 32: the stride there is 16, and a 3 by 3 kernel reaches two steps further.

# %%
for name in ("dw_7", "dw_8"):
    print(name, arch.receptive_field_at(name).size)
check("3.4", "dw_8", record=False)
