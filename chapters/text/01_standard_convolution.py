# %% [markdown]
# # Standard convolution
#
# A convolution is a small table of weights that slides over an image. At each place it multiplies, adds up, and writes one number. That is all it does, and MobileNet does little else: half a billion multiplications for one photo, nearly all of them in convolutions. So it pays to know this operation well.
#
# **Contents:** [A photo is a block of numbers](#A-photo-is-a-block-of-numbers) · [One value by hand](#One-value-by-hand) · [Let the kernel slide](#Let-the-kernel-slide) · [Equation 1](#Equation-1) · [Equation 2: counting without running](#Equation-2:-counting-without-running) · [The border: padding](#The-border:-padding) · [Skipping: stride](#Skipping:-stride) · [One matrix product: im2col and GEMM](#One-matrix-product:-im2col-and-GEMM) · [Exercises](#Exercises) · [Summary](#Summary) · [Sources](#Sources)

# %% [markdown]
# **In this chapter you will**
#
# - compute one value of a convolution by hand, and watch a kernel do all the others,
# - read Eq. 1 of the paper and write it as six loops,
# - count the multiplications (Eq. 2) without running anything,
# - decide what happens at the border of an image, and when every second pixel is skipped,
# - turn a convolution into one matrix product, the form in which computers are fastest.
#
# ## A photo is a block of numbers

# %% [markdown] slide=1
# # Standard convolution
#
# A small table of weights slides over an image. At each place it multiplies, adds up, and writes one number.
#
# Notes: That is all it does, and MobileNet does little else: half a billion multiplications for one photo, nearly all of them in convolutions. So it pays to know it well.

# %%
import numpy as np

from mobilenet_lib import cost, plots
from mobilenet_lib.photos import load_photo, to_gray

photo = load_photo("flower", size=224)
print(photo.shape, photo.dtype)

# %% [markdown]
# The shape gives height, width and channels. The paper calls such a block a *feature map* **F**; its side is $D_F = 224$ and its number of channels is $M = 3$.

# %% [markdown]
# **Predict:** the photo shows an orange dahlia. Each channel on its own is a grey picture. In which one are the petals darkest: red, green or blue?

# %%
from mobilenet_lib.checks import expect

expect("01-petals")

# %% [markdown] slide=2
# ## In which channel are the petals darkest?
#
# The photo shows an orange dahlia. Red, green or blue?
#
# Notes: Take a vote. Orange is a lot of red, some green and little blue.

# %% [markdown] slide=2
# ## In the blue one
#
# [[output]]
#
# Notes: A photo is a block of numbers: height, width, channels. The paper calls such a block a feature map F, with side D F and M channels. Here D F is 224 and M is 3.

# %%
plots.channels(photo)

# %% [markdown]
# In the blue one. Orange is a lot of red, some green and little blue, so the petals nearly disappear in the last picture.
#
# Three channels at once are hard to follow by eye, so we begin with a single one, the brightness, in a photo of a cat.

# %% [markdown] slide=1
# ## Nine pixels, nine numbers
#
# From the rim of a cat's eye, 0 is black and 255 is white:
#
# [[output]]
#
# To a network, the cat consists of such numbers and nothing else.
#
# Notes: We take one channel first, the brightness, since three at once are hard to follow by eye.

# %%
cat = to_gray(load_photo("cat", size=128))
corner = cat[48:51, 56:59]
corner

# %% [markdown]
# These are nine pixels from the rim of an eye: nine numbers between 0 (black) and 255 (white). To a network, the cat consists of such numbers and nothing else.
#
# ## One value by hand
#
# A **kernel** is a small table of weights, here 3 by 3. This one has negative weights on the left and positive ones on the right.

# %% [markdown] slide=2
# ## A kernel
#
# [[output]]
#
# If all nine pixels under it were 100, what would the sum of products be?
#
# Notes: Zero: the weights on the left and on the right cancel. Where all pixels are equal, this kernel gives zero. It responds to vertical edges.

# %%
kernel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
kernel

# %% [markdown]
# Lay it over the nine pixels, multiply each pixel by the weight on top of it, and add up the nine products.
#
# **Predict:** if all nine pixels were equal, say 100, what would the sum be?
#
# <details><summary>Answer</summary>
#
# Zero. The weights on the left and on the right cancel: $-1-2-1+1+2+1 = 0$. Where all pixels are equal, this kernel gives zero. It responds where the right side is brighter or darker than the left: at a vertical edge.
# </details>

# %%
expect("01-even")

# %% [markdown] slide=2
# ## One value by hand
#
# [[code]]
#
# [[output]]
#
# Notes: A large sum: dark on the left, bright on the right. It is one pixel of the output. The other pixels come from the same nine weights, laid over other places.

# %%
products = corner * kernel
print(products)
print("sum:", products.sum())

# %% [markdown]
# The sum is large: here is an edge, dark on the left and bright on the right. This sum is one pixel of the output. The other pixels come from the same nine weights, laid over other places.
#
# ## Let the kernel slide
#
# Below, the kernel is the orange square on the photo. Drag it, or click the photo and use the arrow keys. In the middle you see the pixels under it, the weights, and the products; their sum becomes the outlined pixel of the map on the right. *Step* moves the kernel by one place, *Play* moves it through all of them, *Fill* computes the whole map at once, and *Clear* starts again. Pixels of the map that have not been computed yet are drawn faintly.

# %% [markdown] slide=5
# ## Let the kernel slide
#
# [[explorer v1&hide=channels,dilation,padding,help,foot]]
#
# Notes: Press E to go into the explorer, Escape to come out. Drag the orange square, then Play, then Fill. Ask: where is the sum far below zero? Choose blur and Fill: why is the frame darker? A single 1 in the middle: what will the map be?

# %% [markdown] slide=2
# ## With stride 2, how many of the 9,216 multiplications are left?
#
# The kernel moves two pixels at a time, in both directions.
#
# Notes: A quarter, 2,304. Let them answer, then set the stride in the explorer one slide back and press Fill.

# %%
from mobilenet_lib.explorers import ConvolutionExplorer

explorer = ConvolutionExplorer("cat", size=32)
explorer

# %% [markdown]
# Things to try, each with a guess first:
#
# - Find a place where the sum is far below zero. What does the photo look like there?
# - Choose *blur* and press *Fill*. Why is the frame of the map darker than its middle?
# - Set all nine weights to 0, then the middle one to 1. What will the map be?
# - Set the stride to 2, so that the kernel moves two pixels at a time. How many multiplications are left, out of the 9,216?
# - Choose *filter 3* at the end of the list, which a network has learned. How many products make one pixel of its map, and why?
#
# <details><summary>Answers</summary>
#
# The sum is far below zero where the photo is bright on the left and dark on the right. At the frame the kernel hangs over the edge of the photo; what lies outside counts as zero, so the average is darker. A single 1 in the middle copies the photo: this kernel is the *identity*. With stride 2 the kernel visits a quarter of the places, so a quarter of the multiplications are left, 2,304. The learned filter looks at red, green and blue at once, with nine weights for each: 27 products.
# </details>

# %% [markdown]
# What the explorer draws is what the library computes. `explorer.output` holds the same map as an array.

# %%
explorer.output.shape, explorer.multiplications

# %% [markdown]
# The first pair is the size of the map. The number after it counts the multiplications you have made so far in the explorer. Run the cell again after you have moved the kernel.
#
# ### What kernels see
#
# Four kernels, one cat. Where the weights of a kernel add up to zero, its map is drawn in colour, as in the explorer: blue below zero, white at zero, orange above.

# %% [markdown] slide=2
# ## What kernels see
#
# [[output]]
#
# Notes: Where the weights add up to zero, the map is drawn in colour: blue below zero, orange above. People designed these four. In a trained network nobody chooses the kernels: training finds them.

# %%
from mobilenet_lib.explorers.convolution import PRESETS

names = ("blur", "sharpen", "vertical edges", "horizontal edges")
plots.filtered(cat, {name: np.array(PRESETS[name]) for name in names})


# %% [markdown]
# People designed these four. In a trained network nobody chooses the kernels: they are parameters, found by training. Yet the first layers of trained networks contain detectors of edges and blobs that look much like these.
#
# ## Equation 1
#
# The paper writes a standard convolution like this:
#
# $$\mathbf{G}_{k,l,n} = \sum_{i,j,m} \mathbf{K}_{i,j,m,n} \cdot \mathbf{F}_{k+i-1,\;l+j-1,\;m} \qquad (1)$$
#
# Read it from the right. **F** is the input map, and $m$ numbers its $M$ channels. **K** holds the weights: $i$ and $j$ give the place in the kernel, $m$ the input channel and $n$ the output channel. **G** is the output map, here its value in row $k$ and column $l$ of channel $n$.
#
# Two things are new, compared with one kernel on a grey photo. The sum also runs over $m$: *every* input channel contributes to every output channel. And there are $N$ kernels, one for each output channel.
#
# In code, each letter under the sum is a loop, and so is each index of **G**, which makes six. Python counts from 0 where the paper counts from 1, so the $-1$ disappears.


# %% [markdown] slide=3
# ## Equation 1
#
# $$\mathbf{G}_{k,l,n} = \sum_{i,j,m} \mathbf{K}_{i,j,m,n} \cdot \mathbf{F}_{k+i-1,\;l+j-1,\;m}$$
#
# - **F** is the input, $m$ its channel.
# - **K** holds the weights, $i$ and $j$ the place in the kernel.
# - **G** is the output in row $k$, column $l$, channel $n$.
#
# Notes: Read it from the right. Two things are new, compared with one kernel on a grey photo: the sum runs over m too, so every input channel contributes to every output channel; and there are N kernels, one for each output channel.

# %% [markdown] slide=2
# ## Six loops
#
# [[code]]
#
# Notes: Each letter under the sum is a loop, and so is each index of G; each ndindex here stands for three loops. Python counts from 0 where the paper counts from 1, so the minus 1 disappears.


# %%
def convolve(F, K):
    rows, columns, M, N = K.shape
    G = np.zeros((F.shape[0] - rows + 1, F.shape[1] - columns + 1, N))
    for k, l, n in np.ndindex(G.shape):
        for i, j, m in np.ndindex(rows, columns, M):
            G[k, l, n] += K[i, j, m, n] * F[k + i, l + j, m]
    return G


# %% [markdown]
# Six loops (each `np.ndindex` stands for three), one multiplication, one addition. Let us try the function on a small piece of the flower, with four random kernels.
#
# **Predict:** the piece has 12 by 12 pixels and 3 channels; the kernels are 3 by 3, and there are 4. What shape will **G** have?
#
# <details><summary>Answer</summary>
#
# 10 by 10 by 4. The kernel fits at ten places in a row of twelve, and there is one output channel for each kernel. The three input channels are gone: they were summed over.
# </details>

# %%
expect("01-shape")

# %% [markdown] slide=2
# ## What shape will the output have?
#
# 12 by 12 pixels with 3 channels go in.
# Four kernels, 3 by 3, no padding.
#
# Notes: 10 by 10 by 4. The kernel fits at ten places in a row of twelve. The three input channels are gone: they were summed over.

# %%
rng = np.random.default_rng(0)
F = photo[100:112, 100:112] / 255
K = rng.standard_normal((3, 3, 3, 4))
G = convolve(F, K)
G.shape

# %% [markdown]
# The library has the same loops, with three settings that the next sections explain ([padding](#The-border:-padding), [stride and dilation](#Skipping:-stride)), and a fast version that works on whole arrays. Our function and both of the library's must agree.

# %%
from mobilenet_lib.convolution import MultiplyCounter, standard, standard_loops

counter = MultiplyCounter()
assert np.allclose(G, standard_loops(F, K, padding="valid", counter=counter))
assert np.allclose(G, standard(F, K, padding="valid"))
counter

# %% [markdown]
# Both assertions passed, so our loops and the library agree. From here on we use the library's version, which is tested against PyTorch on random shapes. The counter has counted every multiplication that the loops carried out.
#
# ## Equation 2: counting without running
#
# Where does that count come from? Every output value takes one multiplication for each weight of its kernel, and a kernel of side $D_K$ has $D_K \cdot D_K \cdot M$ of those. There are $N$ output channels with $D_F \cdot D_F$ values each. So the number of multiplications, each with an addition to a running sum (together a *mult-add*), is
#
# $$D_K \cdot D_K \cdot M \cdot N \cdot D_F \cdot D_F \qquad (2)$$
#
# The paper assumes that the output is as large as the input; where it is not, the side of the *output* counts, because the work is done once for each output pixel.

# %% [markdown] slide=3
# ## Equation 2: counting without running
#
# $$D_K \cdot D_K \cdot M \cdot N \cdot D_F \cdot D_F$$
#
# For the piece of the flower, $3 \cdot 3 \cdot 3 \cdot 4 \cdot 10 \cdot 10$ make
#
# [[output]]
#
# Notes: The loops counted the same number when they ran. The cost of a network is known before it runs: the most useful fact in this course. Where output and input differ in size, the side of the output counts.

# %%
cost.standard_mult_adds(kernel_size=3, in_channels=3, out_channels=4, out_size=10)

# %% [markdown]
# The same number, and no convolution was computed. This is the most useful fact in the book: **the cost of a network is known before it runs.**
#
# The formula has four letters, two of them squared. Take a layer from the middle of a network and double one letter at a time.
#
# **Predict:** which doublings make the layer twice, and which four times, as expensive?
#
# <details><summary>Answer</summary>
#
# $M$ or $N$: twice. $D_K$ or $D_F$: four times, since both are squared. Doubling $M$ and $N$ together also costs four times as much, which is what widening a whole network does.
# </details>

# %%
expect("01-doubling")

# %% [markdown] slide=2
# ## Double one of the four letters: twice or four times the cost?
#
# $D_K$, $M$, $N$, $D_F$
#
# Notes: M or N: twice. The kernel's side or the map's side: four times, since both are squared. The factors are multiplied; chapter 02 takes this product apart.

# %% [markdown] slide=1
# ## M and N: twice. The two sides: four times
#
# [[output]]
#
# Notes: Every pair of channels pays for a larger kernel.

# %%
layer = {"kernel_size": 3, "in_channels": 128, "out_channels": 128, "out_size": 28}
base = cost.standard_mult_adds(**layer)
for name in layer:
    doubled = cost.standard_mult_adds(**layer | {name: 2 * layer[name]})
    print(f"{name:12s} x{doubled / base:.0f}")

# %% [markdown]
# Notice that the factors are *multiplied*: each of the $M \cdot N$ pairs of channels pays for a larger kernel. [Chapter 02](02_depthwise_separable_convolution.ipynb) takes this product apart.
#
# ## The border: padding
#
# A 3 by 3 kernel that is centred on one of the outermost pixels hangs over the edge. Either we skip those places, and the map shrinks a little with each layer (*valid* padding), or we put zeros around it (*same* padding). MobileNet pads with zeros, so that only the *stride*, the step by which the kernel moves, changes the size of a map.

# %% [markdown] slide=3
# ## The border
#
# [[output]]
#
# Notes: Grey squares are pixels, hatched ones zeros, and each dot is the centre of a window. Look at the two on the right: both have stride 2, and their dots sit on different pixels. TensorFlow's SAME puts the odd zero after the last pixel; most PyTorch code pads every side. Weights trained under one rule are wrong under the other, and nothing warns you.

# %%
plots.padding_and_stride(in_size=6, kernel_size=3)

# %% [markdown]
# Grey squares are pixels, hatched ones are zeros, and each dot is the centre of a *window*, one place of the kernel. The orange frame is the first window.
#
# Look at the two on the right. Both have stride 2 and both give 3 by 3 values, but their dots sit on *different pixels*. Where the number of zeros is odd, TensorFlow's SAME puts the extra one after the last pixel; most PyTorch code puts one zero on every side.
#
# **Predict:** for which input sizes do the two agree at stride 2: even or odd?
#
# <details><summary>Answer</summary>
#
# Odd. With an odd size SAME needs two zeros, one for each side, and both rules do the same. With an even size it needs only one, and puts it at the end.
# </details>

# %%
expect("01-agree")

# %%
for size in (6, 7, 224, 225):
    print(size, cost.same_padding(size, kernel_size=3, stride=2))

# %% [markdown]
# Each pair gives the zeros before and after. It looks like a detail. But 224 is even, and weights trained under one rule see every pixel shifted by one under the other, in all five layers with stride 2. A network that runs with the wrong rule reports no error; it is only wrong more often. [Chapter 07](07_a_published_mobilenet.ipynb) measures how much.
#
# ## Skipping: stride
#
# With stride 2 the kernel moves two pixels at a time. The output has half the side and a quarter of the pixels, so it costs a quarter of the work.

# %% [markdown] slide=2
# ## Skipping: stride
#
# [[output]]
#
# MobileNet halves its maps five times like this: $224 / 2^5 = 7$.
#
# Notes: Half the side, a quarter of the pixels, a quarter of the cost. No separate pooling layers are needed in between.

# %%
for stride in (1, 2, 4):
    out = standard(F, K, stride=stride)
    print(f"stride {stride}: {out.shape[0]}x{out.shape[1]} map")

# %% [markdown]
# In formulas: at stride $s$, a row of $n$ pixels gives $\lceil n / s \rceil$ values with SAME padding, whatever the kernel. With VALID it gives $\lfloor (n - k) / s \rfloor + 1$, one for each place where a kernel of size $k$ fits. ($\lceil\;\rceil$ rounds up, $\lfloor\;\rfloor$ down.)
#
# MobileNet halves its maps five times like this, in the convolution itself. So it needs no separate *pooling* layers in between, which shrink a map by taking the mean or the largest of neighbouring pixels. An image of 224 pixels on a side ends as a map of $224 / 2^5 = 7$.
#
# ### Dilation
#
# A third setting, *dilation*, spreads the kernel out, with gaps between its weights. The kernel covers a larger window for the same price. MobileNet itself does not use it, but networks built on MobileNet do, when they have to give a class to every single pixel.

# %%
for dilation in (1, 2, 3):
    out = standard(F, K, padding="valid", dilation=dilation)
    print(f"dilation {dilation}: window of {2 * dilation + 1}, {out.shape[0]}x{out.shape[1]} map")


# %% [markdown]
# ## One matrix product: im2col and GEMM
#
# Six nested loops follow the equation to the letter, but they are slow. Processors are at their best at one operation, the product of two large matrices, called **GEMM** (general matrix multiply). **im2col** (image to columns) turns a convolution into such a product: copy each window into one row of a matrix, the *patch matrix*.


# %%
def to_rows(F, size):
    height, width = F.shape[0] - size + 1, F.shape[1] - size + 1
    windows = [F[k : k + size, l : l + size].ravel() for k in range(height) for l in range(width)]
    return np.stack(windows)


# %% [markdown]
# Each row holds everything that one output pixel needs. Multiplied by the kernels, written as columns, it gives that pixel in all $N$ channels at once.

# %%
from mobilenet_lib.convolution import im2col

rows = to_rows(F, 3)
assert np.array_equal(rows, im2col(F, 3, padding="valid"))
assert np.allclose((rows @ K.reshape(-1, 4)).reshape(G.shape), G)
rows.shape

# %% [markdown]
# The patch matrix has one hundred rows, one for each output pixel, and 27 columns, for 3 · 3 · 3 weights. The name `im2col` comes from MATLAB; early papers speak of *unrolling*.

# %% [markdown] slide=3
# ## One matrix product: im2col
#
# [[output]]
#
# Notes: Processors are at their best at the product of two large matrices, GEMM. To get there, copy each window into one row of the patch matrix. Each row holds everything that one output pixel needs; the kernels are columns.

# %%
small = load_photo("china", size=8)
kernels = np.random.default_rng(1).standard_normal((3, 3, 3, 5))
plots.im2col_matrices(small, kernels)


# %% [markdown]
# **Predict:** how many times larger than the photo is the patch matrix, for a 3 by 3 kernel with stride 1?
#
# <details><summary>Answer</summary>
#
# Nine times. With SAME padding there is a row for every pixel, and each row holds nine pixels. Every pixel is copied into all the windows it belongs to.
# </details>

# %%
expect("01-patches")

# %% [markdown] slide=2
# ## How many times larger than the photo is the patch matrix?
#
# A 3 by 3 kernel, stride 1, SAME padding.
#
# Notes: Nine times. Every pixel is copied into all the windows that it belongs to.

# %% [markdown] slide=2
# ## And for a 1 by 1 kernel, nothing is copied
#
# [[output]]
#
# Remember the first line. MobileNet is built around it.
#
# Notes: For a 1 by 1 kernel the patch matrix is the map as it lies in memory. Rearranging does not change the number of multiplications, by the way.


# %%
def copies(kernel_size):
    return im2col(small, kernel_size).size / small.size


for kernel_size in (1, 3, 5):
    print(f"{kernel_size}x{kernel_size}: {copies(kernel_size):.0f} times the numbers")

# %% [markdown]
# So we pay for the speed of GEMM with memory and with copying. There is one exception, and it is the first line: for a 1 by 1 kernel the patch matrix *is* the map. Nothing has to be copied. Remember this line. MobileNet is built around it.
#
# And how many multiplications does it take? As many as before: rearranging does not change their number.

# %%
from mobilenet_lib.convolution import standard_gemm

counter = MultiplyCounter()
standard_gemm(F, K, padding="valid", counter=counter)
counter

# %% [markdown]
# ## Exercises
#
# Replace the three dots with your answer and run the cell. A wrong answer gets a hint, and further attempts get better ones. Each of these cells runs by itself, so you can come back another day and begin with any of them. Most take a few minutes. *Build* and *investigate* take longer, and have more than one good answer; yours is tried on cases that you have not seen. When you are done, or stuck, look at the [solutions](solutions/01_solutions.ipynb).
#
# **1.1** A kernel of size 5 slides with stride 2 over a row of 75 pixels. How many values come out with SAME padding, and how many with VALID?

# %% [markdown] slide=4
# ## Your turn
#
# 1. A row of 75 pixels, kernel 5, stride 2: how many values with SAME, how many with VALID?
# 2. How many mult-adds: 3 by 3, 64 channels in, 128 out, 56 by 56 pixels?
# 3. Which 3 by 3 kernel moves a photo one pixel to the right?
#
# Notes: Exercises 1.1 to 1.3 of the chapter, with hints there. Alone first, then in pairs, then together. The third can be found in the explorer.

# %%
from mobilenet_lib.checks import check

answer = ...  # (same, valid)
check("1.1", answer)

# %% [markdown]
# **1.2** How many mult-adds does a standard convolution take with a 3 by 3 kernel, 64 channels in, 128 out, and a map of 56 by 56 pixels? Write the product; Python will multiply.

# %%
from mobilenet_lib.checks import check

answer = ...
check("1.2", answer)

# %% [markdown]
# **1.3** Find the 3 by 3 kernel that moves a photo one pixel to the right. The chapter's explorer is a good place to try.

# %%
from mobilenet_lib.checks import check

answer = ...  # [[., ., .], [., ., .], [., ., .]]
check("1.3", answer)

# %% [markdown]
# **1.4** MobileNet's first layer has a 3 by 3 kernel and stride 2, and reads 224 by 224 pixels with 3 channels. How many rows and columns would its im2col matrix have?

# %% [markdown] slide=1
# ## In two lines
#
# - A convolution multiplies and adds over every place and every input channel; its cost is known before it runs.
# - As one matrix product it is fast, at the price of copying, and 1 by 1 kernels need no copy.
#
# Notes: Next, chapter 02: we take the four factors apart.

# %%
from mobilenet_lib.checks import check

answer = ...  # (rows, columns)
check("1.4", answer)

# %% [markdown]
# **1.5 · Build.** This convolution was written for stride 1 and square maps; then somebody added a stride. It should follow SAME padding for maps of any height and width. Find what is wrong, and repair it.
#
# ```python
# def repaired(F, K, stride):
#     size, N = K.shape[0], K.shape[3]
#     F = np.pad(F, [(size // 2, size // 2), (size // 2, size // 2), (0, 0)])
#     side = (F.shape[0] - size + 1) // stride
#     G = np.zeros((side, side, N))
#     for k, l, n in np.ndindex(G.shape):
#         window = F[k * stride : k * stride + size, l * stride : l * stride + size]
#         G[k, l, n] = (window * K[..., n]).sum()
#     return G
# ```

# %%
from mobilenet_lib.checks import check

repaired = ...  # def repaired(F, K, stride): ...
check("1.5", repaired)

# %% [markdown]
# **1.6 · Investigate.** Somebody hands you `layer`, a standard convolution with 3 by 3 kernels, stride 1 and SAME padding, that also adds a *bias*, a constant, to each output channel. You may call it with any map of `M` channels, of any size, as often as you like, and look at what comes out. Write `recover(layer, M)`, which returns the kernel, of shape (3, 3, M, N), and the bias, of shape (N,).

# %%
from mobilenet_lib.checks import check

recover = ...  # def recover(layer, M): ...
check("1.6", recover)

# %% [markdown]
# ### Closing questions
#
# Answer without scrolling back. Each answer says why it is right or wrong.

# %%
from mobilenet_lib.checks import quiz

quiz("01")

# %% [markdown]
# ### What you expected
#
# What you predicted in this chapter, beside what came out:

# %%
from mobilenet_lib.checks import outcomes

outcomes("01")

# %% [markdown]
# ## Summary
#
# - A convolution lays a kernel over every place of a map, multiplies and adds up. Every input channel adds to every output channel.
# - It costs $D_K^2 \cdot M \cdot N \cdot D_F^2$ mult-adds, known before anything runs.
# - Padding decides what happens at the border, stride how large the output is. Two padding rules differ at stride 2, though their outputs have the same shape.
# - im2col turns it into one matrix product, at the price of copying each pixel $D_K^2$ times. For 1 by 1 kernels nothing has to be copied.
#
# Next, in [chapter 02](02_depthwise_separable_convolution.ipynb), we take the four factors apart.
#
# ## Sources
#
# - Eq. 1 and 2: Howard et al., arXiv 1704.04861, section 3.1.
# - im2col and GEMM: K. Chellapilla, S. Puri, P. Simard: *High Performance Convolutional Neural Networks for Document Processing*, 2006.
# - Photographs: dahlia by vultilion and Summer Palace by danielbuechele, both CC BY 2.0, resized; cat by Stefan van der Walt, CC0.
