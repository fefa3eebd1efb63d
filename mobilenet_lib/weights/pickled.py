"""torch's .pt files: a zip archive with a pickle inside, and a pickle is a program.

Two locks, each enough alone: the pickle's own instructions are listed without running them, and any
name in them that a dictionary of tensors has no need of is refused; then `torch.load` reads it with
`weights_only=True`.
"""

from __future__ import annotations

import pickletools
import warnings
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
# Where training scripts put the weights, the averaged ones first: by these they evaluate.
AVERAGED = ("state_dict_ema", "model_ema", "ema_state_dict", "ema_model", "ema", "model_averaged")
WRAPPERS = (
    *AVERAGED,
    *("state_dict", "model_state_dict", "model", "net", "network", "weights", "params"),
)


class Inert:
    """Stands for what lies beside the weights, a best accuracy or the options; it does nothing."""

    def __init__(self, *_: Any) -> None:
        pass

    def __setstate__(self, _: Any) -> None:
        pass

    def __setitem__(self, *_: Any) -> None:
        pass

    def add(self, _: Any) -> None:
        """As of a set."""


# Looked up by name in a pickle, and never imported: each becomes an `Inert`.
BESIDE = (
    *("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar", "numpy.dtype"),
    *(f"numpy.dtypes.{kind}DType" for kind in ("Float64", "Float32", "Int64", "Int32", "Bool")),
    *("_codecs.encode", "argparse.Namespace", "collections.defaultdict", "__builtin__.set"),
    *("pathlib.PosixPath", "pathlib.WindowsPath", "pathlib.PurePosixPath"),
    *("pytorch_lightning.utilities.parsing.AttributeDict",),
    *("lightning.pytorch.utilities.parsing.AttributeDict",),
    *("lightning.fabric.utilities.data.AttributeDict",),
)
ADVICE = (
    'Save only the weights, torch.save(net.state_dict(), "weights.pt"), or better as .safetensors'
)


def is_torch(archive: zipfile.ZipFile) -> bool:
    """Whether a zip archive is laid out as torch.save does."""
    return any(_is_pickle(name) for name in archive.namelist())


def open_torch(path: Path, archive: zipfile.ZipFile, state: str | None = None) -> Opened:
    """Open a .pt file whose pickle does nothing but list tensors.

    Parameters
    ----------
    path, archive
        The file, and its content.
    state
        Which of several states to take, such as "model_ema"; None: an averaged one if there is one.

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
        asked = set(_globals(content))
        beside = [name for name in BESIDE if tuple(name.rsplit(".", 1)) in asked]
        strangers = sorted(asked - ALLOWED - {tuple(name.rsplit(".", 1)) for name in beside})
    except Exception as error:  # zipfile and pickletools, on damaged bytes
        raise WeightsError(f"{path} is damaged ({shorten(str(error))}); {ADVICE}") from error
    if strangers:
        names = some(".".join(names) for names in strangers)
        raise WeightsError(
            f"{path} was not opened: its pickle asks for {names}, and could run any code. {ADVICE}"
        )
    try:
        archive.fp.seek(0)
        with torch.serialization.safe_globals([(Inert, name) for name in beside]):
            loaded = torch.load(archive.fp, map_location="cpu", weights_only=True)
    except Exception as error:
        raise WeightsError(
            f"{path} cannot be read by torch ({shorten(str(error))}); {ADVICE}"
        ) from error
    return _state(path, loaded, state)


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


def _state(path: Path, loaded: Any, wanted: str | None) -> Opened:
    taken: list[str] = []
    passed: list[str] = []
    while isinstance(loaded, dict):
        there = [name for name in loaded if isinstance(loaded[name], dict)]
        known = [name for name in WRAPPERS if name in there]
        if wanted is not None and wanted in there:
            known.remove(wanted) if wanted in known else None
            known.insert(0, wanted)
        if not known:
            break
        passed += known[1:]
        taken.append(known[0])
        loaded = loaded[known[0]]
    if wanted is not None and wanted not in taken:
        raise WeightsError(
            f"{path} has no state {wanted!r}; it has {some([*taken, *passed]) or 'one, unnamed'}"
        )
    if passed and wanted is None:
        warnings.warn(
            f"{path.name} holds {some([*taken, *passed])}: the weights of {taken[0]!r} were taken; "
            f"pass state={passed[0]!r} for the other",
            UserWarning,
            stacklevel=2,
        )
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
    said: dict[str, Any] = {"state": ".".join(taken)} if passed else {}
    for module in getattr(loaded, "_metadata", {}).values():  # what our own networks tell
        if isinstance(module, dict) and "mobilenet_lib" in module:
            said["module"] = module["mobilenet_lib"]
    return Opened(path, tensors, said)
