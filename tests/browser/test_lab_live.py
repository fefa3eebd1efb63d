"""Chapters in a live JupyterLab: run all, move explorers by key and by mouse, read numbers."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from jupyter import lab_of, start_lab
from standalone import frames

from mobilenet_lib.explorers import ConvolutionExplorer, SeparableExplorer

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE = 90_000  # ms, for a machine with two busy cores


@pytest.fixture
def book(tmp_path):
    """A copy of the chapters without outputs, so that stale ones cannot look like success."""
    chapters = tmp_path / "book" / "chapters"
    shutil.copytree(ROOT / "chapters", chapters)
    for path in chapters.glob("*.ipynb"):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        notebook["metadata"].pop("widgets", None)
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                cell["outputs"], cell["execution_count"] = [], None
        path.write_text(json.dumps(notebook), encoding="utf-8")
    return tmp_path / "book"


@pytest.fixture
def open_chapter(book, tmp_path, browser_page):
    """A function that opens a chapter and returns the page."""
    with start_lab(lab_of(book), tmp_path) as address:

        def open_(chapter):
            browser_page.goto(address.replace("/lab?", f"/lab/tree/chapters/{chapter}.ipynb?"))
            browser_page.wait_for_function(
                "() => window.jupyterapp?.shell?.currentWidget?.context", timeout=PATIENCE
            )
            return browser_page

        yield open_


@pytest.fixture
def run_chapter(open_chapter):
    """A function that opens a chapter, runs all its cells and returns the page."""

    def run(chapter):
        page = open_chapter(chapter)
        run_all_cells(page)
        return page

    return run


def run_all_cells(page):
    """Run the notebook that is open; every cell must be counted in order, none may fail."""
    counts = page.evaluate(
        """async () => {
            const panel = jupyterapp.shell.currentWidget;
            await panel.context.ready; await panel.revealed;
            await panel.sessionContext.ready; await panel.sessionContext.session.kernel.info;
            await jupyterapp.commands.execute('notebook:run-all-cells');
            return panel.content.widgets.filter((c) => c.model.type === 'code').map((c) => [
                c.model.executionCount,
                c.model.sharedModel.outputs.some((o) => o.output_type === 'error')]);
        }"""
    )
    assert [count for count, _ in counts] == list(range(1, len(counts) + 1))
    assert not any(failed for _, failed in counts)


def scroll_to_cell(page, text):
    """Bring the cell that contains `text` into view; JupyterLab draws only what is near it."""
    page.evaluate(
        """(text) => {
            const notebook = jupyterapp.shell.currentWidget.content;
            const at = notebook.widgets.findIndex((c) => c.model.sharedModel.source.includes(text));
            return notebook.scrollToItem(at);
        }""",
        text,
    )


def shown(page):
    """State of the explorer once it has drawn."""
    frames(page)
    return page.evaluate("() => ({ ...document.querySelector('.mn-convolution').dataset })")


def run_cell_with(page, text):
    """Run the one cell that contains `text`; return the cell."""
    page.evaluate(
        """async (text) => {
            const panel = jupyterapp.shell.currentWidget, notebook = panel.content;
            await panel.context.ready; await panel.revealed;
            await panel.sessionContext.ready; await panel.sessionContext.session.kernel.info;
            const at = notebook.widgets.findIndex((c) => c.model.sharedModel.source.includes(text));
            notebook.activeCellIndex = at;
            notebook.deselectAll();
            await jupyterapp.commands.execute('notebook:run-cell');
        }""",
        text,
    )
    return page.locator(".jp-CodeCell", has_text=text).first


def printed(cell):
    """The last thing that a cell printed."""
    return cell.locator(".jp-OutputArea-output pre").last.inner_text().strip()


def test_chapter_01_runs_and_its_explorer_answers(run_chapter, browser_log):
    page = run_chapter("01_standard_convolution")
    scroll_to_cell(page, "ConvolutionExplorer(")
    photo = page.locator(".mnx-photo").first
    photo.wait_for(timeout=PATIENCE)
    photo.scroll_into_view_if_needed()
    reference = ConvolutionExplorer("cat", size=32)  # what chapter 01 shows
    start = shown(page)
    assert (int(start["row"]), int(start["column"])) == (16, 16)
    assert float(start["value"]) == reference.output[16, 16]
    still = page.locator("[class^=still-]")
    assert (still.count(), still.is_visible()) == (1, False)  # it is for where nothing runs

    photo.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    moved = shown(page)
    assert (int(moved["row"]), int(moved["column"])) == (17, 18)
    assert float(moved["value"]) == reference.output[17, 18] != float(start["value"])
    number = f"{reference.output[17, 18]:.0f}".replace("-", "\u2212")
    assert page.locator(".mnx-sum").inner_text() == f"sum of the 9 products = {number}"
    assert moved["multiplications"] == str(9 * 4)

    box = photo.bounding_box()
    cell = box["width"] / 34  # 32 pixels and a zero on each side

    def at(row, column):
        return box["x"] + (column + 1.5) * cell, box["y"] + (row + 1.5) * cell

    page.mouse.move(*at(17, 18))
    page.mouse.down()
    page.mouse.move(*at(6, 9), steps=6)
    page.mouse.up()
    dragged = shown(page)
    assert (int(dragged["row"]), int(dragged["column"])) == (6, 9)
    assert float(dragged["value"]) == reference.output[6, 9]

    # Python sees what the reader did in the browser.
    # A busy kernel gets the last of quick changes after it has answered those before.
    wanted = f"((32, 32), {dragged['multiplications']})"
    for _ in range(20):
        output = printed(run_cell_with(page, "explorer.output.shape, explorer.multiplications"))
        if output == wanted:
            break
        page.wait_for_timeout(500)
    assert output == wanted

    # The kernel that is edited in the browser is the one that NumPy convolves with.
    page.locator(".mnx-preset").first.select_option("blur")
    kernel = np.array(ConvolutionExplorer(kernel="blur").kernel)
    blurred = float(shown(page)["value"])
    window = reference.photo[5:8, 8:11]
    assert blurred == pytest.approx(float((kernel * window).sum()), abs=1e-9)

    # Of the formats that a figure offers, JupyterLab takes the one with its description.
    scroll_to_cell(page, "plots.filtered(")
    page.get_by_alt_text("A grey photo and the maps that kernels make of it").wait_for()
    assert browser_log.console_errors == []


def test_chapter_02_marks_a_pixel_and_counts(run_chapter, browser_log):
    page = run_chapter("02_depthwise_separable_convolution")
    scroll_to_cell(page, "SeparableExplorer(")
    canvas = page.locator("canvas[data-lane=standard]").first
    canvas.wait_for(timeout=PATIENCE)
    explorer = SeparableExplorer()
    canvas.press("PageDown")
    canvas.press("ArrowRight")
    wanted = f"sum {explorer.output[2, 3, 1]}".replace("-", "\u2212")
    total = page.locator("[data-part='standard-products'] .mnd-total").first
    page.wait_for_function(
        "([e, text]) => e.textContent.endsWith(text)", arg=[total.element_handle(), wanted]
    )
    page.locator(".mnd-layer").first.select_option("Table 3: 512 to 512")
    counters = page.locator("[data-part='counters']").first
    page.wait_for_function(
        "(e) => e.textContent.includes('462,422,016 of 462,422,016')",
        arg=counters.element_handle(),
    )
    assert "52,283,392 of 52,283,392" in counters.inner_text()
    page.locator(".mnd-run").first.click()
    page.wait_for_function(
        "(e) => /^\\D*[1-9][\\d,]* of 462,422,016/.test(e.textContent)",
        arg=counters.element_handle(),
    )
    page.locator(".mnd-run").first.click()
    assert browser_log.console_errors == []


def test_chapter_07_looks_at_the_readers_photo(open_chapter, browser_log):
    page = open_chapter("07_a_published_mobilenet")
    cell = run_cell_with(page, "DetectorExplorer(photo=")

    def person(picture):
        page.wait_for_function(
            "(name) => document.querySelector('.mn-detector')?.dataset.picture === name",
            arg=picture,
        )
        return json.loads(cell.locator(".mn-detector").get_attribute("data-probabilities"))[0]

    assert person("camera") == pytest.approx(0.71, abs=0.005)
    cell.locator("[data-field=photo]").select_option("rocket")
    assert person("rocket") == pytest.approx(0.215, abs=0.002)
    astronaut = ROOT / "data" / "photos" / "astronaut.jpg"
    cell.locator("input[type=file]").set_input_files(astronaut)
    assert person("astronaut.jpg") == pytest.approx(0.78, abs=0.005)
    assert cell.locator(".mnn-told").inner_text() == "astronaut.jpg, 512×512 pixels"
    assert cell.locator("[data-field=photo] option:checked").inner_text() == "your own"
    assert browser_log.console_errors == []


def test_chapter_06_compares_networks_on_this_machine(run_chapter, browser_log):
    page = run_chapter("06_width_and_resolution")
    scroll_to_cell(page, "TradeoffExplorer(latency=times)")
    stage = page.locator(".mnt-stage").first
    stage.wait_for(timeout=PATIENCE)
    table = page.locator(".mn-tradeoff table").first

    def told():
        frames(page)
        return table.inner_text().replace("\u00a0", " ")

    assert "α 1" in told()
    assert "70.9 %" in told()
    stage.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowDown")
    assert "α 0.75" in told()
    assert "letters 48 px" in told()
    assert "67.2 %" in told()  # tf-slim's 0.75 MobileNet-192
    assert browser_log.console_errors == []


SECTION = "The layer as it is built: Figure 3"  # with a colon, and far below what is drawn at first
IN_VIEW = """async ([text, milliseconds]) => {
    for (const end = performance.now() + milliseconds; ;) {
        const headings = [...document.querySelectorAll('.jp-Notebook h2')];
        const found = headings.find((heading) => heading.textContent.startsWith(text));
        const { top, bottom } = found?.getBoundingClientRect() ?? { top: -1, bottom: -1 };
        if (top >= 0 && bottom <= innerHeight) return true;
        if (performance.now() >= end) return false;
        await new Promise(requestAnimationFrame);
    }
}"""


def test_a_link_of_the_contents_leads_to_its_section(open_chapter):
    page = open_chapter("02_depthwise_separable_convolution")
    page.evaluate(
        "async () => { const panel = jupyterapp.shell.currentWidget;"
        " await panel.context.ready; await panel.revealed; await panel.sessionContext.ready; }"
    )
    link = page.get_by_role("link", name=SECTION, exact=True)
    link.wait_for(timeout=PATIENCE)
    assert not page.evaluate(IN_VIEW, [SECTION, 0])
    # Just after it has opened, JupyterLab reads its own address once more, and a click before that
    # is lost. The page does not say when it is over, so this clicks as a reader would: again.
    for milliseconds in (3_000, 10_000, PATIENCE):
        link.click()
        if page.evaluate(IN_VIEW, [SECTION, milliseconds]):
            break
    else:
        pytest.fail(f"three clicks on {SECTION!r} did not bring it into view")
