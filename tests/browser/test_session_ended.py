"""Explorers in a live JupyterLab whose Python session is restarted, shut down, or not there."""

import json
import re
from pathlib import Path

import nbformat
import pytest
from jupyter import lab_of, start_lab
from standalone import frames, write_page

from mobilenet_lib.explorers import (
    ConvolutionExplorer,
    LiveCurve,
    PhotoPicker,
    TradeoffExplorer,
)

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE = 60_000  # ms, for a machine with two busy cores
AGAIN = "The Python session has ended: run this cell again (Shift+Enter)."
NEVER = "This needs a Python session: in Jupyter, run this cell (Shift+Enter)."
CONVOLUTION, TRADEOFF, CURVE, DETECTOR = (0, 1), (2, 3), (4, 5), (6, 7)
FIGURES = (6, 8, 9)  # drawn by Python
EXPLORERS = ".mn-convolution, .mnt-tradeoff, .mnl-live, .widget-vbox"
CODE = """
from itertools import count
from types import SimpleNamespace
from mobilenet_lib.explorers import *

convolution, tradeoff = ConvolutionExplorer(), TradeoffExplorer()
curve = LiveCurve(clock=count().__next__)
for number in range(1, 31):
    curve(SimpleNamespace(number=number, steps=300, epoch=1, loss=3 / number, accuracy=None))
detector = DetectorExplorer()
for explorer in (convolution, tradeoff, curve, detector):
    display(explorer)
    display(explorer)
display(SeparableExplorer())
display(SparsityExplorer([0, 0.5, 0.9], {"dense": [1, 1, 1], "sparse": [3, 2, 0.5]}))
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
FILMED = """() => {
    window.films = [];
    const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (wish) => {
        const film = await ask(wish);
        films.push(film);
        return film;
    };
}"""


@pytest.fixture
def page(tmp_path, browser_page):
    """A notebook of one cell with all explorers, most of them shown twice, which has been run."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CODE)])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    (tmp_path / "book").mkdir()
    nbformat.write(notebook, tmp_path / "book" / "all.ipynb")
    plugin = tmp_path / "jupyterlab_settings_dir" / "@jupyter-widgets" / "jupyterlab-manager"
    plugin.mkdir(parents=True)
    (plugin / "plugin.jupyterlab-settings").write_text('{"saveState": true}', encoding="utf-8")
    browser_page.context.grant_permissions(["camera"])
    browser_page.add_init_script(f"({FILMED})()")
    browser_page.on(
        "filechooser", lambda chooser: chooser.set_files(ROOT / "data" / "photos" / "coffee.jpg")
    )
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
    """All explorers stand on the page, and so do their figures."""
    page.wait_for_function(
        """() => ['.mn-convolution[data-value]', '.mnt-tradeoff[data-drawn]', '.mnl-live',
            '.mnp-picker'].every((kind) => document.querySelectorAll(kind).length === 2)
            && document.querySelectorAll('.widget-vbox img[alt]').length >= 4""",
        timeout=PATIENCE,
    )


def view(page, number):
    """One of the explorers that are shown, in the order of CODE."""
    return page.locator(f".jp-OutputArea-output:has({EXPLORERS})").nth(number)


def in_both(page, views, look, text):
    """What a part of both views of one explorer says; it must be the same."""
    frames(page)
    told = [view(page, number).locator(look).first.inner_text() for number in views]
    assert told[0] == told[1]
    assert re.search(text, told[0].replace("\u00a0", " ")), told[0]


def cameras_on(page):
    return page.evaluate(
        "() => films.flatMap((f) => f.getTracks()).filter((t) => t.readyState === 'live').length"
    )


def move_all(page, explorer):
    """Move every control of an explorer by mouse and by key, the camera's apart; say how many."""
    controls = explorer.locator(
        "select, input:not([type=file]), button:not(:text('camera'), :text('picture')), "
        "[tabindex='0'], .noUi-handle"
    ).element_handles()
    moved = 0
    for control in controls:
        place = control.evaluate(
            """(e) => {
                if (!e.isConnected) return null; // another kernel has other cells
                e.scrollIntoView({ block: "center" });
                const { x, y, width, height } = e.getBoundingClientRect();
                return [e.tagName === "SELECT", x + width / 2, y + height / 2];
            }"""
        )
        if place is None:
            continue
        menu, x, y = place
        if not menu:  # which would open beside the page
            page.mouse.move(x, y)
            page.mouse.down()
            page.mouse.move(x + 20, y + 5)
            page.mouse.up()
        control.evaluate("(e) => e.focus()")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("PageDown")
        moved += 1
    return moved


def figures(page):
    """What each figure that Python draws shows, and where its controls stand."""
    return [
        (
            view(page, number).locator("img").first.get_attribute("alt"),
            view(page, number).locator(".widget-readout").all_inner_texts(),
            view(page, number).locator("select").evaluate_all("all => all.map((e) => e.value)"),
        )
        for number in FIGURES
    ]


def use_the_picker(page, picker, advice):
    """Upload a good photo, choose another, film: a true word each time, and no camera stays on."""
    status = picker.locator(".mnp-status")
    picker.get_by_text("Upload a photo").click()
    page.wait_for_function("(e) => e.textContent", arg=status.element_handle())
    assert status.inner_text() == advice
    for opens, then in (("click", "Take the picture"), ("press", "Close the camera")):
        button = picker.get_by_text("Use the camera")
        button.click() if opens == "click" else button.press("Enter")
        page.wait_for_function(
            "(e) => e.videoWidth > 0", arg=picker.locator("video").element_handle()
        )
        assert cameras_on(page) == 1
        assert status.inner_text() == advice
        picker.get_by_text(then).click()
        assert cameras_on(page) == 0
        assert status.inner_text() == advice


def check_all(page, advice):
    """Every control is operated; nothing is said that is not true, and no figure lags behind."""
    for number in FIGURES:
        note = view(page, number).locator(".mns-note")
        page.wait_for_function("(e) => e.textContent", arg=note.element_handle())
        assert note.inner_text() == advice
    page.wait_for_function(  # the controls are switched off
        "() => [...document.querySelectorAll('.widget-hslider .slider')]"
        ".every((e) => e.hasAttribute('disabled'))"
    )
    before = figures(page)
    use_the_picker(page, view(page, DETECTOR[0]).locator(".mnp-picker"), advice)
    moved = [move_all(page, view(page, n)) for n in (0, 2, 4, 6, 8, 9)]
    assert all(moved)
    assert figures(page) == before
    assert cameras_on(page) == 0
    for number in CURVE:
        curve = view(page, number)
        assert "left" not in curve.inner_text()
        assert "interrupt" not in curve.inner_text()
        assert curve.locator(".mnl-status").inner_text() == (
            "last seen at step 30 of 300, epoch 1, loss 0.100, 10 % done"
        )
        assert curve.locator(".mnl-hint").inner_text() == advice
        assert curve.locator("[role=img]").get_attribute("aria-label").count("last seen") == 1
    # What needs no Python goes on as before, in both views.
    view(page, CONVOLUTION[1]).locator(".mnx-fill").click()
    in_both(page, CONVOLUTION, ".mnx-counter", r"multiplications ([\d,]+) of \1 =")
    view(page, TRADEOFF[0]).locator(".mnt-stage").focus()
    page.keyboard.press("Home")
    in_both(page, TRADEOFF, ".mnt-table", "α 0.25")


def check_alive(page):
    """With a session nothing is said, and two views of one explorer show the same."""
    assert page.locator(".mns-note").all_inner_texts() == [""] * 4
    for number in CURVE:
        curve = view(page, number)
        assert re.search("about .* left$", curve.locator(".mnl-status").inner_text())
    in_both(page, CONVOLUTION, ".mnx-counter", "multiplications 9 of 9,216")
    view(page, CONVOLUTION[0]).locator(".mnx-photo").focus()
    page.keyboard.press("ArrowRight")
    in_both(page, CONVOLUTION, ".mnx-counter", "multiplications 18 of 9,216")
    view(page, CONVOLUTION[1]).locator(".mnx-fill").click()
    in_both(page, CONVOLUTION, ".mnx-counter", "multiplications 9,216 of 9,216")
    view(page, TRADEOFF[1]).locator(".mnt-stage").focus()
    page.keyboard.press("Home")
    in_both(page, TRADEOFF, ".mnt-table", "α 0.25")
    view(page, CONVOLUTION[1]).locator(".mnx-clear").click()
    in_both(page, CONVOLUTION, ".mnx-counter", "multiplications 9 of 9,216")


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
    const widget_manager = { context: { sessionContext: signals }, disconnect() { cuts++; } };
    const el = document.body.appendChild(document.createElement("div"));
    window.removeSecond = explorer.default.render({ model: { ...model, widget_manager }, el });
}"""


@pytest.mark.parametrize("widget", [ConvolutionExplorer, LiveCurve, PhotoPicker, TradeoffExplorer])
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
    assert page.evaluate("() => Object.values(listeners).flat().length") == 0
    assert browser_log.console_errors == []


def test_no_explorer_says_anything_false_without_its_session(page, browser_log, tmp_path):
    check_alive(page)
    check_output_view(page)
    film = view(page, DETECTOR[0]).get_by_text("Use the camera")
    film.click()
    page.wait_for_function("() => document.querySelector('.mnp-video').videoWidth > 0")
    page.evaluate(ENDS["restart"])
    page.wait_for_function("() => films.at(-1).getTracks()[0].readyState === 'ended'")
    check_all(page, AGAIN)
    run(page)
    check_alive(page)
    page.evaluate("() => jupyterapp.shell.currentWidget.context.save()")
    page.evaluate(ENDS["shutdown"])
    check_all(page, AGAIN)

    page.reload()
    open_notebook(page)
    drawn(page)
    check_all(page, NEVER)
    # JupyterLab's debugger, of which nothing here makes use, may still be asking when Python ends.
    errors = [e for e in browser_log.console_errors if "restore the debugger state" not in e]
    assert errors == []
    saved = json.loads((tmp_path / "book" / "all.ipynb").read_text(encoding="utf-8"))
    assert len(saved["metadata"]["widgets"]) == 1
