"""A trained network as compact bytes, for the engine in `web/engine` that runs it in a page.

>>> content = compact(load_published("person_detector"))
>>> len(content), read_compact(content).classes
(442856, ('person', 'non_person'))

Batch normalization is folded, and weights lie as the engine's maps do, channels last: (rows,
columns, in, out), as in `mobilenet_lib.convolution`. First come 20 bytes: the mark MNET, then
version, length, the header's length and the CRC-32 of all that follows, each a little-endian
uint32. Then the header, JSON; then for each layer its weights and its bias, float32, each block at
a multiple of 4 bytes. Whole numbers stand behind the step of each output channel, float32, that
they are multiples of. `web/engine/README.md` is the format's page.
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..architecture import mobilenet_v1
from ..convention import Convention
from ..layer import Layer
from ..model import MobileNet
from ..preprocess import Preprocess
from ..validation import check_choice
from ..weights.formats import MAX_HEADER, WeightsError, parse_object, refusing
from ..weights.metadata import make_metadata
from .folding import fold

Precision = Literal["float32", "int16", "int8"]
Floats = NDArray[np.float32]

MARK, VERSION = b"MNET", 1
PREFIX = struct.Struct("<4s4I")
DTYPES: dict[Precision, str] = {"float32": "<f4", "int16": "<i2", "int8": "i1"}
LAYER_FIELDS = ("name", "kind", "kernel_size", "stride", "in_channels", "out_channels")


# --- Writing --------------------------------------------------------------------------------------


def compact(
    net: MobileNet,
    precision: Precision = "int16",
    *,
    preprocess: Preprocess | None = None,
    classes: Sequence[str] | None = None,
    source: Mapping[str, Any] | None = None,
) -> bytes:
    """A network as bytes for `web/engine`, with all that running it takes.

    Parameters
    ----------
    net
        A `MobileNet` in eval mode, on any device; left as it was.
    precision
        Of the weights: "float32", or "int16" or "int8" with a step for each output channel. Of a
        file of 16 bits, int16 is nearer to the network than float16 would be, whose rounding is as
        coarse for the largest weights as for the smallest. Biases are float32.
    preprocess, classes, source
        In place of `net.preprocess`, `net.classes` and `net.source`, or if it has none.

    Raises
    ------
    ValueError
        The network is in training mode, has no preprocessing or classes, or has weights that are
        not finite.
    """
    check_choice("precision", precision, DTYPES)
    told = make_metadata(net, "compact", preprocess, classes, source)
    del told["version"]  # of the checkpoint's own format
    state = fold(net).state_dict()
    layers = [layer for layer in net.arch.layers if layer.out_channels]
    weights = []
    for layer in layers:
        prefix = layer.name if layer.kind == "fc" else f"{layer.name}.conv"
        weight, bias = state[f"{prefix}.weight"], state[f"{prefix}.bias"]
        weights.append((_channels_last(weight, layer), _floats(bias)))
    # Some licences ask that altered versions say so.
    changes = f"batch normalization folded; weights as {precision}"
    header = {**told, "head": net.head, "precision": precision, "changes": changes}
    return encode(header, layers, weights)


def encode(
    header: Mapping[str, Any], layers: Iterable[Layer], weights: Iterable[tuple[Floats, Floats]]
) -> bytes:
    """The format alone: layers, each with its weights, channels last, and its bias.

    Parameters
    ----------
    header
        What goes with them: "precision", "convention", "architecture" and what `compact` tells.
    layers
        Any that follow each other; `compact` passes those of Table 1.
    weights
        For each its weights, (rows, columns, in, out), (rows, columns, channels) or (in, out), and
        its bias, (out,).
    """
    body = bytearray()
    described = []
    for layer, (values, bias) in zip(layers, weights, strict=True):
        described.append({field: getattr(layer, field) for field in LAYER_FIELDS})
        for block in (*_packed(layer.name, values, header["precision"]), bias.astype("<f4")):
            body += block.tobytes()
            body += bytes(-len(body) % 4)
    told = json.dumps({**header, "layers": described}, separators=(",", ":")).encode()
    rest = told + b" " * (-len(told) % 4) + body
    start = len(rest) - len(body)
    return PREFIX.pack(MARK, VERSION, PREFIX.size + len(rest), start, zlib.crc32(rest)) + rest


def _packed(name: str, values: Floats, precision: Precision) -> Iterator[np.ndarray]:
    if not np.isfinite(values).all():
        raise ValueError(f"{name} has weights that are not finite; the network is not usable")
    if precision == "float32":
        yield values.astype(DTYPES[precision])
        return
    most = np.iinfo(DTYPES[precision]).max
    steps = (np.abs(values).max(axis=tuple(range(values.ndim - 1))) / most).astype("<f4")
    yield steps
    whole = np.rint(values / np.where(steps > 0, steps, 1))  # a channel of zeros has the step 0
    yield whole.clip(-most, most).astype(DTYPES[precision])


def _channels_last(weight: Tensor, layer: Layer) -> Floats:
    """From torch's (out, in, rows, columns) to (rows, columns, in, out), without axes of one."""
    values = _floats(weight)
    if layer.kind == "depthwise":
        return values[:, 0].transpose(1, 2, 0)
    if layer.kind == "standard":
        return values.transpose(2, 3, 1, 0)
    return values.reshape(layer.out_channels, layer.in_channels).T


def _floats(tensor: Tensor) -> Floats:
    return tensor.detach().cpu().float().numpy()


# --- Reading --------------------------------------------------------------------------------------


def read_compact(content: bytes) -> MobileNet:
    """The network of compact bytes, in eval mode, its batch normalization folded.

    Raises
    ------
    WeightsError
        The bytes are no compact network, damaged, cut short or of a newer version; the message says
        which.
    """
    header, weights = decode(content)
    with refusing("what the compact network says of itself is damaged"):
        arch = mobilenet_v1(**header["architecture"])
        layers = [layer for layer in arch.layers if layer.out_channels]
        own = [{field: getattr(layer, field) for field in LAYER_FIELDS} for layer in layers]
        if own != header["layers"]:
            raise ValueError("its layers are not those of its architecture")
        with torch.device("meta"):
            net = MobileNet(arch, Convention(**header["convention"]), header["head"])
        for layer, (values, bias) in zip(layers, weights, strict=True):
            _fill(net.get_submodule(layer.name), layer, values, bias)
        net.preprocess = Preprocess(**header["preprocess"])
        net.classes, net.source = tuple(header["classes"]), header["source"]
    return net.eval()


def _fill(module: nn.Module, layer: Layer, values: Floats, bias: Floats) -> None:
    if layer.kind == "depthwise":
        weight = values.transpose(2, 0, 1)[:, None]
    elif layer.kind == "fc":
        weight = values.T
    else:
        weight = values.reshape(layer.kernel_size, layer.kernel_size, *values.shape[-2:])
        weight = weight.transpose(3, 2, 0, 1)
    holder = module if layer.kind == "fc" else module.get_submodule("conv")
    for name, numbers in (("weight", weight), ("bias", bias)):
        tensor = torch.from_numpy(np.ascontiguousarray(numbers))
        holder.register_parameter(name, nn.Parameter(tensor, requires_grad=False))
    if layer.kind != "fc":
        module.bn = nn.Sequential()  # folded away


def decode(content: bytes) -> tuple[dict[str, Any], list[tuple[Floats, Floats]]]:
    """The way back from `encode`: the header, with "layers", and each layer's weights and bias.

    Raises
    ------
    WeightsError
        As `read_compact`.
    """
    if content[: len(MARK)] != MARK:
        raise WeightsError(
            f"this is no compact network: {len(content):,} bytes that do not begin with "
            f"{MARK.decode()}; `compact(net)` makes one"
        )
    if len(content) < PREFIX.size:
        raise WeightsError(f"the compact network is cut short: {len(content)} bytes")
    _, version, length, size, checksum = PREFIX.unpack_from(content)
    if version != VERSION:
        raise WeightsError(
            f"the compact network is of version {version}, this library reads {VERSION}; update "
            "the library"
        )
    if len(content) != length:
        wrong = "cut short" if len(content) < length else "too long"
        raise WeightsError(
            f"the compact network is {wrong}: it has {len(content):,} bytes and says {length:,}"
        )
    if zlib.crc32(content[PREFIX.size :]) != checksum:
        raise WeightsError(
            "the compact network is damaged: its checksum is not that of its bytes; get it again"
        )
    start = PREFIX.size + size
    if start > length or size > MAX_HEADER:
        raise WeightsError(f"the compact network's header cannot have {size:,} bytes")
    header = parse_object(content[PREFIX.size : start], "the compact network's header")
    with refusing("the compact network's header is damaged"):
        return header, list(_blocks(header, content, start))


def _blocks(header: dict[str, Any], content: bytes, at: int) -> Iterator[tuple[Floats, Floats]]:
    def take(shape: tuple[int, ...], dtype: str) -> np.ndarray:
        nonlocal at
        count = math.prod(shape)
        numbers = np.frombuffer(content, dtype, count, at).reshape(shape)
        at += -(-numbers.nbytes // 4) * 4
        return numbers

    precision = header["precision"]
    for described in header["layers"]:
        k, out = described["kernel_size"], described["out_channels"]
        shape: tuple[int, ...] = (described["in_channels"], out)
        if described["kind"] in ("standard", "depthwise"):
            shape = (k, k, out) if described["kind"] == "depthwise" else (k, k, *shape)
        steps = np.float32(1) if precision == "float32" else take((out,), "<f4")
        values = take(shape, DTYPES[precision]).astype(np.float32) * steps
        yield values, take((out,), "<f4").astype(np.float32)
    if at != len(content):
        raise ValueError(f"{len(content) - at} bytes are left unread")
