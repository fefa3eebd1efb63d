"""The live training curve in a real browser: where its points are, what it says, how it is read."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from standalone import frames, put, write_page

from mobilenet_lib.explorers import LiveCurve
from mobilenet_lib.explorers.curve import percent, short

pytestmark = pytest.mark.browser

STEPS, EPOCHS = 720, 6
BESIDE = {
    "full convolutions": [0.31, 0.55, 0.70, 0.79, 0.84, 0.868],
    "half as wide": [0.18, 0.4, 0.55, 0.66, 0.74, 0.871],
}


def trained(upto, beside=None, first=1):
    """A curve after some steps of a run of 720 steps and 6 epochs."""
    now = [0.0]
    curve = LiveCurve(beside, clock=lambda: now[0])
    noise = np.random.default_rng(0)
    for number in range(first, upto + 1):
        now[0] += 0.3
        length = STEPS // EPOCHS
        loss = (4 * math.exp(-5 * number / STEPS) + 0.3) * math.exp(0.2 * noise.normal())
        accuracy = None if number % length else 0.9 - 0.7 * math.exp(-4 * number / STEPS)
        epoch = -(-number // length)
        curve(
            SimpleNamespace(
                number=number, steps=STEPS, epoch=epoch, loss=loss, rate=0.1, accuracy=accuracy
            )
        )
    return curve


# In place of the page's own view, one as Jupyter makes it, with a session behind it.
AS_A_WIDGET = """() => {
    remove();
    const el = document.querySelector("main").appendChild(document.createElement("div"));
    window.remove = explorer.default.render({ model, el });
}"""


@pytest.fixture
def show(browser_page, browser_log, tmp_path):
    """A function that opens a page with a curve."""

    def open_(curve, width=1280, height=720):
        browser_page.set_viewport_size({"width": width, "height": height})
        browser_page.goto(write_page(curve, tmp_path))
        browser_page.wait_for_function("() => window.model")
        browser_page.evaluate(AS_A_WIDGET)
        browser_page.wait_for_selector(".mn-live[data-drawn]")
        frames(browser_page)
        return browser_page

    yield open_
    assert browser_log.console_errors == []


def update(page, curve):
    """Give the page the state that Python has now, as one message does."""
    names = "points tested steps epochs window phase status said note alt"
    put(page, **{name: getattr(curve, name) for name in names.split()})


def axis(page, panel, ticks, side):
    """A function from pixels to the numbers on an axis, fitted to its labels."""
    found = page.eval_on_selector_all(
        f".mnl-{panel} .{ticks}",
        f"(labels) => labels.map((l) => [l.textContent, Number(l.getAttribute('{side}'))])",
    )
    numbers, places = np.array([[float(text), place] for text, place in found]).T
    assert len(numbers) >= 3
    slope, start = np.polyfit(places, numbers, 1)
    np.testing.assert_allclose(slope * places + start, numbers, atol=1e-9 * numbers.max())
    return lambda pixels: slope * np.asarray(pixels) + start


def drawn(page, panel, kind):
    """Points of a line, as (step, value) read off the axes like a reader would."""
    text = page.locator(f".mnl-{panel} > polyline.{kind}").first.get_attribute("points")
    x, y = np.array([pair.split(",") for pair in text.split()], float).T
    across, up = axis(page, "accuracy", "mnl-across", "x"), axis(page, panel, "mnl-up", "y")
    # Labels of heights stand 4.5 pixels below their line.
    return np.c_[across(x), up(y + 4.5)]


def attribute(page, name):
    return page.locator(".mnl-reader").get_attribute(name)


def marks_of(page, kind):
    """Centres of an epoch's marks, in pixels of the screen."""
    boxes = [mark.bounding_box() for mark in page.locator(f".mnl-accuracy {kind}").all()]
    return np.array([[b["x"] + b["width"] / 2, b["y"] + b["height"] / 2] for b in boxes])


# --- Where things are ---------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("upto", [40, STEPS])
def test_the_lines_are_where_the_numbers_say(show, width, upto):
    curve = trained(upto, BESIDE if upto > 40 else None)
    page = show(curve, width)
    raw, mean = drawn(page, "loss", "mnl-raw"), drawn(page, "loss", "mnl-mean")
    np.testing.assert_allclose(raw, curve.losses, atol=0.02)
    losses = np.array(curve.losses)[:, 1]
    means = [losses[max(n - 18, 0) : n].mean() for n in range(1, upto + 1)]
    np.testing.assert_allclose(mean[:, 1], means, atol=0.02)
    if not curve.accuracies:
        assert page.locator(".mnl-own-mark").count() == 0
        return
    own = drawn(page, "accuracy", "mnl-own")
    np.testing.assert_allclose(own, np.array(curve.accuracies) * [1, 100], atol=0.02)
    assert page.locator(".mnl-accuracy .mnl-own-mark").count() == len(curve.accuracies)
    other = drawn(page, "accuracy", "mnl-beside")
    ends = [STEPS * (i + 1) / EPOCHS for i in range(EPOCHS)]
    wanted = np.c_[ends, 100 * np.array(BESIDE["full convolutions"])]
    np.testing.assert_allclose(other, wanted, atol=0.02)
    # The marks lie on the points: own ones at the very steps of those beside.
    beside = marks_of(page, ".mnl-beside-mark")[: len(curve.accuracies), 0]
    np.testing.assert_allclose(marks_of(page, ".mnl-own-mark")[:, 0], beside, atol=1)


def test_a_long_run_is_drawn_to_its_peaks(show):
    now = [0.0]
    curve = LiveCurve(clock=lambda: now[0])
    for number in range(1, 9001):
        now[0] += 0.01
        loss = 7.9 if number == 4321 else 1 + 1 / number
        curve(SimpleNamespace(number=number, steps=9000, epoch=1, loss=loss, accuracy=None))
    points = drawn(show(curve), "loss", "mnl-raw")
    assert len(points) <= 1002
    np.testing.assert_allclose(points[points[:, 1].argmax()], (4321, 7.9), rtol=5e-3)


@pytest.mark.parametrize("upto", [300, STEPS])
def test_the_start_can_be_left_out(show, upto):
    curve = trained(upto, BESIDE)
    page = show(curve)
    put(page, skip=0.5)
    raw, mean = drawn(page, "loss", "mnl-raw"), drawn(page, "loss", "mnl-mean")
    np.testing.assert_allclose(raw, curve.losses[upto // 2 - 1 :], atol=0.02)
    assert raw[:, 1].max() < 0.6 * curve.losses[0][1]  # and the axis is theirs
    assert len(mean) == len(raw)
    kept = [pair for pair in curve.accuracies if pair[0] >= upto // 2]
    own = drawn(page, "accuracy", "mnl-own")
    np.testing.assert_allclose(own, np.array(kept) * [1, 100], atol=0.02)
    page.locator(".mnl-reader").press("Home")
    assert page.locator(".mnl-told").inner_text() == words(curve, upto // 2)
    put(page, skip=0)
    assert len(drawn(page, "loss", "mnl-raw")) == upto


def test_equal_steps_on_a_log_axis_are_equal_factors(show):
    curve = trained(STEPS)
    page = show(curve)
    put(page, scale="log")
    ticks = page.eval_on_selector_all(
        ".mnl-loss .mnl-up", "(all) => all.map((e) => [e.textContent, e.getAttribute('y')])"
    )
    numbers, places = np.array([[float(text), float(y) - 4.5] for text, y in ticks]).T
    assert len(numbers) >= 3
    slope, start = np.polyfit(places, np.log(numbers), 1)
    text = page.locator(".mnl-loss > polyline.mnl-raw").get_attribute("points")
    heights = np.array([pair.split(",")[1] for pair in text.split()], float)
    losses = [loss for _, loss in curve.losses]
    np.testing.assert_allclose(np.exp(slope * heights + start), losses, rtol=0.01)
    assert page.locator(".mnl-loss").bounding_box()["height"] > 150
    assert "log scale" in page.locator(".mnl-unit").first.inner_text()


def test_either_line_of_the_loss_can_be_hidden(show):
    page = show(trained(310))
    for name, left in (("every step", "mnl-mean"), ("mean", "mnl-raw")):
        box = page.get_by_role("checkbox", name=name, exact=True)
        box.uncheck()
        frames(page)
        lines = page.eval_on_selector_all(
            ".mnl-loss > polyline", "(all) => all.map((e) => e.getAttribute('class'))"
        )
        assert lines == [left]
        box.check()


def test_both_panels_share_their_steps(show):
    page = show(trained(310))
    lefts = page.eval_on_selector_all(
        ".mnl-stage svg:not(.mnl-keys svg)",
        "(all) => all.map((s) => s.getBoundingClientRect().left)",
    )
    assert len(set(lefts)) == 1
    for panel in ("loss", "accuracy"):  # a faint line at the end of every epoch
        places = page.eval_on_selector_all(
            f".mnl-{panel} .mnl-epoch", "(lines) => lines.map((l) => Number(l.getAttribute('x1')))"
        )
        steps = axis(page, "accuracy", "mnl-across", "x")(places)
        np.testing.assert_allclose(steps, [120, 240, 360, 480, 600, 720], atol=0.01)


def test_names_stand_where_lines_end_and_apart(show):
    page = show(trained(STEPS, BESIDE))
    labels = page.locator(".mnl-accuracy .mnl-name, .mnl-accuracy .mnl-last").all()
    texts = [label.text_content() for label in labels]
    assert texts == ["full convolutions 86.8 %", "half as wide 87.1 %", "this run 88.7 %"]
    boxes = [label.bounding_box() for label in labels]
    ends = [marks_of(page, ".mnl-beside-mark")[i] for i in (5, 11)]
    ends.append(marks_of(page, ".mnl-own-mark")[-1])
    order = np.argsort([box["y"] for box in boxes])
    assert order.tolist() == [2, 1, 0]  # best on top
    assert np.diff(sorted(box["y"] for box in boxes)).min() >= 16
    for box, (x, y) in zip(boxes, ends, strict=True):
        assert x + 5 < box["x"] < x + 30
        assert abs(box["y"] + box["height"] / 2 - y) < 25
        assert box["x"] + box["width"] <= page.locator(".mnl-stage").bounding_box()["x"] + 1120


def test_lines_beside_differ_by_more_than_colour(show):
    page = show(trained(310, BESIDE))
    lines = page.locator(".mnl-accuracy > polyline.mnl-beside").all()
    assert len({line.get_attribute("stroke-dasharray") for line in lines}) == 2
    marks = page.locator(".mnl-accuracy .mnl-beside-mark").all()
    assert len({mark.get_attribute("points") for mark in marks}) == 2


# --- What is said -------------------------------------------------------------------------------


def test_the_page_follows_the_run(show):
    curve = trained(0)
    page = show(curve)
    status, note = page.locator(".mnl-status"), page.locator(".mnl-note")
    assert status.inner_text() == "waiting to start"
    assert note.inner_text() == "The accuracy is measured at the end of every epoch."
    assert page.locator(".mnl-hint").inner_text() == ""
    assert not page.locator(".mnl-reader").is_visible()

    curve = trained(100)
    update(page, curve)
    assert status.inner_text() == curve.status
    assert curve.status.startswith("step 100 of 720, epoch 1, loss ")
    assert note.inner_text() == "The first accuracy comes at the end of epoch 1."
    assert "interrupt the kernel" in page.locator(".mnl-hint").inner_text()
    assert "nothing learned is lost" in page.locator(".mnl-hint").inner_text()
    bar = page.locator(".mnl-done").bounding_box()["width"]
    assert bar == pytest.approx(page.locator(".mnl-bar").bounding_box()["width"] * 100 / 720, abs=1)

    curve = trained(310)
    update(page, curve)
    assert status.inner_text() == curve.status
    assert not note.is_visible()
    assert page.locator(".mnl-last").text_content() == percent(curve.accuracies[-1][1])

    curve.__exit__(None)
    update(page, curve)
    assert status.inner_text().startswith("stopped after step 310 of 720, loss ")
    assert page.locator(".mnl-hint").inner_text() == ""


def test_screen_readers_hear_of_epochs_and_the_end_only(show):
    page = show(trained(0))
    page.evaluate(
        """() => {
            window.heard = [];
            const status = document.querySelector("[role=status]");
            new MutationObserver(() => heard.push(status.textContent))
                .observe(status, { childList: true });
        }"""
    )
    for upto in (30, 60, 119, 120, 121, 200, 239, 240, 300):
        update(page, trained(upto))
    done = trained(301)
    done.__exit__(KeyboardInterrupt)
    update(page, done)
    heard = page.evaluate("() => heard")
    assert [text.split(":")[0] for text in heard[:2]] == [
        "Epoch 1 of 6 is done",
        "Epoch 2 of 6 is done",
    ]
    assert heard[2:] == [done.said]
    assert done.said.startswith("Training has stopped after step 301 of 720")
    live = page.eval_on_selector_all(
        "[aria-live], [role=status], [role=alert]",
        "(all) => all.filter((e) => e.textContent).map((e) => e.className)",
    )
    assert live == ["mn-said"]


def test_the_picture_has_its_numbers_in_words(show):
    curve = trained(310, BESIDE)
    page = show(curve)
    picture = page.get_by_role("img", name=curve.alt)
    assert picture.count() == 1
    assert picture.locator(".mnl-loss").count() == 1
    assert short(curve.points[-1][2]) in curve.alt
    assert percent(curve.accuracies[-1][1]) in curve.alt


def test_javascript_writes_losses_as_python_does(show):
    page = show(trained(2))
    values = [0, 4.1271, 0.4, 123.9, 12.34, 0.0667, 999.4, 1234.5, 0.00002, 0.000123, 7.0]
    assert page.evaluate("(all) => all.map(explorer.short)", values) == [short(v) for v in values]


# --- How it is read -----------------------------------------------------------------------------


def words(curve, number):
    """What the reader is told about a step of a run in which no loss was left out."""
    step, loss, mean = curve.points[number - curve.points[0][0]]
    assert step == number
    tested = [pair for pair in curve.accuracies if pair[0] <= step]
    text = f"Step {step}: loss {short(loss)}, mean {short(mean)}"
    if not tested:
        return text
    at = "" if tested[-1][0] == step else f" (step {tested[-1][0]})"
    return f"{text}; accuracy {percent(tested[-1][1])}{at}"


def test_steps_are_read_by_key(show):
    curve = trained(310, first=50)  # a run that was taken up again
    page = show(curve)
    reader, told = (
        page.get_by_role("slider", name="read the curve at a step"),
        page.locator(".mnl-told"),
    )
    assert told.inner_text() == "Point at the curve, or use the arrow keys, to read it."
    page.keyboard.press("Tab")
    assert reader.evaluate("(node) => node === document.activeElement")
    assert attribute(page, "data-lm-suppress-shortcuts") == "true"
    moves = [("ArrowLeft", 309), ("ArrowDown", 308), ("ArrowRight", 309), ("ArrowUp", 310)]
    moves += [("ArrowUp", 310), ("PageDown", 284), ("PageUp", 310), ("Home", 50), ("ArrowLeft", 50)]
    for key, step in [*moves, ("PageUp", 76), ("End", 310), ("PageDown", 284)]:
        page.keyboard.press(key)
        assert told.inner_text() == words(curve, step)
        assert attribute(page, "aria-valuetext") == words(curve, step)
        assert attribute(page, "aria-valuenow") == str(step)
    assert (attribute(page, "aria-valuemin"), attribute(page, "aria-valuemax")) == ("50", "310")
    update(page, trained(330, first=50))  # the run goes on, and the reader stays where he is
    assert told.inner_text() == words(curve, 284)
    page.keyboard.press("Escape")
    assert told.inner_text().startswith("Point at the curve")
    assert page.locator(".mnl-cursor").count() == 0


def test_steps_are_read_by_mouse(show):
    curve = trained(STEPS)
    page = show(curve)
    for i in (0, 2, 5):
        x, y = marks_of(page, ".mnl-own-mark")[i]
        page.mouse.move(x, y - 60 * (i == 2))
        assert page.locator(".mnl-told").inner_text() == words(curve, 120 * (i + 1))
        lines = page.locator(".mnl-cursor line").all()
        assert len(lines) == 2  # one in each panel, at the mark
        for line in lines:
            assert line.bounding_box()["x"] == pytest.approx(x, abs=1)
    page.mouse.move(x, 0)
    assert page.locator(".mnl-told").inner_text().startswith("Point at the curve")
    page.evaluate(  # a mouse that is there before the first drawing reads nothing
        """() => {
            const el = document.body.appendChild(document.createElement("div"));
            explorer.default.render({ model, el });
            el.querySelector(".mnl-reader").dispatchEvent(new PointerEvent("pointermove"));
        }"""
    )
    frames(page)
    assert page.locator("[data-reading]").count() == 0


def test_the_curve_lets_go_of_the_model(show):
    page = show(trained(20))
    page.evaluate("() => remove()")
    assert page.evaluate("() => model.listening") == 0


# --- Every screen -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "beside", [None, BESIDE, {"a name that is far too long for a phone " * 2: [0.5] * 6}]
)
def test_it_fits_and_follows_the_window(show, beside):
    page = show(trained(STEPS, beside), 1280)
    for width in (1280, 640, 390, 320, 700):
        page.set_viewport_size({"width": width, "height": 720})
        frames(page)
        room = min(width - 36, 1100)
        assert page.locator(".mnl-loss").bounding_box()["width"] == pytest.approx(room, abs=8)
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width
        boxes = [text.bounding_box() for text in page.locator(".mnl-stage svg text").all()]
        assert min(box["x"] for box in boxes) >= 0
        assert max(box["x"] + box["width"] for box in boxes) <= width
        if width == 1280:
            assert page.evaluate("() => document.documentElement.scrollHeight") <= 720


def test_the_lines_can_be_seen_on_dark_paper(show):
    page = show(trained(310, BESIDE))

    def contrast():
        """Of the run's line against the paper, and of those beside, by WCAG's formula."""
        return page.evaluate(
            """() => {
                const canvas = document.createElement("canvas").getContext("2d");
                const line = (c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
                const light = (colour) => {
                    canvas.fillStyle = colour;
                    canvas.fillRect(0, 0, 1, 1);
                    const pixel = Array.from(canvas.getImageData(0, 0, 1, 1).data);
                    const [r, g, b] = pixel.map((c) => line(c / 255));
                    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
                };
                const style = (name) => getComputedStyle(document.querySelector(name));
                const paper = light(style(".mnl-accuracy .mnl-beside-mark").fill);
                return [".mnl-mean", ".mnl-own", ".mnl-beside"].map((name) => {
                    const [a, b] = [light(style(name).stroke), paper].sort((x, y) => y - x);
                    return (a + 0.05) / (b + 0.05);
                });
            }"""
        )

    assert min(contrast()) > 4.5
    page.emulate_media(color_scheme="dark")
    frames(page)
    assert min(contrast()) > 4.5


@pytest.mark.parametrize(
    ("steps", "seen", "note"),
    [
        (0, "last seen before the first step", "No accuracy was measured."),
        (50, "last seen at step 50 of 720, epoch 1, loss", "No accuracy was measured."),
        (200, "last seen at step 200 of 720, epoch 2 of 6, loss", ""),
    ],
)
def test_a_run_ends_with_its_session(show, steps, seen, note):
    page = show(trained(steps))
    page.evaluate("() => model.emit('comm_live_update')")
    frames(page)
    status = page.locator(".mnl-status").inner_text()
    assert status.startswith(seen)
    assert not status.endswith("left")
    advice = "The Python session has ended: run this cell again (Shift+Enter)."
    assert page.locator(".mnl-hint").inner_text() == advice
    assert page.locator(".mn-said").text_content() == f"{status}. {advice}"
    assert page.locator(".mnl-note").inner_text() == note
    alt = page.locator("[role=img]").get_attribute("aria-label")
    assert alt.startswith(f"Training curve, {status}.")
    assert "comes at the end" not in alt
    assert page.locator(".mnl-live").get_attribute("data-state") == "stopped"


def test_a_finished_run_stays_finished_without_its_session(show):
    page = show(trained(STEPS))
    before = page.locator(".mnl-live").inner_text()
    page.evaluate("() => model.emit('comm_live_update')")
    frames(page)
    assert page.locator(".mnl-live").inner_text() == before
