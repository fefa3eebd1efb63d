"""What is left of figures and explorers in LaTeX, Markdown, a page without a network, on GitHub."""

import contextlib
import re
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import bleach
import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter, LatexExporter, MarkdownExporter

from mobilenet_lib import explorers

ROOT = Path(__file__).resolve().parent.parent
VIEW = "application/vnd.jupyter.widget-view+json"
FIGURES = {
    "shares": "plots.shares(mobilenet_v1())",
    "channels": "plots.channels(load_photo('cat', 16))",
    "layer_blocks": "display(plots.layer_blocks())",
}
EXPLORERS = {
    "ArchitectureExplorer": "ArchitectureExplorer(0.5)",
    "ConvolutionExplorer": "ConvolutionExplorer(size=8, kernel='blur', stride=2)",
    "DetectorExplorer": "DetectorExplorer(photo='cat')",
    "LettersExplorer": "LettersExplorer((1, 0.5), sample=8)",
    "LiveCurve": (
        "with LiveCurve({'full': [0.5, 0.75]}) as curve:\n"
        "    for i in range(1, 5):\n"
        "        share = None if i % 2 else i / 5\n"
        "        curve(Step(number=i, steps=4, epoch=(i + 1) // 2, loss=4 / i, accuracy=share))"
    ),
    "SeparableExplorer": "SeparableExplorer(5, done=2000)",
    "RooflineExplorer": "RooflineExplorer(peak=200, bandwidth=30)",
    "QuantizationExplorer": "QuantizationExplorer(bits=3)",
    "SparsityExplorer": "SparsityExplorer([0.5], {'dense': [1], 'CSR': [2]})",
    "TablesExplorer": "TablesExplorer(table='2')",
    "TradeoffExplorer": "TradeoffExplorer([], axis='parameters', budget=2e6)",
}
DESCRIPTIONS = {
    "shares": "Two stacked bars. Conv 1x1: 94.86 % of the mult-adds",
    "channels": "A photo of 16 by 16 pixels and its three channels",
    "layer_blocks": "Two stacks of boxes, from top to bottom",
    "ArchitectureExplorer": "Bars for the 28 layers of the separable 0.5 MobileNet-224",
    "ConvolutionExplorer": "the map of 4 by 4 that they make with stride 2 and same padding",
    "DetectorExplorer": "The network gives person 7 %",
    "LettersExplorer": "A letter, black on white, and what each network reads. α 1: H, α 0.5: H",
    "LiveCurve": "Training curve, finished: step 4 of 4, loss 1.00, accuracy 80.0 %",
    "SeparableExplorer": "After 2,000 multiplications each",
    "RooflineExplorer": "28 layers on log axes under a roof of 200 GFLOP/s, slopes of 30 GB/s",
    "QuantizationExplorer": "3 bits, a step for the layer. The ranges of 128 channels",
    "SparsityExplorer": "A corner of 48 by 48 weights of which 50.0% are left",
    "TablesExplorer": "Table 2: 7 equal, 1 misprint",
    "TradeoffExplorer": "Accuracy against parameters, millions, on a log axis. The budget is 2.",
}
START = f"""
from types import SimpleNamespace as Step
from mobilenet_lib import mobilenet_v1, plots
from mobilenet_lib.photos import load_photo
from mobilenet_lib.explorers import {", ".join(explorers.__all__)}
"""


class Images(HTMLParser):
    """The (alt, src) of all images of a page."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            self.found.append((dict(attrs).get("alt"), dict(attrs).get("src")))


@pytest.fixture(scope="module")
def notebook():
    """One cell for each figure and explorer, after the imports; run, with the widgets' state."""
    sources = [START, *FIGURES.values(), *EXPLORERS.values()]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in sources])
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": ROOT}}).execute()
    return notebook


def outputs(notebook, name):
    cell = notebook.cells[1 + [*FIGURES, *EXPLORERS].index(name)]
    return [output.data for output in cell.outputs]


def alone(notebook, name):
    """A notebook of the one cell, with the state that all share."""
    cell = notebook.cells[1 + [*FIGURES, *EXPLORERS].index(name)]
    return nbformat.from_dict({**notebook, "cells": [cell]})


def test_every_explorer_is_exported_here():
    assert set(EXPLORERS) == set(explorers.__all__)
    assert set(DESCRIPTIONS) == {*FIGURES, *EXPLORERS}


@pytest.mark.slow
@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_a_page_without_a_network_shows_picture_and_description(notebook, name):
    page, _ = HTMLExporter().from_notebook_node(alone(notebook, name))
    assert (f'<script type="{VIEW}">' in page) == (name in EXPLORERS)  # alive where the network is
    page = re.sub(r"<script.*?</script>", "", page, flags=re.S)
    ((alt, source),) = Images(page).found
    assert DESCRIPTIONS[name] in alt
    assert source == f"data:image/png;base64,{outputs(notebook, name)[-1]['image/png']}"


@pytest.mark.slow
@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_github_shows_picture_and_description(notebook, name):
    """It knows no widgets, and leaves neither styles nor scripts in HTML."""
    shown = [
        data.get("text/html") or f"<pre>{escape(data['text/plain'])}</pre>"
        for data in outputs(notebook, name)
    ]
    page = bleach.clean(
        "\n".join(shown),
        tags={"div", "img", "pre"},
        attributes={"img": ["alt", "src"]},
        protocols={"data"},
    )
    ((alt, source),) = Images(page).found
    assert DESCRIPTIONS[name] in alt
    assert source.startswith("data:image/png;base64,iVBOR")
    if name in EXPLORERS and name != "LiveCurve":  # whose text is from before its first step
        assert DESCRIPTIONS[name] in page.partition("<img")[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_latex_has_the_picture_and_the_words_of_an_explorer(notebook, name):
    text, resources = LatexExporter().from_notebook_node(alone(notebook, name))
    (file,) = re.findall(r"\\adjustimage\{[^}]*\{[^}]*\}\{[^}]*\}\}\{(.*?)\}", text)
    assert resources["outputs"][file].startswith(b"\x89PNG")
    if name in EXPLORERS and name != "LiveCurve":
        words = re.sub(r"\s", "", text)
        assert re.sub(r"\s", "", DESCRIPTIONS[name].replace("%", r"\%")) in words.replace(
            r"\PYZpc{}", r"\%"
        )


@pytest.mark.slow
@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_markdown_has_picture_and_description(notebook, name):
    text, _ = MarkdownExporter().from_notebook_node(alone(notebook, name))
    ((alt, source),) = Images(text).found
    assert DESCRIPTIONS[name] in alt
    assert source.startswith("data:image/png;base64,iVBOR")


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPLORERS)
def test_a_still_gives_way_where_its_own_explorer_is_alive(notebook, name):
    """The class that its style asks for is one that the widget puts on its element."""
    view, still = outputs(notebook, name)
    state = notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
    asked, hidden = re.match(
        r"<style>body:has\(\.(\S+)\) :is\(\.(\S+), ", still["text/html"]
    ).groups()
    assert asked in state[view[VIEW]["model_id"]]["state"]["_dom_classes"]
    assert f'<div class="{hidden}">' in still["text/html"]


def test_where_there_is_nothing_to_draw_no_still_is_left():
    nothing = explorers.TradeoffExplorer([])
    nothing.shown = ["front"]
    assert nothing.still() is None
    nothing.shown = ["letters"]  # of which none is trained
    assert nothing.still() is None
    assert explorers.LiveCurve().still() is None


def test_the_readers_own_photo_is_not_left_in_a_notebook():
    detector = explorers.DetectorExplorer(photo="cat")
    assert detector.still().alt.startswith("The network gives person 7 %")
    detector.photo = ""
    assert detector.still() is None


@pytest.mark.parametrize("error", [None, KeyboardInterrupt, RuntimeError])
def test_a_curve_is_left_however_the_run_ends(error, monkeypatch):
    """By the end of the block: when it is shown there is nothing yet."""
    left = []
    monkeypatch.setattr(explorers.LiveCurve, "_leave_still", lambda _, figure: left.append(figure))
    curve = explorers.LiveCurve()
    with contextlib.suppress(KeyboardInterrupt, RuntimeError), curve:
        for number in range(1, 4):
            curve(SimpleNamespace(number=number, steps=3, epoch=1, loss=2.0, accuracy=None))
            assert (curve.still() is None) == (number < 3)  # more is to come
            if error and number == 2:
                raise error
    (figure,) = left
    assert figure.alt == curve.alt
    ends = {None: "finished: step 3", KeyboardInterrupt: "stopped after step 2"}
    assert ends.get(error, "stopped by an error (RuntimeError) after step 2") in figure.alt
