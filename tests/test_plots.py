"""Figures: every one has a description with its numbers, and draws what it was given."""

import io

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from mobilenet_lib import cost, mobilenet_v1, plots
from mobilenet_lib.photos import load_photo, to_gray
from mobilenet_lib.plots.figure import SHARP_DPI, SHOWN_DPI

ARCH = mobilenet_v1()
RNG = np.random.default_rng(0)

FIGURES = {
    "channels": (lambda: plots.channels(load_photo("flower", 32)), ["32 by 32"]),
    "filtered": (
        lambda: plots.filtered(to_gray(load_photo("cat", 32)), {"identity": np.eye(3)[1:2].T}),
        ["identity from"],
    ),
    "padding_and_stride": (plots.padding_and_stride, ["same padding with stride 2 puts 0 zeros"]),
    "im2col_matrices": (
        lambda: plots.im2col_matrices(load_photo("china", 8), RNG.standard_normal((3, 3, 3, 5))),
        ["64 by 27 patch matrix", "9.0 times"],
    ),
    "filter_shapes": (plots.filter_shapes, ["180 weights", "36 weights", "20 weights", "56"]),
    "layer_blocks": (plots.layer_blocks, ["3×3 Depthwise Conv, BN, ReLU, 1×1 Conv"]),
    "reduction_curve": (plots.reduction_curve, ["11.2 % at N = 1024, never below 11.1 %"]),
    "counter_race": (
        lambda: plots.counter_race(3, 512, 512, 14, 0.5),
        ["98 of 196", "separable 196", "231,211,008", "11.3 %"],
    ),
    "ladder": (lambda: plots.ladder(cost.layer_ladder()), ["462.4", "52.3", "29.6", "15.1"]),
    "profile": (lambda: plots.profile(ARCH, "pw_3"), ["94.86 %", "51.4 million in pw_3"]),
    "shares": (lambda: plots.shares(ARCH), ["1.91 %", "24.33 %"]),
    "shape_of_maps": (lambda: plots.shape_of_maps(ARCH), ["conv_0, dw_2, dw_4, dw_6, dw_12"]),
    "receptive_fields": (
        lambda: plots.receptive_fields(ARCH, load_photo("cat", 224), ("conv_0", "pw_13")),
        ["conv_0 3 by 3", "pw_13 315 by 315"],
    ),
    "feature_maps": (
        lambda: plots.feature_maps(
            {n: RNG.random((8, 6, 6), np.float32) for n in ("conv_0", "dw_1")}
        ),
        ["conv_0, 6 of 8 channels, 6 by 6"],
    ),
}


def test_every_public_figure_is_tested_here():
    assert set(FIGURES) == set(plots.__all__) - {"COLOURS", "BookFigure"}


@pytest.mark.parametrize("name", FIGURES)
def test_figure_says_what_it_shows(name):
    draw, facts = FIGURES[name]
    figure = draw()
    assert isinstance(figure, plots.BookFigure)
    for fact in facts:
        assert fact in figure.alt
    image = Image.open(io.BytesIO(figure.png()))
    assert image.size == tuple(np.round(figure.get_size_inches() * SHARP_DPI).astype(int))
    pixels = np.asarray(image.convert("L"))
    assert pixels.std() > 10  # something was drawn
    inside = figure.get_window_extent()
    figure.canvas.draw()
    for axes in figure.axes:  # nothing is cut off at the figure's edge
        box = axes.get_tightbbox()
        over = max(-box.x0, -box.y0, box.x1 - inside.width, box.y1 - inside.height)
        assert over <= 2, f"{name}: {axes.get_title() or axes.get_ylabel()} is cut off"


def test_bars_are_as_long_as_the_numbers():
    figure = plots.counter_race(3, 8, 4, 10)
    bars = figure.axes[2].patches
    widths = [bar.get_width() for bar in bars]
    assert widths == [9 * 8 * 4 * 100, 9 * 8 * 100, 8 * 4 * 100]
    colours = [to_rgb(plots.COLOURS[kind]) for kind in ("standard", "depthwise", "pointwise")]
    assert [bar.get_facecolor()[:3] for bar in bars] == colours


def test_the_race_ends_when_the_work_is_done():
    for done, standard, separable in ((0, 0, 0), (0.12, 23, 196), (1, 196, 196)):
        figure = plots.counter_race(3, 512, 512, 14, done)
        filled = [int(axes.images[0].get_array().sum()) for axes in figure.axes[:2]]
        assert filled == [standard, separable]
    one_filter = plots.counter_race(1, 8, 1, 10, 0.5)  # here separable is the slower one
    assert [int(axes.images[0].get_array().sum()) for axes in one_filter.axes[:2]] == [100, 50]


def test_profile_draws_each_layers_cost():
    figure = plots.profile(ARCH)
    tops = [segment[1][1] for segment in figure.axes[0].collections[0].get_segments()]
    assert tops == [layer.mult_adds / 1e6 for layer in ARCH.layers]
    weights = [segment[1][1] for segment in figure.axes[1].collections[0].get_segments()]
    assert weights == [layer.parameters_as_printed / 1e3 for layer in ARCH.layers]


def test_html_has_alt_text_and_shrinks_with_the_page():
    figure = plots.shares(ARCH)
    figure.alt = 'a "quoted" <text>'
    html = figure.html(SHOWN_DPI)
    assert 'alt="a &quot;quoted&quot; &lt;text&gt;"' in html
    assert "max-width:max(100%,560px)" in html
    assert "overflow-x:auto" in html
    assert "data:image/png;base64," in html


def test_receptive_fields_want_a_photo_of_the_networks_size():
    with pytest.raises(ValueError, match=r"must be 224x224.*got \(100, 100, 3\)"):
        plots.receptive_fields(ARCH, load_photo("cat", 100), ("dw_1",))


def test_colours_are_told_apart_by_every_kind_of_colour_vision():
    """Simulated dichromacy (Viénot, Brettel and Mollon 1999) keeps the four kinds apart."""
    to_lms = np.array(
        [[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]]
    )
    protan = np.array([[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]])
    deutan = np.array([[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]])
    kinds = [np.array(to_rgb(plots.COLOURS[k])) for k in mobilenet_v1().by_kind()]
    for simulate in (np.eye(3), protan, deutan):
        seen = [np.linalg.inv(to_lms) @ simulate @ to_lms @ (rgb**2.2) for rgb in kinds]
        for i, a in enumerate(seen):
            for b in seen[:i]:
                assert np.abs(a - b).max() > 0.08
