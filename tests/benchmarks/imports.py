"""How long the torch-free modules take to import, each in a Python of its own.

    python tests/benchmarks/imports.py [--record]

A reading is the time of one `import` statement, start of Python not included. The limit is 0.3 s.
"""

import subprocess
import sys

from measure import arguments, finish, show, summary

LIMIT_MS = 300
READINGS = 9
MODULES = (
    "mobilenet_lib",
    "mobilenet_lib.cost",
    "mobilenet_lib.architecture",
    "mobilenet_lib.paper",
    "mobilenet_lib.convolution",
    "mobilenet_lib.photos",
    "mobilenet_lib.checks",
    "mobilenet_lib.plots",
    "mobilenet_lib.explorers",
    "mobilenet_lib.cli",
)
CODE = """import sys, time
start = time.perf_counter()
import {module}
print(1e3 * (time.perf_counter() - start), "torch" in sys.modules)"""


def reading(module: str) -> float:
    """Milliseconds of one import; torch must not come with it."""
    code = CODE.format(module=module)
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    milliseconds, torch = answer.stdout.split()
    if torch != "False":
        raise SystemExit(f"importing {module} loads torch")
    return float(milliseconds)


def main() -> None:
    """Measure, print, and record if asked to."""
    options = arguments("how long the torch-free modules take to import")
    results, kept = {}, True
    for module in MODULES:
        reading(module)  # fills the disk cache
        results[module] = summary([reading(module) for _ in range(READINGS)])
        kept &= show(module, results[module], LIMIT_MS)
    finish("imports", results, kept, options.record, ("numpy", "matplotlib", "ipywidgets"))


if __name__ == "__main__":
    main()
