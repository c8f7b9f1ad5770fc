"""Take pictures of built pages: wide and narrow, light and dark.

    python tests/screenshots.py conv_backward notation --out /tmp/shots
    python tests/screenshots.py conv_backward --picture .github/chapter.png

The first writes conv_backward-1280-light.png and three more for each page, the
whole page each. The second writes the one picture that README.md shows.
"""

import argparse
from itertools import product
from pathlib import Path

from chromium import chromium

HTML = Path(__file__).parent.parent / "_build" / "html"


def page_url(name, html=HTML):
    """Turn a chapter's name into the address of its built page."""
    path = (html / "book" / name).with_suffix(".html")
    if not path.exists():
        raise SystemExit(f"screenshots: {path} is not there; run: make book")
    return path.resolve().as_uri()


def take(browser, url, target, width, scheme, full_page=True, height=900, scale=1):
    """Open one page in one form and store the picture."""
    page = browser.new_page(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        device_scale_factor=scale,
    )
    page.goto(url)
    page.evaluate("window.MathJax?.startup?.promise.then(() => document.fonts.ready)")
    page.screenshot(path=target, full_page=full_page)
    page.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="+", metavar="page", help="chapter's file stem")
    parser.add_argument("--out", type=Path, default=Path("_build/screenshots"))
    parser.add_argument("--picture", type=Path, help="one picture, for README.md")
    options = parser.parse_args()
    urls = {name: page_url(name) for name in options.pages}
    with chromium() as browser:
        if options.picture:
            options.picture.parent.mkdir(parents=True, exist_ok=True)
            url = next(iter(urls.values()))
            take(browser, url, options.picture, 1280, "light", full_page=False)
            print(options.picture)
            return
        options.out.mkdir(parents=True, exist_ok=True)
        for (name, url), width, scheme in product(
            urls.items(), (1280, 390), ("light", "dark")
        ):
            target = options.out / f"{name}-{width}-{scheme}.png"
            take(browser, url, target, width, scheme)
            print(target)


if __name__ == "__main__":
    main()
