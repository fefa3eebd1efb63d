"""What every explorer owes its readers: a state that is a link, hands of every kind, no silence."""

import json
import random
import re
from pathlib import Path

import pytest
from explorers import EXPLORERS, THREE_STATES
from standalone import frames, put, write_page
from states import any_state

from mobilenet_lib.explorers import TablesExplorer
from mobilenet_lib.explorers.state import StateError

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = ROOT / "build/screenshots"
every = pytest.mark.parametrize("name", EXPLORERS)


@pytest.fixture
def widget(name):
    return EXPLORERS[name]()


@pytest.fixture
def page(widget, browser_page, browser_log, tmp_path):
    browser_page.goto(write_page(widget, tmp_path))
    browser_page.wait_for_function("() => window.model && here.querySelector('section')")
    frames(browser_page)
    yield browser_page
    assert browser_log.console_errors == []


DECODED = """(lines) => lines.map((line) => [line, here.explorer.decode(line)])"""
ENCODED = """(states) => states.map((state) => here.explorer.encode(state))"""
SHOWN = """() => here.explorer.encode(Object.fromEntries(
    Object.keys(here.explorer.definition.fields).map((field) => [field, model.get(field)])))"""
TAKE = """(line) => {
    const { values } = here.explorer.decode(line);
    for (const [field, value] of Object.entries(values)) model.set(field, value);
}"""


@every
def test_state_to_link_to_state_is_the_identity(name, widget, page):
    """200 random states, written and read in Python and in the page, each by the other too."""
    draw, definition = random.Random(name), widget.definition
    states = [any_state(widget, draw) for _ in range(200)]
    lines = [definition.encode(state) for state in states]
    assert len(set(lines)) > 150
    assert [definition.decode(line) for line in lines] == states
    assert page.evaluate(ENCODED, states) == lines
    for line, decoded in page.evaluate(DECODED, lines):
        assert decoded == {"values": definition.decode(line), "problems": []}


@every
def test_python_has_the_fields_of_the_definition_and_refuses_others(name, widget):
    for field, meaning in widget.definition.fields.items():
        assert widget.traits(sync=True)[field].default_value == meaning["default"], field
    before = widget.state
    for line in ("", "stride=2", "v99", "v1&nonsense=1", "v1&tour=x", "v1&tour=100", "v1&tour=%ff"):
        with pytest.raises(StateError):
            widget.state = line
        assert widget.state == before


@every
def test_a_link_opens_the_state_and_a_damaged_one_says_so(name, widget, page, browser_log):
    for line in THREE_STATES[name]:
        address = page.url.split("#")[0]
        page.goto("about:blank")
        page.goto(f"{address}#{name}:{line}")
        page.wait_for_function("() => window.model && here.querySelector('section').dataset.drawn")
        widget.state = line
        shown = page.evaluate(SHOWN)
        assert shown == widget.state
        assert page.locator(".mn-message").is_hidden()
    page.evaluate(f"() => {{ location.hash = '{name}:v1&nonsense=1&tour=abc'; }}")
    message = page.locator(".mn-message")
    message.wait_for(state="visible")
    assert "nonsense" in message.inner_text()
    assert "tour is a whole number from 0 to 99, not “abc”" in message.inner_text()
    page.evaluate(f"() => {{ location.hash = '{name}:v99&x=1'; }}")
    page.wait_for_function("() => document.querySelector('.mn-message').textContent.includes('99')")


@every
def test_what_a_reader_does_stands_in_the_address_and_survives_a_reload(name, widget, page):
    field, value = next(
        (field, next(v for v in choices if v != meaning["default"]))
        for field, meaning in widget.definition.fields.items()
        if (choices := meaning.get("choices")) and len(choices) > 1
    )
    page.evaluate("([f, v]) => { model.set(f, v); }", [field, value])
    page.wait_for_function("() => location.hash !== ''")
    page.reload()
    page.wait_for_function("() => window.model && here.querySelector('section')")
    assert page.evaluate("(f) => model.get(f)", field) == value


CONTROLS = "[data-field]:visible"


@every
@pytest.mark.parametrize("hands", ["mouse", "keys", "touch"])
def test_every_control_reaches_its_ends_and_its_middle(name, widget, page, hands):
    controls = page.locator(CONTROLS)
    assert controls.count() > 0
    fields = [control.get_attribute("data-field") for control in controls.all()]
    for field in dict.fromkeys(fields):
        control, meaning = (
            page.locator(f"[data-field='{field}']").first,
            widget.definition.fields[field],
        )
        # What the control before this one changed is drawn in the next frame: among it
        # may be this one's ends, or that it is of no use now.
        frames(page)
        if control.is_disabled() or not control.is_visible():
            continue
        kind = control.evaluate("(e) => e.type")
        if kind == "range":
            reach_ends_of_a_slider(page, control, hands)
        elif kind == "checkbox":
            before = control.is_checked()
            {
                "mouse": control.click,
                "touch": control.click,
                "keys": lambda c=control: c.press("Space"),
            }[hands]()
            assert control.is_checked() != before
        elif kind == "select-one":
            options = control.locator("option:enabled").count()
            for place in {0, options // 2, options - 1}:
                if hands == "keys":
                    control.focus()
                    control.press("Home")
                    for _ in range(place):
                        control.press("ArrowDown")
                else:
                    control.select_option(index=place)
                frames(page)
                if meaning["kind"] == "choice":
                    assert page.evaluate("(f) => model.get(f)", field) == meaning["choices"][place]
        assert page.locator(".mn-message").is_hidden()


def reach_ends_of_a_slider(page, control, hands):
    low, high = (float(control.get_attribute(end)) for end in ("min", "max"))
    value = lambda: float(control.input_value())  # noqa: E731
    if hands == "keys":
        control.press("End")
        assert value() == high
        control.press("Home")
        assert value() == low
        control.press("ArrowRight")
        assert value() > low
        return
    control.scroll_into_view_if_needed()
    for share, expected in ((0.0, low), (0.5, (low + high) / 2), (1.0, high)):
        box = control.bounding_box()
        x = box["x"] + min(max(share * box["width"], 2), box["width"] - 2)
        y = box["y"] + box["height"] / 2
        if hands == "touch":
            touch(page, x, y)
        else:
            page.mouse.click(x, y)
        frames(page)
        assert value() == pytest.approx(expected, abs=max(0.06 * (high - low), 0.51))


def touch(page, x, y):
    """A finger's tap, as the browser itself reports one."""
    session = page.context.new_cdp_session(page)
    for kind, points in (("touchStart", [{"x": x, "y": y}]), ("touchEnd", [])):
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    session.detach()


WITH_THE_KEY = """(changes) => addEventListener("keydown", () => {
    for (const [field, value] of Object.entries(changes)) model.set(field, value);
}, { capture: true, once: true })"""
CHOSEN = """(fields) => Object.fromEntries(fields.map((field) => [field, field === "figures"
    ? here.querySelector(".mnh-figures").innerText.match(/Map \\d+/)[0] : model.get(field)]))"""
OTHER_TABLE = {"table": "2"}
FIRST_THERE = TablesExplorer(**OTHER_TABLE).found[0].name
PERSON_DETECTOR = {"body": "separable", "alpha": 0.25, "resolution": 96, "layer": "conv_0"}
KEYS = {
    # Where, which key, what is changed before the key is handled, and what it is then to choose:
    # the first of another list; a layer of another network; a channel that was not there;
    "tables": (".mnb-list", "Home", OTHER_TABLE, {"cell": FIRST_THERE}),
    "roofline": (
        ".mnr-stage",
        "ArrowRight",
        {"body": "full", "layer": "conv_3"},
        {"layer": "conv_4"},
    ),
    "separable": (".mnd-canvas", "PageDown", {"out_channels": 16, "channel": 5}, {"channel": 6}),
    # the weight below, where 12 stand in a row instead of 3; the last of more maps;
    "quantization": (".mnq-filter", "ArrowDown", {"layer": "pw_12", "weight": 0}, {"weight": 12}),
    "architecture": (".mnh-tiles", "End", {"layer": "pw_13"}, {"figures": "Map 256"}),
    # none, where the network has still to answer; the place beside, by the browser's own slider.
    "detector": (".mnn-maps", "End", {"layer": "pw_13"}, {"map": None}),
    "convolution": (".mnx-scrub", "ArrowRight", {"row": 1, "column": 2}, {"row": 1, "column": 3}),
}
READY = {"architecture": "[data-maps=shown]", "detector": "[data-picture]"}


@pytest.mark.parametrize("name", KEYS)
def test_a_key_acts_on_what_is_set_and_not_on_what_was_drawn(name, page):
    """What a key does may depend on a drawing, which follows a change with the next frame only."""
    target, key, changes, wanted = KEYS[name]
    if name == "architecture":
        put(page, **PERSON_DETECTOR)
    page.wait_for_selector(READY.get(name, "[data-drawn]"))
    page.locator(target).first.focus()
    page.evaluate(WITH_THE_KEY, changes)
    page.keyboard.press(key)
    frames(page)
    assert page.evaluate(CHOSEN, list(wanted)) == wanted


def test_an_error_in_a_drawing_that_a_key_brings_forward_is_said(
    browser_page, browser_log, tmp_path
):
    browser_page.goto(write_page(TablesExplorer(), tmp_path))
    browser_page.wait_for_selector("[data-drawn]")
    listed = browser_page.locator(".mnb-list")
    listed.evaluate("(e) => { e.replaceChildren = () => { throw new Error('broken'); }; }")
    listed.focus()
    browser_page.evaluate(WITH_THE_KEY, OTHER_TABLE)
    browser_page.keyboard.press("Home")
    assert "met an error: broken" in browser_page.locator(".mn-message").inner_text()
    assert browser_page.evaluate("() => model.get('cell')") == FIRST_THERE  # and goes on
    assert browser_log.console_errors
    assert all("broken" in error for error in browser_log.console_errors)


@every
def test_the_tour_waits_for_a_prediction(name, widget, page):
    steps = widget.definition.tour
    assert len(steps) >= 2
    assert any("ask" in step for step in steps)
    page.locator(".mn-start-tour").click()
    for number, step in enumerate(steps, 1):
        assert f"{number} of {len(steps)}" in page.locator(".mn-step").inner_text()
        assert page.evaluate("() => model.get('tour')") == number
        following = page.locator(".mn-next")
        if "ask" in step:
            assert following.is_disabled()
            for part in step.get("cover", []):
                assert (
                    page.locator(f"[data-part='{part}'], [data-field='{part}']").first.evaluate(
                        "(e) => getComputedStyle(e).visibility"
                    )
                    == "hidden"
                ), part
            told_of = step.get("then", step.get("state"))
            set_there = [part.partition("=")[0] for part in (told_of or "v1").split("&")[1:]]
            fields = widget.definition.fields
            put(page, **{field: fields[field]["default"] for field in set_there})  # moved meanwhile
            page.locator(".mn-answer").nth(step["right"]).click()
            if told_of:  # what is told is of this state, whatever was moved
                wanted = widget.definition.decode(told_of)
                shown = page.evaluate("(names) => names.map((n) => model.get(n))", set_there)
                assert shown == [wanted[field] for field in set_there]
            assert step["because"] in page.locator(".mn-because").inner_text()
            assert page.locator(".mn-covered").count() == 0
        for line in (step.get("state"), step.get("then")):
            if line:
                widget.definition.decode(line)
        following.click()
        inside = "() => document.activeElement.className"
        assert page.evaluate(inside) == ("mn-tour" if number < len(steps) else "mn-start-tour")
    assert page.locator(".mn-tour").is_hidden()


@every
def test_what_was_set_before_the_tour_is_there_after_it(name, widget, page):
    page.evaluate("(hash) => { location.hash = hash; }", f"{name}:{THREE_STATES[name][1]}")
    frames(page)
    before = page.evaluate(SHOWN)
    page.locator(".mn-start-tour").click()
    frames(page)
    page.get_by_role("button", name="End the tour").click()
    frames(page)
    assert page.evaluate(SHOWN) == before


@every
def test_a_link_for_a_lecture_shows_one_question(name, widget, page):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate("(hash) => { location.hash = hash; }", f"{name}:{THREE_STATES[name][1]}")
    frames(page)
    shown = page.evaluate(SHOWN)
    page.get_by_text("Link for a lecture").click()
    lecture = page.locator(".mn-lecture")
    field = lecture.get_by_role("checkbox").first
    field.check()
    lecture.get_by_role("checkbox", name="these buttons").check()
    lecture.get_by_role("combobox").select_option(index=1)
    lecture.get_by_role("button").click()
    page.wait_for_function("() => document.querySelector('.mn-copied').textContent !== ''")
    assert page.evaluate(SHOWN) == shown  # nothing here has changed
    hidden = field.get_attribute("value")
    link = page.evaluate("() => navigator.clipboard.readText()")
    page.goto("about:blank")
    page.goto(link)
    page.wait_for_function("() => window.model")
    assert page.evaluate("() => [model.get('hide'), model.get('tour')]") == [[hidden, "foot"], 1]
    assert page.locator(f"[data-field='{hidden}']").count() == 0
    assert page.locator(".mn-again").count() == 0
    assert page.locator(".mn-step").inner_text().startswith("Tour, 1 of")
    assert page.evaluate("() => document.activeElement === document.body")


@every
def test_a_link_hides_controls_and_the_foot(name, widget, browser_page, tmp_path):
    field = next(iter(widget.definition.fields))
    address = write_page(widget, tmp_path)
    browser_page.goto(f"{address}#{name}:v1&hide=foot,{field}")
    browser_page.wait_for_function("() => window.model")
    assert browser_page.locator(".mn-again").count() == 0
    assert browser_page.locator(f"[data-field='{field}']").count() == 0


@every
def test_nothing_stands_where_a_part_is_left_out(name, widget, browser_page, tmp_path):
    address = write_page(widget, tmp_path)
    parts = ",".join([*widget.definition.fields, "help", "play", "own", "answers", "detector"])
    browser_page.goto(f"{address}#{name}:v1&hide={parts}")
    browser_page.wait_for_function("() => window.model && here.querySelector('[data-drawn]')")
    text = browser_page.locator(".mn-explorer").inner_text()
    assert not re.search(r"\bnull\b|\bundefined\b|\bNaN\b", text), text


@every
def test_copies_are_what_python_understands(name, widget, page):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    line = THREE_STATES[name][1]
    page.evaluate("(hash) => { location.hash = hash; }", f"{name}:{line}")
    frames(page, 5)
    page.locator(".mn-copy-link").click()
    page.wait_for_function(
        "() => document.querySelector('.mn-copied').textContent.includes('link')"
    )
    link = page.evaluate("() => navigator.clipboard.readText()")
    widget.state = line
    assert link == f"{page.url.split('#')[0]}#{name}:{widget.state}"
    page.locator(".mn-copy-python").click()
    page.wait_for_function(
        "() => document.querySelector('.mn-copied').textContent.includes('Python')"
    )
    code = page.evaluate("() => navigator.clipboard.readText()")
    cls = type(widget).__name__
    assert code.startswith(f"from mobilenet_lib.explorers import {cls}\n\n{cls}(")
    changes = eval(f"dict({code.split(cls + '(', 1)[1]}")
    other = EXPLORERS[name]()
    for field, value in changes.items():
        setattr(other, field, value)
    assert other.state == widget.state


@every
def test_a_refused_clipboard_leaves_the_text_to_copy(name, widget, page):
    page.evaluate(
        "() => { navigator.clipboard.writeText = () => Promise.reject(new Error('refused')); }"
    )
    page.locator(".mn-copy-python").click()
    shown = page.locator(".mn-copy")
    shown.wait_for(state="visible")
    assert type(widget).__name__ in shown.input_value()


@every
def test_no_room_a_hidden_tab_and_a_second_view_break_nothing(name, widget, page):
    page.set_viewport_size({"width": 1, "height": 600})
    frames(page)
    page.set_viewport_size({"width": 1280, "height": 720})
    page.evaluate("() => { here.style.display = 'none'; }")
    frames(page)
    page.evaluate("() => { here.style.display = ''; }")
    page.evaluate(
        """() => {
            const el = document.body.appendChild(document.createElement("div"));
            window.removeSecond = explorer.default.render({ model, el });
        }"""
    )
    for line in THREE_STATES[name]:
        page.evaluate(TAKE, line)
        frames(page, 4)
    said = page.locator(".mn-said")
    assert said.count() == 2
    page.wait_for_function(
        """() => {
            const [one, other] = document.querySelectorAll(".mn-said");
            return one.textContent !== "" && one.textContent === other.textContent;
        }"""
    )
    page.evaluate("() => { removeSecond(); remove(); }")
    assert page.locator(".mn-explorer").count() == 0
    assert page.evaluate("() => model.listening") == 0


@every
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_is_accessible_and_is_looked_at(name, widget, page, theme, axe):
    """Three states at two widths: nothing overflows, axe-core objects to nothing; pictures."""
    page.emulate_media(color_scheme=theme)
    page.evaluate(axe)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for number, line in enumerate(THREE_STATES[name]):
        page.evaluate("(hash) => { location.hash = hash; }", f"{name}:{line}")
        for width, height in ((1280, 720), (390, 844)):
            page.set_viewport_size({"width": width, "height": height})
            frames(page, 4)
            assert page.evaluate("() => document.documentElement.scrollWidth") <= width
            page.screenshot(
                path=SCREENSHOTS / f"{name}_{number}_{theme}_{width}.png", full_page=True
            )
        found = page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
        faults = [
            (fault["id"], [node["html"][:120] for node in fault["nodes"]])
            for fault in found["violations"]
        ]
        assert faults == [], json.dumps(faults, indent=1)


@pytest.fixture(scope="session")
def axe(npm_packages):
    """The code of axe-core."""
    return (npm_packages / "axe-core/axe.min.js").read_text("utf-8")


def test_every_explorer_in_the_package_is_tested_here():
    bundles = {path.stem for path in (ROOT / "mobilenet_lib/explorers/bundles").glob("*.js")}
    assert bundles - {"card"} == set(EXPLORERS) == set(THREE_STATES)  # cards: test_cards_in_lab


@every
def test_a_bundle_is_small(name):
    path = ROOT / f"mobilenet_lib/explorers/bundles/{name}.js"
    assert path.stat().st_size < 60_000
