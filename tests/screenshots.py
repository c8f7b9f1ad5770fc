"""Take pictures of built pages: wide and narrow, light and dark.

    python tests/screenshots.py conv_backward notation --out /tmp/pictures
    python tests/screenshots.py conv_backward --form 390-dark
    python tests/screenshots.py conv_backward --at by-hand --picture .github/chapter.png

A page is cut into pictures as high as a large window, from the top on:
conv_backward-1280-light-1.png, …-2.png and so on for each of the four forms.
`--picture` takes the one picture that README.md shows, of the section named.
"""

import argparse
from pathlib import Path

from built import path_of
from chromium import chromium

FORMS = {
    f"{width}-{scheme}": (width, scheme)
    for width in (1280, 390)
    for scheme in ("light", "dark")
}
HEIGHT, HEADER = 2000, 60  # the header covers the top of the window
READY = "window.MathJax?.startup?.promise.then(() => document.fonts.ready)"
# A picture of a whole long page comes out shifted: Chromium's textures end at 16384.
SCROLL = "y => { scrollTo(0, y); return new Promise(requestAnimationFrame) }"


def opened(browser, name, form, height):
    """Open a chapter's page in one form."""
    width, scheme = FORMS[form]
    page = browser.new_page(
        viewport={"width": width, "height": height}, color_scheme=scheme
    )
    page.goto(path_of(f"book/{name}").resolve().as_uri())
    page.evaluate(READY)
    return page


def slices(browser, name, form, out):
    """Picture a page from top to bottom; yield the files."""
    page = opened(browser, name, form, HEIGHT)
    length = page.evaluate("document.documentElement.scrollHeight")
    for number, top in enumerate(range(0, length, HEIGHT - HEADER), start=1):
        page.evaluate(SCROLL, top)
        target = out / f"{name}-{form}-{number}.png"
        page.screenshot(path=target)
        yield target
    page.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="+", metavar="page", help="chapter's file stem")
    parser.add_argument("--out", type=Path, default=Path("_build/screenshots"))
    parser.add_argument("--form", action="append", choices=FORMS, help="only these")
    parser.add_argument("--picture", type=Path, help="one picture, for README.md")
    parser.add_argument("--at", metavar="ID", help="the section that it shows")
    options = parser.parse_args()
    with chromium() as browser:
        if options.picture:
            page = opened(browser, options.pages[0], "1280-light", height=900)
            page.evaluate(
                "id => document.getElementById(id)?.scrollIntoView()", options.at
            )
            page.screenshot(path=options.picture)
            print(options.picture)
            return
        options.out.mkdir(parents=True, exist_ok=True)
        for name in options.pages:
            for form in options.form or FORMS:
                for target in slices(browser, name, form, options.out):
                    print(target)


if __name__ == "__main__":
    main()
