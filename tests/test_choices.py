"""The page "Conventions": what is measured, what is cited, and the table of both."""

import re
from functools import cache

import pytest
from tiny import BOOK

import choices  # isort: skip
import choices_page  # isort: skip

# Keras makes arrays of tensors in the way of NumPy 1.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ impl:DeprecationWarning")
rows = cache(choices_page.rows)
LIBRARIES = {choices.TORCH, choices.KERAS, "SciPy's `convolve`", "SymPy's `Max`"}


def question(answers, **found):
    return choices.Question("a question", answers, found)


@pytest.mark.parametrize("topic", choices_page.topics())
def test_a_topic_is_asked_and_cited_and_one_line_each(topic):
    found = rows(topic)
    lines = choices_page.table(found).splitlines()[4:-1]
    assert len(lines) == len(found)
    for row, line in zip(found, lines):
        assert row.measured.keys() <= LIBRARIES
        assert choices.TORCH in row.measured
        assert line.count(" | ") == 5
        assert line.count("✓") == len(row.measured)
        assert (BOOK / choices_page.page(row.chapter)).exists()
        assert all(row.cited.values())


def test_every_short_link_is_written_out():
    text = "".join(
        text
        for topic in choices_page.topics()
        for row in rows(topic)
        for text in row.cited.values()
    )
    links = re.findall(r"\]\((.*?)\)", text)
    assert len(links) > 60
    assert all(re.fullmatch(r"https://[\w./-]+", link) for link in links)
    # A formula is no name that a screen reader could say.
    shown = re.findall(r"\[((?:[^\]$]|\$[^$]*\$)*)\]\(http", text)
    assert len(shown) == len(links)
    assert all(re.search(r"\w", re.sub(r"\$[^$]*\$", "", name)) for name in shown)


def test_an_answer_is_the_one_that_gives_the_same():
    asked = question({"one": [1, 2], "other": [2, 1]}, A=[2.0, 1.0], B={"x": [1, 2]})
    assert asked.words("A") == "other"
    assert asked.words("B") == "x: one"
    assert question(None, A=1e-8).words("A") == "1e-08"


@pytest.mark.parametrize("found", [[2, 2], [1, 2, 0], "refused"])
def test_what_is_no_answer_is_refused(found):
    with pytest.raises(ValueError, match=r"a question: .* is none of the answers"):
        question({"one": [1, 2], "other": [2, 1]}, A=found).words("A")


def test_an_input_that_tells_nothing_apart_is_refused():
    with pytest.raises(ValueError, match="does not tell answers apart"):
        question({"one": [1, 1], "other": [1, 1.0]}, A=[1, 1]).words("A")


def test_what_is_not_sourced_is_refused():
    listed = {"asks": "?", "chapter": "adam", "onnx": "yes"}
    with pytest.raises(ValueError, match="nothing is cited for 'yes'"):
        choices_page.row(listed, question(None, PyTorch=1.0))


def test_an_unknown_short_link_is_refused():
    with pytest.raises(KeyError, match="theano"):
        choices_page.whole("[yes](theano:tensor)")
