"""Wrong calls of the dense layer: PyTorch rejects each, and so do we, in words."""

import numpy as np
import pytest
from refusals import (
    gradient_call,
    refusal,
    refused,
    refused_by_all,
    run,
    run_torch,
    wrong,
)

ones = np.ones
RIGHT = {"input": ones((2, 3)), "weight": ones((4, 3)), "bias": ones(4)}


@pytest.mark.parametrize(
    ("name", "changes", "error", "message"),
    [
        wrong("linear", "input must have at least 1 axis, not 0", input=np.array(1.0)),
        wrong("linear", "weight must have 1 or 2 axes, not 0", weight=np.array(1.0)),
        wrong("linear", "1 or 2 axes, not 3", weight=ones((2, 4, 3))),
        wrong("linear", "weight expects 2 features, not 3", weight=ones((4, 2))),
        wrong("linear", "expects 3 features, not 0", input=ones((2, 0))),
        wrong("linear", "expects 0 features, not 3", weight=ones((4, 0))),
        wrong("linear", "expects 2 features, not 3", weight=ones(2), bias=None),
        wrong("linear", r"output's shape \(2, 4\), not have \(3,\)", bias=ones(3)),
        wrong("linear", r"not have \(4, 1\)", bias=ones((4, 1))),
        wrong("linear", r"not have \(4, 4\)", bias=ones((4, 4))),
        wrong("linear", r"not have \(0,\)", bias=ones(0)),
        wrong("linear", r"\(2, 4\), not have \(5, 2, 4\)", bias=ones((5, 2, 4))),
        wrong("linear", "2 axes and a weight of 1 take no bias", weight=ones(3)),
        wrong("linear", r"output's shape \(\), not", input=ones(3), weight=ones(3)),
        wrong("linear", "must be a NumPy array, not list", TypeError, weight=[[1.0]]),
        wrong("linear", "input must be .* not NoneType", TypeError, input=None),
        wrong("linear", "bias must be .* not float", TypeError, bias=1.0),
        wrong("linear", "weight is float32", TypeError, weight=ones((4, 3), "f4")),
        wrong("linear", "bias is int64", TypeError, bias=ones(4, "i8")),
        wrong(
            "linear",
            "dtype bool, not numbers",
            TypeError,
            **{k: array.astype(bool) for k, array in RIGHT.items()},
        ),
    ],
)
def test_a_wrong_call_is_refused(name, changes, error, message):
    run(name, RIGHT)
    refused_by_all(name, RIGHT | changes, error, message)


@pytest.mark.parametrize("shape", [(2, 3), (4,), (1, 4), ()])
def test_a_gradient_of_another_shape_is_refused(shape):
    arguments = gradient_call("linear", RIGHT, grad_output=ones(shape))
    with pytest.raises(RuntimeError):
        run_torch("linear_backward", arguments)
    message = r"must have the output's shape \(2, 4\)"
    text = refusal("linear_backward", arguments, ValueError, message)
    assert f"\n  grad_output {shape}  =  (N, out_features)" in text


# Where PyTorch is more lenient --------------------------------------------------------


def test_a_bias_that_would_enlarge_the_output_is_refused():
    """PyTorch drops the axes of 1 again where the input is contiguous."""
    arguments = {"input": ones(3), "weight": ones((4, 3)), "bias": ones((1, 4))}
    assert run_torch("linear", arguments).shape == (4,)
    refused("linear", arguments, ValueError, r"shape \(4,\), not have \(1, 4\)")


def test_a_bias_is_no_column_of_the_flattened_batch():
    """PyTorch flattens the lead axes, where it can, before it adds the bias."""
    arguments = {"input": ones((5, 1, 3)), "weight": ones((4, 3)), "bias": ones((5, 1))}
    assert run_torch("linear", arguments).shape == (5, 1, 4)
    refused("linear", arguments, ValueError, r"\(5, 1, 4\), not have \(5, 1\)")


def test_a_bias_adds_alike_wherever_the_input_lies():
    """PyTorch takes this bias only where the input is not contiguous."""
    arguments = {
        "input": ones((5, 2, 3)),
        "weight": ones((4, 3)),
        "bias": np.arange(8.0).reshape(1, 2, 4)[:, :, :1],
    }
    with pytest.raises(RuntimeError):
        run_torch("linear", arguments)
    expected = np.broadcast_to(3 + arguments["bias"], (5, 2, 4))
    np.testing.assert_array_equal(run("linear", arguments), expected)
    gradients = run("linear_backward", gradient_call("linear", arguments))
    np.testing.assert_array_equal(gradients.bias, np.full((1, 2, 1), 20.0))
