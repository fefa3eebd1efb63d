"""From what a reader names to an open file: a path, a folder, the book's own, or the hub's.

What kind a file is follows from its content, whatever its ending.
"""

from __future__ import annotations

import importlib
import io
import os
import re
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..files import find_data
from .formats import (
    INDEX,
    PART,
    Checkpoint,
    WeightsError,
    check_size,
    check_sizes,
    is_safetensors,
    open_npz,
    open_safetensors,
    open_shards,
    read_object,
    refusing,
    shorten,
)
from .keras_files import KERAS_WEIGHTS, SIGNATURE, open_hdf5, open_keras
from .torch_files import is_torch, open_torch

SUFFIXES = (".safetensors", ".pt", ".pth", ".bin", ".npz", ".h5", ".hdf5", ".keras")
READABLE = "a .safetensors, .pt (torch.save), .npz, .h5 or .keras file"

WEIGHTS = "model.safetensors"
WEIGHTS_IN = (WEIGHTS, f"model{INDEX}")
BESIDE = ("config.json", "preprocessor_config.json")
# Safetensors only: the pickles that some repositories hold beside them could run code.
WANTED = (*WEIGHTS_IN, "model-*-of-*.safetensors", *BESIDE)
NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
BARE = re.compile(r"[\w-]+")


@dataclass(frozen=True)
class Found:
    """A checkpoint file on this machine, what stands beside it, and where it is from."""

    path: Path
    beside: dict[str, Any] = field(default_factory=dict)
    source: dict[str, str] = field(default_factory=dict)


def find(source: str | os.PathLike[str], revision: str | None = None) -> Found:
    """Find a checkpoint, and download it if it is the name of one on the hub.

    Raises
    ------
    FileNotFoundError
        There is no such file or folder, or the hub has no such checkpoint.
    ModuleNotFoundError
        The hub is needed, and huggingface_hub is not installed.
    ConnectionError
        The hub cannot be reached, and the checkpoint was not downloaded before.
    """
    path = Path(source)
    if path.is_dir():
        weights = _weights(path)
        if weights is None:
            raise FileNotFoundError(f"the folder {path} has no {WEIGHTS}; name the file itself")
        path = weights
    if (part := PART.fullmatch(path.name)) and path.is_file():
        index = path.with_name(part[1] + INDEX)
        if not index.is_file():
            raise WeightsError(
                f"{path} is one of {int(part[2])} shards, and their index {index.name} is not "
                "beside it; get all of them and the index, and name the index or the folder"
            )
        path = index
    if path.is_file():
        return Found(path, _beside(path), {"file": path.name})
    name = str(source)
    if NAME.fullmatch(name) and path.suffix.lower() not in SUFFIXES:
        return _download(name, revision)
    books: dict[str, Path] = {}
    try:
        books = {path.stem: path for path in find_data("checkpoints").glob("*.safetensors")}
    except FileNotFoundError as error:  # the library without the book
        if BARE.fullmatch(name):
            raise FileNotFoundError(f"no file or folder {name!r} is here, and {error}") from error
    if name in books:
        return Found(books[name], source={"file": books[name].name})
    raise FileNotFoundError(
        f"no checkpoint {name!r}; give {READABLE}, one of the book's "
        f"({', '.join(sorted(books)) or 'none is here'}), or a name on the hub such as "
        "'timm/mobilenetv1_100.ra4_e3600_r224_in1k'"
    )


def _weights(folder: Path) -> Path | None:
    """The weights in a folder as the hub lays it out, or the index of their shards."""
    return next((folder / name for name in WEIGHTS_IN if (folder / name).is_file()), None)


def _beside(weights: Path) -> dict[str, Any]:
    """The configuration that a hub's folder has beside its weights; any other file stands alone."""
    names = BESIDE if weights.name in WEIGHTS_IN else ()
    files = (weights.with_name(name) for name in names)
    return {file.stem: read_object(file) for file in files if file.is_file()}


def _download(name: str, revision: str | None) -> Found:
    try:
        hub = importlib.import_module("huggingface_hub")
        errors = importlib.import_module("huggingface_hub.errors")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"no file or folder {name!r} here; to take it for a name on the hub, huggingface_hub "
            "is needed: pip install huggingface_hub",
            name="huggingface_hub",
        ) from error
    try:
        folder = Path(hub.snapshot_download(name, revision=revision, allow_patterns=[*WANTED]))
    except errors.RevisionNotFoundError as error:
        raise FileNotFoundError(
            f"the hub's {name} has no revision {revision!r}; name a branch, a tag or a commit of it"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise FileNotFoundError(
            f"no checkpoint {name!r}: neither a file here nor a public repository on the hub"
        ) from error
    except errors.HFValidationError as error:
        raise FileNotFoundError(f"no checkpoint {name!r} ({shorten(str(error))})") from error
    # A download that breaks off raises an error of the HTTP client, whichever that is.
    except (OSError, *errors.HfHubHTTPError.__bases__) as error:
        raise ConnectionError(
            f"{name} is no file here and was not downloaded before, and the hub cannot be reached "
            f"({type(error).__name__}). With a network, load it once: it is kept for later. "
            "Without one, the person detector in data/checkpoints/ is there"
        ) from error
    weights = _weights(folder)
    if weights is None:
        raise FileNotFoundError(
            f"the hub's {name} has no {WEIGHTS}, and nothing else is loaded from there, since a "
            "pickle could run code. Choose another revision, or convert it yourself"
        )
    # The hub's folders are called by their commit.
    return Found(weights, _beside(weights), {"repository": name, "revision": folder.name})


# --- Opening --------------------------------------------------------------------------------------


@contextmanager
def opened(path: Path, state: str | None = None) -> Iterator[Checkpoint]:
    """Open a checkpoint of any kind; its tensors can be read inside the block.

    `state` is which of several in a .pt file; None chooses. What is no checkpoint, damaged, too
    large, or would run code is refused.
    """
    check_size(path, path.stat().st_size)
    with path.open("rb") as file:
        start = file.read(len(SIGNATURE))
    with ExitStack() as stack:
        if start.startswith(b"PK"):
            yield _open_zip(path, state, stack)
        elif state is not None:
            raise _stateless(path, state)
        elif path.name.endswith(INDEX):
            yield open_shards(path, stack)
        elif start == SIGNATURE:
            yield open_hdf5(path, stack)
        elif is_safetensors(path) or (start and path.suffix == ".safetensors"):
            yield open_safetensors(path, stack)
        else:
            raise _unknown(path, start)


def _open_zip(path: Path, state: str | None, stack: ExitStack) -> Checkpoint:
    # From memory: what is checked is what is read, whatever happens to the file meanwhile.
    content = io.BytesIO(path.read_bytes())
    with refusing(f"{path} is a damaged zip archive", "download it again"):
        archive = stack.enter_context(zipfile.ZipFile(content))
    check_sizes(path, [info.file_size for info in archive.infolist()])
    if is_torch(archive):
        return open_torch(path, content, archive, state)
    if state is not None:
        raise _stateless(path, state)
    if KERAS_WEIGHTS in archive.namelist():
        return open_keras(path, archive, stack)
    return open_npz(path, archive)


def _stateless(path: Path, state: str) -> WeightsError:
    return WeightsError(
        f"{path} has no state {shorten(state, 80)!r}: only .pt files (torch.save) have several; "
        "leave state out"
    )


def _unknown(path: Path, start: bytes) -> WeightsError:
    if not start:
        return WeightsError(f"{path} is empty (0 bytes); {READABLE} is needed")
    if start[:1] == b"\x80" or path.suffix in (".pkl", ".pickle"):
        return WeightsError(
            f"{path} is a bare pickle, which can run any code when it is opened; it was not. Save "
            "the weights as .safetensors, or with torch.save of torch 1.6 or later"
        )
    return WeightsError(f"{path} is of an unknown format; {READABLE} is needed")
