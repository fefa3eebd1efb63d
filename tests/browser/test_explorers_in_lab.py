"""A journey for each explorer in a live JupyterLab: hands, Python and back, no session left."""

from pathlib import Path

import nbformat
import pytest
from explorers import EXPLORERS, THREE_STATES
from jupyter import lab_of, start_lab
from standalone import frames

pytestmark = pytest.mark.browser

HERE = Path(__file__).resolve().parent
PATIENCE = 90_000  # ms, for a machine with two busy cores
START = f"""
import sys
sys.path.insert(0, {str(HERE)!r})
from explorers import EXPLORERS
shown = {{}}
"""
READY = """async () => {
    const panel = jupyterapp.shell.currentWidget;
    await panel.context.ready; await panel.revealed;
    await panel.sessionContext.ready; await panel.sessionContext.session.kernel.info;
    await jupyterapp.commands.execute('notebook:run-all-cells');
}"""
ASK = """async (code) => {
    const { kernel } = jupyterapp.shell.currentWidget.sessionContext.session;
    const reply = await kernel.requestExecute({ code: "", user_expressions: { told: code } }).done;
    const { told } = reply.content.user_expressions;
    return told.status === "ok" ? told.data["text/plain"] : `${told.ename}: ${told.evalue}`;
}"""


@pytest.fixture(scope="module")
def lab(browser, tmp_path_factory):
    """A notebook with a cell for each explorer, which has been run; one page for all tests here."""
    folder = tmp_path_factory.mktemp("lab")
    cells = (f"shown[{name!r}] = EXPLORERS[{name!r}]()\nshown[{name!r}]" for name in EXPLORERS)
    sources = [START, *cells]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in sources])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    (folder / "book").mkdir()
    nbformat.write(notebook, folder / "book/all.ipynb")
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page, errors = context.new_page(), []
    page.on("console", lambda message: message.type == "error" and errors.append(message.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    with start_lab(lab_of(folder / "book"), folder) as address:
        page.goto(address.replace("/lab?", "/lab/tree/all.ipynb?"))
        page.wait_for_function("() => window.jupyterapp?.shell?.currentWidget?.context")
        page.evaluate(READY)
        yield page
        assert errors == []
    context.close()


def section(page, name):
    """The explorer, scrolled into view and drawn."""
    page.evaluate(
        """(text) => {
            const notebook = jupyterapp.shell.currentWidget.content;
            const at = notebook.widgets.findIndex((c) => c.model.sharedModel.source.includes(text));
            return notebook.scrollToItem(at);
        }""",
        f"shown[{name!r}] =",
    )
    found = page.locator(f".mn-{name}[data-drawn]").first
    found.wait_for()
    return found


def in_python(page, code):
    return page.evaluate(ASK, code)


def copied(page, explorer):
    """The call that Copy as Python gives."""
    page.evaluate("() => navigator.clipboard.writeText('')")
    explorer.locator(".mn-copy-python").click()
    page.wait_for_function("async () => (await navigator.clipboard.readText()) !== ''")
    return page.evaluate("() => navigator.clipboard.readText()")


def moved(explorer):
    """Move the first control that can be, to another value than it has at the start."""
    kinds = ("select", "input[type=range]")
    control = explorer.locator(", ".join(f"{k}[data-field]:enabled" for k in kinds)).first
    if control.evaluate("(e) => e.tagName") == "SELECT":
        at = control.evaluate("(e) => e.selectedIndex")
        control.select_option(index=0 if at else 1)
    else:
        control.press("Home" if control.evaluate("(e) => e.value === e.max") else "End")


@pytest.mark.parametrize("name", EXPLORERS)
def test_hands_and_python_see_the_same(lab, name):
    explorer = section(lab, name)
    start = repr(EXPLORERS[name]().state)
    assert in_python(lab, f"shown[{name!r}].state") == start
    moved(explorer)
    code = copied(lab, explorer)
    state = repr(of_call(name, code))
    assert state != start
    heard(lab, f"shown[{name!r}].state", state)

    line = THREE_STATES[name][1]  # and back: Python sets, the page follows
    in_python(lab, f"setattr(shown[{name!r}], 'state', {line!r})")
    expected = EXPLORERS[name]()
    expected.state = line
    for _ in range(40):
        if of_call(name, copied(lab, explorer)) == expected.state:
            break
        lab.wait_for_timeout(250)
    assert of_call(name, copied(lab, explorer)) == expected.state
    assert explorer.locator(".mn-message").is_hidden()


def heard(page, code, wanted):
    """A busy kernel hears of the page's changes late, but it does: until the code gives this."""
    for _ in range(40):
        if (told := in_python(page, code)) == wanted:
            return
        page.wait_for_timeout(250)
    assert told == wanted


def of_call(name, code):
    """The state of the explorer that a copied call makes."""
    other = EXPLORERS[name]()
    call = code.partition("\n\n")[2]
    for field, value in eval("dict" + call[call.index("(") :]).items():
        setattr(other, field, value)
    return other.state


def test_the_page_and_numpy_lose_the_same_channels(lab):
    explorer = section(lab, "quantization")
    in_python(lab, "setattr(shown['quantization'], 'state', 'v1&per=channel')")
    lab.wait_for_function("() => document.querySelector('.mn-quantization').dataset.lost === '0'")
    assert explorer.locator(".mnq-photos li").count() == 7  # bytes arrived as they were sent
    explorer.locator(".mnq-strip").focus()
    for key in ("Home", "ArrowRight"):  # JupyterLab's shortcuts leave them alone
        lab.keyboard.press(key)
    frames(lab)
    channel = explorer.get_attribute("data-channel")
    heard(lab, "shown['quantization'].state", repr(f"v1&per=channel&channel={channel}"))
    in_python(lab, "setattr(shown['quantization'], 'state', 'v1&bits=2')")
    lost = in_python(lab, "int(shown['quantization'].lost.sum())")
    assert lost != "0"
    lab.wait_for_function(
        "(lost) => document.querySelector('.mn-quantization').dataset.lost === lost", arg=lost
    )


@pytest.mark.parametrize("name", EXPLORERS)
def test_explorers_go_on_without_a_session(lab, name):
    """The last tests of this file: the session is shut down with the first of them."""
    lab.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    explorer = section(lab, name)
    start = explorer.locator(".mn-again")
    start.click()
    before = copied(lab, explorer)
    moved(explorer)
    lab.wait_for_function(
        """([name, drawn]) => document.querySelector(`.mn-${name}`).dataset.drawn > drawn""",
        arg=[name, int(explorer.get_attribute("data-drawn")) - 1],
    )
    assert copied(lab, explorer) != before
    assert explorer.locator(".mn-message").is_hidden()
