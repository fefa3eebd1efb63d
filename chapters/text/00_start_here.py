# %% [markdown]
# # Start here
#
# In 2012 a network called AlexNet won the ImageNet contest, in which programs say what a photo shows. For years afterwards the winners grew deeper and heavier. Some researchers asked the opposite question: how small can such a network be? In 2017 a team at Google published one answer, **MobileNet**. It looks at a photo and names what is in it, with so few multiplications that a phone, a robot or a pair of glasses can do them without asking a data centre.
#
# This book takes that one network apart until nothing about it is a mystery: how it computes, what it costs, how it is built, and how you can make it smaller still. You need Python, a little NumPy and school mathematics. If you already know neural networks, you will move faster; if not, each term is explained where it first appears.
#
# **Contents:** [How to use the book](#How-to-use-the-book) · [The whole network, once](#The-whole-network,-once) · [What this machine can do](#What-this-machine-can-do) · [Map of the book](#Map-of-the-book) · [Your progress](#Your-progress) · [Summary](#Summary) · [Sources](#Sources)

# %% [markdown]
# **In this chapter you will**
#
# - see what this machine can do,
# - learn how to use the book, in a few minutes,
# - run the complete network once.
#
# ## How to use the book
#
# Each chapter is a notebook. Click into a cell with code and press **Shift + Enter** to run it; the result appears below. *Run → Run All Cells* runs a whole chapter, and the square button in the toolbar stops a cell that takes too long. You can run any cell again whenever you like; the second run does the same as the first. If Python reports that a name *is not defined*, a cell further up has not run, or has not finished, since you opened the chapter: *Run → Run All Above Selected Cell* puts that right. On a phone, first close the list of files with the folder icon at the left edge.
#
# JupyterLab saves your changes as you work, but you cannot break the book. To restore a chapter:
#
# - With git, open a terminal (*File → New → Terminal*) and run `git checkout chapters/01_standard_convolution.ipynb`, with your chapter's name in place of this one.
# - Without git, unpack the book's ZIP again, into another folder, and copy that one file from its `chapters` folder over yours.
#
# Either way you lose your answers in that chapter, unless you first saved a copy under another name (*File → Save Notebook As…*). *File → Reload Notebook from Disk* then shows the restored chapter.
#
# Every chapter has four ingredients.
#
# 1. **Predict.** Before a result appears, the text asks what you expect. Type a number, or choose an answer, in the cell below the question, even if you are unsure: a guess that turns out wrong is remembered better than a fact that was only read. The result is folded away until you run its cell, and at the end of the chapter your predictions stand beside the results.
# 2. **Run.** The code is short, and it is the same code that the tests of the book execute.
# 3. **Move.** Explorers answer to the mouse, to touch and to the keyboard. Red icons of a broken link beside one mean that it was saved in an earlier session: run its cell to connect it.
# 4. **Check.** Exercises at the end of a chapter tell you at once whether your answer is right, and give a hint if it is not. Each chapter links to its worked solutions.
#
# Try it. The next cell imports the library behind the book.

# %% [markdown] slide=2
# # Start here
#
# One network that sees, taken apart until nothing about it is a mystery.
#
# Notes: Say who you are and what the room will be able to do at the end: count, build, train, shrink and ship one network. No prior course on neural networks is needed.

# %% [markdown] slide=3
# ## How small can a network be that still sees?
#
# In 2012 AlexNet won the ImageNet contest, and networks grew deeper and heavier.
#
# Which devices does that leave out?
#
# Notes: Let the room name some: phones, glasses, doorbells, robots. Each has a battery, and somebody waiting for its answer. Collect two or three answers before you go on.

# %% [markdown] slide=2
# ## MobileNet, 2017
#
# - Looks at a photo and names what is in it.
# - Few enough multiplications for a phone.
# - One idea, used thirteen times. You will know it after chapter 02.
#
# Notes: The paper is Howard and others, arXiv 1704.04861. We call it “the paper” from here on. The idea is depthwise separable convolution; do not explain it yet.

# %%
import mobilenet_lib as mn

# %% [markdown]
# Here is the network itself, as data: 28 *layers*, the steps of its computation, each described by a few numbers. It has seen no picture and learned nothing yet. A layer multiplies its input by *weights*, and so far the weights have no values.

# %% [markdown] slide=1
# ## What is a network before it has learned anything?
#
# Is there something to look at?
#
# Notes: A warm-up question. People often say: nothing, or random numbers. Both are partly right: the form is there, the weights are random.

# %% [markdown] slide=2
# ## A list of layers
#
# [[code]]
#
# [[output]]
#
# Its form is data: 28 rows, each with a kind, a size and two channel counts.
#
# Notes: The library holds the network as data. Nothing has been trained and no picture was loaded. Chapter 03 reads these rows one by one.

# %%
arch = mn.mobilenet_v1()
print(f"{len(arch.layers)} layers with weights")

# %% [markdown]
# **Predict:** to look at one photo of 224 by 224 pixels, how many multiplications does this network need? A million? A billion? More?
#
# <details><summary>How to think about it</summary>
#
# The photo consists of 224 · 224 · 3 numbers, about 150,000. The first layer multiplies each of them by many weights, and every later layer does the same with what it is given. Decide on a power of ten, then run the cell.
# </details>

# %%
from mobilenet_lib.checks import expect

expect("00-multiplications")

# %% [markdown] slide=2
# ## How many multiplications for one photo?
#
# 224 by 224 pixels, three colours. A million? A billion? More?
# Name a power of ten before you see the answer.
#
# Notes: Have everyone commit, by a show of hands for each power of ten. The photo alone has about 150,000 numbers, and each is multiplied by many weights, in layer after layer.

# %% [markdown] slide=2
# ## More than half a billion
#
# [[code]]
#
# [[output]]
#
# Notes: Compare with the show of hands. A guess that turns out wrong is remembered better than a fact that was only read; say so now, since every chapter works like this.

# %%
print(f"{arch.mult_adds:,} mult-adds")
print(f"{arch.parameters:,} parameters to learn")

# %% [markdown]
# A *mult-add* is one multiplication and one addition to a running sum. The paper that introduced MobileNet counts them, and so do we. (It is the first of the [sources](#Sources) below. From here on we call it "the paper".) *Parameters* are the numbers that training sets, above all the weights. By the end of [chapter 02](02_depthwise_separable_convolution.ipynb) you will be able to count any layer with a pencil; by the end of [chapter 03](03_the_network.ipynb), the whole network, row by row.
#
# ## The whole network, once
#
# Here is a photo. It is one of seven in `data/photos/`, all under free licences; the credits are at the end of this chapter.

# %% [markdown] slide=2
# ## What does a network get to see?
#
# What is a photo, to a machine?
#
# Notes: Wait for “pixels”, then ask what a pixel is. Three numbers, from 0 to 255.

# %% [markdown] slide=2
# ## Three tables of numbers
#
# [[output]]
#
# Notes: The colour picture is for us. The three grey ones, how red, how green and how blue each pixel is, are what the network is given.

# %%
from mobilenet_lib import plots
from mobilenet_lib.photos import load_photo

photo = load_photo("cat", size=224)
plots.channels(photo)

# %% [markdown]
# A network reads numbers, and a photo is three tables of them: how red, how green and how blue each pixel is. The picture on the left is what we see; the three grey ones are what the network is given.
#
# Let us build MobileNet and show it the cat. The line with `permute` moves the three tables, the *channels* of the photo, to the front, where PyTorch expects them, and maps the values 0 to 255 to the range from -1 to 1. The output is one score for each of the 1000 classes of ImageNet, the collection of 1.2 million photos that MobileNet was trained on.

# %% [markdown] slide=3
# ## The whole network, once
#
# [[code 6-8]]
#
# [[output]]
#
# Notes: Walk along the shapes: one image, three channels, 224 by 224 in; 1000 scores out, one for each class of ImageNet. The line with permute moves the channels to the front and maps the pixels to the range from -1 to 1.

# %% [markdown] slide=2
# ## What do the 1000 scores mean?
#
# The weights are random. What does the network say about the cat?
#
# Notes: Nothing. Let the room say it. Then make the point: a network has two halves, its form and its weights.

# %% [markdown] slide=2
# ## Two words to keep
#
# - A **mult-add** is one multiplication and one addition to a running sum. The paper counts them, and so do we.
# - **Parameters** are the numbers that training sets.
#
# Notes: Everything about cost in this course is counted in these two. Later, in chapter 04, we ask what a mult-add costs in milliseconds.

# %%
import torch

torch.manual_seed(0)
net = mn.MobileNet(arch).eval()
x = torch.from_numpy(photo.copy()).permute(2, 0, 1)[None] / 127.5 - 1  # (1, 3, 224, 224)
with torch.inference_mode():
    scores = net(x)
print("from", tuple(x.shape), "to", tuple(scores.shape))

# %% [markdown]
# The shapes show that one image with three channels went in (as a *batch* of one), and that 1000 scores came out. The scores mean nothing yet, since these weights are random. A network has two halves, its form and its weights. The first chapters are about the form; [chapter 05](05_training.ipynb) finds the weights.
#
# ## What this machine can do
#
# The library examines your computer and tells you what will work here, and what to do about anything that will not. Until you run the cell, you see the report for the machine on which the book was made.

# %% [markdown] slide=2
# ## Four ingredients of every chapter
#
# 1. **Predict**: name a number, even if you are unsure.
# 2. **Run**: the code is short.
# 3. **Move**: explorers answer to mouse, touch and keys.
# 4. **Check**: exercises tell you at once, with a hint.
#
# Notes: If you have a laptop here, open chapter 00 now and run the first cell with Shift and Enter.

# %% [markdown] slide=2
# ## Why guess first?
#
# What happens in your head when you are wrong?
#
# Notes: A short pause for discussion. Surprise makes us look for the reason; that is why each chapter asks for predictions.

# %% [markdown] slide=2
# ## What you need
#
# - Python, a little NumPy, school mathematics
# - An ordinary laptop, no graphics card
# - `make lab` opens the book
#
# Notes: If the installation fails on a machine, `mobilenet doctor` reports why. The file TROUBLE.md in the book's folder says what to do.

# %% tags=["nbval-ignore-output"]
from mobilenet_lib.doctor import report

report()

# %% [markdown]
# Everything in the book runs on an ordinary laptop without a graphics card. In a terminal, `mobilenet doctor` prints the same report.
#
# ## Map of the book
#
# | chapter | you will be able to |
# |---|---|
# | [01 Standard convolution](01_standard_convolution.ipynb) | compute a convolution by hand, count its multiplications, and turn it into a matrix product |
# | [02 Depthwise separable convolution](02_depthwise_separable_convolution.ipynb) | split a convolution in two, and say exactly what that saves and what it gives up |
# | [03 The network](03_the_network.ipynb) | read the paper's Table 1, rebuild the network, and find the misprint in it |
# | [04 What a mult-add costs](04_what_a_mult_add_costs.ipynb) | say what limits a layer on your machine, and predict the milliseconds of a network before you measure them |
# | [05 Training](05_training.ipynb) | compute a step of training by hand, train a network while you watch, and say which parts of a recipe matter |
# | [06 Width and resolution](06_width_and_resolution.ipynb) | predict what any width and resolution costs, and choose the network for a budget |
# | [07 A published MobileNet](07_a_published_mobilenet.ipynb) | run weights that others trained, recognize a wrong convention, and teach a trained network something new |
# | [08 To the device](08_to_the_device.ipynb) | fold, quantize and export a trained network, and find the fastest way to run it |
# | [09 Every number in the paper](09_every_number_in_the_paper.ipynb) | look up any number that the paper prints, say whether it follows from the others, and find out why if it does not |
# | [Appendix: questions people really ask](10_questions_people_ask.ipynb) | look up some forty questions that people have asked in public, each settled by a few lines of code |
#
# Read the chapters in this order, since each builds on those before it. The questions of the appendix can be read in any order.
#
# ### The symbols
#
# The book uses the paper's symbols throughout, in formulas and in figures; the code spells them out. [Chapter 01](01_standard_convolution.ipynb) introduces the first four, [chapter 06](06_width_and_resolution.ipynb) the two multipliers.
#
# | symbol | in code | meaning |
# |---|---|---|
# | $D_K$ | `kernel_size` | side of the kernel, in pixels |
# | $D_F$ | `in_size` | side of the feature map, in pixels |
# | $M$ | `in_channels` | channels that go in |
# | $N$ | `out_channels` | channels that come out |
# | $\alpha$ | `alpha` | width multiplier: makes every layer narrower |
# | $\rho$ | `rho` | resolution multiplier: makes every map smaller |
#
# [Look it up](look_up.md) lists terms, equations, tables and sources, and where the book explains each. If you teach, [For lecturers](teaching/README.md) has plans, questions and rubrics.
#
# ## Your progress
#
# The exercises that you solve, the predictions that you make and the closing questions that you answer are counted here and saved for your next visit. Where they cannot be saved, as on some shared machines, the table says why and what to set.
#
# To take your progress to another machine, write it to a file with `export_progress("progress.json")`, and read that file there with `import_progress("progress.json")`. Both functions come from `mobilenet_lib.checks`. Importing only adds: an exercise once solved stays solved. The book's web site keeps its own progress in your browser, and writes and reads the same file.

# %% [markdown] slide=2
# ## The course, first half
#
# | chapter | you will be able to |
# |---|---|
# | 01 | compute a convolution by hand and count it |
# | 02 | split it in two and say what that saves |
# | 03 | read Table 1 and rebuild the network |
# | 04 | say what limits a layer on your machine |
#
# Notes: Chapters 01 to 03 need pencil and paper only. Chapter 04 measures the laptop in front of you.

# %% [markdown] slide=2
# ## The course, second half
#
# | chapter | you will be able to |
# |---|---|
# | 05 | train a network while you watch |
# | 06 | choose width and resolution for a budget |
# | 07 | use weights that others trained, and check them |
# | 08 | fold, quantize and export |
# | 09 | check every number that the paper prints |
#
# Notes: Each chapter builds on those before it, so read them in this order.

# %% [markdown] slide=2
# ## The paper's letters
#
# | letter | stands for |
# |---|---|
# | $D_K$ | side of the kernel, in pixels |
# | $D_F$ | side of the feature map, in pixels |
# | $M$, $N$ | channels that go in, that come out |
# | $\alpha$ | width multiplier: every layer narrower |
# | $\rho$ | resolution multiplier: every map smaller |
#
# Notes: Leave this one up for a moment, or hand it out. These letters appear in every formula that follows, and in the figures.

# %%
from mobilenet_lib.checks import progress

progress()

# %% [markdown]
# ### Closing questions
#
# Answer without scrolling back. Each answer says why it is right or wrong.

# %%
from mobilenet_lib.checks import quiz

quiz("00")

# %% [markdown]
# ### What you expected
#
# What you predicted in this chapter, beside what came out:

# %%
from mobilenet_lib.checks import outcomes

outcomes("00")

# %% [markdown]
# ## Summary
#
# - MobileNet takes a photo and gives a score for each class, with about 569 million mult-adds and 4.2 million parameters.
# - The book asks you to predict, run, move and check.
# - The library underneath is called `mobilenet_lib`; you can use all of it without the book.
#
# ## Sources
#
# - A. G. Howard, M. Zhu, B. Chen, D. Kalenichenko, W. Wang, T. Weyand, M. Andreetto, H. Adam: *MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications*, arXiv 1704.04861, 2017. Called "the paper" in this book.
# - A. Krizhevsky, I. Sutskever, G. E. Hinton: *ImageNet Classification with Deep Convolutional Neural Networks*, NeurIPS 2012.
#
# The photographs and who took them:

# %% [markdown] slide=1
# ## In two lines
#
# - One photo costs MobileNet about 569 million mult-adds, with 4.2 million parameters.
# - Predict, run, move, check: this is how the course works.
#
# Notes: Next: chapter 01, the standard convolution, which is nearly all that happens inside.

# %%
from mobilenet_lib.photos import credits

for credit in credits().values():
    print(f"{credit.name}: {credit.subject}. {credit.author}, {credit.licence}")
