"""The depthwise layer's kernel against torch in double precision: on a GPU, else interpreted.

Triton comes with torch's builds for NVIDIA GPUs. Beside another build, `pip install triton` is
enough to run this.
"""

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest
import torch
import torch.nn.functional as F

GPU = torch.cuda.is_available()
SIZES = [  # images, channels, height, width, stride, padding
    (2, 32, 9, 12, 1, 1),
    (1, 70, 14, 13, 2, 1),
    (3, 3, 1, 2, 1, 1),
    (1, 130, 8, 15, 2, 0),
    (1, 1, 16, 3, 1, 0),
]


@pytest.mark.skipif(find_spec("triton") is None, reason="Triton is not installed")
@pytest.mark.skipif(GPU, reason="the GPU itself is asked, below")
def test_the_kernel_is_right_where_it_is_interpreted():
    """In a process of its own: Triton reads the variable when it is imported."""
    env = {**os.environ, "TRITON_INTERPRET": "1"}
    subprocess.run([sys.executable, __file__], env=env, check=True)


@pytest.mark.skipif(not GPU, reason="there is no NVIDIA GPU")
def test_the_kernel_is_right_on_the_gpu():
    compare(torch.device("cuda"), (torch.float32, torch.float16, torch.bfloat16))


def compare(device, dtypes):
    from mobilenet_lib.engines import depthwise_kernel

    cases = [(*size, dtype, most) for size in SIZES for dtype in dtypes for most in (None, 6.0)]
    for enough in (0, 10**9):  # down the whole map, and a row at a time
        depthwise_kernel.ENOUGH = enough
        for *size, dtype, most in cases:
            check(depthwise_kernel.depthwise_relu, size, dtype, most, device)


def check(depthwise_relu, size, dtype, most, device):
    images, channels, height, width, stride, padding = size
    generator = torch.Generator().manual_seed(channels)
    x, weight, bias = (
        torch.randn(*shape, generator=generator).to(device, dtype)
        for shape in ((images, channels, height, width), (channels, 1, 3, 3), (channels,))
    )
    x[0, 0, 0, 0] = torch.nan
    wanted = F.conv2d(x.double(), weight.double(), bias.double(), stride, padding, 1, channels)
    x = x.contiguous(memory_format=torch.channels_last)
    taps = weight.flatten(1).T.contiguous()
    got = depthwise_relu(x, taps, bias, stride, padding, most)
    assert got.dtype == dtype
    assert got.is_contiguous(memory_format=torch.channels_last)
    assert got.isnan().any()
    tolerance = 1e-5 if dtype == torch.float32 else 4 * torch.finfo(dtype).eps
    torch.testing.assert_close(
        got.double(), wanted.clamp(0, most), rtol=tolerance, atol=tolerance, equal_nan=True
    )


if __name__ == "__main__":
    compare(torch.device("cpu"), (torch.float32,))
