"""The built book as files: nothing missing, nothing stale, no link leads nowhere."""

from functools import cache
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest
from built import ENTRY, HTML, PAGES, ROOT, TOC, path_of

pytestmark = pytest.mark.pages

EXTERNAL = ("http", "https", "mailto")


class Page(HTMLParser):
    """The anchors of a page, and the addresses that it names."""

    def __init__(self, path):
        super().__init__()
        self.anchors = {"", "top"}
        self.links = []
        self.outside = []
        self.depth = 0  # of open <article> elements
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.depth += tag == "article"
        self.anchors.update(attrs[key] for key in ("id", "name") if attrs.get(key))
        for address in filter(None, (attrs.get("href"), attrs.get("src"))):
            self.links.append(address)
            if urlsplit(address).scheme in EXTERNAL and not self.depth:
                self.outside.append(address)

    def handle_endtag(self, tag):
        self.depth -= tag == "article"


@cache
def parsed(path):
    return Page(path)


def broken(path, book=HTML):
    """List the links of a page that lead nowhere, each with its reason."""
    for link in parsed(path).links:
        parts = urlsplit(link)
        if parts.scheme in (*EXTERNAL, "data", "javascript"):
            continue
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        if not target.is_file():
            yield f"{link}: no such file"
        elif not target.is_relative_to(book.resolve()):
            yield f"{link}: outside the book"
        elif parts.fragment and unquote(parts.fragment) not in parsed(target).anchors:
            yield f"{link}: no such anchor"


@pytest.mark.parametrize("name", PAGES)
def test_links_resolve(name):
    assert list(broken(path_of(name).resolve())) == []


@pytest.mark.parametrize("name", PAGES)
def test_only_the_text_links_to_the_outside(name):
    # a launch, edit or repository button would lead to somebody else's repository
    assert parsed(path_of(name)).outside == []


def test_the_pages_are_those_of_the_contents():
    built = {
        p.relative_to(HTML).with_suffix("").as_posix() for p in HTML.rglob("*.html")
    }
    # Beside the pages lie the theme's files, and the source that the API links to.
    built = {name for name in built if not name.startswith(("_static/", "_modules/"))}
    assert built == {ENTRY, *PAGES}


@pytest.mark.parametrize("name", TOC)
def test_the_page_was_built_from_its_source(name):
    (source,) = (p for s in (".ipynb", ".md") if (p := ROOT / f"{name}{s}").exists())
    assert (HTML / "_sources" / f"{name}{source.suffix}").read_bytes() == (
        source.read_bytes()
    ), "the built book is older than its source: `make book`"


def test_broken_links_are_noticed(tmp_path):
    page = tmp_path / "page.html"
    page.write_text('<a href="gone.html"></a><a href="#gone"></a><a href="#"></a>')
    assert list(broken(page, tmp_path)) == [
        "gone.html: no such file",
        "#gone: no such anchor",
    ]
