# %% [markdown]
# # Solutions to chapter 05
#
# Try each exercise first; a solution read too early teaches little.

# %% [markdown]
# **5.1** Each of the ten gets one tenth.

# %% exercise="5.1"
import math

answer = math.log(10)

# %% [markdown]
# **5.2** The velocity first, since the weight moves along the new one.


# %% exercise="5.2"
def momentum_step(weight, velocity, gradient, rate, momentum, decay):
    velocity = momentum * velocity + gradient + decay * weight
    return weight - rate * velocity, velocity


# %% [markdown]
# **5.3** Each batch leaves 99 %. We look for the first $n$ with $0.99^n < 0.01$, and take logarithms on both sides. Both are negative, which turns the sign around: $n > \ln 0.01 / \ln 0.99$.

# %% exercise="5.3"
answer = math.ceil(math.log(0.01) / math.log(0.99))

# %% [markdown]
# **5.4** The even part for all, the rest for the right one. With 26 classes and a share of 0.1 the right one keeps 0.904.

# %% exercise="5.4"
import numpy as np


def smooth(label, classes, share):
    target = np.full(classes, share / classes)
    target[label] += 1 - share
    return target


# %% [markdown]
# **5.5** One ingredient at a time. With a gradient of 1 and nothing else, a rate of 0.5 should move the weight from 1 to 0.5, and each of three mistakes moves it elsewhere. Then an old velocity alone, then decay alone. (0.5, since a rate of 1 is its own square.) Debugging a real training works the same way: make everything zero but the suspect.


# %% exercise="5.5"
def find(step):
    one, zero = np.ones(1), np.zeros(1)
    moved, _ = step(one, zero, one, 0.5, 0, 0)
    if moved[0] != 0.5:
        return {1.5: "uphill", 1.0: "old velocity", 0.75: "squared rate"}[moved[0]]
    if step(zero, one, zero, 0.5, 0.5, 0)[1][0] == 0:
        return "forgets"
    if step(one, zero, zero, 0.5, 0, 0.5)[1][0] == 0:
        return "no decay"
    return "right"


# %% [markdown]
# **5.6** All that changes in a step has to be kept: the weight, the velocity, the number of the step, on which the rate depends, and where the random generator stands. And copies of it, since the loop goes on working on its own arrays. `vars` and `copy.deepcopy` take everything, and cannot forget what somebody adds next year.

# %% exercise="5.6"
import copy


def save(loop):
    return copy.deepcopy(vars(loop))


def restore(loop, saved):
    vars(loop).update(copy.deepcopy(saved))


answer = (save, restore)

# %% [markdown]
# **5.7** An epoch of the full network costs far more, so the same budget pays for about twelve. That is what makes the comparison on a budget another one than the comparison after equally many epochs.

# %% exercise="5.7"
from mobilenet_lib import mobilenet_v1

separable, full = mobilenet_v1().mult_adds, mobilenet_v1(body="full").mult_adds
answer = 100 * separable / full

# %% [markdown]
# **5.8** A mean of means is the mean only if all have equally many. Else each counts by its number of pictures. Libraries avoid the question by cutting batches into equal parts, and the last batch of an epoch is where it comes back.


# %% exercise="5.8"
def together(gradients, counts):
    return np.average(gradients, axis=0, weights=counts)
