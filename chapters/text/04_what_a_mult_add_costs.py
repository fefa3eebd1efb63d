# %% [markdown]
# # What a mult-add costs
#
# [Chapter 02](02_depthwise_separable_convolution.ipynb) ended with a promise: eight to nine times fewer mult-adds. It did not promise eight to nine times less time. A mult-add, one multiplication and one addition, is a unit of arithmetic; how long it takes depends on the machine. This chapter looks at the machine, and at the end you predict its milliseconds.
#
# **Contents:** [The same sum, three times](#The-same-sum,-three-times) · [What your processor can do at most](#What-your-processor-can-do-at-most) · [How often is a number used?](#How-often-is-a-number-used?) · [One roof for all layers](#One-roof-for-all-layers) · [Three per cent of the work](#Three-per-cent-of-the-work) · [Dense against sparse](#Dense-against-sparse) · [More at once: batch and threads](#More-at-once:-batch-and-threads) · [Predict, then measure](#Predict,-then-measure) · [A table of shapes](#A-table-of-shapes) · [Exercises](#Exercises) · [Summary](#Summary) · [Sources](#Sources)

# %% [markdown]
# **In this chapter you will**
#
# - compute one layer in three ways that need the same mult-adds and very different times,
# - measure what your processor can do at most, in arithmetic and in moving numbers,
# - find out by a single division which of the two limits a layer,
# - see all 28 layers under one roof,
# - find out why the depthwise layers, 3 % of the work, take far more of the time,
# - find out how many weights must be zero before a sparse layer is faster,
# - predict the latency of a network, and then measure it.
#
# ## The same sum, three times
#
# Take one layer: 3 by 3, 64 channels in, 64 out, on a map of 14 by 14. [Chapter 01](01_standard_convolution.ipynb#One-matrix-product:-im2col-and-GEMM) computed such a layer with six loops, then as one matrix product of copied windows (*image to columns* and *general matrix multiply*, im2col and GEMM for short). Here is a third way, without the copies: one small matrix product for each of the nine weights of the kernel, each on the map shifted to that weight's place. We call it *direct*.

# %% [markdown] slide=1
# # What a mult-add costs
#
# Eight to nine times fewer mult-adds. Is that eight to nine times less time?
#
# Notes: A mult-add is a unit of arithmetic; how long it takes depends on the machine. At the end the room predicts milliseconds. Numbers on these slides are from the machine that executed the book; run the chapter for your own.

# %% [markdown] slide=2
# ## The same sum, three ways
#
# - six **loops**, as in chapter 01
# - **im2col** and one matrix product
# - **direct**: nine small products, one for each place of the kernel
#
# Notes: One layer: 3 by 3, 64 channels in, 64 out, a map of 14 by 14. All three give the same map, with the same seven million mult-adds.

# %%
import numpy as np


def direct(F, K):
    size = F.shape[0]
    padded = np.pad(F, ((1, 1), (1, 1), (0, 0)))
    G = np.zeros((size, size, K.shape[3]), F.dtype)
    for i in range(3):
        for j in range(3):
            G += padded[i : i + size, j : j + size] @ K[i, j]  # M numbers to N, for each pixel
    return G


# %% [markdown]
# All three give the same map.

# %%
from mobilenet_lib.convolution import standard_gemm, standard_loops

rng = np.random.default_rng(0)
F = rng.standard_normal((14, 14, 64)).astype(np.float32)
K = rng.standard_normal((3, 3, 64, 64)).astype(np.float32)
assert np.allclose(direct(F, K), standard_gemm(F, K), atol=1e-3)
corner = standard_loops(F[:3, :3], K[..., :1])  # loops are slow: one pixel's worth will do
assert np.allclose(corner[1, 1, 0], direct(F, K)[1, 1, 0], atol=1e-3)

# %% [markdown]
# The work is known: $3 \cdot 3 \cdot 64 \cdot 64 \cdot 14^2$ mult-adds, seven million. Because the loops are slow, we time them on less work: one filter on a map of nine pixels.
#
# **Predict:** how many million mult-adds per second does each of the three manage? How many times faster will the fastest be than the slowest: 3, 30, or more?

# %%
from mobilenet_lib.checks import expect

expect("04-factor")

# %% [markdown] slide=2
# ## How many times faster is the fastest than the slowest?
#
# 3, 30, or more?
#
# Notes: All three do the same arithmetic. Take a vote.

# %% [markdown] slide=2
# ## Thousands of times
#
# [[output]]
#
# A mult-add has no fixed price.
#
# Notes: In Python's loops nearly all of the time goes into finding out what to multiply. A matrix product has settled that before it begins.

# %% tags=["measured"]
from mobilenet_lib import cost
from mobilenet_lib.timing import interleave

tasks = {
    "loops": lambda: standard_loops(F[:3, :3], K[..., :1]),
    "direct": lambda: direct(F, K),
    "im2col and GEMM": lambda: standard_gemm(F, K),
}
mult_adds = {name: cost.standard_mult_adds(3, 64, 64, 14) for name in tasks}
mult_adds["loops"] = cost.standard_mult_adds(3, 64, 1, 3)
for name, seconds in interleave(tasks, readings=9).items():
    print(f"{name:<16}{mult_adds[name] / np.median(seconds) / 1e6:12,.0f} million per second")

# %% [markdown]
# Thousands of times. In Python's loops nearly all of the time goes into finding out what to multiply; a matrix product has settled that before it begins. So a mult-add has no fixed price. The price depends on the code that does it, and on where its numbers come from.
#
# `interleave` is the book's clock. It runs the tasks in turn, a, b, c, a, b, c, so that whatever else your machine is doing slows all of them alike. It does not count the first rounds, in which the caches fill (a *cache* is a small, fast memory inside the processor). From a list of times we take the median: a single slow reading does not move it.
#
# ## What your processor can do at most
#
# Two things take time in a layer. Its mult-adds have to be computed, and its numbers have to come from somewhere: from memory, or from one of the caches. Let us measure how much of either your machine can do at most. We measure arithmetic with a large matrix product, and moving numbers with copies of arrays of several sizes.
#
# **Predict:** while one number comes from memory, how many mult-adds could the processor do?

# %%
expect("04-memory")

# %% [markdown] slide=2
# ## While one number comes from memory, how many mult-adds could the processor do?
#
# One? Ten? A hundred?
#
# Notes: Two things take time: arithmetic, and fetching numbers from memory or a cache.

# %% [markdown] slide=3
# ## What a processor can do at most
#
# [[output]]
#
# Notes: One mult-add counts as two operations. Compare the first line with the last of the copies: half the GFLOP/s are mult-adds, a quarter of the GB/s are numbers of four bytes. Their ratio answers the question.

# %% tags=["nbval-ignore-output"]
from mobilenet_lib.bench.peaks import bench_peaks

ceilings = bench_peaks()
print(ceilings)

# %% [markdown]
# GFLOP/s are billions of floating-point operations per second, and one mult-add counts as two: a product and a sum. GB/s are billions of bytes per second. fp32 stands for the floating-point numbers of four bytes that we use; the shorter ones, bf16 (sixteen bits) and int8 (whole numbers of eight bits), come in chapters [05](05_training.ipynb#In-which-numbers?) and [08](08_to_the_device.ipynb#Eight-bits). Compare the first line with the last of the copies: half of the GFLOP/s are mult-adds, in billions, and a quarter of the GB/s are numbers. While one number comes or goes, the book's machine could do about twenty mult-adds<!-- 18 < 2 * bench_machine.peaks[0].gflops / bench_machine.copies[-1].gb_per_s < 22 -->. And yours? A layer that uses each number only once or twice leaves the processor waiting.
#
# ## How often is a number used?
#
# That is a property of the layer, and a division gives it: its operations over the bytes that it moves, the **arithmetic intensity**. A layer has to read its input and its weights at least once, and to write its output once.


# %% [markdown] slide=2
# ## Arithmetic intensity
#
# How often is a number used? Operations over the bytes that must be moved:
#
# $$\frac{2 \cdot \text{mult-adds}}{4 \cdot (\text{inputs} + \text{weights} + \text{outputs})}$$
#
# Notes: A layer has to read its input and its weights at least once, and to write its output once. This needs no machine, only the shape of the layer.


# %%
def intensity(mult_adds, inputs, weights, outputs):
    return 2 * mult_adds / (4 * (inputs + weights + outputs))  # operations per byte


# %% [markdown]
# **Predict:** take a depthwise and a pointwise layer of 512 channels on a map of 14 by 14. Which has more operations per byte, and by what factor?
#
# <details><summary>How to think about it</summary>
#
# Both read and write 512 maps. In the depthwise layer each number takes part in 9 mult-adds, one for each place of the kernel. In the pointwise layer it takes part in 512, one for each filter.
# </details>

# %%
expect("04-intensity")

# %% [markdown] slide=2
# ## Which has more operations per byte: depthwise or pointwise?
#
# 512 channels, a map of 14 by 14. By what factor?
#
# Notes: In the depthwise layer a number takes part in 9 mult-adds, in the pointwise one in 512.

# %% [markdown] slide=1
# ## Two against fifty-five
#
# [[output]]
#
# Notes: Not 512 over 9, since the pointwise layer must also read its weights, more numbers than are in its two maps.

# %%
maps, size = 512 * 14**2, 14
depthwise = intensity(cost.depthwise_mult_adds(3, 512, size), maps, 9 * 512, maps)
pointwise = intensity(cost.pointwise_mult_adds(512, 512, size), maps, 512 * 512, maps)
print(f"depthwise {depthwise:.1f}, pointwise {pointwise:.1f} operations per byte")

# %% [markdown]
# Two against fifty-five: a factor of 25, not of 512/9, since the pointwise layer must also read its 262,144 weights, and these are more numbers than its two maps hold together. The library computes the intensity of every layer from Table 1:

# %%
import mobilenet_lib as mn

arch = mn.mobilenet_v1()
assert np.isclose(arch.layer("dw_8").intensity(), depthwise)
assert np.isclose(arch.layer("pw_8").intensity(), pointwise)
for kind, total in arch.by_kind().items():
    print(f"{kind:<10}{total.intensity:6.1f} operations per byte, layers: {total.layers}")

# %% [markdown]
# The fully connected layer has the lowest intensity of all: for one image it uses each of its million weights once. Depthwise layers do a little better, the others much better.
#
# ## One roof for all layers
#
# Now put both limits into one picture. A layer can be no faster than the arithmetic allows, and no faster than its bytes arrive. Plot speed against intensity, both on logarithmic axes, and the limits form a roof: it rises where the bytes decide, and is flat where the arithmetic does. The two parts meet at the **ridge**. Such a figure is called a *roofline*.
#
# Then measure each of the 28 layers on its own input, and mark how fast it really is.
#
# **Predict:** which marks will lie under the slope, and which under the flat part? And will they touch the roof?

# %%
expect("04-roof")

# %% [markdown] slide=3
# ## One roof for all layers
#
# [[output]]
#
# Notes: Intensity from left to right, speed upwards, both logarithmic. Under the slope bytes decide, under the flat part arithmetic. Pointwise layers are at the top right, depthwise ones at the bottom left, well below the slope: they have other costs.

# %% tags=["nbval-ignore-output"]
from mobilenet_lib import plots
from mobilenet_lib.bench.layers import bench_layers

profile = bench_layers(ceilings=ceilings)
plots.roofline(profile.points, ceilings.peak() / 1e9, ceilings.bandwidths)

# %% [markdown]
# The pointwise layers are at the top right, under the flat part, most of them at two thirds to nine tenths of it on the book's machine<!-- 8 < sum(0.65 < g / bench_layers.ceilings.peaks[0].gflops < 0.95 for g in pick(bench_layers.layers, "gflops", kind="pointwise")) -->. (The axis is logarithmic, so two thirds look near.) A 1 by 1 convolution *is* a matrix product, and a processor does nothing better. Only the last two, on maps of 7 by 7 pixels, come to a third of it and less<!-- max(pick(bench_layers.layers, "gflops", kind="pointwise")[-2:]) / bench_layers.ceilings.peaks[0].gflops < 0.35 -->. We return to them [further down](#A-table-of-shapes). The depthwise layers are at the bottom left, well below the slope. (There is more than one slope, since numbers come faster from a cache than from memory.)
#
# If a layer stays below the roof, something other than the two limits holds it back. It has other costs: finding the routine to call (which is called a *kernel*, too), starting threads, padding, numbers that do not fill a *vector*, the group of numbers that the processor computes at once. The smaller the layer, the more these costs matter.
#
# You can move the roof. Below are the same layers under your machine's two limits, each with a knob.
#
# **Predict:** on a processor with twice the arithmetic and the same memory, how much faster can `dw_7` be? And with 32 images at a time (a *batch* of 32), which kind of layer gains most?

# %%
expect("04-twice")

# %% [markdown] slide=5
# ## Move the roof
#
# [[explorer v1&machine=book&hide=resolution,body,machine,shown,help,foot]]
#
# Notes: Ask: with twice the arithmetic and the same memory, how much faster can dw_7 be? Not at all. With 32 images at a time, which kind gains most? The fully connected layer: its weights are read once for all images.

# %% tags=["measured"]
from mobilenet_lib.explorers import RooflineExplorer

RooflineExplorer(ceilings, profile)

# %% [markdown]
# `dw_7` gains nothing: it waits for its bytes, however high the flat part is. The fully connected layer gains most from a batch, since its weights are read once for all images. Try numbers of two bytes, or the [full body](03_the_network.ipynb#Two-other-bodies). How much faster must the arithmetic become before the whole network waits for memory?
#
# ## Three per cent of the work
#
# In [chapter 03](03_the_network.ipynb#Where-the-work-is:-Table-2), Table 2 showed where the mult-adds are: 95 % in the pointwise layers, 3 % in the depthwise ones. And where is the time?

# %% [markdown] slide=1
# ## 3 % of the mult-adds: what share of the time?
#
# The depthwise layers.
#
# Notes: They know the 3 % from Table 2. Collect guesses.

# %% [markdown] slide=2
# ## Many times their share
#
# [[output]]
#
# Notes: Three reasons add up: one to two operations per byte; no matrix product, so the well-tuned code cannot be used; and they are short, so fixed costs weigh more. This is no fault of the design: nearly all of the work moved to where machines are fast.

# %% tags=["measured"]
plots.time_shares(profile.time_shares, profile.mult_adds_shares)

# %% [markdown]
# If time were proportional to mult-adds, each colour would be equally long in both bars. It is not. The depthwise layers take many times their share. Now you can say why, for three reasons that add up:
#
# - They have one to two operations per byte. If the bytes came from memory, they could not keep the processor busy, and even from a cache only just.
# - Nine weights per channel give no matrix product: no neighbouring filter uses the same numbers again, so the well-tuned code for matrix products does not apply.
# - They are short, so fixed costs weigh more. On the book's machine this is the largest cost that we can single out: the roof allows a fifth of a millisecond<!-- 0.18 < sum(pick(bench_layers.layers, "roof_ms", kind="depthwise")) < 0.22 --> of the 1.9<!-- sum(pick(bench_layers.layers, "timing.median_ms", kind="depthwise")) --> that they take, while the fixed costs of their calls make up 0.9<!-- 13 * bench_layers.overhead_ms.depthwise -->.
#
# On the book's machine they take 16 %<!-- 100 * sum(pick(bench_layers.layers, "time_share", kind="depthwise")) --> of the time (`data/results/bench_layers.json`). This is no fault of the design. It moved nearly all of the work to where machines are fast, and the rest is small, though each of its mult-adds is slow. It only means that counting mult-adds leaves about a sixth<!-- 0.15 < sum(pick(bench_layers.layers, "time_share", kind="depthwise")) < 0.18 --> of the time unexplained. Here are the numbers for your machine. *roof* is the time that the roof allows; *bound* names what takes longest: arithmetic (*compute*), bytes (*memory*) or all the rest (*overhead*). (*BN folded* means that batch normalization is already part of the weights; [chapter 08](08_to_the_device.ipynb#Folding) shows how.)

# %% tags=["nbval-ignore-output"]
print(profile)

# %% [markdown]
# The last lines are a check that any such table needs: they compare the sum of the single times with the time of the whole network, measured in one piece. If the two differed much, we could not trust the single times.
#
# ## Dense against sparse
#
# The paper warns in half a sentence that zeros scattered all over a matrix do not easily make it faster. We can test that. Take a pointwise layer of 512 channels, set a share of its weights to zero, and store only the others, row by row with their places. (This format is called *compressed sparse row*, CSR.) A product with such a matrix is *sparse*; the usual one, with all weights, is *dense*.
#
# **Predict:** above what share of zeros is the sparse product faster than the dense one: 50 %, 70 %, 90 %?

# %%
expect("04-sparse")

# %% [markdown] slide=2
# ## Above what share of zeros does a sparse product win?
#
# 50 %, 70 %, 90 %?
#
# Notes: A pointwise layer of 512 channels, with zeros scattered anywhere, and the other weights stored row by row with their places.

# %% [markdown] slide=2
# ## Later than most expect
#
# [[output]]
#
# Notes: The dense product multiplies zeros like everything else, at full speed. The sparse one pays for each weight that is left: its place has to be read.

# %% tags=["nbval-ignore-output"]
from mobilenet_lib.bench.sparse import bench_sparse

sparse = bench_sparse()
plots.sparse_crossing(sparse.sparsities, sparse.milliseconds, sparse.crossings)

# %% [markdown]
# On the book's machine it took 79 %<!-- 100 * bench_sparse.crossings["torch CSR"] --> of zeros with PyTorch's sparse product and 90 %<!-- 100 * bench_sparse.crossings["SciPy CSR"] --> with SciPy's (`data/results/bench_sparse.json`); the figure above comes from another run, and shows how far such a crossing moves from one run to the next. The dense product multiplies zeros like everything else, at full speed. The sparse one skips them, but pays for each weight that is left: its place has to be read, and its inputs have to be fetched from all over the map. The sparse product wins only where the skipping saves more than that.
#
# Move the slider, or press *Play*: the smallest weights of a trained layer of this shape are removed first. On the right you see how many weights are left, how many bytes they take, and how long each product took.
#
# **Predict:** when half of the weights are zero, how many bytes does the sparse form save?

# %%
expect("04-bytes")

# %% [markdown] slide=4
# ## At 50 % zeros, how many bytes are saved?
#
# [[explorer v1&hide=squares,help,foot]]
#
# Notes: None: the place of each remaining weight has to be stored, too. Try blocks of 4 by 4 and whole channels. MobileNet leaves connections out in a regular pattern, so that what remains is dense.

# %% tags=["measured"]
from mobilenet_lib.explorers import SparsityExplorer

SparsityExplorer(sparse.sparsities, sparse.milliseconds)

# %% [markdown]
# None: the place of each remaining weight has to be stored, too, and takes as many bytes as the weight. Try *blocks of 4 × 4* and *whole channels* under *Remove*: the places cost less and less, but the weights that are removed are no longer the smallest.
#
# So with 80 % zeros this layer has a fifth of the mult-adds, and on the book's machine PyTorch's sparse product takes about as long as the dense one<!-- 0.85 < one(bench_sparse.levels, "to_dense", sparsity=0.8)["torch CSR"] < 1.15 -->. MobileNet goes the other way: it leaves connections out in a *regular* pattern, all those between channels in the depthwise layers, so that what remains is dense.
#
# ## More at once: batch and threads
#
# One picture at a time gives small matrices. Several at once, a batch, give larger ones, and the weights are fetched once for all pictures. A second thread can take half of the rows. Here are the images per second, for a small network so that you need not wait.
#
# **Predict:** does a larger batch help? Does a second thread? And which of the two helps more?

# %%
expect("04-batch")

# %% tags=["measured"]
from mobilenet_lib.bench.latency import throughput

batches = (1, 2, 4, 8, 16, 32)
rates = throughput(0.5, 128, batches, thread_counts=(1, 2))
print("images at a time     ", *(f"{batch:6}" for batch in batches))
for count in (1, 2):
    print(f"per second, threads: {count}", end="")
    print(*(f"{rates[count, batch]:6.0f}" for batch in batches))
print("two threads to one   ", *(f"{rates[2, batch] / rates[1, batch]:6.2f}" for batch in batches))

# %% [markdown]
# The two lines in the middle show what a batch gains. The last line shows what a second thread gains: at best, the speed doubles. A batch helps at first, since its pictures share the fixed costs of a call. Then it may stop helping: the maps of many images no longer fit into the caches, and travel to memory and back between the layers. (Without a setting that the library makes, each picture could even take longer in a large batch than alone. Linux may take the memory of a large map back after its layer, and hand it out again for the next, page by page and filled with zeros.) A second thread takes half of the arithmetic. But for a single small picture, starting it costs most of what it gains, and both threads share the connection to memory.
#
# On a graphics processor (GPU) the price of a call decides nearly everything, as long as there is one picture. Here are six layers of the full network on an NVIDIA H100, timed one by one, beside what the roofline allows: the longer of the two times that arithmetic and memory need.

# %% [markdown] slide=2
# ## One picture on a data centre's GPU: how near do layers come to the roofline?
#
# An NVIDIA H100 has hundreds of times the arithmetic of a laptop.
#
# Notes: Collect guesses in per cent. Then the next slide.

# %% [markdown] slide=2
# ## More than a hundred times above it
#
# [[output]]
#
# Notes: All six take about the same time, whatever their mult-adds. The price of a call decides nearly everything as long as there is one picture. Mult-adds count where there are enough of them.

# %%
from mobilenet_lib.results import recorded

for layer in recorded("nvidia_h100_80gb_hbm3_layers_1")["results"]["layers"][1:7]:
    took, least = 1e3 * layer["timing"]["median_ms"], 1e3 * layer["roof_ms"]
    work = layer["mult_adds"] / 1e6
    print(f"{layer['name']:5} {work:5.1f} M mult-adds: {took:4.0f} µs, roofline {least:.1f} µs")

# %% [markdown]
# All take between 54<!-- min(layer.timing.median_ms for layer in nvidia_h100_80gb_hbm3_layers_1.layers[1:7]) * 1e3 --> and 79<!-- max(layer.timing.median_ms for layer in nvidia_h100_80gb_hbm3_layers_1.layers[1:7]) * 1e3 --> millionths of a second, whether they have two million mult-adds or fifty-one, and all take more than a hundred times as long as the roofline allows<!-- 100 < min(layer.timing.median_ms / layer.roof_ms for layer in nvidia_h100_80gb_hbm3_layers_1.layers[1:7]) < 130 -->. With 256 pictures at a time, the same six are within five to seven times<!-- 4.5 < min(layer.timing.median_ms / layer.roof_ms for layer in nvidia_h100_80gb_hbm3_layers_256.layers[1:7]) < max(layer.timing.median_ms / layer.roof_ms for layer in nvidia_h100_80gb_hbm3_layers_256.layers[1:7]) < 7 --> of it. That is why a narrow MobileNet is no faster than a wide one on a GPU that is given one picture at a time, and why separating convolutions can even make it slower: two calls in place of one. Mult-adds count where there are enough of them. ([Chapter 08](08_to_the_device.ipynb#Engines) shows what can be done about the calls.)
#
# ## Predict, then measure
#
# Now put it together. A layer takes the longer of its two times, arithmetic or bytes, plus a fixed cost per call. From the profile of the network above we take how near each kind of layer comes to the roof, and what a call costs. From that, how long should a network of another width and resolution take?
#
# **Predict:** the 0.5 MobileNet-160 has 76 million mult-adds, between a seventh and an eighth of the full network. Will it take that share of the time?

# %%
expect("04-half")

# %% [markdown] slide=2
# ## 76 of 569 million mult-adds: what share of the time?
#
# The 0.5 MobileNet-160 has between a seventh and an eighth of the work.
#
# Notes: A layer takes the longer of its two times, plus a fixed cost for the call. Give them the full network's milliseconds, and ask for a prediction.

# %% [markdown] slide=2
# ## Predict, then measure
#
# [[output]]
#
# Notes: All that the model knows about the smaller network is its table of layers. Two limits, how near each kind comes to them, and a price for each call explain most of the time.

# %% tags=["measured"]
from mobilenet_lib.bench.roofline import predict

half = mn.mobilenet_v1(0.5, 160)
expected = predict(half, 1, ceilings, profile.calibration).ms
found = bench_layers(0.5, 160, ceilings=ceilings).whole.median_ms
by_count = profile.whole.median_ms * half.mult_adds / arch.mult_adds
print(f"predicted {expected:.2f} ms, measured {found:.2f} ms")
print(f"by mult-adds alone it would be {by_count:.2f} ms")

# %% [markdown]
# Mult-adds alone are off by a factor of two or more<!-- 2 < one(bench_sixteen.models, "added_ms", alpha=0.5, resolution=160) / (bench_sixteen.models[0].added_ms * 76 / 569) -->. The model comes much nearer, and all that it knows about the smaller network is its table of layers. Two limits, how near each kind of layer comes to them, and a price for each call explain most of the time.
#
# With one network we may have been lucky. Here are all sixteen<!-- len(pick(bench_sixteen.models, body="separable")) -->, the four widths at four resolutions of [chapter 06](06_width_and_resolution.ipynb#Sixteen-networks-and-what-they-know). They are predicted from the profile of the largest (so the first row is no test) and measured layer by layer, on the book's own machine. The numbers are in `data/results/bench_sixteen.json`; `mobilenet bench sixteen` measures yours.

# %% [markdown] slide=3
# ## All sixteen, predicted from one
#
# [[output 2-17]]
#
# Notes: The first row is no test, since the model was taken from that network. What is missing? Shapes: matrices with few rows are further from the roof than the model assumes.

# %%
sixteen = recorded("bench_sixteen")["results"]
print(sixteen["device"])
for row in sixteen["models"][:16]:
    measured, predicted = row["added_ms"], row["by_kind_ms"]
    size = f"{row['alpha']:<5}{row['resolution']:4} px"
    print(f"{size} predicted {predicted:6.2f} ms, {predicted / measured - 1:+4.0%} of measured")

# %% [markdown]
# Most are within a quarter of what was measured<!-- 8 < sum(abs(m.by_kind_ms / m.added_ms - 1) < 0.25 for m in pick(bench_sixteen.models, body="separable")) -->. By mult-adds alone, the prediction for the smallest would be off by a factor of more than four<!-- 4 < bench_sixteen.models[15].added_ms / bench_sixteen.models[0].added_ms * bench_sixteen.models[0].mult_adds / bench_sixteen.models[15].mult_adds -->. What does the model leave out?
#
# It has a single number for how near the pointwise layers come to the roof, taken from the network at 224 pixels. In the profile of that network, above, the last two pointwise layers, on maps of 7 by 7, are far below the others: their matrices have 49 rows, too few to fill the blocks in which a fast matrix product works. At 128 pixels they have sixteen rows, and more layers are like this. In the narrow networks the matrices have fewer columns, too.
#
# The roofline takes operations and bytes into account, but not shapes.
#
# ## A table of shapes
#
# So let us measure shapes. Take layers of many sizes, on maps of 104, 52, 26, 13, 7 and 4 pixels on a side, with 8, 16, 32 channels and so on up to 1024, and write down how long each takes. They are measured as a network runs them: each feeds the next, so that a layer finds its input where the layer before it left it, and its weights where the last pass left them. That takes a few seconds, once.
#
# **Predict:** a pointwise layer with 256 channels in and out is one matrix product, with as many rows as its map has pixels. From 676 rows down to 16, by what factor does its speed fall?

# %%
expect("04-rows")

# %% [markdown] slide=2
# ## 256 channels in and out: how does speed fall with the map?
#
# From 26 by 26 pixels down to 4 by 4.
#
# Notes: A pointwise layer is a matrix product with as many rows as pixels. The roofline asks only how many operations there are per byte.

# %% [markdown] slide=2
# ## Few rows, slow product
#
# [[output]]
#
# Notes: With few rows, each weight is fetched for little use, and a fast product's blocks stay half empty. A single number for all pointwise layers cannot express that; a table can.

# %% tags=["measured"]
from mobilenet_lib.bench.shapes import bench_shapes

table = bench_shapes()
for row in sorted(table.times, key=lambda row: -row.rows):
    if (row.kind, row.inner, row.columns) == ("pointwise", 256, 256):
        rate = 2 * row.rows * row.inner * row.columns / row.ms / 1e6
        print(f"{row.rows:4} rows: {rate:6.1f} GFLOP/s")

# %% [markdown]
# The same weights, at very different speeds: on the book's machine, sixteen rows reach less than a third of the speed of 676<!-- 16 / 676 * [t.ms for t in bench_sixteen.table.times if (t.kind, t.rows, t.inner, t.columns) == ("pointwise", 676, 256, 256)][0] / [t.ms for t in bench_sixteen.table.times if (t.kind, t.rows, t.inner, t.columns) == ("pointwise", 16, 256, 256)][0] < 0.33 -->. The roofline, too, says that few rows are slow, since each weight is used once for each row; but how far below the roof a product stays depends on its shape.
#
# The paper's networks have other maps, of 112 or 56 pixels on a side, and other numbers of channels. Between the points of the table we interpolate along straight lines, with time, channels and rows on logarithmic axes. So the table needs no limits, no number for how near a layer comes to them, and no price per call: its times contain all of these. What does it predict for the network from above?

# %% tags=["measured"]
by_shape = sum(table.predict(half).values())
print(f"by kind {expected:.2f} ms, by shape {by_shape:.2f} ms, measured {found:.2f} ms")

# %% [markdown]
# And for all the others? No network of the paper is in the table, so each of them is a test: the sixteen, the largest included, and two with other bodies, from Tables 4 and 5. The table and the networks were measured in turn, pass by pass. Each layer was timed many times. We take the time that only a tenth of its readings fall below, since other programs can only make a layer slower. A network's time is the sum of its layers' times.

# %% [markdown] slide=3
# ## All of them, predicted from shapes
#
# [[output]]
#
# Notes: How far each prediction is off. No network is in the table. The last line gives the median and the largest error.


# %%
errors = [row["predicted_ms"] / row["added_ms"] - 1 for row in sixteen["models"]]
print("pixels          224     192     160     128")
for at, alpha in ((0, 1.0), (4, 0.75), (8, 0.5), (12, 0.25)):
    print(f"alpha {alpha:<5}", *(f"{error:+7.1%}" for error in errors[at : at + 4]))
print(f"full        {errors[16]:+7.1%}")
print(f"shallow     {errors[17]:+7.1%}")
print(f"median {np.median(np.abs(errors)):.1%}, largest {np.max(np.abs(errors)):.1%}")

# %% [markdown]
# All eighteen<!-- len(bench_sixteen.models) --> are within 15 % on the book's machine<!-- max(abs(m.predicted_ms / m.added_ms - 1) for m in bench_sixteen.models) < 0.15 -->, and half of them within 7 %<!-- sorted(abs(m.predicted_ms / m.added_ms - 1) for m in bench_sixteen.models)[9] < 0.07 -->. Restricted to the shorter vectors of an older processor, the same machine needs another table: there, too, they are within 15 %<!-- max(abs(m.predicted_ms / m.added_ms - 1) for m in bench_sixteen_avx2.models) < 0.15 --> (`data/results/bench_sixteen_avx2.json`).
#
# So why use a roofline at all? The table predicts but does not explain. It holds for this machine, this library and one picture at a time; for another it has to be measured again. The two limits of the roofline can be read off a data sheet, and they tell you what to change: fewer operations, fewer bytes or fewer calls.
#
# ## Exercises
#
# The first are quick; *build* and *investigate* take longer, and have more than one good answer. When you are done, or stuck, look at the [solutions](solutions/04_solutions.ipynb).
#
# **4.1** A pointwise layer with 256 channels in and out on a map of 28 by 28, one image, in float32 (four bytes for each number). How many operations are there per byte, at most?

# %%
from mobilenet_lib.checks import check

answer = ...
check("4.1", answer)

# %% [markdown]
# **4.2** A processor does at most 240 billion operations per second and moves at most 30 billion bytes per second. What arithmetic intensity does a layer need to use its arithmetic fully?

# %%
from mobilenet_lib.checks import check

answer = ...
check("4.2", answer)

# %% [markdown]
# **4.3** Write `roofline(operations, moved, peak, bandwidth)`, which returns the milliseconds that a layer takes at least, from its operations and bytes and the machine's operations and bytes per second.

# %%
from mobilenet_lib.checks import check

roofline = ...  # def roofline(operations, moved, peak, bandwidth): ...
check("4.3", roofline)

# %% [markdown]
# **4.4** For each weight that is left, a sparse product needs twelve times as long as a dense one needs for each weight. Above what share of zeros is it faster? Give a number between 0 and 1, to two decimals.

# %% [markdown] slide=1
# ## In two lines
#
# - Two limits hold for every layer, arithmetic and bytes; operations per byte tell which one applies.
# - Mult-adds alone do not predict milliseconds; a roof and a price for each call nearly do, a table of shapes does.
#
# Notes: Exercises 4.1 to 4.4 in the chapter. Next: the network learns.

# %%
from mobilenet_lib.checks import check

answer = ...
check("4.4", answer)

# %% [markdown]
# **4.5 · Build.** Compute the same sum in a fourth way, or from memory in one of the three: write `convolve(F, K)`, a standard convolution with 3 by 3 kernels and no padding, *without* loops over pixels or channels.

# %%
from mobilenet_lib.checks import check

convolve = ...  # def convolve(F, K): ...
check("4.5", convolve)

# %% [markdown]
# **4.6 · Build.** To find your machine's roof you need a stopwatch that you can trust. Write `best_seconds(run, clock)`: how long does one call of `run()` take? `clock()` gives seconds, as `time.perf_counter` does. Both may be as awkward as real ones: the first run is slow, some readings are disturbed, and one tick of the clock may be longer than the task. Then try your function on a matrix product.

# %%
from mobilenet_lib.checks import check

best_seconds = ...  # def best_seconds(run, clock): ...
check("4.6", best_seconds)

# %% [markdown]
# **4.7 · Investigate.** Which layer lies? A report lists layers as (name, operations, bytes, milliseconds), for a machine whose peak and bandwidth are known, in operations and in bytes per second. Some of the times are impossible. Write `liars(layers, peak, bandwidth)`, which returns the names of those layers.

# %%
from mobilenet_lib.checks import check

liars = ...  # def liars(layers, peak, bandwidth): ...
check("4.7", liars)

# %% [markdown]
# **4.8 · Investigate.** Predict, and be scored. Write `predict(mult_adds, ms, wanted)`: from the mult-adds and measured milliseconds of some networks (two arrays), predict the milliseconds of a network with `wanted` mult-adds. It is tried on the book's sixteen networks, each time without the one to be predicted, and on invented machines. Each prediction may be off by at most a quarter.

# %%
from mobilenet_lib.checks import check

predict = ...  # def predict(mult_adds, ms, wanted): ...
check("4.8", predict)

# %% [markdown]
# **4.9** Why the three per cent take so long: a depthwise layer with 3 by 3 kernels, 512 channels and a map of 14 by 14, one image, in float32. How many operations are there per byte, at most?

# %%
from mobilenet_lib.checks import check

answer = ...  # to one decimal
check("4.9", answer)

# %% [markdown]
# ### Closing questions
#
# Answer without scrolling back. Each answer says why it is right or wrong.

# %%
from mobilenet_lib.checks import quiz

quiz("04")

# %% [markdown]
# ### What you expected
#
# What you predicted in this chapter, beside what came out:

# %%
from mobilenet_lib.checks import outcomes

outcomes("04")

# %% [markdown]
# ## Summary
#
# - A mult-add has no fixed price. Loops and matrix products do the same work at speeds thousands of times apart.
# - Two limits hold for every layer: how fast the processor computes, and how fast its numbers arrive. Operations per byte tell you which one applies.
# - Pointwise layers are matrix products with ten to fifty-five operations per byte, and reach between a quarter<!-- 0.2 < min(pick(bench_layers.layers, "gflops", kind="pointwise")) / bench_layers.ceilings.peaks[0].gflops < 0.3 --> and nine tenths<!-- 0.85 < max(pick(bench_layers.layers, "gflops", kind="pointwise")) / bench_layers.ceilings.peaks[0].gflops < 0.95 --> of the machine's peak. Depthwise layers have one or two, and stay far below it.
# - So 3 % of the mult-adds take far more than 3 % of the time<!-- 9 < 100 * sum(pick(bench_layers.layers, "time_share", kind="depthwise")) -->, and the design is still right.
# - Zeros scattered over a matrix make its product faster only when about four fifths<!-- 0.75 < min(bench_sparse.crossings.values()) < 0.85 --> of it or more are zero.
# - Two limits, how near each kind of layer comes to them, and a price for each call, all taken from one network, predict most others to within a quarter<!-- 8 < sum(abs(m.by_kind_ms / m.added_ms - 1) < 0.25 for m in pick(bench_sixteen.models, body="separable")) -->. A table of layer shapes predicts all to within 15 %<!-- max(abs(m.predicted_ms / m.added_ms - 1) for m in bench_sixteen.models) < 0.15 -->: rows and columns matter, not only their product.
#
# Next, in [chapter 05](05_training.ipynb), the network learns. [Chapter 08](08_to_the_device.ipynb) returns to the milliseconds.
#
# ## Sources
#
# - GEMM, im2col and sparse matrices: Howard et al., arXiv 1704.04861, section 3.2, and Table 2.
# - The roofline: S. Williams, A. Waterman, D. Patterson: *Roofline: An Insightful Visual Performance Model for Multicore Architectures*, Communications of the ACM, 2009.
# - Times of the networks and the table of shapes: `data/results/bench_sixteen.json` and `bench_sixteen_avx2.json`, with machine, date and command.
