"""The picture that an explorer leaves: seen where there is no network, gone beside the explorer."""

import nbformat
import pytest
from nbconvert import HTMLExporter

from mobilenet_lib.explorers import ConvolutionExplorer, SeparableExplorer
from mobilenet_lib.explorers import still as module

pytestmark = pytest.mark.browser


@pytest.fixture
def exported(browser_page, browser_log, monkeypatch, tmp_path):
    """A page with two explorers as nbconvert writes it, in a browser without a network."""
    shown = []
    monkeypatch.setattr(module, "display", lambda data, raw: shown.append(data))
    monkeypatch.setattr(module.InteractiveShell, "initialized", lambda: True)
    explorers = ConvolutionExplorer(size=8), SeparableExplorer()
    for explorer in explorers:
        explorer._ipython_display_()
    cell = nbformat.v4.new_code_cell("explorers")
    cell.outputs = [nbformat.v4.new_output("display_data", data=data) for data in shown]
    notebook = nbformat.v4.new_notebook(cells=[cell])
    state = {explorer.model_id: {} for explorer in explorers}  # what they are made of is not asked
    notebook.metadata["widgets"] = {
        "application/vnd.jupyter.widget-state+json": {"state": state, "version_major": 2}
    }
    page, _ = HTMLExporter().from_notebook_node(notebook)
    path = tmp_path / "exported.html"
    path.write_text(page, encoding="utf-8")
    browser_page.goto(path.as_uri(), wait_until="domcontentloaded")
    yield browser_page, [explorer.model_id for explorer in explorers]
    browser_log.blocked.clear()  # the page asked for its widgets' code


def test_each_still_is_seen_until_its_own_explorer_is_alive(exported):
    page, (first, second) = exported
    for name in (first, second):
        assert page.locator(f".still-{name} img").is_visible()
        assert page.locator(f".still-{name} img").bounding_box()["width"] > 500
    # What the widgets' code does when it can be loaded: it draws the explorer in its own place.
    page.evaluate(
        """(name) => document.querySelector('.jupyter-widgets').append(
            Object.assign(document.createElement('div'), { className: `explorer-${name}` }))""",
        first,
    )
    assert not page.locator(f".still-{first}").is_visible()
    row = page.locator(".jp-OutputArea-child", has=page.locator(f".still-{first}"))
    assert row.evaluate("(row) => row.getBoundingClientRect().height") == 0  # no gap is left
    assert page.locator(f".still-{second} img").is_visible()
