"""What the site is made of, piece by piece, and a small site with an address."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "web/site"), str(ROOT / "web")]

around, book, build, formulas, names, reference = (
    pytest.importorskip(name)
    for name in ("around", "book", "build", "formulas", "names", "reference")
)
ADDRESS = "https://example.org/book/"
TOLD = {"title": "A book", "address": ADDRESS, "changed": "2026-01-02T00:00:00Z"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\n\nA *small* [table](x.ipynb) of $D_K$.\n\nMore.", "A small table of D_K."),
        ("First " + "word " * 20 + "ends. " + "Then more. " * 10, None),
        ("word " * 60, None),
    ],
)
def test_a_page_is_summed_up(text, shown):
    found = book.summary(text)
    assert len(found) <= 160
    assert found == shown or (shown is None and found[-1] in ".…")


@pytest.mark.parametrize(
    ("title", "number"), [("Training", "05"), ("Appendix: questions people really ask", "")]
)
def test_chapters_have_numbers_and_appendices_none(title, number):
    assert (
        book.Page("chapters/05_training", title, "", "chapters/05_training.ipynb").number == number
    )


def test_a_caption_is_short():
    assert book.caption("Two bars. One: 0.5, two: 7.") == "Two bars. One: 0.5, two: 7."
    long = "Bars of 0.5 million for layers: one 3, two 4; and so on." + " More of it." * 20
    assert book.caption(long) == "Bars of 0.5 million for layers."


def test_tables_scroll_and_have_headings():
    html = book.table("<table><tr><th></th><th>layer</th></tr></table>")
    assert html.startswith('<div class="table-wrapper"><table>')
    assert '<td></td><th scope="col">layer</th>' in html


def test_a_note_where_python_is_needed():
    def cell(source, text, tags=()):
        output = nbformat.v4.new_output("stream", text=text)
        return nbformat.v4.new_code_cell(source, outputs=[output], metadata={"tags": list(tags)})

    assert book.needs_python(cell("check(1)", "Exercise 1: not answered yet.")) == "exercise"
    for tag in ("nbval-ignore-output", "measured"):
        assert book.needs_python(cell("x", "7 ms", [tag])) == "machine"
    assert book.needs_python(cell("x", "7")) == ""
    assert book.needs_python(nbformat.v4.new_code_cell("LiveCurve()")) == ""


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("by Eq. 3 and", ["Eq. 3"]),
        ("Equations 2, 4 and 5 say", ["Equations 2, 4 and 5"]),
        ("Eq. 3 to 5.", ["Eq. 3 to 5"]),
        ("in 3 equations, Eq. 12", []),
    ],
)
def test_mentions_of_equations(words, found):
    assert [match[0] for match in formulas.MENTION.finditer(words)] == found


def test_names_that_a_chapter_takes():
    code = (
        "import mobilenet_lib as mn\nfrom mobilenet_lib import cost, plots as p\n"
        "from mobilenet_lib.bench.layers import bench_layers\n"
        "mn.mobilenet_v1()\ncost.standard_mult_adds()\np.channels()\nother.thing()"
    )
    assert {
        ("mobilenet_lib", "mobilenet_v1"),
        ("mobilenet_lib.cost", "standard_mult_adds"),
        ("mobilenet_lib.plots", "channels"),
        ("mobilenet_lib.bench.layers", "bench_layers"),
    } <= set(names.names_used(code))
    assert "mobilenet_lib.architecture.mobilenet_v1" in names.paths("mobilenet_lib", "mobilenet_v1")


def test_subcommands_are_read_off_the_help():
    text = "usage: mobilenet bench [-h] [OPTIONS] [{engines,layers,\n       train}]\n\nMeasure {a}"
    assert reference.subcommands(text) == ["engines", "layers", "train"]
    assert reference.subcommands("usage: mobilenet cost [-h]\n\n--body {full,shallow}") == []


def test_links_of_the_projects_texts(tmp_path, monkeypatch):
    text = "[a](TROUBLE.md) [b](chapters/01_x.ipynb#top) [c](SCALE.md) [d](https://x.org)"
    text += " [e](chapters/01_x.ipynb#separable:v1&done=0)"
    (tmp_path / "CHANGELOG.md").write_text(text, "utf-8")
    monkeypatch.setattr(build, "ROOT", tmp_path)
    assert build.project_text("CHANGELOG.md", "") == (
        "[a](trouble.md) [b](chapters/01_x.ipynb#top) c [d](https://x.org) "
        '<a href="chapters/01_x.html#separable:v1&amp;done=0">e</a>'
    )
    assert "[c](https://h.org/b/blob/main/SCALE.md)" in build.project_text(
        "CHANGELOG.md", "https://h.org/b"
    )


def test_addresses(capsys):
    assert build.addresses("https://example.org/book")["address"] == ADDRESS
    with pytest.raises(SystemExit, match="must begin with https://"):
        build.addresses("example.org")


def test_sitemap_feed_and_the_page_that_is_not_there():
    tree = ElementTree.fromstring(around.sitemap(["index.html", "chapters/a.html"], ADDRESS))
    assert [each.text for each in tree.iter() if (each.text or "").strip()] == [
        f"{ADDRESS}index.html",
        f"{ADDRESS}chapters/a.html",
    ]
    assert f"Sitemap: {ADDRESS}sitemap.xml" in around.robots(ADDRESS)
    feed = around.feed("# Changes\n\n## May (0.2)\n\n- *New* & better\n\n## 0.1\n\n- First\n", TOLD)
    entries = list(ElementTree.fromstring(feed).iter("{http://www.w3.org/2005/Atom}entry"))
    assert len(entries) == 2
    assert "<em>New</em> &amp; better" in entries[0].findtext(
        "{http://www.w3.org/2005/Atom}content"
    )
    link = entries[0].find("{http://www.w3.org/2005/Atom}link").get("href")
    assert link == f"{ADDRESS}changelog.html#may-0-2"
    assert f'href="{ADDRESS}"' in around.missing(TOLD)


def test_decks_show_the_pictures_that_chapters_show(tmp_path):
    decks, out = tmp_path / "decks", tmp_path / "out"
    (decks / "01").mkdir(parents=True), (out / "chapters/figures").mkdir(parents=True)
    for name, data in {"1": b"own", "2": b"both", "12": b"both"}.items():
        (decks / f"01/{name}.png").write_bytes(data)
    (out / "chapters/figures/01-7.png").write_bytes(b"both")
    pictures = [f'<img src="01/{name}.png" alt="">' for name in ("1", "2", "12")]
    (decks / "01.html").write_text("".join(pictures), "utf-8")
    around.copy_decks(decks, out)
    deck = out / "slides/01.html"
    found = re.findall(r'src="([^"]+)"', deck.read_text("utf-8"))
    assert found == ["01/1.png", "../chapters/figures/01-7.png", "../chapters/figures/01-7.png"]
    assert all((deck.parent / path).is_file() for path in found)
    assert [file.name for file in (out / "slides/01").iterdir()] == ["1.png"]
    assert len(list((decks / "01").iterdir())) == 3, "the decks by themselves are left whole"


@pytest.fixture
def small(tmp_path, npm_packages):
    """Build a site of one page from its text; what Sphinx said."""
    for folder in ("source", "extra", "katex"):
        (tmp_path / folder).mkdir()
    told = TOLD | {"description": "A description.", "repository": "", "slides": ["01.html"]}
    told |= {"extra": str(tmp_path / "extra"), "katex": str(tmp_path / "katex")}
    told |= {"pages": {}, "equations": {"1": "index"}, "taught": {}}
    (tmp_path / "site.json").write_text(json.dumps(told), "utf-8")
    (tmp_path / "katex/katex.css").write_text("", "utf-8")

    def make(text):
        (tmp_path / "source/index.md").write_text(text, "utf-8")
        code = (
            "import pathlib, sys; from build import run_sphinx\n"
            "run_sphinx(*map(pathlib.Path, sys.argv[1:]))"
        )
        folders = [tmp_path / name for name in ("source", "out", "doctrees")]
        done = subprocess.run(
            [sys.executable, "-c", code, *folders],
            capture_output=True,
            text=True,
            cwd=ROOT / "web/site",
            env=os.environ | {"MOBILENET_SITE": str(tmp_path / "site.json")},
        )
        return done, tmp_path / "out/index.html"

    return make


@pytest.mark.slow
def test_a_site_with_an_address(small):
    text = (
        "# A page\n\n[on](#As-in:-here)\n\n## As in: here\n\nAs Eq. 1 says[^a], $x^2$.\n\n"
        "$$y = x \\qquad (1)$$\n\n[^a]: A footnote.\n"
    )
    done, page = small(text)
    assert done.returncode == 0, done.stderr
    html = page.read_text("utf-8")
    assert f'<link rel="canonical" href="{ADDRESS}' in html
    assert f'<meta property="og:url" content="{ADDRESS}">' in html
    assert f'<meta property="og:image" content="{ADDRESS}card.png">' in html
    assert 'href="#eq-1">Eq.\N{NO-BREAK SPACE}1</a>' in html
    assert 'aria-label="x squared"' in html
    assert 'href="#as-in-here"' in html, "a link that holds in JupyterLab"
    assert re.search(r'<a class="footnote-reference', html)
    assert 'href="./slides/01.html"' in html
    assert "\\qquad" not in html.split("<article")[1].split("annotation")[0]


@pytest.mark.slow
def test_mistakes_end_the_build_and_are_named(small):
    done, _ = small("# A page\n\n$\\fracx{1$\n\n[there](nowhere.md)\n\n$x$\n")
    assert done.returncode != 0
    assert "index.md: WARNING: $\\fracx{1$ is no formula" in done.stderr
    assert "nowhere.md" in done.stderr
