"""The architecture explorer in a real browser: counts, hands, what a layer sees, real maps."""

import json
import re

import pytest
import torch
from standalone import frames, put, write_page
from torch import nn

from mobilenet_lib import load_published, mobilenet_v1
from mobilenet_lib.architecture import BODIES
from mobilenet_lib.explorers import ArchitectureExplorer
from mobilenet_lib.files import find_data, read_json
from mobilenet_lib.photos import credits, load_photo

pytestmark = pytest.mark.browser
DETECTOR = {"alpha": 0.25, "resolution": 96, "body": "separable"}


@pytest.fixture
def page(browser_page, browser_log, tmp_path):
    show(browser_page, ArchitectureExplorer(), tmp_path)
    browser_page.wait_for_selector(".mn-architecture[data-photo=astronaut]")
    yield browser_page
    assert browser_log.console_errors == []


def show(page, explorer, tmp_path):
    page.goto(write_page(explorer, tmp_path))
    page.wait_for_selector(".mn-architecture[data-drawn]")
    frames(page)


def shown(page):
    """What the explorer says it shows."""
    frames(page)
    data = page.evaluate("() => ({ ...document.querySelector('.mn-architecture').dataset })")
    return {name: json.loads(data[name]) for name in ("totals", "values", "sees")} | {
        "layer": data["layer"],
        "maps": data["maps"],
    }


def facts(page):
    """Lines of the card by their title, spaces made plain."""
    names = page.locator(".mnh-facts dt").all_inner_texts()
    lines = page.locator(".mnh-facts dd").all_inner_texts()
    return dict(zip(names, lines, strict=True))


def costs(each):
    moved = each.bytes_moved()
    return {"mult-adds": each.mult_adds, "parameters": each.parameters, "bytes": moved}


# --- Numbers, against Python ----------------------------------------------------------------------


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(
    ("alpha", "resolution"), [(1, 224), (0.5, 160), (0.25, 96), (0.05, 33), (1.5, 320), (0.85, 97)]
)
def test_totals_and_every_layers_costs_equal_pythons(page, body, alpha, resolution):
    put(page, body=body, alpha=alpha, resolution=resolution)
    arch = mobilenet_v1(alpha, resolution, body=body)
    page.locator(".mnh-strip").focus()
    page.keyboard.press("Home")
    for layer in arch.layers:
        found = shown(page)
        assert found["layer"] == layer.name
        for name, value in costs(layer).items():
            assert found["values"][name] == value, (layer.name, name)
            assert found["totals"][name] == costs(arch)[name]
        assert found["sees"][:3] == list(arch.receptive_field_at(layer.name))
        check_card(facts(page), layer, arch)
        page.keyboard.press("ArrowRight")
    assert shown(page)["layer"] == "fc"  # the strip ends there


def check_card(lines, layer, arch):
    """Shapes as in Table 1, and equations whose numbers multiply to what stands behind them."""
    kind, shape, size = (text.replace("x", "×") for text in layer.table_row)
    assert lines["Table 1"].startswith(f"{kind} · {shape} · {size} → ")
    for name, value in costs(layer).items():
        *_, formula, result = lines[name].split(" = ")
        assert re.match(r"[\d,]+", result)[0] == f"{value:,}"
        python = formula.replace("²", "**2").replace("·", "*").replace(",", "")
        assert eval(python) == value, formula
    assert f"{layer.intensity():.1f} operations per byte" in lines["bytes"]
    share = 100 * layer.mult_adds / arch.mult_adds
    assert float(re.search(r" (\S+) % of all", lines["mult-adds"])[1]) == pytest.approx(share, 0.06)


@pytest.mark.parametrize(("alpha", "resolution"), [(1, 224), (0.5, 160)])
def test_a_pair_is_held_against_one_standard_layer(page, alpha, resolution):
    full = mobilenet_v1(alpha, resolution, body="full")
    arch = mobilenet_v1(alpha, resolution)
    put(page, alpha=alpha, resolution=resolution)
    for block in (1, 6, 13):
        both = sum(arch.layer(f"{kind}_{block}").mult_adds for kind in ("dw", "pw"))
        words = []
        for kind in ("dw", "pw"):
            put(page, layer=f"{kind}_{block}")
            words.append(page.locator(".mnh-pair").inner_text())
        assert words[0] == words[1]
        times = float(re.search(r", (\S+) times as many", words[0])[1])
        assert times == pytest.approx(full.layer(f"conv_{block}").mult_adds / both, 0.05)
    put(page, layer="conv_0")
    assert page.locator(".mnh-pair").inner_text() == ""


def test_totals_say_what_is_left_of_the_papers_network(page):
    put(page, alpha=0.5, resolution=160)
    words = page.locator(".mnh-total").all_inner_texts()
    assert "76.5 M mult-adds" in words[0].replace("\n", " ")
    assert "13.5 % of 1.0 MobileNet-224" in words[0]
    assert "31.5 % of" in words[1]
    put(page, body="full", alpha=1, resolution=224)
    assert "8.56 times 1.0 MobileNet-224" in page.locator(".mnh-total").first.inner_text()


@pytest.mark.parametrize("body", BODIES)
def test_shares_of_kinds_are_table_2s(page, body):
    arch = mobilenet_v1(0.75, 192, body=body)
    put(page, alpha=0.75, resolution=192, body=body)
    sums = {"mult-adds": "mult_adds", "parameters": "parameters", "bytes": "bytes_moved"}
    for name, field in sums.items():
        put(page, bars=name)
        assert page.locator(".mnh-legend").inner_text().startswith(f"{name}:")
        whole = costs(arch)[name]
        for kind, total in arch.by_kind().items():
            words = page.locator(f".mnh-kind[data-kind={kind}]").inner_text()
            assert words.endswith(f" {100 * getattr(total, field) / whole:.3g} %")
    put(page, bars="milliseconds")
    assert page.locator(".mnh-kind").first.inner_text() == "standard"


# --- Choosing a layer -----------------------------------------------------------------------------


def middle_of(page, place, count, canvas):
    """Where a column's middle is on the page."""
    box = page.locator(canvas).bounding_box()
    return box["x"] + 58 + (box["width"] - 64) * (place + 0.5) / count, box["y"] + 60


def test_a_layer_is_chosen_by_mouse_and_finger_on_strip_and_bars(page):
    names = [layer.name for layer in mobilenet_v1().layers]
    for canvas in (".mnh-strip", ".mnh-bars"):
        for place in (0, 5, 27, 13):
            page.mouse.click(*middle_of(page, place, 28, canvas))
            assert shown(page)["layer"] == names[place]
    page.mouse.move(*middle_of(page, 3, 28, ".mnh-bars"))
    page.mouse.down()
    page.mouse.move(*middle_of(page, 9, 28, ".mnh-bars"), steps=4)
    assert shown(page)["layer"] == names[9]
    page.mouse.up()
    touch = page.context.new_cdp_session(page)
    x, y = middle_of(page, 20, 28, ".mnh-strip")
    touch.send(
        "Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]}
    )
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert shown(page)["layer"] == names[20]


def test_a_layer_is_chosen_by_key_list_and_button(page):
    strip = page.locator(".mnh-strip")
    strip.focus()
    for key, name in (
        *(
            ("Home", "conv_0"),
            ("ArrowRight", "dw_1"),
            ("ArrowUp", "pw_1"),
            ("Shift+ArrowRight", "dw_4"),
        ),
        *(("ArrowLeft", "pw_3"), ("PageUp", "dw_6"), ("End", "fc"), ("ArrowRight", "fc")),
    ):
        page.keyboard.press(key)
        assert shown(page)["layer"] == name
    assert strip.get_attribute("aria-valuetext") == "fc, fully connected, 28 of 28"
    page.locator("[data-field=layer]").select_option("dw_2")
    assert shown(page)["layer"] == "dw_2"
    page.locator(".mnh-after").click()
    assert shown(page)["layer"] == "pw_2"
    page.locator(".mnh-before").click()
    page.locator(".mnh-before").click()
    assert shown(page)["layer"] == "pw_1"
    said = page.locator(".mn-said").inner_text()
    assert "pw_1, pointwise 1×1 convolution, output 112×112×64: 25,690,112 of 568,740,352" in said


def test_another_body_keeps_the_block(page):
    put(page, layer="dw_3")
    for body, name in (("full", "conv_3"), ("shallow", "dw_3")):
        put(page, body=body)
        assert shown(page)["layer"] == name
    put(page, body="separable", layer="conv_3")
    assert shown(page)["layer"] == "pw_3"
    put(page, layer="pw_11", body="shallow")
    assert shown(page)["layer"] == "fc"
    put(page, layer="no such layer")
    assert shown(page)["layer"] == "fc"


# --- What a layer sees ----------------------------------------------------------------------------


def test_the_photo_shows_the_pixel_under_the_hand(page):
    put(page, layer="pw_7")
    photo = page.locator(".mnh-photo")
    box = photo.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert shown(page)["sees"][3:] in ([6, 6], [7, 7])
    page.mouse.click(box["x"] + 2, box["y"] + box["height"] - 2)
    assert shown(page)["sees"][3:] == [13, 0]
    photo.focus()
    for key, place in (
        *(("ArrowUp", [12, 0]), ("ArrowRight", [12, 1]), ("Home", [12, 0]), ("End", [12, 13])),
        *(("PageUp", [0, 13]), ("ArrowUp", [0, 13]), ("Shift+ArrowLeft", [0, 8])),
    ):
        page.keyboard.press(key)
        assert shown(page)["sees"][3:] == place
    words = page.locator(".mnh-figures figcaption")
    assert "One pixel sees 91×91 pixels: " in words.nth(0).inner_text()
    assert "and zeros beyond its edge" in words.nth(0).inner_text()
    assert "14×14: pixel in row 1, column 9" in words.nth(1).inner_text()
    put(page, layer="pw_13")  # the same place of the photo
    assert shown(page)["sees"][3:] == [0, 4]
    put(page, down=50, across=50)
    told = words.nth(0).inner_text()
    assert told == "One pixel sees 315×315 pixels: 100 % of the photo, and zeros beyond its edge"
    put(page, layer="pw_7")
    assert "zeros" not in words.nth(0).inner_text()
    put(page, layer="fc")
    assert "Sees the whole photo" in words.nth(0).inner_text()


def test_the_map_shows_the_pixel_under_the_hand(page):
    box = page.locator(".mnh-map").bounding_box()
    page.mouse.click(box["x"] + 1, box["y"] + box["height"] - 1)
    assert shown(page)["sees"][3:] == [13, 0]


def test_every_photo_can_be_seen_and_an_unknown_one_is_told(page):
    box = page.locator("[data-field=photo]")
    assert box.locator("option").all_inner_texts() == list(credits())
    box.select_option("coffee")
    page.wait_for_selector(".mn-architecture[data-photo=coffee]")
    put(page, photo="no such photo")
    message = page.locator(".mn-message")
    message.wait_for(state="visible")
    assert "There is no photo “no such photo” here; there are astronaut, " in message.inner_text()
    page.wait_for_selector(".mn-architecture[data-photo=astronaut]")


def test_without_the_books_data_all_but_pictures_is_there(
    browser_page, browser_log, tmp_path, monkeypatch
):
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("MOBILENET_DATA", str(tmp_path / "empty"))
    explorer = ArchitectureExplorer(0.5)
    assert explorer.assets() == {}
    assert explorer.times is None
    show(browser_page, explorer, tmp_path)
    told = browser_page.locator(".mnh-told")
    told.wait_for(state="visible")
    assert told.inner_text() == "The book's photos are not here."
    assert shown(browser_page)["totals"]["mult-adds"] == mobilenet_v1(0.5).mult_adds
    assert browser_log.console_errors == []


# --- The person detector's maps -------------------------------------------------------------------


def test_real_maps_are_shown_of_the_person_detector(page):
    net = load_published("person_detector")
    assert shown(page)["maps"] == "none"
    page.locator(".mnh-detector").click()
    page.wait_for_selector(".mn-architecture[data-maps=shown]")
    assert {name: page.evaluate("(n) => model.get(n)", name) for name in DETECTOR} == DETECTOR
    assert page.locator(".mnh-detector").is_hidden()
    for photo in ("cat", "astronaut"):
        put(page, photo=photo)
        page.wait_for_selector(f".mn-architecture[data-photo={photo}]")
        names = [layer.name for layer in net.arch.layers[:-1]]
        with torch.inference_mode():
            maps = net.feature_maps(net.preprocess(load_photo(photo)), names)
        for name in names[::3]:
            put(page, layer=name)
            variances = maps[name][0].var(dim=(1, 2), correction=0)
            best, second = variances.topk(2).values.tolist()
            words = page.locator(".mnh-figures figcaption").nth(1).inner_text()
            if best > 1.02 * second:  # else a rounding of JPEG may decide
                assert words.startswith(f"Map {int(variances.argmax()) + 1} of its output"), name
    put(page, layer="fc")
    assert "has 2 outputs" in page.locator(".mnh-figures figcaption").nth(2).inner_text()
    put(page, resolution=97)
    assert shown(page)["maps"] == "none"


def test_a_map_is_chosen_by_hand_and_by_key(page):
    put(page, **DETECTOR, layer="pw_2")
    page.wait_for_selector(".mn-architecture[data-maps=shown]")
    tiles, words = page.locator(".mnh-tiles"), page.locator(".mnh-figures figcaption").nth(1)
    box = tiles.bounding_box()
    for (x, y), number in (((2, 2), 1), ((0.99, 0.02), 6), ((0.2, 0.2), 8)):
        page.mouse.click(
            box["x"] + (x if x > 1 else x * box["width"]),
            box["y"] + (y if y > 1 else y * box["height"]),
        )
        frames(page)
        assert words.inner_text().startswith(f"Map {number} of")
    tiles.focus()
    for key, number in (
        ("ArrowRight", 9),
        ("ArrowDown", 15),
        ("ArrowUp", 9),
        ("End", 32),
        ("Home", 1),
    ):
        page.keyboard.press(key)
        frames(page)
        assert words.inner_text().startswith(f"Map {number} of")


# --- Times ----------------------------------------------------------------------------------------


def test_times_are_shown_for_the_network_that_was_measured(page):
    book = read_json(find_data("results/bench_layers.json"))["results"]
    times = {each["name"]: each["timing"]["median_ms"] for each in book["layers"]}
    put(page, layer="pw_3")
    assert shown(page)["values"]["milliseconds"] == times["pw_3"]
    assert facts(page)["time"].startswith(f"{times['pw_3']:.3g} ms")
    put(page, alpha=0.5, bars="milliseconds")
    assert shown(page)["totals"]["milliseconds"] is None
    note = page.locator(".mnh-note")
    assert "Times were measured for 1.0 MobileNet-224, separable body" in note.inner_text()
    assert page.locator(".mnh-bars").is_hidden()
    assert "time" not in facts(page)
    note.get_by_role("button").click()
    frames(page)
    assert note.is_hidden()
    assert shown(page)["totals"]["milliseconds"] == pytest.approx(
        sum(times.values()) - times["pool"]
    )


def test_totals_choose_what_the_bars_show(page):
    tabs = page.locator(".mnh-total")
    for place, name in enumerate(("mult-adds", "parameters", "bytes", "milliseconds")):
        tabs.nth(place).press("Enter")
        frames(page)
        assert page.evaluate("() => model.get('bars')") == name
        assert [each.get_attribute("aria-pressed") for each in tabs.all()].index("true") == place
        label = page.locator(".mnh-bars").get_attribute("aria-label")
        assert label.startswith(f"Bars of {name} for 28 layers; most in ")
    tabs.nth(1).click()
    frames(page)
    assert page.locator(".mnh-bars").get_attribute("aria-label").endswith("most in pw_13.")


# --- Any network ----------------------------------------------------------------------------------


class Mixed(nn.Module):
    """A bit of everything: a skip, a shared layer, an embedding, an LSTM, one that never runs."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(50, 8)
        self.lstm = nn.LSTM(8, 8, batch_first=True)
        self.shared = nn.Linear(8, 8)
        self.conv = nn.Conv1d(8, 4, 3, padding=1)
        self.unused = nn.Linear(3, 3)

    def forward(self, words):
        x = self.embed(words)
        x = x + self.lstm(x)[0]
        x = self.shared(self.shared(x))
        return self.conv(x.transpose(1, 2)).mean(2)


@pytest.fixture
def other():
    return ArchitectureExplorer(Mixed(), torch.zeros(1, 6, dtype=torch.long))


def test_any_network_is_shown_row_by_row(other, browser_page, browser_log, tmp_path):
    page = browser_page
    show(page, other, tmp_path)
    assert page.locator(".mnh-title").inner_text() == "Mixed: 6 calls of its layers, in order"
    keys = ["embed", "lstm", "shared", "shared (call 2)", "conv", "unused"]
    assert page.locator("[data-field=layer] option").all_inner_texts() == keys
    assert page.locator("[data-field]").count() == 1
    page.locator(".mnh-strip").focus()
    page.keyboard.press("Home")
    for key, row in zip(keys, other.description, strict=True):
        found = shown(page)
        assert found["layer"] == key
        assert found["values"] == {
            "mult-adds": row.mult_adds,
            "parameters": row.parameters,
            "bytes": row.bytes,
            "milliseconds": None,
        }
        lines = facts(page)
        assert lines["type"] == f"{row.type}({row.detail})"
        assert lines["parameters"].startswith(f"{row.parameters:,} ")
        page.keyboard.press("ArrowRight")
    assert found["totals"] == {
        "mult-adds": other.description.mult_adds,
        "parameters": other.description.parameters,
        "bytes": other.description.bytes_moved,
        "milliseconds": None,
    }
    assert "did not call it" in lines["never ran"]
    put(page, layer="embed")
    assert facts(page)["mult-adds"] == "0 torch has no count for embedding"
    assert facts(page)["shapes"] == "1×6 → 1×6×8"
    put(page, layer="shared (call 2)")
    assert "counted at its first call" in facts(page)["parameters"]
    assert browser_log.console_errors == []


def test_the_costliest_layers_of_a_network_are_a_click_away(
    other, browser_page, browser_log, tmp_path
):
    page = browser_page
    show(page, other, tmp_path)
    order = sorted(other.description, key=lambda row: -row.mult_adds)
    words = page.locator(".mnh-top li").all_inner_texts()
    assert [text.split(":")[0] for text in words] == ["lstm", "conv", "shared", "shared (call 2)"]
    assert words[0] == f"lstm: {100 * order[0].mult_adds / other.description.mult_adds:.2g} %"
    put(page, layer="dw_7")  # a link that names no layer of this network
    assert shown(page)["layer"] == "embed"
    page.get_by_role("button", name="shared (call 2)").click()
    assert shown(page)["layer"] == "shared (call 2)"
    put(page, bars="parameters")
    words = page.locator(".mnh-top li").all_inner_texts()
    assert [text.split(":")[0] for text in words] == ["lstm", "embed", "conv", "shared", "unused"]
    put(page, bars="milliseconds")
    assert page.locator(".mnh-top li").count() == 0
    assert browser_log.console_errors == []


def test_a_link_hides_what_would_tell_the_answer(browser_page, browser_log, tmp_path):
    address = write_page(ArchitectureExplorer(), tmp_path)
    hide = "facts,totals,shares,bars,sees,maps,detector,layer,help"
    browser_page.goto(f"{address}#architecture:v1&hide={hide}")
    browser_page.wait_for_selector(".mn-architecture[data-photo=astronaut]")
    seen = browser_page.locator("canvas:visible")
    assert [each.get_attribute("data-part") for each in seen.all()] == ["strip"]
    for part in (".mnh-facts", ".mnh-pair", ".mnh-totals", ".mn-help", ".mnh-detector"):
        assert browser_page.locator(part).locator("visible=true").count() == 0
    browser_page.locator(".mnh-strip").press("End")
    assert shown(browser_page)["layer"] == "fc"
    assert browser_log.console_errors == []


def test_another_network_has_its_own_call_and_start_and_no_tour(
    other, browser_page, browser_log, tmp_path
):
    page = browser_page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    show(page, other, tmp_path)
    assert page.locator(".mn-start-tour").count() == 0
    put(page, layer="conv", bars="parameters")
    page.locator(".mn-copy-python").click()
    page.wait_for_function(
        "() => document.querySelector('.mn-copied').textContent.includes('Python')"
    )
    code = page.evaluate("() => navigator.clipboard.readText()")
    assert code.endswith('\n\nArchitectureExplorer(net, example, layer="conv", bars="parameters")')
    page.locator(".mn-again").click()
    assert shown(page)["layer"] == "embed"
    page.locator(".mnh-total").nth(3).click()
    frames(page)
    assert page.locator(".mnh-note").inner_text().startswith("No times were handed in")
    assert browser_log.console_errors == []


def test_times_of_another_network_are_shown_where_they_were_handed_in(
    browser_page, browser_log, tmp_path
):
    again = nn.ReLU()
    net = nn.Sequential(nn.Linear(4, 3), again, nn.Linear(3, 2), again)
    times = {"0": 0.5, "2": 0.125, "1 (call 2)": 0.125}
    show(
        browser_page,
        ArchitectureExplorer(net, torch.zeros(1, 4), milliseconds=times, layer="2"),
        tmp_path,
    )
    found = shown(browser_page)
    assert found["values"]["milliseconds"] == 0.125
    assert found["totals"]["milliseconds"] == 0.75
    assert facts(browser_page)["time"] == "0.125 ms 17 % of all"
    put(browser_page, layer="1")
    assert shown(browser_page)["values"]["milliseconds"] is None
    put(browser_page, layer="1 (call 2)")
    assert shown(browser_page)["values"]["milliseconds"] == 0.125
    assert browser_log.console_errors == []


def test_a_thousand_layers_are_drawn_in_time(browser_page, browser_log, tmp_path):
    net = nn.Sequential(*(nn.Conv2d(3, 3, 3, padding=1) for _ in range(1000)))
    show(browser_page, ArchitectureExplorer(net, torch.zeros(1, 3, 8, 8)), tmp_path)
    taken = browser_page.evaluate(
        """async () => {
            const readings = [];
            for (let i = 0; i < 40; i++) {
                const queue = [], ask = window.requestAnimationFrame;
                window.requestAnimationFrame = (draw) => queue.push(draw);
                const start = performance.now();
                model.set("layer", String(i * 20));
                queue.forEach((draw) => draw(start));
                readings.push(performance.now() - start);
                window.requestAnimationFrame = ask;
                await new Promise(ask);
            }
            return readings.sort((a, b) => a - b)[20];
        }"""
    )
    assert taken < 33
    assert shown(browser_page)["layer"] == "780"
    assert browser_log.console_errors == []
