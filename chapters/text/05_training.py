# %% [markdown]
# # Training
#
# So far, all weights have been random. In this chapter you train them: first for one step, by hand, then until a network can read letters, live, in the time it takes to drink a cup of tea. On the way you meet the main parts of a training recipe, and measure which of them matter for a network as small as this one.
#
# **Contents:** [What there is to learn](#What-there-is-to-learn) · [One step, by hand](#One-step,-by-hand) · [How fast to learn](#How-fast-to-learn) · [Where to start](#Where-to-start) · [How large a network?](#How-large-a-network?) · [Live](#Live) · [Nothing is lost](#Nothing-is-lost) · [In which numbers?](#In-which-numbers?) · [Separable against full](#Separable-against-full) · [Narrow against shallow](#Narrow-against-shallow) · [Weight decay on nine numbers](#Weight-decay-on-nine-numbers) · [What batch normalization remembers](#What-batch-normalization-remembers) · [Many hands](#Many-hands) · [And ImageNet?](#And-ImageNet?) · [Exercises](#Exercises) · [Summary](#Summary) · [Sources](#Sources)

# %% [markdown]
# **In this chapter you will**
#
# - compute one step of training yourself, and check that the library does the same,
# - find out why a deep network may learn nothing for its first thousand steps, and cure it by changing one number,
# - watch a network learn, stop it, and let it go on as if nothing had happened,
# - compare separable with full convolutions, and narrow with shallow networks, at two budgets,
# - see what weight decay does to filters of nine weights, and what a wrong memory does to batch normalization,
# - learn what changes when several processors share the work.
#
# ## What there is to learn
#
# Our data set is called *letters in the wild*. Each picture is composed anew when it is needed: a letter from one of several hundred typefaces, rotated, sheared and coloured, over a piece of a photograph, then blurred. The test letters come from families of typefaces that do not occur in training.

# %% [markdown] slide=1
# # Training
#
# First one step, by hand. Then a network that learns to read letters while you watch.
#
# Notes: So far all weights have been random. The numbers on these slides are from the machine that executed the book; run the chapter for your own.

# %% [markdown] slide=2
# ## Letters in the wild
#
# [[output]]
#
# Notes: Each picture is composed anew when it is needed: a letter from one of several hundred typefaces, rotated, sheared and coloured. The test letters come from families of typefaces that do not occur in training.

# %%
from mobilenet_lib import data, plots

letters = data.load("glyphs", batch_size=64, resolution=64)
images, labels = next(iter(letters))  # (64, 3, 64, 64) from -1 to 1, (64,)
shown = (images[:16] * 127.5 + 127.5).round().byte().permute(0, 2, 3, 1).numpy()
plots.letters(list(shown), [letters.classes[i] for i in labels[:16]])

# %% [markdown]
# The network gives each picture 26 scores, and *softmax* turns them into probabilities: $e^{\text{score}}$ for each, divided by the sum of all 26. The **cross-entropy** measures how wrong they are. It is minus the logarithm of the probability given to the right letter, averaged over the pictures. It is our **loss**, the number that training makes smaller. (In the code, `logsumexp` is the logarithm of that sum, so the logarithm of a softmax is the score minus `logsumexp`.)


# %% [markdown] slide=2
# ## How wrong is an answer?
#
# [[code]]
#
# The **cross-entropy**: minus the logarithm of the probability given to the right letter.
#
# Notes: Softmax turns scores into probabilities. The loss is the average over the pictures, and it is the number that training makes smaller.


# %%
def cross_entropy(scores, labels):
    log_probabilities = scores - scores.logsumexp(dim=1, keepdim=True)
    return -log_probabilities[range(len(labels)), labels].mean()


# %% [markdown]
# **Predict:** a fresh network knows nothing, so it gives every letter about the same probability. What is its loss?
#
# <details><summary>How to think about it</summary>
#
# Each letter gets $1/26$, and $-\ln(1/26) = \ln 26 \approx 3.26$.
# </details>

# %%
from mobilenet_lib.checks import expect

expect("05-fresh")

# %% [markdown] slide=2
# ## A fresh network knows nothing. What is its loss?
#
# 26 letters, all about equally probable.
#
# Notes: Each letter gets a probability of 1/26. The loss is minus the logarithm of that.

# %% [markdown] slide=1
# ## Still guessing: $\ln 26 \approx 3.26$
#
# [[output]]
#
# Remember 3.26. A network whose loss stays there has learned nothing.
#
# Notes: The fresh network comes close to it.

# %%
import torch
import torch.nn.functional as F

import mobilenet_lib as mn

torch.manual_seed(0)
fresh = mn.MobileNet(mn.mobilenet_v1(alpha=0.25, resolution=64, num_classes=26))
scores = fresh(images)
assert torch.allclose(cross_entropy(scores, labels), F.cross_entropy(scores, labels))
print(f"loss {cross_entropy(scores, labels).item():.2f}")

# %% [markdown]
# Remember 3.26. As long as the loss stays there, the network is still guessing.
#
# ## One step, by hand
#
# A step of training changes every weight a little, in such a way that the loss falls. PyTorch computes the *gradient*, the direction in which the loss rises fastest; the step goes the opposite way. The **optimizer** decides how far it goes, and what it makes of earlier gradients. Ours is the oldest, *stochastic gradient descent*, with two additions:
#
# - **momentum**: the step follows a fading sum of all gradients so far, in which what they have in common adds up and the rest cancels out,
# - **weight decay**: every step also pulls the weights a little towards zero.
#
# Not every weight decays. Batch normalization and biases are exempt, and so are the depthwise filters: they have only nine weights each, and the paper's authors found it important to put little or no decay on them. You will see [what happens otherwise](#Weight-decay-on-nine-numbers).


# %% [markdown] slide=3
# ## One step, by hand
#
# [[code 6-11]]
#
# - **momentum**: a fading sum of all gradients so far
# - **weight decay**: a little pull towards zero
#
# Notes: The gradient is the direction in which the loss rises fastest; the step goes the opposite way. Not every weight decays: batch normalization, biases and the depthwise filters, with nine weights each, are exempt.


# %%
def decays(weight):
    """Weights of standard and pointwise convolutions and of the classifier."""
    return weight.dim() > 1 and weight.shape[1] > 1  # a depthwise filter reads one channel


@torch.no_grad()
def sgd_step(net, velocity, rate, momentum, weight_decay):
    for name, weight in net.named_parameters():
        gradient = weight.grad + weight_decay * decays(weight) * weight
        velocity[name] = momentum * velocity.get(name, 0) + gradient
        weight -= rate * velocity[name]


# %% [markdown]
# Now the library's version. A **recipe** holds everything that decides how a network is trained, and `changed` returns a copy with other values. (`bn_shift` is [where batch normalization starts](#Where-to-start), `shape` is [the form of the learning-rate schedule](#How-fast-to-learn), and `plan` is [how the arithmetic is done, and in which numbers](#In-which-numbers?).) A `Trainer` follows a recipe, one step at a time.

# %%
from mobilenet_lib.train import Trainer, preset

size = {"alpha": 0.25, "resolution": 32, "batch_size": 64, "device": "cpu", "bn_shift": 0}
small = preset("quick").changed(**size, freeze_statistics=True, shape="cosine", plan="fp32")
print(small.optimization)
print(small.regularization)

# %% [markdown]
# (`freeze_statistics` makes batch normalization use fixed averages, here the mean 0 and the variance 1 that it starts with. With the averages of each batch, rounding differences would grow from step to step, until you could not tell them from a mistake.)
#
# Take two networks with the same weights and the same three **batches** of 64 pictures: the library trains one, and we train the other by hand. Both run on the processor, even if this machine has a graphics card, which the library would otherwise use (`device="auto"`). Such a card may round the numbers in a convolution to three decimal digits before it multiplies them, and we want to compare the arithmetic, not the rounding.

# %% [markdown] slide=2
# ## The library does the same
#
# [[output]]
#
# Notes: Two networks with the same weights and the same three batches, one trained by hand and one by the library. Every tensor has moved the same way, up to rounding. That is all there is to training; what remains is to do it some thousand times.

# %%
import copy
import itertools

from mobilenet_lib.train.schedule import lr_at

trainer = Trainer(small)
ours, velocity = copy.deepcopy(trainer.net).eval(), {}
batches = data.load("glyphs", batch_size=64, resolution=32, seed=small.seed)
for step, (x, y) in enumerate(itertools.islice(batches, 3)):
    now = lr_at(small.schedule, step, trainer.steps)
    ours.zero_grad()
    loss = cross_entropy(ours(x), y)
    loss.backward()
    rate = small.optimization.rate * now.rate
    sgd_step(ours, velocity, rate, small.optimization.momentum, weight_decay=5e-4)
    print(f"by hand {loss.item():.4f}, by the library {trainer.step().loss:.4f}")

# %% [markdown]
# The losses are the same, and every tensor of weights has moved in the same way (rounding aside: we allow a thousandth of the distance it moved):

# %%
before = Trainer(small).net.parameters()
for start, a, b in zip(before, ours.parameters(), trainer.net.parameters(), strict=True):
    assert (a - b).norm() < 1e-3 * (a - start).norm()
print(len(list(ours.parameters())), "tensors of weights, moved alike")

# %% [markdown]
# That is all there is to training. What remains is to do it some thousand times, and to choose the numbers well.
#
# ## How fast to learn
#
# `now.rate`, the **learning rate** above, came from a **schedule**. Too large a rate throws the weights about, and too small a rate wastes your time. A rate that is right at the start is too large at the end, when only details are left to learn. The authors' scripts lower the rate in small stairs. We have only minutes, so ours rises first and then falls to almost nothing (*one-cycle*).
#
# **Predict:** an **epoch** is one pass over all training pictures. At which moment of six epochs does the one-cycle schedule take its largest steps?

# %%
expect("05-one-cycle")

# %% [markdown] slide=2
# ## When in six epochs should the steps be largest?
#
# At first, in the middle, at the end?
#
# Notes: An epoch is one pass over all training pictures. Too large a rate throws the weights about, and too small a rate wastes your time.

# %% [markdown] slide=2
# ## How fast to learn
#
# [[output]]
#
# Notes: The one-cycle rate rises first, is largest after 30 % of the steps, and then falls to almost nothing. The authors' scripts lower it in small stairs.

# %%
recipes = {"one-cycle (quick)": preset("quick"), "stairs (paper)": preset("paper")}
recipes["cosine (modern)"] = preset("modern")
rates = {
    name: [lr_at(recipe.schedule, 10 * step, 10_000).rate for step in range(1000)]
    for name, recipe in recipes.items()
}
plots.schedules(rates)

# %% [markdown]
# After 30 % of the steps, which is before the second epoch ends.
#
# These are the library's three recipes. `paper` takes what the paper says: RMSprop, an older optimizer; little *augmentation*, random variation of the pictures; and no *label smoothing*, which is [exercise 5.4](#Exercises). It fills the gaps from the authors' published scripts. `modern` follows what is known of the recipe of timm, a large library of networks: AdamW, a newer optimizer; stronger augmentation; and an average of the weights. timm trained for 3,600 epochs and reached 75.4 % on ImageNet, where the paper had 70.6 %, with the same number of weights.
#
# ## Where to start
#
# Before the first step, every weight is a random number. Does it matter which? A network learns from what tells pictures apart. So let us follow two pictures through a fresh network: a letter and its *twin*, the same letter with a little noise added. After each layer we measure how far apart the two are, as a share of the distance between two different letters.


# %%
@torch.no_grad()
def twins_apart(net, images, noise=0.02):
    torch.manual_seed(0)
    twins = images + noise * torch.randn_like(images)
    maps = net.train().feature_maps(torch.cat([images, twins]))
    apart = {}
    for name, features in maps.items():
        own, twin = features.flatten(1).chunk(2)
        others = own.roll(1, dims=0)  # every picture beside the next one
        apart[name] = ((own - twin).norm(dim=1).mean() / (own - others).norm(dim=1).mean()).item()
    return apart


# %% [markdown]
# **Predict:** the noise is 2 % of the distance from grey to white, and you would hardly see it. After 27 convolutions, are a letter and its twin still nearly the same?

# %%
expect("05-twins")

# %% [markdown] slide=2
# ## A letter, and the same letter with a little noise: still alike after 27 convolutions?
#
# A fresh network. The noise is 2 % of the distance from grey to white: you would hardly see it.
#
# Notes: The distance between the two is measured as a share of the distance between two different letters. Near 0 they are alike; near 1 they are no more alike than two letters.

# %% [markdown] slide=2
# ## Almost as far apart as two letters
#
# [[output]]
#
# What reaches the classifier is mostly noise that the layers have amplified.
#
# Notes: After each batch normalization half of the numbers are below zero, and ReLU throws them away. The next batch normalization stretches what is left, and so small differences grow from layer to layer.

# %%
usual = twins_apart(fresh, images)
print("  ".join(f"{name} {usual[name]:.1f}" for name in ("dw_3", "dw_7", "pw_13")))

# %% [markdown]
# After the last convolution a letter is almost as far from its own twin as from another letter. What reaches the classifier is mostly noise that the layers have amplified, and it can learn nothing from that until the layers before it have changed.
#
# The reason is the ReLU (rectified linear unit) after every batch normalization. Normalized numbers $z$ are like draws from a bell curve around 0. ReLU passes a small difference on only where $z > 0$, so it keeps the share $P(z > 0) = 1/2$ of it (of its square, to be exact). But it shrinks the spread of the numbers even more, and the next batch normalization stretches them back to a variance of 1, differences included. Let $\beta$ be the shift that batch normalization adds. Then one layer multiplies a small difference by
#
# $$\sqrt{\frac{P(z > -\beta)}{\operatorname{Var}(\max(0,\; z + \beta))}}$$
#
# **Predict:** batch normalization starts with $\beta = 0$. With a larger $\beta$, does the factor rise or fall?

# %%
expect("05-beta")

# %%
import numpy as np

z = np.random.default_rng(0).standard_normal(1_000_000)
for beta in (0, 1):
    factor = np.sqrt((z > -beta).mean() / np.maximum(0, z + beta).var())
    print(f"beta {beta}: {factor:.2f} per layer, {factor**26:.0f} after 26 layers")

# %% [markdown]
# At $\beta = 1$ most numbers pass the ReLU unchanged, and it distorts little. Gradients grow by the same factor on their way back: at $\beta = 0$ those of the first layers are a hundred times too large for their weights, and a step that suits the last layers throws the first ones about. So the recipe starts $\beta$ at 1, in all layers but the last (`bn_shift`). From there it is learned as usual.

# %% [markdown] slide=2
# ## One number cures it: $\beta$ starts at 1
#
# [[output]]
#
# Notes: At beta 1 most numbers pass the ReLU unchanged. Gradients grow by the same factor on their way back, so they stay small as well.

# %%
torch.manual_seed(0)
shifted = mn.MobileNet(fresh.arch, bn_shift=preset("quick").network.bn_shift)
mended = twins_apart(shifted, images)
assert mended["pw_13"] < 0.5 < 0.75 < usual["pw_13"]
print("  ".join(f"{name} {mended[name]:.1f}" for name in ("dw_3", "dw_7", "pw_13")))


# %% [markdown]
# Does the network then learn faster? The next function trains a small one, $\alpha = 0.25$ at 46 pixels, with $\beta$ starting where you say. It returns the mean of the last twenty losses.


# %%
def loss_after(steps, beta):
    size = {"alpha": 0.25, "resolution": 46, "batch_size": 64}
    trainer = Trainer(preset("quick").changed(**size, bn_shift=beta))
    losses = [trainer.step().loss for _ in range(steps)]
    return sum(losses[-20:]) / 20


# %% [markdown]
# **Predict:** after 250 steps of 64 pictures, about half an epoch: which of the two still guesses, with a loss above 3?

# %%
expect("05-guesses")

# %% [markdown] slide=2
# ## One still guesses, the other has begun to read
#
# [[output]]
#
# Notes: After 250 steps of 64 pictures. The recipes differ only in beta, and a step costs the same. The paper does not mention this; in a training run as long as its authors', a few hundred slow steps do not show.

# %%
for beta in (0.0, 1.0):
    verdict = "still guesses" if loss_after(250, beta) > 3 else "has begun to read"
    print(f"beta starts at {beta:.0f}: {verdict}")

# %% [markdown]
# Nothing else was changed, and a step costs the same. (The paper does not mention this. In a training run as long as its authors', a few hundred slow steps do not show, and the `paper` recipe starts $\beta$ at 0, as they did.)
#
# ## How large a network?
#
# Suppose that you have three minutes:

# %% tags=["parameters"]
seconds = 180

# %% [markdown]
# A wide network learns more from each picture; a narrow one sees more pictures. Let us measure how many pictures per second this machine can learn from. (Each `Trainer` first finds out which layout and which kind of numbers are fastest here; [In which numbers?](#In-which-numbers?) below shows what it found.)


# %%
import time


def images_per_second(alpha, resolution):
    size = {"alpha": alpha, "resolution": resolution, "batch_size": 32}
    trainer = Trainer(preset("quick").changed(**size))
    trainer.step(), trainer.step()
    start = time.perf_counter()
    for _ in range(5):
        trainer.step()
    return 5 * 32 / (time.perf_counter() - start)


# %% [markdown]
# **Predict:** from $\alpha = 1$ to $\alpha = 0.5$ at 56 pixels the mult-adds ([one multiplication and one addition](00_start_here.ipynb#How-to-use-the-book) each) fall to a little more than a quarter. Does the speed rise fourfold?

# %%
expect("05-speed")

# %% tags=["measured"]
speeds = {}
for alpha, resolution in ((1.0, 56), (0.5, 56), (0.5, 40), (0.25, 40)):
    speeds[alpha, resolution] = speed = images_per_second(alpha, resolution)
    epochs = seconds * speed / letters.size
    told = f"{speed:6,.0f} images/s, {epochs:4.1f} epochs in {seconds} s"
    print(f"alpha {alpha:<4} {resolution} px: {told}")

# %% [markdown]
# Less than fourfold, usually: batch normalization, ReLU and the depthwise layers shrink only with $\alpha$, not with its square. And the pixels? From 40 to 56 their number nearly doubles; compare the speeds.
#
# How should we use the time? At full width and 56 pixels, the network reads 89 %<!-- mean(pick(grid, "accuracy", alpha=1, resolution=56)) --> of the test letters after three epochs, as measured for [chapter 06](06_width_and_resolution.ipynb#Sixteen-of-our-own). A network of half the width trains faster, and many machines manage six epochs of it in the time. After six, it reads 90.5 %<!-- mean(pick(live, "accuracy")) -->. Fewer pixels save less than they cost: after three epochs, the network of half the width reads 88 %<!-- mean(pick(grid, "accuracy", alpha=0.5, resolution=56)) --> at 56 pixels and 84 %<!-- mean(pick(grid, "accuracy", alpha=0.5, resolution=40)) --> at 40.
#
# So we take $\alpha = 0.5$ at 56 pixels; only a machine that cannot manage three epochs of it takes 40. And we stop after six: a faster machine finishes sooner.
#
# ## Live
#
# Run the next cell, and watch the loss. It stays near 3.26 while the rate is still small, and then something happens. You can stop the training with the square button above (or with Esc, then I twice): it finishes its step, and what the network has learned so far is in `result.net`. If the machine has become slower or busy, the training stops by itself when its `time_limit` is reached. In both cases the rest of this chapter uses a network that has learned less than the text promises; run the cell again to train from the start.
#
# **Predict:** how many of the test letters will it read after one epoch: a tenth, a third, two thirds?

# %%
expect("05-one-epoch")

# %% [markdown] slide=1
# ## How many letters after one epoch?
#
# A tenth, a third, two thirds?
#
# Notes: Have everyone write a number down. If you have a laptop at hand, run the chapter's cell now; it trains while you talk.

# %% [markdown] slide=4
# ## The curve
#
# [[explorer v1&hide=help,foot]]
#
# Notes: This is a recorded run. The loss starts at 3.26, a guess: where does it begin to fall, and what does the test say after each epoch? Press E, move along the curve with the arrow keys, switch to the logarithmic axis.

# %% tags=["nbval-ignore-output"]
from mobilenet_lib.explorers import LiveCurve
from mobilenet_lib.train import train

resolution = 56 if seconds * speeds.get((0.5, 56), 0) > 3 * letters.size else 40
speed = speeds.get((0.5, resolution), 0)  # 0, and so three epochs, if it was not measured
epochs = min(6, max(3, round(seconds * speed / letters.size)))
recipe = preset("quick").changed(alpha=0.5, resolution=resolution, batch_size=32, rate=0.1)
recipe = recipe.changed(epochs=epochs)
with LiveCurve() as curve:
    result = train(recipe, on_step=curve, time_limit=240)

# %% [markdown]
# The curve has the answer; in six<!-- live[0].content["recipe"]["schedule"]["epochs"] --> epochs, as recorded for the book, it was about two thirds<!-- 0.62 < mean(run.history[0]["accuracy"] for run in live) < 0.7 -->. And how many letters does the network read at the end, in typefaces that it has never seen?

# %% tags=["learned", "nbval-ignore-output"]
if result.finished:
    assert result.accuracy > (0.88 if resolution == 56 and epochs > 5 else 0.75)
    print(f"{result.accuracy:.1%} of the test letters at {resolution} pixels")
    print(f"after {epochs} epochs, {result.seconds:.0f} s of training")
else:
    print(
        f"stopped after {len(result.losses)} steps: to train to the end, run the cell above again"
    )

# %% [markdown]
# With six epochs at 56 pixels it read more than 90 %<!-- 90 < min(pick(live, "accuracy")) --> of the test letters with each of three<!-- len(live) --> seeds; with three epochs it read about 88 %<!-- mean(pick(grid, "accuracy", alpha=0.5, resolution=56)) -->, and at 40 pixels 84 %<!-- mean(pick(grid, "accuracy", alpha=0.5, resolution=40)) -->.
#
# What does it get wrong? Here are test letters that it misread, each with the three answers that it gave the highest probabilities.

# %% tags=["nbval-ignore-output"]
test = data.load("glyphs", split="test", resolution=resolution)
x, y = next(iter(test))
with torch.inference_mode():
    thinks = result.net(x).softmax(1)
missed = (thinks.argmax(1) != y).nonzero().flatten()[:8]
shown = (x[missed] * 127.5 + 127.5).round().byte().permute(0, 2, 3, 1).numpy()
plots.guesses(list(shown), thinks[missed].numpy(), test.classes)

# %% [markdown]
# ## Nothing is lost
#
# Training that takes hours gets interrupted: by you, by a closed lid, or by a scheduler that gives the machine to somebody else. Give a run a folder, and it keeps its state there: the weights, the optimizer's velocities, the place in the data, and the state of every random number generator.

# %%
import tempfile
from pathlib import Path


def take(trainer, count):
    for _ in range(count):
        trainer.step()
    return trainer


# %% [markdown]
# Let us take six steps in one go. Then we take six steps with an accident: a run saves its state after the fourth step, takes a fifth, and is killed. A new `Trainer` resumes from the folder.
#
# **Predict:** will the two networks be similar, or equal to the last bit?

# %%
expect("05-resumed")

# %%
whole = take(Trainer(small), 6)
with tempfile.TemporaryDirectory() as folder:
    lost = take(Trainer(small, folder), 4)
    lost.save()
    take(lost, 1)
    resumed = take(Trainer(small, folder, resume=True), 2)
    print("in the folder:", *(path.name for path in Path(folder).iterdir()))

# %% [markdown]
# A network's weights are a dictionary of tensors, so the two are easy to compare:

# %% [markdown] slide=2
# ## Killed and resumed: similar, or equal to the last bit?
#
# A run saves its state after step four, takes a fifth, and is killed. Another resumes from the folder.
#
# Notes: Both are compared with six steps in one go.

# %% [markdown] slide=1
# ## Equal to the last bit
#
# [[output]]
#
# Notes: Weights, velocities, the place in the data and the state of every random number generator are kept. The file is first written under another name and then renamed.

# %%
there, back = whole.net.state_dict(), resumed.net.state_dict()
assert all(torch.equal(there[name], back[name]) for name in there)
print(f"{resumed.done} steps; {len(there)} tensors, equal to the last bit")

# %% [markdown]
# They are equal, since even the random numbers continue where they were. On the command line, use `mobilenet train --resume`. The file is first written under another name and then renamed, so a failure in the middle of *writing* leaves the previous file intact.
#
# ## In which numbers?
#
# The same step can be computed in several ways. Maps can lie in memory channel by channel (NCHW) or pixel by pixel (channels_last). Pointwise layers can be computed as convolutions, or as the [matrix products](02_depthwise_separable_convolution.ipynb#Pointwise:-mix-the-channels-of-each-pixel) that they are. And some kinds of layer can use **bf16**, floating-point numbers of 16 bits in place of 32. That is half as much to move, and processors that multiply bf16 in hardware compute the product faster.
#
# It is tempting to switch everything to 16 bits. Here is a training step of 1.0 MobileNet at 64 pixels, 64 images at a time<!-- (bench_train.alpha, bench_train.resolution, bench_train.batch_size) == (1, 64, 64) -->, on the book's own processor, which does multiply bf16 in hardware. The table has the step of this book's library, a naive one, and timm's network in four ways. (*Eager*: PyTorch runs one layer after the other, as Python calls them. With *autocast*, PyTorch itself converts to 16 bits what it multiplies.)

# %%
from mobilenet_lib.results import recorded

bench = recorded("bench_train")["results"]
for name, timing in bench["steps"].items():
    print(f"{timing['median_ms']:8,.0f} ms  {name}")

# %% [markdown]
# With 16 bits everywhere, timm's network became slower, in both layouts<!-- all(bench_train.steps[f"timm: {layout}, fp32"].median_ms < bench_train.steps[f"timm: {layout}, bf16 autocast"].median_ms for layout in ("NCHW", "channels_last")) -->. One kind of layer spoils the gain. Here are the three passes of a depthwise layer with stride 2: its output, and the gradients of its input and of its filters.
#
# **Predict:** which of the three is the slow one in bf16?

# %%
expect("05-bf16")

# %%
for name, timing in bench["layer"].items():
    print(f"{timing['median_ms']:8.2f} ms  {name}")

# %% [markdown]
# The output takes about three fifths<!-- 0.55 < bench_train.layer["output, bf16"].median_ms / bench_train.layer["output, fp32"].median_ms < 0.65 --> of its time in fp32, the usual 32 bits, and the gradient of the filters nearly all of it<!-- 0.9 < bench_train.layer["gradient of its filters, bf16"].median_ms / bench_train.layer["gradient of its filters, fp32"].median_ms < 1 -->. The gradient of the input takes some thirty times as long<!-- 28 < bench_train.layer["gradient of its input, bf16"].median_ms / bench_train.layer["gradient of its input, fp32"].median_ms < 33 -->, since PyTorch has no fast code for it yet. The network has four such layers, and they cost more than bf16 saves in all the others.
#
# Mathematics offers a way around it. A convolution with stride 2 is a convolution with stride 1 of which only every other output is kept, in rows and in columns. So spread the gradient out over the larger map, with zeros at all places that were not kept. The gradient of the *input* of a stride-1 convolution is itself a convolution, with the filters rotated by 180 degrees, and for that there is fast code.

# %%
from torch.nn.functional import conv2d

x, filters = torch.randn(1, 8, 9, 9, requires_grad=True), torch.randn(8, 1, 3, 3)
y = conv2d(x, filters, stride=2, groups=8)
upstream = torch.randn_like(y)  # what arrives from the layers after it
spread = torch.zeros(1, 8, 7, 7)
spread[:, :, ::2, ::2] = upstream
by_hand = conv2d(spread, filters.flip(2, 3), padding=2, groups=8)
y.backward(upstream)
assert torch.allclose(x.grad, by_hand, atol=1e-5)

# %% [markdown]
# About three quarters of the products are then products with zero, and yet this is the fast last line of the table above. The library has the same function, for any stride and padding:

# %%
from mobilenet_lib.train.depthwise import input_gradient

assert torch.allclose(input_gradient(upstream, filters, (9, 9), 2, 0), by_hand, atol=1e-5)

# %% [markdown]
# Other machines have other gaps, so the library does not assume anything: it tries. It chooses the layout, the kinds of layer that use bf16, and the gradients that are rearranged; together these are a *plan*. On Linux with a C++ compiler there is one more choice, the library's own kernels. They take all layers between the first convolution and the pool together: depthwise layers, and in fp32 all, normalize their input while they read it, so maps are written and read less often. Here is what it chose on the machine that runs this notebook, for the network that you have just trained:

# %% tags=["nbval-ignore-output"]
print(f"plan {result.choice.plan}: {result.choice.reason}")
for name, milliseconds in result.choice.milliseconds.items():
    print(f"{milliseconds:8.2f} ms  {name}")

# %% [markdown]
# A plan is used only if every layer gives the same results and gradients up to rounding. The choice is kept for next time, and stored in each checkpoint, so that a resumed run continues as it began.
#
# ## Separable against full
#
# Now the question of the whole book: how much accuracy does it cost to split a convolution in two? The authors trained both kinds of network on ImageNet (Table 4):

# %% [markdown] slide=2
# ## How much accuracy does it cost to split a convolution?
#
# The paper's Table 4, on ImageNet:
#
# [[output]]
#
# Notes: The separable network loses one point of accuracy, and does between an eighth and a ninth of the work. That is a single comparison, at full width and after long training.

# %%
from mobilenet_lib import paper

paper.table(4)

# %% [markdown]
# The separable network loses one point of accuracy, and does between an eighth and a ninth of the work. That is a single comparison, at full width and after long training. Ours is small: letters, $\alpha = 0.25$, 46 pixels, and twenty epochs, after which none of the networks gains much. We compare with two full networks: one of the same width, which has 7.6 times the mult-adds, and one so narrow ($\alpha = 0.09$) that it costs the same as the separable one. Each was trained three times, with three *seeds*: numbers from which the random numbers start. The bars are means, and the dots are single runs.
#
# **Predict:** put the three in order of accuracy.

# %%
expect("05-order")

# %% [markdown] slide=3
# ## And on letters?
#
# [[output]]
#
# A comparison holds for its budget.
#
# Notes: Let them put the three in order before you show this: a full network of the same width, the separable one, and a full one so narrow that it costs the same as the separable one. Bars are means; dots are runs with different random numbers.

# %%
from mobilenet_lib.results import runs


def accuracies(sweep, alpha, body, resolution=46):
    chosen = (alpha, body, resolution)
    return [r.accuracy for r in runs(sweep) if (r.alpha, r.body, r.resolution) == chosen]


networks = {
    "full, α 0.25: 15.5 M": (0.25, "full"),
    "separable, α 0.25: 2.0 M": (0.25, "separable"),
    "full, α 0.09: 2.0 M": (0.09, "full"),
}
full = {name: accuracies("claims", *network) for name, network in networks.items()}
plots.rivals(full, "test letters read after 20 epochs, %")

# %% [markdown]
# The order is the paper's. The full network of the same width is ahead, by 2.4<!-- mean(pick(claims, "accuracy", alpha=0.25, body="full")) - mean(pick(claims, "accuracy", alpha=0.25, body="separable")) --> points for 7.6 times the work. The narrow full network costs as much as the separable one; the paper has nothing like it. It is behind the separable one by 0.7<!-- mean(pick(claims, "accuracy", alpha=0.25, body="separable")) - mean(pick(claims, "accuracy", alpha=0.09)) --> points, and there the dots overlap<!-- min(pick(claims, "accuracy", alpha=0.25, body="separable")) < max(pick(claims, "accuracy", alpha=0.09)) -->: three seeds are too few to be sure of so small a difference.
#
# **Predict:** after only six epochs, will the separable network be nearer to the full one, or further away?

# %%
expect("05-six-epochs")

# %%
for name, network in networks.items():
    short, long = (accuracies(sweep, *network) for sweep in ("bodies", "claims"))
    print(f"{name:26s}{sum(short) / 3:6.1f} % after 6 epochs{sum(long) / 3:6.1f} % after 20")

# %% [markdown]
# Further away, by 3.8<!-- mean(pick(bodies, "accuracy", alpha=0.25, body="full")) - mean(pick(bodies, "accuracy", alpha=0.25, body="separable")) --> points in place of 2.4. The separable network has 27 convolutions in a row in place of 14, and takes longer to train; so the price of separating falls as the budget grows. The paper's one point belongs to a budget far larger than ours. A comparison holds for its budget, and for its recipe: with $\beta$ starting at 0 (`--bn-shift 0`) the separable network still guesses after 250 steps, as you saw, and is late to start learning.
#
# When was each network nearly finished? Here is the epoch from which each run stays within one point of its final accuracy.


# %%
def settled(run, points=1.0):
    final = run.history[-1]["accuracy"]
    far = [100 * (final - row["accuracy"]) > points for row in run.history]
    return len(far) - far[::-1].index(True) + 1


for name, (alpha, body) in networks.items():
    print(name, *(settled(r) for r in runs("claims") if (r.alpha, r.body) == (alpha, body)))

# %% [markdown]
# Only near the end, when the rate has become small, whichever the network: the last epochs are not wasted. (If you cut one-cycle training short, you lose more than the epochs you cut.)
#
# ## Narrow against shallow
#
# To halve the mult-adds you can make all layers narrower, or leave some of them out. The paper's Table 5 leaves out the five equal blocks in the middle (14 by 14 pixels, 512 channels), and compares the result with a narrower network of about the same cost:

# %%
paper.table(5)

# %% [markdown]
# **Predict:** on ImageNet, at the same cost, the narrow network wins by three points. Which wins on letters, at 46 pixels and after twenty epochs? (At 46 pixels the maps of those five blocks are 3 by 3.)

# %%
expect("05-shallow")

# %% [markdown] slide=2
# ## Narrow or shallow?
#
# [[output]]
#
# Notes: In the paper's Table 5 the narrow network is ahead, on ImageNet and after long training. Here is the same question for letters, where the maps of those five blocks are small. When you have to choose, the task and the budget are part of the question.

# %%
thin_or_short = {
    "narrow, α 0.375: 4.3 M": accuracies("claims", 0.375, "separable"),
    "shallow, α 0.5: 4.5 M": accuracies("claims", 0.5, "shallow"),
}
plots.rivals(thin_or_short, "test letters read after 20 epochs, %")

# %% [markdown]
# The shallow one, by 1.5<!-- mean(pick(claims, "accuracy", body="shallow")) - mean(pick(claims, "accuracy", alpha=0.375)) --> points, and the dots of the two do not overlap<!-- max(pick(claims, "accuracy", alpha=0.375)) < min(pick(claims, "accuracy", body="shallow")) -->. After six epochs it is 2.7<!-- mean(pick(bodies, "accuracy", body="shallow")) - mean(pick(bodies, "accuracy", alpha=0.375)) -->, so here, too, longer training favours the narrow network. But in twenty epochs of letters it does not overtake the shallow one. Perhaps it would in more, perhaps never, since five blocks that look at maps of 3 by 3 pixels have little to see. So Table 5 does not say that layers are worth more than channels. It says that they were *on ImageNet, at 224 pixels, trained long enough*. When you have to choose, the task and the budget are part of the question.
#
# ## Weight decay on nine numbers
#
# Weight decay keeps large networks from learning the training pictures by heart. The paper's authors say that depthwise filters should have little or none, since they have so few parameters. Here is one of our smallest networks ($\alpha = 0.25$, 40 pixels, eight epochs, three seeds), trained with our usual weight decay, and with ten times as much: once on all weights except the depthwise ones, and once on all.
#
# **Predict:** which of the three reads fewest letters, and by how much?

# %%
expect("05-decay")

# %%
decayed = {
    "weak, not on depthwise": accuracies("decay", 0.25, "separable", 40),
    "strong, not on depthwise": accuracies("decay_strong", 0.25, "separable", 40),
    "strong, on all": accuracies("decay_strong_depthwise", 0.25, "separable", 40),
}
plots.rivals(decayed, "test letters read, %")

# %% [markdown]
# Ten times the decay costs 2.4<!-- mean(pick(decay, "accuracy")) - mean(pick(decay_strong, "accuracy")) --> points, and the runs of the two do not overlap<!-- max(pick(decay_strong, "accuracy")) < min(pick(decay, "accuracy")) -->: a network this small does not learn the pictures by heart, so the pull towards zero only hinders it. Decay on the depthwise filters as well costs one<!-- mean(pick(decay_strong, "accuracy")) - mean(pick(decay_strong_depthwise, "accuracy")) --> point more. The authors advise against it, but here the dots overlap<!-- min(pick(decay_strong, "accuracy")) < max(pick(decay_strong_depthwise, "accuracy")) -->, and three seeds are too few to call it more than a hint. For the depthwise filters of *your* network, trust your own runs, if you make several.
#
# ## What batch normalization remembers
#
# In training, batch normalization uses the mean and the variance of the *batch*. For use afterwards it keeps a moving average of each. Every batch moves these averages by a share $m$ of the way towards the batch's own values; $m$ is called *momentum*, like the optimizer's, but it is something else. The authors' code averages over thousands of batches: $m = 0.0003$. What would that do to our network? We reset its averages and collect them again over the same sixty batches, once with $m = 0.1$ and once with $m = 0.0003$. No weight changes.


# %%
def with_statistics(net, momentum, batches):
    net = copy.deepcopy(net).train()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.reset_running_stats()  # mean 0, variance 1
            module.momentum = momentum
    with torch.no_grad():
        for x, _ in batches:
            net(x)
    return net.eval()


# %% [markdown]
# **Predict:** what share of the letters does the network that you have just trained read with $m = 0.1$, and what share with $m = 0.0003$?

# %%
expect("05-memory")

# %% [markdown] slide=2
# ## The same weights, two memories: what share of the letters does each read?
#
# Batch normalization keeps moving averages: with $m = 0.1$ or with $m = 0.0003$, over sixty batches.
#
# Notes: No weight changes; only the averages are collected anew.

# %% [markdown] slide=2
# ## One of the two networks guesses
#
# [[output]]
#
# Notes: Each batch leaves a share of 1 minus m of what was there before; after sixty batches the long memory still holds mostly its initial values. If a network of yours learns well but guesses in the test, look here first.


# %% tags=["learned", "measured"]
@torch.inference_mode()
def accuracy(net):
    return sum((net(x).argmax(1) == y).sum().item() for x, y in test) / test.size


stream = data.load("glyphs", batch_size=64, resolution=resolution)
sixty = list(itertools.islice(stream, 60))
short, long = (accuracy(with_statistics(result.net, m, sixty)) for m in (0.1, 0.0003))
assert long < 0.2 < short or not result.finished
print(f"m = 0.1: {short:.1%}, m = 0.0003: {long:.1%}")

# %% [markdown]
# The weights are the same, and one of the two networks guesses. How much is left of the mean 0 and the variance 1 that it started with follows from $m$ alone: each batch leaves a share of $1 - m$.

# %%
for m in (0.1, 0.0003):
    forgotten = torch.log(torch.tensor(0.01)) / torch.log(torch.tensor(1 - m))
    left = (1 - m) ** 60
    print(f"m = {m}: {left:.1%} left after 60 batches, 1 % left after {forgotten:,.0f}")

# %% [markdown]
# With a long memory and short training, the averages still hold mostly their initial values. The training loss does not show this, since training does not use the averages; only the test does. If a network of yours learns well but guesses in the test, look here first.
#
# ## Many hands
#
# Two processes can share a batch: each takes half of the pictures, and before the step they average their gradients. Is the result the same? For a loss that is a mean over the pictures, it is. But batch normalization does not treat each picture on its own: each process sees the mean and the variance of *its* half.


# %%
def gradient(net, parts):
    total = 0
    for x, y in parts:
        net.zero_grad()
        cross_entropy(net(x), y).backward()
        total = total + torch.cat([w.grad.flatten() for w in net.parameters()])
    return total / len(parts)


def difference(net):
    x, y = sixty[0]
    one, two = gradient(net, [(x, y)]), gradient(net, [(x[:32], y[:32]), (x[32:], y[32:])])
    return ((one - two).norm() / one.norm()).item()


# %% [markdown]
# **Predict:** how far apart are the gradients of one process with 64 pictures and of two with 32 each, if batch normalization uses the statistics of the batch? And if it uses fixed averages?

# %%
expect("05-halves")

# %% tags=["measured"]
net = copy.deepcopy(result.net)
apart, frozen = difference(net.train()), difference(net.eval())
assert apart > 0.05
assert frozen < 1e-4
print(f"with its own statistics each: {apart:.0%}; with fixed averages: below 0.01 %")

# %% [markdown]
# With fixed averages, the two gradients agree. With the statistics of each half, they do not. On several graphics processors (GPUs), the library therefore computes the statistics over all processes (*synchronized* batch normalization).
#
# The training command is the same for one process and for many; only the launcher differs. We use Hugging Face's *Accelerate*:
#
# ```
# accelerate launch --multi_gpu -m mobilenet_lib.cli train --alpha 0.5
# ```
#
# From a notebook, use `notebook_launcher`. It takes a function, and `num_processes=2` if the machine has two GPUs and the notebook is fresh. Here it starts a single process:

# %%
from accelerate import notebook_launcher


def three_steps(recipe):
    done = take(Trainer(recipe), 3)
    print(f"step {done.done} of {done.steps}, in this process")


notebook_launcher(three_steps, (small.changed(device="auto"),), num_processes=1)

# %% [markdown]
# ## And ImageNet?
#
# What would ImageNet take? It has 1,281,167 training pictures, used at 224 pixels, and one trains for a hundred epochs or, for the last points, for thousands. A division says how long that takes.
#
# **Predict:** the book's own machine has two<!-- bench_machine.machine.cores --> cores. At $\alpha = 1$ and 64 pixels it learns from about thirteen hundred<!-- 1250 < bench_train.images_per_second < 1390 --> pictures per second (*ours* in the first table above), and at 224 pixels from a twelfth of that. Do a hundred epochs take days, weeks, months or years?

# %%
expect("05-imagenet")

# %% [markdown] slide=2
# ## 100 epochs of ImageNet on two cores: days, weeks, months or years?
#
# 1,281,167 pictures of 224 pixels.
#
# Notes: It is a division. Ask the room how many pictures per second would be realistic.

# %% [markdown] slide=1
# ## That is why people use GPUs
#
# [[output]]
#
# Notes: And that is one network. The commands for many processors are in the library's SCALE.md.


# %%
def days(rate, epochs=100, processors=1):
    return epochs * 1_281_167 / (rate * processors) / 86_400


at_224 = bench["images_per_second"] / (224 / 64) ** 2
print(f"{at_224:.0f} images per second, so {days(at_224):,.0f} days")

# %% [markdown]
# About two weeks<!-- 13 < 100 * 1_281_167 / (bench_train.images_per_second / 12.25) / 86_400 < 16 -->, for a single network. That is why people use GPUs. Here is the same measurement on an NVIDIA H100, at 224 pixels, 256 pictures at a time:

# %%
gpu = recorded("nvidia_h100_80gb_hbm3_train")["results"]
for name, timing in gpu["steps"].items():
    print(f"{timing['median_ms']:8,.0f} ms  {name}")
hours = 24 * days(gpu["images_per_second"])
print(f"{gpu['images_per_second']:,.0f} images per second, so {hours:.0f} hours")

# %% [markdown]
# An afternoon, *if* the pictures can be decoded as fast, which takes more processor cores than one machine has. Here 16 bits everywhere are right: the card has fast code for every kind of layer. Our step takes 0.93<!-- nvidia_h100_80gb_hbm3_train.to_timm --> of the time of timm's best. Of all that it does, the matrix products of the pointwise layers are a tenth<!-- 0.08 < nvidia_h100_80gb_hbm3_train.products.median_ms / nvidia_h100_80gb_hbm3_train.steps.ours.median_ms < 0.12 -->. Most of the rest waits for memory: batch normalization reads every map several times. To measure your card, run `mobilenet bench train --device cuda --resolution 224 --batch-size 256`. The commands for training on one machine and on a cluster are in `mobilenet_lib/train/SCALE.md`.
#
# ## Exercises
#
# The first are quick; *build* and *investigate* take longer, and have more than one good answer. When you are done, or stuck, look at the [solutions](solutions/05_solutions.ipynb).
#
# **5.1** A fresh network has to tell 10 classes apart. What is its loss?

# %%
from mobilenet_lib.checks import check

answer = ...
check("5.1", answer)

# %% [markdown]
# **5.2** Write `momentum_step(weight, velocity, gradient, rate, momentum, decay)` for NumPy arrays. It adds `decay * weight` to the gradient, and returns the new weight and the new velocity.

# %%
from mobilenet_lib.checks import check

momentum_step = ...  # def momentum_step(weight, velocity, gradient, rate, momentum, decay): ...
check("5.2", momentum_step)

# %% [markdown]
# **5.3** With $m = 0.01$, after how many batches is less than one per cent of batch normalization's initial values left?

# %%
from mobilenet_lib.checks import check

answer = ...
check("5.3", answer)

# %% [markdown]
# **5.4** Write `smooth(label, classes, share)`, which returns the target that label smoothing makes of a label: a NumPy vector of probabilities. A `share` of the probability is spread evenly over all classes, the right one included; the rest goes to the right one.

# %% [markdown] slide=1
# ## In two lines
#
# - A training step is scores, loss, gradient and an update rule; the recipe says how many steps, and how large.
# - Advice about training holds for its budget and its pictures: measure with your own.
#
# Notes: Next, chapter 06: choosing width and resolution.

# %%
from mobilenet_lib.checks import check

smooth = ...  # def smooth(label, classes, share): ...
check("5.4", smooth)

# %% [markdown]
# **5.5 · Investigate.** Five broken steps. You are handed `step(weight, velocity, gradient, rate, momentum, decay)`, the function of exercise 5.2, with at most one mistake in it: it walks `"uphill"`, has `"no decay"`, moves along the `"old velocity"`, `"forgets"` the old velocity altogether, or uses the `"squared rate"`. Write `find(step)`, which returns one of these strings, or `"right"`. You may call `step` with any values you like.

# %%
from mobilenet_lib.checks import check

find = ...  # def find(step): ...
check("5.5", find)

# %% [markdown]
# **5.6 · Build.** As if nothing had happened. `Loop` in `mobilenet_lib.checks.tasks_05` is a small training loop: `Loop(seed)` makes one, `loop.advance()` takes a step, and `vars(loop)` shows all that it keeps. Write `save(loop)`, which returns whatever you need, and `restore(loop, saved)`, which brings a fresh loop to that point. From there on it must do the same, to the last bit.

# %%
from mobilenet_lib.checks import check

answer = ...  # (save, restore)
check("5.6", answer)

# %% [markdown]
# **5.7** A budget of mult-adds pays for 100 epochs of 1.0 MobileNet-224. For how many epochs of the network with full convolutions does it pay? Give one decimal.

# %%
from mobilenet_lib.checks import check

answer = ...
check("5.7", answer)

# %% [markdown]
# **5.8** Several processes share a batch, in unequal parts. Write `together(gradients, counts)`. From each process's mean gradient (one in each row) and its number of pictures, it returns the gradient of the mean loss over all pictures.

# %%
from mobilenet_lib.checks import check

together = ...  # def together(gradients, counts): ...
check("5.8", together)

# %% [markdown]
# ### Closing questions
#
# Answer without scrolling back. Each answer says why it is right or wrong.

# %%
from mobilenet_lib.checks import quiz

quiz("05")

# %% [markdown]
# ### What you expected
#
# What you predicted in this chapter, beside what came out:

# %%
from mobilenet_lib.checks import outcomes

outcomes("05")

# %% [markdown]
# ## Summary
#
# - A training step computes scores, cross-entropy and gradient, and changes the weights by a rule. Ours is stochastic gradient descent (SGD) with momentum and weight decay, at a rate that rises and then falls.
# - The initial weights decide how soon a deep network learns: 27 layers of batch normalization and ReLU amplify small noise, but hardly do so if $\beta$ starts at 1.
# - On letters, a separable network reads two to four points<!-- 2 < mean(pick(claims, "accuracy", alpha=0.25, body="full")) - mean(pick(claims, "accuracy", alpha=0.25, body="separable")) < mean(pick(bodies, "accuracy", alpha=0.25, body="full")) - mean(pick(bodies, "accuracy", alpha=0.25, body="separable")) < 4 --> less than a full one of the same width, for an eighth of the work, and the gap shrinks as the budget grows. Between narrow and shallow, our result is the opposite of the paper's. A comparison holds for its task, budget and recipe.
# - Ten times the weight decay cost a small network 2.4 points<!-- mean(pick(decay, "accuracy")) - mean(pick(decay_strong, "accuracy")) -->. Decay on depthwise filters, against which the paper advises, cost it perhaps one<!-- mean(pick(decay_strong, "accuracy")) - mean(pick(decay_strong_depthwise, "accuracy")) --> more: only several seeds tell an effect from luck.
# - Batch normalization's averages need time, so its memory has to be short compared with the training.
# - A run that is killed and resumed ends exactly like one that was not, to the last bit.
# - Two processes with half of the pictures each compute the same gradient as one process with all of them, except for batch normalization.
#
# ## Sources
#
# - Tables 4 and 5, and the advice on weight decay: the paper, sections 3.2 and 4.1.
# - One-cycle: L. N. Smith, N. Topin, *Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates*, arXiv 1708.07120, 2017.
# - Batch normalization: S. Ioffe, C. Szegedy, *Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift*, ICML 2015.
# - 75.4 %: `results/results-imagenet.csv` in huggingface/pytorch-image-models (timm), Apache-2.0, model mobilenetv1_100.ra4_e3600_r224_in1k: 75.388 %.
# - Label smoothing: C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens, Z. Wojna, *Rethinking the Inception Architecture for Computer Vision*, CVPR 2016.
# - Our own runs: `data/results/claims`, `bodies` and `decay*`, each file with its recipe, machine and date; the training steps: `bench_train.json` and `nvidia_h100_80gb_hbm3_train.json` in the same folder.
# - Learning rates, their stairs, and the momentum of batch normalization, which the paper does not print: `train_image_classifier.py` and `mobilenet_v1.py` in tensorflow/models, research/slim, Apache-2.0.
# - Letters: `data/glyphs/README.md`, with the licence of each family.
