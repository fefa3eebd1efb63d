"""torch's .pt files: a zip archive with a pickle inside, and a pickle is a program.

Two locks, each enough alone: the pickle's own instructions are listed without running them, and any
name in them that a dictionary of tensors has no need of is refused; then `torch.load` reads it with
`weights_only=True`.
"""

from __future__ import annotations

import pickletools
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from .stored import (
    MAX_HEADER,
    Opened,
    Stored,
    WeightsError,
    check_declared,
    check_size,
    shorten,
    some,
)

# What torch.save writes for a dictionary of tensors and parameters, and nothing else. Even some
# names that torch itself allows are missing: "bytearray" with a large number takes all memory.
ALLOWED = {
    ("collections", "OrderedDict"),
    ("torch._utils", "_rebuild_tensor_v2"),
    ("torch._utils", "_rebuild_parameter"),
    *(
        ("torch", f"{kind}Storage")
        for kind in ("Half", "BFloat16", "Float", "Double", "Long", "Int", "Byte", "Bool")
    ),
}
WRAPPERS = ("state_dict", "model", "model_state_dict")  # where training scripts put the weights
ADVICE = (
    'Save only the weights, torch.save(net.state_dict(), "weights.pt"), or better as .safetensors'
)


def is_torch(archive: zipfile.ZipFile) -> bool:
    """Whether a zip archive is laid out as torch.save does."""
    return any(_is_pickle(name) for name in archive.namelist())


def open_torch(path: Path, archive: zipfile.ZipFile) -> Opened:
    """Open a .pt file whose pickle does nothing but list tensors.

    Raises
    ------
    WeightsError
        The pickle would run code, the archive is packed (as a zip bomb is), or holds no state dict.
    """
    packed = [i.filename for i in archive.infolist() if i.compress_type != zipfile.ZIP_STORED]
    if packed:
        raise WeightsError(
            f"{path}: {some(packed)} is compressed, which torch.save never does; {ADVICE}"
        )
    check_size(path, sum(info.file_size for info in archive.infolist()), "its content")
    pickles = [info for info in archive.infolist() if _is_pickle(info.filename)]
    if len(pickles) != 1 or pickles[0].file_size > MAX_HEADER:
        raise WeightsError(
            f"{path} must hold one data.pkl of at most {MAX_HEADER:,} bytes, found "
            f"{[info.file_size for info in pickles][:4]}; {ADVICE}"
        )
    try:
        content = archive.read(pickles[0])
        strangers = sorted(set(_globals(content)) - ALLOWED)
    except Exception as error:  # zipfile and pickletools, on damaged bytes
        raise WeightsError(f"{path} is damaged ({shorten(str(error))}); {ADVICE}") from error
    if strangers:
        names = some(".".join(names) for names in strangers)
        raise WeightsError(
            f"{path} was not opened: its pickle asks for {names}, and could run any code. {ADVICE}"
        )
    try:
        archive.fp.seek(0)
        loaded = torch.load(archive.fp, map_location="cpu", weights_only=True)
    except Exception as error:
        raise WeightsError(
            f"{path} cannot be read by torch ({shorten(str(error))}); {ADVICE}"
        ) from error
    return _state(path, loaded)


def _is_pickle(name: str) -> bool:
    return name == "data.pkl" or name.endswith("/data.pkl")


def _globals(content: bytes) -> Iterator[tuple[str, str]]:
    """Every name that a pickle would look up, found without running it."""
    strings: list[str] = []
    for opcode, argument, _ in pickletools.genops(content):
        if opcode.name in ("GLOBAL", "INST"):
            module, _, name = str(argument).partition(" ")
            yield module, name
        elif opcode.name == "STACK_GLOBAL":
            # Its name lies on the stack, where only running the pickle tells for sure: a stranger
            # whatever it seems to be. torch.save never writes one.
            module, name = ["?", "?", *strings][-2:]
            yield module, f"{name} (from the stack)"
        elif opcode.name in ("EXT1", "EXT2", "EXT4"):
            yield "copyreg", f"extension {argument}"
        elif isinstance(argument, str):
            strings.append(argument)


def _state(path: Path, loaded: Any) -> Opened:
    for wrapper in WRAPPERS:
        if isinstance(loaded, dict) and isinstance(loaded.get(wrapper), dict):
            loaded = loaded[wrapper]
    if not isinstance(loaded, dict):
        raise WeightsError(f"{path} holds a {type(loaded).__name__}, not a state dict; {ADVICE}")
    others = [
        name
        for name, value in loaded.items()
        if not isinstance(name, str) or not isinstance(value, torch.Tensor)
    ]
    if others:
        raise WeightsError(f"{path}: {some(others)} is no tensor under a name; {ADVICE}")
    # Stride 0 lets one stored number pose as a tensor of any size.
    check_declared(path, [(tuple(t.shape), t.element_size()) for t in loaded.values()])
    tensors = {
        name: Stored(
            tuple(tensor.shape),
            str(tensor.dtype).removeprefix("torch."),
            lambda tensor=tensor: tensor.detach().clone(memory_format=torch.contiguous_format),
        )
        for name, tensor in loaded.items()
    }
    return Opened(path, tensors)
