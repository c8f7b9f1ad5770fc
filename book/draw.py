"""Draw the figures of the Markdown pages, which run no code, into book/_static.

    python book/draw.py

A test compares the files with what is drawn.
"""

from pathlib import Path

from figures import worked_row

STATIC = {"worked-row.svg": worked_row}

if __name__ == "__main__":
    for name, draw in STATIC.items():
        Path(__file__).with_name("_static").joinpath(name).write_text(draw().svg)
        print(f"book/_static/{name}")
