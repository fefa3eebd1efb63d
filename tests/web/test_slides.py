"""The lecture decks: what each must have, and every slide looked at in a real browser.

Decks are built once for all tests; each is then stepped through by key, as a lecturer does.
"""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import nbformat
import pytest
from browsers import BrowserLog, watched_page
from scripts import script

from mobilenet_lib.plots.figure import SHARP_DPI, STYLE

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "web/slides"))

import source  # noqa: E402 - beside the decks' script
from source import LARGEST, SMALLEST, SlideError, read_deck  # noqa: E402

# An appendix is for looking things up, and has no deck.
TEXTS = sorted((ROOT / "chapters/text").glob("0*.py"))
every_deck = pytest.mark.parametrize("text", TEXTS, ids=lambda text: text.stem)
SLIDE = "() => Reveal.getCurrentSlide()"

# --- What is written ----------------------------------------------------------------------------


@cache
def deck_of(text):
    return read_deck(text, text.parents[1] / f"{text.stem}.ipynb")


@every_deck
def test_a_deck_has_slides_minutes_notes_and_a_summary_of_two_lines(text):
    deck = deck_of(text)
    assert 15 <= len(deck.slides) <= 25
    assert 30 <= deck.minutes <= 60
    assert deck.title == deck.slides[0].title
    assert [s.kind for s in deck.slides].count("question") >= 5
    for slide in deck.slides[1:-1]:
        assert slide.kind not in ("title", "summary")
    last = deck.slides[-1]
    assert last.title == "In two lines"
    assert last.body.count("<li>") == 2


GOOD = (
    "# %% [markdown] slide=2\n# ## A slide\n#\n# [[output]]\n#\n# Notes: say it.\n\n# %%\n6 * 7\n"
)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("slide=2", "slide=0", "slide=0 is to be its minutes"),
        ("slide=2", "slide=true", "slide=True is to be its minutes"),
        ("## A slide", "A slide", "begin with a heading"),
        ("Notes: say it.", "say it.", "no line “Notes:”"),
        ("Notes: say it.", "Notes:", "no line “Notes:”"),
        ("[[output]]", "[[output 1-2]]", "lines 1-2 are wanted, there are 0"),
        ("[[output]]", "[[code 2]]", "lines 2 are wanted, there are 1"),
        ("[[output]]", "[[code first]]", "lines first are wanted"),
        ("[[output]]", "[[picture]]", "[[picture]]"),
        ("[[output]]", "[[explorer v1]]", "no explorer"),
        ("[[output]]", "[[explorer v1 zoom=2]]", "“v1 zoom=2” is to be a state"),
        ("\n# %%\n6 * 7\n", "", "no code cell follows"),
        ("6 * 7", "6 * 8", "the code cell that it shows (6 * 8) has not been executed"),
    ],
)
def test_a_cell_that_makes_no_slide_is_refused_with_what_would_be_right(tmp_path, old, new, said):
    text, notebook = tmp_path / "00_a.py", tmp_path / "00_a.ipynb"
    shown = nbformat.v4.new_output("execute_result", {"text/plain": "42"})
    cells = [nbformat.v4.new_code_cell("6 * 7", outputs=[shown])] if "no code" not in said else []
    nbformat.write(nbformat.v4.new_notebook(cells=cells), notebook)
    text.write_text(GOOD, encoding="utf-8")
    if cells:
        assert "42" in read_deck(text, notebook).slides[0].body
    text.write_text(GOOD.replace(old, new), encoding="utf-8")
    with pytest.raises(SlideError, match=r"00_a.py, slide “") as refused:
        read_deck(text, notebook)
    assert said in str(refused.value)


@pytest.mark.parametrize(("columns", "size"), [(4, LARGEST), (60, 31), (99, SMALLEST)])
def test_what_is_printed_is_as_large_as_it_fits(tmp_path, columns, size):
    text, notebook = tmp_path / "00_a.py", tmp_path / "00_a.ipynb"
    shown = nbformat.v4.new_output("stream", text="m" * columns + "\n")
    cells = [nbformat.v4.new_code_cell("6 * 7", outputs=[shown])]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), notebook)
    slide, _, code = GOOD.partition("# %%\n")
    title = slide.replace("[[output]]", "Words.")
    text.write_text(title + slide + title + "# %%\n" + code, encoding="utf-8")
    assert f"--printed: {size}px" in read_deck(text, notebook).slides[1].body


@pytest.fixture
def build():
    return script("web/slides/build.py")


def test_without_chromium_a_deck_has_no_handout_and_says_so(
    build, npm_packages, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(build, "find_chromium", lambda: None)
    build.main(["--out", str(tmp_path), "00"])
    assert "No Chromium is there, so the handouts are left out." in capsys.readouterr().out
    assert (tmp_path / "00.html").is_file()
    assert not list(tmp_path.glob("*.pdf"))


def test_a_formula_is_html_mathml_and_words(build, npm_packages):
    inline, display = build.set_formulas(
        [source.Formula("D_K^2", False, ""), source.Formula(r"\frac{1}{N}", True, "")]
    )
    assert 'role="math" aria-label="D sub K squared"' in inline
    assert "<msubsup>" in inline
    assert inline.startswith("<span")
    assert 'aria-label="1 over N"' in display
    assert "katex-display" in display


def test_a_formula_that_cannot_be_set_is_told(build, npm_packages):
    with pytest.raises(SystemExit, match=r"cannot be set.*(\n.*)*frac"):
        build.set_formulas([source.Formula(r"\frac{1", True, "")])


def test_a_chapter_that_is_not_there_is_refused(build):
    with pytest.raises(SystemExit, match="there is no chapter 77"):
        build.main(["77"])


# --- What is shown ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def decks(npm_packages, chromium, tmp_path_factory):
    """A folder with all decks and handouts, and what was printed while they were made."""
    out = tmp_path_factory.mktemp("slides")
    command = [sys.executable, str(ROOT / "web/slides/build.py"), "--out", str(out)]
    told = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    assert told.returncode == 0, told.stderr
    out.joinpath("told.txt").write_text(told.stdout, encoding="utf-8")
    return out


@pytest.fixture
def page(browser):
    """A page of a hall's size, which asks nothing of other machines and meets no error."""
    log = BrowserLog()
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    context.add_init_script(WRITTEN)
    yield watched_page(context, log, "127.0.0.1".__eq__)
    context.close()
    assert log.blocked == []
    assert log.console_errors == []


@pytest.fixture(scope="module")
def axe(npm_packages):
    return (npm_packages / "axe-core/axe.min.js").read_text("utf-8")


def open_deck(page, decks, number, query=""):
    page.goto((decks / f"{number}.html").as_uri() + query)
    page.wait_for_function("() => window.Reveal?.isReady() && document.fonts.status === 'loaded'")


def turn(page, key):
    before = page.evaluate("() => Reveal.getIndices().h")
    page.keyboard.press(key)
    page.wait_for_function("(before) => Reveal.getIndices().h !== before", arg=before)


def explorer_of(page):
    """The frame of the slide's explorer once it has drawn; None if there is none."""
    wanted = page.evaluate(f"({SLIDE})().querySelector('iframe')?.dataset.page ?? null")
    if wanted is None:
        return None
    page.wait_for_function(f"() => ({SLIDE})().querySelector('iframe').dataset.drawn === ''")
    (frame,) = (each for each in page.frames if f"/{wanted}?" in each.url)
    return frame


# Boxes that leave the slide or their place, and text under 24 px. What is only read out, such as
# MathML, has a box of one pixel; a sign of no width is KaTeX's.
FAULTS = """({ least, points, dpi }) => {
  const slide = Reveal.getCurrentSlide().querySelector(".slide"), found = [];
  const heading = slide.querySelector("h1, h2").getBoundingClientRect().bottom;
  for (const each of slide.querySelectorAll("*")) {
    if (each.closest(".katex-mathml, svg")) continue;
    const box = each.getBoundingClientRect(), name = `${each.tagName} ${each.className}`;
    if (!box.width || !box.height) continue;
    if (box.left < -0.5 || box.top < -0.5 || box.right > 1280.5 || box.bottom > 720.5)
      found.push(`${name} reaches ${box.right | 0}, ${box.bottom | 0}`);
    if (each.matches("pre, .cells, table") && each.scrollWidth > each.clientWidth + 1)
      found.push(`${name} is cut off: ${each.scrollWidth} of ${each.clientWidth}`);
    if (each.parentElement.matches(".content") && box.top < heading)
      found.push(`${name} covers the heading`);
    if (each.matches("figure img")) {
      if (!each.complete || Math.min(box.width, box.height) < 100)
        found.push(`${each.src} is small or missing`);
      // The smallest type in a figure, in points: so many of its dots, so many pixels here.
      const letters = ((points * dpi) / 72) * (box.width / each.naturalWidth);
      if (each.src.endsWith(".png") && letters < least) found.push(`${letters} px in ${each.alt}`);
    }
  }
  const walk = document.createTreeWalker(slide, NodeFilter.SHOW_TEXT);
  for (let node; (node = walk.nextNode());) {
    if (!node.textContent.replace(/[\\s\\u200b]/g, "")) continue;
    if (node.parentElement.closest(".katex-mathml")) continue;
    const size = parseFloat(getComputedStyle(node.parentElement).fontSize);
    if (size < least) found.push(`${size} px: ${node.textContent.trim().slice(0, 30)}`);
  }
  return found;
}"""
# Words on a canvas are kept where the test finds them: how large, and where, in its own pixels.
WRITTEN = """(() => {
  const pen = CanvasRenderingContext2D.prototype, { fillText, strokeText, clearRect } = pen;
  const noting = (write) => function (words, x, y, ...more) {
    const { a, b, c, d, e, f } = this.getTransform(), box = this.measureText(words);
    const at = (u, v) => [a * u + c * v + e, b * u + d * v + f];
    (this.canvas.written ??= []).push({
      words, size: parseFloat(/([\\d.]+)px/.exec(this.font)[1]) * Math.hypot(b, d),
      from: at(x - box.actualBoundingBoxLeft, y - box.actualBoundingBoxAscent),
      to: at(x + box.actualBoundingBoxRight, y + box.actualBoundingBoxDescent),
    });
    return write.call(this, words, x, y, ...more);
  };
  pen.fillText = noting(fillText);
  pen.strokeText = noting(strokeText);
  pen.clearRect = function (...box) {
    this.canvas.written = [];
    return clearRect.call(this, ...box);
  };
})()"""
# The same for an explorer, in whatever way its words are drawn: large, whole, none on another, and
# no scrolling. What is only read out is clipped to nothing.
EXPLORER_FAULTS = """(least) => {
  const html = document.documentElement, main = document.querySelector("main"), found = [];
  if (html.scrollWidth > innerWidth) found.push(`too wide: ${html.scrollWidth} of ${innerWidth}`);
  if (html.scrollHeight > innerHeight)
    found.push(`too high: ${html.scrollHeight} of ${innerHeight}`);
  const above = (each) => (each && each !== main ? [each, ...above(each.parentElement)] : []);
  const isRead = (each) => each.checkVisibility({ visibilityProperty: true })
    && !above(each).some((e) => getComputedStyle(e).clipPath === "inset(50%)");
  const within = (box, { left, top, right, bottom }) => box.left >= left - 1 && box.top >= top - 1
    && box.right <= right + 1 && box.bottom <= bottom + 1;
  // Rows of a list come into sight by key; all else has to be there at once.
  const isAway = (each, box) => {
    const list = each.closest("[role=listbox]");
    return list !== null && !within(box, list.getBoundingClientRect());
  };
  const page = { left: 0, top: 0, right: innerWidth, bottom: innerHeight };
  const check = (size, words, box, frames) => {
    if (size < least - 0.01) found.push(`${size} px: ${words}`);
    if (box && !frames.every((frame) => within(box, frame))) found.push(`cut: ${words}`);
  };
  const lines = [], walk = document.createTreeWalker(main, NodeFilter.SHOW_TEXT);
  for (let node; (node = walk.nextNode());) {
    const holder = node.parentElement, words = node.textContent.trim().slice(0, 40);
    if (!words || holder.closest("script, style, option, h1") || !isRead(holder)) continue;
    const range = document.createRange(), svg = holder.closest("svg");
    range.selectNodeContents(node);
    if (isAway(holder, range.getBoundingClientRect())) continue;
    const scale = svg?.viewBox.baseVal.width
      ? svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : holder.currentCSSZoom;
    const frames = above(holder).filter((e) => getComputedStyle(e).overflow !== "visible");
    check(parseFloat(getComputedStyle(holder).fontSize) * scale, words,
      range.getBoundingClientRect(), [page, ...frames.map((e) => e.getBoundingClientRect())]);
    if (!svg) for (const box of range.getClientRects()) lines.push([box, words]);
  }
  lines.forEach(([a, words], i) => lines.slice(i + 1).forEach(([b, others]) => {
    const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (across > 3 && down > least / 2) found.push(`${words} lies on ${others}`);
  }));
  for (const each of main.querySelectorAll("select, input:not([type=range], [type=checkbox])")) {
    if (!isRead(each)) continue;
    const free = each.cloneNode(true), look = { width: "max-content", maxWidth: "none" };
    Object.assign(free.style, { position: "absolute", visibility: "hidden", ...look });
    each.after(free);
    const cut = each.matches("select")
      ? free.offsetWidth > each.offsetWidth + 1 : each.scrollWidth > each.clientWidth + 1;
    free.remove();
    check(parseFloat(getComputedStyle(each).fontSize) * each.currentCSSZoom, each.value);
    if (cut) found.push(`cut: ${each.value} in ${each.className}`);
  }
  for (const canvas of main.querySelectorAll("canvas")) {
    const box = canvas.getBoundingClientRect(), scale = box.width / canvas.width;
    if (!box.width || !isRead(canvas)) continue;
    const frame = { left: 0, top: 0, right: canvas.width, bottom: canvas.height };
    for (const { words, size, from: [left, top], to: [right, bottom] } of canvas.written ?? [])
      check(size * scale, words, { left, top, right, bottom }, [frame]);
    if (!within(box, page)) found.push(`cut: a canvas, ${canvas.className}`);
  }
  return found;
}"""
# An explorer in one more state; drawn once more when this is answered.
OPEN = """async (line) => {
  const { model, decode } = document.querySelector("[data-explorer]").explorer;
  const { values: { hide, tour, ...values } } = decode(line);
  for (const [name, value] of Object.entries(values)) model.set(name, value);
  model.save_changes();
  for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
}"""
TOUR = """() => document.querySelector("[data-explorer]").explorer.definition.tour
  ?.flatMap(({ state, then }) => [state, then]).filter(Boolean) ?? []"""
LEAST = {"least": SMALLEST, "points": STYLE["font.size"], "dpi": SHARP_DPI}
AXE = """() => axe.run(document, { resultTypes: ["violations"], iframes: false, preload: false })
  .then(({ violations }) => violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`))"""
STATE = """() => {
  const { model, encode, definition } = document.querySelector("[data-explorer]").explorer;
  const names = Object.keys(definition.fields);
  return encode(Object.fromEntries(names.map((name) => [name, model.get(name)])));
}"""


@pytest.mark.slow
@pytest.mark.browser
@every_deck
def test_every_slide_by_key(text, page, decks, axe):
    """Forwards in light, backwards in dark: all fits, is large, and axe-core objects to nothing."""
    deck = deck_of(text)
    open_deck(page, decks, deck.number)
    page.evaluate(axe)
    explorers = []
    for number in range(1, len(deck.slides) + 1):
        if number > 1:
            turn(page, "ArrowRight")
        frame = explorer_of(page)
        where = f"slide {number}"
        assert page.evaluate(FAULTS, LEAST) == [], where
        assert page.evaluate(AXE) == [], where
        if frame:
            explorers.append(number)
            frame.wait_for_function("() => document.querySelector('.mn-message').hidden")
            assert frame.evaluate(EXPLORER_FAULTS, SMALLEST) == [], where
            answers_by_key(page, frame)
            for line in frame.evaluate(TOUR):
                frame.evaluate(OPEN, line)
                assert frame.evaluate(EXPLORER_FAULTS, SMALLEST) == [], f"{where}, {line}"
    assert page.evaluate("() => Reveal.getTotalSlides()") == number
    page.keyboard.press("t")
    page.wait_for_function("() => document.documentElement.dataset.theme === 'dark'")
    for number in range(len(deck.slides), 0, -1):
        assert page.evaluate(AXE) == [], f"slide {number}, dark"
        if number in explorers:
            dark = "() => document.querySelector('section').dataset.mnTheme === 'dark'"
            explorer_of(page).wait_for_function(dark)
        if number > 1:
            turn(page, "ArrowLeft")
    assert bool(explorers) == (deck.number != "00")


def answers_by_key(page, frame):
    """Into the explorer by key, a change, and out again; the slide stays."""
    here = page.evaluate("() => Reveal.getIndices().h")
    before = frame.evaluate(STATE)
    page.keyboard.press("e")
    frame.wait_for_function("() => document.activeElement.closest('main') !== null")
    frame.locator("[data-field]:enabled:visible").first.focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "Space"):
        page.keyboard.press(key)
        if frame.evaluate(STATE) != before:
            break
    assert frame.evaluate(STATE) != before
    page.keyboard.press("Escape")
    page.wait_for_function("() => document.activeElement === document.body")
    assert page.evaluate("() => [Reveal.getIndices().h, Reveal.isOverview()]") == [here, False]


@pytest.mark.slow
@pytest.mark.browser
def test_a_remote_control_turns_the_page_from_inside_an_explorer(page, decks):
    open_deck(page, decks, "01", "?theme=dark#/6")
    frame = explorer_of(page)
    assert frame.evaluate("() => document.documentElement.dataset.theme") == "dark"
    for key, slide in (("PageDown", 7), ("PageUp", 5)):
        page.evaluate("() => Reveal.slide(6)")
        page.keyboard.press("e")
        frame.wait_for_function("() => document.hasFocus()")
        page.keyboard.press(key)
        page.wait_for_function("(slide) => Reveal.getIndices().h === slide", arg=slide)
        page.wait_for_function("() => document.activeElement === document.body")


@pytest.mark.slow
@pytest.mark.browser
def test_the_speakers_view_has_notes_and_minutes(page, decks):
    open_deck(page, decks, "02")
    with page.context.expect_page() as opened:
        page.keyboard.press("s")
    notes = opened.value.locator(".speaker-controls-notes .value")
    notes.filter(has_text="1 minute").wait_for()
    assert "A standard convolution filters" in notes.inner_text()


@pytest.mark.slow
@pytest.mark.browser
@every_deck
def test_the_handout_has_a_page_for_each_slide_and_pictures_of_explorers(text, page, decks):
    deck = deck_of(text)
    pdf = (decks / f"{deck.number}.pdf").read_bytes()
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == len(deck.slides)
    open_deck(page, decks, deck.number, "?print-pdf")
    page.wait_for_function(
        "(slides) => document.querySelectorAll('.pdf-page').length === slides", arg=len(deck.slides)
    )
    boxes = "(each) => each.map((e) => Math.min(e.offsetWidth, e.offsetHeight))"
    pictures = page.eval_on_selector_all(".pdf-page :is(figure img, .still)", boxes)
    assert all(side > 100 for side in pictures)
    assert len(pictures) == page.locator("img").count()
    assert page.eval_on_selector_all("iframe", boxes) == [0] * page.locator("iframe").count()
    assert page.eval_on_selector_all(
        ".pdf-page .slide", "(each) => each.map((e) => e.offsetHeight)"
    ) == [720] * len(deck.slides)


@pytest.mark.slow
@pytest.mark.browser
def test_without_javascript_all_is_there_to_read(browser, decks):
    context = browser.new_context(
        java_script_enabled=False, viewport={"width": 1280, "height": 720}
    )
    page = context.new_page()
    page.goto((decks / "02.html").as_uri())
    headings = page.locator("section :is(h1, h2)")
    tops = [each.bounding_box()["y"] for each in headings.all()]
    assert len(tops) == len(deck_of(TEXTS[2]).slides)
    assert tops == sorted(set(tops))
    assert all(each.is_visible() for each in page.locator("section img").all())
    context.close()


@pytest.mark.slow
@pytest.mark.browser
def test_a_folder_of_decks_is_small_and_led_to_by_its_first_page(page, decks, axe):
    page.goto((decks / "index.html").as_uri())
    page.evaluate(axe)
    assert page.evaluate(AXE) == []
    told = (decks / "told.txt").read_text(encoding="utf-8")
    links = page.eval_on_selector_all("a", "(each) => each.map((e) => e.getAttribute('href'))")
    for text in TEXTS:
        deck = deck_of(text)
        assert {f"{deck.number}.html", f"{deck.number}.pdf"} <= set(links)
        count = f"{len(deck.slides)} slides, {deck.minutes:g} minutes"
        assert f"{deck.number} {deck.title}: {count}" in told
        own = [*decks.glob(f"{deck.number}.*"), *decks.glob(f"{deck.number}/*")]
        assert sum(file.stat().st_size for file in own) < 10e6
    assert all((decks / link).is_file() for link in links)
