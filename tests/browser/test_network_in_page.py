"""A network in the page: the person detector and the letters, against PyTorch."""

import base64
import io
import json
import re

import numpy as np
import pytest
import torch
from explorers import EXPLORERS
from PIL import Image
from standalone import frames, write_page

from mobilenet_lib import load_published
from mobilenet_lib.explain import class_activation, occlusion
from mobilenet_lib.explorers import DetectorExplorer, LettersExplorer
from mobilenet_lib.explorers.letters import LETTERS
from mobilenet_lib.photos import credits, load_photo

pytestmark = pytest.mark.browser

NEAR = 1e-3  # of a probability: JPEG decoders differ by a step of brightness here and there
SHOWN = "() => JSON.parse(document.querySelector('section').dataset.probabilities ?? '[]')"


@pytest.fixture(scope="module")
def net():
    return load_published("person_detector")


@pytest.fixture
def page(browser_page, browser_log, tmp_path):
    browser_page.goto(write_page(DetectorExplorer(), tmp_path))
    shows(browser_page, "astronaut")
    yield browser_page
    assert browser_log.console_errors == []


def shows(page, name):
    """Wait until the network has answered for a picture."""
    page.wait_for_function(
        "(name) => document.querySelector('section')?.dataset.picture === name", arg=name
    )


def in_python(net, photo):
    with torch.inference_mode():
        return net(net.preprocess(photo)).softmax(1)[0].tolist()


@pytest.mark.parametrize("engine", ["simd", "plain"])
def test_the_books_photos_get_pytorchs_probabilities(page, net, engine):
    page.locator("[data-field=engine]").select_option(index=["simd", "plain"].index(engine))
    page.wait_for_function(
        "(engine) => document.querySelector('section').dataset.engine === engine", arg=engine
    )
    for name in credits():
        page.locator("[data-field=photo]").select_option(name)
        shows(page, name)
        assert page.evaluate(SHOWN) == pytest.approx(in_python(net, load_photo(name)), abs=NEAR)


def test_what_an_answer_rests_on_is_what_python_finds(page, net):
    x = net.preprocess(load_photo("astronaut"))
    page.locator("[data-field=rests]").select_option("covering")
    page.wait_for_function("() => document.querySelector('section').dataset.heat")
    heat = json.loads(page.locator("section").first.get_attribute("data-heat"))
    assert np.array(heat).reshape(12, 12) == pytest.approx(
        occlusion(net, x, 0, window=24), abs=0.01
    )
    at, whole = int(np.argmax(heat)), in_python(net, load_photo("astronaut"))[0]
    assert (
        page.locator(".mnn-evidence")
        .inner_text()
        .endswith(
            f"row {at // 12 + 1}, column {at % 12 + 1} of 12, outlined: "
            f"from {100 * whole:.0f} % to {100 * (whole - max(heat)):.0f} %."
        )
    )
    page.locator("[data-field=rests]").select_option("activation")
    page.wait_for_function(
        "() => JSON.parse(document.querySelector('section').dataset.heat ?? '[]').length === 9"
    )
    heat = json.loads(page.locator("section").first.get_attribute("data-heat"))
    maps = class_activation(net, x)
    assert np.array(heat).reshape(3, 3) == pytest.approx(maps[0] - maps[1], abs=0.05)
    assert "rests most on row 1" in page.locator(".mn-said").inner_text()


def test_every_layers_maps_are_shown_by_their_name_and_size(page, net):
    slider = page.locator("[data-field=layer]")
    slider.focus()
    slider.press("Home")
    for layer in net.arch.layers:
        page.wait_for_function(
            "(name) => document.querySelector('.mnn-layers output').textContent.startsWith(name)",
            arg=f"{layer.name},",
        )
        words = page.locator(".mnn-layers output").inner_text()
        size = 1 if layer.kind == "fc" else layer.out_size
        assert words.endswith(f"{layer.out_channels} maps of {size}×{size}")
        slider.press("ArrowRight")


def test_a_map_is_chosen_by_hand_and_by_key(page):
    maps = page.locator(".mnn-maps")
    maps.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    frames(page)
    assert "Map 2 of 8" in page.locator(".mnn-chosen").inner_text()
    page.keyboard.press("End")
    frames(page)
    assert "Map 8 of 8" in page.locator(".mnn-chosen").inner_text()
    box = maps.bounding_box()
    page.mouse.move(box["x"] + 150, box["y"] + 20)
    frames(page)
    assert "Map 2 of 8" in page.locator(".mnn-chosen").inner_text()


def test_a_map_travels_in_the_link_and_another_layer_drops_it(page):
    page.evaluate("() => { location.hash = 'detector:v1&layer=pw_13&map=200'; }")
    page.wait_for_function(
        "() => document.querySelector('.mnn-chosen').textContent.startsWith('Map 200 of 256')"
    )
    page.locator(".mnn-maps").press("ArrowRight")
    frames(page)
    assert page.evaluate("() => model.get('map')") == 201
    page.locator("[data-field=layer]").press("ArrowLeft")
    frames(page)
    assert page.evaluate("() => model.get('map')") is None


def test_hands_before_the_network_has_come_break_nothing(browser_page, browser_log, tmp_path):
    browser_page.add_init_script("globalThis.fetch = () => new Promise(() => {});")
    browser_page.goto(write_page(DetectorExplorer(), tmp_path))
    maps = browser_page.locator(".mnn-maps")
    for key in ("ArrowRight", "ArrowDown", "ArrowUp", "End", "Home", "ArrowDown", "Escape"):
        maps.press(key)
    maps.click()
    assert browser_page.locator(".mnn-turn:visible").count() == 0
    assert browser_page.locator(".mnn-view").get_attribute("aria-label")
    assert browser_log.console_errors == []


def test_maps_that_do_not_fit_are_paged_through(page):
    page.evaluate("() => { location.hash = 'detector:v1&layer=pw_13'; }")
    page.wait_for_function(
        "() => document.querySelector('.mnn-chosen').textContent.includes('of 256')"
    )
    seen, more = [], page.locator(".mnn-turn").nth(1)
    while True:
        frames(page)
        first, last = re.search(
            r"Maps (\d+) to (\d+) of", page.locator(".mnn-chosen").inner_text()
        ).groups()
        seen += range(int(first), int(last) + 1)
        if more.is_disabled():
            break
        more.click()
    assert sorted(set(seen)) == list(range(1, 257))
    page.locator(".mnn-turn").nth(0).click()
    frames(page)
    assert more.is_enabled()


def test_the_classifiers_scores_are_named_and_signed(page, net):
    page.evaluate("() => { location.hash = 'detector:v1&layer=fc'; }")
    with torch.inference_mode():
        person, other = net(net.preprocess(load_photo("astronaut")))[0].tolist()
    text = f"Scores: person {person:.2f}, non_person {other:.2f}.".replace("-", "\u2212")
    page.wait_for_function(
        "(text) => document.querySelector('.mnn-chosen').textContent.startsWith(text)", arg=text
    )


def test_both_engines_are_compared_once_both_have_run(page):
    facts = page.locator(".mnn-facts")
    assert "times as fast" not in facts.inner_text()
    page.locator("[data-field=engine]").select_option("plain")
    page.wait_for_function(
        "() => document.querySelector('.mnn-facts').textContent.includes('times as fast')"
    )


def upload(page, name, content):
    page.locator(".mn-own input").set_input_files(
        {"name": name, "mimeType": "image/jpeg", "buffer": content}
    )


def encoded(array, kind="PNG"):
    out = io.BytesIO()
    Image.fromarray(array).save(out, kind)
    return out.getvalue()


def test_an_uploaded_photo_is_answered_and_does_not_leave_the_page(page, net):
    photo = np.random.default_rng(0).integers(0, 255, (70, 120, 3), dtype=np.uint8)
    upload(page, "mine.png", encoded(photo))
    shows(page, "mine.png")
    assert page.evaluate(SHOWN) == pytest.approx(in_python(net, photo), abs=1e-5)
    assert page.evaluate("() => model.get('photo')") == ""
    assert "mine.png, 120×70 pixels, squeezed" in page.locator(".mnn-told").inner_text()
    own = page.evaluate(SHOWN)
    page.locator("[data-field=photo]").select_option("cat")
    shows(page, "cat")
    page.locator("[data-field=photo]").select_option("your own")  # it has been kept
    shows(page, "mine.png")
    assert page.evaluate(SHOWN) == own


def test_a_dropped_photo_is_taken(page, net):
    text = base64.b64encode(encoded(load_photo("cat")[:64, :64])).decode()
    page.evaluate(
        """async (text) => {
            const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
            const carried = new DataTransfer();
            carried.items.add(new File([bytes], "dropped.png", { type: "image/png" }));
            const section = document.querySelector("section");
            section.dispatchEvent(new DragEvent("drop", { dataTransfer: carried, bubbles: true }));
        }""",
        text,
    )
    shows(page, "dropped.png")
    assert page.evaluate(SHOWN) == pytest.approx(
        in_python(net, load_photo("cat")[:64, :64]), abs=1e-5
    )


@pytest.mark.parametrize(
    ("name", "content"), [("text.jpg", b"this is no picture"), ("empty.png", b"")]
)
def test_what_is_no_picture_is_told_and_the_last_answer_stays(page, name, content):
    before = page.evaluate(SHOWN)
    upload(page, name, content)
    told = page.locator(".mnn-told")
    page.wait_for_function(
        "() => document.querySelector('.mnn-told').textContent.includes('cannot')"
    )
    assert told.inner_text().startswith(f"{name} cannot be read as a picture here")
    assert page.evaluate(SHOWN) == before
    assert page.evaluate("() => model.get('photo')") == "astronaut"


def test_a_photo_of_forty_megapixels_does_not_freeze_the_page(page):
    photo = np.full((5200, 7800, 3), 90, np.uint8)
    page.evaluate("() => { window.beats = 0; setInterval(() => beats++, 50); }")
    upload(page, "large.jpg", encoded(photo, "JPEG"))
    shows(page, "large.jpg")
    assert page.evaluate("() => beats") > 0
    assert sum(page.evaluate(SHOWN)) == pytest.approx(1)


def test_the_camera_films_and_is_let_go(page):
    page.context.grant_permissions(["camera"])
    page.locator(".mn-camera").click()
    page.wait_for_function(
        "() => document.querySelector('.mnn-facts').textContent.includes('frames per second')"
    )
    assert page.evaluate("() => model.get('photo')") == ""
    assert page.locator(".mn-camera").inner_text() == "Close the camera"
    page.locator("[data-field=rests]").select_option("activation")
    page.wait_for_function(
        "() => document.querySelector('.mnn-evidence').textContent.startsWith('Close the camera')"
    )
    page.locator(".mn-camera").click()
    page.wait_for_function(  # the last picture is asked about
        "() => document.querySelector('.mnn-evidence').textContent.startsWith('Orange')"
    )
    page.locator(".mn-camera").click()
    page.wait_for_function(
        "() => document.querySelector('.mn-camera').textContent === 'Close the camera'"
    )
    page.locator("[data-field=photo]").select_option("cat")
    shows(page, "cat")
    assert page.locator(".mn-camera").inner_text() == "Use the camera"


def test_a_refused_camera_is_told(page):
    page.context.clear_permissions()
    page.evaluate(
        """() => { navigator.mediaDevices.getUserMedia = () =>
            Promise.reject(new DOMException("no", "NotAllowedError")); }"""
    )
    page.locator(".mn-camera").click()
    page.wait_for_function("() => document.querySelector('.mnn-told').textContent !== ''")
    assert "was not allowed to use the camera" in page.locator(".mnn-told").inner_text()


def test_without_webassembly_plain_javascript_answers_and_says_so(browser_page, net, tmp_path):
    # In the page's worker too: it is made of a string, which sees what the page has put before it.
    browser_page.add_init_script(
        """delete globalThis.WebAssembly;
        const Real = Blob;
        globalThis.Blob = class extends Real {
            constructor(parts, options) {
                const worker = options?.type === "text/javascript" && parts.length === 1;
                super(worker ? ["delete globalThis.WebAssembly;", ...parts] : parts, options);
            }
        };"""
    )
    browser_page.goto(write_page(DetectorExplorer(photo="cat"), tmp_path))
    shows(browser_page, "cat")
    assert browser_page.evaluate(SHOWN) == pytest.approx(
        in_python(net, load_photo("cat")), abs=NEAR
    )
    assert "plain JavaScript" in browser_page.locator(".mnn-facts").inner_text()
    assert "SIMD: there is no WebAssembly here" in browser_page.locator(".mnn-facts").inner_text()


def test_without_workers_the_page_itself_answers(browser_page, net, tmp_path):
    browser_page.add_init_script("delete globalThis.Worker;")
    browser_page.goto(write_page(DetectorExplorer(photo="cat"), tmp_path))
    shows(browser_page, "cat")
    assert browser_page.evaluate(SHOWN) == pytest.approx(
        in_python(net, load_photo("cat")), abs=NEAR
    )
    assert "in the page" in browser_page.locator(".mnn-facts").inner_text()


def test_another_network_runs_there_too(browser_page, tmp_path):
    other = load_published("letters_25_56")
    browser_page.goto(write_page(DetectorExplorer(other, photo="coffee"), tmp_path))
    shows(browser_page, "coffee")
    assert browser_page.evaluate(SHOWN) == pytest.approx(
        in_python(other, load_photo("coffee")), abs=NEAR
    )
    assert browser_page.locator(".mnn-class").count() == 5  # the surest of 26


# --- Letters -------------------------------------------------------------------------------------


@pytest.fixture
def pad(browser_page, browser_log, tmp_path):
    browser_page.goto(write_page(EXPLORERS["letters"](), tmp_path))
    browser_page.wait_for_function("() => document.querySelector('.mna-told').textContent === ''")
    yield browser_page
    assert browser_log.console_errors == []


def answers(pad, picture=None):
    """What the networks read, once they have read this: a letter's name, or what is drawn now."""
    if picture is None:
        picture = pad.evaluate("() => model.get('drawing')")
    shows(pad, picture)
    return pad.locator("section").first.get_attribute("data-answers")


def test_each_network_reads_the_test_letters_as_in_python(pad):
    samples = LettersExplorer((0.5, 0.25)).assets()
    nets = [load_published(f"letters_{width}_56") for width in (50, 25)]
    for number, letter in enumerate(LETTERS, 1):
        pad.evaluate("(k) => { model.set('sample', k); }", number)
        with Image.open(io.BytesIO(samples[f"sample {letter}"])) as image:
            picture = image.convert("RGB").resize((280, 280), Image.Resampling.BILINEAR)
        expected = [in_python(net, np.asarray(picture)) for net in nets]
        best = "".join(LETTERS[int(np.argmax(p))] for p in expected)
        margin = min(np.diff(np.sort(p)[-2:])[0] for p in expected)
        read = answers(pad, letter)
        if margin > 0.1:  # enlarging is the browser's own, so a close call may go the other way
            assert read == best


def test_a_drawing_by_mouse_is_kept_and_travels_in_the_link(pad):
    box = pad.locator(".mna-pad").bounding_box()

    def to(x, y):
        pad.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=6)

    for line in (((0.3, 0.1), (0.3, 0.9)), ((0.3, 0.9), (0.75, 0.9))):  # an L
        to(*line[0])
        pad.mouse.down()
        to(*line[1])
        pad.mouse.up()
    drawing = pad.evaluate("() => model.get('drawing')")
    assert drawing.count(".") == 1
    assert "L" in answers(pad)
    shown = pad.evaluate(SHOWN)
    pad.wait_for_function("(text) => location.hash.endsWith(text)", arg=drawing)
    pad.reload()
    answers(pad, drawing)
    assert pad.evaluate(SHOWN) == shown
    pad.locator(".mna-undo").click()
    assert pad.evaluate("() => model.get('drawing')") == drawing.split(".")[0]
    pad.locator(".mna-clear").click()
    assert answers(pad, "") == ""


def test_a_drawing_by_keys(pad):
    pad.locator(".mna-pad").focus()
    for _ in range(13):
        pad.keyboard.press("ArrowUp")
    pad.keyboard.press("Space")
    for key, many in (("ArrowDown", 26), ("ArrowRight", 15)):
        for _ in range(many):
            pad.keyboard.press(key)
    pad.keyboard.press("Space")
    pad.keyboard.press("ArrowRight")
    assert len(pad.evaluate("() => model.get('drawing')")) == 2 * 42
    assert "L" in answers(pad)


def test_a_tap_is_a_dot_and_a_stroke_over_a_test_letter_can_be_taken_back(pad):
    pad.locator(".mna-pad").click(position={"x": 140, "y": 140})
    assert len(pad.evaluate("() => model.get('drawing')")) == 2
    dark = """() => document.querySelector('.mna-pad').getContext('2d')
        .getImageData(139, 139, 3, 3).data.filter((x) => x < 40).length"""
    frames(pad)
    assert pad.evaluate(dark) == 27
    assert len(answers(pad)) == 2
    pad.evaluate("() => { model.set('sample', 1); }")
    answers(pad, "A")
    marks = [mark.inner_text() for mark in pad.locator(".mna-mark").all()]
    assert set(marks) <= {"✓ right", "✗ it is A"}
    pad.locator(".mna-pad").press("Backspace")  # back to the drawing, then a stroke of it
    assert pad.evaluate("() => [model.get('sample'), model.get('drawing').length]") == [0, 2]
    pad.locator(".mna-pad").press("Backspace")
    assert answers(pad, "") == ""


def test_points_of_a_stroke_lie_apart_and_its_end_is_kept(pad):
    box = pad.locator(".mna-pad").bounding_box()
    pad.mouse.move(box["x"] + 40, box["y"] + 40)
    pad.mouse.down()
    pad.mouse.move(box["x"] + 240, box["y"] + 97, steps=300)
    pad.mouse.up()
    text = pad.evaluate("() => model.get('drawing')")
    points = np.array([[int(digit, 36) for digit in pair] for pair in re.findall("..", text)])
    assert np.hypot(*np.diff(points, axis=0)[:-1].T).min() >= 1
    assert len(points) < 20
    assert points[-1].tolist() == [30, 12]


def test_a_drawing_has_an_end(pad):
    pad.evaluate("() => { model.set('drawing', '0102'.repeat(375)); }")
    pad.locator(".mna-pad").click()
    assert "is full" in pad.locator(".mna-told").inner_text()
    assert len(pad.evaluate("() => model.get('drawing')")) == 1500
