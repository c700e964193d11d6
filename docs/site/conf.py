"""Configuration of the site: Sphinx with MyST and the theme Furo, which loads nothing."""

from d2l_common import __version__

project = "Dive into Deep Learning, twice"
author = "the authors of d2l-twins"
copyright = "the authors of d2l-twins"
release = __version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
html_theme = "furo"
html_title = project
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_copyright = False
html_copy_source = False
pygments_style = "friendly"
pygments_dark_style = "github-dark"

nb_execution_mode = "off"  # make_pages.py has run the notebooks
nb_merge_streams = True
myst_heading_anchors = 4
myst_links_external_new_tab = False
# Code blocks of README's kind whose language Pygments does not know are text. A word such as
# "devices" in the type of an argument is not a reference to an attribute of both Trainers.
suppress_warnings = ["misc.highlighting_failure", "ref.python"]

autodoc_typehints = "none"  # the docstrings state types and shapes
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = True
napoleon_google_docstring = False
napoleon_use_rtype = False
# Several attributes may share an entry: "gamma, beta".
napoleon_custom_sections = [("Attributes", "params_style")]
default_role = "code"  # docstrings write names as Markdown does


def skip_functions_of_frameworks(app, what, name, obj, skip, options):
    """Leave out an attribute that is a function of a framework, with that framework's docstring."""
    module = getattr(obj, "__module__", None) or ""
    return True if module.partition(".")[0] in ("flax", "jax", "torch") else None


def setup(app):
    """Set up the extensions' events."""
    app.connect("autodoc-skip-member", skip_functions_of_frameworks)
