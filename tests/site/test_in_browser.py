"""The site in a real Chromium: from a folder, deep in a host, without scripts, by key, for axe."""

import re

import pytest

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


def test_large_networks_wait_for_a_click(site, page):
    page.goto((site / LETTERS).as_uri())
    place = page.locator(".explorer[data-wait]")
    place.scroll_into_view_if_needed()
    assert re.search(r"loads \d+ MB", place.locator("button").inner_text())
    assert not page.evaluate(
        "() => [...document.scripts].some((s) => s.src.includes('letters-assets'))"
    )


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
    page.locator("details.guess summary").first.click()
    assert page.locator("details.guess img").first.is_visible(), "a figure behind a question"
    context.close()


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
