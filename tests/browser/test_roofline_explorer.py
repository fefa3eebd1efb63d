"""The roofline explorer in a real browser: its counts, its roof, its handles and its words."""

import itertools
import math
import random
from types import SimpleNamespace

import pytest
from standalone import frames, put, write_page

from mobilenet_lib import mobilenet_v1
from mobilenet_lib.architecture import BODIES, ROUNDINGS, WIDTH_RULES
from mobilenet_lib.bench import roofline
from mobilenet_lib.bench.peaks import Copy, MachinePeaks, Peak
from mobilenet_lib.explorers import RooflineExplorer

pytestmark = pytest.mark.browser


@pytest.fixture
def explorer():
    return RooflineExplorer()


@pytest.fixture
def page(explorer, browser_page, browser_log, tmp_path):
    browser_page.goto(write_page(explorer, tmp_path))
    browser_page.wait_for_selector(".mn-roofline[data-drawn]")
    frames(browser_page)
    yield browser_page
    assert browser_log.console_errors == []


def shown(page):
    """What the explorer says it shows, as numbers."""
    frames(page)
    data = page.evaluate("() => ({ ...document.querySelector('.mn-roofline').dataset })")
    numbers = ("intensity", "attained", "seconds", "total", "waiting")
    return {name: float(v) if name in numbers else v for name, v in data.items()}


def row(page, name):
    return page.locator(f".mnr-line[data-part={name}] dd").inner_text()


def machine(peak, bandwidth, precision="fp32"):
    """A machine of two plain ceilings, in 10⁹ a second."""
    return MachinePeaks(
        "by hand", 1, (Peak(precision, peak, None, "by hand"),), (Copy(1, bandwidth),), {}
    )


# --- Formulas, held against Python ----------------------------------------------------------------

FIELDS = """(options) => {
    const layers = explorer.mobilenetV1(options);
    return layers.map((layer) => [layer.name, layer.kind, layer.kernelSize, layer.stride,
        layer.inChannels, layer.outChannels, layer.inSize, layer.outSize, explorer.padding(layer),
        explorer.multAdds(layer), explorer.parameters(layer),
        Object.values(explorer.receptiveField(layers, layer.name))]);
}"""
COSTS = """([options, batch, size]) => explorer.mobilenetV1(options).map((layer) =>
    [explorer.bytesMoved(layer, batch, size), explorer.intensity(layer, batch, size)])"""
UNDER = """([options, batch, precision, peak, bandwidth]) => {
    const all = explorer.pieces(explorer.mobilenetV1(options), batch, precision);
    return [
        all.map((each) => [each.name, each.kind, each.multAdds, each.bytes]),
        all.map((each) => explorer.underRoof(each, peak, bandwidth)),
        explorer.whole(all, peak, bandwidth),
    ];
}"""
ALPHAS = (1, 0.75, 0.5, 0.25, 0.13, 0.3, 0.07, 1.4)
SIDES = (224, 192, 160, 128, 32, 33, 97, 100, 223)


def test_the_architecture_equals_pythons_over_a_grid(page):
    rules = [*itertools.product(WIDTH_RULES, ROUNDINGS)]
    grid = itertools.product(ALPHAS, SIDES, BODIES, (0, 26, 1000))
    for number, (alpha, side, body, classes) in enumerate(grid):
        width_rule, rounding = rules[number % len(rules)]
        arch = mobilenet_v1(alpha, side, classes, body, width_rule, rounding)
        options = {"alpha": alpha, "resolution": side, "classes": classes, "body": body}
        found = page.evaluate(FIELDS, options | {"widthRule": width_rule, "rounding": rounding})
        assert found == [
            [
                *(each.name, each.kind, each.kernel_size, each.stride),
                *(each.in_channels, each.out_channels, each.in_size, each.out_size),
                list(each.padding),
                *(each.mult_adds, each.parameters),
                list(arch.receptive_field_at(each.name)),
            ]
            for each in arch.layers
        ], repr(arch)
    assert number > 500


def test_bytes_and_intensity_equal_pythons_over_a_grid(page):
    grid = itertools.product((1, 0.5, 0.25), (224, 128), BODIES, (1, 2, 32, 256), (4, 2, 1))
    for alpha, side, body, batch, size in grid:
        options = {"alpha": alpha, "resolution": side, "body": body}
        assert page.evaluate(COSTS, [options, batch, size]) == [
            [each.bytes_moved(batch, size), each.intensity(batch, size)]
            for each in mobilenet_v1(alpha, side, body=body).layers
        ]


def test_time_and_what_limits_it_equal_pythons(page):
    dice = random.Random(1)
    for _ in range(60):
        alpha, side = dice.choice((1, 0.75, 0.5, 0.25)), dice.choice((224, 192, 160, 128))
        body, batch = dice.choice(BODIES), dice.choice((1, 2, 8, 256))
        precision = dice.choice(("fp32", "bf16", "int8"))
        peak, bandwidth = 10 ** dice.uniform(0, 6), 10 ** dice.uniform(-1, 4)
        arch = mobilenet_v1(alpha, side, body=body)
        options = {"alpha": alpha, "resolution": side, "body": body}
        works, under, whole = page.evaluate(
            UNDER, [options, batch, precision, 1e9 * peak, 1e9 * bandwidth]
        )
        pieces = roofline.pieces(arch, batch, precision)
        assert works == [[w.name, w.kind, w.mult_adds, w.bytes] for w in pieces]
        ceilings = machine(peak, bandwidth, precision)
        predicted = roofline.predict(arch, batch, ceilings, precision=precision)
        for mine, layer in zip(under, predicted.layers, strict=True):
            assert mine["compute"] == pytest.approx(layer.compute_s)
            assert mine["memory"] == pytest.approx(layer.memory_s)
            assert mine["seconds"] == pytest.approx(layer.seconds)
            assert mine["bound"] == layer.bound
        assert whole["multAdds"] == batch * arch.mult_adds
        assert whole["seconds"] == pytest.approx(predicted.seconds)
        waiting = sum(each.seconds for each in predicted.layers if each.bound == "memory")
        assert whole["waiting"] == pytest.approx(waiting / predicted.seconds)


# --- What is shown --------------------------------------------------------------------------------


@pytest.mark.parametrize("body", ["separable", "full"])
@pytest.mark.parametrize(("batch", "precision"), [(1, "fp32"), (32, "bf16"), (256, "int8")])
def test_the_card_has_the_layers_numbers(page, explorer, body, batch, precision):
    put(page, alpha=0.5, resolution=160, body=body, batch=batch, precision=precision)
    arch = mobilenet_v1(0.5, 160, body=body)
    size = roofline.NUMBER_BYTES[precision]
    book = explorer.machines[-1]
    peak, bandwidth = book["peaks"][precision], book["bandwidths"]["memory"]
    ceilings = machine(peak, bandwidth, precision)
    predicted = roofline.predict(arch, batch, ceilings, precision=precision)
    for layer in arch.layers:
        put(page, layer=layer.name)
        found = shown(page)
        intensity = layer.intensity(batch, size)
        assert found["layer"] == layer.name
        assert found["intensity"] == pytest.approx(intensity)
        assert found["attained"] == pytest.approx(1e9 * min(peak, bandwidth * intensity))
        assert found["bound"] == ("memory" if bandwidth * intensity <= peak else "compute")
        assert found["total"] == pytest.approx(predicted.seconds)
        assert row(page, "work").endswith(f"= {batch * layer.mult_adds:,}")
        assert row(page, "bytes").endswith(f"= {layer.bytes_moved(batch, size):,}")
        verdict = page.locator(".mnr-verdict").inner_text()
        assert ("memory:" in verdict) == (found["bound"] == "memory")
        left, right = row(page, "work").split(" = ")[-2:]  # the formula comes out
        terms = left.replace("²", "**2").replace("·", "*")
        assert f"{eval(terms):,}" == right


def test_formulas_are_filled_in(page):
    put(page, layer="pw_7", peak=200, bandwidth=30)
    frames(page)
    assert row(page, "work") == "M · N · D_F² = 512 · 512 · 14² = 51,380,224"
    assert row(page, "bytes") == "4 · (100,352 in + 262,144 weights + 100,352 out) = 1,851,392"
    assert row(page, "intensity") == "2 · 51,380,224 / 1,851,392 = 55.5"
    assert row(page, "speed") == "the lower of 200 and 30 · 55.5 = 200"
    assert row(page, "time") == (
        "the longer of 0.514 ms of arithmetic and 61.7 µs of bytes = 0.514 ms"
    )
    said = page.locator(".mn-said").text_content()
    assert said == (
        "pw_7, pointwise 1×1: 55.5 operations for each byte, at most 200 of 200 billion "
        "operations per second, bound by arithmetic. The whole network takes at least 6.32 ms."
    )
    put(page, layer="conv_0", batch=4)
    frames(page)
    assert row(page, "work").startswith("4 · D_K² · M · N · D_F² = 4 · 3² · 3 · 32 · 112² = ")


def places(page):
    """Marks by layer, in pixels of the picture, and the scales that a reader can read off."""
    frames(page)
    found = page.evaluate(
        """() => {
            const moved = (e) => e.getAttribute("transform").match(/-?[\\d.]+/g).map(Number);
            const all = (what) => [...document.querySelectorAll(`.mnr-picture ${what}`)];
            const value = (e) => Number(e.textContent.replaceAll(",", ""));
            const at = (e, k) => Number(e.getAttribute(k));
            return {
                marks: all(".mnr-mark[data-layer]").map((e) => [e.dataset.layer, moved(e)]),
                measured: all("[data-measured]").map((e) => [e.dataset.measured, moved(e)]),
                devices: all(".mnr-device").map((e) => [Number(e.dataset.speed),
                    Number(e.getAttribute("d").split(/[,H]/)[1])]),
                whole: all(".mnr-whole").map(moved)[0],
                knobs: all(".mnr-knob").map((e) => [at(e, "cx"), at(e, "cy")]),
                x: all(".mn-axis-x .mn-tick").map((e) => [value(e), at(e, "x")]),
                y: all(".mn-axis-y .mn-tick").map((e) => [value(e), at(e, "y") - 5]),
            };
        }"""
    )

    def scale(ticks):
        (a, xa), (b, xb) = ticks[0], ticks[-1]
        return lambda value: xa + math.log(value / a) / math.log(b / a) * (xb - xa)

    return found | {"to_x": scale(found["x"]), "to_y": scale(found["y"])}


@pytest.mark.parametrize(
    "state", [{}, {"body": "full", "batch": 32}, {"peak": 2000, "bandwidth": 5}]
)
def test_marks_stand_on_the_roof_where_the_numbers_say(page, explorer, state):
    put(page, **state)
    found = places(page)
    arch = mobilenet_v1(body=state.get("body", "separable"))
    book = explorer.machines[-1]
    peak = state.get("peak", book["peaks"]["fp32"])
    bandwidth = state.get("bandwidth", book["bandwidths"]["memory"])
    marks = dict(found["marks"])
    assert set(marks) == {layer.name for layer in arch.layers}
    for layer in arch.layers:
        intensity = layer.intensity(state.get("batch", 1))
        expected = found["to_x"](intensity), found["to_y"](min(peak, bandwidth * intensity))
        assert marks[layer.name] == pytest.approx(expected, abs=0.05)
    ceilings = machine(peak, bandwidth)
    total = roofline.predict(arch, state.get("batch", 1), ceilings)
    pieces = roofline.pieces(arch, state.get("batch", 1))
    work, moved = sum(w.mult_adds for w in pieces), sum(w.bytes for w in pieces)
    speed = found["to_y"](2 * work / total.seconds / 1e9)
    assert found["whole"] == pytest.approx((found["to_x"](2 * work / moved), speed), abs=0.05)


def test_measured_layers_and_published_devices_stand_where_they_were_measured(page, explorer):
    put(page, shown=["measured layers", "published devices"])
    found = places(page)
    measured = explorer.machines[-1]["measured"]["gflops"]
    assert {name: y for name, (_, y) in found["measured"]} == pytest.approx(
        {name: found["to_y"](gflops) for name, gflops in measured.items()}, abs=0.05
    )
    now = {"alpha": 1, "resolution": 224, "precision": "fp32"}
    listed = [e for e in explorer.published if all(e[k] == v for k, v in now.items())]
    speeds = sorted(2 * mobilenet_v1().mult_adds / each["ms"] / 1e6 for each in listed)
    assert sorted(speed for speed, _ in found["devices"]) == pytest.approx(speeds)
    for speed, y in found["devices"]:
        assert y == pytest.approx(found["to_y"](speed), abs=0.05)
    text = page.locator(".mnr-others").inner_text()
    assert len(page.locator(".mnr-others li").all()) == len(listed) == 14
    assert "google/XNNPACK README.md" in text
    put(page, batch=2)  # of this nothing was measured
    found = places(page)
    assert found["measured"] == found["devices"] == []
    assert "Nothing has been published" in page.locator(".mnr-others").inner_text()
    assert "Not measured: the book's profile is of 1.0 MobileNet-224" in page.inner_text(
        ".mnr-card"
    )


def test_a_readers_machine_stands_beside_the_books(browser_page, browser_log, tmp_path):
    given = MachinePeaks(
        "a laptop",
        8,
        (Peak("fp32", 400.0, None, "by hand"), Peak("int8", None, None, "nothing did")),
        (Copy(1, 50.0),),
        SimpleNamespace(gpu=None, caches=SimpleNamespace(l1d=None, l2=None, l3=None)),
    )
    browser_page.goto(write_page(RooflineExplorer(given), tmp_path))
    browser_page.wait_for_selector(".mn-roofline[data-drawn]")
    frames(browser_page)
    assert "your machine: a laptop, 8 threads" in browser_page.text_content(".mnr-whose")
    assert browser_page.get_by_label("Arithmetic", exact=True).get_attribute("aria-valuetext") == (
        "400 GFLOP/s"
    )
    assert browser_page.locator(".mnr-other").count() == 1
    browser_page.get_by_label("Machine").select_option("book")
    frames(browser_page)
    assert "the book's machine" in browser_page.text_content(".mnr-whose")
    assert browser_log.console_errors == []


# --- Hands ----------------------------------------------------------------------------------------


def drag(page, name, by):
    box = page.locator(f".mnr-{name} .mnr-knob").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + by / 2)
    page.mouse.move(x, y + by)
    page.mouse.up()
    frames(page)


@pytest.mark.parametrize(("name", "by"), [("peak", 60), ("peak", -40), ("bandwidth", -50)])
def test_a_ceiling_goes_where_its_knob_is_dragged(page, name, by):
    before = places(page)
    knob = {"bandwidth": 0, "peak": 1}[name]
    drag(page, name, by)
    after = places(page)
    assert after["knobs"][knob][0] == pytest.approx(before["knobs"][knob][0], abs=0.5)
    assert after["knobs"][knob][1] == pytest.approx(before["knobs"][knob][1] + by, abs=1.5)
    value = page.evaluate("(name) => model.get(name)", name)
    if name == "peak":
        assert after["to_y"](value) == pytest.approx(after["knobs"][knob][1], abs=0.1)
    assert page.evaluate("() => model.get('layer')") == "dw_7"  # nothing else was chosen
    page.get_by_role("button", name="As measured").click()
    assert page.evaluate("(name) => model.get(name)", name) is None
    frames(page)
    assert places(page)["knobs"][knob] == pytest.approx(before["knobs"][knob])


def test_a_finger_drags_a_ceiling(page, explorer):
    page.set_viewport_size({"width": 390, "height": 844})
    frames(page)
    client = page.context.new_cdp_session(page)
    page.locator(".mnr-stage").scroll_into_view_if_needed()
    box = page.locator(".mnr-peak .mnr-knob").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    before = page.evaluate("() => scrollY")
    for kind, way in (("touchStart", 0), ("touchMove", 20), ("touchMove", 50), ("touchEnd", None)):
        points = [] if way is None else [{"x": x, "y": y + way}]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        frames(page, 2)
    assert page.evaluate("() => scrollY") == before
    assert page.evaluate("() => model.get('peak')") < 0.7 * explorer.roof[0]


def test_keys_move_a_ceiling(page, explorer):
    peak = page.locator(".mnr-peak")
    assert peak.get_attribute("role") == "slider"
    assert peak.get_attribute("aria-label") == "Arithmetic: 10⁹ operations per second"
    peak.focus()
    measured = explorer.roof[0]
    page.keyboard.press("ArrowUp")
    value = page.evaluate("() => model.get('peak')")
    assert measured < value < 1.2 * measured
    frames(page)
    assert peak.get_attribute("aria-valuetext") == f"{value:.0f} GFLOP/s"
    page.keyboard.press("ArrowDown")
    assert page.evaluate("() => model.get('peak')") < value
    page.keyboard.press("Home")
    assert page.evaluate("() => model.get('peak')") == 1
    page.keyboard.press("ArrowDown")
    assert page.evaluate("() => model.get('peak')") == 1
    page.keyboard.press("End")
    assert page.evaluate("() => model.get('peak')") == 1e6
    page.keyboard.press("Delete")
    assert page.evaluate("() => model.get('peak')") is None
    page.locator(".mnr-bandwidth").focus()
    page.keyboard.press("PageUp")
    assert page.evaluate("() => model.get('bandwidth')") > 1.3 * explorer.roof[1]


def test_sliders_and_links_may_go_far_beyond_the_machine(page):
    for peak, bandwidth in ((1e7, 0.01), (0.1, 1e6), (1e7, 1e6), (0.1, 0.01)):
        put(page, peak=peak, bandwidth=bandwidth)
        found = places(page)
        assert len(found["marks"]) == 28
        assert all(math.isfinite(c) for _, place in found["marks"] for c in place)
        assert page.locator(".mn-message").is_hidden()


def test_keys_in_the_picture_go_through_the_layers(page):
    page.locator(".mnr-stage").focus()
    for key, layer in (
        ("ArrowRight", "pw_7"),
        ("ArrowRight", "dw_8"),
        ("ArrowLeft", "pw_7"),
        ("Home", "conv_0"),
        ("ArrowLeft", "conv_0"),
        ("End", "fc"),
    ):
        page.keyboard.press(key)
        assert page.evaluate("() => model.get('layer')") == layer, key


def test_pointing_chooses_and_clicks_go_through_layers_of_one_place(page):
    marks = dict(places(page)["marks"])
    box = page.locator(".mnr-picture").bounding_box()
    x, y = marks["fc"]
    page.mouse.move(box["x"] + x, box["y"] + y)
    assert page.evaluate("() => model.get('layer')") == "fc"
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.7)  # nothing near
    assert page.evaluate("() => model.get('layer')") == "fc"
    x, y = marks["pw_7"]
    same = [name for name, place in marks.items() if place == pytest.approx([x, y], abs=0.6)]
    assert len(same) > 3
    page.mouse.move(box["x"] + x, box["y"] + y)
    seen = {page.evaluate("() => model.get('layer')")}
    for _ in same:
        page.mouse.click(box["x"] + x, box["y"] + y)
        frames(page)
        seen.add(page.evaluate("() => model.get('layer')"))
    assert set(same) <= seen


def test_the_strip_is_the_layers_time_to_scale(page, explorer):
    peak, bandwidth = explorer.roof
    predicted = roofline.predict(mobilenet_v1(), 1, machine(peak, bandwidth))
    parts = page.locator(".mnr-strip span")
    assert parts.evaluate_all("(all) => all.map((e) => e.dataset.layer)") == [
        each.name for each in predicted.layers
    ]
    grow = parts.evaluate_all("(all) => all.map((e) => Number(e.style.flexGrow))")
    shares = [each.seconds / predicted.seconds for each in predicted.layers]
    assert grow == pytest.approx(shares, rel=1e-4, abs=1e-6)
    page.locator(".mnr-strip [data-layer=pw_2]").click()
    assert page.evaluate("() => model.get('layer')") == "pw_2"


def test_the_other_body_shows_the_layer_of_the_same_number(page):
    put(page, body="full")
    assert shown(page)["layer"] == "conv_7"
    assert page.locator(".mnr-card select option").count() == 15
    put(page, body="separable", layer="conv_3")
    assert shown(page)["layer"] == "pw_3"


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_it_fits_the_screen(page, width):
    page.set_viewport_size({"width": width, "height": 720})
    frames(page)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    if width == 1280:
        assert page.evaluate("() => document.documentElement.scrollHeight") <= 720


def test_what_the_tour_says_is_true():
    """Its steps move the ceilings, so its answers hold on any machine."""
    arch = mobilenet_v1()

    def seconds(name, peak, batch=1, precision="fp32"):
        work = next(w for w in roofline.pieces(arch, batch, precision) if w.name == name)
        ceilings = machine(peak, 30, precision)
        return roofline.predict_work(work, ceilings, precision=precision).seconds

    def whole(peak):
        return roofline.predict(arch, 1, machine(peak, 30))

    assert seconds("dw_7", 200) == seconds("dw_7", 400)
    assert seconds("pw_7", 200) == pytest.approx(2 * seconds("pw_7", 400))
    fc, dw = arch.layer("fc"), arch.layer("dw_7")
    assert fc.intensity() == pytest.approx(0.5, abs=0.01)
    assert fc.intensity(32) / fc.intensity() == pytest.approx(30, abs=0.5)
    assert dw.intensity(32) / dw.intensity() < 1.03
    assert seconds("dw_7", 200) == pytest.approx(2 * seconds("dw_7", 200, precision="bf16"))
    before, after = whole(200), whole(2000)
    assert before.ms == pytest.approx(6.3, abs=0.05)
    assert after.ms == pytest.approx(1.9, abs=0.05)
    waiting = sum(each.seconds for each in before.layers if each.bound == "memory")
    assert round(100 * waiting / before.seconds) == 13
    assert {each.bound for each in after.layers} == {"memory"}
