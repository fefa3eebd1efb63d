"""A Chromium that is shut off from other machines, and what its pages did that nobody asked for."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import urlsplit

import pytest

# Each window of a whole Chromium gets pages of its own, behind the address bar, and a process for a
# page to come: almost half of what opening one takes. The rest are off in Playwright, too, whose
# list this takes the place of.
SWITCHED_OFF = (
    *("WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "SpareRendererForSitePerProcess"),
    *("AvoidUnnecessaryBeforeUnloadCheckSync", "AvoidCorsURLLoaderRestartOnRedirect"),
    *("DestroyProfileOnBrowserClose", "HttpsUpgrades", "HttpsFirstBalancedModeAutoEnable"),
    *("LensOverlay", "MediaRouter", "PaintHolding", "ThirdPartyStoragePartitioning"),
    *("OptimizationHints", "NetworkTimeServiceQuerying", "AimEnabled", "PreconnectToSearch"),
)
FLAGS = [
    "--no-sandbox",  # Chromium refuses to run as root with it, and CI is root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",  # a camera that films a test pattern
    # Names other than our own do not even resolve, whatever part of the browser asks.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
    "--disable-features=" + ",".join(SWITCHED_OFF),
]


def do_without(reason: str) -> NoReturn:
    """End a test that needs what is not there: skipped with the reason, in CI failed."""
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@dataclass
class BrowserLog:
    """What a page did that no test asked for."""

    blocked: list[str] = field(default_factory=list)
    """Addresses of other machines that the page asked for; none was reached."""
    console_errors: list[str] = field(default_factory=list)
    """Errors on the page's console, and exceptions that nothing caught."""


def watched_page(context: Any, log: BrowserLog, is_own: Callable[[str], bool]) -> Any:
    """A page of a browser's context that reaches this machine only, and writes to the log."""
    context.set_default_timeout(120_000)  # ms; a busy machine takes several times as long

    def is_local(address: str) -> bool:
        parts = urlsplit(address)
        if parts.scheme in ("data", "blob", "about", "file", "chrome", "devtools"):
            return True
        return parts.hostname is not None and is_own(parts.hostname)

    def gate(route: Any) -> None:
        if is_local(route.request.url):
            route.continue_()
        else:
            log.blocked.append(route.request.url)
            route.abort()

    def watch_socket(web_socket: Any) -> None:
        if not is_local(web_socket.url):
            log.blocked.append(web_socket.url)

    def watch_console(message: Any) -> None:
        if message.type == "error":
            log.console_errors.append(message.text)

    context.route("**/*", gate)
    page = context.new_page()
    page.on("websocket", watch_socket)
    page.on("console", watch_console)
    page.on("pageerror", lambda error: log.console_errors.append(str(error)))
    return page


@contextmanager
def launch(chromium: str) -> Iterator[tuple[Any, BrowserLog]]:
    """A page in a Chromium of its own, which reaches 127.0.0.1 only, and its log."""
    from playwright.sync_api import sync_playwright

    log = BrowserLog()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        try:
            yield watched_page(browser.new_context(), log, "127.0.0.1".__eq__), log
        finally:
            browser.close()
