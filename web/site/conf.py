"""Sphinx' settings. build.py puts the sources together and calls Sphinx; `make site` calls it."""

import json
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
told = json.loads(Path(os.environ["MOBILENET_SITE"]).read_text(encoding="utf-8"))

project = told["title"]
html_title = project
language = "en"
root_doc = "index"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
extensions += ["formulas", "names", "pages"]

# --- Notebooks: as they were executed and committed
nb_execution_mode = "off"
nb_merge_streams = True
nb_number_source_lines = False
myst_enable_extensions = ["dollarmath", "attrs_inline"]
myst_heading_anchors = 4
myst_heading_slug_func = "pages.slug"
suppress_warnings = ["mystnb.unknown_mime_type"]

# --- The reference
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
napoleon_preprocess_types = False
default_role = "py:obj"
add_module_names = False
toc_object_entries = False  # each of a thousand names in the contents of every page: slow
modindex_common_prefix = ["mobilenet_lib."]
nitpicky = True

# --- Pages
html_theme = "furo"
templates_path = [str(HERE / "templates")]
html_static_path = [str(HERE / "static"), told["katex"]]
html_extra_path = [told["extra"]]
html_css_files = ["katex.css", "site.css"]
# Without site.js a page must show all that it would fold, as it does without scripts.
html_js_files = [
    ("site.js", {"defer": "defer", "onerror": "document.documentElement.classList.add('no-js')"})
]
html_copy_source = False
html_show_sourcelink = False
html_permalinks_icon = "#"
html_favicon = str(HERE / "static/favicon.svg")
html_baseurl = told["address"]
html_theme_options = {"sidebar_hide_name": False}
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
copybutton_selector = (
    "div.cell_input div.highlight pre, div.highlight-bash pre, div.highlight-ipython3 pre"
)
copybutton_exclude = ".linenos, .gp"
equation_homes = told["equations"]
site = told
