"""Explorers from Python's side: state, refusals, and figures that follow their controls."""

import ipywidgets
import numpy as np
import pytest
import traitlets

from mobilenet_lib import MobileNet, mobilenet_v1
from mobilenet_lib.explorers import (
    ArchitectureExplorer,
    ConvolutionExplorer,
    DetectorExplorer,
    FigureExplorer,
    PhotoPicker,
    SeparableExplorer,
)
from mobilenet_lib.explorers.session import SessionNote
from mobilenet_lib.photos import PhotoError, credits, load_photo
from mobilenet_lib.plots import counter_race
from mobilenet_lib.preprocess import INCEPTION


def test_convolution_explorer_shows_the_photo_it_was_given():
    photo = np.zeros((40, 60, 3), np.uint8)
    photo[:, 30:] = 200
    explorer = ConvolutionExplorer(photo, size=10)
    assert explorer.photo.shape == (10, 10)
    assert explorer.photo[:, 0].max() == 0
    assert explorer.photo[:, -1].min() == 200
    left, right = (explorer.photo[4:7, c].astype(int) for c in (3, 5))
    assert explorer.output[5, 4] == (right - left) @ [1, 2, 1] > 600  # the edge, by hand


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"size": 4}, ValueError, "size must be a whole number from 8 to 64, got 4"),
        ({"kernel": "wobble"}, traitlets.TraitError, "no kernel 'wobble'; there are identity"),
        ({"kernel": [[1, 2], [3, 4]]}, traitlets.TraitError, "1x1, 3x3 or 5x5"),
        ({"kernel": [[1, 2, 3]] * 2 + [[1]]}, traitlets.TraitError, "1x1, 3x3 or 5x5"),
        ({"kernel": [[float("nan")]]}, traitlets.TraitError, "finite numbers"),
        ({"kernel": [["1"]]}, traitlets.TraitError, "finite numbers"),
        ({"kernel": [1, 2, 3]}, traitlets.TraitError, "1x1, 3x3 or 5x5"),
        ({"kernel": [[True]]}, traitlets.TraitError, "finite numbers"),
        ({"stride": 4}, ValueError, "stride must be a whole number from 1 to 3, got 4"),
        ({"stride": 0}, ValueError, "from 1 to 3, got 0"),
        ({"stride": "2"}, TypeError, "from 1 to 3, got '2'"),
        ({"padding": "full"}, traitlets.TraitError, "full"),
        ({"photo": np.zeros((8, 8), np.uint8)}, PhotoError, r"got \(8, 8\)"),
        ({"photo": np.zeros((0, 8, 3), np.uint8)}, PhotoError, "at least one pixel"),
        ({"photo": np.zeros((8, 8, 3))}, PhotoError, "float64"),
        ({"photo": "no such photo"}, FileNotFoundError, "astronaut"),
    ],
)
def test_convolution_explorer_refuses(options, error, message):
    with pytest.raises(error, match=message):
        ConvolutionExplorer(**options)


def test_a_kernel_may_be_an_array():
    for kernel in (np.eye(3), np.eye(3, dtype=np.int64), [[np.int64(1)]]):
        assert ConvolutionExplorer(kernel=kernel).kernel == np.asarray(kernel, float).tolist()


def test_a_place_outside_the_photo_is_refused():
    explorer = ConvolutionExplorer(size=16)
    with pytest.raises(traitlets.TraitError, match="row must be below 16"):
        explorer.row = 16
    with pytest.raises(traitlets.TraitError):
        explorer.size = 8
    assert (explorer.row, explorer.size) == (8, 16)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ArchitectureExplorer(resolution=400), "resolution .* from 32 to 320, got 400"),
        (lambda: ArchitectureExplorer(alpha=0), "alpha must be .* got 0"),
        (lambda: ArchitectureExplorer(body="tall"), "body must be one of separable"),
        (lambda: SeparableExplorer(size=200), "size must be .* from 1 to 112, got 200"),
        (lambda: SeparableExplorer(in_channels=0), "in_channels must be .* got 0"),
        (lambda: SeparableExplorer(kernel_size=2), "kernel_size must be one of 1, 3, 5, 7; got 2"),
    ],
)
def test_figure_explorers_refuse(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_refused_kernel_leaves_the_old_one():
    explorer = ConvolutionExplorer(kernel="blur")
    with pytest.raises(traitlets.TraitError):
        explorer.kernel = [[1, 2], [3, 4]]
    assert np.shape(explorer.kernel) == (3, 3)


def test_figure_explorer_redraws_and_describes_what_it_shows():
    drawn = []

    def draw(size):
        drawn.append(size)
        if size == 3:
            raise ValueError("3 is <not> allowed")
        return counter_race(3, 4, 4, size)

    explorer = FigureExplorer(draw, {"size": ipywidgets.IntSlider(5, 1, 9)})
    before = explorer.alt
    explorer.controls["size"].value = 7
    assert drawn == [5, 7]
    assert "49" in explorer.alt != before
    picture = explorer.children[-1].value
    assert "data:image/png;base64," in picture
    explorer.controls["size"].value = 3
    assert explorer.alt == "3 is <not> allowed"
    assert "3 is &lt;not&gt; allowed" in explorer.children[-1].value
    assert repr(explorer) == "FigureExplorer(size=3)"


def test_separable_explorer_counts_equations_2_and_5():
    explorer = SeparableExplorer()
    explorer.controls["done"].value = 100
    assert "standard needs 462,422,016" in explorer.alt
    assert "depthwise 903,168" in explorer.alt
    assert "pointwise 51,380,224" in explorer.alt
    explorer.controls["out_channels"].value = 1
    explorer.controls["kernel_size"].value = 1
    assert "200.0 % of standard" in explorer.alt


def test_play_and_slider_are_linked_in_the_browser():
    """The player moves its slider without Python."""
    explorer = SeparableExplorer()
    play = explorer.children[1].children[0]
    done = explorer.controls["done"]
    ends = {f"IPY_MODEL_{widget.model_id}" for widget in (play, done)}
    links = [
        (model["state"]["source"], model["state"]["target"])
        for model in ipywidgets.Widget.get_manager_state()["state"].values()
        if model["model_name"] == "LinkModel"
    ]
    mine = [pair for pair in links if {end for end, _ in pair} == ends]
    assert [{trait for _, trait in pair} for pair in mine] == [{"value"}]
    assert (play.min, play.max, play.value) == (done.min, done.max, done.value)


def test_architecture_explorer_follows_all_controls():
    explorer = ArchitectureExplorer()
    assert explorer.arch == mobilenet_v1()
    explorer.controls["alpha"].value = 0.5
    explorer.controls["resolution"].value = 160
    assert explorer.arch.mult_adds == 76_524_800
    facts = explorer.children[-1]
    assert "76.5 M" in facts.value
    explorer.controls["layer"].value = "pw_13"
    assert "pw_13" in facts.value
    explorer.controls["body"].value = "full"  # fewer layers: the slider follows
    assert len(explorer.controls["layer"].options) == 15
    assert "<b>fc</b>" in facts.value
    assert "sees the whole image" in facts.value
    explorer.controls["body"].value = "separable"
    explorer.controls["layer"].value = "dw_3"
    explorer.controls["body"].value = "shallow"  # a name that both bodies have is kept
    assert explorer.values["layer"] == "dw_3"
    assert "shallow" in explorer.alt


def arrive(picker, pixels, **changes):
    """What the browser sends when the reader uploads a photo or takes one."""
    clear = np.full((*pixels.shape[:2], 1), 255, np.uint8)
    content = {
        "kind": "photo",
        "name": "own.png",
        "width": pixels.shape[1],
        "height": pixels.shape[0],
    } | changes
    rgba = memoryview(np.concatenate([pixels, clear], axis=2).tobytes())
    picker._handle_custom_msg(content, [rgba])


def test_photo_picker_follows_the_reader():
    picker = PhotoPicker("cat")
    assert picker.names == list(credits())
    np.testing.assert_array_equal(picker.value, load_photo("cat"))
    picker.choice = "rocket"  # in the browser
    np.testing.assert_array_equal(picker.value, load_photo("rocket"))
    own = np.random.default_rng(0).integers(0, 256, (5, 8, 3), np.uint8)
    arrive(picker, own)
    np.testing.assert_array_equal(picker.value, own)
    assert (picker.choice, picker.said) == ("", "own.png, 8×5 pixels")
    picker.choice = "rocket"  # again: the same photo as before the own one
    np.testing.assert_array_equal(picker.value, load_photo("rocket"))
    assert picker.said == ""


@pytest.mark.parametrize("changes", [{"width": 9}, {"height": 0}, {"width": "8"}, {"width": 10**9}])
def test_a_photo_that_did_not_arrive_whole_is_refused_and_the_old_one_stays(changes):
    picker = PhotoPicker("cat")
    arrive(picker, np.zeros((5, 8, 3), np.uint8), **changes)
    assert picker.said.startswith("the photo did not arrive whole: 160 bytes for")
    assert picker.choice == "cat"
    np.testing.assert_array_equal(picker.value, load_photo("cat"))
    picker._handle_custom_msg({"kind": "photo", "width": 8, "height": 5}, [])
    assert picker.said.startswith("the photo did not arrive whole: 0 bytes")


def test_the_readers_photo_is_no_part_of_the_saved_state():
    picker = PhotoPicker()
    arrive(picker, np.full((4, 4, 3), 7, np.uint8))
    state = picker.get_state()
    assert set(state) >= {"names", "choice", "said"}
    assert not any(isinstance(value, bytes | np.ndarray) for value in state.values())
    assert "value" not in state


def test_the_same_photo_again_is_answered_again():
    picker, told = PhotoPicker("cat"), []
    picker.observe(lambda change: told.append(change["new"]), "said")
    for _ in range(2):
        arrive(picker, np.zeros((5, 8, 3), np.uint8))
    assert told == [told[0], "", told[0]]
    assert "8×5 pixels" in told[0]


@pytest.mark.parametrize("explorer", [ArchitectureExplorer, SeparableExplorer, DetectorExplorer])
def test_every_control_is_switched_off_without_a_session(explorer):
    """The note that stands in the explorer names boxes in which all of its controls lie."""
    shown = explorer()
    (note,) = (child for child in shown.children if isinstance(child, SessionNote))

    def within(widget):
        return {widget.model_id}.union(*map(within, getattr(widget, "children", ())))

    named = set().union(*map(within, note.controls))
    controls = {c.model_id for c in shown.controls.values()}
    played = {
        play.model_id
        for box in shown.children
        for play in getattr(box, "children", ())
        if isinstance(play, ipywidgets.Play)
    }
    assert named >= controls | played


def test_photo_picker_refuses_an_unknown_photo():
    with pytest.raises(ValueError, match="photo must be one of astronaut"):
        PhotoPicker("dog")
    picker = PhotoPicker()
    with pytest.raises(ValueError, match="choice must be one of"):
        picker.choice = "dog"
    assert picker.choice == "astronaut"


def test_detector_explorer_shows_what_the_network_says_of_each_photo():
    explorer = DetectorExplorer()
    assert "gives person 78 %" in explorer.alt
    assert repr(explorer) == "DetectorExplorer(photo='astronaut', window=24)"
    explorer.picker.choice = "coffee"
    assert "gives person 1 %" in explorer.alt
    before = explorer.redraws
    arrive(explorer.picker, load_photo("astronaut"))
    assert "gives person 78 %" in explorer.alt
    assert explorer.redraws == before + 1
    assert repr(explorer) == "DetectorExplorer(photo='own.png, 512×512 pixels', window=24)"
    smaller = explorer.alt
    explorer.controls["window"].value = 8
    assert explorer.alt != smaller


def test_detector_explorer_takes_any_network():
    net = MobileNet(mobilenet_v1(0.1, 64, num_classes=3)).eval()
    net.preprocess, net.classes = INCEPTION.at(64), ("left", "right", "up")
    assert "gives left" in DetectorExplorer(net, photo="cat").alt
