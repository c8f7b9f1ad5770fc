"""Sphinx extension: the package's docstrings, set as the API pages show them.

autodoc finds the objects and their docstrings.  This reads a docstring as numpydoc
describes it and sets it: an indented block is a formula, sections are labelled fields,
`conv2d` links to that function's entry, and "Derived in" to the chapter and the ledger.

The directive `operations` makes the table of all operations from their registry.
"""

import re
import sys
from collections.abc import Iterator
from functools import cache
from inspect import getdoc, ismodule, unwrap
from itertools import groupby
from pathlib import Path
from pkgutil import resolve_name
from textwrap import dedent
from typing import NamedTuple

from docutils import nodes
from sphinx import addnodes
from sphinx.ext.autodoc import DataDocumenter, ModuleDocumenter
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective

from cnnref import functional
from cnnref.verify import OPERATIONS
from cnnref.verify.ledger import read_ledger

# Reading ------------------------------------------------------------------------------

SECTIONS = ("Parameters", "Attributes", "Returns", "Raises", "Notes", "Examples")
HEADING = re.compile(rf"^({'|'.join(SECTIONS)})\n-+$", re.MULTILINE)
LABELS = ("Shapes: ", "Twin: ", "Derived in ")
# A sentence ends before two spaces, at the end of a line, or with the paragraph.
SENTENCE_END = re.compile(r"(?<=\.)(?:  |\n|$)")


class Docstring(NamedTuple):
    """A docstring in its parts: blocks are pairs of a kind and a text."""

    body: list[tuple[str, str]]
    fields: list[tuple[str, str]]  # a label, and what it labels
    notes: list[tuple[str, str]]
    examples: list[tuple[str, str]]

    @property
    def formulas(self) -> list[str]:
        """The formulas of the body."""
        return [text for kind, text in self.body if kind == "formula"]


def read(docstring: str) -> Docstring:
    """Take a docstring apart, as `inspect.cleandoc` returns it."""
    first, *rest = HEADING.split(docstring)
    parts = Docstring([], [], [], [])
    sort(body_blocks(first), parts, parts.body)
    for heading, text in zip(rest[::2], rest[1::2]):
        if heading == "Notes":
            sort(blocks(text), parts, parts.notes)
        elif heading == "Examples":
            parts.examples.extend(blocks(text))
        else:
            parts.fields.append((heading, text.strip("\n")))
    return parts


def sort(found, parts: Docstring, prose: list) -> None:
    """Put each block where it belongs; labelled sentences become fields."""
    for kind, text in found:
        if kind == "example":
            parts.examples.append((kind, text))
            continue
        labelled, text = split_labels(text) if kind == "prose" else ([], text)
        parts.fields.extend(labelled)
        if text:
            prose.append((kind, text))


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """Yield every paragraph with its kind: prose, formula or example."""
    for paragraph in re.split(r"\n\s*\n", text.strip("\n")):
        if paragraph.startswith(">>>"):
            yield "example", paragraph
        elif paragraph.startswith(" "):
            yield "formula", dedent(paragraph)
        elif paragraph.strip():
            yield "prose", paragraph


def body_blocks(text: str) -> Iterator[tuple[str, str]]:
    """Yield the blocks before the first heading.

    Where nothing but a formula follows the first sentence, nothing marks the margin and
    cleandoc takes the formula's indent away.  It is known by ending as no prose does.
    """
    found = list(blocks(text))
    kinds = [kind for kind, _ in found]
    for place, (kind, paragraph) in enumerate(found):
        leads_on = place == 0 or kinds[place + 1 : place + 2] == ["formula"]
        open_end = not paragraph.rstrip().endswith((".", ":", ","))
        if kind == "prose" and open_end and not leads_on:
            kind = "formula"
        yield kind, paragraph


def split_labels(paragraph: str) -> tuple[list[tuple[str, str]], str]:
    """Take the labelled sentences out of a paragraph."""
    labelled, rest = [], []
    for sentence in filter(None, SENTENCE_END.split(paragraph)):
        label = next((x for x in LABELS if sentence.startswith(x)), None)
        if label:
            labelled.append((label.rstrip(": "), sentence.removeprefix(label)))
        else:
            rest.append(sentence)
    return labelled, " ".join(rest)


def items(section: str) -> Iterator[tuple[str, str]]:
    """Yield the entries of a section: a line at the margin, and what is below it."""
    for entry in re.split(r"\n(?=\S)", section):
        head, _, below = entry.partition("\n")
        yield head, dedent(below)


# Names --------------------------------------------------------------------------------

# Where a name is looked up that is not at home where it is mentioned.
FACADES = tuple(f"cnnref.{m}" for m in ("functional", "layers", "symbolic", "verify"))


def target(name: str, owner: str) -> str | None:
    """Return the full name of what ``name`` means in the docstring of ``owner``."""
    parts = owner.split(".")
    scopes = [".".join(parts[:end]) for end in range(len(parts), 0, -1)]
    paths = [f"{scope}.{name}" for scope in (*scopes, *FACADES)]
    found = [(path, thing) for path in (*paths, name) if (thing := resolved(path))]
    # A module is meant only where no function has its name: dropout, softmax.
    found.sort(key=lambda pair: ismodule(pair[1]))
    return next((home(*pair) for pair in found), None)


def resolved(path: str):
    """Return what a dotted path leads to, or None."""
    try:
        return resolve_name(path)
    except (ImportError, AttributeError, ValueError):
        return None


def home(path: str, thing) -> str | None:
    """Return the name under which a thing is documented; None where it is not."""
    if ismodule(thing):
        path = thing.__name__
    elif hasattr(thing, "__qualname__"):
        path = f"{thing.__module__}.{thing.__qualname__}"
    elif not isinstance(thing, property):
        path = f"{assigned_in(path, thing)}.{path.rpartition('.')[2]}"
    elif not thing.__doc__:
        return None
    package, *inner = path.split(".")
    public = not any(part.startswith("_") for part in inner)
    return path if package == "cnnref" and public else None


def assigned_in(path: str, constant) -> str | None:
    """Return the module that assigns a constant, which others may import."""
    module, _, name = path.rpartition(".")
    rooms = (room for room in sorted(sys.modules) if room.startswith("cnnref"))
    for room in (module, *rooms):
        same = getattr(sys.modules.get(room), name, None) is constant
        if same and comment_on(room, name) is not None:
            return room
    return None


def refer(domain: str, kind: str, to: str, shown: nodes.Node, **more) -> nodes.Node:
    """Refer to something by name; where nothing has it, the build fails."""
    settings = {"refdomain": domain, "reftype": kind, "reftarget": to, "refwarn": True}
    return addnodes.pending_xref("", shown, **settings, **more)


def link(full_name: str, text: str) -> nodes.Node:
    """Refer to an entry of the API pages."""
    return refer("py", "obj", full_name, nodes.literal(text, text))


@cache
def chapters() -> dict[str, str]:
    """Map the rows of the ledger to the chapters that settle them."""
    ledger = read_ledger(Path(__file__).with_name("ledger.yml"))
    return {row.id: row.chapter for row in ledger.rows}


# Setting ------------------------------------------------------------------------------

INLINE = re.compile(
    r"``(?P<code>.+?)``|`(?P<name>[^`]+)`"
    r'|"(?P<chapter>[^"]+)"\s+\(ledger:\s+(?P<rows>[^)]+)\)'
)


class SetDocstring(SphinxDirective):
    """``.. docstring:: <full name>`` sets its content."""

    required_arguments = 1
    has_content = True

    def run(self):
        (self.owner,) = self.arguments
        parts = read("\n".join(self.content))
        fields = [self.field(*field) for field in parts.fields]
        found = [
            *self.blocks(parts.body),
            *([nodes.field_list("", *fields)] if fields else []),
            *self.blocks(parts.notes),
            *self.blocks(parts.examples),
        ]
        for node in found:
            for element in node.findall(nodes.Element):
                self.set_source_info(element)
        return found

    def blocks(self, found):
        for kind, text in found:
            if kind == "prose":
                yield self.paragraph(text)
            elif kind == "formula":
                yield nodes.literal_block(
                    text, text, language="none", classes=["formula"]
                )
            else:
                yield nodes.literal_block(text, text, language="pycon")

    def paragraph(self, text):
        return nodes.paragraph("", "", *self.inline(" ".join(text.split())))

    def inline(self, text):
        start = 0
        for match in INLINE.finditer(text):
            yield nodes.Text(text[start : match.start()])
            start = match.end()
            if match["chapter"]:
                yield from self.origin(match["chapter"], match["rows"].split(", "))
            elif match["name"]:
                yield self.reference(match["name"])
            else:
                yield nodes.literal(match["code"], match["code"])
        yield nodes.Text(text[start:])

    def reference(self, name):
        full_name = target(name, self.owner)
        return link(full_name, name) if full_name else nodes.literal(name, name)

    def origin(self, title, rows):
        """The chapter that settles the rows of the ledger, and each row."""
        chapter = chapters().get(rows[0], "")
        folder = self.env.docname.rpartition("/")[0]
        if f"{folder}/{chapter}" in self.env.found_docs:
            # Shown by the title that the page has.
            shown, page = nodes.inline("", title), f"/{folder}/{chapter}"
            yield refer("std", "doc", page, shown, refexplicit=False)
        else:
            yield nodes.Text(f"{title}, a chapter to come")
        for place, row in enumerate(rows):
            yield nodes.Text(", " if place else ": ")
            label = nodes.inline("", row, classes=["ledger-id"])
            to = f"ledger-{row}".lower()
            yield refer("std", "ref", to, label, refexplicit=True)

    def field(self, label, text):
        if label in SECTIONS:
            entries = (self.entry(*item) for item in items(text))
            body = nodes.definition_list("", *entries)
        else:
            body = self.paragraph(text)
        return nodes.field("", nodes.field_name("", label), nodes.field_body("", body))

    def entry(self, head, below):
        what, _, kind = head.partition(" : ")
        term = nodes.term("", "", *self.heads(what))
        kinds = [nodes.classifier("", "", *self.inline(kind))] if kind else []
        body = nodes.definition("", *self.blocks(blocks(below)))
        return nodes.definition_list_item("", term, *kinds, body)

    def heads(self, what):
        """Names of arguments and classes are code, shapes and words are not."""
        if not re.fullmatch(r"\**[\w.]+(, \**[\w.]+)*", what):
            yield from self.inline(what)
            return
        for place, name in enumerate(what.split(", ")):
            yield nodes.Text(", " if place else "")
            yield (
                self.reference(name) if name[0].isupper() else nodes.literal(name, name)
            )


# The table of operations --------------------------------------------------------------

VALUES = {True: "exact", False: "rounded"}
DERIVATIVES = {"polynomial": "polynomial", "region": "50 digits", None: "none"}
COLUMNS = ("operation", "gradient", "PyTorch", "values", "derivative")


class OperationsTable(SphinxDirective):
    """``.. operations::`` lists every operation, and how it is judged."""

    def run(self):
        rows = [row([[nodes.Text(column)] for column in COLUMNS])]
        for room, names in groupby(sorted(OPERATIONS, key=module_of), module_of):
            title = nodes.strong("", "", link(room, room))
            rows.append(nodes.row("", cell([title], morecols=len(COLUMNS) - 1)))
            rows.extend(row(operation_cells(name)) for name in names)
        group = nodes.tgroup("", cols=len(COLUMNS))
        group += [nodes.colspec(colwidth=1) for _ in COLUMNS]
        group += [nodes.thead("", rows[0]), nodes.tbody("", *rows[1:])]
        return [nodes.table("", group, classes=["operations", "colwidths-auto"])]


def operation_cells(name):
    """What the table says of one operation."""
    room, operation = module_of(name), OPERATIONS[name]
    yield [link(f"{room}.{name}", name)]
    backward = f"{room}.{name}_backward"
    yield [link(backward, "backward")] if resolved(backward) else [nodes.Text("none")]
    twin = twin_of(name)
    words = {name: "same name", "": "ours"}.get(twin)
    yield [nodes.Text(words) if words else nodes.literal(twin, twin)]
    yield [nodes.Text(VALUES[operation.exact])]
    yield [nodes.Text(DERIVATIVES[operation.symbols])]


def module_of(name):
    return getattr(functional, name).__module__


def twin_of(name) -> str:
    """The first name that the docstring gives as PyTorch's function, or ""."""
    fields = dict(read(getdoc(getattr(functional, name))).fields)
    found = re.search(r"``(.+?)``", fields.get("Twin", ""))
    return found[1].removeprefix("torch.nn.functional.") if found else ""


def row(cells):
    return nodes.row("", *map(cell, cells))


def cell(content, **settings):
    return nodes.entry("", nodes.paragraph("", "", *content), **settings)


# What autodoc is told -----------------------------------------------------------------


def comment_on(module: str, name: str) -> list[str] | None:
    """The comment above an assignment; None where the module does not assign it."""
    lines = ModuleAnalyzer.for_module(module).code.splitlines()
    found = (k for k, line in enumerate(lines) if re.match(rf"{name}\b.*=", line))
    place = next(found, None)
    if place is None:
        return None
    comment = []
    while place and lines[place - 1].startswith("# "):
        place -= 1
        comment.insert(0, lines[place].removeprefix("# "))
    return comment


class ConstantDocumenter(DataDocumenter):
    """A module's constants, with the comments above them for docstrings."""

    @classmethod
    def can_document_member(cls, member, membername, isattr, parent):
        return isinstance(parent, ModuleDocumenter)

    def get_doc(self):
        return [comment_on(self.modname, self.objpath[-1]) or []]


def skip(app, what, name, thing, skipped, options):
    """Leave out what is imported, other names of a thing, and fields of tuples."""
    if name.startswith("_"):
        return True
    if ismodule(thing) or str(thing.__doc__).startswith("Alias for field number"):
        return True
    module, thing = app.env.temp_data["autodoc:module"], unwrap(thing)
    if hasattr(thing, "__qualname__"):
        moved = thing.__module__ != module or thing.__qualname__.split(".")[-1] != name
        return moved or None
    if what == "module":
        return comment_on(module, name) is None
    return None


def set_docstring(app, what, name, thing, options, lines):
    """Hand the docstring to the directive."""
    if lines:
        lines[:] = [f".. docstring:: {name}", "", *(f"   {line}" for line in lines)]


def setup(app):
    app.setup_extension("sphinx.ext.autodoc")
    app.add_autodocumenter(ConstantDocumenter, override=True)
    app.add_directive("docstring", SetDocstring)
    app.add_directive("operations", OperationsTable)
    app.connect("autodoc-skip-member", skip)
    app.connect("autodoc-process-docstring", set_docstring)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
