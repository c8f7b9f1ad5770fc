"""Quotations of the ledger's rows, on the page "Contradictions"."""

import re

import pytest
from tiny import BOOK

from cnnref.verify.ledger import read_ledger

from quotations import quoted  # isort: skip

ROWS = {row.id: row for row in read_ledger(BOOK / "ledger.yml").rows}
PRINTED = [row for row in ROWS.values() if row.printed]


@pytest.mark.parametrize("row", PRINTED, ids=lambda row: row.id)
def test_a_quotation_has_every_printed_line_inside_it(row):
    lines = quoted(row.id).splitlines()
    assert all(line.startswith(">") for line in lines)
    quoted_words = "".join(lines).replace(">", "").replace("$", "")
    printed_words = "".join(row.printed.splitlines()).replace(">", "").replace("$", "")
    shown = re.sub(r"\s|\\displaystyle", "", quoted_words)
    assert shown.endswith(re.sub(r"\s", "", printed_words))
    assert re.search(rf"\(#ledger-{row.id.lower()}\).*{{doc}}`{row.chapter}`", lines[0])


def test_quotations_stand_apart():
    both = quoted("relu", "sigmoid")
    assert both == f"{quoted('relu')}\n\n{quoted('sigmoid')}"


def test_an_unknown_row_is_refused():
    with pytest.raises(KeyError, match="no-row"):
        quoted("no-row")
