"""The package's pages: every public name has an entry, set from its docstring."""

import re
import subprocess
import sys
from collections import Counter
from functools import cache
from html import unescape
from importlib import import_module
from inspect import getdoc, isfunction
from pkgutil import walk_packages

import nbformat
import pytest
import torch
from built import HTML, path_of
from operations import BACKWARD, FORWARD
from test_links import broken, parsed
from tiny import BOOK

import cnnref
from cnnref import functional
from cnnref.verify.ledger import read_ledger

import api_docs  # isort: skip

PAGES = sorted(path.stem for path in BOOK.glob("api*.md"))
FOUND = (module.name for module in walk_packages(cnnref.__path__, "cnnref."))
# `cnnref.__main__` is run, not imported; cnnref.verify.command is what it runs.
MODULES = ["cnnref", *(name for name in FOUND if name != "cnnref.__main__")]


def listed(page):
    text = (BOOK / f"{page}.md").read_text(encoding="utf-8")
    return re.findall(r"^\.\. automodule:: (\S+)$", text, re.MULTILINE)


def public(module):
    """List the full names of what a module offers."""
    found = import_module(module)
    names = getattr(found, "__all__", [])
    return [api_docs.home(f"{module}.{name}", getattr(found, name)) for name in names]


def test_every_module_is_on_one_page():
    assert Counter(m for page in PAGES for m in listed(page)) == Counter(MODULES)


# The form of a docstring --------------------------------------------------------------

OPERATIONS = FORWARD + BACKWARD
every_operation = pytest.mark.parametrize("name", OPERATIONS)


def entry(name):
    return api_docs.read(getdoc(getattr(functional, name)))


def summary(name):
    return entry(name).body[0][1]


def has(name, part, seen=()):
    """Whether a docstring, or one that its first sentence names, has a part."""
    named = re.findall(r"(?<!`)`(\w+)`", summary(name))
    others = (other for other in named if other in OPERATIONS and other not in seen)
    return bool(part(entry(name))) or any(has(o, part, (*seen, name)) for o in others)


@every_operation
def test_the_first_sentence_is_an_imperative(name):
    assert re.fullmatch(r"[A-Z][a-z-]*(?<![a-rt-z]s)\s[^\n]+\.", summary(name))


@every_operation
def test_the_formula_is_stated(name):
    assert has(name, lambda entry: entry.formulas)


@every_operation
def test_an_example_is_given(name):
    assert has(name, lambda entry: entry.examples)


@every_operation
def test_the_twin_is_named(name):
    ours = not hasattr(torch.nn.functional, name.removesuffix("_backward"))
    assert ours or has(name, lambda entry: "Twin" in dict(entry.fields))


CHAPTERS = {row.id: row.chapter for row in read_ledger(BOOK / "ledger.yml").rows}


@cache
def title(chapter):
    """Return the title of a chapter that is written."""
    cells = nbformat.read(BOOK / f"{chapter}.ipynb", as_version=4).cells
    return cells[0].source.partition("\n")[0].removeprefix("# ")


@every_operation
def test_a_chapter_is_cited_by_its_title_and_owns_the_rows(name):
    text = " ".join(getdoc(getattr(functional, name)).split())
    for cited, rows in re.findall(r'Derived in "(.+?)" \(ledger: (.+?)\)', text):
        for row in rows.split(", "):
            if (BOOK / f"{CHAPTERS[row]}.ipynb").exists():
                assert title(CHAPTERS[row]) == cited


@pytest.mark.parametrize("module", MODULES)
def test_headings_are_known(module):
    for name in public(module):
        thing = api_docs.resolved(name)
        headings = re.findall(r"^(.+)\n--+$", getdoc(thing) or "", re.MULTILINE)
        assert {*headings} <= {*api_docs.SECTIONS}, name


# Reading one --------------------------------------------------------------------------

DOCSTRING = """\
Slide a kernel; see `conv2d`.

With p = (p, q),

    y[p] = Σ_i w[i] · x[p + i]

Shapes: input (N, C)
or (C,).  Twin: ``torch.f``.  It has more.

Parameters
----------
input, weight : (N, C)
    Floats.
bias
*layers : Layer

Notes
-----
Derived in "A chapter" (ledger: one,
two).

Examples
--------
>>> f(1)
2
"""


def test_a_docstring_comes_apart():
    assert api_docs.read(DOCSTRING) == api_docs.Docstring(
        body=[
            ("prose", "Slide a kernel; see `conv2d`."),
            ("prose", "With p = (p, q),"),
            ("formula", "y[p] = Σ_i w[i] · x[p + i]"),
            ("prose", "It has more."),
        ],
        fields=[
            ("Shapes", "input (N, C)\nor (C,)."),
            ("Twin", "``torch.f``."),
            (
                "Parameters",
                "input, weight : (N, C)\n    Floats.\nbias\n*layers : Layer",
            ),
            ("Derived in", '"A chapter" (ledger: one,\ntwo).'),
        ],
        notes=[],
        examples=[("example", ">>> f(1)\n2")],
    )


def test_the_entries_of_a_section_come_apart():
    section = dict(api_docs.read(DOCSTRING).fields)["Parameters"]
    assert [*api_docs.items(section)] == [
        ("input, weight : (N, C)", "Floats."),
        ("bias", ""),
        ("*layers : Layer", ""),
    ]


def test_a_formula_is_known_without_its_indent():
    bare = "Return the gradient.\n\n∂L/∂x = g\n∂L/∂w = 0"
    assert api_docs.read(bare).formulas == ["∂L/∂x = g\n∂L/∂w = 0"]
    led_to = "Resize.\n\nOutput p lies over\n\n    u = p\n\nwith words."
    assert api_docs.read(led_to).formulas == ["u = p"]


@pytest.mark.parametrize(
    ("name", "owner", "meant"),
    [
        ("conv2d", "cnnref.correlation", "cnnref.conv.conv2d"),
        ("dropout", "cnnref.layers.dropout.Dropout", "cnnref.dropout.dropout"),
        ("backward", "cnnref.layers.Layer", "cnnref.layers.layer.Layer.backward"),
        ("step", "cnnref.optim.SGD", "cnnref.optim.optimizers.Optimizer.step"),
        ("calculus", "cnnref.symbolic.printing", "cnnref.symbolic.calculus"),
        ("KINDS", "cnnref.verify.verdict.Verdict", "cnnref.verify.verdict.KINDS"),
        ("RAISES", "cnnref.verify.calls", "cnnref.verify.sweeps.RAISES"),
        ("cnnref.loss", "cnnref.reduction", "cnnref.loss"),
        ("Fraction", "cnnref.average_pool.lp_pool2d", None),
        ("_Layout", "cnnref.norm", None),
        ("book/ledger.yml", "cnnref.verify.ledger", None),
    ],
)
def test_a_name_is_read_where_it_stands(name, owner, meant):
    assert api_docs.target(name, owner) == meant


def test_a_constant_is_explained_above_it():
    words = ["What an oracle says of a call that it rejects."]
    assert api_docs.comment_on("cnnref.verify.sweeps", "RAISES") == words
    assert api_docs.comment_on("cnnref.verify", "RAISES") is None  # it is imported


CONF = """
import sys
sys.path.insert(0, {book!r})
extensions = ["api_docs"]
exclude_patterns = ["_build"]
html_theme = "basic"
"""


@pytest.mark.parametrize(
    ("docstring", "warning"),
    [
        ("See `conv2d`.", "target not found: cnnref.conv.conv2d"),
        ('Derived in "Convolution" (ledger: gone).', "undefined label: 'ledger-gone'"),
        ("See `fractions` and ``conv2d``.", ""),
    ],
)
def test_a_name_without_an_entry_fails_the_build(tmp_path, docstring, warning):
    (tmp_path / "conf.py").write_text(CONF.format(book=str(BOOK)), encoding="utf-8")
    page = f"Page\n====\n\n.. docstring:: cnnref.conv\n\n   {docstring}\n"
    (tmp_path / "index.rst").write_text(page, encoding="utf-8")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-n", ".", "_build"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (warning in done.stderr) if warning else (done.stderr == "")
    assert bool(done.returncode) == bool(warning)


# The built pages ----------------------------------------------------------------------


@pytest.mark.pages
@pytest.mark.parametrize("page", PAGES)
def test_every_public_name_has_an_entry(page):
    anchors = set().union(*(parsed(path_of(f"book/{p}")).anchors for p in PAGES))
    here = parsed(path_of(f"book/{page}")).anchors
    for module in listed(page):
        assert f"module-{module}" in here
        for name in public(module):
            assert anchors & {name, f"module-{name}"}, name


@pytest.mark.pages
@pytest.mark.parametrize("name", OPERATIONS)
def test_the_entry_shows_the_formula(name):
    thing = getattr(functional, name)
    text = path_of(page_of(thing.__module__)).read_text(encoding="utf-8")
    start = text.index(f'id="{thing.__module__}.{name}"')
    shown = unescape(re.sub(r"<[^>]+>", "", text[start:].split('<dl class="py ')[0]))
    for formula in entry(name).formulas:
        assert formula in shown


def page_of(module):
    (page,) = (page for page in PAGES if module in listed(page))
    return f"book/{page}"


@pytest.mark.pages
def test_the_overview_lists_every_operation():
    links = parsed(path_of("book/api")).links
    for name in OPERATIONS:
        module = getattr(functional, name).__module__
        page = page_of(module).removeprefix("book/")
        assert f"{page}.html#{module}.{name}" in links


@pytest.mark.pages
def test_every_function_leads_to_its_source():
    links = parsed(path_of("book/api_conv")).links
    written = [n for n in public("cnnref.conv") if isfunction(api_docs.resolved(n))]
    for name in written:
        assert f"../_modules/cnnref/conv.html#{name.split('.')[-1]}" in links
    sources = [*HTML.glob("_modules/**/*.html")]
    assert len(sources) > len(written)
    assert [link for source in sources for link in broken(source.resolve())] == []
