"""The choices of the libraries as the book's page shows them: one table, by topic."""

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import choices
import yaml

MEASURED, TRIED, NONE = "✓", "○", "[–]{.none}"
CITED = ("tensorflow-jax", "onnx", "papers")
PREFIXES = {
    "tf": "https://www.tensorflow.org/api_docs/python/tf/{}",
    "jax": "https://docs.jax.dev/en/latest/_autosummary/{}.html",
    "flax": "https://flax.readthedocs.io/en/v0.6.10/api_reference/_autosummary/"
    "flax.linen.{}.html",
    "flax-source": "https://github.com/google/flax/blob/main/flax/linen/{}",
    "optax": "https://optax.readthedocs.io/en/latest/api/{}.html",
    "onnx": "https://onnx.ai/onnx/operators/onnx_{}.html",
}
LINK = re.compile(r"\]\(([a-z-]+):([^()\s]+)\)")


class Row(NamedTuple):
    """A question, with the answers of each column as Markdown."""

    name: str
    asks: str
    chapter: str
    measured: dict[str, str]
    cited: dict[str, str]


def rows(topic: str) -> list[Row]:
    """Ask the libraries, and put what is cited beside their answers."""
    listed = {q["id"]: q for q in _listed()[topic]}
    asked = {question.name: question for question in getattr(choices, topic)()}
    if [*listed] != [*asked]:
        raise ValueError(f"{topic}: listed are {[*listed]}, asked {[*asked]}")
    return [row(listed[name], question) for name, question in asked.items()]


def row(listed: dict, question: choices.Question) -> Row:
    """One question of both files."""
    words = {library: question.words(library) for library in question.found}
    cited = {column: whole(listed[column]) for column in CITED if column in listed}
    if bare := [text for text in cited.values() if not sourced(text)]:
        raise ValueError(f"{question.name}: nothing is cited for {bare[0]!r}")
    return Row(question.name, listed["asks"], listed["chapter"], words, cited)


def sourced(text: str) -> bool:
    """Whether it has a link, names a paper or a document, or has the mark ○."""
    return bool(re.search(rf"\]\(https:|\{{cite|^S[0-3] |{TRIED}|formula", text))


def whole(text: str) -> str:
    """Markdown with its short links written out; another kind of link is refused."""
    return LINK.sub(lambda found: f"]({PREFIXES[found[1]].format(found[2])})", text)


def table(found: list[Row]) -> str:
    """The questions as one table."""
    head = ["to choose", choices.TORCH, choices.KERAS, "TensorFlow, JAX", "ONNX"]
    lines = [*map(line, ([*head, "papers, others"], ["---"] * 6, *map(cells, found)))]
    return "\n".join([":::{div} choices", "", *lines, ":::"])


def line(texts) -> str:
    return f"| {' | '.join(texts)} |"


def cells(row: Row) -> list[str]:
    """The cells of one line; a measured answer has its mark."""
    measured = {library: f"{MEASURED} {text}" for library, text in row.measured.items()}
    own = [measured.pop(library, NONE) for library in (choices.TORCH, choices.KERAS)]
    others = [f"{MEASURED} {library}: {row.measured[library]}" for library in measured]
    tensorflow_jax, onnx, papers = (row.cited.get(column, "") for column in CITED)
    papers = "; ".join([*others, papers] if papers else others)
    return [
        f"[{row.asks}]({page(row.chapter)})",
        *own,
        tensorflow_jax or NONE,
        onnx or NONE,
        papers or NONE,
    ]


def page(chapter: str) -> str:
    """The file of a chapter, or of a page of the package."""
    return f"{chapter}.md" if chapter.startswith("api_") else f"{chapter}.ipynb"


def topics() -> list[str]:
    """The topics in their order."""
    return [*_listed()]


@cache
def _listed() -> dict[str, list[dict]]:
    text = Path(__file__).with_name("choices.yml").read_text(encoding="utf-8")
    return {topic["topic"]: topic["questions"] for topic in yaml.safe_load(text)}
