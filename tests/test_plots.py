"""Figures: every one has a description with its numbers, and draws what it was given."""

import base64
import io
import os
import subprocess
import sys
import warnings
from hashlib import sha1
from pathlib import Path
from types import SimpleNamespace

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from matplotlib.text import Text
from PIL import Image
from torch import nn

from mobilenet_lib import cost, mobilenet_v1, paper, plots
from mobilenet_lib.bench.describe import describe_network
from mobilenet_lib.convolution import standard_loops
from mobilenet_lib.explain import Look
from mobilenet_lib.photos import load_photo, to_gray
from mobilenet_lib.plots.figure import SHARP_DPI, SHOWN_DPI, SIGNED, STYLE, book_style
from mobilenet_lib.plots.paper import Task
from mobilenet_lib.results import Measured, pareto

ARCH = mobilenet_v1()
DESCRIPTION = describe_network(
    nn.Sequential(nn.Conv2d(3, 1, 3, bias=True), nn.Linear(6, 9)), torch.zeros(1, 3, 8, 8)
)
RNG = np.random.default_rng(0)
SEEN = Look(
    "person",
    0.782,
    load_photo("astronaut", 24),
    np.array([[0.4, 0, 0], [0, -0.1, 0], [0, 0, 0.2]]),
    np.array([[0, 1], [-3, 0.5]]),
)
# On the line 10 + 10 log10(mult-adds) stand 90, 80, 70, 60; seeds of the third are 2 points off.
NETWORKS = [
    Measured(1.0, 64, "separable", (88.0, 90.0), 10**8, 3_000_000),
    Measured(1.0, 37, "separable", (81.5,), 10**7, 3_000_000),
    Measured(0.25, 64, "separable", (72.0, 76.0), 10**6, 200_000),
    Measured(0.25, 37, "separable", (60.0,), 10**5, 200_000),
]


FIGURES = {
    "pruned_layer": (
        lambda: plots.pruned_layer(0.75, {"dense": 0.5, "CSR": 1.25, "other": 0.25}),
        ["25.0% are left", "CSR 1.25 ms (2.5 times dense)", "other 0.25 ms (0.5 times"],
    ),
    "rounded_weights": (
        lambda: plots.rounded_weights(
            np.array([[0.25, 2.0], [0, 0], [0.25, -0.25]], np.float32),
            np.array([[0.0, 2.0], [0, 0], [0.0, 0.0]], np.float32),
            "a layer",
        ),
        [
            "a layer. The ranges of 2 channels, from 2 down to 0.25",
            "2 different values",
            "1 of the channels lose all their weights; the weights are off by 0.217",
        ],
    ),
    "channels": (lambda: plots.channels(load_photo("flower", 32)), ["32 by 32"]),
    "filtered": (
        lambda: plots.filtered(to_gray(load_photo("cat", 32)), {"identity": np.eye(3)[1:2].T}),
        ["identity from"],
    ),
    "padding_and_stride": (plots.padding_and_stride, ["same padding with stride 2 puts 0 zeros"]),
    "im2col_matrices": (
        lambda: plots.im2col_matrices(
            load_photo("china", 8), np.random.default_rng(0).standard_normal((3, 3, 3, 5))
        ),
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
    "network_rows": (
        lambda: plots.network_rows(DESCRIPTION, "1"),
        ["2 calls of layers of Sequential", "1,296 mult-adds and 91 parameters", "972 in 0"],
    ),
    "shares": (lambda: plots.shares(ARCH), ["1.91 %", "24.33 %"]),
    "shape_of_maps": (lambda: plots.shape_of_maps(ARCH), ["conv_0, dw_2, dw_4, dw_6, dw_12"]),
    "receptive_fields": (
        lambda: plots.receptive_fields(ARCH, load_photo("cat", 224), ("conv_0", "pw_13")),
        ["conv_0 3 by 3", "pw_13 315 by 315"],
    ),
    "feature_maps": (
        lambda: plots.feature_maps(
            {n: np.random.default_rng(0).random((8, 6, 6), np.float32) for n in ("conv_0", "dw_1")}
        ),
        ["conv_0, 6 of 8 channels, 6 by 6"],
    ),
    "verdicts": (
        lambda: plots.verdicts(
            {n: load_photo(n, 32) for n in ("cat", "china")}, [0.07, 0.9], "cat"
        ),
        ["probability of cat", "cat 7 %, china 90 %"],
    ),
    "compared": (
        lambda: plots.compared(["a", "b"], {"right": [0.9, 0.1], "wrong": [0.5, 0.5]}, "person"),
        ["right: a 90 %, b 10 %; wrong: a 50 %, b 50 %"],
    ),
    "filters": (
        lambda: plots.filters(np.random.default_rng(0).standard_normal((10, 3, 3, 3)), columns=5),
        ["The 10 filters", "3 by 3"],
    ),
    "evidence": (
        lambda: plots.evidence(SEEN),
        ["gives person 78 %", "Covering the top left changes that most, by 40 points", "bottom"],
    ),
    "alarms": (
        lambda: plots.alarms(0.811, 0.115, (0.5, 0.01)),
        ["50 % with a person give 88 %", "1 % with a person give 7 %"],
    ),
    "waterfall": (
        lambda: plots.waterfall(
            {"eager": 30.0, "folded": 32.0, "compiled": 16.0, "the same": 16.0, "bf16": 0.5},
            {"eager": "fp32", "folded": "fp32", "compiled": "fp32", "the same": "fp32"}
            | {"bf16": "bf16"},
        ),
        [
            "eager 30; folded 32 (0.94× as fast); compiled 16 (2.00× as fast); "
            "the same 16 (the same); bf16 0.50 (32.00× as fast)",
            "1/60.0 of the first",
        ],
    ),
    "schedules": (
        lambda: plots.schedules({"falling": [0.4, 0.2, 0.1], "one-cycle (quick)": [2.0, 2.0]}),
        [
            "falling starts at 1.00",
            "has it after 33 % of the steps and ends at 0.25",
            "one-cycle (quick)",
        ],
    ),
    "rivals": (
        lambda: plots.rivals(
            {"wide": [90.0, 91.0], "narrow": [80.0, 82.5]}, "test letters read after 20 epochs, %"
        ),
        ["wide 90.5 % (90.0, 91.0); narrow 81.2 % (80.0, 82.5)"],
    ),
    "letters": (
        lambda: plots.letters([load_photo("cat", 16)] * 5, list("ABCDE"), columns=4),
        ["5 colour pictures", "A B C D E"],
    ),
    "guesses": (
        lambda: plots.guesses(
            [load_photo("cat", 16)] * 2, np.array([[0.7, 0.1, 0.2], [0, 0.4, 0.6]]), "OQD", top=2
        ),
        ["O 70 % D 20 %; D 60 % Q 40 %"],
    ),
    "accuracies": (
        lambda: plots.accuracies({"one": 0.5, "two": 0.913}, 1 / 26),
        ["one 50 %, two 91 %", "4 %"],
    ),
    "log_linear": (
        lambda: plots.log_linear(NETWORKS, 10.0, 10.0),
        [
            "4 networks",
            "from 60.0 % with 0.1 million (0.25-37) to 89.0 % with 100 million (1-64)",
            "gains 10.0 points for ten times",
            "misses alpha 0.25: 0.25-64 by +4.0; 0.25-37 by +0.0 points",
            "The others lie −1.0 to +1.5 off",
        ],
    ),
    "pareto_front": (
        lambda: plots.pareto_front(NETWORKS, [100, 10, 1, 0.1], [3, 2, 0]),
        ["3 are on the Pareto front: 0.25-37 0.1 and 60.0 %, 0.25-64 1 and 74.0 %, 1-64", "1-37."],
    ),
    "grid_accuracy": (
        lambda: plots.grid_accuracy(NETWORKS),
        ["over 1 to 2 seeds", "alpha 0.25: 60.0 % at 37, 74.0 ± 2.8 % at 64."],
    ),
}
# A machine of 100 GFLOP/s and 10 GB/s has its ridge at 10 operations per byte.
POINTS = {
    "conv_0": ("standard", 9.8, 20.0),
    "dw_1": ("depthwise", 2.25, 8.0),
    "dw_2": ("depthwise", 0.9, 2.0),
    "pw_1": ("pointwise", 11.0, 50.0),
    "pw_2": ("pointwise", 40.0, 90.0),
    "fc": ("fc", 0.5, 4.0),
}
TIME = {"standard": 0.05, "depthwise": 0.3, "pointwise": 0.6, "pool": 0.01, "fc": 0.04}
WORK = {"standard": 0.02, "depthwise": 0.03, "pointwise": 0.94, "pool": 0.0, "fc": 0.01}
PRUNED = (
    (0.0, 0.9, 0.99),
    {"dense": (2.0, 2.0, 2.0), "torch CSR": (10.0, 1.0, 0.1), "SciPy CSR": (20.0, 8.0, 4.0)},
    {"torch CSR": 0.8, "SciPy CSR": None},
)
FIGURES |= {
    "roofline": (
        lambda: plots.roofline(POINTS, 100.0, {"L2": 50.0, "memory": 10.0}),
        [
            "6 layers on log axes under a roof of 100 GFLOP/s",
            "50 GB/s for L2, 10 GB/s for memory; the ridge of memory is at 10 operations per byte",
            "2 Conv DW 3x3: 2 to 8 GFLOP/s at 0.9 to 2.25 operations per byte.",
            "Fully Connected: 4 GFLOP/s at 0.5 operations per byte.",
        ],
    ),
    "time_shares": (
        lambda: plots.time_shares(TIME, WORK),
        ["Conv DW 3x3: 3.00 % of the mult-adds, 30.0 % of the time.", "Avg Pool: 0.00 %"],
    ),
    "sparse_crossing": (
        lambda: plots.sparse_crossing(*PRUNED),
        [
            "over 0 to 99 % zeros: dense from 2 to 2 ms; torch CSR from 10 to 0.1 ms",
            "torch CSR is faster than dense from 80.0 % zeros; SciPy CSR is never faster",
        ],
    ),
}


def priced(accuracy, cost, alpha=1.0, resolution=64):
    """A network as the trade-off explorer has it."""
    return SimpleNamespace(
        alpha=alpha, resolution=resolution, accuracy=accuracy, spread=0.5, cost=cost
    )


OFFERED = {
    "pictures": {
        "printed": [priced(70, 500), priced(50, 40, 0.25)],
        "measured": [priced(71, 500), priced(60, 600, 0.5), priced(40, 20, 0.25, 32)],
    },
    "letters": {"own": [priced(90, 9), priced(80, 2, 0.25)]},
}
STEP = np.array([[0, 0, 0], [-1, 0, 1], [0, 0, 0]])
RAMP = np.tile(np.arange(6) ** 2, (6, 1)).astype(np.uint8)
FIGURES |= {
    "one_photo": (
        lambda: plots.one_photo(load_photo("cat", 32), "cat"),
        ["The photo cat in colour, 32 by 32 pixels."],
    ),
    "one_window": (
        lambda: plots.one_window(RAMP, STEP, (3, 2)),
        [
            "photo of 6 by 6 pixels, the 3 by 3 kernel 0 0 0 / -1 0 1 / 0 0 0",
            "map of 6 by 6 that they make with stride 1 and same padding, from -16 to 16",
            "At row 3, column 2 it is 8.",
        ],
    ),
    "trade_off": (
        lambda: plots.trade_off(OFFERED, {(1.0, 64)}, budget=100),
        [
            "The budget is 100. pictures, printed, 2 networks: from 0.25-64 with 50.0 % for 40, "
            "to 1-64 with 70.0 % for 500, chosen is 1-64 with 70.0 % for 500, best within the "
            "budget is 0.25-64",
            "best within the budget is 0.25-32 with 40.0 % for 20.",
            "letters, own, 2 networks",
        ],
    ),
    "findings": (
        lambda: plots.findings({"Table 2": ["equal"] * 3 + ["misprint"], "Text": ["wording"]}),
        ["Table 2: 3 equal, 1 misprint; Text: 1 wording."],
    ),
    "applications": (
        lambda: plots.applications([Task("Dogs", "V3", 5000, 84, "1.0-224", 569, 83.3, "% top-1")]),
        ["Dogs: 1.0-224 takes 11.4 % of the mult-adds of V3 and reaches 83.3 against 84 % top-1."],
    ),
    "sixteen": (
        lambda: plots.sixteen(paper.models()),
        [
            "Printed in the paper: 1-224 70.6 % with 569 and 4.21 million",
            "Hollow, from tf-slim: 0.75-192 67.4 % with 239 and 2.57 million",
        ],
    ),
    "descendants": (
        lambda: plots.descendants(paper.models(), paper.since()),
        ["timm 75.388 % with 569 million", "V3 Large 75.2 % with 217 million"],
    ),
    "training_curve": (
        lambda: plots.training_curve(
            [(1, 3.2, 3.2), (5, 1.5, 2.0)], [(5, 0.625)], 10, {"full": [0.5, 0.75]}, "stopped"
        ),
        ["of 10 steps. Loss 3.2 at step 1, mean 2 at step 5. Accuracy 62.5 % at step 5", "75.0 %"],
    ),
}


def test_every_public_figure_is_tested_here():
    assert set(FIGURES) == set(plots.__all__) - {"COLOURS", "BookFigure"}


@pytest.mark.slow
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
    written = [each for each in figure.findobj(Text) if each.get_text().strip()]
    small = {each.get_text() for each in written if each.get_fontsize() < STYLE["font.size"]}
    assert not small, f"{name}: too small for the wall"


# --- The reader's own settings of matplotlib ----------------------------------------------------

HOSTILE = {
    "layout": {"figure.constrained_layout.use": True},
    "autolayout": {"figure.autolayout": True},
    "edges": {"figure.subplot.left": 0.4, "figure.figsize": (2, 2), "figure.facecolor": "none"},
    "resolution": {"figure.dpi": 33, "savefig.dpi": 20, "savefig.bbox": "tight"},
    "text": {"text.usetex": True, "text.color": "white", "text.antialiased": False},
    "font": {"font.family": "monospace", "font.size": 40, "font.weight": "black"},
    "hinting": {"text.hinting": "none", "text.hinting_factor": 1},
    "sketch": {"path.sketch": (2, 100, 2), "path.effects": [], "path.snap": False},
    "paths": {"path.simplify_threshold": 1.0, "agg.path.chunksize": 100, "lines.antialiased": 0},
    "colours": {"axes.prop_cycle": mpl.cycler(color=["#ffffff"], lw=[9]), "axes.edgecolor": "w"},
    "images": {"image.origin": "lower", "image.cmap": "jet", "image.interpolation": "lanczos"},
    "axes": {"axes.grid": True, "axes.facecolor": "k", "axes.xmargin": 0.4, "axes.axisbelow": 0},
    "ticks": {"xtick.bottom": False, "ytick.right": True, "xtick.labelsize": 3},
    "numbers": {"axes.formatter.use_locale": True, "axes.unicode_minus": False},
    "limits": {"axes.autolimit_mode": "round_numbers", "axes.ymargin": 0.3},
    "legend": {"legend.loc": "center", "legend.frameon": True, "legend.numpoints": 5},
    "marks": {"lines.marker": "x", "errorbar.capsize": 9, "patch.force_edgecolor": True},
    "hatches": {"hatch.linewidth": 5, "hatch.color": "red"},
    "mathtext": {"mathtext.default": "cal", "text.parse_math": False},
}
EVERYTHING = {key: value for settings in HOSTILE.values() for key, value in settings.items()}
FEW = ("waterfall", "filtered", "counter_race", "grid_accuracy")


def settings_of(name):
    """What to give `plt.style.use`."""
    return HOSTILE.get(name, EVERYTHING if name == "everything" else name)


def hashes(names):
    """By name, a hash of what a figure looks like."""
    return {name: sha1(FIGURES[name][0]().png(40)).hexdigest() for name in names}


@pytest.fixture(scope="module")
def plain_hashes():
    with mpl.rc_context():
        mpl.rcdefaults()
        return hashes(FIGURES)


@pytest.mark.slow
@pytest.mark.filterwarnings("error", "ignore:.*hinting_factor:DeprecationWarning")
@pytest.mark.parametrize("name", [*HOSTILE, "everything", "xkcd", *plt.style.available])
def test_no_setting_of_the_readers_reaches_a_figure(name, plain_hashes):
    every = name in ("everything", "dark_background", "classic")
    with mpl.rc_context():
        if name == "xkcd":
            plt.xkcd()
        else:
            with warnings.catch_warnings(action="ignore"):  # some settings are deprecated
                plt.style.use(settings_of(name))
        before = mpl.rcParams.copy()
        names = FIGURES if every else FEW
        assert hashes(names) == {figure: plain_hashes[figure] for figure in names}
        assert mpl.rcParams.copy() == before


@pytest.mark.slow
def test_a_matplotlibrc_reaches_no_figure_either(plain_hashes, tmp_path):
    """It is read when matplotlib is imported, and decides how fine the colour maps are made."""
    rc = tmp_path / "matplotlibrc"
    rc.write_text("image.lut: 4\naxes.grid: True\nfont.size: 30\nbackend: pdf\n", encoding="utf-8")
    names = (*FEW, "channels", "feature_maps")
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import matplotlib as mpl\n"
        "import test_plots\n"
        f"print(test_plots.hashes({names!r}))\n"
        "print(*(mpl.rcParams[key] for key in ('image.lut', 'font.size', 'backend')))\n"
    )
    process = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=os.environ | {"MATPLOTLIBRC": str(rc)},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    seen, settings = process.stdout.splitlines()
    assert seen == str({name: plain_hashes[name] for name in names})
    assert settings == "4 30.0 pdf"


def test_a_saved_file_is_the_same_under_any_style():
    def saved():
        file = io.BytesIO()
        plots.shares(ARCH).savefig(file, format="png")
        return file.getvalue()

    plain = saved()
    for name in ("dark_background", "ggplot", "resolution", "everything"):
        with plt.style.context(settings_of(name)):
            assert saved() == plain, name


def test_a_figure_that_is_refused_leaves_the_readers_settings_as_they_were():
    with mpl.rc_context(HOSTILE["colours"] | HOSTILE["axes"]):
        before = mpl.rcParams.copy()
        with pytest.raises(KeyError), book_style():
            mpl.rcParams["no such setting"]
        assert mpl.rcParams.copy() == before


def drawn(axes, which=0):
    """The numbers of an image on the axes."""
    return np.asarray(axes.images[which].get_array())


def kind_of(patch):
    """The kind of layer whose colour a patch has; None if it has no kind's colour."""
    kinds = {to_rgb(plots.COLOURS[kind]): kind for kind in (*ARCH.by_kind(), "pool")}
    return kinds.get(patch.get_facecolor()[:3])


def height_on_page(artist, xy):
    """Where data coordinates end up on the page; more is higher."""
    return artist.axes.transData.transform(xy)[1]


def test_channels_are_those_of_the_photo_at_one_scale():
    photo = RNG.integers(0, 100, (5, 7, 3), np.uint8)
    axes = plots.channels(photo).axes
    for i, axis in enumerate(axes[1:]):
        np.testing.assert_array_equal(drawn(axis), photo[:, :, i])
        assert axis.images[0].get_clim() == (0, 255)


def test_filtered_draws_each_map_by_its_sign():
    photo = RNG.integers(0, 100, (5, 7)).astype(np.uint8)
    right = np.array([[0, 0, 0], [0, 0, 1], [0, 0, 0]])  # the map's pixel is its right neighbour
    axes = plots.filtered(photo, {"right": right, "slope": right - right[:, ::-1]}).axes
    np.testing.assert_array_equal(drawn(axes[0]), photo)
    np.testing.assert_array_equal(drawn(axes[1]), photo[1:-1, 2:])
    slope = photo[1:-1, 2:].astype(int) - photo[1:-1, :-2]
    np.testing.assert_array_equal(drawn(axes[2]), slope)
    clims = [axis.images[0].get_clim() for axis in axes]
    assert clims == [(0, 255), (0, 255), (-abs(slope).max(), abs(slope).max())]
    assert [axis.images[0].get_cmap().name for axis in axes] == ["gray", "gray", SIGNED.name]


def test_windows_and_zeros_stand_where_the_padding_puts_them():
    """A row of 6 pixels under a 3x3 kernel, worked by hand."""
    centres = {  # of the windows along one side; pixel 0 reaches from 0 to 1
        "valid, stride 1": [1.5, 2.5, 3.5, 4.5],
        "same, stride 1": [0.5, 1.5, 2.5, 3.5, 4.5, 5.5],
        "same, stride 2": [1.5, 3.5, 5.5],
        "symmetric, stride 2": [0.5, 2.5, 4.5],
    }
    zeros = {  # places of the padded zeros along one side
        "valid, stride 1": [],
        "same, stride 1": [-1, 6],
        "same, stride 2": [6],
        "symmetric, stride 2": [-1, 6],
    }
    figure = plots.padding_and_stride(6, 3)
    titles = [axis.get_title(loc="left").splitlines()[0] for axis in figure.axes]
    assert titles == list(centres)
    for axis, case in zip(figure.axes, titles, strict=True):
        dots = sorted((*line.get_xdata(), *line.get_ydata()) for line in axis.lines)
        assert dots == [(x, y) for x in centres[case] for y in centres[case]], case
        hatched = {patch.get_xy() for patch in axis.patches if patch.get_hatch()}
        side = sorted([*range(6), *zeros[case]])
        border = {(x, y) for x in side for y in side if {x, y} & set(zeros[case])}
        assert hatched == border, case


def test_kernels_of_other_sizes_are_drawn_whole():
    figure = plots.padding_and_stride(7, 5)
    same = figure.axes[1]
    assert len([patch for patch in same.patches if patch.get_hatch()]) == 11**2 - 7**2
    assert same.get_xlim() == (-2.1, 9.1)  # all of the two zeros on each side
    assert "standard: 4 filters of 5×5×3, 300 weights" in plots.filter_shapes(5, 3, 4).alt


def test_im2col_draws_patches_times_kernel():
    photo, kernel = np.array([[1, 2], [3, 4]])[:, :, None], RNG.standard_normal((3, 3, 1, 2))
    patches, weights, product = plots.im2col_matrices(photo, kernel).axes
    assert drawn(patches).tolist() == [
        [0, 0, 0, 0, 1, 2, 0, 3, 4],
        [0, 0, 0, 1, 2, 0, 3, 4, 0],
        [0, 1, 2, 0, 3, 4, 0, 0, 0],
        [1, 2, 0, 3, 4, 0, 0, 0, 0],
    ]
    np.testing.assert_array_equal(drawn(weights), [[*kernel[i, j, 0]] for i, j in np.ndindex(3, 3)])
    expected = standard_loops(photo.astype(float), kernel)
    np.testing.assert_allclose(drawn(product), expected.reshape(4, 2), rtol=0, atol=1e-12)


def test_rivals_are_compared_on_one_axis():
    """Bars reach the mean, dots are the seeds; what is cut off at the left is said."""
    (axis,) = plots.rivals({"wide": [90.0, 92.0], "narrow": [80.0, 83.0]}).axes
    assert [bar.get_x() + bar.get_width() for bar in axis.patches] == [91.0, 81.5]
    assert [list(line.get_xdata()) for line in axis.lines] == [[90, 92], [80, 83]]
    assert "starts at 68" in axis.get_xlabel()
    assert axis.get_xlim()[0] == 68
    (whole,) = plots.rivals({"a": [3.0], "b": [50.0]}).axes
    assert whole.patches[0].get_x() == 0
    assert "starts" not in whole.get_xlabel()


def test_schedules_are_drawn_as_shares():
    (axis,) = plots.schedules({"falling": [0.4, 0.2, 0.1], "flat": [2.0, 2.0]}).axes
    falling, flat = axis.lines
    np.testing.assert_allclose(falling.get_ydata(), [1, 0.5, 0.25])
    np.testing.assert_allclose(falling.get_xdata(), [100 / 3, 200 / 3, 100])
    assert list(flat.get_ydata()) == [1, 1]
    assert falling.get_linestyle() != flat.get_linestyle()


def test_bars_are_as_long_as_the_numbers():
    figure = plots.counter_race(3, 8, 4, 10)
    bars = figure.axes[2].patches
    widths = [bar.get_width() for bar in bars]
    assert widths == [9 * 8 * 4 * 100, 9 * 8 * 100, 8 * 4 * 100]
    colours = [to_rgb(plots.COLOURS[kind]) for kind in ("standard", "depthwise", "pointwise")]
    assert [bar.get_facecolor()[:3] for bar in bars] == colours
    grouped = plots.counter_race(3, 8, 4, 10, groups=4, depth_multiplier=2).axes[2].patches
    assert [bar.get_width() for bar in grouped] == [9 * 2 * 4 * 100, 9 * 16 * 100, 16 * 4 * 100]


def test_the_race_ends_when_the_work_is_done():
    for done, standard, separable in ((0, 0, 0), (0.12, 23, 196), (1, 196, 196)):
        figure = plots.counter_race(3, 512, 512, 14, done)
        filled = [int(axes.images[0].get_array().sum()) for axes in figure.axes[:2]]
        assert filled == [standard, separable]
    one_filter = plots.counter_race(1, 8, 1, 10, 0.5)  # here separable is the slower one
    assert [int(axes.images[0].get_array().sum()) for axes in one_filter.axes[:2]] == [100, 50]


def test_ladder_names_each_bar():
    """Table 3 of the paper, in millions of mult-adds."""
    axis = plots.ladder(cost.layer_ladder()).axes[0]
    names = dict(
        zip(axis.get_yticks(), (t.get_text() for t in axis.get_yticklabels()), strict=True)
    )
    bars = {names[bar.get_y() + bar.get_height() / 2]: bar for bar in axis.patches}
    assert {name: round(bar.get_width(), 1) for name, bar in bars.items()} == {
        rung.modification: millions
        for rung, millions in zip(cost.layer_ladder(), (462.4, 52.3, 29.6, 15.1), strict=True)
    }
    values = {names[text.get_position()[1]]: text.get_text() for text in axis.texts}
    assert list(values.values()) == ["462.4 M", "52.3 M", "29.6 M", "15.1 M"]
    assert list(values) == list(bars)
    heights = [height_on_page(bar, bar.get_xy()) for bar in axis.patches]
    assert heights == sorted(heights, reverse=True)  # the first step is at the top


def test_reduction_curve_is_one_over_n_plus_one_over_k_squared():
    lines = plots.reduction_curve((3, 5, 7)).axes[0].lines
    curves = [line for line in lines if len(line.get_xdata()) > 2]
    for line, k in zip(curves, (3, 5, 7), strict=True):
        n, kept = line.get_data()
        np.testing.assert_allclose(kept, 100 / n + 100 / k**2, rtol=1e-12)
    dots = [line.get_data() for line in lines if line.get_marker() == "o"]
    assert [int(n[0]) for n, _ in dots] == [64, 128, 256, 512, 1024]
    for n, kept in dots:  # MobileNet's layers are 3x3
        np.testing.assert_allclose(kept, 100 / n[0] + 100 / 9, rtol=1e-12)


def test_layer_blocks_stand_in_the_order_of_figure_3():
    stacks = {}
    for axis in plots.layer_blocks().axes:
        texts = [text for text in axis.texts if text.get_text()]
        texts.sort(key=lambda text: height_on_page(text, text.get_position()), reverse=True)
        boxes = list(axis.patches)
        boxes.sort(key=lambda box: height_on_page(box, (0, box.get_y())), reverse=True)
        stacks[axis.get_title(loc="left")] = [
            (text.get_text(), kind_of(box)) for text, box in zip(texts, boxes, strict=True)
        ]
    rest = [("BN", None), ("ReLU", None)]
    assert stacks == {
        "standard": [("3×3 Conv", "standard"), *rest],
        "depthwise separable": [
            ("3×3 Depthwise Conv", "depthwise"),
            *rest,
            ("1×1 Conv", "pointwise"),
            *rest,
        ],
    }


def test_profile_draws_each_layers_cost():
    figure = plots.profile(ARCH)
    tops = [segment[1][1] for segment in figure.axes[0].collections[0].get_segments()]
    assert tops == [layer.mult_adds / 1e6 for layer in ARCH.layers]
    weights = [segment[1][1] for segment in figure.axes[1].collections[0].get_segments()]
    assert weights == [layer.parameters_as_printed / 1e3 for layer in ARCH.layers]


def test_profile_points_at_the_chosen_layer():
    for axis in plots.profile(ARCH, "pw_3").axes:  # layer 6: conv_0, then dw and pw in turn
        assert [(b.get_x(), b.get_x() + b.get_width()) for b in axis.patches] == [(5.5, 6.5)]
    assert [len(axis.patches) for axis in plots.profile(ARCH).axes] == [0, 0]


def stacked(figure):
    """The width of every kind's bar by row; each starts where the one before it ends."""
    (axis,) = figure.axes
    rows = {text.get_position()[1]: text.get_text() for text in axis.texts}  # names come last
    bars = {name: {} for _, name in sorted(rows.items())}
    for bar in axis.patches:
        before = bars[rows[bar.get_y() + bar.get_height() / 2]]
        assert bar.get_x() == pytest.approx(sum(before.values()), abs=1e-9)
        before[kind_of(bar)] = bar.get_width()
    return bars


def test_shares_are_table_2():
    assert {
        name: {kind: round(width, 2) for kind, width in row.items()}
        for name, row in stacked(plots.shares(ARCH)).items()
    } == {
        "mult-adds": {"pointwise": 94.86, "depthwise": 3.06, "standard": 1.91, "fc": 0.18},
        "parameters": {"pointwise": 74.59, "depthwise": 1.06, "standard": 0.02, "fc": 24.33},
    }


def test_time_shares_stand_in_one_order():
    bars = stacked(plots.time_shares(TIME, WORK))
    assert list(bars) == ["time", "mult-adds"]
    for name, shares in (("time", TIME), ("mult-adds", WORK)):
        assert list(bars[name]) == list(shares)
        np.testing.assert_allclose([*bars[name].values()], [100 * x for x in shares.values()])


def test_shape_of_maps_is_that_of_table_1():
    sides = [112] * 3 + [56] * 4 + [28] * 4 + [14] * 12 + [7] * 4
    channels = [32, 32, 64, 64, *[128] * 4, *[256] * 4, *[512] * 12, *[1024] * 3]
    axes = plots.shape_of_maps(ARCH).axes
    curves = [list(axis.lines[0].get_ydata()) for axis in axes]
    assert curves[:2] == [sides, channels]
    assert curves[2] == [s * s * c / 1000 for s, c in zip(sides, channels, strict=True)]
    for axis in axes:  # conv_0 and dw_2, dw_4, dw_6, dw_12 halve the map
        assert [line.get_xdata()[0] for line in axis.lines[1:]] == [-0.5, 2.5, 6.5, 10.5, 22.5]


def test_receptive_fields_frame_what_the_middle_pixel_sees():
    """By hand: dw_1 sees 3 + 2·2 pixels and starts 2 before conv_0's, which starts at 2·56."""
    photo = load_photo("cat", 224)
    near, far = plots.receptive_fields(ARCH, photo, ("dw_1", "pw_13")).axes
    frame = near.patches[0]
    assert (*frame.get_xy(), frame.get_width(), frame.get_height()) == (109.5, 109.5, 7, 7)
    np.testing.assert_array_equal(drawn(near, 1), photo[110:117, 110:117])
    assert near.images[1].get_extent() == [109.5, 116.5, 116.5, 109.5]
    # Every layer with stride 1 starts 1 pixel of its own input earlier, one with stride 2 none.
    strides = [2, 1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1]  # conv_0, then the depthwise layers
    jumps = np.cumprod([1, *strides])
    start = 3 * 32 - sum(j for j, s in zip(jumps, strides, strict=False) if s == 1)
    size = 1 + sum(2 * j for j, _ in zip(jumps, strides, strict=False))
    frame = far.patches[0]
    assert (*frame.get_xy(), frame.get_width()) == (start - 0.5, start - 0.5, size)
    np.testing.assert_array_equal(drawn(far, 1), photo[: start + size, : start + size])


def test_feature_maps_are_drawn_as_they_are():
    maps = {"conv_0": RNG.random((3, 4, 4)), "dw_1": RNG.random((3, 5, 5))}
    axes = plots.feature_maps(maps, each=2).axes
    expected = [channel for channels in maps.values() for channel in channels[:2]]
    for axis, channel in zip(axes, expected, strict=True):
        np.testing.assert_array_equal(drawn(axis), channel)


def test_verdicts_are_bars_as_long_as_the_probabilities():
    photos = {"a": load_photo("cat", 16), "b": load_photo("rocket", 16)}
    axes = plots.verdicts(photos, [0.2, 0.8], "person").axes
    for photo, axis in zip(photos.values(), axes[:2], strict=True):
        np.testing.assert_array_equal(drawn(axis), photo)
    bars = [axis.patches[1] for axis in axes[2:]]  # on top of the grey ones
    assert [bar.get_width() for bar in bars] == [0.2, 0.8]
    colours = [to_rgb(plots.COLOURS[kind]) for kind in ("depthwise", "standard")]
    assert [bar.get_facecolor()[:3] for bar in bars] == colours
    assert [axis.texts[0].get_text() for axis in axes[2:]] == ["20 % person", "80 % person"]


def test_compared_prints_each_probability_in_its_place():
    axis = plots.compared(["a", "b"], {"x": [0.9, 0.1], "y": [0.5, 0.04]}, "person").axes[0]
    np.testing.assert_array_equal(drawn(axis), [[0.9, 0.1], [0.5, 0.04]])
    printed = {text.get_position(): text.get_text() for text in axis.texts}
    assert printed == {(0, 0): "90 %", (1, 0): "10 %", (0, 1): "50 %", (1, 1): "4 %"}
    assert [label.get_text() for label in axis.get_yticklabels()] == ["x", "y"]
    assert axis.images[0].get_clim() == (0, 1)


def test_filters_are_grey_where_they_are_zero():
    kernels = np.zeros((2, 3, 3, 3))
    kernels[1, 0, 0, 2] = 5.0  # red, first row, last column
    kernels[1, 2, 2, 0] = -2.5  # blue, last row, first column
    axes = plots.filters(kernels, columns=2).axes
    assert (drawn(axes[0]) == 0.5).all()
    second = drawn(axes[1])
    assert second[0, 2].tolist() == [1.0, 0.5, 0.5]
    assert second[2, 0].tolist() == [0.5, 0.5, 0.25]
    same = np.repeat(RNG.standard_normal((4, 1, 3, 3)), 3, axis=1)
    both = np.concatenate([same, same * np.array([1, -1, 0])[:, None, None]])
    assert "alike in red, green and blue: 4; comparing colours: 4" in plots.filters(both).alt


def test_evidence_covers_the_whole_photo_and_is_symmetric_around_zero():
    figure = plots.evidence(SEEN)
    np.testing.assert_array_equal(drawn(figure.axes[0]), SEEN.square)
    for axis, heat in zip(figure.axes[1:], (SEEN.occluded, SEEN.activation), strict=True):
        below, above = axis.images
        np.testing.assert_array_equal(above.get_array(), heat)
        assert above.get_extent() == below.get_extent() == [-0.5, 23.5, 23.5, -0.5]
        reach = np.abs(heat).max()
        assert above.get_clim() == (-reach, reach)
        assert above.get_cmap().name == SIGNED.name


def test_alarms_follow_bayes_rule():
    axis = plots.alarms(0.8, 0.1, (0.01,)).axes[0]
    share, right = axis.lines[0].get_data()
    at = np.searchsorted(share, 10)
    p = share[at] / 100
    assert right[at] / 100 == pytest.approx(p * 0.8 / (p * 0.8 + (1 - p) * 0.1))
    assert right[-1] == pytest.approx(100)
    mark = axis.lines[1].get_data()
    assert (mark[0][0], round(mark[1][0], 2)) == (1, 7.48)  # 80 of 80 + 990 alarms


def test_letters_and_guesses_show_what_they_were_given():
    images = [load_photo(name, 16) for name in ("cat", "china", "rocket")]
    axes = plots.letters(images, "XYZ", columns=2).axes
    for axis, image, name in zip(axes, images, "XYZ", strict=False):
        np.testing.assert_array_equal(drawn(axis), image)
        assert axis.get_title(loc="left") == name
    shares = np.array([[0.1, 0.6, 0.3], [0.5, 0.2, 0.3], [0, 0, 1]])
    axes = plots.guesses(images, shares, "XYZ", top=2).axes[3:]
    assert [[bar.get_width() for bar in axis.patches] for axis in axes] == [
        [0.6, 0.3],
        [0.5, 0.3],
        [1, 0],
    ]
    assert [text.get_text() for text in axes[0].texts] == ["Y  60 %", "Z  30 %"]


def test_accuracies_stand_from_top_to_bottom_beside_chance():
    axis = plots.accuracies({"one": 0.25, "two": 0.75}, 0.04).axes[0]
    assert [bar.get_width() for bar in axis.patches] == [25, 75]
    first, second = (height_on_page(bar, bar.get_xy()) for bar in axis.patches)
    assert first > second
    assert axis.lines[0].get_xdata()[0] == 4
    assert [text.get_text() for text in axis.texts] == ["25 %", "75 %"]


def marks(axis):
    """Markers with the ends of their error bars by label, sorted from left to right."""
    found = {}
    for bar in axis.containers:
        xs, ys = bar.lines[0].get_data()
        ends = [tuple(segment[:, 1]) for segment in bar.lines[2][0].get_segments()]
        found[bar.get_label()] = sorted(
            (float(x), float(y), float(low), float(high))
            for x, y, (low, high) in zip(xs, ys, ends, strict=True)
        )
    return found


def test_log_linear_draws_residuals_from_the_line_to_the_mark():
    axis = plots.log_linear(NETWORKS, 10.0, 10.0).axes[0]
    half = 2**0.5  # of seeds 2 points apart, the standard deviation is their distance over root 2
    assert axis.get_xscale() == "log"
    one, quarter = marks(axis)["α 1"], marks(axis)["α 0.25"]
    np.testing.assert_allclose(one, [(10, 81.5, 81.5, 81.5), (100, 89, 89 - half, 89 + half)])
    np.testing.assert_allclose(quarter, [(0.1, 60, 60, 60), (1, 74, 74 - 2 * half, 74 + 2 * half)])
    (fit,) = [line for line in axis.lines if line.get_label() == "fit"]
    np.testing.assert_allclose(fit.get_ydata(), 10 + 10 * np.log10(1e6 * fit.get_xdata()))
    drawn = [line for line in axis.lines if line.get_label() == "_residual"]
    spans = [(float(r.get_xdata()[0]), *map(float, r.get_ydata())) for r in drawn]
    expected = [(100, 90, 89), (10, 80, 81.5), (1, 70, 74), (0.1, 60, 60)]
    np.testing.assert_allclose(spans, expected, rtol=1e-12)
    assert all(r.get_xdata()[0] == r.get_xdata()[1] for r in drawn)
    thick = [r.get_linewidth() > 3 for r in drawn]
    assert thick == [network.alpha == 0.25 for network in NETWORKS]


def test_pareto_front_steps_at_the_networks_that_nothing_beats():
    costs = [20.0, 5.0, 8.0, 1.0]
    front = pareto(costs, [network.accuracy for network in NETWORKS])
    assert front == [3, 1, 0]
    axis = plots.pareto_front(NETWORKS, costs, front, "latency, ms").axes[0]
    steps = axis.lines[0]
    assert steps.get_drawstyle() == "steps-post"
    assert [*zip(*steps.get_data(), strict=True)] == [(1, 60), (5, 81.5), (20, 89), (25, 89)]
    assert axis.get_xlabel() == "latency, ms (log scale)"
    labels = {text.xy: (text.get_text(), text.get_fontweight()) for text in axis.texts}
    assert labels == {
        (20, 89): ("1, 64", "bold"),
        (5, 81.5): ("1, 37", "bold"),
        (8, 74): ("0.25, 64", "normal"),
        (1, 60): ("0.25, 37", "bold"),
    }


def test_labels_of_the_published_sixteen_cover_nothing():
    networks = [
        Measured(m.alpha, m.resolution, "separable", (m.slim2018_top1,), m.mult_adds, m.parameters)
        for m in paper.models()
    ]
    millions = [network.mult_adds / 1e6 for network in networks]
    accuracies = [network.accuracy for network in networks]
    figure = plots.pareto_front(networks, millions, pareto(millions, accuracies))
    figure.canvas.draw()
    axis = figure.axes[0]
    # Half a pixel: matplotlib measures text a little differently from one version to the next.
    boxes = [text.get_window_extent().padded(-0.5) for text in axis.texts]
    assert len({text.get_text() for text in axis.texts}) == 16
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:i]), axis.texts[i].get_text()
        middles = axis.transData.transform([*zip(millions, accuracies, strict=True)])
        assert not any(box.contains(x, y) for x, y in middles), axis.texts[i].get_text()


def test_grid_accuracy_draws_means_spreads_and_every_seed():
    axis = plots.grid_accuracy(NETWORKS).axes[0]
    seeds = [line for line in axis.lines if line.get_marker() == "."]
    assert [sorted(line.get_ydata()) for line in seeds] == [[81.5, 88, 90], [60, 72, 76]]
    for line in seeds:  # beside its own resolution, not its neighbour's
        np.testing.assert_allclose(sorted(line.get_xdata()), [37, 64, 64], rtol=0, atol=1.5)
    means = {label: [row[1:] for row in rows] for label, rows in marks(axis).items()}
    half = 2**0.5
    np.testing.assert_allclose(means["α 1"], [(81.5, 81.5, 81.5), (89, 89 - half, 89 + half)])
    np.testing.assert_allclose(means["α 0.25"], [(60, 60, 60), (74, 74 - 2 * half, 74 + 2 * half)])


def test_a_layer_above_the_roof_is_shown_as_such():
    assert "Above" not in plots.roofline(POINTS, 100.0, {"L2": 50.0, "memory": 10.0}).alt
    low = plots.roofline(POINTS, 60.0, {"L2": 50.0, "memory": 10.0})
    assert low.alt.endswith("Above the roof, which was measured too low: pw_2.")
    ring = [line for line in low.axes[0].lines if line.get_label() == "above the roof"]
    assert [line.get_xydata().tolist() for line in ring] == [[[40.0, 90.0]]]
    # fc, at 0.5 operations per byte, is within what the cache brings and beyond what memory does.
    assert plots.roofline(POINTS, 100.0, {"memory": 5.0}).alt.endswith("too low: fc.")
    assert "Above" not in plots.roofline(POINTS, 100.0, {"L2": 50.0, "memory": 5.0}).alt


def test_roofline_draws_every_layer_by_its_kind_and_the_roof_up_to_the_ridge():
    axis = plots.roofline(POINTS, 100.0, {"L2": 50.0, "memory": 10.0}).axes[0]
    assert (axis.get_xscale(), axis.get_yscale()) == ("log", "log")
    drawn_points = {}
    for line in axis.lines:
        if line.get_marker() not in ("None", "", None):
            kind = next(k for k in ARCH.by_kind() if plots.COLOURS[k] == line.get_color())
            drawn_points[kind] = (line.get_marker(), [*zip(*line.get_data(), strict=True)])
    assert {kind: points for kind, (_, points) in drawn_points.items()} == {
        kind: [(x, y) for own, x, y in POINTS.values() if own == kind] for kind in drawn_points
    }
    assert set(drawn_points) == {"standard", "depthwise", "pointwise", "fc"}
    assert len({marker for marker, _ in drawn_points.values()}) == 4  # told apart without colour
    slopes = {
        line.get_label(): line.get_data() for line in axis.lines if "GB/s" in line.get_label()
    }
    for label, rate in (("L2, 50 GB/s", 50), ("memory, 10 GB/s", 10)):
        xs, ys = slopes[label]
        np.testing.assert_allclose(ys, rate * np.asarray(xs))
        assert ys[-1] == 100
        assert xs[-1] == 100 / rate
    assert "ridge: 10" in [text.get_text() for text in axis.texts]


def test_sparse_crossing_draws_what_is_left_and_where_lines_cross():
    axis = plots.sparse_crossing(*PRUNED).axes[0]
    lines = {line.get_label().split(",")[0]: line for line in axis.lines}
    for name, times in PRUNED[1].items():
        np.testing.assert_allclose(lines[name].get_xdata(), [100, 10, 1])
        assert list(lines[name].get_ydata()) == list(times)
    assert len({line.get_marker() for name, line in lines.items() if name in PRUNED[1]}) == 3
    verticals = [line.get_xdata()[0] for line in axis.lines if len(set(line.get_xdata())) == 1]
    np.testing.assert_allclose(verticals, [20])  # torch CSR's only: SciPy's never crosses
    left, right = axis.get_xlim()
    assert left > right  # more zeros to the right
    assert [label.get_text() for label in axis.get_xticklabels()] == ["0", "90", "99"]


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        *[
            (draw, "needs at least one network; got none")
            for draw in (
                lambda: plots.log_linear([], 1, 1),
                lambda: plots.trade_off({}),
                lambda: plots.pareto_front([], [], []),
                lambda: plots.grid_accuracy([]),
            )
        ],
        (lambda: plots.pareto_front(NETWORKS, [1, 2, 3], []), "4 networks .* as many costs, got 3"),
        (lambda: plots.roofline({}, 1, {"memory": 1}), "at least one layer and one bandwidth"),
        (lambda: plots.roofline(POINTS, 1, {}), "at least one layer and one bandwidth"),
        (
            lambda: plots.roofline({"a": ("grouped", 1, 1)}, 1, {"memory": 1}),
            "the kind of a must be one of standard, depthwise, pointwise, fc",
        ),
        (lambda: plots.roofline(POINTS, 0, {"memory": 1}), "peak_gflops must be .* above 0, got 0"),
        (
            lambda: plots.roofline(POINTS, 1, {"memory": -1}),
            "the bandwidth of memory must be a number above 0, got -1",
        ),
        (
            lambda: plots.sparse_crossing((0, 0.5, 0.9), {"dense": (1, 1)}, {}),
            "dense has 2 times for 3 sparsities",
        ),
        (
            lambda: plots.receptive_fields(ARCH, load_photo("cat", 100), ("dw_1",)),
            r"must be 224x224.*got \(100, 100, 3\)",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()


def test_shown_in_a_notebook_it_is_html_and_a_picture_and_words(monkeypatch):
    shown = []
    monkeypatch.setattr(
        "mobilenet_lib.plots.figure.display", lambda data, raw: shown.append((data, raw))
    )
    figure = plots.shares(ARCH)
    figure._ipython_display_()
    html = f"<!-- a figure: run the cell to see it -->\n{figure.html()}"
    picture = base64.b64encode(figure.png()).decode()
    formats = {"text/html": html, "image/png": picture, "text/plain": figure.alt}
    assert shown == [(formats, True)]
    assert picture in html
    assert "24.33 %" in shown[0][0]["text/plain"]


def test_html_has_alt_text_and_shrinks_with_the_page():
    figure = plots.shares(ARCH)
    figure.alt = 'a "quoted" <text>'
    html = figure.html(SHOWN_DPI)
    assert 'alt="a &quot;quoted&quot; &lt;text&gt;"' in html
    assert "max-width:max(100%,560px)" in html
    assert "overflow-x:auto" in html
    assert "data:image/png;base64," in html


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


def bars(axis):
    """(place, start, length) of each filled bar."""
    return [
        (round(patch.get_y() + patch.get_height() / 2), patch.get_x(), patch.get_width())
        for patch in axis.patches
        if patch.get_facecolor()[3]
    ]


def test_a_waterfall_outlines_what_each_step_changes():
    draw, _ = FIGURES["waterfall"]
    figure = draw()
    (axis,) = figure.axes
    assert [width for _, _, width in bars(axis)] == [30, 32, 16, 16, 0.5]
    outlines = [patch for patch in axis.patches if not patch.get_facecolor()[3]]
    assert [(p.get_x(), p.get_width()) for p in outlines] == [
        (30, 2),
        (16, 16),
        (16, 0),
        (0.5, 15.5),
    ]
    *_, fp32, bf16 = (patch.get_hatch() or "" for patch in axis.patches if patch not in outlines)
    assert fp32 != bf16
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["fp32", "bf16"]
    slower, faster = outlines[0].get_edgecolor(), outlines[1].get_edgecolor()
    assert slower[:3] == to_rgb(plots.COLOURS["standard"])
    assert faster[:3] == to_rgb(plots.COLOURS["pointwise"])


@pytest.mark.parametrize(
    ("stride", "padding", "place", "window", "value"),
    [
        (1, "same", (3, 2), (1, 2), 8),
        (1, "same", (0, 0), (-1, -1), 1),  # over the edge, where zeros are
        (2, "same", (1, 1), (2, 2), 12),
        (1, "valid", (3, 0), (0, 3), 4),
        (3, "valid", (5, 5), (3, 3), 16),  # beyond the map: its last pixel
    ],
)
def test_a_window_stands_where_the_maps_pixel_comes_from(stride, padding, place, window, value):
    photo, kernel, out = plots.one_window(RAMP, STEP, place, stride, padding).axes
    (frame,), (pixel,) = photo.patches, out.patches
    assert (frame.get_width(), frame.get_xy()) == (3, (window[0] - 0.5, window[1] - 0.5))
    column, row = (int(at + 0.5) for at in pixel.get_xy())
    assert drawn(out)[row, column] == value
    assert [text.get_text() for text in kernel.texts] == ["0", "0", "0", "-1", "0", "1", *"000"]


def test_the_chosen_have_a_ring_and_the_best_within_a_budget_a_star():
    pictures, letters = plots.trade_off(OFFERED, {(1.0, 64)}, budget=100).axes

    def at(axis, marker):
        some = [
            line for line in axis.lines if line.get_marker() == marker and line.get_zorder() == 9
        ]
        return sorted((line.get_xdata()[0], line.get_ydata()[0]) for line in some)

    assert at(pictures, "*") == [(20, 40), (40, 50)]
    assert at(letters, "*") == [(9, 90)]
    assert at(pictures, "o") == [(500, 70), (500, 71)]
    steps = [line for line in pictures.lines if line.get_drawstyle() == "steps-post"]
    assert [list(line.get_ydata()) for line in steps] == [[40, 71, 71]]  # of the last source
    assert "hollow: printed" in pictures.get_title(loc="left")
    plain = plots.trade_off(OFFERED, front=False)
    assert not any(at(axis, mark) for axis in plain.axes for mark in "*o")
    assert not any(line.get_drawstyle() == "steps-post" for line in plain.axes[0].lines)


def test_a_training_curve_goes_to_the_end_of_the_run():
    draw, _ = FIGURES["training_curve"]
    above, below = draw().axes
    assert below.get_xlim() == (0, 10)
    assert [list(line.get_ydata()) for line in above.lines] == [[3.2, 1.5], [3.2, 2.0]]
    beside, own = below.lines
    assert (list(beside.get_xdata()), list(beside.get_ydata())) == ([5, 10], [50, 75])
    assert (list(own.get_xdata()), list(own.get_ydata())) == ([5], [62.5])
    assert "before its start" in plots.training_curve([], [], 0).alt


# --- A home that cannot be written --------------------------------------------------------------


@pytest.mark.parametrize(
    "variables",
    [
        {"HOME": os.devnull, "XDG_CACHE_HOME": ""},
        {"HOME": "/proc", "XDG_CACHE_HOME": "/proc/cache", "XDG_CONFIG_HOME": "/proc/config"},
        {"MPLCONFIGDIR": f"{os.devnull}/matplotlib"},
    ],
    ids=["no folder", "another system's", "a folder that is not there"],
)
def test_figures_are_drawn_without_a_word_about_the_home(variables):
    """What is printed beside a figure would stand in the reader's notebook, and fail its check."""
    script = (
        "import logging; from mobilenet_lib import plots; print(plots.reduction_curve());"
        "logging.getLogger('matplotlib').warning('worth saying')"
    )
    hidden = ("MPLCONFIGDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")
    env = {name: value for name, value in os.environ.items() if name not in hidden}
    done = subprocess.run(
        [sys.executable, "-c", script], env=env | variables, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Figure(")
    assert done.stderr == "worth saying\n"


def test_bars_of_findings_are_as_long_as_their_shares():
    (axis,) = plots.findings({"A": ["equal"] * 3 + ["misprint"], "B": ["misprint"] * 5}).axes
    bars = [(round(b.get_x()), round(b.get_width()), round(b.get_y() + 0.39)) for b in axis.patches]
    assert bars == [(0, 75, 0), (75, 25, 0), (0, 0, 1), (0, 100, 1)]


def test_figures_4_and_5_have_each_model_at_its_exact_count():
    left, right = plots.sixteen(paper.models()).axes
    for axis, count in ((left, "mult_adds"), (right, "parameters_as_printed")):
        marks = [line for line in axis.lines if len(line.get_xdata())]
        for mark, model in zip(marks, paper.models(), strict=True):
            accuracy = model.paper_top1 or model.slim2017_top1
            assert (mark.get_xdata()[0], mark.get_ydata()[0]) == (
                getattr(model, count) / 1e6,
                accuracy,
            )
            assert (mark.get_markerfacecolor() == "white") == (model.paper_top1 is None)
