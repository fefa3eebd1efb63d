# %% [markdown]
# # The network
#
# You know the one idea of MobileNet. The rest is a list: how many layers, how wide, and where the maps shrink. This chapter reads that list, rebuilds the network from it in a page of code, and asks where its work and its parameters are. On the way you can catch a misprint that has puzzled many readers of the paper.
#
# **Contents:** [Table 1](#Table-1) · [Where the work is: Table 2](#Where-the-work-is:-Table-2) · [The misprint in Table 1](#The-misprint-in-Table-1) · [How many parameters?](#How-many-parameters?) · [Build it](#Build-it) · [How far does one pixel see?](#How-far-does-one-pixel-see?) · [Move it yourself](#Move-it-yourself) · [Exercises](#Exercises) · [Summary](#Summary) · [Sources](#Sources)

# %% [markdown]
# **In this chapter you will**
#
# - read Table 1 and count its layers,
# - catch its misprint by arithmetic,
# - find out where nearly all of the work is (Table 2),
# - build the network in PyTorch and compare it with the library's,
# - see how far one output pixel can look,
# - meet the details that the paper leaves open.
#
# ## Table 1

# %% [markdown] slide=1
# # The network
#
# You know its one idea. The rest is a list: how many layers, how wide, and where the maps shrink.
#
# Notes: This chapter reads the list, rebuilds the network from it, and asks where its work is.

# %% [markdown] slide=3
# ## One line of Table 1 cannot be right
#
# [[output 16-24]]
#
# Which one? Stride 2 (s2) halves a map.
#
# Notes: This is the lower half of the table as the paper prints it. Each line gives type and stride, the shape of the filters, and the size of the map that the layer reads. Give them a minute in pairs. Do not solve it yet; we come back to it.

# %%
from mobilenet_lib import paper

print(paper.table(1).as_printed)

# %% [markdown]
# This is the table as the paper prints it. Each line is a layer: its type and stride (`s2` is stride 2), the shape of its filters, and the size of the map it *reads*. `5x` marks a pair that occurs five times. *Avg Pool* takes the mean of each channel, *FC* (fully connected) is a layer with one weight for each pair of a channel and a class, and *softmax* turns scores into probabilities.
#
# One of the lines cannot be right. Can you find it? Follow the sizes from line to line: stride 2 halves a map. We come back to it [below](#The-misprint-in-Table-1).
#
# **Predict:** how many layers are there, if depthwise and pointwise layers count separately, and pooling and softmax, which have no weights, do not?
#
# <details><summary>Answer</summary>
#
# 28: one standard convolution at the beginning, 13 depthwise, 13 pointwise, one fully connected at the end.
# </details>

# %%
from mobilenet_lib.checks import expect

expect("03-layers")

# %% [markdown] slide=2
# ## How many layers have weights?
#
# Depthwise and pointwise count separately; pooling and softmax do not count.
#
# Notes: Thirteen pairs, one layer before them and one after: 28. Let them count in the chapter or from the handout.

# %% [markdown] slide=1
# ## 28
#
# [[output]]
#
# Notes: The first layer is a standard convolution: separating it would save next to nothing of the whole, and leave only one pattern for each colour.

# %%
import mobilenet_lib as mn

arch = mn.mobilenet_v1()
for kind in arch.by_kind().values():
    print(f"{kind.layers:2d} {kind.label}")

# %% [markdown]
# The first layer is a standard convolution. Separating it would make it seven times cheaper, but it is less than 2 % of the work, so the whole network would hardly be faster. And it would [leave only one pattern](02_depthwise_separable_convolution.ipynb#What-is-given-up) for each colour.
#
# ### Narrow at first, wide at the end

# %% [markdown] slide=3
# ## Narrow at first, wide at the end
#
# [[output]]
#
# Notes: Whenever the side of a map is halved, a pointwise layer soon doubles the channels. The map says less about where things are, and more about what they are.

# %%
from mobilenet_lib import plots

plots.shape_of_maps(arch)

# %% [markdown]
# Follow the two upper curves. Whenever the side of a map is halved, a pointwise layer soon doubles the channels. This is an old habit of network design: the map says less about *where* things are, and more about *what* they are.
#
# **Predict:** when the side halves and both $M$ and $N$ double, what happens to the number of mult-adds (multiplications, each with an addition) of a pointwise layer, $M \cdot N \cdot D_F^2$?
#
# <details><summary>Answer</summary>
#
# It stays the same: the two doublings multiply it by 4, but $D_F^2$ falls to a quarter. So in the next figure the pointwise layers have only two heights: those that double the channels cost half as much as those that keep them.
# </details>

# %%
expect("03-halved")

# %% [markdown] slide=2
# ## Side halved, channels doubled: what happens to $M \cdot N \cdot D_F^2$?
#
# The cost of a pointwise layer, when both $M$ and $N$ double.
#
# Notes: It stays the same: the two doublings multiply it by 4, but the number of pixels falls to a quarter.

# %% [markdown] slide=3
# ## Work spread evenly, weights piled up at the end
#
# [[output]]
#
# Notes: Above, mult-adds; below, parameters. The same layer can be cheap in one and expensive in the other. Pointwise layers have only two heights: those that double the channels cost half.

# %%
plots.profile(arch)

# %% [markdown]
# The upper part shows the work, spread evenly over the network. The lower part shows the weights: they pile up at the end, where the maps are small and the channels many. So the same layer can be cheap in mult-adds and expensive in weights, or the other way round.
#
# ## Where the work is: Table 2
#
# **Predict:** what share of all mult-adds is spent in 1 by 1 convolutions?

# %%
expect("03-share")

# %% [markdown] slide=1
# ## What share of the mult-adds is in 1 by 1 convolutions?
#
# Half? Three quarters? More?
#
# Notes: A show of hands.

# %% [markdown] slide=2
# ## Nearly 95 %
#
# [[output]]
#
# Notes: And three quarters of the weights. That is the point of the design: a network needs few mult-adds to be fast, but also mult-adds of a kind that machines do well.

# %%
plots.shares(arch)

# %% [markdown]
# Nearly 95 % of the work, and three quarters of the weights, are in the simplest layer there is: a matrix product for each pixel. That is the point of the design. To be fast, a network needs few mult-adds, but they must also be of a kind that machines do well. ([Chapter 04](04_what_a_mult_add_costs.ipynb) measures which kinds those are.)
#
# Here is the paper's table, with our count beside each number:

# %% [markdown] slide=2
# ## Table 2, recounted
#
# [[output]]
#
# Notes: An equals sign means that our count, rounded, is what is printed. One line is off: the first layer has 1.91 %, not 1.19 %. Two digits swapped; the printed column adds up to 99.29 %.

# %%
paper.table(2)

# %% [markdown]
# One line is off. The paper says 1.19 % for the first layer; it is 1.91 %. Two digits were swapped. You can tell even without counting: the printed column adds up to 99.29 %.
#
# ## The misprint in Table 1
#
# The misprint in Table 1 matters more. Did you find it? These are the last two lines before the pooling:

# %% [markdown] slide=2
# ## Did you find the misprint?
#
# Stride 2 on 7 by 7. But the layer after it reads 7 by 7 as well.
#
# How large would the last map be?
#
# Notes: 4 by 4, and the pooling of 7 by 7 would not fit. Both readings can be counted.

# %%
table = paper.table(1)
for row in (18, 19):
    print(*(table.cell(row, column).printed for column in table.columns), sep="   ")

# %% [markdown]
# Stride 2, on a map of 7 by 7. But the layer after it reads 7 by 7 as well. Both cannot be true.
#
# **Predict:** if the stride really were 2, how large would the last map be?
#
# <details><summary>Answer</summary>
#
# 4 by 4, since $\lceil 7 / 2 \rceil = 4$. The pooling layer, which the paper prints as 7 by 7, would not fit.
# </details>

# %%
expect("03-stride")

# %% [markdown]
# The mult-adds decide the question, since the paper prints their total: 569 million. Here is the total for both readings.

# %% [markdown] slide=2
# ## The mult-adds decide
#
# The paper prints a total of 569 million.
#
# [[output]]
#
# Notes: Only stride 1 gives 569. The authors' own code has stride 1, too. Every count in this course uses it.

# %%
from mobilenet_lib import cost


def last_block(size):
    return cost.separable_mult_adds(3, 1024, 1024, size)


literal = arch.mult_adds - last_block(7) + last_block(4)
print(f"stride 1: {arch.mult_adds / 1e6:.2f} million")
print(f"stride 2: {literal / 1e6:.2f} million")

# %% [markdown]
# Only stride 1 gives 569. The authors' own code has stride 1 there, too. The library corrects the line, and so does every count in this book:

# %%
print(arch)

# %% [markdown]
# ## How many parameters?
#
# The answer depends on what you count. The paper says 4.2 million, PyTorch reports 4.23, Keras 4.25.

# %% [markdown] slide=2
# ## How many parameters?
#
# [[output]]
#
# All three are right.
#
# Notes: The paper says 4.2 million, PyTorch reports 4.23, Keras 4.25. They differ in whether they count the trained numbers of batch normalization, and the averages that it remembers.

# %%
print(f"weights only, as printed:   {arch.parameters_as_printed:,}")
print(f"all that training changes:  {arch.parameters:,}")
print(f"with BN's moving averages:  {arch.parameters_with_statistics:,}")

# %% [markdown]
# All three are right. Each convolution is followed by batch normalization (BN), which has two trained numbers for each channel, gamma and beta, and remembers two more, a mean and a variance. PyTorch counts the first two, Keras all four. The paper counts none of them, and leaves out the bias of the last layer as well (a constant for each class).
#
# ## Build it
#
# Here is the network in PyTorch, once, by hand. One row of Table 1 becomes one convolution, BN and ReLU (rectified linear unit). `groups` divides the channels into sets that are convolved separately, and with one channel in each group the convolution is depthwise. *ReLU6*, which several implementations use, is a ReLU that stops at 6.

# %% [markdown] slide=3
# ## Build it: one row of the table
#
# [[code 5-16]]
#
# Notes: Groups divides the channels into sets that are convolved separately; with one channel in each, the convolution is depthwise. ReLU6 is a ReLU that stops at 6.

# %%
import torch
from torch import nn


def row(layer):
    groups = layer.in_channels if layer.kind == "depthwise" else 1
    conv = nn.Conv2d(
        layer.in_channels,
        layer.out_channels,
        layer.kernel_size,
        layer.stride,
        padding=layer.kernel_size // 2,
        groups=groups,
        bias=False,
    )
    return nn.Sequential(conv, nn.BatchNorm2d(layer.out_channels), nn.ReLU6())


# %% [markdown]
# The network is these rows in order, then the average over the last map, and one fully connected layer that turns 1024 averages into a score for each class.


# %% [markdown] slide=2
# ## Build it: all rows
#
# [[code 1-5]]
#
# Two short functions make the complete MobileNet.
#
# Notes: In the chapter we copy all weights from the library's network and compare what both say about the cat: the same scores, to five digits.


# %%
def build(arch):
    rows = [row(layer) for layer in arch.layers[:-1]]
    head = arch.layers[-1]
    pool = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*rows, *pool, nn.Linear(head.in_channels, head.out_channels))


ours = build(arch)
sum(p.numel() for p in ours.parameters()) == arch.parameters

# %% [markdown]
# Is it the same network as the library's? Both have their tensors in the same order, so we can copy all weights from one to the other and compare what they say about the cat.

# %%
from mobilenet_lib.photos import load_photo

cat = load_photo("cat", size=224)
x = torch.from_numpy(cat.copy()).permute(2, 0, 1)[None] / 127.5 - 1
torch.manual_seed(0)
net = mn.MobileNet(arch, mn.TIMM).eval()
weights = zip(ours.state_dict(), net.state_dict().values(), strict=True)
ours.load_state_dict(dict(weights))

# %% [markdown]
# PyTorch answers that all keys matched. Now we show the cat to both.

# %%
with torch.inference_mode():
    difference = (ours.eval()(x) - net(x)).abs().max()
assert difference < 1e-5
print("same scores")

# %% [markdown]
# Two short functions make the complete MobileNet. From here on we use the library's version, which adds names to the layers and lets you choose conventions.
#
# ### What the paper leaves open
#
# The library call above said `TIMM`, the name of a PyTorch library of image models. A paper of nine pages cannot say everything, and those who turned it into code made different choices:

# %%
for c in (mn.PAPER, mn.TF_SLIM, mn.KERAS, mn.TIMM):
    print(f"{c.name:8s} {c.activation:6s} {c.padding:10s} BN eps {c.bn_eps:<6g} {c.num_classes}")

# %% [markdown]
# The first line follows the paper, and its authors' code where the paper is silent; the others are well-known implementations, tf-slim being the authors' own. *same* and *symmetric* are the two padding rules of [chapter 01](01_standard_convolution.ipynb#The-border:-padding); *keras* equals *same* on every map with an even side, and gives an output one pixel smaller on an odd one. *eps* is a small number that BN adds before it divides. The extra class of tf-slim, the 1001st, is "background".
#
# **Predict:** we change nothing but the padding rule. Do the scores stay as they are, or do they change? If so, by how much, compared with their own spread (their standard deviation)?

# %%
expect("03-padding")

# %% [markdown] slide=2
# ## We change only the padding rule. Do the scores change?
#
# Same weights, same photo.
#
# Notes: Remember chapter 01: for even sizes the two rules put the zero on different sides.

# %% [markdown] slide=1
# ## Nothing failed, no warning was given
#
# [[output]]
#
# Weights work only with the details they were trained with.
#
# Notes: They changed by a tenth of their own spread. The paper leaves such details open; chapter 07 shows their effect on trained weights.

# %%
from dataclasses import replace

other = mn.MobileNet(arch, replace(mn.TIMM, padding="same")).eval()
other.load_state_dict(net.state_dict())
with torch.inference_mode():
    moved = (other(x) - net(x)).std() / net(x).std()
print(f"moved by {100 * moved:.0f} % of their spread")

# %% [markdown]
# Nothing failed, no warning was given, and the scores have changed by a tenth of their spread. Weights work only with the details they were trained with; [chapter 07](07_a_published_mobilenet.ipynb) measures what that does to a trained network.
#
# ## How far does one pixel see?
#
# A pixel of the first map sees 3 by 3 pixels of the photo. A pixel of the second sees 3 by 3 of *those*, and so on. The part of the photo that it depends on, its **receptive field**, grows with depth, and after each stride of 2 it grows twice as fast.

# %% [markdown]
# **Predict:** the image has 224 pixels on a side. Can a receptive field be larger?

# %%
expect("03-receptive")

# %% [markdown] slide=1
# ## The image has 224 pixels on a side. Can a receptive field be larger?
#
# A pixel of the first map sees 3 by 3 pixels, one of the second sees 3 by 3 of those.
#
# Notes: After each stride of 2 it grows twice as fast. Let them guess how far the last pixel sees.

# %% [markdown] slide=2
# ## Yes: 315
#
# [[output]]
#
# Notes: The last one hangs over on all sides, and sees the zeros of the padding. Near the input a pixel sees a whisker; two blocks before the end it sees nearly the whole cat.

# %%
plots.receptive_fields(arch, cat, ("conv_0", "dw_2", "dw_6", "pw_11", "pw_13"))

# %% [markdown]
# Yes, it can. The title of each picture gives the layer and the side of its receptive field. Near the input a pixel sees a whisker; two blocks before the end it sees nearly the whole cat. The last field is 315 pixels wide: it hangs over on all sides, and sees the zeros of the padding there. But each field is centred on its own pixel. Of the 49 pixels of the last map only four see the whole photo; one in a corner sees little more than half of each side. The average over all 49 brings them together.

# %%
print("receptive field", arch.receptive_field)
print("stride         ", arch.effective_stride)

# %% [markdown]
# ### And what does it see?
#
# Nothing that it could name, since our weights are random. But even random filters pass something on.

# %%
with torch.inference_mode():
    maps = net.feature_maps(x, ["conv_0", "pw_2", "pw_4"])
plots.feature_maps({name: channels[0].numpy() for name, channels in maps.items()})

# %% [markdown]
# The first row shows the cat through different filters; in deeper rows her outline disappears. Black pictures are channels that ReLU has set to zero: everything in them was negative. Training decides what is kept from layer to layer.
#
# ## Move it yourself
#
# Every block below is a layer's output to scale: its height shows the side of the map, its thickness the number of channels. Point at a layer, or use the arrow keys: the formulas show its costs, and the photo shows what one pixel of its output sees. The four boxes choose what the bars count. Operations per byte say how much work there is for each byte that must be read or written: the fewer, the more the layer waits for memory, as [chapter 04](04_what_a_mult_add_costs.ipynb#How-often-is-a-number-used?) shows. *As the person detector is* opens the network of [chapter 07](07_a_published_mobilenet.ipynb), with the maps that it computes.

# %% [markdown] slide=5
# ## Move it yourself
#
# [[explorer v1&hide=bars,maps,detector,help,foot]]
#
# Notes: Point at a layer, or press E and use the arrow keys. Set alpha to 0.5: what is left of the mult-adds, a half or a quarter? A little more than a quarter: pointwise layers fall with the square of alpha, the others do not.

# %%
from mobilenet_lib.explorers import ArchitectureExplorer

ArchitectureExplorer()

# %% [markdown]
# **Predict:** at `alpha` 0.5 every layer has half its channels. What is left of the mult-adds: a half, a quarter, or something else?
#
# <details><summary>Answer</summary>
#
# A little more than a quarter, 149.5 of 568.7 million. Pointwise layers, $M \cdot N$, fall to a quarter. Depthwise layers, and those whose input or output is fixed (the first reads 3 channels, the last writes 1000 classes), fall only to a half.
# </details>

# %%
expect("03-half")

# %% [markdown]
# You can look at a network of your own in the same way: pass it in with an example of its input.

# %%
yours = nn.Sequential(nn.Conv2d(3, 16, 5, stride=2), nn.ReLU(), nn.Conv2d(16, 32, 3), nn.ReLU())
yours += nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10))
ArchitectureExplorer(yours.eval(), torch.zeros(1, 3, 64, 64))

# %% [markdown]
# ### Two other bodies
#
# To see whether the idea pays off, the paper's authors built two rivals. `full` replaces each separable pair by one standard convolution. `shallow` leaves out the five equal blocks; it competes with a *narrow* network that costs about as much.

# %% [markdown] slide=2
# ## Is the idea worth a point?
#
# [[output]]
#
# On ImageNet the paper reports 71.7 % for the full body and 70.6 % for the separable one.
#
# Notes: One point more, at more than eight times the cost. Of the two small ones, the narrow one (alpha 0.75) reaches 68.4 % and the shallow one 65.3 %: in this pair, depth is worth more than width.

# %%
for body, alpha in (("full", 1), ("separable", 1), ("separable", 0.75), ("shallow", 1)):
    rival = mn.mobilenet_v1(alpha, body=body)
    numbers = (
        f"{rival.mult_adds / 1e6:7.1f} M mult-adds, {rival.parameters_as_printed / 1e6:5.2f} M"
    )
    print(f"{alpha:<4} {body:9s} {numbers} parameters")

# %% [markdown]
# The paper's results on ImageNet are in its Tables 4 and 5:

# %%
from IPython.display import display

display(paper.table(4), paper.table(5))

# %% [markdown]
# The full network is one point better and more than eight times as expensive. Of the two small ones, the narrow network wins by three points: in this pair, depth is worth more than width. (The accuracy is *top-1*, the share of ImageNet's test photos for which the highest score belongs to the right class.)
#
# ## Exercises
#
# The first are quick; *build* and *investigate* take longer, and have more than one good answer. When you are done, or stuck, look at the [solutions](solutions/03_solutions.ipynb).
#
# **3.1** What is the smallest resolution at which the last map still has 7 by 7 pixels?

# %%
from mobilenet_lib.checks import check

answer = ...
check("3.1", answer)

# %% [markdown]
# **3.2** Build a block. Write `block(M, N, stride)`, which returns depthwise convolution, BN, ReLU, pointwise convolution, BN, ReLU as one `nn.Sequential`, padded by one on every side and without biases. Thirteen of these are nearly the whole network.

# %%
from mobilenet_lib.checks import check

block = ...  # def block(M, N, stride): ...
check("3.2", block)

# %% [markdown]
# **3.3** What is the largest `alpha`, in steps of 0.05, with fewer than one million parameters?

# %%
from mobilenet_lib.checks import check

answer = ...
check("3.3", answer)

# %% [markdown]
# **3.4** Which is the first layer whose receptive field is larger than half of the 224 pixels?

# %% [markdown] slide=1
# ## In two lines
#
# - 28 layers; 95 % of the mult-adds and 75 % of the weights are in 1 by 1 convolutions.
# - A paper leaves details open and can be misprinted; arithmetic finds it.
#
# Notes: Next, chapter 04: what a mult-add costs on the machine in front of you.

# %%
from mobilenet_lib.checks import check

answer = ...  # a name such as "dw_3"
check("3.4", answer)

# %% [markdown]
# **3.5 · Investigate.** Find the errors in a table. `rows` is a table such as Table 1. Each row is a tuple (kind, stride, $M$, $N$, $D_F$), where the kind is `"conv"` or `"dw"`, and $D_F$ is the side of the map that the row reads. In some rows one number is misprinted; no two of these rows are neighbours, and the first row is right. Write `misprints(rows)`, which returns the numbers of these rows, counted from 0. Your answer is tried on several tables, one of them with the paper's own misprint.

# %%
from mobilenet_lib.checks import check

misprints = ...  # def misprints(rows): ...
check("3.5", misprints)

# %% [markdown]
# **3.6 · Build.** Count any network. Write `count(net, x)` for PyTorch: the mult-adds that `net` does for one image of the batch `x`, in its convolutions (`nn.Conv2d`, with groups or without) and its fully connected layers (`nn.Linear`). *Hooks*, functions that PyTorch calls after each layer, show you its output; remove them when you are done.

# %%
from mobilenet_lib.checks import check

count = ...  # def count(net, x): ...
check("3.6", count)

# %% [markdown]
# **3.7** The paper does not say whether its convolutions have biases before BN. If they had, how many more parameters would the network of Table 1 have?

# %%
from mobilenet_lib.checks import check

answer = ...
check("3.7", answer)

# %% [markdown]
# ### Closing questions
#
# Answer without scrolling back. Each answer says why it is right or wrong.

# %%
from mobilenet_lib.checks import quiz

quiz("03")

# %% [markdown]
# ### What you expected
#
# What you predicted in this chapter, beside what came out:

# %%
from mobilenet_lib.checks import outcomes

outcomes("03")

# %% [markdown]
# ## Summary
#
# - MobileNet is one standard convolution, thirteen separable blocks, an average and a fully connected layer: 28 layers with weights.
# - 95 % of its mult-adds and 75 % of its weights are in 1 by 1 convolutions.
# - The last depthwise layer has stride 1, whatever the table says.
# - 4.2, 4.23 and 4.25 million parameters are the same network, counted three ways.
# - One pixel at the end sees 315 by 315 pixels, more than the photo has.
# - The paper leaves details open, and weights work only with the details they were trained with.
#
# ## Sources
#
# - Tables 1, 2, 4 and 5: Howard et al., arXiv 1704.04861, sections 3.2 and 4.1. All misprints with their derivations are in `data/paper/discrepancies.csv`.
# - The authors' code: `mobilenet_v1.py` in TensorFlow's models repository, Apache-2.0.
# - Receptive fields, in closed form: A. Araujo, W. Norris, J. Sim, *Computing Receptive Fields of Convolutional Neural Networks*, Distill, 2019.
# - Photograph: Chelsea the cat by Stefan van der Walt, CC0.
