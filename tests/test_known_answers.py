"""Figures that other projects have published, computed again."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from cnnref import functional
from cnnref.windows import windows

FILE = Path(__file__).with_name("known_answers.json")
CASES = json.loads(FILE.read_text(encoding="utf-8"))["cases"]
TO_NCHW = {"NHWC": (0, 3, 1, 2), "HWIO": (3, 2, 0, 1)}


def array_of(described):
    """Make the array that a case lists or describes."""
    if isinstance(described, list):
        return np.array(described, float)
    if "ramp" in described:
        shape, start = described["ramp"], described.get("start", 0)
        array = np.arange(start, start + np.prod(shape), dtype=float)
    else:
        shape = described["shape"]
        array = described.get("flat")
        if array is None:
            array = np.linspace(*described["linspace"], np.prod(shape))
    array = np.array(array, float).reshape(shape)
    return array.transpose(TO_NCHW.get(described.get("layout"), range(array.ndim)))


def unfold(input, kernel_size, dilation, padding, stride):
    sides = tuple((p, p) for p in padding)
    columns = windows(input, kernel_size, stride, sides, dilation)
    return columns.reshape(len(input), input.shape[1] * np.prod(kernel_size), -1)


OPERATIONS = vars(functional) | {"unfold": unfold}


def results_of(case):
    """Compute what a case publishes: the output, or the gradients of some arguments."""
    arrays = {name: array_of(given) for name, given in case["args"].items()}
    forward = OPERATIONS[case["fn"]]
    sides = case.get("prepad", [])
    lead = [(0, 0)] * (arrays["input"].ndim - len(sides))
    arrays["input"] = np.pad(arrays["input"], [*lead, *sides])
    y = forward(**arrays, **case["opt"])
    if "output" in case:
        return {"output": y}
    g = np.ones_like(y) if case["cot"] == "ones" else array_of(case["cot"])
    backward = OPERATIONS[f"{case['fn']}_backward"]
    gradients = backward(g, **arrays, **case["opt"])._asdict()
    inside = tuple(
        slice(before, size - after)
        for size, (before, after) in zip(arrays["input"].shape[len(lead) :], sides)
    )
    gradients["input"] = gradients["input"][(..., *inside)]
    return {name: gradients[name] for name in case["grads"]}


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=f"{case['source'].split()[0]} {case['name']}")
        for case in CASES
    ],
)
def test_a_published_figure_comes_out(case):
    published = case.get("grads", {"output": case.get("output")})
    for name, got in results_of(case).items():
        expected = array_of(published[name])
        if "tol" in case:
            np.testing.assert_allclose(got, expected, rtol=0, atol=case["tol"])
        else:
            np.testing.assert_array_equal(got, expected, strict=True)


def test_no_figure_is_missing():
    assert Counter(case["fn"] for case in CASES) == {
        "conv1d": 10,
        "conv2d": 45,
        "conv3d": 6,
        "conv_transpose1d": 10,
        "conv_transpose2d": 19,
        "conv_transpose3d": 7,
        "unfold": 2,
    }
    assert all("output" in case or case["grads"] for case in CASES)
