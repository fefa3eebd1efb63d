"""Read every malformed file and print one line of JSON for each: a process of its own for the test.

    python tests/fuzz/run_malformed.py FOLDER [--seed N] [--count N]

A crash then ends this process and not the tests, and its memory can be limited. The line "reading"
comes before a file is touched, so the last one names the culprit.
"""

import argparse
import json
import sys
import time
import warnings
from pathlib import Path

import malformed
import torch

from mobilenet_lib import load_published
from mobilenet_lib.photos import check_photo, load_photo
from mobilenet_lib.preprocess import INCEPTION

try:
    import resource
except ModuleNotFoundError:  # Windows
    resource = None

ROOM = 3 * 2**30  # what reading one file may take beside what the process has already
# Python announces these; none has any business in reading a photo or weights.
FORBIDDEN = (
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "subprocess.Popen",
    "pickle.find_class",
)
FORBIDDEN += ("socket.connect", "os.remove", "os.rename", "shutil.rmtree")


def read(path: Path) -> str:
    """Read one file as the library does; what it was, or the error that it caused."""
    if path.name.startswith("image"):
        photo = check_photo(load_photo(path))
        INCEPTION(photo)
        return f"photo {photo.shape}"
    net = load_published(path)
    assert all(torch.isfinite(tensor).all() for tensor in net.state_dict().values())
    assert len(net.classes) == net.arch.num_classes
    return f"network {net.arch.alpha:g}"


def limit_memory() -> None:
    """Let this process grow by ROOM at most, where the system can hold it to that."""
    if resource is None or not Path("/proc/self/statm").exists():
        return
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    now = pages * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + ROOM, now + ROOM))


def main() -> None:
    """Make the files, read them, and say what became of each."""
    parser = argparse.ArgumentParser(description="Read malformed files.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=malformed.SEED)
    parser.add_argument("--count", type=int, default=malformed.COUNT)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    watching, events = [False], []

    def watch(event: str, arguments: tuple) -> None:
        if watching[0] and event in FORBIDDEN:
            events.append(event)

    sys.addaudithook(watch)
    for kind, valid in (
        ("image", malformed.valid_images()),
        ("checkpoint", malformed.valid_checkpoints()),
    ):  # undamaged first, which also imports all that reading needs
        for name, content in valid.items():
            path = options.folder / f"{kind}-valid-{name}"
            path.write_bytes(content)
            print(json.dumps({"valid": path.name, "read": read(path)}), flush=True)
            path.unlink()
    limit_memory()

    canary = options.folder / "canary"
    for how, path in malformed.malformed(options.folder, canary, options.seed, options.count):
        print(json.dumps({"reading": path.name, "how": how}), flush=True)
        case = {"file": path.name, "how": how}
        before, started = peak(), time.process_time()
        watching[0] = True
        try:
            case["read"] = read(path)
        except Exception as error:  # the test judges what is a good one
            kinds = [kind.__name__ for kind in type(error).__mro__]
            case |= {"error": kinds[0], "kinds": kinds, "message": str(error)}
        watching[0] = False
        case |= {"seconds": time.process_time() - started, "bytes": peak() - before}
        case |= {"events": events[:], "canary": canary.exists()}
        events.clear()
        print(json.dumps(case), flush=True)
        path.unlink()


def peak() -> int:
    """The most memory this process had so far, in bytes; 0 where the system does not tell."""
    if resource is None:
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    main()
