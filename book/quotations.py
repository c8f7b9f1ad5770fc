"""Rows of the ledger as quotations, for a page that sets them side by side."""

from functools import cache
from pathlib import Path

from ledger_page import paragraphs

from cnnref.verify.ledger import Row, read_ledger


def quoted(*ids: str) -> str:
    """What the documents print, as the ledger has it: one quotation for each row."""
    return "\n\n".join(quotation(_rows()[row]) for row in ids)


def quotation(row: Row) -> str:
    """Where it stands, the words as printed, and where the row is settled."""
    place = row.section
    if len(row.documents) == 1:
        place = f"{row.documents[0]}, {place}"
    where = f"[{row.id}](#ledger-{row.id.lower()}), settled in {{doc}}`{row.chapter}`"
    text = f"**{place}** ({where}):\n\n{paragraphs(row.printed)}"
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())


@cache
def _rows() -> dict[str, Row]:
    return {
        row.id: row for row in read_ledger(Path(__file__).with_name("ledger.yml")).rows
    }
