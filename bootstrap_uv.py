"""How bootstrap.py installs: with uv, by pip's settings, and the torch that fits the machine."""

import ast
import glob
import os
import shutil
import subprocess
import sys
import tempfile

EXTRAS = {"lab": "", "test": "[test]"}
UV_NAMES = {  # of pip's settings; for no-index and constraint, uv has options only
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "timeout": "UV_HTTP_TIMEOUT",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "proxy": "ALL_PROXY",
}
FAILED = """
The packages could not be installed; the reason stands above. When it is mended, run the same
command again. Behind a proxy, set HTTPS_PROXY; for a company's certificate, PIP_CERT to its file;
if the temporary folder is full, TMPDIR to another; if a package has no build for this Python,
PYTHON to another, as in: make lab PYTHON=python3.12. Without a network, run

    python3 -m pip download -d wheelhouse -c constraints.txt ".[test]" editables uv

in a copy of this folder on a machine that has one, with the same system and the same Python; carry
the folder wheelhouse over to here, and run: PIP_NO_INDEX=1 PIP_FIND_LINKS=wheelhouse make lab"""


def install(root: str, python: str, profile: str, torch: str) -> None:
    """Install what `profile` needs into the environment of `python`, or exit with advice.

    `torch` is the build asked for, by uv's name for it; empty for the one that fits the machine.
    """
    for name in ("PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX", "UV_TORCH_BACKEND"):
        os.environ.pop(name, None)  # each would make pip or uv look, or install, somewhere else
    os.environ.update(PYTHONNOUSERSITE="1", PYTHONUTF8="1", PIP_USER="0", PIP_NO_INPUT="1")
    uv, steps = find_uv(root, python), []
    if uv:
        command = [uv, "pip", "install", "--python", python, "-c", "constraints.txt"]
        command += hand_over(root, uv, pip_settings(python))
        steps = choose_torch(root, command, torch)
    else:
        print("There is no uv to be had; pip installs, which takes longer.", flush=True)
        command = [python, "-m", "pip", "install", "-c", "constraints.txt"]
    for step in [*steps, ["-e", "." + EXTRAS[profile]]]:  # relative: a name may hold [, # or %
        if subprocess.call(command + step, cwd=root, stdin=subprocess.DEVNULL) != 0:
            sys.exit(FAILED)


def output(*command: str) -> str:
    """What `command` prints; empty if it fails."""
    try:
        answer = subprocess.check_output(command, stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return answer.decode("utf-8", "replace").strip()


def find_uv(root: str, python: str) -> str:
    """A uv that can choose torch's build: from PATH, else beside `python`, put there if need be."""
    beside = os.path.join(os.path.dirname(python), "uv" + os.path.splitext(python)[1])
    for uv in (shutil.which("uv") or beside, beside):
        if "--torch-backend" in output(uv, "pip", "install", "--help"):
            return uv
    pip = [python, "-m", "pip", "install", "-q", "-c", "constraints.txt", "uv"]
    return beside if subprocess.call(pip, cwd=root, stdin=subprocess.DEVNULL) == 0 else ""


def pip_settings(python: str) -> dict:
    """What pip was told in its files and, which counts for more, by variables."""
    listing = subprocess.run([python, "-m", "pip", "config", "list"], stdout=subprocess.PIPE).stdout
    settings = {}
    for section in ("global.", "install.", ":env:."):
        for line in listing.decode("utf-8", "replace").splitlines():
            key, _, value = line.partition("=")
            if key.startswith(section) and ast.literal_eval(value):
                settings[key[len(section) :]] = ast.literal_eval(value)
    return settings


def hand_over(root: str, uv: str, settings: dict) -> list:
    """Tell uv what pip was told, by variables; by the options returned where uv has none."""
    trusted = os.environ.get("REQUESTS_CA_BUNDLE", os.environ.get("SSL_CERT_FILE", ""))
    for name, uv_name in UV_NAMES.items():
        value = settings.get(name, trusted if name == "cert" else "")
        pieces = [os.path.expanduser(piece) for piece in value.split()]
        if pieces and not (uv_name.startswith("UV_") and uv_name in os.environ):
            os.environ[uv_name] = ("," if name == "find-links" else " ").join(pieces)
    os.environ.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")  # as pip looks through indexes
    if sys.platform != "linux" or glob.glob("/etc/ssl/certs/*"):
        os.environ.setdefault("UV_SYSTEM_CERTS", "1")  # as pip trusts them
    try:
        cache = output(uv, "cache", "dir")
        os.makedirs(cache, exist_ok=True)
        tempfile.TemporaryFile(dir=cache).close()
    except OSError:  # a home that cannot be written to, or none
        os.environ["UV_CACHE_DIR"] = os.path.join(root, "build", "uv-cache")
    options = [f"--constraints={path}" for path in settings.get("constraint", "").split()]
    if settings.get("no-index", "").lower() in ("1", "true", "yes", "on", "y", "t"):
        options.append("--no-index")
    return options


def choose_torch(root: str, command: list, asked: str) -> list:
    """Steps for `command` that install torch, in the build that fits; none for the index's own.

    The package index's own build for Linux is the one with CUDA, several GB large. Where pip was
    given places to look in, a build for the CPU is first looked for there; where they are the only
    ones, nowhere else.
    """
    another = "For another build: make lab UV_TORCH_BACKEND=cpu, or auto, or cu130 and the like."
    if asked:
        print(f"torch: {asked}, as you ask. {another}", flush=True)
        return [["torch", f"--torch-backend={asked}"]]
    gpu = glob.glob("/proc/driver/nvidia/gpus/*") or output("nvidia-smi", "-L")
    closed = "--no-index" in command or {"UV_DEFAULT_INDEX", "UV_INDEX_URL"} & set(os.environ)
    tries = []
    if not gpu and (closed or {"UV_INDEX", "UV_FIND_LINKS"} & set(os.environ)):
        with open(os.path.join(root, "constraints.txt"), encoding="utf-8") as pins:
            tries += [[pin.strip() + "+cpu"] for pin in pins if pin.startswith("torch==")]
    if not closed:
        tries += [["torch", "--torch-backend=" + ("auto" if gpu else "cpu")]]
    for step in tries if sys.platform == "linux" else []:
        if subprocess.call([*command, *step, "--dry-run", "-qq"], cwd=root) == 0:
            build = "for your NVIDIA GPU" if gpu else "for the CPU, since there is no NVIDIA GPU"
            print(f"torch: the build {build}. {another}", flush=True)
            return [step]
    warning = "" if gpu or sys.platform != "linux" else " (none for the CPU alone is within reach)"
    print(f"torch: the package index's own build{warning}. {another}", flush=True)
    return []
