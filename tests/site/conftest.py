"""The site, built once for all its tests, and a server that hands it out under a deep path."""

import functools
import http.server
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "web/site"), str(ROOT / "web")]


@pytest.fixture(scope="session")
def site(npm_packages, tmp_path_factory) -> Path:
    """The folder of the site, built without an address; all workers of a run share it."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    out = base / "site"
    with FileLock(base / "site.lock"):
        if not out.exists():
            command = [sys.executable, ROOT / "web/site/build.py", "--out", out]
            command += ["--slides", base / "none"]  # decks have tests of their own
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
            assert "WARNING" not in done.stderr
    return out


@pytest.fixture(scope="session")
def pages(site) -> list[Path]:
    """Every page."""
    return sorted(site.rglob("*.html"))


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Hands out one folder, as if it lay deep in another."""

    def translate_path(self, path):
        assert path.startswith("/some/deep/path/"), f"{path} is not below the site's own folder"
        return super().translate_path(path.removeprefix("/some/deep/path"))

    def guess_type(self, path):
        """As many hosts say it, of a script in UTF-16 too."""
        kind = super().guess_type(path)
        return f"{kind}; charset=utf-8" if kind.endswith("javascript") else kind

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def served(site):
    """The address under which a server of this machine has the site."""
    handler = functools.partial(Quiet, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/some/deep/path"
        server.shutdown()
