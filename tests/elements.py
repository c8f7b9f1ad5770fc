"""The interactive figures: each is opened on a page of its own, from a file."""

import re
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

STATIC = Path(__file__).parent.parent / "book" / "_static"
PAGE = """<!doctype html>
<html lang="en" data-theme="{theme}">
<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<link rel="stylesheet" href="{static}/book.css">
<link rel="stylesheet" href="{static}/figure-parts.css">
<link rel="stylesheet" href="{static}/{name}.css">
<script defer src="{static}/figure-parts.js"></script>
<script defer src="{static}/{name}.js"></script>
<body style="margin: 0; padding: 1rem; background: var(--c-paper)">
<main><h1>{title}</h1>{body}</main>
"""


@contextmanager
def opener(browser, folder, name, title):
    """Give a function that opens elements of the script ``name``.js in the browser.

    At the end any error on one of their pages fails the test.
    """
    contexts, errors = [], []

    def open_page(body="", theme="light", width=1000, expect_error=False, **options):
        text = PAGE.format(
            static=STATIC.as_uri(),
            name=name,
            title=title,
            theme=theme,
            body=body,
        )
        file = folder / "page.html"
        file.write_text(text, encoding="utf-8")
        viewport = {"width": width, "height": 900}
        contexts.append(browser.new_context(viewport=viewport, **options))
        page = contexts[-1].new_page()
        if not expect_error:
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on("console", lambda message: errors.append(message.text))
            page.on("requestfailed", lambda request: errors.append(request.url))
        page.goto(file.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


def fixtures(name, title):
    """Make a figure's fixtures: what opens its elements, and a page that computes."""

    @pytest.fixture
    def open_page(browser, tmp_path):
        with opener(browser, tmp_path, name, title) as open_page:
            yield open_page

    @pytest.fixture(scope="module")
    def blank(browser, tmp_path_factory):
        with opener(browser, tmp_path_factory.mktemp(name), name, title) as open_page:
            yield open_page()

    return open_page, blank


def markup(tag, settings):
    """Write an element with these attributes."""
    attributes = " ".join(f'{name}="{value}"' for name, value in settings.items())
    return f"<{tag} {attributes}>No script runs here.</{tag}>"


def slider(page, name):
    return page.get_by_role("slider", name=name)


def cell(page, kind, a, b):
    """Find an entry of a grid of numbers."""
    rows = page.locator(f"svg[data-grid={kind}] [role=row]")
    return rows.nth(a).locator("[role=gridcell]").nth(b)


def sum_text(page):
    return " ".join(page.locator(".sum").text_content().split())


def positions(page, kind, state):
    """List the positions of the cells in a state, the padding's included."""
    return page.evaluate(
        """([kind, state]) =>
        [...document.querySelectorAll(`svg[data-grid=${kind}] .${state}`)]
        .map((node) => node.cell.position)""",
        [kind, state],
    )


def add_mutant(page, name, changes):
    """Load a changed ``name``.js beside the right one; return its object's name.

    Each change is a pair, of what stands in the script and what shall stand there.
    """
    source = (STATIC / f"{name}.js").read_text(encoding="utf-8")
    n = page.evaluate("window.mutants = (window.mutants ?? 0) + 1")
    for right, wrong in (*changes, ('const TAG = "', f'const TAG = "mutant-{n}-')):
        assert right in source
        source = source.replace(right, wrong, 1)
    source, count = re.subn(r"window\.(\w+) = ", rf"window.\g<1>{n} = ", source)
    assert count == 1
    page.add_script_tag(content=source)
    return re.search(r"window\.(\w+) = ", source)[1]


def luminance(rgb):
    """Compute a colour's relative luminance as WCAG defines it."""
    s = np.array(rgb) / 255
    linear = np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]
