# %% [markdown]
# # Appendix: questions people really ask
#
# Each question in this appendix was asked in public, by somebody who had a network to build, to train or to ship. The words are ours; the link under a question leads to one place where it was asked. A few lines of code settle it, and a few sentences explain what they show. Run them, and change them until they answer your own version of the question.
#
# You can read this in any order. Where a chapter has more to say, the answer links to it.
#
# **Contents:** [Convolutions and their shapes](#Convolutions-and-their-shapes) · [Counting](#Counting) · [Speed](#Speed) · [Batch normalization and dropout](#Batch-normalization-and-dropout) · [Weights from elsewhere](#Weights-from-elsewhere) · [Widths and sizes](#Widths-and-sizes) · [Memory](#Memory) · [Summary](#Summary) · [Sources](#Sources)

# %% [markdown]
# **In this appendix you will**
#
# - find the answers to some forty questions that manuals leave open,
# - see how little code it takes to settle such a question,
# - meet the traps that have cost other people days of work.
#
# All questions share the imports of the next cell. Run it first; after that, every cell runs on its own.

# %%
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import mobilenet_lib as mn
from mobilenet_lib import cost, paper
from mobilenet_lib.engines import fold
from mobilenet_lib.photos import load_photo
from mobilenet_lib.results import recorded

# %% [markdown]
# ## Convolutions and their shapes
#
# ### Is a convolution layer really a convolution?
#
# Asked, for example, as [PyTorch issue 117534](https://github.com/pytorch/pytorch/issues/117534). A convolution in mathematics flips the kernel before it slides it along; a single 1 among zeros then comes out as a copy of the kernel. A cross-correlation slides the kernel as it is.
#
# **Predict:** the kernel is 1 2 3. Which of the two does PyTorch compute?

# %%
signal, kernel = [0, 0, 1, 0, 0], [1, 2, 3]
x, w = (torch.tensor(each, dtype=torch.float32)[None, None] for each in (signal, kernel))
print("convolution:       ", np.convolve(signal, kernel, "same"))
print("cross-correlation: ", np.correlate(signal, kernel, "same"))
print("PyTorch's conv1d:  ", F.conv1d(x, w, padding=1).int().numpy()[0, 0])

# %% [markdown]
# What deep-learning libraries call a convolution is a cross-correlation, and so is Equation 1 of the paper: it does not flip the kernel. For a network it makes no difference, since training finds the kernel that fits; if you carry a kernel over from signal processing, flip it yourself. More in [chapter 01](01_standard_convolution.ipynb#Equation-1).
#
# ### What does `groups=` do to the shape of a weight?
#
# Asked as [PyTorch issue 5521](https://github.com/pytorch/pytorch/issues/5521). The layer takes 8 channels and gives 16.
#
# **Predict:** the weight of an ordinary 3x3 layer has the shape (16, 8, 3, 3). With 8 groups, which of the four numbers changes?

# %%
for groups in (1, 2, 4, 8):
    layer = nn.Conv2d(8, 16, 3, groups=groups)
    print(f"groups={groups}:", tuple(layer.weight.shape), layer.weight.numel(), "weights")

# %% [markdown]
# The second one: a filter sees only the input channels of its own group, 8 divided by `groups`. With as many groups as input channels it sees one channel, which is the depthwise convolution of [chapter 02](02_depthwise_separable_convolution.ipynb#Equation-3:-filter-each-channel-alone).
#
# ### Why must the channels be divisible by `groups`?
#
# Asked, after an error message that says so, as [issue 6 of pyconv](https://github.com/iduta/pyconv/issues/6). Again 8 channels go in, and 16, 12 or 16 come out.
#
# **Predict:** which of the three layers below can be made?

# %%
for channels, groups in ((16, 3), (12, 8), (16, 8)):
    print(f"{groups} groups of {8 / groups:.3g} in and {channels / groups:.3g} out: ", end="")
    try:
        print("made,", tuple(nn.Conv2d(8, channels, 3, groups=groups).weight.shape))
    except ValueError as error:
        print(error)

# %% [markdown]
# Only the last. Every group gets the same number of input channels and makes the same number of output channels, so `groups` must divide both. For a depthwise layer, set `groups=in_channels`, and `out_channels` to the same number or a multiple of it.
#
# ### Is a 1x1 convolution the same as a linear layer?
#
# Asked as [issue 18 of ConvNeXt](https://github.com/facebookresearch/ConvNeXt/issues/18).
#
# **Predict:** give a linear layer the weights of a 1x1 convolution, and the channels of each pixel as its input. Same answer?

# %%
conv, linear = nn.Conv2d(8, 16, 1), nn.Linear(8, 16)
linear.load_state_dict({"weight": conv.weight[:, :, 0, 0], "bias": conv.bias})
x = torch.randn(2, 8, 5, 5)
pixel_by_pixel = linear(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
print("the same numbers:", torch.allclose(conv(x), pixel_by_pixel, atol=1e-5))

# %% [markdown]
# Yes: a 1x1 convolution is one linear layer, applied to every pixel. They differ only in where they expect the channels, and so in the routine that the library runs; this can make one of them faster. MobileNet is fast because a 1x1 convolution is a plain matrix product: see [chapter 01](01_standard_convolution.ipynb#One-matrix-product:-im2col-and-GEMM).
#
# ### Is Keras' `SeparableConv2D` the block of MobileNet?
#
# Asked as [Keras issue 13008](https://github.com/keras-team/keras/issues/13008), by somebody who counted 1350 parameters in it, and 1360 in a `DepthwiseConv2D` followed by a 1x1 `Conv2D`: 10 channels in, 100 out, kernels of 5x5. MobileNet has batch normalization (BN) after each of the two.
#
# **Predict:** where are the ten missing ones, and how many does MobileNet's block have?


# %%
def parameters(*layers):
    return sum(p.numel() for layer in layers for p in layer.parameters())


depthwise = nn.Conv2d(10, 10, 5, groups=10, bias=False)
pointwise = nn.Conv2d(10, 100, 1, bias=False)
print("the two layers of weights:           ", parameters(depthwise, pointwise))
print("SeparableConv2D, one bias at the end:", parameters(depthwise, pointwise) + 100)
print("two Keras layers, a bias in each:    ", parameters(depthwise, pointwise) + 10 + 100)
normalized = parameters(depthwise, nn.BatchNorm2d(10), pointwise, nn.BatchNorm2d(100))
print("MobileNet, no bias but two BNs:      ", normalized)

# %% [markdown]
# The ten are the biases of the depthwise layer. So it is not the same block: `SeparableConv2D` has biases only at its end, and nothing between the two convolutions. MobileNet's block has batch normalization and a ReLU (rectified linear unit, which sets negative numbers to zero) after each of them, so you build it from two layers, as in [chapter 02](02_depthwise_separable_convolution.ipynb#The-layer-as-it-is-built:-Figure-3).
#
# ### What does the ReLU between depthwise and pointwise do?
#
# Asked as [issue 3 of Depthwise-Separable-Convolution](https://github.com/seungjunlee96/Depthwise-Separable-Convolution_Pytorch/issues/3), by somebody who wondered whether it is needed. MobileNet has it; Xception, a network built from the same parts, does not.
#
# **Predict:** without it, can one ordinary convolution do what the two do together?

# %%
torch.manual_seed(0)
depthwise, pointwise = nn.Conv2d(8, 8, 3, groups=8, bias=False), nn.Conv2d(8, 16, 1, bias=False)
both = torch.einsum("mij,nm->nmij", depthwise.weight[:, 0], pointwise.weight[:, :, 0, 0])
x = torch.randn(1, 8, 6, 6)
one = F.conv2d(x, both)  # an ordinary layer with 16 filters of 8x3x3
without, between = pointwise(depthwise(x)), pointwise(F.relu(depthwise(x)))
print("nothing between, that one layer does it:", torch.allclose(without, one, atol=1e-5))
print("a ReLU between, that one layer does it: ", torch.allclose(between, one, atol=1e-5))
opposite = pointwise(F.relu(depthwise(-x)))
print("a ReLU between, -x gives the opposite:  ", torch.allclose(opposite, -between, atol=1e-5))

# %% [markdown]
# Without it the two are one ordinary convolution, only with fewer free weights. With it, no single convolution can replace them: a convolution without a bias gives the opposite result for -x, and these two layers do not. Xception's author found that his network did better without the ReLU. In a network of your own, try both.
#
# ### What is `depth_multiplier`: is it the paper's alpha?
#
# Asked as [Keras issue 10349](https://github.com/keras-team/keras/issues/10349), by somebody who set it to 0.25 and got an error, and as [issue 3493 of TensorFlow's models](https://github.com/tensorflow/models/issues/3493). Two libraries use the name for two different things.
#
# **Predict:** the input has 8 channels. What comes out of Keras' `DepthwiseConv2D(3, depth_multiplier=2)`?

# %%
for multiplier in (1, 2):
    layer = nn.Conv2d(8, 8 * multiplier, 3, groups=8)
    print(f"Keras' depth_multiplier={multiplier}: 8 channels in, {layer.out_channels} out")
for alpha in (1, 0.25):
    widths = [layer.out_channels for layer in mn.mobilenet_v1(alpha).layers[:5]]
    print(f"alpha={alpha} (tf-slim's depth_multiplier): the first five layers give {widths}")

# %% [markdown]
# 16 channels. In Keras' layer it is the number of filters for each input channel, a whole number, and in MobileNet it is 1. The paper's width multiplier is `alpha`. The authors' own code, in tf-slim, calls alpha `depth_multiplier`, hence the confusion.
#
# ## Counting
#
# ### MACs, FLOPs, mult-adds: why do counters disagree?
#
# Asked as [fvcore issue 69](https://github.com/facebookresearch/fvcore/issues/69) and [thop issue 66](https://github.com/Lyken17/pytorch-OpCounter/issues/66). MACs and mult-adds are the same: one multiplication and one addition each.
#
# **Predict:** the paper counts 569 million for MobileNet. What will PyTorch's own counter say?

# %%
from torch.utils.flop_counter import FlopCounterMode

arch = mn.mobilenet_v1()
with FlopCounterMode(display=False) as counter, torch.no_grad():
    mn.MobileNet(arch).eval()(torch.zeros(1, 3, 224, 224))
normalized = sum(layer.out_size**2 * layer.out_channels for layer in arch.layers[:-1])
print(f"{arch.mult_adds:13,} mult-adds, as the paper counts")
print(f"{arch.mult_adds + 2 * normalized:13,} by fvcore's rule: 2 more for each number in BN")
print(f"{arch.mult_adds + 4 * normalized:13,} by thop's rule: 4 more for each number in BN")
print(f"{counter.get_total_flops():13,} by PyTorch's counter: 2 for each mult-add, BN left out")

# %% [markdown]
# 1,137 million: PyTorch counts operations, two for each mult-add, and leaves batch normalization (BN) out. fvcore and thop count mult-adds (fvcore calls them flops) and add BN, each by its own rule, which is only in its source and has changed between versions. Before you compare the numbers of two papers, find out which counter they used. The paper's numbers are mult-adds without BN, which disappears when it is folded into the convolutions ([chapter 08](08_to_the_device.ipynb#Folding)).
#
# ### Does MobileNet have 4.2 million parameters, or 4,253,864?
#
# Asked, for example, in [pull request 72 of mlpack's models](https://github.com/mlpack/models/pull/72), whose authors compared their count with those of others.
#
# **Predict:** a channel that BN normalizes has four numbers of its own. Training sets two of them. What are the other two?

# %%
arch = mn.mobilenet_v1()
print(f"{arch.parameters_as_printed:,} weights of convolutions and classifier")
print(f"{arch.parameters:,} with the classifier's biases, and BN's gamma and beta")
print(f"{arch.parameters_with_statistics:,} with BN's moving means and variances")

# %% [markdown]
# The moving averages of its mean and variance. All three counts are right. The paper counts weights only; PyTorch's `parameters()` gives what training sets; Keras' `summary()` ends with the count of all stored numbers, moving averages included. [Chapter 03](03_the_network.ipynb#How-many-parameters?) counts them layer by layer.
#
# ### Why is my tiny network hardly smaller with separable convolutions?
#
# Asked [in PyTorch's forum](https://discuss.pytorch.org/t/parameters-almost-same-in-depthwise-separable-convolution-when-compared-to-a-standard-cnn/65649), about a network whose three convolutions have kernels of 2x2 and give 4, 8 and 16 channels. Two linear layers follow, from 304 numbers to 36 and on to 3.
#
# **Predict:** by what percentage does the whole network shrink?

# %%
pairs = ((1, 4), (4, 8), (8, 16))
full = sum(cost.standard_weights(2, m, n) for m, n in pairs)
separable = sum(cost.separable_weights(2, m, n) for m, n in pairs)
linear = 304 * 36 + 36 * 3
print(f"convolutions:  {full:6,} full, {separable:6,} separable")
print(f"linear layers: {linear:6,}       {linear:6,}")
saved = (full - separable) / (full + linear)
print(f"whole network: {full + linear:6,}       {separable + linear:6,}, {saved:.1%} less")

# %% [markdown]
# The convolutions shrink to a third, but nearly all weights are in the linear layers, which stay. Find out where your weights are before you split any layer. And with a 2x2 kernel and few channels the saving itself is small: what is left is 1/N + 1/4, where a 3x3 kernel and hundreds of channels would leave little more than 1/9.
#
# ### Why is the first layer an ordinary convolution?
#
# Asked, for example, as [issue 5 of MobileOne](https://github.com/shoutOutYangJie/MobileOne/issues/5). The first layer of MobileNet takes the 3 colours and gives 32 channels.
#
# **Predict:** how much of the network's work for one picture would be saved by splitting it into depthwise and pointwise, too?

# %%
arch = mn.mobilenet_v1()
first, split = arch.layers[0].mult_adds, cost.separable_mult_adds(3, 3, 32, 112)
print(f"as it is: {first:10,} mult-adds, {first / arch.mult_adds:.1%} of the network")
print(f"split:    {split:10,} mult-adds")
print(f"saved: {(first - split) / arch.mult_adds:.1%} of the network")
print("3x3 patterns that look at the picture:", 3 * 32, "as it is,", 3, "split")

# %% [markdown]
# Less than two per cent. In return, only three patterns, one for each colour, would look at the picture, instead of 32 filters with three patterns each. No other depthwise layer has so few channels to work on. (Mult-adds are always counted for one picture; a batch multiplies them all.)
#
# ## Speed
#
# ### Why is a depthwise layer slower on a GPU than its mult-adds promise?
#
# Asked as [PyTorch issue 18631](https://github.com/pytorch/pytorch/issues/18631) and [TensorFlow issue 42172](https://github.com/tensorflow/tensorflow/issues/42172). Here are four layers, measured one by one on a graphics processor (GPU), an NVIDIA H100, for one picture.
#
# **Predict:** `dw_13` is a depthwise layer and has less than a hundredth of the mult-adds of `pw_13`, the pointwise layer after it. What share of its time does it take?

# %%
layers = {
    each["name"]: each for each in recorded("nvidia_h100_80gb_hbm3_layers_1")["results"]["layers"]
}
for number in (7, 13):
    first, second = (layers[f"{kind}_{number}"] for kind in ("dw", "pw"))
    for layer in (first, second):
        work, took = layer["mult_adds"] / 1e6, 1e3 * layer["timing"]["median_ms"]
        print(f"{layer['name']:6}{work:5.1f} M mult-adds {took:5.0f} µs")
    work, took = (first[key] / second[key] for key in ("mult_adds", "time_share"))
    print(f"{first['name']} has {work:.1%} of the mult-adds and takes {took:.0%} of the time")

# %% [markdown]
# Nearly all of it. For a single picture, most of the time is the fixed cost of starting work on the card, and that is nearly the same for both. With many pictures this cost hardly matters any more, but then a depthwise layer waits for memory: it does only a few operations with each byte that it fetches. A count of mult-adds shows neither. [Chapter 04](04_what_a_mult_add_costs.ipynb#More-at-once:-batch-and-threads) measures both.
#
# ### Why is my GPU's time for a layer too good to be true?
#
# Asked as [PyTorch issue 21286](https://github.com/pytorch/pytorch/issues/21286). A program that calls `net(x)` on a GPU only puts work into a queue, and goes on. Here a second thread plays the card. It works on its task until we let it finish.
#
# **Predict:** is the work done when the call comes back?

# %%
from concurrent.futures import ThreadPoolExecutor
from threading import Event

finish = Event()
with ThreadPoolExecutor(max_workers=1) as card:
    work = card.submit(finish.wait)  # as net(x) does: it comes back at once
    print("clock stopped when the call comes back, work done:", work.done())
    finish.set()
    work.result()  # as torch.cuda.synchronize() does: it waits
    print("clock stopped after waiting for the card, work done:", work.done())

# %% [markdown]
# It is not. Without a `torch.cuda.synchronize()` before you read the clock, you measure how long it takes to ask for the work, not how long it takes to do it. Wait before the first reading, too, or you also measure work that was asked for earlier. The library's `mobilenet bench` waits in both places.
#
# ### Why can an ordinary 3x3 layer beat a separable one?
#
# Asked as [MXNet issue 8832](https://github.com/apache/mxnet/issues/8832), by somebody whose network was no faster after it had been made separable, and as [ncnn issue 754](https://github.com/Tencent/ncnn/issues/754). Computing two neighbouring outputs of a row with a kernel of three weights takes six multiplications. In 1980 S. Winograd published a way that takes four.
#
# **Predict:** are the results below equal, or only close?

# %%
d, g = [1, 4, 2, 3], [2, -1, 1]  # four pixels, three weights
total, turned = (g[0] + g[1] + g[2]) / 2, (g[0] - g[1] + g[2]) / 2  # once for each kernel
m1, m4 = (d[0] - d[2]) * g[0], (d[1] - d[3]) * g[2]
m2, m3 = (d[1] + d[2]) * total, (d[2] - d[1]) * turned
print("six multiplications: ", np.correlate(d, g, "valid"))
print("four multiplications:", np.array([m1 + m2 + m3, m2 - m3 - m4]).astype(int))
print(f"2x2 outputs of a 3x3 kernel: {4 * 9} by Equation 2, {4 * 4} by Winograd")
layers = recorded("nvidia_h100_80gb_hbm3_layers_1")["results"]["layers"][:27]
least = min(layer["timing"]["median_ms"] for layer in layers)
print(f"a convolution layer on an H100, for one picture: {1e3 * least:.0f} µs or more")

# %% [markdown]
# Equal. Libraries for processors and GPUs compute ordinary 3x3 layers of stride 1 this way where it pays, and then need less than half of the multiplications that Equation 2 counts. A depthwise layer gains nothing from it, since multiplications are not what it waits for. And a separable layer is two layers in place of one: for a single picture on a GPU, most of the time is the fixed cost of starting each layer.
#
# ### Why is a narrow MobileNet no faster on my GPU?
#
# Asked as [issue 24 of MobileNet](https://github.com/Zehaos/MobileNet/issues/24). Here are times that others have published for the paper's four widths on an NVIDIA T4: for one picture in numbers of 16 bits (fp16), and for eight pictures in numbers of 32 bits (fp32).
#
# **Predict:** $\alpha = 0.25$ has a fourteenth of the mult-adds of $\alpha = 1$. What share of the time does it take?

# %%
for row in paper.timed()[:8]:
    if row.alpha == 1:
        full = row  # the widest network, which the other three are compared with
    work, all_work = (mn.mobilenet_v1(each.alpha).mult_adds for each in (row, full))
    print(f"{row.precision}, batch {row.batch}, alpha {row.alpha:<4g}", end=" ")
    print(f"{work / 1e6:4.0f} M mult-adds ({work / all_work:4.0%}):", end=" ")
    print(f"{row.milliseconds:.2f} ms ({row.milliseconds / full.milliseconds:4.0%})")

# %% [markdown]
# For one picture it takes nearly as long: the card has to be asked for 28 layers, whatever their width. With eight pictures and wider numbers there is more to compute, and the width begins to matter. [Chapter 08](08_to_the_device.ipynb#On-a-GPU) shows what can be done about the cost of asking.
#
# ### When is a network in eight bits slower?
#
# Asked as [issue 143 of `armnn`](https://github.com/ARM-software/armnn/issues/143), of MobileNet itself, and as [PyTorch issue 42113](https://github.com/pytorch/pytorch/issues/42113). Weights and pixels of eight bits (int8) go up to 127. Newer processors have an instruction that multiplies such numbers and adds up the products; older ones do not.
#
# **Predict:** nine products of 100 and 100 are added, as in a 3x3 kernel. Does the sum fit into eight bits?

# %%
weights = pixels = np.full(9, 100, np.int8)
print("added in 8 bits:      ", np.dot(weights, pixels))
print("widened to 32, added: ", np.dot(weights.astype(np.int32), pixels.astype(np.int32)))
slower = [phone.int8_ms > phone.float_gpu_ms for phone in paper.phones()]
print(f"Pixel 3: {sum(slower)} of the {len(slower)} MobileNets are slower in 8 bits")
print("         on the processor than in float on its GPU")

# %% [markdown]
# It does not: sums need 32 bits. Newer processors multiply in 8 bits and add in 32 with one instruction. A processor without such an instruction must widen every number first and narrow the result again, and can then be slower than in float. A network is also slower if its layers are converted back and forth between eight bits and float, or if it leaves a faster part of the machine unused, as on this phone. (Its times were published by TensorFlow Lite's authors.) [Chapter 08](08_to_the_device.ipynb#Smaller,-and-faster) measures yours.
#
# ### I set `channels_last`, and the shape is still the same. Did it work?
#
# Asked as [ffcv issue 119](https://github.com/libffcv/ffcv/issues/119).
#
# **Predict:** which of the two, shape or strides, tells you how the numbers lie in memory?

# %%
x = torch.zeros(1, 3, 4, 5)
y = x.to(memory_format=torch.channels_last)
print("as made:      ", tuple(x.shape), "strides", x.stride())
print("channels_last:", tuple(y.shape), "strides", y.stride())

# %% [markdown]
# It worked: the shape says what a number means, the strides say where it lies. In the second line the next channel of a pixel is one step away, and the next pixel of a row three. The results are the same; only the speed differs.
#
# ### Why is 16-bit autocast no faster on my processor?
#
# Asked, for example, in [PyTorch's pull request 86550](https://github.com/pytorch/pytorch/pull/86550). Not every processor can multiply in 16 bits.
#
# **Predict:** inside `autocast`, in which type are the weights of a layer kept, and in which type does its result come out?

# %%
layer, x = nn.Conv2d(3, 8, 3), torch.zeros(1, 3, 8, 8)
with torch.autocast("cpu", dtype=torch.bfloat16):
    result = layer(x)
print("weights:", layer.weight.dtype, " picture:", x.dtype, " result:", result.dtype)
numbers = sum(each.numel() for each in (layer.weight, layer.bias, x))
print("to convert before it can begin:", numbers, "numbers")

# %% [markdown]
# The weights stay as they were and are converted on the way; the result comes out in 16 bits. That pays where the processor has instructions for it. Where it has none, converting is extra work; and for some layers, depthwise ones among them, the library may have no fast routine for 16 bits at all. [Chapter 05](05_training.ipynb#In-which-numbers?) lets you measure it.
#
# ### Why does a picture get other scores in a batch than alone?
#
# Asked as [PyTorch issue 58128](https://github.com/pytorch/pytorch/issues/58128).
#
# **Predict:** is (0.1 + 0.2) + 0.3 the same as 0.1 + (0.2 + 0.3)?

# %%
print((0.1 + 0.2) + 0.3, "and", 0.1 + (0.2 + 0.3))
torch.manual_seed(0)
net = mn.MobileNet(mn.mobilenet_v1(0.25, 96)).eval()
x = torch.randn(32, 3, 96, 96)
with torch.no_grad():
    alone, together = net(x[:1]), net(x)[:1]
print("equal but for rounding:", torch.allclose(alone, together, atol=1e-5))

# %% [markdown]
# Not quite, in a computer. For another batch size the library may choose another routine, which adds the same products in another order, so the last digits differ. If more than the last digits differ, your network is probably in training mode: see the [next section](#Batch-normalization-and-dropout).
#
# ## Batch normalization and dropout
#
# ### Why does my network answer differently each time?
#
# Asked as [torchvision issue 2079](https://github.com/pytorch/vision/issues/2079). The [person detector](07_a_published_mobilenet.ipynb#A-network-with-a-past) looks at a photo of an astronaut three times; the second time, somebody forgot `eval()`.
#
# **Predict:** does the third answer equal the first?

# %%
net = mn.load_published("person_detector")
x = net.preprocess(load_photo("astronaut"))
for mode in ("eval", "train", "eval"):
    getattr(net, mode)()
    with torch.no_grad():
        score = net.probabilities(net(x))[0, net.classes.index("person")]
    print(f"net.{mode}(): person {score:.2f}")

# %% [markdown]
# It does not. In training mode, batch normalization uses the mean and variance of the pictures at hand, here a single one, and moves its stored averages towards them as well, even under `no_grad`. Call `eval()` before you use a network; if it has seen pictures in training mode by mistake, load it again.
#
# ### Is a momentum of 0.9 in TensorFlow 0.9 in PyTorch?
#
# Asked as [issue 289 of PyTorch's examples](https://github.com/pytorch/examples/issues/289). The moving average starts at 0, and the first batch has the mean 100.
#
# **Predict:** what is the average afterwards, with PyTorch's usual 0.1?

# %%
for name, momentum in {
    "PyTorch's 0.1": 0.1,
    "TensorFlow's 0.9, taken as 1 - 0.9": 1 - 0.9,
    "TensorFlow's 0.9, copied": 0.9,
    "tf-slim's 0.9997, copied": 0.9997,
}.items():
    bn = nn.BatchNorm1d(1, momentum=momentum)
    bn(torch.tensor([[90.0], [110.0]]))
    print(f"{name:36}0 becomes {bn.running_mean.item():5.2f}")

# %% [markdown]
# No: TensorFlow's number is the share of the old average that stays, PyTorch's the share of the new batch that comes in, so one is 1 minus the other. If you copy 0.9997, almost nothing but the last batch counts; tf-slim's authors meant an average over thousands. [Chapter 05](05_training.ipynb#What-batch-normalization-remembers) shows what the authors' value does to a short training run.
#
# ### Does it matter whether eps is 0.001 or 0.00001?
#
# Asked as [issue 8 of keras-applications](https://github.com/keras-team/keras-applications/issues/8). BN divides by the root of variance plus eps, which Keras sets to 0.001 and PyTorch to 0.00001.
#
# **Predict:** for which channels does it matter: those that vary a lot, or those that vary little?

# %%
for variance in (1, 0.01, 0.001, 0.0001):
    larger = ((variance + 1e-3) / (variance + 1e-5)) ** 0.5
    print(f"variance {variance:<7g} with the smaller eps {larger:.2f} times as large")

# %% [markdown]
# For those that vary little: they come out up to three times too large here, if the weights were trained with the larger eps. Weights need the eps that they were trained with. [Chapter 07](07_a_published_mobilenet.ipynb#Four-ways-to-be-wrong) shows what the wrong one does to a real network's answers.
#
# ### Why does the convolution before BN have no bias?
#
# Asked as [issue 4 of `KAIR`](https://github.com/cszn/KAIR/issues/4).
#
# **Predict:** what is left of a bias of 7 after batch normalization?

# %%
torch.manual_seed(0)
x, bn = torch.randn(8, 4, 5, 5), nn.BatchNorm2d(4)
print("the same with and without 7 added:", torch.allclose(bn(x), bn(x + 7), atol=1e-4))
conv = nn.Conv2d(4, 4, 3)
bn(conv(x)).pow(3).sum().backward()
print("gradient of the bias is 0:  ", bool(conv.bias.grad.abs().max() < 1e-3))
print("gradient of the weight is 0:", bool(conv.weight.grad.abs().max() < 1e-3))

# %% [markdown]
# Nothing: BN subtracts the mean, and the bias with it, and then adds its own beta. A bias would be a number that never learns anything, so it is left out.
#
# ### Why does training expect more than 1 value per channel?
#
# Asked, after an error in these words, as [issue 8 of pytorch-segmentation](https://github.com/yassouali/pytorch-segmentation/issues/8). Batch normalization needs a mean and a variance for each channel, over pictures and pixels.
#
# **Predict:** which of these batches can be normalized?

# %%
bn = nn.BatchNorm2d(4)
for images, side in ((2, 1), (1, 2), (1, 1)):
    print(f"{images} image(s) of {side}x{side} pixels: ", end="")
    try:
        bn(torch.zeros(images, 4, side, side))
        print("fine,", images * side**2, "values for each channel")
    except ValueError as error:
        print(str(error).split(",")[0])

# %% [markdown]
# The first two: a single value has no variance. This happens when the last batch of an epoch holds one picture and the map has shrunk to one pixel, as MobileNet's does for pictures of 32 pixels. In training, leave out incomplete batches (`drop_last=True`), or use larger pictures.
#
# ### Why does my network answer differently after folding?
#
# Asked as [RepVGG issue 9](https://github.com/DingXiaoH/RepVGG/issues/9). Folding puts BN into the convolution before it, with the averages that BN has stored ([chapter 08](08_to_the_device.ipynb#Folding)).
#
# **Predict:** with which of its two modes does the folded network agree, evaluation or training?

# %%
torch.manual_seed(0)
net, x = mn.MobileNet(mn.mobilenet_v1(0.25, 64)), torch.randn(4, 3, 64, 64)
try:
    fold(net)
except ValueError as error:
    print("folding a fresh network:", error)
folded = fold(net.eval())(x)
print("agrees in evaluation:", torch.allclose(folded, net(x), atol=1e-5))
print("agrees in training:  ", torch.allclose(folded, net.train()(x), atol=1e-5))

# %% [markdown]
# With evaluation. In training mode BN uses different numbers for every batch, which no convolution can hold. So call `eval()` before you fold, and before you compare. Some folding functions do not check the mode; ours does.
#
# ### What does a dropout of 0.999 do?
#
# Asked as [Transformers issue 22767](https://github.com/huggingface/transformers/issues/22767), where MobileNet came with 0.999. In training, such a layer sets some numbers to zero, and multiplies the others so that the sum stays about the same. TensorFlow's old functions took the share to *keep*, PyTorch takes the share to *drop*.
#
# **Predict:** of 1024 features, how many does a drop rate of 0.999 leave on average?

# %%
ones = torch.ones(1_000_000)
for p in (0.001, 0.999):
    left = F.dropout(ones, p)
    kept = (left > 0).float().mean().item()
    print(f"drop rate {p}: keeps {kept:.1%}, multiplied by {left.max():.3f}")

# %% [markdown]
# One, multiplied by a thousand, and no classifier learns from that. What was meant was a drop rate of 0.001, which is next to nothing. In evaluation mode neither does anything, so the mistake shows only when you train.
#
# ### I froze all layers. Why do the answers still change?
#
# Asked as [pull request 8753 of Ultralytics](https://github.com/ultralytics/ultralytics/pull/8753).
#
# **Predict:** no parameter can learn any more. Does anything in the network change when it sees a batch in training mode?

# %%
net = mn.load_published("person_detector").requires_grad_(False)
print("parameters that learn:", sum(p.requires_grad for p in net.parameters()))
for mode in ("eval", "train"):
    before = net.conv_0.bn.running_mean.clone()
    getattr(net, mode)()(torch.rand(2, 3, 96, 96))
    changed = not torch.equal(before, net.conv_0.bn.running_mean)
    print(f"net.{mode}(): the first layer's mean has changed: {changed}")

# %% [markdown]
# The averages of batch normalization do. They are not parameters, and `requires_grad` has no effect on them. Keep frozen layers in evaluation mode, even while the others train, as [chapter 07](07_a_published_mobilenet.ipynb#Freeze-the-body) does.
#
# ## Weights from elsewhere
#
# ### Is `padding=1` the same as TensorFlow's SAME?
#
# Asked as [tensornets issue 25](https://github.com/taehoonlee/tensornets/issues/25). A row has the pixels 0 1 2 3 4 5, and a kernel copies the pixel in its middle. The stride is 2.
#
# **Predict:** which pixels does each of the two rules copy?

# %%
row, middle = torch.arange(6.0)[None, None], torch.tensor([[[0.0, 1.0, 0.0]]])
same = cost.same_padding(6, 3, stride=2)
for name, zeros in (("SAME", same), ("padding=1", (1, 1))):
    copied = F.conv1d(F.pad(row, zeros), middle, stride=2)
    print(f"{name:10}zeros before and after {zeros}, copies {copied.int().tolist()[0][0]}")

# %% [markdown]
# Not with stride 2 and an even number of pixels: SAME puts its only zero at the end, so every kernel sits one pixel further to the right. The shape is the same, no error is raised, and ported weights answer worse ([chapter 07](07_a_published_mobilenet.ipynb#Four-ways-to-be-wrong) shows how much).
#
# ### Why is a pretrained MobileNet wrong about almost everything?
#
# Asked as [Keras issue 13293](https://github.com/keras-team/keras/issues/13293). The person detector was trained on pixels from 0 to 255.
#
# **Predict:** what will it say about the astronaut if the pixels go from 0 to 1?

# %%
net = mn.load_published("person_detector")
x = net.preprocess(load_photo("astronaut"))
person = net.classes.index("person")
with torch.no_grad():
    for name, given in {"0 to 255": x, "0 to 1": x / 255, "all black": 0 * x}.items():
        print(f"pixels {name:9}: person {net.probabilities(net(given))[0, person]:.2f}")

# %% [markdown]
# Nearly the same as about a black picture, and there is no warning. Every set of weights needs the scale that it was trained with: 0 to 255, 0 to 1, -1 to 1, or a mean and a standard deviation for each colour. Look it up; [chapter 07](07_a_published_mobilenet.ipynb#Four-ways-to-be-wrong) has other ways to be wrong.
#
# ### Why 1001 classes?
#
# Asked as [TensorFlow Hub issue 574](https://github.com/tensorflow/hub/issues/574). ImageNet has 1000 classes; its class 207, counted from 0, is the golden retriever.
#
# **Predict:** at which place of the 1001 outputs is it?

# %%
for convention in (mn.KERAS, mn.TF_SLIM):
    outputs = convention.architecture().layers[-1].out_channels
    first = "background" if outputs == 1001 else "tench, a fish"
    print(f"{convention.name}: {outputs} outputs, at 0 the class {first}", end=", ")
    print(f"golden retriever at {207 + outputs - 1000}")

# %% [markdown]
# At 208: TensorFlow's authors put a class "background" first, to which no picture of ImageNet belongs, so all others move by one. If every answer of a network is the neighbour of the right one, this is probably why.
#
# ### Should a network end in a softmax?
#
# Asked as [issue 5 of MobileNetV2-pytorch](https://github.com/Randl/MobileNetV2-pytorch/issues/5). PyTorch's `cross_entropy` applies one itself. Suppose that a network does, too.
#
# **Predict:** how low can the loss get when the answer is perfect?

# %%
right = torch.tensor([0])
scores = torch.tensor([[9.0, 0.0, 0.0]])  # sure of the right one of three classes
perfect = torch.tensor([[1.0, 0.0, 0.0]])  # what a softmax gives at the very best
print(f"from scores:            loss {F.cross_entropy(scores, right):.3f}")
print(f"from a perfect softmax: loss {F.cross_entropy(perfect, right):.3f}")

# %% [markdown]
# With two of them the loss never reaches zero, and training crawls, without an error. Let the network end in scores (*logits*), train on those, and apply the softmax where you want probabilities. A network may also end in a log-softmax: applying log-softmax twice changes nothing.
#
# ## Widths and sizes
#
# ### What is the 6 in ReLU6 good for?
#
# Asked [on Stack Overflow](https://stackoverflow.com/questions/47220595/why-the-6-in-relu6). ReLU6 is a ReLU that stops at 6. In eight bits, a number from 0 to some largest value is one of 256 levels.
#
# **Predict:** if the largest value can be 60 instead of 6, how does the distance between two levels change?

# %%
for largest in (6, 60):
    whole = largest.bit_length()
    print(f"0 to {largest:2}, evenly spread over 255 steps: levels {largest / 255:.4f} apart")
    print(f"         with a fixed binary point: {whole} bits before it, {8 - whole} after it")

# %% [markdown]
# It grows tenfold. With a fixed end the levels are known before any picture is seen, and no single large value makes them coarse; 6 needs three bits before the point and leaves five after it. Why not 5 or 7? The number comes from a network of 2010 for small pictures, where it worked, and it was kept.
#
# ### Why are widths rounded to multiples of 8?
#
# Asked as [issue 5279 of TensorFlow's models](https://github.com/tensorflow/models/issues/5279), where a MobileNetV2 of width 1.4 had 48 channels, not 45 (44.8, which the paper's rule cuts to 44). A processor multiplies a *vector* of numbers at a time, of 8 for example.
#
# **Predict:** what is the largest number of channels that takes no more vectors than 44?

# %%
from mobilenet_lib.architecture import scale_channels

for alpha in (0.35, 0.75, 1.4):
    plain, rounded = (scale_channels(32, alpha, rule) for rule in ("paper", "divisible8"))
    vectors = -(-plain // 8)
    print(f"32 channels times {alpha}: {plain:2} take {vectors} vectors of 8", end=", ")
    print(f"{plain / (8 * vectors):.0%} of their places used; rounded {rounded}")

# %% [markdown]
# 48. The last vector is computed whether it is full or not, so the rounded width takes no more time than the odd one, and has more channels. With the paper's four widths, all numbers of channels are multiples of 8 anyway; later networks round (and make sure that no layer loses more than a tenth of its channels).
#
# ### Which strides for pictures of 32 pixels?
#
# Asked as [issue 99 of pytorch-cifar](https://github.com/kuangliu/pytorch-cifar/issues/99). MobileNet halves its maps five times. One way out is to set the first stride to 1; from there on, the maps and mult-adds are those of a picture of 64 pixels.
#
# **Predict:** how large is the last map at 32 pixels, with the strides of the paper?

# %%
for strides, resolution in (("2 2 2 2 2", 32), ("1 2 2 2 2", 64)):
    arch = mn.mobilenet_v1(resolution=resolution)
    sides = [layer.out_size for layer in arch.layers if layer.stride == 2]
    print(f"strides {strides}: maps of {sides} pixels, {arch.mult_adds / 1e6:.1f} M mult-adds")

# %% [markdown]
# A single pixel: the last layers have no neighbours to look at, and 3x3 kernels see eight zeros around it. With one stride of 2 fewer, the last map has 2x2 pixels, at four times the work; many who train on such pictures set a second stride to 1 as well. Or enlarge the pictures, which costs the same and leaves the network as it is. [Chapter 06](06_width_and_resolution.ipynb#Sixteen-of-our-own) trains at 32 pixels.
#
# ### Must the picture's side be a multiple of 32?
#
# Asked as [issue 15 of pytorch-mobilenet-v2](https://github.com/tonylins/pytorch-mobilenet-v2/issues/15).
#
# **Predict:** does a network for 224 pixels take a picture of 100?

# %%
net = mn.MobileNet(mn.mobilenet_v1(0.25)).eval()
for side in (224, 225, 100):
    sides = [layer.out_size for layer in mn.mobilenet_v1(0.25, side).layers if layer.stride == 2]
    with torch.no_grad():
        scores = net(torch.zeros(1, 3, side, side))
    print(f"{side} pixels: maps of {sides}, {scores.shape[1]} scores")

# %% [markdown]
# It does, so the side need not be a multiple of 32. An odd side is rounded up at each halving, and the average pool at the end averages whatever is left. Only an implementation that pools over a fixed 7x7 needs 224 pixels. With multiples of 32, all padding rules agree on the sizes; that is the only advantage.
#
# ## Memory
#
# ### How much memory do the feature maps need?
#
# Asked as [TensorFlow issue 35070](https://github.com/tensorflow/tensorflow/issues/35070). While a layer works, its input and its output must be there, and nothing else. Two functions share a name here: `arch.peak_bytes()` counts those two for an architecture; the imported `peak_bytes` measures which tensors are alive while PyTorch runs the network, folded, and with each ReLU writing over its input.
#
# **Predict:** a larger $\alpha$ or a larger picture: which of the two makes the peak grow faster?

# %%
from functools import partial

from mobilenet_lib.bench.memory import peak_bytes

sides = (224, 192, 160, 128)
print("measured/counted, kB", *(f"{side:6} px  " for side in sides))
for alpha in (1, 0.75, 0.5, 0.25):
    net = fold(mn.MobileNet(mn.mobilenet_v1(alpha), mn.TIMM).eval())
    for relu in (module for module in net.modules() if isinstance(module, nn.ReLU6)):
        relu.inplace = True
    measured = [peak_bytes(partial(net, torch.zeros(1, 3, side, side))) for side in sides]
    counted = [mn.mobilenet_v1(alpha, side).peak_bytes() for side in sides]
    pairs = zip(measured, counted, strict=True)
    print(f"alpha = {alpha:<12}", *(f"{m / 1e3:5.0f}/{c / 1e3:<5.0f}" for m, c in pairs))

# %% [markdown]
# The measured and the counted numbers agree for all sixteen networks, and the picture's size matters more: the peak grows with the square of its side, but only in proportion to $\alpha$. It lies at the first pointwise layer, where maps are still large. (Not counted: the weights, the picture itself, and what a program needs for its own purposes.)
#
# ### How large must the arena on a microcontroller be?
#
# Asked as [issue 2474 of TensorFlow Lite Micro](https://github.com/tensorflow/tflite-micro/issues/2474). The *arena* is the memory in which such a program keeps all its maps. The person detector ($\alpha = 0.25$, 96 pixels) runs there with one byte for each number.
#
# **Predict:** which needs more room, the weights or the maps?

# %%
arch = mn.load_published("person_detector").arch
maps, weights = arch.peak_bytes(bytes_per_number=1), arch.parameters_as_printed
print(f"maps, at their peak: {maps / 1024:3.0f} KiB, so the arena needs more than that")
print(f"the weights:         {weights / 1024:3.0f} KiB, which may lie in flash memory")

# %% [markdown]
# The weights, but they need not be in the arena. The peak of the maps is a lower bound for the arena; the program's own tables and the scratch space of its convolutions come on top. The [example of TensorFlow Lite Micro](https://github.com/tensorflow/tflite-micro/blob/0f025d33fa54b86f3ac0aba74688d0d1ad4f3b79/tensorflow/lite/micro/examples/person_detection/main_functions.cc), with the same layers on a grey picture, reserves 136 KiB. Start with twice or three times the bound, ask the program what it has used (`arena_used_bytes()`), and shrink the arena to that.
#
# ### How fast is MobileNet on a microcontroller?
#
# Asked as [issue 3209 of TensorFlow Lite Micro](https://github.com/tensorflow/tflite-micro/issues/3209). MLPerf Tiny is a contest in which everybody runs the same network on a chip of their choice; one of its four networks has the layers of the person detector. These are published times and energies, not ours.
#
# **Predict:** five of the six rows are for the same chip. By what factor do programs differ on it?

# %%
for row in paper.timed()[8:]:
    energy = f"{row.millijoules:.1f} mJ" if row.millijoules else ""
    print(f"{row.milliseconds:3.0f} ms {energy:8} {row.software}, {row.device}")

# %% [markdown]
# Nearly a factor of three, for the same mult-adds on the same chip, and the energy follows the time. The larger chip in the last line is several times faster again. On any chip, both the hardware and the program matter.
#
# ## Summary
#
# - A few lines of code settle questions about shapes, counts and conventions; write them before you compare two numbers or two libraries.
# - On a GPU, with few pictures at a time, the fixed cost of each call decides. With many pictures, mult-adds begin to matter, and so does memory.
# - Batch normalization has two modes, moving averages and a small eps, and each of these has misled somebody: call `eval()` before you use, fold, freeze or compare a network.
# - Weights carry conventions with them: the scale of the pixels, on which side zeros are padded, the place of a class.
# - Feature maps need the most memory at the first pointwise layer, and the picture's side decides how much.
#
# ## Sources
#
# - The threads that the questions link to.
# - Rules of the counters: fvcore, `fvcore/nn/flop_count.py` at 052545c4 and `jit_handles.py` at 017141c4; thop, `thop/vision/basic_hooks.py` at 0a5e46b0; PyTorch, `torch/utils/flop_counter.py`.
# - S. Winograd: *Arithmetic Complexity of Computations*, SIAM, 1980. A. Lavin, S. Gray: *Fast Algorithms for Convolutional Neural Networks*, arXiv 1509.09308, 2015.
# - F. Chollet: *Xception: Deep Learning with Depthwise Separable Convolutions*, arXiv 1610.02357, 2017.
# - A. Krizhevsky: *Convolutional Deep Belief Networks on CIFAR-10*, 2010.
# - Times on an NVIDIA T4: PaddleClas, *Mobile and Embedded Vision Applications Network series*. Times and energies on microcontrollers: MLPerf Tiny, results of the versions 0.5, 0.7 and 1.0. Each row of `data/paper/timed.csv` says where it was published.
