"""torch's .pt files: a zip archive with a pickle inside, and a pickle is a program.

Two locks, each enough alone: the pickle's own instructions are listed without running them, and any
name in them that a dictionary of tensors has no need of is refused; then `torch.load` reads it with
`weights_only=True`.
"""

from __future__ import annotations

import pickletools
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from .states import ADVICE, chosen
from .stored import MAX_HEADER, Opened, WeightsError, check_size, shorten, some

# What torch.save writes for a dictionary of tensors and parameters. Even some names that torch
# itself allows are missing: "bytearray" with a large number takes all memory.
ALLOWED = {
    "collections.OrderedDict",
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_parameter",
    *(
        f"torch.{kind}Storage"
        for kind in ("Half", "BFloat16", "Float", "Double", "Long", "Int", "Byte", "Bool")
    ),
    # Beside the weights. torch.load has its own answer to these names, so that `_copies` must
    # hold what they could do.
    *("_codecs.encode", "builtins.set", "torch.Size", "torch.device"),
    *(f"torch.{kind}" for kind in ("float16", "bfloat16", "float32", "float64", "int64")),
}


class Inert:
    """Stands for what lies beside the weights, a best accuracy or the options; it does nothing."""

    def __init__(self, *_: Any) -> None:
        pass

    def __setstate__(self, _: Any) -> None:
        pass


class InertDict:
    """Stands for a kind of dictionary; torch.load fills a plain one only."""

    def __new__(cls, *_: Any) -> dict:  # noqa: D102
        return {}


# Looked up by name in a pickle, and never imported: stand-ins of ours take their places.
BESIDE: tuple[tuple[type, re.Pattern], ...] = (
    (
        InertDict,
        re.compile(
            r"collections\.defaultdict|"
            r"(pytorch_lightning|lightning\.pytorch)\.utilities\.parsing\.AttributeDict|"
            r"(lightning_fabric|lightning\.fabric)\.utilities\.data\.AttributeDict"
        ),
    ),
    (
        Inert,
        re.compile(
            r"numpy\.(core|_core)\.multiarray\.(scalar|_reconstruct)|numpy\.(dtype|ndarray)|"
            r"numpy\.(bool_?|u?int(8|16|32|64)|float(16|32|64))|numpy\.dtypes\.\w+DType|"
            r"builtins\.(bool|dict|float|frozenset|int|list|range|str|tuple)|"
            r"argparse\.Namespace|torch\.torch_version\.TorchVersion|"
            r"pathlib(\._local)?\.(Pure)?(Posix|Windows)?Path"
        ),
    ),
)
PYTHON_2 = {"__builtin__": "builtins"}  # as torch.save's protocol calls modules
PYTHON_2_NAMES = {
    "builtins.long": "builtins.int",
    "builtins.unicode": "builtins.str",
    "builtins.xrange": "builtins.range",
}

SHORT = 16  # characters of a text that a pickle may use again
MAX_COPIED = 2**26


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
        beside = {name: _stand_in(name) for name in set(_globals(content)) - ALLOWED}
        copies = _copies(content)
    except Exception as error:  # zipfile and pickletools, on damaged bytes
        raise WeightsError(f"{path} is damaged ({shorten(str(error))}); {ADVICE}") from error
    if strangers := sorted(name for name, instead in beside.items() if instead is None):
        raise WeightsError(
            f"{path} was not opened: its pickle asks for {some(strangers)}, and could run any "
            f"code. {ADVICE}"
        )
    if copies is None or copies * len(content) > MAX_COPIED:
        raise WeightsError(
            f"{path} was not opened: its pickle copies the same things again and again, and could "
            f"take all memory. {ADVICE}"
        )
    try:
        archive.fp.seek(0)
        with torch.serialization.safe_globals([(beside[name], name) for name in beside]):
            loaded = torch.load(archive.fp, map_location="cpu", weights_only=True)
    except Exception as error:
        raise WeightsError(
            f"{path} cannot be read by torch ({shorten(str(error))}); {ADVICE}"
        ) from error
    return chosen(path, loaded, state)


def _is_pickle(name: str) -> bool:
    return name == "data.pkl" or name.endswith("/data.pkl")


def _stand_in(name: str) -> type | None:
    return next((instead for instead, names in BESIDE if names.fullmatch(name)), None)


def _globals(content: bytes) -> Iterator[str]:
    """Every name that a pickle would look up, found without running it."""
    strings: list[str] = []
    for opcode, argument, _ in pickletools.genops(content):
        if opcode.name in ("GLOBAL", "INST"):
            yield _dotted(argument)
        elif opcode.name == "STACK_GLOBAL":
            # Its name lies on the stack, where only running the pickle tells for sure: a stranger
            # whatever it seems to be. torch.save never writes one.
            module, name = ["?", "?", *strings][-2:]
            yield f"{module}.{name} (from the stack)"
        elif opcode.name in ("EXT1", "EXT2", "EXT4"):
            yield f"copyreg.extension {argument}"
        elif isinstance(argument, str):
            strings.append(argument)


def _dotted(argument: Any) -> str:
    """A name in today's spelling, as torch.load looks it up."""
    module, _, name = str(argument).partition(" ")
    dotted = f"{PYTHON_2.get(module, module)}.{name}"
    return PYTHON_2_NAMES.get(dotted, dotted)


def _copies(content: bytes) -> int | None:
    """How often a pickle could have something copied that stands in it but once; None: no limit.

    A pickle without jumps is a list of steps, so that what each has before it can be read off.
    """
    steps = list(_steps(content))
    copies = 0
    for i, step in enumerate(steps):
        after = steps[i + 1 : i + 5]
        if step == "_codecs.encode":  # bytes, which must stand here themselves
            if after[:1] == [USED_AGAIN] or after[1:] != ["'latin1", "TUPLE2", "REDUCE"]:
                return None
        elif step == "collections.OrderedDict" and after[:2] != ["EMPTY_TUPLE", "REDUCE"]:
            return None  # it is filled afterwards
        elif step == USED_AGAIN and after[:1] == ["REDUCE"]:
            return None  # the same call again
        elif step in ("builtins.set", "torch.Size") or (
            step == USED_AGAIN and after[:1] == ["BUILD"]
        ):
            copies += 1
    return copies


USED_AGAIN = "used again"


def _steps(content: bytes) -> Iterator[str]:
    """What each step of a pickle puts on the stack: a name, a 'text, or else the step's own name.

    Of what is used again, only names and short texts are known.
    """
    memo: dict[int, str] = {}
    top = ""
    for opcode, argument, _ in pickletools.genops(content):
        if "PUT" in opcode.name:
            short = top[:1] == "'" and len(top) <= SHORT
            name = top[:1] != "'" and "." in top
            memo[argument] = top if short or name else USED_AGAIN
            continue
        if "GET" in opcode.name:
            top = memo.get(argument, USED_AGAIN)
        elif opcode.name == "GLOBAL":
            top = _dotted(argument)
        elif isinstance(argument, str):
            top = f"'{argument}"
        else:
            top = opcode.name
        yield top
