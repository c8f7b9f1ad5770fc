"""The figures of the Markdown pages are the ones that book/figures.py draws."""

import re
from pathlib import Path

import pytest
import tiny  # noqa: F401  puts book/ on the path
from figures import STATIC

from cnnref.verify.ledger import read_ledger

BOOK = Path(__file__).parents[1] / "book"


@pytest.mark.parametrize("name", STATIC)
def test_the_stored_figure_is_the_drawn_one(name):
    stored = (BOOK / "_static" / name).read_text(encoding="utf-8")
    assert stored == STATIC[name]().svg, "run: python book/figures.py"


def test_the_front_page_counts_the_rows():
    (count,) = re.findall(r"has (\d+) rows", index_page())
    assert int(count) == len(read_ledger(BOOK / "ledger.yml").rows)


def index_page():
    return (BOOK / "index.md").read_text(encoding="utf-8")
