"""Chapters for readers who skim, look things up or listen: contents, acronyms, links, pictures."""

import itertools
import re
from urllib.parse import unquote

import pytest
from test_structure import CHAPTERS, ROOT, SOLUTIONS, chapter, every, name, prose, read

PAGES = [ROOT / "README.md", ROOT / "TROUBLE.md", ROOT / "CONTRIBUTING.md"]
PAGES += sorted([*ROOT.glob("data/**/*.md"), *ROOT.glob("mobilenet_lib/**/*.md")])
PAGES += sorted(ROOT.glob("web/*/README.md"))
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
# What an acronym or a term of the field is explained by, near its first use in each chapter.
EXPLAINED = {
    "AP": "average precision",
    "BN": "batch normalization",
    "COCO": "Common Objects in Context",
    "CSR": "compressed sparse row",
    "FC": "fully connected",
    "GEMM": "general matrix multiply",
    "GFLOP": "floating-point operations",
    "GPU": "graphics processors?",
    "NCHW": "channel by channel|one whole map after the other",
    "NHWC": "all channels of a pixel side by side",
    "ONNX": "Open Neural Network Exchange",
    "ReLU": "rectified linear unit",
    "ReLU6": "stops at 6|cuts off what is above 6",
    "SGD": "stochastic gradient descent",
    "SIMD": "single instruction, multiple data",
    "SSD": "single shot",
    "VGG": "Visual Geometry Group",
    "bf16": "(?:16|sixteen) bits",
    "fp16": "16 bits",
    "fp32": "four bytes|32 bits",
    "float32": "four bytes",
    "im2col": "image to columns",
    "int8": "eight bits",
    "mult-add": "multiplication",
}
# Names that no words stand for, or none that would help.
NAMES = {
    "CUDA",
    "NVIDIA",
    "MATLAB",
    "SAME",
    "VALID",
    "ZIP",
    "README",
    "CC",
    "BY",
    "CC0",
    "GB",
    "MB",
}
NEAR = 350
"""Characters within which the explanation begins."""


def read_aloud(notebook):
    """A chapter's prose without contents, comments, code, formulas, links' targets and sources."""
    text = re.sub(r"\*\*Contents:\*\*[^\n]*|<!--.*?-->", "", prose(notebook), flags=re.S)
    text = re.sub(r"`[^`]*`|\$\$.*?\$\$|\$[^$]*\$|\]\([^)]*\)|<[^>]*>", " ", text, flags=re.S)
    return text.split("\n## Sources")[0]


def contents(notebook):
    """The last line of a chapter's first cell: a link to each section, as JupyterLab names them."""
    sections = re.findall(r"^## (.+)$", prose(notebook), re.M)
    links = (f"[{section}](#{section.replace(' ', '-')})" for section in sections)
    return f"**Contents:** {' · '.join(links)}"


@chapter
def test_the_first_cell_says_what_the_chapter_is_about_and_what_is_in_it(path):
    notebook = read(path)
    title, *summary, last = notebook.cells[0].source.split("\n\n")
    assert re.fullmatch("# .+", title)
    assert len(re.findall(r"[.?!](?:\s|$)", " ".join(summary))) >= 3
    assert len(" ".join(summary).split()) <= 150
    assert last == contents(notebook), f"the line should be:\n{contents(notebook)}"


def unexplained(text):
    """Acronyms in a text whose first use is not near what they stand for."""
    for acronym, words in EXPLAINED.items():
        if first := re.search(rf"(?<![\w-]){acronym}s?(?![\w])", text):
            near = text[max(0, first.start() - NEAR) : first.end() + NEAR]
            if not re.search(words, near, re.IGNORECASE):
                yield acronym
    found = re.findall(r"(?<![\w-])(?:[A-Z]{2,}\d*|[a-z]+\d+[a-z]*|ReLU\d*)(?![\w-])", text)
    yield from sorted({each.removesuffix("s") for each in found} - NAMES - EXPLAINED.keys())


@chapter
def test_acronyms_are_explained_where_a_chapter_first_uses_them(path):
    assert list(unexplained(read_aloud(read(path)))) == []


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("batch normalization (BN), then BN", []),
        ("BN, then batch normalization", []),
        (f"BN {'and so on ' * 50} batch normalization (BN)", ["BN"]),
        ("GPUs", ["GPU"]),
        ("an LSTM", ["LSTM"]),
        ("A ZIP of 3 MB", []),
    ],
)
def test_what_is_not_explained_is_found(text, left):
    assert list(unexplained(text)) == left


def texts():
    """Every page of prose: its name, its text, and the folder that its links start from."""
    for path in CHAPTERS + SOLUTIONS:
        yield name(path), prose(read(path)), path.parent
    for path in PAGES:
        yield path.relative_to(ROOT).as_posix(), path.read_text("utf-8"), path.parent


TEXTS = {page: (text, folder) for page, text, folder in texts()}
page = pytest.mark.parametrize("page", TEXTS)


@page
def test_a_link_says_where_it_leads_and_a_picture_what_it_shows(page):
    text, folder = TEXTS[page]
    for is_picture, words, target in LINK.findall(text):
        if is_picture:
            assert len(words.split()) >= 5, f"{target} needs a description"
        else:
            vague = words.lower().strip("* ") in {"", "here", "this", "link", "click here", "page"}
            assert not vague, f"the link to {target} does not say where it leads"
        if "://" not in target and not target.startswith("#"):
            assert (folder / unquote(target.split("#")[0])).exists(), f"{page} links to {target}"


def anchors(text):
    """The headings of a page as links to them are written for JupyterLab and the site."""
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[`*]", "", heading).replace(" ", "-") for heading in headings}


@page
def test_a_link_into_a_page_leads_to_a_heading(page):
    text, folder = TEXTS[page]
    for _, _, target in LINK.findall(text):
        file, _, anchor = target.partition("#")
        if anchor and "://" not in target:
            there = prose(read(folder / file)) if file else text
            assert unquote(anchor) in anchors(there), f"{page} links to {target}"


@every
def test_headings_come_in_order(path):
    """One of the first level, and none that skips a level, as readers jump by them."""
    levels = [len(marks) for marks in re.findall(r"^(#+) ", prose(read(path)), re.M)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    for before, level in itertools.pairwise(levels):
        assert level <= before + 1
