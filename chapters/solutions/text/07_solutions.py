# %% [markdown]
# # Solutions to chapter 07
#
# Try each exercise first; a solution read too early teaches little.

# %% [markdown]
# **7.1** The network has learned that -1 is black and 1 is white, so 0 is the middle: a grey of 127.5. Black becomes grey, and the darker half of the values that it has learned never occurs.

# %% exercise="7.1"
answer = (0 - -1) / 2 * 255

# %% [markdown]
# **7.2** Multiply each channel by its weight and add up: that is a sum over one index.

# %% exercise="7.2"
import numpy as np


def class_map(features, weight):
    return np.einsum("c,cij->ij", weight, features)


# %% [markdown]
# **7.3** Of 1000 pictures, 200 show a person, and 162 of these ring the bell. Of the other 800, about 92 ring it.

# %% exercise="7.3"
right, wrong = 0.2 * 0.811, 0.8 * (1 - 0.885)
answer = 100 * right / (right + wrong)

# %% [markdown]
# **7.4** Subtracting the largest logit from all of them changes nothing, since it divides every power by the same number. But now the largest power is $e^0 = 1$, and none is too large for a computer.


# %% exercise="7.4"
def soften(logits, T):
    powers = np.exp((logits - logits.max()) / T)
    return powers / powers.sum()


# %% [markdown]
# **7.5** Try all six and see which of them reproduces the remembered mean and variance. The scale shows in the variance, where it is squared; the offset shows in the means; and so does the order of the colours, since in most photos red and blue differ. Batch normalization keeps a record of the data that a network was trained on.

# %% exercise="7.5"
from mobilenet_lib.convolution import standard

SCALES = {"0 to 255": (1, 0), "0 to 1": (1 / 255, 0), "-1 to 1": (2 / 255, -1)}


def gap(pixels, kernel, mean, variance):
    seen = np.concatenate([standard(x, kernel, 2).reshape(-1, len(mean)) for x in pixels])
    off = np.abs(seen.mean(0) - mean) / np.sqrt(variance)
    return off.sum() + np.abs(np.log(seen.var(0) / variance)).sum()


def convention(kernel, mean, variance, photos):
    gaps = {}
    for scale, (factor, offset) in SCALES.items():
        for order, step in (("RGB", 1), ("BGR", -1)):
            pixels = [photo[..., ::step] * factor + offset for photo in photos]
            gaps[scale, order] = gap(pixels, kernel, mean, variance)
    return min(gaps, key=gaps.get)


# %% [markdown]
# **7.6** Since `x` is never negative, a channel with no weight and no bias above 0 never gets above 0, and ReLU makes it 0. A channel without weights but with a bias above 0 is a constant; what it adds can move into `b2`. A channel whose row of `W2` is 0 is not read. A channel that only *seems* dead, since it was 0 for every photo that you tried, may be needed for the next one: the signs of the weights are a proof, photos are not. A channel is a column of `W1`, a number of `b1` and a row of `W2`, and all three are removed.


# %% exercise="7.6"
def prune(W1, b1, W2, b2):
    dead = (W1 <= 0).all(axis=0) & (b1 <= 0)
    constant = (W1 == 0).all(axis=0) & (b1 > 0)
    unread = (W2 == 0).all(axis=1)
    keep = ~(dead | constant | unread)
    return W1[:, keep], b1[keep], W2[keep], b2 + b1[constant] @ W2[constant]


# %% [markdown]
# **7.7** Use softmax: $e$ to the power of each score, divided by the sum of both. Only the difference of the two scores matters, 1.6.

# %% exercise="7.7"
person, nobody = np.exp(1.2), np.exp(-0.4)
answer = 100 * person / (person + nobody)
