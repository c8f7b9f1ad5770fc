"""The common mistakes: the sweep that the shipped function passes kills each."""

import pytest

from cnnref.verify.mistakes import MISTAKES


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda m: f"{m.label} {m.words}")
def test_the_mistake_is_killed_by_a_wrong_value(mistake):
    """A mistake that raises would be a loud one: `rejects` refuses such a control."""
    verdict = mistake.killed()
    assert verdict.check == "control"
    assert verdict.detail.startswith("rejected: ")
