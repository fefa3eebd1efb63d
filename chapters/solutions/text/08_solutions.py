# %% [markdown]
# # Solutions to chapter 08
#
# Try each exercise first; a solution read too early teaches little.

# %%
import numpy as np


# %% [markdown]
# **8.1** One scale for each filter; the reshape lets it stand before the three other axes.


# %% exercise="8.1"
def fold(weight, gamma, beta, mean, variance, eps):
    scale = gamma / np.sqrt(variance + eps)
    return weight * scale.reshape(-1, 1, 1, 1), beta - mean * scale


# %% [markdown]
# **8.2** `keepdims` lets each row be divided by its own step. In a row of zeros that step would be 0, and 0 / 0 is no number; any other step will do there, so it gets 1.


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
# **8.4** Of one second 0.2 stay, and 0.8 become 0.2. This is Amdahl's law: what is left alone sets the limit.

# %% exercise="8.4"
answer = 1 / (0.2 + 0.8 / 4)

# %% [markdown]
# **8.5** Eleven digits, the leading 1 included, hold every whole number up to $2^{11}$. From there on only every second one can be held, so 2049 is the first to be skipped.

# %% exercise="8.5"
first = next(n for n in range(1, 70_000) if int(np.float16(n)) != n)
answer = first

# %% [markdown]
# **8.6** The two are different questions. A letter may be read wrongly before and wrongly in another way after, and one that is lost may be made up for by another that is won. So more letters change than the accuracy shows.


# %% exercise="8.6"
def toll(before, after, labels):
    lost = (before == labels).mean() - (after == labels).mean()
    return (before != after).sum(), 100 * lost


# %% [markdown]
# **8.7** Walk along the layers and keep the last convolution at hand. What 8.1 did with arrays happens to its weights; a bias that is already there is shifted by the mean and scaled, too. All happens in a deep copy. The proof is a random input and `torch.allclose`: the same up to rounding, not to the bit, since the order of the arithmetic has changed.

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
# **8.8** NumPy's own format keeps shapes and types; all that is not numbers goes into one JSON text, whose bytes are one more array. safetensors does the same with a header of its own. A pickle would be shorter to write, but loading one runs the code in it.

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
# **8.9** As in 6.5, first what must be, then what is best. Here the slowest reading counts: somebody is waiting for every single answer. And `"none"` is an answer as well, the most useful one before a product is promised.


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
