"""Where a checkpoint comes from: a file, a folder, the book, or the Hugging Face hub."""

from __future__ import annotations

import importlib
import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..files import find_data
from .opening import READABLE, SUFFIXES, index_of, shard_map
from .stored import MAX_HEADER, WeightsError, shorten

WEIGHTS = "model.safetensors"
SHARDED = "model.safetensors.index.json"
BESIDE = ("config.json", "preprocessor_config.json")
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
        there = [name for name in (WEIGHTS, SHARDED) if (path / name).is_file()]
        if not there:
            raise FileNotFoundError(f"the folder {path} has no {WEIGHTS}; name the file itself")
        path = path / there[0]
    path = index_of(path) or path
    if path.is_file():
        # A hub's folder has its configuration beside the weights; any other file stands alone.
        names = BESIDE if path.name in (WEIGHTS, SHARDED) else ()
        there = {name: path.with_name(name) for name in names if path.with_name(name).is_file()}
        return Found(path, _read(there), {"file": path.name})
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
    files: dict[str, Path] = {}
    try:
        # Safetensors only: the pickles that some repositories hold beside them could run code.
        weights = _weights(hub, errors, name, revision)
        for beside in BESIDE:
            try:
                files[beside] = Path(hub.hf_hub_download(name, beside, revision=revision))
            except (errors.EntryNotFoundError, errors.LocalEntryNotFoundError):
                continue  # timm's have no preprocessor_config.json
    # A file that is not in the local folder is an EntryNotFoundError too: it comes first.
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as error:
        raise _unreachable(name, error) from error
    except errors.EntryNotFoundError as error:
        raise FileNotFoundError(
            f"the hub's {name} has no {WEIGHTS}, and nothing else is loaded from there, since a "
            "pickle could run code. Choose another revision, or convert it yourself"
        ) from error
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
        raise _unreachable(name, error) from error
    commit = weights.parent.name  # the hub's folders are called by their commit
    return Found(weights, _read(files), {"repository": name, "revision": commit})


def _weights(hub: Any, errors: Any, name: str, revision: str | None) -> Path:
    """The weights, downloaded; where they are in shards, their index, with the shards beside it."""
    try:
        return Path(hub.hf_hub_download(name, WEIGHTS, revision=revision))
    except errors.EntryNotFoundError as missing:  # offline, too
        try:
            index = Path(hub.hf_hub_download(name, SHARDED, revision=revision))
        except errors.EntryNotFoundError:
            raise missing from None
    for shard in sorted(set(shard_map(index).values())):
        try:  # of the same commit as the index, also if the branch moves on meanwhile
            hub.hf_hub_download(name, shard, revision=index.parent.name)
        except errors.LocalEntryNotFoundError:
            raise
        except errors.EntryNotFoundError as error:
            raise WeightsError(
                f"the hub's {name} has no {shorten(shard, 80)}, which its {SHARDED} names; choose "
                "another revision"
            ) from error
    return index


def _unreachable(name: str, error: Exception) -> ConnectionError:
    return ConnectionError(
        f"{name} is no file here and was not downloaded before, and the hub cannot be reached "
        f"({type(error).__name__}). With a network, load it once: it is kept for later. Without "
        "one, the person detector in data/checkpoints/ is there"
    )


def _read(files: dict[str, Path]) -> dict[str, Any]:
    """The JSON files beside a checkpoint, by name without suffix."""
    read: dict[str, Any] = {}
    for name, path in files.items():
        try:
            if path.stat().st_size > MAX_HEADER:
                raise ValueError(f"it has over {MAX_HEADER:,} bytes")
            content = json.loads(path.read_bytes())
            if not isinstance(content, dict):
                raise ValueError(f"it holds a {type(content).__name__}, not an object")
        except (ValueError, RecursionError) as error:
            raise WeightsError(f"{path} is damaged ({shorten(str(error))})") from error
        read[name.removesuffix(".json")] = content
    return read
