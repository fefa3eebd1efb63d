"""The site's files: links, anchors, pictures, headings, addresses, sizes, valid HTML."""

import json
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit
from xml.etree import ElementTree

import pytest

from mobilenet_lib.checks import EXERCISES

pytestmark = pytest.mark.slow

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RULES = {
    "root": True,
    "extends": ["html-validate:standard", "html-validate:a11y"],
    "rules": {"prefer-native-element": "off"},  # taste: a <main> for the theme's role="main"
}
VOID = {"area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}


class Read(HTMLParser):
    """What the tests ask of a page."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.loads, self.later = set(), [], [], []
        self.images, self.headings, self.explorers = [], [], set()
        self.metas, self.title, self.inside, self.words = {}, "", [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag not in VOID:
            self.inside.append(tag)
        if "id" in given:
            self.ids.add(given["id"])
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag == "link" and given.get("rel") != "canonical":
            self.loads.append(given["href"])
        if tag in ("script", "img") and "src" in given:
            self.loads.append(given["src"])
        self.explorers |= {given["data-explorer-id"]} if "data-explorer-id" in given else set()
        for key in ("data-bundle", "data-state", "data-assets"):  # when the reader comes near
            self.later += [given[key]] if key in given else []
        if tag == "img":
            self.images.append(given)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "meta":
            self.metas[given.get("name") or given.get("property")] = given.get("content")

    def handle_endtag(self, tag):
        while self.inside and self.inside.pop() != tag:
            pass

    def handle_data(self, data):
        if self.inside[-1:] == ["title"]:
            self.title += data
        if "script" not in self.inside and "style" not in self.inside:
            self.words.append(data)


@pytest.fixture(scope="module")
def read(pages):
    """Every page's content by its path."""
    return {page: Read(page.read_text("utf-8")) for page in pages}


def test_the_pages_are_there(site, read):
    names = {page.relative_to(site).as_posix() for page in read}
    folder = ROOT / "chapters"  # JupyterLab keeps copies in a folder of its own below it
    for notebook in [*folder.glob("*.ipynb"), *folder.glob("solutions/*.ipynb")]:
        where = notebook.relative_to(ROOT)
        assert where.with_suffix(".html").as_posix() in names
        assert (site / where).read_bytes() == notebook.read_bytes(), "the download is another file"
    wanted = {"index", "run", "changelog", "404", "search", "genindex", "reference/index"}
    assert {f"{name}.html" for name in wanted} <= names


def test_no_link_leads_nowhere(site, read):
    broken = []
    for page, content in read.items():
        for link in {*content.links, *content.loads, *content.later}:
            address, anchor = urldefrag(link)
            if urlsplit(address).scheme in ("http", "https", "mailto", "data"):
                continue
            assert not address.startswith("/"), f"{page}: {link} holds under one path only"
            target = (page.parent / unquote(urlsplit(address).path)).resolve() if address else page
            if not target.is_file():
                broken.append(f"{page.relative_to(site)}: {link}")
            elif ":v1" in anchor:  # a state of an explorer
                if anchor.partition(":v1")[0] not in read[target].explorers:
                    broken.append(f"{page.relative_to(site)}: {link} has no such explorer")
            elif anchor and target in read and unquote(anchor) not in read[target].ids:
                broken.append(f"{page.relative_to(site)}: {link} has no such anchor")
    assert not broken


def test_nothing_is_loaded_from_elsewhere(site, read):
    for page, content in read.items():
        assert not [
            each for each in content.loads + content.later if re.match(r"(https?:)?//", each)
        ], page
    for style in site.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*[\"']?(https?:)?//", style.read_text("utf-8")), (
            style
        )


def test_every_image_has_words_and_a_size(read):
    for page, content in read.items():
        for image in content.images:
            if page.name == "py-modindex.html":  # signs that open and close a group
                continue
            assert len(image.get("alt", "")) > 20, f"{page.name}: {image.get('src')}"
            assert int(image["width"]) > 0
            assert int(image["height"]) > 0


def test_headings_are_in_order(read):
    for page, content in read.items():
        assert content.headings[:1] == [1], page
        assert content.headings.count(1) == 1, page
        steps = zip(content.headings, content.headings[1:], strict=False)
        assert all(after <= before + 1 for before, after in steps), page


def test_every_page_says_what_it_is(read):
    titles = [content.title for content in read.values()]
    assert len(set(titles)) == len(titles)
    described = [c for page, c in read.items() if page.name != "404.html"]
    for content in described:
        assert 30 < len(content.metas["description"]) <= 200, content.title
        assert content.metas["og:title"] in content.title
        assert content.metas["twitter:card"] == "summary_large_image"
        assert content.metas["viewport"]


def test_html_is_valid(pages, npm_packages):
    library = npm_packages / "html-validate/dist/esm/index.js"
    command = ["node", HERE / "validate.mjs", library, json.dumps(RULES)]
    paths = "\n".join(map(str, pages))
    done = subprocess.run(command, input=paths, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_sizes(site, read):
    """The whole site, and what a page loads before the reader scrolls, without help of gzip."""
    assert sum(file.stat().st_size for file in site.rglob("*") if file.is_file()) < 60e6
    for page, content in read.items():
        now = set(content.loads)
        now -= {image["src"] for image in content.images if image.get("loading") == "lazy"}
        files = [page.parent / urlsplit(each).path for each in now]
        assert page.stat().st_size + sum(file.stat().st_size for file in files) < 3e6, page


def test_numbers_of_equations_and_figures(site, read):
    first, second = (
        next(c for page, c in read.items() if page.name.startswith(number))
        for number in ("01", "02")
    )
    assert {"eq-1", "eq-2"} <= first.ids
    assert {"eq-3", "eq-4", "eq-5"} <= second.ids
    assert "01_standard_convolution.html#eq-2" in second.links, "a mention leads to its equation"
    assert "figure-01-1" in first.ids
    assert "#figure-01-1" in first.links
    home = read[site / "reference/mobilenet_lib.convolution.html"].links
    assert "../chapters/01_standard_convolution.html#eq-1" in home


def test_what_needs_python_says_so(read):
    by_number = {
        page.name[:2]: " ".join(c.words)
        for page, c in read.items()
        if page.parent.name == "chapters"
    }
    exercises = sum(key.startswith("1.") for key in EXERCISES)
    assert by_number["01"].count("Python checks your answer") == exercises
    assert "the curve grows while the network learns" in by_number["05"]
    assert "yours gives its own numbers" in by_number["04"]


def test_feed_and_robots(site):
    feed = ElementTree.fromstring((site / "feed.xml").read_text("utf-8"))
    atom = "{http://www.w3.org/2005/Atom}"
    entry = feed.find(f"{atom}entry")
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert f"## {entry.findtext(f'{atom}title')}" in changelog
    link = entry.find(f"{atom}link").get("href")
    page, _, anchor = link.partition("#")
    assert f'id="{anchor}"' in (site / page).read_text("utf-8")
    assert not (site / "sitemap.xml").exists(), "a sitemap has absolute addresses only"
    assert "Disallow" not in (site / "robots.txt").read_text("utf-8")


def test_the_reference_has_every_public_name(read, site):
    """What packages hand out, and every class and function of the modules."""
    import reference

    ids = set().union(*(c.ids for page, c in read.items() if page.parent.name == "reference"))
    for title, modules in reference.modules().items():
        for module in modules:
            names = {f"{module.__name__}.{name}" for name, _ in reference.public(module)}
            assert names <= ids, f"{title} lacks {sorted(names - ids)[:3]}"
            handed = {reference.origin(module, name) for name in getattr(module, "__all__", ())}
            assert handed <= ids, f"{title} hands out {sorted(handed - ids)[:3]}"
    words = " ".join(read[site / "reference/mobilenet_lib.cost.html"].words)
    assert re.search(r"Taught in chapter\s+01 Standard convolution", words)


def test_the_reference_has_the_whole_command(read, site):
    words = " ".join(read[site / "reference/command.html"].words)
    for command in (
        "cost",
        "predict",
        "train",
        "sweep",
        "bench",
        "bench sixteen",
        "export",
        "doctor",
    ):
        assert f"usage: mobilenet {command}" in words
