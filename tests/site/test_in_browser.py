"""The site in a real Chromium: from a folder, deep in a host, without scripts, by key, for axe."""

import re
from hashlib import sha256

import pytest

from mobilenet_lib.checks import export_progress, import_progress
from mobilenet_lib.checks.ledger import PROGRESS_VARIABLE, note, read_ledger
from mobilenet_lib.checks.prompts import asked
from mobilenet_lib.explorers import LettersExplorer

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CHAPTER = "chapters/01_standard_convolution.html"
LETTERS = "chapters/06_width_and_resolution.html"
OVER = """() => document.documentElement.scrollWidth > innerWidth + 1"""
AXE = """() => axe.run(document, { preload: false, resultTypes: ["violations"] }).then(
  ({ violations }) => violations.map(({ id, nodes }) => [id, nodes.map((n) => n.html)]))"""


@pytest.fixture
def page(browser_page, browser_log):
    """A page on which nothing goes wrong without a word."""
    browser_page.emulate_media(reduced_motion="reduce")
    yield browser_page
    assert browser_log.console_errors == []


def start_all(page):
    """Bring every explorer of a page to life."""
    for place in page.locator(".explorer[data-bundle]").all():
        if place.get_attribute("data-wait"):
            place.locator("button").click()
        else:
            place.scroll_into_view_if_needed()
        page.wait_for_function("(el) => el.dataset.alive", arg=place.element_handle())


def test_axe_objects_to_nothing(site, pages, page, npm_packages):
    """Every page, wide and light, then narrow and dark; figures unfolded, explorers alive."""
    axe = (npm_packages / "axe-core/axe.min.js").read_text("utf-8")
    found = {}
    for file in pages:
        name = file.relative_to(site).as_posix()
        page.set_viewport_size({"width": 1280, "height": 720})
        page.emulate_media(color_scheme="light")
        page.goto(file.as_uri())
        page.evaluate(
            "() => { for (const each of document.querySelectorAll('details')) each.open = true; }"
        )
        start_all(page)
        page.evaluate(axe)
        found[name, "light"] = page.evaluate(AXE)
        found[name, "wide"] = page.evaluate(OVER)
        page.emulate_media(color_scheme="dark")
        page.set_viewport_size({"width": 390, "height": 720})
        page.wait_for_function("() => innerWidth === 390")
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
        found[name, "dark"] = page.evaluate(AXE)
        found[name, "narrow"] = page.evaluate(OVER)
    assert {key: value for key, value in found.items() if value} == {}


@pytest.mark.parametrize("name", ["index.html", CHAPTER])
def test_at_twice_the_size_nothing_runs_sideways(name, site, page):
    page.set_viewport_size({"width": 640, "height": 360})  # 1280 pixels at 200 %
    page.goto((site / name).as_uri())
    start_all(page)
    assert not page.evaluate(OVER)


@pytest.mark.parametrize("where", ["folder", "host"])
def test_an_explorer_answers(where, site, served, page):
    page.goto((site / CHAPTER).as_uri() if where == "folder" else f"{served}/{CHAPTER}")
    start_all(page)
    assert not page.locator(".explorer .still").count(), "its still picture has given way"
    section = page.locator(".mn-explorer")
    section.get_by_role("button", name="Fill").click()
    page.wait_for_function(
        "() => document.querySelector('.mn-explorer').innerText.includes('9,216 of 9,216')"
    )
    section.get_by_label("Stride").select_option("2")
    page.wait_for_function(
        "() => document.querySelector('.mn-explorer').innerText.includes('of 2,304')"
    )
    assert "stride=2" in page.evaluate(
        "() => decodeURIComponent(location.hash)"
    ) or page.wait_for_function("() => location.hash.includes('stride=2')")


def test_a_link_opens_an_explorer_as_it_was(site, page):
    page.goto(f"{(site / CHAPTER).as_uri()}#convolution:v1&stride=2")
    page.wait_for_function("() => document.querySelector('.explorer').dataset.alive")
    assert page.locator(".mn-explorer").get_by_label("Stride").input_value() == "2"


DIGESTS = """async (el) => {
  const digest = async ([name, data]) =>
    [name, [...new Uint8Array(await crypto.subtle.digest("SHA-256", data))]];
  return Object.fromEntries(await Promise.all(Object.entries(el.assets).map(digest)));
}"""


@pytest.mark.parametrize("where", ["folder", "host"])
def test_large_networks_wait_for_a_click(where, site, served, page):
    """Then they are, to the last bit, those of the book."""
    page.goto(f"{site.as_uri() if where == 'folder' else served}/{LETTERS}")
    place = page.locator(".explorer[data-wait]")
    place.scroll_into_view_if_needed()
    assert re.search(r"loads \d+ MB", place.locator("button").inner_text())
    assert not page.evaluate(
        "() => [...document.scripts].some((s) => s.src.includes('letters-assets'))"
    )
    place.locator("button").click()
    networks = page.locator(".explorer-live[data-explorer-id=letters]")
    wanted = {name: [*sha256(data).digest()] for name, data in LettersExplorer().assets().items()}
    assert networks.evaluate(DIGESTS) == wanted
    networks.get_by_role("slider", name="Letter of the test set").fill("3")
    read = "".join(re.findall(r"α [\d.]+: ([A-Z])", LettersExplorer(sample=3).still().alt))
    page.wait_for_selector(f".mn-explorer[data-answers={read}]")


def test_an_explorer_that_cannot_load_says_so(site, browser_page):
    page, bundle = browser_page, "**/explorers/convolution.js*"
    page.route(bundle, lambda route: route.abort())
    page.goto((site / CHAPTER).as_uri())
    page.locator(".explorer").scroll_into_view_if_needed()
    said = page.locator(".explorer [role=alert]")
    said.wait_for()
    assert "could not start" in said.inner_text()
    assert page.locator(".explorer img").count(), "the still picture stays"
    page.unroute(bundle)
    said.get_by_role("button", name="Try again").click()
    page.wait_for_function("() => document.querySelector('.explorer').dataset.alive")


@pytest.mark.parametrize("where", ["folder", "host"])
def test_search_finds_a_word(where, site, served, page):
    start = f"{site.as_uri()}/index.html" if where == "folder" else f"{served}/index.html"
    page.goto(start)
    page.get_by_role("searchbox").fill("dahlia")
    page.get_by_role("searchbox").press("Enter")
    page.wait_for_selector("#search-results li a")
    assert "Standard convolution" in page.locator("#search-results").inner_text()


def test_without_scripts_all_can_be_read(site, browser):
    context = browser.new_context(
        java_script_enabled=False, viewport={"width": 1280, "height": 720}
    )
    page = context.new_page()
    page.goto((site / CHAPTER).as_uri())
    formula = page.locator("#eq-1 .katex-html")
    assert formula.bounding_box()["height"] > 30
    assert "the sum over" in page.locator("#eq-1 [role=math]").get_attribute("aria-label")
    still = page.locator(".explorer img")
    assert still.is_visible()
    assert "kernel" in still.get_attribute("alt")
    assert page.get_by_text("10,800 multiplications").first.is_visible(), "a result"
    assert page.locator("#figure-01-1 img").is_visible(), "a figure behind a question"
    assert page.get_by_text("In the blue one.").is_visible(), "and what is said of it"
    assert not page.locator(".book-card").first.is_visible(), "what takes answers is away"
    context.close()


PREDICTED = "chapters/02_depthwise_separable_convolution.html"
HIDDEN = """() => [...document.querySelectorAll("details.guess")].filter((d) => !d.open).length"""


@pytest.mark.parametrize("where", ["folder", "host"])
def test_a_prediction_unfolds_its_result(where, site, served, page, tmp_path, monkeypatch):
    """By keys; kept in the browser, shown at the end, taken to JupyterLab's ledger and back."""
    monkeypatch.setenv(PROGRESS_VARIABLE, str(tmp_path / "progress.json"))
    base = site.as_uri() if where == "folder" else served
    page.goto(f"{base}/{PREDICTED}")
    card = page.locator(".mnc-expect").first
    result = page.locator("#figure-02-1 img")
    card.wait_for()
    folded = page.evaluate(HIDDEN)
    assert folded >= 5
    assert not result.is_visible()
    told = page.get_by_text("36 + 20 = 56, less than a third")
    assert not told.is_visible(), "the prose gives the answer away"
    assert page.get_by_role("heading", name="Equation 3").first.is_visible()
    field = card.get_by_role("textbox", name="How many weights")
    field.fill("many")
    field.press("Enter")
    assert "Type a number" in card.get_by_role("alert").inner_text()
    assert not result.is_visible()
    field.fill("1,000")
    field.press("Enter")
    result.wait_for()
    assert told.is_visible()
    assert "You expect: 1,000 weights" in card.inner_text()
    card.get_by_role("button", name="Change").press("Enter")
    field.fill("100")
    field.press("Enter")
    second = page.locator(".mnc-expect").nth(1)
    second.get_by_role("radio", name="all three alike").check()
    second.get_by_role("button", name="I expect this").click()
    assert page.evaluate(HIDDEN) == folded - 2
    ends = page.locator(".mnc-outcomes")
    assert "You expected 100 weights; it is 56 weights: 1.8 times too high." in ends.inner_text()
    assert "You expected all three alike; it is only the first." in ends.inner_text()

    question = page.locator(".mnc-quiz fieldset").first
    choices = question.locator(".mnc-choices button")
    place = asked("02").questions["02-jobs"].right
    choices.nth(0 if place else 1).click()
    assert question.locator(".mnc-because:visible").inner_text().startswith("✘ No.")
    choices.nth(place).press("Enter")
    question.locator(".mnc-because[data-found=right]").wait_for()
    assert "1 of 4 solved, 0 at the first try" in page.locator(".mnc-quiz").inner_text()

    page.reload()
    page.locator(".mnc-expect").first.get_by_text("You expect: 100 weights").wait_for()
    assert result.is_visible()
    assert question.locator(".mnc-because:visible").count() == 2
    assert ends.inner_text().count("You expected") == 2

    page.goto(f"{base}/chapters/00_start_here.html")
    table = page.locator(".mnc-progress table")
    row = table.get_by_role("row").filter(has_text="02 Depthwise")
    assert re.findall(r"\d+ of \d+", row.inner_text()) == ["2 of 7", "1 of 4", "0 of 7"]
    with page.expect_download() as download:
        page.get_by_role("button", name="Save to a file").click()
    download.value.save_as(tmp_path / "site.json")
    import_progress(tmp_path / "site.json")
    assert read_ledger()[0]["02-weights"].said == "100"
    note("2.1", True)
    export_progress(tmp_path / "lab.json")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Forget").click()
    assert "0 of 7" in row.inner_text()
    assert "2 of 7" not in row.inner_text()
    page.locator(".mnc-progress input[type=file]").set_input_files(tmp_path / "lab.json")
    page.wait_for_function(
        "() => document.querySelector('.mnc-progress').innerText.includes('Added to the progress')"
    )
    assert re.findall(r"\d+ of \d+", row.inner_text()) == ["2 of 7", "1 of 4", "1 of 7"]


def test_where_storage_is_refused_nothing_fails(site, page):
    page.add_init_script(
        "Object.defineProperty(window, 'localStorage',"
        " { configurable: true, get() { throw new Error('no'); } })"
    )
    page.goto((site / PREDICTED).as_uri())
    card = page.locator(".mnc-expect").first
    card.get_by_role("textbox").fill("7")
    card.get_by_role("button", name="I expect this").click()
    page.locator("#figure-02-1 img").wait_for()
    assert "remembered until you leave" in card.inner_text()


def test_a_link_and_print_open_what_is_folded(site, page):
    page.goto(f"{(site / PREDICTED).as_uri()}#figure-02-1")
    page.locator("#figure-02-1 img").wait_for()
    assert page.evaluate(HIDDEN) > 0
    page.emulate_media(media="print")
    page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(HIDDEN) == 0
    assert page.locator(".mnc-choices button").first.is_visible(), "the choices are printed"
    assert not page.get_by_role("button", name="I expect this").first.is_visible()


def test_a_link_that_was_cut_off_stops_nothing(site, page):
    page.goto(f"{(site / PREDICTED).as_uri()}#figure%2")
    page.locator(".mnc-choices button").first.wait_for()


def test_by_key_alone(site, page):
    page.set_viewport_size({"width": 390, "height": 720})
    page.goto((site / CHAPTER).as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.className").startswith("skip-to-content")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")  # the drawer with the contents of the book
    link = page.get_by_role("link", name="05 Training")
    assert link.is_visible()
    page.keyboard.press("Space")
    page.wait_for_function(
        "() => getComputedStyle(document.querySelector('.sidebar-drawer')).visibility === 'hidden'"
    )
    wide = page.locator("article pre[tabindex='0'], article .figure-scroll[tabindex='0']").first
    wide.focus()
    before = wide.evaluate("(el) => el.scrollLeft")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("([el, x]) => el.scrollLeft > x", arg=[wide.element_handle(), before])


def test_colours_follow_the_reader(site, page):
    page.goto((site / "index.html").as_uri())
    start_all(page)
    shown = "() => getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(shown)
    button = page.get_by_role("button", name="Change between light, dark").last
    button.click()
    while page.evaluate("() => document.body.dataset.theme") != "dark":
        button.click()
    assert page.evaluate(shown) != light
    page.wait_for_selector(".mn-explorer[data-mn-theme=dark]")


def test_the_first_page_moves_unless_asked_not_to(site, browser_page):
    for motion, moves in (("no-preference", True), ("reduce", False)):
        browser_page.emulate_media(reduced_motion=motion)
        browser_page.goto((site / "index.html").as_uri())
        browser_page.wait_for_function("() => document.querySelector('.explorer').dataset.alive")
        button = browser_page.locator(".mnx-sweep")
        assert button.inner_text() == "Play", "it waits until somebody is there"
        browser_page.mouse.move(5, 5)
        browser_page.mouse.move(9, 9)
        if moves:
            browser_page.wait_for_function(
                "() => document.querySelector('.mnx-sweep').innerText === 'Stop'"
            )
        else:
            assert button.inner_text() == "Play"


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_on_the_first_page_jumps(width, site, page):
    page.set_viewport_size({"width": width, "height": 720})
    page.goto((site / "index.html").as_uri())
    page.wait_for_function("() => document.querySelector('.explorer').dataset.alive")
    shifts = """() => new Promise((done) => {
        const seen = new PerformanceObserver((list) => done(list.getEntries()));
        seen.observe({ type: "layout-shift", buffered: true });
        setTimeout(() => done([]), 500);
    }).then((all) => all.reduce((sum, { value }) => sum + value, 0))"""
    assert page.evaluate(shifts) < 0.02
