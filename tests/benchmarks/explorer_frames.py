"""How long the convolution explorer takes for one frame, in headless Chromium.

    python tests/benchmarks/explorer_frames.py [--record]

Two movements, on a 64x64 crop with a 5x5 kernel: the kernel moves (as under a dragging finger), and
a weight changes (so that the whole map is computed anew). A reading is the time that the explorer
keeps the browser's main thread busy for one frame: its event handlers and its drawing, with the
canvas commands carried out (a pixel is read back). The limit is 16 ms, one frame at 60 Hz.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from measure import arguments, finish, show, summary

from mobilenet_lib.explorers import ConvolutionExplorer
from mobilenet_lib.machine import find_chromium

sys.path.append(str(Path(__file__).resolve().parent.parent / "browser"))
from standalone import write_page

LIMIT_MS = 16
FRAMES, WARM_UP = 240, 30

MEASURE = """async ([change, frames]) => {
  const flush = () => document.querySelectorAll('canvas').forEach(
    (c) => c.getContext('2d').getImageData(0, 0, 1, 1));
  const original = window.requestAnimationFrame;
  const side = model.get('size');
  const readings = [], between = [];
  let last = performance.now();
  for (let n = 0; n < frames; n++) {
    const queue = [];
    window.requestAnimationFrame = (draw) => queue.push(draw);  // the explorer's drawing, held
    const start = performance.now();
    if (change === 'move') {
      model.set('row', (7 * n) % side); model.set('column', (11 * n) % side);
    } else {
      const kernel = structuredClone(model.get('kernel'));
      kernel[2][2] = 1 + (n % 50) / 100;
      model.set('kernel', kernel);
    }
    await null;  // the place is counted after row and column have both been set
    queue.forEach((draw) => draw(start));
    flush();
    readings.push(performance.now() - start);
    window.requestAnimationFrame = original;
    await new Promise(original);
    const now = performance.now();
    between.push(now - last); last = now;
  }
  return { readings, between };
}"""


def main() -> None:
    """Measure, print, and record if asked to."""
    options = arguments("how long the convolution explorer takes for one frame")
    from playwright.sync_api import sync_playwright

    chromium = find_chromium()
    if chromium is None:
        raise SystemExit("no Chromium found: install it, or point CHROMIUM to its program")
    results, kept = {}, True
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.goto(write_page(ConvolutionExplorer("cat", 64, "blur 5x5"), Path(folder)))
        page.wait_for_selector(".mnx-convolution[data-value]")
        for change, title in (("move", "kernel moves"), ("edit", "a weight changes")):
            found = page.evaluate(MEASURE, [change, WARM_UP + FRAMES])
            results[title] = summary(found["readings"][WARM_UP:])
            results[title]["between_frames_ms"] = summary(found["between"][WARM_UP:])["median_ms"]
            kept &= show(title, results[title], LIMIT_MS)
        results["browser"] = browser.version
        browser.close()
    finish("explorer_frames", results, kept, options.record, ("playwright", "anywidget"))


if __name__ == "__main__":
    main()
