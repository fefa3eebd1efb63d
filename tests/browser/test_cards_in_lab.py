"""A chapter's predictions in a live JupyterLab: asked, kept, unfolded, and told at the end."""

import json
import os
import shutil
from pathlib import Path

import pytest
from jupyter import lab_of, start_lab

from mobilenet_lib.checks.prompts import FOLDED, asked

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
CHAPTER = "02_depthwise_separable_convolution.ipynb"
PATIENCE = 90_000  # ms, for a machine with two busy cores
READY = """async () => {
    const panel = jupyterapp.shell.currentWidget;
    await panel.context.ready; await panel.revealed;
    await panel.sessionContext.ready; await panel.sessionContext.session.kernel.info;
}"""
GO = """([source, run]) => {
    const notebook = jupyterapp.shell.currentWidget.content;
    const at = notebook.widgets.findIndex((c) => c.model.sharedModel.source.includes(source));
    notebook.activeCellIndex = at;
    const shown = notebook.scrollToItem(at);
    return run ? jupyterapp.commands.execute("notebook:run-cell") : shown;
}"""
HIDDEN = """(source) => jupyterapp.shell.currentWidget.content.widgets
    .find((c) => c.model.sharedModel.source.includes(source)).outputHidden"""


def test_a_reader_predicts_and_sees(browser, tmp_path, monkeypatch):
    """The chapter as committed: nothing is shown before its cell is run."""
    kept = tmp_path / "progress.json"
    monkeypatch.setenv("MOBILENET_PROGRESS", str(kept))
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    (tmp_path / "book").mkdir()
    shutil.copy(ROOT / "chapters" / CHAPTER, tmp_path / "book")
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE)
    page, errors = context.new_page(), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    with start_lab(lab_of(tmp_path / "book"), tmp_path) as address:
        page.goto(address.replace("/lab?", f"/lab/tree/{CHAPTER}?"))
        page.wait_for_function("() => window.jupyterapp?.shell?.currentWidget?.context")
        page.evaluate(READY)
        for source in ("plots.filter_shapes(", "change > 0"):
            assert page.evaluate(HIDDEN, source), "folded as committed"
        page.evaluate(GO, ["change > 0", False])
        page.locator(".jp-OutputPlaceholder", has_text=FOLDED.strip()).first.wait_for()

        page.evaluate(GO, ['expect("02-weights")', True])
        card = page.locator(".mnc-expect").first
        field = card.get_by_role("textbox")
        field.fill("100")
        field.press("Enter")
        card.get_by_text("You expect: 100 weights. Now run the next cell.").wait_for()
        for _ in range(40):
            if kept.is_file() and "02-weights" in json.loads(kept.read_text())["questions"]:
                break
            page.wait_for_timeout(250)
        assert json.loads(kept.read_text())["questions"]["02-weights"]["said"] == "100"

        page.evaluate(GO, ["plots.filter_shapes(", True])
        assert not page.evaluate(HIDDEN, "plots.filter_shapes("), "unfolded by running it"
        page.evaluate(GO, ["import cost", True])  # where the true value comes from

        page.evaluate(GO, ['quiz("02")', True])
        question = page.locator(".mnc-quiz fieldset").first
        question.locator("button").nth(asked("02").questions["02-jobs"].right).click()
        question.locator(".mnc-because[data-found=right]").wait_for()
        page.evaluate(GO, ['outcomes("02")', True])
        end = page.locator(".jp-OutputArea", has_text="You expected 100 weights").last
        end.get_by_text("it is 56 weights: 1.8 times too high.").wait_for()

        page.evaluate(GO, ['expect("02-weights")', True])  # again, as after a break
        page.locator(".mnc-expect").first.get_by_text("You expect: 100 weights").wait_for()
    assert errors == []
    assert json.loads(kept.read_text())["questions"]["02-jobs"]["solved"]
    context.close()
