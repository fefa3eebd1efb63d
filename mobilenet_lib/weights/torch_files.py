"""torch's .pt files: a zip archive with a pickle inside, opened without running any code.

A pickle is a program. `torch.load` with `weights_only=True` runs none of it but what makes tensors
and plain data. Before that, the pickle's steps are counted without running them, since some that
torch allows take all memory or time: a bytearray of any length, or a copy of a copy of a copy.
"""

from __future__ import annotations

import pickletools
import re
import zipfile
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import torch

from .formats import MAX_HEADER, Checkpoint, WeightsError, check_size, refusing, some
from .states import ADVICE, choose_state

# What torch.save writes for a dictionary of tensors and parameters, and for plain data beside it.
# Much of what torch itself allows is missing: "bytearray" with a large number takes all memory.
NAMES = re.compile(
    r"collections\.OrderedDict|torch\._utils\._rebuild_(tensor_v2|parameter)|"
    r"torch\.(Half|BFloat16|Float|Double|Long|Int|Byte|Bool)Storage|"
    r"torch\.(float16|bfloat16|float32|float64|int64|Size|device)|_codecs\.encode|builtins\.set"
)
# What else may lie beside the weights, such as a best accuracy or the options: looked up by name in
# a pickle, and never imported, since stand-ins take their places.
DICTIONARIES = re.compile(
    r"collections\.defaultdict|"
    r"(pytorch_lightning|lightning\.pytorch)\.utilities\.parsing\.AttributeDict|"
    r"(lightning_fabric|lightning\.fabric)\.utilities\.data\.AttributeDict"
)
OTHERS = re.compile(
    r"numpy\.(core|_core)\.multiarray\.(scalar|_reconstruct)|numpy\.(dtype|ndarray)|"
    r"numpy\.(bool_?|u?int(8|16|32|64)|float(16|32|64))|numpy\.dtypes\.\w+DType|"
    r"builtins\.(bool|dict|float|frozenset|int|list|range|str|tuple)|"
    r"argparse\.Namespace|torch\.torch_version\.TorchVersion|"
    r"pathlib(\._local)?\.(Pure)?(Posix|Windows)?Path"
)
MAX_REUSED = 2**22  # things and letters that a pickle uses again, each time counted


class Inert:
    """Stands for what lies beside the weights; it does nothing."""

    def __init__(self, *_: Any) -> None:
        pass

    def __setstate__(self, _: Any) -> None:
        pass


class InertDict:
    """Stands for a kind of dictionary; torch.load fills a plain one only."""

    def __new__(cls, *_: Any) -> dict:  # type: ignore[misc]  # noqa: D102 - none is ever made
        return {}


def is_torch(archive: zipfile.ZipFile) -> bool:
    """Whether a zip archive is laid out as torch.save does."""
    return any(_is_pickle(name) for name in archive.namelist())


def _is_pickle(name: str) -> bool:
    return name == "data.pkl" or name.endswith("/data.pkl")


def open_torch(
    path: Path, content: BytesIO, archive: zipfile.ZipFile, state: str | None = None
) -> Checkpoint:
    """Open a .pt file whose pickle does nothing but list tensors and plain data.

    What is checked, the `content`, is what is read. Refused is what would run code, is packed (as a
    zip bomb is), or holds no state dict. `state` is for `choose_state`.
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
    with refusing(f"{path} is damaged", ADVICE):  # zipfile and pickletools, on damaged bytes
        names, reused = _inspect(archive.read(pickles[0]))
    others = {name for name in names if not NAMES.fullmatch(name)}
    inert_dicts = {name for name in others if DICTIONARIES.fullmatch(name)}
    inert = {name for name in others if OTHERS.fullmatch(name)}
    if strangers := sorted(others - inert_dicts - inert):
        raise WeightsError(
            f"{path} was not opened: its pickle asks for {some(strangers)}, and could run any "
            f"code. {ADVICE}"
        )
    if reused > MAX_REUSED:
        raise WeightsError(
            f"{path} was not opened: its pickle copies the same things again and again, and could "
            f"take all memory. {ADVICE}"
        )
    with (
        refusing(f"{path} cannot be read by torch", ADVICE),
        torch.serialization.safe_globals(
            [*((InertDict, name) for name in inert_dicts), *((Inert, name) for name in inert)]
        ),
    ):
        content.seek(0)
        loaded = torch.load(content, map_location="cpu", weights_only=True)
    return choose_state(path, loaded, state)


@dataclass(slots=True)
class _Piece:
    """Something on a pickle's stack."""

    size: int
    """Things and letters in it, with all that it holds."""
    name: str = ""
    """Of what was looked up by name."""
    text: str = ""
    """A text; of a tuple, its last."""


FILL = ("APPEND", "APPENDS", "SETITEM", "SETITEMS", "BUILD")  # they change what lies below


def _inspect(content: bytes) -> tuple[set[str], int]:
    """Every name that a pickle would look up, and how much it uses again, without running it.

    Each thing that is taken from its memo counts with all that it holds: that is what a set, a
    hash or a copy of it costs.
    """
    names: set[str] = set()
    stack: list[Any] = []  # of pieces, and None for marks
    memo: dict[Any, _Piece] = {}
    reused = 0
    for opcode, argument, _ in pickletools.genops(content):
        kind = opcode.name
        if opcode.proto > 2 or kind == "DUP":  # torch.save writes neither
            return names | {f"{kind} of pickle protocol {opcode.proto}"}, reused
        if kind.endswith("PUT"):
            memo[argument] = stack[-1]
        elif kind.endswith("GET"):
            stack.append(memo[argument])
            reused += memo[argument].size
            if reused > MAX_REUSED:
                break
        elif kind == "MARK":
            stack.append(None)
        else:
            taken = _take(stack, opcode.stack_before)
            piece = _Piece(1 + sum(item.size for item in taken))
            if kind in ("GLOBAL", "INST"):
                piece.name = _dotted(str(argument))
                names.add(piece.name)
            elif isinstance(argument, str):
                piece.text = argument
                piece.size += len(argument)
            elif kind in FILL:
                taken[0].size, piece = piece.size, taken[0]
            elif kind in ("REDUCE", "NEWOBJ") and not taken[0].name:
                names.add("a call of what has no name")
            elif kind == "REDUCE" and taken[0].name == "_codecs.encode":
                if taken[1].text != "latin1":
                    names.add("_codecs.encode to another code than latin1")
            elif taken:
                piece.text = taken[-1].text
            stack += [piece] * len(opcode.stack_after)
    return names, reused


def _take(stack: list[Any], before: list[pickletools.StackObject]) -> list[_Piece]:
    """Off the stack, what a step says that it takes."""
    taken, count = [], len(before)
    if pickletools.markobject in before:
        count = before.index(pickletools.markobject)
        while (piece := stack.pop()) is not None:
            taken.append(piece)
    taken += [stack.pop() for _ in range(count)]
    return taken[::-1]


def _dotted(argument: str) -> str:
    """A name in Python 3's spelling, as torch.load looks it up."""
    module, _, name = argument.partition(" ")
    module, name = NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name))
    return f"{module}.{name}"
