"""The convolution explorer in a real browser: its maths against NumPy, its mouse and its keys."""

import itertools

import numpy as np
import pytest
import torch
from standalone import frames, put, second_view, write_page

from mobilenet_lib.explorers import ConvolutionExplorer
from mobilenet_lib.explorers.convolution import PRESETS

pytestmark = pytest.mark.browser


@pytest.fixture
def explorer():
    return ConvolutionExplorer("cat", size=16, kernel="vertical edges", row=8, column=8)


@pytest.fixture
def page(explorer, browser_page, browser_log, tmp_path):
    browser_page.goto(write_page(explorer, tmp_path))
    browser_page.wait_for_selector(".mn-convolution[data-value]")
    yield browser_page
    assert browser_log.console_errors == []


def state(page):
    frames(page)
    return page.evaluate("() => ({ ...document.querySelector('.mn-convolution').dataset })")


def zeros(page):
    """Which of the cells under the kernel are hatched, because they hold a padded zero."""
    cells = page.locator(".mnx-grid").nth(0).locator(".mnx-cell").all()
    return ["mnx-zero" in cell.get_attribute("class").split() for cell in cells]


def colours(page, canvas, places):
    """Red, green and blue of a canvas at some (x, y), in canvas pixels."""
    return np.array(
        page.evaluate(
            """([canvas, places]) => {
                const pen = document.querySelector(canvas).getContext("2d");
                const at = ([x, y]) => Array.from(pen.getImageData(x, y, 1, 1).data.slice(0, 3));
                return places.map(at);
            }""",
            [canvas, [[int(x), int(y)] for x, y in places]],
        )
    )


def middles(left, top, side):
    """The middles of the four edges of a square."""
    half = side / 2
    centre = (left + half, top + half)
    return [
        (centre[0] + dx, centre[1] + dy)
        for dx, dy in ((-half, 0), (half, 0), (0, -half), (0, half))
    ]


CASES = list(itertools.product(PRESETS, (1, 2, 3), ("same", "valid"), (8, 15, 16)))


def test_javascript_convolution_equals_numpy(page):
    for kernel, stride, padding, size in CASES:
        widget = ConvolutionExplorer("china", size, kernel, stride, padding)
        ours = page.evaluate(
            """([pixels, n, kernel, stride, mode]) => {
                const { size, values } = explorer.convolve(pixels, n, kernel, stride, mode);
                return { size, values: Array.from(values) };
            }""",
            [widget.photo.ravel().tolist(), size, widget.kernel, stride, padding],
        )
        expected = widget.output
        case = f"{kernel}, stride {stride}, {padding}, {size} pixels"
        assert ours["size"] == expected.shape[0] == expected.shape[1], case
        np.testing.assert_allclose(
            ours["values"], expected.ravel(), rtol=0, atol=1e-9, err_msg=case
        )


def test_the_output_property_equals_torch():
    widget = ConvolutionExplorer("rocket", 16, "sharpen")
    photo = torch.from_numpy(widget.photo.copy()).double()[None, None]
    weight = torch.tensor(widget.kernel).double()[None, None]
    expected = torch.nn.functional.conv2d(photo, weight, padding=1)[0, 0]
    np.testing.assert_allclose(widget.output, expected.numpy(), rtol=0, atol=1e-9)


def test_what_is_shown_is_the_maps_value(page, explorer):
    shown = state(page)
    row, column = int(shown["row"]), int(shown["column"])
    assert (row, column) == (8, 8)
    assert float(shown["value"]) == explorer.output[row, column]
    cells = page.locator(".mnx-grid").nth(2).locator(".mnx-cell").all_inner_texts()
    products = [float(text.replace("\u2212", "-")) for text in cells]
    assert sum(products) == explorer.output[row, column]
    pixels = page.locator(".mnx-grid").nth(0).locator(".mnx-cell").all_inner_texts()
    assert [int(p) for p in pixels] == explorer.photo[7:10, 7:10].ravel().tolist()
    assert zeros(page) == [False] * 9
    page.locator(".mnx-photo").focus()
    for key in ("PageUp", "End"):  # to the top right corner
        page.keyboard.press(key)
    frames(page)
    assert zeros(page) == [True, True, True, False, False, True, False, False, True]


def test_arrow_keys_move_the_kernel(page, explorer):
    page.locator(".mnx-photo").focus()
    for key, place in (
        ("ArrowRight", (8, 9)),
        ("ArrowDown", (9, 9)),
        ("ArrowLeft", (9, 8)),
        ("ArrowUp", (8, 8)),
        ("Home", (8, 0)),
        ("ArrowLeft", (8, 0)),
        ("End", (8, 15)),
        ("PageUp", (0, 15)),
        ("PageDown", (15, 15)),
        ("Shift+ArrowLeft", (15, 10)),
    ):
        page.keyboard.press(key)
        shown = state(page)
        assert (int(shown["row"]), int(shown["column"])) == place, key
        assert float(shown["value"]) == explorer.output[place], key


def test_mouse_drags_the_kernel(page, explorer):
    box = page.locator(".mnx-photo").bounding_box()
    cell = box["width"] / 18  # 16 pixels and one zero on each side

    def at(row, column):
        return box["x"] + (column + 1.5) * cell, box["y"] + (row + 1.5) * cell

    page.mouse.move(*at(2, 3))
    page.mouse.down()
    assert (state(page)["row"], state(page)["column"]) == ("2", "3")
    page.mouse.move(*at(12, 5), steps=8)
    page.mouse.up()
    page.mouse.move(*at(1, 1))  # let go: the kernel stays
    shown = state(page)
    assert (int(shown["row"]), int(shown["column"])) == (12, 5)
    assert float(shown["value"]) == explorer.output[12, 5]

    page.locator(".mnx-stride").select_option("2")
    frames(page)
    box = page.locator(".mnx-photo").bounding_box()
    cell = box["width"] / 17  # 16 pixels, and one zero after
    for row, column in ((2, 6), (7, 1)):
        page.mouse.move(box["x"] + (2 * column + 1.5) * cell, box["y"] + (2 * row + 1.5) * cell)
        page.mouse.down()
        page.mouse.up()
        assert (state(page)["row"], state(page)["column"]) == (str(row), str(column))


def test_photo_map_and_frames_are_drawn_true(page, explorer):
    """Every pixel of photo and map, and the frames' edges, read back from the canvases."""
    cell = 640 / 18  # 16 pixels and one zero on each side
    places = [((x + 0.5) * cell, (y + 0.5) * cell) for y in range(16) for x in range(16)]
    orange = [213, 94, 0]
    page.locator(".mnx-fill").click()
    put(page, row=3, column=12)

    on_photo = [(x + cell, y + cell) for x, y in places]
    seen = colours(page, ".mnx-photo", on_photo)
    np.testing.assert_array_equal(seen, np.repeat(explorer.photo.ravel()[:, None], 3, axis=1))
    # The 3x3 window of (3, 12) starts one pixel before it, which is where the zeros make room.
    assert (
        colours(page, ".mnx-photo", middles(12 * cell, 3 * cell, 3 * cell)).tolist() == [orange] * 4
    )
    assert (
        orange not in colours(page, ".mnx-photo", middles(3 * cell, 12 * cell, 3 * cell)).tolist()
    )
    assert colours(page, ".mnx-map", middles(12 * cell, 3 * cell, cell)).tolist() == [orange] * 4
    assert orange not in colours(page, ".mnx-map", middles(3 * cell, 12 * cell, cell)).tolist()

    out = explorer.output  # vertical edges: white is 0, full blue or orange the largest of all
    share = (np.abs(out) / np.abs(out).max())[:, :, None]
    end = np.where(out[:, :, None] < 0, (33, 102, 172), (217, 95, 14))
    signed = np.full(3, 247) + share * (end - 247)
    seen = colours(page, ".mnx-map", places)
    np.testing.assert_allclose(seen, signed.reshape(-1, 3), rtol=0, atol=1)
    low, high = (f"{v:.0f}".replace("-", "\u2212") for v in (out.min(), out.max()))
    legend = page.locator(".mnx-legend")
    assert f"Values {low} to {high}; the weights add up to 0, so blue is" in legend.inner_text()

    page.locator(".mnx-preset").select_option("sharpen")  # values below 0 and above 255 too
    frames(page)
    out = ConvolutionExplorer("cat", 16, "sharpen").output
    assert out.min() < 0
    assert out.max() > 255
    grey = np.repeat(np.clip(out, 0, 255).reshape(-1, 1), 3, axis=1)
    np.testing.assert_array_equal(colours(page, ".mnx-map", places), grey)
    assert "black 0 or less, white 255 or more" in legend.inner_text()


def test_padding_and_stride_make_another_map(page, explorer):
    page.locator(".mnx-padding").select_option("valid")
    shown = state(page)
    valid = ConvolutionExplorer("cat", 16, "vertical edges", padding="valid").output
    assert valid[8, 8] != explorer.output[8, 8]
    assert (shown["size"], float(shown["value"])) == ("14", valid[8, 8])
    assert page.evaluate("() => model.get('padding')") == "valid"
    page.locator(".mnx-padding").select_option("same")
    page.locator(".mnx-photo").focus()
    for key in ("PageDown", "End"):
        page.keyboard.press(key)
    assert page.evaluate("() => [model.get('row'), model.get('column')]") == [15, 15]
    page.locator(".mnx-stride").select_option("3")  # now the last place is 5
    shown = state(page)
    assert (shown["size"], shown["row"], shown["column"]) == ("6", "5", "5")
    assert page.evaluate("() => [model.get('row'), model.get('column')]") == [5, 5]
    strided = ConvolutionExplorer("cat", 16, "vertical edges", stride=3).output
    assert float(shown["value"]) == strided[5, 5]


def test_the_counter_counts_places_visited(page):
    assert state(page)["multiplications"] == "9"
    page.locator(".mnx-photo").focus()
    page.keyboard.press("ArrowRight")
    assert state(page)["multiplications"] == "18"
    page.keyboard.press("ArrowLeft")  # a place seen before costs nothing again
    assert state(page)["multiplications"] == "18"
    page.locator(".mnx-fill").click()
    assert state(page)["multiplications"] == str(9 * 16 * 16)
    assert page.evaluate("() => model.get('multiplications')") == 9 * 16 * 16
    page.locator(".mnx-stride").select_option("2")
    assert state(page)["multiplications"] == str(9 * 8 * 8)
    assert "2,304" not in page.locator(".mnx-counter").inner_text()
    page.locator(".mnx-clear").click()
    assert state(page)["multiplications"] == "9"


def test_sweep_visits_every_place(page):
    page.locator(".mnx-sweep").click()
    page.wait_for_function(
        "() => document.querySelector('.mn-convolution').dataset.multiplications === '2304'"
    )
    page.wait_for_function("() => document.querySelector('.mnx-sweep').textContent === 'Play'")
    assert (state(page)["row"], state(page)["column"]) == ("15", "15")


def test_a_diagonal_step_visits_one_place(page):
    put(page, row=3, column=4)
    assert state(page)["multiplications"] == "18"


def both(page):
    """What the two views have counted, and the values they show."""
    frames(page, 3)
    return page.evaluate(
        """() => [...document.querySelectorAll('.mn-convolution')].map((e) => [
            e.dataset.multiplications, e.dataset.value,
            e.querySelector('.mnx-done').textContent])"""
    )


def test_a_full_map_travels_in_the_link_and_a_fresh_start_empties_it(page):
    page.locator(".mnx-photo").press("ArrowRight")
    page.locator(".mnx-fill").click()
    assert state(page)["multiplications"] == str(9 * 16 * 16)
    page.wait_for_function("() => location.hash.includes('filled=1')")
    page.reload()
    page.wait_for_selector(".mn-convolution[data-value]")
    assert state(page)["multiplications"] == str(9 * 16 * 16)
    page.locator(".mn-again").click()
    shown = state(page)
    assert (shown["row"], shown["column"], shown["multiplications"]) == ("8", "8", "9")
    page.locator(".mnx-photo").press("ArrowRight")
    page.locator(".mn-start-tour").click()  # each step begins with an empty map
    assert state(page)["multiplications"] == "9"
    page.locator(".mn-answer").nth(1).click()
    assert state(page)["multiplications"] == str(9 * 16 * 16)
    page.locator(".mn-next").click()
    assert state(page)["multiplications"] == "9"


def test_a_click_on_the_map_takes_the_kernel_there(page, explorer):
    box = page.locator(".mnx-map").bounding_box()
    cell = box["width"] / 18  # at the photo's scale, which has a zero on each side
    page.locator(".mnx-map").click(position={"x": 3.5 * cell, "y": 11.5 * cell})
    shown = state(page)
    assert (int(shown["row"]), int(shown["column"])) == (11, 3)
    assert float(shown["value"]) == explorer.output[11, 3]


def test_hands_find_their_place_on_a_page_that_is_enlarged(page):
    page.set_viewport_size({"width": 1920, "height": 1080})
    frames(page)
    assert page.evaluate("() => document.querySelector('main').currentCSSZoom") > 1.2
    for part, place, at in ((".mnx-photo", (3, 12), 1.5), (".mnx-map", (13, 2), 0.5)):
        canvas = page.locator(part)
        box = canvas.bounding_box()
        cell = box["width"] / 18
        canvas.click(position={"x": (place[1] + at) * cell, "y": (place[0] + at) * cell})
        shown = state(page)
        assert (int(shown["row"]), int(shown["column"])) == place


def test_small_numbers_are_not_shown_as_0(page):
    page.locator(".mnx-preset").select_option("blur 5x5")
    frames(page)
    weights = [box.input_value() for box in page.locator(".mnx-grid input").all()]
    assert weights[:3] == ["0.004", "0.02", "0.02"]


def test_two_views_count_the_same(page):
    photo = page.locator(".mnx-photo").nth(0)
    photo.press("ArrowRight")
    second_view(page)  # opened when something has been counted
    steps = {
        "18": lambda: None,
        "27": lambda: page.locator(".mnx-photo").nth(1).press("Home"),
        "36": lambda: photo.press("End"),
        "2304": lambda: page.locator(".mnx-fill").nth(1).click(),
        "6400": lambda: page.locator(".mnx-preset").nth(0).select_option("blur 5x5"),
        "25": lambda: page.locator(".mnx-clear").nth(0).click(),
        "9": lambda: page.locator(".mnx-preset").nth(1).select_option("sharpen"),
    }
    for expected, step in steps.items():
        step()
        first, second = both(page)
        assert first == second
        assert first[0] == expected
        assert page.evaluate("() => model.get('multiplications')") == int(expected)


def test_a_hand_on_the_other_view_ends_a_sweep(page):
    second_view(page)
    page.locator(".mnx-sweep").nth(0).click()
    page.wait_for_function("() => model.get('row') > 1")
    page.locator(".mnx-clear").nth(1).click()
    page.wait_for_function(
        "() => [...document.querySelectorAll('.mnx-sweep')].every((e) => e.textContent === 'Play')"
    )
    first, second = both(page)
    assert first == second
    assert first[0] == "9"


def test_weights_can_be_edited_and_nonsense_keeps_the_last_good_one(page, explorer):
    weight = page.get_by_label("kernel row 2, column 2")
    weight.fill("-1,5")  # a decimal comma is understood
    assert page.evaluate("() => model.get('kernel')[1][1]") == -1.5
    kernel = np.array(explorer.kernel, float)
    kernel[1, 1] = -1.5
    explorer.kernel = kernel.tolist()
    assert float(state(page)["value"]) == explorer.output[8, 8]
    assert page.locator(".mnx-preset").input_value() == "your own"
    for nonsense in ("", "abc", "1e9", "--"):
        weight.fill(nonsense)
        assert page.evaluate("() => model.get('kernel')[1][1]") == -1.5
        assert weight.get_attribute("aria-invalid") == "true"
        assert "a number from \u22121000 to 1000" in page.locator(".mnx-wrong").inner_text()
    page.locator(".mnx-photo").focus()
    frames(page)
    assert weight.input_value() == "\u22121.5"
    assert weight.get_attribute("aria-invalid") is None
    assert page.locator(".mnx-wrong").inner_text() == ""
    page.locator(".mnx-preset").select_option("sharpen")
    page.locator(".mnx-preset").select_option("your own")  # that is: edit this one
    assert page.evaluate("() => document.activeElement.ariaLabel") == "kernel row 1, column 1"


def test_a_preset_can_change_the_size_of_the_kernel(page):
    page.locator(".mnx-preset").select_option("blur 5x5")
    assert state(page)["multiplications"] == "25"
    assert page.locator(".mnx-grid").nth(1).locator("input").count() == 25
    page.locator(".mnx-preset").select_option("half as bright 1x1")
    assert state(page)["multiplications"] == "1"
    assert page.locator(".mnx-grid").nth(1).locator("input").count() == 1


def test_it_says_in_words_what_it_shows(page, explorer):
    said = page.locator(".mn-said")
    assert said.get_attribute("role") == "status"
    before = said.inner_text()
    assert "Row 9, column 9 of the 16 by 16 map" in before
    page.locator(".mnx-photo").focus()
    page.keyboard.press("ArrowDown")
    frames(page)
    value = f"{explorer.output[9, 8]:.0f}".replace("-", "\u2212")
    assert said.inner_text() == (
        "Row 10, column 9 of the 16 by 16 map: the 9 products add up to "
        f"{value}. 18 of 2,304 multiplications done."
    )
    assert page.locator(".mnx-map").get_attribute("aria-label").endswith(said.inner_text())
    assert page.locator(".mnx-photo").get_attribute("aria-label")
    for control in page.locator("select, input").all():
        assert control.evaluate("e => e.labels?.length > 0 || e.hasAttribute('aria-label')")


@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_the_screen(page, width):
    page.set_viewport_size({"width": width, "height": 844})
    frames(page)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    for canvas in page.locator("canvas").all():
        assert canvas.bounding_box()["width"] >= 150


def test_removing_it_stops_listening(page):
    page.evaluate("() => window.remove()")
    assert page.evaluate("() => model.listening") == 0
