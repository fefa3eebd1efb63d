# %% [markdown]
# # Width and resolution
#
# No network has the right size for everyone. A phone that films has 30 milliseconds for each picture; an archive has all night. MobileNet therefore comes with two sliders: one makes every layer narrower, the other makes every map smaller. In this chapter you learn what each of them saves, what it costs in accuracy, and how to choose.
#
# **Contents:** [Two multipliers](#Two-multipliers) · [The whole network](#The-whole-network) · [Sixteen networks and what they know](#Sixteen-networks-and-what-they-know) · [Sixteen of our own](#Sixteen-of-our-own) · [Width or resolution?](#Width-or-resolution?) · [Milliseconds](#Milliseconds) · [The ones that nothing beats](#The-ones-that-nothing-beats) · [All of it at once](#All-of-it-at-once) · [Better, or lucky?](#Better,-or-lucky?) · [Exercises](#Exercises) · [Summary](#Summary) · [Sources](#Sources)

# %% [markdown]
# **In this chapter you will**
#
# - work out the paper's Table 3 with one short function,
# - predict what any width and any resolution costs,
# - compare accuracy with cost in the paper's networks, in the authors' published ones, and in sixteen that were trained for this book,
# - fit a law with two numbers to them, and see where it breaks down,
# - find the best network for a budget of milliseconds on your own machine,
# - say how large a difference may be by luck alone.
#
# ## Two multipliers
#
# The **width multiplier** $\alpha$ makes the network narrower: a layer with $M$ input and $N$ output channels keeps $\alpha M$ and $\alpha N$ of them. The **resolution multiplier** $\rho$ shrinks the picture, and every map with it: a side of $D_F$ pixels becomes $\rho D_F$. Put both into the cost of a depthwise separable layer, and you have the paper's Equation 7 (with $\rho = 1$, its Equation 6):
#
# $$D_K \cdot D_K \cdot \alpha M \cdot \rho D_F \cdot \rho D_F + \alpha M \cdot \alpha N \cdot \rho D_F \cdot \rho D_F$$


# %% [markdown] slide=1
# # Width and resolution
#
# No network has the right size for everyone. MobileNet comes with two sliders.
#
# Notes: A phone that films has 30 milliseconds for each picture; an archive has all night. The milliseconds on these slides are from the machine that executed the book.

# %% [markdown] slide=3
# ## Two multipliers
#
# $$D_K \cdot D_K \cdot \alpha M \cdot \rho D_F \cdot \rho D_F + \alpha M \cdot \alpha N \cdot \rho D_F \cdot \rho D_F$$
#
# - $\alpha$ makes every layer narrower
# - $\rho$ makes every map smaller
#
# Notes: This is Equation 7 of the paper; with rho = 1 it is Equation 6. How often does each multiplier occur in each term? Nearly all of the cost is in the second term, where alpha occurs twice.

# %%
def thinned(kernel_size, M, N, D_F, alpha=1.0, rho=1.0):
    M, N, D_F = int(alpha * M), int(alpha * N), round(rho * D_F)
    depthwise = kernel_size**2 * M * D_F**2
    pointwise = M * N * D_F**2
    return depthwise + pointwise


# %% [markdown]
# Table 3 makes one layer of the network cheaper, step by step. The layer has 3 by 3 kernels, 512 input and 512 output channels, and a map of 14 by 14. A standard convolution costs 462 million mult-adds ([one multiplication and one addition](00_start_here.ipynb#How-to-use-the-book) each), and a depthwise separable one 52.3 million, as you saw in [chapter 02](02_depthwise_separable_convolution.ipynb#Equations-4-and-5:-the-price).
#
# **Predict:** what does $\alpha = 0.75$ leave of the 52.3 million? And what does $\rho = 10/14$ leave of that?
#
# <details><summary>How to think about it</summary>
#
# Nearly all of the 52.3 million are in the pointwise part, where $\alpha$ occurs twice: $0.75^2 \approx 0.56$. And $\rho$ occurs twice in both parts: $(10/14)^2 \approx 0.51$.
# </details>

# %%
from mobilenet_lib.checks import expect

expect("06-layer")

# %% [markdown] slide=2
# ## What does $\alpha = 0.75$ leave of 52.3 million? And $\rho = 10/14$ of that?
#
# 3 by 3, 512 channels in and out, a map of 14 by 14.
#
# Notes: About 0.56 and about 0.51. Let the room square the two numbers.

# %% [markdown] slide=1
# ## The paper's Table 3
#
# [[output]]
#
# Notes: These are the lower three rungs of the ladder from chapter 02.

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
# **Predict:** you know from [chapter 03](03_the_network.ipynb#Move-it-yourself) that half of the channels leave about a quarter of the mult-adds. What share of the *parameters* do they leave: more than a quarter, or less?

# %%
expect("06-parameters")

# %% [markdown] slide=2
# ## Half of the channels: what is left of the parameters?
#
# About a quarter of the mult-adds is left. Is it more of the parameters, or less?
#
# Notes: More. The classifier has only alpha times 1024 inputs, but it keeps its 1000 classes.

# %% [markdown] slide=2
# ## More
#
# [[output]]
#
# Notes: Mult-adds fall to a little more than alpha squared: the cost of a depthwise layer has only one factor alpha, and the first layer keeps its three colours.

# %%
import mobilenet_lib as mn

full = mn.mobilenet_v1()
for alpha in (0.75, 0.5, 0.25):
    arch = mn.mobilenet_v1(alpha)
    left, weights = arch.mult_adds / full.mult_adds, arch.parameters / full.parameters
    print(f"alpha {alpha:<4} alpha² {alpha**2:.4f}: mult-adds {left:.4f}, parameters {weights:.4f}")

# %% [markdown]
# More. But look at the mult-adds first: a little more than $\alpha^2$ is left. The cost of a depthwise layer has only one factor $\alpha$, and the first layer keeps its three colours, so a small part of the cost shrinks more slowly. The parameters shrink more slowly still, because the classifier keeps its 1000 classes and only its inputs become fewer, $\alpha \cdot 1024$.
#
# The resolution is simpler. It does not change the parameters at all, since a filter is as large on a small map as on a large one:

# %% [markdown] slide=1
# ## Resolution saves no parameters
#
# [[output]]
#
# Notes: A filter is as large on a small map as on a large one. So the two multipliers are not two names for the same thing.

# %%
for resolution in (192, 160, 128):
    arch = mn.mobilenet_v1(resolution=resolution)
    left, rho = arch.mult_adds / full.mult_adds, resolution / 224
    print(f"rho² {rho**2:.4f}: mult-adds {left:.4f}, {arch.parameters:,} parameters")

# %% [markdown]
# So the two multipliers are not two names for the same thing. Both save mult-adds and make the maps smaller; only $\alpha$ also saves parameters. No formula says which of them costs less accuracy. That has to be measured.
#
# ## Sixteen networks and what they know
#
# On ImageNet, the authors trained networks of four widths at four resolutions: sixteen in all. The paper prints the accuracy of eight and plots the rest. Later the authors published weights for all sixteen, with a table, in their library tf-slim. Here are both. (The paper writes *0.5 MobileNet-160* for $\alpha = 0.5$ at 160 pixels.)

# %% [markdown] slide=3
# ## Sixteen networks
#
# [[output]]
#
# Notes: Four widths at four resolutions, trained by the authors on ImageNet. The paper prints eight accuracies; later all sixteen networks were published with their weights, in tf-slim. Mult-adds fall to a fortieth, and accuracy from 71 to 42 %.

# %%
print("alpha  pixels   million   the paper   tf-slim")
for model in paper.models():
    printed = "" if model.paper_top1 is None else f"{model.paper_top1} %"
    size = f"{model.alpha:<5}  {model.resolution:6}  {model.mult_adds / 1e6:8.1f}"
    print(f"{size}   {printed:>9}   {model.slim2018_top1} %")

# %% [markdown]
# From the first network to the last, mult-adds fall to a fortieth, and accuracy from 71 to 42 per cent. Is there a rule behind it? If every halving of the mult-adds cost the same number of points, accuracy plotted against the *logarithm* of the mult-adds would be a straight line. Let us fit one to the twelve networks with $\alpha$ of 0.5 and more.

# %%
import numpy as np


def line(points):
    logs = np.log10([point.mult_adds for point in points])
    slope, intercept = np.polyfit(logs, [point.accuracy for point in points], 1)
    return slope, intercept


# %% [markdown]
# `slope` is the number of points that ten times the mult-adds buy; multiplied by $\log_{10} 2 \approx 0.3$, it is what a doubling buys. `paper.published` returns the same sixteen networks with one `accuracy` each, in the form that the figures need.
#
# **Predict:** how many points is a doubling worth? And where will the four networks with $\alpha = 0.25$ lie, to which the line was not fitted: on it, above it, or below?

# %%
expect("06-doubling")

# %% [markdown] slide=2
# ## How many points is a doubling of the mult-adds worth?
#
# If every halving cost the same number of points, accuracy against the logarithm would be a straight line.
#
# Notes: We fit a line to the twelve networks with alpha of 0.5 and more. Where will the four narrow ones lie: on it, above it, or below?

# %% [markdown] slide=2
# ## A law, and where it ends
#
# [[output]]
#
# Notes: All twelve lie within a point of the line. The networks with a quarter of the width lie six to seven points below it. A law of this kind holds where it was measured, and no further.

# %%
from mobilenet_lib import plots

slim = paper.published("tf-slim")
imagenet_line = line([point for point in slim if point.alpha >= 0.5])
plots.log_linear(slim, *imagenet_line, marked=0.25)

# %% [markdown]
# What does a doubling buy along the line, and how far off the line is each network?

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
# All twelve lie within a point of the line. Then the law ends: the networks with a quarter of the width lie about six to seven points below it. The paper's authors saw the same, and speak of a jump at $\alpha = 0.25$. A law of this kind holds where it was measured, and no further.
#
# ## Sixteen of our own
#
# On ImageNet, sixteen networks would take a processor like the book's many months ([chapter 05](05_training.ipynb#And-ImageNet?) works it out for one). So ours read [letters in the wild](05_training.ipynb#What-there-is-to-learn): 26 classes, 56 pixels at full resolution, then 48, 40 and 32, in the paper's ratios of 7 : 6 : 5 : 4. All were trained with the same recipe, with a budget of three<!-- grid[0].content["recipe"]["schedule"]["epochs"] --> epochs, and each was trained three times, with different random numbers. (Most of them were trained on a graphics processor, a GPU; two processor cores would take some hours.)

# %%
from mobilenet_lib.results import measured, runs

grid = measured("grid")
first = runs("grid")[0].content
epochs = first["recipe"]["schedule"]["epochs"]
print(f"{len(grid)} networks, {len(runs('grid'))} runs of {epochs} epochs")
devices = sorted({run.content["device"] for run in runs("grid")})
print(f"on {' and '.join(devices)}, {first['provenance']['date'][:10]}")

# %% [markdown]
# **Predict:** reading 26 letters is easier than naming 1000 things. From the largest to the smallest network, will accuracy fall by 29 points again? The figure has a line for each width. Which line falls fastest as the pixels become fewer?

# %%
expect("06-letters")

# %% [markdown] slide=1
# ## 26 letters instead of 1000 things: does accuracy fall by 29 points again?
#
# Sixteen networks of our own: letters at 56, 48, 40 and 32 pixels.
#
# Notes: All were trained with the same recipe and a small budget, each three times with different random numbers.

# %% [markdown] slide=3
# ## Flatter, with a bend at the end
#
# [[output]]
#
# Notes: It looks like ImageNet, only flatter; the narrowest network loses most when pixels are taken away. From 40 to 32 pixels the lines bend further down. Why there?

# %%
plots.grid_accuracy(grid)

# %% [markdown]
# It looks like ImageNet, only flatter: less width and fewer pixels cost a few points each, and the narrowest network loses most when pixels are taken away. From 40 to 32 pixels all lines bend a little further down. Follow the map through its five halvings, and you see how little is left of it:

# %% [markdown] slide=2
# ## Follow the map through five halvings
#
# [[output]]
#
# At 32 pixels the last map is a single pixel: of nine weights, eight lie over padding.
#
# Notes: A depthwise filter can then do no more than multiply by one number. On ImageNet even the smallest resolution ends with 4 by 4 pixels.

# %%
for resolution in (56, 48, 40, 32):
    arch = mn.mobilenet_v1(resolution=resolution)
    sides = sorted({layer.out_size for layer in arch.layers[:-1]}, reverse=True)
    print(f"{resolution} pixels:", *sides)

# %% [markdown]
# At 32 pixels the last maps are a single pixel. Of its nine weights, a depthwise filter then has one over that pixel and eight over padding: it can do no more than multiply by one number. On ImageNet even the smallest resolution, 128, ends with 4 by 4 pixels.
#
# Such a network is hard to train, but it can learn to read. Here are the same networks at 32 pixels, trained with the same recipe except for one number: batch normalization's $\beta$ starts at 0, as is usual, and not at 1 ([chapter 05](05_training.ipynb#Where-to-start) explains why that matters).
#
# **Predict:** how many points does it cost?

# %%
expect("06-start")

# %% [markdown] slide=2
# ## The same networks at 32 pixels: $\beta$ from 0, and from 1
#
# [[output]]
#
# When a curve suddenly drops, look at the training before you blame the architecture.
#
# Notes: The recipe is the same except for one number, which chapter 05 explains. With the usual start the figure would have a cliff at 32 pixels, and you would take it for a law of resolution.

# %%
for usual in measured("beta_0"):
    (ours,) = (n for n in grid if (n.alpha, n.resolution) == (usual.alpha, 32))
    print(f"alpha {usual.alpha:<4} from 0: {usual.accuracy:.0f} %, from 1: {ours.accuracy:.0f} %")

# %% [markdown]
# Ten to twenty-five points<!-- all(9.5 < new.accuracy - old.accuracy < 26 for old in measured("beta_0") for new in measured("grid") if (new.alpha, new.resolution) == (old.alpha, 32)) -->. With the usual start the figure would have a cliff at 32 pixels, and you would take it for a law of resolution. The cause was the first few hundred steps: with a single pixel, batch normalization has few numbers from which to take its mean and variance, and the noise that the layers amplify is hardest to undo. When a curve suddenly drops, look at the training before you blame the architecture.
#
# Even so, a bend remains. Is the cause the single pixel at the end, or do 32 pixels simply show less of a letter than 40? To tell the two apart, let the *last* of the five layers with stride 2 have stride 1 (`drop_stride`). All maps before it stay as they were, and the last two blocks get 2 by 2 pixels in place of one. That adds no weights, and few mult-adds.
#
# **Predict:** at $\alpha = 0.25$, accuracy rises from 32 to 40 pixels by six points<!-- mean(pick(grid, "accuracy", alpha=0.25, resolution=40)) - mean(pick(grid, "accuracy", alpha=0.25, resolution=32)) -->. How many of them does a larger last map bring on its own?

# %%
expect("06-last-map")

# %% [markdown] slide=2
# ## The same 32 pixels, one stride of 2 fewer
#
# [[output]]
#
# Notes: The last two blocks see 2 by 2 pixels in place of one; everything before them is as it was. What the second network gains over the first is the price of the single pixel. The rest of the way to the third is the price of the smaller picture.

# %%
rows = (("grid", 32, "none"), ("stride_last", 32, "last"), ("grid", 40, "none"))
for sweep, side, dropped in rows:
    arch = mn.mobilenet_v1(0.25, side, num_classes=26, drop_stride=dropped)
    (network,) = (n for n in measured(sweep) if (n.alpha, n.resolution) == (0.25, side))
    end, cost = arch.layers[-2].out_size, arch.mult_adds / 1e6
    print(f"{side} px, dropped: {dropped:4}  last map {end} by {end}, {cost:.1f} M mult-adds")
    print("   ", ", ".join(f"{accuracy:.1f}" for accuracy in network.accuracies), "%")

# %% [markdown]
# About 2.6<!-- mean(pick(stride_last, "accuracy")) - mean(pick(grid, "accuracy", alpha=0.25, resolution=32)) --> of the six, and even the worst of its three runs reads more letters than the best of the others<!-- max(pick(grid, "accuracy", alpha=0.25, resolution=32)) < min(pick(stride_last, "accuracy")) -->. So the single pixel has its price, but most of the bend has another cause: 40 pixels show what 32 do not, and all maps are larger. To see what larger maps do for the same 32 pixels, drop the *first* stride of 2: `mobilenet train --alpha 0.25 --resolution 32 --epochs 3 --batch-size 32 --rate 0.1 --drop-stride first`. Every map then has twice the side, at four times the work.
#
# Three epochs are not much. Do the curves show what the networks can do, or what the budget allows? The largest network was also trained three<!-- longer[0].content["recipe"]["schedule"]["epochs"] / grid[0].content["recipe"]["schedule"]["epochs"] --> times as long.
#
# **Predict:** how many points will that buy?

# %%
expect("06-longer")

# %%
(three,) = (n for n in grid if (n.alpha, n.resolution) == (1.0, 56))
print(f"3 epochs: {three.accuracy:.1f} %")
for run in runs("longer"):
    print(f"{run.content['recipe']['schedule']['epochs']} epochs: {run.accuracy:.1f} %")

# %% [markdown]
# More than three points<!-- 3 < mean(pick(longer, "accuracy")) - mean(pick(grid, "accuracy", alpha=1, resolution=56)) < 4 -->, and with twenty epochs it reads 94.5 %<!-- one(longest, "accuracy") -->. So the figure does not show what these networks can do; it shows what they can do with the same small budget. That is what a comparison needs. To know how good *one* of them can get, you have to train it until it learns no more.
#
# Is more always better among our sixteen? Let us look for exceptions.

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
# None<!-- sum(b.alpha <= a.alpha and b.resolution <= a.resolution and a.accuracy < b.accuracy for a in measured("grid") for b in measured("grid")) == 0 -->: every network reads more letters than all the others that are no wider and see no more pixels. But some neighbours are less than a point apart, and the same network trained with different random numbers can differ by more; the bars in the figure show how far apart the three runs are. [A later section](#Better,-or-lucky?) comes back to this.
#
# ## Width or resolution?
#
# Suppose you have to halve the mult-adds. You can take an $\alpha$ of about 0.7, or a $\rho$ of about 0.7, or a little of both. Let us ask the data: fit the accuracy with two slopes, one for halving by width and one for halving by resolution. (The cost is roughly proportional to the square of either multiplier, so to halve it, divide $\alpha$ or $\rho$ by $\sqrt 2$.)


# %%
def points_per_halving(networks):
    halvings = 2 * np.log2([[n.alpha, n.resolution] for n in networks])
    design = np.column_stack([halvings, np.ones(len(networks))])
    accuracy = [n.accuracy for n in networks]
    (width, resolution, _), *_ = np.linalg.lstsq(design, accuracy, rcond=None)
    return width, resolution


# %% [markdown]
# **Predict:** which way of saving costs fewer points, on ImageNet? And on letters, which fill their picture? (We leave out $\alpha = 0.25$, for which the line does not hold.)

# %%
expect("06-cheaper")

# %% [markdown] slide=2
# ## Halve the cost: by width or by resolution?
#
# Which costs fewer points, on ImageNet? And on letters, which fill their picture?
#
# Notes: The cost is roughly proportional to the square of either multiplier, so to halve it, divide alpha or rho by the square root of 2.

# %% [markdown] slide=1
# ## It depends on what there is to see
#
# [[output]]
#
# Notes: On ImageNet the two cost almost the same. A letter fills its picture, so every pixel that is lost is part of a stroke.

# %%
for name, networks in (("ImageNet, tf-slim", slim), ("letters", grid)):
    chosen = [n for n in networks if n.alpha >= 0.5]
    width, resolution = points_per_halving(chosen)
    print(f"{name}: {width:.1f} points by width, {resolution:.1f} by resolution")

# %% [markdown]
# On ImageNet the two cost almost the same. On our letters, pixels are worth more than channels: a letter fills its picture, so every pixel that is lost is part of a stroke. Which way costs less depends on what there is to see.
#
# ### One network, two resolutions
#
# There is one more difference between the two, and no table shows it. To make a network narrower you have to train another one. But a convolution does not fix the size of its input, so a network can be *used* at a resolution at which it was not trained. Here are our four networks for 56 pixels, and we give them pictures of 40 pixels.

# %%
import torch

from mobilenet_lib import data, load_published


@torch.inference_mode()
def read(net, resolution):
    test = data.load("glyphs", split="test", batch_size=400, resolution=resolution)
    right = sum((net(x).argmax(1) == y).sum().item() for x, y in test)
    return 100 * right / test.size


# %% [markdown]
# (The test set is composed at the resolution you ask for: the same letters, in fewer pixels.)
#
# **Predict:** at 40 pixels both cost the same. Which reads more letters: the network that was trained at 40, or the one that was trained at 56?

# %%
expect("06-used-at-40")

# %% tags=["measured"]
trained = {(n.alpha, n.resolution): n.accuracy for n in grid}
for alpha in (1, 0.75, 0.5, 0.25):
    net = load_published(f"letters_{100 * alpha:.0f}_56")
    used, own = read(net, 40), trained[alpha, 40]
    print(f"alpha {alpha:<4} trained at 56: {used:.0f} % at 40 px; trained at 40: {own:.0f} %")

# %% [markdown]
# The one that was trained at 40, by far. At 40 pixels every stroke is narrower than anything that the other network's filters have learned to look for. A convolution accepts any resolution without an error, but its weights fit only one. The sliders of this chapter have to be set *before training*.
#
# ## Milliseconds
#
# Nobody waits for mult-adds; people wait for milliseconds. So let us measure: one picture through each of the sixteen networks, on *your* machine. The networks take turns, so that whatever else the machine is doing slows all of them alike. (Weights and picture are random, since the time does not depend on them.)
#
# **Predict:** the largest has about forty times the mult-adds of the smallest. Will it also take forty times as long?

# %%
expect("06-forty")

# %% [markdown] slide=1
# ## A fortieth of the mult-adds: a fortieth of the time?
#
# The smallest of the sixteen against the largest, one picture each.
#
# Notes: Think of chapter 04: fixed costs do not shrink with the network.

# %% [markdown] slide=1
# ## Less than that
#
# [[output]]
#
# Notes: So it is on almost every machine. What a mult-add costs depends on the layer that it is in.

# %% tags=["measured"]
from mobilenet_lib.bench.latency import latencies

timings = latencies([(n.alpha, n.resolution) for n in slim])
times = {network: timing.median_ms for network, timing in timings.items()}
largest, smallest = times[1.0, 224], times[0.25, 128]
print(f"{largest:.1f} ms against {smallest:.1f} ms: {largest / smallest:.0f} times as long")

# %% [markdown]
# Less than that, on almost every machine. A network of 28 layers has fixed costs, which do not shrink with the network, and layers with few channels cannot keep a processor busy. What a mult-add costs depends on the layer that it is in, as [chapter 04](04_what_a_mult_add_costs.ipynb#Predict,-then-measure) showed.
#
# ## The ones that nothing beats
#
# A network that costs more than another and is no more accurate need not be considered. Those that remain form the **Pareto front**. To find it, go through the networks from the cheapest to the most expensive, and keep each one that is more accurate than all before it.


# %%
def front_of(costs, accuracies):
    front, best = [], -1.0
    for i in np.argsort(costs, kind="stable"):
        if accuracies[i] > best:
            front.append(int(i))
            best = accuracies[i]
    return front


# %% [markdown]
# The library's `pareto` also handles ties, and is otherwise the same:

# %%
from mobilenet_lib.results import pareto

costs = [n.mult_adds for n in slim]
top1 = [n.accuracy for n in slim]
front = front_of(costs, top1)
assert front == pareto(costs, top1)

# %% [markdown]
# **Predict:** how many of the sixteen remain? And are there any with $\alpha = 0.25$ among them?

# %%
expect("06-front")

# %% [markdown] slide=2
# ## The ones that nothing beats
#
# [[output]]
#
# Notes: A network that costs more than another and is no more accurate need not be considered; those that remain are the Pareto front. How many of the sixteen remain? Fourteen, among them the four narrowest. The front tells you the best that you can have at each price, not whether the price is worth paying.

# %%
plots.pareto_front(slim, [cost / 1e6 for cost in costs], front)

# %% [markdown]
# Fourteen of the sixteen remain, and all four with a quarter of the width are among them: they are the cheapest, and each is more accurate than the one before. Only two drop out, 0.5 at 192 pixels and 1.0 at 128 (by a tenth of a point; keep that in mind for the [section on luck](#Better,-or-lucky?)). The front tells you the best that you can have at each price. Whether the price is worth paying is for you to decide.
#
# ### You have eight milliseconds
#
# Now do the same with milliseconds, on this machine. Which of the sixteen would you choose?

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
# Run the cell under [Milliseconds](#Milliseconds) once more and then this one, and the answer may change: a network can lie close to the limit. A budget needs a margin.
#
# ## All of it at once
#
# Move $\alpha$ and $\rho$ with the sliders or the arrow keys, or click on a network's point. Change the axis to milliseconds, and set a budget.

# %% [markdown] slide=5
# ## All of it at once
#
# [[explorer v1&hide=help,foot]]
#
# Notes: Press E, move alpha and rho with the keys, change the axis to milliseconds, and set a budget. Find the budget at which the best network changes from one width to the next.

# %% tags=["measured"]
from mobilenet_lib.explorers import TradeoffExplorer

TradeoffExplorer(latency=times)

# %% [markdown]
# Things to try: find the budget at which the best network changes from one width to the next. Find two networks of almost the same cost, a wide one with few pixels and a narrow one with many. Does the same one win on both data sets?
#
# ### The same letter, four widths
#
# Four of these networks, those for 56 pixels, run below in your browser. Draw a letter, or choose one from the test set. Each network says what it reads, and how sure it is.
#
# **Predict:** the widest is right most often. Can there be a letter that only a narrower one reads?

# %%
expect("06-narrower")

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
# Notes: Two of the four networks run in this page. Draw a letter that both read, then spoil it slowly: which of them fails first? Let somebody from the audience draw.

# %%
from mobilenet_lib.explorers import LettersExplorer

LettersExplorer(sample=13)

# %% [markdown]
# Draw a letter that all four read, then spoil it slowly: which network fails first? Is it the same one for your next letter? *Copy as Python* turns your drawing into a line of code that you can send to somebody.
#
# ## Better, or lucky?
#
# Two networks differ by half a point. Is one of them better? Two kinds of luck are involved. One is in the training: different random numbers give a different accuracy. The other is in the test: 5,200 letters are a sample, and another sample would give another share. The second can be worked out. If a share $p$ of $n$ letters is read correctly, it is uncertain by about $\sqrt{p(1-p)/n}$. (This treats every letter as drawn independently. Ours share typefaces, so the uncertainty is a little larger; and two networks that read the same letters share part of their luck.)

# %% [markdown] slide=2
# ## Half a point apart: is one of them better?
#
# The test has 5,200 letters. There are two kinds of luck: which is larger?
#
# Notes: The luck of the test can be worked out: the root of p times 1 minus p over n, about half a point. The luck of the training shows only with several seeds, and it is usually larger.

# %%
n, p = first["test_images"], grid[0].accuracy / 100
print(f"the test: {100 * (p * (1 - p) / n) ** 0.5:.2f} points at {p:.1%}")
for network in grid:
    if len(network.accuracies) > 1:  # trained with several seeds
        seeds = ", ".join(f"{accuracy:.1f}" for accuracy in sorted(network.accuracies))
        size = f"alpha {network.alpha} at {network.resolution} px"
        print(f"the training: {size} {seeds} %, spread {network.spread:.2f} points")

# %% [markdown]
# So this test cannot tell apart two networks that differ by half a point. The luck of the training comes on top, and it is usually larger: a spread of up to 1.2<!-- max(m.spread for m in measured("grid")) --> points. One run of $\alpha = 0.75$ at 32 pixels reads fewer letters than one of $\alpha = 0.5$<!-- min(pick(grid, "accuracy", alpha=0.75, resolution=32)) < max(pick(grid, "accuracy", alpha=0.5, resolution=32)) -->: had you trained each of these only once, you might have written that half of the width is better than three quarters. When you measure for yourself, take at least three seeds, and look at the mean and the spread ([exercise 6.4](#Exercises)).
#
# ## Exercises
#
# The first are quick; *build* and *investigate* take longer, and have more than one good answer. When you are done, or stuck, look at the [solutions](solutions/06_solutions.ipynb).
#
# **6.1** A depthwise separable layer has 3 by 3 kernels, 256 channels in and out and a map of 28 by 28. How many mult-adds does it take at $\alpha = 0.5$, $\rho = 4/7$?

# %%
from mobilenet_lib.checks import check

answer = ...
check("6.1", answer)

# %% [markdown]
# **6.2** Which $\alpha$ leaves half of the mult-adds of 1.0 MobileNet-224? Give two decimals.

# %%
from mobilenet_lib.checks import check

answer = ...
check("6.2", answer)

# %% [markdown]
# **6.3** Write `per_doubling(mult_adds, accuracies)`, which returns how many points a doubling of the mult-adds buys, by least squares.

# %%
from mobilenet_lib.checks import check

per_doubling = ...  # def per_doubling(mult_adds, accuracies): ...
check("6.3", per_doubling)

# %% [markdown]
# **6.4** Write `uncertainty(accuracies)`, which returns by how many points the mean over several seeds is uncertain: their standard deviation divided by the square root of their number. (Take the standard deviation of a sample: the sum of squares is divided by one less than the number.)

# %% [markdown] slide=1
# ## In two lines
#
# - The cost is roughly proportional to the squares of $\alpha$ and $\rho$; only $\alpha$ saves parameters, and which of them costs less accuracy depends on the pictures.
# - Measure a budget in milliseconds on the machine that has to keep it; and half a point may be luck.
#
# Notes: Exercise 6.4 is about the seeds. Next, chapter 07: weights that others trained.

# %%
from mobilenet_lib.checks import check

uncertainty = ...  # def uncertainty(accuracies): ...
check("6.4", uncertainty)

# %% [markdown]
# **6.5 · Build.** The best within a budget. Write `choose(networks, budget, margin)`. Each network is a tuple (name, accuracy, readings), with the readings in milliseconds. It must keep the budget with a margin: its median reading, times `1 + margin`, is at most the budget. Of those that do, return the name of the most accurate; of two that are equally accurate, the faster; if none does, return `"none"`. Then try it on readings of your own, as in the chapter.

# %%
from mobilenet_lib.checks import check

choose = ...  # def choose(networks, budget, margin): ...
check("6.5", choose)

# %% [markdown]
# **6.6 · Build.** Write `on_front(costs, accuracies)`, which returns the indices of the networks on the Pareto front, from the cheapest to the most expensive. A network is not on it if another one is at least as accurate and costs no more. (Of two that are equal in both, keep the first.)

# %%
from mobilenet_lib.checks import check

on_front = ...  # def on_front(costs, accuracies): ...
check("6.6", on_front)

# %% [markdown]
# **6.7 · Investigate.** Better, or lucky? Two networks have read the same two thousand pictures; `first` and `second` say for each picture whether it was read correctly. Write `better(first, second)`, which returns True if the second network is better by more than luck. It is tried on many pairs. Where the difference is only luck, it may return True now and then; where the second network is clearly better, it should return True for most pairs.

# %%
from mobilenet_lib.checks import check

better = ...  # def better(first, second): ...
check("6.7", better)

# %% [markdown]
# ### Closing questions
#
# Answer without scrolling back. Each answer says why it is right or wrong.

# %%
from mobilenet_lib.checks import quiz

quiz("06")

# %% [markdown]
# ### What you expected
#
# What you predicted in this chapter, beside what came out:

# %%
from mobilenet_lib.checks import outcomes

outcomes("06")

# %% [markdown]
# ## Summary
#
# - The cost is roughly proportional to $\alpha^2$, and $\alpha$ saves parameters as well; it is proportional to $\rho^2$, but $\rho$ saves no parameters.
# - Accuracy against the logarithm of the mult-adds is nearly a straight line, until the network is a quarter as wide.
# - Which of the two costs less accuracy depends on the pictures: on ImageNet they are nearly equal, but letters need their pixels.
# - Forty times fewer mult-adds do not take forty times fewer milliseconds. Measure a budget in milliseconds on the machine that has to keep it.
# - A network below the Pareto front costs more and is no more accurate, as long as the difference is larger than luck.
# - A curve that suddenly drops may show a law of the network, or training that never got going. Try another start before you believe it.
# - Half a point between two networks may be luck: of the test and, even more, of the training. Only several seeds show the latter.
#
# ## Sources
#
# - Equations 6 and 7, Tables 3, 6, 7, 9, Figures 4 and 5: the paper, sections 3.3, 3.4 and 4.2.
# - tf-slim's sixteen networks: `research/slim/nets/mobilenet_v1.md` in tensorflow/models, checkpoints of February 2018, Apache-2.0.
# - Our sixteen networks: `data/results/grid`, one file for each run, with its recipe, machine and date.
