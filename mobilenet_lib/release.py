"""The book's `data/` folder for a library without the book: from a folder, an archive, an address.

`data/manifest.txt` lists its files with their SHA-256. Nothing else is copied, and nothing that is
not as listed; the folder gets its name when all of it is there.
"""

from __future__ import annotations

import errno
import gzip
import http.client
import lzma
import os
import shutil
import tarfile
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from filelock import FileLock, Timeout
from tqdm.auto import tqdm

from .files import printable, write_atomically
from .installed import project_url
from .manifest import (
    HEADER,
    LIMIT,
    MANIFEST,
    DataError,
    Entry,
    few,
    is_there,
    problems,
    read_manifest,
)

MEMBERS = 100_000
"""Files that an archive may have, and 16 times LIMIT in all."""
CHUNK = 2**20
BROKEN = (
    *(tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, lzma.LZMAError),
    *(EOFError, RuntimeError, UnicodeDecodeError),  # of a locked ZIP; of names in a damaged one
)
"""What archives raise that are cut off, damaged or locked."""


def get_data(source: str | os.PathLike[str] | None, to: Path) -> list[Entry]:
    """Bring the book's data to the folder `to`; the files that it holds.

    Parameters
    ----------
    source
        A checkout of the book or its data folder; an archive of one, .zip or .tar with any
        compression; an http(s) address of an archive; None for the project's own address. After
        an interrupt the same call goes on where it was.
    to
        A folder that is not there yet, or is whole already; then nothing is changed.

    Raises
    ------
    DataError
        The source is not the book's data, or is damaged.
    FileExistsError
        `to` is something else.
    OSError
        There is no such source, no room, no network, or no right to write.
    """
    named = os.fspath(source) if source is not None else project_url("Data")
    if named is None:
        raise DataError(
            "the book has no address yet from which its data could be fetched. Get the book, as a "
            "checkout or a ZIP, and name it: mobilenet data PATH"
        )
    if "://" in named and not named.startswith(("http://", "https://")):
        raise DataError(f"only http and https addresses are fetched, not {named}")
    to.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(to.parent / f".{to.name}.lock", timeout=0):
            if "://" not in named:
                return _bring(Path(named), to)
            archive = to.parent / f".{to.name}.download.part"
            try:
                _download(named, archive)
                entries = _bring(archive, to)
            except DataError as error:
                archive.unlink(missing_ok=True)  # or it would be taken up again
                raise DataError(f"{named}: {error}") from error
            archive.unlink()
            return entries
    except Timeout:
        raise FileExistsError(f"another `mobilenet data` is writing {to}; wait for it") from None


# --- From a folder or an archive ----------------------------------------------------------------


def _bring(source: Path, to: Path) -> list[Entry]:
    try:
        with _opened(source) as (names, read):
            place = _place_of_manifest(source, names, read)
            content = _read(read, place + MANIFEST, CHUNK)
            entries = read_manifest(content.decode(errors="replace"))
            order = {name: position for position, name in enumerate(names)}  # tar likes it
            entries = tuple(sorted(entries, key=lambda entry: order.get(place + entry.path, 0)))
            if os.path.lexists(to) and not _is_empty(to):
                _check_same(to, content)
                return list(entries)
            _copy(source, entries, lambda path, size: _read(read, place + path, size), content, to)
            return list(entries)
    except BROKEN as error:
        raise DataError(
            f"{printable(source)} cannot be read ({error or type(error).__name__}): it is damaged, "
            "was cut off, or is locked. Get it again"
        ) from error


@contextmanager
def _opened(source: Path) -> Iterator[tuple[list[str], Callable[[str], IO[bytes] | None]]]:
    """Names of what a source holds, in its order, and how one of them is opened."""
    if source.is_dir():
        inside = sorted(path.name for path in source.iterdir() if path.is_dir())
        places = ("", "data/", *(f"{name}/data/" for name in inside))  # the last: an unpacked ZIP
        names = [f"{place}{MANIFEST}" for place in places if (source / place / MANIFEST).is_file()]
        yield names, lambda name: (source / name).open("rb")
    elif not source.exists():
        raise FileNotFoundError(f"there is no folder and no archive {printable(source)}")
    elif zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as packed:
            _check_size((len(packed.filelist), sum(info.file_size for info in packed.filelist)))
            yield packed.namelist(), packed.open
    elif tarfile.is_tarfile(source):
        with tarfile.open(source) as archive:
            members: dict[str, tarfile.TarInfo] = {}
            for number, member in enumerate(archive, start=1):
                _check_size((number, member.offset_data + member.size))
                if member.isreg():  # a link could lead out of the archive
                    members[member.name.removeprefix("./")] = member
            yield list(members), lambda name: archive.extractfile(members[name])
    else:
        raise DataError(
            f"{printable(source)} is neither a folder nor a .zip or .tar archive that can be read; "
            "if it was downloaded, it may have been cut off"
        )


def _check_size(found: tuple[int, int]) -> None:
    if found[0] > MEMBERS or found[1] > 16 * LIMIT:
        raise DataError("the archive is far larger than the book, so it was not unpacked")


def _read(read: Callable[[str], IO[bytes] | None], name: str, size: int) -> bytes:
    """At most one byte more than a file is to have, however many it would unpack to."""
    stream = read(name)
    if stream is None:
        raise KeyError(name)
    with stream:
        return stream.read(size + 1)


def _place_of_manifest(
    source: Path, names: Iterable[str], read: Callable[[str], IO[bytes] | None]
) -> str:
    """The folder of the outermost manifest of the book's data, "" or with a slash at its end."""
    found = [name for name in names if PurePosixPath(name).name == MANIFEST]
    for name in sorted(found, key=lambda name: name.count("/")):
        if _read(read, name, len(HEADER)).startswith(HEADER.encode()):
            return name.removesuffix(MANIFEST)
    raise DataError(
        f"{printable(source)} is not the book and not its data folder: no {MANIFEST} of the book's "
        "data is in it"
    )


def _copy(
    source: Path,
    entries: tuple[Entry, ...],
    read: Callable[[str, int], bytes],
    manifest: bytes,
    to: Path,
) -> None:
    part = to.parent / f".{to.name}.part"  # what an interrupt left there is used again
    needed = sum(entry.size for entry in entries if not is_there(part, entry))
    wrong = []
    try:
        if needed > (free := shutil.disk_usage(to.parent).free):
            raise OSError(errno.ENOSPC, f"{needed:,} bytes are needed and {free:,} are free")
        for entry in entries:
            if is_there(part, entry):
                continue
            try:
                content = read(entry.path, entry.size)
            except (KeyError, FileNotFoundError):
                wrong.append(f"{entry.path} is missing")
                continue
            if entry.fits(content):
                write_atomically(part / entry.path, content)
            else:
                wrong.append(f"{entry.path} is not as listed")
        if wrong:
            raise DataError(
                f"{printable(source)} does not hold the data that its {MANIFEST} lists: "
                f"{few(wrong)}. Get it again; in a checkout, `git status data` says what changed"
            )
        listed = {part / entry.path for entry in entries}
        for path in [path for path in part.rglob("*") if path.is_file() and path not in listed]:
            path.unlink()  # of another version, or half a file of a process that was killed
        write_atomically(part / MANIFEST, manifest)
        if to.is_dir():  # empty; Windows renames to no name that is taken
            to.rmdir()
        os.replace(part, to)
    except Exception as error:
        shutil.rmtree(part, ignore_errors=True)
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise OSError(
                errno.ENOSPC, f"the disk is full ({error.strerror}); make room, or choose another "
                f"place with --to; nothing was left in {to.parent}"
            ) from error  # fmt: skip
        raise


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir())


def _check_same(to: Path, manifest: bytes) -> None:
    """Refuse a folder that is there and is not the data that was to be brought."""
    try:
        wrong = problems(to)
        why = f"missing or changed in it: {few(wrong)}" if wrong else ""
        if not wrong and (to / MANIFEST).read_bytes() != manifest:
            why = "it holds the data of another version of the book"
    except (DataError, OSError) as error:
        why = str(error)
    if why:
        raise FileExistsError(
            f"{to} is there already ({why}). Move it away, or choose another place with --to"
        )


# --- From an address ----------------------------------------------------------------------------


def _download(address: str, path: Path) -> None:
    """Fetch an archive; what an earlier call has fetched of it is kept."""
    have = path.stat().st_size if path.exists() else 0
    asked = urllib.request.Request(address, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            if have and not str(answer.headers["Content-Range"]).startswith(f"bytes {have}-"):
                have = 0  # it sends the whole again
            rest = answer.headers["Content-Length"]
            total = have + int(rest) if rest else None
            _receive(answer, path, have, total)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # it has no more than is here
            return
        raise OSError(f"{address} answers {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise
        reason = getattr(error, "reason", None) or error
        raise OSError(
            f"{address} could not be fetched ({reason}). Run the same command again to go on where "
            "it stopped, or fetch the archive by other means and name its path"
        ) from error


def _receive(answer: IO[bytes], path: Path, have: int, total: int | None) -> None:
    bar = tqdm(
        desc="data", initial=have, total=total, unit="B", unit_scale=True, disable=None, leave=False
    )
    with bar, open(path, "ab" if have else "wb") as file:
        while content := answer.read(CHUNK):
            have += len(content)
            if have > LIMIT:
                path.unlink()
                raise DataError(
                    f"what is there is larger than the {LIMIT:,} bytes that are allowed"
                )
            file.write(content)
            bar.update(len(content))
    if total is not None and have < total:
        raise OSError(f"the connection ended after {have:,} of {total:,} bytes")
