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
READY = """async () => {
  await Promise.all([window.MathJax?.startup?.promise, document.fonts.ready]);
  for (const _ of "ab") await new Promise(requestAnimationFrame);
}"""
THEME_IS = "scheme => document.documentElement.dataset.theme === scheme"
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}

# Violations in what others write into the pages; the book's own are none.
THEME = ("label-content-name-mismatch", "region", "summary-name")
# docutils' bibliography
DOCUTILS = ("aria-allowed-role", "aria-deprecated-role", "aria-required-children")


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
def visit(browser, site, name, query="", scheme="light", viewport=WIDE):
    """Open a page with a fresh profile and wait until its formulas are typeset."""
    path_of(name)
    context = browser.new_context(viewport=viewport, color_scheme=scheme)
    try:
        opened = Visit(context.new_page(), site)
        opened.page.goto(f"{site}/{name}.html{query}")
        opened.page.evaluate(READY)
        opened.page.evaluate(CHECKS)
        yield opened
    finally:
        context.close()


@pytest.mark.parametrize("protocol", ["http", "file"])
@pytest.mark.parametrize("name", PAGES)
def test_page(browser, sites, name, protocol):
    with visit(browser, sites[protocol], name) as opened:
        assert opened.check("formulas") == []
        assert opened.check("pictures") == []
        for viewport in (WIDE, NARROW):
            opened.page.set_viewport_size(viewport)
            for scheme in ("light", "dark"):
                opened.page.emulate_media(color_scheme=scheme)
                opened.page.wait_for_function(THEME_IS, arg=scheme)
                assert opened.check("overflow") == [], (viewport, scheme)
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


AXE = {
    "light": {"rules": {rule: {"enabled": False} for rule in (*THEME, *DOCUTILS)}},
    # what another theme and width can change
    "dark": {"runOnly": ["color-contrast", "scrollable-region-focusable"]},
}
AXE_RUN = "options => axe.run({ exclude: ['mjx-container'] }, options)"


@pytest.mark.parametrize("scheme", AXE)
@pytest.mark.parametrize("name", PAGES)
def test_accessible(browser, sites, name, scheme):
    viewport = WIDE if scheme == "light" else NARROW
    with visit(browser, sites["http"], name, "", scheme, viewport) as opened:
        opened.page.evaluate(AXE_SCRIPT)
        found = opened.page.evaluate(
            AXE_RUN, AXE[scheme] | {"resultTypes": ["violations"]}
        )
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
