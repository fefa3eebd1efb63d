"""The photo picker in a real browser: files, dropped files, the camera, and what is refused."""

import io

import numpy as np
import pytest
from PIL import Image
from standalone import second_view, write_page

from mobilenet_lib.explorers import PhotoPicker
from mobilenet_lib.explorers.photo import LONGEST, received
from mobilenet_lib.photos import credits

pytestmark = pytest.mark.browser


@pytest.fixture
def page(browser_page, browser_log, tmp_path):
    browser_page.goto(write_page(PhotoPicker("cat"), tmp_path))
    browser_page.wait_for_selector(".mnp-picker select")
    yield browser_page
    assert browser_log.console_errors == []


def encoded(pixels, kind="PNG", **options):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def upload(page, content, name="own.png"):
    """Upload a file and return the photo that Python would receive."""
    kind = "image/jpeg" if name.endswith("jpg") else "image/png"
    page.set_input_files("input[type=file]", {"name": name, "mimeType": kind, "buffer": content})
    page.wait_for_function("() => sent.length || document.querySelector('.mnp-status').textContent")
    return sent(page)


def sent(page):
    message = page.evaluate(
        "() => { const last = sent.pop(); return last && [last.content, Array.from(last.bytes)]; }"
    )
    if message is None:
        return None
    content, numbers = message
    return received(content, [memoryview(bytes(numbers))])


def test_the_books_photos_are_offered_and_chosen(page):
    offered = page.locator("select option").all_inner_texts()
    assert offered == ["(your own)", *credits()]
    assert page.locator("select").input_value() == "cat"
    page.locator("select").select_option("rocket")
    assert page.evaluate("() => model.get('choice')") == "rocket"
    page.evaluate("() => model.set('choice', '')")  # Python has received the reader's own
    assert page.locator("select option:checked").inner_text() == "(your own)"


def test_an_uploaded_picture_arrives_pixel_by_pixel(page):
    pixels = np.random.default_rng(0).integers(0, 256, (6, 10, 3), np.uint8)
    np.testing.assert_array_equal(upload(page, encoded(pixels)), pixels)
    np.testing.assert_array_equal(upload(page, encoded(pixels)), pixels)  # the same file again


def test_a_large_picture_is_made_smaller_and_keeps_its_proportions(page):
    pixels = np.full((700, 1300, 3), (200, 100, 50), np.uint8)
    photo = upload(page, encoded(pixels))
    assert photo.shape == (345, LONGEST, 3)
    assert np.abs(photo.astype(int) - (200, 100, 50)).max() <= 1


def test_a_turned_photo_is_set_upright_and_the_transparent_becomes_white(page):
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:, :30] = 255
    turned = Image.Exif()
    turned[0x0112] = 6  # the camera was held on its side: turn right to see it upright
    photo = upload(page, encoded(pixels, "JPEG", exif=turned, quality=95), "own.jpg")
    assert photo.shape == (60, 40, 3)
    assert photo[:25].min() > 240
    assert photo[35:].max() < 15
    clear = np.zeros((5, 5, 4), np.uint8)
    assert upload(page, encoded(clear)).min() == 255


def test_a_file_that_is_no_picture_is_named(page):
    assert upload(page, b"no picture at all", "notes.png") is None
    said = page.locator(".mnp-status").inner_text()
    assert said == (
        "notes.png cannot be read as a picture here. Save it as JPEG or PNG and try again."
    )


def test_a_picture_can_be_dropped(page):
    pixels = np.full((4, 4, 3), 77, np.uint8)
    drop(page, pixels)
    page.wait_for_function("() => sent.length")
    np.testing.assert_array_equal(sent(page), pixels)


def drop(page, pixels):
    page.evaluate(
        """(numbers) => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(numbers)], "d.png", { type: "image/png" }));
            const event = new DragEvent("drop", { dataTransfer: data, bubbles: true });
            document.querySelector(".mnp-picker").dispatchEvent(event);
        }""",
        list(encoded(pixels)),
    )


def test_the_camera_takes_a_picture_and_is_let_go(page):
    assert not page.locator(".mnp-stage").is_visible()
    open_camera(page)
    page.keyboard.press("Enter")  # the button that takes the picture has the focus
    page.wait_for_function("() => sent.length")
    photo = sent(page)
    assert max(photo.shape) == LONGEST
    assert photo.std() > 10  # the test pattern
    assert page.evaluate("() => film.getTracks().map((t) => t.readyState)") == ["ended"]
    assert not page.locator(".mnp-stage").is_visible()


def test_the_camera_ends_with_the_cell(page):
    open_camera(page)
    page.evaluate("() => remove()")
    assert page.evaluate("() => film.getTracks().map((t) => t.readyState)") == ["ended"]
    assert page.evaluate("() => Object.values(listeners).flat().length") == 0


ENDED = "The Python session has ended: run this cell again (Shift+Enter)."
WAYS_OUT = {  # what takes the camera from a reader, and what is then said
    "the session ends": ("listeners['comm_live_update'].forEach((then) => then())", ENDED),
    "the page is hidden": (
        "Object.defineProperty(document, 'hidden', { value: true });"
        "document.dispatchEvent(new Event('visibilitychange'))",
        "The camera was closed, since its picture was out of sight.",
    ),
    "its tab is hidden": (
        "document.getElementById('here').style.display = 'none'",
        "The camera was closed, since its picture was out of sight.",
    ),
    "its cell is taken off the page": (
        "window.away = document.getElementById('here'); away.remove()",
        "The camera was closed, since its picture was out of sight.",
    ),
    "the page is left": ("window.dispatchEvent(new Event('pagehide'))", ""),
    "the camera is unplugged": (
        "film.getTracks()[0].dispatchEvent(new Event('ended'))",
        "The camera stopped filming.",
    ),
}


def open_camera(page, picker=0):
    page.context.grant_permissions(["camera"])
    page.get_by_role("button", name="Use the camera").nth(picker).click()
    page.wait_for_function(
        "(n) => document.querySelectorAll('video')[n].videoWidth > 0", arg=picker
    )
    page.evaluate(
        "(n) => { window.film = document.querySelectorAll('video')[n].srcObject; }", picker
    )


def camera_is_off(page):
    page.wait_for_function("() => film.getTracks().every((t) => t.readyState === 'ended')")


def test_the_camera_is_off_as_soon_as_nobody_uses_it(page):
    for way, (happens, said) in WAYS_OUT.items():
        page.reload()
        open_camera(page)
        page.evaluate("() => { window.told = document.querySelector('.mnp-status'); }")
        page.evaluate(f"() => {{ {happens} }}")
        camera_is_off(page)
        assert page.evaluate("() => told.textContent") == said, way


def test_only_one_view_films(page):
    second_view(page)
    open_camera(page)
    first = page.evaluate_handle("() => film")
    open_camera(page, 1)
    assert first.evaluate("(f) => f.getTracks()[0].readyState") == "ended"
    assert page.evaluate("() => film.getTracks()[0].readyState") == "live"
    said = page.locator(".mnp-status").all_inner_texts()
    assert said == ["The camera was opened in another place.", ""]
    page.evaluate("() => removeSecond()")
    camera_is_off(page)


def test_a_camera_that_comes_too_late_is_let_go(page):
    page.context.grant_permissions(["camera"])
    page.evaluate(
        """() => {
            const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
            navigator.mediaDevices.getUserMedia = async (wish) => {
                window.film = await ask(wish);
                await new Promise((then) => { window.allow = then; });
                return film;
            };
        }"""
    )
    page.get_by_role("button", name="Use the camera").click()
    page.wait_for_function("() => window.allow")
    page.evaluate("() => { remove(); allow(); }")
    camera_is_off(page)


def end_session(page, noticed):
    """Jupyter cuts the widget off, or has not noticed yet and cannot send."""
    if noticed:
        page.evaluate("() => listeners['comm_live_update'].forEach((then) => then())")
    else:
        page.evaluate("() => { model.send = () => { throw new Error('Cannot send'); }; }")


def take_a_picture(page, _):
    open_camera(page)
    page.get_by_text("Take the picture").click()
    camera_is_off(page)


@pytest.mark.parametrize("noticed", [True, False])
def test_a_good_photo_is_not_blamed_when_the_session_has_ended(page, noticed):
    pixels = np.full((4, 4, 3), 77, np.uint8)
    for bring in (lambda page, pixels: upload(page, encoded(pixels)), drop, take_a_picture):
        page.reload()
        page.wait_for_function("() => window.remove?.length === 0")
        end_session(page, noticed)
        bring(page, pixels)
        page.wait_for_function("() => document.querySelector('.mnp-status').textContent")
        assert page.locator(".mnp-status").inner_text() == ENDED
        assert sent(page) is None


def test_without_a_session_the_choice_stays_what_the_figure_shows(page):
    end_session(page, noticed=True)
    page.locator("select").select_option("rocket")
    assert page.locator("select").input_value() == "cat"
    assert page.evaluate("() => model.get('choice')") == "cat"
    assert page.locator(".mnp-status").inner_text() == ENDED
    # What is no picture is named all the same.
    assert upload(page, b"no picture at all", "notes.png") is None
    page.wait_for_function(
        "() => document.querySelector('.mnp-status').textContent.startsWith('notes.png cannot be')"
    )


def test_a_silent_session_is_no_mystery(page):
    assert upload(page, encoded(np.zeros((4, 4, 3), np.uint8))) is not None
    said = page.locator(".mnp-status").inner_text()
    assert said.startswith("Sent. If no answer comes, Python is busy, or its session has ended:")


def test_a_camera_that_is_not_allowed_is_explained(page):
    page.get_by_role("button", name="Use the camera").click()
    page.wait_for_function("() => document.querySelector('.mnp-status').textContent")
    said = page.locator(".mnp-status").inner_text()
    assert (
        said
        == "The browser was not allowed to use the camera. Allow it for this page and try again."
    )
    assert page.get_by_role("button", name="Use the camera").is_enabled()
