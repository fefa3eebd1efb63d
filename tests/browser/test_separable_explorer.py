"""The separable explorer in a real browser: its numbers against Python and torch, its hands."""

import itertools

import numpy as np
import pytest
import torch
from standalone import frames, put, second_view, write_page

from mobilenet_lib import cost
from mobilenet_lib.explorers import SeparableExplorer

pytestmark = pytest.mark.browser

MINUS = "\u2212"


@pytest.fixture
def explorer():
    return SeparableExplorer()


@pytest.fixture
def page(explorer, browser_page, browser_log, tmp_path):
    browser_page.goto(write_page(explorer, tmp_path))
    browser_page.wait_for_selector(".mn-separable[data-total]")
    frames(browser_page)
    yield browser_page
    assert browser_log.console_errors == []


def shown(page):
    frames(page)
    return page.evaluate("() => ({ ...document.querySelector('.mn-separable').dataset })")


def told(page, kind):
    """The line below a lane that says what its marked pixel comes to."""
    frames(page)
    return page.locator(f"[data-part='{kind}-products'] .mnd-total").inner_text()


def value(page, kind):
    frames(page)
    return int(page.locator(f"canvas[data-lane='{kind}']").get_attribute("data-value"))


def spot(page, kind, stage, channel, row, column):
    """Where a pixel of a sheet is in the window."""
    return page.evaluate(
        """([kind, ...place]) => {
            const canvas = document.querySelector(`canvas[data-lane=${kind}]`);
            const { left, top } = canvas.getBoundingClientRect(), [x, y] = canvas.where(...place);
            return [left + x, top + y];
        }""",
        [kind, stage, channel, row, column],
    )


def place(page):
    return page.evaluate("() => ['stage', 'channel', 'row', 'column'].map((f) => model.get(f))")


# --- Numbers --------------------------------------------------------------------------------------

LAYERS = [
    SeparableExplorer(k, m, n, size, stride, groups, multiplier)
    for (m, n, groups), k, size, stride, multiplier in itertools.product(
        ((3, 6, 1), (3, 6, 3), (4, 4, 2), (4, 4, 4), (1, 5, 1), (4, 8, 4), (6, 4, 2)),
        (1, 3, 5, 7),
        (1, 5, 6, 9),
        (1, 2),
        (1, 3),
    )
]
MAPS = """(layers) => layers.map((layer) => {
    const { input, outputs, filtered, mixed, outSize } = explorer.maths.layer(layer);
    return [outSize, ...[input, outputs, filtered, mixed].map((all) => all.map((p) => [...p]))];
})"""


def as_script(layer):
    """The layer as the page's formulas take it."""
    return {
        "kernelSize": layer.kernel_size,
        "inChannels": layer.in_channels,
        "outChannels": layer.out_channels,
        "size": layer.size,
        "stride": layer.stride,
        "groups": layer.groups,
        "multiplier": layer.depth_multiplier,
    }


def test_every_pixel_equals_numpy(page):
    """Input, standard in its groups, depthwise and pointwise maps of 448 layers."""
    found = page.evaluate(MAPS, [as_script(layer) for layer in LAYERS])
    for layer, (out_size, *stacks) in zip(LAYERS, found, strict=True):
        assert out_size == layer.out_size
        ours = layer.feature_map, layer.output, layer.filtered, layer.mixed
        for planes, expected in zip(stacks, ours, strict=True):
            np.testing.assert_array_equal(
                planes, np.moveaxis(expected, 2, 0).reshape(expected.shape[2], -1), repr(layer)
            )


def nchw(maps):
    return torch.from_numpy(np.moveaxis(maps, 2, 0).copy()).double()[None]


def padded(layer):
    before, after = cost.same_padding(layer.size, layer.kernel_size, layer.stride)
    return torch.nn.functional.pad(nchw(layer.feature_map), (before, after, before, after))


@pytest.mark.parametrize("layer", LAYERS[::3], ids=repr)
def test_the_maps_are_torchs(layer):
    """Grouped and depthwise convolutions as torch does them."""
    filters = torch.from_numpy(layer.kernel).double().permute(3, 2, 0, 1)
    grouped = torch.nn.functional.conv2d(
        padded(layer), filters, stride=layer.stride, groups=layer.groups
    )
    np.testing.assert_array_equal(nchw(layer.output), grouped)
    flat = torch.from_numpy(layer.depthwise_kernel).double().permute(2, 0, 1)[:, None]
    filtered = torch.nn.functional.conv2d(
        padded(layer), flat, stride=layer.stride, groups=layer.in_channels
    )
    np.testing.assert_array_equal(nchw(layer.filtered), filtered)
    needles = torch.from_numpy(layer.pointwise_kernel).double().T[:, :, None, None]
    np.testing.assert_array_equal(nchw(layer.mixed), torch.nn.functional.conv2d(filtered, needles))


def test_the_numbers_are_worth_looking_at():
    """No filter is empty, and no two of the small layer are the same."""
    layer = SeparableExplorer()
    for kernel in (layer.kernel, layer.depthwise_kernel, layer.pointwise_kernel):
        filters = kernel.reshape(-1, kernel.shape[-1]).T
        assert np.abs(filters).sum(axis=1).min() > 0
        assert len(np.unique(filters, axis=0)) == len(filters)
    assert layer.feature_map.min() == 0
    assert (layer.feature_map.max(axis=(0, 1)) == 9).all()


COSTS = """(grid) => grid.map(([k, m, n, size, groups, multiplier]) => [
    explorer.cost.standardMultAdds(k, m, n, size, groups),
    explorer.cost.depthwiseMultAdds(k, m, size, multiplier),
    explorer.cost.pointwiseMultAdds(m, n, size),
    explorer.cost.separableMultAdds(k, m, n, size, multiplier),
    explorer.cost.reduction(k, n),
    explorer.cost.standardWeights(k, m, n, groups),
    explorer.cost.depthwiseWeights(k, m, multiplier),
    explorer.cost.separableWeights(k, m, n, multiplier),
])"""


def test_costs_equal_pythons(page):
    """Equations 2, 4 and 5 and the weights over 1,728 layers, to the last digit."""
    grid = [
        (k, m, n, size, groups, multiplier)
        for k, m, n, size, groups, multiplier in itertools.product(
            (1, 3, 5, 7), (1, 3, 32, 4096), (1, 6, 512, 4096), (1, 5, 112), (1, 2, 16), (1, 2, 4)
        )
        if m % groups == 0 and n % groups == 0
    ]
    for given, found in zip(grid, page.evaluate(COSTS, grid), strict=True):
        k, m, n, size, groups, multiplier = given
        assert found == [
            cost.standard_mult_adds(k, m // groups, n, size),
            cost.depthwise_mult_adds(k, m * multiplier, size),
            cost.pointwise_mult_adds(m, n, size),
            cost.depthwise_mult_adds(k, m * multiplier, size)
            + cost.pointwise_mult_adds(m * multiplier, n, size),
            cost.reduction(k, n),
            cost.standard_weights(k, m // groups, n),
            cost.depthwise_weights(k, m * multiplier),
            cost.depthwise_weights(k, m * multiplier) + cost.standard_weights(1, m * multiplier, n),
        ], given


def test_groups_that_divide(page):
    for m, n in itertools.product((1, 2, 3, 4, 6, 12, 512), (1, 4, 6, 8, 18, 1024)):
        possible = page.evaluate("([m, n]) => explorer.cost.possibleGroups(m, n)", [m, n])
        assert possible == [g for g in range(1, 513) if m % g == 0 and n % g == 0]


WALK = """([layer, places, steps]) =>
    steps.map((done) => explorer.maths.progress(done, layer, places))"""


def loops(layer):
    """Every multiplication in order, as nested loops: (place, stage, channel, product)."""
    places, cells = range(layer.out_size**2), layer.kernel_size**2
    window = cells * layer.in_channels // layer.groups
    maps = layer.in_channels * layer.depth_multiplier
    standard = itertools.product(places, ["output"], range(layer.out_channels), range(window))
    separable = (
        step
        for p in places
        for step in itertools.chain(
            itertools.product([p], ["depthwise"], range(maps), range(cells)),
            itertools.product([p], ["output"], range(layer.out_channels), range(maps)),
        )
    )
    return {"standard": list(standard), "separable": list(separable)}


@pytest.mark.parametrize(
    "layer",
    [
        SeparableExplorer(),
        SeparableExplorer(1, 2, 4, 3, 2, 2, 3),
        SeparableExplorer(5, 4, 4, 4, 2, 4),
    ],
    ids=repr,
)
def test_the_race_does_every_multiplication_once_in_order(page, layer):
    orders = loops(layer)
    assert len(orders["standard"]) == layer.mult_adds[0]
    assert len(orders["separable"]) == sum(layer.mult_adds[1:])
    most = max(map(len, orders.values()))
    found = page.evaluate(WALK, [as_script(layer), layer.out_size**2, list(range(1, most + 1))])
    for kind, order in orders.items():
        for done, each in enumerate(found, 1):
            now, last = each[kind], min(done, len(order))
            step = (now["place"], now["stage"], now["channel"], now["product"] - 1)
            assert step == order[last - 1], (kind, done)
            assert now["spent"] == last
            assert now["finished"] == last * layer.out_size**2 // len(order)


def test_pixels_appear_when_their_last_product_is_done(page):
    layer = SeparableExplorer(3, 2, 3, 2)
    orders = loops(layer)
    last = {  # of every pixel of every map
        kind: {(s, c, p): step for step, (p, s, c, _) in enumerate(order, 1)}
        for kind, order in orders.items()
    }
    ready = page.evaluate(
        """([layer, places, most, many]) => Array.from({ length: most + 1 }, (_, done) => {
            const now = explorer.maths.progress(done, layer, places), of = (kind, stage, n) =>
                Array.from({ length: n }, (_, c) => explorer.maths.pixelsDone(now[kind], stage, c));
            return [of("standard", "output", many[1]), of("separable", "depthwise", many[0]),
                of("separable", "output", many[1])];
        })""",
        [as_script(layer), 4, layer.mult_adds[0], [2, 3]],
    )
    stages = (("standard", "output", 3), ("separable", "depthwise", 2), ("separable", "output", 3))
    for done, stacks in enumerate(ready):
        for (kind, stage, many), found in zip(stages, stacks, strict=True):
            expected = [sum(last[kind][stage, c, p] <= done for p in range(4)) for c in range(many)]
            assert found == expected, (kind, stage, done)


# --- What is shown --------------------------------------------------------------------------------


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(
    ("m", "n", "groups", "multiplier"), [(3, 6, 1, 1), (4, 4, 2, 2), (4, 8, 4, 1)]
)
def test_every_marked_pixel_is_the_maps_value(page, m, n, groups, multiplier, stride):
    layer = SeparableExplorer(3, m, n, 5, stride, groups, multiplier)
    put(
        page,
        in_channels=m,
        out_channels=n,
        groups=groups,
        depth_multiplier=multiplier,
        stride=stride,
    )
    side = range(layer.out_size)
    for channel, row, column in itertools.product(range(n), side, side):
        if (channel + row + column) % 3:
            continue
        put(page, stage="output", channel=channel, row=row, column=column)
        assert value(page, "standard") == layer.output[row, column, channel]
        assert value(page, "separable") == layer.mixed[row, column, channel]
    for channel in range(m * multiplier):
        put(page, stage="depthwise", channel=channel, row=side[-1], column=0)
        assert value(page, "separable") == layer.filtered[side[-1], 0, channel]


def test_the_products_are_those_of_the_window(page, explorer):
    put(page, channel=4, row=0, column=4)
    cells = page.locator("[data-part='standard-products'] .mnd-cell")
    factors = [
        tuple(int(x) for x in text.replace(MINUS, "-").split("×"))
        for text in cells.all_inner_texts()
    ]
    window = np.pad(explorer.feature_map, ((1, 1), (1, 1), (0, 0)))[0:3, 4:7]
    expected = [
        (window[i, j, m], explorer.kernel[i, j, m, 4])
        for m in range(3)
        for i in range(3)
        for j in range(3)
    ]
    assert factors == expected
    assert sum(x * w for x, w in factors) == explorer.output[0, 4, 4] == value(page, "standard")
    zeros = [cell.get_attribute("data-zero") is not None for cell in cells.all()]
    assert zeros == [True, True, True, False, False, True, False, False, True] * 3
    sums = page.locator("[data-part='separable-products'] .mnd-sum").all_inner_texts()
    assert [text.replace(MINUS, "-") for text in sums] == [
        f"{g} × {w} = {g * w}"
        for g, w in zip(explorer.filtered[0, 4], explorer.pointwise_kernel[:, 4], strict=True)
    ]


SHEETS = (("standard", "output"), ("separable", "output"), ("separable", "depthwise"))


def sheet_colours(page, kind, stage, many, side):
    """The colour in the middle of every pixel of a stack's sheets, (many, side, side, 3)."""
    found = page.evaluate(
        """([kind, stage, many, side]) => {
            const canvas = document.querySelector(`canvas[data-lane=${kind}]`), seen = [];
            const pen = canvas.getContext("2d"), scale = canvas.width / canvas.clientWidth;
            for (let c = 0; c < many; c++) for (let p = 0; p < side * side; p++) {
                const [x, y] = canvas.where(stage, c, Math.floor(p / side), p % side);
                seen.push([...pen.getImageData(x * scale, y * scale, 1, 1).data.slice(0, 3)]);
            }
            return seen;
        }""",
        [kind, stage, many, side],
    )
    return np.array(found).reshape(many, side, side, 3)


@pytest.mark.parametrize(("kind", "stage"), SHEETS)
def test_sheets_show_their_values(page, explorer, kind, stage):
    """From a hint of its colour at a map's least value to all of it at its greatest."""
    maps = {
        ("standard", "output"): explorer.output,
        ("separable", "output"): explorer.mixed,
        ("separable", "depthwise"): explorer.filtered,
    }[kind, stage]
    put(page, stage=stage, channel=0, row=4, column=4)
    seen = sheet_colours(page, kind, stage, maps.shape[2], 5)
    inks = [(26, 26, 26)] * 6 if stage == "output" else [None, (138, 106, 0), (91, 75, 196)]
    for channel in range(1, maps.shape[2]):  # lines cross the first
        plane = maps[..., channel]
        share = 0.13 + 0.87 * (plane - plane.min()) / np.ptp(plane)
        expected = 255 + share[..., None] * (np.array(inks[channel]) - 255)
        np.testing.assert_allclose(seen[channel], expected, atol=2)


def test_sheets_fill_as_the_race_goes(page):
    """After 700: standard 4 places, a map and 25 products; separable 15 places, 2 maps and 7."""
    put(page, done=700)
    ready = ([5, 4, 4, 4, 4, 4], [15] * 6, [16, 16, 15])
    worked_on = (("standard", "output", 1), ("separable", "depthwise", 2))  # lines cross these
    for (kind, stage), counts in zip(SHEETS, ready, strict=True):
        seen = sheet_colours(page, kind, stage, len(counts), 5).reshape(len(counts), 25, 3)
        for channel, (pixels, count) in enumerate(zip(seen, counts, strict=True)):
            empty = [pixel.tolist() == [245, 245, 245] for pixel in pixels]
            assert not any(empty[:count]), (kind, stage, channel)
            if (kind, stage, channel) not in worked_on:
                assert all(empty[count:]), (kind, stage, channel)


def test_lines_run_to_the_marked_pixel_from_all_that_made_it(page):
    """A line in the channel's colour leaves every channel that is read, and no other."""

    def lines(kind):
        """How many lines cross the gap between the input sheets and the filters."""
        return page.evaluate(
            """(kind) => {
                const canvas = document.querySelector(`canvas[data-lane=${kind}]`);
                const scale = canvas.width / canvas.clientWidth, size = model.get("size");
                const right = canvas.where("input", 0, -0.5, size)[0] + 8, top = 40 * scale;
                const { data } = canvas.getContext("2d").getImageData(
                    right * scale, top, 1, canvas.height - top);
                let seen = 0;
                for (let i = 7; i < data.length; i += 4) {
                    if (data[i] > 8 && data[i - 4] <= 8) seen++;
                }
                return seen;
            }""",
            kind,
        )

    put(page, in_channels=4, out_channels=4, channel=1, row=2, column=2)
    counts = {}
    for groups in (1, 2, 4):
        put(page, groups=groups)
        counts[groups] = lines("standard")
    assert counts[1] > counts[2] > counts[4] > 0
    put(page, stage="depthwise")
    assert lines("separable") == counts[4]


def test_counters_and_their_ratio(page):
    counters = page.locator("[data-part='counters']")
    text = counters.inner_text()
    assert "4,050 of 4,050 = 3²·3·6·5²" in text
    assert "1,125 of 1,125 = 3²·3·5² + 3·6·5²" in text
    assert "27.8 % = 1/6 + 1/3²" in text
    page.locator(".mnd-layer").select_option("Table 3: 512 to 512")
    frames(page)
    text = counters.inner_text()
    assert "462,422,016 of 462,422,016" in text
    assert "52,283,392 of 52,283,392" in text
    assert f"{100 * cost.reduction(3, 512):.1f} % = 1/512 + 1/3²" in text
    assert "Depthwise 903,168, pointwise 51,380,224." in text
    put(page, in_channels=4, out_channels=8, size=6, groups=4, depth_multiplier=2, stride=2)
    layer = SeparableExplorer(3, 4, 8, 6, 2, 4, 2)
    grouped, filtering, mixing = layer.mult_adds
    text = counters.inner_text()
    assert f"{grouped:,} of {grouped:,}" in text
    assert f"{filtering + mixing:,} of {filtering + mixing:,}" in text
    assert f"{100 * (filtering + mixing) / grouped:.1f} % = (1/8 + 1/3²) · 2 · 4" in text
    assert (filtering + mixing) / grouped == pytest.approx(cost.reduction(3, 8) * 2 * 4)


def test_bars_are_as_long_as_the_numbers(page):
    put(page, done=500)
    spans = page.locator(".mnd-bar span").evaluate_all(
        "all => all.map((e) => [e.className, parseFloat(e.style.left), parseFloat(e.style.width)])"
    )
    share = 100 / 4050
    expected = {  # place 11 of 25 has its 27 depthwise products and 18 pointwise; 5 are left
        "mnd-all mnd-standard": (0, 4050),
        "mnd-fill mnd-standard": (0, 500),
        "mnd-all mnd-depthwise": (0, 675),
        "mnd-all mnd-pointwise": (675, 450),
        "mnd-fill mnd-depthwise": (0, 11 * 27 + 5),
        "mnd-fill mnd-pointwise": (675, 11 * 18),
    }
    assert len(spans) == len(expected)
    for name, left, width in spans:
        start, length = expected[name]
        assert left == pytest.approx(start * share, abs=1e-3), name
        assert width == pytest.approx(length * share, abs=1e-3), name


def test_groups_always_divide(page):
    put(page, in_channels=4, out_channels=4, groups=4)
    assert "Depthwise, by groups = M" in page.locator(".mnd-title").first.inner_text()
    page.locator("[data-field=out_channels]").press("ArrowRight")  # to 5
    frames(page)
    assert page.evaluate("() => [model.get('out_channels'), model.get('groups')]") == [5, 1]
    assert page.locator("[data-field=groups]").is_disabled()
    put(page, groups=3)  # from Python or a link: the next smaller one that divides is used
    assert shown(page)["groups"] == "1"
    put(page, in_channels=8, out_channels=12, groups=3)
    assert shown(page)["groups"] == "2"
    assert SeparableExplorer(in_channels=8, out_channels=12, groups=2).groups_used == 2


# --- Hands ----------------------------------------------------------------------------------------


def test_the_mouse_shows_a_pixel_and_a_click_keeps_it(page, explorer):
    before = value(page, "standard"), value(page, "separable")
    page.mouse.move(*spot(page, "standard", "output", 3, 1, 4))
    assert value(page, "standard") == explorer.output[1, 4, 3]
    assert value(page, "separable") == explorer.mixed[1, 4, 3]  # the other lane shows the same one
    page.mouse.move(5, 5)
    assert (value(page, "standard"), value(page, "separable")) == before
    assert place(page) == ["output", None, None, None]
    page.mouse.click(*spot(page, "separable", "depthwise", 2, 4, 0))
    page.mouse.move(5, 5)
    assert value(page, "separable") == explorer.filtered[4, 0, 2]
    assert place(page) == ["depthwise", 2, 4, 0]
    page.mouse.click(*spot(page, "separable", "input", 0, 3, 3))  # the window around it
    assert place(page) == ["depthwise", 2, 3, 3]


@pytest.mark.parametrize(("kind", "stage"), SHEETS)
def test_the_mouse_finds_every_pixel(page, kind, stage):
    for channel, row, column in itertools.product((0, 2), range(5), range(5)):
        page.mouse.click(*spot(page, kind, stage, channel, row, column))
        assert place(page) == [stage, channel, row, column]


def test_a_finger_marks_a_pixel(page, explorer):
    session = page.context.new_cdp_session(page)
    x, y = spot(page, "standard", "output", 5, 4, 2)
    for kind, points in (("touchStart", [{"x": x, "y": y}]), ("touchEnd", [])):
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    frames(page)
    assert place(page) == ["output", 5, 4, 2]
    assert value(page, "standard") == explorer.output[4, 2, 5]


def test_keys_move_the_mark(page, explorer):
    page.locator("canvas[data-lane=separable]").focus()
    for key, stage, channel, row, column in (
        ("ArrowRight", "output", 0, 2, 3),
        ("ArrowDown", "output", 0, 3, 3),
        ("PageDown", "output", 1, 3, 3),
        ("Shift+ArrowLeft", "output", 1, 3, 0),
        ("Shift+PageDown", "output", 5, 3, 0),
        ("Home", "depthwise", 2, 3, 0),
        ("PageUp", "depthwise", 1, 3, 0),
        ("ArrowUp", "depthwise", 1, 2, 0),
        ("End", "output", 1, 2, 0),
    ):
        page.keyboard.press(key)
        frames(page)
        assert place(page) == [stage, channel, row, column], key
        maps = explorer.filtered if stage == "depthwise" else explorer.mixed
        assert value(page, "separable") == maps[row, column, channel], key


def test_steps_go_product_by_product(page, explorer):
    put(page, row=4, column=4, channel=2)
    step, back = page.locator(".mnd-step"), page.locator(".mnd-back")
    for _ in range(5):
        step.click()
    assert page.evaluate("() => model.get('done')") == 5
    assert place(page) == ["output", None, None, None]  # the mark goes where the race is
    back.click()
    pixel, weight = explorer.feature_map[0, 0, 0], explorer.kernel[1, 0, 0, 0]
    assert page.evaluate("() => model.get('done')") == 4
    frames(page)
    now = page.locator("[data-part='standard-products'] [data-now]")
    assert now.all_inner_texts() == [f"0×{weight}"]
    assert told(page, "standard").startswith("Output 1 (row 1, column 1): 4 of 27, 0 × ")
    step.click()
    product = f"{pixel} × {explorer.kernel[1, 1, 0, 0]} = {pixel * explorer.kernel[1, 1, 0, 0]}"
    assert product.replace("-", MINUS) in told(page, "standard")
    put(page, done=27)
    assert told(page, "standard").endswith(f"sum {explorer.output[0, 0, 0]}".replace("-", MINUS))
    assert "Depthwise map 3 (row 1, column 1): 9 of 9" in told(page, "separable")
    put(page, done=30)
    assert "Output 1 (row 1, column 1): 3 of 3" in told(page, "separable")
    assert value(page, "separable") == explorer.mixed[0, 0, 0]


def test_play_runs_to_the_end_and_slow_motion_goes_slowly(page):
    page.locator(".mnd-slow").click()
    page.wait_for_function("() => model.get('done') >= 3")
    assert page.evaluate("() => model.get('done')") < 12
    assert page.locator(".mnd-slow").inner_text() == "Stop"
    page.locator(".mnd-run").click()  # from slow to fast, from where it is
    assert page.locator(".mnd-slow").inner_text() == "Slow motion"
    page.wait_for_function("() => model.get('done') > 200")
    page.locator(".mnd-run").click()
    stopped = page.evaluate("() => model.get('done')")
    frames(page, 5)
    assert page.evaluate("() => model.get('done')") == stopped
    put(page, done=3900)
    page.locator(".mnd-run").click()
    page.wait_for_function("() => model.get('done') === 4050")
    page.wait_for_function("() => document.querySelector('.mnd-run').textContent === 'Play'")
    state = shown(page)
    assert (state["standard"], state["separable"]) == ("4050", "1125")


def test_a_hand_on_the_other_view_ends_a_race(page):
    second_view(page)
    page.locator(".mnd-run").nth(0).click()
    page.wait_for_function("() => model.get('done') > 20")
    page.locator(".mnd-whole").nth(1).click()
    page.wait_for_function(
        "() => [...document.querySelectorAll('.mnd-run')].every((e) => e.textContent === 'Play')"
    )
    assert page.evaluate("() => model.get('done')") is None


def test_less_movement_goes_to_the_end_at_once(page):
    page.emulate_media(reduced_motion="reduce")
    page.locator(".mnd-run").click()
    assert page.evaluate("() => model.get('done')") == 4050
    put(page, done=10)
    page.locator(".mnd-slow").click()
    assert page.evaluate("() => model.get('done')") == 11


def test_scrubbing_and_another_layer_end_what_was_marked(page):
    put(page, row=1, column=1, channel=1)
    page.locator(".mnd-scrub").press("Home")
    assert page.evaluate("() => [model.get('done'), model.get('row')]") == [0, None]
    page.locator("[data-field=in_channels]").press("ArrowRight")
    assert page.evaluate("() => [model.get('done'), model.get('in_channels')]") == [None, 4]
    frames(page)
    at_once = """() => {
        model.set("in_channels", 3);
        document.querySelector(".mnd-back").click();
        return model.get("done");
    }"""
    assert page.evaluate(at_once) == 9 * 3 * 6 * 25 - 1  # of the layer that is not yet drawn


def test_every_real_layer_is_drawn_in_part(page):
    for option in page.locator(".mnd-layer option").all_inner_texts()[:-1]:
        page.locator(".mnd-layer").select_option(option)
        frames(page)
        assert page.locator(".mnd-layer").input_value() == option
        for kind, stage in (("standard", "output"), ("separable", "depthwise")):
            page.mouse.click(*spot(page, kind, stage, 1, 2, 3))
            assert place(page)[0] == stage
            assert place(page)[1] == 1
    canvas = page.locator("canvas[data-lane=separable]")
    canvas.focus()
    for _ in range(4):
        page.keyboard.press("Shift+PageDown")  # to a map that is not drawn at first
    frames(page)
    assert place(page)[1] == 21
    page.mouse.click(*spot(page, "separable", "depthwise", 21, 3, 3))
    assert place(page) == ["depthwise", 21, 3, 3]


def test_it_says_in_words_what_it_shows(page, explorer):
    put(page, channel=1, row=0, column=3)
    said = page.locator(".mn-said").inner_text()
    standard, separable = (
        f"{maps[0, 3, 1]}".replace("-", MINUS) for maps in (explorer.output, explorer.mixed)
    )
    assert said == (
        f"Standard: output 2, row 1, column 4: 27 products, sum {standard}. "
        f"Separable: output 2, row 1, column 4: 3 products, sum {separable}. "
        "4,050 of 4,050 and 1,125 of 1,125 multiplications done."
    )
    for kind in ("standard", "separable"):
        label = page.locator(f"canvas[data-lane={kind}]").get_attribute("aria-label")
        assert "output 2, row 1, column 4" in label
    for control in page.locator("select, input").all():
        assert control.evaluate("e => e.labels?.length > 0 || e.hasAttribute('aria-label')")


def test_a_link_can_leave_out_a_lane_and_the_counters(browser_page, browser_log, tmp_path):
    widget = SeparableExplorer(hide=["separable", "counters", "play", "layer", "help"])
    browser_page.goto(write_page(widget, tmp_path))
    browser_page.wait_for_selector(".mn-separable[data-total]")
    for part, seen in (("standard", True), ("separable", False), ("counters", False)):
        assert browser_page.locator(f"[data-part='{part}']").is_visible() == seen
    assert browser_page.locator(".mnd-layer, .mnd-play, .mn-help").count() == 0
    browser_page.locator("canvas[data-lane=standard]").press("PageDown")
    assert value(browser_page, "standard") == widget.output[2, 2, 1]
    assert browser_log.console_errors == []


def test_the_tours_right_answers_are_right(explorer):
    standard, filtering, mixing = explorer.mult_adds
    steps = explorer.definition.tour
    assert steps[0]["answers"][steps[0]["right"]].startswith(str(explorer.kernel[..., 0].size))
    assert steps[2]["then"] == f"v1&done={filtering + mixing}"
    assert f"{filtering + mixing:,} of {standard:,}" in steps[2]["because"]
    assert f"{100 * (filtering + mixing) / standard:.1f} %" in steps[2]["because"]
    without = explorer.feature_map.copy()
    assert explorer.filtered.shape[2] == without.shape[2] == 3
    one = SeparableExplorer(out_channels=1)
    assert one.mult_adds[0] < sum(one.mult_adds[1:])
    layer = SeparableExplorer(in_channels=512, out_channels=512, size=14)
    _, filtering, mixing = layer.mult_adds
    assert 0.01 < filtering / (filtering + mixing) < 0.02
