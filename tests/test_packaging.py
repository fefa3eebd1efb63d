"""What the wheel and the source archive hold: the library with its browser halves, nothing odd."""

import tarfile
import zipfile
from pathlib import Path

from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).resolve().parent.parent
SUFFIXES = {".py", ".cpp", ".h", ".js", ".css", ".json", ".md", ".toml", ".typed"}


def sources() -> set[str]:
    files = (ROOT / "mobilenet_lib").rglob("*")
    found = {f for f in files if f.suffix in SUFFIXES and "__pycache__" not in f.parts}
    return {str(f.relative_to(ROOT).as_posix()) for f in found}


def test_the_wheel_holds_the_library_and_only_that(tmp_path):
    (built,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    names = set(zipfile.ZipFile(built).namelist())
    library = {name for name in names if not name.startswith("mobilenet_lib-")}
    assert library == sources()
    information = {name.split("/", 1)[1] for name in names - library}
    assert information == {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"}


def test_the_wheel_describes_the_project(tmp_path):
    (built,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    archive = zipfile.ZipFile(built)
    (metadata,) = [name for name in archive.namelist() if name.endswith("METADATA")]
    text = archive.read(metadata).decode()
    assert "\nName: mobilenet-lib\n" in text
    assert "\nVersion: 0.1.0\n" in text
    assert "\nLicense-Expression: Apache-2.0\n" in text
    assert "\nRequires-Python: >=3.11\n" in text


def test_the_source_archive_holds_the_library_without_the_book(tmp_path):
    (built,) = SdistBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with tarfile.open(built) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames()}
    rest = {"README.md", "LICENSE", "CITATION.cff", "constraints.txt", "pyproject.toml"}
    assert names == sources() | rest | {"PKG-INFO", ".gitignore"}
