"""bootstrap.py: what it makes, what it leaves alone, and what it says when something is in the way.

No test here reaches a package index: uv is replaced, or pointed to a closed port of this machine.
"""

import ast
import json
import os
import shutil
import subprocess
import sys
import time
import venv
from collections import namedtuple
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
import bootstrap  # noqa: E402

SCRIPT = ROOT / "bootstrap.py"
HERE = "{}.{}".format(*sys.version_info)
Disk = namedtuple("Disk", "total used free")


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """A copy of this process's variables, without those that speak to pip, uv and bootstrap.py."""
    mute = ("PIP_", "UV_", "PYTHON", "REQUESTS_CA", "SSL_CERT")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(mute)}
    monkeypatch.setattr(os, "environ", kept)
    return kept


@pytest.fixture
def folder(tmp_path):
    """A checkout, as far as bootstrap.py looks at one, under an awkward name."""
    root = tmp_path / "Büch's [copy] 100% #1"
    root.mkdir()
    (root / "pyproject.toml").write_text("[project]\n")
    (root / "constraints.txt").write_text("torch==2.13.0\nuv==0.13.9\n")
    return root


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """An environment with pip, made once and copied: making one takes seconds."""
    folder = tmp_path_factory.mktemp("template") / ".venv"
    venv.create(folder, with_pip=True)
    return folder


@pytest.fixture
def installs(template, monkeypatch):
    """The profiles that were installed, by nothing; the environments are real."""
    made = []
    monkeypatch.setattr(subprocess, "call", lambda command, **how: copy_of(template, command[-1]))
    monkeypatch.setattr(bootstrap, "install", lambda *given: made.append(given[2]))
    return made


def copy_of(template, path):
    shutil.copytree(template, path, symlinks=True)
    return 0


def stamp(root: Path) -> dict:
    return json.loads((root / ".venv/bootstrap.json").read_text())


def prepare(root: Path, profile: str = "lab") -> None:
    bootstrap.prepare(root, profile)


def site_packages(root: Path) -> Path:
    return next((root / ".venv").glob("lib/python*/site-packages"))


# --- Old Pythons --------------------------------------------------------------------------------


def test_an_old_python_can_read_the_script():
    tree = ast.parse(SCRIPT.read_text("utf-8"), feature_version=(3, 6))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
    names = {alias.name for node in imports for alias in node.names}
    assert {name.split(".")[0] for name in names} <= set(sys.stdlib_module_names)
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    for node in ast.walk(tree):  # hints are evaluated when a function is defined: no list[str]
        for hint in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            assert hint is None or isinstance(hint, (ast.Name, ast.Attribute, ast.Constant))


@pytest.mark.parametrize(
    ("found", "newer", "way_out"),
    [
        ((3, 6, 15), None, "make lab PYTHON=python3.12"),
        ((3, 10, 13), None, "make lab PYTHON=python3.12"),
        ((3, 9, 2), "python3.13", "make lab PYTHON=python3.13"),  # one that this machine has
    ],
)
def test_a_python_that_is_too_old_is_named_with_the_way_out(
    monkeypatch, tmp_path, found, newer, way_out
):
    monkeypatch.setattr(sys, "version_info", found)
    monkeypatch.setattr(shutil, "which", lambda name: name if name == newer else None)
    with pytest.raises(SystemExit) as refused:
        bootstrap.check(tmp_path, "lab")
    text = str(refused.value)
    assert "This is Python " + ".".join(map(str, found)) in text
    assert sys.executable in text
    assert "needs Python 3.11 or newer" in text
    assert way_out in text


@pytest.mark.parametrize("missing", ["ensurepip", "venv"])
def test_a_missing_module_names_the_package_to_install(monkeypatch, tmp_path, missing):
    find = bootstrap.importlib.util.find_spec
    hidden = lambda name: None if name == missing else find(name)  # noqa: E731
    monkeypatch.setattr(bootstrap.importlib.util, "find_spec", hidden)
    with pytest.raises(SystemExit, match=f"sudo apt install python{HERE}-venv"):
        bootstrap.check(tmp_path, "lab")


# --- Machines that torch has no build for ---------------------------------------------------------


@pytest.fixture
def machine(monkeypatch):
    """Pretends to be another machine; what is not said is as on one that has a torch."""

    def pretend(system="Linux", kind="x86_64", found=(3, 11, 2), libc=("glibc", "2.36"), **more):
        told = {
            "system": system,
            "machine": kind,
            "libc_ver": libc,
            "version": more.get("kernel", ""),
            "mac_ver": (more.get("mac", "14.2"), ("", "", ""), "arm64"),
            "platform": f"{system} {libc} {more}",
        }
        for name, value in told.items():
            monkeypatch.setattr(bootstrap.platform, name, lambda value=value: value)
        monkeypatch.setattr(bootstrap.sysconfig, "get_platform", lambda: more.get("build", "?"))
        monkeypatch.setattr(bootstrap, "BITS", more.get("bits", 64))
        monkeypatch.setattr(sys, "version_info", found)

    return pretend


INTEL = "Darwin Kernel Version 23.2.0: RELEASE_X86_64"
CONDA = ("Intel processor", "last build is 2.2", "conda env create -f environment.yml", "Binder")
NATIVE = ("only translates it", "native", "make lab PYTHON=/opt/homebrew/bin/python3.12")
BUILDS = ("64 bits", "Python 3.11 to 3.14", "glibc 2.28 or newer", "x86-64 or ARM", "macOS 14")
WAYS_OUT = ("make lab PYTHON=python3.11", '"Windows installer', "WSL", "python:3.12", "Binder")
NO_TORCH = {
    "Intel Mac": ({"system": "Darwin", "kernel": INTEL}, CONDA),
    "Intel Mac with an old macOS": ({"system": "Darwin", "mac": "11.7"}, CONDA),
    "an Intel Python on an Apple processor": (
        {"system": "Darwin", "kernel": INTEL.replace("X86_64", "ARM64_T6000")},
        NATIVE,
    ),
    "an old macOS": ({"system": "Darwin", "kind": "arm64", "mac": "13.6.1"}, ["13.6.1"]),
    "32-bit Windows": ({"system": "Windows", "kind": "AMD64", "bits": 32}, ["AMD64, 32 bits"]),
    "32-bit Raspberry Pi OS": ({"kind": "aarch64", "bits": 32}, ["aarch64, 32 bits"]),
    "Windows on ARM": ({"system": "Windows", "kind": "ARM64", "build": "win-arm64"}, ["ARM64"]),
    "Alpine": ({"libc": ("", "")}, ["Alpine has\nmusl"]),
    "Alpine, told by a newer Python": ({"libc": ("musl", "1.2.5")}, ["1.2.5"]),
    "an old Linux": ({"libc": ("glibc", "2.17")}, ["2.17"]),
    "POWER": ({"kind": "ppc64le"}, ["ppc64le"]),
    "RISC-V": ({"kind": "riscv64"}, ["riscv64"]),
    "a Python that is too new": ({"found": (3, 15, 0)}, ["Python 3.15.0 on"]),
    "another system": ({"system": "FreeBSD"}, ["on FreeBSD"]),
}


@pytest.mark.parametrize("name", NO_TORCH)
def test_where_there_is_no_torch_it_says_so_before_it_installs(machine, folder, installs, name):
    pretended, words = NO_TORCH[name]
    machine(**pretended)
    with pytest.raises(SystemExit, match="There is no torch for Python") as refused:
        prepare(folder)
    for word in words if "Intel" in name else (*words, *BUILDS, *WAYS_OUT):
        assert word in str(refused.value)
    assert not (folder / ".venv").exists()
    assert installs == []


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
def test_where_there_is_a_torch_nothing_is_in_the_way(machine, tmp_path, pretended):
    machine(**pretended)
    assert bootstrap.no_torch() == ""
    bootstrap.check(tmp_path, "lab")


def test_the_conda_way_is_the_readmes():
    readme = (ROOT / "README.md").read_text("utf-8")
    assert bootstrap.LAB in readme
    assert "conda env create -f environment.yml" in readme


# --- The folder and the disk ----------------------------------------------------------------------


@pytest.mark.parametrize(("profile", "needed"), [("lab", "2.0 GB"), ("test", "3.2 GB")])
def test_a_full_disk_is_seen_before_anything_is_made(
    folder, installs, monkeypatch, profile, needed
):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Disk(10**12, 10**12, 1_400_000_000))
    with pytest.raises(SystemExit, match=r"The disk is too full: 1\.4 GB free") as refused:
        prepare(folder, profile)
    assert needed in str(refused.value)
    assert not (folder / ".venv").exists()


@pytest.mark.parametrize("refused", ["tempfile.TemporaryFile", "shutil.rmtree"])
def test_what_cannot_be_written_or_removed_is_named(folder, installs, monkeypatch, refused):
    def busy(path=None, dir=None):
        raise PermissionError(13, "in use", path or str(dir))

    if refused == "shutil.rmtree":
        (folder / ".venv").mkdir()
    monkeypatch.setattr(f"bootstrap.{refused}", busy)
    monkeypatch.setattr(bootstrap, "ROOT", folder)
    with pytest.raises(
        SystemExit, match=r"in use.*Büch.*\nClose every JupyterLab(.|\n)*home folder"
    ):
        bootstrap.main(["lab"])
    assert installs == []


# --- Making, keeping, finishing, remaking ---------------------------------------------------------


def test_first_run_makes_and_second_run_does_nothing(folder, installs, monkeypatch, capsys):
    prepare(folder)
    assert installs == ["lab"]
    assert (site_packages(folder) / "pip").exists()
    capsys.readouterr()
    for name in ("check", "subprocess.call", "finish"):
        monkeypatch.setattr(f"bootstrap.{name}", None)
    prepare(folder)
    assert installs == ["lab"]
    assert capsys.readouterr().out == ""


def test_test_holds_what_lab_needs_but_not_the_reverse(folder, installs):
    for profile in ("lab", "test", "lab"):
        prepare(folder, profile)
    assert installs == ["lab", "test"]
    (folder / "constraints.txt").write_text("torch==2.14.0\n")
    prepare(folder, "lab")  # what the tests need is updated with the rest
    assert installs == ["lab", "test", "test"]


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
def test_an_interrupted_installation_is_made_anew(folder, installs, monkeypatch, capsys, end):
    """A package may lack files then, and pip and uv would take it for whole."""

    def stop(*args):
        raise end

    with monkeypatch.context() as patch:
        patch.setattr(bootstrap, "install", stop)
        with pytest.raises(end):
            prepare(folder, "test")
    assert stamp(folder)["inputs"] == ""
    (folder / ".venv/kept").touch()
    prepare(folder, "lab")
    assert installs == ["test"]
    assert "Making .venv anew: an installation was cut off." in capsys.readouterr().out
    assert not (folder / ".venv/kept").exists()
    assert "torch==2.13.0" in stamp(folder)["inputs"]


def edit_stamp(root, /, **changes):
    path = root / ".venv/bootstrap.json"
    path.write_text(json.dumps({**stamp(root), **changes}))


def replace(path, target):
    path.rename(path.with_name("replaced"))
    path.symlink_to(target)


@pytest.mark.parametrize(
    ("spoil", "variables", "words"),
    [
        (lambda root: replace(root / ".venv/bin/python", "/nowhere/python3"), {}, "not start"),
        (lambda root: replace(root / ".venv/bin/python", "/bin/false"), {}, "does not start"),
        (lambda root: replace(root / ".venv", root), {}, "does not start"),
        (lambda root: edit_stamp(root, root="/other/place"), {}, "was moved or copied"),
        (lambda root: None, {"UV_TORCH_BACKEND": "cu130"}, "another build of torch"),
        (lambda root: edit_stamp(root, inputs=""), {}, "an installation was cut off"),
    ],
)
def test_what_cannot_be_finished_is_made_anew(
    folder, installs, environment, capsys, spoil, variables, words
):
    prepare(folder)
    (folder / ".venv/kept").touch()
    spoil(folder)
    environment.update(variables)
    prepare(folder)
    assert words in capsys.readouterr().out
    assert not (folder / ".venv/kept").exists()
    for name in variables:  # an answer once given is remembered
        del environment[name]
    prepare(folder)
    assert installs == ["lab", "lab"]


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "pyproject.toml").write_text("changed"),
        lambda root: (root / "constraints.txt").write_text("torch==2.14.0"),
        lambda root: (root / ".venv/bootstrap.json").write_text('{"profile": "la'),
        lambda root: (root / ".venv/bootstrap.json").unlink(),  # as where it was made by hand
    ],
)
def test_what_can_be_finished_is_finished_in_place(folder, installs, change):
    prepare(folder)
    (folder / ".venv/kept").touch()
    change(folder)
    prepare(folder)
    assert installs == ["lab", "lab"]
    assert (folder / ".venv/kept").exists()


@pytest.mark.parametrize(
    ("found", "asked", "remade"),
    [("", "python3.99", True), ("3.10", None, True), ("3.12", None, False)],
)
def test_another_python_remakes_where_it_is_asked_for_or_the_old_one_is_too_old(
    folder, installs, environment, monkeypatch, capsys, found, asked, remade
):
    prepare(folder)
    (folder / ".venv/kept").touch()
    if found:
        monkeypatch.setattr(bootstrap, "output", lambda *command: found)
    if asked:
        environment["PYTHON"] = asked
    monkeypatch.setattr(bootstrap, "version", lambda parts=3: "3.99")
    prepare(folder)
    assert ("made with another Python" in capsys.readouterr().out) == remade
    assert (folder / ".venv/kept").exists() != remade


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_the_library_is_found_under_a_name_that_the_locale_cannot_say(folder, template, locale):
    copy_of(template, folder / ".venv")
    packages = site_packages(folder)
    (folder / "found_here.py").write_text("")
    named = packages / "_editable_impl_mobilenet_lib.pth"
    named.write_text(str(folder), encoding="utf-8")  # as uv and pip write it
    (packages / "other.pth").write_text("import sys")
    bootstrap.finish(folder, folder / ".venv")
    assert named.read_bytes().isascii()
    assert (packages / "other.pth").read_text() == "import sys"
    command = [folder / ".venv/bin/python", "-c", "import found_here"]
    subprocess.run(command, cwd="/", env={"LC_ALL": locale}, check=True)


def test_jupyterlab_is_told_not_to_ask_about_news(folder):
    bootstrap.finish(folder, folder / ".venv")
    path = folder / ".venv/share/jupyter/lab/settings/overrides.json"
    settings = json.loads(path.read_text())
    assert settings["@jupyterlab/apputils-extension:notification"]["fetchNews"] == "false"


@pytest.mark.parametrize("arguments", [[], ["book"], ["lab", "test"]])
def test_wrong_arguments_show_the_usage(capsys, arguments):
    assert bootstrap.main(arguments) == 2
    assert "usage: python3 bootstrap.py lab | test" in capsys.readouterr().out


def test_an_interruption_is_answered_in_words(monkeypatch, capsys):
    def interrupt(root, profile):
        raise KeyboardInterrupt

    monkeypatch.setattr(bootstrap, "prepare", interrupt)
    assert bootstrap.main(["lab"]) == 130
    assert "Run the same command again" in capsys.readouterr().out


# --- pip's settings, in uv's words ----------------------------------------------------------------


@pytest.fixture
def tell(folder, template, environment, monkeypatch, tmp_path):
    """Tells pip something in a file or by variables; uv's options, and `environment` is uv's."""
    file, python = tmp_path / "pip.conf", str(template / "bin/python")

    def listing(text, **variables):
        file.write_text(text)
        variables |= {"PATH": os.environ["PATH"], "PIP_CONFIG_FILE": str(file)}
        command = [python, "-m", "pip", "config", "list"]
        return subprocess.run(
            command, env=variables, capture_output=True, text=True, check=True
        ).stdout.splitlines()

    machines = listing("")  # what this machine's own files say, which no variable switches off

    def tell(text="", **variables):
        lines = [line for line in listing(text, **variables) if line not in machines]
        monkeypatch.setattr(bootstrap, "output", lambda *command: "\n".join(lines))
        return bootstrap.hand_over(folder, python)

    return tell


@pytest.mark.parametrize(
    ("setting", "value", "variable", "told"),
    [
        ("index-url", "http://a/simple", "UV_DEFAULT_INDEX", "http://a/simple"),
        ("extra-index-url", "http://a/s\n  http://b/s", "UV_INDEX", "http://a/s http://b/s"),
        ("find-links", "wheelhouse /opt/wheels", "UV_FIND_LINKS", "wheelhouse,/opt/wheels"),
        ("trusted-host", "a b:8080", "UV_INSECURE_HOST", "a b:8080"),
        ("timeout", "180", "UV_HTTP_TIMEOUT", "180"),
        ("default-timeout", "90", "UV_HTTP_TIMEOUT", "90"),
        ("cert", "/etc/a company.pem", "SSL_CERT_FILE", "/etc/a company.pem"),
        ("client-cert", "/etc/me.pem", "SSL_CLIENT_CERT", "/etc/me.pem"),
        ("proxy", "http://p:8080", "ALL_PROXY", "http://p:8080"),
    ],
)
def test_each_setting_of_pips_reaches_uv(tell, environment, setting, value, variable, told):
    tell(f"[global]\n{setting} = 7\n[install]\n{setting} = {value}\n")
    assert environment.pop(variable) == told
    tell(f"[install]\n{setting} = 7\n", **{f"PIP_{setting.upper().replace('-', '_')}": value})
    assert environment.pop(variable) == told
    environment[variable] = "uv's own"
    tell(f"[global]\n{setting} = {value}\n")
    assert (environment[variable] == "uv's own") == variable.startswith("UV_")


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("no-index = 1", ["--no-index"]),
        ("no-index = false", []),
        ("constraint = a.txt b.txt", ["--constraints=a.txt", "--constraints=b.txt"]),
        ("", []),
    ],
)
def test_where_uv_has_no_variable_it_gets_an_option(tell, environment, text, options):
    assert tell(f"[global]\n{text}\n") == options
    assert environment["UV_INDEX_STRATEGY"] == "unsafe-best-match"  # as pip looks through indexes


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_certificates_named_for_other_programs_hold_too(tell, environment, name):
    environment[name] = "/etc/company.pem"
    tell()
    assert environment["SSL_CERT_FILE"] == "/etc/company.pem"


@pytest.mark.parametrize("home", ["", ".cache", ".cache/uv", None])
def test_without_a_home_the_cache_lies_in_the_folder(
    folder, environment, monkeypatch, tmp_path, home
):
    """Nor where what there is of ~/.cache/uv may not be written; root may write anywhere."""
    environment["HOME"] = str(tmp_path)
    if home is None:
        environment["HOME"] = "/dev/null/home"
    else:
        (tmp_path / home).mkdir(parents=True, exist_ok=True)
        bootstrap.hand_over(folder, "no python")
        assert "UV_CACHE_DIR" not in environment
        monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path / home)
    bootstrap.hand_over(folder, "no python")
    assert environment["UV_CACHE_DIR"] == str(folder / "build/uv-cache")


# --- Which torch ----------------------------------------------------------------------------------

PIN, CPU, GPU = "torch==2.13.0+cpu", "torch --torch-backend=cpu", "torch --torch-backend=auto"
NO_INDEX, INDEX, OLD_INDEX = ["--no-index"], {"UV_DEFAULT_INDEX": "x"}, {"UV_INDEX_URL": "x"}
EXTRA, LINKS = {"UV_INDEX": "x"}, {"UV_FIND_LINKS": "x"}
FOR_CPU, FOR_GPU, NONE = "since there is no NVIDIA GPU", "for your NVIDIA GPU", "within reach"
ONLY = "the only build for this system"


@pytest.mark.parametrize(
    ("here", "tried", "taken", "words"),  # here: what can be had, where
    [
        (dict(has=[CPU]), [PIN, CPU], [CPU], FOR_CPU),
        (dict(has=[GPU], gpu=True), [GPU], [GPU], FOR_GPU),
        (dict(has=[]), [PIN, CPU], [], NONE),
        (dict(has=[], gpu=True), [GPU], [], NONE),
        # Places of one's own come first.
        (dict(has=[PIN, CPU], told=EXTRA), [PIN], [PIN], FOR_CPU),
        (dict(has=[PIN, CPU], told=LINKS), [PIN], [PIN], FOR_CPU),
        (dict(has=[CPU], told=LINKS), [PIN, CPU], [CPU], FOR_CPU),
        (dict(has=[PIN, GPU], told=EXTRA, gpu=True), [GPU], [GPU], FOR_GPU),
        # Where the index is prescribed, no other is asked.
        (dict(has=[PIN, CPU], told=INDEX), [PIN], [PIN], FOR_CPU),
        (dict(has=[CPU], told=INDEX), [PIN], [], NONE),
        (dict(has=[CPU], told=OLD_INDEX), [PIN], [], NONE),
        (dict(has=[CPU], options=NO_INDEX), [PIN], [], NONE),
        (dict(has=[GPU], options=NO_INDEX, gpu=True), [], [], NONE),
        # Elsewhere than on Linux, there is but one.
        (dict(has=[PIN, CPU], told=EXTRA, system="darwin"), [], [], ONLY),
        (dict(has=[GPU], gpu=True, system="win32"), [], [], ONLY),
        # What is asked for is taken, and replaced by nothing.
        (dict(has=[], asked="cu126"), [], ["torch --torch-backend=cu126"], "cu126, as you ask"),
        (dict(has=[], asked="cpu", gpu=True, told=INDEX), [], [CPU], "cpu, as you ask"),
    ],
)
@pytest.mark.parametrize("sign", ["driver", "nvidia-smi"])
def test_the_torch_that_fits_is_taken(
    folder, environment, monkeypatch, capsys, here, tried, taken, words, sign
):
    dry_runs, gpu, options = [], here.get("gpu", False), here.get("options", [])

    def call(command, cwd):
        assert command[: 3 + len(options)] == ["uv", *options, "--dry-run", "-qq"]
        dry_runs.append(" ".join(command[3 + len(options) :]))
        return 0 if dry_runs[-1] in here["has"] else 2

    environment.update(here.get("told", {}))
    monkeypatch.setattr(subprocess, "call", call)
    system = SimpleNamespace(platform=here.get("system", "linux"))
    driver = SimpleNamespace(glob=lambda pattern: [pattern] * (gpu and sign == "driver"))
    monkeypatch.setattr(bootstrap, "sys", system)
    monkeypatch.setattr(bootstrap, "glob", driver)
    monkeypatch.setattr(bootstrap, "output", lambda *c: "GPU 0" if gpu and sign == c[0] else "")
    build = bootstrap.choose_torch(folder, ["uv", *options], here.get("asked", ""))
    assert build == " ".join(taken).split()
    assert dry_runs == tried
    printed = capsys.readouterr().out
    assert words in printed
    assert "make lab UV_TORCH_BACKEND=cpu, or auto" in printed


# --- uv: there, absent, too old, failing ----------------------------------------------------------

FAKE_UV = """#!{python} -IS
import os, sys
arguments = " ".join(sys.argv[1:])
if "--help" in arguments:
    print({help!r})
else:
    with open({log!r}, "a") as log:
        print(arguments.split("constraints.txt ")[1], file=log)
    assert "UV_TORCH_BACKEND" not in os.environ  # else torchao came from torch's index, too
    if {fails!r} in arguments:
        sys.exit("  x No solution found:\\n    because it said so")
"""


@pytest.fixture
def project(folder, template):
    """`folder` with the script and an environment in it."""
    shutil.copy(SCRIPT, folder)
    copy_of(template, folder / ".venv")
    return folder


def fake_uv(path: Path, fails: str = "nothing", help: str = "--torch-backend") -> Path:
    """An executable at `path` that records what it is asked to install; the record's path."""
    path.parent.mkdir(exist_ok=True)
    log = path.with_suffix(".log")
    values = dict(python=os.path.realpath(sys.executable), log=str(log), help=help, fails=fails)
    path.write_text(FAKE_UV.format(**values))
    path.chmod(0o755)
    return log


def start(root: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess:
    kept = ("PATH", "HOME", "SYSTEMROOT", "TMPDIR", "TEMP")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment |= {"PIP_CONFIG_FILE": os.devnull, "LC_ALL": "C"} | variables
    command = [sys.executable, "bootstrap.py", *arguments]
    return subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("where", ["tools/uv", "Büch's [copy] 100% #1/.venv/bin/uv"])
def test_uv_installs_torch_and_then_the_rest(project, tmp_path, where):
    """uv of PATH, or the one in .venv where PATH's is older than builds of torch."""
    fake_uv(tmp_path / "tools/uv", help="--python")
    log = fake_uv(tmp_path / where)
    settings = {"PATH": f"{tmp_path / 'tools'}:/usr/bin:/bin", "PIP_NO_INDEX": "yes"}
    outcome = start(project, "test", **settings, UV_TORCH_BACKEND="cu130")
    assert outcome.returncode == 0, outcome.stderr
    assert log.read_text().splitlines() == [
        "--no-index torch --torch-backend=cu130",
        "--no-index -e .[test]",
    ]


@pytest.mark.parametrize("status", [0, 1])
def test_where_there_is_no_uv_pip_installs_it_or_says_why_not(project, monkeypatch, status):
    calls = []
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(subprocess, "call", lambda command, **_: calls.append([*command]) or status)
    python = str(project / ".venv/bin/python")
    with pytest.raises(SystemExit, match="reason stands above") if status else nullcontext():
        bootstrap.install(project, python, "lab", "cpu")
    assert calls[0][1:] == ["-m", "pip", "install", "-q", "-c", "constraints.txt", "uv"]
    uv = str(project / ".venv/bin/uv")
    assert [call[0] for call in calls] == ([python] if status else [python, uv, uv])


def test_a_failure_is_told_in_uvs_own_words_and_then_resumed(project, tmp_path):
    settings = {"PATH": f"{tmp_path / 'tools'}:/usr/bin:/bin", "PIP_NO_INDEX": "1"}
    fake_uv(tmp_path / "tools/uv", fails="-e .")
    outcome = start(project, "lab", **settings)
    assert outcome.returncode == 1
    assert "  x No solution found:\n    because it said so\n" in outcome.stderr
    for advice in ("HTTPS_PROXY", "PIP_CERT", "TMPDIR", "the first table of TROUBLE.md"):
        assert advice in outcome.stderr
    assert "Traceback" not in outcome.stderr
    (project / ".venv/kept").touch()
    fake_uv(tmp_path / "tools/uv")
    assert start(project, "lab", **settings).returncode == 0
    assert not (project / ".venv/kept").exists()


# --- For real -------------------------------------------------------------------------------------

BESIDE = Path(sys.prefix) / "bin/uv"
UV = shutil.which("uv") or (str(BESIDE) if BESIDE.exists() else None)
needs_uv = pytest.mark.skipif(UV is None, reason="there is no uv here")


@pytest.fixture
def real_uv(tmp_path):
    """A PATH with the real uv first."""
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools/uv").symlink_to(UV)
    return f"{tmp_path / 'tools'}:/usr/bin:/bin"


@needs_uv
def test_without_network_it_says_so_and_shows_no_traceback(project, real_uv, closed_port):
    shutil.copy(ROOT / "pyproject.toml", project)
    index = f"http://127.0.0.1:{closed_port}/simple"
    outcome = start(project, "lab", PATH=real_uv, PIP_INDEX_URL=index, UV_HTTP_RETRIES="0")
    assert outcome.returncode == 1
    assert f"127.0.0.1:{closed_port}" in outcome.stderr  # uv's own words
    assert "machines without a network" in outcome.stderr
    assert "Traceback" not in outcome.stdout + outcome.stderr
    assert stamp(project)["inputs"] == ""


@needs_uv
@pytest.mark.parametrize("home", ["/dev/null/none", None])
def test_uv_really_installs_into_a_new_environment(project, real_uv, tmp_path, home):
    """A package without requirements, built by a backend that lies beside it: no index needed."""
    shutil.rmtree(project / ".venv")
    (project / "pyproject.toml").write_text(
        "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"
    )
    (project / "backend.py").write_text(
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
    settings = {"PATH": real_uv, "PIP_NO_INDEX": "1", "HOME": home or str(tmp_path)}
    outcome = start(project, "lab", **settings)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert (project / "build/uv-cache").exists() == (home is not None)
    python = project / ".venv/bin/python"
    subprocess.run([python, "-I", "-c", "import tiny; assert tiny.here"], check=True)
    begun = time.perf_counter()
    again = start(project, "lab", **settings)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert time.perf_counter() - begun < 2
