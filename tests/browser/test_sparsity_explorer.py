"""The sparsity explorer in a real browser: what is left against Python's, its hands, its words."""

import itertools

import numpy as np
import pytest
from standalone import frames, put, write_page

from mobilenet_lib.bench.sparse import crossing
from mobilenet_lib.explorers import SparsityExplorer
from mobilenet_lib.explorers.sparsity import CORNER

pytestmark = pytest.mark.browser

MINUS = "\u2212"


@pytest.fixture(scope="module")
def explorer():
    return SparsityExplorer()


@pytest.fixture
def page(explorer, browser_page, browser_log, tmp_path):
    explorer.state = "v1"
    browser_page.goto(write_page(explorer, tmp_path))
    browser_page.wait_for_selector(".mn-sparsity[data-drawn]")
    yield browser_page
    assert browser_log.console_errors == []


def shown(page):
    frames(page)
    return page.evaluate("() => ({ ...document.querySelector('.mn-sparsity').dataset })")


def goes(explorer, place, shape):
    sizes = [CORNER**2, (CORNER // 4) ** 2, CORNER]
    start = sum(sizes[:place])
    return np.frombuffer(explorer.goes, np.uint16)[start : start + sizes[place]].reshape(shape)


@pytest.mark.parametrize("pattern", ["weights", "blocks", "channels"])
def test_what_is_left_is_pythons(page, explorer, pattern):
    for zeros in (0, 0.001, 0.125, 0.333, 0.5, 0.8, 0.937, 0.999):
        put(page, zeros=zeros, pattern=pattern)
        explorer.zeros, explorer.pattern = zeros, pattern
        found = shown(page)
        assert int(found["kept"]) == explorer.kept
        assert int(found["bytes"]) == sum(explorer.bytes_of())
        place = ["weights", "blocks", "channels"].index(pattern)
        share = np.frombuffer(explorer.squares, np.float32).reshape(3, 1001)[place]
        assert float(found["squares"]) == pytest.approx(share[round(1000 * zeros)], abs=1e-6)
        text = page.locator(".mn-body").inner_text()
        assert f"{explorer.kept:,} of 262,144 weights" in text
        assert f"{sum(explorer.bytes_of()):,} bytes" in text


def test_formulas_equal_pythons_over_a_grid(page):
    dense, sizes = {"dense": [1]}, [(8, 4), (12, 20), (64, 32)]
    for (rows, columns), pattern in itertools.product(sizes, ("weights", "blocks", "channels")):
        widget = SparsityExplorer([0.5], dense, np.ones((rows, columns)), pattern=pattern)
        for zeros in np.linspace(0, 0.999, 38).round(3).tolist():
            widget.zeros = zeros
            kept = page.evaluate("(a) => explorer.kept(...a)", [pattern, zeros, rows, columns])
            assert kept == widget.kept, (pattern, zeros, rows, columns)
            told = page.evaluate("(a) => explorer.bytesOf(...a)", [pattern, kept, rows, columns])
            assert tuple(told) == widget.bytes_of()


def test_crossings_equal_pythons(page):
    shares = [0.0, 0.5, 0.8, 0.95]
    for times in ([4, 2, 0.5, 0.1], [0.5, 0.4, 0.3, 0.2], [4, 3, 2, 1.5], [4, 0.5, 1.5, 0.2]):
        dense = [1.0, 1.1, 0.9, 1.0]
        found = page.evaluate("(a) => explorer.crossing(...a)", [shares, dense, times])
        expected = crossing(shares, [t / d for t, d in zip(times, dense, strict=True)])
        assert found == (expected if expected is None else pytest.approx(expected, abs=1e-4))


def test_between_two_measurements_the_line_is_straight_in_logarithms(page):
    between = lambda zeros: page.evaluate(  # noqa: E731
        "(z) => explorer.between([0.5, 0.8, 0.9], [4, 1, 0.25], z)", zeros
    )
    assert between(0.8) == 1
    assert between(0.5) == 4
    assert between(1 - (0.1 * 0.2) ** 0.5) == pytest.approx(0.5)
    assert between(0.4) is None
    assert between(0.95) is None


def test_the_picture_shows_exactly_what_is_left(page, explorer):
    """Every weight's colour, read back: paper where removed, else blue or orange by its sign."""
    corner = np.frombuffer(explorer.corner, np.float32).reshape(CORNER, CORNER)
    for place, (pattern, grow) in enumerate(
        {"weights": (1, 1), "blocks": (4, 4), "channels": (1, CORNER)}.items()
    ):
        put(page, zeros=0.7, pattern=pattern, row=127, column=127)
        frames(page)
        seen = np.array(
            page.evaluate(
                """() => {
                    const canvas = document.querySelector(".mnz-matrix");
                    const pen = canvas.getContext("2d"), cell = canvas.width / 128, found = [];
                    const all = pen.getImageData(0, 0, canvas.width, canvas.height).data;
                    for (let i = 0; i < 128 * 128; i++) {
                        const x = Math.floor((i % 128 + 0.5) * cell);
                        const y = Math.floor((Math.floor(i / 128) + 0.5) * cell);
                        const at = 4 * (y * canvas.width + x);
                        found.push([all[at], all[at + 2]]);
                    }
                    return found;
                }"""
            )
        ).reshape(CORNER, CORNER, 2)
        shape = (CORNER // grow[0], CORNER // grow[1])
        removed = np.kron(goes(explorer, place, shape) <= 700, np.ones(grow)).astype(bool)
        inner = np.s_[1:119, 1:119]  # without the frame of the one pointed at
        red, blue = seen[..., 0][inner], seen[..., 1][inner]
        assert ((red == blue) == removed[inner]).all(), pattern
        assert ((red > blue) == (~removed & (corner > 0))[inner]).all(), pattern


def test_times_are_those_measured_or_lie_between(page, explorer):
    table = page.locator(".mnz-list")
    rows = lambda: table.locator("tr").all_inner_texts()[1:]  # noqa: E731
    times = dict(explorer.milliseconds)
    put(page, zeros=0.8)
    frames(page)
    place = explorer.sparsities.index(0.8)
    for (name, own), row in zip(times.items(), rows(), strict=True):
        against = own[place] / times["dense"][place]
        assert f"{name}\t{own[place]:.3g} ms\t{against:.2f} ×" in row
    assert "79 %" in rows()[1]
    assert "90 %" in rows()[2]
    put(page, zeros=0.85)
    frames(page)
    assert all("≈ " in row for row in rows())
    verdict = page.locator(".mnz-verdict").inner_text()
    assert verdict.startswith("At 85.0 % zeros the fastest is torch CSR, 0.7")
    put(page, zeros=0.3)
    frames(page)
    verdict = page.locator(".mnz-verdict").inner_text()
    assert verdict.endswith("the fastest is dense, which multiplies all the zeros too.")
    assert "book's machine" in page.locator(".mnz-note").inner_text()


def test_the_chart_the_matrix_and_play_answer(page, explorer):
    chart = page.locator(".mnz-chart")
    box = chart.bounding_box()
    left, right = box["x"] + 54, box["x"] + box["width"] - 18
    for zeros in (0.3, 0.8, 0.62):
        page.mouse.click(left + zeros * (right - left), box["y"] + 60)
        assert page.evaluate("() => model.get('zeros')") == pytest.approx(zeros, abs=0.002)
    page.mouse.click(left + 0.803 * (right - left), box["y"] + 60)  # near a measured share
    assert page.evaluate("() => model.get('zeros')") == 0.8

    matrix = page.locator(".mnz-matrix")
    matrix.focus()
    for key, place in (
        ("ArrowRight", [0, 1]),
        ("ArrowDown", [1, 1]),
        ("Shift+ArrowDown", [11, 1]),
        ("End", [11, 127]),
        ("PageDown", [127, 127]),
        ("Home", [127, 0]),
        ("PageUp", [0, 0]),
    ):
        page.keyboard.press(key)
        assert page.evaluate("() => [model.get('row'), model.get('column')]") == place, key
    box = matrix.bounding_box()
    page.mouse.click(box["x"] + 10.5 * box["width"] / 128, box["y"] + 20.5 * box["height"] / 128)
    assert page.evaluate("() => [model.get('row'), model.get('column')]") == [20, 10]
    corner = np.frombuffer(explorer.corner, np.float32).reshape(CORNER, CORNER)
    put(page, zeros=0)
    frames(page)
    at = goes(explorer, 0, (CORNER, CORNER))[20, 10] / 1000
    told = page.locator(".mnz-pointed").inner_text().replace(MINUS, "-")
    assert told == f"Output 20, input 10: {corner[20, 10]:.3g}, goes at {100 * at:.1f} % zeros"
    put(page, zeros=float(at))
    assert shown(page)["gone"] == "true"
    put(page, zeros=float(round(at - 0.001, 3)))
    assert shown(page)["gone"] == "false"

    page.locator(".mnz-play").click()
    page.wait_for_function("() => model.get('zeros') === 0.999", timeout=60_000)
    page.wait_for_function("() => document.querySelector('.mnz-play').textContent === 'Play'")


def test_another_hand_ends_play(page):
    page.locator(".mnz-play").click()
    page.wait_for_function("() => model.get('zeros') > 0.52")
    put(page, zeros=0.1)
    page.wait_for_function("() => document.querySelector('.mnz-play').textContent === 'Play'")
    assert page.evaluate("() => model.get('zeros')") == 0.1


def test_less_movement_goes_to_the_end_at_once(page):
    page.emulate_media(reduced_motion="reduce")
    page.locator(".mnz-play").click()
    frames(page)
    assert page.evaluate("() => model.get('zeros')") == 0.999


def test_times_and_weights_of_your_own(browser_page, browser_log, tmp_path):
    draw = np.random.default_rng(0)
    widget = SparsityExplorer(
        [0.5, 0.9],
        {"dense": [1, 1], "a": [3, 2], "b": [0.5, 0.2], "c": [2, 0.5]},
        draw.standard_normal((12, 200)),
    )
    browser_page.goto(write_page(widget, tmp_path))
    browser_page.wait_for_selector(".mn-sparsity[data-drawn]")
    body = browser_page.locator(".mn-body")
    told = body.inner_text()
    assert "1,200 of 2,400 weights" in told
    assert "12 × 128 are drawn and all are counted" in told
    assert "Times handed in." in told
    assert "nowhere measured" in told
    assert "0.50 ×\t50 %" in told
    put(browser_page, zeros=0.2, pattern="blocks", row=100)
    assert "not measured" in browser_page.locator(".mnz-list").inner_text()
    assert browser_page.locator(".mnz-pointed").inner_text().startswith("Output 11, input 0")
    assert browser_log.console_errors == []
