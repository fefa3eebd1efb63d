# %% [markdown]
# # Standard convolution
#
# A convolution is a small table of weights that slides over an image. At each place it multiplies, adds up, and writes one number. That is all it does, and it is nearly all that MobileNet does, half a billion times for one photo. So it pays to know it well.
#
# **Contents:** [A photo is a block of numbers](#A-photo-is-a-block-of-numbers) · [One value by hand](#One-value-by-hand) · [Let the kernel slide](#Let-the-kernel-slide) · [Equation 1](#Equation-1) · [Equation 2: counting without running](#Equation-2:-counting-without-running) · [The border: padding](#The-border:-padding) · [Skipping: stride](#Skipping:-stride) · [One matrix product: im2col and GEMM](#One-matrix-product:-im2col-and-GEMM) · [Exercises](#Exercises) · [Summary](#Summary) · [Sources](#Sources)

# %% [markdown]
# **In this chapter you will**
#
# - compute one value of a convolution by hand, and watch a kernel do all the others,
# - read Eq. 1 of the paper and write it as six loops,
# - count the multiplications (Eq. 2) without running anything,
# - decide what happens at the border of an image, and when every second pixel is skipped,
# - turn a convolution into one matrix product, the form that computers are fastest at.
#
# ## A photo is a block of numbers

# %% [markdown] slide=1
# # Standard convolution
#
# A small table of weights slides over an image. At each place it multiplies, adds up, and writes one number.
#
# Notes: That is all it does, and it is nearly all that MobileNet does, half a billion times for one photo. So it pays to know it well.

# %%
import numpy as np

from mobilenet_lib import cost, plots
from mobilenet_lib.photos import load_photo, to_gray

photo = load_photo("flower", size=224)
print(photo.shape, photo.dtype)

# %% [markdown]
# The shape says height, width, channels. The paper calls such a block a *feature map* **F**; its side is $D_F = 224$ and its number of channels is $M = 3$.

# %% [markdown]
# **Predict:** the photo is of an orange dahlia. Each channel on its own is a grey picture. In which one are the petals darkest: red, green or blue?

# %%
from mobilenet_lib.checks import expect

expect("01-petals")

# %% [markdown] slide=2
# ## In which channel are the petals darkest?
#
# The photo shows an orange dahlia. Red, green or blue?
#
# Notes: Take a vote. Orange is much red, some green and little blue.

# %% [markdown] slide=2
# ## In the blue one
#
# [[output]]
#
# Notes: A photo is a block of numbers: height, width, channels. The paper calls such a block a feature map F, with side D F and M channels. Here D F is 224 and M is 3.

# %%
plots.channels(photo)

# %% [markdown]
# In the blue one. Orange is much red, some green and little blue, so the petals nearly disappear in the last picture.
#
# Three channels make pictures hard to follow by eye, so we begin with one: the brightness of a cat.

# %% [markdown] slide=1
# ## Nine pixels, nine numbers
#
# From the rim of a cat's eye, 0 is black and 255 is white:
#
# [[output]]
#
# To the network, the cat is many such numbers and nothing else.
#
# Notes: We take one channel first, the brightness, since three are hard to follow by eye.

# %%
cat = to_gray(load_photo("cat", size=128))
corner = cat[48:51, 56:59]
corner

# %% [markdown]
# Nine pixels from the rim of an eye, nine numbers between 0 (black) and 255 (white). To the network, the cat is many such numbers and nothing else.
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
# Notes: Zero: the weights on the left and on the right cancel. On even ground this kernel is silent. It speaks up at a vertical edge.

# %%
kernel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
kernel

# %% [markdown]
# Lay it over the nine pixels, multiply each pixel with the weight on top of it, and add up the nine products.
#
# **Predict:** if all nine pixels were equal, say 100, what would the sum be?
#
# <details><summary>Answer</summary>
#
# Zero. The weights on the left and on the right cancel: $-1-2-1+1+2+1 = 0$. On even ground this kernel is silent. It speaks up where the right side is brighter or darker than the left: at a vertical edge.
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
# Notes: A large sum: dark on the left, bright on the right. This is one pixel of the output. The others come from the same nine weights, laid over other places.

# %%
products = corner * kernel
print(products)
print("sum:", products.sum())

# %% [markdown]
# A large sum: this is an edge, dark on the left and bright on the right. It is one pixel of the output. The others come from the same nine weights, laid over other places.
#
# ## Let the kernel slide
#
# Below, the kernel is the orange square on the photo. Drag it, or click the photo and use the arrow keys. In the middle you see the pixels under it, the weights, and the products; their sum becomes the outlined pixel of the map on the right. *Step* moves it by one place and *Play* through all of them, *Fill* computes the whole map at once, *Clear* starts afresh. What has not been computed yet is only hinted at.

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
# - Set the stride to 2. How many multiplications are left, out of the 9,216?
# - Choose *filter 3* at the end of the list, which a network has learned. How many products make one pixel of its map, and why?
#
# <details><summary>Answers</summary>
#
# Far below zero: bright on the left, dark on the right. The frame: there the kernel hangs over the edge of the photo, and the pixels it misses count as zero, so less light is averaged. A single 1 in the middle copies the photo: this kernel is the *identity*. With stride 2 a quarter of the places are visited, so a quarter of the multiplications are left, 2,304. The learned filter looks at red, green and blue at once, with nine weights for each: 27 products.
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
# Notes: Where the weights add up to zero, the map is drawn in colour: blue below zero, orange above. These four were chosen by people. In a trained network nobody chooses: they are found by training.

# %%
from mobilenet_lib.explorers.convolution import PRESETS

names = ("blur", "sharpen", "vertical edges", "horizontal edges")
plots.filtered(cat, {name: np.array(PRESETS[name]) for name in names})


# %% [markdown]
# These four were chosen by people. In a trained network nobody chooses the kernels. They are parameters, found by training; but when we look at the first layer of trained networks, we find edges and blobs like these.
#
# ## Equation 1
#
# The paper writes a standard convolution like this:
#
# $$\mathbf{G}_{k,l,n} = \sum_{i,j,m} \mathbf{K}_{i,j,m,n} \cdot \mathbf{F}_{k+i-1,\;l+j-1,\;m} \qquad (1)$$
#
# Read it from the right. **F** is the map that goes in; $m$ says which of its $M$ channels. **K** holds the weights: $i$ and $j$ say where in the kernel, $m$ which input channel it is for, and $n$ which output channel. **G** is what comes out, at row $k$ and column $l$, in channel $n$.
#
# Two things are new against the explorer. The sum runs over $m$ too: *every* input channel adds to every output. And there are $N$ kernels, one for each channel that comes out.
#
# In code, each letter under the sum is a loop. Python counts from 0 where the paper counts from 1, so the $-1$ disappears.


# %% [markdown] slide=3
# ## Equation 1
#
# $$\mathbf{G}_{k,l,n} = \sum_{i,j,m} \mathbf{K}_{i,j,m,n} \cdot \mathbf{F}_{k+i-1,\;l+j-1,\;m}$$
#
# - **F** goes in, $m$ is its channel.
# - **K** holds the weights, $i$ and $j$ the place in the kernel.
# - **G** comes out at row $k$, column $l$, in channel $n$.
#
# Notes: Read it from the right. Two things are new against the explorer: the sum runs over m too, so every input channel adds to every output; and there are N kernels, one for each output channel.

# %% [markdown] slide=2
# ## Six loops
#
# [[code]]
#
# Notes: Each letter under the sum is a loop, each index of G is one more; each ndindex here is three loops. Python counts from 0 where the paper counts from 1, so the minus 1 disappears.


# %%
def convolve(F, K):
    rows, columns, M, N = K.shape
    G = np.zeros((F.shape[0] - rows + 1, F.shape[1] - columns + 1, N))
    for k, l, n in np.ndindex(G.shape):
        for i, j, m in np.ndindex(rows, columns, M):
            G[k, l, n] += K[i, j, m, n] * F[k + i, l + j, m]
    return G


# %% [markdown]
# Six loops (each `np.ndindex` is three), one multiplication, one addition. Let us give it a small piece of the flower and four random kernels.
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
# The library has the same loops, with padding, stride and dilation added, and a fast version that works on whole arrays. All three must agree.

# %%
from mobilenet_lib.convolution import MultiplyCounter, standard, standard_loops

counter = MultiplyCounter()
assert np.allclose(G, standard_loops(F, K, padding="valid", counter=counter))
assert np.allclose(G, standard(F, K, padding="valid"))
counter

# %% [markdown]
# The assertions passed without a word, so our six lines and the library agree. From here on we use the library's version, which is tested against PyTorch on random shapes. The counter has counted every multiplication that the loops carried out.
#
# ## Equation 2: counting without running
#
# Where does that count come from? Every output value takes one multiplication for each weight of its kernel, and there are $D_K \cdot D_K \cdot M$ of those. There are $N$ output channels with $D_F \cdot D_F$ values each. So:
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
# Notes: The loops counted the same number when they ran. The cost of a network is known before it runs: the most useful habit of this course. Where output and input differ in size, the side of the output counts.

# %%
cost.standard_mult_adds(kernel_size=3, in_channels=3, out_channels=4, out_size=10)

# %% [markdown]
# The same number, and nothing was convolved. This is the most useful habit of the book: **the cost of a network is known before it runs.**
#
# Four letters, two of them squared. Take a layer from the middle of a network and double one of them at a time.
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
# Notes: M or N: twice. The kernel's side or the map's side: four times, both are squared. The four factors are multiplied; chapter 02 cuts exactly this knot.

# %% [markdown] slide=1
# ## M and N: twice. The two sides: four times
#
# [[output]]
#
# Notes: A kernel that is a little larger is paid for by every pair of channels.

# %%
layer = {"kernel_size": 3, "in_channels": 128, "out_channels": 128, "out_size": 28}
base = cost.standard_mult_adds(**layer)
for name in layer:
    doubled = cost.standard_mult_adds(**layer | {name: 2 * layer[name]})
    print(f"{name:12s} x{doubled / base:.0f}")

# %% [markdown]
# Notice that the four factors are *multiplied*. A kernel that is a little larger is paid for by every one of the $M \cdot N$ pairs of channels. Chapter 02 will cut exactly this knot.
#
# ## The border: padding
#
# A 3 by 3 kernel does not fit on the outermost pixels. Either the map shrinks a little with each layer (*valid*), or zeros are put around it (*same*). MobileNet pads, so that only stride changes the size of a map.

# %% [markdown] slide=3
# ## The border
#
# [[output]]
#
# Notes: Grey squares are pixels, hatched ones zeros, each dot the centre of a window. Look at the two on the right: both have stride 2, and their dots sit on different pixels. TensorFlow's SAME puts the odd zero after the last pixel; most PyTorch code pads every side. Weights trained under one rule are wrong under the other, in silence.

# %%
plots.padding_and_stride(in_size=6, kernel_size=3)

# %% [markdown]
# Grey squares are pixels, hatched ones are zeros, and each dot is the centre of a window that is computed. The orange frame is the first window.
#
# Look at the two on the right. Both have stride 2 and both give 3 by 3 values, but their dots sit on *different pixels*. TensorFlow's SAME puts the odd zero after the last pixel; most PyTorch code puts one zero on every side.
#
# **Predict:** for which input sizes do the two agree at stride 2: even or odd?
#
# <details><summary>Answer</summary>
#
# Odd. With an odd size the total number of zeros is two, one for each side, and both rules do the same. With an even size SAME needs only one zero, and puts it after.
# </details>

# %%
expect("01-agree")

# %%
for size in (6, 7, 224, 225):
    print(size, cost.same_padding(size, kernel_size=3, stride=2))

# %% [markdown]
# It looks like a detail. But 224 is even, and weights trained under one rule see every pixel shifted by one under the other, in all five layers with stride 2. A network loaded with the wrong rule still runs, says nothing, and is wrong more often.
#
# ## Skipping: stride
#
# With stride 2 the kernel moves two pixels at a time. The output has half the side and a quarter of the pixels, and costs a quarter.

# %% [markdown] slide=2
# ## Skipping: stride
#
# [[output]]
#
# MobileNet halves its maps five times like this: $224 / 2^5 = 7$.
#
# Notes: Half the side, a quarter of the pixels, a quarter of the cost. No separate pooling layers are needed on the way.

# %%
for stride in (1, 2, 4):
    out = standard(F, K, stride=stride)
    print(f"stride {stride}: {out.shape[0]}x{out.shape[1]} map")

# %% [markdown]
# In formulas: with SAME padding $\lceil n / s \rceil$ values come out of $n$ pixels at stride $s$, whatever the kernel; with VALID $\lfloor (n - k) / s \rfloor + 1$ for a kernel of size $k$, one for each place where it fits.
#
# MobileNet halves its maps five times like this, in the convolution itself, so no separate pooling layers are needed on the way. How large is the last map if the image has 224 pixels? $224 / 2^5 = 7$.
#
# ### Dilation
#
# A third setting spreads the kernel out, with gaps between its weights. It sees further for the same price. MobileNet itself does not use it, though networks for segmentation that are built on MobileNet do.

# %%
for dilation in (1, 2, 3):
    out = standard(F, K, padding="valid", dilation=dilation)
    print(f"dilation {dilation}: window of {2 * dilation + 1}, {out.shape[0]}x{out.shape[1]} map")


# %% [markdown]
# ## One matrix product: im2col and GEMM
#
# Six nested loops are how the equation reads. It is not how fast code works. Processors are at their best in one operation, the product of two large matrices, called **GEMM** (general matrix multiply). The trick to get there is im2col (image to columns): copy each window into one row of a matrix.


# %%
def to_rows(F, size):
    height, width = F.shape[0] - size + 1, F.shape[1] - size + 1
    windows = [F[k : k + size, l : l + size].ravel() for k in range(height) for l in range(width)]
    return np.stack(windows)


# %% [markdown]
# Each row holds everything that one output pixel needs. Multiplied with the kernels, written as columns, it gives that pixel in all $N$ channels at once.

# %%
from mobilenet_lib.convolution import im2col

rows = to_rows(F, 3)
assert np.array_equal(rows, im2col(F, 3, padding="valid"))
assert np.allclose((rows @ K.reshape(-1, 4)).reshape(G.shape), G)
rows.shape

# %% [markdown]
# One hundred rows, one for each output pixel; 27 columns, for 3 · 3 · 3 weights. The name `im2col` is MATLAB's; early papers speak of unrolling.

# %% [markdown] slide=3
# ## One matrix product: im2col
#
# [[output]]
#
# Notes: Processors are at their best at the product of two large matrices, GEMM. The trick: copy each window into one row. Each row holds everything that one output pixel needs; the kernels are columns.

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
# So the speed of GEMM is paid for with memory and with copying. There is one exception, and it is the first line: for a 1 by 1 kernel the patch matrix *is* the map. Nothing has to be copied. Remember this line. MobileNet is built around it.
#
# And the multiplications? Rearranging does not change their number.

# %%
from mobilenet_lib.convolution import standard_gemm

counter = MultiplyCounter()
standard_gemm(F, K, padding="valid", counter=counter)
counter

# %% [markdown]
# ## Exercises
#
# Put your answer in place of the three dots and run the cell. A wrong answer gets a hint; more wrong answers, better hints. Each of these cells runs by itself, so you may come back another day and begin with any of them. Most take a few minutes. *Build* and *investigate* take longer, and good answers to them differ; your answer is tried on cases that you have not seen. When you are done or stuck: [solutions](solutions/01_solutions.ipynb).
#
# **1.1** An image row of 75 pixels meets a kernel of size 5 with stride 2. How many values come out with SAME padding, and how many with VALID?

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
# **1.2** How many mult-adds (multiplications, each with an addition to a running sum) has a standard convolution with a 3 by 3 kernel, 64 channels in, 128 out, and a map of 56 by 56 pixels? Write the product, Python will multiply.

# %%
from mobilenet_lib.checks import check

answer = ...
check("1.2", answer)

# %% [markdown]
# **1.3** Find the 3 by 3 kernel that moves a photo one pixel to the right. The explorer above is a good place to try.

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
# **1.5 · Build.** This convolution was written for stride 1 and maps that are square, and somebody has added a stride. It is to do what SAME padding means, for maps of any height and width. Find what is wrong, and repair it.
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
# **1.6 · Investigate.** Somebody hands you `layer`, a standard convolution with 3 by 3 kernels, stride 1 and SAME padding, that also adds a bias to each output channel. You may call it with any map of `M` channels, of any size, as often as you like, and look at what comes out. Write `recover(layer, M)`, which returns the kernel, (3, 3, M, N), and the bias, (N,).

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
# - Padding decides about the border, stride about the size of the output. Two rules for stride 2 look alike and are not.
# - im2col turns it into one matrix product, at the price of copying each pixel $D_K^2$ times. For 1 by 1 kernels the copy is free.
#
# Next, in [chapter 02](02_depthwise_separable_convolution.ipynb), we take the four factors apart.
#
# ## Sources
#
# - Eq. 1 and 2: Howard et al., arXiv 1704.04861, section 3.1.
# - im2col and GEMM: K. Chellapilla, S. Puri, P. Simard: *High Performance Convolutional Neural Networks for Document Processing*, 2006.
# - Photographs: dahlia by vultilion and Summer Palace by danielbuechele, both CC BY 2.0, resized; cat by Stefan van der Walt, CC0.
