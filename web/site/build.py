"""Build the static edition: python web/site/build.py, or `make site`.

The committed notebooks, the library's docstrings and the project's own texts become pages that open
from a folder and from any host under any path. Nothing is executed, nothing is fetched.
"""

from __future__ import annotations

import argparse
import datetime
import gc
import json
import os
import re
import shutil
import subprocess
import sys
import time
from html import escape
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT)]

TITLE = "MobileNet, an interactive textbook"
DESCRIPTION = (
    "An interactive textbook on MobileNet: how it computes, what it costs, how to train it and how "
    "to make it fast, with figures that answer when you touch them."
)
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)\s]+)\)")
TEXTS = {  # of the project, and the pages that they are
    "README.md": "run",
    "TROUBLE.md": "trouble",
    "CHANGELOG.md": "changelog",
    "data/results/README.md": "reference/results",
    "web/colab/README.md": "colab",
    "web/hub/README.md": "hub",
    "chapters/look_up.md": "chapters/look_up",
}
TEXTS |= {
    file.relative_to(ROOT).as_posix(): f"chapters/teaching/{file.stem}"
    for file in sorted((ROOT / "chapters/teaching").glob("*.md"))
}


def main() -> None:
    """Build the site from what is committed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "build/site", help="folder to write")
    parser.add_argument("--site", default="", help="address that the site will have, if known")
    decks = ROOT / "build/slides"
    parser.add_argument("--slides", type=Path, default=decks, help="folder of decks, if any")
    given = parser.parse_args()
    # Sphinx keeps millions of nodes; looking for garbage among them took a fifth of the time.
    gc.set_threshold(200_000, 20, 100)
    begun = time.perf_counter()
    for command in ("node", "npm"):
        if shutil.which(command) is None:
            raise SystemExit(f"the site needs {command}, which is not there: apt install npm")
    if not (ROOT / "web/node_modules/katex").is_dir():
        raise SystemExit("the site needs web/node_modules: run `npm ci` in web/")
    build(given.out.resolve(), addresses(given.site), given.slides)
    size = sum(file.stat().st_size for file in given.out.rglob("*") if file.is_file())
    print(f"{given.out}: {size / 1e6:.1f} MB in {time.perf_counter() - begun:.0f} s")


def addresses(site: str) -> dict[str, str]:
    """Where the site and its source will be found; "" where that is not known.

    Both stand in pyproject.toml under [project.urls], as Documentation and Repository.
    """
    from mobilenet_lib.installed import project_url

    address = site or project_url("Documentation") or ""
    if address and not re.match(r"https?://[^\s/]+", address):
        raise SystemExit(f"SITE is {address!r}, but must begin with https:// and a host's name")
    if not address:
        print(
            "The site has no address yet, so sitemap.xml, canonical links and absolute addresses "
            "in the feed are left out: make site SITE=https://..."
        )
    return {
        "address": address and address.rstrip("/") + "/",
        "repository": (project_url("Repository") or "").rstrip("/"),
    }


def build(out: Path, found: dict[str, str], slides: Path) -> None:
    """Build everything in a folder beside, then put it in the place of the old."""
    import around

    work = out.with_name(f"{out.name}.part")
    shutil.rmtree(work, ignore_errors=True)
    source, extra, katex, new = (work / name for name in ("source", "extra", "katex", "new"))
    for folder in (source, extra, katex, new):
        folder.mkdir(parents=True)
    vendor_katex(katex)
    site = write_sources(source, extra, found)
    decks = sorted(file.name for file in slides.glob("[0-9][0-9].html"))
    site |= {"extra": str(extra), "katex": str(katex), "slides": decks}
    told = work / "site.json"
    told.write_text(json.dumps(site), encoding="utf-8")
    os.environ["MOBILENET_SITE"] = str(told)
    run_sphinx(source, new, work / "doctrees")
    finish(new, site)
    if decks:
        around.copy_decks(slides, new)
    shutil.rmtree(out, ignore_errors=True)
    new.rename(out)
    shutil.rmtree(work)


def run_sphinx(source: Path, out: Path, doctrees: Path) -> None:
    """Run Sphinx in this process; a warning is an error."""
    from sphinx.cmd.build import main as sphinx

    options = ["--fail-on-warning", "--keep-going", "-q", "-c", str(HERE), "-d", str(doctrees)]
    if status := sphinx([*options, str(source), str(out)]):
        raise SystemExit(status)


def vendor_katex(folder: Path) -> None:
    """Copy KaTeX' style and its fonts, of which every browser takes woff2."""
    dist = ROOT / "web/node_modules/katex/dist"
    css = (dist / "katex.min.css").read_text(encoding="utf-8")
    css = re.sub(r",url\([^)]*\.(?:woff|ttf)\) format\(\"(?:woff|truetype)\"\)", "", css)
    (folder / "katex.css").write_text(css, encoding="utf-8")
    (folder / "fonts").mkdir()
    for font in sorted((dist / "fonts").glob("*.woff2")):
        shutil.copy(font, folder / "fonts")


def write_sources(source: Path, extra: Path, found: dict[str, str]) -> dict[str, Any]:
    """Write all that Sphinx reads, and say what the pages are."""
    import figures
    import names
    import reference
    from book import Book

    from mobilenet_lib.explorers import ConvolutionExplorer

    book = Book(ROOT, source, extra)
    chapters = [book.page(path) for path in sorted((ROOT / "chapters").glob("[0-9]*.ipynb"))]
    solutions = [book.page(path) for path in sorted((ROOT / "chapters/solutions").glob("*.ipynb"))]
    pages = [*chapters, *solutions]
    for page in solutions:
        page.description = f"Worked solutions to the exercises of chapter {page.title[-2:]}."
    (source / "chapters/solutions/index.md").write_text(
        listing("Solutions", "Worked solutions, a page for each chapter.", solutions, "../../"),
        encoding="utf-8",
    )
    listed = figures.list_of_figures(source, chapters)
    (source / "chapters/figures.md").write_text(listed, encoding="utf-8")
    (source / "reference").mkdir()
    modules = reference.write_modules(source / "reference")
    (source / "reference/command.md").write_text(reference.command_page(), encoding="utf-8")
    for path, name in TEXTS.items():
        text = project_text(path, found["repository"])
        target = source / f"{name}.md"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    entries = "\n".join(["command", "results", *modules])
    template = (HERE / "reference.md").read_text(encoding="utf-8")
    (source / "reference/index.md").write_text(template.replace("ENTRIES", entries), "utf-8")
    front = (HERE / "index.md").read_text(encoding="utf-8")
    explorer = front_explorer(book, ConvolutionExplorer())
    toc = "\n".join(f"{page.number} {page.title}".strip() + f" <{page.name}>" for page in chapters)
    cards = "\n".join(
        f'<li><a href="{page.name}.html"><b>{page.number}</b> {page.title}</a></li>'
        for page in chapters
    )
    front = front.replace("EXPLORER", explorer).replace("CHAPTERS", toc).replace("CARDS", cards)
    (source / "index.md").write_text(front, encoding="utf-8")
    described = {"run": "How to run the book on your own machine: two commands, or pip, or conda."}
    described["trouble"] = "What may be in the way of the book, and how to get past it."
    described["colab"] = "How to open a chapter in Colab: one cell brings the library and its data."
    described["hub"] = "The book on a JupyterHub and on Binder: image, memory, configuration."
    described["chapters/figures"] = (
        "Every figure of the book, with what it shows and where it stands."
    )
    described["chapters/look_up"] = (
        "Terms, equations, tables and sources, and where each is taught."
    )
    for path, name in TEXTS.items():
        if "/teaching/" in path:
            title = (ROOT / path).read_text(encoding="utf-8").partition("\n")[0].strip("# ")
            described[name] = f"For those who teach from the book: {title}."
    described["changelog"] = "What has changed in the book and its library."
    described["reference/index"] = "Every public name of mobilenet_lib, and the mobilenet command."
    described["reference/command"] = "The mobilenet command: every option of every subcommand."
    described["reference/results"] = "The measured results: what they are, and how to make them."
    described["chapters/solutions/index"] = "Worked solutions to the exercises of every chapter."
    known = {name: {"description": text} for name, text in described.items()}
    for name in modules:
        known[f"reference/{name}"] = {
            "description": f"{name}: {reference.about(name)}".replace("`", "")
        }
    for page in pages:
        known[page.name] = describe(page, found["repository"])
    texts = sorted((ROOT / "chapters/text").glob("*.py"))
    return found | {
        "title": TITLE,
        "description": DESCRIPTION,
        "pages": known,
        "equations": {n: page.name for page in reversed(chapters) for n in page.equations},
        "taught": names.first_uses(texts),
        "changed": f"{last_changed(ROOT / 'CHANGELOG.md') or datetime.date.today()}T00:00:00Z",
    }


def describe(page: Any, repository: str) -> dict[str, Any]:
    """What the template is told of a notebook's page."""
    up = "../" * page.name.count("/")
    elsewhere = [("Colab", f"{up}colab.html")]  # which says how
    if host := re.fullmatch(r"https://github\.com/([^/]+/[^/]+)", repository):
        colab = f"https://colab.research.google.com/github/{host[1]}/blob/main/{page.notebook}"
        binder = f"https://mybinder.org/v2/gh/{host[1]}/main?labpath={page.notebook}"
        elsewhere = [("Colab", colab), ("Binder", binder)]
    text = ROOT / Path(page.notebook).parent / "text" / f"{Path(page.notebook).stem}.py"
    return {
        "title": page.title,
        "description": page.description,
        "notebook": page.notebook,
        "changed": (day := last_changed(text)),
        "changed_words": day and f"{datetime.date.fromisoformat(day):%-d %B %Y}",
        "elsewhere": elsewhere,
    }


def last_changed(path: Path) -> str:
    """The day of a file's last commit; "" outside a checkout."""
    command = ["git", "log", "-1", "--format=%cs", "--", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def front_explorer(book: Any, explorer: Any) -> str:
    """The explorer of the first page, which plays once."""
    from embedded import NOT_OF_THE_FIGURE

    saved = json.loads(re.search(r"<script[^>]*>(.*)</script>", explorer.place(), re.S)[1])
    values = {name: value for name, value in saved.items() if name not in NOT_OF_THE_FIGURE}
    figure = explorer.still()
    folder = book.extra / "figures"
    folder.mkdir()
    (folder / "front.png").write_bytes(figure.png())
    width, height = (round(100 * inches) for inches in figure.get_size_inches())
    still = (
        f'<div class="still figure-scroll"><img src="figures/front.png" alt="{figure.alt}" '
        f'width="{width}" height="{height}"></div>'
    )
    place = book.explorers.place_of("front-1", type(explorer), values, still, "", figure.alt)
    return place.replace("<div ", '<div data-plays=".mnx-sweep" ', 1)


def listing(title: str, words: str, pages: list[Any], up: str) -> str:
    """A page that lists others."""
    entries = "\n".join(f"{page.title} </{page.name}>" for page in pages)
    return f"# {title}\n\n{words}\n\n```{{toctree}}\n:maxdepth: 1\n\n{entries}\n```\n"


def project_text(path: str, repository: str) -> str:
    """A text of the project as a page, whose links lead to pages where there are any."""
    text = (ROOT / path).read_text(encoding="utf-8")
    if path == "README.md":  # the page tells how to run the book
        start, end = text.index("## Getting the book"), text.index("## The chapters")
        text = "# Run the book\n\n" + text[start:end]
    here = TEXTS[path]
    folder = Path(path).parent
    if here == "chapters/teaching/README":
        pages = (Path(name).name for name in TEXTS.values() if name.startswith(f"{folder}/"))
        entries = "\n".join(page for page in pages if page != "README")
        text += f"\n```{{toctree}}\n:hidden:\n\n{entries}\n```\n"

    def turn(found: re.Match[str]) -> str:
        words, target = found[1], found[2]
        if re.match(r"https?:|#|mailto:", target):
            return found[0]
        target, _, anchor = target.partition("#")
        file = os.path.normpath(folder / target)
        up = os.path.relpath(".", Path(here).parent)
        name = TEXTS.get(file, file if file.endswith(".ipynb") else "")
        if name:
            page = os.path.normpath(f"{up}/{name}")
            if ":v1" in anchor:  # the state of an explorer, which is no heading
                address = f"{Path(page).with_suffix('.html').as_posix()}#{anchor}"
                return f'<a href="{escape(address)}">{words}</a>'
            page = page if page.endswith(".ipynb") else f"{page}.md"
            return f"[{words}]({page}{anchor and f'#{anchor}'})"
        return f"[{words}]({repository}/blob/main/{file})" if repository else words

    return LINK.sub(turn, text).replace("```python", "```ipython3")  # which has % and ! too


def finish(out: Path, site: dict[str, Any]) -> None:
    """Write what is no page of Sphinx'."""
    import around

    pages = sorted(file.relative_to(out).as_posix() for file in out.rglob("*.html"))
    pages.remove("search.html")  # which robots are told to leave out
    around.write(out, site, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), pages)
    for file in (".buildinfo", "objects.inv"):
        (out / file).unlink(missing_ok=True)


if __name__ == "__main__":
    main()
