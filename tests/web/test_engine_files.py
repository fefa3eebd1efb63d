"""The engine's own files: small enough to read, built of their sources, with no addresses."""

import base64
import json
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
ENGINE = ROOT / "web" / "engine"
BUILT = ("kernels.js", "inside.js")


def read(name):
    return (ENGINE / name).read_text("utf-8")


def test_the_plain_engine_is_a_module_of_under_20_kb_with_no_dependency():
    assert len(read("mobilenet.js").encode()) < 20_000
    assert not re.search(r"^\s*import\b|\bimport\(|require\(", read("mobilenet.js"), re.M)


def test_webassembly_can_be_compiled_on_the_main_thread():
    # Browsers compile modules of over 4 kB only where a page may wait for them.
    text = re.search(r'"(.+)"', read("kernels.js")).group(1)
    assert base64.b64decode(text)[:4] == b"\0asm"
    assert len(base64.b64decode(text)) < 4096


def test_engine_and_worker_leave_room_in_an_explorers_bundle():
    assert len(read("inside.js").encode()) < 16_000


@pytest.mark.slow
def test_what_is_built_is_what_its_source_gives(npm_packages, tmp_path):
    command = ["node", str(ENGINE / "build.js"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(BUILT)
    for name in BUILT:
        assert (tmp_path / name).read_text("utf-8") == read(name), f"run npm run build: {name}"


def test_no_engine_asks_for_anything_or_speaks_of_other_machines():
    for path in sorted(ENGINE.glob("*.js")):
        source = path.read_text("utf-8")
        assert not re.search(r"https?://|\bfetch\(|XMLHttpRequest|WebSocket", source), path.name


def test_the_list_of_packages_names_versions_and_no_addresses():
    packages = json.loads((ROOT / "web" / "package.json").read_text("utf-8"))
    lock = json.loads((ROOT / "web" / "package-lock.json").read_text("utf-8"))
    versions = packages["devDependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in versions.values())
    assert lock["packages"][""]["devDependencies"] == versions
    for name, package in lock["packages"].items():
        assert "resolved" not in package, name
        assert not name or package["integrity"].startswith("sha512-"), name


@pytest.mark.parametrize("name", ["mobilenet.js", "simd.js", "runner.js", "photo.js", "kernels.ts"])
def test_lines_are_short_enough_to_be_projected(name):
    assert max(map(len, read(name).splitlines())) <= 120
