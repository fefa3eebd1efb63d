# %% [markdown]
# # Every number in the paper
#
# The paper prints hundreds of numbers: fourteen tables, two plots, and claims in the text. You have counted many of them by now. This chapter counts the rest, all in one place, and asks of each the same question: does it follow from the network that is described? Most do. Where one does not, there is a reason, and finding it is a small piece of detective work that you can do yourself before the answer is given. Then it looks beyond: what the paper's applications asked of the network, what it was set against, and what came after.
#
# **Contents:** [All of them](#All-of-them) · [When is a number right?](#When-is-a-number-right?) · [The table browser](#The-table-browser) · [Twelve cases](#Twelve-cases) · [Open cases](#Open-cases) · [Five figures](#Five-figures) · [What it was compared with](#What-it-was-compared-with) · [What applications asked of it](#What-applications-asked-of-it) · [Compress a large network, or train a small one?](#Compress-a-large-network,-or-train-a-small-one?) · [What came after](#What-came-after) · [Exercises](#Exercises) · [Summary](#Summary) · [Sources](#Sources)

# %% [markdown]
# **In this chapter you will**
#
# - say when a printed number agrees with a counted one, and write the rule down,
# - look up any number of the paper, with its count and its verdict,
# - solve twelve cases of numbers that do not follow, and see which stay open,
# - draw the paper's figures from its numbers,
# - learn what dogs, maps, faces and detectors asked of the network,
# - place it between the networks that it was compared with and those that came after.
#
# ## All of them

# %% [markdown] slide=1
# # Every number in the paper
#
# Fourteen tables, figures, claims in the text: does each number follow from the network that is described?
#
# Notes: Everything so far has been preparation for this: the room can count any layer. Now it becomes detective work.

# %% [markdown] slide=2
# ## How many of the paper's numbers are right?
#
# 449 numbers: tables, figures, text, and what other implementations print.
#
# Notes: Ask for a guess in per cent, of those that can be counted at all. Then ask what “right” is to mean; the next slides give a rule.

# %% [markdown] slide=2
# ## All of them, by verdict
#
# [[output]]
#
# Notes: Nearly half cannot be counted: accuracies were measured. Of the others four in five are as printed; the fifth is on our list, with a reason or without.

# %%
from collections import Counter

from mobilenet_lib import paper

cells = paper.cells()
print(paper.summary(paper.tally(cells)).replace(", ", "\n  ").replace(": ", "\n  "))

# %% [markdown]
# Each number that the paper prints is a *cell*: of Tables 1 to 14, of Figures 4 and 5, of the running text; and beside them those that the network's other implementations print for it. The printed values lie in `data/paper`, exactly as printed. The counted ones come from the library at the moment you ask, from the functions of chapters 01 to 03, and the tests of the book hold the two together: they come to the very same counts, and fail if one cell neither follows nor is on the list with its reason.
#
# Nearly half of the cells cannot be counted. Accuracies were measured, and some networks nobody has described. The others fall into these groups:

# %%
groups = Counter(cell.finding for cell in cells)
for finding in paper.FINDINGS:
    print(f"{groups[finding]:4d} {finding}")

# %% [markdown]
# A *misprint* is a slip of the pen. With *other count*, the number is right once you count as its author did. A *contradiction* is one with another place of the paper. And by table:

# %% [markdown] slide=2
# ## Where they are
#
# [[output]]
#
# Notes: The networks that the paper describes are nearly clean. Trouble sits in numbers about other networks (Tables 8, 9), in heads that are not described (12 to 14), and in the text.

# %%
from mobilenet_lib import plots

plots.findings({t.short: [cell.finding for cell in t.cells] for t in paper.tables()})

# %% [markdown]
# The tables about the network itself are nearly clean. What is not sits in numbers about *other* networks (Tables 8 and 9), about heads that are not described (12 to 14), and in the text.
#
# ## When is a number right?
#
# Before we accuse anybody, a rule. The paper prints 569 where we count 568.740352: that is right, because rounding gives it. It prints 290 where we count 290.675: rounding gives 291, but cutting off gives 290. So there are three verdicts. Printed numbers are decimal, so we compute with fractions, which do not have a computer's own rounding.


# %% [markdown] slide=2
# ## 290 is printed, 290.675 is counted. Is that right?
#
# And 569 for 568.74?
#
# Notes: Rounded it is 291, cut off it is 290. So there are three verdicts: rounds, truncates, differs. Let them say why one should compute with fractions: 0.5 exactly at the border.

# %% [markdown] slide=2
# ## The rule
#
# [[code 5-12]]
#
# Notes: The step is one in the last printed place. The first line that fits decides. In the chapter the rule is run over all numbers, and agrees with the library's.


# %%
import math
from fractions import Fraction


def judge(printed, counted):
    decimals = len(printed.partition(".")[2])
    step = Fraction(1, 10**decimals)  # one in the last printed place
    if math.floor(counted / step + Fraction(1, 2)) * step == Fraction(printed):
        return "rounds"
    if math.floor(counted / step) * step == Fraction(printed):
        return "truncates"
    return "differs"


# %% [markdown]
# The library's `paper.judge` does the same (and knows that zeros at the end of a round figure, such as 15300, are not digits). Both agree on every number whose zeros are digits:

# %%
numbers = [c for c in cells if c.value is not None and c.exact is not None]
numbers = [c for c in numbers if not c.recomputed.round_figure]
assert all(judge(c.printed, c.exact) == paper.judge(c.printed, c.exact) for c in numbers)
print(judge("569", Fraction("568.740352")), judge("290", Fraction("290.6752")), len(numbers))

# %% [markdown]
# ## The table browser
#
# Here are all of them. Choose a table or a verdict, or search for a word: *GoogleNet*, *channels*, *290*. Press on a number, or focus the list and use the arrow keys: beside it stand the count, the verdict, the reason, and the rest of its row. *Copy link* and *Copy as Python* keep the number that you have chosen, so that you can send it to somebody.

# %% [markdown] slide=5
# ## The table browser
#
# [[explorer v1&verdict=misprint&hide=help,foot]]
#
# Notes: Press E and use the keys. Let the room choose a table. Search for “channels”: seven numbers of two different sources have the same slip. Do not read out the reasons of the cases that follow.

# %%
from mobilenet_lib.explorers import TablesExplorer

TablesExplorer()

# %% [markdown]
# Things to try: find the only table in which everything is equal and countable. Find the number that another implementation repeats four times. How many numbers have *16 channels* in their reason, and who printed them? Which table has no number that can be counted at all?
#
# ## Twelve cases
#
# Now to those that do not follow. Each case shows what is printed and asks you for the reason; think first, then open the evidence. `suspect` looks a cell up and keeps a list, so that at the end we can see that none was forgotten.

# %%
seen = set()


def suspect(table, row, column):
    cell = paper.table(table).cell(row, column)
    seen.add(cell.name)
    return cell


# %% [markdown]
# ### Case 1: the stride that would shrink the end
#
# Table 1's last depthwise layer is printed with stride 2, on a map of 7 by 7. You met it in chapter 03. **Predict:** which total, 569 million or another, would the whole network have if it were true?

# %%
from mobilenet_lib.checks import expect

expect("09-stride")

# %%
import mobilenet_lib as mn

arch = mn.mobilenet_v1()
print(suspect(1, 18, "type_stride").printed)
last_two = arch.layers[-3].mult_adds + arch.layers[-2].mult_adds
smaller = arch.mult_adds - last_two + last_two * 16 // 49  # 4 by 4 pixels instead of 7 by 7
print(f"stride 2: {smaller / 1e6:.2f}, stride 1: {arch.mult_adds / 1e6:.2f} million")

# %% [markdown]
# Only stride 1 gives the printed 569. Case closed. In the row two above, stride 2 is right.
#
# ### Case 2: a column that does not add up
#
# Table 2 divides the mult-adds (multiplications, each with an addition) among kinds of layers: 94.86, 3.06, 1.19 and 0.18 %. **Predict:** you need no network to see that something is wrong. What gives it away?

# %%
expect("09-shares")

# %%
suspect(2, 3, "mult_adds_pct")
column = [paper.table(2).cell(row, "mult_adds_pct").value for row in (1, 2, 3, 4)]
share = 100 * arch.layers[0].mult_adds / arch.mult_adds
print(f"printed: {sum(column)} in all; the first layer has {share:.2f} %")

# %% [markdown]
# Shares must add up to 100, and these make 99.29. Two digits were swapped: 1.91, not 1.19. A sum is the cheapest alibi check there is.
#
# ### Case 3: cut off
#
# 290, 76, 48: all three are one too small. So are 32 times, 9.4 times and AlexNet's 60 million parameters. **Predict:** what would you have to do to the counted numbers to get all of them?

# %%
expect("09-cut")

# %%
cut = [c for c in cells if c.finding == "truncated"]
for c in cut:
    suspect(c.table, c.row, c.column)
    assert judge(c.printed, c.exact) == "truncates"
    print(f"{paper.table(c.table).short:15} {c.label:20} {c.printed:>4} for {c.exact_text}")

# %% [markdown]
# They were cut off behind the point instead of rounded. In the same tables others *are* rounded (569 is 568.74), so this is a habit of hand and not a rule. AlexNet's authors themselves say 60 million.
#
# ### Case 4: the layer that was left out
#
# Table 4 gives the network with full convolutions 4866 million, and the one with separable convolutions 569. Both have the same fully connected layer at the end. We count 4867.3 and 568.7. VGG 16, of Oxford's Visual Geometry Group, has 15300 million in Table 8; we count 15470. **Predict:** the two have the same explanation. Which?

# %%
expect("09-left-out")

# %% [markdown] slide=2
# ## Case 4: which layer is missing from 4866 and from 15300?
#
# We count 4867.3 for the network with full convolutions, and 15470 for VGG 16.
#
# Notes: The fully connected ones. In the row below, 569 includes that layer: two rows of a table with two rules.

# %%
from mobilenet_lib.paper.other_networks import other_network

full, vgg = mn.mobilenet_v1(body="full"), other_network("VGG 16")
suspect(4, 1, "million_mult_adds")
suspect(8, 3, "million_mult_adds")
print(f"{full.mult_adds / 1e6:.1f} less {full.layers[-1].mult_adds / 1e6:.1f} is", end=" ")
print(f"{(full.mult_adds - full.layers[-1].mult_adds) / 1e6:.1f}")
print(f"VGG 16 without its three: {(vgg.mult_adds - vgg.head_mult_adds) / 1e6:.0f}")

# %% [markdown]
# The fully connected layers were not counted. In the row below, 569 counts one: two rows of one table follow two rules. It makes little difference here; of VGG's parameters they hold the most.
#
# ### Case 5: counted twice
#
# Table 9 compares a small MobileNet of 76 million mult-adds with SqueezeNet's 1700 million, and the text says: 22 times less computation. SqueezeNet's layer plan, counted as everything else here, gives 833. **Predict:** how does one come from 833 to 1700? And what is left of the 22 times?
#
# <details><summary>A hint</summary>
#
# What does the *add* in mult-add stand for?
# </details>

# %%
expect("09-twice")

# %% [markdown] slide=3
# ## Case 5: 833 million are counted. Why are 1700 printed?
#
# SqueezeNet, Table 9. The text: MobileNet takes 22 times less computation.
#
# Notes: A multiplication and an addition were counted apart, against one mult-add each in the rows around it. Like for like it is 11 times. This is the slip with the largest consequence: a claim in the text doubles.

# %% [markdown] slide=1
# ## Like for like: 11 times
#
# [[output]]
#
# Notes: The claim is still a good one. But half of it was a unit.

# %%
small, squeeze = mn.mobilenet_v1(0.5, 160), other_network("Squeezenet")
for place in ((9, 2, "million_mult_adds"), ("text", 17, "printed"), ("text", 14, "printed")):
    suspect(*place)
print(f"twice {squeeze.mult_adds / 1e6:.0f} is {2 * squeeze.mult_adds / 1e6:.0f}")
print(f"printed: {1700 / 76:.1f} times; counted alike: {squeeze.mult_adds / small.mult_adds:.1f}")
print(f"AlexNet's 60 by 1.32 million parameters: {60 / 1.32:.1f}")

# %% [markdown]
# Somebody counted multiplications and additions apart, and nobody else in the table did. Like for like, MobileNet takes 11 times less: still a fine result, but half of the claim was a unit. The 45 times against AlexNet is a milder relative: the quotient of two printed numbers, one of them cut off (it is 46).
#
# ### Case 6: the dogs have 120 breeds
#
# Table 10 is about Stanford Dogs: 120 breeds, 120 classes. It prints 569 and 418 million mult-adds for the widest networks. **Predict:** can that be?

# %%
expect("09-dogs")

# %%
for row, resolution in ((2, 224), (4, 192)):
    found = suspect(10, row, "million_mult_adds")
    dogs = mn.mobilenet_v1(1.0, resolution, num_classes=120).mult_adds / 1e6
    thousand = mn.mobilenet_v1(1.0, resolution).mult_adds / 1e6
    print(f"printed {found.printed}: {dogs:.2f} with 120 classes, {thousand:.2f} with 1000")

# %% [markdown]
# No: those are the mult-adds of the network with ImageNet's 1000 classes, copied over. The column beside it, parameters, has the dogs' network (3.3 million and not 4.2). For the two narrower networks the difference disappears in rounding.
#
# ### Case 7: sixteen channels
#
# Table 12 prints 45 and 15 million for $\alpha = 0.25$ at 224 and 128 pixels; the bodies have 40.8 and 13.3. tf-slim's list of the sixteen prints 317, 233, 162 and 104 for $\alpha = 0.75$ where 325.4, 239.3, 166.4 and 106.8 are counted. Table 12 is too high, the list too low. **Predict:** one and the same mistake explains both. Where in the network could it be?
#
# <details><summary>A hint</summary>
#
# A layer whose width does not follow $\alpha$. It has too many channels at one quarter, and too few at three quarters.
# </details>

# %%
expect("09-sixteen")

# %% [markdown] slide=3
# ## Case 7: too high at $\alpha = 0.25$, too low at $\alpha = 0.75$. One mistake?
#
# Table 12: 45 for 40.8. tf-slim's list: 317 for 325.4.
#
# Notes: A layer whose width did not follow alpha. 16 is right for alpha 0.5, too wide for 0.25, too narrow for 0.75.

# %% [markdown] slide=2
# ## The first layer keeps 16 channels
#
# [[output]]
#
# Notes: Seven numbers of two sources, and all come out with a first layer of 16 channels, whatever alpha is. tf-slim's code itself makes alpha times 32.

# %%
from mobilenet_lib.paper.recompute import totals, with_stem

for c in (c for c in cells if "16 channels" in c.note):
    suspect(c.table, c.row, c.column)
    alpha, pixels = c.label.replace(" MobileNet-", ", ").split(", ")
    classes = {"num_classes": 1001} if c.table == "figures" else {}
    net = with_stem(mn.mobilenet_v1(float(alpha), int(pixels), **classes), 16)
    count = totals(net, head=c.table == "figures")[0] / 1e6
    print(f"{alpha:>4}-{pixels}: printed {c.printed:>3}, {count:.1f} with 16 channels")

# %% [markdown]
# A first layer that keeps 16 channels whatever $\alpha$ is: right for one half, too wide for a quarter, too narrow for three quarters. Seven numbers of two sources, one slip; the 45 was cut off besides. (tf-slim's *code* makes $32\alpha$ channels; only its list was counted otherwise.)
#
# ### Case 8: two rows with one name
#
# Table 14 has two rows called 0.75 MobileNet-128, with 166 and 108 million mult-adds. **Predict:** which of the sixteen networks is the first?

# %%
expect("09-one-name")

# %%
printed_166 = suspect(14, 4, "million_mult_adds").printed
for pixels in (192, 160, 128):
    body, _ = totals(mn.mobilenet_v1(0.75, pixels), head=False)
    verdict = judge(printed_166, Fraction(body, 10**6))
    print(f"body of 0.75 MobileNet-{pixels}: {body / 1e6:.1f} million, {verdict}")

# %% [markdown]
# It is 0.75 MobileNet-160, and its label was copied from the row below. (What the *other* numbers of this table mean is an open case, further down.)
#
# ### Case 9: a million here, a decimal there
#
# Section 4.4 gives the geolocation network 13 million parameters and 0.58 million mult-adds. Section 4.5 gives the face classifier 75 million parameters; Table 12 says 7.5. **Predict:** can a network have twenty times more parameters than mult-adds?
#
# <details><summary>A hint</summary>
#
# How often is each weight used for one image, at the least?
# </details>

# %%
expect("09-planet")

# %% [markdown] slide=2
# ## Case 9: 13 million parameters, 0.58 million mult-adds?
#
# Can a network have twenty times more parameters than mult-adds?
#
# Notes: Each weight of a network of this kind is used at least once for an image. It is billion. The second one, 75 against 7.5 million, cannot be decided: the paper is all there is.

# %%
planet, faces = suspect("text", 23, "printed"), suspect("text", 24, "printed")
body_work, _ = totals(arch, head=False)
whole = (body_work + 10_000_000) / 1e9  # the last layer uses each of its weights once
print(f"printed {planet.printed} {planet.unit}; counted {whole:.3f} billion")
print(
    f"faces: {faces.printed} in the text, {paper.table(12).cell(7, 'million_parameters').printed}"
)

# %% [markdown]
# It cannot: in such a network each weight is used at least once for an image. *Billion* is meant. The face classifier's decimal point cannot be settled: the paper does not describe that network, so either number may be the right one.
#
# ### Case 10: words
#
# Four claims have nothing wrong with their arithmetic. The text says that 0.50 MobileNet-160 is 4 % better than AlexNet and than SqueezeNet, that 1 by 1 convolutions take 95 % of the computation *time*, and that GoogleNet takes *more than* 2.5 times as much computation. **Predict:** what is wrong with each?

# %%
expect("09-words")

# %%
top1 = [paper.table(9).cell(row, "imagenet_top1_pct").value for row in (1, 2, 3)]
for row in (13, 16, 4, 12):
    suspect("text", row, "printed")
print(f"better by {top1[0] - top1[2]} points than AlexNet, {top1[0] - top1[1]} than SqueezeNet")
print(f"1 by 1: {100 * arch.by_kind()['pointwise'].mult_adds / arch.mult_adds:.1f} % of mult-adds")
print(f"GoogleNet: {1550 / 569:.2f} times as printed, {1582.7 / 568.7:.2f} counted")

# %% [markdown]
# Table 9 says 3.0 and 2.7 points, not 4. The 95 % is a share of mult-adds: no time was measured anywhere in the paper, and chapter 04 shows how far the two can lie apart. And *more than 2.5* is true, but modest: it is 2.7.
#
# ### Case 11: what others wrote down
#
# Table 8 gives GoogLeNet 6.8 million parameters. Its layers have 7.0 million, with biases or without. Nothing that we left out or put in gave 6.8, for as long as we counted layers. **Predict:** where else can a number come from?
#
# <details><summary>A hint</summary>
#
# If you write about other people's networks, you need not count them yourself.
# </details>

# %%
expect("09-quoted")

# %% [markdown] slide=2
# ## Case 11: no count gives 6.8 million. Where else can a number come from?
#
# GoogLeNet in Table 8. Its layers have 7.0 million parameters.
#
# Notes: From another paper's table. GoogLeNet's own Table 1 has a column of parameters; its sum is 6797.7 thousand.

# %%
from mobilenet_lib.paper.other_networks import GOOGLENET_THOUSANDS

quoted = suspect(8, 2, "million_parameters")
own_table = sum(Fraction(thousand) for thousand in GOOGLENET_THOUSANDS.split())
print(GOOGLENET_THOUSANDS)
print(f"in all {float(own_table):.1f} thousand; printed {quoted.printed} million")
assert judge(quoted.printed, own_table / 1000) == "rounds"

# %% [markdown]
# From somebody else's table. GoogLeNet's own paper has a column of parameters, in thousands, and it adds up to 6.8 million. That column does not quite fit the layers beside it; its first entry, 2.7 thousand for a 7 by 7 convolution from 3 to 64 channels, looks like a misprint of 9.4 and is none. It is exercise 9.5, and you hold the key to it since chapter 02.
#
# ### Case 12: counters
#
# The last case is about what one counts at all. Table 13's 6.1 million parameters are the only ones of the paper that include batch normalization (BN). The other suspects are not the paper's: those who count by program get 0.58 billion mult-adds, 578.88 or 579.80 million, or 4,242,920 parameters. **Predict:** what does a program count that the paper does not?

# %%
expect("09-counters")

# %%
norms = 2 * sum(layer.out_channels * layer.out_size**2 for layer in arch.layers[:-1])
pool = 1024 * 7 * 7
biases = sum(layer.out_channels for layer in arch.layers[:-1])
print(f"{(arch.mult_adds + norms) / 1e9:.2f} billion with BN, as timm prints")
print(f"{(arch.mult_adds + norms + pool) / 1e6:.2f} million with BN and pooling, PaddleClas")
print(f"{arch.parameters + biases:,} parameters with a bias in each convolution, mlpack")

# %% [markdown]
# They count what BN does to each number of a map, the sum of the average pool, a bias where BN follows anyway. None is wrong, and none says so beside its number. pytorchcv's 579.80 resisted longest: it is half of what its counter calls FLOPs, floating-point operations, and exercise 9.4 lets you find it. Keras' 529, printed beside 224, 192, 160 and 128 pixels alike, is a plain slip.

# %%
for c in cells:
    if c.discrepancy and (c.table == "elsewhere" or c.table == "13"):
        suspect(c.table, c.row, c.column)
        explained = c.discrepancy.explained or "nothing"
        print(f"{c.label:26} {c.printed:>8}  counted {c.exact_text}, explained by {explained}")

# %% [markdown]
# ## Open cases
#
# What is left? These are the cells on the list that no case has touched:

# %% [markdown] slide=2
# ## What nobody has explained
#
# [[output]]
#
# Notes: An honest list ends with what it does not know. Six of the seven are about the head of one network that the paper does not describe. If somebody in the room finds a reading: the book wants to have it.

# %%
listed = [c for c in cells if c.discrepancy]
still_open = [c for c in listed if c.name not in seen]
for c in still_open:
    print(f"{paper.table(c.table).short:15} {c.label:18} {c.printed:>5}, counted {c.exact_text}")
assert {c.discrepancy.kind for c in still_open} == {"unexplained"}

# %% [markdown]
# All are *unexplained*, and all cases together have told of every other:

# %%
print(f"{len(listed)} on the list, {len(listed) - len(still_open)} told, {len(still_open)} open")

# %% [markdown]
# Table 14's network ends in a vector that describes a face, and the paper does not say how that end is built. Its parameters *grow* when the picture gets smaller, from 4.9 to 5.5 million, which no end behind an average over the map can do; and 286 million is less than the body alone takes at 160 pixels. GoogLeNet's 1550 lies between 1502, the sum of its own table, and 1583. tf-slim's 150 is 149.50 with the half on the wrong side, by two thousandths. If you find a reading that gives one of them, the book would like to have it.
#
# ## Five figures
#
# The paper has six figures. The sixth shows photos with boxes around what a detector found. Here are the other five, drawn from numbers. Figure 1 shows what a MobileNet can be used for, as pictures. Ours shows what it costs there, against what did the task before.

# %%
from mobilenet_lib.plots.paper import Task


def task(name, measure, before, now, key, rows, columns):
    quality, work = columns
    old, new = (paper.table(key).cell(row, work).value for row in rows)
    old_quality, new_quality = (paper.table(key).cell(row, quality).value for row in rows)
    return Task(name, before, float(old), old_quality, now, float(new), new_quality, measure)


# %% [markdown]
# **Predict:** dogs, faces, face vectors, detection: which task keeps the largest share of the work?

# %%
expect("09-applications")

# %% [markdown] slide=3
# ## Figure 1, with numbers
#
# [[output]]
#
# Notes: The paper shows pictures here. Faces save most, with one per cent left. Boxes save least: the head of the detector comes on top, and Inception V2 is thrifty itself.

# %%
millions, billions = "million_mult_adds", "billion_mult_adds"
tasks = [
    task("ImageNet", "% top-1", "VGG 16", "1.0-224", 8, (3, 1), ("imagenet_top1_pct", millions)),
    task("Dogs", "% top-1", "Inception V3", "1.0-224", 10, (1, 2), ("top1_pct", millions)),
    task("Faces", "% mean AP", "the classifier", "0.25-128", 12, (7, 6), ("mean_ap_pct", millions)),
    task("Boxes, SSD", "% mAP", "Inception V2", "1.0-300", 13, (2, 3), ("map_pct", billions)),
    task("Boxes, R-CNN", "% mAP", "Inception V2", "1.0-300", 13, (5, 6), ("map_pct", billions)),
    task("Face vectors", "%", "FaceNet", "1.0-160", 14, (1, 2), ("accuracy_at_1e-4_pct", millions)),
]
plots.applications(tasks)

# %% [markdown]
# (AP is average precision, mAP its mean over kinds of things; SSD, the single shot detector, and R-CNN are two ways to draw boxes around what is seen.) Faces keep one per cent of the work. Boxes keep most: there the network is only the body of a detector whose head others have designed, and Inception V2 is a thrifty network itself.
#
# Figures 2 and 3 you know from chapter 02: what a filter looks like, and which layers take the place of one.

# %%
plots.filter_shapes(kernel_size=3, in_channels=4, out_channels=5)

# %% [markdown]
# The paper draws $D_K \times D_K \times M$ in perspective and writes letters on it; here are numbers, and the weights counted. And a layer, before and after:

# %%
plots.layer_blocks()

# %% [markdown]
# Figures 4 and 5 show all sixteen networks: accuracy against mult-adds, and against parameters. Of the sixteen, the paper prints eight as numbers; the other eight are only marks in its plots. Ours put every mark at its exact count, and those without a printed accuracy, hollow, where tf-slim's weights of June 2017 have it.
#
# **Predict:** in one of the two figures, four marks stand above each other. Which, and why?

# %%
expect("09-above")

# %% [markdown] slide=3
# ## Figures 4 and 5, every mark at its exact count
#
# [[output]]
#
# Notes: Full marks are printed in the paper, hollow ones come from tf-slim. In Figure 5 four marks stand above each other, since the resolution does not change the parameters. In Figure 4 the line bends down at alpha 0.25, as chapter 06 measured.

# %%
plots.sixteen(paper.models())

# %% [markdown]
# In Figure 5: a filter is as large on a small map as on a large one, so four resolutions share one count of parameters. In Figure 4 the marks follow nearly a line on this scale, until the quarter width; chapter 06 has laid the line.
#
# ## What it was compared with
#
# The story starts with **AlexNet**, which won the ImageNet contest of 2012 and made networks that see grow. **VGG 16** and **GoogLeNet** are of 2014: one stacks 3 by 3 convolutions as simply and as expensively as possible, the other runs 1 by 1, 3 by 3 and 5 by 5 beside each other, with narrow 1 by 1 layers before them to save work. **SqueezeNet**, of 2016, asked for few *parameters*: as accurate as AlexNet with a fiftieth of them, says the title of its paper. Here they are, counted as we count everything:

# %% [markdown] slide=2
# ## Small is not fast
#
# [[output]]
#
# Notes: SqueezeNet has as few parameters as the MobileNet in the last line, and ten times its mult-adds. “Small” was the question of its time; the paper asks for latency first.

# %%
rows = [(name, other_network(name)) for name in ("AlexNet", "VGG 16", "GoogleNet", "Squeezenet")]
print("                  million mult-adds  million parameters")
for name, net in rows:
    print(f"{name:18} {net.mult_adds / 1e6:16.0f} {net.parameters / 1e6:19.2f}")
for net in (arch, small):
    print(f"{net.alpha} MobileNet-{net.resolution:<4} {net.mult_adds / 1e6:16.0f}", end=" ")
    print(f"{net.parameters / 1e6:19.2f}")

# %% [markdown]
# Look at SqueezeNet and at the last line. Both have about the same number of parameters, but SqueezeNet takes ten times the mult-adds: it saves on weights and then slides them over large maps. This is what the paper means when it says that many papers on small networks look at size only and do not consider speed. Whom a download hurts wants few parameters; whom waiting hurts wants few mult-adds, and of a kind that machines do well.
#
# ## What applications asked of it
#
# Robots, cars that drive themselves, glasses that write into what one sees: the paper's introduction names what must answer at once, on a computer that one can carry. Its experiments put the network to five other tasks. Each takes off the classifier and puts something else there.
#
# **Dogs** (Table 10). Stanford Dogs has 120 breeds, many of which look alike. The authors first trained on many photos from the web with unreliable labels, then on the data set. It asks for fine differences, and the network is 0.7 points behind Inception V3.
#
# **Where was this photo taken?** (Table 11). PlaNet divides the earth into cells and asks for the cell: classification, with a last layer of 10 million weights. It asks for knowledge of the world rather than for sharp eyes.

# %% [markdown] slide=2
# ## Where was this photo taken?
#
# PlaNet divides the earth into cells. MobileNet has a tenth of its mult-adds: does it lose at every distance?
#
# Notes: No. It is better within a street and within a continent, equal in the city, and worse between: see the next slide.

# %% [markdown] slide=1
# ## It does not
#
# [[output]]
#
# Notes: Shares of photos placed within so many kilometres. The paper notes that PlaNet's numbers are from an updated version.

# %%
print(paper.table(11).as_printed)
print(f"mult-adds: 0.58 of 5.74 billion, {0.58 / 5.74:.0%}")

# %% [markdown]
# With a tenth of the mult-adds it is better within a kilometre and within a continent, and worse between.
#
# **Faces** (Table 12). A large classifier of a face's attributes was to become small, and the paper takes it as an example of systems whose training is unknown or hard to repeat. So the small network learned from the large one's *answers* and not from labels: distillation, as in chapter 07. It asks for a teacher and for unlabelled photos, of which there are any number. Of six MobileNets, all but the smallest end above their teacher.

# %%
teacher = paper.table(12).cell(7, "mean_ap_pct").value
for row in range(1, 7):
    net = paper.table(12).cell(row, "mean_ap_pct")
    work = paper.table(12).cell(row, "million_mult_adds").value / 1600
    print(f"{net.label:18} {net.value - teacher:+.1f} points with {work:.0%} of the mult-adds")

# %% [markdown]
# **Boxes** (Table 13). COCO, Common Objects in Context, asks where things are, and not only what. SSD looks once at several maps, Faster R-CNN proposes 300 boxes first and looks at each. There MobileNet is the body under a head that others have designed, and here it pays for its size: it is behind VGG by 1.8 points in one and about six in the other. But look at Faster R-CNN at 300 pixels: Inception V2 takes nearly five times the work and is behind MobileNet.
#
# **Face vectors** (Table 14). FaceNet turns a face into a vector such that two photos of one person lie close together. The small network learned to give the same vectors, by the squared difference to the large one's: distillation again, of numbers instead of probabilities.
#
# ## Compress a large network, or train a small one?
#
# The paper sorts earlier work into two: those who *compress* a trained network, and those who *train* a small one. Compressing takes weights away (pruning), stores them coarsely (quantization, with shared values or few bits), or stores a code for what comes often (Huffman coding). Training a small one chooses a cheaper form first: flattened and factorized networks, SqueezeNet, Xception, and MobileNet itself. Distillation stands between: a small network, with a large one's help, as with the faces above.

# %% [markdown]
# Here they are on equal terms: letters in the wild at 56 pixels. One network of $\alpha = 0.5$ was trained, and then brought to the bytes that $\alpha = 0.25$ takes: by storing its weights in eight bits, or by taking away four fifths of the weights in its 1 by 1 layers, the smallest, and training on with the rest. Beside them stands $\alpha = 0.25$ itself, trained from the start.
#
# **Predict:** all of them take as many bytes. Which reads most letters? And which of them saves *time* on any machine, without a special kernel?

# %%
expect("09-bytes")

# %% [markdown] slide=2
# ## The same bytes, several ways: which reads most letters?
#
# Eight bits; four fifths of the weights taken away; a narrow network from the start.
#
# Notes: The paper's section 2 sorts prior work into compressing a trained network and training a small one. What does each save: memory, download, time? Let them vote twice, for letters and for time.

# %% [markdown] slide=2
# ## Compress, or train a small one?
#
# [[output]]
#
# Notes: One seed each; chapter 06 says how much is luck. Compressing keeps more of the accuracy for the same bytes. But scattered zeros are skipped with profit only where there are very many, and eight bits need kernels for eight bits. The narrow network is smaller in every column, on any machine.

# %%
from mobilenet_lib.results import recorded

columns = "{:12}{:>10}{:>7}{:>20}{:>9}".format
print(columns("", "letters, %", "MB", "million mult-adds", "epochs"))
for one in recorded("prior_work")["results"]["rows"]:
    read, size, work = one["accuracy"], one["bytes"] / 1e6, one["mult_adds"] / 1e6
    print(columns(one["name"], f"{read:.1f}", f"{size:.2f}", f"{work:.1f}", one["epochs"]))

# %% [markdown]
# For the same bytes, the compressed ones read more: in eight bits 90.8<!-- one(prior_work.rows, "accuracy", name="quantized") --> %, pruned 90.5<!-- one(prior_work.rows, "accuracy", name="pruned") --> %, narrow 87.6<!-- one(prior_work.rows, "accuracy", name="narrow") --> %. (One seed each; chapter 06 says how much that may be luck.) If the download is what hurts, compress.
#
# Now look at the mult-adds. Those in eight bits are as many as before, and faster only on an engine that has kernels for eight bits (chapter 08). Pruning leaves as few as the narrow network has, but scattered: chapter 04 found that a sparse product overtakes the dense one from 79 %<!-- 100 * min(bench_sparse.crossings["torch CSR"], bench_sparse.crossings["SciPy CSR"]) --> of zeros on, and here are hardly more. Only the narrow network needs no new kernel, no new format and no new hardware. It is smaller in every column, on any machine, and pays for that in accuracy. So the answer depends on what hurts, and the paper says what it chose: latency first, and small size as well. The two ways also add up: the phones of chapter 08 run narrow networks *in* eight bits.
#
# ## What came after
#
# Here are the sixteen once more, the same 1.0 MobileNet-224 as others have trained it since, and the networks that followed.
#
# **Predict:** the paper's network reads 70.6 %. How much of that is the network, and how much the recipe of 2017? What can the very same 4.2 million weights reach?

# %%
expect("09-since")

# %% [markdown] slide=2
# ## 70.6 % in 2017. What can the same network reach today?
#
# The same layers, the same 569 million mult-adds; another training.
#
# Notes: Collect numbers. Then the next figure: 75.4 by timm with a long modern recipe, 77.9 by PaddleClas with a teacher and unlabelled pictures.

# %% [markdown] slide=3
# ## What came after
#
# [[output]]
#
# Notes: The column of diamonds is one network. V2 turns the block around, V3 was searched by machine, EfficientNet-Lite scales width, depth and resolution together. Trained well, the network of 2017 stands among them.

# %%
plots.descendants(paper.models(), paper.since())

# %% [markdown]
# The diamonds above each other are *one* network. Here they are by name:

# %%
for one in paper.since():
    if one.kind == "trained again":
        print(f"{one.top1:5.1f} %  {one.name}")

# %% [markdown]
# timm trains it for 3600 epochs with a recipe of today and reaches 75.4 %; PaddleClas' `MobileNetV1_ssld` learns from a much larger teacher, with four million unlabelled pictures besides, and reaches 77.9 %. Seven points lay in the training. To compare a new network with the 70.6 % of 2017 is to compare two recipes.
#
# The networks that came after kept the depthwise convolution and changed what stands around it:
#
# - **MobileNetV2** (2018) turns the block around: narrow maps between blocks, wide ones inside, a shortcut past each block, and no non-linearity on the narrow maps. About half of the mult-adds for a point more.
# - **MobileNetV3** (2019) was found by a search on phones, with layers that weigh channels against each other (squeeze-and-excite) and an activation that is cheap to compute.
# - **EfficientNet-Lite** (2020) scales width, depth and resolution together, and takes squeeze-and-excite out again, since many accelerators do not have it, and puts ReLU6 (a rectified linear unit that stops at 6) in, since it survives eight bits.
# - **MobileNetV4** (2024) searches again, for one network that is good on processors, graphics processors and accelerators alike, and adds attention. Its largest, distilled, reaches 87 % in 3.8 ms on a phone's accelerator.
#
# Through all of this runs the lesson of Table 2: work that machines do well is worth more than less work.
#
# ## Exercises
#
# Stuck, or done? [Solutions](solutions/09_solutions.ipynb).
#
# **9.1** Write `verdict_of(printed, counted)` that says "rounds", "truncates" or "differs", as above, but also for round figures: zeros at the end of a whole number are not digits, as long as two digits remain. So "15300" means a step of 100, "720" one of 10, and "60" one of 1. `printed` is a text, `counted` a `Fraction`.

# %%
from mobilenet_lib.checks import check

verdict_of = ...  # def verdict_of(printed, counted): ...
check("9.1", verdict_of)

# %% [markdown]
# **9.2** How many mult-adds does 0.75 MobileNet-224 take on Stanford Dogs, with 120 classes?

# %%
from mobilenet_lib.checks import check

answer = ...
check("9.2", answer)

# %% [markdown]
# **9.3 Build** a proofreader. Write `suspects(rows)`: each row is `(alpha, resolution, printed)`, the last a text with million mult-adds of a network with 1000 classes. Return the places, from 0, of the rows whose printed number neither rounds nor truncates to the count.

# %%
from mobilenet_lib.checks import check

suspects = ...  # def suspects(rows): ...
check("9.3", suspects)

# %% [markdown]
# **9.4 Investigate** the number that nobody had explained. pytorchcv prints 579.80 million under the heading *FLOPs/2* for 1.0 MobileNet-224, and 333.99 for 0.75. Its counter is public: a convolution without bias has twice its mult-adds, less one for each pair of an input and an output channel that meet (in a depthwise layer each channel meets one); the fully connected layer twice its mult-adds; batch normalization four for each number, a ReLU (rectified linear unit) one for each number, and the average pool one for each number that it reads. Write `half_of_flops(arch)` that gives half of all that.

# %%
from mobilenet_lib.checks import check

half_of_flops = ...  # def half_of_flops(arch): ...
check("9.4", half_of_flops)

# %% [markdown]
# **9.5 Investigate** the misprint that is none. GoogLeNet's table gives its first layer 2.7 thousand parameters and 34 million operations: kernels of 7 by 7, stride 2, from 3 to 64 channels, a map of 112 by 112. As a standard convolution it would have 9.4 thousand and 118 million. It is a *depthwise separable* convolution whose depthwise part makes several maps of each colour. How many?

# %%
from mobilenet_lib.checks import check

answer = ...
check("9.5", answer)

# %% [markdown]
# **9.6 Build** Figure 4 as numbers. Write `marks(models)` for a list such as `paper.models()`: the marks that the paper prints, as pairs of million mult-adds and accuracy in percent, from the cheapest on. Those without a number in the paper are left out.

# %%
from mobilenet_lib.checks import check

marks = ...  # def marks(models): ...
check("9.6", marks)

# %% [markdown]
# **9.7** The text says that 0.50 MobileNet-160 takes 9.4 times less computation than AlexNet. How many times is it, counted like for like and rounded to one decimal?

# %% [markdown] slide=1
# ## In two lines
#
# - Of the numbers that can be counted, four in five are as printed, and nearly all others have a reason that one can find.
# - Compare like with like: the same count, the same recipe, the same unit.
#
# Notes: Exercises 9.1 to 9.7 in the chapter; 9.4 and 9.5 are investigations; we have found no published answer to either.

# %%
from mobilenet_lib.checks import check

answer = ...
check("9.7", answer)

# %% [markdown]
# ### Closing questions
#
# Answer without scrolling back. Each answer says why it is right or wrong.

# %%
from mobilenet_lib.checks import quiz

quiz("09")

# %% [markdown]
# ### What you expected
#
# What you predicted in this chapter, beside what came out:

# %%
from mobilenet_lib.checks import outcomes

outcomes("09")

# %% [markdown]
# ## Summary
#
# - A printed number is right if the counted one rounds to it. Many that are not were cut off, left a layer out, or counted in another unit.
# - Sums, labels and units are the first things to check; then what was copied from where.
# - One slip can carry a claim: SqueezeNet's mult-adds were counted twice, and so "22 times" is 11.
# - Small is not fast: SqueezeNet has few parameters and much work.
# - Each application takes the same body and another end; where the end is not described, its numbers cannot be counted.
# - The network of 2017 reaches 77.9 % today. Compare networks only under one recipe.
#
# ## Sources
#
# - The paper, arXiv:1704.04861v1; printed values with their derivations: `data/paper`.
# - GoogLeNet's table: C. Szegedy et al., *Going Deeper with Convolutions*, arXiv:1409.4842, Table 1. A first layer of that form is in tf-slim's `inception_v2.py`.
# - AlexNet: A. Krizhevsky et al., NeurIPS 2012. VGG: K. Simonyan and A. Zisserman, arXiv:1409.1556. SqueezeNet: F. Iandola et al., arXiv:1602.07360. Xception: F. Chollet, arXiv:1610.02357.
# - pytorchcv's counter and its column “FLOPs/2”: osmr/imgclsmob, `gluon/model_stats.py` and the READMEs.
# - Trained again: timm's `results-imagenet.csv` (`mobilenetv1_100.ra4_e3600_r224_in1k`); PaddleClas' page on distillation; the rest in `data/paper/after.csv`, with a source in each row.
# - MobileNetV2: arXiv:1801.04381. MobileNetV3: arXiv:1905.02244. EfficientNet-Lite: tensorflow/tpu, `models/official/efficientnet/lite/README.md`. MobileNetV4: arXiv:2404.10518.
