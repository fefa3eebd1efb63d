# %% [markdown]
# # To the device
#
# The network is trained. Now somebody wants to use it: in a browser, on a phone, on a camera the size of a coin, or a thousand times per second on a server. None of these needs PyTorch, gradients or four bytes for every weight. This chapter takes away what is not needed, step by step, and measures what each step gains on your machine, and what it costs.
#
# **Contents:** [Folding](#Folding) · [Turned maps](#Turned-maps) · [Engines](#Engines) · [On a GPU](#On-a-GPU) · [Eight bits](#Eight-bits) · [A file that others can load](#A-file-that-others-can-load) · [On phones](#On-phones) · [The best for your machine](#The-best-for-your-machine) · [Exercises](#Exercises) · [Summary](#Summary) · [Sources](#Sources)

# %% [markdown]
# **In this chapter you will**
#
# - fold batch normalization into the convolutions, by hand, and spare a network the copies that it makes in order to pad,
# - run the same network in several engines and see which steps buy speed,
# - compute in sixteen bits where the processor can, and count the letters that are then read differently,
# - store weights in eight bits, and see why one step for a whole layer is a bad idea for MobileNet,
# - measure how many letters eight bits cost,
# - write a file that other programs can load, with everything they need in it,
# - read what phones and other devices need for the same network.
#
# Some engines are separate packages. `mobilenet doctor` tells you which you have, and `pip install -e ".[engines,phone]" -c constraints.txt` installs the rest. The chapter also runs without them; its tables are then shorter.
#
# ## Folding
#
# Each convolution is followed by batch normalization. In a trained network, it has nothing more to learn, and its averages are fixed: it multiplies each channel by one number and adds another. Here $*$ is the convolution, $\mu$ and $\sigma^2$ are the stored mean and variance, and $\gamma$ and $\beta$ are trained:
#
# $$y = \gamma \, \frac{w * x - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta$$
#
# A convolution multiplies as well. So both numbers can move into its weights and a bias, before anything runs:
#
# $$w' = \frac{\gamma}{\sqrt{\sigma^2 + \epsilon}} \, w, \qquad b' = \beta - \frac{\gamma \mu}{\sqrt{\sigma^2 + \epsilon}}$$


# %% [markdown] slide=1
# # To the device
#
# Take away what is not needed, step by step, and measure what each step gains.
#
# Notes: In a browser, on a phone, on a camera the size of a coin: none of these needs PyTorch, gradients or four bytes for every weight. The numbers on these slides are from the machine that executed the book; run the chapter for your own.

# %% [markdown] slide=2
# ## What does batch normalization still do when training is over?
#
# $$y = \gamma \, \frac{w * x - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta$$
#
# Notes: Its averages are fixed: it multiplies each channel by one number and adds another. A convolution multiplies as well.

# %% [markdown] slide=3
# ## Folding
#
# $$w' = \frac{\gamma}{\sqrt{\sigma^2 + \epsilon}} \, w, \qquad b' = \beta - \frac{\gamma \mu}{\sqrt{\sigma^2 + \epsilon}}$$
#
# [[code]]
#
# Notes: Both numbers move into the weights and a bias, before anything runs. It takes four lines.

# %%
def folded(conv, bn):
    scale = bn.weight / (bn.running_var + bn.eps).sqrt()
    weight = conv.weight * scale.reshape(-1, 1, 1, 1)
    return weight, bn.bias - scale * bn.running_mean


# %% [markdown]
# Try it on a trained network: the letters network of half width from [chapter 06](06_width_and_resolution.ipynb#Sixteen-of-our-own). Here is its first layer, with and without batch normalization.

# %%
import torch

from mobilenet_lib import data, load_published

torch.set_grad_enabled(False)
net = load_published("letters_50_56").eval()
test = data.load("glyphs", split="test", batch_size=50, resolution=56)
images, labels = next(iter(test))
block = net.conv_0
padded = torch.nn.functional.pad(images, (0, 1, 0, 1))  # SAME, stride 2
weight, bias = folded(block.conv, block.bn)
once = torch.conv2d(padded, weight, bias, stride=2)
assert torch.allclose(once, block.bn(block.conv(padded)), atol=1e-4)

# %% [markdown]
# The library folds whole networks. **Predict:** how many batch normalizations will be left, and will the answers change?

# %%
from mobilenet_lib.checks import expect

expect("08-left")

# %% [markdown] slide=1
# ## How many batch normalizations are left, and do the answers change?
#
# The library folds the whole network.
#
# Notes: A quick question: none, and no.

# %% [markdown] slide=1
# ## None, and no
#
# [[output]]
#
# Folding is free.
#
# Notes: The answers are the same up to rounding. All fast engines begin with folding.

# %%
from mobilenet_lib.engines import fold

small = fold(net)
assert torch.allclose(small.conv_0.conv.weight, weight, atol=1e-6)
assert torch.allclose(small(images), net(images), atol=1e-3)
kept = sum(isinstance(part, torch.nn.BatchNorm2d) for part in small.modules())
numbers = [  # without the counters of batches, which are whole numbers
    sum(t.numel() for t in n.state_dict().values() if t.is_floating_point()) for n in (net, small)
]
print(f"{kept} batch normalizations, {numbers[0]:,} numbers before, {numbers[1]:,} after")

# %% [markdown]
# None of the 27 remains, and every answer is the same, up to rounding. Folding is free. All engines below except the first two begin with it.
#
# ## Turned maps
#
# Folding saved a pass over each map. In the layers with a stride of 2, a copy of the map can go, too. The authors' code puts one row of zeros *below* an even map there, and one column on its *right* ([chapter 01](01_standard_convolution.ipynb#The-border:-padding)). With a stride of 2, PyTorch's convolution can only pad opposite sides alike. So the line `padded = ...` above copied the whole map before the convolution read it.
#
# Turn the picture by 180 degrees, and the zeros belong above it and on its left. Padding by one on all sides puts them there. It also puts zeros below and on the right, but the last step of the filter ends on the last pixel and never reaches them. Here is a row of six pixels with its zeros:
#
# ```text
# as it is     1 2 3 4 5 6 0
# turned     0 6 5 4 3 2 1 0
# ```
#
# A filter of three sees 123, 345 and 560 of the first; of the second it sees 065, 543 and 321, but never the last 0. If the filters are turned as well, each result is the same number, at the turned place:

# %% [markdown] slide=3
# ## Turned by 180 degrees, a map is padded without a copy
#
# ```text
# as it is     1 2 3 4 5 6 0      the filter sees 123, 345, 560
# turned     0 6 5 4 3 2 1 0      the filter sees 065, 543, 321
# ```
#
# [[code]]
#
# Notes: The authors' code pads an even map below and on the right, before a stride of 2. PyTorch pads opposite sides alike, so the map had to be copied. On a turned map the zeros belong above and on the left; the filter never reaches those on the other sides, such as the last zero of the second row. In the code, `once` is the first layer, folded, on the map that was padded by hand.

# %%
turned = torch.conv2d(images.flip(2, 3), weight.flip(2, 3), bias, stride=2, padding=1)
assert torch.allclose(turned.flip(2, 3), once, atol=1e-4)

# %% [markdown]
# Nothing is turned back on the way. The next layer takes the turned map with its own filters turned, and the average at the end is the same whichever way up a map is. So `folded`, one of the engines below, turns its filters once and each picture as it comes, and apart from the picture it copies no map. The library's training step works on turned maps as well; there the filters change, so it turns them in every step.
#
# ## Engines
#
# An **engine** is a program that runs a finished network. It knows all layers beforehand. So it can choose a kernel (a routine of the processor) for each, merge the activation into the convolution before it, store the numbers in the order that suits the kernels, and plan where in memory every map will lie. PyTorch in its usual mode (*eager*) runs one layer after the other, as Python calls them. (In the list, NCHW means one whole map after the other, and NHWC means all channels of a pixel side by side.)

# %% tags=["nbval-ignore-output"]
from mobilenet_lib.engines import ENGINES

for name, engine in ENGINES.items():
    there = engine.available()
    print(f"{name:<18}{engine.summary if there else 'not here: ' + there.reason}")

# %% [markdown]
# You use each in the same way: prepare it once, which may take seconds, then run it. Before we time an engine, we compare its scores (*logits*) with eager's.

# %%
from mobilenet_lib.engines import verify

engine = ENGINES["folded"]().prepare(net, images)
assert verify(engine, net, images) < engine.tolerance
assert torch.equal(engine.run(images).argmax(1), net(images).argmax(1))

# %% [markdown]
# Now to the full network: 1.0 MobileNet-224 and one picture. (The weights are random; the time does not depend on them.) From eager on, each engine adds a step: channels side by side in memory, folding, code compiled for this network, and then two engines made only to run finished networks. The last one computes in [**bf16**](05_training.ipynb#In-which-numbers?), numbers of sixteen bits, and is in the list only if your processor can multiply them.

# %%
import mobilenet_lib as mn

torch.manual_seed(0)
big, photo = mn.MobileNet(mn.mobilenet_v1()).eval(), torch.randn(1, 3, 224, 224)
names = ["eager", "channels_last", "folded", "compiled"]
names += ["onnxruntime", "openvino", "openvino-bf16"]
ready = {n: ENGINES[n]().prepare(big, photo) for n in names if ENGINES[n].available()}
for engine in ready.values():
    assert verify(engine, big, photo) < engine.tolerance

# %% [markdown]
# **Predict:** all do the same 569 million mult-adds ([one multiplication and one addition](00_start_here.ipynb#How-to-use-the-book) each). How many times as fast as eager will the fastest be?

# %%
expect("08-fastest")

# %% [markdown] slide=1
# ## All engines do the same 569 million mult-adds. How much faster is the fastest?
#
# Compared with PyTorch as Python calls it, layer by layer.
#
# Notes: An engine is a program that runs a finished network. It knows all layers beforehand, so it can choose a kernel for each and plan where every map will lie.

# %% [markdown] slide=3
# ## What was saved is not arithmetic
#
# [[output]]
#
# Notes: One picture through 1.0 MobileNet-224, engine by engine. Copies between layouts are saved, separate passes over the maps for normalization and activation, and the cost of each call; the rest of the gain comes from better kernels.

# %% tags=["nbval-ignore-output"]
from functools import partial

from mobilenet_lib import plots
from mobilenet_lib.timing import Timing, interleave

tasks = {name: partial(engine.run, photo) for name, engine in ready.items()}
seconds = interleave(tasks, readings=5, settle=True)
times = {name: Timing.of(seconds[name]).median_ms for name in tasks}
plots.waterfall(times, {name: ready[name].precision for name in times})

# %% [markdown]
# Five to six<!-- 5 < one(bench_engines.timings, "median_ms", name="eager", batch_size=1) / one(bench_engines.timings, "median_ms", name="openvino-bf16", batch_size=1) < 6 --> times as fast, on the book's machine. Storing the channels side by side helped little on its own<!-- one(bench_engines.timings, "median_ms", name="eager", batch_size=1) / one(bench_engines.timings, "median_ms", name="channels_last", batch_size=1) < 1.2 -->; the engines that know the whole network help most. The mult-adds stayed the same. In fp32 (the usual numbers of 32 bits), part of what surrounds them was saved: copies between layouts, separate passes over the maps for normalization and activation, and the cost of each call. The rest of the gain comes from better kernels, which do the same mult-adds nearer to the processor's peak. (Each reading repeats the run for a while: the threads of a library may begin on one core, and are slow until the system moves them apart.)
#
# How near can an engine come? [Chapter 04](04_what_a_mult_add_costs.ipynb#What-your-processor-can-do-at-most) measured that peak with a plain matrix product. These are the fastest engines on the book's machine, with their share of it, for one picture and for 32:

# %% [markdown] slide=2
# ## How near to a matrix product?
#
# [[output 1-2]]
#
# Notes: Recorded on the book's machine, for one picture. In fp32 little is left to gain; from there on, only smaller numbers help.

# %%
from mobilenet_lib.results import recorded

bench = recorded("bench_engines")["results"]
for size, precision in [(1, "fp32"), (1, "bf16"), (32, "fp32"), (32, "bf16")]:
    rows = [r for r in bench["timings"] if (r["batch_size"], r["precision"]) == (size, precision)]
    best = min((r for r in rows if r["ours"]), key=lambda r: r["fastest_ms"])
    cut = f", {best['slice']} at a time" if best["slice"] else ""
    cut += f", {best['streams']} side by side" if best["streams"] else ""
    said = f"{best['fastest_ms']:6.1f} ms, {best['of_ceiling']:4.0%} of a matrix product"
    print(f"{size:2} in {precision}: {said} ({best['name']}{cut})")

# %% [markdown]
# In fp32 little is left to gain. For one picture, the whole network runs more than four fifths<!-- 0.8 < max(pick(bench_engines.timings, "of_ceiling", ours=True, precision="fp32", batch_size=1)) < 0.95 --> as fast as the fastest matrix product with as many mult-adds that any of these libraries computes here; for 32, each takes about as long<!-- 0.9 < min(pick(bench_engines.timings, "median_ms", ours=True, precision="fp32", batch_size=32)) / 32 / min(pick(bench_engines.timings, "median_ms", ours=True, precision="fp32", batch_size=1)) < 1.1 -->. (For 32 pictures it helps to run one or a few at a time: the maps of a few stay in the caches, those of 32 do not.) From there on, only smaller numbers help.
#
# Sixteen bits are the first step. A number in bf16 has the range of fp32, but only two to three decimal digits. **Predict:** of a thousand letters, how many does the letters network of full width read differently in bf16?

# %%
expect("08-bf16")

# %% [markdown] slide=2
# ## In sixteen bits, how many letters in a thousand are read differently?
#
# bf16 has two to three decimal digits.
#
# Notes: Fifty, ten, none?

# %% [markdown] slide=1
# ## None
#
# [[output]]
#
# Notes: Every number is rounded, but the pointwise layers add up hundreds of products for each result, and their errors partly cancel.

# %%
quality = bench["engines"]["openvino-bf16"]["quality"]
print(f"the same answer for {quality['agreement']:.1%} of {quality['images']:,} letters,", end=" ")
print(f"logits within {quality['difference']:.1%} of the largest")

# %% [markdown]
# None<!-- bench_engines.engines["openvino-bf16"].quality.agreement == 1 -->, on the book's machine. Every number that is multiplied is rounded to two or three digits, but the pointwise layers add up hundreds of products for each result, and their errors partly cancel.
#
# ## On a GPU
#
# A data centre's graphics processor (GPU) multiplies large matrices of 16-bit numbers more than 700 times as fast as the two cores of the book's machine do<!-- 700 < nvidia_h100_80gb_hbm3_engines.ceilings.fp16 / bench_engines.ceilings.bf16 < 800 -->. Does it also run one picture in so much less time? Here is the same network in numbers of 16 bits (fp16) on an NVIDIA H100, a card from 2022, with PyTorch's own engines and, beside them, timm's MobileNet. `mobilenet bench gpu` measures your card.
#
# **Predict:** layer by layer, PyTorch takes 3.4<!-- one(nvidia_h100_80gb_hbm3_engines.timings, "median_ms", name="eager", batch_size=1) --> milliseconds for one picture. How long will 32 take?

# %%
expect("08-gpu")

# %% [markdown] slide=1
# ## On a data centre's GPU, how much longer do 32 pictures take than one?
#
# PyTorch, layer by layer, on an NVIDIA H100.
#
# Notes: Twice as long, ten times, 32 times? Take a vote.

# %% [markdown] slide=2
# ## No longer than one
#
# [[output]]
#
# Notes: The table gives milliseconds for a batch. The time goes into telling the card what to do: each request costs more than its layer. A CUDA graph records all requests once and sends them as one. With many pictures the card waits for memory, and what helps is to read and write each map once.

# %%
gpu = recorded("nvidia_h100_80gb_hbm3_engines")["results"]
names = ("eager", "channels_last", "folded", "cuda-graph", "timm, channels_last")
times = {(row["name"], row["batch_size"]): row["median_ms"] for row in gpu["timings"]}
print(f"{'ms for a batch of':20s}", *(f"{size:7}" for size in (1, 32, 256, 1024)))
for name in names:
    print(f"{name:20s}", *(f"{times[name, size]:7.2f}" for size in (1, 32, 256, 1024)))

# %% [markdown]
# No longer than one<!-- 0.8 < one(nvidia_h100_80gb_hbm3_engines.timings, "median_ms", name="eager", batch_size=32) / one(nvidia_h100_80gb_hbm3_engines.timings, "median_ms", name="eager", batch_size=1) < 1 -->. The arithmetic of one picture takes this card about two millionths of a second<!-- 1.4 < 2 * nvidia_h100_80gb_hbm3_engines.network.mult_adds / nvidia_h100_80gb_hbm3_engines.ceilings.fp16 / 1e3 < 2 -->. The rest of the time goes into telling it what to do: 27 times, Python asks for a convolution, a batch normalization and a ReLU (rectified linear unit), and each request costs more than what it asks for. Folding saves a third of the requests, and a third of the time<!-- 0.64 < one(nvidia_h100_80gb_hbm3_engines.timings, "median_ms", name="folded", batch_size=1) / one(nvidia_h100_80gb_hbm3_engines.timings, "median_ms", name="channels_last", batch_size=1) < 0.7 -->. A *CUDA graph* (CUDA is NVIDIA's way of programming its cards) records all requests once and sends them as one. Then one picture takes a tenth of a millisecond<!-- 0.095 < one(nvidia_h100_80gb_hbm3_engines.timings, "median_ms", name="cuda-graph", batch_size=1) < 0.105 -->.
#
# With 256 pictures, there is enough to compute, and still the card reaches only four per cent of the speed of a matrix product<!-- 0.035 < one(nvidia_h100_80gb_hbm3_engines.timings, "of_ceiling", name="channels_last", batch_size=256) < 0.045 -->. It waits for memory. Convolution, batch normalization and ReLU each read and write every map. Even at the speed at which this card copies, these passes take more than half of the time<!-- 0.5 < (5143040 + 5 * 5042688 + 3371267) * 512 / nvidia_h100_80gb_hbm3_machine.copies[-1].gb_per_s / 1e6 / one(nvidia_h100_80gb_hbm3_engines.timings, "median_ms", name="channels_last", batch_size=256) < 0.65 -->. Folding alone saves a tenth<!-- 0.88 < one(nvidia_h100_80gb_hbm3_engines.timings, "median_ms", name="folded", batch_size=256) / one(nvidia_h100_80gb_hbm3_engines.timings, "median_ms", name="channels_last", batch_size=256) < 0.93 -->, since the bias is then added in a pass of its own.
#
# So the library's CUDA graph also *fuses* each layer: one program for the card (a *kernel*) reads a map, computes the convolution, adds the bias, applies ReLU, and only then writes. For pointwise layers, NVIDIA's library cuDNN has such a kernel. For depthwise layers, ours is in `mobilenet_lib/engines/depthwise_kernel.py`, written in Triton, a language for kernels within Python. A third of the time is left<!-- 0.3 < one(nvidia_h100_80gb_hbm3_engines.timings, "median_ms", name="cuda-graph", batch_size=256) / one(nvidia_h100_80gb_hbm3_engines.timings, "median_ms", name="channels_last", batch_size=256) < 0.35 -->, and two fifths of what timm takes<!-- 0.38 < one(nvidia_h100_80gb_hbm3_engines.timings, "median_ms", name="cuda-graph", batch_size=256) / one(nvidia_h100_80gb_hbm3_engines.timings, "median_ms", name="timm, channels_last", batch_size=256) < 0.42 -->. (With many pictures, timm's network is faster than ours layer by layer, because it pads all sides alike, which the convolution does by itself, and its ReLU overwrites its input. Our trained network copies its maps for both; [turned maps](#Turned-maps) spare the folded one that.)
#
# ## Eight bits
#
# In float32, a weight takes four bytes, and has about seven decimal digits. Does the network need them all? Let us keep one byte for each weight. Choose a **step** $s$, and store the weight as a number of steps: $q = \mathrm{round}(w / s)$, a whole number from $-127$ to $127$.


# %% [markdown] slide=2
# ## Eight bits
#
# Choose a step $s$, and store the weight as a number of steps: $q = \mathrm{round}(w / s)$, from $-127$ to $127$.
#
# [[code]]
#
# Notes: The step must be wide enough for the largest weight. But the largest of what: the layer, or the channel?


# %%
def quantized(weight, step):
    return (weight / step).round().clamp(-127, 127) * step


# %% [markdown]
# The step must be wide enough for the largest weight: $s = \max |w| / 127$. But the largest of *what*? One step for the whole layer is the simplest choice. Look at the filters of the third depthwise layer, folded as they will be used.

# %%
weights = small.dw_3.conv.weight
largest = weights.abs().amax(dim=(1, 2, 3))  # of each channel's nine weights
print(f"from {largest.min():.4f} to {largest.max():.2f}, median {largest.median():.3f}")

# %% [markdown]
# **Predict:** with one step for all channels, how many of the 255 levels does a typical channel use?

# %%
expect("08-levels")

# %% [markdown] slide=2
# ## With one step for the layer, how many of 255 levels does a typical channel use?
#
# The filters of the third depthwise layer, folded.
#
# Notes: Folding has multiplied each filter by a number of its own, and with nine weights that does not average out.

# %% [markdown] slide=2
# ## A handful
#
# [[output 1]]
#
# A step for each **channel** gives every channel all 255.
#
# Notes: One channel has weights so large that nearly all others are left with a few levels. In the pointwise layer after it, no channel is so badly off.

# %%
for name in ("dw_3", "pw_3"):
    largest = small.get_submodule(name).conv.weight.abs().amax(dim=(1, 2, 3))
    levels = largest / largest.max() * 127
    print(f"{name}: the median channel reaches level {levels.median():.0f} of 127,", end=" ")
    print(f"{(levels < 8).float().mean():.0%} of the channels not even level 8")

# %% [markdown]
# In this depthwise layer, one channel has weights so large that nearly all others are left with a handful of levels: a channel that reaches level 2 uses five of the 255, from −2 to 2. (Of the thirteen depthwise layers, the first and the third are like this. Two are enough.) Folding has multiplied each filter by a number of its own, and with nine weights in a filter that does not average out. In the pointwise layer after it, where every filter has many weights, no channel is so badly off. With a step for each channel (*per channel*), every channel has all 255 levels. It costs one number for each channel.
#
# Below are the layers of [chapter 07](07_a_published_mobilenet.ipynb#A-network-with-a-past)'s person detector, folded. On the left are the ranges of the channels, widest first, with the levels as lines; the colours show what happens to each channel. On the right are the answers that the network then gives.
#
# **Predict:** which channels have the widest range: those that matter most?

# %%
expect("08-widest")

# %% [markdown] slide=5
# ## Which channels have the widest range?
#
# [[explorer v1&layer=dw_13&bits=3&hide=zero_point,channel,histogram,numbers,help,foot]]
#
# Notes: Ask: is it those that matter most? It is the grey ones: channels whose input is zero for every photo. With three bits and one step for the layer, the network says person to everything. Switch to a step for each channel: nearly all answers come back.

# %%
from mobilenet_lib.explorers import QuantizationExplorer

QuantizationExplorer()

# %% [markdown]
# The grey ones: channels whose input is zero for every photo. Batch normalization divides them by a standard deviation of nearly zero, so folding has multiplied their weights by a large number, and now channels that do nothing set the step for all the others. Take `dw_13` and 3 bits: with one step for the layer, the network says *person* to everything; a step for each channel brings nearly all of its answers back.
#
# If the arithmetic is to be done in whole numbers, the *activations*, the numbers that a layer puts out, have to be whole numbers too. The weights do not tell their range, so it is measured on some pictures from the training set: this is called *calibration*. All of this is done without training anything again, hence the name **post-training quantization**.
#
# There is one more thing to try. Older processors add two products of 8-bit numbers in sixteen bits, and the sum may not fit. On these, an engine keeps weights in **seven** bits, from −64 to 64, with half the levels. So let us try both.
#
# **Predict:** how many points of accuracy does each way lose?

# %%
expect("08-points")

# %% [markdown] slide=2
# ## How many points of accuracy do eight bits cost? And seven?
#
# With a step for each layer, and with a step for each channel.
#
# Notes: On some processors weights get only seven bits, since the sum of two products must fit into sixteen bits.

# %% [markdown] slide=2
# ## With a step for each channel, hardly any
#
# [[output]]
#
# Notes: With one step for the layer, eight bits are just enough; with one bit less, many points are lost. What MobileNet does not tolerate is both at once: few bits, and one step for the layer.

# %% tags=["nbval-ignore-output"]
from itertools import islice, product

from mobilenet_lib.engines import accuracy
from mobilenet_lib.engines.onnx_model import possible_bits

first = list(islice(test, 20))  # a thousand letters
pictures, answers = torch.cat([x for x, _ in first]), torch.cat([y for _, y in first])
calibration = next(iter(data.load("glyphs", batch_size=100, resolution=56)))[0]
right = {"float32": accuracy(ENGINES["eager"]().prepare(net, images), pictures, answers)}
eight = [n for n in ("openvino-int8", "onnxruntime-int8") if ENGINES[n].available()][:1]
for name, bits, per_channel in product(eight, possible_bits(), (False, True)):
    engine = ENGINES[name](per_channel=per_channel, weight_bits=bits)
    engine.prepare(net, images, calibration)
    said = f"{bits} bits, a step for each " + ("channel" if per_channel else "layer")
    right[said] = accuracy(engine, pictures, answers)
for said, share in right.items():
    print(f"{said:<31}{share:6.1%} of a thousand letters")

# %% [markdown]
# With a step for each channel, seven bits are as good as eight: hardly any letter is lost. With one step for the layer, eight bits are just enough, and with one bit less many points are lost. (If you see only one line, no engine for eight bits is installed; if you see seven bits only, your processor is one of the older ones.) On the book's machine, the whole test set gave:

# %%
for row in recorded("bench_int8")["results"]["rows"]:
    if (row["checkpoint"], row["engine"]) == ("letters_50_56", "openvino-int8"):
        print(f"{row['weight_bits']} bits: per channel {row['per_channel']:.1f} %", end=", ")
        print(f"per layer {row['per_layer']:.1f} %; float32 {row['fp32']:.1f} %")

# %% [markdown]
# MobileNet became known as hard to quantize, since networks with a wider spread among their filters lose as much with eight bits. What it does not tolerate is both at once: few bits, and one step for all channels.
#
# ### Smaller, and faster
#
# Only a quarter of the bytes has to be fetched, and a processor's vectors hold four times as many numbers of one byte. How much speed that gives depends on the processor: newer ones have special instructions for it, older ones do not.
#
# **Predict:** by what factor is the network faster in eight bits, on your processor?

# %%
expect("08-eight-bits")

# %% [markdown] slide=1
# ## A quarter of the bytes: four times as fast?
#
# One picture through 1.0 MobileNet-224, with weights and maps in eight bits.
#
# Notes: Take a vote: four times, more, less?

# %% [markdown] slide=1
# ## It depends on the processor
#
# [[output]]
#
# Notes: How much speed it gives depends on the processor. What is not a product takes as long as before.

# %% tags=["measured"]
for name in eight:
    some = torch.randn(16, 3, 224, 224)
    ready[name] = ENGINES[name]().prepare(big, photo, some)
    tasks[name] = partial(ready[name].run, photo)
last = {name: tasks[name] for name in (eight[0].removesuffix("-int8"), *eight)} if eight else {}
took = interleave(last, readings=5, settle=True)
for name, taken in took.items():
    size = ready[name].size_bytes / 1e6
    print(f"{name:<16}{Timing.of(taken)}, {size:.1f} MB")

# %% [markdown]
# On the book's machine, which has such instructions, OpenVINO runs one picture in eight bits in a third<!-- 0.3 < one(bench_engines.timings, "median_ms", name="openvino-int8", batch_size=1) / one(bench_engines.timings, "median_ms", name="openvino", batch_size=1) < 0.36 --> of the time of fp32, and less than two thirds<!-- 0.5 < one(bench_engines.timings, "median_ms", name="openvino-int8", batch_size=1) / one(bench_engines.timings, "median_ms", name="openvino-bf16", batch_size=1) < 0.667 --> of that of bf16 (`data/results/bench_engines.json`). A plain matrix product gains more, by a factor of between four and five<!-- 4 < bench_engines.ceilings.int8 / bench_engines.ceilings.fp32 < 5 -->. In the network, what is not a product takes as long as before. A processor without such instructions gains less.
#
# ## A file that others can load
#
# To use the network elsewhere, you need a file. If the file holds only weights, sooner or later it will be misused: somebody will feed it pixels from 0 to 255 although it was trained on −1 to 1, or take class 3 for class 2. [Chapter 07](07_a_published_mobilenet.ipynb#Four-ways-to-be-wrong) showed what that does. So `export` also writes the preprocessing and the class names into the file, loads it again, and compares its logits with the network's before it gives the file its final name.

# %% [markdown] slide=2
# ## A file that others can load
#
# [[code 6-12]]
#
# A file with weights alone will be misused, sooner or later.
#
# Notes: Somebody will feed it pixels from 0 to 255 although it was trained on -1 to 1, or take class 3 for class 2. So the file carries the preprocessing and the class names, and is loaded again and compared before it gets its final name.

# %%
import tempfile
from pathlib import Path

from mobilenet_lib.engines import export, load_exported

folder = tempfile.TemporaryDirectory()
if ENGINES["onnxruntime"].available():
    path = export(net, Path(folder.name) / "letters.onnx")
    again = load_exported(path)
    assert again.classes == net.classes
    assert again.preprocess == net.preprocess
    assert torch.allclose(again(images), net(images), atol=1e-3)

# %% [markdown]
# Many programs read ONNX (Open Neural Network Exchange), in browsers and on phones. `mobilenet export` does the same on the command line, and writes files for OpenVINO (for Intel's processors) and ExecuTorch (PyTorch's engine for phones).
#
# ## On phones
#
# The authors had phones in mind. These numbers are published, not ours: four of the sixteen networks on a phone from 2018, as TensorFlow Lite's authors list them.

# %% [markdown] slide=2
# ## On a phone from 2018
#
# [[output]]
#
# Notes: These numbers are published, not ours. In eight bits the networks are 1.5 to 1.8 times as fast, at a quarter of the size, and lose one or two points of accuracy.

# %%
from mobilenet_lib import paper

for phone in paper.phones()[::5]:
    name = f"{phone.alpha} MobileNet-{phone.resolution}"
    print(f"{name:<20}{phone.float_ms:5.1f} ms, {phone.float_top1} %   ", end="")
    print(f"8 bit {phone.int8_ms:5.1f} ms, {phone.int8_top1} %")

# %% [markdown]
# In eight bits these four are 1.5 to 1.8 times as fast, at a quarter of the size, and lose one or two points of accuracy (0.75 MobileNet-128, not shown, loses six). The 8-bit networks were trained with the rounding included (*quantization-aware training*). So the trade-off of [chapter 06](06_width_and_resolution.ipynb#All-of-it-at-once) has a third slider.
#
# Here is 1.0 MobileNet-224 on many devices, again as others have published it:

# %% [markdown] slide=2
# ## The same 569 million mult-adds
#
# [[output]]
#
# Notes: A factor of more than a thousand lies between the largest number and the smallest. The paper counts mult-adds. Those who use the network count milliseconds.

# %%
for row in paper.devices():
    print(f"{row.device:<24}{row.precision:<7}{row.threads:<14}{row.milliseconds:7.1f} ms")

# %% [markdown]
# A factor of more than a thousand lies between the largest number and the smallest, for the same 569 million mult-adds. The paper counts mult-adds. Those who use the network count milliseconds.
#
# ## The best for your machine
#
# You need not try all engines by hand. `fastest` prepares those that you have, checks each, times them in turn, and returns the best one, ready to run. It chooses an engine that loses accuracy only if you allow it.

# %% tags=["nbval-ignore-output"]
from mobilenet_lib.engines import fastest

best = fastest(net, images[:1], engines=["folded", "onnxruntime", "openvino"])
print(best.why)
for name, reason in best.left_out.items():
    print(f"left out: {name}, {reason}")

# %% [markdown]
# For so small a network the factor can be much larger than before, since fixed costs were most of its time.
#
# ## Exercises
#
# The first are quick; *build* and *investigate* take longer, and have more than one good answer. When you are done, or stuck, look at the [solutions](solutions/08_solutions.ipynb).
#
# **8.1** Write `fold(weight, gamma, beta, mean, variance, eps)` with NumPy arrays, for a weight of shape (out, in, height, width). It returns the folded weight and the bias.

# %%
from mobilenet_lib.checks import check

fold = ...  # def fold(weight, gamma, beta, mean, variance, eps): ...
check("8.1", fold)

# %% [markdown]
# **8.2** Write `quantize(weight, bits)` for a matrix with one row for each channel. It returns the whole numbers, and the step of each row. For eight bits the largest whole number is 127, for four bits 7. It must also work for a row of zeros: there are channels that do nothing, as chapter 07 showed.

# %%
from mobilenet_lib.checks import check

quantize = ...  # def quantize(weight, bits): ...
check("8.2", quantize)

# %% [markdown]
# **8.3** Before folding, each filter of 1.0 MobileNet-224 comes with four numbers for its batch normalization; after folding, with one bias. How many numbers does folding save in all?

# %%
from mobilenet_lib.checks import check

answer = ...
check("8.3", answer)

# %% [markdown]
# **8.4** The depthwise layers take 20 % of the time. An engine makes everything else four times as fast and leaves these layers as they are. How many times as fast is the whole network?

# %% [markdown] slide=1
# ## In two lines
#
# - What is known beforehand need not be computed later: fold, plan, choose kernels, round.
# - With a step for each channel, eight bits cost hardly any accuracy; and a file must carry everything that its weights need.
#
# Notes: Exercises 8.1 to 8.4 in the chapter. This is the last deck: from one convolution by hand to a file on a phone.

# %%
from mobilenet_lib.checks import check

answer = ...
check("8.4", answer)

# %% [markdown]
# **8.5** A number in fp16, sixteen bits, has one bit for the sign, five for the power of two, and ten for the binary digits after a leading 1. Which is the smallest positive whole number that it cannot represent?

# %%
from mobilenet_lib.checks import check

answer = ...
check("8.5", answer)

# %% [markdown]
# **8.6** Write `toll(before, after, labels)` for three arrays of classes. It returns how many letters are read differently with fewer bits, and how many points of accuracy are lost (negative if any are gained).

# %%
from mobilenet_lib.checks import check

toll = ...  # def toll(before, after, labels): ...
check("8.6", toll)

# %% [markdown]
# **8.7 · Build.** Fold a whole network, and prove it. Write `fold_all(net)` for an `nn.Sequential` in `eval` mode of convolutions (some with a bias, some depthwise), batch normalizations and ReLUs. It returns a network without batch normalization that gives the same results; the network that was passed in stays as it is.

# %%
from mobilenet_lib.checks import check

fold_all = ...  # def fold_all(net): ...
check("8.7", fold_all)

# %% [markdown]
# **8.8 · Build.** A file that explains itself. Write `pack(weights, preprocess, classes)`, which turns a network into bytes: a dictionary of arrays, a dictionary that says how photos are prepared, and a list of class names. Write `unpack(file)`, which turns the bytes back into the three, each array with its shape and type. Loading the file must not run anything that is in it.

# %%
from mobilenet_lib.checks import check

answer = ...  # (pack, unpack)
check("8.8", answer)

# %% [markdown]
# **8.9 · Investigate.** What would you ship? `candidates` are dictionaries with `name`, `ms` (readings on the device), `megabytes` and `points` of accuracy; `limits` holds the limits of a product: the largest `ms`, which the slowest reading must keep, the largest `megabytes`, and the smallest `points`. Write `ship(candidates, limits)`, which returns the name of the most accurate candidate that keeps all three limits; of two that are equally accurate, the one whose slowest reading is faster; or `"none"`.

# %%
from mobilenet_lib.checks import check

ship = ...  # def ship(candidates, limits): ...
check("8.9", ship)

# %% [markdown]
# ### Closing questions
#
# Answer without scrolling back. Each answer says why it is right or wrong.

# %%
from mobilenet_lib.checks import quiz

quiz("08")

# %% [markdown]
# ### What you expected
#
# What you predicted in this chapter, beside what came out:

# %%
from mobilenet_lib.checks import outcomes

outcomes("08")

# %% [markdown]
# ## Summary
#
# - After training, batch normalization is one multiplication and one addition, and can be folded into the weights for free.
# - On maps turned by 180 degrees, layers with a stride of 2 pad as the authors' code does, without a copy.
# - An engine that knows the whole network beforehand leaves out much of what is not a mult-add, and chooses better kernels for the mult-adds.
# - With few bits, MobileNet's depthwise layers need a step for each channel, not one for the layer. The range of the activations has to be measured on pictures.
# - An exported file must carry the preprocessing and the class names, or it will be misused.
# - The same mult-adds take three milliseconds on one device and four seconds on another.
#
# ## Sources
#
# - Per-channel quantization, and what a step for the whole layer does to MobileNet: R. Krishnamoorthi, *Quantizing deep convolutional networks for efficient inference*, arXiv:1806.08342.
# - Whole-number arithmetic and training with rounding: B. Jacob et al., *Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference*, arXiv:1712.05877.
# - Phones: TensorFlow Lite's list of hosted models; devices: XNNPACK's README and TensorFlow Lite's performance page; `data/paper/phones.csv` and `devices.csv`.
