# %% [markdown]
# # Solutions to chapter 03
#
# Try each exercise first; a solution read too early teaches little.

# %%
from mobilenet_lib import mobilenet_v1

arch = mobilenet_v1()

# %% [markdown]
# **3.1** Five layers halve the map, and each rounds up. Together that is $\lceil \text{resolution} / 32 \rceil$, so the last map has 7 pixels from $6 \cdot 32 + 1 = 193$ on.

# %% exercise="3.1"
answer = 6 * 32 + 1

# %% [markdown]
# **3.2** `groups=M` makes the first convolution depthwise. No bias is needed, since the BN after each convolution adds one of its own.

# %% exercise="3.2"
from torch import nn


def block(M, N, stride):
    return nn.Sequential(
        nn.Conv2d(M, M, 3, stride, padding=1, groups=M, bias=False),
        nn.BatchNorm2d(M),
        nn.ReLU(),
        nn.Conv2d(M, N, 1, bias=False),
        nn.BatchNorm2d(N),
        nn.ReLU(),
    )


# %% [markdown]
# **3.3** Try all of them: counting takes no time.

# %% exercise="3.3"
alphas = [step / 20 for step in range(1, 21)]
small = [alpha for alpha in alphas if mobilenet_v1(alpha).parameters < 1_000_000]
answer = max(small)

# %% [markdown]
# **3.4** `dw_7` sees 91 pixels, and each depthwise layer of the equal blocks adds 32: the strides before it multiply to 16, and a 3 by 3 kernel is two steps wider than a single pixel.

# %% exercise="3.4"
for name in ("dw_7", "dw_8"):
    print(name, arch.receptive_field_at(name).size)
answer = "dw_8"

# %% [markdown]
# **3.5** Three rules hold: $N$ of a row is $M$ of the next; $D_F$ divided by the stride, rounded up, is $D_F$ of the next; and in a depthwise row $M = N$. Where a rule is broken, both rows are suspects. So examine each of them: is there one number in this row that you can change so that everything around it fits? Only the row with the misprint can be repaired on its own. A proofreader works in the same way.

# %%
from itertools import pairwise


def fits(rows):
    inside = all(M == N for kind, _, M, N, _ in rows if kind == "dw")
    pairs = list(pairwise(rows))
    return inside and all(a[3] == b[2] and -(-a[4] // a[1]) == b[4] for a, b in pairs)


def repairs(rows, i):
    kind, stride, M, N, size = rows[i]
    before, after = rows[max(i - 1, 0) : i], rows[i + 1 : i + 2]
    yield kind, 3 - stride, M, N, size
    yield from ((kind, stride, m, N, size) for m in (N, *(row[3] for row in before)))
    yield from ((kind, stride, M, n, size) for n in (M, *(row[2] for row in after)))
    yield from ((kind, stride, M, N, -(-row[4] // row[1])) for row in before)


# %% [markdown]
# **3.5**, the search itself: a row is wrong if the table around it does not fit, and one of these repairs makes it fit. Two rows on either side are enough to see that.


# %% exercise="3.5"
def misprints(rows):
    wrong = []
    for i in range(len(rows)):
        low, high = max(i - 2, 0), i + 3
        if not fits(rows[max(i - 1, 0) : i + 2]):
            mended = ([*rows[low:i], fix, *rows[i + 1 : high]] for fix in repairs(rows, i))
            if any(map(fits, mended)):
                wrong.append(i)
    return wrong


# %% [markdown]
# **3.6** Each weight of a convolution is used once for every place of the output. That holds for any number of groups, since the shape of the weights already depends on them. A fully connected layer uses each weight once. A hook sees the actual size of the output, for any stride and padding, and it counts a layer twice if the layer is used twice.


# %% exercise="3.6"
def count(net, x):
    total = 0

    def add(layer, inputs, out):
        nonlocal total
        if isinstance(layer, nn.Conv2d):
            total += layer.weight.numel() * out.shape[2] * out.shape[3]
        elif isinstance(layer, nn.Linear):
            total += layer.weight.numel()

    hooks = [layer.register_forward_hook(add) for layer in net.modules()]
    net(x)
    for hook in hooks:
        hook.remove()
    return total


# %% [markdown]
# **3.7** One number for each output channel of the 27 convolutions. They would have no effect: BN subtracts the mean right after them, and adds a number of its own.

# %% exercise="3.7"
answer = sum(layer.out_channels for layer in arch.layers[:-1])
