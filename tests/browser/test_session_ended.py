"""Explorers in a live JupyterLab whose Python session is restarted, shut down, or not there."""

import json
import re

import nbformat
import pytest
from explorers import EXPLORERS
from jupyter import lab_of, start_lab
from standalone import frames, write_page

pytestmark = pytest.mark.browser

PATIENCE = 60_000  # ms, for a machine with two busy cores
AGAIN = "The Python session has ended: run this cell again (Shift+Enter)."
NEVER = "This needs a Python session: in Jupyter, run this cell (Shift+Enter)."
CONVOLUTION, TRADEOFF, CURVE, DETECTOR = (0, 1), (2, 3), (4, 5), (6, 7)
SHOWN = ".mn-explorer"
CODE = """
from itertools import count
from types import SimpleNamespace
from mobilenet_lib.explorers import *

convolution, tradeoff = ConvolutionExplorer(), TradeoffExplorer()
curve = LiveCurve(clock=count().__next__)
for number in range(1, 31):
    curve(SimpleNamespace(number=number, steps=300, epoch=1, loss=3 / number, accuracy=None))
for explorer in (convolution, tradeoff, curve, DetectorExplorer()):
    display(explorer)
    display(explorer)
"""
READY = """async () => {
    const panel = jupyterapp.shell.currentWidget;
    await panel.context.ready; await panel.revealed;
    await panel.sessionContext.ready; await panel.sessionContext.session.kernel.info;
}"""
RUN = "() => jupyterapp.commands.execute('notebook:run-all-cells')"
ENDS = {
    "restart": "() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()",
    "shutdown": "() => jupyterapp.shell.currentWidget.sessionContext.shutdown()",
}


@pytest.fixture
def page(tmp_path, browser_page):
    """A notebook of one cell with explorers, each shown twice, which has been run."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CODE)])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    (tmp_path / "book").mkdir()
    nbformat.write(notebook, tmp_path / "book" / "all.ipynb")
    plugin = tmp_path / "jupyterlab_settings_dir" / "@jupyter-widgets" / "jupyterlab-manager"
    plugin.mkdir(parents=True)
    (plugin / "plugin.jupyterlab-settings").write_text('{"saveState": true}', encoding="utf-8")
    with start_lab(lab_of(tmp_path / "book"), tmp_path) as address:
        browser_page.goto(address.replace("/lab?", "/lab/tree/all.ipynb?"))
        open_notebook(browser_page)
        run(browser_page)
        yield browser_page


def open_notebook(page):
    page.wait_for_function(
        "() => window.jupyterapp?.shell?.currentWidget?.context", timeout=PATIENCE
    )
    page.evaluate(READY)


def run(page):
    page.evaluate(RUN)
    drawn(page)


def drawn(page):
    """All explorers stand on the page."""
    page.wait_for_function(
        """() => ['.mn-convolution[data-value]', '.mn-tradeoff[data-drawn]', '.mnl-live',
            '.mn-detector'].every((kind) => document.querySelectorAll(kind).length === 2)""",
        timeout=PATIENCE,
    )


def view(page, number):
    """One of the explorers that are shown, in the order of CODE."""
    return page.locator(f".jp-OutputArea-output:has({SHOWN})").nth(number)


def in_both(page, views, look, text):
    """What a part of both views of one explorer says; it must be the same."""
    frames(page)
    told = [view(page, number).locator(look).first.inner_text() for number in views]
    assert told[0] == told[1]
    assert re.search(text, told[0].replace("\u00a0", " ")), told[0]


def check_networks(page, photo):
    """Both views' networks answer for another photo, wherever Python is."""
    view(page, DETECTOR[0]).locator("[data-field=photo]").select_option(photo)
    page.wait_for_function(
        """(photo) => [...document.querySelectorAll('.mn-detector')]
            .every((e) => e.dataset.picture === photo)""",
        arg=photo,
    )


def check_all(page, advice):
    """Nothing is said that is not true, and what needs no Python goes on in both views."""
    for number in CURVE:
        curve = view(page, number)
        assert "left" not in curve.inner_text()
        assert "interrupt" not in curve.inner_text()
        assert curve.locator(".mnl-status").inner_text() == (
            "last seen at step 30 of 300, epoch 1, loss 0.100, 10 % done"
        )
        assert curve.locator(".mnl-hint").inner_text() == advice
        assert curve.locator("[role=img]").get_attribute("aria-label").count("last seen") == 1
    view(page, CONVOLUTION[1]).locator(".mnx-fill").click()
    in_both(page, CONVOLUTION, ".mnx-counter", r"multiplications ([\d,]+) of \1 =")
    view(page, TRADEOFF[0]).locator("[tabindex='0']").first.focus()
    page.keyboard.press("Home")
    in_both(page, TRADEOFF, "table", "α 0.25")


def check_alive(page):
    """With a session, two views of one explorer show the same."""
    for number in CURVE:
        curve = view(page, number)
        assert re.search("about .* left$", curve.locator(".mnl-status").inner_text())
    in_both(page, CONVOLUTION, ".mnx-counter", "multiplications 9 of 9,216")
    view(page, CONVOLUTION[0]).locator(".mnx-photo").focus()
    page.keyboard.press("ArrowRight")
    in_both(page, CONVOLUTION, ".mnx-counter", "multiplications 18 of 9,216")
    view(page, CONVOLUTION[1]).locator(".mnx-fill").click()
    in_both(page, CONVOLUTION, ".mnx-counter", "multiplications 9,216 of 9,216")
    view(page, CONVOLUTION[1]).locator(".mnx-clear").click()
    in_both(page, CONVOLUTION, ".mnx-counter", "multiplications 9 of 9,216")
    check_networks(page, "cat")


def check_output_view(page):
    """JupyterLab's "Create New View for Output" shows what the cell shows."""
    page.evaluate("() => jupyterapp.commands.execute('notebook:create-output-view')")
    page.wait_for_function(
        "() => document.querySelectorAll('.mn-convolution[data-value]').length === 4"
    )
    view(page, CONVOLUTION[0]).locator(".mnx-photo").press("ArrowDown")
    frames(page)
    told = page.locator(".mnx-done").all_inner_texts()
    assert told == ["18"] * 4
    page.evaluate(
        """() => [...jupyterapp.shell.widgets('main')]
            .find((panel) => panel.content.id.startsWith('LinkedOutputView')).dispose()"""
    )
    drawn(page)


MANAGER = """() => {  // as in JupyterLab and VS Code
    const signal = () => ({
        slots: new Set(),
        connect(slot) { this.slots.add(slot); },
        disconnect(slot) { this.slots.delete(slot); },
        emit(told) { for (const slot of this.slots) slot(null, told); },
    });
    window.signals = { statusChanged: signal(), kernelChanged: signal() };
    window.cuts = 0;
    model.widget_manager = { context: { sessionContext: signals }, disconnect() { cuts++; } };
    const el = document.body.appendChild(document.createElement("div"));
    window.removeSecond = explorer.default.render({ model, el });
}"""


@pytest.mark.parametrize("widget", EXPLORERS.values(), ids=EXPLORERS)
def test_jupyter_is_told_of_every_end_of_a_session(widget, browser_page, browser_log, tmp_path):
    """A crash, a shutdown and another kernel too, of which Jupyter tells its widgets nothing."""
    page = browser_page
    page.goto(write_page(widget(), tmp_path))
    page.wait_for_function("() => window.remove?.length === 0")
    page.evaluate(MANAGER)

    def cuts(signal, told):
        page.evaluate("([signal, told]) => signals[signal].emit(told)", [signal, told])
        return page.evaluate("() => cuts")

    for status in ("unknown", "starting", "idle", "busy"):
        assert cuts("statusChanged", status) == 0
    assert cuts("kernelChanged", {"oldValue": None, "newValue": {}}) == 0  # the first
    for many, status in enumerate(("autorestarting", "dead", "terminating"), 1):
        assert cuts("statusChanged", status) == many
    assert cuts("kernelChanged", {"oldValue": {}, "newValue": {}}) == 4
    assert cuts("kernelChanged", {"oldValue": {}, "newValue": None}) == 5
    page.evaluate("() => { removeSecond(); remove(); }")
    assert page.evaluate("() => Object.values(signals).map((s) => s.slots.size)") == [0, 0]
    left = "() => model.listening ?? Object.values(listeners).flat().length"
    assert page.evaluate(left) == 0
    assert browser_log.console_errors == []


def test_no_explorer_says_anything_false_without_its_session(page, browser_log, tmp_path):
    check_alive(page)
    check_output_view(page)
    page.evaluate(ENDS["restart"])
    page.wait_for_function(
        "(words) => document.querySelector('.mnl-hint').textContent === words", arg=AGAIN
    )
    check_all(page, AGAIN)
    check_networks(page, "coffee")  # which were handed over before
    run(page)
    check_alive(page)
    page.evaluate("() => jupyterapp.shell.currentWidget.context.save()")
    page.evaluate(ENDS["shutdown"])
    page.wait_for_function(
        "(words) => document.querySelector('.mnl-hint').textContent === words", arg=AGAIN
    )
    check_all(page, AGAIN)

    page.reload()
    open_notebook(page)
    drawn(page)
    check_all(page, NEVER)
    for number in DETECTOR:  # its network is not saved with the notebook
        view(page, number).get_by_text(NEVER).wait_for()
    # JupyterLab's debugger, of which nothing here makes use, may still be asking when Python ends.
    errors = [e for e in browser_log.console_errors if "restore the debugger state" not in e]
    assert errors == []
    saved = json.loads((tmp_path / "book" / "all.ipynb").read_text(encoding="utf-8"))
    assert len(saved["metadata"]["widgets"]) == 1
    assert len(json.dumps(saved)) < 2_000_000, "no network and no photo is saved with a notebook"
