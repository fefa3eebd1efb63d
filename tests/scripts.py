"""Scripts of the book as modules, by their paths: more than one of them is called build.py."""

import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent


@cache
def script(path: str) -> ModuleType:
    """The script at `path`, counted from the book's folder, such as "chapters/build.py".

    As where it is run, it finds what lies beside it.
    """
    sys.path.append(str((ROOT / path).parent))
    name = path.removesuffix(".py").replace("/", "_")
    spec = importlib.util.spec_from_file_location(name, ROOT / path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where a dataclass looks for its module
    spec.loader.exec_module(module)
    return module
