# %% [markdown]
# # Solutions to chapter 08
#
# Try each exercise first; a solution read too early teaches little.

# %%
import numpy as np


# %% [markdown]
# **8.1** There is one scale for each filter; the reshape lines it up with the first of the four axes.


# %% exercise="8.1"
def fold(weight, gamma, beta, mean, variance, eps):
    scale = gamma / np.sqrt(variance + eps)
    return weight * scale.reshape(-1, 1, 1, 1), beta - mean * scale


# %% [markdown]
# **8.2** `keepdims` lets us divide each row by its own step. For a row of zeros that step would be 0, and 0 / 0 is not a number. Any other step will do there, so we set it to 1.


# %% exercise="8.2"
def quantize(weight, bits):
    steps = np.abs(weight).max(axis=1, keepdims=True) / (2 ** (bits - 1) - 1)
    steps[steps == 0] = 1
    return np.round(weight / steps), steps


# %% [markdown]
# **8.3** Three numbers fewer for each output channel of the 27 convolutional layers.

# %% exercise="8.3"
from mobilenet_lib import mobilenet_v1

filters = sum(layer.out_channels for layer in mobilenet_v1().layers[:-1])
answer = 3 * filters

# %% [markdown]
# **8.4** Of each second, 0.2 s stay as they are, and the other 0.8 s become 0.2 s. This is Amdahl's law: the part that is not made faster sets the limit.

# %% exercise="8.4"
answer = 1 / (0.2 + 0.8 / 4)

# %% [markdown]
# **8.5** Eleven binary digits, the leading 1 included, represent every whole number up to $2^{11}$. Beyond that only every second one can be represented, so 2049 is the first to be skipped.

# %% exercise="8.5"
first = next(n for n in range(1, 70_000) if int(np.float16(n)) != n)
answer = first

# %% [markdown]
# **8.6** These are two different questions. A letter may be misread before and misread in another way after, and a letter that is lost may be offset by another that is gained. So more answers change than the accuracy shows.


# %% exercise="8.6"
def toll(before, after, labels):
    lost = (before == labels).mean() - (after == labels).mean()
    return (before != after).sum(), 100 * lost


# %% [markdown]
# **8.7** Go through the layers and remember the last convolution. Do to its weights what 8.1 did to arrays; from a bias that is already there, subtract the mean, and scale it, too. Work on a deep copy. The proof is a random input and `torch.allclose`: the results are the same up to rounding, not to the last bit, since the order of the arithmetic has changed.

# %% exercise="8.7"
import copy

from torch import nn


def fold_all(net):
    layers = []
    for layer in copy.deepcopy(net):
        if isinstance(layer, nn.BatchNorm2d):
            conv = layers[-1]
            scale = layer.weight.detach() / (layer.running_var + layer.eps).sqrt()
            bias = 0 if conv.bias is None else conv.bias.detach()
            conv.weight.data *= scale.reshape(-1, 1, 1, 1)
            conv.bias = nn.Parameter((bias - layer.running_mean) * scale + layer.bias.detach())
        else:
            layers.append(layer)
    return nn.Sequential(*layers)


# %% [markdown]
# **8.8** NumPy's own format keeps shapes and types; everything else goes into one JSON text, whose bytes are one more array. safetensors does the same with a header of its own. With pickle the code would be shorter, but loading a pickle runs the code in it.

# %% exercise="8.8"
import io
import json


def pack(weights, preprocess, classes):
    about = json.dumps({"preprocess": preprocess, "classes": classes}).encode()
    file = io.BytesIO()
    np.savez(file, **weights, about=np.frombuffer(about, np.uint8))
    return file.getvalue()


def unpack(file):
    arrays = dict(np.load(io.BytesIO(file)))
    about = json.loads(arrays.pop("about").tobytes())
    return arrays, about["preprocess"], about["classes"]


answer = (pack, unpack)

# %% [markdown]
# **8.9** As in 6.5, first apply the limits, then choose the best. Here the slowest reading counts, since somebody is waiting for every single answer. And `"none"` is an answer, too: it is the most useful one before a product is promised.


# %% exercise="8.9"
def ship(candidates, limits):
    fit = [
        each
        for each in candidates
        if max(each["ms"]) <= limits["ms"]
        and each["megabytes"] <= limits["megabytes"]
        and each["points"] >= limits["points"]
    ]
    best = min(fit, key=lambda each: (-each["points"], max(each["ms"])), default={"name": "none"})
    return best["name"]
