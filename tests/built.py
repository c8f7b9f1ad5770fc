"""The built book: where it is and which pages it must have."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
HTML = ROOT / "_build" / "html"

TOC = re.findall(r"(?:root|file): *(\S+)", (ROOT / "_toc.yml").read_text("utf-8"))
# Sphinx adds the search, Jupyter Book the way in: a page that leads to the first one.
PAGES = [*TOC, "search"]
ENTRY = "index"


def path_of(name):
    """Give the file of a built page; a book that is not built is an error."""
    path = HTML / f"{name}.html"
    if not path.exists():
        raise FileNotFoundError(f"{path} is not there: `make book` builds it")
    return path
