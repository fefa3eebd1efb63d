"""The library's order: imports point only downwards, torch is loaded late; and its examples run."""

import ast
import doctest
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import mobilenet_lib

PACKAGE = Path(mobilenet_lib.__file__).parent

# From top to bottom. A module may import what stands below it, and nothing else of the library.
ORDER = (
    "cli",
    "lab",
    "doctor",
    "checks",
    "explorers",
    "plots",
    "bench",
    "engines",
    "train",
    "data",
    "weights",
    "timing",
    "explain",
    "model",
    "convention",
    "preprocess",
    "convolution",
    "paper",
    "architecture",
    "layer",
    "cost",
    "photos",
    "results",
    "process",
    "machine",
    "release",
    "manifest",
    "installed",
    "files",
    "text",
    "validation",
    "lazy",
)
# These load torch late, when something asks for it.
TORCH_LATE = {"cli", "doctor", "installed", "machine", "checks"}
TORCH = {
    *("bench", "engines", "train", "data", "weights", "timing", "explain", "model"),
    *("preprocess", "process"),
}
# All others may name it nowhere, not even inside a function.
TORCH_FREE = {*ORDER} - TORCH_LATE - TORCH

SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def room(path):
    """The module of ORDER that a source file belongs to: a file, or a folder with all in it."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


ROOMS = {room(path) for path in SOURCES}


def dotted(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(source, name, is_package):
    """Every module that `source` imports anywhere, by its full name."""
    package = name if is_package else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                above = parts[: len(parts) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            yield from (f"{base}.{alias.name}" for alias in node.names)


def imports_of(path):
    source = path.read_text(encoding="utf-8")
    return list(imports(source, dotted(path), path.name == "__init__.py"))


def breaches(name, imported):
    """Imports of the library's own modules that do not point downwards."""
    own = [full.split(".")[1] for full in imported if full.startswith("mobilenet_lib.")]
    own = [target for target in own if target in ORDER and target != name]
    return [target for target in own if ORDER.index(target) <= ORDER.index(name)]


def test_every_module_has_its_place_in_the_order():
    assert ROOMS - set(ORDER) == set()
    assert {"cost", "architecture", "model", "convolution"} <= ROOMS
    own = {*ORDER, *mobilenet_lib.__all__, "__version__"}
    for path in SOURCES:
        for full in imports_of(path):
            if full.split(".")[0] == "mobilenet_lib":
                assert full.split(".")[1] in own, f"{dotted(path)} imports {full}"


@pytest.mark.parametrize("path", SOURCES, ids=dotted)
def test_imports_point_downwards(path):
    assert breaches(room(path), imports_of(path)) == []


@pytest.mark.parametrize("path", SOURCES, ids=dotted)
def test_nothing_is_taken_from_the_package_itself(path):
    # `from mobilenet_lib import MobileNet` inside the library would hide where it points.
    lazily = {f"mobilenet_lib.{name}" for name in mobilenet_lib.__all__}
    assert lazily.isdisjoint(imports_of(path))


@pytest.mark.parametrize("path", [path for path in SOURCES if room(path) in TORCH_FREE], ids=dotted)
def test_torch_free_modules_never_name_torch(path):
    assert {full.split(".")[0] for full in imports_of(path)}.isdisjoint({"torch", "torchvision"})


LAZY = [
    path
    for path in (PACKAGE / "__init__.py", *SOURCES)
    if path.name == "__init__.py" and "lazy_names(" in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("path", LAZY, ids=dotted)
def test_no_module_stands_in_the_place_of_a_name_that_comes_when_asked_for(path):
    names = import_module(dotted(path)).__all__
    assert {other.stem for other in path.parent.iterdir()}.isdisjoint(names)


def test_the_check_sees_every_way_to_import_upwards():
    ways = (
        "from .model import MobileNet",
        "from . import model",
        "import mobilenet_lib.model",
        "from mobilenet_lib.model import MobileNet",
        "from mobilenet_lib import model",
        "def late():\n    from .model import MobileNet",
        "if TYPE_CHECKING:\n    from . import cost, model",
    )
    for source in ways:
        assert breaches("cost", imports(source, "mobilenet_lib.cost", False)) == ["model"], source
    deeper = (("from ..model import MobileNet", False), ("from .. import model", False))
    for source, is_package in deeper:
        found = imports(source, "mobilenet_lib.paper.tables", is_package)
        assert breaches("paper", found) == ["model"], source
    assert (
        breaches("model", imports("from .cost import reduction", "mobilenet_lib.model", False))
        == []
    )
    inside = imports("from .records import Cell", "mobilenet_lib.paper", True)
    assert breaches("paper", inside) == []


def fresh(code):
    """Run code in a fresh interpreter, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["", *sorted(ROOMS - TORCH)])
def test_importing_does_not_load_torch(name):
    modules = [dotted(path) for path in SOURCES if room(path) == name]
    code = "\n".join(f"import {module}" for module in ["sys", "mobilenet_lib", *modules])
    assert fresh(f"{code}\nprint('torch' in sys.modules)") == "False\n"


def test_costs_need_no_third_party_package():
    code = (
        "import sys, mobilenet_lib.cost, mobilenet_lib.architecture\nprint('numpy' in sys.modules)"
    )
    assert fresh(code) == "False\n"


def test_torch_names_come_when_asked_for():
    printed = fresh(
        "import sys, mobilenet_lib as m\n"
        "print(m.mobilenet_v1().mult_adds, 'torch' in sys.modules)\n"
        "print(m.MobileNet.__module__, 'torch' in sys.modules, m.MobileNet is m.MobileNet)\n"
        "from mobilenet_lib import KERAS\n"
        "print(KERAS.name)"
    )
    assert printed.splitlines() == [
        "568740352 False",
        "mobilenet_lib.model True True",
        "keras",
    ]


def test_every_public_name_resolves_and_is_listed():
    assert len(mobilenet_lib.__all__) == len(set(mobilenet_lib.__all__))
    for name in mobilenet_lib.__all__:
        assert getattr(mobilenet_lib, name) is not None
    assert set(mobilenet_lib.__all__) <= set(dir(mobilenet_lib))
    listed = fresh(
        "import mobilenet_lib\nprint(*dir(mobilenet_lib))"
    ).split()  # before any is loaded
    assert set(mobilenet_lib.__all__) | {"__version__"} <= set(listed)
    star = "from mobilenet_lib import *\nprint(mobilenet_v1.__name__, MobileNet.__name__)"
    assert fresh(star) == "mobilenet_v1 MobileNet\n"


EXAMPLES = (
    *("architecture", "data", "data.parts", "model", "paper", "preprocess", "text"),
    *("train.recipe", "train.schedule"),
)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_in_docstrings_are_right(name):
    result = doctest.testmod(import_module(f"mobilenet_lib.{name}"))
    assert result.attempted > 0
    assert result.failed == 0


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'mobilenet_lib' has no attribute 'MobileNetV9'"):
        _ = mobilenet_lib.MobileNetV9
    with pytest.raises(ImportError):
        from mobilenet_lib import MobileNetV9  # noqa: F401
