# %% [markdown]
# # Solutions to chapter 05
#
# Try each exercise first; a solution read too early teaches little.

# %% [markdown]
# **5.1** Each of the ten classes gets a probability of one tenth.

# %% exercise="5.1"
import math

answer = math.log(10)

# %% [markdown]
# **5.2** Update the velocity first, since the weight moves along the new one.


# %% exercise="5.2"
def momentum_step(weight, velocity, gradient, rate, momentum, decay):
    velocity = momentum * velocity + gradient + decay * weight
    return weight - rate * velocity, velocity


# %% [markdown]
# **5.3** Each batch leaves 99 %. We look for the smallest $n$ with $0.99^n < 0.01$, and take logarithms on both sides. Both logarithms are negative, so dividing reverses the inequality: $n > \ln 0.01 / \ln 0.99$.

# %% exercise="5.3"
answer = math.ceil(math.log(0.01) / math.log(0.99))

# %% [markdown]
# **5.4** Every class gets an equal part of the share, and the right one gets the rest as well. With 26 classes and a share of 0.1, the right one keeps 0.904.

# %% exercise="5.4"
import numpy as np


def smooth(label, classes, share):
    target = np.full(classes, share / classes)
    target[label] += 1 - share
    return target


# %% [markdown]
# **5.5** Test one ingredient at a time. With a gradient of 1 and nothing else, a rate of 0.5 should move the weight from 1 to 0.5, and each of three mistakes moves it elsewhere. (The rate is 0.5, since a rate of 1 equals its own square.) Then test an old velocity alone, and then decay alone. Debugging real training works the same way: set everything to zero except the suspect.


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
# **5.6** You have to save everything that changes in a step: the weight, the velocity, the number of the step, on which the rate depends, and the state of the random number generator. Save copies, since the loop goes on changing its own arrays. `vars` and `copy.deepcopy` take everything, including what somebody may add next year.

# %% exercise="5.6"
import copy


def save(loop):
    return copy.deepcopy(vars(loop))


def restore(loop, saved):
    vars(loop).update(copy.deepcopy(saved))


answer = (save, restore)

# %% [markdown]
# **5.7** An epoch of the full network costs far more, so the same budget pays for only about twelve epochs. That is why comparing at equal budgets is not the same as comparing after an equal number of epochs.

# %% exercise="5.7"
from mobilenet_lib import mobilenet_v1

separable, full = mobilenet_v1().mult_adds, mobilenet_v1(body="full").mult_adds
answer = 100 * separable / full

# %% [markdown]
# **5.8** The mean of several means is the overall mean only if all parts have the same size. Otherwise, each part must be weighted by its number of pictures. Libraries avoid the question by cutting batches into equal parts, but it comes back with the last batch of an epoch.


# %% exercise="5.8"
def together(gradients, counts):
    return np.average(gradients, axis=0, weights=counts)
