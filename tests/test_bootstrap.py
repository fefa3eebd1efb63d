"""bootstrap.py: what it makes, what it leaves alone, and what it says when something is in the way.

No test here reaches a package index: pip is replaced, or pointed to a closed port of this machine.
"""

import ast
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import venv
from collections import namedtuple
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "bootstrap.py"
Disk = namedtuple("Disk", "total used free")


@pytest.fixture
def bootstrap(monkeypatch):
    """A fresh copy of the module, asked for no Python in particular."""
    monkeypatch.delenv("PYTHON", raising=False)
    spec = importlib.util.spec_from_file_location("bootstrap_under_test", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def folder(tmp_path):
    """A checkout, as far as bootstrap.py looks at one, under an awkward name."""
    root = tmp_path / "Büch's [copy] 100% #1"
    root.mkdir()
    (root / "pyproject.toml").write_text("[project]\n")
    (root / "constraints.txt").write_text("torch==2.13.0\n")
    return root


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """An environment with pip, made once and copied: making one takes seconds."""
    folder = tmp_path_factory.mktemp("template") / ".venv"
    venv.create(folder, with_pip=True)
    return folder


@pytest.fixture
def pip(bootstrap, template, monkeypatch):
    """Replaces pip by a recorder of what it is asked for; the environment itself is real."""
    calls = []
    monkeypatch.setattr(bootstrap, "make_venv", lambda path: copy_of(template, path))
    monkeypatch.setattr(bootstrap, "install", lambda path, root, profile: calls.append(profile))
    return calls


def copy_of(template, path):
    shutil.copytree(template, path, symlinks=True)


def stamp(root: Path) -> dict:
    return json.loads((root / ".venv/bootstrap.json").read_text())


def forbid(*names):
    def broken(*args, **kwargs):
        raise AssertionError("must not be called: " + ", ".join(names))

    return broken


# --- Old Pythons --------------------------------------------------------------------------------


def test_an_old_python_can_read_the_script():
    tree = ast.parse(SCRIPT.read_text("utf-8"), feature_version=(3, 6))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
    names = {alias.name.split(".")[0] for node in imports for alias in node.names}
    assert names <= set(sys.stdlib_module_names)
    future = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module != "typing"]
    assert not future  # "from __future__ import annotations" is an error in Python 3.6
    for node in ast.walk(tree):  # evaluated when a function is defined, so no list[str], no X | Y
        for hint in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            assert not isinstance(hint, ast.BinOp)
            if isinstance(hint, ast.Subscript):
                assert hint.value.id in ("Dict", "List", "Optional")


@pytest.mark.parametrize("found", [(3, 6, 15), (3, 10, 13)])
def test_a_python_that_is_too_old_is_named_with_the_way_out(bootstrap, monkeypatch, found):
    monkeypatch.setattr(sys, "version_info", found)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(bootstrap.Trouble) as trouble:
        bootstrap.check_python("lab")
    text = str(trouble.value)
    assert "This is Python " + ".".join(map(str, found)) in text
    assert sys.executable in text
    assert "needs Python 3.11 or newer" in text
    assert "make lab PYTHON=python3." in text


def test_a_newer_python_on_this_machine_is_suggested(bootstrap, monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    monkeypatch.setattr(shutil, "which", lambda name: name if name == "python3.13" else None)
    with pytest.raises(bootstrap.Trouble, match=r"make test PYTHON=python3\.13"):
        bootstrap.check_python("test")


def test_a_missing_ensurepip_names_the_package_to_install(bootstrap, monkeypatch):
    find = importlib.util.find_spec
    hidden = lambda name: None if name == "ensurepip" else find(name)  # noqa: E731
    monkeypatch.setattr(bootstrap.importlib.util, "find_spec", hidden)
    with pytest.raises(bootstrap.Trouble) as trouble:
        bootstrap.check_python("lab")
    version = "{}.{}".format(*sys.version_info)
    assert f"sudo apt install python{version}-venv" in str(trouble.value)


# --- Machines that torch has no build for ---------------------------------------------------------


@pytest.fixture
def machine(bootstrap, monkeypatch):
    """Pretends to be another machine; what is not said is as on one that has a torch."""

    def pretend(system="Linux", kind="x86_64", found=(3, 11, 2), libc=("glibc", "2.36"), **more):
        monkeypatch.setattr(bootstrap.platform, "system", lambda: system)
        monkeypatch.setattr(bootstrap.platform, "machine", lambda: kind)
        monkeypatch.setattr(bootstrap.platform, "libc_ver", lambda: libc)
        monkeypatch.setattr(
            bootstrap.platform, "mac_ver", lambda: (more.get("mac", "14.2"), ("", "", ""), "arm64")
        )
        monkeypatch.setattr(bootstrap, "sysctl", lambda name: more.get(name, ""))
        monkeypatch.setattr(bootstrap.sysconfig, "get_platform", lambda: more.get("build", "?"))
        monkeypatch.setattr(sys, "maxsize", more.get("maxsize", 2**63 - 1))
        monkeypatch.setattr(sys, "version_info", found)

    return pretend


NO_TORCH = {
    "Intel Mac": (
        {"system": "Darwin", "hw.optional.arm64": "0"},
        ["Intel processor", "last build is 2.2", "conda env create -f environment.yml", "Binder"],
    ),
    "Intel Mac with an old macOS, and no such key": (
        {"system": "Darwin", "mac": "11.7"},
        ["Intel processor", "conda activate mobilenet"],
    ),
    "an Intel Python on an Apple processor": (
        {"system": "Darwin", "hw.optional.arm64": "1"},
        ["only translates it", "native", "make lab PYTHON=/opt/homebrew/bin/python3.12"],
    ),
    "an old macOS": ({"system": "Darwin", "kind": "arm64", "mac": "13.6.1"}, ["macOS 13.6.1"]),
    "32-bit Windows": ({"system": "Windows", "kind": "AMD64", "maxsize": 2**31 - 1}, ["32 bits"]),
    "32-bit Raspberry Pi OS": ({"kind": "armv7l", "maxsize": 2**31 - 1}, ["32 bits"]),
    "Windows on ARM": (
        {"system": "Windows", "kind": "ARM64", "build": "win-arm64"},
        ["Windows on ARM", "Windows installer (64-bit)", "WSL"],
    ),
    "Alpine": ({"libc": ("", "")}, ["musl", "python:3.12"]),
    "Alpine, told by a newer Python": ({"libc": ("musl", "1.2.5")}, ["musl"]),
    "an old Linux": ({"libc": ("glibc", "2.17")}, ["glibc is 2.17"]),
    "POWER": ({"kind": "ppc64le"}, ["kind ppc64le"]),
    "RISC-V": ({"kind": "riscv64"}, ["kind riscv64"]),
    "a Python that is too new": ({"found": (3, 15, 0)}, ["3.15 yet", "PYTHON=python3.11"]),
}


@pytest.mark.parametrize("name", NO_TORCH)
def test_where_there_is_no_torch_it_says_so_before_it_installs(
    bootstrap, machine, folder, monkeypatch, name
):
    pretended, words = NO_TORCH[name]
    machine(**pretended)
    for step in ("make_venv", "install"):
        monkeypatch.setattr(bootstrap, step, forbid(step))
    with pytest.raises(bootstrap.Trouble, match="There is no torch for Python") as trouble:
        bootstrap.prepare(str(folder), "lab")
    for line in (
        "ERROR: No matching distribution found for torch<3,>=2.6",
        "The user requested (constraint) torch==2.13.0",
    ):
        assert bootstrap.explain([line], str(folder / ".venv")) == str(trouble.value)
    for word in words:
        assert word in str(trouble.value)
    assert not (folder / ".venv").exists()
    network = bootstrap.explain(["NewConnectionError: x"], str(folder / ".venv"))
    assert "does not answer" in network  # a cause of its own


@pytest.mark.parametrize(
    "pretended",
    [
        {},
        {"kind": "aarch64", "found": (3, 14, 1), "libc": ("glibc", "2.28")},
        {"system": "Darwin", "kind": "arm64", "mac": "26.0", "libc": ("", "")},
        {"system": "Windows", "kind": "AMD64", "build": "win-amd64", "libc": ("", "")},
        # Python for Intel, as Windows on ARM runs it: its Python names the real processor.
        {"system": "Windows", "kind": "ARM64", "build": "win-amd64", "libc": ("", "")},
    ],
)
def test_where_there_is_a_torch_nothing_is_in_the_way(bootstrap, machine, pretended):
    machine(**pretended)
    assert bootstrap.check_platform("lab") is None
    bootstrap.check_python("lab")
    text = bootstrap.explain(["No matching distribution found for x"], ".venv")
    assert "There is no x" in text


def test_the_conda_way_is_the_readmes(bootstrap):
    readme = (ROOT / "README.md").read_text("utf-8")
    assert bootstrap.LAB in readme
    assert "conda env create -f environment.yml" in readme


# --- The folder and the disk ----------------------------------------------------------------------


def test_a_full_disk_is_seen_before_anything_is_made(bootstrap, folder, pip, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Disk(10**12, 10**12, 1_400_000_000))
    with pytest.raises(bootstrap.Trouble) as trouble:
        bootstrap.prepare(str(folder), "lab")
    assert "The disk is too full: 1.4 GB free" in str(trouble.value)
    assert "2.0 GB" in str(trouble.value)
    assert not (folder / ".venv").exists()
    assert pip == []


def test_a_folder_that_cannot_be_written_to_is_named(bootstrap, folder, monkeypatch):
    def refuse(dir):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(bootstrap.tempfile, "TemporaryFile", refuse)
    with pytest.raises(bootstrap.Trouble) as trouble:
        bootstrap.prepare(str(folder), "lab")
    assert "cannot be written to (Permission denied)" in str(trouble.value)
    assert str(folder) in str(trouble.value)


def test_a_path_separator_in_the_name_is_refused(bootstrap):
    with pytest.raises(bootstrap.Trouble, match="Rename the folder"):
        bootstrap.check_folder(f"/somewhere/a{os.pathsep}b")


# --- Making, keeping, finishing, remaking ---------------------------------------------------------


def test_first_run_makes_and_second_run_does_nothing(bootstrap, folder, pip, monkeypatch):
    bootstrap.prepare(str(folder), "lab")
    assert pip == ["lab"]
    assert bootstrap.probe(str(folder / ".venv")) == "{}.{}".format(*sys.version_info)
    for name in ("install", "make_venv", "remove", "write_stamp", "check_disk"):
        monkeypatch.setattr(bootstrap, name, forbid(name))
    bootstrap.prepare(str(folder), "lab")


def test_test_holds_what_lab_needs_but_not_the_reverse(bootstrap, folder, pip):
    bootstrap.prepare(str(folder), "lab")
    bootstrap.prepare(str(folder), "test")
    bootstrap.prepare(str(folder), "lab")
    assert pip == ["lab", "test"]
    (folder / "constraints.txt").write_text("torch==2.14.0\n")
    bootstrap.prepare(str(folder), "lab")  # what the tests need is updated with the rest
    assert pip == ["lab", "test", "test"]


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_a_changed_list_of_packages_installs_again_in_place(bootstrap, folder, pip, name):
    bootstrap.prepare(str(folder), "lab")
    kept = folder / ".venv/kept"
    kept.touch()
    (folder / name).write_text("changed")
    bootstrap.prepare(str(folder), "lab")
    assert pip == ["lab", "lab"]
    assert kept.exists()


def test_an_interrupted_installation_is_finished(bootstrap, folder, pip, monkeypatch):
    def stop(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(bootstrap, "install", stop)
        with pytest.raises(KeyboardInterrupt):
            bootstrap.prepare(str(folder), "test")
    assert "inputs" not in stamp(folder)
    kept = folder / ".venv/kept"
    kept.touch()
    bootstrap.prepare(str(folder), "lab")
    assert pip == ["test"]
    assert kept.exists()
    assert stamp(folder)["inputs"] == bootstrap.fingerprint(str(folder))


@pytest.mark.parametrize("torn", ["half-1.0.dist-info", "~alf"])
def test_a_package_torn_by_an_interruption_means_a_new_environment(
    bootstrap, folder, pip, torn, capsys
):
    bootstrap.prepare(str(folder), "lab")
    path = folder / ".venv/bootstrap.json"
    path.write_text(json.dumps({k: v for k, v in stamp(folder).items() if k != "inputs"}))
    (packages,) = (folder / ".venv").rglob("site-packages")
    (packages / torn).mkdir()
    bootstrap.prepare(str(folder), "lab")
    assert "cut off in the middle of a package" in capsys.readouterr().out
    assert not (packages / torn).exists()
    assert pip == ["lab", "lab"]


def test_a_venv_without_a_working_python_is_remade(bootstrap, folder, pip, capsys):
    (folder / ".venv/bin").mkdir(parents=True)
    (folder / ".venv/bin/python").symlink_to("/nowhere/python3")
    bootstrap.prepare(str(folder), "lab")
    assert "its Python does not start" in capsys.readouterr().out
    assert pip == ["lab"]


def test_a_moved_folder_gets_a_new_environment(bootstrap, folder, pip, capsys):
    bootstrap.prepare(str(folder), "test")
    moved = folder.rename(folder.with_name("moved away"))
    bootstrap.prepare(str(moved), "lab")
    assert "was moved or copied" in capsys.readouterr().out
    assert pip == ["test", "lab"]
    assert stamp(moved)["root"] == os.path.realpath(moved)


def test_an_environment_made_by_hand_is_kept(bootstrap, folder, pip, template):
    copy_of(template, folder / ".venv")
    kept = folder / ".venv/kept"
    kept.touch()
    bootstrap.prepare(str(folder), "lab")
    assert kept.exists()
    assert pip == ["lab"]


def test_a_damaged_stamp_counts_as_unfinished(bootstrap, folder, pip):
    bootstrap.prepare(str(folder), "lab")
    (folder / ".venv/bootstrap.json").write_text('{"profile": "la')
    bootstrap.prepare(str(folder), "lab")
    assert pip == ["lab", "lab"]


def test_asking_for_another_python_remakes(bootstrap, folder, pip, monkeypatch, capsys):
    bootstrap.prepare(str(folder), "lab")
    monkeypatch.setenv("PYTHON", "python3.99")
    monkeypatch.setattr(bootstrap, "version", lambda parts=3: "3.99")
    bootstrap.prepare(str(folder), "lab")
    assert "you ask for 3.99" in capsys.readouterr().out
    assert pip == ["lab", "lab"]


def test_what_cannot_be_removed_is_said(bootstrap, tmp_path, monkeypatch):
    def busy(path):
        raise PermissionError(13, "in use")

    (tmp_path / ".venv").mkdir()
    monkeypatch.setattr(shutil, "rmtree", busy)
    with pytest.raises(bootstrap.Trouble, match="Close every JupyterLab"):
        bootstrap.remove(str(tmp_path / ".venv"))


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_the_library_is_found_under_a_name_that_the_locale_cannot_say(
    bootstrap, folder, pip, locale
):
    bootstrap.prepare(str(folder), "lab")
    (packages,) = (folder / ".venv").rglob("site-packages")
    (folder / "found_here.py").write_text("")
    (packages / "library.pth").write_text(str(folder), encoding="utf-8")  # as pip writes it
    (packages / "other.pth").write_text("import sys")
    bootstrap.point_to_library(str(folder / ".venv"), str(folder))
    assert (packages / "library.pth").read_bytes().isascii()
    assert (packages / "other.pth").read_text() == "import sys"
    environment = {"LC_ALL": locale, "PATH": os.environ["PATH"]}
    command = [folder / ".venv/bin/python", "-c", "import found_here"]
    subprocess.run(command, cwd="/", env=environment, check=True)


# --- What pip's failures mean ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ERROR: Could not install packages: [Errno 28] No space left on device", ["disk is full"]),
        ("OSError: [Errno 122] Disk quota exceeded", ["disk is full", "TMPDIR"]),
        ("ERROR: [Errno 13] Permission denied: '/x/y'", ["cannot be written to", "/x/y"]),
        ("SSLError(SSLCertVerificationError(1, 'CERTIFICATE_VERIFY_FAILED'", ["PIP_CERT"]),
        ("ProxyError('Cannot connect to proxy.', 407 Proxy Auth", ["HTTPS_PROXY"]),
        (
            "NewConnectionError: [Errno -3] Temporary failure in name resolution",
            ["does not answer"],
        ),
        ("ReadTimeoutError: Read timed out.", ["does not answer", "pip download -d wheelhouse"]),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", ["damaged", "cache purge"]),
        ("Error: ensurepip is not available", ["apt install"]),
        (
            "    The user requested (constraint) soupsieve==4.1.2",
            ["found no soupsieve==4.1.2", "PYTHON=python3.", "constraints.txt", "pip.log"],
        ),
        (
            "ERROR: No matching distribution found for torch==2.13.0",
            ["There is no torch==2.13.0", "PYTHON=python3."],
        ),
    ],
)
def test_each_cause_gets_its_own_advice(bootstrap, tmp_path, line, words):
    lines = ["Collecting torch", line, "WARNING: something else"]
    text = bootstrap.explain(lines, str(tmp_path / ".venv"))
    for word in words:
        assert word in text
    assert "{" not in text


@pytest.mark.parametrize(("found", "other"), [((3, 11, 2), "3.12"), ((3, 15, 0), "3.11")])
@pytest.mark.parametrize(
    "line", ["The user requested (constraint) x==1", "No matching distribution found for x"]
)
def test_another_python_is_one_that_this_is_not(
    bootstrap, tmp_path, monkeypatch, found, other, line
):
    monkeypatch.setattr(sys, "version_info", found)
    text = bootstrap.explain([line], str(tmp_path / ".venv"))
    assert f"make lab PYTHON=python{other}" in text
    assert "Python {}.{}.{} on".format(*found) in text


def test_the_network_is_blamed_before_the_package_it_hid(bootstrap, tmp_path):
    lines = [
        "WARNING: Retrying after connection broken by 'NewConnectionError('...')': /simple/torch/",
        "ERROR: Could not find a version that satisfies torch (from versions: none)",
        "ERROR: No matching distribution found for torch",
    ]
    assert "does not answer" in bootstrap.explain(lines, str(tmp_path / ".venv"))


def test_an_unknown_failure_shows_pips_own_words(bootstrap, tmp_path):
    text = bootstrap.explain(["ERROR: ResolutionImpossible: a needs b<2"], str(tmp_path / ".venv"))
    assert "ResolutionImpossible: a needs b<2" in text
    assert "pip.log" in text


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (
            "  Downloading torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl (188.1 MB)",
            ("fetching torch 2.13.0 (188.1 MB)", True),
        ),
        (
            "Downloading http://127.0.0.1/a/six-1.17.0-py2.py3-none-any.whl (11 kB)",
            ("fetching six 1.17.0 (11 kB)", False),
        ),
        ("Collecting tyro<2,>=1.0 (from mobilenet-lib==0.1.0)", ("looking at tyro<2,>=1.0", False)),
        ("Installing collected packages: a, b, c", ("unpacking 3 packages", True)),
        ("Requirement already satisfied: six in x", ("", False)),
    ],
)
def test_pips_lines_are_made_short(bootstrap, line, shown):
    assert bootstrap.summary(line) == shown


# --- For real -------------------------------------------------------------------------------------


def start(root: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess:
    kept = ("PATH", "HOME", "SYSTEMROOT", "TMPDIR", "TEMP")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment |= {"PIP_CONFIG_FILE": os.devnull, "LC_ALL": "C"} | variables
    command = [sys.executable, "bootstrap.py", *arguments]
    return subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_without_network_it_says_so_and_shows_no_traceback(folder, closed_port):
    shutil.copy(SCRIPT, folder)
    shutil.copy(ROOT / "pyproject.toml", folder)
    index = f"http://127.0.0.1:{closed_port}/simple"
    outcome = start(folder, "lab", PIP_INDEX_URL=index, PIP_RETRIES="1")
    assert outcome.returncode == 1
    assert "the package index does not answer" in outcome.stdout
    assert "PIP_NO_INDEX=1 PIP_FIND_LINKS=wheelhouse make lab" in outcome.stdout
    assert "Traceback" not in outcome.stdout + outcome.stderr
    assert "inputs" not in stamp(folder)


@pytest.mark.slow
def test_pip_really_installs_into_the_environment(folder):
    """A package without requirements, built by a backend that lies beside it: no index needed."""
    shutil.copy(SCRIPT, folder)
    (folder / "pyproject.toml").write_text(
        "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"
    )
    (folder / "backend.py").write_text(
        "import zipfile\n"
        "def build_editable(folder, settings=None, metadata=None):\n"
        "    name = 'tiny-1.0-py3-none-any.whl'\n"
        "    info = 'tiny-1.0.dist-info/'\n"
        "    with zipfile.ZipFile(folder + '/' + name, 'w') as wheel:\n"
        "        wheel.writestr('tiny.py', 'here = True')\n"
        "        wheel.writestr(info + 'METADATA', 'Metadata-Version: 2.1\\nName: tiny\\n'\n"
        "                       'Version: 1.0\\n')\n"
        "        wheel.writestr(info + 'WHEEL', 'Wheel-Version: 1.0\\nGenerator: x\\n'\n"
        "                       'Root-Is-Purelib: true\\nTag: py3-none-any\\n')\n"
        "        wheel.writestr(info + 'RECORD', '')\n"
        "    return name\n"
        "def build_wheel(folder, settings=None, metadata=None):\n"
        "    return build_editable(folder)\n"
    )
    outcome = start(folder, "lab", PIP_NO_INDEX="1")
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert "Ready after" in outcome.stdout
    python = folder / ".venv/bin/python"
    subprocess.run([python, "-I", "-c", "import tiny; assert tiny.here"], check=True)
    again = start(folder, "lab", PIP_NO_INDEX="1")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


@pytest.mark.parametrize("arguments", [[], ["book"], ["lab", "test"]])
def test_wrong_arguments_show_the_usage(bootstrap, capsys, arguments):
    assert bootstrap.main(arguments) == 2
    assert "usage: python3 bootstrap.py lab | test" in capsys.readouterr().out


def test_a_trouble_is_printed_and_an_interruption_too(bootstrap, monkeypatch, capsys):
    def trouble(root, profile):
        raise bootstrap.Trouble("Plug it in.")

    def interrupt(root, profile):
        raise KeyboardInterrupt

    monkeypatch.setattr(bootstrap, "prepare", trouble)
    assert bootstrap.main(["lab"]) == 1
    assert "Plug it in." in capsys.readouterr().out
    monkeypatch.setattr(bootstrap, "prepare", interrupt)
    assert bootstrap.main(["lab"]) == 130
    assert "Run the same command again" in capsys.readouterr().out


def test_jupyterlab_is_told_not_to_ask_about_news(bootstrap, tmp_path):
    bootstrap.silence_news(str(tmp_path))
    settings = json.loads((tmp_path / "share/jupyter/lab/settings/overrides.json").read_text())
    assert settings["@jupyterlab/apputils-extension:notification"]["fetchNews"] == "false"
    (tmp_path / "blocked").write_text("a file where a folder is needed")
    with pytest.raises(bootstrap.Trouble):
        bootstrap.silence_news(str(tmp_path / "blocked"))
