# %% [markdown]
# # Solutions to chapter 09
#
# Try each exercise first; a solution read too early teaches little.

# %% [markdown]
# **9.1** Only the step is new. `rstrip` removes the zeros at the end; a whole number keeps at least two digits.

# %% exercise="9.1"
import math
from fractions import Fraction


def verdict_of(printed, counted):
    whole, _, decimals = printed.partition(".")
    zeros = len(whole) - max(len(whole.rstrip("0")), min(2, len(whole)))
    step = Fraction(10) ** (-len(decimals) if decimals else zeros)
    target = Fraction(printed) / step
    if math.floor(counted / step + Fraction(1, 2)) == target:
        return "rounds"
    return "truncates" if math.floor(counted / step) == target else "differs"


# %% [markdown]
# **9.2** The body stays as it is; the last layer has 768 · 120 mult-adds instead of 768 · 1000. Rounded to millions the two are equal, which is why the 325 in Table 10 for this network is right all the same.

# %% exercise="9.2"
from mobilenet_lib import mobilenet_v1

dogs = mobilenet_v1(0.75, 224, num_classes=120)
answer = dogs.mult_adds

# %% [markdown]
# **9.3** Numbers that were cut off are not misprints, so only those that differ are reported.


# %% exercise="9.3"
def suspects(rows):
    found = []
    for place, (alpha, resolution, printed) in enumerate(rows):
        count = Fraction(mobilenet_v1(alpha, resolution).mult_adds, 10**6)
        if verdict_of(printed + ".", count) == "differs":  # the point: every zero is a digit
            found.append(place)
    return found


# %% [markdown]
# **9.4** BN and ReLU together make five operations for each number. What the counter subtracts is small: a sum of $n$ products needs only $n - 1$ additions, and the counter subtracts that 1 for each pair of channels instead of for each output.


# %% exercise="9.4"
def half_of_flops(arch):
    *body, _ = arch.layers
    numbers = sum(la.out_channels * la.out_size**2 for la in body)
    pairs = sum(la.in_channels * (la.kind == "depthwise" or la.out_channels) for la in body)
    pooled = body[-1].out_channels * body[-1].out_size ** 2
    return (2 * arch.mult_adds - pairs + 5 * numbers + pooled) / 2


print(half_of_flops(mobilenet_v1()) / 1e6, half_of_flops(mobilenet_v1(0.75)) / 1e6)

# %% [markdown]
# **9.5** With $m$ maps of each colour the depthwise part has $7 \cdot 7 \cdot 3m$ weights and the pointwise part $3m \cdot 64$, which makes $339m$. For $m = 8$ that is 2,712, the printed 2.7 thousand; on a map of 112 by 112 it makes 34 million, which is also the printed number. The first layer of GoogLeNet, in 2014, was a depthwise separable convolution; tf-slim's `inception_v2.py` still has it, with that 8. The MobileNet paper says so itself, in its section on prior work: such layers were used in Inception models to reduce the computation in the first few layers.

# %% exercise="9.5"
for maps in (7, 8, 9):
    weights = 7 * 7 * 3 * maps + 3 * maps * 64
    print(f"{maps}: {weights:,} parameters, {weights * 112**2 / 1e6:.1f} million mult-adds")
answer = 8

# %% [markdown]
# **9.6** The paper prints the accuracy of eight of the sixteen. Pairs are sorted by their first number, so `sorted` needs no key.


# %% exercise="9.6"
def marks(models):
    return sorted((m.mult_adds / 1e6, m.paper_top1) for m in models if m.paper_top1 is not None)


# %% [markdown]
# **9.7** It is 9.47, so 9.5. The paper's 9.4 was cut off; dividing the printed 720 by the printed 76 would also have given 9.47.

# %% exercise="9.7"
from mobilenet_lib.paper.other_networks import other_network

times = other_network("AlexNet").mult_adds / mobilenet_v1(0.5, 160).mult_adds
answer = round(times, 1)
