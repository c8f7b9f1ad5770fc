"""What a stored chapter must be, read without running it.

nbval re-executes every notebook and compares what it finds; this module
forbids what nbval cannot see, or is told not to look at.
`refresh.py` stores nothing that is rejected here.

Code cells
    are plain Python of at most 15 lines and 80 columns, without magics, shell
    escapes, a closing `;`, or anything that steers nbval (tags, markers).
    The tags allowed are `remove-input`, `hide-input`, `hide-output` and
    `hide-cell`; the first code cell holds the imports and has one of the
    first two.
Outputs
    carry count 1; they are text, LaTeX, Markdown, HTML, SVG or a verdict,
    never stderr, errors, pixels or widgets, and hold no addresses, paths or
    control characters.  A cell whose last statement is an expression stores
    that expression's value; one that calls `print` stores a stream, one that
    calls `display` a display.  So a check that shows nothing is an `assert`, and
    a call that shows nothing is not the last statement, or is `_ = call()`.
Figures
    are the one output of their cell, an SVG, captioned and described in the
    cell's metadata, and nowhere else:

        {"mystnb": {"figure": {"name": "fig-full-padding",
                               "caption": "Full padding, step by step."},
                    "image": {"alt": "A 3 by 3 input inside a ring of zeros."}}}

    Refer to it as {numref}`fig-full-padding`.  A photograph also has
    `"classes": "photo"` beside `"alt"`, so that dark mode leaves it as it is.
Markdown
    has balanced fences and dollars, alt text for every image, and none of the
    words that tell a reader how easy something is (quotations may).

`python book/notebook_lint.py FILE ...` prints the problems of the notebooks
and Markdown pages named.
"""

import ast
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import markdown_lint
import nbformat
from nbformat import NotebookNode
from nbformat.validator import iter_validate

MAX_LINES = 15
MAX_COLUMNS = 80
MAX_CODE_CELLS = 40
MAX_CAPTION_WORDS = 10
MAX_OUTPUT_CHARACTERS = 500_000

HIDES_INPUT = {"remove-input", "hide-input"}
TAGS = HIDES_INPUT | {"hide-output", "hide-cell"}
SVG = "image/svg+xml"
MIME_TYPES = {
    "text/plain",
    "text/html",
    "text/latex",
    "text/markdown",
    SVG,
    "application/vnd.cnnref.verdict+json",
}

MARKER = re.compile(r"NBVAL_\w+|PYTEST_VALIDATE_IGNORE_OUTPUT")
FORGED = re.compile(
    r"verify\.verdict|vnd\.cnnref|except \(?(?:AssertionError|Disagreement)"
)
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}")
HERE = re.escape(str(Path(__file__).parents[1]))
ROOTS = "bin|etc|home|mnt|opt|private|proc|root|tmp|usr|var|Users|Volumes"
PATH = re.compile(rf"{HERE}|(?<![\w.])/(?:{ROOTS})/\w|\b[A-Z]:\\\w|\bfile:/")
EMBEDDED = re.compile(r"base64,[A-Za-z0-9+/=\s]+")
ACTIVE_HTML = re.compile(r"<(img|svg|script|iframe|link|object|embed)\b", re.I)

Problems = Iterator[str]


def read(path: Path) -> NotebookNode:
    """Read a notebook as it stands; `nbformat.read` would mend it in silence."""
    try:
        nb = nbformat.v4.reads(path.read_text(encoding="utf-8"))
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise ValueError(f"not a notebook of version 4: {error}") from None
    if nb.get("nbformat") != 4:
        raise ValueError(f"a notebook of version {nb.get('nbformat')}, not 4")
    return nb


def lint(nb: NotebookNode, executed: bool = True) -> list[str]:
    """Every problem of a notebook, each behind its cell's id.

    With `executed=False`, only what can be told before the notebook has run.
    """
    if problems := list(schema(nb)):
        return problems
    problems = [message for rule in NOTEBOOK_RULES for message in rule(nb)]
    for cell in nb.cells:
        rules = CODE_RULES if cell.cell_type == "code" else TEXT_RULES
        if executed and cell.cell_type == "code":
            rules += OUTPUT_RULES
        found = [message for rule in rules for message in rule(cell)]
        problems += [f"{cell.get('id')}: {message}" for message in found]
    return problems


# The notebook


def schema(nb: NotebookNode) -> Problems:
    if (nb.nbformat, nb.nbformat_minor) < (4, 5):
        yield f"format {nb.nbformat}.{nb.nbformat_minor}, not 4.5"
    for error in iter_validate(nb):
        yield f"not a valid notebook: {error.message.splitlines()[0]}"


def ids_differ(nb: NotebookNode) -> Problems:
    for name, count in Counter(cell.get("id") for cell in nb.cells).items():
        if count > 1:
            yield f"{count} cells have the id {name}"


def begins_with_title(nb: NotebookNode) -> Problems:
    first = nb.cells[0] if nb.cells else None
    if not first or first.cell_type != "markdown" or first.source[:2] != "# ":
        yield "does not begin with a Markdown cell that begins with '# '"


def begins_with_imports(nb: NotebookNode) -> Problems:
    codes = [cell for cell in nb.cells if cell.cell_type == "code"]
    if codes and not HIDES_INPUT & set(codes[0].metadata.get("tags", [])):
        yield f"the first code cell is tagged with none of {sorted(HIDES_INPUT)}"


def not_too_long(nb: NotebookNode) -> Problems:
    count = sum(cell.cell_type == "code" for cell in nb.cells)
    if count > MAX_CODE_CELLS:
        yield f"{count} code cells, more than {MAX_CODE_CELLS}"


def figure_names_differ(nb: NotebookNode) -> Problems:
    names = Counter(figure_of(cell).get("name") for cell in nb.cells)
    for name, count in names.items():
        if name and count > 1:
            yield f"{count} figures are named {name}"


# A code cell, before it runs


def plain_python(cell: NotebookNode) -> Problems:
    if syntax(cell) is None:
        yield "not plain Python (a magic, a shell escape, or a syntax error)"
    elif not syntax(cell).body:
        yield "an empty code cell"
    elif "get_ipython" in cell.source:
        yield "get_ipython"
    elif cell.source.rstrip().endswith(";"):
        yield "ends in ';', which does not suppress an output under nbval"


def nothing_steers_nbval(cell: NotebookNode) -> Problems:
    for marker in MARKER.findall(cell.source):
        yield f"the marker {marker}"
    for tag in cell.metadata.get("tags", []):
        if tag not in TAGS:
            yield f"the tag {tag}, not one of {sorted(TAGS)}"


def verdicts_are_returned(cell: NotebookNode) -> Problems:
    """A verdict comes from a check that passed, and a check that fails is seen."""
    for found in FORGED.findall(cell.source):
        yield f"a verdict made or a failure caught by hand: {found}"


def short(cell: NotebookNode) -> Problems:
    lines = cell.source.splitlines()
    if len(lines) > MAX_LINES:
        yield f"{len(lines)} lines, more than {MAX_LINES}"
    for line in lines:
        if len(line) > MAX_COLUMNS:
            yield f"{len(line)} columns, more than {MAX_COLUMNS}: {line.strip()[:40]}…"


def figure_is_described(cell: NotebookNode) -> Problems:
    figure = figure_of(cell)
    if not figure:
        return
    alt = cell.metadata.mystnb.get("image", {}).get("alt", "")
    caption = figure.get("caption", "")
    if not re.fullmatch(r"fig(-[a-z0-9]+)+", figure.get("name", "")):
        yield f"the figure's name is {figure.get('name')!r}, not fig-some-words"
    if not caption.strip():
        yield "a figure without a caption"
    if len(caption.split()) > MAX_CAPTION_WORDS:
        yield f"a caption of more than {MAX_CAPTION_WORDS} words: {caption}"
    if not alt.strip():
        yield "a figure without alt text"
    yield from markdown_lint.lint(caption)
    yield from markdown_lint.lint(alt)


def source_travels(cell: NotebookNode) -> Problems:
    yield from unportable(cell.source, addresses=False)


# A code cell's outputs


def counts_are_one(cell: NotebookNode) -> Problems:
    if cell.execution_count != 1:
        yield f"execution count {cell.execution_count}, not 1"
    for output in cell.outputs:
        if output.get("execution_count", 1) != 1:
            yield f"an output's count is {output.execution_count}, not 1"


def kinds_of_output(cell: NotebookNode) -> Problems:
    for output in cell.outputs:
        if output.output_type == "error":
            yield f"an error is stored: {output.ename}: {output.evalue}"
        elif output.output_type == "stream" and output.name != "stdout":
            yield f"{output.name} is stored: {output.text[:60]!r}"
        for mime in output.get("data", {}):
            if mime not in MIME_TYPES:
                yield f"an output of type {mime}"


def nothing_is_missing(cell: NotebookNode) -> Problems:
    """What the source must have shown, told from its syntax alone."""
    tree = syntax(cell)
    if tree is None or not tree.body:
        return
    stored = {output.output_type for output in cell.outputs}
    calls = called_names(tree.body)
    last = tree.body[-1]
    is_value = isinstance(last, ast.Expr) and not shows_by_itself(last.value)
    if is_value and "execute_result" not in stored:
        yield (
            "ends in an expression, but its value is not stored "
            "(a call that shows nothing is written `_ = call()`)"
        )
    if "print" in calls and "stream" not in stored:
        yield "calls print, but nothing printed is stored"
    if "display" in calls and "display_data" not in stored:
        yield "calls display, but nothing displayed is stored"
    if figure_of(cell) and not any(kind == SVG for kind, _ in texts(cell)):
        yield "described as a figure, but no SVG is stored"


def figures_are_described(cell: NotebookNode) -> Problems:
    for kind, text in texts(cell):
        if kind == SVG and not figure_of(cell):
            yield "an SVG without mystnb.figure in the cell's metadata"
        if kind == SVG and len(cell.outputs) > 1:
            yield "a figure is not the one output of its cell"
        if kind == SVG and re.search(r"<dc:(date|creator)\b", text):
            yield "an SVG with its date or creator"
        if kind == "text/html" and ACTIVE_HTML.search(text):
            yield f"HTML with {ACTIVE_HTML.search(text)[0]}>: a figure is an SVG output"


def outputs_travel(cell: NotebookNode) -> Problems:
    for _, text in texts(cell):
        yield from unportable(text)
        if "↪" in text:
            yield "SymPy broke a line at the width of the terminal: too wide"


def outputs_are_small(cell: NotebookNode) -> Problems:
    for kind, text in texts(cell):
        if len(text) > MAX_OUTPUT_CHARACTERS:
            yield f"{kind} of {len(text)} characters, more than {MAX_OUTPUT_CHARACTERS}"


def markdown_outputs(cell: NotebookNode) -> Problems:
    for kind, text in texts(cell):
        if kind == "text/markdown":
            yield from markdown_lint.fences_close(text)
            yield from markdown_lint.dollars_pair(text)


# A cell of text


def only_markdown(cell: NotebookNode) -> Problems:
    if cell.cell_type != "markdown":
        yield f"a {cell.cell_type} cell"
    if cell.get("attachments"):
        yield f"attachments: {', '.join(cell.attachments)}"


def good_markdown(cell: NotebookNode) -> Problems:
    yield from markdown_lint.lint(cell.source)


NOTEBOOK_RULES = (
    ids_differ,
    begins_with_title,
    begins_with_imports,
    not_too_long,
    figure_names_differ,
)
CODE_RULES = (
    plain_python,
    nothing_steers_nbval,
    verdicts_are_returned,
    short,
    figure_is_described,
    source_travels,
)
OUTPUT_RULES = (
    counts_are_one,
    kinds_of_output,
    nothing_is_missing,
    figures_are_described,
    outputs_travel,
    outputs_are_small,
    markdown_outputs,
)
TEXT_RULES = (only_markdown, good_markdown, source_travels)


def figure_of(cell: NotebookNode) -> dict:
    return cell.metadata.get("mystnb", {}).get("figure", {})


def syntax(cell: NotebookNode) -> ast.Module | None:
    try:
        return ast.parse(cell.source)
    except (SyntaxError, ValueError):
        return None


def texts(cell: NotebookNode) -> Iterator[tuple[str, str]]:
    """Each stored text of a code cell, with its type."""
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            yield "stream", output.text
        for mime, data in output.get("data", {}).items():
            yield mime, data if isinstance(data, str) else json.dumps(data)


def unportable(text: str, addresses: bool = True) -> Problems:
    text = EMBEDDED.sub("", text)
    rules = {"a control character": CONTROL, "an absolute path": PATH}
    if addresses:
        rules["an address"] = ADDRESS
    for name, pattern in rules.items():
        if match := pattern.search(text):
            yield f"{name}: {text[max(match.start() - 20, 0) :][:50]!r}"


def shows_by_itself(value: ast.expr) -> bool:
    """Whether an expression is a call of print or display, whose value is None."""
    return isinstance(value, ast.Call) and bool(
        {"print", "display"} & {getattr(value.func, "id", None)}
    )


def called_names(statements: list[ast.stmt]) -> set[str]:
    """The names a cell calls when it runs, not inside what it only defines."""
    defines = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    names, queue = set(), list(statements)
    while queue:
        node = queue.pop()
        if isinstance(node, defines):
            continue
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            names.add(node.func.id)
        queue.extend(ast.iter_child_nodes(node))
    return names


def lint_file(path: Path) -> list[str]:
    """The problems of a notebook or a Markdown page."""
    if path.suffix == ".ipynb":
        return lint(read(path))
    return markdown_lint.lint(path.read_text(encoding="utf-8"))


def main(files: list[str]) -> int:
    found = [(name, problem) for name in files for problem in lint_file(Path(name))]
    for name, problem in found:
        print(f"{name}: {problem}")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
