"""The ledger's page: every row, links that hold, and a filter that tells the truth."""

import json
import re
import subprocess
import sys

import pytest
from chromium import chromium
from tiny import BOOK
from tiny_ledger import settle_one, write_chapter

from cnnref.verify.ledger import read_ledger, settle

from ledger_page import coverage_map, head, row_block  # isort: skip


@pytest.fixture(scope="module")
def statuses():
    return settle(read_ledger(BOOK / "ledger.yml"), BOOK)


def test_the_page_shows_every_row_once_and_in_order(statuses):
    nb = json.loads((BOOK / "ledger.ipynb").read_text(encoding="utf-8"))
    outputs = [output for cell in nb["cells"] for output in cell.get("outputs", [])]
    shown = "".join("".join(out["data"]["text/markdown"]) for out in outputs)
    assert re.findall(r'data-row="([^"]*)"', shown) == [s.row.id for s in statuses]


def test_a_row_links_to_the_rows_that_it_rests_on(statuses):
    for status in statuses:
        _, _, rests = row_block(status).partition('">rests on</span>')
        found = re.findall(r"\[([\w-]+)\]\(#ledger-([\w-]+)\)", rests)
        assert found == [(other, other.lower()) for other in status.row.rests_on]
    assert any(status.row.rests_on for status in statuses)


CONF = """
import sys
sys.path.insert(0, {book!r})
extensions = ["myst_nb", "sphinx_design", "cell_anchors", "ledger_page"]
master_doc = "page"
exclude_patterns = ["html", "jupyter_execute"]
nb_execution_mode = "off"
nb_render_markdown_format = "myst"
myst_enable_extensions = ["colon_fence", "dollarmath"]
suppress_warnings = ["mystnb.unknown_mime_type"]
"""


def build(folder, below=""):
    """Build a page with the tiny ledger's one row, beside the row's chapter."""
    toc = "```{toctree}\nsums\n```"
    page = f"# Page\n\n{toc}\n\n{row_block(settle_one(folder))}\n\n{below}\n"
    (folder / "page.md").write_text(page, encoding="utf-8")
    (folder / "conf.py").write_text(CONF.format(book=str(BOOK)), encoding="utf-8")
    return lambda: subprocess.run(
        [sys.executable, "-m", "sphinx", "-qnW", "--keep-going", ".", "html"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_check_links_to_its_cell_and_a_lost_cell_fails_the_build(tmp_path):
    write_chapter(tmp_path, "sums", ("derived", "one"), ("code", "one"))
    sphinx = build(tmp_path)
    result = sphinx()
    assert result.returncode == 0, result.stderr
    page = (tmp_path / "html" / "page.html").read_text(encoding="utf-8")
    chapter = (tmp_path / "html" / "sums.html").read_text(encoding="utf-8")
    assert re.findall(r'href="sums.html#([^"]*)"', page) == [
        "cell-cell-0",
        "cell-cell-1",
    ]
    assert 'id="cell-cell-0"' in chapter
    assert 'id="cell-cell-1"' in chapter
    assert 'id="ledger-one"' in page

    write_chapter(tmp_path, "sums", ("derived", "one"))
    (tmp_path / "page.md").touch()
    result = sphinx()
    assert result.returncode != 0
    assert "undefined label: 'cell-sums-cell-1'" in result.stderr


# The front page -----------------------------------------------------------------------


def test_the_map_marks_every_row_once_by_part_and_in_order(statuses):
    marked = coverage_map(statuses)
    assert re.findall(r"\(#ledger-([\w-]+)\)", marked) == [
        s.row.id.lower() for s in statuses
    ]
    parts = re.findall(r'<span class="ledger-label">(.*)</span>', marked)
    assert parts == list(dict.fromkeys(s.row.part for s in statuses))
    assert "open" not in marked


def test_an_open_row_is_marked_as_open(tmp_path):
    marked = coverage_map([settle_one(tmp_path)])
    assert 'class="ledger-holds coverage-open" title="one: holds, open"' in marked


def test_the_front_page_counts_what_the_chapters_settle(tmp_path):
    write_chapter(tmp_path, "sums", ("derived", "one"), ("code", "one"))
    below = "Of {ledger}`rows` rows {ledger}`settled` are.\n\n```{coverage}\n```"
    result = build(tmp_path, below)()
    assert result.returncode == 0, result.stderr
    page = (tmp_path / "html" / "page.html").read_text(encoding="utf-8")
    assert "Of 1 rows 1 are." in page
    assert 'href="#ledger-one"' in page
    counts = re.findall(r"<td[^>]*><p>(\d+)</p></td>", page)
    assert len(counts) == 20  # two for four verdicts, all rows and five checks
    assert counts[:2] == counts[8:10] == ["1", "1"]


def test_an_unknown_count_fails_the_build(tmp_path):
    write_chapter(tmp_path, "sums", ("derived", "one"), ("code", "one"))
    result = build(tmp_path, "{ledger}`open`")()
    assert result.returncode != 0
    assert "ledger: 'open' is not one of ['rows', 'settled']" in result.stderr


def test_the_filter_shows_what_it_is_asked_for(tmp_path, statuses):
    rows = "".join(
        f'<section><div class="ledger-row" id="{s.row.id}">{head(s)}</div></section>'
        for s in statuses
    )
    script = (BOOK / "_static" / "ledger.js").as_uri()
    path = tmp_path / "page.html"
    path.write_text(
        '<!doctype html><meta charset="utf-8"><title>Rows</title>'
        f'<div class="ledger-filter" hidden></div>{rows}'
        f'<script defer src="{script}"></script>',
        encoding="utf-8",
    )

    def ids(condition):
        return [s.row.id for s in statuses if condition(s)]

    every = ids(lambda s: True)

    with chromium() as browser:
        page = browser.new_page()
        page.goto(path.as_uri())

        def shown():
            return page.locator(".ledger-row:visible").evaluate_all(
                "rows => rows.map(row => row.id)"
            )

        assert shown() == every
        page.get_by_label("Verdict").select_option("corrected")
        corrected = ids(lambda s: s.row.verdict == "corrected")
        assert shown() == corrected
        assert (
            page.locator("output").inner_text()
            == f"{len(corrected)} of {len(every)} rows"
        )
        assert page.locator("section:visible").count() == len(corrected)

        page.get_by_label("Document").select_option("S3")
        assert shown() == ids(
            lambda s: s.row.verdict == "corrected" and "S3" in s.row.documents
        )
        page.get_by_label("Chapter").select_option("images")
        assert shown() == []
        assert "No row" in page.locator("output").inner_text()

        page.evaluate("location.hash = 'relu'")
        page.wait_for_function("!document.querySelector('.ledger-row[hidden]')")
        assert shown() == every

        page.get_by_label("Document").focus()
        page.keyboard.press("i")  # "in no document", from the keyboard
        assert shown() == ids(lambda s: not s.row.documents)
        page.get_by_role("button", name="Show all rows").press("Enter")
        assert shown() == every
        known = {"settled" if s.settled else "open" for s in statuses}
        for state in sorted(known):
            page.get_by_label("Status").select_option(state)
            assert shown() == ids(
                lambda s, state=state: s.settled == (state == "settled")
            )
