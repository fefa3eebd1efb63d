# %% [markdown]
# # What a mult-add costs
#
# Chapter 02 ended with a promise: eight to nine times fewer mult-adds. It did not promise eight to nine times less time. A mult-add, one multiplication and one addition, is a unit of arithmetic, and what you wait for is a machine. This chapter looks at the machine, and ends with you predicting its milliseconds.
#
# **Contents:** [The same sum, three times](#The-same-sum,-three-times) · [What your processor can do at most](#What-your-processor-can-do-at-most) · [How often is a number used?](#How-often-is-a-number-used?) · [One roof for all layers](#One-roof-for-all-layers) · [Three per cent of the work](#Three-per-cent-of-the-work) · [Dense against sparse](#Dense-against-sparse) · [More at once: batch and threads](#More-at-once:-batch-and-threads) · [Predict, then measure](#Predict,-then-measure) · [A table of shapes](#A-table-of-shapes) · [Exercises](#Exercises) · [Summary](#Summary) · [Sources](#Sources)

# %% [markdown]
# **In this chapter you will**
#
# - compute one layer in three ways that do the same mult-adds and take very different times,
# - measure what your processor can do at most, in arithmetic and in moving numbers,
# - tell by a division which of the two a layer is limited by,
# - see all 28 layers under one roof,
# - find out why the depthwise layers, 3 % of the work, take far more of the time,
# - find how many weights must be zero before a sparse layer is worth it,
# - predict the latency of a network, and then measure it.
#
# ## The same sum, three times
#
# Take one layer: 3 by 3, 64 channels in, 64 out, on a map of 14 by 14. Chapter 01 computed such a layer with six loops, then as one matrix product of copied windows (*image to columns* and *general matrix multiply*, im2col and GEMM for short). Here is a third way, without the copies: one small matrix product for each of the nine places of the kernel, each on the map moved by a pixel. It is called *direct*.

# %% [markdown] slide=1
# # What a mult-add costs
#
# Eight to nine times fewer mult-adds. Is that eight to nine times less time?
#
# Notes: A mult-add is a unit of arithmetic, and what you wait for is a machine. At the end the room predicts milliseconds. Numbers on these slides are from the machine that executed the book; run the chapter for your own.

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
# The work is known: $3 \cdot 3 \cdot 64 \cdot 64 \cdot 14^2$ mult-adds, seven million. The loops did less: one filter on a map of nine pixels.
#
# **Predict:** how many million mult-adds a second does each of the three manage? By which factor will the fastest beat the slowest: 3, 30, or more?

# %% [markdown] slide=2
# ## By which factor does the fastest beat the slowest?
#
# 3, 30, or more?
#
# Notes: All three do the same arithmetic. Take a vote.

# %% [markdown] slide=2
# ## Thousands of times
#
# [[output]]
#
# A mult-add has no price of its own.
#
# Notes: In Python's loops nearly all of the time goes into finding out what to multiply. A matrix product has that settled before it begins.

# %% tags=["nbval-ignore-output"]
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
    print(f"{name:<16}{mult_adds[name] / np.median(seconds) / 1e6:12,.0f} million a second")

# %% [markdown]
# Thousands of times. In Python's loops nearly all of the time goes into finding out what to multiply; a matrix product has that settled before it begins. So a mult-add has no price of its own. It depends on who does it, and on how its numbers come to it.
#
# `interleave` is the book's clock. It runs the tasks in turns, a, b, c, a, b, c, so that whatever else your machine is doing slows all of them alike, and it does not count the first rounds, in which caches fill up. From a list of times take the median: one slow reading does not move it.
#
# ## What your processor can do at most
#
# Two things take time in a layer. Its mult-adds have to be computed, and its numbers have to come from somewhere: from memory, or from one of the caches, which are small and near. Let us measure the most that your machine does of either. For arithmetic: a large matrix product. For moving: a copy of an array, of several sizes.
#
# **Predict:** a number that comes from memory, how many mult-adds could the processor do in the same time?

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
# Notes: One mult-add counts as two operations. Set the first line against the last of the copies: half the GFLOP/s are mult-adds, a quarter of the GB/s are numbers of four bytes. The ratio is the answer to the question.

# %% tags=["nbval-ignore-output"]
from mobilenet_lib.bench.peaks import bench_peaks

ceilings = bench_peaks()
print(ceilings)

# %% [markdown]
# GFLOP/s are billions of floating-point operations per second, and one mult-add counts as two: a product and a sum. fp32 are the floating-point numbers of four bytes that we use; the shorter ones, bf16 (sixteen bits) and int8 (whole numbers of eight bits), can wait until chapters 05 and 08. Set the first line against the last of the copies: half of the GFLOP/s are the mult-adds, in billions, and a quarter of the GB/s are the numbers. While one number comes or goes, the book's machine could do about a dozen mult-adds<!-- 11 < 2 * bench_machine.peaks[0].gflops / bench_machine.copies[-1].gb_per_s < 14 -->. And yours? A layer that uses each number once or twice will keep it waiting.
#
# ## How often is a number used?
#
# That is a property of the layer, and a division tells it: operations over bytes, its **arithmetic intensity**. At least, a layer reads its input and its weights once, and writes its output once.


# %% [markdown] slide=2
# ## Arithmetic intensity
#
# How often is a number used? Operations over bytes, at least:
#
# $$\frac{2 \cdot \text{mult-adds}}{4 \cdot (\text{inputs} + \text{weights} + \text{outputs})}$$
#
# Notes: At least, a layer reads its input and its weights once and writes its output once. This needs no machine, only the shape of the layer.


# %%
def intensity(mult_adds, inputs, weights, outputs):
    return 2 * mult_adds / (4 * (inputs + weights + outputs))  # operations a byte


# %% [markdown]
# **Predict:** take a depthwise and a pointwise layer of 512 channels on a map of 14 by 14. Which has more operations for each byte, and by how much?
#
# <details><summary>How to think about it</summary>
#
# Both read and write 512 maps. In the depthwise layer each number takes part in 9 mult-adds, one for each place of the kernel. In the pointwise layer it takes part in 512, one for each filter.
# </details>

# %% [markdown] slide=2
# ## Which has more operations for each byte: depthwise or pointwise?
#
# 512 channels, a map of 14 by 14. By which factor?
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
print(f"depthwise {depthwise:.1f}, pointwise {pointwise:.1f} operations a byte")

# %% [markdown]
# Two against fifty-five: a factor of 25, and not of 512/9, since the pointwise layer must also read its 262,144 weights, more than the numbers in its two maps together. The library counts the same for every layer, from Table 1:

# %%
import mobilenet_lib as mn

arch = mn.mobilenet_v1()
assert np.isclose(arch.layer("dw_8").intensity(), depthwise)
assert np.isclose(arch.layer("pw_8").intensity(), pointwise)
for kind, total in arch.by_kind().items():
    print(f"{kind:<10}{total.intensity:6.1f} operations a byte, in {total.layers} layers")

# %% [markdown]
# The fully connected layer is the poorest of all: for one image it uses each of its million weights once. Depthwise layers do a little better, the others much better.
#
# ## One roof for all layers
#
# Now put both limits into one picture. A layer cannot be faster than the arithmetic allows, and not faster than its bytes arrive. With the intensity to the right and the speed upwards, both on logarithmic axes, the limits form a roof: rising while the bytes decide, flat where the arithmetic does. Where they meet is the **ridge**. The figure is called *roofline*.
#
# Then measure each of the 28 layers on its own input, and mark how fast it really is.
#
# **Predict:** which marks will lie under the slope, and which under the flat? And will they touch the roof?

# %% [markdown] slide=3
# ## One roof for all layers
#
# [[output]]
#
# Notes: Intensity to the right, speed upwards, both logarithmic. Under the slope bytes decide, under the flat part arithmetic. Pointwise layers stand high and right, depthwise ones low and left, well below the slope: they have other costs.

# %% tags=["nbval-ignore-output"]
from mobilenet_lib import plots
from mobilenet_lib.bench.layers import bench_layers

profile = bench_layers(ceilings=ceilings)
plots.roofline(profile.points, ceilings.peak() / 1e9, ceilings.bandwidths)

# %% [markdown]
# The pointwise layers stand high and to the right, under the flat part, most of them at two thirds to nine tenths of it on the book's machine<!-- 8 < sum(0.65 < g / bench_layers.ceilings.peaks[0].gflops < 0.95 for g in pick(bench_layers.layers, "gflops", kind="pointwise")) -->. (The axis is logarithmic, so two thirds look near.) A 1 by 1 convolution *is* a matrix product, and a processor does nothing better. Only the last two, on maps of 7 by 7 pixels, come to a third of it and less<!-- max(pick(bench_layers.layers, "gflops", kind="pointwise")[-2:]) / bench_layers.ceilings.peaks[0].gflops < 0.35 -->. The end of this chapter returns to them. The depthwise layers stand low and to the left, well below the slope. (There is more than one slope: what lies in a cache comes faster than what lies in memory.)
#
# A layer below the roof is not held by the roof. It has other costs: finding the routine to call (it is called a *kernel*, too), starting threads, padding, numbers that do not fill a vector of the processor. The smaller the layer, the more they count.
#
# A roof can be moved. Below are the same layers under your machine's ceilings, each with a knob.
#
# **Predict:** on a processor with twice the arithmetic and the same memory, how much faster can `dw_7` be? And with 32 images at a time, which kind of layer gains most?

# %% [markdown] slide=5
# ## Move the roof
#
# [[explorer v1&machine=book&hide=resolution,body,machine,shown,help,foot]]
#
# Notes: Ask: with twice the arithmetic and the same memory, how much faster can dw_7 be? Not at all. With 32 images at a time, which kind gains most? The fully connected layer: its weights are read once for all images.

# %% tags=["nbval-ignore-output"]
from mobilenet_lib.explorers import RooflineExplorer

RooflineExplorer(ceilings, profile)

# %% [markdown]
# `dw_7` gains nothing: it waits for its bytes, however high the flat part lies. The fully connected layer gains most from a batch, since its weights are read once for all images. Try numbers of two bytes, the full body, and how far the arithmetic must rise until the whole network waits for memory.
#
# ## Three per cent of the work
#
# In chapter 03, Table 2 said where the mult-adds are: 95 % in the pointwise layers, 3 % in the depthwise ones. And the time?

# %% [markdown] slide=1
# ## 3 % of the mult-adds: which share of the time?
#
# The depthwise layers.
#
# Notes: From Table 2 they know the 3 %. Take numbers.

# %% [markdown] slide=2
# ## Many times their share
#
# [[output]]
#
# Notes: Three reasons that come on top of each other: one to two operations for each byte; no matrix product, so the well-tuned code cannot be used; and they are short, so fixed costs weigh more. No fault of the design: nearly all of the work moved to where machines are fast.

# %% tags=["nbval-ignore-output"]
plots.time_shares(profile.time_shares, profile.mult_adds_shares)

# %% [markdown]
# If time went with the mult-adds, each colour would be equally long in both bars. It is not. The depthwise layers take many times their share. Now you can say why, with three reasons that come on top of each other:
#
# - They have one to two operations for each byte. If the bytes came from memory, they could not keep the processor busy, and even from a cache only just.
# - Nine weights a channel give no matrix product: nothing is used again by a neighbouring filter, and the well-tuned code for matrix products cannot be used.
# - They are short, so fixed costs weigh more. On the book's machine this is the largest of the three that can be told apart: the roof allows a fifth of a millisecond<!-- 0.18 < sum(pick(bench_layers.layers, "roof_ms", kind="depthwise")) < 0.22 --> of the 1.9<!-- sum(pick(bench_layers.layers, "timing.median_ms", kind="depthwise")) --> that they take, while the fixed costs of their calls make up 0.9<!-- 13 * bench_layers.overhead_ms.depthwise -->.
#
# On the book's machine they take 16 %<!-- 100 * sum(pick(bench_layers.layers, "time_share", kind="depthwise")) --> of the time (`data/results/bench_layers.json`). This is no fault of the design. It moved nearly all of the work to where machines are fast, and the rest, though slow for each mult-add, is small. It only means that counting mult-adds leaves about a sixth<!-- 0.15 < sum(pick(bench_layers.layers, "time_share", kind="depthwise")) < 0.18 --> of the time out of the count. Here is your machine in numbers. *roof* is the time that the roof allows; *bound* names what takes longest: arithmetic (*compute*), bytes (*memory*) or all the rest (*overhead*). (*BN folded*: batch normalization is already inside the weights; chapter 08 shows how.)

# %% tags=["nbval-ignore-output"]
print(profile)

# %% [markdown]
# At the foot stands a check that any such table needs: the single times, added up, against the whole network timed in one piece. If they differed much, the single times would not be worth believing.
#
# ## Dense against sparse
#
# The paper warns in half a sentence that zeros scattered all over a matrix do not easily make it faster. That can be tested. Take a pointwise layer of 512 channels, set a share of its weights to zero, and store only the others, row by row with their places (the format is called *compressed sparse row*, CSR).
#
# **Predict:** from which share of zeros on is the sparse product faster than the dense one: 50 %, 70 %, 90 %?

# %% [markdown] slide=2
# ## From which share of zeros on does a sparse product win?
#
# 50 %, 70 %, 90 %?
#
# Notes: A pointwise layer of 512 channels, zeros scattered anywhere, the others stored row by row with their places.

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
# On the book's machine it took 79 %<!-- 100 * bench_sparse.crossings["torch CSR"] --> of zeros with PyTorch's sparse product and 90 %<!-- 100 * bench_sparse.crossings["SciPy CSR"] --> with SciPy's (`data/results/bench_sparse.json`); the figure above is another run, and shows how far such a crossing moves from one to the next. The dense product does not care about zeros: it multiplies them like everything else, at full speed. The sparse one skips them, but pays for each weight that is left: its place has to be read, and it fetches its own numbers from the map. Only where the skipping outweighs the price does it win.
#
# Move the slider, or press *Play*: the smallest weights of a trained layer of this shape go first. On the right is what is left of them, in bytes too, and what each product needed.
#
# **Predict:** at half zeros, how many bytes does the sparse form save?

# %% [markdown] slide=4
# ## At half zeros, how many bytes are saved?
#
# [[explorer v1&hide=squares,help,foot]]
#
# Notes: None: each weight that is left brings its place along. Try blocks of 4 by 4 and whole channels. MobileNet leaves connections out in a regular pattern, so that what remains is dense.

# %% tags=["nbval-ignore-output"]
from mobilenet_lib.explorers import SparsityExplorer

SparsityExplorer(sparse.sparsities, sparse.milliseconds)

# %% [markdown]
# None: each weight that is left now brings its place along, as many bytes again. Try *blocks of 4 × 4* and *whole channels* under *Remove*: the places cost less and less, and the weights that go are no longer the smallest.
#
# So at 80 % of zeros this layer has a fifth of the mult-adds, and on the book's machine PyTorch's sparse product takes about as long as the dense one<!-- 0.85 < one(bench_sparse.levels, "to_dense", sparsity=0.8)["torch CSR"] < 1.15 -->. MobileNet goes the other way: it leaves connections out in a *regular* pattern, all those between channels in the depthwise layers, so that what remains is dense.
#
# ## More at once: batch and threads
#
# One picture at a time gives small matrices. Several at once give larger ones, whose weights are fetched once for all. And a second thread can take half of the rows. Here are images a second, for a small network so that you need not wait.
#
# **Predict:** does each of the two help, and which more?

# %% tags=["nbval-ignore-output"]
from mobilenet_lib.bench.latency import throughput

batches = (1, 2, 4, 8, 16, 32)
rates = throughput(0.5, 128, batches, thread_counts=(1, 2))
print("images at a time     ", *(f"{batch:6}" for batch in batches))
for count in (1, 2):
    print(f"a second, threads: {count}", end="  ")
    print(*(f"{rates[count, batch]:6.0f}" for batch in batches))
print("two threads to one   ", *(f"{rates[2, batch] / rates[1, batch]:6.2f}" for batch in batches))

# %% [markdown]
# Read along the two lines in the middle to see what a batch brings, and the last one to see what the second thread brings: 2 is the most that one can hope for. A batch helps at first, since the fixed costs of a call are shared. Then it may stop helping, and large batches can even be slower for each picture: the maps of many images no longer fit into the caches, and travel to memory and back between the layers. A second thread takes half of the arithmetic, but for a single small picture starting it costs most of what it brings, and the way to memory both share.
#
# On a graphics processor (GPU) the price of a call decides nearly everything, as long as there is one picture. Here are six layers of the full network on an NVIDIA H200, timed one by one, and what the roofline asks for: the longer of the two times that arithmetic and memory would need.

# %% [markdown] slide=2
# ## One picture on a data centre's GPU: how near to the roofline do layers come?
#
# An NVIDIA H200 has hundreds of times the arithmetic of a laptop.
#
# Notes: Collect guesses in per cent. Then the next slide.

# %% [markdown] slide=2
# ## Hundreds of times above it
#
# [[output]]
#
# Notes: All six take about the same time, whatever their mult-adds. The price of a call decides nearly everything as long as there is one picture. Mult-adds count where there are enough of them.

# %%
from mobilenet_lib.results import recorded

for layer in recorded("nvidia_h200_layers_1")["results"]["layers"][1:7]:
    took, least = 1e3 * layer["timing"]["median_ms"], 1e3 * layer["roof_ms"]
    work = layer["mult_adds"] / 1e6
    print(f"{layer['name']:5} {work:5.1f} M mult-adds: {took:4.0f} µs, roofline {least:.1f} µs")

# %% [markdown]
# All take between 55 and 82<!-- max(layer.timing.median_ms for layer in nvidia_h200_layers_1.layers[1:7]) * 1e3 --> millionths of a second, whether they have two million mult-adds or fifty-one, and all are hundreds of times above their roof. That is why a narrow MobileNet is no faster than a wide one on a GPU that is asked for one picture at a time, and why taking convolutions apart can even make it slower: two calls in place of one. Mult-adds count where there are enough of them. (What can be done about the calls is in chapter 08.)
#
# ## Predict, then measure
#
# Now put it together. A layer takes the longer of its two times, arithmetic or bytes, plus a fixed cost a call. How near a kind of layer comes to the roof, and what a call costs, we take from the profile of the one network above. From that, what should a network of another width and resolution take?
#
# **Predict:** the 0.5 MobileNet-160 has 76 million mult-adds, between a seventh and an eighth of the full network. Will it take that share of the time?

# %% [markdown] slide=2
# ## 76 of 569 million mult-adds: what share of the time?
#
# The 0.5 MobileNet-160 has between a seventh and an eighth of the work.
#
# Notes: A layer takes the longer of its two times, plus a fixed cost for the call. Ask for a prediction in milliseconds, from the full network's.

# %% [markdown] slide=2
# ## Predict, then measure
#
# [[output]]
#
# Notes: The model knows nothing about the smaller network but its table of layers. Two limits, how near each kind comes to them, and a price for each call are most of the truth.

# %% tags=["nbval-ignore-output"]
from mobilenet_lib.bench.roofline import predict

half = mn.mobilenet_v1(0.5, 160)
expected = predict(half, 1, ceilings, profile.calibration).ms
found = bench_layers(0.5, 160, ceilings=ceilings).whole.median_ms
by_count = profile.whole.median_ms * half.mult_adds / arch.mult_adds
print(f"predicted {expected:.2f} ms, measured {found:.2f} ms")
print(f"by mult-adds alone it would be {by_count:.2f} ms")

# %% [markdown]
# Mult-adds alone are off by a factor of two or more<!-- 2 < one(bench_sixteen.models, "added_ms", alpha=0.5, resolution=160) / (bench_sixteen.models[0].added_ms * 76 / 569) -->. The model comes much nearer, and it knows nothing about the smaller network but its table of layers: two limits, how near each kind of layer comes to them, and a price for each call are most of the truth.
#
# One network may be luck. Here are all sixteen<!-- len(pick(bench_sixteen.models, body="separable")) -->, predicted from the profile of the largest (so the first row is no test) and measured layer by layer, on the book's own machine. The numbers are in `data/results/bench_sixteen.json`; `mobilenet bench sixteen` makes yours.

# %% [markdown] slide=3
# ## All sixteen, predicted from one
#
# [[output 2-17]]
#
# Notes: The first row is no test, it is the network the model was taken from. What is missing? Shapes: matrices with few rows are further from the roof than the model thinks.

# %%
sixteen = recorded("bench_sixteen")["results"]
print(sixteen["device"])
for row in sixteen["models"][:16]:
    measured, predicted = row["added_ms"], row["by_kind_ms"]
    size = f"{row['alpha']:<5}{row['resolution']:4} px"
    print(f"{size} predicted {predicted:6.2f} ms, {predicted / measured - 1:+4.0%} of measured")

# %% [markdown]
# Most are within a quarter of what was measured<!-- 8 < sum(abs(m.by_kind_ms / m.added_ms - 1) < 0.25 for m in pick(bench_sixteen.models, body="separable")) -->. Going by mult-adds alone, the smallest would be off by a factor of more than four<!-- 4 < bench_sixteen.models[15].added_ms / bench_sixteen.models[0].added_ms * bench_sixteen.models[0].mult_adds / bench_sixteen.models[15].mult_adds -->. What is missing in the model?
#
# It takes from the network at 224 pixels how near pointwise layers come to the roof, all of them together. In its profile above, the last two, on maps of 7 by 7, are far below the others: their matrices have 49 rows, too few to fill the blocks that a fast matrix product works in. At 128 pixels they have sixteen, and more layers are like this. In the narrow networks the matrices have fewer columns, too.
#
# The roofline knows operations and bytes. It does not know shapes.
#
# ## A table of shapes
#
# Then measure shapes. Take layers of many sizes, on maps of 104, 52, 26, 13, 7 and 4 pixels a side, with 8, 16, 32 channels and so on to 1024, and write down what each takes. They are measured as a network runs them: one feeds the next, so that a layer finds its input where its predecessor left it, and its weights where the last pass left them. That takes a few seconds, once.
#
# **Predict:** a pointwise layer with 256 channels in and out is one matrix product, with as many rows as its map has pixels. From 676 rows down to 16, how far does its speed fall?

# %% [markdown] slide=2
# ## 256 channels in and out: how does speed fall with the map?
#
# From 26 by 26 pixels down to 4 by 4.
#
# Notes: A pointwise layer is a matrix product with as many rows as pixels. The roofline asks only how many operations there are for each byte.

# %% [markdown] slide=2
# ## Few rows, slow product
#
# [[output]]
#
# Notes: With few rows, the weights are fetched for little use, and a fast product's blocks stay half empty. One efficiency for all pointwise layers cannot say that; a table can.

# %% tags=["nbval-ignore-output"]
from mobilenet_lib.bench.shapes import bench_shapes

table = bench_shapes()
for row in sorted(table.times, key=lambda row: -row.rows):
    if (row.kind, row.inner, row.columns) == ("pointwise", 256, 256):
        rate = 2 * row.rows * row.inner * row.columns / row.ms / 1e6
        print(f"{row.rows:4} rows: {rate:6.1f} GFLOP/s")

# %% [markdown]
# The same weights, at very different speeds: on the book's machine, sixteen rows go at less than a third of the speed of 676<!-- 16 / 676 * [t.ms for t in bench_sixteen.table.times if (t.kind, t.rows, t.inner, t.columns) == ("pointwise", 676, 256, 256)][0] / [t.ms for t in bench_sixteen.table.times if (t.kind, t.rows, t.inner, t.columns) == ("pointwise", 16, 256, 256)][0] < 0.33 -->. A roof says that few rows are slow, too, since each weight is used once for each row; but how far below its roof a product stays is a matter of its shape.
#
# The paper's networks have other maps, 112 or 56 pixels a side, and 0.75 of the channels. What lies between the table's points is read off on straight lines, with time, channels and rows on logarithmic axes: so the table has no ceiling, no efficiency and no price of a call. All of them are in its times. What does it say of the network from above?

# %% tags=["nbval-ignore-output"]
by_shape = sum(table.predict(half).values())
print(f"by kind {expected:.2f} ms, by shape {by_shape:.2f} ms, measured {found:.2f} ms")

# %% [markdown]
# And of all? No network of the paper is in the table, so here each one is a test, also the largest, and two with other bodies from Tables 4 and 5. Table and networks took turns, pass by pass. Of each layer's many times counts the one that only a tenth of them fall below, since other programs only ever add; a network's time is its layers' times, added.

# %% [markdown] slide=3
# ## All of them, predicted from shapes
#
# [[output]]
#
# Notes: How far each prediction is off. No network is in the table. Median and largest error are at the foot.


# %%
errors = [row["predicted_ms"] / row["added_ms"] - 1 for row in sixteen["models"]]
print("pixels          224     192     160     128")
for at, alpha in ((0, 1.0), (4, 0.75), (8, 0.5), (12, 0.25)):
    print(f"alpha {alpha:<5}", *(f"{error:+7.1%}" for error in errors[at : at + 4]))
print(f"full        {errors[16]:+7.1%}")
print(f"shallow     {errors[17]:+7.1%}")
print(f"median {np.median(np.abs(errors)):.1%}, largest {np.max(np.abs(errors)):.1%}")

# %% [markdown]
# All eighteen<!-- len(bench_sixteen.models) --> are within 15 % on the book's machine<!-- max(abs(m.predicted_ms / m.added_ms - 1) for m in bench_sixteen.models) < 0.15 -->, and half of them within 7 %<!-- sorted(abs(m.predicted_ms / m.added_ms - 1) for m in bench_sixteen.models)[9] < 0.07 -->. The same machine, held to the shorter vectors of an older processor, is another machine, with another table: there, too, they are within 15 %<!-- max(abs(m.predicted_ms / m.added_ms - 1) for m in bench_sixteen_avx2.models) < 0.15 --> (`data/results/bench_sixteen_avx2.json`).
#
# So why a roof at all? The table predicts and does not explain. It holds for this machine, this library and one picture at a time; for another it has to be measured again. Two ceilings can be read off a data sheet, and they tell what to change: fewer operations, fewer bytes or fewer calls.
#
# ## Exercises
#
# The first are quick; *build* and *investigate* take longer, and good answers to them differ. Stuck, or done? [Solutions](solutions/04_solutions.ipynb).
#
# **4.1** A pointwise layer with 256 channels in and out on a map of 28 by 28, one image, in float32 (four bytes for each number). How many operations are there for each byte, at most?

# %%
from mobilenet_lib.checks import check

answer = ...
check("4.1", answer)

# %% [markdown]
# **4.2** A processor does 240 billion operations a second at most and moves 30 billion bytes a second. From which arithmetic intensity on does a layer use it fully?

# %%
from mobilenet_lib.checks import check

answer = ...
check("4.2", answer)

# %% [markdown]
# **4.3** Write `roofline(operations, moved, peak, bandwidth)`: the milliseconds that a layer takes at least, from its operations and bytes and the machine's operations and bytes a second.

# %%
from mobilenet_lib.checks import check

roofline = ...  # def roofline(operations, moved, peak, bandwidth): ...
check("4.3", roofline)

# %% [markdown]
# **4.4** A sparse product needs twelve times as long for each weight that is left as a dense one does for each weight. From which share of zeros on is it faster? As a number between 0 and 1, to two decimals.

# %% [markdown] slide=1
# ## In two lines
#
# - Two limits hold for every layer, arithmetic and bytes; operations over bytes tells which one applies.
# - Mult-adds alone do not predict milliseconds; a roof and a price for each call nearly do, a table of shapes does.
#
# Notes: Exercises 4.1 to 4.4 in the chapter. Next: the network learns.

# %%
from mobilenet_lib.checks import check

answer = ...
check("4.4", answer)

# %% [markdown]
# **4.5 · Build.** The same sum in a fourth way, or in one of the three from memory: write `convolve(F, K)`, a standard convolution with 3 by 3 kernels, without padding, *without* loops over pixels or channels.

# %%
from mobilenet_lib.checks import check

convolve = ...  # def convolve(F, K): ...
check("4.5", convolve)

# %% [markdown]
# **4.6 · Build.** The roof of your machine needs a stopwatch that can be believed. Write `best_seconds(run, clock)`: how long does one call of `run()` take? `clock()` gives seconds, as `time.perf_counter` does. Both may be as nasty as real ones: the first run is slow, some readings are disturbed, and the clock may tick slower than the task takes. Then try yours on a matrix product of your own.

# %%
from mobilenet_lib.checks import check

best_seconds = ...  # def best_seconds(run, clock): ...
check("4.6", best_seconds)

# %% [markdown]
# **4.7 · Investigate.** Which layer lies? A report lists layers as (name, operations, bytes, milliseconds), for a machine of known peak and bandwidth, both per second. Some of the times are impossible. Write `liars(layers, peak, bandwidth)`, which returns their names.

# %%
from mobilenet_lib.checks import check

liars = ...  # def liars(layers, peak, bandwidth): ...
check("4.7", liars)

# %% [markdown]
# **4.8 · Investigate.** Predict, and be scored. Write `predict(mult_adds, ms, wanted)`: from the measured milliseconds of some networks (two arrays) predict those of a network with `wanted` mult-adds. It is tried on the book's sixteen networks, each time without the one that is asked for, and on invented machines. Each prediction may be off by a quarter, no more.

# %%
from mobilenet_lib.checks import check

predict = ...  # def predict(mult_adds, ms, wanted): ...
check("4.8", predict)

# %% [markdown]
# **4.9** Why the three per cent take so long: a depthwise layer with 3 by 3 kernels, 512 channels and a map of 14 by 14, one image, in float32. How many operations for each byte, at most?

# %%
from mobilenet_lib.checks import check

answer = ...  # to one decimal
check("4.9", answer)

# %% [markdown]
# ## Summary
#
# - A mult-add has no fixed price. Loops and matrix products do the same work at speeds thousands of times apart.
# - Two limits hold for every layer: the arithmetic of the processor, and the way of its numbers to it. Operations over bytes tells which one applies.
# - Pointwise layers are matrix products with ten to fifty-five operations for each byte, and reach between a quarter<!-- 0.2 < min(pick(bench_layers.layers, "gflops", kind="pointwise")) / bench_layers.ceilings.peaks[0].gflops < 0.3 --> and nine tenths<!-- 0.85 < max(pick(bench_layers.layers, "gflops", kind="pointwise")) / bench_layers.ceilings.peaks[0].gflops < 0.95 --> of the machine's best. Depthwise layers have one or two, and stay far below it.
# - So 3 % of the mult-adds take far more than 3 % of the time<!-- 9 < 100 * sum(pick(bench_layers.layers, "time_share", kind="depthwise")) -->, and the design is still right.
# - Zeros scattered over a matrix buy speed only when about four fifths<!-- 0.75 < min(bench_sparse.crossings.values()) < 0.85 --> of it or more are zero.
# - Two limits, how near each kind of layer comes to them, and a price for each call: taken from one network, they predict most others to within a quarter<!-- 8 < sum(abs(m.by_kind_ms / m.added_ms - 1) < 0.25 for m in pick(bench_sixteen.models, body="separable")) -->. A table of layer shapes predicts all to within 15 %<!-- max(abs(m.predicted_ms / m.added_ms - 1) for m in bench_sixteen.models) < 0.15 -->: rows and columns matter, not only their product.
#
# Next, in [chapter 05](05_training.ipynb), the network learns. What can be done about the milliseconds is in chapter 08.
#
# ## Sources
#
# - GEMM, im2col and sparse matrices: Howard et al., arXiv 1704.04861, section 3.2, and Table 2.
# - The roofline: S. Williams, A. Waterman, D. Patterson: *Roofline: An Insightful Visual Performance Model for Multicore Architectures*, Communications of the ACM, 2009.
# - Times of the networks and the table of shapes: `data/results/bench_sixteen.json` and `bench_sixteen_avx2.json`, with machine, date and command.
