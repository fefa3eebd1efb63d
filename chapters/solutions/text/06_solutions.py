# %% [markdown]
# # Solutions to chapter 06
#
# Try each exercise first; a solution read too early teaches little.

# %% [markdown]
# **6.1** 128 channels go in and come out, and the map has 16 by 16 pixels.

# %% exercise="6.1"
depthwise, pointwise = 3 * 3 * 128 * 16 * 16, 128 * 128 * 16 * 16
answer = depthwise + pointwise

# %% [markdown]
# **6.2** The square root of 0.5 is 0.707. The answer is a little less, since part of the cost falls only in proportion to $\alpha$.

# %% exercise="6.2"
from mobilenet_lib import mobilenet_v1

half = mobilenet_v1().mult_adds / 2
for alpha in (0.69, 0.7, 0.71):
    print(f"{alpha}: {mobilenet_v1(alpha).mult_adds / half:.3f} times half")
answer = 0.7

# %% [markdown]
# **6.3** A doubling adds 1 to the logarithm to base 2, so the slope against that logarithm is the answer.

# %% exercise="6.3"
import numpy as np


def per_doubling(mult_adds, accuracies):
    slope, _ = np.polyfit(np.log2(mult_adds), accuracies, 1)
    return slope


# %% [markdown]
# **6.4** `ddof=1` divides by one less than the number. The uncertainty of the mean of three seeds is about 1.7 times smaller than that of a single seed, since $\sqrt 3 \approx 1.7$.


# %% exercise="6.4"
def uncertainty(accuracies):
    return np.std(accuracies, ddof=1) / len(accuracies) ** 0.5


# %% [markdown]
# **6.5** First throw out the networks that are too slow, then choose by accuracy. One disturbed reading moves the mean, but not the median. The margin allows for what you did not measure: a warm day, another program, the next version of a library.


# %% exercise="6.5"
def choose(networks, budget, margin):
    within = [each for each in networks if np.median(each[2]) * (1 + margin) <= budget]
    if not within:
        return "none"
    return max(within, key=lambda each: (each[1], -np.median(each[2])))[0]


# %% [markdown]
# **6.6** Go from the cheapest to the most expensive, and keep each network that is more accurate than all before it. Where two cost the same, the more accurate one has to come first.


# %% exercise="6.6"
def on_front(costs, accuracies):
    kept = []
    for i in sorted(range(len(costs)), key=lambda i: (costs[i], -accuracies[i])):
        if not kept or accuracies[i] > accuracies[kept[-1]]:
            kept.append(i)
    return kept


# %% [markdown]
# **6.7** Most pictures are easy for both networks or hard for both, and say nothing about which is better. What counts are the pictures that only one of them reads: if luck alone decided, each of these would fall to either side like a coin. With $b$ on one side and $c$ on the other, the difference has a standard deviation of about $\sqrt{b + c}$, and luck exceeds 1.7 times that about one time in twenty (McNemar's test). If you compare the two accuracies as if each network had read pictures of its own, you throw this information away, and detect far fewer differences.


# %% exercise="6.7"
def better(first, second):
    lost, won = (first & ~second).sum(), (second & ~first).sum()
    return won - lost > 1.7 * np.sqrt(won + lost)
