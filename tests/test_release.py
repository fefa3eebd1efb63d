"""`mobilenet data`: from folders, archives and addresses, whole or not at all."""

import errno
import http.server
import shutil
import tarfile
import threading
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from filelock import FileLock
from isolated_git import git, needs_git

from mobilenet_lib import cli, files, installed, manifest, release
from mobilenet_lib.manifest import HEADER, DataError

ROOT = Path(__file__).resolve().parent.parent
CONTENT = {
    "README.md": b"The data\n",
    "paper/table01.csv": b"layer\n" * 40,
    "photos/cat.jpg": bytes(range(256)) * 40,
    "results/grid/a.json": b"{}\n",
}


@pytest.fixture
def book(tmp_path):
    """A checkout of a small book, with files that are not the book's."""
    folder = tmp_path / "book"
    for name, content in CONTENT.items():
        (folder / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "data" / name).write_bytes(content)
    (folder / "chapters").mkdir()
    (folder / "chapters/manifest.txt").write_text("of something else\n")
    (folder / "data/manifest.txt").write_text(manifest.make_manifest(folder / "data"))
    for name in ("__pycache__/a.pyc", "paper/.hidden", "mine.json"):
        (folder / "data" / name).parent.mkdir(exist_ok=True)
        (folder / "data" / name).write_bytes(b"mine")
    return folder


def holds(folder):
    """What lies in a folder, by path."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def left_over(folder):
    return [path.name for path in folder.iterdir() if ".part" in path.name]


def whole(folder, book):
    listed = (book / "data/manifest.txt").read_bytes()
    return holds(folder) == CONTENT | {"manifest.txt": listed} and not left_over(folder.parent)


# --- The manifest -------------------------------------------------------------------------------


def test_the_books_manifest_is_current():
    told = (ROOT / "data/manifest.txt").read_text("utf-8")
    assert told == manifest.make_manifest(ROOT / "data"), "run `python data/make_manifest.py`"
    assert manifest.problems(ROOT / "data") == []


@needs_git
def test_the_manifest_lists_what_is_committed_and_no_stray_files():
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    kept = git(ROOT, "ls-files", "-z", "--", "data").decode().split("\0")[:-1]
    entries = manifest.read_manifest((ROOT / "data/manifest.txt").read_text("utf-8"))
    assert sorted(f"data/{e.path}" for e in entries) == sorted({*kept} - {"data/manifest.txt"})


DIGEST = "0" * 64


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no manifest.txt of"),
        (HEADER, "no manifest.txt of"),
        ("# Files\n", "no manifest.txt of"),
        (f"{HEADER}{DIGEST} 1  ../outside\n", "no manifest.txt of"),
        (f"{HEADER}{DIGEST} 1  a/../../outside\n", "no manifest.txt of"),
        (f"{HEADER}{DIGEST} 1  /etc/passwd\n", "no manifest.txt of"),
        (f"{HEADER}{DIGEST} 1  C:outside\n", "no manifest.txt of"),
        (f"{HEADER}{DIGEST} 1  a\\b\n", "no manifest.txt of"),
        (f"{HEADER}{DIGEST} 1  a//b\n", "no manifest.txt of"),
        (f"{HEADER}{DIGEST} -1  a\n", "no manifest.txt of"),
        (f"{HEADER}{DIGEST[1:]} 1  a\n", "no manifest.txt of"),
        (f"{HEADER}{DIGEST} 1  a/b\n{DIGEST} 1  A/b\n", "lists a file twice"),
        (f"{HEADER}{DIGEST} 999999999999  a\n", "more than the 536,870,912 bytes"),
    ],
)
def test_a_manifest_that_could_do_harm_is_refused(text, words):
    with pytest.raises(DataError, match=words):
        manifest.read_manifest(text)


# --- Folders and archives -----------------------------------------------------------------------


def packed(book, kind, prefix="mobilenet-book-main"):
    """An archive of a book, as a hosting site or `git archive` makes one."""
    packing = book.parent / "packing"
    shutil.copytree(book, packing / prefix)
    return Path(shutil.make_archive(str(book.parent / "a"), kind, packing))


SOURCES = {
    "a checkout": lambda book: book,
    "its data folder": lambda book: book / "data",
    "the folder of an unpacked ZIP": lambda book: book.parent,
    "a ZIP": lambda book: packed(book, "zip"),
    "a ZIP without a folder": lambda book: packed(book, "zip", "."),
    "a tar": lambda book: packed(book, "tar"),
    "a tar.gz": lambda book: packed(book, "gztar"),
    "a tar.xz without a folder": lambda book: packed(book, "xztar", "."),
    "data alone": lambda book: Path(
        shutil.make_archive(str(book.parent / "a"), "zip", book, "data")
    ),
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_the_data_comes_from_every_kind_of_source(book, tmp_path, source):
    source = source(book)
    to = tmp_path / "share/deep/data"
    entries = release.get_data(source, to)
    assert {entry.path for entry in entries} == set(CONTENT)
    assert whole(to, book)
    before = (to / "README.md").stat().st_mtime_ns
    release.get_data(source, to)  # it is there and whole, so nothing is written
    assert (to / "README.md").stat().st_mtime_ns == before


def test_an_empty_folder_is_no_obstacle(book, tmp_path):
    (tmp_path / "to").mkdir()
    release.get_data(book, tmp_path / "to")
    assert whole(tmp_path / "to", book)


def cut_short(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def other_bytes(path):
    content = bytearray(path.read_bytes())
    in_tar = path.suffix == ".tar"  # where a third of it may be what is only filled up
    at = content.index(CONTENT["photos/cat.jpg"][:8]) if in_tar else len(content) // 3
    content[at : at + 60] = bytes(255 - byte for byte in content[at : at + 60])
    path.write_bytes(content)


@pytest.mark.parametrize("kind", ["zip", "tar", "gztar", "xztar", "bztar"])
@pytest.mark.parametrize("damage", [cut_short, other_bytes])
def test_a_damaged_archive_leaves_nothing(book, tmp_path, kind, damage):
    archive = packed(book, kind)
    damage(archive)
    with pytest.raises(DataError, match=r"cut off|not as listed|no manifest") as caught:
        release.get_data(archive, tmp_path / "to")
    assert str(archive) in str(caught.value)
    assert not (tmp_path / "to").exists()
    assert left_over(tmp_path) == []


def test_what_is_not_the_books_is_said_to_be_that(book, tmp_path):
    (tmp_path / "other").mkdir()
    for source, error, words in [
        (tmp_path / "other", DataError, "is not the book and not its data folder"),
        (book / "chapters", DataError, "is not the book and not its data folder"),
        (book / "data/README.md", DataError, "neither a folder nor a .zip or .tar archive"),
        (tmp_path / "nowhere.zip", FileNotFoundError, "no folder and no archive"),
        ("ftp://book.example/a.zip", DataError, "only http and https"),
    ]:
        with pytest.raises(error, match=words):
            release.get_data(source, tmp_path / "to")
        assert not (tmp_path / "to").exists()


@pytest.mark.parametrize("kind", ["folder", "zip", "tar"])
def test_files_that_are_missing_or_changed_are_named(book, tmp_path, kind):
    (book / "data/paper/table01.csv").unlink()
    (book / "data/README.md").write_text("Another text\n")
    source = book if kind == "folder" else packed(book, kind)
    with pytest.raises(DataError) as caught:
        release.get_data(source, tmp_path / "to")
    assert "README.md is not as listed" in str(caught.value)
    assert "paper/table01.csv is missing" in str(caught.value)
    assert not (tmp_path / "to").exists()


def test_links_in_an_archive_are_not_followed(book, tmp_path):
    (tmp_path / "secret").write_bytes(CONTENT["README.md"])
    (book / "data/README.md").unlink()
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add(book / "data", "data")
        link = tarfile.TarInfo("data/README.md")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / "secret")
        archive.addfile(link)
    with pytest.raises(DataError, match=r"README\.md is missing"):
        release.get_data(tmp_path / "a.tar", tmp_path / "to")


def test_a_file_that_unpacks_to_more_than_is_listed_is_not_unpacked(book, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(book / "data/manifest.txt", "data/manifest.txt")
        for name in CONTENT:
            archive.writestr(f"data/{name}", bytes(50_000_000 if name == "README.md" else 1))
    tracemalloc.start()
    with pytest.raises(DataError, match=r"README\.md is not as listed"):
        release.get_data(tmp_path / "a.zip", tmp_path / "to")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000


@pytest.mark.parametrize("kind", ["zip", "gztar"])
@pytest.mark.parametrize("limit", [{"MEMBERS": 5}, {"LIMIT": 500}])
def test_an_archive_far_larger_than_the_book_is_refused(book, tmp_path, monkeypatch, kind, limit):
    archive = packed(book, kind)
    for name, value in limit.items():
        monkeypatch.setattr(release, name, value)
    with pytest.raises(DataError, match="far larger than the book"):
        release.get_data(archive, tmp_path / "to")


# --- What stands in the way ---------------------------------------------------------------------


def another_version(book, to):
    release.get_data(book, to)
    (book / "data/README.md").write_text("A new version\n")
    (book / "data/__pycache__/a.pyc").unlink()
    (book / "data/manifest.txt").write_text(manifest.make_manifest(book / "data"))


def a_changed_file(book, to):
    release.get_data(book, to)
    (to / "photos/cat.jpg").write_bytes(b"dog")


def a_file(book, to):
    to.write_text("mine")


def a_folder_of_something_else(book, to):
    to.mkdir()
    (to / "mine").write_text("mine")


@pytest.mark.parametrize(
    ("situation", "words"),
    [
        (another_version, "data of another version"),
        (a_changed_file, r"missing or changed in it: photos/cat\.jpg"),
        (a_file, "has no manifest.txt"),
        (a_folder_of_something_else, "has no manifest.txt"),
    ],
)
def test_what_is_there_already_is_not_touched(book, tmp_path, situation, words):
    to = tmp_path / "to"
    situation(book, to)
    before = holds(tmp_path)
    with pytest.raises(FileExistsError, match=f"is there already .*{words}") as caught:
        release.get_data(book, to)
    assert "another place with --to" in str(caught.value)
    assert {k: v for k, v in holds(tmp_path).items() if k != ".to.lock"} == {
        k: v for k, v in before.items() if k != ".to.lock"
    }


def test_two_at_once_do_not_write_the_same_folder(book, tmp_path):
    with FileLock(tmp_path / ".to.lock"), pytest.raises(FileExistsError, match="another `mobilen"):
        release.get_data(book, tmp_path / "to")


def failing(count, error):
    """Something to write files with that fails at the `count`-th."""
    written = []

    def write(path, content):
        if len(written) == count:
            raise error
        written.append(path.name)
        files.write_atomically(path, content)

    return write, written


def test_after_an_interrupt_it_goes_on_where_it_was(book, tmp_path, monkeypatch):
    write, first = failing(2, KeyboardInterrupt)
    monkeypatch.setattr(release, "write_atomically", write)
    with pytest.raises(KeyboardInterrupt):
        release.get_data(book, tmp_path / "to")
    assert not (tmp_path / "to").exists()
    (tmp_path / ".to.part/.cat.jpg.xyz.part").write_bytes(b"half a cat")
    write, then = failing(99, None)
    monkeypatch.setattr(release, "write_atomically", write)
    release.get_data(book, tmp_path / "to")
    assert whole(tmp_path / "to", book)
    assert len(first) == 2
    assert sorted(first + then) == sorted(Path(name).name for name in (*CONTENT, "manifest.txt"))


def test_a_disk_that_is_full_is_seen_before_and_while_it_is_written(book, tmp_path, monkeypatch):
    write, written = failing(2, OSError(errno.ENOSPC, "No space left on device"))
    monkeypatch.setattr(release, "write_atomically", write)
    with pytest.raises(OSError, match=r"the disk is full .*another place with --to") as caught:
        release.get_data(book, tmp_path / "to")
    assert caught.value.errno == errno.ENOSPC
    assert len(written) == 2
    assert left_over(tmp_path) == []
    usage = shutil.disk_usage(tmp_path)._replace(free=100)
    monkeypatch.setattr(release.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(OSError, match="10,492 bytes are needed and 100 are free"):
        release.get_data(book, tmp_path / "to")
    assert len(written) == 2


# --- Addresses ----------------------------------------------------------------------------------


class Site(http.server.BaseHTTPRequestHandler):
    """Serves one archive, and parts of it; or the first `cut` bytes, and ends."""

    def do_GET(self):
        server = self.server
        asked = self.headers.get("Range")
        server.asked.append(asked)
        if self.path != "/book.zip":
            self.send_error(404)
            return
        start = int(asked[6:].rstrip("-")) if asked and server.ranges else 0
        if start >= len(server.content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            last = len(server.content) - 1
            self.send_header("Content-Range", f"bytes {start}-{last}/{len(server.content)}")
        self.send_header("Content-Length", str(len(server.content) - start))
        self.end_headers()
        self.wfile.write(server.content[start : server.cut])

    def log_message(self, *_):
        pass


@pytest.fixture
def site(book):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.content = packed(book, "zip").read_bytes()
    server.asked, server.ranges, server.cut = [], True, None
    server.address = f"http://127.0.0.1:{server.server_port}/book.zip"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("ranges", [True, False])
def test_a_download_that_was_cut_off_goes_on(book, tmp_path, site, ranges):
    site.ranges, site.cut = ranges, 1000
    with pytest.raises(OSError, match=f"after 1,000 of {len(site.content):,} bytes.*go on where"):
        release.get_data(site.address, tmp_path / "to")
    assert not (tmp_path / "to").exists()
    site.cut = None
    release.get_data(site.address, tmp_path / "to")
    assert whole(tmp_path / "to", book)
    assert site.asked == [None, "bytes=1000-"]


def test_a_download_that_was_whole_is_not_fetched_again(book, tmp_path, site):
    (tmp_path / ".to.download.part").write_bytes(site.content)
    release.get_data(site.address, tmp_path / "to")
    assert whole(tmp_path / "to", book)


def test_a_download_that_cannot_be_used_is_not_kept(tmp_path, site):
    (tmp_path / ".to.download.part").write_bytes(b"of something else" * 2000)
    with pytest.raises(DataError, match=f"^{site.address}: "):
        release.get_data(site.address, tmp_path / "to")
    assert left_over(tmp_path) == []


def test_a_download_is_ended_where_it_is_too_large(tmp_path, site, monkeypatch):
    monkeypatch.setattr(release, "LIMIT", 1000)
    with pytest.raises(DataError, match="larger than the 1,000 bytes"):
        release.get_data(site.address, tmp_path / "to")
    assert left_over(tmp_path) == []


def test_an_address_that_does_not_answer(tmp_path, site, closed_port):
    with pytest.raises(OSError, match="answers 404 Not Found"):
        release.get_data(site.address + ".gz", tmp_path / "to")
    with pytest.raises(OSError, match=r"could not be fetched \(.*refused.*name its path"):
        release.get_data(f"http://127.0.0.1:{closed_port}/a.zip", tmp_path / "to")


# --- The project's own addresses ----------------------------------------------------------------


def test_addresses_are_those_of_pyproject_and_of_the_wheel(tmp_path, monkeypatch):
    project = (
        '[project]\nname = "mobilenet-lib"\n[project.urls]\nData = "https://book.example/d.zip"\n'
    )
    (tmp_path / "pyproject.toml").write_text(project)
    monkeypatch.setattr(installed, "__file__", str(tmp_path / "mobilenet_lib/installed.py"))
    assert installed.project_url("Data") == "https://book.example/d.zip"
    assert installed.project_url("Site") is None
    (tmp_path / "pyproject.toml").unlink()  # as in a wheel
    wheel = "Metadata-Version: 2.4\nName: mobilenet-lib\nVersion: 1\nProject-URL: Data, https://b.example\n"
    (tmp_path / "mobilenet_lib-1.dist-info").mkdir()
    (tmp_path / "mobilenet_lib-1.dist-info/METADATA").write_text(wheel)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert installed.project_url("Data") == "https://b.example"
    assert installed.project_url("Site") is None


def test_without_an_address_the_command_says_what_to_do(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MOBILENET_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(release, "project_url", lambda label: None)
    assert cli.main(["data"]) == 2
    assert "has no address yet" in (said := capsys.readouterr().err)
    assert "mobilenet data PATH" in said


def test_with_an_address_it_is_fetched_to_where_it_is_found(
    book, tmp_path, site, monkeypatch, capsys
):
    monkeypatch.setenv("MOBILENET_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(release, "project_url", {"Data": site.address}.get)
    assert cli.main(["data"]) == 0
    assert "4 files" in capsys.readouterr().out
    assert files.find_data("paper").parent == tmp_path / "data"


# --- The command, and where the library then looks ----------------------------------------------


@pytest.fixture
def wheel_alone(tmp_path, monkeypatch):
    """As if the library lay where no checkout is; the folder of the user's own files."""
    import platformdirs

    monkeypatch.delenv("MOBILENET_DATA", raising=False)
    monkeypatch.setattr(files, "__file__", str(tmp_path / "site-packages/mobilenet_lib/files.py"))
    monkeypatch.setattr(platformdirs, "user_data_path", lambda name: tmp_path / "share" / name)
    return tmp_path / "share/mobilenet-book/data"


def test_the_library_finds_what_the_command_brought(book, wheel_alone, capsys):
    with pytest.raises(FileNotFoundError, match=r"looked in .* and .*mobilenet-book") as caught:
        files.find_data("paper")
    assert "run `mobilenet data` with its path" in str(caught.value)
    assert cli.main(["data", str(book)]) == 0
    assert "4 files, 0 MB, as the book has them" in (said := capsys.readouterr().out)
    assert "MOBILENET_DATA" not in said
    assert files.find_data("paper") == wheel_alone / "paper"
    assert cli.main(["data"]) == 0
    assert capsys.readouterr().out == f"{wheel_alone}: whole\n"
    (wheel_alone / "README.md").unlink()
    assert cli.main(["data"]) == 1
    assert "missing or changed: README.md" in capsys.readouterr().out


def test_another_place_is_said_to_need_the_variable(book, tmp_path, wheel_alone, capsys):
    assert cli.main(["data", str(book), "--to", str(tmp_path / "to")]) == 0
    assert "set MOBILENET_DATA to that folder" in capsys.readouterr().out
    assert whole(tmp_path / "to", book)


def test_a_user_without_a_home_folder_is_told(book, tmp_path, wheel_alone, monkeypatch, capsys):
    def none(name):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr("platformdirs.user_data_path", none)
    with pytest.raises(FileNotFoundError, match=r"looked in .*site-packages.data: no paper/"):
        files.find_data()
    assert cli.main(["data", str(book)]) == 2
    assert "no home folder; choose a place with --to" in capsys.readouterr().err
    assert cli.main(["data", str(book), "--to", str(tmp_path / "to")]) == 0
