"""The table browser in a real browser: what it finds is what Python finds, by every hand."""

import pytest
from standalone import frames, put, write_page

from mobilenet_lib import paper
from mobilenet_lib.explorers import TablesExplorer

pytestmark = pytest.mark.browser

FILTERS = [
    {},
    {"table": "14"},
    {"verdict": "misprint"},
    {"search": "16 Channels"},
    {"table": "figures", "verdict": "other count", "search": "0.75"},
    {"table": "3", "verdict": "misprint"},
    {"search": "inception  v3"},
    *({"verdict": finding} for finding in paper.FINDINGS),
]


@pytest.fixture
def page(browser_page, browser_log, tmp_path):
    browser_page.goto(write_page(TablesExplorer(), tmp_path))
    browser_page.wait_for_selector(".mn-tables[data-drawn]")
    yield browser_page
    assert browser_log.console_errors == []


def names(page):
    listed = "[...document.querySelectorAll('.mnb-list [role=option]')]"
    return page.evaluate(f"() => {listed}.map((each) => each.dataset.name)")


def test_it_finds_what_python_finds_and_says_how_many(page):
    fresh = {"table": "all", "verdict": "any", "search": ""}
    for chosen in FILTERS:
        put(page, **fresh | chosen)
        frames(page)
        found = TablesExplorer(**chosen).found
        assert names(page) == [cell.name for cell in found]
        said = page.locator(".mnb-count").inner_text()
        assert said.startswith(f"{len(found) or 'None'} of {len(paper.cells())} numbers")
        for finding, count in paper.tally(found).items():
            if finding == "not countable":
                assert f"{count} not countable" in said
        assert page.locator(".mnb-none").is_visible() == (not found)


def test_every_cell_shows_what_python_has(page):
    for cell in paper.cells()[::7]:
        put(page, cell=cell.name)
        frames(page)
        text = page.locator(".mnb-detail").inner_text()
        wanted = [cell.printed, cell.exact_text, cell.finding]
        wanted += [cell.discrepancy.explained] if cell.discrepancy else []
        wanted += [cell.label, cell.heading] if cell.heading != "printed" else [cell.unit]
        for part in filter(None, wanted):
            assert part in text, (cell.name, part)
        assert cell.note[1:] in text


def test_the_list_is_walked_by_keys_and_keeps_the_chosen_one_in_sight(page):
    page.locator("[data-field=table]").select_option("2")
    listed = page.get_by_role("listbox")
    listed.focus()
    for key, place in (("Home", 0), ("ArrowDown", 1), ("End", 7), ("ArrowDown", 7), ("PageUp", 0)):
        page.keyboard.press(key)
        frames(page)
        chosen = page.locator("[role=option][aria-selected=true]")
        assert chosen.get_attribute("data-name") == names(page)[place]
        assert listed.get_attribute("aria-activedescendant") == chosen.get_attribute("id")
        box, frame = chosen.bounding_box(), listed.bounding_box()
        assert frame["y"] - 1 <= box["y"]
        assert box["y"] + box["height"] <= frame["y"] + frame["height"] + 1


def test_a_press_chooses_a_word_searches_and_one_button_brings_all_back(page):
    page.get_by_role("searchbox").fill("GoogleNet 1550")
    frames(page)
    assert names(page) == ["8-2-million_mult_adds"]
    page.locator(".mnb-list [role=option]").click()
    frames(page)
    assert page.evaluate("() => model.get('cell')") == "8-2-million_mult_adds"
    assert "1502" in page.locator(".mnb-why").inner_text()
    assert "1550" in page.locator(".mn-said").inner_text()
    page.get_by_role("button", name="Show all").click()
    frames(page)
    assert len(names(page)) == len(paper.cells())
    assert page.get_by_role("searchbox").input_value() == ""


def test_a_link_to_a_number_that_is_not_there_says_so(page):
    put(page, cell="2-9-nothing")
    frames(page)
    assert page.locator(".mnb-detail").inner_text() == "There is no number “2-9-nothing”."
