"""The common mistakes: the sweep that the shipped function passes kills each.

Each has an easy test that misses it, as the page says; and the page shows them all.
"""

import json
import re
from collections import Counter

import numpy as np
import pytest
from tiny import BOOK

from cnnref import functional, geometry, layers, optim
from cnnref.verify.mistakes import MISTAKES

from mistakes_page import (  # isort: skip
    CHAPTER_OF,
    CHAPTERS,
    kill_table,
    labelled,
    result_cell,
    told_apart,
)

NUMBERED = {f"W{n}" for n in range(1, 36)}


def test_every_number_has_a_mistake_and_no_other_number():
    labels = {mistake.label for mistake in MISTAKES}
    assert {label for label in labels if re.fullmatch(r"W\d+", label)} == NUMBERED


def test_the_mistakes_differ():
    assert len({(m.label, m.words, m.function) for m in MISTAKES}) == len(MISTAKES)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda m: f"{m.label} {m.words}")
def test_the_mistake_is_killed_by_a_wrong_value(mistake):
    """An error or a wrong dtype would be a loud mistake: neither counts."""
    verdict = mistake.killed()
    assert verdict.check == "control"
    assert re.fullmatch(
        r"rejected: .+: \S.* (is|has the shape) .+, not .+", verdict.detail
    )


@pytest.mark.parametrize("name", sorted({m.function for m in MISTAKES}))
def test_it_is_a_mistake_of_a_public_function(name):
    modules = (functional, geometry, layers, optim)
    assert any(name in module.__all__ for module in modules)


# The easy tests: calls on which a mistake does nothing -------------------------------

X = np.random.default_rng(0).standard_normal((2, 4, 6, 6))
W = np.random.default_rng(1).standard_normal((3, 4, 2, 3))
G = np.random.default_rng(2).standard_normal((2, 4, 3, 3))
SIDES = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}
SIZE = {"size": 9, "kernel_size": 3, "stride": 2, "padding": 1, "dilation": 1}
POOL = {
    "kernel_size": 2,
    "stride": None,
    "padding": 0,
    "dilation": 1,
    "ceil_mode": False,
    "return_indices": False,
}
RUN = {
    "param": X[0, 0, 0],
    "grads": X[0, 1],
    "rates": np.full(6, 0.1),
    "thawed": np.arange(6) % 2 == 0,
}
PLAIN = {"momentum": 0.5, "dampening": 0, "weight_decay": 0}
STACK = {"kernel_size": (3, 2), "stride": (2, 2), "dilation": (1, 1)}
TORUS = {"input": X[0], "weight": W, "bias": np.arange(3.0), "stride": (2, 2)}
TORUS |= {"shift": (1, -1)}
# Every unit in the middle is open: f′ is 1 there, and at f(z) too.
NETWORK = {
    "grad_output": np.array(1.5),
    "input": abs(X[0, 0]),
    "target": X[0, 0, :, :2],
    "model": "Sequential(Linear(6, 3), ReLU(), Linear(3, 2))",
    "loss": "MSELoss",
    "0.weight": abs(X[0, 1, :3]),
    "0.bias": np.arange(3.0),
    "2.weight": X[0, 2, :2, :3],
    "2.bias": np.arange(2.0),
}


def backward(weight, **settings):
    """A call of conv2d_backward with a random upstream gradient."""
    g = functional.conv2d(X, weight, **settings)
    call = {"grad_output": np.sin(g), "input": X, "weight": weight, "bias": None}
    return call | SIDES | settings


EASY = {
    "the output size without the floor": SIZE,
    "dilation as k·d": SIZE,
    "the total padding on each side": SIZE | {"padding": 0},
    "the first axis' settings for both axes": {"input": X, "weight": W, **SIDES},
    "true convolution for cross-correlation": {"input": X, "weight": np.ones_like(W)},
    "dX without the half turn of the kernel": backward(W + W[:, :, ::-1, ::-1]),
    "the dX of stride 1 at every stride": backward(W, padding=1),
    "the inverse for the transpose": {
        "input": X,
        "weight": -np.eye(4)[..., None, None],
    },
    "the backward of max pooling sets where windows overlap": POOL
    | {"grad_output": G, "input": X},
    "the backward of max pooling gives each of several equal entries all": POOL
    | {"grad_output": G, "input": X},
    "max pooling pads zeros": POOL | {"input": abs(X), "padding": 1},
    "the learning rate inside the velocity": RUN | PLAIN,
    "a damped first step": RUN | PLAIN,
    "SGD frozen by a gradient of zeros": RUN | PLAIN | {"momentum": 0},
    "p is the probability to keep": {"input": X, "p": 0.5, "mask": X > 0},
    "divided by p": {"input": X, "p": 0.5, "mask": X > 0},
    "scaling at test time as the expectation through a ReLU": {
        "input": np.ones(3),
        "weight": np.ones((2, 3)),
        "p": 0.25,
    },
    "momentum weighs the old statistics": {
        "input": X,
        "running_mean": np.zeros(4),
        "running_var": np.ones(4),
        "momentum": 0.5,
    },
    "the factor of the area for each side": {
        "size": 9,
        "kernel_size": 1,
        "stride": 1,
    },
    "the receptive field as the sum of the kernel sizes": {
        "kernel_size": (3,),
        "stride": (2,),
        "dilation": (1,),
    },
    "a receptive field widened by the layer's own stride": STACK | {"stride": (1, 1)},
    "a receptive field that no stride widens": STACK | {"stride": (1, 2)},
    "the stride of the layer before, and of none below it": STACK,
    "invariance for equivariance: the output stays": TORUS | {"input": X[0] * 0 + 3},
    "the output moves as far as the image": TORUS | {"stride": (1, 1)},
    "an error δ without f′": NETWORK,
    "f′ taken at a = f(z) instead of z": NETWORK,
    "MSE averaged over samples, not entries": {
        "input": X[0, 0, 0],
        "target": X[0, 0, 1],
    },
    "weighted MSE averaged over entries": {
        "input": X,
        "target": -X,
        "weight": np.ones_like(X),
    },
    "cross-entropy averaged over ignored samples too, and not by weights": {
        "input": X[0, 0],
        "target": np.arange(6),
    },
    "relu'(0) = 1": {"grad_output": X, "input": -X},
    "relu'(0) = 1/2": {"grad_output": X, "input": -X},
    "channels dealt in turn": {"input": X, "num_groups": 1},
    "the mean taken off": {"input": X - X[..., ::-1], "normalized_shape": (6,)},
}


@pytest.mark.parametrize("words", EASY)
def test_the_easy_test_misses_it(words):
    (mistake,) = (m for m in MISTAKES if m.words == words)
    wrong, right = mistake.wrong(**EASY[words]), mistake.right(**EASY[words])
    for a, b in zip(results(wrong), results(right), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def results(result):
    """The arrays of a result: one, a dict's, or those of a tuple that are given."""
    if isinstance(result, dict):
        return [*result.values()]
    parts = result if isinstance(result, tuple) else (result,)
    return [part for part in parts if part is not None]


def test_the_mean_of_a_gradient_misses_the_half_turn():
    (mistake,) = labelled(9)
    wrong, right = (f(**backward(W)).input for f in (mistake.wrong, mistake.right))
    assert not np.allclose(wrong, right)
    np.testing.assert_allclose(wrong.mean(), right.mean())


def test_the_accuracy_misses_a_second_softmax():
    mistake = labelled(24)[0]
    wrong, right = (f(X, 1) for f in (mistake.wrong, mistake.right))
    assert not np.allclose(wrong, right)
    np.testing.assert_array_equal(wrong.argmax(1), right.argmax(1))


def test_one_probability_misses_the_rest_of_the_jacobian():
    mistake = labelled(26)[0]
    z, g = X[0, 0, 0], np.eye(6)[2]
    wrong, right = (f(g, z, 0) for f in (mistake.wrong, mistake.right))
    np.testing.assert_allclose(wrong, np.where(g, right, 0))
    assert (right != 0).all()


def test_a_late_step_misses_the_bias_correction():
    """It fades with β₂ᵗ, whose time is 1/(1 − β₂)."""
    (mistake,) = (m for m in MISTAKES if m.words == "no bias correction")
    steps = 500
    call = {
        "param": np.zeros(1),
        "grads": np.sin(np.arange(steps))[:, None],
        "rates": np.ones(steps),
        "thawed": np.ones(steps, bool),
        "betas": (0.5, 0.9),
        "eps": 1e-8,
        "weight_decay": 0,
    }
    wrong, right = (np.diff(f(**call)[:, 0]) for f in (mistake.wrong, mistake.right))
    assert abs(wrong[0] / right[0] - 1) > 0.1
    assert abs(wrong[-1] / right[-1] - 1) < 1e-12


# The page -----------------------------------------------------------------------------


def test_the_page_shows_every_mistake_once():
    nb = json.loads((BOOK / "common_mistakes.ipynb").read_text(encoding="utf-8"))
    data = [out["data"] for cell in nb["cells"] for out in cell.get("outputs", [])]
    tables = "".join("".join(d.get("text/markdown", "")) for d in data)
    start = r"^\| (?:\*\*\[?(W\d+)\b[^*]*\*\* )?"
    shown = re.findall(start + r".* \| \*\*`(\w+)`", tables, re.M)
    numbered = (m.label if re.fullmatch(r"W\d+", m.label) else "" for m in MISTAKES)
    assert Counter(shown) == Counter(zip(numbered, (m.function for m in MISTAKES)))


def test_a_row_is_what_the_verdict_says():
    mistake = labelled(27)[0]
    *_, line, _ = kill_table({mistake: mistake.killed()}).splitlines()
    call = "grad_output~(2,), input~(2,), inplace=False".replace(
        "~", "\N{NO-BREAK SPACE}"
    )
    given = f"**`relu_backward`** `{call}`"
    number = "**[W27](activations.ipynb)**"
    assert line == f"| {number} `relu'(0)` = 1 | {given} | `result[0]` is 2, not 0 |"


def test_every_number_but_one_links_to_the_chapter_that_derives_it():
    assert NUMBERED - set(CHAPTER_OF) == {"W31"}
    assert sum(map(len, CHAPTERS.values())) == len(CHAPTER_OF)
    assert set(CHAPTER_OF) < NUMBERED


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_chapter_makes_the_mistake_or_leads_back(chapter):
    text = (BOOK / f"{chapter}.ipynb").read_text(encoding="utf-8")
    assert "MISTAKES" in text or "common_mistakes.ipynb" in text


@pytest.mark.parametrize(
    ("wrong", "right", "shown"),
    [
        ("4", "0", ("4", "0")),
        ("14.875", "4.958333333333333", ("14.88", "4.958")),
        ("2.390625000273753", "2.3906250008272742", ("2.390625000", "2.390625001")),
        ("nan", "-inf", ("nan", "−inf")),
    ],
)
def test_numbers_are_as_long_as_tells_them_apart(wrong, right, shown):
    assert told_apart(wrong, right) == shown


@pytest.mark.parametrize(
    "result",
    ["the result has dtype float64, not int64", "it has .input, not .input, .bias"],
)
def test_a_kill_by_anything_else_than_a_value_is_not_shown(result):
    with pytest.raises(ValueError, match="neither a wrong value nor a wrong shape"):
        result_cell(result)


def test_equal_numbers_are_not_shown_as_a_kill():
    with pytest.raises(ValueError, match="the same number"):
        told_apart("1.0", "1")


def test_a_number_without_a_mistake_is_not_passed_over():
    with pytest.raises(ValueError, match="no mistake has the label W98, W99"):
        labelled(27, 98, 99)
