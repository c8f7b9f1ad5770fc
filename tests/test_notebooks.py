"""The stored notebooks: linted, in canonical form, and compared by a strict nbval."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from xml.etree import ElementTree

import pytest
import yaml
from nbformat import from_dict
from tiny import (
    BOOK,
    ROOT,
    code,
    markdown_lint,
    notebook,
    notebook_lint,
    refresh,
    run_refresh,
    stream,
    text,
    value,
    write,
)

NOTEBOOKS = sorted(BOOK.glob("*.ipynb"))
PAGES = sorted(BOOK.glob("*.md"))


def stem(path):
    return path.stem


# The book's own pages


@pytest.mark.parametrize("path", NOTEBOOKS, ids=stem)
def test_notebook_is_clean(path):
    assert notebook_lint.lint(notebook_lint.read(path)) == []


@pytest.mark.parametrize("path", PAGES, ids=stem)
def test_page_is_clean(path):
    assert markdown_lint.lint(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=stem)
def test_notebook_is_in_canonical_form(path):
    canonical = refresh.canonical(notebook_lint.read(path))
    assert canonical == path.read_text(encoding="utf-8")


def test_listed_stored_and_collected_notebooks_are_the_same():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    pages = [ROOT / f"{name}.ipynb" for name in refresh.toc_files(toc)]
    is_page = {page: page.with_suffix(".md").exists() for page in pages}
    listed = [page.stem for page in pages if not is_page[page]]
    stored = {path.stem: len(code_cells(path)) for path in NOTEBOOKS}
    assert sorted(listed) == sorted(stored)
    assert collected_cells(BOOK) == stored


def code_cells(path):
    return [x for x in notebook_lint.read(path).cells if x.cell_type == "code"]


def test_assertions_run_in_the_chapters():
    # Nothing here can be an assert: without assertions it would pass.
    if not __debug__ or os.environ.get("PYTHONOPTIMIZE"):
        pytest.fail("Python drops assertions here (PYTHONOPTIMIZE or -O)")


# nbval, run as `make notebooks` runs it


def nbval(folder, *options):
    command = [sys.executable, "-m", "pytest", "-c", ROOT / "pyproject.toml"]
    command += ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=120"]
    command += ["-p", "no:randomly", "-p", "no:cacheprovider", "-q", *options, folder]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def collected_cells(folder):
    """How many cells nbval finds in each notebook."""
    found = nbval(folder, "--collect-only").stdout
    return Counter(re.findall(r"(\w+)\.ipynb::Cell \d+$", found, re.MULTILINE))


FIGURE = {
    "figure": {"name": "fig-square", "caption": "A square."},
    "image": {"alt": "A square with a side of 7."},
}
CANARY = notebook(
    code("from IPython.display import SVG, Latex, display"),
    code("6 + 1"),
    code("6 + len(In)"),  # nbval keeps no history, so refresh.py must not
    code("print(6 + 1)"),
    code("Latex(f'$x = {6 + 1}$')"),
    code("display(6 + 1)"),
    code("SVG('<svg width=\"7\"/>')", **FIGURE),
    code("from cnnref.verify import tested\n\ntested('six and one', 6 + 1, 7)"),
)


def with_outputs(nb, change):
    """A copy of a notebook in which `change` has been made to each shown cell."""
    copy = from_dict(nb)
    for cell in copy.cells:
        if cell.get("outputs"):
            change(cell)
    return copy


def change_output(cell):
    changed = json.dumps(cell.outputs).replace("7", "8")
    assert changed != json.dumps(cell.outputs)
    cell.outputs = from_dict(json.loads(changed))


def delete_output(cell):
    cell.outputs = []


def unrun(cell):
    cell.outputs, cell.execution_count = [], None


@pytest.fixture(scope="module")
def canary(tmp_path_factory):
    """A refreshed chapter, copies of it that were tampered with, nbval's verdicts."""
    folder = tmp_path_factory.mktemp("canary")
    book = write(folder / "book", stored=CANARY)
    result = run_refresh(book)
    assert result.returncode == 0, result.stdout
    stored = notebook_lint.read(book / "stored.ipynb")
    copies = {f.__name__: with_outputs(stored, f) for f in TAMPERINGS}
    for name, nb in copies.items():
        (book / f"{name}.ipynb").write_text(refresh.nbformat.v4.writes(nb) + "\n")
    report = folder / "report.xml"
    nbval(book, f"--junitxml={report}")
    verdicts = {
        (re.search(r"(\w+)\.ipynb", case.get("classname"))[1], case.get("name")): (
            len(case) == 0
        )
        for case in ElementTree.parse(report).iter("testcase")
    }
    return book, stored, verdicts


TAMPERINGS = (change_output, delete_output, unrun)


def shown(stored):
    """nbval's name of each code cell, and whether the cell shows something."""
    cells = [cell for cell in stored.cells if cell.cell_type == "code"]
    return {f"Cell {number}": bool(cell.outputs) for number, cell in enumerate(cells)}


def test_nbval_is_green_on_what_refresh_stored(canary):
    _, stored, verdicts = canary
    assert sum(shown(stored).values()) == 7
    assert all(verdicts["stored", name] for name in shown(stored))


@pytest.mark.parametrize("tampering", ["change_output", "delete_output"])
def test_nbval_is_red_on_every_output_tampered_with(canary, tampering):
    _, stored, verdicts = canary
    for name, is_shown in shown(stored).items():
        assert verdicts[tampering, name] is not is_shown, name


@pytest.mark.parametrize("tampering", ["delete_output", "unrun"])
def test_the_lint_is_red_on_every_output_deleted(canary, tampering):
    book, stored, _ = canary
    problems = notebook_lint.lint(notebook_lint.read(book / f"{tampering}.ipynb"))
    for cell in stored.cells:
        if cell.get("outputs"):
            assert any(line.startswith(f"{cell.id}: ") for line in problems)


def test_the_lint_is_needed_where_nbval_is_green(canary):
    # Not run and without output: nbval compares nothing.  Should that change,
    # the lint's rule on counts has lost its reason.
    _, stored, verdicts = canary
    assert all(verdicts["unrun", name] for name in shown(stored))


def test_refresh_check_is_red_on_every_tampering(canary):
    book, _, _ = canary
    result = run_refresh(book, "--check")
    assert result.returncode == 1
    assert re.search(r"^stored .* unchanged$", result.stdout, re.MULTILINE)
    for tampering in TAMPERINGS:
        assert re.search(rf"^{tampering.__name__} .* DIFFERS$", result.stdout, re.M)


def test_the_makefile_runs_nbval_strictly():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for flag in ("--nbval ", "--nbval-current-env", "--nbval-cell-timeout="):
        assert flag in makefile
    for flag in ("--nbval-lax", "sanitize-with", "--nbval-kernel-name"):
        assert flag not in makefile


# Every rule of the lint fires


GOOD = notebook(
    text("## Part\nIt costs \\$5; $x$ and\n$$y$$\n\n```python\nx = '$'\n```\n"),
    code("6 + 1", value("7")),
    code("for k in range(2):\n    print(k)", stream("0\n1\n")),
    code("def f():\n    print(1)\n    display(2)"),
    code("7", value(svg="<svg/>"), **FIGURE),
    text(":::{note}\n> just as printed\n\n`just` code\n:::\n![a square](a.svg)"),
)


def test_a_good_notebook_has_no_problem():
    assert notebook_lint.lint(GOOD) == []


def altered(nb=GOOD, **changes):
    """A copy of a notebook with other top-level entries."""
    copy = from_dict(nb)
    copy.update(changes)
    return copy


def without_title():
    return altered(cells=GOOD.cells[1:])


def with_equal_ids():
    copy = altered()
    copy.cells[2].id = copy.cells[3].id
    return copy


def figure(**parts):
    described = {"figure": {**FIGURE["figure"], **parts}, "image": FIGURE["image"]}
    if "alt" in parts:
        described["image"] = {"alt": parts.pop("alt")}
        described["figure"].pop("alt")
    return code("7", value(svg="<svg/>"), **described)


def error():
    content = {"ename": "ValueError", "evalue": "no", "traceback": []}
    return refresh.nbformat.v4.new_output("error", **content)


def raw():
    return refresh.nbformat.v4.new_raw_cell("raw")


def pasted():
    cell = text("![a square](attachment:a.png)")
    cell.attachments = {"a.png": {"image/png": "QQ=="}}
    return cell


SVG_WITH_DATE = "<svg><dc:date>2020-01-01</dc:date></svg>"
LONG = "x = 1  # " + "y" * 72

# Rule, notebook or cell, and what the rule says.
BAD = [
    ("schema", altered(nbformat_minor=4), "format 4.4"),
    ("schema", altered(metadata=3), "not a valid notebook: 3 is not"),
    ("ids_differ", with_equal_ids(), "2 cells have the id"),
    ("begins_with_title", without_title(), "does not begin with"),
    (
        "begins_with_imports",
        altered(cells=[GOOD.cells[0], *GOOD.cells[2:]]),
        "the first code cell is tagged with none",
    ),
    ("not_too_long", notebook(*(code("x = 1") for _ in range(40))), "41 code cells"),
    ("figure_names_differ", notebook(figure(), figure()), "2 figures are named"),
    ("plain_python", code("%matplotlib inline"), "not plain Python"),
    ("plain_python", code("%nosuchmagic\n6 + 1"), "not plain Python"),
    ("plain_python", code("!false"), "not plain Python"),
    ("plain_python", code("len?"), "not plain Python"),
    ("plain_python", code("# only a comment"), "an empty code cell"),
    ("plain_python", code("get_ipython().system('ls')", value()), "get_ipython"),
    ("plain_python", code("6 + 1;", value()), "ends in ';'"),
    ("nothing_steers_nbval", code("x = 1", tags=["nbval-skip"]), "the tag nbval-skip"),
    (
        "verdicts_are_returned",
        code("from cnnref.verify.verdict import passed"),
        "a verdict made or a failure caught by hand: verify.verdict",
    ),
    (
        "verdicts_are_returned",
        code("try:\n    check()\nexcept AssertionError:\n    pass"),
        "a verdict made or a failure caught by hand: except AssertionError",
    ),
    (
        "nothing_steers_nbval",
        code("x = 1", tags=["raises-exception"]),
        "the tag raises-exception",
    ),
    ("nothing_steers_nbval", code("# NBVAL_SKIP\nx = 1"), "the marker NBVAL_SKIP"),
    (
        "nothing_steers_nbval",
        code("x = '''\n# NBVAL_IGNORE_OUTPUT\n'''"),
        "the marker NBVAL_IGNORE_OUTPUT",
    ),
    ("short", code("x = 1\n" * 16), "16 lines, more than 15"),
    ("short", code(LONG), "81 columns, more than 80"),
    ("figure_is_described", figure(name="Square"), "'Square', not fig-some-words"),
    ("figure_is_described", figure(caption=" "), "without a caption"),
    ("figure_is_described", figure(caption="a " * 11), "more than 10 words"),
    ("figure_is_described", figure(alt=""), "without alt text"),
    ("figure_is_described", figure(caption="Simply $x."), "the word 'Simply'"),
    ("source_travels", code("x = '/home/me/x'"), "an absolute path"),
    ("source_travels", code("x = 'a\x1bb'"), "a control character"),
    ("source_travels", text("It is in `/tmp/x`."), "an absolute path"),
    ("counts_are_one", code("x = 1", count=None), "execution count None"),
    ("counts_are_one", code("x = 1", count=3), "execution count 3"),
    ("kinds_of_output", code("f()", value(png="QQ==")), "of type image/png"),
    ("kinds_of_output", code("x = 1", stream("x", "stderr")), "stderr is stored"),
    ("kinds_of_output", code("x = 1", error()), "an error is stored: ValueError"),
    ("nothing_is_missing", code("6 + 1"), "its value is not stored"),
    ("nothing_is_missing", code("print(7)"), "nothing printed is stored"),
    (
        "nothing_is_missing",
        code("for k in 1, 2:\n    print(k)\n7", value()),
        "nothing printed is stored",
    ),
    ("nothing_is_missing", code("display(7)"), "nothing displayed is stored"),
    ("nothing_is_missing", code("x = 1", **FIGURE), "no SVG is stored"),
    ("figures_are_described", code("7", value(svg="<svg/>")), "without mystnb.figure"),
    (
        "figures_are_described",
        code("print(1)\n7", stream("1"), value(svg="<svg/>"), **FIGURE),
        "not the one output",
    ),
    (
        "figures_are_described",
        code("7", value(svg=SVG_WITH_DATE), **FIGURE),
        "an SVG with its date",
    ),
    ("figures_are_described", code("7", value(html="<img src=a>")), "HTML with <img"),
    ("outputs_travel", code("7", value("<f at 0x7f3a5c2b10>")), "an address: '<f at"),
    ("outputs_travel", code("7", value("/home/me/x.py")), "an absolute path"),
    ("outputs_travel", code("7", value(f"{ROOT}/x.py")), "an absolute path"),
    ("outputs_travel", code("7", value("a + ↪\n↪ b")), "SymPy broke a line"),
    ("outputs_travel", code("7", value("a\rb")), "a control character"),
    ("outputs_travel", code("7", value("\x1b[31mred")), "a control character"),
    ("outputs_are_small", code("7", value("7" * 500_001)), "of 500001 characters"),
    ("markdown_outputs", code("7", value(markdown=":::{note}")), "never closes"),
    ("markdown_outputs", code("7", value(markdown="$x")), "an odd number of $"),
    ("only_markdown", raw(), "a raw cell"),
    ("only_markdown", pasted(), "attachments: a.png"),
    ("good_markdown", text("Clearly."), "the word 'Clearly'"),
]


@pytest.mark.parametrize(
    ("rule", "bad", "said"), BAD, ids=[f"{case[0]}-{case[2][:20]}" for case in BAD]
)
def test_rule_fires(rule, bad, said):
    nb = bad if "cells" in bad else notebook(bad)
    target = nb if rule in names(notebook_lint.NOTEBOOK_RULES) | {"schema"} else bad
    assert any(said in message for message in getattr(notebook_lint, rule)(target))
    assert any(said in message for message in notebook_lint.lint(nb))


def names(rules):
    return {rule.__name__ for rule in rules}


def test_every_rule_has_a_case():
    lint = notebook_lint
    rules = lint.NOTEBOOK_RULES + lint.CODE_RULES + lint.OUTPUT_RULES + lint.TEXT_RULES
    assert {case[0] for case in BAD} == names(rules) | {"schema"}
    assert {case[0] for case in BAD_MARKDOWN} == names(markdown_lint.RULES)


BAD_MARKDOWN = [
    ("fences_close", ":::{note}\ntext\n", "the fence of {note} never closes"),
    ("fences_close", "```python\nx = 1\n", "the fence of python never closes"),
    ("fences_close", ":::{a}\nx\n:::\n:::\n", "a fence that closes nothing"),
    ("fences_close", "::::{a}\n:::{b}\nx\n::::\n", "the fence of {b} never closes"),
    ("dollars_pair", "A cost of $x here.", "an odd number of $"),
    ("dollars_pair", "One $x and\n\ntwo$ here.", "an odd number of $"),
    ("dollars_pair", "$$\nx\n", "a $$ without its partner"),
    ("dollars_pair", ":::{note}\n$x\n:::\n", "an odd number of $"),
    ("images_have_alt", "![](a.svg)", "without alt text"),
    ("images_have_alt", '<img src="a.svg">', "without alt text"),
    ("images_have_alt", '<img src="a.svg" alt="">', "without alt text"),
    ("images_have_alt", "```{figure} a.svg\n:name: a\n\nWords.\n```", "no :alt:"),
    ("words", "It is simply so.", "the word 'simply'"),
    ("words", "Just so.", "the word 'Just'"),
    ("words", "It is obviously so.", "the word 'obviously'"),
    ("words", "Now let’s dive in.", "the word 'let’s dive in'"),
    ("words", ":::{note}\nIt is clearly so.\n:::", "the word 'clearly'"),
    ("headings_are_plain", "## Go 🚀", "an emoji in the heading"),
]


@pytest.mark.parametrize(("rule", "page", "said"), BAD_MARKDOWN)
def test_markdown_rule_fires(rule, page, said):
    assert any(said in message for message in getattr(markdown_lint, rule)(page))
    assert any(said in message for message in markdown_lint.lint(page))


@pytest.mark.parametrize(
    "page",
    [
        "We adjust it; a $just$ one, `just`, and\n> just a quotation.",
        "```text\nsimply $ :::{note}\n```",
        "::::{note}\n:::{tip}\n$x$\n:::\n::::",
        "```{math}\nx_1 \\text{costs \\$}\n```",
        "It costs \\$5 and $a\nb$.\n\n$$\na\n$$ (label)\n",
        "## A ✓ heading with ⋆ and ∗",
        '<img src="a.svg" alt="A square">',
        "```{figure} a.svg\n:alt: A square\n\nWords.\n```",
    ],
)
def test_good_markdown_passes(page):
    assert markdown_lint.lint(page) == []


def test_the_lint_prints_the_problems_of_the_files_named(tmp_path):
    write(tmp_path, bad=notebook(code("6 + 1")))
    (tmp_path / "page.md").write_text("Simply.")
    command = [sys.executable, BOOK / "notebook_lint.py", "bad.ipynb", "page.md"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 1
    first, second = result.stdout.splitlines()
    assert re.fullmatch(r"bad.ipynb: \w+: ends in an expression, but .*", first)
    assert second == "page.md: the word 'Simply'"
