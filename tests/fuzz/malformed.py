"""A thousand malformed files, the same ones for the same seed.

Half are images, half are checkpoints. Most are valid files that were damaged blindly: cut short,
bits flipped, pieces overwritten, moved, left out or repeated, or put under another ending. The rest
are built to do harm: sizes that no machine has, archives that unpack to gigabytes, headers nested
without end, pickles that run a program.
"""

import importlib.util
import io
import json
import pickle
import struct
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
import torch
from PIL import Image

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS.parent)]

import checkpoint_files as files  # noqa: E402 - its folder comes first

from mobilenet_lib.convention import PAPER, TIMM  # noqa: E402
from mobilenet_lib.files import find_data  # noqa: E402
from mobilenet_lib.preprocess import INCEPTION  # noqa: E402
from mobilenet_lib.weights import export_state, save_checkpoint  # noqa: E402

SEED = 20170417
COUNT = 1000
BUILT = 4  # every fourth file is built to do harm, the others are damaged blindly
IMAGES = {
    "plain.jpg": {"quality": 80},
    "progressive.jpg": {"progressive": True},
    "plain.png": {},
    "plain.webp": {},
    "plain.bmp": {},
    "lzw.tiff": {"compression": "tiff_lzw"},
    "deflate.tiff": {"compression": "tiff_adobe_deflate"},
    "plain.ppm": {},
}


def malformed(folder: Path, canary: Path, seed: int, count: int) -> Iterator[tuple[str, Path]]:
    """Write `count` files one after another, each with a word on how it was made.

    `canary` is a file that the harmful pickles would write.
    """
    image_seeds, checkpoint_seeds = valid_images(), valid_checkpoints()
    image_traps, checkpoint_traps = built_images(), built_checkpoints(canary)
    for i in range(count):
        rng = Random(seed + i)
        seeds, traps = (image_seeds, image_traps) if i % 2 else (checkpoint_seeds, checkpoint_traps)
        if i // 2 % BUILT == 0:
            name = sorted(traps)[i // 2 // BUILT % len(traps)]
            content, how = traps[name](rng), "built"
        else:
            name = rng.choice(sorted(seeds))
            damage = rng.choice(DAMAGES)
            content, how = damage(seeds[name], rng), damage.__name__
            if rng.random() < 0.05:
                name, how = rng.choice(sorted(seeds)), f"{how}, wrong ending"
        kind = "image" if i % 2 else "checkpoint"
        path = folder / f"{kind}-{i:04d}-{name.replace(' ', '-')}"
        path.write_bytes(content)
        yield how, path


# --- Blind damage -------------------------------------------------------------------------------


def cut_short(content: bytes, rng: Random) -> bytes:
    """Leave the end out."""
    return content[: rng.randrange(len(content))]


def bits_flipped(content: bytes, rng: Random) -> bytes:
    """Flip one to a hundred bits, mostly in the header, where it hurts."""
    damaged = bytearray(content)
    end = len(damaged) if rng.random() < 0.4 else min(len(damaged), rng.choice((64, 512, 16384)))
    for _ in range(rng.choice((1, 1, 2, 8, 100))):
        damaged[rng.randrange(end)] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def overwritten(content: bytes, rng: Random) -> bytes:
    """Write zeros, ones or noise over a piece."""
    start, length = rng.randrange(len(content)), rng.choice((4, 8, 64, 4096))
    piece = rng.choice((b"\0" * length, b"\xff" * length, rng.randbytes(length)))
    return content[:start] + piece + content[start + length :]


def left_out(content: bytes, rng: Random) -> bytes:
    """Leave a piece out."""
    start = rng.randrange(len(content))
    return content[:start] + content[start + rng.choice((1, 4, 100, 5000)) :]


def repeated(content: bytes, rng: Random) -> bytes:
    """Put a piece of the file into another place once more."""
    start, place = rng.randrange(len(content)), rng.randrange(len(content))
    return content[:place] + content[start : start + rng.choice((1, 16, 3000))] + content[place:]


def padded(content: bytes, rng: Random) -> bytes:
    """Put noise before or after."""
    noise = rng.randbytes(rng.choice((1, 7, 512)))
    return noise + content if rng.random() < 0.5 else content + noise


DAMAGES = (cut_short, bits_flipped, bits_flipped, overwritten, left_out, repeated, padded)


# --- Valid files to damage ----------------------------------------------------------------------


def valid_images() -> dict[str, bytes]:
    """One small photo in every format that is read, by its ending."""
    with Image.open(find_data() / "photos/cat.jpg") as photo:
        small = photo.convert("RGB").resize((96, 64))
    return {name: _encoded(small, name, **options) for name, options in IMAGES.items()}


def _encoded(image: Image.Image, name: str, **options: object) -> bytes:
    content = io.BytesIO()
    kind = name.rpartition(".")[2]
    image.save(content, {"jpg": "JPEG"}.get(kind, kind.upper()), **options)
    return content.getvalue()


def valid_checkpoints() -> dict[str, bytes]:
    """A narrow network in every kind of file, by its ending; HDF5 only where h5py is installed."""
    ours = files.small_net(PAPER, alpha=0.06, num_classes=2, resolution=64)
    theirs = {
        name: tensor.numpy()
        for name, tensor in export_state(files.small_net(TIMM, alpha=0.1), "timm").items()
    }
    options = {"preprocess": INCEPTION.at(64), "classes": ("ant", "bee"), "source": {"a": "b"}}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        save_checkpoint(ours, folder / "ours.safetensors", **options)
        torch.save(ours.state_dict(), folder / "ours.pt")
        files.write_safetensors(folder / "timm.safetensors", theirs)
        files.write_npz(folder / "timm.npz", theirs)
        if importlib.util.find_spec("h5py"):
            keras = files.renamed(ours.state_dict(), "keras")
            files.write_keras(folder / "keras.h5", keras, "weights")
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


# --- Images built to do harm --------------------------------------------------------------------

Builder = Callable[[Random], bytes]


def built_images() -> dict[str, Builder]:
    """Makers of harmful images, by what they are called."""
    return {
        "empty.jpg": lambda rng: b"",
        "noise.jpg": lambda rng: rng.randbytes(rng.randrange(1, 5000)),
        "text.png": lambda rng: b"a picture of a cat " * rng.randrange(1, 99),
        "huge.png": lambda rng: _png(
            rng.choice((2**31 - 1, 70_000)), rng.choice((2**31 - 1, 9000))
        ),
        "bomb.png": lambda rng: _png(7000, 7400, fill=True),  # as large as is read
        "too large.png": lambda rng: _png(9000, 9000, fill=True),
        "text bomb.png": lambda rng: _png(9, 9, fill=True, text=2**28),
        "profile bomb.png": lambda rng: _png(9, 9, fill=True, profile=2**28),
        "huge.jpg": lambda rng: _huge_jpeg(rng.randrange(20_000, 65_535)),
        "huge.gif": lambda rng: b"GIF89a\xff\xff\xff\xff\x80\0\0" + bytes(6) + _gif_frame(rng),
        "huge.bmp": lambda rng: _bmp(
            rng.choice((2**31 - 1, 60_000)), rng.choice((60_000, -(2**31)))
        ),
        "huge.tiff": lambda rng: _tiff(rng.choice((2**32 - 1, 50_000))),
        "huge.ppm": lambda rng: b"P6 %d %d 255\n" % (10 ** rng.randrange(4, 30), 10**5),
        "thin.ppm": lambda rng: b"P6 400000 1 255\n" + bytes(1_200_000),
        "program.eps": lambda rng: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x)run\n",
        "drawing.svg": lambda rng: b"<!DOCTYPE s [<!ENTITY a 'aaaa'>]><svg>&a;</svg>",
        "pickle.png": lambda rng: pickle.dumps({"a": 1}),
    }


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@cache
def _zeros(size: int) -> bytes:
    """`size` zeros, packed, without ever having them all in memory."""
    packer, parts = zlib.compressobj(9), []
    for start in range(0, size, 2**22):
        parts.append(packer.compress(bytes(min(2**22, size - start))))
    return b"".join([*parts, packer.flush()])


def _png(width: int, height: int, fill: bool = False, text: int = 0, profile: int = 0) -> bytes:
    data = _zeros((1 + 3 * width) * height) if fill else zlib.compress(b"\0\0\0\0")
    parts = [_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))]
    if profile:
        parts.append(_chunk(b"iCCP", b"p\0\0" + _zeros(profile)))
    if text:
        parts.append(_chunk(b"zTXt", b"Comment\0\0" + _zeros(text)))
    return b"".join([b"\x89PNG\r\n\x1a\n", *parts, _chunk(b"IDAT", data), _chunk(b"IEND", b"")])


def _huge_jpeg(size: int) -> bytes:
    content = _encoded(Image.new("RGB", (16, 16)), "jpg")
    start = content.index(b"\xff\xc0")
    return content[: start + 5] + struct.pack(">HH", size, size) + content[start + 9 :]


def _gif_frame(rng: Random) -> bytes:
    return b",\0\0\0\0\xff\xff\xff\xff\0\x08" + rng.randbytes(200)


def _bmp(width: int, height: int) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 999, 0, 0, 54) + header + bytes(99)


def _tiff(size: int) -> bytes:
    tags = ((256, size), (257, size), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, size))
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(99)


# --- Checkpoints built to do harm ---------------------------------------------------------------


class Payload:
    """Writes the canary when it is unpickled in the ordinary way."""

    def __init__(self, canary: Path) -> None:
        self.canary = str(canary)

    def __reduce__(self) -> tuple:
        return exec, (f"open({self.canary!r}, 'w').close()",)


def built_checkpoints(canary: Path) -> dict[str, Builder]:
    """Makers of harmful checkpoints, by what they are called."""

    def harmful(rng: Random) -> bytes:
        return pickle.dumps({"conv_0.conv.weight": Payload(canary)}, rng.randrange(6))

    return {
        "empty.safetensors": lambda rng: b"",
        "noise.safetensors": lambda rng: rng.randbytes(rng.randrange(1, 5000)),
        "noise.pt": lambda rng: b"PK\x03\x04" + rng.randbytes(rng.randrange(1, 5000)),
        "huge header.safetensors": lambda rng: (
            struct.pack("<Q", 2 ** rng.randrange(22, 64)) + b"{}"
        ),
        "huge shape.safetensors": lambda rng: _header(shape=[2 ** rng.randrange(20, 40)] * 2),
        "huge product.safetensors": lambda rng: _header(shape=[2**32, 2**32, 2**32]),
        "negative.safetensors": lambda rng: _header(shape=[-4]),
        "offsets.safetensors": lambda rng: _header(data_offsets=[0, 2 ** rng.randrange(8, 63)]),
        "overlap.safetensors": lambda rng: _header(data_offsets=[8, 0]),
        "dtype.safetensors": lambda rng: _header(dtype=rng.choice(("F99", "", 7, None))),
        "nested.safetensors": lambda rng: _raw(b"[" * 100_000),
        "metadata.safetensors": lambda rng: _header(
            metadata=rng.choice(("{" * 9000, "[" * 9000, "{}"))
        ),
        "many.safetensors": _many,
        "pickle.pt": harmful,
        "pickle.bin": harmful,
        "archive pickle.pt": lambda rng: files.torch_archive(harmful(rng)),
        "packed pickle.pt": lambda rng: files.torch_archive(harmful(rng), zipfile.ZIP_DEFLATED),
        "memory pickle.pt": lambda rng: files.torch_archive(
            b"\x80\x02cbuiltins\nbytearray\n\x8a\x06" + struct.pack("<Q", 2**40)[:6] + b"\x85R."
        ),
        "memo pickle.pt": lambda rng: files.torch_archive(_doubling(rng.randrange(30, 200))),
        "endless pickle.pt": lambda rng: files.torch_archive(b"\x80\x02" + b"(" * 10**6),
        "expanded.pt": lambda rng: _saved({"fc.weight": torch.zeros(1).expand(2**40)}),
        "module.pt": lambda rng: _saved(torch.nn.Linear(2, 2)),
        "list.pt": lambda rng: _saved([torch.zeros(2)] * 3),
        "objects.npz": lambda rng: _npz(np.array([Payload(canary)], dtype=object)),
        "bomb.npz": lambda rng: _npz_entry((2**28,), 2**30),
        "claims.npz": lambda rng: _npz_entry((2 ** rng.randrange(30, 60),), 64),
        "negative.npz": lambda rng: _npz_entry((-3,), 64),
        "long header.npz": lambda rng: _npz_raw(
            b"\x93NUMPY\x02\0" + struct.pack("<I", 2**31) + b"{"
        ),
        "program header.npz": lambda rng: _npz_raw(_npy_text("__import__('os').abort()")),
        "nested header.npz": lambda rng: _npz_raw(_npy_text("(" * 9000)),
        "other.zip": lambda rng: _zip_of({"../../escape.txt": b"x", "readme.md": b"y"}),
        "many.zip": lambda rng: _zip_of({f"{i}.npy": b"" for i in range(11_000)}),
    }


def _raw(header: bytes, data: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header + data


def _header(metadata: str = "", **changes: object) -> bytes:
    entry = {"dtype": "F32", "shape": [4], "data_offsets": [0, 16], **changes}
    header: dict[str, object] = {"conv_0.conv.weight": entry}
    if metadata:
        header["__metadata__"] = {"mobilenet_lib": metadata}
    return _raw(json.dumps(header).encode(), bytes(16))


def _many(rng: Random) -> bytes:
    entry = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    return _raw(json.dumps({f"layer {i}": entry for i in range(20_000)}).encode())


def _doubling(depth: int) -> bytes:
    """A list of two lists of two lists...: few bytes, and 2^depth things to whoever walks it."""
    return b"\x80\x02]q\x00" + b"](h\x00h\x00eq\x00" * depth + b"."


def _saved(content: object) -> bytes:
    out = io.BytesIO()
    torch.save(content, out)
    return out.getvalue()


def _npz(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.savez(out, weight=array)
    return out.getvalue()


@cache
def _npz_entry(shape: tuple[int, ...], zeros: int) -> bytes:
    """An archive of one array that claims `shape`, followed by `zeros` bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:  # noqa: SIM117
        with archive.open("conv_0.conv.weight.npy", "w", force_zip64=True) as entry:
            entry.write(
                _npy_text(f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}")
            )
            for start in range(0, zeros, 2**24):
                entry.write(bytes(min(2**24, zeros - start)))
    return out.getvalue()


def _npy_text(header: str) -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(text)) + text


def _npz_raw(content: bytes) -> bytes:
    return _zip_of({"conv_0.conv.weight.npy": content})


def _zip_of(entries: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return out.getvalue()
