"""The trade-off explorer in a real browser: its choices, its marks, its hands and its words."""

import itertools
import math
import random

import pytest
from standalone import frames, put, write_page

from mobilenet_lib import mobilenet_v1, results
from mobilenet_lib.explorers import TradeoffExplorer
from mobilenet_lib.explorers.state import StateError
from mobilenet_lib.explorers.tradeoff import ALPHAS, LETTERS, RESOLUTIONS

pytestmark = pytest.mark.browser

FIELDS = {"mult-adds": "mult_adds", "parameters": "parameters", "latency": "latency"}
UNITS = {"mult-adds": 1e6, "parameters": 1e6, "latency": 1}
NETWORKS = list(itertools.product(ALPHAS, (*RESOLUTIONS, *LETTERS)))


def grid():
    """A made-up grid with seeds; accuracy grows with cost, not quite everywhere."""
    dice = random.Random(3)
    for alpha, resolution in itertools.product(ALPHAS, LETTERS):
        arch = mobilenet_v1(alpha, resolution, num_classes=26)
        middle = 60 + 5 * math.log(arch.mult_adds / 1e6)
        seeds = tuple(middle + dice.gauss(0, 1.5) for _ in range(3))
        yield results.Measured(
            alpha, resolution, "separable", seeds, arch.mult_adds, arch.parameters
        )


def times():
    """Made-up milliseconds; one network was not timed."""
    dice = random.Random(4)
    found = {n: 0.8 + mobilenet_v1(*n).mult_adds / 4e7 * dice.uniform(0.8, 1.2) for n in NETWORKS}
    del found[0.25, 192]
    return found


@pytest.fixture
def explorer():
    return TradeoffExplorer(list(grid()), times(), alpha=0.5, resolution=160)


@pytest.fixture
def page(explorer, browser_page, browser_log, tmp_path):
    browser_page.goto(write_page(explorer, tmp_path))
    browser_page.wait_for_selector(".mn-tradeoff[data-drawn]")
    frames(browser_page)
    yield browser_page
    assert browser_log.console_errors == []


def get(page, *names):
    frames(page)
    values = page.evaluate("(names) => names.map((name) => model.get(name))", list(names))
    return values[0] if len(names) == 1 else values


def panel(page, at):
    """What a panel draws: marks and rings by source, ticks, all in the picture's own pixels."""
    frames(page)  # a choice is drawn in the next frame
    return page.evaluate(
        """(at) => {
            const svg = document.querySelectorAll(".mnt-panel")[at];
            const all = (what) => [...svg.querySelectorAll(what)];
            const moved = (e) => e.getAttribute("transform").match(/-?[\\d.]+/g).map(Number);
            const tick = (e) => [Number(e.textContent), e.getAttribute("x"), e.getAttribute("y")];
            return {
                hidden: svg.hasAttribute("hidden"),
                marks: all(".mnt-mark").map((e) => ({ ...e.dataset, at: moved(e) })),
                rings: all(".mnt-ring").map((e) =>
                    ({ ...e.dataset, at: ["cx", "cy"].map((k) => Number(e.getAttribute(k))) })),
                stars: all(".mnt-star").map((e) => ({ ...e.dataset, at: moved(e) })),
                fronts: all(".mnt-front").map((e) => ({ ...e.dataset, d: e.getAttribute("d") })),
                bars: all(".mnt-bar").map((e) => ({ ...e.dataset, d: e.getAttribute("d") })),
                x: all(".mn-axis-x .mn-tick").map((e) => tick(e).slice(0, 2).map(Number)),
                y: all(".mn-axis-y .mn-tick").map((e) => [tick(e)[0], Number(tick(e)[2]) - 5]),
                limit: all(".mnt-limit").map((e) => Number(e.getAttribute("d").match(/[\\d.]+/))),
                limited: all(".mnt-limited").map((e) => e.textContent),
                over: all(".mnt-over").map((e) =>
                    ["x", "width"].map((k) => Number(e.getAttribute(k)))),
                names: all(".mn-name").map((e) => e.textContent),
                label: svg.getAttribute("aria-label"),
            };
        }""",
        at,
    )


def scales(shown):
    """From a cost (in the axis's unit) and an accuracy to pixels, by the ticks that readers see."""
    (a, xa), (b, xb) = shown["x"][0], shown["x"][-1]
    (c, yc), (d, yd) = shown["y"][0], shown["y"][-1]
    return (
        lambda cost: xa + math.log(cost / a) / math.log(b / a) * (xb - xa),
        lambda accuracy: yc + (accuracy - c) / (d - c) * (yd - yc),
    )


def placed(explorer, source, axis):
    """Networks of a source that have an accuracy and this cost."""
    return [
        r
        for r in explorer.sources[source]
        if r["accuracy"] is not None and r[FIELDS[axis]] is not None
    ]


def name(record):
    return f"{record['alpha']} MobileNet-{record['resolution']}"


def best(explorer, source, axis, budget):
    """The best network within a budget, by mobilenet_lib.results."""
    records = placed(explorer, source, axis)
    place = results.best_within(
        budget, [r[FIELDS[axis]] for r in records], [r["accuracy"] for r in records]
    )
    return None if place is None else records[place]


def mark(page, source, alpha, resolution):
    """The middle of a mark, in pixels of the page."""
    css = f'.mnt-mark[data-source="{source}"][data-alpha="{alpha:g}"]'
    box = page.locator(f'{css}[data-resolution="{resolution}"]').bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_pareto_and_best_within_equal_pythons(page):
    dice = random.Random(0)
    cases = [([], [], 1.0)]
    for _ in range(400):
        many = dice.randrange(13)
        draw = dice.choice([lambda: dice.randint(1, 6), lambda: dice.uniform(0.1, 9)])
        costs, accuracies = ([draw() for _ in range(many)] for _ in range(2))
        cases.append((costs, accuracies, draw()))
    ours = page.evaluate(
        """(cases) => cases.map(([costs, accuracies, budget]) => [
            explorer.pareto(costs, accuracies), explorer.bestWithin(budget, costs, accuracies),
        ])""",
        cases,
    )
    for (costs, accuracies, budget), (front, winner) in zip(cases, ours, strict=True):
        assert front == results.pareto(costs, accuracies)
        assert winner == results.best_within(budget, costs, accuracies)
    assert {winner is None for _, winner in ours} == {True, False}


@pytest.mark.parametrize("axis", FIELDS)
def test_marks_stand_where_the_numbers_say(page, explorer, axis):
    put(page, axis=axis)
    counts = {"the paper": 8, "tf-slim": 15 if axis == "latency" else 16, "letters": 16}
    for at, sources in enumerate((("the paper", "tf-slim"), ("letters",))):
        shown = panel(page, at)
        to_x, to_y = scales(shown)
        assert len(shown["x"]) >= 3
        assert len(shown["y"]) >= 4
        for source in sources:
            expected = {
                (f"{r['alpha']:g}", str(r["resolution"])): (
                    to_x(r[FIELDS[axis]] / UNITS[axis]),
                    to_y(r["accuracy"]),
                )
                for r in placed(explorer, source, axis)
            }
            assert len(expected) == counts[source]
            drawn = {
                (m["alpha"], m["resolution"]): m["at"]
                for m in shown["marks"]
                if m["source"] == source
            }
            assert drawn.keys() == expected.keys()
            for key, place in drawn.items():
                assert place == pytest.approx(expected[key], abs=0.05), key


def test_error_bars_are_one_standard_deviation_up_and_down(page, explorer):
    shown = panel(page, 1)
    _, to_y = scales(shown)
    assert len(shown["bars"]) == 16
    assert panel(page, 0)["bars"] == []
    records = {(f"{r['alpha']:g}", str(r["resolution"])): r for r in explorer.sources["letters"]}
    for bar in shown["bars"]:
        own = records[bar["alpha"], bar["resolution"]]
        top = float(bar["d"].split(",")[1].split("V")[0])
        bottom = float(bar["d"].split("V")[1].split("M")[0])
        assert top == pytest.approx(to_y(own["accuracy"] + own["spread"]), abs=0.05)
        assert bottom == pytest.approx(to_y(own["accuracy"] - own["spread"]), abs=0.05)


@pytest.mark.parametrize("axis", FIELDS)
def test_the_front_joins_the_networks_that_nothing_beats(page, explorer, axis):
    put(page, axis=axis)
    for at, source in ((0, "tf-slim"), (1, "letters")):
        shown = panel(page, at)
        (front,) = shown["fronts"]
        records = placed(explorer, source, axis)
        places = results.pareto(
            [r[FIELDS[axis]] for r in records], [r["accuracy"] for r in records]
        )
        assert front["source"] == source
        assert front["places"].split("; ") == [name(records[i]) for i in places]
        _, to_y = scales(shown)
        levels = [float(step.split("H")[0]) for step in front["d"].split("V")[1:]]
        assert levels == pytest.approx([to_y(records[i]["accuracy"]) for i in places], abs=0.05)


@pytest.mark.parametrize(
    ("axis", "budget"),
    [
        ("latency", 4.0),
        ("latency", 1.0),
        ("mult-adds", 3e7),
        ("mult-adds", 1e9),
        ("parameters", 2e6),
    ],
)
def test_a_budget_marks_and_names_the_best_of_each_source(page, explorer, axis, budget):
    put(page, axis=axis, budget=budget)
    text = page.locator(".mnt-verdict").inner_text().replace("\u00a0", " ")
    unit = {"latency": f"{budget:g} ms"}.get(axis, f"{budget / 1e6:g} M")
    said = []
    for at, sources in enumerate((("the paper", "tf-slim"), ("letters",))):
        shown = panel(page, at)
        to_x, _ = scales(shown)
        stars = {star["source"]: star for star in shown["stars"]}
        for source in sources:
            winner = best(explorer, source, axis, budget)
            if winner is None:
                assert source not in stars
                said.append(f"{source} – nothing fits")
                continue
            assert stars[source]["network"] == name(winner)
            x = to_x(winner[FIELDS[axis]] / UNITS[axis])
            assert stars[source]["at"][0] == pytest.approx(x, abs=0.05)
            said.append(f"{source} {name(winner)}, {winner['accuracy']:.1f} %")
        ((left, _),) = shown["over"]
        for limit in shown["limit"]:
            assert limit == pytest.approx(to_x(budget / UNITS[axis]), abs=0.05)
            assert left == limit
        costs = [m["at"][0] for m in shown["marks"]]
        affordable = [r[FIELDS[axis]] <= budget for s in sources for r in placed(explorer, s, axis)]
        if all(affordable):  # nothing that costs too much is drawn as affordable, and back
            assert left >= max(costs)
        elif not any(affordable):
            assert left <= min(costs)
        else:
            assert len(shown["limit"]) == 1
        beyond = "" if shown["limit"] else ": all fit" if all(affordable) else ": none fits"
        assert shown["limited"] == [unit + beyond]
    assert text == f"★ You have {unit}: {'; '.join(said)}."


def test_the_budget_slider_goes_from_nothing_to_no_limit(page, explorer):
    slider = page.get_by_label("Budget")
    assert slider.get_attribute("aria-valuetext") == "no limit"
    slider.focus()
    page.keyboard.press("ArrowLeft")
    budget = get(page, "budget")
    costs = [r["mult_adds"] for records in explorer.sources.values() for r in records]
    assert max(costs) <= budget < 1.2 * max(costs)
    page.keyboard.press("Home")
    assert 0.8 * min(costs) < get(page, "budget") < min(costs)
    assert page.locator(".mnt-verdict").inner_text().count("nothing fits") == 3
    assert page.locator(".mnt-star").count() == 0
    before, seen = 0.0, []
    while (budget := get(page, "budget")) is not None:
        assert budget > before
        before = budget
        seen.append(page.locator(".mnt-star[data-source='tf-slim']").count())
        page.keyboard.press("ArrowRight")
    assert seen == sorted(seen)
    assert seen[-1] == 1
    assert len(seen) > 60  # fine enough to part most networks
    assert "Set a budget" in page.locator(".mnt-verdict").inner_text()
    put(page, budget=1.234e8)  # from Python: not one of the slider's stops
    assert "You have 123.4 M:" in page.locator(".mnt-verdict").inner_text()
    assert get(page, "budget") == 1.234e8


def test_choosing_another_cost_forgets_the_budget(page):
    put(page, budget=1e8)
    page.locator("[data-field=axis]").select_option("latency")
    assert get(page, "axis", "budget") == ["latency", None]
    assert panel(page, 0)["names"] == [
        "top-1 accuracy, %",
        "latency on this machine, ms (log scale)",
    ]
    page.locator("[data-field=axis]").select_option("parameters")
    assert panel(page, 1)["names"] == ["test accuracy, %", "parameters, millions (log scale)"]


def test_latency_is_offered_only_where_it_was_measured(browser_page, browser_log, tmp_path):
    browser_page.goto(write_page(TradeoffExplorer(list(grid())), tmp_path))
    browser_page.wait_for_selector(".mn-tradeoff[data-drawn]")
    options = browser_page.locator("[data-field=axis] option:not([hidden])").all_inner_texts()
    assert options == ["mult-adds", "parameters"]
    assert "latency" not in browser_page.locator(".mnt-table").inner_text()

    some = TradeoffExplorer([], {(1, 224): 12.0}, axis="latency")  # one network, no letters
    browser_page.goto(write_page(some, tmp_path))
    browser_page.wait_for_selector(".mn-tradeoff[data-drawn]")
    frames(browser_page)
    assert {m["source"] for m in panel(browser_page, 0)["marks"]} == {"the paper", "tf-slim"}
    assert "no network here has this cost" in browser_page.locator(".mnt-panel").nth(1).inner_html()
    notes = browser_page.locator(".mnt-notes").inner_text()
    assert "–: not trained yet." in notes
    assert "–: not timed on this machine." in notes
    assert browser_log.console_errors == []


def test_the_chosen_network_is_ringed_in_every_source(page, explorer):
    for alpha, rho in ((0.5, 2), (1.0, 0), (0.25, 3)):
        put(page, alpha=alpha, resolution=RESOLUTIONS[rho])
        rings = [ring for at in (0, 1) for ring in panel(page, at)["rings"]]
        marks = [m for at in (0, 1) for m in panel(page, at)["marks"]]
        own = {str(RESOLUTIONS[rho]), str(LETTERS[rho])}
        expected = {
            m["source"]: m["at"]
            for m in marks
            if m["alpha"] == f"{alpha:g}" and m["resolution"] in own
        }
        assert {ring["source"]: ring["at"] for ring in rings} == expected
        assert ("the paper" in expected) == ((alpha, rho) != (0.25, 3))


def test_sliders_move_alpha_and_rho(page):
    width, rho = page.get_by_label("Width α"), page.get_by_label("Resolution ρ")
    width.focus()
    page.keyboard.press("End")
    assert get(page, "alpha") == 1
    page.keyboard.press("ArrowLeft")
    assert get(page, "alpha") == 0.75
    assert width.get_attribute("aria-valuetext") == "alpha 0.75"
    rho.focus()
    seen = []
    page.keyboard.press("Home")
    for _ in RESOLUTIONS:
        frames(page)
        seen.append(page.locator("[data-field=resolution] + output").inner_text())
        page.keyboard.press("ArrowRight")
    assert seen == [
        "0.571 · 128 / 32 px",
        "0.714 · 160 / 40 px",
        "0.857 · 192 / 48 px",
        "1 · 224 / 56 px",
    ]
    assert get(page, "resolution") == 224


def test_arrow_keys_in_the_picture_choose_a_network(page):
    page.locator(".mnt-stage").focus()
    for key, place in (
        ("ArrowRight", [0.75, 160]),
        ("ArrowUp", [0.75, 192]),
        ("ArrowLeft", [0.5, 192]),
        ("ArrowDown", [0.5, 160]),
        ("Home", [0.25, 160]),
        ("ArrowLeft", [0.25, 160]),
        ("PageUp", [0.25, 224]),
        ("ArrowUp", [0.25, 224]),
        ("End", [1, 224]),
        ("PageDown", [1, 128]),
        ("ArrowDown", [1, 128]),
    ):
        page.keyboard.press(key)
        assert get(page, "alpha", "resolution") == place, key


def test_pointing_at_a_mark_chooses_it(page):
    page.mouse.move(*mark(page, "tf-slim", 0.25, 128))
    assert get(page, "alpha", "resolution") == [0.25, 128]
    page.mouse.move(*mark(page, "letters", 1.0, 56))
    assert get(page, "alpha", "resolution") == [1, 224]
    box = page.locator(".mnt-panel").nth(0).bounding_box()
    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 0.75 * box["height"])  # no mark near
    assert get(page, "alpha", "resolution") == [1, 224]


def test_a_tap_chooses_and_a_finger_that_scrolls_does_not(page):
    client = page.context.new_cdp_session(page)
    client.send("Emulation.setTouchEmulationEnabled", {"enabled": True})

    def touch(kind, *places):
        points = [{"x": x, "y": y} for x, y in places]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    page.set_viewport_size({"width": 390, "height": 600})
    frames(page)
    page.locator(".mnt-panel").nth(0).scroll_into_view_if_needed()
    x, y = mark(page, "tf-slim", 0.25, 224)
    for step in range(8):  # a swipe that starts on a mark
        touch("touchMove" if step else "touchStart", (x, y - 12 * step))
        frames(page, 1)
    touch("touchEnd")
    frames(page, 10)
    assert get(page, "alpha", "resolution") == [0.5, 160]
    page.locator(".mnt-panel").nth(0).scroll_into_view_if_needed()
    x, y = mark(page, "tf-slim", 0.25, 128)
    touch("touchStart", (x + 4, y - 3))
    touch("touchEnd")
    frames(page, 10)
    assert get(page, "alpha", "resolution") == [0.25, 128]


def test_sources_and_the_front_are_hidden_and_shown(page):
    box = page.get_by_role("checkbox", name="tf-slim")
    box.uncheck()
    frames(page)
    shown = panel(page, 0)
    assert {m["source"] for m in shown["marks"]} == {"the paper"}
    assert [f["source"] for f in shown["fronts"]] == ["the paper"]
    assert get(page, "shown") == ["the paper", "letters", "front"]
    assert "tf-slim" not in page.locator(".mn-said").inner_text()
    ticks = shown["y"]
    page.get_by_role("checkbox", name="Pareto front").uncheck()
    page.get_by_role("checkbox", name="the paper").uncheck()
    frames(page)
    assert panel(page, 0)["hidden"]
    assert not panel(page, 1)["hidden"]
    assert panel(page, 1)["fronts"] == []
    assert page.locator(".mnt-panel").nth(1).bounding_box()["width"] > 900  # it takes the room
    page.get_by_role("checkbox", name="letters").uncheck()
    frames(page)
    assert page.locator(".mnt-empty").is_visible()
    box.check()
    frames(page)
    assert not page.locator(".mnt-empty").is_visible()
    assert panel(page, 0)["y"] == ticks  # the scale stays
    put(page, shown=["letters", "front"])  # from Python
    assert page.get_by_role("checkbox", name="letters").is_checked()
    assert not box.is_checked()


def test_a_link_names_sources_in_any_order_and_none_that_does_not_exist(page, explorer):
    decode = "(line) => here.explorer.decode(line)"
    line = "v1&shown=front,letters,letters"
    found = page.evaluate(decode, line)
    assert found == {"values": explorer.definition.decode(line), "problems": []}
    assert found["values"]["shown"] == ["letters", "front"]
    found = page.evaluate(decode, "v1&shown=letters,rumours")
    (problem,) = found["problems"]
    assert "shown is some of the paper, tf-slim, letters, front" in problem
    assert found["values"]["shown"] == explorer.definition.fields["shown"]["default"]
    with pytest.raises(StateError, match="shown is some of the paper, tf-slim, letters, front"):
        explorer.state = "v1&shown=letters,rumours"


def rows(page):
    frames(page)
    lines = [row.locator("th, td") for row in page.locator(".mnt-table tr").all()]
    return [[t.replace("\u00a0", " ") for t in line.all_inner_texts()] for line in lines]


def test_the_table_holds_the_chosen_networks_numbers(page, explorer):
    own = next(r for r in explorer.sources["letters"] if (r["alpha"], r["resolution"]) == (0.5, 40))
    timed = explorer.sources["tf-slim"][10]["latency"]
    slowest = explorer.sources["tf-slim"][0]["latency"]
    table = rows(page)
    assert table[0] == ["α 0.5", "the paper 160 px", "tf-slim 160 px", "letters 40 px"]
    assert table[1][:3] == ["accuracy", "60.2 %", "59.1 %"]
    assert table[1][3] == f"{own['accuracy']:.1f} ± {own['spread']:.1f} % (3 seeds)"
    # 76,524,800 of 568,740,352; the letters' own count is Measured's.
    share = 100 * own["mult_adds"] / mobilenet_v1(1, 56, num_classes=26).mult_adds
    millions = f"{own['mult_adds'] / 1e6:.2f} M {share:.0f} %"
    assert table[2] == ["mult-adds", "76.5 M 13 %", "76.5 M 13 %", millions]
    assert table[3][:3] == ["parameters", "1.33 M 31 %", "1.33 M 31 %"]
    assert table[4][2] == f"{timed:.2f} ms {100 * timed / slowest:.0f} %"
    assert "–" not in page.locator(".mnt-notes").inner_text()
    put(page, alpha=0.25, resolution=192)  # only plotted in the paper, and not timed
    table = rows(page)
    assert table[1][1:3] == ["–", "47.7 %"]
    assert table[4][1:3] == ["–", "–"]
    notes = page.locator(".mnt-notes").inner_text()
    assert "–: the paper prints eight of the sixteen accuracies; this one it only plots." in notes
    assert notes.count("–: not timed on this machine.") == 1


def test_it_says_in_words_what_it_shows(page, explorer):
    said = page.locator(".mn-said")
    assert said.get_attribute("role") == "status"
    put(page, alpha=0.75)
    own = next(
        r for r in explorer.sources["letters"] if (r["alpha"], r["resolution"]) == (0.75, 40)
    )
    letters = f"letters {own['accuracy']:.1f} ± {own['spread']:.1f} % (3 seeds)"
    chosen = f"Alpha 0.75, rho 0.714: the paper no accuracy, tf-slim 65.3 %, {letters}."
    assert said.text_content().replace("\u00a0", " ") == chosen
    put(page, budget=1e8)
    text = said.text_content().replace("\u00a0", " ")
    assert text.startswith(f"{chosen} You have 100 M: the paper 0.5 MobileNet-160, 60.2 %; ")
    label = panel(page, 0)["label"].replace("\u00a0", " ")
    assert label == (
        "ImageNet, 1000 classes, top-1 accuracy, % against mult-adds, millions. "
        "the paper: 8 networks, from 0.25 MobileNet-224 with 50.6 % to 1.0 MobileNet-224 with "
        "70.6 %. tf-slim: 16 networks, from 0.25 MobileNet-128 with 41.5 % to 1.0 MobileNet-224 "
        "with 70.9 %."
    )
    stage = page.locator(".mnt-stage")
    assert stage.get_attribute("role") == "application"
    for reference in stage.get_attribute("aria-describedby").split():
        assert page.locator(f"#{reference}").text_content()
    for control in page.locator(".mn-body").locator("select, input").all():
        assert control.evaluate("e => e.labels.length") == 1
        assert control.get_attribute("data-lm-suppress-shortcuts") == "true"


def test_shape_tells_the_widths_apart_without_colour(page):
    shapes = page.evaluate(
        """() => {
            const found = {};
            for (const e of document.querySelectorAll(".mnt-panel .mnt-mark")) {
                const kind = e.getAttribute("d").replace(/[-\\d., ]+/g, "");
                (found[e.dataset.alpha] ??= new Set()).add(kind);
            }
            return Object.fromEntries(Object.entries(found).map(([k, v]) => [k, [...v]]));
        }"""
    )
    assert set(shapes) == {"1", "0.75", "0.5", "0.25"}
    assert all(len(kinds) == 1 for kinds in shapes.values())
    assert len({kinds[0] for kinds in shapes.values()}) == 4


@pytest.mark.parametrize("width", [320, 390, 1280])
@pytest.mark.parametrize("axis", FIELDS)
def test_it_fits_the_screen(page, width, axis):
    page.set_viewport_size({"width": width, "height": 720})
    put(page, axis=axis, budget={"latency": 8}.get(axis, 2e6), alpha=0.25, resolution=192)
    frames(page)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    boxes = [p.bounding_box() for p in page.locator(".mnt-panel").all()]
    assert all(box["width"] >= 280 for box in boxes)
    assert (boxes[0]["y"] == boxes[1]["y"]) == (width == 1280)  # side by side only where wide
    if width == 1280:  # all of it on a projector's page
        assert page.evaluate("() => document.documentElement.scrollHeight") <= 720
    inside = page.evaluate(
        """() => [...document.querySelectorAll(".mnt-panel")].every((svg) => {
            const frame = svg.getBoundingClientRect();
            return [...svg.querySelectorAll("text, .mnt-mark, .mnt-star")].every((e) => {
                const box = e.getBoundingClientRect();
                return box.left >= frame.left - 1 && box.right <= frame.right + 1
                    && box.top >= frame.top - 1 && box.bottom <= frame.bottom + 1;
            });
        })"""
    )
    assert inside


def test_removing_it_stops_listening(page):
    page.evaluate("() => window.remove()")
    assert page.evaluate("() => model.listening") == 0
