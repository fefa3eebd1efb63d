"""Equations 1 and 3 in NumPy: as the loops the paper writes, as arrays, and as matrix products.

Maps are `(height, width, channels)` and kernels `(rows, columns, in_channels, out_channels)`, the
order of the paper's indices: F[k, l, m] and K[i, j, m, n]. One image at a time, no batch.

Three forms of the same result:

* `*_loops` is the equation, one multiplication at a time. Slow, and easy to believe.
* the plain name (`standard`, `depthwise`, `pointwise`, `separable`) works on whole arrays.
* `*_gemm` lays the input out so that one matrix product does the work (im2col and GEMM).

All take `stride`, `padding` ("same" as TensorFlow means it, "valid", or a number of zeros on every
side) and `dilation`. Loops and GEMM forms count the multiplications that they really carry out.
"""

from .arrays import depthwise, pointwise, separable, standard
from .gemm import im2col, pointwise_gemm, standard_gemm
from .loops import depthwise_loops, pointwise_loops, separable_loops, standard_loops
from .shared import MultiplyCounter

__all__ = [
    "MultiplyCounter",
    "depthwise",
    "depthwise_loops",
    "im2col",
    "pointwise",
    "pointwise_gemm",
    "pointwise_loops",
    "separable",
    "separable_loops",
    "standard",
    "standard_gemm",
    "standard_loops",
]
