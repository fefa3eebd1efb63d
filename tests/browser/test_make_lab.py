"""`make lab`: the address that it prints opens chapter 00, and nothing asks another machine."""

import socket
import sys
from pathlib import Path

import pytest
from jupyter import PATIENCE, start_lab

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def printed_address(tmp_path):
    """Starts `make lab` with this very Python, and yields the loopback address that it prints."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    inside = Path(sys.prefix) == ROOT / ".venv"  # a relative path has no sign that a shell reads
    python = Path(sys.executable).relative_to(ROOT) if inside else Path(sys.executable)
    # PYTHON=true: the environment is there already, and the tests must not make another.
    command = ["make", "lab", "PYTHON=true", f"RUN={python}", f"PORT={port}", "ARGS=--no-browser"]
    with start_lab(command, tmp_path) as address:
        yield address


pytestmark = pytest.mark.browser


def test_the_printed_address_opens_chapter_00(printed_address, browser_page, browser_log):
    assert "/lab/tree/chapters/00_start_here.ipynb?token=" in printed_address
    browser_page.goto(printed_address)
    heading = browser_page.locator(".jp-Notebook .jp-RenderedMarkdown h1").first
    heading.wait_for(timeout=PATIENCE * 1000)
    assert heading.inner_text().strip("¶ ") == "Start here"
    tab = browser_page.locator(".lm-TabBar-tab.lm-mod-current .lm-TabBar-tabLabel")
    assert "00_start_here.ipynb" in tab.all_inner_texts()
    assert browser_log.blocked == []


def test_a_saved_explorer_answers_before_anything_was_run(printed_address, browser_page):
    page = browser_page
    page.goto(printed_address.replace("00_start_here", "01_standard_convolution"))
    page.locator(".jp-Notebook .jp-RenderedMarkdown h1").first.wait_for(timeout=PATIENCE * 1000)
    photo = page.locator(".mnx-photo").first
    # JupyterLab draws only the cells near the visible ones, and on a busy machine not at once: so
    # down through the chapter, and up again, until the explorer is there.
    for step in range(480):
        if photo.count():
            break
        page.mouse.move(640, 500)
        page.mouse.wheel(0, -300 if step // 40 % 2 else 300)
        page.wait_for_timeout(250)
    photo.scroll_into_view_if_needed()
    before = page.locator(".mn-convolution .mn-said").inner_text()
    photo.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "(before) => document.querySelector('.mn-convolution .mn-said').textContent !== before",
        arg=before,
    )
    assert "18 of 9,216 multiplications" in page.locator(".mn-convolution .mn-said").inner_text()
