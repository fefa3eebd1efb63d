# %% [markdown]
# # Depthwise separable convolution
#
# A standard convolution does two jobs in one step. It *filters*: it looks at the neighbourhood of each pixel. And it *combines*: it mixes all input channels into each output channel. MobileNet does the same two jobs one after the other, and pays the sum of two prices instead of their product.
#
# **Contents:** [Two jobs, two layers](#Two-jobs,-two-layers) · [Equation 3: filter each channel alone](#Equation-3:-filter-each-channel-alone) · [Pointwise: mix the channels of each pixel](#Pointwise:-mix-the-channels-of-each-pixel) · [Equations 4 and 5: the price](#Equations-4-and-5:-the-price) · [How much is saved](#How-much-is-saved) · [What is given up](#What-is-given-up) · [The layer as it is built: Figure 3](#The-layer-as-it-is-built:-Figure-3) · [Why not go on?](#Why-not-go-on?) · [Exercises](#Exercises) · [Summary](#Summary) · [Sources](#Sources)

# %% [markdown]
# **In this chapter you will**
#
# - write the depthwise convolution (Eq. 3) and the pointwise convolution,
# - watch a race between the standard and the separable convolution, multiplication by multiplication,
# - derive the share of the work that is left, $1/N + 1/D_K^2$, and know when nothing is saved,
# - see what is given up in exchange,
# - understand why nobody factorizes further.
#
# ## Two jobs, two layers
#
# Take a small layer with 4 channels in and 5 out. A standard 3 by 3 convolution needs five filters that go through all four channels, $3 \cdot 3 \cdot 4 \cdot 5 = 180$ weights.
#
# **Predict:** now split it. First one 3 by 3 filter for each of the four channels, then five filters of 1 by 1 that mix the four. How many weights is that in all?

# %%
from mobilenet_lib.checks import expect

expect("02-weights")

# %% [markdown] slide=1
# # Depthwise separable convolution
#
# Two jobs, one after the other: the sum of two prices instead of their product.
#
# Notes: A standard convolution filters (it looks at a neighbourhood) and combines (it mixes channels) in one step. MobileNet does one after the other.

# %% [markdown] slide=2
# ## 4 channels in, 5 out: how many weights, split in two?
#
# In one step: $3 \cdot 3 \cdot 4 \cdot 5 = 180$.
#
# Split: one 3 by 3 filter for each of the four channels, then five filters of 1 by 1 that mix the four.
#
# Notes: 36 and 20, together 56: less than a third. Let them work out both products.

# %% [markdown] slide=3
# ## 36 + 20 = 56
#
# [[output]]
#
# Notes: Each block is a filter; its depth is the number of channels that it reads. In the middle, flat filters that look only at their own channel. On the right, thin needles, one pixel wide, through all channels.

# %%
from mobilenet_lib import plots

plots.filter_shapes(kernel_size=3, in_channels=4, out_channels=5)

# %% [markdown]
# 36 + 20 = 56, less than a third of the 180. The figure shows every filter as a block of weights; its depth is the number of channels it reads. On the left, each of the five filters is a full block: three by three pixels, through all four channels. In the middle, each *input* channel has one flat filter of its own, which reads that channel only. On the right, five thin needles, one pixel wide, go through all channels and mix them. The middle layer is called **depthwise**, the right one **pointwise**, and the two together are a **depthwise separable convolution**.

# %% [markdown]
# ## Equation 3: filter each channel alone
#
# $$\hat{\mathbf{G}}_{k,l,m} = \sum_{i,j} \hat{\mathbf{K}}_{i,j,m} \cdot \mathbf{F}_{k+i-1,\;l+j-1,\;m} \qquad (3)$$
#
# Compare this with [Eq. 1](01_standard_convolution.ipynb#Equation-1). (The hats mark what belongs to the depthwise layer.) The index $n$ is gone, and the sum no longer runs over $m$: output channel $m$ comes from input channel $m$ alone. One index less means one loop less.

# %% [markdown] slide=2
# ## Equation 3: filter each channel alone
#
# $$\hat{\mathbf{G}}_{k,l,m} = \sum_{i,j} \hat{\mathbf{K}}_{i,j,m} \cdot \mathbf{F}_{k+i-1,\;l+j-1,\;m}$$
#
# Output channel $m$ comes from input channel $m$ alone.
#
# Notes: Compare with Equation 1. The index n is gone, and the sum no longer runs over m. One index less means one loop less.

# %%
import numpy as np


def filter_channels(F, K):
    rows, columns, M = K.shape
    G = np.zeros((F.shape[0] - rows + 1, F.shape[1] - columns + 1, M))
    for k, l, m in np.ndindex(G.shape):
        for i, j in np.ndindex(rows, columns):
            G[k, l, m] += K[i, j, m] * F[k + i, l + j, m]
    return G


# %% [markdown]
# As in chapter 01, our loops and the library must agree before we go on with the library.

# %%
from mobilenet_lib.convolution import depthwise
from mobilenet_lib.photos import load_photo

rng = np.random.default_rng(0)
F = load_photo("flower", size=16) / 255
K_dw = rng.standard_normal((3, 3, 3))
assert np.allclose(filter_channels(F, K_dw), depthwise(F, K_dw, padding="valid"))
depthwise(F, K_dw, padding="valid").shape

# %% [markdown]
# Three channels in, three channels out. How strictly does the layer keep them apart?
#
# **Predict:** we set the red channel to zero everywhere. Which channels of the output change?
#
# <details><summary>Answer</summary>
#
# Only the first. In a depthwise convolution, no information passes from the red channel to the others.
# </details>

# %%
expect("02-red")

# %% [markdown] slide=2
# ## We set red to zero everywhere. Which output channels change?
#
# A depthwise layer: three channels in, three out.
#
# Notes: Only the first. In a depthwise convolution, no information passes from the red channel to the others.

# %% [markdown] slide=1
# ## Only its own
#
# [[output]]
#
# A network of depthwise layers alone would be three separate networks, one for each colour.
#
# Notes: The array says for each output channel whether it has changed. Something has to combine them.

# %%
without_red = F.copy()
without_red[:, :, 0] = 0
change = np.abs(depthwise(F, K_dw) - depthwise(without_red, K_dw)).max(axis=(0, 1))
change > 0


# %% [markdown]
# A network made of depthwise layers alone would be three separate networks, one for each colour. Something has to combine them.
#
# ## Pointwise: mix the channels of each pixel
#
# A 1 by 1 convolution looks at one pixel, takes its $M$ numbers, and writes $N$ weighted sums of them.


# %% [markdown] slide=2
# ## Pointwise: mix the channels of each pixel
#
# [[code]]
#
# Row times column, summed over $m$: a matrix product, pixel by pixel.
#
# Notes: A 1 by 1 convolution takes the M numbers of a pixel and writes N weighted sums of them. Seen as a matrix, the map is the same memory: nothing is copied, as chapter 01 promised.


# %%
def mix_channels(F, P):
    G = np.zeros((*F.shape[:2], P.shape[1]))
    for k, l, n, m in np.ndindex(*F.shape[:2], P.shape[1], P.shape[0]):
        G[k, l, n] += P[m, n] * F[k, l, m]
    return G


# %% [markdown]
# Look again at the line inside the loop: row times column, summed over $m$. It is a matrix product, pixel by pixel.

# %%
from mobilenet_lib.convolution import pointwise, pointwise_gemm

P = rng.standard_normal((3, 5))
assert np.allclose(mix_channels(F, P), pointwise(F, P))
assert np.allclose(pointwise_gemm(F, P), (F.reshape(-1, 3) @ P).reshape(16, 16, 5))
np.shares_memory(F.reshape(-1, 3), F)

# %% [markdown]
# The last line confirms what [chapter 01](01_standard_convolution.ipynb#One-matrix-product:-im2col-and-GEMM) promised. Seen as a matrix with one row for each pixel, the map is still the same memory: nothing was copied. A pointwise convolution is a GEMM (general matrix multiply) as it stands, and needs no im2col (image to columns).
#
# ### One after the other, on a photo
#
# First each colour gets its own kernel: we search red for vertical edges and green for horizontal ones, and blur blue. Then three needles mix the results.

# %%
from mobilenet_lib.explorers.convolution import PRESETS

photo = load_photo("china", size=160) / 255
names = ("vertical edges", "horizontal edges", "blur")
filters = np.stack([np.array(PRESETS[name]) for name in names], axis=2)
filtered = depthwise(photo, filters)

# %% [markdown]
# Each *column* below is one needle. The first adds both kinds of edges, the second subtracts them from the blurred blue, and the third takes the blue alone.

# %% [markdown] slide=3
# ## One after the other, on a photo
#
# [[output]]
#
# Notes: Upper row: red searched for vertical edges, green for horizontal ones, blue blurred. Lower row: three needles mix them. Above, each picture comes from one colour. Below, the first two combine several colours.

# %%
mixer = np.array([[1, -1, 0], [1, -1, 0], [0, 4, 1]])
mixed = pointwise(filtered, mixer)
steps = {"depthwise": filtered, "pointwise": mixed}
plots.feature_maps({name: maps.transpose(2, 0, 1) for name, maps in steps.items()}, each=3)

# %% [markdown]
# In the upper row each picture comes from one colour. In the lower row the first two pictures combine several colours. Neither layer alone could have drawn them.
#
# ## Equations 4 and 5: the price
#
# The depthwise part has $D_K \cdot D_K$ weights for each of its $M$ channels, and uses each weight once for every output pixel:
#
# $$D_K \cdot D_K \cdot M \cdot D_F \cdot D_F \qquad (4)$$
#
# The pointwise part is [Eq. 2](01_standard_convolution.ipynb#Equation-2:-counting-without-running) with a kernel of side 1. Together:
#
# $$D_K \cdot D_K \cdot M \cdot D_F \cdot D_F + M \cdot N \cdot D_F \cdot D_F \qquad (5)$$
#
# Where Eq. 2 multiplied the size of the kernel by the number of output channels, Eq. 5 adds them: the product $D_K^2 \cdot N$ has become the sum $D_K^2 + N$.
#
# **Predict:** a layer from the middle of MobileNet has $D_K = 3$, $M = N = 512$ and $D_F = 14$. Its standard form takes 462 million mult-adds, a multiplication and an addition each. What will the separable one take? And which part of that is the depthwise one: half, a tenth, less?

# %%
expect("02-price")

# %% [markdown] slide=3
# ## Equations 4 and 5: the price
#
# $$D_K \cdot D_K \cdot M \cdot D_F \cdot D_F \;+\; M \cdot N \cdot D_F \cdot D_F$$
#
# The product $D_K^2 \cdot N$ has become the sum $D_K^2 + N$.
#
# Notes: The first term alone is Equation 4, the depthwise part. The second is Equation 2 with a kernel of side 1. Together they are Equation 5.

# %% [markdown] slide=2
# ## 462 million mult-adds as a standard layer. And separable?
#
# $D_K = 3$, $M = N = 512$, $D_F = 14$: a layer from the middle of MobileNet.
# Which part of it is the depthwise one?
#
# Notes: Take guesses for both: the total, and the share that looks at neighbours.

# %% [markdown] slide=2
# ## About a ninth, and nearly all of it is mixing
#
# [[output]]
#
# Notes: The depthwise part, the only one that looks at neighbours, takes less than two per cent of what the pointwise part takes.

# %%
from mobilenet_lib import cost

print(f"standard  {cost.standard_mult_adds(3, 512, 512, 14):>11,}")
print(f"depthwise {cost.depthwise_mult_adds(3, 512, 14):>11,}")
print(f"pointwise {cost.pointwise_mult_adds(512, 512, 14):>11,}")

# %% [markdown]
# The last two lines together are about a ninth of the first. And the depthwise part, the only one that looks at neighbours, takes less than two per cent of what the pointwise part takes. Nearly all the work is mixing.
#
# ### The race
#
# On the left is a standard convolution, on the right the depthwise separable one. Both read the same three input channels, each with its own colour. Point at a pixel of an output map: every connection that contributes to it lights up, and the tables below show its products.
#
# **Predict:** *Play* gives both the same number of multiplications per second. When the separable form has filled its six maps, how much of its work has the standard one done: half, a quarter, a ninth?

# %%
expect("02-race")

# %% [markdown] slide=5
# ## The race
#
# [[explorer v1&hide=layer,size,stride,groups,depth_multiplier,weights,help,foot]]
#
# Notes: Ask first: when the separable form has filled its six maps, how much of its work has the standard one done? Then Play. A little over a quarter. Point at a pixel of the map in the middle: how many outputs share it? All six: filtered once, mixed six times. Set N to 1: who wins now?

# %%
from mobilenet_lib.explorers import SeparableExplorer

SeparableExplorer()

# %% [markdown]
# - Mark a pixel in the maps between the two steps of the separable form. How many outputs share it?
# - Set $N$ to 1. Who wins now?
# - Keep $N$ at 1 and set $D_K$ to 1. Why does the separable form need twice as many multiplications?
# - Change $D_F$. What happens to the percentage?
# - *Groups* divides the channels of the standard convolution into sets that are convolved separately. Set $M$ and $N$ to 4, and *groups* to 4. What has become of the standard convolution?
#
# <details><summary>Answers</summary>
#
# The standard form has done a little over a quarter, 27.8 %. All six outputs share a pixel of the maps in between: it is filtered once and mixed six times, and that is where the saving comes from. With one output channel there is nothing to save: the separable form does all the work of the standard one, and more. With $D_K = 1$ the standard convolution already is a pointwise one, and the depthwise layer only adds to it. The percentage does not change with $D_F$; the next section shows why. And a standard convolution with as many groups as channels *is* a depthwise one: *groups* is the slider between the two.
# </details>

# %% [markdown]
# ## How much is saved
#
# Divide Eq. 5 by Eq. 2. The factors $M$ and $D_F \cdot D_F$ appear in every term, and cancel:
#
# $$\frac{D_K^2 \cdot M \cdot D_F^2 + M \cdot N \cdot D_F^2}{D_K^2 \cdot M \cdot N \cdot D_F^2} = \frac{1}{N} + \frac{1}{D_K^2}$$
#
# This is the most important line of the paper: the share of the work that is left. Only the number of filters and the size of the kernel decide.

# %% [markdown]
# **Predict:** for 3 by 3 kernels, what is the largest saving, however many filters there are?

# %%
expect("02-limit")

# %% [markdown] slide=2
# ## How much is saved?
#
# $$\frac{D_K^2 \cdot M \cdot D_F^2 + M \cdot N \cdot D_F^2}{D_K^2 \cdot M \cdot N \cdot D_F^2}$$
#
# What cancels?
#
# Notes: M and the squared side of the map appear in every term. Let somebody do it at the board.

# %% [markdown] slide=2
# ## The most important line of the paper
#
# $$\frac{1}{N} + \frac{1}{D_K^2}$$
#
# Only the number of filters and the size of the kernel decide.
#
# Notes: This is the share of the work that is left. For 3 by 3 kernels, what is the largest saving, however many filters there are? Nine times, since 1 over N vanishes.

# %% [markdown] slide=2
# ## Nine times at most, for 3 by 3
#
# [[output]]
#
# Notes: The curve approaches the dotted line at one ninth. The dots are MobileNet's own layers, from 64 to 1024 filters: between not quite 8 and nearly 9 times less work.

# %%
plots.reduction_curve()

# %% [markdown]
# Nine times. As $N$ grows, $1/N$ vanishes and $1/D_K^2 = 1/9$ stays: the curve approaches the dotted line. The dots are MobileNet's own layers, with 64 to 1024 filters.

# %%
for out_channels in (64, 128, 256, 512, 1024):
    saving = 1 / cost.reduction(kernel_size=3, out_channels=out_channels)
    print(f"N = {out_channels:4d}: {saving:.1f} times less")

# %% [markdown]
# The paper says "between 8 to 9 times less computation". That is what you see for layers with 128 filters or more; the first block, with 64, stays just below 8.
#
# ## What is given up
#
# Nothing is free. A standard convolution has $D_K^2 \cdot M \cdot N$ weights to choose, a separable one only $D_K^2 \cdot M + M \cdot N$. So there must be standard convolutions that no separable one can reproduce. Which ones can it reproduce?
#
# Put the two layers together, with nothing in between. Let $\mathbf{P}_{m,n}$ be the pointwise weight from channel $m$ to output $n$. Output $n$ then reads channel $m$ through the depthwise filter of $m$, multiplied by that one number. Written as a standard kernel, the pair is
#
# $$\mathbf{K}_{i,j,m,n} = \hat{\mathbf{K}}_{i,j,m} \cdot \mathbf{P}_{m,n}$$

# %%
from mobilenet_lib.convolution import separable, standard

K_together = K_dw[:, :, :, None] * P[None, None, :, :]
assert np.allclose(separable(F, K_dw, P), standard(F, K_together))
K_together.shape

# %% [markdown]
# So for one input channel, all $N$ filters have the *same pattern*, only stronger or weaker. A standard convolution can look for vertical edges in red for its first output and for horizontal edges in red for its second; a separable one has a single pattern for each channel.
#
# **Predict:** write the nine weights of each filter for red as a row of a table, five rows in all. How many of the rows are really different, in the sense that none is a weighted sum of the others? (This number is called the *rank*.)
#
# <details><summary>Answer</summary>
#
# Separable: 1, since every row is a multiple of the same nine numbers. Standard: 5, the most that five rows allow.
# </details>

# %%
expect("02-rank")

# %% [markdown] slide=2
# ## What is given up?
#
# For one input channel, write the nine weights of each of five filters as rows of a table.
#
# How many rows are really different?
#
# Notes: This number is the rank. Separable: 1, every row is a multiple of the same nine numbers. Standard: 5.

# %% [markdown] slide=2
# ## One pattern per input channel
#
# $$\mathbf{K}_{i,j,m,n} = \hat{\mathbf{K}}_{i,j,m} \cdot \mathbf{P}_{m,n}$$
#
# [[output]]
#
# Notes: A standard convolution can look for vertical edges in red for its first output and for horizontal ones for its second. A separable one has a single pattern for each channel. In the paper's Table 4 that costs one point: 70.6 % instead of 71.7 % on ImageNet.

# %%
K_free = rng.standard_normal((3, 3, 3, 5))
for name, kernel in (("separable", K_together), ("standard", K_free)):
    red = kernel[:, :, 0, :].reshape(9, 5).T
    print(f"{name:10s} rank {np.linalg.matrix_rank(red)}")

# %% [markdown]
# In practice this costs little accuracy. In the paper's Table 4 a network of standard convolutions is right on 71.7 % of ImageNet's images, and the separable one on 70.6 %. It loses one percentage point and does an eighth of the work; [chapter 03](03_the_network.ipynb#Two-other-bodies) puts both networks side by side.
#
# ## The layer as it is built: Figure 3
#
# In the network each convolution is followed by **batch normalization** (BN), which keeps the numbers of every channel in a sensible range, and by **ReLU** (rectified linear unit), which sets negative numbers to zero. A separable layer has both twice. ([Chapter 05](05_training.ipynb#What-batch-normalization-remembers) explains how batch normalization finds the range.)

# %% [markdown] slide=2
# ## The layer as it is built
#
# [[output]]
#
# Notes: Figure 3 of the paper. Batch normalization keeps the numbers in a sensible range, ReLU sets negatives to zero; a separable layer has both twice. So the two halves are more than a factorized kernel: there is a non-linearity between them.

# %%
plots.layer_blocks()


# %% [markdown]
# So the two halves are more than a factorized kernel: the ReLU between them is not linear, and the equation of the last section holds only without it. Let us test whether the two still agree:


# %%
def relu(x):
    return np.maximum(x, 0)


with_relu = pointwise(relu(depthwise(F, K_dw)), P)
np.allclose(with_relu, standard(F, K_together))

# %% [markdown]
# ## Why not go on?
#
# The idea worked well, so why not repeat it? A 3 by 3 depthwise filter could itself be split, into 3 by 1 and then 1 by 3. That takes 6 multiplications instead of 9.
#
# **Predict:** how much of the whole separable layer with $N = 512$ does this save? A third, a tenth, less?

# %%
expect("02-further")

# %% [markdown] slide=2
# ## Why not split again, into 3 by 1 and 1 by 3?
#
# Six multiplications instead of nine. How much of the whole layer does it save?
#
# Notes: Have them guess: a third, a tenth, less? With 512 channels it is a third of almost nothing.

# %% [markdown] slide=1
# ## A third of almost nothing
#
# [[output]]
#
# Notes: This is what the paper means by “additional factorization in spatial dimension does not save much additional computation”. Anyone who wants a cheaper network has to reduce the pointwise part.

# %%
whole = cost.separable_mult_adds(3, 512, 512, 14)
dw = cost.depthwise_mult_adds(3, 512, 14)
saved = dw * (9 - 6) / 9
print(f"{100 * saved / whole:.1f} % of the layer")

# %% [markdown]
# A third of almost nothing is next to nothing. That is what the paper means by "additional factorization in spatial dimension does not save much additional computation". Anyone who wants a cheaper MobileNet has to reduce the pointwise part. The lower rungs of the following ladder do that.

# %% [markdown] slide=2
# ## One layer, made cheaper step by step
#
# [[output]]
#
# Notes: The paper's Table 3. The two lower rungs are for chapter 06: alpha makes the layer narrower, rho makes the image smaller.

# %%
plots.ladder(cost.layer_ladder())

# %% [markdown]
# This is the paper's Table 3: one layer, made cheaper step by step. The two lower rungs are the subject of [chapter 06](06_width_and_resolution.ipynb#Two-multipliers). `alpha` makes the layer narrower: both $M$ and $N$ shrink, so most of the cost falls with its square. `rho` makes the image smaller; 0.714 is 10/14, the step from 224 pixels to 160.
#
# Here is the printed table, with our count beside each number. A `=` means that the count, rounded, is what the paper prints.

# %%
from mobilenet_lib import paper

paper.table(3)

# %% [markdown]
# ## Exercises
#
# The first are quick; *build* and *investigate* take longer, and have more than one good answer. When you are done, or stuck, look at the [solutions](solutions/02_solutions.ipynb).
#
# **2.1** Write `my_depthwise(F, K)` *without* loops over pixels or channels: add up nine shifted copies of the map. No padding, stride 1.

# %%
from mobilenet_lib.checks import check

my_depthwise = ...  # def my_depthwise(F, K): ...
check("2.1", my_depthwise)

# %% [markdown]
# **2.2** For 3 by 3 kernels, what is the largest $N$ for which the separable form does *not* save any multiplications?

# %%
from mobilenet_lib.checks import check

answer = ...
check("2.2", answer)

# %% [markdown]
# **2.3** In a separable layer with $D_K = 3$ and $N = 512$, what percentage of the mult-adds is depthwise? One decimal is enough.

# %%
from mobilenet_lib.checks import check

answer = ...  # in per cent
check("2.3", answer)

# %% [markdown]
# **2.4** Larger kernels see more. By what factor does that layer's cost grow if its kernels become 5 by 5? (For a standard convolution it would be 25/9, or 2.78.)

# %% [markdown] slide=1
# ## In two lines
#
# - Depthwise filters, pointwise combines: a share of $1/N + 1/D_K^2$ of the work is left.
# - What is given up is one pattern per input channel; what remains is nearly all a plain matrix product.
#
# Notes: Exercises 2.1 to 2.4 are in the chapter; 2.4, larger kernels, surprises. Next, thirteen such layers become a network.

# %%
from mobilenet_lib.checks import check

answer = ...  # two decimals
check("2.4", answer)

# %% [markdown]
# Surprised by the last one? This is why later networks, such as those of the MobileNetV3 family, could afford 5 by 5 kernels.
#
# **2.5 · Build.** Can this kernel be separated? Write `split(K)` for a standard kernel of shape (3, 3, M, N). If a depthwise kernel of shape (3, 3, M) and a pointwise one of shape (M, N) together do the same, return the two. If there are none, return `"no"`.

# %%
from mobilenet_lib.checks import check

split = ...  # def split(K): ...
check("2.5", split)

# %% [markdown]
# **2.6 · Investigate.** Most kernels cannot be separated, but one separable kernel comes nearest. Write `nearest(K)`, which returns the depthwise and the pointwise kernel whose product has the smallest squared distance from `K`. How much of a random kernel is kept, for 2 filters, and for 20?

# %%
from mobilenet_lib.checks import check

nearest = ...  # def nearest(K): ...
check("2.6", nearest)

# %% [markdown]
# **2.7** The race once more, for $D_K = 3$, $M = 16$, $N = 64$ and a map of 8 by 8. When the separable convolution has finished, how many multiplications does the standard one still have to do?

# %%
from mobilenet_lib.checks import check

answer = ...
check("2.7", answer)

# %% [markdown]
# ### Closing questions
#
# Answer without scrolling back. Each answer says why it is right or wrong.

# %%
from mobilenet_lib.checks import quiz

quiz("02")

# %% [markdown]
# ### What you expected
#
# What you predicted in this chapter, beside what came out:

# %%
from mobilenet_lib.checks import outcomes

outcomes("02")

# %% [markdown]
# ## Summary
#
# - A standard convolution filters and combines at once. Depthwise filters, pointwise combines.
# - The price falls from $D_K^2 \cdot M \cdot N \cdot D_F^2$ to $(D_K^2 + N) \cdot M \cdot D_F^2$, a share of $1/N + 1/D_K^2$: for 3 by 3 kernels, about an eighth to a ninth.
# - What is given up: one pattern per input channel, a rank of 1.
# - Nearly all remaining work is pointwise, a plain matrix product. Splitting the depthwise part further saves next to nothing.
#
# Next, in [chapter 03](03_the_network.ipynb), thirteen such layers become a network.
#
# ## Sources
#
# - Eq. 3 to 5, Figures 2 and 3, Tables 3 and 4: Howard et al., arXiv 1704.04861, sections 3.1, 3.2 and 4.1.
# - Depthwise separable convolution was introduced by L. Sifre in *Rigid-Motion Scattering for Image Classification*, 2014, and is the core of F. Chollet's *Xception*, arXiv 1610.02357.
# - 5 by 5 depthwise kernels: A. Howard et al., *Searching for MobileNetV3*, arXiv 1905.02244.
# - Photographs: dahlia by vultilion and Summer Palace by danielbuechele, both CC BY 2.0, resized.
