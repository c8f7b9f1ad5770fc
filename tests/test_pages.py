"""Every built page, opened in Chromium over http and file, wide and narrow, light and
dark: no error, no request that leaves the book, every formula typeset, nothing cut off.
"""

from contextlib import contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from built import ENTRY, HTML, PAGES, TOC, path_of
from chromium import serve

pytestmark = pytest.mark.pages

CHECKS = Path(__file__).with_name("page_checks.js").read_text("utf-8")
# Typeset, drawn once (which asks for the fonts), drawn with the fonts.
READY = """async () => {
  const drawn = () => new Promise(go => requestAnimationFrame(() => setTimeout(go)))
  await window.MathJax?.startup?.promise;
  await drawn();
  await document.fonts.ready;
  await drawn();
}"""
THEME_IS = "scheme => document.documentElement.dataset.theme === scheme"
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}

# What others write into the pages breaks these rules, in places of their own.
THEME = ("label-content-name-mismatch", "region", "summary-name")
BIBLIOGRAPHY = ("aria-allowed-role", "aria-deprecated-role", "aria-required-children")
CORNER = ("empty-table-header",)  # of a two-way table, rightly empty
CONTRAST = ("color-contrast",)  # page_checks.js looks at it, in every form
NOT_ASKED = (*THEME, *BIBLIOGRAPHY, *CORNER, *CONTRAST)
# What is inside a formula is MathJax's, and most of what is on a page.
AXE = "options => axe.run({exclude: [['mjx-container']]}, options)"
# Pages of source are all made alike, so one stands for them.
OPENED = [*PAGES, "_modules/cnnref/conv"]


@pytest.fixture(scope="session")
def sites():
    """The book's address over each protocol."""
    with serve(HTML) as url:
        yield {"http": url, "file": HTML.resolve().as_uri()}


class Visit:
    """An opened page, and all that went wrong while it was open."""

    def __init__(self, page, site):
        self.page, self.site, self.wrong = page, site, []
        page.on("console", self.heard)
        page.on("pageerror", lambda error: self.wrong.append(f"exception: {error}"))
        page.on("request", self.requested)
        page.on("requestfailed", lambda r: self.wrong.append(f"failed: {r.url}"))
        page.on("response", self.answered)

    def heard(self, message):
        if message.type == "error":
            self.wrong.append(f"console: {message.text}")

    def requested(self, request):
        if not request.url.startswith((f"{self.site}/", "data:", "blob:")):
            self.wrong.append(f"leaves the book: {request.url}")

    def answered(self, response):
        if response.status >= 400:
            self.wrong.append(f"status {response.status}: {response.url}")

    def check(self, name):
        return self.page.evaluate(f"pageChecks.{name}()")


@contextmanager
def visit(browser, site, name, query="", viewport=WIDE):
    """Open a page with a fresh profile and wait until its formulas are typeset."""
    path_of(name)
    context = browser.new_context(viewport=viewport)
    try:
        opened = Visit(context.new_page(), site)
        opened.page.goto(f"{site}/{name}.html{query}")
        opened.page.evaluate(READY)
        opened.page.evaluate(CHECKS)
        opened.page.add_style_tag(content="* { transition: none !important }")
        yield opened
    finally:
        context.close()


@pytest.mark.parametrize("name", OPENED)
def test_page(browser, sites, name):
    with visit(browser, sites["file"], name) as opened:
        assert opened.check("formulas") == []
        assert opened.check("pictures") == []
        for viewport in (WIDE, NARROW):
            opened.page.set_viewport_size(viewport)
            for scheme in ("light", "dark"):
                opened.page.emulate_media(color_scheme=scheme)
                opened.page.wait_for_function(THEME_IS, arg=scheme)
                assert opened.check("overflow") == [], (viewport, scheme)
                assert opened.check("contrast") == [], (viewport, scheme)
            assert opened.check("lines") == [], viewport
        assert opened.wrong == []


@pytest.mark.parametrize("protocol", ["http", "file"])
def test_entry_leads_to_the_first_page(browser, sites, protocol):
    site = sites[protocol]
    page = browser.new_page()
    try:
        opened = Visit(page, site)
        page.goto(f"{site}/{ENTRY}.html")
        page.wait_for_url(f"{site}/{TOC[0]}.html")
        assert opened.wrong == []
    finally:
        page.close()


@pytest.mark.parametrize("name", OPENED)
def test_accessible(browser, sites, name):
    """From a server, where a page looks the same but may ask for other things."""
    rules = {rule: {"enabled": False} for rule in NOT_ASKED}
    options = {"rules": rules, "resultTypes": ["violations"]}
    with visit(browser, sites["http"], name, viewport=NARROW) as opened:
        assert opened.check("formulas") == []
        assert opened.wrong == []
        opened.page.evaluate(AXE_SCRIPT)
        found = opened.page.evaluate(AXE, options)
    assert found["passes"]
    assert [
        f"{violation['id']}: {node['html'][:200]} {node['failureSummary']}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ] == []


@pytest.mark.parametrize("protocol", ["http", "file"])
def test_search_finds(browser, sites, protocol):
    with visit(browser, sites[protocol], "search", "?q=convolution") as opened:
        opened.page.wait_for_selector("#search-results li")
        opened.page.wait_for_load_state("networkidle")
        assert opened.wrong == []


# The checks can fail: each defect, put into a page, is named.
DEFECTS = {
    "formulas": {
        '<span class="math">\\(x\\)</span>': "not typeset",
        "<mjx-merror>Undefined control sequence</mjx-merror>": "mjx-merror",
        "<p>see \\frac{a}{b}</p>": "source in the text",
        "<p>:::{note}</p>": "source in the text",
    },
    "pictures": {
        '<img src="data:,">': "no alt text",
        '<img src="data:," alt="a grid">': "no image",
        "<svg><path></path></svg>": "no label",
        "<figure><p>one</p></figure>": "no caption",
    },
    "overflow": {
        '<div style="width: 2000px">wide</div>': "the page is 2000 wide",
        '<div style="overflow: hidden"><p style="width: 2000px">cut</p></div>': (
            "reaches out"
        ),
    },
    "lines": {
        '<p style="width: 9px"><span class="math"><svg width="9"></svg></span>, y': (
            "a line starts"
        ),
    },
    "contrast": {
        '<p style="color: #999">pale</p>': "contrast 2.85",
        '<p style="background: #000c"><b style="color: #555">dim</b>': "contrast 1.",
    },
}


@pytest.mark.parametrize(
    ("check", "defect", "message"),
    [(check, *case) for check, cases in DEFECTS.items() for case in cases.items()],
)
def test_checks_notice(browser, check, defect, message):
    page = browser.new_page(viewport=NARROW)
    try:
        page.set_content(f"<body style='margin: 0'><article>{defect}</article>")
        page.evaluate(CHECKS)
        assert message in "\n".join(page.evaluate(f"pageChecks.{check}()"))
    finally:
        page.close()


def test_requests_and_errors_are_noticed(browser, tmp_path):
    page = tmp_path / "page.html"
    page.write_text('<script src="gone.js"></script><script>throw Error("x")</script>')
    with open_file(browser, page) as opened:
        opened.page.evaluate("fetch('http://127.0.0.1:9/').catch(() => 0)")
    kinds = {wrong.split(":")[0] for wrong in opened.wrong}
    assert kinds == {"console", "exception", "failed", "leaves the book"}


@contextmanager
def open_file(browser, path):
    """Open a file of a test's own."""
    page = browser.new_page()
    try:
        opened = Visit(page, path.parent.as_uri())
        page.goto(path.as_uri())
        yield opened
    finally:
        page.close()
