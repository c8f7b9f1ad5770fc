"""Tiny notebooks, and the commands that work on them, for tests of the book's tools."""

import os
import subprocess
import sys
from pathlib import Path

from nbformat import NotebookNode, v4

ROOT = Path(__file__).parents[1]
BOOK = ROOT / "book"
if str(BOOK) not in sys.path:
    sys.path.insert(0, str(BOOK))

import markdown_lint  # noqa: E402, F401
import notebook_lint  # noqa: E402, F401
import refresh  # noqa: E402


def code(
    source: str, *outputs: NotebookNode, tags=(), count=1, **mystnb
) -> NotebookNode:
    """A code cell, run unless `count` is None."""
    metadata = {"tags": list(tags)} if tags else {}
    if mystnb:
        metadata["mystnb"] = mystnb
    return v4.new_code_cell(
        source, outputs=list(outputs), metadata=metadata, execution_count=count
    )


def text(source: str) -> NotebookNode:
    return v4.new_markdown_cell(source)


def value(plain: str = "7", **data: str) -> NotebookNode:
    """The stored value of a cell's last expression; `svg=...` adds a picture."""
    names = {"svg": "image/svg+xml", "png": "image/png"}
    bundle = {names.get(key, f"text/{key}"): text for key, text in data.items()}
    return v4.new_output(
        "execute_result", {"text/plain": plain, **bundle}, execution_count=1
    )


def stream(text: str, name: str = "stdout") -> NotebookNode:
    return v4.new_output("stream", name=name, text=text)


def notebook(*cells: NotebookNode) -> NotebookNode:
    """A chapter with a title and imports before the cells."""
    imports = code("import math", tags=["remove-input"])
    return v4.new_notebook(cells=[text("# Title"), imports, *cells])


def write(folder: Path, **chapters: NotebookNode) -> Path:
    """Write chapters in canonical form into a folder."""
    folder.mkdir(exist_ok=True)
    for name, nb in chapters.items():
        path = folder / f"{name}.ipynb"
        path.write_text(refresh.canonical(nb), encoding="utf-8")
    return folder


def run_refresh(book: Path, *options: str, **environment: str):
    """`python book/refresh.py --book BOOK ...` as a user runs it."""
    return subprocess.run(
        [sys.executable, BOOK / "refresh.py", "--book", book, *options],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
