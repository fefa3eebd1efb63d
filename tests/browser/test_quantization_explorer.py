"""The quantization explorer in a real browser: its rounding against NumPy's, mouse, keys, words."""

import itertools
import math

import numpy as np
import pytest
from standalone import frames, put, write_page

from mobilenet_lib.explorers import QuantizationExplorer
from mobilenet_lib.explorers.rounding import folded_layers, round_weights

pytestmark = pytest.mark.browser

MINUS = "\u2212"


@pytest.fixture(scope="module")
def explorer():
    return QuantizationExplorer()


@pytest.fixture
def page(explorer, browser_page, browser_log, tmp_path):
    explorer.state = "v1"
    browser_page.goto(write_page(explorer, tmp_path))
    browser_page.wait_for_selector(".mn-quantization[data-drawn]")
    yield browser_page
    assert browser_log.console_errors == []


def shown(page):
    frames(page)
    return page.evaluate("() => ({ ...document.querySelector('.mn-quantization').dataset })")


ROUND = """([weights, width, bits, per, zero]) => {
    const r = explorer.roundWeights(Float32Array.from(weights), width, bits, per, zero);
    return Object.fromEntries(Object.entries(r).map(([name, each]) => [name, Array.from(each)]));
}"""


def test_javascript_rounds_as_numpy_does(page):
    """To the last bit, and so as torch does (tests/test_rounding.py)."""
    draw = np.random.default_rng(1)
    layers = [each.weights for each in folded_layers()[:9:4]]
    layers.append(draw.standard_normal((8, 16)).astype(np.float32) * np.float32(10) ** -5)
    layers.append(np.stack([np.arange(-8, 8) / 2, np.zeros(16), np.arange(16.0)]).astype("f4"))
    for rows, bits, per, zero in itertools.product(
        layers, range(2, 9), ("tensor", "channel"), (False, True)
    ):
        ours = round_weights(rows, bits, per, zero)
        theirs = page.evaluate(ROUND, [rows.ravel().tolist(), rows.shape[1], bits, per, zero])
        case = f"{rows.shape}, {bits} bits, a step a {per}, zero point {zero}"
        np.testing.assert_array_equal(theirs["levels"], ours.levels.ravel(), err_msg=case)
        np.testing.assert_array_equal(theirs["values"], ours.values.ravel(), err_msg=case)
        np.testing.assert_array_equal(theirs["steps"], ours.steps, err_msg=case)
        np.testing.assert_array_equal(theirs["zeros"], ours.zeros, err_msg=case)
        assert tuple(theirs["ends"]) == ours.ends, case


def test_halves_go_to_the_even_number(page):
    halves = [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 126.5, 0.49999997, -3, 7.2]
    found = page.evaluate("(all) => all.map(explorer.halfEven)", halves)
    assert found == [round(x) for x in halves]


LAYERS = ("dw_1", "dw_9", "pw_4", "dw_11", "pw_13")


def test_the_errors_shown_are_numpys(page, explorer):
    for layer, bits, per, zero in itertools.product(
        LAYERS, (2, 5, 8), ("tensor", "channel"), (False, True)
    ):
        put(page, layer=layer, bits=bits, per=per, zero_point=zero)
        explorer.state = f"v1&layer={layer}&bits={bits}&per={per}&zero_point={int(zero)}".replace(
            "&bits=4", ""
        )
        found = shown(page)
        case = explorer.state
        assert float(found["rms"]) == pytest.approx(explorer.rms_error, rel=1e-5), case
        assert float(found["decibels"]) == pytest.approx(explorer.signal_to_noise, abs=1e-4), case
        assert int(found["lost"]) == explorer.lost.sum(), case
        live = explorer.original.any(axis=1)
        different = sorted(len(set(row.tolist())) for row in explorer.rounded.values[live])
        assert int(found["different"]) == different[len(different) // 2], case
        facts = page.locator(".mnq-facts").inner_text()
        assert f"{explorer.lost.sum()} of {live.sum()}" in facts, case
        width = explorer.original.size
        assert f"float32 {4 * width:,}" in facts, case
        steps = len(live) if per == "channel" else 1
        assert f"{math.ceil(width * bits / 8):,} + {steps * (5 if zero else 4):,} for" in facts


def test_the_answers_shown_are_those_recorded(page, explorer):
    for layer, bits, per, scope in (
        ("dw_9", 4, "tensor", "layer"),
        ("dw_13", 3, "channel", "layer"),
        ("dw_13", 2, "tensor", "layer"),
        ("pw_2", 6, "channel", "all"),
    ):
        put(page, layer=layer, bits=bits, per=per, scope=scope)
        explorer.state = f"v1&layer={layer}&bits={bits}&per={per}&scope={scope}"
        answers = explorer.answers
        frames(page)
        told = page.locator(".mnq-verdict").inner_text()
        share = f"{100 * answers['agreement']:.1f}".removesuffix(".0")
        assert told.startswith((f"Same answer for {share} %", f"Same answer for {share}.0 %"))
        exact = dict(
            zip(explorer.measured["photos"], explorer.measured["person_float32"], strict=True)
        )
        kept = sum((p > 0.5) == (exact[name] > 0.5) for name, p in answers["person"].items())
        assert f"crops, {kept} of 7 photos." in told
        for name, p in answers["person"].items():
            item = page.locator(f".mnq-photos [aria-label^='{name}:']")
            said = f"{name}: person {100 * exact[name]:.0f} %, rounded {100 * p:.0f} %"
            assert item.get_attribute("aria-label").startswith(said)
        assert page.locator(".mnq-changed").count() == 7 - kept
    letters = explorer.measured["letters"]
    row = next(r for r in letters["rows"] if r["per"] == "channel" and not r["zero_point"])
    assert (
        f"{100 * row['right'][4]:.1f} % of 1,000 letters"
        in page.locator(".mnq-source").inner_text()
    )


def test_a_link_can_hide_the_answers(explorer, browser_page, tmp_path):
    browser_page.goto(f"{write_page(explorer, tmp_path)}#quantization:v1&hide=answers")
    browser_page.wait_for_selector(".mn-quantization[data-drawn]")
    assert browser_page.locator(".mnq-answers").count() == 0
    assert browser_page.locator(".mnq-facts").is_visible()


def weight_told(page):
    frames(page)
    return page.locator(".mnq-arrow").inner_text().replace(MINUS, "-")


def test_the_weight_pointed_at_and_where_it_goes(page, explorer):
    rounded, original = explorer.rounded, explorer.original
    assert np.abs(original[117]).argmax() == 2  # which is pointed at from the start
    weight, step = original[117, 2], rounded.steps[117]
    assert weight_told(page) == (
        f"row 1, column 3: {weight:.4g} → level 0 × step {step:.4g} = 0, off by {-weight:.3g}"
    )
    put(page, bits=8, zero_point=True)
    explorer.state = "v1&bits=8&zero_point=1"
    rounded = explorer.rounded
    level, zero = rounded.levels[117, 2], rounded.zeros[117]
    value = rounded.values[117, 2]
    assert weight_told(page) == (
        f"row 1, column 3: {weight:.4g} → level {level} (0 is level {zero}): {level - zero} × step "
        f"{rounded.steps[117]:.4g} = {value:.4g}, off by {value - weight:.3g}"
    )


def test_keys_and_mouse_choose_a_channel_and_a_weight(page, explorer):
    reach = np.abs(explorer.original).max(axis=1)
    order = np.argsort(-reach, kind="stable").tolist()
    strip = page.locator(".mnq-strip")
    strip.focus()
    for key, place in (
        ("Home", 0),
        ("ArrowRight", 1),
        ("ArrowUp", 2),
        ("Shift+ArrowRight", 12),
        ("PageDown", 2),
        ("ArrowLeft", 1),
        ("End", 127),
        ("ArrowRight", 127),
    ):
        page.keyboard.press(key)
        found = shown(page)
        assert page.evaluate("() => model.get('weight')") is None  # the new channel's largest
        assert int(found["channel"]) == order[place], key
        assert strip.get_attribute("aria-valuenow") == str(place + 1)
        assert f"channel {order[place]}," in strip.get_attribute("aria-valuetext")
    box = strip.bounding_box()
    bar = (box["width"] - 4 - 44) / 128
    for place in (0, 40, 127):
        page.mouse.click(box["x"] + 44 + (place + 0.5) * bar, box["y"] + 60)
        assert int(shown(page)["channel"]) == order[place]

    squares = page.locator(".mnq-filter")
    squares.focus()
    for key, weight in (
        ("End", 8),
        ("ArrowUp", 5),
        ("ArrowLeft", 4),
        ("ArrowDown", 7),
        ("Home", 0),
        ("ArrowLeft", 0),
        ("ArrowRight", 1),
    ):
        page.keyboard.press(key)
        frames(page)
        assert page.evaluate("() => model.get('weight')") == weight, key
    box = squares.bounding_box()
    page.mouse.click(box["x"] + 0.5 * box["width"] / 3, box["y"] + 2.5 * box["height"] / 3)
    assert page.evaluate("() => model.get('weight')") == 6


def test_bars_have_the_colour_of_what_becomes_of_them(page, explorer):
    """Orange where all weights are lost, grey where idle, blue else; read back from the canvas."""
    reach = np.abs(explorer.original).max(axis=1)
    order = np.argsort(-reach, kind="stable")
    idle = explorer._layers["dw_9"].idle
    low, high = explorer.original.min(), explorer.original.max()
    put(page, channel=int(order[0]))
    frames(page)
    seen = page.evaluate(
        """([places, values, low, high]) => {
            const canvas = document.querySelector(".mnq-strip"), pen = canvas.getContext("2d");
            const wide = parseFloat(canvas.style.width), bar = (wide - 4 - 44) / 128;
            return places.map((place, i) => {
                const y = 242 + (values[i] - low) / (high - low) * (6 - 242);
                const at = [44 + (place + 0.5) * bar, y].map(Math.floor);
                return Array.from(pen.getImageData(...at, 1, 1).data.slice(0, 3));
            });
        }""",
        [
            list(range(2, 128)),
            [float(explorer.original[c].min()) / 2 for c in order[2:]],
            float(low),
            float(high),
        ],
    )
    blue, grey, orange = (33, 102, 172), (181, 181, 181), (184, 77, 0)
    lost, right = explorer.lost, 0
    for place, colour in zip(range(2, 128), seen, strict=True):
        channel = order[place]
        expected = orange if lost[channel] else grey if idle[channel] else blue
        near = {c: np.abs(np.subtract(colour, c)).sum() for c in (blue, grey, orange)}
        right += min(near, key=near.get) == expected
    assert right >= 120  # a level's line may run over the pixel


def test_a_layer_that_is_not_here_is_said_to_be_missing(page):
    put(page, layer="dw_99")
    frames(page)
    message = page.locator(".mn-message")
    assert message.inner_text() == "There is no layer “dw_99” here; this is dw_1."
    assert page.locator(".mnq-layer").input_value() == "dw_1"
    put(page, layer="pw_3")
    frames(page)
    assert message.is_hidden()


def test_weights_of_your_own_have_no_answers(browser_page, browser_log, tmp_path):
    draw = np.random.default_rng(0)
    widget = QuantizationExplorer({"mine": draw.standard_normal((4, 5)), "zeros": np.zeros((2, 2))})
    browser_page.goto(write_page(widget, tmp_path))
    browser_page.wait_for_selector(".mn-quantization[data-drawn]")
    assert browser_page.locator(".mnq-answers").count() == 0
    assert browser_page.locator(".mnq-layer option").all_inner_texts() == [
        "mine, 4 × 5",
        "zeros, 2 × 2",
    ]
    assert float(shown(browser_page)["rms"]) == pytest.approx(widget.rms_error, rel=1e-5)
    put(browser_page, layer="zeros")  # nothing to draw is no error
    frames(browser_page)
    assert "2 of 2 channels are 0" in browser_page.locator(".mnq-legend").inner_text()
    browser_page.locator(".mn-again").click()
    frames(browser_page)
    assert browser_page.evaluate("() => model.get('layer')") == "mine"
    assert browser_log.console_errors == []


def test_it_says_in_words_what_changed(page, explorer):
    frames(page)
    said = page.locator(".mn-said").inner_text()
    assert said.startswith(
        "dw_9 in 4 bits, one for the layer: 28 of 128 channels lose all their weights, signal to "
        "noise 12.7 decibels. Same answer for "
        "87.5 % of 200 crops, 6 of 7 photos."
    )
    page.locator("select[data-field='per']").select_option("one for each channel")
    frames(page)
    assert "one for each channel: 0 of 128 channels lose" in page.locator(".mn-said").inner_text()
