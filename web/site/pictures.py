"""Pictures of the site to look at: python web/site/pictures.py [folder], into build/screenshots.

The same pages from a folder, from deep in a host, without scripts, dark and narrow, and printed.
"""

from __future__ import annotations

import functools
import http.server
import sys
import threading
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from mobilenet_lib.machine import find_chromium

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    "front": "index.html",
    "chapter-01": "chapters/01_standard_convolution.html",
    "chapter-02": "chapters/02_depthwise_separable_convolution.html",
    "chapter-06": "chapters/06_width_and_resolution.html",
    "reference": "reference/mobilenet_lib.cost.html",
}
LOADED = """async () => {
  for (const image of document.images) image.loading = "eager";
  await Promise.all([...document.images].map((image) => image.decode()));
}"""
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Hands out a folder below /some/deep/path/."""

    def translate_path(self, path: str) -> str:
        """Where a path lies."""
        return super().translate_path(path.removeprefix("/some/deep/path"))

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def main() -> None:
    """Take all pictures."""
    site = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build/site").resolve()
    if not (site / "index.html").is_file():
        raise SystemExit(f"{site} has no index.html: run make site first")
    out = ROOT / "build/screenshots"
    out.mkdir(parents=True, exist_ok=True)
    handler = functools.partial(Quiet, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        host = f"http://127.0.0.1:{server.server_port}/some/deep/path"
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
            wide, narrow = {"width": 1280, "height": 720}, {"width": 390, "height": 844}
            kinds: dict[str, tuple[str, dict[str, Any]]] = {
                "folder": (site.as_uri(), {"viewport": wide}),
                "host": (host, {"viewport": wide}),
                "no-scripts": (site.as_uri(), {"viewport": wide, "java_script_enabled": False}),
                "dark-phone": (host, {"viewport": narrow, "color_scheme": "dark"}),
            }
            for kind, (base, options) in kinds.items():
                context = browser.new_context(reduced_motion="reduce", **options)
                for name, path in PAGES.items():
                    page = context.new_page()
                    page.goto(f"{base}/{path}")
                    if kind != "no-scripts":
                        start_all(page)
                    page.evaluate(LOADED)
                    page.screenshot(path=out / f"{name}-{kind}.png", full_page=True)
                    if kind == "folder":
                        page.pdf(path=out / f"{name}.pdf", format="A4", print_background=True)
                    page.close()
                context.close()
            browser.close()
        server.shutdown()
    print(f"{len(list(out.iterdir()))} files in {out}")


def start_all(page: Any) -> None:
    """Bring every explorer of a page to life that does not wait for a click."""
    for place in page.locator(".explorer[data-bundle]:not([data-wait])").all():
        place.scroll_into_view_if_needed()
        page.wait_for_function("(el) => el.dataset.alive", arg=place.element_handle())
    page.evaluate("() => scrollTo(0, 0)")


if __name__ == "__main__":
    main()
