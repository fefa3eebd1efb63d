"""Make the pictures that README.md shows, from the explorers themselves, in a real Chromium.

python chapters/images/make_images.py
"""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from mobilenet_lib.explorers import ConvolutionExplorer
from mobilenet_lib.files import write_atomically
from mobilenet_lib.machine import find_chromium

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent.parent / "tests" / "browser"))
from standalone import write_page


def main() -> None:
    """Draw half of a map, as a reader would, and keep a picture of it."""
    explorer = ConvolutionExplorer("cat", size=32)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1140, "height": 500}, device_scale_factor=1.5)
        page.goto(write_page(explorer, Path(folder)))
        page.wait_for_selector(".mnx-convolution[data-value]")
        page.evaluate("""() => { for (let row = 0; row < 21; row++)
            for (let column = 0; column < (row < 20 ? 32 : 12); column++) {
                model.set('row', row); model.set('column', column); } }""")
        page.wait_for_timeout(200)
        picture = page.locator(".mnx-convolution").screenshot()
        browser.close()
    write_atomically(HERE / "convolution_explorer.png", picture)


if __name__ == "__main__":
    main()
