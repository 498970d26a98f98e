"""How the site is built, see scripts/site.py."""

project = "trafficfed"
author = copyright = "the trafficfed authors"
extensions = ["myst_parser"]
html_theme = "furo"
html_title = "trafficfed"
html_copy_source = False
html_show_sphinx = False
myst_heading_anchors = 4
myst_fence_as_directive: list[str] = []
# Languages that the highlighter has no word for, and consoles whose output it would take for one.
suppress_warnings = ["misc.highlighting_failure"]
highlight_language = "none"
