"""Start a Chromium that is shut off from other machines, for a file of tests or for a benchmark."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

FLAGS = [
    "--no-sandbox",  # Chromium refuses to run as root with it, and CI is root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
]


@dataclass
class Log:
    """What a page did that nobody asked for."""

    blocked: list[str] = field(default_factory=list)
    console_errors: list[str] = field(default_factory=list)


@contextmanager
def launch(chromium: str) -> Iterator[tuple[Any, Log]]:
    """A page in a fresh Chromium, and its log."""
    from playwright.sync_api import sync_playwright

    log = Log()

    def gate(route: Any) -> None:
        parts = urlsplit(route.request.url)
        if parts.scheme in ("data", "blob", "about", "file") or parts.hostname == "127.0.0.1":
            route.continue_()
        else:
            log.blocked.append(route.request.url)
            route.abort()

    def watch(message: Any) -> None:
        if message.type == "error":
            log.console_errors.append(message.text)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        context = browser.new_context()
        context.set_default_timeout(120_000)  # ms; a busy machine takes several times as long
        context.route("**/*", gate)
        page = context.new_page()
        page.on("console", watch)
        page.on("pageerror", lambda error: log.console_errors.append(str(error)))
        try:
            yield page, log
        finally:
            browser.close()
