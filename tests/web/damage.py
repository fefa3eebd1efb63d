"""Compact networks that must be refused, and what the refusal says, in Python and in the page."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable

PREFIX = struct.Struct("<4s4I")


def sealed(content: bytes) -> bytes:
    """The bytes with a length and a checksum that are right for them."""
    mark, version, _, size, _ = PREFIX.unpack_from(content)
    rest = content[PREFIX.size :]
    return PREFIX.pack(mark, version, PREFIX.size + len(rest), size, zlib.crc32(rest)) + rest


def flipped(content: bytes, place: int) -> bytes:
    """The bytes with one bit changed."""
    return content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :]


def with_header(change: Callable[[dict], object]) -> Callable[[bytes], bytes]:
    """A way to change the header and seal the whole again."""

    def damage(content: bytes) -> bytes:
        mark, version, length, size, checksum = PREFIX.unpack_from(content)
        header = json.loads(content[PREFIX.size : PREFIX.size + size])
        change(header)
        told = json.dumps(header).encode()
        told += b" " * (-len(told) % 4)
        body = content[PREFIX.size + size :]
        return sealed(PREFIX.pack(mark, version, length, len(told), checksum) + told + body)

    return damage


DAMAGES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda c: b"", r"is no .*network: 0 bytes"),
    "a page instead": (lambda c: b"<!doctype html>404", r"is no .*network: 18 bytes"),
    "cut in the prefix": (lambda c: c[:11], r"cut short: 11 bytes"),
    "cut in the header": (lambda c: c[:500], r"cut short: it has 500 bytes and says [\d,]+"),
    "cut by one byte": (lambda c: c[:-1], r"cut short: it has [\d,]+ bytes and says [\d,]+"),
    "too long": (lambda c: c + b"\0", r"too long: it has [\d,]+ bytes and says [\d,]+"),
    "newer": (lambda c: c[:4] + b"\2" + c[5:], r"of version 2, this (engine|library) reads 1"),
    "a bit of the header": (lambda c: flipped(c, 100), r"damaged: its checksum"),
    "a bit of a weight": (lambda c: flipped(c, len(c) // 2), r"damaged: its checksum"),
    "a header that is no JSON": (
        lambda c: sealed(c[: PREFIX.size] + b"?" + c[PREFIX.size + 1 :]),
        r"header",
    ),
    "no layers": (with_header(lambda h: h.pop("layers")), r"header"),
    "an unknown precision": (with_header(lambda h: h.update(precision="int4")), r"header"),
    "more weights than there are": (
        with_header(lambda h: h["layers"][-1].update(in_channels=10**6)),
        r"header",
    ),
    "fewer weights than there are": (with_header(lambda h: h["layers"].pop()), r"header"),
}
