"""The figures of the Markdown pages are the ones that book/draw.py draws."""

import re
from pathlib import Path

import pytest
import tiny  # noqa: F401  puts book/ on the path
from draw import STATIC

BOOK = Path(__file__).parents[1] / "book"


@pytest.mark.parametrize("name", STATIC)
def test_the_stored_figure_is_the_drawn_one(name):
    stored = (BOOK / "_static" / name).read_text(encoding="utf-8")
    assert stored == STATIC[name]().svg, "run: python book/draw.py"


def test_the_front_page_types_no_count_of_rows():
    """The role {ledger} counts them, see test_ledger_page."""
    page = (BOOK / "index.md").read_text(encoding="utf-8")
    assert "{ledger}`rows` rows" in page
    assert re.findall(r"\d+\s+rows", page) == []
