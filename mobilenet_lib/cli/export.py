"""`mobilenet export`: a trained network as a file for another program."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Export:
    """Write a network for ONNX Runtime, OpenVINO or ExecuTorch, and check it by loading it back.

    Preprocessing and class names are inside the file.
    """

    out: Path
    """File to write, which ends in .onnx, .xml (OpenVINO, with a .bin beside it) or .pte."""
    checkpoint: str = "person_detector"
    """Checkpoint file, or its name in the book or on the hub."""
    format: Literal["onnx", "openvino", "executorch"] | None = None
    """Format of the file; None takes the one that --out ends in."""
    json: bool = False
    """Print JSON, for a program to read."""

    def run(self) -> int:
        """Write the files and say which; the exit code is 0."""
        from ..engines import export, load_exported  # bring in torch
        from ..weights import load_published

        net = load_published(self.checkpoint)
        path = export(net, self.out, self.format)
        # Read as others will read it: what is printed is what stands in the file.
        loaded = load_exported(path)
        # OpenVINO's weights lie beside its graph.
        parts = [path, path.with_suffix(".bin")] if path.suffix == ".xml" else [path]
        files = {part.name: part.stat().st_size for part in parts}
        classes, resolution = list(loaded.classes or ()), net.arch.resolution
        if self.json:
            content = {"files": files, "classes": classes, "resolution": resolution}
            print(json.dumps(content | {"any_batch": loaded.any_batch}, indent=2))
        else:
            for name, size in files.items():
                print(f"{path.with_name(name)}  {size:,} bytes")
            batches = "any number of images" if loaded.any_batch else "one image at a time"
            print(
                f"takes {batches}, {resolution}x{resolution}, and knows {len(classes)} classes; "
                "loaded back, it computes what the checkpoint does"
            )
        return 0
