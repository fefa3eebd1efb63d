"""How long each explorer takes for its first picture and for one frame, in headless Chromium.

    python tests/benchmarks/explorer_frames.py [--record]

Every frame sets the explorer to another state by chance, which is more than a hand can do. A
reading is the time that it keeps the browser's main thread busy for one frame: what the change sets
off, and the drawing, with the canvas commands carried out (a pixel is read back). The limits: half
of the frames under 16.7 ms, one frame at 60 Hz; 95 of 100 under 33 ms; the first picture, from the
page's start, under 300 ms. Networks in the page answer from a worker; their time is in
web_engine.json.
"""

import random
import sys
import tempfile
from pathlib import Path

from measure import arguments, finish, show, summary

from mobilenet_lib.explorers import ConvolutionExplorer
from mobilenet_lib.machine import find_chromium

sys.path.append(str(Path(__file__).resolve().parent.parent / "browser"))
from explorers import EXPLORERS
from standalone import write_page
from states import any_state

LIMIT_MS, LIMIT_P95_MS, LIMIT_FIRST_MS = 16.7, 33, 300
FRAMES, WARM_UP, PAGES = 240, 30, 7
REAL_SIZE = {"convolution": lambda: ConvolutionExplorer("cat", 64, "blur 5x5")}
"""Where the explorer of the tests is smaller than what readers are shown."""

MEASURE = """async (states) => {
  const flush = () => document.querySelectorAll('canvas').forEach(
    (c) => c.width && c.getContext('2d').getImageData(0, 0, 1, 1));
  const original = window.requestAnimationFrame;
  const readings = [];
  for (const state of states) {
    const queue = [];
    window.requestAnimationFrame = (draw) => queue.push(draw);  // the explorer's drawing, held
    const start = performance.now();
    for (const [name, value] of Object.entries(state)) model.set(name, value);
    await null;  // what waits for several changes
    queue.splice(0).forEach((draw) => draw(start));
    flush();
    readings.push(performance.now() - start);
    window.requestAnimationFrame = original;
    await new Promise(original);
  }
  return readings;
}"""
FIRST = """new MutationObserver(() => {
  if (document.querySelector('.mn-explorer[data-drawn]')) window.first ??= performance.now();
}).observe(document, { subtree: true, attributes: true, attributeFilter: ['data-drawn'] });"""


def main() -> None:
    """Measure, print, and record if asked to."""
    options = arguments("how long each explorer takes for its first picture and for one frame")
    from playwright.sync_api import sync_playwright

    chromium = find_chromium()
    if chromium is None:
        raise SystemExit("no Chromium found: install it, or point CHROMIUM to its program")
    results, kept = {}, True
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        for name in EXPLORERS:
            widget = REAL_SIZE.get(name, EXPLORERS[name])()
            address, draw = write_page(widget, Path(folder)), random.Random(0)
            first = []
            for _ in range(PAGES):
                page = browser.new_page(viewport={"width": 1280, "height": 720})
                page.add_init_script(FIRST)
                page.goto(address)
                page.wait_for_function("() => window.first")
                first.append(page.evaluate("() => window.first"))
                if len(first) < PAGES:
                    page.close()
            page.wait_for_function("() => window.model")
            states = [any_state(widget, draw) | {"tour": 0} for _ in range(WARM_UP + FRAMES)]
            frames = summary(page.evaluate(MEASURE, states)[WARM_UP:])
            page.close()
            results[name] = {"frame": frames, "first_picture": summary(first)}
            kept &= show(f"{name}, a frame", frames, LIMIT_MS)
            kept &= frames["p95_ms"] < LIMIT_P95_MS
            kept &= show(f"{name}, first picture", results[name]["first_picture"], LIMIT_FIRST_MS)
        results["browser"] = browser.version
        browser.close()
    finish("explorer_frames", results, kept, options.record, ("playwright", "anywidget"))


if __name__ == "__main__":
    main()
