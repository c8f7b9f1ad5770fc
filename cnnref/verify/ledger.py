"""The ledger: what the sources print, and what the executed chapters settle of it.

`book/ledger.yml` holds the rows. Whether a row is settled is written nowhere: it is
read from the verdicts in the stored outputs of the row's chapter.
"""

import json
from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from cnnref.verify.verdict import KINDS, MIME

VERDICTS = ("holds", "convention", "corrected", "added")


class Source(NamedTuple):
    """A document whose formulas the ledger quotes."""

    title: str
    kind: str


class Row(NamedTuple):
    """One formula, number or claim, as a source prints it and as it should read.

    ``rests_on`` names the rows that its derivation uses; an entry may leave it out.
    """

    id: str
    documents: list[str]
    section: str
    part: str
    printed: str | None
    verdict: str
    correction: str
    reason: str
    chapter: str
    checks: list[str]
    rests_on: list[str]


class Ledger(NamedTuple):
    """The sources by name, and the rows in their order."""

    sources: dict[str, Source]
    rows: tuple[Row, ...]


class Found(NamedTuple):
    """A verdict found in the stored output of a notebook's cell."""

    cell: str
    check: str
    rows: list[str]
    cases: int


class Status(NamedTuple):
    """A row with, for each check made in its chapter, the cell that made it."""

    row: Row
    written: bool
    cells: dict[str, str]

    @property
    def missing(self) -> tuple[str, ...]:
        """The checks that the row asks for and its chapter has not made."""
        return tuple(check for check in self.row.checks if check not in self.cells)

    @property
    def settled(self) -> bool:
        return not self.missing


class Count(NamedTuple):
    """How many of how many."""

    done: int
    total: int


def read_ledger(path) -> Ledger:
    """Read and validate a ledger file.

    Raises ValueError, naming the row, where a row has an unknown or missing key, an
    unknown verdict, check or document, no text, or the id of another row; or where it
    rests on a row that does not exist, or in the end on itself.
    """
    entries = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    sources = {name: Source(**source) for name, source in entries["sources"].items()}
    rows: dict[str, Row] = {}
    for number, entry in enumerate(entries["rows"], start=1):
        row = _row(entry, number, sources)
        if row.id in rows:
            raise ValueError(f"ledger: two rows have the id {row.id!r}")
        rows[row.id] = row
    _rest_on_others(rows)
    return Ledger(sources, tuple(rows.values()))


def _row(entry: Mapping, number: int, sources: Iterable[str]) -> Row:
    def fail(reason):
        raise ValueError(f"ledger: row {number} ({entry.get('id')!r}): {reason}")

    def all_known(key, values, known):
        unknown = [value for value in values if value not in known]
        if unknown:
            fail(f"unknown {key} {unknown}; known are {list(known)}")

    all_known("keys", entry, Row._fields)
    fields: dict[str, Any] = {"rests_on": [], **entry}
    missing = [key for key in Row._fields if key not in fields]
    if missing:
        fail(f"missing keys {missing}")
    row = Row(**fields)
    for key, value in row._asdict().items():
        wanted = list if key in ("documents", "checks", "rests_on") else str
        if key == "printed" and row.verdict == "added" and value is None:
            continue
        if not isinstance(value, wanted):
            fail(f"{key} must be a {wanted.__name__}, not {value!r}")
        if isinstance(value, str) and not value.strip():
            fail(f"{key} is empty")
    all_known("verdict", [row.verdict], VERDICTS)
    all_known("checks", row.checks, KINDS)
    all_known("documents", row.documents, sources)
    if not row.checks or len(set(row.checks)) < len(row.checks):
        fail(f"checks must name each kind once, and at least one: {row.checks}")
    return row


def _rest_on_others(rows: Mapping[str, Row]):
    graph = {row.id: row.rests_on for row in rows.values()}
    for name, others in graph.items():
        unknown = [other for other in others if other not in graph]
        if unknown:
            raise ValueError(f"ledger: row {name!r} rests on unknown rows {unknown}")
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        cycle = " → ".join(error.args[1])
        raise ValueError(f"ledger: rows rest on each other: {cycle}") from None


def read_verdicts(notebook) -> list[Found]:
    """The verdicts in the stored outputs of a notebook, in their order."""
    path = Path(notebook)
    found = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        for output in cell.get("outputs", []):
            verdict = output.get("data", {}).get(MIME)
            if verdict is None:
                continue
            if verdict["check"] not in KINDS:
                raise ValueError(
                    f"{path.name}, cell {cell['id']}: unknown check "
                    f"{verdict['check']!r}; known are {list(KINDS)}"
                )
            facts = (verdict[name] for name in ("check", "rows", "cases"))
            found.append(Found(cell["id"], *facts))
    return found


def settle(ledger: Ledger, folder) -> tuple[Status, ...]:
    """What the notebooks in a folder settle of each row.

    A row's checks count in its own chapter only; the first cell that makes a check is
    the one named. Raises ValueError where a verdict names a row that does not exist.
    """
    known = {row.id for row in ledger.rows}
    verdicts = {
        path.stem: read_verdicts(path)
        for path in sorted(Path(folder).glob("*.ipynb"))
        if not path.name.startswith(".")
    }
    made: dict[tuple[str, str], dict[str, str]] = {}
    for chapter, found in verdicts.items():
        for verdict in found:
            for row in verdict.rows:
                if row not in known:
                    raise ValueError(
                        f"{chapter}.ipynb, cell {verdict.cell}: the ledger has no row "
                        f"{row!r}"
                    )
                cells = made.setdefault((chapter, row), {})
                cells.setdefault(verdict.check, verdict.cell)
    return tuple(
        Status(row, row.chapter in verdicts, made.get((row.chapter, row.id), {}))
        for row in ledger.rows
    )


def coverage_by_verdict(statuses: Iterable[Status]) -> dict[str, Count]:
    """Settled rows of all rows, for each verdict."""
    return {
        verdict: _count(s.settled for s in statuses if s.row.verdict == verdict)
        for verdict in VERDICTS
    }


def coverage_by_check(statuses: Iterable[Status]) -> dict[str, Count]:
    """Rows that have a check of all rows that ask for it, for each kind of check."""
    return {
        check: _count(check in s.cells for s in statuses if check in s.row.checks)
        for check in KINDS
    }


def _count(made: Iterable[bool]) -> Count:
    made = list(made)
    return Count(sum(made), len(made))
