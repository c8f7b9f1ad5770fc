"""The interactive figures: each is opened on a page of its own, from a file."""

from contextlib import contextmanager
from pathlib import Path

STATIC = Path(__file__).parent.parent / "book" / "_static"
PAGE = """<!doctype html>
<html lang="en" data-theme="{theme}">
<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<link rel="stylesheet" href="{static}/book.css">
<link rel="stylesheet" href="{static}/{name}.css">
<script defer src="{script}"></script>
<body style="margin: 0; padding: 1rem; background: var(--c-paper)">
<main><h1>{title}</h1>{body}</main>
"""


@contextmanager
def opener(browser, folder, name, title):
    """Give a function that opens elements of the script ``name``.js in the browser.

    At the end any error on one of their pages fails the test.
    """
    contexts, errors = [], []

    def open_page(
        body="", script=None, theme="light", width=1000, expect_error=False, **options
    ):
        script = script or STATIC / f"{name}.js"
        text = PAGE.format(
            static=STATIC.as_uri(),
            script=script.as_uri(),
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
