# %% [markdown]
# # Solutions to chapter 01
#
# Try each exercise first; a solution read too early teaches little.

# %% [markdown]
# **1.1** With SAME padding only the stride decides: $\lceil 75 / 2 \rceil = 38$. With VALID the first window starts at pixel 0 and the last can start at pixel $75 - 5 = 70$; in steps of two, that makes $70 / 2 + 1 = 36$ places.

# %% exercise="1.1"
answer = (38, 36)

# %% [markdown]
# **1.2** Eq. 2, factor by factor.

# %% exercise="1.2"
answer = 3 * 3 * 64 * 128 * 56 * 56

# %% [markdown]
# **1.3** Each output pixel must take the value of its left neighbour, so only the left weight in the middle row differs from zero. (Convolution in mathematics flips the kernel, and what we call convolution does not; if it did, the 1 would be on the right.)

# %% exercise="1.3"
answer = [
    [0, 0, 0],
    [1, 0, 0],
    [0, 0, 0],
]

# %% [markdown]
# **1.4** Stride 2 gives 112 by 112 output pixels, each with a row of its own. A row holds 3 · 3 pixels in 3 channels.

# %% exercise="1.4"
answer = (112 * 112, 3 * 3 * 3)

# %% [markdown]
# **1.5** Three things are wrong. The number of outputs is rounded down, but SAME rounds up. Height and width use the same side. And the zeros are wrong: with stride 2 on an even map, SAME needs only one zero, after the last pixel, and not one on each side. How many zeros are needed follows from the output: the last window starts at $(\text{side} - 1) \cdot \text{stride}$, and the part of it that sticks out is the padding. Half of it goes before the map, and an odd zero after it. To find such mistakes, try small maps with odd and even sides, and compare with something that you trust.

# %% exercise="1.5"
import numpy as np


def repaired(F, K, stride):
    size = K.shape[0]
    sides = [-(-pixels // stride) for pixels in F.shape[:2]]
    zeros = [max((s - 1) * stride + size - p, 0) for s, p in zip(sides, F.shape, strict=False)]
    F = np.pad(F, [*((z // 2, z - z // 2) for z in zeros), (0, 0)])
    G = np.zeros((*sides, K.shape[3]))
    for k, l, n in np.ndindex(G.shape):
        window = F[k * stride : k * stride + size, l * stride : l * stride + size]
        G[k, l, n] = (window * K[..., n]).sum()
    return G


# %% [markdown]
# **1.6** A map of zeros shows the bias alone. Then try a single 1 among zeros: each output pixel near it multiplies it by another weight. The pixel above and to the left multiplies it by the kernel's last weight, so the nine values come out rotated by half a turn. Another way needs no thought about rotation: run random maps through the layer, write down one equation for each output pixel, as im2col does, and let least squares solve for all weights and the bias at once.


# %% exercise="1.6"
def recover(layer, M):
    bias = layer(np.zeros((5, 5, M)))[2, 2]
    kernel = np.zeros((3, 3, M, len(bias)))
    for m in range(M):
        F = np.zeros((5, 5, M))
        F[2, 2, m] = 1
        kernel[:, :, m] = layer(F)[3:0:-1, 3:0:-1] - bias
    return kernel, bias
