# %% [markdown]
# # Solutions to chapter 04
#
# Try each exercise first; a solution read too early teaches little.

# %% [markdown]
# **4.1** Two maps of 256 channels and one matrix of weights have to be moved, at four bytes for each number.

# %% exercise="4.1"
operations = 2 * 256 * 256 * 28**2
moved = 4 * (256 * 28**2 + 256 * 256 + 256 * 28**2)
answer = operations / moved

# %% [markdown]
# **4.2** At the ridge both limits give the same time.

# %% exercise="4.2"
answer = 240e9 / 30e9

# %% [markdown]
# **4.3** The processor computes while it fetches, so the longer of the two times counts, not their sum.


# %% exercise="4.3"
def roofline(operations, moved, peak, bandwidth):
    return 1000 * max(operations / peak, moved / bandwidth)


# %% [markdown]
# **4.4** A share of $1 - s$ of the weights is left, at twelve times the cost each: $12 (1 - s) = 1$. Eleven twelfths must be zero.

# %% exercise="4.4"
answer = 11 / 12

# %% [markdown]
# **4.5** Nine products of matrices, one for each place of the kernel: `@` turns the $M$ numbers on the last axis of the shifted map into $N$ numbers, at all places at once. Or you collect all patches first, as views, and then add up once with `np.einsum`. The point is that Python takes the same few steps, whatever the size of the map.


# %% exercise="4.5"
def convolve(F, K):
    rows, columns = F.shape[0] - 2, F.shape[1] - 2
    return sum(F[i : i + rows, j : j + columns] @ K[i, j] for i in range(3) for j in range(3))


# %% [markdown]
# **4.6** First run it once without timing it, since the first run fills the caches. Between two readings of the clock, do so many runs that the clock ticks many times; here the number is doubled until that is so. Disturbances make a reading longer, never shorter, so trust the shortest. (The mean would answer another question: how long it takes on a machine that also has other things to do.)


# %% exercise="4.6"
def seconds_of(run, clock, runs):
    start = clock()
    for _ in range(runs):
        run()
    return (clock() - start) / runs


def best_seconds(run, clock):
    run()
    runs = 1
    while seconds_of(run, clock, runs) * runs < 0.1:
        runs *= 2
    return min(seconds_of(run, clock, runs) for _ in range(20))


# %% [markdown]
# **4.7** No layer can be faster than either of its two limits allows, so it takes at least the longer of the two times. A layer that is slower does not lie: most layers are slower. In practice, such a report means that the time was measured wrongly, or that the bytes came from a cache.


# %% exercise="4.7"
def liars(layers, peak, bandwidth):
    return [
        name
        for name, operations, moved, ms in layers
        if ms < 1000 * max(operations / peak, moved / bandwidth)
    ]


# %% [markdown]
# **4.8** Plotted against the mult-adds, the milliseconds lie near a straight line that does not go through zero. The time that is left at zero mult-adds is the cost of the calls. A weighted least-squares line treats large and small networks alike; a line through the two neighbours works as well. A prediction in proportion to the mult-adds fails, and the smaller the network, the worse.

# %% exercise="4.8"
import numpy as np


def predict(mult_adds, ms, wanted):
    slope, price = np.polyfit(mult_adds, ms, 1, w=1 / ms)
    return slope * wanted + price


# %% [markdown]
# **4.9** There are nine mult-adds for each number that is read and each that is written. That makes about two operations per byte, where a pointwise layer has dozens. The layer waits for its numbers.

# %% exercise="4.9"
operations = 2 * 9 * 512 * 14**2
moved = 4 * (512 * 14**2 + 9 * 512 + 512 * 14**2)
answer = operations / moved
