# %% [markdown]
# # Solutions to chapter 02
#
# Try each exercise first; a solution read too early teaches little.

# %% [markdown]
# **2.1** The loop over pixels becomes one shifted copy of the whole map for each of the nine weights. NumPy multiplies each channel by its own weight, since `K[i, j]` holds one number for each channel.


# %% exercise="2.1"
def my_depthwise(F, K):
    rows, columns = F.shape[0] - 2, F.shape[1] - 2
    return sum(K[i, j] * F[i : i + rows, j : j + columns] for i in range(3) for j in range(3))


# %% [markdown]
# **2.2** The share is $1/N + 1/9$. It is at least 1 only if $1/N \geq 8/9$, that is $N \leq 9/8$. So $N = 1$: with two filters, separating already pays.

# %% exercise="2.2"
answer = 1

# %% [markdown]
# **2.3** $M$ and $D_F^2$ cancel, and what remains is $D_K^2 / (D_K^2 + N) = 9 / 521$.

# %% exercise="2.3"
answer = 100 * 9 / (9 + 512)

# %% [markdown]
# **2.4** Only the depthwise term changes: $(25 + 512) / (9 + 512)$. Nearly three times as many weights look at the neighbourhood, and the layer costs three per cent more.

# %% exercise="2.4"
answer = (25 + 512) / (9 + 512)

# %% [markdown]
# **2.5** One input channel at a time: its $N$ filters, written as columns of nine numbers, must all be multiples of one pattern, so the table has rank 1 (or 0, for a channel that no filter reads). You could divide one filter by another, but that fails if one of them is zero; the rank works in every case. The singular value decomposition gives the pattern and the strengths in one go. Many pairs are right: you may multiply one part by a number and divide the other by it.

# %% exercise="2.5"
import numpy as np


def split(K):
    K_dw, P = np.zeros(K.shape[:3]), np.zeros(K.shape[2:])
    for m in range(K.shape[2]):
        table = K[:, :, m].reshape(9, -1)
        if np.linalg.matrix_rank(table) > 1:
            return "no"
        left, singular, right = np.linalg.svd(table)
        K_dw[:, :, m] = (left[:, 0] * singular[0]).reshape(3, 3)
        P[m] = right[0]
    return K_dw, P


# %% [markdown]
# **2.6** Use the same tables again. The nearest table of rank 1 is the first singular pair (a theorem of Eckart and Young), and since the squared distances of the channels add up, each channel can be treated on its own. The first singular value goes into one of the two parts, once. What is lost is in the other singular values. For 2 random filters one pattern can be a compromise between both; for 20, no pattern fits them all. You can also alternate: fix the patterns and find the best strengths, then fix the strengths and find the best patterns, until nothing changes.


# %% exercise="2.6"
def nearest(K):
    K_dw, P = np.zeros(K.shape[:3]), np.zeros(K.shape[2:])
    for m in range(K.shape[2]):
        left, singular, right = np.linalg.svd(K[:, :, m].reshape(9, -1))
        K_dw[:, :, m] = (left[:, 0] * singular[0]).reshape(3, 3)
        P[m] = right[0]
    return K_dw, P


for N in (2, 20):
    K = np.random.default_rng(0).standard_normal((3, 3, 16, N))
    K_dw, P = nearest(K)
    kept = 1 - ((K - K_dw[..., None] * P) ** 2).sum() / (K**2).sum()
    print(f"{N} filters: {100 * kept:.0f} % of the squares are kept")

# %% [markdown]
# **2.7** Equation 2 gives all the multiplications of the standard form, Equation 5 those of the separable one. When the separable form finishes, both have done the same number.

# %% exercise="2.7"
whole_way, done = 9 * 16 * 64 * 8**2, (9 + 64) * 16 * 8**2
answer = whole_way - done
