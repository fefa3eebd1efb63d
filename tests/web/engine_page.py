"""A page with the engines of `web/engine`, served by this machine, for tests and the benchmark."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import numpy as np
from browsers import BrowserLog

ROOT = Path(__file__).resolve().parent.parent.parent
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


@contextmanager
def serving() -> Iterator[ThreadingHTTPServer]:
    """Serve the checkout and `given`, bytes by name, on a port of this machine."""
    handler = partial(Handler, directory=str(ROOT))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.given = {}
        server.address = f"http://127.0.0.1:{server.server_port}/"
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


class EnginePage:
    """A page with the engines, and what tests do with it."""

    def __init__(self, page: Any, server: ThreadingHTTPServer, log: BrowserLog) -> None:
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
