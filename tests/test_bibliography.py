"""Every work of the bibliography is grouped, said to be for something, and cited."""

import json
import re
from collections import Counter

import pytest
from pybtex.database import parse_file, parse_string
from tiny import BOOK

from annotated_bibliography import Annotated  # isort: skip

ENTRIES = parse_file(str(BOOK / "references.bib")).entries
PAGE = (BOOK / "bibliography.md").read_text(encoding="utf-8")
GROUPS = re.findall(r'^:filter: keywords == "(\w+)"$', PAGE, re.MULTILINE)


def cited():
    """The keys that any page cites."""
    texts = [path.read_text(encoding="utf-8") for path in BOOK.glob("*.md")]
    for path in BOOK.glob("*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        texts += ["".join(c["source"]) for c in cells if c["cell_type"] == "markdown"]
    found = re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", "\n".join(texts))
    return {key.strip() for keys in found for key in keys.split(",")}


def test_every_work_is_in_a_group_of_the_page_and_every_group_has_works():
    named = Counter(entry.fields.get("keywords") for entry in ENTRIES.values())
    assert named.keys() == set(GROUPS)
    assert len(GROUPS) == len(set(GROUPS))


@pytest.mark.parametrize("key", ENTRIES)
def test_a_work_is_said_to_be_for_something(key):
    assert re.fullmatch(r"[A-Z].*\.", ENTRIES[key].fields.get("annotation", ""))


def test_every_work_is_cited_and_every_cited_work_is_there():
    assert cited() == set(ENTRIES)


def test_no_work_is_there_twice():
    """The same title under two keys."""
    titles = [re.sub(r"\W", "", e.fields["title"]).lower() for e in ENTRIES.values()]
    assert [title for title, times in Counter(titles).items() if times > 1] == []


def test_a_key_is_the_first_author_and_the_year():
    for key, entry in ENTRIES.items():
        first = entry.persons["author"][0]
        name = "".join(first.prelast_names + first.last_names)
        assert key == re.sub(r"\W", "", name).lower() + entry.fields["year"], key


@pytest.mark.parametrize("annotation", ["", "For sums."])
def test_what_it_is_for_stands_last(annotation):
    fields = "author={A}, title={B}, publisher={C}, year={1990}"
    text = f"@book{{a, {fields}, annotation={{{annotation}}}}}"
    (entry,) = parse_string(text, "bibtex").entries.values()
    shown = str(Annotated().format_entry("a", entry).text).replace("<newblock>", " ")
    assert shown == f"A. B. C, 1990. {annotation}".strip()
