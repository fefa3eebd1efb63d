"""Lecture decks, one a chapter, from marked cells of chapters/text.

    python web/slides/build.py                 all decks, with handouts, into build/slides
    python web/slides/build.py 01 05           these only
    python web/slides/build.py --out FOLDER    into another folder
    python web/slides/build.py --no-pdf        without handouts

`source.py` says how a cell becomes a slide. All that a deck needs lies in the folder, so it opens
from a file and from any address. Handouts are printed by Chromium.
"""

from __future__ import annotations

import argparse
import html
import shutil
import sys
from pathlib import Path
from string import Template

from mobilenet_lib.files import write_atomically
from mobilenet_lib.machine import find_chromium

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PACKAGES = HERE.parent / "node_modules"
OWN = ("deck.css", "deck.js", "plain.css")
VENDORED = {  # folder and name in node_modules, by where it goes
    "reveal/reveal.js": "reveal.js/dist/reveal.js",
    "reveal/notes.js": "reveal.js/plugin/notes/notes.js",
    "reveal/reveal.css": "reveal.js/dist/reveal.css",
    "reveal/reset.css": "reveal.js/dist/reset.css",
    "reveal/LICENSE": "reveal.js/LICENSE",
    "katex/katex.min.css": "katex/dist/katex.min.css",
    "katex/LICENSE": "katex/LICENSE",
}
# All slides are laid out as pages, and letters and pictures have come.
PRINTABLE = """(slides) => document.querySelectorAll(".pdf-page").length === slides
    && document.fonts.status === "loaded"
    && [...document.images].every((each) => each.complete && each.naturalWidth > 0)"""
sys.path[:0] = [str(HERE), str(HERE.parent)]

import katex  # noqa: E402 - beside this folder
from source import Deck, Formula, Slide, read_deck  # noqa: E402 - beside this file


def set_formulas(formulas: list[Formula]) -> list[str]:
    """The HTML of each formula."""
    try:
        answers = katex.set_formulas((each.tex, each.display) for each in formulas)
    except katex.KatexError as error:
        raise SystemExit(str(error)) from None
    for formula, each in zip(formulas, answers, strict=True):
        if "error" in each:
            raise SystemExit(f"{formula.tex} cannot be set: {each['error']}")
    return [each["html"] for each in answers]


def section(slide: Slide, number: int) -> str:
    """One slide as reveal.js wants it."""
    minutes = f"{slide.minutes:g} minute{'s' * (slide.minutes != 1)}"
    return (
        f'<section data-timing="{round(60 * slide.minutes)}">\n'
        f'<div class="slide {slide.kind}">\n{slide.body}\n</div>\n'
        f'<aside class="notes" aria-label="Notes on slide {number}">'
        f"<p><b>{minutes}</b></p>{slide.notes}</aside>\n</section>"
    )


def page_of(deck: Deck) -> str:
    """A deck's page."""
    slides = "\n".join(section(slide, number) for number, slide in enumerate(deck.slides, 1))
    for formula, done in zip(deck.formulas, set_formulas(deck.formulas), strict=True):
        slides = slides.replace(formula.mark, done)
    title = html.escape(deck.title)
    return Template((HERE / "deck.html").read_text("utf-8")).substitute(title=title, slides=slides)


def write_deck(deck: Deck, out: Path) -> None:
    """A deck's page, figures and explorers; nothing is left of an earlier one."""
    shutil.rmtree(out / deck.number, ignore_errors=True)
    frame = (HERE / "frame.html").read_bytes()
    for name, content in deck.files.items():
        if name.endswith(".html"):
            content = content.replace(b"</head>", frame + b"</head>", 1)
        write_atomically(out / name, content)
    write_atomically(out / f"{deck.number}.html", page_of(deck))


def handout(deck: Deck) -> str:
    """A link to a deck's handout."""
    return f'<a href="{deck.number}.pdf" aria-label="PDF, handout of {deck.number}">PDF</a>'


def write_index(decks: list[Deck], out: Path, handouts: bool) -> None:
    """A page that leads to the decks, and says how they are worked."""
    rows = "\n".join(
        f'<tr><th scope="row"><a href="{deck.number}.html">{deck.number} {html.escape(deck.title)}'
        f"</a></th><td>{len(deck.slides)}</td><td>{deck.minutes:g}</td>"
        + (f"<td>{handout(deck)}</td></tr>" if handouts else "</tr>")
        for deck in decks
    )
    head = '<th scope="col">handout</th>' if handouts else ""
    page = Template((HERE / "index.html").read_text("utf-8"))
    write_atomically(out / "index.html", page.substitute(rows=rows, handout=head))


def vendor(out: Path) -> None:
    """All that decks share, so that none asks another machine for anything."""
    if not (PACKAGES / "reveal.js").is_dir() or not shutil.which("node"):
        raise SystemExit(
            "web/node_modules is missing or old, or there is no Node.js: run `npm ci` in web/"
        )
    files = {name: PACKAGES / source for name, source in VENDORED.items()}
    files |= {
        f"katex/fonts/{font.name}": font for font in (PACKAGES / "katex/dist/fonts").glob("*.woff2")
    }
    files |= {name: HERE / name for name in OWN}
    for name, source in files.items():
        write_atomically(out / name, source.read_bytes())


def print_handouts(decks: list[Deck], out: Path, chromium: str) -> None:
    """A PDF for each deck, a page for each slide, explorers as still pictures."""
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        for deck in decks:
            page.goto((out / f"{deck.number}.html").resolve().as_uri() + "?print-pdf")
            page.wait_for_function(PRINTABLE, arg=len(deck.slides))
            pdf = page.pdf(prefer_css_page_size=True, print_background=True)
            write_atomically(out / f"{deck.number}.pdf", pdf)
        browser.close()


def main(arguments: list[str]) -> None:
    """Build the wanted decks, or all."""
    parser = argparse.ArgumentParser(description="Lecture decks from marked cells of the chapters.")
    parser.add_argument("wanted", nargs="*", metavar="NN", help="chapters; all if none is named")
    parser.add_argument(
        "--out", type=Path, default=ROOT / "build/slides", help="folder to write to"
    )
    parser.add_argument("--no-pdf", action="store_true", help="leave the handouts out")
    given = parser.parse_args(arguments)
    texts = sorted((ROOT / "chapters/text").glob("[0-9][0-9]_*.py"))
    chosen = [t for t in texts if not given.wanted or t.stem[:2] in given.wanted]
    if not chosen:
        raise SystemExit(f"there is no chapter {' or '.join(given.wanted)}")
    try:
        chromium = None if given.no_pdf else find_chromium()
    except FileNotFoundError as error:
        raise SystemExit(str(error)) from None
    if not (chromium or given.no_pdf):
        print("No Chromium is there, so the handouts are left out.")
    vendor(given.out)
    decks: list[Deck] = []
    for text in chosen:
        deck = read_deck(text, text.parents[1] / f"{text.stem}.ipynb")
        if not deck.slides:
            continue
        write_deck(deck, given.out)
        decks.append(deck)
        print(f"{deck.number} {deck.title}: {len(deck.slides)} slides, {deck.minutes:g} minutes")
    if chromium:
        print_handouts(decks, given.out, chromium)
    if not given.wanted:
        write_index(decks, given.out, handouts=bool(chromium))


if __name__ == "__main__":
    main(sys.argv[1:])
