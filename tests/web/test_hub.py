"""What hubs read: the Dockerfile and its start, Binder's files, the workflow for pages."""

import ast
import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from scripts import script

from mobilenet_lib import doctor, files

ROOT = Path(__file__).resolve().parents[2]
HUB = ROOT / "web" / "hub"
README = (HUB / "README.md").read_text("utf-8")


# --- The image ----------------------------------------------------------------------------------


def instructions(text):
    """A Dockerfile as pairs of instruction and argument."""
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    pairs = [line.split(None, 1) for line in text.splitlines() if line.strip()]
    return [(name, " ".join(argument.split())) for name, argument in pairs]


IMAGE = instructions((HUB / "Dockerfile").read_text("utf-8"))


def of(name):
    return [argument for found, argument in IMAGE if found == name]


def copied():
    """Each file or folder that is copied, and where it goes below the image's root."""
    folder, pairs = Path("/"), []
    for name, argument in IMAGE:
        if name == "WORKDIR":
            folder = folder / argument
        elif name == "COPY":
            *sources, target = argument.split()
            for source in sources:
                into = target.endswith("/") or target == "."
                pairs.append((source, folder / target / (source if into else "")))
    return pairs


def test_the_image_knows_only_instructions_that_there_are():
    known = {"FROM", "ARG", "WORKDIR", "COPY", "RUN", "USER", "ENV", "EXPOSE", "ENTRYPOINT", "CMD"}
    assert {name for name, _ in IMAGE} <= known
    assert IMAGE[0][0] == "FROM"
    (base,) = of("FROM")
    version = re.match(r"python:(\d+\.\d+)-", base)[1]
    assert doctor.MIN_PYTHON <= tuple(map(int, version.split("."))) <= (3, 14)


def test_what_is_copied_is_in_the_repository():
    for source, _ in copied():
        listed = subprocess.check_output(["git", "ls-files", "--", source], cwd=ROOT, text=True)
        assert listed, f"{source} is not in the repository"
    ignored = (HUB / "Dockerfile.dockerignore").read_text("utf-8").split()
    assert "**/__pycache__" in ignored
    assert not {source for source, _ in copied()} & set(ignored)


def test_the_server_is_not_roots_and_the_book_is():
    (user,) = of("USER")
    assert re.fullmatch(r"[1-9]\d*", user), "a number, which Kubernetes can check not to be root's"
    assert any(f"--uid {user} " in line for line in of("RUN"))
    names = [name for name, _ in IMAGE]
    assert names.index("USER") > max(i for i, name in enumerate(names) if name in ("COPY", "RUN"))
    assert not any("chown" in argument or "chmod" in argument for _, argument in IMAGE)


def test_what_is_installed_is_the_library_in_its_tested_versions():
    (install,) = [line for line in of("RUN") if "uv pip install" in line]
    command = shlex.split(install.split("&&")[1])
    assert command[:4] == ["uv", "pip", "install", "--system"]
    assert command[command.index("-c") + 1] == "constraints.txt"
    assert command[-2:] == [".", "$JUPYTERHUB"]
    defaults = dict(argument.split("=", 1) for argument in of("ARG"))
    hub = Requirement(defaults["JUPYTERHUB"].strip('"'))
    assert (hub.name, hub.specifier) == ("jupyterhub", SpecifierSet(">=5,<6"))
    assert defaults["UV_TORCH_BACKEND"] == "cpu"
    for name in re.findall(r"--build-arg (\w+)=", README):
        assert name in defaults
    # pip reads these for the library before the rest of the book is there.
    before = {source for source, _ in copied()[: len(copied()) - 4]}
    assert before >= {"pyproject.toml", "README.md", "LICENSE", "constraints.txt", "mobilenet_lib"}


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """The book as it lies in the image; large folders as links."""
    root = tmp_path_factory.mktemp("image")
    for source, target in copied():
        place = root / target.relative_to("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if source == "chapters":
            shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
        elif (ROOT / source).is_dir():
            place.symlink_to(ROOT / source)
        else:
            shutil.copy(ROOT / source, place)
    return root


def started(image, home, *command, code=0, **variables):
    """What the image's start prints when it runs `command` in a home folder."""
    (entry,) = map(json.loads, of("ENTRYPOINT"))
    assert entry[0] == "python"
    script = image / Path(entry[1]).relative_to("/")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "JUPYTER_"))}
    for pair in shlex.split(of("ENV")[0]):
        name, value = pair.split("=")
        environment[name] = str(image / Path(value).relative_to("/"))
    environment["PYTHONPATH"] = f"{ROOT}/tests/offline:{image}/opt/book"
    environment |= {"HOME": str(home), **variables}
    done = subprocess.run(
        [sys.executable, str(script), *command], env=environment, capture_output=True, text=True
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


ASK = """
import os, pathlib, nbformat.sign, mobilenet_lib.files as files
print(os.getcwd(), files.find_data("checkpoints").parent, os.environ["OMP_WAIT_POLICY"])
notary = nbformat.sign.NotebookNotary()
for path in sorted(pathlib.Path("chapters").glob("*.ipynb")):
    assert notary.check_signature(nbformat.read(path, 4)), path
"""


@pytest.mark.slow
def test_a_reader_finds_the_chapters_and_keeps_what_was_changed(image, tmp_path):
    said = started(image, tmp_path, sys.executable, "-c", ASK)
    own = tmp_path / "mobilenet-book"
    assert said.split() == [str(own), str(image / "opt/book/data"), "PASSIVE"]
    for path in (ROOT / "chapters").rglob("*.ipynb"):
        assert (own / path.relative_to(ROOT)).read_bytes() == path.read_bytes()
    changed, lost = own / "chapters/01_standard_convolution.ipynb", own / "chapters/build.py"
    nbformat.write(nbformat.v4.new_notebook(), changed)
    kept = changed.read_bytes()
    lost.unlink()
    (own / "data").unlink()
    (own / "data").symlink_to(tmp_path / "of an older image")
    started(image, tmp_path, sys.executable, "-c", ASK)
    assert changed.read_bytes() == kept
    assert lost.read_bytes() == (ROOT / "chapters/build.py").read_bytes()
    assert (own / "data/README.md").is_file()


@pytest.mark.slow
def test_what_chapters_look_into_is_in_the_readers_folder(image, tmp_path):
    """Chapters name files by their place beside them, as ../web/engine/mobilenet.js."""
    started(image, tmp_path, sys.executable, "-c", "pass")
    named = {
        (path.parent.parent, name)
        for path in (ROOT / "chapters").rglob("text/*.py")
        for name in re.findall(r"""(?:\]\(|["'])(\.\./[\w./-]+)""", path.read_text("utf-8"))
    }
    assert named
    for folder, name in named:
        place = tmp_path / "mobilenet-book" / folder.relative_to(ROOT) / name
        assert place.exists(), f"{name}, which a chapter in {folder.name} names"


def test_a_server_starts_in_another_place_where_there_is_no_home_to_write_to(
    tmp_path, monkeypatch, capsys
):
    """It gets the options of `make lab`, and those that were given behind them, which win."""
    start = script("web/hub/start.py")
    (tmp_path / "no folder").write_text("")
    (tmp_path / "book/chapters").mkdir(parents=True)
    for name in ("HOME", *(f"JUPYTER_{kind}_DIR" for kind in ("CONFIG", "DATA", "RUNTIME"))):
        monkeypatch.setenv(name, str(tmp_path / "no folder" / name))
    for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.setenv(name, "1")  # put back afterwards
    monkeypatch.setattr(start, "BOOK", tmp_path / "book")
    monkeypatch.setattr(start.lab, "substitute", lambda name: tmp_path / "other" / name)
    monkeypatch.setattr(start.shutil, "which", lambda name: name)
    ran = []
    monkeypatch.setattr(start.os, "execvp", lambda *arguments: ran.append(arguments))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other/home/mobilenet-book").mkdir(parents=True)
    start.main(["jupyter-lab", "--ServerApp.port=8889"])
    assert "cannot be written to" in capsys.readouterr().err
    ((program, command),) = ran
    assert program == command[0] == "jupyter-lab"
    assert f"--ServerApp.root_dir={tmp_path}/other/home/mobilenet-book" in command
    assert command[-1] == "--ServerApp.port=8889"
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for flag in re.findall(r"--LabApp\.(?:ext|news|check)\S+", makefile):
        assert flag in command, flag


def test_a_program_that_is_not_there_is_named(image, tmp_path):
    assert "got jupiter" in started(image, tmp_path, "jupiter", code=1)
    assert "got none" in started(image, tmp_path, code=1)


def test_the_programs_that_are_named_are_those_that_get_options():
    (command,) = map(json.loads, of("CMD"))
    named = re.search(r"docker run .* mobilenet-book (\S+)$", README, re.MULTILINE)[1]
    servers = re.search(r"^SERVERS = (.*)$", (HUB / "start.py").read_text("utf-8"), re.MULTILINE)
    assert {*command, named} == set(ast.literal_eval(servers[1]))


def test_the_memory_that_the_readme_asks_for_is_enough():
    (configuration,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    memory = yaml.safe_load(configuration)["singleuser"]["memory"]
    guarantee, limit = (int(memory[name].removesuffix("G")) for name in ("guarantee", "limit"))
    measured = files.read_json(ROOT / "data/results/memory.json")["results"]
    assert set(measured["kernel_mb"]) == {p.name[:2] for p in (ROOT / "chapters").glob("*.ipynb")}
    assert measured["user_mb"] == measured["server_mb"] + max(measured["kernel_mb"].values())
    assert measured["user_mb"] < 1000 * limit
    # Most chapters, so that what is guaranteed is what readers take at most times.
    usual = sorted(measured["kernel_mb"].values())[len(measured["kernel_mb"]) // 2]
    assert measured["server_mb"] + usual < 1000 * guarantee


# --- Binder -------------------------------------------------------------------------------------


def test_binder_reads_what_lies_at_the_top():
    """A folder binder/ would take the place of environment.yml; its packages are tested there."""
    assert not (ROOT / "binder").exists()
    assert not (ROOT / ".binder").exists()
    assert not {"Dockerfile", "start", "requirements.txt"} & set(os.listdir(ROOT))
    (address,) = re.findall(r"urlpath=lab/tree/(\S+?)`", README)
    assert (ROOT / address).is_file()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="a shell script, for Linux")
def test_binders_last_step_signs_every_notebook(tmp_path):
    script = ROOT / "postBuild"
    assert stat.S_IMODE(script.stat().st_mode) & 0o111, "Binder runs it only if it may be executed"
    assert b"\r" not in script.read_bytes()
    shutil.copytree(ROOT / "chapters", tmp_path / "chapters")
    folder = os.path.dirname(sys.executable)
    environment = os.environ | {
        "HOME": str(tmp_path),
        "JUPYTER_DATA_DIR": str(tmp_path / "jupyter"),
    }
    environment["PATH"] = os.pathsep.join([folder, os.environ["PATH"]])
    said = subprocess.check_output([script], cwd=tmp_path, env=environment, text=True)
    signed = re.findall(r"Signing notebook: (\S+)", said)
    notebooks = [*ROOT.glob("chapters/*.ipynb"), *ROOT.glob("chapters/solutions/*.ipynb")]
    assert sorted(signed) == sorted(str(path.relative_to(ROOT)) for path in notebooks)
    assert (tmp_path / "jupyter/nbsignatures.db").is_file()
