"""`mobilenet cost`: what a MobileNet costs, as tables or as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from ..architecture import Architecture, Body, DropStride, mobilenet_v1
from ..text import table


@dataclass(frozen=True)
class Cost:
    """Count what a MobileNet costs: mult-adds, parameters, bytes, receptive field."""

    alpha: float = 1.0
    """Width multiplier (Eq. 6), above 0 and at most 16; the paper uses 1, 0.75, 0.5, 0.25."""
    resolution: int = 224
    """Side of the input image in pixels, 32 to 4096; the paper uses 224, 192, 160, 128."""
    num_classes: int = 1000
    """Number of classes, the outputs of the classifier."""
    body: Body = "separable"
    """Table 1 as it is, with full 3x3 convolutions (Table 4), or without five layers (Table 5)."""
    drop_stride: DropStride = "none"
    """Stride of 2 that becomes 1, for small images: none, the first one or the last of the five."""
    layers: bool = False
    """Also show every layer."""
    json: bool = False
    """Print JSON, for a program to read."""

    def run(self) -> int:
        """Print the costs; the exit code is 0."""
        size = self.alpha, self.resolution, self.num_classes, self.body
        arch = mobilenet_v1(*size, drop_stride=self.drop_stride)
        print(json.dumps(cost_data(arch, self.layers), indent=2) if self.json else self.text(arch))
        return 0

    def text(self, arch: Architecture) -> str:
        """The costs as tables to read."""
        title = (
            f"{arch.alpha} MobileNet-{arch.resolution}, {arch.body} body, "
            f"{arch.num_classes:,} classes"
        )
        if arch.drop_stride != "none":
            title += f", {arch.drop_stride} stride of 2 dropped"
        parts = [title, kind_table(arch), totals(arch)]
        if self.layers:
            parts.append(layer_table(arch))
        return "\n\n".join(parts)


# --- Tables -------------------------------------------------------------------------------------


def kind_table(arch: Architecture) -> str:
    """Table 2: how mult-adds and parameters divide between the kinds of layer."""
    rows = [("Type", "Layers", "Mult-Adds", "", "Parameters", "")]
    for row in arch.by_kind().values():
        rows.append(
            (
                row.label,
                str(row.layers),
                f"{row.mult_adds:,}",
                f"{row.mult_adds_share:.2%}",
                f"{row.parameters_as_printed:,}",
                f"{row.parameters_share:.2%}",
            )
        )
    count = str(len(arch.layers))
    rows.append(("All", count, f"{arch.mult_adds:,}", "", f"{arch.parameters_as_printed:,}", ""))
    return "\n".join(table(rows, rule=True))


def totals(arch: Architecture) -> str:
    """The network's totals, one in a row."""
    field = arch.receptive_field_at(arch.layers[-2].name)
    rows = [
        ("Mult-adds", f"{arch.mult_adds:,}"),
        ("Parameters, trainable", f"{arch.parameters:,}"),
        ("Parameters, as printed in the paper", f"{arch.parameters_as_printed:,}"),
        ("Parameters, with BN statistics", f"{arch.parameters_with_statistics:,}"),
        ("Receptive field, pixels", f"{field.size:,}"),
        ("Effective stride, pixels", f"{field.stride:,}"),
        ("Effective padding, pixels", f"{field.padding:,}"),
        ("Bytes moved at least, float32", f"{arch.bytes_moved():,}"),
        ("Arithmetic intensity, FLOP per byte", f"{arch.intensity():.2f}"),
    ]
    return "\n".join(table(rows))


def layer_table(arch: Architecture) -> str:
    """Every layer with its shapes and costs."""
    rows = [
        ("Layer", "Kind", "Kernel", "Stride", "Input", "Output", "Mult-Adds", "Weights", "FLOP/B")
    ]
    for layer in arch.layers:
        rows.append(
            (
                layer.name,
                layer.kind,
                f"{layer.kernel_size}x{layer.kernel_size}",
                str(layer.stride),
                f"{layer.in_size}x{layer.in_size}x{layer.in_channels}",
                f"{layer.out_size}x{layer.out_size}x{layer.out_channels}",
                f"{layer.mult_adds:,}",
                f"{layer.parameters_as_printed:,}",
                f"{layer.intensity():.2f}",
            )
        )
    return "\n".join(table(rows, left=(0, 1), rule=True))


def cost_data(arch: Architecture, layers: bool) -> dict[str, Any]:
    """The same numbers as plain data, under the library's own names."""
    names = ["alpha", "resolution", "num_classes", "body", "drop_stride"]
    names += ["mult_adds", "parameters"]
    names += ["parameters_as_printed", "parameters_with_statistics"]
    names += ["receptive_field", "effective_stride", "effective_padding"]
    data: dict[str, Any] = {name: getattr(arch, name) for name in names}
    data |= {"bytes_moved": arch.bytes_moved(), "intensity": arch.intensity()}
    data["by_kind"] = [asdict(row) for row in arch.by_kind().values()]
    if layers:
        data["layers"] = [
            asdict(layer)
            | {
                "mult_adds": layer.mult_adds,
                "parameters": layer.parameters,
                "parameters_as_printed": layer.parameters_as_printed,
                "bytes_moved": layer.bytes_moved(),
                "intensity": layer.intensity(),
            }
            for layer in arch.layers
        ]
    return data
