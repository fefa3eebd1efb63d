"""The quantization and the sparsity explorer in a live JupyterLab, with Python and without."""

import nbformat
import pytest
from jupyter import lab_of, start_lab
from standalone import frames

pytestmark = pytest.mark.browser

PATIENCE = 60_000  # ms, for a machine with two busy cores
CELLS = (
    "from mobilenet_lib.explorers import QuantizationExplorer, SparsityExplorer\n"
    "quantization = QuantizationExplorer()\nquantization",
    "sparsity = SparsityExplorer([0, 0.5, 0.9], {'dense': [1, 1, 1], 'sparse': [3, 2, 0.5]})\n"
    "sparsity",
    "print(quantization.state, sparsity.state)",
    "quantization.bits, sparsity.pattern = 2, 'blocks'\nprint(quantization.lost.sum())",
)
RUN = """async (place) => {
    const panel = jupyterapp.shell.currentWidget, notebook = panel.content;
    await panel.context.ready; await panel.revealed;
    await panel.sessionContext.ready; await panel.sessionContext.session.kernel.info;
    notebook.activeCellIndex = place;
    notebook.deselectAll();
    await jupyterapp.commands.execute('notebook:run-cell');
}"""


@pytest.fixture
def page(tmp_path, browser_page):
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    (tmp_path / "book").mkdir()
    nbformat.write(notebook, tmp_path / "book" / "both.ipynb")
    with start_lab(lab_of(tmp_path / "book"), tmp_path) as address:
        browser_page.goto(address.replace("/lab?", "/lab/tree/both.ipynb?"))
        browser_page.wait_for_function(
            "() => window.jupyterapp?.shell?.currentWidget?.context", timeout=PATIENCE
        )
        for place in (0, 1):
            browser_page.evaluate(RUN, place)
        for name in ("quantization", "sparsity"):
            browser_page.wait_for_selector(f".mn-{name}[data-drawn]", timeout=PATIENCE)
        yield browser_page


def printed(page, place):
    page.evaluate(RUN, place)
    cell = page.locator(".jp-CodeCell").nth(place)
    return cell.locator(".jp-OutputArea-output pre").last.inner_text().strip()


def test_both_answer_python_and_go_on_without_it(page, browser_log):
    quantization, sparsity = page.locator(".mn-quantization"), page.locator(".mn-sparsity")
    assert quantization.locator(".mnq-photos li").count() == 7  # bytes arrived as they were sent
    assert "28 of 128" in quantization.locator(".mnq-facts").inner_text()
    quantization.locator("[data-field=per]").select_option("one for each channel")
    strip = quantization.locator(".mnq-strip")
    strip.focus()
    for key in ("Home", "ArrowRight"):  # JupyterLab's shortcuts leave them alone
        page.keyboard.press(key)
    sparsity.locator("[data-field=zeros]").press("End")
    frames(page)
    channel = quantization.get_attribute("data-channel")
    assert printed(page, 2) == f"v1&per=channel&channel={channel} v1&zeros=0.999"

    lost = printed(page, 3)
    page.wait_for_function(
        "(lost) => document.querySelector('.mn-quantization').dataset.lost === lost", arg=lost
    )
    frames(page)
    assert quantization.locator("[data-field=bits]").input_value() == "2"
    assert sparsity.locator("[data-field=pattern]").input_value() == "blocks of 4 × 4"

    page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    quantization.locator("[data-field=bits]").press("End")
    sparsity.locator("[data-field=zeros]").press("Home")
    frames(page)
    assert "8 bits" in quantization.locator(".mn-said").inner_text()
    assert "262,144 of 262,144 weights" in sparsity.locator(".mn-body").inner_text()
    errors = [e for e in browser_log.console_errors if "restore the debugger state" not in e]
    assert errors == []
