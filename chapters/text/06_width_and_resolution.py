# %% [markdown]
# # Width and resolution
#
# No network has the right size for everyone. A phone that films has 30 milliseconds for a picture, an archive has all night. MobileNet therefore comes with two sliders. One makes every layer narrower, the other makes every map smaller. In this chapter you learn what each of them saves and what it costs, and how to choose.
#
# **Contents:** [Two multipliers](#Two-multipliers) · [The whole network](#The-whole-network) · [Sixteen networks and what they know](#Sixteen-networks-and-what-they-know) · [Sixteen of our own](#Sixteen-of-our-own) · [Width or resolution?](#Width-or-resolution?) · [Milliseconds](#Milliseconds) · [The ones that nothing beats](#The-ones-that-nothing-beats) · [All of it at once](#All-of-it-at-once) · [Better, or lucky?](#Better,-or-lucky?) · [Exercises](#Exercises) · [Summary](#Summary) · [Sources](#Sources)

# %% [markdown]
# **In this chapter you will**
#
# - work out the paper's Table 3 with one short function,
# - predict what any width and any resolution costs,
# - compare accuracy with cost in the paper's networks, in the authors' published ones, and in sixteen that this book has trained,
# - fit a law with two numbers to them, and see where it breaks,
# - find the best network for a budget of milliseconds on your own machine,
# - say how large a difference may be by luck alone.
#
# ## Two multipliers
#
# The **width multiplier** $\alpha$ thins the network: a layer that had $M$ channels going in and $N$ coming out has $\alpha M$ and $\alpha N$. The **resolution multiplier** $\rho$ shrinks the picture, and with it every map: a side of $D_F$ pixels becomes $\rho D_F$. Put both into the cost of a depthwise separable layer, and you have the paper's Equation 7 (and with $\rho = 1$ its Equation 6):
#
# $$D_K \cdot D_K \cdot \alpha M \cdot \rho D_F \cdot \rho D_F + \alpha M \cdot \alpha N \cdot \rho D_F \cdot \rho D_F$$


# %% [markdown] slide=1
# # Width and resolution
#
# No network has the right size for everyone. MobileNet comes with two sliders.
#
# Notes: A phone that films has 30 milliseconds for a picture, an archive has all night. Milliseconds on these slides are from the machine that executed the book.

# %% [markdown] slide=3
# ## Two multipliers
#
# $$D_K \cdot D_K \cdot \alpha M \cdot \rho D_F \cdot \rho D_F + \alpha M \cdot \alpha N \cdot \rho D_F \cdot \rho D_F$$
#
# - $\alpha$ makes every layer narrower
# - $\rho$ makes every map smaller
#
# Notes: Equation 7 of the paper; with rho at 1 it is Equation 6. How often does each stand in each term? Nearly all the cost is in the second term, where alpha stands twice.

# %%
def thinned(kernel_size, M, N, D_F, alpha=1.0, rho=1.0):
    M, N, D_F = int(alpha * M), int(alpha * N), round(rho * D_F)
    depthwise = kernel_size**2 * M * D_F**2
    pointwise = M * N * D_F**2
    return depthwise + pointwise


# %% [markdown]
# Table 3 makes one layer of the network cheaper, step by step. It has kernels of 3 by 3, 512 channels in and out, and a map of 14 by 14. As a standard convolution it costs 462 million mult-adds (a multiplication and an addition each), as a depthwise separable one 52.3 million. That was chapter 02.
#
# **Predict:** what does $\alpha = 0.75$ leave of the 52.3 million? And what does $\rho = 10/14$ leave of that?
#
# <details><summary>How to think about it</summary>
#
# Nearly all of the 52.3 million are in the pointwise part, where $\alpha$ stands twice: $0.75^2 \approx 0.56$. And $\rho$ stands twice in both parts: $(10/14)^2 \approx 0.51$.
# </details>

# %% [markdown] slide=2
# ## What does $\alpha = 0.75$ leave of 52.3 million? And $\rho = 10/14$ of that?
#
# 3 by 3, 512 channels in and out, a map of 14 by 14.
#
# Notes: About 0.56 and about 0.51. Let them square.

# %% [markdown] slide=1
# ## The paper's Table 3
#
# [[output]]
#
# Notes: The lower three rungs of the ladder from chapter 02.

# %%
layer = {"kernel_size": 3, "M": 512, "N": 512, "D_F": 14}
for alpha, rho in ((1, 1), (0.75, 1), (0.75, 10 / 14)):
    print(f"alpha {alpha:<4} rho {rho:.3f}: {thinned(**layer, alpha=alpha, rho=rho) / 1e6:.1f} M")

# %% [markdown]
# The library has this as `layer_ladder`, and the paper prints it as Table 3. All three agree:

# %%
from mobilenet_lib import paper
from mobilenet_lib.cost import layer_ladder

ladder = layer_ladder(alpha=0.75, rho=10 / 14)[1:]  # without the standard convolution
ours = [thinned(**layer), thinned(**layer, alpha=0.75), thinned(**layer, alpha=0.75, rho=10 / 14)]
assert [rung.mult_adds for rung in ladder] == ours
[paper.table(3).cell(row, "million_mult_adds").printed for row in (2, 3, 4)]

# %% [markdown]
# ## The whole network
#
# What holds for one layer need not hold for 28. Look at the width first.
#
# **Predict:** from chapter 03 you know that half the channels leave about a quarter of the mult-adds. What do they leave of the *parameters*: more than that, or less?

# %% [markdown] slide=2
# ## Half the channels: what is left of the parameters?
#
# About a quarter of the mult-adds is left. More of the parameters, or less?
#
# Notes: More. The classifier has alpha times 1024 inputs, but its 1000 classes stay.

# %% [markdown] slide=2
# ## More
#
# [[output]]
#
# Notes: Mult-adds fall to a little more than the square: in the depthwise layers only one alpha stands, and the first layer keeps its three colours.

# %%
import mobilenet_lib as mn

full = mn.mobilenet_v1()
for alpha in (0.75, 0.5, 0.25):
    arch = mn.mobilenet_v1(alpha)
    left, weights = arch.mult_adds / full.mult_adds, arch.parameters / full.parameters
    print(f"alpha {alpha:<4} alpha² {alpha**2:.4f}: mult-adds {left:.4f}, parameters {weights:.4f}")

# %% [markdown]
# More. But first the mult-adds: a little more than the square is left. In the depthwise layers only one $\alpha$ stands, and the first layer keeps its three colours, so a small part of the cost shrinks more slowly. The parameters shrink more slowly still: the classifier has $\alpha \cdot 1024$ inputs, but its 1000 classes stay.
#
# The resolution is simpler. It does nothing at all to the parameters, since a filter is as large on a small map as on a large one:

# %% [markdown] slide=1
# ## Resolution saves no parameters
#
# [[output]]
#
# Notes: A filter is as large on a small map as on a large one. So the two are not two names for one thing.

# %%
for resolution in (192, 160, 128):
    arch = mn.mobilenet_v1(resolution=resolution)
    left, rho = arch.mult_adds / full.mult_adds, resolution / 224
    print(f"rho² {rho**2:.4f}: mult-adds {left:.4f}, {arch.parameters:,} parameters")

# %% [markdown]
# So the two multipliers are not two names for the same thing. Both save mult-adds and make the maps smaller; only $\alpha$ also saves parameters. Which of them costs less accuracy no formula can say. That has to be measured.
#
# ## Sixteen networks and what they know
#
# The authors trained four widths at four resolutions each, on ImageNet: sixteen networks. The paper prints the accuracy of eight and plots the rest. Later its authors published weights for all sixteen, with a table, in their library tf-slim. Here are both. (The paper writes *0.5 MobileNet-160* for $\alpha = 0.5$ at 160 pixels.)

# %% [markdown] slide=3
# ## Sixteen networks
#
# [[output]]
#
# Notes: Four widths at four resolutions, trained by the authors on ImageNet. The paper prints eight; later all sixteen were published with weights, in tf-slim. Mult-adds fall to a fortieth, accuracy from 71 to 42 %.

# %%
print("alpha  pixels   million   the paper   tf-slim")
for model in paper.models():
    printed = "" if model.paper_top1 is None else f"{model.paper_top1} %"
    size = f"{model.alpha:<5}  {model.resolution:6}  {model.mult_adds / 1e6:8.1f}"
    print(f"{size}   {printed:>9}   {model.slim2018_top1} %")

# %% [markdown]
# From the first to the last, mult-adds fall to a fortieth, and accuracy from 71 to 42 per cent. Is there a rule in it? If every halving of the mult-adds cost the same number of points, then accuracy against the *logarithm* of the mult-adds would be a straight line. Let us lay one through the twelve networks with $\alpha$ of 0.5 and more.

# %%
import numpy as np


def line(points):
    logs = np.log10([point.mult_adds for point in points])
    slope, intercept = np.polyfit(logs, [point.accuracy for point in points], 1)
    return slope, intercept


# %% [markdown]
# `slope` is the number of points for ten times the mult-adds; times $\log_{10} 2 \approx 0.3$ it is what a doubling buys. `paper.published` returns the same sixteen with one `accuracy` each, the form that the figures take.
#
# **Predict:** how many points is a doubling worth? And where will the four networks with $\alpha = 0.25$ lie, which the line has not seen: on it, above it, or below?

# %% [markdown] slide=2
# ## How many points is a doubling of the mult-adds worth?
#
# If every halving cost the same number of points, accuracy against the logarithm would be a straight line.
#
# Notes: We lay a line through the twelve networks with alpha of 0.5 and more. Where will the four narrow ones lie: on it, above, below?

# %% [markdown] slide=2
# ## A law, and where it ends
#
# [[output]]
#
# Notes: All twelve lie within a point of the line. With a quarter of the width, networks lie six to seven points below. A law of this kind holds where it was measured, and no further.

# %%
from mobilenet_lib import plots

slim = paper.published("tf-slim")
imagenet_line = line([point for point in slim if point.alpha >= 0.5])
plots.log_linear(slim, *imagenet_line, marked=0.25)

# %% [markdown]
# Along the line, what does a doubling buy, and how far do networks miss it?

# %%
slope, intercept = imagenet_line
misses = {
    alpha: [
        n.accuracy - intercept - slope * np.log10(n.mult_adds) for n in slim if n.alpha == alpha
    ]
    for alpha in (1, 0.75, 0.5, 0.25)
}
print(f"a doubling buys {slope * np.log10(2):.1f} points")
for alpha, points in misses.items():
    print(f"alpha {alpha}: {min(points):+.1f} to {max(points):+.1f} points off the line")

# %% [markdown]
# All twelve lie within a point of the line. Then the law ends: with a quarter of the width, networks lie about six to seven points below where it would have them. The paper saw the same and speaks of a jump at $\alpha = 0.25$. A law of this kind holds where it was measured, and no further.
#
# ## Sixteen of our own
#
# On ImageNet, sixteen networks would take a processor like the book's many months (chapter 05 works it out for one). So ours read letters in the wild (chapter 05 has pictures): 26 classes, 56 pixels at full resolution, then 48, 40 and 32: the paper's ratios 7 : 6 : 5 : 4. All were trained by the same recipe, with a budget of three<!-- grid[0].content["recipe"]["schedule"]["epochs"] --> epochs (most of them on a graphics processor, a GPU; two cores take some hours); and each three times, with other random numbers.

# %%
from mobilenet_lib.results import measured, runs

grid = measured("grid")
first = runs("grid")[0].content
epochs = first["recipe"]["schedule"]["epochs"]
print(f"{len(grid)} networks, {len(runs('grid'))} runs of {epochs} epochs")
devices = sorted({run.content["device"] for run in runs("grid")})
print(f"on {' and '.join(devices)}, {first['provenance']['date'][:10]}")

# %% [markdown]
# **Predict:** reading 26 letters is easier than naming 1000 things. From the largest to the smallest network, will accuracy fall by 29 points again? The figure has a line for each width. Which falls fastest with the pixels?

# %% [markdown] slide=1
# ## Reading 26 letters instead of 1000 things: do 29 points fall again?
#
# Sixteen networks of our own: letters, 56, 48, 40 and 32 pixels.
#
# Notes: All trained by the same recipe with a small budget, each three times with other random numbers.

# %% [markdown] slide=3
# ## Flatter, with a bend at the end
#
# [[output]]
#
# Notes: It looks like ImageNet, only flatter; the narrowest network loses most with its pixels. From 40 to 32 pixels the lines bend further down. Why there?

# %%
plots.grid_accuracy(grid)

# %% [markdown]
# It looks like ImageNet, only flatter: less width and fewer pixels cost a few points each, and the narrowest network loses most with its pixels. From 40 to 32 pixels all lines bend a little further down. Follow the map through the five halvings, and you see how little is left there:

# %% [markdown] slide=2
# ## Follow the map through five halvings
#
# [[output]]
#
# At 32 pixels the last map is a single pixel: nine weights, eight of them over padding.
#
# Notes: A depthwise filter can then multiply by a number, and no more. On ImageNet the smallest resolution still ends with 4 by 4.

# %%
for resolution in (56, 48, 40, 32):
    arch = mn.mobilenet_v1(resolution=resolution)
    sides = sorted({layer.out_size for layer in arch.layers[:-1]}, reverse=True)
    print(f"{resolution} pixels:", *sides)

# %% [markdown]
# At 32 pixels the last maps are a single pixel. A depthwise filter of nine weights then has one pixel under its middle and padding under the other eight: it can multiply by a number, and no more. On ImageNet the smallest resolution, 128, still ends with 4 by 4.
#
# Such a network is hard to train, but not unable to read. Here are the same networks at 32 pixels, with the same recipe but for one number: batch normalization's $\beta$ starts at 0, as is usual, and not at 1 (chapter 05 explains why that matters).
#
# **Predict:** how many points does it cost?

# %% [markdown] slide=2
# ## The same networks at 32 pixels: $\beta$ from 0, and from 1
#
# [[output]]
#
# When a curve breaks off, look at the training before you blame the architecture.
#
# Notes: The same recipe but for one number, which chapter 05 explains. With the usual start the figure would have a cliff at 32 pixels, and you would take it for a law of resolution.

# %%
for usual in measured("beta_0"):
    (ours,) = (n for n in grid if (n.alpha, n.resolution) == (usual.alpha, 32))
    print(f"alpha {usual.alpha:<4} from 0: {usual.accuracy:.0f} %, from 1: {ours.accuracy:.0f} %")

# %% [markdown]
# Ten to twenty-five points<!-- all(9.5 < new.accuracy - old.accuracy < 26 for old in measured("beta_0") for new in measured("grid") if (new.alpha, new.resolution) == (old.alpha, 32)) -->. With the usual start the figure would have a cliff at 32 pixels, and you would take it for a law of resolution. It was the first few hundred steps: at one pixel, batch normalization has few numbers to normalize by, and what the layers blow up is hardest to undo. When a curve breaks off, look at the training before you blame the architecture.
#
# A bend is left, even so. Is it the single pixel at the end, or that 32 pixels show less of a letter than 40? To tell the two apart, let one of the five layers with stride 2 have stride 1, the *last* one (`drop_stride`). All maps before it stay as they were, and the last two blocks get 2 by 2 pixels in place of one. That costs no weight, and few mult-adds.
#
# **Predict:** at $\alpha = 0.25$, from 32 to 40 pixels accuracy rises by six points<!-- mean(pick(grid, "accuracy", alpha=0.25, resolution=40)) - mean(pick(grid, "accuracy", alpha=0.25, resolution=32)) -->. How many of them does a larger last map bring by itself?

# %% [markdown] slide=2
# ## The same 32 pixels, one stride less
#
# [[output]]
#
# Notes: The last two blocks see 2 by 2 pixels in place of one; everything before them is as it was. What the second line gains over the first is the price of the single pixel. What is still missing to the third is the price of the pixels that are not there.

# %%
rows = (("grid", 32, "none"), ("stride_last", 32, "last"), ("grid", 40, "none"))
for sweep, side, dropped in rows:
    arch = mn.mobilenet_v1(0.25, side, num_classes=26, drop_stride=dropped)
    (network,) = (n for n in measured(sweep) if (n.alpha, n.resolution) == (0.25, side))
    end, cost = arch.layers[-2].out_size, arch.mult_adds / 1e6
    print(f"{side} px, dropped: {dropped:4}  last map {end} by {end}, {cost:.1f} M mult-adds")
    print("   ", ", ".join(f"{accuracy:.1f}" for accuracy in network.accuracies), "%")

# %% [markdown]
# About 2.6<!-- mean(pick(stride_last, "accuracy")) - mean(pick(grid, "accuracy", alpha=0.25, resolution=32)) --> of the six, and the worst of its three runs reads more than the best of the others<!-- max(pick(grid, "accuracy", alpha=0.25, resolution=32)) < min(pick(stride_last, "accuracy")) -->. So the single pixel has its price, but most of the bend is something else: what 40 pixels show and 32 do not, and all the larger maps that come with them. To try what larger maps do for the same 32 pixels, drop the *first* stride: `mobilenet train --alpha 0.25 --resolution 32 --epochs 3 --batch-size 32 --rate 0.1 --drop-stride first`. Every map then has twice the side, for four times the work.
#
# Three epochs are little. Is the height of the curves what the networks can do, or what the budget allows? The largest was also trained three<!-- longer[0].content["recipe"]["schedule"]["epochs"] / grid[0].content["recipe"]["schedule"]["epochs"] --> times as long.
#
# **Predict:** how many points will that buy?

# %%
(three,) = (n for n in grid if (n.alpha, n.resolution) == (1.0, 56))
print(f"3 epochs: {three.accuracy:.1f} %")
for run in runs("longer"):
    print(f"{run.content['recipe']['schedule']['epochs']} epochs: {run.accuracy:.1f} %")

# %% [markdown]
# More than three points<!-- 3 < mean(pick(longer, "accuracy")) - mean(pick(grid, "accuracy", alpha=1, resolution=56)) < 4 -->, and with twenty epochs it reads 94.5 %<!-- one(longest, "accuracy") -->. So the figure does not show what these networks can do, only what all of them can do with the same small budget. That is what a comparison needs. To know how good *one* of them gets, you have to train it until it learns no more.
#
# Is more always better, in our sixteen? Let us look for exceptions.

# %%
import itertools


def falls(networks):
    """Pairs in which a network with at least the width and pixels of another reads less."""
    found = []
    for a, b in itertools.permutations(networks, 2):
        larger = a.alpha >= b.alpha and a.resolution >= b.resolution
        if larger and a.accuracy < b.accuracy:
            found.append(f"{a.alpha} at {a.resolution} px below {b.alpha} at {b.resolution} px")
    return found


print(falls(grid) or "none: more width and more pixels are always better here")

# %% [markdown]
# None<!-- sum(b.alpha <= a.alpha and b.resolution <= a.resolution and a.accuracy < b.accuracy for a in measured("grid") for b in measured("grid")) == 0 -->: every network reads more than all that are narrower and see no more. But some neighbours are less than a point apart, and the same network with other random numbers can differ by more; the bars in the figure show how far the three lie apart. The last section comes back to it.
#
# ## Width or resolution?
#
# Suppose you have to halve the mult-adds. You can take $\alpha$ of about 0.7, or $\rho$ of about 0.7, or a little of both. Let us ask the data: fit accuracy with two slopes, one for halving through width and one for halving through resolution. (Both multipliers stand in the cost about squared, so halving the cost means dividing $\alpha$ or $\rho$ by the root of 2.)


# %%
def points_per_halving(networks):
    halvings = 2 * np.log2([[n.alpha, n.resolution] for n in networks])
    design = np.column_stack([halvings, np.ones(len(networks))])
    accuracy = [n.accuracy for n in networks]
    (width, resolution, _), *_ = np.linalg.lstsq(design, accuracy, rcond=None)
    return width, resolution


# %% [markdown]
# **Predict:** which is the cheaper way to save, on ImageNet? And on letters, which fill their picture? (Without $\alpha = 0.25$, where no line reaches.)

# %% [markdown] slide=2
# ## Halve the cost: by width or by resolution?
#
# Which costs fewer points, on ImageNet? And on letters, which fill their picture?
#
# Notes: Both multipliers stand in the cost about squared, so halving means dividing alpha or rho by the root of 2.

# %% [markdown] slide=1
# ## It depends on what there is to see
#
# [[output]]
#
# Notes: On ImageNet the two cost almost the same. A letter fills its picture: every pixel that goes is a part of a stroke.

# %%
for name, networks in (("ImageNet, tf-slim", slim), ("letters", grid)):
    chosen = [n for n in networks if n.alpha >= 0.5]
    width, resolution = points_per_halving(chosen)
    print(f"{name}: {width:.1f} points by width, {resolution:.1f} by resolution")

# %% [markdown]
# On ImageNet the two cost almost the same. On our letters the pixels are dearer: a letter fills its picture, so every pixel that goes is a part of a stroke. Which way is the cheaper one depends on what there is to see.
#
# ### One network, two resolutions
#
# There is a difference between the two that no table shows. To make a network narrower you have to train another one. But nothing in a convolution says how large its input must be, so a network can be *used* at another resolution than it was trained at. Here are our four networks for 56 pixels, asked about pictures of 40 pixels.

# %%
import torch

from mobilenet_lib import data, load_published


@torch.inference_mode()
def read(net, resolution):
    test = data.load("glyphs", split="test", batch_size=400, resolution=resolution)
    right = sum((net(x).argmax(1) == y).sum().item() for x, y in test)
    return 100 * right / test.size


# %% [markdown]
# (The test set is composed at the resolution that is asked for: the same letters, in fewer pixels.)
#
# **Predict:** at 40 pixels both cost the same. Which reads more letters: the network that was trained at 40, or the one that was trained at 56?

# %% tags=["measured"]
trained = {(n.alpha, n.resolution): n.accuracy for n in grid}
for alpha in (1, 0.75, 0.5, 0.25):
    net = load_published(f"letters_{100 * alpha:.0f}_56")
    used, own = read(net, 40), trained[alpha, 40]
    print(f"alpha {alpha:<4} trained at 56: {used:.0f} % at 40 px; trained at 40: {own:.0f} %")

# %% [markdown]
# The one that was trained there, by far. At 40 pixels every stroke is narrower than anything the other's filters have learned to look for. A convolution takes any resolution, without an error; its weights do not. The sliders of this chapter are sliders of *training*.
#
# ## Milliseconds
#
# Mult-adds are not what anybody waits for. So let us measure: one picture through each of the sixteen networks, on *your* machine. They take turns, so that whatever else the machine is doing slows all of them alike. (Weights and picture are random: how long it takes does not depend on them.)
#
# **Predict:** the largest has about forty times the mult-adds of the smallest. Will it also take forty times as long?

# %% [markdown] slide=1
# ## A fortieth of the mult-adds: a fortieth of the time?
#
# The largest of the sixteen against the smallest, one picture each.
#
# Notes: Think of chapter 04: fixed costs do not shrink with the network.

# %% [markdown] slide=1
# ## Less than that
#
# [[output]]
#
# Notes: On almost every machine. What a mult-add costs depends on where it stands.

# %% tags=["measured"]
from mobilenet_lib.bench.latency import latencies

timings = latencies([(n.alpha, n.resolution) for n in slim])
times = {network: timing.median_ms for network, timing in timings.items()}
largest, smallest = times[1.0, 224], times[0.25, 128]
print(f"{largest:.1f} ms against {smallest:.1f} ms: {largest / smallest:.0f} times as long")

# %% [markdown]
# Less than that, on almost every machine. A network of 28 layers has fixed costs, which do not shrink with it; and layers with few channels have little to keep a processor busy with. What a mult-add costs depends on where it stands: that is chapter 04.
#
# ## The ones that nothing beats
#
# A network that costs more than another and is no more accurate need not be considered. Those that remain are the **Pareto front**. It is found by going through the networks from the cheapest upwards, and keeping each that is better than all before.


# %%
def front_of(costs, accuracies):
    front, best = [], -1.0
    for i in np.argsort(costs, kind="stable"):
        if accuracies[i] > best:
            front.append(int(i))
            best = accuracies[i]
    return front


# %% [markdown]
# The library's `pareto` also settles ties, and is otherwise the same:

# %%
from mobilenet_lib.results import pareto

costs = [n.mult_adds for n in slim]
top1 = [n.accuracy for n in slim]
front = front_of(costs, top1)
assert front == pareto(costs, top1)

# %% [markdown]
# **Predict:** how many of the sixteen remain? And are there any with $\alpha = 0.25$ among them?

# %% [markdown] slide=2
# ## The ones that nothing beats
#
# [[output]]
#
# Notes: A network that costs more than another and is no more accurate need not be considered; those that remain are the Pareto front. How many of the sixteen remain? Fourteen, the four narrowest among them. The front says what is worth having at a price, not whether the price is worth paying.

# %%
plots.pareto_front(slim, [cost / 1e6 for cost in costs], front)

# %% [markdown]
# Fourteen of sixteen remain, and all four of the quarter width are among them: they are the cheapest, and each is better than the one before. Only two fall out, 0.5 at 192 pixels and 1.0 at 128 (by a tenth of a point; keep that in mind for the section on luck). The front says what is worth having at a price. Whether the price is worth paying it leaves to you.
#
# ### You have eight milliseconds
#
# Now in milliseconds, on this machine. Which of the sixteen would you take?

# %% tags=["nbval-ignore-output"]
from mobilenet_lib.results import best_within

milliseconds = [times[n.alpha, n.resolution] for n in slim]
best = best_within(8, milliseconds, top1)
if best is None:
    print("none of them answers within 8 ms here")
else:
    print(f"{slim[best].alpha} MobileNet-{slim[best].resolution}: {top1[best]} %")
    print(f"{milliseconds[best]:.1f} ms, as measured a moment ago")

# %% [markdown]
# Run the cell under *Milliseconds* once more and then this one, and the answer may change: two networks can lie close to the edge. A budget needs a margin.
#
# ## All of it at once
#
# Move $\alpha$ and $\rho$ with the sliders or the arrow keys, or choose a network by its point. Change the axis to milliseconds, and set a budget.

# %% [markdown] slide=5
# ## All of it at once
#
# [[explorer v1&hide=help,foot]]
#
# Notes: Press E, move alpha and rho by keys, change the axis to milliseconds, set a budget. Find the budget at which the best network changes from one width to the next.

# %% tags=["measured"]
from mobilenet_lib.explorers import TradeoffExplorer

TradeoffExplorer(latency=times)

# %% [markdown]
# Things to try: find the budget at which the best network changes from one width to the next. Find two networks of almost the same cost, one wide and seeing little, one narrow and seeing much. Is it the same one that wins in both data sets?
#
# ### The same letter, four widths
#
# Four of the networks behind these points, at 56 pixels, run below in your browser. Draw a letter, or choose one of the test set. Each says what it reads, and how sure it is.
#
# **Predict:** the widest is right most often. Can there be a letter that only a narrower one reads?

# %% [markdown] slide=1
# ## Can there be a letter that only a narrower network reads?
#
# The widest is right most often.
#
# Notes: Ask for a show of hands, then try it on the next slide.

# %% [markdown] slide=4
# ## The same letter, other widths
#
# [[explorer v1&sample=13&hide=engine,help,foot]]
#
# Notes: Two of the four networks, running in this page. Draw a letter that both read, then spoil it slowly: which one gives in first? Let somebody from the audience draw.

# %%
from mobilenet_lib.explorers import LettersExplorer

LettersExplorer(sample=13)

# %% [markdown]
# Draw a letter that all four read, then spoil it slowly: which one gives in first? And is it the same one with your next letter? *Copy as Python* puts your drawing into a line of code that you can send to somebody.
#
# ## Better, or lucky?
#
# Two networks differ by half a point. Is one of them better? There are two kinds of luck in it. One is in the training: other random numbers, another accuracy. The other is in the test: 5,200 letters are a sample, and another sample would give another share. The second can be worked out. If a share $p$ of $n$ letters is right, it is uncertain by about $\sqrt{p(1-p)/n}$. (That counts every letter as drawn on its own. Ours share typefaces, so it is a little more; and two networks that read the same letters share part of their luck.)

# %% [markdown] slide=2
# ## Half a point apart: is one of them better?
#
# 5,200 letters in the test. Two kinds of luck: which is larger?
#
# Notes: The luck of the test can be worked out, the root of p times 1 minus p over n: about half a point. The luck of training shows only with several seeds, and mostly it is larger.

# %%
n, p = first["test_images"], grid[0].accuracy / 100
print(f"the test: {100 * (p * (1 - p) / n) ** 0.5:.2f} points at {p:.1%}")
for network in grid:
    if len(network.accuracies) > 1:  # trained with several seeds
        seeds = ", ".join(f"{accuracy:.1f}" for accuracy in sorted(network.accuracies))
        size = f"alpha {network.alpha} at {network.resolution} px"
        print(f"the training: {size} {seeds} %, spread {network.spread:.2f} points")

# %% [markdown]
# So two networks that are half a point apart have not been told apart by this test. The luck of training comes on top, and mostly it is larger: a spread of up to 1.2<!-- max(m.spread for m in measured("grid")) --> points. One run of $\alpha = 0.75$ at 32 pixels reads less than one of $\alpha = 0.5$<!-- min(pick(grid, "accuracy", alpha=0.75, resolution=32)) < max(pick(grid, "accuracy", alpha=0.5, resolution=32)) -->: had you trained each of these only once, you might have written that half the width is better than three quarters. When you measure for yourself, take three seeds at least, and look at the mean and at how far they lie apart (exercise 6.4).
#
# ## Exercises
#
# The first are quick; *build* and *investigate* take longer, and good answers to them differ. Stuck, or done? [Solutions](solutions/06_solutions.ipynb).
#
# **6.1** A depthwise separable layer with kernels of 3 by 3, 256 channels in and out and a map of 28 by 28: how many mult-adds at $\alpha = 0.5$, $\rho = 4/7$?

# %%
from mobilenet_lib.checks import check

answer = ...
check("6.1", answer)

# %% [markdown]
# **6.2** Which $\alpha$ leaves half of the mult-adds of 1.0 MobileNet-224? To two decimals.

# %%
from mobilenet_lib.checks import check

answer = ...
check("6.2", answer)

# %% [markdown]
# **6.3** Write `per_doubling(mult_adds, accuracies)`: the points that a doubling of the mult-adds buys, by least squares.

# %%
from mobilenet_lib.checks import check

per_doubling = ...  # def per_doubling(mult_adds, accuracies): ...
check("6.3", per_doubling)

# %% [markdown]
# **6.4** Write `uncertainty(accuracies)`: by how many points the mean over several seeds is uncertain, that is their standard deviation divided by the root of their number. (Of a sample: divide by one less than the number, before the root.)

# %% [markdown] slide=1
# ## In two lines
#
# - $\alpha$ and $\rho$ stand in the cost about squared; only $\alpha$ saves parameters, and which costs less accuracy depends on the pictures.
# - A budget in milliseconds is measured on the machine that keeps it, and half a point may be luck.
#
# Notes: Exercise 6.4 is about the seeds. Next, chapter 07: weights that others trained.

# %%
from mobilenet_lib.checks import check

uncertainty = ...  # def uncertainty(accuracies): ...
check("6.4", uncertainty)

# %% [markdown]
# **6.5 · Build.** The best within a budget. Write `choose(networks, budget, margin)`. Each network is (name, accuracy, readings), the readings in milliseconds. It must keep the budget with a margin: its median, times `1 + margin`, is at most the budget. Of those that do, return the name of the most accurate, of equally accurate ones the faster; if none does, `"none"`. Then try it on readings of your own, as in the chapter.

# %%
from mobilenet_lib.checks import check

choose = ...  # def choose(networks, budget, margin): ...
check("6.5", choose)

# %% [markdown]
# **6.6 · Build.** Write `on_front(costs, accuracies)`: the numbers of the networks on the Pareto front, from the cheapest to the dearest. A network is not on it if another one is at least as accurate and costs no more. (Of two that are equal in both, keep the first.)

# %%
from mobilenet_lib.checks import check

on_front = ...  # def on_front(costs, accuracies): ...
check("6.6", on_front)

# %% [markdown]
# **6.7 · Investigate.** Better, or lucky? Two networks have read the same two thousand pictures; `first` and `second` say for each picture whether it was read rightly. Write `better(first, second)`, which says True if the second network is better by more than luck. It is tried on many pairs. Where only luck makes a difference it may say True now and then, and where the second is clearly better it should find most.

# %%
from mobilenet_lib.checks import check

better = ...  # def better(first, second): ...
check("6.7", better)

# %% [markdown]
# ## Summary
#
# - $\alpha$ stands in the cost about squared, and saves parameters as well; $\rho$ stands in it squared, and saves none.
# - Accuracy against the logarithm of the mult-adds is nearly a straight line, until the network is a quarter as wide.
# - Which of the two saves at the lower price depends on the pictures: on ImageNet they are nearly equal, letters need their pixels.
# - Forty times fewer mult-adds are not forty times fewer milliseconds. A budget in milliseconds is measured on the machine that has to keep it.
# - Below the Pareto front a network costs more for no more accuracy, if the difference is larger than luck.
# - A curve that breaks off may be a law of the network, or a training that never got going. Try another start before you believe it.
# - Half a point between two networks may be luck: of the test, and even more of the training, which only several seeds can show.
#
# ## Sources
#
# - Equations 6 and 7, Tables 3, 6, 7, 9, Figures 4 and 5: the paper, sections 3.3, 3.4 and 4.2.
# - tf-slim's sixteen: `research/slim/nets/mobilenet_v1.md` in tensorflow/models, checkpoints of February 2018, Apache-2.0.
# - Our sixteen: `data/results/grid`, one file a run, each with its recipe, machine and date.
