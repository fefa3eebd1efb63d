"""Write data/manifest.txt, by which `mobilenet data` knows the book's data; after any change here.

python data/make_manifest.py
"""

from pathlib import Path

from mobilenet_lib.files import write_atomically
from mobilenet_lib.manifest import MANIFEST, make_manifest

HERE = Path(__file__).resolve().parent

if __name__ == "__main__":
    write_atomically(HERE / MANIFEST, make_manifest(HERE))
