"""A page that has the engines of `web/engine`, for all tests of a file, served by this machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import numpy as np
import pytest
from browser_flags import Log, launch

ROOT = Path(__file__).resolve().parent.parent.parent
WEB = ROOT / "web"
# The modules under short names, and how tests see arrays: a map as {shape, values}.
START = """async () => {
  const names = ["mobilenet", "simd", "runner", "service"];
  const parts = await Promise.all(names.map((name) => import(`/web/engine/${name}.js`)));
  Object.assign(window, ...parts);
  window.given = async (name) => (await fetch(`/given/${name}`)).arrayBuffer();
  window.take = async (arrays) => {
    const body = new Blob(arrays.map((array) => Float32Array.from(array)));
    await fetch("/taken", { method: "POST", body });
  };
  window.floats = async (name) => new Float32Array(await given(name));
  window.ENGINES = { plain: MobileNet, simd: SimdMobileNet };
}"""


class Handler(SimpleHTTPRequestHandler):
    """Files of the checkout, what tests give, and an empty page with the policy it is asked for."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path.startswith("/given/"):
            self.answer(self.server.given[parts.path.removeprefix("/given/")], "application/x-mnet")
        elif parts.path == "/":
            policy = parse_qs(parts.query).get("policy", [""])[0]
            page = b"<!doctype html><html lang=en><link rel=icon href=data:,><title>engine</title>"
            self.answer(page, "text/html", {"Content-Security-Policy": policy} if policy else {})
        else:
            super().do_GET()

    def do_POST(self) -> None:
        self.server.taken = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(b"", "text/plain")

    def answer(self, content: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(200)
        for name, value in {"Content-Type": kind, **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[ThreadingHTTPServer]:
    """Serves the checkout and `server.given`, bytes by name."""
    handler = partial(Handler, directory=str(ROOT))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as served:
        served.given = {}
        served.address = f"http://127.0.0.1:{served.server_port}/"
        Thread(target=served.serve_forever, daemon=True).start()
        yield served
        served.shutdown()


class EnginePage:
    """A page with the engines, and what tests do with it."""

    def __init__(self, page: Any, server: ThreadingHTTPServer, log: Log) -> None:
        self.page, self.server, self.log = page, server, log

    def give(self, **content: bytes | np.ndarray) -> None:
        """Bytes, or an array as float32, for `given(name)` and `floats(name)` in the page."""
        for name, value in content.items():
            if isinstance(value, np.ndarray):
                value = np.ascontiguousarray(value, np.float32).tobytes()
            self.server.given[name] = value

    def taken(self) -> np.ndarray:
        """The numbers of all arrays that the page last passed to `take`, one behind the other."""
        return np.frombuffer(self.server.taken, "<f4").astype(np.float64)

    def open(self, policy: str = "") -> None:
        """Go to an empty page with this Content-Security-Policy, and load the modules."""
        self.page.goto(f"{self.server.address}?{urlencode({'policy': policy})}")
        self.page.evaluate(START)

    def __call__(self, code: str, argument: Any = None) -> Any:
        """What a function in JavaScript returns, given this argument."""
        return self.page.evaluate(code, argument)


@pytest.fixture(scope="module")
def engine_page(chromium: str, server: ThreadingHTTPServer) -> Iterator[EnginePage]:
    """The page, which may ask nothing of other machines and may have no uncaught error."""
    with launch(chromium) as (page, log):
        made = EnginePage(page, server, log)
        made.open()
        yield made
    assert not log.blocked, f"the page asked other machines: {log.blocked}"
    assert log.console_errors == []


@pytest.fixture(scope="session")
def npm_packages() -> Path:
    """`web/node_modules`, as `web/package-lock.json` has it; skipped without, fails in CI."""
    reason = ""
    if not (shutil.which("npm") and shutil.which("node")):
        reason = "no npm found: install Node.js, which brings it"
    else:
        wanted = json.loads((WEB / "package.json").read_text("utf-8"))["devDependencies"]
        listed = subprocess.run(
            ["npm", "ls", "--json", "--depth=0", "--offline"],
            cwd=WEB,
            capture_output=True,
            text=True,
            shell=os.name == "nt",
        )
        found = json.loads(listed.stdout or "{}").get("dependencies", {})
        if any(found.get(name, {}).get("version") != version for name, version in wanted.items()):
            reason = "web/node_modules is missing or old: run `npm ci` in web/"
    if reason and os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    if reason:
        pytest.skip(reason)
    return WEB / "node_modules"
