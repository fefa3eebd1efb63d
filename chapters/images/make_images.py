"""Make the picture that README.md shows, from the explorer itself, in a real Chromium.

python chapters/images/make_images.py
"""

import hashlib
import io
import tempfile
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import sync_playwright

from mobilenet_lib.explorers import ConvolutionExplorer
from mobilenet_lib.files import write_atomically
from mobilenet_lib.machine import find_chromium

HERE = Path(__file__).resolve().parent
PICTURE = HERE / "convolution_explorer.png"


def version() -> str:
    """Of the explorer's own sources: the picture is of the explorer that they make."""
    root = HERE.parents[1]
    files = [root / f"web/explorers/convolution.{kind}" for kind in ("js", "css")]
    files.append(root / "mobilenet_lib/explorers/definitions/convolution.json")
    return hashlib.sha256("".join(file.read_text("utf-8") for file in files).encode()).hexdigest()


def main() -> None:
    """Draw half of a map, as a reader would, and keep a picture of it."""
    explorer = ConvolutionExplorer("cat", size=32, hide=("foot",))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        explorer.save(Path(folder) / "explorer.html")
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1140, "height": 500}, device_scale_factor=1.5)
        page.goto((Path(folder) / "explorer.html").as_uri())
        figure = page.locator(".mn-explorer[data-value]")
        page.evaluate("""async () => {
            const { model } = document.querySelector("[data-explorer]").explorer;
            for (let place = 0; place < 20 * 32 + 12; place++) {
                model.set("row", Math.floor(place / 32));
                model.set("column", place % 32);
                await new Promise(requestAnimationFrame); // what is drawn has been computed
            }
        }""")
        page.wait_for_selector(".mn-explorer[data-row='20'][data-column='11']")
        picture = Image.open(io.BytesIO(figure.screenshot())).convert("RGB")
        browser.close()
    stamp, content = PngInfo(), io.BytesIO()
    stamp.add_text("version", version())
    picture.save(content, "PNG", optimize=True, pnginfo=stamp)
    write_atomically(PICTURE, content.getvalue())


if __name__ == "__main__":
    main()
