"""Ways to multiply matrices on this machine, in each precision, checked before they are used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..engines import difference
from ..engines.engine import first_line
from ..engines.onnx_engines import compile_model
from ..engines.runtimes import load_openvino
from ..timing import DTYPES

Shape = tuple[int, int, int]
"""(rows, inner, columns) of a product: for a pointwise layer D_F², M, N."""
Ways = dict[str, Callable[[], Any]]

PRECISIONS = ("fp32", "fp16", "bf16", "int8")
TOLERANCES = {"fp32": 1e-4, "fp16": 1e-2, "bf16": 3e-2, "int8": 0.0}
TF32_TOLERANCE = 2e-3

POINTWISE: tuple[Shape, ...] = (
    (14**2, 512, 512),
    (56**2, 128, 128),
    (28**2, 256, 256),
    (8 * 14**2, 512, 512),
)
CPU_SHAPES = (*POINTWISE, (1024, 1024, 1024))
GPU_SHAPES = ((4096, 4096, 4096), (8192, 8192, 8192), (1024, 1024, 1024), *POINTWISE)
"""What is multiplied; the first shape decides which ways are worth it. On a GPU, a small product
would only tell which way is called fastest."""


def gemm_tasks(precision: str, shape: Shape, device: str, seed: int) -> tuple[Ways, str]:
    """Functions that multiply two matrices of random numbers, by name; and why others are missing.

    The first rows of each product were compared with the exact ones.
    """
    generator = torch.Generator().manual_seed(seed)
    rows, inner, columns = shape
    if precision == "int8":
        # Small enough that no processor's sum of two products leaves its 16 bits.
        left = torch.randint(0, 128, (rows, inner), generator=generator, dtype=torch.uint8)
        right = torch.randint(-64, 64, (columns, inner), generator=generator, dtype=torch.int8)
        candidates = {"torch._int_mm": _int_mm, "oneDNN's quantized linear": _onednn}
    else:
        dtype = DTYPES[precision]
        left = torch.randn(rows, inner, generator=generator).to(dtype)
        right = torch.randn(columns, inner, generator=generator).to(dtype)
        candidates = {"torch.mm": _mm, "torch linear": _linear, "1x1 convolution": _pointwise}
        if precision in ("fp32", "bf16"):
            candidates |= {"OpenVINO": _openvino}
        if precision == "fp32":  # last, as its threads go on spinning for longest
            candidates |= {"NumPy": _numpy}
    ways: Ways = {}
    reasons = []
    for name, make in candidates.items():
        try:
            multiply = make(left.to(device), right.to(device))
            answer = multiply()
        except (RuntimeError, AttributeError, ImportError) as error:
            # It is not installed or built in, or refuses this shape or device: that is what is
            # asked.
            reasons.append(f"{name}: {first_line(error)}")
            continue
        off = difference(answer[:64].cpu().double(), left[:64].double() @ right.double().T)
        if off <= tolerance(precision, device):
            ways[name if off <= TOLERANCES[precision] else f"{name} in TF32"] = multiply
        else:
            reasons.append(f"{name} is off by {off:.1%} of the largest number")
    return ways, "; ".join(reasons)


def tolerance(precision: str, device: str) -> float:
    """Largest difference from the exact product that is let pass, as a share of its largest number.

    A GPU's fp32 convolutions keep 10 bits of each fraction (TF32), unless torch is told otherwise:
    so the network runs there, and so it is measured, and named.
    """
    if precision == "fp32" and torch.device(device).type != "cpu":
        return TF32_TOLERANCE
    return TOLERANCES[precision]


def _mm(left: Tensor, right: Tensor) -> Callable[[], Tensor]:
    right = right.T.contiguous()
    return lambda: torch.mm(left, right)


def _linear(left: Tensor, right: Tensor) -> Callable[[], Tensor]:
    return lambda: F.linear(left, right)


def _pointwise(left: Tensor, right: Tensor) -> Callable[[], Tensor]:
    # What the network itself calls: a channels_last map of so many pixels is the left matrix.
    image = left.T[None, :, :, None].contiguous(memory_format=torch.channels_last)
    kernel = right[:, :, None, None].contiguous(memory_format=torch.channels_last)
    return lambda: F.conv2d(image, kernel)[0, :, :, 0].T


def _numpy(left: Tensor, right: Tensor) -> Callable[[], Tensor]:
    if left.device.type != "cpu":
        raise NotImplementedError("it computes on the CPU only")
    from threadpoolctl import ThreadpoolController

    library = ThreadpoolController().select(user_api="blas")
    threads = torch.get_num_threads()  # NumPy's own number would be that of the cores
    ours, theirs = left.numpy(), np.ascontiguousarray(right.numpy().T)
    product = np.empty((len(ours), theirs.shape[1]), np.float32)
    answer = torch.from_numpy(product)

    def multiply() -> Tensor:
        with library.limit(limits=threads):
            np.matmul(ours, theirs, out=product)
        return answer

    return multiply


def _openvino(left: Tensor, right: Tensor) -> Callable[[], Tensor]:
    if left.device.type != "cpu":
        raise NotImplementedError("it computes on the CPU only")
    openvino = load_openvino()
    operators = openvino.opset13
    given = left.float().numpy()
    rows = operators.parameter(list(left.shape), np.float32)
    product = operators.matmul(rows, operators.constant(right.float().numpy()), False, True)
    precision = "bf16" if left.dtype == torch.bfloat16 else "fp32"
    model = compile_model(openvino.Model([product], [rows]), precision, torch.get_num_threads())
    request = model.create_infer_request()
    return lambda: torch.from_numpy(
        request.infer([given], share_inputs=True, share_outputs=True)[0]
    )


def _int_mm(left: Tensor, right: Tensor) -> Callable[[], Tensor]:
    left, right = left.to(torch.int8), right.T
    return lambda: torch._int_mm(left, right)


def _onednn(left: Tensor, right: Tensor) -> Callable[[], Tensor]:
    if right.device.type != "cpu":
        raise NotImplementedError("it computes on the CPU only")
    operators: Any = torch.ops.onednn
    packed = operators.qlinear_prepack(right, list(left.shape))
    scales, zeros = torch.ones(len(right)), torch.zeros(len(right), dtype=torch.int64)
    rest: tuple[Any, ...] = (packed, scales, zeros, None, 1.0, 0, torch.float32, "none", [], "")
    return lambda: operators.qlinear_pointwise(left, 1.0, 0, *rest)
