"""Sphinx settings: those astropy shares with its affiliated packages, and what differs here."""

import os

from sphinx_astropy.conf.v2 import *

import szfinder

project = "szfinder"
author = "szfinder developers"
project_copyright = f"2026, {author}"
release = szfinder.__version__
version = ".".join(release.split(".")[:2])

exclude_patterns += ["api/*.inc"]
html_title = f"szfinder {release}"
html_static_path = []

# Inheritance diagrams need graphviz, which pip cannot install.
automodapi_inheritance_diagram = False
automodsumm_inherited_members = False
# The docstrings name the types; signatures stay short.
autodoc_typehints = "none"
# Class docstrings already describe the arguments of __init__.
autoclass_content = "class"

plot_include_source = False
plot_html_show_formats = False
plot_html_show_source_link = False
plot_formats = [("png", 150)]
plot_rcparams = {"figure.constrained_layout.use": True}

# Every reference within szfinder must resolve. Those to other projects become links where the
# inventories of these projects may be fetched; elsewhere the build does not ask the network.
nitpicky = True
# A word in single backticks is a reference where it can be one, else the name of a parameter.
nitpick_ignore_regex = [(r"py:obj", r"[a-z]\w*")]
if os.environ.get("READTHEDOCS") == "True" or "SZFINDER_DOCS_INTERSPHINX" in os.environ:
    intersphinx_mapping = {
        "astropy": ("https://docs.astropy.org/en/stable/", None),
        "matplotlib": ("https://matplotlib.org/stable/", None),
        "numpy": ("https://numpy.org/doc/stable/", None),
        "photutils": ("https://photutils.readthedocs.io/en/stable/", None),
        "python": ("https://docs.python.org/3/", None),
        "regions": ("https://astropy-regions.readthedocs.io/en/stable/", None),
        "reproject": ("https://reproject.readthedocs.io/en/stable/", None),
        "scipy": ("https://docs.scipy.org/doc/scipy/", None),
    }
else:
    intersphinx_mapping = {}
    nitpick_ignore_regex += [
        (r"py:.*", r"(astropy|colossus|healpy|matplotlib|numpy|photutils|regions|reproject|scipy)"
                   r"(\..*)?"),
        (r"py:.*", r"(abc|collections|pathlib|threading|warnings)\..*"),
        (r"py:.*", r"bool|dict|float|int|list|object|set|str|tuple|None|True|False|NaN"
                   r"|\w+(Error|Warning)"),
    ]
