"""Wrong calls of the padding: PyTorch rejects each, and so do we, in words."""

import numpy as np
import pytest
import torch
from refusals import (
    gradient_call,
    not_integer,
    refusal,
    refused,
    refused_by_all,
    run,
    run_torch,
    wrong,
)

ones = np.ones
RIGHT = {"input": ones((2, 3, 4)), "pad": (1, 2), "mode": "constant", "value": None}
SPATIAL = ["reflect", "replicate", "circular"]


@pytest.mark.parametrize(
    ("name", "changes", "error", "message"),
    [
        wrong("pad", r"each of at most 3 axes, got \(1,\)", pad=(1,)),
        wrong("pad", "at most 3 axes, got", pad=(1,) * 8),
        wrong("pad", "at most 0 axes, got", input=np.array(1.0), pad=(1, 1)),
        wrong("pad", "pad must be a tuple of integers, not int", TypeError, pad=1),
        wrong("pad", "not Tensor", TypeError, pad=torch.ones(2)),
        not_integer("pad", "pad", (1.0, 1), r"1\.0"),
        not_integer("pad", "pad", (True, 1), "True"),
        wrong("pad", "one of 'constant', 'reflect', .* not 'edge'", mode="edge"),
        wrong("pad", "not None", mode=None),
        wrong("pad", r"along axis 2, \(-3, -2\) crops more than 4", pad=(-3, -2)),
        wrong("pad", r"along axis 2, \(-5, 9\) crops more than 4", pad=(-5, 9)),
        wrong("pad", r"along axis 0, \(0, -3\) crops more", pad=(1, 1, 1, 1, 0, -3)),
        wrong("pad", "value must be a number, got '1'", TypeError, value="1"),
        wrong("pad", r"must be a number, got \(1\+2j\)", TypeError, value=1 + 2j),
        wrong("pad", "input must be .* not NoneType", TypeError, input=None),
        *(
            wrong("pad", f"mode '{mode}' takes no value, got 1", mode=mode, value=1)
            for mode in SPATIAL
        ),
        *(
            wrong("pad", f"'{mode}' pads .* not {axes} of 3", mode=mode, pad=(0,) * n)
            for mode in SPATIAL
            for axes, n in ((0, 0), (3, 6))
        ),
        *(
            wrong("pad", "not 1 of 4", mode=mode, input=ones((1, 2, 3, 4)))
            for mode in SPATIAL
        ),
        *(wrong("pad", "not 1 of 1", mode=mode, input=ones(4)) for mode in SPATIAL),
        *(
            wrong(
                "pad", rf"along L, \({sides}\) leaves nothing of 4", mode=mode, pad=pad
            )
            for mode in ("reflect", "replicate")
            for sides, pad in (("-2, -2", (-2, -2)), ("3, -7", (3, -7)))
        ),
        *(
            wrong("pad", f"no elements along {axis}", mode=mode, input=ones(shape))
            for mode in ("reflect", "replicate")
            for axis, shape in (("L", (2, 3, 0)), ("C", (2, 0, 4)), ("C", (0, 4)))
        ),
        wrong(
            "pad",
            r"along L, padding \(4, 0\) must be smaller than the 4",
            mode="reflect",
            pad=(4, 0),
        ),
        wrong("pad", r"\(-3, 4\) must be smaller", mode="reflect", pad=(-3, 4)),
        wrong("pad", r"\(1, 2\) must be smaller", mode="reflect", input=ones((2, 2))),
        wrong(
            "pad",
            r"along L, padding \(5, 0\) wraps more than once around the 4",
            mode="circular",
            pad=(5, 0),
        ),
        wrong("pad", "around the 0", mode="circular", input=ones((2, 0))),
        wrong("pad", r"\(-2, -3\) crops more than 4", mode="circular", pad=(-2, -3)),
    ],
)
def test_a_wrong_call_is_refused(name, changes, error, message):
    run(name, RIGHT)
    refused_by_all(name, RIGHT | changes, error, message)


@pytest.mark.parametrize(
    ("mode", "axes"), [("constant", r"axis 0, axis 1, axis 2"), ("reflect", "N, C, L")]
)
def test_a_gradient_of_another_shape_is_refused(mode, axes):
    right = RIGHT | {"mode": mode}
    arguments = gradient_call("pad", right, grad_output=ones((2, 3, 6)))
    with pytest.raises(RuntimeError):
        run_torch("pad_backward", arguments)
    message = r"output's shape \(2, 3, 7\), not \(2, 3, 6\)"
    text = refusal("pad_backward", arguments, ValueError, message)
    assert f"\n  grad_output (2, 3, 6)  =  ({axes})" in text


# Where PyTorch is more lenient --------------------------------------------------------


@pytest.mark.parametrize("pad", [(-3, 2), (-4, 4), (1, -4)])
def test_a_circular_pad_longer_than_what_a_crop_has_left_is_refused(pad):
    """PyTorch returns memory that it has not written, or in part."""
    arguments = RIGHT | {"mode": "circular", "pad": pad}
    assert run_torch("pad", arguments).shape == (2, 3, 4 + sum(pad))
    refused("pad", arguments, ValueError, "along L, padding .* wraps more than once")


def test_a_truth_value_is_no_constant():
    arguments = RIGHT | {"value": True}
    assert run_torch("pad", arguments)[0, 0, 0] == 1
    refused("pad", arguments, TypeError, "value must be a number, got True")
