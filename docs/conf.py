# SPDX-License-Identifier: GPL-2.0-or-later
"""Sphinx configuration; built by `make docs` into build/docs/."""

project = "dmashare"
author = "The dmashare authors"
copyright = author
extensions = []
master_doc = "index"
exclude_patterns = []
html_theme = "alabaster"
html_show_sourcelink = False
# A reference that leads nowhere is an error in `make docs` (-W), so that the
# documents cannot drift from one another unseen.
nitpicky = True
