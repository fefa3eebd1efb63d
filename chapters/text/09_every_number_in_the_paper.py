# %% [markdown]
# # Every number in the paper
#
# The paper prints hundreds of numbers: in fourteen tables, in two plots, and in the text. By now you have worked out many of them yourself. This chapter works out the rest, all in one place, and asks the same question of each: does it follow from the network that the paper describes? Most do. Where one does not, there is usually a reason, and finding it is a small piece of detective work that you can do yourself before you read the answer. Then the chapter looks further: at what applications asked of the network, what it was compared with, and what came after.
#
# **Contents:** [All of them](#All-of-them) · [When is a number right?](#When-is-a-number-right?) · [The table browser](#The-table-browser) · [Twelve cases](#Twelve-cases) · [Open cases](#Open-cases) · [Five figures](#Five-figures) · [What it was compared with](#What-it-was-compared-with) · [What applications asked of it](#What-applications-asked-of-it) · [Compress a large network, or train a small one?](#Compress-a-large-network,-or-train-a-small-one?) · [What came after](#What-came-after) · [Exercises](#Exercises) · [Summary](#Summary) · [Sources](#Sources)

# %% [markdown]
# **In this chapter you will**
#
# - say when a printed number agrees with a counted one, and write the rule as code,
# - look up any number of the paper, with its count and its verdict,
# - solve twelve cases of numbers that do not follow, and see which remain open,
# - draw the paper's figures from its numbers,
# - learn what dogs, maps, faces and detectors asked of the network,
# - place it between the networks that it was compared with and those that came after it.
#
# ## All of them

# %% [markdown] slide=1
# # Every number in the paper
#
# Fourteen tables, figures, claims in the text: does each number follow from the network that is described?
#
# Notes: Everything so far has prepared the room for this: everyone can count any layer. Now it becomes detective work.

# %% [markdown] slide=2
# ## How many of the paper's numbers are right?
#
# 449 numbers: in tables, figures and text, and in what other implementations print.
#
# Notes: Ask for a guess, as a percentage of those that can be counted at all. Then ask what “right” should mean; a slide further on gives a rule.

# %% [markdown] slide=2
# ## All of them, by verdict
#
# [[output]]
#
# Notes: Nearly half cannot be counted, since accuracies were measured. Of the others, four in five are as printed; the remaining fifth is on our list, most of it with a reason.

# %%
from collections import Counter

from mobilenet_lib import paper

cells = paper.cells()
print(paper.summary(paper.tally(cells)).replace(", ", "\n  ").replace(": ", "\n  "))

# %% [markdown]
# Each number that the paper prints is a *cell*, in Tables 1 to 14, in Figures 4 and 5, or in the text. We add the numbers that other implementations of the network print for it. The printed values are in `data/paper`, exactly as printed. The library works out the counts when you ask for them, with the functions of chapters 01 to 03, and the book's tests compare the two: they fail if a cell neither follows nor is on the list of exceptions.
#
# Nearly half of the cells cannot be counted: accuracies were measured, and some networks were never described. The others fall into these groups:

# %%
groups = Counter(cell.finding for cell in cells)
for finding in paper.FINDINGS:
    print(f"{groups[finding]:4d} {finding}")

# %% [markdown]
# A *misprint* is a slip of the pen. Under *other count*, the number is right once you count as its author did. A *contradiction* is a number that another place in the paper contradicts. Here are the groups by table:

# %% [markdown] slide=2
# ## Where they are
#
# [[output]]
#
# Notes: The numbers about the networks that the paper describes are nearly all right. The exceptions are about other networks (Tables 8 and 9), about heads that are not described (Tables 12 to 14), and in the text.

# %%
from mobilenet_lib import plots

plots.findings({t.short: [cell.finding for cell in t.cells] for t in paper.tables()})

# %% [markdown]
# In the tables about the network itself, nearly everything is right. Most exceptions are numbers about *other* networks (Tables 8 and 9), about heads that are not described (Tables 12 to 14), and in the text.
#
# ## When is a number right?
#
# Before we accuse anybody, we need a rule. The paper prints 569 where we count 568.740352: that is right, because the count rounds to it. It prints 290 where we count 290.675: rounding gives 291, but cutting off the decimals gives 290. So there are three verdicts: a number *rounds*, *truncates* or *differs*. Printed numbers are decimal, so we compute with fractions, which a computer does not round.


# %% [markdown] slide=2
# ## 290 is printed, 290.675 is counted. Is that right?
#
# And 569 for 568.74?
#
# Notes: Rounded it is 291, cut off it is 290. So there are three verdicts: rounds, truncates, differs. Ask why one should compute with fractions: because a number may end in exactly .5, on the border.

# %% [markdown] slide=2
# ## The rule
#
# [[code 5-12]]
#
# Notes: The step is one unit in the last printed place. The first condition that holds decides. The chapter runs this rule over all numbers, and it agrees with the library's.


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
# The library's `paper.judge` does the same. (It also knows that the zeros at the end of a round figure, such as 15300, may not be significant.) The two agree on every number whose zeros are significant:

# %%
numbers = [c for c in cells if c.value is not None and c.exact is not None]
numbers = [c for c in numbers if not c.recomputed.round_figure]
assert all(judge(c.printed, c.exact) == paper.judge(c.printed, c.exact) for c in numbers)
print(judge("569", Fraction("568.740352")), judge("290", Fraction("290.6752")), len(numbers))

# %% [markdown]
# ## The table browser
#
# Here are all of them. Choose a table or a verdict, or search for a word: *GoogleNet*, *channels*, *290*. Click on a number, or focus the list and use the arrow keys: beside it you see the count, the verdict, the reason, and the rest of its row. *Copy link* and *Copy as Python* keep the number that you have chosen, so that you can send it to somebody.

# %% [markdown] slide=5
# ## The table browser
#
# [[explorer v1&verdict=misprint&hide=help,foot]]
#
# Notes: Press E and use the keys. Let the room choose a table. Search for “channels”: seven numbers from two different sources have the same slip. Do not read out the reasons for the cases that follow.

# %%
from mobilenet_lib.explorers import TablesExplorer

TablesExplorer()

# %% [markdown]
# Things to try: find the only table in which every number can be counted and agrees. Find the number that another implementation repeats four times. How many numbers have *16 channels* in their reason, and who printed them? Which table has no number that can be counted at all?
#
# ## Twelve cases
#
# Now to the numbers that do not follow. Each case says what is printed and asks you for the reason; think first, then run the cell for the evidence. `suspect` looks up a cell and adds it to a list, so that at the end we can see that none was forgotten.

# %%
seen = set()


def suspect(table, row, column):
    cell = paper.table(table).cell(row, column)
    seen.add(cell.name)
    return cell


# %% [markdown]
# ### Case 1: the stride that would shrink the end
#
# Table 1's last depthwise layer is printed with stride 2, on a map of 7 by 7. You met it in [chapter 03](03_the_network.ipynb#The-misprint-in-Table-1). **Predict:** if that were true, would the whole network still have 569 million mult-adds?

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
# Only stride 1 gives the printed 569. Case closed. (Two rows above it, stride 2 is right.)
#
# ### Case 2: a column that does not add up
#
# Table 2 divides the mult-adds ([one multiplication and one addition](00_start_here.ipynb#How-to-use-the-book) each) among the kinds of layer: 94.86, 3.06, 1.19 and 0.18 %. **Predict:** you need no network to see that something is wrong. What gives it away?

# %%
expect("09-shares")

# %%
suspect(2, 3, "mult_adds_pct")
column = [paper.table(2).cell(row, "mult_adds_pct").value for row in (1, 2, 3, 4)]
share = 100 * arch.layers[0].mult_adds / arch.mult_adds
print(f"printed: {sum(column)} in all; the first layer has {share:.2f} %")

# %% [markdown]
# Shares must add up to 100 %, and these make 99.29. Two digits were swapped: it should be 1.91, not 1.19. Adding up is the cheapest check there is.
#
# ### Case 3: cut off
#
# 290, 76, 48: the last digit of each is one too small. The same holds for 32 times, 9.4 times and AlexNet's 60 million parameters. **Predict:** what would you have to do to the counted numbers to get all of these?

# %%
expect("09-cut")

# %%
cut = [c for c in cells if c.finding == "truncated"]
for c in cut:
    suspect(c.table, c.row, c.column)
    assert judge(c.printed, c.exact) == "truncates"
    print(f"{paper.table(c.table).short:15} {c.label:20} {c.printed:>4} for {c.exact_text}")

# %% [markdown]
# They were cut off instead of rounded. In the same tables other numbers *are* rounded (568.74 became 569), so this was a habit and not a rule. AlexNet's authors themselves say 60 million.
#
# ### Case 4: the layer that was left out
#
# Table 4 gives the network with full convolutions 4866 million, and the one with separable convolutions 569. Both have the same fully connected layer at the end. We count 4867.3 and 568.7. VGG 16, from Oxford's Visual Geometry Group, has 15300 million in Table 8; we count 15470. **Predict:** the two differences have the same explanation. What is it?

# %%
expect("09-left-out")

# %% [markdown] slide=2
# ## Case 4: which layer is missing from 4866 and from 15300?
#
# We count 4867.3 for the network with full convolutions, and 15470 for VGG 16.
#
# Notes: The fully connected ones. In the row below, 569 includes that layer: two rows of one table follow two rules.

# %%
from mobilenet_lib.paper.other_networks import other_network

full, vgg = mn.mobilenet_v1(body="full"), other_network("VGG 16")
suspect(4, 1, "million_mult_adds")
suspect(8, 3, "million_mult_adds")
print(f"{full.mult_adds / 1e6:.1f} less {full.layers[-1].mult_adds / 1e6:.1f} is", end=" ")
print(f"{(full.mult_adds - full.layers[-1].mult_adds) / 1e6:.1f}")
print(f"VGG 16 without its three: {(vgg.mult_adds - vgg.head_mult_adds) / 1e6:.0f}")

# %% [markdown]
# The fully connected layers were not counted. In the row below, 569 includes one: two rows of one table follow two rules. For the mult-adds it makes little difference; but of VGG's parameters, these layers hold the most.
#
# ### Case 5: counted twice
#
# Table 9 compares a small MobileNet with 76 million mult-adds to SqueezeNet with 1700 million, and the text says: 22 times less computation. SqueezeNet's layers, counted like everything else here, give 833 million. **Predict:** how does 833 become 1700? And what is left of the 22 times?
#
# <details><summary>A hint</summary>
#
# What does the *add* in mult-add stand for?
# </details>

# %%
expect("09-twice")

# %% [markdown] slide=3
# ## Case 5: we count 833 million. Why are 1700 printed?
#
# SqueezeNet, in Table 9. The text says: MobileNet takes 22 times less computation.
#
# Notes: Each multiplication and each addition was counted as one, while the rows around it count the two together as one mult-add. Like for like it is 11 times. This slip has the largest consequence: it doubles a claim in the text.

# %% [markdown] slide=1
# ## Like for like: 11 times
#
# [[output]]
#
# Notes: The result is still a good one. But half of the claimed factor came from the unit.

# %%
small, squeeze = mn.mobilenet_v1(0.5, 160), other_network("Squeezenet")
for place in ((9, 2, "million_mult_adds"), ("text", 17, "printed"), ("text", 14, "printed")):
    suspect(*place)
print(f"twice {squeeze.mult_adds / 1e6:.0f} is {2 * squeeze.mult_adds / 1e6:.0f}")
print(f"printed: {1700 / 76:.1f} times; like for like: {squeeze.mult_adds / small.mult_adds:.1f}")
print(f"AlexNet's 60 by 1.32 million parameters: {60 / 1.32:.1f}")

# %% [markdown]
# For SqueezeNet, multiplications and additions were counted separately, and for no other network in the table. Like for like, MobileNet takes 11 times less: still a fine result, but half of the claimed factor came from the unit. The 45 times against AlexNet is a milder case: it is the quotient of two printed numbers, one of which was cut off (with AlexNet's exact number it would be 46).
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
# No: those are the mult-adds of the network with ImageNet's 1000 classes, copied over. The column beside it, the parameters, is for the network with 120 classes (3.3 million, not 4.2). For the two narrower networks the difference disappears in rounding.
#
# ### Case 7: sixteen channels
#
# Table 12 prints 45 and 15 million for $\alpha = 0.25$ at 224 and 128 pixels; the bodies have 40.8 and 13.3. tf-slim's list of the sixteen networks prints 317, 233, 162 and 104 for $\alpha = 0.75$, where we count 325.4, 239.3, 166.4 and 106.8. Table 12 is too high, and the list too low. **Predict:** one and the same mistake explains both. Where in the network could it be?
#
# <details><summary>A hint</summary>
#
# Think of a layer whose width does not follow $\alpha$. It has too many channels at one quarter, and too few at three quarters.
# </details>

# %%
expect("09-sixteen")

# %% [markdown] slide=3
# ## Case 7: too high at $\alpha = 0.25$, too low at $\alpha = 0.75$. One mistake?
#
# Table 12 prints 45 for 40.8. tf-slim's list prints 317 for 325.4.
#
# Notes: One layer's width did not follow alpha. 16 channels are right for alpha 0.5, too many for 0.25 and too few for 0.75.

# %% [markdown] slide=2
# ## The first layer keeps 16 channels
#
# [[output]]
#
# Notes: Seven numbers from two sources, and all of them follow from a first layer of 16 channels, whatever alpha is. tf-slim's code itself makes 32 times alpha channels.

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
# The first layer keeps 16 channels, whatever $\alpha$ is: right for one half, too many for a quarter, too few for three quarters. One slip explains seven numbers from two sources; the 45 was also cut off. (tf-slim's *code* makes $32\alpha$ channels; only its list was counted differently.)
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
# It is 0.75 MobileNet-160, and its label was copied from the row below. (The *other* numbers of this table are among the [open cases](#Open-cases).)
#
# ### Case 9: a million here, a decimal there
#
# Section 4.4 gives the geolocation network 13 million parameters and 0.58 million mult-adds. Section 4.5 gives the face classifier 75 million parameters; Table 12 says 7.5. **Predict:** can a network have twenty times more parameters than mult-adds?
#
# <details><summary>A hint</summary>
#
# How often, at the least, is each weight used for one image?
# </details>

# %%
expect("09-planet")

# %% [markdown] slide=2
# ## Case 9: 13 million parameters, 0.58 million mult-adds?
#
# Can a network have twenty times more parameters than mult-adds?
#
# Notes: Each weight of a network of this kind is used at least once for an image. Billion is meant, not million. The second case, 75 or 7.5 million, cannot be decided: the paper is all that we have.

# %%
planet, faces = suspect("text", 23, "printed"), suspect("text", 24, "printed")
body_work, _ = totals(arch, head=False)
whole = (body_work + 10_000_000) / 1e9  # the last layer uses each of its weights once
print(f"printed {planet.printed} {planet.unit}; counted {whole:.3f} billion")
print(
    f"faces: {faces.printed} in the text, {paper.table(12).cell(7, 'million_parameters').printed}"
)

# %% [markdown]
# It cannot: in such a network each weight is used at least once for an image. *Billion* is meant. Where the face classifier's decimal point belongs cannot be decided: the paper does not describe that network, so either number may be right.
#
# ### Case 10: words
#
# In four claims, the numbers are not miscounted, but the words do not fit them. The text says that 0.50 MobileNet-160 is 4 % better than AlexNet and than SqueezeNet, that 1 by 1 convolutions take 95 % of the computation *time*, and that GoogleNet takes *more than* 2.5 times as much computation. **Predict:** what is wrong with each claim?

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
# Table 9 gives 3.0 and 2.7 points, not 4. The 95 % is a share of the mult-adds: the paper does not report any measured time, and [chapter 04](04_what_a_mult_add_costs.ipynb#Three-per-cent-of-the-work) shows how far apart the two can be. And *more than 2.5* is true, but too modest: it is 2.7.
#
# ### Case 11: what others wrote down
#
# Table 8 gives GoogLeNet 6.8 million parameters. Its layers have 7.0 million, with or without biases. Whatever we left out or added, no count of the layers gave 6.8. **Predict:** where else can a number come from?
#
# <details><summary>A hint</summary>
#
# When you write about other people's networks, you need not count them yourself.
# </details>

# %%
expect("09-quoted")

# %% [markdown] slide=2
# ## Case 11: no count gives 6.8 million. Where else can a number come from?
#
# GoogLeNet in Table 8. Its layers have 7.0 million parameters.
#
# Notes: From another paper's table. GoogLeNet's own Table 1 has a column of parameters, which adds up to 6797.7 thousand.

# %%
from mobilenet_lib.paper.other_networks import GOOGLENET_THOUSANDS

quoted = suspect(8, 2, "million_parameters")
own_table = sum(Fraction(thousand) for thousand in GOOGLENET_THOUSANDS.split())
print(GOOGLENET_THOUSANDS)
print(f"in all {float(own_table):.1f} thousand; printed {quoted.printed} million")
assert judge(quoted.printed, own_table / 1000) == "rounds"

# %% [markdown]
# From somebody else's table. GoogLeNet's own paper has a column of parameters, in thousands, which adds up to 6.8 million. That column does not quite fit the layers beside it. Its first entry, 2.7 thousand for a 7 by 7 convolution from 3 to 64 channels, looks like a misprint of 9.4, but is not one. [Exercise 9.5](#Exercises) asks why, and since [chapter 02](02_depthwise_separable_convolution.ipynb#Two-jobs,-two-layers) you have had the key to it.
#
# ### Case 12: counters
#
# The last case is about what to count at all. Table 13's 6.1 million parameters are the only ones in the paper that include batch normalization (BN). The other suspects do not come from the paper: people who count with a program get 0.58 billion mult-adds, 578.88 or 579.80 million, or 4,242,920 parameters. **Predict:** what does a program count that the paper does not?

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
# They count what BN does to each number of a map, the sum in the average pool, or a bias in each convolution although BN follows it. None of them is wrong, but none says beside the number what was counted. pytorchcv's 579.80 was the hardest to explain: it is half of what its counter calls FLOPs, floating-point operations, and [exercise 9.4](#Exercises) lets you find out how. Keras' 529, printed for 224, 192, 160 and 128 pixels alike, is a plain slip.

# %%
for c in cells:
    if c.discrepancy and (c.table == "elsewhere" or c.table == "13"):
        suspect(c.table, c.row, c.column)
        explained = c.discrepancy.explained or "nothing"
        print(f"{c.label:26} {c.printed:>8}  counted {c.exact_text}, explained by {explained}")

# %% [markdown]
# ## Open cases
#
# What is left? These are the cells on the list that none of the cases has explained:

# %% [markdown] slide=2
# ## What nobody has explained
#
# [[output]]
#
# Notes: An honest list ends with what its authors do not know. Most of these are about the end of one network that the paper does not describe. If somebody in the room can explain one, please tell the book's authors.

# %%
listed = [c for c in cells if c.discrepancy]
still_open = [c for c in listed if c.name not in seen]
for c in still_open:
    print(f"{paper.table(c.table).short:15} {c.label:18} {c.printed:>5}, counted {c.exact_text}")
assert {c.discrepancy.kind for c in still_open} == {"unexplained"}

# %% [markdown]
# All of these are *unexplained*. Together, the twelve cases have dealt with every other cell on the list:

# %%
print(f"{len(listed)} on the list, {len(listed) - len(still_open)} covered, {len(still_open)} open")

# %% [markdown]
# Table 14's network outputs a vector that describes a face, and the paper does not say how its last layers are built. Its parameters *grow* when the picture gets smaller, from 4.9 to 5.5 million, which is impossible for layers that follow an average over the map; and 286 million is less than the body alone takes at 160 pixels. GoogLeNet's 1550 lies between 1502, the sum of its own table, and 1583. tf-slim's 150 would be right for 149.5, but the count falls short of that by two thousandths. If you can explain one of them, please let us know.
#
# ## Five figures
#
# The paper has six figures. The sixth shows photos with boxes around what a detector found. Here are the other five, drawn from numbers. Figure 1 shows, in pictures, what MobileNets can be used for. Ours shows what MobileNet costs in each task, compared with the network used before.

# %%
from mobilenet_lib.plots.paper import Task


def task(name, measure, before, now, key, rows, columns):
    quality, work = columns
    old, new = (paper.table(key).cell(row, work).value for row in rows)
    old_quality, new_quality = (paper.table(key).cell(row, quality).value for row in rows)
    return Task(name, before, float(old), old_quality, now, float(new), new_quality, measure)


# %% [markdown]
# **Predict:** dogs, faces, face vectors or detection: which task keeps the largest share of the work?

# %%
expect("09-applications")

# %% [markdown] slide=3
# ## Figure 1, with numbers
#
# [[output]]
#
# Notes: The paper shows pictures here. Faces save most: one per cent of the work is left. Boxes save least: the head of the detector comes on top, and Inception V2 is itself an economical network.

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
# (AP is average precision, and mAP its mean over kinds of things; SSD, the single shot detector, and R-CNN are two ways of finding things and drawing boxes around them.) Faces keep one per cent of the work. Boxes keep most of it: there the network is only the body of a detector whose head others have designed, and Inception V2 is itself an economical network.
#
# You know Figures 2 and 3 from [chapter 02](02_depthwise_separable_convolution.ipynb#Two-jobs,-two-layers). Figure 2 shows the filters of a standard and of a separable layer:

# %%
plots.filter_shapes(kernel_size=3, in_channels=4, out_channels=5)

# %% [markdown]
# The paper draws $D_K \times D_K \times M$ blocks in perspective and labels them with letters; ours have numbers, and a count of the weights. Figure 3 shows a layer with its batch normalization and ReLU (rectified linear unit), standard and separable:

# %%
plots.layer_blocks()

# %% [markdown]
# Figures 4 and 5 plot the accuracy of all sixteen networks, against mult-adds and against parameters. The paper prints numbers for eight of the sixteen; the other eight are only marks in its plots. Ours put every mark at its exact count. Where the paper prints no accuracy, the mark is hollow and has that of tf-slim's weights of June 2017.
#
# **Predict:** in one of the two figures, the marks stand above each other in columns of four. In which, and why?

# %%
expect("09-above")

# %% [markdown] slide=3
# ## Figures 4 and 5, every mark at its exact count
#
# [[output]]
#
# Notes: Filled marks are printed in the paper, hollow ones come from tf-slim. In Figure 5 the marks stand in columns of four, since the resolution does not change the number of parameters. In Figure 4 the marks fall below the line at alpha 0.25, as in chapter 06.

# %%
plots.sixteen(paper.models())

# %% [markdown]
# In Figure 5. A filter is as large on a small map as on a large one, so four resolutions share one number of parameters. In Figure 4 the marks lie nearly on a straight line, except those with a quarter of the width; [chapter 06](06_width_and_resolution.ipynb#Sixteen-networks-and-what-they-know) fitted that line.
#
# ## What it was compared with
#
# The story starts with **AlexNet**, which won the ImageNet contest of 2012; after it, networks for vision grew and grew. **VGG 16** and **GoogLeNet** are from 2014. The first stacks 3 by 3 convolutions, as simply and as expensively as possible. The second runs 1 by 1, 3 by 3 and 5 by 5 convolutions side by side, with narrow 1 by 1 layers before them to save work. **SqueezeNet**, from 2016, aimed at few *parameters*: as accurate as AlexNet with a fiftieth of them, says the title of its paper. Here they are, counted like everything else:

# %% [markdown] slide=2
# ## Small is not fast
#
# [[output]]
#
# Notes: SqueezeNet has as few parameters as the MobileNet in the last line, and ten times its mult-adds. It was designed to be small; the paper puts latency first.

# %%
rows = [(name, other_network(name)) for name in ("AlexNet", "VGG 16", "GoogleNet", "Squeezenet")]
print("                  million mult-adds  million parameters")
for name, net in rows:
    print(f"{name:18} {net.mult_adds / 1e6:16.0f} {net.parameters / 1e6:19.2f}")
for net in (arch, small):
    print(f"{net.alpha} MobileNet-{net.resolution:<4} {net.mult_adds / 1e6:16.0f}", end=" ")
    print(f"{net.parameters / 1e6:19.2f}")

# %% [markdown]
# Look at SqueezeNet and at the last line. Both have about the same number of parameters, but SqueezeNet takes ten times the mult-adds: it saves weights, and then slides them across large maps. This is what the paper means when it says that many papers on small networks look only at size and do not consider speed. If the download is the problem, you want few parameters; if the waiting is the problem, you want few mult-adds, of a kind that machines do well.
#
# ## What applications asked of it
#
# Robots, self-driving cars, augmented reality: the paper's introduction names applications that must answer at once, on a small computer. Its experiments put the network to five further tasks. Each replaces the classifier with something else.
#
# **Dogs** (Table 10). Stanford Dogs has 120 breeds, many of which look alike. The authors first trained on many photos from the web, with unreliable labels, and then on the data set. The task needs an eye for fine differences, and the network is 0.7 points behind Inception V3.
#
# **Where was this photo taken?** (Table 11). PlaNet divides the earth into cells and predicts the cell: this is classification, with a last layer of 10 million weights. The task needs knowledge of the world rather than sharp eyes.

# %% [markdown] slide=2
# ## Where was this photo taken?
#
# PlaNet divides the earth into cells. MobileNet takes a tenth of its mult-adds: does it lose at every distance?
#
# Notes: No. It is better within a street and within a continent, and equal or worse in between: see the next slide.

# %% [markdown] slide=1
# ## It does not
#
# [[output]]
#
# Notes: The table gives the share of photos placed within so many kilometres. The paper notes that PlaNet's numbers are from an updated version.

# %%
print(paper.table(11).as_printed)
print(f"mult-adds: 0.58 of 5.74 billion, {0.58 / 5.74:.0%}")

# %% [markdown]
# With a tenth of the mult-adds, it is better within a kilometre and within a continent, and not better in between.
#
# **Faces** (Table 12). A large classifier of a face's attributes was to be made small; the paper takes it as an example of a system whose training is unknown or hard to repeat. So the small network learned from the large one's *answers* and not from labels: this is [distillation](07_a_published_mobilenet.ipynb#Learn-from-a-teacher). It needs a teacher and unlabelled photos, which are available in any number. Of six MobileNets, all but the smallest do better than their teacher.

# %%
teacher = paper.table(12).cell(7, "mean_ap_pct").value
for row in range(1, 7):
    net = paper.table(12).cell(row, "mean_ap_pct")
    work = paper.table(12).cell(row, "million_mult_adds").value / 1600
    print(f"{net.label:18} {net.value - teacher:+.1f} points with {work:.0%} of the mult-adds")

# %% [markdown]
# **Boxes** (Table 13). COCO, Common Objects in Context, asks not only what things are, but also where. SSD looks once at several maps; Faster R-CNN first proposes 300 boxes and then looks at each. MobileNet is the body under a head that others have designed, and here it pays for being small: it is behind VGG by 1.8 points with SSD and by about six with Faster R-CNN. But look at Faster R-CNN at 300 pixels: Inception V2 does nearly five times the work and is behind MobileNet.
#
# **Face vectors** (Table 14). FaceNet turns a face into a vector, such that two photos of the same person lie close together. The small network learned to give the same vectors as the large one, with their squared difference as the loss: distillation again, of vectors instead of probabilities.
#
# ## Compress a large network, or train a small one?
#
# The paper sorts earlier work into two kinds: *compressing* a trained network, and *training* a small one. To compress is to take weights away (pruning), to store them coarsely (quantization, with shared values or few bits), or to store frequent values in shorter codes (Huffman coding). To train a small network is to choose a cheaper form from the start: flattened and factorized networks, SqueezeNet, Xception, and MobileNet itself. Distillation stands between the two: a small network is trained with a large one's help, as with the faces above.

# %% [markdown]
# Here they are on equal terms, with [letters in the wild](05_training.ipynb#What-there-is-to-learn) at 56 pixels. One network with $\alpha = 0.5$ was trained and then brought down to the size in bytes of $\alpha = 0.25$, in two ways. One stores its weights in eight bits. The other takes away the smallest four fifths of the weights in its 1 by 1 layers, and trains the rest further. Beside them is $\alpha = 0.25$ itself, trained from the start: once from the labels alone, and once distilled, with half of its loss from the answers of the wide one.
#
# **Predict:** all of them take about the same number of bytes. Which reads most letters? And which of them saves *time* on any machine, without a special kernel?

# %%
expect("09-bytes")

# %% [markdown] slide=2
# ## The same bytes, several ways: which reads most letters?
#
# Eight bits; four fifths of the weights taken away; or a narrow network from the start, with a teacher or without.
#
# Notes: The paper's section 2 sorts prior work into compressing a trained network and training a small one. What does each save: memory, download, time? Have them vote twice, for letters and for time.

# %% [markdown] slide=2
# ## Compress, or train a small one?
#
# [[output]]
#
# Notes: One seed each; chapter 06 says how much may be luck. For the same bytes, compressing keeps more of the accuracy. But skipping scattered zeros pays only if there are very many of them, and eight bits need kernels for eight bits. The narrow network takes less of everything, on any machine.

# %%
from mobilenet_lib.results import recorded

columns = "{:12}{:>10}{:>7}{:>20}{:>9}".format
print(columns("", "letters, %", "MB", "million mult-adds", "epochs"))
for one in recorded("prior_work")["results"]["rows"]:
    read, size, work = one["accuracy"], one["bytes"] / 1e6, one["mult_adds"] / 1e6
    print(columns(one["name"], f"{read:.1f}", f"{size:.2f}", f"{work:.1f}", one["epochs"]))

# %% [markdown]
# For the same bytes, the compressed networks read more: in eight bits 90.8<!-- one(prior_work.rows, "accuracy", name="quantized") --> %, pruned 90.5<!-- one(prior_work.rows, "accuracy", name="pruned") --> %, narrow 87.6<!-- one(prior_work.rows, "accuracy", name="narrow") --> %. Distillation did not help here<!-- one(prior_work.rows, "accuracy", name="distilled") < one(prior_work.rows, "accuracy", name="narrow") -->: with the wide network as its teacher, the narrow one reads 87.4<!-- one(prior_work.rows, "accuracy", name="distilled") --> %. (One seed each; [chapter 06](06_width_and_resolution.ipynb#Better,-or-lucky?) says how much of that may be luck.) If the download is the problem, compress.
#
# Now look at the mult-adds. In eight bits there are as many as before, and they are faster only on an engine that [has kernels for eight bits](08_to_the_device.ipynb#Smaller,-and-faster). Pruning leaves as few as the narrow network has, but scattered ones: [chapter 04](04_what_a_mult_add_costs.ipynb#Dense-against-sparse) found that a sparse product overtakes the dense one from 79 %<!-- 100 * min(bench_sparse.crossings["torch CSR"], bench_sparse.crossings["SciPy CSR"]) --> of zeros on, and here there are hardly more. Only the narrow network needs no new kernel, no new format and no new hardware. It takes less of everything, on any machine, and pays for that in accuracy. So the answer depends on what you have to save, and the paper says what it chose: latency first, and small size as well. The two ways can also be combined: the [phones of chapter 08](08_to_the_device.ipynb#On-phones) run narrow networks *in* eight bits.
#
# ## What came after
#
# Here are the sixteen networks once more, together with 1.0 MobileNet-224 as others have trained it since, and with the networks that followed.
#
# **Predict:** the paper's network reaches 70.6 %. How much of that is due to the network, and how much to the recipe of 2017? What can the very same layers, with 4.2 million weights, reach today?

# %%
expect("09-since")

# %% [markdown] slide=2
# ## 70.6 % in 2017. What can the same network reach today?
#
# The same layers and the same 569 million mult-adds, but another recipe.
#
# Notes: Collect numbers. Then show the next figure: timm reached 75.4 with a long modern recipe, and PaddleClas 77.9 with a teacher and unlabelled pictures.

# %% [markdown] slide=3
# ## What came after
#
# [[output]]
#
# Notes: The column of diamonds is a single network. V2 turns the block around, V3 was found by an automatic search, EfficientNet-Lite scales width, depth and resolution together. Trained well, the network of 2017 keeps up with them.

# %%
plots.descendants(paper.models(), paper.since())

# %% [markdown]
# The diamonds above each other are *one* network, trained by different people. Here they are by name:

# %%
for one in paper.since():
    if one.kind == "trained again":
        print(f"{one.top1:5.1f} %  {one.name}")

# %% [markdown]
# timm trained it for 3600 epochs with a modern recipe and reached 75.4 %. PaddleClas' `MobileNetV1_ssld` learned from a much larger teacher, with four million unlabelled pictures besides, and reached 77.9 %. Seven points lay in the training. If you compare a new network with the 70.6 % of 2017, you compare two recipes as well.
#
# The networks that came after kept the depthwise convolution and changed what surrounds it:
#
# - **MobileNetV2** (2018) turns the block around: narrow maps between blocks, wide ones inside, a shortcut past each block, and no non-linearity on the narrow maps. It takes about half of the mult-adds and is a point better.
# - **MobileNetV3** (2019) was found by a search on phones, with layers that weigh channels against each other (squeeze-and-excite) and an activation that is cheap to compute.
# - **EfficientNet-Lite** (2020) scales width, depth and resolution together. It leaves out squeeze-and-excite, since many accelerators do not support it, and uses ReLU6 (a ReLU that stops at 6), since that works well in eight bits.
# - **MobileNetV4** (2024) came from another search, for one network that is good on processors, graphics processors and accelerators alike, and adds attention. The largest version, distilled, reaches 87 % in 3.8 ms on a phone's accelerator.
#
# The lesson of Table 2 runs through all of this: more work of a kind that machines do well can take less time than less work of another kind.
#
# ## Exercises
#
# When you are done, or stuck, look at the [solutions](solutions/09_solutions.ipynb).
#
# **9.1** Write `verdict_of(printed, counted)`, which returns "rounds", "truncates" or "differs", as above, but also for round figures: zeros at the end of a whole number are not significant, as long as two digits remain. So "15300" has a step of 100, "720" one of 10, and "60" one of 1. `printed` is a string, `counted` a `Fraction`.

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
# **9.3 Build** a proofreader. Write `suspects(rows)`. Each row is `(alpha, resolution, printed)`, where the last is a string with the million mult-adds of a network with 1000 classes. Return the indices, from 0, of the rows whose printed number is neither the rounded count nor the truncated one.

# %%
from mobilenet_lib.checks import check

suspects = ...  # def suspects(rows): ...
check("9.3", suspects)

# %% [markdown]
# **9.4 Investigate** a number that nobody had explained. pytorchcv prints 579.80 million under the heading *FLOPs/2* for 1.0 MobileNet-224, and 333.99 for 0.75. Its counter is public. A convolution without bias counts twice its mult-adds, less one for each pair of an input and an output channel that are connected (in a depthwise layer each input channel has one such pair). The fully connected layer counts twice its mult-adds. Batch normalization counts four for each number, a ReLU one for each number, and the average pool one for each number that it reads. Write `half_of_flops(arch)`, which returns half of the total.

# %%
from mobilenet_lib.checks import check

half_of_flops = ...  # def half_of_flops(arch): ...
check("9.4", half_of_flops)

# %% [markdown]
# **9.5 Investigate** a misprint that is not one. GoogLeNet's table gives its first layer 2.7 thousand parameters and 34 million operations: kernels of 7 by 7, stride 2, from 3 to 64 channels, a map of 112 by 112. As a standard convolution it would have 9.4 thousand and 118 million. It is a *depthwise separable* convolution, whose depthwise part makes several maps from each colour. How many?

# %%
from mobilenet_lib.checks import check

answer = ...
check("9.5", answer)

# %% [markdown]
# **9.6 Build** Figure 4 as numbers. Write `marks(models)` for a list such as `paper.models()`. It returns the marks whose accuracy the paper prints, as pairs of million mult-adds and accuracy in per cent, from the cheapest to the most expensive. The others are left out.

# %%
from mobilenet_lib.checks import check

marks = ...  # def marks(models): ...
check("9.6", marks)

# %% [markdown]
# **9.7** The text says that 0.50 MobileNet-160 takes 9.4 times less computation than AlexNet. By what factor is it less, counted like for like and rounded to one decimal?

# %% [markdown] slide=1
# ## In two lines
#
# - Of the numbers that can be counted, four in five are as printed, and for nearly all the others you can find the reason.
# - Compare like with like: the same count, the same recipe, the same unit.
#
# Notes: Exercises 9.1 to 9.7 are in the chapter; 9.4 and 9.5 are investigations, and we have found no published answer to either.

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
# - A printed number is right if the counted one rounds to it. Of those that are not, many were cut off, leave out a layer, or use another unit.
# - Check sums, labels and units first; then what was copied, and from where.
# - A claim can rest on one slip: SqueezeNet's mult-adds were counted twice, so "22 times" is really 11.
# - Small is not fast: SqueezeNet has few parameters and much work.
# - Each application uses the same body with another head; where the head is not described, its numbers cannot be counted.
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
