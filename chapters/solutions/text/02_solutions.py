# %% [markdown]
# # Solutions to chapter 02
#
# Try each exercise first; a solution read too early teaches little.

# %% [markdown]
# **2.1** The loop over pixels becomes one shifted copy of the whole map for each of the nine weights. NumPy multiplies each channel with its own weight, since `K[i, j]` holds one number for each channel.


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
# **2.5** One input channel at a time: its $N$ filters, written as columns of nine numbers, must all be multiples of one pattern, so the table has rank 1 (or 0, for a channel that nobody reads). Dividing one filter by another works until one of them is zero; the rank does not mind. The singular value decomposition gives pattern and strengths in one go. Many pairs are right: what one part is multiplied by, the other may be divided by.

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
# **2.6** The same tables again. The nearest table of rank 1 is the first singular pair (a theorem of Eckart and Young), and since the squared distances of the channels add up, each channel can be done alone. The first singular value belongs in one of the two parts, once. What is lost is in the other singular values. For 2 random filters the pattern can follow both halfway; for 20 it keeps little more than the luck of one direction in nine. You can also alternate: fix the patterns and find the best strengths, then the other way round, until nothing changes.


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
# **2.7** Eq. 2 is the whole way of the one, Eq. 5 that of the other, and both have done equally many when the shorter one ends.

# %% exercise="2.7"
whole_way, done = 9 * 16 * 64 * 8**2, (9 + 64) * 16 * 8**2
answer = whole_way - done
