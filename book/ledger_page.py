"""The ledger as the book's pages show it: MyST Markdown from the statuses.

A check links to the cell that made it, by the label that `cell_anchors` gives to every
code cell: a link to a cell that is gone fails the build.

As a Sphinx extension it serves the front page: the directive `coverage` shows how much
is settled, and the role `ledger` is a number, {ledger}`rows` or {ledger}`settled`.
"""

import html
import re
from collections.abc import Iterable
from functools import cache
from itertools import groupby
from pathlib import Path

from cell_anchors import cell_label
from docutils import nodes
from sphinx.util.docutils import SphinxDirective, SphinxRole

from cnnref.verify.ledger import (
    Count,
    Ledger,
    Source,
    Status,
    coverage_by_check,
    coverage_by_verdict,
    read_ledger,
    settle,
)

VERDICT_WORDS = {
    "holds": "holds",
    "convention": "holds under a convention",
    "corrected": "corrected",
    "added": "added",
}
FORM_WORDS = {
    "holds": "in this book",
    "convention": "to be read as",
    "corrected": "corrected to",
    "added": "added",
}
CHECK_WORDS = {
    "derived": "derived in SymPy from the definition",
    "code": "the shipped code, run on symbols, is the formula",
    "torch": "agrees with PyTorch",
    "control": "the classic mistake is rejected",
    "test": "closed by a test",
}


class Page:
    """What the ledger's page prints, part by part."""

    def __init__(self, folder):
        folder = Path(folder)
        self.ledger: Ledger = read_ledger(folder / "ledger.yml")
        self.statuses: tuple[Status, ...] = settle(self.ledger, folder)

    def parts(self) -> list[str]:
        """The parts in their order."""
        return list(dict.fromkeys(row.part for row in self.ledger.rows))

    def sources(self) -> str:
        """The documents, as a table."""
        return sources_table(self.ledger.sources)

    def coverage(self) -> str:
        """The counts by verdict and by check, as two tables."""
        return coverage_tables(self.statuses)

    def part(self, name: str) -> str:
        """The rows of one part."""
        chosen = [status for status in self.statuses if status.row.part == name]
        if not chosen:
            raise ValueError(f"no part {name!r}; the parts are {self.parts()}")
        return "\n\n".join(row_block(status) for status in chosen)


def sources_table(sources: dict[str, Source]) -> str:
    """The documents, their titles and what they are."""
    lines = ["| | document | kind |", "|---|---|---|"]
    lines += [f"| **{k}** | {s.title} | {s.kind} |" for k, s in sources.items()]
    return "\n".join(lines)


def coverage_tables(statuses: Iterable[Status]) -> str:
    """How much is settled, by verdict and by kind of check."""
    statuses = list(statuses)
    by_verdict = {
        badge(verdict): count
        for verdict, count in coverage_by_verdict(statuses).items()
    }
    by_verdict["all rows"] = Count(sum(s.settled for s in statuses), len(statuses))
    by_check = {
        f"**{check}**: {CHECK_WORDS[check]}": count
        for check, count in coverage_by_check(statuses).items()
    }
    return "\n\n".join(
        (
            count_table("verdict", "settled", by_verdict),
            count_table("check", "made", by_check),
        )
    )


def count_table(title: str, done: str, counts: dict[str, Count]) -> str:
    """One table of counts."""
    lines = [f"| {title} | rows | {done} |", "|---|---:|---:|"]
    lines += [f"| {name} | {c.total} | {c.done} |" for name, c in counts.items()]
    return "\n".join(lines)


def coverage_map(statuses: Iterable[Status]) -> str:
    """A mark for every row, in the colour and with the sign of its verdict, by part.

    Each links to its row.  What is open is said, and drawn as a ring.
    """
    parts = groupby(statuses, lambda status: status.row.part)
    return "\n".join(map_line(part, list(found)) for part, found in parts)


def map_line(part: str, statuses: list[Status]) -> str:
    """The marks of one part's rows, behind its name."""
    return (
        f"::::{{div}} coverage-part\n"
        f'<span class="ledger-label">{html.escape(part)}</span>\n\n'
        f":::{{div}} coverage-rows\n{' '.join(map(mark, statuses))}\n:::\n::::"
    )


def mark(status: Status) -> str:
    """One row as a link, named by its id and its verdict."""
    row = status.row
    words = f"{row.id}: {VERDICT_WORDS[row.verdict]}"
    words += "" if status.settled else ", open"
    classes = f"ledger-{row.verdict}" + " coverage-open" * (not status.settled)
    name = f'<span class="visually-hidden">{words}</span>'
    sign = f'<span class="{classes}" title="{words}">{name}</span>'
    return f"[{sign}](#ledger-{row.id.lower()})"


def row_block(status: Status) -> str:
    """One row: what is printed, what it should be, why, and its checks."""
    row = status.row
    fields = [head(status)]
    if row.printed is not None:
        fields.append(field("as printed", row.printed, "ledger-printed"))
    fields.append(field(FORM_WORDS[row.verdict], row.correction, "ledger-form"))
    fields.append(field("why", row.reason, "ledger-reason"))
    fields.append(field("checks", checks_line(status), "ledger-checks"))
    if row.rests_on:
        others = " ".join(
            f"[{other}](#ledger-{other.lower()})" for other in row.rests_on
        )
        fields.append(field("rests on", others, "ledger-rests"))
    body = "\n\n".join(fields)
    return (
        f":::::{{div}} ledger-row ledger-row-{row.verdict}\n"
        f":name: ledger-{row.id}\n\n{body}\n:::::"
    )


def head(status: Status) -> str:
    """The row's id, place and verdict; its data attributes serve the filter."""
    row = status.row
    state = "settled" if status.settled else "open"
    place = row.section
    if len(row.documents) == 1:
        place = f"{row.documents[0]}, {place}"
    return (
        f'<div class="ledger-head" data-row="{row.id}"'
        f' data-documents="{" ".join(row.documents)}" data-verdict="{row.verdict}"'
        f' data-chapter="{row.chapter}" data-status="{state}">\n'
        f'<span class="ledger-id" role="heading" aria-level="4">{row.id}</span>\n'
        f'<span class="ledger-place">{html.escape(place)}</span>\n'
        f"{badge(row.verdict)}\n"
        f'<span class="ledger-badge ledger-{state}">{state}</span>\n'
        "</div>"
    )


def badge(verdict: str) -> str:
    """The verdict in words, coloured by its class."""
    words = VERDICT_WORDS[verdict]
    return f'<span class="ledger-badge ledger-{verdict}">{words}</span>'


def field(label: str, text: str, kind: str) -> str:
    """A labelled part of a row."""
    return (
        f"::::{{div}} ledger-field {kind}\n"
        f'<span class="ledger-label">{label}</span>\n\n'
        f":::{{div}} ledger-text\n{paragraphs(text)}\n:::\n::::"
    )


def paragraphs(text: str) -> str:
    """One paragraph per line; a line that is one formula is displayed."""
    return "\n\n".join(map(paragraph, text.splitlines()))


def paragraph(line: str) -> str:
    """A formula on its own as a display, and tall ones in a sentence at full size."""
    if alone := re.fullmatch(r"\$([^$]+)\$", line):
        return f"$$\n{alone[1]}\n$$"
    return re.sub(r"\$([^$]*\\(?:frac|sum)\b[^$]*)\$", r"$\\displaystyle \1$", line)


def checks_line(status: Status) -> str:
    """Each check with the cell that made it, or open; then the chapter."""
    row = status.row
    checks = [
        f"{{ref}}`{check} <{cell_label(row.chapter, status.cells[check])}>`"
        if check in status.cells
        else f'<span class="ledger-unmade">{check}'
        '<span class="visually-hidden"> open</span></span>'
        for check in row.checks
    ]
    if status.written:
        where = f"in {{doc}}`{row.chapter}`"
    else:
        where = f"chapter to come: {row.chapter.replace('_', ' ')}"
    return " ".join((*checks, f'<span class="ledger-chapter">{where}</span>'))


# What Sphinx is told ------------------------------------------------------------------


@cache
def page_of(folder: Path) -> Page:
    """The ledger of a folder, read once for all that asks in one build."""
    return Page(folder)


class Coverage(SphinxDirective):
    """``{coverage}`` shows every row, and the counts by verdict and by check."""

    def run(self):
        folder = Path(self.env.doc2path(self.env.docname)).parent
        for source in (folder / "ledger.yml", *folder.glob("*.ipynb")):
            self.env.note_dependency(str(source))
        statuses = page_of(folder).statuses
        text = (
            f":::::{{div}} coverage-map\n{coverage_map(statuses)}\n:::::\n\n"
            f":::::{{div}} coverage-counts\n{coverage_tables(statuses)}\n:::::"
        )
        container = nodes.container()
        self.state.nested_parse(text.splitlines(), self.content_offset, container)
        return container.children


class LedgerCount(SphinxRole):
    """{ledger}`rows` is how many rows there are, {ledger}`settled` how many are."""

    def run(self):
        statuses = page_of(Path(self.env.doc2path(self.env.docname)).parent).statuses
        counts = {"rows": len(statuses), "settled": sum(s.settled for s in statuses)}
        if self.text not in counts:
            message = f"ledger: {self.text!r} is not one of {list(counts)}"
            return [], [self.inliner.reporter.error(message, line=self.lineno)]
        return [nodes.Text(str(counts[self.text]))], []


def setup(app):
    app.add_directive("coverage", Coverage)
    app.add_role("ledger", LedgerCount())
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
