"""Settings of the documentation site; `python -m sphinx -W -b html docs docs/_build/html`."""

import gc
import re
import sys
from functools import cache
from pathlib import Path

from sphinx.search.en import SearchEnglish

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE / "_ext"))

import _pages  # noqa: E402

import alliance_stats  # noqa: E402

gc.set_threshold(100_000, 50, 100)  # a site is millions of small things, and most of them stay
_pages.write(HERE)  # the reference and the notebooks, before Sphinx looks for pages

project = "alliance_stats"
author = "The alliance_stats developers"
copyright = author
version = release = alliance_stats.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "myst_nb",
    "sphinx_copybutton",
    "linked_names",
    "mathml",
]
exclude_patterns = ["_build", "_templates"]
templates_path = ["_templates"]
default_role = "py:obj"
today_fmt = "%Y"

# Notebooks are shown as they were saved; the test suite runs them.
nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["colon_fence", "attrs_block", "deflist"]
myst_heading_anchors = 3

# Docstrings: numpy's convention; types come from the annotations.
autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_member_order = "bysource"
napoleon_google_docstring = False
# As a plain list: several attributes share one line ("licence, sources").
napoleon_custom_sections = [("Attributes", "params_style")]
napoleon_use_rtype = False
python_maximum_signature_line_length = 88

# Everything a page needs is in the site: no fonts, scripts or styles from elsewhere.
html_theme = "pydata_sphinx_theme"
html_title = "alliance_stats"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
html_show_sourcelink = False
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "logo": {"text": "alliance_stats"},
    "navigation_with_keys": False,
    "show_nav_level": 1,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "navbar_align": "left",
    "header_links_before_dropdown": 7,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_sidebars = {"index": [], "changelog": [], "tutorial": [], "for-r-and-spss-users": []}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_selector = "div:not(.highlight-text):not(.output) > div.highlight > pre"


def _plain_numbers(app, what, name, obj, options, signature, returned):
    """Write the default 0.05 where NumPy would have it as np.float64(0.05)."""
    if signature is None or "np." not in signature:
        return None
    return re.sub(r"np\.\w+\(([-\d.e]+)\)", r"\1", signature), returned


class _English(SearchEnglish):
    """English for the search; the stem of a word is found once, not once a page."""

    stem = cache(SearchEnglish.stem)


def setup(app):
    """Register what is too small for an extension of its own."""
    app.add_search_language(_English)
    app.connect("autodoc-process-signature", _plain_numbers)
